//! Looking at tracks and positions.

use super::Person;
use super::positions::{FORGOTTEN, Position};
use super::take::{SLACK, off_of};
use crate::app::{App, Shared};
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::store::scope::Scope;
use crate::store::{all, number};
use chrono::{NaiveDate, TimeZone};
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use std::collections::{HashMap, HashSet};
use waybell_domain::clock::{DAY, HOUR, UnixMs};
use waybell_domain::id::{BranchId, UserId};
use waybell_domain::track::{Datum, Degrees, GapReason, Place, Run, Vertex, codec, convert, join};
use waybell_domain::wire::{PositionView, Role, ShiftReport, ShiftView, TrackEvent, TrackView};

/// Older than this, a position is stale, ms.
pub(super) const STALE: i64 = 120_000;

/// Vertices of one look, and bytes of the parts that hold them.
const MOST_POINTS: usize = 200_000;
const MOST_BYTES: i64 = 8 << 20;

/// A day in the organisation's zone.
pub(crate) struct LocalDay {
    pub name: String,
    pub date: NaiveDate,
    pub zone: chrono_tz::Tz,
    pub from: UnixMs,
    pub to: UnixMs,
}

/// The day that is asked for, or today.
pub(crate) async fn day(app: &App, scope: &Scope, asked: Option<&str>) -> ApiResult<LocalDay> {
    let row = organisation(app.store.read(), scope.organisation).await?;
    let zone = row.ok_or_else(|| ApiError::not_found("organisation"))?.zone();
    let date = match asked {
        None => app.clock.wall().date(zone),
        Some(text) => text
            .parse::<NaiveDate>()
            .ok()
            .filter(|d| (1970..=9_999).contains(&chrono::Datelike::year(d)))
            .ok_or_else(|| ApiError::field("day", "is no date", "write it like 2026-03-02"))?,
    };
    Ok(LocalDay::of(date, zone))
}

impl LocalDay {
    /// A date in a zone.
    pub(crate) fn of(date: NaiveDate, zone: chrono_tz::Tz) -> LocalDay {
        let from = midnight(date, zone);
        LocalDay { name: date.to_string(), date, zone, from, to: from.next_day(zone) }
    }
}

/// The first instant of a date: midnight, or the end of the gap where clocks skip it.
fn midnight(date: NaiveDate, zone: chrono_tz::Tz) -> UnixMs {
    let naive = date.and_hms_opt(0, 0, 0).unwrap_or_default();
    match zone.from_local_datetime(&naive).earliest() {
        Some(at) => UnixMs(at.timestamp_millis()),
        // within three hours before it is the day before, whatever the gap
        None => (UnixMs(naive.and_utc().timestamp_millis()) - DAY - 14 * HOUR).next_day_until(date, zone),
    }
}

trait Until {
    fn next_day_until(self, date: NaiveDate, zone: chrono_tz::Tz) -> UnixMs;
}

impl Until for UnixMs {
    fn next_day_until(self, date: NaiveDate, zone: chrono_tz::Tz) -> UnixMs {
        let mut at = self;
        for _ in 0..4 {
            if at.date(zone) >= date {
                break;
            }
            at = at.next_day(zone);
        }
        at
    }
}

#[derive(FromQueryResult)]
struct ShiftRow {
    shift: String,
    off_ms: i64,
    report: String,
    heard_at: i64,
}

#[derive(FromQueryResult)]
struct PartRow {
    off_ms: i64,
    body: Vec<u8>,
}

#[derive(FromQueryResult)]
struct NoteRow {
    off_ms: i64,
    body: String,
}

/// A courier's track of a day.
pub(super) async fn track(
    db: &DatabaseConnection,
    scope: &Scope,
    person: &Person,
    day: &LocalDay,
    datum: Datum,
) -> ApiResult<TrackView> {
    let mut view = TrackView {
        courier: person.id,
        name: person.name.clone(),
        day: day.name.clone(),
        from: day.from,
        to: day.to,
        datum: datum.as_str().to_owned(),
        shifts: Vec::new(),
        runs: Vec::new(),
        gaps: Vec::new(),
        stays: Vec::new(),
        evidence: Vec::new(),
        fences: Vec::new(),
        damaged: 0,
    };
    let mut ended: Option<UnixMs> = None;
    for row in shifts(db, scope, person, day).await? {
        let Ok(report) = serde_json::from_str::<ShiftReport>(&row.report) else {
            tracing::error!(shift = %row.shift, "a report of a shift is damaged");
            view.damaged += 1;
            continue;
        };
        let (began, over) = (report.began - row.off_ms, report.ended.map(|e| e - row.off_ms));
        if let Some(from) = ended.filter(|e| *e < began) {
            view.gaps.push(TrackEvent::Gap { from, to: began, reason: GapReason::OffDuty, metres: 0.0 });
        }
        ended = over;
        let left = MOST_POINTS.saturating_sub(view.runs.iter().map(|r| r.points.len()).sum());
        let runs = parts(db, scope, person, &row, day, left, &mut view.damaged).await?;
        let start = view.runs.len();
        view.runs.extend(runs.into_iter().filter_map(|run| cut(run, day)));
        if let Some(run) = view.runs.get_mut(start).filter(|_| start > 0) {
            run.gap.get_or_insert(GapReason::OffDuty);
        }
        notes(db, scope, person, &row, day, &mut view).await?;
        view.shifts.push(ShiftView {
            shift: row.shift,
            began,
            ended: over,
            metres: report.metres,
            low: report.low,
            high: report.high,
            dropped: report.dropped,
            clock_off_ms: row.off_ms,
            heard_at: UnixMs(row.heard_at),
        });
    }
    if datum != Datum::default() {
        moved(&mut view, datum);
    }
    Ok(view)
}

/// The shifts that touch the day, as far as the asker may see them.
async fn shifts(
    db: &DatabaseConnection,
    scope: &Scope,
    person: &Person,
    day: &LocalDay,
) -> ApiResult<Vec<ShiftRow>> {
    let (filter, mut values) = scope.filter("s", 1);
    let n = values.len();
    values.extend([Value::from(person.id.to_string()), day.from.0.into(), day.to.0.into()]);
    let sql = format!(
        "SELECT s.shift, s.off_ms, s.report, s.heard_at FROM track_shift s WHERE {filter} AND s.courier_id = ${} \
         AND s.began - s.off_ms < ${to} AND (COALESCE(s.ended, s.heard_at + s.off_ms) - s.off_ms >= ${from} \
         OR EXISTS (SELECT 1 FROM track_part p WHERE p.courier_id = s.courier_id AND p.shift = s.shift \
         AND p.to_at >= ${from} AND p.from_at < ${to})) ORDER BY s.began - s.off_ms, s.shift",
        n + 1,
        from = n + 2,
        to = n + 3,
    );
    Ok(all(db, &sql, values).await?)
}

fn too_long() -> ApiError {
    ApiError::field("day", format!("has more than {MOST_POINTS} points"), "ask for a shorter time")
}

/// The way of a shift, as far as its parts touch the day, in the server's time.
async fn parts(
    db: &DatabaseConnection,
    scope: &Scope,
    person: &Person,
    shift: &ShiftRow,
    day: &LocalDay,
    left: usize,
    damaged: &mut u32,
) -> ApiResult<Vec<Run>> {
    let (filter, mut values) = scope.filter("p", 1);
    let n = values.len();
    values.extend([Value::from(person.id.to_string()), shift.shift.clone().into()]);
    values.extend([Value::from(day.from.0 - SLACK), (day.to.0 + SLACK).into()]);
    let rows = format!(
        "FROM track_part p WHERE {filter} AND p.courier_id = ${} AND p.shift = ${} AND p.to_at >= ${} AND p.from_at < ${}",
        n + 1,
        n + 2,
        n + 3,
        n + 4
    );
    let bytes = format!("SELECT COALESCE(SUM(LENGTH(p.body)), 0) {rows}");
    if number(db, &bytes, values.clone()).await? > MOST_BYTES {
        return Err(too_long());
    }
    let sql = format!("SELECT p.off_ms, p.body {rows} ORDER BY p.seq");
    let rows: Vec<PartRow> = all(db, &sql, values).await?;
    let mut points = 0;
    let mut runs = Vec::new();
    let mut hole = false;
    for row in rows {
        match codec::decode(&row.body) {
            Ok(mut part) => {
                points += part.iter().map(|r| r.points.len()).sum::<usize>();
                if points > left {
                    return Err(too_long());
                }
                let off = off_of(row.off_ms, shift.off_ms);
                for vertex in part.iter_mut().flat_map(|r| &mut r.points) {
                    vertex.at = vertex.at - off;
                }
                if let Some(first) = part.first_mut().filter(|_| std::mem::take(&mut hole)) {
                    first.gap.get_or_insert(GapReason::Unknown);
                }
                join(&mut runs, part);
            }
            Err(problem) => {
                tracing::error!(shift = %shift.shift, %problem, "a part of a track is damaged");
                *damaged += 1;
                hole = true;
            }
        }
    }
    Ok(runs)
}

/// What of a run lies in the day; a run that goes over midnight is cut there.
fn cut(mut run: Run, day: &LocalDay) -> Option<Run> {
    run.points.retain(|v| (day.from..day.to).contains(&v.at));
    (!run.points.is_empty()).then_some(run)
}

async fn notes(
    db: &DatabaseConnection,
    scope: &Scope,
    person: &Person,
    shift: &ShiftRow,
    day: &LocalDay,
    view: &mut TrackView,
) -> ApiResult<()> {
    let (filter, mut values) = scope.filter("t", 1);
    let n = values.len();
    values.extend([Value::from(person.id.to_string()), shift.shift.clone().into()]);
    let sql = format!(
        "SELECT t.off_ms, t.body FROM track_note t WHERE {filter} AND t.courier_id = ${} AND t.shift = ${} ORDER BY t.n",
        n + 1,
        n + 2
    );
    let rows: Vec<NoteRow> = all(db, &sql, values).await?;
    for row in rows {
        let off = off_of(row.off_ms, shift.off_ms);
        let Ok(mut event) = serde_json::from_str::<TrackEvent>(&row.body) else { continue };
        let (from, to) = match &mut event {
            TrackEvent::Gap { from, to, .. } | TrackEvent::Stay { from, to, .. } => {
                (*from, *to) = (*from - off, *to - off);
                (*from, *to)
            }
            TrackEvent::Fence { at, .. } | TrackEvent::Sign { at, .. } | TrackEvent::ClockSet { at, .. } => {
                *at = *at - off;
                (*at, *at)
            }
        };
        if to < day.from || from >= day.to {
            continue;
        }
        match event {
            TrackEvent::Gap { .. } => view.gaps.push(event),
            TrackEvent::Stay { .. } => view.stays.push(event),
            TrackEvent::Fence { .. } => view.fences.push(event),
            _ => view.evidence.push(event),
        }
    }
    Ok(())
}

/// All places in another datum.
fn moved(view: &mut TrackView, datum: Datum) {
    let to = |place: Place| {
        let there = convert(Degrees { lat: place.lat(), lon: place.lon() }, Datum::Wgs84, datum);
        Place::of_degrees(there.lat, there.lon).unwrap_or(place)
    };
    for vertex in view.runs.iter_mut().flat_map(|r| &mut r.points) {
        *vertex = Vertex::near(vertex.at, to(vertex.place()));
    }
    for event in &mut view.stays {
        if let TrackEvent::Stay { place, .. } = event {
            *place = to(*place);
        }
    }
}

#[derive(FromQueryResult)]
struct EndRow {
    courier_id: String,
    shift: String,
    branch_id: Option<String>,
    off_ms: i64,
    part_off: i64,
    body: Vec<u8>,
}

impl EndRow {
    /// Whose it is and where it ends, unless it is too old or does not read back.
    fn end(self, now: UnixMs) -> Option<(UserId, Position)> {
        let courier = UserId::parse(&self.courier_id).ok()?;
        let branch = self.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok());
        let runs = codec::decode(&self.body).ok()?;
        let last = runs.last().and_then(|r| r.points.last())?;
        let at = last.at - off_of(self.part_off, self.off_ms);
        (now.since(at) <= FORGOTTEN).then(|| (courier, Position::end(branch, self.shift, at, last.place())))
    }
}

/// Tells [`crate::tracks::Positions`] the ends of tracks that were stored before this server began, once.
pub(super) async fn ends_of(app: &Shared, scope: &Scope, now: UnixMs) -> ApiResult<()> {
    let organisation = scope.organisation;
    if app.positions.ends_known(organisation) {
        return Ok(());
    }
    // of all branches: what is told is everybody's, and each look takes from it what its asker may see
    let all_of_it = Scope { branch: None, role: Role::Administrator, ..scope.clone() };
    for (courier, end) in
        ends(app.store.read(), &all_of_it, now).await?.into_iter().filter_map(|r| r.end(now))
    {
        app.positions.reached(organisation, courier, end, now);
    }
    app.positions.ends_told(organisation);
    Ok(())
}

#[derive(FromQueryResult)]
struct NameRow {
    id: String,
    name: String,
}

/// Where everybody on duty is, whom the asker may see.
pub(super) async fn positions(
    app: &Shared,
    scope: &Scope,
    branch: Option<BranchId>,
) -> ApiResult<Vec<PositionView>> {
    let now = app.clock.now();
    let db = app.store.read();
    let mut live = app.positions.seen_by(scope, now);
    live.retain(|_, p| branch.is_none() || p.branch == branch);
    let known: HashSet<UserId> = live.keys().copied().collect();
    let mut found: Vec<(UserId, Position, bool)> = live.into_iter().map(|(id, p)| (id, p, true)).collect();
    for (courier, end) in ends(db, scope, now).await?.into_iter().filter_map(|row| row.end(now)) {
        if known.contains(&courier) || branch.is_some() && end.branch != branch {
            continue;
        }
        found.push((courier, end, false));
    }
    let names = names(db, scope).await?;
    let mut views: Vec<PositionView> = found
        .into_iter()
        .map(|(courier, p, live)| {
            let age_ms = now.since(p.at).max(0);
            PositionView {
                courier,
                name: names.get(&courier).cloned().unwrap_or_default(),
                place: p.place,
                at: p.at,
                age_ms,
                stale: age_ms > STALE,
                live,
                accuracy: p.accuracy,
                speed: p.speed,
                bearing: p.bearing,
                mock: p.mock,
            }
        })
        .collect();
    views.sort_by(|a, b| (&a.name, a.courier).cmp(&(&b.name, b.courier)));
    Ok(views)
}

/// The newest parts of the shifts that run.
async fn ends(db: &DatabaseConnection, scope: &Scope, now: UnixMs) -> ApiResult<Vec<EndRow>> {
    let (filter, mut values) = scope.filter("s", 1);
    let n = values.len() + 1;
    values.push((now.0 - FORGOTTEN).into());
    let sql = format!(
        "SELECT s.courier_id, s.shift, s.branch_id, s.off_ms, p.off_ms AS part_off, p.body FROM track_shift s JOIN track_part p \
         ON p.courier_id = s.courier_id AND p.shift = s.shift WHERE {filter} AND s.ended IS NULL AND s.heard_at > ${n} \
         AND p.seq = (SELECT MAX(q.seq) FROM track_part q WHERE q.courier_id = s.courier_id AND q.shift = s.shift) \
         ORDER BY s.began DESC"
    );
    let mut rows: Vec<EndRow> = all(db, &sql, values).await?;
    let mut seen = HashSet::new();
    rows.retain(|row| seen.insert(row.courier_id.clone()));
    Ok(rows)
}

pub(super) async fn names(db: &DatabaseConnection, scope: &Scope) -> ApiResult<HashMap<UserId, String>> {
    let sql = "SELECT id, name FROM person WHERE organisation_id = $1";
    let rows: Vec<NameRow> = all(db, sql, [scope.organisation.to_string().into()]).await?;
    Ok(rows.into_iter().filter_map(|r| Some((UserId::parse(&r.id).ok()?, r.name))).collect())
}

/// Keeps who looked at whom.
pub(crate) async fn note(
    app: &App,
    scope: &Scope,
    action: &str,
    subject: &str,
    detail: &str,
) -> ApiResult<()> {
    let write = app.store.begin().await?;
    let (organisation, person) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(&write, organisation, person, app.clock.now(), action, subject, detail).await?;
    write.commit().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::id::OrganisationId;

    #[tokio::test]
    async fn each_note_has_the_clock_by_which_it_was_made_and_other_days_are_not_read() {
        let dir = tempfile::tempdir().unwrap();
        let at = format!("sqlite:{}", dir.path().join("w.db").display());
        let store = crate::store::Store::open(&at).await.unwrap();
        let (organisation, id) = (OrganisationId::at(1, [1; 10]), UserId::at(1, [2; 10]));
        let scope = Scope { organisation, branch: None, person: id, role: Role::Administrator };
        let day = LocalDay::of("2026-11-20".parse().unwrap(), chrono_tz::UTC);
        let noon = day.from.0 + 12 * HOUR;
        let write = store.begin().await.unwrap();
        let report =
            format!(r#"{{"shift":"s","version":1,"began":{noon},"metres":0.0,"low":0.0,"high":0.0}}"#);
        let sql = "INSERT INTO track_shift VALUES ($1, 's', $2, NULL, 1, $3, NULL, 0, $4, $3, 0, $3)";
        let key = || [Value::from(id.to_string()), organisation.to_string().into(), noon.into()];
        write.exec(sql, key().into_iter().chain([report.into()])).await.unwrap();
        for (n, off) in [(1, 0), (2, 3 * DAY)] {
            let body =
                serde_json::to_string(&TrackEvent::ClockSet { at: UnixMs(noon + off), by_ms: 1 }).unwrap();
            let sql = "INSERT INTO track_note VALUES ($1, 's', $5, $2, NULL, $3, $4, $3, $6)";
            let rest = [body.into(), n.into(), off.into()];
            write.exec(sql, key().into_iter().chain(rest)).await.unwrap();
            let sql =
                "INSERT INTO track_part VALUES ($1, 's', $4, $2, NULL, $3 + $5, $3 + $5, '', $6, $3, 0)";
            let rest = [n.into(), off.into(), vec![0u8].into()];
            write.exec(sql, key().into_iter().chain(rest)).await.unwrap();
        }
        write.commit().await.unwrap();
        let person = Person { id, name: String::new(), branch: None };
        let view = track(store.read(), &scope, &person, &day, Datum::default()).await.unwrap();
        let made = TrackEvent::ClockSet { at: UnixMs(noon), by_ms: 1 };
        assert_eq!(view.evidence, [made.clone(), made]);
        assert_eq!(view.damaged, 1, "the part of that day, and no other");
        assert!(ends(store.read(), &scope, UnixMs(noon)).await.is_ok());
    }
}
