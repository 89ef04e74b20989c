//! What is stored of calls and their legs.

use super::call::Call;
use crate::app::Shared;
use crate::numbers::PublishedNumber;
use crate::store::{StoreError, Write};
use sea_orm::Value;
use std::time::Duration;
use waybell_domain::id::{CallId, UserId};
use waybell_domain::inbound::{Decision, InboundOutcome};
use waybell_switch::{DialogRecord, EndHow, Incoming, InviteRecord, LegEnd, LegId};

/// The first and the longest pause before what has happened is tried to be stored again: a full disk may have room again.
const AGAIN: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// How often, a first pause apart, it is tried once the server stops: calls that the stop has cut short end after its
/// beginning, and it waits for them ([`super::Calls::finished`]).
const LAST: u32 = 16;

/// A statement and its values.
pub(super) type Line = (&'static str, Vec<Value>);

/// Stores a call that came in, with its caller's leg.
#[allow(clippy::too_many_arguments, reason = "one row from all that is known")]
pub(super) async fn insert(
    app: &Shared,
    id: CallId,
    number: &PublishedNumber,
    caller: Option<&str>,
    decision: &Decision,
    waybills: &[String],
    leg: &LegId,
    incoming: &Incoming,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO inbound_call (id, organisation_id, branch_id, area_id, number_id, courier_id, caller_key, is_open, \
             explain, parcels, started_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10)",
            [
                id.to_string().into(),
                number.organisation.to_string().into(),
                number.branch.to_string().into(),
                number.area.map(|a| a.to_string()).into(),
                number.id.to_string().into(),
                decision.owner.map(|o| o.to_string()).into(),
                caller.into(),
                json("inbound_call.explain", &decision.explain)?.into(),
                json("inbound_call.parcels", &waybills)?.into(),
                now.0.into(),
            ],
        )
        .await?;
    write
        .exec(
            "INSERT INTO call_leg (id, inbound_call_id, kind, call_id, is_open, state, refusal, dialog, created_at) \
             VALUES ($1, $2, 'caller', $3, 1, 'ringing', $4, $5, $6)",
            [
                leg.as_str().into(),
                id.to_string().into(),
                incoming.call_id.clone().into(),
                json("call_leg.refusal", &incoming.refusal)?.into(),
                json("call_leg.dialog", &incoming.dialog)?.into(),
                now.0.into(),
            ],
        )
        .await?;
    write.commit().await
}

/// Closes a call whose storing failed, and which was refused therefore: it may be stored all the same, where only the answer
/// of the commit was lost.
pub(super) async fn abandon(app: &Shared, id: CallId, leg: &LegId) {
    let now = app.clock.now().0;
    let call = (
        "UPDATE inbound_call SET is_open = 0, outcome = $1, ended_at = $2 WHERE id = $3",
        vec![InboundOutcome::Missed.as_str().into(), now.into(), id.to_string().into()],
    );
    let leg = (
        "UPDATE call_leg SET is_open = 0, end_at = $1, release_dir = 'platform' WHERE id = $2",
        vec![now.into(), leg.as_str().into()],
    );
    insist(app, vec![call, leg]).await;
}

/// Stores what a call came to, with everything that could not be stored while it went on.
pub(super) async fn close(call: &mut Call, outcome: InboundOutcome) {
    let tries = serde_json::to_string(call.machine.tries()).unwrap_or_else(|_| "[]".to_owned());
    let mut lines = std::mem::take(&mut call.unstored);
    lines.push((
        "UPDATE inbound_call SET is_open = 0, outcome = $1, ended_at = $2, tries = $3, \
         answered_at = COALESCE($4, answered_at), bridged_at = COALESCE($5, bridged_at), \
         courier_id = COALESCE($6, courier_id) WHERE id = $7",
        vec![
            outcome.as_str().into(),
            call.now().0.into(),
            tries.into(),
            call.answered.map(|at| at.0).into(),
            call.bridged.map(|(at, _)| at.0).into(),
            call.bridged.map(|(_, who)| who.to_string()).into(),
            call.id.to_string().into(),
        ],
    ));
    insist(&call.app, lines).await;
}

impl Call {
    /// A courier's INVITE is about to leave.
    pub(super) async fn leg_placed(&self, record: &InviteRecord, courier: UserId) -> bool {
        let Ok(invite) = serde_json::to_string(record) else { return false };
        let line = (
            "INSERT INTO call_leg (id, inbound_call_id, kind, person_id, call_id, is_open, state, invite, created_at) \
             VALUES ($1, $2, 'courier', $3, $1, 1, 'ringing', $4, $5)",
            vec![
                record.call_id.clone().into(),
                self.id.to_string().into(),
                courier.to_string().into(),
                invite.into(),
                self.now().0.into(),
            ],
        );
        once(&self.app, &[line]).await
    }

    /// The INVITE with credentials, which takes the place of the first one.
    pub(super) async fn leg_challenged(&self, leg: &LegId, record: &InviteRecord) -> bool {
        let Ok(invite) = serde_json::to_string(record) else { return false };
        let line =
            ("UPDATE call_leg SET invite = $1 WHERE id = $2", vec![invite.into(), leg.as_str().into()]);
        once(&self.app, &[line]).await
    }

    /// The caller is about to be answered.
    pub(super) async fn answering(&self) -> bool {
        let line =
            ("UPDATE call_leg SET state = 'answering' WHERE id = $1", vec![self.caller.as_str().into()]);
        once(&self.app, &[line]).await
    }

    /// A leg is answered: from now on it is ended by BYE.
    pub(super) async fn leg_answered(&self, leg: &LegId, dialog: &DialogRecord) -> bool {
        let Ok(text) = serde_json::to_string(dialog) else { return false };
        let now = self.now().0;
        let mut lines = vec![(
            "UPDATE call_leg SET state = 'answered', dialog = $1, answer_at = $2 WHERE id = $3",
            vec![text.into(), now.into(), leg.as_str().into()],
        )];
        if *leg == self.caller {
            lines.push((
                "UPDATE inbound_call SET answered_at = $1 WHERE id = $2",
                vec![now.into(), self.id.to_string().into()],
            ));
        }
        once(&self.app, &lines).await
    }

    /// Caller and candidate speak. Where this cannot be stored now, `close` does it.
    pub(super) async fn store_bridged(&self) {
        let Some((at, courier)) = self.bridged else { return };
        let tries = serde_json::to_string(self.machine.tries()).unwrap_or_else(|_| "[]".to_owned());
        let line = (
            "UPDATE inbound_call SET bridged_at = $1, courier_id = $2, tries = $3 WHERE id = $4",
            vec![at.0.into(), courier.to_string().into(), tries.into(), self.id.to_string().into()],
        );
        once(&self.app, &[line]).await;
    }

    /// A leg is over. `side` is who the far side is. Where this cannot be stored now, `close` does it: the other legs' events
    /// do not wait for a disk.
    pub(super) async fn leg_ended(&mut self, leg: &LegId, end: &LegEnd, side: &str) {
        let by = match end.how {
            EndHow::RemoteBye | EndHow::Refused if end.status != Some(503) || side == "callee" => side,
            EndHow::Cancelled if side == "caller" => side,
            _ => "platform",
        };
        let line = (
            "UPDATE call_leg SET is_open = 0, end_at = $1, sip_status = $2, release_cause = $3, release_dir = $4 \
             WHERE id = $5",
            vec![
                self.now().0.into(),
                end.status.map(i64::from).into(),
                end.q850.map(i64::from).into(),
                by.into(),
                leg.as_str().into(),
            ],
        );
        if !once(&self.app, std::slice::from_ref(&line)).await {
            self.unstored.push(line);
        }
    }
}

/// Stores the lines together, or says that it cannot be.
pub(super) async fn once(app: &Shared, lines: &[Line]) -> bool {
    match transaction(app, lines).await {
        Ok(()) => true,
        Err(error) => {
            tracing::error!(%error, "a step of a call could not be stored");
            false
        }
    }
}

/// Stores what has happened, which is tried again until it is stored: a missed call must not be lost. Given up only where
/// another server owns the data, or this one stops; then the next start finds what is still open.
pub(crate) async fn insist(app: &Shared, lines: Vec<Line>) {
    let mut pause = AGAIN;
    let mut last = LAST;
    loop {
        match transaction(app, &lines).await {
            Ok(()) => return,
            Err(error @ StoreError::Fenced { .. }) => {
                tracing::error!(%error, "the end of a call belongs to another server now");
                return;
            }
            Err(error) => tracing::error!(%error, "the end of a call could not be stored"),
        }
        if app.stopping.is_cancelled() {
            if last == 0 {
                return;
            }
            last -= 1;
            tokio::time::sleep(AGAIN).await;
        } else {
            tokio::select! {
                () = app.stopping.cancelled() => {}
                () = tokio::time::sleep(pause) => pause = (pause * 2).min(LONGEST),
            }
        }
    }
}

async fn transaction(app: &Shared, lines: &[Line]) -> Result<(), StoreError> {
    let write: Write = app.store.begin().await?;
    for (sql, values) in lines {
        write.exec(sql, values.clone()).await?;
    }
    write.commit().await
}

fn json(what: &'static str, record: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|e| StoreError::Damaged { what, problem: e.to_string() })
}
