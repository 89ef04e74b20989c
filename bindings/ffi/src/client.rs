//! The client object.

use crate::error::WaybellError;
use crate::records::{
    Batch, ImportResult, Operation, Parcel, Plan, Progress, Stop, SyncInfo, Template, Undone, User, WhyLine,
};
use crate::runtime::{on_runtime, runtime};
use std::future::Future;
use std::path::PathBuf;
use std::sync::Arc;
use waybell_core::ports::Ports;
use waybell_core::sync::SyncState;
use waybell_core::{Client, ClientConfig};
use waybell_domain::id::{BatchId, OperationId, ParcelId};
use waybell_domain::parcel::ParcelState;

/// What can change.
#[derive(Clone, Copy, Debug, uniffi::Enum)]
pub enum Topic {
    /// Parcels: list, marks, states.
    Parcels,
    /// Batches and their people.
    Batches,
    /// The exchange with the server.
    Sync,
    /// Who is signed in.
    Session,
    /// Calls, their sound on this phone, and whether calls are taken.
    Calls,
    /// Work orders.
    Orders,
    /// Announcements.
    Announcements,
    /// Knowledge.
    Knowledge,
    /// What the own calls cost.
    Charges,
}

/// Is told what changed; every topic once at the start. Called on a thread of the library: return quickly.
#[uniffi::export(with_foreign)]
pub trait ChangeListener: Send + Sync {
    /// Query again what shows this.
    fn on_change(&self, topic: Topic);
}

/// Ends when it is cancelled or dropped.
#[derive(uniffi::Object)]
pub struct Subscription {
    task: tokio::task::AbortHandle,
}

impl Subscription {
    /// Of a task that tells a listener.
    pub(crate) fn of(task: tokio::task::JoinHandle<()>) -> Subscription {
        Subscription { task: task.abort_handle() }
    }
}

#[uniffi::export]
impl Subscription {
    /// Ends it; the listener is not called any more.
    pub fn cancel(&self) {
        self.task.abort();
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The app core.
#[derive(uniffi::Object)]
pub struct WaybellClient {
    pub(crate) client: Client,
}

pub(crate) type Answer<T> = Result<T, WaybellError>;

/// Runs on the library's runtime, whatever thread or executor awaits.
pub(crate) async fn run<T, E, F>(work: F) -> Answer<T>
where
    T: Send + 'static,
    E: Into<WaybellError> + Send + 'static,
    F: Future<Output = Result<T, E>> + Send + 'static,
{
    match on_runtime(work).await {
        Some(done) => done.map_err(Into::into),
        None => Err(WaybellError::Storage { problem: "the core is shutting down".to_owned() }),
    }
}

pub(crate) fn parcel_ids(words: &[String]) -> Answer<Vec<ParcelId>> {
    words.iter().map(|w| ParcelId::parse(w).map_err(|e| bad("parcels", &e.to_string()))).collect()
}

fn batch_id(word: &str) -> Answer<BatchId> {
    BatchId::parse(word).map_err(|e| bad("batch", &e.to_string()))
}

pub(crate) fn operation_id(word: &str) -> Answer<OperationId> {
    OperationId::parse(word).map_err(|e| bad("operation", &e.to_string()))
}

pub(crate) fn bad(field: &str, problem: &str) -> WaybellError {
    WaybellError::BadInput {
        field: field.into(),
        problem: problem.into(),
        hint: "use an id that this library gave".into(),
    }
}

/// The Chinese of a text in English that this library gave: a problem, a hint, a note. The text itself where there is
/// none.
#[uniffi::export]
pub fn chinese(text: String) -> String {
    waybell_core::say::say(waybell_domain::lang::Lang::Zh, &text)
}

#[uniffi::export]
impl WaybellClient {
    /// Opens the store in `data_dir` (some milliseconds, blocking). `server` is the backend's URL; empty for the one of
    /// the last sign-in.
    #[uniffi::constructor]
    pub fn open(data_dir: String, server: String) -> Answer<Arc<Self>> {
        let data_dir = PathBuf::from(data_dir);
        let ports = Ports::of_system(&data_dir);
        let client = Client::open(ClientConfig { data_dir, server }, ports)?;
        Ok(Arc::new(Self { client }))
    }

    /// Who is signed in.
    pub fn user(&self) -> Option<User> {
        self.client.session().current().map(User::from)
    }

    /// The app comes to the front: exchange in the background.
    pub fn resume(&self) {
        let _inside = runtime().enter();
        self.client.resume();
    }

    /// The exchange with the server.
    pub fn sync_info(&self) -> Answer<SyncInfo> {
        let status = self.client.sync().status()?;
        let state = match status.state {
            SyncState::Idle => "idle",
            SyncState::Running => "running",
            SyncState::Offline => "offline",
            SyncState::AuthNeeded => "auth_needed",
            SyncState::Error => "error",
        };
        Ok(SyncInfo {
            state: state.to_owned(),
            queued: status.queued,
            dead: status.dead,
            restored_at: status.restored_at.map(|at| at.0),
        })
    }

    /// The notice templates, as far as the server has told them.
    pub fn templates(&self) -> Answer<Vec<Template>> {
        Ok(self.client.notify().templates()?.into_iter().map(Template::from).collect())
    }

    /// What has not been acknowledged by the server, oldest first. One with a problem was refused and wants a decision:
    /// `retry` or `discard`.
    pub fn operations(&self) -> Answer<Vec<Operation>> {
        Ok(self.client.sync().operations()?.into_iter().map(Operation::from).collect())
    }

    /// Tells the listener every topic once, and then what changes.
    pub fn subscribe(&self, listener: Arc<dyn ChangeListener>) -> Arc<Subscription> {
        use waybell_core::events::Topic as T;
        let changes = self.client.subscribe();
        let task = runtime().spawn(async move {
            loop {
                let topic = match changes.next().await {
                    T::Parcels => Topic::Parcels,
                    T::Batches => Topic::Batches,
                    T::Sync => Topic::Sync,
                    T::Session => Topic::Session,
                    T::Calls => Topic::Calls,
                    T::Orders => Topic::Orders,
                    T::Announcements => Topic::Announcements,
                    T::Knowledge => Topic::Knowledge,
                    T::Charges => Topic::Charges,
                };
                listener.on_change(topic);
            }
        });
        Arc::new(Subscription::of(task))
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Signs in.
    pub async fn login(&self, login: String, password: String) -> Answer<User> {
        let session = self.client.session();
        run(async move { session.login(&login, &password).await }).await.map(User::from)
    }

    /// Signs out: what waits is sent first if that works within 3 s, and the data on this phone are removed. How many
    /// operations have not reached the server; they stay, sealed, for the next sign-in of the same person.
    pub async fn logout(&self) -> Answer<u32> {
        let session = self.client.session();
        run(async move { session.logout().await }).await.map(|left| left.undelivered)
    }

    /// Imports a list, whatever it is: CSV, an XLSX workbook, or JSON (the bytes decide). A dry run changes nothing.
    pub async fn import_csv(&self, bytes: Vec<u8>, dry_run: bool) -> Answer<ImportResult> {
        let tasks = self.client.tasks();
        run(async move { tasks.import_csv(&bytes, dry_run).await }).await.map(ImportResult::from)
    }

    /// Finds parcels by keyword; an empty query finds all.
    pub async fn search(&self, query: String, limit: u32) -> Answer<Vec<Parcel>> {
        let search = self.client.search();
        let found = run(async move { search.find(&query, limit as usize).await }).await?;
        Ok(found.into_iter().map(Parcel::from).collect())
    }

    /// The parcels by stop, in the order in which the list first names each; offline. Without `all` only what is still to be
    /// brought or fetched.
    pub async fn stops(&self, all: bool) -> Answer<Vec<Stop>> {
        let tasks = self.client.tasks();
        let stops = run(async move { tasks.stops(!all).await }).await?;
        Ok(stops.into_iter().map(Stop::from).collect())
    }

    /// Says what was done with parcels: `signed`, `at_station`, …
    pub async fn set_state(&self, parcels: Vec<String>, state: String) -> Answer<()> {
        let ids = parcel_ids(&parcels)?;
        let state = ParcelState::parse(&state).ok_or_else(|| bad("state", "there is no such state"))?;
        let tasks = self.client.tasks();
        run(async move { tasks.set_state(&ids, state).await }).await
    }

    /// What a tap will do.
    pub async fn plan(&self, template: String, parcels: Vec<String>) -> Answer<Plan> {
        let ids = parcel_ids(&parcels)?;
        let notify = self.client.notify();
        run(async move { notify.plan(&template, &ids, None).await }).await.map(Plan::from)
    }

    /// The tap: stored when this returns, and carried out once, also when there is no network now.
    pub async fn notify(&self, template: String, parcels: Vec<String>) -> Answer<String> {
        let ids = parcel_ids(&parcels)?;
        let notify = self.client.notify();
        let batch = run(async move { notify.send(&template, &ids, None).await }).await?;
        Ok(batch.to_string())
    }

    /// Rings today's missed again, as a new batch, whose id this is; with `include_unknown` also those whose result is not
    /// known, which may ring somebody twice: only if the person asks for it.
    pub async fn again(&self, template: String, include_unknown: bool) -> Answer<String> {
        let notify = self.client.notify();
        let batch = run(async move { notify.again(&template, include_unknown).await }).await?;
        Ok(batch.to_string())
    }

    /// Stops everything of a batch that does not ring yet.
    pub async fn undo(&self, batch: String) -> Answer<Undone> {
        let id = batch_id(&batch)?;
        let notify = self.client.notify();
        run(async move { notify.undo(id).await }).await.map(Undone::from)
    }

    /// Holds calls of a batch that have not started.
    pub async fn pause_batch(&self, batch: String) -> Answer<()> {
        let id = batch_id(&batch)?;
        let notify = self.client.notify();
        run(async move { notify.pause(id).await }).await
    }

    /// Lets a batch that was held go on.
    pub async fn resume_batch(&self, batch: String) -> Answer<()> {
        let id = batch_id(&batch)?;
        let notify = self.client.notify();
        run(async move { notify.resume(id).await }).await
    }

    /// Carries out a tap that reached the server too late (state `needs_confirmation`), after all.
    pub async fn confirm(&self, batch: String) -> Answer<()> {
        let id = batch_id(&batch)?;
        let notify = self.client.notify();
        run(async move { notify.confirm(id).await }).await
    }

    /// The newest batches, newest first.
    pub async fn batches(&self, limit: u32) -> Answer<Vec<Batch>> {
        let notify = self.client.notify();
        let found = run(async move { notify.batches(limit).await }).await?;
        Ok(found.into_iter().map(Batch::from).collect())
    }

    /// The life of a parcel's recipient, decision by decision, oldest first. Asks the server: `Offline` without a network.
    pub async fn why(&self, waybill_no: String) -> Answer<Vec<WhyLine>> {
        let notify = self.client.notify();
        let told = run(async move { notify.why(&waybill_no).await }).await?;
        Ok(told.lines.into_iter().map(WhyLine::from).collect())
    }

    /// Holds every call of the organisation, or releases them; for administrators. Asks the server, at once and only now.
    pub async fn stop_all(&self, stopped: bool) -> Answer<()> {
        let notify = self.client.notify();
        run(async move { notify.stop_all(stopped).await }).await
    }

    /// Sends a refused operation again.
    pub async fn retry(&self, operation: String) -> Answer<()> {
        let id = operation_id(&operation)?;
        let sync = self.client.sync();
        run(async move { sync.retry(id).await }).await
    }

    /// Gives a refused operation up, with what waits for it.
    pub async fn discard(&self, operation: String) -> Answer<()> {
        let id = operation_id(&operation)?;
        let sync = self.client.sync();
        run(async move { sync.discard(id).await }).await
    }

    /// A batch with its people.
    pub async fn progress(&self, batch: String) -> Answer<Progress> {
        let id = batch_id(&batch)?;
        let notify = self.client.notify();
        run(async move { notify.progress(id).await }).await.map(Progress::from)
    }

    /// Sends what waits and pulls what is new.
    pub async fn sync_now(&self) -> Answer<()> {
        let sync = self.client.sync();
        run(async move { sync.now().await }).await
    }

    /// The app goes to the back: no exchange until `resume`.
    pub async fn pause(&self) -> Answer<()> {
        let client = self.client.clone();
        run(async move {
            client.pause().await;
            Ok::<(), WaybellError>(())
        })
        .await
    }

    /// Ends everything and closes all files.
    pub async fn shutdown(&self) -> Answer<()> {
        let client = self.client.clone();
        run(async move {
            client.shutdown().await;
            Ok::<(), WaybellError>(())
        })
        .await
    }
}
