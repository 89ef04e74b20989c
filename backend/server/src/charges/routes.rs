//! `/api/v1/rates`, `/api/v1/charge-policy`, `/api/v1/accounts*`, `/api/v1/ledger*`.

use super::accounts::{Holder, holder, holders, view};
use super::enter::{New, add, rules};
use super::rows::{COLUMNS, FROM, Row};
use super::{At, clocks, file, rates};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::numbers::staff;
use crate::org::sets::{replace, rule_set};
use crate::store::scope::Scope;
use crate::store::{Several, all, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::id::{AccountId, BranchId, UserId};
use waybell_domain::lang::Lang;
use waybell_domain::rate::{AccountKind, ChargePolicy, EntryKind, Limits, Micros, Rates};
use waybell_domain::wire::{AccountView, EntryRequest, EntryView, ErrorBody, RatesView};

/// Entries in a file, at most.
const MOST_EXPORTED: u32 = 20_000;
/// Entries in a list.
const PAGE: u32 = 100;
const MOST: u32 = 500;
/// Accounts in a list.
const ACCOUNTS: u32 = 100;
const MOST_REASON: usize = 200;
/// The largest entry that somebody writes: a hundred million yuan.
const MOST_WRITTEN: i64 = 100_000_000 * Micros::YUAN.0;

/// The prices by version, the newest first (staff).
#[utoipa::path(get, path = "/api/v1/rates", tag = "charges", security(("bearer" = [])),
    responses((status = 200, body = [RatesView]), (status = 403, body = ErrorBody)))]
pub async fn list_rates(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<RatesView>>> {
    let scope = staff(&signed)?;
    Ok(Json(rates::list(app.store.read(), scope, clocks(&app)).await?))
}

/// Set the prices (administrators): a new version, which holds for calls that are answered from now on, or from the day that it
/// names. Versions before stay, and what was charged by them stays as it is.
#[utoipa::path(put, path = "/api/v1/rates", tag = "charges", security(("bearer" = [])), request_body = Rates,
    responses((status = 200, body = RatesView), (status = 403, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn put_rates(
    State(app): State<Shared>,
    signed: Signed,
    Strict(body): Strict<Rates>,
) -> ApiResult<Json<RatesView>> {
    let (scope, at) = (signed.administrator()?, clocks(&app));
    let unknown = body.rates.iter().enumerate().find(|(_, r)| {
        r.trunk.as_ref().is_some_and(|name| !app.config.trunk.iter().any(|t| t.name == *name))
    });
    if let Some((n, _)) = unknown {
        let names: Vec<&str> = app.config.trunk.iter().map(|t| t.name.as_str()).collect();
        let hint = format!("the trunks of this server are: {}", names.join(", "));
        return Err(ApiError::field(format!("rates[{n}].trunk"), "there is no such trunk", hint));
    }
    let write = app.store.begin().await?;
    let zone = rules(write.tx(), &scope.organisation.to_string()).await?.zone;
    let view = rates::add(&write, scope, at, zone, &body).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let version = view.version.to_string();
    crate::audit::record(&write, organisation, by, at.now, "rates", &version, &view.rates.name).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// The rules for what calls cost: who pays, limits, what a call that is set up is reckoned with (staff).
#[utoipa::path(get, path = "/api/v1/charge-policy", tag = "charges", security(("bearer" = [])),
    responses((status = 200, body = ChargePolicy), (status = 403, body = ErrorBody)))]
pub async fn get_charge_policy(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<ChargePolicy>> {
    Ok(Json(rule_set(app.store.read(), staff(&signed)?.organisation).await?))
}

/// Replace the rules for what calls cost (administrators). What the body leaves out takes the built-in default. Calls that end
/// from now on go by the new ones.
#[utoipa::path(put, path = "/api/v1/charge-policy", tag = "charges", security(("bearer" = [])), request_body = ChargePolicy,
    responses((status = 200, body = ChargePolicy), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_charge_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<ChargePolicy>,
) -> ApiResult<Json<ChargePolicy>> {
    let scope = signed.administrator()?;
    for branch in policy.branches.keys() {
        #[derive(FromQueryResult)]
        struct Found {}
        let sql = "SELECT id FROM branch WHERE id = $1 AND organisation_id = $2";
        let values = [branch.to_string().into(), scope.organisation.to_string().into()];
        let found: Option<Found> = one(app.store.read(), sql, values).await?;
        if found.is_none() {
            return Err(ApiError::field(
                "branches",
                "there is no such branch",
                "name branches of GET /branches",
            ));
        }
    }
    replace(&app, &signed, policy).await
}

/// Which accounts.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct AccountsQuery {
    /// `organisation`, `branch` or `courier`; all without.
    kind: Option<String>,
    /// Of this branch.
    branch: Option<BranchId>,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

/// Accounts with their balance: the organisation's, branches', couriers'. Staff see those of their branch, couriers their own.
#[utoipa::path(get, path = "/api/v1/accounts", tag = "charges", security(("bearer" = [])), params(AccountsQuery),
    responses((status = 200, body = [AccountView]), (status = 422, body = ErrorBody)))]
pub async fn list_accounts(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<AccountsQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<AccountView>>)> {
    let (scope, db, at) = (&signed.scope, app.store.read(), clocks(&app));
    let limit = query.limit.unwrap_or(ACCOUNTS).clamp(1, MOST);
    let (mut condition, mut values): (String, Vec<Value>) = ("1 = 1".to_owned(), Vec::new());
    if let Some(word) = &query.kind {
        let kind = AccountKind::parse(word).ok_or_else(|| {
            ApiError::field("kind", "there is no such kind", "write organisation, branch or courier")
        })?;
        condition.push_str(&format!(" AND h.kind = ?{}", values.len()));
        values.push(kind.as_str().into());
    }
    if let Some(branch) = query.branch {
        condition.push_str(&format!(" AND h.branch_id = ?{}", values.len()));
        values.push(branch.to_string().into());
    }
    if let Some(page) = &query.page {
        let bad = || ApiError::field("page", "is none of ours", "give back the header x-next-page as it was");
        let (place, id) = page.split_once('.').ok_or_else(bad)?;
        let place: i64 = place.parse().map_err(|_| bad())?;
        let id = AccountId::parse(id).map_err(|_| bad())?;
        let n = values.len();
        condition.push_str(&format!(" AND (h.place > ?{n} OR h.place = ?{n} AND h.id > ?{})", n + 1));
        values.extend([Value::from(place), id.to_string().into()]);
    }
    let found = holders(db, scope, &condition, values, i64::from(limit)).await?;
    let rules = rules(db, &scope.organisation.to_string()).await?;
    let mut accounts = Vec::with_capacity(found.len());
    for holder in &found {
        accounts.push(view(db, at, &rules, holder).await?);
    }
    let mut headers = HeaderMap::new();
    if let (true, Some(last)) = (found.len() == limit as usize, found.last())
        && let Ok(next) = format!("{}.{}", place(last.kind()), last.id).parse()
    {
        headers.insert(crate::calls::list::NEXT, next);
    }
    Ok((headers, Json(accounts)))
}

/// In which order lists have them.
fn place(kind: AccountKind) -> i64 {
    match kind {
        AccountKind::Organisation => 0,
        AccountKind::Branch => 1,
        AccountKind::Courier => 2,
    }
}

/// One account.
#[utoipa::path(get, path = "/api/v1/accounts/{id}", tag = "charges", security(("bearer" = [])),
    params(("id" = String, Path, description = "Id of the courier, branch or organisation.")),
    responses((status = 200, body = AccountView), (status = 404, body = ErrorBody)))]
pub async fn show_account(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<AccountView>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let holder = holder(db, scope, &id).await?;
    let rules = rules(db, &scope.organisation.to_string()).await?;
    Ok(Json(view(db, clocks(&app), &rules, &holder).await?))
}

/// Set the limits of an account (administrators): `credit` (0: paid in advance) and `daily_cap`. What is left out is as the rules
/// say for accounts of its kind. Calls that run are not cut.
#[utoipa::path(put, path = "/api/v1/accounts/{id}/limits", tag = "charges", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = Limits, responses((status = 200, body = AccountView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_limits(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(limits): Strict<Limits>,
) -> ApiResult<Json<AccountView>> {
    let (scope, at) = (signed.administrator()?, clocks(&app));
    limits.check("").map_err(|e| ApiError::field(e.field, e.problem, "the limits stay as they were"))?;
    let write = app.store.begin().await?;
    let holder = holder(write.tx(), scope, &id).await?;
    let organisation = scope.organisation.to_string();
    write
        .exec(
            "INSERT INTO account (id, organisation_id, kind, credit, daily_cap) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET credit = excluded.credit, daily_cap = excluded.daily_cap",
            [
                holder.id.clone().into(),
                organisation.clone().into(),
                holder.kind().as_str().into(),
                limits.credit.map(|c| c.0).into(),
                limits.daily_cap.map(|c| c.0).into(),
            ],
        )
        .await?;
    let said = |of: Option<Micros>| of.map_or_else(|| "-".to_owned(), |m| m.to_string());
    let detail = format!("credit {}, daily cap {}", said(limits.credit), said(limits.daily_cap));
    let by = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(&write, by.0, by.1, at.now, "account_limits", &holder.id, &detail).await?;
    let rules = rules(write.tx(), &organisation).await?;
    let view = view(write.tx(), at, &rules, &holder).await?;
    write.commit().await?;
    Ok(Json(view))
}

#[derive(FromQueryResult)]
struct Written {
    account_id: String,
    kind: String,
    amount: i64,
    reason: Option<String>,
}

/// Write an entry (administrators): an opening balance, a top-up, an adjustment either way, with its reason, which is audited. The
/// same id again makes no second entry.
#[utoipa::path(post, path = "/api/v1/accounts/{id}/entries", tag = "charges", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = EntryRequest, responses((status = 201, body = EntryView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn write_entry(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<EntryRequest>,
) -> ApiResult<Response> {
    let (scope, at) = (signed.administrator()?, clocks(&app));
    let once = Once::of(&headers, &format!("accounts/{id}/entries"), &body.bytes)?;
    let request = body.value;
    check(&request)?;
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let holder = holder(write.tx(), scope, &id).await?;
    let source = format!("entry/{}", request.id);
    let sql = "SELECT account_id, kind, amount, reason FROM ledger_entry WHERE source = $1 OR id = $2";
    let look = one::<Written, _>(write.tx(), sql, [source.clone().into(), request.id.to_string().into()]);
    let reason = request.reason.trim().to_owned();
    match write.beyond(look).await? {
        None => {
            let mut several = Several::default();
            let new = entry(&holder, scope, at, &request, (source, reason.clone()), write.next_rev());
            add(&mut several, new);
            several.run(write.tx()).await?;
            let detail = format!("{} {}: {}", request.kind, request.amount, reason);
            let by = (Some(scope.organisation), Some(scope.person));
            crate::audit::record(&write, by.0, by.1, at.now, "account_entry", &holder.id, &detail).await?;
        }
        Some(w)
            if w.account_id == holder.id
                && w.kind == request.kind.as_str()
                && w.amount == request.amount.0
                && w.reason.as_deref() == Some(&reason) => {}
        Some(_) => {
            let problem = "this id was used for another entry";
            return Err(ApiError::conflict("id_taken", problem).hint("make a new id for a new entry"));
        }
    }
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE e.id = $1 AND e.organisation_id = $2");
    let values = [request.id.to_string().into(), scope.organisation.to_string().into()];
    let row: Option<Row> = one(write.tx(), &sql, values).await?;
    let view = row.ok_or_else(|| ApiError::not_found("entry"))?.view(scope)?;
    once.commit(write, scope, at.now, StatusCode::CREATED, &view).await
}

fn check(request: &EntryRequest) -> ApiResult<()> {
    let reason = request.reason.trim().chars().count();
    if reason == 0 || reason > MOST_REASON || request.reason.chars().any(char::is_control) {
        let problem = format!("must be one line of 1 to {MOST_REASON} characters");
        return Err(ApiError::field("reason", problem, "say why: it is shown to who has the account"));
    }
    let amount = request.amount.0;
    let fits = match request.kind {
        EntryKind::Leg => {
            return Err(ApiError::field(
                "kind",
                "must be opening, top_up or adjustment",
                "what calls cost is entered by the server alone",
            ));
        }
        EntryKind::TopUp => amount > 0,
        EntryKind::Opening | EntryKind::Adjustment => amount != 0,
    };
    if !fits || !(-MOST_WRITTEN..=MOST_WRITTEN).contains(&amount) {
        let hint = "write millionths of a yuan: 1000000 is ¥1; above zero for a top-up";
        return Err(ApiError::field("amount", "is not one that can be written", hint));
    }
    Ok(())
}

fn entry(
    holder: &Holder,
    scope: &Scope,
    at: At,
    request: &EntryRequest,
    (source, reason): (String, String),
    rev: i64,
) -> New {
    New {
        id: request.id,
        organisation: scope.organisation.to_string(),
        account: (holder.kind(), holder.id.clone()),
        source,
        at: at.now,
        kind: request.kind,
        amount: request.amount,
        rev,
        branch: holder.branch_id.clone(),
        courier: (holder.kind() == AccountKind::Courier).then(|| holder.id.clone()),
        of_leg: None,
        of_person: Some((reason, scope.person)),
    }
}

/// Which entries.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct LedgerQuery {
    /// Of this account.
    account: Option<AccountId>,
    /// Of this courier's calls and account.
    courier: Option<UserId>,
    /// Of this branch's calls and accounts.
    branch: Option<BranchId>,
    /// `leg`, `opening`, `top_up` or `adjustment`; all without.
    kind: Option<String>,
    /// Written at this moment or later, unix ms.
    since: Option<i64>,
    /// Written before this moment.
    before: Option<i64>,
    /// Only legs that there is no price for.
    unrated: bool,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

async fn find(
    db: &DatabaseConnection,
    scope: &Scope,
    query: &LedgerQuery,
    limit: u32,
) -> ApiResult<(Vec<EntryView>, Option<i64>)> {
    let (mut filter, mut values) = scope.filter("e", 1);
    let mut only = |condition: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {condition} ${}", values.len()));
    };
    if let Some(account) = query.account {
        only("e.account_id =", account.to_string().into());
    }
    if let Some(courier) = query.courier {
        only("e.courier_id =", courier.to_string().into());
    }
    if let Some(branch) = query.branch {
        only("e.branch_id =", branch.to_string().into());
    }
    if let Some(word) = &query.kind {
        let kind = EntryKind::parse(word).ok_or_else(|| {
            ApiError::field("kind", "there is no such kind", "write leg, opening, top_up or adjustment")
        })?;
        only("e.kind =", kind.as_str().into());
    }
    if let Some(since) = query.since {
        only("e.at >=", since.into());
    }
    if let Some(before) = query.before {
        only("e.at <", before.into());
    }
    if let Some(page) = &query.page {
        let rev: i64 = page.parse().map_err(|_| {
            ApiError::field("page", "is none of ours", "give back the header x-next-page as it was")
        })?;
        only("e.rev <", rev.into());
    }
    if query.unrated {
        filter.push_str(" AND e.kind = 'leg' AND e.charge LIKE '{\"rated\":\"unrated\"%'");
    }
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY e.rev DESC LIMIT {limit}");
    let rows: Vec<Row> = all(db, &sql, values).await?;
    let next = rows.last().filter(|_| rows.len() == limit as usize).map(|r| r.rev);
    let entries = rows.into_iter().map(|row| row.view(scope)).collect::<Result<_, _>>()?;
    Ok((entries, next))
}

/// Entries, the newest first: couriers see those of their own calls and account, staff those of their branch. Where there are
/// more, the header `x-next-page` says how to go on.
#[utoipa::path(get, path = "/api/v1/ledger", tag = "charges", security(("bearer" = [])), params(LedgerQuery),
    responses((status = 200, body = [EntryView]), (status = 422, body = ErrorBody)))]
pub async fn list_entries(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<LedgerQuery>,
) -> ApiResult<(HeaderMap, Json<Vec<EntryView>>)> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, MOST);
    let (entries, next) = find(app.store.read(), &signed.scope, &query, limit).await?;
    let mut headers = HeaderMap::new();
    if let Some(next) = next.and_then(|n| n.to_string().parse().ok()) {
        headers.insert(crate::calls::list::NEXT, next);
    }
    Ok((headers, Json(entries)))
}

/// The language of a file.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct LedgerFileQuery {
    /// `zh` (default) or `en`.
    lang: Option<String>,
}

/// What `GET /ledger` finds with the same filters, as CSV with a line each (staff). Who takes it is kept in the audit. Where
/// there are more than 20,000, nothing is given out and the answer says so.
#[utoipa::path(get, path = "/api/v1/ledger/export", tag = "charges", security(("bearer" = [])), params(LedgerQuery, LedgerFileQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn export_ledger(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<LedgerQuery>,
    Query(lang): Query<LedgerFileQuery>,
) -> ApiResult<Response> {
    let (db, scope, at) = (app.store.read(), staff(&signed)?, clocks(&app));
    let zone = rules(db, &scope.organisation.to_string()).await?.zone;
    let (entries, next) = find(db, scope, &query, MOST_EXPORTED + 1).await?;
    if next.is_some() {
        let problem = format!("{MOST_EXPORTED} entries are not all of them");
        return Err(ApiError::field("since", problem, "take a shorter time, or more filters"));
    }
    let lang = lang.lang.as_deref().map_or(Lang::Zh, Lang::of_locale);
    let body = file::file(&entries, zone, lang)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
    let write = app.store.begin().await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let (subject, detail) = (scope.organisation.to_string(), entries.len().to_string());
    crate::audit::record(&write, organisation, by, at.now, "export_ledger", &subject, &detail).await?;
    write.commit().await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"charges.csv\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, body).into_response())
}
