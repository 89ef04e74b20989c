//! Printing, and failures with their exit codes. A closed pipe is no error.

use crate::texts;
use serde::Serialize;
use serde_json::json;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};
use unicode_width::UnicodeWidthStr;
use waybell_core::Error;
use waybell_core::say::{field, say};
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
    /// The field, column or parameter that is wrong.
    about: Option<String>,
    /// In the person's language, or in the English of core and server.
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

/// Fields that say nothing which the message does not say.
const SILENT: [&str; 4] = ["file", "encoding", "header", "batch"];

impl Failure {
    pub(crate) fn plain(message: impl Into<String>) -> Failure {
        Failure {
            code: FAILED,
            word: "failed".into(),
            about: None,
            message: message.into(),
            hint: None,
            kind: Kind::Other,
        }
    }

    /// A file that cannot be read or written.
    pub(crate) fn file(out: &Out, path: &Path, error: &std::io::Error) -> Failure {
        Failure::plain(format!("{}: {}", path.display(), say(out.lang, &error.to_string())))
    }

    /// The same, of this file among several.
    pub(crate) fn in_file(mut self, path: &Path) -> Failure {
        let about = self.about.take().map(|about| format!(" {about}")).unwrap_or_default();
        self.about = Some(format!("{}{about}", path.display()));
        self
    }

    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { code: USAGE, word: "usage".into(), ..Failure::plain(message) }
    }

    /// What to do; one that is there already stays.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hint.get_or_insert_with(|| hint.into());
        self
    }

    /// A session is wanted; this says why there is none, and what to do.
    pub(crate) fn session(message: String) -> Failure {
        Failure { code: SIGN_IN, word: "signed_out".into(), ..Failure::plain(message) }
    }

    pub(crate) fn is_signed_out(&self) -> bool {
        self.kind == Kind::SignedOut
    }

    /// What is wrong, and about what, in this language.
    fn told(&self, lang: Lang) -> String {
        let problem = say(lang, &self.message);
        match &self.about {
            Some(name) if lang == Lang::Zh => format!("{}：{problem}", field(name).unwrap_or(name)),
            Some(name) => format!("{name}: {problem}"),
            None => problem,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let mut failure = Failure { word: error.code().to_owned(), ..Failure::plain(error.to_string()) };
        match error {
            Error::Offline { .. } => (failure.code, failure.kind) = (OFFLINE, Kind::Offline),
            Error::SignedOut => (failure.code, failure.kind) = (SIGN_IN, Kind::SignedOut),
            Error::BadInput { field, problem, hint } => {
                failure.message = problem;
                failure.about = Some(field).filter(|f| !SILENT.contains(&f.as_str()));
                failure.hint = Some(hint);
            }
            Error::Refused(refusal) => {
                failure.about = refusal.field.filter(|f| !SILENT.contains(&f.as_str()));
                let wait = refusal.retry_after.map(|s| format!("try again in {s} s"));
                let hints: Vec<String> = [refusal.hint, wait].into_iter().flatten().collect();
                failure.hint = Some(hints.join("; ")).filter(|h| !h.is_empty());
            }
            _ => {}
        }
        failure
    }
}

/// Between two lines of progress where they cannot be overwritten.
const PACE: Duration = Duration::from_secs(5);

/// How far something is.
pub(crate) struct Progress {
    shown: bool,
    terminal: bool,
    told: Instant,
    /// The line is not ended.
    open: bool,
}

impl Progress {
    pub(crate) fn show(&mut self, text: &str) {
        let mut screen = std::io::stderr();
        match (self.shown, self.terminal) {
            (false, _) => {}
            (true, true) => {
                // to the beginning of the line, and away with what was there
                let _ = write!(screen, "\r\x1b[2K{}", clean(text));
                let _ = screen.flush();
                self.open = true;
            }
            (true, false) if self.told.elapsed() >= PACE => {
                self.told = Instant::now();
                let _ = writeln!(screen, "{}", clean(text));
            }
            (true, false) => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.open {
            let _ = writeln!(std::io::stderr());
        }
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

    /// Numbers are shown whole.
    pub(crate) fn full(&self) -> bool {
        self.full
    }

    /// A telephone number as it may be shown: a terminal is read by others too.
    pub(crate) fn phone(&self, phone: &PhoneNumber) -> String {
        if self.full {
            let word = if self.lang == Lang::Zh { "转" } else { "ext." };
            let extension = phone.extension().map(|e| format!(" {word} {e}")).unwrap_or_default();
            return phone.dial_string() + &extension;
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
                    match (key.as_str(), value) {
                        ("phone" | "phone_key", serde_json::Value::String(text)) => *text = self.hidden(text),
                        ("more_phones", serde_json::Value::Array(list)) => {
                            let hidden = |v: &serde_json::Value| self.hidden(v.as_str().unwrap_or_default());
                            list.iter_mut().for_each(|v| *v = hidden(v).into());
                        }
                        (_, value) => self.hide(value),
                    }
                }
            }
            _ => {}
        }
    }

    fn hidden(&self, key: &str) -> String {
        PhoneNumber::from_key(key).map(|p| self.phone(&p)).unwrap_or_default()
    }

    /// A line for people; nothing with `--json`.
    pub(crate) fn line(&self, text: impl AsRef<str>) {
        if !self.json {
            write(&clean(text.as_ref()));
        }
    }

    /// A passing note for people, beside the answer.
    pub(crate) fn note(&self, text: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "{}", clean(text.as_ref()));
        }
    }

    /// How far something long is, beside the answer: one line that changes on a terminal, some lines elsewhere.
    pub(crate) fn progress(&self) -> Progress {
        use std::io::IsTerminal;
        let told = Instant::now();
        Progress { shown: !self.json, terminal: std::io::stderr().is_terminal(), told, open: false }
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
                let problem = failure.message.trim_start_matches("reach the server: ");
                texts::offline(self.lang, say(self.lang, problem))
            }
            Kind::SignedOut => texts::sign_in_first(self.lang),
            Kind::Other => failure.told(self.lang),
        };
        let hint = failure.hint.as_ref().map(|h| say(self.lang, h));
        if self.json {
            self.json(&json!({ "error": { "code": failure.word, "message": message, "hint": hint } }));
        } else {
            let hint = hint.map(|h| format!("\n  → {}", clean(&h))).unwrap_or_default();
            let _ = writeln!(std::io::stderr(), "waybell: {}{hint}", clean(&message));
        }
    }

    /// A table with aligned columns; Chinese characters are two columns wide.
    pub(crate) fn table(&self, rows: &[Vec<String>]) {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns)
            .map(|c| rows.iter().filter_map(|r| r.get(c)).map(|t| t.width()).max().unwrap_or(0))
            .collect();
        for row in &rows {
            let mut line = String::new();
            for (text, width) in row.iter().zip(&widths) {
                line += &padded(text, *width);
                line += "  ";
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
        let _ = write!(out, "{} [y/N] ", clean(question));
        let _ = out.flush();
        let mut answer = String::new();
        std::io::stdin().read_line(&mut answer).ok()?;
        Some(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "是"))
    }
}

/// The text without anything that a terminal would obey: lists and names come from elsewhere. A line break, a tab, a control
/// character and a character that turns the direction of writing become a blank.
pub(crate) fn clean(text: &str) -> String {
    let obeyed = |c: char| {
        c.is_control()
            || matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars().map(|c| if obeyed(c) { ' ' } else { c }).collect()
}

/// The text with blanks up to this width; Chinese characters are two columns wide.
pub(crate) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width())))
}

fn write(text: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{text}");
    let _ = out.flush();
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_core::error::Refusal;

    #[test]
    fn nothing_that_a_terminal_obeys_gets_through() {
        assert_eq!(clean("王\u{1b}[2J芳\r\n\t\u{9b}x\u{202e}y\u{7}"), "王 [2J芳    x y ");
        assert_eq!(clean("幸福花园3栋 501"), "幸福花园3栋 501");
    }

    #[test]
    fn refusals_are_told_in_the_persons_language_with_what_to_do() {
        let refusal = Refusal {
            status: 429,
            code: "too_many_requests".into(),
            message: "too many requests".into(),
            retry_after: Some(12),
            ..Refusal::default()
        };
        let failure = Failure::from(Error::Refused(Box::new(refusal)));
        assert_eq!(failure.told(Lang::Zh), "请求过于频繁");
        assert_eq!(failure.hint.as_deref().map(|h| say(Lang::Zh, h)).as_deref(), Some("请在 12 秒后再试"));
        let bad = Error::BadInput {
            field: "login".into(),
            problem: "must have 2 to 60 characters".into(),
            hint: "choose a login name".into(),
        };
        assert_eq!(Failure::from(bad).told(Lang::Zh), "登录名：应为 2 至 60 个字符");
    }
}
