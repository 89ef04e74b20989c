//! Opening, migrating, and what to do with a file that cannot be read.

use crate::error::{Error, Result};
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// In order; the schema number is the place, from 1. A released file is never changed.
const MIGRATIONS: &[&str] = &[
    include_str!("0001_first.sql"),
    include_str!("0002_no_terms.sql"),
    include_str!("0003_tracking.sql"),
    include_str!("0004_calls.sql"),
    include_str!("0005_tracks_sealed.sql"),
    include_str!("0006_orders.sql"),
    include_str!("0007_announcements.sql"),
    include_str!("0008_knowledge.sql"),
    include_str!("0009_charges.sql"),
    include_str!("0010_places.sql"),
];

/// Suffix of the note that a damaged page was met.
const CHECK: &str = ".check";

enum Failure {
    Damaged,
    Other(Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(e: rusqlite::Error) -> Self {
        if says_damaged(&e) { Failure::Damaged } else { Failure::Other(e.into()) }
    }
}

impl From<Failure> for Error {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Damaged => Error::storage("the new file is damaged too"),
            Failure::Other(error) => error,
        }
    }
}

pub(super) fn writer(path: &Path) -> Result<Connection> {
    if let Some(dir) = path.parent() {
        std::fs::create_dir_all(dir)?;
    }
    let mark = with_suffix(path, CHECK);
    let suspect = mark.exists();
    match prepare(path) {
        Ok(connection) if suspect && !is_sound(&connection) => drop(connection),
        Ok(connection) => {
            let _ = std::fs::remove_file(&mark);
            return Ok(connection);
        }
        Err(Failure::Damaged) => {}
        Err(Failure::Other(problem)) => return Err(problem),
    }
    tracing::error!("the store is damaged and is set aside");
    set_aside(path)?;
    let fresh = prepare(path)?;
    salvage(&fresh, path);
    let _ = std::fs::remove_file(&mark);
    Ok(fresh)
}

/// Leaves a note that the file has to be checked whole when it is opened next.
pub(super) fn suspect(path: &Path) {
    let _ = std::fs::write(with_suffix(path, CHECK), b"");
}

/// True if SQLite says that the file is damaged (not: full, locked, or not to be opened).
pub(crate) fn says_damaged(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase)
    )
}

pub(super) fn reader(path: &Path) -> Result<Connection> {
    let connection = Connection::open_with_flags(
        path,
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX,
    )?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    connection
        .execute_batch("PRAGMA cache_size = -2000; PRAGMA temp_store = MEMORY; PRAGMA query_only = ON;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

fn prepare(path: &Path) -> std::result::Result<Connection, Failure> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_secs(5))?;
    let version: i64 = connection.query_row("PRAGMA user_version", [], |r| r.get(0))?;
    let known = MIGRATIONS.len() as i64;
    if version > known {
        return Err(Failure::Other(Error::Newer { found: version, known }));
    }
    connection.execute_batch(
        "PRAGMA auto_vacuum = INCREMENTAL; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; \
         PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -4000; PRAGMA journal_size_limit = 8000000;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    for (index, sql) in MIGRATIONS.iter().enumerate().skip(version as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(sql)?;
        transaction.pragma_update(None, "user_version", index as i64 + 1)?;
        transaction.commit()?;
    }
    if version > 0 {
        // reads the tables' roots: a damaged header or schema shows here, at the start
        connection.query_row("SELECT COUNT(*) FROM operation", [], |r| r.get::<_, i64>(0))?;
        connection.query_row("SELECT COUNT(*) FROM meta", [], |r| r.get::<_, i64>(0))?;
    }
    Ok(connection)
}

fn is_sound(connection: &Connection) -> bool {
    let check = connection.query_row("PRAGMA quick_check(1)", [], |r| r.get::<_, String>(0));
    match check {
        Ok(text) => text == "ok",
        Err(error) => !says_damaged(&error),
    }
}

fn set_aside(path: &Path) -> Result<()> {
    for suffix in ["", "-wal", "-shm"] {
        let from = with_suffix(path, suffix);
        if from.exists() {
            std::fs::rename(&from, with_suffix(path, &format!(".damaged{suffix}")))?;
        }
    }
    Ok(())
}

/// What only this phone knows: table, columns, and which rows. Sent parts and notes are the server's. Tables of an older
/// schema do not have these columns, and stay where they are.
const OWN: &[(&str, &str, &str)] = &[
    (
        "track_shift",
        "id, owner, began, ended, state, process, metres, low, high, boot, boot_offset, skew, version, told",
        "1",
    ),
    ("track_blob", "n, shift, seq, from_at, to_at, body, sent, sent_at, problem", "sent = 0"),
    ("track_vertex", "n, shift, at, first, gap, packed, body", "1"),
    ("track_note", "n, shift, kind, body, sent, sent_at", "sent = 0"),
    ("track_drop", "shift, reason, fixes", "1"),
];

/// Brings over what can still be read: who is signed in, and the operations and tracks, which only this phone knows. Rows
/// are read one by one from both ends, so that one unreadable page costs no more than what lies on it. Cursors stay behind:
/// the server tells everything again.
fn salvage(fresh: &Connection, path: &Path) {
    let damaged = with_suffix(path, ".damaged");
    let Ok(old) = Connection::open(&damaged) else { return };
    let meta = copy(
        &old,
        fresh,
        "SELECT key, value FROM meta WHERE key NOT IN ('cursor', 'touch', 'calls_cursor', 'calls_generation', 'orders_cursor', \
         'orders_generation', 'announcements_cursor', 'announcements_generation', 'knowledge_cursor', \
         'knowledge_generation', 'charges_cursor', 'charges_generation')",
        2,
        "INSERT OR IGNORE INTO meta VALUES (?1, ?2)",
    );
    let mut operations = 0;
    for order in ["ASC", "DESC"] {
        let select = format!("SELECT * FROM operation ORDER BY seq {order}");
        operations += copy(
            &old,
            fresh,
            &select,
            13,
            "INSERT OR IGNORE INTO operation VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
        );
    }
    let tracks = salvage_tracks(&old, fresh);
    tracing::warn!(meta, operations, tracks, "brought over from the damaged store");
}

/// The same for tracks; how many rows.
fn salvage_tracks(old: &Connection, fresh: &Connection) -> usize {
    // the server knows parts and notes by these numbers: none is given twice
    copy(
        old,
        fresh,
        "SELECT name, seq FROM sqlite_sequence WHERE name IN ('track_vertex', 'track_blob', 'track_note')",
        2,
        "INSERT INTO sqlite_sequence (name, seq) VALUES (?1, ?2)",
    );
    let mut copied = 0;
    for (table, columns, which) in OWN {
        let count = columns.split(", ").count();
        let places: Vec<String> = (1..=count).map(|n| format!("?{n}")).collect();
        let insert = format!("INSERT OR IGNORE INTO {table} ({columns}) VALUES ({})", places.join(", "));
        for order in ["ASC", "DESC"] {
            let select =
                format!("SELECT {columns} FROM {table} NOT INDEXED WHERE {which} ORDER BY rowid {order}");
            copied += copy(old, fresh, &select, count, &insert);
        }
    }
    copied
}

/// Copies rows until the first that cannot be read; how many were new.
fn copy(from: &Connection, to: &Connection, select: &str, columns: usize, insert: &str) -> usize {
    let mut copied = 0;
    let Ok(mut statement) = from.prepare(select) else { return 0 };
    let Ok(mut rows) = statement.query([]) else { return 0 };
    while let Ok(Some(row)) = rows.next() {
        let values: std::result::Result<Vec<rusqlite::types::Value>, _> =
            (0..columns).map(|i| row.get(i)).collect();
        let Ok(values) = values else { break };
        copied += to.execute(insert, rusqlite::params_from_iter(values)).unwrap_or(0);
    }
    copied
}

fn with_suffix(path: &Path, suffix: &str) -> std::path::PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}
