//! From what the carrier did to what the server may show. `unknown` is not in the table: whether it may be shown is a
//! question of kills and silence, not of the answer.
//!
//! | the carrier | allowed |
//! |---|---|
//! | answered | answered_full, answered_partial, interrupted |
//! | answered with a wrong session on purpose | these and provider_error |
//! | cancelled by the caller | no_answer, cancelled |
//! | Q.850 17 | busy |
//! | Q.850 18, 19 | no_answer |
//! | Q.850 20 | out_of_coverage, powered_off |
//! | Q.850 21 | rejected, and what a text says |
//! | Q.850 1, 28 | invalid_number |
//! | Q.850 34, 42 | capacity_exceeded |
//! | Q.850 38, 41, 102 | provider_error |
//! | 486, 600 | busy |
//! | 480 | no_answer, out_of_coverage, powered_off, and what a text says |
//! | 408 | no_answer |
//! | 603, 403 | rejected, and what a text says |
//! | 429 | rate_limited, and what a text says |
//! | 404, 410, 484, 604 | invalid_number |
//! | 503 | capacity_exceeded, provider_error |
//! | other 5xx | provider_error, capacity_exceeded |
//! | 3xx, other 4xx and 6xx | provider_error, rejected, caller_barred |
//! | INVITE came, no final answer | cancelled, interrupted |
//! | no INVITE came | cancelled, provider_error, capacity_exceeded |
//!
//! A text about frequency or rate allows `rate_limited`, about time `time_barred`, about the caller `caller_barred`,
//! about suspension `suspended`, about power `powered_off`, about coverage `out_of_coverage`; where a text allows one of
//! these, `rejected` and `no_answer` of the status stay allowed, because a text is a hint.

use super::input::Facts;

/// Outcomes that may be shown for a call, besides `unknown`.
pub(super) fn allowed(facts: Option<&Facts>) -> Vec<&'static str> {
    let Some(facts) = facts.filter(|f| f.invited || !f.alerts.is_empty()) else {
        return vec!["cancelled", "provider_error", "capacity_exceeded"];
    };
    if facts.answered_at.is_some() {
        let mut allowed = vec!["answered_full", "answered_partial", "interrupted"];
        if facts.fault {
            allowed.push("provider_error");
        }
        return allowed;
    }
    if facts.cancelled {
        return vec!["no_answer", "cancelled"];
    }
    let Some(refusal) = &facts.refusal else { return vec!["cancelled", "interrupted"] };
    let status = refusal.status.unwrap_or_default();
    let text = refusal.text.clone().unwrap_or_default() + " " + refusal.reason.as_deref().unwrap_or_default();
    refused(status, refusal.cause, &text)
}

/// Outcomes that may be shown for a refusal.
pub(super) fn refused(status: u16, cause: Option<u16>, text: &str) -> Vec<&'static str> {
    let hints = hints(text);
    let with = |base: &[&'static str]| {
        let mut all = base.to_vec();
        all.extend(hints.iter().filter(|h| !base.contains(h)));
        all
    };
    match cause {
        Some(17) => return vec!["busy"],
        Some(18 | 19) => return vec!["no_answer"],
        Some(20) => return vec!["out_of_coverage", "powered_off"],
        Some(21) => return with(&["rejected"]),
        Some(1 | 28) => return vec!["invalid_number"],
        Some(34 | 42) => return vec!["capacity_exceeded"],
        Some(38 | 41 | 102) => return vec!["provider_error"],
        _ => {}
    }
    match status {
        486 | 600 => vec!["busy"],
        480 => with(&["no_answer", "out_of_coverage", "powered_off"]),
        408 => vec!["no_answer"],
        603 | 403 => with(&["rejected"]),
        429 => with(&["rate_limited"]),
        404 | 410 | 484 | 604 => vec!["invalid_number"],
        503 => with(&["capacity_exceeded", "provider_error"]),
        500..=599 => with(&["provider_error", "capacity_exceeded"]),
        _ => with(&["provider_error", "rejected", "caller_barred"]),
    }
}

fn hints(text: &str) -> Vec<&'static str> {
    let text = text.to_lowercase();
    let says = |words: &[&str]| words.iter().any(|w| text.contains(w));
    let table: [(&[&str], &str); 6] = [
        (&["frequen", "rate", "too many", "频"], "rate_limited"),
        (&["time of day", "at this time", "time barred", "时段"], "time_barred"),
        (&["caller", "主叫"], "caller_barred"),
        (&["suspend", "停机", "out of service"], "suspended"),
        (&["powered off", "power off", "关机"], "powered_off"),
        (&["coverage", "无法接通", "unreachable"], "out_of_coverage"),
    ];
    table.into_iter().filter(|(words, _)| says(words)).map(|(_, outcome)| outcome).collect()
}

/// True where the carrier refused for good and nobody's phone rang: the recipient was tried.
pub(super) fn tried(facts: &Facts) -> bool {
    !facts.alerts.is_empty() || facts.answered_at.is_some() || facts.refusal.is_some() || facts.cancelled
}
