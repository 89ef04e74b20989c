//! How long tracks stay on the phone, and how much room they may take.
//!
//! What the server has is kept for some days, so that a courier can look at it without a network. What the server does not
//! have stays, whatever its age, until it takes more room than it may: then the oldest of it goes, and how much that was
//! is told ([`TrackStatus::lost`]). A sign-out removes what the server has; the rest stays, sealed, and goes out when the
//! same person signs in again, whoever uses the phone meanwhile.

use super::adopt;
use super::engine::Event;
use super::rows::{self, Book};
use crate::error::Result;
use crate::store::{meta, set_meta};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{DAY, EventTime};

/// Keys in `meta`.
const RULES: &str = "track_keep";
const LOST: &str = "tracks_lost";

/// How long, and how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeepRules {
    /// Days after which what the server has is removed here.
    pub days: u32,
    /// Most bytes of what waits for the server.
    pub most_bytes: u64,
}

impl Default for KeepRules {
    /// 7 days, 64 MB: some years of riding.
    fn default() -> Self {
        KeepRules { days: 7, most_bytes: 64 << 20 }
    }
}

/// Tracks of this person on this phone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TrackStatus {
    /// A shift runs.
    pub on_duty: bool,
    /// Parts that wait for the server.
    pub waiting: u32,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Parts that the server will never take; they are kept as long as those that it has.
    pub refused: u32,
    /// Parts that were removed before the server had them, because there was no room; since the last sign-in of another
    /// person.
    pub lost: u32,
}

pub(super) fn rules(c: &Connection) -> Result<KeepRules> {
    Ok(meta(c, RULES)?.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
}

pub(super) fn set_rules(t: &Connection, rules: KeepRules) -> Result<()> {
    set_meta(t, RULES, Some(&serde_json::to_string(&rules)?))
}

pub(super) fn status(c: &Connection, book: &Book) -> Result<TrackStatus> {
    let on_duty = rows::open_shift(c, book)?.is_some();
    let (waiting, bytes, refused): (u32, i64, u32) = c
        .prepare_cached(
            "SELECT COUNT(*) FILTER (WHERE b.sent = 0), COALESCE(SUM(LENGTH(b.body)) FILTER (WHERE b.sent = 0), 0), \
             COUNT(*) FILTER (WHERE b.sent = 2) FROM track_blob b JOIN track_shift s ON s.id = b.shift WHERE s.owner = ?1",
        )?
        .query_row([&book.owner], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?;
    let lost = meta(c, LOST)?.and_then(|n| n.parse().ok()).unwrap_or(0);
    Ok(TrackStatus { on_duty, waiting, waiting_bytes: bytes.unsigned_abs(), refused, lost })
}

/// Removes what the server has had for long enough. How many parts went.
pub(super) fn purge(t: &Connection, now: &EventTime) -> Result<usize> {
    let before = now.wall.0.saturating_sub(i64::from(rules(t)?.days) * DAY);
    let gone = t.execute("DELETE FROM track_blob WHERE sent <> 0 AND sent_at < ?1", [before])?;
    t.execute(
        "DELETE FROM track_note WHERE sent <> 0 AND sent_at < ?1 AND NOT EXISTS \
         (SELECT 1 FROM track_shift s WHERE s.id = track_note.shift AND s.ended IS NULL)",
        [before],
    )?;
    forget_shifts(t)?;
    Ok(gone)
}

/// Removes shifts of which nothing is left and that the server knows.
fn forget_shifts(t: &Connection) -> Result<()> {
    t.execute_batch(
        "DELETE FROM track_shift WHERE ended IS NOT NULL AND told >= version \
         AND NOT EXISTS (SELECT 1 FROM track_blob b WHERE b.shift = track_shift.id) \
         AND NOT EXISTS (SELECT 1 FROM track_note n WHERE n.shift = track_shift.id) \
         AND NOT EXISTS (SELECT 1 FROM track_vertex v WHERE v.shift = track_shift.id); \
         DELETE FROM track_drop WHERE shift NOT IN (SELECT id FROM track_shift);",
    )?;
    Ok(())
}

/// Keeps what waits within its room: first what the server has goes, then the oldest that it has not.
pub(super) fn bound(t: &Connection) -> Result<()> {
    let most = i64::try_from(rules(t)?.most_bytes).unwrap_or(i64::MAX);
    let held = |t: &Connection| -> Result<i64> {
        Ok(t.prepare_cached("SELECT COALESCE(SUM(LENGTH(body)), 0) FROM track_blob")?
            .query_row([], |r| r.get(0))?)
    };
    if held(t)? <= most {
        return Ok(());
    }
    t.execute("DELETE FROM track_blob WHERE sent <> 0", [])?;
    let mut lost = 0;
    while held(t)? > most {
        lost += t.execute(
            "DELETE FROM track_blob WHERE n IN (SELECT n FROM track_blob ORDER BY n LIMIT 16)",
            [],
        )?;
    }
    if lost > 0 {
        tracing::error!(lost, "parts of tracks were removed before the server had them: there is no room");
        let before = meta(t, LOST)?.and_then(|n| n.parse::<usize>().ok()).unwrap_or(0);
        set_meta(t, LOST, Some(&(before + lost).to_string()))?;
    }
    Ok(())
}

/// What a sign-out leaves: a shift that runs ends, and is packed; what the server has is removed. How many parts wait.
pub(crate) fn clear(t: &Connection, book: &Book, now: &EventTime) -> Result<u32> {
    adopt::adopt(t, book)?;
    t.execute_batch("PRAGMA secure_delete = ON;")?;
    if rows::open_shift(t, book)?.is_some() {
        rows::run(t, book, vec![Event::DutyOff], now, "sign-out", [0; 10])?;
    }
    t.execute_batch("DELETE FROM track_blob WHERE sent <> 0; DELETE FROM track_note WHERE sent <> 0;")?;
    forget_shifts(t)?;
    t.execute_batch("PRAGMA secure_delete = OFF;")?;
    let sql = "SELECT COUNT(*) FROM track_blob b JOIN track_shift s ON s.id = b.shift WHERE b.sent = 0 AND s.owner = ?1";
    Ok(t.query_row(sql, [&book.owner], |r| r.get(0)).optional()?.unwrap_or(0))
}

/// A shift of somebody else that was not ended, because the phone's data were put back: it is packed and ends where it was,
/// and goes out when that person signs in.
pub(super) fn end_strangers(t: &Connection, book: &Book) -> Result<()> {
    let sql = "SELECT id, owner FROM track_shift WHERE ended IS NULL AND owner <> ?1";
    let open = t.prepare_cached(sql)?.query_row([&book.owner], |r| Ok((r.get(0)?, r.get(1)?))).optional()?;
    let Some((id, owner)) = open else { return Ok(()) };
    let (id, stranger): (String, Book) = (id, Book { seal: book.seal.clone(), owner });
    rows::pack(t, &stranger, &id, true)?;
    let newest = rows::newest(t, &id)?;
    let sql = "UPDATE track_shift SET ended = MAX(began, COALESCE(?2, began)), state = NULL, version = version + 1 \
               WHERE id = ?1";
    t.prepare_cached(sql)?.execute(params![id, newest])?;
    Ok(())
}
