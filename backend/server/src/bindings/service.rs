//! Binding, changing and unbinding. Each is one write: what it looked at is still so when it is stored.

use super::request::{self, Shift, Terms, party};
use super::rows::{self, Row};
use super::tidy::REQUESTS;
use super::{refused, refused_field};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::org::sets::rule_set;
use crate::store::scope::Scope;
use crate::store::{Write, all, listed, number, one};
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use waybell_domain::binding::{
    BindRefusal, BindingMode, BindingState, Candidate, Claim, Parties, Wish, claims, free_extension, pick,
    state,
};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::BindingId;
use waybell_domain::outgoing::OutgoingPolicy;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{BindRequest, BindingChange, BindingView};

#[derive(FromQueryResult)]
struct Pool {
    id: String,
    mode: String,
    grace_ms: i64,
    extension_digits: i64,
}

#[derive(FromQueryResult)]
struct Free {
    id: String,
    number_key: String,
    city: Option<String>,
    bound_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Had {
    number_id: String,
    at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Held {
    claim: String,
}

#[derive(FromQueryResult)]
struct Answered {
    request_hash: String,
    status: i64,
    body: String,
}

/// Binds two parties; the status and the JSON of the answer, which for a request that comes again is the stored one.
pub(super) async fn bind(
    app: &Shared,
    scope: &Scope,
    request: &BindRequest,
) -> ApiResult<(StatusCode, String)> {
    request::flow(app, scope.organisation)?;
    let request_id = request::request_id(request.request_id.as_deref())?;
    let hash = hash(request)?;
    let write = app.store.begin().await?;
    let now = app.clock.now();
    let shift = Shift::of(app);
    if let Some(id) = &request_id
        && let Some(answer) = before(&write, scope, id, &hash, now).await?
    {
        return Ok(answer);
    }
    let pool = pool(&write, scope, &request.pool_key).await?;
    let mode = BindingMode::parse(&pool.mode).ok_or_else(|| refused(BindRefusal::Pool))?;
    if request.mode.is_some_and(|asked| asked != mode) {
        let hint = "one number is bound in one way, so that no caller is confused; name a pool of this mode";
        return Err(ApiError::field("mode", format!("this pool binds {} only", mode.as_str()), hint));
    }
    let terms = Terms::read(request)?;
    let wish = request::wish(request)?;
    let digits = u8::try_from(pool.extension_digits).unwrap_or(4);
    let parties = parties(request, mode, digits, terms.restrict)?;
    let expires = request::expires(request.expiration, request.ttl, shift, now)?;
    may_be_called(app, &write, scope, &parties).await?;
    let chosen = choose(app, &write, scope, &pool, parties, request, &wish, now).await?;
    let id = BindingId::at(now, rand::random());
    insert(&write, scope, id, &pool, &chosen, &terms, expires, now).await?;
    let row =
        rows::find(write.tx(), scope, &id.to_string()).await?.ok_or_else(|| refused(BindRefusal::NoSuch))?;
    let body = serde_json::to_string(&row.view(now, shift)?)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
    if let Some(request_id) = request_id {
        remember(&write, scope, &request_id, &hash, &body, now).await?;
    }
    crate::crash::point("binding.made");
    write.commit().await?;
    metrics::counter!("waybell_bindings_total").increment(1);
    crate::crash::point("binding.stored");
    Ok((StatusCode::CREATED, body))
}

fn hash(request: &BindRequest) -> ApiResult<String> {
    let text = serde_json::to_vec(request)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
    Ok(Sha256::digest(&text).iter().map(|b| format!("{b:02x}")).collect())
}

/// A request's id among those of its branch: another branch of the organisation may use the same one.
fn own(scope: &Scope, id: &str) -> String {
    format!("{}/{id}", scope.branch.map(|b| b.to_string()).unwrap_or_default())
}

/// The answer to an earlier request with this id.
async fn before(
    write: &Write,
    scope: &Scope,
    id: &str,
    hash: &str,
    now: UnixMs,
) -> ApiResult<Option<(StatusCode, String)>> {
    let found: Option<Answered> = one(
        write.tx(),
        "SELECT request_hash, status, body FROM binding_request WHERE organisation_id = $1 AND request_id = $2 AND at > $3",
        [scope.organisation.to_string().into(), own(scope, id).into(), (now.0 - REQUESTS).into()],
    )
    .await?;
    match found {
        None => Ok(None),
        Some(found) if found.request_hash != hash => Err(refused_field(BindRefusal::Request, "request_id")),
        Some(found) => {
            let status = u16::try_from(found.status).ok().and_then(|s| StatusCode::from_u16(s).ok());
            Ok(Some((status.unwrap_or(StatusCode::CREATED), found.body)))
        }
    }
}

async fn remember(
    write: &Write,
    scope: &Scope,
    id: &str,
    hash: &str,
    body: &str,
    now: UnixMs,
) -> ApiResult<()> {
    write
        .exec(
            "INSERT INTO binding_request (organisation_id, request_id, request_hash, status, body, at) \
             VALUES ($1, $2, $3, 201, $4, $5) ON CONFLICT (organisation_id, request_id) DO UPDATE SET \
             request_hash = excluded.request_hash, status = excluded.status, body = excluded.body, at = excluded.at",
            [scope.organisation.to_string().into(), own(scope, id).into(), hash.into(), body.into(), now.0.into()],
        )
        .await?;
    Ok(())
}

async fn pool(write: &Write, scope: &Scope, key: &str) -> ApiResult<Pool> {
    let (filter, mut values) = scope.tenant("p", 2);
    values.insert(0, key.into());
    let sql = format!(
        "SELECT p.id, p.mode, p.grace_ms, p.extension_digits FROM number_pool p WHERE p.id = $1 AND {filter}"
    );
    one(write.tx(), &sql, values).await?.ok_or_else(|| refused(BindRefusal::Pool))
}

fn parties(
    request: &BindRequest,
    mode: BindingMode,
    digits: u8,
    restrict: Option<waybell_domain::binding::CallRestrict>,
) -> ApiResult<Parties> {
    let a = party(&request.phone_no_a, "phone_no_a")?;
    let b = request
        .phone_no_b
        .as_deref()
        .filter(|b| !b.is_empty())
        .map(|b| party(b, "phone_no_b"))
        .transpose()?;
    if mode == BindingMode::Axb && b.is_none() {
        return Err(missing_b());
    }
    if b.as_ref() == Some(&a) {
        return Err(same_party());
    }
    let extension = request::extension(request.extension.as_deref(), digits)?;
    if mode == BindingMode::Axb && extension.is_some() {
        let hint = "leave it out, or name a pool of the mode AXE";
        return Err(ApiError::field("extension", "this pool's numbers have no extensions", hint));
    }
    Ok(Parties { mode, a, b, extension, restrict })
}

fn missing_b() -> ApiError {
    let mut error = refused_field(BindRefusal::Number, "phone_no_b");
    error.body.message = "is missing".into();
    error.hint("AXB binds two parties: name both")
}

fn same_party() -> ApiError {
    let mut error = refused_field(BindRefusal::Number, "phone_no_b");
    error.body.message = "is the same number as phone_no_a".into();
    error.hint("name two parties")
}

/// Fails for a party that the organisation's calls do not reach, and for a number of the house itself.
async fn may_be_called(app: &Shared, write: &Write, scope: &Scope, parties: &Parties) -> ApiResult<()> {
    let org = organisation(write.tx(), scope.organisation).await?;
    let dial = org.ok_or_else(|| ApiError::not_found("organisation"))?.policy()?;
    let rules: OutgoingPolicy = rule_set(write.tx(), scope.organisation).await?;
    for (phone, field) in [(Some(&parties.a), "phone_no_a"), (parties.b.as_ref(), "phone_no_b")] {
        let Some(phone) = phone else { continue };
        if !is_called(&rules, &dial, phone) {
            return Err(refused_field(BindRefusal::Barred, field));
        }
        if app.calls.pooled.holds(phone.e164()) || app.calls.numbers.find(phone.e164()).is_some() {
            let mut error = refused_field(BindRefusal::Number, field);
            error.body.message = "this is a number of the house, which would ring itself".into();
            return Err(error.hint("name the party's own telephone"));
        }
    }
    Ok(())
}

/// Whether the rules let this number be called; that couriers may not call at all is another matter.
pub(super) fn is_called(rules: &OutgoingPolicy, dial: &Policy, phone: &PhoneNumber) -> bool {
    OutgoingPolicy { enabled: true, ..rules.clone() }.refusal(dial, phone).is_none()
}

/// A number and what it is bound with.
struct Chosen {
    number: String,
    parties: Parties,
}

async fn choose(
    app: &Shared,
    write: &Write,
    scope: &Scope,
    pool: &Pool,
    mut parties: Parties,
    request: &BindRequest,
    wish: &Wish,
    now: UnixMs,
) -> ApiResult<Chosen> {
    let asked = request.phone_no_x.as_deref().filter(|x| !x.is_empty());
    let asked = match asked {
        None => None,
        Some(text) => {
            let found = app.calls.pooled.exact(text).filter(|n| n.pool.to_string() == pool.id);
            let Some(found) = found else {
                return Err(
                    refused_field(BindRefusal::NoNumber, "phone_no_x").hint("name a number of this pool")
                );
            };
            Some(found.id.to_string())
        }
    };
    let held: Vec<String> = claims(&parties).iter().map(Claim::to_string).collect();
    let (marks, mut values) = listed(3, &held);
    values.splice(0..0, [Value::from(pool.id.clone()), now.0.into()]);
    // a number whose extensions are all taken is none to look through: the whole house waits for this write
    let full = match parties.mode == BindingMode::Axe && parties.extension.is_none() {
        true => {
            let all = 10i64.saturating_pow(u32::try_from(pool.extension_digits).unwrap_or(4));
            values.push(all.into());
            format!(
                " AND (SELECT COUNT(*) FROM binding_claim e WHERE e.number_id = n.id AND e.until_at > $2 \
                 AND e.claim LIKE 'e:%') < ${}",
                values.len()
            )
        }
        false => String::new(),
    };
    let sql = format!(
        "SELECT n.id, n.number_key, n.city, n.bound_at FROM pool_number n WHERE n.pool_id = $1 AND n.removed_at IS NULL \
         AND n.locked = 0 AND NOT EXISTS (SELECT 1 FROM binding_claim c WHERE c.number_id = n.id AND c.until_at > $2 \
         AND c.claim IN ({marks})){full}"
    );
    let mut free: Vec<Free> = all(write.tx(), &sql, values).await?;
    if let Some(asked) = &asked {
        free.retain(|f| f.id == *asked);
        if free.is_empty() {
            return Err(refused_field(BindRefusal::Conflict, "phone_no_x"));
        }
    }
    let had = had(write, scope, &parties).await?;
    let wish = if asked.is_some() { &Wish::default() } else { wish };
    loop {
        let candidates: Vec<Candidate> = free
            .iter()
            .map(|f| Candidate {
                number: f.number_key.clone(),
                city: f.city.clone(),
                bound_at: f.bound_at.map(UnixMs),
                had_at: had.get(&f.id).copied(),
            })
            .collect();
        let Some(best) = pick(&candidates, wish) else { return Err(refused(BindRefusal::NoNumber)) };
        let number = free.swap_remove(best).id;
        if parties.mode == BindingMode::Axe && parties.extension.is_none() {
            let digits = u8::try_from(pool.extension_digits).unwrap_or(4);
            match free_extension(&extensions(write, &number, now).await?, digits, rand::random()) {
                Some(extension) => parties.extension = Some(extension),
                // every extension of this number is taken
                None => continue,
            }
        }
        return Ok(Chosen { number, parties });
    }
}

/// When one of the parties last had each number.
async fn had(write: &Write, scope: &Scope, parties: &Parties) -> ApiResult<HashMap<String, UnixMs>> {
    let keys: Vec<String> = std::iter::once(&parties.a).chain(&parties.b).map(PhoneNumber::key).collect();
    let mut had: HashMap<String, UnixMs> = HashMap::new();
    for column in ["phone_a", "phone_b"] {
        let (marks, mut values) = listed(2, &keys);
        values.insert(0, scope.organisation.to_string().into());
        let sql = format!(
            "SELECT number_id, MAX(created_at) AS at FROM binding WHERE organisation_id = $1 AND {column} IN ({marks}) GROUP BY number_id"
        );
        let rows: Vec<Had> = all(write.tx(), &sql, values).await?;
        for row in rows {
            let at = UnixMs(row.at.unwrap_or_default());
            had.entry(row.number_id).and_modify(|known| *known = at.max(*known)).or_insert(at);
        }
    }
    Ok(had)
}

async fn extensions(write: &Write, number: &str, now: UnixMs) -> ApiResult<BTreeSet<String>> {
    let sql = "SELECT claim FROM binding_claim WHERE number_id = $1 AND until_at > $2 AND claim LIKE 'e:%'";
    let rows: Vec<Held> = all(write.tx(), sql, [number.into(), now.0.into()]).await?;
    Ok(rows.into_iter().filter_map(|r| r.claim.strip_prefix("e:").map(str::to_owned)).collect())
}

async fn insert(
    write: &Write,
    scope: &Scope,
    id: BindingId,
    pool: &Pool,
    chosen: &Chosen,
    terms: &Terms,
    expires: UnixMs,
    now: UnixMs,
) -> ApiResult<()> {
    let parties = &chosen.parties;
    let until = expires.0.saturating_add(pool.grace_ms);
    let values: [Value; 21] = [
        id.to_string().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        pool.id.clone().into(),
        chosen.number.clone().into(),
        parties.mode.as_str().into(),
        parties.a.key().into(),
        parties.b.as_ref().map(PhoneNumber::key).into(),
        parties.extension.clone().into(),
        parties.restrict.map(|r| r.as_str()).into(),
        terms.ring_s.into(),
        terms.max_s.into(),
        i64::from(terms.record).into(),
        i64::from(terms.hint).into(),
        terms.out_id.clone().into(),
        terms.user_data.clone().into(),
        expires.0.into(),
        pool.grace_ms.into(),
        until.into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write
        .exec(
            "INSERT INTO binding (id, organisation_id, branch_id, pool_id, number_id, mode, phone_a, phone_b, extension, \
             restriction, ring_s, max_s, is_recorded, hint, out_id, user_data, expires_at, grace_ms, until_at, created_by, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)",
            values,
        )
        .await?;
    claim(write, scope, &chosen.number, &id.to_string(), parties, until, now).await?;
    write
        .exec(
            "UPDATE pool_number SET bound_at = $1 WHERE id = $2",
            [now.0.into(), chosen.number.clone().into()],
        )
        .await?;
    Ok(())
}

/// Stores what a binding claims of its number; what is over there is taken out first.
async fn claim(
    write: &Write,
    scope: &Scope,
    number: &str,
    binding: &str,
    parties: &Parties,
    until: i64,
    now: UnixMs,
) -> ApiResult<()> {
    write
        .exec(
            "DELETE FROM binding_claim WHERE number_id = $1 AND (until_at <= $2 OR binding_id = $3)",
            [number.into(), now.0.into(), binding.into()],
        )
        .await?;
    for claim in claims(parties) {
        write
            .exec(
                "INSERT INTO binding_claim (number_id, claim, organisation_id, binding_id, until_at) VALUES ($1, $2, $3, $4, $5)",
                [
                    number.into(),
                    claim.to_string().into(),
                    scope.organisation.to_string().into(),
                    binding.into(),
                    until.into(),
                ],
            )
            .await?;
    }
    Ok(())
}

/// Changes a binding that is not over.
pub(super) async fn change(
    app: &Shared,
    scope: &Scope,
    id: &str,
    change: &BindingChange,
) -> ApiResult<BindingView> {
    request::flow(app, scope.organisation)?;
    let write = app.store.begin().await?;
    let now = app.clock.now();
    let shift = Shift::of(app);
    let row = live(&write, scope, id, now).await?;
    let mut parties = row.parties().ok_or_else(|| refused(BindRefusal::NoSuch))?;
    if let Some(a) = &change.phone_no_a {
        parties.a = party(a, "phone_no_a")?;
    }
    match change.phone_no_b.as_deref() {
        None => {}
        Some("") if parties.mode == BindingMode::Axe => parties.b = None,
        Some(b) => parties.b = Some(party(b, "phone_no_b")?),
    }
    if parties.b.as_ref() == Some(&parties.a) {
        return Err(same_party());
    }
    if let Some(word) = &change.call_restrict {
        parties.restrict = request::restrict(Some(word))?;
    }
    if change.phone_no_a.is_some() || change.phone_no_b.is_some() {
        may_be_called(app, &write, scope, &parties).await?;
    }
    let ring = change.call_timeout.map(request::ring).transpose()?.unwrap_or(row.ring_s);
    let longest = change.max_duration.map(request::longest).transpose()?.unwrap_or(row.max_s);
    let out_id = match &change.out_id {
        None => row.out_id.clone(),
        text => request::out_id(text.as_deref())?,
    };
    let user_data = match &change.user_data {
        None => row.user_data.clone(),
        text => request::user_data(text.as_deref())?,
    };
    let expires = match (change.expiration, change.ttl) {
        (None, None) => row.expires_at,
        (expiration, ttl) => request::expires(expiration, ttl, shift, now)?.0,
    };
    let until = expires.saturating_add(row.grace_ms);
    let held: Vec<String> = claims(&parties).iter().map(Claim::to_string).collect();
    let (marks, mut values) = listed(4, &held);
    values.splice(0..0, [Value::from(row.number_id.clone()), now.0.into(), row.id.clone().into()]);
    let sql = format!(
        "SELECT COUNT(*) FROM binding_claim WHERE number_id = $1 AND until_at > $2 AND binding_id <> $3 AND claim IN ({marks})"
    );
    if number(write.tx(), &sql, values).await? > 0 {
        return Err(refused(BindRefusal::UpdateConflict));
    }
    write
        .exec(
            "UPDATE binding SET phone_a = $1, phone_b = $2, restriction = $3, ring_s = $4, max_s = $5, is_recorded = $6, \
             hint = $7, out_id = $8, user_data = $9, expires_at = $10, until_at = $11 WHERE id = $12",
            [
                parties.a.key().into(),
                parties.b.as_ref().map(PhoneNumber::key).into(),
                parties.restrict.map(|r| r.as_str()).into(),
                ring.into(),
                longest.into(),
                i64::from(change.is_recording_enabled.unwrap_or(row.is_recorded != 0)).into(),
                i64::from(change.last_min_voice.unwrap_or(row.hint != 0)).into(),
                out_id.into(),
                user_data.into(),
                expires.into(),
                until.into(),
                row.id.clone().into(),
            ],
        )
        .await?;
    claim(&write, scope, &row.number_id, &row.id, &parties, until, now).await?;
    let row = live(&write, scope, id, now).await?;
    write.commit().await?;
    Ok(row.view(now, shift)?)
}

/// A binding that is not over.
async fn live(write: &Write, scope: &Scope, id: &str, now: UnixMs) -> ApiResult<Row> {
    let row = rows::find(write.tx(), scope, id).await?.ok_or_else(|| refused(BindRefusal::NoSuch))?;
    match state(&row.span(), now) {
        BindingState::Ended => Err(refused(BindRefusal::NoSuch)),
        _ => Ok(row),
    }
}

/// Ends a binding at once; one that has ended stays as it was.
pub(super) async fn unbind(app: &Shared, scope: &Scope, id: &str) -> ApiResult<BindingView> {
    request::flow(app, scope.organisation)?;
    let write = app.store.begin().await?;
    let now = app.clock.now();
    let found = rows::find(write.tx(), scope, id).await?;
    let mut row = found.ok_or_else(|| refused(BindRefusal::NoSuch))?;
    if state(&row.span(), now) != BindingState::Ended {
        write
            .exec(
                "UPDATE binding SET unbound_at = $1, until_at = $1 WHERE id = $2",
                [now.0.into(), row.id.clone().into()],
            )
            .await?;
        write.exec("DELETE FROM binding_claim WHERE binding_id = $1", [row.id.clone().into()]).await?;
        write.commit().await?;
        row.unbound_at = Some(now.0);
        row.until_at = now.0;
    }
    Ok(row.view(now, Shift::of(app))?)
}
