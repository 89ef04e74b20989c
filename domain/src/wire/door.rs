//! What a courier did at a door, parcels handed over, and stops put right by hand.

use super::{ActedAt, DoorFix, ParcelView};
use crate::clock::UnixMs;
use crate::id::{OperationId, ParcelId, UserId};
use crate::parcel::{Deed, DeedRefusal, ParcelState, Proof, StopRuleKind};
use serde::{Deserialize, Serialize};

/// The last deed with a parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DoorView {
    /// The deed, which many parcels may share.
    pub id: OperationId,
    /// What was done.
    pub deed: Deed,
    /// Photos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Proof>,
    /// Who did it.
    pub by: UserId,
    /// When: by the server's clock, corrected by the phone's boot clock, once the server has it.
    pub at: UnixMs,
    /// Only the phone's wall clock says when, because the phone was restarted before it was sent.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_wall_clock: bool,
    /// The state before it, to which an undo goes back.
    pub before: ParcelState,
}

/// `POST /api/v1/parcels/deeds`: what was done with parcels at a door, in one tap.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeedRequest {
    /// Made by who acts. The same id a second time has no second effect.
    pub id: OperationId,
    /// Which parcels.
    pub parcels: Vec<ParcelId>,
    /// What was done.
    pub deed: Deed,
    /// Photos, at most 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Proof>,
    /// Where the phone was, if it knew it just then; left out where an app makes places up.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::one")]
    pub fix: Option<DoorFix>,
    /// When the person acted.
    pub acted_at: ActedAt,
}

/// A parcel for which a deed, or an undo, was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedParcel {
    /// Which.
    pub parcel: ParcelId,
    /// Its waybill number; absent where it is not this person's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waybill_no: Option<String>,
    /// Why.
    pub reason: DeedRefusal,
}

/// What became of a deed, or of its undo.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeedAnswer {
    /// The deed.
    pub id: OperationId,
    /// The parcels for which it was taken, as they are now.
    pub parcels: Vec<ParcelView>,
    /// The parcels for which it was not; they are as they were.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedParcel>,
    /// The deed is undone.
    #[serde(default)]
    pub undone: bool,
}

/// `POST /api/v1/parcels/deeds/undo`: as if the deed had not been done. Known to the server or not: a deed that arrives
/// after its undo has no effect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UndoDeedRequest {
    /// The deed.
    pub id: OperationId,
    /// Those of its parcels that are as the deed left them, as far as the phone knows: where one of them is not, that is told.
    /// All of the deed where it is empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parcels: Vec<ParcelId>,
    /// Milliseconds between deed and undo, by the boot clock: 30,000 at most.
    pub after_ms: u32,
    /// When the person acted.
    pub acted_at: ActedAt,
}

/// A line of `GET /api/v1/parcels/deeds`: who did what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeedLogView {
    /// The deed.
    pub id: OperationId,
    /// Who.
    pub by: UserId,
    /// The person's name.
    pub name: String,
    /// What.
    pub deed: Deed,
    /// Photos.
    pub proof: Vec<Proof>,
    /// Waybill numbers.
    pub waybills: Vec<String>,
    /// When, as in [`DoorView`].
    pub at: UnixMs,
    /// Only the phone's wall clock says when.
    pub by_wall_clock: bool,
    /// What the phone's wall clock showed.
    pub wall: UnixMs,
    /// When the server got it.
    pub received_at: UnixMs,
    /// When it was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<UnixMs>,
}

/// `POST /api/v1/parcels/hand-over`: parcels that are still open go to a colleague, in this order, all or none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HandOverRequest {
    /// Login name or id of the colleague.
    pub to: String,
    /// Which, in the order in which they are to be delivered.
    pub parcels: Vec<ParcelId>,
}

/// What was handed over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HandOverAnswer {
    /// To whom.
    pub to: UserId,
    /// The colleague's name.
    pub name: String,
    /// Which.
    pub parcels: Vec<ParcelId>,
}

/// `POST /api/v1/stops/rules`: a stop put right by hand, for everybody of the branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StopRuleRequest {
    /// Made by who acts. The same id a second time has no second effect.
    pub id: OperationId,
    /// What it does.
    pub kind: StopRuleKind,
    /// To which addresses: keys that the app made of them, 1 to 200.
    pub keys: Vec<String>,
    /// When the person acted.
    pub acted_at: ActedAt,
}

/// `POST /api/v1/stops/rules/undo`: as if the rule had not been made. Everybody of the branch may.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StopRuleUndoRequest {
    /// The rule.
    pub id: OperationId,
    /// When the person acted.
    pub acted_at: ActedAt,
}

/// A stop put right by hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StopRuleView {
    /// Id.
    pub id: OperationId,
    /// What it does.
    pub kind: StopRuleKind,
    /// To which addresses.
    pub keys: Vec<String>,
    /// Who made it.
    pub by: UserId,
    /// When.
    pub at: UnixMs,
    /// Place in the order in which rules apply; 0 while only this phone knows it, which comes last.
    pub seq: i64,
    /// It holds no more.
    #[serde(default)]
    pub undone: bool,
    /// Server revision.
    pub rev: i64,
}
