//! Reading what a waybill system sends: record by record, so that a bad one keeps no good one out.
//!
//! The body is `{"rows": [...]}` as in an import (`parcels` is taken as well). A record has the fields of an imported row and
//! three more: `courier`, `reference`, `withdrawn`. Numbers count as text, because systems send waybills and telephone
//! numbers as either. Fields with other names are left alone and told in the answer.

use crate::http::error::{ApiError, ApiResult};
use crate::http::json::parse;
use crate::parcels::import::{Good, check};
use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use waybell_domain::parcel::TaskKind;
use waybell_domain::wire::ImportedRow;

/// Most records of a delivery.
pub(super) const MOST: usize = 5_000;
/// Unknown fields that are told.
const IGNORED_TOLD: usize = 20;
const FIELDS: [&str; 10] = [
    "line",
    "waybill_no",
    "recipient_name",
    "phone",
    "more_phones",
    "address",
    "kind",
    "courier",
    "reference",
    "withdrawn",
];

/// Why a record was left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookProblem {
    /// `line` of the record, or its place in the list from 1.
    pub line: u32,
    /// Its waybill number as sent, where there is one.
    pub waybill_no: String,
    /// Field.
    pub field: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

/// A record that can be taken.
#[derive(Debug)]
pub(super) struct Record {
    pub(super) line: u32,
    pub(super) good: Good,
    /// Login name or telephone number of the courier.
    pub(super) courier: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) withdrawn: bool,
}

impl Record {
    /// What is wrong with a field.
    pub(super) fn problem(&self, field: &str, problem: &str, hint: &str) -> HookProblem {
        HookProblem {
            line: self.line,
            waybill_no: self.good.waybill_no.clone(),
            field: field.into(),
            problem: problem.into(),
            hint: hint.into(),
        }
    }
}

/// A body that was read.
#[derive(Debug, Default)]
pub(super) struct Records {
    pub(super) records: Vec<Record>,
    pub(super) problems: Vec<HookProblem>,
    pub(super) ignored: BTreeSet<String>,
    pub(super) total: u32,
}

#[derive(Deserialize)]
struct Body {
    #[serde(alias = "parcels")]
    rows: Rows,
}

/// Values one by one: no tree of the whole body is made.
struct Rows {
    read: Records,
    last: HashMap<String, usize>,
    too_many: bool,
}

/// Reads a body.
///
/// # Errors
/// What is no such list, and a list of more than [`MOST`] records.
pub(super) fn records(bytes: &[u8]) -> ApiResult<Records> {
    let Body { rows } = parse(bytes)?;
    if rows.too_many {
        return Err(ApiError::field("rows", format!("has more than {MOST}"), "send several deliveries"));
    }
    Ok(rows.read)
}

impl<'de> Deserialize<'de> for Rows {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Rows, D::Error> {
        from.deserialize_seq(Rows { read: Records::default(), last: HashMap::new(), too_many: false })
    }
}

impl<'de> Visitor<'de> for Rows {
    type Value = Rows;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Rows, A::Error> {
        while let Some(value) = list.next_element::<Value>()? {
            self.push(value);
            if self.read.total as usize > MOST {
                self.too_many = true;
                while list.next_element::<IgnoredAny>()?.is_some() {}
                break;
            }
        }
        Ok(self)
    }
}

impl Rows {
    fn push(&mut self, value: Value) {
        self.read.total += 1;
        let place = self.read.total;
        let Value::Object(fields) = value else {
            let hint = "send {\"waybill_no\": ...}";
            self.read.problems.push(wrong(place, "", "record", "is no object", hint));
            return;
        };
        for name in fields.keys().filter(|name| !FIELDS.contains(&name.as_str())) {
            if self.read.ignored.len() < IGNORED_TOLD {
                self.read.ignored.insert(name.chars().take(60).collect());
            }
        }
        match record(&fields, place) {
            // the last record of a waybill is the right one, as in an import
            Ok(record) => match self.last.get(&record.good.waybill_no) {
                Some(&at) => self.read.records[at] = record,
                None => {
                    self.last.insert(record.good.waybill_no.clone(), self.read.records.len());
                    self.read.records.push(record);
                }
            },
            Err(problem) => self.read.problems.push(problem),
        }
    }
}

fn wrong(line: u32, waybill: &str, field: &str, problem: &str, hint: &str) -> HookProblem {
    HookProblem {
        line,
        waybill_no: waybill.chars().take(60).collect(),
        field: field.into(),
        problem: problem.into(),
        hint: hint.into(),
    }
}

/// Text or a whole number; absent and null are empty.
fn text(fields: &Map<String, Value>, name: &str) -> Option<String> {
    match fields.get(name) {
        None | Some(Value::Null) => Some(String::new()),
        Some(Value::String(text)) => Some(text.trim().to_owned()),
        Some(Value::Number(number)) if number.is_i64() || number.is_u64() => Some(number.to_string()),
        Some(_) => None,
    }
}

fn record(fields: &Map<String, Value>, place: u32) -> Result<Record, HookProblem> {
    let line = match fields.get("line") {
        None | Some(Value::Null) => place,
        Some(value) => match value.as_u64().and_then(|n| u32::try_from(n).ok()) {
            Some(line) => line,
            None => {
                return Err(wrong(place, "", "line", "is no line number", "send a number, or leave it out"));
            }
        },
    };
    let waybill = text(fields, "waybill_no").unwrap_or_default();
    let wrong = |field: &str, problem: &str, hint: &str| wrong(line, &waybill, field, problem, hint);
    let read = |name: &str| text(fields, name).ok_or_else(|| wrong(name, "is no text", "send a text"));
    let optional = |name: &str| Ok(Some(read(name)?).filter(|text| !text.is_empty()));
    let withdrawn = match fields.get("withdrawn") {
        None | Some(Value::Null) => false,
        Some(Value::Bool(flag)) => *flag,
        Some(_) => return Err(wrong("withdrawn", "is neither true nor false", "send true or false")),
    };
    let kind = match read("kind")?.as_str() {
        "" => None,
        word => Some(
            TaskKind::parse(word)
                .ok_or_else(|| wrong("kind", "is no kind of task", "send delivery or pickup"))?,
        ),
    };
    let more_phones = match fields.get("more_phones") {
        None | Some(Value::Null) => None,
        Some(Value::Array(list)) => {
            let number =
                |n: &Value| n.as_str().map(str::to_owned).or_else(|| n.as_u64().map(|n| n.to_string()));
            let numbers: Option<Vec<String>> = list.iter().map(number).collect();
            let hint = "send [\"138…\"]";
            Some(numbers.ok_or_else(|| wrong("more_phones", "holds something else than texts", hint))?)
        }
        Some(_) => return Err(wrong("more_phones", "is no list", "send [\"138…\"], or leave it out")),
    };
    let row = ImportedRow {
        line,
        waybill_no: read("waybill_no")?,
        recipient_name: read("recipient_name")?,
        phone: read("phone")?,
        more_phones,
        address: read("address")?,
        kind,
        withdrawn: Some(withdrawn),
        at: None,
    };
    let good = check(&row).map_err(|p| wrong(&p.column, &p.problem, &p.hint))?;
    let good = good.whole();
    let reference = optional("reference")?;
    if reference.as_ref().is_some_and(|r| r.chars().count() > 100) {
        return Err(wrong("reference", "has more than 100 characters", "send a shorter one"));
    }
    Ok(Record { line, good, courier: optional("courier")?, reference, withdrawn })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(body: &Value) -> Records {
        records(body.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn good_records_go_in_and_bad_ones_are_named() {
        let read = read(&json!({ "rows": [
            { "waybill_no": "SF1000000000011", "phone": "13800001111", "address": "幸福花园3幢501", "courier": "li.wei" },
            { "waybill_no": "?", "phone": "13800001111" },
            { "waybill_no": 7_700_000_000_013_u64, "phone": 13_800_001_113_u64, "weight": 3 },
            { "line": 77, "waybill_no": "SF1000000000014", "phone": "138" },
            { "waybill_no": ["SF1000000000015"] },
            { "waybill_no": "SF1000000000016", "kind": "present" },
            { "waybill_no": "SF1000000000017", "withdrawn": "yes" },
            { "waybill_no": "SF1000000000018", "withdrawn": true, "phone": "138" },
            "SF1000000000019",
            { "waybill_no": "SF1000000000020", "line": -1 },
            { "waybill_no": "SF1000000000021", "reference": "x".repeat(101) },
            { "phone": "13800001111" },
            { "waybill_no": "SF1000000000022", "more_phones": "13800001111" },
            { "waybill_no": "SF1000000000023", "more_phones": [true] },
        ] }));
        let taken: Vec<&str> = read.records.iter().map(|r| r.good.waybill_no.as_str()).collect();
        assert_eq!(taken, ["SF1000000000011", "7700000000013", "SF1000000000018"]);
        assert!(read.records[2].withdrawn && read.records[0].courier.as_deref() == Some("li.wei"));
        assert_eq!(read.total, 14);
        let told: Vec<(u32, &str)> = read.problems.iter().map(|p| (p.line, p.field.as_str())).collect();
        assert_eq!(
            told,
            [
                (2, "waybill_no"),
                (77, "phone"),
                (5, "waybill_no"),
                (6, "kind"),
                (7, "withdrawn"),
                (9, "record"),
                (10, "line"),
                (11, "reference"),
                (12, "waybill_no"),
                (13, "more_phones"),
                (14, "more_phones")
            ]
        );
        assert!(read.problems.iter().all(|p| !p.problem.is_empty() && !p.hint.is_empty()));
        assert_eq!(read.ignored.iter().collect::<Vec<_>>(), ["weight"]);
    }

    #[test]
    fn the_last_record_of_a_waybill_counts() {
        let read = read(&json!({ "parcels": [
            { "waybill_no": "SF1000000000011", "recipient_name": "王芳" },
            { "waybill_no": "SF1000000000012" },
            { "waybill_no": "sf1000000000011", "withdrawn": true },
        ] }));
        assert_eq!(read.records.len(), 2);
        assert!(read.records[0].withdrawn && read.records[0].line == 3);
    }

    #[test]
    fn what_is_no_list_is_refused() {
        for body in ["", "[]", "{}", "{\"rows\": {}}", "{\"rows\": [", "{\"rows\": []} x", "null", "\u{0}"] {
            assert!(records(body.as_bytes()).is_err(), "{body:?}");
        }
        assert_eq!(records(b"{\"rows\": []}").unwrap().total, 0);
        let many = format!("{{\"rows\": [{}{{}}]}}", "{},".repeat(MOST));
        assert_eq!(records(many.as_bytes()).unwrap_err().body.field.as_deref(), Some("rows"));
        let deep = format!("{{\"rows\": [{}{}]}}", "[".repeat(100_000), "]".repeat(100_000));
        assert!(records(deep.as_bytes()).is_err());
    }
}
