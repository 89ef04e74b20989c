//! Storage: one database, one writer.
//!
//! **Writer.** [`Store::begin`] hands out the only write transaction; whoever asks while it is taken waits. A commit is
//! durable (`synchronous = FULL`, WAL) before it returns, which is what the dial guarantee rests on. The dialler makes
//! a group commit of it by putting everything that a round of work decided into one transaction.
//!
//! **Revisions.** A row that a phone shows carries `rev`, taken from [`Write::next_rev`]. As writes are serialised,
//! revisions become visible in order: [`Store::committed`] says up to where a phone can pull without a hole. A
//! transaction that is rolled back leaves a gap in the numbers, which nobody minds.
//!
//! **Owner.** A server claims the database at its start ([`Store::claim`]); see `store::owner` for what that prevents.
//!
//! **Readers** see the last commit and never wait for the writer (WAL).

mod mark;
mod migrations;
mod owner;
pub mod scope;
mod several;
#[cfg(test)]
mod tests;

pub use owner::{Claim, ORPHANED, RESTORED};
pub use several::Several;

use owner::Owner;
use sea_orm::{
    ConnectOptions, ConnectionTrait, Database, DatabaseConnection, DatabaseTransaction, DbBackend, DbErr,
    ExecResult, FromQueryResult, SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
    Value,
};
use std::path::Path;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, OnceLock};
use tokio::sync::{Mutex, OwnedMutexGuard, watch};

/// Distance between the revisions of two lives of a server.
const REVISIONS_APART: i64 = 1_000_000;

/// Why the store could not do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database refused or is out of reach (disk full, locked by another process, lost connection).
    #[error("database: {0}")]
    Database(#[from] DbErr),
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
}

/// The database of a server. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    path: Arc<str>,
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
    /// Opens and migrates. `url` is `sqlite:PATH`.
    pub async fn open(url: &str) -> Result<Store, StoreError> {
        Store::open_as(url, Durability::of_process()).await
    }

    /// Like [`Store::open`], with another durability: for simulators and for tests that must find a fault.
    pub async fn open_as(url: &str, durability: Durability) -> Result<Store, StoreError> {
        let Some(path) = url.strip_prefix("sqlite:") else {
            return Err(
                DbErr::Custom(format!("database url must start with sqlite: (got {})", scheme(url))).into()
            );
        };
        if let Some(dir) = Path::new(path).parent() {
            std::fs::create_dir_all(dir)
                .map_err(|e| DbErr::Custom(format!("cannot create folder for the database: {e}")))?;
        }
        let writer = connect(path, 1, false, durability).await?;
        migrations::run(&writer).await?;
        let reader = connect(path, 4, true, durability).await?;
        // Revisions that were given out and told to phones may have no row any more: never give one out twice.
        let rev = match migrations::highest_rev(&writer).await? {
            0 => 0,
            highest => highest + REVISIONS_APART,
        };
        Ok(Store {
            path: path.into(),
            durability,
            reader,
            gate: Arc::new(Mutex::new(Writer { db: writer, suspect: false, changes: 0 })),
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
        let path = url.strip_prefix("sqlite:").filter(|p| Path::new(p).exists());
        let path = path.ok_or_else(|| DbErr::Custom(format!("there is no database at {}", scheme(url))))?;
        let db = connect(path, 1, true, Durability::of_process()).await?;
        migrations::require(&db).await?;
        Ok(db)
    }

    /// A store over connections to a migrated database that somebody else has made, for simulators. They are never
    /// replaced, so a write that is dropped must be rolled back by its connection at once.
    pub fn over(writer: DatabaseConnection, reader: DatabaseConnection) -> Store {
        Store {
            path: "".into(),
            durability: Durability::None,
            reader,
            gate: Arc::new(Mutex::new(Writer { db: writer, suspect: false, changes: 0 })),
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
        let mut gate = self.gate.clone().lock_owned().await;
        if gate.suspect && !self.given {
            // first the old one, which may still hold the lock of the database
            let _ = gate.db.close_by_ref().await;
            gate.db = connect(&self.path, 1, false, self.durability).await?;
            gate.suspect = false;
            gate.changes = 0;
        }
        // the lock before anything is read: a write that has read first and finds the lock with another server, in a
        // takeover, is refused at once instead of waiting for that server's last commit
        let immediate = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let tx = match gate.db.begin_with_options(immediate).await {
            Ok(tx) => tx,
            Err(error) => {
                gate.suspect = true;
                return Err(error.into());
            }
        };
        // until it is committed: a statement that failed, or a write that was dropped, may leave the driver and SQLite
        // with different ideas of what is open
        gate.suspect = true;
        Ok(Write {
            tx,
            gate,
            owner: self.owner.clone(),
            rev: self.rev.clone(),
            committed: self.committed.clone(),
            trial: self.trial.clone(),
        })
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
        let _ = writer.db.execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)").await;
        let _ = self.reader.close().await;
        let _ = writer.db.close_by_ref().await;
    }
}

impl Write {
    /// The next revision, for rows written in this transaction.
    pub fn next_rev(&self) -> i64 {
        self.rev.fetch_add(1, Ordering::Relaxed) + 1
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
            None => None,
        };
        if let Some(trial) = &trial {
            trial.commit(false)?;
        }
        tx.commit().await?;
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
        mark => Ok(Some(mark)),
    }
}

/// Writes the mark of a commit. One that cannot be written is behind, which means nothing.
fn note(owner: &Owner, mark: i64) {
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
    Ok(db.execute_raw(statement(db.get_database_backend(), sql, values)).await?)
}

/// All rows of a query as `T`.
pub async fn all<T: FromQueryResult, C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Vec<T>, StoreError> {
    Ok(T::find_by_statement(statement(db.get_database_backend(), sql, values)).all(db).await?)
}

/// The first row of a query as `T`.
pub async fn one<T: FromQueryResult, C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<Option<T>, StoreError> {
    Ok(T::find_by_statement(statement(db.get_database_backend(), sql, values)).one(db).await?)
}

/// A single number, 0 where the query has no row or NULL.
pub async fn number<C: ConnectionTrait>(
    db: &C,
    sql: &str,
    values: impl IntoIterator<Item = Value>,
) -> Result<i64, StoreError> {
    let row = db.query_one_raw(statement(db.get_database_backend(), sql, values)).await?;
    Ok(row.and_then(|r| r.try_get_by_index::<Option<i64>>(0).ok().flatten()).unwrap_or(0))
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
    Statement::from_sql_and_values(backend, sql, values)
}

async fn connect(
    path: &str,
    connections: u32,
    query_only: bool,
    durability: Durability,
) -> Result<DatabaseConnection, StoreError> {
    let mut options = ConnectOptions::new(format!("sqlite://{path}?mode=rwc"));
    options.max_connections(connections).min_connections(1).sqlx_logging(false);
    options.map_sqlx_sqlite_opts(move |o| {
        use sea_orm::sqlx::sqlite::{SqliteJournalMode, SqliteSynchronous};
        o.journal_mode(SqliteJournalMode::Wal)
            .synchronous(match durability {
                Durability::Full => SqliteSynchronous::Full,
                Durability::None => SqliteSynchronous::Off,
            })
            .foreign_keys(true)
            .busy_timeout(std::time::Duration::from_secs(10))
            .statement_cache_capacity(256)
            .pragma("query_only", if query_only { "ON" } else { "OFF" })
            .pragma("cache_size", if query_only { "-2000" } else { "-16000" })
            .pragma("temp_store", "MEMORY")
            .pragma("journal_size_limit", "67108864")
    });
    Ok(Database::connect(options).await?)
}

fn scheme(url: &str) -> &str {
    url.split(':').next().unwrap_or_default()
}
