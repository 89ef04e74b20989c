//! One form for what people write in several.

use super::cut::{self, Kind};

/// The half-width form of a full-width character, the ASCII space for the ideographic one; others stay.
#[must_use]
pub fn half_width(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        other => other,
    }
}

/// Half-width, lower case, Chinese numerals before a building word as digits: `Ｂ座十二号楼` becomes `b座12号楼`.
#[must_use]
pub fn normalise(text: &str) -> String {
    numerals(&fold(text))
}

/// The forms under which a text is found: as written, and with its numerals as digits where that differs; both
/// [`tight`].
pub(super) fn forms(text: &str) -> Vec<String> {
    let written = tight(fold(text));
    let digits = numerals(&written);
    if digits == written { vec![written] } else { vec![written, digits] }
}

/// What senders put between the words of an address or leave out: `幸福花园 3号楼-2 单元` is `幸福花园3号楼2单元`.
/// Between numbers it means something (`3-2-501`), and stays there, as it does between Latin words. A numeral in
/// characters may be a number.
pub(super) fn tight(text: String) -> String {
    let parts = |c: char| matches!(c, ' ' | '-' | '‐'..='―' | '−' | '·' | '•' | '・' | '_' | ',');
    if !text.contains(parts) {
        return text;
    }
    let name = |c: char| cut::kind(c) == Kind::Han && numeral(c).is_none();
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(parts) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let after = from.trim_start_matches(parts);
        let joined = match (out.chars().last(), after.chars().next()) {
            (Some(a), Some(b)) => {
                (name(a) && cut::kind(b) != Kind::Other) || (name(b) && cut::kind(a) != Kind::Other)
            }
            _ => false,
        };
        if !joined {
            out.push_str(&from[..from.len() - after.len()]);
        }
        rest = after;
    }
    out + rest
}

/// Half-width and lower case.
pub(super) fn fold(text: &str) -> String {
    text.chars().map(half_width).flat_map(char::to_lowercase).collect()
}

/// Words before which a Chinese numeral is a number.
const COUNTED: &[char] = &['栋', '幢', '号', '楼', '单', '室', '层', '期', '区', '座', '组', '弄'];

/// Value of a Chinese numeral, 10 and 100 for 十 and 百.
pub(crate) fn numeral(c: char) -> Option<u32> {
    Some(match c {
        '零' | '〇' => 0,
        '一' => 1,
        '二' | '两' => 2,
        '三' => 3,
        '四' => 4,
        '五' => 5,
        '六' => 6,
        '七' => 7,
        '八' => 8,
        '九' => 9,
        '十' => 10,
        '百' => 100,
        _ => return None,
    })
}

fn numerals(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let run = chars[at..].iter().take_while(|c| numeral(**c).is_some()).count();
        if run == 0 {
            out.push(chars[at]);
            at += 1;
            continue;
        }
        let digits: Vec<u32> = chars[at..at + run].iter().filter_map(|c| numeral(*c)).collect();
        let counted = chars.get(at + run).is_some_and(|c| COUNTED.contains(c));
        match if counted { value(&digits) } else { None } {
            Some(number) => out += &number,
            None => out.extend(&chars[at..at + run]),
        }
        at += run;
    }
    out
}

/// `一〇三` digit by digit, `十二`, `一百二十三` by value; `None` for what is neither.
fn value(digits: &[u32]) -> Option<String> {
    if digits.iter().all(|d| *d < 10) {
        return Some(digits.iter().filter_map(|d| char::from_digit(*d, 10)).collect());
    }
    let (mut total, mut pending) = (0, None);
    let mut unit_before = 1_000;
    for &digit in digits {
        match digit {
            10 | 100 => {
                if digit >= unit_before || pending == Some(0) {
                    return None;
                }
                total += pending.take().unwrap_or(1) * digit;
                unit_before = digit;
            }
            0 => {}
            digit if pending.is_none() => pending = Some(digit),
            _ => return None,
        }
    }
    // 一百二 is 120 in speech, but 一百零二 is 102: leave the first alone.
    if pending.is_some() && unit_before == 100 && !digits.contains(&0) {
        return None;
    }
    Some((total + pending.unwrap_or(0)).to_string())
}
