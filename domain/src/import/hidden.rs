//! Rows of a workbook that a filter or a person hides. The reader of cells does not tell them, so their marks are looked for in
//! the sheet's own part. A part that is not as expected hides nothing.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Cursor, Read};

/// Longest tag that is looked at.
const TAG: u64 = 64 << 10;

/// Numbers of the hidden rows of a sheet, from 1. `sheet` is its place in the workbook, from 0.
pub(super) fn rows(workbook: &[u8], sheet: usize) -> BTreeSet<u32> {
    let Ok(mut archive) = zip::ZipArchive::new(Cursor::new(workbook)) else { return BTreeSet::new() };
    let Some(part) = part(&mut archive, sheet) else { return BTreeSet::new() };
    let Ok(part) = archive.by_name(&part) else { return BTreeSet::new() };
    let mut hidden = BTreeSet::new();
    let mut last = 0;
    tags(part, |tag| {
        if name(tag) == "row" {
            // a row without a number follows the one before
            last = attribute(tag, "r").and_then(|r| r.parse().ok()).unwrap_or(last + 1_u32);
            if matches!(attribute(tag, "hidden"), Some("1" | "true")) {
                hidden.insert(last);
            }
        }
    });
    hidden
}

/// The name of a sheet's part.
fn part(archive: &mut zip::ZipArchive<Cursor<&[u8]>>, sheet: usize) -> Option<String> {
    let mut ids = Vec::new();
    tags(archive.by_name("xl/workbook.xml").ok()?, |tag| {
        if name(tag) == "sheet" {
            ids.push(attribute(tag, "id").unwrap_or_default().to_owned());
        }
    });
    let id = ids.get(sheet)?;
    let mut target = None;
    tags(archive.by_name("xl/_rels/workbook.xml.rels").ok()?, |tag| {
        if name(tag) == "Relationship" && attribute(tag, "Id") == Some(id) {
            target = attribute(tag, "Target").map(str::to_owned);
        }
    });
    let target = target?;
    Some(match target.strip_prefix('/') {
        Some(whole) => whole.to_owned(),
        None => format!("xl/{target}"),
    })
}

/// Each tag of a part, without its brackets.
fn tags(part: impl Read, mut seen: impl FnMut(&str)) {
    let mut text = BufReader::new(part);
    let mut tag = Vec::new();
    loop {
        if !matches!(text.skip_until(b'<'), Ok(1..)) {
            return;
        }
        tag.clear();
        match text.by_ref().take(TAG).read_until(b'>', &mut tag) {
            Ok(1..) => seen(std::str::from_utf8(&tag).unwrap_or_default().trim_end_matches(['>', '/'])),
            _ => return,
        }
    }
}

/// A tag's name without its prefix.
fn name(tag: &str) -> &str {
    let name = tag.split_ascii_whitespace().next().unwrap_or_default();
    name.rsplit(':').next().unwrap_or_default()
}

/// An attribute by its name without prefix.
fn attribute<'a>(tag: &'a str, wanted: &str) -> Option<&'a str> {
    let mut rest = tag.split_once(|c: char| c.is_ascii_whitespace())?.1;
    while let Some((key, after)) = rest.split_once('=') {
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (value, next) = after.get(1..)?.split_once(quote)?;
        if key.trim().rsplit(':').next() == Some(wanted) {
            return Some(value);
        }
        rest = next;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_and_names() {
        let tag = "x:row r=\"12\" spans='1:4'  ht=\"0\" hidden = \"1\" x:id=\"a=b\"";
        assert_eq!(
            (name(tag), attribute(tag, "r"), attribute(tag, "hidden")),
            ("row", Some("12"), Some("1"))
        );
        assert_eq!(
            (attribute(tag, "id"), attribute(tag, "t"), attribute("row", "r")),
            (Some("a=b"), None, None)
        );
        assert_eq!(attribute("row r=12", "r"), None);
        assert!(rows(b"PK\x03\x04no", 0).is_empty());
    }
}
