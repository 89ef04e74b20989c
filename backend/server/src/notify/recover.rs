//! After a crash: what an earlier life left open.
//!
//! | stored | done | outcome |
//! |---|---|---|
//! | undo was asked for | CANCEL from the stored INVITE | as the far side says |
//! | answered, dialog stored | BYE from the stored dialog | heard in full if that was stored, `Interrupted` otherwise; stored when the BYE is answered |
//! | a menu answered that asks for an extension | BYE likewise | `Unknown` |
//! | a restored copy, or another server's | nothing | `Unknown`, or as answered |
//! | anything else | probe: the same INVITE with an unknown `Require` | goes on where it still lives; a final answer is stored; otherwise `Unknown` |
//!
//! Nothing is dialled again. A call that still rings goes on as if nothing had happened. Questions leave no faster than
//! calls would, each with a permit of its trunk, so that neither a connection's queue nor a carrier's limit is overrun by a
//! restart; new calls wait until all have left, which also keeps their RTP ports for them.

use super::engine::{Engine, Round};
use super::known::Known;
use super::live::{Call, Leg, Menu};
use super::rows::{ATTEMPT_COLUMNS, AttemptRow, RECIPIENT_COLUMNS, RecipientRow};
use super::telephone::Permit;
use super::{result, send};
use crate::app::Shared;
use crate::charges::{self, End, Source};
use crate::org::policy::organisation;
use crate::store::{ORPHANED, StoreError, all, number, one};
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::attempt::AttemptState;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::id::{AttemptId, BatchId, OrganisationId, RecipientId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_switch::{DialogRecord, EndHow, InviteRecord, LegEnd, LegId};

/// How often the backlog is looked at, how many calls are ended at once, and how long a trunk may give no permit before
/// it is asked all the same: a trunk whose channels were lowered must not hold the questions back.
const ASK_EVERY_MS: i64 = 20;
const ENDED_AT_ONCE: usize = 50;
const PATIENCE_MS: i64 = 1_000;
/// Questions at once by trunks that give no permits.
const ASKED_BLINDLY: usize = 10;

/// What is still to be done for calls of an earlier life.
#[derive(Default)]
pub(crate) struct Backlog {
    probes: VecDeque<InviteRecord>,
    endings: VecDeque<Ending>,
    next: UnixMs,
    /// When a question last left.
    asked: UnixMs,
}

enum Ending {
    Cancel(InviteRecord),
    Bye(DialogRecord),
}

impl Backlog {
    pub(crate) fn is_empty(&self) -> bool {
        self.probes.is_empty() && self.endings.is_empty()
    }

    /// When it is to be looked at.
    pub(crate) fn next(&self, now: UnixMs) -> Option<UnixMs> {
        (!self.is_empty()).then_some(self.next.max(now))
    }
}

/// Sends what the trunks allow of the backlog. Only after the round that made it is durable.
pub(crate) fn ask(engine: &mut Engine) {
    let now = engine.app.clock.now();
    if engine.backlog.is_empty() || engine.backlog.next > now {
        return;
    }
    let switch = engine.app.switch.clone();
    let backlog = &mut engine.backlog;
    backlog.next = UnixMs(now.0 + ASK_EVERY_MS);
    for _ in 0..ENDED_AT_ONCE {
        match backlog.endings.pop_front() {
            Some(Ending::Cancel(record)) => switch.cancel_stored(record),
            Some(Ending::Bye(dialog)) => switch.end_stored(dialog),
            None => break,
        }
    }
    let mut permits: HashMap<String, Vec<Permit>> = HashMap::new();
    let impatient = now.0 - backlog.asked.0 > PATIENCE_MS;
    // a trunk that is down, or in the configuration no more, gives no permits: its calls are asked about all the same, a few
    // at a time, so that one dead trunk does not hold everybody
    let up = switch.routes(&[]);
    let mut blind = ASKED_BLINDLY;
    let mut left = VecDeque::new();
    while let Some(record) = backlog.probes.pop_front() {
        let waiting = 1 + backlog.probes.len();
        let free = permits
            .entry(record.trunk.clone())
            .or_insert_with(|| switch.try_permits(&record.trunk, waiting.min(ENDED_AT_ONCE)));
        match free.pop() {
            Some(permit) => switch.probe_with(record, permit),
            None if blind > 0 && !up.contains(&record.trunk) => {
                blind -= 1;
                switch.probe(record);
            }
            None if impatient && backlog.asked < now => switch.probe(record),
            None => {
                left.push_back(record);
                continue;
            }
        }
        backlog.asked = now;
    }
    backlog.probes = left;
    if backlog.is_empty() {
        switch.release_held();
        engine.look = true;
        engine.next_due = Some(now);
    }
}

/// Becomes the owner: raises the fence of all batches that are not over. A store that was claimed has done so.
pub(crate) async fn take_over(app: &Shared) -> Result<i64, StoreError> {
    if let Some(fence) = app.store.fence() {
        return Ok(fence);
    }
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
        pushes: app.webhooks.pushes(),
        known: Known::default(),
        houses: engine.houses.clone(),
        ended: Vec::new(),
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
    side_calls(engine, &round).await?;
    result::settle_batches(engine, &mut round).await?;
    let Round { write, effects, .. } = round;
    write.commit().await?;
    engine.remaining.clear();
    engine.legs.commit();
    engine.carry_out(effects);
    engine.backlog.asked = app.clock.now();
    if engine.backlog.is_empty() {
        app.switch.release_held();
    }
    ask(engine);
    Ok(())
}

#[derive(sea_orm::FromQueryResult)]
struct Stored {
    invite: String,
}

/// Keeps the RTP ports of all open attempts for them, until they have been asked about. Before anybody else may take a port.
pub(crate) async fn hold_ports(app: &Shared, switch: &waybell_switch::Switch) -> Result<(), StoreError> {
    let sql = "SELECT invite FROM attempt WHERE is_open = 1";
    for stored in all::<Stored, _>(app.store.read(), sql, []).await? {
        if let Ok(record) = serde_json::from_str::<InviteRecord>(&stored.invite) {
            switch.hold(&record);
        }
    }
    Ok(())
}

#[derive(sea_orm::FromQueryResult)]
struct SideCall {
    id: String,
    invite: Option<String>,
    dialog: Option<String>,
}

/// Calls beside attempts are ended.
async fn side_calls(engine: &mut Engine, round: &Round) -> Result<(), StoreError> {
    let sql = "SELECT id, invite, dialog FROM side_call WHERE is_open = 1";
    for row in all::<SideCall, _>(round.write.tx(), sql, []).await? {
        let dialog = row.dialog.as_deref().and_then(|d| serde_json::from_str::<DialogRecord>(d).ok());
        let invite = row.invite.as_deref().and_then(|i| serde_json::from_str::<InviteRecord>(i).ok());
        match (dialog, invite) {
            (Some(dialog), _) => {
                engine.legs.put(LegId::new(&dialog.call_id), Leg::Ending);
                engine.backlog.endings.push_back(Ending::Bye(dialog));
            }
            (None, Some(invite)) => {
                engine.legs.put(invite.leg(), Leg::Ending);
                engine.backlog.endings.push_back(Ending::Cancel(invite));
            }
            (None, None) => super::side::ended(round, &LegId::new(&row.id), None).await?,
        }
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
    if row.fence == ORPHANED {
        let outcome = match call.state {
            AttemptState::Answered if call.heard_full => CallOutcome::AnsweredFull,
            AttemptState::Answered => CallOutcome::Interrupted,
            _ => CallOutcome::Unknown,
        };
        let end = nothing_known(&call);
        return result::store(round, &call, outcome, &end).await;
    }
    if let Some(dialog) = dialog {
        // it stays open until the BYE is answered: a second crash must not leave it on the line
        call.fault = true;
        if call.state != AttemptState::Answered {
            // only the menu has answered, and nobody knows what came behind it
            call.menu = Menu::Connects;
            call.probed = true;
        }
        engine.legs.put_call(LegId::new(&dialog.call_id), call);
        engine.backlog.endings.push_back(Ending::Bye(dialog));
        return Ok(());
    }
    if call.cancel_requested {
        engine.legs.put_call(invite.leg(), call);
        engine.backlog.endings.push_back(Ending::Cancel(invite));
        return Ok(());
    }
    if let Err(error) = super::talk::prepare(engine, round, &call).await {
        if !error.is_damage() {
            return Err(error);
        }
        tracing::error!(%error, attempt = %row.id, "its notice does not read; the call is taken up all the same");
    }
    call.probed = true;
    engine.legs.put_call(invite.leg(), call);
    engine.backlog.probes.push_back(invite);
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
        fault: false,
        // a call that was talking when the server died had its notice begun
        spoke: row.answer_at.is_some(),
        said: Vec::new(),
        said_before: 0,
        audible: None,
        broken: false,
        refused: None,
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
        bye: None,
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
    let source = Source::Attempt(row.id.clone());
    charges::settle(&round.write, round.at(), &source, End::Unknown).await?;
    round.tell(&row.recipient_id).await?;
    send::touch(round, &row.batch_id, 1);
    Ok(())
}
