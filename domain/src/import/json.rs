//! Lists in JSON: objects with whatever names for their fields.

use super::{Row, TableError, error};
use serde_json::Value;

/// Names under which a list may lie in an object.
const LISTS: [&str; 6] = ["rows", "data", "list", "items", "parcels", "waybills"];

/// The objects of a list as rows below a header of all their names; a row's number is its place in the list, from 1 for the
/// header.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, TableError> {
    let value: Value = serde_json::from_str(text).map_err(|e| {
        let problem = format!("file is no JSON from line {} column {} on", e.line(), e.column());
        error("file", &problem, "export the list again")
    })?;
    let list = match &value {
        Value::Array(list) => list,
        Value::Object(fields) => LISTS
            .iter()
            .find_map(|name| fields.get(*name)?.as_array())
            .ok_or_else(|| error("file", "file has no list in it", "send [{\"waybill_no\": ...}, ...]"))?,
        _ => return Err(error("file", "file has no list in it", "send [{\"waybill_no\": ...}, ...]")),
    };
    let mut header: Vec<String> = Vec::new();
    for object in list.iter().filter_map(Value::as_object) {
        for name in object.keys() {
            if !header.contains(name) && header.len() < 200 {
                header.push(name.clone());
            }
        }
    }
    if header.is_empty() {
        return Ok(Vec::new());
    }
    let cell = |value: Option<&Value>| match value {
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" "),
        _ => String::new(),
    };
    let below = list.iter().enumerate().map(|(at, object)| {
        let cells = header.iter().map(|name| cell(object.get(name))).collect();
        (u32::try_from(at + 2).unwrap_or(u32::MAX), cells)
    });
    Ok(std::iter::once((1, header.clone())).chain(below).collect())
}
