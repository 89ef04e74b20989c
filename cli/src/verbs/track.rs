//! `track`: what the phone would keep of a file of fixes, and how far it was. Needs neither a sign-in nor the store.

use super::Outcome;
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use crate::when::stamp;
use serde_json::json;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::Path;
use waybell_core::say::say;
use waybell_core::tracking::engine::{Effect, Event, Gap, State, Stay, Summary, step};
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::track::read::{Points, Problem, read};
use waybell_domain::track::{DropReason, Place, Run, codec, gpx};

/// What came of the fixes.
struct Told {
    runs: Vec<Run>,
    stays: Vec<Stay>,
    gaps: Vec<Gap>,
    /// Line, time, reason.
    dropped: Vec<(u64, UnixMs, DropReason)>,
    summary: Summary,
}

pub(super) fn track(out: &Out, file: &Path, to: Option<&Path>, limit: usize) -> Outcome {
    let about =
        |path: &Path, text: &str| Failure::plain(format!("{}: {}", path.display(), say(out.lang, text)));
    let bytes = super::parcels::read_list(file).map_err(|e| about(file, &e.to_string()))?;
    let points = read(&bytes).map_err(|e| about(file, &e.to_string()).hint(texts::track_hint(out.lang)))?;
    let told = follow(&points);
    if let Some(to) = to {
        std::fs::write(to, gpx(&told.runs)).map_err(|e| about(to, &e.to_string()))?;
    }
    out.json(&document(&points, &told));
    lines(out, &points, &told, limit);
    if let Some(to) = to {
        out.line(texts::track_written(out.lang, to.display()));
    }
    Ok(if points.fixes.is_empty() { FAILED } else { DONE })
}

/// A shift over the whole file.
fn follow(points: &Points) -> Told {
    let mut state = State::default();
    let mut effects = Vec::new();
    let began = points.fixes.iter().map(|f| f.1.wall).min().unwrap_or(UnixMs(0));
    step(&mut state, Event::DutyOn, &EventTime::wall_only(began), &mut effects);
    let mut lines: HashMap<UnixMs, VecDeque<u64>> = HashMap::new();
    for (line, fix) in &points.fixes {
        lines.entry(fix.wall).or_default().push_back(*line);
        step(&mut state, Event::Fix(fix.clone()), &EventTime::wall_only(fix.wall), &mut effects);
    }
    let summary = state.summary();
    // at the last fix that was taken, so that what follows a bad time is no gap
    let end = summary.last.map_or(began, |l| l.0);
    step(&mut state, Event::DutyOff, &EventTime::wall_only(end), &mut effects);
    let mut told =
        Told { runs: Vec::new(), stays: Vec::new(), gaps: Vec::new(), dropped: Vec::new(), summary };
    for effect in effects {
        match effect {
            Effect::Run(gap) => told.runs.push(Run { gap, points: Vec::new() }),
            Effect::Keep(vertex) => {
                if let Some(run) = told.runs.last_mut() {
                    run.points.push(vertex);
                }
            }
            Effect::Stay(stay) => told.stays.push(stay),
            Effect::Gap(gap) => told.gaps.push(gap),
            Effect::Drop { at, reason } => {
                // of several of one time the first was taken
                let of = lines.get_mut(&at);
                let line = of.and_then(|l| if l.len() > 1 { l.pop_back() } else { l.front().copied() });
                told.dropped.push((line.unwrap_or(0), at, reason));
            }
            _ => {}
        }
    }
    told.dropped.sort_by_key(|d| d.0);
    told
}

impl Told {
    fn vertices(&self) -> usize {
        self.runs.iter().map(|r| r.points.len()).sum()
    }

    fn counts(&self) -> BTreeMap<DropReason, usize> {
        let mut counts = BTreeMap::new();
        self.dropped.iter().for_each(|d| *counts.entry(d.2).or_default() += 1);
        counts
    }
}

fn at(place: Place) -> String {
    format!("{:.5},{:.5}", place.lat(), place.lon())
}

fn document(points: &Points, told: &Told) -> serde_json::Value {
    let d = told.summary.distance;
    let bytes = codec::encode(&told.runs).map(|b| b.len()).ok();
    json!({
        "distance": { "metres": d.metres, "low": d.low, "high": d.high },
        "fixes": points.fixes.len(),
        "kept": told.vertices(),
        "bytes": bytes,
        "runs": told.runs,
        "stays": told.stays,
        "gaps": told.gaps,
        "dropped": told.dropped.iter()
            .map(|(line, at, reason)| json!({ "line": line, "at": at, "reason": reason }))
            .collect::<Vec<_>>(),
        "unreadable": points.problems.iter()
            .map(|p| json!({ "line": p.line, "field": p.field, "problem": p.error.to_string() }))
            .collect::<Vec<_>>(),
        "spoof": {
            "score": told.summary.spoof_score,
            "signs": told.summary.signs.iter().map(|(s, n)| json!({ "sign": s, "times": n })).collect::<Vec<_>>(),
        },
    })
}

fn lines(out: &Out, points: &Points, told: &Told, limit: usize) {
    let (lang, d) = (out.lang, told.summary.distance);
    let km = |metres: f64| format!("{:.2}", metres / 1000.0);
    out.line(texts::track_distance(lang, km(d.metres), km(d.low), km(d.high)));
    let dropped: usize = told.dropped.len();
    out.line(texts::track_points(lang, points.fixes.len(), told.vertices(), dropped, points.problems.len()));
    for (reason, count) in told.counts() {
        out.line(format!("  {} {count}", reason.label(lang)));
    }
    let cut = |all: usize| {
        if all > limit {
            out.line(format!("  {}", texts::track_more(lang, all - limit)));
        }
    };
    let problem = |p: &Problem| {
        let error = say(lang, &p.error.to_string());
        texts::track_problem(lang, p.line, p.field, error)
    };
    if !points.problems.is_empty() {
        out.line(texts::track_unreadable(lang));
        points.problems.iter().take(limit).for_each(|p| out.line(format!("  {}", problem(p))));
        cut(points.problems.len());
    }
    if dropped > 0 {
        out.line(texts::track_dropped(lang));
        let cells = |d: &(u64, UnixMs, DropReason)| {
            vec![String::new(), texts::track_line(lang, d.0), stamp(d.1), d.2.label(lang).to_owned()]
        };
        out.table(&told.dropped.iter().take(limit).map(cells).collect::<Vec<_>>());
        cut(dropped);
    }
    if !told.stays.is_empty() {
        out.line(texts::track_stays(lang));
        let cells = |s: &Stay| {
            let minutes = s.to.since(s.from) / 60_000;
            vec![String::new(), stamp(s.from), stamp(s.to), texts::minutes_long(lang, minutes), at(s.place)]
        };
        out.table(&told.stays.iter().take(limit).map(cells).collect::<Vec<_>>());
        cut(told.stays.len());
    }
    if !told.gaps.is_empty() {
        out.line(texts::track_gaps(lang));
        let cells = |g: &Gap| {
            let far = format!("{:.0} m", g.metres);
            vec![String::new(), stamp(g.from), stamp(g.to), far, g.reason.label(lang).to_owned()]
        };
        out.table(&told.gaps.iter().take(limit).map(cells).collect::<Vec<_>>());
        cut(told.gaps.len());
    }
    if told.summary.spoof_score > 0 {
        let join = lang.pick("、", ", ");
        let signs: Vec<&str> = told.summary.signs.iter().map(|(s, _)| s.label(lang)).collect();
        out.line(texts::track_spoof(lang, told.summary.spoof_score, signs.join(join)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> (Points, Told) {
        let points = read(text.as_bytes()).unwrap();
        let told = follow(&points);
        (points, told)
    }

    fn csv(rows: impl IntoIterator<Item = (i64, f64)>) -> String {
        let line = |(s, m): (i64, f64)| format!("{},31.2,{:.7},5\n", 1_795_311_000 + s, 121.5 + m / 95_100.0);
        rows.into_iter().fold("time,lat,lon,accuracy\n".to_owned(), |text, row| text + &line(row))
    }

    #[test]
    fn what_is_written_is_read_again_as_the_same_way() {
        let (points, first) = told(&csv((0..400).map(|n| (n * 5, n as f64 * 25.0 + (n % 3) as f64))));
        assert!(first.dropped.is_empty() && first.vertices() < 30, "{}", first.vertices());
        assert_eq!(points.fixes.len(), 400);
        let metres = first.summary.distance.metres;
        assert!((metres - 9_975.0).abs() < 150.0, "{metres}");
        let again = read(gpx(&first.runs).as_bytes()).unwrap();
        assert_eq!(again.fixes.len(), first.vertices());
        assert!(again.problems.is_empty());
    }

    #[test]
    fn who_is_dropped_is_told_by_line() {
        let mut rows: Vec<(i64, f64)> = (0..40).map(|n| (n * 5, n as f64 * 25.0)).collect();
        rows.insert(10, (45, 225.0));
        rows.insert(20, (10, 50.0));
        rows.insert(30, (138, 9_000.0));
        let (_, told) = told(&csv(rows));
        let dropped: Vec<(u64, DropReason)> = told.dropped.iter().map(|d| (d.0, d.2)).collect();
        assert_eq!(
            dropped,
            [(12, DropReason::Duplicate), (22, DropReason::TimeBack), (32, DropReason::Jump)]
        );
        assert_eq!(told.runs.len(), 1);
    }
}
