//! Which addresses are one stop.
//!
//! A courier delivers at a door: a building of an estate, a house of a road or a village. People leave out whatever a
//! neighbour knows (province, town, road, the developer's name before an estate), so two addresses are compared by what
//! both say. Doors must be the same; then the estates, or the roads with their numbers; regions must not contradict.

use super::{place, text};
use std::collections::HashMap;

/// An address as it is compared.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StopKey {
    city: String,
    /// Districts and the like, without 区 and 县; any of them may be the true one.
    districts: Vec<String>,
    town: String,
    road: String,
    /// Number on the road; the lane without its door.
    number: String,
    estate: String,
    /// The estate as written.
    raw: String,
    /// Building with its zone, door of a lane, house of a village.
    door: String,
    /// Whether the door is a building or a house, and not only a zone.
    numbered: bool,
}

impl StopKey {
    /// The key of an address. Total.
    #[must_use]
    pub fn of(address: &str) -> StopKey {
        let (parts, _, districts) = super::parse(address);
        let said = |p: &Option<String>| p.clone().unwrap_or_default();
        let (mut number, mut door) = (said(&parts.number), parts.building_no());
        let lane = number.rfind('弄').map(|at| at + '弄'.len_utf8());
        let numbered = !door.is_empty();
        let mut house = false;
        if let Some(at) = lane {
            let inside = number.split_off(at);
            if door.is_empty() {
                house = !inside.is_empty();
                door = inside;
            }
        } else if parts.road.is_none() && door.is_empty() && !number.is_empty() {
            house = true;
            door = std::mem::take(&mut number);
        }
        let zone = said(&parts.zone);
        let city = said(&parts.city);
        let mut estate = place::essence(&said(&parts.estate));
        let districts: Vec<String> = districts.iter().map(|d| bare(d)).collect();
        for region in std::iter::once(&city).chain(&districts) {
            // 郑州国际城 in 郑州
            if let Some(rest) = estate.strip_prefix(region.as_str())
                && !region.is_empty()
                && rest.chars().count() >= 3
            {
                estate = rest.to_owned();
            }
        }
        let mut named = false;
        if door.is_empty() {
            if let Some((base, building)) = place::named_building(&estate) {
                (estate, door, named) = (base, building, true);
            } else if let Some(gate) = parts.unit.as_deref().and_then(|u| u.strip_suffix('门'))
                && number.is_empty()
            {
                // 园荫里7门: where no building is said, the door is
                (door, named) = (format!("{}门", text::digits(gate)), true);
            }
        }
        StopKey {
            town: bare(&said(&parts.town)),
            road: text::digits(&said(&parts.road)),
            raw: said(&parts.estate),
            districts,
            // D10组团7栋, D10-7栋
            door: format!("{zone}{door}").to_uppercase().replace("组团", "-"),
            numbered: numbered || house || named,
            // a municipality is its own city
            city: match parts.province.as_deref() {
                Some(p @ ("北京" | "天津" | "上海" | "重庆")) if city.is_empty() => p.to_owned(),
                _ => city,
            },
            number,
            estate,
        }
    }

    /// Whether a courier delivers both at one door. Symmetric; not transitive, because what one of them leaves out may
    /// be said by the others in different ways.
    #[must_use]
    pub fn same(&self, other: &StopKey) -> bool {
        if self.door != other.door || self.is_empty() || other.is_empty() {
            return false;
        }
        if contradict(&self.city, &other.city) || self.far_from(other) {
            return false;
        }
        let road = self.same_road(other);
        let numbers_differ = !self.numbered && (!self.number.is_empty() || !other.number.is_empty());
        if numbers_differ && !road && contradict(&self.road, &other.road) {
            return false;
        }
        // a school, a market: which one, the road says
        let plain = self.door.is_empty() && self.estate.chars().count() <= 3;
        let one_number = road && !self.number.is_empty() && self.number == other.number;
        let placed = one_number || self.districts.is_empty() == other.districts.is_empty();
        if plain && (contradict(&self.road, &other.road) || !placed) {
            return false;
        }
        match (self.estate.is_empty(), other.estate.is_empty()) {
            (false, false) => {
                let alike = alike(&self.estate, &other.estate, self.numbered)
                    || alike(&self.raw, &other.raw, self.numbered);
                let numbers =
                    !self.number.is_empty() && !other.number.is_empty() && self.number != other.number;
                (alike && !(numbers && road)) || (one_number && self.door.is_empty())
            }
            // with or without the firm's name
            _ => {
                road && self.number == other.number
                    && (!self.number.is_empty() || self.estate == other.estate)
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.estate.is_empty() && (self.road.is_empty() || self.number.is_empty() && self.door.is_empty())
    }

    fn same_road(&self, other: &StopKey) -> bool {
        // 济南大学南新庄西路 in one line, 南新庄西路 in another
        let ends = |a: &str, b: &str| b.chars().count() >= 3 && a.ends_with(b);
        !self.road.is_empty()
            && (self.road == other.road || ends(&self.road, &other.road) || ends(&other.road, &self.road))
    }

    /// Whether the regions tell two places apart. A county-level city of one line may be the city of the other.
    fn far_from(&self, other: &StopKey) -> bool {
        let shared = |a: &StopKey, b: &StopKey| {
            a.districts
                .iter()
                .any(|d| *d == b.city || *d == b.town || b.districts.iter().any(|e| !contradict(d, e)))
        };
        let districts = !self.districts.is_empty() && !other.districts.is_empty();
        (districts && !shared(self, other) && !shared(other, self))
            || (!self.numbered || self.estate.ends_with('村')) && contradict(&self.town, &other.town)
    }
}

fn contradict(a: &str, b: &str) -> bool {
    let within = |a: &str, b: &str| a.starts_with(b) || a.ends_with(b);
    !a.is_empty() && !b.is_empty() && !within(a, b) && !within(b, a)
}

/// A region without the word that it ends with.
fn bare(name: &str) -> String {
    for word in ["街道办事处", "街道办", "街道", "自治县", "区", "县", "市", "旗", "镇", "乡"]
    {
        if let Some(cut) = name.strip_suffix(word)
            && cut.chars().count() >= 2
        {
            return cut.to_owned();
        }
    }
    name.to_owned()
}

/// Whether two names are of one estate. With a door that both name, the developer's name may be left out, or what follows the
/// name; without one (the hospital, its canteen) every word counts.
fn alike(a: &str, b: &str, numbered: bool) -> bool {
    if a == b {
        return true;
    }
    let (short, long) = if a.chars().count() <= b.chars().count() { (a, b) } else { (b, a) };
    if numbered && ends_alike(short, long) {
        return true;
    }
    let enough = short.chars().filter(|c| text::is_han(*c)).count() >= 3 || short.chars().count() >= 4;
    enough && (long.ends_with(short) || numbered && long.starts_with(short))
}

/// 万科紫兰苑, 万科城1期紫兰苑: the developer before, the estate behind, and something of one between them.
fn ends_alike(a: &str, b: &str) -> bool {
    let before = a.chars().zip(b.chars()).take_while(|(x, y)| x == y).count();
    let behind = a.chars().rev().zip(b.chars().rev()).take_while(|(x, y)| x == y).count();
    before >= 2 && behind >= 3 && before + behind >= a.chars().count()
}

/// Groups addresses by stop: for each, the number of the first one that is delivered at the same door. Compares only those with
/// the same door, so a day's list takes well under a millisecond an address.
#[must_use]
pub fn group(keys: &[StopKey]) -> Vec<usize> {
    let mut root: Vec<usize> = (0..keys.len()).collect();
    // a line without a city must not join two cities
    let mut city: Vec<&str> = keys.iter().map(|k| k.city.as_str()).collect();
    let mut doors: HashMap<&str, Vec<usize>> = HashMap::new();
    for (n, key) in keys.iter().enumerate() {
        doors.entry(&key.door).or_default().push(n);
    }
    for of_door in doors.values() {
        for (i, a) in of_door.iter().enumerate() {
            for b in &of_door[i + 1..] {
                if keys[*a].same(&keys[*b]) {
                    let (x, y) = (find(&mut root, *a), find(&mut root, *b));
                    if !contradict(city[x], city[y]) {
                        let (low, high) = (x.min(y), x.max(y));
                        root[high] = low;
                        if city[low].is_empty() {
                            city[low] = city[high];
                        }
                    }
                }
            }
        }
    }
    (0..keys.len()).map(|n| find(&mut root, n)).collect()
}

fn find(root: &mut [usize], mut n: usize) -> usize {
    while root[n] != n {
        root[n] = root[root[n]];
        n = root[n];
    }
    n
}
