//! The life of a call that came in, from the first ring to the last leg.
//!
//! ```text
//!  New ──begin──▶ Ringing(n) ──answered──▶ Whispering(n) ──key 1──▶ Connecting(n) ──caller answered──▶ [Telling(n)] ──▶ Talking(n)
//!                  │  ▲  busy, declined, no answer, not accepted: n+1        │ courier gone            │ either hangs up
//!                  │  └──────────────────────────────┘                       ▼                         ▼
//!                  └──nobody left──▶ Picking ──caller answered──▶ Greeting ──▶ Beeping ──▶ Recording ──▶ Ending
//! ```
//!
//! [`InboundCall::on`] takes one event and gives the deeds to do, in order. Whoever runs it stores each deed that acts on
//! the network before doing it. What the machine promises, whatever comes in whatever order (`tests.rs` tries it):
//!
//! * one courier is rung at a time, nobody twice;
//! * a bridge is asked for only where both sides have answered and the courier has accepted;
//! * where callers are told of recordings, none is asked for before the notice was heard to its end;
//! * when the caller is gone, every courier's leg is told to end; when the call ends, the caller's leg is;
//! * it is over once its legs are, and says so exactly once ([`Deed::Over`]).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::decide::{Candidate, Decision};
use super::policy::{InboundPolicy, Taping};
use crate::clock::UnixMs;
use crate::id::UserId;

words! {
    /// What a call that came in came to.
    pub enum InboundOutcome {
        /// Somebody spoke with the caller.
        Answered = "answered", "已接听", "answered";
        /// The caller left a message.
        Voicemail = "voicemail", "留言", "voicemail";
        /// Nobody spoke with the caller.
        Missed = "missed", "未接来电", "missed";
        /// The caller is on the blocklist.
        Blocked = "blocked", "已拦截", "blocked";
        /// Our server died while somebody spoke, rang or recorded.
        Interrupted = "interrupted", "中断", "interrupted";
    }
}

words! {
    /// What ringing one courier came to.
    pub enum TryResult {
        /// Took the call.
        Accepted = "accepted", "已接听", "took the call";
        /// Busy.
        Busy = "busy", "占线", "busy";
        /// Declined.
        Declined = "declined", "拒接", "declined";
        /// Rang, and nobody answered.
        NoAnswer = "no_answer", "未接听", "no answer";
        /// Something answered and did not press 1: the mobile's own voicemail, or somebody who hung up.
        NotAccepted = "not_accepted", "未按键接听", "answered, not accepted";
        /// Could not be reached: refused on the way, no free line.
        Failed = "failed", "无法接通", "could not be reached";
        /// The caller gave up first.
        CallerGone = "caller_gone", "来电者已挂断", "caller gave up";
    }
}

/// One courier rung for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Try {
    /// Who.
    pub courier: UserId,
    /// When the ringing began.
    pub at: UnixMs,
    /// When it ended.
    pub ended_at: UnixMs,
    /// What it came to.
    pub result: TryResult,
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallPhase {
    /// Not begun.
    New,
    /// The candidate's telephone rings.
    Ringing(usize),
    /// The candidate has answered and hears who it is.
    Whispering(usize),
    /// The candidate has accepted; the caller is being answered.
    Connecting(usize),
    /// The caller hears that the call is recorded.
    Telling(usize),
    /// They speak.
    Talking(usize),
    /// The caller is being answered for voicemail.
    Picking,
    /// The greeting plays.
    Greeting,
    /// The tone after it plays.
    Beeping,
    /// The caller speaks a message.
    Recording,
    /// Decided; legs are ending.
    Ending,
    /// Nothing is left.
    Over,
}

/// What happened. `n` counts candidates from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// The call is stored; begin.
    Begin,
    /// The candidate's telephone was answered.
    CourierAnswered {
        /// Candidate.
        n: usize,
    },
    /// The candidate pressed a key.
    CourierKey {
        /// Candidate.
        n: usize,
        /// Key.
        key: char,
    },
    /// The candidate's leg is over, or could not be begun.
    CourierEnded {
        /// Candidate.
        n: usize,
        /// What the network said; ignored where the leg had been answered.
        result: TryResult,
    },
    /// The caller's leg is answered: it hears us.
    CallerAnswered,
    /// The caller pressed a key.
    CallerKey,
    /// The caller's leg is over.
    CallerEnded,
    /// What was being said has ended, or could not be made.
    Said {
        /// The token of the deed.
        token: u32,
    },
    /// What was to be said was not heard to its end: the leg has ended meanwhile, or has no sound.
    Unheard {
        /// The token of the deed.
        token: u32,
    },
    /// The time of [`Deed::Wait`] has come.
    Time {
        /// Its token.
        token: u32,
    },
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// The caller hears ringing (180).
    RingCaller,
    /// Refuse the caller.
    Refuse {
        /// SIP status.
        status: u16,
    },
    /// Ring this candidate.
    RingCourier {
        /// Candidate.
        n: usize,
    },
    /// Tell the candidate who rings; then [`CallEvent::Said`].
    Whisper {
        /// Candidate.
        n: usize,
        /// For [`CallEvent::Said`].
        token: u32,
    },
    /// End the candidate's leg.
    DropCourier {
        /// Candidate.
        n: usize,
    },
    /// Answer the caller.
    AnswerCaller,
    /// Tell the caller that the call is recorded; then [`CallEvent::Said`].
    TellRecording {
        /// Candidate.
        n: usize,
        /// For [`CallEvent::Said`].
        token: u32,
    },
    /// Join caller and candidate.
    Bridge {
        /// Candidate.
        n: usize,
        /// Whether both sides are recorded.
        tape: Taping,
    },
    /// Play the greeting to the caller.
    Greet {
        /// For [`CallEvent::Said`].
        token: u32,
    },
    /// Play the tone to the caller.
    Beep {
        /// For [`CallEvent::Said`].
        token: u32,
    },
    /// Record the caller.
    TakeMessage,
    /// The message is complete.
    EndMessage,
    /// End the caller's leg.
    HangUpCaller,
    /// Tell [`CallEvent::Time`] after so many milliseconds; takes the place of an earlier wait.
    Wait {
        /// For [`CallEvent::Time`].
        token: u32,
        /// How long.
        ms: i64,
    },
    /// Every leg is over; this is what the call came to. A voicemail without speech is a missed call: that is known only
    /// to who listens.
    Over {
        /// Outcome.
        outcome: InboundOutcome,
    },
}

/// See the module.
#[derive(Clone, Debug)]
pub struct InboundCall {
    policy: InboundPolicy,
    candidates: Vec<Candidate>,
    phase: CallPhase,
    begun_at: UnixMs,
    rung_at: UnixMs,
    token: u32,
    caller_up: bool,
    caller_answered: bool,
    /// Candidates whose legs are up.
    couriers: BTreeSet<usize>,
    tries: Vec<Try>,
    outcome: Option<InboundOutcome>,
    barred: bool,
}

impl InboundCall {
    /// A call for which this was decided.
    #[must_use]
    pub fn new(decision: &Decision, policy: InboundPolicy) -> Self {
        InboundCall {
            policy,
            candidates: decision.candidates.clone(),
            phase: CallPhase::New,
            begun_at: UnixMs(0),
            rung_at: UnixMs(0),
            token: 0,
            caller_up: true,
            caller_answered: false,
            couriers: BTreeSet::new(),
            tries: Vec::new(),
            outcome: None,
            barred: decision.barred,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> CallPhase {
        self.phase
    }

    /// Who was rung so far, and what came of it.
    #[must_use]
    pub fn tries(&self) -> &[Try] {
        &self.tries
    }

    /// The candidate who took the call.
    #[must_use]
    pub fn taken_by(&self) -> Option<UserId> {
        self.tries.iter().find(|t| t.result == TryResult::Accepted).map(|t| t.courier)
    }

    /// The candidates, in order.
    #[must_use]
    pub fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// What it comes to, once that is decided.
    #[must_use]
    pub fn outcome(&self) -> Option<InboundOutcome> {
        self.outcome
    }

    /// Takes an event at `now` and tells what to do, in this order. An event that does not belong to the phase changes
    /// nothing.
    pub fn on(&mut self, event: CallEvent, now: UnixMs) -> Vec<Deed> {
        let mut deeds = Vec::new();
        match event {
            CallEvent::Begin => self.begin(now, &mut deeds),
            CallEvent::CourierAnswered { n } if self.phase == CallPhase::Ringing(n) => {
                self.phase = CallPhase::Whispering(n);
                deeds.push(Deed::Whisper { n, token: self.next_token() });
                self.wait(self.policy.accept_ms, &mut deeds);
            }
            // given up already, and answered all the same
            CallEvent::CourierAnswered { n } if self.couriers.contains(&n) && !self.is_at(n) => {
                deeds.push(Deed::DropCourier { n });
            }
            CallEvent::CourierKey { n, key: '1' } if self.phase == CallPhase::Whispering(n) => {
                self.accept(n, now, &mut deeds);
            }
            CallEvent::CourierEnded { n, result } if self.couriers.remove(&n) => {
                self.courier_ended(n, result, now, &mut deeds);
            }
            CallEvent::CallerAnswered if self.caller_up && !self.caller_answered => {
                self.caller_answered = true;
                match self.phase {
                    CallPhase::Connecting(n) => self.connect(n, &mut deeds),
                    CallPhase::Picking => self.greet(&mut deeds),
                    // hung up on before it was answered: that is under way
                    _ => {}
                }
            }
            CallEvent::CallerKey => self.caller_key(&mut deeds),
            CallEvent::CallerEnded if self.caller_up => self.caller_ended(now, &mut deeds),
            CallEvent::Said { token } => self.said(token, now, &mut deeds),
            CallEvent::Unheard { token } => self.unheard(token, now, &mut deeds),
            CallEvent::Time { token } if token == self.token => self.time(now, &mut deeds),
            _ => {}
        }
        self.look_for_the_end(&mut deeds);
        deeds
    }

    /// Whether the call is about candidate `n` now.
    fn is_at(&self, n: usize) -> bool {
        use CallPhase as P;
        matches!(
            self.phase,
            P::Ringing(m) | P::Whispering(m) | P::Connecting(m) | P::Telling(m) | P::Talking(m) if m == n
        )
    }

    fn begin(&mut self, now: UnixMs, deeds: &mut Vec<Deed>) {
        if self.phase != CallPhase::New {
            return;
        }
        self.begun_at = now;
        if self.barred {
            self.decide_on(InboundOutcome::Blocked);
            deeds.push(Deed::Refuse { status: 603 });
            return;
        }
        deeds.push(Deed::RingCaller);
        self.ring(0, now, deeds);
    }

    /// Rings candidate `n`, or goes to voicemail where there is none or no time.
    fn ring(&mut self, n: usize, now: UnixMs, deeds: &mut Vec<Deed>) {
        let left = self.policy.total_ms - now.since(self.begun_at);
        // a telephone needs a moment to ring at all
        if n >= self.candidates.len() || (n > 0 && left < 3_000) {
            self.pick(deeds);
            return;
        }
        self.phase = CallPhase::Ringing(n);
        self.rung_at = now;
        self.couriers.insert(n);
        deeds.push(Deed::RingCourier { n });
        self.wait(self.policy.ring_ms.min(left.max(1)), deeds);
    }

    /// Nobody takes it.
    fn pick(&mut self, deeds: &mut Vec<Deed>) {
        if !self.policy.voicemail {
            self.decide_on(InboundOutcome::Missed);
            deeds.push(if self.caller_answered { Deed::HangUpCaller } else { Deed::Refuse { status: 480 } });
            return;
        }
        self.phase = CallPhase::Picking;
        self.next_token();
        if self.caller_answered {
            self.greet(deeds);
        } else {
            deeds.push(Deed::AnswerCaller);
            self.wait(ANSWER_MS, deeds);
        }
    }

    fn accept(&mut self, n: usize, now: UnixMs, deeds: &mut Vec<Deed>) {
        self.note(n, TryResult::Accepted, now);
        self.phase = CallPhase::Connecting(n);
        self.next_token();
        if self.caller_answered {
            self.connect(n, deeds);
        } else {
            deeds.push(Deed::AnswerCaller);
            self.wait(ANSWER_MS, deeds);
        }
    }

    /// Both are there: they speak, as soon as the caller knows of the recording.
    fn connect(&mut self, n: usize, deeds: &mut Vec<Deed>) {
        match (self.policy.record, self.policy.tell_recording) {
            (false, _) => self.bridge(n, Taping::Off, deeds),
            (true, false) => self.bridge(n, Taping::On, deeds),
            (true, true) => {
                self.phase = CallPhase::Telling(n);
                let token = self.next_token();
                deeds.push(Deed::TellRecording { n, token });
                deeds.push(Deed::Wait { token, ms: TELLING_MS });
            }
        }
    }

    fn bridge(&mut self, n: usize, tape: Taping, deeds: &mut Vec<Deed>) {
        self.phase = CallPhase::Talking(n);
        deeds.push(Deed::Bridge { n, tape });
        self.wait(self.policy.talk_ms, deeds);
    }

    fn greet(&mut self, deeds: &mut Vec<Deed>) {
        self.phase = CallPhase::Greeting;
        let token = self.next_token();
        deeds.push(Deed::Greet { token });
        deeds.push(Deed::Wait { token, ms: GREETING_MS });
    }

    fn beep(&mut self, deeds: &mut Vec<Deed>) {
        self.phase = CallPhase::Beeping;
        let token = self.next_token();
        deeds.push(Deed::Beep { token });
        deeds.push(Deed::Wait { token, ms: BEEP_MS });
    }

    fn record(&mut self, deeds: &mut Vec<Deed>) {
        self.phase = CallPhase::Recording;
        deeds.push(Deed::TakeMessage);
        self.wait(self.policy.voicemail_ms, deeds);
    }

    fn caller_key(&mut self, deeds: &mut Vec<Deed>) {
        match self.phase {
            CallPhase::Greeting => self.beep(deeds),
            CallPhase::Recording => self.end_message(deeds),
            _ => {}
        }
    }

    fn end_message(&mut self, deeds: &mut Vec<Deed>) {
        self.decide_on(InboundOutcome::Voicemail);
        deeds.push(Deed::EndMessage);
        deeds.push(Deed::HangUpCaller);
    }

    fn said(&mut self, token: u32, now: UnixMs, deeds: &mut Vec<Deed>) {
        match self.phase {
            // without a key the whisper is the end of the wait; it has the token before the wait's
            CallPhase::Whispering(n) if !self.policy.accept_key && token.wrapping_add(1) == self.token => {
                self.accept(n, now, deeds);
            }
            CallPhase::Telling(n) if token == self.token => self.bridge(n, Taping::On, deeds),
            CallPhase::Greeting if token == self.token => self.beep(deeds),
            CallPhase::Beeping if token == self.token => self.record(deeds),
            _ => {}
        }
    }

    fn unheard(&mut self, token: u32, now: UnixMs, deeds: &mut Vec<Deed>) {
        match self.phase {
            // hung up while it was said, or a line without sound: the candidate has not taken the call
            CallPhase::Whispering(n) if !self.policy.accept_key && token.wrapping_add(1) == self.token => {
                self.next(n, TryResult::NotAccepted, now, deeds);
            }
            // who was not told is not recorded; a caller who has hung up is told of in a moment
            CallPhase::Telling(_) if token == self.token => self.wait(GONE_MS, deeds),
            _ => self.said(token, now, deeds),
        }
    }

    fn time(&mut self, now: UnixMs, deeds: &mut Vec<Deed>) {
        match self.phase {
            CallPhase::Ringing(n) => self.next(n, TryResult::NoAnswer, now, deeds),
            CallPhase::Whispering(n) if !self.policy.accept_key => self.accept(n, now, deeds),
            CallPhase::Whispering(n) => self.next(n, TryResult::NotAccepted, now, deeds),
            CallPhase::Telling(n) => self.bridge(n, Taping::Untold, deeds),
            CallPhase::Talking(n) => {
                self.decide_on(InboundOutcome::Answered);
                deeds.extend([Deed::HangUpCaller, Deed::DropCourier { n }]);
            }
            CallPhase::Connecting(n) => {
                // the caller never acknowledged our answer
                self.decide_on(InboundOutcome::Missed);
                deeds.extend([Deed::HangUpCaller, Deed::DropCourier { n }]);
            }
            CallPhase::Picking => {
                self.decide_on(InboundOutcome::Missed);
                deeds.push(Deed::HangUpCaller);
            }
            CallPhase::Greeting => self.beep(deeds),
            CallPhase::Beeping => self.record(deeds),
            CallPhase::Recording => self.end_message(deeds),
            CallPhase::New | CallPhase::Ending | CallPhase::Over => {}
        }
    }

    /// The candidate will not take it: the next one.
    fn next(&mut self, n: usize, result: TryResult, now: UnixMs, deeds: &mut Vec<Deed>) {
        self.note(n, result, now);
        if self.couriers.contains(&n) {
            deeds.push(Deed::DropCourier { n });
        }
        self.next_token();
        self.ring(n + 1, now, deeds);
    }

    fn courier_ended(&mut self, n: usize, result: TryResult, now: UnixMs, deeds: &mut Vec<Deed>) {
        match self.phase {
            CallPhase::Ringing(at) if at == n => self.next(n, result, now, deeds),
            CallPhase::Whispering(at) if at == n => self.next(n, TryResult::NotAccepted, now, deeds),
            // accepted, and gone before the caller was through: the caller, who has no ringing any more, may leave a message
            CallPhase::Connecting(at) if at == n => {
                self.phase = CallPhase::Picking;
            }
            CallPhase::Telling(at) if at == n => self.pick(deeds),
            CallPhase::Talking(at) if at == n => {
                self.decide_on(InboundOutcome::Answered);
                deeds.push(Deed::HangUpCaller);
            }
            _ => {}
        }
    }

    fn caller_ended(&mut self, now: UnixMs, deeds: &mut Vec<Deed>) {
        self.caller_up = false;
        let outcome = match self.phase {
            CallPhase::Talking(_) => InboundOutcome::Answered,
            CallPhase::Recording => {
                deeds.push(Deed::EndMessage);
                InboundOutcome::Voicemail
            }
            CallPhase::Ringing(n) | CallPhase::Whispering(n) => {
                self.note(n, TryResult::CallerGone, now);
                InboundOutcome::Missed
            }
            _ => InboundOutcome::Missed,
        };
        self.decide_on(outcome);
        deeds.extend(self.couriers.iter().map(|n| Deed::DropCourier { n: *n }));
    }

    fn note(&mut self, n: usize, result: TryResult, now: UnixMs) {
        if let Some(candidate) = self.candidates.get(n) {
            self.tries.push(Try { courier: candidate.courier, at: self.rung_at, ended_at: now, result });
        }
    }

    /// The first decision stands.
    fn decide_on(&mut self, outcome: InboundOutcome) {
        self.outcome.get_or_insert(outcome);
        if self.phase != CallPhase::Over {
            self.phase = CallPhase::Ending;
        }
        self.next_token();
    }

    fn look_for_the_end(&mut self, deeds: &mut Vec<Deed>) {
        if self.phase == CallPhase::Ending
            && !self.caller_up
            && self.couriers.is_empty()
            && let Some(outcome) = self.outcome
        {
            self.phase = CallPhase::Over;
            deeds.push(Deed::Over { outcome });
        }
    }

    fn next_token(&mut self) -> u32 {
        self.token = self.token.wrapping_add(1);
        self.token
    }

    fn wait(&mut self, ms: i64, deeds: &mut Vec<Deed>) {
        let token = self.next_token();
        deeds.push(Deed::Wait { token, ms });
    }
}

/// How long the caller's side may take to acknowledge our answer: 64·T1 (RFC 3261 13.3.1.4) and a little.
const ANSWER_MS: i64 = 35_000;
/// The notice of the recording that is not over by then will never be.
const TELLING_MS: i64 = 15_000;
/// Between the end of what is said to a leg that is gone and the word that it is.
const GONE_MS: i64 = 500;
/// A greeting that is not over by then will never be.
const GREETING_MS: i64 = 60_000;
/// The same for the tone.
const BEEP_MS: i64 = 5_000;
