//! Deeds, handing over and stops put right by hand, as the real server keeps them: each id has one effect, an undo that
//! comes first takes its deed's place.

use super::model::{Answer, Effect, Model, answer, refuse};
use serde_json::json;
use std::collections::BTreeMap;
use waybell_domain::building::PlaceSource;
use waybell_domain::id::{OperationId, ParcelId};
use waybell_domain::parcel::{DeedRefusal, Facts, ParcelState, StopRuleKind};
use waybell_domain::track::Place;
use waybell_domain::wire::{
    DeedAnswer, DeedRequest, DoorView, HandOverAnswer, HandOverRequest, ParcelView, PlaceRequest, PlaceView,
    RefusedParcel, StopRuleRequest, StopRuleUndoRequest, StopRuleView, UndoDeedRequest,
};

/// What is known of deeds and rules.
#[derive(Default)]
pub(crate) struct Doors {
    pub deeds: BTreeMap<OperationId, Done>,
    pub rules: Vec<StopRuleView>,
    pub places: Vec<PlaceView>,
    /// Colleagues by login name.
    pub colleagues: BTreeMap<String, waybell_domain::id::UserId>,
}

/// A deed.
#[derive(Default)]
pub(crate) struct Done {
    pub undone: bool,
    /// Parcel, state and door before, state after.
    parcels: Vec<(ParcelId, ParcelState, Option<DoorView>, ParcelState)>,
}

impl Model {
    fn views(&self, ids: &[ParcelId]) -> Vec<ParcelView> {
        ids.iter().filter_map(|id| self.parcels.get(id).cloned()).collect()
    }

    pub(super) fn deed(&mut self, request: &DeedRequest) -> Answer {
        if let Some(done) = self.doors.deeds.get(&request.id) {
            let undone = done.undone;
            let parcels = self.views(&request.parcels);
            return answer(DeedAnswer { id: request.id, parcels, refused: Vec::new(), undone });
        }
        if !request.parcels.iter().any(|p| self.parcels.contains_key(p)) {
            return refuse(404, "not_found");
        }
        let rules = self.policy.policy.proof.clone();
        let (mut done, mut refused, mut taken) = (Done::default(), Vec::new(), Vec::new());
        for id in &request.parcels {
            let next = self.rev + 1;
            let by = self.user.id;
            let Some(view) = self.parcels.get_mut(id) else {
                refused.push(RefusedParcel { parcel: *id, waybill_no: None, reason: DeedRefusal::NotYours });
                continue;
            };
            let facts = Facts {
                state: view.state,
                task: view.kind,
                preference: view.preference.as_deref(),
                photos: request.proof.len(),
            };
            match request.deed.judge(facts, &rules) {
                Ok(after) => {
                    done.parcels.push((*id, view.state, view.door.clone(), after));
                    view.door = Some(DoorView {
                        id: request.id,
                        deed: request.deed.clone(),
                        proof: request.proof.clone(),
                        by,
                        at: request.acted_at.wall,
                        by_wall_clock: false,
                        before: view.state,
                    });
                    view.state = after;
                    view.rev = next;
                    self.rev = next;
                    taken.push(view.clone());
                }
                Err(reason) => refused.push(RefusedParcel {
                    parcel: *id,
                    waybill_no: Some(view.waybill_no.clone()),
                    reason,
                }),
            }
        }
        if taken.is_empty() {
            return refuse(409, refused[0].reason.as_str());
        }
        self.effects.push(Effect::Deed(request.id));
        self.doors.deeds.insert(request.id, done);
        answer(DeedAnswer { id: request.id, parcels: taken, refused, undone: false })
    }

    pub(super) fn undo_deed(&mut self, request: &UndoDeedRequest) -> Answer {
        if request.after_ms > 30_000 {
            return refuse(409, "too_late");
        }
        let told = |parcels, refused| DeedAnswer { id: request.id, parcels, refused, undone: true };
        let Some(done) = self.doors.deeds.get_mut(&request.id) else {
            self.doors.deeds.insert(request.id, Done { undone: true, parcels: Vec::new() });
            return answer(told(Vec::new(), Vec::new()));
        };
        if done.undone {
            return answer(told(self.views(&request.parcels), Vec::new()));
        }
        let (mut back, mut refused) = (Vec::new(), Vec::new());
        for (id, before, door, after) in done.parcels.clone() {
            let next = self.rev + 1;
            match self.parcels.get_mut(&id) {
                Some(view)
                    if view.state == after && view.door.as_ref().is_some_and(|d| d.id == request.id) =>
                {
                    view.state = before;
                    view.door = door;
                    view.rev = next;
                    self.rev = next;
                    back.push(view.clone());
                }
                _ if !request.parcels.contains(&id) => {}
                other => refused.push(RefusedParcel {
                    parcel: id,
                    waybill_no: other.map(|view| view.waybill_no.clone()),
                    reason: DeedRefusal::Changed,
                }),
            }
        }
        if back.is_empty() {
            return refuse(409, "changed");
        }
        if let Some(done) = self.doors.deeds.get_mut(&request.id) {
            done.undone = true;
        }
        self.effects.push(Effect::UndoDeed(request.id));
        answer(told(back, refused))
    }

    pub(super) fn hand_over(&mut self, request: &HandOverRequest) -> Answer {
        let Some(to) = self.doors.colleagues.get(&request.to).copied() else {
            return refuse(404, "not_found");
        };
        if request.parcels.iter().any(|p| !self.parcels.contains_key(p)) {
            return refuse(404, "not_found");
        }
        for id in &request.parcels {
            let rev = self.next_rev();
            self.parcels.remove(id);
            self.gone.push((*id, rev));
        }
        answer(HandOverAnswer { to, name: "李伟".into(), parcels: request.parcels.clone() })
    }

    pub(super) fn rule(&mut self, request: &StopRuleRequest) -> Answer {
        if let Some(known) = self.doors.rules.iter().find(|r| r.id == request.id) {
            return answer(known);
        }
        if request.keys.is_empty() {
            return (422, json!({ "code": "bad_field", "message": "refused by the test" }).to_string());
        }
        self.effects.push(Effect::Rule(request.id));
        self.put_rule(request.id, request.kind, request.keys.clone(), false)
    }

    pub(super) fn undo_rule(&mut self, request: &StopRuleUndoRequest) -> Answer {
        let rev = self.rev + 1;
        match self.doors.rules.iter_mut().find(|r| r.id == request.id) {
            None => self.put_rule(request.id, StopRuleKind::Merge, Vec::new(), true),
            Some(rule) => {
                if !rule.undone {
                    rule.undone = true;
                    rule.rev = rev;
                    self.rev = rev;
                }
                answer(&*rule)
            }
        }
    }

    pub(super) fn place(&mut self, request: &PlaceRequest) -> Answer {
        let mut views = Vec::new();
        for key in &request.keys {
            let view = PlaceView {
                key: key.clone(),
                source: PlaceSource::Pin,
                at: request.at.unwrap_or(Place { lat_e7: 0, lon_e7: 0 }),
                within_m: 0,
                visits: 0,
                engine: None,
                by: Some(self.user.id),
                set_at: request.acted_at.wall,
                gone: request.at.is_none(),
                rev: 0,
            };
            views.push(self.put_place(view));
        }
        answer(views)
    }

    /// The server's word on a place.
    pub(crate) fn put_place(&mut self, view: PlaceView) -> PlaceView {
        let view = PlaceView { rev: self.next_rev(), ..view };
        self.doors.places.retain(|p| (&p.key, p.source) != (&view.key, view.source));
        self.doors.places.push(view.clone());
        view
    }

    pub(super) fn places_between(&self, since: i64, end: i64) -> Vec<PlaceView> {
        self.doors.places.iter().filter(|p| p.rev > since && p.rev <= end).cloned().collect()
    }

    /// A colleague's, or this courier's.
    pub(crate) fn put_rule(
        &mut self,
        id: OperationId,
        kind: StopRuleKind,
        keys: Vec<String>,
        undone: bool,
    ) -> Answer {
        let rev = self.next_rev();
        let (by, at) = (self.user.id, waybell_domain::clock::UnixMs(0));
        let view = StopRuleView { id, kind, keys, by, at, seq: rev, undone, rev };
        self.doors.rules.push(view.clone());
        answer(view)
    }

    pub(super) fn rules_between(&self, since: i64, end: i64) -> Vec<StopRuleView> {
        self.doors.rules.iter().filter(|r| r.rev > since && r.rev <= end).cloned().collect()
    }
}
