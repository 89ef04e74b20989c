//! A database whose statements run where they are asked for, instead of in a thread of their own: what a history costs
//! is then what it computes, and the order in which things happen is the same each time.
//!
//! One connection reads and writes. Nobody reads while a write is open, but for who reads in it.

use super::world::World;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::types::{ToSqlOutput, Value as Sql, ValueRef};
use rusqlite::{Connection, ToSql};
use sea_orm::{
    DatabaseConnection, DatabaseConnectionType, DbBackend, DbErr, ExecResult, MockDatabase,
    MockDatabaseConnection, MockDatabaseTrait, MockExecResult, QueryResult, Statement, Transaction, Value,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// See the module.
pub(crate) struct Inline {
    db: Mutex<Connection>,
}

impl std::fmt::Debug for Inline {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Inline")
    }
}

impl Inline {
    /// Opens a migrated file. Nothing of it needs to outlive the process.
    pub(crate) fn open(file: &Path) -> Arc<Inline> {
        let db = Connection::open(file).unwrap();
        db.execute_batch(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = MEMORY; PRAGMA synchronous = OFF; \
             PRAGMA foreign_keys = ON; PRAGMA temp_store = MEMORY; PRAGMA cache_size = -64000;",
        )
        .unwrap();
        db.set_prepared_statement_cache_capacity(512);
        Arc::new(Inline { db: Mutex::new(db) })
    }

    /// The same as the server's code knows it. The process of a world may die before any statement.
    pub(crate) fn connection(self: &Arc<Inline>, of: Option<Arc<World>>) -> DatabaseConnection {
        let mock = MockDatabaseConnection::new(Shared { db: self.clone(), of });
        DatabaseConnectionType::MockDatabaseConnection(Arc::new(mock)).into()
    }

    /// Empties all tables but the schema's own.
    pub(crate) fn wipe(&self) {
        let db = self.db.lock();
        let sql = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_version'";
        let names: Vec<String> = db
            .prepare_cached(sql)
            .unwrap()
            .query_map([], |r| r.get(0))
            .unwrap()
            .collect::<Result<_, _>>()
            .unwrap();
        // a ledger refuses to lose entries
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false).unwrap();
        let all: Vec<String> = names.iter().map(|n| format!("DELETE FROM \"{n}\";")).collect();
        db.execute_batch(&format!(
            "PRAGMA foreign_keys = OFF; BEGIN; {} COMMIT; PRAGMA foreign_keys = ON;",
            all.concat()
        ))
        .unwrap();
        db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, true).unwrap();
    }

    fn run<T>(
        &self,
        statement: &Statement,
        take: impl FnOnce(&mut rusqlite::CachedStatement<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, DbErr> {
        let db = self.db.lock();
        let values = statement.values.as_ref().map_or(&[][..], |v| &v.0);
        let mut prepared = db.prepare_cached(&statement.sql).map_err(fail)?;
        for index in 1..=prepared.parameter_count() {
            // `$3` is the third value, wherever it stands
            let number = prepared.parameter_name(index).and_then(|n| n[1..].parse().ok()).unwrap_or(index);
            prepared.raw_bind_parameter(index, Bound(&values[number - 1])).map_err(fail)?;
        }
        take(&mut prepared).map_err(fail)
    }

    fn batch(&self, sql: &str) -> Result<(), DbErr> {
        self.db.lock().execute_batch(sql).map_err(fail)
    }

    fn roll_back(&self) {
        if !self.db.lock().is_autocommit() {
            self.batch("ROLLBACK").unwrap();
        }
    }
}

fn fail(error: rusqlite::Error) -> DbErr {
    DbErr::Custom(error.to_string())
}

struct Bound<'a>(&'a Value);

impl ToSql for Bound<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self.0 {
            Value::String(Some(text)) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Value::Bytes(Some(bytes)) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Value::BigInt(Some(n)) => ToSqlOutput::Owned(Sql::Integer(*n)),
            Value::Int(Some(n)) => ToSqlOutput::Owned(Sql::Integer(i64::from(*n))),
            Value::Bool(Some(b)) => ToSqlOutput::Owned(Sql::Integer(i64::from(*b))),
            Value::Double(Some(x)) => ToSqlOutput::Owned(Sql::Real(*x)),
            Value::String(None)
            | Value::Bytes(None)
            | Value::BigInt(None)
            | Value::Int(None)
            | Value::Bool(None)
            | Value::Double(None) => ToSqlOutput::Owned(Sql::Null),
            other => panic!("the simulator's database knows no {other:?}"),
        })
    }
}

#[derive(Debug)]
struct Shared {
    db: Arc<Inline>,
    of: Option<Arc<World>>,
}

impl Shared {
    /// The process may die before any statement, by seed. Whatever it still does has no effect, and its future is dropped
    /// at the next await.
    fn turn(&self) -> Result<(), DbErr> {
        let Some(world) = &self.of else { return Ok(()) };
        let mut s = world.state.lock();
        s.turn("before a statement");
        if s.dead { Err(DbErr::Custom("dead".into())) } else { Ok(()) }
    }

    fn select(&self, statement: &Statement) -> Result<Vec<BTreeMap<String, Value>>, DbErr> {
        self.db.run(statement, |prepared| {
            let names: Vec<String> = prepared.column_names().iter().map(|n| (*n).to_owned()).collect();
            let mut rows = prepared.raw_query();
            let mut out = Vec::new();
            while let Some(row) = rows.next()? {
                let mut values = BTreeMap::new();
                for (i, name) in names.iter().enumerate() {
                    let value = match row.get_ref(i)? {
                        // a NULL reads as none of any type
                        ValueRef::Null => Value::String(None),
                        ValueRef::Integer(n) => Value::BigInt(Some(n)),
                        ValueRef::Real(x) => Value::Double(Some(x)),
                        ValueRef::Text(text) => {
                            Value::String(Some(String::from_utf8_lossy(text).into_owned()))
                        }
                        ValueRef::Blob(bytes) => Value::Bytes(Some(bytes.to_vec())),
                    };
                    values.insert(name.clone(), value);
                }
                out.push(values);
            }
            Ok(out)
        })
    }
}

// Results can only be made by a mock database: one is made for each of them.
impl MockDatabaseTrait for Shared {
    fn query(&mut self, _: usize, statement: Statement) -> Result<Vec<QueryResult>, DbErr> {
        self.turn()?;
        let rows = self.select(&statement)?;
        MockDatabase::new(DbBackend::Sqlite).append_query_results([rows]).query(0, statement)
    }

    fn execute(&mut self, _: usize, statement: Statement) -> Result<ExecResult, DbErr> {
        self.turn()?;
        // writes that go together, as the driver runs them: their parameters count on
        let mut rows_affected = 0;
        for sql in statement.sql.split("; ").filter(|sql| !sql.is_empty()) {
            let one = Statement { sql: sql.to_owned(), ..statement.clone() };
            rows_affected += self.db.run(&one, |prepared| prepared.raw_execute())? as u64;
        }
        let result = MockExecResult { last_insert_id: 0, rows_affected };
        MockDatabase::new(DbBackend::Sqlite).append_exec_results([result]).execute(0, statement)
    }

    fn begin(&mut self) {
        self.db.batch("BEGIN").unwrap();
    }

    fn commit(&mut self) {
        self.db.batch("COMMIT").unwrap();
    }

    fn rollback(&mut self) {
        self.db.roll_back();
    }

    fn drain_transaction_log(&mut self) -> Vec<Transaction> {
        Vec::new()
    }

    fn get_database_backend(&self) -> DbBackend {
        DbBackend::Sqlite
    }

    fn ping(&self) -> Result<(), DbErr> {
        Ok(())
    }
}
