//! The built-in notice, and templates in force.

use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::sees;
use crate::org::policy::organisation;
use crate::speech::Whose;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, one};
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::flow::{Flow, NOTICE_ARRIVED};
use waybell_domain::id::{BranchId, OrganisationId, TemplateId};
use waybell_domain::template::{Values, Wording, sample_values};
use waybell_domain::wire::TemplateView;

/// The notice that phones use where none is chosen: of everybody, and always there.
pub(super) const BUILT_IN: &str = "arrived";

#[derive(FromQueryResult)]
struct Row {
    key: String,
    name_zh: String,
    name_en: String,
    text: String,
    branch_id: Option<String>,
    withdrawn_at: Option<i64>,
    rev: i64,
}

/// Gives a new organisation the built-in notice.
pub async fn install(write: &Write, organisation: OrganisationId, now: UnixMs) -> Result<(), StoreError> {
    let arrived = Wording::arrived();
    let values: [Value; 8] = [
        TemplateId::at(now, rand::random()).to_string().into(),
        organisation.to_string().into(),
        arrived.name_zh.into(),
        arrived.name_en.into(),
        arrived.text.into(),
        NOTICE_ARRIVED.into(),
        arrived.message.into(),
        write.next_rev().into(),
    ];
    write
        .exec(
            "INSERT INTO template (id, organisation_id, key, name_zh, name_en, text, flow, message, rev) \
             VALUES ($1, $2, 'arrived', $3, $4, $5, $6, $7, $8)",
            values,
        )
        .await?;
    Ok(())
}

/// Whether somebody may write for this branch (`None`: for the whole organisation).
pub(super) fn writes(scope: &Scope, branch: Option<BranchId>) -> bool {
    match branch {
        Some(branch) => sees(scope, branch),
        None => scope.role.is_administrator() || scope.branch.is_none(),
    }
}

/// Walks conversations away from the threads that serve everybody; never while the writer is held, which the dialler of
/// every organisation waits for.
pub(super) async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> ApiResult<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| {
        tracing::error!(%error, "a conversation could not be walked");
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage", "the server cannot store this now")
    })
}

/// The refusal of a key that others use.
pub(super) fn key_taken() -> ApiError {
    ApiError::conflict("key_taken", "this key is in use outside of your branch").hint("choose another key")
}

#[derive(FromQueryResult)]
struct Owner {
    branch_id: Option<String>,
    withdrawn_at: Option<i64>,
}

async fn owner(write: &Write, scope: &Scope, key: &str) -> ApiResult<Option<Owner>> {
    let sql = "SELECT branch_id, withdrawn_at FROM template WHERE organisation_id = $1 AND key = $2";
    Ok(one(write.tx(), sql, [scope.organisation.to_string().into(), key.into()]).await?)
}

fn branch(text: Option<&str>) -> Option<BranchId> {
    text.and_then(|b| BranchId::parse(b).ok())
}

/// Fails where the template in force under this key is not one that the asker may replace.
pub(super) async fn may_write(write: &Write, scope: &Scope, key: &str) -> ApiResult<()> {
    match owner(write, scope, key).await? {
        Some(owner) if !writes(scope, branch(owner.branch_id.as_deref())) => Err(key_taken()),
        _ => Ok(()),
    }
}

/// Whether this person may ring people with it: it is in force, for everybody or for their branch.
pub async fn is_offered(write: &Write, scope: &Scope, key: &str) -> ApiResult<bool> {
    let owner = owner(write, scope, key).await?;
    Ok(owner.is_some_and(|o| o.withdrawn_at.is_none() && is_for(scope, o.branch_id.as_deref())))
}

fn is_for(scope: &Scope, of: Option<&str>) -> bool {
    branch(of).is_none_or(|branch| sees(scope, branch))
}

/// Puts a wording into force, whatever had the key before. `text` is its main text.
pub(super) async fn put_in_force(
    write: &Write,
    scope: &Scope,
    key: &str,
    wording: &Wording,
    text: &str,
    flow: &Flow,
    now: UnixMs,
) -> ApiResult<TemplateView> {
    let encode = |e: serde_json::Error| StoreError::Damaged { what: "template", problem: e.to_string() };
    let name_en = if wording.name_en.trim().is_empty() { &wording.name_zh } else { &wording.name_en };
    let view = TemplateView {
        key: key.to_owned(),
        name_zh: wording.name_zh.trim().to_owned(),
        name_en: name_en.trim().to_owned(),
        text: text.to_owned(),
        withdrawn: false,
        rev: write.next_rev(),
    };
    let values: [Value; 11] = [
        TemplateId::at(now, rand::random()).to_string().into(),
        scope.organisation.to_string().into(),
        key.into(),
        view.name_zh.clone().into(),
        view.name_en.clone().into(),
        view.text.clone().into(),
        serde_json::to_string(flow).map_err(encode)?.into(),
        wording.message.clone().into(),
        view.rev.into(),
        wording.branch.map(|b| b.to_string()).into(),
        serde_json::to_string(wording).map_err(encode)?.into(),
    ];
    write
        .exec(
            "INSERT INTO template (id, organisation_id, key, name_zh, name_en, text, flow, message, rev, branch_id, wording) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
             ON CONFLICT (organisation_id, key) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en, \
             text = excluded.text, flow = excluded.flow, message = excluded.message, rev = excluded.rev, \
             branch_id = excluded.branch_id, wording = excluded.wording, withdrawn_at = NULL",
            values,
        )
        .await?;
    Ok(view)
}

/// Takes a template out of the choice; batches that use it go on. False where there is none.
pub(super) async fn withdraw(write: &Write, scope: &Scope, key: &str, now: UnixMs) -> ApiResult<bool> {
    let sql = "UPDATE template SET withdrawn_at = $1, rev = $2 WHERE organisation_id = $3 AND key = $4 \
               AND withdrawn_at IS NULL";
    let values: [Value; 4] =
        [now.0.into(), write.next_rev().into(), scope.organisation.to_string().into(), key.into()];
    Ok(write.exec(sql, values).await?.rows_affected() > 0)
}

/// Templates that changed in the window. One that this person may not choose (any more) is told as withdrawn, by its key
/// alone: a phone that knows it forgets it.
pub async fn newer(app: &App, scope: &Scope, since: i64, end: i64) -> ApiResult<Vec<TemplateView>> {
    let rows: Vec<Row> = all(
        app.store.read(),
        "SELECT key, name_zh, name_en, text, branch_id, withdrawn_at, rev FROM template \
         WHERE organisation_id = $1 AND rev > $2 AND rev <= $3 ORDER BY rev",
        [scope.organisation.to_string().into(), since.into(), end.into()],
    )
    .await?;
    let view = |r: Row| {
        let withdrawn = r.withdrawn_at.is_some() || !is_for(scope, r.branch_id.as_deref());
        let told = |text: String| if withdrawn { String::new() } else { text };
        TemplateView {
            key: r.key,
            name_zh: told(r.name_zh),
            name_en: told(r.name_en),
            text: told(r.text),
            withdrawn,
            rev: r.rev,
        }
    };
    Ok(rows.into_iter().map(view).collect())
}

#[derive(FromQueryResult)]
struct WordingText {
    wording: Option<String>,
    branch_id: Option<String>,
}

/// The wording in force of a template that this person may choose.
pub(super) async fn wording(app: &App, scope: &Scope, key: &str) -> ApiResult<Option<Wording>> {
    let row: Option<WordingText> = one(
        app.store.read(),
        "SELECT wording, branch_id FROM template \
         WHERE organisation_id = $1 AND key = $2 AND withdrawn_at IS NULL",
        [scope.organisation.to_string().into(), key.into()],
    )
    .await?;
    let Some(row) = row.filter(|r| is_for(scope, r.branch_id.as_deref())) else { return Ok(None) };
    let damaged = |e: serde_json::Error| StoreError::Damaged { what: "wording", problem: e.to_string() };
    Ok(Some(match row.wording {
        Some(text) => serde_json::from_str(&text).map_err(damaged)?,
        None => Wording::arrived(),
    }))
}

/// The organisation's name as it is spoken.
pub(crate) async fn company(app: &App, of: OrganisationId) -> ApiResult<String> {
    Ok(organisation(app.store.read(), of).await?.map(|o| o.company).unwrap_or_default())
}

/// Whose recorded words speak a notice.
pub(super) async fn whose(app: &App, scope: &Scope, key: &str) -> ApiResult<Whose> {
    let sql = "SELECT branch_id, withdrawn_at FROM template WHERE organisation_id = $1 AND key = $2";
    let row: Option<Owner> =
        one(app.store.read(), sql, [scope.organisation.to_string().into(), key.into()]).await?;
    let branch = row.and_then(|r| branch(r.branch_id.as_deref()));
    Ok(Whose { organisation: Some(scope.organisation), branch })
}

/// Values of a call to somebody with two parcels.
pub(super) fn sample(company: &str) -> Values {
    sample_values(company, true)
}

#[derive(FromQueryResult)]
struct FlowText {
    flow: String,
    branch_id: Option<String>,
}

/// The flow of a template that this person may choose, as JSON.
pub async fn flow(app: &App, scope: &Scope, key: &str) -> ApiResult<Option<String>> {
    let row: Option<FlowText> = one(
        app.store.read(),
        "SELECT flow, branch_id FROM template WHERE organisation_id = $1 AND key = $2 AND withdrawn_at IS NULL",
        [scope.organisation.to_string().into(), key.into()],
    )
    .await?;
    Ok(row.filter(|r| is_for(scope, r.branch_id.as_deref())).map(|r| r.flow))
}
