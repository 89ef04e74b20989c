//! The task that owns the call.

use super::super::fsm::{self, Effect, Event, Machine, Message, Reason, State, Timer, TimerId};
use super::super::peer::PeerEvent;
use super::super::signalling::Heard;
use super::super::voice::Order as VoiceOrder;
use super::media::{Media, Parts, Report, close};
use super::{CallNow, Order, dial, machine_id, words};
use crate::client::Inner;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use waybell_domain::id::CallId;
use waybell_domain::wire::{AppSaid, IceServer};

/// Between two looks at the socket and the losses while a call is up.
const LOOK: Duration = Duration::from_secs(1);

/// An offer that was not answered for so long has been given up on the way.
const KEPT: Duration = Duration::from_secs(30);

/// An offer that has been asked for or sent, and what it is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offer {
    /// None is on its way.
    None,
    /// It is being made.
    Making(Message),
    /// The server has it, or will unless it was out of reach for too long.
    Sent(Instant),
}

struct Actor {
    inner: Arc<Inner>,
    parts: Parts,
    reports: mpsc::UnboundedSender<Report>,
    machine: Machine,
    timers: [Option<(TimerId, Instant)>; 2],
    /// The call that is up, or was last.
    call: Option<CallId>,
    servers: Vec<IceServer>,
    media: Option<Media>,
    /// Number of the last media.
    medias: u64,
    offer: Offer,
    /// Another network was found during an offer.
    again: bool,
    now: CallNow,
    show: watch::Sender<CallNow>,
}

/// Runs until nobody has the other end of `orders`.
pub(super) async fn run(
    inner: Arc<Inner>,
    parts: Parts,
    mut orders: mpsc::UnboundedReceiver<Order>,
    show: watch::Sender<CallNow>,
) {
    let (heard_tx, mut heard) = mpsc::unbounded_channel();
    let (reports, mut reported) = mpsc::unbounded_channel();
    let session = inner.signalling.enter(heard_tx, inner.clock.wall());
    let mut actor = Actor {
        inner,
        parts,
        reports,
        machine: Machine::default(),
        timers: [None, None],
        call: None,
        servers: Vec::new(),
        media: None,
        medias: 0,
        offer: Offer::None,
        again: false,
        now: CallNow::nothing(),
        show,
    };
    let mut epochs = actor.inner.epochs.subscribe();
    let mut look = tokio::time::interval(LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let due = actor.timers.iter().flatten().min_by_key(|(_, at)| *at).copied();
        tokio::select! {
            order = orders.recv() => match order {
                Some(order) => actor.obey(order).await,
                None => break,
            },
            heard = heard.recv() => match heard {
                Some(heard) => actor.hear(heard).await,
                // another session has taken this one's place
                None => break,
            },
            // whoever signs in next has nothing to do with this call
            Ok(()) = epochs.changed() => {
                if actor.machine.call().is_some() {
                    actor.on(Event::HangUp).await;
                }
            }
            Some(report) = reported.recv() => actor.take(report).await,
            () = sleep_until(due.map(|d| d.1)) => {
                if let Some((timer, _)) = due {
                    actor.timers[place(timer.timer)] = None;
                    actor.on(Event::Timer(timer)).await;
                }
            }
            _ = look.tick(), if actor.machine.call().is_some() => {
                actor.inner.signalling.look_after();
                if let Some(media) = &actor.media {
                    media.look();
                }
            }
        }
    }
    if actor.machine.call().is_some() {
        actor.on(Event::HangUp).await;
    }
    actor.inner.signalling.leave(session);
}

async fn sleep_until(due: Option<Instant>) {
    match due {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// By the system's clock: a duration that a screen shows.
fn now() -> std::time::Instant {
    std::time::Instant::now()
}

fn place(timer: Timer) -> usize {
    match timer {
        Timer::State => 0,
        Timer::Call => 1,
    }
}

impl Actor {
    async fn obey(&mut self, order: Order) {
        match order {
            Order::Dial { call, label, servers } => {
                if self.machine.call().is_some() {
                    // somebody rang while the server was asked: that call goes first, and nobody is rung
                    self.inner.signalling.say(call, AppSaid::Cancel { reason: None });
                    return;
                }
                self.fresh(call, servers);
                (self.now.outgoing, self.now.label) = (true, Some(label));
                self.on(Event::Dial(machine_id(call))).await;
            }
            Order::Event(event) => self.on(event).await,
            Order::Mute(muted) => {
                self.now.muted = muted;
                if let Some(media) = &mut self.media {
                    media.mute(muted);
                }
                self.shown();
            }
            Order::Press(events) => {
                for event in events {
                    if let Some(media) = &self.media {
                        media.tell(VoiceOrder::Press(event));
                    }
                }
            }
            Order::Route(to) => self.parts.devices.route(to, self.reports.clone()),
            Order::Routes(routes) => {
                self.now.routes = routes;
                self.shown();
            }
            Order::NetworkChanged => {
                self.inner.signalling.reopen();
                self.inner.sync.wake();
                *self.parts.past.lock() = None;
                self.on(Event::NetworkChanged).await;
            }
        }
    }

    /// Another call is the one that is shown.
    fn fresh(&mut self, call: CallId, servers: Vec<IceServer>) {
        self.call = Some(call);
        self.servers = servers;
        let (reachable, routes) = (self.now.reachable, std::mem::take(&mut self.now.routes));
        self.now = CallNow { call: Some(call), reachable, routes, ..CallNow::nothing() };
    }

    async fn hear(&mut self, heard: Heard) {
        let (call, said) = match heard {
            Heard::Socket(open) => {
                self.now.reachable = open;
                return self.shown();
            }
            Heard::Said(call, said) => (call, said),
        };
        let live = self.machine.call();
        let ours = live == Some(machine_id(call));
        match &said {
            AppSaid::Invite { label, words, ice_servers, .. }
                if live.is_none() && self.call != Some(call) =>
            {
                self.fresh(call, ice_servers.clone());
                (self.now.label, self.now.words) = (label.clone(), words.clone());
            }
            AppSaid::Answer { sdp } if ours => {
                if !matches!(self.offer, Offer::Sent(_)) {
                    // an answer to what this process did not offer: another one of the same sign-in has the call
                    if self.machine.state() == State::Incoming {
                        self.on(Event::Signal(machine_id(call), Message::Elsewhere)).await;
                    }
                    return;
                }
                if !self.answered(call, sdp).await {
                    return;
                }
            }
            AppSaid::Bye { text, .. } if ours => self.now.outcome = text.clone(),
            _ => {}
        }
        if let Some(message) = words::heard(&said) {
            self.on(Event::Signal(machine_id(call), message)).await;
        }
    }

    /// The answer to the offer that stands.
    async fn answered(&mut self, call: CallId, sdp: &str) -> bool {
        self.offer = Offer::None;
        let taken = match &mut self.media {
            Some(media) => media.answered(sdp).await,
            None => return false,
        };
        if let Err(error) = taken {
            tracing::warn!(%error, "the switch's answer cannot be used");
            self.on(Event::NoMedia(machine_id(call))).await;
            return false;
        }
        if std::mem::take(&mut self.again) {
            self.offer_again();
        }
        true
    }

    async fn take(&mut self, report: Report) {
        if let Report::Unrouted(error) = report {
            tracing::warn!(%error, "another loudspeaker cannot be had");
            self.now.audio = Some(error);
            return self.shown();
        }
        let number = self.media.is_some().then_some(self.medias);
        let current = |media: u64| number == Some(media);
        let Some(call) = self.call else { return };
        match report {
            Report::Made { media, made } if current(media) => match made {
                Ok(made) => {
                    if let Some(media) = &mut self.media {
                        media.begin(made.peer, made.arrivals, &self.parts.figures);
                    }
                    self.offered(call, made.sdp);
                }
                Err(error) => {
                    tracing::warn!(%error, "a call has no connection");
                    self.on(Event::NoMedia(machine_id(call))).await;
                }
            },
            Report::Made { made: Ok(made), .. } => close(made.peer),
            Report::Offered { media, sdp } if current(media) => match sdp {
                Ok(sdp) => self.offered(call, sdp),
                Err(error) => {
                    tracing::warn!(%error, "another way for a call cannot be offered");
                    self.offer = Offer::None;
                    // a network that was found meanwhile is another chance
                    if std::mem::take(&mut self.again) {
                        self.offer_again();
                    }
                }
            },
            Report::Peer { media, event } if current(media) => {
                let id = machine_id(call);
                self.on(match event {
                    PeerEvent::Connected => Event::Connected(id),
                    PeerEvent::Disconnected => Event::Disconnected(id),
                })
                .await;
            }
            Report::Audio { media, error } if self.medias == media => {
                tracing::warn!(%error, "microphone or loudspeaker failed");
                self.now.audio = Some(error);
                self.on(Event::AudioFailed(machine_id(call))).await;
                self.shown();
            }
            Report::Lost { media, loss } if current(media) => {
                if let Some(media) = &self.media {
                    media.tell(VoiceOrder::Lost(loss));
                }
            }
            _ => {}
        }
    }

    /// An offer is made: it goes out as what it was asked for.
    fn offered(&mut self, call: CallId, sdp: String) {
        let Offer::Making(message) = self.offer else { return };
        let said = match message {
            Message::Invite => {
                AppSaid::Invite { sdp: Some(sdp), label: None, words: Vec::new(), ice_servers: Vec::new() }
            }
            Message::Answer => AppSaid::Answer { sdp },
            _ => AppSaid::Restart { sdp },
        };
        self.offer = Offer::Sent(Instant::now());
        self.inner.signalling.say(call, said);
    }

    fn offer_again(&mut self) {
        let waits = match self.offer {
            Offer::None => false,
            Offer::Making(_) => true,
            Offer::Sent(at) => at.elapsed() < KEPT,
        };
        if waits {
            self.again = true;
            return;
        }
        if let Some(media) = &self.media {
            self.offer = Offer::Making(Message::Restart);
            media.offer_again();
        }
    }

    /// Something happened: the machine goes on, and what it wants done is done, in its order.
    async fn on(&mut self, event: Event) {
        let (next, effects) = self.machine.step(event);
        self.machine = next;
        let mut effects = VecDeque::from(effects);
        while let Some(effect) = effects.pop_front() {
            self.carry_out(effect).await;
        }
        self.inner.signalling.set_busy(self.machine.call().is_some());
    }

    async fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send(call, message) => self.send(call, message),
            Effect::AcquireAudio(_) => {
                self.medias += 1;
                let mut media = Media::new(self.medias, self.reports.clone());
                media.mute(self.now.muted);
                media.open(&self.parts.devices);
                self.media = Some(media);
                (self.offer, self.again) = (Offer::None, false);
            }
            Effect::StartMedia { offers, .. } => {
                self.offer = Offer::Making(if offers { Message::Invite } else { Message::Answer });
                if let Some(media) = &mut self.media {
                    // ringing and announcements are heard before anybody answers
                    media.listen(offers);
                    media.make(self.parts.peers.clone(), self.servers.clone());
                }
            }
            Effect::StopMedia(_) => {
                self.offer = Offer::None;
                if let Some(media) = &mut self.media {
                    media.stop().await;
                }
            }
            Effect::ReleaseAudio(_) => {
                if let Some(mut media) = self.media.take() {
                    media.release();
                }
            }
            Effect::RestartMedia(_) => self.offer_again(),
            // the switch makes no offers
            Effect::AnswerRestart(_) => {}
            Effect::Thaw(_) => self.flow(true),
            Effect::Freeze(_) => self.flow(false),
            // the platform gives the microphone back or does not: it is asked by its own screen
            Effect::ReclaimAudio(_) => {}
            Effect::Ring(_) => self.now.rings = true,
            Effect::StopRinging(_) => self.now.rings = false,
            Effect::Alert(id) if Some(id) != self.machine.call() => {
                self.now.other = Some(CallId::from_uuid(id.0));
                self.shown();
            }
            // who calls beside a cellular call is shown, without ringing
            Effect::Alert(_) => {}
            Effect::SetTimer(id, after) => self.timers[place(id.timer)] = Some((id, Instant::now() + after)),
            Effect::Show(_, state) => {
                self.now.state = state;
                match state {
                    State::Active if self.now.up_at.is_none() => self.now.up_at = Some(now()),
                    State::Ended(reason) => {
                        self.timers = [None, None];
                        self.now.over_at = Some(now());
                        self.remember(reason);
                    }
                    _ => {}
                }
                self.shown();
            }
            Effect::Refuse(state) => tracing::debug!(?state, "not in this state"),
        }
    }

    /// What the call that has ended says of the network.
    fn remember(&self, reason: Reason) {
        let figures = self.parts.figures.lock().as_ref().map(|f| *f.lock());
        let heard = figures.filter(|_| self.now.up_at.is_some());
        let past = dial::past(reason, heard.map(|f| (f.heard.guessed_ms, self.now.spoke())));
        if past.is_some() {
            *self.parts.past.lock() = past;
        }
    }

    fn flow(&mut self, on: bool) {
        if let Some(media) = &mut self.media {
            media.listen(on);
            media.speak(on);
        }
    }

    fn send(&mut self, call: fsm::CallId, message: Message) {
        // invite, answer and restart go out with their offers
        if let Some(said) = words::plain(message) {
            self.inner.signalling.say(CallId::from_uuid(call.0), said);
        }
    }

    fn shown(&self) {
        let _ = self.show.send_if_modified(|shown| {
            let differs = *shown != self.now;
            if differs {
                *shown = self.now.clone();
            }
            differs
        });
    }
}
