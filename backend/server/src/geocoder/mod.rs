//! Services that are asked where a building is, by its address.
//!
//! ```text
//!  open parcels ──▶ geocode (what is to be asked, and what was said) ──▶ engines in their order ──▶ place ──▶ sync
//!                        │                                                 │
//!                        └── said before in this organisation: not asked   └── quota of the day, pace, pauses
//! ```
//!
//! Off unless `[geocoder]` names engines. Only buildings of which nothing better is known are asked for, by an address
//! without floor, room and person (`waybell_domain::building::asked_as`). A question is counted against the day's quota
//! before it is sent, in a commit of its own: a server that dies counts one too many and never asks one too many. What a
//! service does not know is kept too, and asked again after a month. A district, a road or a village is no building: such
//! answers count as not known.

mod amap;
mod engine;
mod http;
mod nominatim;
mod settings;
mod tencent;
#[cfg(test)]
mod tests;
mod tianditu;
mod work;

pub use settings::{GeocoderConfig, GeocoderEngine};
pub(crate) use work::run;

use engine::{Geocoder, Pace};
use std::time::Duration;

/// The engines that are set, in the order in which they are asked; none by default.
#[derive(Default)]
pub struct Geocoders {
    engines: Vec<Set>,
    /// Stands in where an address names no city.
    city: String,
}

/// An engine with its limits.
struct Set {
    engine: Box<dyn Geocoder>,
    per_day: u32,
    pace: Pace,
}

impl Geocoders {
    /// With the engines of a configuration.
    ///
    /// # Errors
    /// One of them cannot be set up.
    pub(crate) fn open(config: &GeocoderConfig) -> Result<Geocoders, String> {
        let patience = Duration::from_secs(u64::from(config.seconds));
        let mut engines = Vec::new();
        for name in &config.order {
            let settings = config.engine(name).ok_or_else(|| format!("{name} is no geocoder"))?;
            let engine: Box<dyn Geocoder> = match name.as_str() {
                "amap" => Box::new(amap::Amap::new(settings, patience)?),
                "tencent" => Box::new(tencent::Tencent::new(settings, patience)?),
                "tianditu" => Box::new(tianditu::Tianditu::new(settings, patience)?),
                _ => Box::new(nominatim::Nominatim::new(settings, patience)?),
            };
            engines.push(Set { engine, per_day: settings.per_day, pace: Pace::new(settings.per_second) });
        }
        Ok(Geocoders { engines, city: config.city.trim().to_owned() })
    }
}
