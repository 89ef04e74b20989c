//! From SQLite to PostgreSQL: every row of every table, in one transaction, into a database that is empty.
//!
//! What belongs to a database and not to the data (its schema, owner, generation) is made anew there: phones pull everything
//! anew. Afterwards the file's mark is put aside. Whoever serves the file again by mistake has a restored copy and rings
//! nobody, so nobody is rung from both.

use super::place::Place;
use super::{Store, StoreError, all, bad_url, exec, number, statement};
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult, QueryResult, Value};
use std::fmt::Write as _;

/// Tables that are of the database itself.
const OWN: &[&str] = &["schema_version", "owner", "meta"];
/// Values in one statement, well below what both databases take.
const VALUES: usize = 10_000;
/// Rows with bytes in one statement: a picture has up to 5 MB.
const FILES: usize = 32;

#[derive(FromQueryResult)]
struct Named {
    name: String,
}

#[derive(FromQueryResult)]
struct Column {
    name: String,
    kind: String,
}

/// Copies everything from `sqlite:…` into `postgres://…`. Both are brought to this program's schema first, and no server may
/// use either. Returns the number of rows.
///
/// # Errors
/// They are not of these kinds, there is no such file, or there are data in the new one already; then nothing is changed.
pub async fn carry(from: &str, to: &str) -> Result<u64, StoreError> {
    let wrong = |text: &str| StoreError::from(DbErr::Custom(text.into()));
    // opening would make an empty database of a path that is wrong, and that would be what is moved
    Place::parse(from).map_err(bad_url)?.exists()?;
    let (old, new) = (Store::open(from).await?, Store::open(to).await?);
    let (Place::Sqlite(path), Place::Postgres(_)) = (&old.place, &new.place) else {
        return Err(wrong("data are moved from sqlite: to postgres://"));
    };
    let write = new.begin().await?;
    let used = "SELECT (SELECT COUNT(*) FROM organisation) + (SELECT COUNT(*) FROM owner)";
    if number(write.tx(), used, []).await? > 0 {
        return Err(wrong("there are data in that database already: name an empty one"));
    }
    // a table comes after those that its rows refer to
    let tables =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    let mut rows = 0;
    for table in all::<Named, _>(old.read(), tables, []).await? {
        if !OWN.contains(&table.name.as_str()) {
            rows += copy(&old, &write, &table.name).await?;
        }
    }
    // before the commit: whatever dies now, the file is a restored copy to whoever serves it, and at most one of the two rings
    let mark = format!("{path}.mark");
    match std::fs::rename(&mark, format!("{path}.moved")) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            return Err(wrong(&format!("nothing was moved: {mark} cannot be put aside: {error}")));
        }
        _ => {}
    }
    if let Some(folder) = std::path::Path::new(&**path).parent().filter(|f| !f.as_os_str().is_empty()) {
        let synced = std::fs::File::open(folder).and_then(|f| f.sync_all());
        synced.map_err(|e| wrong(&format!("nothing was moved: its folder cannot be written: {e}")))?;
    }
    write.commit().await?;
    old.close().await;
    new.close().await;
    Ok(rows)
}

async fn copy(old: &Store, write: &super::Write, table: &str) -> Result<u64, StoreError> {
    let sql = "SELECT name, type AS kind FROM pragma_table_info($1) ORDER BY cid";
    let columns: Vec<Column> = all(old.read(), sql, [table.into()]).await?;
    let names = columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>().join(", ");
    let files = columns.iter().any(|c| c.kind == "BLOB");
    let some = if files { FILES } else { VALUES / columns.len().max(1) };
    let page =
        format!("SELECT {names}, rowid AS page_ FROM {table} WHERE rowid > $1 ORDER BY rowid LIMIT {some}");
    let (mut after, mut copied) = (i64::MIN, 0);
    loop {
        let asked = statement(old.read().get_database_backend(), &page, [after.into()]);
        let rows = old.read().query_all_raw(asked).await?;
        let Some(last) = rows.last() else { return Ok(copied) };
        after = last.try_get("", "page_")?;
        let mut sql = format!("INSERT INTO {table} ({names}) VALUES ");
        let mut values: Vec<Value> = Vec::with_capacity(rows.len() * columns.len());
        for (n, row) in rows.iter().enumerate() {
            sql.push_str(if n > 0 { ",(" } else { "(" });
            for (i, column) in columns.iter().enumerate() {
                let _ = write!(sql, "{}${}", if i > 0 { "," } else { "" }, values.len() + 1);
                values.push(value(row, table, column)?);
            }
            sql.push(')');
        }
        copied += rows.len() as u64;
        exec(write.tx(), &sql, values).await?;
    }
}

fn value(row: &QueryResult, table: &str, column: &Column) -> Result<Value, StoreError> {
    let name = column.name.as_str();
    Ok(match column.kind.as_str() {
        "TEXT" => row.try_get::<Option<String>>("", name)?.into(),
        "BIGINT" => row.try_get::<Option<i64>>("", name)?.into(),
        "BLOB" => row.try_get::<Option<Vec<u8>>>("", name)?.into(),
        kind => {
            return Err(DbErr::Custom(format!("{table}.{name} is a {kind}, which cannot be moved")).into());
        }
    })
}
