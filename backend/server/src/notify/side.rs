//! Calls beside attempts: the courier's own leg, and who rings a displayed number.
//!
//! They are stored like attempts, before their INVITE or answer leaves, for one reason: a server that dies must not leave
//! them on the line. They are never dialled again and never asked about; the next life ends them, by BYE where a dialog
//! is stored and by CANCEL otherwise.

use super::engine::Round;
use super::live::Call;
use crate::charges::{self, End, Source};
use crate::store::{StoreError, exec};
use waybell_switch::{DialogRecord, InviteRecord, LegEnd, LegId};

/// A call to the courier's own phone.
pub(crate) async fn courier(
    round: &Round,
    call: &Call,
    phone_key: &str,
    record: &InviteRecord,
) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "INSERT INTO side_call (id, kind, organisation_id, attempt_id, phone_key, call_id, is_open, invite, created_at) \
         VALUES ($1, 'courier', $2, $3, $4, $5, 1, $6, $7) ON CONFLICT (id) DO NOTHING",
        [
            record.leg().as_str().into(),
            call.organisation.to_string().into(),
            call.attempt.to_string().into(),
            phone_key.into(),
            record.call_id.clone().into(),
            text("side_call.invite", record)?.into(),
            round.now.0.into(),
        ],
    )
    .await?;
    Ok(())
}

/// A call that came in and is about to be answered.
pub(crate) async fn incoming(
    round: &Round,
    leg: &LegId,
    call_id: &str,
    dialog: &DialogRecord,
) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "INSERT INTO side_call (id, kind, call_id, is_open, dialog, created_at) VALUES ($1, 'incoming', $2, 1, $3, $4) \
         ON CONFLICT (id) DO NOTHING",
        [
            leg.as_str().into(),
            call_id.into(),
            text("side_call.dialog", dialog)?.into(),
            round.now.0.into(),
        ],
    )
    .await?;
    Ok(())
}

/// The INVITE with credentials, which takes the place of the first one.
pub(crate) async fn challenged(round: &Round, leg: &LegId, record: &InviteRecord) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "UPDATE side_call SET invite = $1 WHERE id = $2",
        [text("side_call.invite", record)?.into(), leg.as_str().into()],
    )
    .await?;
    Ok(())
}

/// Answered: from now on it is ended by BYE.
pub(crate) async fn answered(round: &Round, leg: &LegId, dialog: &DialogRecord) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "UPDATE side_call SET dialog = $1, answer_at = $2 WHERE id = $3",
        [text("side_call.dialog", dialog)?.into(), round.now.0.into(), leg.as_str().into()],
    )
    .await?;
    Ok(())
}

/// Over. After a restart the switch names the leg by its Call-ID.
pub(crate) async fn ended(round: &Round, leg: &LegId, end: Option<&LegEnd>) -> Result<(), StoreError> {
    // an answer that crossed our CANCEL: the trunk counts it
    let crossed = end.filter(|e| e.answered).map(|e| round.now.0 - i64::from(e.talk_ms));
    exec(
        round.write.tx(),
        "UPDATE side_call SET is_open = 0, end_at = $1, answer_at = COALESCE(answer_at, $3) \
         WHERE (id = $2 OR call_id = $2) AND is_open = 1",
        [round.now.0.into(), leg.as_str().into(), crossed.into()],
    )
    .await?;
    let known = end.map_or(End::Unknown, End::of);
    charges::settle(&round.write, round.at(), &Source::Side(leg.as_str().to_owned()), known).await
}

fn text(what: &'static str, record: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|e| StoreError::Damaged { what, problem: e.to_string() })
}
