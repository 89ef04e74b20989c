//! Whether every recording is still what its chain says: `waybell-server check-recordings`. Reads only; the server may run.

use super::Filed;
use super::sound::measure;
use crate::keys::{KeyError, Keys};
use crate::store::{Store, StoreError, all};
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
    /// Of these, recordings whose time was over.
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

#[derive(FromQueryResult)]
struct Row {
    phone_call_id: Option<String>,
    link: String,
    path: Option<String>,
    state: Option<String>,
    key_id: Option<String>,
    sealed_key: Option<String>,
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
            sound(db, place, &link, row, told).await?;
        }
        if !full {
            break;
        }
        tracing::info!(organisation = %told.organisation, recordings = told.links, "checked so far");
    }
    told.head = format!("{}:{}", end.0, end.1);
    Ok(())
}

async fn sound(
    db: &DatabaseConnection,
    (media, keys): (&Path, &Keys),
    link: &Link,
    row: Row,
    told: &mut Checked,
) -> Result<(), StoreError> {
    let id = link.recording;
    let is_over = link.keep_until.0 <= chrono::Utc::now().timestamp_millis();
    let (Some(state), Some(path)) = (row.state, row.path) else {
        told.problems.push(format!("recording {id} has no row any more"));
        return Ok(());
    };
    if state == "gone" && is_over {
        told.gone += 1;
        return Ok(());
    }
    let filed = Filed::read(&id.to_string(), path.clone(), row.key_id, row.sealed_key);
    let Some(filed) = filed else { return Ok(()) };
    let source = match filed.source(keys, db, media).await {
        Ok(source) => source,
        Err(KeyError::Store(error)) => return Err(error),
        Err(error) => {
            told.problems.push(format!("recording {id} cannot be heard: {error}"));
            return Ok(());
        }
    };
    let read = tokio::task::spawn_blocking(move || measure(&source)).await;
    match read.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten() {
        Ok(found) if found.hash.as_deref() == Some(link.sha256.as_str()) => {}
        Ok(_) => told.problems.push(format!("recording {id} was changed: {path}")),
        // the removal takes the key first
        Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound && is_over => told.gone += 1,
        Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound => {
            told.problems.push(format!("recording {id} is missing: {path}"));
        }
        Err(SealError::Io(error)) => {
            told.problems.push(format!("recording {id} does not read: {path}: {error}"))
        }
        Err(error) => told.problems.push(format!("recording {id} was changed: {path}: {error}")),
    }
    Ok(())
}
