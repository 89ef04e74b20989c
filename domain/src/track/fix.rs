//! A fix: one answer of the phone's location service.

use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};

/// Mean radius of the earth, metres (IUGG R1).
pub(crate) const EARTH_M: f64 = 6_371_008.8;
/// Metres of one degree of latitude on that sphere.
pub(crate) const METRES_PER_DEGREE: f64 = EARTH_M * std::f64::consts::PI / 180.0;

/// A place in WGS-84, in units of 1e-7 degrees (about a centimetre).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Place {
    /// Latitude, 1e-7 degrees, at most 90 degrees either way.
    pub lat_e7: i32,
    /// Longitude, 1e-7 degrees, at most 180 degrees either way.
    pub lon_e7: i32,
}

impl Place {
    /// The place of these degrees; `None` if one is no number or out of its range.
    #[must_use]
    pub fn of_degrees(lat: f64, lon: f64) -> Option<Place> {
        // a comparison with NaN is false
        (lat.abs() <= 90.0 && lon.abs() <= 180.0)
            .then(|| Place { lat_e7: (lat * 1e7).round() as i32, lon_e7: (lon * 1e7).round() as i32 })
    }

    /// Latitude in degrees.
    #[must_use]
    pub fn lat(self) -> f64 {
        f64::from(self.lat_e7) * 1e-7
    }

    /// Longitude in degrees.
    #[must_use]
    pub fn lon(self) -> f64 {
        f64::from(self.lon_e7) * 1e-7
    }

    /// Metres to another place, along a great circle of the mean sphere (haversine; within 0.6 % of the ellipsoid).
    #[must_use]
    pub fn metres_to(self, other: Place) -> f64 {
        let (a, b) = (self.lat().to_radians(), other.lat().to_radians());
        let (lat, lon) = ((b - a) / 2.0, (other.lon() - self.lon()).to_radians() / 2.0);
        let h = lat.sin().powi(2) + a.cos() * b.cos() * lon.sin().powi(2);
        2.0 * EARTH_M * h.sqrt().min(1.0).asin()
    }

    /// Metres east and north of `origin`, on the plane that touches the earth there; good to a thousandth within some
    /// tens of kilometres. The short way round at the 180th meridian.
    #[must_use]
    pub fn metres_from(self, origin: Place) -> (f64, f64) {
        let mut lon = self.lon() - origin.lon();
        if lon.abs() > 180.0 {
            lon -= 360.0_f64.copysign(lon);
        }
        let middle = ((self.lat() + origin.lat()) / 2.0).to_radians();
        (lon * METRES_PER_DEGREE * middle.cos(), (self.lat() - origin.lat()) * METRES_PER_DEGREE)
    }

    /// The place so many metres east and north of this one, on the same plane; stays on the earth.
    #[must_use]
    pub fn moved(self, east: f64, north: f64) -> Place {
        let lat = (self.lat() + north / METRES_PER_DEGREE).clamp(-90.0, 90.0);
        let middle = ((self.lat() + lat) / 2.0).to_radians().cos().max(1e-6);
        let mut lon = self.lon() + east / (METRES_PER_DEGREE * middle);
        if lon.abs() > 180.0 {
            lon -= 360.0_f64.copysign(lon);
        }
        Place { lat_e7: (lat * 1e7).round() as i32, lon_e7: (lon.clamp(-180.0, 180.0) * 1e7).round() as i32 }
    }
}

words! {
    /// Who found the place.
    #[derive(Default)]
    pub enum Provider {
        /// Satellites.
        Gnss = "gnss", "卫星", "satellites";
        /// The phone's own mixture of satellites, networks and sensors.
        #[default]
        Fused = "fused", "融合定位", "fused";
        /// Base stations and Wi-Fi.
        Network = "network", "网络", "network";
        /// Not told.
        Other = "other", "其他", "other";
    }
}

/// One answer of the phone's location service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fix {
    /// Where, WGS-84.
    pub place: Place,
    /// When, by the wall clock (of the satellites, where the phone says so).
    pub wall: UnixMs,
    /// When, by the clock since boot, milliseconds, sleep included; `None` where the phone does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot_ms: Option<u64>,
    /// Radius that holds the true place with 68 %, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// Speed over ground, metres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Direction of travel, degrees from north, clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearing: Option<f32>,
    /// Height over the ellipsoid, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub altitude: Option<f32>,
    /// Who found it.
    #[serde(default)]
    pub provider: Provider,
    /// The system says that an app made it up.
    #[serde(default)]
    pub mock: bool,
}

impl Fix {
    /// A fix of which only place and time are known.
    #[must_use]
    pub fn at(place: Place, wall: UnixMs) -> Fix {
        Fix {
            place,
            wall,
            boot_ms: None,
            accuracy: None,
            speed: None,
            bearing: None,
            altitude: None,
            provider: Provider::Other,
            mock: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_degrees_of_this_earth() {
        assert_eq!(
            Place::of_degrees(31.2, 121.5),
            Some(Place { lat_e7: 312_000_000, lon_e7: 1_215_000_000 })
        );
        for (lat, lon) in [(f64::NAN, 0.0), (0.0, f64::NAN), (90.1, 0.0), (0.0, 180.1), (f64::INFINITY, 0.0)]
        {
            assert_eq!(Place::of_degrees(lat, lon), None, "{lat} {lon}");
        }
        Provider::check_words();
    }

    #[test]
    fn metres_there_and_back() {
        let here = Place::of_degrees(39.9, 116.4).unwrap();
        let there = here.moved(300.0, -400.0);
        assert!((here.metres_to(there) - 500.0).abs() < 0.5, "{}", here.metres_to(there));
        let (east, north) = there.metres_from(here);
        assert!((east - 300.0).abs() < 0.1 && (north + 400.0).abs() < 0.1);
        let (a, b) = (Place::of_degrees(10.0, 179.999).unwrap(), Place::of_degrees(10.0, -179.999).unwrap());
        assert!(b.metres_from(a).0 > 0.0 && b.metres_from(a).0 < 250.0 && a.metres_to(b) < 250.0);
        assert!(a.moved(1000.0, 0.0).lon() < -179.9);
    }
}
