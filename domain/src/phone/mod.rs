//! Telephone numbers: one spelling for each person, whatever a list, a label or a hand writes.
//!
//! A [`PhoneNumber`] is an E.164 number and, for privacy waybills and switchboards, the extension that is sent after
//! the answer. Both together are the identity of a person for the guarantee "nobody is rung twice": see
//! [`PhoneNumber::key`]. Text that people write is read by [`PhoneNumber::parse`]; what we have stored is read by
//! [`PhoneNumber::from_key`], which accepts nothing but the exact form.
//!
//! `Display` and `Debug` are masked, so that no log line holds a number; [`PhoneNumber::e164`] gives the truth.

mod area_code;
mod country;
mod parse;
pub mod spot;
#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

use chrono_tz::Tz;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use area_code::is_area_code;
pub use country::is_country;

/// A number that can be called, with its extension if it has one.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PhoneNumber {
    /// `+` and at most 15 digits.
    e164: String,
    extension: Option<String>,
}

/// What kind of line a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhoneKind {
    /// A mobile number of the Chinese mainland.
    Mobile,
    /// A fixed line of the Chinese mainland, with area code.
    Landline,
    /// A Chinese 95xxx or 96xxx number of a company.
    ShortCode,
    /// A Chinese 400 number; the callee pays a share.
    Shared400,
    /// A Chinese 800 number; the callee pays.
    Free800,
    /// A Chinese 1xx service number, such as a carrier's or a hotline. Never a recipient.
    Service,
    /// Any number outside the Chinese mainland.
    Foreign,
}

/// Why a text is no telephone number that we call, and what to do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum PhoneError {
    /// Nothing there.
    #[error("number is empty; enter a mobile number or a fixed line with area code")]
    Empty,
    /// A character that belongs to no number.
    #[error("number holds {0:?}; remove it")]
    Character(char),
    /// Stars or crosses in place of digits.
    #[error("number is masked; ask the platform for the full number or its privacy number with extension")]
    Masked,
    /// `1.38E+10`.
    #[error("number was rounded by a spreadsheet; format the column as text and export again")]
    Spreadsheet,
    /// `13800001111.5`.
    #[error(
        "number has a fraction, as no telephone number has; correct it, and write an extension behind 转 or #"
    )]
    Fraction,
    /// More than one number.
    #[error("there are several numbers; keep one")]
    Several,
    /// A mobile number with too few or too many digits.
    #[error("mobile number has {0} digits; it must have 11")]
    MobileLength(usize),
    /// A number that starts like a mobile number, but like none that exists.
    #[error("no mobile number starts with {0}; check the first digits")]
    MobilePrefix(u16),
    /// A fixed line without area code.
    #[error("area code is missing; write it in front, as in 0571-88886666")]
    AreaCodeMissing,
    /// An area code that does not exist.
    #[error("there is no such area code; check the digits after the first 0")]
    AreaCode,
    /// A fixed line with too few or too many digits.
    #[error("fixed line has {0} digits after its area code; it must have 7 or 8")]
    LocalLength(usize),
    /// A fixed line whose number cannot begin like that.
    #[error("no fixed line's number starts with {0} after its area code; check the digits")]
    LocalStart(char),
    /// An emergency number.
    #[error("this is an emergency number; it is never called automatically")]
    Emergency,
    /// A service number (10086, 12345, …).
    #[error("this is a service number, not a recipient's; check the number")]
    Service,
    /// An international number with an unknown country code.
    #[error("there is no such country code; check the digits after +")]
    Country,
    /// An international number with too few or too many digits.
    #[error("international number has {0} digits; 7 to 15 are possible")]
    InternationalLength(usize),
    /// An extension with no or too many digits.
    #[error("extension must have 1 to 8 digits")]
    Extension,
    /// Nothing of the above fits.
    #[error("number has {0} digits, which fits no kind of number; check it")]
    Shape(usize),
    /// A stored key that was damaged.
    #[error("not a stored number: expected +, digits, and ;ext= if there is an extension")]
    Key,
}

impl PhoneError {
    /// A stable word for the error: for programs, translations and statistics.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Character(_) => "character",
            Self::Masked => "masked",
            Self::Spreadsheet => "spreadsheet",
            Self::Fraction => "fraction",
            Self::Several => "several",
            Self::MobileLength(_) => "mobile_length",
            Self::MobilePrefix(_) => "mobile_prefix",
            Self::AreaCodeMissing => "area_code_missing",
            Self::AreaCode => "area_code",
            Self::LocalLength(_) => "local_length",
            Self::LocalStart(_) => "local_start",
            Self::Emergency => "emergency",
            Self::Service => "service",
            Self::Country => "country",
            Self::InternationalLength(_) => "international_length",
            Self::Extension => "extension",
            Self::Shape(_) => "shape",
            Self::Key => "key",
        }
    }
}

impl PhoneNumber {
    /// Reads a number as people write it: spaces, hyphens, dots, brackets, full-width digits; `+86`, `0086`, `86`;
    /// a dialling prefix such as 17951; an extension after `转`, `ext`, `#`, a comma or a hyphen.
    ///
    /// `+1 70x…`, `+1 71x…` and `+1 67x…` with eleven digits are read as the Chinese mobiles 170, 171 and 167:
    /// telephones whose dial assist takes them for American numbers store them so. An American number is still
    /// understood when written with 00.
    ///
    /// # Errors
    /// [`PhoneError`] says what is wrong and what to do.
    pub fn parse(text: &str) -> Result<Self, PhoneError> {
        parse::parse(text, None)
    }

    /// [`PhoneNumber::parse`], with the area code (`"0571"` or `"571"`) that a fixed line without one gets.
    ///
    /// # Errors
    /// As [`PhoneNumber::parse`]; [`PhoneError::AreaCode`] if the given area code is needed and does not exist.
    pub fn parse_in(text: &str, area_code: Option<&str>) -> Result<Self, PhoneError> {
        parse::parse(text, area_code)
    }

    /// Reads the number of somebody who calls us, which may also be a service number such as 10086.
    ///
    /// # Errors
    /// As [`PhoneNumber::parse`].
    pub fn parse_caller(text: &str) -> Result<Self, PhoneError> {
        match parse::parse(text, None) {
            Err(PhoneError::Service | PhoneError::Emergency) => {
                let digits: String =
                    text.chars().map(crate::search::half_width).filter(char::is_ascii_digit).collect();
                // such a number begins with 1 or 9: what stands before it is the country code, however it is written
                let digits = digits.trim_start_matches('0');
                let national = digits.strip_prefix("86").unwrap_or(digits);
                Ok(Self::new(format!("+86{national}"), None))
            }
            other => other,
        }
    }

    /// Reads what [`PhoneNumber::key`] wrote.
    ///
    /// # Errors
    /// [`PhoneError::Key`] for anything else.
    pub fn from_key(key: &str) -> Result<Self, PhoneError> {
        let (e164, extension) = match key.split_once(";ext=") {
            Some((e164, extension)) => (e164, Some(extension)),
            None => (key, None),
        };
        let digits = e164.strip_prefix('+').ok_or(PhoneError::Key)?;
        let all_digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        let good = (5..=15).contains(&digits.len()) && all_digits(digits) && !digits.starts_with('0');
        let good_extension = extension.is_none_or(|x| (1..=8).contains(&x.len()) && all_digits(x));
        if !good || !good_extension {
            return Err(PhoneError::Key);
        }
        Ok(Self::new(e164.to_owned(), extension.map(str::to_owned)))
    }

    fn new(e164: String, extension: Option<String>) -> Self {
        Self { e164, extension }
    }

    /// The number with `+` and country code, without the extension.
    #[must_use]
    pub fn e164(&self) -> &str {
        &self.e164
    }

    /// The digits to send after the answer.
    #[must_use]
    pub fn extension(&self) -> Option<&str> {
        self.extension.as_deref()
    }

    /// The identity of the person: `+8613800001111` or `+8613800001111;ext=123`. Stored and sent in this form.
    #[must_use]
    pub fn key(&self) -> String {
        match &self.extension {
            Some(extension) => format!("{};ext={extension}", self.e164),
            None => self.e164.clone(),
        }
    }

    /// What kind of line it is.
    #[must_use]
    pub fn kind(&self) -> PhoneKind {
        let Some(national) = self.e164.strip_prefix("+86") else { return PhoneKind::Foreign };
        let bytes = national.as_bytes();
        match (bytes.first(), bytes.get(1), bytes.len()) {
            (Some(b'1'), Some(b'3'..=b'9'), 11) => PhoneKind::Mobile,
            (Some(b'1'), _, 3..=8) => PhoneKind::Service,
            (Some(b'9'), Some(b'5' | b'6'), 5..=9) => PhoneKind::ShortCode,
            (Some(b'4'), _, 10) if national.starts_with("400") => PhoneKind::Shared400,
            (Some(b'8'), _, 10) if national.starts_with("800") => PhoneKind::Free800,
            _ => PhoneKind::Landline,
        }
    }

    /// What a Chinese trunk is given as callee: `13800001111`, `057188886666`, `4001234567`, `95588`, `0085212345678`.
    /// Without the extension, which is sent as tones after the answer.
    #[must_use]
    pub fn dial_string(&self) -> String {
        match self.kind() {
            PhoneKind::Foreign => format!("00{}", self.e164.trim_start_matches('+')),
            PhoneKind::Landline => format!("0{}", self.national()),
            _ => self.national().to_owned(),
        }
    }

    /// The number as people of the country write it, without trunk prefix: after `+86`, or after `+` elsewhere.
    fn national(&self) -> &str {
        self.e164.strip_prefix("+86").unwrap_or_else(|| self.e164.trim_start_matches('+'))
    }

    /// The number with its middle hidden, for screens and logs: `+86138****1111`; an extension shows as `;ext=*`.
    #[must_use]
    pub fn masked(&self) -> String {
        let digits = &self.e164[1..];
        let (head, tail) = match self.kind() {
            PhoneKind::Mobile => (5, 4),
            PhoneKind::Landline => (digits.len().saturating_sub(8), 3),
            PhoneKind::Shared400 | PhoneKind::Free800 => (5, 3),
            PhoneKind::ShortCode | PhoneKind::Service => (3, 1),
            PhoneKind::Foreign => (digits.len().saturating_sub(8).min(3), 3),
        };
        let tail = &digits[digits.len().saturating_sub(tail)..];
        let extension = if self.extension.is_some() { ";ext=*" } else { "" };
        format!("+{}****{tail}{extension}", &digits[..head.min(digits.len())])
    }

    /// The last four digits of the number, as recipients and couriers say them.
    #[must_use]
    pub fn last4(&self) -> &str {
        &self.e164[self.e164.len().saturating_sub(4)..]
    }

    /// Country code: 86 for the mainland.
    #[must_use]
    pub fn country(&self) -> Option<u16> {
        let digits = self.e164.trim_start_matches('+');
        digits.get(..country::code_length(digits)?)?.parse().ok()
    }

    /// The zone in which this person's clock runs, if the number tells: one zone for each country with one. `None`
    /// for countries with several zones; use the organisation's zone then.
    #[must_use]
    pub fn zone(&self) -> Option<Tz> {
        country::zone(self.e164.trim_start_matches('+'))
    }
}

impl fmt::Display for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PhoneNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PhoneNumber({})", self.masked())
    }
}

impl FromStr for PhoneNumber {
    type Err = PhoneError;
    fn from_str(text: &str) -> Result<Self, PhoneError> {
        Self::parse(text)
    }
}

impl Serialize for PhoneNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.key())
    }
}

impl<'de> Deserialize<'de> for PhoneNumber {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_key(&text).map_err(serde::de::Error::custom)
    }
}
