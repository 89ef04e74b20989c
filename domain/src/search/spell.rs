//! Pinyin: every reading of a character, without tones, `ü` as `v`.

use pinyin::ToPinyinMulti;
use std::borrow::Cow;
use std::sync::OnceLock;

/// The block of common characters; nearly every character of an address is in it.
const COMMON: std::ops::RangeInclusive<u32> = 0x4e00..=0x9fff;

/// The readings of a character; those of common ones are looked up once in a process.
pub(crate) fn known(c: char) -> Cow<'static, [&'static str]> {
    static TABLE: OnceLock<Vec<OnceLock<Box<[&'static str]>>>> = OnceLock::new();
    let at = u32::from(c);
    if !COMMON.contains(&at) {
        return Cow::Owned(readings(c));
    }
    let table = TABLE.get_or_init(|| COMMON.map(|_| OnceLock::new()).collect());
    let cell = &table[(at - COMMON.start()) as usize];
    Cow::Borrowed(cell.get_or_init(|| readings(c).into()))
}

/// The readings of a character, each once; empty for what has none.
pub(super) fn readings(c: char) -> Vec<&'static str> {
    let Some(all) = c.to_pinyin_multi() else { return extra(c).to_vec() };
    let mut out: Vec<&'static str> = Vec::new();
    for reading in all {
        let plain = without_umlaut(reading.plain());
        if !plain.is_empty() && plain.is_ascii() && !out.contains(&plain) {
            out.push(plain);
        }
    }
    for reading in extra(c) {
        if !out.contains(reading) {
            out.push(reading);
        }
    }
    out
}

/// Readings in place names that the table of readings lacks.
fn extra(c: char) -> &'static [&'static str] {
    match c {
        '涌' => &["chong"],
        '堡' => &["bao", "pu", "bu"],
        '圩' => &["wei", "xu"],
        '埔' => &["pu", "bu"],
        '〇' => &["ling"],
        _ => &[],
    }
}

fn without_umlaut(plain: &'static str) -> &'static str {
    match plain {
        "lü" => "lv",
        "nü" => "nv",
        "lüe" => "lve",
        "nüe" => "nve",
        "lüan" => "lvan",
        "ê" => "e",
        other => other,
    }
}

/// True if `query` spells the characters from the start of `han` on, in full; the last syllable may be unfinished.
pub(super) fn spells(query: &str, han: &[char]) -> bool {
    let Some((first, rest)) = han.split_first() else { return false };
    known(*first).iter().any(|reading| {
        reading.starts_with(query)
            || query.strip_prefix(*reading).is_some_and(|left| left.is_empty() || spells(left, rest))
    })
}

/// True if each letter of `query` is the first letter of a reading of the character at its place.
pub(super) fn initials(query: &str, han: &[char]) -> bool {
    query.len() <= han.len()
        && query.bytes().zip(han).all(|(letter, c)| known(*c).iter().any(|r| r.as_bytes()[0] == letter))
}
