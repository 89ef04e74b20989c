//! What all rooms share.

use crate::accounts::tokens::TokenKeys;
use crate::clock::Clock;
use crate::config::Config;
use crate::notify::Dialler;
use crate::speech::Speech;
use crate::store::Store;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;
use std::collections::HashSet;
use std::num::NonZeroU32;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use waybell_domain::id::SessionId;
use waybell_switch::Switch;

/// The server's state, given to every route.
pub struct App {
    /// Configuration in force.
    pub config: Config,
    /// Time.
    pub clock: Clock,
    /// Database.
    pub store: Store,
    /// Token secret.
    pub tokens: TokenKeys,
    /// Sessions that were signed out and whose access tokens have not ended by themselves.
    pub revoked: Mutex<HashSet<SessionId>>,
    /// Tries per login name.
    pub login_limit: DefaultKeyedRateLimiter<String>,
    /// Hash that an unknown login is checked against.
    pub dummy_hash: String,
    /// SIP and RTP.
    pub switch: Switch,
    /// The dialler's ear.
    pub dialler: Dialler,
    /// Spoken notices.
    pub speech: Speech,
    /// Set when the server stops: sockets close, loops end.
    pub stopping: CancellationToken,
    /// Metrics page.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// Shared state.
pub type Shared = Arc<App>;

impl App {
    /// Ten tries in a row for one login name, then one every three seconds.
    pub fn login_limit() -> DefaultKeyedRateLimiter<String> {
        let quota = Quota::per_minute(NonZeroU32::MIN.saturating_add(19))
            .allow_burst(NonZeroU32::MIN.saturating_add(9));
        RateLimiter::keyed(quota)
    }
}
