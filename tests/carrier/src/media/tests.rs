//! RTP of one call without sockets, and keys in audio.

use super::{
    Open, Voice, dtmf,
    rtp::{self, Header},
    session::Session,
};
use crate::{
    config::{Audio, DtmfKind},
    truth::TruthEvent,
};

fn open() -> Open {
    Open {
        call: 1,
        base: TruthEvent::default(),
        socket: 0,
        remote: None,
        payload: 8,
        events: Some(101),
        sending: true,
        voice: Voice::Phone(Audio::Silence),
        keep: true,
        silence_ms: None,
        loss: 0.0,
        other_source: false,
        inject: false,
        seed: 1,
    }
}

fn packet(pt: u8, seq: u16, timestamp: u32, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    rtp::write(&mut out, Header { payload_type: pt, seq, timestamp, ssrc }, false, payload);
    out
}

#[test]
fn loss_order_and_wrap_around_are_counted() {
    let mut session = Session::new(0, open());
    for (at, n) in [0u32, 1, 3, 2, 5, 6].into_iter().enumerate() {
        let seq = 65_533u16.wrapping_add(n as u16);
        session.arrived(at as u64 * 20, &packet(8, seq, n * 160, 7, &[n as u8; 160]));
    }
    let figures = session.close();
    assert_eq!((figures.packets, figures.lost, figures.ssrcs), (6, 1, 1));
    assert_eq!((figures.first_seq, figures.last_seq), (65_533, 3));
    assert_eq!(session.recording.len(), 7 * 160);
    assert_eq!((session.recording[2 * 160], session.recording[4 * 160]), (2, 0xd5));
}

#[test]
fn second_source_goes_on_behind_the_first() {
    let mut session = Session::new(0, open());
    session.arrived(0, &packet(8, 1, 1_000, 1, &[1; 160]));
    session.arrived(20, &packet(8, 900, 77, 2, &[2; 160]));
    assert_eq!(session.recording[160], 2);
    let figures = session.close();
    assert_eq!((figures.ssrcs, figures.lost, figures.packets), (2, 0, 2));
}

#[test]
fn key_is_heard_once_however_often_its_packets_come() {
    let mut session = Session::new(0, open());
    let mut keys = String::new();
    for (n, digit) in [(0u32, 5u8), (1, 5), (2, 11)] {
        for seq in 0..10 {
            keys.extend(session.arrived(0, &packet(101, seq, n * 4_000, 1, &[digit, 0x0a, 0, 160])));
        }
    }
    assert_eq!(keys, "55#");
}

#[test]
fn what_one_session_sends_another_understands() {
    for (kind, events) in
        [(DtmfKind::Rfc4733, Some(101)), (DtmfKind::Inband, Some(101)), (DtmfKind::Rfc4733, None)]
    {
        let mut sender = Session::new(0, Open { events, ..open() });
        let mut receiver = Session::new(0, open());
        sender.press("159*0#", kind);
        let (mut heard, mut out) = (String::new(), Vec::new());
        for n in 0..200u64 {
            if sender.next_packet(n * 20, &mut out) {
                heard.extend(receiver.arrived(n * 20, &out));
            }
        }
        if kind == DtmfKind::Inband || events.is_none() {
            let audio: Vec<i16> = receiver.recording.iter().map(|b| super::g711::decode(8, *b)).collect();
            heard = dtmf::find(&audio);
        }
        assert_eq!(heard, "159*0#", "{kind:?} {events:?}");
    }
}

#[test]
fn all_keys_in_tones_and_none_in_noise() {
    let mut audio = Vec::new();
    for key in "1234567890*#11".chars() {
        audio.extend((0..480).map(|n| dtmf::tone(key, n)));
        audio.extend([0i16; 480]);
    }
    assert_eq!(dtmf::find(&audio), "1234567890*#11");
    let mut rng = crate::rng::Rng::new(3);
    let noise: Vec<i16> = (0..80_000).map(|_| (rng.next() as i16) / 4).collect();
    assert_eq!(dtmf::find(&noise), "");
    let sine: Vec<i16> = (0..80_000).map(|n| ((n as f32 * 0.6).sin() * 9_000.0) as i16).collect();
    assert_eq!(dtmf::find(&sine), "");
}

#[test]
fn malformed_packets_are_ignored() {
    assert_eq!(rtp::parse(&[0x80; 11]), None);
    assert_eq!(rtp::parse(&[0x00; 40]), None);
    let mut extended = packet(8, 1, 1, 1, &[9; 8]);
    extended[0] |= 0x10;
    extended[14..16].copy_from_slice(&[0, 1]);
    assert_eq!(rtp::parse(&extended).map(|(_, p)| p.len()), Some(0));
    extended[14..16].copy_from_slice(&[0xff, 0xff]);
    assert_eq!(rtp::parse(&extended), None);
    let rtcp = packet(200 & 0x7f, 1, 1, 1, &[0; 8]);
    assert_eq!(rtp::parse(&rtcp), None);
}

#[test]
fn late_voice_is_late() {
    let mut session = Session::new(0, Open { voice: Voice::After(100, Audio::Tone), ..open() });
    let mut out = Vec::new();
    let sent: Vec<bool> = (0..8u64).map(|n| session.next_packet(n * 20, &mut out)).collect();
    assert_eq!(sent, [false, false, false, false, false, true, true, true]);
}
