//! What was said, as marks.
//!
//! A recogniser writes digits as characters (`幺三八`), as figures (`138`), or by sound alone (`要三吧`). People group
//! (`三个零`), hesitate, and take back what they said (`不对`).

use super::label::{Gap, Mark};
use crate::search::half_width;

/// Lost by a word that only sounds like a digit.
const SOUNDS: u8 = 6;

/// The digit that a character says.
fn says(c: char) -> Option<u8> {
    Some(match c {
        '0'..='9' => u8::try_from(u32::from(c) - u32::from('0')).ok()?,
        '零' | '〇' | '洞' | '○' => 0,
        '一' | '幺' | '壹' | '妖' => 1,
        '二' | '两' | '贰' | '兩' => 2,
        '三' | '叁' => 3,
        '四' | '肆' => 4,
        '五' | '伍' => 5,
        '六' | '陆' => 6,
        '七' | '柒' | '拐' => 7,
        '八' | '捌' => 8,
        '九' | '玖' | '勾' => 9,
        _ => return None,
    })
}

/// The digit that a character sounds like, beside other digits.
fn sounds_like(c: char) -> Option<u8> {
    Some(match c {
        '林' | '铃' | '领' | '另' | '令' => 0,
        '要' | '腰' | '药' | '邀' | '耀' | '依' | '医' | '衣' => 1,
        '而' | '儿' | '尔' | '耳' => 2,
        '山' | '散' | '伞' => 3,
        '似' | '死' | '寺' => 4,
        '武' | '舞' | '午' | '无' => 5,
        '流' | '留' | '刘' | '柳' => 6,
        '期' | '其' | '起' | '气' | '妻' => 7,
        '吧' | '把' | '爸' | '巴' => 8,
        '就' | '久' | '酒' | '旧' => 9,
        _ => return None,
    })
}

/// What people say between digits without meaning anything.
fn filler(c: char) -> bool {
    matches!(
        c,
        ' ' | ','
            | '、'
            | '。'
            | '.'
            | '-'
            | '呃'
            | '嗯'
            | '啊'
            | '哦'
            | '那'
            | '个'
            | '然'
            | '后'
            | '额'
            | '…'
            | '?'
            | '!'
    )
}

/// What takes back what was said.
const TAKEN: &[&str] =
    &["不对", "不是", "错了", "说错", "重说", "重新说", "更正", "搞错", "no wait", "sorry"];

/// Words before an extension.
const EXTENSION: &[&str] = &["转分机", "分机号", "分机", "转", "轉"];

pub(super) fn marks(text: &str) -> Vec<Mark> {
    let chars: Vec<char> = text.chars().map(half_width).collect();
    let starts = |at: usize, word: &str| word.chars().enumerate().all(|(i, w)| chars.get(at + i) == Some(&w));
    let mut out = vec![Mark::Line { number: 0, score: 99 }];
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        if let Some(word) = TAKEN.iter().find(|word| starts(at, word)) {
            out.push(Mark::Taken);
            at += word.chars().count();
            continue;
        }
        if let Some((digit, count, length)) = repeated(&chars[at..]) {
            out.extend(std::iter::repeat_n(Mark::Digit { digit, doubt: 0 }, count));
            at += length;
            continue;
        }
        if let Some(word) = EXTENSION.iter().find(|word| starts(at, word)) {
            out.push(Mark::Extension);
            at += word.chars().count();
            continue;
        }
        if let Some(digit) = says(c) {
            out.push(Mark::Digit { digit, doubt: 0 });
        } else if let Some(digit) = sounds_like(c).filter(|_| between(&chars, at)) {
            out.push(Mark::Digit { digit, doubt: SOUNDS });
        } else if filler(c) {
            out.push(Mark::Gap(Gap::Space));
        } else {
            out.push(Mark::Other);
        }
        at += 1;
    }
    out.push(Mark::Gap(Gap::Line));
    out
}

/// `三个零`, `四个8`: the digit, how often, and how many characters say so.
fn repeated(rest: &[char]) -> Option<(u8, usize, usize)> {
    let [count, '个', digit, ..] = rest else { return None };
    let count = says(*count).filter(|n| (2..=8).contains(n))?;
    Some((says(*digit)?, usize::from(count), 3))
}

/// Digits on both sides, two of them in all three or more: no single word between other words.
fn between(chars: &[char], at: usize) -> bool {
    let heard = |c: &char| says(*c).is_some() || sounds_like(*c).is_some();
    let before = chars[..at].iter().rev().filter(|c| !filler(**c)).take_while(|c| heard(c));
    let after = chars[at + 1..].iter().filter(|c| !filler(**c)).take_while(|c| heard(c));
    let sure = |c: &&char| says(**c).is_some();
    let (before, after): (Vec<_>, Vec<_>) = (before.take(6).collect(), after.take(6).collect());
    let plain = before.iter().filter(|c| sure(c)).count() + after.iter().filter(|c| sure(c)).count();
    plain >= 3 && before.len() + after.len() >= 5
}
