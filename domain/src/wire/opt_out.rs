//! Numbers that must not be rung.

use crate::clock::UnixMs;
use crate::wire::RowProblem;
use serde::{Deserialize, Serialize};

/// A number that must not be rung.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OptOutView {
    /// Number, as `e164` or `e164;ext=123`.
    pub phone_key: String,
    /// `key_press`, `list`, `person`.
    pub source: String,
    /// Since.
    pub since: UnixMs,
}

/// What a list of numbers that opt out did, or would do (`dry_run`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OptOutReport {
    /// Numbers that are not rung from now on.
    pub added: u32,
    /// Numbers that were not rung before.
    pub known: u32,
    /// Lines that hold no number.
    pub rejected: u32,
    /// Which, and why: at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<RowProblem>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_travel() {
        let view = OptOutView { phone_key: "+8613800001111".into(), source: "list".into(), since: UnixMs(5) };
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"phone_key":"+8613800001111","source":"list","since":5}"#);
        let problem = crate::import::Place::line(2).problem("phone", "no", "yes");
        let report = OptOutReport { added: 1, known: 2, rejected: 1, problems: vec![problem] };
        insta::assert_snapshot!(serde_json::to_string(&report).unwrap(), @r#"{"added":1,"known":2,"rejected":1,"problems":[{"line":2,"column":"phone","problem":"no","hint":"yes"}]}"#);
        let back: OptOutReport = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        assert_eq!(back, report);
    }
}
