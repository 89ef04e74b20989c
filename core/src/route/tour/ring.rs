//! The ring as an array: successor, predecessor, reversal of the shorter side, and a log to take reversals back.

use super::super::costs::UNREACHABLE;
use super::super::problem::Watch;
use super::near;
use std::collections::VecDeque;

/// A ring of nodes.
pub(super) struct Ring {
    k: usize,
    d: Vec<i32>,
    near: Vec<u16>,
    pub(super) width: usize,
    order: Vec<u16>,
    pos: Vec<u16>,
    log: Vec<(u16, u16)>,
    queue: VecDeque<u16>,
    queued: Vec<bool>,
}

impl Ring {
    /// In the order of the nodes; `d` is a symmetric square, `near` as for [`near::lists`].
    pub(super) fn new(k: usize, d: Vec<i32>, near: (usize, usize)) -> Self {
        let (width, near) = near::lists(k, &d, near);
        let order: Vec<u16> = (0..k as u16).collect();
        Self {
            k,
            d,
            near,
            width,
            pos: order.clone(),
            order,
            log: Vec::new(),
            queue: VecDeque::with_capacity(k),
            queued: vec![false; k],
        }
    }

    /// Nodes.
    pub(super) const fn len(&self) -> usize {
        self.k
    }

    /// The nodes in order.
    pub(super) fn order(&self) -> &[u16] {
        &self.order
    }

    /// Cost of an edge.
    #[inline(always)]
    pub(super) fn d(&self, a: u16, b: u16) -> i64 {
        i64::from(self.d[usize::from(a) * self.k + usize::from(b)])
    }

    /// The q-th neighbour of a node.
    #[inline(always)]
    pub(super) fn near(&self, a: u16, q: usize) -> u16 {
        self.near[usize::from(a) * self.width + q]
    }

    /// Position of a node.
    #[inline(always)]
    pub(super) fn at(&self, a: u16) -> usize {
        usize::from(self.pos[usize::from(a)])
    }

    /// Successor.
    #[inline(always)]
    pub(super) fn next(&self, a: u16) -> u16 {
        let p = self.at(a) + 1;
        self.order[if p == self.k { 0 } else { p }]
    }

    /// Predecessor.
    #[inline(always)]
    pub(super) fn prev(&self, a: u16) -> u16 {
        let p = self.at(a);
        self.order[if p == 0 { self.k - 1 } else { p - 1 }]
    }

    /// The neighbour on one side: the successor if `forth`.
    #[inline(always)]
    pub(super) fn side(&self, a: u16, forth: bool) -> u16 {
        if forth { self.next(a) } else { self.prev(a) }
    }

    /// Steps from `a` to `b`, along the order if `forth`, else against it.
    #[inline(always)]
    pub(super) fn steps(&self, a: u16, b: u16, forth: bool) -> usize {
        let (from, to) = if forth { (self.at(a), self.at(b)) } else { (self.at(b), self.at(a)) };
        if to >= from { to - from } else { to + self.k - from }
    }

    /// Sum of the edges.
    pub(super) fn length(&self) -> i64 {
        let shifted = self.order.iter().cycle().skip(1);
        self.order.iter().zip(shifted).map(|(a, b)| self.d(*a, *b)).sum()
    }

    /// Mean of the edges, those that cannot be travelled and the closing one left out.
    pub(super) fn usual_edge(&self) -> i64 {
        let edges = self.order.iter().zip(self.order.iter().cycle().skip(1)).map(|(a, b)| self.d(*a, *b));
        let (sum, count) = edges
            .filter(|d| (0..i64::from(UNREACHABLE)).contains(d))
            .fold((0, 0), |(sum, count), d| (sum + d, count + 1));
        sum / count.max(1)
    }

    /// Orders the nodes by always going to the nearest that is left.
    pub(super) fn nearest_first(&mut self, start: usize) {
        let mut used = vec![false; self.k];
        let mut at = start;
        for i in 0..self.k {
            used[at] = true;
            self.order[i] = at as u16;
            self.pos[at] = i as u16;
            let near = (0..self.width).map(|q| usize::from(self.near(at as u16, q)));
            let next = near.into_iter().find(|c| !used[*c]);
            let any = || (0..self.k).filter(|c| !used[*c]).min_by_key(|c| self.d[at * self.k + c]);
            match next.or_else(any) {
                Some(next) => at = next,
                None => break,
            }
        }
    }

    /// The reversals since the last `keep` stay.
    pub(super) fn keep(&mut self) {
        self.log.clear();
    }

    /// The reversals since the last `keep` are taken back.
    pub(super) fn take_back(&mut self) {
        self.undo(0);
    }

    /// Reversals done since the last `keep`.
    pub(super) fn done(&self) -> usize {
        self.log.len()
    }

    /// Takes back all but the first `to` reversals.
    pub(super) fn undo(&mut self, to: usize) {
        while self.log.len() > to {
            if let Some((i, j)) = self.log.pop() {
                self.turn(usize::from(i), usize::from(j));
            }
        }
    }

    /// Reverses the path from `u` to `v`; `out` is the node beside `u` outside of it.
    pub(super) fn flip(&mut self, out: u16, u: u16, v: u16) {
        let (i, j) = if self.next(out) == u { (self.at(u), self.at(v)) } else { (self.at(v), self.at(u)) };
        self.reverse(i, j);
    }

    fn reverse(&mut self, i: usize, j: usize) {
        self.log.push((i as u16, j as u16));
        self.turn(i, j);
    }

    /// Reverses positions i to j, or all the others, which is the same ring: whichever are fewer.
    fn turn(&mut self, i: usize, j: usize) {
        let k = self.k;
        let inner = if j >= i { j - i + 1 } else { j + k - i + 1 };
        let (mut a, mut b, mut len) = (i, j, inner);
        if inner * 2 > k {
            a = if j + 1 == k { 0 } else { j + 1 };
            b = if i == 0 { k - 1 } else { i - 1 };
            len = k - inner;
        }
        if a + len <= k {
            self.order[a..a + len].reverse();
            for (p, &node) in (a..).zip(&self.order[a..a + len]) {
                self.pos[usize::from(node)] = p as u16;
            }
            return;
        }
        for _ in 0..len / 2 {
            let (u, v) = (self.order[a], self.order[b]);
            (self.order[a], self.order[b]) = (v, u);
            self.pos[usize::from(v)] = a as u16;
            self.pos[usize::from(u)] = b as u16;
            a = if a + 1 == k { 0 } else { a + 1 };
            b = if b == 0 { k - 1 } else { b - 1 };
        }
    }

    /// The kick: of the nodes after position `p`, the first `one` and the next `two` change places. Returns by how much the
    /// ring grew. `one + two` must not be more than half the ring.
    pub(super) fn exchange(&mut self, p: usize, one: usize, two: usize) -> i64 {
        let wrap = |x: usize| if x >= self.k { x - self.k } else { x };
        let (i, m, j) = (wrap(p + 1), wrap(p + one), wrap(p + one + two));
        let (n, o, cut) = (wrap(m + 1), wrap(j + 1), wrap(p + two));
        let after = wrap(cut + 1);
        let [a, b, c, d, e, f] = [p, i, m, n, j, o].map(|x| self.order[x]);
        let longer = self.d(a, d) + self.d(e, b) + self.d(c, f) - self.d(a, b) - self.d(c, d) - self.d(e, f);
        self.reverse(i, j);
        self.reverse(i, cut);
        self.reverse(after, j);
        self.touch(&[a, b, c, d, e, f]);
        longer
    }

    /// These nodes' edges are to be looked at.
    pub(super) fn touch(&mut self, nodes: &[u16]) {
        for &a in nodes {
            if !std::mem::replace(&mut self.queued[usize::from(a)], true) {
                self.queue.push_back(a);
            }
        }
    }

    /// All edges are to be looked at.
    pub(super) fn touch_all(&mut self) {
        for i in 0..self.k {
            self.touch(&[self.order[i]]);
        }
    }

    /// Local moves at the touched nodes until there is none that shortens the ring; returns by how much it did.
    pub(super) fn repair(&mut self, deep: bool, watch: &mut Watch<'_>) -> i64 {
        let (mut total, mut looked) = (0, 0_u32);
        while let Some(node) = self.queue.pop_front() {
            self.queued[usize::from(node)] = false;
            looked += 1;
            if looked.is_multiple_of(128) && watch.late() {
                // Out of time: the ring is whole at any moment.
                for node in self.queue.drain(..) {
                    self.queued[usize::from(node)] = false;
                }
                break;
            }
            loop {
                let gain = if deep { self.deep_move(node) } else { self.short_move(node) };
                if gain <= 0 {
                    break;
                }
                total += gain;
            }
        }
        total
    }
}
