//! What an organisation sets for calls that come in.

use serde::{Deserialize, Serialize};

use crate::clock::{DAY, HOUR, MINUTE, SECOND};
use crate::policy::{BadValue, check_ranges};

/// Whether a call is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taping {
    /// By the rules it is not.
    Off,
    /// It is.
    On,
    /// It was to be, and the other side could not be told so: it is not, and shows why.
    Untold,
}

/// Rules for calls that come in. Times are milliseconds. A field that is left out has its default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct InboundPolicy {
    /// How long one courier's telephone rings.
    pub ring_ms: i64,
    /// How long a courier's app rings alone before the mobile rings as well; 0: both at once.
    pub app_first_ms: i64,
    /// How long the caller hears ringing in all, before voicemail; carriers give up after a minute.
    pub total_ms: i64,
    /// A courier's telephone must be answered by a press of 1, so that its own voicemail does not take the call.
    pub accept_key: bool,
    /// How long is waited for that press.
    pub accept_ms: i64,
    /// How old a contact may be to give the call back to its courier.
    pub affinity_ms: i64,
    /// Contacts that lie so close together are one moment (see the module).
    pub tie_ms: i64,
    /// Couriers rung for one call, at most.
    pub max_candidates: u8,
    /// Callers may leave a voicemail.
    pub voicemail: bool,
    /// Longest voicemail.
    pub voicemail_ms: i64,
    /// A voicemail with less speech than this is none: the call is missed.
    pub speech_ms: i64,
    /// Bridged calls are recorded.
    pub record: bool,
    /// The caller is told, before a call is bridged that is recorded. Callers who leave a message are told by the greeting.
    pub tell_recording: bool,
    /// Voicemails are written down by a machine, where the server has one.
    pub transcribe: bool,
    /// Days that recordings and voicemails are kept.
    pub keep_days: u16,
    /// Longest call.
    pub talk_ms: i64,
    /// Calls from one number at once; more are refused as busy. Callers who show no number are not counted.
    pub caller_calls: u8,
    /// Calls from one number in a minute; more are refused as busy.
    pub caller_calls_a_minute: u16,
}

impl Default for InboundPolicy {
    fn default() -> Self {
        InboundPolicy {
            ring_ms: 20 * SECOND,
            app_first_ms: 6 * SECOND,
            total_ms: 50 * SECOND,
            accept_key: true,
            accept_ms: 12 * SECOND,
            affinity_ms: 7 * DAY,
            tie_ms: 10 * MINUTE,
            max_candidates: 4,
            voicemail: true,
            voicemail_ms: 3 * MINUTE,
            speech_ms: 600,
            record: true,
            tell_recording: false,
            transcribe: true,
            keep_days: 90,
            talk_ms: HOUR,
            caller_calls: 3,
            caller_calls_a_minute: 10,
        }
    }
}

impl InboundPolicy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        check_ranges(&[
            ("ring_ms", self.ring_ms, SECOND, 2 * MINUTE),
            ("app_first_ms", self.app_first_ms, 0, MINUTE),
            ("total_ms", self.total_ms, SECOND, 170 * SECOND),
            ("accept_ms", self.accept_ms, SECOND, MINUTE),
            ("affinity_ms", self.affinity_ms, 0, 90 * DAY),
            ("tie_ms", self.tie_ms, 0, DAY),
            ("max_candidates", i64::from(self.max_candidates), 0, 20),
            ("voicemail_ms", self.voicemail_ms, SECOND, 10 * MINUTE),
            ("speech_ms", self.speech_ms, 0, 10 * SECOND),
            ("keep_days", i64::from(self.keep_days), 1, 3_650),
            ("talk_ms", self.talk_ms, SECOND, 4 * HOUR),
            ("caller_calls", i64::from(self.caller_calls), 1, 250),
            ("caller_calls_a_minute", i64::from(self.caller_calls_a_minute), 1, 10_000),
        ])
    }
}
