//! From what people write to a number.
//!
//! ```text
//!  text ─clean─> groups of digits and marks ─split─> number, extension ─strip prefixes─> shape ─> E.164
//! ```
//!
//! A hyphen or a space may group digits (`138-0000-1111`) or lead an extension (`010-88886666-801`). The reading that
//! uses all digits as the number is tried first, then the last groups are taken for an extension; `area-local-ext`
//! with a true area code is recognised before both, because `0571-8888666-1` would otherwise become an 8-digit line.

use super::{PhoneError, PhoneNumber, area_code, country};

/// Longest extension in digits.
const EXTENSION: std::ops::RangeInclusive<usize> = 1..=8;

/// Prefixes of carriers' cheap-call services that people store in front of a number.
const DIAL_PREFIXES: &[&str] = &[
    "17951", "17950", "17911", "17910", "17909", "17908", "17901", "17900", "17931", "17990", "17996",
    "12593", "12583", "10193", "11808", "12520", "10131", "96531",
];

/// Words after which an extension stands. The longer ones first.
const MARKS: &[&str] = &[
    "转分机",
    "分机号",
    "分机",
    "extension",
    ";ext=",
    "ext.",
    "ext",
    "转",
    "轉",
    "#",
    ",",
    ";",
    "x",
    "p",
    "w",
];

pub(super) fn parse(text: &str, area: Option<&str>) -> Result<PhoneNumber, PhoneError> {
    let clean = clean(text)?;
    let (body, marked) = split_mark(&clean)?;
    let groups: Vec<&str> =
        body.split(|c: char| !c.is_ascii_digit() && c != '+').filter(|g| !g.is_empty()).collect();
    if groups.is_empty() {
        return Err(PhoneError::Empty);
    }
    if let Some(bad) = groups.iter().skip(1).find(|g| g.contains('+')) {
        return Err(if bad.len() > 3 { PhoneError::Several } else { PhoneError::Character('+') });
    }
    if let Some(extension) = marked {
        if is_whole(extension) {
            return Err(PhoneError::Several);
        }
        if !EXTENSION.contains(&extension.len()) {
            return Err(PhoneError::Extension);
        }
        let e164 = number(&groups.concat(), area)?;
        return Ok(PhoneNumber::new(e164, Some(extension.to_owned())));
    }
    // 13800001111.0: a spreadsheet's number. With another fraction it has been computed with, and is nobody's.
    let groups = match groups.as_slice() {
        [whole, fraction] if body.trim_end().strip_suffix(fraction).is_some_and(|b| b.ends_with('.')) => {
            match number(whole, area) {
                // 17951130000.01234 is a mobile behind a dial prefix
                Err(_) => groups,
                Ok(_) if number(&groups.concat(), area).is_ok() => groups,
                Ok(_) if fraction.bytes().all(|b| b == b'0') => vec![*whole],
                Ok(_) if body.trim().len() == whole.len() + 1 + fraction.len() => {
                    return Err(PhoneError::Fraction);
                }
                Ok(_) => groups,
            }
        }
        _ => groups,
    };
    if let [code, local, extension] = groups.as_slice()
        && code.strip_prefix('0').is_some_and(area_code::is_area_code)
        && matches!(local.len(), 7 | 8)
        && EXTENSION.contains(&extension.len())
    {
        let e164 = number(&[*code, *local].concat(), None)?;
        return Ok(PhoneNumber::new(e164, Some((*extension).to_owned())));
    }
    // With an area code at hand, 8888-6666-801 is a local line and its extension before it is anything else.
    if area.is_some() && !groups[0].starts_with(['0', '1', '+']) {
        for cut in 1..groups.len() {
            let (head, tail) = groups.split_at(cut);
            let (head, tail) = (head.concat(), tail.concat());
            if matches!(head.len(), 7 | 8)
                && EXTENSION.contains(&tail.len())
                && head.len() + tail.len() > 8
                && let Ok(e164) = number(&head, area)
            {
                return Ok(PhoneNumber::new(e164, Some(tail)));
            }
        }
    }
    let all = groups.concat();
    let error = match number(&all, area) {
        Ok(e164) => {
            // 17996020200-801: the prefixes 179xx begin mobiles too, and a whole mobile with a tail is one.
            let mobile = if is_mobile(&e164) { None } else { mobile_and_tail(&groups, area) };
            return Ok(mobile.unwrap_or_else(|| PhoneNumber::new(e164, None)));
        }
        Err(error) => error,
    };
    for cut in (1..groups.len()).rev() {
        let (head, tail) = groups.split_at(cut);
        let (head, tail) = (head.concat(), tail.concat());
        if let Ok(e164) = number(&head, area) {
            if is_whole(&tail) {
                return Err(PhoneError::Several);
            }
            if EXTENSION.contains(&tail.len()) {
                return Ok(PhoneNumber::new(e164, Some(tail)));
            }
        }
    }
    // Two mobiles or two long numbers without a mark between them.
    if all.len() >= 22 && is_whole(&all[..11]) && is_whole(&all[all.len() - 11..]) {
        return Err(PhoneError::Several);
    }
    Err(error)
}

fn is_mobile(e164: &str) -> bool {
    e164.len() == 14 && e164.starts_with("+861")
}

/// The first groups as a mobile, the others as its extension.
fn mobile_and_tail(groups: &[&str], area: Option<&str>) -> Option<PhoneNumber> {
    (1..groups.len()).find_map(|cut| {
        let (head, tail) = groups.split_at(cut);
        let tail = tail.concat();
        let e164 = number(&head.concat(), area).ok().filter(|e164| is_mobile(e164))?;
        EXTENSION.contains(&tail.len()).then(|| PhoneNumber::new(e164, Some(tail)))
    })
}

/// True for digits that are a number of their own and no extension.
fn is_whole(digits: &str) -> bool {
    digits.len() > *EXTENSION.end() && number(digits, None).is_ok()
}

/// Half-width, lower-case, without invisible characters, labels and brackets; only digits, `+`, separators and the
/// marks of extensions are left.
fn clean(text: &str) -> Result<String, PhoneError> {
    let half: String = text.chars().map(crate::search::half_width).collect::<String>().to_lowercase();
    let mut half = half.trim();
    for label in ["tel:", "tel", "电话:", "电话", "手机:", "手机", "号码:", "号码", "联系"] {
        half = half.strip_prefix(label).unwrap_or(half).trim_start();
    }
    let compact: String = half.chars().filter(|c| !c.is_whitespace()).collect();
    if is_scientific(&compact) {
        return Err(PhoneError::Spreadsheet);
    }
    if half.contains('*') || half.contains("xx") || half.contains('×') {
        return Err(PhoneError::Masked);
    }
    let mut out = String::with_capacity(half.len());
    for c in half.chars() {
        match c {
            '0'..='9' | '+' | '-' | '.' | ' ' | '#' | ',' | ';' | '=' | '/' | '_' => out.push(c),
            // (0571)88886666 and +86 (0)10 …: a bracket only groups.
            '(' | ')' | '[' | ']' | '【' | '】' | '〔' | '〕' => out.push(' '),
            '\u{2010}'..='\u{2015}' | '\u{2212}' | '~' | '\u{30fc}' => out.push('-'),
            '、' | '|' | '\\' => out.push('/'),
            '。' | '·' => out.push('.'),
            '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}'
            | '\u{feff}'
            | '\''
            | '`'
            | '"' => {}
            c if c.is_whitespace() => out.push(' '),
            '转' | '轉' | '分' | '机' | '号' | 'e' | 'x' | 't' | 'n' | 's' | 'i' | 'o' | 'p' | 'w' => {
                out.push(c)
            }
            other => return Err(PhoneError::Character(other)),
        }
    }
    Ok(out)
}

/// `1.38E+10`, `1.38e10`.
fn is_scientific(text: &str) -> bool {
    text.split_once('e').is_some_and(|(mantissa, exponent)| {
        let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
        let mantissa =
            mantissa.split_once('.').is_some_and(|(a, b)| digits(a) && digits(b)) || digits(mantissa);
        mantissa && digits(exponent.strip_prefix('+').unwrap_or(exponent))
    })
}

/// The number and, after a mark, the digits of the extension. `/` always parts two numbers.
fn split_mark<'a>(text: &'a str) -> Result<(&'a str, Option<&'a str>), PhoneError> {
    let text = text.trim_matches(|c: char| matches!(c, ' ' | ',' | ';' | '/' | '-' | '.'));
    if let Some((left, right)) = text.split_once('/') {
        let some = |s: &str| s.bytes().any(|b| b.is_ascii_digit());
        return if some(left) && some(right) {
            Err(PhoneError::Several)
        } else {
            Err(PhoneError::Character('/'))
        };
    }
    let found =
        MARKS.iter().filter_map(|mark| text.find(mark).map(|at| (at, mark.len()))).min_by_key(|&(at, n)| {
            // The first mark counts; of two at one place the longer one.
            (at, usize::MAX - n)
        });
    let Some((at, length)) = found else {
        return match text.chars().find(|c| c.is_alphabetic() || *c == '=') {
            Some(other) => Err(PhoneError::Character(other)),
            None => Ok((text, None)),
        };
    };
    let (body, rest) = (&text[..at], &text[at + length..]);
    let trim =
        |s: &'a str| s.trim_matches(|c: char| matches!(c, ' ' | '-' | '.' | ':' | '号' | '=' | '#' | ','));
    let mut rest = trim(rest);
    while let Some(after) = MARKS.iter().find_map(|mark| rest.strip_prefix(mark)) {
        rest = trim(after);
    }
    let joined = rest.bytes().all(|b| b.is_ascii_digit());
    if body.chars().any(char::is_alphabetic) {
        return Err(PhoneError::Character(body.chars().find(|c| c.is_alphabetic()).unwrap_or('?')));
    }
    match (rest.is_empty(), joined) {
        // A trailing mark such as "#": the end of the number.
        (true, _) => Ok((body, None)),
        (false, true) => Ok((body, Some(rest))),
        (false, false) => {
            let digits: String = rest.chars().filter(|c| c.is_ascii_digit() || *c == '+').collect();
            if number(&digits, None).is_ok() { Err(PhoneError::Several) } else { Err(PhoneError::Extension) }
        }
    }
}

/// The E.164 form of digits with an optional leading `+`.
fn number(digits: &str, area: Option<&str>) -> Result<String, PhoneError> {
    if let Some(rest) = digits.strip_prefix('+') {
        return if rest.contains('+') { Err(PhoneError::Character('+')) } else { international(rest, true) };
    }
    if let Some(rest) = digits.strip_prefix("00") {
        return international(rest, false);
    }
    if let Some(rest) = DIAL_PREFIXES.iter().find_map(|p| digits.strip_prefix(p))
        && rest.len() >= 10
        && let Ok(e164) = number(rest, None)
    {
        return Ok(e164);
    }
    match mainland(digits, area) {
        Ok(e164) => Ok(e164),
        Err(error) => match digits.strip_prefix("86") {
            // 8613800001111, 8657188886666: the country code without its sign.
            Some(rest) if rest.len() >= 9 => {
                after_86(rest).map_err(|inner| if rest.len() == 11 { inner } else { error })
            }
            _ => Err(error),
        },
    }
}

/// Digits after `+` or `00`.
fn international(digits: &str, plus: bool) -> Result<String, PhoneError> {
    if let Some(rest) = digits.strip_prefix("86") {
        return after_86(rest);
    }
    if plus && digits.len() == 11 && dial_assist(digits) {
        return Ok(format!("+86{digits}"));
    }
    let length = country::code_length(digits).ok_or(PhoneError::Country)?;
    if !(7..=15).contains(&digits.len()) || digits.len() < length + 4 {
        return Err(PhoneError::InternationalLength(digits.len()));
    }
    if length == 1 && digits.starts_with('1') {
        // North American numbering plan: NXX-NXX-XXXX, N from 2 to 9.
        let n = |at: usize| digits.as_bytes().get(at).is_some_and(|b| (b'2'..=b'9').contains(b));
        if digits.len() != 11 || !n(1) || !n(4) {
            return Err(PhoneError::InternationalLength(digits.len()));
        }
    }
    Ok(format!("+{digits}"))
}

/// `1 67x`, `1 70x`, `1 71x`: Chinese mobiles that a telephone's dial assist has made American.
fn dial_assist(digits: &str) -> bool {
    ["167", "170", "171"].iter().any(|p| digits.starts_with(p))
}

/// Digits after `86`; a trunk 0 may follow, as in `+86 (0)571 …`.
fn after_86(rest: &str) -> Result<String, PhoneError> {
    match rest.as_bytes().first() {
        None => Err(PhoneError::Empty),
        Some(b'0') => mainland(rest, None),
        Some(b'1') if rest.len() == 10 && rest.starts_with("10") => mainland(&format!("0{rest}"), None),
        Some(b'1' | b'9') => mainland(rest, None),
        Some(_) if rest.starts_with("400") || rest.starts_with("800") => mainland(rest, None),
        Some(_) => mainland(&format!("0{rest}"), None),
    }
}

/// A number as it is dialled within the mainland.
fn mainland(digits: &str, area: Option<&str>) -> Result<String, PhoneError> {
    let n = digits.len();
    let bytes = digits.as_bytes();
    if matches!(digits, "110" | "112" | "119" | "120" | "122" | "999" | "911") {
        return Err(PhoneError::Emergency);
    }
    match (bytes.first(), bytes.get(1), n) {
        (None, ..) => Err(PhoneError::Empty),
        // A mobile with the trunk 0 of long-distance calls.
        (Some(b'0'), Some(b'1'), 12) if matches!(bytes.get(2), Some(b'3'..=b'9')) => {
            mainland(&digits[1..], None)
        }
        (Some(b'0'), ..) => landline(&digits[1..]),
        (Some(b'1'), Some(b'3'..=b'9'), 11) => Ok(format!("+86{digits}")),
        (Some(b'1'), Some(b'0'..=b'2'), 3..=8) => Err(PhoneError::Service),
        (Some(b'1'), Some(b'3'..=b'9'), 9..=13) => Err(PhoneError::MobileLength(n)),
        (Some(b'1'), Some(second), 11) => Err(PhoneError::MobilePrefix(10 + u16::from(second - b'0'))),
        (Some(b'9'), Some(b'5'), 5..=8) | (Some(b'9'), Some(b'6'), 5..=6) => Ok(format!("+86{digits}")),
        (Some(b'4'), _, 10) if digits.starts_with("400") => Ok(format!("+86{digits}")),
        (Some(b'8'), _, 10) if digits.starts_with("800") => Ok(format!("+86{digits}")),
        (Some(b'2'..=b'9'), _, 7 | 8) => match area {
            None => Err(PhoneError::AreaCodeMissing),
            Some(code) => {
                let code = code.strip_prefix("+86").unwrap_or(code).trim_start_matches('0');
                landline(&format!("{code}{digits}"))
            }
        },
        // An area code that lost its 0 in a spreadsheet: 57188886666, 1088886666, 5718886666.
        (_, _, 10 | 11) => match landline(digits) {
            Ok(e164) => Ok(e164),
            Err(_) => Err(PhoneError::Shape(n)),
        },
        _ => Err(PhoneError::Shape(n)),
    }
}

/// A fixed line: area code without its 0, and the local number.
fn landline(digits: &str) -> Result<String, PhoneError> {
    let code = area_code::leading(digits).ok_or(PhoneError::AreaCode)?;
    let local = &digits[code.len()..];
    let good = match (code.len(), local.len()) {
        (2, 8) | (3, 7 | 8) => matches!(local.as_bytes()[0], b'2'..=b'9'),
        // 0571-96345: a short code of one area.
        (_, 5 | 6) => local.starts_with("96") || local.starts_with("95"),
        _ => return Err(PhoneError::LocalLength(local.len())),
    };
    match local.chars().next() {
        _ if good => Ok(format!("+86{digits}")),
        Some(first) if local.len() >= 7 => Err(PhoneError::LocalStart(first)),
        _ => Err(PhoneError::LocalLength(local.len())),
    }
}
