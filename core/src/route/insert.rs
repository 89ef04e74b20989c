//! A new stop for a tour that is under way: the others keep their order, so whoever was told a time keeps about that time.

use super::net::{Net, Value, locked};
use super::plan::Plan;
use super::problem::{Limits, Problem, Watch};

/// Puts a stop into the given order where it costs least, and leaves the others in their order.
///
/// `stop` is its number in `problem.stops`; where it stands in `problem.given`, if at all, does not matter, unless it is locked.
/// Locked stops, pins and pairs are kept: where a stop is pinned to a position in the middle, those around it make room.
/// A number that is no stop gives the plan of the given order. Every place is tried with the clock run along, which is
/// quadratic: well below a millisecond at 200 stops.
#[must_use]
pub fn insert(problem: &Problem, stop: usize) -> Plan {
    let limits = Limits::default();
    let watch = Watch::new(&limits, 0);
    let n = problem.stops.len();
    if stop >= n || problem.given.iter().take(problem.locked).any(|s| *s == stop) {
        let (net, notes) = Net::build(problem);
        return Plan::of(problem, &net, &net.given, notes, &watch);
    }
    let mut seen = vec![false; n];
    let mut given: Vec<usize> = Vec::with_capacity(n);
    for s in problem.given.iter().copied().chain(0..n).filter(|s| *s != stop) {
        if seen.get_mut(s).is_some_and(|seen| !std::mem::replace(seen, true)) {
            given.push(s);
        }
    }
    given.push(stop);
    let locked = locked(n, &problem.given, problem.locked);
    let (net, notes) = Net::build_from(problem, &given, locked);
    let best = cheapest(&net, stop as u32 + 1).unwrap_or_else(|| net.given.clone());
    Plan::of(problem, &net, &best, notes, &watch)
}

/// The cheapest legal order that has the node somewhere and the others as given.
pub(super) fn cheapest(net: &Net, node: u32) -> Option<Vec<u32>> {
    let mut order: Vec<u32> = net.given.iter().copied().filter(|x| *x != node).collect();
    order.insert(0, node);
    let within = net.pinned_within();
    let mut best: Option<(Value, Vec<u32>)> = None;
    for i in 0..order.len() {
        if i > 0 {
            order.swap(i - 1, i);
        }
        let made = within.then(|| net.legal(&order));
        let candidate = made.as_deref().unwrap_or(&order);
        if !net.is_legal(candidate) {
            continue;
        }
        let value = net.value(candidate);
        if best.as_ref().is_none_or(|(b, _)| value < *b) {
            best = Some((value, candidate.to_vec()));
        }
    }
    best.map(|(_, order)| order)
}
