//! Parcels that go to a colleague, in the order in which they were being delivered: all of them or none, in one
//! transaction. The giver's phone is told by tombstones, the colleague's by rows that come after its own.

use super::import::gone;
use super::rows::ParcelRow;
use super::state::find;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use std::collections::HashSet;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{EventId, ParcelId, UserId};
use waybell_domain::parcel::{DeedRefusal, ParcelState, refusals};
use waybell_domain::wire::{HandOverAnswer, HandOverRequest, Role};

#[derive(FromQueryResult)]
struct Colleague {
    id: String,
    name: String,
    branch_id: Option<String>,
}

/// Hands parcels over.
///
/// # Errors
/// 404 for a parcel that is not in the scope, and for a colleague of another organisation or branch; 409 where one is
/// done with, or where they are the colleague's already.
pub(super) async fn hand_over(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    request: &HandOverRequest,
) -> ApiResult<HandOverAnswer> {
    let to = colleague(write, scope, request.to.trim()).await?;
    let to_id = UserId::parse(&to.id).map_err(|_| ApiError::not_found("colleague"))?;
    let mut seen = HashSet::new();
    let ids: Vec<ParcelId> = request.parcels.iter().copied().filter(|id| seen.insert(*id)).collect();
    let rows = find(write, scope, &ids).await?;
    let done: Vec<(String, DeedRefusal)> = rows
        .iter()
        .filter(|row| !ParcelState::parse(&row.state).is_some_and(ParcelState::is_open))
        .map(|row| (row.waybill_no.clone(), DeedRefusal::AlreadyDone))
        .collect();
    if !done.is_empty() {
        let mut error = ApiError::new(StatusCode::CONFLICT, "already_done", refusals(&done));
        error.body.field = Some("parcels".into());
        return Err(error.hint("leave them out: nothing was handed over"));
    }
    if rows.iter().any(|row| row.courier_id == to.id) {
        let problem = "are this person's already";
        return Err(ApiError::field("parcels", problem, "leave them out: nothing was handed over"));
    }
    let last = "SELECT COALESCE(MAX(sequence), -1) FROM parcel WHERE courier_id = $1";
    let mut sequence = number(write.tx(), last, [to.id.clone().into()]).await?;
    for row in &rows {
        sequence += 1;
        give(write, scope, now, row, &to, sequence).await?;
    }
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    let detail = format!("{} parcel(s)", rows.len());
    crate::audit::record(write, org, person, now, "hand_over", &to.id, &detail).await?;
    Ok(HandOverAnswer { to: to_id, name: to.name, parcels: ids })
}

/// Whoever is named, among the active couriers whom this person may give parcels to.
async fn colleague(write: &Write, scope: &Scope, name: &str) -> ApiResult<Colleague> {
    let mut sql =
        "SELECT id, name, branch_id FROM person WHERE organisation_id = $1 AND active = 1 AND role = $2 \
                   AND (id = $3 OR login = $3)"
            .to_owned();
    let mut values: Vec<Value> =
        vec![scope.organisation.to_string().into(), Role::Courier.as_str().into(), name.into()];
    if let (Some(branch), true) = (scope.branch, scope.role != Role::Administrator) {
        sql.push_str(" AND branch_id = $4");
        values.push(branch.to_string().into());
    }
    one(write.tx(), &sql, values).await?.ok_or_else(|| {
        let mut error =
            ApiError::not_found("colleague").hint("give the login name of a courier of your branch");
        error.body.field = Some("to".into());
        error
    })
}

async fn give(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    row: &ParcelRow,
    to: &Colleague,
    sequence: i64,
) -> ApiResult<()> {
    let rev = write.next_rev();
    gone(write, &row.id, &row.courier_id, rev).await?;
    // one that comes back is a row again, and no longer gone
    write
        .exec(
            "DELETE FROM parcel_gone WHERE parcel_id = $1 AND courier_id = $2",
            [row.id.clone().into(), to.id.clone().into()],
        )
        .await?;
    let values: [Value; 5] = [
        to.id.clone().into(),
        to.branch_id.clone().into(),
        sequence.into(),
        rev.into(),
        row.id.clone().into(),
    ];
    let sql = "UPDATE parcel SET courier_id = $1, branch_id = $2, sequence = $3, rev = $4 WHERE id = $5";
    write.exec(sql, values).await?;
    let values: [Value; 7] = [
        EventId::at(now, rand::random()).to_string().into(),
        scope.organisation.to_string().into(),
        row.id.clone().into(),
        scope.person.to_string().into(),
        row.courier_id.clone().into(),
        to.id.clone().into(),
        now.0.into(),
    ];
    let sql = "INSERT INTO handed_over (id, organisation_id, parcel_id, person_id, from_id, to_id, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7)";
    write.exec(sql, values).await?;
    Ok(())
}
