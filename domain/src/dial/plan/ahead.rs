//! Notices that follow the tour: each person is rung so long before the courier arrives.

use std::collections::BTreeMap;

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use super::PlannedCall;
use crate::clock::{DAY, MINUTE, UnixMs};
use crate::dial::policy::Policy;
use crate::id::ParcelId;

/// From the first ring to the end of a notice, as it usually is, ms: the answer is to be there so long before arrival.
const RING_AND_WORDS: i64 = MINUTE;
/// Whoever would be rung after calling hours is rung so long before they end, ms, with time for a second try.
const BEFORE_CLOSING: i64 = 30 * MINUTE;
/// Stretches of calling hours that are looked at on the way to an arrival.
const STRETCHES: usize = 20;
/// Longest lead, minutes.
pub const LONGEST_LEAD: u16 = 240;
/// Most arrivals of a tour that are told at once.
const MOST_ARRIVALS: usize = 5_000;
/// An arrival lies at most so far away, ms.
pub const FARTHEST_ARRIVAL: i64 = 2 * DAY;

/// When the courier will be where a parcel goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Arrival {
    /// The parcel.
    pub parcel: ParcelId,
    /// The moment, as the tour has it.
    pub at: UnixMs,
}

/// How notices follow a tour. People without an arrival are rung at once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Ahead {
    /// How long before the arrival somebody is to know, minutes: 1 to 240.
    pub minutes: u16,
    /// When the courier arrives, parcel by parcel.
    pub arrivals: Vec<Arrival>,
}

impl Ahead {
    /// Refuses what cannot be meant, seen from `now`: field, problem, and what to do.
    ///
    /// # Errors
    /// The first field that is out of its range.
    pub fn check(&self, now: UnixMs) -> Result<(), (String, &'static str, &'static str)> {
        if !(1..=LONGEST_LEAD).contains(&self.minutes) {
            return Err((
                "ahead.minutes".into(),
                "is not between 1 and 240",
                "say how long before the arrival people are rung",
            ));
        }
        if self.arrivals.len() > MOST_ARRIVALS {
            return Err((
                "ahead.arrivals".into(),
                "has more than 5,000 entries",
                "send the arrivals of the parcels that are notified",
            ));
        }
        match self.arrivals.iter().position(|a| a.at.since(now).saturating_abs() > FARTHEST_ARRIVAL) {
            None => Ok(()),
            Some(n) => Err((
                format!("ahead.arrivals[{n}].at"),
                "is more than two days away",
                "send the arrivals of today's tour, in milliseconds since 1970",
            )),
        }
    }

    /// The arrivals by parcel; of one that is named twice the earlier one.
    #[must_use]
    pub fn by_parcel(&self) -> BTreeMap<ParcelId, UnixMs> {
        let mut found: BTreeMap<ParcelId, UnixMs> = BTreeMap::new();
        for Arrival { parcel, at } in &self.arrivals {
            found.entry(*parcel).and_modify(|t| *t = (*at).min(*t)).or_insert(*at);
        }
        found
    }

    /// When to ring somebody whose courier arrives then: not before `earliest`, at which they may be rung, and within
    /// calling hours. Where the hours end too soon it is earlier, and where they have not begun, as soon as they do.
    #[must_use]
    pub fn moment(&self, policy: &Policy, zone: Tz, earliest: UnixMs, arrival: UnixMs) -> UnixMs {
        let wanted = arrival - i64::from(self.minutes) * MINUTE - RING_AND_WORDS;
        let mut open = earliest;
        for _ in 0..STRETCHES {
            if wanted <= open {
                return open;
            }
            let Some(closes) = policy.closes_after(open, zone) else { return wanted };
            if wanted < closes {
                return wanted;
            }
            let next = policy.next_open(closes, zone);
            if next > arrival {
                // nobody may be rung between here and the arrival
                return (closes - BEFORE_CLOSING).max(open);
            }
            open = next;
        }
        earliest
    }

    /// Puts calls off to their moments.
    pub(super) fn put_off(&self, calls: &mut [PlannedCall], policy: &Policy, zone: Tz) {
        let arrivals = self.by_parcel();
        for call in calls {
            let arrival = call.parcels.iter().filter_map(|p| arrivals.get(p)).min();
            if let Some(arrival) = arrival {
                let zone = call.phone.zone().unwrap_or(zone);
                call.not_before = self.moment(policy, zone, call.not_before, *arrival);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::HOUR;
    use crate::dial::policy::{QuietHours, TimeOfDay};
    use proptest::prelude::*;

    const ZONE: Tz = Tz::Asia__Shanghai;
    /// Midnight in Shanghai.
    const NIGHT: UnixMs = UnixMs(1_772_380_800_000);

    fn at(hour: i64, minute: i64) -> UnixMs {
        NIGHT + hour * HOUR + minute * MINUTE
    }

    fn ahead(minutes: u16) -> Ahead {
        Ahead { minutes, arrivals: Vec::new() }
    }

    fn noon_rest() -> Policy {
        let time = |h| TimeOfDay::new(h, 0).unwrap();
        Policy {
            quiet: vec![QuietHours::NIGHT, QuietHours { from: time(12), to: time(14) }],
            ..Policy::default()
        }
    }

    #[test]
    fn before_the_arrival_and_within_hours() {
        let policy = noon_rest();
        for (lead, earliest, arrival, rung) in [
            (15, at(9, 0), at(10, 0), at(9, 44)),
            // too late for the whole lead
            (15, at(9, 0), at(9, 10), at(9, 0)),
            (15, at(9, 0), at(8, 0), at(9, 0)),
            // the noon's rest: before it, when it reaches to the arrival; after it, when there is time
            (15, at(9, 0), at(12, 30), at(11, 30)),
            (15, at(9, 0), at(14, 10), at(14, 0)),
            (15, at(9, 0), at(15, 0), at(14, 44)),
            (30, at(11, 50), at(13, 0), at(11, 50)),
            // after hours, and the next day
            (15, at(9, 0), at(21, 0), at(20, 0)),
            (60, at(9, 0), at(32, 45), at(20, 0) + 12 * HOUR + 30 * MINUTE),
        ] {
            assert_eq!(
                ahead(lead).moment(&policy, ZONE, earliest, arrival),
                rung,
                "{lead} {earliest:?} {arrival:?}"
            );
        }
        assert_eq!(ahead(15).moment(&Policy::unrestricted(), ZONE, at(1, 0), at(3, 0)), at(2, 44));
    }

    #[test]
    fn what_cannot_be_meant_is_named() {
        let parcel = ParcelId::at(NIGHT, [1; 10]);
        let with = |minutes, at| Ahead { minutes, arrivals: vec![Arrival { parcel, at }] };
        assert!(with(15, NIGHT + HOUR).check(NIGHT).is_ok());
        assert_eq!(with(0, NIGHT).check(NIGHT).unwrap_err().0, "ahead.minutes");
        assert_eq!(with(241, NIGHT).check(NIGHT).unwrap_err().0, "ahead.minutes");
        assert_eq!(with(15, UnixMs(5)).check(NIGHT).unwrap_err().0, "ahead.arrivals[0].at");
        assert_eq!(with(15, UnixMs(i64::MIN)).check(NIGHT).unwrap_err().0, "ahead.arrivals[0].at");
        let at_noon = Arrival { parcel, at: at(12, 0) };
        let many = |n| Ahead { minutes: 1, arrivals: vec![at_noon; n] }.check(NIGHT);
        assert!(many(5_000).is_ok());
        assert_eq!(many(5_001).unwrap_err().0, "ahead.arrivals");
        let twice =
            Ahead { minutes: 1, arrivals: [9, 7, 8].map(|h| Arrival { parcel, at: at(h, 0) }).to_vec() };
        assert_eq!(twice.by_parcel()[&parcel], at(7, 0));
    }

    proptest! {
        #[test]
        fn nobody_is_rung_out_of_hours_or_later_than_there_is_need(
            lead in 1u16..=240, earliest in 0i64..2 * DAY, arrival in 0i64..3 * DAY, rest in any::<bool>(),
        ) {
            let policy = if rest { noon_rest() } else { Policy::default() };
            let earliest = policy.next_open(NIGHT + earliest, ZONE);
            let arrival = NIGHT + arrival;
            let rung = ahead(lead).moment(&policy, ZONE, earliest, arrival);
            prop_assert!(rung >= earliest);
            prop_assert_eq!(policy.next_open(rung, ZONE), rung);
            prop_assert!(rung == earliest || rung < arrival || rung == policy.next_open(rung - 1, ZONE));
        }
    }
}
