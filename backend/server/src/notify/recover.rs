//! After a crash: what an earlier life left open.
//!
//! | stored | done | outcome |
//! |---|---|---|
//! | undo was asked for | CANCEL from the stored INVITE | as the far side says |
//! | answered, dialog stored | BYE from the stored dialog | heard in full if that was stored, `Interrupted` otherwise |
//! | anything else | probe: the same INVITE with an unknown `Require` | goes on where it still lives; a final answer is stored; otherwise `Unknown` |
//!
//! Nothing is dialled again. A call that still rings goes on as if nothing had happened.

use super::engine::{Engine, Round};
use super::live::{Call, Effect, Menu};
use super::rows::{ATTEMPT_COLUMNS, AttemptRow, RECIPIENT_COLUMNS, RecipientRow};
use super::{result, send};
use crate::app::Shared;
use crate::org::policy::organisation;
use crate::store::{StoreError, all, number, one};
use std::collections::HashMap;
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::attempt::AttemptState;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::id::{AttemptId, BatchId, OrganisationId, RecipientId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_switch::{DialogRecord, EndHow, InviteRecord, LegEnd};

/// Becomes the owner: raises the fence of all batches that are not over.
pub(crate) async fn take_over(app: &Shared) -> Result<i64, StoreError> {
    let write = app.store.begin().await?;
    let fence = 1 + number(write.tx(), "SELECT MAX(fence) FROM batch", [])
        .await?
        .max(number(write.tx(), "SELECT MAX(fence) FROM attempt", []).await?);
    write
        .exec("UPDATE batch SET fence = $1 WHERE state NOT IN ('done', 'cancelled')", [fence.into()])
        .await?;
    write.commit().await?;
    Ok(fence)
}

/// Takes up every open attempt.
pub(crate) async fn recover(engine: &mut Engine) -> Result<(), StoreError> {
    let app = engine.app.clone();
    let mut round = Round {
        write: app.store.begin().await?,
        now: app.clock.now(),
        wall: app.clock.wall(),
        effects: Vec::new(),
        touched: HashMap::new(),
    };
    let sql = format!("SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE a.is_open = 1 ORDER BY a.intent_at");
    let open: Vec<AttemptRow> = all(round.write.tx(), &sql, []).await?;
    if !open.is_empty() {
        tracing::info!(
            open = open.len(),
            "calls were open when the server ended; asking the network about each"
        );
    }
    for row in &open {
        one_attempt(engine, &mut round, row).await?;
    }
    result::settle_batches(engine, &mut round).await?;
    let Round { write, effects, .. } = round;
    write.commit().await?;
    engine.remaining.clear();
    engine.legs.commit();
    engine.carry_out(effects);
    if !open.is_empty() {
        // the probes take their stored RTP ports again before a new call can be given one of them
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    Ok(())
}

async fn one_attempt(engine: &mut Engine, round: &mut Round, row: &AttemptRow) -> Result<(), StoreError> {
    let sql = format!("SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE r.id = $1");
    let recipient: Option<RecipientRow> =
        one(round.write.tx(), &sql, [row.recipient_id.clone().into()]).await?;
    let Some((recipient, mut call)) = recipient.and_then(|r| {
        let call = call(row, &r)?;
        Some((r, call))
    }) else {
        tracing::error!(attempt = %row.id, "an open attempt does not read back; it is closed as unknown");
        return close(round, row).await;
    };
    let company = match organisation(round.write.tx(), call.organisation).await? {
        Some(org) => org.company,
        None => String::new(),
    };
    call.variables = Arc::new(send::variables(&recipient, &company));
    let template: Option<Template> =
        one(round.write.tx(), "SELECT template_key FROM batch WHERE id = $1", [row.batch_id.clone().into()])
            .await?;
    call.template = template.map(|t| t.template_key).unwrap_or_default();
    super::why::decide(
        &round.write,
        round.now,
        &row.organisation_id,
        Some(&row.recipient_id),
        None,
        "recovered",
        &row.state,
    )
    .await?;

    let dialog = row.dialog.as_deref().and_then(|d| serde_json::from_str::<DialogRecord>(d).ok());
    let Ok(invite) = serde_json::from_str::<InviteRecord>(&row.invite) else {
        let end = nothing_known(&call);
        return result::store(round, &call, CallOutcome::Unknown, &end).await;
    };
    if let (AttemptState::Answered, Some(dialog)) = (call.state, dialog) {
        let outcome = if call.heard_full { CallOutcome::AnsweredFull } else { CallOutcome::Interrupted };
        let end = nothing_known(&call);
        result::store(round, &call, outcome, &end).await?;
        round.effects.push(Effect::EndStored(Box::new(dialog)));
        return Ok(());
    }
    if call.cancel_requested {
        engine.legs.put_call(invite.leg(), call);
        round.effects.push(Effect::CancelStored(Box::new(invite)));
        return Ok(());
    }
    super::talk::prepare(engine, round, &call).await?;
    call.probed = true;
    engine.legs.put_call(invite.leg(), call);
    round.effects.push(Effect::Probe(Box::new(invite)));
    Ok(())
}

#[derive(sea_orm::FromQueryResult)]
struct Template {
    template_key: String,
}

fn call(row: &AttemptRow, recipient: &RecipientRow) -> Option<Call> {
    let phone = PhoneNumber::from_key(&row.phone_key).ok()?;
    Some(Call {
        attempt: AttemptId::parse(&row.id).ok()?,
        recipient: RecipientId::parse(&row.recipient_id).ok()?,
        batch: BatchId::parse(&row.batch_id).ok()?,
        organisation: OrganisationId::parse(&row.organisation_id).ok()?,
        courier: UserId::parse(&recipient.courier_id).ok()?,
        phone_key: row.phone_key.clone(),
        parcels: recipient.parcel_ids(),
        template: String::new(),
        state: AttemptState::from_parts(&row.state, None)?,
        display: row.display_number.clone(),
        callee: phone.dial_string(),
        extension: phone.extension().map(str::to_owned),
        trunks: vec![row.trunk.clone()],
        call_ids: serde_json::from_str(&row.call_ids).ok()?,
        route_no: u8::try_from(row.route_no).ok()?,
        cancel_requested: row.cancel_requested != 0,
        heard_full: row.heard_full != 0,
        keys: row.keys.clone(),
        answer_at: row.answer_at.map(UnixMs),
        variables: Arc::default(),
        talk: None,
        courier_leg: None,
        menu: Menu::None,
        no_courier: false,
        probed: false,
        awaited: 0,
        deadline: None,
        limit: None,
    })
}

fn nothing_known(call: &Call) -> LegEnd {
    LegEnd {
        how: EndHow::ShutDown,
        status: call.answer_at.map(|_| 200),
        phrase: None,
        q850: None,
        reason_text: None,
        retry_after: None,
        sent: true,
        rang: true,
        answered: call.answer_at.is_some(),
        talk_ms: 0,
        rtp: Default::default(),
    }
}

async fn close(round: &mut Round, row: &AttemptRow) -> Result<(), StoreError> {
    let rev = round.write.next_rev();
    round
        .write
        .exec(
            "UPDATE attempt SET is_open = 0, state = 'ended', outcome = 'unknown', end_at = $1 WHERE id = $2",
            [round.now.0.into(), row.id.clone().into()],
        )
        .await?;
    round
        .write
        .exec(
            "UPDATE recipient SET state = 'done', mark = 'to_confirm', outcome = 'unknown', rev = $1 WHERE id = $2",
            [rev.into(), row.recipient_id.clone().into()],
        )
        .await?;
    send::touch(round, &row.batch_id, 1);
    Ok(())
}
