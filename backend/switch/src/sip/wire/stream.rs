//! TCP and TLS: connections in and out, each with one task and bounded queues.
//!
//! A connection that is not kept up with, that makes no sense, or that is silent for half an hour is closed. Who may
//! connect is decided before a byte is read: only addresses of trunks' peers, or, where telephones may register, a bounded
//! number of anybody's, each of which must prove who it is within half a minute.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::super::agent::Shared;
use super::super::guard::network;
use super::super::message::Message;
use super::frame::{Frame, Framer};
use super::{Flow, Heard, Sent, Target, accept, tls};
use crate::config::{Listen, Transport};
use crate::error::SwitchError;

/// Messages waiting to be written to one connection.
const QUEUE: usize = 512;
/// Connections taken in at once.
const MAX_INBOUND: usize = 1024;
/// Connections taken in at once of addresses that are no peer's.
const MAX_STRANGERS: usize = 20_000;
/// Within this time somebody must have registered over the connection of a stranger.
const PROOF: Duration = Duration::from_secs(32);
/// A connection, and a TLS handshake, must stand within this time.
const CONNECT: Duration = Duration::from_secs(10);
/// A connection without any byte for so long is closed.
const IDLE: Duration = Duration::from_secs(1800);
/// Time for the answer to leave before a stream without sense is closed.
const FAREWELL: Duration = Duration::from_millis(500);

/// A listener that is bound.
pub(crate) struct Door {
    listener: TcpListener,
    local: SocketAddr,
    transport: Transport,
    tls: Option<TlsAcceptor>,
}

impl Door {
    pub(crate) async fn bind(listen: &Listen) -> Result<Self, SwitchError> {
        let fail = |e: std::io::Error| SwitchError::Bind { addr: listen.addr, reason: e.to_string() };
        let tls = if listen.transport == Transport::Tls { Some(tls::acceptor(listen)?) } else { None };
        let socket = if listen.addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
        let socket = socket.map_err(fail)?;
        // A restarted process binds again while old connections are still in TIME_WAIT.
        socket.set_reuseaddr(true).map_err(fail)?;
        socket.bind(listen.addr).map_err(fail)?;
        let listener = socket.listen(256).map_err(fail)?;
        let local = listener.local_addr().map_err(fail)?;
        Ok(Self { listener, local, transport: listen.transport, tls })
    }

    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.local
    }
}

struct Conn {
    queue: mpsc::Sender<Vec<u8>>,
    peer: Option<(Transport, SocketAddr)>,
}

/// The connections that the agent can write to.
#[derive(Default)]
pub(crate) struct Streams {
    conns: HashMap<u64, Conn>,
    outbound: HashMap<(Transport, SocketAddr), u64>,
    common: Option<Common>,
    born: Option<mpsc::UnboundedReceiver<(u64, mpsc::Sender<Vec<u8>>)>>,
}

/// What every connection's task needs.
#[derive(Clone)]
struct Common {
    heard: mpsc::Sender<Heard>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    next: Arc<AtomicU64>,
    inbound: Arc<AtomicUsize>,
    strangers: Arc<Mutex<HashMap<IpAddr, usize>>>,
}

/// Room for one more connection, given back when it has ended.
enum Seat {
    Peer(Arc<AtomicUsize>),
    Stranger(Arc<Mutex<HashMap<IpAddr, usize>>>, IpAddr),
}

impl Seat {
    fn take(common: &Common, peer: SocketAddr) -> Option<Self> {
        // a telephone may share an address with a peer; whatever it is, its seat is a peer's then
        if common.shared.trunks.owner(peer).is_some() {
            let room = common.inbound.fetch_add(1, Ordering::AcqRel) < MAX_INBOUND;
            let seat = Self::Peer(common.inbound.clone());
            return room.then_some(seat);
        }
        let most = common.shared.config.phones.as_ref()?.connections_per_address;
        let source = network(peer.ip());
        let mut strangers = common.strangers.lock();
        let all: usize = strangers.values().sum();
        let of = strangers.get(&source).copied().unwrap_or(0);
        if of >= most || all >= MAX_STRANGERS.min(common.shared.config.phones.as_ref()?.contacts) {
            return None;
        }
        strangers.insert(source, of + 1);
        Some(Self::Stranger(common.strangers.clone(), source))
    }

    fn is_stranger(&self) -> bool {
        matches!(self, Self::Stranger(..))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        match self {
            Self::Peer(count) => {
                count.fetch_sub(1, Ordering::AcqRel);
            }
            Self::Stranger(strangers, ip) => {
                let mut strangers = strangers.lock();
                let left = strangers.get(ip).copied().unwrap_or(0).saturating_sub(1);
                match left {
                    0 => strangers.remove(ip),
                    left => strangers.insert(*ip, left),
                };
            }
        }
    }
}

impl Streams {
    /// Starts accepting.
    pub(crate) fn serve(
        &mut self,
        doors: Vec<Door>,
        heard: mpsc::Sender<Heard>,
        shared: Arc<Shared>,
        stop: CancellationToken,
    ) {
        let common = Common {
            heard,
            shared,
            stop,
            next: Arc::new(AtomicU64::new(1)),
            inbound: Arc::default(),
            strangers: Arc::default(),
        };
        // Unbounded, but holds at most one entry for each of a bounded number of connections.
        let (tx, rx) = mpsc::unbounded_channel();
        for door in doors {
            let (common, tx) = (common.clone(), tx.clone());
            tokio::spawn(async move {
                let stop = common.stop.clone();
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = accept_loop(door, common, tx) => {}
                }
            });
        }
        self.common = Some(common);
        self.born = Some(rx);
    }

    fn take_born(&mut self) {
        while let Some(Ok((id, queue))) = self.born.as_mut().map(mpsc::UnboundedReceiver::try_recv) {
            self.conns.insert(id, Conn { queue, peer: None });
        }
    }

    /// Queues bytes on the connection of the target, or on a new one to its address.
    pub(crate) fn send(&mut self, target: Target, bytes: Vec<u8>) -> Sent {
        self.take_born();
        let key = (target.transport, target.dest);
        let by_flow = match target.flow {
            Flow::Conn(id) => self.conns.contains_key(&id).then_some(id),
            _ => None,
        };
        let id = match by_flow.or_else(|| self.outbound.get(&key).copied()) {
            Some(id) => id,
            None => match self.connect(key) {
                Some(id) => id,
                None => return Sent::No,
            },
        };
        let Some(conn) = self.conns.get(&id) else { return Sent::No };
        match conn.queue.try_send(bytes) {
            Ok(()) => Sent::Yes(Some(id)),
            Err(_) => {
                // Full or gone: dropping the queue ends the task, and its end is reported.
                self.closed(id);
                Sent::No
            }
        }
    }

    fn connect(&mut self, key: (Transport, SocketAddr)) -> Option<u64> {
        let common = self.common.clone()?;
        let id = common.next.fetch_add(1, Ordering::Relaxed);
        let (queue, rx) = mpsc::channel(QUEUE);
        self.conns.insert(id, Conn { queue, peer: Some(key) });
        self.outbound.insert(key, id);
        tokio::spawn(async move {
            let stop = common.stop.clone();
            let opened = tokio::select! {
                () = stop.cancelled() => return,
                opened = outbound(id, key, rx, &common) => opened,
            };
            let _ = common.heard.send(Heard::Closed { conn: id, opened }).await;
        });
        Some(id)
    }

    /// Forgets a connection.
    pub(crate) fn closed(&mut self, id: u64) {
        self.take_born();
        if let Some(Conn { peer: Some(key), .. }) = self.conns.remove(&id)
            && self.outbound.get(&key) == Some(&id)
        {
            self.outbound.remove(&key);
        }
    }
}

async fn accept_loop(door: Door, common: Common, born: mpsc::UnboundedSender<(u64, mpsc::Sender<Vec<u8>>)>) {
    loop {
        let (stream, peer) = match door.listener.accept().await {
            Ok(got) => got,
            Err(e) => {
                // Out of file descriptors, most likely: give others time to close theirs.
                tracing::warn!(error = %e, "connection not accepted");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let Some(seat) = Seat::take(&common, peer) else {
            common.shared.counters.guarded();
            continue;
        };
        let id = common.next.fetch_add(1, Ordering::Relaxed);
        let (queue, rx) = mpsc::channel(QUEUE);
        if born.send((id, queue)).is_err() {
            return;
        }
        let (common, tls, transport) = (common.clone(), door.tls.clone(), door.transport);
        tokio::spawn(async move {
            let source = Target { transport, dest: peer, flow: Flow::Conn(id) };
            let stop = common.stop.clone();
            let proof = async {
                if !seat.is_stranger() {
                    return std::future::pending().await;
                }
                tokio::time::sleep(PROOF).await;
                if common.shared.proved.lock().contains(&id) {
                    std::future::pending().await
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = inbound(stream, tls, source, rx, &common) => {}
                () = proof => common.shared.counters.guarded(),
            }
            let _ = common.heard.send(Heard::Closed { conn: id, opened: true }).await;
        });
    }
}

async fn inbound(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    source: Target,
    queue: mpsc::Receiver<Vec<u8>>,
    common: &Common,
) {
    tune(&stream);
    match tls {
        None => pump(stream, source, queue, common).await,
        Some(acceptor) => match tokio::time::timeout(CONNECT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => pump(stream, source, queue, common).await,
            Ok(Err(e)) => tracing::debug!(error = %e, "tls handshake failed"),
            Err(_) => tracing::debug!("tls handshake timed out"),
        },
    }
}

/// True where the connection stood.
async fn outbound(
    id: u64,
    key: (Transport, SocketAddr),
    queue: mpsc::Receiver<Vec<u8>>,
    common: &Common,
) -> bool {
    let source = Target { transport: key.0, dest: key.1, flow: Flow::Conn(id) };
    let stream = match tokio::time::timeout(CONNECT, TcpStream::connect(key.1)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(e)) => {
            tracing::debug!(error = %e, "connection refused");
            return false;
        }
        Err(_) => return false,
    };
    tune(&stream);
    if key.0 == Transport::Tcp {
        pump(stream, source, queue, common).await;
        return true;
    }
    let (connector, name) = match common.shared.tls_client(key.1) {
        Ok(got) => got,
        Err(e) => {
            tracing::warn!(error = %e, "tls to a peer is not possible");
            return false;
        }
    };
    match tokio::time::timeout(CONNECT, connector.connect(name, stream)).await {
        Ok(Ok(stream)) => {
            pump(stream, source, queue, common).await;
            true
        }
        Ok(Err(e)) => {
            tracing::warn!(error = %e, "tls handshake with a peer failed");
            false
        }
        Err(_) => false,
    }
}

fn tune(stream: &TcpStream) {
    // Either may be refused by the system; the connection works without.
    let _ = stream.set_nodelay(true);
    let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(60));
    let _ = SockRef::from(stream).set_tcp_keepalive(&keepalive);
}

/// Reads and writes until either side ends.
async fn pump<S>(stream: S, source: Target, mut queue: mpsc::Receiver<Vec<u8>>, common: &Common)
where
    S: AsyncRead + AsyncWrite,
{
    let (mut reader, mut writer) = tokio::io::split(stream);
    // The answer to a keepalive; one place is enough, more pings than answers do no harm.
    let (pong, mut pongs) = mpsc::channel::<()>(1);
    let write = async {
        loop {
            let wrote = tokio::select! {
                message = queue.recv() => match message {
                    Some(bytes) => writer.write_all(&bytes).await,
                    None => break,
                },
                Some(()) = pongs.recv() => writer.write_all(b"\r\n").await,
            };
            if wrote.is_err() || writer.flush().await.is_err() {
                break;
            }
        }
        let _ = writer.shutdown().await;
    };
    let read = async {
        let mut framer = Framer::default();
        let mut chunk = vec![0u8; 8192];
        loop {
            let n = match tokio::time::timeout(IDLE, reader.read(&mut chunk)).await {
                Ok(Ok(n)) if n > 0 => n,
                _ => return,
            };
            framer.push(&chunk[..n]);
            loop {
                match framer.next() {
                    Ok(None) => break,
                    Ok(Some(Frame::Ping)) => {
                        let _ = pong.try_send(());
                    }
                    Ok(Some(Frame::Message(bytes))) => {
                        if let Some(heard) = accept(&bytes, source, &common.shared)
                            && common.heard.send(heard).await.is_err()
                        {
                            return;
                        }
                    }
                    Err(why) => {
                        tracing::debug!(why, "stream closed");
                        common.shared.counters.malformed();
                        let malformed = Message::parse_unframed(framer.head(), why);
                        if malformed.request.is_some()
                            && common.heard.send(Heard::Malformed { malformed, source }).await.is_ok()
                        {
                            tokio::time::sleep(FAREWELL).await;
                        }
                        return;
                    }
                }
            }
        }
    };
    tokio::select! {
        () = write => {}
        () = read => {}
    }
}
