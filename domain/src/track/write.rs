//! Tracks for other programs: GPX 1.1.

use super::codec::Run;
use crate::lang::Lang;
use std::fmt::Write;

/// The runs as GPX 1.1, a segment each. The reason of a gap is a comment in the segment after it.
#[must_use]
pub fn gpx(runs: &[Run]) -> String {
    let mut text = String::from(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<gpx version=\"1.1\" creator=\"waybell\" \
         xmlns=\"http://www.topografix.com/GPX/1/1\">\n<trk>\n",
    );
    for run in runs {
        text += "<trkseg>\n";
        if let Some(gap) = run.gap {
            let _ = writeln!(text, "<!-- {} -->", gap.label(Lang::En));
        }
        for v in &run.points {
            let time = v.at.to_utc().format("%Y-%m-%dT%H:%M:%S%.fZ");
            let (lat, lon) = (f64::from(v.lat_e5) * 1e-5, f64::from(v.lon_e5) * 1e-5);
            let _ = writeln!(text, "<trkpt lat=\"{lat:.5}\" lon=\"{lon:.5}\"><time>{time}</time></trkpt>");
        }
        text += "</trkseg>\n";
    }
    text + "</trk>\n</gpx>\n"
}

/// Adds the runs of the next part of a track. A part begins with the vertex that the part before ended with, where the
/// way goes on.
pub fn join(runs: &mut Vec<Run>, part: Vec<Run>) {
    for run in part {
        match runs.last_mut().filter(|r| run.gap.is_none() && r.points.last() == run.points.first()) {
            Some(before) => before.points.extend(run.points.into_iter().skip(1)),
            None => runs.push(run),
        }
    }
}
