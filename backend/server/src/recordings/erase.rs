//! Erasing all recordings of an organisation: its key is forgotten, in one commit, and every copy of its sound is noise.
//!
//! What has a `legal_hold` stays: the keys of its files are wrapped anew with a new key of the organisation before the old one
//! goes. If one of them does not open, nothing is erased. Done while the server is not running, so that no unwrapped key is in use.

use super::keep;
use crate::keys::{KeyError, Keys, Stored};
use crate::store::{Store, all};
use sea_orm::FromQueryResult;
use std::path::Path;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, RecordingId};

/// What was erased.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Erased {
    /// Recordings that are gone.
    pub gone: u64,
    /// Those that a legal hold keeps.
    pub held: u64,
}

#[derive(FromQueryResult)]
struct Held {
    id: String,
    key_id: Option<String>,
    sealed_key: Option<String>,
}

/// Erases an organisation's recordings and voicemails; then removes their files.
///
/// # Errors
/// The database; or a key of one that is held does not open: then nothing was erased.
pub async fn erase(
    store: &Store,
    keys: &Keys,
    media: &Path,
    of: OrganisationId,
    now: UnixMs,
) -> Result<Erased, KeyError> {
    let write = store.begin().await?;
    let organisation = of.to_string();
    let sql = "SELECT id, key_id, sealed_key FROM recording WHERE organisation_id = $1 AND legal_hold = 1 AND state <> 'gone'";
    let held: Vec<Held> = all(write.tx(), sql, [organisation.clone().into()]).await?;
    let mut sealed = Vec::new();
    for row in &held {
        if let (Some(key_id), Ok(id)) = (row.key_id.clone(), RecordingId::parse(&row.id)) {
            sealed.push((id, Stored { key_id, sealed_key: row.sealed_key.clone() }));
        }
    }
    let kept = keys.rewrap(&write, of, now, &sealed).await?;
    let sql = "UPDATE recording SET state = 'gone', hash = NULL, sealed_key = NULL, words = NULL, words_intents = NULL, remove_path = COALESCE(remove_path, path) \
               WHERE organisation_id = $1 AND legal_hold = 0 AND state NOT IN ('gone', 'empty')";
    let gone = write.exec(sql, [organisation.clone().into()]).await?.rows_affected();
    let sql = "UPDATE organisation_key SET wrapped = NULL, erased_at = $1 WHERE organisation_id = $2 AND id <> $3 \
               AND wrapped IS NOT NULL";
    let values = [now.0.into(), organisation.clone().into(), kept.unwrap_or_default().into()];
    write.exec(sql, values).await?;
    let detail = format!("{gone} gone, {} held", held.len());
    crate::audit::record(&write, Some(of), None, now, "erase-recordings", &organisation, &detail).await?;
    write.commit().await?;
    keep::remove(store, media).await?;
    Ok(Erased { gone, held: held.len() as u64 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeyError;
    use crate::store::number;

    #[tokio::test]
    async fn all_goes_by_its_key_but_what_is_held() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("a.db").display())).await.unwrap();
        let keys = Keys::open(&dir.path().join("kms.key"));
        let (a, b) = (OrganisationId::at(1, [1; 10]), OrganisationId::at(1, [2; 10]));
        let write = store.begin().await.unwrap();
        for of in [a, b] {
            let sql = "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, $1, '', 'UTC', '{}', 1)";
            write.exec(sql, [of.to_string().into()]).await.unwrap();
        }
        let sql = "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
                   VALUES ('c', $1, 'incoming', 0, '[]', '[]', 1, 2)";
        write.exec(sql, [a.to_string().into()]).await.unwrap();
        write.commit().await.unwrap();
        let mut made = Vec::new();
        for (n, of, hold) in [(1u8, a, 0i64), (2, a, 1), (3, b, 0)] {
            let id = RecordingId::at(i64::from(n), [n; 10]);
            let (_, stored) = keys.make(&store, of, id, UnixMs(1)).await.unwrap();
            let path = format!("{n}.sealed");
            std::fs::write(dir.path().join(&path), "noise").unwrap();
            let write = store.begin().await.unwrap();
            let sql = "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, started_at, keep_until, \
                       legal_hold, key_id, sealed_key) VALUES ($1, $2, 'c', 'call', $3, 'done', 1, 9, $4, $5, $6)";
            let values = [
                id.to_string().into(),
                of.to_string().into(),
                path.into(),
                hold.into(),
                stored.key_id.clone().into(),
                stored.sealed_key.clone().into(),
            ];
            write.exec(sql, values).await.unwrap();
            write.commit().await.unwrap();
            made.push((id, stored));
        }
        let erased = erase(&store, &keys, dir.path(), a, UnixMs(5)).await.unwrap();
        assert_eq!(erased, Erased { gone: 1, held: 1 });
        let there = |n: u8| dir.path().join(format!("{n}.sealed")).exists();
        assert_eq!([there(1), there(2), there(3)], [false, true, true]);
        // as a server that starts afterwards finds it
        let keys = Keys::open(&dir.path().join("kms.key"));
        let old = keys.of(store.read(), made[0].0, &made[0].1).await;
        assert!(matches!(old, Err(KeyError::Erased)), "what was copied before does not open either: {old:?}");
        let sql = "SELECT id, key_id, sealed_key FROM recording WHERE state = 'done' ORDER BY id";
        for row in all::<Held, _>(store.read(), sql, []).await.unwrap() {
            let stored = Stored { key_id: row.key_id.unwrap(), sealed_key: row.sealed_key };
            keys.of(store.read(), RecordingId::parse(&row.id).unwrap(), &stored).await.unwrap();
        }
        let audit =
            "SELECT COUNT(*) FROM audit WHERE action = 'erase-recordings' AND detail = '1 gone, 1 held'";
        assert_eq!(number(store.read(), audit, []).await.unwrap(), 1);
        // one that is held and does not open stops all of it
        let write = store.begin().await.unwrap();
        write.exec("UPDATE recording SET sealed_key = 'x' WHERE legal_hold = 1", []).await.unwrap();
        write.exec("UPDATE recording SET legal_hold = 0, organisation_id = (SELECT organisation_id FROM recording WHERE \
            legal_hold = 1) WHERE path = '3.sealed'", []).await.unwrap();
        write.commit().await.unwrap();
        assert!(erase(&store, &keys, dir.path(), a, UnixMs(6)).await.is_err());
        assert!(there(3));
        keys.of(store.read(), made[2].0, &made[2].1).await.unwrap();
    }
}
