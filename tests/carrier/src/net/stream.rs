//! Connections over TCP and TLS. A response whose connection is gone opens a new TCP connection to the address the
//! request named (RFC 3261 18.2.2).

use std::{
    collections::HashMap,
    net::SocketAddr,
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
};

use anyhow::Context as _;
use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::mpsc as queue,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::{
    Input,
    frame::{Frame, Framer},
};
use crate::engine::{Flow, Transport};

/// Messages that may wait for one slow connection.
const BACKLOG: usize = 8_192;

#[derive(Default)]
struct Table {
    by_id: HashMap<u64, queue::Sender<Arc<[u8]>>>,
    by_peer: HashMap<(Transport, SocketAddr), u64>,
}

#[derive(Clone)]
struct Shared {
    table: Arc<Mutex<Table>>,
    next: Arc<AtomicU64>,
    input: mpsc::Sender<Input>,
    stop: CancellationToken,
}

/// All stream connections and their runtime.
pub(crate) struct Streams {
    runtime: tokio::runtime::Runtime,
    shared: Shared,
}

impl Streams {
    /// A runtime without listeners.
    ///
    /// # Errors
    /// The runtime cannot be started.
    pub(crate) fn new(input: mpsc::Sender<Input>) -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("carrier-tcp")
            .enable_io()
            .enable_time()
            .build()?;
        let shared = Shared {
            table: Arc::default(),
            next: Arc::new(AtomicU64::new(1)),
            input,
            stop: CancellationToken::new(),
        };
        Ok(Self { runtime, shared })
    }

    /// Listens on a bound socket.
    ///
    /// # Errors
    /// The socket cannot be given to the runtime.
    pub(crate) fn listen(
        &self,
        listener: std::net::TcpListener,
        tls: Option<TlsAcceptor>,
    ) -> std::io::Result<()> {
        listener.set_nonblocking(true)?;
        let _guard = self.runtime.enter();
        let listener = TcpListener::from_std(listener)?;
        let shared = self.shared.clone();
        self.runtime.spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = shared.stop.cancelled() => return,
                    a = listener.accept() => a,
                };
                let Ok((stream, peer)) = accepted else {
                    // Out of file descriptors: wait for some to come back rather than spin.
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    continue;
                };
                let _ = stream.set_nodelay(true);
                let (shared, tls) = (shared.clone(), tls.clone());
                tokio::spawn(async move {
                    match tls {
                        None => shared.serve(stream, Transport::Tcp, peer, None).await,
                        Some(acceptor) => {
                            if let Ok(stream) = acceptor.accept(stream).await {
                                shared.serve(stream, Transport::Tls, peer, None).await;
                            }
                        }
                    }
                });
            }
        });
        Ok(())
    }

    /// Sends on the connection of `flow`, on another one to the same peer, or on a new one.
    pub(crate) fn send(&self, flow: Flow, bytes: Arc<[u8]>) {
        let table = self.shared.table.lock().unwrap_or_else(PoisonError::into_inner);
        let other = table.by_peer.get(&(flow.transport, flow.peer)).and_then(|id| table.by_id.get(id));
        if let Some(queue) = table.by_id.get(&flow.conn).or(other) {
            let _ = queue.try_send(bytes);
            return;
        }
        drop(table);
        if flow.transport != Transport::Tcp {
            return;
        }
        let shared = self.shared.clone();
        self.runtime.spawn(async move {
            let connect = TcpStream::connect(flow.peer);
            if let Ok(Ok(stream)) = tokio::time::timeout(std::time::Duration::from_secs(4), connect).await {
                shared.serve(stream, Transport::Tcp, flow.peer, Some(bytes)).await;
            }
        });
    }

    /// Closes everything.
    pub(crate) fn stop(self) {
        self.shared.stop.cancel();
        // Not waited for, so that a caller inside an async runtime may stop a carrier.
        self.runtime.shutdown_background();
    }
}

impl Shared {
    async fn serve<S>(self, stream: S, transport: Transport, peer: SocketAddr, first: Option<Arc<[u8]>>)
    where
        S: AsyncRead + AsyncWrite + Send + 'static,
    {
        let conn = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, mut outgoing) = queue::channel::<Arc<[u8]>>(BACKLOG);
        if let Some(bytes) = first {
            let _ = sender.try_send(bytes);
        }
        {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            table.by_id.insert(conn, sender.clone());
            table.by_peer.insert((transport, peer), conn);
        }
        let (mut reader, mut writer) = tokio::io::split(stream);
        let write = async {
            while let Some(bytes) = outgoing.recv().await {
                if writer.write_all(&bytes).await.is_err() || writer.flush().await.is_err() {
                    return;
                }
            }
        };
        let read = async {
            let mut framer = Framer::default();
            let mut buffer = vec![0u8; 16_384];
            loop {
                let Ok(length) = reader.read(&mut buffer).await else { return };
                if length == 0 {
                    return;
                }
                framer.push(&buffer[..length]);
                loop {
                    match framer.next() {
                        Ok(Some(Frame::Message(bytes))) => {
                            let flow = Flow { transport, peer, conn };
                            if self.input.send(Input::Message { flow, bytes }).is_err() {
                                return;
                            }
                        }
                        Ok(Some(Frame::Ping)) => {
                            let _ = sender.try_send(b"\r\n".as_slice().into());
                        }
                        Ok(None) => break,
                        Err(()) => return,
                    }
                }
            }
        };
        tokio::select! {
            () = self.stop.cancelled() => {}
            () = write => {}
            () = read => {}
        }
        {
            let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
            table.by_id.remove(&conn);
            if table.by_peer.get(&(transport, peer)) == Some(&conn) {
                table.by_peer.remove(&(transport, peer));
            }
        }
        let _ = self.input.send(Input::Closed(conn));
    }
}

/// A TLS acceptor from a certificate chain and a key, both PEM.
///
/// # Errors
/// A file cannot be read or the pair does not fit.
pub(crate) fn acceptor(certificate: &Path, key: &Path) -> anyhow::Result<TlsAcceptor> {
    use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
    let chain = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| anyhow::anyhow!("read certificate {}: {e}", certificate.display()))?;
    let key_der =
        PrivateKeyDer::from_pem_file(key).map_err(|e| anyhow::anyhow!("read key {}: {e}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .context("set up TLS")?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .context("use the certificate with the key")?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}
