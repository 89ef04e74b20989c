//! What the handle asks for, and what the RTP threads tell.

use std::time::Instant;

use super::{Command, Core, Io};
use crate::event::{EndHow, LegId};
use crate::rtp;
use crate::sip::leg::{Leg, Phase};

impl Core {
    /// Carries out a command. One for a leg that is gone is ignored: its `Ended` is on the way.
    pub(crate) fn on_command(&mut self, io: &mut dyn Io, command: Command, now: Instant) {
        self.now = now;
        match command {
            Command::ReleaseHeld => self.shared.ports.release_held(),
            Command::Place { record, permit } => self.place(io, record, permit),
            Command::Probe { record, permit } => self.probe(io, record, permit),
            Command::Resubmit { leg } => self.on_leg(io, &leg, |core, io, leg| leg.send_again(core, io)),
            Command::CancelStored { record } => self.cancel_stored(io, record),
            Command::EndStored { dialog } => self.end_stored(io, &dialog),
            Command::Cancel { leg } | Command::HangUp { leg, .. } if self.apps.has(&leg) => {
                self.end_app(io, &leg, EndHow::LocalBye);
            }
            Command::Cancel { leg } => self.on_leg(io, &leg, |core, io, leg| leg.cancel(core, io, None)),
            Command::HangUp { leg, cause } => {
                let cause = cause.map(|c| c.0.clamp(1, 127));
                self.on_leg(io, &leg, |core, io, leg| leg.cancel(core, io, cause));
            }
            Command::Elsewhere { leg } => {
                self.on_leg(io, &leg, |core, io, leg| leg.taken_elsewhere(core, io))
            }
            Command::ForgetPhone { user } => self.forget_phone(io, &user, now),
            Command::Confirm { leg } => self.on_leg(io, &leg, |core, io, leg| leg.confirm(core, io)),
            Command::Ring { leg } => self.on_leg(io, &leg, |core, io, leg| leg.ring(core, io)),
            Command::Answer { leg } => self.on_leg(io, &leg, |core, io, leg| leg.accept(core, io)),
            Command::Reject { leg, status, reason } => {
                self.on_leg(io, &leg, |core, io, leg| leg.reject(core, io, status, &reason, None));
            }
            Command::Play { leg, play } if self.apps.has(&leg) => self.play_to_app(io, &leg, play),
            Command::Play { leg, play } => self.on_leg(io, &leg, |core, io, leg| leg.play(core, io, play)),
            Command::StopPlay { leg } => self.media(io, &leg, |leg| rtp::Command::StopPlay { leg }),
            Command::SendDigits { leg, digits } => {
                self.media(io, &leg, |leg| rtp::Command::Digits { leg, digits });
            }
            Command::Bridge { a, b } => self.bridge(io, &a, &b),
            Command::Unbridge { leg } => self.unbridge(io, &leg),
            // without a leg the tap is dropped, which closes its channel
            Command::Tap { leg, tap } => self.media(io, &leg, |leg| rtp::Command::Tap { leg, tap }),
            Command::RefuseStored { refusal } => self.refuse_stored(io, &refusal),
            Command::AppOffer { leg, offer, answer } => self.app_offer(io, leg, offer, answer),
            Command::AppCandidate { leg, candidate } => self.app_candidate(io, &leg, candidate),
            Command::AppHold { leg, held } => self.app_hold(io, &leg, held),
            Command::Shutdown { .. } => {}
        }
    }

    fn on_leg(&mut self, io: &mut dyn Io, id: &LegId, work: impl FnOnce(&mut Self, &mut dyn Io, &mut Leg)) {
        if let Some(key) = self.by_id.get(id).copied() {
            self.with_leg(io, key, work);
        }
    }

    fn media(&self, io: &mut dyn Io, id: &LegId, command: impl FnOnce(u64) -> rtp::Command) {
        if let Some(key) = self.sounding(id) {
            io.media(command(key));
        }
    }

    /// Key of a leg that has sound, of either kind.
    fn sounding(&self, id: &LegId) -> Option<u64> {
        let leg = self.by_id.get(id).and_then(|k| self.legs.get(k));
        leg.filter(|l| l.has_media()).map(|l| l.key).or_else(|| self.apps.sounding(id))
    }

    fn bridge(&mut self, io: &mut dyn Io, a: &LegId, b: &LegId) {
        if let (Some(x), Some(y)) = (self.sounding(a), self.sounding(b)) {
            self.pairs.insert(x, y);
            self.pairs.insert(y, x);
            io.media(rtp::Command::Bridge { a: x, b: y });
        } else {
            // One has ended since the handle looked: the other is free again.
            self.free(a);
            self.free(b);
        }
    }

    fn free(&self, id: &LegId) {
        if let Some(view) = self.shared.view.lock().get_mut(id) {
            view.bridged = false;
        }
    }

    fn unbridge(&mut self, io: &mut dyn Io, id: &LegId) {
        if let Some(key) = self.by_id.get(id).copied().or_else(|| self.apps.key(id)) {
            self.part_pair(io, key);
        }
    }

    /// Takes a leg out of its bridge.
    pub(crate) fn part_pair(&mut self, io: &mut dyn Io, key: u64) {
        let Some(other) = self.pairs.remove(&key) else { return };
        self.pairs.remove(&other);
        io.media(rtp::Command::Unbridge { leg: key });
        for k in [key, other] {
            if let Some(id) = self.legs.get(&k).map(|l| &l.id).or_else(|| self.apps.id(k)).cloned() {
                self.free(&id);
            }
        }
    }

    /// The RTP threads tell something.
    pub(crate) fn on_media(&mut self, io: &mut dyn Io, heard: rtp::Heard, now: Instant) {
        self.now = now;
        if !self.app_heard(io, heard.leg, &heard.kind) {
            self.with_leg(io, heard.leg, |core, io, leg| leg.on_media(core, io, heard.kind));
        }
    }

    /// The beginning of a shutdown: every leg is ended as its state asks.
    pub(crate) fn part(&mut self, io: &mut dyn Io, now: Instant) {
        self.now = now;
        self.end_apps(io);
        let keys: Vec<u64> = self.legs.keys().copied().collect();
        for key in keys {
            self.with_leg(io, key, |core, io, leg| {
                leg.decide(EndHow::ShutDown);
                if leg.phase != Phase::Ending {
                    leg.cancel(core, io, None);
                }
            });
        }
    }

    /// The end of a shutdown: whatever has not been answered is over.
    pub(crate) fn abandon(&mut self, io: &mut dyn Io, now: Instant) {
        self.now = now;
        let keys: Vec<u64> = self.legs.keys().copied().collect();
        for key in keys {
            self.with_leg(io, key, |_, _, leg| leg.give_up(EndHow::ShutDown));
        }
    }
}
