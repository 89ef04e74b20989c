//! Where the data are: a file of SQLite, or a database of PostgreSQL.

use super::{Durability, StoreError, postgres};
use sea_orm::sqlx::postgres::PgConnectOptions;
use sea_orm::{ConnectOptions, Database, DatabaseConnection, DbErr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A database that can be connected to.
#[derive(Clone)]
pub(super) enum Place {
    /// Path of the file.
    Sqlite(Arc<str>),
    /// Host or socket, name, role, password; read from the URL once, and never shown.
    Postgres(Arc<PgConnectOptions>),
}

/// What a connection is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Use {
    /// The one that writes.
    Writing,
    /// Those that read, as many as this.
    Reading(u32),
}

/// Reads the URL of a database as far as that is possible without connecting.
///
/// # Errors
/// What is wrong with it. Nothing of the URL is repeated beyond its scheme: it may hold a password.
pub fn check_url(url: &str) -> Result<(), String> {
    Place::parse(url).map(|_| ())
}

impl Place {
    /// Of `sqlite:PATH` or `postgres://…`.
    pub(super) fn parse(url: &str) -> Result<Place, String> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            return match path {
                "" => Err("sqlite: has no path".into()),
                path => Ok(Place::Sqlite(path.into())),
            };
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return postgres::read_url(url).map(|options| Place::Postgres(Arc::new(options)));
        }
        // of a URL without a scheme nothing can be shown
        let scheme = url.split_once(':').map_or("no scheme", |(scheme, _)| scheme);
        Err(format!("it starts with sqlite: or postgres:// (got {scheme})"))
    }

    /// Refuses a file that is not there, which connecting would make. Whether a database of PostgreSQL is there, it says itself.
    pub(super) fn exists(&self) -> Result<(), StoreError> {
        match self {
            Place::Sqlite(path) if !Path::new(&**path).exists() => {
                Err(DbErr::Custom(format!("there is no database at {path}")).into())
            }
            _ => Ok(()),
        }
    }

    /// Makes what must be there before a database can be made there.
    pub(super) fn prepare(&self) -> Result<(), StoreError> {
        if let Place::Sqlite(path) = self
            && let Some(folder) = Path::new(&**path).parent()
        {
            std::fs::create_dir_all(folder)
                .map_err(|e| DbErr::Custom(format!("cannot create folder for the database: {e}")))?;
        }
        Ok(())
    }

    /// An error of connecting that says where that was tried, in place of one that does not.
    pub(super) fn named(&self, error: StoreError) -> StoreError {
        match (self, error) {
            (Place::Postgres(options), StoreError::Database(problem)) => {
                StoreError::Unreachable { place: postgres::place(options), problem }
            }
            (_, error) => error,
        }
    }

    /// Connects.
    pub(super) async fn connect(
        &self,
        wanted: Use,
        durability: Durability,
    ) -> Result<DatabaseConnection, StoreError> {
        match self {
            Place::Sqlite(path) => sqlite(path, wanted, durability).await,
            Place::Postgres(options) => postgres::connect(options, wanted, durability).await,
        }
    }

    /// The file of the mark: beside a file, and in the server's own folder where the database is a server of its own.
    pub(super) fn mark(&self, data: &Path) -> PathBuf {
        match self {
            Place::Sqlite(path) => PathBuf::from(format!("{path}.mark")),
            Place::Postgres(_) => data.join("database.mark"),
        }
    }
}

async fn sqlite(path: &str, wanted: Use, durability: Durability) -> Result<DatabaseConnection, StoreError> {
    let (connections, query_only) = match wanted {
        Use::Writing => (1, false),
        Use::Reading(connections) => (connections, true),
    };
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
            .busy_timeout(Duration::from_secs(10))
            .statement_cache_capacity(256)
            .pragma("query_only", if query_only { "ON" } else { "OFF" })
            .pragma("cache_size", if query_only { "-2000" } else { "-16000" })
            .pragma("temp_store", "MEMORY")
            // a key that is erased leaves no trace in the page that held it
            .pragma("secure_delete", "FAST")
            .pragma("journal_size_limit", "67108864")
    });
    Ok(Database::connect(options).await?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_does_not_read_is_named_without_its_password() {
        for (url, word) in [
            ("mysql://a:secret@h/d", "got mysql"),
            ("secret", "got no scheme"),
            ("sqlite:", "no path"),
            ("postgres://a:secret@h:port/d", "port"),
            ("postgres://a:secret@h", "names no database"),
            ("postgres://a:secret@h/d?sslmode=secret", "sslmode"),
            ("postgres://a:secret@h/d?sslmod=require", "sslmod"),
        ] {
            let problem = check_url(url).unwrap_err();
            assert!(problem.contains(word), "{url}: {problem}");
            assert!(!problem.contains("secret"), "{problem}");
        }
        for url in [
            "sqlite:data/waybell.db",
            "postgres://waybell@localhost/waybell",
            "postgresql://waybell:pa%40ss@db.example:5433/waybell?sslmode=require",
            "postgres:///waybell?host=/run/postgresql&user=waybell",
        ] {
            check_url(url).unwrap();
        }
    }
}
