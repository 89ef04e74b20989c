//! The checks, one function each. They only read the case and add violations.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;

use super::{
    Case, Person, Summary, Violation,
    input::{Attempt, Facts, Recipient},
    table,
};
use crate::{clock::Window, truth::TruthEvent};

/// Share of a prompt from which it counts as heard whole.
const WHOLE: f64 = 0.9;

/// A line of evidence.
fn line(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn lines(events: &[TruthEvent]) -> Vec<String> {
    events.iter().map(line).collect()
}

fn person_name(phone: &str, extension: Option<&str>) -> String {
    extension.map_or_else(|| phone.to_owned(), |e| format!("{phone}#{e}"))
}

impl<'a> Case<'a> {
    fn violation(&mut self, check: &'static str, phone: String, message: String, evidence: Vec<String>) {
        self.violations.push(Violation { check, phone, message, evidence });
    }

    fn attempts_of(&self, r: &Recipient) -> Vec<&'a Attempt> {
        let own = |a: &&Attempt| a.batch == r.batch && a.phone == r.phone && a.extension == r.extension;
        self.input.attempts.iter().filter(own).collect()
    }

    fn facts_of(&self, attempt: &Attempt) -> Vec<&Facts> {
        attempt.calls.iter().filter_map(|c| self.facts.get(&c.call_id)).collect()
    }

    /// All rings that belong to some attempt, in order of time.
    fn owned_alerts(&self) -> Vec<(&'a Attempt, TruthEvent)> {
        let mut all: Vec<(&Attempt, TruthEvent)> = self
            .facts
            .iter()
            .filter_map(|(id, f)| self.owner.get(id.as_str()).map(|a| (*a, f)))
            .flat_map(|(a, f)| f.alerts.iter().map(move |e| (a, e.clone())))
            .collect();
        all.sort_by_key(|(_, e)| (e.at_ms, e.alert_id));
        all
    }

    /// Every recipient is done, and was tried unless there is a reason.
    pub(super) fn recipients(&mut self) {
        // One pass over the attempts, so that ten thousand recipients are no ten thousand passes.
        let mut by_row: HashMap<(&str, &str, Option<&str>), Vec<&Attempt>> = HashMap::new();
        for a in &self.input.attempts {
            by_row.entry((&a.batch, &a.phone, a.extension.as_deref())).or_default().push(a);
        }
        for r in &self.input.recipients {
            let name = person_name(&r.phone, r.extension.as_deref());
            if !r.terminal {
                let message = format!("recipient of batch {} is not done: state {:?}", r.batch, r.state);
                self.violation("not_terminal", name, message, vec![line(r)]);
                continue;
            }
            let excused = r.suppressed.is_some()
                || matches!(r.outcome.as_deref(), Some("cancelled" | "unknown"))
                || matches!(r.state.as_str(), "cancelled" | "suppressed")
                || r.mark.as_deref() == Some("to_confirm");
            let attempts = by_row
                .get(&(r.batch.as_str(), r.phone.as_str(), r.extension.as_deref()))
                .cloned()
                .unwrap_or_default();
            let tried =
                attempts.iter().any(|a| a.carry_over || self.facts_of(a).into_iter().any(table::tried));
            if !excused && !tried {
                let mut evidence = vec![line(r)];
                evidence.extend(attempts.iter().map(|a| line(*a)));
                let message = format!("recipient of batch {} is done but was never tried", r.batch);
                self.violation("missed", name, message, evidence);
            }
        }
    }

    /// One ring a call, one ring an attempt.
    pub(super) fn doubled(&mut self) {
        let calls: Vec<(String, String, Vec<String>, usize)> = self
            .facts
            .iter()
            .filter(|(_, f)| f.alerts.len() > 1)
            .map(|(id, f)| (id.clone(), f.callee.clone(), lines(&f.events), f.alerts.len()))
            .collect();
        for (id, callee, evidence, count) in calls {
            self.violation("doubled", callee, format!("call {id} rang {count} times"), evidence);
        }
        for attempt in &self.input.attempts {
            let ringing: Vec<&Facts> =
                self.facts_of(attempt).into_iter().filter(|f| !f.alerts.is_empty()).collect();
            if ringing.len() > 1 {
                let mut evidence = vec![line(attempt)];
                evidence.extend(ringing.iter().flat_map(|f| lines(&f.alerts)));
                let name = person_name(&attempt.phone, attempt.extension.as_deref());
                let message = format!("attempt {} rang in {} of its calls", attempt.id, ringing.len());
                self.violation("doubled", name, message, evidence);
            }
        }
    }

    /// Every ring belongs to an attempt at that number.
    pub(super) fn rings(&mut self) {
        let mut found = Vec::new();
        for (id, f) in &self.facts {
            if f.alerts.is_empty() {
                continue;
            }
            let side = self.input.sides.iter().find(|s| s.call_id == *id);
            match self.owner.get(id.as_str()) {
                None if side.is_some_and(|s| s.phone == f.callee) => {}
                None => {
                    let message = format!("call {id} rang but belongs to no attempt");
                    found.push(("foreign", f.callee.clone(), message, lines(&f.alerts)));
                }
                Some(a) if a.phone != f.callee => {
                    let mut evidence = vec![line(*a)];
                    evidence.extend(lines(&f.alerts));
                    let message = format!("attempt {} at {} rang {}", a.id, a.phone, f.callee);
                    found.push(("misdialled", a.phone.clone(), message, evidence));
                }
                Some(_) => {}
            }
        }
        for (check, phone, message, evidence) in found {
            self.violation(check, phone, message, evidence);
        }
    }

    /// What is promised to a person across batches: the gap, no more rings than attempts, none after an answered one.
    pub(super) fn persons(&mut self) {
        let mut alerts: BTreeMap<Person, Vec<(&Attempt, TruthEvent)>> = BTreeMap::new();
        for (attempt, event) in self.owned_alerts() {
            alerts
                .entry((attempt.phone.clone(), attempt.extension.clone()))
                .or_default()
                .push((attempt, event));
        }
        let mut attempts: BTreeMap<Person, usize> = BTreeMap::new();
        let mut by_number: BTreeMap<&str, usize> = BTreeMap::new();
        for a in &self.input.attempts {
            *attempts.entry((a.phone.clone(), a.extension.clone())).or_default() += 1;
            *by_number.entry(&a.phone).or_default() += 1;
        }
        let gap = self.input.policy.min_gap_ms.unwrap_or(0);
        for (person, rings) in &alerts {
            let name = person_name(&person.0, person.1.as_deref());
            for pair in rings.windows(2) {
                // Rings of one attempt are `doubled` already.
                let distance = pair[1].1.at_ms.saturating_sub(pair[0].1.at_ms);
                if pair[0].0.id != pair[1].0.id && distance < gap {
                    let message = format!("two rings {distance} ms apart, the gap is {gap} ms");
                    let evidence = vec![line(&pair[0].1), line(&pair[1].1)];
                    self.violation("gap", name.clone(), message, evidence);
                }
            }
            let allowed = attempts.get(person).copied().unwrap_or(0);
            if rings.len() > allowed {
                let message = format!("{} rings for {allowed} attempts", rings.len());
                let evidence = rings.iter().map(|(_, e)| line(e)).collect();
                self.violation("too_many_alerts", name.clone(), message, evidence);
            }
            self.after_answer(&name, rings);
        }
        self.numbers(&by_number);
        self.attempts_allowed();
    }

    fn after_answer(&mut self, name: &str, rings: &[(&'a Attempt, TruthEvent)]) {
        let mut answered: BTreeMap<Option<&str>, (u64, TruthEvent)> = BTreeMap::new();
        for (attempt, event) in rings {
            let row = (attempt.batch.as_str(), attempt.phone.as_str(), attempt.extension.as_deref());
            let notice = self.notices.get(&row).copied().flatten();
            if let Some((at, first)) = answered.get(&notice)
                && event.call_id != first.call_id
                && event.at_ms >= *at
            {
                let message = format!("rang again after an answered ring, notice {}", notice.unwrap_or("-"));
                let evidence = vec![line(first), line(event), line(*attempt)];
                self.violation("rung_after_answer", name.to_owned(), message, evidence);
            }
            let facts = event.call_id.as_ref().and_then(|c| self.facts.get(c));
            if let Some(at) = facts.and_then(|f| f.answered_at) {
                answered.entry(notice).or_insert((at, event.clone()));
            }
        }
    }

    /// A number shared by extensions rings no more often than all of them were attempted. Rings without an attempt
    /// count here too.
    fn numbers(&mut self, attempts: &BTreeMap<&str, usize>) {
        let mut rings: BTreeMap<String, Vec<TruthEvent>> = BTreeMap::new();
        for f in self.facts.values() {
            rings.entry(f.callee.clone()).or_default().extend(f.alerts.iter().cloned());
        }
        for (phone, mut events) in rings {
            let sides = self.input.sides.iter().filter(|s| s.phone == phone).count();
            let allowed = attempts.get(phone.as_str()).copied().unwrap_or(0) + sides;
            if events.len() > allowed {
                events.sort_by_key(|e| e.at_ms);
                let message = format!("the number rang {} times for {allowed} attempts", events.len());
                self.violation("too_many_alerts", phone, message, lines(&events));
            }
        }
    }

    fn attempts_allowed(&mut self) {
        let Some(max) = self.input.policy.max_attempts else { return };
        let mut rows: BTreeMap<(&str, &str, Option<&str>), Vec<&Attempt>> = BTreeMap::new();
        for a in &self.input.attempts {
            // What the network refused for its own reasons is not counted as an attempt (GLOSSARY).
            let free =
                matches!(a.outcome.as_deref(), Some("rate_limited" | "time_barred" | "capacity_exceeded"));
            if !free {
                rows.entry((&a.batch, &a.phone, a.extension.as_deref())).or_default().push(a);
            }
        }
        for ((_, phone, extension), attempts) in rows {
            if attempts.len() > max as usize {
                let message = format!("{} attempts, {max} are allowed", attempts.len());
                let evidence = attempts.iter().map(|a| line(*a)).collect();
                self.violation("too_many_attempts", person_name(phone, extension), message, evidence);
            }
        }
    }

    /// What is shown for each attempt, and how much may be unknown.
    pub(super) fn outcomes(&mut self) {
        let (mut open, mut silent) = (Vec::new(), 0usize);
        for attempt in &self.input.attempts {
            if attempt.carry_over {
                continue;
            }
            let facts: Vec<&Facts> = self.facts_of(attempt);
            let name = person_name(&attempt.phone, attempt.extension.as_deref());
            // The last call that did anything decides; an answer or a ring in any decides before it.
            let decisive = facts
                .iter()
                .find(|f| f.answered_at.is_some())
                .or_else(|| facts.iter().find(|f| !f.alerts.is_empty()))
                .or_else(|| facts.iter().rev().find(|f| f.invited))
                .copied();
            let evidence = || {
                let mut e = vec![line(attempt)];
                e.extend(decisive.iter().flat_map(|f| lines(&f.events)));
                e
            };
            // A CANCEL before anything rang is a time-out of the server's own.
            let mute = decisive.is_none_or(|f| {
                let given_up = !f.cancelled || f.alerts.is_empty();
                f.fault || f.answered_at.is_none() && given_up && (f.cancelled || f.refusal.is_none())
            });
            match attempt.outcome.as_deref() {
                Some(shown @ ("unknown" | "interrupted")) => {
                    // Answered, and nothing could be said: no usable session, or our CANCEL, or the undo that had not yet
                    // become one, crossed the answer.
                    let cut = shown == "interrupted"
                        && decisive.is_some_and(|f| {
                            f.answered_at.is_some() && (f.fault || f.cancelled || broken_off(f))
                        });
                    open.push(line(attempt));
                    silent += usize::from(mute || cut);
                    let in_flight = self.in_flight.contains(attempt.id.as_str());
                    let never_answered = decisive.is_none_or(|f| f.answered_at.is_none());
                    if shown == "interrupted" && never_answered && !in_flight {
                        let (m, e) = ("shown as interrupted but was never answered".to_owned(), evidence());
                        self.violation("wrong_outcome", name, m, e);
                    } else if !in_flight && !cut && (!mute || shown != "unknown") {
                        let message = format!("shown as {shown}, but no kill and no silence explains it");
                        let e = evidence();
                        self.violation("unknown", name, message, e);
                    }
                }
                Some(shown) => {
                    let allowed = table::allowed(decisive);
                    if !allowed.contains(&shown) {
                        let message = format!("shown as {shown}, the truth allows {}", allowed.join(", "));
                        let e = evidence();
                        self.violation("wrong_outcome", name, message, e);
                    }
                }
                None => {}
            }
        }
        let most = self.in_flight.len() + silent;
        if open.len() > most {
            let message = format!("{} unknown or interrupted, at most {most} may be", open.len());
            self.violation("too_many_unknown", String::new(), message, open);
        }
    }

    /// Marks of recipients against the truth.
    pub(super) fn marks(&mut self) {
        let mut answered: BTreeSet<(&str, &str, Option<&str>)> = BTreeSet::new();
        let mut carried = BTreeSet::new();
        for a in &self.input.attempts {
            if a.carry_over {
                carried.insert((a.batch.as_str(), a.phone.as_str(), a.extension.as_deref()));
            } else if self.facts_of(a).iter().any(|f| f.answered_at.is_some()) {
                answered.insert((&a.batch, &a.phone, a.extension.as_deref()));
            }
        }
        let mut found = Vec::new();
        for r in &self.input.recipients {
            let row = (r.batch.as_str(), r.phone.as_str(), r.extension.as_deref());
            if carried.contains(&row) {
                continue;
            }
            let wrong = match (answered.contains(&row), r.mark.as_deref()) {
                (true, Some(mark @ ("unanswered" | "not_called"))) => {
                    Some(format!("answered, but marked {mark}"))
                }
                (false, Some("answered")) => Some("marked answered, but never answered".to_owned()),
                _ => None,
            };
            if let Some(message) = wrong {
                found.push((r, message));
            }
        }
        for (r, message) in found {
            let mut evidence = vec![line(r)];
            for a in self.attempts_of(r) {
                evidence.push(line(a));
                evidence.extend(self.facts_of(a).into_iter().flat_map(|f| lines(&f.events)));
            }
            self.violation("wrong_mark", person_name(&r.phone, r.extension.as_deref()), message, evidence);
        }
    }

    /// No ring outside the window.
    pub(super) fn window(&mut self) -> anyhow::Result<()> {
        let policy = &self.input.policy;
        let Some((from, to)) = &policy.window else { return Ok(()) };
        let window = Window::new(from, to, policy.time_zone.as_deref())?;
        let late: Vec<TruthEvent> = self
            .facts
            .values()
            .flat_map(|f| f.alerts.iter())
            .filter(|e| !window.contains(e.at_ms))
            .cloned()
            .collect();
        for event in late {
            let phone = event.callee.clone().unwrap_or_default();
            let message = format!("rang outside {from} to {to}");
            self.violation("window", phone, message, vec![line(&event)]);
        }
        Ok(())
    }

    /// Answered in full means that a whole prompt was heard, where the carrier listened.
    pub(super) fn heard(&mut self) {
        let mut found = Vec::new();
        for attempt in self.input.attempts.iter().filter(|a| a.outcome.as_deref() == Some("answered_full")) {
            for f in self.facts_of(attempt).iter().filter(|f| f.answered_at.is_some()) {
                let Some(event) = &f.heard else { continue };
                let Some(heard) = &event.heard else { continue };
                if !heard.iter().any(|h| h.fraction >= WHOLE) {
                    found.push((attempt, event.clone()));
                }
            }
        }
        for (attempt, event) in found {
            let name = person_name(&attempt.phone, attempt.extension.as_deref());
            let message = "shown as answered in full, but no whole notice was heard".to_owned();
            self.violation("not_heard", name, message, vec![line(attempt), line(&event)]);
        }
    }

    /// Counts.
    pub(super) fn summary(&self) -> Summary {
        let count = |names: &[&str]| self.violations.iter().filter(|v| names.contains(&v.check)).count();
        let shown = |o: &str| self.input.attempts.iter().filter(|a| a.outcome.as_deref() == Some(o)).count();
        Summary {
            recipients: self.input.recipients.len(),
            suppressed: self.input.recipients.iter().filter(|r| r.suppressed.is_some()).count(),
            attempts: self.input.attempts.len(),
            alerted: self.facts.values().map(|f| f.alerts.len()).sum(),
            answered: self.facts.values().filter(|f| f.answered_at.is_some()).count(),
            missed: count(&["missed", "not_terminal"]),
            doubled: count(&["doubled", "foreign", "rung_after_answer"]),
            unknown: shown("unknown"),
            interrupted: shown("interrupted"),
            kills: self.input.kills.len(),
            in_flight_at_kills: self.in_flight.len(),
        }
    }
}

/// Whether the caller ended the call before the callee had heard a packet.
fn broken_off(facts: &Facts) -> bool {
    let by_caller = facts.events.iter().any(|e| e.event == "bye" && e.by.as_deref() == Some("caller"));
    by_caller && facts.events.iter().any(|e| e.media.as_ref().is_some_and(|m| m.packets == 0))
}
