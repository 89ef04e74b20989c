//! A table that fits: columns by the width of the window, and shorter words before anything is cut.
//!
//! Only the place may be cut (with `…`), or left out; the outcome is never cut in the middle of a word.

use crate::words::Words;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::parcel::CallMark;
use waybell_domain::phone::PhoneNumber;

/// What is happening with a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stage {
    /// On the line now.
    Busy,
    /// Nothing will ring any more.
    Over,
    /// Will be rung again.
    Later,
    /// Has not been rung.
    Waiting,
}

/// One person.
pub(crate) struct Person {
    pub(crate) name: String,
    pub(crate) phone: PhoneNumber,
    pub(crate) place: String,
    pub(crate) mark: CallMark,
    /// `dialling`, `ringing`, `talking`, …
    pub(crate) state: String,
    pub(crate) outcome: Option<CallOutcome>,
    pub(crate) keys: String,
    pub(crate) stage: Stage,
}

/// Widths of name, number, place, mark, outcome; 0 leaves a column out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) short: bool,
    widths: [usize; 5],
}

/// With whole words.
const LONG: [usize; 5] = [8, 15, 24, 15, 41];
/// With short ones; the place takes what is left.
const SHORT: [usize; 5] = [6, 11, 0, 12, 25];
/// A place narrower than this says nothing.
const LEAST_PLACE: usize = 8;

impl Layout {
    /// For a window of so many columns.
    pub(crate) fn of(columns: usize) -> Layout {
        let needs = |widths: &[usize; 5]| {
            widths.iter().sum::<usize>() + widths.iter().filter(|w| **w > 0).count().saturating_sub(1)
        };
        if columns >= needs(&LONG) {
            return Layout { short: false, widths: LONG };
        }
        let mut widths = SHORT;
        let room = columns.saturating_sub(needs(&SHORT) + 1);
        if room >= LEAST_PLACE {
            widths[2] = room.min(LONG[2]);
        }
        for column in [1, 3] {
            if needs(&widths) > columns {
                widths[column] = 0;
            }
        }
        Layout { short: true, widths }
    }

    /// With whole words and no end: for a file or a pipe.
    pub(crate) fn of_pipe() -> Layout {
        Layout { short: false, widths: LONG }
    }

    /// The line of the headings.
    pub(crate) fn heads(self, words: Words) -> String {
        self.row(words.heads().map(str::to_owned))
    }

    /// The line of a person.
    pub(crate) fn line(self, words: Words, person: &Person) -> String {
        let number = person.phone.masked();
        let number = match number.strip_prefix("+86") {
            Some(own) if self.short => own.to_owned(),
            _ => number,
        };
        self.row([
            person.name.clone(),
            number,
            person.place.clone(),
            words.mark(person.mark, self.short).to_owned(),
            outcome(words, person, self.short),
        ])
    }

    fn row(self, columns: [String; 5]) -> String {
        let shown = columns.iter().zip(self.widths).filter(|(_, width)| *width > 0);
        let row: Vec<String> = shown.map(|(text, width)| pad(text, width)).collect();
        row.join(" ").trim_end().to_owned()
    }
}

/// What came of it, or what happens now.
fn outcome(words: Words, person: &Person, short: bool) -> String {
    let now = words.state(&person.state);
    let known = person.outcome.map(|o| words.outcome(o, short)).unwrap_or_default();
    if person.stage == Stage::Later && !known.is_empty() {
        return words.again(known, short);
    }
    let mut text = if now.is_empty() { known } else { now }.to_owned();
    if !person.keys.is_empty() {
        text += &words.keys(&person.keys, short);
    }
    text
}

/// Cells that a character takes on a terminal: two for Chinese characters and full-width signs.
fn cells(c: char) -> usize {
    match u32::from(c) {
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6 => 2,
        _ => 1,
    }
}

/// Cells that a text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(cells).sum()
}

/// Cuts to at most `most` cells.
pub(crate) fn fit(text: &str, most: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += cells(*c);
            used <= most
        })
        .collect()
}

/// Fills to exactly `wanted` cells; what is longer is cut, and `…` says so.
fn pad(text: &str, wanted: usize) -> String {
    let mut text =
        if width(text) <= wanted { text.to_owned() } else { fit(text, wanted.saturating_sub(1)) + "…" };
    let used = width(&text);
    text.extend(std::iter::repeat_n(' ', wanted.saturating_sub(used)));
    text
}

/// Parts put into lines of at most `most` cells.
pub(crate) fn wrap(parts: &[String], between: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for part in parts {
        match lines.last_mut() {
            Some(line) if width(line) + width(between) + width(part) <= most => {
                *line += between;
                *line += part;
            }
            _ => lines.push(part.clone()),
        }
    }
    lines
}

/// Paragraphs put into lines of at most `most` cells, cut between words (in Chinese after punctuation) and indented by four
/// where they go on. A line that begins with `$ ` is a command, which stays whole and loses its mark.
pub(crate) fn fold(text: &str, most: usize) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        if let Some(command) = line.trim_start().strip_prefix("$ ") {
            out.push(format!("    {command}"));
            continue;
        }
        let mut current = String::new();
        for piece in line.split_inclusive([' ', '，', '、', '；', '：', '。']) {
            let begun = !current.trim().is_empty();
            if begun && width(&current) + width(piece.trim_end()) > most {
                out.push(current.trim_end().to_owned());
                current = "    ".to_owned();
            }
            current += piece;
        }
        out.push(current.trim_end().to_owned());
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::lang::Lang;

    fn person(stage: Stage, outcome: Option<CallOutcome>, state: &str, keys: &str) -> Person {
        Person {
            name: "张建国".into(),
            phone: PhoneNumber::from_key("+8613800000001").unwrap(),
            place: "峨眉河畔小区三期 6栋二单元".into(),
            mark: CallMark::ToConfirm,
            state: state.into(),
            outcome,
            keys: keys.into(),
            stage,
        }
    }

    #[test]
    fn columns_line_up_in_both_scripts() {
        for text in ["王伟", "Wang Wei", "", "一二三四五六七八九十", "a一b二c三d四"] {
            assert_eq!(width(&pad(text, 8)), 8, "{text:?}");
        }
        assert_eq!(fit("一二", 3), "一");
        assert_eq!(pad("一二", 3), "一…");
    }

    #[test]
    fn a_line_never_exceeds_its_window_and_no_outcome_is_cut() {
        for lang in [Lang::Zh, Lang::En] {
            let words = Words { lang };
            for columns in [34, 46, 58, 68, 80, 107, 200] {
                let layout = Layout::of(columns);
                for outcome in CallOutcome::ALL {
                    for (stage, state, keys) in [
                        (Stage::Later, "waiting", ""),
                        (Stage::Over, "done", ""),
                        (Stage::Over, "done", "1"),
                        (Stage::Over, "done", "2"),
                        (Stage::Over, "done", "3"),
                        (Stage::Over, "done", "9"),
                        (Stage::Over, "done", "0"),
                        (Stage::Busy, "talking", "2"),
                    ] {
                        if stage == Stage::Over && !keys.is_empty() && !outcome.is_answered() {
                            continue;
                        }
                        let person = person(stage, Some(*outcome), state, keys);
                        let line = layout.line(words, &person);
                        assert!(width(&line) <= columns, "{columns}: {line}");
                        let end = super::outcome(words, &person, layout.short);
                        assert!(line.ends_with(&end), "{columns}: {line} lacks {end}");
                    }
                }
            }
        }
    }

    #[test]
    fn paragraphs_are_cut_between_words_and_commands_stay_whole() {
        assert_eq!(fold("  one two three", 10), "  one two\n    three");
        assert_eq!(fold("一二三，四五六", 10), "一二三，\n    四五六");
        assert_eq!(fold("  $ waybell notify A B", 10), "    waybell notify A B");
        assert_eq!(fold("\nshort", 10), "\nshort");
    }

    #[test]
    fn parts_are_wrapped_and_not_cut() {
        let parts: Vec<String> = ["152 s", "answered 40", "waiting 3"].map(str::to_owned).into();
        assert_eq!(wrap(&parts, " · ", 80), ["152 s · answered 40 · waiting 3"]);
        assert_eq!(wrap(&parts, " · ", 20), ["152 s · answered 40", "waiting 3"]);
    }
}
