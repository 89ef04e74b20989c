//! The facade.

use crate::calls::Calls;
use crate::error::{Error, Result};
use crate::events::{Bus, Subscription};
use crate::http::Http;
use crate::labels::Labels;
use crate::notify::Notify;
use crate::organisation::Organisation;
use crate::phones::Phones;
use crate::ports::Ports;
use crate::recordings::Recordings;
use crate::search::{Search, SearchState};
use crate::session::{Present, Session, stored_server};
use crate::store::Store;
use crate::sync::{Background, Sync, SyncShared};
use crate::tasks::Tasks;
use crate::tour::Tours;
use parking_lot::Mutex;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use waybell_domain::clock::EventTime;

/// Name of the store's file in its folder.
pub(crate) const FILE: &str = "waybell.db";

/// Where things are.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Folder of this installation; made if need be. Several processes may share it.
    pub data_dir: PathBuf,
    /// The server, such as `https://waybell.example.com`; empty for the one of the last sign-in.
    pub server: String,
}

/// The app core. Cheap to clone; all clones are one client.
#[derive(Clone)]
pub struct Client {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub data_dir: PathBuf,
    pub store: Store,
    pub http: Http,
    pub clock: Arc<dyn crate::ports::Clock>,
    pub bus: Bus,
    pub present: Mutex<Present>,
    /// The epoch of the sign-in that this process knows of, for those who wait for another.
    pub epochs: tokio::sync::watch::Sender<i64>,
    pub refreshing: tokio::sync::Mutex<()>,
    /// Tells this process from those before it.
    pub process: String,
    pub sync: SyncShared,
    pub tracks: crate::tracking::upload::TrackShared,
    pub search: SearchState,
    pub signalling: crate::call::signalling::Signalling,
    pub knowledge: crate::knowledge::KnowledgeState,
    background: Mutex<Option<Background>>,
}

impl Client {
    /// Opens the store (some milliseconds, blocking) and reads who is signed in. Nothing runs until
    /// [`Client::resume`]; every call works before it.
    ///
    /// # Errors
    /// `Storage` if the file cannot be opened or its key is lost, `Newer` if a newer app wrote it, `BadInput` for a bad server address.
    pub fn open(config: ClientConfig, ports: Ports) -> Result<Client> {
        make_private(&config.data_dir)?;
        let store = Store::open(&config.data_dir.join(FILE), ports.keys.data_key()?)?;
        let server = match config.server.trim() {
            "" => store.read_now(stored_server)?.unwrap_or_default(),
            given => given.to_owned(),
        };
        let inner = Inner {
            data_dir: config.data_dir,
            http: Http::new(&server)?,
            store,
            clock: ports.clock,
            bus: Bus::default(),
            present: Mutex::default(),
            epochs: tokio::sync::watch::Sender::new(0),
            refreshing: tokio::sync::Mutex::default(),
            process: random().iter().map(|b| format!("{b:02x}")).collect(),
            sync: SyncShared::default(),
            tracks: crate::tracking::upload::TrackShared::default(),
            search: SearchState::default(),
            signalling: crate::call::signalling::Signalling::default(),
            knowledge: crate::knowledge::KnowledgeState::default(),
            background: Mutex::default(),
        };
        let sound = inner.data_dir.join(crate::calls::audio::FOLDER);
        inner.store.read_now(|c| crate::calls::audio::sweep(c, &sound))?;
        inner.reload()?;
        Ok(Client { inner: Arc::new(inner) })
    }

    /// Signing in and out.
    #[must_use]
    pub fn session(&self) -> Session {
        Session { client: self.clone() }
    }

    /// The day's parcels.
    #[must_use]
    pub fn tasks(&self) -> Tasks {
        Tasks { client: self.clone() }
    }

    /// Keyword search.
    #[must_use]
    pub fn search(&self) -> Search {
        Search { client: self.clone() }
    }

    /// Numbers off labels and out of speech.
    #[must_use]
    pub fn labels(&self) -> Labels {
        Labels { client: self.clone() }
    }

    /// The order of the day's stops.
    #[must_use]
    pub fn tours(&self) -> Tours {
        Tours { client: self.clone() }
    }

    /// Dial plans and batches.
    #[must_use]
    pub fn notify(&self) -> Notify {
        Notify { client: self.clone() }
    }

    /// Where the courier is on duty.
    #[must_use]
    pub fn tracking(&self) -> crate::tracking::Tracking {
        crate::tracking::Tracking { client: self.clone() }
    }

    /// Calls that came in for this courier.
    #[must_use]
    pub fn calls(&self) -> Calls {
        Calls { client: self.clone() }
    }

    /// Leaves and corrections.
    #[must_use]
    pub fn leaves(&self) -> crate::leaves::Leaves {
        crate::leaves::Leaves { client: self.clone() }
    }

    /// Work orders.
    #[must_use]
    pub fn orders(&self) -> crate::orders::Orders {
        crate::orders::Orders { client: self.clone() }
    }

    /// Announcements.
    #[must_use]
    pub fn announcements(&self) -> crate::announcements::Announcements {
        crate::announcements::Announcements { client: self.clone() }
    }

    /// What calls cost.
    #[must_use]
    pub fn charges(&self) -> crate::charges::Charges {
        crate::charges::Charges { client: self.clone() }
    }

    /// Knowledge.
    #[must_use]
    pub fn knowledge(&self) -> crate::knowledge::Knowledge {
        crate::knowledge::Knowledge { client: self.clone() }
    }

    /// Clocking in and out.
    #[must_use]
    pub fn attendance(&self) -> crate::attendance::Attendance {
        crate::attendance::Attendance { client: self.clone() }
    }

    /// Calls on the server, and evidence bundles of them.
    #[must_use]
    pub fn recordings(&self) -> Recordings {
        Recordings { client: self.clone() }
    }

    /// Telephones of somebody's, or one's own.
    #[must_use]
    pub fn phones(&self, person: Option<waybell_domain::id::UserId>) -> Phones {
        Phones { client: self.clone(), person }
    }

    /// Rules and people, for administrators.
    #[must_use]
    pub fn organisation(&self) -> Organisation {
        Organisation { client: self.clone() }
    }

    /// Exchange with the server, and what waits for it.
    #[must_use]
    pub fn sync(&self) -> Sync {
        Sync { client: self.clone() }
    }

    /// Changes, from now on; see [`crate::events`].
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        self.inner.bus.subscribe()
    }

    /// Starts the exchange with the server in the background: outbox, pull, socket. Call it in a tokio runtime, when
    /// the app comes to the front. Harmless when it runs already.
    pub fn resume(&self) {
        let mut background = self.inner.background.lock();
        if background.is_none() {
            *background = Some(Background::start(&self.inner));
        }
    }

    /// Stops the background exchange, letting a request that is under way end (2 s at most). Nothing is lost: what is
    /// cut off is sent again.
    pub async fn pause(&self) {
        let background = self.inner.background.lock().take();
        if let Some(background) = background {
            background.stop().await;
        }
    }

    /// Pauses, then merges the log and closes every file. Later calls fail with `Storage`.
    pub async fn shutdown(&self) {
        self.pause().await;
        let store = self.inner.store.clone();
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }

    /// For the phones' background workers: sends what waits and pulls what is new, for `limit` at most. True if
    /// nothing is left to send.
    pub async fn run_pending(&self, limit: Duration) -> Result<bool> {
        match tokio::time::timeout(limit, self.sync().now()).await {
            Ok(done) => done?,
            Err(_) => tracing::debug!("the time for background work is over"),
        }
        Ok(self.sync().status()?.queued == 0)
    }

    /// Removes parcels, batches and calls (with their sound) older than this from this phone; the server keeps its own. Rows with operations on
    /// their way stay. How many parcels went.
    pub async fn purge(&self, days: u32) -> Result<usize> {
        let now = self.inner.clock.wall();
        let before = now - i64::from(days) * waybell_domain::clock::DAY;
        let seal = self.inner.store.seal.clone();
        let purged = self
            .inner
            .store
            .write(move |t| {
                crate::calls::rows::purge(t, &seal, before, now)?;
                crate::orders::rows::purge(t, &seal, before)?;
                crate::announcements::rows::purge(t, before)?;
                crate::knowledge::rows::purge(t, before)?;
                crate::charges::rows::purge(t, before)?;
                crate::tasks::rows::purge(t, &seal, before)
            })
            .await?;
        crate::calls::audio::sweep_now(&self.inner).await?;
        Ok(purged)
    }
}

impl Inner {
    /// Now, by both clocks.
    pub(crate) fn event_time(&self) -> EventTime {
        let (boot, ms) = self.clock.boot();
        let known = !boot.is_empty();
        EventTime { wall: self.clock.wall(), boot_id: known.then_some(boot), boot_ms: known.then_some(ms) }
    }
}

/// Makes the folder, if need be, for its owner only: addresses lie in clear in it.
pub(crate) fn make_private(folder: &std::path::Path) -> Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(|e| Error::storage(format!("{}: {e}", folder.display())))
}

/// Ten random bytes, for ids.
pub(crate) fn random() -> [u8; 10] {
    use chacha20poly1305::aead::OsRng;
    use chacha20poly1305::aead::rand_core::RngCore;
    let mut bytes = [0; 10];
    OsRng.fill_bytes(&mut bytes);
    bytes
}
