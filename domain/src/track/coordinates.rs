//! WGS-84, GCJ-02 and BD-09.
//!
//! Receivers tell WGS-84; maps of mainland China are drawn in GCJ-02 (AMap, Tencent, Apple) or BD-09 (Baidu), some
//! hundreds of metres away. Everything is stored in WGS-84 and converted where it is shown or sent to such a map.
//!
//! The forward formula is the one that all public implementations share (a sum of sines on the Krasovsky 1940
//! ellipsoid); BD-09 turns and stretches GCJ-02 a little more. The inverses have no formula: they are found by fixed-point
//! iteration, whose error falls by a factor of more than 100 a step, so that eight steps are exact to a double. Outside
//! mainland China (see the outline in `china.rs`) GCJ-02 is WGS-84, and nothing is moved; an inverse at the border
//! takes the answer whose forward image is the point, and the point itself if there is none.

use super::china;
use serde::{Deserialize, Serialize};
use std::f64::consts::PI;

/// Semi-major axis of Krasovsky 1940, metres.
const AXIS: f64 = 6_378_245.0;
/// Its first eccentricity, squared.
const ECCENTRICITY2: f64 = 0.006_693_421_622_965_943;
/// Steps of an inverse.
const STEPS: usize = 8;
/// An inverse whose forward image is this near, degrees, is one.
const CLOSE: f64 = 1e-7;

/// Degrees in some datum.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Degrees {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

words! {
    /// What coordinates refer to.
    #[derive(Default)]
    pub enum Datum {
        /// Of the satellites: WGS-84.
        #[default]
        Wgs84 = "wgs84", "WGS-84", "WGS-84";
        /// Of Chinese maps: GCJ-02.
        Gcj02 = "gcj02", "火星坐标 GCJ-02", "GCJ-02";
        /// Of Baidu's maps: BD-09.
        Bd09 = "bd09", "百度坐标 BD-09", "BD-09";
    }
}

/// The same place in another datum. What is no number, or no place on the earth, comes back as it is.
#[must_use]
pub fn convert(at: Degrees, from: Datum, to: Datum) -> Degrees {
    let known = at.lat.abs() <= 90.0 && at.lon.abs() <= 180.0;
    if !known || from == to {
        return at;
    }
    let wgs84 = match from {
        Datum::Wgs84 => at,
        Datum::Gcj02 => gcj02_to_wgs84(at),
        Datum::Bd09 => bd09_to_wgs84(at),
    };
    if to == Datum::Wgs84 || !is_shifted(wgs84) {
        return wgs84;
    }
    let gcj02 = if from == Datum::Gcj02 { at } else { wgs84_to_gcj02(wgs84) };
    if to == Datum::Gcj02 { gcj02 } else { turn(gcj02) }
}

/// Whether GCJ-02 is in use at this place of WGS-84: mainland China.
#[must_use]
pub fn is_shifted(at: Degrees) -> bool {
    china::contains(at.lat, at.lon)
}

fn wgs84_to_gcj02(at: Degrees) -> Degrees {
    if !is_shifted(at) {
        return at;
    }
    let shift = shift(at);
    Degrees { lat: at.lat + shift.lat, lon: at.lon + shift.lon }
}

fn gcj02_to_wgs84(at: Degrees) -> Degrees {
    let mut guess = at;
    for _ in 0..STEPS {
        let there = shift(guess);
        guess = Degrees { lat: at.lat - there.lat, lon: at.lon - there.lon };
    }
    let back = wgs84_to_gcj02(guess);
    if (back.lat - at.lat).abs() < CLOSE && (back.lon - at.lon).abs() < CLOSE { guess } else { at }
}

/// The formula everywhere, in China or not.
fn shift(at: Degrees) -> Degrees {
    let (x, y) = (at.lon - 105.0, at.lat - 35.0);
    let root = x.abs().sqrt();
    let wave = |v: f64, period: f64| (v * PI / period).sin();
    let common = (20.0 * wave(x, 1.0 / 6.0) + 20.0 * wave(x, 0.5)) * 2.0 / 3.0;
    let north = -100.0
        + 2.0 * x
        + 3.0 * y
        + 0.2 * y * y
        + 0.1 * x * y
        + 0.2 * root
        + common
        + (20.0 * wave(y, 1.0) + 40.0 * wave(y, 3.0)) * 2.0 / 3.0
        + (160.0 * wave(y, 12.0) + 320.0 * wave(y, 30.0)) * 2.0 / 3.0;
    let east = 300.0
        + x
        + 2.0 * y
        + 0.1 * x * x
        + 0.1 * x * y
        + 0.1 * root
        + common
        + (20.0 * wave(x, 1.0) + 40.0 * wave(x, 3.0)) * 2.0 / 3.0
        + (150.0 * wave(x, 12.0) + 300.0 * wave(x, 30.0)) * 2.0 / 3.0;
    let lat = at.lat.to_radians();
    let magic = 1.0 - ECCENTRICITY2 * lat.sin() * lat.sin();
    let meridian = AXIS * (1.0 - ECCENTRICITY2) / (magic * magic.sqrt());
    let parallel = AXIS / magic.sqrt() * lat.cos();
    Degrees { lat: (north / meridian).to_degrees(), lon: (east / parallel).to_degrees() }
}

/// Baidu's turn of GCJ-02. Outside mainland China Baidu's coordinates are those of the satellites.
fn turn(at: Degrees) -> Degrees {
    let pi = PI * 3000.0 / 180.0;
    let radius = at.lon.hypot(at.lat) + 0.00002 * (at.lat * pi).sin();
    let angle = at.lat.atan2(at.lon) + 0.000003 * (at.lon * pi).cos();
    Degrees { lat: radius * angle.sin() + 0.006, lon: radius * angle.cos() + 0.0065 }
}

fn bd09_to_wgs84(at: Degrees) -> Degrees {
    let mut guess = Degrees { lat: at.lat - 0.006, lon: at.lon - 0.0065 };
    for _ in 0..STEPS {
        let there = turn(guess);
        guess = Degrees { lat: guess.lat + at.lat - there.lat, lon: guess.lon + at.lon - there.lon };
    }
    let wgs84 = gcj02_to_wgs84(guess);
    if is_shifted(wgs84) { wgs84 } else { at }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Name; latitude and longitude in WGS-84, GCJ-02, BD-09, the last two computed by gcoord 1.0 (npm), which shares
    /// nothing with this crate.
    type Oracle = (&'static str, [f64; 2], [f64; 2], [f64; 2]);
    #[rustfmt::skip]
    const ORACLE: [Oracle; 12] = [
        ("Beijing", [39.90882, 116.39748], [39.91022350014819, 116.403723584016], [39.91656278623979, 116.41009647071326]),
        ("Shanghai", [31.23971, 121.49952], [31.237696849784975, 121.5039537673909], [31.243344701720556, 121.51056329729654]),
        ("Guangzhou", [23.10647, 113.32446], [23.103868076447956, 113.32988112578381], [23.109573896881706, 113.33643699222038]),
        ("Chengdu", [30.65741, 104.06586], [30.654988462583926, 104.06836760417929], [30.661016580859844, 104.07486472994117]),
        ("Urumqi", [43.82663, 87.61688], [43.8278348652853, 87.61973008384435], [43.83397838862137, 87.62618051157993]),
        ("Harbin", [45.75669, 126.64242], [45.75864113628289, 126.64838986192915], [45.764335371854294, 126.65501946121981]),
        ("Lhasa", [29.65583, 91.11722], [29.65312416000817, 91.1187805184401], [29.65900679210617, 91.12533205593759]),
        ("Sanya", [18.25248, 109.51189], [18.250774932715498, 109.51597430838947], [18.256556520906436, 109.52252154821383]),
        ("Kashgar", [39.47042, 75.98951], [39.47064616374797, 75.99246403365457], [39.47661249577903, 75.99897091907647]),
        ("Kunming", [25.04089, 102.71225], [25.037917319939414, 102.71369153889819], [25.044204983414275, 102.72010481482208]),
        ("Hailar", [49.21163, 119.73582], [49.21357085791463, 119.74319237232619], [49.219804687861185, 119.74961037378301]),
        ("Xian", [34.26094, 108.94218], [34.2593528009321, 108.94683553415908], [34.26560522623608, 108.9532568666661]),
    ];

    fn near(a: Degrees, b: [f64; 2], within: f64) -> bool {
        (a.lat - b[0]).abs() < within && (a.lon - b[1]).abs() < within
    }

    #[test]
    fn as_others_have_it() {
        for (name, wgs, gcj, bd) in ORACLE {
            let at = |p: [f64; 2]| Degrees { lat: p[0], lon: p[1] };
            let to = |p, from, to| convert(at(p), from, to);
            assert!(near(to(wgs, Datum::Wgs84, Datum::Gcj02), gcj, 1e-9), "{name}");
            assert!(near(to(wgs, Datum::Wgs84, Datum::Bd09), bd, 1e-9), "{name}");
            assert!(near(to(gcj, Datum::Gcj02, Datum::Bd09), bd, 1e-9), "{name}");
            assert!(near(to(gcj, Datum::Gcj02, Datum::Wgs84), wgs, 1e-9), "{name}");
            assert!(near(to(bd, Datum::Bd09, Datum::Gcj02), gcj, 1e-9), "{name}");
            assert!(near(to(bd, Datum::Bd09, Datum::Wgs84), wgs, 1e-9), "{name}");
        }
        Datum::check_words();
    }

    #[test]
    fn there_and_back_everywhere_and_nothing_moves_outside() {
        let (mut shifted, mut still) = (0, 0);
        for i in 0..200 {
            for j in 0..200 {
                let at = Degrees { lat: -60.0 + 0.6 * f64::from(i), lon: -180.0 + 1.8 * f64::from(j) };
                let at = if j % 2 == 0 {
                    at
                } else {
                    Degrees { lat: 18.0 + 0.17 * f64::from(i), lon: 74.0 + 0.3 * f64::from(j) }
                };
                for datum in [Datum::Gcj02, Datum::Bd09] {
                    let there = convert(at, Datum::Wgs84, datum);
                    let back = convert(there, datum, Datum::Wgs84);
                    let moved = (there.lat - at.lat).abs() + (there.lon - at.lon).abs();
                    assert_eq!(moved != 0.0, is_shifted(at), "{at:?}");
                    if is_shifted(at) {
                        shifted += 1
                    } else {
                        still += 1
                    }
                    assert!(moved < 0.03, "{at:?}");
                    // a step at the border has no inverse on one side of it
                    let seam = moved == 0.0 && is_shifted(Degrees { lat: back.lat, lon: back.lon });
                    assert!(seam || near(back, [at.lat, at.lon], 1e-9), "{at:?} {datum} {back:?}");
                }
            }
        }
        assert!(shifted > 5_000 && still > 10_000, "{shifted} {still}");
    }

    #[test]
    fn what_is_no_place_comes_back() {
        for (lat, lon) in [(f64::NAN, 1.0), (91.0, 100.0), (30.0, f64::INFINITY), (30.0, 500.0)] {
            let there = convert(Degrees { lat, lon }, Datum::Wgs84, Datum::Bd09);
            assert_eq!((there.lat.to_bits(), there.lon.to_bits()), (lat.to_bits(), lon.to_bits()));
        }
    }
}
