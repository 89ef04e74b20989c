//! One call: its events to the machine, the machine's deeds to the switch.

use super::both::Both;
use super::desk::has_phone;
use super::rows::{self, Book};
use super::sound::Tape;
use super::{Calls, Heard, callers};
use crate::app::Shared;
use crate::app_calls;
use crate::inbound::{known, policy};
use crate::numbers::PublishedNumber;
use crate::org::policy::organisation;
use crate::push::ring;
use crate::speech::Whose;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, UserId};
use waybell_domain::inbound::{
    Availability, CallEvent, CallPhase, Decision, InboundCall, InboundOutcome, InboundPolicy, OpenParcel,
    TryResult, decide,
};
use waybell_domain::phone::PhoneNumber;
use waybell_switch::{DigitSource, EndHow, EventKind, Incoming, LegEnd, LegId, Switch};

/// A call's task.
pub(super) struct Call {
    pub app: Shared,
    pub switch: Switch,
    pub id: CallId,
    pub number: Arc<PublishedNumber>,
    pub machine: InboundCall,
    pub policy: InboundPolicy,
    pub caller: LegId,
    /// Candidates that were rung.
    pub(super) both: Vec<Both>,
    /// Who rings, as couriers are shown it.
    pub label: String,
    /// A courier who took the call in the app has read the whisper.
    pub skip_whisper: bool,
    pub parcels: Vec<OpenParcel>,
    /// Whom the caller meant, and what they say of themselves: for the greeting.
    pub mode: Availability,
    /// The time of day at which that courier comes to the caller.
    pub arrives: Option<(u32, u32)>,
    pub company: String,
    pub tape: Tape,
    pub book: Book,
    /// When the caller was answered, and whether they were put through to somebody.
    pub answered: Option<UnixMs>,
    pub joined: bool,
    pub deadline: Option<(u32, Instant)>,
    pub own: mpsc::UnboundedSender<Heard>,
    pub ear: mpsc::UnboundedReceiver<Heard>,
    /// What was heard while a leg waited for its line, and what becomes of that leg once it is taken in.
    pub heard: VecDeque<Heard>,
    pub unrung: Option<CallEvent>,
    counted: Option<callers::Counted>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.machine.phase() != CallPhase::Over {
            // the task has failed: nobody is left on a silent line
            self.switch.hang_up(&self.caller, None);
            for leg in self.both.iter().flat_map(Both::legs) {
                self.switch.hang_up(leg, None);
            }
        }
        self.app.apps.shut(self.id);
        self.app.calls.release_all(self.id);
    }
}

/// A customer rings a published number.
pub(super) fn begin(
    app: &Shared,
    switch: &Switch,
    number: Arc<PublishedNumber>,
    leg: LegId,
    incoming: Incoming,
) {
    let (own, ear) = mpsc::unbounded_channel();
    app.calls.adopt(leg.clone(), own.clone());
    let running = Calls::begin(app);
    let (app, switch) = (app.clone(), switch.clone());
    tokio::spawn(async move {
        let _running = running;
        metrics::counter!("waybell_inbound_calls_total").increment(1);
        let id = CallId::at(app.clock.now(), rand::random());
        match start(&app, &switch, id, number, &leg, &incoming, own, ear).await {
            Ok(Some(call)) => call.run().await,
            Ok(None) => {
                tracing::warn!("a caller rings more often than the rules allow");
                metrics::counter!("waybell_inbound_refused_total", "why" => "caller").increment(1);
                switch.reject(&leg, 486, "");
                app.calls.forget(&leg);
            }
            Err(error) => {
                tracing::error!(%error, "a call that came in could not be stored");
                switch.reject(&leg, 503, "");
                app.calls.forget(&leg);
                super::rows::abandon(&app, id, &leg).await;
            }
        }
    });
}

#[allow(clippy::too_many_arguments, reason = "made in one place")]
async fn start(
    app: &Shared,
    switch: &Switch,
    id: CallId,
    number: Arc<PublishedNumber>,
    leg: &LegId,
    incoming: &Incoming,
    own: mpsc::UnboundedSender<Heard>,
    ear: mpsc::UnboundedReceiver<Heard>,
) -> Result<Option<Call>, crate::store::StoreError> {
    let now = app.clock.now();
    let caller = PhoneNumber::parse_caller(&incoming.from).ok().map(|p| p.key());
    let mut counted = None;
    if let Some(caller) = &caller {
        // before anything that costs more than a look at the rules
        let policy = policy(app.store.read(), number.organisation).await?;
        counted = app.calls.callers.enter(number.organisation, caller, &policy, now);
        if counted.is_none() {
            return Ok(None);
        }
    }
    let known = known(app.store.read(), &number, caller.as_deref(), now).await?;
    let decision = decide(&known.facts, now);
    let org = organisation(app.store.read(), number.organisation).await?;
    let arrives = org.as_ref().and_then(|o| {
        crate::voicemail::arrival(&known.facts.parcels, decision.owner, (now, app.clock.wall()), o.zone())
    });
    // the last that can fail
    rows::insert(app, id, &number, caller.as_deref(), &known, &decision, leg, incoming).await?;
    app.calls.enlist(id, own.clone());
    let mode = owner_mode(&decision, &known.facts.people);
    let mut policy = known.facts.policy.clone();
    if has_app(app, switch, &number, &decision).await {
        // the mobile that rings later rings no shorter for it
        policy.ring_ms += policy.app_first_ms;
    }
    let call = Call {
        app: app.clone(),
        switch: switch.clone(),
        id,
        number,
        machine: InboundCall::new(&decision, policy),
        policy: known.facts.policy,
        caller: leg.clone(),
        both: Vec::new(),
        label: caller
            .as_deref()
            .and_then(|k| PhoneNumber::from_key(k).ok())
            .map_or_else(|| "anonymous".to_owned(), |p| p.masked()),
        skip_whisper: false,
        parcels: known.facts.parcels,
        mode,
        arrives,
        company: org.map(|o| o.company).unwrap_or_default(),
        tape: Tape::default(),
        book: Book::new(app),
        answered: None,
        joined: false,
        deadline: None,
        own,
        ear,
        heard: VecDeque::new(),
        unrung: None,
        counted,
    };
    // what may be said is made while telephones ring
    let whose = Whose { organisation: Some(call.number.organisation), branch: Some(call.number.branch) };
    app.speech.prepare(whose, crate::voicemail::greeting(&call.company, call.mode, call.arrives));
    Ok(Some(call))
}

/// Whether an app of anybody who may be rung is connected, or can be woken, or a telephone of theirs is registered.
async fn has_app(app: &Shared, switch: &Switch, number: &PublishedNumber, decision: &Decision) -> bool {
    let mut candidates = decision.candidates.iter().map(|c| c.courier);
    let there = |c| !app_calls::apps_of(app, c).is_empty() || has_phone(app, switch, number.organisation, c);
    if candidates.clone().any(there) {
        return true;
    }
    while !app.push.is_empty()
        && let Some(courier) = candidates.next()
    {
        if !ring::phones(app, number.organisation, courier).await.is_empty() {
            return true;
        }
    }
    false
}

fn owner_mode(
    decision: &Decision,
    people: &std::collections::BTreeMap<UserId, waybell_domain::inbound::Person>,
) -> Availability {
    decision.owner.and_then(|o| people.get(&o)).map(|p| p.availability).unwrap_or_default()
}

impl Call {
    /// Runs the call to its end.
    async fn run(mut self) {
        self.give(CallEvent::Begin).await;
        while self.machine.phase() != CallPhase::Over || self.both.iter().any(|b| b.legs().next().is_some()) {
            if let Some(heard) = self.heard.pop_front() {
                self.hear(heard).await;
                continue;
            }
            if let Some(event) = self.unrung.take() {
                self.give(event).await;
                continue;
            }
            let next = self.deadline.map(|d| d.1).into_iter().chain(self.mobile_due()).min();
            let heard = match next {
                None => self.ear.recv().await,
                Some(at) => match tokio::time::timeout_at(at, self.ear.recv()).await {
                    Ok(heard) => heard,
                    Err(_) => {
                        let now = Instant::now();
                        self.ring_mobiles(now).await;
                        if let Some((token, _)) = self.deadline.take_if(|d| d.1 <= now) {
                            self.give(CallEvent::Time { token }).await;
                        }
                        continue;
                    }
                },
            };
            // the task holds a sender of its own ear, so there is always somebody who could speak
            let Some(heard) = heard else { break };
            self.hear(heard).await;
        }
        self.close().await;
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Mute { token } if matches!(self.machine.phase(), CallPhase::Telling(_)) => {
                self.give(CallEvent::Unheard { token }).await;
            }
            Heard::Mute { token } => self.give(CallEvent::Said { token }).await,
            Heard::Recorded(end) => self.tape.ended(end),
            Heard::DiskLow => self.tape.cut(&self.switch),
            // a call that came in is ended on the telephone
            Heard::HangUp => {}
            Heard::App { session, person, said } => self.on_app(session, person, *said).await,
            Heard::Came { session, person } => self.app_came(session, person),
            Heard::Unpushed { person } => self.unpushed(person).await,
            Heard::Leg(leg, kind) if leg == self.caller => self.on_caller(*kind).await,
            Heard::Leg(leg, kind) => {
                if let Some(n) = self.candidate_of(&leg) {
                    self.on_courier(n, &leg, *kind).await;
                }
            }
        }
    }

    async fn on_caller(&mut self, kind: EventKind) {
        let leg = self.caller.clone();
        match kind {
            EventKind::Answered { dialog } => {
                let now = self.now();
                self.answered = Some(now);
                // its dialog is stored since it came in, which is enough to end it
                if let Some(line) = rows::leg_answered(&leg, &dialog, now) {
                    self.book.note(line);
                }
                self.give(CallEvent::CallerAnswered).await;
            }
            EventKind::Digit { digit, source } if is_key(self.machine.phase(), digit, source) => {
                self.give(CallEvent::CallerKey).await;
            }
            EventKind::PlayEnded { token, completed, .. } => {
                if let Ok(token) = u32::try_from(token) {
                    let event = match completed {
                        true => CallEvent::Said { token },
                        false => CallEvent::Unheard { token },
                    };
                    self.give(event).await;
                }
            }
            EventKind::Ended { end } => {
                // first the other side is let go
                self.give(CallEvent::CallerEnded).await;
                self.book.note(rows::leg_ended(&leg, &end, "caller", self.now()));
            }
            _ => {}
        }
    }

    async fn on_courier(&mut self, n: usize, leg: &LegId, kind: EventKind) {
        match kind {
            EventKind::Challenged { record } => {
                let line = rows::leg_challenged(leg, &record);
                if self.keep(line).await {
                    self.switch.resubmit(leg);
                } else {
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Connected => self.app_connected(n, leg).await,
            EventKind::Answered { dialog } if self.is_phone(n, leg) => {
                self.phone_answered(n, leg, &dialog).await;
            }
            EventKind::Answered { dialog } => {
                let line = rows::leg_answered(leg, &dialog, self.now());
                if !self.mobile_answered(n) {
                    // the app has the call, and this crossed our CANCEL
                    self.keep(line).await;
                    self.switch.hang_up(leg, None);
                } else if self.keep(line).await {
                    self.switch.confirm(leg);
                    crate::crash::point("call.courier_answered");
                    self.give(CallEvent::CourierAnswered { n }).await;
                } else {
                    // what is not stored would be left on the line by a crash
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Digit { digit, .. } if self.courier(n) == Some(leg) => {
                self.give(CallEvent::CourierKey { n, key: digit }).await;
            }
            EventKind::PlayEnded { token, completed, .. } => {
                if let Ok(token) = u32::try_from(token) {
                    let event = match completed {
                        true => CallEvent::Said { token },
                        false => CallEvent::Unheard { token },
                    };
                    self.give(event).await;
                }
            }
            EventKind::Ended { end } => self.candidate_leg_ended(n, leg, &end).await,
            _ => {}
        }
    }

    /// Gives the machine an event, carries its deeds out, and gives it what they come to at once.
    pub(super) async fn give(&mut self, event: CallEvent) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.app.clock.now();
            for deed in self.machine.on(event, now) {
                events.extend(self.act(deed).await);
            }
        }
    }

    /// What the call came to, once everything is known.
    async fn close(&mut self) {
        // nobody is on the line any more
        self.counted = None;
        let mut outcome = self.machine.outcome().unwrap_or(InboundOutcome::Missed);
        if outcome == InboundOutcome::Answered && !self.joined {
            // the courier took it, and the two could not be joined
            outcome = InboundOutcome::Missed;
        }
        let end = self.tape.wait(&mut self.ear).await;
        let speech = end.as_ref().map_or(0, |e| i64::try_from(e.speech_ms).unwrap_or(i64::MAX));
        let empty = outcome == InboundOutcome::Voicemail && (end.is_none() || speech < self.policy.speech_ms);
        if empty {
            outcome = InboundOutcome::Missed;
        }
        if let Some(end) = end
            && let Some(line) = self.tape.close(&end, empty).await
        {
            self.book.note(line);
        }
        metrics::counter!("waybell_inbound_outcomes_total", "outcome" => outcome.as_str()).increment(1);
        let tries = self.tries();
        self.book.note(rows::ended(self.id, outcome.into(), self.now(), &tries, self.answered));
        self.book.close().await;
    }

    /// Stores a line before what it is for is done.
    pub(super) async fn keep(&mut self, line: Option<rows::Line>) -> bool {
        match line {
            Some(line) => self.book.keep(&[line]).await,
            None => false,
        }
    }

    /// Who was rung, as it is stored.
    pub(super) fn tries(&self) -> String {
        serde_json::to_string(self.machine.tries()).unwrap_or_else(|_| "[]".to_owned())
    }

    /// The leg that the candidate speaks on.
    pub(super) fn courier(&self, n: usize) -> Option<&LegId> {
        self.both.iter().rev().find(|b| b.n == n).and_then(Both::leg)
    }

    /// Steady time.
    pub(super) fn now(&self) -> UnixMs {
        self.app.clock.now()
    }
}

/// Whether a key of the caller counts. Speech imitates tones, so that of a tone heard in a message only `#` ends it; a key
/// that came as such (RFC 4733, SIP INFO) always does.
fn is_key(phase: CallPhase, digit: char, source: DigitSource) -> bool {
    phase != CallPhase::Recording || digit == '#' || source != DigitSource::InBand
}

/// What the end of an unanswered leg means. A number that nobody has is as unreachable as a network that fails.
pub(crate) fn result(end: &LegEnd) -> TryResult {
    match (end.how, end.status, end.q850) {
        (_, _, Some(17)) | (_, Some(486 | 600), _) => TryResult::Busy,
        (_, _, Some(21)) | (_, Some(603 | 403), _) => TryResult::Declined,
        (_, _, Some(18 | 19)) | (_, Some(480 | 408 | 487), _) => TryResult::NoAnswer,
        (EndHow::Cancelled | EndHow::TimedOut, ..) if end.rang => TryResult::NoAnswer,
        _ => TryResult::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn speech_that_sounds_like_a_key_ends_no_message() {
        use DigitSource::{InBand, Info, Rfc4733};
        for (digit, source, counts) in
            [('5', InBand, false), ('#', InBand, true), ('5', Rfc4733, true), ('*', Info, true)]
        {
            assert_eq!(is_key(CallPhase::Recording, digit, source), counts, "{digit} {source:?}");
        }
        assert!(is_key(CallPhase::Greeting, '5', InBand));
    }
}
