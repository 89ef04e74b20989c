//! How often one number may ring in: so many calls at once and so many a minute, by the organisation's rules. What is over is
//! refused as busy before anything is stored, so that one telephone cannot fill the lines, the couriers' day or the disk.

use parking_lot::Mutex;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::id::OrganisationId;
use waybell_domain::inbound::InboundPolicy;

/// Numbers remembered before those that have long been silent are looked for.
const MANY: usize = 4_096;

type Key = (OrganisationId, String);

#[derive(Debug, Default)]
struct Caller {
    running: usize,
    /// Beginnings within the last minute.
    recent: VecDeque<UnixMs>,
}

impl Caller {
    fn forget(&mut self, now: UnixMs) {
        while self.recent.front().is_some_and(|at| now.since(*at) >= MINUTE) {
            self.recent.pop_front();
        }
    }

    fn is_silent(&self) -> bool {
        self.running == 0 && self.recent.is_empty()
    }
}

/// See the module. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub(crate) struct Callers(Arc<Mutex<HashMap<Key, Caller>>>);

/// A call that is counted as long as this is kept.
#[derive(Debug)]
pub(crate) struct Counted {
    callers: Callers,
    key: Key,
}

impl Callers {
    /// Counts a call; `None` where there are enough from this number.
    pub(crate) fn enter(
        &self,
        organisation: OrganisationId,
        caller: &str,
        policy: &InboundPolicy,
        now: UnixMs,
    ) -> Option<Counted> {
        let key = (organisation, caller.to_owned());
        let mut all = self.0.lock();
        if all.len() > MANY {
            all.retain(|_, c| {
                c.forget(now);
                !c.is_silent()
            });
        }
        let found = all.entry(key.clone()).or_default();
        found.forget(now);
        if found.running >= usize::from(policy.caller_calls)
            || found.recent.len() >= usize::from(policy.caller_calls_a_minute)
        {
            return None;
        }
        found.running += 1;
        found.recent.push_back(now);
        drop(all);
        Some(Counted { callers: self.clone(), key })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut all = self.callers.0.lock();
        if let Some(found) = all.get_mut(&self.key) {
            found.running = found.running.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_at_once_and_so_many_a_minute() {
        let callers = Callers::default();
        let policy = InboundPolicy { caller_calls: 2, caller_calls_a_minute: 4, ..InboundPolicy::default() };
        let (ours, theirs) = (OrganisationId::at(1, [1; 10]), OrganisationId::at(1, [2; 10]));
        let enter = |organisation, at| callers.enter(organisation, "+8613800000000", &policy, UnixMs(at));
        let first = enter(ours, 0).unwrap();
        let second = enter(ours, 10).unwrap();
        assert!(enter(ours, 20).is_none(), "two at once");
        assert!(enter(theirs, 20).is_some(), "another company's caller");
        drop(first);
        drop(enter(ours, 30).unwrap());
        drop(second);
        drop(enter(ours, 40).unwrap());
        assert!(enter(ours, 59_999).is_none(), "four a minute");
        drop(enter(ours, 60_000).unwrap());
        assert!(enter(ours, 60_000).is_none());
        assert!(enter(ours, 120_041).is_some());
    }

    #[test]
    fn the_silent_are_forgotten() {
        let callers = Callers::default();
        let policy = InboundPolicy::default();
        let organisation = OrganisationId::at(1, [1; 10]);
        let kept = callers.enter(organisation, "kept", &policy, UnixMs(0)).unwrap();
        for n in 0..MANY + 1 {
            drop(callers.enter(organisation, &n.to_string(), &policy, UnixMs(0)));
        }
        drop(callers.enter(organisation, "new", &policy, UnixMs(MINUTE)));
        assert_eq!(callers.0.lock().len(), 2);
        drop(kept);
    }
}
