//! Days, computed from what is stored.

use super::take::read;
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::store::all;
use crate::store::scope::Scope;
use crate::tracks::{LocalDay, Person};
use chrono::{Datelike, NaiveDate};
use sea_orm::{DatabaseConnection, FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::attendance::{FieldPolicy, LeaveKind, Span};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::{BranchId, OperationId, UserId};
use waybell_domain::lang::Lang;
use waybell_domain::sheet::plain;
use waybell_domain::wire::{AttendanceDay, Attendee, CorrectionView, PunchView};

#[derive(FromQueryResult)]
struct PunchRow {
    courier_id: String,
    view: String,
}

#[derive(FromQueryResult)]
pub(super) struct CorrectionRow {
    pub courier_id: String,
    pub id: String,
    pub day: String,
    pub what: String,
    pub reason: String,
    pub made_by: String,
    pub at: i64,
}

impl CorrectionRow {
    pub(super) fn view(self) -> Option<CorrectionView> {
        Some(CorrectionView {
            id: OperationId::parse(&self.id).ok()?,
            day: self.day,
            correction: serde_json::from_str(&self.what).ok()?,
            reason: self.reason,
            by: UserId::parse(&self.made_by).ok()?,
            at: UnixMs(self.at),
        })
    }
}

#[derive(FromQueryResult)]
struct PersonRow {
    id: String,
    name: String,
    branch_id: Option<String>,
}

/// What the days of some people are computed from.
struct Facts {
    rules: FieldPolicy,
    punches: HashMap<UserId, Vec<PunchView>>,
    corrections: HashMap<(UserId, String), Vec<CorrectionView>>,
    leaves: HashMap<UserId, Vec<(LeaveKind, Span)>>,
}

/// The days of these people, person by person, from the first date to the last.
pub(super) async fn days(
    app: &App,
    scope: &Scope,
    people: &[Person],
    first: &LocalDay,
    last: &LocalDay,
) -> ApiResult<Vec<AttendanceDay>> {
    let db = app.store.read();
    let facts = facts(db, scope, people, first, last).await?;
    let now = app.clock.now();
    let mut found = Vec::new();
    for person in people {
        let attendee = Attendee {
            courier: person.id,
            name: &person.name,
            branch: person.branch.as_deref().and_then(|b| BranchId::parse(b).ok()),
            rules: &facts.rules,
            leaves: facts.leaves.get(&person.id).map_or(&[][..], Vec::as_slice),
            zone: first.zone,
        };
        let own = facts.punches.get(&person.id).map_or(&[][..], Vec::as_slice);
        for date in first.date.iter_days().take_while(|d| *d <= last.date) {
            let corrections =
                facts.corrections.get(&(person.id, date.to_string())).cloned().unwrap_or_default();
            found.push(attendee.day(date, own, corrections, now));
        }
    }
    Ok(found)
}

async fn facts(
    db: &DatabaseConnection,
    scope: &Scope,
    people: &[Person],
    first: &LocalDay,
    last: &LocalDay,
) -> ApiResult<Facts> {
    let rules: FieldPolicy = super::rules::in_force(db, scope.organisation).await?;
    let one = match people {
        [one] => one.id.to_string(),
        _ => String::new(),
    };
    // shifts of the last day may end on the next
    let within = Span { from: first.from, to: last.to + 2 * DAY };
    let leaves = crate::leaves::approved(db, scope, &one, within).await?;
    let (filter, mut values) = scope.filter("p", 1);
    let n = values.len();
    // windows reach into the days around
    values.extend([Value::from(first.from.0 - DAY), (last.to.0 + 2 * DAY).into(), one.clone().into()]);
    let sql = format!(
        "SELECT p.courier_id, p.view FROM punch p WHERE {filter} AND p.acted_at >= ${} AND p.acted_at < ${} \
         AND (${who} = '' OR p.courier_id = ${who}) ORDER BY p.acted_at, p.id",
        n + 1,
        n + 2,
        who = n + 3
    );
    let mut punches: HashMap<UserId, Vec<PunchView>> = HashMap::new();
    for row in all::<PunchRow, _>(db, &sql, values).await? {
        if let (Ok(id), Ok(view)) = (UserId::parse(&row.courier_id), read(&row.view)) {
            punches.entry(id).or_default().push(view);
        }
    }
    let (filter, mut values) = scope.filter("p", 1);
    let n = values.len();
    values.extend([Value::from(first.name.clone()), last.name.clone().into(), one.into()]);
    let sql = format!(
        "SELECT p.courier_id, p.id, p.day, p.what, p.reason, p.made_by, p.at FROM punch_correction p WHERE {filter} \
         AND p.day >= ${} AND p.day <= ${} AND (${who} = '' OR p.courier_id = ${who}) ORDER BY p.at, p.id",
        n + 1,
        n + 2,
        who = n + 3
    );
    let mut corrections: HashMap<(UserId, String), Vec<CorrectionView>> = HashMap::new();
    for row in all::<CorrectionRow, _>(db, &sql, values).await? {
        let Ok(id) = UserId::parse(&row.courier_id) else { continue };
        if let Some(view) = row.view() {
            corrections.entry((id, view.day.clone())).or_default().push(view);
        }
    }
    Ok(Facts { rules, punches, corrections, leaves })
}

/// The couriers of a branch, or of all that the asker sees.
pub(super) async fn couriers(
    db: &DatabaseConnection,
    scope: &Scope,
    branch: Option<BranchId>,
) -> ApiResult<Vec<Person>> {
    let all_branches = scope.role.is_administrator() || scope.branch.is_none();
    let of = branch.or(scope.branch.filter(|_| !all_branches)).map(|b| b.to_string()).unwrap_or_default();
    let sql = "SELECT id, name, branch_id FROM person WHERE organisation_id = $1 AND active = 1 AND role = 'courier' \
               AND ($2 = '' OR branch_id = $2) ORDER BY name, id";
    let rows: Vec<PersonRow> = all(db, sql, [scope.organisation.to_string().into(), of.into()]).await?;
    let person =
        |r: PersonRow| Some(Person { id: UserId::parse(&r.id).ok()?, name: r.name, branch: r.branch_id });
    Ok(rows.into_iter().filter_map(person).collect())
}

/// First and last day of a month (`YYYY-MM`), the last no later than today; this month where none is given.
pub(super) fn month(asked: Option<&str>, today: &LocalDay) -> ApiResult<(String, LocalDay, LocalDay)> {
    let text = asked.map_or_else(|| today.name.get(..7).unwrap_or_default().to_owned(), str::to_owned);
    let wrong = || ApiError::field("month", "is no month", "write it like 2026-03");
    let first: NaiveDate = format!("{text}-01").parse().map_err(|_| wrong())?;
    if !(2_000..=9_999).contains(&first.year()) || text.len() != 7 {
        return Err(wrong());
    }
    let next = first.checked_add_months(chrono::Months::new(1)).ok_or_else(wrong)?;
    let last = next.pred_opt().ok_or_else(wrong)?.min(today.date).max(first);
    Ok((text, LocalDay::of(first, today.zone), LocalDay::of(last, today.zone)))
}

/// The days as CSV for a spreadsheet: UTF-8 with a byte order mark, one line a day.
pub(super) fn csv(days: &[AttendanceDay], zone: chrono_tz::Tz, lang: Lang) -> Result<Vec<u8>, csv::Error> {
    let head = match lang {
        Lang::Zh => [
            "日期",
            "姓名",
            "应上班",
            "应下班",
            "上班打卡",
            "下班打卡",
            "工时（分钟）",
            "迟到（分钟）",
            "早退（分钟）",
            "状态",
            "缺卡",
            "补正",
            "请假（分钟）",
            "请假类型",
        ],
        Lang::En => [
            "day",
            "name",
            "planned from",
            "planned to",
            "clock in",
            "clock out",
            "worked (minutes)",
            "late (minutes)",
            "early (minutes)",
            "state",
            "missing",
            "corrections",
            "leave (minutes)",
            "kind of leave",
        ],
    };
    let row = |day: &AttendanceDay| {
        let sheet = &day.sheet;
        let time = |at: Option<UnixMs>| at.map(|t| t.hh_mm(zone)).unwrap_or_default();
        let minutes = |ms: i64| (ms / 60_000).to_string();
        let join = |words: Vec<&str>| words.join(lang.pick("、", ", "));
        let reasons: Vec<String> = day.corrections.iter().map(|c| c.reason.clone()).collect();
        vec![
            day.day.clone(),
            plain(&day.name),
            time(sheet.planned.map(|s| s.from)),
            time(sheet.planned.map(|s| s.to)),
            time(sheet.clock_in),
            time(sheet.clock_out),
            minutes(sheet.worked_ms),
            minutes(sheet.late_ms),
            minutes(sheet.early_ms),
            join(sheet.states.iter().map(|s| s.label(lang)).collect()),
            join(sheet.missing.iter().map(|k| k.label(lang)).collect()),
            plain(&reasons.join("; ")),
            minutes(sheet.leave_ms),
            join(day.leaves.iter().map(|k| k.label(lang)).collect()),
        ]
    };
    let head = head.map(str::to_owned).to_vec();
    waybell_domain::sheet::csv(std::iter::once(head).chain(days.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months() {
        let day = |d: &str| LocalDay::of(d.parse().unwrap(), chrono_tz::Asia::Shanghai);
        let today = day("2026-03-20");
        let of = |asked: Option<&str>| month(asked, &today).map(|(m, a, b)| (m, a.name, b.name)).ok();
        let three = |a: &str, b: &str, c: &str| Some((a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(of(None), three("2026-03", "2026-03-01", "2026-03-20"));
        assert_eq!(of(Some("2026-02")), three("2026-02", "2026-02-01", "2026-02-28"));
        assert_eq!(of(Some("2026-04")), three("2026-04", "2026-04-01", "2026-04-01"));
        for bad in ["2026-13", "2026", "26-01", "2026-1", "1999-12", "9999-12-01"] {
            assert_eq!(of(Some(bad)), None, "{bad}");
        }
    }
}
