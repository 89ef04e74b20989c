//! What couriers do at doors: taken once, for each parcel by itself.
//!
//! A deed has an id that whoever acts has made. Its first arrival is judged parcel by parcel (`waybell_domain::parcel::Deed`),
//! in the order in which requests arrive: where two people or two phones do different things with a parcel, the later
//! arrival wins if the table of states allows it, and is refused with a reason if not. A parcel that is refused holds no
//! other one up; where all are, nothing is stored and the answer is 409. Any later arrival of the id has no effect.
//!
//! When it was done is told by the phone's boot clock (see [`crate::http::acted_at`]); the phone's wall clock is stored
//! beside it, so that a clock that was set is seen and changes nothing.

use super::rows::ParcelRow;
use super::state::find_some;
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, one};
use crate::webhooks::outbox::At;
use axum::http::StatusCode;
use sea_orm::{FromQueryResult, Value};
use serde::Serialize;
use std::collections::HashSet;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, ParcelId};
use waybell_domain::parcel::{
    DeedRefusal, Facts, MOST_PROOFS, ParcelState, Proof, ProofLevel, ProofRule, TaskKind, proof_level,
    refusals,
};
use waybell_domain::wire::{DeedAnswer, DeedRequest, DoorView, ParcelView, RefusedParcel};

/// When somebody acted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Acted {
    /// By the server's steady clock.
    pub at: UnixMs,
    /// By the phone's wall clock.
    pub wall: UnixMs,
    /// Only the wall clock was known.
    pub by_wall_clock: bool,
}

/// A stored deed.
#[derive(FromQueryResult)]
pub(super) struct Known {
    pub organisation_id: String,
    pub courier_id: String,
    pub acted_at: i64,
    pub undone_at: Option<i64>,
}

/// The deed of this id, if it is this person's.
///
/// # Errors
/// 404 where it is somebody else's.
pub(super) async fn known(write: &Write, scope: &Scope, id: OperationId) -> ApiResult<Option<Known>> {
    let sql = "SELECT organisation_id, courier_id, acted_at, undone_at FROM deed WHERE id = $1";
    let found: Option<Known> = write.beyond(one(write.tx(), sql, [id.to_string().into()])).await?;
    match found {
        Some(k)
            if k.organisation_id != scope.organisation.to_string()
                || k.courier_id != scope.person.to_string() =>
        {
            Err(ApiError::not_found("deed"))
        }
        other => Ok(other),
    }
}

/// Takes a deed.
///
/// # Errors
/// 422 for a record that is not whole; 404 when no parcel is in the scope; 409 when it is refused for every parcel, with
/// the first reason as its code.
pub(super) async fn take(
    write: &Write,
    scope: &Scope,
    clock: At,
    request: &DeedRequest,
    acted: Acted,
) -> ApiResult<DeedAnswer> {
    check(request)?;
    if let Some(known) = known(write, scope, request.id).await? {
        let rows = find_some(write, scope, &request.parcels).await?;
        return Ok(answer(request.id, &rows, Vec::new(), known.undone_at.is_some()));
    }
    let mut rows = find_some(write, scope, &request.parcels).await?;
    let rules = rules(write, scope).await?;
    let mut refused = strangers(request, &rows);
    let mut verdicts = Vec::with_capacity(rows.len());
    for row in &rows {
        verdicts.push(judge(row, request, &rules)?);
    }
    if verdicts.iter().all(Result::is_err) {
        let reasons =
            rows.iter().zip(&verdicts).filter_map(|(row, v)| Some((row.waybill_no.clone(), v.err()?)));
        return Err(refuse(&reasons.collect::<Vec<_>>()));
    }
    let mut kept = false;
    for (row, _) in rows.iter().zip(&verdicts).filter(|(_, v)| v.is_ok()) {
        kept |= proof_level(&rules, task_of(row)?, request.deed.kind()) != ProofLevel::Off;
    }
    // where the rules want no photos, none is kept
    let proof = if kept { request.proof.as_slice() } else { &[] };
    put_deed(write, scope, clock, request, proof, acted).await?;
    let meant: Vec<String> = rows.iter().map(|r| r.address.clone()).collect();
    let mut done = Vec::with_capacity(rows.len());
    let mut befores = Vec::with_capacity(rows.len());
    for (mut row, verdict) in rows.drain(..).zip(verdicts) {
        match verdict {
            Ok(after) => {
                befores.push((row.address.clone(), state_of(&row)?));
                put(write, scope, request, acted, &rules, &mut row, after).await?;
                crate::webhooks::doors::tell(write, clock, &row.id, Some(&request.deed), acted.at).await?;
                done.push(row);
            }
            Err(reason) => {
                refused.push(RefusedParcel { parcel: id_of(&row)?, waybill_no: Some(row.waybill_no), reason })
            }
        }
    }
    crate::places::observe(write, scope, request, acted.at, &meant, &befores).await?;
    let photos = if proof.is_empty() { "" } else { ", with a photo" };
    let detail = format!("{} parcel(s){photos}", done.len());
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    let (what, id) = (request.deed.kind().as_str(), request.id.to_string());
    crate::audit::record(write, org, person, clock.now, what, &id, &detail).await?;
    Ok(answer(request.id, &done, refused, false))
}

fn check(request: &DeedRequest) -> ApiResult<()> {
    request.deed.check().map_err(|e| ApiError::field(e.field, e.problem, e.hint))?;
    if request.proof.len() > MOST_PROOFS {
        return Err(ApiError::field("proof", "has more than 9 photos", "send the best ones"));
    }
    if !request.proof.iter().all(|p| p.is_whole()) {
        return Err(ApiError::field("proof", "is no SHA-256 of a photo", "send 64 hexadecimal digits"));
    }
    Ok(())
}

async fn rules(write: &Write, scope: &Scope) -> ApiResult<Vec<ProofRule>> {
    match organisation(write.tx(), scope.organisation).await? {
        Some(row) => Ok(row.policy()?.proof),
        None => Ok(Vec::new()),
    }
}

fn damaged(what: &'static str) -> StoreError {
    StoreError::Damaged { what, problem: "does not read back".into() }
}

fn id_of(row: &ParcelRow) -> Result<ParcelId, StoreError> {
    ParcelId::parse(&row.id).map_err(|_| damaged("parcel.id"))
}

fn state_of(row: &ParcelRow) -> Result<ParcelState, StoreError> {
    ParcelState::parse(&row.state).ok_or_else(|| damaged("parcel.state"))
}

fn task_of(row: &ParcelRow) -> Result<TaskKind, StoreError> {
    TaskKind::parse(&row.kind).ok_or_else(|| damaged("parcel.kind"))
}

/// Parcels that were asked for and are not in the scope.
fn strangers(request: &DeedRequest, rows: &[ParcelRow]) -> Vec<RefusedParcel> {
    let mut told: HashSet<String> = rows.iter().map(|r| r.id.clone()).collect();
    let unknown = request.parcels.iter().filter(|id| told.insert(id.to_string()));
    unknown.map(|id| RefusedParcel { parcel: *id, waybill_no: None, reason: DeedRefusal::NotYours }).collect()
}

fn judge(
    row: &ParcelRow,
    request: &DeedRequest,
    rules: &[ProofRule],
) -> Result<Result<ParcelState, DeedRefusal>, StoreError> {
    let facts = Facts {
        state: state_of(row)?,
        task: task_of(row)?,
        preference: row.preference.as_deref(),
        photos: request.proof.len(),
    };
    Ok(request.deed.judge(facts, rules))
}

/// 409 with what is wrong with which parcel.
pub(super) fn refuse(reasons: &[(String, DeedRefusal)]) -> ApiError {
    let first = reasons.first().map_or(DeedRefusal::NotYours, |(_, reason)| *reason);
    let mut error = ApiError::new(StatusCode::CONFLICT, first.as_str(), refusals(reasons)).hint(first.hint());
    error.body.field = Some("parcels".into());
    error
}

pub(super) fn json<T: Serialize>(value: &T) -> ApiResult<String> {
    serde_json::to_string(value)
        .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))
}

/// What is told: parcels as they are now.
pub(super) fn answer(
    id: OperationId,
    rows: &[ParcelRow],
    refused: Vec<RefusedParcel>,
    undone: bool,
) -> DeedAnswer {
    let parcels: Vec<ParcelView> = rows.iter().filter_map(ParcelRow::view).collect();
    DeedAnswer { id, parcels, refused, undone }
}

async fn put_deed(
    write: &Write,
    scope: &Scope,
    clock: At,
    request: &DeedRequest,
    proof: &[Proof],
    acted: Acted,
) -> ApiResult<()> {
    let values: [Value; 10] = [
        request.id.to_string().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        scope.person.to_string().into(),
        json(&request.deed)?.into(),
        json(&proof)?.into(),
        acted.wall.0.into(),
        acted.at.0.into(),
        i64::from(acted.by_wall_clock).into(),
        clock.now.0.into(),
    ];
    let sql = "INSERT INTO deed (id, organisation_id, branch_id, courier_id, deed, proof, wall, acted_at, by_wall_clock, \
               received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    write.exec(sql, values).await?;
    Ok(())
}

/// Stores what becomes of one parcel, with what an undo needs.
async fn put(
    write: &Write,
    scope: &Scope,
    request: &DeedRequest,
    acted: Acted,
    rules: &[ProofRule],
    row: &mut ParcelRow,
    after: ParcelState,
) -> ApiResult<()> {
    let deed_id = request.id.to_string();
    let sql = "INSERT INTO deed_parcel (deed_id, parcel_id, after_state, before_state, before_at, before_deed, before_door) \
               SELECT $1, p.id, $2, p.state, p.state_at, p.deed_id, p.door FROM parcel p WHERE p.id = $3";
    write.exec(sql, [deed_id.clone().into(), after.as_str().into(), row.id.clone().into()]).await?;
    if let (Some(preference), Some(consent)) = (request.deed.wants(), request.deed.consent()) {
        let sql = "INSERT INTO hand_consent (deed_id, parcel_id, organisation_id, courier_id, preference, source, note, at) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        let values: [Value; 8] = [
            deed_id.clone().into(),
            row.id.clone().into(),
            scope.organisation.to_string().into(),
            scope.person.to_string().into(),
            preference.into(),
            consent.source.as_str().into(),
            consent.note.clone().into(),
            acted.at.0.into(),
        ];
        write.exec(sql, values).await?;
    }
    let kept = proof_level(rules, task_of(row)?, request.deed.kind()) != ProofLevel::Off;
    let door = DoorView {
        id: request.id,
        deed: request.deed.clone(),
        proof: if kept { request.proof.clone() } else { Vec::new() },
        by: scope.person,
        at: acted.at,
        by_wall_clock: acted.by_wall_clock,
        before: state_of(row)?,
    };
    row.door = Some(json(&door)?);
    row.state = after.as_str().into();
    row.rev = write.next_rev();
    // what a phone did before, and tells later, comes after this for `state::set`
    let sql = "UPDATE parcel SET state = $1, state_at = CASE WHEN state_at > $2 THEN state_at ELSE $2 END, deed_id = $3, \
               door = $4, rev = $5 WHERE id = $6";
    let values: [Value; 6] = [
        row.state.clone().into(),
        acted.at.0.max(0).into(),
        deed_id.into(),
        row.door.clone().into(),
        row.rev.into(),
        row.id.clone().into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}
