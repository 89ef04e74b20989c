//! A crash inside every phase of one call. With one recipient each event of the call is a round of its own, so dying
//! before the commit, after it, and after the effects of the first, second, third … round walks through all phases:
//! intent, INVITE sent, 100, 18x, final answer before and after its record and its ACK, prompt, key, BYE, result.

use crate::campaign::{Campaign, open, tail};
use crate::{World, WorldOptions, list};
use anyhow::{Context, ensure};
use std::time::{Duration, Instant};
use waybell_carrier::config::Profile;

const ROUNDS: u32 = 9;

/// The server dies at this place when it comes there for the n-th time, and is started again.
///
/// # Errors
/// What the judge found, or that it never ends.
pub async fn die(behaviour: &str, place: &str, nth: u32, profile: Profile) -> anyhow::Result<()> {
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
    let mut world = World::start(&options)?;
    let courier = world.sign_in("c1").await?;
    let parcels = courier.import(&list::rows(1, 700_000_000)).await?;
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
            world.note_kill()?;
            world.server.start()?;
        }
        if tap.as_ref().is_some_and(tokio::task::JoinHandle::is_finished)
            && let Some(tap) = tap.take()
        {
            batches = tap.await??;
        }
        let courier = courier.at(&world.server.url);
        if tap.is_none() && matches!(open(&courier, &batches).await, Ok((0, 0))) {
            break;
        }
        ensure!(
            Instant::now() < until,
            "{behaviour} {place}:{nth}: still open\n{}",
            tail(&world.server.log(), 60)
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // a round that comes after everything is over may still be the one in which it dies: not while it is judged
    world.kill()?;
    world.server.variables.clear();
    world.server.start()?;
    let campaign = Campaign { courier: courier.at(&world.server.url), world, batches };
    let verdict =
        campaign.verdict().await.with_context(|| format!("{behaviour} {place}:{nth} {profile:?}"))?;
    ensure!(verdict.summary.unknown + verdict.summary.interrupted <= 1, "{}", verdict.text());
    Ok(())
}

/// Dies in each round of a call, at three places.
///
/// # Errors
/// See [`die`].
pub async fn every_round(behaviour: &str, profile: Profile) -> anyhow::Result<()> {
    for nth in 1..=ROUNDS {
        let places = ["round.before_commit", "round.after_commit", "round.done"]
            .map(|p| die(behaviour, p, nth, profile));
        let [a, b, c] = places;
        tokio::try_join!(a, b, c)?;
    }
    Ok(())
}
