//! The telephone numbers of a cell.

use crate::phone::{PhoneError, PhoneKind, PhoneNumber};
use crate::wire::ImportedRow;

/// Most numbers of a parcel that are kept beside the one to ring.
pub const MOST_MORE: usize = 2;

/// A cell that says that there is no number.
pub(super) fn is_none(cell: &str) -> bool {
    cell.chars().all(|c| !c.is_alphanumeric() && c != '*')
        || matches!(cell, "无" | "没有" | "null" | "NULL" | "N/A" | "n/a")
}

/// The numbers of a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CellPhones {
    /// The one to ring; `None` where the cell says that there is none.
    pub phone: Option<PhoneNumber>,
    /// That number as it was written.
    pub text: String,
    /// Further ones, at most [`MOST_MORE`], none twice.
    pub more: Vec<PhoneNumber>,
}

/// Reads a cell with telephone numbers: one or several, with remarks, extensions and what spreadsheets put around them. A
/// mobile is rung before a fixed line.
///
/// # Errors
/// What is wrong with the number, where none of the cell can be rung.
pub fn cell_phones(cell: &str) -> Result<CellPhones, PhoneError> {
    if is_none(cell) {
        return Ok(CellPhones::default());
    }
    let one =
        |phone, text: &str| Ok(CellPhones { phone: Some(phone), text: text.to_owned(), more: Vec::new() });
    let error = match PhoneNumber::parse(cell) {
        Ok(phone) => return one(phone, cell),
        Err(error) => error,
    };
    let cleaned = cleaned(cell);
    if let Ok(phone) = PhoneNumber::parse(&cleaned) {
        return one(phone, &cleaned);
    }
    let mut good: Vec<(PhoneNumber, &str)> = Vec::new();
    for separators in [&['/', '、', ';', '；', '|', '\n'][..], &[',', '，', ' ', '/', '、', ';']] {
        let pieces = cleaned.split(separators).map(str::trim).filter(|p| !p.is_empty());
        good = pieces.filter_map(|p| PhoneNumber::parse(p).ok().map(|phone| (phone, p))).collect();
        if !good.is_empty() {
            break;
        }
    }
    good.sort_by_key(|(phone, _)| phone.kind() != PhoneKind::Mobile);
    let mut good = good.into_iter();
    let Some((phone, text)) = good.next() else { return Err(error) };
    let more = further(&phone, good.map(|(other, _)| other));
    Ok(CellPhones { phone: Some(phone), text: text.to_owned(), more })
}

/// Those of some numbers that are kept beside the one to ring.
fn further(phone: &PhoneNumber, others: impl Iterator<Item = PhoneNumber>) -> Vec<PhoneNumber> {
    let mut more: Vec<PhoneNumber> = Vec::new();
    for other in others {
        if more.len() < MOST_MORE && other != *phone && !more.contains(&other) {
            more.push(other);
        }
    }
    more
}

impl ImportedRow {
    /// The number to ring and those kept beside it. Of a row that is withdrawn no number counts.
    ///
    /// # Errors
    /// What is wrong with the number to ring; a further one that cannot be read is left out.
    pub fn phones(&self) -> Result<(Option<PhoneNumber>, Vec<PhoneNumber>), PhoneError> {
        if self.withdrawn == Some(true) {
            return Ok((None, Vec::new()));
        }
        let cell = cell_phones(self.phone.trim())?;
        let beside = self.more_phones.iter().filter_map(|text| PhoneNumber::parse(text).ok());
        let mut all = cell.phone.into_iter().chain(cell.more).chain(beside);
        let Some(phone) = all.next() else { return Ok((None, Vec::new())) };
        let more = further(&phone, all);
        Ok((Some(phone), more))
    }
}

/// A cell without what people and programs write around numbers: `="138…"` of spreadsheets, a leading `#`, remarks in brackets
/// that hold no digit (家, 妈妈), the brackets of an extension, and the colon behind its word.
fn cleaned(cell: &str) -> String {
    let cell = cell.strip_prefix("=\"").and_then(|c| c.strip_suffix('"')).unwrap_or(cell);
    let cell = cell.trim().trim_start_matches(['#', '＃']);
    let mut out = String::with_capacity(cell.len());
    let mut rest = cell;
    while let Some(open) = rest.find(['(', '（', '[', '【']) {
        let (before, from) = rest.split_at(open);
        let Some(close) = from.find([')', '）', ']', '】']) else { break };
        let inner = from.get(from.chars().next().map_or(0, char::len_utf8)..close).unwrap_or_default();
        let after = from.get(close..).and_then(|f| f.chars().next()).map_or(close, |c| close + c.len_utf8());
        out.push_str(before);
        let word = inner.trim().to_lowercase();
        if !inner.chars().any(char::is_numeric) {
            out.push(' ');
        } else if ["分机", "转", "ext"].iter().any(|w| word.starts_with(w)) {
            out.push_str(inner);
        } else {
            out.push_str(from.get(..after).unwrap_or_default());
        }
        rest = from.get(after..).unwrap_or_default();
    }
    out.push_str(rest);
    for (written, plain) in
        [("分机号", "分机"), ("分机：", "分机"), ("分机:", "分机"), ("转：", "转"), ("转:", "转")]
    {
        out = out.replace(written, plain);
    }
    out.trim().to_owned()
}
