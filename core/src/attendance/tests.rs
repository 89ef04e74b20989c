use super::*;
use crate::testing::{Fault, Phone};
use std::sync::atomic::Ordering;
use waybell_domain::attendance::AttendanceState;
use waybell_domain::clock::HOUR;
use waybell_domain::track::Place;

fn at(phone: &Phone, east: f64) -> NewPunch {
    let place = Place::of_degrees(31.2, 121.5).unwrap().moved(east, 0.0);
    let wall = crate::ports::Clock::wall(&*phone.clock);
    let fix = Fix { accuracy: Some(15.0), ..Fix::at(place, wall) };
    NewPunch { fixes: vec![fix.clone(), Fix { wall: wall - 1_000, ..fix }], ..NewPunch::default() }
}

/// The clock shows this hour of the day of the tests, in Shanghai.
fn set_hour(phone: &Phone, hour: i64) {
    let now = phone.clock.wall.load(Ordering::Relaxed);
    let midnight = UnixMs(now).start_of_day(crate::notify::ZONE).0;
    phone.clock.pass(midnight + hour * HOUR - now);
}

#[tokio::test]
async fn a_punch_arrives_once_whatever_the_network_does() {
    for fault in [Fault::DropRequest, Fault::DropAnswer, Fault::Twice, Fault::Late, Fault::Unavailable] {
        let mut phone = Phone::signed_in().await;
        let attendance = phone.client.attendance();
        let punched = attendance.punch(PunchKind::ClockIn, at(&phone, 0.0)).await.unwrap();
        phone.fake.misbehave(&[fault]);
        let _ = phone.client.sync().now().await;
        phone.restart();
        phone.clock.pass(1_000);
        phone.client.sync().now().await.unwrap();
        phone.fake.deliver_late();
        assert_eq!(
            phone.fake.model.lock().punches.iter().map(|p| p.id).collect::<Vec<_>>(),
            [punched.id],
            "{fault:?}"
        );
        let told = phone.client.attendance().answer(punched.id).unwrap().unwrap();
        assert_eq!((told.kind, told.by_wall_clock), (PunchKind::ClockIn, false));
    }
}

#[tokio::test]
async fn pressed_again_it_is_the_same_one() {
    let mut phone = Phone::signed_in().await;
    let first = phone.client.attendance().punch(PunchKind::ClockIn, NewPunch::default()).await.unwrap();
    phone.restart();
    phone.clock.pass(30_000);
    let again = phone.client.attendance().punch(PunchKind::ClockIn, NewPunch::default()).await.unwrap();
    assert_eq!((again.id, again.again), (first.id, true));
    let out = phone.client.attendance().punch(PunchKind::ClockOut, NewPunch::default()).await.unwrap();
    assert!(!out.again);
    phone.clock.pass(61_000);
    assert!(!phone.client.attendance().punch(PunchKind::ClockOut, NewPunch::default()).await.unwrap().again);
    // after a restart of the phone nobody knows how long ago it was
    *phone.clock.boot.lock() = "boot-2".into();
    phone.clock.boot_ms.store(1_000, Ordering::Relaxed);
    assert!(!phone.client.attendance().punch(PunchKind::ClockOut, NewPunch::default()).await.unwrap().again);
}

#[tokio::test]
async fn the_month_is_there_without_a_network() {
    let phone = Phone::signed_in().await;
    let attendance = phone.client.attendance();
    set_hour(&phone, 8);
    attendance.punch(PunchKind::ClockIn, at(&phone, 0.0)).await.unwrap();
    phone.client.sync().now().await.unwrap();
    set_hour(&phone, 18);
    attendance.punch(PunchKind::ClockOut, at(&phone, 0.0)).await.unwrap();
    let month = attendance.month(None).await.unwrap();
    let today = month.days.last().unwrap();
    assert_eq!((today.sheet.worked_ms, today.punches.len()), (10 * HOUR, 2));
    // the day of the tests is a Friday, and the rules are the usual ones
    assert!(today.sheet.states.iter().all(|s| *s != AttendanceState::Rest), "{:?}", today.sheet);
}

#[tokio::test]
async fn a_punch_while_no_shift_is_open_is_seen_and_counts_for_nothing() {
    let phone = Phone::signed_in().await;
    let attendance = phone.client.attendance();
    set_hour(&phone, 2);
    attendance.punch(PunchKind::ClockIn, at(&phone, 0.0)).await.unwrap();
    phone.clock.pass(61_000);
    attendance.punch(PunchKind::ClockOut, at(&phone, 0.0)).await.unwrap();
    let month = attendance.month(None).await.unwrap();
    let today = month.days.last().unwrap();
    assert_eq!((today.punches.len(), today.sheet.off_hours, today.sheet.worked_ms), (2, 2, 0));
    assert_eq!(month.days.iter().map(|d| d.punches.len()).sum::<usize>(), 2);
}

#[tokio::test]
async fn where_it_is_said_at_once_by_what_the_phone_knows() {
    let phone = Phone::signed_in().await;
    let attendance = phone.client.attendance();
    let verdict = async |new: NewPunch| {
        phone.clock.pass(61_000);
        let punched = attendance.punch(PunchKind::ClockIn, new).await.unwrap();
        (punched.verdict, punched.photo_wanted)
    };
    assert_eq!(verdict(NewPunch::default()).await, (PlaceVerdict::Anywhere, false));
    phone.fake.model.lock().depot = Place::of_degrees(31.2, 121.5);
    attendance.refresh(None).await.unwrap();
    phone.clock.pass(1_000);
    assert_eq!(verdict(at_next(&phone, 0.0)).await, (PlaceVerdict::Inside, false));
    assert_eq!(verdict(at_next(&phone, 95.0)).await, (PlaceVerdict::InDoubt, true));
    assert_eq!(verdict(at_next(&phone, 900.0)).await, (PlaceVerdict::Outside, true));
    assert_eq!(verdict(NewPunch::default()).await, (PlaceVerdict::Unknown, true));
    let mut mock = at_next(&phone, 0.0);
    mock.fixes[0].mock = true;
    assert_eq!(verdict(mock).await, (PlaceVerdict::Inside, true));
    let photo = NewPunch { proof: vec![Proof::of(b"x", "x.jpg")], ..at_next(&phone, 900.0) };
    assert_eq!(verdict(photo).await, (PlaceVerdict::Outside, false));
}

/// Fixes of a minute from now, when the punch is made.
fn at_next(phone: &Phone, east: f64) -> NewPunch {
    let mut new = at(phone, east);
    for fix in &mut new.fixes {
        fix.wall = fix.wall + 61_000;
    }
    new
}

#[tokio::test]
async fn what_cannot_be_stored_is_told_by_field() {
    let phone = Phone::signed_in().await;
    let field = async |new: NewPunch| match phone.client.attendance().punch(PunchKind::Field, new).await {
        Err(Error::BadInput { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    let nowhere = Fix::at(Place { lat_e7: 0, lon_e7: 0 }, UnixMs(1));
    assert_eq!(field(NewPunch { fixes: vec![nowhere.clone()], ..NewPunch::default() }).await, "fixes");
    assert_eq!(field(NewPunch { fixes: vec![nowhere; 11], ..NewPunch::default() }).await, "fixes");
    assert_eq!(field(NewPunch { note: Some("x".repeat(501)), ..NewPunch::default() }).await, "note");
    assert_eq!(field(NewPunch { address: Some("x".repeat(1_001)), ..NewPunch::default() }).await, "address");
    assert_eq!(field(NewPunch { wifi: vec!["a".into(); 51], ..NewPunch::default() }).await, "wifi");
    for month in ["2026", "2026-13", "x", "2026-1", "20260-1"] {
        assert!(
            matches!(phone.client.attendance().month(Some(month)).await, Err(Error::BadInput { .. })),
            "{month}"
        );
    }
    assert_eq!(phone.client.sync().status().unwrap().queued, 0);
}
