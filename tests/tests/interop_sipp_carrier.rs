//! sipp as the carrier's side: our user agent calls it, and it does what carriers do (scenarios in `interop/sipp`).
//!
//! sipp's exit code says whether its side saw what the scenario wants; the assertions here say what our side told.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::time::Duration;
use waybell_switch::{Credentials, EndHow, EventKind, LegEnd, LegId, Q850, Transport, TrunkConfig};
use waybell_tests::peers::Stage;
use waybell_tests::peers::line::Line;
use waybell_tests::peers::lossy::LossyLine;
use waybell_tests::peers::sipp::{Play, Sipp};

/// A carrier that plays `scenario`, and a line to it.
async fn begin(scenario: &str, play: &Play, change: impl FnOnce(&mut TrunkConfig)) -> (Stage, Sipp, Line) {
    let stage = Stage::new().unwrap();
    let sipp = Sipp::carrier(&stage, scenario, play).unwrap();
    let line = Line::to(sipp.address, change).await.unwrap();
    (stage, sipp, line)
}

/// Hangs up, waits for both ends.
async fn over(line: &mut Line, leg: &LegId, sipp: &mut Sipp) -> LegEnd {
    line.switch.hang_up(leg, Some(Q850::NORMAL));
    let end = line.ended(leg).await.unwrap();
    sipp.finish().await.unwrap();
    line.switch.shutdown().await;
    end
}

fn password(trunk: &mut TrunkConfig) {
    trunk.auth = Some(Credentials { username: "trunk".into(), password: "secret".into(), realm: None });
}

#[tokio::test]
async fn a_session_is_refreshed_by_us_by_them_or_ended() {
    // three calls side by side, because the least interval is 90 s (RFC 4028 4)
    let play = Play { seconds: 90, ..Play::default() };
    let ours = async {
        let (_stage, mut sipp, mut line) = begin("refresh_by_us", &play, |_| ()).await;
        let leg = line.call("ours").await.unwrap();
        line.answered(&leg).await.unwrap();
        // 45 s, and at most 4 s after the 491; then a moment for its answer
        tokio::time::sleep(Duration::from_secs(52)).await;
        let end = over(&mut line, &leg, &mut sipp).await;
        assert_eq!(end.how, EndHow::LocalBye);
        assert_eq!(sipp.received("INVITE").len(), 3, "the call, the one that met 491, and the good one");
    };
    let nobody = async {
        let (_stage, mut sipp, mut line) = begin("refresh_none", &play, |_| ()).await;
        let leg = line.call("nobody").await.unwrap();
        line.answered(&leg).await.unwrap();
        let patience = Duration::from_secs(80);
        let end = line
            .until_next(&leg, "end", patience, |k| match k {
                EventKind::Ended { end } => Some(end.clone()),
                _ => None,
            })
            .await
            .unwrap();
        assert_eq!(end.how, EndHow::SessionExpired);
        sipp.finish().await.unwrap();
    };
    let theirs = async {
        let (_stage, mut sipp, mut line) = begin("refresh_by_them", &play, |_| ()).await;
        let leg = line.call("theirs").await.unwrap();
        line.answered(&leg).await.unwrap();
        // past the 60 s after which an unrefreshed call is ended
        tokio::time::sleep(Duration::from_secs(64)).await;
        let end = over(&mut line, &leg, &mut sipp).await;
        assert_eq!(end.how, EndHow::LocalBye, "it was refreshed");
        assert!(end.talk_ms > 60_000);
    };
    tokio::join!(ours, nobody, theirs);
}

#[tokio::test]
async fn digest_challenges_are_answered() {
    for scenario in ["digest_401", "digest_407"] {
        let (_stage, mut sipp, mut line) = begin(scenario, &Play::default(), password).await;
        let leg = line.call("digest").await.unwrap();
        line.answered(&leg).await.unwrap();
        let end = over(&mut line, &leg, &mut sipp).await;
        assert_eq!((end.how, end.status), (EndHow::LocalBye, Some(200)), "{scenario}");
    }
}

#[tokio::test]
async fn a_wrong_password_is_told() {
    let wrong = |trunk: &mut TrunkConfig| {
        password(trunk);
        trunk.auth.as_mut().unwrap().password = "other".into();
    };
    let (_stage, mut sipp, mut line) = begin("digest_401", &Play::default(), wrong).await;
    let leg = line.call("digest").await.unwrap();
    let end = line.ended(&leg).await.unwrap();
    assert_eq!((end.how, end.status), (EndHow::Refused, Some(403)));
    sipp.finish().await.unwrap();
}

#[tokio::test]
async fn reliable_provisional_answers_are_acknowledged() {
    for transport in ["u1", "t1"] {
        let play = Play { transport, ..Play::default() };
        let (_stage, mut sipp, mut line) = begin("prack", &play, |trunk| {
            if transport == "t1" {
                trunk.transport = Transport::Tcp;
            }
        })
        .await;
        let leg = line.call("prack").await.unwrap();
        line.answered(&leg).await.unwrap();
        assert_eq!(line.progress(&leg)[..2], [(183, true), (180, false)], "{transport}");
        over(&mut line, &leg, &mut sipp).await;
        assert_eq!(sipp.received("PRACK").len(), 2, "{transport}");
    }
}

#[tokio::test]
async fn ringing_and_early_media_are_told() {
    let (_stage, mut sipp, mut line) = begin("early", &Play::default(), |_| ()).await;
    let leg = line.call("early").await.unwrap();
    line.answered(&leg).await.unwrap();
    assert_eq!(line.progress(&leg), [(180, false), (180, true), (183, true)]);
    let end = over(&mut line, &leg, &mut sipp).await;
    assert!(end.rang && end.answered);
}

#[tokio::test]
async fn a_redirection_is_a_refusal() {
    let (_stage, mut sipp, mut line) = begin("redirect", &Play::default(), |_| ()).await;
    let leg = line.call("moved").await.unwrap();
    let end = line.ended(&leg).await.unwrap();
    assert_eq!((end.how, end.status, end.rang), (EndHow::Refused, Some(302), false));
    sipp.finish().await.unwrap();
    assert_eq!(sipp.received("INVITE").len(), 1, "nobody else is rung");
}

#[tokio::test]
async fn a_late_second_answer_is_ended_and_the_first_call_goes_on() {
    let (_stage, mut sipp, mut line) = begin("fork", &Play::default(), |_| ()).await;
    let leg = line.call("fork").await.unwrap();
    line.answered(&leg).await.unwrap();
    tokio::time::sleep(Duration::from_millis(700)).await;
    let end = over(&mut line, &leg, &mut sipp).await;
    assert_eq!(end.how, EndHow::LocalBye);
}

#[tokio::test]
async fn a_call_is_cancelled_while_it_rings() {
    let (_stage, mut sipp, mut line) = begin("cancel", &Play::default(), |_| ()).await;
    let leg = line.call("cancel").await.unwrap();
    rings(&mut line, &leg).await;
    line.switch.hang_up(&leg, Some(Q850::NO_ANSWER));
    let end = line.ended(&leg).await.unwrap();
    assert_eq!((end.how, end.status, end.answered), (EndHow::Cancelled, Some(487), false));
    sipp.finish().await.unwrap();
}

#[tokio::test]
async fn an_answer_that_crosses_the_cancel_is_hung_up() {
    let (_stage, mut sipp, mut line) = begin("cancel_crosses", &Play::default(), |_| ()).await;
    let leg = line.call("crosses").await.unwrap();
    rings(&mut line, &leg).await;
    line.switch.cancel(&leg);
    let end = line.ended(&leg).await.unwrap();
    assert_eq!((end.how, end.answered), (EndHow::Cancelled, true));
    sipp.finish().await.unwrap();
}

async fn rings(line: &mut Line, leg: &LegId) {
    line.until(leg, "ringing", |k| matches!(k, EventKind::Progress { status: 180, .. }).then_some(()))
        .await
        .unwrap();
}

#[tokio::test]
async fn ten_percent_loss_costs_no_call() {
    const CALLS: u32 = 30;
    let stage = Stage::new().unwrap();
    let play = Play { calls: CALLS, seconds: 60, ..Play::default() };
    let mut sipp = Sipp::carrier(&stage, "lossy", &play).unwrap();
    let lossy = LossyLine::to(sipp.address, 0.1, 10).await.unwrap();
    let mut line = Line::to(lossy.address, |_| ()).await.unwrap();
    let mut legs = Vec::new();
    for n in 0..CALLS {
        legs.push(line.call(&format!("lossy{n}")).await.unwrap());
    }
    for leg in &legs {
        line.answered(leg).await.unwrap();
    }
    for leg in &legs {
        line.switch.hang_up(leg, None);
    }
    for leg in &legs {
        let end = line.ended(leg).await.unwrap();
        assert_eq!((end.how, end.status), (EndHow::LocalBye, Some(200)));
    }
    sipp.finish().await.unwrap();
    assert!(lossy.lost() > 0 && line.switch.stats().retransmissions > 0, "messages were really lost");
    line.switch.shutdown().await;
}

#[tokio::test]
async fn hold_and_resume_in_all_spellings() {
    let (_stage, mut sipp, mut line) = begin("hold", &Play::default(), |_| ()).await;
    let leg = line.call("hold").await.unwrap();
    let mut times = 0;
    let until = |k: &EventKind| matches!(k, EventKind::Held { held: false }).then_some(());
    while times < 3 {
        line.until_next(&leg, "resume", Duration::from_secs(20), until).await.unwrap();
        times += 1;
    }
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(line.holds(), [true, false, true, false, true, false], "sendonly, inactive, 0.0.0.0");
    let end = over(&mut line, &leg, &mut sipp).await;
    assert_eq!(end.how, EndHow::LocalBye);
}

#[tokio::test]
async fn a_reinvite_without_a_description_is_offered_ours() {
    let (_stage, mut sipp, mut line) = begin("delayed_offer", &Play::default(), |_| ()).await;
    let leg = line.call("delayed").await.unwrap();
    line.answered(&leg).await.unwrap();
    tokio::time::sleep(Duration::from_millis(900)).await;
    let end = over(&mut line, &leg, &mut sipp).await;
    assert_eq!(end.how, EndHow::LocalBye, "the call goes on after it");
}

#[tokio::test]
async fn a_longer_session_interval_is_agreed() {
    let (_stage, mut sipp, mut line) = begin("min_se", &Play::default(), |trunk| {
        trunk.session_expires = Some(Duration::from_secs(90));
    })
    .await;
    let leg = line.call("interval").await.unwrap();
    line.answered(&leg).await.unwrap();
    over(&mut line, &leg, &mut sipp).await;
}

#[tokio::test]
async fn probes_end_as_the_far_side_says() {
    for (scenario, wanted) in [
        ("probe_gone", EndHow::ProbeGone),
        ("probe_silent", EndHow::ProbeSilent),
        ("probe_challenged", EndHow::ProbeChallenged),
    ] {
        let (_stage, mut sipp, mut line) = begin(scenario, &Play::default(), password).await;
        let record = line.draft("probed").unwrap();
        line.switch.discard(&record);
        let leg = line.switch.probe(record);
        let end = line.ended(&leg).await.unwrap();
        assert_eq!((end.how, end.rang), (wanted, false), "{scenario}");
        sipp.finish().await.unwrap();
        let invites = sipp.received("INVITE");
        assert!(invites.iter().all(|i| !i.contains("uthorization")), "{scenario}: {invites:?}");
        line.switch.shutdown().await;
    }
}

#[tokio::test]
async fn a_probed_call_that_rings_goes_on() {
    let (_stage, mut sipp, mut line) = begin("probe_rings", &Play::default(), |_| ()).await;
    let record = line.draft("probed").unwrap();
    line.switch.discard(&record);
    let leg = line.switch.probe(record);
    line.answered(&leg).await.unwrap();
    let end = over(&mut line, &leg, &mut sipp).await;
    assert_eq!((end.how, end.rang, end.answered), (EndHow::LocalBye, true, true));
}

#[tokio::test]
async fn by_tcp_a_call_is_the_same() {
    let play = Play { transport: "t1", ..Play::default() };
    let (_stage, mut sipp, mut line) = begin("answer", &play, |trunk| trunk.transport = Transport::Tcp).await;
    let leg = line.call("stream").await.unwrap();
    line.answered(&leg).await.unwrap();
    let end = over(&mut line, &leg, &mut sipp).await;
    assert_eq!((end.how, end.rang), (EndHow::LocalBye, true));
    assert_eq!(sipp.received("INVITE").len(), 1);
}
