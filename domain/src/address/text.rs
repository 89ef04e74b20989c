//! An address as characters: width, case, numerals, brackets and remarks.

use crate::search::{half_width, numeral};

/// Words after which nothing names the place any more.
const REMARKS: &[&str] = &[
    "周末",
    "工作日",
    "放快递",
    "放门",
    "放在",
    "放驿站",
    "快递柜",
    "菜鸟",
    "丰巢",
    "驿站",
    "电联",
    "联系",
    "代收",
    "门卫",
    "勿送",
    "请送",
    "请放",
    "送货",
    "上门",
    "到付",
    "签收",
    "来电",
    "打电话",
    "自提",
    "不要放",
    "别放",
];

/// Words that say where beside the place, and are no part of its name.
const BESIDE: &[&str] = &[
    "附近",
    "对面",
    "斜对面",
    "旁边",
    "隔壁",
    "门口",
    "后边",
    "后面",
    "前面",
    "里面",
    "院内",
    "楼下",
    "路口",
    "东门",
    "西门",
    "南门",
    "北门",
    "正门",
    "大门",
    "门面",
    "门市",
    "商铺",
    "底商",
    "旁",
    "内",
];

pub(super) fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

/// Part of a number or of a letter that counts buildings.
pub(super) fn is_count(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_numeral(c) || "甲乙丙丁戊".contains(c)
}

pub(super) fn is_numeral(c: char) -> bool {
    numeral(c).is_some() || c == '廿'
}

/// Half width, upper case, one kind of dash.
pub(super) fn even(text: &str) -> String {
    text.chars()
        .map(half_width)
        .map(|c| match c {
            '—' | '–' | '－' | '―' | '~' | '_' | '…' => '-',
            '\u{3000}' | '\t' | '\r' | '\n' => ' ',
            '＃' | '♯' => '#',
            'Ⅰ'..='Ⅸ' => char::from_digit(u32::from(c) - u32::from('Ⅰ') + 1, 10).unwrap_or(c),
            c => c.to_ascii_uppercase(),
        })
        .collect()
}

/// A number as digits: `十六` is 16, `三〇一` is 301, `09` is 9. What is no number stays.
pub(super) fn digits(text: &str) -> String {
    if !text.is_empty() && text.chars().all(is_numeral) {
        return from_numerals(text);
    }
    let mut out = String::new();
    let mut run = String::new();
    for c in text.chars().chain(['\0']) {
        if is_numeral(c) {
            run.push(c);
            continue;
        }
        if !run.is_empty() {
            out.push_str(&from_numerals(&run));
            run.clear();
        }
        if c != '\0' {
            out.push(c);
        }
    }
    let bare = out.trim_start_matches('0');
    if bare.starts_with(|c: char| c.is_ascii_alphanumeric()) { bare.to_owned() } else { out }
}

fn from_numerals(text: &str) -> String {
    if !text.contains(['十', '百', '廿']) {
        let plain: String = text.chars().filter_map(numeral).map(|n| n.to_string()).collect();
        let bare = plain.trim_start_matches('0');
        return if bare.is_empty() { plain } else { bare.to_owned() };
    }
    let (mut sum, mut last) = (0u32, 0u32);
    for c in text.chars() {
        match c {
            '十' => {
                sum += last.max(1) * 10;
                last = 0;
            }
            '百' => {
                sum += last.max(1) * 100;
                last = 0;
            }
            '廿' => sum += 20,
            c => last = numeral(c).unwrap_or(last),
        }
    }
    (sum + last).to_string()
}

/// What stands before, in and after the brackets 【】, each without remarks; all of it before where there are none.
pub(super) fn bracketed(text: &str) -> (String, Option<String>) {
    if let (Some(open), Some(close)) = (text.find('【'), text.find('】'))
        && open < close
    {
        let inside = text.get(open + '【'.len_utf8()..close).unwrap_or_default();
        return (plain(&text[..open]), Some(plain(inside)));
    }
    (plain(text), None)
}

/// Without brackets that hold remarks, without what follows a remark, and without spaces.
fn plain(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let c = chars[at];
        if "([〔{<《".contains(c) {
            let end =
                chars[at..].iter().position(|c| ")]〕}>》".contains(*c)).map_or(chars.len(), |n| at + n);
            let inside: String = chars[at + 1..end].iter().collect();
            // 泰东河路294号(美好家园)五幢: a name between a number and a building
            let after = chars.get(end + 1).copied().unwrap_or(' ');
            let name = inside.chars().all(is_han) && !inside.ends_with(['门', '旁', '近', '面', '侧', '边']);
            if !out.is_empty() && is_count(after) && name || is_zone(&inside) {
                out.push_str(&inside);
            }
            at = end + 1;
            continue;
        }
        out.push(c);
        at += 1;
    }
    if let Some(cut) = REMARKS.iter().filter_map(|w| out.find(w)).filter(|at| *at > 0).min() {
        // from the last break before the remark, or from the word itself
        let from = out[..cut].rfind([' ', ',', ';', '。']).filter(|b| *b > 0 && cut - *b < 30).unwrap_or(cut);
        out.truncate(from);
    }
    // a space between letters or digits keeps two words apart: ONLINE 3栋
    let chars: Vec<char> = out.chars().filter(|c| !",;、。·'\"“”:!*".contains(*c)).collect();
    let apart = |n: usize| {
        let side = |n: Option<&char>| n.is_some_and(char::is_ascii_alphanumeric);
        n > 0 && side(chars.get(n - 1)) && side(chars.get(n + 1))
    };
    let kept = chars.iter().enumerate().filter(|(n, c)| **c != ' ' || apart(*n));
    without_beside(kept.map(|(_, c)| *c).collect())
}

/// `三期`, `2区`, `东区` alone.
fn is_zone(text: &str) -> bool {
    let stem = text.strip_suffix(['期', '区']).unwrap_or_default();
    (1..=2).contains(&stem.chars().count()) && stem.chars().all(|c| is_count(c) || "东西南北中".contains(c))
}

/// Without words at the end that say where beside the place.
pub(super) fn without_beside(mut out: String) -> String {
    while let Some(cut) = BESIDE.iter().find_map(|w| out.strip_suffix(w)).filter(|s| s.chars().count() >= 2) {
        out = cut.to_owned();
    }
    out
}
