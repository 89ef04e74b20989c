use super::*;
use crate::tracking::simulate::{self, Phone, Sky};
use std::collections::BTreeMap;

mod cases;
mod clocks;
mod days;

/// Runs a shift over fixes; whenever `kill` says so, only what is stored goes on.
fn shift(fixes: &[Fix], kill: impl Fn(usize) -> bool) -> (Vec<Effect>, Summary) {
    let mut state = State::default();
    let mut effects = Vec::new();
    let began = fixes.first().map_or(UnixMs(0), |f| f.wall);
    step(&mut state, Event::DutyOn, &EventTime::wall_only(began), &mut effects);
    for (n, fix) in fixes.iter().enumerate() {
        if kill(n) {
            let stored = serde_json::to_string(&state).unwrap();
            assert!(stored.len() < 20_000, "the state stays small: {}", stored.len());
            state = serde_json::from_str(&stored).unwrap();
        }
        let now = EventTime::wall_only(fix.wall);
        step(&mut state, Event::Fix(fix.clone()), &now, &mut effects);
    }
    let summary = state.summary();
    let end = fixes.last().map_or(UnixMs(0), |f| f.wall);
    step(&mut state, Event::DutyOff, &EventTime::wall_only(end), &mut effects);
    (effects, summary)
}

fn drops(effects: &[Effect]) -> BTreeMap<DropReason, usize> {
    let mut drops = BTreeMap::new();
    for effect in effects {
        if let Effect::Drop { reason, .. } = effect {
            *drops.entry(*reason).or_default() += 1;
        }
    }
    drops
}

fn gaps(effects: &[Effect]) -> Vec<Gap> {
    effects.iter().filter_map(|e| if let Effect::Gap(gap) = e { Some(*gap) } else { None }).collect()
}

fn stays(effects: &[Effect]) -> Vec<Stay> {
    effects.iter().filter_map(|e| if let Effect::Stay(stay) = e { Some(*stay) } else { None }).collect()
}

/// The runs that the effects make.
fn runs(effects: &[Effect]) -> Vec<Vec<Vertex>> {
    let mut runs: Vec<Vec<Vertex>> = Vec::new();
    for effect in effects {
        match effect {
            Effect::Run(_) => runs.push(Vec::new()),
            Effect::Keep(v) => runs.last_mut().expect("a run begins first").push(*v),
            _ => {}
        }
    }
    runs
}
