//! `/api/v1/calls`: what came in, whose it is, and why; and what somebody says of themselves.

use super::list::{Row, one_call};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::scope::Scope;
use crate::store::{all, one};
use axum::Json;
use axum::extract::{Path, State};
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, UserId};
use waybell_domain::inbound::{Availability, ExplainLine, Try};
use waybell_domain::wire::{AvailabilityView, CallDetail, CallView, ErrorBody, ExplainView, TryView};

#[derive(FromQueryResult)]
struct Name {
    id: String,
    name: String,
}

/// One call; for who sees the branch with every rule that was asked, and everybody who was rung.
#[utoipa::path(get, path = "/api/v1/calls/{id}", tag = "calls", security(("bearer" = [])), params(("id" = String, Path)),
    responses((status = 200, body = CallDetail), (status = 404, body = ErrorBody)))]
pub async fn show_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<CallDetail>> {
    let row = one_call(&app, &signed.scope, &id).await?;
    let names = match signed.scope.role.sees_branch() {
        true => names(&app, signed.scope.organisation).await?,
        false => HashMap::new(),
    };
    let mut shown = detail(&signed.scope, &row, &names, app.clock.now())?;
    row.words(&app.keys, app.store.read(), &mut shown.call).await;
    let read = shown.call.audio.as_ref().filter(|a| a.transcript.as_ref().is_some_and(|t| t.text.is_some()));
    if let (Some(audio), false) = (read, shown.call.courier == Some(signed.scope.person)) {
        let (of, who) = (Some(signed.scope.organisation), Some(signed.scope.person));
        let write = app.store.begin().await?;
        let now = app.clock.now();
        crate::audit::record(&write, of, who, now, "read-voicemail", &audio.id.to_string(), &id).await?;
        write.commit().await?;
    }
    Ok(Json(shown))
}

/// Names of everybody of an organisation.
pub(crate) async fn names(app: &Shared, of: OrganisationId) -> ApiResult<HashMap<UserId, String>> {
    let sql = "SELECT id, name FROM person WHERE organisation_id = $1";
    let people: Vec<Name> = all(app.store.read(), sql, [of.to_string().into()]).await?;
    Ok(people.into_iter().filter_map(|p| Some((UserId::parse(&p.id).ok()?, p.name))).collect())
}

/// Everything that this person may know of a call.
pub(crate) fn detail(
    scope: &Scope,
    row: &Row,
    names: &HashMap<UserId, String>,
    now: UnixMs,
) -> ApiResult<CallDetail> {
    let call = row.view(scope.role, now).ok_or_else(|| ApiError::not_found("call"))?;
    if !scope.role.sees_branch() {
        return Ok(CallDetail { call, explain: Vec::new(), tries: Vec::new() });
    }
    let name = |id: UserId| names.get(&id).cloned();
    let lines: Vec<ExplainLine> = serde_json::from_str(&row.explain).unwrap_or_default();
    let tries: Vec<Try> = serde_json::from_str(&row.tries).unwrap_or_default();
    let explain = lines.into_iter().map(|line| explained(line, line.courier.and_then(name)));
    let tries = tries.into_iter().map(|t| TryView {
        courier: t.courier,
        name: name(t.courier).unwrap_or_default(),
        at: t.at,
        ended_at: t.ended_at,
        result: t.result,
    });
    Ok(CallDetail { call, explain: explain.collect(), tries: tries.collect() })
}

fn explained(line: ExplainLine, name: Option<String>) -> ExplainView {
    let zh = match &name {
        Some(name) => format!("{}：{name}，{}", line.rule.label_zh(), line.verdict.label_zh()),
        None => format!("{}：{}", line.rule.label_zh(), line.verdict.label_zh()),
    };
    let en = match &name {
        Some(name) => format!("{}: {name}, {}", line.rule.label_en(), line.verdict.label_en()),
        None => format!("{}: {}", line.rule.label_en(), line.verdict.label_en()),
    };
    ExplainView {
        rule: line.rule,
        verdict: line.verdict,
        courier: line.courier,
        name,
        at: line.at,
        text_zh: zh,
        text_en: en,
    }
}

/// Mark a call as handled: it no longer asks for anything. A second time changes nothing.
#[utoipa::path(post, path = "/api/v1/calls/{id}/handled", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, body = CallView), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn handle_call(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<Json<CallView>> {
    let scope = &signed.scope;
    let row = one_call(&app, scope, &id).await?;
    if row.outcome.is_none() {
        return Err(ApiError::conflict("still_going_on", "the call goes on"));
    }
    let write = app.store.begin().await?;
    write
        .exec(
            "UPDATE phone_call SET handled_at = $1, handled_by = $2, handled_rev = $4, rev = $4 \
             WHERE id = $3 AND handled_at IS NULL",
            [
                app.clock.now().0.into(),
                scope.person.to_string().into(),
                id.clone().into(),
                write.next_rev().into(),
            ],
        )
        .await?;
    write.commit().await?;
    let row = one_call(&app, scope, &id).await?;
    row.view(scope.role, app.clock.now()).map(Json).ok_or_else(|| ApiError::not_found("call"))
}

#[derive(FromQueryResult)]
struct ModeRow {
    mode: String,
    until_at: Option<i64>,
}

/// Whether calls reach the signed-in person now.
#[utoipa::path(get, path = "/api/v1/me/availability", tag = "calls", security(("bearer" = [])),
    responses((status = 200, body = AvailabilityView)))]
pub async fn get_availability(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<AvailabilityView>> {
    let row: Option<ModeRow> = one(
        app.store.read(),
        "SELECT mode, until_at FROM availability WHERE person_id = $1 AND (until_at IS NULL OR until_at > $2)",
        [signed.scope.person.to_string().into(), app.clock.now().0.into()],
    )
    .await?;
    let view = row.and_then(|r| {
        Some(AvailabilityView { mode: Availability::parse(&r.mode)?, until: r.until_at.map(UnixMs) })
    });
    Ok(Json(view.unwrap_or_default()))
}

/// Say whether calls reach the signed-in person: `available`, `riding` (callers reach a colleague or leave a message), `off`.
#[utoipa::path(put, path = "/api/v1/me/availability", tag = "calls", security(("bearer" = [])),
    request_body = AvailabilityView, responses((status = 200, body = AvailabilityView), (status = 422, body = ErrorBody)))]
pub async fn put_availability(
    State(app): State<Shared>,
    signed: Signed,
    Strict(view): Strict<AvailabilityView>,
) -> ApiResult<Json<AvailabilityView>> {
    let now = app.clock.now();
    let write = app.store.begin().await?;
    write
        .exec(
            "INSERT INTO availability (person_id, organisation_id, mode, since, until_at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (person_id) DO UPDATE SET mode = excluded.mode, since = excluded.since, until_at = excluded.until_at",
            [
                signed.scope.person.to_string().into(),
                signed.scope.organisation.to_string().into(),
                view.mode.as_str().into(),
                now.0.into(),
                view.until.map(|u| u.0).into(),
            ],
        )
        .await?;
    write.commit().await?;
    Ok(Json(view))
}
