//! The line of nodes with its sums and its clock.

use super::super::net::{Net, Value};
use super::super::problem::Watch;
use super::near;
use std::collections::VecDeque;

/// Positions `from..=to` of the line, read backwards if `turned`. Empty if `to < from`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Piece {
    /// First position.
    pub(super) from: usize,
    /// Last position.
    pub(super) to: usize,
    /// Backwards.
    pub(super) turned: bool,
}

/// Forwards.
pub(super) const fn ahead(from: usize, to: usize) -> Piece {
    Piece { from, to, turned: false }
}

/// Backwards.
pub(super) const fn turned(from: usize, to: usize) -> Piece {
    Piece { from, to, turned: true }
}

impl Piece {
    const fn len(self) -> usize {
        (self.to + 1).saturating_sub(self.from)
    }
}

/// See the module. Position 0 is the start, the last one the end; sums at a position include it.
pub(super) struct Line<'a> {
    pub(super) net: &'a Net,
    pub(super) near: Vec<Vec<u32>>,
    seq: Vec<u32>,
    pos: Vec<u32>,
    /// Travel up to here, forwards and backwards.
    forth: Vec<i64>,
    back: Vec<i64>,
    arrive: Vec<i64>,
    leave: Vec<i64>,
    /// What time cost up to here, and time beyond hard windows.
    time: Vec<i64>,
    hard: Vec<i64>,
    /// The last position that asks something of the clock.
    quiet: usize,
    /// Pinned positions up to here.
    pins: Vec<u32>,
    price: i64,
    kept: Vec<u32>,
    changed: (usize, usize),
    buffer: Vec<u32>,
    queue: VecDeque<u32>,
    queued: Vec<bool>,
}

impl<'a> Line<'a> {
    /// In this order.
    pub(super) fn new(net: &'a Net, order: &[u32], price: i64) -> Self {
        let size = net.size;
        let mut pins = vec![0; size];
        for p in 1..size {
            pins[p] = pins[p - 1] + u32::from(net.pinned[p] != 0);
        }
        let mut line = Self {
            net,
            near: near::lists(net, if net.timed { 16 } else { 10 }),
            seq: vec![0; size],
            pos: vec![0; size],
            forth: vec![0; size],
            back: vec![0; size],
            arrive: vec![0; size],
            leave: vec![0; size],
            time: vec![0; size],
            hard: vec![0; size],
            quiet: 0,
            pins,
            price,
            kept: vec![0; size],
            changed: (usize::MAX, 0),
            buffer: Vec::with_capacity(size),
            queue: VecDeque::with_capacity(size),
            queued: vec![false; size],
        };
        line.set(order);
        line.keep();
        line
    }

    /// Stops.
    pub(super) const fn stops(&self) -> usize {
        self.net.size - 2
    }

    /// The order without start and end.
    pub(super) fn order(&self) -> &[u32] {
        &self.seq[1..self.net.size - 1]
    }

    /// Node at a position.
    #[inline(always)]
    pub(super) fn node(&self, p: usize) -> u32 {
        self.seq[p]
    }

    /// Position of a node.
    #[inline(always)]
    pub(super) fn at(&self, node: u32) -> usize {
        self.pos[node as usize] as usize
    }

    /// Price of a millisecond beyond hard windows.
    pub(super) const fn price(&self) -> i64 {
        self.price
    }

    /// Sets the price.
    pub(super) const fn set_price(&mut self, price: i64) {
        self.price = price;
    }

    /// What the order is worth.
    pub(super) fn value(&self) -> Value {
        let last = self.net.size - 1;
        Value { hard: self.hard[last], cost: self.forth[last] * 1_000 + self.time[last] }
    }

    /// What time costs, hard windows included, from a position on.
    #[inline(always)]
    pub(super) fn time_from(&self, p: usize) -> i64 {
        let last = self.net.size - 1;
        let before = p.saturating_sub(1);
        self.time[last] - self.time[before] + (self.hard[last] - self.hard[before]) * self.price
    }

    /// Takes another order of the same nodes.
    pub(super) fn set(&mut self, order: &[u32]) {
        let last = self.net.size - 1;
        self.seq[0] = 0;
        self.seq[1..last].copy_from_slice(order);
        self.seq[last] = last as u32;
        self.changed = (1, last - 1);
        self.pos[0] = 0;
        self.run(1);
    }

    /// Remembers the order for `take_back`.
    pub(super) fn keep(&mut self) {
        let (from, to) = self.changed;
        if from <= to {
            self.kept[from..=to].copy_from_slice(&self.seq[from..=to]);
        }
        self.changed = (usize::MAX, 0);
    }

    /// Back to what was kept.
    pub(super) fn take_back(&mut self) {
        let (from, to) = self.changed;
        if from <= to {
            self.seq[from..=to].copy_from_slice(&self.kept[from..=to]);
            self.run(from);
        }
        self.changed = (usize::MAX, 0);
    }

    /// Sums and clock anew from a position on.
    fn run(&mut self, from: usize) {
        let net = self.net;
        let mut quiet = if self.quiet < from { self.quiet } else { from - 1 };
        for p in from..net.size {
            let (a, b) = (self.seq[p - 1], self.seq[p]);
            let leg = net.d(a, b);
            self.pos[b as usize] = p as u32;
            self.forth[p] = self.forth[p - 1] + leg;
            self.back[p] = self.back[p - 1] + net.d(b, a);
            if !net.timed {
                continue;
            }
            let t = self.leave[p - 1] + leg;
            let (start, value) = net.reach(b, t);
            self.arrive[p] = t;
            self.leave[p] = start + net.nodes[b as usize].service;
            self.time[p] = self.time[p - 1] + value.cost;
            self.hard[p] = self.hard[p - 1] + value.hard;
            if net.nodes[b as usize].timed {
                quiet = p;
            }
        }
        self.quiet = quiet;
    }

    /// By how much the priced value changes if positions l to r become these pieces, which hold just those positions. Exact if
    /// it is negative; whatever is not negative is no gain.
    #[inline]
    pub(super) fn change(&self, l: usize, r: usize, pieces: &[Piece]) -> i64 {
        let net = self.net;
        let mut travel = self.forth[l - 1] - self.forth[r + 1];
        let mut at = self.seq[l - 1];
        for piece in pieces.iter().filter(|p| p.from <= p.to) {
            let (first, last) = (self.seq[piece.from], self.seq[piece.to]);
            if piece.turned {
                travel += net.d(at, last) + self.back[piece.to] - self.back[piece.from];
                at = first;
            } else {
                travel += net.d(at, first) + self.forth[piece.to] - self.forth[piece.from];
                at = last;
            }
        }
        travel = (travel + net.d(at, self.seq[r + 1])) * 1_000;
        if !net.timed {
            return travel;
        }
        let spare = self.time_from(l);
        if travel >= spare { travel } else { self.timed_change(l, r, pieces, travel - spare) }
    }

    /// Runs the clock; `sum` is travel less all that time costs now from l on.
    fn timed_change(&self, l: usize, r: usize, pieces: &[Piece], mut sum: i64) -> i64 {
        let net = self.net;
        let (mut at, mut t) = (self.seq[l - 1], self.leave[l - 1]);
        let mut step = |node: u32, t: i64| {
            let (start, value) = net.reach(node, t);
            sum += value.cost + value.hard * self.price;
            (start + net.nodes[node as usize].service, sum)
        };
        for piece in pieces {
            for i in 0..piece.len() {
                let node = self.seq[if piece.turned { piece.to - i } else { piece.from + i }];
                let (left, sum) = step(node, t + net.d(at, node));
                if sum >= 0 {
                    return sum;
                }
                (at, t) = (node, left);
            }
        }
        for p in r + 1..=self.quiet {
            let node = self.seq[p];
            t += net.d(at, node);
            if t == self.arrive[p] {
                return sum + self.time_from(p);
            }
            let (left, so_far) = step(node, t);
            if so_far >= 0 {
                return so_far;
            }
            (at, t) = (node, left);
        }
        sum
    }

    /// Whether the rules allow it: pinned positions keep their node, and what must come first does.
    pub(super) fn allowed(&self, l: usize, r: usize, pieces: &[Piece]) -> bool {
        if self.pins[r] != self.pins[l - 1] {
            let moved = |p: usize| self.net.pinned[p] != 0 && self.moved_to(p, l, pieces) != p;
            if (l..=r).any(moved) {
                return false;
            }
        }
        self.net.pairs.iter().all(|&(a, b)| {
            let (a, b) = (self.at(a), self.at(b));
            a < l || b > r || self.moved_to(a, l, pieces) < self.moved_to(b, l, pieces)
        })
    }

    /// Where the node at position p is after the move.
    fn moved_to(&self, p: usize, l: usize, pieces: &[Piece]) -> usize {
        let mut at = l;
        for piece in pieces.iter().filter(|p| p.from <= p.to) {
            if (piece.from..=piece.to).contains(&p) {
                return at + if piece.turned { piece.to - p } else { p - piece.from };
            }
            at += piece.len();
        }
        p
    }

    /// Does it, and touches the nodes at the seams.
    pub(super) fn apply(&mut self, l: usize, r: usize, pieces: &[Piece]) {
        self.buffer.clear();
        for piece in pieces.iter().filter(|p| p.from <= p.to) {
            for p in [piece.from, piece.to] {
                self.touch(self.seq[p]);
            }
            let part = &self.seq[piece.from..=piece.to];
            if piece.turned {
                self.buffer.extend(part.iter().rev());
            } else {
                self.buffer.extend(part);
            }
        }
        self.touch(self.seq[l - 1]);
        self.touch(self.seq[r + 1]);
        self.seq[l..=r].copy_from_slice(&self.buffer);
        self.changed = (self.changed.0.min(l), self.changed.1.max(r));
        self.run(l);
    }

    /// Exchanges positions l..m and m..=r, if the rules allow it.
    pub(super) fn exchange(&mut self, l: usize, m: usize, r: usize) -> bool {
        let pieces = [ahead(m, r), ahead(l, m - 1)];
        let allowed = self.allowed(l, r, &pieces);
        if allowed {
            self.apply(l, r, &pieces);
            self.touch_late();
        }
        allowed
    }

    /// Exchanges two stops, if the rules allow it.
    pub(super) fn swap(&mut self, l: usize, r: usize) -> bool {
        let pieces = [ahead(r, r), ahead(l + 1, r - 1), ahead(l, l)];
        let allowed = self.allowed(l, r, &pieces);
        if allowed {
            self.apply(l, r, &pieces);
            self.touch_late();
        }
        allowed
    }

    /// Whoever is late may help by moving.
    fn touch_late(&mut self) {
        if self.hard[self.net.size - 1] == 0 {
            return;
        }
        for p in 1..self.net.size - 1 {
            if self.hard[p] > self.hard[p - 1] {
                self.touch(self.seq[p]);
            }
        }
    }

    /// This node's places are to be looked at.
    pub(super) fn touch(&mut self, node: u32) {
        let stop = node != 0 && (node as usize) < self.net.size - 1;
        if stop && !std::mem::replace(&mut self.queued[node as usize], true) {
            self.queue.push_back(node);
        }
    }

    /// All places are to be looked at.
    pub(super) fn touch_all(&mut self) {
        for p in 1..self.net.size - 1 {
            self.touch(self.seq[p]);
        }
    }

    /// Moves at the touched nodes until none pays.
    pub(super) fn repair(&mut self, watch: &mut Watch<'_>) {
        let mut looked = 0_u32;
        while let Some(node) = self.queue.pop_front() {
            self.queued[node as usize] = false;
            looked += 1;
            if looked.is_multiple_of(32) && watch.late() {
                for node in self.queue.drain(..) {
                    self.queued[node as usize] = false;
                }
                break;
            }
            while self.improve(node) {}
        }
    }
}
