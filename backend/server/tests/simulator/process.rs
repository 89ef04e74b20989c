//! The server's process of a history: it starts, rests, dies at any await, and is started again over what the database
//! holds.

use super::carrier::Profile;
use super::check;
use super::history::History;
use super::world::World;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::hash::{Hash, Hasher};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waybell_server::accounts::tokens::TokenKeys;
use waybell_server::app::App;
use waybell_server::clock::Clock;
use waybell_server::config::{Config, Trunk};
use waybell_server::evidence::key::EvidenceKey;
use waybell_server::keys::Keys;
use waybell_server::notify::{self, Dialler};
use waybell_server::speech::{Speech, SpeechError};
use waybell_server::store::StoreError;
use waybell_switch::Prompt;

/// The engine's life.
type Life = dyn Future<Output = Result<(), StoreError>> + Send;

/// The engine's future, which may end at any of its turns.
struct Mortal {
    world: Arc<World>,
    engine: Option<Pin<Box<Life>>>,
}

impl Future for Mortal {
    type Output = Result<(), StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let dead = {
            let mut s = self.world.state.lock();
            s.turn("at an await");
            s.dead
        };
        let polled = match self.engine.as_mut() {
            Some(engine) if !dead => engine.as_mut().poll(cx),
            _ => Poll::Ready(Ok(())),
        };
        let dead = self.world.state.lock().dead;
        if dead || polled.is_ready() {
            self.engine = None;
            self.world.idle.notify_one();
            return match polled {
                Poll::Ready(result) if !dead => Poll::Ready(result),
                _ => Poll::Ready(Ok(())),
            };
        }
        polled
    }
}

/// Makes a prompt, or cannot; in another life it may.
fn voice(text: &str, seed: u64, life: u32, mute: f64) -> Result<Arc<Prompt>, SpeechError> {
    let mut hasher = std::hash::DefaultHasher::new();
    (text, seed, life).hash(&mut hasher);
    if StdRng::seed_from_u64(hasher.finish()).random_bool(mute) {
        return Err(SpeechError::Sound("no voice".into()));
    }
    Ok(Prompt::from_pcm(format!("{seed}{}", text.len()), &[0; 8]))
}

impl History<'_> {
    /// Lets the engine run until it waits for the world, or is dead.
    pub(crate) async fn settle(&mut self) -> Result<(), String> {
        let Some(engine) = &self.engine else { return Ok(()) };
        loop {
            for _ in 0..4 {
                tokio::task::yield_now().await;
            }
            if engine.is_finished() {
                if self.world.state.lock().dead {
                    return Ok(());
                }
                let engine = self.engine.take();
                let ended = match engine {
                    Some(e) => format!("{:?}", e.await),
                    None => String::new(),
                };
                let mut s = self.world.state.lock();
                if ended.contains("disk") {
                    // storage failed while it recovered: the server ends and is started again
                    s.die("because recovery could not be stored");
                    return Ok(());
                }
                return Err(format!("the engine ended by itself: {ended}"));
            }
            if self.world.resting() {
                return Ok(());
            }
            self.world.idle.notified().await;
        }
    }

    /// After a death: memory is gone, the database is what is left.
    pub(crate) async fn bury(&mut self) -> Result<(), String> {
        if let Some(engine) = self.engine.take() {
            engine.abort();
            let _ = engine.await;
        }
        self.app = None;
        {
            let mut s = self.world.state.lock();
            s.forget();
        }
        for _ in 0..2 {
            tokio::task::yield_now().await;
        }
        let open = check::open_attempts(&self.bench.store).await;
        let undone = check::undone_attempts(&self.bench.store).await;
        let mut s = self.world.state.lock();
        s.note(|| format!("-- open at the death: {open:?}"));
        let at = s.now;
        let ringing: Vec<String> = open.iter().filter(|a| check::rings(&s, a, at)).cloned().collect();
        s.in_flight.extend(open);
        self.ledger.undone_at_death.push((at, undone));
        self.ledger.rang_at_death.push((at, ringing));
        Ok(())
    }

    pub(crate) async fn stop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.abort();
            let _ = engine.await;
        }
        self.app = None;
        self.world.state.lock().forget();
    }

    pub(crate) fn start(&mut self) {
        let (tx, rx) = mpsc::channel(4_096);
        let (trunks, profile) = {
            let mut s = self.world.state.lock();
            s.life += 1;
            s.alive = true;
            s.events = Some(tx);
            s.note(|| "-- starts".into());
            let now = s.now;
            self.ledger.starts.push(now);
            (s.nature.trunks, s.nature.profile)
        };
        let trunk = |n| Trunk {
            name: format!("t{n}"),
            caller_ids: vec!["+8657100000001".into(), "+8657100000002".into()],
            probe: profile != Profile::IgnoresRequire,
            ..Trunk::default()
        };
        let config = Config {
            data: self.bench.folder.path().to_owned(),
            trunk: (0..trunks).map(trunk).collect(),
            ..Config::default()
        };
        let (dialler, ear) = Dialler::new();
        let (seed, life, mute) = {
            let s = self.world.state.lock();
            (self.seed, s.life, s.nature.mute)
        };
        let app = Arc::new(App {
            clock: Clock::driven(self.world.clone()),
            store: self.store.clone(),
            evidence_key: EvidenceKey::open(&config.data).unwrap(),
            keys: Keys::open(&config.kms_file()),
            tokens: TokenKeys::open(&config.data).unwrap(),
            revoked: Default::default(),
            limits: waybell_server::http::limits::Limits::new(&config.limits),
            dummy_hash: String::new(),
            switch: self.world.clone(),
            dialler,
            push: waybell_server::push::Engines::default(),
            geocoders: waybell_server::geocoder::Geocoders::default(),
            transcripts: waybell_server::transcripts::Transcripts::default(),
            speech: Speech::of(move |text| voice(text, seed, life, mute)),
            calls: Default::default(),
            apps: Default::default(),
            positions: Default::default(),
            collector: Default::default(),
            phones: Default::default(),
            webhooks: Default::default(),
            stopping: CancellationToken::new(),
            metrics: self.bench.metrics.clone(),
            config,
        });
        let engine =
            Mortal { world: self.world.clone(), engine: Some(Box::pin(notify::run(app.clone(), ear, rx))) };
        self.engine = Some(tokio::spawn(engine));
        self.app = Some(app);
    }
}
