//! What people did, as it is stored, for the check at the end.

use super::action::Action;
use super::check::Standing;
use std::collections::{BTreeSet, HashMap};
use waybell_domain::wire::BatchAction;

/// What people did, by the time from which it was in force.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) undone: HashMap<String, i64>,
    pub(crate) paused: Vec<(String, i64, i64)>,
    pub(crate) stopped: Vec<(usize, i64, i64)>,
    pub(crate) opted_out: Vec<(usize, String, i64)>,
    pub(crate) starts: Vec<i64>,
    /// Attempts whose telephone rang at a death.
    pub(crate) rang_at_death: Vec<(i64, Vec<String>)>,
    /// Open attempts whose undo was stored at a death.
    pub(crate) undone_at_death: Vec<(i64, Vec<String>)>,
}

impl Ledger {
    /// Somebody was told that it is done.
    pub(crate) fn acted(&mut self, now: i64, action: &Action) {
        match action {
            Action::Act { batch, action: BatchAction::Undo, .. } => {
                self.undone.entry(batch.to_string()).or_insert(now);
            }
            Action::OptOut { org, phone } => self.opted_out.push((*org, phone.clone(), now)),
            _ => {}
        }
    }

    /// What is stored of it, whatever somebody was told.
    pub(crate) fn stands(&mut self, now: i64, action: &Action, standing: Standing) {
        match action {
            Action::Act { batch, .. } => {
                let batch = batch.to_string();
                if standing == Standing::Over {
                    self.undone.entry(batch.clone()).or_insert(now);
                }
                change(&mut self.paused, batch, now, standing == Standing::Held);
            }
            Action::Stop { org, .. } => change(&mut self.stopped, *org, now, standing == Standing::Held),
            _ => {}
        }
    }

    /// Organisations whose calls are held.
    pub(crate) fn stopped_at(&self, now: i64) -> BTreeSet<usize> {
        self.stopped.iter().filter(|s| s.1 <= now && s.2 == i64::MAX).map(|s| s.0).collect()
    }
}

fn change<T: PartialEq>(list: &mut Vec<(T, i64, i64)>, of: T, now: i64, held: bool) {
    match list.iter_mut().find(|p| p.0 == of && p.2 == i64::MAX) {
        Some(open) if !held => open.2 = now,
        None if held => list.push((of, now, i64::MAX)),
        _ => {}
    }
}
