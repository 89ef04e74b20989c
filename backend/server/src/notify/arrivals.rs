//! When couriers arrive: what a tour tells is kept with the parcels, so that a caller who meets a voicemail hears it.

use crate::store::{Several, StoreError, Write};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::plan::Ahead;

/// Keeps the arrivals that the tour of this courier has with parcels that are the courier's. `now` and `wall` are one moment by
/// the server's clock and by the wall's.
pub(super) async fn keep(
    write: &Write,
    (organisation, courier): (&str, &str),
    ahead: &Ahead,
    (now, wall): (UnixMs, UnixMs),
) -> Result<(), StoreError> {
    let mut several = Several::default();
    for (parcel, arrival) in ahead.by_parcel() {
        let at = now.0.saturating_add(arrival.since(wall));
        several.add(
            "UPDATE parcel SET arrives_at = $1, arrives_of = courier_id WHERE id = $2 AND organisation_id = $3 \
             AND courier_id = $4",
            [at.into(), parcel.to_string().into(), organisation.into(), courier.into()],
        );
    }
    several.run(write.tx()).await
}
