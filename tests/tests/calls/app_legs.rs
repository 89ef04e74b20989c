//! The switch alone: an app's leg over WebRTC and a telephone's over SIP, joined like any two, with sound that is measured.

use super::exchange::{header, linear, loudness, mostly, share};
use super::switch_stage::{PATIENCE, SwitchStage};
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_switch::{EndHow, EventKind, FileKey, LegId, Play, Prompt, RecordSpec, Sealed, SwitchError};
use waybell_tests::peers::app::App;

/// The channels of a recording.
fn channels(path: &Path, key: &FileKey) -> [Vec<i16>; 2] {
    let mut file = Sealed::open(path, key).unwrap();
    let mut bytes = vec![0; file.bytes() as usize];
    let mut at = 0;
    while at < bytes.len() {
        at += file.read_at(at as u64, &mut bytes[at..]).unwrap();
    }
    [0, 1].map(|n| bytes[58..].iter().skip(n).step_by(2).map(|b| linear(*b)).collect())
}

/// Whether the app hears a tone for half a second, within ten seconds.
pub(crate) fn hears(app: &App, hertz: u32) -> bool {
    app.heard();
    (0..16).any(|_| {
        std::thread::sleep(Duration::from_millis(600));
        let heard = app.heard();
        share(&heard[heard.len().saturating_sub(4_000)..], hertz) > 0.8
    })
}

#[test]
fn an_app_and_a_telephone_hear_each_other_and_the_recording_has_both() {
    let mut stage = SwitchStage::new();
    let (courier, app) = stage.app("app-1");
    let (customer, telephone) = stage.telephone("a1");
    // prompts and keys, as with any leg
    let wave: Vec<i16> = (0..8_000).map(|i| ((f64::from(i) * 0.45 * 0.785).sin() * 8_000.0) as i16).collect();
    stage.switch.play(&courier, Play::once(7, vec![Prompt::from_pcm("tone", &wave)]));
    let played = stage.until(&courier, "play", |k| match k {
        EventKind::PlayEnded { token: 7, completed, .. } => Some(*completed),
        _ => None,
    });
    assert!(played && loudness(&app.heard()) > 100.0, "the app hears prompts");
    app.presses(5);
    let digit = |k: &EventKind| match k {
        EventKind::Digit { digit, .. } => Some(*digit),
        _ => None,
    };
    assert_eq!(stage.until(&courier, "key", digit), '5');
    stage.switch.send_digits(&courier, "9");
    let until = Instant::now() + PATIENCE;
    while app.keys().is_empty() && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(app.keys(), [9], "and the app hears keys");

    stage.joins(&customer, &courier);
    assert!(matches!(stage.switch.bridge(&customer, &courier), Err(SwitchError::BadState(_))));
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("call");
    let key = FileKey::new([1; 16], &[7; 32]).unwrap();
    let spec = RecordSpec { path: path.clone(), key: key.clone(), cut_silence: false };
    let recorded = stage.switch.record(spec, &customer, Some(&courier));
    telephone.line.says(700);
    app.says(1_100);
    assert!(telephone.line.hears(1_100), "the telephone hears the app");
    assert!(hears(&app, 700), "the app hears the telephone");
    // a rider's network: one packet in ten is lost
    app.loses(10);
    assert!(telephone.line.hears(1_100), "also where packets are lost");
    app.loses(0);

    stage.switch.hang_up(&courier, None);
    let end = stage.ended(&courier);
    assert_eq!((end.how, end.answered), (EndHow::LocalBye, true));
    assert!(end.rtp.received > 100 && end.rtp.sent > 100, "{:?}", end.rtp);
    stage.switch.hang_up(&customer, None);
    let mut telephone = telephone;
    telephone.is_hung_up_on();
    stage.ended(&customer);
    let end = stage.runtime.block_on(recorded).unwrap();
    assert_eq!((end.problem.as_deref(), end.lost), (None, 0));
    let sound = channels(&path, &key);
    assert!(mostly(&sound[0], 700), "the telephone on the left");
    assert!(mostly(&sound[1], 1_100), "the app on the right");
    assert_eq!(stage.switch.stats().legs, 0);
    for text in &telephone.heard {
        assert!(!text.contains("opus") && !header(text, "From").contains("app"), "{text}");
    }
}

#[test]
fn another_network_keeps_the_leg_and_its_sound() {
    let mut stage = SwitchStage::new();
    let (courier, app) = stage.app("app-1");
    let (customer, telephone) = stage.telephone("a1");
    stage.joins(&customer, &courier);
    app.says(1_100);
    telephone.line.says(700);
    assert!(telephone.line.hears(1_100));
    for _ in 0..2 {
        stage.offers(&courier, &app);
        assert!(telephone.line.hears(1_100), "over the new network");
        assert!(hears(&app, 700), "and back");
    }
    stage.switch.app_hold(&courier, true);
    stage.until(&courier, "hold", |k| matches!(k, EventKind::Held { held: true }).then_some(()));
    std::thread::sleep(Duration::from_millis(500));
    telephone.line.heard();
    std::thread::sleep(Duration::from_millis(600));
    assert!(loudness(&telephone.line.heard()) < 50.0, "nothing is taken from an app on hold");
    stage.switch.app_hold(&courier, false);
    assert!(telephone.line.hears(1_100), "until it is back");
    assert!(hears(&app, 700));
}

#[test]
fn an_app_that_vanishes_ends_and_one_that_makes_no_sense_is_refused() {
    let mut stage = SwitchStage::new();
    let (courier, app) = stage.app("app-1");
    let (customer, telephone) = stage.telephone("a1");
    stage.joins(&customer, &courier);
    let leg = LegId::new("bad");
    // formats that the stream does not have, one of them twice: what reads them must not take the others' calls along
    let good = App::new().unwrap().offer().unwrap();
    let mut lines: Vec<String> = good
        .lines()
        .filter(|l| !l.starts_with("a=rtpmap") && !l.starts_with("a=fmtp"))
        .map(str::to_owned)
        .collect();
    lines
        .iter_mut()
        .filter(|l| l.starts_with("m=audio "))
        .for_each(|l| *l = "m=audio 9 UDP/TLS/RTP/SAVPF 0".into());
    lines.extend(
        ["a=rtpmap:111 opus/48000/2", "a=rtpmap:111 rtx/48000", "a=fmtp:111 apt=111"].map(str::to_owned),
    );
    let twisted = lines.join("\r\n") + "\r\n";
    for offer in
        ["", "v=0", &"m=audio\r\n".repeat(3_000), "v=0\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n", &twisted]
    {
        let refused = stage.runtime.block_on(stage.switch.app_offer(&leg, offer));
        assert!(matches!(refused, Err(SwitchError::Description(_))), "{refused:?}");
        assert_eq!(stage.ended(&leg).how, EndHow::BadMedia);
        stage.told.clear();
    }
    // neither a bad candidate nor a bad second offer touches a leg that lives
    for candidate in ["", "candidate:x", "candidate:1 1 udp 1 300.1.1.1 99999 typ host", &"x".repeat(4_000)] {
        stage.switch.app_candidate(&courier, candidate);
    }
    let refused = stage.runtime.block_on(stage.switch.app_offer(&courier, "v=0"));
    assert!(matches!(refused, Err(SwitchError::Description(_))), "{refused:?}");
    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = stage.switch.app_addr().unwrap();
    for n in 0..300u16 {
        let junk: Vec<u8> = (0..n).map(|i| (i.wrapping_mul(31) ^ n) as u8).collect();
        stranger.send_to(&junk, port).unwrap();
    }
    app.says(1_100);
    assert!(telephone.line.hears(1_100), "it lives");

    app.vanishes();
    assert_eq!(stage.ended(&courier).how, EndHow::MediaTimeout);
    // the other side is alone, and still there
    assert!(stage.switch.bridge(&customer, &courier).is_err());
    let (_courier, _app) = stage.app("app-2");
    assert_eq!(stage.switch.stats().legs, 2);
    stage.runtime.block_on(stage.switch.shutdown());
    assert_eq!(stage.switch.stats().legs, 0, "a shut-down leaves nothing");
}
