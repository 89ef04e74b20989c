//! Automated conversations: a graph of actions, and a pure interpreter that walks it.
//!
//! A flow is JSON: a start action and actions with typed parameters, conditions **and errors**. [`Flow::parse`] reads
//! and checks it once; [`step`] takes the flow, the state of one conversation and an event, and gives the next state
//! and the commands to carry out. Whoever runs it (the server in a call, [`simulate`] in a test) does what the commands
//! say and reports back:
//!
//! ```text
//!  Start ─> Say(token 1) ─> … Spoken(token 1) ─> Listen(token 2) ─> … Digit '1' ─> Consent, Say(token 3) ─> … Hangup
//! ```
//!
//! Every command that waits carries a token, and the event that answers it carries the same one: an answer to an older
//! command (a prompt that ends after a key has stopped it) changes nothing. State and flow are plain data: a
//! conversation can be stored and resumed. Nothing runs for ever: [`MOST_STEPS`] actions end a conversation.

mod check;
mod model;
#[cfg(test)]
mod schema_tests;
mod simulate;
mod step;
#[cfg(test)]
mod tests;

pub use check::{FlowProblem, Known};
pub use model::{Action, ActionKind, Condition, ErrorBranch, Flow, OpenSpan, Operator, Texts};
pub use simulate::{is_script_word, simulate};
pub use step::{FlowCommand, FlowError, FlowEvent, FlowState, MOST_STEPS, Waiting, start, step};

/// The built-in arrival notice: says how many parcels come to which estate and building, and offers the keys 1 door,
/// 2 station or locker, 3 another time, 9 text message, 0 courier. Without a key it is said twice. The variable `heard`
/// is `1` once the notice was heard (or a key was pressed during it). An empty `estate` is left out. Inputs: `company`, `count`, `estate`, `building`.
pub const NOTICE_ARRIVED: &str = include_str!("notice_arrived.json");

/// The JSON Schema of a flow, for editors. What a schema cannot say, [`Flow::check`] does.
pub const SCHEMA: &str = include_str!("schema.json");

/// The built-in arrival notice, parsed.
///
/// # Errors
/// Never for the file that is built in; the error is kept so that no caller has to rely on that.
pub fn notice_arrived() -> Result<Flow, Vec<FlowProblem>> {
    Flow::parse(NOTICE_ARRIVED)
}

/// The built-in arrival notice with another wording, for example an organisation's own template. The flow's inputs
/// become the variables that the texts use, and those that it needs itself.
///
/// # Errors
/// What is wrong with the texts.
pub fn notice_with(texts: &Texts) -> Result<Flow, Vec<FlowProblem>> {
    let mut flow = notice_arrived()?;
    let mut problems = Vec::new();
    for text in [&texts.zh, &texts.en] {
        match crate::template::Template::parse(text) {
            Ok(template) => {
                for variable in template.variables() {
                    if !flow.inputs.iter().any(|i| i == variable) {
                        flow.inputs.push(variable.to_owned());
                    }
                }
            }
            Err(_) if text.is_empty() && !texts.zh.is_empty() => {}
            Err(e) => {
                problems.push(FlowProblem::Action { action: "notice".to_owned(), problem: e.to_string() });
            }
        }
    }
    for action in flow.actions.iter_mut().filter(|a| a.id.starts_with("notice")) {
        if let ActionKind::Say { text, .. } = &mut action.kind {
            text.clone_from(texts);
        }
    }
    problems.extend(flow.check(&Known::default()));
    if problems.is_empty() { Ok(flow) } else { Err(problems) }
}
