//! A light splitter for Chinese addresses: the estate and the building that a notice says, and unit and room.
//!
//! An address names places from large to small, so the splitter reads from both ends: `3栋2单元501室` (or `3-2-501`) is
//! taken from the right, region words (省, 市, 区, 县, 镇, 街道) are skipped from the left, and of what is left the last
//! name that ends like an estate is the estate. Brackets often hold the true name (`【民贤里2-7-101】`); remarks such as
//! `(高墙王小区附近)` are left out. What cannot be told is `None`: a notice is then less precise, never wrong on purpose.

mod place;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

/// The parts of an address, each as written but for width and brackets; `None` where it cannot be told.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AddressParts {
    /// Estate, tower, village, institution, or road with house number: `幸福花园`, `文一路18号`.
    pub estate: Option<String>,
    /// Building in the estate, as said: `3栋`, `12号楼`, `B座`.
    pub building: Option<String>,
    /// Unit (staircase) of the building: `2单元`.
    pub unit: Option<String>,
    /// Room: `501室`, `501`.
    pub room: Option<String>,
}

impl AddressParts {
    /// Key of the stop: parcels with the same one are delivered together. Empty if neither part is known.
    #[must_use]
    pub fn stop_key(&self) -> String {
        let part = |p: &Option<String>| p.as_deref().map(crate::search::normalise).unwrap_or_default();
        match (part(&self.estate), place::number_of(&part(&self.building))) {
            (estate, building) if building.is_empty() => estate,
            (estate, building) => format!("{estate}/{building}"),
        }
    }
}

/// Splits an address. Total: any text has an answer, if an empty one.
#[must_use]
pub fn split(address: &str) -> AddressParts {
    place::split(address)
}
