//! Sealing recordings that an older server left in clear.
//!
//! One after the other, beside everything else, whenever the server looks after its recordings: a sealed copy is made, read back and
//! compared with the SHA-256 of the row; one commit makes it the recording's file and notes the one in clear as to be removed. A
//! death at any moment leaves a recording that is heard, in clear or sealed. One that is not what its row says stays as it is,
//! because it may be evidence, and the log says so.

use super::sound::measure;
use super::{Source, keep};
use crate::app::Shared;
use crate::keys::KeyError;
use crate::store::{StoreError, all};
use sea_orm::FromQueryResult;
use std::io::ErrorKind;
use std::path::Path;
use waybell_domain::id::{OrganisationId, RecordingId};
use waybell_switch::{FileKey, SealError, sealed};

/// Rows that are looked at together.
const AT_ONCE: i64 = 50;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    path: String,
    hash: String,
}

/// Seals what lies in clear, until there is nothing left that can be.
pub(super) async fn all_in_clear(app: &Shared) -> Result<(), StoreError> {
    let sql = "SELECT id, organisation_id, path, hash FROM recording WHERE key_id IS NULL AND hash IS NOT NULL \
         AND remove_path IS NULL AND id > $1 ORDER BY id LIMIT $2";
    let (mut after, mut done) = (String::new(), 0u64);
    loop {
        let rows: Vec<Row> = all(app.store.read(), sql, [after.into(), AT_ONCE.into()]).await?;
        let Some(last) = rows.last() else { break };
        after = last.id.clone();
        for row in rows {
            if app.stopping.is_cancelled() {
                return Ok(());
            }
            match one(app, &row).await {
                Ok(true) => done += 1,
                Ok(false) => {}
                Err(KeyError::Store(error)) => return Err(error),
                Err(error) => {
                    tracing::error!(%error, "recordings in clear cannot be sealed");
                    return Ok(());
                }
            }
        }
        keep::remove(&app.store, &app.config.media_dir()).await?;
    }
    if done > 0 {
        tracing::info!(recordings = done, "recordings that lay in clear are sealed");
    }
    Ok(())
}

/// Seals one; false where it is not what its row says, or not there.
async fn one(app: &Shared, row: &Row) -> Result<bool, KeyError> {
    let (Ok(id), Ok(organisation)) =
        (RecordingId::parse(&row.id), OrganisationId::parse(&row.organisation_id))
    else {
        return Ok(false);
    };
    let media = app.config.media_dir();
    let from = media.join(&row.path);
    let path = Path::new(&row.path).with_extension("sealed").display().to_string();
    let to = media.join(&path);
    let (key, stored) = app.keys.make(&app.store, organisation, id, app.clock.now()).await?;
    let hash = row.hash.clone();
    let copied = tokio::task::spawn_blocking(move || copy(&from, &to, key, &hash)).await;
    match copied.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten() {
        Ok(true) => {}
        Ok(false) => {
            tracing::error!(recording = %id, "a recording in clear was changed and is not sealed");
            return Ok(false);
        }
        Err(SealError::Io(error)) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => {
            tracing::error!(recording = %id, %error, "a recording in clear could not be sealed");
            return Ok(false);
        }
    }
    let write = app.store.begin().await?;
    // unless its time came meanwhile
    let sql = "UPDATE recording SET path = $1, key_id = $2, sealed_key = $3, remove_path = path \
               WHERE id = $4 AND key_id IS NULL AND state <> 'gone'";
    let unnamed = path.clone();
    let values = [path.into(), stored.key_id.into(), stored.sealed_key.into(), row.id.clone().into()];
    let done = write.exec(sql, values).await?.rows_affected() > 0;
    write.commit().await?;
    if !done {
        // nothing names the copy, and nothing opens it
        let _ = std::fs::remove_file(media.join(&unnamed));
    }
    Ok(done)
}

/// Makes the sealed copy, on the disk when this returns; false where the one in clear is not of this SHA-256. Blocks.
fn copy(from: &Path, to: &Path, key: FileKey, hash: &str) -> Result<bool, SealError> {
    match std::fs::remove_file(to) {
        // one that a death left, whose key is lost
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let made = sealed::seal(from, to, &key).and_then(|()| {
        let told = measure(&Source { file: to.to_owned(), key: Some(key) })?;
        if let Some(folder) = to.parent() {
            std::fs::File::open(folder)?.sync_all()?;
        }
        Ok(told.hash.as_deref() == Some(hash))
    });
    if !matches!(made, Ok(true)) {
        let _ = std::fs::remove_file(to);
    }
    made
}
