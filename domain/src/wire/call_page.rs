//! What a courier's phone keeps of the calls that came in for them.

use super::{ActedAt, CallView};
use crate::clock::UnixMs;
use crate::id::CallId;
use crate::inbound::Availability;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/me/calls?since=cursor`: every call of this person that changed after the cursor, in the order of the changes.
///
/// Rows, tombstones and `cursor` are applied in one transaction. A call that changed several times is there once, as it is
/// now.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CallPage {
    /// Give this back next time.
    pub cursor: i64,
    /// There is more: ask again at once.
    pub more: bool,
    /// Calls. Those of a later version that do not read here are passed over.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub calls: Vec<CallView>,
    /// Calls that are no longer this person's.
    #[serde(default)]
    pub gone: Vec<CallId>,
    /// Whether calls reach this person.
    #[serde(default)]
    pub availability: AvailabilityTold,
    /// Names the server's data, as in `SyncPage`.
    #[serde(default)]
    pub generation: String,
}

/// What somebody said of themselves last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvailabilityTold {
    /// Whether calls are taken.
    pub mode: Availability,
    /// Available again from then on; absent: until it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// When it was said, by the server's clock; absent where nothing was ever said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<UnixMs>,
}

/// `POST /api/v1/me/availability`: what somebody said of themselves, perhaps a while ago and without a network. Of two, the
/// one that was said later counts, whichever arrives first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AvailabilitySaid {
    /// Whether calls are taken.
    pub mode: Availability,
    /// Available again from then on; absent: until it is changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// When it was said.
    pub acted_at: ActedAt,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_travels_and_a_call_of_a_later_version_costs_no_other() {
        let at = UnixMs(1_772_413_200_000);
        let page = CallPage {
            cursor: 12,
            more: false,
            calls: Vec::new(),
            gone: vec![CallId::at(at, [1; 10])],
            availability: AvailabilityTold { mode: Availability::Riding, until: Some(at), since: Some(at) },
            generation: "g".into(),
        };
        let mut json = serde_json::to_value(&page).unwrap();
        insta::assert_json_snapshot!("call_page", json);
        json["calls"] = serde_json::json!([{ "id": "tomorrow" }]);
        let read: CallPage = serde_json::from_value(json).unwrap();
        assert_eq!((read.calls.len(), read.gone, read.availability), (0, page.gone, page.availability));
        let said = AvailabilitySaid {
            mode: Availability::Off,
            until: None,
            acted_at: ActedAt { wall: at, age_ms: None },
        };
        insta::assert_json_snapshot!("availability_said", serde_json::to_value(said).unwrap());
    }
}
