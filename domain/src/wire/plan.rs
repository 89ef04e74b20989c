//! What a tap will do, before it is done.

use crate::clock::UnixMs;
use crate::dial::plan::{Ahead, DialPlan};
use crate::id::ParcelId;
use crate::lang::Lang;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/plans`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PlanRequest {
    /// Key of the notice template, for example `arrived`.
    pub template: String,
    /// Which parcels.
    pub parcels: Vec<ParcelId>,
    /// Ring people so long before the courier arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Ahead>,
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
    /// The last person may be rung for the first time at this moment, where calls follow the tour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_at: Option<UnixMs>,
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

impl From<&DialPlan> for PlanView {
    fn from(plan: &DialPlan) -> Self {
        let reason = |(reason, parcels): (crate::dial::plan::SuppressReason, u32)| ReasonCount {
            reason: reason.as_str().into(),
            parcels,
        };
        let detail = |s: &crate::dial::plan::Suppressed| SuppressedView {
            parcel: s.parcel,
            reason: s.reason.as_str().into(),
        };
        PlanView {
            rings: plan.rings(),
            parcels: plan.parcels,
            merged: plan.merged,
            suppressed: plan.reasons().into_iter().map(reason).collect(),
            details: plan.suppressed.iter().map(detail).collect(),
            seconds: u32::try_from(plan.estimate.duration / 1000).unwrap_or(u32::MAX),
            cost_minor: plan.estimate.cost.minor,
            not_after: plan.closes,
            not_before: (plan.starts > plan.now).then_some(plan.starts),
            last_at: plan.lead.map(|_| plan.last),
            summary_zh: plan.summary(Lang::Zh),
            summary_en: plan.summary(Lang::En),
        }
    }
}
