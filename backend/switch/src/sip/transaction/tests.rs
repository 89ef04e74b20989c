use super::*;

const T: Timing = Timing { t1: Duration::from_millis(500) };

/// Milliseconds after `start` at which the machine acts, with what it does, until it is gone.
fn run(mut next: impl FnMut(Instant) -> (Option<Instant>, Due), start: Instant) -> Vec<(u128, Due)> {
    let mut out = Vec::new();
    let (mut at, _) = next(start);
    while let Some(t) = at {
        let (following, due) = next(t);
        out.push((t.duration_since(start).as_millis(), due));
        if due.gone {
            break;
        }
        at = following;
    }
    out
}

fn drive_client(c: &mut Client, start: Instant) -> Vec<(u128, Due)> {
    run(
        |now| {
            let due = c.on_timer(now);
            (c.next(), due)
        },
        start,
    )
}

#[test]
fn an_invite_is_repeated_with_doubling_and_given_up_after_32_s() {
    let now = Instant::now();
    let acts = drive_client(&mut Client::new(true, false, T, now), now);
    let at: Vec<_> = acts.iter().map(|a| a.0).collect();
    assert_eq!(at, [500, 1500, 3500, 7500, 15_500, 31_500, 32_000]);
    assert!(acts[..6].iter().all(|a| a.1.resend));
    assert_eq!(acts[6].1, Due { timed_out: true, gone: true, resend: false });
}

#[test]
fn another_request_is_repeated_no_slower_than_t2() {
    let now = Instant::now();
    let acts = drive_client(&mut Client::new(false, false, T, now), now);
    let at: Vec<_> = acts.iter().map(|a| a.0).collect();
    assert_eq!(at, [500, 1500, 3500, 7500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500, 32_000]);
}

#[test]
fn nothing_is_repeated_on_a_stream() {
    let now = Instant::now();
    let acts = drive_client(&mut Client::new(true, true, T, now), now);
    assert_eq!(acts.iter().map(|a| a.0).collect::<Vec<_>>(), [32_000]);
}

#[test]
fn ringing_has_no_end_of_its_own() {
    let now = Instant::now();
    let mut c = Client::new(true, false, T, now);
    assert!(c.on_response(180, now).pass);
    assert_eq!(c.next(), None);
    assert!(c.answered() && !c.is_final());
}

#[test]
fn every_2xx_goes_up_and_every_refusal_is_acknowledged() {
    let now = Instant::now();
    let mut c = Client::new(true, false, T, now);
    for _ in 0..3 {
        assert_eq!(c.on_response(200, now), Reaction { pass: true, ..Reaction::default() });
    }
    assert_eq!(c.on_response(486, now), Reaction::default());
    let mut c = Client::new(true, false, T, now);
    assert_eq!(c.on_response(486, now), Reaction { pass: true, ack: true, gone: false });
    assert_eq!(c.on_response(486, now), Reaction { pass: false, ack: true, gone: false });
    assert!(c.on_response(200, now).pass, "a 2xx that overtook the refusal");
    assert_eq!(c.on_response(180, now), Reaction::default());
    assert_eq!(drive_client(&mut c, now).last().map(|a| a.0), Some(32_000));
}

#[test]
fn a_server_repeats_its_2xx_until_the_ack_on_any_transport() {
    let now = Instant::now();
    for reliable in [false, true] {
        let mut s = Server::new(true, reliable, T);
        assert!(s.respond(180, now) && s.respond(200, now) && !s.respond(486, now));
        let due = s.on_timer(now + T.t1);
        assert!(due.resend);
        assert!(s.on_ack(now + T.t1) && !s.on_ack(now + T.t1));
        assert!(!s.on_timer(now + T.t1 * 2).resend);
    }
    let mut s = Server::new(true, false, T);
    s.respond(200, now);
    assert_eq!(s.on_timer(now + T.timeout()), Due { timed_out: true, gone: true, resend: false });
}

#[test]
fn a_server_repeats_a_refusal_only_over_udp() {
    let now = Instant::now();
    let mut udp = Server::new(true, false, T);
    udp.respond(486, now);
    assert_eq!(udp.next(), Some(now + T.t1));
    assert!(udp.on_ack(now) && !udp.repeats_answer());
    assert_eq!(udp.next(), Some(now + T.t4()));
    let mut tcp = Server::new(true, true, T);
    tcp.respond(486, now);
    assert_eq!(tcp.next(), Some(now + T.timeout()));
    let mut bye = Server::new(false, false, T);
    bye.respond(200, now);
    assert_eq!(bye.on_timer(now + T.timeout()), Due { timed_out: false, gone: true, resend: false });
}
