//! AMap (高德): `GET /v3/geocode/geo`, GCJ-02. Where the key asks for signatures, `sig` is the MD5 of the parameters in the order of
//! their names, as they are before encoding, with the secret behind them.

use super::engine::{Found, Geocoder, elsewhere, found};
use super::http::{Asker, md5, number, text};
use super::settings::GeocoderEngine;
use crate::speech::{Failure, Secret};
use async_trait::async_trait;
use serde_json::Value;
use std::time::Duration;
use waybell_domain::track::coordinates::Datum;

pub(super) const URL: &str = "https://restapi.amap.com/v3/geocode/geo";

pub(super) struct Amap {
    asker: Asker,
    key: Secret,
    secret: Option<Secret>,
}

impl Amap {
    pub(super) fn new(settings: &GeocoderEngine, patience: Duration) -> Result<Amap, String> {
        let url = settings.url.as_deref().unwrap_or(URL);
        Ok(Amap {
            asker: Asker::new(url, &settings.agent(), patience)?,
            key: settings.key.clone().ok_or("amap has no key")?,
            secret: settings.secret.clone(),
        })
    }
}

#[async_trait]
impl Geocoder for Amap {
    fn name(&self) -> &'static str {
        "amap"
    }

    async fn find(&self, question: &str) -> Result<Option<Found>, Failure> {
        // in the order of their names
        let mut query = vec![("address", question), ("key", self.key.reveal()), ("output", "JSON")];
        let signed: Option<String> = self.secret.as_ref().map(|secret| {
            let pairs: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
            md5(&format!("{}{}", pairs.join("&"), secret.reveal()))
        });
        if let Some(signature) = &signed {
            query.push(("sig", signature));
        }
        read(question, &self.asker.ask(&query).await?)
    }
}

fn read(question: &str, answer: &Value) -> Result<Option<Found>, Failure> {
    let code = text(&answer["infocode"]);
    if text(&answer["status"]) != "1" {
        return refused(code);
    }
    let Some(first) = answer["geocodes"].get(0) else { return Ok(None) };
    let Some(within) = within(text(&first["level"])) else { return Ok(None) };
    let told: String = ["province", "city", "district"].iter().map(|part| text(&first[*part])).collect();
    if elsewhere(question, &told) {
        return Ok(None);
    }
    // longitude first
    let place = text(&first["location"]).split_once(',').and_then(|(lon, lat)| {
        found(number(&Value::from(lat))?, number(&Value::from(lon))?, Datum::Gcj02, within)
    });
    Ok(place)
}

/// How well a level of matching tells a building, metres; `None` for what is none.
fn within(level: &str) -> Option<u32> {
    match level {
        "单元号" => Some(25),
        "楼栋号" | "楼号" => Some(30),
        "门牌号" | "门址" => Some(40),
        // an estate, a tower, an institution
        "兴趣点" | "住宅区" => Some(150),
        _ => None,
    }
}

fn refused(code: &str) -> Result<Option<Found>, Failure> {
    let problem = format!("refuses with {}", code.chars().take(8).collect::<String>());
    Err(match code {
        "10003" | "10044" | "10045" | "40000" => Failure::spent(problem),
        "10004" | "10010" | "10014" | "10015" | "10016" | "10017" | "10019" | "10020" | "10021" | "10029"
        | "20003" => Failure::again(problem),
        "20000" | "20001" | "20002" | "20012" => Failure::text(problem),
        // the engine has no data for this address
        "30001" | "30002" | "30003" | "32000" => return Ok(None),
        _ => Failure::barred(problem),
    })
}
