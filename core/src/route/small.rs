//! Few free stops: all orders are tried, but for those that are dearer than the best before they are complete.

use super::net::{Net, Value};
use super::problem::Watch;

/// So many free stops have at most 40,320 orders.
pub(super) const MOST: usize = 8;

/// The best order there is, or the best so far if the watch ended.
pub(super) fn search(net: &Net, watch: &mut Watch<'_>) -> Vec<u32> {
    let mut tree = Tree {
        net,
        best: (net.value(&net.given), net.given.clone()),
        order: Vec::with_capacity(net.stops()),
        left: (1..=net.stops() as u32).filter(|node| !net.pinned.contains(node)).collect(),
        waits: vec![0; net.size],
        looked: 0,
    };
    for (_, after) in &net.pairs {
        tree.waits[*after as usize] += 1;
    }
    tree.grow(0, 0, Value::default(), watch);
    tree.best.1
}

struct Tree<'a> {
    net: &'a Net,
    best: (Value, Vec<u32>),
    order: Vec<u32>,
    left: Vec<u32>,
    /// For each node how many that must come before it are still to come.
    waits: Vec<u32>,
    looked: u32,
}

impl Tree<'_> {
    /// All orders that begin with what there is. Nothing costs less than nothing, so what is dearer already stays so.
    fn grow(&mut self, at: u32, clock: i64, so_far: Value, watch: &mut Watch<'_>) {
        self.looked = self.looked.wrapping_add(1);
        if so_far >= self.best.0 || watch.cut.is_some() || (self.looked.is_multiple_of(512) && watch.late()) {
            return;
        }
        let position = self.order.len() + 1;
        if position > self.net.stops() {
            let mut value = so_far;
            value.cost += self.net.d(at, self.net.size as u32 - 1) * 1_000;
            if value < self.best.0 {
                self.best = (value, self.order.clone());
            }
            return;
        }
        let pinned = self.net.pinned[position];
        if pinned != 0 {
            return self.take(pinned, at, clock, so_far, watch);
        }
        for i in 0..self.left.len() {
            let node = self.left.swap_remove(i);
            self.take(node, at, clock, so_far, watch);
            self.left.push(node);
            let last = self.left.len() - 1;
            self.left.swap(i, last);
        }
    }

    fn take(&mut self, node: u32, at: u32, clock: i64, so_far: Value, watch: &mut Watch<'_>) {
        if self.waits[node as usize] > 0 {
            return;
        }
        let leg = self.net.d(at, node);
        let (start, value) = self.net.reach(node, clock + leg);
        let now = Value { hard: so_far.hard + value.hard, cost: so_far.cost + leg * 1_000 + value.cost };
        let after = |waits: &mut Vec<u32>, by: fn(u32) -> u32| {
            for (_, b) in self.net.pairs.iter().filter(|(a, _)| *a == node) {
                waits[*b as usize] = by(waits[*b as usize]);
            }
        };
        after(&mut self.waits, |w| w - 1);
        self.order.push(node);
        self.grow(node, start + self.net.nodes[node as usize].service, now, watch);
        self.order.pop();
        after(&mut self.waits, |w| w + 1);
    }
}
