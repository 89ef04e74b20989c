//! Coordinates that a list tells.

use crate::track::Place;
use crate::track::coordinates::{Datum, Degrees, convert};

/// What is odd about coordinates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddPlace {
    /// No two numbers of degrees.
    Unreadable,
    /// 0, 0, or one of the two is missing: the system has none.
    Missing,
    /// Latitude and longitude stood in each other's place; they were taken the right way round.
    Swapped,
    /// No place in China.
    Abroad,
}

/// Whether a place is in China or the seas around it, roughly: 3 to 54 degrees north, 73 to 136 east.
#[must_use]
pub fn in_china(at: Degrees) -> bool {
    (3.0..=54.0).contains(&at.lat) && (73.0..=136.0).contains(&at.lon)
}

/// Two numbers in one cell, in whichever order: `121.4737,31.2304`, `31.2304 121.4737`, `(121.47，31.23)`, `POINT(121.47 31.23)`.
#[must_use]
pub fn pair(cell: &str) -> Option<(&str, &str)> {
    let bare = cell.trim_matches(|c: char| !c.is_ascii_digit() && c != '-');
    let mut parts =
        bare.split([',', '，', ';', '；', '/', '|', ' ', '\t', '、']).filter(|p| !p.trim().is_empty());
    let (first, second) = (parts.next()?, parts.next()?);
    parts.next().is_none().then_some((first, second))
}

/// The place that a list tells in a datum, as WGS-84, and what is odd about it; neither where both are empty.
#[must_use]
pub fn told(lat: &str, lon: &str, datum: Datum) -> (Option<Place>, Option<OddPlace>) {
    let (lat, lon) = (bare(lat), bare(lon));
    match (lat.is_empty(), lon.is_empty()) {
        (true, true) => return (None, None),
        (true, false) | (false, true) => return (None, Some(OddPlace::Missing)),
        _ => {}
    }
    let (Some(lat), Some(lon)) = (degrees(&lat), degrees(&lon)) else {
        return (None, Some(OddPlace::Unreadable));
    };
    if lat.abs() < 1e-6 && lon.abs() < 1e-6 {
        return (None, Some(OddPlace::Missing));
    }
    let (at, swapped) = (Degrees { lat, lon }, Degrees { lat: lon, lon: lat });
    let (at, odd) = match (in_china(at), in_china(swapped)) {
        (true, _) => (at, None),
        (false, true) => (swapped, Some(OddPlace::Swapped)),
        _ => return (None, Some(OddPlace::Abroad)),
    };
    let at = convert(at, datum, Datum::Wgs84);
    (Place::of_degrees(at.lat, at.lon), odd)
}

/// Half width, without the letters and the sign that some systems add: `E121.4737°`, `东经121.4737`.
fn bare(cell: &str) -> String {
    let half: String = cell.trim().chars().map(crate::search::half_width).collect();
    half.trim_start_matches(['N', 'E', 'n', 'e', '北', '东', '经', '纬', ' '])
        .trim_end_matches(['N', 'E', 'n', 'e', '°', '度', ' '])
        .to_owned()
}

fn degrees(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|d| d.is_finite() && d.abs() <= 180.0)
}
