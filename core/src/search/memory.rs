//! What this process holds in memory: the texts in the courier's order, and the index over them.

use crate::error::Result;
use crate::store::meta;
use crate::store::seal::Seal;
use rusqlite::Connection;
use std::collections::{HashMap, HashSet};
use waybell_domain::id::ParcelId;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::search::{Finder, Index, Picker, Text};
use waybell_domain::wire::ParcelView;

/// Key in `meta`: changes whenever a row was removed.
pub(crate) const REMOVED: &str = "removed";

struct Doc {
    n: i64,
    id: ParcelId,
    sequence: i64,
    text: Text,
}

/// Texts of every parcel.
#[derive(Default)]
pub(super) struct Memory {
    /// In the courier's order while not `disordered`.
    docs: Vec<Doc>,
    places: HashMap<i64, usize>,
    disordered: bool,
    /// Made for the second search: a process that asks once, as a terminal's, is quicker without.
    index: Option<Index>,
    searched: bool,
    seen: i64,
    removed: Option<String>,
}

impl Memory {
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
        while let Some(row) = rows.next()? {
            let n: i64 = row.get(0)?;
            let id = row.get_ref(1)?.as_str().map_err(rusqlite::Error::from)?;
            let view: ParcelView =
                seal.open(id, row.get_ref(2)?.as_blob().map_err(rusqlite::Error::from)?)?;
            newest = newest.max(row.get(3)?);
            self.put(n, &view);
        }
        self.seen = newest;
        if self.disordered {
            self.docs.sort_unstable_by_key(|d| (d.sequence, d.n));
            self.note_places();
        }
        Ok(())
    }

    fn put(&mut self, n: i64, view: &ParcelView) {
        let phones: Vec<&str> = view.phones().map(PhoneNumber::e164).collect();
        let phones = phones.join("\t");
        let text =
            Text::new(&format!("{}\t{}\t{}\t{phones}", view.address, view.recipient_name, view.waybill_no));
        let doc = Doc { n, id: view.id, sequence: view.sequence, text };
        match self.places.get(&n).and_then(|at| self.docs.get_mut(*at)) {
            Some(known) if known.text == doc.text && known.sequence == doc.sequence => known.id = doc.id,
            Some(known) => {
                *known = doc;
                self.disordered = true;
            }
            None => {
                self.places.insert(n, self.docs.len());
                self.docs.push(doc);
                self.disordered = true;
            }
        }
    }

    fn note_places(&mut self) {
        self.places = self.docs.iter().enumerate().map(|(at, d)| (d.n, at)).collect();
        self.index = None;
        self.disordered = false;
    }

    fn drop_removed(&mut self, c: &Connection) -> Result<()> {
        let mut alive = HashSet::new();
        let mut statement = c.prepare_cached("SELECT n FROM parcel")?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            alive.insert(row.get::<_, i64>(0)?);
        }
        let before = self.docs.len();
        self.docs.retain(|d| alive.contains(&d.n));
        if self.docs.len() != before {
            self.note_places();
        }
        Ok(())
    }

    /// Makes the index, if there is none.
    pub(super) fn prepare(&mut self) {
        if self.index.is_none() {
            self.index = Some(Index::build(self.docs.iter().map(|d| &d.text)));
        }
    }

    /// The best `limit` parcels, best first.
    pub(super) fn look(&mut self, query: &str, limit: usize) -> Vec<ParcelId> {
        if self.searched {
            self.prepare();
        }
        self.searched = true;
        match &self.index {
            Some(index) => {
                let found = index.find(query, limit, |at| &self.docs[at as usize].text);
                found.into_iter().map(|at| self.docs[at as usize].id).collect()
            }
            None => {
                let finder = Finder::new(query);
                let ranked = self.docs.iter().filter_map(|d| Some((finder.rank(&d.text)?, d.id)));
                let mut ranked: Vec<_> = ranked.collect();
                // stable: within a rank the courier's order stays
                ranked.sort_by_key(|(rank, _)| *rank);
                ranked.into_iter().take(limit).map(|(_, id)| id).collect()
            }
        }
    }

    /// Every parcel that answers the query at all, in the courier's order.
    pub(super) fn every(&self, query: &str) -> Vec<ParcelId> {
        let finder = Finder::new(query);
        self.docs.iter().filter(|d| finder.rank(&d.text).is_some()).map(|d| d.id).collect()
    }

    /// Every parcel that the query means, in the courier's order.
    pub(super) fn pick(&self, query: &str) -> Vec<ParcelId> {
        let picker = Picker::new(query);
        let fits: Vec<_> = self.docs.iter().filter_map(|d| Some((picker.fit(&d.text)?, d.id))).collect();
        let closest = fits.iter().map(|(fit, _)| *fit).min();
        fits.into_iter().filter(|(fit, _)| Some(*fit) == closest).map(|(_, id)| id).collect()
    }
}
