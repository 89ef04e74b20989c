use std::time::Duration;

use super::*;
use crate::media::{Codec, Prompt};

fn stream(codec: Codec) -> Stream {
    Stream {
        remote: "127.0.0.1:9".parse().expect("addr"),
        rtcp: "127.0.0.1:10".parse().expect("addr"),
        signalled: None,
        codec,
        pt: codec.payload_type(),
        receive_types: vec![(8, Codec::Pcma), (0, Codec::Pcmu)],
        event_pt: Some(97),
        local_event_pt: Some(101),
        send: true,
        receive: true,
    }
}

type Packet = (packet::Header, Vec<u8>);

fn ticks(s: &mut Sender, stream: &Stream, n: usize) -> (Vec<Packet>, Vec<(usize, Ended)>) {
    let (mut out, mut ended) = (Vec::new(), Vec::new());
    for i in 0..n {
        if let Some(e) = s.tick(stream, false, |p| {
            let h = packet::parse(p).expect("packet");
            out.push((h, p[h.start..h.end].to_vec()));
            true
        }) {
            ended.push((i, e));
        }
    }
    (out, ended)
}

fn unbroken(packets: &[Packet]) {
    for w in packets.windows(2) {
        assert_eq!(w[1].0.seq, w[0].0.seq.wrapping_add(1));
        assert_eq!(w[1].0.ts, w[0].0.ts.wrapping_add(160));
        assert_eq!(w[1].0.ssrc, w[0].0.ssrc);
    }
}

#[test]
fn prompts_follow_each_other_without_a_break() {
    let a = Prompt::from_pcm("a", &[1000; 320]);
    let b = Prompt::from_pcm("b", &[-2000; 160]);
    let mut s = Sender::new(0xffff_ffff_ffff_fff0);
    let st = stream(Codec::Pcmu);
    let play = Play { times: 2, gap: Duration::from_millis(40), ..Play::once(7, vec![a, b]) };
    assert_eq!(s.play(play), None);
    let (packets, ended) = ticks(&mut s, &st, 12);
    unbroken(&packets);
    let code = |x: i16| Codec::Pcmu.encode(x);
    let heard: Vec<u8> = packets.iter().map(|p| p.1[0]).collect();
    let (x, y, q) = (code(1000), code(-2000), 0xff);
    assert_eq!(heard, [x, x, y, q, q, x, x, y, q, q, q, q]);
    assert_eq!(ended, [(8, Ended { token: 7, completed: true, played_ms: 120 })]);
    assert!(packets[0].0.marker && !packets[1].0.marker);
}

#[test]
fn a_play_that_is_replaced_or_stopped_says_how_far_it_came() {
    let p = Prompt::from_pcm("a", &[1; 1600]);
    let mut s = Sender::new(1);
    let st = stream(Codec::Pcma);
    s.play(Play::once(1, vec![p.clone()]));
    ticks(&mut s, &st, 3);
    let replaced = s.play(Play { stop_on_digit: true, ..Play::once(2, vec![p.clone()]) });
    assert_eq!(replaced, Some(Ended { token: 1, completed: false, played_ms: 60 }));
    ticks(&mut s, &st, 2);
    assert_eq!(s.heard_key(), Some(Ended { token: 2, completed: false, played_ms: 40 }));
    s.play(Play::once(3, vec![p]));
    assert_eq!(s.heard_key(), None);
    let (_, ended) = {
        s.play(Play::once(4, Vec::new()));
        ticks(&mut s, &st, 1)
    };
    assert_eq!(ended[0].1, Ended { token: 4, completed: false, played_ms: 0 });
}

#[test]
fn keys_are_events_with_one_timestamp_and_three_ends() {
    let mut s = Sender::new(5);
    let st = stream(Codec::Pcma);
    s.press("5#", true);
    let (packets, _) = ticks(&mut s, &st, 21);
    let events: Vec<&Packet> = packets.iter().filter(|p| p.0.pt == 97).collect();
    assert_eq!(events.len(), 16);
    for key in events.chunks(8) {
        assert!(key.iter().all(|p| p.0.ts == key[0].0.ts));
        assert_eq!(key.iter().filter(|p| p.1[1] & 0x80 != 0).count(), 3);
        assert!(key[0].0.marker && key[1..].iter().all(|p| !p.0.marker));
        assert_eq!(&key[7].1[2..], &800u16.to_be_bytes());
    }
    assert_eq!((events[0].1[0], events[8].1[0]), (5, 11));
    for w in packets.windows(2) {
        assert_eq!(w[1].0.seq, w[0].0.seq.wrapping_add(1));
    }
    assert_eq!(events[8].0.ts.wrapping_sub(events[0].0.ts), 1600, "100 ms key, 100 ms pause");
}

#[test]
fn without_events_keys_are_tones() {
    let mut s = Sender::new(5);
    let st = stream(Codec::Pcma);
    s.press("0,9x", false);
    let (packets, _) = ticks(&mut s, &st, 60);
    unbroken(&packets);
    let mut found = String::new();
    let mut d = super::super::inband::Detector::default();
    let pcm = packets.iter().flat_map(|p| p.1.iter().map(|b| Codec::Pcma.decode(*b)));
    d.push(pcm, |k| found.push(k));
    assert_eq!(found, "09");
}

#[test]
fn a_relay_keeps_gaps_and_gives_the_numbers_back() {
    let mut s = Sender::new(99);
    let st = stream(Codec::Pcma);
    let (own, _) = ticks(&mut s, &st, 2);
    let mut last = own[1].0.seq;
    let mut ts = own[1].0.ts;
    for (i, seq) in [500u16, 501, 503].into_iter().enumerate() {
        let mut data = [0u8; 172];
        packet::write(&mut data, false, 0, seq, u32::from(seq) * 160, 42);
        let h = packet::parse(&data).expect("header");
        s.relay(&h, &mut data, 8);
        let out = packet::parse(&data).expect("header");
        let step = if i == 2 { 2 } else { 1 };
        assert_eq!(out.seq, last.wrapping_add(step));
        assert_eq!(out.ts, ts.wrapping_add(160 * u32::from(step)));
        assert_eq!((out.ssrc, out.pt, out.marker), (s.ssrc, 8, i == 0));
        (last, ts) = (out.seq, out.ts);
        s.tick(&st, true, |_| panic!("nothing of our own in a bridge"));
    }
    let (after, _) = ticks(&mut s, &st, 1);
    assert_eq!(after[0].0.seq, last.wrapping_add(1));
    assert!(after[0].0.marker);
}

#[test]
fn a_play_is_complete_only_if_its_packets_were_really_sent() {
    let st = stream(Codec::Pcma);
    let prompt = || Prompt::from_pcm("a", &[1000; 160 * 20]);
    let run = |prompts: Vec<_>, takes: fn(usize) -> bool| {
        let mut s = Sender::new(7);
        s.play(Play::once(1, prompts));
        let mut n = 0;
        (0..30).find_map(|_| {
            s.tick(&st, false, |_| {
                n += 1;
                takes(n)
            })
        })
    };
    assert!(run(vec![prompt()], |_| true).expect("ended").completed);
    assert!(run(vec![prompt()], |n| n != 3).expect("ended").completed, "one packet is no matter");
    assert!(!run(vec![prompt()], |n| n % 2 == 0).expect("ended").completed);
    assert!(!run(vec![], |_| true).expect("ended").completed, "nothing was to be heard");
}
