//! One call: its events to the machine, the machine's deeds to the switch.

use super::app::AppEnd;
use super::place::Placed;
use crate::app::Shared;
use crate::calls::rows::{self, Book, Line};
use crate::calls::sound::{Joined, Tape};
use crate::calls::{Calls, Heard, result};
use std::collections::VecDeque;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, OrganisationId, UserId};
use waybell_domain::inbound::{OpenParcel, Try};
use waybell_domain::outgoing::{OutgoingCall, OutgoingEvent, OutgoingOutcome, OutgoingPhase, Spoken};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::CallWay;
use waybell_switch::{EventKind, LegId, Switch};

/// What a key takes: 100 ms of tone, 100 ms of pause; and a little after the last one.
const KEY_MS: i64 = 200;
const KEYED_MS: i64 = 300;

/// A call's task.
pub(super) struct Call {
    pub app: Shared,
    pub switch: Switch,
    pub id: CallId,
    pub organisation: OrganisationId,
    pub courier: UserId,
    pub courier_phone: Option<PhoneNumber>,
    /// The app's end, where the courier speaks over it.
    pub(super) app_end: Option<AppEnd>,
    pub customer_phone: PhoneNumber,
    /// The customer is told that the call is recorded.
    pub tells: bool,
    pub machine: OutgoingCall,
    pub accept_key: bool,
    pub keep_days: u16,
    pub parcels: Vec<OpenParcel>,
    pub wanted: Vec<String>,
    pub courier_leg: Option<LegId>,
    pub customer_leg: Option<LegId>,
    pub tape: Tape,
    pub book: Book,
    pub answered: Option<UnixMs>,
    pub joined: Option<Joined>,
    pub deadline: Option<(u32, Instant)>,
    pub own: mpsc::UnboundedSender<Heard>,
    pub ear: mpsc::UnboundedReceiver<Heard>,
    /// What was heard while a leg waited for its line, and what becomes of that leg once it is taken in.
    pub heard: VecDeque<Heard>,
    pub unrung: Option<OutgoingEvent>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.machine.phase() != OutgoingPhase::Over {
            // the task has failed: nobody is left on a silent line
            for leg in [&self.courier_leg, &self.customer_leg].into_iter().flatten() {
                self.switch.hang_up(leg, None);
            }
        }
        self.app.calls.release_all(self.id);
        self.app.apps.shut(self.id);
    }
}

/// What a call's task hears by, from before its row is stored: whoever hangs up at once is heard.
pub(super) struct Ear {
    own: mpsc::UnboundedSender<Heard>,
    ear: mpsc::UnboundedReceiver<Heard>,
}

impl Ear {
    /// `None` while another request, or a task, has this id.
    pub(super) fn open(app: &Shared, call: CallId) -> Option<Ear> {
        let (own, ear) = mpsc::unbounded_channel();
        app.calls.enlist(call, own.clone()).then_some(Ear { own, ear })
    }
}

/// A call that is stored begins.
pub(super) fn begin(
    app: &Shared,
    switch: Switch,
    id: CallId,
    (organisation, courier): (OrganisationId, UserId),
    placed: Placed,
    ear: Ear,
) {
    let running = Calls::begin(app);
    metrics::counter!("waybell_outgoing_calls_total").increment(1);
    let menu = &app.config.extension;
    let menu_ms = placed.customer.extension().map(|keys| {
        let keys = keys.chars().count() + menu.end.chars().count();
        let pauses = menu.end.chars().filter(|c| *c == ',').count();
        let ms = KEY_MS * i64::try_from(keys).unwrap_or(0) + 500 * i64::try_from(pauses).unwrap_or(0);
        (i64::from(menu.after_ms), ms + KEYED_MS)
    });
    let (record, tell_recording) = (placed.shared.record, placed.shared.tell_recording);
    let spoken = Spoken { record, tell_recording, talk_ms: placed.shared.talk_ms, menu_ms };
    let call = Call {
        app: app.clone(),
        switch,
        id,
        organisation,
        courier,
        courier_phone: placed.courier,
        app_end: (placed.way == CallWay::App).then(AppEnd::default),
        customer_phone: placed.customer,
        tells: record && tell_recording,
        accept_key: placed.policy.accept_key,
        machine: OutgoingCall::new(placed.policy, spoken),
        keep_days: placed.shared.keep_days,
        parcels: placed.parcels,
        wanted: placed.wanted,
        courier_leg: None,
        customer_leg: None,
        tape: Tape::default(),
        book: Book::new(app),
        answered: None,
        joined: None,
        deadline: None,
        own: ear.own,
        ear: ear.ear,
        heard: VecDeque::new(),
        unrung: None,
    };
    tokio::spawn(async move {
        let _running = running;
        call.run().await;
    });
}

impl Call {
    /// Runs the call to its end.
    async fn run(mut self) {
        self.give(OutgoingEvent::Begin).await;
        while self.machine.phase() != OutgoingPhase::Over {
            if let Some(heard) = self.heard.pop_front() {
                self.hear(heard).await;
                continue;
            }
            if let Some(event) = self.unrung.take() {
                self.give(event).await;
                continue;
            }
            let wait = self.deadline.map_or(Duration::from_secs(3_600), |(_, at)| at - Instant::now());
            match tokio::time::timeout(wait, self.ear.recv()).await {
                Ok(Some(heard)) => self.hear(heard).await,
                // the task holds a sender of its own ear, so there is always somebody who could speak
                Ok(None) => break,
                Err(_) => {
                    if let Some((token, _)) = self.deadline.take() {
                        self.give(OutgoingEvent::Time { token }).await;
                    }
                }
            }
        }
        self.close().await;
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Mute { token } if self.machine.phase() == OutgoingPhase::Telling => {
                self.give(OutgoingEvent::Unheard { token }).await;
            }
            Heard::Mute { token } => self.give(OutgoingEvent::Said { token }).await,
            Heard::Recorded(end) => self.tape.ended(end),
            Heard::DiskLow => self.tape.cut(&self.switch),
            Heard::HangUp => self.give(OutgoingEvent::HangUp).await,
            Heard::App { session, person, said } if person == self.courier => {
                self.on_app(session, *said).await;
            }
            Heard::App { .. } | Heard::Came { .. } | Heard::Unpushed { .. } => {}
            Heard::Leg(leg, kind) if Some(&leg) == self.courier_leg.as_ref() => {
                self.on_leg(&leg, *kind, true).await;
            }
            Heard::Leg(leg, kind) if Some(&leg) == self.customer_leg.as_ref() => {
                self.on_leg(&leg, *kind, false).await;
            }
            Heard::Leg(..) => {}
        }
    }

    async fn on_leg(&mut self, leg: &LegId, kind: EventKind, courier: bool) {
        match kind {
            EventKind::Challenged { record } => {
                if self.keep(rows::leg_challenged(leg, &record)).await {
                    self.switch.resubmit(leg);
                } else {
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Answered { dialog } => {
                let now = self.now();
                if !courier {
                    self.answered = Some(now);
                }
                if self.keep(rows::leg_answered(leg, &dialog, now)).await {
                    self.switch.confirm(leg);
                    let (point, event) = match courier {
                        true => ("outgoing.courier_answered", OutgoingEvent::CourierAnswered),
                        false => ("outgoing.customer_answered", OutgoingEvent::CustomerAnswered),
                    };
                    crate::crash::point(point);
                    self.give(event).await;
                } else {
                    // what is not stored would be left on the line by a crash
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Connected => {
                let line = rows::app_leg_answered(leg, self.now());
                if self.keep(Some(line)).await {
                    crate::crash::point("outgoing.courier_answered");
                    self.give(OutgoingEvent::CourierAnswered).await;
                } else {
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Digit { digit, .. } if courier => {
                self.give(OutgoingEvent::CourierKey { key: digit }).await;
            }
            EventKind::PlayEnded { token, completed, .. } => {
                if let Ok(token) = u32::try_from(token) {
                    let event = match completed {
                        true => OutgoingEvent::Said { token },
                        false => OutgoingEvent::Unheard { token },
                    };
                    self.give(event).await;
                }
            }
            EventKind::Ended { end } => {
                // first the other side is let go
                let result = result(&end);
                let (event, side) = match courier {
                    true => (OutgoingEvent::CourierEnded { result }, "caller"),
                    false => (OutgoingEvent::CustomerEnded { result }, "callee"),
                };
                self.book.note(rows::leg_ended(leg, &end, side, self.now()));
                self.give(event).await;
            }
            _ => {}
        }
    }

    /// Gives the machine an event, carries its deeds out, and gives it what they come to at once.
    pub(super) async fn give(&mut self, event: OutgoingEvent) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.now();
            for deed in self.machine.on(event, now) {
                events.extend(self.act(deed).await);
            }
        }
    }

    /// What the call came to, once everything is known.
    async fn close(&mut self) {
        let mut outcome = self.machine.outcome().unwrap_or(OutgoingOutcome::Cancelled);
        if outcome == OutgoingOutcome::Answered {
            // both answered; did they hear each other?
            outcome = match self.joined {
                Some(Joined::Yes) => OutgoingOutcome::Answered,
                Some(Joined::Gone) => OutgoingOutcome::Cancelled,
                Some(Joined::No) | None => OutgoingOutcome::Failed,
            };
        }
        self.close_app(outcome);
        if let Some(end) = self.tape.wait(&mut self.ear).await
            && let Some(line) = self.tape.close(&end, false).await
        {
            self.book.note(line);
        }
        metrics::counter!("waybell_outgoing_outcomes_total", "outcome" => outcome.as_str()).increment(1);
        let tries = self.tries();
        self.book.note(rows::ended(self.id, outcome.into(), self.now(), &tries, self.answered));
        self.book.close().await;
    }

    /// Stores a line before what it is for is done.
    pub(super) async fn keep(&mut self, line: Option<Line>) -> bool {
        match line {
            Some(line) => self.book.keep(&[line]).await,
            None => false,
        }
    }

    /// How the courier's own telephone was rung, as it is stored.
    pub(super) fn tries(&self) -> String {
        let tried = self.machine.courier_rung();
        let tries: Vec<Try> = tried
            .into_iter()
            .map(|(at, ended_at, result)| Try { courier: self.courier, at, ended_at, result })
            .collect();
        serde_json::to_string(&tries).unwrap_or_else(|_| "[]".to_owned())
    }

    /// Steady time.
    pub(super) fn now(&self) -> UnixMs {
        self.app.clock.now()
    }
}
