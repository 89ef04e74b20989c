//! The phone's tables, and kills between any two calls.

use super::*;
use crate::testing::{Phone, TestClock};
use simulate::{Phone as Receiver, Sky};
use std::sync::atomic::Ordering;

const EVERY: Receiver = Receiver { every: 5, doppler: true, noise: 1.0 };

/// The phone's clocks show this time.
fn set(clock: &TestClock, at: UnixMs) {
    let by = at.0 - clock.wall.load(Ordering::Relaxed);
    clock.pass(by);
}

fn fixes(seed: u64, stops: usize) -> Vec<Fix> {
    simulate::fixes(&simulate::day(seed, stops), EVERY, seed)
}

async fn ride(phone: &mut Phone, fixes: &[Fix], each: usize, kill: bool) {
    for batch in fixes.chunks(each) {
        set(&phone.clock, batch[batch.len() - 1].wall);
        phone.client.tracking().push(batch).await.unwrap();
        if kill {
            phone.restart();
        }
    }
}

async fn whole_day(kill: bool) -> (Day, Vec<Blob>) {
    let mut phone = Phone::signed_in().await;
    let fixes = fixes(7, 3);
    set(&phone.clock, fixes[0].wall);
    phone.client.tracking().duty_on().await.unwrap();
    if kill {
        phone.restart();
    }
    ride(&mut phone, &fixes, 6, kill).await;
    let running = phone.client.tracking().today().await.unwrap();
    assert!(running.shifts[0].1.is_none() && running.distance.metres > 500.0);
    phone.client.tracking().duty_off().await.unwrap();
    if kill {
        phone.restart();
    }
    let tracking = phone.client.tracking();
    assert_eq!(tracking.push(&fixes[..1]).await.unwrap().dropped[0].1, DropReason::OffDuty);
    let day = tracking.today().await.unwrap();
    assert_eq!(day.runs, running.runs, "the end of the shift changes no vertex");
    (day, tracking.blobs().await.unwrap())
}

#[tokio::test]
async fn a_kill_between_any_two_calls_loses_nothing() {
    let (day, blobs) = whole_day(false).await;
    let (killed, again) = whole_day(true).await;
    assert!(day.runs.iter().map(|r| r.points.len()).sum::<usize>() > 20);
    assert!(!day.stays.is_empty());
    assert_eq!(day, killed);
    assert_eq!(
        blobs.iter().map(|b| &b.body).collect::<Vec<_>>(),
        again.iter().map(|b| &b.body).collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn blobs_cut_anywhere_make_one_polyline() {
    let mut phone = Phone::signed_in().await;
    let fixes = fixes(11, 3);
    set(&phone.clock, fixes[0].wall);
    phone.client.tracking().duty_on().await.unwrap();
    for part in fixes.chunks(40) {
        ride(&mut phone, part, 8, false).await;
        phone.client.tracking().pack().await.unwrap();
    }
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    let day = tracking.today().await.unwrap();
    let blobs = tracking.blobs().await.unwrap();
    assert!(blobs.len() > 5, "{}", blobs.len());
    let (one, _) = {
        let mut other = Phone::signed_in().await;
        set(&other.clock, fixes[0].wall);
        other.client.tracking().duty_on().await.unwrap();
        ride(&mut other, &fixes, 8, false).await;
        other.client.tracking().duty_off().await.unwrap();
        (other.client.tracking().today().await.unwrap(), ())
    };
    assert_eq!(day.runs, one.runs);
    // by the blobs alone, as a server has them
    let mut runs: Vec<Run> = Vec::new();
    for blob in &blobs {
        for part in waybell_domain::track::codec::decode(&blob.body).unwrap() {
            match runs.last_mut().filter(|r| part.gap.is_none() && r.points.last() == part.points.first()) {
                Some(run) => run.points.extend(&part.points[1..]),
                None => runs.push(part),
            }
        }
    }
    assert_eq!(runs, day.runs);
    tracking.sent(&blobs.iter().map(|b| b.id.clone()).collect::<Vec<_>>()).await.unwrap();
    assert!(tracking.blobs().await.unwrap().is_empty());
    assert_eq!(tracking.today().await.unwrap(), day, "what was sent is still shown");
}

#[tokio::test]
async fn a_killed_app_is_the_reason_of_the_gap() {
    let mut phone = Phone::signed_in().await;
    let fixes = fixes(13, 1);
    set(&phone.clock, fixes[0].wall);
    phone.client.tracking().duty_on().await.unwrap();
    ride(&mut phone, &fixes[..40], 8, false).await;
    phone.restart();
    let later: Vec<Fix> = fixes[40..80].iter().map(|f| Fix { wall: f.wall + 900_000, ..f.clone() }).collect();
    ride(&mut phone, &later, 8, false).await;
    let day = phone.client.tracking().today().await.unwrap();
    assert_eq!(day.gaps.iter().map(|g| g.reason).collect::<Vec<_>>(), [GapReason::AppKilled]);
    assert_eq!(day.runs.len(), 2);
    assert_eq!(day.runs[1].gap, Some(GapReason::AppKilled));
}

#[tokio::test]
async fn two_shifts_a_day_with_nothing_between() {
    let mut phone = Phone::signed_in().await;
    let first = fixes(17, 1);
    set(&phone.clock, first[0].wall);
    let tracking = phone.client.tracking();
    tracking.duty_on().await.unwrap();
    ride(&mut phone, &first, 8, false).await;
    tracking.duty_off().await.unwrap();
    let at_noon: Vec<Fix> = simulate::fixes(&simulate::still(1, Sky::Open), EVERY, 3)
        .into_iter()
        .map(|f| Fix { wall: f.wall + 7_200_000, ..f })
        .collect();
    ride(&mut phone, &at_noon, 60, false).await;
    let second: Vec<Fix> = first.iter().map(|f| Fix { wall: f.wall + 14_400_000, ..f.clone() }).collect();
    set(&phone.clock, second[0].wall);
    tracking.duty_on().await.unwrap();
    ride(&mut phone, &second, 8, false).await;
    tracking.duty_off().await.unwrap();
    let day = tracking.today().await.unwrap();
    assert_eq!(day.shifts.len(), 2);
    let off: Vec<&Gap> = day.gaps.iter().filter(|g| g.reason == GapReason::OffDuty).collect();
    assert_eq!(off.len(), 1);
    let within = |at: UnixMs| at > off[0].from && at < off[0].to;
    assert!(!day.runs.iter().flat_map(|r| &r.points).any(|v| within(v.at)), "off duty nothing is kept");
    assert_eq!(tracking.day(UnixMs(0), UnixMs(1)).await.unwrap(), Day::default());
}

#[tokio::test]
async fn the_plan_follows_duty_and_stays() {
    let mut phone = Phone::signed_in().await;
    let tracking = phone.client.tracking();
    let around = Surroundings { order_active: true, ..Surroundings::default() };
    assert_eq!(tracking.request(around).await.unwrap().priority, Priority::Off);
    let fixes = simulate::fixes(&simulate::still(1, Sky::Open), EVERY, 1);
    set(&phone.clock, fixes[0].wall);
    tracking.duty_on().await.unwrap();
    assert_eq!(tracking.request(around).await.unwrap().interval_ms, 5_000);
    ride(&mut phone, &fixes, 60, false).await;
    let request = tracking.request(around).await.unwrap();
    assert_eq!((request.priority, request.on_motion), (Priority::LowPower, true));
    phone.client.session().logout().await.unwrap();
    assert!(tracking.today().await.unwrap().shifts.is_empty(), "signing out takes the tracks along");
    assert!(tracking.duty_on().await.is_err());
}

#[tokio::test]
async fn packing_after_the_first_fix_stands_in_nobodys_way() {
    let fixes = fixes(19, 1);
    let mut runs = Vec::new();
    for each in [true, false] {
        let mut phone = Phone::signed_in().await;
        set(&phone.clock, fixes[0].wall);
        phone.client.tracking().duty_on().await.unwrap();
        for fix in &fixes[..60] {
            ride(&mut phone, std::slice::from_ref(fix), 1, false).await;
            if each {
                phone.client.tracking().pack().await.unwrap();
            }
        }
        let tracking = phone.client.tracking();
        tracking.duty_off().await.unwrap();
        let day = tracking.today().await.unwrap();
        assert!(day.shifts[0].1.is_some());
        assert!(!tracking.blobs().await.unwrap().is_empty());
        runs.push(day.runs.len());
    }
    assert_eq!(runs[0], runs[1], "packing breaks no run");
}

#[tokio::test]
async fn a_state_that_does_not_read_back_is_a_gap_and_not_the_end() {
    let mut phone = Phone::signed_in().await;
    let fixes = fixes(23, 1);
    set(&phone.clock, fixes[0].wall);
    phone.client.tracking().duty_on().await.unwrap();
    ride(&mut phone, &fixes[..40], 8, false).await;
    let broken = |t: &rusqlite::Transaction<'_>| Ok(t.execute("UPDATE track_shift SET state = x'07'", [])?);
    phone.client.inner.store.write(broken).await.unwrap();
    ride(&mut phone, &fixes[40..80], 8, false).await;
    let tracking = phone.client.tracking();
    tracking.duty_off().await.unwrap();
    let day = tracking.today().await.unwrap();
    assert!(!day.gaps.is_empty());
    assert!(day.runs.last().unwrap().points.len() > 1);
}
