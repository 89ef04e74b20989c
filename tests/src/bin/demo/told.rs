//! What the figures of the verdict are made of: calls that were further tries, calls that rang nobody, and people whom
//! `again` does not ring.

use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;
use waybell_carrier::truth::read_truth;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::parcel::CallMark;

/// Outcomes and how often, the most frequent first.
pub(crate) type Tally = Vec<(CallOutcome, usize)>;

/// See the module.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    /// People that were to be rung.
    pub(crate) people: usize,
    /// Calls that were placed.
    pub(crate) calls: usize,
    /// Those of them that were not a person's first.
    pub(crate) further: usize,
    /// How the first tries ended that were followed by another.
    pub(crate) why_further: Tally,
    /// Calls that rang by the carrier's log.
    pub(crate) rang: usize,
    /// How the others ended.
    pub(crate) silent: Tally,
    /// People called in vain, whom `again` rings.
    pub(crate) in_vain: usize,
    /// People to whom the network let no call through.
    pub(crate) barred: Tally,
    /// Their parcels.
    pub(crate) barred_waybills: Vec<String>,
}

impl Account {
    /// Of the recipients and attempts of a batch as the API gives them, the Call-IDs that rang, and waybills by parcel.
    pub(crate) fn of(
        people: &[Value],
        attempts: &[Value],
        rang: &HashSet<String>,
        waybills: &HashMap<String, String>,
    ) -> Account {
        let mut account = Account { calls: attempts.len(), ..Account::default() };
        let (mut further, mut silent, mut barred) =
            (Counter::default(), Counter::default(), Counter::default());
        let last: HashMap<&str, u64> = attempts.iter().fold(HashMap::new(), |mut last, attempt| {
            let number = attempt["attempt_no"].as_u64().unwrap_or(1);
            let known = last.entry(attempt["recipient"].as_str().unwrap_or_default()).or_default();
            *known = number.max(*known);
            last
        });
        for attempt in attempts {
            let outcome = attempt["outcome"].as_str().and_then(CallOutcome::parse);
            let number = attempt["attempt_no"].as_u64().unwrap_or(1);
            account.further += usize::from(number > 1);
            if last.get(attempt["recipient"].as_str().unwrap_or_default()).is_some_and(|last| *last > number)
            {
                further.add(outcome);
            }
            let ids = attempt["call_ids"].as_array().into_iter().flatten();
            if ids.filter_map(Value::as_str).any(|id| rang.contains(id)) {
                account.rang += 1;
            } else {
                silent.add(outcome);
            }
        }
        for person in people.iter().filter(|p| p["state"] != "suppressed") {
            account.people += 1;
            match person["mark"].as_str().and_then(CallMark::parse) {
                Some(CallMark::Unanswered) => account.in_vain += 1,
                Some(CallMark::NotCalled) => {
                    barred.add(person["outcome"].as_str().and_then(CallOutcome::parse));
                    let parcels = person["parcels"].as_array().into_iter().flatten();
                    let known = parcels.filter_map(|id| waybills.get(id.as_str()?)).cloned();
                    account.barred_waybills.extend(known);
                }
                _ => {}
            }
        }
        account.why_further = further.sorted();
        account.silent = silent.sorted();
        account.barred = barred.sorted();
        account
    }
}

/// The Call-IDs that rang somebody, by the carrier's log.
pub(crate) fn rang(truth: &Path) -> anyhow::Result<HashSet<String>> {
    let events = read_truth(truth)?;
    Ok(events.into_iter().filter(|e| e.event == "alerted").filter_map(|e| e.call_id).collect())
}

#[derive(Default)]
struct Counter(BTreeMap<&'static str, (CallOutcome, usize)>);

impl Counter {
    fn add(&mut self, outcome: Option<CallOutcome>) {
        if let Some(outcome) = outcome {
            self.0.entry(outcome.as_str()).or_insert((outcome, 0)).1 += 1;
        }
    }

    fn sorted(self) -> Tally {
        let mut all: Tally = self.0.into_values().collect();
        all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn further_tries_silent_calls_and_barred_people_are_counted() {
        let people = [
            json!({ "state": "done", "mark": "unanswered", "outcome": "busy", "parcels": ["p1"] }),
            json!({ "state": "done", "mark": "not_called", "outcome": "rate_limited", "parcels": ["p2", "p3"] }),
            json!({ "state": "done", "mark": "answered", "outcome": "answered_full", "parcels": ["p4"] }),
            json!({ "state": "suppressed", "mark": "not_called", "parcels": ["p5"] }),
        ];
        let attempt = |who: &str, number: u32, outcome: &str, id: &str| json!({ "recipient": who, "attempt_no": number, "outcome": outcome, "call_ids": [id] });
        let attempts = [
            attempt("a", 1, "busy", "1"),
            attempt("a", 2, "busy", "2"),
            attempt("b", 1, "rate_limited", "3"),
            attempt("c", 1, "answered_full", "4"),
        ];
        let waybills = [("p2".to_owned(), "SF2".to_owned()), ("p3".to_owned(), "SF3".to_owned())].into();
        let account = Account::of(&people, &attempts, &["4".to_owned()].into(), &waybills);
        let wanted = Account {
            people: 3,
            calls: 4,
            further: 1,
            why_further: vec![(CallOutcome::Busy, 1)],
            rang: 1,
            silent: vec![(CallOutcome::Busy, 2), (CallOutcome::RateLimited, 1)],
            in_vain: 1,
            barred: vec![(CallOutcome::RateLimited, 1)],
            barred_waybills: vec!["SF2".into(), "SF3".into()],
        };
        assert_eq!(account, wanted);
    }
}
