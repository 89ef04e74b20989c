//! One direction of a call, with the reports that come back.

use crate::clips::Clip;
use crate::link::{Link, Network};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;
use waybell_core::call::codec::{OpusDecoder, OpusEncoder, RATE, Settings};
use waybell_core::call::ladder::{Ladder, Plan};
use waybell_core::call::playout::{Arrival, Counts, PlayoutBuffer, Report};
use waybell_core::call::sender::VoiceSender;

/// Payload type that the two agreed on for Opus, alone and in redundant packets.
const OPUS: u8 = 111;
const TICK: Duration = Duration::from_millis(10);

/// Between the clips of a call.
const BETWEEN: usize = RATE as usize * 6 / 10;

/// A call to run.
#[derive(Clone, Copy, Debug)]
pub struct Setup {
    /// From the speaker to the listener.
    pub there: Network,
    /// From the listener to the speaker.
    pub back: Network,
    /// A plan that never changes, or else the ladder's.
    pub plan: Option<Plan>,
    /// Parts per million by which the speaker's clock is fast.
    pub drift: i32,
    /// Of the network.
    pub seed: u64,
}

impl Setup {
    /// The same network both ways, and the ladder.
    #[must_use]
    pub fn over(network: Network, seed: u64) -> Setup {
        Setup { there: network, back: network, plan: None, drift: 0, seed }
    }
}

/// What came of it.
pub struct Heard {
    /// What was heard, from the beginning of the call on.
    pub samples: Vec<f32>,
    /// Delay of the buffer above the network's, at each tick.
    pub delays: Vec<Duration>,
    /// What the buffer counted.
    pub counts: Counts,
    /// Payload, bits a second, while speech was sent at all.
    pub payload_rate: f64,
    /// Plans, each with the time from which it held.
    pub plans: Vec<(Duration, Plan)>,
    /// Reports that the speaker got.
    pub reports: Vec<Report>,
}

/// The clips one after another, and where each begins (samples).
#[must_use]
pub fn speech<'a>(clips: impl IntoIterator<Item = &'a Clip>) -> (Vec<f32>, Vec<usize>) {
    let (mut all, mut begins) = (vec![0.0; BETWEEN], Vec::new());
    for clip in clips {
        begins.push(all.len());
        all.extend_from_slice(&clip.samples);
        all.extend(std::iter::repeat_n(0.0, BETWEEN));
    }
    (all, begins)
}

/// A packet on its way, or a report on its way back.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Travelling {
    Media { sequence: u16, timestamp: u32, is_red: bool, payload: Vec<u8> },
    Report(usize),
}

/// Runs a call to its end.
///
/// # Errors
/// The codec cannot be set up, or refuses what it made itself.
pub fn run(speech: &[f32], setup: &Setup) -> anyhow::Result<Heard> {
    let mut ladder = Ladder::default();
    let mut plan = setup.plan.unwrap_or_else(|| ladder.plan());
    let settings = Settings { bitrate: plan.bitrate, expected_loss: plan.expected_loss, dtx: plan.dtx };
    let encoder = OpusEncoder::new(settings)?;
    let mut sender = VoiceSender::new(Box::new(encoder), plan, OPUS, 65_500, u32::MAX - 48_000);
    let mut playout = PlayoutBuffer::new(Box::new(OpusDecoder::new(RATE)?));
    let mut there = Link::new(setup.there, setup.seed);
    let mut back = Link::new(setup.back, setup.seed ^ 0xbacc);
    let mut wire: BinaryHeap<Reverse<(Duration, usize, Travelling)>> = BinaryHeap::new();
    let mut heard = Heard {
        samples: Vec::new(),
        delays: Vec::new(),
        counts: Counts::default(),
        payload_rate: 0.0,
        plans: vec![(Duration::ZERO, plan)],
        reports: Vec::new(),
    };
    let frame = RATE as usize / 100;
    let mut said: Vec<Report> = Vec::new();
    let (mut sent, mut count, mut bits) = (0, 0_usize, 0_usize);
    let capture = TICK.as_secs_f64() * (1.0 - f64::from(setup.drift) / 1e6);
    let end = Duration::from_secs_f64(speech.len() as f64 / f64::from(RATE) + 0.5);
    // The two devices tick out of step.
    let mut pulled = Duration::from_micros(3_700);
    while pulled < end {
        // What happens until the listener's next tick, in its order.
        loop {
            let captured = Duration::from_secs_f64((sent + 1) as f64 * capture);
            let arrives = wire.peek().map(|w| w.0.0);
            if captured < pulled && arrives.is_none_or(|a| captured <= a) {
                let begin = sent * frame;
                let samples: Vec<f32> =
                    (begin..begin + frame).map(|i| speech.get(i).copied().unwrap_or(0.0)).collect();
                sent += 1;
                if let Some(out) = sender.push(&samples)? {
                    bits += out.payload.len() * 8;
                    for arrival in there.send(captured, out.payload.len()) {
                        count += 1;
                        let media = Travelling::Media {
                            sequence: out.sequence,
                            timestamp: out.timestamp,
                            is_red: out.is_red,
                            payload: out.payload.to_vec(),
                        };
                        wire.push(Reverse((arrival, count, media)));
                    }
                }
                continue;
            }
            if arrives.is_none_or(|a| a > pulled) {
                break;
            }
            let Some(Reverse((now, _, travelling))) = wire.pop() else { break };
            match travelling {
                Travelling::Media { sequence, timestamp, is_red, payload } => {
                    let red = is_red.then_some(OPUS);
                    playout.insert(now, &Arrival { sequence, timestamp, red, payload: &payload })?;
                }
                Travelling::Report(n) => {
                    heard.reports.push(said[n]);
                    if setup.plan.is_none() {
                        let next = ladder.take(now, &said[n]);
                        if next != plan {
                            plan = next;
                            heard.plans.push((now, plan));
                            sender.follow(plan);
                        }
                    }
                }
            }
        }
        let at = heard.samples.len();
        heard.samples.resize(at + frame, 0.0);
        heard.delays.push(playout.current_delay(pulled));
        playout.pull(pulled, &mut heard.samples[at..]);
        if heard.delays.len().is_multiple_of(50) {
            for arrival in back.send(pulled, 40) {
                count += 1;
                wire.push(Reverse((arrival, count, Travelling::Report(said.len()))));
            }
            said.push(playout.report(pulled));
        }
        pulled += TICK;
    }
    heard.counts = playout.counts();
    heard.payload_rate = bits as f64 / (speech.len() as f64 / f64::from(RATE));
    Ok(heard)
}

/// By how many samples what was heard is behind what was said, over `n` samples from `begin`.
#[must_use]
pub fn lag(said: &[f32], heard: &[f32], begin: usize, n: usize) -> usize {
    let alike = |lag: usize, step: usize| -> f32 {
        let all = (begin..begin + n).step_by(step);
        let pairs = all.filter_map(|i| Some((said.get(i)?, heard.get(i + lag)?)));
        pairs.map(|(a, b)| a * b).sum()
    };
    let best = |lags: &mut dyn Iterator<Item = usize>, step: usize| {
        lags.map(|l| (l, alike(l, step))).max_by(|a, b| a.1.total_cmp(&b.1)).map_or(0, |b| b.0)
    };
    let longest = RATE as usize * 7 / 10;
    let about = best(&mut (0..longest).step_by(2), 3);
    best(&mut (about.saturating_sub(4)..about + 5), 1)
}
