//! Where buildings are, as a branch knows it.

use super::ActedAt;
use crate::building::PlaceSource;
use crate::clock::UnixMs;
use crate::id::{BranchId, OperationId, UserId};
use crate::track::Place;
use serde::{Deserialize, Serialize};

/// Where a phone was when something was done at a door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorFix {
    /// Where, WGS-84.
    pub place: Place,
    /// Radius that holds the true place with 68 %, metres.
    pub accuracy_m: u16,
    /// How old the fix was, seconds.
    pub age_s: u16,
}

/// Where a building is, by one of those who say so.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlaceView {
    /// The building's name, as the app makes it of addresses.
    pub key: String,
    /// Who says so.
    pub source: PlaceSource,
    /// Where, WGS-84.
    pub at: Place,
    /// Radius that holds a door of the building with about 68 %, metres; 0 for a pin.
    pub within_m: u32,
    /// Deliveries that agree, where it was learned.
    #[serde(default, skip_serializing_if = "super::track::is_zero")]
    pub visits: u32,
    /// The service that was asked, where one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    /// Who set it, or took it back, where it was set by hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<UserId>,
    /// Since when it holds.
    pub set_at: UnixMs,
    /// It holds no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gone: bool,
    /// Server revision; 0 while only this phone knows it.
    pub rev: i64,
}

/// `POST /api/v1/places`: sets by hand where a building is, for everybody of the branch, or takes that back. What was done
/// last counts, by when it was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlaceRequest {
    /// Made by who acts. The same id a second time has no second effect.
    pub id: OperationId,
    /// The building's names, 1 to 50: one for each way in which addresses write it.
    pub keys: Vec<String>,
    /// Where, WGS-84; absent: what was set is taken back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Place>,
    /// When the person acted.
    pub acted_at: ActedAt,
}

/// `POST /api/v1/places/remove`: a supervisor removes a place that is wrong, with the deliveries that it was learned from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlaceRemoval {
    /// The building's name.
    pub key: String,
    /// Whose word.
    pub source: PlaceSource,
    /// Of which branch; the own one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
}
