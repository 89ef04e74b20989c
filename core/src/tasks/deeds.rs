//! What the courier does at a door: one tap for one parcel or many, undone within 30 s.
//!
//! A deed is judged here by the same function as at the server, over what this phone knows, and taken for all its parcels
//! or for none: what is wrong is said while the courier stands at the door. The server judges again, parcel by parcel, and
//! may refuse some of them, because a colleague or another phone was earlier. Those become a refused operation of their
//! own ([`taken`]), which says why, can be sent again, and is shown until somebody decides.
//!
//! An undo is possible for 30 s by the boot clock, whatever becomes of the wall clock meanwhile, and no longer after a
//! restart. A deed that has not left is taken out of the queue; otherwise its undo goes out in its place, as with taps.

use super::Tasks;
use super::rows::{Writer, find};
use crate::client::random;
use crate::error::{Error, Refusal, Result};
use crate::notify::rows::POLICY;
use crate::notify::{MOST_PARCELS, Undone};
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::session::acting;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use crate::sync::drop_whole;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use waybell_domain::building::{MOST_ACCURACY, MOST_AGE_S, at_the_door};
use waybell_domain::clock::{EventTime, UnixMs};
use waybell_domain::id::{OperationId, ParcelId};
use waybell_domain::parcel::{
    Deed, DeedKind, DeedRefusal, Facts, MOST_PROOFS, ParcelState, Proof, ProofLevel, UNDO_WITHIN,
    proof_level, refusals,
};
use waybell_domain::wire::{
    ActedAt, DeedAnswer, DeedRequest, DoorFix, PolicyView, RefusedParcel, UndoDeedRequest,
};

/// Key in `meta`: the newest deeds of this phone, newest last.
const LAST: &str = "last_deeds";
/// Key in `meta`: what was undone last, and when. An undo whose answer nobody saw is asked for again, and must not undo what
/// was done before that.
const UNDONE: &str = "last_undone";
/// So many are remembered: more cannot be done in 30 s.
const REMEMBERED: usize = 20;

/// A deed that was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Its id, for undoing it.
    pub id: OperationId,
    /// How many parcels it is about.
    pub parcels: usize,
    /// The organisation's rules remind of a photo, and there is none.
    pub photo_wanted: bool,
}

/// A deed that this phone remembers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastDeed {
    /// Its id.
    pub id: OperationId,
    /// What was done.
    pub kind: DeedKind,
    /// With which parcels.
    pub parcels: Vec<ParcelId>,
    /// When, by the phone's clock.
    pub at: UnixMs,
    /// So long it can still be undone, ms; 0: no longer.
    pub left_ms: u32,
}

#[derive(Serialize, Deserialize)]
struct Remembered {
    id: OperationId,
    kind: DeedKind,
    parcels: Vec<ParcelId>,
    acted: EventTime,
}

impl Remembered {
    /// Milliseconds since then; `None` when that cannot be told, or is too long for an undo.
    fn after(&self, now: &EventTime) -> Option<u32> {
        within(&self.acted, now)
    }
}

/// Milliseconds between the two by the boot clock, 30 s at most.
fn within(then: &EventTime, now: &EventTime) -> Option<u32> {
    let age = then.age(now);
    (age.by_boot_clock && age.ms <= UNDO_WITHIN).then(|| u32::try_from(age.ms).unwrap_or(u32::MAX))
}

/// Remembers that something was undone.
pub(super) fn note_undone(t: &Connection, seal: &Seal, id: OperationId, at: &EventTime) -> Result<()> {
    set_sealed_meta(t, seal, UNDONE, &(id, at))
}

impl Tasks {
    /// Records what was done with parcels at a door. Shown at once, stored durably when this returns, sent when there is a
    /// network.
    ///
    /// # Errors
    /// `BadInput` with the field that is wrong: of the record, or `parcels` where it cannot be taken for one of them (done
    /// with already, no consent of the recipient, a photo is wanted); then nothing is recorded for any. `NotFound`,
    /// `SignedOut`.
    pub async fn record(&self, parcels: &[ParcelId], deed: Deed, proof: Vec<Proof>) -> Result<Recorded> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        check(parcels, &deed, &proof)?;
        let acted = inner.event_time();
        let mut seen = HashSet::new();
        let ids: Vec<ParcelId> = parcels.iter().copied().filter(|id| seen.insert(*id)).collect();
        let seal = inner.store.seal.clone();
        let fix = self.door_fix(deed.kind(), &acted).await;
        let recorded = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let photo_wanted = judge(t, &seal, &ids, &deed, proof.len())?;
                let id = OperationId::at(acted.wall, random());
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let kind = deed.kind();
                let request = DeedRequest { id, parcels: ids.clone(), deed, proof, fix, acted_at };
                push(t, &seal, OperationKind::Deed, id, &request, acted.clone())?;
                remember(t, &seal, Remembered { id, kind, parcels: ids.clone(), acted })?;
                Writer::new(t, &seal)?.recompute(&ids)?;
                Ok(Recorded { id, parcels: ids.len(), photo_wanted })
            })
            .await?;
        self.taken();
        Ok(recorded)
    }

    /// Where this phone is, if a shift runs that knows it well and was not told so by an app: a deed at a door teaches the
    /// branch where the door is. Never a reason for a deed to fail.
    async fn door_fix(&self, kind: DeedKind, acted: &EventTime) -> Option<DoorFix> {
        if !at_the_door(kind, ParcelState::OutForDelivery) {
            return None;
        }
        let (fix, made_up) = match self.client.tracking().at_hand(acted).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "where this was done cannot be read");
                return None;
            }
        };
        let fix = fix.filter(|f| !made_up && !f.mock)?;
        let accuracy = fix.accuracy.filter(|a| *a > 0.0 && *a <= f32::from(MOST_ACCURACY))?;
        let age_s = u16::try_from(fix.age_ms / 1_000).ok().filter(|s| *s <= MOST_AGE_S)?;
        Some(DoorFix { place: fix.place, accuracy_m: (accuracy.ceil() as u16).max(1), age_s })
    }

    /// The newest deed of this phone that was not undone.
    pub fn last_deed(&self) -> Result<Option<LastDeed>> {
        let inner = &self.client.inner;
        let now = inner.event_time();
        let seal = inner.store.seal.clone();
        let newest = inner.store.read_now(|c| Ok(remembered(c, &seal)?.pop()))?;
        Ok(newest.map(|last| {
            let after = last.after(&now);
            let left_ms = after.map_or(0, |ms| (UNDO_WITHIN as u32).saturating_sub(ms));
            LastDeed { id: last.id, kind: last.kind, parcels: last.parcels, at: last.acted.wall, left_ms }
        }))
    }

    /// The deed, merge or split that was undone here last, in the last 30 s.
    pub fn last_undone(&self) -> Result<Option<OperationId>> {
        let inner = &self.client.inner;
        let now = inner.event_time();
        let seal = inner.store.seal.clone();
        let last: Option<(OperationId, EventTime)> =
            inner.store.read_now(|c| sealed_meta(c, &seal, UNDONE))?;
        Ok(last.filter(|(_, at)| within(at, &now).is_some()).map(|(id, _)| id))
    }

    /// Takes a deed back: its parcels are as they were before.
    ///
    /// # Errors
    /// `BadInput` after 30 s or a restart of the phone, or where something else was done with all of them since; `NotFound`.
    pub async fn undo_deed(&self, id: OperationId) -> Result<Undone> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, now) = (inner.store.seal.clone(), inner.event_time());
        let undone = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let mut all = remembered(t, &seal)?;
                let at = all.iter().position(|d| d.id == id).ok_or(Error::NotFound("deed"))?;
                let last = all.remove(at);
                let waiting = queue::by_id(t, &seal, &id.to_string())?;
                let Some(after_ms) = last.after(&now) else {
                    let hint = "record what is right now, or ask a supervisor";
                    return Err(Error::bad("deed", "this was done more than 30 s ago", hint));
                };
                note_undone(t, &seal, id, &now)?;
                let undone = take_back(t, &seal, &last, waiting, after_ms, now)?;
                set_sealed_meta(t, &seal, LAST, &all)?;
                Ok(undone)
            })
            .await?;
        self.taken();
        Ok(undone)
    }
}

fn check(parcels: &[ParcelId], deed: &Deed, proof: &[Proof]) -> Result<()> {
    if parcels.is_empty() {
        return Err(Error::bad("parcels", "none is chosen", "choose at least one"));
    }
    if parcels.len() > MOST_PARCELS {
        return Err(Error::bad("parcels", format!("names more than {MOST_PARCELS}"), "do it in parts"));
    }
    deed.check().map_err(|e| Error::bad(e.field, e.problem, e.hint))?;
    if proof.len() > MOST_PROOFS {
        return Err(Error::bad("proof", "has more than 9 photos", "send the best ones"));
    }
    if !proof.iter().all(Proof::is_whole) {
        return Err(Error::bad("proof", "is no SHA-256 of a photo", "send 64 hexadecimal digits"));
    }
    Ok(())
}

/// Judges the deed for each parcel; true if a photo is missed without being required.
fn judge(t: &Connection, seal: &Seal, ids: &[ParcelId], deed: &Deed, photos: usize) -> Result<bool> {
    let rules = sealed_meta::<PolicyView>(t, seal, POLICY)?.map(|p| p.policy.proof).unwrap_or_default();
    let mut refused = Vec::new();
    let mut photo_wanted = false;
    for id in ids {
        let Some(row) = find(t, seal, *id)? else { return Err(Error::NotFound("parcel")) };
        let view = row.shown;
        let facts =
            Facts { state: view.state, task: view.kind, preference: view.preference.as_deref(), photos };
        photo_wanted |= photos == 0 && proof_level(&rules, view.kind, deed.kind()) == ProofLevel::Warn;
        if let Err(reason) = deed.judge(facts, &rules) {
            refused.push((view.waybill_no, reason));
        }
    }
    told(&refused)?;
    Ok(photo_wanted)
}

/// Whether a state may be set by its word alone, for all of them.
pub(super) fn judge_word(t: &Connection, seal: &Seal, ids: &[ParcelId], state: ParcelState) -> Result<()> {
    let mut refused = Vec::new();
    for id in ids {
        let Some(row) = find(t, seal, *id)? else { return Err(Error::NotFound("parcel")) };
        let view = row.shown;
        if let Err(reason) = view.state.set_by_word(state, view.door.is_some(), view.preference.as_deref()) {
            refused.push((view.waybill_no, reason));
        }
    }
    told(&refused)
}

fn told(refused: &[(String, DeedRefusal)]) -> Result<()> {
    match refused.first() {
        None => Ok(()),
        Some((_, first)) => Err(Error::bad(field_of(*first), refusals(refused), first.hint())),
    }
}

/// What a screen has to ask for.
fn field_of(reason: DeedRefusal) -> &'static str {
    match reason {
        DeedRefusal::NoConsent => "consent",
        DeedRefusal::NoPhoto => "proof",
        _ => "parcels",
    }
}

fn push<T: Serialize>(
    t: &Connection,
    seal: &Seal,
    kind: OperationKind,
    id: OperationId,
    request: &T,
    acted: EventTime,
) -> Result<()> {
    let mut operation = Operation::new(kind, None, serde_json::to_vec(request)?, acted);
    operation.id = id;
    queue::push(t, seal, &operation)
}

fn remembered(c: &Connection, seal: &Seal) -> Result<Vec<Remembered>> {
    Ok(sealed_meta(c, seal, LAST)?.unwrap_or_default())
}

fn remember(t: &Connection, seal: &Seal, deed: Remembered) -> Result<()> {
    let mut all = remembered(t, seal)?;
    all.push(deed);
    let from = all.len().saturating_sub(REMEMBERED);
    set_sealed_meta(t, seal, LAST, &all.split_off(from))
}

fn take_back(
    t: &Connection,
    seal: &Seal,
    deed: &Remembered,
    waiting: Option<Operation>,
    after_ms: u32,
    now: EventTime,
) -> Result<Undone> {
    if let Some(operation) = &waiting
        && (operation.state == OperationState::Dead || operation.tries == 0)
    {
        drop_whole(t, seal, operation)?;
        return Ok(Undone::TakenBack);
    }
    let mut as_it_left_them = Vec::new();
    for id in &deed.parcels {
        let row = find(t, seal, *id)?;
        if row.is_some_and(|row| row.shown.door.is_some_and(|door| door.id == deed.id)) {
            as_it_left_them.push(*id);
        }
    }
    if as_it_left_them.is_empty() {
        let hint = "look at its state; ask a supervisor to correct it";
        return Err(Error::bad("deed", "something else was done with the parcels since", hint));
    }
    // the server keeps the undo of a deed that it has not seen: the deed need not, and must not, be sent again
    if let Some(operation) = &waiting {
        queue::drop_overtaken(t, operation.id)?;
    }
    let acted_at = ActedAt { wall: now.wall, age_ms: None };
    let request = UndoDeedRequest { id: deed.id, parcels: as_it_left_them, after_ms, acted_at };
    let id = OperationId::at(now.wall, random());
    push(t, seal, OperationKind::UndoDeed, id, &request, now)?;
    Writer::new(t, seal)?.recompute(&deed.parcels)?;
    Ok(Undone::Asked)
}

/// The server has taken a deed, or an undo: its parcels are shown as the answer says. Those that it refused become a
/// refused operation.
pub(crate) fn taken(
    t: &Connection,
    seal: &Seal,
    operation: &Operation,
    answer: &[u8],
    named: &[ParcelId],
) -> Result<()> {
    let Ok(answer) = serde_json::from_slice::<DeedAnswer>(answer) else {
        return Writer::new(t, seal)?.recompute(named);
    };
    if !answer.refused.is_empty() {
        file_refused(t, seal, operation, &answer.refused)?;
    }
    let writer = Writer::new(t, seal)?;
    for view in &answer.parcels {
        writer.server_row(view, true)?;
    }
    let told: HashSet<ParcelId> = answer.parcels.iter().map(|view| view.id).collect();
    let others: Vec<ParcelId> = named.iter().copied().filter(|id| !told.contains(id)).collect();
    writer.recompute(&others)
}

fn file_refused(t: &Connection, seal: &Seal, operation: &Operation, refused: &[RefusedParcel]) -> Result<()> {
    let ids: Vec<ParcelId> = refused.iter().map(|r| r.parcel).collect();
    let id = OperationId::at(operation.acted.wall, random());
    let acted = operation.acted.clone();
    match operation.kind {
        OperationKind::Deed => {
            let mut request: DeedRequest = serde_json::from_slice(&operation.body)?;
            (request.id, request.parcels) = (id, ids);
            push(t, seal, OperationKind::Deed, id, &request, acted)?;
        }
        _ => {
            let mut request: UndoDeedRequest = serde_json::from_slice(&operation.body)?;
            request.parcels = ids;
            push(t, seal, OperationKind::UndoDeed, id, &request, acted)?;
        }
    }
    let mut named = Vec::with_capacity(refused.len());
    for r in refused {
        let known = find(t, seal, r.parcel)?.map(|row| row.shown.waybill_no);
        named.push((r.waybill_no.clone().or(known).unwrap_or_else(|| "?".into()), r.reason));
    }
    let first = refused.first().map_or(DeedRefusal::NotYours, |r| r.reason);
    let refusal = Refusal {
        status: 409,
        code: first.as_str().into(),
        message: refusals(&named),
        field: Some("parcels".into()),
        hint: Some(first.hint().into()),
        retry_after: None,
    };
    queue::kill(t, id, &refusal)
}
