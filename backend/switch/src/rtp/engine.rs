//! The agent's side of the RTP threads: which leg lives where.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::pool::PortPool;
use super::sweep::{Order, Sweep};
use super::{Command, Heard, Totals};
use crate::error::SwitchError;

/// All RTP threads.
pub(crate) struct Engine {
    threads: Vec<(Sender<Order>, JoinHandle<()>)>,
    homes: HashMap<u64, usize>,
    load: Vec<usize>,
}

impl Engine {
    /// Starts `count` threads, each pinned to a core of its own as far as there are cores.
    pub(crate) fn start(
        count: usize,
        ports: Arc<PortPool>,
        totals: Arc<Totals>,
    ) -> Result<(Self, UnboundedReceiver<Heard>), SwitchError> {
        raise_file_limit();
        let (heard, rx) = unbounded_channel();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let mut threads = Vec::new();
        for i in 0..count.max(1) {
            let (tx, orders) = channel();
            let fail = |e: std::io::Error| SwitchError::Io(e.to_string());
            let sweep = Sweep::new(orders, heard.clone(), ports.clone(), totals.clone()).map_err(fail)?;
            // From the last core down: the first takes the most interrupts.
            let core = cores - 1 - i % cores;
            let thread = std::thread::Builder::new()
                .name(format!("rtp-{i}"))
                .spawn(move || {
                    settle(core);
                    sweep.run();
                })
                .map_err(fail)?;
            threads.push((tx, thread));
        }
        let load = vec![0; threads.len()];
        Ok((Self { threads, homes: HashMap::new(), load }, rx))
    }

    /// Gives a command to the thread of its leg.
    pub(crate) fn send(&mut self, command: Command) {
        let home = match &command {
            Command::Open { leg, .. } => {
                let home = (0..self.load.len()).min_by_key(|i| self.load[*i]).unwrap_or(0);
                self.homes.insert(*leg, home);
                self.load[home] += 1;
                Some(home)
            }
            Command::Close { leg } => {
                let home = self.homes.remove(leg);
                if let Some(home) = home {
                    self.load[home] = self.load[home].saturating_sub(1);
                }
                home
            }
            Command::Bridge { a, b } => self.bring_together(*a, *b),
            Command::Stream { leg, .. }
            | Command::Start { leg }
            | Command::Play { leg, .. }
            | Command::StopPlay { leg }
            | Command::Digits { leg, .. }
            | Command::Unbridge { leg }
            | Command::Tap { leg, .. }
            | Command::Quiet { leg } => self.homes.get(leg).copied(),
        };
        if let Some(home) = home {
            self.order(home, Order::Do(command));
        }
    }

    /// Bridged legs live on one thread: `b` moves to `a`'s.
    fn bring_together(&mut self, a: u64, b: u64) -> Option<usize> {
        let (to, from) = (*self.homes.get(&a)?, *self.homes.get(&b)?);
        if to != from {
            self.order(to, Order::Expect(b));
            let target = self.threads.get(to)?.0.clone();
            self.order(from, Order::Move { leg: b, to: target });
            self.homes.insert(b, to);
            self.load[from] = self.load[from].saturating_sub(1);
            self.load[to] += 1;
        }
        Some(to)
    }

    fn order(&self, home: usize, order: Order) {
        if let Some((tx, _)) = self.threads.get(home) {
            // A thread ends only when told to.
            let _ = tx.send(order);
        }
    }

    /// Ends the threads; their legs are closed and ports given back.
    pub(crate) async fn stop(self) {
        for (tx, _) in &self.threads {
            let _ = tx.send(Order::Stop);
        }
        let joined = tokio::task::spawn_blocking(move || {
            for (_, thread) in self.threads {
                if thread.join().is_err() {
                    tracing::error!("an RTP thread has panicked");
                }
            }
        });
        let _ = joined.await;
    }
}

/// A leg has two sockets: the process may open as many as the system's hard limit allows it.
#[allow(unsafe_code, reason = "resource limits are not in the standard library")]
fn raise_file_limit() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is valid for writing, then for reading. Where the system refuses, the old limit stays.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 && limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}

/// Pins the calling thread and asks for exact timers. Where the system refuses, the loop works with more jitter.
#[allow(unsafe_code, reason = "affinity and timer slack are not in the standard library")]
fn settle(core: usize) {
    // SAFETY: the set is a plain bit field that is valid when zero; `CPU_SET` checks its range; both calls act on the
    // calling thread only.
    unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, std::mem::size_of::<libc::cpu_set_t>(), &raw const set);
        libc::prctl(libc::PR_SET_TIMERSLACK, 1 as libc::c_ulong, 0, 0, 0);
    }
}
