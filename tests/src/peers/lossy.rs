//! A bad line: a UDP relay between our user agent and a peer, which loses messages in both directions.
//!
//! The loss is here and not in the peer (sipp has `-lost`), because a peer that has thrown a message away itself knows
//! its repetition for a new one.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::net::UdpSocket;

/// See the module. It ends when this is dropped.
pub struct LossyLine {
    /// Where our side sends to.
    pub address: SocketAddr,
    lost: Arc<AtomicU32>,
    task: tokio::task::JoinHandle<()>,
}

impl LossyLine {
    /// A line to `peer` that loses each message with the probability `loss`. What the peer says of its address becomes
    /// the line's, so that the requests inside a call go this way too.
    pub async fn to(peer: SocketAddr, loss: f64, seed: u64) -> anyhow::Result<LossyLine> {
        let near = UdpSocket::bind("127.0.0.1:0").await?;
        let far = UdpSocket::bind("127.0.0.1:0").await?;
        let address = near.local_addr()?;
        let lost = Arc::new(AtomicU32::new(0));
        let counted = lost.clone();
        let mut random = StdRng::seed_from_u64(seed);
        let task = tokio::spawn(async move {
            let (mut a, mut b) = (vec![0u8; 65_536], vec![0u8; 65_536]);
            let mut ours = None;
            let (own, its) = (format!("@{address}"), format!("@{peer}"));
            loop {
                let (bytes, to_peer) = tokio::select! {
                    got = near.recv_from(&mut a) => {
                        let Ok((n, from)) = got else { continue };
                        ours = Some(from);
                        (String::from_utf8_lossy(&a[..n]).replace(&own, &its), true)
                    }
                    got = far.recv_from(&mut b) => {
                        let Ok((n, _)) = got else { continue };
                        (String::from_utf8_lossy(&b[..n]).replace(&its, &own), false)
                    }
                };
                if random.random_bool(loss) {
                    counted.fetch_add(1, Ordering::Relaxed);
                } else if to_peer {
                    let _ = far.send_to(bytes.as_bytes(), peer).await;
                } else if let Some(ours) = ours {
                    let _ = near.send_to(bytes.as_bytes(), ours).await;
                }
            }
        });
        Ok(LossyLine { address, lost, task })
    }

    /// Messages that were lost so far.
    pub fn lost(&self) -> u32 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Drop for LossyLine {
    fn drop(&mut self) {
        self.task.abort();
    }
}
