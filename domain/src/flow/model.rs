//! The graph, as it is stored and drawn.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::dial::policy::TimeOfDay;
use crate::lang::Lang;

/// A text in both languages. A language without a text falls back to Chinese.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Chinese.
    pub zh: String,
    /// English; empty falls back to Chinese.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub en: String,
}

impl Texts {
    /// The text for a language, and the language that it is in.
    #[must_use]
    pub fn pick(&self, lang: Lang) -> (&str, Lang) {
        if lang == Lang::En && !self.en.is_empty() { (&self.en, Lang::En) } else { (&self.zh, Lang::Zh) }
    }
}

/// A flow. Built by [`Flow::parse`], which checks it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flow {
    /// Version of this format; 1.
    pub version: u32,
    /// Name, for people and logs.
    pub name: String,
    /// Variables that whoever starts it must give.
    #[serde(default)]
    pub inputs: Vec<String>,
    /// Id of the first action.
    pub start_action: String,
    /// The actions.
    pub actions: Vec<Action>,
    /// Whatever an editor keeps, such as positions; not interpreted.
    #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
    pub metadata: serde_json::Value,
}

impl Flow {
    /// The action with this id.
    #[must_use]
    pub fn action(&self, id: &str) -> Option<&Action> {
        self.actions.iter().find(|a| a.id == id)
    }
}

/// A node of the graph.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct Action {
    /// Unique in the flow; 1 to 50 characters.
    pub id: String,
    /// What it does.
    #[serde(flatten)]
    pub kind: ActionKind,
    /// Where it goes when no condition holds; only `hangup` has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Tried in order, for `gather` on the keys pressed, for `branch` on its variable.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub conditions: Vec<Condition>,
    /// Where it goes when it fails, by the name of the failure; `*` catches all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorBranch>,
}

/// An action as it is written. Read by itself, because nothing unknown passes unnoticed: a mistyped field would be a way
/// that is never taken.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    id: String,
    #[serde(rename = "type")]
    word: String,
    #[serde(default)]
    params: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    next: Option<String>,
    #[serde(default)]
    conditions: Vec<Condition>,
    #[serde(default)]
    errors: Vec<ErrorBranch>,
}

impl TryFrom<Written> for Action {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let Written { id, word, params, next, conditions, errors } = written;
        match serde_json::from_value(serde_json::json!({ "type": word, "params": params })) {
            Ok(kind) => Ok(Self { id, kind, next, conditions, errors }),
            Err(e) => Err(format!("action {id:?}, {word}: {e}")),
        }
    }
}

/// What an action does, with its parameters. The failures it may meet are named at each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", content = "params", rename_all = "snake_case", deny_unknown_fields)]
pub enum ActionKind {
    /// Plays a recorded prompt. Fails with `failed`.
    Play {
        /// Key of the prompt.
        prompt: String,
        /// Whether a key press ends it; the key is kept for the next `gather`.
        #[serde(default)]
        interruptible: bool,
        /// Variable that becomes `1` once it was heard to its end, or ended by a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heard: Option<String>,
    },
    /// Speaks a text with variables. Fails with `failed`.
    Say {
        /// Template in both languages.
        text: Texts,
        /// Whether a key press ends it; the key is kept for the next `gather`.
        #[serde(default)]
        interruptible: bool,
        /// Variable that becomes `1` once it was heard to its end, or ended by a key.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        heard: Option<String>,
    },
    /// Waits for keys. Fails with `timeout` (no key at all) or `no_match` (no condition holds).
    Gather {
        /// Most keys; `#` ends earlier.
        #[serde(default = "one")]
        max_digits: u32,
        /// Wait for the first key, ms.
        timeout: u32,
        /// Wait for each further key, ms.
        #[serde(default = "between")]
        between: u32,
        /// Variable that gets the keys.
        #[serde(default = "digits", rename = "into")]
        result: String,
    },
    /// Rings somebody, to be bridged. Fails with `busy`, `no_answer`, `rejected` or `failed`.
    Dial {
        /// Whom: `courier`, or a variable that holds a number, written `{name}`.
        target: String,
        /// How long it may ring, ms.
        timeout: u32,
    },
    /// Joins the caller with whom `dial` has reached, until one hangs up. Fails with `failed`.
    Bridge {},
    /// Goes on by the value of a variable.
    Branch {
        /// The variable; a missing one is an empty text.
        on: String,
    },
    /// Sets variables.
    Set {
        /// New values, as templates over the variables (in Chinese number form they are taken as written).
        #[serde(default)]
        assign: BTreeMap<String, String>,
        /// Whole numbers to add; a missing variable counts as 0.
        #[serde(default)]
        add: BTreeMap<String, i64>,
        /// Record `preference`, as it is after this, as the consent of the person on the line.
        #[serde(default)]
        consent: bool,
    },
    /// Sends a text message to the person on the line. Does not wait.
    Message {
        /// Key of the message template.
        template: String,
    },
    /// Goes to `next` within opening hours, by the variable `local_time` (`HH:MM`). Fails with `closed`.
    Hours {
        /// Spans of the day.
        open: Vec<OpenSpan>,
    },
    /// Ends the call.
    Hangup {},
}

const fn one() -> u32 {
    1
}

const fn between() -> u32 {
    3_000
}

fn digits() -> String {
    "digits".to_owned()
}

impl ActionKind {
    /// The word of the type, as in JSON.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Play { .. } => "play",
            Self::Say { .. } => "say",
            Self::Gather { .. } => "gather",
            Self::Dial { .. } => "dial",
            Self::Bridge {} => "bridge",
            Self::Branch { .. } => "branch",
            Self::Set { .. } => "set",
            Self::Message { .. } => "message",
            Self::Hours { .. } => "hours",
            Self::Hangup {} => "hangup",
        }
    }

    /// Whether it can fail, and therefore needs a way for every failure.
    #[must_use]
    pub const fn can_fail(&self) -> bool {
        !matches!(self, Self::Branch { .. } | Self::Set { .. } | Self::Message { .. } | Self::Hangup {})
    }
}

/// A span of the day, `from` included, `to` excluded; it may cross midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenSpan {
    /// First minute.
    pub from: TimeOfDay,
    /// First minute after it.
    pub to: TimeOfDay,
}

/// A way out of an action that is taken when a comparison holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// How to compare.
    pub operator: Operator,
    /// With what.
    pub value: String,
    /// Where to go.
    pub next: String,
}

/// A comparison. The ordering ones compare whole numbers and are false for other texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operator {
    /// The same text.
    Equals,
    /// Another text.
    NotEquals,
    /// Starts with the value.
    StartsWith,
    /// Smaller number.
    Less,
    /// Greater number.
    Greater,
}

impl Condition {
    /// Whether the condition holds for a text.
    #[must_use]
    pub fn holds(&self, text: &str) -> bool {
        let numbers = || Some((text.trim().parse::<i64>().ok()?, self.value.trim().parse::<i64>().ok()?));
        match self.operator {
            Operator::Equals => text == self.value,
            Operator::NotEquals => text != self.value,
            Operator::StartsWith => text.starts_with(&self.value),
            Operator::Less => numbers().is_some_and(|(a, b)| a < b),
            Operator::Greater => numbers().is_some_and(|(a, b)| a > b),
        }
    }
}

/// A way out of an action that is taken when it fails.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorBranch {
    /// Name of the failure, or `*` for every one that is not named.
    pub error: String,
    /// Where to go.
    pub next: String,
}
