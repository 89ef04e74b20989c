//! Cutting text into runs of Chinese, Latin letters and digits. Everything else parts runs.

use super::LONG;

/// A longest run of one kind of character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Run {
    /// Chinese characters.
    Han(Vec<char>),
    /// ASCII letters; other alphabets are kept with them.
    Latin(String),
    /// ASCII digits.
    Digits(String),
}

/// What a character is.
#[derive(PartialEq, Clone, Copy)]
pub(super) enum Kind {
    Han,
    Latin,
    Digit,
    Other,
}

pub(super) fn kind(c: char) -> Kind {
    match c {
        '0'..='9' => Kind::Digit,
        '\u{3007}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Kind::Han,
        '\u{20000}'..='\u{323af}' => Kind::Han,
        c if c.is_alphanumeric() => Kind::Latin,
        _ => Kind::Other,
    }
}

/// The runs of a folded text, in order.
pub(super) fn runs(text: &str) -> Vec<Run> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let wanted = kind(first);
        let end = rest.char_indices().find(|(_, c)| kind(*c) != wanted).map_or(rest.len(), |(at, _)| at);
        let (run, after) = rest.split_at(end);
        match wanted {
            Kind::Han => out.push(Run::Han(run.chars().collect())),
            Kind::Latin => out.push(Run::Latin(run.to_owned())),
            Kind::Digit => out.push(Run::Digits(run.to_owned())),
            Kind::Other => {}
        }
        rest = after;
    }
    out
}

/// What a word of a query asks for, one thing after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// A run of its own.
    Run(Run),
    /// A number and the Chinese right after it: `2幢` is neither 12幢 nor 2单元 and some 幢.
    Counted(String),
    /// Letters and the digits right after them: the beginning of a waybill number, or each for itself (`xfhy3`).
    Code(String, String),
}

/// The parts of a word of a query.
pub(super) fn parts(word: &str) -> Vec<Part> {
    let mut out = Vec::new();
    let mut runs = runs(word).into_iter().peekable();
    while let Some(run) = runs.next() {
        out.push(match (run, runs.peek()) {
            (Run::Digits(digits), Some(Run::Han(han))) => {
                let counted = digits.chars().chain(han.iter().copied()).collect();
                runs.next();
                Part::Counted(counted)
            }
            (Run::Latin(letters), Some(Run::Digits(digits))) => {
                let digits = digits.clone();
                // a number that counts something goes with that
                let mut after = runs.clone();
                after.next();
                if matches!(after.peek(), Some(Run::Han(_))) {
                    Part::Run(Run::Latin(letters))
                } else {
                    runs.next();
                    Part::Code(letters, digits)
                }
            }
            (run, _) => Part::Run(run),
        });
    }
    out
}

/// The term of a number shorter than a telephone's with the Chinese character right after it.
pub(super) fn counted(digits: &str, first: char) -> String {
    format!("d{digits}{first}")
}

/// Whether a form has this number, and not the end of a longer one, with this Chinese right after it.
pub(super) fn counts(counted: &str, form: &str) -> bool {
    form.match_indices(counted).any(|(at, _)| !form[..at].ends_with(|c: char| c.is_ascii_digit()))
}

/// Whether a word of a form begins with these letters and digits.
pub(super) fn begins(code: &str, form: &str) -> bool {
    form.match_indices(code).any(|(at, _)| !form[..at].ends_with(|c: char| kind(c) == Kind::Latin))
}

/// Numbers shorter than a telephone's, with the characters before and after them.
pub(super) fn numbers(form: &str) -> impl Iterator<Item = (Option<char>, &str, Option<char>)> {
    let mut at = 0;
    std::iter::from_fn(move || {
        loop {
            let start = at + form[at..].find(|c: char| c.is_ascii_digit())?;
            let rest = &form[start..];
            let digits = &rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())];
            at = start + digits.len();
            if digits.len() < LONG {
                return Some((form[..start].chars().next_back(), digits, form[at..].chars().next()));
            }
        }
    })
}

/// The same, where a Chinese character comes right after them.
pub(super) fn numbered(form: &str) -> impl Iterator<Item = (&str, char)> {
    numbers(form).filter_map(|(_, digits, after)| Some((digits, after.filter(|c| kind(*c) == Kind::Han)?)))
}

/// Letters with the digits right after them, as a text has them.
pub(super) fn codes(form: &str) -> impl Iterator<Item = &str> {
    let mut rest = form;
    std::iter::from_fn(move || {
        loop {
            let start = rest.find(|c| kind(c) == Kind::Latin)?;
            let from = &rest[start..];
            let letters = from.find(|c| kind(c) != Kind::Latin).unwrap_or(from.len());
            let digits = from[letters..].find(|c: char| !c.is_ascii_digit()).unwrap_or(from.len() - letters);
            rest = &from[letters + digits..];
            if digits > 0 {
                return Some(&from[..letters + digits]);
            }
        }
    })
}
