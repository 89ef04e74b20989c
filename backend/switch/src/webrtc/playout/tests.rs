//! Networks of a rider, in virtual time: one packet every 20 ms, each delayed as the test says.

use super::*;

/// A codec whose packets are one number: each sample of its frame.
struct Numbers;

impl VoiceCodec for Numbers {
    fn encode(&mut self, _: &[f32; FRAME], _: &mut [u8]) -> Option<usize> {
        None
    }

    fn samples(&self, packet: &[u8]) -> Option<usize> {
        (packet.len() == 2).then_some(FRAME)
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Option<usize> {
        let n = u16::from_be_bytes([*packet.first()?, *packet.get(1)?]);
        out.get_mut(..FRAME)?.fill(f32::from(n));
        self.samples(packet)
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32; FRAME]) -> bool {
        out.fill(f32::from(u16::from_be_bytes([next[0], next[1]])) - 1.0);
        true
    }

    fn conceal(&mut self, out: &mut [f32; FRAME]) -> bool {
        out.fill(-1.0);
        true
    }
}

/// Frames of `count` packets, packet `n` delayed by `delay(n)` milliseconds, `None` lost. A frame is its first sample.
fn play(count: u32, delay: impl Fn(u32) -> Option<u32>) -> (Vec<f32>, Playout) {
    let mut playout = Playout::default();
    let mut arrivals: Vec<(u32, u32)> =
        (0..count).filter_map(|n| delay(n).map(|d| (n * 20 + d, n))).collect();
    arrivals.sort_unstable();
    let mut arrivals = arrivals.into_iter().peekable();
    let base = u32::MAX - 20_000;
    let mut out = Vec::new();
    for tick in 0..count + 100 {
        while let Some((_, n)) = arrivals.next_if(|(at, _)| *at <= tick * 20) {
            playout.push(base.wrapping_add(n * 960), &(n as u16 + 100).to_be_bytes());
        }
        out.push(playout.frame(&mut Numbers)[0]);
    }
    (out, playout)
}

fn spoken(out: &[f32]) -> Vec<f32> {
    out.iter().copied().filter(|s| *s >= 99.0).collect()
}

#[test]
fn a_good_network_costs_sixty_milliseconds_and_nothing_else() {
    let (out, playout) = play(200, |_| Some(0));
    let want: Vec<f32> = (100..300).map(|n| n as f32).collect();
    assert_eq!(spoken(&out), want, "over the wrap of the timestamps too");
    assert!(out.iter().position(|s| *s >= 99.0).expect("sound") <= 3);
    assert_eq!((playout.tally.late, playout.tally.rebuilt, playout.tally.broken), (0, 0, 0));
}

#[test]
fn packets_out_of_order_and_twice_are_played_once_and_in_order() {
    let (out, playout) = play(300, |n| Some(if n % 3 == 0 { 45 } else { 0 }));
    let heard = spoken(&out);
    assert!(heard.windows(2).all(|w| w[0] < w[1]), "{heard:?}");
    assert!(heard.len() >= 295, "{}", heard.len());
    let mut playout2 = Playout::default();
    for _ in 0..2 {
        playout2.push(960, &[1, 0]);
    }
    assert_eq!(playout2.packets.len(), 1);
    assert_eq!(playout.tally.broken, 0);
}

#[test]
fn lost_frames_come_from_the_packet_after_them() {
    let (out, playout) = play(400, |n| (n % 7 != 3).then_some(0));
    assert_eq!(spoken(&out).len(), 400, "each is there, some made from the next");
    assert!(playout.tally.rebuilt >= 55, "{:?}", playout.tally);
}

#[test]
fn jitter_of_two_hundred_milliseconds_is_ridden_out() {
    // a stall of 200 ms every second: all packets of it come at its end
    let stall = |n: u32| Some(if n % 50 < 10 { (10 - n % 50) * 20 } else { 0 });
    let (out, playout) = play(1_000, stall);
    let heard = spoken(&out);
    assert!(heard.windows(2).all(|w| w[0] < w[1]));
    // the first stall is heard; from then on the delay carries it
    assert!(heard.len() >= 985, "{} {:?}", heard.len(), playout.tally);
    assert!(playout.tally.late < 5, "{:?}", playout.tally);
}

#[test]
fn delay_that_is_not_needed_any_more_is_taken_back() {
    // half a second of nothing, then a good network
    let (out, playout) = play(900, |n| Some(if (50..75).contains(&n) { (75 - n) * 20 } else { 0 }));
    let heard = spoken(&out);
    assert!(playout.tally.skipped >= 15, "{:?}", playout.tally);
    let last = out.iter().rposition(|s| *s >= 99.0).expect("sound");
    // 900 packets end at tick 899; the delay that is left is what lies between
    assert!(last <= 899 + 5, "{last}");
    assert!(heard.windows(2).all(|w| w[0] < w[1]));
}

#[test]
fn another_source_begins_anew_and_what_is_kept_is_bounded() {
    let mut playout = Playout::default();
    for n in 0..10_000u32 {
        playout.push(n.wrapping_mul(960), &[1, 0]);
    }
    assert!(playout.packets.len() <= 51 && playout.delay_ms() <= 1_020);
    playout.push(0x8000_0000, &[2, 0]);
    assert_eq!(playout.packets.len(), 1);
    for _ in 0..5 {
        playout.frame(&mut Numbers);
    }
    assert!(playout.has(0x8000_0000) && !playout.has(0x8000_0000 + 960));
}

#[test]
fn an_app_that_says_nothing_is_silence() {
    let (out, _) = play(20, |_| Some(0));
    assert!(out[40..].iter().all(|s| *s == 0.0), "{out:?}");
}

proptest::proptest! {
    #[test]
    fn whatever_comes_a_frame_is_given(
        packets in proptest::collection::vec((proptest::num::u32::ANY, proptest::collection::vec(0u8..=255, 0..4)), 0..200)
    ) {
        let mut playout = Playout::default();
        for (ts, data) in packets {
            playout.push(ts, &data);
            let frame = playout.frame(&mut Fragile);
            assert!(frame.iter().all(|s| s.is_finite()));
            assert!(playout.packets.len() <= PACKETS && playout.pcm.len() <= LONGEST + FRAME);
        }
    }
}

/// [`Numbers`] for packets that may be empty.
struct Fragile;

impl VoiceCodec for Fragile {
    fn encode(&mut self, _: &[f32; FRAME], _: &mut [u8]) -> Option<usize> {
        None
    }

    fn samples(&self, packet: &[u8]) -> Option<usize> {
        Numbers.samples(packet)
    }

    fn decode(&mut self, packet: &[u8], out: &mut [f32]) -> Option<usize> {
        Numbers.decode(packet, out)
    }

    fn decode_fec(&mut self, next: &[u8], out: &mut [f32; FRAME]) -> bool {
        next.len() == 2 && Numbers.decode_fec(next, out)
    }

    fn conceal(&mut self, _: &mut [f32; FRAME]) -> bool {
        false
    }
}
