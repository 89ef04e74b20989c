//! Rows of `announcement` with the text in force and the newest receipt of one person.

use super::rights::{for_asker, for_poster, roles};
use crate::http::error::{ApiError, ApiResult};
use crate::store::one;
use crate::store::scope::Scope;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AnnouncementId, BranchId, UserId};
use waybell_domain::wire::AnnouncementView;

/// The query of [`Row`]s, for whose newest receipt stands in the last place; add a condition. `rev` is that of the announcement
/// or of the receipt, whichever is newer.
pub(super) fn select(person: usize) -> String {
    format!(
        "SELECT a.id, a.branch_id, a.roles, a.must_read, a.starts_at, a.ends_at, a.version, a.posted_by, a.posted_at, \
         a.withdrawn_at, a.rev AS own_rev, t.title, t.body, t.person_id AS written_by, t.at AS version_at, p.name AS posted_by_name, \
         r.version AS read_version, r.read_at, CASE WHEN COALESCE(r.rev, 0) > a.rev THEN r.rev ELSE a.rev END AS rev \
         FROM announcement a JOIN announcement_text t ON t.announcement_id = a.id AND t.version = a.version \
         LEFT JOIN person p ON p.id = a.posted_by \
         LEFT JOIN announcement_receipt r ON r.announcement_id = a.id AND r.person_id = ${person} AND r.version = \
         (SELECT MAX(m.version) FROM announcement_receipt m WHERE m.announcement_id = a.id AND m.person_id = ${person})"
    )
}

/// A row.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Row {
    pub id: String,
    pub branch_id: Option<String>,
    pub roles: String,
    pub must_read: i64,
    pub starts_at: i64,
    pub ends_at: Option<i64>,
    pub version: i64,
    pub posted_by: String,
    pub posted_at: i64,
    pub withdrawn_at: Option<i64>,
    pub own_rev: i64,
    pub title: String,
    pub body: String,
    pub written_by: String,
    pub version_at: i64,
    pub posted_by_name: Option<String>,
    pub read_version: Option<i64>,
    pub read_at: Option<i64>,
    pub rev: i64,
}

impl Row {
    /// As the person sees it whose receipt it has; `None` for a damaged row, which is logged and left out.
    pub(super) fn view(&self, person: UserId) -> Option<AnnouncementView> {
        let view = self.read(person);
        if view.is_none() {
            tracing::error!(announcement = %self.id, "an announcement does not read back");
        }
        view
    }

    fn read(&self, person: UserId) -> Option<AnnouncementView> {
        let version = u32::try_from(self.version).ok()?;
        // who wrote it has read it
        let (read_version, read_at) = if self.written_by == person.to_string() {
            (Some(version), Some(self.version_at))
        } else {
            (self.read_version.map(u32::try_from).transpose().ok()?, self.read_at)
        };
        Some(AnnouncementView {
            id: AnnouncementId::parse(&self.id).ok()?,
            version,
            title: self.title.clone(),
            body: self.body.clone(),
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            roles: roles(&self.roles),
            must_read: self.must_read != 0,
            starts_at: UnixMs(self.starts_at),
            ends_at: self.ends_at.map(UnixMs),
            posted_by: UserId::parse(&self.posted_by).ok()?,
            posted_by_name: self.posted_by_name.clone().unwrap_or_default(),
            posted_at: UnixMs(self.posted_at),
            version_at: UnixMs(self.version_at),
            read_version,
            read_at: read_at.map(UnixMs),
            rev: self.rev,
        })
    }
}

fn missing() -> ApiError {
    ApiError::not_found("announcement")
}

async fn stored<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    id: &str,
    (condition, mut values): (&str, Vec<Value>),
) -> ApiResult<Row> {
    let id = AnnouncementId::parse(id).map_err(|_| missing())?;
    values.push(id.to_string().into());
    values.push(scope.person.to_string().into());
    let (at, person) = (values.len() - 1, values.len());
    let sql = format!("{} WHERE {condition} AND a.id = ${at}", select(person));
    let row: Option<Row> = one(db, &sql, values).await?;
    row.ok_or_else(missing)
}

/// An announcement that the poster sees.
pub(super) async fn posted<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Row> {
    stored(db, scope, id, for_poster(scope)).await
}

/// An announcement that is for the asker.
pub(super) async fn addressed<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Row> {
    stored(db, scope, id, for_asker(scope)).await
}
