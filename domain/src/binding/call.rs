//! The life of a call over a virtual number, from the first ring to the last leg.
//!
//! ```text
//!  New ─Ring──▶ Ringing ──callee answered──▶ Connecting ──caller answered──▶ Talking ──either hangs up, or time──▶ Ending
//!   │              └─busy, no answer─▶ the caller is refused                    ▲
//!   ├─Ask───▶ Picking ──caller answered──▶ Asking ──keys, found──▶ RingingBehind ┘
//!   │              ▲──not found, tries left─┘└─none left──▶ Announcing ──▶ Ending
//!   ├─Tell──▶ Picking ──caller answered──▶ Announcing ──▶ Ending
//!   └─Bar───▶ Ending
//! ```
//!
//! The caller of a bound pair hears ringing and is answered once the callee is, so nobody pays for a call in vain. Who has to be
//! asked or told something is answered first. [`BoundCall::on`] takes one event and gives the deeds to do, in order; whoever runs
//! it stores each deed that acts on the network before doing it. What it promises, whatever comes in whatever order
//! (`tests.rs` tries it): one callee is rung, once; a bridge is asked for only where both have answered; when one side is gone the
//! other is told to end; it is over once its legs are, and says so exactly once.

use super::Unconnected;
use crate::clock::{MINUTE, SECOND};
use crate::inbound::TryResult;

words! {
    /// What a call over a virtual number came to.
    pub enum BoundOutcome {
        /// They spoke.
        Answered = "answered", "已接通", "they spoke";
        /// The callee was busy.
        Busy = "busy", "被叫占线", "the callee was busy";
        /// The callee declined.
        Declined = "declined", "被叫拒接", "the callee declined";
        /// The callee's telephone rang in vain.
        NoAnswer = "no_answer", "被叫未接听", "the callee did not answer";
        /// The callee could not be reached.
        Failed = "failed", "无法接通", "the callee could not be reached";
        /// No line was free, or the call could not be stored.
        NoLine = "no_line", "线路不可用", "no line was free";
        /// The caller gave up.
        Cancelled = "cancelled", "主叫放弃", "the caller gave up";
        /// Intercepted: not bound, restricted, barred.
        Refused = "refused", "已拦截", "intercepted";
        /// Our server died while it went on.
        Interrupted = "interrupted", "中断", "interrupted";
    }
}

/// How a call begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundPlan {
    /// The other party is known.
    Ring,
    /// An extension is asked for.
    Ask,
    /// The caller hears why they are not put through.
    Tell(Unconnected),
    /// The caller is refused without a word.
    Bar,
}

/// Times of a call, milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long the callee's telephone rings.
    pub ring_ms: i64,
    /// How long they may speak.
    pub talk_ms: i64,
    /// Both hear a hint a minute before the end.
    pub hint: bool,
    /// They are recorded.
    pub record: bool,
}

/// How an extension is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// The first time.
    First,
    /// There was none like that, or nothing was keyed.
    Again,
}

/// What a caller is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Why they are not put through.
    Intercepted(Unconnected),
    /// Three extensions that are none.
    NoExtension,
    /// What became of the callee.
    Callee(BoundOutcome),
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoundPhase {
    /// Not begun.
    New,
    /// The callee's telephone rings; the caller hears ringing and is not answered.
    Ringing,
    /// The callee has answered; the caller is being answered.
    Connecting,
    /// The caller is being answered, to be asked or told something.
    Picking,
    /// The caller is asked for an extension.
    Asking,
    /// The callee's telephone rings, after the answer.
    RingingBehind,
    /// The caller hears why there is nobody.
    Announcing,
    /// They speak; `hinted` within the last minute.
    Talking {
        /// Both were told.
        hinted: bool,
    },
    /// Decided; legs are ending.
    Ending,
    /// Nothing is left.
    Over,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundEvent {
    /// The call is stored; begin.
    Begin,
    /// The caller is answered.
    CallerAnswered,
    /// The caller pressed a key.
    CallerKey {
        /// Key.
        key: char,
    },
    /// The caller's leg is over.
    CallerEnded,
    /// The extension is somebody's, who may be rung under these times.
    Found(Limits),
    /// It is nobody's.
    NotFound,
    /// It is, and the caller is not put through.
    Kept(Unconnected),
    /// The callee's telephone was answered.
    CalleeAnswered,
    /// The callee's leg is over.
    CalleeEnded {
        /// What the network said; ignored where the leg had been answered.
        result: TryResult,
    },
    /// The callee could not be rung.
    NotRung,
    /// What was being said has ended, or could not be made.
    Said {
        /// The token of the deed.
        token: u32,
    },
    /// The time of [`BoundDeed::Wait`] has come.
    Time {
        /// Its token.
        token: u32,
    },
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundDeed {
    /// The caller hears ringing (180).
    RingCaller,
    /// Refuse the caller.
    RefuseCaller {
        /// SIP status.
        status: u16,
    },
    /// Answer the caller.
    AnswerCaller,
    /// Ask the caller for an extension.
    Ask {
        /// Whether it is the first time.
        ask: Ask,
        /// Says nothing of its own.
        token: u32,
    },
    /// Look for this extension; then [`BoundEvent::Found`], `NotFound` or `Kept`.
    Seek {
        /// Digits.
        extension: String,
    },
    /// Ring the callee.
    RingCallee,
    /// Let the caller, who is answered, hear a ringing tone.
    RingTone,
    /// Join both; `record` where it is to be recorded.
    Bridge {
        /// Record both sides.
        record: bool,
    },
    /// Tell both that a minute is left.
    Hint,
    /// Tell the caller; then [`BoundEvent::Said`].
    Announce {
        /// What.
        notice: Notice,
        /// For [`BoundEvent::Said`].
        token: u32,
    },
    /// End the caller's leg.
    DropCaller,
    /// End the callee's leg.
    DropCallee,
    /// Tell [`BoundEvent::Time`] after so many milliseconds; takes the place of an earlier wait.
    Wait {
        /// For [`BoundEvent::Time`].
        token: u32,
        /// How long.
        ms: i64,
    },
    /// Every leg is over; this is what the call came to.
    Over {
        /// Outcome.
        outcome: BoundOutcome,
    },
}

/// Extensions a caller may try in one call.
const TRIES: u8 = 3;
/// Times that an extension may be begun anew, in all tries; each more is a try.
const RESTARTS: u8 = 12;
/// From the beginning of the prompt to the first key, and from key to key.
const FIRST_KEY: i64 = 15 * SECOND;
const NEXT_KEY: i64 = 5 * SECOND;
/// What is not over by then will never be.
const ANNOUNCEMENT: i64 = 15 * SECOND;
/// The caller acknowledges the answer within this, or is gone.
const ANSWER: i64 = 32 * SECOND;

/// See the module.
#[derive(Clone, Debug)]
pub struct BoundCall {
    plan: BoundPlan,
    limits: Limits,
    digits: usize,
    phase: BoundPhase,
    token: u32,
    caller_up: bool,
    caller_answered: bool,
    callee_up: bool,
    keyed: String,
    seeking: bool,
    tries: u8,
    restarts: u8,
    outcome: Option<BoundOutcome>,
    why: Option<Unconnected>,
}

impl BoundCall {
    /// A call that begins like this. `digits`: the length of an extension, where one may be asked for.
    #[must_use]
    pub fn new(plan: BoundPlan, limits: Limits, digits: u8) -> Self {
        BoundCall {
            plan,
            limits,
            digits: usize::from(digits.max(1)),
            phase: BoundPhase::New,
            token: 0,
            caller_up: true,
            caller_answered: false,
            callee_up: false,
            keyed: String::new(),
            seeking: false,
            tries: 0,
            restarts: 0,
            outcome: None,
            why: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> BoundPhase {
        self.phase
    }

    /// What it comes to, once that is decided.
    #[must_use]
    pub fn outcome(&self) -> Option<BoundOutcome> {
        self.outcome
    }

    /// Why the caller was intercepted.
    #[must_use]
    pub fn why(&self) -> Option<Unconnected> {
        self.why
    }

    /// Takes an event and tells what to do, in this order. An event that does not belong to the phase changes nothing.
    pub fn on(&mut self, event: BoundEvent) -> Vec<BoundDeed> {
        use BoundEvent as E;
        use BoundPhase as P;
        let mut deeds = Vec::new();
        match event {
            E::Begin if self.phase == P::New => self.begin(&mut deeds),
            E::CallerAnswered if self.caller_up && !self.caller_answered => {
                self.caller_answered = true;
                match (self.phase, self.plan) {
                    (P::Connecting, _) => self.bridge(&mut deeds),
                    (P::Picking, BoundPlan::Tell(why)) => {
                        self.announce(BoundOutcome::Refused, Notice::Intercepted(why), &mut deeds);
                    }
                    (P::Picking, _) => self.ask(Ask::First, &mut deeds),
                    _ => {}
                }
            }
            E::CallerKey { key } if self.phase == P::Asking && !self.seeking => self.key(key, &mut deeds),
            E::CallerEnded if self.caller_up => {
                self.caller_up = false;
                self.decide_on(match self.phase {
                    P::Talking { .. } => BoundOutcome::Answered,
                    _ => BoundOutcome::Cancelled,
                });
                if self.callee_up {
                    deeds.push(BoundDeed::DropCallee);
                }
            }
            E::Found(limits) if self.is_seeking() => {
                self.seeking = false;
                self.limits = limits;
                self.phase = P::RingingBehind;
                self.callee_up = true;
                deeds.push(BoundDeed::RingTone);
                deeds.push(BoundDeed::RingCallee);
                self.wait(limits.ring_ms, &mut deeds);
            }
            E::NotFound if self.is_seeking() => self.missed(&mut deeds),
            E::Kept(why) if self.is_seeking() => {
                self.seeking = false;
                self.announce_why(why, Notice::Intercepted(why), &mut deeds);
            }
            E::CalleeAnswered if self.phase == P::Ringing => {
                self.phase = P::Connecting;
                deeds.push(BoundDeed::AnswerCaller);
                self.wait(ANSWER, &mut deeds);
            }
            E::CalleeAnswered if self.phase == P::RingingBehind => self.bridge(&mut deeds),
            // given up already, and answered all the same
            E::CalleeAnswered if self.callee_up && matches!(self.phase, P::Announcing | P::Ending) => {
                deeds.push(BoundDeed::DropCallee);
            }
            E::CalleeEnded { result } if self.callee_up => {
                self.callee_up = false;
                self.callee_ended(result, &mut deeds);
            }
            E::NotRung if self.callee_up && matches!(self.phase, P::Ringing | P::RingingBehind) => {
                self.callee_up = false;
                self.no_callee(BoundOutcome::NoLine, &mut deeds);
            }
            E::Said { token } if self.phase == P::Announcing && token == self.token => {
                self.let_caller_go(&mut deeds);
            }
            E::Time { token } if token == self.token => self.time(&mut deeds),
            _ => {}
        }
        self.look_for_the_end(&mut deeds);
        deeds
    }

    fn begin(&mut self, deeds: &mut Vec<BoundDeed>) {
        match self.plan {
            BoundPlan::Ring => {
                self.phase = BoundPhase::Ringing;
                self.callee_up = true;
                deeds.push(BoundDeed::RingCaller);
                deeds.push(BoundDeed::RingCallee);
                self.wait(self.limits.ring_ms, deeds);
            }
            BoundPlan::Ask | BoundPlan::Tell(_) => {
                self.phase = BoundPhase::Picking;
                deeds.push(BoundDeed::AnswerCaller);
                self.wait(ANSWER, deeds);
            }
            BoundPlan::Bar => {
                self.why = Some(Unconnected::Blocked);
                self.decide_on(BoundOutcome::Refused);
                deeds.push(BoundDeed::RefuseCaller { status: 603 });
            }
        }
    }

    fn is_seeking(&self) -> bool {
        self.phase == BoundPhase::Asking && self.seeking
    }

    fn ask(&mut self, ask: Ask, deeds: &mut Vec<BoundDeed>) {
        self.phase = BoundPhase::Asking;
        self.keyed.clear();
        let token = self.next_token();
        deeds.push(BoundDeed::Ask { ask, token });
        self.wait(FIRST_KEY, deeds);
    }

    fn key(&mut self, key: char, deeds: &mut Vec<BoundDeed>) {
        match key {
            '0'..='9' => self.keyed.push(key),
            // begins anew, and not for ever: a line is held meanwhile
            '*' => {
                self.keyed.clear();
                self.restarts = self.restarts.saturating_add(1);
                if self.restarts > RESTARTS {
                    return self.missed(deeds);
                }
            }
            '#' if !self.keyed.is_empty() => return self.seek(deeds),
            _ => return,
        }
        if self.keyed.len() >= self.digits {
            self.seek(deeds);
        } else {
            self.wait(NEXT_KEY, deeds);
        }
    }

    fn seek(&mut self, deeds: &mut Vec<BoundDeed>) {
        self.seeking = true;
        self.next_token();
        deeds.push(BoundDeed::Seek { extension: std::mem::take(&mut self.keyed) });
    }

    /// Nobody has this extension, or none came.
    fn missed(&mut self, deeds: &mut Vec<BoundDeed>) {
        self.seeking = false;
        self.tries += 1;
        if self.tries < TRIES {
            self.ask(Ask::Again, deeds);
        } else {
            self.announce_why(Unconnected::NoBinding, Notice::NoExtension, deeds);
        }
    }

    fn bridge(&mut self, deeds: &mut Vec<BoundDeed>) {
        let hints = self.limits.hint && self.limits.talk_ms > MINUTE;
        self.phase = BoundPhase::Talking { hinted: !hints };
        deeds.push(BoundDeed::Bridge { record: self.limits.record });
        self.wait(self.limits.talk_ms - if hints { MINUTE } else { 0 }, deeds);
    }

    fn callee_ended(&mut self, result: TryResult, deeds: &mut Vec<BoundDeed>) {
        match self.phase {
            BoundPhase::Ringing | BoundPhase::RingingBehind => {
                let outcome = match result {
                    TryResult::Busy => BoundOutcome::Busy,
                    TryResult::Declined => BoundOutcome::Declined,
                    TryResult::NoAnswer => BoundOutcome::NoAnswer,
                    TryResult::CallerGone => BoundOutcome::Cancelled,
                    _ => BoundOutcome::Failed,
                };
                self.no_callee(outcome, deeds);
            }
            // took the receiver off and put it back before they were joined
            BoundPhase::Connecting => {
                self.decide_on(BoundOutcome::Failed);
                deeds.push(BoundDeed::DropCaller);
            }
            BoundPhase::Talking { .. } => {
                self.decide_on(BoundOutcome::Answered);
                deeds.push(BoundDeed::DropCaller);
            }
            _ => {}
        }
    }

    /// Nobody is reached: the caller is refused, or told where they were answered already.
    fn no_callee(&mut self, outcome: BoundOutcome, deeds: &mut Vec<BoundDeed>) {
        if self.phase == BoundPhase::RingingBehind {
            self.announce(outcome, Notice::Callee(outcome), deeds);
            return;
        }
        self.decide_on(outcome);
        let status = match outcome {
            BoundOutcome::Busy => 486,
            BoundOutcome::Declined => 603,
            BoundOutcome::NoLine => 503,
            _ => 480,
        };
        deeds.push(BoundDeed::RefuseCaller { status });
    }

    fn announce_why(&mut self, why: Unconnected, notice: Notice, deeds: &mut Vec<BoundDeed>) {
        self.why.get_or_insert(why);
        self.announce(BoundOutcome::Refused, notice, deeds);
    }

    fn announce(&mut self, outcome: BoundOutcome, notice: Notice, deeds: &mut Vec<BoundDeed>) {
        if let Notice::Intercepted(why) = notice {
            self.why.get_or_insert(why);
        }
        self.decide_on(outcome);
        self.phase = BoundPhase::Announcing;
        let token = self.next_token();
        deeds.push(BoundDeed::Announce { notice, token });
        deeds.push(BoundDeed::Wait { token, ms: ANNOUNCEMENT });
    }

    fn time(&mut self, deeds: &mut Vec<BoundDeed>) {
        use BoundPhase as P;
        match self.phase {
            P::Ringing | P::RingingBehind => {
                deeds.push(BoundDeed::DropCallee);
                self.no_callee(BoundOutcome::NoAnswer, deeds);
            }
            P::Connecting | P::Picking => {
                self.decide_on(BoundOutcome::Failed);
                deeds.push(BoundDeed::DropCaller);
                if self.callee_up {
                    deeds.push(BoundDeed::DropCallee);
                }
            }
            P::Asking if !self.keyed.is_empty() => self.seek(deeds),
            P::Asking => self.missed(deeds),
            P::Announcing => self.let_caller_go(deeds),
            P::Talking { hinted: false } => {
                self.phase = P::Talking { hinted: true };
                deeds.push(BoundDeed::Hint);
                self.wait(MINUTE, deeds);
            }
            P::Talking { hinted: true } => {
                self.decide_on(BoundOutcome::Answered);
                deeds.extend([BoundDeed::DropCaller, BoundDeed::DropCallee]);
            }
            P::New | P::Ending | P::Over => {}
        }
    }

    fn let_caller_go(&mut self, deeds: &mut Vec<BoundDeed>) {
        self.phase = BoundPhase::Ending;
        self.next_token();
        deeds.push(BoundDeed::DropCaller);
    }

    /// The first decision stands.
    fn decide_on(&mut self, outcome: BoundOutcome) {
        self.outcome.get_or_insert(outcome);
        if self.phase != BoundPhase::Over {
            self.phase = BoundPhase::Ending;
        }
        self.next_token();
    }

    fn look_for_the_end(&mut self, deeds: &mut Vec<BoundDeed>) {
        if self.phase == BoundPhase::Ending
            && !self.caller_up
            && !self.callee_up
            && let Some(outcome) = self.outcome
        {
            self.phase = BoundPhase::Over;
            deeds.push(BoundDeed::Over { outcome });
        }
    }

    fn next_token(&mut self) -> u32 {
        self.token = self.token.wrapping_add(1);
        self.token
    }

    fn wait(&mut self, ms: i64, deeds: &mut Vec<BoundDeed>) {
        let token = self.next_token();
        deeds.push(BoundDeed::Wait { token, ms });
    }
}
