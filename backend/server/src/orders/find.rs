//! Finding orders: the eight things that people look for one by, and how it stands.
//!
//! What a row says is asked of the database; what follows from the clock is computed from what that gives, page by page, so
//! that a list of overdue orders is right at the moment of the look.

use super::rights::filter;
use super::rows::{COLUMNS, FROM, Row, Rules};
use crate::http::error::{ApiError, ApiResult};
use crate::store::all;
use crate::store::scope::Scope;
use sea_orm::{DatabaseConnection, Value};
use serde::Deserialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OrderId};
use waybell_domain::order::{OrderField, OrderMark, OrderState, Stage};
use waybell_domain::search::half_width;
use waybell_domain::wire::{OrderView, Role};

/// Rows read at once.
const CHUNK: usize = 500;
/// Rows looked through for one answer; where a page has read so many it ends, and says how to go on.
const MOST_READ: usize = 20_000;

/// What orders are looked for by.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct OrdersQuery {
    /// Its number, or the beginning of it.
    number: Option<String>,
    /// Opened at this moment or later, unix ms.
    since: Option<i64>,
    /// Opened before this moment.
    before: Option<i64>,
    /// Part of the customer's name.
    customer: Option<String>,
    /// Of the customer's number: the whole, or three digits or more; a courier: its last four.
    caller: Option<String>,
    /// Part of the address.
    address: Option<String>,
    /// Part of what it is about.
    content: Option<String>,
    /// Id or login name of who assigned it last.
    dispatcher: Option<String>,
    /// Id or login name of who handles it.
    handler: Option<String>,
    /// `pending`, `in_progress`, `done`, `on_hold`, `warning` or `overdue`; several with commas. The last two are of orders
    /// that are not done.
    state: Option<String>,
    /// `accept`, `review`, `assign`, `handle`, `revisit` or `archive`.
    stage: Option<String>,
    /// Key of the type.
    #[serde(rename = "type")]
    kind: Option<String>,
    /// Key of the department.
    department: Option<String>,
    /// The branch.
    branch: Option<BranchId>,
    /// A waybill number.
    waybill: Option<String>,
    /// Only those that ask for somebody now.
    attention: bool,
    /// At most so many, 100 by default, 500 at most.
    limit: Option<u32>,
    /// What follows an earlier answer: its header `x-next-page`. The other parameters stay as they were.
    page: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Wanted {
    State(OrderState),
    Mark(OrderMark),
}

impl OrdersQuery {
    /// Rows of a page.
    pub(super) fn limit(&self) -> usize {
        self.limit.unwrap_or(100).clamp(1, 500) as usize
    }

    fn wanted(&self) -> ApiResult<Vec<Wanted>> {
        let words = self.state.as_deref().unwrap_or_default();
        let words = words.split(',').map(str::trim).filter(|w| !w.is_empty());
        words
            .map(|word| {
                let state = OrderState::parse(word).map(Wanted::State);
                let mark = OrderMark::parse(word).filter(|m| *m != OrderMark::InTime).map(Wanted::Mark);
                state.or(mark).ok_or_else(|| {
                    let hint = "write pending, in_progress, done, on_hold, warning or overdue";
                    ApiError::field("state", "there is no such state", hint)
                })
            })
            .collect()
    }

    /// Whether one of these fields is searched.
    fn asks_for(&self, fields: &[OrderField]) -> bool {
        let asked = |text: &Option<String>| text.as_deref().is_some_and(|t| !t.trim().is_empty());
        fields.iter().any(|field| match field {
            OrderField::Customer => asked(&self.customer),
            OrderField::Caller => asked(&self.caller),
            OrderField::Address => asked(&self.address),
            OrderField::Notes => false,
        })
    }

    /// Conditions on rows; `?` stands for the value.
    fn conditions(&self, scope: &Scope, also: &mut impl FnMut(&str, Value)) -> ApiResult<()> {
        let given = |text: &Option<String>| {
            text.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned)
        };
        if let Some(text) = given(&self.number) {
            also("o.number LIKE ? ESCAPE '\\'", format!("{}%", literal(&text)).into());
        }
        if let Some(since) = self.since {
            also("o.opened_at >= ?", since.into());
        }
        if let Some(before) = self.before {
            also("o.opened_at < ?", before.into());
        }
        for (column, text) in
            [("customer", &self.customer), ("address", &self.address), ("content", &self.content)]
        {
            if let Some(text) = given(text) {
                also(
                    &format!("LOWER(o.{column}) LIKE LOWER(?) ESCAPE '\\'"),
                    format!("%{}%", literal(&text)).into(),
                );
            }
        }
        if let Some(text) = given(&self.caller) {
            also("o.caller_key LIKE ?", caller(&text, scope.role)?.into());
        }
        for (column, text) in [("dispatcher_id", &self.dispatcher), ("courier_id", &self.handler)] {
            if let Some(text) = given(text) {
                let sql = format!(
                    "o.{column} IN (SELECT w.id FROM person w WHERE w.organisation_id = o.organisation_id \
                     AND ? IN (w.id, w.login))"
                );
                also(&sql, text.into());
            }
        }
        if let Some(text) = given(&self.stage) {
            let stage = Stage::parse(&text).ok_or_else(|| {
                let hint = "write accept, review, assign, handle, revisit or archive";
                ApiError::field("stage", "there is no such stage", hint)
            })?;
            also("o.stage = ?", stage.as_str().into());
        }
        for (column, text) in
            [("kind", &self.kind), ("department", &self.department), ("waybill_no", &self.waybill)]
        {
            if let Some(text) = given(text) {
                also(&format!("o.{column} = ?"), text.into());
            }
        }
        if let Some(branch) = self.branch {
            also("o.branch_id = ?", branch.to_string().into());
        }
        Ok(())
    }
}

/// A text within LIKE that stands for itself.
fn literal(text: &str) -> String {
    text.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_")
}

/// What a number is compared with. A courier sees the end of one, and finds by no more of it.
fn caller(text: &str, role: Role) -> ApiResult<String> {
    let digits: String = text.chars().map(half_width).filter(char::is_ascii_digit).collect();
    if !role.sees_branch() {
        return match digits.len() {
            4 => Ok(format!("+861______{digits}")),
            _ => Err(ApiError::field("caller", "must be the last four digits", "write four digits")),
        };
    }
    if digits.len() < 3 {
        return Err(ApiError::field("caller", "has less than three digits", "write more of the number"));
    }
    // numbers are stored without the 0 before an area code
    Ok(format!("%{}%", digits.strip_prefix('0').unwrap_or(&digits)))
}

/// A page of orders, the newest first, and what to ask for the next one with.
pub(super) struct Found {
    pub orders: Vec<OrderView>,
    pub next: Option<String>,
}

fn mark(text: &str) -> ApiResult<(i64, String)> {
    let read = text.split_once('.').and_then(|(at, id)| Some((at.parse().ok()?, OrderId::parse(id).ok()?)));
    read.map(|(at, id)| (at, id.to_string())).ok_or_else(|| {
        ApiError::field("page", "is none of ours", "give back the header x-next-page as it was")
    })
}

/// Finds orders in the asker's scope.
pub(super) async fn find(
    db: &DatabaseConnection,
    scope: &Scope,
    rules: &Rules,
    query: &OrdersQuery,
    limit: usize,
    now: UnixMs,
) -> ApiResult<Found> {
    let wanted = query.wanted()?;
    let (mut filter, mut values) = filter(scope);
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {}", sql.replace('?', &format!("${}", values.len()))));
    };
    query.conditions(scope, &mut also)?;
    // what a type keeps from couriers is not found by asking for it either
    for kind in rules.policy.types.iter().filter(|_| !scope.role.sees_branch()) {
        if query.asks_for(&kind.hidden) {
            also("o.kind <> ?", kind.key.clone().into());
        }
    }
    let open_only = query.attention && wanted.is_empty()
        || !wanted.is_empty() && !wanted.contains(&Wanted::State(OrderState::Done));
    if open_only {
        // one that waits for its revisit asks for somebody as well
        filter.push_str(" AND o.stage <> 'archive'");
    }
    let mut from = query.page.as_deref().map(mark).transpose()?;
    let mut orders = Vec::new();
    let mut read = 0;
    loop {
        let mut values = values.clone();
        let mut condition = filter.clone();
        if let Some((at, id)) = &from {
            let n = values.len();
            condition.push_str(&format!(
                " AND (o.opened_at < ${a} OR o.opened_at = ${a} AND o.id < ${b})",
                a = n + 1,
                b = n + 2
            ));
            values.extend([Value::from(*at), id.clone().into()]);
        }
        let chunk =
            if wanted.is_empty() && !query.attention { (limit - orders.len()).min(CHUNK) } else { CHUNK };
        let sql = format!(
            "SELECT {COLUMNS} FROM {FROM} WHERE {condition} ORDER BY o.opened_at DESC, o.id DESC LIMIT {chunk}"
        );
        let rows: Vec<Row> = all(db, &sql, values).await?;
        let whole = rows.len() < chunk;
        for row in rows {
            read += 1;
            from = Some((row.opened_at, row.id.clone()));
            let Some(view) = row.view(rules, scope.role, now) else { continue };
            if fits(&view, &wanted, query.attention) {
                orders.push(view);
            }
            if orders.len() == limit {
                return Ok(Found { orders, next: from.map(|(at, id)| format!("{at}.{id}")) });
            }
        }
        if whole {
            return Ok(Found { orders, next: None });
        }
        if read >= MOST_READ {
            return Ok(Found { orders, next: from.map(|(at, id)| format!("{at}.{id}")) });
        }
    }
}

fn fits(view: &OrderView, wanted: &[Wanted], attention: bool) -> bool {
    let state = |w: &Wanted| match w {
        Wanted::State(state) => view.state == *state,
        Wanted::Mark(mark) => view.clock.mark == *mark && !view.course.is_done(),
    };
    (wanted.is_empty() || wanted.iter().any(state)) && (!attention || !view.attention.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_stands_for_itself() {
        assert_eq!(literal("50%_\\"), "50\\%\\_\\\\");
        assert_eq!(caller("5678", Role::Courier).unwrap(), "+861______5678");
        assert!(caller("13812345678", Role::Courier).is_err(), "nobody finds out a number digit by digit");
        assert_eq!(caller("0571-8888", Role::Supervisor).unwrap(), "%5718888%");
        assert!(caller("12", Role::Agent).is_err());
    }

    #[test]
    fn a_mark_that_is_none_is_refused() {
        for text in ["", "1", "x.y", "1.' OR 1=1"] {
            assert!(mark(text).is_err(), "{text}");
        }
    }
}
