//! Nothing on the sound's way asks for memory once a call runs.

#![allow(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod devices;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::time::Duration;
use waybell_core::call::audio::{TICK, rings};
use waybell_core::call::codec::{OpusDecoder, OpusEncoder, RATE, Settings};
use waybell_core::call::ladder::Plan;
use waybell_core::call::playout::{Arrival, PlayoutBuffer};
use waybell_core::call::sender::VoiceSender;

struct Counting;

thread_local! {
    static ASKED: Cell<u64> = const { Cell::new(0) };
}

#[allow(unsafe_code, reason = "an allocator can only be written so; it hands everything on")]
// SAFETY: every call goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _ = ASKED.try_with(|a| a.set(a.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _ = ASKED.try_with(|a| a.set(a.get() + 1));
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often memory was asked for in the second half of a call of 20 s with losses, doubles, jitter and a gap, and how
/// many frames came from the coarse copy.
fn asked(copies: &'static [u8], expected_loss: u8) -> (u64, u64) {
    let bitrate = if expected_loss > 0 { 32_000 } else { 16_000 };
    let plan = Plan { bitrate, packet_ms: 20, copies, expected_loss, dtx: false };
    let settings = Settings { bitrate: plan.bitrate, expected_loss, dtx: false };
    let mut sender = VoiceSender::new(Box::new(OpusEncoder::new(settings).unwrap()), plan, 111, 0, 0);
    let mut playout = PlayoutBuffer::new(Box::new(OpusDecoder::new(RATE).unwrap()));
    let mut phase = 0.0_f32;
    let sound: Vec<f32> = (0..RATE * 20)
        .map(|i| {
            // a voice whose pitch and loudness move
            let t = i as f32 / RATE as f32;
            phase += (120.0 + 30.0 * (t * 5.0).sin()) / RATE as f32;
            let x = phase * std::f32::consts::TAU;
            0.15 * (1.0 + (t * 9.0).sin()) * (x.sin() + 0.6 * (2.0 * x).sin() + 0.4 * (7.0 * x).sin())
        })
        .collect();
    let mut out = vec![0.0; playout.tick()];
    let (mut before, mut coarse) = (0, 0);
    for (n, chunk) in sound.chunks_exact(RATE as usize / 100).enumerate() {
        let now = Duration::from_millis(10 * n as u64);
        if n == 1_000 {
            before = ASKED.get();
            coarse = playout.counts().coarse;
        }
        if let Some(packet) = sender.push(chunk).unwrap()
            && packet.sequence % 7 != 3
            && !(700..720).contains(&packet.sequence)
        {
            let red = packet.is_red.then_some(111);
            let (sequence, timestamp) = (packet.sequence, packet.timestamp);
            let arrival = Arrival { sequence, timestamp, red, payload: packet.payload };
            let late = Duration::from_millis(u64::from(packet.sequence % 5) * 9);
            playout.insert(now + late, &arrival).unwrap();
            if packet.sequence.is_multiple_of(11) {
                playout.insert(now + late, &arrival).unwrap();
            }
        }
        playout.pull(now, &mut out);
        playout.report(now);
    }
    let counts = playout.counts();
    assert!(counts.guessed_ms > 0 && counts.doubled > 0 && counts.packets > 500, "{counts:?}");
    assert!(copies.is_empty() || counts.copies > 50, "{counts:?}");
    (ASKED.get() - before, counts.coarse - coarse)
}

#[test]
fn a_running_call_asks_for_no_memory() {
    assert_eq!(asked(&[], 0).0, 0);
    assert_eq!(asked(&[1, 3], 0).0, 0);
}

#[test]
fn a_coarse_copy_costs_two_short_buffers_of_the_codec() {
    let (asked, coarse) = asked(&[], 10);
    assert!(coarse > 20, "{coarse}");
    assert_eq!(asked, 2 * coarse);
}

#[test]
fn a_device_s_callbacks_ask_for_no_memory() {
    let ((mut microphone, mut loudspeaker), (mut put, mut take)) = rings();
    let (mut tick, mut buffer) = ([0.1; TICK], [0.2; 1_024]);
    let before = ASKED.get();
    let mut heard = 0;
    // lengths as devices choose them, too much for the ring and too little in turn
    for n in [64, 480, 1_024, 96, 1, 441].into_iter().cycle().take(6_000) {
        put.put(&buffer[..n]);
        while microphone.tick(&mut tick) {
            heard += usize::from(loudspeaker.give(&tick));
        }
        take.take(&mut buffer[..n]);
    }
    assert_eq!(ASKED.get() - before, 0);
    assert!(heard > 1_000 && microphone.lost() > 0 && loudspeaker.short() > 0, "{heard}");
}
