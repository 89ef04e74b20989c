//! Which number of a pool a new binding gets, and which extension.
//!
//! Of the numbers that none of its parties holds: first those of the city that is asked for, then of the cities that will do
//! instead, then, unless that is forbidden, any. Among these, a number that neither party has had before, so that who dials from
//! the list of last calls does not reach somebody else than they mean; then the one that was had the longest ago; then the one
//! that was bound the longest ago. Ties go by number, so the same pool gives the same answer everywhere.

use crate::clock::UnixMs;
use std::collections::BTreeSet;

/// A number of a pool that none of the parties holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// As stored: `+862131001234`.
    pub number: String,
    /// City that the pool's owner wrote beside it.
    pub city: Option<String>,
    /// When it was last bound.
    pub bound_at: Option<UnixMs>,
    /// When one of these parties last had it.
    pub had_at: Option<UnixMs>,
}

/// Where the number should be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// City by name or area code; the first is best, the others will do instead.
    pub cities: Vec<String>,
    /// A number of none of them will not do.
    pub only: bool,
}

/// The place of the best candidate; `None` where none will do.
#[must_use]
pub fn pick(candidates: &[Candidate], wish: &Wish) -> Option<usize> {
    let rank = |c: &Candidate| wish.cities.iter().position(|city| lies_in(c, city));
    candidates
        .iter()
        .enumerate()
        .filter_map(|(n, c)| match rank(c) {
            Some(rank) => Some((rank, n, c)),
            None if wish.only && !wish.cities.is_empty() => None,
            None => Some((wish.cities.len(), n, c)),
        })
        // None, which is never, is the least
        .min_by(|(r, _, c), (s, _, d)| {
            (r, c.had_at, c.bound_at, &c.number).cmp(&(s, d.had_at, d.bound_at, &d.number))
        })
        .map(|(_, n, _)| n)
}

/// Whether a number is of this city, which is written as a name (杭州, 杭州市) or as its area code (0571).
fn lies_in(candidate: &Candidate, city: &str) -> bool {
    let city = plain(city);
    if city.is_empty() {
        return false;
    }
    if candidate.city.as_deref().is_some_and(|own| plain(own) == city) {
        return true;
    }
    let code = city.trim_start_matches('0');
    let is_code = (2..=3).contains(&code.len()) && code.bytes().all(|b| b.is_ascii_digit());
    // a mobile number lies nowhere by its digits; +8610… with two digits less is Beijing
    is_code
        && candidate.number.len() > 11
        && !is_mobile(&candidate.number)
        && candidate.number.strip_prefix("+86").is_some_and(|n| n.starts_with(code))
}

fn is_mobile(number: &str) -> bool {
    number.len() == 14 && number.starts_with("+861")
}

fn plain(city: &str) -> String {
    city.trim().trim_end_matches('市').to_lowercase()
}

/// A free extension of so many digits; `chance` makes it one that nobody guesses. `None` where all are taken.
#[must_use]
pub fn free_extension(taken: &BTreeSet<String>, digits: u8, chance: u32) -> Option<String> {
    let all = 10u32.checked_pow(u32::from(digits))?;
    let written = |n: u32| format!("{n:0width$}", width = usize::from(digits));
    let first = chance % all;
    (0..all).map(|n| written((first + n) % all)).find(|e| !taken.contains(e))
}
