//! A call's pushes: each phone of a courier that has no socket is woken, until the call rings no more.
//!
//! One task a phone. It tries at once and again after 0.5, 1, 2 … s, later where the vendor asks for it, and ends when the vendor
//! has taken the notice, does not want it, or the call has no use for it. When the last task ends and no vendor has taken
//! anything, the call is told, and need not wait for an app.

use super::engine::{Kind, Push};
use super::tokens::{self, Target};
use super::{Refused, masked};
use crate::app::Shared;
use crate::calls::Heard;
use parking_lot::Mutex;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, OrganisationId, SessionId, UserId};
use waybell_domain::wire::{PushKind, PushNotice};

/// The first gap between two tries, and the longest.
const GAP: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(4);
/// Phones of one person that are woken for a call, those that were registered last.
const PHONES: usize = 5;
/// Tries to say that a call rings no more.
const CANCELS: usize = 2;

/// Phones that a call woke. Dropped, no more is tried.
#[derive(Debug)]
pub(crate) struct Woken {
    call: CallId,
    expires_at: UnixMs,
    stop: CancellationToken,
    /// Whose vendor has, or may have, taken the notice.
    sent: Arc<Mutex<Vec<Target>>>,
}

impl Drop for Woken {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Phones that can be woken for somebody: those whose vendor is set.
pub(crate) async fn phones(app: &Shared, organisation: OrganisationId, person: UserId) -> Vec<Target> {
    if app.push.is_empty() || app.config.app_calls.is_none() {
        return Vec::new();
    }
    match tokens::of(&app.store, organisation, person, app.clock.now()).await {
        Ok(mut found) => {
            found.retain(|t| app.push.of(t.vendor).is_some());
            found.truncate(PHONES);
            found
        }
        // the mobile rings all the same
        Err(error) => {
            tracing::warn!(%error, "it could not be read whom a push would wake");
            Vec::new()
        }
    }
}

/// Wakes these phones of a person for a call that rings until then.
pub(crate) fn wake(
    app: &Shared,
    call: CallId,
    person: UserId,
    phones: Vec<Target>,
    expires_at: UnixMs,
) -> Woken {
    let (stop, sent) = (app.stopping.child_token(), Arc::<Mutex<Vec<Target>>>::default());
    let left = Arc::new(AtomicUsize::new(phones.len()));
    let taken = Arc::new(AtomicBool::new(false));
    for target in phones {
        let (app, stop, sent) = (app.clone(), stop.clone(), sent.clone());
        let (left, taken) = (left.clone(), taken.clone());
        tokio::spawn(async move {
            let notice = PushNotice { kind: PushKind::Call, call_id: Some(call), expires_at };
            tokio::select! {
                () = stop.cancelled() => return,
                done = insist(&app, &target, &notice, &sent) => taken.fetch_or(done, Ordering::AcqRel),
            };
            if left.fetch_sub(1, Ordering::AcqRel) == 1 && !taken.load(Ordering::Acquire) {
                app.calls.tell(call, Heard::Unpushed { person });
            }
        });
    }
    Woken { call, expires_at, stop, sent }
}

impl Woken {
    /// The call rings no more: nothing goes out any more, and phones whose app has not come are told, where that shows nothing.
    pub(crate) fn over(self, app: &Shared, came: &[SessionId]) {
        self.stop.cancel();
        let notice =
            PushNotice { kind: PushKind::Cancel, call_id: Some(self.call), expires_at: self.expires_at };
        let sent = std::mem::take(&mut *self.sent.lock());
        for target in sent.into_iter().filter(|t| !came.contains(&t.session)) {
            let Some(engine) = app.push.of(target.vendor).filter(|e| e.is_silent()).cloned() else {
                continue;
            };
            let app = app.clone();
            tokio::spawn(async move {
                for _ in 0..CANCELS {
                    match one(&app, engine.as_ref(), &target, &notice).await {
                        Err(Refused { kind: Kind::Again, .. }) => tokio::time::sleep(GAP).await,
                        _ => return,
                    }
                }
            });
        }
    }
}

/// Tries until the vendor has taken the notice or does not want it, or the call has stopped ringing. Whether it has taken it.
async fn insist(app: &Shared, target: &Target, notice: &PushNotice, sent: &Mutex<Vec<Target>>) -> bool {
    let Some(engine) = app.push.of(target.vendor).cloned() else { return false };
    let mut gap = GAP;
    // a request that is cut off, or is not answered, may have been taken
    sent.lock().push(target.clone());
    loop {
        let refused = match one(app, engine.as_ref(), target, notice).await {
            Ok(()) => return true,
            Err(refused) => refused,
        };
        if refused.kind != Kind::Again {
            sent.lock().retain(|t| t != target);
            return false;
        }
        let wait = refused.wait.unwrap_or_default().max(spread(gap));
        let now = app.clock.now();
        if now.0.saturating_add(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX)) >= notice.expires_at.0 {
            return false;
        }
        tokio::time::sleep(wait).await;
        gap = (gap * 2).min(LONGEST);
    }
}

/// One try, counted and told of; a token that nobody has is removed.
async fn one(app: &Shared, engine: &dyn Push, target: &Target, notice: &PushNotice) -> Result<(), Refused> {
    let asked = app.clock.now();
    let done = engine.push(&target.token, notice, asked).await;
    let outcome = done.as_ref().map_or_else(Refused::word, |()| "taken");
    let vendor = target.vendor.as_str();
    metrics::counter!("waybell_pushes_total", "vendor" => vendor, "outcome" => outcome).increment(1);
    let Err(refused) = &done else { return done };
    let (token, problem) = (masked(&target.token), refused.problem.as_str());
    match refused.kind {
        Kind::Unregistered { at } => {
            tracing::info!(vendor, token, problem, "a phone can be woken no more: its token is removed");
            if let Err(error) = tokens::remove(&app.store, target, at.unwrap_or(asked).min(asked)).await {
                tracing::warn!(%error, "a token that nobody has could not be removed");
            }
        }
        Kind::Barred => {
            tracing::error!(vendor, problem, "the vendor refuses this server's pushes: phones are not woken")
        }
        Kind::Again | Kind::Lost => tracing::warn!(vendor, token, problem, "a push was not taken"),
    }
    done
}

/// Between 80 and 120 per cent, so that what failed together does not come again together.
fn spread(gap: Duration) -> Duration {
    gap * (800 + u32::from(rand::random::<u16>()) % 401) / 1_000
}
