//! What a phone keeps of announcements: `GET /api/v1/me/announcements`, read by revision as orders are, so that it never passes a
//! change that was not sent. What was withdrawn is told as gone.
//!
//! The page's generation names branch and role as well: a person for whom these change is sent everything anew, and what is no
//! longer for them is forgotten.

use super::rights::for_asker;
use super::rows::{Row, select};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::http::query::Query;
use crate::store::{all, one};
use axum::Json;
use axum::extract::State;
use sea_orm::FromQueryResult;
use serde::Deserialize;
use waybell_domain::id::AnnouncementId;
use waybell_domain::wire::{AnnouncementPage, ErrorBody};

/// Announcements in a page: each may have 12 kB.
const PAGE: u32 = 50;

/// From where on.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct AnnouncementsSince {
    /// Cursor of the last page; 0 for everything in force.
    since: i64,
    /// At most so many, 50 at most.
    limit: Option<u32>,
}

#[derive(FromQueryResult)]
struct Meta {
    value: String,
}

/// The announcements that are for the signed-in person and that changed, or were read by them, after the cursor; for phones,
/// which keep them. With them come those that show later: `starts_at` says when.
#[utoipa::path(get, path = "/api/v1/me/announcements", tag = "announcements", security(("bearer" = [])),
    params(AnnouncementsSince), responses((status = 200, body = AnnouncementPage), (status = 422, body = ErrorBody)))]
pub async fn pull_announcements(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<AnnouncementsSince>,
) -> ApiResult<Json<AnnouncementPage>> {
    let (scope, db) = (&signed.scope, app.store.read());
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let end = *app.store.committed().borrow();
    // a cursor from before a restore: start over
    let since = if query.since > end { 0 } else { query.since.max(0) };
    let (condition, mut values) = for_asker(scope);
    values.extend([
        scope.person.to_string().into(),
        since.into(),
        end.into(),
        app.clock.wall().0.into(),
        i64::from(limit).into(),
    ]);
    // what has changed since is found by its revision, not by looking at all that there ever was
    let changed = if since == 0 {
        ""
    } else {
        " AND (a.rev > $5 OR a.id IN (SELECT announcement_id FROM announcement_receipt WHERE person_id = $4 AND rev > $5))"
    };
    // who begins needs neither what is over nor what was withdrawn
    let sql = format!(
        "SELECT * FROM ({} WHERE {condition} AND ($5 > 0 OR (a.withdrawn_at IS NULL AND (a.ends_at IS NULL OR a.ends_at > $7))){changed}) x \
         WHERE x.rev > $5 AND x.rev <= $6 ORDER BY x.rev LIMIT $8",
        select(4)
    );
    let rows: Vec<Row> = all(db, &sql, values).await?;
    let full = rows.len() >= limit as usize;
    let cursor = rows.last().filter(|_| full).map_or(end, |row| row.rev);
    let generation: Option<Meta> = one(db, "SELECT value FROM meta WHERE key = 'generation'", []).await?;
    let generation = generation.map(|m| m.value).unwrap_or_default();
    let branch = scope.branch.map(|b| b.to_string()).unwrap_or_default();
    let (gone, kept): (Vec<Row>, Vec<Row>) = rows.into_iter().partition(|row| row.withdrawn_at.is_some());
    Ok(Json(AnnouncementPage {
        cursor,
        more: cursor < end,
        announcements: kept.iter().filter_map(|row| row.view(scope.person)).collect(),
        gone: gone.iter().filter_map(|row| AnnouncementId::parse(&row.id).ok()).collect(),
        now: Some(app.clock.wall()),
        generation: format!("{generation} {branch} {}", scope.role.as_str()),
    }))
}
