//! A Kalman filter of constant velocity, for the odometer, the stays and the sight of jumps. The archive keeps fixes, not
//! its output.
//!
//! East and north are two filters with one covariance, since errors are round. The disturbance is white acceleration:
//! a courier turns and brakes at some 2 m/s2. What the phone says of speed and direction comes in as a measurement of
//! velocity, which at rest holds the place still better than any averaging.

use serde::{Deserialize, Serialize};
use waybell_domain::track::{Fix, Place};

/// Power of the acceleration, m2/s3.
const RESTLESS: f64 = 2.0;
/// Variance of a velocity of which nothing is known, (m/s)2.
const ANY_SPEED: f64 = 25.0;
/// Variance of a told velocity, (m/s)2.
const TOLD_SPEED: f64 = 0.6;
/// After this long nothing of the velocity is left, seconds.
const FORGOTTEN: f64 = 60.0;
/// Accuracy of a fix that tells none, metres.
const USUAL_ACCURACY: f64 = 8.0;
/// Radius of 68 % of a round normal distribution, in its standard deviations along one axis.
const RADIUS_68: f64 = 1.515;

/// Standard deviation of a fix along one axis, metres; no better than a phone can be.
pub(super) fn deviation(fix: &Fix) -> f64 {
    let told = fix.accuracy.map(f64::from).filter(|a| a.is_finite() && *a > 0.0);
    (told.unwrap_or(USUAL_ACCURACY) / RADIUS_68).max(2.0)
}

/// Place and velocity, as far as they are known.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Filter {
    /// Track time, ms.
    pub at: i64,
    pub place: Place,
    /// What the place's whole units of 1e-7 degrees leave over is below the noise; velocity east and north, m/s.
    pub velocity: (f64, f64),
    /// Variances and covariance of place and velocity along one axis.
    pub place_var: f64,
    cross: f64,
    velocity_var: f64,
}

impl Filter {
    pub(super) fn begin(at: i64, fix: &Fix) -> Filter {
        let mut filter = Filter {
            at,
            place: fix.place,
            velocity: (0.0, 0.0),
            place_var: deviation(fix).powi(2),
            cross: 0.0,
            velocity_var: ANY_SPEED,
        };
        filter.told_velocity(fix);
        filter
    }

    /// Where it would be at a later time.
    pub(super) fn ahead(&self, at: i64) -> Filter {
        let dt = at.saturating_sub(self.at).max(0) as f64 * 1e-3;
        let mut next = *self;
        next.at = at;
        if dt > FORGOTTEN {
            // it may have gone anywhere that a courier can get to
            next.velocity = (0.0, 0.0);
            next.velocity_var = ANY_SPEED;
            next.cross = 0.0;
            next.place_var = self.place_var + ANY_SPEED * dt * dt;
            return next;
        }
        next.place = self.place.moved(self.velocity.0 * dt, self.velocity.1 * dt);
        next.place_var = self.place_var
            + 2.0 * self.cross * dt
            + self.velocity_var * dt * dt
            + RESTLESS * dt * dt * dt / 3.0;
        next.cross = self.cross + self.velocity_var * dt + RESTLESS * dt * dt / 2.0;
        next.velocity_var = self.velocity_var + RESTLESS * dt;
        next
    }

    /// How far a fix is from here, metres, and in squared standard deviations.
    pub(super) fn surprise(&self, fix: &Fix) -> (f64, f64) {
        let (x, y) = fix.place.metres_from(self.place);
        let square = x * x + y * y;
        (square.sqrt(), square / (self.place_var + deviation(fix).powi(2)))
    }

    /// Takes a fix of this very time.
    pub(super) fn take(&mut self, fix: &Fix) {
        let (x, y) = fix.place.metres_from(self.place);
        let total = self.place_var + deviation(fix).powi(2);
        let (near, swift) = (self.place_var / total, self.cross / total);
        self.place = self.place.moved(near * x, near * y);
        self.velocity = (self.velocity.0 + swift * x, self.velocity.1 + swift * y);
        self.velocity_var -= swift * self.cross;
        self.cross *= 1.0 - near;
        self.place_var *= 1.0 - near;
        self.told_velocity(fix);
    }

    fn told_velocity(&mut self, fix: &Fix) {
        let Some(speed) = fix.speed.map(f64::from).filter(|s| s.is_finite() && *s >= 0.0 && *s < 100.0)
        else {
            return;
        };
        let told = match fix.bearing.map(f64::from).filter(|b| b.is_finite()) {
            _ if speed < 0.3 => (0.0, 0.0),
            Some(bearing) => (speed * bearing.to_radians().sin(), speed * bearing.to_radians().cos()),
            None => return,
        };
        let (x, y) = (told.0 - self.velocity.0, told.1 - self.velocity.1);
        let total = self.velocity_var + TOLD_SPEED;
        let (near, swift) = (self.cross / total, self.velocity_var / total);
        self.place = self.place.moved(near * x, near * y);
        self.velocity = (self.velocity.0 + swift * x, self.velocity.1 + swift * y);
        self.place_var -= near * self.cross;
        self.cross *= 1.0 - swift;
        self.velocity_var *= 1.0 - swift;
    }
}
