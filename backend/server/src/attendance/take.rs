//! Taking a punch: once, whatever speaks against it.

use super::places;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, one};
use axum::http::HeaderMap;
use sea_orm::{FromQueryResult, Value};
use waybell_domain::attendance::{Evidence, MOST_FIXES, PlaceVerdict, PunchFix, whereabouts};
use waybell_domain::clock::{DAY, HOUR, MINUTE, UnixMs};
use waybell_domain::id::SessionId;
use waybell_domain::parcel::MOST_PROOFS;
use waybell_domain::track::Place;
use waybell_domain::wire::{PunchRequest, PunchView};

/// Nothing waits longer on a phone than this, ms.
const LONGEST_WAIT: i64 = 30 * DAY;
/// Punches of a courier in 24 hours.
const MOST_PUNCHES: i64 = 200;
/// Nobody travels faster, m/s, over distances of more than so many metres.
const FASTEST: f64 = 70.0;
const FAR: f64 = 2_000.0;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    courier_id: String,
    view: String,
}

#[derive(FromQueryResult)]
struct Device {
    device_id: String,
}

#[derive(FromQueryResult)]
struct Before {
    device_id: String,
    view: String,
}

fn is_on_earth(place: Place) -> bool {
    place.lat_e7.unsigned_abs() <= 900_000_000
        && place.lon_e7.unsigned_abs() <= 1_800_000_000
        && (place.lat_e7, place.lon_e7) != (0, 0)
}

/// Checks what the types cannot.
pub(super) fn check(request: &PunchRequest) -> ApiResult<()> {
    if request.fixes.len() > MOST_FIXES {
        return Err(ApiError::field("fixes", format!("names more than {MOST_FIXES}"), "send the last ones"));
    }
    for (n, fix) in request.fixes.iter().enumerate() {
        if !is_on_earth(fix.place) {
            let hint = "send WGS-84 in 1e-7 degrees, and not 0, 0; leave the fix out where there is none";
            return Err(ApiError::field(format!("fixes[{n}].place"), "is no place on the earth", hint));
        }
    }
    if request.wifi.len() > 50 || request.wifi.iter().any(|w| w.len() > 40) {
        return Err(ApiError::field("wifi", "is too long", "send at most 50 stations"));
    }
    for (field, text, most) in [("note", &request.note, 500), ("address", &request.address, 1_000)] {
        if text.as_ref().is_some_and(|t| t.chars().count() > most) {
            return Err(ApiError::field(field, format!("has more than {most} characters"), "shorten it"));
        }
    }
    if request.proof.len() > MOST_PROOFS {
        return Err(ApiError::field("proof", "has more than 9 photos", "send the best ones"));
    }
    if !request.proof.iter().all(|p| p.is_whole()) {
        return Err(ApiError::field("proof", "is no SHA-256 of a photo", "send 64 hexadecimal digits"));
    }
    Ok(())
}

/// Takes a punch. One that is known has no second effect.
pub(super) async fn take(
    write: &Write,
    scope: &Scope,
    session: SessionId,
    headers: &HeaderMap,
    now: UnixMs,
    request: &PunchRequest,
) -> ApiResult<PunchView> {
    let sql = "SELECT organisation_id, courier_id, view FROM punch WHERE id = $1";
    let known: Option<Known> = write.beyond(one(write.tx(), sql, [request.id.to_string().into()])).await?;
    if let Some(known) = known {
        if known.organisation_id != scope.organisation.to_string()
            || known.courier_id != scope.person.to_string()
        {
            return Err(ApiError::not_found("punch"));
        }
        return read(&known.view);
    }
    let sql = "SELECT COUNT(*) FROM punch WHERE courier_id = $1 AND received_at > $2";
    let key = [scope.person.to_string().into(), (now.0 - DAY).into()];
    if crate::store::number(write.tx(), sql, key).await? >= MOST_PUNCHES {
        return Err(ApiError::too_many(3_600).hint("punches are taken again when a day is over"));
    }
    let at = crate::http::acted_at(request.acted_at, headers, now);
    let at = UnixMs(at.0.min(now.0).max(now.0.saturating_sub(LONGEST_WAIT)));
    let by_wall_clock = request.acted_at.age_ms.is_none() && !headers.contains_key(crate::http::AGE_HEADER);
    let wall = UnixMs(request.acted_at.wall.0.clamp(0, now.0.saturating_add(3_660 * DAY)));
    let places = places::list(write.tx(), scope.organisation, scope.branch).await?;
    let found = whereabouts(&request.fixes, &request.wifi, &places);
    let newest: Option<&PunchFix> = request.fixes.last();
    let mut evidence = Vec::new();
    let mut see = |is: bool, what: Evidence| {
        if is {
            evidence.push(what);
        }
    };
    see(request.fixes.iter().any(|f| f.mock), Evidence::MockLocation);
    see(request.spoof_signs, Evidence::SpoofSigns);
    see(!by_wall_clock && wall.since(at).abs() >= MINUTE, Evidence::ClockOff);
    // a wall clock that shows a time which has not come is off, whoever was restarted
    see(by_wall_clock && wall.since(now) >= MINUTE, Evidence::ClockOff);
    see(by_wall_clock, Evidence::WallClockOnly);
    see(now.since(at) > 2 * HOUR, Evidence::SentLate);
    see(found.verdict == PlaceVerdict::InDoubt, Evidence::InDoubt);
    see(found.verdict == PlaceVerdict::Outside, Evidence::Outside);
    see(found.verdict == PlaceVerdict::Unknown, Evidence::NoPlace);
    let device = device(write, session).await?;
    let before = before(write, scope, at).await?;
    see(before.as_ref().is_some_and(|b| b.device_id != device), Evidence::NewDevice);
    see(is_shared(write, scope, &device, at).await?, Evidence::SharedDevice);
    let far = before.as_ref().and_then(|b| read(&b.view).ok()).zip(newest).is_some_and(|(b, fix)| {
        let metres = b.place.map_or(0.0, |p| p.metres_to(fix.place));
        metres > FAR && metres > FASTEST * (at.since(b.at).abs() as f64 / 1_000.0)
    });
    see(far, Evidence::TooFar);
    let photo_wanted = request.proof.is_empty() && evidence.iter().any(|e| e.wants_photo());
    let view = PunchView {
        id: request.id,
        courier: scope.person,
        kind: request.kind,
        at,
        by_wall_clock,
        wall,
        received_at: now,
        place: newest.map(|f| f.place),
        accuracy: newest.and_then(|f| f.accuracy).filter(|a| a.is_finite()),
        verdict: found.verdict,
        work_place: found.at,
        metres_away: found.metres,
        evidence,
        photo_wanted,
        note: request.note.clone(),
        address: request.address.clone(),
        proof: request.proof.clone(),
    };
    put(write, scope, &device, &view).await?;
    Ok(view)
}

pub(super) fn read(text: &str) -> ApiResult<PunchView> {
    let damaged = |e: serde_json::Error| StoreError::Damaged { what: "punch.view", problem: e.to_string() };
    Ok(serde_json::from_str(text).map_err(damaged)?)
}

/// The installation of a session.
async fn device(write: &Write, session: SessionId) -> ApiResult<String> {
    let sql = "SELECT device_id FROM session WHERE id = $1";
    let row: Option<Device> = one(write.tx(), sql, [session.to_string().into()]).await?;
    Ok(row.map(|r| r.device_id).unwrap_or_default())
}

/// The punch before this one.
async fn before(write: &Write, scope: &Scope, at: UnixMs) -> ApiResult<Option<Before>> {
    let sql = "SELECT device_id, view FROM punch WHERE courier_id = $1 AND acted_at <= $2 ORDER BY acted_at DESC, id DESC";
    Ok(one(write.tx(), sql, [scope.person.to_string().into(), at.0.into()]).await?)
}

/// Somebody else of the organisation has punched with this installation within a day.
async fn is_shared(write: &Write, scope: &Scope, device: &str, at: UnixMs) -> ApiResult<bool> {
    let sql = "SELECT COUNT(*) FROM punch WHERE device_id = $1 AND organisation_id = $2 AND courier_id <> $3 \
               AND acted_at > $4 AND acted_at < $5";
    let values: [Value; 5] = [
        device.into(),
        scope.organisation.to_string().into(),
        scope.person.to_string().into(),
        (at.0 - DAY).into(),
        (at.0 + DAY).into(),
    ];
    Ok(!device.is_empty() && crate::store::number(write.tx(), sql, values).await? > 0)
}

async fn put(write: &Write, scope: &Scope, device: &str, view: &PunchView) -> ApiResult<()> {
    let text = serde_json::to_string(view)
        .map_err(|e| StoreError::Damaged { what: "punch.view", problem: e.to_string() })?;
    let sql = "INSERT INTO punch (id, organisation_id, branch_id, courier_id, kind, wall, acted_at, by_wall_clock, received_at, \
               device_id, view) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [Value; 11] = [
        view.id.to_string().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        scope.person.to_string().into(),
        view.kind.as_str().into(),
        view.wall.0.into(),
        view.at.0.into(),
        i64::from(view.by_wall_clock).into(),
        view.received_at.0.into(),
        device.into(),
        text.into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}
