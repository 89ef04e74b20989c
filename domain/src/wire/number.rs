//! Published numbers, the areas that they stand for, and who covers them.

use crate::clock::UnixMs;
use crate::id::{AreaId, BranchId, DutyId, NumberId, UserId};
use crate::inbound::OnCall;
use serde::{Deserialize, Serialize};

/// A published number (公布号码).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberView {
    /// Id.
    pub id: NumberId,
    /// The number, `+862131001234`; bare digits for a 15-digit 700 number.
    pub number: String,
    /// Name on screens.
    pub name: String,
    /// Branch that answers it.
    pub branch: BranchId,
    /// Area whose courier on duty is rung.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<AreaId>,
    /// What proves that the organisation may use it.
    pub proof: String,
    /// Date of that proof, `2026-03-02`.
    pub proof_date: String,
    /// Calls to it are taken.
    pub active: bool,
}

/// A new published number.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NumberRequest {
    /// The number as people write it: landline with area code, 95xxx, 400, 15-digit 700.
    #[cfg_attr(feature = "openapi", schema(example = "021-31001234"))]
    pub number: String,
    /// Name on screens.
    #[serde(default)]
    pub name: String,
    /// Branch that answers it; the own branch without.
    #[serde(default)]
    pub branch: Option<BranchId>,
    /// Area whose courier on duty is rung.
    #[serde(default)]
    pub area: Option<AreaId>,
    /// What proves that the organisation may use it: the contract or the carrier's letter. At least 4 characters.
    #[cfg_attr(feature = "openapi", schema(example = "号码使用授权书 2026-031"))]
    pub proof: String,
    /// Date of that proof.
    #[cfg_attr(feature = "openapi", schema(example = "2026-03-02"))]
    pub proof_date: String,
}

/// What to change of a published number; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct NumberChange {
    /// Name on screens.
    pub name: Option<String>,
    /// Branch that answers it; without `area` the number belongs to no area from then on.
    pub branch: Option<BranchId>,
    /// Area whose courier on duty is rung.
    pub area: Option<AreaId>,
    /// A newer proof.
    pub proof: Option<String>,
    /// Its date.
    pub proof_date: Option<String>,
    /// False: calls to it are no longer taken.
    pub active: Option<bool>,
}

/// A branch (网点).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BranchView {
    /// Id.
    pub id: BranchId,
    /// Name.
    pub name: String,
    /// Who is rung, in this order, where nobody of the area takes a call.
    pub ring_group: Vec<UserId>,
}

/// An area (片区).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AreaView {
    /// Id.
    pub id: AreaId,
    /// Branch.
    pub branch: BranchId,
    /// Name.
    pub name: String,
}

/// A new area, or another name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AreaRequest {
    /// Name.
    pub name: String,
    /// Branch; the own branch without. An area stays in its branch.
    #[serde(default)]
    pub branch: Option<BranchId>,
}

/// Somebody's time on duty for an area.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DutyView {
    /// Id.
    pub id: DutyId,
    /// Area.
    pub area: AreaId,
    /// Who.
    pub courier: UserId,
    /// As what.
    pub role: OnCall,
    /// First moment.
    pub from: UnixMs,
    /// First moment after it; absent: until it is ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// As long as it lasts, duties with this role that were made before it count for nothing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub takes_over: bool,
}

/// Put somebody on duty.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DutyRequest {
    /// Who.
    pub courier: UserId,
    /// On duty, or substitute.
    #[serde(default)]
    pub role: OnCall,
    /// First moment; now without.
    #[serde(default)]
    pub from: Option<UnixMs>,
    /// First moment after it.
    #[serde(default)]
    pub until: Option<UnixMs>,
    /// Whoever has this role for the area at that moment has it no longer: a hand-over in one step. With an `until` they have it
    /// again from then on, or once this duty is ended.
    #[serde(default)]
    pub takes_over: bool,
}

/// A caller who is not put through (黑名单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockView {
    /// The number, `+8613800001234`.
    pub phone: String,
    /// Why.
    pub reason: String,
    /// Since when.
    pub since: UnixMs,
    /// Until when; absent: for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
}

/// Bar a caller.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockRequest {
    /// The number as people write it.
    pub phone: String,
    /// For how many days, 1 to 3650; for ever without.
    #[serde(default)]
    pub days: Option<u16>,
    /// Why.
    #[serde(default)]
    pub reason: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn numbers_and_duties_travel() {
        let at = UnixMs(1_772_413_200_000);
        let number = NumberView {
            id: NumberId::at(at, [1; 10]),
            number: "+862131001234".into(),
            name: "一号片区".into(),
            branch: BranchId::at(at, [3; 10]),
            area: Some(AreaId::at(at, [4; 10])),
            proof: "号码使用授权书 2026-031".into(),
            proof_date: "2026-03-02".into(),
            active: true,
        };
        let duty = DutyView {
            id: DutyId::at(at, [2; 10]),
            area: AreaId::at(at, [4; 10]),
            courier: UserId::at(at, [5; 10]),
            role: OnCall::Substitute,
            from: at,
            until: None,
            takes_over: false,
        };
        let block =
            BlockView { phone: "+8613800001234".into(), reason: "骚扰".into(), since: at, until: Some(at) };
        insta::assert_json_snapshot!("numbers", json!({ "number": number, "duty": duty, "block": block }));
        // what a writer may leave out
        let least: NumberRequest = serde_json::from_value(
            json!({ "number": "95338", "proof": "letter", "proof_date": "2026-03-02" }),
        )
        .unwrap();
        assert!(least.branch.is_none() && least.area.is_none() && least.name.is_empty());
        let courier = UserId::at(at, [5; 10]);
        let duty: DutyRequest = serde_json::from_value(json!({ "courier": courier })).unwrap();
        assert_eq!((duty.role, duty.takes_over), (OnCall::Duty, false));
    }
}
