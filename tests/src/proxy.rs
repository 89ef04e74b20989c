//! A bad network between a phone and the server: a TCP proxy that delays, stalls, cuts and resets.
//!
//! Each direction of each connection may carry a number of bytes that the seed chooses, from none to all. So a cut falls
//! anywhere: before the request, in its head or body, after the server has acted and before its answer, in the answer,
//! between two requests of one connection. What happens then is chosen as well: both sides are reset, or the bytes
//! vanish for a while first, as on a train that enters a tunnel.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// See the module.
pub struct Proxy {
    /// Address for phones.
    pub url: String,
    calm: Arc<watch::Sender<bool>>,
    cuts: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

/// What happens to one direction of a connection.
#[derive(Clone, Copy)]
struct Fate {
    /// Bytes that go through; everything if `None`.
    bytes: Option<usize>,
    /// Bytes vanish for so long before the reset.
    tunnel: Duration,
    /// Each piece is this late.
    late: Duration,
}

impl Fate {
    const GOOD: Fate = Fate { bytes: None, tunnel: Duration::ZERO, late: Duration::ZERO };

    fn draw(random: &mut StdRng) -> Fate {
        let mut short = |most: u64| Duration::from_millis(random.random_range(0..=most));
        let (tunnel, late) = (short(250), short(25));
        // as often within the first hundred bytes as within the next ten thousand
        let size = 10f64.powf(random.random_range(0.0..4.5));
        let bytes = match random.random_range(0..10) {
            0 => None,
            1 => Some(0),
            _ => Some(size as usize),
        };
        Fate {
            bytes,
            tunnel: if random.random_bool(0.5) { tunnel } else { Duration::ZERO },
            late: if random.random_bool(0.3) { late } else { Duration::ZERO },
        }
    }
}

impl Proxy {
    /// A proxy before the server at `url`, calm at first.
    pub async fn start(url: &str, seed: u64) -> anyhow::Result<Proxy> {
        let server: SocketAddr = url.trim_start_matches("http://").parse()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (calm, cuts) = (Arc::new(watch::Sender::new(true)), Arc::new(AtomicU32::new(0)));
        let task = tokio::spawn({
            let (calm, cuts) = (calm.clone(), cuts.clone());
            async move {
                let mut random = StdRng::seed_from_u64(seed);
                while let Ok((phone, _)) = listener.accept().await {
                    let fates = if *calm.borrow() {
                        [Fate::GOOD; 2]
                    } else {
                        [Fate::draw(&mut random), Fate::draw(&mut random)]
                    };
                    tokio::spawn(carry(phone, server, fates, cuts.clone(), calm.subscribe()));
                }
            }
        });
        Ok(Proxy { url: format!("http://{address}"), calm, cuts, task })
    }

    /// From now on new connections are left alone, or not; those that exist are reset.
    pub fn calm(&self, calm: bool) {
        self.calm.send_if_modified(|now| std::mem::replace(now, calm) != calm);
    }

    /// Connections that were cut.
    pub fn cuts(&self) -> u32 {
        self.cuts.load(Ordering::Relaxed)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(
    phone: TcpStream,
    server: SocketAddr,
    [up, down]: [Fate; 2],
    cuts: Arc<AtomicU32>,
    mut weather: watch::Receiver<bool>,
) {
    weather.mark_unchanged();
    let Ok(far) = TcpStream::connect(server).await else { return };
    // closing with unread or unsent bytes resets at once instead of saying goodbye
    let (_, _) = (phone.set_zero_linger(), far.set_zero_linger());
    let (phone_in, phone_out) = phone.into_split();
    let (far_in, far_out) = far.into_split();
    let cut = tokio::select! {
        cut = pass(phone_in, far_out, up) => cut,
        cut = pass(far_in, phone_out, down) => cut,
        _ = weather.changed() => false,
    };
    cuts.fetch_add(u32::from(cut), Ordering::Relaxed);
}

/// Carries one direction; true if it was cut, false if a side has closed.
async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, fate: Fate) -> bool {
    let mut left = fate.bytes;
    let mut piece = [0u8; 2048];
    loop {
        if left == Some(0) {
            // what is sent now arrives nowhere, but its sender cannot know
            let swallow = async { while matches!(from.read(&mut piece).await, Ok(n) if n > 0) {} };
            let _ = tokio::time::timeout(fate.tunnel, swallow).await;
            tokio::time::sleep(fate.tunnel).await;
            return true;
        }
        let Ok(n @ 1..) = from.read(&mut piece).await else { return false };
        tokio::time::sleep(fate.late).await;
        let go = left.map_or(n, |l| l.min(n));
        if to.write_all(&piece[..go]).await.is_err() {
            return false;
        }
        left = left.map(|l| l - go);
    }
}
