//! Tianditu (天地图): `GET /geocoder`, CGCS2000, which is WGS-84 to well below a metre.

use super::engine::{Found, Geocoder, found};
use super::http::{Asker, number, text};
use super::settings::GeocoderEngine;
use crate::speech::{Failure, Secret};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::time::Duration;
use waybell_domain::track::coordinates::Datum;

pub(super) const URL: &str = "https://api.tianditu.gov.cn/geocoder";
/// Of 100: below it the address was matched in part.
const GOOD: f64 = 80.0;

pub(super) struct Tianditu {
    asker: Asker,
    key: Secret,
}

impl Tianditu {
    pub(super) fn new(settings: &GeocoderEngine, patience: Duration) -> Result<Tianditu, String> {
        let url = settings.url.as_deref().unwrap_or(URL);
        Ok(Tianditu {
            asker: Asker::new(url, &settings.agent(), patience)?,
            key: settings.key.clone().ok_or("tianditu has no key")?,
        })
    }
}

#[async_trait]
impl Geocoder for Tianditu {
    fn name(&self) -> &'static str {
        "tianditu"
    }

    async fn find(&self, question: &str) -> Result<Option<Found>, Failure> {
        let asked = json!({ "keyWord": question }).to_string();
        read(&self.asker.ask(&[("ds", &asked), ("tk", self.key.reveal())]).await?)
    }
}

fn read(answer: &Value) -> Result<Option<Found>, Failure> {
    match number(&answer["status"]).map(|n| n as i64) {
        Some(0) => {}
        Some(101) => return Ok(None),
        Some(code) => return Err(Failure::again(format!("refuses with {code}"))),
        // what is wrong with the key comes in another shape
        None => return Err(refused(answer)),
    }
    let at = &answer["location"];
    if number(&at["score"]).is_some_and(|score| score < GOOD) {
        return Ok(None);
    }
    let Some(within) = within(text(&at["level"])) else { return Ok(None) };
    Ok(number(&at["lat"])
        .zip(number(&at["lon"]))
        .and_then(|(lat, lon)| found(lat, lon, Datum::Wgs84, within)))
}

/// How well a level of matching tells a building, metres; `None` for what is none.
fn within(level: &str) -> Option<u32> {
    match level {
        "门址" | "门牌号" | "门牌" => Some(50),
        "楼栋" | "楼号" | "建筑物" => Some(40),
        "兴趣点" | "POI" | "小区" | "住宅区" => Some(150),
        _ => None,
    }
}

fn refused(answer: &Value) -> Failure {
    let message = text(&answer["msg"]);
    let code = number(&answer["code"]).map_or_else(|| "no status".to_owned(), |n| format!("code {n}"));
    let problem = format!("refuses with {code}");
    if ["配额", "次数", "超限"].iter().any(|word| message.contains(word)) {
        Failure::spent(problem)
    } else if ["频", "繁忙"].iter().any(|word| message.contains(word)) {
        Failure::again(problem)
    } else {
        Failure::barred(problem)
    }
}
