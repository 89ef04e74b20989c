//! Filing of addresses and waybill numbers in the file, and the form of terms and queries for FTS5.

use crate::error::Result;
use crate::store::{meta, set_meta};
use rusqlite::Connection;
use waybell_domain::search::{TermQuery, index_terms};

/// Key in `meta`: rows that were touched up to here are filed.
const FILED: &str = "filed";
/// Rows filed in one transaction.
const SOME: usize = 2_000;

fn filed(c: &Connection) -> Result<i64> {
    Ok(meta(c, FILED)?.and_then(|t| t.parse().ok()).unwrap_or(0))
}

/// True if rows wait to be filed.
pub(super) fn is_behind(c: &Connection) -> Result<bool> {
    let newest: i64 =
        c.prepare_cached("SELECT COALESCE(MAX(touched), 0) FROM parcel")?.query_row([], |r| r.get(0))?;
    Ok(newest > filed(c)?)
}

/// Files some rows.
pub(super) fn some(t: &Connection) -> Result<()> {
    let from = filed(t)?;
    let mut rows: Vec<(i64, i64, String)> = Vec::new();
    let mut reached: Option<i64> = None;
    {
        let mut statement = t.prepare_cached(
            "SELECT n, touched, address || ' ' || waybill_no FROM parcel WHERE touched > ?1 AND indexed = 0 ORDER BY touched LIMIT ?2",
        )?;
        let mut found = statement.query([from, SOME as i64])?;
        while let Some(row) = found.next()? {
            rows.push((row.get(0)?, row.get(1)?, row.get(2)?));
        }
    }
    if rows.len() == SOME {
        // rows of the same transaction may be left: that number is not behind us yet
        reached = rows.last().map(|(_, touched, _)| touched - 1);
    }
    for (n, _, text) in &rows {
        t.prepare_cached("INSERT OR REPLACE INTO parcel_terms (rowid, terms) VALUES (?1, ?2)")?
            .execute(rusqlite::params![n, filing(text)])?;
        t.prepare_cached("UPDATE parcel SET indexed = 1 WHERE n = ?1")?.execute([n])?;
    }
    let newest: i64 =
        t.prepare_cached("SELECT COALESCE(MAX(touched), 0) FROM parcel")?.query_row([], |r| r.get(0))?;
    set_meta(t, FILED, Some(&reached.unwrap_or(newest).max(from).to_string()))
}

/// The terms of a text, as FTS5 takes them.
pub(super) fn filing(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 4);
    for term in index_terms(text) {
        push_term(&mut out, &term);
        out.push(' ');
    }
    out
}

/// A condition as FTS5 takes it; `None` if every document fulfils it.
pub(super) fn condition(query: &TermQuery) -> Option<String> {
    coded(query).to_fts5()
}

fn coded(query: &TermQuery) -> TermQuery {
    let code = |term: &str| {
        let mut out = String::new();
        push_term(&mut out, term);
        out
    };
    match query {
        TermQuery::Exact(term) => TermQuery::Exact(code(term)),
        TermQuery::Prefix(start) => TermQuery::Prefix(code(start)),
        TermQuery::All(list) => TermQuery::All(list.iter().map(coded).collect()),
        TermQuery::Any(list) => TermQuery::Any(list.iter().map(coded).collect()),
    }
}

/// Letters that FTS5's tokenizer might split at or fold stand as their number: one by one, so that a start of a term
/// stays a start.
fn push_term(out: &mut String, term: &str) {
    for c in term.chars() {
        if c.is_ascii_alphanumeric() || ('\u{4e00}'..='\u{9fa5}').contains(&c) {
            out.push(c);
        } else {
            out.push_str(&format!("u{:06x}", u32::from(c)));
        }
    }
}
