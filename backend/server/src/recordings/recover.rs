//! Recordings that an earlier life left open: they hold what was heard until it died.
//!
//! They are read before the first call of this life is routed, and repaired beside everything else, in a task that is counted as a
//! call's: long files must not hold up the dialler. What a stop leaves is found by the next start, and so is one whose key waits
//! for its master key: it stays open until it can be closed with what it holds.

use super::sound::{Filed, look};
use super::{clear, closed};
use crate::app::Shared;
use crate::calls::Calls;
use crate::calls::recover::Interrupted;
use crate::keys::KeyError;
use crate::store::{StoreError, all};
use sea_orm::FromQueryResult;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    path: String,
    key_id: Option<String>,
    sealed_key: Option<String>,
}

/// Finds them, and closes each.
pub(crate) async fn recover(app: &Shared, _proof: &Interrupted) -> Result<(), StoreError> {
    let sql = "SELECT id, path, key_id, sealed_key FROM recording WHERE state = 'open'";
    let open: Vec<Row> = all(app.store.read(), sql, []).await?;
    if open.is_empty() {
        return Ok(());
    }
    let running = Calls::begin(app);
    let app = app.clone();
    tokio::spawn(async move {
        let _running = running;
        for row in open {
            if app.stopping.is_cancelled() {
                return;
            }
            if let Some(filed) = Filed::read(&row.id, row.path, row.key_id, row.sealed_key) {
                repair(&app, filed).await;
            }
        }
    });
    Ok(())
}

/// The sound is there, and may be heard again.
fn left_open(filed: &Filed, error: &dyn std::error::Error) {
    tracing::error!(recording = %filed.id, %error, "a recording cannot be closed; tried again at the next start");
}

async fn repair(app: &Shared, filed: Filed) {
    let media = app.config.media_dir();
    let (told, problem) = match filed.source(&app.keys, app.store.read(), &media).await {
        Ok(source) => {
            let mut problem = None;
            if source.key.is_none() {
                let file = source.file.clone();
                let mended = tokio::task::spawn_blocking(move || clear::mend(&file)).await;
                problem = mended.map_err(std::io::Error::other).flatten().err().map(|e| e.to_string());
            }
            match look(source, true).await {
                Ok(told) => (told, problem),
                Err(error) => return left_open(&filed, &error),
            }
        }
        Err(error @ (KeyError::Erased | KeyError::Damaged | KeyError::Crypto)) => {
            (Default::default(), Some(error.to_string()))
        }
        Err(error) => return left_open(&filed, &error),
    };
    let state = if told.bytes > 0 { "cut" } else { "failed" };
    let problem = problem.or_else(|| (told.bytes == 0).then(|| "nothing was recorded".to_owned()));
    crate::calls::insist(app, vec![closed(&filed.id, state, &told, 0, problem.as_deref())]).await;
}
