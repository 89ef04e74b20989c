//! The three state tables, pair by pair.

use proptest::prelude::*;

use super::attempt::{AttemptEvent, AttemptState};
use super::batch::{BatchEvent, BatchState};
use super::outcome::CallOutcome;
use super::recipient::{RecipientEvent, RecipientState};
use crate::clock::UnixMs;

/// One line for each state, one column for each event; `·` is a refusal.
fn table<S: Copy, E: Copy, R: std::fmt::Display>(
    states: &[S],
    events: &[E],
    name: impl Fn(S) -> String,
    on: impl Fn(S, E) -> Option<R>,
) -> String {
    let row = |s: &S| {
        let cells: Vec<String> =
            events.iter().map(|e| on(*s, *e).map_or("·".into(), |r| r.to_string())).collect();
        format!("{}: {}", name(*s), cells.join(" "))
    };
    states.iter().map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn batch() {
    let drawn = table(BatchState::ALL, BatchEvent::ALL, |s| s.to_string(), |s, e| s.on(e).ok());
    // start pause resume cancel finish stale confirm
    insta::assert_snapshot!(drawn, @r"
    scheduled: running paused scheduled cancelled · needs_confirmation scheduled
    running: running paused running cancelling done · ·
    paused: · paused scheduled cancelling done needs_confirmation ·
    cancelling: · · · cancelling cancelled · ·
    cancelled: · · · cancelled cancelled · ·
    done: · · · · done · ·
    needs_confirmation: · · · cancelled · needs_confirmation scheduled
    ");
    let refused = BatchState::Done.on(BatchEvent::Pause).unwrap_err();
    assert_eq!(refused.to_string(), "pause is not possible for a batch that is done");
    for state in BatchState::ALL {
        assert!(!(state.is_final() && state.may_dial()));
        for event in BatchEvent::ALL {
            if let Ok(after) = state.on(*event) {
                // A request that is delivered twice does what it does once.
                assert_eq!(after.on(*event), Ok(after), "{state} {event}");
                assert!(!state.is_final() || after == *state, "{state} {event}");
            }
        }
    }
}

const ATTEMPTS: [AttemptState; 7] = [
    AttemptState::Intent,
    AttemptState::Sent,
    AttemptState::Ringing,
    AttemptState::Cancelling,
    AttemptState::Answered,
    AttemptState::Ended { outcome: CallOutcome::Busy },
    AttemptState::Ended { outcome: CallOutcome::Unknown },
];

fn attempt_events() -> Vec<AttemptEvent> {
    let plain = [AttemptEvent::Sent, AttemptEvent::Ring, AttemptEvent::Answer, AttemptEvent::Cancel];
    let ends = CallOutcome::ALL.iter().map(|&outcome| AttemptEvent::End { outcome });
    plain.into_iter().chain(ends).collect()
}

fn attempt_word(state: AttemptState) -> String {
    state.outcome().map_or(state.as_str().to_owned(), |o| format!("ended({o})"))
}

#[test]
fn attempt() {
    use CallOutcome::{AnsweredFull, NoAnswer, Unknown};
    let ends = [NoAnswer, AnsweredFull, Unknown].map(|outcome| AttemptEvent::End { outcome });
    let mut events = attempt_events();
    events.truncate(4);
    events.extend(ends);
    // sent ring answer cancel end(no_answer) end(answered_full) end(unknown)
    let drawn = table(&ATTEMPTS, &events, attempt_word, |s, e| s.on(e).ok().map(attempt_word));
    insta::assert_snapshot!(drawn, @r"
    intent: sent ringing answered cancelling ended(no_answer) ended(answered_full) ended(unknown)
    sent: sent ringing answered cancelling ended(no_answer) ended(answered_full) ended(unknown)
    ringing: ringing ringing answered cancelling ended(no_answer) ended(answered_full) ended(unknown)
    cancelling: · cancelling answered cancelling ended(no_answer) ended(answered_full) ended(unknown)
    answered: · · answered · · ended(answered_full) ended(interrupted)
    ended(busy): · · · · ended(busy) ended(answered_full) ended(busy)
    ended(unknown): · · · · ended(no_answer) ended(answered_full) ended(unknown)
    ");
    for state in ATTEMPTS {
        assert_eq!(AttemptState::from_parts(state.as_str(), state.outcome()), Some(state));
        assert_eq!(state.is_open(), state.outcome().is_none());
        for event in attempt_events() {
            match state.on(event) {
                Ok(after) => assert!(!after.is_open() || state.is_open(), "{state:?} {event:?}"),
                Err(e) => assert_eq!((e.machine, e.state.as_str()), ("attempt", state.as_str())),
            }
        }
    }
    assert_eq!(AttemptState::from_parts("ended", None), None);
    assert_eq!(AttemptState::from_parts("sent", Some(NoAnswer)), None);
}

const UNTIL: UnixMs = UnixMs(5);
const RECIPIENTS: [RecipientState; 6] = [
    RecipientState::Planned,
    RecipientState::Waiting { until: UnixMs(3) },
    RecipientState::Dialling,
    RecipientState::Done,
    RecipientState::Suppressed,
    RecipientState::Cancelled,
];
const RECIPIENT_EVENTS: [RecipientEvent; 7] = [
    RecipientEvent::Wait { until: UNTIL },
    RecipientEvent::Dial,
    RecipientEvent::Retry { until: UNTIL },
    RecipientEvent::Finish,
    RecipientEvent::Suppress,
    RecipientEvent::Cancel,
    RecipientEvent::AskAgain,
];

#[test]
fn recipient() {
    let word = |s: RecipientState| match s {
        RecipientState::Waiting { until } => format!("waiting({})", until.0),
        other => other.as_str().to_owned(),
    };
    // wait dial retry finish suppress cancel ask_again
    let drawn = table(&RECIPIENTS, &RECIPIENT_EVENTS, word, |s, e| s.on(e).ok().map(word));
    insta::assert_snapshot!(drawn, @r"
    planned: waiting(5) dialling · · suppressed cancelled ·
    waiting(3): waiting(5) dialling · done suppressed cancelled ·
    dialling: · · waiting(5) done · cancelled ·
    done: · · · done · · planned
    suppressed: · · · · suppressed · planned
    cancelled: · · · · · cancelled planned
    ");
    for state in RECIPIENTS {
        let until = if let RecipientState::Waiting { until } = state { Some(until) } else { None };
        assert_eq!(RecipientState::from_parts(state.as_str(), until), Some(state));
    }
    assert_eq!(RecipientState::from_parts("waiting", None), None);
}

#[test]
fn records() {
    let states = (ATTEMPTS[5], RECIPIENTS[1], BatchState::NeedsConfirmation);
    insta::assert_json_snapshot!(states, @r#"
    [
      {
        "state": "ended",
        "outcome": "busy"
      },
      {
        "state": "waiting",
        "until": 3
      },
      "needs_confirmation"
    ]
    "#);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    /// Once a 2xx is known, no order of later reports makes it unanswered.
    #[test]
    fn an_answer_stays_an_answer(before in proptest::collection::vec(0usize..21, 0..6), after in proptest::collection::vec(0usize..21, 0..8)) {
        let events = attempt_events();
        let run = |start: AttemptState, list: &[usize]| {
            list.iter().fold(start, |s, i| s.on(events[*i]).unwrap_or(s))
        };
        let Ok(answered) = run(AttemptState::Intent, &before).on(AttemptEvent::Answer) else { return Ok(()) };
        let end = run(answered, &after);
        prop_assert!(end == AttemptState::Answered || end.outcome().is_some_and(CallOutcome::is_answered));
    }

    /// Nobody is dialled twice without the first attempt having ended.
    #[test]
    fn one_open_attempt(list in proptest::collection::vec(0usize..7, 0..30)) {
        let mut state = RecipientState::Planned;
        let mut open = 0;
        for i in list {
            let event = RECIPIENT_EVENTS[i];
            if let Ok(after) = state.on(event) {
                if event == RecipientEvent::Dial {
                    open += 1;
                } else if state == RecipientState::Dialling {
                    open -= 1;
                }
                state = after;
            }
            prop_assert_eq!(open, i32::from(state == RecipientState::Dialling));
        }
    }
}
