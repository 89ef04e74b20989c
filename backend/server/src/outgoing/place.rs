//! Whom a courier wants to ring, and whether they may.

use crate::app::Shared;
use crate::calls::rows::keep_until;
use crate::charges::{self, Caller, Stop};
use crate::http::error::{ApiError, ApiResult};
use crate::inbound::{self, open_parcels};
use crate::numbers::same;
use crate::org::policy::organisation;
use crate::org::sets::rule_set;
use crate::parcels::rows::OF_CUSTOMER;
use crate::store::scope::Scope;
use crate::store::{Write, all, number, one};
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use std::collections::HashSet;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, CallId};
use waybell_domain::inbound::{InboundPolicy, OpenParcel};
use waybell_domain::outgoing::{CallRefusal, OutgoingOutcome, OutgoingPolicy, ShownFirst};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::rate::{ChargedCall, Stopped};
use waybell_domain::wire::{CallRequest, CallWarning, CallWay};

/// A call that may be made.
pub(super) struct Placed {
    /// The courier's own telephone; a call over the app needs none.
    pub courier: Option<PhoneNumber>,
    pub way: CallWay,
    pub customer: PhoneNumber,
    pub policy: OutgoingPolicy,
    /// What holds for calls of both directions.
    pub shared: InboundPolicy,
    /// Parcels on their way to the customer: the courier's own, else those of colleagues that the courier may know of.
    pub parcels: Vec<OpenParcel>,
    /// Numbers that both sides may see, the best first.
    pub wanted: Vec<String>,
    pub warnings: Vec<CallWarning>,
    /// The revision that its row was given.
    pub rev: i64,
}

#[derive(FromQueryResult)]
struct Phone {
    phone_key: Option<String>,
}

#[derive(FromQueryResult)]
struct Before {
    customer_key: Option<String>,
    number_key: Option<String>,
    parcels: String,
}

#[derive(FromQueryResult)]
struct Waybill {
    waybill_no: String,
}

#[derive(FromQueryResult)]
struct Area {
    area_id: String,
    number_key: String,
}

#[derive(FromQueryResult)]
struct Shown {
    number: Option<String>,
}

#[derive(FromQueryResult)]
struct Spent {
    outcome: Option<String>,
    bridged_at: Option<i64>,
    ended_at: Option<i64>,
    recorded: Option<i64>,
}

impl Spent {
    /// How long was spoken: no longer than a call may last. The end of one that was cut short by our death is when the server
    /// came back, and its recording knows better.
    fn talked(&self, now: UnixMs, talk_ms: i64) -> i64 {
        let Some(bridged) = self.bridged_at else { return 0 };
        let longest = match self.recorded {
            Some(ms) if self.outcome.as_deref() == Some(OutgoingOutcome::Interrupted.as_str()) => {
                ms.min(talk_ms)
            }
            _ => talk_ms,
        };
        (self.ended_at.unwrap_or(now.0) - bridged).min(longest).max(0)
    }
}

/// Looks at a request within the write that stores it, and stores the call.
pub(super) async fn place(
    app: &Shared,
    write: &Write,
    scope: &Scope,
    request: &CallRequest,
) -> ApiResult<Placed> {
    let now = app.clock.now();
    let tx = write.tx();
    let target = target(write, scope, request).await?;
    let org =
        organisation(tx, scope.organisation).await?.ok_or_else(|| ApiError::not_found("organisation"))?;
    let dial = org.policy()?;
    let mut policy: OutgoingPolicy = rule_set(tx, scope.organisation).await?;
    let customer = target.customer;
    if let Some(refusal) = policy.refusal(&dial, &customer) {
        return Err(refused(refusal));
    }
    let courier = own_telephone(write, scope).await?;
    match request.way {
        CallWay::Callback if courier.is_none() => return Err(refused(CallRefusal::NoTelephone)),
        CallWay::Callback => {}
        CallWay::App if app.config.app_calls.is_none() => return Err(refused(CallRefusal::NoApp)),
        // nobody else takes a call that the app itself makes
        CallWay::App => policy.accept_key = false,
    }
    let company = app.calls.numbers.find(customer.e164()).is_some()
        || app.config.trunk.iter().flat_map(|t| &t.caller_ids).any(|n| same(n, customer.e164()));
    if courier.as_ref().is_some_and(|c| c.e164() == customer.e164()) || company {
        return Err(refused(CallRefusal::Own));
    }
    let shared = inbound::policy(tx, scope.organisation).await?;
    spent(app, write, scope, (&policy, shared.talk_ms), org.zone()).await?;
    let own = courier.as_ref().filter(|_| request.way == CallWay::Callback).map(PhoneNumber::e164);
    let rung: Vec<&str> = own.into_iter().chain([customer.e164()]).collect();
    let caller = Caller {
        organisation: scope.organisation,
        branch: scope.branch,
        courier: Some(scope.person),
        call: ChargedCall::Outgoing,
    };
    charges::admit(write, app, &caller, &request.id.to_string(), &rung).await.map_err(|stop| match stop {
        Stop::Stopped(Stopped::NoCredit) => refused(CallRefusal::NoCredit),
        Stop::Stopped(Stopped::SpendToday) => refused(CallRefusal::SpendToday),
        Stop::Store(error) => error.into(),
    })?;
    let key = customer.key();
    let mut known = waybills_in_scope(write, scope, &key).await?;
    known.extend(target.told);
    let (seen, waybills) = known_of(open_parcels(tx, &org.id, &key).await?, &known);
    let own: Vec<OpenParcel> = seen.iter().filter(|p| p.courier == scope.person).cloned().collect();
    let parcels = if own.is_empty() { seen } else { own };
    let area = area(write, scope, now).await?;
    let wanted = wanted(write, scope, &policy, target.rung, area.as_ref()).await?;
    let mut warnings = Vec::new();
    let zone = customer.zone().unwrap_or_else(|| org.zone());
    let wall = app.clock.wall();
    if dial.next_open(wall, zone) > wall {
        warnings.push(CallWarning::QuietHours);
    }
    let sql = "SELECT COUNT(*) FROM opt_out WHERE organisation_id = $1 AND phone_key = $2";
    if number(tx, sql, [org.id.clone().into(), key.clone().into()]).await? > 0 {
        warnings.push(CallWarning::OptedOut);
    }
    let rev = write.next_rev();
    let values: [Value; 11] = [
        request.id.to_string().into(),
        org.id.clone().into(),
        scope.branch.map(|b| b.to_string()).into(),
        area.map(|a| a.0.to_string()).into(),
        scope.person.to_string().into(),
        key.into(),
        serde_json::to_string(&waybills).unwrap_or_else(|_| "[]".to_owned()).into(),
        request.call.map(|c| c.to_string()).into(),
        now.0.into(),
        keep_until(now, shared.keep_days).into(),
        rev.into(),
    ];
    write
        .exec(
            "INSERT INTO phone_call (id, organisation_id, direction, branch_id, area_id, courier_id, customer_key, is_open, \
             explain, parcels, answers_id, started_at, keep_until, rev) \
             VALUES ($1, $2, 'outgoing', $3, $4, $5, $6, 1, '[]', $7, $8, $9, $10, $11)",
            values,
        )
        .await?;
    let way = request.way;
    Ok(Placed { courier, way, customer, policy, shared, parcels, wanted, warnings, rev })
}

/// A refusal as an answer: 422 for what lies in the number, 409 for what may be otherwise later, in both languages.
pub(super) fn refused(refusal: CallRefusal) -> ApiError {
    let status = match refusal {
        CallRefusal::Country | CallRefusal::Barred | CallRefusal::Own => StatusCode::UNPROCESSABLE_ENTITY,
        CallRefusal::Off => StatusCode::FORBIDDEN,
        _ => StatusCode::CONFLICT,
    };
    metrics::counter!("waybell_outgoing_refused_total", "why" => refusal.as_str()).increment(1);
    ApiError::new(status, refusal.as_str(), refusal.label_en()).hint(refusal.label_zh())
}

struct Target {
    customer: PhoneNumber,
    /// The number that the customer rang, for an answer.
    rung: Option<String>,
    /// Waybills that the asker was told of with the call that is answered, colleagues' among them.
    told: Vec<String>,
}

/// Those of the customer's parcels, each with its waybill, whose waybills are among the `known` ones: what a courier hears and
/// is told of a number never gives a colleague's waybill away.
fn known_of(
    (parcels, waybills): (Vec<OpenParcel>, Vec<String>),
    known: &HashSet<String>,
) -> (Vec<OpenParcel>, Vec<String>) {
    parcels.into_iter().zip(waybills).filter(|(_, waybill)| known.contains(waybill)).unzip()
}

/// The customer's waybills that the asker may see in any case.
async fn waybills_in_scope(write: &Write, scope: &Scope, key: &str) -> ApiResult<HashSet<String>> {
    let (filter, mut values) = scope.filter("p", 3);
    values.splice(0..0, [scope.organisation.to_string().into(), key.into()]);
    let sql = format!("SELECT p.waybill_no FROM parcel p WHERE {OF_CUSTOMER} AND {filter}");
    let rows: Vec<Waybill> = all(write.tx(), &sql, values).await?;
    Ok(rows.into_iter().map(|r| r.waybill_no).collect())
}

async fn target(write: &Write, scope: &Scope, request: &CallRequest) -> ApiResult<Target> {
    let asked = [request.parcel.is_some(), request.call.is_some(), request.number.is_some()];
    if asked.iter().filter(|a| **a).count() != 1 {
        return Err(ApiError::field(
            "number",
            "must say whom to ring",
            "send exactly one of parcel, call, number",
        ));
    }
    let read = |key: Option<String>, field: &str| {
        let hint = "type the number";
        let key = key.ok_or_else(|| ApiError::field(field, "has no telephone number", hint))?;
        PhoneNumber::from_key(&key).map_err(|e| ApiError::field(field, e.to_string(), hint))
    };
    if let Some(parcel) = request.parcel {
        let (filter, mut values) = scope.filter("p", 2);
        values.insert(0, parcel.to_string().into());
        let sql = format!("SELECT p.phone_key FROM parcel p WHERE p.id = $1 AND {filter}");
        let row: Option<Phone> = one(write.tx(), &sql, values).await?;
        let row = row.ok_or_else(|| ApiError::not_found("parcel"))?;
        return Ok(Target { customer: read(row.phone_key, "parcel")?, rung: None, told: Vec::new() });
    }
    if let Some(call) = request.call {
        let (filter, mut values) = scope.filter("c", 2);
        values.insert(0, call.to_string().into());
        let sql = format!(
            "SELECT c.customer_key, n.number_key, c.parcels FROM phone_call c \
             LEFT JOIN published_number n ON n.id = c.number_id AND n.active = 1 WHERE c.id = $1 AND {filter}"
        );
        let row: Option<Before> = one(write.tx(), &sql, values).await?;
        let row = row.ok_or_else(|| ApiError::not_found("call"))?;
        let told = serde_json::from_str(&row.parcels).unwrap_or_default();
        return Ok(Target { customer: read(row.customer_key, "call")?, rung: row.number_key, told });
    }
    let text = request.number.as_deref().unwrap_or_default();
    let customer = PhoneNumber::parse(text)
        .map_err(|e| ApiError::field("number", e.to_string(), "correct the number"))?;
    Ok(Target { customer, rung: None, told: Vec::new() })
}

async fn own_telephone(write: &Write, scope: &Scope) -> ApiResult<Option<PhoneNumber>> {
    let row: Option<Phone> = one(
        write.tx(),
        "SELECT phone_key FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1",
        [scope.person.to_string().into(), scope.organisation.to_string().into()],
    )
    .await?;
    Ok(row.and_then(|r| r.phone_key).and_then(|k| PhoneNumber::from_key(&k).ok()))
}

/// Fails where the courier has made as many calls, or spoken as long, as a day allows, or has a call that runs.
async fn spent(
    app: &Shared,
    write: &Write,
    scope: &Scope,
    (policy, talk_ms): (&OutgoingPolicy, i64),
    zone: chrono_tz::Tz,
) -> ApiResult<()> {
    let running = number(
        write.tx(),
        "SELECT COUNT(*) FROM phone_call WHERE courier_id = $1 AND is_open = 1 AND direction = 'outgoing'",
        [scope.person.to_string().into()],
    )
    .await?;
    if running > 0 {
        return Err(refused(CallRefusal::InCall));
    }
    let (now, wall) = (app.clock.now(), app.clock.wall());
    let midnight = crate::clock::midnight(now, wall, zone).0;
    let today: Vec<Spent> = all(
        write.tx(),
        "SELECT c.outcome, c.bridged_at, c.ended_at, \
         (SELECT MAX(r.ms) FROM recording r WHERE r.phone_call_id = c.id AND r.ms > 0) AS recorded FROM phone_call c \
         WHERE c.courier_id = $1 AND c.direction = 'outgoing' AND c.started_at >= $2",
        [scope.person.to_string().into(), midnight.into()],
    )
    .await?;
    let talked = today.iter().map(|call| call.talked(now, talk_ms)).sum();
    match policy.spent(i64::try_from(today.len()).unwrap_or(i64::MAX), talked) {
        Some(refusal) => Err(refused(refusal)),
        None => Ok(()),
    }
}

/// The area that the courier has now, and its published number.
async fn area(write: &Write, scope: &Scope, now: UnixMs) -> ApiResult<Option<(AreaId, String)>> {
    let row: Option<Area> = one(
        write.tx(),
        "SELECT d.area_id, n.number_key FROM duty d JOIN published_number n ON n.area_id = d.area_id AND n.active = 1 \
         WHERE d.person_id = $1 AND d.organisation_id = $2 AND d.from_at <= $3 AND (d.until_at IS NULL OR d.until_at > $3) \
         ORDER BY d.role, d.from_at DESC, n.created_at, n.id",
        [scope.person.to_string().into(), scope.organisation.to_string().into(), now.0.into()],
    )
    .await?;
    Ok(row.and_then(|r| Some((AreaId::parse(&r.area_id).ok()?, r.number_key))))
}

/// Numbers that both sides may see, the best first: for an answer the one that was rung, so that the customer knows it.
async fn wanted(
    write: &Write,
    scope: &Scope,
    policy: &OutgoingPolicy,
    rung: Option<String>,
    area: Option<&(AreaId, String)>,
) -> ApiResult<Vec<String>> {
    let branch = match scope.branch {
        None => Vec::new(),
        Some(branch) => {
            let ids = || [branch.to_string().into(), scope.organisation.to_string().into()];
            let sql = "SELECT display_number AS number FROM branch WHERE id = $1 AND organisation_id = $2";
            let own: Option<Shown> = one(write.tx(), sql, ids()).await?;
            // without a displayed number of its own, the branch's published ones that stand for no area
            let sql = "SELECT number_key AS number FROM published_number WHERE branch_id = $1 AND organisation_id = $2 \
                       AND active = 1 ORDER BY CASE WHEN area_id IS NULL THEN 0 ELSE 1 END, created_at, id";
            let published: Option<Shown> = one(write.tx(), sql, ids()).await?;
            [own, published].into_iter().flatten().filter_map(|s| s.number).collect()
        }
    };
    let area = area.map(|a| a.1.clone());
    let mut out = Vec::new();
    match policy.show {
        ShownFirst::Area => {
            out.extend(rung);
            out.extend(area);
            out.extend(branch);
        }
        ShownFirst::Branch => out.extend(branch),
        ShownFirst::Company => {}
    }
    Ok(out)
}

/// The call of an earlier request with this id: true where it is the asker's own.
pub(super) async fn earlier(write: &Write, scope: &Scope, id: CallId) -> ApiResult<bool> {
    #[derive(FromQueryResult)]
    struct Found {
        courier_id: Option<String>,
        direction: String,
    }
    let sql = "SELECT courier_id, direction FROM phone_call WHERE id = $1";
    let row: Option<Found> = write.beyond(one(write.tx(), sql, [id.to_string().into()])).await?;
    match row {
        None => Ok(false),
        Some(found)
            if found.direction == "outgoing" && found.courier_id == Some(scope.person.to_string()) =>
        {
            Ok(true)
        }
        // the id of somebody else's call is taken, but nothing of it is told
        Some(_) => {
            Err(ApiError::conflict("id_taken", "this call id is in use").hint("make a new id for a new call"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::id::UserId;

    #[test]
    fn an_outage_is_no_time_spoken() {
        const HOUR: i64 = 3_600_000;
        let call = |outcome: Option<&str>, ended_at: Option<i64>, recorded: Option<i64>| {
            Spent { outcome: outcome.map(str::to_owned), bridged_at: Some(1_000), ended_at, recorded }
                .talked(UnixMs(31_000), HOUR)
        };
        assert_eq!(call(Some("answered"), Some(61_000), Some(59_000)), 60_000);
        assert_eq!(call(None, None, None), 30_000);
        // the server was away for six hours
        assert_eq!(call(Some("interrupted"), Some(6 * HOUR), Some(45_000)), 45_000);
        assert_eq!(call(Some("interrupted"), Some(6 * HOUR), None), HOUR);
        assert_eq!(call(Some("interrupted"), Some(21_000), Some(45_000)), 20_000);
        // a clock that was set back gives nothing back
        assert_eq!(call(Some("answered"), Some(0), None), 0);
        let unspoken = Spent { outcome: None, bridged_at: None, ended_at: Some(9), recorded: None };
        assert_eq!(unspoken.talked(UnixMs(31_000), HOUR), 0);
    }

    #[test]
    fn a_number_tells_nothing_of_colleagues_waybills() {
        let parcel = |n: u8| OpenParcel {
            courier: UserId::at(1, [n; 10]),
            place: format!("{n}"),
            at: UnixMs(1),
            arrives: None,
        };
        let open = || {
            let waybills = ["YT1", "YT2", "YT3"].map(str::to_owned).to_vec();
            (vec![parcel(1), parcel(2), parcel(3)], waybills)
        };
        let known = |of: &[&str]| of.iter().map(|w| (*w).to_owned()).collect::<HashSet<_>>();
        let (parcels, waybills) = known_of(open(), &known(&["YT2", "YT9"]));
        assert_eq!((waybills, parcels), (vec!["YT2".to_owned()], vec![parcel(2)]));
        assert_eq!(known_of(open(), &known(&[])), (Vec::new(), Vec::new()));
    }
}
