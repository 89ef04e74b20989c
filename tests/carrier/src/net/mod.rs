//! Sockets: UDP on a blocking thread of its own, TCP and TLS on one small tokio runtime. Everything that comes in goes
//! to the engine's queue; everything that goes out is sent from the engine's thread or handed to the runtime.

mod frame;
mod stream;

use std::{
    net::{SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};

use crate::engine::{Flow, Transport};

pub(crate) use stream::{Streams, acceptor};

/// What reaches the engine's thread.
#[derive(Debug)]
pub(crate) enum Input {
    /// A message.
    Message {
        /// Where from.
        flow: Flow,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A connection is gone.
    Closed(u64),
    /// Nothing arrives in a call.
    Silent(u64),
    /// End.
    Stop,
}

/// Asks for large socket buffers; the kernel gives what it allows.
pub(crate) fn enlarge(socket: &UdpSocket) {
    let socket = socket2::SockRef::from(socket);
    let _ = socket.set_recv_buffer_size(8 << 20);
    let _ = socket.set_send_buffer_size(4 << 20);
}

/// The UDP listener.
pub(crate) struct Udp {
    socket: UdpSocket,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Udp {
    /// Starts reading from a bound socket.
    ///
    /// # Errors
    /// The socket cannot be set up or the thread not be started.
    pub(crate) fn start(socket: UdpSocket, input: mpsc::Sender<Input>) -> std::io::Result<Self> {
        enlarge(&socket);
        socket.set_read_timeout(Some(Duration::from_millis(100)))?;
        let own = socket.try_clone()?;
        let stop = Arc::new(AtomicBool::new(false));
        let flag = stop.clone();
        let thread = std::thread::Builder::new().name("carrier-udp".to_owned()).spawn(move || {
            let mut buffer = vec![0u8; 65_536];
            while !flag.load(Ordering::Relaxed) {
                let Ok((length, peer)) = own.recv_from(&mut buffer) else { continue };
                let flow = Flow { transport: Transport::Udp, peer, conn: 0 };
                if input.send(Input::Message { flow, bytes: buffer[..length].to_vec() }).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { socket, stop, thread })
    }

    /// Sends a datagram; one that cannot be sent is lost, as datagrams are.
    pub(crate) fn send(&self, peer: SocketAddr, bytes: &[u8]) {
        let _ = self.socket.send_to(bytes, peer);
    }

    /// Ends the thread.
    pub(crate) fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        let _ = self.thread.join();
    }
}
