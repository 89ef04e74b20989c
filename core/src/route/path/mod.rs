//! The general search: windows, priorities, pick-up first, pins anywhere, legs that differ by direction.
//!
//! The same iterated local search as on the ring, on a line with a clock. A move puts up to three segments in another order or
//! direction. What it does to travel is known from sums of both directions at once; only if that could pay (what time costs from there
//! on is the most that can be saved) is the clock run over the changed part, and from there until it shows again what it did
//! before, or nobody downstream asks. So lateness is true lateness, not a stand-in.
//!
//! Time beyond hard windows is allowed on the way, at a price that is adjusted so that about half of what is found has none: the
//! best tours lie along that border. The best is kept by (time beyond hard windows, cost).

mod line;
mod moves;
mod near;

use super::net::{Net, Value};
use super::problem::Watch;
use super::rng::Rng;
use line::Line;

/// Longest segment of a kick.
const SEGMENT: usize = 30;
/// Kicks from tooth to tooth of the saw; at each the search goes on from the best, or, every so often, from somewhere else.
const TOOTH: u64 = 500;
const ELSEWHERE: u64 = 2;
/// Stops that are shuffled for that.
const SHUFFLED: usize = 40;
/// Price of a millisecond beyond hard windows, thousandths: at first, and its bounds.
const PRICE: (i64, i64, i64) = (2_000, 500, 1_000_000);
/// Kicks after which the price is looked at.
const REVIEW: u64 = 50;

/// The best order found before the watch ended.
pub(super) fn search(net: &Net, watch: &mut Watch<'_>) -> Vec<u32> {
    let mut rng = Rng::new(watch.seed());
    let mut line = Line::new(net, &net.given, PRICE.0);
    let mut best = (line.value(), line.order().to_vec());
    let mut start = best.clone();
    for wish in beginnings(net) {
        if watch.late() {
            break;
        }
        line.set(&wish);
        line.touch_all();
        line.repair(watch);
        let value = line.value();
        if value < best.0 {
            best = (value, line.order().to_vec());
        }
        if start.1 == net.given || value < start.0 {
            start = (value, line.order().to_vec());
        }
    }
    line.set(&start.1);
    line.keep();
    let mut now = line.value();
    // a small tour has few ways out of where it is trapped, and must go over higher passes
    let warmth = net.usual_leg(&best.1) * (200 + 12_000 / net.stops().max(1) as i64);
    let mut feasible = 0;
    while watch.go() {
        if watch.done.is_multiple_of(TOOTH) {
            line.set(&best.1);
            if (watch.done / TOOTH).is_multiple_of(ELSEWHERE) {
                // far from the best: what no small kick leads to may lie there
                line.set(&elsewhere(net, &best.1, &mut rng));
                line.touch_all();
                line.repair(watch);
            }
            line.keep();
            now = line.value();
            if now < best.0 {
                best = (now, line.order().to_vec());
            }
        }
        if watch.done.is_multiple_of(REVIEW) {
            let price = line.price();
            line.set_price(match feasible * 100 / REVIEW {
                0..=29 => (price * 4 / 3).min(PRICE.2),
                60.. if best.0.hard == 0 => (price * 4 / 5).max(PRICE.1),
                _ => price,
            });
            feasible = 0;
        }
        if !kick(&mut line, &mut rng) {
            continue;
        }
        line.repair(watch);
        let new = line.value();
        feasible += u64::from(new.hard == 0);
        if new < best.0 {
            best = (new, line.order().to_vec());
        }
        let phase = (watch.done % TOOTH) as i64;
        let pass = rng.exponential(warmth * (TOOTH as i64 - phase) / TOOTH as i64);
        if priced(new, line.price()) > priced(now, line.price()).saturating_add(pass) {
            line.take_back();
        } else {
            now = new;
            line.keep();
        }
    }
    best.1
}

/// The best order with part of it shuffled: all of a small tour, some dozen stops of a large one.
fn elsewhere(net: &Net, best: &[u32], rng: &mut Rng) -> Vec<u32> {
    let mut order = best.to_vec();
    let span = order.len().min(SHUFFLED);
    let from = rng.below(order.len() - span + 1);
    for i in (1..span).rev() {
        order.swap(from + i, from + rng.below(i + 1));
    }
    net.legal(&order)
}

fn priced(value: Value, price: i64) -> i64 {
    value.cost.saturating_add(value.hard.saturating_mul(price))
}

/// Orders to begin with, all legal: as given, always to the nearest, by closing time, by the middle of the window.
fn beginnings(net: &Net) -> Vec<Vec<u32>> {
    let mut all = vec![net.given.clone(), net.legal(&near::nearest_first(net))];
    if net.timed {
        for key in [
            |n: &super::net::Node| n.shut.min(n.soft.1),
            |n: &super::net::Node| n.open.max(n.soft.0) / 2 + n.shut.min(n.soft.1) / 2,
        ] {
            let mut wish = net.given.clone();
            wish.sort_by_key(|node| key(&net.nodes[*node as usize]));
            all.push(net.legal(&wish));
        }
    }
    all
}

/// Exchanges two segments beside each other, or two single stops; `false` if the rules forbid the one that was drawn.
fn kick(line: &mut Line<'_>, rng: &mut Rng) -> bool {
    let n = line.stops();
    if n < 2 {
        return false;
    }
    if n < 4 || rng.below(8) == 0 {
        let (a, b) = (1 + rng.below(n), 1 + rng.below(n));
        return a != b && line.swap(a.min(b), a.max(b));
    }
    let longest = SEGMENT.min(n / 2);
    let (one, two) = (1 + rng.below(longest), 1 + rng.below(longest));
    if one + two > n {
        return false;
    }
    let l = 1 + rng.below(n - one - two + 1);
    line.exchange(l, l + one, l + one + two - 1)
}
