//! Storage: one database, one writer.
//!
//! The database is a file of SQLite or a database of PostgreSQL (`store::place`); queries are written once, in what both understand
//! (`store::dialect`), and everything above this room is the same for both.
//!
//! **Writer.** [`Store::begin`] hands out the only write transaction; whoever asks while it is taken waits, in this process and
//! in every other one on the database. A commit is durable before it returns (SQLite: `synchronous = FULL`, WAL; PostgreSQL:
//! see `store::postgres`), which is what the dial guarantee rests on. The dialler makes a group commit of it by putting everything
//! that a round of work decided into one transaction.
//!
//! **Revisions.** A row that a phone shows carries `rev`, taken from [`Write::next_rev`]. As writes are serialised,
//! revisions become visible in order: [`Store::committed`] says up to where a phone can pull without a hole. A
//! transaction that is rolled back leaves a gap in the numbers, which nobody minds.
//!
//! **Owner.** A server claims the database at its start ([`Store::claim`]); see `store::owner` for what that prevents.
//!
//! **Readers** see the last commit and never wait for the writer.
//!
//! **Tenants.** Each query names whom it is for ([`scope`]); PostgreSQL checks it once more ([`wall`]).

mod carry;
mod dialect;
mod mark;
mod migrations;
pub(crate) mod owner;
mod place;
mod postgres;
pub mod scope;
mod several;
#[cfg(test)]
mod tests;
pub mod wall;

pub use carry::carry;
pub use owner::{Claim, ORPHANED, RESTORED};
pub use place::check_url;
pub use several::Several;

use owner::Owner;
use place::{Place, Use};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr, ExecResult, FromQueryResult,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait, Value,
};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};
use waybell_domain::id::OrganisationId;

/// Distance between the revisions of two lives of a server.
const REVISIONS_APART: i64 = 1_000_000;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is out of reach (disk full, locked by another process, lost connection).
    #[error("database: {0}")]
    Database(#[from] DbErr),
    /// At the start, nobody answers where the database is said to be, or lets us in.
    #[error("database {place} cannot be used: {problem}; check `database`, and that PostgreSQL runs")]
    Unreachable {
        /// Host, port and name of the database; no password.
        place: String,
        /// What the attempt came to.
        problem: DbErr,
    },
    /// The database was written by a newer program.
    #[error("database has schema {found}, this program knows {known}: install the newer program")]
    Newer {
        /// Schema number in the file.
        found: i64,
        /// Highest schema number this program has.
        known: i64,
    },
    /// The database was written by an older program.
    #[error("database has schema {found}, this program has {known}: run `waybell-server migrate` first")]
    Older {
        /// Schema number in the file.
        found: i64,
        /// Schema number of this program.
        known: i64,
    },
    /// Another server has become the owner: this one may store nothing any more.
    #[error("another server has taken this database over (its fence is {theirs}, ours {ours})")]
    Fenced {
        /// The fence in the database.
        theirs: i64,
        /// The fence of this server.
        ours: i64,
    },
    /// The database has lost commits that this server has made: it was put back, or another took its place, while this
    /// server ran. It may store nothing any more; at its next start the data are known for a restored copy.
    #[error("the database has gone back: it counts {found} commits, this server has made {known}")]
    GoneBack {
        /// Commits that the database counts.
        found: i64,
        /// Commits that this server knows of.
        known: i64,
    },
    /// A stored value does not read back.
    #[error("stored {what} is damaged: {problem}")]
    Damaged {
        /// Table and column.
        what: &'static str,
        /// What is wrong with it.
        problem: String,
    },
}

impl StoreError {
    /// This server may store nothing any more, whatever it tries.
    pub fn is_final(&self) -> bool {
        matches!(self, StoreError::Fenced { .. } | StoreError::GoneBack { .. })
    }

    /// The fault lies in what is stored, not in the storing: it comes again however often it is tried.
    pub fn is_damage(&self) -> bool {
        use sea_orm::{RuntimeErr, sqlx};
        match self {
            StoreError::Damaged { .. } | StoreError::Database(DbErr::Type(_) | DbErr::Json(_)) => true,
            StoreError::Database(DbErr::Query(RuntimeErr::SqlxError(e))) => {
                matches!(**e, sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_))
            }
            _ => false,
        }
    }

    /// The code of what the database said: its text is in the database's language.
    pub(crate) fn sqlstate(&self) -> Option<String> {
        use sea_orm::RuntimeErr;
        let StoreError::Database(
            DbErr::Query(RuntimeErr::SqlxError(e))
            | DbErr::Exec(RuntimeErr::SqlxError(e))
            | DbErr::Conn(RuntimeErr::SqlxError(e)),
        ) = self
        else {
            return None;
        };
        Some(e.as_database_error()?.code()?.into_owned())
    }
}

/// The database of a server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    place: Place,
    durability: Durability,
    reader: DatabaseConnection,
    gate: Arc<Mutex<Writer>>,
    owner: Arc<OnceLock<Owner>>,
    rev: Arc<AtomicI64>,
    committed: Arc<watch::Sender<i64>>,
    trial: Option<Arc<dyn Trial>>,
    /// Its connections were made by somebody else.
    given: bool,
}

/// What a commit promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// It is on the disk.
    Full,
    /// It is visible, and lost when the power goes. For simulators, which have no power to lose, and for tests that
    /// must show what would happen.
    None,
}

impl Durability {
    /// `Full`, but for a test's `WAYBELL_SYNCHRONOUS=off` in a build with the feature `crash-points`.
    fn of_process() -> Durability {
        let off =
            cfg!(feature = "crash-points") && std::env::var("WAYBELL_SYNCHRONOUS").is_ok_and(|v| v == "off");
        if off { Durability::None } else { Durability::Full }
    }
}

/// Makes storage fail, for simulators.
pub trait Trial: Send + Sync {
    /// Asked before a commit (`done` false: an error means that nothing was stored) and after it (`done`: it was
    /// stored, but who asked for it is told that it failed).
    fn commit(&self, done: bool) -> Result<(), DbErr>;
}

/// The connection of the writer.
struct Writer {
    db: DatabaseConnection,
    /// A write failed on it. After a failed commit SQLite has rolled back by itself while the driver still counts a
    /// transaction as open, and later "commits" would only end a savepoint: done in memory, durable nowhere. Such a
    /// connection is replaced before the next write.
    suspect: bool,
    /// Rows changed over this connection, as far as commits have counted them.
    changes: i64,
    /// When a database that is a server of its own was last found to be away.
    away: Option<Instant>,
}

/// The one write transaction. Dropped without [`Write::commit`], it is rolled back.
pub struct Write {
    tx: DatabaseTransaction,
    gate: OwnedMutexGuard<Writer>,
    owner: Arc<OnceLock<Owner>>,
    rev: Arc<AtomicI64>,
    committed: Arc<watch::Sender<i64>>,
    trial: Option<Arc<dyn Trial>>,
}

impl Store {
    /// Opens and migrates. `url` is `sqlite:PATH` or `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        Store::open_as(url, Durability::of_process()).await
    }

    /// Like [`Store::open`], with another durability: for simulators and for tests that must find a fault.
    pub async fn open_as(url: &str, durability: Durability) -> Result<Store, StoreError> {
        let place = Place::parse(url).map_err(bad_url)?;
        place.prepare()?;
        let writer = place.connect(Use::Writing, durability).await.map_err(|e| place.named(e))?;
        if let Place::Postgres(_) = &place {
            postgres::require(&writer, durability).await?;
        }
        migrations::run(&writer).await?;
        let reader = place.connect(Use::Reading(4), durability).await?;
        // Revisions that were given out and told to phones may have no row any more: never give one out twice.
        let rev = match migrations::highest_rev(&writer).await? {
            0 => 0,
            highest => highest + REVISIONS_APART,
        };
        Ok(Store {
            place,
            durability,
            reader,
            gate: Arc::new(Mutex::new(Writer { db: writer, suspect: false, changes: 0, away: None })),
            owner: Arc::default(),
            rev: Arc::new(AtomicI64::new(rev)),
            committed: Arc::new(watch::Sender::new(rev)),
            trial: None,
            given: false,
        })
    }

    /// A connection that only reads a database which a server may be using. Nothing is migrated.
    ///
    /// # Errors
    /// There is no such database, or it has another schema than this program.
    pub async fn look(url: &str) -> Result<DatabaseConnection, StoreError> {
        let place = Place::parse(url).map_err(bad_url)?;
        place.exists()?;
        let db =
            place.connect(Use::Reading(1), Durability::of_process()).await.map_err(|e| place.named(e))?;
        migrations::require(&db).await?;
        Ok(db)
    }

    /// A store over connections to a migrated database that somebody else has made, for simulators. They are never
    /// replaced, so a write that is dropped must be rolled back by its connection at once.
    pub fn over(writer: DatabaseConnection, reader: DatabaseConnection) -> Store {
        Store {
            place: Place::Sqlite("".into()),
            durability: Durability::None,
            reader,
            gate: Arc::new(Mutex::new(Writer { db: writer, suspect: false, changes: 0, away: None })),
            owner: Arc::default(),
            rev: Arc::default(),
            committed: Arc::new(watch::Sender::new(0)),
            trial: None,
            given: true,
        }
    }

    /// The same database with commits that are put to the trial.
    pub fn tried(&self, trial: Arc<dyn Trial>) -> Store {
        Store { trial: Some(trial), ..self.clone() }
    }

    /// Takes the writer. Waits while another write runs.
    pub async fn begin(&self) -> Result<Write, StoreError> {
        let asked = Instant::now();
        let mut gate = self.gate.clone().lock_owned().await;
        if gate.away.is_some_and(|found| found > asked) {
            // it was waited for already: a queue of those who wait one after another would grow for as long as it is away
            return Err(DbErr::Custom("the database is away".into()).into());
        }
        let begun = self.start(&mut gate).await;
        gate.away = (begun.is_err() && matches!(self.place, Place::Postgres(_))).then(Instant::now);
        Ok(Write {
            tx: begun?,
            gate,
            owner: self.owner.clone(),
            rev: self.rev.clone(),
            committed: self.committed.clone(),
            trial: self.trial.clone(),
        })
    }

    async fn start(&self, gate: &mut Writer) -> Result<DatabaseTransaction, StoreError> {
        if gate.suspect && !self.given {
            self.renew(gate).await?;
        }
        // the lock before anything is read: a write that has read first and finds the lock with another server, in a
        // takeover, is refused at once instead of waiting for that server's last commit
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        // until it is committed: a statement that failed, or a write that was dropped, may leave the driver and SQLite
        // with different ideas of what is open
        gate.suspect = true;
        let tx = answered(gate.db.get_database_backend(), gate.db.begin_with_options(immediate)).await?;
        if let Place::Postgres(_) = &self.place {
            postgres::hold(&tx).await?;
        }
        Ok(tx)
    }

    /// Makes sure of the writer's connection after a write that was not committed.
    async fn renew(&self, gate: &mut Writer) -> Result<(), StoreError> {
        match &self.place {
            Place::Sqlite(_) => {
                // first the old one, which may still hold the lock of the database
                let _ = gate.db.close_by_ref().await;
                gate.db = self.place.connect(Use::Writing, self.durability).await?;
                gate.changes = 0;
            }
            // the server says what is open, and the pool tries a connection before it gives it out: only one that does not
            // answer at all is left to itself
            Place::Postgres(_) => {
                let answered = tokio::time::timeout(Duration::from_secs(15), gate.db.ping()).await;
                if answered.is_err() {
                    let new = self.place.connect(Use::Writing, self.durability).await?;
                    let old = std::mem::replace(&mut gate.db, new);
                    tokio::spawn(async move { old.close().await });
                }
            }
        }
        gate.suspect = false;
        Ok(())
    }

    /// Connection for reading.
    pub fn read(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// Revision up to which everything is visible; changes after each commit.
    pub fn committed(&self) -> watch::Receiver<i64> {
        self.committed.subscribe()
    }

    /// Merges the write-ahead log and closes all connections.
    pub async fn close(self) {
        let writer = self.gate.lock().await;
        if let Place::Sqlite(_) = &self.place {
            let _ = writer.db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
        }
        let _ = self.reader.close().await;
        let _ = writer.db.close_by_ref().await;
    }
}

impl Write {
    /// The next revision, for rows written in this transaction.
    pub fn next_rev(&self) -> i64 {
        self.rev.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// One look at the rows of all organisations, for what a row-level policy would hide: whether a name or an id is taken.
    pub async fn beyond<T, E: From<StoreError>>(
        &self,
        look: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if self.tx.get_database_backend() != DbBackend::Postgres {
            return look.await;
        }
        postgres::tell(&self.tx, "*").await?;
        let seen = look.await;
        let back = postgres::tell(&self.tx, &wall::setting()).await;
        // after a statement that failed nothing more is taken: what the look found is the cause, and comes first
        let seen = seen?;
        back?;
        Ok(seen)
    }

    /// Runs a piece of work of one organisation, of several that share this transaction. What it wrote is undone where it
    /// fails, and the transaction goes on.
    ///
    /// # Errors
    /// The outer one where the transaction is of no use any more.
    pub async fn apart<T, E>(
        &self,
        organisation: OrganisationId,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<Result<T, E>, StoreError> {
        self.exec("SAVEPOINT apart", []).await?;
        if self.tx.get_database_backend() == DbBackend::Postgres {
            postgres::tell(&self.tx, &organisation.to_string()).await?;
        }
        let done = wall::organisation(organisation, work).await;
        if done.is_err() {
            self.exec("ROLLBACK TO SAVEPOINT apart", []).await?;
        }
        self.exec("RELEASE SAVEPOINT apart", []).await?;
        if self.tx.get_database_backend() == DbBackend::Postgres {
            postgres::tell(&self.tx, &wall::setting()).await?;
        }
        Ok(done)
    }

    /// The transaction, for reading what it wrote.
    pub fn tx(&self) -> &DatabaseTransaction {
        &self.tx
    }

    /// Makes it durable and visible.
    pub async fn commit(self) -> Result<(), StoreError> {
        let Write { tx, mut gate, owner, trial, .. } = self;
        let rev = self.rev.load(Ordering::Relaxed);
        let mark = match owner.get() {
            Some(owner) => held(&tx, owner, &mut gate.changes).await?,
            None => {
                // PostgreSQL takes the commit of a transaction in which a statement has failed, and rolls it back
                number(&tx, "SELECT 1", []).await?;
                None
            }
        };
        if let Some(trial) = &trial {
            trial.commit(false)?;
        }
        answered(tx.get_database_backend(), tx.commit()).await?;
        if let Some(trial) = &trial {
            trial.commit(true)?;
        }
        gate.suspect = false;
        if let (Some(owner), Some(mark)) = (owner.get(), mark) {
            note(owner, mark);
        }
        self.committed.send_if_modified(|now| {
            let changed = *now != rev;
            *now = rev;
            changed
        });
        Ok(())
    }

    /// Runs one statement; parameters are `$1`, `$2`, …
    pub async fn exec(
        &self,
        sql: &str,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<ExecResult, StoreError> {
        exec(&self.tx, sql, values).await
    }
}

#[derive(FromQueryResult)]
struct Held {
    changes: i64,
    fence: Option<i64>,
}

/// Whether the owner is still the owner; counts the commit where there is something to commit.
async fn held(tx: &DatabaseTransaction, owner: &Owner, counted: &mut i64) -> Result<Option<i64>, StoreError> {
    if tx.get_database_backend() == DbBackend::Postgres {
        let mark = postgres::count(tx, owner.fence).await?;
        return mark.map(|mark| owner.follows(mark)).transpose();
    }
    let sql = "SELECT total_changes() AS changes, (SELECT fence FROM owner WHERE id = 1) AS fence";
    let held: Option<Held> = one(tx, sql, []).await?;
    let (changes, fence) = held.map_or((0, None), |h| (h.changes, h.fence));
    if fence != Some(owner.fence) {
        return Err(StoreError::Fenced { theirs: fence.unwrap_or_default(), ours: owner.fence });
    }
    if changes == *counted {
        return Ok(None);
    }
    *counted = changes + 1;
    let sql = "UPDATE owner SET mark = mark + 1 WHERE id = 1 AND fence = $1 RETURNING mark";
    match number(tx, sql, [owner.fence.into()]).await? {
        0 => Err(StoreError::Fenced { theirs: 0, ours: owner.fence }),
        mark => owner.follows(mark).map(Some),
    }
}

/// Writes the mark of a commit. One that cannot be written is behind, which means nothing.
fn note(owner: &Owner, mark: i64) {
    owner.counted(mark);
    let mut file = owner.mark.lock();
    if let Err(error) = file.write(mark) {
        tracing::warn!(%error, "the mark beside the database cannot be written");
    }
    if let Some(file) = file.due() {
        tokio::task::spawn_blocking(move || file.sync_data());
    }
}

/// Runs one statement on any connection.
pub async fn exec<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<ExecResult, StoreError> {
    let backend = db.get_database_backend();
    answered(backend, db.execute_raw(statement(backend, sql, values))).await
}

/// All rows of a query as `T`.
pub async fn all<T: FromQueryResult, C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, StoreError> {
    let backend = db.get_database_backend();
    answered(backend, T::find_by_statement(statement(backend, sql, values)).all(db)).await
}

/// The first row of a query as `T`.
pub async fn one<T: FromQueryResult, C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, StoreError> {
    let backend = db.get_database_backend();
    answered(backend, T::find_by_statement(statement(backend, sql, values)).one(db)).await
}

/// A single number, 0 where the query has no row or NULL.
pub async fn number<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<i64, StoreError> {
    let backend = db.get_database_backend();
    let Some(row) = answered(backend, db.query_one_raw(statement(backend, sql, values))).await? else {
        return Ok(0);
    };
    if backend == DbBackend::Postgres {
        // there EXISTS is a truth, and a number that is written out is a short one
        if let Ok(truth) = row.try_get_by_index::<Option<bool>>(0) {
            return Ok(truth.map_or(0, i64::from));
        }
        if let Ok(short) = row.try_get_by_index::<Option<i32>>(0) {
            return Ok(short.map_or(0, i64::from));
        }
        return Ok(row.try_get_by_index::<Option<i64>>(0)?.unwrap_or(0));
    }
    Ok(row.try_get_by_index::<Option<i64>>(0).ok().flatten().unwrap_or(0))
}

/// The marks and values of an `IN` list. The last item is repeated up to a power of two, so that lists of every length
/// make a handful of statements, which stay prepared.
pub fn listed(first: usize, items: &[String]) -> (String, Vec<Value>) {
    let count = items.len().next_power_of_two();
    let padding = std::iter::repeat_n(items.last(), count - items.len()).flatten();
    (marks(first, count), items.iter().chain(padding).map(|item| Value::from(item.clone())).collect())
}

/// `$n, $n+1, …` for an `IN` list of `count` values that starts at parameter `first`.
pub fn marks(first: usize, count: usize) -> String {
    let mut out = String::with_capacity(count * 5);
    for i in 0..count {
        if i > 0 {
            out.push(',');
        }
        out.push('$');
        out.push_str(&(first + i).to_string());
    }
    out
}

fn statement(backend: DbBackend, sql: &str, values: impl IntoIterator<Item = Value>) -> Statement {
    if backend == DbBackend::Postgres {
        return Statement::from_sql_and_values(backend, sql, values.into_iter().map(without_nul));
    }
    Statement::from_sql_and_values(backend, sql, values)
}

/// PostgreSQL's text holds every character but U+0000, which becomes its picture (U+2400).
fn without_nul(value: Value) -> Value {
    match value {
        Value::String(Some(text)) if text.contains('\0') => {
            Value::String(Some(text.replace('\0', "\u{2400}")))
        }
        value => value,
    }
}

/// Waits for an answer, not for ever where a network is in between.
async fn answered<T>(
    backend: DbBackend,
    work: impl Future<Output = Result<T, DbErr>>,
) -> Result<T, StoreError> {
    if backend != DbBackend::Postgres {
        return Ok(work.await?);
    }
    match tokio::time::timeout(postgres::ANSWER, work).await {
        Ok(done) => Ok(done?),
        Err(_) => Err(DbErr::Custom("the database does not answer".into()).into()),
    }
}

fn bad_url(problem: String) -> StoreError {
    DbErr::Custom(format!("the database's URL cannot be used: {problem}")).into()
}
