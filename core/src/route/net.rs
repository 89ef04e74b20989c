//! The problem as the search sees it: whole milliseconds from the departure on, one node for the start (0), one for each stop
//! (its number + 1) and one for the end (the last), and an order to begin with that keeps every rule that can be kept.

use super::costs::UNREACHABLE;
use super::plan::Note;
use super::problem::{End, Pin, Problem};

/// "At any time": far beyond what a tour can add up to.
pub(super) const FOREVER: i64 = 1 << 50;
/// Lateness and waiting count up to eleven days, so that sums fit.
const MOST: i64 = 1_000_000_000;

/// Costs (thousandths of a millisecond of travel) and time beyond hard windows (milliseconds).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Value {
    /// Beyond hard windows.
    pub(super) hard: i64,
    /// Everything else.
    pub(super) cost: i64,
}

impl PartialOrd for Value {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some((self.hard, self.cost).cmp(&(other.hard, other.cost)))
    }
}

/// What a stop asks of the clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Node {
    /// Milliseconds that the stop takes.
    pub(super) service: i64,
    /// Door opens.
    pub(super) open: i64,
    /// Door shuts.
    pub(super) shut: i64,
    /// Soft window.
    pub(super) soft: (i64, i64),
    /// Thousandths for each millisecond until it is reached.
    pub(super) priority: i64,
    /// Whether any of the above is more than service.
    pub(super) timed: bool,
}

impl Node {
    const BARE: Self = Self {
        service: 0,
        open: -FOREVER,
        shut: FOREVER,
        soft: (-FOREVER, FOREVER),
        priority: 0,
        timed: false,
    };
}

/// See the module.
pub(super) struct Net {
    /// Nodes: stops + 2.
    pub(super) size: usize,
    d: Vec<i32>,
    pub(super) nodes: Vec<Node>,
    pub(super) wait: i64,
    pub(super) soft: i64,
    /// Node at each position that is not free, 0 elsewhere; positions are 1 to stops.
    pub(super) pinned: Vec<u32>,
    /// Pairs of nodes, first before second.
    pub(super) pairs: Vec<(u32, u32)>,
    /// A legal order of nodes, start and end not in it.
    pub(super) given: Vec<u32>,
    /// So many of it are locked.
    pub(super) locked: usize,
    /// Whether some stop asks something of the clock.
    pub(super) timed: bool,
    /// Whether each leg takes as long back as forth.
    pub(super) symmetric: bool,
}

impl Net {
    /// From a problem, and what could not be taken as it was.
    pub(super) fn build(problem: &Problem) -> (Self, Vec<Note>) {
        let locked = locked(problem.stops.len(), &problem.given, problem.locked);
        Self::build_from(problem, &problem.given, locked)
    }

    /// The same with another given order, of which so many are locked.
    pub(super) fn build_from(problem: &Problem, given: &[usize], locked: usize) -> (Self, Vec<Note>) {
        let mut notes = Vec::new();
        let n = problem.stops.len();
        let size = n + 2;
        let place = |node: usize| match node {
            0 => Some(problem.start),
            _ if node == size - 1 => match problem.end {
                End::Free => None,
                End::Place(place) => Some(place),
            },
            _ => problem.stops.get(node - 1).map(|s| s.place),
        };
        let places: Vec<Option<usize>> = (0..size).map(place).collect();
        for (stop, s) in problem.stops.iter().enumerate() {
            if s.place >= problem.matrix.places() {
                notes.push(Note::UnknownPlace(stop));
            }
        }
        let mut d = vec![0; size * size];
        for (row, from) in d.chunks_exact_mut(size).zip(&places) {
            for (leg, to) in row.iter_mut().zip(&places) {
                if let (Some(from), Some(to)) = (from, to) {
                    *leg = problem.matrix.leg(*from, *to);
                }
            }
        }
        let symmetric = (1..size).all(|a| (0..a).all(|b| d[a * size + b] == d[b * size + a]));
        let mut nodes = vec![Node::BARE; size];
        for (node, stop) in nodes.iter_mut().skip(1).zip(&problem.stops) {
            let at = |ms: i64| ms.saturating_sub(problem.depart.0).clamp(-FOREVER, FOREVER);
            node.service = stop.service_ms().min(MOST);
            if let Some(hard) = stop.hard {
                (node.open, node.shut) = (at(hard.from.0), at(hard.to.0));
            }
            if let Some(soft) = stop.soft {
                node.soft = (at(soft.from.0), at(soft.to.0));
            }
            node.priority = (i64::from(stop.priority) * i64::from(problem.weights.priority)).min(100_000);
            node.timed = stop.hard.is_some() || stop.soft.is_some() || node.priority > 0;
        }
        for (stop, s) in problem.stops.iter().enumerate() {
            if s.hard.is_some_and(|w| w.from > w.to) || s.soft.is_some_and(|w| w.from > w.to) {
                notes.push(Note::EmptyWindow(stop));
            }
        }
        let mut net = Self {
            size,
            d,
            timed: nodes.iter().any(|n| n.timed),
            nodes,
            wait: i64::from(problem.weights.wait.min(100_000)),
            soft: i64::from(problem.weights.soft.min(100_000)),
            pinned: vec![0; size],
            pairs: Vec::new(),
            given: Vec::new(),
            locked,
            symmetric,
        };
        let order = whole_order(problem.stops.len(), given, &mut notes);
        net.pin(problem, &order, locked, &mut notes);
        net.pair(problem, &mut notes);
        net.given = net.legal(&order);
        net.drop_broken(&mut notes);
        (net, notes)
    }

    /// Number of stops.
    pub(super) const fn stops(&self) -> usize {
        self.size - 2
    }

    /// Milliseconds from one node to another.
    #[inline(always)]
    pub(super) fn d(&self, a: u32, b: u32) -> i64 {
        i64::from(self.d[a as usize * self.size + b as usize])
    }

    /// Whether the fast search for rings will do: no clock, no pairs, same time both ways, and pins at the ends only.
    pub(super) fn plain(&self) -> bool {
        let small = self.size < usize::from(u16::MAX);
        !self.timed && self.symmetric && self.pairs.is_empty() && small && !self.pinned_within()
    }

    /// Whether a position is pinned that has free ones before and behind it.
    pub(super) fn pinned_within(&self) -> bool {
        let (front, back) = self.ends();
        (front + 1..=self.stops() - back).any(|p| self.pinned[p] != 0)
    }

    /// How many positions are pinned without a gap from the front and from the back.
    pub(super) fn ends(&self) -> (usize, usize) {
        let n = self.stops();
        let front = (1..=n).take_while(|p| self.pinned[*p] != 0).count();
        let back = (1..=n).rev().take_while(|p| self.pinned[*p] != 0).count();
        (front, back.min(n - front))
    }

    /// Waiting and lateness of a node that is reached at `t`: when its service begins, and what that costs.
    #[inline(always)]
    pub(super) fn reach(&self, node: u32, t: i64) -> (i64, Value) {
        let n = &self.nodes[node as usize];
        if !n.timed {
            return (t, Value::default());
        }
        let start = t.max(n.open);
        let off = (n.soft.0 - start).max(start - n.soft.1).clamp(0, MOST);
        let cost = (start - t).min(MOST) * self.wait + off * self.soft + start.min(MOST) * n.priority;
        (start, Value { hard: (start - n.shut).clamp(0, MOST), cost })
    }

    /// What an order of all stops is worth.
    pub(super) fn value(&self, order: &[u32]) -> Value {
        let mut total = Value::default();
        let (mut at, mut t) = (0, 0);
        for &node in order {
            let leg = self.d(at, node);
            let (start, value) = self.reach(node, t + leg);
            total.cost += leg * 1_000 + value.cost;
            total.hard += value.hard;
            t = start + self.nodes[node as usize].service;
            at = node;
        }
        total.cost += self.d(at, self.size as u32 - 1) * 1_000;
        total
    }

    /// Whether an order holds every stop once, and keeps pins and pairs.
    pub(super) fn is_legal(&self, order: &[u32]) -> bool {
        let mut at = vec![0; self.size];
        for (i, &node) in order.iter().enumerate() {
            match at.get_mut(node as usize) {
                Some(seen) if *seen == 0 && node != 0 && (node as usize) < self.size - 1 => *seen = i + 1,
                _ => return false,
            }
            if self.pinned[i + 1] != 0 && self.pinned[i + 1] != node {
                return false;
            }
        }
        order.len() == self.stops() && self.pairs.iter().all(|(a, b)| at[*a as usize] < at[*b as usize])
    }

    /// Mean of the legs of an order, those that cannot be travelled left out; milliseconds.
    pub(super) fn usual_leg(&self, order: &[u32]) -> i64 {
        let (mut sum, mut count, mut at) = (0, 0, 0);
        for &node in order {
            if !self.no_way(at, node) {
                (sum, count) = (sum + self.d(at, node), count + 1);
            }
            at = node;
        }
        sum / count.max(1)
    }

    /// Whether a leg cannot be travelled.
    pub(super) fn no_way(&self, a: u32, b: u32) -> bool {
        self.d(a, b) >= i64::from(UNREACHABLE)
    }

    fn pin(&mut self, problem: &Problem, order: &[u32], locked: usize, notes: &mut Vec<Note>) {
        let n = self.stops();
        let locked = locked.min(n);
        let mut pinned = vec![false; self.size];
        for (i, &node) in order.iter().take(locked).enumerate() {
            self.pinned[i + 1] = node;
            pinned[node as usize] = true;
        }
        for (stop, s) in problem.stops.iter().enumerate() {
            let position = match s.pin {
                None => continue,
                Some(Pin::First) => locked + 1,
                Some(Pin::Last) => n,
                Some(Pin::At(at)) => at.saturating_add(1),
            };
            let node = stop as u32 + 1;
            let taken = self.pinned.get(position).copied();
            if pinned[stop + 1] && taken == Some(node) {
                continue;
            }
            if position > n || pinned[stop + 1] || taken != Some(0) {
                notes.push(Note::PinDropped(stop));
                continue;
            }
            self.pinned[position] = node;
            pinned[stop + 1] = true;
        }
    }

    fn pair(&mut self, problem: &Problem, notes: &mut Vec<Note>) {
        let n = self.stops();
        for &(a, b) in &problem.before {
            if a >= n || b >= n || a == b {
                notes.push(Note::PairDropped(a, b));
            } else {
                self.pairs.push((a as u32 + 1, b as u32 + 1));
            }
        }
        self.pairs.sort_unstable();
        self.pairs.dedup();
    }

    /// An order that keeps the pins, and the pairs if that is possible, and else follows `wish`.
    ///
    /// Each free position gets the first stop of `wish` whose predecessors have been visited. A stop that must come before a
    /// pinned one has a last position; when as many of them are left as there are free positions up to it, the most urgent is
    /// taken instead (earliest due date, which is best for jobs of one length with precedence).
    pub(super) fn legal(&self, wish: &[u32]) -> Vec<u32> {
        let n = self.stops();
        let mut fixed = vec![false; self.size];
        let mut due = vec![usize::MAX; self.size];
        for p in 1..=n {
            let node = self.pinned[p] as usize;
            if node != 0 {
                fixed[node] = true;
                due[node] = p;
            }
        }
        // A predecessor is due before its successor; chains are no longer than the number of stops.
        for _ in 0..n {
            let mut changed = false;
            for &(a, b) in &self.pairs {
                let limit = due[b as usize].saturating_sub(usize::from(due[b as usize] != usize::MAX));
                if due[a as usize] > limit {
                    due[a as usize] = limit;
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
        let mut waits = vec![0_u32; self.size];
        for &(_, b) in &self.pairs {
            waits[b as usize] += 1;
        }
        let mut left: Vec<u32> = wish.iter().copied().filter(|w| !fixed[*w as usize]).collect();
        let mut urgent: Vec<usize> =
            left.iter().map(|w| due[*w as usize]).filter(|d| *d != usize::MAX).collect();
        urgent.sort_unstable();
        let mut order = Vec::with_capacity(n);
        for p in 1..=n {
            let node = if self.pinned[p] != 0 {
                self.pinned[p]
            } else {
                let tight = self.tight(p, &urgent);
                let ready = |w: &u32| waits[*w as usize] == 0;
                let pick = if tight {
                    (0..left.len()).filter(|i| ready(&left[*i])).min_by_key(|i| due[left[*i] as usize])
                } else {
                    left.iter().position(ready)
                };
                let pick = pick.unwrap_or(0);
                if pick >= left.len() {
                    break;
                }
                let node = left.remove(pick);
                if let Ok(at) = urgent.binary_search(&due[node as usize]) {
                    urgent.remove(at);
                }
                node
            };
            for &(_, b) in self.pairs.iter().filter(|(a, _)| *a == node) {
                waits[b as usize] = waits[b as usize].saturating_sub(1);
            }
            order.push(node);
        }
        order
    }

    /// Whether a stop without haste at position `p` would make one with haste miss its last position.
    fn tight(&self, p: usize, urgent: &[usize]) -> bool {
        let mut free = 0;
        let mut at = p + 1;
        for (done, due) in urgent.iter().enumerate() {
            while at <= *due && at < self.size - 1 {
                free += usize::from(self.pinned[at] == 0);
                at += 1;
            }
            if free < done + 1 {
                return true;
            }
        }
        false
    }

    fn drop_broken(&mut self, notes: &mut Vec<Note>) {
        let mut at = vec![0; self.size];
        for (i, node) in self.given.iter().enumerate() {
            at[*node as usize] = i;
        }
        self.pairs.retain(|&(a, b)| {
            let kept = at[a as usize] < at[b as usize];
            if !kept {
                notes.push(Note::PairDropped(a as usize - 1, b as usize - 1));
            }
            kept
        });
    }
}

/// The given order as nodes, with every stop once.
fn whole_order(n: usize, given: &[usize], notes: &mut Vec<Note>) -> Vec<u32> {
    let mut seen = vec![false; n];
    let mut order = Vec::with_capacity(n);
    for &stop in given {
        match seen.get_mut(stop) {
            Some(seen) if !*seen => {
                *seen = true;
                order.push(stop as u32 + 1);
            }
            _ => notes.push(Note::NotInGiven(stop)),
        }
    }
    for (stop, seen) in seen.iter().enumerate() {
        if !seen {
            order.push(stop as u32 + 1);
        }
    }
    order
}

/// How many of the whole order are locked, of so many asked for: what stands for no stop, or for one that was there before, locks nothing.
pub(super) fn locked(n: usize, given: &[usize], asked: usize) -> usize {
    let mut seen = vec![false; n];
    given
        .iter()
        .take(asked)
        .filter(|s| seen.get_mut(**s).is_some_and(|seen| !std::mem::replace(seen, true)))
        .count()
}
