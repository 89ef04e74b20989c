//! The handle: what the user of the library calls.
//!
//! Every method that acts on a leg only posts a command to the agent and returns; a command for a leg that has ended
//! is ignored, because its `Ended` is on the way. Methods that answer at once (`routes`, `try_permits`, `draft`,
//! `stats`) read state that the agent shares under short locks.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use crate::call::{Draft, Play, Q850};
use crate::config::{SwitchConfig, Transport};
use crate::error::SwitchError;
use crate::event::{Event, LegId};
use crate::phone::{PhoneContact, PhoneDraft};
use crate::record::{RecordSpec, RecordingEnd};
use crate::sip::agent::{self, Command, Shared};
use crate::sip::record::{DialogRecord, InviteRecord, RefusalRecord};
use crate::sip::trunk::{Permit, TrunkState};

/// Counters since the start, and gauges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Legs alive.
    pub legs: usize,
    /// SIP transactions alive.
    pub transactions: usize,
    /// Legs placed (probes included).
    pub placed: u64,
    /// Calls that came in.
    pub incoming: u64,
    /// Legs answered.
    pub answered: u64,
    /// SIP messages received that were parsed.
    pub messages_in: u64,
    /// SIP messages sent.
    pub messages_out: u64,
    /// Messages sent again because no answer came.
    pub retransmissions: u64,
    /// Messages dropped by the guard: strangers, scanners, over budget.
    pub guarded: u64,
    /// Messages dropped because they could not be parsed.
    pub malformed: u64,
    /// RTP packets sent.
    pub rtp_sent: u64,
    /// RTP packets accepted.
    pub rtp_received: u64,
}

/// A running softswitch. Cheap to clone; the last clone's drop does not stop it, [`Switch::shutdown`] does.
#[derive(Clone)]
pub struct Switch {
    shared: Arc<Shared>,
    commands: mpsc::UnboundedSender<Command>,
}

impl std::fmt::Debug for Switch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Switch").field("stats", &self.stats()).finish()
    }
}

impl Switch {
    /// Binds the sockets and starts the agent and the RTP threads. Must run inside a tokio runtime. Where TLS is
    /// used, the process must have installed a `rustls` crypto provider.
    ///
    /// The receiver must be read: events are kept in a queue inside the agent while its 1,024 places are taken, so
    /// none is lost and the agent never waits for the reader (waiting would stop retransmissions, and with them
    /// calls); over 100,000 unread events new calls are refused, in both directions.
    ///
    /// # Errors
    /// [`SwitchError::Config`] for values that cannot work, [`SwitchError::Bind`] for an address in use,
    /// [`SwitchError::Tls`] for certificates that cannot be read.
    pub async fn start(config: SwitchConfig) -> Result<(Self, mpsc::Receiver<Event>), SwitchError> {
        let (shared, commands, events) = agent::start(config).await?;
        Ok((Self { shared, commands }, events))
    }

    /// The addresses that are listened on, with the ports taken where 0 was asked for.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<(Transport, SocketAddr)> {
        self.shared.local_addrs()
    }

    /// Names of trunks for a call, in the order to try them: those that are up first, by priority, and within one
    /// priority at random weighted by share; at most 10. Trunks that are down are left out. One of which nothing has been
    /// heard yet comes last, and takes one call at a time.
    #[must_use]
    pub fn routes(&self, exclude: &[String]) -> Vec<String> {
        self.shared.trunks.routes(exclude, &mut rand::rng())
    }

    /// Up to `max` permissions to place a call on the trunk, as many as its calls a second and its channels less its
    /// `reserve` allow now; never more than 100 ms of sends ahead (at least one). Empty for an unknown trunk.
    #[must_use]
    pub fn try_permits(&self, trunk: &str, max: usize) -> Vec<Permit> {
        self.shared.trunks.try_permits(trunk, max, Instant::now())
    }

    /// Permission to place a call that cannot wait, because somebody is on the line for it already: it may use the trunk's
    /// `reserve` of channels, and may be ahead of the calls a second by another 100 ms of sends (at least one), which the
    /// calls after it make up for.
    #[must_use]
    pub fn try_urgent_permit(&self, trunk: &str) -> Option<Permit> {
        self.shared.trunks.try_urgent_permit(trunk, Instant::now())
    }

    /// [`Switch::try_urgent_permit`], waiting for at most `patience` where only the calls a second are in the way. `None` at once
    /// where no channel is free, the trunk is unknown or down, or the wait would be longer. Cancelling the wait leaves
    /// nothing behind.
    pub async fn urgent_permit(&self, trunk: &str, patience: Duration) -> Option<Permit> {
        self.shared.trunks.urgent_permit(trunk, patience).await
    }

    /// Waits until at least one permit may be had on the trunk. Returns at once for an unknown trunk. Cancelling the
    /// wait leaves nothing behind.
    pub async fn permit_ready(&self, trunk: &str) {
        self.shared.trunks.permit_ready(trunk).await;
    }

    /// Makes the INVITE of a call and reserves (binds) an RTP port for it. Sends nothing. A draft that is not placed
    /// must be given to [`Switch::discard`].
    ///
    /// # Errors
    /// [`SwitchError::UnknownTrunk`], [`SwitchError::NoPeer`], [`SwitchError::CallerNotAuthorised`],
    /// [`SwitchError::BadText`], [`SwitchError::NoRtpPort`].
    pub fn draft(&self, draft: Draft<'_>) -> Result<InviteRecord, SwitchError> {
        self.shared.draft(&draft)
    }

    /// Gives the RTP port of a draft back that will not be placed.
    pub fn discard(&self, record: &InviteRecord) {
        self.shared.ports.release(record.rtp_port);
    }

    /// Keeps the RTP port of a stored call from new ones until it is probed or placed, or [`Switch::release_held`]. After a
    /// restart, before anything else is done: callers and new calls must not sit on the sound of a call that lives.
    pub fn hold(&self, record: &InviteRecord) {
        self.shared.ports.hold(record.rtp_port);
    }

    /// Gives back the ports that were held and that nothing asked for before this took up.
    pub fn release_held(&self) {
        self.post(Command::ReleaseHeld);
    }

    /// Sends exactly this INVITE. The permit's channel is held until the leg ends. Placing a record whose leg is
    /// alive does nothing.
    pub fn place(&self, record: InviteRecord, permit: Permit) -> LegId {
        let leg = record.leg();
        self.post(Command::Place { record: Box::new(record), permit: Some(permit) });
        leg
    }

    /// Telephones that these users have registered, the preferred ones first.
    #[must_use]
    pub fn phones(&self, users: &[String]) -> Vec<PhoneContact> {
        self.shared.registrar.as_ref().map_or_else(Vec::new, |r| r.lock().of(users, Instant::now()))
    }

    /// Makes the INVITE of a call to a registered telephone and reserves (binds) an RTP port for it. Sends nothing. A draft that
    /// is not placed must be given to [`Switch::discard`].
    ///
    /// # Errors
    /// [`SwitchError::BadText`], [`SwitchError::NoPeer`], [`SwitchError::NoRtpPort`]; [`SwitchError::NoLeg`] where more legs are
    /// up than may be.
    pub fn draft_phone(&self, draft: &PhoneDraft<'_>) -> Result<InviteRecord, SwitchError> {
        if self.shared.stats().legs >= self.shared.config.max_legs {
            return Err(SwitchError::NoLeg);
        }
        self.shared.draft_phone(draft)
    }

    /// Sends exactly this INVITE of [`Switch::draft_phone`]. It goes over the flow that the telephone registered from; where that is
    /// gone, the leg ends with `TransportFailed`.
    pub fn place_phone(&self, record: InviteRecord) -> LegId {
        let leg = record.leg();
        self.post(Command::Place { record: Box::new(record), permit: None });
        leg
    }

    /// A user is no more: what they have registered is forgotten at once. Take them out of the
    /// [`PhoneAccounts`](crate::PhoneAccounts) before. Calls that they are in go on.
    pub fn forget_phone(&self, user: &str) {
        self.post(Command::ForgetPhone { user: user.to_owned() });
    }

    /// [`Switch::cancel`] of a leg that another has been faster than: its telephone is told so and lists no missed call.
    pub fn taken_elsewhere(&self, leg: &LegId) {
        self.post(Command::Elsewhere { leg: leg.clone() });
    }

    /// After a restart: asks the far side whether the call of this record lives, with a request that cannot start one
    /// (the same INVITE with an unknown required option). See [`EndHow`](crate::EndHow) `Probe…` for how it can end;
    /// an 18x means that it still rings, and the leg goes on like any other. Probe before drafting new calls, so that
    /// their RTP ports are not taken.
    pub fn probe(&self, record: InviteRecord) -> LegId {
        let leg = record.leg();
        self.post(Command::Probe { record: Box::new(record), permit: None });
        leg
    }

    /// Like [`Switch::probe`], within what the trunk allows: the leg holds the permit's channel.
    pub fn probe_with(&self, record: InviteRecord, permit: Permit) -> LegId {
        let leg = record.leg();
        self.post(Command::Probe { record: Box::new(record), permit: Some(permit) });
        leg
    }

    /// Sends the INVITE of a `Challenged` leg.
    pub fn resubmit(&self, leg: &LegId) {
        self.post(Command::Resubmit { leg: leg.clone() });
    }

    /// Ends a leg that is not answered yet (CANCEL, as soon as a provisional answer allows it); an answered one is
    /// hung up.
    pub fn cancel(&self, leg: &LegId) {
        self.post(Command::Cancel { leg: leg.clone() });
    }

    /// Acknowledges the 2xx of an `Answered` leg and opens its media.
    pub fn confirm(&self, leg: &LegId) {
        self.post(Command::Confirm { leg: leg.clone() });
    }

    /// Ends a leg whatever its state: BYE, CANCEL or a refusal. `cause` goes into a Reason header.
    pub fn hang_up(&self, leg: &LegId, cause: Option<Q850>) {
        self.post(Command::HangUp { leg: leg.clone(), cause });
    }

    /// After a restart: sends BYE in a stored dialog. `Ended` comes when it is answered (481 included) or timed out.
    pub fn end_stored(&self, dialog: DialogRecord) -> LegId {
        let leg = LegId::new(&dialog.call_id);
        self.post(Command::EndStored { dialog: Box::new(dialog) });
        leg
    }

    /// After a restart: sends the CANCEL of a stored INVITE, and waits for the INVITE's final answer, which the far
    /// side sends where the transaction still lives. A 2xx is acknowledged and ended by BYE. `Ended` is `Cancelled`
    /// with 487 or 2xx, `Refused` with another final, `ProbeGone` where the far side knows no such call (481).
    pub fn cancel_stored(&self, record: InviteRecord) -> LegId {
        let leg = record.leg();
        self.post(Command::CancelStored { record: Box::new(record) });
        leg
    }

    /// Plays to a confirmed leg; what was being played there ends with `completed: false`.
    pub fn play(&self, leg: &LegId, play: Play) {
        self.post(Command::Play { leg: leg.clone(), play });
    }

    /// Stops what is being played.
    pub fn stop_play(&self, leg: &LegId) {
        self.post(Command::StopPlay { leg: leg.clone() });
    }

    /// Where apps are heard over WebRTC; `None` where they are not.
    #[must_use]
    pub fn app_addr(&self) -> Option<SocketAddr> {
        self.shared.apps.map(|a| a.0)
    }

    /// Takes an app's offer, a description of one audio stream with Opus, and gives the answer. The first of a leg makes it:
    /// `Connected` follows, and `Ended` whatever becomes of it; a later one is an ICE restart, and the leg goes on over the new
    /// network. Cancelling the wait leaves the leg to be ended by its time, or by [`Switch::hang_up`].
    ///
    /// # Errors
    /// [`SwitchError::NoApps`]; [`SwitchError::Description`] for an offer that cannot be used (a first one ends its leg,
    /// [`EndHow::BadMedia`](crate::EndHow), a later one leaves it as it was); [`SwitchError::NoLeg`] where the leg is a
    /// telephone's, or more legs are up than may be.
    pub async fn app_offer(&self, leg: &LegId, offer: &str) -> Result<String, SwitchError> {
        let (tx, rx) = oneshot::channel();
        self.post(Command::AppOffer { leg: leg.clone(), offer: offer.to_owned(), answer: tx });
        rx.await.unwrap_or(Err(SwitchError::NoLeg))
    }

    /// A candidate of an app that was found after its offer (`candidate:…`). One that cannot be read is dropped and counted.
    pub fn app_candidate(&self, leg: &LegId, candidate: &str) {
        self.post(Command::AppCandidate { leg: leg.clone(), candidate: candidate.to_owned() });
    }

    /// The app is in another call, or back: meanwhile nothing is said to it, nothing taken from it, and it may be silent for a
    /// minute longer.
    pub fn app_hold(&self, leg: &LegId, held: bool) {
        self.post(Command::AppHold { leg: leg.clone(), held });
    }

    /// Presses keys (`0`-`9`, `*`, `#`, `A`-`D`; others are skipped, `,` pauses 500 ms): 100 ms each, 100 ms apart, by
    /// RFC 4733 where it was negotiated, else as tones.
    pub fn send_digits(&self, leg: &LegId, digits: &str) {
        self.post(Command::SendDigits { leg: leg.clone(), digits: digits.to_owned() });
    }

    /// Says 180 to the caller of an incoming leg.
    pub fn ring(&self, leg: &LegId) {
        self.post(Command::Ring { leg: leg.clone() });
    }

    /// Answers an incoming leg; `Answered` follows when the caller has acknowledged.
    pub fn answer(&self, leg: &LegId) {
        self.post(Command::Answer { leg: leg.clone() });
    }

    /// Refuses an incoming leg with `status` (400 to 699; others become 480).
    pub fn reject(&self, leg: &LegId, status: u16, reason: &str) {
        self.post(Command::Reject { leg: leg.clone(), status, reason: reason.to_owned() });
    }

    /// Joins two confirmed legs: what one hears the other says. Playing to either stops; keys are still reported.
    ///
    /// # Errors
    /// [`SwitchError::NoLeg`] where either is unknown or `a` is `b`; [`SwitchError::BadState`] where either has no
    /// media yet or is in a bridge.
    pub fn bridge(&self, a: &LegId, b: &LegId) -> Result<(), SwitchError> {
        self.shared.may_bridge(a, b)?;
        self.post(Command::Bridge { a: a.clone(), b: b.clone() });
        Ok(())
    }

    /// Takes a leg (and its partner) out of its bridge. Both go on alone. Legs do this by themselves when they end.
    pub fn unbridge(&self, leg: &LegId) {
        self.post(Command::Unbridge { leg: leg.clone() });
    }

    /// Records what `left` says, and `right` where it is given, as the channels of one file (see the module `record`). The
    /// recording of a leg takes the place of an earlier one of the same leg, and ends with the leg; with its last leg the
    /// file is finished and the end told. The wait may be dropped.
    pub fn record(
        &self,
        spec: RecordSpec,
        left: &LegId,
        right: Option<&LegId>,
    ) -> oneshot::Receiver<RecordingEnd> {
        let legs: Vec<&LegId> = std::iter::once(left).chain(right).collect();
        let (taps, end) = self.shared.recorder.open(spec, legs.len() as u8, crate::rtp::monotonic());
        for (leg, tap) in legs.into_iter().zip(taps) {
            self.post(Command::Tap { leg: leg.clone(), tap: Some(tap) });
        }
        end
    }

    /// Ends the recording of a leg, which goes on.
    pub fn stop_recording(&self, leg: &LegId) {
        self.post(Command::Tap { leg: leg.clone(), tap: None });
    }

    /// After a restart: refuses a call of theirs that was not answered, so that its caller is not left ringing. Sent once,
    /// without a transaction: over UDP send it a few times. A caller whose call has ended meanwhile ignores it.
    pub fn refuse_stored(&self, refusal: RefusalRecord) {
        self.post(Command::RefuseStored { refusal: Box::new(refusal) });
    }

    /// How the trunks stand, in the order of the configuration.
    #[must_use]
    pub fn trunks(&self) -> Vec<TrunkState> {
        self.shared.trunks.iter().map(|t| t.state()).collect()
    }

    /// Counters and gauges.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.shared.stats()
    }

    /// Takes no new calls (permits run dry, incoming calls get 503) and waits until all legs have ended, or until
    /// `deadline` has passed. Returns the number of legs left. Events must be read meanwhile.
    pub async fn drain(&self, deadline: Duration) -> usize {
        self.shared.trunks.stop();
        let until = tokio::time::Instant::now() + deadline;
        loop {
            let legs = self.shared.stats().legs;
            if legs == 0 || tokio::time::Instant::now() >= until {
                return legs;
            }
            let _ = tokio::time::timeout_at(until, self.shared.leg_ended.notified()).await;
        }
    }

    /// Stops: BYE or CANCEL to what is left, `Ended { ShutDown }` for it, sockets and threads closed. Waits for the
    /// agent's task and the RTP threads.
    pub async fn shutdown(&self) {
        self.shared.trunks.stop();
        let (tx, rx) = oneshot::channel();
        self.post(Command::Shutdown { done: tx });
        let _ = rx.await;
    }

    fn post(&self, command: Command) {
        // The agent is gone only after shutdown, when there is nothing left to do.
        let _ = self.commands.send(command);
    }
}
