//! Flows in calls: the notice's variables, its pieces to be spoken, and a conversation in progress.

use crate::speech::Whose;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::Arc;
use waybell_domain::dial::plan::PlannedCall;
use waybell_domain::flow::{ActionKind, Flow, FlowCommand, FlowError, FlowEvent, FlowState, start, step};
use waybell_domain::lang::Lang;
use waybell_domain::template::{Template, Values, VariableKind, kind_of, notice_values};

/// A notice as calls use it: what does not change from call to call is found out once.
#[derive(Debug)]
pub struct Notice {
    flow: Flow,
    whose: Whose,
    version: String,
    tells_time: bool,
}

impl Notice {
    /// A notice that is spoken with these recorded words.
    pub fn new(flow: Flow, whose: Whose) -> Notice {
        let json = serde_json::to_string(&flow).unwrap_or_default();
        let version = Sha256::digest(&json).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let hours = flow.actions.iter().any(|a| matches!(a.kind, ActionKind::Hours { .. }));
        // wherever the name stands, it may be asked for
        let tells_time = hours || json.contains("local_time");
        Notice { flow, whose, version, tells_time }
    }

    /// Its conversation.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// Whose recorded words it is spoken with.
    pub fn whose(&self) -> Whose {
        self.whose
    }

    /// It uses the time of day of the call, `local_time`.
    pub fn tells_time(&self) -> bool {
        self.tells_time
    }
}

/// A conversation with a recipient.
#[derive(Clone, Debug)]
pub struct Conversation {
    notice: Arc<Notice>,
    state: FlowState,
}

impl Conversation {
    /// A conversation that waits for its start.
    pub fn new(notice: Arc<Notice>, values: Values) -> Result<Conversation, FlowError> {
        let state = start(&notice.flow, Lang::Zh, values)?;
        Ok(Conversation { notice, state })
    }

    /// Whose recorded words it is spoken with.
    pub fn whose(&self) -> Whose {
        self.notice.whose
    }

    /// Takes an event; gives what is to be done.
    pub fn on(&mut self, event: FlowEvent) -> Result<Vec<FlowCommand>, FlowError> {
        let (state, commands) = step(&self.notice.flow, &self.state, event)?;
        self.state = state;
        Ok(commands)
    }

    /// Names the words of this flow: the first 16 digits of the SHA-256 of its JSON. Another wording has another name.
    pub fn version(&self) -> &str {
        &self.notice.version
    }

    /// The token that the flow waits for now.
    pub fn token(&self) -> u32 {
        self.state.token
    }

    /// The notice itself was heard to its end, or answered by a key.
    pub fn heard(&self) -> bool {
        self.state.values.get("heard").is_some_and(|v| v == "1")
    }

    /// Keys pressed so far.
    pub fn keys(&self) -> &str {
        &self.state.keys
    }
}

/// The variables that a planned call gives to its notice; the company's name is added at the call.
pub fn variables(call: &PlannedCall) -> BTreeMap<String, String> {
    notice_values(call, "", Lang::Zh)
}

/// A message text with its variables, for screens and text messages; `None` if it cannot be rendered.
pub fn render(text: &str, values: &Values) -> Option<String> {
    Template::parse(text).ok()?.render(values).ok()
}

/// What is heard from the start of a conversation until it waits for a key, piece by piece.
///
/// # Errors
/// The flow cannot start with these variables, or goes wrong.
pub fn spoken(flow: &Flow, values: &Values) -> Result<Vec<String>, FlowError> {
    let mut state = start(flow, Lang::Zh, values.clone())?;
    let mut event = FlowEvent::Start;
    let mut out = Vec::new();
    loop {
        let mut next = None;
        let (after, commands) = step(flow, &state, event)?;
        state = after;
        for command in commands {
            if let FlowCommand::Say { token, segments } = command {
                out.extend(segments.into_iter().map(|s| s.text));
                next = Some(token);
            }
        }
        match next {
            Some(token) => event = FlowEvent::Spoken { token },
            None => return Ok(out),
        }
    }
}

/// Everything that a flow may say with these variables, piece by piece, each once.
pub fn pieces(flow: &Flow, values: &Values) -> Vec<String> {
    let mut out = Vec::new();
    for action in &flow.actions {
        let ActionKind::Say { text, .. } = &action.kind else { continue };
        let any = |name: &str| Some(kind_of(name).unwrap_or(VariableKind::Text));
        let (text, lang) = text.pick(Lang::Zh);
        let segments = Template::parse_with(text, any, Vec::new).and_then(|t| t.speak(lang, values));
        for segment in segments.unwrap_or_default() {
            if !out.contains(&segment.text) {
                out.push(segment.text);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::flow::notice_arrived;

    #[test]
    fn a_notice_tells_the_time_only_where_it_asks_for_it() {
        let arrived = notice_arrived().unwrap();
        assert!(!Notice::new(arrived.clone(), Whose::default()).tells_time());
        let version = Notice::new(arrived.clone(), Whose::default()).version;
        assert_eq!(version.len(), 16);
        let mut branches = arrived.clone();
        branches.inputs.push("local_time".to_owned());
        let branches = Notice::new(branches, Whose::default());
        assert!(branches.tells_time() && branches.version != version);
        let mut hours = arrived;
        hours.actions[0].kind = ActionKind::Hours { open: Vec::new() };
        assert!(Notice::new(hours, Whose::default()).tells_time());
    }
}
