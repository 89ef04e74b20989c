//! Importing the day's list, offline.
//!
//! The file is read here by the same rules as on the server, so problems are told at once, by line and column. Good
//! rows are shown and stored with the operation in one transaction; the server makes the same parcels of them, because
//! a parcel's id is derived from organisation and waybill number.

use super::Tasks;
use super::row::GoodRow;
use super::rows::{Writer, find};
use crate::client::random;
use crate::error::{Error, Result};
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use crate::store::seal::Seal;
use rusqlite::Connection;
use std::collections::{BTreeSet, HashMap};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ImportId;
use waybell_domain::import::{Table, read_list};
use waybell_domain::wire::{ActedAt, ImportReport, ImportRequest, ImportedRow, UserView};

/// Problems that a report holds, at most.
const PROBLEMS: usize = 1_000;
/// Rows that a report shows, at most.
const PREVIEW: usize = 20;

impl Tasks {
    /// Imports a file: CSV (UTF-8, UTF-16 or GB18030; any usual separator), XLSX, or a JSON list of objects; the bytes decide,
    /// and the header may use any usual names. With `dry_run` nothing is changed, and the report says what would be.
    ///
    /// # Errors
    /// `BadInput` (`file`, `encoding` or `header`) for a file that is no list; `SignedOut`. Bad rows are no error: they
    /// are in the report, and the good ones go in.
    pub async fn import_csv(&self, bytes: &[u8], dry_run: bool) -> Result<ImportReport> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let bytes = bytes.to_vec();
        let table = tokio::task::spawn_blocking(move || read_list(&bytes))
            .await
            .map_err(Error::storage)?
            .map_err(|e| Error::bad(&e.field, e.problem, e.hint))?;
        self.import_table(user, table, dry_run).await
    }

    async fn import_table(&self, user: UserView, table: Table, dry_run: bool) -> Result<ImportReport> {
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
                    let request =
                        ImportRequest { rows, acted_at: Some(ActedAt { wall: acted.wall, age_ms: None }) };
                    let body = serde_json::to_vec(&request)?;
                    queue::push(t, &seal, &Operation::new(OperationKind::Import, None, body, acted))?;
                    Writer::new(t, &seal)?.recompute(&ids)?;
                }
                Ok(report)
            })
            .await?;
        self.taken();
        Ok(report)
    }
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
    let rejected = problems.iter().map(|p| p.line).collect::<BTreeSet<_>>().len();
    problems.sort_by_key(|p| p.line);
    problems.truncate(PROBLEMS);
    let (mut created, mut updated, mut unchanged) = (0, 0, 0);
    let mut preview = Vec::new();
    let mut ids = Vec::with_capacity(good.len());
    for (sequence, (row, _)) in good.iter().enumerate() {
        let known = find(c, seal, row.id)?.map(|r| r.shown);
        match &known {
            None => created += 1,
            Some(known) if row.same(known, user.id) => unchanged += 1,
            Some(_) => updated += 1,
        }
        if preview.len() < PREVIEW {
            preview.push(row.over(known, sequence as i64, now, user.id));
        }
        ids.push(row.id);
    }
    let report = ImportReport {
        import: None,
        total: table.total,
        created,
        updated,
        unchanged,
        rejected: u32::try_from(rejected).unwrap_or(u32::MAX),
        problems,
        notes: table.notes,
        preview,
    };
    Ok((report, good.into_iter().map(|(_, row)| row).collect(), ids))
}
