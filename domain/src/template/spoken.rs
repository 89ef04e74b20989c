//! Numbers as words.

use super::{TemplateError, VariableKind};
use crate::clock::{HOUR, MINUTE};
use crate::dial::policy::TimeOfDay;
use crate::lang::Lang;

/// A value as it is spoken.
pub(super) fn spoken(
    lang: Lang,
    name: &str,
    kind: VariableKind,
    value: &str,
) -> Result<String, TemplateError> {
    let wrong = |expected| TemplateError::Value { name: name.to_owned(), expected };
    let value = value.trim();
    match kind {
        VariableKind::Text if value.chars().any(char::is_control) => Err(wrong("plain text")),
        VariableKind::Text => Ok(value.to_owned()),
        VariableKind::Count => Ok(count_words(lang, value.parse().map_err(|_| wrong("whole number"))?)),
        VariableKind::Time => {
            let time: TimeOfDay = value.parse().map_err(|_| wrong("time of day (HH:MM)"))?;
            Ok(time_words(lang, (time.ms() / HOUR) as u32, (time.ms() % HOUR / MINUTE) as u32))
        }
        VariableKind::Code => {
            let plain = !value.is_empty() && value.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
            if plain { Ok(digit_words(lang, value)) } else { Err(wrong("code of digits and letters")) }
        }
    }
}

const ZH: [&str; 10] = ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"];
const EN: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const TENS: [&str; 10] =
    ["", "", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"];

/// A number of things as words: `2` is `两` (as in 两件) or `two`. From 10,000 on as digits.
#[must_use]
pub fn count_words(lang: Lang, n: u32) -> String {
    match (lang, n) {
        (_, 10_000..) => n.to_string(),
        (Lang::Zh, 2) => "两".to_owned(),
        (Lang::Zh, _) => number_zh(n),
        (Lang::En, _) => number_en(n),
    }
}

fn number_zh(n: u32) -> String {
    if n < 10 {
        return ZH[n as usize].to_owned();
    }
    let mut out = String::new();
    let mut gap = false;
    for (unit, word) in [(1_000, "千"), (100, "百"), (10, "十"), (1, "")] {
        let digit = n / unit % 10;
        if digit == 0 {
            gap = true;
            continue;
        }
        if gap && !out.is_empty() {
            out += "零";
        }
        gap = false;
        match (digit, unit, out.is_empty()) {
            // 十二, but 一百一十二.
            (1, 10, true) => {}
            // 两千, 两百, but 二十.
            (2, 100 | 1_000, _) => out += "两",
            _ => out += ZH[digit as usize],
        }
        out += word;
    }
    out
}

fn number_en(n: u32) -> String {
    match n {
        0..=19 => EN[n as usize].to_owned(),
        20..=99 => {
            let tens = TENS[(n / 10) as usize];
            if n.is_multiple_of(10) { tens.to_owned() } else { format!("{tens}-{}", EN[(n % 10) as usize]) }
        }
        100..=999 => rest_en(n / 100, "hundred", n % 100),
        _ => rest_en(n / 1_000, "thousand", n % 1_000),
    }
}

fn rest_en(head: u32, unit: &str, rest: u32) -> String {
    let head = number_en(head);
    match rest {
        0 => format!("{head} {unit}"),
        1..=99 => format!("{head} {unit} and {}", number_en(rest)),
        _ => format!("{head} {unit} {}", number_en(rest)),
    }
}

/// A time of day as it is said, `hour` 0 to 23: 十四点半, fourteen thirty.
#[must_use]
pub fn time_words(lang: Lang, hour: u32, minute: u32) -> String {
    match (lang, minute) {
        (Lang::Zh, 0) => format!("{}点", hour_zh(hour)),
        (Lang::Zh, 30) => format!("{}点半", hour_zh(hour)),
        (Lang::Zh, 1..=9) => format!("{}点零{}分", hour_zh(hour), number_zh(minute)),
        (Lang::Zh, _) => format!("{}点{}分", hour_zh(hour), number_zh(minute)),
        (Lang::En, 0) => format!("{} o'clock", number_en(hour)),
        (Lang::En, 1..=9) => format!("{} oh {}", number_en(hour), number_en(minute)),
        (Lang::En, _) => format!("{} {}", number_en(hour), number_en(minute)),
    }
}

/// 两点, but 十二点 and 二十二点.
fn hour_zh(hour: u32) -> String {
    count_words(Lang::Zh, hour)
}

/// A code read one by one: `1` is `幺` in Chinese, as on the telephone. Letters stay, parted by spaces.
#[must_use]
pub fn digit_words(lang: Lang, code: &str) -> String {
    let words: Vec<String> = code
        .chars()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(|c| match (lang, c.to_digit(10)) {
            (Lang::Zh, Some(1)) => "幺".to_owned(),
            (Lang::Zh, Some(d)) => ZH[d as usize].to_owned(),
            (Lang::En, Some(d)) => EN[d as usize].to_owned(),
            (_, None) => c.to_ascii_uppercase().to_string(),
        })
        .collect();
    words.join(lang.pick("", " "))
}
