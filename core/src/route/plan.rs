//! The answer: every stop once, with its times.

use super::net::Net;
use super::problem::{Problem, Watch};
use waybell_domain::clock::UnixMs;

/// What could not be taken as it was asked. A plan with notes still holds every stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Note {
    /// The stop's place is not in the matrix: it stands where the rest of the tour suffers least.
    UnknownPlace(usize),
    /// There is no way to this stop from the one before it (or from the start).
    NoWay(usize),
    /// There is no way from the last stop to the end.
    NoWayToEnd,
    /// The stop's pin contradicts another one or the locked stops, or is beyond the tour.
    PinDropped(usize),
    /// The first cannot come before the second: a circle, a pin, a locked stop, or no such stop.
    PairDropped(usize, usize),
    /// A number in the given order that is no stop, or is there twice.
    NotInGiven(usize),
    /// A window that closes before it opens.
    EmptyWindow(usize),
}

/// Why the search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The work was done.
    Budget,
    /// The deadline came.
    Deadline,
    /// It was cancelled.
    Cancelled,
}

/// One stop in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Visit {
    /// Number of the stop.
    pub stop: usize,
    /// Travel to it, milliseconds; 0 if there is no way (see the notes).
    pub travel_ms: i64,
    /// Arrival.
    pub arrive: UnixMs,
    /// Beginning of the service: the arrival, or when the door opens.
    pub begin: UnixMs,
    /// Departure.
    pub leave: UnixMs,
    /// Milliseconds after the end of the hard window.
    pub hard_late_ms: i64,
    /// Milliseconds after the end of the soft window.
    pub soft_late_ms: i64,
    /// Milliseconds before the beginning of the soft window.
    pub early_ms: i64,
}

impl Visit {
    /// Whether it comes too late for one of its windows.
    #[must_use]
    pub const fn is_late(&self) -> bool {
        self.hard_late_ms > 0 || self.soft_late_ms > 0
    }
}

/// An order of all stops.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The stops in order: each exactly once.
    pub visits: Vec<Visit>,
    /// When the end is reached; the last departure if the end is free.
    pub finish: UnixMs,
    /// Travel, milliseconds.
    pub travel_ms: i64,
    /// Waiting before closed doors, milliseconds.
    pub wait_ms: i64,
    /// Sum of lateness over hard windows, milliseconds. 0 if the plan can be kept.
    pub hard_late_ms: i64,
    /// Sum of lateness over soft windows, milliseconds.
    pub soft_late_ms: i64,
    /// What the search made small, after hard lateness: milliseconds of travel, and what else was weighted.
    pub cost_ms: i64,
    /// What could not be taken as it was asked.
    pub notes: Vec<Note>,
    /// Kicks done.
    pub iterations: u64,
    /// Why the search ended.
    pub ended: Ended,
}

impl Plan {
    /// The stop numbers in order.
    #[must_use]
    pub fn order(&self) -> Vec<usize> {
        self.visits.iter().map(|v| v.stop).collect()
    }

    pub(super) fn of(
        problem: &Problem,
        net: &Net,
        order: &[u32],
        mut notes: Vec<Note>,
        watch: &Watch<'_>,
    ) -> Self {
        let mut plan = Self {
            visits: Vec::with_capacity(order.len()),
            finish: problem.depart,
            travel_ms: 0,
            wait_ms: 0,
            hard_late_ms: 0,
            soft_late_ms: 0,
            cost_ms: net.value(order).cost / 1_000,
            notes: Vec::new(),
            iterations: watch.done,
            ended: watch.cut.unwrap_or(Ended::Budget),
        };
        let at = |t: i64| UnixMs(problem.depart.0.saturating_add(t));
        let (mut from, mut clock) = (0, 0);
        for &node in order {
            let stop = node as usize - 1;
            let mut travel = net.d(from, node);
            if net.no_way(from, node) {
                travel = 0;
                if !notes.contains(&Note::UnknownPlace(stop)) {
                    notes.push(Note::NoWay(stop));
                }
            }
            // The clock runs on as if the leg could be travelled in no time: later stops keep sensible times.
            let arrive = clock + travel;
            let (begin, _) = net.reach(node, arrive);
            let asked = &net.nodes[node as usize];
            let leave = begin + asked.service;
            plan.travel_ms += travel;
            plan.wait_ms = plan.wait_ms.saturating_add(begin - arrive);
            let visit = Visit {
                stop,
                travel_ms: travel,
                arrive: at(arrive),
                begin: at(begin),
                leave: at(leave),
                hard_late_ms: (begin - asked.shut).max(0),
                soft_late_ms: (begin - asked.soft.1).max(0),
                early_ms: (asked.soft.0 - begin).max(0),
            };
            plan.hard_late_ms = plan.hard_late_ms.saturating_add(visit.hard_late_ms);
            plan.soft_late_ms = plan.soft_late_ms.saturating_add(visit.soft_late_ms);
            plan.visits.push(visit);
            (from, clock) = (node, leave);
        }
        let end = net.size as u32 - 1;
        if net.no_way(from, end) {
            notes.push(Note::NoWayToEnd);
        } else {
            clock += net.d(from, end);
            plan.travel_ms += net.d(from, end);
        }
        plan.finish = at(clock);
        plan.notes = notes;
        plan
    }
}
