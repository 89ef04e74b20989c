//! The agent: one task that owns every transaction, dialog and leg.
//!
//! It does no I/O of its own. Commands, messages, RTP events and the time go in; messages, RTP commands and events
//! come out through [`Io`]. One owner means no locks between legs and no order but one, so every race of the network
//! (a 2xx that crosses a CANCEL, an answer that comes twice) is a plain sequence here, and tests play it without
//! sockets and with a clock of their own.
//!
//! ```text
//!   Switch ─Command─▶ ┌──────────┐ ─Io::send──▶ sip::wire
//!   sip::wire ─Heard─▶│   Core   │ ─Io::media─▶ rtp
//!   rtp ─Heard──────▶ │ legs,    │ ─Io::emit──▶ events
//!   clock ──────────▶ │ timers   │
//!                     └──────────┘
//! ```

mod app;
mod commands;
mod core;
mod health;
mod phones;
mod receive;
mod shared;

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::Rng;
use tokio::sync::{mpsc, oneshot};

pub(crate) use self::core::{Core, Ghost, Owner, Purpose, Silence};
pub(crate) use shared::{Shared, View};

use super::message::split_host;
use super::record::{DialogRecord, InviteRecord, RefusalRecord};
use super::trunk::Permit;
use super::wire::{Heard, Sent, Target, Wire};
use crate::call::{Play, Q850};
use crate::config::SwitchConfig;
use crate::error::SwitchError;
use crate::event::{Event, LegId};
use crate::record::Tap;
use crate::rtp;
use crate::rtp::pool::PortPool;
use crate::webrtc::{self, Gateway};

/// Places in the channel of events; what does not fit waits in the agent.
const EVENTS: usize = 1024;
/// Waiting events above which new calls are refused.
pub(crate) const EVENTS_FULL: usize = 100_000;
/// How often names of peers are looked up again.
const RESOLVE: Duration = Duration::from_secs(60);
/// How long a shutdown waits for answers to its BYEs and CANCELs.
const PARTING: Duration = Duration::from_secs(2);

/// What the handle asks for.
pub(crate) enum Command {
    Place { record: Box<InviteRecord>, permit: Option<Permit> },
    Probe { record: Box<InviteRecord>, permit: Option<Permit> },
    Resubmit { leg: LegId },
    CancelStored { record: Box<InviteRecord> },
    EndStored { dialog: Box<DialogRecord> },
    Cancel { leg: LegId },
    Elsewhere { leg: LegId },
    ForgetPhone { user: String },
    Confirm { leg: LegId },
    HangUp { leg: LegId, cause: Option<Q850> },
    Play { leg: LegId, play: Play },
    StopPlay { leg: LegId },
    SendDigits { leg: LegId, digits: String },
    Ring { leg: LegId },
    Answer { leg: LegId },
    Reject { leg: LegId, status: u16, reason: String },
    Bridge { a: LegId, b: LegId },
    Unbridge { leg: LegId },
    Tap { leg: LegId, tap: Option<Tap> },
    RefuseStored { refusal: Box<RefusalRecord> },
    ReleaseHeld,
    AppOffer { leg: LegId, offer: String, answer: webrtc::Answer },
    AppCandidate { leg: LegId, candidate: String },
    AppHold { leg: LegId, held: bool },
    Shutdown { done: oneshot::Sender<()> },
}

/// The world as the agent sees it.
pub(crate) trait Io: Send {
    /// Sends one message, now or never.
    fn send(&mut self, target: Target, bytes: Vec<u8>) -> Sent;
    /// Tells the RTP threads.
    fn media(&mut self, command: rtp::Command);
    /// Tells the gateway of apps. False where there is none.
    fn app(&mut self, order: webrtc::Order) -> bool;
    /// Tells the user of the library.
    fn emit(&mut self, event: Event);
    /// Number of events that wait to be read.
    fn backlog(&self) -> usize;
    /// Chance, for tags and for the timers that must differ between two sides.
    fn random(&mut self) -> u64;
}

struct RealIo {
    wire: Wire,
    engine: rtp::Engine,
    gateway: Option<Gateway>,
    events: mpsc::Sender<Event>,
    waiting: VecDeque<Event>,
}

impl Io for RealIo {
    fn send(&mut self, target: Target, bytes: Vec<u8>) -> Sent {
        self.wire.send(target, bytes)
    }

    fn media(&mut self, command: rtp::Command) {
        self.engine.send(command);
    }

    fn app(&mut self, order: webrtc::Order) -> bool {
        self.gateway.as_ref().is_some_and(|g| g.send(order))
    }

    fn emit(&mut self, event: Event) {
        if !self.waiting.is_empty() {
            self.waiting.push_back(event);
            return;
        }
        match self.events.try_send(event) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(event)) => self.waiting.push_back(event),
            // Nobody listens any more; calls still end as the far side wants.
            Err(mpsc::error::TrySendError::Closed(_)) => {}
        }
    }

    fn backlog(&self) -> usize {
        self.waiting.len()
    }

    fn random(&mut self) -> u64 {
        rand::rng().random()
    }
}

/// See [`Switch::start`](crate::Switch::start).
pub(crate) async fn start(
    config: SwitchConfig,
) -> Result<(Arc<Shared>, mpsc::UnboundedSender<Command>, mpsc::Receiver<Event>), SwitchError> {
    check(&config)?;
    if let Some(phones) = &config.phones {
        check_phones(phones)?;
    }
    let (mut wire, unserved) = Wire::bind(&config.listen).await?;
    let media_ip = config.listen.first().map_or(IpAddr::V4(Ipv4Addr::LOCALHOST), |l| l.addr.ip());
    let start = rand::rng().random_range(0..usize::MAX);
    let ports = Arc::new(PortPool::new(media_ip, &config.rtp_ports, start));
    let totals = Arc::new(rtp::Totals::default());
    let (engine, heard_media) = rtp::Engine::start(config.media_threads, ports.clone(), totals.clone())?;
    let (gateway, told) = match &config.apps {
        Some(apps) => {
            let (gateway, told) = Gateway::start(apps, Arc::default())?;
            (Some(gateway), Some(told))
        }
        None => (None, None),
    };
    let ends = gateway.as_ref().map(|g| (g.local, g.inside));
    let shared = Arc::new(Shared::new(config, wire.locals().to_vec(), ports, totals, ends));
    resolve_all(&shared).await;
    let heard = wire.serve(unserved, &shared);
    let (commands_tx, commands) = mpsc::unbounded_channel();
    let (events_tx, events) = mpsc::channel(EVENTS);
    let io = RealIo { wire, engine, gateway, events: events_tx, waiting: VecDeque::new() };
    let resolver = tokio::spawn(resolve_forever(shared.clone()));
    let task = Task { io, commands, heard, heard_media, told, resolver };
    tokio::spawn(task.run(shared.clone()));
    Ok((shared, commands_tx, events))
}

fn check(config: &SwitchConfig) -> Result<(), SwitchError> {
    let bad = |name: &str, why: String| Err(SwitchError::Config(name.to_owned(), why));
    if config.listen.is_empty() {
        return bad("listen", "needs at least one address".into());
    }
    if config.media_threads == 0 {
        return bad("media_threads", "needs at least 1".into());
    }
    if config.rtp_ports.end().saturating_sub(*config.rtp_ports.start()) < 1 {
        return bad("rtp_ports", "needs room for one pair of ports".into());
    }
    if config.t1.is_zero() {
        return bad("t1", "may not be zero".into());
    }
    for (i, trunk) in config.trunks.iter().enumerate() {
        let field = |f: &str| format!("trunks[{}].{f}", trunk.name);
        if config.trunks[..i].iter().any(|t| t.name == trunk.name) {
            return bad(&field("name"), "is used twice".into());
        }
        if !config.listen.iter().any(|l| l.transport == trunk.transport) {
            let name = trunk.transport.as_str();
            return bad(&field("transport"), format!("there is no {name} listener to send from"));
        }
        if trunk.codecs.is_empty() {
            return bad(&field("codecs"), "needs at least one".into());
        }
        if trunk.cps == 0 || trunk.channels == 0 {
            return bad(&field("cps"), "and channels may not be 0".into());
        }
        for peer in &trunk.peers {
            if split_host(peer).is_none() {
                return bad(&field("peers"), format!("{peer:?} is not host[:port]"));
            }
        }
        for (name, value) in &trunk.headers {
            super::invite::check_header(name, value)?;
        }
        let texts = [trunk.domain.as_deref(), trunk.register.as_ref().map(|r| r.aor.as_str())];
        if let Some(text) = texts.into_iter().flatten().find(|t| !super::message::is_safe(t)) {
            return bad(&field("domain"), format!("{text:?} may not stand in a SIP URI"));
        }
    }
    Ok(())
}

fn check_phones(phones: &crate::config::Phones) -> Result<(), SwitchError> {
    let bad = |name: &str, why: &str| Err(SwitchError::Config(format!("phones.{name}"), why.to_owned()));
    let safe = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    if phones.realm.is_empty() || !phones.realm.chars().all(safe) {
        return bad("realm", "is a name of letters, digits, dots and hyphens");
    }
    if phones.min_expires.is_zero() || phones.max_expires < phones.min_expires {
        return bad("max_expires", "is at least min_expires, which is at least 1 s");
    }
    if phones.hashes.is_empty() {
        return bad("hashes", "needs at least one");
    }
    if phones.contacts_per_user == 0 || phones.requests_per_s == 0 {
        return bad("contacts_per_user", "and requests_per_s may not be 0");
    }
    Ok(())
}

async fn resolve_all(shared: &Arc<Shared>) {
    for trunk in shared.trunks.iter() {
        for peer in trunk.peers() {
            let Some((host, port)) = split_host(&peer.name) else { continue };
            let port = port.unwrap_or_else(|| trunk.config.transport.default_port());
            if let Ok(ip) = host.parse() {
                trunk.resolved(&peer.name, &[SocketAddr::new(ip, port)]);
            } else if let Ok(found) = tokio::net::lookup_host((host, port)).await {
                // IPv4 first: a listener for IPv6 is the exception.
                let mut addrs: Vec<SocketAddr> = found.collect();
                addrs.sort_by_key(SocketAddr::is_ipv6);
                trunk.resolved(&peer.name, &addrs);
            } else {
                tracing::warn!(trunk = %trunk.config.name, "peer's name does not resolve");
            }
        }
    }
}

async fn resolve_forever(shared: Arc<Shared>) {
    loop {
        let missing = shared.trunks.iter().any(|t| t.peers().iter().any(|p| p.addrs.is_empty()));
        tokio::time::sleep(if missing { Duration::from_secs(5) } else { RESOLVE }).await;
        resolve_all(&shared).await;
    }
}

/// The next word of the gateway; never, where there is none.
async fn heard_of(told: Option<&mut mpsc::Receiver<webrtc::Told>>) -> Option<webrtc::Told> {
    match told {
        Some(told) => told.recv().await,
        None => std::future::pending().await,
    }
}

struct Task {
    io: RealIo,
    commands: mpsc::UnboundedReceiver<Command>,
    heard: mpsc::Receiver<Heard>,
    heard_media: mpsc::UnboundedReceiver<rtp::Heard>,
    /// What the gateway of apps tells, where there is one.
    told: Option<mpsc::Receiver<webrtc::Told>>,
    resolver: tokio::task::JoinHandle<()>,
}

impl Task {
    async fn run(mut self, shared: Arc<Shared>) {
        let mut core = Core::new(shared.clone(), Instant::now());
        core.start_health(&mut self.io, Instant::now());
        let mut parting: Option<(Instant, oneshot::Sender<()>)> = None;
        loop {
            let wake = core.next().unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let wake = parting.as_ref().map_or(wake, |p| wake.min(p.0));
            let events = self.io.events.clone();
            tokio::select! {
                biased;
                place = events.reserve(), if !self.io.waiting.is_empty() => match place {
                    Ok(place) => {
                        if let Some(event) = self.io.waiting.pop_front() {
                            place.send(event);
                        }
                    }
                    Err(_) => self.io.waiting.clear(),
                },
                () = tokio::time::sleep_until(wake.into()) => core.on_time(&mut self.io, Instant::now()),
                Some(command) = self.commands.recv() => match command {
                    Command::Shutdown { done } => {
                        let now = Instant::now();
                        core.part(&mut self.io, now);
                        parting = Some((now + PARTING, done));
                    }
                    other => core.on_command(&mut self.io, other, Instant::now()),
                },
                Some(heard) = self.heard.recv() => {
                    if let Heard::Closed { conn, .. } = &heard {
                        self.io.wire.closed(*conn);
                    }
                    core.on_heard(&mut self.io, heard, Instant::now());
                }
                Some(heard) = self.heard_media.recv() => core.on_media(&mut self.io, heard, Instant::now()),
                told = heard_of(self.told.as_mut()) => match told {
                    Some(told) => core.on_app(&mut self.io, told, Instant::now()),
                    None => {
                        tracing::error!("the gateway of apps has ended: their calls end, and no others are taken");
                        self.told = None;
                        core.lose_apps(&mut self.io, Instant::now());
                    }
                },
            }
            shared.counters.transactions.store(core.transactions(), Ordering::Relaxed);
            if parting.as_ref().is_some_and(|p| core.is_idle() || p.0 <= Instant::now()) {
                break;
            }
        }
        core.abandon(&mut self.io, Instant::now());
        self.resolver.abort();
        self.io.wire.stop();
        let RealIo { engine, gateway, events, waiting, .. } = self.io;
        if let Some(gateway) = gateway {
            gateway.stop().await;
        }
        engine.stop().await;
        if let Some((_, done)) = parting {
            // The reader may be the one who waits for the shutdown: it must not have to read first.
            let _ = done.send(());
        }
        for event in waiting {
            if events.send(event).await.is_err() {
                break;
            }
        }
    }
}
