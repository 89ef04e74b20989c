//! A label's text as marks.

use super::{Line, Party};
use crate::search::half_width;

/// One thing of a text.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Mark {
    /// A digit, and what is lost if it had to be assumed.
    Digit { digit: u8, doubt: u8 },
    /// A hidden digit.
    Star,
    /// `+`.
    Plus,
    /// Something that may stand between the groups of a number.
    Gap(Gap),
    /// What leads an extension.
    Extension,
    /// A letter right beside a digit, as in a waybill number.
    Glue,
    /// Words that say whose number comes.
    Party(Party),
    /// Words that say that a number comes (电话, Tel).
    Telephone,
    /// Words that say that the number is another kind's (运单号, 邮编).
    Code,
    /// What was said last does not count.
    Taken,
    /// Anything else.
    Other,
    /// A line begins here, read with this score in hundredths.
    Line { number: usize, score: u8 },
}

/// See [`Mark::Gap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gap {
    Space,
    Hyphen,
    Bracket,
    Line,
}

/// Words and what they mean; the longer ones first.
const WORDS: &[(&str, Mark)] = &[
    ("转分机", Mark::Extension),
    ("分机号", Mark::Extension),
    ("分机", Mark::Extension),
    ("extension", Mark::Extension),
    ("ext.", Mark::Extension),
    ("ext", Mark::Extension),
    ("转", Mark::Extension),
    ("轉", Mark::Extension),
    ("#", Mark::Extension),
    ("收件人", Mark::Party(Party::Recipient)),
    ("收货人", Mark::Party(Party::Recipient)),
    ("收方", Mark::Party(Party::Recipient)),
    ("recipient", Mark::Party(Party::Recipient)),
    ("receiver", Mark::Party(Party::Recipient)),
    ("收", Mark::Party(Party::Recipient)),
    ("寄件人", Mark::Party(Party::Sender)),
    ("发件人", Mark::Party(Party::Sender)),
    ("发货人", Mark::Party(Party::Sender)),
    ("寄方", Mark::Party(Party::Sender)),
    ("sender", Mark::Party(Party::Sender)),
    ("寄", Mark::Party(Party::Sender)),
    ("客服", Mark::Party(Party::Company)),
    ("热线", Mark::Party(Party::Company)),
    ("投诉", Mark::Party(Party::Company)),
    ("联系电话", Mark::Telephone),
    ("电话", Mark::Telephone),
    ("電話", Mark::Telephone),
    ("手机", Mark::Telephone),
    ("手機", Mark::Telephone),
    ("telephone", Mark::Telephone),
    ("mobile", Mark::Telephone),
    ("phone", Mark::Telephone),
    ("mob", Mark::Telephone),
    ("tel", Mark::Telephone),
    ("运单", Mark::Code),
    ("運單", Mark::Code),
    ("单号", Mark::Code),
    ("订单", Mark::Code),
    ("编号", Mark::Code),
    ("邮编", Mark::Code),
    ("取件码", Mark::Code),
    ("身份证", Mark::Code),
    ("waybill", Mark::Code),
    ("tracking", Mark::Code),
    ("order", Mark::Code),
];

/// Lost by a letter that looks like a digit.
const LOOKS: u8 = 12;

/// The digit that OCR may have meant by a letter.
fn looks_like(c: char) -> Option<u8> {
    Some(match c {
        'O' | 'o' | 'Q' | 'D' | '〇' | '○' => 0,
        'l' | 'I' | 'i' | '|' | '!' | '丨' => 1,
        'Z' | 'z' => 2,
        'S' | 's' => 5,
        'b' | 'G' => 6,
        'T' => 7,
        'B' => 8,
        'g' | 'q' => 9,
        _ => return None,
    })
}

fn star(c: char) -> bool {
    matches!(c, '*' | '×' | '✱' | '∗' | '﹡' | '●' | '•' | 'x' | 'X')
}

/// So many lines of a label are read: more are no label.
const MOST_LINES: usize = 200;
/// So many characters of a line.
const MOST_CHARS: usize = 2_000;

/// The marks of a label: of its first 200 lines, and of the first 2,000 characters of each. The work grows with the square of
/// a line's length.
pub(super) fn marks(lines: &[Line<'_>]) -> Vec<Mark> {
    let mut out = Vec::new();
    for (number, line) in lines.iter().enumerate().take(MOST_LINES) {
        let score = line.score.filter(|s| s.is_finite()).map_or(99.0, |s| (s * 100.0).clamp(0.0, 99.0));
        out.push(Mark::Line { number, score: score as u8 });
        for (at, text) in line.text.split(['\n', '\r']).enumerate().take(MOST_LINES) {
            if at > 0 {
                out.push(Mark::Gap(Gap::Line));
            }
            one(text, &mut out);
        }
        out.push(Mark::Gap(Gap::Line));
    }
    out
}

fn one(text: &str, out: &mut Vec<Mark>) {
    let chars: Vec<char> = text.chars().take(MOST_CHARS).map(half_width).collect();
    let lower: Vec<char> = chars.iter().map(|c| c.to_ascii_lowercase()).collect();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if let Some(digit) = c.to_digit(10).and_then(|d| u8::try_from(d).ok()) {
            out.push(Mark::Digit { digit, doubt: 0 });
            at += 1;
            continue;
        }
        // letters beside a number first: the l of `l380…` begins no word
        if let Some(run) = letters(&chars[at..], at.checked_sub(1).and_then(|b| chars.get(b)).copied(), out) {
            at += run;
            continue;
        }
        let word = WORDS.iter().find(|(word, _)| {
            let mut length = 0;
            word.chars().enumerate().all(|(i, w)| {
                length = i + 1;
                lower.get(at + i) == Some(&w)
            }) && (!word.is_ascii() || whole(&lower, at, length))
        });
        if let Some((word, mark)) = word {
            out.push(mark.clone());
            at += word.chars().count();
            continue;
        }
        if c == ':' && matches!(out.last(), Some(Mark::Extension)) {
            at += 1;
            continue;
        }
        out.push(match c {
            '+' => Mark::Plus,
            ' ' | '\u{a0}' | '.' | '·' | '・' => Mark::Gap(Gap::Space),
            '-' | '‐'..='―' | '−' | '~' => Mark::Gap(Gap::Hyphen),
            '(' | ')' => Mark::Gap(Gap::Bracket),
            c if c.is_ascii_alphabetic() && beside_digit(&chars, at) => Mark::Glue,
            _ => Mark::Other,
        });
        at += 1;
    }
}

/// A Latin word is a word where no letter goes on; `#` always is.
fn whole(lower: &[char], at: usize, length: usize) -> bool {
    let letter = |c: Option<&char>| c.is_some_and(char::is_ascii_alphabetic);
    !lower[at].is_ascii_alphabetic()
        || !letter(at.checked_sub(1).and_then(|b| lower.get(b))) && !letter(lower.get(at + length))
}

/// Part of a run of letters that touches a digit.
fn beside_digit(chars: &[char], at: usize) -> bool {
    let after = chars[at..].iter().find(|c| !c.is_ascii_alphabetic());
    let before = chars[..at].iter().rev().find(|c| !c.is_ascii_alphabetic());
    [after, before].into_iter().flatten().any(char::is_ascii_digit)
}

/// A few letters that stand for digits: between digits, or before or after a good run of them. Says how many there
/// are.
fn letters(rest: &[char], before: Option<char>, out: &mut Vec<Mark>) -> Option<usize> {
    let digit_before =
        before.is_some_and(|c| c.is_ascii_digit()) || matches!(out.last(), Some(Mark::Digit { .. }));
    let run = rest.iter().take_while(|c| looks_like(**c).is_some() && !c.is_ascii_digit()).count();
    let stars = rest.iter().take_while(|c| star(**c)).count();
    if stars >= 2 && (digit_before || matches!(out.last(), Some(Mark::Gap(_)))) {
        out.extend(std::iter::repeat_n(Mark::Star, stars));
        return Some(stars);
    }
    // a row of zeros is often read as letters whole
    let most = if rest[..run].iter().all(|c| looks_like(*c) == Some(0)) { 5 } else { 2 };
    if !(1..=most).contains(&run) || before.is_some_and(|c| c.is_ascii_alphabetic()) {
        return None;
    }
    let following = rest[run..].iter().take_while(|c| c.is_ascii_digit()).count();
    let preceding = out.iter().rev().take_while(|m| matches!(m, Mark::Digit { .. })).count();
    let letter_after = rest.get(run).is_some_and(char::is_ascii_alphabetic);
    let enough = match (preceding, following) {
        // the first digit of a mobile, or of an area code
        (0, after) => match looks_like(rest[0]) {
            Some(1) => run == 1 && after >= 6 && rest.get(run).is_some_and(|c| ('3'..='9').contains(c)),
            Some(0) => run == 1 && after >= 2 && matches!(rest.get(run + after), Some('-' | ')' | ' ')),
            _ => false,
        },
        (before, 0) => before >= 6,
        (before, after) => before + after >= 4.max(run + 2),
    };
    if letter_after || !enough {
        return None;
    }
    for c in &rest[..run] {
        let digit = looks_like(*c)?;
        out.push(Mark::Digit { digit, doubt: LOOKS });
    }
    Some(run)
}
