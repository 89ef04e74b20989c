//! Why a stop is late, and what would help: worked out from the plan by trying it, not guessed.

use super::net::Net;
use super::plan::Plan;
use super::problem::Problem;
use waybell_domain::clock::UnixMs;

/// What makes a stop late.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// There is no way to it.
    NoWay,
    /// Even the straight way from the start comes too late: then it arrives.
    TooFar {
        /// Arrival by the straight way.
        arrive: UnixMs,
    },
    /// The straight way from the last locked stop comes too late, that from the start would not.
    Locked {
        /// Arrival by the straight way after the locked stops.
        arrive: UnixMs,
    },
    /// It must come after this stop, and the straight way over there comes too late.
    After {
        /// The stop that comes first.
        stop: usize,
        /// Arrival by that way.
        arrive: UnixMs,
    },
    /// It is pinned to its position.
    Pinned,
    /// It could be reached in time, but then these would be late who are not, or later than they are.
    Others {
        /// Those stops.
        stops: Vec<usize>,
    },
    /// It could be reached in time without making others late, but the detour is worth more than the lateness by the weights,
    /// or the search did not come to it.
    Detour {
        /// Longer way, milliseconds.
        travel_ms: i64,
    },
}

/// What would make it come in time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Help {
    /// Leaving the start earlier by so much, everything else as planned.
    LeaveEarlier {
        /// Milliseconds.
        by_ms: i64,
    },
    /// Taking it to this position, the others in their order.
    MoveTo {
        /// Position from 0.
        position: usize,
        /// Longer way, milliseconds; negative if shorter.
        travel_ms: i64,
        /// Stops that become late or later by it.
        late: Vec<usize>,
    },
    /// Giving this one stop before it to somebody else.
    HandOver {
        /// That stop.
        stop: usize,
    },
    /// A window that ends so much later.
    Widen {
        /// Milliseconds.
        by_ms: i64,
    },
}

/// See [`explain`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// The stop.
    pub stop: usize,
    /// Its position in the plan, from 0.
    pub position: usize,
    /// How late it is, milliseconds: beyond the hard window, else beyond the soft one.
    pub late_ms: i64,
    /// Whether the hard window is the one that is missed.
    pub hard: bool,
    /// What makes it late: the first is the strongest.
    pub causes: Vec<Cause>,
    /// What would help, what asks least of others first.
    pub helps: Vec<Help>,
}

/// Explains a late stop of a plan of this problem; `None` if it is not late or the plan is of another problem.
#[must_use]
pub fn explain(problem: &Problem, plan: &Plan, stop: usize) -> Option<Explanation> {
    let position = plan.visits.iter().position(|v| v.stop == stop)?;
    let visit = plan.visits.get(position).filter(|v| v.is_late())?;
    let (net, _) = Net::build(problem);
    let order: Vec<u32> = plan.visits.iter().map(|v| v.stop as u32 + 1).collect();
    if !net.is_legal(&order) {
        return None;
    }
    let hard = visit.hard_late_ms > 0;
    let late_ms = if hard { visit.hard_late_ms } else { visit.soft_late_ms };
    let mut case = Case { problem, net, order, position, node: stop as u32 + 1, hard };
    let better = case.best_place();
    let mut causes = case.bounds();
    if causes.is_empty() {
        causes.extend(match &better {
            Some(Help::MoveTo { late, .. }) if !late.is_empty() => {
                Some(Cause::Others { stops: late.clone() })
            }
            Some(Help::MoveTo { travel_ms, .. }) => Some(Cause::Detour { travel_ms: *travel_ms }),
            _ => None,
        });
    }
    let mut helps = Vec::new();
    helps.extend(case.leave_earlier());
    helps.extend(better);
    helps.extend(case.hand_over());
    helps.push(Help::Widen { by_ms: late_ms });
    Some(Explanation { stop, position, late_ms, hard, causes, helps })
}

struct Case<'a> {
    problem: &'a Problem,
    net: Net,
    order: Vec<u32>,
    position: usize,
    node: u32,
    hard: bool,
}

impl Case<'_> {
    /// The latest arrival that is in time.
    fn due(&self) -> i64 {
        let node = &self.net.nodes[self.node as usize];
        if self.hard { node.shut } else { node.soft.1 }
    }

    fn wall(&self, t: i64) -> UnixMs {
        UnixMs(self.problem.depart.0.saturating_add(t))
    }

    /// Arrival at each node of an order, and its lateness over both windows.
    fn run(&self, order: &[u32]) -> Vec<(u32, i64, i64)> {
        let (mut at, mut t) = (0, 0);
        let mut rows = Vec::with_capacity(order.len());
        for &node in order {
            let (begin, _) = self.net.reach(node, t + self.net.d(at, node));
            let asked = &self.net.nodes[node as usize];
            rows.push((
                node,
                begin,
                (begin - asked.shut).max(0).saturating_add((begin - asked.soft.1).max(0)),
            ));
            (at, t) = (node, begin + asked.service);
        }
        rows
    }

    /// When the node is reached after those nodes and nothing else.
    fn straight(&self, first: &[u32]) -> i64 {
        let mut order = first.to_vec();
        order.push(self.node);
        self.run(&order).last().map_or(0, |row| row.1)
    }

    /// What no other order could mend.
    fn bounds(&self) -> Vec<Cause> {
        let due = self.due();
        let mut causes = Vec::new();
        let before = if self.position == 0 { 0 } else { self.order[self.position - 1] };
        if self.net.no_way(0, self.node) && self.net.no_way(before, self.node) {
            return vec![Cause::NoWay];
        }
        let arrive = self.straight(&[]);
        if arrive > due {
            return vec![Cause::TooFar { arrive: self.wall(arrive) }];
        }
        let locked = self.net.locked.min(self.position);
        let arrive = self.straight(&self.order[..locked]);
        if locked > 0 && arrive > due {
            causes.push(Cause::Locked { arrive: self.wall(arrive) });
        }
        for &(first, _) in self.net.pairs.iter().filter(|p| p.1 == self.node) {
            let mut way = self.order[..locked].to_vec();
            if !way.contains(&first) {
                way.push(first);
            }
            let arrive = self.straight(&way);
            if arrive > due && causes.is_empty() {
                causes.push(Cause::After { stop: first as usize - 1, arrive: self.wall(arrive) });
            }
        }
        if self.net.pinned[self.position + 1] == self.node {
            causes.push(Cause::Pinned);
        }
        causes
    }

    /// The place where it is in time and which costs least.
    fn best_place(&mut self) -> Option<Help> {
        let now = self.run(&self.order);
        let travel = |order: &[u32]| {
            let joined = std::iter::once(&0).chain(order);
            joined.zip(order).map(|(a, b)| self.net.d(*a, *b)).sum::<i64>()
                + self.net.d(order.last().copied().unwrap_or(0), self.net.size as u32 - 1)
        };
        let mut best = None;
        let mut order = self.order.clone();
        for position in (0..self.position).rev() {
            order.swap(position, position + 1);
            if !self.net.is_legal(&order) {
                continue;
            }
            let rows = self.run(&order);
            if rows[position].1 > self.due() {
                continue;
            }
            let value = self.net.value(&order);
            if best.as_ref().is_some_and(|(b, _)| *b <= value) {
                continue;
            }
            let was = |node: u32| now.iter().find(|row| row.0 == node).map_or(0, |row| row.2);
            let late = rows.iter().filter(|row| row.0 != self.node && row.2 > was(row.0));
            let help = Help::MoveTo {
                position,
                travel_ms: travel(&order) - travel(&self.order),
                late: late.map(|row| row.0 as usize - 1).collect(),
            };
            best = Some((value, help));
        }
        best.map(|(_, help)| help)
    }

    /// By how much earlier to leave; nothing if some door on the way opens too late for it to help.
    fn leave_earlier(&self) -> Option<Help> {
        let mut latest = self.due();
        let mut to = self.node;
        for &node in self.order[..self.position].iter().rev() {
            let asked = &self.net.nodes[node as usize];
            latest = latest - self.net.d(node, to) - asked.service;
            if latest < asked.open {
                return None;
            }
            to = node;
        }
        latest -= self.net.d(0, to);
        (latest < 0 && self.net.nodes[self.node as usize].open <= self.due())
            .then_some(Help::LeaveEarlier { by_ms: -latest })
    }

    /// The one stop before it whose absence is just enough.
    fn hand_over(&self) -> Option<Help> {
        let locked = self.net.locked;
        let mut best: Option<(i64, u32)> = None;
        for i in locked..self.position {
            let mut order = self.order[..=self.position].to_vec();
            let left = order.remove(i);
            let arrive = self.run(&order).last().map_or(i64::MAX, |row| row.1);
            if arrive <= self.due() && best.is_none_or(|(b, _)| arrive > b) {
                best = Some((arrive, left));
            }
        }
        best.map(|(_, node)| Help::HandOver { stop: node as usize - 1 })
    }
}
