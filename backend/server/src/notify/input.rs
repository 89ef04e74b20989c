//! What is known about people and parcels, read set by set: for the dial plan and for the last look before a call.

use super::engine::Round;
use super::rows::RecipientRow;
use super::{shown, spent};
use crate::app::App;
use crate::org::policy::OrganisationRow;
use crate::parcels::rows::ParcelRow;
use crate::store::{StoreError, Write, all, listed};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::dial::plan::{NoticeKind, PlanInput, PlanParcel, TrunkRate};
use waybell_domain::dial::policy::{PastCall, Policy};
use waybell_domain::id::{OrganisationId, ParcelId};
use waybell_domain::parcel::{ParcelState, TaskKind};
use waybell_domain::phone::PhoneNumber;

pub(crate) const CHUNK: usize = 400;

/// Facts about a set of people and parcels of one organisation.
#[derive(Default)]
pub(crate) struct Facts {
    /// State and number by parcel id.
    pub parcels: HashMap<String, (String, Option<String>)>,
    pub opted_out: BTreeSet<String>,
    /// Parcels about which this kind of notice was given.
    pub said: BTreeSet<String>,
    /// People with an open call.
    pub open: BTreeSet<String>,
    pub history: BTreeMap<String, Vec<PastCall>>,
    /// Display numbers that the carrier refused, by recipient id.
    pub barred: HashMap<String, Vec<String>>,
    /// When a person was last given this kind of notice, by person.
    pub told: BTreeMap<String, i64>,
    /// People who rang a published number lately, by person.
    pub rang: BTreeMap<String, RangBack>,
}

/// Somebody has rung back.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RangBack {
    /// They are on the line now.
    pub now: bool,
    /// When they last spoke with a courier.
    pub spoke: Option<UnixMs>,
}

#[derive(FromQueryResult)]
struct CalledIn {
    key: String,
    spoke: Option<i64>,
    open: i64,
}

#[derive(FromQueryResult)]
struct Refused {
    recipient_id: String,
    display_number: String,
}

#[derive(FromQueryResult)]
struct ParcelState3 {
    id: String,
    state: String,
    phone_key: Option<String>,
    phone_key_2: Option<String>,
    phone_key_3: Option<String>,
}

#[derive(FromQueryResult)]
struct Key {
    key: String,
}

#[derive(FromQueryResult)]
struct Past {
    phone_key: String,
    is_open: i64,
    intent_at: i64,
    outcome: Option<String>,
    end_at: Option<i64>,
    template_key: String,
}

/// How far back calls count, ms: the longest frequency window is 30 days.
const LOOKED_BACK: i64 = 31 * waybell_domain::clock::DAY;

/// Facts for the last look before calls.
pub(crate) async fn facts(
    round: &Round,
    organisation: &str,
    notice: &str,
    rows: &[RecipientRow],
) -> Result<Facts, StoreError> {
    let tx = round.write.tx();
    let parcels: Vec<String> = rows.iter().flat_map(|r| r.parcel_ids()).map(|p| p.to_string()).collect();
    let keys: Vec<String> = rows.iter().map(|r| r.phone_key.clone()).collect();
    let mut facts = people(tx, organisation, notice, &parcels, &keys, round.now).await?;
    // whose further number is whose that is rung
    let mut beside: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for chunk in parcels.chunks(CHUNK) {
        let (marks, values) = listed(1, chunk);
        let sql = format!(
            "SELECT id, state, phone_key, phone_key_2, phone_key_3 FROM parcel WHERE id IN ({marks})"
        );
        for p in all::<ParcelState3, _>(tx, &sql, values).await? {
            for further in p.phone_key_2.into_iter().chain(p.phone_key_3) {
                beside.entry(further).or_default().extend(p.phone_key.clone());
            }
            facts.parcels.insert(p.id, (p.state, p.phone_key));
        }
    }
    let further: Vec<String> = beside.keys().cloned().collect();
    let since = round.now.0 - LOOKED_BACK;
    for chunk in further.chunks(CHUNK) {
        for (key, rang) in rang_back(tx, organisation, chunk, since).await? {
            for rung in beside.get(&key).into_iter().flatten() {
                let known = facts.rang.entry(rung.clone()).or_default();
                *known = RangBack { now: known.now || rang.now, spoke: known.spoke.max(rang.spoke) };
            }
        }
    }
    let again: Vec<String> = rows.iter().filter(|r| r.attempts > 0).map(|r| r.id.clone()).collect();
    for chunk in again.chunks(CHUNK) {
        let (marks, values) = listed(1, chunk);
        let sql = format!(
            "SELECT recipient_id, display_number FROM attempt \
             WHERE outcome = 'caller_barred' AND recipient_id IN ({marks})"
        );
        for r in all::<Refused, _>(tx, &sql, values).await? {
            facts.barred.entry(r.recipient_id).or_default().push(r.display_number);
        }
    }
    Ok(facts)
}

async fn people<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    notice: &str,
    parcels: &[String],
    keys: &[String],
    now: UnixMs,
) -> Result<Facts, StoreError> {
    let mut facts = Facts::default();
    for chunk in parcels.chunks(CHUNK) {
        let (marks, ids) = listed(2, chunk);
        let values = std::iter::once(notice.into()).chain(ids);
        let sql =
            format!("SELECT parcel_id AS key FROM notified WHERE notice = $1 AND parcel_id IN ({marks})");
        facts.said.extend(all::<Key, _>(db, &sql, values).await?.into_iter().map(|k| k.key));
    }
    let since = now.0 - LOOKED_BACK;
    for chunk in keys.chunks(CHUNK) {
        let (marks, people) = listed(2, chunk);
        let mut values: Vec<Value> = std::iter::once(organisation.into()).chain(people).collect();
        let sql = format!(
            "SELECT phone_key AS key FROM opt_out WHERE organisation_id = $1 AND phone_key IN ({marks})"
        );
        facts.opted_out.extend(all::<Key, _>(db, &sql, values.clone()).await?.into_iter().map(|k| k.key));
        let sql = format!(
            "SELECT a.phone_key, a.is_open, a.intent_at, a.outcome, a.end_at, b.template_key FROM attempt a \
             JOIN batch b ON b.id = a.batch_id WHERE a.organisation_id = $1 AND a.phone_key IN ({marks}) \
             AND a.intent_at > ${} ORDER BY a.intent_at",
            values.len() + 1
        );
        values.push(since.into());
        for past in all::<Past, _>(db, &sql, values).await? {
            if past.is_open == 1 {
                facts.open.insert(past.phone_key.clone());
            }
            let outcome = past.outcome.as_deref().and_then(CallOutcome::parse);
            if let (true, Some(CallOutcome::AnsweredFull | CallOutcome::AnsweredPartial), Some(at)) =
                (past.template_key == notice, outcome, past.end_at)
            {
                let last = facts.told.entry(past.phone_key.clone()).or_insert(at);
                *last = at.max(*last);
            }
            let call = PastCall::new(UnixMs(past.intent_at), outcome);
            facts.history.entry(past.phone_key).or_default().push(call);
        }
        facts.rang.extend(rang_back(db, organisation, chunk, since).await?);
    }
    Ok(facts)
}

/// Who of some numbers has called, or was called, and spoke since then, or is on the line.
async fn rang_back<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    keys: &[String],
    since: i64,
) -> Result<Vec<(String, RangBack)>, StoreError> {
    let (marks, people) = listed(2, keys);
    let mut values: Vec<Value> = std::iter::once(organisation.into()).chain(people).collect();
    values.push(since.into());
    let sql = format!(
        "SELECT customer_key AS key, MAX(bridged_at) AS spoke, MAX(is_open) AS open FROM phone_call \
         WHERE organisation_id = $1 AND customer_key IN ({marks}) AND started_at > ${} GROUP BY customer_key",
        values.len()
    );
    let rows = all::<CalledIn, _>(db, &sql, values).await?;
    let read = |r: CalledIn| (r.key, RangBack { now: r.open == 1, spoke: r.spoke.map(UnixMs) });
    Ok(rows.into_iter().map(read).collect())
}

#[derive(FromQueryResult)]
struct Planned {
    parcel_id: String,
    state: String,
}

/// Everything that decides a dial plan for these parcels, the policy, and the cap of a day that leaves people for tomorrow
/// where one does.
pub(crate) async fn plan_input(
    app: &App,
    write: &Write,
    organisation: &OrganisationRow,
    notice: &str,
    parcels: &[ParcelRow],
) -> Result<(PlanInput, Policy, &'static str), StoreError> {
    let (db, now) = (write.tx(), app.clock.now());
    let policy = organisation.policy()?;
    let ids: Vec<String> = parcels.iter().map(|p| p.id.clone()).collect();
    let keys: BTreeSet<String> = parcels.iter().filter_map(|p| p.phone_key.clone()).collect();
    let keys: Vec<String> = keys.into_iter().collect();
    let facts = people(db, &organisation.id, notice, &ids, &keys, now).await?;
    let list = parcels
        .iter()
        .filter_map(|p| {
            let phone = p.phone_key.as_deref().and_then(|k| PhoneNumber::from_key(k).ok());
            Some(PlanParcel {
                id: ParcelId::parse(&p.id).ok()?,
                phone: phone.into(),
                state: ParcelState::parse(&p.state)?,
                kind: TaskKind::parse(&p.kind)?,
                estate: p.estate.clone(),
                building: p.building.clone(),
                sequence: p.sequence,
            })
        })
        .collect();
    let mut input = PlanInput::new(list, NoticeKind::of_key(notice), organisation.zone());
    input.opted_out = facts.opted_out;
    input.said = facts.said.iter().filter_map(|p| ParcelId::parse(p).ok()).collect();
    input.history = facts.history;
    // an open call about other parcels only puts this one off: the last look waits for its end
    // a parcel that waits in another batch of the same notice belongs to that one: two taps make no second ring
    for (id, held) in waiting_elsewhere(db, notice, &ids).await? {
        if held {
            input.held.insert(id);
        }
        input.waiting.insert(id);
    }
    input.rates = spent::rates(app);
    let midnight = crate::clock::midnight(now, app.clock.wall(), organisation.zone());
    let shown_left = shown::left_today(app, write, &organisation.id, midnight, &policy).await?;
    let mut left = shown_left;
    if policy.caps_a_day() {
        let id = OrganisationId::parse(&organisation.id)
            .map_err(|e| StoreError::Damaged { what: "organisation.id", problem: e.to_string() })?;
        let used = spent::since(db, id, midnight, &input.rates).await?;
        left = policy.calls_left(used, 0, &input.rates).into_iter().chain(left).min();
    }
    // while anything is left the dialler says who is still rung today
    input.left_today = left.filter(|left| *left == 0);
    input.most_today = left.filter(|left| *left > 0);
    let cap = if shown_left == Some(0) { shown::OVER } else { spent::OVER };
    input.trunk = TrunkRate {
        calls_per_second: app.config.trunk.iter().map(|t| f64::from(t.calls_per_second)).sum(),
        channels: app.config.trunk.iter().map(|t| t.channels).sum(),
    };
    Ok((input, policy, cap))
}

async fn waiting_elsewhere<C: ConnectionTrait>(
    db: &C,
    notice: &str,
    parcels: &[String],
) -> Result<Vec<(ParcelId, bool)>, StoreError> {
    let mut out = Vec::new();
    for chunk in parcels.chunks(CHUNK) {
        let (marks, ids) = listed(2, chunk);
        let values = std::iter::once(notice.into()).chain(ids);
        let sql = format!(
            "SELECT DISTINCT rp.parcel_id, b.state FROM recipient_parcel rp JOIN recipient r ON r.id = rp.recipient_id \
             JOIN batch b ON b.id = r.batch_id WHERE b.template_key = $1 \
             AND r.state NOT IN ('done', 'suppressed', 'cancelled') AND b.state NOT IN ('cancelled', 'cancelling') \
             AND rp.parcel_id IN ({marks})"
        );
        let found: Vec<Planned> = all(db, &sql, values).await?;
        out.extend(found.iter().filter_map(|p| {
            let held = matches!(p.state.as_str(), "paused" | "needs_confirmation");
            Some((ParcelId::parse(&p.parcel_id).ok()?, held))
        }));
    }
    Ok(out)
}
