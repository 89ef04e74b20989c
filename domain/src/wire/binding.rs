//! Pools of virtual numbers, bindings, and records of calls over them, by the trade's names.
//!
//! The trade's units stay: `ttl` and `call_timeout` are seconds, `max_duration` minutes. Moments are unix milliseconds, as
//! everywhere.

use crate::binding::{BindingMode, BindingState, BoundOutcome, CallRestrict};
use crate::clock::UnixMs;
use crate::id::{BindingId, CallId, PoolId};
use serde::{Deserialize, Serialize};

/// A new pool of virtual numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolRequest {
    /// Name on screens.
    #[serde(default)]
    pub name: String,
    /// How its numbers are bound.
    pub mode: BindingMode,
    /// Minutes for which calls go through after a binding has expired, 0 to 1,440; 30 without.
    #[serde(default)]
    pub grace_minutes: Option<u16>,
    /// Digits of an extension, 1 to 6; 4 without.
    #[serde(default)]
    pub extension_digits: Option<u8>,
    /// Id of the integration that is told of calls; nobody without.
    #[serde(default)]
    pub integration: Option<String>,
}

/// What to change of a pool; what is absent stays. Bindings that are there keep their grace.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PoolChange {
    /// Name on screens.
    pub name: Option<String>,
    /// Minutes for which calls go through after a binding has expired.
    pub grace_minutes: Option<u16>,
    /// Id of the integration that is told of calls; empty for nobody.
    pub integration: Option<String>,
}

/// Numbers for a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolNumbersRequest {
    /// The numbers, 500 at most.
    pub numbers: Vec<PoolNumberRequest>,
    /// What proves that the organisation may use them: the contract or the carrier's letter. At least 4 characters.
    #[cfg_attr(feature = "openapi", schema(example = "号码使用授权书 2026-031"))]
    pub proof: String,
    /// Date of that proof.
    #[cfg_attr(feature = "openapi", schema(example = "2026-03-02"))]
    pub proof_date: String,
}

/// A number for a pool.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolNumberRequest {
    /// As people write it; a trunk must be allowed to show it.
    #[cfg_attr(feature = "openapi", schema(example = "021-31001235"))]
    pub number: String,
    /// City, for `expect_city`; of a landline its area code does as well.
    #[serde(default)]
    pub city: Option<String>,
}

/// What to change of a pool's number.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct PoolNumberChange {
    /// True: no new binding gets it; those that it has go on.
    pub locked: Option<bool>,
    /// City; empty for none.
    pub city: Option<String>,
}

/// A pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolView {
    /// Its key.
    pub pool_key: PoolId,
    /// Name on screens.
    pub name: String,
    /// How its numbers are bound.
    pub mode: BindingMode,
    /// Minutes for which calls go through after a binding has expired.
    pub grace_minutes: i64,
    /// Digits of an extension.
    pub extension_digits: u8,
    /// Id of the integration that is told of calls.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub integration: Option<String>,
    /// Its numbers.
    pub numbers: Vec<PoolNumberView>,
}

/// A number of a pool.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PoolNumberView {
    /// The number.
    pub secret_no: String,
    /// City.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<String>,
    /// No new binding gets it.
    pub locked: bool,
    /// Bindings that it has now, those in grace too.
    pub bindings: i64,
}

/// A binding that is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BindRequest {
    /// Made by the asker, 1 to 64 printable characters: the same request again within 24 hours gets the same answer.
    #[serde(default)]
    pub request_id: Option<String>,
    /// The pool.
    pub pool_key: String,
    /// The pool's own mode without.
    #[serde(default)]
    pub mode: Option<BindingMode>,
    /// The protected party.
    #[cfg_attr(feature = "openapi", schema(example = "13900000001"))]
    pub phone_no_a: String,
    /// The other party; of AXE whom A reaches by ringing the virtual number (who spoke last without).
    #[serde(default)]
    pub phone_no_b: Option<String>,
    /// This virtual number of the pool, and no other.
    #[serde(default)]
    pub phone_no_x: Option<String>,
    /// Of AXE: this extension; one that nobody guesses without.
    #[serde(default)]
    pub extension: Option<String>,
    /// When it expires, unix milliseconds; this or `ttl`, more than a minute and at most 366 days ahead.
    #[serde(default)]
    pub expiration: Option<UnixMs>,
    /// Seconds from now after which it expires.
    #[serde(default)]
    pub ttl: Option<i64>,
    /// City of the virtual number, by name or area code.
    #[serde(default)]
    pub expect_city: Option<String>,
    /// Cities that will do instead, the best first, 5 at most.
    #[serde(default)]
    pub degrade_city_list: Vec<String>,
    /// 1: where there is no number of these cities, any will do; 0: none is bound then. 1 without.
    #[serde(default)]
    pub area_match_mode: Option<u8>,
    /// Who is not put through; nobody without.
    #[serde(default)]
    pub call_restrict: Option<String>,
    /// What both see: 1, the virtual number.
    #[serde(default)]
    pub call_display_type: Option<u8>,
    /// Seconds that the callee's telephone rings, 5 to 120; 60 without.
    #[serde(default)]
    pub call_timeout: Option<u16>,
    /// Longest call in minutes, 1 to 1,440; 60 without.
    #[serde(default)]
    pub max_duration: Option<u16>,
    /// Both hear a hint a minute before the longest call ends.
    #[serde(default)]
    pub last_min_voice: bool,
    /// Calls are recorded.
    #[serde(default)]
    pub is_recording_enabled: bool,
    /// The asker's own id, 256 characters at most; comes back with records.
    #[serde(default)]
    pub out_id: Option<String>,
    /// Anything, 2,048 characters at most; comes back with records.
    #[serde(default)]
    pub user_data: Option<String>,
}

/// What to change of a binding; what is absent stays.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct BindingChange {
    /// Another protected party.
    pub phone_no_a: Option<String>,
    /// Another other party.
    pub phone_no_b: Option<String>,
    /// When it expires.
    pub expiration: Option<UnixMs>,
    /// Seconds from now after which it expires.
    pub ttl: Option<i64>,
    /// Who is not put through; empty for nobody.
    pub call_restrict: Option<String>,
    /// Seconds that the callee's telephone rings.
    pub call_timeout: Option<u16>,
    /// Longest call in minutes.
    pub max_duration: Option<u16>,
    /// Both hear a hint a minute before the longest call ends.
    pub last_min_voice: Option<bool>,
    /// Calls are recorded.
    pub is_recording_enabled: Option<bool>,
    /// The asker's own id.
    pub out_id: Option<String>,
    /// Anything.
    pub user_data: Option<String>,
}

/// A binding.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BindingView {
    /// Its id.
    pub subs_id: BindingId,
    /// The pool.
    pub pool_key: PoolId,
    /// How callers are put through.
    pub mode: BindingMode,
    /// The virtual number.
    pub secret_no: String,
    /// Of AXE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extension: Option<String>,
    /// The protected party; absent once it is kept no longer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_no_a: Option<String>,
    /// The other party.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_no_b: Option<String>,
    /// Where it stands.
    pub status: BindingState,
    /// When it expires.
    pub expiration: UnixMs,
    /// Until when calls go through.
    pub grace_until: UnixMs,
    /// Who is not put through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_restrict: Option<CallRestrict>,
    /// What both see: 1, the virtual number.
    pub call_display_type: u8,
    /// Seconds that the callee's telephone rings.
    pub call_timeout: i64,
    /// Longest call in minutes.
    pub max_duration: i64,
    /// Both hear a hint a minute before the longest call ends.
    pub last_min_voice: bool,
    /// Calls are recorded.
    pub is_recording_enabled: bool,
    /// The asker's own id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_id: Option<String>,
    /// Anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
    /// When it was made.
    pub created_at: UnixMs,
}

/// A call over a virtual number (话单).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BindingCallView {
    /// Its id.
    pub call_id: CallId,
    /// The binding; absent where nothing was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subs_id: Option<BindingId>,
    /// The pool.
    pub pool_key: PoolId,
    /// The protected party; absent where nothing was bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone_no: Option<String>,
    /// The virtual number.
    pub secret_no: String,
    /// The other party: B, or who rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub peer_no: Option<String>,
    /// The number that the callee saw.
    pub called_display_no: String,
    /// 0: A rang, 1: the other party rang, 4: intercepted.
    pub call_type: i64,
    /// When it came in.
    pub call_time: UnixMs,
    /// When the callee's leg left.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_out_time: Option<UnixMs>,
    /// When the callee's telephone rang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_time: Option<UnixMs>,
    /// When they were put through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<UnixMs>,
    /// When it ended; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_time: Option<UnixMs>,
    /// Seconds that they spoke; 0 for a call that was not put through.
    pub duration: i64,
    /// Who ended it: 0 platform, 1 caller, 2 callee.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_dir: Option<i64>,
    /// Q.850 cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_cause: Option<i64>,
    /// Why it was not put through: 0 normal, 1 blocklist, 2 no binding, 3 restricted, 4 other.
    pub unconnected_cause: i64,
    /// What it came to; absent while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<BoundOutcome>,
    /// Path of its recording on this server, once it can be heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record_url: Option<String>,
    /// Of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub out_id: Option<String>,
    /// Of the binding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_data: Option<String>,
}

/// An event of a call over a virtual number, as it is pushed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BindingCallEvent {
    /// `binding.call_started`, `binding.call_ringing`, `binding.call_answered`, `binding.call_ended`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// How the call stands: after the last one, its record.
    pub data: BindingCallView,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    #[test]
    fn bindings() {
        let pool = PoolView {
            pool_key: PoolId::at(NOW, [1; 10]),
            name: "上海".into(),
            mode: BindingMode::Axe,
            grace_minutes: 30,
            extension_digits: 4,
            integration: None,
            numbers: vec![PoolNumberView {
                secret_no: "+862131001235".into(),
                city: Some("上海".into()),
                locked: false,
                bindings: 3,
            }],
        };
        let binding = BindingView {
            subs_id: BindingId::at(NOW, [2; 10]),
            pool_key: PoolId::at(NOW, [1; 10]),
            mode: BindingMode::Axe,
            secret_no: "+862131001235".into(),
            extension: Some("0042".into()),
            phone_no_a: Some("+8613900000001".into()),
            phone_no_b: None,
            status: BindingState::Active,
            expiration: NOW + 3_600_000,
            grace_until: NOW + 5_400_000,
            call_restrict: Some(CallRestrict::Ax),
            call_display_type: 1,
            call_timeout: 60,
            max_duration: 60,
            last_min_voice: true,
            is_recording_enabled: false,
            out_id: Some("order 42".into()),
            user_data: None,
            created_at: NOW,
        };
        let call = BindingCallView {
            call_id: CallId::at(NOW, [3; 10]),
            subs_id: Some(binding.subs_id),
            pool_key: pool.pool_key,
            phone_no: binding.phone_no_a.clone(),
            secret_no: binding.secret_no.clone(),
            peer_no: Some("+8613800000000".into()),
            called_display_no: binding.secret_no.clone(),
            call_type: 1,
            call_time: NOW,
            call_out_time: Some(NOW + 10),
            ring_time: Some(NOW + 500),
            start_time: Some(NOW + 5_000),
            release_time: Some(NOW + 65_000),
            duration: 60,
            release_dir: Some(2),
            release_cause: Some(16),
            unconnected_cause: 0,
            outcome: Some(BoundOutcome::Answered),
            record_url: Some("/api/v1/calls/x/audio".into()),
            out_id: binding.out_id.clone(),
            user_data: None,
        };
        let event = BindingCallEvent {
            kind: "binding.call_ended".into(),
            timestamp: "2026-03-02T01:00:00.000Z".into(),
            data: call.clone(),
        };
        let records = json!({ "pool": pool, "binding": binding, "event": event });
        assert_eq!(serde_json::from_value::<PoolView>(records["pool"].clone()).unwrap(), pool);
        assert_eq!(serde_json::from_value::<BindingView>(records["binding"].clone()).unwrap(), binding);
        assert_eq!(serde_json::from_value::<BindingCallEvent>(records["event"].clone()).unwrap(), event);
        insta::assert_json_snapshot!("bindings", records);
    }

    #[test]
    fn the_least_that_is_asked_for() {
        let bind: BindRequest =
            serde_json::from_value(json!({ "pool_key": "p", "phone_no_a": "1" })).unwrap();
        assert!(bind.phone_no_b.is_none() && !bind.is_recording_enabled && bind.degrade_city_list.is_empty());
        let change: BindingChange = serde_json::from_value(json!({})).unwrap();
        assert!(change.phone_no_a.is_none());
    }
}
