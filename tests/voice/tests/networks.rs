//! Calls over networks that people have: what must hold on each of them, whatever the seed.

#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

use std::time::Duration;
use waybell_core::call::codec::RATE;
use waybell_voice::call::{Heard, Setup, run, speech};
use waybell_voice::clips;
use waybell_voice::link::{Jitter, Loss, Network};

fn over(setup: Setup) -> Heard {
    let clips = clips::all().unwrap();
    let (said, _) = speech(clips.iter().chain(&clips));
    run(&said, &setup).unwrap()
}

/// A quantile of the buffer's delay, after the first 8 s.
fn delay(heard: &Heard, share: f64) -> Duration {
    let mut delays = heard.delays[800..].to_vec();
    delays.sort();
    delays[(delays.len() as f64 * share) as usize]
}

#[test]
fn a_good_network_costs_one_tick_of_delay_and_nothing_is_guessed() {
    let heard = over(Setup::over(Network::GOOD, 1));
    assert_eq!((heard.counts.guessed_ms, heard.counts.lost, heard.counts.late), (0, 0, 0));
    assert!(delay(&heard, 0.5) <= Duration::from_millis(15), "{:?}", delay(&heard, 0.5));
    assert_eq!(heard.plans.len(), 1, "the ladder stays where it is");
}

#[test]
fn losses_up_to_a_fifth_are_repaired_but_for_one_frame_in_fifty() {
    for (share, seed) in [(0.05, 1), (0.1, 2), (0.2, 3)] {
        let heard = over(Setup::over(Network::GOOD.with_loss(Loss::Random(share)), seed));
        let frames = heard.delays.len() as u64 / 2;
        assert!(heard.counts.lost * 50 <= frames, "{share}: {:?} of {frames} frames", heard.counts);
        assert!(heard.payload_rate <= 50_000.0, "{share}: {} bit/s", heard.payload_rate);
        assert!(delay(&heard, 0.95) <= Duration::from_millis(90), "{share}: {:?}", delay(&heard, 0.95));
    }
}

#[test]
fn a_poor_mobile_network_is_borne() {
    // 100 ms and a heavy tail, 5 % lost
    let moderate = Network { delay: Duration::from_millis(100), ..Network::GOOD }
        .with_loss(Loss::Random(0.05))
        .with_jitter(Jitter::Pareto(12.0));
    // far away: bursts, doubles, disorder, 300 kbit/s
    let international = Network {
        delay: Duration::from_millis(250),
        rate: Some((300_000.0, Duration::from_millis(200))),
        reordered: 0.05,
        doubled: 0.02,
        ..Network::GOOD
    }
    .with_loss(Loss::Bursts(0.1, 4.0))
    .with_jitter(Jitter::Normal(20.0));
    for (network, most) in [(moderate, 250), (international, 300)] {
        for seed in 0..3 {
            let heard = over(Setup::over(network, seed));
            let guessed = heard.counts.guessed_ms as f64 / (heard.delays.len() as f64 * 10.0);
            assert!(guessed < 0.12, "{network:?} {seed}: {guessed:.3} guessed, {:?}", heard.counts);
            assert!(
                delay(&heard, 0.9) <= Duration::from_millis(most),
                "{network:?}: {:?}",
                delay(&heard, 0.9)
            );
        }
    }
}

#[test]
fn turns_of_losses_are_followed_both_ways() {
    let network = Network::GOOD.with_loss(Loss::Turns(0.2, 1.3, Duration::from_secs(12)));
    let heard = over(Setup::over(network, 4));
    let most = |from: u64, to: u64| {
        let within = heard.plans.iter().filter(|p| (from..to).contains(&p.0.as_secs()));
        within.map(|p| p.1.copies.len()).max()
    };
    assert_eq!(most(1, 12), None, "nothing is lost yet: {:?}", heard.plans);
    assert!(most(12, 15) >= Some(2), "within 3 s of the first losses: {:?}", heard.plans);
}

#[test]
fn a_narrow_way_gets_less_and_its_queue_is_emptied() {
    // 30 kbit/s with all headers: 32 kbit/s of sound with headers of 23 do not fit
    let network = Network { rate: Some((30_000.0, Duration::from_millis(400))), ..Network::GOOD };
    let heard = over(Setup { back: Network::GOOD, ..Setup::over(network, 5) });
    let plan = heard.plans.iter().find(|p| p.1.packet_ms == 60);
    let (at, plan) = plan.expect("longer packets");
    assert!(*at <= Duration::from_secs(5) && plan.copies.is_empty(), "{at:?} {plan:?}");
    let wire =
        |plan: &waybell_core::call::ladder::Plan| plan.bitrate + 58 * 8 * 1_000 / u32::from(plan.packet_ms);
    assert!(wire(plan) <= 30_000);
    let emptied = heard.reports.iter().skip(10).take(10).any(|r| r.standing < Duration::from_millis(40));
    assert!(emptied, "{:?}", heard.reports);
}

/// Of jitter of 5 ms, what is beyond the quantile that is waited for is guessed: 2 % of the time at most.
#[test]
fn clocks_that_differ_are_followed_over_a_whole_call() {
    for drift in [-200, 200] {
        let heard = over(Setup { drift, ..Setup::over(Network::GOOD.with_jitter(Jitter::Normal(5.0)), 6) });
        assert!(
            heard.counts.lost == 0 && heard.counts.guessed_ms <= heard.delays.len() as u64 / 5,
            "{drift}: {:?}",
            heard.counts
        );
        assert!(delay(&heard, 0.95) <= Duration::from_millis(60), "{drift}: {:?}", delay(&heard, 0.95));
    }
}

#[test]
fn a_seed_repeats_a_call_to_the_last_bit() {
    let network =
        Network { reordered: 0.05, doubled: 0.02, ..Network::GOOD }.with_loss(Loss::Bursts(0.2, 2.5));
    let [a, b] = [7, 7].map(|seed| over(Setup::over(network, seed)));
    assert!(a.samples == b.samples && a.counts == b.counts && a.samples.len() > 20 * RATE as usize);
    let c = over(Setup::over(network, 8));
    assert!(a.samples != c.samples);
}
