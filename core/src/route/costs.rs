//! Travel times: a matrix from whoever knows the roads, or an estimate from coordinates.

use futures_util::future::BoxFuture;

/// A leg that cannot be travelled costs this many milliseconds (nearly six days): bad enough to be avoided, small enough to be
/// added up.
pub(super) const UNREACHABLE: i32 = 500_000_000;
/// The longest leg that counts as one.
const LONGEST: f64 = 400_000_000.0;
/// Mean radius of the earth, metres (IUGG).
const EARTH: f64 = 6_371_008.8;

/// A place, WGS-84, degrees.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

impl Point {
    /// Great-circle distance in metres; not a number if a coordinate is none.
    #[must_use]
    pub fn metres_to(self, other: Self) -> f64 {
        let (a, b) = (self.lat.to_radians(), other.lat.to_radians());
        let (dy, dx) = ((b - a) / 2.0, (other.lon - self.lon).to_radians() / 2.0);
        let h = dy.sin().powi(2) + a.cos() * b.cos() * dx.sin().powi(2);
        2.0 * EARTH * h.clamp(0.0, 1.0).sqrt().asin()
    }

    fn is_real(self) -> bool {
        self.lat.is_finite() && self.lon.is_finite() && self.lat.abs() <= 90.0 && self.lon.abs() <= 180.0
    }
}

/// Not as many figures as a square of so many places needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a matrix of {places} places needs {places} × {places} figures, not {given}")]
pub struct MatrixError {
    /// Places.
    pub places: usize,
    /// Figures given.
    pub given: usize,
}

/// Travel times between places in whole milliseconds, each way of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Matrix {
    places: usize,
    ms: Vec<i32>,
}

impl Matrix {
    /// From seconds, row by row (from, then to), as OSRM's `table` gives them. What is no number, negative, infinite or beyond
    /// 111 hours is a leg that cannot be travelled. The diagonal is 0 whatever is given.
    pub fn from_seconds(places: usize, seconds: &[f64]) -> Result<Self, MatrixError> {
        if places.checked_mul(places) != Some(seconds.len()) {
            return Err(MatrixError { places, given: seconds.len() });
        }
        Ok(Self::with(places, |a, b| seconds.get(a * places + b).copied().unwrap_or(f64::NAN)))
    }

    /// From a function that gives the seconds from one place to another.
    pub fn with(places: usize, seconds: impl Fn(usize, usize) -> f64) -> Self {
        let mut ms = Vec::with_capacity(places.saturating_mul(places));
        for a in 0..places {
            for b in 0..places {
                ms.push(if a == b { 0 } else { whole(seconds(a, b)) });
            }
        }
        Self { places, ms }
    }

    /// Number of places.
    #[must_use]
    pub const fn places(&self) -> usize {
        self.places
    }

    /// Milliseconds from one place to another; `None` if there is no such place or no way.
    #[must_use]
    pub fn get(&self, from: usize, to: usize) -> Option<i32> {
        Some(self.leg(from, to)).filter(|ms| *ms < UNREACHABLE)
    }

    /// As `get`, with the cost of an impossible leg for one.
    pub(super) fn leg(&self, from: usize, to: usize) -> i32 {
        if from >= self.places || to >= self.places {
            return UNREACHABLE;
        }
        self.ms.get(from * self.places + to).copied().unwrap_or(UNREACHABLE)
    }
}

fn whole(seconds: f64) -> i32 {
    let ms = (seconds * 1_000.0).round();
    // Casts saturate; the comparison is false for what is no number.
    if (0.0..=LONGEST).contains(&ms) { ms as i32 } else { UNREACHABLE }
}

/// Whoever knows the roads: a server on the network, or [`Estimate`].
pub trait Roads: Send + Sync {
    /// Travel times between the places, in their order. An error text says why there are none, and the caller may then use
    /// [`Estimate`].
    fn matrix<'a>(&'a self, places: &'a [Point]) -> BoxFuture<'a, Result<Matrix, String>>;
}

/// Travel times without a road map: the great circle, lengthened, at one speed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// Length by road over length by air; 1.3 to 1.4 in cities. Learned from tracks where there are some.
    pub detour: f64,
    /// Metres a second on the way.
    pub speed: f64,
}

impl Default for Estimate {
    fn default() -> Self {
        Self { detour: 1.35, speed: 5.0 }
    }
}

impl Estimate {
    /// The matrix. A place with impossible coordinates cannot be reached.
    #[must_use]
    pub fn matrix(&self, places: &[Point]) -> Matrix {
        Matrix::with(places.len(), |a, b| match (places.get(a), places.get(b)) {
            (Some(a), Some(b)) if a.is_real() && b.is_real() => a.metres_to(*b) * self.detour / self.speed,
            _ => f64::NAN,
        })
    }
}

impl Roads for Estimate {
    fn matrix<'a>(&'a self, places: &'a [Point]) -> BoxFuture<'a, Result<Matrix, String>> {
        let matrix = Self::matrix(self, places);
        Box::pin(async move { Ok(matrix) })
    }
}
