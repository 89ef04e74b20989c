//! Holidays, and the carriers whose limits are known.

use crate::dial::policy::{CalendarDay, DayChange, FrequencyRule, QuietHours};
use crate::wire::RowProblem;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/policy/calendar`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalendarView {
    /// Public holidays and working weekends, by date.
    pub days: Vec<CalendarDay>,
    /// Years whose days should be known by now and are not here: on their holidays people are rung as on other days.
    pub uncovered_years: Vec<i32>,
}

/// What a calendar file does, or would do (`dry_run`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CalendarReport {
    /// Days that the file names.
    pub total: u32,
    /// Days that change, by date.
    pub changes: Vec<DayChange>,
    /// What cannot be read. While there is any, nothing is taken: a holiday left out would ring people on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub problems: Vec<RowProblem>,
    /// What was passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<RowProblem>,
    /// Years without a holiday after it.
    pub uncovered_years: Vec<i32>,
    /// It is in force.
    pub taken: bool,
}

/// A carrier or voice service whose limits a policy can take by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CarrierView {
    /// The name for `carrier` of the policy.
    pub name: String,
    /// In Chinese.
    pub title_zh: String,
    /// In English.
    pub title_en: String,
    /// Where the figures come from.
    pub source: String,
    /// Its limits for one callee.
    pub frequency: Vec<FrequencyRule>,
    /// Hours that it bars.
    pub quiet: Vec<QuietHours>,
    /// Calls at once where nothing else is agreed; set it as `channels` of the trunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channels: Option<u32>,
    /// The policy names it.
    pub in_force: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dial::policy::{Anchor, DayKind};

    #[test]
    fn they_travel() {
        let date = "2026-10-01".parse().unwrap();
        let view = CalendarView {
            days: vec![CalendarDay { date, name: "国庆节".into(), kind: DayKind::Holiday }],
            uncovered_years: vec![2027],
        };
        insta::assert_snapshot!(serde_json::to_string(&view).unwrap(), @r#"{"days":[{"date":"2026-10-01","name":"国庆节","kind":"holiday"}],"uncovered_years":[2027]}"#);
        let report = CalendarReport {
            total: 1,
            changes: vec![DayChange {
                date,
                name: "国庆节".into(),
                before: None,
                after: Some(DayKind::Workday),
                hours: vec!["08:30-20:30".into()],
            }],
            problems: Vec::new(),
            notes: Vec::new(),
            uncovered_years: Vec::new(),
            taken: true,
        };
        insta::assert_snapshot!(serde_json::to_string(&report).unwrap(), @r#"{"total":1,"changes":[{"date":"2026-10-01","name":"国庆节","after":"workday","hours":["08:30-20:30"]}],"uncovered_years":[],"taken":true}"#);
        let carrier = CarrierView {
            name: "huawei".into(),
            title_zh: "华为云".into(),
            title_en: "Huawei Cloud".into(),
            source: "its page".into(),
            frequency: vec![FrequencyRule {
                window: 60_000,
                max: 1,
                anchor: Anchor::Rolling,
                counts_failed: true,
            }],
            quiet: vec![QuietHours::NOON],
            channels: Some(10),
            in_force: false,
        };
        insta::assert_snapshot!(serde_json::to_string(&carrier).unwrap(), @r#"{"name":"huawei","title_zh":"华为云","title_en":"Huawei Cloud","source":"its page","frequency":[{"window":60000,"max":1,"anchor":"rolling","counts_failed":true}],"quiet":[{"from":"12:00","to":"14:00"}],"channels":10,"in_force":false}"#);
        let back: CarrierView = serde_json::from_str(&serde_json::to_string(&carrier).unwrap()).unwrap();
        assert_eq!(back, carrier);
    }
}
