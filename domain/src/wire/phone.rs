//! Telephones that register with the server: desk phones and softphones of a courier.

use crate::clock::UnixMs;
use crate::id::{PhoneId, UserId};
use serde::{Deserialize, Serialize};

/// A telephone of a courier's that may register.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhoneView {
    /// Its id.
    pub id: PhoneId,
    /// Whose it is.
    pub person: UserId,
    /// What its owner calls it.
    pub name: String,
    /// The user name that it registers with.
    pub user: String,
    /// When it was made.
    pub created_at: UnixMs,
    /// Whether it is registered now, and rings for calls.
    pub registered: bool,
    /// How it is reached: `udp`, `tcp` or `tls`; absent while it is not registered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// When it registered last, to within a few minutes; absent where it never did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_at: Option<UnixMs>,
    /// The address that it registered from last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen_from: Option<String>,
    /// What it said it was, as it said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
}

/// `POST /api/v1/me/phones`, `PUT /api/v1/me/phones/{id}`: what its owner calls it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PhoneRequest {
    /// 1 to 40 characters, another one than the person's other telephones have.
    pub name: String,
}

/// A telephone that was made, with all that has to be typed into it. The secret is told this once.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct NewPhone {
    /// The telephone.
    pub phone: PhoneView,
    /// Its password. It is stored nowhere.
    pub secret: String,
    /// The SIP domain, and the realm of its password.
    pub domain: String,
    /// Where the server listens, best first: `tls:203.0.113.5:5061`. With a host of `0.0.0.0` it is the server's own name.
    pub servers: Vec<String>,
}

impl std::fmt::Debug for NewPhone {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewPhone").field("phone", &self.phone).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_telephone_reads_back_and_its_secret_is_not_printed() {
        let phone = PhoneView {
            id: PhoneId::at(UnixMs(1_772_413_200_000), [1; 10]),
            person: UserId::at(UnixMs(1_772_413_200_000), [2; 10]),
            name: "柜台".into(),
            user: "p4kd7q2mtx".into(),
            created_at: UnixMs(1_772_413_200_000),
            registered: true,
            transport: Some("tls".into()),
            seen_at: Some(UnixMs(1_772_413_260_000)),
            seen_from: Some("203.0.113.9".into()),
            agent: Some("baresip v1.1.0".into()),
        };
        let made = NewPhone {
            phone,
            secret: "never shown".into(),
            domain: "waybell".into(),
            servers: vec!["tls:203.0.113.5:5061".into()],
        };
        let json = serde_json::to_value(&made).unwrap();
        insta::assert_json_snapshot!("new_phone", json);
        assert!(!format!("{made:?}").contains("never shown"));
        assert_eq!(serde_json::from_value::<NewPhone>(json).unwrap(), made);
        let request: PhoneRequest = serde_json::from_str(r#"{"name":"柜台"}"#).unwrap();
        insta::assert_json_snapshot!("phone_request", request);
    }
}
