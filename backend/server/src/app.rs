//! What all rooms share.

use crate::accounts::tokens::TokenKeys;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::config::Config;
use crate::evidence::key::EvidenceKey;
use crate::http::limits::Limits;
use crate::keys::Keys;
use crate::notify::Dialler;
use crate::notify::telephone::Telephone;
use crate::speech::Speech;
use crate::store::Store;
use crate::webhooks::Webhooks;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::SessionId;

/// The server's state, given to every route.
pub struct App {
    /// Configuration in force.
    pub config: Config,
    /// Time.
    pub clock: Clock,
    /// Database.
    pub store: Store,
    /// What evidence bundles are signed with.
    pub evidence_key: EvidenceKey,
    /// What recordings are sealed with.
    pub keys: Keys,
    /// Token secret.
    pub tokens: TokenKeys,
    /// Sessions that were signed out, and when, while their access tokens have not ended by themselves.
    pub revoked: Mutex<HashMap<SessionId, UnixMs>>,
    /// How often anybody may ask.
    pub limits: Limits,
    /// Hash that an unknown login is checked against.
    pub dummy_hash: String,
    /// SIP and RTP.
    pub switch: Arc<dyn Telephone>,
    /// The dialler's ear.
    pub dialler: Dialler,
    /// Calls that come in over published numbers.
    pub calls: Calls,
    /// Apps that are connected, for calls over the data network.
    pub apps: crate::app_calls::Sessions,
    /// Where couriers on duty are.
    pub positions: crate::tracks::Positions,
    /// Parts of tracks that wait for their commit.
    pub collector: crate::tracks::Collector,
    /// Telephones that may register.
    pub phones: Arc<crate::phones::Accounts>,
    /// Services that wake apps.
    pub push: crate::push::Engines,
    /// Services that are asked where buildings are.
    pub geocoders: crate::geocoder::Geocoders,
    /// What writes voicemails down.
    pub transcripts: crate::transcripts::Transcripts,
    /// Spoken notices.
    pub speech: Speech,
    /// Whether waybill systems are told of results.
    pub webhooks: Webhooks,
    /// Set when the server stops: sockets close, loops end.
    pub stopping: CancellationToken,
    /// Metrics page.
    pub metrics: metrics_exporter_prometheus::PrometheusHandle,
}

/// Shared state.
pub type Shared = Arc<App>;
