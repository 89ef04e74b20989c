//! The judge: truth log against export.
//!
//! It trusts the carrier alone. The checks, by the name that a violation carries:
//!
//! | check | violated by |
//! |---|---|
//! | `not_terminal` | a recipient that is not done |
//! | `missed` | a recipient that is done, neither suppressed nor cancelled nor to be confirmed, and was never tried |
//! | `doubled` | two rings in one call or one attempt |
//! | `foreign` | a ring whose Call-ID no attempt has, and no call of a courier's own telephone |
//! | `misdialled` | a ring at another number than the attempt's |
//! | `gap` | two rings of a person closer than the gap |
//! | `too_many_alerts` | more rings than attempts, for a person or for a number with all its extensions |
//! | `too_many_attempts` | more attempts than the policy allows |
//! | `rung_after_answer` | a ring of a person after an answered one of the same notice, whatever the batch |
//! | `wrong_outcome` | an attempt shown as something that the truth excludes (see the table in `table.rs`) |
//! | `wrong_mark` | a recipient marked unanswered or not called who answered, or answered who did not |
//! | `unknown` | an attempt shown as unknown or interrupted that no kill and no silence of the carrier explains |
//! | `too_many_unknown` | more of these than calls in flight at the kills and calls without an answer |
//! | `window` | a ring outside the calling window |
//! | `not_heard` | a recipient shown as answered in full who heard no whole notice (only for calls listened to) |

mod checks;
mod input;
mod table;
#[cfg(test)]
mod tests;
mod verdict;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use input::{Attempt, AttemptCall, Input, Policy, Recipient, SideCall};
pub use verdict::{Summary, Verdict, Violation};

use input::Facts;

/// A person: number and extension.
type Person = (String, Option<String>);

/// The input, indexed.
struct Case<'a> {
    input: &'a Input,
    facts: BTreeMap<String, Facts>,
    /// Attempt by Call-ID.
    owner: HashMap<&'a str, &'a Attempt>,
    /// Notice by batch, number and extension.
    notices: HashMap<(&'a str, &'a str, Option<&'a str>), Option<&'a str>>,
    violations: Vec<Violation>,
    /// Attempts whose span holds a kill.
    in_flight: HashSet<&'a str>,
}

/// Judges. The violations are in the order of the checks, each with its evidence.
///
/// # Errors
/// The policy's window or time zone is unreadable.
pub fn judge(input: &Input) -> anyhow::Result<Verdict> {
    let mut case = Case {
        facts: input::facts(&input.truth),
        owner: HashMap::new(),
        notices: HashMap::new(),
        violations: Vec::new(),
        in_flight: HashSet::new(),
        input,
    };
    for attempt in &input.attempts {
        for call in &attempt.calls {
            case.owner.insert(&call.call_id, attempt);
        }
        let end = attempt.ended_at_ms.unwrap_or(u64::MAX);
        if input.kills.iter().any(|k| (attempt.intent_at_ms..=end).contains(k)) {
            case.in_flight.insert(&attempt.id);
        }
    }
    for r in &input.recipients {
        case.notices.insert((&r.batch, &r.phone, r.extension.as_deref()), r.notice.as_deref());
    }
    case.recipients();
    case.doubled();
    case.rings();
    case.persons();
    case.outcomes();
    case.marks();
    case.window()?;
    case.heard();
    let summary = case.summary();
    Ok(Verdict { summary, violations: case.violations })
}
