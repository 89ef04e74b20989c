//! Calls of this courier: who rang in vain, what they said, and what the courier does about it.
//!
//! ```text
//!  server ──GET /me/calls──▶ rows (sealed) ─┐
//!                                           ├─▶ list: urgency, parcels of the caller, sound ──▶ screen
//!  outbox: handled, reopened, reachable ────┘                      │
//!                                                  GET /calls/ID/audio (ranges) ──▶ audio/ (sealed files)
//! ```
//!
//! * **Offline first.** The list, the marks and what was fetched of the sound are here without a network; a mark is a
//!   transaction and an operation, shown over the server's word until that has it.
//! * **Whose.** The server gives this person's calls only, and says which are no longer theirs. A caller's number comes with
//!   its middle hidden: this phone never has it. Rows are sealed all the same.
//! * **Sound** is fetched when somebody wants to hear it, goes on where it was cut off, is compared with the server's
//!   SHA-256, and lies sealed in the app's folder, within a bound ([`audio`]).
//! * **A call back** is now or never ([`ring`]): it is not kept for a later network, because a telephone that rings ten
//!   minutes after the tap is worse than one that does not.

pub mod audio;
mod marks;
mod pull;
pub mod ring;
pub(crate) mod rows;
#[cfg(test)]
mod tests;
pub mod urgency;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::tasks::rows::find as find_parcel;
use audio::Sound;
use rusqlite::Connection;
use serde::Serialize;
use std::collections::BTreeMap;
use urgency::Urgency;
use waybell_domain::id::{CallId, OrganisationId};
use waybell_domain::lang::Lang;
use waybell_domain::parcel::parcel_id;
use waybell_domain::wire::{CallView, TranscriptView};

pub use marks::Reach;
pub(crate) use marks::{availability_taken, mark_path, mark_taken};
pub(crate) use pull::Calls as Feed;

/// Calls of this courier. The list, marks and fetched sound work offline.
#[derive(Clone)]
pub struct Calls {
    pub(crate) client: Client,
}

/// Where parcels of a caller go, of those that are on this phone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CallerPlace {
    /// Estate and building, such as `幸福花园3号楼`; the whole address where it says neither.
    pub place: String,
    /// Parcels that still have to be brought there or fetched.
    pub open: usize,
    /// Parcels in all.
    pub parcels: usize,
}

/// A call as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    /// What the server says, with the marks made here over it.
    #[serde(flatten)]
    pub view: CallView,
    /// How soon the courier should see to it.
    pub urgency: Urgency,
    /// How often this caller has rung in vain in the last day and waits, this call included; 0 where it asks for nothing.
    pub rings: u32,
    /// Where the caller's parcels go.
    pub places: Vec<CallerPlace>,
    /// A mark that was made here has not reached the server.
    pub pending: bool,
    /// What is here of its sound.
    pub sound: Sound,
}

impl Call {
    /// Parcels of the caller that still have to be brought or fetched.
    #[must_use]
    pub fn open_parcels(&self) -> usize {
        self.places.iter().map(|p| p.open).sum()
    }

    /// What a machine has written down of the caller's message, where it has. It mishears: shown as a machine's, beside the sound.
    #[must_use]
    pub fn transcript(&self) -> Option<&TranscriptView> {
        self.view.audio.as_ref()?.transcript.as_ref()
    }

    /// What the caller wants, by that text, in one line: `投诉、查件`. Empty where nothing is known.
    #[must_use]
    pub fn wishes(&self, lang: Lang) -> String {
        let wishes = self.transcript().map_or(&[][..], |t| &t.intents);
        let told: Vec<&str> = wishes.iter().map(|i| i.label(lang)).collect();
        told.join(lang.pick("、", ", "))
    }

    /// What the caller's parcels are, in one line: `幸福花园3号楼 2件`, `幸福花园3号楼: 2 parcels`. Empty where none is known here.
    #[must_use]
    pub fn context(&self, lang: Lang) -> String {
        let told: Vec<String> = self.places.iter().map(|p| place_told(p, lang)).collect();
        told.join(lang.pick("；", "; "))
    }
}

fn place_told(place: &CallerPlace, lang: Lang) -> String {
    let (name, open) = (&place.place, place.open);
    match (lang, open) {
        (Lang::Zh, 0) => format!("{name} 已办结"),
        (Lang::Zh, n) => format!("{name} {n}件"),
        (Lang::En, 0) => format!("{name}: done"),
        (Lang::En, 1) => format!("{name}: 1 parcel"),
        (Lang::En, n) => format!("{name}: {n} parcels"),
    }
}

impl Calls {
    /// Every call of the last 30 days, the most urgent first; with `open_only` those that ask for something.
    pub async fn list(&self, open_only: bool) -> Result<Vec<Call>> {
        let inner = &self.client.inner;
        let organisation = inner.user()?.organisation;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        let mut calls = inner
            .store
            .read(move |c| {
                let shown = marks::shown(c, &seal)?;
                let rings = urgency::rings(shown.iter().map(|s| &s.view), now);
                let mut calls = Vec::with_capacity(shown.len());
                for marked in shown {
                    if open_only && !urgency::asks(&marked.view) {
                        continue;
                    }
                    let rings = rings.get(&marked.view.id).copied().unwrap_or(0);
                    calls.push(call(c, &seal, organisation, marked, rings)?);
                }
                Ok(calls)
            })
            .await?;
        urgency::sort(&mut calls);
        Ok(calls)
    }

    /// One call.
    ///
    /// # Errors
    /// `NotFound`, `SignedOut`.
    pub async fn get(&self, id: CallId) -> Result<Call> {
        let found = self.list(false).await?.into_iter().find(|c| c.view.id == id);
        found.ok_or(Error::NotFound("call"))
    }

    /// How many calls ask for something.
    pub async fn open_count(&self) -> Result<u32> {
        let inner = &self.client.inner;
        inner.user()?;
        let seal = inner.store.seal.clone();
        let open = inner
            .store
            .read(move |c| Ok(marks::shown(c, &seal)?.iter().filter(|s| urgency::asks(&s.view)).count()))
            .await?;
        Ok(u32::try_from(open).unwrap_or(u32::MAX))
    }

    /// The call whose id ends or begins so: what a list shows of it is enough.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where several do.
    pub async fn find(&self, text: &str) -> Result<CallId> {
        let text = text.trim().to_lowercase();
        let calls = self.list(false).await?;
        let mut found = calls.iter().map(|c| c.view.id).filter(|id| {
            let id = id.to_string();
            text.len() >= 4 && (id.ends_with(&text) || id.starts_with(&text))
        });
        match (found.next(), found.next()) {
            (Some(id), None) => Ok(id),
            (None, _) => Err(Error::NotFound("call")),
            (Some(_), Some(_)) => {
                Err(Error::bad("call", "is more than one", "give more of its number in the list"))
            }
        }
    }
}

/// A call with what this phone knows beside it.
fn call(
    c: &Connection,
    seal: &crate::store::seal::Seal,
    organisation: OrganisationId,
    marked: marks::Marked,
    rings: u32,
) -> Result<Call> {
    let places = places(c, seal, organisation, &marked.view)?;
    let open = places.iter().map(|p| p.open).sum();
    let sound = audio::sound(c, &marked.view)?;
    let urgency = Urgency::of(&marked.view, open, rings);
    Ok(Call { view: marked.view, urgency, rings, places, pending: marked.pending, sound })
}

/// Where the parcels go that the server named as the caller's, of those that are on this phone.
fn places(
    c: &Connection,
    seal: &crate::store::seal::Seal,
    organisation: OrganisationId,
    view: &CallView,
) -> Result<Vec<CallerPlace>> {
    let mut by_place: BTreeMap<String, CallerPlace> = BTreeMap::new();
    for waybill in &view.waybills {
        let Some(row) = find_parcel(c, seal, parcel_id(organisation, waybill))? else { continue };
        let parcel = row.shown;
        let name = match parcel.estate.is_empty() {
            true => parcel.address.clone(),
            false => format!("{}{}", parcel.estate, parcel.building),
        };
        let place = by_place.entry(name.clone()).or_insert(CallerPlace { place: name, open: 0, parcels: 0 });
        place.parcels += 1;
        place.open += usize::from(parcel.state.is_open());
    }
    let mut places: Vec<CallerPlace> = by_place.into_values().collect();
    // stable: places that tie stay in the order of their names
    places.sort_by_key(|p| std::cmp::Reverse(p.open));
    Ok(places)
}
