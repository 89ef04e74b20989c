//! Files of fixes: GPX 1.0 and 1.1, and CSV with a header.
//!
//! Only track points of GPX are read (`trkpt` with `time`; `ele`, `speed`, `course`, and an `accuracy` or `hdop` if there
//! are any, with whatever namespace). Columns of CSV are known by their usual names. Times are RFC 3339; one without a
//! zone is UTC; a number is seconds or milliseconds since 1970. A point that cannot be read is told by line and field,
//! and the others are read all the same.

use super::{Fix, Place, Provider};
use crate::clock::UnixMs;
use chrono::{DateTime, NaiveDateTime};

/// Most bytes of a file.
pub const MOST_BYTES: usize = 200 << 20;
/// Metres of accuracy that one of HDOP stands for, as is usual.
const HDOP_M: f32 = 5.0;

/// Why a file cannot be read at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// Neither GPX nor CSV.
    #[error("file is neither GPX nor CSV with a header")]
    Unknown,
    /// Too large.
    #[error("file is larger than {0} MB")]
    TooLarge(usize),
    /// XML that breaks off or is none.
    #[error("file is no XML from line {0} on")]
    BadXml(u64),
    /// A column that is needed.
    #[error("no column is headed {0}")]
    NoColumn(&'static str),
    /// There is nothing in it.
    #[error("file has no track points")]
    Empty,
}

/// Why a point cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PointError {
    /// Nothing is there.
    #[error("it is missing")]
    Missing,
    /// No number.
    #[error("{0:?} is no number")]
    NotANumber(String),
    /// A number that no place on the earth has.
    #[error("{0:?} is out of range")]
    OutOfRange(String),
    /// No time.
    #[error("{0:?} is no time; write 2026-11-22T09:30:00Z")]
    NotATime(String),
}

/// A point that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: u64,
    /// Which field: `lat`, `lon`, `time`, or another one's name.
    pub field: &'static str,
    /// What is wrong.
    pub error: PointError,
}

/// What a file holds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Points {
    /// Fixes and their lines, in the order of the file.
    pub fixes: Vec<(u64, Fix)>,
    /// What could not be read.
    pub problems: Vec<Problem>,
}

/// The fixes of a GPX or CSV file.
///
/// # Errors
/// See [`ReadError`]; points that cannot be read are among the problems of the answer.
pub fn read(bytes: &[u8]) -> Result<Points, ReadError> {
    if bytes.len() > MOST_BYTES {
        return Err(ReadError::TooLarge(MOST_BYTES >> 20));
    }
    let text = String::from_utf8_lossy(bytes);
    let text = text.trim_start_matches('\u{feff}');
    let points = if text.trim_start().starts_with('<') { gpx(text)? } else { table(text)? };
    if points.fixes.is_empty() && points.problems.is_empty() {
        return Err(ReadError::Empty);
    }
    Ok(points)
}

/// A point as its file says it: field and text.
#[derive(Default)]
struct Raw<'a> {
    line: u64,
    fields: Vec<(&'static str, &'a str)>,
}

impl Raw<'_> {
    fn text(&self, field: &str) -> Option<&str> {
        self.fields.iter().find(|(f, _)| *f == field).map(|(_, v)| v.trim()).filter(|v| !v.is_empty())
    }

    fn degrees(&self, field: &'static str, most: f64) -> Result<f64, (&'static str, PointError)> {
        let text = self.text(field).ok_or((field, PointError::Missing))?;
        let value: f64 = text.parse().map_err(|_| (field, PointError::NotANumber(short(text))))?;
        if value.abs() <= most { Ok(value) } else { Err((field, PointError::OutOfRange(short(text)))) }
    }

    fn fix(&self) -> Result<Fix, (&'static str, PointError)> {
        let (lat, lon) = (self.degrees("lat", 90.0)?, self.degrees("lon", 180.0)?);
        let place = Place::of_degrees(lat, lon).ok_or(("lat", PointError::Missing))?;
        let text = self.text("time").ok_or(("time", PointError::Missing))?;
        let time = time(text).ok_or_else(|| ("time", PointError::NotATime(short(text))))?;
        let number = |field: &'static str| match self.text(field) {
            None => Ok(None),
            Some(text) => {
                text.parse::<f32>().map(Some).map_err(|_| (field, PointError::NotANumber(short(text))))
            }
        };
        let mut fix = Fix::at(place, time);
        fix.accuracy = number("accuracy")?.or(number("hdop")?.map(|h| h * HDOP_M));
        (fix.speed, fix.bearing, fix.altitude) = (number("speed")?, number("bearing")?, number("altitude")?);
        fix.mock = self.text("mock").is_some_and(|m| ["1", "true", "yes", "是"].contains(&m));
        fix.provider = self.text("provider").and_then(Provider::parse).unwrap_or(Provider::Other);
        Ok(fix)
    }

    fn add_to(&self, points: &mut Points) {
        match self.fix() {
            Ok(fix) => points.fixes.push((self.line, fix)),
            Err((field, error)) => points.problems.push(Problem { line: self.line, field, error }),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().take(40).collect()
}

fn time(text: &str) -> Option<UnixMs> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(UnixMs(time.timestamp_millis()));
    }
    if let Ok(number) = text.parse::<f64>() {
        // seconds until the year 5138, milliseconds from 1973
        let ms = if number.abs() < 1e11 { number * 1000.0 } else { number };
        return (ms.abs() < 1e15).then_some(UnixMs(ms as i64));
    }
    let plain = text.replacen('T', " ", 1).replace('/', "-");
    let naive = NaiveDateTime::parse_from_str(plain.trim_end_matches('Z'), "%Y-%m-%d %H:%M:%S%.f").ok()?;
    Some(UnixMs(naive.and_utc().timestamp_millis()))
}

/// Names of fields in both kinds of file, lower case.
const NAMES: &[(&str, &[&str])] = &[
    ("time", &["time", "timestamp", "datetime", "date_time", "utc", "时间", "定位时间"]),
    ("lat", &["lat", "latitude", "纬度"]),
    ("lon", &["lon", "lng", "long", "longitude", "经度"]),
    ("accuracy", &["accuracy", "hacc", "horizontal_accuracy", "精度"]),
    ("hdop", &["hdop"]),
    ("speed", &["speed", "速度"]),
    ("bearing", &["bearing", "course", "heading", "方向"]),
    ("altitude", &["altitude", "alt", "ele", "elevation", "高度", "海拔"]),
    ("provider", &["provider", "来源"]),
    ("mock", &["mock", "is_mock", "模拟"]),
];

fn field(name: &str) -> Option<&'static str> {
    let name = name.trim().to_lowercase();
    NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(field, _)| *field)
}

fn table(text: &str) -> Result<Points, ReadError> {
    let first = text.lines().next().unwrap_or_default();
    let delimiter = [b',', b';', b'\t'].into_iter().max_by_key(|d| first.bytes().filter(|b| b == d).count());
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or(b','))
        .flexible(true)
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|_| ReadError::Unknown)?.clone();
    let columns: Vec<Option<&'static str>> = header.iter().map(field).collect();
    if columns.iter().flatten().count() < 2 {
        return Err(ReadError::Unknown);
    }
    for needed in ["time", "lat", "lon"] {
        if !columns.contains(&Some(needed)) {
            return Err(ReadError::NoColumn(needed));
        }
    }
    let mut points = Points::default();
    let mut record = csv::StringRecord::new();
    let mut lines = crate::sheet::Lines::new(text.as_bytes());
    while reader.read_record(&mut record).map_err(|_| ReadError::Unknown)? {
        let line = record.position().map_or(0, |p| lines.of(p.byte()));
        let fields = columns.iter().zip(&record).filter_map(|(c, v)| c.map(|c| (c, v))).collect();
        Raw { line, fields }.add_to(&mut points);
    }
    Ok(points)
}

/// Walks the tags of GPX. Elements inside of a point are known by their local name, at whatever depth.
fn gpx(text: &str) -> Result<Points, ReadError> {
    let mut points = Points::default();
    let mut point: Option<Raw<'_>> = None;
    let (mut at, mut line, mut seen) = (0, 1u64, 0);
    let mut inner: Option<(&'static str, usize)> = None;
    let mut root = false;
    while let Some(open) = text.get(at..).and_then(|t| t.find('<')).map(|n| at + n) {
        let tag = text.get(open..).unwrap_or_default();
        line += text.as_bytes().get(seen..open).map_or(0, newlines);
        seen = open;
        let skipped = [("<!--", "-->"), ("<![CDATA[", "]]>"), ("<?", "?>")];
        if let Some((_, end)) = skipped.iter().find(|(start, _)| tag.starts_with(start)) {
            at = open + tag.find(end).ok_or(ReadError::BadXml(line))? + end.len();
            continue;
        }
        let end = tag_end(tag).ok_or(ReadError::BadXml(line))?;
        let body = tag.get(1..end).unwrap_or_default();
        at = open + end + 1;
        let (closes, empty) = (body.starts_with('/'), body.ends_with('/'));
        let name = body.trim_matches('/').split([' ', '\t', '\r', '\n']).next().unwrap_or_default();
        let local = name.rsplit(':').next().unwrap_or_default();
        root |= local == "gpx";
        if local == "trkpt" && !closes {
            let fields = ["lat", "lon"].into_iter().filter_map(|f| Some((f, attribute(body, f)?))).collect();
            let raw = Raw { line, fields };
            if empty { raw.add_to(&mut points) } else { point = Some(raw) }
        } else if local == "trkpt" {
            if let Some(raw) = point.take() {
                raw.add_to(&mut points);
            }
        } else if let Some(raw) = &mut point {
            if closes {
                if let Some((field, from)) =
                    inner.take().filter(|(f, _)| *f == self::field(local).unwrap_or(""))
                {
                    raw.fields.push((field, text.get(from..open).unwrap_or_default()));
                }
            } else if !empty {
                inner = field(local).filter(|f| !["lat", "lon"].contains(f)).map(|f| (f, at));
            }
        }
    }
    match (root, point) {
        (false, _) => Err(ReadError::Unknown),
        (true, Some(_)) => Err(ReadError::BadXml(line)),
        (true, None) => Ok(points),
    }
}

fn newlines(bytes: &[u8]) -> u64 {
    bytes.iter().filter(|b| **b == b'\n').count() as u64
}

/// Where a tag ends: the first `>` outside of quotes.
fn tag_end(tag: &str) -> Option<usize> {
    let mut quote = None;
    tag.bytes().position(|b| {
        match (quote, b) {
            (None, b'"' | b'\'') => quote = Some(b),
            (Some(q), b) if q == b => quote = None,
            _ => {}
        }
        quote.is_none() && b == b'>'
    })
}

fn attribute<'a>(body: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = body;
    while let Some(at) = rest.find('=') {
        let key = rest.get(..at)?.trim_end().rsplit([' ', '\t', '\r', '\n']).next()?;
        let value = rest.get(at + 1..)?.trim_start();
        let quote = value.chars().next().filter(|q| ['"', '\''].contains(q))?;
        let inside = value.get(1..)?;
        let end = inside.find(quote)?;
        if key == name {
            return inside.get(..end);
        }
        rest = inside.get(end + 1..)?;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const GPX: &str = "<?xml version='1.0'?>\n<gpx xmlns:x='y'><!-- <trkpt> -->\n<trk><trkseg>\n\
        <trkpt lon='121.5' lat = \"31.2\"><ele>7.5</ele><time>2026-11-22T09:30:00+08:00</time>\n\
        <extensions><x:speed> 4.5 </x:speed><x:hr>99</x:hr></extensions></trkpt>\n\
        <trkpt lat='95' lon='1'><time>2026-11-22T01:30:05Z</time></trkpt>\n\
        <trkpt lat='31.2' lon='east'><time>2026-11-22T01:30:05Z</time></trkpt>\n\
        <trkpt lat='31.2' lon='121.5'><time>soon</time></trkpt>\n<trkpt lat='31.2' lon='121.5'/>\n</trkseg></trk></gpx>";

    #[test]
    fn gpx_by_line_and_field() {
        let points = read(GPX.as_bytes()).unwrap();
        let (line, fix) = &points.fixes[0];
        assert_eq!(
            (*line, fix.wall, fix.speed, fix.altitude),
            (4, UnixMs(1_795_311_000_000), Some(4.5), Some(7.5))
        );
        assert_eq!(fix.place, Place::of_degrees(31.2, 121.5).unwrap());
        let told: Vec<String> =
            points.problems.iter().map(|p| format!("{} {}: {}", p.line, p.field, p.error)).collect();
        assert_eq!(
            told,
            [
                "6 lat: \"95\" is out of range",
                "7 lon: \"east\" is no number",
                "8 time: \"soon\" is no time; write 2026-11-22T09:30:00Z",
                "9 time: it is missing"
            ]
        );
    }

    #[test]
    fn csv_by_its_header() {
        let text = "\u{feff}时间;纬度;经度;精度;mock\n2026-11-22 01:30:00;31.2;121.5;6;1\n1795311005;31.2;121.5;x;\n1795311010500;31.2;121.5;;\n";
        let points = read(text.as_bytes()).unwrap();
        assert_eq!(
            points.fixes.iter().map(|f| (f.0, f.1.wall.0 % 100_000)).collect::<Vec<_>>(),
            [(2, 0), (4, 10_500)]
        );
        assert!(points.fixes[0].1.mock && points.fixes[0].1.accuracy == Some(6.0));
        assert_eq!((points.problems[0].line, points.problems[0].field), (3, "accuracy"));
        assert_eq!(read(b"time,lat\n1,2\n"), Err(ReadError::NoColumn("lon")));
    }

    #[test]
    fn what_is_no_track_is_an_error() {
        assert_eq!(read(b""), Err(ReadError::Unknown));
        assert_eq!(read(b"hello\n"), Err(ReadError::Unknown));
        assert_eq!(read(b"<html></html>"), Err(ReadError::Unknown));
        assert_eq!(read(b"<gpx></gpx>"), Err(ReadError::Empty));
        assert_eq!(read(b"<gpx>\n<trkpt lat='1"), Err(ReadError::BadXml(2)));
        assert_eq!(read(b"<gpx>\n<trkpt lat='1' lon='2'>\n"), Err(ReadError::BadXml(2)));
        for cut in 0..GPX.len() {
            let _ = read(&GPX.as_bytes()[..cut]);
        }
    }
}
