//! Importing the day's list, offline.
//!
//! The file is read here by the same rules as on the server, so problems are told at once, by line and column. Good
//! rows are shown and stored with the operations in one transaction; the server makes the same parcels of them, because
//! a parcel's id is derived from organisation and waybill number.
//!
//! A long list leaves in parts, each an operation and a request of its own: what arrived stays when the network goes, no
//! request takes longer than a phone waits for an answer, and [`Tasks::importing`] tells how far it is.

use super::Tasks;
use super::row::GoodRow;
use super::rows::{Writer, find};
use crate::client::random;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::notify::rows::POLICY;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ImportId;
use waybell_domain::import::{
    Choice, Field, ListColumns, Table, TableError, not_on_list, read_list_with, stays_withdrawn,
};
use waybell_domain::parcel::ParcelState;
use waybell_domain::track::coordinates::Datum;
use waybell_domain::wire::{
    ActedAt, ImportReport, ImportRequest, ImportedRow, ParcelView, PolicyView, RowProblem, UserView,
};

/// Problems that a report holds, at most.
const PROBLEMS: usize = 1_000;
/// Rows that a report shows, at most.
const PREVIEW: usize = 20;
/// Rows that one request carries: about 400 kB, and a second or two of the server's time where that is slow.
const PART: usize = 2_000;

/// How far a list is on its way to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Importing {
    /// Rows that the server has.
    pub sent: u32,
    /// Rows of the list that can be taken.
    pub total: u32,
}

/// Of an operation of an import, what [`Importing`] needs.
#[derive(serde::Deserialize)]
struct Part {
    #[serde(default)]
    first: u32,
    of: Option<u32>,
    #[serde(default)]
    rows: Vec<serde::de::IgnoredAny>,
}

impl Tasks {
    /// Imports a file: CSV (UTF-8, UTF-16 or GB18030; any usual separator), XLSX, or a JSON list of objects; the bytes decide,
    /// and the header may use any usual names. With `dry_run` nothing is changed, and the report says what would be.
    ///
    /// # Errors
    /// `BadInput` (`file`, `encoding` or `header`) for a file that is no list; `SignedOut`. Bad rows are no error: they
    /// are in the report, and the good ones go in.
    pub async fn import_csv(&self, bytes: &[u8], dry_run: bool) -> Result<ImportReport> {
        self.import_list(bytes, BTreeMap::new(), dry_run).await
    }

    /// The same, with columns that the person names: a heading, `#3` for the third column, or nothing where the list has none.
    /// They are remembered for the branch's lists with the same header; those that are not named are read as they were
    /// confirmed before, or guessed. The report says which column was taken, and why.
    ///
    /// # Errors
    /// As [`Tasks::import_csv`]; `BadInput` (`columns`) for a column that the list does not have.
    pub async fn import_list(
        &self,
        bytes: &[u8],
        columns: BTreeMap<Field, String>,
        dry_run: bool,
    ) -> Result<ImportReport> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        waybell_domain::import::small_enough(bytes.len())
            .map_err(|e| Error::bad(&e.field, e.problem, e.hint))?;
        let bytes = bytes.to_vec();
        let choice = Choice { named: columns, remembered: self.columns()?, datum: self.list_datum()? };
        let (table, confirmed) = tokio::task::spawn_blocking(move || {
            let table = read_list_with(&bytes, &choice)?;
            let confirmed = (!choice.named.is_empty()).then(|| table.confirmed());
            Ok((table, confirmed))
        })
        .await
        .map_err(Error::storage)?
        .map_err(|e: TableError| Error::bad(&e.field, e.problem, e.hint))?;
        self.import_table(user, table, confirmed, dry_run).await
    }

    /// How far the oldest list is that the server does not have whole; `None` when all have arrived. Reads a part of the list
    /// from the store: a few milliseconds.
    ///
    /// # Errors
    /// `Storage`.
    pub fn importing(&self) -> Result<Option<Importing>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read_now(move |c| {
            let Some(operation) = queue::next_of(c, &seal, OperationKind::Import)? else { return Ok(None) };
            let part: Part = serde_json::from_slice(&operation.body)?;
            let total = part.of.unwrap_or(part.rows.len() as u32);
            Ok(Some(Importing { sent: part.first, total }))
        })
    }

    /// Columns of lists that were confirmed in this person's branch, as far as this phone has heard.
    ///
    /// # Errors
    /// `Storage`.
    pub fn columns(&self) -> Result<Vec<ListColumns>> {
        Ok(self.client.notify().policy()?.map(|rules| rules.list_columns).unwrap_or_default())
    }

    fn list_datum(&self) -> Result<Option<Datum>> {
        Ok(self.client.notify().policy()?.map(|rules| rules.policy.list_datum))
    }

    /// Forgets the columns of lists with this shape of header, for the whole branch; asks the server.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn forget_columns(&self, shape: &str) -> Result<()> {
        let inner = &self.client.inner;
        let request = Request {
            method: reqwest::Method::DELETE,
            ..Request::get(format!("/api/v1/list-columns/{shape}"))
        };
        inner.ask_bytes(&inner.sign_in()?, &request).await?;
        // here at once, on the other phones of the branch with their next sync
        let (seal, shape) = (inner.store.seal.clone(), shape.to_owned());
        let forget = move |t: &rusqlite::Transaction<'_>| {
            let Some(mut rules) = sealed_meta::<PolicyView>(t, &seal, POLICY)? else { return Ok(()) };
            rules.list_columns.retain(|known| known.shape != shape);
            set_sealed_meta(t, &seal, POLICY, &rules)
        };
        inner.store.write(forget).await
    }

    async fn import_table(
        &self,
        user: UserView,
        table: Table,
        confirmed: Option<ListColumns>,
        dry_run: bool,
    ) -> Result<ImportReport> {
        let inner = &self.client.inner;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        if dry_run {
            return inner.store.read(move |c| Ok(examine(c, &seal, &user, table, acted.wall)?.0)).await;
        }
        let report = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let (mut report, rows, ids) = examine(t, &seal, &user, table, acted.wall)?;
                report.import = Some(ImportId::at(acted.wall, random()));
                if !rows.is_empty() {
                    if let Some(columns) = &confirmed {
                        know(t, &seal, columns)?;
                    }
                    for request in parts(rows, acted.wall, confirmed) {
                        let body = serde_json::to_vec(&request)?;
                        let operation = Operation::new(OperationKind::Import, None, body, acted.clone());
                        queue::push(t, &seal, &operation)?;
                    }
                    Writer::new(t, &seal)?.recompute(&ids)?;
                }
                Ok(report)
            })
            .await?;
        self.taken();
        Ok(report)
    }
}

/// The requests that bring these rows to the server, in order.
fn parts(
    rows: Vec<ImportedRow>,
    acted: UnixMs,
    mut confirmed: Option<ListColumns>,
) -> impl Iterator<Item = ImportRequest> {
    let whole = rows.len();
    let of = (whole > PART).then(|| u32::try_from(whole).unwrap_or(u32::MAX));
    let (mut rows, mut first) = (rows.into_iter(), 0);
    std::iter::from_fn(move || {
        let part: Vec<ImportedRow> = rows.by_ref().take(PART).collect();
        let before = first;
        first += part.len();
        (!part.is_empty()).then(|| ImportRequest {
            // kept when the list is whole
            columns: confirmed.take_if(|_| first == whole),
            acted_at: Some(ActedAt { wall: acted, age_ms: None }),
            first: u32::try_from(before).unwrap_or(u32::MAX),
            of,
            rows: part,
        })
    })
}

/// Columns that were confirmed here hold at once, before the server tells all phones of them.
fn know(c: &Connection, seal: &Seal, columns: &ListColumns) -> Result<()> {
    let Some(mut rules) = sealed_meta::<PolicyView>(c, seal, POLICY)? else { return Ok(()) };
    rules.list_columns.retain(|known| known.shape != columns.shape);
    rules.list_columns.insert(0, columns.clone());
    set_sealed_meta(c, seal, POLICY, &rules)
}

type Examined = (ImportReport, Vec<ImportedRow>, Vec<waybell_domain::id::ParcelId>);

/// What the list does to what is known: the report, the rows to send, their parcels.
fn examine(c: &Connection, seal: &Seal, user: &UserView, table: Table, now: UnixMs) -> Result<Examined> {
    let mut problems = table.problems;
    let mut good: Vec<(GoodRow, ImportedRow)> = Vec::with_capacity(table.rows.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in table.rows {
        match GoodRow::check(user.organisation, &row) {
            Ok(checked) => match seen.get(&checked.waybill_no) {
                // the last row of a waybill in a list is the right one
                Some(&at) => good[at] = (checked, row),
                None => {
                    seen.insert(checked.waybill_no.clone(), good.len());
                    good.push((checked, row));
                }
            },
            Err(problem) => problems.push(problem),
        }
    }
    let rejected = problems.iter().map(RowProblem::row).collect::<BTreeSet<_>>().len();
    problems.sort_by_key(RowProblem::row);
    problems.truncate(PROBLEMS);
    let (mut created, mut updated, mut unchanged, mut withdrawn) = (0, 0, 0, 0);
    let mut notes = table.notes;
    let mut preview = Vec::new();
    let mut ids = Vec::with_capacity(good.len());
    for (sequence, (row, listed)) in good.iter().enumerate() {
        let known = find(c, seal, row.id)?.map(|r| r.shown);
        match &known {
            Some(known) if row.withdraws(known, user.id) => withdrawn += 1,
            Some(known) if row.withdrawn == Some(true) && known.courier == user.id => unchanged += 1,
            _ if row.withdrawn == Some(true) => {
                unchanged += 1;
                if notes.len() < PREVIEW {
                    notes.push(not_on_list(listed.line, &row.waybill_no));
                }
            }
            None => created += 1,
            Some(known) if row.same(known, user.id) => unchanged += 1,
            Some(_) => updated += 1,
        }
        let stays = |known: &ParcelView| known.state == ParcelState::Withdrawn && row.withdrawn.is_none();
        if known.as_ref().is_some_and(stays) {
            notes.push(stays_withdrawn(listed.line, &row.waybill_no));
        }
        if preview.len() < PREVIEW {
            preview.extend(row.over(known, sequence as i64, now, user.id));
        }
        ids.push(row.id);
    }
    notes.truncate(PROBLEMS);
    let report = ImportReport {
        import: None,
        total: table.total,
        created,
        updated,
        unchanged,
        withdrawn,
        rejected: u32::try_from(rejected).unwrap_or(u32::MAX),
        problems,
        notes,
        headings: table.headings,
        columns: table.columns,
        preview,
    };
    Ok((report, good.into_iter().map(|(_, row)| row).collect(), ids))
}
