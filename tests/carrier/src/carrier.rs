//! The running carrier: binds the sockets, starts the threads, carries the engine's outputs out in order.

use std::{
    net::{SocketAddr, TcpListener, UdpSocket},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use anyhow::Context as _;

use crate::{
    config::Config,
    engine::{Addresses, Engine, Output, Transport},
    hear,
    media::{Hub, HubHandle, MediaCommand},
    net::{self, Input, Streams, Udp},
    truth::Truth,
    wall::Wall,
};

/// A running carrier. Dropping it without [`Carrier::stop`] leaves its threads running until the process ends.
pub struct Carrier {
    addresses: Addresses,
    truth: Arc<Truth>,
    live: Arc<AtomicUsize>,
    input: mpsc::Sender<Input>,
    engine: JoinHandle<Ended>,
    hub: HubHandle,
    worker: hear::Worker,
    worker_thread: JoinHandle<()>,
}

struct Ended {
    udp: Option<Udp>,
    streams: Streams,
}

impl Carrier {
    /// Binds all sockets, starts the threads and returns; calls are taken from then on. Does not block on I/O other
    /// than opening files. Needs no async runtime.
    ///
    /// # Errors
    /// A file cannot be opened, an address is taken, a prompt or certificate is unreadable.
    pub fn start(config: &Config) -> anyhow::Result<Self> {
        let truth = Arc::new(
            Truth::open(&config.truth)
                .with_context(|| format!("open truth log {}", config.truth.display()))?,
        );
        let library = hear::library(config.prompts.as_deref())?;
        let wall = Wall::start();
        let (input, inbox) = mpsc::channel();
        let (udp, tcp) = bind(config)?;
        let streams = Streams::new(input.clone())?;
        let mut addresses = Addresses {
            udp: udp.as_ref().map(UdpSocket::local_addr).transpose()?,
            tcp: tcp.as_ref().map(TcpListener::local_addr).transpose()?,
            ..Addresses::default()
        };
        if let Some(listener) = tcp {
            streams.listen(listener, None)?;
        }
        if let Some((certificate, key)) = &config.tls {
            let port = if config.udp || config.tcp { 0 } else { config.listen.port() };
            let listener =
                TcpListener::bind(SocketAddr::new(config.listen.ip(), port)).context("bind TLS")?;
            addresses.tls = Some(listener.local_addr()?);
            streams.listen(listener, Some(net::acceptor(certificate, key)?))?;
        }
        let udp = match udp {
            Some(socket) => Some(Udp::start(socket, input.clone())?),
            None => None,
        };
        let (worker, worker_thread) = hear::Worker::start(truth.clone(), library, config.keep.clone())?;
        let silent = input.clone();
        let (hub, rtp) = Hub::start(
            config.listen.ip(),
            config.rtp_sockets,
            truth.clone(),
            worker.clone(),
            wall,
            Box::new(move |call| {
                let _ = silent.send(Input::Silent(call));
            }),
        )?;
        addresses.rtp = rtp;
        let engine = Engine::new(config, addresses.clone())?;
        let live = Arc::new(AtomicUsize::new(0));
        let mut driver = Driver {
            engine,
            truth: truth.clone(),
            media: hub.commands(),
            live: live.clone(),
            wall,
            ended: Ended { udp, streams },
        };
        let engine = std::thread::Builder::new().name("carrier-sip".to_owned()).spawn(move || {
            driver.run(&inbox);
            driver.ended
        })?;
        Ok(Self { addresses, truth, live, input, engine, hub, worker, worker_thread })
    }

    /// Address of the UDP listener.
    pub fn udp(&self) -> Option<SocketAddr> {
        self.addresses.udp
    }

    /// Address of the TCP listener.
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.addresses.tcp
    }

    /// Address of the TLS listener.
    pub fn tls(&self) -> Option<SocketAddr> {
        self.addresses.tls
    }

    /// Where the truth log is.
    pub fn truth_path(&self) -> &Path {
        self.truth.path()
    }

    /// Lines of the truth log written so far.
    pub fn truth_lines(&self) -> u64 {
        self.truth.lines()
    }

    /// Calls in progress, in set-up or answered.
    pub fn live_calls(&self) -> usize {
        self.live.load(Ordering::Relaxed)
    }

    /// Ends all threads and waits until what was heard is in the truth log. Calls in progress are dropped without
    /// a word to the caller. Returns the log's path. Blocks, at most until the last call was listened to.
    pub fn stop(self) -> PathBuf {
        let _ = self.input.send(Input::Stop);
        if let Ok(ended) = self.engine.join() {
            if let Some(udp) = ended.udp {
                udp.stop();
            }
            ended.streams.stop();
        }
        self.hub.join();
        self.worker.close();
        let _ = self.worker_thread.join();
        self.truth.path().to_owned()
    }
}

/// Binds UDP and TCP on one port; a free port is searched until both fit.
fn bind(config: &Config) -> anyhow::Result<(Option<UdpSocket>, Option<TcpListener>)> {
    let at = config.listen;
    let mut last = None;
    for _ in 0..50 {
        let udp = match config.udp {
            true => Some(UdpSocket::bind(at).with_context(|| format!("bind UDP {at}"))?),
            false => None,
        };
        if !config.tcp {
            return Ok((udp, None));
        }
        let same = match &udp {
            Some(socket) => socket.local_addr()?,
            None => at,
        };
        match TcpListener::bind(same) {
            Ok(listener) => return Ok((udp, Some(listener))),
            Err(error) if at.port() == 0 => last = Some(error),
            Err(error) => return Err(error).with_context(|| format!("bind TCP {same}")),
        }
    }
    Err(anyhow::anyhow!("no port is free for both UDP and TCP: {last:?}"))
}

/// The engine's thread.
struct Driver {
    engine: Engine,
    truth: Arc<Truth>,
    media: mpsc::Sender<MediaCommand>,
    live: Arc<AtomicUsize>,
    wall: Wall,
    ended: Ended,
}

impl Driver {
    fn run(&mut self, inbox: &mpsc::Receiver<Input>) {
        loop {
            let now = self.wall.now();
            self.engine.run_timers(now);
            self.carry_out();
            let wait = self.engine.next_due().map_or(1_000, |due| due.saturating_sub(now).min(1_000));
            let input = match inbox.recv_timeout(Duration::from_millis(wait)) {
                Ok(input) => input,
                Err(mpsc::RecvTimeoutError::Timeout) => continue,
                Err(mpsc::RecvTimeoutError::Disconnected) => return,
            };
            if !self.take(input) {
                return;
            }
            // What has queued up meanwhile is taken in one go, but timers are looked at in between.
            for _ in 0..64 {
                match inbox.try_recv() {
                    Ok(input) => {
                        if !self.take(input) {
                            return;
                        }
                    }
                    Err(_) => break,
                }
            }
        }
    }

    /// False at the end.
    fn take(&mut self, input: Input) -> bool {
        let now = self.wall.now();
        match input {
            Input::Message { flow, bytes } => self.engine.receive(now, flow, &bytes),
            Input::Closed(conn) => self.engine.closed(conn),
            Input::Silent(call) => self.engine.silent(now, call),
            Input::Stop => return false,
        }
        self.carry_out();
        true
    }

    fn carry_out(&mut self) {
        for output in self.engine.take() {
            match output {
                Output::Truth(event) => self.truth.write(&event),
                Output::Media(command) => {
                    let _ = self.media.send(*command);
                }
                Output::Send { flow, bytes } if flow.transport == Transport::Udp => {
                    if let Some(udp) = &self.ended.udp {
                        udp.send(flow.peer, &bytes);
                    }
                }
                Output::Send { flow, bytes } => self.ended.streams.send(flow, bytes),
            }
        }
        self.live.store(self.engine.live(), Ordering::Relaxed);
    }
}
