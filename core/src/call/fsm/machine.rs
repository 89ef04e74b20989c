//! The table.

use super::{CallId, Effect, Event, Message, Reason, State, Timer, TimerId};
use std::time::Duration;

const NO_REPLY: Duration = Duration::from_secs(10);
const NO_ANSWER: Duration = Duration::from_secs(60);
const MISSED: Duration = Duration::from_secs(60);
const NO_MEDIA: Duration = Duration::from_secs(15);
/// Signalling itself can be resumed for so long.
const LOST: Duration = Duration::from_secs(30);
/// No call lasts longer, held or not.
const TOO_LONG: Duration = Duration::from_secs(4 * 3_600);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Dialing,
    Ringing,
    Incoming,
    Connecting,
    Up,
    Lost,
    Ended(Reason),
}

/// The call that is, or was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Call {
    id: CallId,
    phase: Phase,
    held_here: bool,
    held_there: bool,
    /// The media have a way.
    has_way: bool,
    has_media: bool,
    has_audio: bool,
    rings: bool,
}

/// A cellular call beside ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cellular {
    None,
    /// It has the microphone.
    Speaks,
    /// It is over, and the person has not yet taken our call up again.
    Left,
}

/// See [`super`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Machine {
    call: Option<Call>,
    cellular: Cellular,
    state_timer: Option<u64>,
    call_timer: Option<u64>,
    timers: u64,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { call: None, cellular: Cellular::None, state_timer: None, call_timer: None, timers: 0 }
    }
}

impl Machine {
    /// What a screen shows.
    #[must_use]
    pub fn state(&self) -> State {
        let Some(call) = self.call else {
            return State::Idle;
        };
        match call.phase {
            Phase::Ended(reason) => State::Ended(reason),
            Phase::Dialing => State::Dialing,
            Phase::Ringing => State::Ringing,
            Phase::Incoming => State::Incoming,
            Phase::Connecting => State::Connecting,
            Phase::Up | Phase::Lost if self.cellular != Cellular::None => State::HeldByCellular,
            Phase::Lost => State::Reconnecting,
            Phase::Up if call.held_here => State::HeldLocal,
            Phase::Up if call.held_there => State::HeldRemote,
            Phase::Up => State::Active,
        }
    }

    /// The call that is not over.
    #[must_use]
    pub fn call(&self) -> Option<CallId> {
        self.live().map(|c| c.id)
    }

    fn live(&self) -> Option<Call> {
        self.call.filter(|c| !matches!(c.phase, Phase::Ended(_)))
    }

    /// The machine after `event`, and what is to be done, in this order.
    #[must_use]
    pub fn step(mut self, event: Event) -> (Machine, Vec<Effect>) {
        let before = self;
        let mut effects = Vec::new();
        self.take(event, &mut effects);
        self.settle(&before, &mut effects);
        (self, effects)
    }

    fn take(&mut self, event: Event, effects: &mut Vec<Effect>) {
        match event {
            Event::Dial(id) if self.live().is_none() && self.call.is_none_or(|c| c.id != id) => {
                self.begin(id, Phase::Dialing);
                self.with(|c| (c.has_audio, c.has_media) = (true, true));
                effects.extend([
                    Effect::AcquireAudio(id),
                    Effect::StartMedia { call: id, offers: true },
                    Effect::Send(id, Message::Invite),
                ]);
                self.timer(Timer::State, NO_REPLY, effects);
            }
            Event::Dial(_) => effects.push(Effect::Refuse(self.state())),
            Event::Answer => self.answer(effects),
            Event::Decline | Event::HangUp => self.hang_up(effects),
            Event::Hold | Event::Resume => self.hold(event == Event::Hold, effects),
            Event::Signal(id, Message::Invite) => self.invite(id, effects),
            Event::Signal(id, message) => {
                if let Some(call) = self.live().filter(|c| c.id == id) {
                    self.signal(call, message, effects);
                }
            }
            Event::Connected(id) => self.connected(id, effects),
            Event::Disconnected(id) => self.disconnected(id, effects),
            Event::NoMedia(id) => {
                if let Some(call) = self.live().filter(|c| c.id == id && c.has_media) {
                    let outgoing = matches!(call.phase, Phase::Dialing | Phase::Ringing);
                    effects.push(Effect::Send(id, if outgoing { Message::Cancel } else { Message::Bye }));
                    self.end(Reason::NoMedia);
                }
            }
            Event::NetworkChanged => {
                if let Some(call) = self.live().filter(|c| c.has_media) {
                    effects.push(Effect::RestartMedia(call.id));
                    effects.push(Effect::Send(call.id, Message::Restart));
                }
            }
            Event::CellularBegan => self.cellular = Cellular::Speaks,
            Event::CellularEnded { resume } => {
                let speaks = self.live().is_some_and(|c| matches!(c.phase, Phase::Up | Phase::Lost));
                let keeps = !resume && speaks && self.cellular != Cellular::None;
                self.cellular = if keeps { Cellular::Left } else { Cellular::None };
            }
            Event::AudioFailed(id) => {
                if let Some(call) = self.live().filter(|c| c.id == id && c.has_audio)
                    && self.cellular == Cellular::None
                {
                    effects.push(Effect::Send(call.id, Message::Bye));
                    self.end(Reason::Audio);
                }
            }
            Event::Timer(id) => self.went_off(id, effects),
        }
    }

    fn begin(&mut self, id: CallId, phase: Phase) {
        self.call = Some(Call {
            id,
            phase,
            held_here: false,
            held_there: false,
            has_way: false,
            has_media: false,
            has_audio: false,
            rings: false,
        });
    }

    fn with(&mut self, change: impl FnOnce(&mut Call)) {
        if let Some(call) = &mut self.call {
            change(call);
        }
    }

    fn timer(&mut self, timer: Timer, after: Duration, effects: &mut Vec<Effect>) {
        self.timers += 1;
        let number = self.timers;
        match timer {
            Timer::State => self.state_timer = Some(number),
            Timer::Call => self.call_timer = Some(number),
        }
        effects.push(Effect::SetTimer(TimerId { timer, number }, after));
    }

    fn answer(&mut self, effects: &mut Vec<Effect>) {
        let Some(call) = self.live().filter(|c| c.phase == Phase::Incoming) else {
            return effects.push(Effect::Refuse(self.state()));
        };
        self.with(|c| (c.phase, c.has_audio, c.has_media) = (Phase::Connecting, true, true));
        effects.extend([
            Effect::AcquireAudio(call.id),
            Effect::StartMedia { call: call.id, offers: false },
            Effect::Send(call.id, Message::Answer),
        ]);
        self.timer(Timer::State, NO_MEDIA, effects);
    }

    fn hang_up(&mut self, effects: &mut Vec<Effect>) {
        let Some(call) = self.live() else {
            return effects.push(Effect::Refuse(self.state()));
        };
        let (message, reason) = match call.phase {
            Phase::Dialing | Phase::Ringing => (Message::Cancel, Reason::HungUp),
            Phase::Incoming => (Message::Decline, Reason::Declined),
            _ => (Message::Bye, Reason::HungUp),
        };
        effects.push(Effect::Send(call.id, message));
        self.end(reason);
    }

    fn hold(&mut self, hold: bool, effects: &mut Vec<Effect>) {
        let Some(call) = self.live().filter(|c| matches!(c.phase, Phase::Up | Phase::Lost)) else {
            return effects.push(Effect::Refuse(self.state()));
        };
        self.with(|c| c.held_here = hold);
        if !hold {
            match self.cellular {
                Cellular::Left => self.cellular = Cellular::None,
                Cellular::Speaks => effects.push(Effect::ReclaimAudio(call.id)),
                Cellular::None => {}
            }
        }
    }

    fn invite(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        if self.call.is_some_and(|c| c.id == id) {
            return;
        }
        if self.live().is_some() {
            return effects.extend([Effect::Send(id, Message::Busy), Effect::Alert(id)]);
        }
        self.begin(id, Phase::Incoming);
        self.with(|c| c.rings = true);
        effects.push(Effect::Send(id, Message::Ringing));
        // Beside a cellular call nothing rings; the person is told all the same.
        effects.push(if self.cellular == Cellular::Speaks { Effect::Alert(id) } else { Effect::Ring(id) });
        self.timer(Timer::State, MISSED, effects);
    }

    fn signal(&mut self, call: Call, message: Message, effects: &mut Vec<Effect>) {
        let outgoing = matches!(call.phase, Phase::Dialing | Phase::Ringing);
        let incoming = call.phase == Phase::Incoming;
        let answered = matches!(call.phase, Phase::Connecting | Phase::Up | Phase::Lost);
        match message {
            Message::Proceeding if call.phase == Phase::Dialing => {
                self.timer(Timer::State, NO_ANSWER, effects);
            }
            Message::Ringing if call.phase == Phase::Dialing => {
                self.with(|c| c.phase = Phase::Ringing);
                self.timer(Timer::State, NO_ANSWER, effects);
            }
            Message::Answer if outgoing && call.has_way => self.up(effects),
            Message::Answer if outgoing => {
                self.with(|c| c.phase = Phase::Connecting);
                self.timer(Timer::State, NO_MEDIA, effects);
            }
            Message::Decline if outgoing => self.end(Reason::DeclinedThere),
            Message::Busy if outgoing => self.end(Reason::Busy),
            Message::Cancel if incoming => self.end(Reason::Missed),
            Message::Elsewhere if incoming => self.end(Reason::Elsewhere),
            Message::Bye if outgoing => self.end(Reason::NoAnswer),
            Message::Bye if incoming => self.end(Reason::Missed),
            Message::Bye => self.end(Reason::HungUpThere),
            // The caller gave up, or another device was quicker, in the very moment of our answer.
            Message::Cancel if call.phase == Phase::Connecting => self.end(Reason::Missed),
            Message::Elsewhere if call.phase == Phase::Connecting => self.end(Reason::Elsewhere),
            Message::Hold if answered => self.with(|c| c.held_there = true),
            Message::Resume if answered => self.with(|c| c.held_there = false),
            Message::Restart if answered => effects.push(Effect::AnswerRestart(call.id)),
            _ => {}
        }
    }

    fn up(&mut self, effects: &mut Vec<Effect>) {
        let first = self.call_timer.is_none();
        self.with(|c| c.phase = Phase::Up);
        self.state_timer = None;
        if first {
            self.timer(Timer::Call, TOO_LONG, effects);
        }
    }

    fn connected(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let Some(call) = self.live().filter(|c| c.id == id && c.has_media) else { return };
        self.with(|c| c.has_way = true);
        if matches!(call.phase, Phase::Connecting | Phase::Lost) {
            self.up(effects);
        }
    }

    fn disconnected(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        let Some(call) = self.live().filter(|c| c.id == id && c.has_way) else { return };
        self.with(|c| c.has_way = false);
        if call.phase == Phase::Up {
            self.with(|c| c.phase = Phase::Lost);
            self.look_for_a_way(call.id, effects);
        }
    }

    fn look_for_a_way(&mut self, id: CallId, effects: &mut Vec<Effect>) {
        effects.push(Effect::RestartMedia(id));
        effects.push(Effect::Send(id, Message::Restart));
        self.timer(Timer::State, LOST, effects);
    }

    fn went_off(&mut self, id: TimerId, effects: &mut Vec<Effect>) {
        let set = match id.timer {
            Timer::State => self.state_timer,
            Timer::Call => self.call_timer,
        };
        let Some(call) = self.live().filter(|_| set == Some(id.number)) else { return };
        if id.timer == Timer::Call {
            effects.push(Effect::Send(call.id, Message::Bye));
            return self.end(Reason::TooLong);
        }
        let (message, reason) = match call.phase {
            Phase::Dialing => (Some(Message::Cancel), Reason::NoReply),
            Phase::Ringing => (Some(Message::Cancel), Reason::NoAnswer),
            Phase::Incoming => (None, Reason::Missed),
            Phase::Connecting => (Some(Message::Bye), Reason::NoMedia),
            // The cellular call may be what took the network; it is waited for.
            Phase::Lost if self.cellular == Cellular::Speaks => return self.look_for_a_way(call.id, effects),
            Phase::Lost => (Some(Message::Bye), Reason::Lost),
            Phase::Up | Phase::Ended(_) => return,
        };
        effects.extend(message.map(|m| Effect::Send(call.id, m)));
        self.end(reason);
    }

    fn end(&mut self, reason: Reason) {
        self.with(|c| c.phase = Phase::Ended(reason));
    }

    /// What follows from where the machine is, whichever way it came there.
    fn settle(&mut self, before: &Machine, effects: &mut Vec<Effect>) {
        let Some(call) = self.call else { return };
        let id = call.id;
        if call.rings && call.phase != Phase::Incoming {
            self.with(|c| c.rings = false);
            effects.push(Effect::StopRinging(id));
        }
        let was = |holds: fn(&Machine) -> bool| before.call.is_some_and(|c| c.id == id) && holds(before);
        let is_over = matches!(call.phase, Phase::Ended(_));
        let (flowed, flows) = (was(Machine::flows), self.flows());
        if flows && !flowed {
            effects.push(Effect::Thaw(id));
        } else if flowed && !flows {
            effects.push(Effect::Freeze(id));
        }
        let (held, holds) = (was(Machine::holds), self.holds());
        if held != holds && !is_over {
            effects.push(Effect::Send(id, if holds { Message::Hold } else { Message::Resume }));
        }
        if is_over {
            if call.has_media {
                effects.push(Effect::StopMedia(id));
            }
            if call.has_audio {
                effects.push(Effect::ReleaseAudio(id));
            }
            self.with(|c| (c.has_media, c.has_audio, c.has_way) = (false, false, false));
            (self.state_timer, self.call_timer) = (None, None);
            if self.cellular == Cellular::Left {
                self.cellular = Cellular::None;
            }
        }
        if self.state() != before.state() || before.call.is_none_or(|c| c.id != id) {
            effects.push(Effect::Show(id, self.state()));
        }
    }

    /// Sound goes both ways.
    fn flows(&self) -> bool {
        self.state() == State::Active
    }

    /// The other side has been told that this one holds the call.
    fn holds(&self) -> bool {
        let answered = |c: Call| matches!(c.phase, Phase::Up | Phase::Lost);
        self.live().is_some_and(|c| answered(c) && (c.held_here || self.cellular != Cellular::None))
    }
}
