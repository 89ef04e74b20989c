//! Geofences: entered, left, stayed in; by probability, since a fix is a disc and not a point.
//!
//! With the distance to the edge and the fix's deviation, the probability of being inside is that of a normal
//! distribution across the edge. Entered: 0.9 or more in two of the last three fixes. Left: 0.1 or less in two of three
//! for the fence grown by 20 m or the accuracy, so that standing at the edge rings no bell.

use super::filter::deviation;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Fix;
use waybell_domain::track::shape::below;
pub use waybell_domain::track::shape::{MOST_CORNERS, Shape};

/// Most fences at once.
pub const MOST_FENCES: usize = 64;
const SURE: f64 = 0.9;

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
