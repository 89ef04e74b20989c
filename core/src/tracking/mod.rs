//! Tracks: where a courier was on duty, kept on the phone, sparse and honest.
//!
//! ```text
//!  phone ──fixes──▶ push ──▶ engine (pure) ──▶ effects ─┐
//!    ▲                                                  ├─▶ one transaction: state, vertices, notes, counts
//!    └── LocationRequest ◀── plan (pure) ◀── state ─────┘                 │
//!                                                          pack ──▶ blobs ──▶ (upload)
//! ```
//!
//! * [`engine`] decides, [`plan`] asks; neither touches anything. This module stores what they say.
//! * What comes of a push is durable when the call returns, together with the state that it came from: a kill loses the
//!   fixes that the system had not handed over yet (30 s of them with the plan for an active order) and no others.
//! * A process that finds a running shift that another one wrote knows that the app was ended, and says so to the
//!   engine: a gap that follows has its reason.
//! * Blobs are made of vertices that are certain; the last vertex of one is the first of the next, so that the polyline
//!   holds together wherever it is cut. Sending them is not done here.

pub mod engine;
mod plan;
mod rows;
#[cfg(any(test, feature = "measure"))]
pub mod simulate;
#[cfg(test)]
mod tests;

pub use plan::{LocationRequest, Priority, Situation, plan};
pub(crate) use rows::clear;

use crate::client::{Client, Inner};
use crate::error::Result;
use crate::session::still;
use engine::{Distance, Effect, Event, Fence, FenceEvent, Gap, State, Stay};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::{DAY, EventTime, UnixMs};
use waybell_domain::track::{DropReason, Fix, GapReason, Run, SpoofSign};

/// Tracking, the courier's own.
#[derive(Clone)]
pub struct Tracking {
    pub(crate) client: Client,
}

/// What the phone knows and the engine does not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Surroundings {
    /// Somebody is waiting for this courier now.
    pub order_active: bool,
    /// Metres to the next stop, if one is known.
    pub metres_to_stop: Option<f64>,
    /// For how long it has been that near, ms.
    pub near_ms: i64,
    /// A punch is about to be made.
    pub punching: bool,
    /// Percent, if the phone tells.
    pub battery: Option<u8>,
    /// The phone saves power.
    pub power_saving: bool,
}

/// What came of a push.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Pushed {
    /// Fixes of this push that were dropped at once, by their wall time. One that is held as a possible jump is told by
    /// a later push.
    pub dropped: Vec<(UnixMs, DropReason)>,
    /// What happened at fences.
    pub fences: Vec<FenceNote>,
}

/// Something happened at a fence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FenceNote {
    /// When.
    pub at: UnixMs,
    /// Which.
    pub id: String,
    /// What.
    pub event: FenceEvent,
}

/// A sign of spoofing, or a clock that was set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Evidence {
    /// A sign, the first of its kind in its shift.
    Sign {
        /// When.
        at: UnixMs,
        /// Which.
        sign: SpoofSign,
    },
    /// The wall clock was set.
    ClockSet {
        /// When, in track time.
        at: UnixMs,
        /// By so many ms; forward is positive.
        by_ms: i64,
    },
}

/// The shifts that began in a while, as one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Day {
    /// Start and end of each shift; `None` while it runs.
    pub shifts: Vec<(UnixMs, Option<UnixMs>)>,
    /// How far.
    pub distance: Distance,
    /// The polyline, in runs, up to the last fix.
    pub runs: Vec<Run>,
    /// Stays, one that goes on included.
    pub stays: Vec<Stay>,
    /// Gaps, one that is open included.
    pub gaps: Vec<Gap>,
    /// How many fixes were dropped, and why.
    pub dropped: Vec<(DropReason, u64)>,
    /// Fences.
    pub fences: Vec<FenceNote>,
    /// What somebody should look at.
    pub evidence: Vec<Evidence>,
}

/// A part of a track that is ready to be sent; see [`waybell_domain::track::codec`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Blob {
    /// Names it; sending it twice under this name is sending it once.
    pub id: String,
    /// Time of its first and last vertex.
    pub from: UnixMs,
    /// The same of the last.
    pub to: UnixMs,
    /// The bytes.
    pub body: Vec<u8>,
}

impl Tracking {
    /// Begins a shift; durable when it returns. One that runs goes on.
    ///
    /// # Errors
    /// `SignedOut` if nobody is signed in, `Storage`.
    pub async fn duty_on(&self) -> Result<()> {
        self.run(vec![Event::DutyOn]).await.map(drop)
    }

    /// Ends the shift, and packs its track. Nothing is recorded after it returns.
    pub async fn duty_off(&self) -> Result<()> {
        self.run(vec![Event::DutyOff]).await.map(drop)
    }

    /// Takes fixes, in the order in which the phone found them; durable when it returns. Off duty all are dropped.
    pub async fn push(&self, fixes: &[Fix]) -> Result<Pushed> {
        let effects = self.run(fixes.iter().cloned().map(Event::Fix).collect()).await?;
        let mut pushed = Pushed::default();
        for effect in effects {
            match effect {
                Effect::Drop { at, reason } => pushed.dropped.push((at, reason)),
                Effect::Fence { at, id, event } => pushed.fences.push(FenceNote { at, id, event }),
                _ => {}
            }
        }
        Ok(pushed)
    }

    /// The phone says why no fixes come: no satellites, the permission is gone, location is off, power saving.
    pub async fn trouble(&self, reason: GapReason) -> Result<()> {
        self.run(vec![Event::Trouble(reason)]).await.map(drop)
    }

    /// The fences to watch during this shift, instead of those before.
    pub async fn watch(&self, fences: Vec<Fence>) -> Result<()> {
        self.run(vec![Event::Fences(fences)]).await.map(drop)
    }

    /// What to ask the location service for now.
    pub async fn request(&self, around: Surroundings) -> Result<LocationRequest> {
        let now = self.client.inner.event_time();
        let state = self.client.inner.store.read(|c| Ok(rows::open_shift(c)?.map(|s| s.state))).await?;
        Ok(plan(&situation(&state.unwrap_or_default(), &now, around)))
    }

    /// Makes blobs of all vertices that are certain; how many are ready now.
    pub async fn pack(&self) -> Result<usize> {
        self.client.inner.store.write(|t| rows::pack_all(t)).await
    }

    /// The blobs that have not been sent, oldest first.
    pub async fn blobs(&self) -> Result<Vec<Blob>> {
        self.client.inner.store.read(rows::unsent).await
    }

    /// Notes that blobs have been taken by the server; unknown names are passed over.
    pub async fn sent(&self, ids: &[String]) -> Result<()> {
        let ids = ids.to_vec();
        self.client.inner.store.write(move |t| rows::note_sent(t, &ids)).await
    }

    /// The day that began at the last midnight of the organisation's zone.
    pub async fn today(&self) -> Result<Day> {
        let from = self.client.inner.clock.wall().start_of_day(crate::notify::ZONE);
        self.day(from, from + DAY).await
    }

    /// The shifts that began in this while.
    ///
    /// # Errors
    /// `Storage`; a damaged blob is left out, and its while is a gap of unknown reason.
    pub async fn day(&self, from: UnixMs, to: UnixMs) -> Result<Day> {
        let now = self.client.inner.event_time();
        self.client.inner.store.read(move |c| rows::day(c, from, to, &now)).await
    }

    /// Carries events out: each effect and the new state in one transaction.
    async fn run(&self, events: Vec<Event>) -> Result<Vec<Effect>> {
        let inner: &Inner = &self.client.inner;
        let epoch = inner.sign_in()?.epoch;
        let (now, process, id) = (inner.event_time(), inner.process.clone(), crate::client::random());
        inner
            .store
            .write(move |t| {
                still(t, epoch)?;
                rows::run(t, events, &now, &process, id)
            })
            .await
    }
}

fn situation(state: &State, now: &EventTime, around: Surroundings) -> Situation {
    let summary = state.summary();
    let moving = summary.stay.is_none() && summary.speed > 0.5;
    let still_ms = match (summary.stay, summary.last) {
        (Some(stay), _) => now.wall.since(stay.from).max(0),
        // nothing has come for so long; whoever does not move sends nothing
        (None, Some((at, _))) if !moving => now.wall.since(at).max(0),
        _ => 0,
    };
    Situation {
        on_duty: summary.began.is_some(),
        still_ms,
        place: summary.stay.map(|s| s.place).or(summary.last.map(|l| l.1)),
        speed: summary.speed,
        order_active: around.order_active,
        metres_to_stop: around.metres_to_stop,
        near_ms: around.near_ms,
        punching: around.punching,
        battery: around.battery,
        power_saving: around.power_saving,
    }
}
