//! `/api/v1/leaves*`.

use super::rows::{COLUMNS, FROM, Row, stored};
use super::take::{self, json, note, view, zone};
use super::{decider, reason, why};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Strict};
use crate::http::once::Once;
use crate::http::query::Query;
use crate::numbers::branch_of;
use crate::store::{Write, all};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use sea_orm::Value;
use serde::Deserialize;
use waybell_domain::attendance::{AskState, leave_span};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::BranchId;
use waybell_domain::wire::{ErrorBody, LeaveCut, LeaveDecision, LeaveRequest, LeaveView, Withdrawal};

/// Leaves in an answer.
const MOST: i64 = 500;
/// A withdrawal that was said before the leave began is heard so long after its beginning, ms: no phone is out of reach for longer, and
/// a sheet that is closed stays as it is.
const LATE: i64 = 2 * DAY;

/// Ask for leave; a supervisor who names somebody else enters it, and it holds at once. The same `id` again has no second
/// effect.
#[utoipa::path(post, path = "/api/v1/leaves", tag = "field", security(("bearer" = [])), request_body = LeaveRequest,
    responses((status = 200, body = LeaveView), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn ask_leave(
    State(app): State<Shared>,
    signed: Signed,
    headers: HeaderMap,
    body: Body<LeaveRequest>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, "leaves", &body.bytes)?;
    take::check(&body.value)?;
    if body.value.courier.is_some() {
        decider(&signed)?;
    }
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, &signed.scope).await? {
        return Ok(answer);
    }
    let view = take::take(&write, &signed.scope, &headers, now, &body.value).await?;
    once.commit(write, &signed.scope, now, StatusCode::OK, &view).await
}

/// Which leaves.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct LeavesQuery {
    /// Id or login name; all that the asker sees where it is absent.
    courier: Option<String>,
    /// Of this branch.
    branch: Option<BranchId>,
    /// `requested`, `approved`, `refused` or `withdrawn`.
    state: Option<String>,
    /// Not over by then, unix ms.
    since: Option<i64>,
}

/// Leaves, the latest first, 500 at most: a courier's own, for supervisors those of their branch.
#[utoipa::path(get, path = "/api/v1/leaves", tag = "field", security(("bearer" = [])), params(LeavesQuery),
    responses((status = 200, body = [LeaveView]), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn list_leaves(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<LeavesQuery>,
) -> ApiResult<Json<Vec<LeaveView>>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let (mut filter, mut values) = scope.filter("l", 1);
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {sql} ${}", values.len()));
    };
    if let Some(asked) = &query.courier {
        let person = crate::tracks::person(db, scope, Some(asked)).await?;
        also("l.courier_id =", person.id.to_string().into());
    }
    if query.branch.is_some() {
        also("l.branch_id =", branch_of(db, scope, query.branch).await?.to_string().into());
    }
    if let Some(word) = &query.state {
        also("l.state =", state(word)?.as_str().into());
    }
    if let Some(since) = query.since {
        also("l.to_at >", since.into());
    }
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY l.from_at DESC, l.id DESC LIMIT {MOST}"
    );
    let rows: Vec<Row> = all(db, &sql, values).await?;
    Ok(Json(rows.iter().filter_map(Row::view).collect()))
}

pub(super) fn state(word: &str) -> ApiResult<AskState> {
    let hint = "write requested, approved, refused or withdrawn";
    AskState::parse(word).ok_or_else(|| ApiError::field("state", "there is no such state", hint))
}

pub(super) fn over(message: &str) -> ApiError {
    ApiError::conflict("decided", message).hint("look at it again, then decide")
}

async fn decided(
    write: &Write,
    id: &str,
    state: AskState,
    by: &str,
    now: UnixMs,
    why: Option<&str>,
) -> ApiResult<()> {
    let sql =
        "UPDATE leave_request SET state = $2, decided_by = $3, decided_at = $4, reason = $5 WHERE id = $1";
    let values: [Value; 5] = [id.into(), state.as_str().into(), by.into(), now.0.into(), why.into()];
    write.exec(sql, values).await?;
    Ok(())
}

/// Approve a leave of somebody of the branch, or refuse it with a reason (supervisors and team leaders; nobody their own).
/// The same decision again changes nothing; another one is refused.
#[utoipa::path(post, path = "/api/v1/leaves/{id}/decide", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = LeaveDecision, responses((status = 200, body = LeaveView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn decide_leave(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<LeaveDecision>,
) -> ApiResult<Json<LeaveView>> {
    let scope = decider(&signed)?;
    let said = reason(request.reason.as_deref())?;
    let said = if request.approve { said } else { Some(why(said.as_deref())?) };
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let row = stored(write.tx(), scope, &id).await?;
    not_own(scope, &row.courier_id)?;
    let to = if request.approve { AskState::Approved } else { AskState::Refused };
    match row.state()? {
        AskState::Requested => {}
        state if state == to => return Ok(Json(view(&write, scope, &row.id).await?)),
        AskState::Withdrawn => return Err(over("the leave was withdrawn")),
        _ => return Err(over("the leave has been decided")),
    }
    let by = scope.person.to_string();
    decided(&write, &row.id, to, &by, now, said.as_deref()).await?;
    let what = if request.approve { "approve_leave" } else { "refuse_leave" };
    note(&write, scope, now, what, &row.id, "").await?;
    let view = view(&write, scope, &row.id).await?;
    write.commit().await?;
    Ok(Json(view))
}

pub(super) fn not_own(scope: &crate::store::scope::Scope, courier: &str) -> ApiResult<()> {
    if courier == scope.person.to_string() {
        let message = "nobody decides what they asked for themselves";
        return Err(ApiError::conflict("own_request", message).hint("ask somebody else"));
    }
    Ok(())
}

/// Let an approved leave end earlier, with a reason (supervisors and team leaders). At or before its beginning it is taken back
/// as a whole.
#[utoipa::path(post, path = "/api/v1/leaves/{id}/cut", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = LeaveCut, responses((status = 200, body = LeaveView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn cut_leave(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(request): Strict<LeaveCut>,
) -> ApiResult<Json<LeaveView>> {
    let scope = decider(&signed)?;
    let said = why(Some(&request.reason))?;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let row = stored(write.tx(), scope, &id).await?;
    not_own(scope, &row.courier_id)?;
    if row.state()? != AskState::Approved {
        return Err(over("only an approved leave can be cut short"));
    }
    let known = row.view().ok_or_else(|| ApiError::not_found("leave"))?;
    let by = scope.person.to_string();
    let end = leave_span(known.from, request.to, zone(write.tx(), scope).await?);
    match end {
        Ok(span) if span.to > known.to_at => {
            let hint = "ask for another leave behind it";
            return Err(ApiError::field("to", "is after the end of the leave", hint));
        }
        Ok(span) if span.to == known.to_at => {}
        Ok(span) => {
            let sql = "UPDATE leave_request SET to_edge = $2, to_at = $3 WHERE id = $1";
            let values: [Value; 3] = [row.id.clone().into(), json(&request.to)?.into(), span.to.0.into()];
            write.exec(sql, values).await?;
            decided(&write, &row.id, AskState::Approved, &by, now, Some(&said)).await?;
        }
        Err(("to", "is not after the beginning of the leave")) => {
            decided(&write, &row.id, AskState::Withdrawn, &by, now, Some(&said)).await?;
        }
        Err((field, problem)) => {
            return Err(ApiError::field(field, problem, "correct the days of the leave"));
        }
    }
    note(&write, scope, now, "cut_leave", &row.id, "").await?;
    let view = view(&write, scope, &row.id).await?;
    write.commit().await?;
    Ok(Json(view))
}

/// Withdraw an own leave: one that waits, or an approved one before it begins. A second time changes nothing.
#[utoipa::path(post, path = "/api/v1/leaves/{id}/withdraw", tag = "field", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = Withdrawal, responses((status = 200, body = LeaveView),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn withdraw_leave(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Body<Withdrawal>,
) -> ApiResult<Response> {
    let once = Once::of(&headers, &format!("leaves/{id}/withdraw"), &body.bytes)?;
    let scope = &signed.scope;
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    let row = stored(write.tx(), scope, &id).await?;
    if row.courier_id != scope.person.to_string() {
        return Err(ApiError::not_found("leave"));
    }
    // said before it began counts, however late it is heard
    let at = crate::http::acted_at(body.value.acted_at, &headers, now);
    match row.state()? {
        AskState::Requested => {}
        AskState::Approved if at.0 < row.from_at && now.0 < row.from_at.saturating_add(LATE) => {}
        AskState::Approved => {
            let message = "the leave has begun";
            return Err(ApiError::conflict("begun", message).hint("ask a supervisor to cut it short"));
        }
        AskState::Withdrawn => {
            let view = view(&write, scope, &row.id).await?;
            return once.commit(write, scope, now, StatusCode::OK, &view).await;
        }
        AskState::Refused => return Err(over("the leave was refused")),
    }
    let sql = "UPDATE leave_request SET state = 'withdrawn' WHERE id = $1";
    write.exec(sql, [row.id.clone().into()]).await?;
    note(&write, scope, now, "withdraw_leave", &row.id, "").await?;
    let view = view(&write, scope, &row.id).await?;
    once.commit(write, scope, now, StatusCode::OK, &view).await
}
