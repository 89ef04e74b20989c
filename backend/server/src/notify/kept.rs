//! The last look at a ring's parcels: which of them still ask for it.
//!
//! Between tap and call a parcel may be signed for, taken off the list, or get a corrected number. It is left out of the
//! call and free for another tap; what is said names the others only, and only they count as told.

use super::engine::Round;
use super::input::Facts;
use super::rows::RecipientRow;
use super::why;
use crate::store::{StoreError, all, exec, marks};
use sea_orm::{FromQueryResult, Value};
use waybell_domain::dial::plan::{NoticeKind, PlannedCall, SuppressReason};
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::ParcelState;
use waybell_domain::phone::PhoneNumber;

/// Why a parcel of the ring needs it no more; `None` if it does.
fn objection(
    notice: NoticeKind,
    facts: &Facts,
    row: &RecipientRow,
    parcel: &ParcelId,
) -> Option<SuppressReason> {
    let id = parcel.to_string();
    let reason = match facts.parcels.get(&id) {
        None => Some(SuppressReason::Withdrawn),
        Some((_, Some(key))) if *key != row.phone_key => Some(SuppressReason::InvalidNumber),
        Some((_, None)) => Some(SuppressReason::NoNumber),
        Some((state, _)) => notice.objection(ParcelState::parse(state).unwrap_or_default()),
    };
    reason.or_else(|| facts.said.contains(&id).then_some(SuppressReason::AlreadyNotified))
}

/// Why none of the parcels needs the call any more: the reason of the first one.
pub(super) fn nobody(notice: NoticeKind, facts: &Facts, row: &RecipientRow) -> Option<SuppressReason> {
    let mut first = None;
    for id in row.parcel_ids() {
        let reason = objection(notice, facts, row, &id)?;
        first = first.or(Some(reason));
    }
    first.or(Some(SuppressReason::Withdrawn))
}

#[derive(FromQueryResult)]
struct Place {
    id: String,
    estate: String,
    building: String,
}

/// Takes the parcels that need the call no more out of the ring.
pub(super) async fn leave_out(
    round: &mut Round,
    notice: NoticeKind,
    facts: &Facts,
    row: &mut RecipientRow,
) -> Result<(), StoreError> {
    let all_of_it = row.parcel_ids();
    let gone: Vec<(ParcelId, SuppressReason)> =
        all_of_it.iter().filter_map(|id| Some((*id, objection(notice, facts, row, id)?))).collect();
    let Ok(phone) = PhoneNumber::from_key(&row.phone_key) else { return Ok(()) };
    if gone.is_empty() || gone.len() == all_of_it.len() {
        return Ok(());
    }
    let kept: Vec<String> =
        all_of_it.iter().filter(|id| gone.iter().all(|(g, _)| g != *id)).map(ToString::to_string).collect();
    let mut places: Vec<Place> = Vec::with_capacity(kept.len());
    for chunk in kept.chunks(super::input::CHUNK) {
        let sql = format!(
            "SELECT id, estate, building FROM parcel WHERE id IN ({}) ORDER BY sequence, id",
            marks(1, chunk.len())
        );
        places.extend(
            all::<Place, _>(round.write.tx(), &sql, chunk.iter().map(|c| Value::from(c.clone()))).await?,
        );
    }
    let about: Vec<_> = places
        .iter()
        .filter_map(|p| Some((ParcelId::parse(&p.id).ok()?, p.estate.as_str(), p.building.as_str())))
        .collect();
    let call = PlannedCall::about(phone, &about, round.now);
    row.parcels = serde_json::json!(kept).to_string();
    row.variables = serde_json::json!(crate::flow::variables(&call)).to_string();
    exec(
        round.write.tx(),
        "UPDATE recipient SET parcels = $1, variables = $2, rev = $3 WHERE id = $4",
        [
            row.parcels.clone().into(),
            row.variables.clone().into(),
            round.write.next_rev().into(),
            row.id.clone().into(),
        ],
    )
    .await?;
    for (parcel, reason) in gone {
        let parcel = parcel.to_string();
        round.tell_left_out(&row.id, &parcel, reason.as_str()).await?;
        exec(
            round.write.tx(),
            "DELETE FROM recipient_parcel WHERE recipient_id = $1 AND parcel_id = $2",
            [row.id.clone().into(), parcel.clone().into()],
        )
        .await?;
        why::decide(
            &round.write,
            round.now,
            &row.organisation_id,
            None,
            Some(&parcel),
            "suppressed",
            reason.as_str(),
        )
        .await?;
    }
    Ok(())
}
