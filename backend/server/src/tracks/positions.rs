//! Where everybody on duty is now, in memory.

use crate::store::scope::Scope;
use parking_lot::Mutex;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::track::Place;
use waybell_domain::wire::{LiveView, PositionReport, Role};

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

impl Position {
    /// The end of a track.
    pub(super) fn end(branch: Option<BranchId>, shift: String, at: UnixMs, place: Place) -> Position {
        let (accuracy, speed, bearing) = (None, None, None);
        Position { branch, shift, at, place, accuracy, speed, bearing, mock: false }
    }
}

/// Most shifts of a courier that are remembered: far more than anybody has within a day.
const MOST: usize = 64;

/// What is known of a shift that was heard of.
struct Heard {
    /// The phone's time of its newest report.
    at: UnixMs,
    /// The most that its phone was ahead: the way here only makes it less.
    ahead: i64,
    ended: bool,
    heard_at: UnixMs,
}

#[derive(Default)]
struct Courier {
    shown: Option<Position>,
    /// The end of what has come of the track; counts where no report is known.
    end: Option<Position>,
    shifts: HashMap<String, Heard>,
}

impl Courier {
    /// The shift, new or known; what nobody has heard of for a day is forgotten.
    fn shift(&mut self, name: &str, now: UnixMs) -> &mut Heard {
        self.shifts.retain(|_, s| now.since(s.heard_at) <= FORGOTTEN);
        if !self.shifts.contains_key(name) && self.shifts.len() >= MOST {
            let oldest = self.shifts.iter().min_by_key(|(_, s)| s.heard_at).map(|(name, _)| name.clone());
            oldest.and_then(|name| self.shifts.remove(&name));
        }
        let new = || Heard { at: UnixMs(i64::MIN), ahead: i64::MIN, ended: false, heard_at: now };
        self.shifts.entry(name.to_owned()).or_insert_with(new)
    }
}

/// What is known of an organisation.
#[derive(Default)]
struct Of {
    couriers: HashMap<UserId, Courier>,
    /// Rises with each change.
    version: u64,
    /// The ends of tracks that were stored before this server began are known.
    ends_known: bool,
}

/// What a look at the couriers of an organisation found.
pub(super) struct Seen {
    /// Those in the view; false: the end of a track.
    pub all: Vec<(UserId, Position, bool)>,
    /// Version of what was looked at.
    pub version: u64,
    /// When somebody of them turns stale or is forgotten, if nothing else comes.
    pub until: Option<UnixMs>,
}

/// The newest report of each courier on duty. Within a shift the phone's own time says which is newer: what the server
/// makes of it moves with the time that a report was on its way. A shift that has ended stays so.
#[derive(Default)]
pub struct Positions {
    all: Mutex<HashMap<OrganisationId, Of>>,
    pub(super) swept: super::keep::Swept,
}

impl Positions {
    /// Takes a report, if it is newer than what is known; true if so.
    pub(super) fn take(&self, scope: &Scope, report: &PositionReport, now: UnixMs) -> bool {
        let mut all = self.all.lock();
        let of = all.entry(scope.organisation).or_default();
        let courier = of.couriers.entry(scope.person).or_default();
        let shift = courier.shift(&report.shift, now);
        if shift.ended || report.at <= shift.at {
            return false;
        }
        let ahead = shift.ahead.max(report.now.since(now));
        let at = report.at - super::take::settled(ahead);
        if at > now + super::take::AHEAD || now.since(at) > FORGOTTEN {
            return false;
        }
        (shift.at, shift.ahead, shift.heard_at) = (report.at, ahead, now);
        if courier.shown.as_ref().is_some_and(|known| known.shift != report.shift && known.at >= at) {
            return false;
        }
        let finite = |v: Option<f32>| v.filter(|v| v.is_finite());
        courier.shown = Some(Position {
            branch: scope.branch,
            shift: report.shift.clone(),
            at,
            place: report.place,
            accuracy: finite(report.accuracy),
            speed: finite(report.speed),
            bearing: finite(report.bearing),
            mock: report.mock,
        });
        of.version += 1;
        true
    }

    /// Takes the end of a track that was stored, in the server's time, if its shift runs and nothing newer is known.
    pub(super) fn reached(&self, organisation: OrganisationId, courier: UserId, end: Position, now: UnixMs) {
        let mut all = self.all.lock();
        let of = all.entry(organisation).or_default();
        let courier = of.couriers.entry(courier).or_default();
        let ended = courier.shift(&end.shift, now).ended;
        let older = courier.end.as_ref().is_some_and(|known| known.at >= end.at);
        if ended || older || now.since(end.at) > FORGOTTEN || end.at > now + super::take::AHEAD {
            return;
        }
        courier.end = Some(end);
        of.version += 1;
    }

    /// True if the ends of tracks of before this server's start are known; otherwise it is for the asker to tell them.
    pub(super) fn ends_known(&self, organisation: OrganisationId) -> bool {
        self.all.lock().get(&organisation).is_some_and(|of| of.ends_known)
    }

    /// The ends of tracks of before this server's start have been told.
    pub(super) fn ends_told(&self, organisation: OrganisationId) {
        self.all.lock().entry(organisation).or_default().ends_known = true;
    }

    /// Number that rises with each change of an organisation.
    pub(super) fn version(&self, organisation: OrganisationId) -> u64 {
        self.all.lock().get(&organisation).map_or(0, |of| of.version)
    }

    /// Those in the view whom the asker may see. `stale`: the age from which a position is stale, ms.
    pub(super) fn in_view(&self, scope: &Scope, view: &LiveView, now: UnixMs, stale: i64) -> Seen {
        let all = self.all.lock();
        let mut seen = Seen { all: Vec::new(), version: 0, until: None };
        let Some(of) = all.get(&scope.organisation) else { return seen };
        seen.version = of.version;
        for (id, courier) in &of.couriers {
            let fresh = |p: &&Position| now.since(p.at) <= FORGOTTEN;
            let live = courier.shown.as_ref().filter(fresh).map(|p| (p, true));
            let Some((p, live)) = live.or(courier.end.as_ref().filter(fresh).map(|p| (p, false))) else {
                continue;
            };
            let in_branch = view.branch.is_none() || p.branch == view.branch;
            let in_area = view.area.is_none_or(|area| area.contains(p.place));
            if !(in_branch && in_area && may_see(scope, *id, p)) {
                continue;
            }
            let turns = if now.since(p.at) > stale { p.at + FORGOTTEN } else { p.at + stale };
            seen.until = Some(seen.until.map_or(turns, |until| until.min(turns)));
            seen.all.push((*id, p.clone(), live));
        }
        seen
    }

    /// True if a report of this shift was heard within a day.
    pub(super) fn knows(&self, scope: &Scope, shift: &str) -> bool {
        let all = self.all.lock();
        let courier = all.get(&scope.organisation).and_then(|of| of.couriers.get(&scope.person));
        courier.is_some_and(|c| c.shifts.contains_key(shift))
    }

    /// A shift has ended: off duty nobody is shown, whatever of it comes late.
    pub(super) fn over(&self, scope: &Scope, shift: &str, now: UnixMs) {
        let mut all = self.all.lock();
        let of = all.entry(scope.organisation).or_default();
        let courier = of.couriers.entry(scope.person).or_default();
        let heard = courier.shift(shift, now);
        (heard.ended, heard.heard_at) = (true, now);
        courier.shown.take_if(|known| known.shift == shift);
        courier.end.take_if(|known| known.shift == shift);
        of.version += 1;
    }

    /// Those whom the asker may see.
    pub(super) fn seen_by(&self, scope: &Scope, now: UnixMs) -> HashMap<UserId, Position> {
        let mut all = self.all.lock();
        let Some(of) = all.get_mut(&scope.organisation) else { return HashMap::new() };
        for courier in of.couriers.values_mut() {
            courier.shown.take_if(|p| now.since(p.at) > FORGOTTEN);
            courier.end.take_if(|p| now.since(p.at) > FORGOTTEN);
        }
        let shown = of.couriers.iter().filter_map(|(id, c)| Some((*id, c.shown.as_ref()?)));
        shown.filter(|(id, p)| may_see(scope, *id, p)).map(|(id, p)| (id, p.clone())).collect()
    }
}

fn may_see(scope: &Scope, courier: UserId, position: &Position) -> bool {
    match scope.role {
        Role::Administrator => true,
        Role::Courier => courier == scope.person,
        _ => scope.branch.is_none() || position.branch == scope.branch,
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
            let told = |age: i64| PositionReport {
                shift: format!("s{off}"),
                ..report(NOW.0 + off - age, NOW.0 + off)
            };
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
        positions.over(&scope(1, 1, 1, Role::Courier), "another", NOW);
        assert_eq!(count(scope(1, 1, 1, Role::Courier)), 1);
        positions.over(&scope(1, 1, 1, Role::Courier), "s", NOW);
        assert_eq!(count(scope(1, 1, 1, Role::Courier)), 0);
    }

    #[test]
    fn what_comes_late_twice_or_overtaken_moves_nobody() {
        let positions = Positions::default();
        let courier = scope(1, 1, 1, Role::Courier);
        let (old, new) = (report(NOW.0, NOW.0), report(NOW.0 + 60_000, NOW.0 + 60_000));
        assert!(positions.take(&courier, &new, NOW + 60_000));
        for late in [61_000, 600_000, 3_600_000] {
            assert!(!positions.take(&courier, &old, NOW + late), "overtaken, {late} ms late");
            assert!(!positions.take(&courier, &new, NOW + late), "twice, {late} ms late");
        }
        assert_eq!(positions.seen_by(&courier, NOW + 60_000)[&courier.person].at, NOW + 60_000);
        // a newer one that was on its way for long is of its own time, not of now
        assert!(positions.take(&courier, &report(NOW.0 + 70_000, NOW.0 + 70_000), NOW + 3_600_000));
        assert_eq!(positions.seen_by(&courier, NOW + 3_600_000)[&courier.person].at, NOW + 70_000);
        positions.over(&courier, "s", NOW + 3_600_000);
        let after = report(NOW.0 + 90_000, NOW.0 + 90_000);
        assert!(!positions.take(&courier, &after, NOW + 3_700_000), "off duty");
        assert!(positions.seen_by(&courier, NOW + 3_700_000).is_empty());
        let next = PositionReport { shift: "t".into(), ..after };
        assert!(positions.take(&courier, &next, NOW + 90_000), "the next shift");
    }
}
