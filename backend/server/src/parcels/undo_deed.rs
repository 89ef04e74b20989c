//! Taking a deed back within 30 s.
//!
//! The phone measures the time between deed and undo by its boot clock, because both may arrive hours later and by
//! different ways; the server looks whether that can be true. An undo that comes before its deed leaves a mark in its
//! place, so that the deed, when it comes, has no effect. A parcel with which something else was done since stays as it
//! is, and is told.

use super::deeds::{Acted, answer, known, refuse};
use super::rows::ParcelRow;
use super::state::find_some;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, all};
use crate::webhooks::outbox::At;
use sea_orm::{FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{DeedRefusal, UNDO_WITHIN};
use waybell_domain::wire::{DeedAnswer, RefusedParcel, UndoDeedRequest};

/// How far the times of two requests may be apart because of the way that they came.
const ON_THE_WAY: i64 = MINUTE;

#[derive(FromQueryResult)]
struct Done {
    parcel_id: String,
    waybill_no: String,
    /// The parcel is still as the deed left it.
    same: i64,
    before_state: String,
    before_at: i64,
    before_deed: Option<String>,
    before_door: Option<String>,
}

/// Takes a deed back.
///
/// # Errors
/// 404 for a deed of somebody else; 409 `too_late`, or `changed` where no parcel is as the deed left it.
pub(super) async fn undo(
    write: &Write,
    scope: &Scope,
    clock: At,
    request: &UndoDeedRequest,
    acted: Acted,
) -> ApiResult<DeedAnswer> {
    let Some(deed) = known(write, scope, request.id).await? else {
        mark(write, scope, clock, request, acted).await?;
        return Ok(answer(request.id, &[], Vec::new(), true));
    };
    if deed.undone_at.is_some() {
        let rows = shown(write, scope, &request.parcels).await?;
        return Ok(answer(request.id, &rows, Vec::new(), true));
    }
    let apart = acted.at.since(UnixMs(deed.acted_at));
    if i64::from(request.after_ms) > UNDO_WITHIN || apart > UNDO_WITHIN + ON_THE_WAY {
        return Err(ApiError::conflict("too_late", "this was done more than 30 s ago")
            .hint("record what is right now, or ask a supervisor"));
    }
    let id = request.id.to_string();
    let done: Vec<Done> = all(
        write.tx(),
        "SELECT d.parcel_id, p.waybill_no, CAST(CASE WHEN p.deed_id = d.deed_id AND p.state = d.after_state THEN 1 ELSE 0 END AS BIGINT) AS same, \
         d.before_state, d.before_at, d.before_deed, d.before_door FROM deed_parcel d JOIN parcel p ON p.id = d.parcel_id \
         WHERE d.deed_id = $1 ORDER BY p.sequence, p.id",
        [id.clone().into()],
    )
    .await?;
    let ids: Vec<ParcelId> = done.iter().filter_map(|d| ParcelId::parse(&d.parcel_id).ok()).collect();
    let mut mine: HashMap<String, ParcelRow> =
        shown(write, scope, &ids).await?.into_iter().map(|row| (row.id.clone(), row)).collect();
    let (mut rows, mut refused, mut reasons) = (Vec::new(), Vec::new(), Vec::new());
    for (parcel, d) in ids.iter().zip(done) {
        let reason = match mine.remove(&d.parcel_id) {
            Some(mut row) if d.same == 1 => {
                restore(write, &d, &mut row).await?;
                crate::webhooks::doors::tell(write, clock, &row.id, None, acted.at).await?;
                rows.push(row);
                continue;
            }
            Some(_) => DeedRefusal::Changed,
            None => DeedRefusal::NotYours,
        };
        if !request.parcels.is_empty() && !request.parcels.contains(parcel) {
            continue;
        }
        reasons.push((d.waybill_no.clone(), reason));
        let waybill_no = Some(d.waybill_no).filter(|_| reason != DeedRefusal::NotYours);
        refused.push(RefusedParcel { parcel: *parcel, waybill_no, reason });
    }
    if rows.is_empty() {
        return Err(refuse(&reasons));
    }
    write
        .exec("UPDATE deed SET undone_at = $1 WHERE id = $2", [acted.at.0.into(), id.clone().into()])
        .await?;
    crate::places::forget_deed(write, scope, request.id, clock.now).await?;
    let detail = format!("{} parcel(s)", rows.len());
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, org, person, clock.now, "undo_deed", &id, &detail).await?;
    Ok(answer(request.id, &rows, refused, true))
}

/// Those of the parcels that are in the scope; none is no error here.
async fn shown(write: &Write, scope: &Scope, ids: &[ParcelId]) -> ApiResult<Vec<ParcelRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    match find_some(write, scope, ids).await {
        Err(error) if error.status == axum::http::StatusCode::NOT_FOUND => Ok(Vec::new()),
        other => other,
    }
}

/// Takes the deed's place.
async fn mark(
    write: &Write,
    scope: &Scope,
    clock: At,
    request: &UndoDeedRequest,
    acted: Acted,
) -> ApiResult<()> {
    let values: [Value; 8] = [
        request.id.to_string().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        scope.person.to_string().into(),
        acted.wall.0.into(),
        acted.at.0.into(),
        i64::from(acted.by_wall_clock).into(),
        clock.now.0.into(),
    ];
    let sql = "INSERT INTO deed (id, organisation_id, branch_id, courier_id, deed, proof, wall, acted_at, by_wall_clock, \
               received_at, undone_at) VALUES ($1, $2, $3, $4, '', '', $5, $6, $7, $8, $6)";
    write.exec(sql, values).await?;
    Ok(())
}

async fn restore(write: &Write, d: &Done, row: &mut ParcelRow) -> ApiResult<()> {
    row.state.clone_from(&d.before_state);
    row.door.clone_from(&d.before_door);
    row.rev = write.next_rev();
    let values: [Value; 6] = [
        row.state.clone().into(),
        d.before_at.into(),
        d.before_deed.clone().into(),
        row.door.clone().into(),
        row.rev.into(),
        row.id.clone().into(),
    ];
    let sql = "UPDATE parcel SET state = $1, state_at = $2, deed_id = $3, door = $4, rev = $5 WHERE id = $6";
    write.exec(sql, values).await?;
    Ok(())
}
