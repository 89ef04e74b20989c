//! What becomes due. Timers are never taken back: each carries what tells a stale one (a stamp, a CSeq).

use std::{cmp::Ordering, sync::Arc};

use super::Flow;

/// Something to do later.
#[derive(Debug)]
pub(crate) enum Timer {
    /// A delayed message arrives here.
    Deliver { flow: Flow, bytes: Arc<[u8]> },
    /// A delayed message leaves.
    Emit { flow: Flow, bytes: Arc<[u8]> },
    /// A response held back by its callee's behaviour goes to the network.
    Late { flow: Flow, bytes: Arc<[u8]> },
    /// Timer G.
    ServerResend { key: Arc<str>, stamp: u64 },
    /// Timers H, I, J, L.
    ServerExpire { key: Arc<str>, stamp: u64 },
    /// Timers A and E.
    ClientResend { branch: String },
    /// Timers B and F.
    ClientExpire { branch: String },
    /// The next step of a callee's script.
    Step { call: u64, stamp: u64 },
    /// A 2xx without ACK is repeated, or given up.
    AnswerResend { call: u64, fork: usize, cseq: u32 },
    /// A reliable provisional response is repeated, or given up.
    Reliable { call: u64, rseq: u32 },
    /// Session refresh or expiry.
    Session { call: u64, stamp: u64 },
    /// The longest a callee talks.
    MaxTalk { call: u64 },
    /// Was the second branch of a forked call released?
    ForkCheck { call: u64 },
}

/// A timer in the queue: earliest first, then in order of setting.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) due: u64,
    pub(crate) seq: u64,
    pub(crate) timer: Timer,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.due, self.seq) == (other.due, other.seq)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.due, other.seq).cmp(&(self.due, self.seq))
    }
}
