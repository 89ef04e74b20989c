//! Where a stop is that nobody has set: what its address says beside those that are known.

use super::{Place, Whence};
use waybell_domain::address::{AddressParts, split};
use waybell_domain::clock::UnixMs;
use waybell_domain::search::normalise;
use waybell_domain::track::coordinates::Degrees;

/// A stop, as far as it is known.
pub(super) struct Known {
    estate: String,
    road: String,
    number: Option<f64>,
    at: Option<Degrees>,
}

/// The name under which the place of an address is kept.
pub(super) fn name(parts: &AddressParts, address: &str) -> String {
    let stop = parts.stop_key();
    if stop.is_empty() {
        return normalise(address);
    }
    // estates of one name lie in several cities
    format!(
        "{}{}{stop}",
        parts.city.as_deref().unwrap_or_default(),
        parts.district.as_deref().unwrap_or_default()
    )
}

impl Known {
    /// What the addresses of a stop say; the pin set last counts. `place` gives when a pin was set, and
    /// where.
    pub(super) fn of(addresses: &[String], place: impl Fn(&str) -> Option<(UnixMs, Degrees)>) -> Known {
        let parts: Vec<AddressParts> = addresses.iter().map(|a| split(a)).collect();
        let pins = parts.iter().zip(addresses).filter_map(|(parts, address)| place(&name(parts, address)));
        let at = pins.max_by_key(|(set, _)| *set).map(|(_, at)| at);
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
            at,
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
                let set = stop.at.map(|at| Place { at, whence: Whence::Pin });
                let place = set.or_else(|| in_estate(stops, stop)).or_else(|| on_road(stops, stop));
                place.unwrap_or_else(|| in_list(stops, at))
            })
            .collect()
    })
}

fn in_estate(stops: &[Known], stop: &Known) -> Option<Place> {
    let others = stops.iter().filter(|s| !stop.estate.is_empty() && s.estate == stop.estate);
    Some(Place { at: middle(others.filter_map(|s| s.at))?, whence: Whence::Estate })
}

/// Between the nearest house numbers below and above; beyond the last one at the last one.
fn on_road(stops: &[Known], stop: &Known) -> Option<Place> {
    let number = stop.number.filter(|_| !stop.road.is_empty())?;
    let on_it: Vec<(f64, Degrees)> =
        stops.iter().filter(|s| s.road == stop.road).filter_map(|s| Some((s.number?, s.at?))).collect();
    let below = on_it.iter().filter(|(n, _)| *n <= number).max_by(|a, b| a.0.total_cmp(&b.0));
    let above = on_it.iter().filter(|(n, _)| *n >= number).min_by(|a, b| a.0.total_cmp(&b.0));
    let at = match (below, above) {
        (Some((n, a)), Some((m, b))) if m > n => {
            let part = (number - n) / (m - n);
            Degrees { lat: a.lat + (b.lat - a.lat) * part, lon: a.lon + (b.lon - a.lon) * part }
        }
        (one, other) => one.or(other)?.1,
    };
    Some(Place { at, whence: Whence::Road })
}

/// Between the nearest known stops before and after it in the list.
fn in_list(stops: &[Known], at: usize) -> Place {
    let before = stops[..at].iter().rev().find_map(|s| s.at);
    let after = stops[at..].iter().find_map(|s| s.at);
    let at = middle(before.into_iter().chain(after)).unwrap_or(Degrees { lat: 0.0, lon: 0.0 });
    Place { at, whence: Whence::List }
}

fn middle(places: impl Iterator<Item = Degrees>) -> Option<Degrees> {
    let mut sum = (0.0, 0.0, 0.0);
    for place in places {
        sum = (sum.0 + place.lat, sum.1 + place.lon, sum.2 + 1.0);
    }
    (sum.2 > 0.0).then(|| Degrees { lat: sum.0 / sum.2, lon: sum.1 / sum.2 })
}
