//! Cutting text into runs of Chinese, Latin letters and digits. Everything else parts runs.

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
