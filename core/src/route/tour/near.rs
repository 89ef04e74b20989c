//! Which nodes a node may be joined to: its nearest ones, and some that lie in other directions.

/// For each node of a square matrix its `(all, apart)` neighbours, nearest first, in rows of `all`. `apart` of them are kept
/// for nodes that are nearer to this one than to any neighbour chosen before: where stops come in clusters, the nearest
/// ones are all of the same cluster, and without the others no move would join two clusters.
pub(super) fn lists(k: usize, d: &[i32], (all, apart): (usize, usize)) -> (usize, Vec<u16>) {
    let all = all.min(k.saturating_sub(1));
    let plain = all.saturating_sub(apart);
    let mut lists = Vec::with_capacity(k * all);
    let mut others: Vec<u16> = Vec::with_capacity(k);
    for (a, row) in d.chunks_exact(k).enumerate() {
        let key = |b: &u16| (row[usize::from(*b)], *b);
        others.clear();
        others.extend((0..k as u16).filter(|b| usize::from(*b) != a));
        let wide = (all * 6).min(others.len());
        if wide > 0 && wide < others.len() {
            others.select_nth_unstable_by_key(wide - 1, key);
            others.truncate(wide);
        }
        others.sort_unstable_by_key(key);
        let from = lists.len();
        lists.extend(&others[..plain]);
        let mut kept: Vec<u16> = Vec::new();
        for (i, &b) in others.iter().enumerate() {
            let hidden = |c: &u16| d[usize::from(*c) * k + usize::from(b)] < row[usize::from(b)];
            if kept.iter().any(hidden) {
                continue;
            }
            kept.push(b);
            if i >= plain && lists.len() - from < all {
                lists.push(b);
            }
        }
        for &b in &others[plain..] {
            if lists.len() - from >= all {
                break;
            }
            if !lists[from..].contains(&b) {
                lists.push(b);
            }
        }
        lists[from..].sort_unstable_by_key(key);
    }
    (all, lists)
}
