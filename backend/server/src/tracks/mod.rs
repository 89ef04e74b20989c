//! Tracks: where couriers were on duty, as their phones tell.
//!
//! ```text
//!  POST /tracks ─▶ take: each part decoded, judged by itself ─▶ collect: one transaction for those who wait
//!                    └─ position ─▶ memory (Positions)                    │   (shifts, parts, notes)
//!  GET /tracks, /tracks/gpx ◀── view: parts in order, joined, the phone's clock put right ◀──┘
//!  GET /positions ◀── memory, and the ends of tracks of shifts that run
//!  a map on a socket ◀── live: what has changed in its view, once a second
//! ```
//!
//! * **Once.** A part is known by courier, shift and number. The same bytes again are taken again; other bytes under a
//!   known name are refused. Order does not matter.
//! * **Bytes as they came.** A part is stored as the phone packed it and decoded at each look: what does not read back is
//!   told as damaged, and is never a reason to lose the rest.
//! * **Time.** A phone whose clock is off says so unwittingly: it tells what time it thinks that it is. The difference to
//!   the server's clock, where it is a minute or more, is kept with the shift, and looks show the server's time.
//! * **Positions are cheap.** They come every few seconds from everybody, so that they are kept in memory and never cost
//!   a commit; a server that starts afresh knows them again with the next report, and until then the ends of tracks.
//! * **Who looks is kept.** A supervisor sees the own branch, a courier the own track; every look is in the audit. Tracks
//!   older than the organisation's rules allow are removed (`keep`).

mod collect;
mod keep;
mod live;
mod look;
mod positions;
pub mod routes;
mod take;

pub use collect::Collector;
pub(crate) use keep::sweep;
pub(crate) use live::Watch;
pub(crate) use look::{LocalDay, day as local_day, note as look_note};
pub use positions::Positions;

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::id::UserId;

#[derive(FromQueryResult)]
struct Found {
    id: String,
    name: String,
    branch_id: Option<String>,
}

/// Somebody whom the asker may look at.
pub(crate) struct Person {
    pub id: UserId,
    pub name: String,
    pub branch: Option<String>,
}

/// The person with this id or login name, or the asker; 404 where the asker may not look at that one.
pub(crate) async fn person<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    asked: Option<&str>,
) -> ApiResult<Person> {
    let own = scope.person.to_string();
    let asked = asked.map(str::trim).filter(|a| !a.is_empty()).unwrap_or(&own);
    let sql = "SELECT id, name, branch_id FROM person WHERE organisation_id = $1 AND (id = $2 OR login = $2)";
    let row: Option<Found> = one(db, sql, [scope.organisation.to_string().into(), asked.into()]).await?;
    let missing = || {
        let mut error = ApiError::not_found("person");
        error.body.field = Some("courier".into());
        error
    };
    let row = row.ok_or_else(missing)?;
    let own_branch = scope.role.is_administrator()
        || scope.branch.is_none()
        || row.branch_id == scope.branch.map(|b| b.to_string());
    if row.id != own && !(scope.role.sees_branch() && own_branch) {
        return Err(missing());
    }
    let id = UserId::parse(&row.id)
        .map_err(|_| StoreError::Damaged { what: "person.id", problem: "is no id".into() })?;
    Ok(Person { id, name: row.name, branch: row.branch_id })
}
