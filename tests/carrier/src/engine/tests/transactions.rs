//! Server transactions: what is a retransmission, what is a new call, in each profile.

use super::*;

const ANSWER: &str = "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 100\nring_ms = 1000\nuntil_end = true\n";
const BUSY: &str = "[defaults]\nbehaviour = \"busy\"\ndelay_ms = 0\n";

const ALL: [Profile; 4] = [Profile::Rfc3261, Profile::Rfc6026, Profile::Forgetful, Profile::NoRequire];

#[test]
fn repeated_invite_rings_once_in_every_profile() {
    for profile in ALL {
        let mut lab = Lab::new(profile, ANSWER);
        let caller = Caller::default();
        lab.send(&caller.invite());
        lab.send(&caller.invite());
        assert_eq!(lab.statuses("INVITE"), [100, 100]);
        lab.pass(500);
        lab.send(&caller.invite());
        assert_eq!(lab.statuses("INVITE"), [100, 100, 180, 180]);
        assert_eq!((lab.count("alerted"), lab.count("invite"), lab.count("retransmission")), (1, 1, 2));
    }
}

#[test]
fn probe_of_a_ringing_call_is_a_retransmission_even_on_a_new_connection() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut lab = Lab::new(Profile::Rfc3261, ANSWER);
        lab.transport = transport;
        lab.send(&Caller::default().invite());
        lab.pass(500);
        lab.send(&Caller::default().probe());
        assert_eq!(lab.statuses("INVITE"), [100, 180, 180]);
        assert_eq!(lab.last("retransmission").probe, Some(true));
    }
}

#[test]
fn probe_of_an_unknown_call_is_refused_and_rings_only_where_require_is_ignored() {
    for profile in ALL {
        let mut lab = Lab::new(profile, ANSWER);
        lab.send(&Caller::default().probe());
        lab.pass(300);
        if profile == Profile::NoRequire {
            assert_eq!(lab.statuses("INVITE"), [100, 180]);
            assert_eq!(lab.count("alerted"), 1);
        } else {
            assert_eq!(lab.statuses("INVITE"), [420]);
            assert_eq!(lab.sent[0].get("Unsupported"), Some("no-such, no-such").map(|_| "no-such"));
            assert_eq!((lab.count("alerted"), lab.count("refused")), (0, 1));
            assert_eq!(lab.last("invite").probe, Some(true));
        }
    }
}

#[test]
fn probe_after_a_2xx_follows_the_profile() {
    // Profile, and what a probe 1 s, 6 s and 33 s after the answer gets (None: silence).
    let table = [
        (Profile::Rfc3261, [Some(420), Some(420), Some(420)]),
        (Profile::Rfc6026, [None, None, Some(420)]),
        (Profile::Forgetful, [None, Some(420), Some(420)]),
    ];
    for (profile, expected) in table {
        for (wait, expected) in [1_000, 6_000, 33_000].into_iter().zip(expected) {
            let mut lab = Lab::new(profile, ANSWER);
            lab.talk_after(1_100);
            lab.pass(wait);
            let before = lab.statuses("INVITE").len();
            lab.send(&Caller::default().probe());
            assert_eq!(lab.statuses("INVITE").get(before).copied(), expected, "{profile:?} after {wait}");
            assert_eq!(lab.count("alerted"), 1);
        }
    }
}

#[test]
fn plain_invite_after_a_2xx_rings_again_only_where_the_transaction_is_gone() {
    for (profile, rings) in [(Profile::Rfc3261, 2), (Profile::Rfc6026, 1)] {
        let mut lab = Lab::new(profile, ANSWER);
        lab.talk_after(1_100);
        lab.pass(1_000);
        lab.send(&Caller::default().invite());
        lab.pass(300);
        assert_eq!(lab.count("alerted"), rings, "{profile:?}");
    }
}

#[test]
fn another_branch_of_a_known_call_is_merged() {
    for profile in ALL {
        let mut lab = Lab::new(profile, ANSWER);
        lab.send(&Caller::default().invite());
        lab.pass(300);
        lab.send(&Caller { branch: "z9hG4bKtwo", ..Caller::default() }.invite());
        assert_eq!(lab.statuses("INVITE"), [100, 180, 482]);
        assert_eq!((lab.count("alerted"), lab.count("merged")), (1, 1));
        // Also while the answered call lives.
        lab.pass(1_500);
        lab.send(&Caller { branch: "z9hG4bKthree", ..Caller::default() }.invite());
        assert_eq!(lab.count("merged"), 2, "{profile:?}");
        assert_eq!(lab.count("alerted"), 1);
    }
}

#[test]
fn refusal_is_repeated_until_its_ack_and_then_absorbs() {
    let mut lab = Lab::new(Profile::Rfc3261, BUSY);
    let caller = Caller::default();
    lab.send(&caller.invite());
    lab.pass(3_600);
    // 0, 0.5, 1.5, 3.5 s
    assert_eq!(lab.statuses("INVITE"), [100, 486, 486, 486, 486]);
    lab.send(&caller.ack());
    assert_eq!(lab.last("acked").status, Some(486));
    lab.pass(4_000);
    lab.send(&caller.probe());
    assert_eq!(lab.statuses("INVITE").len(), 5, "Timer I absorbs");
    lab.pass(2_000);
    lab.send(&caller.probe());
    assert_eq!(lab.statuses("INVITE").last(), Some(&420));
}

#[test]
fn refusal_without_ack_is_given_up_after_32_s() {
    let mut lab = Lab::new(Profile::Rfc3261, BUSY);
    lab.send(&Caller::default().invite());
    lab.pass(120_000);
    assert_eq!(lab.statuses("INVITE").iter().filter(|s| **s == 486).count(), 11);
    assert!(lab.engine.server.is_empty() && lab.engine.known.is_empty() && lab.engine.calls.is_empty());
}

#[test]
fn refusal_over_tcp_is_sent_once_and_forgotten_at_the_ack() {
    let mut lab = Lab::new(Profile::Rfc3261, BUSY);
    lab.transport = Transport::Tcp;
    let caller = Caller { transport: "TCP", ..Caller::default() };
    lab.send(&caller.invite());
    lab.pass(10_000);
    assert_eq!(lab.statuses("INVITE"), [100, 486]);
    lab.send(&caller.invite());
    assert_eq!(lab.statuses("INVITE"), [100, 486, 486]);
    lab.send(&caller.ack());
    lab.send(&caller.probe());
    assert_eq!(lab.statuses("INVITE").last(), Some(&420));
}

#[test]
fn forgetful_forgets_a_refusal_after_5_s_and_over_tcp_at_once() {
    let mut lab = Lab::new(Profile::Forgetful, BUSY);
    lab.send(&Caller::default().invite());
    lab.pass(4_900);
    lab.send(&Caller::default().probe());
    assert_eq!(lab.statuses("INVITE").last(), Some(&486));
    lab.pass(200);
    lab.send(&Caller::default().probe());
    assert_eq!(lab.statuses("INVITE").last(), Some(&420));

    let mut lab = Lab::new(Profile::Forgetful, BUSY);
    lab.transport = Transport::Tcp;
    lab.send(&Caller::default().invite());
    lab.send(&Caller::default().probe());
    assert_eq!(lab.statuses("INVITE"), [100, 486, 420]);
}

#[test]
fn cancel_while_ringing_ends_in_487() {
    let mut lab = Lab::new(Profile::Rfc3261, ANSWER);
    lab.send(&Caller::default().invite());
    lab.pass(300);
    lab.send(&Caller::default().cancel());
    assert_eq!(lab.statuses("CANCEL"), [200]);
    assert_eq!(lab.statuses("INVITE"), [100, 180, 487]);
    assert_eq!((lab.count("cancelled"), lab.count("ended")), (1, 1));
    lab.pass(100_000);
    assert_eq!(lab.count("answered"), 0);
    assert!(lab.engine.calls.is_empty() && lab.engine.dialogs.is_empty());
}

#[test]
fn cancel_of_nothing_is_481() {
    let mut lab = Lab::new(Profile::Rfc3261, ANSWER);
    lab.send(&Caller::default().cancel());
    assert_eq!(lab.statuses("CANCEL"), [481]);
}

#[test]
fn answer_is_repeated_until_its_ack_or_given_up_with_a_bye() {
    let mut lab = Lab::new(Profile::Rfc3261, ANSWER);
    lab.send(&Caller::default().invite());
    lab.pass(1_100);
    lab.pass(3_600);
    assert_eq!(lab.answered_tags().len(), 1);
    assert_eq!(lab.statuses("INVITE").iter().filter(|s| **s == 200).count(), 4);
    lab.pass(32_000);
    assert_eq!(lab.last("ended").reason.as_deref(), Some("no_ack"));
    assert!(!lab.requests("BYE").is_empty());
    lab.pass(40_000);
    assert!(lab.engine.calls.is_empty() && lab.engine.dialogs.is_empty() && lab.engine.known.is_empty());
}

#[test]
fn truth_of_a_ring_comes_before_its_180() {
    let config = Config::new(Settings::parse(ANSWER).unwrap(), "unused");
    let mut lab = Lab::with(&config);
    let flow = lab.flow();
    lab.engine.receive(START, flow, Caller::default().invite().as_bytes());
    lab.engine.take();
    lab.engine.run_timers(START + 100);
    let out = lab.engine.take();
    let alerted = out.iter().position(|o| matches!(o, Output::Truth(e) if e.event == "alerted")).unwrap();
    let ringing = out.iter().position(|o| matches!(o, Output::Send { .. })).unwrap();
    assert!(alerted < ringing);
}

#[test]
fn damage_is_the_same_for_the_same_seed_and_spares_streams() {
    let run = |transport| {
        let mut config = Config::new(Settings::parse(BUSY).unwrap(), "unused");
        config.network.loss = 0.5;
        config.seed = 7;
        let mut lab = Lab::with(&config);
        lab.transport = transport;
        for _ in 0..40 {
            lab.send(&Caller::default().invite());
        }
        lab.statuses("INVITE")
    };
    assert_eq!(run(Transport::Udp), run(Transport::Udp));
    assert!(run(Transport::Udp).len() < 25);
    assert_eq!(run(Transport::Tcp).len(), 41);
}
