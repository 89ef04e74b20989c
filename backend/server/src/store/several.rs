//! Writes that go to the database in one piece.
//!
//! The driver keeps SQLite in a thread of its own, and each statement is a way there and back. Writes whose answer nobody
//! waits for go together: the call of a round needs five ways instead of twelve. Their order stays, and one that fails
//! fails the transaction, as it would alone.

use super::{StoreError, exec};
use sea_orm::{ConnectionTrait, DbBackend, Value};
use std::fmt::Write as _;

/// Statements to be run one after another.
#[derive(Default)]
pub struct Several {
    list: Vec<(&'static str, Vec<Value>)>,
}

impl Several {
    /// Adds one; parameters are `$1`, `$2`, … of its own.
    pub fn add(&mut self, sql: &'static str, values: impl IntoIterator<Item = Value>) {
        self.list.push((sql, values.into_iter().collect()));
    }

    /// Runs them.
    pub async fn run<C: ConnectionTrait>(self, db: &C) -> Result<(), StoreError> {
        if self.list.is_empty() {
            return Ok(());
        }
        if db.get_database_backend() != DbBackend::Sqlite {
            for (sql, values) in self.list {
                exec(db, sql, values).await?;
            }
            return Ok(());
        }
        let (sql, values) = self.joined();
        exec(db, &sql, values).await?;
        Ok(())
    }

    /// One text, whose parameters count on through the statements.
    fn joined(self) -> (String, Vec<Value>) {
        let mut text = String::with_capacity(self.list.iter().map(|(sql, _)| sql.len() + 8).sum());
        let mut values: Vec<Value> = Vec::new();
        for (sql, own) in self.list {
            let before = values.len();
            let mut rest = sql;
            while let Some(at) = rest.find('$') {
                text.push_str(&rest[..=at]);
                rest = &rest[at + 1..];
                let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                let number: usize = rest[..end].parse().unwrap_or_default();
                let _ = write!(text, "{}", number + before);
                rest = &rest[end..];
            }
            text.push_str(rest);
            text.push_str("; ");
            values.extend(own);
        }
        (text, values)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_count_on() {
        let mut several = Several::default();
        several.add("UPDATE a SET x = $2 WHERE id = $1", [1.into(), 2.into()]);
        several.add("DELETE FROM b", []);
        several.add("UPDATE c SET y = $1, z = $1 WHERE id = $2", [3.into(), 4.into()]);
        let (sql, values) = several.joined();
        assert_eq!(
            sql,
            "UPDATE a SET x = $2 WHERE id = $1; DELETE FROM b; UPDATE c SET y = $3, z = $3 WHERE id = $4; "
        );
        assert_eq!(values, [1.into(), 2.into(), 3.into(), 4.into()]);
    }

    #[tokio::test]
    async fn all_of_them_run_and_one_that_fails_fails_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s.db");
        let db = sea_orm::Database::connect(format!("sqlite://{}?mode=rwc", path.display())).await.unwrap();
        db.execute_unprepared("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT NOT NULL) STRICT")
            .await
            .unwrap();
        for round in 0..3 {
            let mut several = Several::default();
            for id in 0..5 {
                let id = i64::from(round * 5 + id);
                several.add("INSERT INTO t (id, x) VALUES ($1, $2)", [id.into(), format!("x{id}").into()]);
            }
            several.add("UPDATE t SET x = x || $1 WHERE id = $2", ["!".into(), i64::from(round * 5).into()]);
            several.run(&db).await.unwrap();
        }
        let count = |sql: &'static str| super::super::number(&db, sql, []);
        assert_eq!(count("SELECT COUNT(*) FROM t").await.unwrap(), 15);
        assert_eq!(count("SELECT COUNT(*) FROM t WHERE x = 'x' || id").await.unwrap(), 12);
        assert_eq!(count("SELECT COUNT(*) FROM t WHERE x = 'x' || id || '!'").await.unwrap(), 3);
        let mut several = Several::default();
        several.add("UPDATE t SET x = 'y'", []);
        several.add("INSERT INTO t (id, x) VALUES ($1, NULL)", [99.into()]);
        assert!(several.run(&db).await.is_err());
    }
}
