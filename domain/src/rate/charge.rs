//! What a leg costs, and why.

use serde::{Deserialize, Serialize};

use super::{Micros, Rate, Rates};
use crate::lang::Lang;
use crate::phone::{PhoneKind, PhoneNumber};

/// A leg that was answered on a trunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChargedLeg<'a> {
    /// Name of the trunk; `None` where it is not known any more.
    pub trunk: Option<&'a str>,
    /// The number that was rung, with `+` and country code where it has one.
    pub number: &'a str,
    /// It came in.
    pub incoming: bool,
    /// From the answer to the end, ms.
    pub talked_ms: i64,
}

words! {
    /// How a charge came about.
    pub enum Rated {
        /// By a price.
        Rated = "rated", "已计费", "charged";
        /// A leg that came in, for which nobody asks anything.
        Free = "free", "免费", "free";
        /// There is no price for it: it costs nothing, and somebody should know.
        Unrated = "unrated", "无费率", "no price";
    }
}

/// The charge of one leg, with all that it was made from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Charge {
    /// How it came about.
    pub rated: Rated,
    /// What it is, 0 or more.
    pub amount: Micros,
    /// Steps that were charged.
    pub steps: i64,
    /// Time from the answer to the end, ms.
    pub talked_ms: i64,
    /// The price that was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
}

impl Charge {
    /// A charge without a price.
    #[must_use]
    pub fn nothing(rated: Rated, talked_ms: i64) -> Self {
        Self { rated, amount: Micros::ZERO, steps: 0, talked_ms: talked_ms.max(0), rate: None }
    }

    /// Why it is so much, for a person: `2 × 6 s × ¥0.0065 + ¥0.10 (mobile, trunk north) = ¥0.113`.
    #[must_use]
    pub fn explain(&self, lang: Lang) -> String {
        let Some(rate) = &self.rate else { return self.rated.label(lang).to_owned() };
        let mut out = format!("{} × {} {} × {}", self.steps, rate.step_s, lang.pick("秒", "s"), rate.price);
        if rate.connection != Micros::ZERO {
            out.push_str(&format!(" + {}", rate.connection));
        }
        let trunk = rate.trunk.as_ref().map(|t| format!("{}{t}", lang.pick("，线路 ", ", trunk ")));
        out.push_str(&format!(
            "{}{}{}{} = {}",
            lang.pick("（", " ("),
            rate.to,
            trunk.unwrap_or_default(),
            lang.pick("）", ")"),
            self.amount
        ));
        out
    }
}

impl Rates {
    /// The price for a leg: the longest prefix before a kind of line, a kind before any; among these its own trunk's.
    #[must_use]
    pub fn rate(&self, leg: &ChargedLeg<'_>) -> Option<&Rate> {
        let kind = kind(leg.number);
        let fitting = self.rates.iter().filter_map(|rate| {
            let trunk = rate.trunk.as_deref();
            if rate.incoming != leg.incoming || trunk.is_some() && trunk != leg.trunk {
                return None;
            }
            Some(((rate.to.fits(leg.number, kind)?, trunk.is_some()), rate))
        });
        fitting.max_by_key(|(how_special, _)| *how_special).map(|(_, rate)| rate)
    }

    /// What a leg costs: started steps whole, from the answer on.
    #[must_use]
    pub fn charge(&self, leg: &ChargedLeg<'_>) -> Charge {
        match self.rate(leg) {
            Some(rate) => Charge {
                rated: Rated::Rated,
                amount: rate.cost(leg.talked_ms),
                steps: rate.steps(leg.talked_ms),
                talked_ms: leg.talked_ms.max(0),
                rate: Some(rate.clone()),
            },
            None if leg.incoming => Charge::nothing(Rated::Free, leg.talked_ms),
            None => Charge::nothing(Rated::Unrated, leg.talked_ms),
        }
    }
}

/// The kind of line; numbers that are read nowhere else (15-digit 700 numbers) have none.
fn kind(number: &str) -> Option<PhoneKind> {
    PhoneNumber::from_key(number).ok().map(|n| n.kind())
}
