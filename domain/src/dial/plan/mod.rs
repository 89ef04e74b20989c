//! The dial plan: who will be rung, who not and why, in what order, how long it takes and what it costs.
//!
//! The phone shows the plan before sending, the server computes it again from what it knows; both call [`plan`], so
//! they agree on the same facts. The arithmetic a person can check: `rings N of M` where M is the number of parcels
//! selected and N the number of telephones that ring, and
//!
//! ```text
//! M = N + merged + suppressed        merged = parcels that share the ring of another one
//! ```
//!
//! Suppression is by parcel, each with one reason (the first that applies, in the order of [`SuppressReason`]); ringing
//! is by person ([`PhoneNumber::key`]). Nobody is left out for quiet hours: such calls are planned for later.

mod ahead;
mod estimate;
mod summary;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use ahead::{Ahead, Arrival, FARTHEST_ARRIVAL, LONGEST_LEAD};
pub use estimate::{Estimate, RatePlan, TrunkRate};

use super::policy::{PastCall, Policy};
use crate::clock::UnixMs;
use crate::id::ParcelId;
use crate::parcel::{ParcelState, TaskKind};
use crate::phone::PhoneNumber;

words! {
    /// What kind of notice is given: it decides which parcels it makes sense for.
    #[derive(Default)]
    pub enum NoticeKind {
        /// The courier comes to the door today. Only for parcels that are still to be brought.
        #[default]
        Arrived = "arrived", "派件通知", "arrival notice";
        /// The parcel waits at a station or in a locker.
        Station = "station", "取件通知", "collection notice";
        /// The courier comes to fetch a parcel. Only for pick-ups that are still open.
        Pickup = "pickup", "揽件通知", "pick-up notice";
        /// A notice of the organisation's own.
        Custom = "custom", "自定义通知", "notice";
    }
}

impl NoticeKind {
    /// The kind of a template with this key: the built-in keys are the words of this table, all others are custom.
    #[must_use]
    pub fn of_key(key: &str) -> Self {
        Self::parse(key).unwrap_or(Self::Custom)
    }

    /// Why a parcel in this state gets no such notice; `None` if it gets one.
    #[must_use]
    pub const fn objection(self, state: ParcelState) -> Option<SuppressReason> {
        match state {
            ParcelState::Signed => Some(SuppressReason::Delivered),
            ParcelState::PickedUp => Some(SuppressReason::PickedUp),
            ParcelState::Returned => Some(SuppressReason::Returned),
            ParcelState::Withdrawn => Some(SuppressReason::Withdrawn),
            ParcelState::AtStation | ParcelState::AtLocker => match self {
                Self::Arrived | Self::Pickup => Some(SuppressReason::AtStation),
                Self::Station | Self::Custom => None,
            },
            ParcelState::Planned | ParcelState::OutForDelivery | ParcelState::Exception => None,
        }
    }
}

words! {
    /// Why a parcel is left out.
    pub enum SuppressReason {
        /// The same parcel is in the selection twice.
        Duplicate = "duplicate", "重复", "listed twice";
        /// Signed for.
        Delivered = "delivered", "已签收", "delivered";
        /// Fetched.
        PickedUp = "picked_up", "已取件", "picked up";
        /// Waits at a station or in a locker.
        AtStation = "at_station", "已入站入柜", "at a station or locker";
        /// On its way back.
        Returned = "returned", "已退件", "returned";
        /// Taken off the list.
        Withdrawn = "withdrawn", "已撤回", "withdrawn";
        /// The list has no number.
        NoNumber = "no_number", "无号码", "without a number";
        /// The number is wrong, or known to be out of use.
        InvalidNumber = "invalid_number", "号码有误", "with a wrong number";
        /// The number belongs to a country that the organisation does not ring.
        Country = "country", "境外号码（规则不允许）", "abroad, which the rules do not allow";
        /// The person wants no calls.
        OptedOut = "opted_out", "已退订", "opted out";
        /// On the organisation's blocklist.
        Blocklisted = "blocklisted", "黑名单", "blocklisted";
        /// This kind of notice was already given about this parcel.
        AlreadyNotified = "already_notified", "已通知", "already notified";
        /// The person has meanwhile rung back and spoken.
        CalledBack = "called_back", "已回电", "called back";
        /// Another call to this person, or another batch with this parcel, is open.
        BeingCalled = "being_called", "已在呼叫或排队中", "being called";
        /// Waits in a batch that is paused or that its courier has not confirmed.
        OnHold = "on_hold", "在暂停或待确认的批次中（请先继续或撤销）", "in a batch on hold (resume or undo it)";
        /// The person was called too often already.
        Frequency = "frequency", "频控", "called too often";
    }
}

/// The number of a parcel, as far as the list gave one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanPhone {
    /// A number that can be called.
    Known(PhoneNumber),
    /// The list has none.
    Missing,
    /// The list has a text that is no number, or the number is known not to exist.
    Invalid,
}

impl From<Option<PhoneNumber>> for PlanPhone {
    fn from(phone: Option<PhoneNumber>) -> Self {
        phone.map_or(Self::Missing, Self::Known)
    }
}

/// A selected parcel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanParcel {
    /// Which one.
    pub id: ParcelId,
    /// Whom to ring about it.
    pub phone: PlanPhone,
    /// Where it is in its life.
    pub state: ParcelState,
    /// Delivery or pick-up.
    pub kind: TaskKind,
    /// Estate to be said; empty when unknown.
    pub estate: String,
    /// Building to be said; empty when unknown.
    pub building: String,
    /// Place in the courier's own order.
    pub sequence: i64,
}

/// Everything that decides a plan. Persons are keyed by [`PhoneNumber::key`].
#[derive(Clone, Debug)]
pub struct PlanInput {
    /// The selection, in any order.
    pub parcels: Vec<PlanParcel>,
    /// The kind of notice.
    pub notice: NoticeKind,
    /// Persons who want no calls.
    pub opted_out: BTreeSet<String>,
    /// Persons on the organisation's blocklist.
    pub blocked: BTreeSet<String>,
    /// Parcels about which this kind of notice was already given (answered), by whomever.
    pub said: BTreeSet<ParcelId>,
    /// Persons who have meanwhile rung back and spoken.
    pub called_back: BTreeSet<String>,
    /// Parcels that wait in another batch of the same notice: two taps make no second ring.
    pub waiting: BTreeSet<ParcelId>,
    /// Those of them whose batch is paused or waits to be confirmed: nobody will ring before somebody acts.
    pub held: BTreeSet<ParcelId>,
    /// Persons with an open attempt in the organisation.
    pub open: BTreeSet<String>,
    /// Past calls of the organisation to each person, at least as far back as the longest frequency window.
    pub history: BTreeMap<String, Vec<PastCall>>,
    /// How calls follow the tour; `None` rings everybody as soon as possible.
    pub ahead: Option<Ahead>,
    /// Calls that may still be begun today, by the caps of a day: the others are left for tomorrow. `None` for no cap.
    pub left_today: Option<u32>,
    /// Calls that the caps leave where the dialler is to say whom they are for: it knows who did not answer.
    pub most_today: Option<u32>,
    /// The organisation's zone, for numbers whose own zone is not known.
    pub zone: Tz,
    /// What a call costs and how long it takes.
    pub rates: RatePlan,
    /// What the trunks carry.
    pub trunk: TrunkRate,
}

impl PlanInput {
    /// An input with nothing but parcels, a notice and a zone: nobody opted out, nobody called before.
    #[must_use]
    pub fn new(parcels: Vec<PlanParcel>, notice: NoticeKind, zone: Tz) -> Self {
        Self {
            parcels,
            notice,
            opted_out: BTreeSet::new(),
            blocked: BTreeSet::new(),
            said: BTreeSet::new(),
            called_back: BTreeSet::new(),
            waiting: BTreeSet::new(),
            held: BTreeSet::new(),
            open: BTreeSet::new(),
            history: BTreeMap::new(),
            ahead: None,
            left_today: None,
            most_today: None,
            zone,
            rates: RatePlan::default(),
            trunk: TrunkRate::default(),
        }
    }
}

/// A place that a call speaks of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Estate; empty when unknown.
    pub estate: String,
    /// Building; empty when unknown.
    pub building: String,
    /// Parcels that go there.
    pub count: u32,
}

/// One telephone that will ring.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedCall {
    /// Who.
    pub phone: PhoneNumber,
    /// About which parcels, in the courier's order; never empty.
    pub parcels: Vec<ParcelId>,
    /// Turn, from 0.
    pub order: u32,
    /// Not before this time; the time of planning if at once.
    pub not_before: UnixMs,
    /// The places to be said, in the courier's order, each once.
    pub places: Vec<Place>,
    /// Left for tomorrow by the caps of a day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub capped: bool,
}

impl PlannedCall {
    /// A call about parcels at these places (estate and building), in the courier's order.
    #[must_use]
    pub fn about(phone: PhoneNumber, parcels: &[(ParcelId, &str, &str)], not_before: UnixMs) -> Self {
        let mut places: Vec<Place> = Vec::new();
        for (_, estate, building) in parcels {
            match places.iter_mut().find(|p| p.estate == *estate && p.building == *building) {
                Some(place) => place.count += 1,
                None => {
                    places.push(Place { estate: (*estate).into(), building: (*building).into(), count: 1 });
                }
            }
        }
        Self {
            phone,
            parcels: parcels.iter().map(|p| p.0).collect(),
            order: 0,
            not_before,
            places,
            capped: false,
        }
    }

    /// How many parcels it is about.
    #[must_use]
    pub fn count(&self) -> u32 {
        u32::try_from(self.parcels.len()).unwrap_or(u32::MAX)
    }

    /// The different estates, in the courier's order, unknown ones left out.
    #[must_use]
    pub fn estates(&self) -> Vec<&str> {
        let mut seen = BTreeSet::new();
        self.places.iter().map(|p| p.estate.as_str()).filter(|e| !e.is_empty() && seen.insert(*e)).collect()
    }
}

/// A parcel that is left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// Which.
    pub parcel: ParcelId,
    /// Why.
    pub reason: SuppressReason,
}

/// What a tap will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialPlan {
    /// Parcels selected.
    pub parcels: u32,
    /// Telephones that will ring, in their order.
    pub calls: Vec<PlannedCall>,
    /// Parcels left out, in the order of the selection.
    pub suppressed: Vec<Suppressed>,
    /// Parcels that share the ring of another parcel.
    pub merged: u32,
    /// Of the calls, those that may not start at once.
    pub later: u32,
    /// When the first call may start.
    pub starts: UnixMs,
    /// When the last person may be rung for the first time.
    pub last: UnixMs,
    /// Minutes before the arrival, where calls follow the tour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lead: Option<u16>,
    /// So many of the calls today at most, by the caps of a day; `None` where they leave enough, or nothing (then
    /// [`PlannedCall::capped`] tells).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub most_today: Option<u32>,
    /// When calling hours end after that, by the organisation's zone; `None` if they do not end soon.
    pub closes: Option<UnixMs>,
    /// Time and cost.
    pub estimate: Estimate,
    /// When the plan was made.
    pub now: UnixMs,
    /// The organisation's zone, in which times are shown.
    pub zone: Tz,
}

impl DialPlan {
    /// Telephones that will ring: the N of "rings N of M".
    #[must_use]
    pub fn rings(&self) -> u32 {
        u32::try_from(self.calls.len()).unwrap_or(u32::MAX)
    }

    /// How many parcels each reason leaves out, in the order of [`SuppressReason`], without those at 0.
    #[must_use]
    pub fn reasons(&self) -> Vec<(SuppressReason, u32)> {
        let mut counts = BTreeMap::new();
        for suppressed in &self.suppressed {
            *counts.entry(suppressed.reason).or_insert(0) += 1;
        }
        counts.into_iter().collect()
    }
}

/// The dial plan for a selection. Deterministic: the order of the selection plays no role but for a parcel that is in
/// it twice with different data (the first one counts).
#[must_use]
pub fn plan(input: &PlanInput, policy: &Policy, now: UnixMs) -> DialPlan {
    let mut suppressed = Vec::new();
    let mut people: BTreeMap<String, Vec<&PlanParcel>> = BTreeMap::new();
    let mut gate = Gate { input, policy, now, by_person: BTreeMap::new() };
    let mut seen = BTreeSet::new();
    for parcel in &input.parcels {
        let verdict =
            if seen.insert(parcel.id) { gate.check(parcel) } else { Err(SuppressReason::Duplicate) };
        match verdict {
            Ok(key) => people.entry(key).or_default().push(parcel),
            Err(reason) => suppressed.push(Suppressed { parcel: parcel.id, reason }),
        }
    }
    let merged = people.values().map(|parcels| parcels.len() - 1).sum::<usize>();
    let mut calls: Vec<PlannedCall> =
        people.into_iter().filter_map(|(key, parcels)| call(parcels, gate.not_before(&key))).collect();
    let sequence: BTreeMap<ParcelId, i64> = input.parcels.iter().rev().map(|p| (p.id, p.sequence)).collect();
    calls.sort_by_cached_key(|c| (sequence.get(&c.parcels[0]).copied(), c.parcels[0], c.phone.key()));
    if let Some(ahead) = &input.ahead {
        ahead.put_off(&mut calls, policy, input.zone);
        calls.sort_by_key(|c| c.not_before);
    }
    for (turn, call) in calls.iter_mut().enumerate() {
        call.order = u32::try_from(turn).unwrap_or(u32::MAX);
    }
    cap_today(&mut calls, input, policy, now);
    let starts = calls.iter().map(|c| c.not_before).min().unwrap_or(now);
    let last = calls.iter().map(|c| c.not_before).max().unwrap_or(starts);
    let later = calls.iter().filter(|c| c.not_before > now).count();
    let today = calls.iter().filter(|c| c.not_before < now.next_day(input.zone)).count();
    DialPlan {
        parcels: count(input.parcels.len()),
        estimate: estimate::estimate(count(calls.len()), &input.rates, &input.trunk),
        merged: count(merged),
        later: count(later),
        starts,
        last,
        lead: input.ahead.as_ref().map(|a| a.minutes),
        most_today: input.most_today.filter(|most| (*most as usize) < today),
        closes: policy.closes_after(starts, input.zone),
        calls,
        suppressed,
        now,
        zone: input.zone,
    }
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

/// Decides about parcels; what concerns the person is decided once for all of a person's parcels.
struct Gate<'a> {
    input: &'a PlanInput,
    policy: &'a Policy,
    now: UnixMs,
    by_person: BTreeMap<String, Result<UnixMs, SuppressReason>>,
}

impl Gate<'_> {
    /// The key of the person to ring about the parcel, or why not.
    fn check(&mut self, parcel: &PlanParcel) -> Result<String, SuppressReason> {
        if let Some(reason) = self.input.notice.objection(parcel.state) {
            return Err(reason);
        }
        let phone = match &parcel.phone {
            PlanPhone::Known(phone) => phone,
            PlanPhone::Missing => return Err(SuppressReason::NoNumber),
            PlanPhone::Invalid => return Err(SuppressReason::InvalidNumber),
        };
        if !self.policy.rings(phone) {
            return Err(SuppressReason::Country);
        }
        let key = phone.key();
        if self.input.opted_out.contains(&key) {
            return Err(SuppressReason::OptedOut);
        }
        if self.input.blocked.contains(&key) {
            return Err(SuppressReason::Blocklisted);
        }
        if self.input.said.contains(&parcel.id) {
            return Err(SuppressReason::AlreadyNotified);
        }
        if self.input.held.contains(&parcel.id) {
            return Err(SuppressReason::OnHold);
        }
        if self.input.waiting.contains(&parcel.id) {
            return Err(SuppressReason::BeingCalled);
        }
        if !self.by_person.contains_key(&key) {
            let verdict = self.person(&key, phone);
            self.by_person.insert(key.clone(), verdict);
        }
        self.by_person[&key].map(|_| key)
    }

    /// When the person may be rung, or why not.
    fn person(&self, key: &str, phone: &PhoneNumber) -> Result<UnixMs, SuppressReason> {
        if self.input.called_back.contains(key) {
            return Err(SuppressReason::CalledBack);
        }
        if self.input.open.contains(key) {
            return Err(SuppressReason::BeingCalled);
        }
        let zone = phone.zone().unwrap_or(self.input.zone);
        let history = self.input.history.get(key).map_or(&[][..], Vec::as_slice);
        let open = self.policy.next_open(self.now, zone);
        let allowed = self.policy.next_allowed(self.now, zone, history);
        // Waiting for the hours is free; waiting for a frequency window is only worth while for a short one.
        if allowed.since(open) > self.policy.frequency_wait || allowed == UnixMs::NEVER {
            return Err(SuppressReason::Frequency);
        }
        Ok(allowed)
    }

    fn not_before(&self, key: &str) -> UnixMs {
        self.by_person.get(key).and_then(|v| v.ok()).unwrap_or(self.now)
    }
}

/// The call to one person about all of its parcels.
fn call(mut parcels: Vec<&PlanParcel>, not_before: UnixMs) -> Option<PlannedCall> {
    parcels.sort_by_key(|p| (p.sequence, p.id));
    let PlanPhone::Known(phone) = &parcels.first()?.phone else { return None };
    let about: Vec<_> = parcels.iter().map(|p| (p.id, p.estate.as_str(), p.building.as_str())).collect();
    Some(PlannedCall::about(phone.clone(), &about, not_before))
}

/// Moves today's calls beyond the day's cap to the next day.
fn cap_today(calls: &mut [PlannedCall], input: &PlanInput, policy: &Policy, now: UnixMs) {
    let Some(left) = input.left_today else { return };
    let tomorrow = now.next_day(input.zone);
    let today = calls.iter_mut().filter(|c| c.not_before < tomorrow);
    for call in today.skip(left as usize) {
        let zone = call.phone.zone().unwrap_or(input.zone);
        let history = input.history.get(&call.phone.key()).map_or(&[][..], Vec::as_slice);
        call.not_before = policy.next_allowed(tomorrow, zone, history);
        call.capped = true;
    }
}
