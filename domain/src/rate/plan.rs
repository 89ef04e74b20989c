//! Prices.

use std::fmt;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::Micros;
use crate::phone::PhoneKind;
use crate::policy::{BadValue, check_ranges};

/// Prices in one list, at most.
pub const MOST_RATES: usize = 2_000;
/// The dearest step, and the dearest connection: ¥10,000.
const DEAREST: i64 = 10_000 * Micros::YUAN.0;
const MOST_NAME: usize = 80;

/// A text that names no destination.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "must be any, mobile, landline, short_code, shared400, free800, service, foreign, or the beginning of a number such as +8610"
)]
pub struct DestinationError;

/// Where a price holds. A text in JSON: `any`, a kind of line (`mobile`, `landline`, `short_code`, `shared400`, `free800`,
/// `service`, `foreign`) or the beginning of numbers with `+` and country code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Destination {
    /// Every number.
    Any,
    /// Numbers of this kind of line.
    Kind(PhoneKind),
    /// Numbers that begin so: `+` and 1 to 15 digits.
    Prefix(String),
}

const KINDS: &[(&str, PhoneKind)] = &[
    ("mobile", PhoneKind::Mobile),
    ("landline", PhoneKind::Landline),
    ("short_code", PhoneKind::ShortCode),
    ("shared400", PhoneKind::Shared400),
    ("free800", PhoneKind::Free800),
    ("service", PhoneKind::Service),
    ("foreign", PhoneKind::Foreign),
];

impl Destination {
    /// Reads the text.
    ///
    /// # Errors
    /// [`DestinationError`] for a text that is none.
    pub fn parse(text: &str) -> Result<Self, DestinationError> {
        let text = text.trim();
        if let Some(digits) = text.strip_prefix('+') {
            let spelt = (1..=15).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
            return if spelt { Ok(Self::Prefix(text.to_owned())) } else { Err(DestinationError) };
        }
        match KINDS.iter().find(|(word, _)| *word == text) {
            Some((_, kind)) => Ok(Self::Kind(*kind)),
            None if text == "any" => Ok(Self::Any),
            None => Err(DestinationError),
        }
    }

    /// How special it is for this number; `None` where it does not hold for it.
    pub(super) fn fits(&self, number: &str, kind: Option<PhoneKind>) -> Option<usize> {
        match self {
            Self::Any => Some(0),
            Self::Kind(of) => (kind == Some(*of)).then_some(1),
            Self::Prefix(prefix) => number.starts_with(prefix.as_str()).then_some(1 + prefix.len()),
        }
    }
}

impl TryFrom<String> for Destination {
    type Error = DestinationError;

    fn try_from(text: String) -> Result<Self, DestinationError> {
        Self::parse(&text)
    }
}

impl From<Destination> for String {
    fn from(of: Destination) -> String {
        of.to_string()
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Any => f.write_str("any"),
            Self::Kind(of) => {
                f.write_str(KINDS.iter().find(|(_, kind)| kind == of).map_or("any", |(word, _)| word))
            }
            Self::Prefix(prefix) => f.write_str(prefix),
        }
    }
}

fn is_zero<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rate {
    /// Name of the trunk; every trunk where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trunk: Option<String>,
    /// Numbers that are rung; with `incoming` the numbers of ours that somebody rings.
    #[cfg_attr(feature = "openapi", schema(value_type = String, example = "mobile"))]
    pub to: Destination,
    /// It is for calls that come in. Without such a price they cost nothing.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub incoming: bool,
    /// Length of a charging step, 1 to 3,600 seconds. A step that has begun is charged whole.
    pub step_s: u16,
    /// Price of a step.
    pub price: Micros,
    /// Price of the connection, once an answered leg.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub connection: Micros,
    /// Seconds that an answered leg is charged for at least.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub least_s: u16,
}

impl Rate {
    /// Steps that a leg which was answered for so long, ms, is charged for: one at least.
    #[must_use]
    pub fn steps(&self, talked_ms: i64) -> i64 {
        let step = i64::from(self.step_s.max(1)) * 1_000;
        let ms = talked_ms.max(i64::from(self.least_s) * 1_000).max(1);
        ms / step + i64::from(ms % step > 0)
    }

    /// What such a leg costs.
    #[must_use]
    pub fn cost(&self, talked_ms: i64) -> Micros {
        self.connection.plus(self.price.times(self.steps(talked_ms)))
    }
}

/// Prices of an organisation: one version of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Rates {
    /// What people call it.
    pub name: String,
    /// The first day on which it holds, in the organisation's time zone; from now on where it is left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>, format = Date))]
    pub from: Option<NaiveDate>,
    /// The prices, in any order.
    pub rates: Vec<Rate>,
}

impl Rates {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        let name = self.name.trim();
        if name.is_empty() || name.chars().count() > MOST_NAME {
            return Err(BadValue::new("name", format!("must be 1 to {MOST_NAME} characters")));
        }
        if self.rates.len() > MOST_RATES {
            return Err(BadValue::new("rates", format!("must be {MOST_RATES} prices at most")));
        }
        let mut seen = std::collections::HashMap::new();
        for (n, rate) in self.rates.iter().enumerate() {
            let of = |field: &str| format!("rates[{n}].{field}");
            check_ranges(&[
                (of("step_s").as_str(), i64::from(rate.step_s), 1, 3_600),
                (of("price").as_str(), rate.price.0, 0, DEAREST),
                (of("connection").as_str(), rate.connection.0, 0, DEAREST),
            ])?;
            if rate.trunk.as_ref().is_some_and(|t| t.trim().is_empty() || t.chars().count() > MOST_NAME) {
                return Err(BadValue::new(of("trunk"), format!("must be 1 to {MOST_NAME} characters")));
            }
            if let Some(other) = seen.insert((&rate.trunk, &rate.to, rate.incoming), n) {
                return Err(BadValue::new(of("to"), format!("is the same as that of rates[{other}]")));
            }
        }
        Ok(())
    }
}
