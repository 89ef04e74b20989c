//! Legs that are over: what is stored of each says who is charged for what.

use super::At;
use super::enter::{Leg, enter};
use crate::store::{Several, StoreError, Write, one};
use sea_orm::FromQueryResult;
use serde::Deserialize;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::rate::ChargedCall;
use waybell_switch::{EndHow, LegEnd};

/// What is charged. Each is a row that has its end stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// A leg of a call.
    Leg(String),
    /// The person who was rung for a notice.
    Attempt(String),
    /// The courier who was put through in a notice, by the switch's name of the leg or its Call-ID.
    Side(String),
    /// A whole call that is over: nothing is charged, but what it held is free.
    Call(String),
}

/// What is known of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It ended when its row says.
    Known,
    /// It ended some time before.
    Unknown,
}

impl End {
    /// Of a leg of the switch: of one that was restored after a crash only its BYE says that it went on until then.
    pub(crate) fn of(end: &LegEnd) -> End {
        let taken = end.bye.is_some_and(|status| (200..300).contains(&status));
        match end.how {
            EndHow::RemoteBye => End::Known,
            _ if taken || end.talk_ms > 0 => End::Known,
            _ => End::Unknown,
        }
    }
}

impl Source {
    fn id(&self) -> &str {
        match self {
            Source::Leg(id) | Source::Attempt(id) | Source::Side(id) | Source::Call(id) => id,
        }
    }
}

#[derive(FromQueryResult)]
struct LegRow {
    id: String,
    kind: String,
    person_id: Option<String>,
    invite: Option<String>,
    dialog: Option<String>,
    answer_at: Option<i64>,
    end_at: Option<i64>,
    call_id: String,
    organisation_id: String,
    branch_id: Option<String>,
    direction: String,
    courier_id: Option<String>,
    bridged_at: Option<i64>,
    number_key: Option<String>,
    bound_key: Option<String>,
    heard_until: Option<i64>,
}

const LEG: &str = "SELECT l.id, l.kind, l.person_id, l.invite, l.dialog, l.answer_at, l.end_at, c.id AS call_id, \
     c.organisation_id, c.branch_id, c.direction, c.courier_id, c.bridged_at, n.number_key, b.number_key AS bound_key, \
     (SELECT MAX(r.started_at + r.ms) FROM recording r WHERE r.phone_call_id = c.id AND r.ms > 0) AS heard_until \
     FROM call_leg l JOIN phone_call c ON c.id = l.phone_call_id \
     LEFT JOIN published_number n ON n.id = c.number_id LEFT JOIN binding_call b ON b.call_id = c.id \
     WHERE l.id = $1 AND l.charged = 0 AND l.is_open = 0";

#[derive(FromQueryResult)]
struct NoticeRow {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    courier_id: String,
    phone_key: String,
    trunk: Option<String>,
    invite: Option<String>,
    answer_at: Option<i64>,
    end_at: Option<i64>,
}

const ATTEMPT: &str = "SELECT a.id, a.organisation_id, r.branch_id, r.courier_id, a.phone_key, a.trunk, NULL AS invite, \
     a.trunk_answer_at AS answer_at, a.end_at FROM attempt a JOIN recipient r ON r.id = a.recipient_id \
     WHERE a.id = $1 AND a.charged = 0 AND a.is_open = 0";

const SIDE: &str = "SELECT s.id, a.organisation_id, r.branch_id, r.courier_id, s.phone_key, NULL AS trunk, s.invite, \
     s.answer_at, s.end_at FROM side_call s JOIN attempt a ON a.id = s.attempt_id JOIN recipient r ON r.id = a.recipient_id \
     WHERE (s.id = $1 OR s.call_id = $1) AND s.kind = 'courier' AND s.charged = 0 AND s.is_open = 0";

/// Of a stored INVITE.
#[derive(Deserialize)]
struct Invite {
    trunk: String,
    callee: String,
}

/// Of a stored dialog.
#[derive(Deserialize)]
struct Dialog {
    trunk: Option<String>,
}

/// Charges what is over, in the transaction that stores its end. A second time it does nothing.
pub(crate) async fn settle(write: &Write, at: At, source: &Source, end: End) -> Result<(), StoreError> {
    let id = source.id();
    let found = match source {
        Source::Leg(_) => {
            let row: Option<LegRow> = one(write.tx(), LEG, [id.into()]).await?;
            row.map(|row| (row.id.clone(), leg(row, end)))
        }
        Source::Attempt(_) => {
            let row: Option<NoticeRow> = one(write.tx(), ATTEMPT, [id.into()]).await?;
            row.map(|row| (row.id.clone(), notice(row, "attempt", end)))
        }
        Source::Side(_) => {
            let row: Option<NoticeRow> = one(write.tx(), SIDE, [id.into()]).await?;
            row.map(|row| (row.id.clone(), notice(row, "side", end)))
        }
        Source::Call(_) => None,
    };
    let mut several = Several::default();
    several.add("DELETE FROM charge_hold WHERE id = $1", [id.into()]);
    let (row, leg) = found.unwrap_or_else(|| (id.to_owned(), None));
    let done = match source {
        Source::Attempt(_) => Some("UPDATE attempt SET charged = 1 WHERE id = $1 AND is_open = 0"),
        Source::Side(_) => Some("UPDATE side_call SET charged = 1 WHERE id = $1 AND is_open = 0"),
        Source::Leg(_) => Some("UPDATE call_leg SET charged = 1 WHERE id = $1 AND is_open = 0"),
        Source::Call(_) => None,
    };
    if let Some(done) = done {
        several.add(done, [row.into()]);
    }
    if let Some(leg) = leg {
        enter(write, at, &leg, &mut several).await?;
    }
    several.run(write.tx()).await
}

/// What of a call's leg is charged; `None` for one that nobody answered, and an app's.
fn leg(row: LegRow, end: End) -> Option<Leg> {
    let (answered, ended) = (row.answer_at?, row.end_at?);
    let invite: Option<Invite> = row.invite.as_deref().and_then(|i| serde_json::from_str(i).ok());
    let dialog: Option<Dialog> = row.dialog.as_deref().and_then(|d| serde_json::from_str(d).ok());
    let incoming = row.kind == "caller";
    let (trunk, number) = match (invite, incoming) {
        // a registered telephone is ours: no trunk carried it
        (Some(invite), false) if invite.trunk.is_empty() => return None,
        (Some(invite), false) => (Some(invite.trunk), number(&invite.callee)),
        (None, false) => return None,
        (_, true) => (dialog.and_then(|d| d.trunk), row.number_key.or(row.bound_key).unwrap_or_default()),
    };
    let call = match row.direction.as_str() {
        "outgoing" => ChargedCall::Outgoing,
        "bound" => ChargedCall::Bound,
        _ => ChargedCall::Incoming,
    };
    // each leg of a call that came in is of whom it rang
    let courier = if call == ChargedCall::Incoming && !incoming { row.person_id } else { row.courier_id };
    let last = row.bridged_at.max(row.heard_until).unwrap_or(answered);
    Some(Leg {
        source: format!("leg/{}", row.id),
        organisation: row.organisation_id,
        branch: row.branch_id,
        courier,
        call,
        phone_call: Some(row.call_id),
        trunk,
        number,
        incoming,
        answered,
        ended: until(ended, last, end),
        estimated: end == End::Unknown,
    })
}

fn notice(row: NoticeRow, what: &str, end: End) -> Option<Leg> {
    let (answered, ended) = (row.answer_at?, row.end_at?);
    let invite: Option<Invite> = row.invite.as_deref().and_then(|i| serde_json::from_str(i).ok());
    let number = PhoneNumber::from_key(&row.phone_key).map(|n| n.e164().to_owned());
    Some(Leg {
        source: format!("{what}/{}", row.id),
        organisation: row.organisation_id,
        branch: row.branch_id,
        courier: Some(row.courier_id),
        call: ChargedCall::Notice,
        phone_call: None,
        trunk: row.trunk.or(invite.map(|i| i.trunk)),
        number: number.unwrap_or(row.phone_key),
        incoming: false,
        answered,
        ended: until(ended, answered, end),
        estimated: end == End::Unknown,
    })
}

/// When it is reckoned to have ended.
fn until(ended: i64, last: i64, end: End) -> i64 {
    match end {
        End::Known => ended,
        End::Unknown => last.min(ended),
    }
}

/// A number as prices are looked for by it, from what the trunk was given.
fn number(dialled: &str) -> String {
    PhoneNumber::parse(dialled).map_or_else(|_| dialled.to_owned(), |n| n.e164().to_owned())
}
