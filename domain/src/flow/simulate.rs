//! A flow without a telephone: a script goes in, a trace comes out. For tests and for whoever writes flows.

use std::collections::VecDeque;

use super::model::Flow;
use super::step::{FlowCommand, FlowEvent, start, step};
use crate::lang::Lang;
use crate::template::Values;

/// Whether [`simulate`] knows a word of a script.
#[must_use]
pub fn is_script_word(word: &str) -> bool {
    let keys = word.strip_prefix('!').unwrap_or(word);
    let known = ["wait", "answer", "busy", "no_answer", "rejected", "failed", "end", "broken", "hangup"];
    known.contains(&word)
        || (!keys.is_empty() && keys.chars().all(|c| c.is_ascii_digit() || matches!(c, '*' | '#')))
}

/// Runs a conversation and writes down what would be said and done, one line each.
///
/// The script is what the person and the network do, in order:
/// * `1`, `12#`: keys, once the flow waits for them;
/// * `!1`: a key while something is being said;
/// * `wait`: no key until the time is over;
/// * `answer`, `busy`, `no_answer`, `rejected`, `failed`: what becomes of whom the flow rings;
/// * `end`: the other side of a bridge hangs up;
/// * `broken`: what is to be said cannot be said;
/// * `hangup`: the person hangs up.
///
/// Where the script has nothing to say, prompts are heard to their end, waits run out, nobody answers and bridges end.
#[must_use]
pub fn simulate(flow: &Flow, lang: Lang, values: &Values, script: &[&str]) -> Vec<String> {
    let mut trace = Vec::new();
    let mut script: VecDeque<&str> = script.iter().copied().collect();
    let mut state = match start(flow, lang, values.clone()) {
        Ok(state) => state,
        Err(e) => return vec![format!("error: {e}")],
    };
    let mut todo: VecDeque<FlowEvent> = [FlowEvent::Start].into();
    let mut pending: Option<FlowCommand> = None;
    while let Some(event) = todo.pop_front() {
        let (after, commands) = match step(flow, &state, event) {
            Ok(done) => done,
            Err(e) => {
                trace.push(format!("error: {e}"));
                break;
            }
        };
        state = after;
        trace.extend(commands.iter().map(line));
        if state.is_over() {
            break;
        }
        // Only the last waiting command counts: those before it were replaced.
        if let Some(command) = commands.into_iter().rev().find(answers) {
            pending = Some(command);
        }
        if todo.is_empty() {
            let Some(command) = pending.take() else {
                trace.push("error: nothing more happens".to_owned());
                break;
            };
            let events = reaction(&command, &mut script);
            trace.extend(events.iter().filter_map(heard));
            todo.extend(events);
        }
    }
    trace
}

fn answers(command: &FlowCommand) -> bool {
    !matches!(
        command,
        FlowCommand::StopPlaying
            | FlowCommand::Message { .. }
            | FlowCommand::Consent { .. }
            | FlowCommand::Hangup
    )
}

/// What the script, or silence, answers to a command.
fn reaction(command: &FlowCommand, script: &mut VecDeque<&str>) -> Vec<FlowEvent> {
    let next = script.front().copied();
    if next == Some("hangup") {
        return vec![FlowEvent::HungUp];
    }
    let mut take = || script.pop_front().unwrap_or_default();
    match command {
        FlowCommand::Say { token, .. } | FlowCommand::Play { token, .. } => {
            let token = *token;
            match next {
                // If the key has stopped the prompt, its end comes late and changes nothing.
                Some(key) if key.starts_with('!') => {
                    let mut events = keys(take().trim_start_matches('!'));
                    events.push(FlowEvent::Spoken { token });
                    events
                }
                Some("broken") => {
                    take();
                    vec![FlowEvent::PlayFailed { token }]
                }
                _ => vec![FlowEvent::Spoken { token }],
            }
        }
        FlowCommand::Listen { token, .. } => match next {
            Some(word) if word.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '*' | '#')) => {
                keys(take())
            }
            Some("wait") => {
                take();
                vec![FlowEvent::Timeout { token: *token }]
            }
            _ => vec![FlowEvent::Timeout { token: *token }],
        },
        FlowCommand::Dial { token, .. } => match next {
            Some("answer") => {
                take();
                vec![FlowEvent::DialAnswered { token: *token }]
            }
            Some(error @ ("busy" | "no_answer" | "rejected" | "failed")) => {
                take();
                vec![FlowEvent::DialFailed { token: *token, error: error.to_owned() }]
            }
            _ => vec![FlowEvent::DialFailed { token: *token, error: "no_answer".to_owned() }],
        },
        FlowCommand::Bridge { token } => match next {
            Some("failed") => {
                take();
                vec![FlowEvent::BridgeFailed { token: *token }]
            }
            Some("end") => {
                take();
                vec![FlowEvent::BridgeEnded { token: *token }]
            }
            _ => vec![FlowEvent::BridgeEnded { token: *token }],
        },
        _ => Vec::new(),
    }
}

/// Keys one after the other; the wait after a key that asks for more runs out.
fn keys(keys: &str) -> Vec<FlowEvent> {
    keys.chars().map(|digit| FlowEvent::Digit { digit, audible: true }).collect()
}

fn heard(event: &FlowEvent) -> Option<String> {
    Some(match event {
        FlowEvent::Digit { digit, .. } => format!("  key {digit}"),
        FlowEvent::Timeout { .. } => "  no key".to_owned(),
        FlowEvent::PlayFailed { .. } => "  cannot be played".to_owned(),
        FlowEvent::DialAnswered { .. } => "  answered".to_owned(),
        FlowEvent::DialFailed { error, .. } => format!("  {error}"),
        FlowEvent::BridgeEnded { .. } => "  bridge ends".to_owned(),
        FlowEvent::BridgeFailed { .. } => "  bridge fails".to_owned(),
        FlowEvent::HungUp => "  hangs up".to_owned(),
        FlowEvent::Start | FlowEvent::Spoken { .. } => return None,
    })
}

fn line(command: &FlowCommand) -> String {
    match command {
        FlowCommand::Play { prompt, .. } => format!("play {prompt}"),
        FlowCommand::Say { segments, .. } => {
            format!("say {}", segments.iter().map(|s| s.text.as_str()).collect::<String>())
        }
        FlowCommand::StopPlaying => "stop playing".to_owned(),
        FlowCommand::Listen { timeout, .. } => format!("listen {timeout} ms"),
        FlowCommand::Dial { target, .. } => format!("dial {target}"),
        FlowCommand::Bridge { .. } => "bridge".to_owned(),
        FlowCommand::Message { template } => format!("message {template}"),
        FlowCommand::Consent { preference, key } => format!("consent {preference} by key {key}"),
        FlowCommand::Hangup => "hangup".to_owned(),
    }
}
