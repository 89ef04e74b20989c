//! What integrations are told of work orders about parcels that they sent: one delivery after each change, stored with it, and
//! one when an order comes to lie. It is complete by itself, and shares the order of the parcel's other deliveries (`seq`).

use super::outbox::{At, store};
use crate::store::{StoreError, Write, one};
use chrono::{DateTime, SecondsFormat};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::order::{Course, OrderAction, OrderResult, OrderState, Stage};

/// A delivery about a work order, as it is pushed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderDelivery {
    /// `order.changed`, or `order.reminder` where only time has passed.
    #[serde(rename = "type")]
    pub kind: String,
    /// When, RFC 3339.
    pub timestamp: String,
    /// How the order stands.
    pub data: OrderTold,
}

/// How a work order stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OrderTold {
    /// Id of the order.
    pub order: String,
    /// Its number.
    pub number: String,
    /// Key of its type.
    pub order_type: String,
    /// Waybill number.
    pub waybill_no: String,
    /// As the integration gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Grows with each delivery about a parcel: the highest one is the truth.
    pub seq: i64,
    /// Where it is.
    pub stage: Stage,
    /// How it stands.
    pub state: OrderState,
    /// How it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<OrderResult>,
    /// What was done, once it is resolved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolution: Option<String>,
    /// What the reminder is for: `warning`, `overdue`, `unclaimed`, …
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reminder: Vec<String>,
}

#[derive(FromQueryResult)]
struct Sent {
    integration_id: String,
    organisation_id: String,
    parcel_id: String,
    waybill_no: String,
    reference: Option<String>,
    number: String,
    kind: String,
    course: String,
}

#[derive(FromQueryResult)]
struct Last {
    action: String,
}

/// Tells how an order stands after a change: to be called when its row is written.
pub(crate) async fn tell(write: &Write, at: At, order: &str) -> Result<(), StoreError> {
    put(write, at, order, "order.changed", &[]).await
}

/// Tells what an order has come to ask for.
pub(crate) async fn tell_reminder(
    write: &Write,
    at: At,
    order: &str,
    what: &[&'static str],
) -> Result<(), StoreError> {
    put(write, at, order, "order.reminder", what).await
}

async fn put(
    write: &Write,
    at: At,
    order: &str,
    kind: &str,
    what: &[&'static str],
) -> Result<(), StoreError> {
    let sql = "SELECT ip.integration_id, o.organisation_id, p.id AS parcel_id, p.waybill_no, ip.reference, o.number, o.kind, \
               o.course FROM work_order o JOIN parcel p ON p.id = o.parcel_id \
               JOIN integration_parcel ip ON ip.parcel_id = p.id JOIN integration i ON i.id = ip.integration_id \
               WHERE o.id = $1 AND i.url IS NOT NULL AND i.revoked_at IS NULL AND i.organisation_id = o.organisation_id";
    let Some(sent) = one::<Sent, _>(write.tx(), sql, [order.into()]).await? else { return Ok(()) };
    let course: Course = serde_json::from_str(&sent.course)
        .map_err(|e| StoreError::Damaged { what: "work_order.course", problem: e.to_string() })?;
    let resolution = if course.is_done() { resolution(write, order).await? } else { None };
    let seq = write.next_rev();
    let delivery = OrderDelivery {
        kind: kind.into(),
        timestamp: DateTime::from_timestamp_millis(at.wall.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true),
        data: OrderTold {
            order: order.to_owned(),
            number: sent.number,
            order_type: sent.kind,
            waybill_no: sent.waybill_no.clone(),
            reference: sent.reference,
            seq,
            stage: course.stage,
            state: course.state(UnixMs(at.now.0)),
            result: course.result,
            resolution,
            reminder: what.iter().map(|w| (*w).to_owned()).collect(),
        },
    };
    let (organisation, integration) = (&sent.organisation_id, &sent.integration_id);
    store(write, at, organisation, integration, &sent.parcel_id, &sent.waybill_no, seq, &delivery).await
}

/// What the last one who resolved it wrote.
async fn resolution(write: &Write, order: &str) -> Result<Option<String>, StoreError> {
    let sql = "SELECT action FROM work_order_step WHERE order_id = $1 AND action LIKE '{\"do\":\"resolve\"%' \
               ORDER BY seq DESC LIMIT 1";
    let last: Option<Last> = one(write.tx(), sql, [order.into()]).await?;
    Ok(match last.map(|l| serde_json::from_str(&l.action)) {
        Some(Ok(OrderAction::Resolve { text })) => Some(text),
        _ => None,
    })
}
