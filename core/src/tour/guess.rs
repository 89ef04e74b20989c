//! Where a stop is that nobody has set: what its address says beside those that are known.

use super::{Place, Whence};
use waybell_domain::address::{AddressParts, split};
use waybell_domain::building::{PlaceSource, key};
use waybell_domain::search::normalise;
use waybell_domain::track;
use waybell_domain::track::coordinates::Degrees;
use waybell_domain::wire::PlaceView;

/// A guess by the estate is no better than this, metres.
const LEAST_ESTATE: f64 = 150.0;
/// A guess by the house number is no better than this, metres.
const LEAST_ROAD: f64 = 40.0;

/// A stop, as far as it is known.
pub(super) struct Known {
    estate: String,
    road: String,
    number: Option<f64>,
    at: Option<Degrees>,
    told: Option<Place>,
}

impl Known {
    /// What the addresses of a stop say. `best` gives the best word on a building: of several spellings that of the better
    /// source counts, then the newest pin, then the surest.
    pub(super) fn of<'a>(addresses: &[String], best: impl Fn(&str) -> Option<&'a PlaceView>) -> Known {
        let parts: Vec<AddressParts> = addresses.iter().map(|a| split(a)).collect();
        let words = addresses.iter().filter_map(|address| best(&key(address)));
        let rank = |w: &&PlaceView| {
            let newest = if w.source == PlaceSource::Pin { -w.set_at.0 } else { 0 };
            (w.source, newest, w.within_m)
        };
        let told = words.min_by_key(rank).map(|w| Place {
            at: Degrees { lat: w.at.lat(), lon: w.at.lon() },
            whence: w.source.into(),
            within_m: Some(w.within_m).filter(|_| w.source != PlaceSource::Pin),
            visits: Some(w.visits).filter(|_| w.source == PlaceSource::Learned),
        });
        let first = |field: fn(&AddressParts) -> Option<&String>| {
            parts.iter().find_map(field).map(|text| normalise(text)).unwrap_or_default()
        };
        let district = first(|p| p.district.as_ref());
        let within = |text: String| if text.is_empty() { text } else { format!("{district}{text}") };
        let number = parts
            .iter()
            .find_map(|p| p.number.as_ref())
            .and_then(|n| n.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok());
        Known {
            estate: within(first(|p| p.estate.as_ref())),
            road: within(first(|p| p.road.as_ref())),
            number,
            at: told.map(|p| p.at),
            told,
        }
    }
}

/// A place for every stop; `None` if none is known at all.
pub(super) fn places(stops: &[Known]) -> Option<Vec<Place>> {
    stops.iter().any(|s| s.at.is_some()).then(|| {
        stops
            .iter()
            .enumerate()
            .map(|(at, stop)| {
                let place = stop.told.or_else(|| in_estate(stops, stop)).or_else(|| on_road(stops, stop));
                place.unwrap_or_else(|| in_list(stops, at))
            })
            .collect()
    })
}

fn in_estate(stops: &[Known], stop: &Known) -> Option<Place> {
    let others = stops.iter().filter(|s| !stop.estate.is_empty() && s.estate == stop.estate);
    let known: Vec<Degrees> = others.filter_map(|s| s.at).collect();
    let at = middle(known.iter().copied())?;
    let far = known.iter().map(|k| metres(*k, at)).fold(LEAST_ESTATE, f64::max);
    Some(Place { at, whence: Whence::Estate, within_m: Some(far.round() as u32), visits: None })
}

/// Between the nearest house numbers below and above; beyond the last one at the last one.
fn on_road(stops: &[Known], stop: &Known) -> Option<Place> {
    let number = stop.number.filter(|_| !stop.road.is_empty())?;
    let on_it: Vec<(f64, Degrees)> =
        stops.iter().filter(|s| s.road == stop.road).filter_map(|s| Some((s.number?, s.at?))).collect();
    let below = on_it.iter().filter(|(n, _)| *n <= number).max_by(|a, b| a.0.total_cmp(&b.0));
    let above = on_it.iter().filter(|(n, _)| *n >= number).min_by(|a, b| a.0.total_cmp(&b.0));
    let (at, off) = match (below, above) {
        (Some((n, a)), Some((m, b))) if m > n => {
            let part = (number - n) / (m - n);
            let at = Degrees { lat: a.lat + (b.lat - a.lat) * part, lon: a.lon + (b.lon - a.lon) * part };
            (at, metres(*a, *b) / 4.0)
        }
        // a few metres for each number that is missing
        (one, other) => {
            let (n, at) = one.or(other)?;
            (*at, (number - n).abs() * 5.0)
        }
    };
    let within_m = Some(off.clamp(LEAST_ROAD, 5_000.0).round() as u32);
    Some(Place { at, whence: Whence::Road, within_m, visits: None })
}

/// Between the nearest known stops before and after it in the list.
fn in_list(stops: &[Known], at: usize) -> Place {
    let before = stops[..at].iter().rev().find_map(|s| s.at);
    let after = stops[at..].iter().find_map(|s| s.at);
    let at = middle(before.into_iter().chain(after)).unwrap_or(Degrees { lat: 0.0, lon: 0.0 });
    Place { at, whence: Whence::List, within_m: None, visits: None }
}

fn metres(a: Degrees, b: Degrees) -> f64 {
    let place = |d: Degrees| track::Place::of_degrees(d.lat, d.lon);
    place(a).zip(place(b)).map_or(0.0, |(a, b)| a.metres_to(b))
}

fn middle(places: impl Iterator<Item = Degrees>) -> Option<Degrees> {
    let mut sum = (0.0, 0.0, 0.0);
    for place in places {
        sum = (sum.0 + place.lat, sum.1 + place.lon, sum.2 + 1.0);
    }
    (sum.2 > 0.0).then(|| Degrees { lat: sum.0 / sum.2, lon: sum.1 / sum.2 })
}
