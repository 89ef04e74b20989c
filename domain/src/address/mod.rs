//! Chinese addresses: their parts, and which of them are one stop.
//!
//! An address names places from large to small, and people write as much of it as they think necessary. It is read from
//! both ends: regions from the left (`region`), building, unit, floor and room from the right (`tail`), and what is between
//! them is road, number and estate (`place`). Brackets 【】 often hold the true name (`【民贤里2-7-101】`) with a road of the map
//! before them; remarks such as `(高墙王小区附近)` or `周末送` are left out (`text`). What cannot be told is `None`: a notice is
//! then less precise, never wrong on purpose.
//!
//! Two addresses are one stop where a courier delivers both at one door ([`group`]). The reference is
//! `tests/data/addresses/labels.tsv`, labelled by reading before this was written.

mod group;
mod place;
mod region;
mod tail;
#[cfg(test)]
mod tests;
mod text;

use serde::{Deserialize, Serialize};

pub use group::{StopKey, group};

/// The parts of an address, each as written but for width, case and brackets; `None` where it cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressParts {
    /// Province, short: `浙江`.
    pub province: Option<String>,
    /// City or prefecture, short: `杭州`.
    pub city: Option<String>,
    /// District, county or county-level city: `西湖区`.
    pub district: Option<String>,
    /// Town, township or street office: `五常街道`.
    pub town: Option<String>,
    /// Road: `文一路`.
    pub road: Option<String>,
    /// Number on the road or in the village, with its lane, in digits and without 号: `18`, `305弄8`.
    pub number: Option<String>,
    /// Estate with its phase or quarter, tower, village, institution, or road with house number where nothing else is named:
    /// `幸福花园`, `幸福花园二期`, `文一路18号`.
    pub estate: Option<String>,
    /// Phase or quarter of the estate, in digits: `3期B区`, `东区`.
    pub zone: Option<String>,
    /// Building in the estate, as said: `3栋`, `12号楼`, `B座`.
    pub building: Option<String>,
    /// Unit (staircase) of the building: `2单元`.
    pub unit: Option<String>,
    /// Floor, in digits, where it is said: `3`.
    pub floor: Option<String>,
    /// Room: `501室`, `501`.
    pub room: Option<String>,
}

impl AddressParts {
    /// The building without its word, in digits: `3栋`, `三号楼` and `3#` are `3`. Empty where none is known.
    #[must_use]
    pub fn building_no(&self) -> String {
        let building = self.building.as_deref().unwrap_or_default();
        let bare: String = building.chars().take_while(|c| text::is_count(*c) || *c == '-').collect();
        text::digits(&bare)
    }

    /// Name of the stop: parcels with the same one are delivered together. Empty if nothing is known. Spellings that leave out
    /// or add a word have different names; [`group`] knows them for one.
    #[must_use]
    pub fn stop_key(&self) -> String {
        let estate = self.estate.as_deref().map(crate::search::normalise).unwrap_or_default();
        let door = self.building_no();
        if door.is_empty() { estate } else { format!("{estate}/{door}").to_lowercase() }
    }
}

/// Splits an address. Total: any text has an answer, if an empty one.
#[must_use]
pub fn split(address: &str) -> AddressParts {
    let (mut parts, zone, _) = parse(address);
    if let Some(estate) = parts.estate.as_mut() {
        estate.push_str(&zone);
    }
    if parts.estate.is_none() {
        parts.estate = match (&parts.road, &parts.number) {
            (Some(road), Some(number)) if number.ends_with('弄') => Some(format!("{road}{number}")),
            (Some(road), Some(number)) => Some(format!("{road}{number}号")),
            (Some(road), None) => Some(road.clone()),
            (None, _) => None,
        };
    }
    parts
}

/// The parts, the zone as written, and every district that is named; the estate is only what has a name.
fn parse(address: &str) -> (AddressParts, String, Vec<String>) {
    let even = text::even(address);
    let (outside, inside) = text::bracketed(&even);
    let mut regions = region::Regions::default();
    let outer: Vec<char> = outside.chars().collect();
    let peeled = region::peel(&outer, &mut regions);
    let (mut parts, zone) = match inside.map(|i| i.chars().collect::<Vec<char>>()) {
        None => read(&outer[peeled..]),
        // 中泉路【129弄31号502室】: the road before, its numbers inside
        Some(inner)
            if inner.first().is_some_and(char::is_ascii_digit)
                && outside.ends_with(['路', '街', '道', '巷', '弄']) =>
        {
            read(&[&outer[peeled..], &inner].concat())
        }
        Some(inner) => {
            let from = region::peel(&inner, &mut regions);
            let around = read(&outer[peeled..]);
            match read(&inner[from..]) {
                // only a remark stands inside
                (parts, _) if parts == AddressParts::default() => around,
                found => completed(found, around),
            }
        }
    };
    parts.province = regions.province;
    parts.city = regions.city;
    parts.district = regions.districts.last().cloned();
    parts.town = regions.town;
    (parts, zone, regions.districts)
}

/// What stands in the brackets, with what only the text before them says: road, number, estate.
fn completed(inside: (AddressParts, String), around: (AddressParts, String)) -> (AddressParts, String) {
    let ((mut parts, mut zone), (around, zone_around)) = (inside, around);
    if parts.road.is_none() && (parts.estate.is_none() || around.number.is_none()) {
        parts.road = around.road;
        parts.number = parts.number.or(around.number);
    }
    if parts.estate.is_none() {
        parts.estate = around.estate;
        if parts.zone.is_none() {
            parts.zone = around.zone;
            zone = zone_around;
        }
    }
    (parts, zone)
}

/// Reads what comes after the regions: the parts, and the zone as written.
fn read(chars: &[char]) -> (AddressParts, String) {
    let tail = tail::read(chars).unwrap_or(tail::Tail { from: chars.len(), ..tail::Tail::default() });
    let place = place::read(&chars[..tail.from]);
    let mut parts = AddressParts {
        road: place.road,
        number: place.number,
        estate: place.estate,
        zone: place.zone,
        building: tail.building.or(place.door),
        unit: tail.unit,
        floor: tail.floor,
        room: tail.room,
        ..AddressParts::default()
    };
    if tail.dashed
        && parts.unit.is_none()
        && parts.estate.is_none()
        && parts.road.is_some()
        && parts.number.is_none()
    {
        // 万纤路7-102: a house number and a room
        parts.number = parts.building.take().map(|b| b.trim_end_matches('栋').to_owned());
    }
    (parts, place.zone_said)
}
