//! Waybill numbers: one spelling for each, whatever a list, a label or a hand writes.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A waybill number (运单号): 6 to 32 upper-case letters and digits, hyphens removed.
///
/// The hyphens of parcel pieces (`JD…-1-2-`) are kept, because they tell the pieces of one order apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct WaybillNo(String);

/// Why a text is no waybill number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WaybillError {
    /// Nothing there.
    #[error("waybill number is empty")]
    Empty,
    /// A character that no carrier uses.
    #[error("waybill number holds {0:?}; only letters, digits and hyphens may occur")]
    Character(char),
    /// Fewer than 6 or more than 32 characters.
    #[error("waybill number has {0} characters; 6 to 32 are possible")]
    Length(usize),
    /// Letters only.
    #[error("waybill number has fewer than 4 digits")]
    Digits,
    /// `1.23E+12`: a spreadsheet turned the number into a float, and the last digits are lost.
    #[error("waybill number was rounded by a spreadsheet; format the column as text and export again")]
    Spreadsheet,
    /// An international postal number (UPU S10) whose check digit is wrong.
    #[error("waybill number has the wrong check digit; one of its digits is mistyped")]
    CheckDigit,
}

/// The carrier that a waybill number looks like. A guess from its shape: several carriers share shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Carrier {
    /// 顺丰.
    Sf,
    /// 京东.
    Jd,
    /// 圆通.
    Yto,
    /// 中通.
    Zto,
    /// 申通.
    Sto,
    /// 韵达.
    Yunda,
    /// 极兔.
    Jt,
    /// 德邦.
    Deppon,
    /// 邮政, EMS, and foreign posts (UPU S10).
    Post,
    /// 菜鸟, 丹鸟.
    Cainiao,
}

impl WaybillNo {
    /// Reads a waybill number: full-width characters, lower case, spaces and the invisible characters of spreadsheets
    /// are put right.
    ///
    /// # Errors
    /// [`WaybillError`] says what is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, WaybillError> {
        let mut no = String::with_capacity(text.len());
        for c in text.chars() {
            let c = crate::search::half_width(c);
            match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '-' | '+' | '.' => no.push(c.to_ascii_uppercase()),
                '\u{2010}'..='\u{2015}' | '\u{2212}' => no.push('-'),
                c if c.is_whitespace()
                    || matches!(c, '\u{200b}'..='\u{200f}' | '\u{feff}' | '\'' | '`' | '"' | '=') => {}
                other => return Err(WaybillError::Character(other)),
            }
        }
        if is_scientific(&no) {
            return Err(WaybillError::Spreadsheet);
        }
        if let Some(whole) = no.strip_suffix(".0") {
            no.truncate(whole.len());
        }
        if let Some(bad) = no.chars().find(|c| matches!(c, '+' | '.')) {
            return Err(WaybillError::Character(bad));
        }
        if !has_pieces(&no) {
            no.retain(|c| c != '-');
        }
        match no.len() {
            0 => return Err(WaybillError::Empty),
            6..=32 => {}
            n => return Err(WaybillError::Length(n)),
        }
        if no.bytes().filter(u8::is_ascii_digit).count() < 4 {
            return Err(WaybillError::Digits);
        }
        if s10_digits(&no).is_some_and(|digits| !s10_check(digits)) {
            return Err(WaybillError::CheckDigit);
        }
        Ok(Self(no))
    }

    /// The normal spelling.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last four characters, as people read them out.
    #[must_use]
    pub fn last4(&self) -> &str {
        self.0.get(self.0.len() - 4..).unwrap_or(&self.0)
    }

    /// The carrier that this number looks like; `None` where the shape says nothing.
    #[must_use]
    pub fn carrier(&self) -> Option<Carrier> {
        let no = self.0.as_str();
        let letters = no.len() - no.trim_start_matches(|c: char| c.is_ascii_uppercase()).len();
        let (prefix, rest) = no.split_at(letters);
        let digits = rest.bytes().all(|b| b.is_ascii_digit());
        match (prefix, rest.len()) {
            ("SF", 12..=13) if digits => Some(Carrier::Sf),
            ("JT" | "JTE", 12..=15) if digits => Some(Carrier::Jt),
            ("YT", 13..=15) if digits => Some(Carrier::Yto),
            ("DPK" | "DPL", 11..=13) if digits => Some(Carrier::Deppon),
            ("LP" | "CNWY" | "DN", 10..=16) if digits => Some(Carrier::Cainiao),
            (p, 9..=24) if p.starts_with("JD") => Some(Carrier::Jd),
            ("", 12..=15) if no.starts_with("77") && digits => Some(Carrier::Sto),
            ("", 12..=14) if no.starts_with("73") || no.starts_with("75") || no.starts_with("78") => {
                digits.then_some(Carrier::Zto)
            }
            ("", 13) if no.starts_with("43") || no.starts_with("46") || no.starts_with("31") => {
                digits.then_some(Carrier::Yunda)
            }
            ("", 13) if digits && (no.starts_with("10") || no.starts_with("11") || no.starts_with("12")) => {
                Some(Carrier::Post)
            }
            ("", 13) if digits && (no.starts_with("98") || no.starts_with("99")) => Some(Carrier::Post),
            _ => s10_digits(no).map(|_| Carrier::Post),
        }
    }
}

/// `1.23E+12`, `1.23E12`: with a point, so that a number such as `7E12` stays a waybill number.
fn is_scientific(no: &str) -> bool {
    let Some((mantissa, exponent)) = no.split_once('E') else { return false };
    let exponent_signed = exponent.starts_with('+');
    let exponent = exponent.trim_start_matches('+');
    let digits = |s: &str| !s.is_empty() && s.bytes().all(|b| b.is_ascii_digit());
    let mantissa_float = mantissa.split_once('.').is_some_and(|(a, b)| digits(a) && digits(b));
    digits(exponent) && (mantissa_float || exponent_signed && digits(mantissa))
}

/// `JD0012345678-1-2-`: number, piece, pieces.
fn has_pieces(no: &str) -> bool {
    let mut parts = no.split('-');
    let head = parts.next().is_some_and(|p| p.len() >= 10 && p.starts_with("JD"));
    let small = |p: Option<&str>| {
        p.is_some_and(|p| (1..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()))
    };
    head && small(parts.next()) && small(parts.next())
}

/// The nine digits of a number in the form of UPU S10: two letters, nine digits, two letters.
fn s10_digits(no: &str) -> Option<&[u8]> {
    let bytes = no.as_bytes();
    let letters = |part: &[u8]| part.iter().all(u8::is_ascii_uppercase);
    (bytes.len() == 13
        && letters(&bytes[..2])
        && letters(&bytes[11..])
        && bytes[2..11].iter().all(u8::is_ascii_digit))
    .then(|| &bytes[2..11])
}

/// The check digit of UPU S10, 5: weights 8 6 4 2 3 5 9 7, modulo 11.
fn s10_check(digits: &[u8]) -> bool {
    let sum: u32 = digits.iter().zip([8u32, 6, 4, 2, 3, 5, 9, 7]).map(|(d, w)| u32::from(d - b'0') * w).sum();
    let check = match 11 - sum % 11 {
        10 => 0,
        11 => 5,
        n => n,
    };
    digits.last().is_some_and(|d| u32::from(d - b'0') == check)
}

impl fmt::Display for WaybillNo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for WaybillNo {
    type Err = WaybillError;
    fn from_str(text: &str) -> Result<Self, WaybillError> {
        Self::parse(text)
    }
}

impl Serialize for WaybillNo {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for WaybillNo {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ok(text: &str) -> String {
        WaybillNo::parse(text).unwrap().to_string()
    }

    #[test]
    fn one_spelling() {
        assert_eq!(ok(" sf 1234 5678 90123\t"), "SF1234567890123");
        assert_eq!(ok("ＹＴ１２３４５６７８９０１２３"), "YT1234567890123");
        assert_eq!(ok("'7730-1234-5678-901"), "773012345678901");
        assert_eq!(ok("773012345678901.0"), "773012345678901");
        assert_eq!(ok("jdva12345678901-1-2-"), "JDVA12345678901-1-2-");
        assert_eq!(ok("9800001234567\u{feff}"), "9800001234567");
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, error) in [
            ("  ", WaybillError::Empty),
            ("SF12", WaybillError::Length(4)),
            ("顺丰123456", WaybillError::Character('顺')),
            ("ABCDEFGH", WaybillError::Digits),
            ("7.73012E+14", WaybillError::Spreadsheet),
            ("EE123456789CN", WaybillError::CheckDigit),
            ("7730.12345678", WaybillError::Character('.')),
        ] {
            assert_eq!(WaybillNo::parse(text), Err(error), "{text}");
        }
        assert_eq!(ok("RR473124829CN"), "RR473124829CN");
    }

    #[test]
    fn carriers() {
        for (text, carrier) in [
            ("SF1234567890123", Some(Carrier::Sf)),
            ("JDVA12345678901", Some(Carrier::Jd)),
            ("YT1234567890123", Some(Carrier::Yto)),
            ("75312345678901", Some(Carrier::Zto)),
            ("773012345678901", Some(Carrier::Sto)),
            ("4312345678901", Some(Carrier::Yunda)),
            ("JT1234567890123", Some(Carrier::Jt)),
            ("DPK202412345678", Some(Carrier::Deppon)),
            ("RR473124829CN", Some(Carrier::Post)),
            ("9800001234567", Some(Carrier::Post)),
            ("XX0000", None),
        ] {
            assert_eq!(WaybillNo::parse(text).unwrap().carrier(), carrier, "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(256))]
        #[test]
        fn never_panics_and_is_stable(text in "[A-Za-z0-9 .+\\-顺Ａ１E]{0,36}|.{0,20}") {
            if let Ok(no) = WaybillNo::parse(&text) {
                prop_assert_eq!(WaybillNo::parse(no.as_str()), Ok(no.clone()));
                let _ = (no.carrier(), no.last4());
            }
        }
    }
}
