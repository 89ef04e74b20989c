//! One conversation, event by event.

use serde::{Deserialize, Serialize};

use super::model::{Action, ActionKind, Flow};
use crate::lang::Lang;
use crate::template::{Segment, Template, Values, VariableKind, kind_of};

/// Most actions that one conversation walks through.
pub const MOST_STEPS: u32 = 300;

/// Most characters of a value that a flow makes: values that hold each other grow without end.
const LONGEST_VALUE: usize = 400;

/// What happens to a conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum FlowEvent {
    /// The call is answered.
    Start,
    /// What `Say` or `Play` began has been played to its end.
    Spoken {
        /// Token of the command.
        token: u32,
    },
    /// What `Say` or `Play` asked for could not be played.
    PlayFailed {
        /// Token of the command.
        token: u32,
    },
    /// A key: `0` to `9`, `*`, `#`.
    Digit {
        /// The key.
        digit: char,
        /// There was something to hear of what is being said; false while the words are still being made. What nobody
        /// could hear is not heard because a key ends it.
        audible: bool,
    },
    /// The wait of `Listen` is over.
    Timeout {
        /// Token of the command.
        token: u32,
    },
    /// Whom `Dial` rang has answered.
    DialAnswered {
        /// Token of the command.
        token: u32,
    },
    /// Whom `Dial` rang was not reached.
    DialFailed {
        /// Token of the command.
        token: u32,
        /// `busy`, `no_answer`, `rejected` or `failed`.
        error: String,
    },
    /// The bridge is over: the other side hung up.
    BridgeEnded {
        /// Token of the command.
        token: u32,
    },
    /// The bridge could not be made.
    BridgeFailed {
        /// Token of the command.
        token: u32,
    },
    /// The person on the line hung up.
    HungUp,
}

/// What is to be done, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum FlowCommand {
    /// Play a recorded prompt; answer `Spoken` or `PlayFailed`.
    Play {
        /// To be given back.
        token: u32,
        /// Key of the prompt.
        prompt: String,
    },
    /// Speak; answer `Spoken` or `PlayFailed`.
    Say {
        /// To be given back.
        token: u32,
        /// What to say, in pieces that can be kept by themselves.
        segments: Vec<Segment>,
    },
    /// Stop what is being played: a key was pressed.
    StopPlaying,
    /// Wait for a key this long; answer `Digit` or `Timeout`. A new `Listen` replaces the one before.
    Listen {
        /// To be given back.
        token: u32,
        /// Milliseconds.
        timeout: u32,
    },
    /// Ring somebody; answer `DialAnswered` or `DialFailed`.
    Dial {
        /// To be given back.
        token: u32,
        /// `courier`, or a number.
        target: String,
        /// Longest ringing, ms.
        timeout: u32,
    },
    /// Join the two; answer `BridgeEnded` or `BridgeFailed`.
    Bridge {
        /// To be given back.
        token: u32,
    },
    /// Send a text message to the person on the line.
    Message {
        /// Key of the message template.
        template: String,
    },
    /// Record what the person asked for.
    Consent {
        /// `door`, `station`, `later`, …
        preference: String,
        /// The key that said so.
        key: String,
    },
    /// End the call.
    Hangup,
}

/// What a conversation waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "for", rename_all = "snake_case")]
pub enum Waiting {
    /// The start.
    Start,
    /// The end of a prompt.
    Playing,
    /// Keys.
    Keys {
        /// Those pressed so far.
        got: String,
    },
    /// An answer of whom `dial` rings.
    Dial,
    /// The end of the bridge.
    Bridge,
    /// Nothing: it is over.
    Nothing,
}

/// A conversation between two events. Plain data: it can be stored and resumed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowState {
    /// Language of what is spoken.
    pub lang: Lang,
    /// The action that waits.
    pub at: String,
    /// What it waits for.
    pub waiting: Waiting,
    /// Token of the command that is waited for.
    pub token: u32,
    /// Variables.
    pub values: Values,
    /// Keys pressed while something was played, for the next `gather`.
    pub ahead: String,
    /// Every key pressed, in order.
    pub keys: String,
    /// Actions walked through.
    pub steps: u32,
}

impl FlowState {
    /// True once it is over.
    #[must_use]
    pub const fn is_over(&self) -> bool {
        matches!(self.waiting, Waiting::Nothing)
    }

    /// True if the variable is `1`, as `heard` variables are once a prompt was heard.
    #[must_use]
    pub fn is_set(&self, variable: &str) -> bool {
        self.values.get(variable).is_some_and(|v| v == "1")
    }
}

/// An event that a conversation cannot take. The state is unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowError {
    /// A variable that the flow needs was not given.
    #[error("input {0:?} is missing")]
    MissingInput(String),
    /// The state is of another flow: its action does not exist.
    #[error("action {0:?} does not exist in this flow")]
    NoAction(String),
    /// `Start` came twice, or another event came before it.
    #[error("event {0:?} is not possible now")]
    Unexpected(&'static str),
    /// Not a key of a telephone.
    #[error("{0:?} is no key")]
    NoKey(char),
    /// More than [`MOST_STEPS`] actions.
    #[error("conversation walked through more than {MOST_STEPS} actions")]
    TooLong,
    /// A text could not be rendered.
    #[error("action {action:?}: {problem}")]
    Text {
        /// The action.
        action: String,
        /// What is wrong.
        problem: String,
    },
}

/// A conversation that waits for `Start`.
///
/// # Errors
/// [`FlowError::MissingInput`] if an input of the flow has no value.
pub fn start(flow: &Flow, lang: Lang, values: Values) -> Result<FlowState, FlowError> {
    if let Some(missing) = flow.inputs.iter().find(|i| !values.contains_key(*i)) {
        return Err(FlowError::MissingInput(missing.clone()));
    }
    Ok(FlowState {
        lang,
        at: flow.start_action.clone(),
        waiting: Waiting::Start,
        token: 0,
        values,
        ahead: String::new(),
        keys: String::new(),
        steps: 0,
    })
}

/// The state after `event`, and what is to be done. An answer to an older command, and any event but `Start` after the
/// end, change nothing.
///
/// # Errors
/// [`FlowError`]; the state stays as it is, and the call is best ended.
pub fn step(
    flow: &Flow,
    state: &FlowState,
    event: FlowEvent,
) -> Result<(FlowState, Vec<FlowCommand>), FlowError> {
    let mut walk = Walk { flow, state: state.clone(), commands: Vec::new() };
    walk.event(event)?;
    Ok((walk.state, walk.commands))
}

struct Walk<'a> {
    flow: &'a Flow,
    state: FlowState,
    commands: Vec<FlowCommand>,
}

impl<'a> Walk<'a> {
    fn event(&mut self, event: FlowEvent) -> Result<(), FlowError> {
        use FlowEvent as E;
        if event == E::Start {
            return match self.state.waiting {
                Waiting::Start => self.enter(&self.flow.start_action),
                _ => Err(FlowError::Unexpected("start")),
            };
        }
        if self.state.waiting == Waiting::Nothing {
            return Ok(());
        }
        if event == E::HungUp {
            self.state.waiting = Waiting::Nothing;
            return Ok(());
        }
        if self.state.waiting == Waiting::Start {
            return Err(FlowError::Unexpected("an event before start"));
        }
        let action = self.action(&self.state.at)?;
        let token = self.state.token;
        let waiting = self.state.waiting.clone();
        match (event, waiting) {
            (E::Digit { digit, audible }, waiting) => self.digit(action, digit, audible, waiting),
            (E::Spoken { token: t }, Waiting::Playing) if t == token => {
                self.heard(action);
                self.leave(action)
            }
            (E::PlayFailed { token: t }, Waiting::Playing) if t == token => self.fail(action, "failed"),
            (E::Timeout { token: t }, Waiting::Keys { got }) if t == token => {
                if got.is_empty() {
                    self.fail(action, "timeout")
                } else {
                    self.gathered(action, got)
                }
            }
            (E::DialAnswered { token: t }, Waiting::Dial)
            | (E::BridgeEnded { token: t }, Waiting::Bridge)
                if t == token =>
            {
                self.leave(action)
            }
            (E::DialFailed { token: t, error }, Waiting::Dial) if t == token => self.fail(action, &error),
            (E::BridgeFailed { token: t }, Waiting::Bridge) if t == token => self.fail(action, "failed"),
            // A late answer to a command that no longer matters.
            _ => Ok(()),
        }
    }

    fn action(&self, id: &str) -> Result<&'a Action, FlowError> {
        self.flow.action(id).ok_or_else(|| FlowError::NoAction(id.to_owned()))
    }

    fn digit(
        &mut self,
        action: &'a Action,
        digit: char,
        audible: bool,
        waiting: Waiting,
    ) -> Result<(), FlowError> {
        if !(digit.is_ascii_digit() || matches!(digit, '*' | '#')) {
            return Err(FlowError::NoKey(digit));
        }
        self.state.keys.push(digit);
        match waiting {
            Waiting::Playing => {
                self.state.ahead.push(digit);
                let stops = matches!(
                    action.kind,
                    ActionKind::Say { interruptible: true, .. }
                        | ActionKind::Play { interruptible: true, .. }
                );
                if !stops {
                    return Ok(());
                }
                self.commands.push(FlowCommand::StopPlaying);
                if audible {
                    self.heard(action);
                }
                self.leave(action)
            }
            Waiting::Keys { got } => self.key(action, got, digit),
            // In a bridge keys belong to the two who talk; while it rings they mean nothing.
            _ => Ok(()),
        }
    }

    /// A key for the `gather` that waits: complete, or wait for the next one.
    fn key(&mut self, action: &'a Action, mut got: String, digit: char) -> Result<(), FlowError> {
        let ActionKind::Gather { max_digits, between, .. } = &action.kind else {
            return Err(FlowError::NoAction(action.id.clone()));
        };
        if digit == '#' && *max_digits > 1 {
            return self.gathered(action, got);
        }
        got.push(digit);
        if got.len() >= *max_digits as usize {
            return self.gathered(action, got);
        }
        self.state.waiting = Waiting::Keys { got };
        let token = self.token();
        self.commands.push(FlowCommand::Listen { token, timeout: *between });
        Ok(())
    }

    fn gathered(&mut self, action: &'a Action, got: String) -> Result<(), FlowError> {
        if let ActionKind::Gather { result, .. } = &action.kind {
            self.state.values.insert(result.clone(), got.clone());
        }
        self.state.values.insert("key".to_owned(), got.clone());
        match (action.conditions.iter().find(|c| c.holds(&got)), &action.next) {
            (Some(condition), _) => self.enter(&condition.next),
            (None, Some(next)) if action.conditions.is_empty() => self.enter(next),
            (None, _) => self.fail(action, "no_match"),
        }
    }

    fn heard(&mut self, action: &Action) {
        if let ActionKind::Say { heard: Some(name), .. } | ActionKind::Play { heard: Some(name), .. } =
            &action.kind
        {
            self.state.values.insert(name.clone(), "1".to_owned());
        }
    }

    fn leave(&mut self, action: &'a Action) -> Result<(), FlowError> {
        match &action.next {
            Some(next) => self.enter(next),
            None => self.end(),
        }
    }

    fn fail(&mut self, action: &'a Action, error: &str) -> Result<(), FlowError> {
        let named = action.errors.iter().find(|e| e.error == error);
        match named.or_else(|| action.errors.iter().find(|e| e.error == "*")) {
            Some(branch) => self.enter(&branch.next),
            None => self.end(),
        }
    }

    fn end(&mut self) -> Result<(), FlowError> {
        self.commands.push(FlowCommand::Hangup);
        self.state.waiting = Waiting::Nothing;
        Ok(())
    }

    fn token(&mut self) -> u32 {
        self.state.token = self.state.token.wrapping_add(1);
        self.state.token
    }

    fn wait(&mut self, waiting: Waiting) -> u32 {
        self.state.waiting = waiting;
        self.token()
    }

    /// Walks from an action to the next one that waits.
    fn enter(&mut self, id: &str) -> Result<(), FlowError> {
        let mut id = id.to_owned();
        loop {
            let action = self.action(&id)?;
            self.state.at.clone_from(&id);
            self.state.steps += 1;
            if self.state.steps > MOST_STEPS {
                return Err(FlowError::TooLong);
            }
            let next = match &action.kind {
                // A key was pressed already: what a key would stop is not begun.
                ActionKind::Play { interruptible: true, .. }
                | ActionKind::Say { interruptible: true, .. }
                    if !self.state.ahead.is_empty() =>
                {
                    None
                }
                ActionKind::Play { prompt, .. } => {
                    let token = self.wait(Waiting::Playing);
                    self.commands.push(FlowCommand::Play { token, prompt: prompt.clone() });
                    return Ok(());
                }
                ActionKind::Say { text, .. } => {
                    let (text, lang) = text.pick(self.state.lang);
                    let segments = self.template(action, text)?;
                    let segments = segments
                        .speak(lang, &self.state.values)
                        .map_err(|e| FlowError::Text { action: id.clone(), problem: e.to_string() })?;
                    let token = self.wait(Waiting::Playing);
                    self.commands.push(FlowCommand::Say { token, segments });
                    return Ok(());
                }
                ActionKind::Gather { timeout, .. } => {
                    let token = self.wait(Waiting::Keys { got: String::new() });
                    self.commands.push(FlowCommand::Listen { token, timeout: *timeout });
                    return self.type_ahead(action);
                }
                ActionKind::Dial { target, timeout } => {
                    let variable = target.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
                    let target = match variable {
                        Some(name) => self.state.values.get(name).cloned().unwrap_or_default(),
                        None => target.clone(),
                    };
                    let token = self.wait(Waiting::Dial);
                    self.commands.push(FlowCommand::Dial { token, target, timeout: *timeout });
                    return Ok(());
                }
                ActionKind::Bridge {} => {
                    let token = self.wait(Waiting::Bridge);
                    self.commands.push(FlowCommand::Bridge { token });
                    return Ok(());
                }
                ActionKind::Hangup {} => return self.end(),
                ActionKind::Branch { on } => {
                    let value = self.state.values.get(on).map_or("", String::as_str);
                    action.conditions.iter().find(|c| c.holds(value)).map(|c| c.next.clone())
                }
                ActionKind::Set { assign, add, consent } => {
                    self.set(action, assign, add)?;
                    if *consent {
                        let value = |name: &str| self.state.values.get(name).cloned().unwrap_or_default();
                        let command =
                            FlowCommand::Consent { preference: value("preference"), key: value("key") };
                        self.commands.push(command);
                    }
                    None
                }
                ActionKind::Message { template } => {
                    self.commands.push(FlowCommand::Message { template: template.clone() });
                    None
                }
                ActionKind::Hours { open } => {
                    let time = self.state.values.get("local_time").and_then(|t| t.parse().ok());
                    let within = |span: &super::OpenSpan| {
                        let hours = crate::dial::policy::QuietHours { from: span.from, to: span.to };
                        time.is_some_and(|t: crate::dial::policy::TimeOfDay| hours.contains(t.ms()))
                    };
                    if !open.iter().any(within) {
                        return self.fail(action, "closed");
                    }
                    None
                }
            };
            let Some(target) = next.or_else(|| action.next.clone()) else { return self.end() };
            id = target;
        }
    }

    /// Gives keys that were pressed during a prompt to the `gather` that has just begun.
    fn type_ahead(&mut self, action: &'a Action) -> Result<(), FlowError> {
        while let Waiting::Keys { got } = &self.state.waiting
            && self.state.at == action.id
            && !self.state.ahead.is_empty()
        {
            let got = got.clone();
            let digit = self.state.ahead.remove(0);
            // The command to wait is not needed any more.
            if matches!(self.commands.last(), Some(FlowCommand::Listen { .. })) {
                self.commands.pop();
            }
            self.key(action, got, digit)?;
            if !matches!(self.flow.action(&self.state.at).map(|a| &a.kind), Some(ActionKind::Gather { .. })) {
                break;
            }
        }
        Ok(())
    }

    fn template(&self, action: &Action, text: &str) -> Result<Template, FlowError> {
        Template::parse_with(text, |name| Some(kind_of(name).unwrap_or(VariableKind::Text)), Vec::new)
            .map_err(|e| FlowError::Text { action: action.id.clone(), problem: e.to_string() })
    }

    fn set(
        &mut self,
        action: &Action,
        assign: &std::collections::BTreeMap<String, String>,
        add: &std::collections::BTreeMap<String, i64>,
    ) -> Result<(), FlowError> {
        let mut fresh = Vec::new();
        for (name, text) in assign {
            let value = if text.is_empty() {
                String::new()
            } else {
                self.template(action, text)?
                    .render(&self.state.values)
                    .map_err(|e| FlowError::Text { action: action.id.clone(), problem: e.to_string() })?
            };
            if value.chars().count() > LONGEST_VALUE {
                let problem = format!("{name:?} would have more than {LONGEST_VALUE} characters");
                return Err(FlowError::Text { action: action.id.clone(), problem });
            }
            fresh.push((name.clone(), value));
        }
        for (name, n) in add {
            let old: i64 = self.state.values.get(name).and_then(|v| v.parse().ok()).unwrap_or(0);
            fresh.push((name.clone(), old.saturating_add(*n).to_string()));
        }
        self.state.values.extend(fresh);
        Ok(())
    }
}
