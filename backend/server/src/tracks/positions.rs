//! Where everybody on duty is now, in memory.

use crate::store::scope::Scope;
use parking_lot::Mutex;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::track::Place;
use waybell_domain::wire::{PositionReport, Role};

/// Nobody is shown by a report that is older than this, ms.
pub(super) const FORGOTTEN: i64 = 24 * 3_600_000;

/// A report, in the server's time.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Position {
    pub branch: Option<BranchId>,
    pub shift: String,
    pub at: UnixMs,
    pub place: Place,
    pub accuracy: Option<f32>,
    pub speed: Option<f32>,
    pub bearing: Option<f32>,
    pub mock: bool,
}

/// The newest report of each courier on duty.
#[derive(Default)]
pub struct Positions {
    all: Mutex<HashMap<OrganisationId, HashMap<UserId, Position>>>,
}

impl Positions {
    /// Takes a report, if it is newer than the one that is known; true if so.
    pub(super) fn take(&self, scope: &Scope, report: &PositionReport, now: UnixMs) -> bool {
        let off = super::take::off(report.now, now);
        let at = report.at - off;
        if at > now + super::take::AHEAD || now.since(at) > FORGOTTEN {
            return false;
        }
        let mut all = self.all.lock();
        let of = all.entry(scope.organisation).or_default();
        if of.get(&scope.person).is_some_and(|known| known.at >= at) {
            return false;
        }
        let finite = |v: Option<f32>| v.filter(|v| v.is_finite());
        let position = Position {
            branch: scope.branch,
            shift: report.shift.clone(),
            at,
            place: report.place,
            accuracy: finite(report.accuracy),
            speed: finite(report.speed),
            bearing: finite(report.bearing),
            mock: report.mock,
        };
        of.insert(scope.person, position);
        true
    }

    /// A shift has ended: off duty nobody is shown.
    pub(super) fn over(&self, scope: &Scope, shift: &str) {
        if let Some(of) = self.all.lock().get_mut(&scope.organisation)
            && of.get(&scope.person).is_some_and(|known| known.shift == shift)
        {
            of.remove(&scope.person);
        }
    }

    /// Those whom the asker may see.
    pub(super) fn seen_by(&self, scope: &Scope, now: UnixMs) -> HashMap<UserId, Position> {
        let mut all = self.all.lock();
        let Some(of) = all.get_mut(&scope.organisation) else { return HashMap::new() };
        of.retain(|_, p| now.since(p.at) <= FORGOTTEN);
        let seen = |id: &UserId, p: &Position| match scope.role {
            Role::Administrator => true,
            Role::Courier => *id == scope.person,
            _ => scope.branch.is_none() || p.branch == scope.branch,
        };
        of.iter().filter(|(id, p)| seen(id, p)).map(|(id, p)| (*id, p.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(org: u8, branch: u8, person: u8, role: Role) -> Scope {
        Scope {
            organisation: OrganisationId::at(1, [org; 10]),
            branch: Some(BranchId::at(1, [branch; 10])),
            person: UserId::at(1, [person; 10]),
            role,
        }
    }

    fn report(at: i64, now: i64) -> PositionReport {
        PositionReport {
            shift: "s".into(),
            at: UnixMs(at),
            now: UnixMs(now),
            place: Place { lat_e7: 312_000_000, lon_e7: 1_215_000_000 },
            accuracy: Some(f32::NAN),
            speed: None,
            bearing: None,
            mock: false,
        }
    }

    const NOW: UnixMs = UnixMs(1_795_140_000_000);
    const DAY: i64 = 24 * 3_600_000;

    #[test]
    fn the_newest_counts_in_whatever_order_they_come_and_whatever_the_phone_thinks_that_it_is() {
        let positions = Positions::default();
        let courier = scope(1, 1, 1, Role::Courier);
        for (off, newest) in [(0, 5_000), (DAY, 4_000), (-DAY, 3_000)] {
            let told = |age: i64| report(NOW.0 + off - age, NOW.0 + off);
            assert!(positions.take(&courier, &told(newest), NOW), "{off}");
            assert!(!positions.take(&courier, &told(90_000), NOW), "an older one");
        }
        let seen = positions.seen_by(&courier, NOW);
        assert_eq!(seen[&courier.person].at, NOW - 3_000);
        assert_eq!(seen[&courier.person].accuracy, None);
        // of a time that has not come, or long ago
        assert!(!positions.take(&courier, &report(NOW.0 + DAY, NOW.0), NOW));
        assert!(!positions.take(&courier, &report(NOW.0 - 2 * DAY, NOW.0), NOW));
        assert!(positions.seen_by(&courier, NOW + 2 * DAY).is_empty());
    }

    #[test]
    fn who_sees_whom() {
        let positions = Positions::default();
        for (org, branch, person) in [(1, 1, 1), (1, 1, 2), (1, 2, 3), (2, 1, 4)] {
            let courier = scope(org, branch, person, Role::Courier);
            assert!(positions.take(&courier, &report(NOW.0, NOW.0), NOW));
        }
        let count = |s: Scope| positions.seen_by(&s, NOW).len();
        assert_eq!(count(scope(1, 1, 1, Role::Courier)), 1);
        assert_eq!(count(scope(1, 1, 9, Role::Supervisor)), 2);
        assert_eq!(count(scope(1, 2, 9, Role::TeamLeader)), 1);
        assert_eq!(count(scope(1, 2, 9, Role::Administrator)), 3);
        assert_eq!(count(Scope { branch: None, ..scope(1, 2, 9, Role::Supervisor) }), 3);
        assert_eq!(count(scope(3, 1, 9, Role::Administrator)), 0);
        positions.over(&scope(1, 1, 1, Role::Courier), "another");
        assert_eq!(count(scope(1, 1, 1, Role::Courier)), 1);
        positions.over(&scope(1, 1, 1, Role::Courier), "s");
        assert_eq!(count(scope(1, 1, 1, Role::Courier)), 0);
    }
}
