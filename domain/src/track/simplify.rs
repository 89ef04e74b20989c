//! The simplifier: fixes in, the vertices of a polyline out, with a bound on what is lost, in constant memory.
//!
//! The bound is on the *synchronous* distance: where the polyline is at the time of a fix, and where the fix was, are
//! never further apart than the bound. It holds for what is stored, rounding to the grid included.
//!
//! How (after the cone intersection of Lin et al., "One-pass trajectory simplification using the synchronous Euclidean
//! distance", arXiv 1801.05360, in its weak form, where vertices need not be fixes):
//!
//! * A piece starts at a vertex. Each later fix allows those velocities that pass within the bound of it: a disc around
//!   the velocity that meets it. What all discs share is kept as an octagon, by its extent in four directions, which
//!   lies inside of the true region: a new fix costs four comparisons either way.
//! * Of a region that is not empty one velocity is known, the *witness*, whose place at the fix's time is on the grid.
//!   A witness that fell out of the newest disc is pulled towards its centre; if that fails, it is moved by a few
//!   steps against what it violates.
//! * If no witness is found, the piece ends at the fix before, at the allowed grid point nearest to the way to the new
//!   fix, because that leaves the next piece the most room. Failing to find a witness that exists costs a vertex and
//!   nothing else.
//! * Vertices are put at whole seconds where there is one between two fixes, so that the codec counts seconds; not where
//!   the way to it would leave the plane or the earth (a leap of kilometres in a millisecond, gone on with for a second).
//!
//! The plane serves up to 80 degrees of latitude. On the 180th meridian vertices stop, so that there, and only there, a
//! fix may be twice the bound away.
//!
//! Work a fix: constant (at most twelve looks at eight comparisons; the most two such rounds). State: some 200 bytes,
//! serialisable.

use super::codec::Vertex;
use super::fix::{METRES_PER_DEGREE, Place};
use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};

/// Directions in which the region's extent is kept.
const AXES: usize = 4;
/// Unit vectors at 22.5, 67.5, 112.5 and 157.5 degrees.
const X: [f64; AXES] =
    [0.923_879_532_511_286_7, 0.382_683_432_365_089_8, -0.382_683_432_365_089_8, -0.923_879_532_511_286_7];
const Y: [f64; AXES] =
    [0.382_683_432_365_089_8, 0.923_879_532_511_286_7, 0.923_879_532_511_286_7, 0.382_683_432_365_089_8];
/// How near its sides are to an octagon in a circle of 1: cos 22.5 degrees.
const APOTHEM: f64 = 0.923_879_532_511_286_7;
/// Metres of one step of 1e-7 degrees of latitude.
const STEP: f64 = METRES_PER_DEGREE * 1e-7;
/// Steps of 1e-7 degrees of one of the grid.
const GRID: f64 = 100.0;
/// A piece reaches no further than this from its start, metres: the plane on which it is measured is flat.
const REACH: f64 = 8_000.0;
/// Share of the newest disc into which a witness is pulled.
const PULL: f64 = 0.7;
/// Steps of the search for a witness.
const SEARCH: usize = 4;
/// Least bound, metres: half a dozen times the coarseness of the grid.
pub const LEAST_BOUND: f64 = 3.0;

/// The velocities that are still allowed, metres a second, by their extent in each direction.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Region {
    high: [f64; AXES],
    low: [f64; AXES],
}

const OPEN: Region = Region { high: [1e300; AXES], low: [-1e300; AXES] };

impl Region {
    #[inline(always)]
    fn holds(&self, x: f64, y: f64) -> bool {
        let mut out = 0u64;
        for n in 0..AXES {
            let along = x * X[n] + y * Y[n];
            out += u64::from(along > self.high[n]) + u64::from(along < self.low[n]);
        }
        out == 0
    }

    /// What it shares with a disc; false if that is empty for certain.
    #[inline(always)]
    fn cut(&mut self, x: f64, y: f64, apothem: f64) -> bool {
        let mut empty = 0u64;
        for n in 0..AXES {
            let along = x * X[n] + y * Y[n];
            let (high, low) = (along + apothem, along - apothem);
            self.high[n] = if high < self.high[n] { high } else { self.high[n] };
            self.low[n] = if low > self.low[n] { low } else { self.low[n] };
            empty += u64::from(self.low[n] > self.high[n]);
        }
        empty == 0
    }

    /// How far out of it a velocity is, as the sum of what each side wants; `pad` wants it that much inside.
    #[inline(always)]
    fn wants(&self, x: f64, y: f64, pad: f64) -> (f64, f64) {
        let (mut east, mut north) = (0.0, 0.0);
        for n in 0..AXES {
            let along = x * X[n] + y * Y[n];
            let (over, under) = (along - self.high[n] + pad, self.low[n] - along + pad);
            let over = if over > 0.0 { over } else { 0.0 };
            let under = if under > 0.0 { under } else { 0.0 };
            east += (under - over) * X[n];
            north += (under - over) * Y[n];
        }
        (east, north)
    }

    /// How much of the way from a velocity inside to another one lies inside.
    fn way(&self, from: (f64, f64), to: (f64, f64)) -> f64 {
        let (x, y) = (to.0 - from.0, to.1 - from.1);
        let mut most: f64 = 1.0;
        for n in 0..AXES {
            let (rise, at) = (x * X[n] + y * Y[n], from.0 * X[n] + from.1 * Y[n]);
            if rise > 1e-12 {
                most = most.min((self.high[n] - at) / rise);
            } else if rise < -1e-12 {
                most = most.min((self.low[n] - at) / rise);
            }
        }
        most.max(0.0)
    }
}

/// The piece that is being made.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Piece {
    start: Vertex,
    /// Metres of one grid step east.
    east: f64,
    /// The bound less what the flat plane may err, metres.
    bound: f64,
    region: Region,
    witness: (f64, f64),
    /// The fix taken last; `None` if there is none since the start.
    last: Option<Last>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Last {
    at: i64,
    /// Metres east and north of the start.
    x: f64,
    y: f64,
    /// Where the witness is on the grid, in steps from the start.
    grid: (f64, f64),
}

/// Makes a polyline of fixes, one by one. See the module for how, and for what it promises.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Simplifier {
    bound: f64,
    piece: Option<Piece>,
}

/// The nearest whole number, for |x| below 2^51, without a call.
#[inline(always)]
fn whole(x: f64) -> f64 {
    const SHIFT: f64 = 6_755_399_441_055_744.0;
    (x + SHIFT) - SHIFT
}

impl Piece {
    fn new(start: Vertex, bound: f64) -> Piece {
        let lat = (f64::from(start.lat_e5) * 1e-5).to_radians();
        // how much a step east shrinks within reach, as a share
        let shrink = (REACH / super::fix::EARTH_M * lat.tan().abs()).min(0.5);
        Piece {
            start,
            east: (STEP * GRID * lat.cos()).max(1e-9),
            bound: bound * (1.0 - shrink) - 0.01,
            region: OPEN,
            witness: (0.0, 0.0),
            last: None,
        }
    }

    /// The vertex so many grid steps from the start.
    fn vertex(&self, at: i64, grid: (f64, f64)) -> Vertex {
        Vertex {
            at: UnixMs(at),
            lat_e5: (self.start.lat_e5 + grid.1 as i32).clamp(-9_000_000, 9_000_000),
            lon_e5: (self.start.lon_e5 + grid.0 as i32).clamp(-18_000_000, 18_000_000),
        }
    }

    /// Whether a grid point is on the piece's plane and on the earth.
    fn reaches(&self, grid: (f64, f64)) -> bool {
        (grid.0 * self.east).abs() < REACH
            && (grid.1 * STEP * GRID).abs() < REACH
            && (f64::from(self.start.lat_e5) + grid.1).abs() <= 9_000_000.0
            && (f64::from(self.start.lon_e5) + grid.0).abs() <= 18_000_000.0
    }

    /// The grid point nearest to where a velocity leads, if the region holds it.
    #[inline(always)]
    fn on_grid(&self, region: &Region, velocity: (f64, f64), seconds: f64, each: f64) -> Option<(f64, f64)> {
        const NORTH: f64 = STEP * GRID;
        let (x, y) = (whole(velocity.0 * seconds / self.east), whole(velocity.1 * seconds * (1.0 / NORTH)));
        region.holds(x * self.east * each, y * NORTH * each).then_some((x, y))
    }

    /// The same, or one of its neighbours towards the velocity.
    #[inline(never)]
    fn near_grid(
        &self,
        region: &Region,
        velocity: (f64, f64),
        seconds: f64,
        each: f64,
    ) -> Option<(f64, f64)> {
        const NORTH: f64 = STEP * GRID;
        let (x, y) = (velocity.0 * seconds / self.east, velocity.1 * seconds / NORTH);
        let (a, b) = (whole(x), whole(y));
        let (over, up) = (1f64.copysign(x - a), 1f64.copysign(y - b));
        [(a, b), (a + over, b), (a, b + up), (a + over, b + up)]
            .into_iter()
            .find(|(x, y)| region.holds(x * self.east * each, y * NORTH * each))
    }

    /// Takes a fix into the piece; false if the piece cannot hold it.
    #[inline(always)]
    fn take(&mut self, at: i64, x: f64, y: f64) -> bool {
        let seconds = (at - self.start.at.0) as f64 * 1e-3;
        let each = 1.0 / seconds;
        let (cx, cy, apothem) = (x * each, y * each, self.bound * each * APOTHEM);
        let mut region = self.region;
        if !region.cut(cx, cy, apothem) {
            return false;
        }
        let from = if self.last.is_none() { (cx, cy) } else { self.witness };
        let (dx, dy) = (from.0 - cx, from.1 - cy);
        let (away, most) = (dx * dx + dy * dy, apothem * PULL);
        let pull = if away > most * most { most / away.sqrt() } else { 1.0 };
        let witness = (cx + dx * pull, cy + dy * pull);
        let found = match self.on_grid(&region, witness, seconds, each) {
            Some(grid) => Some((witness, grid)),
            None => self.search(&region, witness, apothem, seconds, each),
        };
        let Some((witness, grid)) = found else { return false };
        self.region = region;
        self.witness = witness;
        self.last = Some(Last { at, x, y, grid });
        true
    }

    #[inline(never)]
    fn search(
        &self,
        region: &Region,
        from: (f64, f64),
        apothem: f64,
        seconds: f64,
        each: f64,
    ) -> Option<((f64, f64), (f64, f64))> {
        let mut at = from;
        for _ in 0..SEARCH {
            if let Some(grid) = self.near_grid(region, at, seconds, each) {
                return Some((at, grid));
            }
            let (x, y) = region.wants(at.0, at.1, apothem * 0.1);
            at = (at.0 + 0.6 * x, at.1 + 0.6 * y);
        }
        None
    }

    /// The vertex that ends the piece, given the fix (metres from the start) that comes next at `next`.
    fn end(&self, last: Last, next: Option<(i64, f64, f64)>) -> Vertex {
        const NORTH: f64 = STEP * GRID;
        let round = last.at.div_euclid(1000) * 1000 + if last.at.rem_euclid(1000) == 0 { 0 } else { 1000 };
        let at = if next.is_none_or(|n| round < n.0) { round } else { last.at };
        let of = |at: i64| (at - self.start.at.0) as f64 * 1e-3;
        let known = 1.0 / of(last.at);
        let from = (last.grid.0 * self.east * known, last.grid.1 * NORTH * known);
        let aim = next.map_or(from, |(_, x, y)| (x * known, y * known));
        let part = self.region.way(from, aim);
        let aim = (from.0 + (aim.0 - from.0) * part, from.1 + (aim.1 - from.1) * part);
        for at in [at, last.at] {
            let seconds = of(at);
            let each = 1.0 / seconds;
            let on_the_way = [1.0, 0.9, 0.0].into_iter().find_map(|part| {
                let wanted = (from.0 + (aim.0 - from.0) * part, from.1 + (aim.1 - from.1) * part);
                self.near_grid(&self.region, wanted, seconds, each).filter(|grid| self.reaches(*grid))
            });
            let found = on_the_way.or_else(|| {
                let (_, grid) = self.search(&self.region, self.witness, self.bound * each, seconds, each)?;
                self.reaches(grid).then_some(grid)
            });
            if let Some(grid) = found {
                return self.vertex(at, grid);
            }
        }
        self.vertex(last.at, last.grid)
    }
}

impl Simplifier {
    /// One that keeps this bound, metres; at least [`LEAST_BOUND`].
    #[must_use]
    pub fn new(bound_m: f64) -> Simplifier {
        Simplifier { bound: bound_m.max(LEAST_BOUND), piece: None }
    }

    /// Takes a fix that was accepted; vertices that are now certain are handed to `keep` (none mostly, two at most).
    ///
    /// Times must rise: a fix that is not later than the vertex made last, or the fix before it, is left out. A run must
    /// be ended ([`Simplifier::end`]) where time jumps back.
    #[inline]
    pub fn push(&mut self, at: UnixMs, place: Place, keep: &mut impl FnMut(Vertex)) {
        let Some(piece) = &mut self.piece else {
            // at the whole second before, so that the codec counts seconds
            let mut start = Vertex::near(at, place);
            start.at = UnixMs(at.0.div_euclid(1000) * 1000);
            keep(start);
            let mut piece = Piece::new(start, self.bound);
            if at > start.at {
                let (x, y) = from_start(&piece, place);
                piece.take(at.0, x, y);
            }
            self.piece = Some(piece);
            return;
        };
        if at.0 <= piece.last.map_or(piece.start.at.0, |l| l.at) {
            return;
        }
        let (x, y) = from_start(piece, place);
        if x.abs() < REACH && y.abs() < REACH && piece.take(at.0, x, y) {
            return;
        }
        self.turn(at, place, (x, y), keep);
    }

    /// Ends the piece at the fix before, and starts one there that takes this fix.
    #[inline(never)]
    fn turn(&mut self, at: UnixMs, place: Place, way: (f64, f64), keep: &mut impl FnMut(Vertex)) {
        let Some(piece) = &mut self.piece else { return };
        if let Some(last) = piece.last {
            let vertex = piece.end(last, Some((at.0, way.0, way.1)));
            keep(vertex);
            *piece = Piece::new(vertex, self.bound);
            let (x, y) = from_start(piece, place);
            if x.abs() < REACH && y.abs() < REACH && piece.take(at.0, x, y) {
                return;
            }
        }
        // too far for one plane: a vertex at the fix itself
        let vertex = Vertex::near(at, place);
        keep(vertex);
        *piece = Piece::new(vertex, self.bound);
    }

    /// Ends the run: hands over its last vertex, if fixes came after the one before. The next fix starts a new run.
    pub fn end(&mut self, keep: &mut impl FnMut(Vertex)) {
        if let Some(vertex) = self.open_end() {
            keep(vertex);
        }
        self.piece = None;
    }

    /// The vertex with which the run would end if it ended now; it changes with each fix.
    #[must_use]
    pub fn open_end(&self) -> Option<Vertex> {
        let piece = self.piece.as_ref()?;
        Some(piece.end(piece.last?, None))
    }

    /// The bound, metres.
    #[must_use]
    pub fn bound(&self) -> f64 {
        self.bound
    }
}

/// Metres east and north of a piece's start.
#[inline(always)]
fn from_start(piece: &Piece, place: Place) -> (f64, f64) {
    let east = f64::from(place.lon_e7) - f64::from(piece.start.lon_e5) * GRID;
    let north = f64::from(place.lat_e7) - f64::from(piece.start.lat_e5) * GRID;
    (east * piece.east * (1.0 / GRID), north * STEP)
}

#[cfg(test)]
mod tests;
