//! The text of a notice: words with typed variables in braces.
//!
//! `您好，{company}的快递员已到{estate}{building}，您有{count}个快件，请准备签收。`
//!
//! A template is checked once, when somebody writes it ([`Template::parse`] names the column of a mistake), and then
//! rendered in two ways: as text for screens and messages ([`Template::render`]), and as the segments that are spoken
//! ([`Template::speak`]): counts and times become words, codes are read digit by digit, and each segment is either a
//! literal or one slot, so that recorded or synthesized prompts can be kept by segment.

mod forbidden;
mod own_flow;
mod spoken;
#[cfg(test)]
mod tests;
mod wording;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use own_flow::{LONGEST_SILENCE, PREFERENCES, notice_problems, sample_values};
pub use spoken::{count_words, digit_words, time_words};
pub use wording::{GIVEN, LARGEST_FLOW, TemplatePolicy, Wording, spoken_seconds};

use crate::dial::plan::PlannedCall;
use crate::dial::policy::TimeOfDay;
use crate::lang::Lang;

/// Longest template, in characters.
pub const LONGEST: usize = 400;

/// The built-in text message of an arrival, for the key 9 and for those who could not be reached, in Chinese.
pub const MESSAGE_ARRIVED_ZH: &str =
    "【{company}】您有{count}个快件今日派送，地址{places}。如需改约请联系快递员，回复R退订。";
/// The same in English.
pub const MESSAGE_ARRIVED_EN: &str =
    "[{company}] {count} parcel(s) will be delivered to you today at {places}. Reply R to opt out.";

/// Values of variables by name, as text: a count as digits, a time as `HH:MM`.
pub type Values = BTreeMap<String, String>;

/// How a variable is written and spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VariableKind {
    /// Words; may be empty.
    Text,
    /// A whole number of things.
    Count,
    /// A time of day.
    Time,
    /// Digits and letters that are read one by one.
    Code,
}

/// The variables that a template may use, with their kinds and meanings.
pub const VARIABLES: &[(&str, VariableKind, &str)] = &[
    ("company", VariableKind::Text, "name of the courier company"),
    ("courier", VariableKind::Text, "name of the courier"),
    ("estate", VariableKind::Text, "estate, or estates, of the parcels"),
    ("building", VariableKind::Text, "building, if there is one"),
    ("places", VariableKind::Text, "estates with their buildings"),
    ("station", VariableKind::Text, "station or locker"),
    ("count", VariableKind::Count, "number of parcels"),
    ("time", VariableKind::Time, "time of the visit"),
    ("until", VariableKind::Time, "end of the visit or of keeping"),
    ("code", VariableKind::Code, "pick-up code"),
    ("waybill_last4", VariableKind::Code, "last four of the waybill number"),
    ("callback", VariableKind::Code, "number to ring back"),
];

/// The kind of a variable; `None` if there is no such variable.
#[must_use]
pub fn kind_of(variable: &str) -> Option<VariableKind> {
    VARIABLES.iter().find(|(name, ..)| *name == variable).map(|(_, kind, _)| *kind)
}

/// What is wrong with a template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// No text.
    #[error("template is empty")]
    Empty,
    /// Too long to be heard out.
    #[error("template has {0} characters; {LONGEST} are possible")]
    TooLong(usize),
    /// A brace without its counterpart.
    #[error("column {column}: brace is not closed; write {{name}}, or {{{{ for a brace itself")]
    Unclosed {
        /// Column of the brace, in characters from 1.
        column: usize,
    },
    /// A closing brace alone.
    #[error("column {column}: closing brace without an opening one; write }}}} for a brace itself")]
    Unopened {
        /// Column of the brace.
        column: usize,
    },
    /// A name that is no variable.
    #[error("column {column}: there is no variable {name:?}; known are {}", known.join(", "))]
    UnknownVariable {
        /// Column of the name.
        column: usize,
        /// The name.
        name: String,
        /// Those that may stand in this place.
        known: Vec<String>,
    },
    /// A character that cannot be spoken.
    #[error("column {column}: control character")]
    Control {
        /// Column of the character.
        column: usize,
    },
    /// A value is missing when rendering.
    #[error("no value for {{{0}}}")]
    Missing(String),
    /// A value is not of the variable's kind.
    #[error("value of {{{name}}} is no {expected}")]
    Value {
        /// The variable.
        name: String,
        /// What it must be.
        expected: &'static str,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(String),
    Slot(String, VariableKind),
}

/// A checked template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    source: String,
    parts: Vec<Part>,
}

/// One piece of what is spoken.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Segment {
    /// The words.
    pub text: String,
    /// The variable that they come from; `None` for a literal of the template.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub slot: Option<String>,
}

impl Template {
    /// Checks a template of the notices: only [`VARIABLES`] may occur.
    ///
    /// # Errors
    /// [`TemplateError`] with the column of the first mistake.
    pub fn parse(source: &str) -> Result<Self, TemplateError> {
        Self::parse_with(source, kind_of, || VARIABLES.iter().map(|(name, ..)| (*name).to_owned()).collect())
    }

    /// Checks a template whose variables are known to `kind_of` (flows have variables of their own); `known` names them for the
    /// error.
    ///
    /// # Errors
    /// [`TemplateError`] with the column of the first mistake.
    pub fn parse_with(
        source: &str,
        kind_of: impl Fn(&str) -> Option<VariableKind>,
        known: impl FnOnce() -> Vec<String>,
    ) -> Result<Self, TemplateError> {
        let length = source.chars().count();
        if source.trim().is_empty() {
            return Err(TemplateError::Empty);
        }
        if length > LONGEST {
            return Err(TemplateError::TooLong(length));
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut chars = source.chars().zip(1..).peekable();
        while let Some((c, column)) = chars.next() {
            match c {
                '{' | '｛' if chars.next_if(|(next, _)| *next == c).is_some() => literal.push('{'),
                '}' | '｝' if chars.next_if(|(next, _)| *next == c).is_some() => literal.push('}'),
                '{' | '｛' => {
                    let mut name = String::new();
                    loop {
                        match chars.next() {
                            Some(('}' | '｝', _)) => break,
                            Some(('{' | '｛', _)) | None => return Err(TemplateError::Unclosed { column }),
                            Some((c, _)) => name.push(c),
                        }
                    }
                    let name = name.trim().to_owned();
                    let Some(kind) = kind_of(&name) else {
                        let (column, known) = (column + 1, known());
                        return Err(TemplateError::UnknownVariable { column, name, known });
                    };
                    if !literal.is_empty() {
                        parts.push(Part::Literal(std::mem::take(&mut literal)));
                    }
                    parts.push(Part::Slot(name, kind));
                }
                '}' | '｝' => return Err(TemplateError::Unopened { column }),
                c if c.is_control() && c != '\n' => return Err(TemplateError::Control { column }),
                c => literal.push(c),
            }
        }
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { source: source.to_owned(), parts })
    }

    /// The text as it was written.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// The variables that it uses, in their order, each once.
    #[must_use]
    pub fn variables(&self) -> Vec<&str> {
        let mut out: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let Part::Slot(name, _) = part
                && !out.contains(&name.as_str())
            {
                out.push(name);
            }
        }
        out
    }

    /// The text with its values, for screens and text messages.
    ///
    /// # Errors
    /// [`TemplateError::Missing`] and [`TemplateError::Value`].
    pub fn render(&self, values: &Values) -> Result<String, TemplateError> {
        let mut out = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => out += text,
                Part::Slot(name, kind) => {
                    let value = value(values, name)?;
                    // Only for the check of the kind.
                    spoken::spoken(Lang::En, name, *kind, value)?;
                    out += value.trim();
                }
            }
        }
        Ok(out)
    }

    /// The segments to be spoken. An empty value makes no segment.
    ///
    /// # Errors
    /// [`TemplateError::Missing`] and [`TemplateError::Value`].
    pub fn speak(&self, lang: Lang, values: &Values) -> Result<Vec<Segment>, TemplateError> {
        let mut out = Vec::new();
        for part in &self.parts {
            let segment = match part {
                Part::Literal(text) => Segment { text: text.clone(), slot: None },
                Part::Slot(name, kind) => {
                    let text = spoken::spoken(lang, name, *kind, value(values, name)?)?;
                    Segment { text, slot: Some(name.clone()) }
                }
            };
            if !segment.text.is_empty() {
                out.push(segment);
            }
        }
        Ok(out)
    }
}

fn value<'a>(values: &'a Values, name: &str) -> Result<&'a str, TemplateError> {
    values.get(name).map(String::as_str).ok_or_else(|| TemplateError::Missing(name.to_owned()))
}

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

impl FromStr for Template {
    type Err = TemplateError;
    fn from_str(text: &str) -> Result<Self, TemplateError> {
        Self::parse(text)
    }
}

/// The values that a call of a plan gives to a notice: `company`, `count`, `estate`, `building`, `places`.
///
/// `estate` names every estate when there are several; `building` is empty unless all parcels go to one building.
#[must_use]
pub fn notice_values(call: &PlannedCall, company: &str, lang: Lang) -> Values {
    let between = lang.pick("、", ", ");
    let building = match call.places.as_slice() {
        [one] => one.building.clone(),
        _ => String::new(),
    };
    let places: Vec<String> = call
        .places
        .iter()
        .map(|p| match (lang, p.estate.is_empty() || p.building.is_empty()) {
            (Lang::Zh, _) | (Lang::En, true) => format!("{}{}", p.estate, p.building),
            (Lang::En, false) => format!("{} {}", p.estate, p.building),
        })
        .filter(|p| !p.is_empty())
        .collect();
    [
        ("company", company.to_owned()),
        ("count", call.count().to_string()),
        ("estate", call.estates().join(between)),
        ("building", building),
        ("places", places.join(between)),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}

/// A time of day as a value of a variable.
#[must_use]
pub fn time_value(time: TimeOfDay) -> String {
    time.to_string()
}
