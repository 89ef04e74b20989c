//! Clocking in and out, and the month: offline first.
//!
//! ```text
//!  punch ─▶ one transaction: operation (sealed) ─▶ outbox ─▶ server ─▶ its view: time, verdict, evidence
//!  month ◀─ what the server said last + punches that wait, through the same pure function as the server's
//! ```
//!
//! * A punch is stored durably when the call returns, with the wall clock and the boot clock, and goes out when there is a
//!   network, once. Nothing about place or clock refuses it: what speaks against it is told, and kept as evidence.
//! * What a punch is worth is said at once by the work places that this phone knows; the server judges again.
//! * A punch of one kind within a minute of the last one of that kind is that one: somebody who was not told pressed again.

#[cfg(test)]
mod tests;

use crate::client::{Client, random};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::{acting, still};
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::attendance::{MOST_FIXES, PlaceVerdict, PunchFix, PunchKind, whereabouts};
use waybell_domain::clock::{DAY, EventTime, MINUTE, UnixMs};
use waybell_domain::id::OperationId;
use waybell_domain::parcel::{MOST_PROOFS, Proof};
use waybell_domain::track::Fix;
use waybell_domain::wire::{
    ActedAt, AttendanceMonth, AttendanceRules, AttendanceTotals, Attendee, PunchRequest, PunchView,
};

/// Keys in `meta`: what the server said; see the types.
const RULES: &str = "attendance_rules";
const MONTH: &str = "attendance_month";
const RECENT: &str = "attendance_recent";
const LAST: &str = "attendance_last";
/// Punches of the server's answers that are remembered until a month has them.
const REMEMBERED: usize = 40;
/// The same punch again within this is the same punch, ms by the boot clock.
const AGAIN: i64 = MINUTE;
/// A fix of the track that is not older says where a punch is, ms.
const FRESH: i64 = 60_000;

/// A punch to be made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewPunch {
    /// The last fixes, oldest first; without any, the track's newest one where it is fresh.
    pub fixes: Vec<Fix>,
    /// Wi-Fi stations in reach (BSSID).
    pub wifi: Vec<String>,
    /// What the person says about it.
    pub note: Option<String>,
    /// Where that is in words.
    pub address: Option<String>,
    /// Photos.
    pub proof: Vec<Proof>,
}

/// A punch that was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Punched {
    /// Its id.
    pub id: OperationId,
    /// What it says.
    pub kind: PunchKind,
    /// When, by the phone's clock; the server's counts.
    pub at: UnixMs,
    /// Where it was, as far as this phone knows the work places.
    pub verdict: PlaceVerdict,
    /// A photo would help, and there is none.
    pub photo_wanted: bool,
    /// It was made a moment ago already: this is that one.
    pub again: bool,
}

#[derive(Serialize, Deserialize)]
struct Last {
    id: OperationId,
    kind: PunchKind,
    acted: EventTime,
    verdict: PlaceVerdict,
    photo_wanted: bool,
}

/// Attendance, the person's own.
#[derive(Clone)]
pub struct Attendance {
    pub(crate) client: Client,
}

impl Attendance {
    /// Punches. Stored durably when this returns, sent when there is a network.
    ///
    /// # Errors
    /// `BadInput` with the field for too much or too long, `SignedOut`, `Storage`. Never for where or when it is made.
    pub async fn punch(&self, kind: PunchKind, new: NewPunch) -> Result<Punched> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        check(&new)?;
        let acted = inner.event_time();
        let (track, spoof_signs) = self.client.tracking().at_hand(&acted).await?;
        let mut fixes: Vec<PunchFix> = new.fixes.iter().map(|f| fix_of(f, &acted)).collect();
        if fixes.is_empty() {
            fixes.extend(track.filter(|f| f.age_ms <= FRESH));
        }
        let seal = inner.store.seal.clone();
        let punched = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                if let Some(last) = same(t, &seal, kind, &acted)? {
                    return Ok(last);
                }
                let places =
                    sealed_meta::<AttendanceRules>(t, &seal, RULES)?.map(|r| r.places).unwrap_or_default();
                let verdict = whereabouts(&fixes, &new.wifi, &places).verdict;
                let mock = fixes.iter().any(|f| f.mock);
                let sure = matches!(verdict, PlaceVerdict::Inside | PlaceVerdict::Anywhere);
                let photo_wanted = new.proof.is_empty() && (mock || !sure);
                let id = OperationId::at(acted.wall, random());
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let (wifi, note, address, proof) = (new.wifi, new.note, new.address, new.proof);
                let request =
                    PunchRequest { id, kind, fixes, wifi, note, address, proof, spoof_signs, acted_at };
                let body = serde_json::to_vec(&request)?;
                let mut operation = Operation::new(OperationKind::Punch, None, body, acted.clone());
                operation.id = id;
                queue::push(t, &seal, &operation)?;
                let at = acted.wall;
                set_sealed_meta(t, &seal, LAST, &Last { id, kind, acted, verdict, photo_wanted })?;
                Ok(Punched { id, kind, at, verdict, photo_wanted, again: false })
            })
            .await?;
        inner.bus.tell(Topic::Sync);
        inner.sync.wake();
        Ok(punched)
    }

    /// What the server said of a punch, once it has it.
    pub fn answer(&self, id: OperationId) -> Result<Option<PunchView>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| Ok(recent(c, &seal)?.into_iter().find(|p| p.id == id)))
    }

    /// Shifts and work places of the branch, as the server told last.
    pub fn rules(&self) -> Result<Option<AttendanceRules>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| sealed_meta(c, &seal, RULES))
    }

    /// The organisation's zone, as the server told it last.
    pub(crate) fn zone(&self) -> Result<chrono_tz::Tz> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read_now(|c| zone(c, &seal))
    }

    /// Asks the server for shifts, work places and a month (`YYYY-MM`; this one for `None`).
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; what is known stays as it was.
    pub async fn refresh(&self, month: Option<&str>) -> Result<()> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let rules: AttendanceRules = inner.ask(&me, &Request::get("/api/v1/attendance/rules")).await?;
        let month = self.name_of(month, zone_of(&rules))?;
        let got: AttendanceMonth =
            inner.ask(&me, &Request::get(format!("/api/v1/attendance?month={month}"))).await?;
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                still(t, me.epoch)?;
                set_sealed_meta(t, &seal, RULES, &rules)?;
                set_sealed_meta(t, &seal, &month_key(&got.month), &got)
            })
            .await?;
        match self.client.leaves().refresh().await {
            // the month is here, whether or not a server knows leaves
            Err(Error::Refused(_)) => Ok(()),
            done => done,
        }
    }

    /// A month as far as this phone knows it: what the server told last, and the punches that wait. Works offline.
    ///
    /// # Errors
    /// `BadInput` for what is no month, `SignedOut`, `Storage`.
    pub async fn month(&self, month: Option<&str>) -> Result<AttendanceMonth> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        let rules = self.rules()?;
        let zone = rules.as_ref().map_or(crate::notify::ZONE, zone_of);
        let policy = crate::leaves::rules_of(rules);
        let name = self.name_of(month, zone)?;
        let first: chrono::NaiveDate = format!("{name}-01").parse().map_err(|_| no_month())?;
        inner
            .store
            .read(move |c| {
                let told: Option<AttendanceMonth> = sealed_meta(c, &seal, &month_key(&name))?;
                let mut known: Vec<PunchView> =
                    told.iter().flat_map(|m| &m.days).flat_map(|d| &d.punches).cloned().collect();
                for punch in recent(c, &seal)?.into_iter().chain(waiting(c, &seal, user.id)?) {
                    if !known.iter().any(|k| k.id == punch.id) {
                        known.push(punch);
                    }
                }
                known.sort_by_key(|p| (p.at, p.id));
                let leaves = crate::leaves::approved(c, &seal, user.id)?;
                let attendee = Attendee {
                    courier: user.id,
                    name: &user.name,
                    branch: user.branch,
                    rules: &policy,
                    leaves: &leaves,
                    zone,
                };
                let today = now.date(zone);
                let mut days = Vec::new();
                for date in first.iter_days() {
                    let day = date.to_string();
                    if !day.starts_with(&name) || date > today {
                        break;
                    }
                    let before = told.as_ref().and_then(|m| m.days.iter().find(|d| d.day == day));
                    let corrections = before.map(|d| d.corrections.clone()).unwrap_or_default();
                    days.push(attendee.day(date, &known, corrections, now));
                }
                let totals = AttendanceTotals::of(days.iter().map(|d| &d.sheet));
                Ok(AttendanceMonth { courier: user.id, name: user.name, month: name, days, totals })
            })
            .await
    }

    fn name_of(&self, month: Option<&str>, zone: chrono_tz::Tz) -> Result<String> {
        let now = self.client.inner.clock.wall().date(zone).to_string();
        let name = month.map_or_else(|| now.get(..7).unwrap_or_default().to_owned(), |m| m.trim().to_owned());
        let is_one = name.len() == 7 && format!("{name}-01").parse::<chrono::NaiveDate>().is_ok();
        if is_one { Ok(name) } else { Err(no_month()) }
    }
}

fn no_month() -> Error {
    Error::bad("month", "is no month", "write it like 2026-03")
}

fn month_key(month: &str) -> String {
    format!("{MONTH}:{month}")
}

/// The organisation's zone, as the server told it last.
pub(crate) fn zone(c: &Connection, seal: &Seal) -> Result<chrono_tz::Tz> {
    let rules: Option<AttendanceRules> = sealed_meta(c, seal, RULES)?;
    Ok(rules.as_ref().map_or(crate::notify::ZONE, zone_of))
}

fn zone_of(rules: &AttendanceRules) -> chrono_tz::Tz {
    rules.zone.parse().unwrap_or(crate::notify::ZONE)
}

fn check(new: &NewPunch) -> Result<()> {
    if new.fixes.len() > MOST_FIXES {
        return Err(Error::bad("fixes", format!("names more than {MOST_FIXES}"), "send the last ones"));
    }
    let off = |f: &Fix| {
        let p = f.place;
        p.lat_e7.unsigned_abs() > 900_000_000
            || p.lon_e7.unsigned_abs() > 1_800_000_000
            || (p.lat_e7, p.lon_e7) == (0, 0)
    };
    if new.fixes.iter().any(off) {
        let hint = "send WGS-84 in 1e-7 degrees, and not 0, 0; leave the fix out where there is none";
        return Err(Error::bad("fixes", "is no place on the earth", hint));
    }
    if new.wifi.len() > 50 || new.wifi.iter().any(|w| w.len() > 40) {
        return Err(Error::bad("wifi", "is too long", "send at most 50 stations"));
    }
    for (field, text, most) in [("note", &new.note, 500), ("address", &new.address, 1_000)] {
        if text.as_ref().is_some_and(|t| t.chars().count() > most) {
            return Err(Error::bad(field, format!("has more than {most} characters"), "shorten it"));
        }
    }
    if new.proof.len() > MOST_PROOFS {
        return Err(Error::bad("proof", "has more than 9 photos", "send the best ones"));
    }
    if !new.proof.iter().all(Proof::is_whole) {
        return Err(Error::bad("proof", "is no SHA-256 of a photo", "send 64 hexadecimal digits"));
    }
    Ok(())
}

/// A fix as a punch tells it.
pub(crate) fn fix_of(fix: &Fix, now: &EventTime) -> PunchFix {
    let age_ms = match (&now.boot_id, now.boot_ms, fix.boot_ms) {
        (Some(_), Some(now), Some(then)) => i64::try_from(now.saturating_sub(then)).unwrap_or(i64::MAX),
        _ => now.wall.since(fix.wall).clamp(0, DAY),
    };
    PunchFix { place: fix.place, accuracy: fix.accuracy.filter(|a| a.is_finite()), age_ms, mock: fix.mock }
}

/// The last punch, where it is this one again.
fn same(t: &Connection, seal: &Seal, kind: PunchKind, now: &EventTime) -> Result<Option<Punched>> {
    let Some(last) = sealed_meta::<Last>(t, seal, LAST)? else { return Ok(None) };
    let age = last.acted.age(now);
    if last.kind != kind || kind == PunchKind::Field || !age.by_boot_clock || age.ms >= AGAIN {
        return Ok(None);
    }
    let Last { id, kind, acted, verdict, photo_wanted } = last;
    Ok(Some(Punched { id, kind, at: acted.wall, verdict, photo_wanted, again: true }))
}

fn recent(c: &Connection, seal: &Seal) -> Result<Vec<PunchView>> {
    Ok(sealed_meta(c, seal, RECENT)?.unwrap_or_default())
}

/// Punches that the server does not have, as they are shown: at the phone's time.
fn waiting(c: &Connection, seal: &Seal, courier: waybell_domain::id::UserId) -> Result<Vec<PunchView>> {
    let mut found = Vec::new();
    for operation in queue::alive(c, seal, &[OperationKind::Punch])? {
        let Ok(request) = serde_json::from_slice::<PunchRequest>(&operation.body) else { continue };
        let newest = request.fixes.last();
        found.push(PunchView {
            id: request.id,
            courier,
            kind: request.kind,
            at: operation.acted.wall,
            by_wall_clock: true,
            wall: operation.acted.wall,
            received_at: UnixMs(0),
            place: newest.map(|f| f.place),
            accuracy: newest.and_then(|f| f.accuracy),
            verdict: PlaceVerdict::Unknown,
            work_place: None,
            metres_away: None,
            evidence: Vec::new(),
            photo_wanted: false,
            note: request.note,
            address: request.address,
            proof: request.proof,
        });
    }
    Ok(found)
}

/// The server has taken a punch.
pub(crate) fn taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    let Ok(view) = serde_json::from_slice::<PunchView>(answer) else { return Ok(()) };
    let mut all = recent(t, seal)?;
    all.retain(|p| p.id != view.id);
    all.push(view);
    let from = all.len().saturating_sub(REMEMBERED);
    set_sealed_meta(t, seal, RECENT, &all.split_off(from))
}
