//! What a tap will do, before it is done.

use crate::clock::UnixMs;
use crate::id::ParcelId;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/plans`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanRequest {
    /// Key of the notice template, for example `arrived`.
    pub template: String,
    /// Which parcels.
    pub parcels: Vec<ParcelId>,
}

/// The dial plan as shown before sending.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanView {
    /// Phones that will ring.
    pub rings: u32,
    /// Parcels that were selected.
    pub parcels: u32,
    /// Parcels that share the ring of another parcel.
    pub merged: u32,
    /// Parcels left out, by reason.
    pub suppressed: Vec<ReasonCount>,
    /// Each parcel left out.
    pub details: Vec<SuppressedView>,
    /// Expected time until the last phone has rung, seconds.
    pub seconds: u32,
    /// Expected cost in the smallest unit of the currency (fen).
    pub cost_minor: i64,
    /// No call starts after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_after: Option<UnixMs>,
    /// The first call may start at this moment, when that is later than now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub not_before: Option<UnixMs>,
    /// One line in Chinese.
    pub summary_zh: String,
    /// One line in English.
    pub summary_en: String,
}

/// How many parcels a reason keeps from being called.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ReasonCount {
    /// Reason word, for example `delivered`.
    pub reason: String,
    /// Parcels.
    pub parcels: u32,
}

/// A parcel that is left out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SuppressedView {
    /// Parcel.
    pub parcel: ParcelId,
    /// Reason word.
    pub reason: String,
}
