//! Whose database it is, and whether it is the newest one.
//!
//! **Fence.** Each start of a server takes the next number, in the database. Every write looks, in its own transaction,
//! whether that number is still the highest, and fails with [`StoreError::Fenced`] where it is not: of two servers on
//! one database only the later one can store an intent, and so only that one can ring anybody.
//!
//! **Restored copies.** A database that was put back from a backup does not know whom its successor has rung. It is
//! told by the mark beside it ([`super::mark`]): other generation, fewer commits than the mark has seen, a mark that is
//! gone or was copied. Then the data get a new generation, every unfinished batch is paused with the reason
//! `restored`, and open calls are left alone: nobody asks the network about them, they become unknown.
//!
//! A dump of PostgreSQL that was read back says so itself: it has another server's number, or tables with other numbers
//! ([`super::postgres::Identity`]). A server with another folder, which takes over, has no mark of its own to go by; there
//! a log that was recovered to an earlier moment, or a standby that was promoted without the last commits, is known by its
//! timeline. Where the database goes back under a server that runs, its own count of commits finds that at the next commit.
//!
//! **Order.** The first mark is on the disk before the row of its generation is committed, and has the number 0 until
//! then; later marks are written after the commit that they count. A new generation is committed before its mark is
//! made: a crash between the two finds the copy again, and pauses again what is paused.

use super::mark::{Found, Mark, Record, find};
use super::place::Place;
use super::postgres::Identity;
use super::{Store, StoreError, all, exec, number, one};
use parking_lot::Mutex;
use sea_orm::{DatabaseTransaction, DbErr, FromQueryResult};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{EventId, OrganisationId};

/// Why a batch was paused when a backup was put back.
pub const RESTORED: &str = "restored";
/// Fence of an open attempt about which the network may not be asked.
pub const ORPHANED: i64 = -1;

/// Held by a store that was claimed.
pub(super) struct Owner {
    pub(super) fence: i64,
    pub(super) mark: Mutex<Mark>,
    /// The commit that was counted last.
    last: AtomicI64,
}

impl Owner {
    /// Each commit counts on from the one before it, or they are not of one history.
    pub(super) fn follows(&self, mark: i64) -> Result<i64, StoreError> {
        let known = self.last.load(Ordering::Relaxed);
        if mark <= known {
            return Err(StoreError::GoneBack { found: mark, known });
        }
        Ok(mark)
    }

    /// This commit is done.
    pub(super) fn counted(&self, mark: i64) {
        self.last.fetch_max(mark, Ordering::Relaxed);
    }
}

/// What [`Store::claim`] has found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// This owner's number.
    pub fence: i64,
    /// Why the data are a restored copy, where they are.
    pub restored: Option<&'static str>,
    /// The owner before was a server with another data folder.
    pub moved: bool,
}

#[derive(FromQueryResult)]
struct Row {
    fence: i64,
    node: String,
    mark: i64,
}

#[derive(FromQueryResult)]
struct Value {
    value: String,
}

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

impl Store {
    /// Becomes the owner. `node` names the server's data folder, `data`. Writes of this store are fenced from now on.
    pub async fn claim(&self, data: &Path, node: &str, now: UnixMs) -> Result<Claim, StoreError> {
        let path = self.place.mark(data);
        let identity = match &self.place {
            Place::Sqlite(_) => None,
            Place::Postgres(_) => Identity::of(&self.reader).await?,
        };
        let write = self.begin().await?;
        let tx = write.tx();
        let row: Option<Row> = one(tx, "SELECT fence, node, mark FROM owner WHERE id = 1", []).await?;
        let known: Option<Value> = one(tx, "SELECT value FROM meta WHERE key = 'generation'", []).await?;
        let known = known.map(|v| v.value);
        let was: Option<Value> = one(tx, "SELECT value FROM meta WHERE key = 'identity'", []).await?;
        let was = was.and_then(|v| Identity::parse(&v.value));
        let used = number(tx, "SELECT COUNT(*) FROM batch", []).await? > 0;
        let found = find(&path);
        let moved = row.as_ref().is_some_and(|r| r.node != node);
        // a server of its own has no file beside it that would come along to another folder
        let alone = moved && matches!(self.place, Place::Postgres(_));
        let restored = match copied(was.as_ref(), identity.as_ref(), moved) {
            Some(why) => Some(why),
            None if alone && found == Found::Absent => None,
            None => suspicion(row.as_ref(), known.as_deref(), &found),
        };
        let restored = restored.filter(|_| used);
        let seen = match &found {
            Found::Own(r) | Found::Copied(r) => r.mark,
            Found::Absent => 0,
        };
        let mark = row.as_ref().map_or(0, |r| r.mark).max(seen) + 1;
        let mut file = None;
        let generation = match (&row, known, &found) {
            (Some(_), Some(known), Found::Own(r)) if restored.is_none() && r.generation == known => {
                file = Some(Mark::open(&path, known.clone()).map_err(io)?);
                known
            }
            (Some(_), Some(known), Found::Absent) if restored.is_none() && alone => known,
            _ => fresh(),
        };
        if file.is_none() && restored.is_none() {
            // a first start: its mark is there before its row is
            let first = Record { generation: generation.clone(), mark: 0 };
            file = Some(Mark::create(&path, &first).map_err(io)?);
        }
        let fence = 1 + row
            .as_ref()
            .map_or(0, |r| r.fence)
            .max(number(tx, "SELECT MAX(fence) FROM batch", []).await?)
            .max(number(tx, "SELECT MAX(fence) FROM attempt", []).await?);
        exec(
            tx,
            "INSERT INTO owner (id, fence, node, mark) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET fence = excluded.fence, node = excluded.node, mark = excluded.mark",
            [fence.into(), node.into(), mark.into()],
        )
        .await?;
        let said = "INSERT INTO meta (key, value) VALUES ($1, $2) ON CONFLICT (key) DO UPDATE SET value = excluded.value";
        exec(tx, said, ["generation".into(), generation.clone().into()]).await?;
        if let Some(identity) = &identity {
            exec(tx, said, ["identity".into(), identity.text().into()]).await?;
        }
        exec(tx, "UPDATE batch SET fence = $1 WHERE state NOT IN ('done', 'cancelled')", [fence.into()])
            .await?;
        if restored.is_some() || moved {
            exec(tx, "UPDATE attempt SET fence = $1 WHERE is_open = 1", [ORPHANED.into()]).await?;
            exec(tx, "UPDATE side_call SET is_open = 0, end_at = $1 WHERE is_open = 1", [now.0.into()])
                .await?;
        }
        if let Some(why) = restored {
            let rev = write.next_rev();
            pause(tx, rev, now, why).await?;
        }
        write.commit().await?;
        let mut file = match file {
            Some(file) => file,
            None => Mark::create(&path, &Record { generation, mark }).map_err(io)?,
        };
        file.write(mark).map_err(io)?;
        let _ = self.owner.set(Owner { fence, mark: Mutex::new(file), last: AtomicI64::new(mark) });
        Ok(Claim { fence, restored, moved })
    }

    /// The number of this owner, once it has claimed.
    pub fn fence(&self) -> Option<i64> {
        self.owner.get().map(|o| o.fence)
    }
}

/// Why a database of PostgreSQL is not the one that was owned.
fn copied(was: Option<&Identity>, now: Option<&Identity>, moved: bool) -> Option<&'static str> {
    let (was, now) = (was?, now?);
    if was.database != now.database {
        return Some("the database is a copy of the one that was served");
    }
    // the server whose last commits may be missing knows by its mark; another one cannot know
    (moved && was.timeline != now.timeline)
        .then_some("the database was recovered, or a standby was promoted, since it was served")
}

/// Why these data look like a copy put back.
fn suspicion(row: Option<&Row>, generation: Option<&str>, found: &Found) -> Option<&'static str> {
    match (row, found) {
        (None, Found::Absent) => None,
        // a first start that was cut short
        (None, Found::Own(r)) if r.mark == 0 => None,
        (None, _) => Some("the database is older than the mark beside it"),
        (Some(_), Found::Absent) => Some("the mark beside the database is missing"),
        (Some(_), Found::Copied(_)) => Some("the mark beside the database is a copy"),
        (Some(_), Found::Own(r)) if generation != Some(&r.generation) => {
            Some("the mark beside the database belongs to other data")
        }
        (Some(row), Found::Own(r)) if r.mark > row.mark => {
            Some("the database is older than the mark beside it")
        }
        (Some(_), Found::Own(_)) => None,
    }
}

async fn pause(tx: &DatabaseTransaction, rev: i64, now: UnixMs, why: &str) -> Result<(), StoreError> {
    exec(
        tx,
        "UPDATE batch SET state = 'paused', reason = $1, rev = $2 WHERE state IN ('scheduled', 'running', 'paused')",
        [RESTORED.into(), rev.into()],
    )
    .await?;
    for org in all::<Id, _>(tx, "SELECT id FROM organisation", []).await? {
        exec(
            tx,
            "INSERT INTO audit (id, organisation_id, person_id, at, action, subject, detail) VALUES ($1, $2, NULL, $3, $4, $2, $5)",
            [
                EventId::at(now, rand::random()).to_string().into(),
                OrganisationId::parse(&org.id).map_or(org.id, |o| o.to_string()).into(),
                now.0.into(),
                RESTORED.into(),
                why.into(),
            ],
        )
        .await?;
    }
    Ok(())
}

fn fresh() -> String {
    rand::random::<[u8; 16]>().iter().map(|b| format!("{b:02x}")).collect()
}

fn io(error: std::io::Error) -> StoreError {
    DbErr::Custom(format!("the mark beside the database: {error}")).into()
}
