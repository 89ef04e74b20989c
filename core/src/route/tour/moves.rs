//! Local moves on the ring. Each finds the first move at a node that shortens the ring, does it, touches the nodes whose
//! edges changed, and returns by how much the ring got shorter; 0 if there is none.

use super::ring::Ring;

/// Candidates at each level of a chain of flips.
const BREADTH: [usize; 3] = [5, 3, 1];
/// Candidates for the two joins of or-3opt.
const OR3: (usize, usize) = (8, 6);
/// Longest segment of or-opt.
const SEGMENT: usize = 3;

impl Ring {
    /// 2-opt and or-opt.
    pub(super) fn short_move(&mut self, node: u16) -> i64 {
        let gain = self.two_opt(node);
        if gain > 0 { gain } else { self.or_opt(node) }
    }

    /// Chains of flips, and or-3opt.
    pub(super) fn deep_move(&mut self, t1: u16) -> i64 {
        for forth in [true, false] {
            let t2 = self.side(t1, forth);
            let gain = self.chain(t1, t2, self.d(t1, t2), 0);
            if gain > 0 {
                return gain;
            }
            let gain = self.or_3opt(t1, t2, forth);
            if gain > 0 {
                return gain;
            }
        }
        0
    }

    fn two_opt(&mut self, t1: u16) -> i64 {
        for forth in [true, false] {
            let t2 = self.side(t1, forth);
            let removed = self.d(t1, t2);
            for q in 0..self.width {
                let t3 = self.near(t1, q);
                let open = removed - self.d(t1, t3);
                if open <= 0 {
                    break;
                }
                let t4 = self.side(t3, forth);
                let gain = open + self.d(t3, t4) - self.d(t2, t4);
                if gain > 0 && t3 != t2 && t4 != t1 {
                    self.flip(t1, t2, t3);
                    self.touch(&[t1, t2, t3, t4]);
                    return gain;
                }
            }
        }
        0
    }

    /// A segment that begins at `t1`, in either direction, moves between one of its neighbours and a node beside that.
    fn or_opt(&mut self, t1: u16) -> i64 {
        for forth in [true, false] {
            let out = self.side(t1, !forth);
            let mut end = t1;
            for len in 1..=SEGMENT {
                if len > 1 {
                    end = self.side(end, forth);
                }
                let after = self.side(end, forth);
                if after == out || end == out {
                    break;
                }
                let removed = self.d(out, t1) + self.d(end, after) - self.d(out, after);
                if removed <= 0 {
                    continue;
                }
                for q in 0..self.width {
                    let c = self.near(t1, q);
                    let open = removed - self.d(t1, c);
                    if open <= 0 {
                        break;
                    }
                    if self.steps(t1, c, forth) < len {
                        continue;
                    }
                    for e in [self.next(c), self.prev(c)] {
                        let gain = open + self.d(c, e) - self.d(end, e);
                        if gain > 0 && self.steps(t1, e, forth) >= len {
                            self.move_segment([out, t1, end, after], c, e, forth);
                            self.touch(&[out, t1, end, after, c, e]);
                            return gain;
                        }
                    }
                }
            }
        }
        0
    }

    /// `out [a..b] after ... {c, e}`: a comes beside c and b beside e. Flips whichever way round is shorter.
    fn move_segment(&mut self, [out, a, b, after]: [u16; 4], c: u16, e: u16, forth: bool) {
        let (to_c, to_e) = (self.steps(after, c, forth), self.steps(after, e, forth));
        let (first, second, steps) = if to_c < to_e { (c, e, to_c) } else { (e, c, to_e) };
        if (steps + 1) * 2 <= self.len() {
            // out [a..b][after..first] second -> out [after..first][b..a] second
            self.flip(out, a, first);
            self.flip(out, first, after);
            if first == c {
                self.flip(second, a, b);
            }
        } else {
            // first [second..out][a..b] after -> first [b..a][second..out] after
            self.flip(after, b, second);
            self.flip(after, second, out);
            if first == c {
                self.flip(first, b, a);
            }
        }
    }

    /// One flip more of a chain: the edge t1-t2 is thought away, `open` is what has been gained so far without the closing
    /// edge. Flips that did not lead to a shorter ring are taken back.
    fn chain(&mut self, t1: u16, t2: u16, open: i64, level: usize) -> i64 {
        let forth = self.next(t1) == t2;
        let breadth = BREADTH[level];
        let mut best = [(i64::MIN, 0, 0); BREADTH[0]];
        let mut found = 0;
        for q in 0..self.width {
            let t3 = self.near(t2, q);
            let rest = open - self.d(t2, t3);
            if rest <= 0 {
                break;
            }
            let t4 = self.side(t3, !forth);
            if t3 == t1 || t4 == t2 {
                continue;
            }
            let value = rest + self.d(t3, t4);
            let mut i = found;
            if found < breadth {
                found += 1;
            } else if value <= best[breadth - 1].0 {
                continue;
            } else {
                i = breadth - 1;
            }
            while i > 0 && best[i - 1].0 < value {
                best[i] = best[i - 1];
                i -= 1;
            }
            best[i] = (value, t3, t4);
        }
        let last = level + 1 >= BREADTH.len();
        for &(value, t3, t4) in &best[..found] {
            let closed = value - self.d(t4, t1);
            if closed <= 0 && last {
                continue;
            }
            let before = self.done();
            self.flip(t1, t2, t4);
            let gain = if closed > 0 { closed } else { self.chain(t1, t4, value, level + 1) };
            if gain > 0 {
                self.touch(&[t1, t2, t3, t4]);
                return gain;
            }
            self.undo(before);
        }
        0
    }

    /// Two segments beside each other, t2 to x and y to t3, change places or are both turned round.
    fn or_3opt(&mut self, t1: u16, t2: u16, forth: bool) -> i64 {
        let removed = self.d(t1, t2);
        for q in 0..self.width.min(OR3.0) {
            let t3 = self.near(t2, q);
            let open = removed - self.d(t2, t3);
            if open <= 0 {
                break;
            }
            let t4 = self.side(t3, forth);
            if t3 == t1 || t4 == t2 {
                continue;
            }
            let open = open + self.d(t3, t4);
            let inside = self.steps(t2, t3, forth);
            for r in 0..self.width.min(OR3.1) {
                let t5 = self.near(t4, r);
                let rest = open - self.d(t4, t5);
                if rest <= 0 {
                    break;
                }
                if t5 == t3 || self.steps(t2, t5, forth) > inside {
                    continue;
                }
                if t5 != t2 {
                    let t6 = self.side(t5, !forth);
                    let gain = rest + self.d(t5, t6) - self.d(t6, t1);
                    if gain > 0 {
                        self.flip(t1, t2, t6);
                        self.flip(t4, t3, t5);
                        self.touch(&[t1, t2, t3, t4, t5, t6]);
                        return gain;
                    }
                }
                let t6 = self.side(t5, forth);
                let gain = rest + self.d(t5, t6) - self.d(t6, t1);
                if gain > 0 {
                    self.flip(t1, t2, t3);
                    self.flip(t1, t3, t6);
                    self.flip(t4, t2, t5);
                    self.touch(&[t1, t2, t3, t4, t5, t6]);
                    return gain;
                }
            }
        }
        0
    }
}
