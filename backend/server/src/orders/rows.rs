//! Rows of `work_order` and what they come to now.

use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::org::sets::rule_set;
use crate::store::scope::Scope;
use crate::store::{StoreError, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, CallId, OrderId, OrganisationId, ParcelId, UserId};
use waybell_domain::order::{
    Attention, Calendar, Course, OrderClock, OrderField, OrderPolicy, OrderSource, OrderType, Stage,
    attention, clock, urge_level,
};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{OrderView, Role};

/// Columns of [`Row`], for `FROM`.
pub(super) const COLUMNS: &str = "o.id, o.organisation_id, o.branch_id, o.number, o.kind, o.source, o.content, o.customer, \
     o.caller_key, o.address, o.area_id, o.phone_call_id, o.parcel_id, o.waybill_no, o.opened_by, o.opened_at, \
     o.dispatcher_id, o.courier_id, o.department, o.course, o.steps, o.rev, h.name AS handler_name, h.active AS handler_active";
pub(super) const FROM: &str = "work_order o LEFT JOIN person h ON h.id = o.courier_id";

/// A row.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Row {
    pub id: String,
    pub organisation_id: String,
    pub branch_id: Option<String>,
    pub number: String,
    pub kind: String,
    pub source: String,
    pub content: String,
    pub customer: Option<String>,
    pub caller_key: Option<String>,
    pub address: Option<String>,
    pub area_id: Option<String>,
    pub phone_call_id: Option<String>,
    pub parcel_id: Option<String>,
    pub waybill_no: Option<String>,
    pub opened_by: String,
    pub opened_at: i64,
    pub dispatcher_id: Option<String>,
    pub courier_id: Option<String>,
    pub department: Option<String>,
    pub course: String,
    pub steps: i64,
    pub rev: i64,
    pub handler_name: Option<String>,
    pub handler_active: Option<i64>,
}

/// The rules of an organisation, and its hours.
pub(super) struct Rules {
    pub policy: OrderPolicy,
    hours: Calendar,
    always: Calendar,
}

impl Rules {
    /// Reads them.
    pub(super) async fn of<C: ConnectionTrait>(db: &C, id: OrganisationId) -> ApiResult<Rules> {
        let policy: OrderPolicy = rule_set(db, id).await?;
        let row = organisation(db, id).await?.ok_or_else(|| ApiError::not_found("organisation"))?;
        let hours = Calendar::new(&policy.hours, &row.policy()?.calendar, row.zone());
        Ok(Rules { policy, hours, always: Calendar::always(row.zone()) })
    }

    /// The zone of the organisation.
    pub(super) fn zone(&self) -> chrono_tz::Tz {
        self.hours.zone()
    }

    /// The hours that count for a type.
    pub(super) fn calendar(&self, kind: Option<&OrderType>) -> &Calendar {
        if kind.is_some_and(|k| k.always) { &self.always } else { &self.hours }
    }

    /// What the clock of an order shows.
    pub(super) fn clock(&self, kind: &str, opened: i64, course: &Course, now: UnixMs) -> OrderClock {
        let kind = self.policy.order_type(kind);
        let (limit, warn) = kind.map_or((0, 100), |k| (k.limit_min, k.warn_percent));
        clock(self.calendar(kind), UnixMs(opened), &course.stops, limit, warn, now)
    }

    /// Why an order asks for somebody.
    pub(super) fn attention(&self, row: &Row, course: &Course, now: UnixMs) -> Vec<Attention> {
        let kind = self.policy.order_type(&row.kind);
        let mut found =
            attention(&self.policy, kind, course, UnixMs(row.opened_at), self.calendar(kind), now);
        if course.stage == Stage::Handle && row.handler_active == Some(0) {
            found.push(Attention::HandlerGone);
            found.sort_unstable_by(|a, b| b.cmp(a));
        }
        found
    }
}

impl Row {
    /// Where it is on its way.
    pub(super) fn course(&self) -> Result<Course, StoreError> {
        serde_json::from_str(&self.course)
            .map_err(|e| StoreError::Damaged { what: "work_order.course", problem: e.to_string() })
    }

    /// The wire form for somebody of this role; `None` for a damaged row, which is logged and left out.
    pub(super) fn view(&self, rules: &Rules, role: Role, now: UnixMs) -> Option<OrderView> {
        let view = self.read(rules, role, now);
        if view.is_none() {
            tracing::error!(order = %self.id, "an order does not read back");
        }
        view
    }

    fn read(&self, rules: &Rules, role: Role, now: UnixMs) -> Option<OrderView> {
        let user = |id: &Option<String>| id.as_deref().map(UserId::parse).transpose().ok();
        let course = self.course().ok()?;
        let kind = rules.policy.order_type(&self.kind);
        let shown = |field: OrderField| !hides(role, kind, field);
        let (state, clock) = (course.state(now), rules.clock(&self.kind, self.opened_at, &course, now));
        let level = urge_level(&course, &rules.policy.urge, rules.calendar(kind), now);
        Some(OrderView {
            id: OrderId::parse(&self.id).ok()?,
            number: self.number.clone(),
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            kind: self.kind.clone(),
            type_name: kind.map_or_else(|| self.kind.clone(), |k| k.name.clone()),
            source: OrderSource::parse(&self.source)?,
            content: self.content.clone(),
            customer: self.customer.clone().filter(|_| shown(OrderField::Customer)),
            caller: self.caller_key.as_deref().filter(|_| shown(OrderField::Caller)).map(|k| caller(k, role)),
            address: self.address.clone().filter(|_| shown(OrderField::Address)),
            call: self.phone_call_id.as_deref().map(CallId::parse).transpose().ok()?,
            parcel: self.parcel_id.as_deref().map(ParcelId::parse).transpose().ok()?,
            waybill_no: self.waybill_no.clone(),
            opened_by: UserId::parse(&self.opened_by).ok()?,
            opened_at: UnixMs(self.opened_at),
            dispatcher: user(&self.dispatcher_id)?,
            handler_name: self.handler_name.clone(),
            attention: rules.attention(self, &course, now),
            course,
            state,
            clock,
            urge_level: level,
            seen: u32::try_from(self.steps).ok()?,
            rev: self.rev,
        })
    }
}

/// Whether a type keeps a field from people of this role.
pub(super) fn hides(role: Role, kind: Option<&OrderType>, field: OrderField) -> bool {
    role == Role::Courier && kind.is_some_and(|k| k.hidden.contains(&field))
}

/// Neither side learns the other's number, as with calls: the whole is for supervisors.
fn caller(key: &str, role: Role) -> String {
    match PhoneNumber::from_key(key) {
        _ if role.is_administrator() || role == Role::Supervisor => key.to_owned(),
        Ok(number) => number.masked(),
        Err(_) => "****".to_owned(),
    }
}

/// An order that the asker may see.
pub(super) async fn stored<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Row> {
    let missing = || ApiError::not_found("work order");
    let id = OrderId::parse(id).map_err(|_| missing())?;
    let (filter, mut values) = super::rights::filter(scope);
    values.push(id.to_string().into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} AND o.id = ${}", values.len());
    let row: Option<Row> = one(db, &sql, values).await?;
    row.ok_or_else(missing)
}
