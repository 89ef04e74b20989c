//! The order of a courier's stops: one vehicle, one tour, on the phone, without a network.
//!
//! ```text
//!  Problem ──▶ Net (milliseconds, start, stops, end) ──▶ given order made legal
//!                 │ eight free stops or fewer   │ no windows, same time both ways   │ everything else
//!                 ▼                             ▼                                   ▼
//!              small: all orders             tour: flips on a ring               path: segments on a line, clock run along
//!                 └──────────────────▶ the better of found and given ◀──────────────┘
//!                                        │
//!                 Plan: every stop once, with times, lateness, notes ──▶ explain(stop)
//! ```
//!
//! * **Never anything but a permutation.** Search moves stops about; it cannot add or lose one. A stop whose place is unknown
//!   or cannot be reached is still in the plan, with a [`Note`].
//! * **Never worse than what the courier had.** The given order is made legal first (locked stops, pins, pick-up first) and is
//!   returned unless something better was found. Better means: less time beyond hard windows, then less cost.
//! * **The same answer everywhere.** Work is counted in kicks of an iterated local search, all costs are whole numbers, and the
//!   random numbers are our own. A deadline or a cancellation only ends the search early.
//! * **Contradictions are said, not obeyed and not fatal.** A pin, or a pick-up that must come first, which cannot be kept is
//!   dropped with a [`Note`].
//!
//! Nothing here blocks on anything but the processor, and nothing is shared: call it from any thread.

mod costs;
mod explain;
mod insert;
mod net;
mod path;
mod plan;
mod problem;
mod rng;
mod small;
#[cfg(test)]
mod tests;
mod tour;

pub use costs::{Estimate, Matrix, MatrixError, Point, Roads};
pub use explain::{Cause, Explanation, Help, explain};
pub use insert::insert;
pub use plan::{Ended, Note, Plan, Visit};
pub use problem::{End, Limits, Pin, Problem, Stop, Weights, Window};

use net::Net;
use problem::Watch;

/// Plans the tour. Total: any problem has an answer, and the answer holds every stop once.
#[must_use]
pub fn plan(problem: &Problem, limits: &Limits) -> Plan {
    let (net, notes) = Net::build(problem);
    let mut watch = Watch::new(limits, net.stops());
    let mut best = net.given.clone();
    if net.stops() >= 2 {
        let free = net.stops() - net.pinned.iter().filter(|node| **node != 0).count();
        let found = match () {
            () if free <= small::MOST => small::search(&net, &mut watch),
            () if net.plain() => tour::search(&net, &mut watch),
            () => path::search(&net, &mut watch),
        };
        if net.is_legal(&found) && net.value(&found) < net.value(&best) {
            best = found;
        }
    }
    Plan::of(problem, &net, &best, notes, &watch)
}

/// Times and costs of a given order, without changing it except where it is no legal order of all stops.
#[must_use]
pub fn evaluate(problem: &Problem) -> Plan {
    let (net, notes) = Net::build(problem);
    let order = net.given.clone();
    Plan::of(problem, &net, &order, notes, &Watch::new(&Limits::default(), 0))
}
