//! What the switch tells: one stream of events, one leg at a time in order.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::sip::record::{DialogRecord, InviteRecord, RefusalRecord};

/// Names a leg. For a leg we place it is the Call-ID, so it is known before the INVITE leaves and is the same
/// after a restart; for one that came in it is made up by us.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LegId(Arc<str>);

impl LegId {
    /// From its text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(Arc::from(text))
    }

    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LegId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Something happened.
#[derive(Debug, Clone)]
pub struct Event {
    /// Which leg; empty for [`EventKind::Trunk`] and what is told of telephones that register.
    pub leg: LegId,
    /// When it was seen, wall clock.
    pub at: SystemTime,
    /// What.
    pub kind: EventKind,
}

/// What happened. For one leg: `Sent` or `Incoming` first (unless nothing could be
/// sent at all), `Ended` exactly once and last.
#[derive(Debug, Clone)]
pub enum EventKind {
    /// The INVITE (or probe, or CANCEL, or BYE of a stored dialog) was handed to the network.
    Sent,
    /// A provisional answer, 100 included.
    Progress {
        /// 100 to 199.
        status: u16,
        /// It carried SDP: the far side may speak before the answer.
        early_media: bool,
    },
    /// A 2xx came. It is not acknowledged and no media flows until [`Switch::confirm`](crate::Switch::confirm), so
    /// that the answer can be made durable first; the far side repeats its 2xx for 32 s meanwhile. An incoming leg
    /// says it when the far side's ACK has come, and needs no confirm.
    Answered {
        /// What a BYE needs, to be stored.
        dialog: DialogRecord,
    },
    /// An app's leg has its connection: sound flows, and it may be bridged and played to. Once a leg, without a confirm.
    Connected,
    /// The INVITE has to be sent again, with credentials or with a longer session interval (401, 407, 422). It is a
    /// transaction of its own, so it leaves only at [`Switch::resubmit`](crate::Switch::resubmit), that it can be stored
    /// first. Nothing rings meanwhile.
    Challenged {
        /// The INVITE that will leave; it takes the place of the one that was stored.
        record: Box<InviteRecord>,
    },
    /// A key was pressed.
    Digit {
        /// `0` to `9`, `*`, `#`, `A` to `D`.
        digit: char,
        /// How it came.
        source: DigitSource,
    },
    /// A [`Play`](crate::Play) ended.
    PlayEnded {
        /// The play's token.
        token: u64,
        /// It ran to its end and was really sent; false where it was stopped or replaced, had no sound, could not be
        /// handed to the network, or the leg ended.
        completed: bool,
        /// Milliseconds of it that were sent.
        played_ms: u32,
    },
    /// The far side put us on hold or took us back (RFC 3264 8.4).
    Held {
        /// True while held.
        held: bool,
    },
    /// The leg is over, and all it had is given back. Exactly once a leg.
    Ended {
        /// How.
        end: LegEnd,
    },
    /// A call came in. It is answered 100 until one of `ring`, `answer` and `reject` is called.
    Incoming(Incoming),
    /// A telephone has registered, or from somewhere else than before.
    PhoneCame(crate::phone::PhoneContact),
    /// A telephone has registered again.
    PhoneStays(crate::phone::PhoneContact),
    /// A telephone is not there any more.
    PhoneLeft {
        /// Which.
        contact: crate::phone::PhoneContact,
        /// Why.
        why: crate::phone::PhoneGone,
    },
    /// A trunk's far side answers, or has ceased to.
    Trunk {
        /// Name of the trunk.
        name: String,
        /// Whether it may be used.
        up: bool,
    },
}

/// A call that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    /// User part of From, or of P-Asserted-Identity where there is one (the peer is a trunk, so it is believed).
    pub from: String,
    /// User part of the request URI.
    pub to: String,
    /// The caller's Call-ID.
    pub call_id: String,
    /// Where it came from.
    pub source: SocketAddr,
    /// The trunk whose peer it came from.
    pub trunk: Option<String>,
    /// What a BYE needs once the call is answered, to be stored before [`Switch::answer`](crate::Switch::answer).
    pub dialog: DialogRecord,
    /// What refuses the call while it is not answered, for [`Switch::refuse_stored`](crate::Switch::refuse_stored).
    pub refusal: Box<RefusalRecord>,
    /// `Diversion`, `History-Info`, `P-Asserted-Identity`, `Privacy`, `Subject` and `X-…` headers as they came.
    pub headers: Vec<(String, String)>,
}

/// How a key press came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DigitSource {
    /// A telephone-event (RFC 4733).
    Rfc4733,
    /// Tones in the speech (ITU-T Q.23, Q.24).
    InBand,
    /// SIP INFO (`application/dtmf-relay`).
    Info,
}

/// How a leg ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndHow {
    /// A final answer of 300 to 699 to our INVITE; or we rejected an incoming leg.
    Refused,
    /// Our CANCEL ended it (487, or a 2xx that crossed it, which was acknowledged and ended by BYE: `answered`), or
    /// the caller of an incoming leg gave up.
    Cancelled,
    /// The far side sent BYE.
    RemoteBye,
    /// We sent BYE.
    LocalBye,
    /// No answer in time: no response at all to the INVITE (64·T1), or no final answer within the ring limit and
    /// none to the CANCEL either. A time-out of our own says nothing about the phone.
    TimedOut,
    /// The request could not be sent: `sent` tells whether anything may have left.
    TransportFailed,
    /// RTP ceased; we sent BYE.
    MediaTimeout,
    /// The 2xx carried no usable SDP: it was acknowledged and ended by BYE.
    BadMedia,
    /// The far side did not acknowledge our 2xx; we sent BYE.
    NoAck,
    /// The far side did not refresh the session (RFC 4028); we sent BYE.
    SessionExpired,
    /// Digest challenges could not be met.
    AuthFailed,
    /// A probe found no call (420) and no 2xx was being repeated for 4 s.
    ProbeGone,
    /// A probe got no answer.
    ProbeSilent,
    /// A probe was challenged (401, 407).
    ProbeChallenged,
    /// The trunk may not be probed; nothing was sent.
    ProbeOff,
    /// The switch shut down. BYE or CANCEL was sent where there was time.
    ShutDown,
}

/// The end of a leg: everything the call data record needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegEnd {
    /// How it ended.
    pub how: EndHow,
    /// Final status of the INVITE, the far side's or (incoming) ours.
    pub status: Option<u16>,
    /// The phrase beside it.
    pub phrase: Option<String>,
    /// Q.850 cause of a Reason header (RFC 3326), of the final answer or of the BYE.
    pub q850: Option<u8>,
    /// The text of the Reason header.
    pub reason_text: Option<String>,
    /// `Retry-After` of the final answer.
    pub retry_after: Option<Duration>,
    /// Whether the request may have left this machine. False is certain: the far side has never heard of it.
    pub sent: bool,
    /// Any answer of 180 to 189 was seen: someone may have been alerted.
    pub rang: bool,
    /// A 2xx was seen.
    pub answered: bool,
    /// From confirmed to ended, milliseconds.
    pub talk_ms: u32,
    /// Final answer to our BYE. After [`Switch::end_stored`](crate::Switch::end_stored) a 2xx says that the call went on until then; 481 that it had
    /// ended before.
    pub bye: Option<u16>,
    /// What went over RTP.
    pub rtp: RtpStats,
}

/// Counters of one leg's RTP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RtpStats {
    /// Packets sent.
    pub sent: u64,
    /// Packets accepted.
    pub received: u64,
    /// Packets that never came, by the sequence numbers.
    pub lost: u64,
    /// Packets dropped: wrong source, wrong version, unknown payload type.
    pub dropped: u64,
    /// Interarrival jitter (RFC 3550 6.4.1), milliseconds.
    pub jitter_ms: u32,
}
