//! Taking an upload: each part by itself, each once.

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, number, one};
use axum::http::StatusCode;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::track::{Place, Vertex, codec};
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

/// What a courier may send in [`DAY`], by what the server has got: bytes of parts, notes, new shifts. Who is below it may
/// send one more upload, whatever it holds, so that none is refused for ever.
const MOST_A_DAY: [i64; 3] = [16 << 20, 5_000, 50];
/// The phone tries again after this, seconds.
const LATER: u32 = 3_600;

/// How far a phone's clock is off, where it is so many ms ahead; 0 below a minute.
pub(super) fn settled(ahead: i64) -> i64 {
    if ahead.abs() < SAME { 0 } else { ahead }
}

/// How far the clock was off by which a part or a note was made: as it was when it came, but for the difference that the
/// way there makes.
pub(super) fn off_of(own: i64, shift: i64) -> i64 {
    if own.saturating_sub(shift).saturating_abs() < SAME { shift } else { own }
}

/// How far that which [`off_of`] gives may be from what a part was stored with, ms.
pub(super) const SLACK: i64 = SAME;

/// A part that was read.
struct Ready {
    name: PartName,
    body: Vec<u8>,
    hash: String,
    /// In the phone's time.
    from: UnixMs,
    to: UnixMs,
    /// Where it ends.
    last: Vertex,
}

/// A shift as it is stored.
#[derive(FromQueryResult)]
struct Known {
    version: i64,
    told_off: Option<i64>,
}

#[derive(FromQueryResult)]
struct DayRow {
    bytes: i64,
    notes: i64,
    shifts: i64,
}

/// What a courier has left of a day.
struct Left {
    parts: bool,
    notes: bool,
    shifts: bool,
}

impl Left {
    async fn of(write: &Write, scope: &Scope, now: UnixMs) -> ApiResult<Left> {
        let sql = "SELECT \
             (SELECT COALESCE(SUM(LENGTH(body)), 0) FROM track_part WHERE courier_id = $1 AND received_at > $2) AS bytes, \
             (SELECT COUNT(*) FROM track_note WHERE courier_id = $1 AND received_at > $2) AS notes, \
             (SELECT COUNT(*) FROM track_shift WHERE courier_id = $1 AND first_at > $2) AS shifts";
        let key = [scope.person.to_string().into(), (now.0 - DAY).into()];
        let row: Option<DayRow> = one(write.tx(), sql, key).await?;
        let DayRow { bytes, notes, shifts } = row.unwrap_or(DayRow { bytes: 0, notes: 0, shifts: 0 });
        let [most_bytes, most_notes, most_shifts] = MOST_A_DAY;
        Ok(Left { parts: bytes < most_bytes, notes: notes < most_notes, shifts: shifts < most_shifts })
    }
}

fn enough(left: bool) -> ApiResult<()> {
    if left {
        return Ok(());
    }
    let mut error = ApiError::too_many(LATER);
    error.body.message = "the courier has sent too much of tracks within a day".into();
    Err(error.hint("send the rest later"))
}

#[derive(FromQueryResult)]
struct Hash {
    hash: String,
}

/// What is to be stored of an upload; made without the database, which takes none of the writer's time.
pub(super) struct Checked {
    upload: TrackUpload,
    parts: Vec<(usize, Ready)>,
    refused: Vec<RefusedPart>,
}

impl Checked {
    /// True if nothing of it needs the database.
    pub(super) fn is_empty(&self) -> bool {
        self.parts.is_empty() && self.upload.shifts.is_empty() && self.upload.notes.is_empty()
    }

    pub(super) fn refused(self) -> Vec<RefusedPart> {
        self.refused
    }

    /// How much it keeps in memory while it waits, bytes.
    pub(super) fn weight(&self) -> usize {
        let notes = self.upload.notes.len() + self.upload.shifts.len();
        self.parts.iter().map(|(_, p)| p.body.len() + 200).sum::<usize>() + notes * 200
    }
}

/// What became of an upload.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub taken: Vec<PartName>,
    pub refused: Vec<RefusedPart>,
    /// Shift, time by the server's clock, and place of the ends of the parts that were taken.
    pub ends: Vec<(String, UnixMs, Place)>,
}

/// Checks an upload.
///
/// # Errors
/// 404 where it is another courier's, 413 and 422 with the field where the whole cannot be taken. A part that cannot be
/// taken is refused alone.
pub(super) fn check(scope: &Scope, mut upload: TrackUpload) -> ApiResult<Checked> {
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
        let ready =
            if reported(&part.shift) { ready(n, part) } else { Err(unreported(format!("parts[{n}].shift"))) };
        match ready {
            Ok(ready) => parts.push((n, ready)),
            Err(error) => {
                refused.push(refusal(PartName { shift: part.shift.clone(), seq: part.seq }, error));
            }
        }
    }
    // what was read is not kept twice
    upload.parts = Vec::new();
    Ok(Checked { upload, parts, refused })
}

fn refusal(part: PartName, error: ApiError) -> RefusedPart {
    let body = *error.body;
    RefusedPart {
        part,
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
    let Some(last) = runs.iter().flat_map(|r| &r.points).next_back().copied() else {
        return Err(ApiError::field(field("body"), "has no points", "send parts with points only"));
    };
    let hash = Sha256::digest(&body).iter().map(|b| format!("{b:02x}")).collect();
    Ok(Ready { name: PartName { shift: part.shift.clone(), seq: part.seq }, body, hash, from, to, last })
}

/// A part of the future is refused; one that is older than anybody keeps is too.
fn timely(n: usize, off: i64, now: UnixMs, part: &Ready) -> ApiResult<()> {
    let field = format!("parts[{n}].body");
    if part.to - off > now + AHEAD_TRACK {
        return Err(not_come(field));
    }
    if now.since(part.from - off) > 3_660 * DAY {
        return Err(ApiError::field(field, "is older than ten years", "set the phone's clock right"));
    }
    Ok(())
}

fn not_come(field: String) -> ApiError {
    ApiError::field(field, "is of a time that has not come", "set the phone's clock right")
}

/// Nothing of a report is of a time that has not come.
fn timely_shift(n: usize, off: i64, now: UnixMs, shift: &ShiftReport) -> ApiResult<()> {
    for (name, at) in [("began", Some(shift.began)), ("ended", shift.ended)] {
        if at.is_some_and(|at| at - off > now + AHEAD_TRACK) {
            return Err(not_come(format!("shifts[{n}].{name}")));
        }
    }
    Ok(())
}

/// From when to when something was, in the phone's time.
fn span(what: &TrackEvent) -> (UnixMs, UnixMs) {
    match what {
        TrackEvent::Gap { from, to, .. } | TrackEvent::Stay { from, to, .. } => (*from, *to),
        TrackEvent::Fence { at, .. } | TrackEvent::Sign { at, .. } | TrackEvent::ClockSet { at, .. } => {
            (*at, *at)
        }
    }
}

/// True if a shift is known to have ended.
pub(super) async fn has_ended(db: &DatabaseConnection, scope: &Scope, shift: &str) -> ApiResult<bool> {
    let sql = "SELECT COUNT(*) FROM track_shift WHERE courier_id = $1 AND shift = $2 AND ended IS NOT NULL";
    Ok(number(db, sql, [scope.person.to_string().into(), shift.into()]).await? > 0)
}

/// Stores an upload: what became of its parts.
pub(super) async fn store(write: &Write, scope: &Scope, now: UnixMs, checked: &Checked) -> ApiResult<Done> {
    let Checked { upload, parts, refused } = checked;
    let mut done = Done { refused: refused.clone(), ..Done::default() };
    let left = Left::of(write, scope, now).await?;
    let mut offs: HashMap<&str, i64> = HashMap::new();
    for (n, shift) in upload.shifts.iter().enumerate() {
        let off = put_shift(write, scope, now, &left, n, shift).await?;
        offs.insert(&shift.shift, off);
    }
    for (n, part) in parts {
        let n = *n;
        let off = offs.get(part.name.shift.as_str()).copied().unwrap_or(0);
        let name = part.name.clone();
        let error = match timely(n, off, now, part) {
            Err(error) => error,
            Ok(()) if put_part(write, scope, now, &left, off, part).await? => {
                done.ends.push((name.shift.clone(), part.last.at - off, part.last.place()));
                done.taken.push(name);
                continue;
            }
            Ok(()) => ApiError::field(
                format!("parts[{n}].seq"),
                "this part is known with other bytes",
                "a part never changes; give it another number",
            ),
        };
        done.refused.push(refusal(name, error));
    }
    for (n, note) in upload.notes.iter().enumerate() {
        let off = offs.get(note.shift.as_str()).copied().unwrap_or(0);
        let (from, to) = span(&note.what);
        if from.max(to) - off > now + AHEAD_TRACK {
            return Err(not_come(format!("notes[{n}].what")));
        }
        put_note(write, scope, now, &left, off, note).await?;
    }
    Ok(done)
}

/// How far a phone was ahead at the most, with what this report tells. The way here only makes it less; a report that is
/// older than the known one tells nothing.
fn ahead(known: Option<&Known>, shift: &ShiftReport, now: UnixMs) -> Option<i64> {
    let before = known.and_then(|k| k.told_off);
    if known.is_some_and(|k| k.version > shift.version) {
        return before;
    }
    before.max(shift.now.map(|told| told.since(now)))
}

/// Stores a report, unless a newer one is known; how far the phone's clock is off.
async fn put_shift(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    left: &Left,
    n: usize,
    shift: &ShiftReport,
) -> ApiResult<i64> {
    let sql = "SELECT version, told_off FROM track_shift WHERE courier_id = $1 AND shift = $2";
    let key = [scope.person.to_string().into(), shift.shift.clone().into()];
    let known: Option<Known> = one(write.tx(), sql, key).await?;
    let told = ahead(known.as_ref(), shift, now);
    let off = told.map_or(0, settled);
    timely_shift(n, off, now, shift)?;
    if known.as_ref().is_some_and(|k| k.version >= shift.version) {
        let sql = "UPDATE track_shift SET off_ms = $3, heard_at = $4, told_off = $5 WHERE courier_id = $1 AND shift = $2";
        let values: [Value; 5] = [
            scope.person.to_string().into(),
            shift.shift.clone().into(),
            off.into(),
            now.0.into(),
            told.into(),
        ];
        write.exec(sql, values).await?;
        return Ok(off);
    }
    enough(known.is_some() || left.shifts)?;
    let report = serde_json::to_string(shift)
        .map_err(|e| StoreError::Damaged { what: "track_shift.report", problem: e.to_string() })?;
    let sql = "INSERT INTO track_shift (courier_id, shift, organisation_id, branch_id, version, began, ended, off_ms, report, \
               heard_at, told_off, first_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $10) ON CONFLICT (courier_id, shift) DO UPDATE SET \
               version = excluded.version, began = excluded.began, ended = excluded.ended, off_ms = excluded.off_ms, \
               report = excluded.report, heard_at = excluded.heard_at, told_off = excluded.told_off";
    let values: [Value; 11] = [
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
        told.into(),
    ];
    write.exec(sql, values).await?;
    Ok(off)
}

/// Stores a part; false if it is known with other bytes.
async fn put_part(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    left: &Left,
    off: i64,
    part: &Ready,
) -> ApiResult<bool> {
    let sql = "SELECT hash FROM track_part WHERE courier_id = $1 AND shift = $2 AND seq = $3";
    let key = [scope.person.to_string().into(), part.name.shift.clone().into(), part.name.seq.into()];
    let known: Option<Hash> = one(write.tx(), sql, key).await?;
    if let Some(known) = known {
        return Ok(known.hash == part.hash);
    }
    enough(left.parts)?;
    let sql = "INSERT INTO track_part (courier_id, shift, seq, organisation_id, branch_id, from_at, to_at, hash, body, \
               received_at, off_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [Value; 11] = [
        scope.person.to_string().into(),
        part.name.shift.clone().into(),
        part.name.seq.into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        (part.from - off).0.into(),
        (part.to - off).0.into(),
        part.hash.clone().into(),
        part.body.clone().into(),
        now.0.into(),
        off.into(),
    ];
    write.exec(sql, values).await?;
    Ok(true)
}

async fn put_note(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    left: &Left,
    off: i64,
    note: &TrackNote,
) -> ApiResult<()> {
    let body = serde_json::to_string(&note.what)
        .map_err(|e| StoreError::Damaged { what: "track_note.body", problem: e.to_string() })?;
    let sql = "INSERT INTO track_note (courier_id, shift, n, organisation_id, branch_id, at, body, received_at, off_ms) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (courier_id, shift, n) DO NOTHING";
    let values: [Value; 9] = [
        scope.person.to_string().into(),
        note.shift.clone().into(),
        note.n.into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        (span(&note.what).0 - off).0.into(),
        body.into(),
        now.0.into(),
        off.into(),
    ];
    match write.exec(sql, values).await?.rows_affected() {
        0 => Ok(()),
        _ => enough(left.notes),
    }
}

#[cfg(test)]
mod tests;
