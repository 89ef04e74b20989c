//! Unix time that cannot step: the wall clock once, then the monotonic clock.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// A clock; copies agree.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wall {
    base_ms: u64,
    since: Instant,
}

impl Wall {
    /// Starts from the wall clock.
    pub(crate) fn start() -> Self {
        let base = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { base_ms: u64::try_from(base.as_millis()).unwrap_or(u64::MAX), since: Instant::now() }
    }

    /// Unix milliseconds.
    pub(crate) fn now(&self) -> u64 {
        self.base_ms + u64::try_from(self.since.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}
