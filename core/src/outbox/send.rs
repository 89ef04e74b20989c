//! Sending what waits.
//!
//! One round at a time in a process ([`push`]): up to four lanes at once, each in order. A lane that got no good answer
//! is held for a time that grows (full jitter, 1 s to 5 min); an unreachable server ends the round. A new network, or a
//! person who asks, lets every lane try at once.

use super::queue::{self, Operation};
use super::settle::{self, Verdict};
use super::{OperationKind, OperationState};
use crate::client::{Inner, random};
use crate::error::{Error, Refusal, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::{SignIn, still};
use futures_util::stream::{FuturesUnordered, StreamExt};
use reqwest::Method;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::clock::EventTime;

/// Lanes at once.
const LANES: usize = 4;
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(300);

/// When lanes may try again.
#[derive(Default)]
pub(crate) struct Holds {
    lanes: HashMap<String, (u32, Instant)>,
}

impl Holds {
    /// Every lane may try at once.
    pub(crate) fn reset(&mut self) {
        self.lanes.clear();
    }

    /// The earliest end of a hold.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.lanes.values().map(|(_, until)| *until).min()
    }

    fn held(&self, now: Instant) -> HashSet<String> {
        self.lanes.iter().filter(|(_, (_, until))| *until > now).map(|(lane, _)| lane.clone()).collect()
    }

    fn failed(&mut self, lane: &str, now: Instant, least: Option<u32>) {
        let entry = self.lanes.entry(lane.to_owned()).or_insert((0, now));
        entry.0 += 1;
        let least = Duration::from_secs(u64::from(least.unwrap_or(0))).min(LONGEST_WAIT);
        entry.1 = now + jitter(entry.0, random()).max(least);
    }

    fn worked(&mut self, lane: &str) {
        self.lanes.remove(lane);
    }
}

/// The wait after so many failures: anything up to 1 s doubled each time, 5 min at most.
pub(crate) fn jitter(failures: u32, random: [u8; 10]) -> Duration {
    let most = FIRST_WAIT.saturating_mul(1 << failures.min(16)).min(LONGEST_WAIT);
    let part = u16::from_le_bytes([random[8], random[9]]);
    most.mul_f64(f64::from(part) / f64::from(u16::MAX))
}

/// Sends until nothing may leave. `now` lets held lanes try at once. `Offline` when the server is out of reach,
/// `SignedOut` when a sign-in is needed; what is refused becomes dead and is no error here.
pub(crate) async fn push(inner: &Inner, me: &SignIn, now: bool) -> Result<()> {
    let _one = inner.sync.pushing.lock().await;
    if now {
        inner.sync.holds.lock().reset();
    }
    inner.store.write(|t| queue::recover(t)).await?;
    let mut running = FuturesUnordered::new();
    let mut stopped: Option<Error> = None;
    loop {
        while stopped.is_none() && running.len() < LANES {
            match claim(inner, me).await? {
                Some(operation) => running.push(deliver(inner, me, operation)),
                None => break,
            }
        }
        match running.next().await {
            Some(Ok(())) => {}
            Some(Err(error)) => stopped = stopped.or(Some(error)),
            None => break,
        }
    }
    stopped.map_or(Ok(()), Err)
}

async fn claim(inner: &Inner, me: &SignIn) -> Result<Option<Operation>> {
    let held = inner.sync.holds.lock().held(Instant::now());
    let (seal, epoch) = (inner.store.seal.clone(), me.epoch);
    inner
        .store
        .write(move |t| {
            still(t, epoch)?;
            queue::claim(t, &seal, &held)
        })
        .await
}

/// Sends one and settles it. An error ends the round.
async fn deliver(inner: &Inner, me: &SignIn, operation: Operation) -> Result<()> {
    let sent = match request(&operation, &inner.event_time()) {
        Some(request) => inner.ask_bytes(me, &request).await,
        None => Err(Error::Refused(Box::new(unknown()))),
    };
    let verdict = settle::judge(&operation, &sent);
    let lane = operation.lane.clone();
    let refusal = match &sent {
        Err(Error::Refused(refusal)) => Some((**refusal).clone()),
        _ => None,
    };
    settle::settle(inner, me.epoch, operation, verdict, sent.as_ref().ok().cloned(), refusal).await?;
    let mut holds = inner.sync.holds.lock();
    match verdict {
        Verdict::Again { .. } => {
            let least = match &sent {
                Err(Error::Refused(refusal)) => refusal.retry_after,
                _ => None,
            };
            holds.failed(&lane, Instant::now(), least);
        }
        Verdict::Taken | Verdict::Dead => holds.worked(&lane),
    }
    drop(holds);
    inner.bus.tell(Topic::Sync);
    match sent {
        Err(error @ (Error::Offline { .. } | Error::SignedOut | Error::Storage { .. })) => Err(error),
        _ => Ok(()),
    }
}

fn request(operation: &Operation, now: &EventTime) -> Option<Request> {
    debug_assert_ne!(operation.state, OperationState::Dead);
    let withdrawal = match operation.kind {
        OperationKind::AskWithdraw => crate::leaves::withdrawal(operation),
        _ => None,
    };
    let path = match (operation.kind, operation.target) {
        (OperationKind::Import, _) => "/api/v1/parcels/import".to_owned(),
        (OperationKind::State, _) => "/api/v1/parcels/state".to_owned(),
        (OperationKind::Notify, _) => "/api/v1/batches".to_owned(),
        (OperationKind::Again, _) => "/api/v1/batches/again".to_owned(),
        (OperationKind::Deed, _) => "/api/v1/parcels/deeds".to_owned(),
        (OperationKind::UndoDeed, _) => "/api/v1/parcels/deeds/undo".to_owned(),
        (OperationKind::StopRule, _) => "/api/v1/stops/rules".to_owned(),
        (OperationKind::UndoStopRule, _) => "/api/v1/stops/rules/undo".to_owned(),
        (OperationKind::Place, _) => "/api/v1/places".to_owned(),
        (OperationKind::CallHandled | OperationKind::CallReopened, _) => crate::calls::mark_path(operation)?,
        (OperationKind::Availability, _) => "/api/v1/me/availability".to_owned(),
        (OperationKind::Punch, _) => "/api/v1/punches".to_owned(),
        (OperationKind::LeaveAsk, _) => "/api/v1/leaves".to_owned(),
        (OperationKind::CorrectionAsk, _) => "/api/v1/attendance/asked".to_owned(),
        (OperationKind::AskWithdraw, _) => withdrawal.as_ref()?.0.clone(),
        (OperationKind::OrderOpen, _) => "/api/v1/orders".to_owned(),
        (OperationKind::OrderAction, _) => crate::orders::path(operation)?,
        (OperationKind::AnnouncementRead, _) => crate::announcements::path(operation)?,
        (OperationKind::ArticleFavourite, _) => crate::knowledge::path(operation, "favourite")?,
        (OperationKind::ArticleRead, _) => crate::knowledge::path(operation, "read")?,
        (kind, Some(batch)) => format!("/api/v1/batches/{batch}/{}", kind.as_str()),
        (_, None) => return None,
    };
    let age = operation.acted.age(now);
    Some(Request {
        method: Method::POST,
        path,
        body: match withdrawal {
            Some((_, body)) => Some(body),
            None => (!operation.body.is_empty()).then(|| operation.body.clone()),
        },
        key: Some(operation.id.to_string()),
        age_ms: age.by_boot_clock.then(|| u64::try_from(age.ms).unwrap_or(0)),
    })
}

fn unknown() -> Refusal {
    Refusal {
        status: 400,
        code: "unreadable".into(),
        message: "the stored operation does not say what it is about".into(),
        field: None,
        hint: Some("discard it".into()),
        retry_after: None,
    }
}
