//! Tracks on their way: lost, doubled, late and cut-off exchanges, sign-outs, room, clocks.

use super::*;
use crate::error::Error;
use crate::testing::{Fault, Phone, TestClock};
use simulate::Phone as Receiver;
use std::sync::atomic::Ordering;
use waybell_domain::id::UserId;
use waybell_domain::track::codec;

const EVERY: Receiver = Receiver { every: 5, doppler: true, noise: 1.0 };
const HOUR: i64 = 3_600_000;

fn set(clock: &TestClock, at: UnixMs) {
    let by = at.0 - clock.wall.load(Ordering::Relaxed);
    clock.pass(by);
}

fn fixes(seed: u64, stops: usize) -> Vec<Fix> {
    simulate::fixes(&simulate::day(seed, stops), EVERY, seed)
}

/// Rides on duty, and packs now and then, so that there are several parts.
async fn ride(phone: &Phone, fixes: &[Fix]) {
    set(&phone.clock, fixes[0].wall);
    let tracking = phone.client.tracking();
    tracking.duty_on().await.unwrap();
    for (n, batch) in fixes.chunks(20).enumerate() {
        set(&phone.clock, batch[batch.len() - 1].wall);
        tracking.push(batch).await.unwrap();
        if n % 3 == 0 {
            tracking.pack().await.unwrap();
        }
    }
}

/// The way as the server has it: parts in the order of their numbers, whatever order they came in.
fn at_server(phone: &Phone) -> Vec<Run> {
    let model = phone.fake.model.lock();
    let mut runs = Vec::new();
    for (_, body) in model.tracks.parts.iter() {
        waybell_domain::track::join(&mut runs, codec::decode(body).unwrap());
    }
    runs
}

#[tokio::test]
async fn all_of_it_arrives_once_whatever_the_network_does() {
    let all = [
        vec![Fault::DropRequest],
        vec![Fault::DropAnswer],
        vec![Fault::Twice],
        vec![Fault::Late, Fault::DropAnswer],
        vec![Fault::Unavailable, Fault::DropAnswer, Fault::Twice, Fault::DropRequest],
    ];
    for faults in all {
        let mut phone = Phone::signed_in().await;
        ride(&phone, &fixes(31, 2)).await;
        phone.client.tracking().duty_off().await.unwrap();
        let day = phone.client.tracking().today().await.unwrap();
        phone.fake.misbehave(&faults);
        for _ in 0..faults.len() + 1 {
            let _ = phone.client.tracking().upload().await;
            phone.restart();
        }
        phone.client.sync().now().await.unwrap();
        phone.fake.deliver_late();
        assert_eq!(at_server(&phone), day.runs, "{faults:?}");
        let status = phone.client.tracking().status().await.unwrap();
        assert_eq!((status.waiting, status.refused, status.lost), (0, 0, 0));
        let model = phone.fake.model.lock();
        assert!(model.tracks.parts.len() > 3);
        assert_eq!(model.tracks.changed, 0, "a part never comes with other bytes");
        let report = &model.tracks.shifts.values().next().unwrap();
        assert!(report.ended.is_some() && (report.metres - day.distance.metres).abs() < 0.01);
        let gaps =
            model.tracks.notes.values().filter(|n| matches!(n, waybell_domain::wire::TrackEvent::Gap { .. }));
        assert_eq!(gaps.count(), day.gaps.len());
    }
}

#[tokio::test]
async fn what_is_sent_is_not_sent_again_and_a_running_shift_goes_on() {
    let phone = Phone::signed_in().await;
    let all = fixes(37, 2);
    ride(&phone, &all[..200]).await;
    phone.client.sync().now().await.unwrap();
    let requests =
        |phone: &Phone| phone.fake.seen.lock().iter().filter(|r| r.path() == "/api/v1/tracks").count();
    let before = requests(&phone);
    assert!(before > 0);
    phone.client.sync().now().await.unwrap();
    assert_eq!(requests(&phone), before, "there is nothing new, the position neither");
    ride(&phone, &all[200..]).await;
    phone.client.tracking().duty_off().await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(at_server(&phone), phone.client.tracking().today().await.unwrap().runs);
}

#[tokio::test]
async fn nothing_in_the_store_tells_a_place() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(41, 1)[..120]).await;
    let rows = |c: &rusqlite::Connection| -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        for sql in [
            "SELECT body FROM track_vertex",
            "SELECT body FROM track_blob",
            "SELECT body FROM track_note",
            "SELECT state FROM track_shift",
        ] {
            let mut statement = c.prepare(sql)?;
            let found = statement.query_map([], |r| r.get::<_, Vec<u8>>(0))?;
            all.extend(found.collect::<std::result::Result<Vec<_>, _>>()?);
        }
        Ok(all)
    };
    let rows = phone.client.inner.store.read(rows).await.unwrap();
    assert!(rows.len() > 5);
    for body in rows {
        // a sealed value begins with its nonce; in clear these would begin with their format
        let json = serde_json::from_slice::<serde_json::Value>(&body).is_ok();
        assert!(!body.starts_with(b"WT") && !json && body.len() >= 40);
        assert!(!String::from_utf8_lossy(&body).contains("lat_e7"));
    }
}

#[tokio::test]
async fn a_sign_out_without_a_network_keeps_what_waits_for_the_same_person_only() {
    let mut phone = Phone::signed_in().await;
    ride(&phone, &fixes(43, 1)).await;
    let running = phone.client.tracking().today().await.unwrap();
    phone.fake.misbehave(&[Fault::DropRequest]);
    let left = phone.client.session().logout().await.unwrap();
    assert!(left.tracks > 0, "{left:?}");
    assert!(phone.client.tracking().today().await.unwrap().shifts.is_empty());

    // somebody else may sign in, sees nothing of it, and sends nothing of it
    let me = phone.fake.model.lock().user.clone();
    phone.fake.model.lock().user.id = UserId::at(9, [9; 10]);
    phone.client.session().login("other", "password").await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert!(phone.client.tracking().today().await.unwrap().shifts.is_empty());
    assert_eq!(phone.client.tracking().status().await.unwrap().waiting, 0);
    assert!(phone.fake.model.lock().tracks.parts.is_empty());
    phone.client.session().logout().await.unwrap();

    phone.fake.model.lock().user = me;
    phone.restart();
    phone.client.session().login("lina", "password").await.unwrap();
    phone.client.sync().now().await.unwrap();
    let sent = at_server(&phone);
    let vertices = |runs: &[Run]| runs.iter().map(|r| r.points.len()).sum::<usize>();
    assert_eq!(vertices(&sent), vertices(&running.runs));
    assert_eq!(phone.client.session().logout().await.unwrap().tracks, 0);
    let rows = |c: &rusqlite::Connection| {
        Ok(c.query_row("SELECT COUNT(*) FROM track_shift", [], |r| r.get::<_, i64>(0))?)
    };
    assert_eq!(phone.client.inner.store.read(rows).await.unwrap(), 0, "what the server has is removed");
}

#[tokio::test]
async fn what_the_server_has_goes_after_a_week_and_what_it_has_not_stays() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(47, 1)).await;
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    phone.clock.pass(30 * DAY);
    assert_eq!(tracking.purge().await.unwrap(), 0);
    let waiting = tracking.status().await.unwrap().waiting;
    assert!(waiting > 0);
    phone.client.sync().now().await.unwrap();
    phone.clock.pass(6 * DAY);
    assert_eq!(tracking.purge().await.unwrap(), 0);
    phone.clock.pass(2 * DAY);
    assert_eq!(tracking.purge().await.unwrap(), waiting as usize);
    let shifts = |c: &rusqlite::Connection| {
        Ok(c.query_row("SELECT COUNT(*) FROM track_shift", [], |r| r.get::<_, i64>(0))?)
    };
    assert_eq!(phone.client.inner.store.read(shifts).await.unwrap(), 0);
}

#[tokio::test]
async fn where_there_is_no_room_the_oldest_goes_and_that_is_told() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(53, 2)).await;
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    let before = tracking.status().await.unwrap();
    tracking.keep(KeepRules { days: 7, most_bytes: before.waiting_bytes / 2 }).await.unwrap();
    let after = tracking.status().await.unwrap();
    assert!(after.waiting_bytes <= before.waiting_bytes / 2 && after.lost > 0, "{after:?}");
    assert_eq!(after.lost + after.waiting, before.waiting);
}

#[tokio::test]
async fn one_part_that_is_refused_holds_up_no_other() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(59, 2)).await;
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    let blobs = tracking.blobs().await.unwrap();
    // by the answer, and by a whole request that is not taken
    for whole in [false, true] {
        let copy = Phone::signed_in().await;
        ride(&copy, &fixes(59, 2)).await;
        copy.client.tracking().duty_off().await.unwrap();
        let bad = copy.client.tracking().blobs().await.unwrap()[1].body.clone();
        {
            let mut model = copy.fake.model.lock();
            (model.tracks.bad, model.tracks.bad_whole) = (Some(bad), whole);
        }
        copy.client.sync().now().await.unwrap();
        let status = copy.client.tracking().status().await.unwrap();
        assert_eq!((status.waiting, status.refused), (0, 1), "{whole}");
        assert_eq!(copy.fake.model.lock().tracks.parts.len(), blobs.len() - 1);
    }
}

#[tokio::test]
async fn a_server_that_knows_no_tracks_is_no_error_and_loses_none() {
    let phone = Phone::signed_in().await;
    phone.fake.model.lock().tracks.unknown = true;
    ride(&phone, &fixes(61, 1)).await;
    phone.client.tracking().duty_off().await.unwrap();
    phone.client.sync().now().await.unwrap();
    let status = phone.client.tracking().status().await.unwrap();
    assert!(status.waiting > 0 && status.refused == 0);
}

#[tokio::test]
async fn the_server_is_told_what_time_the_phone_thinks_that_it_is() {
    let phone = Phone::signed_in().await;
    let all = fixes(67, 1);
    ride(&phone, &all).await;
    phone.client.sync().now().await.unwrap();
    let position = phone.fake.model.lock().tracks.position.clone().unwrap();
    let last = all.last().unwrap().wall;
    assert!(last.since(position.at) < 60_000 && position.now == last);
    // hours later, after the end of the shift, by the boot clock or not at all
    phone.client.tracking().duty_off().await.unwrap();
    phone.clock.pass(2 * HOUR);
    phone.client.sync().now().await.unwrap();
    let report = phone.fake.model.lock().tracks.shifts.values().next().unwrap().clone();
    assert_eq!(report.ended, Some(last));
    assert!(report.now.is_none() || report.now == Some(last + 2 * HOUR), "{report:?}");
}

#[tokio::test]
async fn tracks_of_a_version_that_did_not_seal_are_sealed_and_sent() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(71, 1)).await;
    phone.client.tracking().duty_off().await.unwrap();
    let day = phone.client.tracking().today().await.unwrap();
    // as the version before had it
    let old = |t: &rusqlite::Transaction<'_>| {
        let seal = crate::store::seal::Seal::new([0; 32]);
        drop(seal);
        t.execute_batch(
            "CREATE TABLE clear_shift (id TEXT, began INTEGER, ended INTEGER, state TEXT, process TEXT, metres REAL, low REAL, \
             high REAL); CREATE TABLE clear_vertex (n INTEGER, shift TEXT, at INTEGER, lat_e5 INTEGER, lon_e5 INTEGER, \
             first INTEGER, gap TEXT, packed INTEGER); CREATE TABLE clear_blob (n INTEGER, id TEXT, shift TEXT, \
             from_at INTEGER, to_at INTEGER, body BLOB, sent INTEGER); CREATE TABLE clear_note (n INTEGER, shift TEXT, \
             kind TEXT, body TEXT); INSERT OR REPLACE INTO meta VALUES ('clear_tracks', '1'); \
             INSERT INTO clear_shift SELECT id, began, ended, NULL, process, metres, low, high FROM track_shift;",
        )?;
        Ok(())
    };
    let blobs = phone.client.tracking().blobs().await.unwrap();
    let store = &phone.client.inner.store;
    store.write(old).await.unwrap();
    let shift = blobs[0].id.rsplit_once('-').unwrap().0.to_owned();
    store
        .write(move |t| {
            for (n, blob) in blobs.iter().enumerate() {
                t.execute(
                    "INSERT INTO clear_blob VALUES (?1, ?2, ?3, ?4, ?5, ?6, 0)",
                    rusqlite::params![n as i64, blob.id, shift, blob.from.0, blob.to.0, blob.body],
                )?;
            }
            t.execute("INSERT INTO clear_note VALUES (1, ?1, 'evidence', '{\"clock_set\":{\"at\":5,\"by_ms\":6}}')", [&shift])?;
            t.execute_batch("DELETE FROM track_shift; DELETE FROM track_blob; DELETE FROM track_note; DELETE FROM track_drop;")?;
            Ok(())
        })
        .await
        .unwrap();
    let again = phone.client.tracking().today().await.unwrap();
    assert_eq!((&again.runs, again.evidence.len()), (&day.runs, 1));
    phone.client.sync().now().await.unwrap();
    assert_eq!(at_server(&phone), day.runs);
    let left = |c: &rusqlite::Connection| {
        Ok(c.query_row("SELECT COUNT(*) FROM sqlite_schema WHERE name LIKE 'clear%'", [], |r| {
            r.get::<_, i64>(0)
        })?)
    };
    assert_eq!(phone.client.inner.store.read(left).await.unwrap(), 0);
}

#[tokio::test]
async fn a_sign_in_that_is_over_sends_nothing() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(73, 1)).await;
    phone.fake.model.lock().signed_out = true;
    assert!(matches!(phone.client.tracking().upload().await, Err(Error::SignedOut)));
    assert!(phone.fake.model.lock().tracks.parts.is_empty());
    assert!(phone.client.session().current().is_none());
    assert!(phone.client.tracking().upload().await.is_err());
}

#[tokio::test]
async fn what_something_on_the_way_refuses_waits() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(79, 2)).await;
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    let waiting = tracking.blobs().await.unwrap().len();
    phone.fake.model.lock().tracks.portal = true;
    tracking.upload().await.unwrap();
    let status = tracking.status().await.unwrap();
    assert_eq!((status.waiting as usize, status.refused), (waiting, 0));
    let asked = phone.fake.seen.lock().iter().filter(|r| r.path() == "/api/v1/tracks").count();
    assert_eq!(asked, 1, "a back-off, no halves");
    phone.fake.model.lock().tracks.portal = false;
    tracking.upload().await.unwrap();
    let status = tracking.status().await.unwrap();
    assert_eq!((status.waiting, status.refused), (0, 0));
    assert_eq!(phone.fake.model.lock().tracks.parts.len(), waiting);
}

#[tokio::test]
async fn what_is_refused_of_a_request_leaves_the_parts_alone() {
    let notes = |c: &rusqlite::Connection| {
        Ok(c.query_row("SELECT COUNT(*) FROM track_note WHERE sent = 2", [], |r| r.get::<_, i64>(0))?)
    };
    for (field, dropped, left) in
        [("position.place", 0, 0), ("notes[0].what", 1, 0), ("shifts[0].metres", 0, 1)]
    {
        let phone = Phone::signed_in().await;
        ride(&phone, &fixes(83, 2)).await;
        let tracking = phone.client.tracking();
        phone.fake.model.lock().tracks.refuses.push(field.into());
        tracking.upload().await.unwrap();
        let status = tracking.status().await.unwrap();
        assert_eq!((status.waiting.min(1), status.refused), (left, 0), "{field}");
        assert_eq!(phone.client.inner.store.read(notes).await.unwrap(), dropped, "{field}");
        // the shift that was put aside goes with the next start of the app
        let mut phone = phone;
        phone.restart();
        phone.client.tracking().upload().await.unwrap();
        assert_eq!(phone.client.tracking().status().await.unwrap().waiting, 0, "{field}");
    }
}

#[tokio::test]
async fn a_shift_of_somebody_else_that_runs_is_packed_before_it_ends() {
    let phone = Phone::signed_in().await;
    ride(&phone, &fixes(89, 1)[..100]).await;
    let store = &phone.client.inner.store;
    store.write(|t| Ok(t.execute("UPDATE track_shift SET owner = 'other'", []).map(drop)?)).await.unwrap();
    let loose = |c: &rusqlite::Connection| {
        let sql = "SELECT COUNT(*), MAX(at) FROM track_vertex WHERE packed = 0";
        Ok(c.query_row(sql, [], |r| Ok((r.get::<_, i64>(0)?, r.get::<_, Option<i64>>(1)?)))?)
    };
    let (before, newest) = store.read(loose).await.unwrap();
    assert!(before > 0);
    phone.client.tracking().duty_on().await.unwrap();
    assert_eq!(store.read(loose).await.unwrap().0, 0);
    let found = |c: &rusqlite::Connection| {
        let sql = "SELECT s.ended, MAX(b.to_at) FROM track_shift s JOIN track_blob b ON b.shift = s.id \
                   WHERE s.owner = 'other' AND b.sent = 0";
        Ok(c.query_row(sql, [], |r| Ok((r.get::<_, Option<i64>>(0)?, r.get::<_, Option<i64>>(1)?)))?)
    };
    assert_eq!(store.read(found).await.unwrap(), (newest, newest));
}

#[tokio::test]
async fn the_end_of_a_shift_is_told_by_the_same_clock_as_its_track() {
    let phone = Phone::signed_in().await;
    phone.clock.boot.lock().clear();
    let all = fixes(97, 1);
    let ahead = 5 * HOUR;
    set(&phone.clock, all[0].wall + ahead);
    let tracking = phone.client.tracking();
    tracking.duty_on().await.unwrap();
    for fix in &all {
        set(&phone.clock, fix.wall + ahead);
        tracking.push(std::slice::from_ref(fix)).await.unwrap();
    }
    tracking.duty_off().await.unwrap();
    phone.clock.pass(60_000);
    tracking.upload().await.unwrap();
    let last = all.last().unwrap().wall;
    let report = phone.fake.model.lock().tracks.shifts.values().next().unwrap().clone();
    assert_eq!((report.ended, report.now), (Some(last), Some(last + 60_000)));
}

#[test]
fn only_the_servers_own_word_condemns_a_part() {
    use super::upload::{Wrong, wrong};
    use waybell_domain::wire::{TrackPart, TrackUpload};
    let part = TrackPart { shift: "s".into(), seq: 1, body: String::new() };
    let upload = TrackUpload {
        courier: UserId::at(9, [9; 10]),
        shifts: vec![],
        parts: vec![part],
        notes: vec![],
        position: None,
    };
    let refusal = |status, code: &str, field: Option<&str>| crate::error::Refusal {
        status,
        code: code.into(),
        field: field.map(str::to_owned),
        ..crate::error::Refusal::default()
    };
    for (status, code, field, found) in [
        (422, "bad_field", Some("parts[0].body"), Some(Wrong::Parts)),
        (413, "too_large", Some("body"), Some(Wrong::Parts)),
        (413, "http_413", None, None),
        (422, "http_422", Some("body"), None),
        (403, "forbidden", Some("parts[0].body"), None),
        (422, "bad_field", Some("parts"), None),
        (422, "bad_field", Some("notes[0].what"), None),
        (422, "bad_field", Some("position.place"), None),
        (422, "bad_field", None, None),
    ] {
        assert_eq!(wrong(&refusal(status, code, field), &upload), found, "{status} {code} {field:?}");
    }
}
