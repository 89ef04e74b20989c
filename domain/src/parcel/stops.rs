//! Stops as couriers put them right by hand: what they merged, what they split.
//!
//! [`group`] reads from two addresses whether they are one stop. Where it is wrong, a courier says so once, and everybody
//! of the branch has it from then on, for tomorrow's parcels too. A rule therefore names no parcels but *keys* of
//! addresses: of a building as it is mostly written (`b:幸福花园/3`), or of one whole address (`a:…`) where that says no
//! building, or where a part of a building is split off.
//!
//! Rules are applied in the server's order, the last one wins:
//! * a merge makes one stop of everything that bears one of its keys;
//! * a split takes what bears its key out of the stop that the addresses give it, and out of every merge before it.
//!
//! The result depends on the addresses, and on the rules and their order, alone: every phone that has them shows the same
//! stops. A rule that is undone is left out, as if it had never been; so a wrong merge leaves no trace.

use crate::address::{StopKey, group, split};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap, HashSet};

/// Most keys of a rule.
pub const MOST_KEYS: usize = 200;
/// Most characters of a key.
const LONGEST: usize = 520;

words! {
    /// What a rule does.
    pub enum StopRuleKind {
        /// Makes one stop of several.
        Merge = "merge", "合并", "merge";
        /// Takes something out of a stop.
        Split = "split", "拆分", "split";
    }
}

/// A rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopRule {
    /// What it does.
    pub kind: StopRuleKind,
    /// To which addresses.
    pub keys: Vec<String>,
}

/// Key of one whole address, whatever its width and case.
#[must_use]
pub fn address_key(address: &str) -> String {
    let whole: String = crate::search::normalise(address).chars().filter(|c| !c.is_whitespace()).collect();
    format!("a:{}", whole.chars().take(LONGEST - 2).collect::<String>())
}

/// Key of the building; of the whole address where that says none.
fn place_key(address: &str) -> String {
    let parts = split(address);
    match parts.estate {
        Some(_) => format!("b:{}", parts.stop_key().chars().take(LONGEST - 2).collect::<String>()),
        None => address_key(address),
    }
}

/// The key by which each address is known under these rules: that of its building, or its own where it was split off.
#[must_use]
pub fn bearing_keys(addresses: &[&str], rules: &[StopRule]) -> Vec<String> {
    let apart = apart(rules);
    let key = |address: &&str| {
        let own = address_key(address);
        if apart.contains(own.as_str()) { own } else { place_key(address) }
    };
    addresses.iter().map(key).collect()
}

/// Keys that splits name.
fn apart(rules: &[StopRule]) -> HashSet<&str> {
    let splits = rules.iter().filter(|r| r.kind == StopRuleKind::Split);
    splits.flat_map(|r| r.keys.iter().map(String::as_str)).collect()
}

/// Groups addresses by stop under the rules, which are in the server's order: for each, the number of the first one of
/// its stop.
#[must_use]
pub fn regroup(addresses: &[&str], rules: &[StopRule]) -> Vec<usize> {
    let keys: Vec<StopKey> = addresses.iter().map(|a| StopKey::of(a)).collect();
    let natural = group(&keys);
    if rules.is_empty() {
        return natural;
    }
    let apart = apart(rules);
    let borne = bearing_keys(addresses, rules);
    let mut merges: Vec<BTreeSet<&str>> = Vec::new();
    for rule in rules {
        let keys = rule.keys.iter().map(String::as_str);
        match rule.kind {
            StopRuleKind::Merge => merges.push(keys.collect()),
            StopRuleKind::Split => {
                for key in keys {
                    merges.iter_mut().for_each(|m| {
                        m.remove(key);
                    });
                }
            }
        }
    }
    let mut root: Vec<usize> = (0..addresses.len()).collect();
    // what is of one stop by nature, or bears one split key, belongs together
    let mut first_of: HashMap<(usize, &str), usize> = HashMap::new();
    let mut bearers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, key) in borne.iter().map(String::as_str).enumerate() {
        let atom = if apart.contains(key) { (usize::MAX, key) } else { (natural[n], "") };
        let first = *first_of.entry(atom).or_insert(n);
        join(&mut root, first, n);
        bearers.entry(key).or_default().push(n);
    }
    for merge in &merges {
        let mut one: Option<usize> = None;
        for n in merge.iter().filter_map(|key| bearers.get(key)).flatten() {
            let first = *one.get_or_insert(*n);
            join(&mut root, first, *n);
        }
    }
    (0..addresses.len()).map(|n| find(&mut root, n)).collect()
}

/// The keys of a rule that merges these addresses' stops; `stops` is what [`regroup`] gave for all addresses. `None` if
/// they are one stop already.
#[must_use]
pub fn merge_keys(
    addresses: &[&str],
    rules: &[StopRule],
    stops: &[usize],
    chosen: &[usize],
) -> Option<Vec<String>> {
    let wanted: BTreeSet<usize> = chosen.iter().map(|n| stops[*n]).collect();
    if wanted.len() < 2 {
        return None;
    }
    let borne = bearing_keys(addresses, rules);
    let keys: BTreeSet<String> =
        borne.into_iter().zip(stops).filter(|(_, stop)| wanted.contains(stop)).map(|(key, _)| key).collect();
    Some(keys.into_iter().collect())
}

/// The key by which an address is taken out of its stop; `None` if nothing tells it from the others there. It is that of
/// its building where most of the stop is another building's, and that of its whole address otherwise.
#[must_use]
pub fn split_key(addresses: &[&str], rules: &[StopRule], stops: &[usize], chosen: usize) -> Option<String> {
    let borne = bearing_keys(addresses, rules);
    let there: Vec<usize> = (0..addresses.len()).filter(|n| stops[*n] == stops[chosen]).collect();
    let alike = there.iter().filter(|n| borne[**n] == borne[chosen]).count();
    if alike * 2 <= there.len() {
        return Some(borne[chosen].clone());
    }
    let own = address_key(addresses[chosen]);
    there.iter().any(|n| address_key(addresses[*n]) != own).then_some(own)
}

/// True if a rule that came from outside can be one: some keys, each of a known kind and not too long.
#[must_use]
pub fn check_keys(keys: &[String]) -> bool {
    let good = |key: &String| {
        (key.starts_with("a:") || key.starts_with("b:")) && key.len() > 2 && key.chars().count() <= LONGEST
    };
    !keys.is_empty() && keys.len() <= MOST_KEYS && keys.iter().all(good)
}

fn join(root: &mut [usize], a: usize, b: usize) {
    let (a, b) = (find(root, a), find(root, b));
    let (low, high) = (a.min(b), a.max(b));
    root[high] = low;
}

fn find(root: &mut [usize], mut n: usize) -> usize {
    while root[n] != n {
        root[n] = root[root[n]];
        n = root[n];
    }
    n
}
