//! Whether every recording is still what its chain says: `waybell-server check-recordings`. Reads only; the server may run.

use super::Filed;
use super::sound::measure;
use crate::keys::{KeyError, Keys};
use crate::store::{Store, StoreError, all, number, one};
use sea_orm::{DatabaseConnection, FromQueryResult};
use std::io::ErrorKind;
use std::path::Path;
use waybell_domain::evidence::{Link, check_chain, first};
use waybell_domain::id::OrganisationId;
use waybell_switch::SealError;

const PAGE: u32 = 1_000;

/// A link that somebody has kept, for example of an evidence bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its number.
    pub seq: u64,
    /// Its hash.
    pub hash: String,
}

impl std::str::FromStr for Kept {
    type Err = String;

    fn from_str(text: &str) -> Result<Kept, String> {
        let kept = text.split_once(':').and_then(|(seq, hash)| {
            let hash = hash.trim().to_ascii_lowercase();
            waybell_domain::evidence::unhex::<32>(&hash)?;
            Some(Kept { seq: seq.trim().parse().ok()?, hash })
        });
        kept.ok_or_else(|| "is no NUMBER:HASH of a link, as a bundle's report shows it".to_owned())
    }
}

/// What the check of an organisation came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Its name.
    pub organisation: String,
    /// Links of its chain.
    pub links: u64,
    /// Of these, recordings whose time was over, or that were erased with all of their organisation.
    pub gone: u64,
    /// Number and hash of the newest link, `NUMBER:HASH`.
    pub head: String,
    /// What is wrong, a sentence each.
    pub problems: Vec<String>,
    /// Links that were asked for and are in the chain as they were.
    pub holds: Vec<Kept>,
}

#[derive(FromQueryResult)]
struct Organisation {
    id: String,
    name: String,
}

#[derive(Clone, FromQueryResult)]
struct Row {
    phone_call_id: Option<String>,
    link: String,
    path: Option<String>,
    state: Option<String>,
    key_id: Option<String>,
    sealed_key: Option<String>,
}

impl Row {
    fn differs(&self, other: &Row) -> bool {
        (&self.path, &self.state, &self.key_id, &self.sealed_key)
            != (&other.path, &other.state, &other.key_id, &other.sealed_key)
    }
}

/// Recordings that have ended and have no link.
const STRAYS: &str = "SELECT r.id FROM recording r WHERE r.organisation_id = $1 AND (r.hash IS NOT NULL OR r.chained <> 0) \
     AND NOT EXISTS (SELECT 1 FROM recording_link l WHERE l.recording_id = r.id)";

#[derive(FromQueryResult)]
struct Stray {
    id: String,
}

/// Checks the recordings of every organisation. `kept` are links that must be in one of the chains.
///
/// # Errors
/// The database does not read.
pub async fn check(url: &str, media: &Path, keys: &Keys, kept: &[Kept]) -> Result<Vec<Checked>, StoreError> {
    let db = Store::look(url).await?;
    let found: Vec<Organisation> = all(&db, "SELECT id, name FROM organisation ORDER BY name", []).await?;
    let mut told = Vec::new();
    for organisation in found {
        let mut one = Checked { organisation: organisation.name, ..Checked::default() };
        match OrganisationId::parse(&organisation.id) {
            Ok(id) => {
                walk(&db, (media, keys), id, kept, &mut one).await?;
                let values = [id.to_string().into()];
                for stray in all::<Stray, _>(&db, STRAYS, values).await? {
                    one.problems.push(format!("recording {} is not in the chain", stray.id));
                }
            }
            Err(error) => one.problems.push(error.to_string()),
        }
        told.push(one);
    }
    db.close().await?;
    Ok(told)
}

async fn walk(
    db: &DatabaseConnection,
    place: (&Path, &Keys),
    of: OrganisationId,
    kept: &[Kept],
    told: &mut Checked,
) -> Result<(), StoreError> {
    let sql = "SELECT l.link, r.phone_call_id, r.path, r.state, r.key_id, r.sealed_key \
               FROM recording_link l LEFT JOIN recording r ON r.id = l.recording_id \
               WHERE l.organisation_id = $1 AND l.seq > $2 ORDER BY l.seq LIMIT $3";
    let erased =
        "SELECT COALESCE(MAX(at), 0) FROM audit WHERE organisation_id = $1 AND action = 'erase-recordings'";
    let erased_at = number(db, erased, [of.to_string().into()]).await?;
    let mut end = (0, first(of));
    let mut last = 0i64;
    loop {
        let values = [of.to_string().into(), last.into(), i64::from(PAGE).into()];
        let rows: Vec<Row> = all(db, sql, values).await?;
        let full = rows.len() == PAGE as usize;
        for row in rows {
            last += 1;
            let Ok(link) = serde_json::from_str::<Link>(&row.link) else {
                told.problems.push(format!("the link behind number {} does not read", end.0));
                continue;
            };
            last = i64::try_from(link.seq).unwrap_or(last).max(last);
            end = match check_chain(end.0, &end.1, std::slice::from_ref(&link)) {
                Ok(end) => end,
                Err(broken) => {
                    told.problems.push(broken.to_string());
                    (link.seq, link.hash.clone())
                }
            };
            told.holds.extend(kept.iter().filter(|k| k.seq == link.seq && k.hash == link.hash).cloned());
            told.links += 1;
            if row.phone_call_id.as_ref().is_some_and(|call| *call != link.call.to_string()) {
                told.problems.push(format!("recording {} was moved to another call", link.recording));
            }
            match judge(db, place, &link, row, erased_at).await? {
                Found::Whole => {}
                Found::Gone => told.gone += 1,
                Found::Wrong(problem) => told.problems.push(problem),
            }
        }
        if !full {
            break;
        }
        tracing::info!(organisation = %told.organisation, recordings = told.links, "checked so far");
    }
    told.head = format!("{}:{}", end.0, end.1);
    Ok(())
}

/// What became of a recording that has a link.
enum Found {
    Whole,
    /// Taken away by the rules, or with all of its organisation's.
    Gone,
    /// A sentence.
    Wrong(String),
}

/// Judges one. What looks wrong is read again where the server has done something with it meanwhile.
async fn judge(
    db: &DatabaseConnection,
    place: (&Path, &Keys),
    link: &Link,
    mut row: Row,
    erased_at: i64,
) -> Result<Found, StoreError> {
    loop {
        let read = row.clone();
        let found = sound(db, place, link, read, erased_at).await?;
        if !matches!(found, Found::Wrong(_)) {
            return Ok(found);
        }
        let sql =
            "SELECT phone_call_id, '' AS link, path, state, key_id, sealed_key FROM recording WHERE id = $1";
        let now: Option<Row> = one(db, sql, [link.recording.to_string().into()]).await?;
        match now.filter(|now| now.differs(&row)) {
            Some(now) => row = now,
            None => return Ok(found),
        }
    }
}

async fn sound(
    db: &DatabaseConnection,
    (media, keys): (&Path, &Keys),
    link: &Link,
    row: Row,
    erased_at: i64,
) -> Result<Found, StoreError> {
    let id = link.recording;
    let is_over = link.keep_until.0 <= chrono::Utc::now().timestamp_millis();
    let (Some(state), Some(path)) = (row.state, row.path) else {
        return Ok(Found::Wrong(format!("recording {id} has no row any more")));
    };
    if state == "gone" && (is_over || link.started_at.0 <= erased_at) {
        return Ok(Found::Gone);
    }
    let filed = Filed::read(&id.to_string(), path.clone(), row.key_id, row.sealed_key);
    let Some(filed) = filed else { return Ok(Found::Wrong(format!("recording {id} has a damaged row"))) };
    let source = match filed.source(keys, db, media).await {
        Ok(source) => source,
        Err(KeyError::Store(error)) => return Err(error),
        Err(error) => return Ok(Found::Wrong(format!("recording {id} cannot be heard: {error}"))),
    };
    let read = tokio::task::spawn_blocking(move || measure(&source)).await;
    Ok(match read.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten() {
        Ok(found) if found.hash.as_deref() == Some(link.sha256.as_str()) => Found::Whole,
        Ok(_) => Found::Wrong(format!("recording {id} was changed: {path}")),
        // the removal takes the key first
        Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound && is_over => Found::Gone,
        Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound => {
            Found::Wrong(format!("recording {id} is missing: {path}"))
        }
        Err(SealError::Io(error)) => Found::Wrong(format!("recording {id} does not read: {path}: {error}")),
        Err(error) => Found::Wrong(format!("recording {id} was changed: {path}: {error}")),
    })
}
