//! `/api/v1/calls`: what came in, whose it is, and why; and what somebody says of themselves.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::http::query::Query;
use crate::store::scope::Scope;
use crate::store::{all, one};
use axum::Json;
use axum::extract::{Path, State};
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, BranchId, CallId, NumberId, RecordingId, UserId};
use waybell_domain::inbound::{Availability, ExplainLine, InboundOutcome, Try};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{
    AudioView, AvailabilityView, CallDetail, CallView, ErrorBody, ExplainView, Role, TryView,
};

const COLUMNS: &str = "c.id, n.number_key, c.number_id, c.branch_id, c.area_id, c.courier_id, c.caller_key, c.outcome, \
     c.parcels, c.explain, c.tries, c.started_at, c.bridged_at, c.ended_at, c.handled_at, c.handled_by, \
     r.id AS audio_id, r.kind AS audio_kind, r.state AS audio_state, r.ms AS audio_ms, r.lost AS audio_lost, \
     r.hash AS audio_hash, r.problem AS audio_problem, r.keep_until AS audio_keep";
const FROM: &str = "inbound_call c JOIN published_number n ON n.id = c.number_id \
     LEFT JOIN recording r ON r.inbound_call_id = c.id AND r.state <> 'empty'";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    number_key: String,
    number_id: String,
    branch_id: String,
    area_id: Option<String>,
    courier_id: Option<String>,
    caller_key: Option<String>,
    outcome: Option<String>,
    parcels: String,
    explain: String,
    tries: String,
    started_at: i64,
    bridged_at: Option<i64>,
    ended_at: Option<i64>,
    handled_at: Option<i64>,
    handled_by: Option<String>,
    audio_id: Option<String>,
    audio_kind: Option<String>,
    audio_state: Option<String>,
    audio_ms: Option<i64>,
    audio_lost: Option<i64>,
    audio_hash: Option<String>,
    audio_problem: Option<String>,
    audio_keep: Option<i64>,
}

impl Row {
    fn view(&self, role: Role) -> Option<CallView> {
        let user = |id: &Option<String>| id.as_deref().map(UserId::parse).transpose().ok();
        Some(CallView {
            id: CallId::parse(&self.id).ok()?,
            number: self.number_key.clone(),
            number_id: NumberId::parse(&self.number_id).ok()?,
            branch: BranchId::parse(&self.branch_id).ok()?,
            area: self.area_id.as_deref().map(AreaId::parse).transpose().ok()?,
            courier: user(&self.courier_id)?,
            caller: caller(self.caller_key.as_deref(), role),
            waybills: serde_json::from_str(&self.parcels).unwrap_or_default(),
            outcome: self.outcome.as_deref().and_then(InboundOutcome::parse),
            started_at: UnixMs(self.started_at),
            bridged_at: self.bridged_at.map(UnixMs),
            ended_at: self.ended_at.map(UnixMs),
            handled_at: self.handled_at.map(UnixMs),
            handled_by: user(&self.handled_by)?,
            audio: self.audio(),
        })
    }

    fn audio(&self) -> Option<AudioView> {
        Some(AudioView {
            id: RecordingId::parse(self.audio_id.as_deref()?).ok()?,
            kind: self.audio_kind.clone()?,
            state: self.audio_state.clone()?,
            ms: self.audio_ms?,
            lost: self.audio_lost?,
            sha256: self.audio_hash.clone(),
            problem: self.audio_problem.clone(),
            keep_until: UnixMs(self.audio_keep?),
        })
    }
}

/// Neither side learns the other's number: a courier sees whom to call back, not the number.
fn caller(key: Option<&str>, role: Role) -> String {
    match (key, key.map(PhoneNumber::from_key)) {
        (Some(key), _) if role.is_administrator() || role == Role::Supervisor => key.to_owned(),
        (_, Some(Ok(number))) => number.masked(),
        (_, Some(Err(_))) => "****".to_owned(),
        _ => "anonymous".to_owned(),
    }
}

/// Which calls.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct CallsQuery {
    /// `answered`, `voicemail`, `missed`, `blocked`, `interrupted`; several with commas; all without.
    outcome: Option<String>,
    /// Only those that nobody has handled, of those that ask for it (missed, voicemail, interrupted).
    open: bool,
    /// Only the own ones.
    mine: bool,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// Only those that came in before this moment.
    before: Option<i64>,
}

/// Calls that came in: a courier's own, a branch's or the organisation's. What nobody has handled comes first, then callers
/// with parcels on their way, then the newest.
#[utoipa::path(get, path = "/api/v1/calls", tag = "calls", security(("bearer" = [])), params(CallsQuery),
    responses((status = 200, body = [CallView]), (status = 422, body = ErrorBody)))]
pub async fn list_calls(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CallsQuery>,
) -> ApiResult<Json<Vec<CallView>>> {
    let scope = &signed.scope;
    let (mut filter, mut values) = scope.filter("c", 1);
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {}", sql.replace('?', &format!("${}", values.len()))));
    };
    if let Some(words) = &query.outcome {
        let mut known = Vec::new();
        for word in words.split(',') {
            let outcome = InboundOutcome::parse(word.trim()).ok_or_else(|| {
                ApiError::field("outcome", "there is no such outcome", "write answered, voicemail, missed")
            })?;
            known.push(format!("'{}'", outcome.as_str()));
        }
        also(&format!("c.outcome IN ({}) AND ? = 1", known.join(",")), 1i64.into());
    }
    if query.open {
        also(
            "c.handled_at IS NULL AND c.outcome IN ('missed', 'voicemail', 'interrupted') AND ? = 1",
            1i64.into(),
        );
    }
    if query.mine {
        also("c.courier_id = ?", scope.person.to_string().into());
    }
    if let Some(before) = query.before {
        also("c.started_at < ?", before.into());
    }
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY \
         CASE WHEN c.handled_at IS NULL AND c.outcome IN ('missed', 'voicemail', 'interrupted') THEN 0 ELSE 1 END, \
         CASE WHEN c.parcels = '[]' THEN 1 ELSE 0 END, c.started_at DESC, c.id DESC LIMIT {limit}"
    );
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    Ok(Json(rows.iter().filter_map(|r| r.view(scope.role)).collect()))
}

async fn find(app: &Shared, scope: &Scope, id: &str) -> ApiResult<Row> {
    let (filter, mut values) = scope.filter("c", 2);
    values.insert(0, id.into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE c.id = $1 AND {filter} ORDER BY r.started_at DESC");
    let row: Option<Row> = one(app.store.read(), &sql, values).await?;
    row.ok_or_else(|| ApiError::not_found("call"))
}

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
    let scope = &signed.scope;
    let row = find(&app, scope, &id).await?;
    let call = row.view(scope.role).ok_or_else(|| ApiError::not_found("call"))?;
    if !scope.role.sees_branch() {
        return Ok(Json(CallDetail { call, explain: Vec::new(), tries: Vec::new() }));
    }
    let people: Vec<Name> = all(
        app.store.read(),
        "SELECT id, name FROM person WHERE organisation_id = $1",
        [scope.organisation.to_string().into()],
    )
    .await?;
    let names: HashMap<String, String> = people.into_iter().map(|p| (p.id, p.name)).collect();
    let name = |id: UserId| names.get(&id.to_string()).cloned();
    let lines: Vec<ExplainLine> = serde_json::from_str(&row.explain).unwrap_or_default();
    let tries: Vec<Try> = serde_json::from_str(&row.tries).unwrap_or_default();
    let explain = lines.into_iter().map(|line| explained(line, line.courier.and_then(name))).collect();
    let tries = tries.into_iter().map(|t| TryView {
        courier: t.courier,
        name: name(t.courier).unwrap_or_default(),
        at: t.at,
        ended_at: t.ended_at,
        result: t.result,
    });
    Ok(Json(CallDetail { call, explain, tries: tries.collect() }))
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
    let row = find(&app, scope, &id).await?;
    if row.outcome.is_none() {
        return Err(ApiError::conflict("still_going_on", "the call goes on"));
    }
    let write = app.store.begin().await?;
    write
        .exec(
            "UPDATE inbound_call SET handled_at = $1, handled_by = $2 WHERE id = $3 AND handled_at IS NULL",
            [app.clock.now().0.into(), scope.person.to_string().into(), id.clone().into()],
        )
        .await?;
    write.commit().await?;
    let row = find(&app, scope, &id).await?;
    row.view(scope.role).map(Json).ok_or_else(|| ApiError::not_found("call"))
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
