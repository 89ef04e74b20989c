//! One history: organisations, couriers, people and taps from a seed; the engine of the server over its real store.

use super::carrier::Profile;
use super::check::{self, Ledger};
use super::inline::Inline;
use super::world::{Death, State, What, World};
use rand::Rng;
use sea_orm::Value;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use waybell_domain::clock::{DAY, HOUR, MINUTE, SECOND, UnixMs};
use waybell_domain::dial::policy::{Anchor, FrequencyRule, Policy, QuietHours};
use waybell_domain::id::{BatchId, OrganisationId, ParcelId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ActedAt, BatchAction, BatchRequest, Role};
use waybell_server::accounts::tokens::TokenKeys;
use waybell_server::app::{App, Shared};
use waybell_server::clock::Clock;
use waybell_server::config::{Config, Trunk};
use waybell_server::http::error::ApiError;
use waybell_server::notify::{self, Dialler, accept};
use waybell_server::speech::Speech;
use waybell_server::store::scope::Scope;
use waybell_server::store::{Durability, Store, StoreError, number};
use waybell_switch::Prompt;

/// 2026-03-02 in Shanghai, midnight.
const MIDNIGHT: i64 = 1_772_380_800_000;
/// A history that is not over by then will never be.
const HORIZON: i64 = 4 * DAY;

/// What outlives a history: a migrated database, made once.
pub(crate) struct Bench {
    folder: tempfile::TempDir,
    inline: Arc<Inline>,
    store: Store,
    metrics: metrics_exporter_prometheus::PrometheusHandle,
}

impl Bench {
    pub(crate) async fn new() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sim.db");
        Store::open_as(&format!("sqlite:{}", file.display()), Durability::None).await.unwrap().close().await;
        let inline = Inline::open(&file);
        let store = Store::over(inline.connection(None).await, inline.connection(None).await);
        let metrics = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder().handle();
        Bench { folder, inline, store, metrics }
    }
}

/// A thing that somebody does.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    Tap { org: usize, courier: usize, request: Box<BatchRequest> },
    Again { org: usize, courier: usize, id: BatchId, include_unknown: bool },
    Act { org: usize, courier: usize, batch: BatchId, action: BatchAction },
    Stop { org: usize, stopped: bool },
    OptOut { org: usize, phone: String },
    Deliver { parcel: String },
}

pub(crate) struct Org {
    pub(crate) id: OrganisationId,
    pub(crate) couriers: Vec<UserId>,
    pub(crate) parcels: Vec<(ParcelId, String, usize)>,
    pub(crate) phones: Vec<String>,
}

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
            s.inside = true;
            s.dead
        };
        let polled = match self.engine.as_mut() {
            Some(engine) if !dead => engine.as_mut().poll(cx),
            _ => Poll::Ready(Ok(())),
        };
        let dead = {
            let mut s = self.world.state.lock();
            s.inside = false;
            s.dead
        };
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

pub(crate) struct History<'a> {
    bench: &'a Bench,
    world: Arc<World>,
    store: Store,
    orgs: Vec<Org>,
    actions: Vec<Action>,
    app: Option<Shared>,
    engine: Option<JoinHandle<Result<(), StoreError>>>,
    ledger: Ledger,
    seed: u64,
}

/// Runs the history of a seed: what is wrong with it, and its trace where asked for.
pub(crate) async fn run(bench: &Bench, seed: u64, tracing: bool) -> (Vec<String>, Vec<String>) {
    // most begin in the morning, some a little before the quiet hours
    let start = MIDNIGHT + 10 * HOUR + if seed.is_multiple_of(7) { 10 * HOUR + 26 * MINUTE } else { 0 };
    let world = World::new(seed, start, tracing);
    let connection = bench.inline.connection(Some(world.clone())).await;
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

fn policy(s: &mut State) -> Policy {
    let mut policy = Policy { quiet: vec![QuietHours::NIGHT], ..Policy::default() };
    let minute = FrequencyRule { window: MINUTE, max: 1, anchor: Anchor::Rolling, counts_failed: true };
    policy.frequency = vec![minute];
    if s.chance(0.2) {
        policy.frequency.push(FrequencyRule {
            window: HOUR,
            max: 3,
            anchor: Anchor::FirstCall,
            counts_failed: false,
        });
    }
    policy.retry.back_off = 5 * SECOND;
    policy.retry.limit_gap = 2 * MINUTE;
    policy.retry.max_uncounted = 3;
    policy
}

impl History<'_> {
    async fn prepare(&mut self) {
        self.bench.inline.wipe();
        let db = &self.bench.store;
        let write = db.begin().await.unwrap();
        let world = self.world.clone();
        let now = UnixMs(world.state.lock().now);
        let organisations = if self.seed.is_multiple_of(5) { 2 } else { 1 };
        for o in 0..organisations {
            let policy = policy(&mut world.state.lock());
            let name = format!("org{o}");
            let (id, branch) = waybell_server::org::service::create_organisation(
                &write,
                now,
                &name,
                "速达",
                "Asia/Shanghai",
                &policy,
            )
            .await
            .unwrap();
            let (couriers, people) = {
                let mut s = world.state.lock();
                (s.rng.random_range(1..=3), s.rng.random_range(1..=5))
            };
            let mut org = Org { id, couriers: Vec::new(), parcels: Vec::new(), phones: Vec::new() };
            for c in 0..couriers {
                let courier = UserId::at(now, world.state.lock().ids.random());
                let phone = PhoneNumber::parse(&format!("1390000{o:02}{c:02}")).unwrap().key();
                write
                    .exec(
                        "INSERT INTO person (id, organisation_id, branch_id, login, name, role, password_hash, phone_key, created_at) \
                         VALUES ($1, $2, $3, $4, $4, 'courier', '', $5, 0)",
                        [
                            courier.to_string().into(),
                            id.to_string().into(),
                            branch.to_string().into(),
                            format!("c{o}{c}").into(),
                            phone.into(),
                        ],
                    )
                    .await
                    .unwrap();
                org.couriers.push(courier);
            }
            for p in 0..people {
                org.phones.push(PhoneNumber::parse(&format!("1381234{o:02}{p:02}")).unwrap().key());
            }
            let parcels = world.state.lock().rng.random_range(people..people * 2 + 1);
            for n in 0..parcels {
                let (courier, phone, parcel) = {
                    let mut s = world.state.lock();
                    let c = s.rng.random_range(0..couriers);
                    (c, org.phones[s.rng.random_range(0..people)].clone(), ParcelId::at(now, s.ids.random()))
                };
                let values: Vec<Value> = vec![
                    parcel.to_string().into(),
                    id.to_string().into(),
                    branch.to_string().into(),
                    org.couriers[courier].to_string().into(),
                    format!("YT{o}{n:08}").into(),
                    phone.clone().into(),
                    (n as i64).into(),
                ];
                write
                    .exec(
                        "INSERT INTO parcel (id, organisation_id, branch_id, courier_id, waybill_no, kind, state, recipient_name, \
                         phone_key, address, estate, building, mark, sequence, imported_at, state_at, rev) \
                         VALUES ($1, $2, $3, $4, $5, 'delivery', $8, '张', $6, 'a', '幸福花园', '3栋', 'not_called', $7, 0, 0, 1)",
                        values.into_iter().chain([Value::from(
                            waybell_domain::parcel::ParcelState::default().as_str(),
                        )]),
                    )
                    .await
                    .unwrap();
                org.parcels.push((parcel, phone, courier));
            }
            self.orgs.push(org);
        }
        write.commit().await.unwrap();
        self.plan_actions();
        self.plan_deaths();
    }

    fn plan_actions(&mut self) {
        let world = self.world.clone();
        let mut s = world.state.lock();
        let now = UnixMs(s.now);
        let mut later: Vec<(i64, Action)> = Vec::new();
        for _ in 0..s.rng.random_range(1..=8) {
            let within = [5_000, 240_000, 1_200_000][s.rng.random_range(0..3)];
            let at = s.rng.random_range(0..within);
            let org = s.rng.random_range(0..self.orgs.len());
            let courier = s.rng.random_range(0..self.orgs[org].couriers.len());
            let mine: Vec<ParcelId> =
                self.orgs[org].parcels.iter().filter(|p| p.2 == courier).map(|p| p.0).collect();
            let some: Vec<ParcelId> = mine.iter().copied().filter(|_| s.chance(0.8)).collect();
            let id = BatchId::at(now, s.ids.random());
            if s.chance(0.15) || some.is_empty() {
                let include_unknown = s.chance(0.5);
                later.push((at, Action::Again { org, courier, id, include_unknown }));
                continue;
            }
            let age = if s.chance(0.08) { 3 * HOUR as u64 } else { 0 };
            let start_at = s.chance(0.1).then(|| UnixMs(now.0 + at + 30_000));
            let request = Box::new(BatchRequest {
                id,
                template: "arrived".into(),
                parcels: some,
                acted_at: ActedAt { wall: now, age_ms: Some(age) },
                start_at,
                display_number: None,
                confirmed: false,
            });
            let tap = Action::Tap { org, courier, request };
            later.push((at, tap.clone()));
            let act = |action| Action::Act { org, courier, batch: id, action };
            if s.chance(0.2) {
                // the same request once more
                later.push((at + s.rng.random_range(1..20_000), tap));
            }
            if age > 0 {
                later.push((at + 40_000, act(BatchAction::Confirm)));
            }
            if s.chance(0.2) {
                let from = at + s.rng.random_range(0..30_000);
                later.push((from, act(BatchAction::Pause)));
                later.push((from + s.rng.random_range(1..90_000), act(BatchAction::Resume)));
            }
            if s.chance(0.15) {
                later.push((at + s.rng.random_range(0..40_000), act(BatchAction::Undo)));
            }
        }
        for org in 0..self.orgs.len() {
            if s.chance(0.1) {
                let from = s.rng.random_range(0..60_000);
                later.push((from, Action::Stop { org, stopped: true }));
                later.push((from + 120_000, Action::Stop { org, stopped: false }));
            }
            if s.chance(0.15) {
                let phone = self.orgs[org].phones[0].clone();
                later.push((s.rng.random_range(0..120_000), Action::OptOut { org, phone }));
            }
            if s.chance(0.15) {
                let parcel = self.orgs[org].parcels[0].0.to_string();
                later.push((s.rng.random_range(0..120_000), Action::Deliver { parcel }));
            }
        }
        for (at, action) in later {
            self.actions.push(action);
            s.after(at, What::Act(self.actions.len() - 1));
        }
    }

    fn plan_deaths(&mut self) {
        let mut s = self.world.state.lock();
        let n = [0, 1, 1, 2, 4][s.rng.random_range(0..5)];
        for _ in 0..n {
            let after = s.chance(0.5);
            match s.rng.random_range(0..6) {
                0..2 => {
                    let n = s.rng.random_range(1..60);
                    s.deaths.push(Death::Command { n, after });
                }
                2 => {
                    let n = s.rng.random_range(1..2_500);
                    s.deaths.push(Death::Turn(n));
                }
                3..5 => {
                    let n = s.rng.random_range(1..80);
                    s.deaths.push(Death::Commit { n, after });
                }
                _ => {
                    let at = s.rng.random_range(0..120_000);
                    s.after(at, What::Die);
                }
            }
        }
        s.after(0, What::Start);
    }

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
            if steps > 60_000 {
                return Err("endless: 60,000 steps".into());
            }
            let Some(what) = self.world.next(end) else {
                return Err("the horizon is reached: somebody will never be done".into());
            };
            self.happen(what).await;
        }
    }

    /// Lets the engine run until it waits for the world, or is dead.
    async fn settle(&mut self) -> Result<(), String> {
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
    async fn bury(&mut self) -> Result<(), String> {
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
        let mut s = self.world.state.lock();
        s.note(|| format!("-- open at the death: {open:?}"));
        let at = s.now;
        let ringing: Vec<String> = open.iter().filter(|a| check::rings(&s, a, at)).cloned().collect();
        s.in_flight.extend(open);
        self.ledger.rang_at_death.push((at, ringing));
        Ok(())
    }

    async fn stop(&mut self) {
        if let Some(engine) = self.engine.take() {
            engine.abort();
            let _ = engine.await;
        }
        self.app = None;
        self.world.state.lock().forget();
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
            What::Hear(message) => self.world.state.lock().on_hear(message),
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

    fn start(&mut self) {
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
        let seed = self.seed;
        let app = Arc::new(App {
            clock: Clock::driven(self.world.clone()),
            store: self.store.clone(),
            tokens: TokenKeys::open(&config.data).unwrap(),
            revoked: Default::default(),
            limits: waybell_server::http::limits::Limits::new(&config.limits),
            dummy_hash: String::new(),
            switch: self.world.clone(),
            dialler,
            speech: Speech::of(move |text| Ok(Prompt::from_pcm(format!("{seed}{}", text.len()), &[0; 8]))),
            stopping: CancellationToken::new(),
            metrics: self.bench.metrics.clone(),
            config,
        });
        let engine =
            Mortal { world: self.world.clone(), engine: Some(Box::pin(notify::run(app.clone(), ear, rx))) };
        self.engine = Some(tokio::spawn(engine));
        self.app = Some(app);
    }

    fn scope(&self, org: usize, courier: usize) -> Scope {
        Scope {
            organisation: self.orgs[org].id,
            branch: None,
            person: self.orgs[org].couriers[courier],
            role: Role::Courier,
        }
    }

    /// A request, as its route carries it out; one that meets a dead server or a bad disk is sent again.
    async fn act(&mut self, n: usize) {
        let action = self.actions[n].clone();
        let now = self.world.state.lock().now;
        self.ledger.tried(now, &action);
        let outcome = match &self.app {
            None => Err("the server is down".to_owned()),
            Some(app) => self.request(&app.clone(), &action).await,
        };
        let mut s = self.world.state.lock();
        match outcome {
            Ok(true) => {
                s.note(|| format!("done: {action:?}"));
                self.ledger.acted(now, &action);
                let batch = match &action {
                    Action::Act { batch, action: BatchAction::Undo, .. } => Some(*batch),
                    _ => None,
                };
                let late = if s.rng.random_bool(0.2) { s.rng.random_range(1..2_000) } else { 0 };
                let life = s.life;
                s.after(late, What::Tell { life, batch });
            }
            Ok(false) => {}
            Err(problem) => {
                s.note(|| format!("refused ({problem}): {action:?}"));
                let again = s.rng.random_range(500..4_000);
                s.after(again, What::Act(n));
            }
        }
    }

    /// `Ok(false)`: a definite refusal.
    async fn request(&self, app: &Shared, action: &Action) -> Result<bool, String> {
        let write = app.store.begin().await.map_err(|e| e.to_string())?;
        let headers = axum::http::HeaderMap::new();
        let done: Result<(), ApiError> = match action {
            Action::Tap { org, courier, request } => {
                let scope = self.scope(*org, *courier);
                match accept::earlier(&write, &scope, &request.id).await {
                    Ok(Some(_)) => Ok(()),
                    Ok(None) => {
                        let rows =
                            waybell_server::parcels::state::find(&write, &scope, &request.parcels).await;
                        match rows {
                            Ok(rows) => accept::create(app, &write, &scope, request, &headers, &rows)
                                .await
                                .map(|_| ()),
                            Err(e) => Err(e),
                        }
                    }
                    Err(e) => Err(e),
                }
            }
            Action::Again { org, courier, id, include_unknown } => {
                let scope = self.scope(*org, *courier);
                match accept::earlier(&write, &scope, id).await {
                    Ok(Some(_)) => Ok(()),
                    _ => match accept::missed_today(app, &write, &scope, "arrived", *include_unknown).await {
                        Ok(rows) => {
                            let request = BatchRequest {
                                id: *id,
                                template: "arrived".into(),
                                parcels: Vec::new(),
                                acted_at: ActedAt { wall: app.clock.now(), age_ms: Some(0) },
                                start_at: None,
                                display_number: None,
                                confirmed: false,
                            };
                            accept::create(app, &write, &scope, &request, &headers, &rows).await.map(|_| ())
                        }
                        Err(e) => Err(e),
                    },
                }
            }
            Action::Act { org, courier, batch, action } => {
                accept::act(app, &write, &self.scope(*org, *courier), *batch, *action).await.map(|_| ())
            }
            Action::Stop { org, stopped } => write
                .exec(
                    "UPDATE organisation SET stopped = $1 WHERE id = $2",
                    [i64::from(*stopped).into(), self.orgs[*org].id.to_string().into()],
                )
                .await
                .map(|_| ())
                .map_err(ApiError::from),
            Action::OptOut { org, phone } => write
                .exec(
                    "INSERT INTO opt_out (organisation_id, phone_key, source, since) VALUES ($1, $2, 'courier', 0) \
                     ON CONFLICT DO NOTHING",
                    [self.orgs[*org].id.to_string().into(), phone.clone().into()],
                )
                .await
                .map(|_| ())
                .map_err(ApiError::from),
            Action::Deliver { parcel } => write
                .exec("UPDATE parcel SET state = 'signed' WHERE id = $1", [parcel.clone().into()])
                .await
                .map(|_| ())
                .map_err(ApiError::from),
        };
        if let Err(error) = done {
            let text = format!("{error:?}");
            return if text.contains("Database") { Err(text) } else { Ok(false) };
        }
        write.commit().await.map_err(|e| e.to_string())?;
        Ok(true)
    }
}
