//! What the phone is asked to do: `plan(situation) -> LocationRequest`, pure. The phone only carries it out.
//!
//! | situation | request |
//! |---|---|
//! | off duty | nothing |
//! | still for 3 minutes | off; a fence of 200 m and significant motion wake it; a look every 10 minutes |
//! | moving, no order | balanced, 15 to 30 s, 50 m, held back for 2 minutes |
//! | order active | high, 5 s, 10 to 15 m, held back for 30 s |
//! | within 300 m of a stop, or about to punch | high, 1 s, for a minute at most |
//! | battery below 15 %, or power saving | intervals doubled |

use serde::{Deserialize, Serialize};
use waybell_domain::track::Place;

/// Still for so long is still, ms.
const STILL: i64 = 180_000;
/// Nearer to a stop than this wants every second, metres, for so long at most, ms.
const NEAR: f64 = 300.0;
const NEAR_FOR: i64 = 60_000;
const LOW_BATTERY: u8 = 15;

/// What the plan depends on.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Situation {
    /// A shift is running.
    pub on_duty: bool,
    /// For how long nothing has moved, ms; 0 while moving.
    pub still_ms: i64,
    /// Where that is.
    pub place: Option<Place>,
    /// Metres a second.
    pub speed: f64,
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

/// How exact, at what cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Nothing runs.
    Off,
    /// Base stations and Wi-Fi.
    LowPower,
    /// Whatever is cheap; some tens of metres.
    Balanced,
    /// Satellites.
    High,
}

/// What the phone asks its location service for.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LocationRequest {
    /// How exact.
    pub priority: Priority,
    /// Milliseconds between fixes; 0 for none.
    pub interval_ms: i64,
    /// No fix before so many metres.
    pub min_distance_m: f64,
    /// Fixes may be handed over together after so long, ms.
    pub max_delay_ms: i64,
    /// The system wakes the app when it is left: middle and metres.
    pub exit_fence: Option<(Place, f64)>,
    /// Also wake at significant motion.
    pub on_motion: bool,
    /// Between uploads, ms; 0 for at once.
    pub upload_ms: i64,
}

const NOTHING: LocationRequest = LocationRequest {
    priority: Priority::Off,
    interval_ms: 0,
    min_distance_m: 0.0,
    max_delay_ms: 0,
    exit_fence: None,
    on_motion: false,
    upload_ms: 0,
};

/// What to ask for in this situation.
#[must_use]
pub fn plan(now: &Situation) -> LocationRequest {
    if !now.on_duty {
        return NOTHING;
    }
    let near = now.metres_to_stop.is_some_and(|m| m <= NEAR) && now.near_ms < NEAR_FOR;
    let mut request = if now.punching || (near && now.still_ms < STILL) {
        LocationRequest { priority: Priority::High, interval_ms: 1_000, ..NOTHING }
    } else if now.still_ms >= STILL {
        LocationRequest {
            priority: Priority::LowPower,
            interval_ms: 600_000,
            exit_fence: now.place.map(|p| (p, 200.0)),
            on_motion: true,
            upload_ms: 600_000,
            ..NOTHING
        }
    } else if now.order_active {
        LocationRequest {
            priority: Priority::High,
            interval_ms: 5_000,
            min_distance_m: if now.speed > 4.0 { 15.0 } else { 10.0 },
            max_delay_ms: 30_000,
            upload_ms: 30_000,
            ..NOTHING
        }
    } else {
        LocationRequest {
            priority: Priority::Balanced,
            interval_ms: if now.speed > 4.0 { 15_000 } else { 30_000 },
            min_distance_m: 50.0,
            max_delay_ms: 120_000,
            upload_ms: 120_000,
            ..NOTHING
        }
    };
    if !now.punching && (now.power_saving || now.battery.is_some_and(|b| b < LOW_BATTERY)) {
        request.interval_ms *= 2;
        request.upload_ms *= 2;
    }
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moving() -> Situation {
        Situation {
            on_duty: true,
            still_ms: 0,
            place: Place::of_degrees(31.0, 121.0),
            speed: 5.0,
            order_active: false,
            metres_to_stop: None,
            near_ms: 0,
            punching: false,
            battery: Some(80),
            power_saving: false,
        }
    }

    #[test]
    fn nothing_runs_off_duty_whatever_else_is_so() {
        for order_active in [false, true] {
            let now = Situation {
                on_duty: false,
                order_active,
                punching: true,
                metres_to_stop: Some(1.0),
                ..moving()
            };
            assert_eq!(plan(&now), NOTHING);
        }
    }

    #[test]
    fn the_nearer_and_the_more_urgent_the_more_often() {
        let idle = plan(&moving());
        let order = plan(&Situation { order_active: true, ..moving() });
        let near = plan(&Situation { order_active: true, metres_to_stop: Some(250.0), ..moving() });
        let still = plan(&Situation { order_active: true, still_ms: 200_000, speed: 0.0, ..moving() });
        assert!(near.interval_ms < order.interval_ms && order.interval_ms < idle.interval_ms);
        assert_eq!((still.priority, still.interval_ms, still.on_motion), (Priority::LowPower, 600_000, true));
        assert_eq!(still.exit_fence.map(|f| f.1), Some(200.0));
        // no more than a minute at every second, then like any order
        let long = Situation { order_active: true, metres_to_stop: Some(250.0), near_ms: 61_000, ..moving() };
        assert_eq!(plan(&long), order);
        // an hour on an order is at most 120 times of handing over, one without at most 30
        assert!(order.max_delay_ms >= 30_000 && idle.max_delay_ms >= 120_000 && still.interval_ms >= 600_000);
    }

    #[test]
    fn a_low_battery_halves_everything_but_a_punch() {
        let low = Situation { battery: Some(14), ..moving() };
        assert_eq!(plan(&low).interval_ms, 2 * plan(&moving()).interval_ms);
        assert_eq!(plan(&Situation { power_saving: true, ..moving() }), plan(&low));
        let punch = Situation { punching: true, ..low };
        assert_eq!((plan(&punch).interval_ms, plan(&punch).priority), (1_000, Priority::High));
    }
}
