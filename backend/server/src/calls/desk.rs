//! A candidate's registered telephones (话机): they ring beside the app, all at once, and before the mobile.
//!
//! They are the courier's own, so whoever answers one has the call, without a key. What one of them says:
//!
//! | a telephone | comes to |
//! |---|---|
//! | answers | it has the call, unless another was first; the others are told that it was taken elsewhere |
//! | declines for all (600, 603) | the courier's word for every telephone |
//! | is busy, has gone, cannot be reached | one less; with the last the mobile is rung at once |

use super::both::Both;
use super::call::Call;
use super::rows;
use std::time::Duration;
use waybell_domain::id::UserId;
use waybell_domain::inbound::{CallEvent, TryResult};
use waybell_domain::wire::AppBye;
use waybell_switch::{DialogRecord, LegEnd, LegId, PhoneContact, PhoneDraft};

/// Telephones of one candidate that are rung for a call.
const MOST: usize = 8;

/// Registered telephones of a courier.
pub(super) fn phones_of(call: &Call, courier: UserId) -> Vec<PhoneContact> {
    let users = call.app.phones.of(call.number.organisation, courier);
    let mut found = if users.is_empty() { Vec::new() } else { call.switch.phones(&users) };
    found.truncate(MOST);
    found
}

/// Whether somebody's telephone is registered.
pub(super) fn has_phone(
    app: &crate::app::Shared,
    switch: &waybell_switch::Switch,
    organisation: waybell_domain::id::OrganisationId,
    courier: UserId,
) -> bool {
    let users = app.phones.of(organisation, courier);
    !users.is_empty() && !switch.phones(&users).is_empty()
}

impl Call {
    /// Rings a candidate's registered telephones; gives the legs of those that ring. What cannot be stored is not rung.
    pub(super) async fn ring_phones(&mut self, n: usize, courier: UserId) -> Vec<LegId> {
        let caller = self.number.key.clone();
        let ring = self.policy.app_first_ms + self.policy.ring_ms;
        let ring = Duration::from_millis(u64::try_from(ring).unwrap_or(0)) + Duration::from_secs(5);
        let mut ready = Vec::new();
        for (i, contact) in phones_of(self, courier).iter().enumerate() {
            let seed = format!("{}/phone/{n}/{i}", self.id);
            let draft = PhoneDraft { seed: &seed, contact, caller: &caller, label: &self.label, ring };
            match self.switch.draft_phone(&draft) {
                Ok(record) => ready.push(record),
                Err(error) => {
                    tracing::warn!(%error, call = %self.id, "a registered telephone cannot be rung")
                }
            }
        }
        let now = self.now();
        let lines: Vec<_> = ready
            .iter()
            .filter_map(|record| rows::leg_placed(self.id, "courier", record, Some(courier), now))
            .collect();
        if ready.is_empty() {
            return Vec::new();
        }
        if lines.len() != ready.len() || !self.book.keep(&lines).await {
            for record in &ready {
                self.switch.discard(record);
                self.book.note(rows::leg_unplaced(record, now));
            }
            return Vec::new();
        }
        let mut legs = Vec::new();
        for record in ready {
            let leg = record.leg();
            self.app.calls.adopt(leg.clone(), self.own.clone());
            self.switch.place_phone(record);
            legs.push(leg);
        }
        crate::crash::point("call.phones_rung");
        legs
    }

    /// A registered telephone was answered: its courier has the call, unless somebody was first.
    pub(super) async fn phone_answered(&mut self, n: usize, leg: &LegId, dialog: &DialogRecord) {
        let line = rows::leg_answered(leg, dialog, self.now());
        let kept = self.keep(line).await;
        let Some(both) = self.candidate(n) else { return };
        if !kept || both.taken.is_some() {
            // it crossed our CANCEL, or would be left on the line by a crash
            self.switch.hang_up(leg, None);
            return;
        }
        let answered = both.take(leg);
        self.switch.confirm(leg);
        self.drop_others(n, leg);
        crate::crash::point("call.phone_answered");
        if !answered {
            self.skip_whisper = true;
            self.give(CallEvent::CourierAnswered { n }).await;
            self.skip_whisper = false;
        }
        self.give(CallEvent::CourierKey { n, key: '1' }).await;
    }

    /// Ends all of a candidate's telephones but the one that has the call.
    pub(super) fn drop_others(&mut self, n: usize, taker: &LegId) {
        let Some(both) = self.candidate(n) else { return };
        let (mobile, phones) = (both.mobile.clone(), both.phones.clone());
        let has_app = both.app_leg.as_ref() == Some(taker);
        for phone in phones.iter().filter(|p| *p != taker) {
            self.switch.taken_elsewhere(phone);
        }
        if let Some(mobile) = mobile.filter(|m| m != taker) {
            self.switch.taken_elsewhere(&mobile);
        }
        if !has_app {
            self.drop_app(n, AppBye::Elsewhere);
        }
    }

    /// A registered telephone's leg is over.
    pub(super) async fn phone_ended(&mut self, n: usize, leg: &LegId, end: &LegEnd, result: TryResult) {
        let Some(both) = self.candidate(n) else { return };
        both.phones.retain(|p| p != leg);
        if both.taken.as_ref() == Some(leg) {
            self.drop_both(n, AppBye::HungUp);
            return self.ended(n, result).await;
        }
        if both.taken.is_some() {
            return;
        }
        if matches!(end.status, Some(600 | 603)) {
            return self.declined(n, result).await;
        }
        if both.only_waits() {
            self.mobile_too(n).await;
        } else {
            // one that says no says it for itself
            let result = if result == TryResult::Declined { TryResult::Busy } else { result };
            self.perhaps_over(n, result).await;
        }
    }
}

impl Both {
    /// This leg has the call from now on; no mobile is rung any more. Whether the machine knows of an answer already.
    pub(super) fn take(&mut self, leg: &LegId) -> bool {
        self.taken = Some(leg.clone());
        self.due = None;
        std::mem::replace(&mut self.answered, true)
    }

    /// Nothing rings any more, and the mobile is still to be rung.
    pub(super) fn only_waits(&self) -> bool {
        self.due.is_some() && self.app_leg.is_none() && self.mobile.is_none() && self.phones.is_empty()
    }
}
