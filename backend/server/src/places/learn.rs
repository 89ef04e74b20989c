//! What deeds at doors teach of where their buildings are.
//!
//! A deed is one observation of one building, under each name that its addresses give it. A tap for several stops at once
//! is no observation: nobody stands at two doors. What one person signs at one spot for many estates and roads was signed
//! where the parcels lie, and teaches nothing of any (`waybell_domain::building::is_depot`); neither does it when that is
//! noticed only later, so the earlier ones are taken back.

use super::rows::{self, Branch};
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all};
use sea_orm::{FromQueryResult, Value};
use std::collections::{BTreeMap, BTreeSet};
use waybell_domain::address::{StopKey, group};
use waybell_domain::building::{
    NEAR, PlaceSource, Seen, at_the_door, is_depot, is_named, key, learn, surroundings,
};
use waybell_domain::clock::{DAY, HOUR, UnixMs};
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::parcel::{DeedKind, ParcelState};
use waybell_domain::track::Place;
use waybell_domain::wire::{DeedRequest, DoorFix, PlaceView};

/// Visits of a building that count and are kept: all that one person does there on one day is one.
const NEWEST: usize = 60;
/// Observations of one visit that are kept.
const OF_VISIT: usize = 8;
/// Observations of a building that are looked at: with each new one, at most one is too many.
const LOOKED_AT: i64 = 500;
/// Observations of one person around one spot that are looked at.
const AROUND: i64 = 400;
/// Days are counted where the couriers are.
const ZONE_MS: i64 = 8 * HOUR;
/// A place that moves by less than this, metres, is told to nobody.
const STILL: f64 = 3.0;

#[derive(FromQueryResult)]
struct SeenRow {
    deed_id: String,
    place_key: String,
    person_id: String,
    around: String,
    lat_e7: i64,
    lon_e7: i64,
    accuracy_m: i64,
    age_s: i64,
    at: i64,
    counts: i64,
}

const COLUMNS: &str = "deed_id, place_key, person_id, around, lat_e7, lon_e7, accuracy_m, age_s, at, counts";

impl SeenRow {
    fn place(&self) -> Option<Place> {
        rows::at(self.lat_e7, self.lon_e7)
    }

    fn seen(&self) -> Option<Seen> {
        Some(Seen {
            at: self.place()?,
            accuracy: u16::try_from(self.accuracy_m).ok()?,
            age_s: u16::try_from(self.age_s).ok()?,
            by: UserId::parse(&self.person_id).ok()?,
            day: (self.at + ZONE_MS).div_euclid(DAY),
        })
    }
}

/// Takes a deed's fix for the building of the parcels for which it was taken: the address of each, and its state before. `meant` are
/// the addresses of all parcels that the tap named, taken or not.
pub(crate) async fn observe(
    write: &Write,
    scope: &Scope,
    request: &DeedRequest,
    acted: UnixMs,
    meant: &[String],
    done: &[(String, ParcelState)],
) -> ApiResult<()> {
    let Some(fix) = request.fix.filter(is_good) else { return Ok(()) };
    let kind = request.deed.kind();
    let Some(stop) = one_stop(kind, meant, done) else { return Ok(()) };
    let branch = Branch::of(scope);
    let person = scope.person.to_string();
    let near = near(write, &branch, &person, fix.place).await?;
    let around: Vec<&str> =
        near.iter().map(|r| r.around.as_str()).chain(stop.iter().map(|s| s.1.as_str())).collect();
    let depot = is_depot(around);
    let mut changed: BTreeSet<String> = BTreeSet::new();
    for (place_key, around) in &stop {
        put(write, &branch, request.id, place_key, &person, around, fix, acted, !depot).await?;
        changed.insert(place_key.clone());
    }
    if depot {
        for row in near.iter().filter(|r| r.counts != 0) {
            let sql = "UPDATE place_seen SET counts = 0 WHERE deed_id = $1 AND place_key = $2";
            write.exec(sql, [row.deed_id.clone().into(), row.place_key.clone().into()]).await?;
            changed.insert(row.place_key.clone());
        }
    }
    for place_key in changed {
        relearn(write, &branch, &place_key, acted).await?;
    }
    Ok(())
}

/// A deed was undone: it teaches nothing any more.
pub(crate) async fn forget_deed(
    write: &Write,
    scope: &Scope,
    deed: OperationId,
    now: UnixMs,
) -> Result<(), StoreError> {
    #[derive(FromQueryResult)]
    struct Of {
        branch_id: String,
        place_key: String,
    }
    let values = || -> [Value; 2] { [deed.to_string().into(), scope.organisation.to_string().into()] };
    let sql = "SELECT branch_id, place_key FROM place_seen WHERE deed_id = $1 AND organisation_id = $2";
    let of: Vec<Of> = all(write.tx(), sql, values()).await?;
    if of.is_empty() {
        return Ok(());
    }
    write.exec("DELETE FROM place_seen WHERE deed_id = $1 AND organisation_id = $2", values()).await?;
    for Of { branch_id, place_key } in of {
        relearn(write, &Branch::new(scope.organisation, branch_id), &place_key, now).await?;
    }
    Ok(())
}

fn is_good(fix: &DoorFix) -> bool {
    let nobody = UserId::from_uuid(uuid::Uuid::nil());
    let seen = Seen { at: fix.place, accuracy: fix.accuracy_m, age_s: fix.age_s, by: nobody, day: 0 };
    rows::is_place(fix.place) && seen.is_good()
}

/// Names and surroundings of the one stop at which this was done; `None` if it was done for several.
fn one_stop(
    kind: DeedKind,
    meant: &[String],
    done: &[(String, ParcelState)],
) -> Option<BTreeSet<(String, String)>> {
    if !done.iter().all(|(_, before)| at_the_door(kind, *before)) {
        return None;
    }
    if done.is_empty() {
        return None;
    }
    let addresses: Vec<&str> = meant.iter().map(|a| a.trim()).filter(|a| !a.is_empty()).collect();
    let keys: Vec<StopKey> = addresses.iter().map(|a| StopKey::of(a)).collect();
    if addresses.is_empty() || group(&keys).iter().any(|first| *first != 0) {
        return None;
    }
    let named = addresses.iter().filter(|a| is_named(a));
    Some(named.map(|a| (key(a), surroundings(a))).filter(|(k, _)| !k.is_empty()).collect())
}

/// This person's observations around a spot.
async fn near(write: &Write, branch: &Branch, person: &str, at: Place) -> Result<Vec<SeenRow>, StoreError> {
    let (low, high) = (at.moved(-NEAR, -NEAR), at.moved(NEAR, NEAR));
    let sql = format!(
        "SELECT {COLUMNS} FROM place_seen WHERE organisation_id = $1 AND person_id = $2 AND branch_id = $3 \
         AND lat_e7 BETWEEN $4 AND $5 AND lon_e7 BETWEEN $6 AND $7 ORDER BY at DESC, deed_id LIMIT $8"
    );
    let values: [Value; 8] = [
        branch.organisation.clone().into(),
        person.into(),
        branch.branch.clone().into(),
        i64::from(low.lat_e7).into(),
        i64::from(high.lat_e7).into(),
        i64::from(low.lon_e7).into(),
        i64::from(high.lon_e7).into(),
        AROUND.into(),
    ];
    let found: Vec<SeenRow> = all(write.tx(), &sql, values).await?;
    Ok(found.into_iter().filter(|r| r.place().is_some_and(|p| p.metres_to(at) <= NEAR)).collect())
}

#[expect(clippy::too_many_arguments, reason = "the columns of one row")]
async fn put(
    write: &Write,
    branch: &Branch,
    deed: OperationId,
    place_key: &str,
    person: &str,
    around: &str,
    fix: DoorFix,
    acted: UnixMs,
    counts: bool,
) -> Result<(), StoreError> {
    let values: [Value; 12] = [
        deed.to_string().into(),
        place_key.into(),
        branch.organisation.clone().into(),
        branch.branch.clone().into(),
        person.into(),
        around.into(),
        i64::from(fix.place.lat_e7).into(),
        i64::from(fix.place.lon_e7).into(),
        i64::from(fix.accuracy_m).into(),
        i64::from(fix.age_s).into(),
        acted.0.into(),
        i64::from(counts).into(),
    ];
    let sql = "INSERT INTO place_seen (deed_id, place_key, organisation_id, branch_id, person_id, around, lat_e7, lon_e7, \
               accuracy_m, age_s, at, counts) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
               ON CONFLICT (deed_id, place_key) DO NOTHING";
    write.exec(sql, values).await?;
    Ok(())
}

/// The observations of the newest visits, and those beyond them; `rows` has the newest first.
fn visits(rows: Vec<SeenRow>) -> (Vec<SeenRow>, Vec<SeenRow>) {
    let mut of: BTreeMap<(String, i64), usize> = BTreeMap::new();
    rows.into_iter().partition(|row| {
        let visit = (row.person_id.clone(), (row.at + ZONE_MS).div_euclid(DAY));
        let full = of.len() >= NEWEST;
        match of.get_mut(&visit) {
            Some(count) => {
                *count += 1;
                *count <= OF_VISIT
            }
            None if full => false,
            None => {
                of.insert(visit, 1);
                true
            }
        }
    })
}

/// Computes a building's place anew, and tells the branch where that makes a difference.
async fn relearn(write: &Write, branch: &Branch, place_key: &str, now: UnixMs) -> Result<(), StoreError> {
    let of = || -> Vec<Value> {
        vec![branch.organisation.clone().into(), branch.branch.clone().into(), place_key.into()]
    };
    let newest = async |counts: i64| -> Result<Vec<SeenRow>, StoreError> {
        let sql = format!(
            "SELECT {COLUMNS} FROM place_seen WHERE organisation_id = $1 AND branch_id = $2 AND place_key = $3 \
             AND counts = $4 ORDER BY at DESC, deed_id LIMIT $5"
        );
        let mut values = of();
        values.extend([Value::from(counts), Value::from(LOOKED_AT)]);
        let (kept, old) = visits(all(write.tx(), &sql, values).await?);
        for row in old {
            // not looked at any more
            let sql = "DELETE FROM place_seen WHERE deed_id = $1 AND place_key = $2 AND organisation_id = $3";
            let values: [Value; 3] =
                [row.deed_id.into(), row.place_key.into(), branch.organisation.clone().into()];
            write.exec(sql, values).await?;
        }
        Ok(kept)
    };
    let seen = newest(1).await?;
    newest(0).await?;
    let known = rows::find(write.tx(), branch, place_key, PlaceSource::Learned).await?;
    let learned = learn(&seen.iter().filter_map(SeenRow::seen).collect::<Vec<_>>());
    let view = match (learned, known) {
        (None, None) => return Ok(()),
        (None, Some(known)) if known.gone => return Ok(()),
        (None, Some(known)) => PlaceView { gone: true, set_at: now, ..known },
        (Some(new), Some(old)) if !old.gone && same(&old, new.at, new.within) => return Ok(()),
        (Some(new), _) => PlaceView {
            key: place_key.to_owned(),
            source: PlaceSource::Learned,
            at: new.at,
            within_m: new.within,
            visits: new.visits,
            engine: None,
            by: None,
            set_at: now,
            gone: false,
            rev: 0,
        },
    };
    rows::put(write, branch, &view).await
}

/// Whether a place has not changed by what anybody would notice.
fn same(old: &PlaceView, at: Place, within: u32) -> bool {
    let (a, b) = (f64::from(old.within_m), f64::from(within));
    old.at.metres_to(at) < STILL && (a - b).abs() < STILL.max(a * 0.15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(deed: i64, person: &str, day: i64) -> SeenRow {
        SeenRow {
            deed_id: deed.to_string(),
            place_key: "k".into(),
            person_id: person.into(),
            around: "a".into(),
            lat_e7: 312_000_000,
            lon_e7: 1_214_000_000,
            accuracy_m: 8,
            age_s: 1,
            at: day * DAY + deed,
            counts: 1,
        }
    }

    #[test]
    fn one_who_signs_for_a_whole_estate_does_not_drive_out_the_visits_of_others() {
        let busy = (0..200).map(|n| row(1_000 - n, "busy", 100));
        let others = (0..50).map(|n| row(500 - n, "other", 99 - n));
        let (kept, old) = visits(busy.chain(others).collect());
        assert_eq!(kept.iter().filter(|r| r.person_id == "other").count(), 50);
        assert_eq!((kept.len(), old.len()), (50 + OF_VISIT, 200 - OF_VISIT));
        assert_eq!(kept[0].deed_id, "1000", "the newest stays");
        let days = (0..100).map(|n| row(n, "one", 1_000 - n)).collect();
        let (kept, old) = visits(days);
        assert_eq!((kept.len(), old.len()), (NEWEST, 40));
    }
}
