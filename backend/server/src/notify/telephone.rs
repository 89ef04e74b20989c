//! What the dialler needs of a softswitch, and no more: a real one in a server, a model in the simulator.
//!
//! The methods are those of [`waybell_switch::Switch`] with the same meaning; none of them blocks. One indirect call
//! for each thing done on a line costs nothing beside the message that it sends.

use std::any::Any;
use waybell_switch::{
    DialogRecord, Draft, InviteRecord, LegId, Play, Q850, Stats, Switch, SwitchError, TrunkState,
};

/// Permission to place one call; dropped unused, its channel is free again. Made and read by one [`Telephone`] only.
pub struct Permit(Box<dyn Any + Send + Sync>);

impl Permit {
    /// Wraps what an implementation gives out.
    pub fn new(inner: impl Any + Send + Sync) -> Permit {
        Permit(Box::new(inner))
    }

    /// What was wrapped, for the implementation that made it.
    pub fn take<T: Any + Send + Sync>(self) -> Option<T> {
        (self.0 as Box<dyn Any>).downcast().ok().map(|inner| *inner)
    }
}

impl std::fmt::Debug for Permit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Permit")
    }
}

/// See the module; each method is the one of [`Switch`] with its name.
pub trait Telephone: Send + Sync {
    /// Trunks for a call, in the order to try them.
    fn routes(&self, exclude: &[String]) -> Vec<String>;
    /// How the trunks stand.
    fn trunks(&self) -> Vec<TrunkState> {
        Vec::new()
    }
    /// Permissions to place calls on a trunk now, for notices: some channels stay free for those on the line.
    fn try_permits(&self, trunk: &str, max: usize) -> Vec<Permit>;
    /// Permission for a leg that somebody on the line waits for.
    fn try_urgent_permit(&self, trunk: &str) -> Option<Permit> {
        self.try_permits(trunk, 1).pop()
    }
    /// Makes an INVITE and reserves its RTP port; sends nothing.
    fn draft(&self, draft: Draft<'_>) -> Result<InviteRecord, SwitchError>;
    /// Gives back a draft that will not be placed.
    fn discard(&self, record: &InviteRecord);
    /// Sends exactly this INVITE.
    fn place(&self, record: InviteRecord, permit: Permit);
    /// Asks whether the call of this record lives, with a request that cannot start one.
    fn probe(&self, record: InviteRecord);
    /// [`Telephone::probe`] within what the trunk allows: the leg holds the permit's channel.
    fn probe_with(&self, record: InviteRecord, permit: Permit) {
        drop(permit);
        self.probe(record);
    }
    /// Sends the INVITE with credentials of a challenged leg, which is stored now.
    fn resubmit(&self, _leg: &LegId) {}
    /// Sends the CANCEL of a stored INVITE.
    fn cancel_stored(&self, record: InviteRecord);
    /// Sends BYE in a stored dialog.
    fn end_stored(&self, dialog: DialogRecord);
    /// Acknowledges a 2xx and opens the media.
    fn confirm(&self, leg: &LegId);
    /// Ends a leg that is not answered yet.
    fn cancel(&self, leg: &LegId);
    /// Ends a leg whatever its state.
    fn hang_up(&self, leg: &LegId, cause: Option<Q850>);
    /// Plays to a confirmed leg.
    fn play(&self, leg: &LegId, play: Play);
    /// Stops what is being played.
    fn stop_play(&self, leg: &LegId);
    /// Presses keys.
    fn send_digits(&self, leg: &LegId, digits: &str);
    /// Answers an incoming leg.
    fn answer(&self, leg: &LegId);
    /// Joins two confirmed legs.
    fn bridge(&self, a: &LegId, b: &LegId) -> Result<(), SwitchError>;
    /// Gives back the RTP ports that were held for calls of an earlier life.
    fn release_held(&self) {}
    /// Counters and gauges.
    fn stats(&self) -> Stats;
}

impl Telephone for Switch {
    fn trunks(&self) -> Vec<TrunkState> {
        Switch::trunks(self)
    }

    fn release_held(&self) {
        Switch::release_held(self);
    }

    fn routes(&self, exclude: &[String]) -> Vec<String> {
        Switch::routes(self, exclude)
    }

    fn try_permits(&self, trunk: &str, max: usize) -> Vec<Permit> {
        Switch::try_permits(self, trunk, max).into_iter().map(Permit::new).collect()
    }

    fn try_urgent_permit(&self, trunk: &str) -> Option<Permit> {
        Switch::try_urgent_permit(self, trunk).map(Permit::new)
    }

    fn draft(&self, draft: Draft<'_>) -> Result<InviteRecord, SwitchError> {
        Switch::draft(self, draft)
    }

    fn discard(&self, record: &InviteRecord) {
        Switch::discard(self, record);
    }

    fn place(&self, record: InviteRecord, permit: Permit) {
        match permit.take::<waybell_switch::Permit>() {
            Some(permit) => {
                Switch::place(self, record, permit);
            }
            // not one of ours: the call may not leave
            None => tracing::error!("a permit of another switch"),
        }
    }

    fn probe(&self, record: InviteRecord) {
        Switch::probe(self, record);
    }

    fn probe_with(&self, record: InviteRecord, permit: Permit) {
        match permit.take::<waybell_switch::Permit>() {
            Some(permit) => Switch::probe_with(self, record, permit),
            None => Switch::probe(self, record),
        };
    }

    fn resubmit(&self, leg: &LegId) {
        Switch::resubmit(self, leg);
    }

    fn cancel_stored(&self, record: InviteRecord) {
        Switch::cancel_stored(self, record);
    }

    fn end_stored(&self, dialog: DialogRecord) {
        Switch::end_stored(self, dialog);
    }

    fn confirm(&self, leg: &LegId) {
        Switch::confirm(self, leg);
    }

    fn cancel(&self, leg: &LegId) {
        Switch::cancel(self, leg);
    }

    fn hang_up(&self, leg: &LegId, cause: Option<Q850>) {
        Switch::hang_up(self, leg, cause);
    }

    fn play(&self, leg: &LegId, play: Play) {
        Switch::play(self, leg, play);
    }

    fn stop_play(&self, leg: &LegId) {
        Switch::stop_play(self, leg);
    }

    fn send_digits(&self, leg: &LegId, digits: &str) {
        Switch::send_digits(self, leg, digits);
    }

    fn answer(&self, leg: &LegId) {
        Switch::answer(self, leg);
    }

    fn bridge(&self, a: &LegId, b: &LegId) -> Result<(), SwitchError> {
        Switch::bridge(self, a, b)
    }

    fn stats(&self) -> Stats {
        Switch::stats(self)
    }
}
