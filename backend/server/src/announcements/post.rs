//! Posting: once by its id.

use super::rights::{bound, stored_roles};
use super::rows::posted;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::branch_of;
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use crate::webhooks::outbox::At;
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use waybell_domain::announcement::{AnnouncementFlaw, body, times, title};
use waybell_domain::clock::DAY;
use waybell_domain::wire::AnnouncementRequest;

/// Announcements that one person may post in 24 hours.
const MOST: i64 = 200;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    posted_by: String,
    request_hash: String,
}

pub(super) fn refused(flaw: AnnouncementFlaw) -> ApiError {
    ApiError::field(flaw.field, flaw.problem, flaw.hint)
}

fn hash(request: &AnnouncementRequest) -> String {
    let bytes = serde_json::to_vec(request).unwrap_or_default();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Posts one, or finds the one that was posted with this id.
pub(super) async fn post(
    write: &Write,
    scope: &Scope,
    at: At,
    request: &AnnouncementRequest,
) -> ApiResult<super::rows::Row> {
    let (id, hash, person) = (request.id.to_string(), hash(request), scope.person.to_string());
    let sql = "SELECT organisation_id, posted_by, request_hash FROM announcement WHERE id = $1";
    let known: Option<Known> = write.beyond(one(write.tx(), sql, [id.clone().into()])).await?;
    if let Some(known) = known {
        if known.organisation_id != scope.organisation.to_string() || known.posted_by != person {
            return Err(ApiError::not_found("announcement"));
        }
        if known.request_hash != hash {
            let message = "this id was used for another announcement";
            return Err(ApiError::conflict("id_reused", message).hint("use a new id for a new announcement"));
        }
        return posted(write.tx(), scope, &id).await;
    }
    let (title, body) = (title(&request.title).map_err(refused)?, body(&request.body).map_err(refused)?);
    // by the wall clock: people and their phones read these times
    let starts = request.starts_at.map_or(at.wall, |starts| starts.max(at.wall));
    times(starts, request.ends_at, at.wall).map_err(refused)?;
    let branch = match request.branch.or(bound(scope)) {
        None => None,
        Some(branch) => {
            let found = branch_of(write.tx(), scope, Some(branch)).await;
            Some(found.map_err(|mut error| {
                error.body.field.get_or_insert_with(|| "branch".into());
                error
            })?)
        }
    };
    let sql = "SELECT COUNT(*) FROM announcement WHERE posted_by = $1 AND posted_at > $2";
    if number(write.tx(), sql, [person.clone().into(), (at.now.0 - DAY).into()]).await? >= MOST {
        return Err(ApiError::too_many(3_600).hint("announcements are taken again when a day is over"));
    }
    let sql = "INSERT INTO announcement (id, organisation_id, branch_id, roles, must_read, starts_at, ends_at, version, posted_by, \
               posted_at, request_hash, rev) VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10, $11)";
    let values: [Value; 11] = [
        id.clone().into(),
        scope.organisation.to_string().into(),
        branch.map(|b| b.to_string()).into(),
        stored_roles(&request.roles).into(),
        i64::from(request.must_read).into(),
        starts.0.into(),
        request.ends_at.map(|e| e.0).into(),
        person.into(),
        at.now.0.into(),
        hash.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    text(write, scope, at, &id, 1, (&title, &body)).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, organisation, by, at.now, "post_announcement", &id, "version 1").await?;
    posted(write.tx(), scope, &id).await
}

/// Keeps the text of a version.
pub(super) async fn text(
    write: &Write,
    scope: &Scope,
    at: At,
    id: &str,
    version: i64,
    (title, body): (&str, &str),
) -> ApiResult<()> {
    let sql = "INSERT INTO announcement_text (announcement_id, version, organisation_id, title, body, person_id, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    let values: [Value; 7] = [
        id.into(),
        version.into(),
        scope.organisation.to_string().into(),
        title.into(),
        body.into(),
        scope.person.to_string().into(),
        at.now.0.into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}
