//! How long recordings are kept.
//!
//! First the key goes: one commit forgets it, says `gone`, and notes the file as one to be removed. From then on the sound is noise,
//! in every copy of the folder too. Then the file is removed, and then its note: a crash between leaves a note, never a file that
//! nothing names any more. A file that cannot be removed keeps its note, for the next look, and holds up no other.
//!
//! Rows are chosen and keys forgotten in one transaction, so that a `legal_hold` comes either before all of it or after; few at
//! once, so that the dialler never waits for long. What a sealing has left of a recording in clear (`seal`) goes the same way.

use crate::app::Shared;
use crate::store::{Store, StoreError, Write, all};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use waybell_domain::clock::UnixMs;

/// Between looks.
const EVERY: Duration = Duration::from_secs(600);
/// Rows of one transaction.
const AT_ONCE: i64 = 20;

/// Takes away what is past its time, and watches the disk, until the server stops.
pub async fn run(app: Shared) {
    tokio::join!(sweeps(&app), super::disk::watch(&app));
}

async fn sweeps(app: &Shared) {
    let media = app.config.media_dir();
    loop {
        if let Err(error) = super::chain::catch_up(&app.store).await {
            tracing::warn!(%error, "recordings could not be added to the chain; tried again later");
        }
        if let Err(error) = super::seal::all_in_clear(app).await {
            tracing::warn!(%error, "recordings in clear could not be sealed; tried again later");
        }
        if let Err(error) = remove(&app.store, &media).await {
            tracing::warn!(%error, "files of recordings could not be removed; tried again later");
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = crate::calls::tidy(&app.store, app.clock.now()).await {
            tracing::warn!(%error, "old numbers of calls could not be removed; tried again later");
        }
        if let Err(error) = sweep(&app.store, &media, app.clock.now()).await {
            tracing::warn!(%error, "old recordings could not be removed; tried again later");
        }
    }
}

#[derive(FromQueryResult)]
struct Due {
    id: String,
}

/// The next few whose time is over.
async fn due<C: ConnectionTrait>(db: &C, now: UnixMs) -> Result<Vec<Due>, StoreError> {
    let sql = "SELECT id FROM recording WHERE keep_until <= $1 AND legal_hold = 0 AND state NOT IN ('open', 'gone') \
         ORDER BY keep_until, id LIMIT $2";
    all(db, sql, [now.0.into(), AT_ONCE.into()]).await
}

/// Forgets what is past its time, and gives how many recordings went.
async fn sweep(store: &Store, media: &Path, now: UnixMs) -> Result<usize, StoreError> {
    let mut gone = 0;
    // mostly there is nothing, and then nobody waits for the writer
    while !due(store.read(), now).await?.is_empty() {
        let write = store.begin().await?;
        for row in due(write.tx(), now).await? {
            forget(&write, &row.id).await?;
            gone += 1;
        }
        write.commit().await?;
    }
    remove(store, media).await?;
    Ok(gone)
}

/// Forgets a recording's key. Its file goes with the next [`remove`].
pub(super) async fn forget(write: &Write, id: &str) -> Result<(), StoreError> {
    let sql = "UPDATE recording SET state = 'gone', hash = NULL, sealed_key = NULL, words = NULL, words_intents = NULL, remove_path = COALESCE(remove_path, path) WHERE id = $1";
    write.exec(sql, [id.into()]).await.map(drop)
}

#[derive(FromQueryResult)]
struct Noted {
    id: String,
    remove_path: String,
}

/// Removes files that are noted to be removed.
pub(super) async fn remove(store: &Store, media: &Path) -> Result<(), StoreError> {
    let sql = "SELECT id, remove_path FROM recording WHERE remove_path IS NOT NULL AND id > $1 ORDER BY id LIMIT $2";
    let mut after = String::new();
    loop {
        let rows: Vec<Noted> = all(store.read(), sql, [after.into(), AT_ONCE.into()]).await?;
        let Some(last) = rows.last() else { return Ok(()) };
        after = last.id.clone();
        let mut removed = Vec::new();
        for row in rows {
            match tokio::fs::remove_file(media.join(&row.remove_path)).await {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::error!(%error, recording = %row.id, "a file of a recording cannot be removed");
                }
                _ => removed.push(row),
            }
        }
        if removed.is_empty() {
            continue;
        }
        let write = store.begin().await?;
        for row in removed {
            let sql = "UPDATE recording SET remove_path = NULL WHERE id = $1 AND remove_path = $2";
            write.exec(sql, [row.id.into(), row.remove_path.into()]).await?;
        }
        write.commit().await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::number;

    async fn store(dir: &Path) -> Store {
        let store = Store::open(&format!("sqlite:{}", dir.join("a.db").display())).await.unwrap();
        let write = store.begin().await.unwrap();
        for sql in [
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ('o', 'o', 'o', 'UTC', '{}', 1)",
            "INSERT INTO branch (id, organisation_id, name) VALUES ('b', 'o', 'b')",
            "INSERT INTO published_number (id, organisation_id, branch_id, number_key, name, proof, proof_date, created_at) \
             VALUES ('n', 'o', 'b', '+8695338', '', 'letter', '2026-01-01', 1)",
            "INSERT INTO phone_call (id, organisation_id, direction, branch_id, number_id, is_open, explain, parcels, \
             started_at, keep_until) VALUES ('c', 'o', 'incoming', 'b', 'n', 0, '[]', '[]', 1, 1)",
        ] {
            write.exec(sql, []).await.unwrap();
        }
        write.commit().await.unwrap();
        store
    }

    async fn add(store: &Store, id: &str, state: &str, until: i64, hold: i64) {
        let write = store.begin().await.unwrap();
        write
            .exec(
                "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, started_at, \
                 keep_until, legal_hold, key_id, sealed_key) VALUES ($1, 'o', 'c', 'call', $1, $2, 1, $3, $4, 'o', 'k')",
                [id.into(), state.into(), until.into(), hold.into()],
            )
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    async fn gone(store: &Store) -> Vec<String> {
        let sql = "SELECT id FROM recording WHERE state = 'gone' AND sealed_key IS NULL ORDER BY id";
        let rows: Vec<Due> = all(store.read(), sql, []).await.unwrap();
        rows.into_iter().map(|r| r.id).collect()
    }

    #[tokio::test]
    async fn what_is_past_its_time_goes_and_what_is_held_stays() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        for (id, state, until, hold) in [
            ("old", "done", 100, 0),
            ("held", "done", 100, 1),
            ("new", "done", 101, 0),
            ("open", "open", 1, 0),
        ] {
            add(&store, id, state, until, hold).await;
            std::fs::write(dir.path().join(id), "sound").unwrap();
        }
        add(&store, "lost", "done", 100, 0).await;
        assert_eq!(sweep(&store, dir.path(), UnixMs(100)).await.unwrap(), 2);
        let there: Vec<bool> =
            ["old", "held", "new", "open"].iter().map(|f| dir.path().join(f).exists()).collect();
        assert_eq!(there, [false, true, true, true]);
        assert_eq!(gone(&store).await, ["lost", "old"]);
        let kept = "SELECT COUNT(*) FROM recording WHERE sealed_key = 'k'";
        assert_eq!(number(store.read(), kept, []).await.unwrap(), 3);
        assert_eq!(sweep(&store, dir.path(), UnixMs(100)).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn the_key_goes_first_and_a_death_leaves_no_file_behind() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        add(&store, "old", "done", 100, 0).await;
        std::fs::write(dir.path().join("old"), "sound").unwrap();
        let write = store.begin().await.unwrap();
        forget(&write, "old").await.unwrap();
        write.commit().await.unwrap();
        // the server dies here
        assert_eq!(gone(&store).await, ["old"]);
        assert!(dir.path().join("old").exists());
        assert_eq!(sweep(&store, dir.path(), UnixMs(1)).await.unwrap(), 0);
        assert!(!dir.path().join("old").exists());
        let noted = "SELECT COUNT(*) FROM recording WHERE remove_path IS NOT NULL";
        assert_eq!(number(store.read(), noted, []).await.unwrap(), 0);
    }

    #[tokio::test]
    async fn files_that_cannot_be_removed_hold_up_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = store(dir.path()).await;
        // more than go at once, all of one time
        for n in 0..=AT_ONCE {
            let id = format!("bad{n:02}");
            add(&store, &id, "done", 50, 0).await;
            // a folder is no file that could be removed
            std::fs::create_dir(dir.path().join(&id)).unwrap();
        }
        add(&store, "old", "done", 100, 0).await;
        std::fs::write(dir.path().join("old"), "sound").unwrap();
        assert_eq!(sweep(&store, dir.path(), UnixMs(100)).await.unwrap(), AT_ONCE as usize + 2);
        assert!(!dir.path().join("old").exists());
        let noted = async || {
            number(store.read(), "SELECT COUNT(*) FROM recording WHERE remove_path IS NOT NULL", [])
                .await
                .unwrap()
        };
        assert_eq!(noted().await, AT_ONCE + 1);
        // once it can be removed, the next look takes it
        std::fs::remove_dir(dir.path().join("bad07")).unwrap();
        sweep(&store, dir.path(), UnixMs(100)).await.unwrap();
        assert_eq!(noted().await, AT_ONCE);
    }
}
