//! Geofences: entered, left, stayed in; by probability, since a fix is a disc and not a point.
//!
//! With the distance to the edge and the fix's deviation, the probability of being inside is that of a normal
//! distribution across the edge. Entered: 0.9 or more in two of the last three fixes. Left: 0.1 or less in two of three
//! for the fence grown by 20 m or the accuracy, so that standing at the edge rings no bell.

use super::filter::deviation;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::{Fix, Place};

/// Most fences at once.
pub const MOST_FENCES: usize = 64;
/// Most corners of one.
pub const MOST_CORNERS: usize = 200;
const SURE: f64 = 0.9;

/// The outline of a fence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// Within so many metres of a place.
    Circle {
        /// Its middle.
        middle: Place,
        /// Metres.
        radius: f64,
    },
    /// Inside of a closed outline; the last corner is joined to the first.
    Polygon(Vec<Place>),
}

/// A geofence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fence {
    /// What it is called by whoever made it.
    pub id: String,
    /// Where it is.
    pub shape: Shape,
    /// Milliseconds inside after which it is told that somebody stays.
    pub dwell_ms: i64,
}

impl Fence {
    /// False if a number of it is none: it could not be stored.
    pub(super) fn is_finite(&self) -> bool {
        match &self.shape {
            Shape::Circle { radius, .. } => radius.is_finite(),
            Shape::Polygon(_) => true,
        }
    }
}

/// What happened at a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FenceEvent {
    /// Entered.
    Enter,
    /// Left.
    Exit,
    /// Inside for the fence's time.
    Dwell,
}

/// A fence and what is known of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Watch {
    pub fence: Fence,
    /// Which of the last three fixes were surely inside, and surely outside; the newest lowest.
    inside: u8,
    outside: u8,
    since: Option<UnixMs>,
    dwelt: bool,
}

impl Watch {
    pub(super) fn new(mut fence: Fence) -> Watch {
        if let Shape::Polygon(corners) = &mut fence.shape {
            corners.truncate(MOST_CORNERS);
        }
        Watch { fence, inside: 0, outside: 0, since: None, dwelt: false }
    }

    pub(super) fn take(&mut self, at: UnixMs, fix: &Fix, tell: &mut impl FnMut(&str, FenceEvent)) {
        let sigma = deviation(fix);
        let depth = self.fence.shape.depth(fix.place);
        let margin = fix.accuracy.map_or(20.0, f64::from).clamp(20.0, 100.0);
        self.inside = (self.inside << 1 | u8::from(below(depth / sigma) >= SURE)) & 7;
        self.outside = (self.outside << 1 | u8::from(below((depth + margin) / sigma) <= 1.0 - SURE)) & 7;
        match self.since {
            None if self.inside.count_ones() >= 2 => {
                (self.since, self.dwelt) = (Some(at), false);
                tell(&self.fence.id, FenceEvent::Enter);
            }
            Some(_) if self.outside.count_ones() >= 2 => {
                self.since = None;
                tell(&self.fence.id, FenceEvent::Exit);
            }
            Some(since) if !self.dwelt && at.since(since) >= self.fence.dwell_ms => {
                self.dwelt = true;
                tell(&self.fence.id, FenceEvent::Dwell);
            }
            _ => {}
        }
    }
}

impl Shape {
    /// Metres inside of the edge; negative outside.
    fn depth(&self, place: Place) -> f64 {
        match self {
            Shape::Circle { middle, radius } => radius - place.metres_to(*middle),
            Shape::Polygon(corners) => {
                let Some(last) = corners.last() else { return f64::NEG_INFINITY };
                let mut before = last.metres_from(place);
                let (mut inside, mut near) = (false, f64::INFINITY);
                for corner in corners {
                    let this = corner.metres_from(place);
                    if (this.1 > 0.0) != (before.1 > 0.0)
                        && this.0 - this.1 * (before.0 - this.0) / (before.1 - this.1) > 0.0
                    {
                        inside = !inside;
                    }
                    near = near.min(to_edge(before, this));
                    before = this;
                }
                if inside { near } else { -near }
            }
        }
    }
}

/// Metres from the origin to a segment.
fn to_edge(a: (f64, f64), b: (f64, f64)) -> f64 {
    let (x, y) = (b.0 - a.0, b.1 - a.1);
    let length = x * x + y * y;
    let part = if length > 0.0 { (-(a.0 * x + a.1 * y) / length).clamp(0.0, 1.0) } else { 0.0 };
    (a.0 + part * x).hypot(a.1 + part * y)
}

/// The share of a normal distribution that lies below (Abramowitz and Stegun 26.2.17, within 1e-7).
fn below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let series = t
        * (0.319_381_53
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() * 0.398_942_280_4 * series;
    if x >= 0.0 { 1.0 - tail } else { tail }
}
