//! A track as bytes: deltas in varints, about four bytes a vertex.
//!
//! ```text
//!  "WT" version=1  unit  base: zigzag ms  lat, lon: zigzag 1e-5 deg  runs: n
//!    run: reason  points: n  first: zigzag time, lat, lon  rest: time, zigzag lat, zigzag lon   (all relative to the vertex before)
//!  CRC-32 of all before, little endian
//! ```
//!
//! Times are counted in the largest of 1 s, 100 ms, 10 ms, 1 ms that divides them all (`unit` 0 to 3). Varints are
//! LEB128, seven bits a byte, ten bytes at most. The first vertex of a run may lie before the last of the run before it
//! (a clock that was set back); inside of a run time only rises.
//!
//! A decoder believes nothing: the sum is checked first, counts are bounded by the bytes that are there, every value by
//! its range. A blob of a later version is refused by name.

use super::{GapReason, Place};
use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};

const MAGIC: [u8; 2] = *b"WT";
const VERSION: u8 = 1;
/// Milliseconds of a unit of time.
const UNITS: [i64; 4] = [1000, 100, 10, 1];
/// Most vertices of a blob.
pub const MAX_VERTICES: usize = 65_536;
/// Most bytes of a blob.
pub const MAX_BYTES: usize = 1 << 20;
/// Times are at most this far from 1970, milliseconds: some 8,900 years.
const FAR: i64 = 1 << 48;
const LAT_MOST: i64 = 9_000_000;
const LON_MOST: i64 = 18_000_000;

/// A vertex of a track, on the grid of 1e-5 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Vertex {
    /// When.
    pub at: UnixMs,
    /// Latitude, 1e-5 degrees.
    pub lat_e5: i32,
    /// Longitude, 1e-5 degrees.
    pub lon_e5: i32,
}

impl Vertex {
    /// The vertex nearest to a place.
    #[must_use]
    pub fn near(at: UnixMs, place: Place) -> Vertex {
        let round = |e7: i32| (f64::from(e7) / 100.0).round() as i32;
        Vertex { at, lat_e5: round(place.lat_e7), lon_e5: round(place.lon_e7) }
    }

    /// Where it is.
    #[must_use]
    pub fn place(self) -> Place {
        Place { lat_e7: self.lat_e5 * 100, lon_e7: self.lon_e5 * 100 }
    }

    /// Where the polyline is at a time between this vertex and a later one: linear in degrees over time.
    #[must_use]
    pub fn towards(self, next: Vertex, at: UnixMs) -> Place {
        let span = next.at.since(self.at);
        let part = if span > 0 { (at.since(self.at) as f64 / span as f64).clamp(0.0, 1.0) } else { 0.0 };
        let between = |a: i32, b: i32| {
            (f64::from(a) * 100.0 + (f64::from(b) - f64::from(a)) * 100.0 * part).round() as i32
        };
        Place { lat_e7: between(self.lat_e5, next.lat_e5), lon_e7: between(self.lon_e5, next.lon_e5) }
    }
}

/// An unbroken polyline over time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Run {
    /// Why nothing is known between the run before and this one; `None` for the first of a shift, and where a run goes on
    /// in another blob.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gap: Option<GapReason>,
    /// Vertices, in order of time.
    pub points: Vec<Vertex>,
}

/// Why bytes are no track, or a track cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// They do not begin as one.
    #[error("this is no track")]
    NotATrack,
    /// A later version.
    #[error("this track is of version {0}, which this app does not know: update the app")]
    Version(u8),
    /// Cut off, changed, or made by somebody else.
    #[error("this track is damaged")]
    Damaged,
    /// More than a blob holds.
    #[error("this track is too long")]
    TooLong,
    /// Time does not rise inside of a run, or a vertex is not on the earth.
    #[error("this track is out of order")]
    OutOfOrder,
}

/// Writes runs. Runs without vertices are left out; their gap is told by the next one that has some.
///
/// # Errors
/// `TooLong` for more than [`MAX_VERTICES`] vertices, `OutOfOrder` where time does not rise inside of a run.
pub fn encode(runs: &[Run]) -> Result<Vec<u8>, CodecError> {
    let vertices: usize = runs.iter().map(|r| r.points.len()).sum();
    if vertices > MAX_VERTICES {
        return Err(CodecError::TooLong);
    }
    let first = runs.iter().find_map(|r| r.points.first());
    let base = first.map_or(0, |v| v.at.0);
    let all = || runs.iter().flat_map(|r| &r.points);
    if all().any(|v| !is_sound(*v)) || runs.iter().any(|r| r.points.windows(2).any(|w| w[1].at <= w[0].at)) {
        return Err(CodecError::OutOfOrder);
    }
    let unit = UNITS.iter().position(|u| all().all(|v| (v.at.0 - base) % u == 0)).unwrap_or(UNITS.len() - 1);
    let mut out = Vec::with_capacity(24 + vertices * 4);
    out.extend([MAGIC[0], MAGIC[1], VERSION, unit as u8]);
    let mut before = first.copied().unwrap_or(Vertex { at: UnixMs(0), lat_e5: 0, lon_e5: 0 });
    put_signed(&mut out, before.at.0);
    put_signed(&mut out, before.lat_e5.into());
    put_signed(&mut out, before.lon_e5.into());
    put(&mut out, runs.iter().filter(|r| !r.points.is_empty()).count() as u64);
    let mut gap = None;
    for run in runs {
        gap = run.gap.or(gap);
        if run.points.is_empty() {
            continue;
        }
        out.push(gap.take().map_or(0, GapReason::code));
        put(&mut out, run.points.len() as u64);
        for (n, v) in run.points.iter().enumerate() {
            let time = (v.at.0 - before.at.0) / UNITS[unit];
            if n == 0 {
                put_signed(&mut out, time);
            } else {
                put(&mut out, time as u64);
            }
            put_signed(&mut out, i64::from(v.lat_e5) - i64::from(before.lat_e5));
            put_signed(&mut out, i64::from(v.lon_e5) - i64::from(before.lon_e5));
            before = *v;
        }
    }
    out.extend(crc32(&out).to_le_bytes());
    if out.len() > MAX_BYTES { Err(CodecError::TooLong) } else { Ok(out) }
}

/// Reads what [`encode`] wrote. Nothing but such bytes is read, and nothing larger than the bytes given is allocated.
///
/// # Errors
/// See [`CodecError`].
pub fn decode(bytes: &[u8]) -> Result<Vec<Run>, CodecError> {
    if bytes.len() > MAX_BYTES {
        return Err(CodecError::TooLong);
    }
    let [m, n, version, unit, ..] = bytes else { return Err(CodecError::NotATrack) };
    if [*m, *n] != MAGIC {
        return Err(CodecError::NotATrack);
    }
    if *version != VERSION {
        return Err(CodecError::Version(*version));
    }
    let (body, sum) = bytes.split_last_chunk::<4>().ok_or(CodecError::Damaged)?;
    if crc32(body).to_le_bytes() != *sum {
        return Err(CodecError::Damaged);
    }
    let unit = *UNITS.get(usize::from(*unit)).ok_or(CodecError::Damaged)?;
    let mut from = Reader { rest: body.get(4..).ok_or(CodecError::Damaged)? };
    let mut at = [from.signed()?, from.signed()?, from.signed()?];
    let count = from.number()?;
    let mut runs = Vec::new();
    let mut vertices = 0;
    for _ in 0..count {
        let gap = GapReason::of_code(from.byte()?);
        let points = from.number()?;
        // a vertex has three bytes at least
        if points == 0 || points > (from.rest.len() / 3) as u64 {
            return Err(CodecError::Damaged);
        }
        vertices += points as usize;
        if vertices > MAX_VERTICES {
            return Err(CodecError::TooLong);
        }
        let mut run = Run { gap, points: Vec::with_capacity(points as usize) };
        for n in 0..points {
            let time = if n == 0 {
                from.signed()?
            } else {
                i64::try_from(from.number()?).ok().filter(|t| *t > 0).ok_or(CodecError::Damaged)?
            };
            let time = time.checked_mul(unit).ok_or(CodecError::Damaged)?;
            for (value, delta) in at.iter_mut().zip([time, from.signed()?, from.signed()?]) {
                *value = value.checked_add(delta).ok_or(CodecError::Damaged)?;
            }
            let narrow = |v: i64| i32::try_from(v).map_err(|_| CodecError::Damaged);
            let vertex = Vertex { at: UnixMs(at[0]), lat_e5: narrow(at[1])?, lon_e5: narrow(at[2])? };
            if !is_sound(vertex) {
                return Err(CodecError::Damaged);
            }
            run.points.push(vertex);
        }
        runs.push(run);
    }
    if from.rest.is_empty() { Ok(runs) } else { Err(CodecError::Damaged) }
}

/// On the earth, in a time that can be counted.
fn is_sound(v: Vertex) -> bool {
    i64::from(v.lat_e5).abs() <= LAT_MOST && i64::from(v.lon_e5).abs() <= LON_MOST && v.at.0.abs() <= FAR
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn put_signed(out: &mut Vec<u8>, value: i64) {
    put(out, ((value << 1) ^ (value >> 63)) as u64);
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl Reader<'_> {
    fn byte(&mut self) -> Result<u8, CodecError> {
        let (first, rest) = self.rest.split_first().ok_or(CodecError::Damaged)?;
        self.rest = rest;
        Ok(*first)
    }

    fn number(&mut self) -> Result<u64, CodecError> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return Err(CodecError::Damaged);
            }
            value |= part << shift;
            if byte < 0x80 {
                return Ok(value);
            }
        }
        Err(CodecError::Damaged)
    }

    fn signed(&mut self) -> Result<i64, CodecError> {
        let value = self.number()?;
        Ok((value >> 1) as i64 ^ -((value & 1) as i64))
    }
}

/// CRC-32 as in IEEE 802.3, four bits at a time.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 16] = {
        let mut table = [0; 16];
        let mut n = 0;
        while n < 16 {
            let mut value = n as u32;
            let mut bit = 0;
            while bit < 4 {
                value = if value & 1 == 1 { (value >> 1) ^ 0xedb8_8320 } else { value >> 1 };
                bit += 1;
            }
            table[n] = value;
            n += 1;
        }
        table
    };
    let step = |sum: u32, low: u32| (sum >> 4) ^ TABLE[((sum ^ low) & 15) as usize];
    !bytes.iter().fold(u32::MAX, |sum, byte| step(step(sum, u32::from(*byte)), u32::from(*byte) >> 4))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn runs() -> impl Strategy<Value = Vec<Run>> {
        let step = (1i64..400_000, -50_000i32..50_000, -50_000i32..50_000);
        let run = (0u8..11, -1_000_000i64..1_000_000_000, prop::collection::vec(step, 1..40));
        (prop::collection::vec(run, 0..6), 0usize..4, -8_000_000i32..8_000_000).prop_map(
            |(runs, unit, start)| {
                let mut at = Vertex { at: UnixMs(1_700_000_000_123), lat_e5: start, lon_e5: -start };
                let mut make = |(gap, jump, steps): (u8, i64, Vec<(i64, i32, i32)>)| {
                    at.at = at.at + jump * UNITS[unit];
                    let points = steps.into_iter().map(|(t, lat, lon)| {
                        at.at = at.at + t * UNITS[unit];
                        at.lat_e5 = (at.lat_e5 + lat).clamp(-9_000_000, 9_000_000);
                        at.lon_e5 = (at.lon_e5 + lon).clamp(-18_000_000, 18_000_000);
                        at
                    });
                    Run { points: points.collect(), gap: GapReason::of_code(gap) }
                };
                runs.into_iter().map(&mut make).collect()
            },
        )
    }

    proptest! {
        #[test]
        fn reads_what_it_wrote(runs in runs()) {
            let bytes = encode(&runs).unwrap();
            prop_assert_eq!(decode(&bytes).unwrap(), runs);
        }

        #[test]
        fn damage_is_an_error(runs in runs(), at in any::<prop::sample::Index>(), bit in 0u32..8, cut in any::<prop::sample::Index>()) {
            let bytes = encode(&runs).unwrap();
            let mut bad = bytes.clone();
            bad[at.index(bytes.len())] ^= 1 << bit;
            prop_assert!(decode(&bad).is_err());
            prop_assert!(decode(&bytes[..cut.index(bytes.len())]).is_err());
        }

        /// With a right sum, so that the reading itself is tried.
        #[test]
        fn hostile_bytes_are_an_error_or_a_sound_track(mut bytes in prop::collection::vec(any::<u8>(), 0..400), unit in 0u8..5) {
            let mut blob = vec![b'W', b'T', 1, unit];
            blob.append(&mut bytes);
            blob.extend(crc32(&blob).to_le_bytes());
            if let Ok(runs) = decode(&blob) {
                let vertices: usize = runs.iter().map(|r| r.points.len()).sum();
                prop_assert!(vertices * 3 <= blob.len());
                prop_assert!(encode(&runs).is_ok());
            }
        }
    }

    #[test]
    fn counts_that_lie_allocate_nothing() {
        let mut blob = b"WT\x01\x00\x00\x00\x00".to_vec();
        put(&mut blob, u64::MAX);
        blob.push(0);
        put(&mut blob, u64::MAX);
        blob.extend(crc32(&blob).to_le_bytes());
        assert_eq!(decode(&blob), Err(CodecError::Damaged));
        assert_eq!(decode(&vec![b'W'; MAX_BYTES + 1]), Err(CodecError::TooLong));
    }

    #[test]
    fn what_is_stored_stays_readable() {
        let v =
            |s: i64, lat, lon| Vertex { at: UnixMs(1_700_000_000_000 + s * 1000), lat_e5: lat, lon_e5: lon };
        let runs = vec![
            Run { gap: None, points: vec![v(0, 3_123_971, 12_149_952), v(9, 3_123_999, 12_150_100)] },
            Run { gap: Some(GapReason::NoSatellites), points: vec![v(90, 3_124_200, 12_151_000)] },
        ];
        let bytes = encode(&runs).unwrap();
        let hex: String = bytes.iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "5754010080a0abfef96286acfd028093cb0b0200020000000938a8020401a2019203880e7b3dc65f");
        assert_eq!(decode(&bytes).unwrap(), runs);
        let mut later = bytes.clone();
        later[2] = 2;
        assert_eq!(decode(&later), Err(CodecError::Version(2)));
        assert_eq!(decode(b"{}"), Err(CodecError::NotATrack));
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_cannot_be_written_is_refused() {
        let v = Vertex { at: UnixMs(5), lat_e5: 1, lon_e5: 1 };
        let same = Run { gap: None, points: vec![v, v] };
        assert_eq!(encode(&[same]), Err(CodecError::OutOfOrder));
        let off = Run { gap: None, points: vec![Vertex { lat_e5: 9_000_001, ..v }] };
        assert_eq!(encode(&[off]), Err(CodecError::OutOfOrder));
        let many = Run { gap: None, points: (0..70_000).map(|n| Vertex { at: UnixMs(n), ..v }).collect() };
        assert_eq!(encode(&[many]), Err(CodecError::TooLong));
        // a gap of an empty run is not lost
        let runs = [
            Run { gap: None, points: vec![v] },
            Run { gap: Some(GapReason::OffDuty), points: vec![] },
            Run { gap: None, points: vec![v] },
        ];
        assert_eq!(decode(&encode(&runs).unwrap()).unwrap()[1].gap, Some(GapReason::OffDuty));
    }
}
