//! Punches on their way to the server, and what comes of them.

use super::ActedAt;
use crate::attendance::{
    AttendanceState, Correction, Counted, DaySheet, Evidence, FieldPolicy, LeaveKind, PlaceVerdict, PunchFix,
    PunchKind, ShiftRule, Span, WorkPlace, day_of, plan, sheet,
};
use crate::clock::UnixMs;
use crate::id::{BranchId, OperationId, UserId};
use crate::parcel::Proof;
use crate::track::{Place, Shape};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/punches`. Never refused for where or when it was made: what speaks against it is in the answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PunchRequest {
    /// Made by who punches. The same id a second time has no second effect.
    pub id: OperationId,
    /// What it says.
    pub kind: PunchKind,
    /// The last fixes before it, oldest first, 10 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fixes: Vec<PunchFix>,
    /// Wi-Fi stations in reach (BSSID), 50 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wifi: Vec<String>,
    /// What the person says about it, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where that is in words, at most 1,000 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Photos, at most 9.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Proof>,
    /// The track of this shift had signs of spoofing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spoof_signs: bool,
    /// When the person punched.
    pub acted_at: ActedAt,
}

/// A punch as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PunchView {
    /// Its id.
    pub id: OperationId,
    /// Who.
    pub courier: UserId,
    /// What.
    pub kind: PunchKind,
    /// When: by the server's clock, corrected by the phone's boot clock.
    pub at: UnixMs,
    /// Only the phone's wall clock says when.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_wall_clock: bool,
    /// What the phone's wall clock showed.
    pub wall: UnixMs,
    /// When the server got it.
    pub received_at: UnixMs,
    /// Where, by the newest fix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
    /// Radius that holds the true place with 68 %, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// Whether that is where it should be.
    pub verdict: PlaceVerdict,
    /// The work place, or the nearest one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_place: Option<String>,
    /// Metres away from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metres_away: Option<f64>,
    /// What speaks against it, for a person to judge.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// A photo would help, and there is none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub photo_wanted: bool,
    /// What the person said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where it was in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Photos.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub proof: Vec<Proof>,
}

/// A day of somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttendanceDay {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// `YYYY-MM-DD` in the organisation's zone.
    pub day: String,
    /// What it comes to.
    pub sheet: DaySheet,
    /// Its punches, in order of time.
    pub punches: Vec<PunchView>,
    /// What was put right, in the order in which it was.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub corrections: Vec<CorrectionView>,
    /// Kinds of the approved leaves that meet the day's shift.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<LeaveKind>,
}

/// Somebody whose days are looked at, and the rules for them.
#[derive(Clone, Copy, Debug)]
pub struct Attendee<'a> {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: &'a str,
    /// The person's branch.
    pub branch: Option<BranchId>,
    /// Shifts and holidays.
    pub rules: &'a FieldPolicy,
    /// Approved leaves: why, and when.
    pub leaves: &'a [(LeaveKind, Span)],
    /// The organisation's zone.
    pub zone: chrono_tz::Tz,
}

impl Attendee<'_> {
    /// A day, out of everything that is known of the days around it; `known` in order of time.
    #[must_use]
    pub fn day(
        &self,
        date: chrono::NaiveDate,
        known: &[PunchView],
        corrections: Vec<CorrectionView>,
        now: UnixMs,
    ) -> AttendanceDay {
        let plan =
            plan(self.rules, date, self.branch, self.zone).on_leave(self.leaves.iter().map(|(_, s)| *s));
        let shift = plan.shift.as_ref().map(|(span, _)| *span);
        let meets = |leave: Span| shift.is_some_and(|s| leave.from < s.to && s.from < leave.to);
        let leaves = self.leaves.iter().filter(|(_, span)| meets(*span)).map(|(kind, _)| *kind).collect();
        let is_of_none =
            |at: UnixMs| at.date(self.zone) == date && day_of(self.rules, at, self.branch, self.zone) == date;
        let is_listed = |at: UnixMs| plan.holds(at) || is_of_none(at);
        let punches: Vec<PunchView> = known.iter().filter(|p| is_listed(p.at)).cloned().collect();
        let counted: Vec<Counted> =
            punches.iter().map(|p| Counted { id: p.id, kind: p.kind, at: p.at }).collect();
        let put_right: Vec<Correction> = corrections.iter().map(|c| c.correction.clone()).collect();
        let mut sheet = sheet(&plan, &counted, &put_right, now);
        sheet.off_hours = punches.iter().filter(|p| !plan.holds(p.at)).count() as u32;
        AttendanceDay {
            courier: self.courier,
            name: self.name.to_owned(),
            day: date.to_string(),
            sheet,
            punches,
            corrections,
            leaves,
        }
    }
}

/// `GET /api/v1/attendance`: a month of somebody.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttendanceMonth {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// `YYYY-MM`.
    pub month: String,
    /// Its days, up to today.
    pub days: Vec<AttendanceDay>,
    /// What they come to.
    pub totals: AttendanceTotals,
}

/// What days come to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttendanceTotals {
    /// Days with a shift that are over.
    pub days: u32,
    /// Time at work, ms.
    pub worked_ms: i64,
    /// Minutes late are counted from the beginning of shifts, ms.
    pub late_ms: i64,
    /// The same for leaving early, ms.
    pub early_ms: i64,
    /// How much of shifts was leave, ms.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub leave_ms: i64,
    /// How often each state was.
    pub states: Vec<StateCount>,
}

fn is_zero(ms: &i64) -> bool {
    *ms == 0
}

/// How often something was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct StateCount {
    /// What.
    pub state: AttendanceState,
    /// On how many days.
    pub days: u32,
}

impl AttendanceTotals {
    /// What these days come to.
    #[must_use]
    pub fn of<'a>(sheets: impl IntoIterator<Item = &'a DaySheet>) -> AttendanceTotals {
        let mut totals = AttendanceTotals::default();
        for sheet in sheets {
            let open = sheet.states.contains(&AttendanceState::Open);
            totals.days += u32::from(sheet.planned.is_some() && !open);
            totals.worked_ms += sheet.worked_ms;
            totals.late_ms += sheet.late_ms;
            totals.early_ms += sheet.early_ms;
            totals.leave_ms += sheet.leave_ms;
            for state in &sheet.states {
                match totals.states.iter_mut().find(|c| c.state == *state) {
                    Some(count) => count.days += 1,
                    None => totals.states.push(StateCount { state: *state, days: 1 }),
                }
            }
        }
        totals.states.sort_by_key(|c| c.state);
        totals
    }
}

/// `POST /api/v1/attendance/corrections`, by a supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionRequest {
    /// Made by who corrects. The same id a second time has no second effect.
    pub id: OperationId,
    /// Id or login name of the courier.
    pub courier: String,
    /// The day, `YYYY-MM-DD`.
    pub day: String,
    /// What is put right.
    pub correction: Correction,
    /// Why, 2 to 500 characters.
    pub reason: String,
}

/// Something that was put right.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct CorrectionView {
    /// Its id.
    pub id: OperationId,
    /// The day.
    pub day: String,
    /// What.
    pub correction: Correction,
    /// Why.
    pub reason: String,
    /// Who did it.
    pub by: UserId,
    /// When.
    pub at: UnixMs,
}

/// `POST /api/v1/work-places`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkPlaceRequest {
    /// Of which branch; the own one where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Name on screens.
    pub name: String,
    /// Its outline, WGS-84: a circle of 30 m to 5 km, or a polygon of 3 to 200 corners.
    pub shape: Shape,
    /// Wi-Fi stations that stand there (BSSID).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub wifi: Vec<String>,
}

/// `GET /api/v1/attendance/rules`: what a phone needs to say at once what a punch is worth.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttendanceRules {
    /// IANA name of the organisation's zone.
    pub zone: String,
    /// Shifts that hold for the branch, the first that fits counts.
    pub shifts: Vec<ShiftRule>,
    /// Days on which nobody works.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub holidays: Vec<chrono::NaiveDate>,
    /// Days on which people work whatever the weekday.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub workdays: Vec<chrono::NaiveDate>,
    /// Work places of the branch.
    pub places: Vec<WorkPlace>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    #[test]
    fn attendance() {
        let place = Place { lat_e7: 312_304_000, lon_e7: 1_214_737_000 };
        let id = OperationId::at(NOW, [4; 10]);
        let request = PunchRequest {
            id,
            kind: PunchKind::ClockIn,
            fixes: vec![PunchFix { place, accuracy: Some(8.0), age_ms: 1_500, mock: true }],
            wifi: vec!["aa:bb:cc:dd:ee:ff".into()],
            note: Some("送样件".into()),
            address: Some("幸福花园".into()),
            proof: vec![Proof::of(b"x", "x.jpg")],
            spoof_signs: true,
            acted_at: ActedAt { wall: NOW, age_ms: None },
        };
        let json = serde_json::to_value(&request).unwrap();
        assert_eq!(serde_json::from_value::<PunchRequest>(json.clone()).unwrap(), request);
        insta::assert_json_snapshot!("punch_request", json);
        let least = json!({ "id": id, "kind": "clock_out", "acted_at": { "wall": 1 } });
        assert!(serde_json::from_value::<PunchRequest>(least).unwrap().fixes.is_empty());
        let view = PunchView {
            id,
            courier: UserId::at(NOW, [3; 10]),
            kind: PunchKind::ClockIn,
            at: NOW,
            by_wall_clock: true,
            wall: NOW + 60_000,
            received_at: NOW + 90_000,
            place: Some(place),
            accuracy: Some(8.0),
            verdict: PlaceVerdict::InDoubt,
            work_place: Some("depot".into()),
            metres_away: Some(3.5),
            evidence: vec![Evidence::InDoubt, Evidence::ClockOff],
            photo_wanted: true,
            note: None,
            address: None,
            proof: Vec::new(),
        };
        let correction = CorrectionView {
            id,
            day: "2026-03-02".into(),
            correction: Correction::Punch { kind: PunchKind::ClockOut, at: NOW },
            reason: "门禁记录".into(),
            by: UserId::at(NOW, [5; 10]),
            at: NOW,
        };
        let sheet = DaySheet {
            planned: Some(Span { from: NOW, to: NOW + 9 }),
            states: vec![AttendanceState::Late, AttendanceState::MissingPunch],
            clock_in: Some(NOW + 1),
            worked_ms: 5,
            late_ms: 1,
            missing: vec![PunchKind::ClockOut],
            corrected: true,
            ..DaySheet::default()
        };
        let totals = AttendanceTotals::of([&sheet]);
        let day = AttendanceDay {
            courier: view.courier,
            name: "李伟".into(),
            day: "2026-03-02".into(),
            sheet,
            punches: vec![view],
            corrections: vec![correction],
            leaves: Vec::new(),
        };
        let (courier, name, month) = (day.courier, day.name.clone(), "2026-03".into());
        let month = AttendanceMonth { courier, name, month, days: vec![day], totals };
        let json = serde_json::to_value(&month).unwrap();
        assert_eq!(serde_json::from_value::<AttendanceMonth>(json.clone()).unwrap(), month);
        insta::assert_json_snapshot!("attendance_month", json);
    }
}
