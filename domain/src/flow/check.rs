//! What is checked before a flow may be used.

use std::collections::{BTreeMap, BTreeSet};

use super::model::{Action, ActionKind, Flow};
use crate::template::{Template, VariableKind, kind_of};

/// Something that keeps a flow from being used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FlowProblem {
    /// Not the JSON of a flow.
    #[error("line {line}, column {column}: {problem}")]
    Json {
        /// Line from 1.
        line: usize,
        /// Column from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// Something wrong in the flow as a whole.
    #[error("{0}")]
    Flow(String),
    /// Something wrong in an action.
    #[error("action {action:?}: {problem}")]
    Action {
        /// Id of the action.
        action: String,
        /// What is wrong.
        problem: String,
    },
}

/// What exists outside the flow.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Keys of the recorded prompts; `None` leaves prompts unchecked.
    pub prompts: Option<BTreeSet<String>>,
    /// Keys of the message templates; `None` leaves them unchecked.
    pub messages: Option<BTreeSet<String>>,
}

/// Most actions of a flow.
const MOST_ACTIONS: usize = 250;
/// Most characters of an id.
const LONGEST_ID: usize = 50;

/// What the reader of JSON says, without the names of our types.
fn plain(problem: &str) -> String {
    match problem.split_once("expected struct ") {
        Some((found, _)) if found.starts_with("invalid length") => {
            "a list where an object is expected".into()
        }
        Some((found, _)) => format!("{found}expected an object"),
        None => problem.to_owned(),
    }
}

impl Flow {
    /// Reads a flow from JSON and checks it.
    ///
    /// # Errors
    /// Every problem found, the JSON's own alone if it cannot be read.
    pub fn parse(json: &str) -> Result<Self, Vec<FlowProblem>> {
        let flow = Self::read(json).map_err(|problem| vec![problem])?;
        let problems = flow.check(&Known::default());
        if problems.is_empty() { Ok(flow) } else { Err(problems) }
    }

    /// Reads a flow from JSON and checks nothing else.
    ///
    /// # Errors
    /// [`FlowProblem::Json`].
    pub fn read(json: &str) -> Result<Self, FlowProblem> {
        serde_json::from_str(json).map_err(|e| {
            let text = e.to_string();
            let problem = plain(text.rsplit_once(" at line ").map_or(text.as_str(), |(problem, _)| problem));
            FlowProblem::Json { line: e.line(), column: e.column(), problem }
        })
    }

    /// Checks that every target exists, every action that can fail catches every failure, every cycle waits for a key or
    /// counts, every action can be reached and reaches an end, and prompts, messages and variables exist.
    #[must_use]
    pub fn check(&self, known: &Known) -> Vec<FlowProblem> {
        let mut problems = Vec::new();
        let mut whole = |problem: String| problems.push(FlowProblem::Flow(problem));
        if self.version != 1 {
            whole(format!("version {} is not known; write 1", self.version));
        }
        if self.actions.len() > MOST_ACTIONS {
            whole(format!("{} actions; at most {MOST_ACTIONS} are possible", self.actions.len()));
        }
        let mut ids = BTreeMap::new();
        for action in &self.actions {
            if ids.insert(action.id.as_str(), action).is_some() {
                whole(format!("two actions have the id {:?}", action.id));
            }
        }
        if !ids.contains_key(self.start_action.as_str()) {
            whole(format!("start action {:?} does not exist", self.start_action));
        }
        let variables = self.variables();
        for action in &self.actions {
            let mut report =
                |problem: String| problems.push(FlowProblem::Action { action: action.id.clone(), problem });
            check_action(action, &ids, &mut report);
            check_parameters(action, known, &variables, &mut report);
        }
        if problems.is_empty() {
            self.check_paths(&ids, &mut problems);
        }
        problems
    }

    /// Every variable that may have a value somewhere.
    fn variables(&self) -> BTreeSet<&str> {
        let mut out: BTreeSet<&str> = self.inputs.iter().map(String::as_str).collect();
        out.extend(["local_time", "key"]);
        for action in &self.actions {
            match &action.kind {
                ActionKind::Gather { result, .. } => drop(out.insert(result)),
                ActionKind::Set { assign, add, .. } => {
                    out.extend(assign.keys().chain(add.keys()).map(String::as_str))
                }
                ActionKind::Say { heard: Some(heard), .. } | ActionKind::Play { heard: Some(heard), .. } => {
                    out.insert(heard);
                }
                _ => {}
            }
        }
        out
    }

    fn check_paths(&self, ids: &BTreeMap<&str, &Action>, problems: &mut Vec<FlowProblem>) {
        let mut reached = BTreeSet::new();
        let mut todo = vec![self.start_action.as_str()];
        while let Some(id) = todo.pop() {
            if reached.insert(id) {
                todo.extend(ids.get(id).into_iter().flat_map(|a| targets(a)));
            }
        }
        let mut ending: BTreeSet<&str> = BTreeSet::new();
        loop {
            let more: Vec<&str> = self
                .actions
                .iter()
                .filter(|a| !ending.contains(a.id.as_str()))
                .filter(|a| matches!(a.kind, ActionKind::Hangup {}) || targets(a).any(|t| ending.contains(t)))
                .map(|a| a.id.as_str())
                .collect();
            if more.is_empty() {
                break;
            }
            ending.extend(more);
        }
        // Without the actions that wait for a person or count, no cycle may be left: take away, again and again, what
        // leads nowhere.
        let brakes = |a: &Action| match &a.kind {
            ActionKind::Gather { .. } | ActionKind::Bridge {} | ActionKind::Hangup {} => true,
            ActionKind::Set { add, .. } => add.values().any(|n| *n != 0),
            _ => false,
        };
        let mut cyclic: BTreeSet<&str> =
            self.actions.iter().filter(|a| !brakes(a)).map(|a| a.id.as_str()).collect();
        loop {
            let before = cyclic.len();
            let stays: BTreeSet<&str> = cyclic
                .iter()
                .copied()
                .filter(|id| ids.get(id).is_some_and(|a| targets(a).any(|t| cyclic.contains(t))))
                .collect();
            cyclic = stays;
            if cyclic.len() == before {
                break;
            }
        }
        for action in &self.actions {
            let id = action.id.as_str();
            let problem = if !reached.contains(id) {
                "cannot be reached"
            } else if !ending.contains(id) {
                "no way leads from here to a hangup"
            } else if cyclic.contains(id) && on_cycle(id, &cyclic, ids) {
                "is on a cycle that neither waits for a key nor counts"
            } else {
                continue;
            };
            problems.push(FlowProblem::Action { action: id.to_owned(), problem: problem.to_owned() });
        }
    }
}

/// True if a way within `set` leads from `id` back to it.
fn on_cycle(id: &str, set: &BTreeSet<&str>, ids: &BTreeMap<&str, &Action>) -> bool {
    let mut seen = BTreeSet::new();
    let mut todo = vec![id];
    while let Some(at) = todo.pop() {
        for target in ids.get(at).into_iter().flat_map(|a| targets(a)).filter(|t| set.contains(t)) {
            if target == id {
                return true;
            }
            if seen.insert(target) {
                todo.push(target);
            }
        }
    }
    false
}

/// Where an action may lead.
fn targets(action: &Action) -> impl Iterator<Item = &str> {
    let next = action.next.iter().map(String::as_str);
    let conditions = action.conditions.iter().map(|c| c.next.as_str());
    next.chain(conditions).chain(action.errors.iter().map(|e| e.next.as_str()))
}

fn check_action(action: &Action, ids: &BTreeMap<&str, &Action>, report: &mut impl FnMut(String)) {
    let length = action.id.chars().count();
    if !(1..=LONGEST_ID).contains(&length) {
        report(format!("id has {length} characters; 1 to {LONGEST_ID} are possible"));
    }
    for target in targets(action).filter(|t| !ids.contains_key(t)) {
        report(format!("leads to {target:?}, which does not exist"));
    }
    let word = action.kind.word();
    let ends = matches!(action.kind, ActionKind::Hangup {});
    let only_conditions = matches!(action.kind, ActionKind::Gather { .. }) && !action.conditions.is_empty();
    match (&action.next, ends) {
        (Some(_), true) => report("hangup leads nowhere; remove next".to_owned()),
        (None, false) if !only_conditions => report(format!("{word} needs next")),
        _ => {}
    }
    if action.kind.can_fail() && !action.errors.iter().any(|e| e.error == "*") {
        report(format!("{word} can fail; add an error branch \"*\""));
    }
    if !action.kind.can_fail() && !action.errors.is_empty() {
        report(format!("{word} cannot fail; remove errors"));
    }
    if !matches!(action.kind, ActionKind::Gather { .. } | ActionKind::Branch { .. })
        && !action.conditions.is_empty()
    {
        report(format!("{word} has nothing to compare; remove conditions"));
    }
}

fn check_parameters(
    action: &Action,
    known: &Known,
    variables: &BTreeSet<&str>,
    report: &mut impl FnMut(String),
) {
    let mut template = |text: &str| {
        if let Err(e) = parse_template(text, variables) {
            report(e.to_string());
        }
    };
    match &action.kind {
        ActionKind::Say { text, .. } => {
            template(&text.zh);
            if !text.en.is_empty() {
                template(&text.en);
            }
        }
        ActionKind::Set { assign, .. } => assign.values().filter(|v| !v.is_empty()).for_each(|v| template(v)),
        ActionKind::Play { prompt, .. } if known.prompts.as_ref().is_some_and(|p| !p.contains(prompt)) => {
            report(format!("prompt {prompt:?} does not exist"));
        }
        ActionKind::Message { template }
            if known.messages.as_ref().is_some_and(|m| !m.contains(template)) =>
        {
            report(format!("message template {template:?} does not exist"));
        }
        ActionKind::Branch { on } if !variables.contains(on.as_str()) => {
            report(format!("variable {on:?} is never set"));
        }
        ActionKind::Gather { max_digits, timeout, .. } => {
            if !(1..=20).contains(max_digits) {
                report("max_digits must be 1 to 20".to_owned());
            }
            if !(500..=60_000).contains(timeout) {
                report("timeout must be 500 to 60000 ms".to_owned());
            }
        }
        ActionKind::Dial { target, timeout } => {
            let variable = target.strip_prefix('{').and_then(|t| t.strip_suffix('}'));
            if target.is_empty() || variable.is_some_and(|v| !variables.contains(v)) {
                report(format!("target {target:?} is neither a role nor a variable that is set"));
            }
            if !(5_000..=120_000).contains(timeout) {
                report("timeout must be 5000 to 120000 ms".to_owned());
            }
        }
        _ => {}
    }
}

/// A template of a flow: the known variables keep their kinds, the flow's own are texts.
pub(super) fn parse_template(
    text: &str,
    variables: &BTreeSet<&str>,
) -> Result<Template, crate::template::TemplateError> {
    let kind = |name: &str| variables.contains(name).then(|| kind_of(name).unwrap_or(VariableKind::Text));
    Template::parse_with(text, kind, || variables.iter().map(|name| (*name).to_owned()).collect())
}
