//! One history: organisations, couriers, people and taps from a seed; the engine of the server over its real store.

use super::action::Action;
use super::check;
use super::inline::Inline;
use super::ledger::Ledger;
use super::world::{What, World};
use rand::Rng;
use std::sync::Arc;
use tokio::task::JoinHandle;
use waybell_domain::clock::{DAY, HOUR, MINUTE};
use waybell_domain::id::{BatchId, OrganisationId, ParcelId, UserId};
use waybell_domain::wire::BatchAction;
use waybell_server::app::Shared;
use waybell_server::store::{Durability, Store, StoreError, number};

/// 2026-03-02 in Shanghai, midnight.
const MIDNIGHT: i64 = 1_772_380_800_000;
/// A history that is not over by then will never be.
const HORIZON: i64 = 4 * DAY;

/// What outlives a history: a migrated database, made once.
pub(crate) struct Bench {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) inline: Arc<Inline>,
    pub(crate) store: Store,
    pub(crate) metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sim.db");
        Store::open_as(&format!("sqlite:{}", file.display()), Durability::None).await.unwrap().close().await;
        let inline = Inline::open(&file);
        let store = Store::over(inline.connection(None), inline.connection(None));
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        Bench { folder, inline, store, metrics }
    }
}

pub(crate) struct Org {
    pub(crate) id: OrganisationId,
    pub(crate) couriers: Vec<UserId>,
    pub(crate) parcels: Vec<(ParcelId, String, usize)>,
    pub(crate) phones: Vec<String>,
}

pub(crate) struct History<'a> {
    pub(crate) bench: &'a Bench,
    pub(crate) world: Arc<World>,
    pub(crate) store: Store,
    pub(crate) orgs: Vec<Org>,
    pub(crate) actions: Vec<Action>,
    pub(crate) app: Option<Shared>,
    pub(crate) engine: Option<JoinHandle<Result<(), StoreError>>>,
    pub(crate) ledger: Ledger,
    pub(crate) seed: u64,
}

/// Runs the history of a seed: what is wrong with it, and its trace where asked for.
pub(crate) async fn run(bench: &Bench, seed: u64, tracing: bool) -> (Vec<String>, Vec<String>) {
    // most begin in the morning, some a little before the quiet hours
    let start = MIDNIGHT + 10 * HOUR + if seed.is_multiple_of(7) { 10 * HOUR + 26 * MINUTE } else { 0 };
    let world = World::new(seed, start, tracing);
    let connection = bench.inline.connection(Some(world.clone()));
    let store = Store::over(connection.clone(), connection).tried(world.clone());
    let mut history = History {
        bench,
        world: world.clone(),
        store,
        orgs: Vec::new(),
        actions: Vec::new(),
        app: None,
        engine: None,
        ledger: Ledger::default(),
        seed,
    };
    history.prepare().await;
    let ended = history.live().await;
    history.stop().await;
    let mut wrong = check::all(bench.store.read(), &world, &history.ledger, &history.orgs).await;
    if let Err(problem) = ended {
        wrong.insert(0, problem);
    }
    let trace = std::mem::take(&mut world.state.lock().trace);
    (wrong, trace)
}

impl History<'_> {
    /// Goes on until nothing more will happen.
    async fn live(&mut self) -> Result<(), String> {
        let end = self.world.state.lock().now + HORIZON;
        let mut steps = 0u32;
        loop {
            self.settle().await?;
            let fell = {
                let mut s = self.world.state.lock();
                s.dead && s.alive && {
                    let outage = match s.rng.random_range(0..8) {
                        0 => 40_000,
                        1 => 31_000,
                        2 => 20_000,
                        3 => 6_000,
                        _ => s.rng.random_range(100..2_000),
                    };
                    s.after(outage, What::Start);
                    true
                }
            };
            if fell {
                self.bury().await?;
                continue;
            }
            if self.world.quiet() && self.app.is_some() {
                if self.everybody_is_done().await {
                    return Ok(());
                }
                self.let_go().await;
            }
            steps += 1;
            if steps > 40_000 {
                return Err("endless: 40,000 steps".into());
            }
            let Some(what) = self.world.next(end) else {
                return Err("the horizon is reached: somebody will never be done".into());
            };
            self.happen(what).await;
        }
    }

    /// A pause or a stop that overtook its end because it had to be sent again is taken back.
    async fn let_go(&mut self) {
        let held = check::held(self.bench.store.read()).await;
        let now = self.world.state.lock().now;
        for (batch, state, organisation, person) in held {
            let Some(org) = self.orgs.iter().position(|o| o.id.to_string() == organisation) else { continue };
            let courier = self.orgs[org].couriers.iter().position(|c| c.to_string() == person).unwrap_or(0);
            let action = match state.as_str() {
                "needs_confirmation" => BatchAction::Confirm,
                _ => BatchAction::Resume,
            };
            if let Ok(batch) = BatchId::parse(&batch) {
                self.actions.push(Action::Act { org, courier, batch, action });
                let n = self.actions.len() - 1;
                self.world.state.lock().after(1_000, What::Act(n));
            }
        }
        for org in self.ledger.stopped_at(now) {
            self.actions.push(Action::Stop { org, stopped: false });
            let n = self.actions.len() - 1;
            self.world.state.lock().after(1_000, What::Act(n));
        }
    }

    async fn everybody_is_done(&self) -> bool {
        number(
            self.bench.store.read(),
            "SELECT COUNT(*) FROM recipient WHERE state NOT IN ('done', 'suppressed', 'cancelled')",
            [],
        )
        .await
        .unwrap()
            == 0
    }

    async fn happen(&mut self, what: What) {
        match what {
            What::Hear { life, message } => self.world.state.lock().on_hear(life, message),
            What::Step(by) => self.world.state.lock().step(by),
            What::Carry(message) => self.world.state.lock().on_carry(message),
            What::Leg { life, leg, timer } => {
                let mut s = self.world.state.lock();
                if s.life == life && s.alive {
                    s.on_leg(&leg, timer);
                }
            }
            What::Call { call, timer } => self.world.state.lock().on_call(call, timer),
            What::Emit { life, event } => {
                let mut s = self.world.state.lock();
                if s.life == life && s.alive {
                    s.note(|| format!("event {} {:?}", event.leg, event.kind));
                    if let Some(events) = &s.events {
                        let _ = events.try_send(*event);
                    }
                }
            }
            What::Tell { life, batch } => {
                if self.world.state.lock().life == life
                    && let Some(app) = &self.app
                {
                    if let Some(batch) = batch {
                        app.dialler.cancel(batch);
                    }
                    app.dialler.wake();
                }
            }
            What::Die => self.world.state.lock().die("by a kill"),
            What::Start => self.start(),
            What::Act(n) => self.act(n).await,
        }
    }
}
