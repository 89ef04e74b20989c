//! From a configuration to a running server, and back down.

use crate::accounts::service::hash_password;
use crate::accounts::tokens::TokenKeys;
use crate::app::{App, Shared};
use crate::clock::Clock;
use crate::config::{Config, ConfigError, parse_listener};
use crate::evidence::key::EvidenceKey;
use crate::keys::Keys;
use crate::lock::DataLock;
use crate::messages::{HttpProvider, OutboxFolder, TextMessage};
use crate::notify::{self, Dialler};
use crate::speech::{Speech, Whose};
use crate::store::{Store, StoreError};
use crate::webhooks::address::Networks;
use crate::webhooks::{self, Webhooks};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waybell_switch::{
    AppLegs, Credentials, Listen, Registration, Switch, SwitchConfig, SwitchError, Transport, TrunkConfig,
};

/// Why the server cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// SIP or RTP.
    #[error("telephony: {0}")]
    Switch(#[from] SwitchError),
    /// Folder, port.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

/// A running server.
pub struct Running {
    /// Its rooms.
    pub app: Shared,
    /// Where HTTP listens.
    pub http: SocketAddr,
    tasks: Vec<JoinHandle<()>>,
    engine: JoinHandle<()>,
    router: JoinHandle<()>,
    switch: Switch,
    _lock: DataLock,
}

/// Starts everything: storage, switch, dialler (which first recovers what a crash left), HTTP.
pub async fn start(config: Config) -> Result<Running, StartError> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let lock = DataLock::take(&config.data)?;
    let clock = Clock::open(&config.data)?;
    let store = Store::open(&config.database_url()).await?;
    let tokens = TokenKeys::open(&config.data)?;
    let evidence_key = EvidenceKey::open(&config.data)?;
    let keys = Keys::open(&config.kms_file());
    let dummy_hash = hash_password("nobody has this password").map_err(StartError::Other)?;
    let ports = KeptPorts::read(&config);
    let phones = Arc::<crate::phones::Accounts>::default();
    let (switch, events) = Switch::start(switch_config(&config, &ports, &phones)?).await?;
    let listener = TcpListener::bind(ports.http_for(&config.http))
        .await
        .map_err(|e| std::io::Error::other(format!("cannot listen on http = {:?}: {e}", config.http)))?;
    let http = listener.local_addr()?;
    KeptPorts::write(&config, &switch, http)?;
    // last of all that may fail: a server that cannot start takes nothing over
    let claim = store.claim(&config.data, &node(&config.data)?, clock.now()).await?;
    match claim.restored {
        Some(why) => tracing::warn!(
            why,
            "these data are a restored copy: every unfinished batch is paused; resume each, or stop the server and run \
             `waybell-server admin resume-restored`"
        ),
        None if claim.moved => tracing::warn!("taken over from a server with another data folder"),
        None => {}
    }
    keys.settle(&store).await?;
    let (dialler, ear) = Dialler::new();
    let speech = Speech::new(&config.speech, config.media_dir().join("prompts"));
    crate::speech::words::load(&store, &config.media_dir(), speech.words()).await?;
    let push = crate::push::Engines::open(&config.push)
        .map_err(|e| StartError::Other(format!("configuration key {e}")))?;
    let transcripts = crate::transcripts::Transcripts::open(&config.transcriber)
        .map_err(|e| StartError::Other(format!("configuration key transcriber: {e}")))?;
    let geocoders = crate::geocoder::Geocoders::open(&config.geocoder)
        .map_err(|e| StartError::Other(format!("configuration key geocoder: {e}")))?;
    let networks = Networks::parse(&config.webhooks.allowed_networks)
        .map_err(|bad| StartError::Other(format!("webhooks.allowed_networks: {bad:?} is no network")))?;
    let receivers = webhooks::Client::new(networks).map_err(|e| StartError::Other(e.to_string()))?;
    let told = Webhooks::load(&store).await?;
    let app = Arc::new(App {
        clock,
        store,
        evidence_key,
        keys,
        tokens,
        revoked: parking_lot::Mutex::new(HashMap::new()),
        limits: crate::http::limits::Limits::new(&config.limits),
        dummy_hash,
        switch: Arc::new(switch.clone()),
        dialler,
        calls: crate::calls::Calls::default(),
        apps: crate::app_calls::Sessions::default(),
        positions: crate::tracks::Positions::default(),
        collector: crate::tracks::Collector::default(),
        phones,
        push,
        geocoders,
        transcripts,
        speech,
        webhooks: told,
        stopping: CancellationToken::new(),
        metrics: metrics_handle(),
        config,
    });
    crate::accounts::service::load_revoked(&app).await?;
    Box::pin(crate::phones::load(&app)).await?;
    for trunk in switch.trunks() {
        let up = f64::from(trunk.life == waybell_switch::TrunkLife::Up);
        metrics::gauge!("waybell_trunk_up", "trunk" => trunk.name).set(up);
    }
    // a voice or a trunk that is not there is told now and not at the first call
    for warning in app.config.warnings() {
        tracing::warn!("{warning}");
    }
    app.speech.prepare(Whose::default(), vec!["您好".into()]);
    notify::hold_ports(&app, &switch).await?;
    crate::calls::recover::recover(&app, &switch, claim.restored.is_some() || claim.moved).await?;
    crate::bindings::recover(&app).await?;
    crate::charges::begin(&app).await?;
    let (onward, notices) = tokio::sync::mpsc::channel(1_024);
    let router = tokio::spawn(crate::calls::route(app.clone(), switch.clone(), events, onward));
    let engine = tokio::spawn({
        let app = app.clone();
        let switch = switch.clone();
        async move {
            let rounds = tokio::spawn(notify::run(app.clone(), ear, notices));
            let ended = rounds.await;
            if !app.stopping.is_cancelled() {
                // a server that takes taps and rings nobody is worse than none: it ends, and is started again
                // no more than the sentence: what PostgreSQL says beyond it has values of rows in it
                let why = match &ended {
                    Ok(Ok(())) => String::new(),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                };
                tracing::error!(why, "the dialler has stopped");
                if matches!(&ended, Ok(Err(error)) if error.is_final()) {
                    // whoever took over knows nothing of our sound: nobody is left on a silent line
                    switch.shutdown().await;
                }
                app.stopping.cancel();
            }
        }
    });
    let provider: Arc<dyn TextMessage> = match &app.config.messages.url {
        Some(url) => Arc::new(
            HttpProvider::new(url.clone(), app.config.messages.token.clone())
                .map_err(|e| StartError::Other(e.to_string()))?,
        ),
        None => Arc::new(OutboxFolder { folder: app.config.data.join("outbox") }),
    };
    let messages = tokio::spawn(crate::messages::run(app.clone(), provider));
    let pushes = tokio::spawn(webhooks::run(app.clone(), receivers));
    let janitor = tokio::spawn(crate::janitor::run(app.clone()));
    let server = tokio::spawn({
        let app = app.clone();
        async move {
            let router = crate::http::router(app.clone()).into_make_service_with_connect_info::<SocketAddr>();
            let stopping = app.stopping.clone();
            let served = axum::serve(listener, router)
                .with_graceful_shutdown(async move { stopping.cancelled().await });
            if let Err(error) = served.await {
                tracing::error!(%error, "HTTP has stopped");
            }
        }
    });
    tracing::info!(%http, sip = ?switch.local_addrs(), "ready");
    let recordings = tokio::spawn(crate::recordings::run(app.clone()));
    let transcripts = tokio::spawn(crate::transcripts::run(app.clone()));
    let phones = tokio::spawn(crate::phones::run(app.clone()));
    let geocoders = tokio::spawn(crate::geocoder::run(app.clone()));
    let tasks = vec![messages, pushes, server, janitor, recordings, transcripts, geocoders, phones];
    Ok(Running { app, http, tasks, engine, router, switch, _lock: lock })
}

impl Running {
    /// Starts no new call, lets running ones end (at most `drain_seconds`), then closes everything.
    pub async fn drain(self) {
        let patience = Duration::from_secs(u64::from(self.app.config.drain_seconds));
        self.app.dialler.drain();
        self.app.calls.drain();
        let left = self.switch.drain(patience).await;
        if left > 0 {
            tracing::warn!(left, "calls were still open at the end of the drain");
        }
        // the last results are stored by the engine before it is told to stop
        tokio::time::sleep(Duration::from_millis(300)).await;
        self.app.stopping.cancel();
        let _ = self.engine.await;
        for task in self.tasks {
            let _ = tokio::time::timeout(Duration::from_secs(5), task).await;
        }
        self.switch.shutdown().await;
        // calls that the drain has cut short are stored before the database is closed
        let _ = tokio::time::timeout(Duration::from_secs(5), self.router).await;
        self.app.calls.finished(Duration::from_secs(10)).await;
        self.app.store.clone().close().await;
    }
}

/// The name of this data folder, made once: calls of a server with another one are not ours to ask about.
fn node(data: &std::path::Path) -> std::io::Result<String> {
    let file = data.join("node");
    match std::fs::read(&file) {
        Ok(bytes) => match std::str::from_utf8(&bytes).map(str::trim) {
            Ok(name) if !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()) => {
                return Ok(name.to_owned());
            }
            // calls that are open now become unknown: nobody is rung twice for it
            _ => {
                tracing::error!(file = %file.display(), "the name of this data folder is damaged and is made anew")
            }
        },
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(std::io::Error::other(format!("cannot read {}: {error}", file.display()))),
    }
    let name: String = rand::random::<[u8; 8]>().iter().map(|b| format!("{b:02x}")).collect();
    crate::files::put(&file, name.as_bytes(), crate::files::Readers::Usual)?;
    Ok(name)
}

/// Ports that were free ones at the first start and must be the same ever after (see `notify::recover`).
#[derive(Default, serde::Serialize, serde::Deserialize)]
struct KeptPorts {
    http: Option<SocketAddr>,
    sip: Vec<(String, SocketAddr)>,
}

impl KeptPorts {
    fn read(config: &Config) -> KeptPorts {
        std::fs::read(config.data.join("ports.json"))
            .ok()
            .and_then(|b| serde_json::from_slice(&b).ok())
            .unwrap_or_default()
    }

    /// The address asked for, or the one of the last start where a free port was asked for and is still free.
    fn http_for(&self, asked: &str) -> String {
        match (asked.parse::<SocketAddr>(), self.http) {
            (Ok(a), Some(kept))
                if a.port() == 0 && a.ip() == kept.ip() && std::net::TcpListener::bind(kept).is_ok() =>
            {
                kept.to_string()
            }
            _ => asked.to_owned(),
        }
    }

    fn write(config: &Config, switch: &Switch, http: SocketAddr) -> std::io::Result<()> {
        let sip = switch.local_addrs().into_iter().map(|(t, a)| (word(t).to_owned(), a)).collect();
        let text =
            serde_json::to_vec_pretty(&KeptPorts { http: Some(http), sip }).map_err(std::io::Error::other)?;
        crate::files::put(&config.data.join("ports.json"), &text, crate::files::Readers::Usual)
    }
}

fn word(transport: Transport) -> &'static str {
    match transport {
        Transport::Udp => "udp",
        Transport::Tcp => "tcp",
        Transport::Tls => "tls",
    }
}

fn transport(word: &str) -> Transport {
    match word {
        "tcp" => Transport::Tcp,
        "tls" => Transport::Tls,
        _ => Transport::Udp,
    }
}

fn switch_config(
    config: &Config,
    kept: &KeptPorts,
    phones: &Arc<crate::phones::Accounts>,
) -> Result<SwitchConfig, StartError> {
    let mut listen = Vec::new();
    for text in &config.sip {
        let (name, mut addr) = parse_listener(text)?;
        if addr.port() == 0
            && let Some((_, before)) = kept.sip.iter().find(|(t, a)| *t == name && a.ip() == addr.ip())
        {
            addr.set_port(before.port());
        }
        listen.push(Listen {
            transport: transport(&name),
            addr,
            tls_cert: config.tls_certificate.clone(),
            tls_key: config.tls_key.clone(),
        });
    }
    let trunks = config
        .trunk
        .iter()
        .map(|t| {
            let mut trunk = TrunkConfig::new(t.name.clone(), t.peers.clone());
            trunk.transport = transport(&t.transport);
            trunk.priority = t.priority;
            trunk.share = t.share;
            trunk.cps = t.calls_per_second;
            trunk.channels = t.channels;
            trunk.reserve = t.kept_free();
            trunk.caller_ids.clone_from(&t.caller_ids);
            trunk.probe = t.probe;
            trunk.auth = t.user.as_ref().map(|user| Credentials {
                username: user.clone(),
                password: t.password.clone().unwrap_or_default(),
                realm: None,
            });
            trunk.register = (t.register && t.user.is_some()).then(|| Registration {
                aor: format!(
                    "sip:{}@{}",
                    t.user.as_deref().unwrap_or_default(),
                    t.peers.first().map_or("", String::as_str)
                ),
                expires: Duration::from_secs(600),
            });
            trunk.session_expires = t.session_expires.map(|s| Duration::from_secs(u64::from(s)));
            trunk.options_interval =
                (t.options_seconds > 0).then(|| Duration::from_secs(u64::from(t.options_seconds)));
            trunk.tls_ca.clone_from(&t.tls_ca);
            trunk.ring_limit = Duration::from_secs(u64::from(config.ring_seconds));
            trunk
        })
        .collect();
    Ok(SwitchConfig {
        listen,
        public_address: config.public_address,
        rtp_ports: config.rtp_ports.0..=config.rtp_ports.1,
        media_threads: config.media_threads.max(1),
        trunks,
        apps: config
            .app_calls
            .map(|listen| AppLegs { public_address: config.public_address, ..AppLegs::new(listen) }),
        phones: config.phones.realm.as_deref().map(|realm| config.phones.of_switch(phones.clone(), realm)),
        ..SwitchConfig::default()
    })
}

/// The process has one recorder; servers started in one process share it.
fn metrics_handle() -> metrics_exporter_prometheus::PrometheusHandle {
    use std::sync::OnceLock;
    static HANDLE: OnceLock<metrics_exporter_prometheus::PrometheusHandle> = OnceLock::new();
    HANDLE
        .get_or_init(|| {
            let builder = metrics_exporter_prometheus::PrometheusBuilder::new();
            let recorder = builder.build_recorder();
            let handle = recorder.handle();
            let _ = metrics::set_global_recorder(recorder);
            handle
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_folder_is_kept_and_a_damaged_one_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        let first = node(dir.path()).unwrap();
        assert_eq!(node(dir.path()).unwrap(), first);
        for damage in [&b""[..], b" \n", &[0; 16], &[0xff, 0xfe]] {
            std::fs::write(dir.path().join("node"), damage).unwrap();
            let made = node(dir.path()).unwrap();
            assert_eq!(made.len(), 16);
            assert_eq!(node(dir.path()).unwrap(), made);
        }
    }

    #[test]
    fn damaged_ports_are_those_of_a_first_start() {
        let dir = tempfile::tempdir().unwrap();
        let config = Config { data: dir.path().to_owned(), ..Config::default() };
        for damage in ["", "{\"http\":", "\0\0\0"] {
            std::fs::write(dir.path().join("ports.json"), damage).unwrap();
            let ports = KeptPorts::read(&config);
            assert_eq!((ports.http, ports.sip.len()), (None, 0));
        }
    }
}
