//! What integrations are told: one delivery for each parcel of a ring, stored with the result itself.
//!
//! A delivery says how the ring stands after a change, read from the rows of the same transaction: it is complete by itself,
//! and a receiver that keeps the one with the highest `seq` of a parcel has the truth. Every ring that was planned ends with one
//! delivery whose `final` is true: answered, given up, left out, undone.

use crate::store::{StoreError, Write, all};
use chrono::{DateTime, SecondsFormat};
use sea_orm::{FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::id::EventId;
use waybell_domain::parcel::CallMark;

/// A delivery, as it is pushed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Delivery {
    /// `parcel.result`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When it happened, RFC 3339.
    pub timestamp: String,
    /// What happened.
    pub data: ParcelResult,
}

/// How the ring about a parcel stands.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ParcelResult {
    /// Waybill number.
    pub waybill_no: String,
    /// As the integration gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Grows with each delivery about a parcel: the highest one is the truth.
    pub seq: i64,
    /// Notice, for example `arrived`.
    pub notice: String,
    /// Batch of the courier.
    pub batch: String,
    /// The ring, which several parcels of one person share.
    pub recipient: String,
    /// Number that was rung, as `e164` or `e164;ext=123`; only where the integration gave this number itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// 未呼叫 `not_called`, 已呼叫 `called`, 已接听 `answered`, 未接听 `unanswered`, 待确认 `to_confirm`.
    pub mark: CallMark,
    /// Outcome of the last call.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// `waiting` for another call, `done`, `suppressed` (left out), `cancelled` (undone).
    pub state: String,
    /// Nothing more follows for this ring.
    #[serde(rename = "final")]
    pub is_final: bool,
    /// Why it was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    /// Calls so far.
    pub attempts: i64,
    /// Not called again before this time, unix ms; only where `final` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_at: Option<UnixMs>,
    /// Keys pressed in the last call.
    pub keys: String,
    /// What the recipient asked for by key in this ring, oldest first.
    pub consents: Vec<Consent>,
}

/// A key press that is kept as consent.
#[derive(Debug, Clone, Serialize, Deserialize, FromQueryResult, utoipa::ToSchema)]
pub struct Consent {
    /// The key.
    pub key: String,
    /// `door`, `station`, `later`.
    pub preference: String,
    /// When, unix ms.
    pub at: i64,
}

/// Steady and wall time of a change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub now: UnixMs,
    pub wall: UnixMs,
}

#[derive(FromQueryResult)]
struct Ring {
    integration_id: String,
    parcel_id: String,
    waybill_no: String,
    reference: Option<String>,
    given: Option<String>,
    organisation_id: String,
    batch_id: String,
    phone_key: String,
    state: String,
    mark: String,
    outcome: Option<String>,
    suppressed: Option<String>,
    attempts: i64,
    next_at: Option<i64>,
    keys: String,
    template_key: String,
}

const RING: &str = "SELECT ip.integration_id, ip.parcel_id, p.waybill_no, ip.reference, ip.phone_key AS given, r.organisation_id, \
     r.batch_id, r.phone_key, r.state, r.mark, r.outcome, r.suppressed, r.attempts, r.next_at, r.keys, b.template_key \
     FROM recipient_parcel rp JOIN integration_parcel ip ON ip.parcel_id = rp.parcel_id \
     JOIN integration i ON i.id = ip.integration_id JOIN parcel p ON p.id = rp.parcel_id \
     JOIN recipient r ON r.id = rp.recipient_id JOIN batch b ON b.id = r.batch_id \
     WHERE rp.recipient_id = $1 AND i.url IS NOT NULL AND i.revoked_at IS NULL AND i.organisation_id = r.organisation_id";

/// Tells how a ring stands now: to be called after everything about it is written.
pub(crate) async fn tell(write: &Write, at: At, recipient: &str) -> Result<(), StoreError> {
    let rings: Vec<Ring> = all(write.tx(), RING, [recipient.into()]).await?;
    put(write, at, recipient, rings).await
}

/// Tells that one parcel is left out of a ring which goes on without it: to be called while it still belongs to it.
pub(crate) async fn tell_left_out(
    write: &Write,
    at: At,
    recipient: &str,
    parcel: &str,
    reason: &str,
) -> Result<(), StoreError> {
    let sql = format!("{RING} AND rp.parcel_id = $2");
    let mut rings: Vec<Ring> = all(write.tx(), &sql, [recipient.into(), parcel.into()]).await?;
    for ring in &mut rings {
        ring.state = "suppressed".into();
        ring.suppressed = Some(reason.to_owned());
        ring.next_at = None;
    }
    put(write, at, recipient, rings).await
}

async fn put(write: &Write, at: At, recipient: &str, rings: Vec<Ring>) -> Result<(), StoreError> {
    if rings.is_empty() {
        return Ok(());
    }
    let sql = "SELECT key, preference, at FROM consent \
               WHERE attempt_id IN (SELECT id FROM attempt WHERE recipient_id = $1) ORDER BY at, id";
    let consents: Vec<Consent> = all(write.tx(), sql, [recipient.into()]).await?;
    for ring in rings {
        let seq = write.next_rev();
        let (integration, organisation) = (ring.integration_id.clone(), ring.organisation_id.clone());
        let (parcel, waybill) = (ring.parcel_id.clone(), ring.waybill_no.clone());
        let delivery = delivery(ring, recipient, at, seq, consents.clone());
        store(write, at, &organisation, &integration, &parcel, &waybill, seq, &delivery).await?;
    }
    Ok(())
}

/// Puts a delivery into the queue of its parcel.
pub(super) async fn store<T: Serialize>(
    write: &Write,
    at: At,
    organisation: &str,
    integration: &str,
    parcel: &str,
    waybill: &str,
    seq: i64,
    delivery: &T,
) -> Result<(), StoreError> {
    let body = serde_json::to_string(delivery)
        .map_err(|e| StoreError::Damaged { what: "webhook_delivery.body", problem: e.to_string() })?;
    let values: [Value; 9] = [
        EventId::at(at.now, rand::random()).to_string().into(),
        organisation.into(),
        integration.into(),
        parcel.into(),
        waybill.into(),
        seq.into(),
        body.into(),
        at.now.0.into(),
        "pending".into(),
    ];
    write
        .exec(
            "INSERT INTO webhook_delivery (id, organisation_id, integration_id, parcel_id, waybill_no, seq, body, state, \
             tries, next_at, since, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $9, 0, $8, $8, $8)",
            values,
        )
        .await?;
    Ok(())
}

fn delivery(ring: Ring, recipient: &str, at: At, seq: i64, consents: Vec<Consent>) -> Delivery {
    let is_final = matches!(ring.state.as_str(), "done" | "suppressed" | "cancelled");
    let next_at = ring.next_at.filter(|_| !is_final).map(|t| UnixMs(t + (at.wall.0 - at.now.0)));
    Delivery {
        kind: "parcel.result".into(),
        timestamp: DateTime::from_timestamp_millis(at.wall.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true),
        data: ParcelResult {
            waybill_no: ring.waybill_no,
            reference: ring.reference,
            seq,
            notice: ring.template_key,
            batch: ring.batch_id,
            recipient: recipient.to_owned(),
            phone: ring.given.filter(|given| *given == ring.phone_key),
            mark: CallMark::parse(&ring.mark).unwrap_or_default(),
            outcome: ring.outcome.as_deref().and_then(CallOutcome::parse),
            state: ring.state,
            is_final,
            suppressed: ring.suppressed,
            attempts: ring.attempts,
            next_at,
            keys: ring.keys,
            consents,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(state: &str, phone: &str) -> Ring {
        Ring {
            integration_id: "i".into(),
            parcel_id: "p".into(),
            waybill_no: "SF1".into(),
            reference: None,
            given: Some("+8613800000001".into()),
            organisation_id: "o".into(),
            batch_id: "b".into(),
            phone_key: phone.into(),
            state: state.into(),
            mark: "unanswered".into(),
            outcome: Some("no_answer".into()),
            suppressed: None,
            attempts: 1,
            next_at: Some(5_000),
            keys: String::new(),
            template_key: "arrived".into(),
        }
    }

    #[test]
    fn another_number_is_not_told() {
        let at = At { now: UnixMs(1_000), wall: UnixMs(1_700_000_000_000) };
        let told = delivery(ring("waiting", "+8613800000001"), "r", at, 7, Vec::new());
        assert_eq!(
            serde_json::to_value(&told).unwrap(),
            serde_json::json!({
                "type": "parcel.result",
                "timestamp": "2023-11-14T22:13:20.000Z",
                "data": {
                    "waybill_no": "SF1", "seq": 7, "notice": "arrived", "batch": "b", "recipient": "r",
                    "phone": "+8613800000001", "mark": "unanswered", "outcome": "no_answer", "state": "waiting",
                    "final": false, "attempts": 1, "next_at": 1_700_000_004_000_i64, "keys": "", "consents": []
                }
            })
        );
        let told = delivery(ring("done", "+8613800000002"), "r", at, 7, Vec::new());
        assert_eq!((told.data.phone, told.data.next_at, told.data.is_final), (None, None, true));
    }
}
