//! The fast search, for tours without a clock whose legs take as long back as forth.
//!
//! The path from start to end is closed to a ring by an edge that costs less than nothing, so that no search opens it. On the
//! ring works an iterated local search: exchange two neighbouring segments somewhere (a double bridge that touches a few dozen
//! places only), repair with local moves around the six ends, keep the result if it is hardly worse, else take the flips
//! back from a log. Three kicks of four are repaired by 2-opt and or-opt, the fourth by chains of up to three flips
//! (Lin and Kernighan 1973) and pure or-3opt, which frees tours of clustered stops where short moves are trapped. How much
//! worse is let pass falls in a saw-tooth. All of it was chosen by measurement over other instances than the bench's.

mod moves;
mod near;
mod ring;

use super::net::Net;
use super::problem::Watch;
use super::rng::Rng;
use ring::Ring;

/// The edge from end to start.
const CLOSED: i32 = -2_000_000_000;
/// Neighbours a node looks at; and how many of them lie in other directions than the nearest.
const NEAR: (usize, usize) = (10, 3);
/// Longest segment of a usual kick.
const SEGMENT: usize = 30;
/// One kick of so many per hundred has longer segments.
const WIDE_PERCENT: usize = 10;
/// Kicks from tooth to tooth of the saw.
const TOOTH: u64 = 2_000;
/// Every so many kicks the deep repair.
const DEEP: u64 = 4;

/// The best order found before the watch ended; `net` must be plain.
pub(super) fn search(net: &Net, watch: &mut Watch<'_>) -> Vec<u32> {
    let n = net.stops();
    let (front, back) = net.ends();
    let start = if front == 0 { 0 } else { net.given[front - 1] };
    let end = if back == 0 { net.size as u32 - 1 } else { net.given[n - back] };
    let mut ids = vec![start];
    ids.extend(&net.given[front..n - back]);
    let round = front == 0 && back == 0 && (1..=n as u32).all(|x| net.d(start, x) == net.d(end, x));
    let round = round && net.d(start, end) == 0 && !ids.iter().all(|x| net.d(*x, end) == 0);
    if !round {
        ids.push(end);
    }
    let mut legs = Vec::with_capacity(ids.len() * ids.len());
    for &a in &ids {
        legs.extend(ids.iter().map(|b| net.d(a, *b) as i32));
    }
    if !round {
        let k = ids.len();
        legs[k - 1] = CLOSED;
        legs[(k - 1) * k] = CLOSED;
    }
    let mut ring = Ring::new(ids.len(), legs, NEAR);
    let best = improve(&mut ring, watch);
    let mut order = net.given[..front].to_vec();
    order.extend(from_start(&best, round).map(|i| ids[usize::from(i)]));
    order.extend(&net.given[n - back..]);
    order
}

/// The ring cut open at the start (0), without start and end.
fn from_start(ring: &[u16], round: bool) -> impl Iterator<Item = u16> {
    let k = ring.len();
    let zero = ring.iter().position(|x| *x == 0).unwrap_or(0);
    let last = if round { 0 } else { k - 1 };
    let forth = round || usize::from(ring[(zero + k - 1) % k]) == last;
    let inner = if round { k - 1 } else { k - 2 };
    (1..=inner).map(move |i| ring[(if forth { zero + i } else { zero + k - i }) % k])
}

fn improve(ring: &mut Ring, watch: &mut Watch<'_>) -> Vec<u16> {
    let k = ring.len();
    let mut rng = Rng::new(watch.seed());
    ring.nearest_first(rng.below(k));
    ring.touch_all();
    ring.repair(true, watch);
    let mut now = ring.length();
    let (mut best, mut best_order) = (now, ring.order().to_vec());
    let warmth = ring.usual_edge() * 3 / 10;
    let (usual, wide) = (SEGMENT.min(k / 4).max(1), (k / 4).clamp(1, 1_000));
    ring.keep();
    while watch.go() {
        let longest = if rng.below(100) < WIDE_PERCENT { wide } else { usual };
        let (at, one, two) = (rng.below(k), 1 + rng.below(longest), 1 + rng.below(longest));
        let longer = ring.exchange(at, one, two);
        let gain = ring.repair(watch.done.is_multiple_of(DEEP), watch);
        let new = now + longer - gain;
        let phase = (watch.done % TOOTH) as i64;
        let pass = rng.exponential(warmth * (TOOTH as i64 - phase) / TOOTH as i64);
        if new > now + pass {
            ring.take_back();
            continue;
        }
        ring.keep();
        now = new;
        if now < best {
            best = now;
            best_order.copy_from_slice(ring.order());
        }
    }
    best_order
}
