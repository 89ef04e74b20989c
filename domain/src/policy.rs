//! What the sets of rules of an organisation have in common.

/// A value that cannot work.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct BadValue {
    /// Name of the field, `shifts[1].end` for one further in.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
}

impl BadValue {
    pub(crate) fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

/// The first field whose value is not between its bounds, both allowed.
pub(crate) fn check_ranges(ranges: &[(&str, i64, i64, i64)]) -> Result<(), BadValue> {
    match ranges.iter().find(|(_, value, least, most)| !(least..=most).contains(&value)) {
        Some((field, _, least, most)) => Err(BadValue::new(*field, format!("must be {least} to {most}"))),
        None => Ok(()),
    }
}
