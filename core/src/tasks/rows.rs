//! Rows of `parcel`: the server's word, and the pending operations over it.
//!
//! What a screen shows is `effects(base)`: the server's last word with what pending operations will do. It is kept in
//! `body` and worked out again whenever one of the two changes: a page comes ([`Writer::server_row`]), an operation is
//! taken, refused or discarded ([`Writer::recompute`]). A row whose server word is not newer is left alone, so a page
//! that comes twice changes nothing.

use super::row::{Effect, Effects};
use crate::error::Result;
use crate::search::REMOVED;
use crate::store::seal::Seal;
use crate::store::{set_meta, touch};
use rusqlite::{Connection, OptionalExtension, params};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ParcelId;
use waybell_domain::wire::{DoorView, ParcelView};

/// `rev` of a row that only this phone knows.
const LOCAL: i64 = 0;
/// `rev` of a row whose import the server took.
const TAKEN: i64 = -1;

/// Writes parcels in one transaction.
pub(crate) struct Writer<'a> {
    t: &'a Connection,
    seal: &'a Seal,
    touch: i64,
    effects: Effects,
}

impl<'a> Writer<'a> {
    /// Reads the pending operations' effects.
    pub(crate) fn new(t: &'a Connection, seal: &'a Seal) -> Result<Writer<'a>> {
        Ok(Writer { t, seal, touch: touch(t)?, effects: Effects::pending(t, seal)? })
    }

    /// The server's word. With `force`, also one that is as old as the known one (an answer to an operation).
    pub(crate) fn server_row(&self, view: &ParcelView, force: bool) -> Result<()> {
        let known: Option<i64> = self
            .t
            .prepare_cached("SELECT rev FROM parcel WHERE id = ?1")?
            .query_row([view.id.to_string()], |r| r.get(0))
            .optional()?;
        if known.is_some_and(|rev| view.rev < rev || (view.rev == rev && !force)) {
            return Ok(());
        }
        match self.effects.over(Some(view.clone()), view.id) {
            Some(shown) if shown != *view => self.put(&shown, view.rev, Some(view)),
            _ => self.put(view, view.rev, None),
        }
    }

    /// A parcel that is no longer this courier's.
    pub(crate) fn gone(&self, id: ParcelId) -> Result<()> {
        match self.effects.over(None, id) {
            Some(shown) => self.put(&shown, LOCAL, None),
            None => remove(self.t, &id.to_string()),
        }
    }

    /// Shows the operations as they are now.
    pub(crate) fn recompute(&self, ids: &[ParcelId]) -> Result<()> {
        for &id in ids {
            let Some(row) = find(self.t, self.seal, id)? else {
                if let Some(shown) = self.effects.over(None, id) {
                    self.put(&shown, LOCAL, None)?;
                }
                continue;
            };
            let base = match (row.rev, row.base) {
                (LOCAL, _) => None,
                (_, Some(base)) => Some(base),
                (_, None) => Some(row.shown.clone()),
            };
            let shown = self.effects.over(base.clone(), id);
            match (shown, base) {
                (None, _) => remove(self.t, &id.to_string())?,
                (Some(shown), Some(base)) if shown == base => self.put(&base, row.rev, None)?,
                (Some(shown), base) => self.put(&shown, row.rev, base.as_ref())?,
            }
        }
        Ok(())
    }

    fn put(&self, shown: &ParcelView, rev: i64, base: Option<&ParcelView>) -> Result<()> {
        let id = shown.id.to_string();
        let base = base.map(|b| self.seal.seal(&id, b)).transpose()?;
        self.t
            .prepare_cached(
                "INSERT INTO parcel (id, waybill_no, address, state, mark, sequence, imported_at, rev, body, base, touched) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (id) DO UPDATE SET \
                 waybill_no = excluded.waybill_no, address = excluded.address, state = excluded.state, mark = excluded.mark, \
                 sequence = excluded.sequence, imported_at = excluded.imported_at, rev = excluded.rev, body = excluded.body, \
                 base = excluded.base, touched = excluded.touched",
            )?
            .execute(params![
                id,
                shown.waybill_no,
                shown.address,
                shown.state.as_str(),
                shown.mark.as_str(),
                shown.sequence,
                shown.imported_at.0,
                rev,
                self.seal.seal(&id, shown)?,
                base,
                self.touch
            ])?;
        Ok(())
    }
}

/// The server took an import: its rows are no longer this phone's alone.
pub(crate) fn import_taken(t: &Connection, ids: &[ParcelId]) -> Result<()> {
    let mut statement = t.prepare_cached("UPDATE parcel SET rev = ?1 WHERE id = ?2 AND rev = ?3")?;
    for id in ids {
        statement.execute(params![TAKEN, id.to_string(), LOCAL])?;
    }
    Ok(())
}

/// A row as it lies in the store.
pub(crate) struct Row {
    pub rev: i64,
    pub shown: ParcelView,
    pub base: Option<ParcelView>,
}

/// The row of a parcel.
pub(crate) fn find(c: &Connection, seal: &Seal, id: ParcelId) -> Result<Option<Row>> {
    let key = id.to_string();
    let raw: Option<(i64, Vec<u8>, Option<Vec<u8>>)> = c
        .prepare_cached("SELECT rev, body, base FROM parcel WHERE id = ?1")?
        .query_row([&key], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))
        .optional()?;
    let Some((rev, body, base)) = raw else { return Ok(None) };
    let base = base.map(|b| seal.open(&key, &b)).transpose()?;
    Ok(Some(Row { rev, shown: seal.open(&key, &body)?, base }))
}

/// Every parcel, in the courier's order.
pub(crate) fn list(c: &Connection, seal: &Seal) -> Result<Vec<ParcelView>> {
    let mut statement = c.prepare_cached("SELECT id, body FROM parcel ORDER BY sequence, n")?;
    let mut rows = statement.query([])?;
    let mut out = Vec::new();
    while let Some(row) = rows.next()? {
        out.push(seal.open(
            row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?,
            row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?,
        )?);
    }
    Ok(out)
}

/// Removes a row.
pub(crate) fn remove(t: &Connection, id: &str) -> Result<()> {
    let n: Option<i64> =
        t.prepare_cached("SELECT n FROM parcel WHERE id = ?1")?.query_row([id], |r| r.get(0)).optional()?;
    if let Some(n) = n {
        t.prepare_cached("DELETE FROM parcel WHERE n = ?1")?.execute([n])?;
        note_removal(t)?;
    }
    Ok(())
}

/// Tells the searches of every process that rows have gone.
pub(crate) fn note_removal(t: &Connection) -> Result<()> {
    let now = touch(t)?;
    set_meta(t, REMOVED, Some(&now.to_string()))
}

/// Removes what the server said: its database is an older one than before. What only this phone knows stays.
pub(crate) fn forget_server(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM parcel WHERE rev <> ?1", [LOCAL])?;
    t.execute("DELETE FROM batch WHERE rev > 0", [])?;
    t.execute("DELETE FROM recipient", [])?;
    super::stop_rules::forget(t)?;
    crate::tour::places::forget(t)?;
    note_removal(t)
}

/// Removes parcels that were imported before this time, and batches made before it.
pub(crate) fn purge(t: &Connection, seal: &Seal, before: UnixMs) -> Result<usize> {
    let effects = Effects::pending(t, seal)?;
    let mut old: Vec<String> = Vec::new();
    {
        let mut statement = t.prepare("SELECT id FROM parcel WHERE imported_at < ?1 AND rev <> ?2")?;
        let mut rows = statement.query(params![before.0, LOCAL])?;
        while let Some(row) = rows.next()? {
            old.push(row.get(0)?);
        }
    }
    old.retain(|id| ParcelId::parse(id).is_ok_and(|id| !effects.touch(id)));
    for id in &old {
        remove(t, id)?;
    }
    let unused = "created_at < ?1 AND id NOT IN (SELECT target FROM operation WHERE target IS NOT NULL)";
    t.execute(
        &format!("DELETE FROM recipient WHERE batch_id IN (SELECT id FROM batch WHERE {unused})"),
        [before.0],
    )?;
    t.execute(&format!("DELETE FROM batch WHERE {unused}"), [before.0])?;
    Ok(old.len())
}

impl Effects {
    /// What pending operations make of the server's word; `None` if there is neither.
    fn over(&self, base: Option<ParcelView>, id: ParcelId) -> Option<ParcelView> {
        self.of(id).iter().fold(base, |view, effect| match (view, effect) {
            (view, Effect::Row { row, sequence, at }) => row.over(view, *sequence, *at, self.owner()),
            (Some(mut view), Effect::State(state)) => {
                if view.state != *state {
                    view.door = None;
                }
                view.state = *state;
                Some(view)
            }
            (Some(mut view), Effect::Deed(door)) => {
                // one that the table does not allow is for the server to refuse
                if let Ok(after) = view.state.on_deed(view.kind, door.deed.kind()) {
                    view.door = Some(DoorView { before: view.state, ..(**door).clone() });
                    view.state = after;
                }
                Some(view)
            }
            (Some(mut view), Effect::UndoDeed(deed)) => {
                if let Some(door) = view.door.take_if(|door| door.id == *deed) {
                    view.state = door.before;
                }
                Some(view)
            }
            (None, Effect::State(_) | Effect::Deed(_) | Effect::UndoDeed(_)) => None,
        })
    }
}
