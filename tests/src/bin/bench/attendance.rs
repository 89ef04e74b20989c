//! How often a punch's place is judged wrongly: a Monte Carlo over people who stand somewhere within 300 m of a work place of
//! 100 m radius, with fixes of 20 m accuracy (the radius that holds the true place with 68 %).
//!
//! Three kinds of sky, a third of the people each: errors of every fix for itself; the same error in all fixes of a punch
//! (reflections move slowly); and half and half. One to five fixes. `false_accept`: stood outside and was judged inside;
//! `false_reject`: stood inside and was judged outside. Who is in doubt is asked for a photo, and neither.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::f64::consts::TAU;
use waybell_domain::attendance::{PlaceVerdict, PunchFix, WorkPlace, whereabouts};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::BranchId;
use waybell_domain::track::{Place, Shape};
use waybell_tests::results::{Figure, figure};

const RUNS: u64 = 5;
const PEOPLE: usize = 400_000;
const RADIUS: f64 = 100.0;
const FARTHEST: f64 = 300.0;
const ACCURACY: f64 = 20.0;
/// Metres of a degree of latitude.
const DEGREE: f64 = 111_195.0;

#[derive(Default)]
struct Count {
    inside: u32,
    outside: u32,
    accepted: u32,
    rejected: u32,
    doubt: u32,
}

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let (mut accept, mut reject, mut doubt) = (Vec::new(), Vec::new(), Vec::new());
    for seed in 0..RUNS {
        let count = run(seed)?;
        accept.push(f64::from(count.accepted) / f64::from(count.outside) * 100.0);
        reject.push(f64::from(count.rejected) / f64::from(count.inside) * 100.0);
        doubt.push(f64::from(count.doubt) / PEOPLE as f64 * 100.0);
    }
    let note = format!(
        "{PEOPLE} people a run within {FARTHEST} m of a place of {RADIUS} m, fixes of {ACCURACY} m, errors of their own and shared; \
         {:.1} % in doubt, who are asked for a photo",
        doubt.iter().sum::<f64>() / doubt.len() as f64
    );
    let told = |id: &str, values: &[f64]| Figure { note: note.clone(), ..figure(id, "%", values) };
    Ok(vec![told("attendance.false_accept", &accept), told("attendance.false_reject", &reject)])
}

fn run(seed: u64) -> anyhow::Result<Count> {
    let mut rng = StdRng::seed_from_u64(seed);
    let (lat, lon) = (31.2, 121.5);
    let at = |east: f64, north: f64| {
        let place = Place::of_degrees(lat + north / DEGREE, lon + east / (DEGREE * lat.to_radians().cos()));
        place.ok_or_else(|| anyhow::anyhow!("no place"))
    };
    let depot = WorkPlace {
        id: "depot".into(),
        branch: BranchId::at(UnixMs(1), [1; 10]),
        name: "depot".into(),
        shape: Shape::Circle { middle: at(0.0, 0.0)?, radius: RADIUS },
        wifi: Vec::new(),
    };
    let depots = [depot];
    let mut count = Count::default();
    for person in 0..PEOPLE {
        // evenly over the ground
        let (far, way) = (FARTHEST * rng.random::<f64>().sqrt(), TAU * rng.random::<f64>());
        let (east, north) = (far * way.cos(), far * way.sin());
        let shared = [0.0, 1.0, 0.5][person % 3];
        let common = error(&mut rng);
        let fixes = rng.random_range(1..=5);
        let mut punch = Vec::with_capacity(fixes);
        for n in 0..fixes {
            let own = error(&mut rng);
            let (a, b) = (f64::sqrt(shared), f64::sqrt(1.0 - shared));
            punch.push(PunchFix {
                place: at(east + a * common.0 + b * own.0, north + a * common.1 + b * own.1)?,
                accuracy: Some(ACCURACY as f32),
                age_ms: ((fixes - n) * 1_000) as i64,
                mock: false,
            });
        }
        let verdict = whereabouts(&punch, &[], &depots).verdict;
        let inside = far <= RADIUS;
        count.inside += u32::from(inside);
        count.outside += u32::from(!inside);
        count.accepted += u32::from(!inside && verdict == PlaceVerdict::Inside);
        count.rejected += u32::from(inside && verdict == PlaceVerdict::Outside);
        count.doubt += u32::from(verdict == PlaceVerdict::InDoubt);
    }
    Ok(count)
}

/// Metres east and north: Rayleigh's distance of which 68 % are within the accuracy, in any direction.
fn error(rng: &mut StdRng) -> (f64, f64) {
    let sigma = ACCURACY / (-2.0 * (1.0 - 0.68f64).ln()).sqrt();
    let far = sigma * (-2.0 * (1.0 - rng.random::<f64>()).ln()).sqrt();
    let way = TAU * rng.random::<f64>();
    (far * way.cos(), far * way.sin())
}
