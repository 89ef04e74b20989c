//! `/api/v1/parcels*`, `/api/v1/sync`.

use super::columns;
use super::import::{self, List};
use super::{rows::ParcelRow, state, sync};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::aside;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Raw, parse};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::store::all;
use crate::store::scope::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::ConnectionTrait;
use serde::Deserialize;
use waybell_domain::import::{Choice, TableError, read_list_with};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::track::coordinates::Datum;
use waybell_domain::wire::{
    ErrorBody, ImportReport, ImportRequest, ParcelStateRequest, ParcelView, SyncPage,
};

/// Query of an import.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ImportQuery {
    /// Only say what would happen.
    #[serde(default)]
    dry_run: bool,
    /// Of a file: which column holds what, as a JSON object of fields (`waybill_no`, `phone`, `name`, `address`, `kind`) and
    /// headings, `{"phone":"联系"}`; `#3` is the third column, an empty text says that there is none. What is named is remembered for
    /// the branch's lists with the same header; what is not named is guessed.
    columns: Option<String>,
    /// Of a file: take nothing, and answer with the rows that cannot be taken as a CSV file, each with its line and what is
    /// wrong with it.
    #[serde(default)]
    bad_rows: bool,
}

/// Kinds of bodies that are files; what they hold is found out from the bytes.
const FILES: [&str; 5] = [
    "text/csv",
    "text/plain",
    "application/octet-stream",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
];

/// What the coordinates of the organisation's lists refer to.
async fn list_datum<C: ConnectionTrait>(db: &C, scope: &Scope) -> ApiResult<Option<Datum>> {
    let row = crate::org::policy::organisation(db, scope.organisation).await?;
    Ok(row.map(|row| row.policy()).transpose()?.map(|policy| policy.list_datum))
}

/// Import a list: `application/json` with rows, or a file as it comes from the waybill system (`text/csv` or
/// `application/octet-stream`: CSV in any usual encoding, XLSX, a JSON list of objects). Good rows go in, bad rows come back
/// with line and reason.
#[utoipa::path(post, path = "/api/v1/parcels/import", tag = "parcels", security(("bearer" = [])), params(ImportQuery),
    request_body = ImportRequest, responses(
    (status = 200, body = ImportReport), (status = 401, body = ErrorBody), (status = 415, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn import(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ImportQuery>,
    headers: HeaderMap,
    Raw(bytes): Raw,
) -> ApiResult<Response> {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json");
    let list = if FILES.iter().any(|file| kind.starts_with(file)) {
        let named = query.columns.as_deref().map(columns::named).transpose()?.unwrap_or_default();
        let remembered = columns::remembered(app.store.read(), &signed.scope).await?;
        let datum = list_datum(app.store.read(), &signed.scope).await?;
        let choice = Choice { named, remembered, datum };
        let bytes = bytes.clone();
        if query.bad_rows {
            return columns::bad_rows(bytes, choice).await;
        }
        aside(move || {
            let table = read_list_with(&bytes, &choice)?;
            Ok::<_, TableError>(if choice.named.is_empty() { List::of(table) } else { List::of_named(table) })
        })
        .await?
    } else if kind.starts_with("application/json") {
        let request: ImportRequest = parse(&bytes)?;
        aside(move || List::of_request(request)).await?
    } else {
        let e =
            ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "media_type", format!("cannot read {kind:?}"));
        return Err(
            e.hint("send application/json with rows, or the file as text/csv or application/octet-stream")
        );
    };
    let once = Once::of(&headers, if query.dry_run { "import?dry_run" } else { "import" }, &bytes)?;
    let now = app.clock.now();
    if !query.dry_run {
        let acted = list.acted.map_or(now, |a| crate::http::acted_at(a, &headers, now));
        return import::take(&app.store, &signed.scope, (now, acted), list, once).await;
    }
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    write.commit().await?;
    let report = import::examine(app.store.read(), &signed.scope, now, list).await?;
    Ok(Json(report).into_response())
}

/// Say what was done with parcels: delivered, left at a station, returned. The answer has those that are yours; others are
/// left out, and when none is yours it is 404. A courier's word does not change what a deed has ended, and leaves nothing
/// at a station or in a locker without the recipient's key press: such parcels are given back as they were, and where
/// there are no others it is 409. Deeds say how, with consent that was got in another way.
#[utoipa::path(post, path = "/api/v1/parcels/state", tag = "parcels", security(("bearer" = [])),
    request_body = ParcelStateRequest, responses((status = 200, body = [ParcelView]), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody)))]
pub async fn set_state(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<ParcelStateRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "parcels/state", &body.bytes)?;
    let now = app.clock.now();
    let at = body.value.acted_at.map_or(now, |a| crate::http::acted_at(a, &headers, now));
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let rows = state::set(&write, &signed.scope, &body.value.parcels, body.value.state, at).await?;
    let views: Vec<ParcelView> = rows.iter().filter_map(ParcelRow::view).collect();
    once.commit(write, &signed.scope, now, StatusCode::OK, &views).await
}

/// Query of a listing.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct ListQuery {
    /// Words, numbers, pinyin: as in the app's search.
    #[serde(default)]
    search: String,
    /// Most rows, 200 by default, 1,000 at most.
    limit: Option<u32>,
}

/// List the parcels this person sees, newest first.
#[utoipa::path(get, path = "/api/v1/parcels", tag = "parcels", security(("bearer" = [])), params(ListQuery),
    responses((status = 200, body = [ParcelView])))]
pub async fn list(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ListQuery>,
) -> ApiResult<Json<Vec<ParcelView>>> {
    let (filter, values) = signed.scope.filter("p", 1);
    let sql = format!(
        "SELECT {} FROM parcel p WHERE {filter} ORDER BY p.imported_at DESC, p.sequence",
        super::rows::COLUMNS
    );
    let rows: Vec<ParcelRow> = all(app.store.read(), &sql, values).await?;
    let limit = query.limit.unwrap_or(200).min(1_000) as usize;
    let wanted = query.search.trim();
    Ok(Json(rows.iter().filter_map(ParcelRow::view).filter(|p| matches(wanted, p)).take(limit).collect()))
}

fn matches(wanted: &str, parcel: &ParcelView) -> bool {
    if wanted.is_empty() {
        return true;
    }
    let phones: Vec<&str> = parcel.phones().map(PhoneNumber::e164).collect();
    let phones = phones.join(" ");
    let text = format!("{} {} {} {phones}", parcel.address, parcel.recipient_name, parcel.waybill_no);
    waybell_domain::search::matches(wanted, &text)
}

/// Query of a pull.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct SyncQuery {
    /// Cursor of the last page; 0 or absent for everything.
    #[serde(default)]
    since: i64,
    /// Most rows of a kind.
    limit: Option<u64>,
}

/// Pull what changed.
#[utoipa::path(get, path = "/api/v1/sync", tag = "parcels", security(("bearer" = [])), params(SyncQuery),
    responses((status = 200, body = SyncPage), (status = 401, body = ErrorBody)))]
pub async fn pull(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<SyncQuery>,
) -> ApiResult<Json<SyncPage>> {
    Ok(Json(sync::page(&app, &signed.scope, query.since.max(0), query.limit.unwrap_or(sync::PAGE)).await?))
}
