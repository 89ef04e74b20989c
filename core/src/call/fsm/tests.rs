//! A table that a telephony engineer can read, and what holds in every history.

use super::*;
use std::collections::BTreeMap;

fn id(n: u128) -> CallId {
    CallId(Uuid::from_u128(n))
}

const US: Reason = Reason::HungUp;

/// The machine after these events, and the effects of the last.
fn after(events: &[Event]) -> (Machine, Vec<Effect>) {
    events.iter().fold((Machine::default(), Vec::new()), |(m, _), e| m.step(*e))
}

fn signal(message: Message) -> Event {
    Event::Signal(id(1), message)
}

/// The state's timer, as it was last set.
fn timer(events: &[Event], of: Timer) -> Event {
    let mut machine = Machine::default();
    let mut last = None;
    for event in events {
        let (next, effects) = machine.step(*event);
        machine = next;
        for effect in effects {
            if let Effect::SetTimer(id, _) = effect
                && id.timer == of
            {
                last = Some(id);
            }
        }
    }
    Event::Timer(last.expect("a timer was set"))
}

#[test]
fn the_table() {
    let dialing = vec![Event::Dial(id(1))];
    let proceeding = [&dialing[..], &[signal(Message::Proceeding)]].concat();
    let ringing = [&dialing[..], &[signal(Message::Ringing)]].concat();
    let answered = [&ringing[..], &[signal(Message::Answer)]].concat();
    let active = [&answered[..], &[Event::Connected(id(1))]].concat();
    let incoming = vec![signal(Message::Invite)];
    let taken = [&incoming[..], &[Event::Answer]].concat();
    let lost = [&active[..], &[Event::Disconnected(id(1))]].concat();
    let cellular = [&active[..], &[Event::CellularBegan]].concat();
    let held = [&active[..], &[Event::Hold]].concat();
    let late = |events: &Vec<Event>| timer(events, Timer::State);
    let rows: Vec<(&str, &Vec<Event>, Event, State)> = vec![
        ("it rings there", &dialing, signal(Message::Ringing), State::Ringing),
        ("answered without ringing", &dialing, signal(Message::Answer), State::Connecting),
        ("the server is mute", &dialing, late(&dialing), State::Ended(Reason::NoReply)),
        ("the switch's answer is no good", &proceeding, Event::NoMedia(id(1)), State::Ended(Reason::NoMedia)),
        ("another call's is", &proceeding, Event::NoMedia(id(2)), State::Dialing),
        ("the server sets it up", &dialing, signal(Message::Proceeding), State::Dialing),
        ("its first word came in time", &proceeding, late(&dialing), State::Dialing),
        ("it rings nobody", &proceeding, late(&proceeding), State::Ended(Reason::NoReply)),
        ("we give up", &dialing, Event::HangUp, State::Ended(US)),
        ("busy", &ringing, signal(Message::Busy), State::Ended(Reason::Busy)),
        ("declined", &ringing, signal(Message::Decline), State::Ended(Reason::DeclinedThere)),
        ("nobody answers", &ringing, late(&ringing), State::Ended(Reason::NoAnswer)),
        ("answered", &ringing, signal(Message::Answer), State::Connecting),
        ("no way for the media", &answered, late(&answered), State::Ended(Reason::NoMedia)),
        ("media connect", &answered, Event::Connected(id(1)), State::Active),
        ("we answer", &incoming, Event::Answer, State::Connecting),
        ("we decline", &incoming, Event::Decline, State::Ended(Reason::Declined)),
        ("the caller gives up", &incoming, signal(Message::Cancel), State::Ended(Reason::Missed)),
        ("another device answers", &incoming, signal(Message::Elsewhere), State::Ended(Reason::Elsewhere)),
        ("nobody is here", &incoming, late(&incoming), State::Ended(Reason::Missed)),
        ("cancel crosses the answer", &taken, signal(Message::Cancel), State::Ended(Reason::Missed)),
        ("another device was quicker", &taken, signal(Message::Elsewhere), State::Ended(Reason::Elsewhere)),
        ("we connect", &taken, Event::Connected(id(1)), State::Active),
        ("they hang up", &active, signal(Message::Bye), State::Ended(Reason::HungUpThere)),
        ("we hold", &active, Event::Hold, State::HeldLocal),
        ("we resume", &held, Event::Resume, State::Active),
        ("they hold", &active, signal(Message::Hold), State::HeldRemote),
        ("the network goes", &active, Event::Disconnected(id(1)), State::Reconnecting),
        ("it comes back", &lost, Event::Connected(id(1)), State::Active),
        ("it does not", &lost, late(&lost), State::Ended(Reason::Lost)),
        ("a cellular call", &active, Event::CellularBegan, State::HeldByCellular),
        ("a cellular call while held", &held, Event::CellularBegan, State::HeldByCellular),
        ("it ends", &cellular, Event::CellularEnded { resume: true }, State::Active),
        (
            "it ends, and the person is to go on",
            &cellular,
            Event::CellularEnded { resume: false },
            State::HeldByCellular,
        ),
        ("the platform takes the audio", &cellular, Event::AudioFailed(id(1)), State::HeldByCellular),
        ("the longest call", &active, timer(&active, Timer::Call), State::Ended(Reason::TooLong)),
        ("audio breaks", &active, Event::AudioFailed(id(1)), State::Ended(Reason::Audio)),
        ("an answer twice", &active, signal(Message::Answer), State::Active),
        ("ringing after the answer", &answered, signal(Message::Ringing), State::Connecting),
        ("the old timer", &ringing, late(&dialing), State::Ringing),
        ("another call's bye", &active, Event::Signal(id(2), Message::Bye), State::Active),
        ("a second caller", &active, Event::Signal(id(2), Message::Invite), State::Active),
    ];
    for (what, before, event, expected) in rows {
        let (machine, _) = after(&[&before[..], &[event]].concat());
        assert_eq!(machine.state(), expected, "{what}");
    }
}

#[test]
fn a_call_that_we_make_does_this() {
    let (machine, effects) = Machine::default().step(Event::Dial(id(1)));
    let timer = |number| TimerId { timer: Timer::State, number };
    let expected = [
        Effect::AcquireAudio(id(1)),
        Effect::StartMedia { call: id(1), offers: true },
        Effect::Send(id(1), Message::Invite),
        Effect::SetTimer(timer(1), Duration::from_secs(10)),
        Effect::Show(id(1), State::Dialing),
    ];
    assert_eq!(effects, expected);
    // The way is found while it rings, so the answer is heard at once.
    let (machine, effects) = machine.step(Event::Connected(id(1)));
    assert_eq!(effects, []);
    let (machine, effects) = machine.step(signal(Message::Answer));
    let long = TimerId { timer: Timer::Call, number: 2 };
    let expected = [
        Effect::SetTimer(long, Duration::from_secs(4 * 3_600)),
        Effect::Thaw(id(1)),
        Effect::Show(id(1), State::Active),
    ];
    assert_eq!(effects, expected);
    let (_, effects) = machine.step(Event::HangUp);
    let expected = [
        Effect::Send(id(1), Message::Bye),
        Effect::Freeze(id(1)),
        Effect::StopMedia(id(1)),
        Effect::ReleaseAudio(id(1)),
        Effect::Show(id(1), State::Ended(US)),
    ];
    assert_eq!(effects, expected);
}

#[test]
fn a_cellular_call_holds_and_outlasts_a_loss_of_the_network() {
    let mut events = vec![signal(Message::Invite), Event::Answer, Event::Connected(id(1))];
    let (_, effects) = after(&[&events[..], &[Event::CellularBegan]].concat());
    let held = State::HeldByCellular;
    let expected = [Effect::Freeze(id(1)), Effect::Send(id(1), Message::Hold), Effect::Show(id(1), held)];
    assert_eq!(effects, expected);
    events.extend([Event::CellularBegan, Event::Disconnected(id(1))]);
    for _ in 0..20 {
        events.push(timer(&events, Timer::State));
        let (machine, effects) = after(&events);
        assert_eq!(machine.state(), held);
        assert!(effects.contains(&Effect::RestartMedia(id(1))), "it keeps looking: {effects:?}");
    }
    events.extend([Event::CellularEnded { resume: false }, Event::Connected(id(1))]);
    let (machine, effects) = after(&[&events[..], &[Event::Resume]].concat());
    assert_eq!(machine.state(), State::Active);
    assert!(
        effects.contains(&Effect::Send(id(1), Message::Resume)) && effects.contains(&Effect::Thaw(id(1)))
    );
}

#[test]
fn who_calls_during_a_cellular_call_is_told_of_without_ringing() {
    let (machine, effects) = after(&[Event::CellularBegan, signal(Message::Invite)]);
    assert_eq!(machine.state(), State::Incoming);
    assert!(effects.contains(&Effect::Alert(id(1))) && !effects.contains(&Effect::Ring(id(1))));
    let (_, effects) = machine.step(Event::Signal(id(2), Message::Invite));
    assert_eq!(effects, [Effect::Send(id(2), Message::Busy), Effect::Alert(id(2))]);
}

/// A generator of numbers that is the same everywhere.
struct Random(u64);

impl Random {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

const MESSAGES: [Message; 12] = [
    Message::Invite,
    Message::Proceeding,
    Message::Ringing,
    Message::Answer,
    Message::Cancel,
    Message::Elsewhere,
    Message::Decline,
    Message::Busy,
    Message::Hold,
    Message::Resume,
    Message::Restart,
    Message::Bye,
];

fn event(random: &mut Random, timers: &[TimerId]) -> Event {
    // Three calls, so that messages of others and of ended ones come too.
    let call = id(1 + u128::from(random.below(3)));
    match random.below(40) {
        0..=2 => Event::Dial(call),
        3..=5 => Event::Answer,
        6 => Event::Decline,
        7 => Event::HangUp,
        8 | 9 => Event::Hold,
        10 | 11 => Event::Resume,
        12..=22 => Event::Signal(call, MESSAGES[random.below(12) as usize]),
        23..=26 => Event::Connected(call),
        27 | 28 => Event::Disconnected(call),
        29 => Event::NetworkChanged,
        30 | 31 => Event::CellularBegan,
        32..=34 => Event::CellularEnded { resume: random.below(2) == 0 },
        35 => Event::AudioFailed(call),
        36 => Event::NoMedia(call),
        _ if timers.is_empty() => Event::NetworkChanged,
        _ => Event::Timer(timers[random.below(timers.len() as u64) as usize]),
    }
}

/// What was begun and not ended, by call.
#[derive(Default)]
struct Open {
    media: BTreeMap<CallId, u32>,
    audio: BTreeMap<CallId, u32>,
    ringing: BTreeMap<CallId, u32>,
    flowing: BTreeMap<CallId, u32>,
}

fn opened(map: &mut BTreeMap<CallId, u32>, call: CallId) {
    *map.entry(call).or_default() += 1;
    assert_eq!(map.values().sum::<u32>(), 1, "two at once");
}

fn closed(map: &mut BTreeMap<CallId, u32>, call: CallId) {
    assert_eq!(map.remove(&call), Some(1), "closed what was not open");
}

impl Open {
    fn follow(&mut self, effect: &Effect) {
        match *effect {
            Effect::StartMedia { call, .. } => opened(&mut self.media, call),
            Effect::StopMedia(call) => closed(&mut self.media, call),
            Effect::AcquireAudio(call) => opened(&mut self.audio, call),
            Effect::ReleaseAudio(call) => closed(&mut self.audio, call),
            Effect::Thaw(call) => {
                assert!(self.media.contains_key(&call) && self.audio.contains_key(&call));
                opened(&mut self.flowing, call);
            }
            Effect::Freeze(call) => closed(&mut self.flowing, call),
            Effect::Ring(call) => opened(&mut self.ringing, call),
            // also ends an alert beside a cellular call
            Effect::StopRinging(call) => {
                self.ringing.remove(&call);
            }
            Effect::RestartMedia(call) | Effect::AnswerRestart(call) => {
                assert!(self.media.contains_key(&call), "a restart of no session");
            }
            _ => {}
        }
    }
}

#[test]
fn a_hundred_thousand_histories() {
    let mut seen = std::collections::HashSet::new();
    for seed in 0..100_000_u64 {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1);
        let (mut machine, mut open, mut timers) = (Machine::default(), Open::default(), Vec::new());
        let mut held_there: BTreeMap<CallId, bool> = BTreeMap::new();
        for _ in 0..random.below(40) {
            let event = event(&mut random, &timers);
            let before = machine.state();
            let live = machine.call();
            let (next, effects) = machine.step(event);
            for effect in &effects {
                open.follow(effect);
                match *effect {
                    Effect::SetTimer(id, _) => timers.push(id),
                    Effect::Send(call, m @ (Message::Hold | Message::Resume)) => {
                        let told = held_there.insert(call, m == Message::Hold);
                        assert_eq!(told.unwrap_or(false), m == Message::Resume, "said twice");
                    }
                    _ => {}
                }
            }
            let state = next.state();
            seen.insert(state);
            // Ended, and everything given back.
            if next.call().is_none() {
                let all = [&open.media, &open.audio, &open.ringing, &open.flowing];
                assert!(all.iter().all(|m| m.is_empty()), "seed {seed}: {event:?} left something open");
            }
            assert_eq!(open.flowing.is_empty(), state != State::Active, "seed {seed}: {event:?}");
            // A live call is replaced by nothing but its own end.
            assert!(live.is_none() || next.call().is_none() || next.call() == live, "seed {seed}: {event:?}");
            if matches!(event, Event::CellularBegan | Event::CellularEnded { .. }) {
                assert_eq!(next.call(), live, "seed {seed}: dropped by a cellular call");
            }
            if let Event::Signal(call, message) = event
                && live.is_some_and(|l| l != call)
            {
                assert_eq!(state, before, "seed {seed}: another call's {message:?}");
                assert_eq!(effects.contains(&Effect::Send(call, Message::Busy)), message == Message::Invite);
            }
            // The same message again changes nothing.
            if matches!(event, Event::Signal(..) | Event::Connected(_) | Event::Timer(_)) {
                let (again, _) = next.step(event);
                assert_eq!(again.state(), state, "seed {seed}: {event:?} twice");
            }
            machine = next;
        }
        // Time alone, and the end of the cellular call, lead out of every state.
        if machine.call().is_some() {
            let (mut end, _) = machine.step(Event::CellularEnded { resume: true });
            for timer in timers.iter().rev() {
                end = end.step(Event::Timer(*timer)).0;
            }
            assert_eq!(end.call(), None, "seed {seed}: no way out of {:?}", machine.state());
        }
    }
    assert!(seen.len() >= 20, "every state and reason is met: {seen:?}");
}
