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
//!   holds together wherever it is cut. They go to the server by themselves, each once (`upload`).
//! * Places lie sealed, belong to the person who was signed in, and are removed some days after the server has them; what
//!   it has not outlives a sign-out (`keep`).

mod adopt;
pub mod engine;
mod keep;
mod live;
mod plan;
mod rows;
#[cfg(any(test, feature = "measure"))]
pub mod simulate;
#[cfg(test)]
mod tests;
pub(crate) mod upload;
#[cfg(test)]
mod upload_tests;

pub(crate) use keep::clear;
pub use keep::{KeepRules, TrackStatus};
pub use live::Watch;
pub use plan::{LocationRequest, Priority, Situation, plan};
pub(crate) use rows::Book;

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
        let Some(book) = self.book()? else { return Ok(plan(&situation(&State::default(), &now, around))) };
        let state =
            self.client.inner.store.read(move |c| Ok(rows::open_shift(c, &book)?.map(|s| s.state))).await?;
        Ok(plan(&situation(&state.unwrap_or_default(), &now, around)))
    }

    /// Makes blobs of all vertices that are certain; how many are ready now.
    pub async fn pack(&self) -> Result<usize> {
        let Some(book) = self.book()? else { return Ok(0) };
        let write = move |t: &rusqlite::Transaction<'_>| {
            adopt::adopt(t, &book)?;
            rows::pack_all(t, &book)
        };
        self.client.inner.store.write(write).await
    }

    /// The blobs that have not been sent, oldest first.
    pub async fn blobs(&self) -> Result<Vec<Blob>> {
        let Some(book) = self.ready().await? else { return Ok(Vec::new()) };
        self.client.inner.store.read(move |c| rows::unsent(c, &book)).await
    }

    /// Notes that blobs have been taken by the server; unknown names are passed over.
    pub async fn sent(&self, ids: &[String]) -> Result<()> {
        let (ids, now) = (ids.to_vec(), self.client.inner.clock.wall());
        self.client.inner.store.write(move |t| rows::note_sent(t, &ids, now)).await
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
        let Some(book) = self.ready().await? else { return Ok(Day::default()) };
        self.client.inner.store.read(move |c| rows::day(c, &book, from, to, &now)).await
    }

    /// What waits for the server, and what it has refused.
    pub async fn status(&self) -> Result<TrackStatus> {
        let Some(book) = self.ready().await? else { return Ok(TrackStatus::default()) };
        self.client.inner.store.read(move |c| keep::status(c, &book)).await
    }

    /// How long tracks stay on this phone, and how much room they may take, from now on.
    pub async fn keep(&self, rules: KeepRules) -> Result<()> {
        let now = self.client.inner.event_time();
        let write = move |t: &rusqlite::Transaction<'_>| {
            keep::set_rules(t, rules)?;
            keep::bound(t)?;
            keep::purge(t, &now).map(drop)
        };
        self.client.inner.store.write(write).await
    }

    /// Removes what the server has had for long enough; how many parts that were. Done once a day while the app is in
    /// front.
    pub async fn purge(&self) -> Result<usize> {
        let now = self.client.inner.event_time();
        self.client.inner.store.write(move |t| keep::purge(t, &now)).await
    }

    /// Sends what waits, now: parts, notes, and where the courier is. The exchange with the server does the same by
    /// itself.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Storage`. What the server refuses is no error: see [`Tracking::status`].
    pub async fn upload(&self) -> Result<()> {
        let inner = &self.client.inner;
        upload::upload(inner, &inner.sign_in()?, true).await
    }

    /// The newest fix of a shift that runs, as a punch tells it, and whether there were signs of spoofing.
    pub(crate) async fn at_hand(
        &self,
        now: &EventTime,
    ) -> Result<(Option<waybell_domain::attendance::PunchFix>, bool)> {
        let Some(book) = self.ready().await? else { return Ok((None, false)) };
        let open = self.client.inner.store.read(move |c| rows::open_shift(c, &book)).await?;
        let Some(open) = open else { return Ok((None, false)) };
        let signs = open.state.summary().spoof_score > 0;
        let at = open.state.track_now(now);
        let newest = open.state.newest().map(|(time, fix)| waybell_domain::attendance::PunchFix {
            age_ms: at.since(time).max(0),
            ..crate::attendance::fix_of(fix, now)
        });
        Ok((newest, signs))
    }

    /// The tables of who is signed in.
    fn book(&self) -> Result<Option<Book>> {
        let inner = &self.client.inner;
        let Ok(user) = inner.user() else { return Ok(None) };
        Ok(Some(Book { seal: inner.store.seal.clone(), owner: user.id.to_string() }))
    }

    /// The same, with what an older version left in clear sealed.
    async fn ready(&self) -> Result<Option<Book>> {
        let Some(book) = self.book()? else { return Ok(None) };
        let store = &self.client.inner.store;
        if store.read_now(adopt::is_due)? {
            let book = book.clone();
            store.write(move |t| adopt::adopt(t, &book)).await?;
        }
        Ok(Some(book))
    }

    /// Carries events out: each effect and the new state in one transaction.
    async fn run(&self, events: Vec<Event>) -> Result<Vec<Effect>> {
        let inner: &Inner = &self.client.inner;
        let me = inner.sign_in()?;
        let (now, process, id) = (inner.event_time(), inner.process.clone(), crate::client::random());
        let book = Book { seal: inner.store.seal.clone(), owner: me.pair.user.id.to_string() };
        let effects = inner
            .store
            .write(move |t| {
                still(t, me.epoch)?;
                adopt::adopt(t, &book)?;
                keep::end_strangers(t, &book)?;
                rows::run(t, &book, events, &now, &process, id)
            })
            .await?;
        inner.tracks.wake();
        Ok(effects)
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
