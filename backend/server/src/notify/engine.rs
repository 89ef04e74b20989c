//! The engine: rounds of events, due people, one commit, effects. See the module `notify`.

use super::hours::Houses;
use super::known::Known;
use super::live::{Call, Effect, Leg, Legs};
use super::{Command, Ear, doubt, health, recover, result, send, shown, side, spent, talk};
use crate::app::Shared;
use crate::flow::Notice;
use crate::store::{StoreError, Write};
use crate::webhooks::outbox;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BatchId, OrganisationId};
use waybell_switch::{Event, EventKind, InviteRecord, LegId, Play};

/// Events taken into one round.
const EVENTS_A_ROUND: usize = 1_024;
/// Pause after a failed commit.
const STORAGE_PAUSE: Duration = Duration::from_millis(500);
/// Least time from the start of one round to the next. A lone event is dealt with at once; under load events gather,
/// so that one commit serves many (each costs a millisecond of CPU, whatever it holds).
const ROUND_EVERY: Duration = Duration::from_millis(20);
/// What is asked for while nothing is known to become due; the clock ends it sooner (`Clock::rest`).
const IDLE: Duration = Duration::from_secs(3_600);

/// The dialler's memory.
pub(crate) struct Engine {
    pub app: Shared,
    pub legs: Legs,
    /// Number of this owner; raised at each start.
    pub fence: i64,
    pub draining: bool,
    /// Open recipients of a batch, where known.
    pub remaining: HashMap<BatchId, i64>,
    /// Calls of today by display number.
    pub displayed: shown::Displayed,
    /// What notices of today have come to, by organisation.
    pub spent: spent::Spent,
    /// Time at which the next waiting recipient may be rung, as the last look found it.
    pub next_due: Option<UnixMs>,
    /// Look for due people in this round.
    pub look: bool,
    /// Flows by organisation and template.
    pub flows: HashMap<(OrganisationId, String), Arc<Notice>>,
    /// INVITEs drafted in this round: given back if it fails.
    pub drafted: Vec<InviteRecord>,
    /// The last round failed, and may have been stored all the same.
    pub doubt: bool,
    /// What an earlier life left open and the network is still to be asked about. Nobody else is rung meanwhile.
    pub backlog: recover::Backlog,
    /// Organisations that a displayed number belongs to; one that is not here may be shown by all.
    pub callers: HashMap<String, Vec<String>>,
    /// Displayed numbers that are better replaced.
    pub suspects: health::Suspects,
    /// At which hours people answer, by organisation.
    pub houses: Houses,
}

/// One round's transaction and what follows it.
pub(crate) struct Round {
    pub write: Write,
    pub now: UnixMs,
    pub wall: UnixMs,
    pub effects: Vec<Effect>,
    /// Batches whose progress changed.
    pub touched: HashMap<BatchId, i64>,
    /// Waybill systems are told of results.
    pub pushes: bool,
    /// What was read for the round.
    pub known: Known,
    /// At which hours people answer, as the engine remembers it.
    pub houses: Houses,
    /// Answered calls that ended: whose, and how long they lasted, ms.
    pub ended: Vec<(OrganisationId, i64)>,
}

/// Runs the dialler until the server stops: recovers what an earlier life left open, then goes round by round.
pub async fn run(app: Shared, mut ear: Ear, mut events: mpsc::Receiver<Event>) -> Result<(), StoreError> {
    let fence = recover::take_over(&app).await?;
    let mut engine = Engine {
        legs: Legs::default(),
        fence,
        draining: false,
        remaining: HashMap::new(),
        displayed: shown::Displayed::default(),
        spent: spent::Spent::default(),
        next_due: None,
        look: true,
        flows: HashMap::new(),
        drafted: Vec::new(),
        doubt: false,
        backlog: recover::Backlog::default(),
        callers: HashMap::new(),
        suspects: health::Suspects::default(),
        houses: Houses::default(),
        app,
    };
    recover::recover(&mut engine).await?;
    let mut inbox: Vec<Event> = Vec::new();
    let mut told: Vec<Command> = Vec::new();
    let stopping = engine.app.stopping.clone();
    let mut next_round = engine.app.clock.now();
    loop {
        let sleep = engine.sleep();
        tokio::select! {
            biased;
            n = events.recv_many(&mut inbox, EVENTS_A_ROUND) => if n == 0 { return Ok(()) },
            () = ear.wake.notified() => engine.look = true,
            () = engine.app.clock.rest(sleep) => engine.look = true,
            () = stopping.cancelled() => return Ok(()),
        }
        // in steady work only: a full inbox waits for nothing
        if inbox.len() < EVENTS_A_ROUND {
            let early = u64::try_from(next_round.0 - engine.app.clock.now().0).unwrap_or(0);
            if early > 0 {
                engine.app.clock.rest(Duration::from_millis(early).min(ROUND_EVERY)).await;
            }
        }
        next_round = UnixMs(engine.app.clock.now().0 + ROUND_EVERY.as_millis() as i64);
        while inbox.len() < EVENTS_A_ROUND
            && let Ok(event) = events.try_recv()
        {
            inbox.push(event);
        }
        while let Ok(command) = ear.commands.try_recv() {
            told.push(command);
        }
        match engine.round(&inbox, &told).await {
            Ok(()) => {
                inbox.clear();
                told.clear();
            }
            Err(error) if error.is_final() => {
                tracing::error!(%error, "this server stops dialling for good");
                return Err(error);
            }
            Err(error) => {
                // nothing was sent, nothing in memory changed: the same events again in a moment
                engine.legs.rollback();
                // it may have been stored after all: counts are read anew
                engine.remaining.clear();
                engine.spent.clear();
                engine.doubt = true;
                for record in engine.drafted.drain(..) {
                    engine.app.switch.discard(&record);
                }
                tracing::error!(%error, events = inbox.len(), "a round could not be stored");
                metrics::counter!("waybell_rounds_failed_total").increment(1);
                engine.app.clock.rest(STORAGE_PAUSE).await;
                ear.wake.notify_one();
            }
        }
    }
}

impl Engine {
    fn sleep(&self) -> Duration {
        let now = self.app.clock.now();
        let mut until = self.next_due;
        if let Some(at) = self.backlog.next(now) {
            until = Some(until.map_or(at, |u| u.min(at)));
        }
        for (_, leg) in self.legs.iter() {
            if let Leg::Recipient(call) = leg {
                for at in [call.deadline, call.limit].into_iter().flatten() {
                    until = Some(until.map_or(at, |u| u.min(at)));
                }
            }
        }
        match until {
            Some(at) => {
                let wait = at.0.saturating_sub(now.0).clamp(5, i64::MAX);
                Duration::from_millis(wait as u64)
            }
            None => IDLE,
        }
    }

    async fn round(&mut self, events: &[Event], told: &[Command]) -> Result<(), StoreError> {
        let app = self.app.clone();
        let mut round = Round {
            write: app.store.begin().await?,
            now: app.clock.now(),
            wall: app.clock.wall(),
            effects: Vec::new(),
            touched: HashMap::new(),
            pushes: app.webhooks.pushes(),
            known: Known::default(),
            houses: self.houses.clone(),
            ended: Vec::new(),
        };
        if self.doubt {
            doubt::settle(self, &mut round).await?;
        }
        for command in told {
            self.on_command(&mut round, command).await?;
        }
        for event in events {
            self.on_event(&mut round, event).await?;
        }
        self.on_time(&mut round).await?;
        let look = self.look;
        let mut sent = send::Sent::default();
        if look && !self.draining && self.backlog.is_empty() {
            sent = send::fill(self, &mut round).await?;
        }
        result::settle_batches(self, &mut round).await?;
        let Round { write, effects, touched, ended, .. } = round;
        let busy = !events.is_empty() || !effects.is_empty();
        if busy {
            crate::crash::point("round.before_commit");
        }
        write.commit().await?;
        if busy {
            crate::crash::point("round.after_commit");
        }
        self.legs.commit();
        self.spent.commit(&ended, &spent::rates(&self.app));
        self.doubt = false;
        self.drafted.clear();
        for (batch, change) in touched {
            if let Some(remaining) = self.remaining.get_mut(&batch) {
                *remaining += change;
                if *remaining <= 0 {
                    self.remaining.remove(&batch);
                }
            }
        }
        if look {
            self.next_due = sent.next_due;
            self.look = sent.more;
            self.displayed.commit(sent.displayed);
        }
        self.carry_out(effects);
        recover::ask(self);
        if busy {
            crate::crash::point("round.done");
        }
        Ok(())
    }

    async fn on_command(&mut self, round: &mut Round, command: &Command) -> Result<(), StoreError> {
        match command {
            Command::Drain => self.draining = true,
            Command::TemplatesChanged => self.flows.clear(),
            Command::Cancel(batch) => {
                // the undo itself made people final, which the count in memory has not seen
                self.remaining.remove(batch);
                round.touched.entry(*batch).or_default();
                let legs: Vec<LegId> = self
                    .legs
                    .iter()
                    .filter(|(_, leg)| matches!(leg, Leg::Recipient(c) if c.batch == *batch && !c.rings()))
                    .map(|(id, _)| id.clone())
                    .collect();
                for leg in legs {
                    if let Some(mut call) = self.legs.call(&leg) {
                        call.cancel_requested = true;
                        self.legs.put_call(leg.clone(), call);
                        round.effects.push(Effect::Cancel(leg));
                    }
                }
            }
            Command::Spoken(spoken) => return talk::spoken(self, round, spoken).await,
        }
        Ok(())
    }

    async fn on_event(&mut self, round: &mut Round, event: &Event) -> Result<(), StoreError> {
        let leg = &event.leg;
        tracing::debug!(%leg, event = word(&event.kind), "event");
        match &event.kind {
            EventKind::Trunk { name, up } => {
                tracing::info!(trunk = %name, up, "trunk");
                metrics::gauge!("waybell_trunk_up", "trunk" => name.clone()).set(if *up { 1.0 } else { 0.0 });
                self.look = true;
                return Ok(());
            }
            EventKind::Incoming(incoming) => return talk::incoming(self, round, leg, incoming).await,
            _ => {}
        }
        match self.legs.get(leg) {
            None => Ok(()),
            Some(Leg::Recipient(_)) => match &event.kind {
                EventKind::Sent => Ok(()),
                EventKind::Progress { status, .. } => result::progress(self, round, leg, *status).await,
                EventKind::Challenged { record } => result::challenged(self, round, leg, record).await,
                EventKind::Answered { dialog } => result::answered(self, round, leg, dialog).await,
                EventKind::Ended { end } => result::ended(self, round, leg, end).await,
                EventKind::Digit { digit, .. } => talk::digit(self, round, leg, *digit).await,
                EventKind::PlayEnded { token, completed, .. } => {
                    talk::play_ended(self, round, leg, *token, *completed).await
                }
                _ => Ok(()),
            },
            Some(Leg::Courier { of }) => {
                let of = of.clone();
                talk::courier_event(self, round, leg, &of, &event.kind).await
            }
            Some(Leg::Inbound { announced }) => {
                let announced = *announced;
                talk::inbound_event(self, round, leg, announced, &event.kind).await
            }
            Some(Leg::Ending) => match &event.kind {
                EventKind::Answered { .. } => {
                    round.effects.push(Effect::HangUp(leg.clone()));
                    Ok(())
                }
                EventKind::Ended { end } => {
                    self.legs.remove(leg);
                    side::ended(round, leg, Some(end)).await
                }
                _ => Ok(()),
            },
        }
    }

    async fn on_time(&mut self, round: &mut Round) -> Result<(), StoreError> {
        let now = round.now;
        let due: Vec<LegId> = self
            .legs
            .iter()
            .filter(|(_, leg)| matches!(leg, Leg::Recipient(c) if c.is_due(now)))
            .map(|(id, _)| id.clone())
            .collect();
        for leg in due {
            talk::time(self, round, &leg).await?;
        }
        Ok(())
    }

    pub(crate) fn carry_out(&mut self, effects: Vec<Effect>) {
        let switch = &self.app.switch;
        for effect in effects {
            match effect {
                Effect::Place(record, permit) => {
                    switch.place(*record, permit);
                    crate::crash::point("invite.sent");
                }
                Effect::Resubmit(leg) => {
                    switch.resubmit(&leg);
                    crate::crash::point("invite.resubmitted");
                }
                Effect::Confirm(leg) => {
                    switch.confirm(&leg);
                    crate::crash::point("answer.acknowledged");
                }
                Effect::Cancel(leg) => switch.cancel(&leg),
                Effect::HangUp(leg) => switch.hang_up(&leg, None),
                Effect::Play { leg, token, prompts } => {
                    self.legs.speaks(&leg, token);
                    switch.play(&leg, Play::once(token, prompts));
                }
                Effect::StopPlay(leg) => switch.stop_play(&leg),
                Effect::Digits(leg, digits) => switch.send_digits(&leg, &digits),
                Effect::Bridge(a, b) => talk::bridge(self.app.clone(), a, b),
                Effect::Answer(leg) => switch.answer(&leg),
                Effect::Speak { leg, token, whose, text } => match self.app.speech.ready(whose, &text) {
                    Some(prompts) => {
                        self.legs.speaks(&leg, token);
                        switch.play(&leg, Play::once(token, prompts));
                    }
                    None => talk::make_words(self.app.clone(), leg, token, whose, text),
                },
                Effect::Count(name, label) => metrics::counter!(name, "outcome" => label).increment(1),
            }
        }
    }
}

impl Round {
    /// Tells the waybill systems how a ring stands, once everything about it is written.
    pub(crate) async fn tell(&self, recipient: &str) -> Result<(), StoreError> {
        if !self.pushes {
            return Ok(());
        }
        outbox::tell(&self.write, self.at(), recipient).await
    }

    /// Tells them that a parcel is left out of a ring that goes on.
    pub(crate) async fn tell_left_out(
        &self,
        recipient: &str,
        parcel: &str,
        reason: &str,
    ) -> Result<(), StoreError> {
        if !self.pushes {
            return Ok(());
        }
        outbox::tell_left_out(&self.write, self.at(), recipient, parcel, reason).await
    }

    pub(crate) fn at(&self) -> outbox::At {
        outbox::At { now: self.now, wall: self.wall }
    }
}

impl Call {
    /// Somebody's telephone rings, or more: undo leaves it alone.
    pub(crate) fn rings(&self) -> bool {
        use waybell_domain::dial::attempt::AttemptState as S;
        matches!(self.state, S::Ringing | S::Answered | S::Ended { .. })
    }

    fn is_due(&self, now: UnixMs) -> bool {
        self.deadline.is_some_and(|d| d <= now) || self.limit.is_some_and(|l| l <= now)
    }
}

/// The kind of an event, for the log: never its content, which may be personal.
fn word(kind: &EventKind) -> &'static str {
    match kind {
        EventKind::Sent => "sent",
        EventKind::Progress { .. } => "progress",
        EventKind::Connected => "connected",
        EventKind::Challenged { .. } => "challenged",
        EventKind::Answered { .. } => "answered",
        EventKind::Digit { .. } => "digit",
        EventKind::PlayEnded { completed: true, .. } => "played",
        EventKind::PlayEnded { .. } => "play stopped",
        EventKind::Held { .. } => "held",
        EventKind::Ended { .. } => "ended",
        EventKind::Incoming(_) => "incoming",
        EventKind::Trunk { .. } => "trunk",
        EventKind::PhoneCame(_) | EventKind::PhoneStays(_) | EventKind::PhoneLeft { .. } => "phone",
    }
}
