//! `route`.

use super::{Outcome, load, refresh};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use waybell_core::Client;
use waybell_core::notify::ZONE;
use waybell_core::tour::{Place, Tour, Whence, Wish};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::plan::Ahead;
use waybell_domain::lang::Lang;
use waybell_domain::track::coordinates::{Datum, Degrees, convert};

/// `31.2304,121.4737`.
pub(super) fn degrees(out: &Out, text: &str) -> Result<Degrees, Failure> {
    let bad = || Failure::usage(texts::bad_place(out.lang, text)).hint(texts::place_hint(out.lang));
    let (lat, lon) = text.split_once([',', '，', ' ']).ok_or_else(bad)?;
    let number = |part: &str| part.trim().parse::<f64>().ok().filter(|n| n.is_finite());
    let at = Degrees { lat: number(lat).ok_or_else(bad)?, lon: number(lon).ok_or_else(bad)? };
    if at.lat.abs() > 90.0 || at.lon.abs() > 180.0 {
        return Err(bad());
    }
    Ok(at)
}

/// What `route` was asked.
pub(super) struct Asked<'a> {
    pub from: Option<&'a str>,
    pub back_to: Option<&'a str>,
    pub depart: Option<&'a str>,
    pub speed: Option<f64>,
    pub datum: Datum,
}

pub(super) async fn route(client: &Client, out: &Out, asked: &Asked<'_>) -> Outcome {
    let place = |text: Option<&str>| -> Result<Option<Degrees>, Failure> {
        text.map(|text| Ok(convert(degrees(out, text)?, asked.datum, Datum::Wgs84))).transpose()
    };
    let depart = asked.depart.map(|text| when::start(out.lang, text, when::now())).transpose()?;
    let mut wish = Wish::at(depart.unwrap_or_else(when::now));
    (wish.from, wish.back_to) = (place(asked.from)?, place(asked.back_to)?);
    if let Some(speed) = asked.speed {
        if !(1.0..=150.0).contains(&speed) {
            return Err(Failure::usage(texts::bad_speed(out.lang, speed)));
        }
        wish.speed = speed / 3.6;
    }
    refresh(client).await?;
    load(client, out).await?;
    let tour = client.tours().plan(&wish).await?;
    out.json(&tour);
    tell(out, &tour);
    Ok(DONE)
}

/// Calls that follow the route from here and now.
pub(super) async fn ahead(
    client: &Client,
    out: &Out,
    minutes: u16,
    from: Option<&str>,
) -> Result<Ahead, Failure> {
    let mut wish = Wish::at(when::now());
    wish.from = from.map(|text| degrees(out, text)).transpose()?;
    let tour = client.tours().plan(&wish).await?;
    if tour.guessed > 0 {
        out.line(texts::tour_guessed(out.lang, tour.guessed));
    }
    Ok(tour.ahead(minutes))
}

fn tell(out: &Out, tour: &Tour) {
    let clock = |at: UnixMs| at.to_utc().with_timezone(&ZONE).format("%H:%M").to_string();
    let rows: Vec<Vec<String>> = tour
        .visits
        .iter()
        .enumerate()
        .map(|(at, visit)| {
            vec![
                (at + 1).to_string(),
                clock(visit.arrive),
                visit.stop.name.clone(),
                texts::parcels(out.lang, visit.stop.open),
                whence(out.lang, &visit.place),
            ]
        })
        .collect();
    out.table(&rows);
    let minutes = |ms: i64| ms / 60_000;
    out.line(texts::tour(out.lang, tour.visits.len(), clock(tour.finish), minutes(tour.travel_ms)));
    let saved = minutes(tour.travel_as_listed_ms - tour.travel_ms);
    if saved > 0 {
        out.line(texts::tour_saves(out.lang, saved));
    }
    if tour.guessed > 0 {
        out.line(texts::tour_guessed(out.lang, tour.guessed));
    }
}

fn whence(lang: Lang, place: &Place) -> String {
    let metres = place.within_m.unwrap_or_default();
    match place.whence {
        Whence::Pin => texts::place_pin(lang),
        Whence::Learned => texts::place_learned(lang, place.visits.unwrap_or_default(), metres),
        Whence::Imported => texts::place_imported(lang, metres),
        Whence::Geocoded => texts::place_geocoded(lang, metres),
        Whence::Estate => texts::guessed_estate(lang, metres),
        Whence::Road => texts::guessed_road(lang, metres),
        Whence::List => texts::guessed_list(lang),
    }
}
