//! The carrier and the telephones behind it: transactions by branch, telephones that ring. It outlives the process.

use super::callee::Plan;
use super::world::{State, What};
use rand::Rng;

/// How transactions are kept, and whether `Require` is obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Profile {
    /// RFC 3261: the INVITE transaction ends at the 2xx.
    Rfc3261,
    /// RFC 6026: it absorbs repetitions for 32 s.
    Rfc6026,
    /// Forgets 5 s after any final answer.
    Forgetful,
    /// Rings for an INVITE with an unknown `Require`; its trunks must not be probed.
    IgnoresRequire,
}

impl Profile {
    pub(crate) const ALL: [Profile; 4] =
        [Profile::Rfc3261, Profile::Rfc6026, Profile::Forgetful, Profile::IgnoresRequire];
}

/// What is said between process and carrier.
#[derive(Debug, Clone)]
pub(crate) enum Message {
    Invite {
        call: String,
        probe: bool,
    },
    Ack {
        call: String,
    },
    Cancel {
        call: String,
    },
    Bye {
        call: String,
    },
    /// Answer to an INVITE.
    Status {
        call: String,
        status: u16,
        cause: Option<u8>,
        after: Option<u64>,
    },
    CancelStatus {
        call: String,
        status: u16,
    },
    ByeDone {
        call: String,
    },
    Key {
        call: String,
        key: char,
    },
}

/// Timers of the carrier.
#[derive(Debug, Clone)]
pub(crate) enum Timer {
    Ring,
    Act,
    Repeat(u32),
    HangUp,
    Press,
}

/// One call as the carrier has it, by Call-ID.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) id: String,
    pub(crate) plan: Plan,
    /// Every time a telephone began to ring.
    pub(crate) alerts: Vec<i64>,
    pub(crate) answered: Option<i64>,
    /// Status of the final answer and when it was first sent.
    pub(crate) last: Option<(u16, i64)>,
    pub(crate) acked: Option<i64>,
    pub(crate) ended: Option<i64>,
    provisional: u16,
    cause: Option<u8>,
    listens: i64,
}

impl Call {
    /// Rings or talks at that time.
    pub(crate) fn alive(&self, at: i64) -> bool {
        self.alerts.first().is_some_and(|a| *a <= at) && self.ended.is_none_or(|e| e > at)
    }
}

impl State {
    /// Sends towards the carrier.
    pub(crate) fn carry(&mut self, message: Message) {
        for wait in self.travel(0, &message) {
            self.after(wait, What::Carry(message.clone()));
        }
    }

    fn hear(&mut self, message: Message) {
        let life = self.life;
        for wait in self.travel(1, &message) {
            self.after(wait, What::Hear { life, message: message.clone() });
        }
    }

    /// When a message arrives, each time that it does.
    fn travel(&mut self, direction: usize, message: &Message) -> Vec<i64> {
        let loss = self.nature.loss;
        let mut waits = Vec::new();
        if !self.nature.tcp && self.chance(0.03) {
            waits.push(self.way());
        }
        if self.chance(loss) {
            self.note(|| format!("   lost {} {message:?}", ['>', '<'][direction]));
        } else {
            waits.push(self.arrival(direction));
        }
        waits
    }

    /// A message has come to the carrier.
    pub(crate) fn on_carry(&mut self, message: Message) {
        self.note(|| format!("   > {message:?}"));
        match message {
            Message::Invite { call, probe } => self.on_invite(call, probe),
            Message::Ack { call } => {
                let now = self.now;
                let Some(c) = self.calls.get_mut(&call) else { return };
                if c.acked.is_none() && c.last.is_some() {
                    c.acked = Some(now);
                    let (listens, plan) = (c.listens, c.plan);
                    if c.last.is_some_and(|l| l.0 < 300) {
                        if listens > 0 {
                            self.after(listens, What::Call { call: call.clone(), timer: Timer::HangUp });
                        }
                        if let Plan::Answers { key: Some(_), .. } = plan {
                            let at = self.rng.random_range(1_000..8_000);
                            self.after(at, What::Call { call, timer: Timer::Press });
                        }
                    }
                }
            }
            Message::Cancel { call } => self.on_cancel(call),
            Message::Bye { call } => {
                let now = self.now;
                if let Some(c) = self.calls.get_mut(&call) {
                    c.ended.get_or_insert(now);
                    c.acked.get_or_insert(now);
                }
                self.hear(Message::ByeDone { call });
            }
            Message::ByeDone { .. }
            | Message::Status { .. }
            | Message::CancelStatus { .. }
            | Message::Key { .. } => {}
        }
    }

    fn on_invite(&mut self, id: String, probe: bool) {
        let (now, profile) = (self.now, self.nature.profile);
        if let Some(c) = self.calls.get(&id) {
            match (c.last, c.acked) {
                (None, _) => {
                    let status = c.provisional;
                    if status > 0 && c.plan != Plan::Silent {
                        self.status(&id, status);
                    }
                    return;
                }
                (Some((status, _)), None) if status >= 300 => return self.status(&id, status),
                // 2xx: the telephone repeats it by itself
                (Some((status, at)), acked) => {
                    let since = now - acked.unwrap_or(at).max(at);
                    let holds = match (profile, status < 300) {
                        (Profile::Rfc3261, true) => 0,
                        (Profile::Rfc6026, true) => 32_000,
                        _ => 5_000,
                    };
                    if since < holds {
                        return;
                    }
                    if c.ended.is_none() && !probe {
                        // a second INVITE of a call that lives
                        return self.status(&id, 482);
                    }
                }
            }
        }
        if probe && profile != Profile::IgnoresRequire {
            return self.status(&id, 420);
        }
        let plan = Plan::of(self);
        self.note(|| format!("   call {id} will be {plan:?}"));
        let again = self.calls.remove(&id).map(|c| c.alerts).unwrap_or_default();
        let call = Call {
            id: id.clone(),
            plan,
            alerts: again,
            answered: None,
            last: None,
            acked: None,
            ended: None,
            provisional: 0,
            cause: None,
            listens: 0,
        };
        self.calls.insert(id.clone(), call);
        if plan == Plan::Silent {
            return;
        }
        if !self.rng.random_bool(0.3) {
            self.provisional(&id, 100);
        }
        let wait = self.rng.random_range(20..1_500);
        let timer = if matches!(plan, Plan::Refused { .. }) { Timer::Act } else { Timer::Ring };
        if plan != Plan::Trying {
            self.after(wait, What::Call { call: id, timer });
        }
    }

    fn provisional(&mut self, id: &str, status: u16) {
        if let Some(c) = self.calls.get_mut(id) {
            c.provisional = c.provisional.max(status);
        }
        self.status(id, status);
    }

    fn status(&mut self, id: &str, status: u16) {
        let cause = self.calls.get(id).and_then(|c| c.cause).filter(|_| status >= 300 && status != 420);
        let after = (status == 503 && self.rng.random_bool(0.3)).then_some(7);
        self.hear(Message::Status { call: id.to_owned(), status, cause, after });
    }

    fn last(&mut self, id: &str, status: u16, cause: Option<u8>) {
        let now = self.now;
        let Some(c) = self.calls.get_mut(id) else { return };
        if c.last.is_some() {
            return;
        }
        c.last = Some((status, now));
        c.cause = cause;
        if status >= 300 {
            c.ended = Some(now);
        } else {
            c.answered = Some(now);
        }
        self.status(id, status);
        self.after(500, What::Call { call: id.to_owned(), timer: Timer::Repeat(1) });
    }

    fn on_cancel(&mut self, id: String) {
        let Some(c) = self.calls.get(&id) else {
            return self.hear(Message::CancelStatus { call: id, status: 481 });
        };
        let plan = c.plan;
        if plan == Plan::Silent {
            return;
        }
        let over = c.last.is_some();
        let forgotten = c.acked.is_some_and(|a| self.now - a > 5_000);
        self.hear(Message::CancelStatus { call: id.clone(), status: if forgotten { 481 } else { 200 } });
        match plan {
            _ if over => {}
            Plan::Deaf => {}
            Plan::Crosses => self.last(&id, 200, None),
            _ => self.last(&id, 487, None),
        }
    }

    /// A timer of the carrier.
    pub(crate) fn on_call(&mut self, id: String, timer: Timer) {
        let now = self.now;
        let Some(c) = self.calls.get_mut(&id) else { return };
        match timer {
            Timer::Ring if c.last.is_none() => {
                c.alerts.push(now);
                let n = c.alerts.len();
                let plan = c.plan;
                self.note(|| format!("   RINGS {id} ({n})"));
                let status = if self.rng.random_bool(0.1) { 183 } else { 180 };
                self.provisional(&id, status);
                let wait = match plan {
                    Plan::Answers { ring, .. } => ring,
                    Plan::Rings { for_ms, .. } if for_ms > 0 => for_ms,
                    _ => return,
                };
                self.after(wait, What::Call { call: id, timer: Timer::Act });
            }
            Timer::Act if c.last.is_none() => match c.plan {
                Plan::Answers { listens, .. } => {
                    c.listens = listens;
                    self.last(&id, 200, None);
                }
                Plan::Rings { status, cause, .. } | Plan::Refused { status, cause } => {
                    self.last(&id, status, cause);
                }
                _ => {}
            },
            Timer::Repeat(n) if c.acked.is_none() => {
                let Some((status, _)) = c.last else { return };
                if n > 9 {
                    // nobody acknowledges: a telephone hangs up
                    c.acked = Some(now);
                    c.ended.get_or_insert(now);
                    if status < 300 {
                        self.hear(Message::Bye { call: id });
                    }
                    return;
                }
                if status < 300 || !self.nature.tcp {
                    self.status(&id, status);
                }
                let wait = (500i64 << n).min(4_000);
                self.after(wait, What::Call { call: id, timer: Timer::Repeat(n + 1) });
            }
            Timer::HangUp if c.ended.is_none() => {
                c.ended = Some(now);
                self.hear(Message::Bye { call: id });
            }
            Timer::Press if c.ended.is_none() => {
                if let Plan::Answers { key: Some(key), .. } = c.plan {
                    self.hear(Message::Key { call: id, key });
                }
            }
            _ => {}
        }
    }
}
