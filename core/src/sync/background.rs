//! The tasks that run while the app is in front.

use super::{cycle, socket};
use crate::client::{Client, Inner, random};
use crate::error::Error;
use crate::outbox::send::jitter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use waybell_domain::clock::HOUR;

/// Longest time between two pulls, for when the socket is silent or cannot be had.
const POLL: Duration = Duration::from_secs(30);
/// Days that parcels and batches stay on the phone.
const KEEP_DAYS: u32 = 30;
/// Time between two removals of old rows.
const TIDY: Duration = Duration::from_secs(24 * 3600);
/// How long a stop waits for a request that is under way.
const PATIENCE: Duration = Duration::from_secs(2);

/// Running tasks.
pub(crate) struct Background {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Background {
    /// Starts them on the current runtime.
    pub(crate) fn start(inner: &Arc<Inner>) -> Background {
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![
            tokio::spawn(rounds(inner.clone(), stopped.clone())),
            tokio::spawn(crate::tracking::upload::live(inner.clone(), stopped.clone())),
            tokio::spawn(socket::listen(inner.clone(), stopped)),
        ];
        Background { stop, tasks }
    }

    /// Ends them.
    pub(crate) async fn stop(mut self) {
        let _ = self.stop.send(true);
        for task in &mut self.tasks {
            if tokio::time::timeout(PATIENCE, &mut *task).await.is_err() {
                task.abort();
                let _ = task.await;
            }
        }
    }
}

/// After a good round: what has come is filed for searching, and once a day old rows are removed.
async fn tidy(inner: &Arc<Inner>, tidied: &mut Option<Instant>) {
    let client = Client { inner: inner.clone() };
    let filed = client.search().prepare().await;
    // by a clock that is far off, today's parcels would be old ones
    let clock_is_right =
        client.sync().status().is_ok_and(|s| s.clock_skew_ms.is_some_and(|ms| ms.abs() < HOUR));
    let due = clock_is_right && tidied.is_none_or(|at| at.elapsed() >= TIDY);
    let purged = match due {
        true => client.purge(KEEP_DAYS).await.and(client.tracking().purge().await).map(drop),
        false => Ok(()),
    };
    if due {
        *tidied = Some(Instant::now());
    }
    if let Err(error) = filed.and(purged) {
        tracing::warn!(%error, "the store could not be tidied");
    }
}

async fn rounds(inner: Arc<Inner>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    let mut tidied = None;
    while !*stopped.borrow() {
        let wait = match cycle(&inner, false).await {
            Ok(()) => {
                failures = 0;
                tidy(&inner, &mut tidied).await;
                let held = inner.sync.holds.lock().next();
                held.map_or(POLL, |until| until.saturating_duration_since(Instant::now()).min(POLL))
            }
            Err(Error::SignedOut) => POLL,
            Err(_) => {
                failures += 1;
                jitter(failures, random())
            }
        };
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = inner.sync.woken.notified() => {}
            _ = stopped.changed() => {}
        }
    }
}
