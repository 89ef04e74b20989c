//! Waking an app that has no socket: where a phone can be reached, and what is said to it.
//!
//! What passes through a vendor's service is read by the vendor. So a notice says that there is something, until when, and
//! under which id; the woken app asks the server for everything else.

use crate::clock::UnixMs;
use crate::id::CallId;
use serde::{Deserialize, Serialize};

/// Whose service wakes a phone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum PushVendor {
    /// Firebase Cloud Messaging: a registration token.
    Fcm,
    /// Apple: a token of PushKit, for calls.
    Apns,
    /// Huawei Push Kit.
    Huawei,
    /// Mi Push: a registration id.
    Xiaomi,
    /// OPPO PUSH (with OnePlus and realme): a registration id.
    Oppo,
    /// vivo push: a registration id.
    Vivo,
}

impl PushVendor {
    /// All of them.
    pub const ALL: [PushVendor; 6] = [
        PushVendor::Fcm,
        PushVendor::Apns,
        PushVendor::Huawei,
        PushVendor::Xiaomi,
        PushVendor::Oppo,
        PushVendor::Vivo,
    ];

    /// As it travels and is stored.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            PushVendor::Fcm => "fcm",
            PushVendor::Apns => "apns",
            PushVendor::Huawei => "huawei",
            PushVendor::Xiaomi => "xiaomi",
            PushVendor::Oppo => "oppo",
            PushVendor::Vivo => "vivo",
        }
    }

    /// The one of this word.
    #[must_use]
    pub fn parse(word: &str) -> Option<PushVendor> {
        PushVendor::ALL.into_iter().find(|v| v.as_str() == word)
    }
}

/// `PUT /api/v1/me/push-token`: this phone can be woken so, for the person who is signed in on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PushTokenRequest {
    /// Whose service.
    pub vendor: PushVendor,
    /// What the vendor calls this installation, 512 characters at most.
    pub token: String,
    /// Version of the app, for support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub app_version: Option<String>,
}

/// Why an app is woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PushKind {
    /// A call rings: connect the socket, and it is there.
    Call,
    /// The call rings no more.
    Cancel,
    /// A kind of a later version: connect and see.
    #[serde(other)]
    News,
}

/// What a push says, as JSON under the key `waybell`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PushNotice {
    /// Why.
    pub kind: PushKind,
    /// Which call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<CallId>,
    /// Nothing rings any more from then on, by the server's clock.
    pub expires_at: UnixMs,
}

impl PushNotice {
    /// The key in a vendor's message under which a notice stands.
    pub const KEY: &'static str = "waybell";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_names_nobody_and_reads_back() {
        let notice = PushNotice {
            kind: PushKind::Call,
            call_id: Some(CallId::at(UnixMs(1_772_413_200_000), [1; 10])),
            expires_at: UnixMs(1_772_413_226_000),
        };
        let json = serde_json::to_value(notice).unwrap();
        insta::assert_json_snapshot!("push_notice", json);
        assert_eq!(serde_json::from_value::<PushNotice>(json).unwrap(), notice);
        let later: PushNotice = serde_json::from_str(r#"{"kind":"tomorrow","expires_at":1}"#).unwrap();
        assert_eq!(later.kind, PushKind::News);
        let request = PushTokenRequest {
            vendor: PushVendor::Huawei,
            token: "IQAAAACy0PEm".into(),
            app_version: Some("1.4.0".into()),
        };
        insta::assert_json_snapshot!("push_token_request", serde_json::to_value(request).unwrap());
        for vendor in PushVendor::ALL {
            assert_eq!(PushVendor::parse(vendor.as_str()), Some(vendor));
            assert_eq!(serde_json::to_value(vendor).unwrap(), vendor.as_str());
        }
    }
}
