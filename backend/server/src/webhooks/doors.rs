//! What integrations are told of a courier's deeds: one delivery for each parcel that they sent, stored with the deed.
//!
//! Like the result of a ring it is complete by itself, and shares the order of the parcel's other deliveries (`seq`).

use super::outbox::{At, store};
use crate::store::{StoreError, Write, one};
use chrono::{DateTime, SecondsFormat};
use sea_orm::FromQueryResult;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::parcel::{
    ConsentSource, Deed, DeedKind, ExceptionReason, ParcelState, Payer, SignedBy, Size,
};

/// A delivery about a deed, as it is pushed.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DoorDelivery {
    /// `parcel.deed`.
    #[serde(rename = "type")]
    pub kind: String,
    /// When the server learnt of it, RFC 3339.
    pub timestamp: String,
    /// What happened.
    pub data: DoorResult,
}

/// What a courier did with a parcel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct DoorResult {
    /// Waybill number.
    pub waybill_no: String,
    /// As the integration gave it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Grows with each delivery about a parcel: the highest one is the truth.
    pub seq: i64,
    /// Where the parcel is now.
    pub state: ParcelState,
    /// What was done; absent where the last deed was undone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deed: Option<DeedKind>,
    /// The last deed was undone: `state` is the one before it.
    pub undone: bool,
    /// When the courier acted, unix ms.
    pub at: i64,
    /// Who took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed_by: Option<SignedBy>,
    /// Name of who took it, where the courier wrote it down.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Cash on delivery that was collected for all parcels of this tap together, fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cash_minor: Option<i64>,
    /// Station or locker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// 取件码.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How the recipient agreed, where not by a key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub consent: Option<ConsentSource>,
    /// Why it was not delivered or fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<ExceptionReason>,
    /// The courier's note.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// When the recipient wants it, unix ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<UnixMs>,
    /// Weight of a parcel that was fetched, grams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub weight_g: Option<u32>,
    /// Size of a parcel that was fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<Size>,
    /// Who pays for carrying it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payer: Option<Payer>,
    /// What was collected for all parcels of this tap together, fen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sum_minor: Option<i64>,
}

#[derive(FromQueryResult)]
struct Sent {
    integration_id: String,
    organisation_id: String,
    waybill_no: String,
    reference: Option<String>,
    state: String,
}

/// Tells how a parcel stands after a deed, or after its undo (`deed` is `None`): to be called when its row is written. `acted`
/// is in the server's steady time.
pub(crate) async fn tell(
    write: &Write,
    at: At,
    parcel: &str,
    deed: Option<&Deed>,
    acted: UnixMs,
) -> Result<(), StoreError> {
    let sql = "SELECT ip.integration_id, p.organisation_id, p.waybill_no, ip.reference, p.state FROM integration_parcel ip \
               JOIN integration i ON i.id = ip.integration_id JOIN parcel p ON p.id = ip.parcel_id \
               WHERE ip.parcel_id = $1 AND i.url IS NOT NULL AND i.revoked_at IS NULL AND i.organisation_id = p.organisation_id";
    let Some(sent) = one::<Sent, _>(write.tx(), sql, [parcel.into()]).await? else { return Ok(()) };
    let seq = write.next_rev();
    let (integration, organisation) = (sent.integration_id.clone(), sent.organisation_id.clone());
    let waybill = sent.waybill_no.clone();
    let data = result(sent, deed, seq, UnixMs(acted.0.saturating_add(at.wall.0.saturating_sub(at.now.0))))?;
    let timestamp = DateTime::from_timestamp_millis(at.wall.0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true);
    let delivery = DoorDelivery { kind: "parcel.deed".into(), timestamp, data };
    store(write, at, &organisation, &integration, parcel, &waybill, seq, &delivery).await
}

fn result(sent: Sent, deed: Option<&Deed>, seq: i64, at: UnixMs) -> Result<DoorResult, StoreError> {
    let state = ParcelState::parse(&sent.state)
        .ok_or(StoreError::Damaged { what: "parcel.state", problem: "does not read back".into() })?;
    let mut out = DoorResult {
        waybill_no: sent.waybill_no,
        reference: sent.reference,
        seq,
        state,
        deed: deed.map(Deed::kind),
        undone: deed.is_none(),
        at: at.0,
        signed_by: None,
        name: None,
        cash_minor: None,
        place: None,
        code: None,
        consent: deed.and_then(Deed::consent).map(|c| c.source),
        reason: None,
        note: None,
        until: None,
        weight_g: None,
        size: None,
        payer: None,
        sum_minor: None,
    };
    match deed.cloned() {
        None => {}
        Some(Deed::Sign { by, name, cash }) => {
            (out.signed_by, out.name, out.cash_minor) = (Some(by), name, cash.map(|c| c.minor));
        }
        Some(Deed::Station { place, code, .. } | Deed::Locker { place, code, .. }) => {
            (out.place, out.code) = (Some(place), code);
        }
        Some(Deed::Door { note, .. } | Deed::Return { note }) => out.note = note,
        Some(Deed::Exception { reason, note, until }) => {
            (out.reason, out.note, out.until) = (Some(reason), note, until);
        }
        Some(Deed::PickUp { weight_g, size, payer, sum }) => {
            (out.weight_g, out.size, out.payer, out.sum_minor) =
                (weight_g, size, payer, sum.map(|s| s.minor));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use waybell_domain::parcel::HandConsent;

    fn told(state: &str, deed: Option<&Deed>) -> serde_json::Value {
        let sent = Sent {
            integration_id: "i".into(),
            organisation_id: "o".into(),
            waybill_no: "SF1".into(),
            reference: Some("R7".into()),
            state: state.into(),
        };
        serde_json::to_value(result(sent, deed, 7, UnixMs(5)).unwrap()).unwrap()
    }

    #[test]
    fn says_what_was_done_and_nothing_else() {
        let consent = Some(HandConsent { source: ConsentSource::Phone, note: Some("说放柜子".into()) });
        let deed = Deed::Locker { place: "丰巢3号柜".into(), code: Some("0815".into()), consent };
        assert_eq!(
            told("at_locker", Some(&deed)),
            json!({ "waybill_no": "SF1", "reference": "R7", "seq": 7, "state": "at_locker", "deed": "locker", "undone": false,
                "at": 5, "place": "丰巢3号柜", "code": "0815", "consent": "phone" })
        );
        assert_eq!(
            told("out_for_delivery", None),
            json!({ "waybill_no": "SF1", "reference": "R7", "seq": 7, "state": "out_for_delivery", "undone": true, "at": 5 })
        );
    }
}
