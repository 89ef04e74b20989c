//! Telephone numbers out of what a camera or an ear has read: labels through OCR, speech through a recogniser.
//!
//! ```text
//!  label  ─▶ marks: digits (and what OCR takes for them), stars, gaps, words ─┐
//!  speech ─▶ marks: spoken digits, repetitions, corrections                  ─┴▶ groups ─▶ readings ─▶ candidates
//! ```
//!
//! A *group* is a run of digits; what may stand between the groups of one number is known (`138-0000-1111`, a line that
//! broke, `010) 8888 6666`). Each *reading* puts neighbouring groups together and asks [`PhoneNumber::parse`]; what that
//! refuses is no candidate. Confidence begins at 99 and loses for everything that had to be assumed: a letter taken for a
//! digit, a broken line, an unusual grouping, a waybill's letters in front, an unsure recogniser. It is capped where
//! the text speaks against itself: two numbers that differ in one digit are the same number once misread.
//!
//! Nothing here sees that a recogniser has read one digit for another in an otherwise good number. That is what its own
//! score is for ([`Line::score`]), and why [`AUTO_ACCEPT`] is high: below it the courier looks before anything rings.

mod gather;
mod label;
mod speech;
#[cfg(test)]
mod tests;

use super::{PhoneError, PhoneNumber};
use serde::Serialize;

/// From here on a candidate may be used without a look at it.
pub const AUTO_ACCEPT: u8 = 90;

/// A line that a recogniser read.
#[derive(Clone, Copy, Debug)]
pub struct Line<'a> {
    /// The text.
    pub text: &'a str,
    /// How sure the recogniser is of it, from 0 to 1, if it says so.
    pub score: Option<f32>,
}

impl<'a> From<&'a str> for Line<'a> {
    fn from(text: &'a str) -> Self {
        Line { text, score: None }
    }
}

/// Whose number the words around it say that it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// 收, 收件人, to.
    Recipient,
    /// Nothing is said.
    #[default]
    Unknown,
    /// 寄, 发件人, from.
    Sender,
    /// 客服, 热线: a company's.
    Company,
}

/// A number that a text may mean.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// The number; `None` if digits are hidden or missing.
    pub phone: Option<PhoneNumber>,
    /// `138****1234`: for [`Candidate::fits`].
    pub masked: Option<String>,
    /// From 0 to 99.
    pub confidence: u8,
    /// Whose it is.
    pub party: Party,
    /// The digits as they were understood, groups joined by a space; for showing.
    pub read: String,
    /// Number of the line where it begins, from 0.
    pub line: usize,
    /// What is wrong with it, where it is none.
    #[serde(serialize_with = "code")]
    pub problem: Option<PhoneError>,
}

#[expect(clippy::ref_option, reason = "serde's signature")]
fn code<S: serde::Serializer>(problem: &Option<PhoneError>, serializer: S) -> Result<S::Ok, S::Error> {
    problem.map(PhoneError::code).serialize(serializer)
}

impl Candidate {
    /// True if it may be used without a look.
    #[must_use]
    pub fn sure(&self) -> bool {
        self.phone.is_some() && self.confidence >= AUTO_ACCEPT
    }

    /// True if it is this number as far as it can be told: equal, or equal where nothing is hidden.
    #[must_use]
    pub fn fits(&self, phone: &PhoneNumber) -> bool {
        match (&self.phone, &self.masked) {
            (Some(own), _) => {
                own.e164() == phone.e164()
                    && (own.extension().is_none() || own.extension() == phone.extension())
            }
            (None, Some(masked)) => {
                let digits = phone.dial_string();
                digits.len() == masked.len()
                    && masked.bytes().zip(digits.bytes()).all(|(m, d)| m == b'*' || m == d)
            }
            (None, None) => false,
        }
    }
}

/// Numbers on a label, the most likely recipient's first.
///
/// Reads what OCR makes of them: letters for digits, lines broken in the middle, spaces lost and found, stars. At most
/// 64 candidates; a text of any length and content is possible.
#[must_use]
pub fn on_label(lines: &[Line<'_>]) -> Vec<Candidate> {
    gather::gather(&label::marks(lines), gather::Kind::Label)
}

/// Numbers in what somebody said, as a recogniser wrote it: `幺三八零零零零幺幺幺幺`, `138 三个零 二 六零二幺`,
/// `幺三九，不对，幺三八…`.
#[must_use]
pub fn in_speech(text: &str) -> Vec<Candidate> {
    gather::gather(&speech::marks(text), gather::Kind::Speech)
}
