//! At which hours a number answers: a small count that times the next try, and that can be said in a sentence.
//!
//! A day has twelve parts of two hours. For each, calls that a person could have answered are counted, and those that were;
//! a call of thirty days ago counts half, one of more than sixty not at all. The chance of a part is the mean of a Beta
//! posterior whose prior is the house's own curve (all its calls of that part), worth [`PRIOR`] calls, so a number of which
//! little is known behaves like everybody.
//!
//! A retry waits for a better part only on the number's own evidence: it has answered there at least [`LEAST`] times, and the
//! chance is higher by [`MARGIN`] than at the earliest moment the rules allow. It waits [`LONGEST`] at most, and only for a
//! moment that the rules allow: nothing here makes a call earlier, or one that would not be made.

use crate::clock::{DAY, HOUR, UnixMs};
use chrono_tz::Tz;

/// Parts of a day.
pub const PARTS: usize = 12;
/// Length of a part, ms by the wall clock.
const PART: i64 = 2 * HOUR;
/// How far back calls are looked at, ms.
pub const KEPT: i64 = 60 * DAY;
/// A call of this age counts half.
const HALF: f64 = 30.0 * DAY as f64;
/// How many calls the house's curve is worth.
pub const PRIOR: f64 = 2.0;
/// Answers of a number in a part before anything waits for it.
pub const LEAST: u32 = 2;
/// How much higher the chance must be.
pub const MARGIN: f64 = 0.15;
/// The longest wait for a better part, ms.
pub const LONGEST: i64 = 4 * HOUR;
/// The share of calls that are answered where nothing is known.
const USUAL: f64 = 0.6;

/// A call that a person could have answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// When.
    pub at: UnixMs,
    /// It was answered.
    pub answered: bool,
}

/// What calls of one part of the day came to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Part {
    /// Calls.
    pub tried: u32,
    /// Those that were answered.
    pub answered: u32,
    weight: f64,
    answers: f64,
}

/// Calls by part of the day.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AnswerHours {
    parts: [Part; PARTS],
}

/// A later moment at which an answer is likelier, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BetterHour {
    /// When.
    pub at: UnixMs,
    /// The hours, as 18 and 20.
    pub hours: (u32, u32),
    /// Calls to this number in these hours.
    pub tried: u32,
    /// Those that were answered.
    pub answered: u32,
}

fn part_of(at: UnixMs, zone: Tz) -> usize {
    usize::try_from(at.local(zone).1 / PART).unwrap_or(0).min(PARTS - 1)
}

impl AnswerHours {
    /// Counts calls to one number, as of `now`.
    #[must_use]
    pub fn of(calls: &[Tried], now: UnixMs, zone: Tz) -> Self {
        let mut hours = Self::default();
        for call in calls {
            let age = now.since(call.at).max(0);
            if age > KEPT {
                continue;
            }
            let weight = 0.5f64.powf(age as f64 / HALF);
            let part = &mut hours.parts[part_of(call.at, zone)];
            part.tried += 1;
            part.weight += weight;
            if call.answered {
                part.answered += 1;
                part.answers += weight;
            }
        }
        hours
    }

    /// A house's curve out of its sums: for each part calls, and those that were answered.
    #[must_use]
    pub fn house(sums: impl IntoIterator<Item = (usize, u32, u32)>) -> Self {
        let mut hours = Self::default();
        for (part, tried, answered) in sums {
            let Some(part) = hours.parts.get_mut(part) else { continue };
            let answered = answered.min(tried);
            *part = Part { tried, answered, weight: tried.into(), answers: answered.into() };
        }
        hours
    }

    /// True if the number has answered often enough in some part for anything to wait for it.
    #[must_use]
    pub fn tells(&self) -> bool {
        self.parts.iter().any(|part| part.answered >= LEAST)
    }

    /// The chance of an answer at this moment, between 0 and 1.
    #[must_use]
    pub fn chance(&self, house: &Self, at: UnixMs, zone: Tz) -> f64 {
        let which = part_of(at, zone);
        let (own, all) = (&self.parts[which], &house.parts[which]);
        let usual = (all.answers + USUAL * 20.0) / (all.weight + 20.0);
        (own.answers + usual * PRIOR) / (own.weight + PRIOR)
    }

    /// A better moment than `earliest` for the next call to this number. `allowed` maps a moment to the first one not before it
    /// at which the rules let it be rung.
    #[must_use]
    pub fn better(
        &self,
        house: &Self,
        earliest: UnixMs,
        zone: Tz,
        allowed: impl Fn(UnixMs) -> UnixMs,
    ) -> Option<BetterHour> {
        let now = self.chance(house, earliest, zone);
        let (_, ms) = earliest.local(zone);
        let mut best: Option<(f64, BetterHour)> = None;
        let first = PART - ms % PART;
        for start in (0..).map(|n| first + n * PART).take_while(|wait| *wait <= LONGEST) {
            let start = earliest.step(zone, start);
            let at = allowed(start);
            // the rules must allow it in that part, and not after too long a wait
            if at < start || at.since(earliest) > LONGEST || part_of(at, zone) != part_of(start, zone) {
                continue;
            }
            let part = &self.parts[part_of(at, zone)];
            let chance = self.chance(house, at, zone);
            let better = chance >= now + MARGIN && best.as_ref().is_none_or(|(other, _)| chance > *other);
            if part.answered >= LEAST && better {
                let hour = u32::try_from(at.local(zone).1 / PART * 2).unwrap_or(0);
                let hours = (hour, hour + 2);
                best = Some((chance, BetterHour { at, hours, tried: part.tried, answered: part.answered }));
            }
        }
        best.map(|(_, better)| better)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::MINUTE;
    use proptest::prelude::*;

    const ZONE: Tz = Tz::Asia__Shanghai;
    /// Nine in the morning in Shanghai.
    const NINE: UnixMs = UnixMs(1_772_413_200_000);

    fn call(days_ago: i64, hour: i64, answered: bool) -> Tried {
        Tried { at: NINE - days_ago * DAY + (hour - 9) * HOUR, answered }
    }

    #[test]
    fn three_of_four_at_six_in_the_evening() {
        let mut calls: Vec<Tried> = (1..=4).map(|day| call(day, 18, day != 4)).collect();
        calls.extend((1..=3).map(|day| call(day, 15, false)));
        let hours = AnswerHours::of(&calls, NINE, ZONE);
        let house = AnswerHours::default();
        let three = NINE + 6 * HOUR;
        let better = hours.better(&house, three, ZONE, |t| t).unwrap();
        assert_eq!(better, BetterHour { at: three + 3 * HOUR, hours: (18, 20), tried: 4, answered: 3 });
        // at nine it is too far away, at six it is now, and where the rules forbid it nothing waits
        assert_eq!(hours.better(&house, NINE, ZONE, |t| t), None);
        assert_eq!(hours.better(&house, three + 3 * HOUR, ZONE, |t| t), None);
        assert_eq!(
            hours.better(&house, three, ZONE, |t| if t < three + 3 * HOUR { t } else { t + DAY }),
            None
        );
        // one answer is chance, and old calls are forgotten
        let once = AnswerHours::of(&calls[..1], NINE, ZONE);
        assert!(!once.tells() && once.better(&house, three, ZONE, |t| t).is_none());
        assert!(!AnswerHours::of(&calls, NINE + 70 * DAY, ZONE).tells());
    }

    #[test]
    fn little_is_known_so_the_house_is_believed() {
        let house = AnswerHours::house([(4, 1_000, 900), (7, 1_000, 100)]);
        let nobody = AnswerHours::default();
        let chance = |at: UnixMs| nobody.chance(&house, at, ZONE);
        assert!(chance(NINE) > 0.85 && chance(NINE + 5 * HOUR) < 0.15);
        assert!((nobody.chance(&nobody, NINE, ZONE) - USUAL).abs() < 1e-9);
        assert_eq!(nobody.better(&house, NINE + 5 * HOUR, ZONE, |t| t), None, "without evidence of its own");
    }

    /// A thousand people, half of whom answer in the evening and seldom by day, rung at three for sixty days, with a second
    /// try after half an hour where the first was in vain: with learning and without.
    #[test]
    fn more_second_tries_are_answered_with_it_than_without() {
        let mut seed = 7u64;
        let mut chance = move || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) as f64 / f64::from(1u32 << 31)
        };
        let mut rate = |learns: bool| {
            let (mut tries, mut answers, mut waited) = (0u32, 0u32, 0i64);
            for person in 0..1_000 {
                let evening = person % 2 == 0;
                let answer = |at: UnixMs| match (evening, part_of(at, ZONE)) {
                    (true, 9) => 0.8,
                    (true, _) => 0.25,
                    (false, _) => 0.6,
                };
                let mut calls: Vec<Tried> = Vec::new();
                for day in 0..60 {
                    // now and then somebody is rung in the evening, by another list
                    let first = NINE + day * DAY + if day % 5 == 0 { 9 } else { 6 } * HOUR;
                    let answered = chance() < answer(first);
                    calls.push(Tried { at: first, answered });
                    if answered {
                        continue;
                    }
                    let mut second = first + 30 * MINUTE;
                    let hours = AnswerHours::of(&calls, second, ZONE);
                    let late = |t: UnixMs| t.local(ZONE).1 >= 20 * HOUR;
                    let allowed = |t: UnixMs| if late(t) { t + 12 * HOUR } else { t };
                    let better = hours.better(&AnswerHours::default(), second, ZONE, allowed);
                    if let (true, Some(better)) = (learns, better) {
                        waited += better.at.since(second);
                        second = better.at;
                    }
                    let answered = chance() < answer(second);
                    calls.push(Tried { at: second, answered });
                    tries += 1;
                    answers += u32::from(answered);
                }
            }
            (f64::from(answers) / f64::from(tries), waited / HOUR / i64::from(tries.max(1)))
        };
        let (without, _) = rate(false);
        let (with, _) = rate(true);
        println!("second tries answered: {without:.3} without, {with:.3} with");
        assert!(with > without + 0.1, "{with} against {without}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        /// It never makes a call earlier, never at a moment the rules do not allow, and never waits longer than it may.
        #[test]
        fn only_later_only_allowed_and_not_for_long(
            calls in proptest::collection::vec((0i64..80 * 24 * 60, any::<bool>()), 0..40),
            earliest in 0i64..48 * 60, closed in 0i64..24, open in 1i64..24,
        ) {
            let calls: Vec<Tried> =
                calls.iter().map(|(m, answered)| Tried { at: NINE - m * MINUTE, answered: *answered }).collect();
            let earliest = NINE + earliest * MINUTE;
            let bars = |t: UnixMs| (t.local(ZONE).1 / HOUR + 24 - closed) % 24 < 24 - open;
            let allowed = |t: UnixMs| (0..=24 * 60).map(|m| t + m * MINUTE).find(|t| !bars(*t)).unwrap_or(UnixMs::NEVER);
            let hours = AnswerHours::of(&calls, earliest, ZONE);
            if let Some(better) = hours.better(&AnswerHours::default(), earliest, ZONE, allowed) {
                prop_assert!(better.at > earliest && better.at.since(earliest) <= LONGEST);
                prop_assert!(!bars(better.at));
                prop_assert!(better.answered >= LEAST && better.answered <= better.tried);
                let house = AnswerHours::default();
                prop_assert!(hours.chance(&house, better.at, ZONE) > hours.chance(&house, earliest, ZONE));
            }
        }
    }
}
