//! The sockets under the agent: UDP, TCP and TLS, in whole messages.
//!
//! Sending never waits: a datagram that the kernel will not take now is lost like any other datagram, and its
//! transaction sends it again; a stream has a bounded queue and a task, and one that does not keep up is closed.
//! Receiving is one task a socket, which drops what the guard refuses before parsing and waits while the agent is
//! busy, so that a flood stays in the kernel's buffer.

pub(crate) mod frame;
mod stream;
mod tls;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr, UdpSocket as StdUdp};
use std::sync::Arc;
use std::time::Instant;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::agent::Shared;
use super::message::{Malformed, Message};
use crate::config::{Listen, Transport};
use crate::error::SwitchError;
use stream::Streams;
pub(crate) use tls::connector as tls_connector;

/// Messages parsed and not yet handled by the agent.
const QUEUE: usize = 4096;
/// Kernel buffer of a SIP socket, bytes; the system may give less.
const BUFFER: usize = 4 << 20;

/// Which socket a message uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Flow {
    /// The first listener of the transport (UDP), or a connection to the destination, made where there is none.
    Any,
    /// This UDP listener.
    Listener(u16),
    /// This connection while it lives, else as `Any`.
    Conn(u64),
}

/// Where a message goes, or where it came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Target {
    pub(crate) transport: Transport,
    pub(crate) dest: SocketAddr,
    pub(crate) flow: Flow,
}

/// What the sockets tell the agent.
#[derive(Debug)]
pub(crate) enum Heard {
    /// A message came.
    Message {
        message: Box<Message>,
        source: Target,
        /// From the address of a trunk's peer.
        known: bool,
    },
    /// A request of a peer that cannot be worked with, but answered.
    Malformed { malformed: Malformed, source: Target },
    /// A connection is gone; `opened` tells whether it ever was there.
    Closed { conn: u64, opened: bool },
}

/// What sending came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sent {
    /// Handed to the kernel, or to the queue of this connection.
    Yes(Option<u64>),
    /// Certainly not sent.
    No,
}

/// All sockets of a switch.
pub(crate) struct Wire {
    udp: Vec<Arc<UdpSocket>>,
    streams: Streams,
    locals: Vec<(Transport, SocketAddr)>,
    stop: CancellationToken,
}

impl Wire {
    /// Binds what is listened on and says where. Nothing is received before [`Wire::serve`].
    pub(crate) async fn bind(listen: &[Listen]) -> Result<(Self, Unserved), SwitchError> {
        let mut udp = Vec::new();
        let mut doors = Vec::new();
        let mut locals = Vec::new();
        for l in listen {
            let fail = |e: std::io::Error| SwitchError::Bind { addr: l.addr, reason: e.to_string() };
            match l.transport {
                Transport::Udp => {
                    let socket = bind_udp(l.addr).map_err(fail)?;
                    let socket = UdpSocket::from_std(socket).map_err(fail)?;
                    locals.push((l.transport, socket.local_addr().map_err(fail)?));
                    udp.push(Arc::new(socket));
                }
                Transport::Tcp | Transport::Tls => {
                    let door = stream::Door::bind(l).await?;
                    locals.push((l.transport, door.local_addr()));
                    doors.push(door);
                }
            }
        }
        let wire = Self { udp, streams: Streams::default(), locals, stop: CancellationToken::new() };
        Ok((wire, Unserved { doors }))
    }

    /// The addresses listened on, in the order of the configuration.
    pub(crate) fn locals(&self) -> &[(Transport, SocketAddr)] {
        &self.locals
    }

    /// Starts receiving.
    pub(crate) fn serve(&mut self, unserved: Unserved, shared: &Arc<Shared>) -> mpsc::Receiver<Heard> {
        let (tx, rx) = mpsc::channel(QUEUE);
        for (index, socket) in self.udp.iter().enumerate() {
            let (socket, tx, shared, stop) = (socket.clone(), tx.clone(), shared.clone(), self.stop.clone());
            tokio::spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = read_udp(index as u16, &socket, &tx, &shared) => {}
                }
            });
        }
        self.streams.serve(unserved.doors, tx, shared.clone(), self.stop.clone());
        rx
    }

    /// Sends without waiting.
    pub(crate) fn send(&mut self, target: Target, bytes: Vec<u8>) -> Sent {
        if target.transport != Transport::Udp {
            return self.streams.send(target, bytes);
        }
        let socket = match target.flow {
            Flow::Listener(i) => self.udp.get(usize::from(i)),
            _ => self.udp.iter().find(|s| s.local_addr().is_ok_and(|a| a.is_ipv4() == target.dest.is_ipv4())),
        };
        let Some(socket) = socket else { return Sent::No };
        match socket.try_send_to(&bytes, target.dest) {
            Ok(_) => Sent::Yes(None),
            // As good as lost on the way; the transaction repeats it.
            Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => Sent::Yes(None),
            // An ICMP error of an earlier datagram, reported late.
            Err(e) if e.kind() == std::io::ErrorKind::ConnectionRefused => {
                if socket.try_send_to(&bytes, target.dest).is_ok() { Sent::Yes(None) } else { Sent::No }
            }
            Err(e) => {
                tracing::debug!(error = %e, "datagram not sent");
                Sent::No
            }
        }
    }

    /// A connection's task has ended.
    pub(crate) fn closed(&mut self, conn: u64) {
        self.streams.closed(conn);
    }

    /// Stops all tasks and closes all sockets.
    pub(crate) fn stop(&mut self) {
        self.stop.cancel();
        self.udp.clear();
        self.streams = Streams::default();
    }
}

/// Listeners that are bound and not yet accepting.
pub(crate) struct Unserved {
    doors: Vec<stream::Door>,
}

/// A UDP socket that a restarted process can bind again at once: UDP knows no waiting state, and `SO_REUSEADDR` is
/// left off so that two processes never share it by accident.
fn bind_udp(addr: SocketAddr) -> std::io::Result<StdUdp> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    // The system's limit may be lower; it then gives what it has.
    let _ = socket.set_recv_buffer_size(BUFFER);
    let _ = socket.set_send_buffer_size(BUFFER);
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

async fn read_udp(index: u16, socket: &UdpSocket, tx: &mpsc::Sender<Heard>, shared: &Shared) {
    let mut buffer = vec![0u8; super::message::MAX_MESSAGE];
    loop {
        let (length, source) = match socket.recv_from(&mut buffer).await {
            Ok(got) => got,
            Err(e) => {
                // ICMP errors come here too; they say nothing about the socket.
                tracing::debug!(error = %e, "datagram not received");
                tokio::task::yield_now().await;
                continue;
            }
        };
        let source = Target { transport: Transport::Udp, dest: source, flow: Flow::Listener(index) };
        if let Some(heard) = accept(&buffer[..length], source, shared)
            && tx.send(heard).await.is_err()
        {
            return;
        }
    }
}

/// Guard, parse: what every message goes through before the agent sees it.
fn accept(data: &[u8], source: Target, shared: &Shared) -> Option<Heard> {
    if data.iter().all(u8::is_ascii_whitespace) {
        return None;
    }
    let known = shared.trunks.owner(source.dest).is_some();
    if !known && !shared.guard.lock().admit_stranger(source.dest.ip(), Instant::now()) {
        shared.counters.guarded();
        return None;
    }
    match Message::parse(data) {
        Ok(message) => {
            shared.counters.message_in();
            Some(Heard::Message { message: Box::new(message), source, known })
        }
        Err(malformed) => {
            tracing::debug!(why = malformed.why, bytes = data.len(), "message not understood");
            shared.counters.malformed();
            (known && malformed.request.is_some()).then_some(Heard::Malformed { malformed, source })
        }
    }
}

/// The local address that packets to `dest` leave from, asked of the routing table (nothing is sent).
pub(crate) fn source_ip(dest: SocketAddr) -> Option<IpAddr> {
    let any = if dest.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = StdUdp::bind(any).ok()?;
    socket.connect(dest).ok()?;
    socket.local_addr().ok().map(|a| a.ip()).filter(|ip| !ip.is_unspecified())
}

/// Remembers [`source_ip`] by destination; bounded, because destinations come from the configuration.
#[derive(Debug, Default)]
pub(crate) struct Routes(HashMap<IpAddr, IpAddr>);

impl Routes {
    pub(crate) fn source(&mut self, dest: SocketAddr) -> Option<IpAddr> {
        if self.0.len() > 4096 {
            self.0.clear();
        }
        if let Some(ip) = self.0.get(&dest.ip()) {
            return Some(*ip);
        }
        let ip = source_ip(dest)?;
        self.0.insert(dest.ip(), ip);
        Some(ip)
    }
}
