//! A sender and a buffer with packets that arrive as each test says. Whole networks are in the crate `waybell-voice`.

use super::*;
use crate::call::codec::{OpusDecoder, OpusEncoder, RATE, Settings};
use crate::call::ladder::Plan;
use crate::call::sender::VoiceSender;
use proptest::prelude::*;

const OPUS: u8 = 111;
const TWO_PACKETS: Duration = Duration::from_millis(40);

#[derive(Clone)]
struct Packet {
    sequence: u16,
    timestamp: u32,
    is_red: bool,
    payload: Vec<u8>,
}

/// Speech-like sound: a voice whose pitch and loudness move.
fn voice(n: usize) -> Vec<f32> {
    let mut phase = 0.0_f32;
    (0..n)
        .map(|i| {
            let t = i as f32 / RATE as f32;
            phase += (120.0 + 30.0 * (t * 5.0).sin()) / RATE as f32;
            let x = phase * std::f32::consts::TAU;
            0.15 * (1.0 + (t * 9.0).sin()) * (x.sin() + 0.6 * (2.0 * x).sin() + 0.4 * (7.0 * x).sin())
        })
        .collect()
}

fn packets(sound: &[f32], copies: &'static [u8], dtx: bool) -> Vec<Packet> {
    let plan = Plan { bitrate: 20_000, packet_ms: 20, copies, expected_loss: 0, dtx };
    let encoder = OpusEncoder::new(Settings { bitrate: plan.bitrate, expected_loss: 0, dtx }).unwrap();
    let mut sender = VoiceSender::new(Box::new(encoder), plan, OPUS, 65_530, u32::MAX - 20_000);
    let mut all = Vec::new();
    for chunk in sound.chunks_exact(160) {
        if let Some(out) = sender.push(chunk).unwrap() {
            let payload = out.payload.to_vec();
            all.push(Packet {
                sequence: out.sequence,
                timestamp: out.timestamp,
                is_red: out.is_red,
                payload,
            });
        }
    }
    all
}

/// Hears packets that arrive at these times (ms), in this order of arrival, for so many ms.
struct Listener {
    playout: PlayoutBuffer,
    heard: Vec<f32>,
    now: u64,
}

impl Listener {
    fn new() -> Listener {
        let decoder = Box::new(OpusDecoder::new(RATE).unwrap());
        Listener { playout: PlayoutBuffer::new(decoder), heard: Vec::new(), now: 0 }
    }

    fn insert(&mut self, at: u64, p: &Packet) {
        let red = p.is_red.then_some(OPUS);
        let arrival = Arrival { sequence: p.sequence, timestamp: p.timestamp, red, payload: &p.payload };
        self.playout.insert(Duration::from_millis(at), &arrival).unwrap();
    }

    fn hear<'a>(&mut self, arrivals: impl IntoIterator<Item = (u64, &'a Packet)>, until: u64) {
        let mut arrivals: Vec<_> = arrivals.into_iter().collect();
        arrivals.sort_by_key(|a| a.0);
        let mut arrivals = arrivals.into_iter().peekable();
        while self.now < until {
            while let Some((at, p)) = arrivals.next_if(|a| a.0 <= self.now) {
                self.insert(at, p);
            }
            let mut out = [f32::NAN; 160];
            self.playout.pull(Duration::from_millis(self.now), &mut out);
            assert!(out.iter().all(|s| s.is_finite() && s.abs() <= 1.0));
            assert!(self.playout.current_delay(Duration::from_millis(self.now)) <= MOST + TWO_PACKETS);
            self.heard.extend_from_slice(&out);
            self.now += 10;
        }
    }
}

fn each_20(n: usize) -> u64 {
    20 * n as u64
}

/// The decoded sound of all packets, none missing.
fn decoded(packets: &[Packet]) -> Vec<f32> {
    let mut decoder = OpusDecoder::new(RATE).unwrap();
    let mut all = Vec::new();
    for p in packets {
        let primary = if p.is_red { red::unpack(&p.payload, OPUS).unwrap().primary() } else { &p.payload };
        let mut out = [0.0; 320];
        let n = decoder.decode(primary, &mut out).unwrap();
        all.extend_from_slice(&out[..n]);
    }
    all
}

/// Whether `part` is in `whole`, sample for sample.
fn is_in(whole: &[f32], part: &[f32]) -> bool {
    whole.windows(part.len()).any(|w| w[0] == part[0] && w == part)
}

fn level(samples: &[f32]) -> f32 {
    (samples.iter().map(|s| s * s).sum::<f32>() / samples.len() as f32).sqrt()
}

#[test]
fn nothing_is_silence() {
    let mut listener = Listener::new();
    listener.hear([], 1_000);
    assert!(listener.heard.iter().all(|s| *s == 0.0) && listener.heard.len() == 16_000);
}

#[test]
fn a_quiet_network_is_heard_to_the_last_bit_past_the_end_of_all_counters() {
    let packets = packets(&voice(64_000), &[], false);
    let mut listener = Listener::new();
    listener.hear(packets.iter().enumerate().map(|(n, p)| (each_20(n), p)), 4_000);
    let counts = listener.playout.counts();
    assert_eq!((counts.packets, counts.guessed_ms, counts.lost, counts.late), (200, 0, 0, 0));
    // what the start's guess put in is taken out by then
    assert!(is_in(&listener.heard, &decoded(&packets)[40_000..60_000]));
    assert!(listener.playout.current_delay(Duration::from_millis(3_999)) <= Duration::from_millis(80));
}

#[test]
fn what_is_lost_is_heard_from_its_copy_to_the_last_bit() {
    for copies in [&[1_u8][..], &[1, 3]] {
        let packets = packets(&voice(160_000), copies, false);
        let mut listener = Listener::new();
        let there = packets.iter().enumerate().filter(|(n, _)| n % 5 != 4);
        listener.hear(there.map(|(n, p)| (each_20(n), p)), 10_000);
        let counts = listener.playout.counts();
        assert!(counts.copies > 60, "{copies:?}: {counts:?}");
        assert!(counts.lost <= 4, "only until the losses were noticed: {counts:?}");
        // but for where the delay was still brought to its target
        let blocks =
            decoded(&packets)[100_000..150_000].chunks(1_000).map(<[f32]>::to_vec).collect::<Vec<_>>();
        let same = blocks.iter().filter(|b| is_in(&listener.heard, b)).count();
        assert!(same >= 48, "{copies:?}: {same} of {}, {counts:?}", blocks.len());
    }
}

#[test]
fn what_comes_twice_or_in_disorder_is_heard_once_and_in_order() {
    let packets = packets(&voice(160_000), &[], false);
    let mut listener = Listener::new();
    let late = |n: usize| if n % 7 == 3 { 30 } else { 0 };
    let once = packets.iter().enumerate().map(|(n, p)| (each_20(n) + late(n), p));
    let again = packets.iter().enumerate().step_by(9).map(|(n, p)| (each_20(n) + 45, p));
    listener.hear(once.chain(again), 10_000);
    let counts = listener.playout.counts();
    assert_eq!((counts.packets, counts.doubled, counts.lost), (500, 500_u64.div_ceil(9), 0), "{counts:?}");
    assert!(is_in(&listener.heard, &decoded(&packets)[100_000..140_000]), "{counts:?}");
}

#[test]
fn the_coarse_copy_is_used_where_there_is_no_other() {
    let plan = Plan { bitrate: 32_000, packet_ms: 20, copies: &[], expected_loss: 10, dtx: false };
    let settings = Settings { bitrate: 32_000, expected_loss: 10, dtx: false };
    let mut sender = VoiceSender::new(Box::new(OpusEncoder::new(settings).unwrap()), plan, OPUS, 0, 0);
    let mut all = Vec::new();
    for chunk in voice(160_000).chunks_exact(160) {
        if let Some(o) = sender.push(chunk).unwrap() {
            let payload = o.payload.to_vec();
            all.push(Packet { sequence: o.sequence, timestamp: o.timestamp, is_red: o.is_red, payload });
        }
    }
    let mut listener = Listener::new();
    let there = all.iter().enumerate().filter(|(n, _)| n % 10 != 4);
    listener.hear(there.map(|(n, p)| (each_20(n), p)), 10_000);
    let counts = listener.playout.counts();
    assert!(counts.coarse >= 40 && counts.lost <= 10, "{counts:?}");
}

#[test]
fn a_long_gap_fades_and_who_comes_back_is_not_far_behind() {
    let packets = packets(&voice(128_000), &[], false);
    let mut listener = Listener::new();
    // nothing for 2 s, and then everything at once
    let at = |n: usize| if (150..250).contains(&n) { 5_000 } else { each_20(n) };
    listener.hear(packets.iter().enumerate().map(|(n, p)| (at(n), p)), 8_000);
    assert!(level(&listener.heard[47_000..48_000]) > 0.05);
    assert!(level(&listener.heard[53_000..79_000]) < 1e-6, "silence after the fade");
    assert!(level(&listener.heard[82_000..100_000]) > 0.05);
    let delay = listener.playout.current_delay(Duration::from_millis(7_990));
    assert!(delay <= MOST, "{delay:?}");
}

#[test]
fn a_way_that_becomes_much_longer_is_silent_for_a_moment_only() {
    let packets = packets(&voice(128_000), &[], false);
    let mut listener = Listener::new();
    let at = |n: usize| if n < 150 { each_20(n) } else { each_20(n) + 900 };
    listener.hear(packets.iter().enumerate().map(|(n, p)| (at(n), p)), 8_500);
    assert!(level(&listener.heard[64_800..130_000]) > 0.05);
    let loud = listener.heard[64_800..130_000].chunks(1_600).filter(|c| level(c) > 0.01).count();
    assert!(loud >= 40, "{loud} of 40 tenths of a second, {:?}", listener.playout.counts());
}

#[test]
fn silence_is_no_loss_and_speech_after_it_is_heard_on_time() {
    let mut sound = Vec::new();
    for _ in 0..6 {
        sound.extend(voice(16_000));
        sound.extend(std::iter::repeat_n(0.0, 24_000));
    }
    let packets = packets(&sound, &[], true);
    assert!(packets.len() < 600, "silence is not sent, {}", packets.len());
    let first = packets[0].timestamp;
    let at = |p: &Packet| u64::from(p.timestamp.wrapping_sub(first)) / 48;
    let mut listener = Listener::new();
    listener.hear(packets.iter().map(|p| (at(p), p)), 15_000);
    let counts = listener.playout.counts();
    assert_eq!((counts.lost, counts.late), (0, 0), "{counts:?}");
    for n in 0..6 {
        // speech begins each 2.5 s, and is there 10 to 60 ms later
        let begin = n * 40_000;
        assert!(level(&listener.heard[begin + 1_600..begin + 16_000]) > 0.05, "speech {n}");
        assert!(level(&listener.heard[begin + 30_000..begin + 39_000]) < 0.01, "silence {n}");
    }
}

#[test]
fn clocks_that_drift_apart_cost_neither_packets_nor_delay() {
    for drift in [-200_i64, 200] {
        let mut sound = Vec::new();
        for _ in 0..30 {
            sound.extend(voice(24_000));
            sound.extend(std::iter::repeat_n(0.0, 8_000));
        }
        let packets = packets(&sound, &[], false);
        let mut listener = Listener::new();
        let at = |n: usize| (20_000 * n as i64 + 20 * n as i64 * drift / 1_000) as u64 / 1_000;
        listener.hear(packets.iter().enumerate().map(|(n, p)| (at(n), p)), 59_900);
        let counts = listener.playout.counts();
        assert!(counts.lost == 0 && counts.guessed_ms <= 60, "{drift}: {counts:?}");
        let delay = listener.playout.current_delay(Duration::from_millis(59_900));
        assert!(delay <= Duration::from_millis(60), "{drift}: {delay:?}");
    }
}

#[test]
fn a_call_on_hold_is_silent_and_goes_on_afterwards() {
    let packets = packets(&voice(96_000), &[], false);
    let mut listener = Listener::new();
    let arrivals = |from: usize, to: usize| {
        packets[from..to].iter().enumerate().map(move |(n, p)| (each_20(n + from), p))
    };
    listener.hear(arrivals(0, 100), 2_000);
    listener.playout.freeze();
    listener.hear([], 3_000);
    assert!(listener.heard[32_000..].iter().all(|s| *s == 0.0));
    listener.hear(arrivals(150, 300), 6_000);
    assert!(level(&listener.heard[52_000..90_000]) > 0.05);
}

#[test]
fn another_stream_is_heard_after_the_first() {
    let packets = packets(&voice(64_000), &[], false);
    let mut listener = Listener::new();
    listener.hear(packets[..100].iter().enumerate().map(|(n, p)| (each_20(n), p)), 2_000);
    let other: Vec<Packet> = packets[100..]
        .iter()
        .map(|p| Packet {
            sequence: p.sequence.wrapping_add(20_000),
            timestamp: p.timestamp.wrapping_add(1 << 30),
            ..p.clone()
        })
        .collect();
    listener.hear(other.iter().enumerate().map(|(n, p)| (2_000 + each_20(n), p)), 4_000);
    assert!(level(&listener.heard[34_000..60_000]) > 0.05);
}

#[test]
fn the_report_tells_losses_before_their_repair() {
    let packets = packets(&voice(160_000), &[1], false);
    let mut listener = Listener::new();
    let there = packets.iter().enumerate().filter(|(n, _)| n % 10 > 1);
    listener.hear(there.map(|(n, p)| (each_20(n), p)), 10_000);
    let report = listener.playout.report(Duration::from_secs(10));
    assert!((report.loss - 0.2).abs() < 0.01 && (report.burst - 2.0).abs() < 0.1, "{report:?}");
    assert!(report.standing < Duration::from_millis(10));
    let again = listener.playout.report(Duration::from_secs(10));
    assert_eq!((again.expected, again.loss), (0, 0.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn whatever_arrives_there_is_always_sound(
        arrivals in prop::collection::vec(
            (any::<u16>(), any::<u32>(), any::<bool>(), prop::collection::vec(any::<u8>(), 0..80), 0_u64..60),
            0..80,
        ),
    ) {
        let mut listener = Listener::new();
        let real = packets(&voice(16_000), &[1], false);
        for (n, (sequence, timestamp, is_red, payload, wait)) in arrivals.into_iter().enumerate() {
            let now = Duration::from_millis(listener.now);
            let red = is_red.then_some(OPUS);
            // near the stream's own numbers every other time, so that it is not taken for another stream
            let (sequence, timestamp) = if n % 2 == 0 {
                (sequence % 64, timestamp % 96_000)
            } else {
                (sequence, timestamp)
            };
            let before = listener.playout.counts();
            let taken = listener.playout.insert(now, &Arrival { sequence, timestamp, red, payload: &payload });
            let after = listener.playout.counts();
            prop_assert_eq!(u64::from(taken.is_err()), after.malformed - before.malformed);
            let until = listener.now + wait;
            listener.hear([], until);
            prop_assert!(listener.playout.waiting() <= 64);
        }
        let begin = listener.now;
        listener.hear(real.iter().enumerate().map(|(n, p)| (begin + each_20(n), p)), begin + 1_000);
        let end = listener.heard.len();
        prop_assert!(level(&listener.heard[end - 8_000..]) > 0.05, "{:?}", listener.playout.counts());
    }
}
