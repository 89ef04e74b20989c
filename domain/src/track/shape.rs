//! Outlines on the map, and how sure it is that somebody is inside of one.

use super::Place;
use serde::{Deserialize, Serialize};

/// Most corners of a polygon.
pub const MOST_CORNERS: usize = 200;

/// The outline of a fence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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

impl Shape {
    /// Metres inside of the edge; negative outside.
    #[must_use]
    pub fn depth(&self, place: Place) -> f64 {
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

/// The share of a normal distribution that lies below (Abramowitz and Stegun 26.2.17, within 1e-7): for a depth in
/// standard deviations, how probable it is to be inside.
#[must_use]
pub fn below(x: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * x.abs());
    let series = t
        * (0.319_381_53
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    let tail = (-x * x / 2.0).exp() * 0.398_942_280_4 * series;
    if x >= 0.0 { 1.0 - tail } else { tail }
}
