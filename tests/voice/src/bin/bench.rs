//! `voice.*` of `docs/BENCHMARKS.md`: speech over simulated networks, judged by PESQ. Build with `--release`.
//!
//! `waybell-voice-bench [pesq] [bursts] [jitter] [delay] [cpu]`; nothing is everything. A figure is the median over the
//! seeds of the mean over the clips, each heard in a call that has gone on for a while: the ladder and the buffer begin
//! knowing nothing, hear two other clips first, and learn of losses by reports that the same network carries. Nothing
//! is aligned by hand but one lag for each clip.

use std::time::Duration;
use waybell_core::call::codec::{OpusDecoder, OpusEncoder, RATE, Settings};
use waybell_core::call::ladder::Ladder;
use waybell_core::call::playout::{Arrival, PlayoutBuffer};
use waybell_core::call::sender::VoiceSender;
use waybell_figures::results::{Figure, figure, store};
use waybell_voice::call::{Setup, lag, run, speech};
use waybell_voice::clips::{self, Clip};
use waybell_voice::link::{Jitter, Loss, Network};
use waybell_voice::pesq::{Pair, Pesq};

/// Calls a figure.
const SEEDS: u64 = 7;
/// What stands in the rings of the two devices: 10 ms of the microphone are in the lag already.
const RENDER: f64 = 20.0;
/// Most payload that a call may send, kbit/s.
const BUDGET: f64 = 50.0;

fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let wanted = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    let clips = clips::all()?;
    let good = Network::GOOD;
    if wanted("pesq") || wanted("delay") {
        for percent in [0, 5, 10, 20, 30] {
            let network = good.with_loss(Loss::Random(f64::from(percent) / 100.0));
            let (quality, delay) = measure(&clips, network, &format!("voice.pesq_{percent}"))?;
            tell(quality)?;
            if percent == 0 {
                tell(Figure { id: "voice.delay_p50".into(), ..delay })?;
            }
        }
    }
    if wanted("bursts") {
        for percent in [10, 20] {
            let network = good.with_loss(Loss::Bursts(f64::from(percent) / 100.0, 2.5));
            tell(measure(&clips, network, &format!("voice.pesq_burst_{percent}"))?.0)?;
        }
    }
    if wanted("jitter") {
        let network = good.with_loss(Loss::Random(0.2)).with_jitter(Jitter::Normal(30.0));
        let (quality, delay) = measure(&clips, network, "voice.pesq_jitter_20")?;
        tell(quality)?;
        tell(Figure { id: "voice.delay_jitter_20".into(), ..delay })?;
    }
    if wanted("cpu") {
        tell(cpu(&clips)?)?;
    }
    Ok(())
}

fn tell(figure: Figure) -> anyhow::Result<()> {
    eprintln!("{} = {:.3} {} ({})", figure.id, figure.value, figure.unit, figure.note);
    store(vec![figure])
}

/// PESQ and added delay over a network.
fn measure(clips: &[Clip], network: Network, id: &str) -> anyhow::Result<(Figure, Figure)> {
    let judge = Pesq::new()?;
    let order: Vec<&Clip> = clips.iter().rev().take(2).chain(clips).collect();
    let (said, begins) = speech(order.iter().copied());
    let (mut scores, mut delays, mut worst, mut rate) = (Vec::new(), Vec::new(), f64::MAX, 0.0_f64);
    for seed in 0..SEEDS {
        let heard = run(&said, &Setup::over(network, seed))?;
        rate = rate.max(heard.payload_rate / 1_000.0);
        let mut pairs = Vec::new();
        for (clip, &begin) in order.iter().zip(&begins).skip(2) {
            let n = clip.samples.len();
            let lag = lag(&said, &heard.samples, begin, n);
            delays.push(
                lag as f64 / f64::from(RATE) * 1_000.0 - network.delay.as_secs_f64() * 1_000.0 + RENDER,
            );
            let around = RATE as usize * 3 / 10;
            let part = |all: &[f32], from: usize| {
                let mut part: Vec<f32> = all.iter().skip(from).take(n + 2 * around).copied().collect();
                part.resize(n + 2 * around, 0.0);
                part
            };
            pairs.push(Pair {
                said: part(&said, begin - around),
                heard: part(&heard.samples, begin - around + lag),
            });
        }
        let each = judge.scores(&pairs)?;
        worst = each.iter().copied().fold(worst, f64::min);
        scores.push(each.iter().sum::<f64>() / each.len() as f64);
    }
    anyhow::ensure!(rate <= BUDGET, "{id}: {rate:.1} kbit/s of payload, {BUDGET} at most");
    let mut quality = figure(id, "MOS-LQO", &scores);
    quality.note =
        format!("{}; {} clips, the worst {worst:.2}; {rate:.1} kbit/s at most", quality.note, clips.len());
    let mut delay = figure("", "ms", &delays);
    delay.note = format!(
        "{}; microphone to loudspeaker without the network, 10 ms and {RENDER} ms in the devices' rings",
        delay.note
    );
    Ok((quality, delay))
}

/// What a call costs: both directions, each with losses and the copies against them.
fn cpu(clips: &[Clip]) -> anyhow::Result<Figure> {
    let (said, _) = speech(clips);
    let mut ladder = Ladder::default();
    let mut report = waybell_core::call::playout::Report { expected: 50, ..Default::default() };
    (report.loss, report.burst) = (0.1, 1.1);
    let plan =
        (1..10).map(|s| ladder.take(Duration::from_secs(s), &report)).last().unwrap_or_else(|| ladder.plan());
    let settings = Settings { bitrate: plan.bitrate, expected_loss: plan.expected_loss, dtx: plan.dtx };
    let mut runs = Vec::new();
    for _ in 0..7 {
        let mut sender = VoiceSender::new(Box::new(OpusEncoder::new(settings)?), plan, 111, 0, 0);
        let mut playout = PlayoutBuffer::new(Box::new(OpusDecoder::new(RATE)?));
        let mut out = vec![0.0; playout.tick()];
        let (mut now, mut count) = (Duration::ZERO, 0_u64);
        let began = std::time::Instant::now();
        for chunk in said.chunks_exact(RATE as usize / 100) {
            if let Some(packet) = sender.push(chunk)? {
                count += 1;
                let red = packet.is_red.then_some(111);
                let (sequence, timestamp) = (packet.sequence, packet.timestamp);
                if !count.is_multiple_of(10) {
                    playout.insert(now, &Arrival { sequence, timestamp, red, payload: packet.payload })?;
                }
            }
            playout.pull(now, &mut out);
            now += Duration::from_millis(10);
        }
        runs.push(began.elapsed().as_secs_f64() / now.as_secs_f64() * 100.0);
    }
    let mut cpu = figure("voice.cpu", "% of a core", &runs);
    cpu.note =
        format!("{}; sound only: coding, copies, buffer, decoding; without transport and echo", cpu.note);
    Ok(cpu)
}
