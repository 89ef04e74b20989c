//! Taking a list: new waybills become parcels, known ones are corrected, equal ones stay.
//!
//! A waybill number is unique in an organisation, so the same list twice, or the same list from two phones, makes no
//! second parcel. A list that names a waybill of another courier of the organisation moves it to the importing courier
//! (the newest list is right); the other phone is told by a tombstone. What this courier handed over within the last day
//! stays where it is, though: the list that is taken once more is older than the hand-over. Bad rows are reported and
//! left out; good rows go in. A row that is withdrawn takes its parcel off the list (`withdrawn`).
//!
//! A list is written in parts, each a commit of its own, so that the dialler gets its turn between two of them. What a
//! part wrote stays when a later one fails: taking the list again finds those rows unchanged, so it needs no undoing. The
//! answer is kept for `Idempotency-Key` with the last part. The lists of one person are taken one after the other: a
//! copy of a request that is under way waits for it, and then gets its answer.

use super::rows::{COLUMNS, ParcelRow};
use super::withdrawn::{self, By, Word};
use crate::http::error::{ApiError, ApiResult};
use crate::http::once::Once;
use crate::places::Branch;
use crate::store::scope::Scope;
use crate::store::{Store, Write, all, marks};
use axum::http::StatusCode;
use axum::response::Response;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::Mutex;
use waybell_domain::clock::{SECOND, UnixMs};
use waybell_domain::id::ImportId;
use waybell_domain::import::{ListColumns, MOST_ROWS, Place, Table, not_on_list, stays_withdrawn};
use waybell_domain::parcel::{CallMark, ParcelState, TaskKind, WaybillNo, parcel_id};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::track as geo;
use waybell_domain::wire::{ActedAt, ImportReport, ImportRequest, ImportedRow, RowProblem};

/// Rows of a part.
const PART: usize = 500;
const CHUNK: usize = 400;
/// So long a hand-over stands against the giver's lists, ms.
const GIVEN_FOR: i64 = 24 * 3_600 * SECOND;
pub(crate) const PROBLEMS_TOLD: usize = 1_000;
const PREVIEW: usize = 20;
/// Withdrawn rows of others that are named: a list of a whole branch has many.
const ELSEWHERE_TOLD: usize = 20;

/// Who imports, by a hash: two people who share one wait for each other now and then.
static UNDER_WAY: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

/// A row that can be stored.
#[derive(Clone, Debug)]
pub(crate) struct Good {
    line: u32,
    /// Normalised.
    pub(crate) waybill_no: String,
    /// Absent: a new one is to be delivered, a known one stays what it is.
    kind: Option<TaskKind>,
    name: String,
    pub(crate) phone_key: Option<String>,
    /// Keys; absent: those that are known stay as long as the first number is the same.
    more_phones: Option<Vec<String>>,
    address: String,
    estate: String,
    building: String,
    /// As in [`ImportedRow`].
    pub(super) withdrawn: Option<bool>,
    /// Where its building is.
    at: Option<geo::Place>,
    /// It says all of the parcel: what is empty in it is emptied. Otherwise that stays.
    whole: bool,
}

/// A list whose rows were looked at one by one.
pub struct List {
    good: Vec<Good>,
    report: ImportReport,
    /// Columns that somebody named: kept when the list is taken.
    pub(super) confirmed: Option<ListColumns>,
    /// When the person took it, where a phone says so.
    pub(super) acted: Option<ActedAt>,
    /// Rows in the parts before this one, where a list comes in parts.
    first: usize,
}

impl List {
    /// Looks at the rows of a table.
    pub fn of(table: Table) -> List {
        let Table { rows, mut problems, notes, total, headings, columns } = table;
        let mut rejected = problems.iter().map(RowProblem::row).collect::<HashSet<_>>().len() as u32;
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
        problems.sort_by_key(RowProblem::row);
        problems.truncate(PROBLEMS_TOLD);
        let total = total.max(rows.len() as u32);
        let report = ImportReport { total, rejected, problems, notes, headings, columns, ..nothing_yet() };
        List { good, report, confirmed: None, acted: None, first: 0 }
    }

    /// The rows of a request.
    ///
    /// # Errors
    /// More rows than a list may have.
    pub fn of_request(request: ImportRequest) -> ApiResult<List> {
        if request.rows.len() > MOST_ROWS {
            return Err(ApiError::field("rows", format!("has more than {MOST_ROWS}"), "split the list"));
        }
        let (confirmed, acted, first) = (request.columns, request.acted_at, request.first as usize);
        let table = Table { total: request.rows.len() as u32, rows: request.rows, ..Table::default() };
        Ok(List { confirmed, acted, first, ..List::of(table) })
    }

    /// The rows of a file whose columns somebody named.
    pub fn of_named(table: Table) -> List {
        let confirmed = Some(table.confirmed());
        List { confirmed, ..List::of(table) }
    }
}

/// The report of a list of which nothing has been taken.
pub(crate) fn nothing_yet() -> ImportReport {
    ImportReport {
        import: None,
        total: 0,
        created: 0,
        updated: 0,
        unchanged: 0,
        withdrawn: 0,
        rejected: 0,
        problems: Vec::new(),
        notes: Vec::new(),
        headings: Vec::new(),
        columns: Vec::new(),
        preview: Vec::new(),
    }
}

/// What a row of a list comes to.
enum Fate {
    New,
    Corrected,
    Same,
    /// A colleague has it, to whom this courier gave it.
    Given,
    /// It is taken off the list.
    Withdrawn,
    /// It is withdrawn by the list, and is not on the courier's.
    Elsewhere,
}

impl From<bool> for Fate {
    /// Whether a parcel was taken off the list.
    fn from(taken_off: bool) -> Fate {
        if taken_off { Fate::Withdrawn } else { Fate::Same }
    }
}

fn fate(known: &Known, word: Word, g: &Good, scope: &Scope) -> Fate {
    match (word, known.rows.get(&g.waybill_no)) {
        (Word::Withdraw, _) => Fate::Withdrawn,
        (Word::Elsewhere, _) => Fate::Elsewhere,
        (Word::Past, _) => Fate::Same,
        (_, None) => Fate::New,
        (_, Some(old)) if known.given.contains(&old.id) => Fate::Given,
        (Word::Back, _) => Fate::Corrected,
        (_, Some(old)) if same(old, g, scope) => Fate::Same,
        _ => Fate::Corrected,
    }
}

/// Counts a row.
fn tell(report: &mut ImportReport, fate: &Fate, word: Word, g: &Good, row: &ParcelRow) {
    let note = |report: &mut ImportReport, note: RowProblem| {
        if report.notes.len() < PROBLEMS_TOLD {
            report.notes.push(note);
        }
    };
    if word == Word::Stays {
        note(report, stays_withdrawn(g.line, &g.waybill_no));
    }
    match fate {
        Fate::New => report.created += 1,
        Fate::Corrected => report.updated += 1,
        Fate::Same => report.unchanged += 1,
        Fate::Given => {
            report.unchanged += 1;
            let told = format!("{} was handed to a colleague and stays there", g.waybill_no);
            let hint = "ask the colleague to hand it back";
            return note(report, Place::line(g.line).problem("waybill_no", told, hint));
        }
        Fate::Withdrawn => report.withdrawn += 1,
        Fate::Elsewhere => {
            report.unchanged += 1;
            if report.notes.len() < ELSEWHERE_TOLD {
                note(report, not_on_list(g.line, &g.waybill_no));
            }
            return;
        }
    }
    if report.preview.len() < PREVIEW {
        report.preview.extend(row.view());
    }
}

/// What taking the list for the courier in `scope` would do. Nothing is written.
pub async fn examine<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    now: UnixMs,
    list: List,
) -> ApiResult<ImportReport> {
    let List { good, mut report, first, .. } = list;
    for (n, part) in good.chunks(PART).enumerate() {
        let known = known(db, scope, now, part).await?;
        for (i, g) in part.iter().enumerate() {
            let old = known.rows.get(&g.waybill_no);
            let word = withdrawn::word(old, g, scope);
            let fate = fate(&known, word, g, scope);
            let row = row(scope, now, old, g, (first + n * PART + i) as i64, 0);
            tell(&mut report, &fate, word, g, &row);
        }
    }
    Ok(report)
}

/// Takes a list for the courier in `scope`, once.
///
/// `acted` is when the person took it.
pub async fn take(
    store: &Store,
    scope: &Scope,
    (now, acted): (UnixMs, UnixMs),
    list: List,
    once: Once,
) -> ApiResult<Response> {
    let mut hasher = DefaultHasher::new();
    scope.person.hash(&mut hasher);
    let _alone = UNDER_WAY[(hasher.finish() % 64) as usize].lock().await;
    let List { good, mut report, confirmed, first, .. } = list;
    report.import = Some(ImportId::at(now, rand::random()));
    let mut parts: Vec<&[Good]> = good.chunks(PART).collect();
    let last = parts.pop().unwrap_or_default();
    let mut at = first;
    for (n, part) in parts.into_iter().enumerate() {
        let write = store.begin().await?;
        if n == 0
            && let Some(answer) = once.before(&write, scope).await?
        {
            return Ok(answer);
        }
        take_part(&write, scope, (now, acted), part, at, By::List, &mut report).await?;
        write.commit().await?;
        at += part.len();
        tokio::task::yield_now().await;
    }
    let write = store.begin().await?;
    if let Some(answer) = once.before(&write, scope).await? {
        return Ok(answer);
    }
    take_part(&write, scope, (now, acted), last, at, By::List, &mut report).await?;
    if let Some(columns) = confirmed {
        super::columns::remember(&write, scope, now, columns).await?;
    }
    once.commit(write, scope, now, StatusCode::OK, &report).await
}

/// Takes some rows, no waybill twice, the first of which is the `at`th of the list, from 0. `acted` is when the person took
/// the list, `by` what brings them.
pub(crate) async fn take_part(
    write: &Write,
    scope: &Scope,
    (now, acted): (UnixMs, UnixMs),
    part: &[Good],
    at: usize,
    by: By,
    report: &mut ImportReport,
) -> ApiResult<()> {
    let known = known(write.tx(), scope, now, part).await?;
    let mut fresh: Vec<Vec<Value>> = Vec::new();
    let mut told: Vec<(String, geo::Place)> = Vec::new();
    for (i, g) in part.iter().enumerate() {
        let old = known.rows.get(&g.waybill_no);
        let word = withdrawn::word(old, g, scope);
        let mut fate = fate(&known, word, g, scope);
        let rev =
            if matches!(fate, Fate::Same | Fate::Withdrawn | Fate::Elsewhere) { 0 } else { write.next_rev() };
        let row = row(scope, now, old, g, (at + i) as i64, rev);
        // a list that was taken before the parcel was withdrawn brings nothing back
        if let (Word::Back, Fate::Corrected, Some(old)) = (word, &fate, old)
            && !withdrawn::bring_back(write, scope.organisation, &old.id, acted, by).await?
        {
            fate = Fate::Same;
        }
        match (&fate, old) {
            (Fate::Corrected, Some(old)) => correct(write, scope, old, &row).await?,
            // `false`: the courier has done something with it since the list was taken
            (Fate::Withdrawn, Some(old)) => {
                fate = withdrawn::withdraw(write, scope.organisation, &old.id, acted, by).await?.into();
            }
            (Fate::New, _) => fresh.push(values(scope, &row)),
            // the phone shows what it has on its list until it is told otherwise
            (Fate::Given, Some(old)) => gone(write, &old.id, &scope.person.to_string(), rev).await?,
            _ => {}
        }
        if let (Some(at), Fate::New | Fate::Corrected | Fate::Same) = (g.at, &fate) {
            told.push((row.address.clone(), at));
        }
        tell(report, &fate, word, g, &row);
    }
    crate::places::take_told(write, &Branch::of(scope), now, &told).await?;
    insert(write, &fresh).await
}

/// Looks at one row.
pub(crate) fn check(row: &ImportedRow) -> Result<Good, RowProblem> {
    let problem =
        |column: &str, problem: String, hint: &str| Place::line(row.line).problem(column, problem, hint);
    let waybill = WaybillNo::parse(&row.waybill_no)
        .map_err(|e| problem("waybill_no", e.to_string(), "copy the number from the label"))?;
    let (phone, more) = row.phones().map_err(|e| problem("phone", e.to_string(), "correct the number"))?;
    let place = waybell_domain::address::split(&row.address);
    Ok(Good {
        line: row.line,
        waybill_no: waybill.to_string(),
        kind: row.kind,
        name: clip(row.recipient_name.trim(), 100),
        phone_key: phone.map(|p| p.key()),
        more_phones: more.map(|more| more.iter().map(PhoneNumber::key).collect()),
        address: clip(row.address.trim(), 500),
        estate: place.estate.unwrap_or_default(),
        building: place.building.unwrap_or_default(),
        withdrawn: row.withdrawn,
        at: row.at.filter(|at| crate::places::is_place(*at)),
        whole: false,
    })
}

fn clip(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// What is stored of some rows' waybills, by waybill number.
#[derive(Default)]
struct Known {
    rows: HashMap<String, ParcelRow>,
    /// Ids of those that this courier has handed over, and that are not back.
    given: HashSet<String>,
}

#[derive(FromQueryResult)]
struct GivenRow {
    parcel_id: String,
}

async fn known<C: ConnectionTrait>(db: &C, scope: &Scope, now: UnixMs, good: &[Good]) -> ApiResult<Known> {
    let mut known = Known::default();
    for chunk in good.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![scope.organisation.to_string().into()];
        values.extend(chunk.iter().map(|g| Value::from(g.waybill_no.clone())));
        let sql = format!(
            "SELECT {COLUMNS} FROM parcel p WHERE p.organisation_id = $1 AND p.waybill_no IN ({})",
            marks(2, chunk.len())
        );
        for row in all::<ParcelRow, _>(db, &sql, values).await? {
            known.rows.insert(row.waybill_no.clone(), row);
        }
    }
    let me = scope.person.to_string();
    let theirs: Vec<&str> =
        known.rows.values().filter(|row| row.courier_id != me).map(|row| row.id.as_str()).collect();
    for chunk in theirs.chunks(CHUNK) {
        let mut values: Vec<Value> = vec![me.clone().into(), (now.0 - GIVEN_FOR).into()];
        values.extend(chunk.iter().map(|id| Value::from(*id)));
        let sql = format!(
            "SELECT parcel_id FROM handed_over WHERE from_id = $1 AND at > $2 AND parcel_id IN ({})",
            marks(3, chunk.len())
        );
        let rows = all::<GivenRow, _>(db, &sql, values).await?;
        known.given.extend(rows.into_iter().map(|row| row.parcel_id));
    }
    Ok(known)
}

fn same(old: &ParcelRow, g: &Good, scope: &Scope) -> bool {
    old.courier_id == scope.person.to_string()
        && (g.leaves(&g.name) || old.recipient_name == g.name)
        && (g.leaves(g.phone_key.as_deref().unwrap_or_default())
            || old.phone_key == g.phone_key && g.more_phones.as_ref().is_none_or(|more| old.more().eq(more)))
        && (g.leaves(&g.address) || old.address == g.address)
        && old.kind == g.kind_after(old)
}

impl Good {
    /// The same as a record that says all of its parcel: what is empty in it is emptied.
    pub(crate) fn whole(self) -> Good {
        Good { whole: true, ..self }
    }

    /// Whether the row leaves what is known where this is what it says.
    fn leaves(&self, said: &str) -> bool {
        !self.whole && said.is_empty()
    }

    fn kind_after<'a>(&self, old: &'a ParcelRow) -> &'a str {
        match self.kind {
            None if !self.whole && !old.kind.is_empty() => &old.kind,
            kind => kind.unwrap_or_default().as_str(),
        }
    }
}

/// The row as it is after the import: new, or the known one with what the list says. `rev` 0 leaves that of a known one.
fn row(scope: &Scope, now: UnixMs, old: Option<&ParcelRow>, g: &Good, sequence: i64, rev: i64) -> ParcelRow {
    let row = old.cloned().unwrap_or_else(|| ParcelRow {
        id: parcel_id(scope.organisation, &g.waybill_no).to_string(),
        courier_id: String::new(),
        waybill_no: g.waybill_no.clone(),
        kind: String::new(),
        state: ParcelState::default().as_str().into(),
        recipient_name: String::new(),
        phone_key: None,
        phone_key_2: None,
        phone_key_3: None,
        address: String::new(),
        estate: String::new(),
        building: String::new(),
        mark: CallMark::default().as_str().into(),
        outcome: None,
        preference: None,
        door: None,
        sequence,
        imported_at: now.0,
        rev,
    });
    if g.withdrawn == Some(true) {
        return ParcelRow { state: ParcelState::Withdrawn.as_str().into(), ..row };
    }
    let back = g.withdrawn == Some(false) && row.state == ParcelState::Withdrawn.as_str();
    if old.is_some_and(|old| same(old, g, scope)) && !back {
        return row;
    }
    let kind = g.kind_after(&row).to_owned();
    let place = !g.leaves(&g.address);
    let phones = !g.leaves(g.phone_key.as_deref().unwrap_or_default());
    let same_phone = row.phone_key == g.phone_key;
    let more = |n: usize, known: Option<String>| match &g.more_phones {
        _ if !phones => known,
        Some(more) => more.get(n).cloned(),
        None => known.filter(|_| same_phone),
    };
    ParcelRow {
        courier_id: scope.person.to_string(),
        state: if back { ParcelState::default().as_str().into() } else { row.state },
        kind,
        recipient_name: if g.leaves(&g.name) { row.recipient_name } else { g.name.clone() },
        phone_key: if phones { g.phone_key.clone() } else { row.phone_key },
        phone_key_2: more(0, row.phone_key_2),
        phone_key_3: more(1, row.phone_key_3),
        address: if place { g.address.clone() } else { row.address },
        estate: if place { g.estate.clone() } else { row.estate },
        building: if place { g.building.clone() } else { row.building },
        rev: if rev == 0 { row.rev } else { rev },
        ..row
    }
}

fn values(scope: &Scope, row: &ParcelRow) -> Vec<Value> {
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
        row.phone_key_2.clone().into(),
        row.phone_key_3.clone().into(),
        row.address.clone().into(),
        row.estate.clone().into(),
        row.building.clone().into(),
        row.mark.clone().into(),
        row.sequence.into(),
        row.imported_at.into(),
        // nobody has done anything with it; what a courier did offline before the list arrived counts (see `state`)
        0i64.into(),
        row.rev.into(),
    ]
}

async fn insert(write: &Write, rows: &[Vec<Value>]) -> ApiResult<()> {
    const WIDTH: usize = 19;
    for chunk in rows.chunks(CHUNK) {
        let tuples: Vec<String> =
            (0..chunk.len()).map(|i| format!("({})", marks(1 + i * WIDTH, WIDTH))).collect();
        let sql = format!(
            "INSERT INTO parcel (id, organisation_id, branch_id, courier_id, waybill_no, kind, state, recipient_name, \
             phone_key, phone_key_2, phone_key_3, address, estate, building, mark, sequence, imported_at, state_at, rev) VALUES {}",
            tuples.join(",")
        );
        write.exec(&sql, chunk.iter().flatten().cloned()).await?;
    }
    Ok(())
}

/// Tells a courier's phones that a parcel is not on their list.
pub(super) async fn gone(write: &Write, parcel: &str, courier: &str, rev: i64) -> ApiResult<()> {
    let sql = "INSERT INTO parcel_gone (parcel_id, courier_id, rev) VALUES ($1, $2, $3) \
               ON CONFLICT (parcel_id, courier_id) DO UPDATE SET rev = excluded.rev";
    write.exec(sql, [parcel.into(), courier.into(), rev.into()]).await?;
    Ok(())
}

/// A known waybill with other data: who, where and whose are corrected; state, mark and history stay.
async fn correct(write: &Write, scope: &Scope, old: &ParcelRow, row: &ParcelRow) -> ApiResult<()> {
    if old.courier_id != row.courier_id {
        gone(write, &row.id, &old.courier_id, row.rev).await?;
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
             estate = $6, building = $7, rev = $8, branch_id = $9, phone_key_2 = $10, phone_key_3 = $11 WHERE id = $12",
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
                row.phone_key_2.clone().into(),
                row.phone_key_3.clone().into(),
                row.id.clone().into(),
            ],
        )
        .await?;
    Ok(())
}
