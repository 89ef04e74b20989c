//! Rows of a list, and what pending operations do to parcels.

use crate::error::Result;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::store::seal::Seal;
use rusqlite::Connection;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, OrganisationId, ParcelId, UserId};
use waybell_domain::import::Place;
use waybell_domain::parcel::{CallMark, ParcelState, TaskKind, WaybillNo, parcel_id};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{
    DeedRequest, DoorView, ImportRequest, ImportedRow, ParcelStateRequest, ParcelView, RowProblem,
    UndoDeedRequest, UserView,
};

/// A row of a list that can be taken: the same rules as the server's.
#[derive(Clone, Debug)]
pub(crate) struct GoodRow {
    pub id: ParcelId,
    pub waybill_no: String,
    pub kind: Option<TaskKind>,
    pub name: String,
    pub phone: Option<PhoneNumber>,
    pub more_phones: Option<Vec<PhoneNumber>>,
    pub address: String,
    pub estate: String,
    pub building: String,
    /// As in [`ImportedRow`].
    pub withdrawn: Option<bool>,
}

impl GoodRow {
    /// Checks a row.
    pub(crate) fn check(
        organisation: OrganisationId,
        row: &ImportedRow,
    ) -> std::result::Result<GoodRow, RowProblem> {
        let problem = |column: &str, text: String| {
            let (problem, hint) = match text.split_once("; ") {
                Some((problem, hint)) => (problem.to_owned(), hint.to_owned()),
                None => (text, "correct it in the list".to_owned()),
            };
            Place::line(row.line).problem(column, problem, &hint)
        };
        let waybill = WaybillNo::parse(&row.waybill_no).map_err(|e| problem("waybill_no", e.to_string()))?;
        let (phone, more_phones) = row.phones().map_err(|e| problem("phone", e.to_string()))?;
        let place = waybell_domain::address::split(&row.address);
        Ok(GoodRow {
            id: parcel_id(organisation, waybill.as_str()),
            waybill_no: waybill.to_string(),
            kind: row.kind,
            name: clip(row.recipient_name.trim(), 100),
            phone,
            more_phones,
            address: clip(row.address.trim(), 500),
            estate: place.estate.unwrap_or_default(),
            building: place.building.unwrap_or_default(),
            withdrawn: row.withdrawn,
        })
    }

    /// The parcel after this row: a known one is corrected, its mark and history stay, and so does its state, unless the
    /// row takes it off the list or brings it back. `None`: it is withdrawn, and nobody here has it.
    pub(crate) fn over(
        &self,
        known: Option<ParcelView>,
        sequence: i64,
        at: UnixMs,
        courier: UserId,
    ) -> Option<ParcelView> {
        if self.withdrawn == Some(true) {
            let mut view = known?;
            if self.withdraws(&view, courier) {
                view.state = ParcelState::Withdrawn;
                view.door = None;
            }
            return Some(view);
        }
        let mut view = known.unwrap_or_else(|| ParcelView {
            id: self.id,
            waybill_no: self.waybill_no.clone(),
            kind: self.kind.unwrap_or_default(),
            state: ParcelState::default(),
            courier,
            recipient_name: String::new(),
            phone: None,
            more_phones: Vec::new(),
            address: String::new(),
            estate: String::new(),
            building: String::new(),
            mark: CallMark::default(),
            outcome: None,
            preference: None,
            door: None,
            sequence,
            imported_at: at,
            rev: 0,
        });
        if self.withdrawn == Some(false) && view.state == ParcelState::Withdrawn {
            view.state = ParcelState::default();
            view.door = None;
        }
        view.courier = courier;
        // what the list does not say stays
        view.kind = self.kind.unwrap_or(view.kind);
        if !self.name.is_empty() {
            view.recipient_name.clone_from(&self.name);
        }
        if self.phone.is_some() {
            match &self.more_phones {
                Some(more) => view.more_phones.clone_from(more),
                None if view.phone == self.phone => {}
                None => view.more_phones.clear(),
            }
            view.phone.clone_from(&self.phone);
        }
        if !self.address.is_empty() {
            view.address.clone_from(&self.address);
            view.estate.clone_from(&self.estate);
            view.building.clone_from(&self.building);
        }
        Some(view)
    }

    /// True if the row takes this parcel off the list of its courier.
    pub(crate) fn withdraws(&self, known: &ParcelView, courier: UserId) -> bool {
        self.withdrawn == Some(true) && known.courier == courier && known.state.can_be_withdrawn()
    }

    /// True if the known parcel says the same.
    pub(crate) fn same(&self, known: &ParcelView, courier: UserId) -> bool {
        known.courier == courier
            && (self.name.is_empty() || known.recipient_name == self.name)
            && (self.phone.is_none()
                || known.phone == self.phone
                    && self.more_phones.as_ref().is_none_or(|more| known.more_phones == *more))
            && (self.address.is_empty() || known.address == self.address)
            && self.kind.is_none_or(|kind| known.kind == kind)
            && !(self.withdrawn == Some(false) && known.state == ParcelState::Withdrawn)
    }
}

fn clip(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

/// What an operation does to a parcel.
pub(crate) enum Effect {
    /// A row of a list.
    Row { row: Box<GoodRow>, sequence: i64, at: UnixMs },
    /// A new state.
    State(ParcelState),
    /// Something was done with it at a door.
    Deed(Box<DoorView>),
    /// That was not done.
    UndoDeed(OperationId),
}

/// Kinds of operations that change parcels.
const KINDS: [OperationKind; 4] =
    [OperationKind::Import, OperationKind::State, OperationKind::Deed, OperationKind::UndoDeed];

/// What pending operations do, by parcel, oldest first.
pub(crate) struct Effects {
    by_parcel: HashMap<ParcelId, Vec<Effect>>,
    owner: UserId,
}

impl Effects {
    /// Reads the queue.
    pub(crate) fn pending(c: &Connection, seal: &Seal) -> Result<Effects> {
        let mut effects = Effects { by_parcel: HashMap::new(), owner: UserId::from_uuid(uuid::Uuid::nil()) };
        let Some(owner) = crate::session::owner(c, seal)? else { return Ok(effects) };
        effects.owner = owner.id;
        for operation in queue::alive(c, seal, &KINDS)? {
            for (id, effect) in effects_of(&operation, &owner) {
                effects.by_parcel.entry(id).or_default().push(effect);
            }
        }
        Ok(effects)
    }

    /// Those of a parcel.
    pub(crate) fn of(&self, id: ParcelId) -> &[Effect] {
        self.by_parcel.get(&id).map_or(&[], Vec::as_slice)
    }

    /// True if some operation is about the parcel.
    pub(crate) fn touch(&self, id: ParcelId) -> bool {
        self.by_parcel.contains_key(&id)
    }

    /// Whose operations these are.
    pub(crate) fn owner(&self) -> UserId {
        self.owner
    }
}

/// The parcels that an operation names, without reading the rows any further.
pub(crate) fn parcels_named(operation: &Operation, organisation: OrganisationId) -> Vec<ParcelId> {
    match operation.kind {
        OperationKind::Import => {
            let Ok(request) = serde_json::from_slice::<ImportRequest>(&operation.body) else {
                return Vec::new();
            };
            let waybills = request.rows.iter().filter_map(|row| WaybillNo::parse(&row.waybill_no).ok());
            waybills.map(|waybill| parcel_id(organisation, waybill.as_str())).collect()
        }
        OperationKind::State => serde_json::from_slice::<ParcelStateRequest>(&operation.body)
            .map(|request| request.parcels)
            .unwrap_or_default(),
        OperationKind::Deed => serde_json::from_slice::<DeedRequest>(&operation.body)
            .map(|request| request.parcels)
            .unwrap_or_default(),
        OperationKind::UndoDeed => serde_json::from_slice::<UndoDeedRequest>(&operation.body)
            .map(|request| request.parcels)
            .unwrap_or_default(),
        _ => Vec::new(),
    }
}

/// What one operation does.
fn effects_of(operation: &Operation, owner: &UserView) -> Vec<(ParcelId, Effect)> {
    let organisation = owner.organisation;
    match operation.kind {
        OperationKind::Import => {
            let Ok(request) = serde_json::from_slice::<ImportRequest>(&operation.body) else {
                return Vec::new();
            };
            let good = request.rows.iter().filter_map(|row| GoodRow::check(organisation, row).ok());
            let at = operation.acted.wall;
            good.zip(i64::from(request.first)..)
                .map(|(row, sequence)| (row.id, Effect::Row { row: Box::new(row), sequence, at }))
                .collect()
        }
        OperationKind::State => {
            let Ok(request) = serde_json::from_slice::<ParcelStateRequest>(&operation.body) else {
                return Vec::new();
            };
            request.parcels.into_iter().map(|id| (id, Effect::State(request.state))).collect()
        }
        OperationKind::Deed => {
            let Ok(request) = serde_json::from_slice::<DeedRequest>(&operation.body) else {
                return Vec::new();
            };
            let door = DoorView {
                id: request.id,
                deed: request.deed,
                proof: request.proof,
                by: owner.id,
                at: operation.acted.wall,
                by_wall_clock: false,
                before: ParcelState::default(),
            };
            let effect = || Effect::Deed(Box::new(door.clone()));
            request.parcels.into_iter().map(|id| (id, effect())).collect()
        }
        OperationKind::UndoDeed => {
            let Ok(request) = serde_json::from_slice::<UndoDeedRequest>(&operation.body) else {
                return Vec::new();
            };
            request.parcels.into_iter().map(|id| (id, Effect::UndoDeed(request.id))).collect()
        }
        _ => Vec::new(),
    }
}
