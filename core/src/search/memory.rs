//! What this process holds in memory: texts, and the index of names and telephones.

use super::index::{condition, filing};
use crate::error::Result;
use crate::store::meta;
use crate::store::seal::Seal;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use waybell_domain::id::ParcelId;
use waybell_domain::search::{Rank, TermQuery, matches, normalise, query_terms, rank};
use waybell_domain::wire::ParcelView;

/// Key in `meta`: changes whenever a row was removed.
pub(crate) const REMOVED: &str = "removed";

struct Doc {
    id: ParcelId,
    sequence: i64,
    text: String,
}

/// Texts and personal terms of every parcel.
pub(super) struct Memory {
    terms: Connection,
    docs: HashMap<i64, Doc>,
    seen: i64,
    removed: Option<String>,
}

impl Memory {
    pub(super) fn new() -> Result<Memory> {
        let terms = Connection::open_in_memory()?;
        terms.execute_batch(
            "PRAGMA journal_mode = OFF; CREATE VIRTUAL TABLE personal_terms USING fts5 (terms, content = '', \
             contentless_delete = 1, tokenize = 'unicode61', detail = none);",
        )?;
        terms.set_prepared_statement_cache_capacity(16);
        Ok(Memory { terms, docs: HashMap::new(), seen: 0, removed: None })
    }

    /// Reads what was touched since the last time.
    pub(super) fn update(&mut self, c: &Connection, seal: &Seal) -> Result<()> {
        let removed = meta(c, REMOVED)?;
        if removed != self.removed {
            self.drop_removed(c)?;
            self.removed = removed;
        }
        let mut statement =
            c.prepare_cached("SELECT n, id, body, touched FROM parcel WHERE touched > ?1 ORDER BY touched")?;
        let mut rows = statement.query([self.seen])?;
        let mut newest = self.seen;
        let transaction = self.terms.unchecked_transaction()?;
        while let Some(row) = rows.next()? {
            let (n, id): (i64, String) = (row.get(0)?, row.get(1)?);
            let view: ParcelView = seal.open(&id, &row.get::<_, Vec<u8>>(2)?)?;
            newest = newest.max(row.get(3)?);
            let phone = view.phone.as_ref().map(|p| p.e164()).unwrap_or_default();
            let text = format!("{} {} {} {phone}", view.address, view.recipient_name, view.waybill_no);
            let known = self.docs.get(&n);
            if known.is_none_or(|d| d.text != text) {
                let personal = filing(&format!("{} {phone}", view.recipient_name));
                self.terms
                    .prepare_cached("INSERT OR REPLACE INTO personal_terms (rowid, terms) VALUES (?1, ?2)")?
                    .execute(params![n, personal])?;
            }
            self.docs.insert(n, Doc { id: view.id, sequence: view.sequence, text });
        }
        transaction.commit()?;
        self.seen = newest;
        Ok(())
    }

    fn drop_removed(&mut self, c: &Connection) -> Result<()> {
        let mut alive = HashSet::new();
        let mut statement = c.prepare_cached("SELECT n FROM parcel")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            alive.insert(row.get::<_, i64>(0)?);
        }
        let gone: Vec<i64> = self.docs.keys().filter(|n| !alive.contains(n)).copied().collect();
        for n in gone {
            self.docs.remove(&n);
            self.terms.prepare_cached("DELETE FROM personal_terms WHERE rowid = ?1")?.execute([n])?;
        }
        Ok(())
    }

    /// The best `limit` parcels, best first.
    pub(super) fn look(&self, c: &Connection, query: &str, limit: usize) -> Result<Vec<ParcelId>> {
        let found = match self.candidates(c, query)? {
            Some(list) => list.into_iter().filter_map(|n| self.docs.get(&n).map(|d| (n, d))).collect(),
            None => self.docs.iter().map(|(n, d)| (*n, d)).collect::<Vec<_>>(),
        };
        let judge = Judge::of(query);
        let mut ranked: Vec<_> = found
            .into_iter()
            .filter_map(|(n, doc)| judge.rank(&doc.text).map(|rank| ((rank, doc.sequence, n), doc.id)))
            .collect();
        ranked.sort_unstable_by_key(|(key, _)| *key);
        Ok(ranked.into_iter().take(limit).map(|(_, id)| id).collect())
    }

    /// Rows that the indexes find; `None` if there is no condition.
    fn candidates(&self, c: &Connection, query: &str) -> Result<Option<Vec<i64>>> {
        let members = match query_terms(query) {
            TermQuery::All(members) => members,
            other => vec![other],
        };
        let mut left: Option<Vec<i64>> = None;
        for condition in members.iter().filter_map(condition) {
            let mut here = rows(c, "SELECT rowid FROM parcel_terms WHERE parcel_terms MATCH ?1", &condition)?;
            here.extend(rows(
                &self.terms,
                "SELECT rowid FROM personal_terms WHERE personal_terms MATCH ?1",
                &condition,
            )?);
            here.sort_unstable();
            here.dedup();
            left = Some(match left {
                None => here,
                Some(list) => list.into_iter().filter(|n| here.binary_search(n).is_ok()).collect(),
            });
        }
        Ok(left)
    }
}

/// Whether a text answers, and how well: `matches` and `rank`, with a short cut for a query of one Chinese word.
///
/// Such a word stands in a text as it is written or not at all: folding leaves Chinese characters alone, and numerals
/// that are read as digits only put digits between them. No number can grow at its ends either.
enum Judge<'a> {
    Chinese(&'a str),
    Any(&'a str),
}

impl Judge<'_> {
    fn of(query: &str) -> Judge<'_> {
        let word = query.trim();
        let plain = !word.is_empty()
            && word.chars().all(|c| ('\u{4e00}'..='\u{9fff}').contains(&c))
            && normalise(word) == word;
        if plain { Judge::Chinese(word) } else { Judge::Any(query) }
    }

    fn rank(&self, text: &str) -> Option<Rank> {
        match self {
            Judge::Chinese(word) if text.starts_with(word) => Some(Rank::Start),
            Judge::Chinese(word) => text.contains(word).then_some(Rank::Whole),
            Judge::Any(query) => matches(query, text).then(|| rank(query, text)),
        }
    }
}

fn rows(c: &Connection, sql: &str, condition: &str) -> Result<Vec<i64>> {
    let mut statement = c.prepare_cached(sql)?;
    let rows = statement.query_map([condition], |r| r.get(0))?;
    Ok(rows.collect::<rusqlite::Result<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_cut_is_the_definition() {
        let texts = [
            "幸福花园三栋",
            "花园",
            "上海市十二号楼花园",
            "一二三街",
            "三栋花",
            "３号花园 王三 SF1 +8613800000003",
            "",
        ];
        for query in ["花", "花园", "三", "三街", "十", "号楼", "幸福花园", "园三", " 花园 ", "二号", "街"]
        {
            for text in texts {
                let wanted = matches(query, text).then(|| rank(query, text));
                assert_eq!(Judge::of(query).rank(text), wanted, "{query:?} in {text:?}");
            }
        }
    }
}
