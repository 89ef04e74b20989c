//! The day's parcels: the list, the import, what was done with them.

pub(crate) mod deeds;
#[cfg(test)]
mod door_tests;
mod hand_over;
mod import;
pub(crate) mod row;
pub(crate) mod rows;
pub(crate) mod stop_rules;
mod stops;
#[cfg(test)]
mod tests;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::notify::MOST_PARCELS;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{ParcelState, WaybillNo, parcel_id};
use waybell_domain::wire::{ActedAt, ParcelStateRequest, ParcelView};

pub use deeds::{LastDeed, Recorded};
pub use import::Importing;
pub use stops::Stop;

/// Parcels on this phone. Everything here works offline.
#[derive(Clone)]
pub struct Tasks {
    pub(crate) client: Client,
}

impl Tasks {
    /// Every parcel, in the courier's order.
    pub async fn list(&self) -> Result<Vec<ParcelView>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner.store.read(move |c| rows::list(c, &seal)).await
    }

    /// One parcel.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, id: ParcelId) -> Result<ParcelView> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        let row = inner.store.read(move |c| rows::find(c, &seal, id)).await?;
        row.map(|r| r.shown).ok_or(Error::NotFound("parcel"))
    }

    /// The id of the parcel with this waybill number, whether or not it is on this phone.
    ///
    /// # Errors
    /// `BadInput` for a text that is no waybill number, `SignedOut`.
    pub fn id_of(&self, waybill_no: &str) -> Result<ParcelId> {
        let waybill = WaybillNo::parse(waybill_no).map_err(|e| {
            let text = e.to_string();
            let (problem, hint) = text.split_once("; ").unwrap_or((&text, "copy the number from the label"));
            Error::bad("waybill_no", problem, hint)
        })?;
        Ok(parcel_id(self.client.inner.user()?.organisation, waybill.as_str()))
    }

    /// Says what was done with parcels. Shown at once, stored durably when this returns, sent when there is a network.
    ///
    /// # Errors
    /// `SignedOut`, `NotFound` if one is not on this phone (nothing is changed then), `BadInput` for none, and with
    /// `consent` or `parcels` where the word alone is no way (see `ParcelState::set_by_word`): [`Tasks::record`] asks for
    /// what is missing.
    pub async fn set_state(&self, parcels: &[ParcelId], state: ParcelState) -> Result<()> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        if parcels.is_empty() {
            return Err(Error::bad("parcels", "none is chosen", "choose at least one"));
        }
        let acted = inner.event_time();
        let (seal, ids) = (inner.store.seal.clone(), parcels.to_vec());
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                deeds::judge_word(t, &seal, &ids, state)?;
                for chunk in ids.chunks(MOST_PARCELS) {
                    let request = ParcelStateRequest {
                        parcels: chunk.to_vec(),
                        state,
                        acted_at: Some(ActedAt { wall: acted.wall, age_ms: None }),
                    };
                    let body = serde_json::to_vec(&request)?;
                    queue::push(t, &seal, &Operation::new(OperationKind::State, None, body, acted.clone()))?;
                }
                rows::Writer::new(t, &seal)?.recompute(&ids)
            })
            .await?;
        self.taken();
        Ok(())
    }

    pub(super) fn taken(&self) {
        self.client.inner.bus.tell(Topic::Parcels);
        self.client.inner.bus.tell(Topic::Sync);
        self.client.inner.sync.wake();
    }
}
