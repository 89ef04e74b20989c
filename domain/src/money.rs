//! Money in whole minor units: fen, never a floating point number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A currency with two decimals. ISO 4217 code in JSON.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "UPPERCASE")]
pub enum Currency {
    /// Renminbi yuan; the minor unit is the fen.
    #[default]
    Cny,
    /// Hong Kong dollar.
    Hkd,
    /// US dollar.
    Usd,
    /// Euro.
    Eur,
}

impl Currency {
    const fn sign(self) -> &'static str {
        match self {
            Self::Cny => "¥",
            Self::Hkd => "HK$",
            Self::Usd => "$",
            Self::Eur => "€",
        }
    }
}

/// An amount, for example 310 fen, shown as `¥3.10`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Money {
    /// The amount in minor units (fen, cents); may be negative.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

impl Money {
    /// An amount of yuan given in fen.
    #[must_use]
    pub const fn fen(minor: i64) -> Self {
        Self { minor, currency: Currency::Cny }
    }

    /// The sum; `None` if the currencies differ or the sum does not fit.
    #[must_use]
    pub fn checked_add(self, other: Self) -> Option<Self> {
        if self.currency != other.currency {
            return None;
        }
        Some(Self { minor: self.minor.checked_add(other.minor)?, currency: self.currency })
    }

    /// `times` times the amount; saturates.
    #[must_use]
    pub const fn times(self, times: i64) -> Self {
        Self { minor: self.minor.saturating_mul(times), currency: self.currency }
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, abs) = (if self.minor < 0 { "-" } else { "" }, self.minor.unsigned_abs());
        write!(f, "{sign}{}{}.{:02}", self.currency.sign(), abs / 100, abs % 100)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_two_decimals() {
        assert_eq!(Money::fen(310).to_string(), "¥3.10");
        assert_eq!(Money::fen(-5).to_string(), "-¥0.05");
        assert_eq!(Money::fen(i64::MIN).to_string(), "-¥92233720368547758.08");
        assert_eq!(Money { minor: 100_000, currency: Currency::Hkd }.to_string(), "HK$1000.00");
    }

    #[test]
    fn adds_within_a_currency() {
        assert_eq!(Money::fen(1).checked_add(Money::fen(2)), Some(Money::fen(3)));
        assert_eq!(Money::fen(1).checked_add(Money { minor: 1, currency: Currency::Usd }), None);
        assert_eq!(Money::fen(i64::MAX).checked_add(Money::fen(1)), None);
    }

    #[test]
    fn record() {
        insta::assert_json_snapshot!(Money::fen(310), @r#"
        {
          "minor": 310,
          "currency": "CNY"
        }
        "#);
    }
}
