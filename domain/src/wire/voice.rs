//! Who speaks the notices.

use serde::{Deserialize, Serialize};

/// `GET /api/v1/voice`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct VoiceView {
    /// The engines, in the order in which they are asked.
    #[serde(default)]
    pub engines: Vec<EngineState>,
    /// What should be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warning: Option<String>,
    /// Characters that paid engines were asked for today (UTC+8).
    #[serde(default)]
    pub characters_today: u64,
    /// Most of them on a day; 0 for no limit.
    #[serde(default)]
    pub characters_a_day: u64,
}

/// How an engine stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct EngineState {
    /// `command`, `iflytek`, `alibaba`, `tencent` or `espeak-ng`.
    pub name: String,
    /// It is left alone for a while after a failure.
    pub resting: bool,
    /// Pieces that it made since the server started.
    pub made: u64,
    /// Questions that failed since then.
    pub failed: u64,
    /// Its last failure, if nothing was made since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn voice() {
        let engine = EngineState {
            name: "tencent".into(),
            resting: true,
            made: 3,
            failed: 1,
            problem: Some("was not done after 10 s".into()),
        };
        let view =
            VoiceView { engines: vec![engine], warning: None, characters_today: 40, characters_a_day: 100 };
        insta::assert_json_snapshot!(view, @r#"
        {
          "engines": [
            {
              "name": "tencent",
              "resting": true,
              "made": 3,
              "failed": 1,
              "problem": "was not done after 10 s"
            }
          ],
          "characters_today": 40,
          "characters_a_day": 100
        }
        "#);
        assert_eq!(serde_json::from_str::<VoiceView>("{}").unwrap(), VoiceView::default());
    }
}
