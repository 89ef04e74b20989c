//! Which stops may well follow one another, by way and by clock.

use super::super::net::{FOREVER, Net};

/// For each node up to `width` nodes that may stand beside it, the likeliest first; start and end are among them.
pub(super) fn lists(net: &Net, width: usize) -> Vec<Vec<u32>> {
    let last = net.size as u32 - 1;
    let mut lists = vec![Vec::new(); net.size];
    let mut others: Vec<(i64, u32)> = Vec::with_capacity(net.size);
    for a in 1..last {
        others.clear();
        others.extend((0..=last).filter(|b| *b != a).map(|b| (apart(net, a, b).min(apart(net, b, a)), b)));
        let width = width.min(others.len());
        if width > 0 && width < others.len() {
            others.select_nth_unstable(width - 1);
            others.truncate(width);
        }
        others.sort_unstable();
        lists[a as usize] = others.iter().map(|o| o.1).collect();
    }
    lists
}

/// How little sense it makes to go from a to b: travel, some of the wait that there must be, all of the lateness.
fn apart(net: &Net, a: u32, b: u32) -> i64 {
    let last = net.size as u32 - 1;
    if b == 0 || a == last {
        return FOREVER;
    }
    let leg = net.d(a, b);
    let (from, to) = (&net.nodes[a as usize], &net.nodes[b as usize]);
    if !net.timed {
        return leg;
    }
    let way = from.service + leg;
    let wait = (to.open - from.shut.min(FOREVER / 4) - way).max(0);
    let late = (from.open.max(-FOREVER / 4).max(0) + way - to.shut.min(to.soft.1)).max(0);
    leg + wait / 5 + late
}

/// Always to the likeliest that is left.
pub(super) fn nearest_first(net: &Net) -> Vec<u32> {
    let mut left: Vec<u32> = net.given.clone();
    let mut order = Vec::with_capacity(left.len());
    let (mut at, mut t) = (0, 0);
    while !left.is_empty() {
        let key = |node: u32| {
            let leg = net.d(at, node);
            let n = &net.nodes[node as usize];
            let wait = (n.open - t - leg).max(0);
            (leg + wait, node)
        };
        let Some(i) = (0..left.len()).min_by_key(|i| key(left[*i])) else { break };
        let node = left.swap_remove(i);
        t = net.reach(node, t + net.d(at, node)).0 + net.nodes[node as usize].service;
        order.push(node);
        at = node;
    }
    order
}
