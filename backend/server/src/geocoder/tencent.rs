//! Tencent's map (腾讯位置服务): `GET /ws/geocoder/v1/`, GCJ-02. Where the key asks for signatures, `sig` is the MD5 of path and
//! parameters in the order of their names, as they are before encoding, with the secret behind them.

use super::engine::{Found, Geocoder, elsewhere, found};
use super::http::{Asker, md5, number, text};
use super::settings::GeocoderEngine;
use crate::speech::{Failure, Secret};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use waybell_domain::track::coordinates::Datum;

pub(super) const URL: &str = "https://apis.map.qq.com/ws/geocoder/v1/";
/// Of 10: below it the service itself does not trust the place.
const RELIABLE: f64 = 7.0;

pub(super) struct Tencent {
    asker: Asker,
    path: String,
    key: Secret,
    secret: Option<Secret>,
}

impl Tencent {
    pub(super) fn new(settings: &GeocoderEngine, patience: Duration) -> Result<Tencent, String> {
        let url = settings.url.as_deref().unwrap_or(URL);
        Ok(Tencent {
            asker: Asker::new(url, &settings.agent(), patience)?,
            path: reqwest::Url::parse(url).map_err(|e| e.to_string())?.path().to_owned(),
            key: settings.key.clone().ok_or("tencent has no key")?,
            secret: settings.secret.clone(),
        })
    }
}

#[async_trait]
impl Geocoder for Tencent {
    fn name(&self) -> &'static str {
        "tencent"
    }

    async fn find(&self, question: &str) -> Result<Option<Found>, Failure> {
        let mut query = vec![("address", question), ("key", self.key.reveal()), ("output", "json")];
        let signed: Option<String> = self.secret.as_ref().map(|secret| {
            let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            md5(&format!("{}?{}{}", self.path, pairs.join("&"), secret.reveal()))
        });
        if let Some(signature) = &signed {
            query.push(("sig", signature));
        }
        read(question, &self.asker.ask(&query).await?)
    }
}

fn read(question: &str, answer: &Value) -> Result<Option<Found>, Failure> {
    match answer["status"].as_i64() {
        Some(0) => {}
        Some(code) => return refused(code),
        None => return Err(Failure::barred("answers without a status; is it the right address?")),
    }
    let result = &answer["result"];
    if number(&result["reliability"]).is_some_and(|sure| sure < RELIABLE) {
        return Ok(None);
    }
    let Some(within) = within(&result["level"]) else { return Ok(None) };
    let of = &result["address_components"];
    let told: String = ["province", "city", "district"].iter().map(|part| text(&of[*part])).collect();
    if elsewhere(question, &told) {
        return Ok(None);
    }
    let at = &result["location"];
    Ok(number(&at["lat"])
        .zip(number(&at["lng"]))
        .and_then(|(lat, lon)| found(lat, lon, Datum::Gcj02, within)))
}

/// How well a level of matching tells a building, metres; `None` for what is none.
fn within(level: &Value) -> Option<u32> {
    match number(level).map(|n| n as i64) {
        // a door
        Some(9) => Some(40),
        // an estate or tower, a place of interest
        Some(10 | 11) => Some(150),
        // a city up to a road and what belongs to one
        Some(_) => None,
        // told by its reliability alone
        None => Some(200),
    }
}

fn refused(code: i64) -> Result<Option<Found>, Failure> {
    let problem = format!("refuses with {code}");
    Err(match code {
        121 => Failure::spent(problem),
        120 | 500..=599 => Failure::again(problem),
        300 | 301 | 306 | 310 | 320 | 348 | 365 | 375 => Failure::text(problem),
        // nothing was found
        347 => return Ok(None),
        _ => Failure::barred(problem),
    })
}
