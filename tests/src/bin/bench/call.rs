//! App calls: the phone's connection against the switch, over loopback and in one process.
//!
//! `voice.connect`: from the answer in hand to a connection, DTLS included. `voice.network_change`: the longest silence between two packets
//! around an ICE restart over new sockets; signalling costs nothing here. `webrtc.leg_cpu`: what the switch's own threads (the
//! gateway of apps and the relay) use for a leg with sound both ways, by `/proc/self/task`.

use anyhow::{Context, bail};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use waybell_core::call::peer::{Arrived, MediaPeer, OPUS, Packet, PeerEvent, PeerMaker, WebPeers};
use waybell_switch::{AppLegs, Event, LegId, Play, Prompt, Switch, SwitchConfig};
use waybell_tests::results::{Figure, figure};

/// Legs whose CPU is measured together.
const LEGS: usize = 20;
/// For so long.
const LONG: Duration = Duration::from_secs(10);
/// Threads of the switch that carry sound, by the start of their names.
const THREADS: [&str; 2] = ["webrtc", "rtp"];

struct Leg {
    id: LegId,
    peer: Arc<dyn MediaPeer>,
    heard: rtrb::Consumer<Arrived>,
    events: mpsc::UnboundedReceiver<PeerEvent>,
    connect_ms: f64,
}

pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let config = SwitchConfig {
        apps: Some(AppLegs::new("127.0.0.1:0".parse()?)),
        rtp_ports: 22_000..=31_999,
        ..SwitchConfig::default()
    };
    let (switch, mut events): (Switch, mpsc::Receiver<Event>) = Switch::start(config).await?;
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    // the first of a process sets tables up
    hang_up(&switch, leg(&switch, "first").await?).await;

    let mut connects = Vec::new();
    for n in 0..30 {
        let leg = leg(&switch, &format!("connect-{n}")).await?;
        connects.push(leg.connect_ms);
        hang_up(&switch, leg).await;
    }
    let mut silences = Vec::new();
    for n in 0..7 {
        silences.push(network_change(&switch, n).await?);
    }
    let mut cpus = Vec::new();
    for run in 0..5 {
        cpus.push(cpu(&switch, run).await?);
    }
    switch.shutdown().await;
    Ok(vec![
        figure("voice.connect", "ms", &connects),
        figure("voice.network_change", "s", &silences),
        figure("webrtc.leg_cpu", "% of a core", &cpus),
    ])
}

async fn leg(switch: &Switch, name: &str) -> anyhow::Result<Leg> {
    let (told, mut events) = mpsc::unbounded_channel();
    let (ring, heard) = rtrb::RingBuffer::new(1_024);
    let peer = WebPeers::for_server("http://127.0.0.1").make(&[], told, ring).await?;
    let id = LegId::new(name);
    let answer = switch.app_offer(&id, &peer.offer(false).await?).await?;
    let began = Instant::now();
    peer.answered(&answer).await?;
    connected(&mut events).await?;
    let connect_ms = began.elapsed().as_secs_f64() * 1_000.0;
    Ok(Leg { id, peer, heard, events, connect_ms })
}

async fn connected(events: &mut mpsc::UnboundedReceiver<PeerEvent>) -> anyhow::Result<()> {
    loop {
        let event = tokio::time::timeout(Duration::from_secs(20), events.recv()).await;
        match event.context("no connection within 20 s")?.context("the connection is gone")? {
            PeerEvent::Connected => return Ok(()),
            PeerEvent::Disconnected => {}
        }
    }
}

async fn hang_up(switch: &Switch, leg: Leg) {
    leg.peer.close().await;
    switch.hang_up(&leg.id, None);
}

/// Half a minute of a tone for the app.
fn plays(switch: &Switch, leg: &LegId) {
    let wave: Vec<i16> =
        (0..240_000).map(|i| ((f64::from(i) * 0.45 * 0.785).sin() * 8_000.0) as i16).collect();
    switch.play(leg, Play::once(1, vec![Prompt::from_pcm("tone", &wave)]));
}

/// The longest time between two packets around an ICE restart, s.
async fn network_change(switch: &Switch, n: usize) -> anyhow::Result<f64> {
    let mut leg = leg(switch, &format!("change-{n}")).await?;
    plays(switch, &leg.id);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let answer = switch.app_offer(&leg.id, &leg.peer.offer(true).await?).await?;
    leg.peer.answered(&answer).await?;
    let changed = Instant::now();
    tokio::time::sleep(Duration::from_secs(3)).await;
    let mut arrivals = Vec::new();
    while let Ok(arrived) = leg.heard.pop() {
        arrivals.push(arrived.at);
    }
    leg.events.close();
    hang_up(switch, leg).await;
    if !arrivals.iter().any(|at| *at > changed + Duration::from_secs(2)) {
        bail!("nothing is heard after another network");
    }
    let silences = arrivals.windows(2).map(|w| w[1].duration_since(w[0]).as_secs_f64());
    Ok(silences.fold(0.0, f64::max))
}

/// CPU of the switch's threads for a leg, % of a core.
async fn cpu(switch: &Switch, run: usize) -> anyhow::Result<f64> {
    let mut legs = Vec::new();
    for n in 0..LEGS {
        let leg = leg(switch, &format!("cpu-{run}-{n}")).await?;
        plays(switch, &leg.id);
        legs.push(leg);
    }
    let payload = bytes::Bytes::from(opus()?);
    let before = threads_s()?;
    let began = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_millis(20));
    let mut number = 0_u16;
    while began.elapsed() < LONG {
        tick.tick().await;
        for leg in &mut legs {
            let timestamp = u32::from(number) * 960;
            let payload = payload.clone();
            leg.peer.send(Packet { kind: OPUS, marker: false, sequence: number, timestamp, payload });
            while leg.heard.pop().is_ok() {}
        }
        number = number.wrapping_add(1);
    }
    let used = threads_s()? - before;
    let seconds = began.elapsed().as_secs_f64();
    for leg in legs {
        hang_up(switch, leg).await;
    }
    Ok(used / seconds / LEGS as f64 * 100.0)
}

/// A packet of speech: what a tone becomes.
fn opus() -> anyhow::Result<Vec<u8>> {
    use waybell_core::call::codec::{OpusEncoder, Settings, VoiceEncoder};
    let mut encoder = OpusEncoder::new(Settings { bitrate: 24_000, expected_loss: 0, dtx: false })?;
    let sound: Vec<f32> = (0..320).map(|i| (i as f32 * 0.13).sin() * 0.3).collect();
    let mut packet = vec![0; 1_276];
    let mut length = 0;
    for _ in 0..20 {
        length = encoder.encode(&sound, &mut packet)?;
    }
    packet.truncate(length);
    Ok(packet)
}

/// Seconds of CPU that the switch's threads have used so far.
fn threads_s() -> anyhow::Result<f64> {
    let (mut ticks, mut found) = (0_u64, 0);
    for task in std::fs::read_dir("/proc/self/task")? {
        let stat = std::fs::read_to_string(task?.path().join("stat"))?;
        let (name, rest) = stat.split_once(") ").context("a thread's stat has another form")?;
        let name = name.split_once('(').map_or("", |n| n.1);
        if THREADS.iter().any(|t| name.starts_with(t)) {
            let fields: Vec<&str> = rest.split(' ').collect();
            let field = |n: usize| fields.get(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
            ticks += field(11) + field(12);
            found += 1;
        }
    }
    if found == 0 {
        bail!("the switch has no threads of these names: {THREADS:?}");
    }
    Ok(ticks as f64 / 100.0)
}
