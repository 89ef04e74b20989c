//! What must hold at the end of a history (DESIGN 2.11): the server's rows against what the carrier saw.

use super::callee::Plan;
use super::carrier::{Call, Profile};
use super::history::Org;
use super::ledger::Ledger;
use super::world::{State, World};
use sea_orm::{DatabaseConnection, FromQueryResult};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::clock::MINUTE;
use waybell_domain::dial::policy::{CarrierLimits, Policy};
use waybell_server::store::{Store, all as rows, number, one as one_row};

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

/// Those of them whose undo is stored.
pub(crate) async fn undone_attempts(store: &Store) -> Vec<String> {
    let sql = "SELECT id FROM attempt WHERE is_open = 1 AND cancel_requested = 1 ORDER BY id";
    let found: Vec<Id> = rows(store.read(), sql, []).await.unwrap();
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

/// Whether a batch, or an organisation, may call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    Free,
    Held,
    Over,
}

#[derive(FromQueryResult)]
struct BatchState {
    state: String,
}

/// Whether a batch is paused or undone.
pub(crate) async fn standing(db: &DatabaseConnection, batch: &str) -> Option<Standing> {
    let row: Option<BatchState> =
        one_row(db, "SELECT state FROM batch WHERE id = $1", [batch.into()]).await.unwrap();
    row.map(|r| match r.state.as_str() {
        "paused" => Standing::Held,
        "cancelling" | "cancelled" => Standing::Over,
        _ => Standing::Free,
    })
}

/// Whether an organisation has stopped everything.
pub(crate) async fn stopped(db: &DatabaseConnection, organisation: &str) -> Standing {
    let sql = "SELECT stopped FROM organisation WHERE id = $1";
    match number(db, sql, [organisation.into()]).await.unwrap() {
        0 => Standing::Free,
        _ => Standing::Held,
    }
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
    people_twice(&mut wrong, &s, ledger, orgs, &attempts);
    carriers(&mut wrong, &policies, &attempts);
    rings_on(&mut wrong, &s, ledger);
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

/// An attempt may ring a second time on another route only if no server could know that it rang: every 18x of the call
/// before was lost, and then the carrier refused it.
fn doubled(s: &State, attempt: &str) -> bool {
    let mut rang: Vec<&Call> =
        s.calls.values().filter(|c| of(&c.id) == attempt && !c.alerts.is_empty()).collect();
    rang.sort_by_key(|c| c.alerts[0]);
    let unheard = |c: &Call| {
        s.nature.loss > 0.0
            && !s.known.contains(&c.id)
            && c.answered.is_none()
            && c.last.is_some_and(|l| l.0 == 503)
    };
    let before = rang.len().saturating_sub(1);
    rang.iter().any(|c| c.alerts.len() > 1) || rang[..before].iter().any(|c| !unheard(c))
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
    if doubled(s, id) {
        wrong.push(format!("doubled: attempt {id} rang {} times, at {:?}", t.alerts.len(), t.alerts));
    }
    let outcome = a.outcome.as_deref().unwrap_or("none");
    let doubt = ["unknown", "interrupted"].contains(&outcome);
    match outcome {
        "answered_full" | "answered_partial" | "interrupted" if !t.answered => {
            wrong.push(format!("{id} is shown as {outcome}, but nobody answered"));
        }
        "answered_full" if !s.calls.keys().any(|c| of(c) == id && s.told.contains(c)) => {
            wrong.push(format!("{id} is shown as {outcome}, but nothing was played to its end"));
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
    if let Some(policy) = policies.get(&a.organisation_id)
        && s.walls(a.intent_at).iter().all(|w| policy.next_open(*w, chrono_tz::Asia::Shanghai) != *w)
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
fn people_twice(wrong: &mut Vec<String>, s: &State, ledger: &Ledger, orgs: &[Org], attempts: &[Attempt]) {
    // an organisation's id is chance, its place is not
    let mut by_person: BTreeMap<(Option<usize>, &str), Vec<&Attempt>> = BTreeMap::new();
    for a in attempts {
        let org = orgs.iter().position(|o| o.id.to_string() == a.organisation_id);
        by_person.entry((org, &a.phone_key)).or_default().push(a);
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

/// What the carrier that the rules name allows of calls to one person, counted by a window that begins at each call.
fn carriers(wrong: &mut Vec<String>, policies: &HashMap<String, Policy>, attempts: &[Attempt]) {
    for first in attempts {
        let named = policies.get(&first.organisation_id).and_then(|p| p.carrier.as_deref());
        let Some(limits) = named.and_then(CarrierLimits::named) else { continue };
        let same = |a: &&Attempt| {
            a.organisation_id == first.organisation_id
                && a.phone_key == first.phone_key
                && a.intent_at >= first.intent_at
        };
        for (window, max) in limits.frequency {
            let close =
                attempts.iter().filter(same).filter(|a| a.intent_at < first.intent_at + window).count();
            if close > *max as usize {
                wrong.push(format!("{}: {close} calls in {window} ms from {}", limits.name, first.id));
            }
        }
    }
}

/// A call whose undo was stored at a death is ended by the next life, and does not ring on.
fn rings_on(wrong: &mut Vec<String>, s: &State, ledger: &Ledger) {
    // time for the CANCEL, and for a 2xx that is being repeated
    const PATIENCE: i64 = 12_000;
    if s.nature.loss > 0.0 || s.nature.bad_disk > 0.0 {
        return;
    }
    for (death, undone) in &ledger.undone_at_death {
        let Some(back) = ledger.starts.iter().copied().find(|b| b > death) else { continue };
        if ledger.undone_at_death.iter().any(|d| d.0 > *death && d.0 < back + PATIENCE) {
            continue;
        }
        for c in s.calls.values().filter(|c| undone.iter().any(|a| a == of(&c.id))) {
            if c.alive(back + PATIENCE) && !c.plan.leaves_in_doubt() {
                wrong.push(format!("{} was undone before the death, and goes on after it", c.id));
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
