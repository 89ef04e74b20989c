//! Printing, and failures with their exit codes. A closed pipe is no error.

use crate::texts;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use unicode_width::UnicodeWidthStr;
use waybell_core::Error;
use waybell_domain::lang::Lang;
use waybell_domain::phone::{PhoneKind, PhoneNumber};

/// Exit code: done.
pub(crate) const DONE: u8 = 0;
/// Exit code: failed.
pub(crate) const FAILED: u8 = 1;
/// Exit code: the arguments make no sense.
pub(crate) const USAGE: u8 = 2;
/// Exit code: no network; what was asked for is kept.
pub(crate) const OFFLINE: u8 = 3;
/// Exit code: sign in.
pub(crate) const SIGN_IN: u8 = 4;

/// Why a command ends early.
#[derive(Debug)]
pub(crate) struct Failure {
    pub code: u8,
    word: String,
    message: String,
    hint: Option<String>,
    kind: Kind,
}

#[derive(Debug, PartialEq)]
enum Kind {
    Offline,
    SignedOut,
    Other,
}

impl Failure {
    pub(crate) fn plain(message: impl Into<String>) -> Failure {
        Failure {
            code: FAILED,
            word: "failed".into(),
            message: message.into(),
            hint: None,
            kind: Kind::Other,
        }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { code: USAGE, word: "usage".into(), ..Failure::plain(message) }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint = Some(hint.into());
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure { word: error.code().to_owned(), ..Failure::plain(error.to_string()) };
        match error {
            Error::Offline { .. } => (failure.code, failure.kind) = (OFFLINE, Kind::Offline),
            Error::SignedOut => (failure.code, failure.kind) = (SIGN_IN, Kind::SignedOut),
            Error::BadInput { hint, .. } => failure.hint = Some(hint),
            Error::Refused(refusal) => {
                if let Some(field) = &refusal.field {
                    failure.message = format!("{field}: {}", refusal.message);
                }
                failure.hint = refusal.hint;
            }
            _ => {}
        }
        failure
    }
}

/// Where answers go.
pub(crate) struct Out {
    pub lang: Lang,
    pub json: bool,
    /// Telephone numbers are shown whole.
    full: bool,
}

impl Out {
    pub(crate) fn new(lang: Lang, json: bool, full: bool) -> Out {
        Out { lang, json, full }
    }

    /// A telephone number as it may be shown: a terminal is read by others too.
    pub(crate) fn phone(&self, phone: &PhoneNumber) -> String {
        if self.full {
            return phone.dial_string();
        }
        let masked = phone.masked();
        match (masked.strip_prefix("+86"), phone.kind()) {
            (Some(rest), PhoneKind::Landline) => format!("0{rest}"),
            (Some(rest), _) => rest.to_owned(),
            (None, _) => masked,
        }
    }

    /// A document for programs whose `phone` fields are masked, unless numbers are to be whole.
    pub(crate) fn masked(&self, value: &impl Serialize) -> serde_json::Value {
        let mut value = serde_json::to_value(value).unwrap_or_default();
        if !self.full {
            self.hide(&mut value);
        }
        value
    }

    fn hide(&self, value: &mut serde_json::Value) {
        match value {
            serde_json::Value::Array(list) => list.iter_mut().for_each(|v| self.hide(v)),
            serde_json::Value::Object(map) => {
                for (key, value) in map {
                    match value.as_str().filter(|_| key == "phone") {
                        Some(text) => {
                            let shown = PhoneNumber::from_key(text).map(|p| self.phone(&p));
                            *value = shown.unwrap_or_default().into();
                        }
                        None => self.hide(value),
                    }
                }
            }
            _ => {}
        }
    }

    /// A line for people; nothing with `--json`.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            write(text.as_ref());
        }
    }

    /// The answer for programs; nothing without `--json`.
    pub(crate) fn json(&self, value: &impl Serialize) {
        if self.json {
            write(&serde_json::to_string_pretty(value).unwrap_or_else(|e| format!("{{\"error\":\"{e}\"}}")));
        }
    }

    pub(crate) fn failure(&self, failure: &Failure) {
        let message = match failure.kind {
            Kind::Offline => {
                texts::offline(self.lang, failure.message.trim_start_matches("reach the server: "))
            }
            Kind::SignedOut => texts::sign_in_first(self.lang),
            Kind::Other => failure.message.clone(),
        };
        if self.json {
            self.json(
                &json!({ "error": { "code": failure.word, "message": message, "hint": failure.hint } }),
            );
        } else {
            let hint = failure.hint.as_ref().map(|h| format!("\n  → {h}")).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "waybell: {message}{hint}");
        }
    }

    /// A table with aligned columns; Chinese characters are two columns wide.
    pub(crate) fn table(&self, rows: &[Vec<String>]) {
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|t| t.width()).max().unwrap_or(0))
            .collect();
        for row in rows {
            let mut line = String::new();
            for (text, width) in row.iter().zip(&widths) {
                line += text;
                line += &" ".repeat(width - text.width() + 2);
            }
            self.line(line.trim_end());
        }
    }

    /// Asks a question that is answered with y or N; `None` if nobody can be asked.
    pub(crate) fn ask(&self, question: &str) -> Option<bool> {
        use std::io::IsTerminal;
        if self.json || !std::io::stdin().is_terminal() {
            return None;
        }
        let mut out = std::io::stdout();
        let _ = write!(out, "{question} [y/N] ");
        let _ = out.flush();
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
    }
}

fn write(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}
