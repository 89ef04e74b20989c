//! What a world's server keeps its data in: a file of SQLite, or a database of PostgreSQL.
//!
//! `WAYBELL_TEST_DATABASE=postgres` puts every world on PostgreSQL that does not ask for one of them; so does the test program
//! `postgres` (tests/tests/postgres.rs).

use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use waybell_cluster::{Base, Cluster};

/// What a world is asked to have.
#[derive(Clone)]
pub enum Database {
    /// A file in the server's folder.
    Sqlite,
    /// A database on the cluster that the tests of a process share.
    Postgres,
    /// A database on this cluster.
    On(Arc<Cluster>),
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Database::Sqlite => "sqlite",
            Database::Postgres | Database::On(_) => "postgres",
        })
    }
}

impl Default for Database {
    fn default() -> Database {
        // the test program of that name, which has the tests of others in it
        let own = std::env::current_exe().unwrap_or_default();
        if own.file_name().and_then(|n| n.to_str()).is_some_and(|n| n.starts_with("postgres-")) {
            return Database::Postgres;
        }
        match std::env::var("WAYBELL_TEST_DATABASE").as_deref() {
            Err(_) | Ok("sqlite") => Database::Sqlite,
            Ok("postgres") => Database::Postgres,
            Ok(other) => panic!("WAYBELL_TEST_DATABASE={other}: write sqlite or postgres"),
        }
    }
}

/// What it has.
pub enum Kept {
    /// The file.
    File(PathBuf),
    /// The database.
    Base(Base),
}

impl Kept {
    /// A fresh one for the server with this data folder.
    pub(crate) fn new(wanted: &Database, data: &Path) -> anyhow::Result<Kept> {
        Ok(match wanted {
            Database::Sqlite => Kept::File(data.join("waybell.db")),
            Database::Postgres => Kept::Base(Cluster::shared()?),
            Database::On(cluster) => Kept::Base(Cluster::database(cluster)?),
        })
    }

    /// As in a server's configuration.
    pub fn url(&self) -> String {
        match self {
            Kept::File(path) => format!("sqlite:{}", path.display()),
            Kept::Base(base) => base.url(),
        }
    }

    /// The database of PostgreSQL.
    ///
    /// # Errors
    /// It is a file.
    pub fn base(&self) -> anyhow::Result<&Base> {
        match self {
            Kept::Base(base) => Ok(base),
            Kept::File(_) => bail!("this world has no PostgreSQL"),
        }
    }

    /// Runs SQL beside the server; the first column of the rows.
    ///
    /// # Errors
    /// What the database says.
    pub fn sql(&self, sql: &str) -> anyhow::Result<Vec<String>> {
        match self {
            Kept::File(path) => {
                let db = rusqlite::Connection::open(path)?;
                db.busy_timeout(std::time::Duration::from_secs(10))?;
                let mut statement = db.prepare(sql)?;
                let count = statement.column_count();
                let mut rows = statement.query([])?;
                let mut out = Vec::new();
                while let Some(row) = rows.next()? {
                    anyhow::ensure!(count > 0, "a row without a column");
                    let value: rusqlite::types::Value = row.get(0)?;
                    out.push(match value {
                        rusqlite::types::Value::Integer(n) => n.to_string(),
                        rusqlite::types::Value::Text(text) => text,
                        rusqlite::types::Value::Null => String::new(),
                        other => bail!("{other:?}"),
                    });
                }
                Ok(out)
            }
            Kept::Base(base) => {
                let text = base.cluster.ask(&base.name, sql)?;
                let first = |line: &str| line.split('|').next().unwrap_or_default().to_owned();
                Ok(text.lines().map(first).collect())
            }
        }
    }

    /// A number that SQL asks for.
    ///
    /// # Errors
    /// There is none.
    pub fn number(&self, sql: &str) -> anyhow::Result<i64> {
        let rows = self.sql(sql)?;
        Ok(rows.first().context("no row")?.parse()?)
    }
}
