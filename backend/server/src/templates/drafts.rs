//! `/api/v1/template-drafts*`: wordings on their way into force. A supervisor writes and submits, an administrator approves.
//!
//! What is in force stays as it is until the moment of the approval, and calls that are answered after it hear the new
//! wording. A draft is checked when it is written and again when it is approved: the rules may have become stricter.

use super::service::{self, BUILT_IN, aside, company, may_write, sample};
use super::sound;
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::numbers::{audit, branch_of, sees, staff};
use crate::org::sets::{replace, rule_set};
use crate::speech::Whose;
use crate::store::scope::Scope;
use crate::store::{Write, all, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::flow::Flow;
use waybell_domain::id::{BranchId, UserId};
use waybell_domain::policy::BadValue;
use waybell_domain::template::{Template, TemplatePolicy, Wording, spoken_seconds};
use waybell_domain::wire::{DraftState, ErrorBody, TemplateDraftView, TemplateReview, TemplateView};

const COLUMNS: &str =
    "key, branch_id, wording, state, reason, edited_by, edited_at, reviewed_by, reviewed_at";

#[derive(FromQueryResult)]
struct Row {
    key: String,
    branch_id: Option<String>,
    wording: String,
    state: String,
    reason: Option<String>,
    edited_by: String,
    edited_at: i64,
    reviewed_by: Option<String>,
    reviewed_at: Option<i64>,
}

impl Row {
    fn branch(&self) -> Option<BranchId> {
        self.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok())
    }

    /// Whether the asker may read it: it is of the whole organisation, or of a branch of theirs.
    fn is_seen_by(&self, scope: &Scope) -> bool {
        self.branch().is_none_or(|branch| sees(scope, branch))
    }

    /// What is shown of its wording; `None` for a damaged one.
    fn shown(&self, company: &str) -> Option<Shown> {
        Shown::of(serde_json::from_str(&self.wording).ok()?, company)
    }

    /// `None` for a damaged one.
    fn view(self, shown: Shown) -> Option<TemplateDraftView> {
        Some(TemplateDraftView {
            seconds: shown.seconds,
            example: shown.example,
            example_message: shown.example_message,
            state: DraftState::parse(&self.state)?,
            key: self.key,
            wording: shown.wording,
            reason: self.reason,
            edited_by: UserId::parse(&self.edited_by).ok()?,
            edited_at: UnixMs(self.edited_at),
            reviewed_by: self.reviewed_by.and_then(|r| UserId::parse(&r).ok()),
            reviewed_at: self.reviewed_at.map(UnixMs),
        })
    }
}

/// What is shown of a wording. Its conversation is walked for that: see [`aside`].
struct Shown {
    wording: Wording,
    seconds: u32,
    example: String,
    example_message: String,
}

impl Shown {
    /// `None` for a damaged one.
    fn of(wording: Wording, company: &str) -> Option<Shown> {
        let values = sample(company);
        let say = |text: &str| Template::parse(text).ok()?.render(&values).ok();
        let text = wording.main_text();
        let (seconds, example) = (spoken_seconds(text).ceil() as u32, say(text)?);
        let example_message = say(&wording.message)?;
        Some(Shown { wording, seconds, example, example_message })
    }
}

async fn load<C: ConnectionTrait>(db: &C, scope: &Scope, key: &str) -> ApiResult<Option<Row>> {
    let sql = format!("SELECT {COLUMNS} FROM template_draft WHERE organisation_id = $1 AND key = $2");
    Ok(one(db, &sql, [scope.organisation.to_string().into(), key.into()]).await?)
}

/// A draft that the asker may read.
async fn find<C: ConnectionTrait>(db: &C, scope: &Scope, key: &str) -> ApiResult<Row> {
    let row = load(db, scope, key).await?;
    row.filter(|r| r.is_seen_by(scope)).ok_or_else(|| ApiError::not_found("template draft"))
}

/// What is to be shown of a draft, and the time that names this version of it.
async fn look(app: &App, scope: &Scope, row: Row) -> ApiResult<(i64, Option<Shown>)> {
    let company = company(app, scope.organisation).await?;
    Ok((row.edited_at, aside(move || row.shown(&company)).await?))
}

/// The draft as it is in this transaction.
async fn answer(
    write: &Write,
    scope: &Scope,
    key: &str,
    shown: Option<Shown>,
) -> ApiResult<Json<TemplateDraftView>> {
    let row = find(write.tx(), scope, key).await?;
    let view = shown.and_then(|shown| row.view(shown));
    view.map(Json).ok_or_else(|| ApiError::not_found("template draft"))
}

fn bad(error: BadValue) -> ApiError {
    ApiError::field(error.field, error.problem, "the wording in force stays as it was")
}

/// Wordings that are not in force.
#[utoipa::path(get, path = "/api/v1/template-drafts", tag = "templates", security(("bearer" = [])),
    responses((status = 200, body = [TemplateDraftView]), (status = 403, body = ErrorBody)))]
pub async fn list_drafts(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<Vec<TemplateDraftView>>> {
    let scope = staff(&signed)?;
    let sql = format!("SELECT {COLUMNS} FROM template_draft WHERE organisation_id = $1 ORDER BY key");
    let rows: Vec<Row> = all(app.store.read(), &sql, [scope.organisation.to_string().into()]).await?;
    let company = company(&app, scope.organisation).await?;
    let seen: Vec<Row> = rows.into_iter().filter(|r| r.is_seen_by(scope)).collect();
    let view = move |row: Row| {
        let shown = row.shown(&company)?;
        row.view(shown)
    };
    Ok(Json(aside(move || seen.into_iter().filter_map(view).collect()).await?))
}

/// Write a notice, or a new wording of one (supervisors, for their branch; administrators, for every branch). What is in
/// force stays until the draft is submitted and approved. A draft that was submitted is one that is being written again.
#[utoipa::path(put, path = "/api/v1/template-drafts/{key}", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path, description = "a to z, 0 to 9 and _, 2 to 40 characters")), request_body = Wording,
    responses((status = 200, body = TemplateDraftView), (status = 403, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn put_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    Strict(mut wording): Strict<Wording>,
) -> ApiResult<Json<TemplateDraftView>> {
    let scope = staff(&signed)?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !(2..=40).contains(&key.len()) || !key.chars().all(plain) {
        let problem = "must have 2 to 40 of a to z, 0 to 9 and _";
        return Err(ApiError::field("key", problem, "for example rain_delay"));
    }
    let db = app.store.read();
    if wording.branch.is_some() || !scope.role.is_administrator() && scope.branch.is_some() {
        wording.branch = Some(branch_of(db, scope, wording.branch).await?);
    }
    let branch = wording.branch;
    let encode = |e: serde_json::Error| ApiError::field("body", e.to_string(), "");
    let encoded = serde_json::to_string(&wording).map_err(encode)?;
    let policy: TemplatePolicy = rule_set(db, scope.organisation).await?;
    let company = company(&app, scope.organisation).await?;
    let of = key.clone();
    let checked = aside(move || {
        wording.conversation(&of, &policy)?;
        Ok(Shown::of(wording, &company))
    });
    let shown = checked.await?.map_err(bad)?;
    let write = app.store.begin().await?;
    may_write(&write, scope, &key).await?;
    if key == BUILT_IN && branch.is_some() {
        return Err(ApiError::field("branch", "the arrival notice is everybody's", "choose another key"));
    }
    let before = load(write.tx(), scope, &key).await?;
    if before.as_ref().is_some_and(|b| !service::writes(scope, b.branch())) {
        return Err(service::key_taken());
    }
    // names this version: never that of the one before
    let now = UnixMs(app.clock.now().0.max(before.map_or(0, |b| b.edited_at + 1)));
    let values: [Value; 6] = [
        scope.organisation.to_string().into(),
        key.clone().into(),
        branch.map(|b| b.to_string()).into(),
        encoded.into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write
        .exec(
            "INSERT INTO template_draft (organisation_id, key, branch_id, wording, state, edited_by, edited_at) \
             VALUES ($1, $2, $3, $4, 'draft', $5, $6) \
             ON CONFLICT (organisation_id, key) DO UPDATE SET branch_id = excluded.branch_id, \
             wording = excluded.wording, state = 'draft', edited_by = excluded.edited_by, \
             edited_at = excluded.edited_at, reason = NULL, reviewed_by = NULL, reviewed_at = NULL",
            values,
        )
        .await?;
    audit(&write, scope, now, "template_draft", &key).await?;
    let answer = answer(&write, scope, &key, shown).await?;
    write.commit().await?;
    Ok(answer)
}

async fn delete(write: &Write, scope: &Scope, key: &str) -> ApiResult<()> {
    let sql = "DELETE FROM template_draft WHERE organisation_id = $1 AND key = $2";
    write.exec(sql, [scope.organisation.to_string().into(), key.into()]).await?;
    Ok(())
}

/// A draft that the asker may change.
async fn mine<C: ConnectionTrait>(db: &C, scope: &Scope, key: &str) -> ApiResult<Row> {
    let row = find(db, scope, key).await?;
    if service::writes(scope, row.branch()) { Ok(row) } else { Err(ApiError::forbidden()) }
}

/// Throw a draft away. What is in force stays.
#[utoipa::path(delete, path = "/api/v1/template-drafts/{key}", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 204), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn remove_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = staff(&signed)?;
    let write = app.store.begin().await?;
    mine(write.tx(), scope, &key).await?;
    delete(&write, scope, &key).await?;
    audit(&write, scope, app.clock.now(), "template_draft_removed", &key).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn set_state(
    write: &Write,
    scope: &Scope,
    key: &str,
    state: DraftState,
    refused: Option<(String, UnixMs)>,
) -> ApiResult<()> {
    let (reason, at) = refused.unzip();
    let values: [Value; 6] = [
        state.as_str().into(),
        reason.into(),
        at.map(|_| scope.person.to_string()).into(),
        at.map(|a| a.0).into(),
        scope.organisation.to_string().into(),
        key.into(),
    ];
    write
        .exec(
            "UPDATE template_draft SET state = $1, reason = $2, reviewed_by = $3, reviewed_at = $4 \
             WHERE organisation_id = $5 AND key = $6",
            values,
        )
        .await?;
    Ok(())
}

/// Ask for the review of a draft. A second time changes nothing.
#[utoipa::path(post, path = "/api/v1/template-drafts/{key}/submit", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 200, body = TemplateDraftView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn submit_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<Json<TemplateDraftView>> {
    let scope = staff(&signed)?;
    let (version, mut shown) = look(&app, scope, mine(app.store.read(), scope, &key).await?).await?;
    let write = app.store.begin().await?;
    let row = mine(write.tx(), scope, &key).await?;
    if row.edited_at != version {
        // it was written anew in between
        shown = look(&app, scope, row).await?.1;
    }
    set_state(&write, scope, &key, DraftState::InReview, None).await?;
    audit(&write, scope, app.clock.now(), "template_submitted", &key).await?;
    let answer = answer(&write, scope, &key, shown).await?;
    write.commit().await?;
    Ok(answer)
}

/// The draft that an administrator has looked at, if it is still that one. Asked for twice: before its conversation is
/// walked, and once the writer is held. Both times it is the same wording, because the time names it.
async fn reviewed<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    key: &str,
    review: &TemplateReview,
) -> ApiResult<Row> {
    let row = find(db, scope, key).await?;
    if row.edited_at != review.edited_at.0 {
        return Err(ApiError::conflict("changed", "the draft was changed since").hint("look at it again"));
    }
    if DraftState::parse(&row.state) != Some(DraftState::InReview) {
        return Err(ApiError::conflict("not_in_review", "the draft is not in review").hint("submit it first"));
    }
    Ok(row)
}

/// Put a submitted draft into force (administrators). Calls that are answered from now on hear it, also those of batches
/// that run; phones learn it with their next pull.
#[utoipa::path(post, path = "/api/v1/template-drafts/{key}/approve", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = TemplateReview, responses((status = 200, body = TemplateView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn approve_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    Strict(review): Strict<TemplateReview>,
) -> ApiResult<Json<TemplateView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let db = app.store.read();
    let row = reviewed(db, scope, &key, &review).await?;
    let damaged = |e: serde_json::Error| ApiError::field("wording", e.to_string(), "write it anew");
    let wording: Wording = serde_json::from_str(&row.wording).map_err(damaged)?;
    let policy: TemplatePolicy = rule_set(db, scope.organisation).await?;
    let of = key.clone();
    let walked = aside(move || {
        let flow = wording.conversation(&of, &policy)?;
        let text = wording.main_text().to_owned();
        Ok((wording, text, flow))
    });
    let (wording, text, flow) = walked.await?.map_err(bad)?;
    let write = app.store.begin().await?;
    reviewed(write.tx(), scope, &key, &review).await?;
    let view = service::put_in_force(&write, scope, &key, &wording, &text, &flow, now).await?;
    delete(&write, scope, &key).await?;
    audit(&write, scope, now, "template_approved", &key).await?;
    write.commit().await?;
    app.dialler.templates_changed();
    Ok(Json(view))
}

/// Refuse a submitted draft, with a reason (administrators).
#[utoipa::path(post, path = "/api/v1/template-drafts/{key}/reject", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = TemplateReview, responses((status = 200, body = TemplateDraftView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn reject_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    Strict(review): Strict<TemplateReview>,
) -> ApiResult<Json<TemplateDraftView>> {
    let scope = signed.administrator()?;
    let reason = review.reason.as_deref().unwrap_or_default().trim();
    if !(1..=500).contains(&reason.chars().count()) {
        return Err(ApiError::field("reason", "must have 1 to 500 characters", "say what is to be changed"));
    }
    let (_, shown) = look(&app, scope, reviewed(app.store.read(), scope, &key, &review).await?).await?;
    let write = app.store.begin().await?;
    reviewed(write.tx(), scope, &key, &review).await?;
    let now = app.clock.now();
    set_state(&write, scope, &key, DraftState::Rejected, Some((reason.to_owned(), now))).await?;
    audit(&write, scope, now, "template_rejected", &key).await?;
    let answer = answer(&write, scope, &key, shown).await?;
    write.commit().await?;
    Ok(answer)
}

/// Hear a draft as somebody with two parcels would, in Chinese: a WAV file.
#[utoipa::path(get, path = "/api/v1/template-drafts/{key}/audio", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn hear_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<Response> {
    let scope = staff(&signed)?;
    let (flow, whose) = conversation(&app, scope, &key).await?;
    sound::answer(&app, whose, &flow, &sample(&company(&app, scope.organisation).await?)).await
}

/// The conversation that a draft would be, and whose recorded words it is spoken with.
pub(super) async fn conversation(app: &App, scope: &Scope, key: &str) -> ApiResult<(Flow, Whose)> {
    let row = find(app.store.read(), scope, key).await?;
    let wording: Option<Wording> = serde_json::from_str(&row.wording).ok();
    // the rules may have changed since: what cannot be approved any more can still be heard
    let lax = TemplatePolicy { longest_seconds: u32::MAX, ..TemplatePolicy::default() };
    let whose =
        Whose { organisation: Some(scope.organisation), branch: wording.as_ref().and_then(|w| w.branch) };
    let key = key.to_owned();
    let flow = aside(move || wording.and_then(|w| w.conversation(&key, &lax).ok())).await?;
    flow.map(|flow| (flow, whose)).ok_or_else(|| ApiError::not_found("template draft"))
}

/// The rules for wordings.
#[utoipa::path(get, path = "/api/v1/template-policy", tag = "templates", security(("bearer" = [])),
    responses((status = 200, body = TemplatePolicy), (status = 403, body = ErrorBody)))]
pub async fn get_template_policy(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<TemplatePolicy>> {
    let scope = staff(&signed)?;
    Ok(Json(rule_set(app.store.read(), scope.organisation).await?))
}

/// Replace the rules for wordings (administrators). What the body leaves out takes the built-in default. What is in force
/// stays; drafts must keep to the new rules to be approved.
#[utoipa::path(put, path = "/api/v1/template-policy", tag = "templates", security(("bearer" = [])),
    request_body = TemplatePolicy, responses((status = 200, body = TemplatePolicy), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn put_template_policy(
    State(app): State<Shared>,
    signed: Signed,
    Strict(policy): Strict<TemplatePolicy>,
) -> ApiResult<Json<TemplatePolicy>> {
    replace(&app, &signed, policy).await
}
