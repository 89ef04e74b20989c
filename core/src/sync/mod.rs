//! Exchange with the server: what waits goes out, then what is new comes in.
//!
//! ```text
//!  wake (action, network, socket, 30 s) ─▶ cycle: push outbox ─▶ pull pages ─▶ idle
//!                                              │ no network        │ 401 twice, session ended     │ other
//!                                              ▼                   ▼                             ▼
//!                                            offline           auth needed                     error
//! ```
//!
//! A page (rows, tombstones, rules, cursor) is applied in one transaction; pending operations are shown over it again.
//! The socket carries no data: it says that there is more to pull, and a lost message is healed by the next pull.
//!
//! **A restored server.** Each page names the generation of the server's data, which changes when a backup is put back.
//! A phone that sees another generation (or a cursor that went back) forgets what the server said before and pulls
//! everything anew; what only this phone knows stays, its outbox too, and [`SyncStatus::restored_at`] says so: work of
//! the time between backup and loss may be missing on the server.

mod apply;
mod background;
pub(crate) mod feed;
pub(crate) mod pull;
pub(crate) mod socket;
#[cfg(test)]
mod tests;

use crate::client::{Client, Inner};
use crate::error::{Error, Result};
use crate::events::{CHANGING, Topic};
use crate::outbox::send::{Holds, push};
use crate::outbox::settle::revert;
use crate::outbox::{OperationState, OperationView, queue};
use crate::store::meta;
use parking_lot::Mutex;
use serde::Serialize;
use tokio::sync::Notify;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::OperationId;

pub(crate) use background::Background;

/// Where the exchange is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum SyncState {
    /// Nothing to do, as far as is known.
    #[default]
    Idle,
    /// Sending or pulling.
    Running,
    /// The server is out of reach. What people do is kept and goes out later.
    Offline,
    /// Sign in.
    AuthNeeded,
    /// Something else; see [`SyncStatus::problem`].
    Error,
}

/// The exchange as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SyncStatus {
    /// Where it is.
    pub state: SyncState,
    /// Operations that wait or are on their way.
    pub queued: u32,
    /// Operations that were refused and want a decision.
    pub dead: u32,
    /// The last time when everything was pulled, by the phone's clock.
    pub pulled_at: Option<UnixMs>,
    /// The server has more than what was pulled so far: lists are not whole yet.
    pub more: bool,
    /// What is wrong, when something is.
    pub problem: Option<String>,
    /// The server's clock less this phone's at the last pull, ms.
    pub clock_skew_ms: Option<i64>,
    /// When this phone found that the server's data had been restored from a backup, in the last 24 h: what was done
    /// shortly before may be missing there; look through the list and import it again if need be.
    pub restored_at: Option<UnixMs>,
}

#[derive(Default)]
struct Seen {
    state: SyncState,
    problem: Option<String>,
    pulled_at: Option<UnixMs>,
    clock_skew_ms: Option<i64>,
}

/// Shared by all clones of a client.
#[derive(Default)]
pub(crate) struct SyncShared {
    seen: Mutex<Seen>,
    pub pushing: tokio::sync::Mutex<()>,
    pulling: tokio::sync::Mutex<()>,
    pub holds: Mutex<Holds>,
    woken: Notify,
}

impl SyncShared {
    /// There is something to send or to pull.
    pub(crate) fn wake(&self) {
        self.woken.notify_one();
    }
}

/// Exchange with the server.
#[derive(Clone)]
pub struct Sync {
    pub(crate) client: Client,
}

impl Sync {
    /// Sends what waits and pulls what is new, at once, whatever waits for its turn. Cancelling loses nothing.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Storage`. A refused operation is no error: see [`Sync::operations`].
    pub async fn now(&self) -> Result<()> {
        cycle(&self.client.inner, true).await
    }

    /// Tells that there is a network again: waits are cut short.
    pub fn network_up(&self) {
        self.client.inner.sync.holds.lock().reset();
        self.client.inner.sync.wake();
    }

    /// State and length of the queue. Reads the store: some microseconds.
    pub fn status(&self) -> Result<SyncStatus> {
        let inner = &self.client.inner;
        let ((queued, dead), restored, more) = inner.store.read_now(|c| {
            Ok((queue::lengths(c)?, meta(c, apply::RESTORED)?, meta(c, pull::MORE)?.is_some()))
        })?;
        let restored = restored.and_then(|at| at.parse().ok()).map(UnixMs);
        let now = inner.clock.wall();
        let seen = inner.sync.seen.lock();
        Ok(SyncStatus {
            state: seen.state,
            queued,
            dead,
            pulled_at: seen.pulled_at,
            more,
            problem: seen.problem.clone(),
            clock_skew_ms: seen.clock_skew_ms,
            restored_at: restored.filter(|at| now.since(*at) < DAY),
        })
    }

    /// Every operation that is not acknowledged, oldest first.
    pub fn operations(&self) -> Result<Vec<OperationView>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| Ok(queue::all(c, &seal)?.iter().map(queue::Operation::view).collect()))
    }

    /// Sends a refused operation again.
    pub async fn retry(&self, id: OperationId) -> Result<()> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                if !queue::revive(t, id)? {
                    return Err(Error::NotFound("refused operation"));
                }
                match queue::by_id(t, &seal, &id.to_string())? {
                    Some(operation) => revert(t, &seal, &operation),
                    None => Ok(()),
                }
            })
            .await?;
        self.changed();
        Ok(())
    }

    /// Gives a refused operation up, with what waits for it.
    pub async fn discard(&self, id: OperationId) -> Result<()> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                let operation = queue::by_id(t, &seal, &id.to_string())?
                    .filter(|o| o.state == OperationState::Dead)
                    .ok_or(Error::NotFound("refused operation"))?;
                drop_whole(t, &seal, &operation)
            })
            .await?;
        self.changed();
        Ok(())
    }

    fn changed(&self) {
        for topic in CHANGING {
            self.client.inner.bus.tell(topic);
        }
        self.client.inner.sync.wake();
    }
}

/// Removes an operation, what waits for it, and what it has changed on the screen.
pub(crate) fn drop_whole(
    t: &rusqlite::Connection,
    seal: &crate::store::seal::Seal,
    operation: &queue::Operation,
) -> Result<()> {
    t.execute("DELETE FROM operation WHERE after = ?1", [operation.id.to_string()])?;
    queue::remove(t, operation.id)?;
    if let Some(batch) = operation.target.filter(|_| operation.kind.makes_batch()) {
        t.execute("DELETE FROM batch WHERE id = ?1 AND rev = 0", [batch.to_string()])?;
    }
    revert(t, seal, operation)
}

/// Applies a page that comes next, whatever the cursor is.
#[cfg(feature = "measure")]
pub(crate) fn apply_page(
    t: &rusqlite::Connection,
    seal: &crate::store::seal::Seal,
    page: &waybell_domain::wire::SyncPage,
    wall: UnixMs,
) -> Result<()> {
    apply::page(t, seal, pull::cursor(t)?, page, wall).map(drop)
}

/// One round: push, then pull. `now` cuts waits short. When another sign-in began meanwhile, the round is that one's.
pub(crate) async fn cycle(inner: &Inner, now: bool) -> Result<()> {
    let mut before = None;
    loop {
        if inner.sign_in().is_err() {
            // another process may have signed in
            inner.reload()?;
        }
        let Ok(me) = inner.sign_in() else {
            set(inner, SyncState::AuthNeeded, None);
            return Err(Error::SignedOut);
        };
        // a screen that says "offline" goes on saying so until something worked
        if now || inner.sync.seen.lock().state != SyncState::Offline {
            set(inner, SyncState::Running, None);
        }
        let mut done = push(inner, &me, now).await;
        if done.is_ok() {
            done = crate::session::push::send(inner, &me).await;
        }
        if done.is_ok() {
            done = crate::tracking::upload::upload(inner, &me, now).await;
        }
        if done.is_ok() {
            // before the list, which may be long: somebody may have to read something first
            done = feed::pull::<crate::announcements::Feed>(inner, &me).await;
        }
        if done.is_ok() {
            done = pull::pull(inner, &me).await;
        }
        if done.is_ok() {
            done = feed::pull::<crate::calls::Feed>(inner, &me).await;
        }
        if done.is_ok() {
            done = feed::pull::<crate::orders::Feed>(inner, &me).await;
        }
        if done.is_ok() {
            done = feed::pull::<crate::knowledge::Feed>(inner, &me).await;
        }
        if done.is_ok() {
            done = feed::pull::<crate::charges::Feed>(inner, &me).await;
        }
        if matches!(done, Err(Error::SignedOut)) && before != Some(me.epoch) {
            inner.reload()?;
            before = Some(me.epoch);
            if inner.sign_in().is_ok_and(|other| other.epoch != me.epoch) {
                continue;
            }
        }
        return end(inner, done);
    }
}

fn end(inner: &Inner, done: Result<()>) -> Result<()> {
    match &done {
        Ok(()) => {
            inner.sync.seen.lock().pulled_at = Some(inner.clock.wall());
            set(inner, SyncState::Idle, None);
        }
        Err(Error::Offline { problem, .. }) => set(inner, SyncState::Offline, Some(problem.clone())),
        Err(Error::SignedOut) => set(inner, SyncState::AuthNeeded, None),
        Err(Error::Refused(refusal)) if refusal.is_retryable() => {
            let wait = refusal.retry_after.map(|s| format!("; try again in {s} s")).unwrap_or_default();
            set(inner, SyncState::Offline, Some(format!("{}{wait}", refusal.message)));
        }
        Err(other) => set(inner, SyncState::Error, Some(other.to_string())),
    }
    done
}

fn set(inner: &Inner, state: SyncState, problem: Option<String>) {
    let mut seen = inner.sync.seen.lock();
    if seen.state == state && seen.problem == problem {
        return;
    }
    seen.state = state;
    seen.problem = problem;
    drop(seen);
    inner.bus.tell(Topic::Sync);
}
