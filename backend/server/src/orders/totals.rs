//! What orders of a time came to, by week, month or year, with the departments and people whom they were dispatched to; and the
//! file of what was found.

use super::rights::filter;
use super::rows::{COLUMNS, FROM, Row, Rules};
use crate::http::error::{ApiError, ApiResult};
use crate::store::all;
use crate::store::scope::Scope;
use chrono::{Datelike, NaiveDate};
use sea_orm::{DatabaseConnection, Value};
use std::collections::BTreeMap;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::lang::Lang;
use waybell_domain::order::OrderMark;
use waybell_domain::sheet::{csv, plain};
use waybell_domain::wire::{DispatchTotals, OrderTotals, OrderView};

/// The longest time that is summed up, ms.
const LONGEST: i64 = 3_700 * DAY;

/// By what orders are summed up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum By {
    Week,
    Month,
    Year,
}

impl By {
    pub(super) fn parse(word: Option<&str>) -> ApiResult<By> {
        match word.unwrap_or("month") {
            "week" => Ok(By::Week),
            "month" => Ok(By::Month),
            "year" => Ok(By::Year),
            _ => Err(ApiError::field("by", "there is no such period", "write week, month or year")),
        }
    }

    fn of(self, date: NaiveDate) -> String {
        let week = date.iso_week();
        match self {
            By::Week => format!("{}-W{:02}", week.year(), week.week()),
            By::Month => format!("{}-{:02}", date.year(), date.month()),
            By::Year => date.year().to_string(),
        }
    }

    /// The beginning of a dozen periods, or of three years, before `now`.
    fn usual(self, now: UnixMs) -> UnixMs {
        now - match self {
            By::Week => 84 * DAY,
            By::Month => 365 * DAY,
            By::Year => 1_095 * DAY,
        }
    }
}

#[derive(Clone, Copy, Default)]
struct Sum {
    orders: u32,
    done: u32,
    overdue: u32,
    warning: u32,
    urges: u32,
}

impl Sum {
    fn add(&mut self, done: bool, mark: OrderMark, urges: u32) {
        self.orders += 1;
        self.done += u32::from(done);
        self.overdue += u32::from(mark == OrderMark::Overdue);
        self.warning += u32::from(mark == OrderMark::Warning && !done);
        self.urges += urges;
    }
}

#[derive(Default)]
struct Period {
    all: Sum,
    departments: BTreeMap<String, Sum>,
    handlers: BTreeMap<String, (String, Sum)>,
}

/// Sums up the orders opened from `since` to `before`; periods without any are told with nothing.
pub(super) async fn totals(
    db: &DatabaseConnection,
    scope: &Scope,
    rules: Rules,
    by: By,
    since: Option<i64>,
    before: Option<i64>,
    now: UnixMs,
) -> ApiResult<Vec<OrderTotals>> {
    let since = since.map_or_else(|| by.usual(now), UnixMs);
    let before = before.map_or(now + 1, UnixMs);
    if before <= since || before.since(since) > LONGEST {
        let problem = "is not after since, or more than ten years after it";
        return Err(ApiError::field("before", problem, "correct one of both"));
    }
    let (filter, mut values) = filter(scope);
    let n = values.len();
    values.extend([Value::from(since.0), before.0.into()]);
    let sql = format!(
        "SELECT {COLUMNS} FROM {FROM} WHERE {filter} AND o.opened_at >= ${} AND o.opened_at < ${}",
        n + 1,
        n + 2
    );
    let rows: Vec<Row> = all(db, &sql, values).await?;
    crate::http::aside(move || Ok::<_, ApiError>(sum(&rows, &rules, by, since, before, now))).await
}

fn sum(rows: &[Row], rules: &Rules, by: By, since: UnixMs, before: UnixMs, now: UnixMs) -> Vec<OrderTotals> {
    let zone = rules.zone();
    let mut periods: Vec<(String, Period)> = Vec::new();
    let (first, last) = (since.date(zone), (before - 1).date(zone));
    for date in first.iter_days().take_while(|d| *d <= last) {
        let name = by.of(date);
        if periods.last().is_none_or(|(last, _)| *last != name) {
            periods.push((name, Period::default()));
        }
    }
    for row in rows {
        let Ok(course) = row.course() else {
            tracing::error!(order = %row.id, "an order does not read back");
            continue;
        };
        let name = by.of(UnixMs(row.opened_at).date(zone));
        let Some((_, period)) = periods.iter_mut().find(|(n, _)| *n == name) else { continue };
        let (done, mark) = (course.is_done(), rules.clock(&row.kind, row.opened_at, &course, now).mark);
        period.all.add(done, mark, course.urges);
        if let Some(key) = &course.department {
            period.departments.entry(key.clone()).or_default().add(done, mark, course.urges);
        }
        if let Some(handler) = &row.courier_id {
            let name = row.handler_name.clone().unwrap_or_default();
            let of = period.handlers.entry(handler.clone()).or_insert((name, Sum::default()));
            of.1.add(done, mark, course.urges);
        }
    }
    let dispatch = |key: &str, name: String, sum: Sum| DispatchTotals {
        key: key.to_owned(),
        name,
        orders: sum.orders,
        done: sum.done,
        overdue: sum.overdue,
    };
    let mut told: Vec<OrderTotals> = Vec::with_capacity(periods.len());
    for (name, period) in periods {
        let before = told.last().map_or(0, |t| t.opened);
        let change = (i64::from(period.all.orders) - i64::from(before)) * 100;
        let department =
            |key: &String| rules.policy.department(key).map_or_else(|| key.clone(), |d| d.name.clone());
        told.push(OrderTotals {
            period: name,
            opened: period.all.orders,
            done: period.all.done,
            overdue: period.all.overdue,
            warning: period.all.warning,
            urges: period.all.urges,
            change_percent: (before > 0)
                .then(|| i32::try_from(change / i64::from(before)).unwrap_or(i32::MAX)),
            departments: period.departments.iter().map(|(k, s)| dispatch(k, department(k), *s)).collect(),
            handlers: period.handlers.iter().map(|(k, (n, s))| dispatch(k, n.clone(), *s)).collect(),
        });
    }
    told
}

/// Orders for a spreadsheet: UTF-8 with a byte order mark, a line each.
pub(super) fn file(orders: &[OrderView], rules: &Rules, lang: Lang) -> Result<Vec<u8>, ::csv::Error> {
    let head: Vec<String> = match lang {
        Lang::Zh => [
            "工单编号",
            "开单时间",
            "类型",
            "来源",
            "客户",
            "来电号码",
            "地址",
            "内容",
            "运单号",
            "环节",
            "状态",
            "时限",
            "应办结时间",
            "办结时间",
            "部门",
            "处理人",
            "催办次数",
            "结果",
        ],
        Lang::En => [
            "number",
            "opened",
            "type",
            "source",
            "customer",
            "caller",
            "address",
            "content",
            "waybill",
            "stage",
            "state",
            "clock",
            "due",
            "done",
            "department",
            "handler",
            "urges",
            "result",
        ],
    }
    .map(str::to_owned)
    .to_vec();
    let zone = rules.zone();
    let time =
        |at: Option<UnixMs>| at.map(|t| format!("{} {}", t.date(zone), t.hh_mm(zone))).unwrap_or_default();
    let text = |of: &Option<String>| plain(of.as_deref().unwrap_or_default());
    let row = |order: &OrderView| {
        let course = &order.course;
        let department = course.department.as_deref().unwrap_or_default();
        let department = rules.policy.department(department).map_or(department, |d| d.name.as_str());
        vec![
            order.number.clone(),
            time(Some(order.opened_at)),
            plain(&order.type_name),
            order.source.label(lang).to_owned(),
            text(&order.customer),
            text(&order.caller),
            text(&order.address),
            plain(&order.content),
            text(&order.waybill_no),
            course.stage.label(lang).to_owned(),
            order.state.label(lang).to_owned(),
            order.clock.mark.label(lang).to_owned(),
            time(order.clock.due_at),
            time(course.done_at()),
            plain(department),
            text(&order.handler_name),
            course.urges.to_string(),
            course.result.map(|r| r.label(lang).to_owned()).unwrap_or_default(),
        ]
    };
    csv(std::iter::once(head).chain(orders.iter().map(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weeks_are_those_of_the_iso_year() {
        let of = |by: By, day: &str| by.of(day.parse().unwrap());
        assert_eq!(of(By::Week, "2027-01-01"), "2026-W53");
        assert_eq!(of(By::Week, "2024-12-30"), "2025-W01");
        assert_eq!(of(By::Month, "2026-11-22"), "2026-11");
        assert_eq!(of(By::Year, "2026-11-22"), "2026");
        assert!(By::parse(Some("day")).is_err());
    }
}
