//! Whether somebody is where they should be, as far as fixes can tell.
//!
//! A fix is a disc: its accuracy is the radius that holds the true place with 68 %. With the distance to the edge of a
//! place, the chance of being inside is that of a normal distribution across the edge. Two of the last three good fixes
//! have to be sure (99 %) of inside or of outside; one alone has to be surer (99.9 %). Anything between is *in doubt*: then
//! a photo is asked for, and nobody is refused. At 20 m of accuracy the doubt is some 30 m wide on either side of the edge.

use crate::id::BranchId;
use crate::track::shape::below;
use crate::track::{Place, Shape};
use serde::{Deserialize, Serialize};

/// Most fixes of a punch.
pub const MOST_FIXES: usize = 10;
/// Metres of one standard deviation in each direction, for one metre of the radius that holds 68 % of a plane.
const DEVIATION: f64 = 1.0 / 1.515;
/// A fix that does not tell its accuracy is worth this much, metres.
const UNTOLD: f64 = 50.0;
/// Less accurate fixes decide nothing, metres.
pub const WORST_ACCURACY: f64 = 100.0;
/// Older fixes decide nothing, ms.
pub const OLDEST: i64 = 60_000;
const SURE: f64 = 0.99;
const SURE_ALONE: f64 = 0.999;

words! {
    /// Whether a punch was made where it should be.
    pub enum PlaceVerdict {
        /// Surely inside of a work place.
        Inside = "inside", "在考勤范围内", "at a work place";
        /// The edge runs through what is known: a photo decides.
        InDoubt = "in_doubt", "位置存疑", "in doubt";
        /// Surely outside of all of them.
        Outside = "outside", "不在考勤范围", "away from the work places";
        /// Nothing usable is known of where it was.
        Unknown = "unknown", "没有可用定位", "no usable place";
        /// The branch has no work places: anywhere will do.
        Anywhere = "anywhere", "不限地点", "anywhere";
    }
}

/// A fix at a punch.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PunchFix {
    /// Where, WGS-84.
    pub place: Place,
    /// Radius that holds the true place with 68 %, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// How old it was at the punch, ms.
    #[serde(default)]
    pub age_ms: i64,
    /// The system says that an app made it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
}

/// Where people of a branch clock in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkPlace {
    /// Id.
    pub id: String,
    /// Of which branch.
    pub branch: BranchId,
    /// Name on screens.
    pub name: String,
    /// Its outline.
    pub shape: Shape,
    /// Wi-Fi stations that stand there (BSSID, as `aa:bb:cc:dd:ee:ff`): whoever sees one of them is there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wifi: Vec<String>,
}

/// Where a punch was, as far as is known.
#[derive(Clone, Debug, PartialEq)]
pub struct Whereabouts {
    /// The verdict.
    pub verdict: PlaceVerdict,
    /// The work place, or the nearest one.
    pub at: Option<String>,
    /// Metres outside of the nearest work place by the newest usable fix; 0 inside.
    pub metres: Option<f64>,
    /// A Wi-Fi station of the place decided.
    pub by_wifi: bool,
}

/// Where somebody with these fixes (oldest first) and these Wi-Fi stations is.
#[must_use]
pub fn whereabouts(fixes: &[PunchFix], wifi: &[String], places: &[WorkPlace]) -> Whereabouts {
    let nothing = |verdict| Whereabouts { verdict, at: None, metres: None, by_wifi: false };
    if places.is_empty() {
        return nothing(PlaceVerdict::Anywhere);
    }
    let seen = |p: &&WorkPlace| p.wifi.iter().any(|w| wifi.iter().any(|s| s.eq_ignore_ascii_case(w)));
    if let Some(place) = places.iter().find(seen) {
        let at = Some(place.id.clone());
        return Whereabouts { verdict: PlaceVerdict::Inside, at, metres: Some(0.0), by_wifi: true };
    }
    let usable = |f: &&PunchFix| {
        let accuracy = f.accuracy.map_or(UNTOLD, f64::from);
        (0.0..=WORST_ACCURACY).contains(&accuracy) && (0..=OLDEST).contains(&f.age_ms)
    };
    let mut good: Vec<&PunchFix> = fixes.iter().filter(usable).collect();
    let from = good.len().saturating_sub(3);
    let good = good.split_off(from);
    let Some(newest) = good.last() else { return nothing(PlaceVerdict::Unknown) };
    let (sure, needed) = if good.len() > 1 { (SURE, 2) } else { (SURE_ALONE, 1) };
    let mut doubt = false;
    let mut nearest: Option<(f64, &WorkPlace)> = None;
    for place in places {
        let inside = |f: &&PunchFix| {
            let sigma = (f.accuracy.map_or(UNTOLD, f64::from) * DEVIATION).max(1.0);
            below(place.shape.depth(f.place) / sigma)
        };
        let depth = place.shape.depth(newest.place);
        if nearest.is_none_or(|(known, _)| depth > known) {
            nearest = Some((depth, place));
        }
        if good.iter().filter(|f| inside(f) >= sure).count() >= needed {
            let at = Some(place.id.clone());
            return Whereabouts { verdict: PlaceVerdict::Inside, at, metres: Some(0.0), by_wifi: false };
        }
        doubt |= good.iter().filter(|f| inside(f) <= 1.0 - sure).count() < needed;
    }
    Whereabouts {
        verdict: if doubt { PlaceVerdict::InDoubt } else { PlaceVerdict::Outside },
        at: nearest.map(|(_, place)| place.id.clone()),
        metres: nearest.map(|(depth, _)| (-depth).max(0.0)).filter(|m| m.is_finite()),
        by_wifi: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;

    fn depot() -> WorkPlace {
        let middle = Place::of_degrees(31.2, 121.5).unwrap();
        WorkPlace {
            id: "depot".into(),
            branch: BranchId::at(UnixMs(1), [1; 10]),
            name: "站点".into(),
            shape: Shape::Circle { middle, radius: 100.0 },
            wifi: vec!["AA:bb:cc:dd:ee:ff".into()],
        }
    }

    fn fix(east: f64, north: f64) -> PunchFix {
        let place = Place::of_degrees(31.2, 121.5).unwrap().moved(east, north);
        PunchFix { place, accuracy: Some(20.0), age_ms: 0, mock: false }
    }

    #[test]
    fn sure_in_doubt_and_away() {
        let at = |east: f64| whereabouts(&[fix(east, 0.0), fix(east, 3.0)], &[], &[depot()]).verdict;
        assert_eq!(at(10.0), PlaceVerdict::Inside);
        assert_eq!(at(95.0), PlaceVerdict::InDoubt);
        assert_eq!(at(110.0), PlaceVerdict::InDoubt);
        assert_eq!(at(400.0), PlaceVerdict::Outside);
        let far = whereabouts(&[fix(400.0, 0.0)], &[], &[depot()]);
        assert!((far.metres.unwrap() - 300.0).abs() < 2.0 && far.at.as_deref() == Some("depot"));
        let seen = whereabouts(&[fix(9_000.0, 0.0)], &["aa:BB:cc:dd:ee:ff".into()], &[depot()]);
        assert!(seen.verdict == PlaceVerdict::Inside && seen.by_wifi);
        assert_eq!(whereabouts(&[], &[], &[depot()]).verdict, PlaceVerdict::Unknown);
        let old = PunchFix { age_ms: OLDEST + 1, ..fix(0.0, 0.0) };
        let vague = PunchFix { accuracy: Some(f32::NAN), ..fix(0.0, 0.0) };
        assert_eq!(whereabouts(&[old, vague], &[], &[depot()]).verdict, PlaceVerdict::Unknown);
        assert_eq!(whereabouts(&[fix(0.0, 0.0)], &[], &[]).verdict, PlaceVerdict::Anywhere);
        PlaceVerdict::check_words();
    }

    /// A generator that is good enough here: xorshift, and the sum of twelve as a normal distribution.
    struct Chance(u64);

    impl Chance {
        fn part(&mut self) -> f64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            (self.0 >> 11) as f64 / (1u64 << 53) as f64
        }

        fn normal(&mut self) -> f64 {
            (0..12).map(|_| self.part()).sum::<f64>() - 6.0
        }
    }

    /// Three fixes at so many metres from the middle, with an error that stays and one that changes.
    fn verdict(chance: &mut Chance, metres: f64) -> PlaceVerdict {
        let sigma = 20.0 * DEVIATION;
        let (stays, changes) = (sigma * 0.7f64.sqrt(), sigma * 0.3f64.sqrt());
        let angle = chance.part() * std::f64::consts::TAU;
        let (x, y) =
            (metres * angle.cos() + stays * chance.normal(), metres * angle.sin() + stays * chance.normal());
        let fixes: Vec<PunchFix> =
            (0..3).map(|_| fix(x + changes * chance.normal(), y + changes * chance.normal())).collect();
        whereabouts(&fixes, &[], &[depot()]).verdict
    }

    #[test]
    fn hardly_anybody_is_taken_for_who_is_not_there() {
        let mut chance = Chance(0x9e37_79b9_7f4a_7c15);
        let mut share = |from: f64, to: f64, wrong: PlaceVerdict| {
            let all = 20_000;
            let hits = (0..all).filter(|_| {
                let metres = from + (to - from) * chance.part();
                verdict(&mut chance, metres) == wrong
            });
            hits.count() as f64 / f64::from(all)
        };
        // who is outside by any distance up to 400 m, and who is inside anywhere, up to the edge
        assert!(share(100.0, 500.0, PlaceVerdict::Inside) < 0.001);
        assert!(share(0.0, 100.0, PlaceVerdict::Outside) < 0.02);
        // who stands in the inner half is not even asked for a photo
        assert!(share(0.0, 50.0, PlaceVerdict::InDoubt) < 0.02);
    }
}
