//! What must hold at the end of a history (DESIGN 2.11): the server's rows against what the carrier saw.

use super::carrier::{Plan, Profile};
use super::history::{Action, Org};
use super::world::{State, World};
use sea_orm::{DatabaseConnection, FromQueryResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::clock::MINUTE;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::policy::Policy;
use waybell_domain::wire::BatchAction;
use waybell_server::store::{Store, all as rows};

/// What people did, by the time at which it was stored.
#[derive(Default)]
pub(crate) struct Ledger {
    undone: HashMap<String, i64>,
    paused: Vec<(String, i64, i64)>,
    stopped: Vec<(usize, i64, i64)>,
    opted_out: Vec<(usize, String, i64)>,
    pub(crate) starts: Vec<i64>,
    /// Attempts whose telephone rang at a death.
    pub(crate) rang_at_death: Vec<(i64, Vec<String>)>,
}

impl Ledger {
    /// A release is on its way: from now on it may be in force, even if its sender is told otherwise.
    pub(crate) fn tried(&mut self, now: i64, action: &Action) {
        if let Action::Act { action: BatchAction::Resume, .. } | Action::Stop { stopped: false, .. } = action
        {
            self.acted(now, action);
        }
    }

    pub(crate) fn acted(&mut self, now: i64, action: &Action) {
        match action {
            Action::Act { batch, action: BatchAction::Undo, .. } => {
                self.undone.entry(batch.to_string()).or_insert(now);
            }
            Action::Act { batch, action: BatchAction::Pause, .. } => {
                self.paused.push((batch.to_string(), now, i64::MAX));
            }
            Action::Act { batch, action: BatchAction::Resume, .. } => {
                let batch = batch.to_string();
                for p in self.paused.iter_mut().filter(|p| p.0 == batch && p.2 == i64::MAX) {
                    p.2 = now;
                }
            }
            Action::Stop { org, stopped: true } => self.stopped.push((*org, now, i64::MAX)),
            Action::Stop { org, stopped: false } => {
                for s in self.stopped.iter_mut().filter(|s| s.0 == *org && s.2 == i64::MAX) {
                    s.2 = now;
                }
            }
            Action::OptOut { org, phone } => self.opted_out.push((*org, phone.clone(), now)),
            _ => {}
        }
    }

    /// Organisations whose calls are held.
    pub(crate) fn stopped_at(&self, now: i64) -> BTreeSet<usize> {
        self.stopped.iter().filter(|s| s.1 <= now && s.2 == i64::MAX).map(|s| s.0).collect()
    }
}

#[derive(Debug, FromQueryResult)]
struct Id {
    id: String,
}

/// Attempts without a result.
pub(crate) async fn open_attempts(store: &Store) -> Vec<String> {
    let found: Vec<Id> =
        rows(store.read(), "SELECT id FROM attempt WHERE is_open = 1 ORDER BY id", []).await.unwrap();
    found.into_iter().map(|r| r.id).collect()
}

#[derive(FromQueryResult)]
struct Held {
    id: String,
    state: String,
    organisation_id: String,
    courier_id: String,
}

/// Batches that wait for somebody.
pub(crate) async fn held(db: &DatabaseConnection) -> Vec<(String, String, String, String)> {
    let sql = "SELECT id, state, organisation_id, courier_id FROM batch WHERE state IN ('paused', 'needs_confirmation')";
    let found: Vec<Held> = rows(db, sql, []).await.unwrap();
    found.into_iter().map(|r| (r.id, r.state, r.organisation_id, r.courier_id)).collect()
}

/// A telephone rings for this attempt.
pub(crate) fn rings(s: &State, attempt: &str, at: i64) -> bool {
    s.calls.values().any(|c| of(&c.id) == attempt && c.alive(at) && c.last.is_none())
}

/// The attempt of a Call-ID.
fn of(call: &str) -> &str {
    call.split('+').next().unwrap_or_default()
}

#[derive(Debug, FromQueryResult)]
struct Attempt {
    id: String,
    recipient_id: String,
    batch_id: String,
    organisation_id: String,
    phone_key: String,
    is_open: i64,
    outcome: Option<String>,
    intent_at: i64,
    end_at: Option<i64>,
    created_at: i64,
    parcels: String,
}

#[derive(Debug, FromQueryResult)]
struct Recipient {
    id: String,
    state: String,
    outcome: Option<String>,
    mark: String,
    attempts: i64,
}

/// What the carrier knows of an attempt.
#[derive(Default)]
struct Truth {
    alerts: Vec<i64>,
    answered: bool,
    ended: Option<i64>,
    status: Option<u16>,
    doubtful: bool,
}

fn truth(s: &State, attempt: &str) -> Truth {
    let mut t = Truth::default();
    for c in s.calls.values().filter(|c| of(&c.id) == attempt) {
        t.alerts.extend(&c.alerts);
        t.answered |= c.answered.is_some();
        t.ended = c.ended.or(t.ended);
        t.status = c.last.map(|l| l.0).or(t.status);
        t.doubtful |= c.plan.leaves_in_doubt();
    }
    t.alerts.sort_unstable();
    t
}

/// Everything that is wrong.
pub(crate) async fn all(
    db: &DatabaseConnection,
    world: &World,
    ledger: &Ledger,
    orgs: &[Org],
) -> Vec<String> {
    let sql = "SELECT a.id, a.recipient_id, a.batch_id, a.organisation_id, a.phone_key, a.is_open, a.outcome, a.intent_at, a.end_at, \
               b.created_at, r.parcels FROM attempt a JOIN batch b ON b.id = a.batch_id JOIN recipient r ON r.id = a.recipient_id \
               ORDER BY a.intent_at, a.id";
    let attempts: Vec<Attempt> = rows(db, sql, []).await.unwrap();
    let sql = "SELECT id, state, outcome, mark, attempts FROM recipient";
    let people: Vec<Recipient> = rows(db, sql, []).await.unwrap();
    #[derive(FromQueryResult)]
    struct Rules {
        id: String,
        policy: String,
    }
    let policies: Vec<Rules> = rows(db, "SELECT id, policy FROM organisation", []).await.unwrap();
    let policies: HashMap<String, Policy> =
        policies.into_iter().map(|r| (r.id, serde_json::from_str(&r.policy).unwrap())).collect();
    let s = world.state.lock();
    let mut wrong = Vec::new();

    for r in &people {
        if !["done", "suppressed", "cancelled"].contains(&r.state.as_str()) {
            wrong.push(format!("missed: recipient {} is {}", r.id, r.state));
        }
    }
    let known: BTreeSet<&str> = attempts.iter().map(|a| a.id.as_str()).collect();
    for c in s.calls.values() {
        // the courier's leg belongs to its attempt
        let attempt = of(&c.id).split('/').next().unwrap_or_default();
        if !known.contains(attempt) {
            wrong.push(format!("a call without an intent: {}", c.id));
        }
    }
    for a in &attempts {
        one(&mut wrong, &s, ledger, orgs, &policies, a);
    }
    people_twice(&mut wrong, &s, ledger, &attempts);
    let mut last: BTreeMap<&str, (&Attempt, i64)> = BTreeMap::new();
    for a in &attempts {
        let entry = last.entry(&a.recipient_id).or_insert((a, 0));
        entry.0 = a;
        entry.1 += 1;
    }
    for r in &people {
        let Some((a, n)) = last.get(r.id.as_str()) else {
            if r.attempts > 0 {
                wrong.push(format!("{} is said to have {} attempts, there is none", r.id, r.attempts));
            }
            continue;
        };
        if r.attempts != *n {
            wrong.push(format!("{} is said to have {} attempts, there are {n}", r.id, r.attempts));
        }
        let settled = ["done", "cancelled"].contains(&r.state.as_str());
        if settled && r.outcome != a.outcome {
            wrong.push(format!("{} shows {:?}, its last attempt has {:?}", r.id, r.outcome, a.outcome));
        }
        let answered = ["answered_full", "answered_partial"].contains(&a.outcome.as_deref().unwrap_or(""));
        if answered && r.mark != "answered" {
            wrong.push(format!("{} was answered and is marked {}", r.id, r.mark));
        }
        if a.outcome.as_deref() == Some("unknown") && !["to_confirm", "answered"].contains(&r.mark.as_str()) {
            wrong.push(format!("{} is unknown and is marked {}", r.id, r.mark));
        }
    }
    wrong
}

fn one(
    wrong: &mut Vec<String>,
    s: &State,
    ledger: &Ledger,
    orgs: &[Org],
    policies: &HashMap<String, Policy>,
    a: &Attempt,
) {
    let t = truth(s, &a.id);
    let id = &a.id;
    if a.is_open != 0 {
        wrong.push(format!("attempt {id} is still open"));
    }
    // a lost 180 before a definite refusal: no server could know that it had rung
    let unheard = s.nature.loss > 0.0
        && s.calls.values().filter(|c| of(&c.id) == id && !c.alerts.is_empty()).all(|c| c.alerts.len() == 1)
        && s.calls.values().any(|c| {
            of(&c.id) == id
                && !c.alerts.is_empty()
                && c.answered.is_none()
                && c.last.is_some_and(|l| l.0 == 503)
        });
    if t.alerts.len() > 1 && !unheard {
        wrong.push(format!("doubled: attempt {id} rang {} times, at {:?}", t.alerts.len(), t.alerts));
    }
    let outcome = a.outcome.as_deref().unwrap_or("none");
    let doubt = ["unknown", "interrupted"].contains(&outcome);
    match outcome {
        "answered_full" | "answered_partial" | "interrupted" if !t.answered => {
            wrong.push(format!("{id} is shown as {outcome}, but nobody answered"));
        }
        "busy" if t.status != Some(486) => wrong.push(format!("{id} busy, the carrier said {:?}", t.status)),
        "rejected" if !matches!(t.status, Some(603 | 403)) => {
            wrong.push(format!("{id} rejected, the carrier said {:?}", t.status));
        }
        "invalid_number" if t.status != Some(404) => {
            wrong.push(format!("{id} invalid, the carrier said {:?}", t.status));
        }
        "provider_error" | "capacity_exceeded" | "caller_barred" | "rate_limited" | "time_barred"
            if !t.alerts.is_empty() && t.status.is_none_or(|s| s < 300) =>
        {
            wrong.push(format!("{id} is shown as {outcome}, but it rang"));
        }
        _ => {}
    }
    if t.answered && !doubt && !["answered_full", "answered_partial", "cancelled"].contains(&outcome) {
        wrong.push(format!("{id} was answered, and is shown as {outcome}"));
    }
    if outcome == "unknown" {
        let flown = s.in_flight.contains(id);
        if !flown && !t.doubtful && s.nature.loss == 0.0 {
            wrong.push(format!("{id} is unknown without a reason (carrier: {:?})", t.status));
        }
        // it rang at the death and went on ringing: the probe must have found it
        let rang: Vec<i64> = ledger.rang_at_death.iter().filter(|d| d.1.contains(id)).map(|d| d.0).collect();
        let found = rang.len() == 1 && {
            let back = ledger.starts.iter().copied().find(|b| *b > rang[0]).unwrap_or(i64::MAX);
            let again = ledger.rang_at_death.iter().any(|d| d.0 > rang[0] && d.0 < back + 60_000);
            let call = s.calls.values().find(|c| of(&c.id) == id && !c.alerts.is_empty());
            let rings = call.is_some_and(|c| {
                c.alive(back.saturating_add(8_000))
                    && c.last.is_none_or(|l| l.1 > back + 8_000)
                    && matches!(c.plan, Plan::Answers { .. })
            });
            rings && !again
        };
        if found && s.nature.loss == 0.0 && s.nature.profile != Profile::IgnoresRequire {
            wrong.push(format!("{id} rang at the death and after it, and is unknown all the same"));
        }
    }
    let wall = UnixMs(a.intent_at);
    if let Some(policy) = policies.get(&a.organisation_id)
        && policy.next_open(wall, chrono_tz::Asia::Shanghai) != wall
    {
        wrong.push(format!("{id} left outside the hours"));
    }
    if ledger.undone.get(&a.batch_id).is_some_and(|u| a.intent_at > *u) {
        wrong.push(format!("{id} left after the undo of its batch"));
    }
    if ledger.paused.iter().any(|p| p.0 == a.batch_id && a.intent_at > p.1 && a.intent_at < p.2) {
        wrong.push(format!("{id} left while its batch was paused"));
    }
    let org = orgs.iter().position(|o| o.id.to_string() == a.organisation_id);
    if ledger.stopped.iter().any(|p| Some(p.0) == org && a.intent_at > p.1 && a.intent_at < p.2) {
        wrong.push(format!("{id} left while every call was held"));
    }
    if ledger.opted_out.iter().any(|o| Some(o.0) == org && o.1 == a.phone_key && a.intent_at > o.2) {
        wrong.push(format!("{id} left to a person who had opted out"));
    }
}

/// What holds between the attempts to one person.
fn people_twice(wrong: &mut Vec<String>, s: &State, ledger: &Ledger, attempts: &[Attempt]) {
    let mut by_person: BTreeMap<(&str, &str), Vec<&Attempt>> = BTreeMap::new();
    for a in attempts {
        by_person.entry((&a.organisation_id, &a.phone_key)).or_default().push(a);
    }
    for list in by_person.values() {
        for (i, b) in list.iter().enumerate() {
            let later = truth(s, &b.id);
            for a in &list[..i] {
                if b.intent_at - a.intent_at < MINUTE {
                    wrong.push(format!(
                        "gap: {} and {} are {} ms apart",
                        a.id,
                        b.id,
                        b.intent_at - a.intent_at
                    ));
                }
                let earlier = truth(s, &a.id);
                let (Some(_), Some(ring)) = (earlier.alerts.first(), later.alerts.first()) else { continue };
                let outcome = a.outcome.as_deref().unwrap_or("none");
                let definite = [
                    "busy",
                    "no_answer",
                    "out_of_coverage",
                    "powered_off",
                    "rate_limited",
                    "time_barred",
                    "capacity_exceeded",
                    "caller_barred",
                    "provider_error",
                ]
                .contains(&outcome);
                let asked_again = b.created_at > a.end_at.unwrap_or(i64::MAX);
                let undone = ledger.undone.get(&a.batch_id).is_some_and(|u| b.created_at >= *u);
                if a.recipient_id == b.recipient_id && (!definite || earlier.answered) {
                    wrong.push(format!(
                        "second ring: {} ({outcome}, answered {}) and {}",
                        a.id, earlier.answered, b.id
                    ));
                }
                let told = ["answered_full", "answered_partial"].contains(&outcome);
                if told && !asked_again {
                    wrong.push(format!(
                        "second ring: {} had told it when {} rang for an older tap",
                        a.id, b.id
                    ));
                }
                if doubt(outcome) && !asked_again && !undone && shares(a, b) {
                    wrong.push(format!("second ring: {} is {outcome}, {} rang for an older tap", a.id, b.id));
                }
                let alive = earlier.alerts.first().is_some_and(|x| x <= ring)
                    && earlier.ended.is_none_or(|e| e > *ring);
                if alive && !doubt(outcome) {
                    wrong.push(format!("{} rang while {} was alive", b.id, a.id));
                }
            }
        }
    }
}

fn doubt(outcome: &str) -> bool {
    ["unknown", "interrupted"].contains(&outcome)
}

fn shares(a: &Attempt, b: &Attempt) -> bool {
    let list = |a: &Attempt| serde_json::from_str::<BTreeSet<String>>(&a.parcels).unwrap_or_default();
    !list(a).is_disjoint(&list(b))
}
