//! Parcels: what is delivered or picked up, where it is in its life, and what the notice about it came to.

mod deed;
mod mark;
mod proof;
mod stops;
#[cfg(test)]
mod tables_tests;
mod waybill;

pub use deed::{
    ConsentSource, Deed, DeedFlaw, DeedKind, DeedRefusal, ExceptionReason, Facts, HandConsent, Payer,
    SignedBy, Size, UNDO_WITHIN, refusals,
};
pub use mark::{AttemptGlance, CallMark};
pub use proof::{MOST_PROOFS, Proof, ProofLevel, ProofRule, proof_level};
pub use stops::{
    MOST_KEYS, StopRule, StopRuleKind, address_key, bearing_keys, check_keys, merge_keys, regroup, split_key,
};
pub use waybill::{Carrier, WaybillError, WaybillNo};

use sha2::{Digest, Sha256};

use crate::id::{OrganisationId, ParcelId};

/// The id of a parcel of an organisation, derived from its waybill number: every phone and the server give one parcel
/// the same id, even offline, so that two imports make no second parcel. A UUID of version 8 (RFC 9562, 5.8) from a
/// SHA-256; `waybill_no` must be normalised ([`WaybillNo::as_str`]).
#[must_use]
pub fn parcel_id(organisation: OrganisationId, waybill_no: &str) -> ParcelId {
    let mut hash = Sha256::new();
    hash.update(b"waybell parcel");
    hash.update(organisation.as_uuid().as_bytes());
    hash.update(waybill_no.as_bytes());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    ParcelId::from_uuid(uuid::Builder::from_custom_bytes(bytes).into_uuid())
}

words! {
    /// What the courier does at the door.
    #[derive(Default)]
    pub enum TaskKind {
        /// 派件: brings a parcel.
        #[default]
        Delivery = "delivery", "派件", "delivery";
        /// 揽件: fetches a parcel.
        Pickup = "pickup", "揽件", "pick-up";
    }
}

words! {
    /// Where a parcel is in its life, as its courier knows it.
    #[derive(Default)]
    pub enum ParcelState {
        /// On the list, not yet on the road.
        Planned = "planned", "待派送", "planned";
        /// On the road with the courier (for a pick-up: to be fetched today).
        #[default]
        OutForDelivery = "out_for_delivery", "派送中", "out for delivery";
        /// 问题件: tried or stuck; the courier still has it.
        Exception = "exception", "问题件", "exception";
        /// Waits at a station (驿站) for the recipient.
        AtStation = "at_station", "已入驿站", "at a station";
        /// Waits in a locker (快递柜) for the recipient.
        AtLocker = "at_locker", "已入快递柜", "in a locker";
        /// Handed over.
        Signed = "signed", "已签收", "delivered";
        /// Fetched from the sender, or fetched by the recipient from station or locker.
        PickedUp = "picked_up", "已取件", "picked up";
        /// 退件: on its way back to the sender.
        Returned = "returned", "已退件", "returned";
        /// Taken off this courier's list: recalled, cancelled or handed to a colleague.
        Withdrawn = "withdrawn", "已撤回", "withdrawn";
    }
}

impl ParcelState {
    /// True while the courier still has to go to the door for it.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Planned | Self::OutForDelivery | Self::Exception)
    }

    /// True while its sender or the company can still take it off its courier's list.
    #[must_use]
    pub const fn can_be_withdrawn(self) -> bool {
        self.is_open() || self.awaits_collection()
    }

    /// True while it waits for the recipient at a station or in a locker.
    #[must_use]
    pub const fn awaits_collection(self) -> bool {
        matches!(self, Self::AtStation | Self::AtLocker)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_id_for_one_waybill_of_one_organisation() {
        let (a, b) = (OrganisationId::at(1, [1; 10]), OrganisationId::at(1, [2; 10]));
        let id = parcel_id(a, "SF1234567890123");
        assert_eq!(id, parcel_id(a, "SF1234567890123"));
        assert_ne!(id, parcel_id(b, "SF1234567890123"));
        assert_ne!(id, parcel_id(a, "SF1234567890124"));
        assert_eq!(id.as_uuid().get_version_num(), 8);
        // The value is stored on phones and servers: it must never change.
        assert_eq!(id.to_string(), "e0694960-2afb-80d5-a38f-26d244151881");
    }

    #[test]
    fn open_and_waiting_exclude_each_other() {
        for state in ParcelState::ALL {
            assert!(!(state.is_open() && state.awaits_collection()), "{state}");
        }
        assert!(ParcelState::default().is_open());
    }
}
