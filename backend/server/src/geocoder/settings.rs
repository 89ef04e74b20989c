//! The section `[geocoder]` of the configuration: who is asked where buildings are.

use crate::speech::Secret;
use serde::{Deserialize, Serialize};

const ENGINES: [&str; 4] = ["amap", "tencent", "tianditu", "nominatim"];

/// Who is asked where buildings are; nobody where `order` is empty.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeocoderConfig {
    /// Engines in the order in which they are asked: `amap`, `tencent`, `tianditu`, `nominatim`.
    pub order: Vec<String>,
    /// City that stands in where an address names none.
    pub city: String,
    /// Longest that an engine may take, seconds.
    pub seconds: u32,
    /// AMap.
    pub amap: GeocoderEngine,
    /// Tencent.
    pub tencent: GeocoderEngine,
    /// Tianditu.
    pub tianditu: GeocoderEngine,
    /// A Nominatim of one's own.
    pub nominatim: GeocoderEngine,
}

impl Default for GeocoderConfig {
    fn default() -> Self {
        let engine = GeocoderEngine::default;
        GeocoderConfig {
            order: Vec::new(),
            city: String::new(),
            seconds: 10,
            amap: engine(),
            tencent: engine(),
            tianditu: engine(),
            nominatim: engine(),
        }
    }
}

/// One of them.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GeocoderEngine {
    /// Its key.
    pub key: Option<Secret>,
    /// What requests are signed with, where the key asks for that (`amap`, `tencent`).
    pub secret: Option<Secret>,
    /// Another address than the vendor's.
    pub url: Option<String>,
    /// Most questions a day, from midnight to midnight in China.
    pub per_day: u32,
    /// Most questions a second.
    pub per_second: f64,
    /// How to reach who asks, sent as part of `User-Agent`: a Nominatim wants to know.
    pub contact: String,
}

impl Default for GeocoderEngine {
    fn default() -> Self {
        GeocoderEngine {
            key: None,
            secret: None,
            url: None,
            per_day: 2_000,
            per_second: 1.0,
            contact: String::new(),
        }
    }
}

impl GeocoderEngine {
    /// `User-Agent`.
    pub(super) fn agent(&self) -> String {
        match self.contact.trim() {
            "" => concat!("waybell/", env!("CARGO_PKG_VERSION")).to_owned(),
            contact => format!("waybell/{} ({contact})", env!("CARGO_PKG_VERSION")),
        }
    }
}

impl GeocoderConfig {
    /// The settings of an engine.
    pub(super) fn engine(&self, name: &str) -> Option<&GeocoderEngine> {
        match name {
            "amap" => Some(&self.amap),
            "tencent" => Some(&self.tencent),
            "tianditu" => Some(&self.tianditu),
            "nominatim" => Some(&self.nominatim),
            _ => None,
        }
    }

    /// What is wrong: key below `geocoder`, problem, what to do.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub fn check(&self) -> Result<(), (String, String, &'static str)> {
        for (at, name) in self.order.iter().enumerate() {
            if !ENGINES.contains(&name.as_str()) {
                let hint = "write amap, tencent, tianditu or nominatim";
                return Err(("order".into(), format!("{name:?} is no geocoder"), hint));
            }
            if self.order[..at].contains(name) {
                return Err(("order".into(), format!("names {name} twice"), "name each once"));
            }
        }
        if !(1..=60).contains(&self.seconds) {
            return Err(("seconds".into(), format!("{} is not between 1 and 60", self.seconds), "write 10"));
        }
        ENGINES.iter().try_for_each(|name| self.check_engine(name))
    }

    fn check_engine(&self, name: &str) -> Result<(), (String, String, &'static str)> {
        let Some(engine) = self.engine(name) else { return Ok(()) };
        let wrong = |key: &str, problem: String, hint| Err((format!("{name}.{key}"), problem, hint));
        let asked = self.order.iter().any(|n| n == name);
        let keyless = engine.key.as_ref().is_none_or(|key| key.reveal().trim().is_empty());
        if asked && keyless && name != "nominatim" {
            return wrong("key", "is missing".into(), "write the key of the vendor's console");
        }
        if asked && name == "nominatim" && engine.url.is_none() {
            let hint = "write the address of /search of a server that takes your questions";
            return wrong("url", "is missing".into(), hint);
        }
        if asked && name == "nominatim" && engine.contact.trim().is_empty() {
            return wrong("contact", "is missing".into(), "write an e-mail address or a page");
        }
        if !engine.contact.is_ascii() || engine.contact.chars().any(char::is_control) {
            return wrong(
                "contact",
                "has other than plain letters".into(),
                "write an e-mail address or a page",
            );
        }
        if let Some(url) = &engine.url {
            let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|l| {
                url.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            });
            if !(url.starts_with("https://") || local) || reqwest::Url::parse(url).is_err() {
                let hint = "write the whole address; without TLS only on this machine";
                return wrong("url", format!("{url:?} is no https:// address"), hint);
            }
        }
        if !(0.01..=100.0).contains(&engine.per_second) {
            let problem = format!("{} is not between 0.01 and 100", engine.per_second);
            return wrong("per_second", problem, "write what the vendor allows");
        }
        Ok(())
    }
}
