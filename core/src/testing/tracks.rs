//! Tracks as the server of the tests keeps them.

use super::model::{Answer, answer, refuse};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::collections::BTreeMap;
use waybell_domain::attendance::{PlaceVerdict, ShiftRule, WorkPlace};
use waybell_domain::id::{BranchId, UserId};
use waybell_domain::track::Shape;
use waybell_domain::wire::{
    AttendanceMonth, AttendanceRules, AttendanceTotals, PartName, PositionReport, PunchRequest, PunchView,
    RefusedPart, ShiftReport, TrackAnswer, TrackEvent, TrackUpload,
};

#[derive(Default)]
pub(crate) struct Tracks {
    /// By shift and number.
    pub parts: BTreeMap<(String, i64), Vec<u8>>,
    pub notes: BTreeMap<(String, i64), TrackEvent>,
    pub shifts: BTreeMap<String, ShiftReport>,
    pub position: Option<PositionReport>,
    /// Parts that came again with other bytes.
    pub changed: usize,
    /// A part that is refused, alone or with its whole request.
    pub bad: Option<Vec<u8>>,
    pub bad_whole: bool,
    /// An older server.
    pub unknown: bool,
    /// Something on the way answers with a page of its own.
    pub portal: bool,
    /// The next requests are refused for these fields.
    pub refuses: Vec<String>,
}

impl Tracks {
    pub(super) fn take(&mut self, user: UserId, body: &[u8]) -> Answer {
        if self.unknown {
            return refuse(404, "not_found");
        }
        if self.portal {
            return (403, "<html>sign in to this network</html>".into());
        }
        if let Some(field) = self.refuses.pop() {
            let body = serde_json::json!({ "code": "bad_field", "message": "no", "field": field });
            return (422, body.to_string());
        }
        let upload: TrackUpload = serde_json::from_slice(body).unwrap();
        assert_eq!(upload.courier, user);
        let bytes = |body: &str| STANDARD.decode(body).unwrap();
        let is_bad = |body: &str| self.bad.as_ref().is_some_and(|bad| *bad == bytes(body));
        if self.bad_whole && upload.parts.iter().any(|p| is_bad(&p.body)) {
            let (_, body) = refuse(422, "bad_field");
            return (422, body.replacen('{', r#"{"field":"parts[0].body","#, 1));
        }
        let mut told = TrackAnswer { live_ms: 15_000, ..TrackAnswer::default() };
        for part in upload.parts {
            assert!(upload.shifts.iter().any(|s| s.shift == part.shift));
            let name = PartName { shift: part.shift.clone(), seq: part.seq };
            if self.bad.as_ref().is_some_and(|bad| *bad == bytes(&part.body)) {
                let (field, problem, hint) = ("parts[0].body".into(), "no".into(), String::new());
                told.refused.push(RefusedPart { part: name, field, problem, hint });
                continue;
            }
            let known = self.parts.insert((part.shift, part.seq), bytes(&part.body));
            self.changed += usize::from(known.is_some_and(|k| k != bytes(&part.body)));
            told.taken.push(name);
        }
        for note in upload.notes {
            self.notes.insert((note.shift, note.n), note.what);
        }
        for shift in upload.shifts {
            let newer = self.shifts.get(&shift.shift).is_none_or(|k| k.version <= shift.version);
            if newer {
                self.shifts.insert(shift.shift.clone(), shift);
            }
        }
        self.position = upload.position.or(self.position.take());
        answer(told)
    }
}

impl super::model::Model {
    pub(super) fn punch(&mut self, request: &super::Seen) -> Answer {
        let asked: PunchRequest = serde_json::from_slice(&request.body).unwrap();
        if let Some(known) = self.punches.iter().find(|p| p.id == asked.id) {
            return answer(known);
        }
        let by_wall_clock = request.header("x-waybell-age-ms").is_none();
        let view = PunchView {
            id: asked.id,
            courier: self.user.id,
            kind: asked.kind,
            at: asked.acted_at.wall,
            by_wall_clock,
            wall: asked.acted_at.wall,
            received_at: asked.acted_at.wall,
            place: None,
            accuracy: None,
            verdict: PlaceVerdict::Anywhere,
            work_place: None,
            metres_away: None,
            evidence: Vec::new(),
            photo_wanted: false,
            note: asked.note,
            address: asked.address,
            proof: asked.proof,
        };
        self.punches.push(view.clone());
        answer(view)
    }

    pub(super) fn attendance_rules(&self) -> Answer {
        let place = |middle| WorkPlace {
            id: "depot".into(),
            branch: BranchId::at(1, [3; 10]),
            name: "站点".into(),
            shape: Shape::Circle { middle, radius: 100.0 },
            wifi: Vec::new(),
        };
        let places = self.depot.map(place).into_iter().collect();
        answer(AttendanceRules {
            zone: "Asia/Shanghai".into(),
            shifts: vec![ShiftRule::default()],
            holidays: Vec::new(),
            workdays: Vec::new(),
            places,
        })
    }

    pub(super) fn attendance_month(&self) -> Answer {
        answer(AttendanceMonth {
            courier: self.user.id,
            name: self.user.name.clone(),
            month: "2026-11".into(),
            days: Vec::new(),
            totals: AttendanceTotals::default(),
        })
    }
}
