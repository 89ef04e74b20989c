//! Taking a list: new waybills become parcels, known ones are corrected, equal ones stay.
//!
//! A waybill number is unique in an organisation, so the same list twice, or the same list from two phones, makes no
//! second parcel. A list that names a waybill of another courier of the organisation moves it to the importing courier
//! (the newest list is right); the other phone is told by a tombstone. Bad rows are reported and left out; good rows
//! go in.

use super::rows::{COLUMNS, ParcelRow};
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{Write, all, marks};
use sea_orm::Value;
use std::collections::{HashMap, HashSet};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ImportId;
use waybell_domain::import::Table;
use waybell_domain::parcel::{CallMark, ParcelState, TaskKind, WaybillNo, parcel_id};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ImportReport, ImportedRow, RowProblem};

const CHUNK: usize = 400;
const PROBLEMS_TOLD: usize = 1_000;
const PREVIEW: usize = 20;

/// A row that can be stored.
struct Good {
    waybill_no: String,
    kind: TaskKind,
    name: String,
    phone_key: Option<String>,
    address: String,
    estate: String,
    building: String,
}

/// Takes rows for the courier in `scope`. With `dry_run` nothing is written.
pub async fn take(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    table: Table,
    dry_run: bool,
) -> ApiResult<ImportReport> {
    let Table { rows, mut problems, notes, total } = table;
    let rejected_before = problems.iter().map(|p| p.line).collect::<HashSet<_>>().len() as u32;
    let mut rejected = rejected_before;
    let mut good: Vec<Good> = Vec::with_capacity(rows.len());
    let mut seen: HashMap<String, usize> = HashMap::new();
    for row in &rows {
        match check(row) {
            Ok(g) => match seen.get(&g.waybill_no) {
                // the last row of a waybill in a list is the right one
                Some(&at) => good[at] = g,
                None => {
                    seen.insert(g.waybill_no.clone(), good.len());
                    good.push(g);
                }
            },
            Err(p) => {
                rejected += 1;
                problems.push(p);
            }
        }
    }
    problems.sort_by_key(|p| p.line);
    problems.truncate(PROBLEMS_TOLD);

    let known = known(write, scope, &good).await?;
    let (mut created, mut updated, mut unchanged) = (0, 0, 0);
    let mut fresh: Vec<Vec<Value>> = Vec::new();
    let mut preview = Vec::new();
    for (sequence, g) in good.iter().enumerate() {
        let row = match known.get(&g.waybill_no) {
            None => {
                created += 1;
                let row = new_row(write, scope, now, g, sequence as i64);
                fresh.push(values(scope, now, &row));
                row
            }
            Some(old) if same(old, g, scope) => {
                unchanged += 1;
                old.clone()
            }
            Some(old) => {
                updated += 1;
                correct(write, scope, old, g, dry_run).await?
            }
        };
        if preview.len() < PREVIEW {
            preview.extend(row.view());
        }
    }
    if !dry_run {
        insert(write, &fresh).await?;
    }
    Ok(ImportReport {
        import: (!dry_run).then(|| ImportId::at(now, rand::random())),
        total: total.max(rows.len() as u32),
        created,
        updated,
        unchanged,
        rejected,
        problems,
        notes,
        preview,
    })
}

fn check(row: &ImportedRow) -> Result<Good, RowProblem> {
    let problem = |column: &str, problem: String, hint: &str| RowProblem {
        line: row.line,
        column: column.into(),
        problem,
        hint: hint.into(),
    };
    let waybill = WaybillNo::parse(&row.waybill_no)
        .map_err(|e| problem("waybill_no", e.to_string(), "copy the number from the label"))?;
    let phone = match row.phone.trim() {
        "" => None,
        text => Some(
            PhoneNumber::parse(text).map_err(|e| problem("phone", e.to_string(), "correct the number"))?,
        ),
    };
    let place = waybell_domain::address::split(&row.address);
    Ok(Good {
        waybill_no: waybill.to_string(),
        kind: row.kind.unwrap_or_default(),
        name: clip(row.recipient_name.trim(), 100),
        phone_key: phone.map(|p| p.key()),
        address: clip(row.address.trim(), 500),
        estate: place.estate.unwrap_or_default(),
        building: place.building.unwrap_or_default(),
    })
}

fn clip(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

async fn known(write: &Write, scope: &Scope, good: &[Good]) -> ApiResult<HashMap<String, ParcelRow>> {
    let mut out = HashMap::new();
    for chunk in good.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![scope.organisation.to_string().into()];
        values.extend(chunk.iter().map(|g| Value::from(g.waybill_no.clone())));
        let sql = format!(
            "SELECT {COLUMNS} FROM parcel p WHERE p.organisation_id = $1 AND p.waybill_no IN ({})",
            marks(2, chunk.len())
        );
        for row in all::<ParcelRow, _>(write.tx(), &sql, values).await? {
            out.insert(row.waybill_no.clone(), row);
        }
    }
    Ok(out)
}

fn same(old: &ParcelRow, g: &Good, scope: &Scope) -> bool {
    old.courier_id == scope.person.to_string()
        && old.recipient_name == g.name
        && old.phone_key == g.phone_key
        && old.address == g.address
        && old.kind == g.kind.as_str()
}

fn new_row(write: &Write, scope: &Scope, now: UnixMs, g: &Good, sequence: i64) -> ParcelRow {
    ParcelRow {
        id: parcel_id(scope.organisation, &g.waybill_no).to_string(),
        courier_id: scope.person.to_string(),
        waybill_no: g.waybill_no.clone(),
        kind: g.kind.as_str().into(),
        state: ParcelState::default().as_str().into(),
        recipient_name: g.name.clone(),
        phone_key: g.phone_key.clone(),
        address: g.address.clone(),
        estate: g.estate.clone(),
        building: g.building.clone(),
        mark: CallMark::default().as_str().into(),
        outcome: None,
        preference: None,
        sequence,
        imported_at: now.0,
        rev: write.next_rev(),
    }
}

fn values(scope: &Scope, now: UnixMs, row: &ParcelRow) -> Vec<Value> {
    vec![
        row.id.clone().into(),
        scope.organisation.to_string().into(),
        scope.branch.map(|b| b.to_string()).into(),
        row.courier_id.clone().into(),
        row.waybill_no.clone().into(),
        row.kind.clone().into(),
        row.state.clone().into(),
        row.recipient_name.clone().into(),
        row.phone_key.clone().into(),
        row.address.clone().into(),
        row.estate.clone().into(),
        row.building.clone().into(),
        row.mark.clone().into(),
        row.sequence.into(),
        row.imported_at.into(),
        now.0.into(),
        row.rev.into(),
    ]
}

async fn insert(write: &Write, rows: &[Vec<Value>]) -> ApiResult<()> {
    const WIDTH: usize = 17;
    for chunk in rows.chunks(CHUNK) {
        let tuples: Vec<String> =
            (0..chunk.len()).map(|i| format!("({})", marks(1 + i * WIDTH, WIDTH))).collect();
        let sql = format!(
            "INSERT INTO parcel (id, organisation_id, branch_id, courier_id, waybill_no, kind, state, recipient_name, \
             phone_key, address, estate, building, mark, sequence, imported_at, state_at, rev) VALUES {}",
            tuples.join(",")
        );
        write.exec(&sql, chunk.iter().flatten().cloned()).await?;
    }
    Ok(())
}

/// A known waybill with other data: who, where and whose are corrected; state, mark and history stay.
async fn correct(
    write: &Write,
    scope: &Scope,
    old: &ParcelRow,
    g: &Good,
    dry_run: bool,
) -> ApiResult<ParcelRow> {
    let mut row = old.clone();
    row.courier_id = scope.person.to_string();
    row.kind = g.kind.as_str().into();
    row.recipient_name = g.name.clone();
    row.phone_key = g.phone_key.clone();
    row.address = g.address.clone();
    row.estate = g.estate.clone();
    row.building = g.building.clone();
    if dry_run {
        return Ok(row);
    }
    row.rev = write.next_rev();
    if old.courier_id != row.courier_id {
        write
            .exec(
                "INSERT INTO parcel_gone (parcel_id, courier_id, rev) VALUES ($1, $2, $3) \
                 ON CONFLICT (parcel_id, courier_id) DO UPDATE SET rev = excluded.rev",
                [row.id.clone().into(), old.courier_id.clone().into(), row.rev.into()],
            )
            .await?;
        // a parcel that comes back is a row again, and no longer gone
        write
            .exec(
                "DELETE FROM parcel_gone WHERE parcel_id = $1 AND courier_id = $2",
                [row.id.clone().into(), row.courier_id.clone().into()],
            )
            .await?;
    }
    write
        .exec(
            "UPDATE parcel SET courier_id = $1, kind = $2, recipient_name = $3, phone_key = $4, address = $5, \
             estate = $6, building = $7, rev = $8, branch_id = $9 WHERE id = $10",
            [
                row.courier_id.clone().into(),
                row.kind.clone().into(),
                row.recipient_name.clone().into(),
                row.phone_key.clone().into(),
                row.address.clone().into(),
                row.estate.clone().into(),
                row.building.clone().into(),
                row.rev.into(),
                scope.branch.map(|b| b.to_string()).into(),
                row.id.clone().into(),
            ],
        )
        .await?;
    Ok(row)
}
