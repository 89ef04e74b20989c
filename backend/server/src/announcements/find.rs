//! What supervisors see: what was posted, how far it was read, and by whom not.

use super::rights::{bound, for_poster, roles};
use super::rows::{Row, select};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, all};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use serde::Deserialize;
use std::str::FromStr;
use waybell_domain::announcement::{counts_from, is_read};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AnnouncementId, BranchId, UserId};
use waybell_domain::wire::{AnnouncementBranch, AnnouncementPosted, AnnouncementReader, AnnouncementVersion};

/// Announcements in a page.
const PAGE: u32 = 50;

/// Which ones.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct AnnouncementsQuery {
    /// Those that were withdrawn or are over too; otherwise what shows now or later.
    all: bool,
    /// At most so many, 50 at most.
    limit: Option<u32>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

/// A page, the newest first, and what to ask for the next one with.
pub(super) struct Found {
    pub announcements: Vec<AnnouncementPosted>,
    pub next: Option<String>,
}

#[derive(FromQueryResult)]
struct Count {
    branch_id: Option<String>,
    name: Option<String>,
    audience: i64,
    has_read: i64,
}

#[derive(FromQueryResult)]
struct Reader {
    id: String,
    login: String,
    name: String,
    branch_id: Option<String>,
    read_version: Option<i64>,
    read_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct Version {
    version: i64,
    title: String,
    body: String,
    person_id: String,
    name: Option<String>,
    at: i64,
}

/// Where a page begins: the time and id of the last row before it.
fn mark(page: &str) -> ApiResult<(i64, AnnouncementId)> {
    let parts = page.split_once('.');
    let read = parts.and_then(|(at, id)| Some((i64::from_str(at).ok()?, AnnouncementId::parse(id).ok()?)));
    read.ok_or_else(|| {
        ApiError::field("page", "is none of ours", "give back the header x-next-page as it was")
    })
}

/// What was posted to whom the asker sees.
pub(super) async fn find<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    query: &AnnouncementsQuery,
    now: UnixMs,
) -> ApiResult<Found> {
    let limit = query.limit.unwrap_or(PAGE).clamp(1, PAGE);
    let (condition, mut values) = for_poster(scope);
    values.push(scope.person.to_string().into());
    let mut sql = format!("{} WHERE {condition}", select(3));
    let mut add = |value: Value| {
        values.push(value);
        values.len()
    };
    if !query.all {
        let at = add(now.0.into());
        sql += &format!(" AND a.withdrawn_at IS NULL AND (a.ends_at IS NULL OR a.ends_at > ${at})");
    }
    if let Some((at, id)) = query.page.as_deref().map(mark).transpose()? {
        let (at, id) = (add(at.into()), add(id.to_string().into()));
        sql += &format!(" AND (a.posted_at < ${at} OR (a.posted_at = ${at} AND a.id < ${id}))");
    }
    // one more tells whether there is a next page
    let last = add(i64::from(limit + 1).into());
    sql += &format!(" ORDER BY a.posted_at DESC, a.id DESC LIMIT ${last}");
    let mut rows: Vec<Row> = all(db, &sql, values).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.posted_at, row.id));
    let mut announcements = Vec::with_capacity(rows.len());
    for row in &rows {
        announcements.extend(summary(db, scope, row).await?);
    }
    Ok(Found { announcements, next })
}

/// One with its counts; `None` for a damaged row.
pub(super) async fn summary<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    row: &Row,
) -> ApiResult<Option<AnnouncementPosted>> {
    let branches = branches(db, scope, row).await?;
    // what may be changed has one revision, whoever has read it
    let view = Row { rev: row.own_rev, ..row.clone() }.view(scope.person);
    Ok(view.map(|announcement| AnnouncementPosted {
        announcement,
        withdrawn_at: row.withdrawn_at.map(UnixMs),
        audience: branches.iter().map(|b| b.audience).sum(),
        read: branches.iter().map(|b| b.read).sum(),
    }))
}

/// Fills `{people}` and its values: active people of an announcement's audience whom the asker sees, but who wrote it.
fn people(scope: &Scope, row: &Row, values: &mut Vec<Value>) -> String {
    let mut add = |value: String| {
        values.push(value.into());
        values.len()
    };
    let organisation = add(scope.organisation.to_string());
    let writer = add(row.written_by.clone());
    let mut sql = format!("p.organisation_id = ${organisation} AND p.active = 1 AND p.id <> ${writer}");
    for branch in [row.branch_id.clone(), bound(scope).map(|b| b.to_string())].into_iter().flatten() {
        sql += &format!(" AND p.branch_id = ${}", add(branch));
    }
    let marks: Vec<String> =
        roles(&row.roles).iter().map(|r| format!("${}", add(r.as_str().to_owned()))).collect();
    if !marks.is_empty() {
        sql += &format!(" AND p.role IN ({})", marks.join(", "));
    }
    sql
}

/// The newest receipt of `p` of announcement `$1`.
const RECEIPT: &str = "LEFT JOIN announcement_receipt r ON r.announcement_id = $1 AND r.person_id = p.id AND r.version = \
     (SELECT MAX(m.version) FROM announcement_receipt m WHERE m.announcement_id = $1 AND m.person_id = p.id)";

fn version(row: &Row) -> u32 {
    u32::try_from(row.version).unwrap_or(u32::MAX)
}

/// How far each branch is, by its name.
pub(super) async fn branches<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    row: &Row,
) -> ApiResult<Vec<AnnouncementBranch>> {
    let counts = i64::from(counts_from(row.must_read != 0, version(row)));
    let mut values: Vec<Value> = vec![row.id.clone().into(), counts.into()];
    let people = people(scope, row, &mut values);
    let sql = format!(
        "SELECT p.branch_id, b.name, COUNT(p.id) AS audience, COUNT(r.person_id) AS has_read FROM person p \
         LEFT JOIN branch b ON b.id = p.branch_id LEFT JOIN (SELECT DISTINCT person_id FROM announcement_receipt \
         WHERE announcement_id = $1 AND version >= $2) r ON r.person_id = p.id WHERE {people} \
         GROUP BY p.branch_id, b.name ORDER BY b.name, p.branch_id"
    );
    let rows: Vec<Count> = all(db, &sql, values).await?;
    let view = |count: Count| {
        Some(AnnouncementBranch {
            branch: count.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            name: count.name.unwrap_or_default(),
            audience: u32::try_from(count.audience).ok()?,
            read: u32::try_from(count.has_read).ok()?,
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}

/// Whom it is for, by login name: all, or who has (`Some(true)`) or has not (`Some(false)`) read it.
pub(super) async fn readers<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    row: &Row,
    read: Option<bool>,
) -> ApiResult<Vec<AnnouncementReader>> {
    let mut values: Vec<Value> = vec![row.id.clone().into()];
    let people = people(scope, row, &mut values);
    let sql = format!(
        "SELECT p.id, p.login, p.name, p.branch_id, r.version AS read_version, r.read_at FROM person p {RECEIPT} \
         WHERE {people} ORDER BY p.login"
    );
    let rows: Vec<Reader> = all(db, &sql, values).await?;
    let view = |reader: Reader| {
        let read_version = reader.read_version.map(u32::try_from).transpose().ok()?;
        Some(AnnouncementReader {
            person: UserId::parse(&reader.id).ok()?,
            login: reader.login,
            name: reader.name,
            branch: reader.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            read_version,
            read_at: reader.read_at.map(UnixMs),
            read: is_read(row.must_read != 0, version(row), read_version),
        })
    };
    let readers = rows.into_iter().filter_map(view);
    Ok(readers.filter(|reader| read.is_none_or(|read| reader.read == read)).collect())
}

/// Every text it had, the newest last.
pub(super) async fn versions<C: ConnectionTrait>(
    db: &C,
    id: &str,
) -> Result<Vec<AnnouncementVersion>, StoreError> {
    let sql = "SELECT t.version, t.title, t.body, t.person_id, p.name, t.at FROM announcement_text t \
               LEFT JOIN person p ON p.id = t.person_id WHERE t.announcement_id = $1 ORDER BY t.version";
    let rows: Vec<Version> = all(db, sql, [id.into()]).await?;
    let view = |row: Version| {
        Some(AnnouncementVersion {
            version: u32::try_from(row.version).ok()?,
            title: row.title,
            body: row.body,
            by: UserId::parse(&row.person_id).ok()?,
            by_name: row.name.unwrap_or_default(),
            at: UnixMs(row.at),
        })
    };
    Ok(rows.into_iter().filter_map(view).collect())
}
