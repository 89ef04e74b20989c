//! The result, for people and for programs.

use serde::Serialize;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// Name of the check, see [`crate::judge`].
    pub check: &'static str,
    /// Who it is about: number, or number and extension as `number#extension`.
    pub phone: String,
    /// What is wrong.
    pub message: String,
    /// Lines of the inputs that show it, as JSON.
    pub evidence: Vec<String>,
}

/// Counts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// Recipients in the export.
    pub recipients: usize,
    /// Recipients that were suppressed.
    pub suppressed: usize,
    /// Attempts in the export.
    pub attempts: usize,
    /// Rings in the truth log.
    pub alerted: usize,
    /// Calls that were answered.
    pub answered: usize,
    /// Recipients missed or not done.
    pub missed: usize,
    /// Calls and attempts that rang twice, rings of nobody's attempt, rings after an answered one.
    pub doubled: usize,
    /// Attempts shown as unknown.
    pub unknown: usize,
    /// Attempts shown as interrupted.
    pub interrupted: usize,
    /// Kills of the server.
    pub kills: usize,
    /// Attempts in flight at a kill, intents included.
    pub in_flight_at_kills: usize,
}

/// Counts and violations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Counts.
    pub summary: Summary,
    /// Broken promises; empty when all are kept.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// A report for people: counts, then each violation with its evidence.
    pub fn text(&self) -> String {
        use std::fmt::Write as _;
        let s = &self.summary;
        let mut text = String::new();
        let _ = writeln!(
            text,
            "recipients {}, suppressed {}, attempts {}, alerted {}, answered {}",
            s.recipients, s.suppressed, s.attempts, s.alerted, s.answered
        );
        let _ = writeln!(
            text,
            "missed {}, doubled {}, unknown {}, interrupted {}; kills {}, in flight at them {}",
            s.missed, s.doubled, s.unknown, s.interrupted, s.kills, s.in_flight_at_kills
        );
        for violation in &self.violations {
            let _ =
                writeln!(text, "VIOLATION {} {}: {}", violation.check, violation.phone, violation.message);
            for line in &violation.evidence {
                let _ = writeln!(text, "    {line}");
            }
        }
        let _ = match self.violations.len() {
            0 => writeln!(text, "verdict: clean"),
            1 => writeln!(text, "verdict: 1 violation"),
            n => writeln!(text, "verdict: {n} violations"),
        };
        text
    }
}
