//! Where a building is: under which name that is kept, who says it, and what deliveries teach of it.
//!
//! ```text
//!  a pin set by hand ▷ learned from deliveries ▷ the list's coordinates ▷ a geocoder ▷ guessed from neighbours (the phone's)
//! ```
//!
//! A building goes by the name that its address gives it ([`key`]), without floor, room and person, so that tomorrow's
//! parcels to it have its place. Whoever tells a place better comes first ([`PlaceSource`]); the others stay known, so that
//! a pin that is taken back uncovers them. All places are WGS-84.

mod learn;
mod told;

pub use learn::{FURTHEST_APART, Learned, MOST_ACCURACY, MOST_AGE_S, NEAR, Seen, is_depot, learn};
pub use told::{OddPlace, in_china, pair, told};

use crate::address::{AddressParts, split};
use crate::parcel::{DeedKind, ParcelState};
use crate::search::normalise;

/// Most characters of a name.
pub const LONGEST_KEY: usize = 200;
/// Most names that are set at once.
pub const MOST_KEYS: usize = 50;

words! {
    /// Who says where a building is; the better ones first.
    pub enum PlaceSource {
        /// Somebody set it by hand.
        Pin = "pin", "手工标注", "set by hand";
        /// Deliveries were made there.
        Learned = "learned", "历次派送得出", "learned from deliveries";
        /// The day's list has its coordinates.
        Imported = "imported", "清单坐标", "from the list";
        /// A service was asked for its address.
        Geocoded = "geocoded", "地址解析", "looked up by its address";
    }
}

/// The name under which the place of an address is kept. Empty for an empty address.
#[must_use]
pub fn key(address: &str) -> String {
    key_of(&split(address), address)
}

fn key_of(parts: &AddressParts, address: &str) -> String {
    let stop = parts.stop_key();
    // 3号楼 of nowhere is no building that anybody else could mean
    let name = if stop.is_empty() || parts.estate.is_none() {
        normalise(address)
    } else {
        // estates of one name lie in several cities
        format!(
            "{}{}{stop}",
            parts.city.as_deref().unwrap_or_default(),
            parts.district.as_deref().unwrap_or_default()
        )
    };
    name.chars().take(LONGEST_KEY).collect()
}

/// True if an address names an estate or a road: one that does not is known to nobody but who wrote it.
#[must_use]
pub fn is_named(address: &str) -> bool {
    split(address).estate.is_some()
}

/// True if something from outside can be a name.
#[must_use]
pub fn is_key(key: &str) -> bool {
    !key.trim().is_empty() && key.chars().count() <= LONGEST_KEY && !key.chars().any(char::is_control)
}

/// What a building is part of: its estate without the building, or its road. Somebody who is at one spot for many of them
/// is not at their doors ([`is_depot`]).
#[must_use]
pub fn surroundings(address: &str) -> String {
    let parts = split(address);
    let district = parts.district.as_deref().unwrap_or_default();
    let named = parts.estate.as_deref().map(normalise).unwrap_or_default();
    match parts.road.as_deref().map(normalise) {
        // 文一路18号 where nothing else is named
        Some(road) if named.is_empty() || named.starts_with(&road) => format!("{district}{road}"),
        _ if named.is_empty() => normalise(address).chars().take(LONGEST_KEY).collect(),
        _ => format!("{district}{named}"),
    }
}

/// How a service is asked for a building: its address without unit, floor, room and remarks, which is all that leaves the
/// server. `city` stands in where the address names none. `None` where it says too little: no city at all, or
/// neither an estate nor a house number.
#[must_use]
pub fn asked_as(address: &str, city: &str) -> Option<String> {
    let parts = split(address);
    let numbered = |number: &String| match number.ends_with('弄') {
        true => number.clone(),
        false => format!("{number}号"),
    };
    let road = parts.road.clone().unwrap_or_default();
    let number = parts.number.as_ref().map(numbered).unwrap_or_default();
    let estate = parts.estate.clone().unwrap_or_default();
    if estate.is_empty() || (estate == road && number.is_empty()) {
        return None;
    }
    let municipality = parts.province.as_deref().filter(|p| ["北京", "上海", "天津", "重庆"].contains(p));
    let town = parts.city.as_deref().or(municipality).unwrap_or(city.trim());
    if town.is_empty() {
        return None;
    }
    let mut text = String::from(town);
    text.push_str(parts.district.as_deref().unwrap_or_default());
    if !estate.starts_with(&road) || road.is_empty() {
        text.push_str(&road);
        text.push_str(&number);
    }
    text.push_str(&estate);
    text.push_str(parts.building.as_deref().unwrap_or_default());
    Some(text.chars().take(LONGEST_KEY).collect())
}

/// Whether a deed is done at the door of its address: what lies at a station is fetched from there.
#[must_use]
pub fn at_the_door(deed: DeedKind, before: ParcelState) -> bool {
    matches!(deed, DeedKind::Sign | DeedKind::Door | DeedKind::PickUp) && !before.awaits_collection()
}

#[cfg(test)]
mod tests;
