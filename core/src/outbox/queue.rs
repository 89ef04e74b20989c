//! The table `operation`.

use super::{OperationKind, OperationState, OperationView};
use crate::error::{Refusal, Result};
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::collections::HashSet;
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::id::{BatchId, OperationId};

/// Lane of imports, states, deeds and taps.
pub(crate) const WORK: &str = "work";
/// Lane of stops put right by hand.
const STOPS: &str = "stops";
/// Lane of places set by hand.
const PLACES: &str = "places";
/// Lane of marks on calls.
pub(crate) const CALLS: &str = "calls";
/// Lane of what somebody says of being reachable.
pub(crate) const REACH: &str = "reach";
/// Lane of clocking in and out.
const PUNCHES: &str = "punches";
/// Lane of leaves, and of corrections that are asked for.
const LEAVES: &str = "leaves";
/// Lane of work orders.
const ORDERS: &str = "orders";
/// Lane of receipts of announcements.
const ANNOUNCEMENTS: &str = "announcements";
/// Lane of what is kept and read of the knowledge.
const KNOWLEDGE: &str = "knowledge";

/// An operation with its body.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub id: OperationId,
    pub lane: String,
    pub kind: OperationKind,
    pub target: Option<BatchId>,
    pub after: Option<OperationId>,
    pub body: Vec<u8>,
    pub state: OperationState,
    pub tries: u32,
    pub acted: EventTime,
    pub problem: Option<Refusal>,
}

impl Operation {
    /// A new one in the lane of its kind.
    pub(crate) fn new(
        kind: OperationKind,
        target: Option<BatchId>,
        body: Vec<u8>,
        acted: EventTime,
    ) -> Operation {
        let own_lane = matches!(
            kind,
            OperationKind::Pause | OperationKind::Resume | OperationKind::Undo | OperationKind::Confirm
        );
        let lane = match (target, kind) {
            (Some(batch), _) if own_lane => format!("batch:{batch}"),
            (_, OperationKind::StopRule | OperationKind::UndoStopRule) => STOPS.to_owned(),
            (_, OperationKind::Place) => PLACES.to_owned(),
            (_, OperationKind::CallHandled | OperationKind::CallReopened) => CALLS.to_owned(),
            (_, OperationKind::Availability) => REACH.to_owned(),
            (_, OperationKind::Punch) => PUNCHES.to_owned(),
            (_, OperationKind::LeaveAsk | OperationKind::CorrectionAsk | OperationKind::AskWithdraw) => {
                LEAVES.to_owned()
            }
            (_, OperationKind::OrderOpen | OperationKind::OrderAction) => ORDERS.to_owned(),
            (_, OperationKind::AnnouncementRead) => ANNOUNCEMENTS.to_owned(),
            (_, OperationKind::ArticleFavourite | OperationKind::ArticleRead) => KNOWLEDGE.to_owned(),
            _ => WORK.to_owned(),
        };
        Operation {
            id: OperationId::at(acted.wall, crate::client::random()),
            lane,
            kind,
            target,
            after: None,
            body,
            state: OperationState::Pending,
            tries: 0,
            acted,
            problem: None,
        }
    }

    /// For screens.
    pub(crate) fn view(&self) -> OperationView {
        OperationView {
            id: self.id,
            kind: self.kind,
            batch: self.target,
            state: self.state,
            tries: self.tries,
            acted_at: self.acted.wall,
            problem: self.problem.clone(),
        }
    }
}

const COLUMNS: &str =
    "id, lane, kind, target, after, body, state, tries, acted_wall, acted_boot, acted_boot_ms, problem";

/// Puts an operation at the end of its lane.
pub(crate) fn push(t: &Connection, seal: &Seal, operation: &Operation) -> Result<()> {
    let id = operation.id.to_string();
    let sealed = seal.seal_bytes(&id, &operation.body)?;
    t.prepare_cached(
        "INSERT INTO operation (id, lane, kind, target, after, body, state, tries, acted_wall, acted_boot, acted_boot_ms) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'pending', 0, ?7, ?8, ?9)",
    )?
    .execute(params![
        id,
        operation.lane,
        operation.kind.as_str(),
        operation.target.map(|b| b.to_string()),
        operation.after.map(|o| o.to_string()),
        sealed,
        operation.acted.wall.0,
        operation.acted.boot_id.as_deref().unwrap_or_default(),
        operation.acted.boot_ms.map_or(-1, |ms| i64::try_from(ms).unwrap_or(-1)),
    ])?;
    Ok(())
}

/// Takes the next operation that may leave, for sending: the first of its lane, with what it waits for out of the way,
/// in a lane that is not held. It is in flight when this commits.
///
/// One that cannot be read is dead, and the next gets its turn.
pub(crate) fn claim(t: &Connection, seal: &Seal, held: &HashSet<String>) -> Result<Option<Operation>> {
    while let Some(id) = first(t, held)? {
        match by_id(t, seal, &id)? {
            Some(mut operation) if operation.state != OperationState::Dead => {
                t.prepare_cached(
                    "UPDATE operation SET state = 'in_flight', tries = tries + 1 WHERE id = ?1",
                )?
                .execute([&id])?;
                operation.state = OperationState::InFlight;
                operation.tries += 1;
                return Ok(Some(operation));
            }
            _ => bury(t, &id, &unreadable())?,
        }
    }
    Ok(None)
}

/// The first that may leave.
fn first(t: &Connection, held: &HashSet<String>) -> Result<Option<String>> {
    let mut statement = t.prepare_cached(
        "SELECT id, lane FROM operation o WHERE state = 'pending' AND NOT EXISTS (SELECT 1 FROM operation p \
         WHERE p.lane = o.lane AND p.seq < o.seq AND p.state IN ('pending', 'in_flight')) \
         AND (after IS NULL OR NOT EXISTS (SELECT 1 FROM operation d WHERE d.id = o.after)) ORDER BY seq",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !held.contains(&row.get::<_, String>(1)?) {
            return Ok(Some(row.get(0)?));
        }
    }
    Ok(None)
}

/// The operation with this id.
pub(crate) fn by_id(c: &Connection, seal: &Seal, id: &str) -> Result<Option<Operation>> {
    select(c, seal, "id = ?1", &[&id]).map(|mut list| list.pop())
}

/// The operation that makes a batch, if it has not been acknowledged.
pub(crate) fn maker(c: &Connection, seal: &Seal, batch: BatchId) -> Result<Option<Operation>> {
    select(c, seal, "target = ?1 AND kind IN ('notify', 'again')", &[&batch.to_string()])
        .map(|mut list| list.pop())
}

/// Pending and sent operations of these kinds, oldest first.
pub(crate) fn alive(c: &Connection, seal: &Seal, kinds: &[OperationKind]) -> Result<Vec<Operation>> {
    let words: Vec<String> = kinds.iter().map(|k| format!("'{}'", k.as_str())).collect();
    let mut list = select(c, seal, &format!("state <> 'dead' AND kind IN ({})", words.join(",")), &[])?;
    list.retain(|o| o.state != OperationState::Dead);
    Ok(list)
}

/// The oldest of a kind that is pending or under way.
pub(crate) fn next_of(c: &Connection, seal: &Seal, kind: OperationKind) -> Result<Option<Operation>> {
    let id: Option<String> = c
        .prepare_cached("SELECT id FROM operation WHERE kind = ?1 AND state <> 'dead' ORDER BY seq LIMIT 1")?
        .query_row([kind.as_str()], |r| r.get(0))
        .optional()?;
    Ok(id.map(|id| by_id(c, seal, &id)).transpose()?.flatten())
}

/// Pending and sent operations of a lane, oldest first.
pub(crate) fn in_lane(c: &Connection, seal: &Seal, lane: &str) -> Result<Vec<Operation>> {
    let mut list = select(c, seal, "state <> 'dead' AND lane = ?1", &[&lane])?;
    list.retain(|o| o.state != OperationState::Dead);
    Ok(list)
}

/// Every operation, oldest first.
pub(crate) fn all(c: &Connection, seal: &Seal) -> Result<Vec<Operation>> {
    select(c, seal, "1", &[])
}

/// How many wait, and how many are dead. One that waits for a dead one goes with it, whatever is decided about that.
pub(crate) fn lengths(c: &Connection) -> Result<(u32, u32)> {
    Ok(c.prepare_cached(
        "SELECT COUNT(*) FILTER (WHERE o.state <> 'dead' AND NOT EXISTS (SELECT 1 FROM operation d WHERE d.id = o.after \
         AND d.state = 'dead')), COUNT(*) FILTER (WHERE o.state = 'dead') FROM operation o",
    )?
        .query_row([], |r| Ok((r.get(0)?, r.get(1)?)))?)
}

/// True if something waits in this lane.
pub(crate) fn lane_waits(c: &Connection, lane: &str) -> Result<bool> {
    Ok(c.prepare_cached("SELECT 1 FROM operation WHERE lane = ?1 AND state <> 'dead' LIMIT 1")?
        .query_row([lane], |_| Ok(()))
        .optional()?
        .is_some())
}

/// Acknowledged, or taken back. True if it was there.
pub(crate) fn remove(t: &Connection, id: OperationId) -> Result<bool> {
    Ok(t.prepare_cached("DELETE FROM operation WHERE id = ?1")?.execute([id.to_string()])? == 1)
}

/// No answer came: it waits again. One that cannot have left this time (no connection came about) counts as not sent.
pub(crate) fn put_back(t: &Connection, id: OperationId, left: bool) -> Result<()> {
    t.prepare_cached(
        "UPDATE operation SET state = 'pending', tries = tries - ?2 WHERE id = ?1 AND state = 'in_flight'",
    )?
    .execute(params![id.to_string(), i64::from(!left)])?;
    Ok(())
}

/// Whatever was in flight when a process ended waits again.
pub(crate) fn recover(t: &Connection) -> Result<()> {
    t.prepare_cached("UPDATE operation SET state = 'pending' WHERE state = 'in_flight'")?.execute([])?;
    Ok(())
}

/// Refused for good.
pub(crate) fn kill(t: &Connection, id: OperationId, refusal: &Refusal) -> Result<()> {
    bury(t, &id.to_string(), refusal)
}

fn bury(t: &Connection, id: &str, refusal: &Refusal) -> Result<()> {
    t.prepare_cached("UPDATE operation SET state = 'dead', problem = ?2 WHERE id = ?1")?
        .execute(params![id, serde_json::to_string(refusal)?])?;
    Ok(())
}

/// Why an operation whose body does not open with the key is dead.
fn unreadable() -> Refusal {
    Refusal {
        status: 400,
        code: "unreadable".into(),
        message: "the stored operation cannot be read".into(),
        field: None,
        hint: Some("discard it, and do it again".into()),
        retry_after: None,
    }
}

/// A dead one is to be sent again, in its old place. True if there is such a one.
pub(crate) fn revive(t: &Connection, id: OperationId) -> Result<bool> {
    Ok(t.prepare_cached(
        "UPDATE operation SET state = 'pending', problem = NULL WHERE id = ?1 AND state = 'dead'",
    )?
    .execute([id.to_string()])?
        == 1)
}

/// An undo overtakes an operation that may have left: it is not sent again, nor is what waits for it.
pub(crate) fn drop_overtaken(t: &Connection, id: OperationId) -> Result<()> {
    t.execute("DELETE FROM operation WHERE after = ?1", [id.to_string()])?;
    remove(t, id).map(drop)
}

fn select(
    c: &Connection,
    seal: &Seal,
    filter: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Vec<Operation>> {
    let mut statement =
        c.prepare_cached(&format!("SELECT {COLUMNS} FROM operation WHERE {filter} ORDER BY seq"))?;
    let mut rows = statement.query(values)?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        match read(row, seal)? {
            Some(operation) => out.push(operation),
            None => tracing::error!("an operation cannot be read and is passed over"),
        }
    }
    Ok(out)
}

/// Reads a row; one whose body does not open is dead, whatever the row says.
fn read(row: &Row<'_>, seal: &Seal) -> Result<Option<Operation>> {
    let id: String = row.get(0)?;
    let kind: String = row.get(2)?;
    let state: String = row.get(6)?;
    let boot: String = row.get(9)?;
    let problem: Option<String> = row.get(11)?;
    let (Ok(parsed), Some(kind)) = (OperationId::parse(&id), OperationKind::parse(&kind)) else {
        return Ok(None);
    };
    let body = seal.open_bytes(&id, &row.get::<_, Vec<u8>>(5)?).ok();
    let readable = body.is_some();
    Ok(Some(Operation {
        id: parsed,
        lane: row.get(1)?,
        kind,
        target: row.get::<_, Option<String>>(3)?.and_then(|b| BatchId::parse(&b).ok()),
        after: row.get::<_, Option<String>>(4)?.and_then(|o| OperationId::parse(&o).ok()),
        body: body.unwrap_or_default(),
        state: match state.as_str() {
            _ if !readable => OperationState::Dead,
            "dead" => OperationState::Dead,
            "in_flight" => OperationState::InFlight,
            _ => OperationState::Pending,
        },
        tries: row.get(7)?,
        acted: EventTime {
            wall: UnixMs(row.get(8)?),
            boot_id: (!boot.is_empty()).then_some(boot),
            boot_ms: u64::try_from(row.get::<_, i64>(10)?).ok(),
        },
        problem: if readable {
            problem.and_then(|p| serde_json::from_str(&p).ok())
        } else {
            Some(unreadable())
        },
    }))
}
