//! PostgreSQL under the store, with the promises that SQLite's file gives by itself.
//!
//! **One writer.** Each write first takes a lock of the database for its transaction (`hold`): of all servers and commands on
//! one database one writes at a time, and a server that takes over waits for the last commit of the one before it. Readers
//! never wait.
//!
//! **Durable.** `synchronous_commit = off` of a role or database is put right in each session; a server that runs with
//! `fsync = off` is refused.
//!
//! **Lost connections.** What fails is rolled back by the server. The pool tries a connection before it is used and makes
//! another where it is gone, waiting up to `ACQUIRE` for a server that restarts. Whether a commit whose answer was lost was
//! done, nobody knows: it is told as failed, as after any commit that fails, and the dialler reads what is there.
//!
//! **Nothing waits for ever.** A statement has a minute, a lock ten seconds; an answer that stays away for longer than both
//! is given up here. A transaction that its server left open is ended after a minute, a connection that nobody acknowledges
//! after twenty seconds, so that a machine that has vanished does not keep the next one from writing.

use super::place::Use;
use super::{Durability, StoreError, exec, number, one, wall};
use sea_orm::sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sea_orm::sqlx::{ConnectOptions as _, Executor as _, PgConnection};
use sea_orm::{
    ConnectionTrait, DatabaseConnection, DatabaseTransaction, DbErr, FromQueryResult, SqlxPostgresConnector,
};
use std::str::FromStr;
use std::time::Duration;

/// How long a connection is waited for: a server that restarts takes a few seconds.
const ACQUIRE: Duration = Duration::from_secs(5);
/// How long an answer is waited for, beyond `statement_timeout`.
pub(super) const ANSWER: Duration = Duration::from_secs(75);
/// Names the lock of the writer; the schema is its second part.
const LOCK: &str = "SELECT pg_advisory_xact_lock(1466005858, hashtext(COALESCE(current_schema(), ''))), \
    set_config('waybell.organisation', $1, true)";
/// Says whom a connection works for ([`super::wall`]).
const TELL: &str = "SELECT set_config('waybell.organisation', $1, false)";
/// What every session has, whatever role, database or server say.
const SESSION: &str = "SET statement_timeout = '60s'; SET lock_timeout = '10s'; \
    SET idle_in_transaction_session_timeout = '60s'; SET default_transaction_isolation = 'read committed'; \
    SET standard_conforming_strings = on; SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; \
    SET tcp_keepalives_count = 3; SET tcp_user_timeout = 20000";
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false) \
    WHERE current_setting('synchronous_commit') = 'off'";
/// `insufficient_privilege`.
const MAY_NOT: &str = "42501";
/// Oldest version with what is used here.
const OLDEST: i64 = 130_000;
/// Parameters of a URL that mean something.
const KNOWN: &[&str] = &[
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "host",
    "port",
    "dbname",
    "user",
    "password",
    "application_name",
    "options",
];
const MODES: &[&str] = &["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/// Reads a URL. What is wrong is told without its text, which may hold a password.
pub(super) fn read_url(url: &str) -> Result<PgConnectOptions, String> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    for (key, value) in form_urlencoded::parse(query.as_bytes()) {
        if !KNOWN.contains(&&*key) {
            return Err(format!("its parameter {key} is none that is known ({})", KNOWN.join(", ")));
        }
        if key == "sslmode" && !MODES.contains(&&*value) {
            return Err(format!("its sslmode is none of {}", MODES.join(", ")));
        }
        if key == "port" && value.parse::<u16>().is_err() {
            return Err("its port is no number".into());
        }
    }
    let options = PgConnectOptions::from_str(url).map_err(|error| match error {
        sea_orm::sqlx::Error::Configuration(problem) => problem.to_string(),
        _ => "it does not read".to_owned(),
    })?;
    if options.get_database().is_none() {
        return Err("it names no database (postgres://user:password@host:5432/DATABASE; %23 stands for # in a password)".into());
    }
    Ok(options)
}

/// Host, port and name of a database, without user and password.
pub(super) fn place(options: &PgConnectOptions) -> String {
    let host =
        options.get_socket().map_or_else(|| options.get_host().to_owned(), |s| s.display().to_string());
    format!("{host}:{}/{}", options.get_port(), options.get_database().unwrap_or_default())
}

/// Connects.
pub(super) async fn connect(
    options: &PgConnectOptions,
    wanted: Use,
    durability: Durability,
) -> Result<DatabaseConnection, StoreError> {
    let mut options = options.clone().disable_statement_logging().statement_cache_capacity(256);
    if options.get_application_name().is_none() {
        options = options.application_name("waybell");
    }
    let connections = match wanted {
        Use::Writing => 1,
        Use::Reading(connections) => connections,
    };
    let reads = matches!(wanted, Use::Reading(_));
    let pool = PgPoolOptions::new()
        .max_connections(connections)
        .min_connections(1)
        .acquire_timeout(ACQUIRE)
        .test_before_acquire(!reads)
        .before_acquire(move |session, _| {
            Box::pin(async move {
                if reads {
                    tell_session(session).await?;
                }
                Ok(true)
            })
        })
        .after_connect(move |session, _| {
            Box::pin(async move {
                session.execute(SESSION).await?;
                session
                    .execute(match (wanted, durability) {
                        (Use::Reading(_), _) => "SET default_transaction_read_only = on",
                        (Use::Writing, Durability::Full) => DURABLE,
                        (Use::Writing, Durability::None) => "SET synchronous_commit = off",
                    })
                    .await?;
                if reads {
                    return tell_session(session).await;
                }
                // outside of a write, which says for itself whom it works for, only the store uses it
                session.execute("SET waybell.organisation = '*'").await.map(|_| ())
            })
        });
    let pool = pool
        .connect_with(options)
        .await
        .map_err(|e| DbErr::Conn(sea_orm::RuntimeErr::SqlxError(e.into())))?;
    Ok(SqlxPostgresConnector::from_sqlx_postgres_pool(pool))
}

#[derive(FromQueryResult)]
struct Server {
    version: i64,
    encoding: String,
    fsync: String,
    standby: bool,
    read_only: String,
    beyond: bool,
}

/// Refuses a server that cannot keep the promises.
pub(super) async fn require(db: &DatabaseConnection, durability: Durability) -> Result<(), StoreError> {
    let sql = "SELECT CAST(current_setting('server_version_num') AS BIGINT) AS version, \
               current_setting('server_encoding') AS encoding, current_setting('fsync') AS fsync, \
               pg_is_in_recovery() AS standby, current_setting('default_transaction_read_only') AS read_only, \
               (SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = current_user) AS beyond";
    let Some(server) = one::<Server, _>(db, sql, []).await? else { return Ok(()) };
    let problem = if server.version < OLDEST {
        format!("PostgreSQL {} is too old: version 13 is the oldest that will do", server.version / 10_000)
    } else if server.encoding != "UTF8" {
        format!(
            "the database has the encoding {}: make it with ENCODING 'UTF8' TEMPLATE template0",
            server.encoding
        )
    } else if server.beyond {
        "this role is a superuser or has BYPASSRLS, so row-level security does not hold it: name a role that owns the \
         database and is neither (CREATE ROLE waybell LOGIN PASSWORD '…'; CREATE DATABASE waybell OWNER waybell)"
            .into()
    } else if server.standby {
        "this PostgreSQL is a standby, which takes no writes: name the primary".into()
    } else if server.read_only == "on" {
        "default_transaction_read_only is on for this role or database: it can store nothing".into()
    } else if server.fsync != "on" && durability == Durability::Full {
        "PostgreSQL runs with fsync = off: a power loss would forget who was rung; set fsync = on".into()
    } else {
        return Ok(());
    };
    Err(DbErr::Custom(problem).into())
}

/// Takes the lock of the writer for this transaction, which works for whoever asks.
pub(super) async fn hold<C: ConnectionTrait>(tx: &C) -> Result<(), StoreError> {
    exec(tx, LOCK, [wall::setting().into()]).await.map(|_| ())
}

/// Says whom this transaction works for from now on.
pub(super) async fn tell<C: ConnectionTrait>(tx: &C, setting: &str) -> Result<(), StoreError> {
    let sql = "SELECT set_config('waybell.organisation', $1, true)";
    exec(tx, sql, [setting.into()]).await.map(|_| ())
}

/// Says whom a connection works for that was taken to read something; whether it still answers shows by that.
async fn tell_session(session: &mut PgConnection) -> Result<(), sea_orm::sqlx::Error> {
    sea_orm::sqlx::query(TELL).bind(wall::setting()).execute(session).await.map(|_| ())
}

/// Counts a commit of the owner with this fence where it has changed anything: its mark, or `None`.
pub(super) async fn count(tx: &DatabaseTransaction, fence: i64) -> Result<Option<i64>, StoreError> {
    // a transaction that has changed nothing has no number
    let sql = "UPDATE owner SET mark = mark + 1 WHERE id = 1 AND fence = $1 \
               AND pg_current_xact_id_if_assigned() IS NOT NULL RETURNING mark";
    match number(tx, sql, [fence.into()]).await? {
        0 => match number(tx, "SELECT fence FROM owner WHERE id = 1", []).await? {
            theirs if theirs == fence => Ok(None),
            theirs => Err(StoreError::Fenced { theirs, ours: fence }),
        },
        mark => Ok(Some(mark)),
    }
}

/// Which database this is: a copy made by a dump is another one, one that was recovered from its log is on another timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    /// The server's own number, and that of a table that a copy has made anew.
    pub database: String,
    /// History of the log.
    pub timeline: String,
}

#[derive(FromQueryResult)]
struct Found {
    database: String,
    timeline: String,
}

impl Identity {
    /// Of the database behind this connection; `None` where the role may not ask.
    ///
    /// # Errors
    /// Any other failure: a server that does not know whose copy it has must not ring.
    pub(super) async fn of(db: &DatabaseConnection) -> Result<Option<Identity>, StoreError> {
        let sql = "SELECT CAST((SELECT system_identifier FROM pg_control_system()) AS TEXT) || '/' || \
                   CAST(CAST(CAST('owner' AS regclass) AS oid) AS TEXT) AS database, \
                   SUBSTRING(pg_walfile_name(pg_current_wal_lsn()), 1, 8) AS timeline";
        match one::<Found, _>(db, sql, []).await {
            Ok(found) => Ok(found.map(|f| Identity { database: f.database, timeline: f.timeline })),
            Err(error) if error.sqlstate().as_deref() == Some(MAY_NOT) => {
                tracing::warn!(%error, "PostgreSQL does not say which server it is: a copy is known by its mark alone");
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// As it is stored.
    pub(super) fn text(&self) -> String {
        format!("{} {}", self.database, self.timeline)
    }

    /// What [`Identity::text`] has written.
    pub(super) fn parse(text: &str) -> Option<Identity> {
        let (database, timeline) = text.split_once(' ')?;
        Some(Identity { database: database.into(), timeline: timeline.into() })
    }
}
