//! What this phone knows of where buildings are: the server's word, and what was set here and is on its way.
//!
//! The server tells every place of the branch, and this phone keeps them all, sealed, by building and source: a route to
//! streets where this courier has never been works in a cellar too. A pin that waits in the queue counts as the last one.

use super::{PINS, Pin};
use crate::error::Result;
use crate::outbox::OperationKind;
use crate::outbox::queue;
use crate::store::seal::Seal;
use crate::store::{sealed, sealed_meta};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use waybell_domain::building::PlaceSource;
use waybell_domain::track::Place;
use waybell_domain::wire::{ImportRequest, PlaceRequest, PlaceView};

fn id(source: PlaceSource, key: &str) -> String {
    format!("{}:{key}", source.as_str())
}

/// The server's word on places: new ones, and those that are gone.
pub(crate) fn learn(t: &Connection, seal: &Seal, views: &[PlaceView]) -> Result<()> {
    for view in views {
        let id = id(view.source, &view.key);
        let known: Option<PlaceView> = sealed::find(t, seal, "place", &id)?;
        if known.is_some_and(|known| known.rev > view.rev) {
            continue;
        }
        // a pin that is gone keeps an older one of this phone from counting
        if view.gone && view.source != PlaceSource::Pin {
            sealed::remove(t, "place", &id)?;
            continue;
        }
        t.prepare_cached("INSERT OR REPLACE INTO place (id, body) VALUES (?1, ?2)")?
            .execute(params![id, seal.seal(&id, view)?])?;
    }
    Ok(())
}

/// Forgets what the server said.
pub(crate) fn forget(t: &Connection) -> Result<()> {
    t.execute("DELETE FROM place", [])?;
    Ok(())
}

/// What is known of some buildings, by name; of each the best word, and of one source the last.
pub(super) fn best(
    c: &Connection,
    seal: &Seal,
    keys: &BTreeSet<String>,
) -> Result<HashMap<String, PlaceView>> {
    let pending = pending(c, seal)?;
    let listed = listed(c, seal)?;
    let own: BTreeMap<String, Pin> = sealed_meta(c, seal, PINS)?.unwrap_or_default();
    let mut found = HashMap::new();
    for key in keys {
        let told = |source| sealed::find::<PlaceView>(c, seal, "place", &id(source, key));
        let pin = match (pending.get(key), told(PlaceSource::Pin)?, own.get(key)) {
            // what was set last counts, also before this phone has told its own
            (Some(set), Some(told), _) if told.set_at > set.set_at => Some(told),
            (Some(set), ..) => Some(set.clone()),
            (None, Some(told), _) => Some(told),
            // set by an app that kept pins to itself
            (None, None, Some(pin)) => pin.view(key),
            (None, None, None) => None,
        };
        let mut words = vec![pin, told(PlaceSource::Learned)?];
        words.push(listed.get(key).cloned().or(told(PlaceSource::Imported)?));
        words.push(told(PlaceSource::Geocoded)?);
        if let Some(best) = words.into_iter().flatten().find(|word| !word.gone) {
            found.insert(key.clone(), best);
        }
    }
    Ok(found)
}

/// Pins that were set or taken back here and are not at the server; the last one of each.
fn pending(c: &Connection, seal: &Seal) -> Result<HashMap<String, PlaceView>> {
    let mut set = HashMap::new();
    for operation in queue::alive(c, seal, &[OperationKind::Place])? {
        let Ok(request) = serde_json::from_slice::<PlaceRequest>(&operation.body) else { continue };
        for key in request.keys {
            let at = request.at.unwrap_or(Place { lat_e7: 0, lon_e7: 0 });
            let view = PlaceView {
                set_at: operation.acted.wall,
                gone: request.at.is_none(),
                ..new(&key, PlaceSource::Pin, at)
            };
            set.insert(key, view);
        }
    }
    Ok(set)
}

/// Places in lists that are not at the server.
fn listed(c: &Connection, seal: &Seal) -> Result<HashMap<String, PlaceView>> {
    let mut told = HashMap::new();
    for operation in queue::alive(c, seal, &[OperationKind::Import])? {
        let Ok(request) = serde_json::from_slice::<ImportRequest>(&operation.body) else { continue };
        for row in request.rows {
            let Some(at) = row.at else { continue };
            let key = waybell_domain::building::key(&row.address);
            told.entry(key.clone()).or_insert_with(|| new(&key, PlaceSource::Imported, at));
        }
    }
    Ok(told)
}

/// A place that only this phone knows.
pub(super) fn new(key: &str, source: PlaceSource, at: Place) -> PlaceView {
    PlaceView {
        key: key.to_owned(),
        source,
        at,
        within_m: if source == PlaceSource::Imported { 60 } else { 0 },
        visits: 0,
        engine: None,
        by: None,
        set_at: waybell_domain::clock::UnixMs(0),
        gone: false,
        rev: 0,
    }
}
