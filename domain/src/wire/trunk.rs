//! How the trunks stand.

use serde::{Deserialize, Serialize};

/// Whether calls can go out over a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum TrunkLife {
    /// A far side answers, or is configured not to be asked.
    Up,
    /// Nothing was heard of any far side yet: one call at a time is tried.
    Unproven,
    /// No far side answers, or each says that it is out of service: calls wait.
    Down,
    /// A state of a newer server.
    #[serde(other)]
    Unknown,
}

/// One of `GET /api/v1/trunks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrunkView {
    /// Its name in the server's settings.
    pub name: String,
    /// How it stands: that of the best of its far sides.
    pub life: TrunkLife,
    /// Its far sides' names that do not resolve to an address.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<String>,
    /// Where it must register and is not registered: the registrar's last answer (a SIP status), 0 for none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unregistered: Option<u16>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks() {
        let view = [
            TrunkView { name: "carrier".into(), life: TrunkLife::Up, unresolved: vec![], unregistered: None },
            TrunkView {
                name: "other".into(),
                life: TrunkLife::Down,
                unresolved: vec!["sip.example".into()],
                unregistered: Some(403),
            },
        ];
        insta::assert_json_snapshot!(view, @r#"
        [
          {
            "name": "carrier",
            "life": "up"
          },
          {
            "name": "other",
            "life": "down",
            "unresolved": [
              "sip.example"
            ],
            "unregistered": 403
          }
        ]
        "#);
        let newer: TrunkView = serde_json::from_str(r#"{"name": "x", "life": "napping"}"#).unwrap();
        assert_eq!(newer.life, TrunkLife::Unknown);
    }
}
