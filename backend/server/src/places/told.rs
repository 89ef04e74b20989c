//! Coordinates that came with the day's list.

use super::rows::{self, Branch};
use crate::store::{StoreError, Write};
use std::collections::{BTreeMap, HashMap};
use waybell_domain::building::{PlaceSource, key};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Place;
use waybell_domain::wire::PlaceView;

/// How well lists know a door, metres: most have the estate's middle, or what a geocoder made of the address.
const WITHIN: u32 = 60;
/// Lists have a place of their own for each parcel of a building; what is nearer than this is the same, metres.
const ALIKE: f64 = 30.0;

/// Takes the places of rows of a list, by their addresses. What a supervisor removed stays away until the list says
/// something else.
pub(crate) async fn take_told(
    write: &Write,
    branch: &Branch,
    now: UnixMs,
    told: &[(String, Place)],
) -> Result<(), StoreError> {
    let mut first: BTreeMap<String, Place> = BTreeMap::new();
    for (address, at) in told {
        let key = key(address);
        if !key.is_empty() {
            first.entry(key).or_insert(*at);
        }
    }
    if first.is_empty() {
        return Ok(());
    }
    let keys: Vec<String> = first.keys().cloned().collect();
    let known = rows::of_keys(write.tx(), branch, &keys).await?;
    let known: HashMap<&str, &PlaceView> =
        known.iter().filter(|p| p.source == PlaceSource::Imported).map(|p| (p.key.as_str(), p)).collect();
    for (key, at) in &first {
        if known.get(key.as_str()).is_some_and(|old| old.at.metres_to(*at) < ALIKE) {
            continue;
        }
        let view = PlaceView {
            key: key.clone(),
            source: PlaceSource::Imported,
            at: *at,
            within_m: WITHIN,
            visits: 0,
            engine: None,
            by: None,
            set_at: now,
            gone: false,
            rev: 0,
        };
        rows::put(write, branch, &view).await?;
    }
    Ok(())
}
