//! The tables of a shift. Whoever calls has the transaction. Places are sealed; times are in clear.

use super::engine::{Distance, Effect, Event, Gap, State, step};
use super::{Blob, Day, Evidence, FenceNote};
use crate::error::{Error, Result};
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::track::{DropReason, GapReason, Run, Vertex, codec, join};

/// Vertices of one blob, some 8 kB of it.
const BLOB: usize = 2_000;
/// So many vertices are packed without being asked.
const FULL: i64 = 1_000;

/// Whose tables, and the key to them.
#[derive(Clone)]
pub(crate) struct Book {
    pub seal: Seal,
    /// Id of the person.
    pub owner: String,
}

/// A shift that runs.
pub(super) struct Open {
    pub id: String,
    pub state: State,
    process: String,
}

pub(super) fn open_shift(c: &Connection, book: &Book) -> Result<Option<Open>> {
    let row = c
        .prepare_cached(
            "SELECT id, state, process, began FROM track_shift WHERE ended IS NULL AND owner = ?1",
        )?
        .query_row([&book.owner], |r| Ok((r.get(0)?, r.get::<_, Option<Vec<u8>>>(1)?, r.get(2)?, r.get(3)?)))
        .optional()?;
    let Some((id, state, process, began)) = row else { return Ok(None) };
    let id: String = id;
    let state = match book.seal.open(&id, state.as_deref().unwrap_or_default()) {
        Ok(state) => state,
        // the vertices are there; what was known beside them begins anew, after a gap
        Err(problem) => {
            tracing::error!(%problem, "the state of a shift does not read back");
            State::resume(UnixMs(newest(c, &id)?.unwrap_or(began)))
        }
    };
    Ok(Some(Open { id, state, process }))
}

/// Time of the newest vertex of a shift.
pub(super) fn newest(c: &Connection, shift: &str) -> Result<Option<i64>> {
    let sql = "SELECT MAX(at) FROM (SELECT at FROM track_vertex WHERE shift = ?1 \
               UNION ALL SELECT to_at FROM track_blob WHERE shift = ?1)";
    Ok(c.prepare_cached(sql)?.query_row([shift], |r| r.get(0))?)
}

/// Carries events out and stores what comes of them.
pub(super) fn run(
    t: &Connection,
    book: &Book,
    events: Vec<Event>,
    now: &EventTime,
    process: &str,
    id: [u8; 10],
) -> Result<Vec<Effect>> {
    let mut all = Vec::new();
    let mut shift = open_shift(t, book)?;
    if let Some(open) = shift.as_mut().filter(|s| s.process != process) {
        step(&mut open.state, Event::Started, now, &mut all);
    }
    for event in events {
        let begins = matches!(event, Event::DutyOn) && shift.is_none();
        let ends = matches!(event, Event::DutyOff);
        if begins {
            let id: String = id.iter().map(|b| format!("{b:02x}")).collect();
            let id = format!("{:013}-{id}", now.wall.0.max(0));
            t.prepare_cached("INSERT INTO track_shift (id, owner, began, process) VALUES (?1, ?2, ?3, ?4)")?
                .execute(params![id, book.owner, now.wall.0, process])?;
            shift = Some(Open { id, state: State::default(), process: process.to_owned() });
        }
        let Some(open) = &mut shift else {
            // off duty: nothing is stored, what comes is dropped
            step(&mut State::default(), event, now, &mut all);
            continue;
        };
        let mut effects = Vec::new();
        step(&mut open.state, event, now, &mut effects);
        keep(t, book, &open.id, &effects)?;
        all.append(&mut effects);
        if ends {
            store(t, book, open, process, Some(open.state.track_now(now)))?;
            pack(t, book, &open.id, true)?;
            shift = None;
        }
    }
    if let Some(open) = &shift {
        store(t, book, open, process, None)?;
        let loose: i64 = t
            .prepare_cached("SELECT COUNT(*) FROM track_vertex WHERE shift = ?1")?
            .query_row([&open.id], |r| r.get(0))?;
        if loose >= FULL {
            pack(t, book, &open.id, false)?;
        }
    }
    Ok(all)
}

fn store(t: &Connection, book: &Book, open: &Open, process: &str, ended: Option<UnixMs>) -> Result<()> {
    let state = if ended.is_none() { Some(book.seal.seal(&open.id, &open.state)?) } else { None };
    let d = open.state.summary().distance;
    let (boot, offset) = open.state.boot_clock().unzip();
    // an end is never before the beginning, however the clock was set meanwhile
    t.prepare_cached(
        "UPDATE track_shift SET state = ?2, process = ?3, ended = MAX(?4, began), metres = ?5, low = ?6, high = ?7, \
         began = COALESCE(?8, began), boot = COALESCE(?9, boot), boot_offset = COALESCE(?10, boot_offset), \
         skew = ?11, version = version + 1 WHERE id = ?1",
    )?
    .execute(params![
        open.id,
        state,
        process,
        ended.map(|e| e.0),
        d.metres,
        d.low,
        d.high,
        open.state.summary().began.map(|b| b.0),
        boot,
        offset,
        open.state.skew()
    ])?;
    Ok(())
}

fn keep(t: &Connection, book: &Book, shift: &str, effects: &[Effect]) -> Result<()> {
    let mut run: Option<Option<GapReason>> = None;
    for effect in effects {
        match effect {
            Effect::Run(gap) => run = Some(*gap),
            Effect::Keep(v) => {
                let gap = run.flatten().map(GapReason::as_str);
                t.prepare_cached(
                    "INSERT INTO track_vertex (shift, at, first, gap, body) VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    shift,
                    v.at.0,
                    run.is_some(),
                    gap,
                    seal_vertex(book, shift, *v)?
                ])?;
                run = None;
            }
            Effect::Drop { reason, .. } => {
                count_drop(t, shift, *reason)?;
            }
            Effect::Gap(gap) => note(t, book, shift, "gap", gap)?,
            Effect::Stay(stay) => note(t, book, shift, "stay", stay)?,
            Effect::Fence { at, id, event } => {
                note(t, book, shift, "fence", &FenceNote { at: *at, id: id.clone(), event: *event })?;
            }
            Effect::Sign { at, sign } => {
                note(t, book, shift, "evidence", &Evidence::Sign { at: *at, sign: *sign })?;
            }
            Effect::ClockSet { at, by_ms } => {
                note(t, book, shift, "evidence", &Evidence::ClockSet { at: *at, by_ms: *by_ms })?;
            }
        }
    }
    Ok(())
}

pub(super) fn note(
    t: &Connection,
    book: &Book,
    shift: &str,
    kind: &str,
    body: &impl serde::Serialize,
) -> Result<()> {
    t.prepare_cached("INSERT INTO track_note (shift, kind, body) VALUES (?1, ?2, ?3)")?.execute(params![
        shift,
        kind,
        book.seal.seal(shift, body)?
    ])?;
    Ok(())
}

/// The place of a vertex, sealed.
pub(super) fn seal_vertex(book: &Book, shift: &str, v: Vertex) -> Result<Vec<u8>> {
    let mut plain = [0; 8];
    plain[..4].copy_from_slice(&v.lat_e5.to_le_bytes());
    plain[4..].copy_from_slice(&v.lon_e5.to_le_bytes());
    book.seal.seal_bytes(shift, &plain)
}

fn open_vertex(book: &Book, shift: &str, at: UnixMs, sealed: &[u8]) -> Result<Vertex> {
    let plain = book.seal.open_bytes(shift, sealed)?;
    let whole: [u8; 8] = plain.try_into().map_err(|_| Error::storage("a vertex of a track is damaged"))?;
    let (lat, lon) = whole.split_at(4);
    let number = |b: &[u8]| i32::from_le_bytes(b.try_into().unwrap_or_default());
    Ok(Vertex { at, lat_e5: number(lat), lon_e5: number(lon) })
}

/// Vertices of a shift that are in no blob: number, vertex, whether a run begins, why.
type Loose = (i64, Vertex, bool, Option<GapReason>);

fn loose(c: &Connection, book: &Book, shift: &str) -> Result<Vec<Loose>> {
    let mut statement =
        c.prepare_cached("SELECT n, at, first, gap, body FROM track_vertex WHERE shift = ?1 ORDER BY n")?;
    let mut rows = statement.query([shift])?;
    let mut found = Vec::new();
    let mut lost = false;
    while let Some(r) = rows.next()? {
        let body: Vec<u8> = r.get(4)?;
        let Ok(vertex) = open_vertex(book, shift, UnixMs(r.get(1)?), &body) else {
            tracing::error!("a vertex of a track is damaged");
            lost = true;
            continue;
        };
        let (first, gap): (bool, Option<String>) = (r.get(2)?, r.get(3)?);
        let gap = gap.map(|g| GapReason::parse(&g).unwrap_or(GapReason::Unknown));
        // over what is lost no line is drawn
        let torn = std::mem::take(&mut lost);
        found.push((r.get(0)?, vertex, first || torn, gap.or(torn.then_some(GapReason::Unknown))));
    }
    Ok(found)
}

/// Adds vertices to runs; the first one begins a run if it says so, or if there is none.
fn append(runs: &mut Vec<Run>, loose: &[Loose]) {
    for (_, vertex, first, gap) in loose {
        match runs.last_mut().filter(|_| !first) {
            // the last vertex of a blob is the first of the next
            Some(run) if run.points.last() == Some(vertex) => {}
            Some(run) => run.points.push(*vertex),
            None => runs.push(Run { gap: *gap, points: vec![*vertex] }),
        }
    }
}

/// Those that a blob can hold; the others are counted as dropped, so that one of them never stands in the way of all.
fn keepable(t: &Connection, shift: &str, loose: Vec<Loose>) -> Result<Vec<Loose>> {
    let mut kept: Vec<Loose> = Vec::with_capacity(loose.len());
    let mut begins: Option<Option<GapReason>> = None;
    for (n, vertex, first, gap) in loose {
        let (first, gap) = match begins.take() {
            Some(before) if !first => (true, before),
            _ => (first, gap),
        };
        let alone = Run { gap: None, points: vec![vertex] };
        let reason = if codec::encode(&[alone]).is_err() {
            Some(DropReason::Impossible)
        } else if !first && kept.last().is_some_and(|k| k.1.at >= vertex.at) {
            Some(DropReason::TimeBack)
        } else {
            None
        };
        let Some(reason) = reason else {
            kept.push((n, vertex, first, gap));
            continue;
        };
        tracing::error!(%reason, "a vertex of a track is dropped");
        begins = first.then_some(gap);
        count_drop(t, shift, reason)?;
    }
    Ok(kept)
}

fn count_drop(t: &Connection, shift: &str, reason: DropReason) -> Result<()> {
    t.prepare_cached(
        "INSERT INTO track_drop VALUES (?1, ?2, 1) ON CONFLICT DO UPDATE SET fixes = fixes + 1",
    )?
    .execute(params![shift, reason.as_str()])?;
    Ok(())
}

/// Makes blobs of a shift's vertices, each named by its last one. While the shift runs the last vertex stays.
pub(super) fn pack(t: &Connection, book: &Book, shift: &str, over: bool) -> Result<()> {
    let loose = keepable(t, shift, loose(t, book, shift)?)?;
    if !over && loose.len() < 2 {
        return Ok(());
    }
    let known: i64 = t
        .prepare_cached("SELECT COUNT(*) FROM track_vertex WHERE shift = ?1 AND packed = 1")?
        .query_row([shift], |r| r.get(0))?;
    let mut from = 0;
    // nothing but the vertex that the blob before ends with is no blob
    while loose.len() - from > usize::from(from > 0 || known > 0) {
        let part = &loose[from..loose.len().min(from + BLOB)];
        let (Some(first), Some(last)) = (part.first(), part.last()) else { break };
        let mut runs = Vec::new();
        append(&mut runs, part);
        // the vertex that the blob before ends with told its gap there
        if let Some(run) = runs.first_mut().filter(|_| from > 0) {
            run.gap = None;
        }
        let body = codec::encode(&runs).map_err(Error::storage)?;
        let sealed = book.seal.seal_bytes(&name(shift, last.0), &body)?;
        t.prepare_cached(
            "INSERT INTO track_blob (shift, seq, from_at, to_at, body) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![shift, last.0, first.1.at.0, last.1.at.0, sealed])?;
        from += part.len() - 1;
        if from + 1 >= loose.len() {
            break;
        }
    }
    if over {
        t.execute("DELETE FROM track_vertex WHERE shift = ?1", [shift])?;
    } else if let Some(last) = loose.last() {
        t.execute("DELETE FROM track_vertex WHERE shift = ?1 AND n <> ?2", params![shift, last.0])?;
        t.execute("UPDATE track_vertex SET packed = 1, first = 0, gap = NULL WHERE n = ?1", [last.0])?;
    }
    Ok(())
}

/// Name of a blob.
pub(super) fn name(shift: &str, seq: i64) -> String {
    format!("{shift}-{seq}")
}

pub(super) fn pack_all(t: &Connection, book: &Book) -> Result<usize> {
    if let Some(open) = open_shift(t, book)? {
        pack(t, book, &open.id, false)?;
    }
    let sql = "SELECT COUNT(*) FROM track_blob b JOIN track_shift s ON s.id = b.shift WHERE b.sent = 0 AND s.owner = ?1";
    let ready: i64 = t.query_row(sql, [&book.owner], |r| r.get(0))?;
    Ok(usize::try_from(ready).unwrap_or(0))
}

pub(super) fn unsent(c: &Connection, book: &Book) -> Result<Vec<Blob>> {
    let mut statement = c.prepare_cached(
        "SELECT b.shift, b.seq, b.from_at, b.to_at, b.body FROM track_blob b JOIN track_shift s ON s.id = b.shift \
         WHERE b.sent = 0 AND s.owner = ?1 ORDER BY b.n",
    )?;
    let mut rows = statement.query([&book.owner])?;
    let mut found = Vec::new();
    while let Some(r) = rows.next()? {
        let id = name(&r.get::<_, String>(0)?, r.get(1)?);
        match book.seal.open_bytes(&id, &r.get::<_, Vec<u8>>(4)?) {
            Ok(body) => found.push(Blob { id, from: UnixMs(r.get(2)?), to: UnixMs(r.get(3)?), body }),
            Err(_) => tracing::error!("a blob of a track is damaged"),
        }
    }
    Ok(found)
}

pub(super) fn note_sent(t: &Connection, ids: &[String], now: UnixMs) -> Result<()> {
    for id in ids {
        let Some((shift, seq)) = id.rsplit_once('-') else { continue };
        let Ok(seq) = seq.parse::<i64>() else { continue };
        t.prepare_cached(
            "UPDATE track_blob SET sent = 1, sent_at = ?3 WHERE shift = ?1 AND seq = ?2 AND sent <> 1",
        )?
        .execute(params![shift, seq, now.0])?;
    }
    Ok(())
}

pub(super) fn day(c: &Connection, book: &Book, from: UnixMs, to: UnixMs, now: &EventTime) -> Result<Day> {
    let mut day = Day::default();
    let mut drops: BTreeMap<DropReason, u64> = BTreeMap::new();
    let mut statement = c.prepare_cached(
        "SELECT id, began, ended, metres, low, high FROM track_shift WHERE began >= ?1 AND began < ?2 AND owner = ?3 \
         ORDER BY began",
    )?;
    let mut rows = statement.query(params![from.0, to.0, book.owner])?;
    let mut before: Option<UnixMs> = None;
    while let Some(row) = rows.next()? {
        let id: String = row.get(0)?;
        let (began, ended) = (UnixMs(row.get(1)?), row.get::<_, Option<i64>>(2)?.map(UnixMs));
        day.distance += Distance { metres: row.get(3)?, low: row.get(4)?, high: row.get(5)? };
        let off = before.filter(|b| *b < began);
        day.gaps.extend(off.map(|from| Gap { from, to: began, reason: GapReason::OffDuty, metres: 0.0 }));
        let start = day.runs.len();
        day.shifts.push((began, ended));
        shift_runs(c, book, &id, &mut day)?;
        if let Some(run) = day.runs.get_mut(start).filter(|_| start > 0) {
            run.gap.get_or_insert(GapReason::OffDuty);
        }
        notes(c, book, &id, &mut day)?;
        for (reason, fixes) in dropped(c, &id)? {
            *drops.entry(reason).or_default() += fixes;
        }
        if ended.is_none()
            && let Some(open) = open_shift(c, book)?
        {
            let summary = open.state.summary();
            if let (Some(end), Some(run)) = (summary.open_end, day.runs.last_mut()) {
                run.points.push(end);
            }
            day.stays.extend(summary.stay);
            day.gaps.extend(open.state.open_gap(now));
        }
        before = ended;
    }
    day.dropped = drops.into_iter().collect();
    Ok(day)
}

fn shift_runs(c: &Connection, book: &Book, shift: &str, day: &mut Day) -> Result<()> {
    let mut runs: Vec<Run> = Vec::new();
    let mut statement =
        c.prepare_cached("SELECT body, from_at, to_at, seq FROM track_blob WHERE shift = ?1 ORDER BY n")?;
    let mut rows = statement.query([shift])?;
    while let Some(row) = rows.next()? {
        let sealed: Vec<u8> = row.get(0)?;
        let opened = book.seal.open_bytes(&name(shift, row.get(3)?), &sealed).ok();
        let Some(parts) = opened.and_then(|body| codec::decode(&body).ok()) else {
            tracing::error!("a blob of a track is damaged");
            let (from, to) = (UnixMs(row.get(1)?), UnixMs(row.get(2)?));
            day.gaps.push(Gap { from, to, reason: GapReason::Unknown, metres: 0.0 });
            continue;
        };
        join(&mut runs, parts);
    }
    append(&mut runs, &loose(c, book, shift)?);
    day.runs.append(&mut runs);
    Ok(())
}

fn notes(c: &Connection, book: &Book, shift: &str, day: &mut Day) -> Result<()> {
    let mut statement = c.prepare_cached("SELECT kind, body FROM track_note WHERE shift = ?1 ORDER BY n")?;
    let mut rows = statement.query([shift])?;
    while let Some(row) = rows.next()? {
        let (kind, body): (String, Vec<u8>) = (row.get(0)?, row.get(1)?);
        match kind.as_str() {
            "gap" => day.gaps.push(book.seal.open(shift, &body)?),
            "stay" => day.stays.push(book.seal.open(shift, &body)?),
            "fence" => day.fences.push(book.seal.open(shift, &body)?),
            _ => day.evidence.push(book.seal.open(shift, &body)?),
        }
    }
    Ok(())
}

fn dropped(c: &Connection, shift: &str) -> Result<Vec<(DropReason, u64)>> {
    let mut statement = c.prepare_cached("SELECT reason, fixes FROM track_drop WHERE shift = ?1")?;
    let rows = statement.query_map([shift], |r| Ok((r.get::<_, String>(0)?, r.get::<_, i64>(1)?)))?;
    let mut found = Vec::new();
    for row in rows {
        let (reason, fixes) = row?;
        found.extend(DropReason::parse(&reason).map(|r| (r, fixes.unsigned_abs())));
    }
    Ok(found)
}
