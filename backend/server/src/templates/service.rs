//! The built-in notice, and reading templates.

use crate::app::App;
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, number, one};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::flow::NOTICE_ARRIVED;
use waybell_domain::id::{OrganisationId, TemplateId};
use waybell_domain::wire::TemplateView;

/// Text of the arrival notice, for screens and the text message.
const ARRIVED_TEXT: &str = "您好，{company}快递员即将派送您的{count}个快件到{estate}{building}。";
const ARRIVED_MESSAGE: &str =
    "【{company}】您有{count}个快件即将派送到{estate}{building}，电话未能与您确认，请留意。";

#[derive(FromQueryResult)]
struct Row {
    key: String,
    name_zh: String,
    name_en: String,
    text: String,
    rev: i64,
}

/// Gives a new organisation the built-in notice.
pub async fn install(write: &Write, organisation: OrganisationId, now: UnixMs) -> Result<(), StoreError> {
    write
        .exec(
            "INSERT INTO template (id, organisation_id, key, name_zh, name_en, text, flow, message, rev) \
             VALUES ($1, $2, 'arrived', '派件通知', 'Arrival notice', $3, $4, $5, $6)",
            [
                TemplateId::at(now, rand::random()).to_string().into(),
                organisation.to_string().into(),
                ARRIVED_TEXT.into(),
                NOTICE_ARRIVED.into(),
                ARRIVED_MESSAGE.into(),
                write.next_rev().into(),
            ],
        )
        .await?;
    Ok(())
}

/// Whether the organisation has a template with this key.
pub async fn exists(write: &Write, organisation: OrganisationId, key: &str) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM template WHERE organisation_id = $1 AND key = $2";
    Ok(number(write.tx(), sql, [organisation.to_string().into(), key.into()]).await? > 0)
}

/// Templates that changed in the window.
pub async fn newer(app: &App, scope: &Scope, since: i64, end: i64) -> ApiResult<Vec<TemplateView>> {
    let rows: Vec<Row> = all(
        app.store.read(),
        "SELECT key, name_zh, name_en, text, rev FROM template WHERE organisation_id = $1 AND rev > $2 AND rev <= $3 ORDER BY rev",
        [scope.organisation.to_string().into(), since.into(), end.into()],
    )
    .await?;
    let view = |r: Row| TemplateView {
        key: r.key,
        name_zh: r.name_zh,
        name_en: r.name_en,
        text: r.text,
        rev: r.rev,
    };
    Ok(rows.into_iter().map(view).collect())
}

#[derive(FromQueryResult)]
struct FlowText {
    flow: String,
}

/// The flow of a template, as JSON.
pub async fn flow(app: &App, scope: &Scope, key: &str) -> ApiResult<Option<String>> {
    let row: Option<FlowText> = one(
        app.store.read(),
        "SELECT flow FROM template WHERE organisation_id = $1 AND key = $2",
        [scope.organisation.to_string().into(), key.into()],
    )
    .await?;
    Ok(row.map(|r| r.flow))
}
