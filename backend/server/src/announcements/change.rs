//! Changing an announcement, and withdrawing it. What is so already is changed no further, so both may be sent again.

use super::post::{refused, text};
use super::rights::may_change;
use super::rows::{Row, posted};
use crate::http::error::{ApiError, ApiResult};
use crate::store::Write;
use crate::store::scope::Scope;
use crate::webhooks::outbox::At;
use sea_orm::Value;
use waybell_domain::announcement::{body, times, title};
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::AnnouncementChange;

/// Texts that one announcement may have: each is kept, because receipts are of a text.
const VERSIONS: i64 = 100;

/// Changes one; `None` for what is not named stays.
pub(super) async fn change(
    write: &Write,
    scope: &Scope,
    at: At,
    id: &str,
    asked: &AnnouncementChange,
) -> ApiResult<Row> {
    let row = posted(write.tx(), scope, id).await?;
    may_change(scope, &row)?;
    let title = asked.title.as_deref().map(title).transpose().map_err(refused)?;
    let body = asked.body.as_deref().map(body).transpose().map_err(refused)?;
    if asked.endless && asked.ends_at.is_some() {
        let problem = "cannot be together with ends_at";
        return Err(ApiError::field("endless", problem, "send one of the two"));
    }
    let new_text = (title.unwrap_or_else(|| row.title.clone()), body.unwrap_or_else(|| row.body.clone()));
    let other_text = new_text != (row.title.clone(), row.body.clone());
    let starts = asked.starts_at.unwrap_or(UnixMs(row.starts_at));
    let ends = if asked.endless { None } else { asked.ends_at.or(row.ends_at.map(UnixMs)) };
    let other_times = (starts.0, ends.map(|e| e.0)) != (row.starts_at, row.ends_at);
    let must_read = asked.must_read.unwrap_or(row.must_read != 0);
    if !other_text && !other_times && must_read == (row.must_read != 0) {
        return Ok(row);
    }
    if row.withdrawn_at.is_some() {
        let message = "this announcement was withdrawn";
        return Err(ApiError::conflict("withdrawn", message).hint("post another one"));
    }
    if asked.seen.is_some_and(|seen| seen != row.own_rev) {
        let message = "somebody else has changed this announcement meanwhile";
        return Err(ApiError::conflict("announcement_changed", message).hint("look at it again, then decide"));
    }
    if other_times {
        times(starts, ends, at.wall).map_err(refused)?;
    }
    let version = row.version + i64::from(other_text);
    if version > VERSIONS {
        let message = "this announcement was changed too often";
        return Err(ApiError::conflict("too_many_versions", message).hint("withdraw it and post another one"));
    }
    if other_text {
        text(write, scope, at, &row.id, version, (&new_text.0, &new_text.1)).await?;
    }
    let sql = "UPDATE announcement SET must_read = $2, starts_at = $3, ends_at = $4, version = $5, rev = $6 WHERE id = $1";
    let values: [Value; 6] = [
        row.id.clone().into(),
        i64::from(must_read).into(),
        starts.0.into(),
        ends.map(|e| e.0).into(),
        version.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let detail = format!("version {version}");
    crate::audit::record(write, organisation, by, at.now, "change_announcement", &row.id, &detail).await?;
    posted(write.tx(), scope, &row.id).await
}

/// Takes one back; it and its receipts are kept.
pub(super) async fn withdraw(write: &Write, scope: &Scope, at: At, id: &str) -> ApiResult<Row> {
    let row = posted(write.tx(), scope, id).await?;
    may_change(scope, &row)?;
    if row.withdrawn_at.is_some() {
        return Ok(row);
    }
    let sql = "UPDATE announcement SET withdrawn_at = $2, rev = $3 WHERE id = $1";
    let values: [Value; 3] = [row.id.clone().into(), at.now.0.into(), write.next_rev().into()];
    write.exec(sql, values).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, organisation, by, at.now, "withdraw_announcement", &row.id, "").await?;
    posted(write.tx(), scope, &row.id).await
}
