//! The phone's tracks: bytes against OPW-SED at the same bound and with the same codec, points a second, bytes a
//! kilometre, the odometer.
//!
//! Tracks are those of `tests/data/gpx`, those of the folder in `WAYBELL_TRACKS` if it is set, and simulated courier
//! days. The days fall in two halves: on the first (even seeds) the constants were chosen, the second (odd seeds) was
//! held out; both are told. The rule beside ours is the usual opening window with the synchronous distance (Meratnia and
//! de By 2004), 256 fixes at most, and Douglas and Peucker's with the same distance, which sees the whole track.

use anyhow::Context;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Instant;
use waybell_core::tracking::engine::{BOUND_M, Distance, Event, GAP_MS, State, step};
use waybell_core::tracking::simulate::{self, Phone, Sky};
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::track::read::read;
use waybell_domain::track::{Fix, Place, Run, Simplifier, Vertex, codec};
use waybell_tests::results::{Figure, figure};

const RUNS: usize = 5;
const WINDOW: usize = 256;
type Point = (UnixMs, Place);

struct Set {
    name: String,
    tracks: Vec<Vec<Point>>,
}

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut sets = recorded()?;
    anyhow::ensure!(!sets.is_empty(), "there are no recorded tracks");
    let half = |first: u64| -> Vec<Vec<Point>> {
        let mut tracks = Vec::new();
        for seed in (first..first + 16).step_by(2) {
            let every = [1, 5, 3, 15][(seed as usize / 2) % 4];
            let phone = Phone { every, doppler: seed % 3 == 0, noise: 1.0 };
            tracks.extend(split(simulate::fixes(&simulate::day(seed, 30), phone, seed)));
        }
        tracks
    };
    sets.push(Set { name: "simulated, held out".into(), tracks: half(1) });
    sets.push(Set { name: "simulated, tuned on".into(), tracks: half(0) });
    let (mut ours, mut theirs, mut metres) = (0, 0, 0.0);
    let mut note = String::new();
    for set in &sets {
        let told = compare(set)?;
        eprintln!("track {}: {told:?}", set.name);
        note += &format!(
            "; {}: {:.3} of its bytes, {:.3} of its points, {:.3} of Douglas-Peucker's points",
            set.name,
            told.ours as f64 / told.opw as f64,
            told.ours_points as f64 / told.opw_points as f64,
            told.ours_points as f64 / told.peucker_points as f64
        );
        (ours, theirs, metres) = (ours + told.ours, theirs + told.opw, metres + told.metres);
    }
    let mut vs = figure("track.vs_opw", "of its bytes", &[ours as f64 / theirs as f64]);
    vs.peer = Some("OPW-SED".into());
    vs.peer_value = Some(1.0);
    vs.note = format!("bound {BOUND_M} m{note}");
    let mut per_km = figure("track.bytes_per_km", "B/km", &[ours as f64 / metres * 1000.0]);
    per_km.peer = Some("OPW-SED".into());
    per_km.peer_value = Some(theirs as f64 / metres * 1000.0);
    let mut figures = vec![vs, per_km, speed(&sets)];
    figures.extend(odometer()?);
    Ok(figures)
}

/// The files of the repository, and of a folder that is named.
fn recorded() -> anyhow::Result<Vec<Set>> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/gpx");
    let mut files = Vec::new();
    for folder in [Some(own), std::env::var_os("WAYBELL_TRACKS").map(PathBuf::from)].into_iter().flatten() {
        for entry in std::fs::read_dir(&folder).with_context(|| folder.display().to_string())? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "gpx" || e == "csv") {
                files.push(path);
            }
        }
    }
    files.sort();
    let mut sets = Vec::new();
    for path in files {
        let points = read(&std::fs::read(&path)?).with_context(|| path.display().to_string())?;
        let fixes = points.fixes.into_iter().map(|f| f.1).collect();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        sets.push(Set { name, tracks: split(fixes) });
    }
    Ok(sets)
}

/// Tracks without gaps, in order of time; each is simplified as a run.
fn split(fixes: Vec<Fix>) -> Vec<Vec<Point>> {
    let mut tracks: Vec<Vec<Point>> = Vec::new();
    for fix in fixes {
        match tracks.last_mut().filter(|t| t.last().is_some_and(|l| fix.wall.since(l.0) <= GAP_MS)) {
            Some(track) if track.last().is_some_and(|l| fix.wall > l.0) => track.push((fix.wall, fix.place)),
            Some(_) => {}
            None => tracks.push(vec![(fix.wall, fix.place)]),
        }
    }
    tracks.retain(|t| t.len() > 1);
    tracks
}

#[derive(Debug, Default)]
struct Compared {
    fixes: usize,
    metres: f64,
    ours: usize,
    opw: usize,
    ours_points: usize,
    opw_points: usize,
    peucker_points: usize,
    worst: f64,
}

fn compare(set: &Set) -> anyhow::Result<Compared> {
    let mut told = Compared::default();
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for track in &set.tracks {
        let (own, opw) = (simplified(track), opening_window(track));
        told.fixes += track.len();
        told.metres += track.windows(2).map(|w| w[0].1.metres_to(w[1].1)).sum::<f64>();
        told.worst = told.worst.max(worst(track, &own));
        told.ours_points += own.len();
        told.opw_points += opw.len();
        told.peucker_points += peucker(track);
        ours.push(Run { gap: None, points: own });
        theirs.push(Run { gap: None, points: opw });
    }
    told.ours = bytes(&ours)?;
    told.opw = bytes(&theirs)?;
    anyhow::ensure!(told.worst <= BOUND_M, "{}: {} m from the polyline", set.name, told.worst);
    Ok(told)
}

/// In blobs of some 2,000 vertices, as the phone makes them.
fn bytes(runs: &[Run]) -> anyhow::Result<usize> {
    let (mut bytes, mut blob, mut vertices) = (0, Vec::new(), 0);
    for run in runs {
        for part in run.points.chunks(2_000) {
            vertices += part.len();
            blob.push(Run { gap: None, points: part.to_vec() });
            if vertices >= 2_000 {
                bytes += codec::encode(&std::mem::take(&mut blob))?.len();
                vertices = 0;
            }
        }
    }
    Ok(if blob.is_empty() { bytes } else { bytes + codec::encode(&blob)?.len() })
}

fn simplified(track: &[Point]) -> Vec<Vertex> {
    let mut line = Vec::new();
    let mut simplifier = Simplifier::new(BOUND_M);
    for (at, place) in track {
        simplifier.push(*at, *place, &mut |v| line.push(v));
    }
    simplifier.end(&mut |v| line.push(v));
    line
}

/// The largest synchronous distance of a fix from the polyline.
fn worst(track: &[Point], line: &[Vertex]) -> f64 {
    let (mut at, mut worst) = (0, 0.0f64);
    for (time, place) in track {
        while at + 2 < line.len() && line[at + 1].at < *time {
            at += 1;
        }
        let Some(next) = line.get(at + 1) else { continue };
        worst = worst.max(place.metres_to(line[at].towards(*next, *time)));
    }
    worst
}

/// Metres between a fix and where the straight way between two others is at its time.
fn off(track: &[Point], from: usize, to: usize, at: usize) -> f64 {
    let (a, b) = (track[from], track[to]);
    let part = track[at].0.since(a.0) as f64 / b.0.since(a.0) as f64;
    let ((bx, by), (x, y)) = (b.1.metres_from(a.1), track[at].1.metres_from(a.1));
    (x - bx * part).hypot(y - by * part)
}

fn opening_window(track: &[Point]) -> Vec<Vertex> {
    let vertex = |n: usize| Vertex::near(track[n].0, track[n].1);
    let mut line = vec![vertex(0)];
    let (mut from, mut to) = (0, 2);
    while to < track.len() {
        if to - from > WINDOW || (from + 1..to).any(|n| off(track, from, to, n) > BOUND_M) {
            from = to - 1;
            line.push(vertex(from));
            to = from + 2;
        } else {
            to += 1;
        }
    }
    line.push(vertex(track.len() - 1));
    line
}

/// How many points Douglas and Peucker keep.
fn peucker(track: &[Point]) -> usize {
    let mut kept = 2;
    let mut open = vec![(0, track.len() - 1)];
    while let Some((from, to)) = open.pop() {
        let far = (from + 1..to).map(|n| (n, off(track, from, to, n))).max_by(|a, b| a.1.total_cmp(&b.1));
        if let Some((n, _)) = far.filter(|f| f.1 > BOUND_M) {
            kept += 1;
            open.extend([(from, n), (n, to)]);
        }
    }
    kept
}

/// Fixes through the simplifier and the codec.
fn speed(sets: &[Set]) -> Figure {
    let tracks: Vec<&Vec<Point>> = sets.iter().flat_map(|s| &s.tracks).collect();
    let fixes: usize = tracks.iter().map(|t| t.len()).sum();
    let mut each = Vec::new();
    for _ in 0..RUNS {
        let (began, mut done) = (Instant::now(), 0);
        while began.elapsed().as_millis() < 400 {
            for track in &tracks {
                let run = Run { gap: None, points: simplified(track) };
                black_box(codec::encode(&[run]).map(|b| b.len()).unwrap_or(0));
            }
            done += fixes;
        }
        each.push(done as f64 / began.elapsed().as_secs_f64() / 1e6);
    }
    let mut figure = figure("track.points_per_s", "M points/s", &each);
    figure.note += "; one thread, simplifier and codec";
    figure
}

fn shift(fixes: &[Fix]) -> Distance {
    let mut state = State::default();
    let mut effects = Vec::new();
    let began = fixes.first().map_or(UnixMs(0), |f| f.wall);
    step(&mut state, Event::DutyOn, &EventTime::wall_only(began), &mut effects);
    for fix in fixes {
        step(&mut state, Event::Fix(fix.clone()), &EventTime::wall_only(fix.wall), &mut effects);
        effects.clear();
    }
    state.summary().distance
}

/// Days and hours at rest against their truth, on the half that was held out; beside it what summing fixes makes.
fn odometer() -> anyhow::Result<Vec<Figure>> {
    let (mut errors, mut raw, mut held) = (Vec::new(), Vec::new(), 0);
    for seed in (1..17).step_by(2) {
        let truth = simulate::day(seed, 30);
        let phone = Phone { every: if seed % 4 == 1 { 1 } else { 5 }, doppler: seed % 8 < 6, noise: 1.0 };
        let (fixes, metres) = (simulate::fixes(&truth, phone, seed), simulate::metres(&truth));
        let d = shift(&fixes);
        errors.push((d.metres / metres - 1.0).abs() * 100.0);
        let sum: f64 = fixes.windows(2).map(|w| w[0].place.metres_to(w[1].place)).sum();
        raw.push((sum / metres - 1.0).abs() * 100.0);
        held += usize::from(d.low <= metres && metres <= d.high);
    }
    let mut rest = Vec::new();
    for (n, sky) in [Sky::Open, Sky::Canyon, Sky::Indoors].into_iter().enumerate() {
        for doppler in [true, false] {
            let phone = Phone { every: 5, doppler, noise: 1.0 };
            rest.push(shift(&simulate::fixes(&simulate::still(8, sky), phone, 31 + n as u64)).metres);
        }
    }
    let mut day = figure("track.odometer_error", "%", &errors);
    day.peer = Some("sum of fixes".into());
    day.peer_value = Some(figure("", "", &raw).value);
    day.note += &format!("; simulated days, {held} of {} in their band", errors.len());
    let most = rest.iter().copied().fold(0.0, f64::max);
    let mut still = figure("track.still_8h", "m", &rest);
    still.note += "; the value is the worst of them";
    still.value = most;
    Ok(vec![day, still])
}
