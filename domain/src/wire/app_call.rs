//! Signalling of calls that an app makes and takes over the data network (网络电话), in either direction between app and server.
//!
//! ```text
//!  app makes a call                             app takes a call
//!  POST /calls {"way": "app"} ──────────▶       ◀── invite {label, words, ice_servers}
//!  invite {sdp: offer} ─────────────────▶       ──▶ ringing
//!  ◀──────────────────── answer {sdp}           ──▶ answer {sdp: offer}
//!  ◀──────────────── ringing, answered          ◀── answer {sdp}
//!  either: candidate, restart {sdp: offer} ▶ ◀ answer {sdp}; hold, resume; bye
//! ```
//!
//! The app makes every offer, the server every answer. Each side numbers its messages of a call from 1; a message that comes again is
//! taken once. Each acknowledges every message of the other. The server sends a message anew on each socket until it is acknowledged or has expired.

use crate::clock::UnixMs;
use crate::id::CallId;
use serde::{Deserialize, Serialize};

words! {
    /// Over which way a courier's call reaches the courier.
    #[derive(Default)]
    pub enum CallWay {
        /// The courier's own telephone is rung, then the customer's (双呼).
        #[default]
        Callback = "callback", "双呼", "callback";
        /// The app on the phone's data network (网络电话).
        App = "app", "网络电话", "app call";
    }
}

words! {
    /// Why a call is over for an app.
    pub enum AppBye {
        /// Somebody hung up.
        HungUp = "hung_up", "已挂断", "hung up";
        /// It was taken on another device, or on the courier's telephone.
        Elsewhere = "elsewhere", "已在其他设备接听", "answered elsewhere";
        /// The caller gave up, or nobody took it in time.
        Missed = "missed", "未接来电", "missed";
        /// There is no such call, or it has ended.
        Gone = "gone", "通话已结束", "the call is over";
        /// The description could not be used; `text` says why.
        Description = "description", "媒体描述无法使用", "the description cannot be used";
        /// The other side is busy, or the app is.
        Busy = "busy", "占线", "busy";
        /// Declined.
        Declined = "declined", "拒接", "declined";
    }
}

/// A server that helps apps through NATs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IceServer {
    /// `turn:host:port?transport=udp`, `stun:…`.
    pub urls: Vec<String>,
    /// User name; for one call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Password that goes with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// One message of a call's signalling.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppSignal {
    /// The call.
    pub call_id: CallId,
    /// Number of the message among those of its side in this call, from 1.
    pub seq: u64,
    /// After this the server does not send it any more. An app's is not looked at: its clock may be wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<UnixMs>,
    /// What it says.
    #[serde(flatten)]
    pub said: AppSaid,
}

/// What a message says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum AppSaid {
    /// From the app: the offer of a call that it makes. From the server: somebody rings.
    Invite {
        /// The app's offer.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sdp: Option<String>,
        /// Who rings: the number with its middle hidden.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        /// What the courier would hear before taking it: "3号楼", "2件".
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        words: Vec<String>,
        /// Servers that help through NATs.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        ice_servers: Vec<IceServer>,
    },
    /// From the app: it rings. From the server: the customer's telephone does.
    Ringing,
    /// From the app: the courier takes the call, with the app's offer. From the server: the answer to an offer.
    Answer {
        /// Description.
        sdp: String,
    },
    /// From the server, in a call that the app makes: the customer has answered, and the two are put through.
    Answered,
    /// From the app: an address that was found later.
    Candidate {
        /// `candidate:…`, as in a description.
        candidate: String,
    },
    /// From the app: its network has changed; a new offer for the same call.
    Restart {
        /// The offer.
        sdp: String,
    },
    /// From the app: another call has the microphone.
    Hold,
    /// From the app: it is back.
    Resume,
    /// From the app: the courier is busy or does not want to.
    Busy,
    /// The call is over.
    Bye {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<AppBye>,
        /// More about it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        text: Option<String>,
    },
    /// From the app: given up before it was answered. From the server: no longer rings here.
    Cancel {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<AppBye>,
    },
    /// A message has come. An acknowledgement has no number of its own (0) and is not acknowledged.
    Ack {
        /// Its number.
        of: u64,
    },
}

/// The answer to a message that came over HTTP: what the app has not acknowledged of this call.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AppSignals {
    /// In order.
    pub messages: Vec<AppSignal>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_message_stays_as_it_is() {
        let of = |seq, said| {
            let call_id = CallId::at(1_700_000_000_000, [7; 10]);
            AppSignal { call_id, seq, expires_at: Some(UnixMs(1_700_000_030_000)), said }
        };
        let turn = IceServer {
            urls: vec!["turn:turn.example.cn:3478?transport=udp".into()],
            username: Some("1700000600:c1".into()),
            credential: Some("c2VjcmV0".into()),
        };
        let sdp = || "v=0\r\n".to_owned();
        let said = [
            AppSaid::Invite { sdp: Some(sdp()), label: None, words: Vec::new(), ice_servers: Vec::new() },
            AppSaid::Invite {
                sdp: None,
                label: Some("+86138****0000".into()),
                words: vec!["3号楼".into(), "2件".into()],
                ice_servers: vec![turn],
            },
            AppSaid::Ringing,
            AppSaid::Answer { sdp: sdp() },
            AppSaid::Answered,
            AppSaid::Candidate { candidate: "candidate:1 1 udp 2113937151 192.0.2.7 54400 typ host".into() },
            AppSaid::Restart { sdp: sdp() },
            AppSaid::Hold,
            AppSaid::Resume,
            AppSaid::Busy,
            AppSaid::Bye { reason: Some(AppBye::HungUp), text: None },
            AppSaid::Cancel { reason: Some(AppBye::Elsewhere) },
            AppSaid::Ack { of: 3 },
        ];
        let all: Vec<AppSignal> = said.into_iter().enumerate().map(|(n, s)| of(n as u64 + 1, s)).collect();
        insta::assert_json_snapshot!("app_signals", AppSignals { messages: all.clone() });
        for signal in all {
            let json = serde_json::to_value(&signal).unwrap();
            assert_eq!(serde_json::from_value::<AppSignal>(json).unwrap(), signal);
        }
    }

    #[test]
    fn words_are_what_is_sent() {
        CallWay::check_words();
        AppBye::check_words();
    }

    #[test]
    fn what_a_newer_app_adds_is_passed_over() {
        let json = json!({ "call_id": CallId::at(1, [1; 10]), "seq": 1, "expires_at": 5, "kind": "bye", "mood": "good" });
        let read: AppSignal = serde_json::from_value(json).unwrap();
        assert_eq!(read.said, AppSaid::Bye { reason: None, text: None });
    }
}
