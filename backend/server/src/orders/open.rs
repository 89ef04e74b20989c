//! Opening an order: once by its id, with a number of its own, handed out at once where the rules know to whom.

use super::rows::{Row, Rules, stored};
use super::write::{Line, add, hand_out};
use crate::calls::list::stored_call;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::{branch_of, branch_of_area};
use crate::parcels::known::known;
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use crate::webhooks::outbox::At;
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::order::{Course, MOST_TEXT, OrderSource, OrderType, Stage};
use waybell_domain::parcel::WaybillNo;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{OrderRequest, OrderView, Role};

/// Nothing waits longer on a phone than this, ms.
pub(super) const LONGEST_WAIT: i64 = 30 * DAY;
/// Orders that one person may open in 24 hours.
const MOST: i64 = 2_000;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    opened_by: String,
    request_hash: String,
}

/// Checks what the types cannot.
pub(super) fn check(request: &OrderRequest) -> ApiResult<()> {
    let length = request.content.trim().chars().count();
    if length == 0 {
        return Err(ApiError::field("content", "is missing", "say what it is about"));
    }
    if length > MOST_TEXT {
        return Err(ApiError::field(
            "content",
            format!("has more than {MOST_TEXT} characters"),
            "shorten it",
        ));
    }
    for (field, text, most) in [("customer", &request.customer, 60), ("address", &request.address, 1_000)] {
        if text.as_ref().is_some_and(|t| t.chars().count() > most) {
            return Err(ApiError::field(field, format!("has more than {most} characters"), "shorten it"));
        }
    }
    Ok(())
}

fn text(of: Option<&String>) -> Option<String> {
    of.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty())
}

fn hash(request: &OrderRequest) -> String {
    let told = (
        &request.kind,
        request.content.trim(),
        (&request.customer, &request.caller, &request.address),
        (request.call, &request.waybill_no, request.branch, request.area),
    );
    let bytes = serde_json::to_vec(&told).unwrap_or_default();
    Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect()
}

/// Opens an order, or gives the one that was opened with this id. `opened` is when, in the server's steady time.
pub(super) async fn open(
    write: &Write,
    scope: &Scope,
    at: At,
    opened: UnixMs,
    request: &OrderRequest,
) -> ApiResult<OrderView> {
    let rules = Rules::of(write.tx(), scope.organisation).await?;
    let (id, now) = (request.id.to_string(), at.now);
    let sql = "SELECT organisation_id, opened_by, request_hash FROM work_order WHERE id = $1";
    let known_id: Option<Known> = write.beyond(one(write.tx(), sql, [id.clone().into()])).await?;
    if let Some(known) = known_id {
        let own = known.organisation_id == scope.organisation.to_string()
            && known.opened_by == scope.person.to_string();
        if !own {
            return Err(ApiError::not_found("work order"));
        }
        if known.request_hash != hash(request) {
            let message = "this id was used for another order";
            return Err(ApiError::conflict("id_reused", message).hint("use a new id for a new order"));
        }
        return view(write, scope, &rules, &id, now).await;
    }
    let kind = rules.policy.order_type(&request.kind).ok_or_else(|| {
        ApiError::field("type", "there is no such type of order", "take a key of GET /order-policy")
    })?;
    let sql = "SELECT COUNT(*) FROM work_order WHERE opened_by = $1 AND opened_at > $2";
    if number(write.tx(), sql, [scope.person.to_string().into(), (now.0 - DAY).into()]).await? >= MOST {
        return Err(ApiError::too_many(3_600).hint("orders are taken again when a day is over"));
    }
    let mut row = filled(write, scope, now, request).await?;
    row.number = next_number(write, scope, &rules, at.wall).await?;
    row.opened_at = opened.0;
    insert(write, &row, &hash(request)).await?;
    let stage = opening(scope, kind);
    let line = Line { operation: None, at: opened, now, by: Some(scope.person), action: None, placed: None };
    add(write, &mut row, &Course::opened(opened, stage), &line).await?;
    hand_out(write, scope, &rules, Some(kind), &mut row, now).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, organisation, by, now, "open_order", &row.id, &row.number).await?;
    crate::webhooks::orders::tell(write, at, &row.id).await?;
    view(write, scope, &rules, &id, now).await
}

/// What staff open is accepted by that.
fn opening(scope: &Scope, kind: &OrderType) -> Stage {
    match (scope.role.sees_branch(), kind.review) {
        (false, _) => Stage::Accept,
        (true, true) => Stage::Review,
        (true, false) => Stage::Assign,
    }
}

/// An order as it is stored now.
pub(super) async fn view(
    write: &Write,
    scope: &Scope,
    rules: &Rules,
    id: &str,
    now: UnixMs,
) -> ApiResult<OrderView> {
    let row = stored(write.tx(), scope, id).await?;
    row.view(rules, scope.role, now).ok_or_else(|| ApiError::not_found("work order"))
}

/// What the request says, and what its call and its parcel tell beside it.
async fn filled(write: &Write, scope: &Scope, now: UnixMs, request: &OrderRequest) -> ApiResult<Row> {
    let caller = match text(request.caller.as_ref()) {
        None => None,
        Some(text) => Some(PhoneNumber::parse(&text).map_err(|e| {
            ApiError::field("caller", e.to_string(), "write the number in full, or leave it out")
        })?),
    };
    let waybill = match text(request.waybill_no.as_ref()) {
        None => None,
        Some(text) => Some(WaybillNo::parse(&text).map_err(|e| {
            ApiError::field("waybill_no", e.to_string(), "write the whole waybill number, or leave it out")
        })?),
    };
    // a waybill that is nobody's here is written down all the same: customers name any
    let parcel = match &waybill {
        None => None,
        Some(waybill) => known(write.tx(), scope, waybill).await?,
    };
    let call = match request.call {
        None => None,
        Some(call) => Some(stored_call(write.tx(), scope, call).await?),
    };
    if let Some(area) = request.area {
        branch_of_area(write.tx(), scope, area).await?;
    }
    let branch = match request.branch {
        Some(branch) => Some(branch_of(write.tx(), scope, Some(branch)).await?.to_string()),
        None => parcel.as_ref().and_then(|p| p.branch_id.clone()).or(scope.branch.map(|b| b.to_string())),
    };
    let of_parcel = |field: fn(&crate::parcels::known::Known) -> String| {
        parcel.as_ref().map(field).filter(|t| !t.trim().is_empty())
    };
    let key = caller.map(|n| n.key());
    let key = key.or_else(|| call.as_ref().and_then(|c| c.customer_key.clone()));
    Ok(Row {
        id: request.id.to_string(),
        organisation_id: scope.organisation.to_string(),
        branch_id: branch,
        number: String::new(),
        kind: request.kind.clone(),
        source: if scope.role == Role::Courier { OrderSource::Courier } else { request.source }
            .as_str()
            .into(),
        content: request.content.trim().to_owned(),
        customer: text(request.customer.as_ref()).or_else(|| of_parcel(|p| p.recipient_name.clone())),
        caller_key: key.or_else(|| parcel.as_ref().and_then(|p| p.phone_key.clone())),
        address: text(request.address.as_ref()).or_else(|| of_parcel(|p| p.address.clone())),
        area_id: request.area.map(|a| a.to_string()),
        phone_call_id: request.call.map(|c| c.to_string()),
        parcel_id: parcel.as_ref().map(|p| p.id.clone()),
        waybill_no: waybill.map(|w| w.as_str().to_owned()),
        opened_by: scope.person.to_string(),
        opened_at: now.0,
        dispatcher_id: None,
        courier_id: None,
        department: None,
        course: "{}".into(),
        steps: 0,
        rev: 0,
        handler_name: None,
        handler_active: None,
    })
}

async fn insert(write: &Write, row: &Row, hash: &str) -> ApiResult<()> {
    let sql = "INSERT INTO work_order (id, organisation_id, branch_id, number, kind, source, content, customer, caller_key, \
               address, area_id, phone_call_id, parcel_id, waybill_no, opened_by, opened_at, request_hash, stage, course, \
               steps, rev) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, 0, 0)";
    let values: [Value; 19] = [
        row.id.clone().into(),
        row.organisation_id.clone().into(),
        row.branch_id.clone().into(),
        row.number.clone().into(),
        row.kind.clone().into(),
        row.source.clone().into(),
        row.content.clone().into(),
        row.customer.clone().into(),
        row.caller_key.clone().into(),
        row.address.clone().into(),
        row.area_id.clone().into(),
        row.phone_call_id.clone().into(),
        row.parcel_id.clone().into(),
        row.waybill_no.clone().into(),
        row.opened_by.clone().into(),
        row.opened_at.into(),
        hash.into(),
        Stage::Accept.as_str().into(),
        row.course.clone().into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}

/// `20261122-0042`: the day in the organisation's zone, and which one of that day.
async fn next_number(write: &Write, scope: &Scope, rules: &Rules, wall: UnixMs) -> ApiResult<String> {
    let day = wall.date(rules.zone()).format("%Y%m%d").to_string();
    let sql = "INSERT INTO work_order_day (organisation_id, day, last) VALUES ($1, $2, 1) \
               ON CONFLICT (organisation_id, day) DO UPDATE SET last = work_order_day.last + 1 RETURNING last";
    let values = [scope.organisation.to_string().into(), day.clone().into()];
    let last = number(write.tx(), sql, values).await?;
    Ok(format!("{day}-{last:04}"))
}
