//! The tasks that run while the app is in front.

use super::{cycle, socket};
use crate::client::{Inner, random};
use crate::error::Error;
use crate::outbox::send::jitter;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Longest time between two pulls, for when the socket is silent or cannot be had.
const POLL: Duration = Duration::from_secs(30);
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

async fn rounds(inner: Arc<Inner>, mut stopped: watch::Receiver<bool>) {
    let mut failures = 0;
    while !*stopped.borrow() {
        let wait = match cycle(&inner, false).await {
            Ok(()) => {
                failures = 0;
                let held = inner.sync.holds.lock().next();
                held.map_or(POLL, |until| {
                    until.saturating_duration_since(tokio::time::Instant::now()).min(POLL)
                })
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
