//! Amounts of money in millionths of a yuan.

use std::fmt;
use std::iter::Sum;
use std::ops::Neg;

use serde::{Deserialize, Serialize};

/// A text that is no amount of money.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no amount of money: write yuan with up to six decimals, such as 12.34")]
pub struct AmountError;

/// Millionths of a yuan: ¥1 is 1,000,000, a fen 10,000. A number in JSON, shown as `¥12.34`; decimals beyond the second only
/// where they are not zero. Sums stop at the ends of the type, nine trillion yuan away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct Micros(pub i64);

impl Micros {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// A yuan.
    pub const YUAN: Self = Self(1_000_000);

    /// An amount in fen.
    #[must_use]
    pub const fn fen(fen: i64) -> Self {
        Self(fen.saturating_mul(10_000))
    }

    /// The sum.
    #[must_use]
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// The difference.
    #[must_use]
    pub const fn less(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// So many times the amount.
    #[must_use]
    pub const fn times(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }

    /// Reads yuan with up to six decimals, with or without `¥`: `12.34`, `-0.5`, `¥100`.
    ///
    /// # Errors
    /// [`AmountError`] for anything else, and for what does not fit.
    pub fn parse(text: &str) -> Result<Self, AmountError> {
        let text = text.trim();
        let (negative, text) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let text = text.strip_prefix(['¥', '￥']).unwrap_or(text);
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let digits = |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 6 {
            return Err(AmountError);
        }
        let part: i64 = format!("{part:0<6}").parse().map_err(|_| AmountError)?;
        let whole: i64 = whole.parse().map_err(|_| AmountError)?;
        let amount = whole.checked_mul(Self::YUAN.0).and_then(|w| w.checked_add(part)).ok_or(AmountError)?;
        Ok(Self(if negative { -amount } else { amount }))
    }
}

impl Neg for Micros {
    type Output = Self;

    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl Sum for Micros {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::ZERO, Self::plus)
    }
}

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, abs) = (if self.0 < 0 { "-" } else { "" }, self.0.unsigned_abs());
        let part = format!("{:06}", abs % 1_000_000);
        let kept = part.trim_end_matches('0').len().max(2);
        write!(f, "{sign}¥{}.{}", abs / 1_000_000, &part[..kept])
    }
}
