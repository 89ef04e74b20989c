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
    /// Something else stands there: a further number, or what was meant to be one.
    pub left_out: bool,
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
    let one = |phone, text: &str| {
        Ok(CellPhones { phone: Some(phone), text: text.to_owned(), ..CellPhones::default() })
    };
    let error = match PhoneNumber::parse(cell) {
        Ok(phone) => return one(phone, cell),
        Err(error) => error,
    };
    let cleaned = whole_exponent(cell).unwrap_or_else(|| cleaned(cell));
    if let Ok(phone) = PhoneNumber::parse(&cleaned) {
        return one(phone, &cleaned);
    }
    let mut good: Vec<(PhoneNumber, &str)> = Vec::new();
    let mut unread = false;
    for piece in pieces(&cleaned, &['/', '、', ';', '；', '|', '\n', ',', '，', '或', '和', '及', '与'])
    {
        match PhoneNumber::parse(piece) {
            Ok(phone) => good.push((phone, piece)),
            // a space is within a number (0571 8888 6666) or between two
            Err(_) => {
                for part in pieces(piece, &[' ', '　']) {
                    match PhoneNumber::parse(part) {
                        Ok(phone) => good.push((phone, part)),
                        Err(_) => unread |= part.chars().filter(char::is_ascii_digit).count() >= 5,
                    }
                }
            }
        }
    }
    good.sort_by_key(|(phone, _)| phone.kind() != PhoneKind::Mobile);
    let mut good = good.into_iter();
    let Some((phone, text)) = good.next() else { return Err(error) };
    let others: Vec<PhoneNumber> = good.map(|(other, _)| other).filter(|other| *other != phone).collect();
    let more = further(&phone, others.iter().cloned());
    let left_out = unread || others.iter().any(|other| !more.contains(other));
    Ok(CellPhones { phone: Some(phone), text: text.to_owned(), more, left_out })
}

/// The parts of a text, each without what says whose or which number it is: 座机:, 妈妈.
fn pieces<'a>(text: &'a str, separators: &'a [char]) -> impl Iterator<Item = &'a str> {
    let begins = |c: char| c.is_ascii_digit() || matches!(c, '+' | '(' | '（' | '*' | '０'..='９' | '＋');
    let from = move |part: &'a str| part.find(begins).map_or("", |at| &part[at..]);
    text.split(separators).map(from).map(str::trim).filter(|part| !part.is_empty())
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
    /// The number to ring and those kept beside it, if the row says which. Of a row that is withdrawn no number counts.
    ///
    /// # Errors
    /// What is wrong with the number to ring; a further one that cannot be read is left out.
    pub fn phones(&self) -> Result<(Option<PhoneNumber>, Option<Vec<PhoneNumber>>), PhoneError> {
        if self.withdrawn == Some(true) {
            return Ok((None, None));
        }
        let cell = cell_phones(self.phone.trim())?;
        let told = self.more_phones.is_some() || !cell.more.is_empty();
        let beside = self.more_phones.iter().flatten().filter_map(|text| PhoneNumber::parse(text).ok());
        let mut all = cell.phone.into_iter().chain(cell.more).chain(beside);
        let Some(phone) = all.next() else { return Ok((None, None)) };
        let more = told.then(|| further(&phone, all));
        Ok((Some(phone), more))
    }
}

/// The digits of a number that a spreadsheet wrote with an exponent and all of its digits: 1.3900010015E+10.
fn whole_exponent(cell: &str) -> Option<String> {
    let (mantissa, exponent) = cell.trim().split_once(['e', 'E'])?;
    let (first, rest) = mantissa.split_once('.')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let exponent: usize = exponent.strip_prefix('+').unwrap_or(exponent).parse().ok()?;
    (digits(first) && digits(rest) && rest.len() == exponent).then(|| format!("{first}{rest}"))
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
        } else if out.chars().any(char::is_numeric) && inner.chars().filter(|c| c.is_numeric()).count() >= 7 {
            // a number of its own: 13800001111(备用13800002222)
            out.push('/');
            out.push_str(inner);
            out.push('/');
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

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a cell, the one to ring first; with a `+` behind where something is left out.
    fn read(cell: &str) -> String {
        let found = cell_phones(cell).unwrap();
        let numbers: Vec<String> =
            found.phone.iter().chain(&found.more).map(|p| p.key().replace("+86", "")).collect();
        format!("{}{}", numbers.join(" "), if found.left_out { " +" } else { "" })
    }

    #[test]
    fn several_numbers_whatever_stands_between_them() {
        for (cell, numbers) in [
            ("13900080001, 13900080002、13900080003", "13900080001 13900080002 13900080003"),
            ("13900020008、13900020009，13900020010", "13900020008 13900020009 13900020010"),
            ("13900020014，座机02158880003", "13900020014 2158880003"),
            ("手机:13900020015 座机:021-58880005", "13900020015 2158880005"),
            ("021-58880005/13900020015", "13900020015 2158880005"),
            ("13900020016或13900020017", "13900020016 13900020017"),
            ("13900020027(备用13900020028)", "13900020027 13900020028"),
            ("13900020027（妈妈）13900020028（爸爸）", "13900020027 13900020028"),
            ("0571-88886661转8001;13900020016 转 12", "13900020016;ext=12 57188886661;ext=8001"),
            ("13900020016/13900020016", "13900020016"),
            ("1.3900010015E+10", "13900010015"),
            ("138 0000 1111", "13800001111"),
            // told, and not kept
            ("13900010018/139000", "13900010018 +"),
            ("13900080009,138****1234", "13900080009 +"),
            ("13900000001/13900000002/13900000003/13900000004", "13900000001 13900000002 13900000003 +"),
            ("无", ""),
        ] {
            assert_eq!(read(cell), numbers, "{cell}");
        }
        for cell in ["138****1234", "1.39E+10", "放门口", "13800001111.5"] {
            assert!(cell_phones(cell).is_err(), "{cell}");
        }
    }
}
