//! Local moves on the line: each stop looks at the stops that may well stand before or after it.

use super::line::{Line, Piece, ahead, turned};

/// Longest segment that moves as one.
const SEGMENT: usize = 4;
/// Stops up to which no move is passed over.
const SMALL: usize = 64;

impl Line<'_> {
    /// Does the first move that puts `u` beside one of its neighbours and pays.
    pub(super) fn improve(&mut self, u: u32) -> bool {
        let i = self.at(u);
        let end = self.net.size - 1;
        for q in 0..self.near[u as usize].len() {
            let v = self.near[u as usize][q];
            let j = self.at(v);
            if j != end && j + 1 != i && self.worth(j, i, i - 1, j) && self.after(i, j) {
                return true;
            }
            if j != 0 && i + 1 != j && self.worth(i, j, i, j - 1) && self.before(i, j) {
                return true;
            }
        }
        false
    }

    /// Whether the edge between positions `from` and `to` could pay where those after `a` and `b` are given up: a move that
    /// shortens the way adds at least one edge that is shorter than one which it takes away beside it, and is found from
    /// there, or, where that is the edge which closes a gap, not at all. Where time costs something, and in small tours, all
    /// are tried.
    fn worth(&self, from: usize, to: usize, a: usize, b: usize) -> bool {
        let leg = |a: usize, b: usize| self.net.d(self.node(a), self.node(b));
        leg(from, to) < leg(a, a + 1).max(leg(b, b + 1)) || self.stops() <= SMALL || self.time_from(1) > 0
    }

    fn attempt(&mut self, l: usize, r: usize, pieces: &[Piece]) -> bool {
        let pays = self.change(l, r, pieces) < 0 && self.allowed(l, r, pieces);
        if pays {
            self.apply(l, r, pieces);
        }
        pays
    }

    /// Moves that make the stop at i follow the one at j.
    fn after(&mut self, i: usize, j: usize) -> bool {
        let n = self.stops();
        for len in 1..=SEGMENT {
            // A segment that begins with i.
            let to = i + len - 1;
            if j < i && to <= n && self.attempt(j + 1, to, &[ahead(i, to), ahead(j + 1, i - 1)]) {
                return true;
            }
            if j > to && self.attempt(i, j, &[ahead(to + 1, j), ahead(i, to)]) {
                return true;
            }
            // One that ends with i, turned round.
            if len > i || len == 1 {
                continue;
            }
            let from = i + 1 - len;
            if j + 1 < from && self.attempt(j + 1, i, &[turned(from, i), ahead(j + 1, from - 1)]) {
                return true;
            }
            if j > i && self.attempt(from, j, &[ahead(i + 1, j), turned(from, i)]) {
                return true;
            }
        }
        if j < i {
            if self.attempt(j + 1, i, &[turned(j + 1, i)]) {
                return true;
            }
            if j > 0 && self.attempt(j, i - 1, &[turned(j, i - 1)]) {
                return true;
            }
        }
        j < n && self.exchange_pays(i, j + 1)
    }

    /// Moves that make the stop at i come before the one at j.
    fn before(&mut self, i: usize, j: usize) -> bool {
        let n = self.stops();
        for len in 1..=SEGMENT {
            // A segment that ends with i.
            if len <= i {
                let from = i + 1 - len;
                if j > i && self.attempt(from, j - 1, &[ahead(i + 1, j - 1), ahead(from, i)]) {
                    return true;
                }
                if j < from && self.attempt(j, i, &[ahead(from, i), ahead(j, from - 1)]) {
                    return true;
                }
            }
            // One that begins with i, turned round.
            let to = i + len - 1;
            if to > n || len == 1 {
                continue;
            }
            if j > to + 1 && self.attempt(i, j - 1, &[ahead(to + 1, j - 1), turned(i, to)]) {
                return true;
            }
            if j < i && self.attempt(j, to, &[turned(i, to), ahead(j, i - 1)]) {
                return true;
            }
        }
        if j > i {
            if j <= n && self.attempt(i + 1, j, &[turned(i + 1, j)]) {
                return true;
            }
            if self.attempt(i, j - 1, &[turned(i, j - 1)]) {
                return true;
            }
        }
        j > 1 && self.exchange_pays(i, j - 1)
    }

    fn exchange_pays(&mut self, i: usize, j: usize) -> bool {
        let (l, r) = (i.min(j), i.max(j));
        l > 0 && l != r && self.attempt(l, r, &[ahead(r, r), ahead(l + 1, r - 1), ahead(l, l)])
    }
}
