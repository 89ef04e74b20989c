//! `/api/v1/attendance/asked*`: corrections that people ask for in days of their own.

use super::ask_rows::{Asked, COLUMNS, FROM, stored};
use super::routes::{not_own, over, state};
use super::take::{MOST_A_DAY, json, note};
use super::{decider, reason, why};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::attendance::correct::{Made, check_correction, put_correction};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::store::scope::Scope;
use crate::store::{Write, all, number, one};
use crate::tracks::{local_day, person};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use waybell_domain::attendance::{AskState, Correction};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::wire::{AskDecision, CorrectionAsk, CorrectionAskView, ErrorBody, Withdrawal};

/// Asked corrections in an answer.
const MOST: i64 = 500;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    courier_id: String,
    day: String,
    what: String,
}

/// Ask for a correction of an own day: a forgotten punch, or one that does not count. A supervisor of the branch decides. The
/// same `id` again has no second effect.
#[utoipa::path(post, path = "/api/v1/attendance/asked", tag = "field", security(("bearer" = [])),
    request_body = CorrectionAsk, responses((status = 200, body = CorrectionAskView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn ask_correction(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<CorrectionAsk>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "attendance/asked", &body.bytes)?;
    let (scope, request) = (&signed.scope, &body.value);
    let said = why(Some(&request.reason))?;
    if !matches!(request.correction, Correction::Punch { .. } | Correction::Void { .. }) {
        let hint = "ask for leave with POST /leaves";
        return Err(ApiError::field("correction.what", "must be punch or void", hint));
    }
    let now = app.clock.now();
    let day = local_day(&app, scope, Some(&request.day)).await?;
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    if let Some(view) = before(&write, scope, request, &day.name).await? {
        return once.commit(write, scope, now, StatusCode::OK, &view).await;
    }
    let own = person(write.tx(), scope, None).await?;
    check_correction(&write, scope, &own, &day, &request.correction).await?;
    let key = [own.id.to_string().into(), (now.0 - DAY).into()];
    let sql = "SELECT COUNT(*) FROM correction_ask WHERE courier_id = $1 AND received_at > $2";
    if number(write.tx(), sql, key).await? >= MOST_A_DAY {
        return Err(ApiError::too_many(3_600).hint("leaves are taken again when a day is over"));
    }
    let asked = crate::http::acted_at(request.acted_at, &headers, now);
    let sql = "INSERT INTO correction_ask (id, organisation_id, branch_id, courier_id, day, what, reason, state, asked_at, \
               received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 'requested', $8, $9)";
    let values: [Value; 9] = [
        request.id.to_string().into(),
        scope.organisation.to_string().into(),
        own.branch.clone().into(),
        own.id.to_string().into(),
        day.name.clone().into(),
        json(&request.correction)?.into(),
        said.into(),
        asked.0.max(0).into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    note(&write, scope, now, "ask_correction", &request.id.to_string(), &day.name).await?;
    let view = stored(write.tx(), scope, &request.id.to_string()).await?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}

/// The one of this id, where it was taken before.
async fn before(
    write: &Write,
    scope: &Scope,
    request: &CorrectionAsk,
    day: &str,
) -> ApiResult<Option<CorrectionAskView>> {
    let sql = "SELECT organisation_id, courier_id, day, what FROM correction_ask WHERE id = $1";
    let known: Option<Known> = write.beyond(one(write.tx(), sql, [request.id.to_string().into()])).await?;
    let Some(known) = known else { return used(write, request).await.map(|()| None) };
    if known.organisation_id != scope.organisation.to_string() || known.courier_id != scope.person.to_string()
    {
        return Err(ApiError::not_found("correction"));
    }
    if known.day != day || known.what != json(&request.correction)? {
        return Err(reused());
    }
    stored(write.tx(), scope, &request.id.to_string()).await.map(Some)
}

/// Approved, it becomes a correction of its id: so that must be free.
async fn used(write: &Write, request: &CorrectionAsk) -> ApiResult<()> {
    let sql = "SELECT COUNT(*) FROM punch_correction WHERE id = $1";
    let n = write.beyond(number(write.tx(), sql, [request.id.to_string().into()])).await?;
    if n == 0 { Ok(()) } else { Err(reused()) }
}

fn reused() -> ApiError {
    let message = "this id was used for another correction";
    ApiError::conflict("id_reused", message).hint("use a new id for a new correction")
}

/// Which of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct AskedQuery {
    /// Id or login name; all that the asker sees where it is absent.
    courier: Option<String>,
    /// `requested`, `approved`, `refused` or `withdrawn`.
    state: Option<String>,
}

/// Corrections that were asked for, the latest first, 500 at most: a courier's own, for supervisors those of their branch.
#[utoipa::path(get, path = "/api/v1/attendance/asked", tag = "field", security(("bearer" = [])), params(AskedQuery),
    responses((status = 200, body = [CorrectionAskView]), (status = 404, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn list_asked(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<AskedQuery>,
) -> ApiResult<Json<Vec<CorrectionAskView>>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let (mut filter, mut values) = scope.filter("a", 1);
    if let Some(asked) = &query.courier {
        values.push(person(db, scope, Some(asked)).await?.id.to_string().into());
        filter.push_str(&format!(" AND a.courier_id = ${}", values.len()));
    }
    if let Some(word) = &query.state {
        values.push(state(word)?.as_str().into());
        filter.push_str(&format!(" AND a.state = ${}", values.len()));
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY a.received_at DESC, a.id DESC LIMIT {MOST}"
    );
    let rows: Vec<Asked> = all(db, &sql, values).await?;
    Ok(Json(rows.iter().filter_map(Asked::view).collect()))
}

/// Approve a correction that somebody of the branch asked for, or refuse it with a reason (supervisors and team leaders;
/// nobody their own). Approved, it is in the day's sheet at once. The same decision again changes nothing.
#[utoipa::path(post, path = "/api/v1/attendance/asked/{id}/decide", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = AskDecision, responses((status = 200, body = CorrectionAskView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn decide_correction(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<AskDecision>,
) -> ApiResult<Json<CorrectionAskView>> {
    let scope = decider(&signed)?;
    let said = reason(request.reason.as_deref())?;
    let said = if request.approve { said } else { Some(why(said.as_deref())?) };
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let known = stored(write.tx(), scope, &id).await?;
    not_own(scope, &known.courier.to_string())?;
    let to = if request.approve { AskState::Approved } else { AskState::Refused };
    match known.state {
        AskState::Requested => {}
        state if state == to => return Ok(Json(known)),
        AskState::Withdrawn => return Err(over("the correction was withdrawn")),
        _ => return Err(over("the correction has been decided")),
    }
    if request.approve {
        let courier = person(write.tx(), scope, Some(&known.courier.to_string())).await?;
        let day = local_day(&app, scope, Some(&known.day)).await?;
        // the rules may have changed since it was asked for
        check_correction(&write, scope, &courier, &day, &known.correction).await?;
        let made = Made { id: known.id, correction: &known.correction, reason: &known.reason };
        put_correction(&write, scope, &courier, &day, &made, now).await?;
    }
    settle(&write, &known, to, Some(&scope.person.to_string()), now, said.as_deref()).await?;
    let what = if request.approve { "approve_correction" } else { "refuse_correction" };
    note(&write, scope, now, what, &known.id.to_string(), &known.day).await?;
    let view = stored(write.tx(), scope, &id).await?;
    write.commit().await?;
    Ok(Json(view))
}

async fn settle(
    write: &Write,
    known: &CorrectionAskView,
    to: AskState,
    by: Option<&str>,
    now: UnixMs,
    said: Option<&str>,
) -> ApiResult<()> {
    let sql =
        "UPDATE correction_ask SET state = $2, decided_by = $3, decided_at = $4, answer = $5 WHERE id = $1";
    let values: [Value; 5] =
        [known.id.to_string().into(), to.as_str().into(), by.into(), by.map(|_| now.0).into(), said.into()];
    write.exec(sql, values).await?;
    Ok(())
}

/// Withdraw a correction that one asked for and nobody has decided. A second time changes nothing.
#[utoipa::path(post, path = "/api/v1/attendance/asked/{id}/withdraw", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = Withdrawal, responses((status = 200, body = CorrectionAskView),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn withdraw_correction(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<Withdrawal>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, &format!("attendance/asked/{id}/withdraw"), &body.bytes)?;
    let scope = &signed.scope;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let known = stored(write.tx(), scope, &id).await?;
    if known.courier != scope.person {
        return Err(ApiError::not_found("correction"));
    }
    match known.state {
        AskState::Requested => {
            settle(&write, &known, AskState::Withdrawn, None, now, None).await?;
            note(&write, scope, now, "withdraw_correction", &known.id.to_string(), &known.day).await?;
        }
        AskState::Withdrawn => {}
        _ => return Err(over("the correction has been decided")),
    }
    let view = stored(write.tx(), scope, &id).await?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}
