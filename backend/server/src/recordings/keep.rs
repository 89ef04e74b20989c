//! How long recordings are kept.
//!
//! First the file goes, then the row says `gone`: a crash between the two leaves a row whose file is not there, which the next
//! look puts right; never a file that nothing names any more and nobody would ever take away. A file that cannot be removed
//! keeps its row as it is, for the next look, and holds up no other: a look goes on behind it.
//!
//! Rows are chosen, files removed and rows written in one transaction, so that a `legal_hold` comes either before all of it or
//! after; few at once, so that the dialler never waits for long.

use crate::app::Shared;
use crate::store::{Store, StoreError, all};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use waybell_domain::clock::UnixMs;

/// Between looks.
const EVERY: Duration = Duration::from_secs(600);
/// Files taken away in one transaction.
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
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
        if let Err(error) = crate::calls::tidy(&app.store, app.clock.now()).await {
            tracing::warn!(%error, "old numbers of calls could not be removed; tried again later");
        }
        let mut after = Some(Mark::default());
        while let Some(mark) = after.take() {
            if app.stopping.is_cancelled() {
                return;
            }
            match sweep(&app.store, &media, app.clock.now(), mark).await {
                Ok(swept) => after = swept.next,
                Err(error) => {
                    tracing::warn!(%error, "old recordings could not be removed; tried again later")
                }
            }
        }
    }
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    path: String,
    keep_until: i64,
}

/// How far a look has come: behind the row of this time and id.
#[derive(Debug, Default)]
struct Mark {
    keep_until: i64,
    id: String,
}

/// What a transaction of a look came to.
#[derive(Debug)]
struct Swept {
    /// Recordings that went.
    gone: usize,
    /// Where to go on, if there may be more.
    next: Option<Mark>,
}

/// The next few behind `after` whose time is over.
async fn due<C: ConnectionTrait>(db: &C, now: UnixMs, after: &Mark) -> Result<Vec<Row>, StoreError> {
    let values = [now.0.into(), after.keep_until.into(), after.id.clone().into(), AT_ONCE.into()];
    let sql = "SELECT id, path, keep_until FROM recording WHERE keep_until <= $1 AND legal_hold = 0 \
         AND state NOT IN ('open', 'gone') AND (keep_until > $2 OR keep_until = $2 AND id > $3) \
         ORDER BY keep_until, id LIMIT $4";
    all(db, sql, values).await
}

/// Takes away the next few behind `after`.
async fn sweep(store: &Store, media: &Path, now: UnixMs, after: Mark) -> Result<Swept, StoreError> {
    let mut swept = Swept { gone: 0, next: None };
    // mostly there is nothing, and then nobody waits for the writer
    if due(store.read(), now, &after).await?.is_empty() {
        return Ok(swept);
    }
    let write = store.begin().await?;
    let rows = due(write.tx(), now, &after).await?;
    let full = rows.len() >= AT_ONCE as usize;
    for row in rows {
        match tokio::fs::remove_file(media.join(&row.path)).await {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                tracing::error!(%error, recording = %row.id, "a recording past its time cannot be removed");
            }
            _ => {
                let sql = "UPDATE recording SET state = 'gone', hash = NULL WHERE id = $1";
                write.exec(sql, [row.id.clone().into()]).await?;
                swept.gone += 1;
            }
        }
        if full {
            swept.next = Some(Mark { keep_until: row.keep_until, id: row.id });
        }
    }
    write.commit().await?;
    Ok(swept)
}

#[cfg(test)]
mod tests {
    use super::*;

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
                 keep_until, legal_hold) VALUES ($1, 'o', 'c', 'call', $1, $2, 1, $3, $4)",
                [id.into(), state.into(), until.into(), hold.into()],
            )
            .await
            .unwrap();
        write.commit().await.unwrap();
    }

    async fn gone(store: &Store) -> Vec<String> {
        let sql = "SELECT id, path, keep_until FROM recording WHERE state = 'gone' ORDER BY id";
        let rows: Vec<Row> = all(store.read(), sql, []).await.unwrap();
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
        // a crash took the file and left the row
        add(&store, "lost", "done", 100, 0).await;
        assert_eq!(sweep(&store, dir.path(), UnixMs(100), Mark::default()).await.unwrap().gone, 2);
        let there: Vec<bool> =
            ["old", "held", "new", "open"].iter().map(|f| dir.path().join(f).exists()).collect();
        assert_eq!(there, [false, true, true, true]);
        assert_eq!(gone(&store).await, ["lost", "old"]);
        assert_eq!(sweep(&store, dir.path(), UnixMs(100), Mark::default()).await.unwrap().gone, 0);
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
        let (mut after, mut turns) = (Some(Mark::default()), 0);
        while let Some(mark) = after {
            after = sweep(&store, dir.path(), UnixMs(100), mark).await.unwrap().next;
            turns += 1;
            assert!(turns <= 2, "a look ends");
        }
        assert_eq!(turns, 2);
        assert_eq!(gone(&store).await, ["old"]);
        assert!(!dir.path().join("old").exists());
        // once it can be removed, the next look takes it
        std::fs::remove_dir(dir.path().join("bad07")).unwrap();
        assert_eq!(sweep(&store, dir.path(), UnixMs(100), Mark::default()).await.unwrap().gone, 1);
        assert_eq!(gone(&store).await, ["bad07", "old"]);
    }
}
