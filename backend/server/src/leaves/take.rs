//! Taking a leave: once, and not over another one.

use super::rows::{COLUMNS, FROM, Row, stored};
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, number, one};
use crate::tracks::person;
use axum::http::HeaderMap;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::Serialize;
use waybell_domain::attendance::{AskState, LEAVE_AHEAD, LEAVE_BACK, LeaveEdge, Span, leave_span};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::wire::{LeaveRequest, LeaveView};

/// Leaves and corrections that a person asks for in 24 hours.
pub(super) const MOST_A_DAY: i64 = 50;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    made_by: String,
    courier_id: String,
    kind: String,
    from_edge: String,
}

pub(super) fn json<T: Serialize>(value: &T) -> ApiResult<String> {
    let damaged = |e: serde_json::Error| StoreError::Damaged { what: "leave", problem: e.to_string() };
    Ok(serde_json::to_string(value).map_err(damaged)?)
}

/// The zone of an organisation.
pub(super) async fn zone<C: ConnectionTrait>(db: &C, scope: &Scope) -> ApiResult<chrono_tz::Tz> {
    let row = organisation(db, scope.organisation).await?;
    Ok(row.ok_or_else(|| ApiError::not_found("organisation"))?.zone())
}

/// The while of two edges.
pub(super) fn span(from: LeaveEdge, to: LeaveEdge, zone: chrono_tz::Tz) -> ApiResult<Span> {
    leave_span(from, to, zone)
        .map_err(|(field, problem)| ApiError::field(field, problem, "correct the days of the leave"))
}

/// What is looked at before anything is looked up.
pub(super) fn check(request: &LeaveRequest) -> ApiResult<()> {
    if request.note.as_ref().is_some_and(|n| n.chars().count() > 500) {
        return Err(ApiError::field("note", "has more than 500 characters", "shorten it"));
    }
    Ok(())
}

/// Takes a leave; for somebody else, which a supervisor enters, it holds at once.
///
/// # Errors
/// 404 for somebody whom the asker may not decide for; 409 where the person has another leave then, or the id is another
/// leave's; 422 for a while that is none, or too far away; 429 after too many.
pub(super) async fn take(
    write: &Write,
    scope: &Scope,
    headers: &HeaderMap,
    now: UnixMs,
    request: &LeaveRequest,
) -> ApiResult<LeaveView> {
    let whose = person(write.tx(), scope, request.courier.as_deref()).await?;
    let entered = request.courier.is_some();
    if entered && whose.id == scope.person {
        let problem = "is the asker; nobody approves their own leave";
        return Err(ApiError::field("courier", problem, "leave it out to ask for leave"));
    }
    if let Some(view) = before(write, scope, &whose.id.to_string(), request).await? {
        return Ok(view);
    }
    let span = span(request.from, request.to, zone(write.tx(), scope).await?)?;
    let asked = crate::http::acted_at(request.acted_at, headers, now);
    let asked = UnixMs(asked.0.clamp(now.0.saturating_sub(LEAVE_BACK), now.0));
    // from when it was asked for: what waited on a phone is not too late by that
    if asked.since(span.from) > LEAVE_BACK {
        let hint = "ask a supervisor to put the days right";
        return Err(ApiError::field("from", "is more than 62 days ago", hint));
    }
    if span.from.since(now) > LEAVE_AHEAD {
        return Err(ApiError::field("from", "is more than 400 days ahead", "ask again when it is nearer"));
    }
    let key = [scope.person.to_string().into(), (now.0 - DAY).into()];
    let sql =
        "SELECT COUNT(*) FROM leave_request WHERE made_by = $1 AND received_at > $2 AND courier_id = $1";
    if number(write.tx(), sql, key).await? >= MOST_A_DAY {
        return Err(ApiError::too_many(3_600).hint("leaves are taken again when a day is over"));
    }
    free(write, &whose.id.to_string(), &request.id.to_string(), span).await?;
    let state = if entered { AskState::Approved } else { AskState::Requested };
    let sql = "INSERT INTO leave_request (id, organisation_id, branch_id, courier_id, kind, from_edge, to_edge, from_at, to_at, \
               note, state, made_by, asked_at, received_at, decided_by, decided_at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)";
    let values: [Value; 16] = [
        request.id.to_string().into(),
        scope.organisation.to_string().into(),
        whose.branch.clone().into(),
        whose.id.to_string().into(),
        request.kind.as_str().into(),
        json(&request.from)?.into(),
        json(&request.to)?.into(),
        span.from.0.into(),
        span.to.0.into(),
        request.note.as_deref().map(str::trim).filter(|n| !n.is_empty()).into(),
        state.as_str().into(),
        scope.person.to_string().into(),
        asked.0.into(),
        now.0.into(),
        entered.then(|| scope.person.to_string()).into(),
        entered.then_some(now.0).into(),
    ];
    write.exec(sql, values).await?;
    let what = if entered { "enter_leave" } else { "ask_leave" };
    note(write, scope, now, what, &request.id.to_string(), request.kind.as_str()).await?;
    view(write, scope, &request.id.to_string()).await
}

/// The leave of this id, where it was taken before.
async fn before(
    write: &Write,
    scope: &Scope,
    whose: &str,
    request: &LeaveRequest,
) -> ApiResult<Option<LeaveView>> {
    let sql = "SELECT organisation_id, made_by, courier_id, kind, from_edge FROM leave_request WHERE id = $1";
    let known: Option<Known> = write.beyond(one(write.tx(), sql, [request.id.to_string().into()])).await?;
    let Some(known) = known else { return Ok(None) };
    if known.organisation_id != scope.organisation.to_string() || known.made_by != scope.person.to_string() {
        return Err(ApiError::not_found("leave"));
    }
    // its end may have been cut meanwhile
    let same = known.courier_id == whose
        && known.kind == request.kind.as_str()
        && known.from_edge == json(&request.from)?;
    if !same {
        let message = "this id was used for another leave";
        return Err(ApiError::conflict("id_reused", message).hint("use a new id for a new leave"));
    }
    view(write, scope, &request.id.to_string()).await.map(Some)
}

/// Fails where the person has another leave then, or asks for one.
async fn free(write: &Write, whose: &str, but: &str, span: Span) -> ApiResult<()> {
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE l.courier_id = $1 AND l.id <> $2 AND l.state IN ('requested', 'approved') \
         AND l.from_at < $3 AND l.to_at > $4 ORDER BY l.from_at"
    );
    let values: [Value; 4] = [whose.into(), but.into(), span.to.0.into(), span.from.0.into()];
    let other: Option<Row> = one(write.tx(), &sql, values).await?;
    if other.is_none() {
        return Ok(());
    }
    let message = "the person has another leave then, or asks for one";
    let mut error = ApiError::conflict("leave_overlaps", message);
    error.body.field = Some("from".into());
    Err(error.hint("withdraw that one, or choose other days"))
}

/// As it is now.
pub(super) async fn view(write: &Write, scope: &Scope, id: &str) -> ApiResult<LeaveView> {
    stored(write.tx(), scope, id).await?.view().ok_or_else(|| ApiError::not_found("leave"))
}

/// Keeps in the audit what was done.
pub(super) async fn note(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    what: &str,
    id: &str,
    detail: &str,
) -> ApiResult<()> {
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    Ok(crate::audit::record(write, organisation, by, now, what, id, detail).await?)
}
