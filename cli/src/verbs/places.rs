//! `pin`, `places`.

use super::tour::degrees;
use super::{Outcome, deliver, signed_in};
use crate::args::{PinArgs, PlacesArgs};
use crate::out::{DONE, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use waybell_core::Client;
use waybell_domain::building::PlaceSource;
use waybell_domain::track::coordinates::Datum;
use waybell_domain::wire::PlaceView;

pub(super) async fn pin(client: &Client, out: &Out, args: &PinArgs) -> Outcome {
    let Some(place) = args.place.as_deref().filter(|_| !args.remove) else {
        let stop = client.tours().unpin(&args.stop).await?;
        let said = texts::unpinned(out.lang, &stop.name);
        return deliver(client, out, json!(stop), &[said]).await;
    };
    let at = degrees(out, place)?;
    let datum = Datum::parse(&args.datum).unwrap_or_default();
    let stop = client.tours().pin(&args.stop, at, datum).await?;
    let said = texts::pinned(out.lang, &stop.name, stop.parcels.len());
    deliver(client, out, json!(stop), &[said]).await
}

pub(super) async fn places(client: &Client, out: &Out, args: &PlacesArgs) -> Outcome {
    signed_in(client)?;
    if let Some(source) = args.remove.as_deref().and_then(PlaceSource::parse) {
        let removed = client.tours().remove_place(&args.name, source).await?;
        out.json(&removed);
        out.line(texts::place_removed(out.lang, &removed.key));
        return Ok(DONE);
    }
    let found = client.tours().places(&args.name, args.limit).await?;
    out.json(&found);
    if found.is_empty() {
        out.line(texts::no_places(out.lang));
    }
    out.table(&found.iter().map(|place| row(out, place)).collect::<Vec<_>>());
    Ok(DONE)
}

fn row(out: &Out, place: &PlaceView) -> Vec<String> {
    let whence = match place.source {
        PlaceSource::Pin => texts::place_pin(out.lang),
        PlaceSource::Learned => texts::place_learned(out.lang, place.visits, place.within_m),
        PlaceSource::Imported => texts::place_imported(out.lang, place.within_m),
        PlaceSource::Geocoded => texts::place_geocoded(out.lang, place.within_m),
    };
    let at = format!("{:.5},{:.5}", place.at.lat(), place.at.lon());
    vec![place.key.clone(), at, whence, when::stamp(place.set_at)]
}
