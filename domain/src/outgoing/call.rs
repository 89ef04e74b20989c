//! The life of a call that a courier makes, from the first ring of their own telephone to the last leg.
//!
//! ```text
//!  New ──▶ RingingCourier ──answered──▶ Briefing ──key 1──▶ RingingCustomer ──answered──▶ [Menu ──▶ Keying] ──▶ [Telling] ──▶ Talking
//!             │ busy, no answer,          │ no key, hung up     │ busy, no answer, refused    (an extension)   (of the       │ either
//!             ▼ refused                   ▼                     ▼                                               recording)   ▼ hangs up
//!           Ending ◀──────────────────────┴──────── said ── Announcing (the courier hears why)                            Ending
//! ```
//!
//! [`OutgoingCall::on`] takes one event and gives the deeds to do, in order; whoever runs it stores each deed that acts on
//! the network before doing it. What it promises, whatever comes in whatever order (`tests.rs` tries it):
//!
//! * the customer is rung only after the courier has taken the call, and once;
//! * a bridge is asked for only where both sides have answered, and once;
//! * where customers are told of recordings, none is asked for before the notice was heard to its end;
//! * when either side is gone, or the app hangs up, the other side's leg is told to end;
//! * it is over once its legs are, and says so exactly once ([`OutgoingDeed::Over`]).

use super::policy::OutgoingPolicy;
use crate::clock::UnixMs;
use crate::inbound::{Taping, TryResult};

words! {
    /// What a courier's call came to.
    pub enum OutgoingOutcome {
        /// They spoke.
        Answered = "answered", "已接通", "answered";
        /// The customer's line was busy.
        Busy = "busy", "客户占线", "the customer was busy";
        /// The customer declined.
        Declined = "declined", "客户拒接", "the customer declined";
        /// It rang, and the customer did not answer.
        NoAnswer = "no_answer", "客户未接听", "the customer did not answer";
        /// The customer's telephone could not be reached.
        Failed = "failed", "无法接通", "could not be reached";
        /// The courier did not take the call; the customer was not rung.
        CourierAway = "courier_away", "快递员未接听", "the courier did not answer";
        /// No line was free, or the server takes no calls any more: a telephone that was to be rung was not.
        NoLine = "no_line", "线路不可用，未拨出", "no line was available";
        /// Given up before anybody spoke.
        Cancelled = "cancelled", "已取消", "cancelled";
        /// Our server died meanwhile.
        Interrupted = "interrupted", "中断", "interrupted";
    }
}

/// Where a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingPhase {
    /// Not begun.
    New,
    /// The courier's own telephone rings.
    RingingCourier,
    /// The courier has answered and hears whom they will speak with.
    Briefing,
    /// The customer's telephone rings; the courier hears the tone.
    RingingCustomer,
    /// A menu has answered; its announcement is let play.
    Menu,
    /// The extension is being keyed.
    Keying,
    /// The customer hears that the call is recorded.
    Telling,
    /// They speak.
    Talking,
    /// The courier hears why nobody speaks.
    Announcing,
    /// Decided; legs are ending.
    Ending,
    /// Nothing is left.
    Over,
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingEvent {
    /// The call is stored; begin.
    Begin,
    /// The courier's telephone was answered.
    CourierAnswered,
    /// The courier pressed a key.
    CourierKey {
        /// Key.
        key: char,
    },
    /// The courier's leg is over.
    CourierEnded {
        /// What the network said; ignored where the leg had been answered.
        result: TryResult,
    },
    /// The customer's telephone was answered.
    CustomerAnswered,
    /// The customer's leg is over.
    CustomerEnded {
        /// As for the courier's.
        result: TryResult,
    },
    /// The leg that was to be rung last could not be begun.
    NotRung,
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
    /// The time of [`OutgoingDeed::Wait`] has come.
    Time {
        /// Its token.
        token: u32,
    },
    /// The courier ends the call from the app, or somebody over them does.
    HangUp,
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OutgoingDeed {
    /// Ring the courier's own telephone.
    RingCourier,
    /// Tell the courier whom they will speak with; then [`OutgoingEvent::Said`].
    Brief {
        /// For [`OutgoingEvent::Said`].
        token: u32,
    },
    /// Let the courier hear a ringing tone until something else is played or the bridge is made.
    RingTone,
    /// Ring the customer.
    RingCustomer,
    /// Key the extension into the menu that has answered.
    KeyExtension,
    /// Tell the customer that the call is recorded; then [`OutgoingEvent::Said`].
    TellRecording {
        /// For [`OutgoingEvent::Said`].
        token: u32,
    },
    /// Join both.
    Bridge {
        /// Whether both sides are recorded.
        tape: Taping,
    },
    /// Tell the courier why nobody speaks; then [`OutgoingEvent::Said`].
    Announce {
        /// Why.
        outcome: OutgoingOutcome,
        /// For [`OutgoingEvent::Said`].
        token: u32,
    },
    /// End the courier's leg.
    DropCourier,
    /// End the customer's leg.
    DropCustomer,
    /// Tell [`OutgoingEvent::Time`] after so many milliseconds; takes the place of an earlier wait.
    Wait {
        /// For [`OutgoingEvent::Time`].
        token: u32,
        /// How long.
        ms: i64,
    },
    /// Every leg is over; this is what the call came to.
    Over {
        /// Outcome.
        outcome: OutgoingOutcome,
    },
}

/// What is the same for calls of both directions, and how the customer's menu is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken {
    /// They are recorded.
    pub record: bool,
    /// The customer is told before.
    pub tell_recording: bool,
    /// Longest call.
    pub talk_ms: i64,
    /// For a number with an extension: how long the menu speaks before it takes keys, and how long the keys take.
    pub menu_ms: Option<(i64, i64)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct OutgoingCall {
    policy: OutgoingPolicy,
    spoken: Spoken,
    phase: OutgoingPhase,
    token: u32,
    courier_up: bool,
    customer_up: bool,
    rung_at: UnixMs,
    courier: Option<(UnixMs, UnixMs, TryResult)>,
    outcome: Option<OutgoingOutcome>,
}

impl OutgoingCall {
    /// A call by these rules.
    #[must_use]
    pub fn new(policy: OutgoingPolicy, spoken: Spoken) -> Self {
        OutgoingCall {
            policy,
            spoken,
            phase: OutgoingPhase::New,
            token: 0,
            courier_up: false,
            customer_up: false,
            rung_at: UnixMs(0),
            courier: None,
            outcome: None,
        }
    }

    /// Where it is.
    #[must_use]
    pub fn phase(&self) -> OutgoingPhase {
        self.phase
    }

    /// What it comes to, once that is decided.
    #[must_use]
    pub fn outcome(&self) -> Option<OutgoingOutcome> {
        self.outcome
    }

    /// When the courier's telephone began to ring, when that ended, and how.
    #[must_use]
    pub fn courier_rung(&self) -> Option<(UnixMs, UnixMs, TryResult)> {
        self.courier
    }

    /// Takes an event at `now` and tells what to do, in this order. An event that does not belong to the phase changes
    /// nothing.
    pub fn on(&mut self, event: OutgoingEvent, now: UnixMs) -> Vec<OutgoingDeed> {
        use OutgoingEvent as E;
        use OutgoingPhase as P;
        let mut deeds = Vec::new();
        match event {
            E::Begin if self.phase == P::New => {
                self.phase = P::RingingCourier;
                self.courier_up = true;
                self.rung_at = now;
                deeds.push(OutgoingDeed::RingCourier);
                self.wait(self.policy.ring_ms, &mut deeds);
            }
            E::CourierAnswered if self.phase == P::RingingCourier => {
                self.phase = P::Briefing;
                let token = self.next_token();
                deeds.push(OutgoingDeed::Brief { token });
                self.wait(self.policy.accept_ms, &mut deeds);
            }
            // given up already, and answered all the same
            E::CourierAnswered if self.courier_up && self.phase == P::Ending => {
                deeds.push(OutgoingDeed::DropCourier);
            }
            E::CourierKey { key: '1' } if self.phase == P::Briefing => self.ring_customer(now, &mut deeds),
            E::CourierEnded { result } if self.courier_up => {
                self.courier_up = false;
                self.courier_ended(result, now, &mut deeds);
            }
            E::CustomerAnswered if self.phase == P::RingingCustomer => self.answered(&mut deeds),
            E::CustomerAnswered if self.customer_up && matches!(self.phase, P::Announcing | P::Ending) => {
                deeds.push(OutgoingDeed::DropCustomer);
            }
            E::CustomerEnded { result } if self.customer_up => {
                self.customer_up = false;
                self.customer_ended(result, &mut deeds);
            }
            E::NotRung => self.not_rung(now, &mut deeds),
            E::Said { token } => self.said(token, now, &mut deeds),
            E::Unheard { token } => self.unheard(token, now, &mut deeds),
            E::Time { token } if token == self.token => self.time(now, &mut deeds),
            E::HangUp => self.hang_up(now, &mut deeds),
            _ => {}
        }
        self.look_for_the_end(&mut deeds);
        deeds
    }

    fn ring_customer(&mut self, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        self.note(TryResult::Accepted, now);
        self.phase = OutgoingPhase::RingingCustomer;
        self.customer_up = true;
        deeds.push(OutgoingDeed::RingTone);
        deeds.push(OutgoingDeed::RingCustomer);
        self.wait(self.policy.customer_ring_ms, deeds);
    }

    fn not_rung(&mut self, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        match self.phase {
            OutgoingPhase::RingingCourier => {
                self.courier_up = false;
                self.note(TryResult::Failed, now);
                self.decide_on(OutgoingOutcome::NoLine);
            }
            OutgoingPhase::RingingCustomer => {
                self.customer_up = false;
                self.announce(OutgoingOutcome::NoLine, deeds);
            }
            _ => {}
        }
    }

    fn answered(&mut self, deeds: &mut Vec<OutgoingDeed>) {
        match self.spoken.menu_ms {
            Some((speaks, _)) => {
                self.phase = OutgoingPhase::Menu;
                self.wait(speaks, deeds);
            }
            None => self.connect(deeds),
        }
    }

    /// Both are there: they speak, as soon as the customer knows of the recording.
    fn connect(&mut self, deeds: &mut Vec<OutgoingDeed>) {
        match (self.spoken.record, self.spoken.tell_recording) {
            (false, _) => self.bridge(Taping::Off, deeds),
            (true, false) => self.bridge(Taping::On, deeds),
            (true, true) => {
                self.phase = OutgoingPhase::Telling;
                let token = self.next_token();
                deeds.push(OutgoingDeed::TellRecording { token });
                deeds.push(OutgoingDeed::Wait { token, ms: ANNOUNCEMENT_MS });
            }
        }
    }

    fn bridge(&mut self, tape: Taping, deeds: &mut Vec<OutgoingDeed>) {
        self.phase = OutgoingPhase::Talking;
        deeds.push(OutgoingDeed::Bridge { tape });
        self.wait(self.spoken.talk_ms, deeds);
    }

    fn courier_ended(&mut self, result: TryResult, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        use OutgoingPhase as P;
        let outcome = match self.phase {
            P::RingingCourier => {
                self.note(result, now);
                OutgoingOutcome::CourierAway
            }
            P::Briefing => {
                self.note(TryResult::NotAccepted, now);
                OutgoingOutcome::CourierAway
            }
            P::Talking => OutgoingOutcome::Answered,
            // decided before, where it is being announced
            _ => OutgoingOutcome::Cancelled,
        };
        self.decide_on(outcome);
        if self.customer_up {
            deeds.push(OutgoingDeed::DropCustomer);
        }
    }

    fn customer_ended(&mut self, result: TryResult, deeds: &mut Vec<OutgoingDeed>) {
        use OutgoingPhase as P;
        match self.phase {
            P::RingingCustomer => {
                let outcome = match result {
                    TryResult::Busy => OutgoingOutcome::Busy,
                    TryResult::Declined => OutgoingOutcome::Declined,
                    TryResult::NoAnswer => OutgoingOutcome::NoAnswer,
                    _ => OutgoingOutcome::Failed,
                };
                self.announce(outcome, deeds);
            }
            // the menu hung up before it put anybody through
            P::Menu | P::Keying => self.announce(OutgoingOutcome::Failed, deeds),
            P::Telling => self.announce(OutgoingOutcome::Declined, deeds),
            P::Talking => {
                self.decide_on(OutgoingOutcome::Answered);
                deeds.push(OutgoingDeed::DropCourier);
            }
            _ => {}
        }
    }

    fn announce(&mut self, outcome: OutgoingOutcome, deeds: &mut Vec<OutgoingDeed>) {
        self.decide_on(outcome);
        self.phase = OutgoingPhase::Announcing;
        let token = self.next_token();
        deeds.push(OutgoingDeed::Announce { outcome, token });
        deeds.push(OutgoingDeed::Wait { token, ms: ANNOUNCEMENT_MS });
    }

    fn said(&mut self, token: u32, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        match self.phase {
            // without a key the briefing is the end of the wait; it has the token before the wait's
            OutgoingPhase::Briefing if !self.policy.accept_key && token.wrapping_add(1) == self.token => {
                self.ring_customer(now, deeds);
            }
            OutgoingPhase::Telling if token == self.token => self.bridge(Taping::On, deeds),
            OutgoingPhase::Announcing if token == self.token => self.let_courier_go(deeds),
            _ => {}
        }
    }

    fn unheard(&mut self, token: u32, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        match self.phase {
            // hung up while it was said, or a line without sound: nobody has taken the call
            OutgoingPhase::Briefing if !self.policy.accept_key && token.wrapping_add(1) == self.token => {
                self.note(TryResult::NotAccepted, now);
                self.decide_on(OutgoingOutcome::CourierAway);
                deeds.push(OutgoingDeed::DropCourier);
            }
            // who was not told is not recorded; a customer who has hung up is told of in a moment
            OutgoingPhase::Telling if token == self.token => self.wait(GONE_MS, deeds),
            _ => self.said(token, now, deeds),
        }
    }

    fn time(&mut self, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        use OutgoingPhase as P;
        match self.phase {
            P::RingingCourier => {
                self.note(TryResult::NoAnswer, now);
                self.decide_on(OutgoingOutcome::CourierAway);
                deeds.push(OutgoingDeed::DropCourier);
            }
            P::Briefing if !self.policy.accept_key => self.ring_customer(now, deeds),
            P::Briefing => {
                self.note(TryResult::NotAccepted, now);
                self.decide_on(OutgoingOutcome::CourierAway);
                deeds.push(OutgoingDeed::DropCourier);
            }
            P::RingingCustomer => {
                deeds.push(OutgoingDeed::DropCustomer);
                self.announce(OutgoingOutcome::NoAnswer, deeds);
            }
            P::Menu => {
                self.phase = P::Keying;
                deeds.push(OutgoingDeed::KeyExtension);
                self.wait(self.spoken.menu_ms.map_or(0, |(_, keys)| keys), deeds);
            }
            P::Keying => self.connect(deeds),
            P::Telling => self.bridge(Taping::Untold, deeds),
            P::Talking => {
                self.decide_on(OutgoingOutcome::Answered);
                deeds.extend([OutgoingDeed::DropCustomer, OutgoingDeed::DropCourier]);
            }
            P::Announcing => self.let_courier_go(deeds),
            P::New | P::Ending | P::Over => {}
        }
    }

    fn let_courier_go(&mut self, deeds: &mut Vec<OutgoingDeed>) {
        self.phase = OutgoingPhase::Ending;
        self.next_token();
        deeds.push(OutgoingDeed::DropCourier);
    }

    fn hang_up(&mut self, now: UnixMs, deeds: &mut Vec<OutgoingDeed>) {
        use OutgoingPhase as P;
        let outcome = match self.phase {
            P::Ending | P::Over => return,
            P::Talking => OutgoingOutcome::Answered,
            _ => OutgoingOutcome::Cancelled,
        };
        if matches!(self.phase, P::RingingCourier | P::Briefing) {
            self.note(TryResult::CallerGone, now);
        }
        self.decide_on(outcome);
        if self.customer_up {
            deeds.push(OutgoingDeed::DropCustomer);
        }
        if self.courier_up {
            deeds.push(OutgoingDeed::DropCourier);
        }
    }

    fn note(&mut self, result: TryResult, now: UnixMs) {
        self.courier.get_or_insert((self.rung_at, now, result));
    }

    /// The first decision stands.
    fn decide_on(&mut self, outcome: OutgoingOutcome) {
        self.outcome.get_or_insert(outcome);
        if self.phase != OutgoingPhase::Over {
            self.phase = OutgoingPhase::Ending;
        }
        self.next_token();
    }

    fn look_for_the_end(&mut self, deeds: &mut Vec<OutgoingDeed>) {
        if self.phase == OutgoingPhase::Ending
            && !self.courier_up
            && !self.customer_up
            && let Some(outcome) = self.outcome
        {
            self.phase = OutgoingPhase::Over;
            deeds.push(OutgoingDeed::Over { outcome });
        }
    }

    fn next_token(&mut self) -> u32 {
        self.token = self.token.wrapping_add(1);
        self.token
    }

    fn wait(&mut self, ms: i64, deeds: &mut Vec<OutgoingDeed>) {
        let token = self.next_token();
        deeds.push(OutgoingDeed::Wait { token, ms });
    }
}

/// Between the end of what is said to a leg that is gone and the word that it is.
const GONE_MS: i64 = 500;
/// An announcement that is not over by then will never be.
const ANNOUNCEMENT_MS: i64 = 15_000;
