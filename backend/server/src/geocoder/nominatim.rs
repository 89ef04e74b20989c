//! A Nominatim of one's own, or a service that answers as it does: `GET /search`, WGS-84. The public server of the project is not
//! for an address list (its usage policy), which is why there is no address by default.

use super::engine::{Found, Geocoder, elsewhere, found};
use super::http::{Asker, number, text};
use super::settings::GeocoderEngine;
use crate::speech::{Failure, Secret};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use waybell_domain::track::Place;
use waybell_domain::track::coordinates::Datum;

/// Half the diagonal of what may be a building or an estate, metres.
const WIDEST: f64 = 400.0;
/// Metres that even a mapped building is off from its door.
const LEAST: f64 = 30.0;

pub(super) struct Nominatim {
    asker: Asker,
    key: Option<Secret>,
}

impl Nominatim {
    pub(super) fn new(settings: &GeocoderEngine, patience: Duration) -> Result<Nominatim, String> {
        let url = settings.url.as_deref().ok_or("nominatim has no url")?;
        Ok(Nominatim { asker: Asker::new(url, &settings.agent(), patience)?, key: settings.key.clone() })
    }
}

#[async_trait]
impl Geocoder for Nominatim {
    fn name(&self) -> &'static str {
        "nominatim"
    }

    async fn find(&self, question: &str) -> Result<Option<Found>, Failure> {
        let mut query = vec![
            ("q", question),
            ("format", "jsonv2"),
            ("limit", "1"),
            ("countrycodes", "cn"),
            ("accept-language", "zh-CN"),
        ];
        if let Some(key) = &self.key {
            query.push(("key", key.reveal()));
        }
        read(question, &self.asker.ask(&query).await?)
    }
}

fn read(question: &str, answer: &Value) -> Result<Option<Found>, Failure> {
    if !answer["error"].is_null() {
        return Err(Failure::text("refuses the question"));
    }
    let list =
        answer.as_array().ok_or_else(|| Failure::barred("answers no list; is it the right address?"))?;
    let Some(first) = list.first() else { return Ok(None) };
    // `class` in older versions
    let category = match text(&first["category"]) {
        "" => text(&first["class"]),
        category => category,
    };
    let house = matches!(text(&first["type"]), "house" | "house_number" | "apartments" | "neighbourhood");
    let is_building = match category {
        "building" | "amenity" | "shop" | "office" | "landuse" | "tourism" | "healthcare" => true,
        "place" => house,
        _ => false,
    };
    if !is_building || elsewhere(question, text(&first["display_name"])) {
        return Ok(None);
    }
    let Some(half) = half_diagonal(&first["boundingbox"]).filter(|half| *half <= WIDEST) else {
        return Ok(None);
    };
    let within = half.max(LEAST).round() as u32;
    Ok(number(&first["lat"])
        .zip(number(&first["lon"]))
        .and_then(|(lat, lon)| found(lat, lon, Datum::Wgs84, within)))
}

/// South, north, west, east, as texts.
fn half_diagonal(of: &Value) -> Option<f64> {
    let side = |n: usize| number(&of[n]);
    let low = Place::of_degrees(side(0)?, side(2)?)?;
    let high = Place::of_degrees(side(1)?, side(3)?)?;
    Some(low.metres_to(high) / 2.0)
}
