//! What is stored of calls and their legs.
//!
//! **Kept before done.** Whatever lets somebody's telephone ring, or an answer leave, is stored first ([`Book::keep`]), because
//! after a crash only what is stored can be ended. What has happened already (a caller's acknowledgement, the end of a leg) is
//! only noted ([`Book::note`]) and goes with the next line that has to be stored, in one transaction: a leg that is open in the
//! database and ended in truth costs the next start one BYE that nobody minds. So a call of two legs takes six commits.

use crate::app::Shared;
use crate::charges::{self, End, Source, clocks};
use crate::inbound::Known;
use crate::numbers::PublishedNumber;
use crate::recordings::chain;
use crate::store::{Several, StoreError, Write};
use sea_orm::Value;
use std::time::Duration;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::{CallId, UserId};
use waybell_domain::inbound::Decision;
use waybell_domain::wire::CallResult;
use waybell_switch::{DialogRecord, EndHow, Incoming, InviteRecord, LegEnd, LegId};

/// The first and the longest pause before what has happened is tried to be stored again: a full disk may have room again.
const AGAIN: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);
/// How often, a first pause apart, it is tried once the server stops: calls that the stop has cut short end after its
/// beginning, and it waits for them ([`super::Calls::finished`]).
const LAST: u32 = 16;

/// A statement and its values.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    sql: &'static str,
    values: Vec<Value>,
    revised: bool,
    closes: bool,
    charges: Option<(Source, End)>,
}

impl Line {
    /// A statement; parameters are `$1`, `$2`, …
    pub(crate) fn new(sql: &'static str, values: impl IntoIterator<Item = Value>) -> Line {
        Line { sql, values: values.into_iter().collect(), revised: false, closes: false, charges: None }
    }

    /// One that ends a recording: it is linked in the same transaction.
    pub(crate) fn closing(sql: &'static str, values: impl IntoIterator<Item = Value>) -> Line {
        Line { closes: true, ..Line::new(sql, values) }
    }

    /// One whose last parameter, after the values, is the next revision.
    pub(crate) fn revised(sql: &'static str, values: impl IntoIterator<Item = Value>) -> Line {
        Line { revised: true, ..Line::new(sql, values) }
    }

    /// It ends what a call cost: that is entered in the same transaction.
    pub(crate) fn charging(self, source: Source, end: End) -> Line {
        Line { charges: Some((source, end)), ..self }
    }

    /// Runs it alone.
    #[cfg(test)]
    pub(crate) async fn run(&self, write: &Write) -> Result<(), StoreError> {
        let rev = self.revised.then(|| Value::from(write.next_rev()));
        write.exec(self.sql, self.values.iter().cloned().chain(rev)).await.map(drop)
    }
}

/// What is to be stored of one call.
pub(crate) struct Book {
    app: Shared,
    noted: Vec<Line>,
}

impl Book {
    pub(crate) fn new(app: &Shared) -> Book {
        Book { app: app.clone(), noted: Vec::new() }
    }

    /// Has happened, and goes with the next line that must be stored.
    pub(crate) fn note(&mut self, line: Line) {
        self.noted.push(line);
    }

    /// Stores the lines, and before them what was noted. False where it cannot be: then what they are for may not be done.
    pub(crate) async fn keep(&mut self, lines: &[Line]) -> bool {
        let before = self.noted.len();
        self.noted.extend_from_slice(lines);
        match transaction(&self.app, &self.noted).await {
            Ok(()) => {
                self.noted.clear();
                true
            }
            Err(error) => {
                tracing::error!(%error, "a step of a call could not be stored");
                self.noted.truncate(before);
                false
            }
        }
    }

    /// Stores everything that was noted, however long it takes.
    pub(crate) async fn close(&mut self) {
        insist(&self.app, std::mem::take(&mut self.noted)).await;
    }
}

/// Until when the customer's number is kept with a call.
pub(crate) fn keep_until(now: UnixMs, days: u16) -> i64 {
    now.0 + i64::from(days) * DAY
}

/// A line for a leg that is about to be rung: `courier` or `customer`.
pub(crate) fn leg_placed(
    call: CallId,
    kind: &str,
    record: &InviteRecord,
    person: Option<UserId>,
    now: UnixMs,
) -> Option<Line> {
    Some(Line::new(
        "INSERT INTO call_leg (id, phone_call_id, kind, person_id, call_id, is_open, state, invite, created_at) \
         VALUES ($1, $2, $3, $4, $1, 1, 'ringing', $5, $6)",
        [
            record.call_id.clone().into(),
            call.to_string().into(),
            kind.into(),
            person.map(|p| p.to_string()).into(),
            serde_json::to_string(record).ok()?.into(),
            now.0.into(),
        ],
    ))
}

/// The name of an app's leg: the `n`th of its call.
pub(crate) fn app_leg(call: CallId, n: usize) -> LegId {
    LegId::new(&format!("{call}/app/{n}"))
}

/// An app's leg, before the app is asked or answered. There is nothing in the network that a restart would have to end.
pub(crate) fn app_leg_placed(call: CallId, leg: &LegId, person: UserId, now: UnixMs) -> Line {
    Line::new(
        "INSERT INTO call_leg (id, phone_call_id, kind, person_id, call_id, is_open, state, created_at) \
         VALUES ($1, $2, 'courier', $3, $1, 1, 'ringing', $4)",
        [leg.as_str().into(), call.to_string().into(), person.to_string().into(), now.0.into()],
    )
}

/// An app's leg has its connection.
pub(crate) fn app_leg_answered(leg: &LegId, now: UnixMs) -> Line {
    Line::new(
        "UPDATE call_leg SET state = 'answered', answer_at = $1 WHERE id = $2",
        [now.0.into(), leg.as_str().into()],
    )
}

/// No app has offered anything.
pub(crate) fn app_leg_unused(leg: &LegId, now: UnixMs) -> Line {
    Line::new(
        "UPDATE call_leg SET is_open = 0, end_at = $1, release_dir = 'platform' WHERE id = $2",
        [now.0.into(), leg.as_str().into()],
    )
}

/// The INVITE with credentials, which takes the place of the first one.
pub(crate) fn leg_challenged(leg: &LegId, record: &InviteRecord) -> Option<Line> {
    let invite = serde_json::to_string(record).ok()?;
    Some(Line::new("UPDATE call_leg SET invite = $1 WHERE id = $2", [invite.into(), leg.as_str().into()]))
}

/// A leg is answered: from now on it is ended by BYE.
pub(crate) fn leg_answered(leg: &LegId, dialog: &DialogRecord, now: UnixMs) -> Option<Line> {
    let dialog = serde_json::to_string(dialog).ok()?;
    Some(Line::new(
        "UPDATE call_leg SET state = 'answered', dialog = $1, answer_at = $2 WHERE id = $3",
        [dialog.into(), now.0.into(), leg.as_str().into()],
    ))
}

/// A leg is over. `side` is who its far side is: `caller` or `callee`.
pub(crate) fn leg_ended(leg: &LegId, end: &LegEnd, side: &str, now: UnixMs) -> Line {
    let by = match end.how {
        EndHow::RemoteBye | EndHow::Refused if end.status != Some(503) || side == "callee" => side,
        EndHow::Cancelled if side == "caller" => side,
        _ => "platform",
    };
    Line::new(
        "UPDATE call_leg SET is_open = 0, end_at = $1, sip_status = $2, release_cause = $3, release_dir = $4, \
         answer_at = COALESCE(answer_at, $6) WHERE id = $5",
        [
            now.0.into(),
            end.status.map(i64::from).into(),
            end.q850.map(i64::from).into(),
            by.into(),
            leg.as_str().into(),
            // an answer that crossed our CANCEL, or that could not be stored: the trunk counts it
            (end.answered && end.how != EndHow::NoAck).then(|| now.0 - i64::from(end.talk_ms)).into(),
        ],
    )
    .charging(Source::Leg(leg.as_str().to_owned()), End::of(end))
}

/// They speak. A call that this one answers is handled by it.
pub(crate) fn bridged(call: CallId, at: UnixMs, courier: UserId, tries: &str) -> [Line; 2] {
    let (id, courier) = (call.to_string(), courier.to_string());
    [
        Line::revised(
            "UPDATE phone_call SET bridged_at = $1, \
             former_id = CASE WHEN courier_id <> $2 THEN courier_id ELSE former_id END, courier_id = $2, \
             tries = $3, rev = $5 WHERE id = $4",
            [at.0.into(), courier.clone().into(), tries.into(), id.clone().into()],
        ),
        Line::revised(
            "UPDATE phone_call SET handled_at = $1, handled_by = $2, handled_rev = $4, rev = $4 WHERE handled_at IS NULL \
             AND id = (SELECT answers_id FROM phone_call WHERE id = $3)",
            [at.0.into(), courier.into(), id.into()],
        ),
    ]
}

/// What a call came to.
pub(crate) fn ended(
    call: CallId,
    outcome: CallResult,
    now: UnixMs,
    tries: &str,
    answered: Option<UnixMs>,
) -> Line {
    over(call, outcome.as_str(), now, tries, answered)
}

/// The same, by the word that is stored.
pub(crate) fn over(
    call: CallId,
    outcome: &'static str,
    now: UnixMs,
    tries: &str,
    answered: Option<UnixMs>,
) -> Line {
    Line::revised(
        "UPDATE phone_call SET is_open = 0, outcome = $1, ended_at = $2, tries = $3, \
         answered_at = COALESCE($4, answered_at), ended_rev = $6, rev = $6 WHERE id = $5",
        [outcome.into(), now.0.into(), tries.into(), answered.map(|at| at.0).into(), call.to_string().into()],
    )
    .charging(Source::Call(call.to_string()), End::Known)
}

/// A courier's call whose storing failed, and of which nothing was done: only the row of that very request, by the revision
/// that it was given, so that the same request may come again.
pub(crate) fn withdrawn(call: CallId, rev: i64, now: UnixMs) -> Line {
    Line::revised(
        "UPDATE phone_call SET is_open = 0, outcome = $1, ended_at = $2, ended_rev = $5, rev = $5 WHERE id = $3 AND rev = $4",
        [CallResult::Cancelled.as_str().into(), now.0.into(), call.to_string().into(), rev.into()],
    )
    .charging(Source::Call(call.to_string()), End::Known)
}

/// A leg that was stored, or may have been, and was never rung after all.
pub(crate) fn leg_unplaced(record: &InviteRecord, now: UnixMs) -> Line {
    Line::new(
        "UPDATE call_leg SET is_open = 0, end_at = $1, release_dir = 'platform' WHERE id = $2",
        [now.0.into(), record.call_id.clone().into()],
    )
    .charging(Source::Leg(record.call_id.clone()), End::Known)
}

/// Stores what has happened, which is tried again until it is stored: a missed call must not be lost. Given up only where
/// another server owns the data, or this one stops; then the next start finds what is still open.
pub(crate) async fn insist(app: &Shared, lines: Vec<Line>) {
    let mut pause = AGAIN;
    let mut last = LAST;
    loop {
        match transaction(app, &lines).await {
            Ok(()) => return,
            Err(error) if error.is_final() => {
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

/// Stores a call that came in, with its caller's leg.
#[allow(clippy::too_many_arguments, reason = "one row from all that is known")]
pub(super) async fn insert(
    app: &Shared,
    id: CallId,
    number: &PublishedNumber,
    caller: Option<&str>,
    known: &Known,
    decision: &Decision,
    leg: &LegId,
    incoming: &Incoming,
) -> Result<(), StoreError> {
    let now = app.clock.now();
    let call = Line::revised(
        "INSERT INTO phone_call (id, organisation_id, direction, branch_id, area_id, number_id, courier_id, customer_key, \
         is_open, explain, parcels, started_at, keep_until, rev) \
         VALUES ($1, $2, 'incoming', $3, $4, $5, $6, $7, 1, $8, $9, $10, $11, $12)",
        [
            id.to_string().into(),
            number.organisation.to_string().into(),
            number.branch.to_string().into(),
            number.area.map(|a| a.to_string()).into(),
            number.id.to_string().into(),
            decision.owner.map(|o| o.to_string()).into(),
            caller.into(),
            json("phone_call.explain", &decision.explain)?.into(),
            json("phone_call.parcels", &known.waybills)?.into(),
            now.0.into(),
            keep_until(now, known.facts.policy.keep_days).into(),
        ],
    );
    transaction(app, &[call, leg_came(id, leg, incoming, now)?]).await
}

/// A line for the leg of somebody who rings.
pub(crate) fn leg_came(
    call: CallId,
    leg: &LegId,
    incoming: &Incoming,
    now: UnixMs,
) -> Result<Line, StoreError> {
    Ok(Line::new(
        "INSERT INTO call_leg (id, phone_call_id, kind, call_id, is_open, state, refusal, dialog, created_at) \
         VALUES ($1, $2, 'caller', $3, 1, 'ringing', $4, $5, $6)",
        [
            leg.as_str().into(),
            call.to_string().into(),
            incoming.call_id.clone().into(),
            json("call_leg.refusal", &incoming.refusal)?.into(),
            json("call_leg.dialog", &incoming.dialog)?.into(),
            now.0.into(),
        ],
    ))
}

/// Closes a call whose storing failed, and which was refused therefore: it may be stored all the same, where only the answer
/// of the commit was lost.
pub(crate) async fn abandon(app: &Shared, id: CallId, leg: &LegId) {
    let now = app.clock.now();
    let leg = Line::new(
        "UPDATE call_leg SET is_open = 0, end_at = $1, release_dir = 'platform' WHERE id = $2",
        [now.0.into(), leg.as_str().into()],
    );
    insist(app, vec![ended(id, CallResult::Missed, now, "[]", None), leg]).await;
}

fn json(what: &'static str, record: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(record).map_err(|e| StoreError::Damaged { what, problem: e.to_string() })
}

/// Stores lines in one transaction.
pub(crate) async fn transaction(app: &Shared, lines: &[Line]) -> Result<(), StoreError> {
    if lines.is_empty() {
        return Ok(());
    }
    let write: Write = app.store.begin().await?;
    let mut several = Several::default();
    for line in lines {
        let rev = line.revised.then(|| Value::from(write.next_rev()));
        several.add(line.sql, line.values.iter().cloned().chain(rev));
    }
    several.run(write.tx()).await?;
    if lines.iter().any(|line| line.closes) {
        chain::append(&write).await?;
    }
    for (source, end) in lines.iter().filter_map(|line| line.charges.as_ref()) {
        charges::settle(&write, clocks(app), source, *end).await?;
    }
    write.commit().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Store, number};

    #[tokio::test]
    async fn a_failed_request_ends_its_own_row_and_not_its_retry_s() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let id = CallId::at(UnixMs(1), [1; 10]);
        let row = "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until, rev) \
                   VALUES ($1, 'o', 'outgoing', 1, '[]', '[]', 1, 2, $2)";
        let write = store.begin().await.unwrap();
        let lost = write.next_rev();
        write.exec(row, [id.to_string().into(), lost.into()]).await.unwrap();
        // not committed: nothing of it is there, and the retry takes its place
        drop(write);
        let write = store.begin().await.unwrap();
        let rev = write.next_rev();
        assert_ne!(rev, lost);
        write.exec(row, [id.to_string().into(), rev.into()]).await.unwrap();
        withdrawn(id, lost, UnixMs(5)).run(&write).await.unwrap();
        write.commit().await.unwrap();
        let open = "SELECT COUNT(*) FROM phone_call WHERE is_open = 1 AND outcome IS NULL";
        assert_eq!(number(store.read(), open, []).await.unwrap(), 1, "the retry's call goes on");
        // it was committed, and only the answer was lost
        let write = store.begin().await.unwrap();
        withdrawn(id, rev, UnixMs(5)).run(&write).await.unwrap();
        write.commit().await.unwrap();
        let ended = "SELECT COUNT(*) FROM phone_call WHERE is_open = 0 AND outcome = 'cancelled' AND ended_at = 5 \
                     AND ended_rev = rev AND rev > 2";
        assert_eq!(number(store.read(), ended, []).await.unwrap(), 1);
    }
}
