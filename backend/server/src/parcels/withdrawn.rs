//! Parcels that a later list or a waybill system takes off a courier's list, and those that come back on it.
//!
//! A list takes off only what is its courier's own and still to be done; what was delivered meanwhile stays delivered. A
//! person who stands in a queue because of it is passed over when the dialler looks at them for the last time.

use super::import::Good;
use super::rows::ParcelRow;
use crate::http::error::ApiResult;
use crate::notify::why::decide;
use crate::store::Write;
use crate::store::scope::Scope;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::OrganisationId;
use waybell_domain::parcel::ParcelState;

/// What a row's word about withdrawal comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    /// The row says nothing of it, or nothing new.
    Nothing,
    /// The parcel is taken off the list.
    Withdraw,
    /// It is withdrawn by the list, and is not this courier's.
    Elsewhere,
    /// It has been delivered, returned or withdrawn before: nothing is left to take off.
    Past,
    /// It was withdrawn, and is on the list again.
    Back,
    /// It was withdrawn, and the list does not say how it stands.
    Stays,
}

/// What a row says about the parcel of its waybill, if there is one.
pub(super) fn word(old: Option<&ParcelRow>, g: &Good, scope: &Scope) -> Word {
    let state = |row: &ParcelRow| ParcelState::parse(&row.state).unwrap_or_default();
    match (g.withdrawn, old) {
        (Some(true), Some(row)) if row.courier_id == scope.person.to_string() => match state(row) {
            state if state.can_be_withdrawn() => Word::Withdraw,
            _ => Word::Past,
        },
        (Some(true), _) => Word::Elsewhere,
        (back, Some(row)) if state(row) == ParcelState::Withdrawn => match back {
            Some(_) => Word::Back,
            None => Word::Stays,
        },
        _ => Word::Nothing,
    }
}

/// Who says that a parcel is withdrawn, or on the list again.
#[derive(Clone, Copy, Debug)]
pub(crate) enum By {
    /// A list that its courier took.
    List,
    /// A waybill system.
    System,
}

impl By {
    fn word(self) -> &'static str {
        match self {
            By::List => "list",
            By::System => "system",
        }
    }
}

/// Takes a parcel off its courier's list. `at` is when that was known: what the courier did later counts more. Gives back
/// whether it was taken off.
pub(crate) async fn withdraw(
    write: &Write,
    organisation: OrganisationId,
    parcel: &str,
    at: UnixMs,
    by: By,
) -> ApiResult<bool> {
    let sql = "UPDATE parcel SET state = $1, state_at = $2, rev = $3, deed_id = NULL, door = NULL \
               WHERE id = $4 AND state_at <= $2";
    let state = ParcelState::Withdrawn.as_str();
    let done = write.exec(sql, [state.into(), at.0.into(), write.next_rev().into(), parcel.into()]).await?;
    let done = done.rows_affected() == 1;
    if done {
        decide(write, at, &organisation.to_string(), None, Some(parcel), "withdrawn", by.word()).await?;
    }
    Ok(done)
}

/// Puts a withdrawn parcel on the list again, unless that was said before it was withdrawn; `at` is when it was said. The
/// parcel then has no time of its own: what its courier did offline meanwhile counts more. Gives back whether it is back.
pub(super) async fn bring_back(
    write: &Write,
    organisation: OrganisationId,
    parcel: &str,
    at: UnixMs,
    by: By,
) -> ApiResult<bool> {
    let sql = "UPDATE parcel SET state = $1, state_at = 0, rev = $2, deed_id = NULL, door = NULL \
               WHERE id = $3 AND state = $4 AND state_at <= $5";
    let (open, withdrawn) = (ParcelState::default().as_str(), ParcelState::Withdrawn.as_str());
    let values = [open.into(), write.next_rev().into(), parcel.into(), withdrawn.into(), at.0.into()];
    let back = write.exec(sql, values).await?.rows_affected() == 1;
    if back {
        decide(write, at, &organisation.to_string(), None, Some(parcel), "brought_back", by.word()).await?;
    }
    Ok(back)
}
