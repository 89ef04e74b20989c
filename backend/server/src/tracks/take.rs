//! Taking an upload: each part by itself, each once.

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, one};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::track::{Place, codec};
use waybell_domain::wire::{
    MOST_NOTES, MOST_PARTS, MOST_SHIFTS, PartName, RefusedPart, ShiftReport, TrackEvent, TrackNote,
    TrackPart, TrackUpload,
};

/// The server's clock and a phone's may differ by so much for other reasons than a clock that is off, ms.
const SAME: i64 = 60_000;
/// Later than this is a time that has not come, ms, for a position and for a track; what a phone that was restarted with a
/// wrong date tells of its last shift is taken with the date that it has.
pub(super) const AHEAD: i64 = 120_000;
const AHEAD_TRACK: i64 = 2 * DAY;
/// Nobody rides that far in a shift, metres.
const FARTHEST: f64 = 10_000_000.0;
/// Times of notes are within this, ms either way.
const FAR: i64 = 1 << 48;

/// How far a phone's clock is ahead, where it thinks that it is `told`; 0 below a minute.
pub(super) fn off(told: UnixMs, now: UnixMs) -> i64 {
    let off = told.since(now);
    if off.abs() < SAME { 0 } else { off }
}

/// A part that was read.
struct Ready {
    name: PartName,
    body: Vec<u8>,
    hash: String,
    /// In the phone's time.
    from: UnixMs,
    to: UnixMs,
}

/// A shift as it is stored.
#[derive(FromQueryResult)]
struct Known {
    version: i64,
    off_ms: i64,
}

#[derive(FromQueryResult)]
struct Hash {
    hash: String,
}

/// What is to be stored of an upload; made without the database, which takes none of the writer's time.
pub(super) struct Checked<'a> {
    upload: &'a TrackUpload,
    parts: Vec<(usize, Ready)>,
    refused: Vec<RefusedPart>,
}

impl Checked<'_> {
    /// True if nothing of it needs the database.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.upload.shifts.is_empty() && self.upload.notes.is_empty()
    }

    pub(super) fn refused(self) -> Vec<RefusedPart> {
        self.refused
    }
}

/// Checks an upload.
///
/// # Errors
/// 404 where it is another courier's, 413 and 422 with the field where the whole cannot be taken. A part that cannot be
/// taken is refused alone.
pub(super) fn check<'a>(scope: &Scope, upload: &'a TrackUpload, now: UnixMs) -> ApiResult<Checked<'a>> {
    if upload.courier != scope.person {
        let mut error = ApiError::not_found("courier");
        error.body.field = Some("courier".into());
        return Err(error.hint("sign in as the courier whose track it is"));
    }
    for (field, len, most) in [
        ("parts", upload.parts.len(), MOST_PARTS),
        ("notes", upload.notes.len(), MOST_NOTES),
        ("shifts", upload.shifts.len(), MOST_SHIFTS),
    ] {
        if len > most {
            return Err(ApiError::field(field, format!("names more than {most}"), "send several requests"));
        }
    }
    for (n, shift) in upload.shifts.iter().enumerate() {
        check_shift(n, shift)?;
    }
    let reported = |name: &str| upload.shifts.iter().any(|s| s.shift == name);
    for (n, note) in upload.notes.iter().enumerate() {
        if !reported(&note.shift) {
            return Err(unreported(format!("notes[{n}].shift")));
        }
        check_note(n, note)?;
    }
    if let Some(position) = &upload.position {
        if !is_name(&position.shift) {
            return Err(no_name("position.shift"));
        }
        if !on_earth(position.place) {
            return Err(nowhere("position.place"));
        }
    }
    let (mut parts, mut refused) = (Vec::new(), Vec::new());
    for (n, part) in upload.parts.iter().enumerate() {
        let ready = if reported(&part.shift) {
            ready(n, part).and_then(|r| timely(n, upload, now, r))
        } else {
            Err(unreported(format!("parts[{n}].shift")))
        };
        match ready {
            Ok(ready) => parts.push((n, ready)),
            Err(error) => refused.push(refusal(part, error)),
        }
    }
    Ok(Checked { upload, parts, refused })
}

fn refusal(part: &TrackPart, error: ApiError) -> RefusedPart {
    let body = *error.body;
    RefusedPart {
        part: PartName { shift: part.shift.clone(), seq: part.seq },
        field: body.field.unwrap_or_default(),
        problem: body.message,
        hint: body.hint.unwrap_or_default(),
    }
}

/// The answer where every part was refused and there was nothing else.
pub(super) fn refuse(refused: Vec<RefusedPart>) -> ApiError {
    let Some(first) = refused.into_iter().next() else { return ApiError::not_found("part") };
    let mut error = ApiError::new(StatusCode::UNPROCESSABLE_ENTITY, "bad_field", first.problem);
    (error.body.field, error.body.hint) = (Some(first.field), Some(first.hint));
    error
}

fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn no_name(field: impl Into<String>) -> ApiError {
    ApiError::field(field, "is no name of a shift", "send 1 to 64 of a to z, 0 to 9 and -")
}

fn unreported(field: String) -> ApiError {
    ApiError::field(field, "names a shift that the request does not report", "send the shift along in shifts")
}

fn nowhere(field: impl Into<String>) -> ApiError {
    ApiError::field(field, "is no place on the earth", "send WGS-84 in 1e-7 degrees, and not 0, 0")
}

/// 0, 0 is what broken receivers send.
fn on_earth(place: Place) -> bool {
    place.lat_e7.unsigned_abs() <= 900_000_000
        && place.lon_e7.unsigned_abs() <= 1_800_000_000
        && (place.lat_e7, place.lon_e7) != (0, 0)
}

fn check_shift(n: usize, shift: &ShiftReport) -> ApiResult<()> {
    let field = |name: &str| format!("shifts[{n}].{name}");
    if !is_name(&shift.shift) {
        return Err(no_name(field("shift")));
    }
    let length = |v: f64| v.is_finite() && (0.0..=FARTHEST).contains(&v);
    for (name, value) in [("metres", shift.metres), ("low", shift.low), ("high", shift.high)] {
        if !length(value) {
            return Err(ApiError::field(field(name), "is no distance of a shift", "send metres"));
        }
    }
    let times = [("began", Some(shift.began)), ("ended", shift.ended), ("now", shift.now)];
    for (name, at) in times {
        if at.is_some_and(|at| at.0.abs() > FAR) {
            return Err(ApiError::field(field(name), "is no time", "send unix milliseconds"));
        }
    }
    if shift.version < 0 || shift.dropped.len() > 64 {
        return Err(ApiError::field(field("version"), "is below 0", "count the changes of the shift"));
    }
    Ok(())
}

fn check_note(n: usize, note: &TrackNote) -> ApiResult<()> {
    let field = format!("notes[{n}].what");
    let (times, place) = match &note.what {
        TrackEvent::Gap { from, to, metres, .. } => {
            if !metres.is_finite() {
                return Err(ApiError::field(field, "has no distance", "send metres"));
            }
            ([*from, *to], None)
        }
        TrackEvent::Stay { from, to, place } => ([*from, *to], Some(*place)),
        TrackEvent::Fence { at, id, event } => {
            if id.len() > 200 || event.len() > 20 {
                return Err(ApiError::field(field, "is too long", "shorten the name of the fence"));
            }
            ([*at, *at], None)
        }
        TrackEvent::Sign { at, .. } | TrackEvent::ClockSet { at, .. } => ([*at, *at], None),
    };
    if times.iter().any(|at| at.0.abs() > FAR) {
        return Err(ApiError::field(field, "is no time", "send unix milliseconds"));
    }
    match place {
        Some(place) if !on_earth(place) => Err(nowhere(field)),
        _ => Ok(()),
    }
}

/// Reads a part.
fn ready(n: usize, part: &TrackPart) -> ApiResult<Ready> {
    let field = |name: &str| format!("parts[{n}].{name}");
    if part.seq < 0 {
        return Err(ApiError::field(field("seq"), "is below 0", "number the parts of a shift upwards"));
    }
    let too_large = || {
        let problem = format!("is larger than {} bytes", codec::MAX_BYTES);
        ApiError::field(field("body"), problem, "send the track in several parts")
    };
    if part.body.len() / 4 * 3 > codec::MAX_BYTES + 3 {
        return Err(too_large());
    }
    let body = STANDARD.decode(&part.body).map_err(|_| {
        ApiError::field(field("body"), "is no Base64", "send the bytes of the part in Base64")
    })?;
    if body.len() > codec::MAX_BYTES {
        return Err(too_large());
    }
    let runs = codec::decode(&body).map_err(|e| {
        let hint = "send the bytes as the app packed them, or pack them again";
        ApiError::field(field("body"), e.to_string(), hint)
    })?;
    let all = || runs.iter().flat_map(|r| &r.points);
    let (Some(from), Some(to)) = (all().map(|v| v.at).min(), all().map(|v| v.at).max()) else {
        return Err(ApiError::field(field("body"), "has no points", "send parts with points only"));
    };
    if all().any(|v| (v.lat_e5, v.lon_e5) == (0, 0)) {
        return Err(nowhere(field("body")));
    }
    let hash = Sha256::digest(&body).iter().map(|b| format!("{b:02x}")).collect();
    Ok(Ready { name: PartName { shift: part.shift.clone(), seq: part.seq }, body, hash, from, to })
}

/// A part of the future is refused; one that is older than anybody keeps is too.
fn timely(n: usize, upload: &TrackUpload, now: UnixMs, ready: Ready) -> ApiResult<Ready> {
    let report = upload.shifts.iter().find(|s| s.shift == ready.name.shift);
    let off = report.and_then(|s| s.now).map_or(0, |told| off(told, now));
    let (field, to) = (format!("parts[{n}].body"), ready.to - off);
    if to > now + AHEAD_TRACK {
        return Err(ApiError::field(field, "is of a time that has not come", "set the phone's clock right"));
    }
    if now.since(ready.from - off) > 3_660 * DAY {
        return Err(ApiError::field(field, "is older than ten years", "set the phone's clock right"));
    }
    Ok(ready)
}

/// Stores an upload: what became of its parts.
pub(super) async fn store(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    checked: Checked<'_>,
) -> ApiResult<(Vec<PartName>, Vec<RefusedPart>)> {
    let Checked { upload, parts, mut refused } = checked;
    let mut offs: HashMap<&str, i64> = HashMap::new();
    for shift in &upload.shifts {
        let off = put_shift(write, scope, now, shift).await?;
        offs.insert(&shift.shift, off);
    }
    let mut taken = Vec::with_capacity(parts.len());
    for (n, part) in parts {
        let off = offs.get(part.name.shift.as_str()).copied().unwrap_or(0);
        let name = part.name.clone();
        if put_part(write, scope, now, off, part).await? {
            taken.push(name);
        } else {
            refused.push(RefusedPart {
                part: name,
                field: format!("parts[{n}].seq"),
                problem: "this part is known with other bytes".into(),
                hint: "a part never changes; give it another number".into(),
            });
        }
    }
    for note in &upload.notes {
        put_note(write, scope, note).await?;
    }
    Ok((taken, refused))
}

/// Stores a report, unless a newer one is known; how far the phone's clock is off.
async fn put_shift(write: &Write, scope: &Scope, now: UnixMs, shift: &ShiftReport) -> ApiResult<i64> {
    let sql = "SELECT version, off_ms FROM track_shift WHERE courier_id = $1 AND shift = $2";
    let key = [scope.person.to_string().into(), shift.shift.clone().into()];
    let known: Option<Known> = one(write.tx(), sql, key).await?;
    // what is known of a clock is kept where a later report cannot tell any more
    let off = match (shift.now, &known) {
        (Some(told), _) => off(told, now),
        (None, Some(known)) => known.off_ms,
        (None, None) => 0,
    };
    if known.as_ref().is_some_and(|k| k.version >= shift.version) {
        let sql = "UPDATE track_shift SET off_ms = $3, heard_at = $4 WHERE courier_id = $1 AND shift = $2";
        let values: [Value; 4] =
            [scope.person.to_string().into(), shift.shift.clone().into(), off.into(), now.0.into()];
        write.exec(sql, values).await?;
        return Ok(off);
    }
    let report = serde_json::to_string(shift)
        .map_err(|e| StoreError::Damaged { what: "track_shift.report", problem: e.to_string() })?;
    let sql = "INSERT INTO track_shift (courier_id, shift, organisation_id, branch_id, version, began, ended, off_ms, report, \
               heard_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (courier_id, shift) DO UPDATE SET \
               version = excluded.version, began = excluded.began, ended = excluded.ended, off_ms = excluded.off_ms, \
               report = excluded.report, heard_at = excluded.heard_at";
    let values: [Value; 10] = [
        scope.person.to_string().into(),
        shift.shift.clone().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        shift.version.into(),
        shift.began.0.into(),
        shift.ended.map(|e| e.0).into(),
        off.into(),
        report.into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    Ok(off)
}

/// Stores a part; false if it is known with other bytes.
async fn put_part(write: &Write, scope: &Scope, now: UnixMs, off: i64, part: Ready) -> ApiResult<bool> {
    let sql = "SELECT hash FROM track_part WHERE courier_id = $1 AND shift = $2 AND seq = $3";
    let key = [scope.person.to_string().into(), part.name.shift.clone().into(), part.name.seq.into()];
    let known: Option<Hash> = one(write.tx(), sql, key).await?;
    if let Some(known) = known {
        return Ok(known.hash == part.hash);
    }
    let sql = "INSERT INTO track_part (courier_id, shift, seq, organisation_id, branch_id, from_at, to_at, hash, body, \
               received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    let values: [Value; 10] = [
        scope.person.to_string().into(),
        part.name.shift.into(),
        part.name.seq.into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        (part.from - off).0.into(),
        (part.to - off).0.into(),
        part.hash.into(),
        part.body.into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    Ok(true)
}

async fn put_note(write: &Write, scope: &Scope, note: &TrackNote) -> ApiResult<()> {
    let body = serde_json::to_string(&note.what)
        .map_err(|e| StoreError::Damaged { what: "track_note.body", problem: e.to_string() })?;
    let at = match &note.what {
        TrackEvent::Gap { from, .. } | TrackEvent::Stay { from, .. } => *from,
        TrackEvent::Fence { at, .. } | TrackEvent::Sign { at, .. } | TrackEvent::ClockSet { at, .. } => *at,
    };
    let sql = "INSERT INTO track_note (courier_id, shift, n, organisation_id, branch_id, at, body) \
               VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (courier_id, shift, n) DO NOTHING";
    let values: [Value; 7] = [
        scope.person.to_string().into(),
        note.shift.clone().into(),
        note.n.into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        at.0.into(),
        body.into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}
