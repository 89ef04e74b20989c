//! One SQLite file: one writer thread, two readers.
//!
//! WAL; the writer has `synchronous = FULL`, so that an operation that was taken survives the loss of power. Jobs go to
//! the writer thread through a queue and run one after another, each in one transaction; a job whose caller has gone
//! away still runs. Readers are `query_only`. A newer file is refused; a damaged one is set aside (`.damaged`), its
//! outbox is saved where it can be read, and the server fills the new one.

mod open;
pub(crate) use open::says_damaged;
pub(crate) mod seal;
pub(crate) mod sealed;
#[cfg(test)]
mod tests;

use crate::crash;
use crate::error::{Error, Result};
use parking_lot::{Condvar, Mutex};
use rusqlite::{Connection, Transaction};
use seal::Seal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// The store. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Store {
    inner: Arc<Inner>,
    /// Seals personal fields.
    pub seal: Seal,
}

struct Inner {
    path: PathBuf,
    jobs: Mutex<Option<Sender<Job>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    readers: Mutex<Vec<Connection>>,
    returned: Condvar,
}

const READERS: usize = 2;

impl Store {
    /// Opens or makes the file. Blocks for some milliseconds.
    pub(crate) fn open(path: &Path, key: [u8; 32]) -> Result<Store> {
        let seal = Seal::new(key);
        let mut writer = open::writer(path)?;
        let readers = (0..READERS).map(|_| open::reader(path)).collect::<Result<Vec<_>>>()?;
        let (jobs, queue) = channel::<Job>();
        let thread = std::thread::Builder::new().name("waybell-store".into()).spawn(move || {
            while let Ok(job) = queue.recv() {
                job(&mut writer);
            }
            let _ = writer.execute_batch("PRAGMA optimize; PRAGMA wal_checkpoint(TRUNCATE);");
        })?;
        Ok(Store {
            inner: Arc::new(Inner {
                path: path.to_owned(),
                jobs: Mutex::new(Some(jobs)),
                writer: Mutex::new(Some(thread)),
                readers: Mutex::new(readers),
                returned: Condvar::new(),
            }),
            seal,
        })
    }

    /// Runs a job in one transaction; its changes are durable when this returns. An error rolls back.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Transaction<'_>) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (tx, rx) = oneshot::channel();
        let inner = self.inner.clone();
        let job: Job = Box::new(move |connection| {
            let done = connection
                .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
                .map_err(Error::from)
                .and_then(|transaction| {
                    let value = job(&transaction)?;
                    crash::point("store.before_commit");
                    transaction.commit()?;
                    crash::point("store.after_commit");
                    Ok(value)
                });
            inner.note_damage(&done);
            let _ = tx.send(done);
        });
        self.inner.jobs.lock().as_ref().and_then(|jobs| jobs.send(job).ok()).ok_or_else(closed)?;
        rx.await.map_err(|_| closed())?
    }

    /// Runs a query on a reader, on a thread that may block.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        job: impl FnOnce(&Connection) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let this = self.clone();
        tokio::task::spawn_blocking(move || this.read_now(job)).await.map_err(|_| closed())?
    }

    /// The same on this thread.
    pub(crate) fn read_now<T>(&self, job: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let mut readers = self.inner.readers.lock();
        let connection = loop {
            if self.inner.is_closed() {
                return Err(closed());
            }
            match readers.pop() {
                Some(connection) => break connection,
                None => self.inner.returned.wait(&mut readers),
            }
        };
        drop(readers);
        let done = job(&connection);
        self.inner.note_damage(&done);
        let mut readers = self.inner.readers.lock();
        if !self.inner.is_closed() {
            readers.push(connection);
        }
        drop(readers);
        self.inner.returned.notify_one();
        done
    }

    /// Finishes the queue, merges the log and closes all connections. Later calls fail.
    pub(crate) fn close(&self) {
        drop(self.inner.jobs.lock().take());
        if let Some(thread) = self.inner.writer.lock().take() {
            let _ = thread.join();
        }
        self.inner.readers.lock().clear();
        self.inner.returned.notify_all();
    }
}

impl Inner {
    fn is_closed(&self) -> bool {
        self.jobs.lock().is_none()
    }

    /// A damaged page met while running is looked for at the next opening.
    fn note_damage<T>(&self, done: &Result<T>) {
        if matches!(done, Err(Error::Storage { damaged: true, .. })) {
            open::suspect(&self.path);
        }
    }
}

fn closed() -> Error {
    Error::storage("the store is closed")
}

/// A value of `meta`.
pub(crate) fn meta(connection: &Connection, key: &str) -> Result<Option<String>> {
    use rusqlite::OptionalExtension;
    Ok(connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |r| r.get(0))
        .optional()?)
}

/// Sets a value of `meta`; `None` removes it.
pub(crate) fn set_meta(connection: &Connection, key: &str, value: Option<&str>) -> Result<()> {
    match value {
        Some(v) => connection
            .prepare_cached("INSERT INTO meta (key, value) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = excluded.value")?
            .execute([key, v])?,
        None => connection.prepare_cached("DELETE FROM meta WHERE key = ?1")?.execute([key])?,
    };
    Ok(())
}

/// A sealed value of `meta`; `None` if there is none or it does not open with this key.
pub(crate) fn sealed_meta<T: serde::de::DeserializeOwned>(
    connection: &Connection,
    seal: &Seal,
    key: &str,
) -> Result<Option<T>> {
    let Some(hex) = meta(connection, key)? else { return Ok(None) };
    let bytes: Option<Vec<u8>> = (0..hex.len())
        .step_by(2)
        .map(|i| hex.get(i..i + 2).and_then(|h| u8::from_str_radix(h, 16).ok()))
        .collect();
    Ok(bytes.and_then(|b| seal.open(key, &b).ok()))
}

/// Seals a value and sets it in `meta`.
pub(crate) fn set_sealed_meta<T: serde::Serialize>(
    connection: &Connection,
    seal: &Seal,
    key: &str,
    value: &T,
) -> Result<()> {
    let hex: String = seal.seal(key, value)?.iter().map(|b| format!("{b:02x}")).collect();
    set_meta(connection, key, Some(&hex))
}

/// The number of this transaction, for `touched`. Call it once in a transaction that writes parcels.
pub(crate) fn touch(connection: &Connection) -> Result<i64> {
    let next = meta(connection, "touch")?.and_then(|t| t.parse::<i64>().ok()).unwrap_or(0) + 1;
    set_meta(connection, "touch", Some(&next.to_string()))?;
    Ok(next)
}
