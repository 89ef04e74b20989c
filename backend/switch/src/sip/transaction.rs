//! Transactions (RFC 3261 17, with the Accepted state of RFC 6026) as state machines without I/O: what came and what
//! time it is go in, what to do comes out.
//!
//! `rsipstack`'s own transactions are not used, for three reasons found in its source: it acknowledges a 2xx by itself
//! (ours must wait until the answer is durable), or, told not to, drops repeated and forked 2xx before anyone sees
//! them; it logs whole messages, and with them numbers of persons; and its queues have no bound.
//!
//! ```text
//! client INVITE:   Calling ──1xx──▶ Proceeding ──2xx──▶ Accepted ──64·T1──▶ gone      every 2xx goes up, always
//!                     │ └──────────────3xx-6xx──▶ Completed ──32 s (UDP)──▶ gone      ACK for every 3xx-6xx
//! client other:    Calling ──1xx──▶ Proceeding ──final──▶ Completed ──T4 (UDP)──▶ gone
//! server INVITE:   Proceeding ──2xx──▶ Accepted (2xx repeated until ACK) ──ACK or 64·T1──▶ absorbing, gone
//!                     └──3xx-6xx──▶ Completed (repeated until ACK, UDP) ──ACK──▶ Confirmed ──T4──▶ gone
//! server other:    Proceeding ──final──▶ Completed ──64·T1 (UDP)──▶ gone
//! ```

use std::time::{Duration, Instant};

/// T1 and its multiples.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Timing {
    pub(crate) t1: Duration,
}

impl Timing {
    /// Longest interval between repetitions.
    pub(crate) fn t2(self) -> Duration {
        self.t1 * 8
    }

    /// Longest life of a message in the network.
    pub(crate) fn t4(self) -> Duration {
        self.t1 * 10
    }

    /// When a transaction is given up.
    pub(crate) fn timeout(self) -> Duration {
        self.t1 * 64
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Client: nothing came yet.
    Calling,
    /// A provisional answer came (client) or the request is being worked on (server).
    Proceeding,
    /// INVITE with 2xx.
    Accepted,
    /// Final answer.
    Completed,
    /// Server INVITE: refusal acknowledged.
    Confirmed,
}

/// What a timer asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Due {
    /// Send the last message again.
    pub(crate) resend: bool,
    /// The other side never answered (client) or never acknowledged (server INVITE): tell the user.
    pub(crate) timed_out: bool,
    /// Forget the transaction.
    pub(crate) gone: bool,
}

/// What a response asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reaction {
    /// Give it to the user of the transaction.
    pub(crate) pass: bool,
    /// Acknowledge it (refusals of an INVITE).
    pub(crate) ack: bool,
    /// Forget the transaction.
    pub(crate) gone: bool,
}

/// The repetition and the end of a transaction.
#[derive(Debug, Clone, Copy, Default)]
struct Clock {
    interval: Duration,
    resend: Option<Instant>,
    end: Option<Instant>,
}

impl Clock {
    fn next(&self) -> Option<Instant> {
        match (self.resend, self.end) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }

    fn repeat(&mut self, now: Instant, first: Duration) {
        self.interval = first;
        self.resend = Some(now + first);
    }

    /// The next repetition after one that is due, twice as far up to `cap`.
    fn again(&mut self, now: Instant, cap: Option<Duration>) -> bool {
        let Some(at) = self.resend.filter(|at| *at <= now) else { return false };
        self.interval = (self.interval * 2).min(cap.unwrap_or(Duration::MAX));
        // From when it was due, so that a late timer does not shift all that follow; but never two at once.
        self.resend = Some((at + self.interval).max(now + self.interval / 2));
        true
    }

    fn ended(&self, now: Instant) -> bool {
        self.end.is_some_and(|at| at <= now)
    }
}

/// A request of ours.
#[derive(Debug)]
pub(crate) struct Client {
    invite: bool,
    reliable: bool,
    timing: Timing,
    state: State,
    clock: Clock,
}

impl Client {
    /// The request is being sent now.
    pub(crate) fn new(invite: bool, reliable: bool, timing: Timing, now: Instant) -> Self {
        let mut clock = Clock { end: Some(now + timing.timeout()), ..Clock::default() };
        if !reliable {
            clock.repeat(now, timing.t1);
        }
        Self { invite, reliable, timing, state: State::Calling, clock }
    }

    /// When [`Client::on_timer`] wants to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.clock.next()
    }

    /// Whether any answer has come.
    pub(crate) fn answered(&self) -> bool {
        self.state != State::Calling
    }

    /// Whether a final answer has come.
    pub(crate) fn is_final(&self) -> bool {
        !matches!(self.state, State::Calling | State::Proceeding)
    }

    pub(crate) fn on_response(&mut self, status: u16, now: Instant) -> Reaction {
        let pass = Reaction { pass: true, ..Reaction::default() };
        match (self.state, status) {
            (State::Calling | State::Proceeding, 100..200) => {
                self.state = State::Proceeding;
                if self.invite {
                    // No more repetitions, and no end: how long it may ring is the user's to say.
                    self.clock = Clock::default();
                } else if self.clock.resend.is_some() {
                    // RFC 3261 17.1.2.2: once Proceeding, every T2.
                    self.clock.interval = self.timing.t2();
                }
                pass
            }
            (_, 100..200) => Reaction::default(),
            (State::Calling | State::Proceeding, 200..300) if self.invite => {
                self.state = State::Accepted;
                self.clock = Clock { end: Some(now + self.timing.timeout()), ..Clock::default() };
                pass
            }
            // A repeated 2xx, that of another fork, or one that overtook a refusal.
            (State::Accepted | State::Completed, 200..300) if self.invite => pass,
            (State::Calling | State::Proceeding, _) => {
                self.state = State::Completed;
                let linger = match (self.reliable, self.invite) {
                    (true, _) => Duration::ZERO,
                    (false, true) => self.timing.timeout(),
                    (false, false) => self.timing.t4(),
                };
                self.clock = Clock { end: Some(now + linger), ..Clock::default() };
                Reaction { pass: true, ack: self.invite, gone: linger.is_zero() }
            }
            (State::Completed, 300..) if self.invite => Reaction { ack: true, ..Reaction::default() },
            _ => Reaction::default(),
        }
    }

    pub(crate) fn on_timer(&mut self, now: Instant) -> Due {
        if self.clock.ended(now) {
            let timed_out = !self.is_final();
            return Due { timed_out, gone: true, resend: false };
        }
        let cap = (!self.invite).then(|| self.timing.t2());
        Due { resend: self.clock.again(now, cap), ..Due::default() }
    }
}

/// A request of theirs.
#[derive(Debug)]
pub(crate) struct Server {
    invite: bool,
    reliable: bool,
    timing: Timing,
    state: State,
    clock: Clock,
}

impl Server {
    pub(crate) fn new(invite: bool, reliable: bool, timing: Timing) -> Self {
        Self { invite, reliable, timing, state: State::Proceeding, clock: Clock::default() }
    }

    /// When [`Server::on_timer`] wants to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.clock.next()
    }

    /// Whether a final answer was given.
    pub(crate) fn is_final(&self) -> bool {
        self.state != State::Proceeding
    }

    /// Whether the same request, come again, gets the last answer again.
    pub(crate) fn repeats_answer(&self) -> bool {
        self.state != State::Confirmed
    }

    /// We answer. False where a final answer was given before: then do not send.
    pub(crate) fn respond(&mut self, status: u16, now: Instant) -> bool {
        if self.is_final() {
            return false;
        }
        if status < 200 {
            return true;
        }
        let end = Some(now + self.timing.timeout());
        if self.invite && status < 300 {
            self.state = State::Accepted;
            // RFC 3261 13.3.1.4: a 2xx is repeated on any transport.
            self.clock = Clock { end, ..Clock::default() };
            self.clock.repeat(now, self.timing.t1);
        } else {
            self.state = State::Completed;
            self.clock = Clock { end, ..Clock::default() };
            if self.invite && !self.reliable {
                self.clock.repeat(now, self.timing.t1);
            }
            if !self.invite && self.reliable {
                self.clock.end = Some(now);
            }
        }
        true
    }

    /// The ACK came (for a 2xx: found by its dialog). True the first time.
    pub(crate) fn on_ack(&mut self, now: Instant) -> bool {
        if !matches!(self.state, State::Accepted | State::Completed) || !self.invite {
            return false;
        }
        let linger = match (self.state, self.reliable) {
            // Late repetitions of the INVITE are still absorbed.
            (State::Accepted, false) => self.timing.timeout(),
            (_, false) => self.timing.t4(),
            (_, true) => Duration::ZERO,
        };
        self.state = State::Confirmed;
        self.clock = Clock { end: Some(now + linger), ..Clock::default() };
        true
    }

    pub(crate) fn on_timer(&mut self, now: Instant) -> Due {
        if self.clock.ended(now) {
            let timed_out = self.invite && matches!(self.state, State::Accepted | State::Completed);
            return Due { timed_out, gone: true, resend: false };
        }
        Due { resend: self.clock.again(now, Some(self.timing.t2())), ..Due::default() }
    }
}

#[cfg(test)]
mod tests;
