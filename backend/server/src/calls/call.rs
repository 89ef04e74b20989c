//! One call: its events to the machine, the machine's deeds to the switch.

use super::rows::Line;
use super::{Calls, Heard};
use crate::app::Shared;
use crate::inbound::known;
use crate::numbers::PublishedNumber;
use crate::org::policy::organisation;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, RecordingId, UserId};
use waybell_domain::inbound::{
    Availability, CallEvent, CallPhase, Decision, InboundCall, InboundOutcome, InboundPolicy, OpenParcel,
    TryResult, decide,
};
use waybell_domain::phone::PhoneNumber;
use waybell_switch::{DigitSource, EndHow, EventKind, Incoming, LegEnd, LegId, RecordingEnd, Switch};

/// Longest wait for the end of a recording whose legs have ended.
const RECORDER: Duration = Duration::from_secs(10);

/// A call's task.
pub(super) struct Call {
    pub app: Shared,
    pub switch: Switch,
    pub id: CallId,
    pub number: Arc<PublishedNumber>,
    pub machine: InboundCall,
    pub policy: InboundPolicy,
    pub caller: LegId,
    /// Legs of candidates that were rung.
    pub couriers: Vec<(usize, LegId)>,
    pub parcels: Vec<OpenParcel>,
    /// Whom the caller meant, and what they say of themselves: for the greeting.
    pub mode: Availability,
    pub company: String,
    pub recording: Option<RecordingId>,
    pub recorded: Option<RecordingEnd>,
    /// When the caller was answered, and when and with whom they spoke: known here where the disk would not take it.
    pub answered: Option<UnixMs>,
    pub bridged: Option<(UnixMs, UserId)>,
    /// Ends of legs that could not be stored yet.
    pub unstored: Vec<Line>,
    pub deadline: Option<(u32, Instant)>,
    pub own: mpsc::UnboundedSender<Heard>,
    ear: mpsc::UnboundedReceiver<Heard>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.machine.phase() != CallPhase::Over {
            // the task has failed: nobody is left on a silent line
            self.switch.hang_up(&self.caller, None);
            for (_, leg) in &self.couriers {
                self.switch.hang_up(leg, None);
            }
        }
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
            Ok(call) => call.run().await,
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
) -> Result<Call, crate::store::StoreError> {
    let now = app.clock.now();
    let caller = PhoneNumber::parse_caller(&incoming.from).ok().map(|p| p.key());
    let known = known(app.store.read(), &number, caller.as_deref(), now).await?;
    let decision = decide(&known.facts, now);
    let company = organisation(app.store.read(), number.organisation).await?.map(|o| o.company);
    // the last that can fail
    super::rows::insert(app, id, &number, caller.as_deref(), &decision, &known.waybills, leg, incoming)
        .await?;
    let mode = owner_mode(&decision, &known.facts.people);
    let call = Call {
        app: app.clone(),
        switch: switch.clone(),
        id,
        number,
        machine: InboundCall::new(&decision, known.facts.policy.clone()),
        policy: known.facts.policy,
        caller: leg.clone(),
        couriers: Vec::new(),
        parcels: known.facts.parcels,
        mode,
        company: company.unwrap_or_default(),
        recording: None,
        recorded: None,
        answered: None,
        bridged: None,
        unstored: Vec::new(),
        deadline: None,
        own,
        ear,
    };
    // what may be said is made while telephones ring
    app.speech.prepare(crate::voicemail::greeting(&call.company, call.mode));
    Ok(call)
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
        while self.machine.phase() != CallPhase::Over {
            let heard = match self.deadline {
                None => self.ear.recv().await,
                Some((token, at)) => match tokio::time::timeout_at(at, self.ear.recv()).await {
                    Ok(heard) => heard,
                    Err(_) => {
                        self.deadline = None;
                        self.give(CallEvent::Time { token }).await;
                        continue;
                    }
                },
            };
            // the task holds a sender of its own ear, so there is always somebody who could speak
            let Some(heard) = heard else { break };
            self.hear(heard).await;
        }
        self.wait_for_recording().await;
        self.close().await;
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Mute { token } => self.give(CallEvent::Said { token }).await,
            Heard::Recorded(end) => self.recorded = Some(end),
            Heard::Leg(leg, kind) if leg == self.caller => self.on_caller(*kind).await,
            Heard::Leg(leg, kind) => {
                let n = self.couriers.iter().find(|(_, l)| *l == leg).map(|(n, _)| *n);
                if let Some(n) = n {
                    self.on_courier(n, &leg, *kind).await;
                }
            }
        }
    }

    async fn on_caller(&mut self, kind: EventKind) {
        let leg = self.caller.clone();
        match kind {
            EventKind::Answered { dialog } => {
                self.answered = Some(self.now());
                self.leg_answered(&leg, &dialog).await;
                self.give(CallEvent::CallerAnswered).await;
            }
            EventKind::Digit { digit, source } if is_key(self.machine.phase(), digit, source) => {
                self.give(CallEvent::CallerKey).await;
            }
            EventKind::PlayEnded { token, .. } => {
                if let Ok(token) = u32::try_from(token) {
                    self.give(CallEvent::Said { token }).await;
                }
            }
            EventKind::Ended { end } => {
                // first the other side is let go
                self.give(CallEvent::CallerEnded).await;
                self.leg_ended(&leg, &end, "caller").await;
            }
            _ => {}
        }
    }

    async fn on_courier(&mut self, n: usize, leg: &LegId, kind: EventKind) {
        match kind {
            EventKind::Challenged { record } => {
                if self.leg_challenged(leg, &record).await {
                    self.switch.resubmit(leg);
                } else {
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Answered { dialog } => {
                if self.leg_answered(leg, &dialog).await {
                    self.switch.confirm(leg);
                    crate::crash::point("call.courier_answered");
                    self.give(CallEvent::CourierAnswered { n }).await;
                } else {
                    // what is not stored would be left on the line by a crash
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Digit { digit, .. } => self.give(CallEvent::CourierKey { n, key: digit }).await,
            EventKind::PlayEnded { token, .. } => {
                if let Ok(token) = u32::try_from(token) {
                    self.give(CallEvent::Said { token }).await;
                }
            }
            EventKind::Ended { end } => {
                if let Some(candidate) = self.machine.candidates().get(n) {
                    self.app.calls.release(candidate.courier, self.id);
                }
                self.give(CallEvent::CourierEnded { n, result: result(&end) }).await;
                self.leg_ended(leg, &end, "callee").await;
            }
            _ => {}
        }
    }

    /// Gives the machine an event, carries its deeds out, and gives it what they come to at once.
    async fn give(&mut self, event: CallEvent) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let now = self.app.clock.now();
            for deed in self.machine.on(event, now) {
                events.extend(self.act(deed).await);
            }
        }
    }

    /// The recorder finishes its file once the legs have ended.
    async fn wait_for_recording(&mut self) {
        let until = Instant::now() + RECORDER;
        while self.recording.is_some() && self.recorded.is_none() {
            match tokio::time::timeout_at(until, self.ear.recv()).await {
                Ok(Some(Heard::Recorded(end))) => self.recorded = Some(end),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return,
            }
        }
    }

    /// What the call came to, once everything is known.
    async fn close(&mut self) {
        let mut outcome = self.machine.outcome().unwrap_or(InboundOutcome::Missed);
        if outcome == InboundOutcome::Answered && self.bridged.is_none() {
            // the courier took it, and the two could not be joined
            outcome = InboundOutcome::Missed;
        }
        if let Some(recording) = self.recording {
            let end = self.recorded.take().unwrap_or_else(|| RecordingEnd {
                problem: Some("the recorder has not answered".to_owned()),
                ..RecordingEnd::default()
            });
            let spoken = i64::try_from(end.speech_ms).unwrap_or(i64::MAX) >= self.policy.speech_ms;
            let empty = outcome == InboundOutcome::Voicemail && !spoken;
            if empty {
                outcome = InboundOutcome::Missed;
            }
            crate::recordings::finish(&self.app, recording, &end, empty).await;
        } else if outcome == InboundOutcome::Voicemail {
            outcome = InboundOutcome::Missed;
        }
        metrics::counter!("waybell_inbound_outcomes_total", "outcome" => outcome.as_str()).increment(1);
        super::rows::close(self, outcome).await;
    }

    /// The candidate's leg.
    pub(super) fn courier(&self, n: usize) -> Option<&LegId> {
        self.couriers.iter().rev().find(|(m, _)| *m == n).map(|(_, leg)| leg)
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
fn result(end: &LegEnd) -> TryResult {
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
