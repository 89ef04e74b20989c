//! Where the courier was on duty: fixes in, the day out, and what to ask the phone's location service for.
//!
//! Words are the stable ones of the API; places are WGS-84 degrees. Everything works offline; what is kept goes to the server by itself.

use crate::client::{Answer, WaybellClient, bad, run};
use crate::tour::GeoPoint;
use waybell_core::tracking as core;
use waybell_core::tracking::{LocationRequest, Priority, Surroundings};
use waybell_domain::clock::UnixMs;
use waybell_domain::track as domain;
use waybell_domain::track::{GapReason, Place, Provider};

/// One fix of the phone's location service.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Fix {
    /// Where.
    pub at: GeoPoint,
    /// When, by the wall clock (of the satellites, where the phone says so), unix ms.
    pub wall: i64,
    /// When, by the clock since boot, sleep included, ms; absent where the phone does not tell.
    pub boot_ms: Option<u64>,
    /// Radius that holds the true place with 68 %, metres.
    pub accuracy: Option<f32>,
    /// Metres a second.
    pub speed: Option<f32>,
    /// Degrees from north, clockwise.
    pub bearing: Option<f32>,
    /// Metres over the ellipsoid.
    pub altitude: Option<f32>,
    /// `gnss`, `fused`, `network`, `other`.
    pub provider: String,
    /// The system says that an app made it up.
    pub mock: bool,
}

/// What the phone knows of the moment.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Around {
    /// Somebody is waiting for this courier now.
    pub order_active: bool,
    /// Metres to the next stop, if one is known.
    pub metres_to_stop: Option<f64>,
    /// For how long it has been that near, ms.
    pub near_ms: i64,
    /// A punch is about to be made.
    pub punching: bool,
    /// Percent, if the phone tells.
    pub battery: Option<u32>,
    /// The phone saves power.
    pub power_saving: bool,
}

/// What to ask the phone's location service for.
#[derive(Clone, Debug, uniffi::Record)]
pub struct LocationPlan {
    /// `off`, `low_power`, `balanced`, `high`.
    pub priority: String,
    /// Between fixes, ms; 0 for none.
    pub interval_ms: i64,
    /// No fix before so many metres.
    pub min_distance_m: f64,
    /// Fixes may be handed over together after so long, ms.
    pub max_delay_ms: i64,
    /// The system is to wake the app when it leaves this circle.
    pub exit_fence: Option<Circle>,
    /// Also wake at significant motion.
    pub on_motion: bool,
}

/// A circle on the earth.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct Circle {
    /// Its middle.
    pub middle: GeoPoint,
    /// Metres.
    pub radius: f64,
}

/// A fix that was dropped.
#[derive(Clone, Debug, uniffi::Record)]
pub struct DroppedFix {
    /// Its wall time, unix ms.
    pub wall: i64,
    /// `off_duty`, `inaccurate`, `jump`, …
    pub reason: String,
    /// The reason in Chinese.
    pub reason_zh: String,
}

/// How tracking stands.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TrackInfo {
    /// A shift runs.
    pub on_duty: bool,
    /// Parts of tracks that wait for the server.
    pub waiting: u32,
    /// Their bytes.
    pub waiting_bytes: u64,
    /// Parts that the server will never take.
    pub refused: u32,
    /// Parts that were removed before the server had them, because there was no room.
    pub lost: u32,
}

/// A while at one place.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TrackStay {
    /// Unix ms.
    pub from: i64,
    /// Unix ms.
    pub to: i64,
    /// Where.
    pub at: GeoPoint,
    /// Most of its fixes are within so many metres.
    pub radius: f64,
}

/// A while of which nothing is known.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TrackGap {
    /// Unix ms.
    pub from: i64,
    /// Unix ms.
    pub to: i64,
    /// `app_killed`, `no_satellites`, `permission_lost`, …
    pub reason: String,
    /// The reason in Chinese.
    pub reason_zh: String,
}

/// The shifts of a day as one.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TrackDay {
    /// Metres: the best answer.
    pub metres: f64,
    /// The truth is hardly less.
    pub metres_low: f64,
    /// The truth is hardly more.
    pub metres_high: f64,
    /// The polyline, in runs between gaps.
    pub runs: Vec<Vec<GeoPoint>>,
    /// Stays.
    pub stays: Vec<TrackStay>,
    /// Gaps.
    pub gaps: Vec<TrackGap>,
}

fn point(place: Place) -> GeoPoint {
    GeoPoint { lat: place.lat(), lon: place.lon() }
}

pub(crate) fn fix(fix: Fix) -> Answer<domain::Fix> {
    let place = Place::of_degrees(fix.at.lat, fix.at.lon);
    Ok(domain::Fix {
        place: place.ok_or_else(|| bad("place", "is no place on the earth"))?,
        wall: UnixMs(fix.wall),
        boot_ms: fix.boot_ms,
        accuracy: fix.accuracy,
        speed: fix.speed,
        bearing: fix.bearing,
        altitude: fix.altitude,
        provider: Provider::parse(&fix.provider)
            .ok_or_else(|| bad("provider", "is not gnss, fused, network or other"))?,
        mock: fix.mock,
    })
}

impl From<LocationRequest> for LocationPlan {
    fn from(request: LocationRequest) -> Self {
        let priority = match request.priority {
            Priority::Off => "off",
            Priority::LowPower => "low_power",
            Priority::Balanced => "balanced",
            Priority::High => "high",
        };
        LocationPlan {
            priority: priority.to_owned(),
            interval_ms: request.interval_ms,
            min_distance_m: request.min_distance_m,
            max_delay_ms: request.max_delay_ms,
            exit_fence: request.exit_fence.map(|(middle, radius)| Circle { middle: point(middle), radius }),
            on_motion: request.on_motion,
        }
    }
}

impl From<core::Day> for TrackDay {
    fn from(day: core::Day) -> Self {
        TrackDay {
            metres: day.distance.metres,
            metres_low: day.distance.low,
            metres_high: day.distance.high,
            runs: day.runs.iter().map(|run| run.points.iter().map(|v| point(v.place())).collect()).collect(),
            stays: day
                .stays
                .iter()
                .map(|s| TrackStay { from: s.from.0, to: s.to.0, at: point(s.place), radius: s.radius })
                .collect(),
            gaps: day
                .gaps
                .iter()
                .map(|g| TrackGap {
                    from: g.from.0,
                    to: g.to.0,
                    reason: g.reason.as_str().to_owned(),
                    reason_zh: g.reason.label_zh().to_owned(),
                })
                .collect(),
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Begins a shift: from now on fixes are kept. One that runs goes on. Durable when this returns.
    pub async fn duty_on(&self) -> Answer<()> {
        let tracking = self.client.tracking();
        run(async move { tracking.duty_on().await }).await
    }

    /// Ends the shift; nothing is kept after this returns.
    pub async fn duty_off(&self) -> Answer<()> {
        let tracking = self.client.tracking();
        run(async move { tracking.duty_off().await }).await
    }

    /// Takes fixes in the order in which the phone found them; durable when this returns. Those that were dropped, with the reason: off
    /// duty all.
    pub async fn push_fixes(&self, fixes: Vec<Fix>) -> Answer<Vec<DroppedFix>> {
        let fixes = fixes.into_iter().map(fix).collect::<Answer<Vec<_>>>()?;
        let tracking = self.client.tracking();
        let pushed = run(async move { tracking.push(&fixes).await }).await?;
        let dropped = |(at, reason): (UnixMs, domain::DropReason)| DroppedFix {
            wall: at.0,
            reason: reason.as_str().to_owned(),
            reason_zh: reason.label_zh().to_owned(),
        };
        Ok(pushed.dropped.into_iter().map(dropped).collect())
    }

    /// The phone says why no fixes come: `no_satellites`, `permission_lost`, `location_off`, …
    pub async fn location_trouble(&self, reason: String) -> Answer<()> {
        let reason = GapReason::parse(&reason).ok_or_else(|| bad("reason", "there is no such reason"))?;
        let tracking = self.client.tracking();
        run(async move { tracking.trouble(reason).await }).await
    }

    /// What to ask the location service for now. Ask again after each push, each minute, and when `around` changes.
    pub async fn location_plan(&self, around: Around) -> Answer<LocationPlan> {
        let around = Surroundings {
            order_active: around.order_active,
            metres_to_stop: around.metres_to_stop,
            near_ms: around.near_ms,
            punching: around.punching,
            battery: around.battery.map(|b| u8::try_from(b).unwrap_or(100).min(100)),
            power_saving: around.power_saving,
        };
        let tracking = self.client.tracking();
        run(async move { tracking.request(around).await }).await.map(LocationPlan::from)
    }

    /// How tracking stands.
    pub async fn track_info(&self) -> Answer<TrackInfo> {
        let tracking = self.client.tracking();
        let status = run(async move { tracking.status().await }).await?;
        Ok(TrackInfo {
            on_duty: status.on_duty,
            waiting: status.waiting,
            waiting_bytes: status.waiting_bytes,
            refused: status.refused,
            lost: status.lost,
        })
    }

    /// The shifts that began today.
    pub async fn track_today(&self) -> Answer<TrackDay> {
        let tracking = self.client.tracking();
        run(async move { tracking.today().await }).await.map(TrackDay::from)
    }

    /// Sends what waits, now. The exchange with the server does the same by itself.
    pub async fn send_tracks(&self) -> Answer<()> {
        let tracking = self.client.tracking();
        run(async move { tracking.upload().await }).await
    }
}
