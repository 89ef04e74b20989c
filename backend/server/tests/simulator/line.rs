//! The process's side of the line, as `waybell_switch::Switch` behaves: legs, retransmissions, time-outs, events in
//! order for each leg. It is lost with the process.

use super::carrier::Message;
use super::world::{State, What};
use rand::Rng;
use std::time::{Duration, SystemTime};
use waybell_server::notify::telephone::Permit;
use waybell_switch::{
    DialogRecord, DigitSource, EndHow, Event, EventKind, LegEnd, LegId, RECORD_VERSION, Transport,
};

/// Ring limit of the trunks, ms.
pub(crate) const RING_LIMIT: i64 = 45_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Calling,
    Listening,
    Unconfirmed,
    Confirmed,
    Ending,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Normal,
    Probe,
    CancelStored,
    EndStored,
}

/// Timers of a leg.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Timer {
    Repeat { what: Request, n: u32 },
    RingLimit,
    Listened,
    Confirm,
    Played(u64),
}

/// A request that is sent again until it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Request {
    Invite,
    Cancel,
    Bye,
}

/// A leg.
pub(crate) struct Leg {
    pub(crate) phase: Phase,
    pub(crate) mode: Mode,
    how: Option<EndHow>,
    provisional: u16,
    final_seen: bool,
    cancel: bool,
    cancel_sent: bool,
    cancel_answered: bool,
    pub(crate) playing: Option<u64>,
    /// Events of this leg are not handed over before this time.
    order: i64,
    pub(crate) end: LegEnd,
    _permit: Option<Permit>,
}

impl State {
    pub(crate) fn emit(&mut self, id: &str, kind: EventKind) {
        let wait = match self.rng.random_range(0..20) {
            0 => self.rng.random_range(0..2_000),
            _ => self.rng.random_range(0..8),
        };
        let now = self.now;
        let Some(leg) = self.legs.get_mut(id) else { return };
        let at = (now + wait).max(leg.order);
        leg.order = at;
        let event = Box::new(Event { leg: LegId::new(id), at: SystemTime::UNIX_EPOCH, kind });
        let life = self.life;
        self.after(at - now, What::Emit { life, event });
    }

    pub(crate) fn timer(&mut self, ms: i64, id: &str, timer: Timer) {
        let life = self.life;
        self.after(ms, What::Leg { life, leg: id.to_owned(), timer });
    }

    pub(crate) fn open(&mut self, id: &str, mode: Mode, permit: Option<Permit>) -> bool {
        if self.legs.contains_key(id) {
            return false;
        }
        let end = LegEnd {
            how: EndHow::TimedOut,
            status: None,
            phrase: None,
            q850: None,
            reason_text: None,
            retry_after: None,
            sent: true,
            rang: false,
            answered: mode == Mode::EndStored,
            talk_ms: 0,
            bye: None,
            rtp: Default::default(),
        };
        let leg = Leg {
            phase: if mode == Mode::EndStored { Phase::Confirmed } else { Phase::Calling },
            mode,
            how: None,
            provisional: 0,
            final_seen: false,
            cancel: mode == Mode::CancelStored,
            cancel_sent: false,
            cancel_answered: false,
            playing: None,
            order: 0,
            end,
            _permit: permit,
        };
        self.legs.insert(id.to_owned(), leg);
        true
    }

    pub(crate) fn over(&mut self, id: &str, how: EndHow) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.end.how = leg.how.unwrap_or(how);
        let (end, playing) = (leg.end.clone(), leg.playing.take());
        if let Some(token) = playing {
            self.emit(id, EventKind::PlayEnded { token, completed: false, played_ms: 0 });
        }
        self.emit(id, EventKind::Ended { end });
        self.legs.remove(id);
    }

    pub(crate) fn ask(&mut self, id: &str, what: Request, n: u32) {
        let Some(leg) = self.legs.get(id) else { return };
        let (call, probe) = (id.to_owned(), leg.mode == Mode::Probe);
        if n == 0 || !self.nature.tcp {
            self.carry(match what {
                Request::Invite => Message::Invite { call, probe },
                Request::Cancel => Message::Cancel { call },
                Request::Bye => Message::Bye { call },
            });
        }
        let wait = if n >= 6 { 500 } else { 500i64 << n };
        self.timer(wait, id, Timer::Repeat { what, n: n + 1 });
    }

    pub(crate) fn send_cancel(&mut self, id: &str) {
        if let Some(leg) = self.legs.get_mut(id)
            && !leg.cancel_sent
        {
            leg.cancel_sent = true;
            self.ask(id, Request::Cancel, 0);
        }
    }

    pub(crate) fn want_cancel(&mut self, id: &str) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        match leg.phase {
            Phase::Calling => {
                leg.cancel = true;
                if leg.provisional > 0 {
                    self.send_cancel(id);
                }
            }
            Phase::Listening => {
                leg.cancel = true;
            }
            _ => self.bye(id, EndHow::LocalBye),
        }
    }

    pub(crate) fn bye(&mut self, id: &str, how: EndHow) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        leg.how.get_or_insert(how);
        if leg.phase == Phase::Ending {
            return;
        }
        leg.phase = Phase::Ending;
        self.ask(id, Request::Bye, 0);
    }

    /// A timer of a leg.
    pub(crate) fn on_leg(&mut self, id: &str, timer: Timer) {
        let Some(leg) = self.legs.get_mut(id) else { return };
        match timer {
            Timer::Repeat { what, n } => {
                let answered = match what {
                    Request::Invite => leg.provisional > 0 || leg.final_seen,
                    Request::Cancel => leg.cancel_answered || leg.final_seen,
                    Request::Bye => false,
                };
                if answered {
                    return;
                }
                if n > 6 {
                    let how = match (what, leg.mode) {
                        (Request::Invite, Mode::Probe) => EndHow::ProbeSilent,
                        (Request::Bye, _) => EndHow::LocalBye,
                        (Request::Cancel, mode) if mode != Mode::CancelStored => return,
                        _ => EndHow::TimedOut,
                    };
                    return self.over(id, how);
                }
                self.ask(id, what, n);
            }
            Timer::RingLimit if leg.phase == Phase::Calling => {
                if leg.cancel_sent {
                    return self.over(id, EndHow::TimedOut);
                }
                leg.cancel = true;
                self.timer(32_000, id, Timer::RingLimit);
                self.send_cancel(id);
            }
            Timer::Listened if leg.phase == Phase::Listening => self.over(id, EndHow::ProbeGone),
            Timer::Confirm if leg.phase == Phase::Unconfirmed => self.bye(id, EndHow::LocalBye),
            Timer::Played(token) if leg.playing == Some(token) => {
                leg.playing = None;
                self.told.insert(id.to_owned());
                self.emit(id, EventKind::PlayEnded { token, completed: true, played_ms: 3_000 });
            }
            _ => {}
        }
    }

    /// A message has come to the process.
    pub(crate) fn on_hear(&mut self, life: u32, message: Message) {
        if !self.alive || self.nature.tcp && life != self.life {
            return;
        }
        self.note(|| format!("   < {message:?}"));
        match message {
            Message::Status { call, status, cause, after } => self.on_status(&call, status, cause, after),
            Message::CancelStatus { call, status } => {
                let Some(leg) = self.legs.get_mut(&call) else { return };
                leg.cancel_answered = true;
                if leg.mode == Mode::CancelStored {
                    if status == 481 {
                        return self.over(&call, EndHow::ProbeGone);
                    }
                    self.timer(32_000, &call, Timer::RingLimit);
                }
            }
            Message::Bye { call } => {
                self.carry(Message::ByeDone { call: call.clone() });
                if let Some(leg) = self.legs.get(&call)
                    && !matches!(leg.phase, Phase::Calling | Phase::Listening)
                {
                    self.over(&call, EndHow::RemoteBye);
                }
            }
            Message::ByeDone { call } => {
                if self.legs.get(&call).is_some_and(|l| l.phase == Phase::Ending) {
                    self.over(&call, EndHow::LocalBye);
                }
            }
            Message::Key { call, key } => {
                if self.legs.get(&call).is_some_and(|l| l.phase == Phase::Confirmed) {
                    self.told.insert(call.clone());
                    self.emit(&call, EventKind::Digit { digit: key, source: DigitSource::Rfc4733 });
                }
            }
            Message::Invite { .. } | Message::Ack { .. } | Message::Cancel { .. } => {}
        }
    }

    fn on_status(&mut self, id: &str, status: u16, cause: Option<u8>, after: Option<u64>) {
        let Some(leg) = self.legs.get_mut(id) else {
            // a ghost of a call that is over: its finals are still acknowledged, as a transaction does
            if status >= 300 || (200..300).contains(&status) {
                self.carry(Message::Ack { call: id.to_owned() });
                if status < 300 {
                    self.carry(Message::Bye { call: id.to_owned() });
                }
            }
            return;
        };
        match status {
            100..200 => {
                if leg.phase != Phase::Calling {
                    return;
                }
                if (180..190).contains(&status) {
                    leg.end.rang = true;
                    self.known.insert(id.to_owned());
                }
                if status > 100 && leg.mode == Mode::Probe {
                    leg.mode = Mode::Normal;
                }
                let changed = leg.provisional != status;
                leg.provisional = status;
                let cancel = leg.cancel;
                if changed {
                    self.emit(id, EventKind::Progress { status, early_media: false });
                }
                if cancel {
                    self.send_cancel(id);
                }
            }
            200..300 => match leg.phase {
                Phase::Calling | Phase::Listening => {
                    leg.final_seen = true;
                    leg.end.answered = true;
                    leg.end.status = Some(status);
                    if leg.cancel {
                        self.carry(Message::Ack { call: id.to_owned() });
                        self.carry(Message::Bye { call: id.to_owned() });
                        return self.over(id, EndHow::Cancelled);
                    }
                    leg.mode = Mode::Normal;
                    leg.phase = Phase::Unconfirmed;
                    self.timer(32_000, id, Timer::Confirm);
                    self.emit(id, EventKind::Answered { dialog: dialog(id) });
                }
                Phase::Unconfirmed => {}
                _ => self.carry(Message::Ack { call: id.to_owned() }),
            },
            _ => {
                self.carry(Message::Ack { call: id.to_owned() });
                let Some(leg) = self.legs.get_mut(id) else { return };
                if leg.phase != Phase::Calling {
                    return;
                }
                leg.final_seen = true;
                leg.end.status = Some(status);
                leg.end.q850 = cause;
                leg.end.retry_after = after.map(Duration::from_secs);
                let how = match status {
                    420 if leg.mode == Mode::Probe => {
                        leg.phase = Phase::Listening;
                        return self.timer(4_000, id, Timer::Listened);
                    }
                    482 if leg.mode == Mode::Probe => EndHow::ProbeSilent,
                    487 if leg.cancel => EndHow::Cancelled,
                    _ => EndHow::Refused,
                };
                self.over(id, how);
            }
        }
    }
}

fn dialog(id: &str) -> DialogRecord {
    DialogRecord {
        version: RECORD_VERSION,
        trunk: Some("t0".into()),
        call_id: id.to_owned(),
        local_uri: "sip:a@b".into(),
        local_tag: "l".into(),
        remote_uri: "sip:c@d".into(),
        remote_tag: "r".into(),
        remote_target: "sip:c@d".into(),
        route_set: Vec::new(),
        local_cseq: 1,
        invite_cseq: 1,
        destination: ([127, 0, 0, 1], 5060).into(),
        transport: Transport::Udp,
        sent_by: "127.0.0.1:5060".into(),
    }
}
