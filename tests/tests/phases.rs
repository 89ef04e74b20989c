//! A crash inside every phase of one call. With one recipient each event of the call is a round of its own, so dying
//! before the commit, after it, and after the effects of the first, second, third … round walks through all phases:
//! intent, INVITE sent, 100, 18x, final answer before and after its record and its ACK, prompt, key, BYE, result.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::{Duration, Instant};
use waybell_carrier::config::Profile;
use waybell_tests::campaign::{Campaign, open};
use waybell_tests::{World, WorldOptions, list};

const ROUNDS: u32 = 9;

async fn die(behaviour: &str, place: &str, nth: u32, profile: Profile) {
    let options = WorldOptions {
        carrier: format!(
            "[defaults]\nbehaviour = \"{behaviour}\"\ndelay_ms = 30\nring_ms = 300\ntalk_ms = 900\ndigits = \"2\"\n\
             digits_after_ms = 400\nuntil_end = false\n"
        ),
        profile,
        crash: Some(format!("{place}:{nth}")),
        hear: false,
        ..WorldOptions::default()
    };
    let mut world = World::start(&options).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let parcels = courier.import(&list::rows(1, 700_000_000)).await.unwrap();
    let tap = tokio::spawn({
        let courier = courier.clone();
        async move { courier.notify(&parcels).await }
    });
    // the round in which it dies may be the first one or the last
    let until = Instant::now() + Duration::from_secs(60);
    let mut batches = Vec::new();
    let mut tap = Some(tap);
    loop {
        if world.server.has_died() {
            world.note_kill().unwrap();
            world.server.start().unwrap();
        }
        if tap.as_ref().is_some_and(tokio::task::JoinHandle::is_finished)
            && let Some(tap) = tap.take()
        {
            batches = tap.await.unwrap().unwrap();
        }
        let courier = courier.at(&world.server.url);
        if tap.is_none() && matches!(open(&courier, &batches).await, Ok((0, 0))) {
            break;
        }
        assert!(Instant::now() < until, "{behaviour} {place}:{nth}: still open");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // a round that comes after everything is over may still be the one in which it dies: not while it is judged
    world.kill().unwrap();
    world.server.variables.clear();
    world.server.start().unwrap();
    let campaign = Campaign { courier: courier.at(&world.server.url), world, batches };
    let verdict =
        campaign.verdict().await.unwrap_or_else(|e| panic!("{behaviour} {place}:{nth} {profile:?}: {e:#}"));
    assert!(verdict.summary.unknown + verdict.summary.interrupted <= 1);
}

async fn every_round(behaviour: &str, profile: Profile) {
    for nth in 1..=ROUNDS {
        let places = ["round.before_commit", "round.after_commit", "round.done"]
            .map(|p| die(behaviour, p, nth, profile));
        let [a, b, c] = places;
        tokio::join!(a, b, c);
    }
}

#[tokio::test]
async fn while_a_key_is_pressed() {
    every_round("press_keys", Profile::Rfc3261).await;
}

#[tokio::test]
async fn while_the_line_is_busy() {
    every_round("busy", Profile::Rfc6026).await;
}

#[tokio::test]
async fn while_the_call_is_rejected() {
    every_round("reject", Profile::Rfc3261).await;
}

#[tokio::test]
async fn between_sending_and_the_answer() {
    tokio::join!(
        die("answer", "invite.sent", 1, Profile::Rfc3261),
        die("answer", "answer.acknowledged", 1, Profile::Rfc3261),
        die("no_provisional", "invite.sent", 1, Profile::Rfc6026),
    );
}
