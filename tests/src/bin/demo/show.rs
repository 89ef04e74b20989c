//! The live table: drawn in place on a terminal, one line a result elsewhere.
//!
//! A window that holds everybody shows them in the order of the list. A lower one shows those on the line first, then
//! the newest results, then who waits; it says how many are not shown, and scrolls. At the end the whole table is
//! printed, as a terminal cannot draw over what has scrolled away.

use crate::day::{Row, Scene};
use crate::screen::{Key, Keyboard, window};
use crate::table::{Layout, Person, Stage, fit, fold, wrap};
use crate::words::{Counts, Words};
use serde_json::Value;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::io::{IsTerminal, Write};
use std::time::Duration;
use waybell_domain::address;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::parcel::CallMark;
use waybell_domain::phone::PhoneNumber;

/// Writes a line; a closed pipe is no reason to complain.
pub(crate) fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{text}").and_then(|()| out.flush());
}

/// Writes paragraphs, folded to the width of the window.
pub(crate) fn tell(text: &str) {
    let columns = if std::io::stdout().is_terminal() { window().1 } else { usize::MAX };
    say(&fold(text, columns));
}

/// See the module.
pub(crate) struct Show {
    words: Words,
    places: HashMap<String, String>,
    people: Vec<Person>,
    /// What was last seen of each person, and at which drawing it came.
    seen: HashMap<String, (String, u64)>,
    drawings: u64,
    counts: Counts,
    since: Duration,
    keyboard: Option<Keyboard>,
    terminal: bool,
    /// First row shown, where not all fit.
    offset: usize,
    /// Lines of the last drawing, to be drawn over.
    drawn: usize,
    size: (usize, usize),
    /// Seconds at which a pipe was last told how far it is.
    told: u64,
}

const PLAIN: &str = "\x1b[0m";
const BOLD: &str = "\x1b[1m";
/// Seconds between two lines about the whole, in a pipe.
const TELL: u64 = 15;

impl Show {
    pub(crate) fn new(words: Words, list: &[Row]) -> Show {
        let mut places = HashMap::new();
        for row in list.iter().filter(|r| r.scene == Scene::Rung) {
            let parts = address::split(&row.address);
            let place = [parts.estate, parts.building].into_iter().flatten().collect::<Vec<_>>().join(" ");
            places.insert(format!("+86{}", row.phone), place);
        }
        let terminal = std::io::stdout().is_terminal() && std::env::var("TERM").is_ok_and(|t| t != "dumb");
        Show {
            words,
            places,
            people: Vec::new(),
            seen: HashMap::new(),
            drawings: 0,
            counts: Counts::default(),
            since: Duration::ZERO,
            keyboard: if terminal { Keyboard::open() } else { None },
            terminal,
            offset: 0,
            drawn: 0,
            size: (0, 0),
            told: 0,
        }
    }

    /// Shows what is new.
    pub(crate) fn draw(&mut self, people: &[Value], since: Duration) {
        self.people =
            people.iter().filter(|p| p["state"] != "suppressed").filter_map(|p| self.person(p)).collect();
        self.counts = Counts::of(&self.people);
        self.since = since;
        self.drawings += 1;
        if self.terminal {
            self.note();
            self.in_place();
        } else {
            self.results();
        }
    }

    /// Numbers of the last drawing.
    pub(crate) fn counts(&self) -> Counts {
        self.counts
    }

    /// Follows the keys that were pressed.
    pub(crate) fn keys(&mut self) {
        let pressed = self.keyboard.as_ref().map(Keyboard::pressed).unwrap_or_default();
        let room = self.room();
        for key in &pressed {
            let last = self.people.len().saturating_sub(room);
            self.offset = match key {
                Key::Up => self.offset.saturating_sub(1),
                Key::Down => self.offset + 1,
                Key::PageUp => self.offset.saturating_sub(room),
                Key::PageDown => self.offset + room,
                Key::Home => 0,
                Key::End => last,
            }
            .min(last);
        }
        if !pressed.is_empty() || self.terminal && self.size != window() {
            self.in_place();
        }
    }

    /// The table stays; what follows goes below it.
    pub(crate) fn finish(&mut self) {
        self.keyboard = None;
        if !self.terminal {
            say(&self.status(usize::MAX).join(" "));
        } else if self.room() < self.people.len() {
            let (_, columns) = window();
            let layout = Layout::of(columns);
            let mut text = self.above();
            text += &heading(layout, self.words, columns);
            for person in &self.people {
                text += &coloured(layout, self.words, person, columns);
            }
            text += &self.foot(columns);
            write(&(text + "\x1b[J"));
        }
    }

    fn person(&self, person: &Value) -> Option<Person> {
        let key = person["phone"].as_str()?;
        let mark = CallMark::parse(person["mark"].as_str()?)?;
        let state = person["state"].as_str()?;
        let outcome = person["outcome"].as_str().and_then(CallOutcome::parse);
        let stage = match state {
            "dialling" | "ringing" | "talking" => Stage::Busy,
            "done" => Stage::Over,
            _ if outcome.is_some() => Stage::Later,
            _ => Stage::Waiting,
        };
        Some(Person {
            name: person["name"].as_str().unwrap_or_default().to_owned(),
            phone: PhoneNumber::from_key(key).ok()?,
            place: self.places.get(key).cloned().unwrap_or_default(),
            mark,
            state: state.to_owned(),
            outcome,
            keys: person["keys"].as_str().unwrap_or_default().to_owned(),
            stage,
        })
    }

    /// Remembers when each person last changed; who did, by place in the list.
    fn note(&mut self) -> Vec<usize> {
        let layout = Layout::of_pipe();
        let mut changed = Vec::new();
        for (n, person) in self.people.iter().enumerate() {
            let line = layout.line(self.words, person);
            let key = person.phone.key();
            if self.seen.get(&key).is_none_or(|(old, _)| *old != line) {
                self.seen.insert(key, (line, self.drawings));
                changed.push(n);
            }
        }
        changed
    }

    /// Rows of people that the window holds.
    fn room(&self) -> usize {
        let (rows, columns) = window();
        let most = rows.saturating_sub(2 + self.status(columns).len());
        // the line that says what is not shown
        if self.people.len() > most { most.saturating_sub(1).max(3) } else { most }
    }

    fn in_place(&mut self) {
        let (rows, columns) = window();
        let layout = Layout::of(columns);
        let room = self.room();
        let mut order: Vec<usize> = (0..self.people.len()).collect();
        let hidden = order.len().saturating_sub(room);
        self.offset = self.offset.min(hidden);
        if hidden > 0 {
            order.sort_by_key(|n| self.rank(*n));
        }
        let mut text = self.above();
        if self.size != (0, 0) && self.size != (rows, columns) {
            // lines that were wrapped anew cannot be counted
            text = "\x1b[H\x1b[2J".to_owned();
        }
        self.size = (rows, columns);
        text += &heading(layout, self.words, columns);
        let shown = &order[self.offset.min(order.len())..(self.offset + room).min(order.len())];
        for n in shown {
            text += &coloured(layout, self.words, &self.people[*n], columns);
        }
        let mut drawn = 1 + shown.len();
        if hidden > 0 {
            let (above, below) = (self.offset, hidden - self.offset);
            let line = self.words.hidden(order.len(), above, below, self.keyboard.is_some());
            text += &format!("\x1b[2m{}{PLAIN}\x1b[K\n", fit(&line, columns));
            drawn += 1;
        }
        text += &self.foot(columns);
        drawn += self.status(columns).len();
        self.drawn = drawn;
        write(&(text + "\x1b[J"));
    }

    /// On the line first, then the newest results, then who waits; each in the order of the list.
    fn rank(&self, n: usize) -> (u8, Reverse<u64>, usize) {
        let person = &self.people[n];
        let changed = self.seen.get(&person.phone.key()).map_or(0, |(_, at)| *at);
        match person.stage {
            Stage::Busy => (0, Reverse(0), n),
            Stage::Over | Stage::Later => (1, Reverse(changed), n),
            Stage::Waiting => (2, Reverse(0), n),
        }
    }

    /// To the first line of the last drawing.
    fn above(&self) -> String {
        if self.drawn > 0 { format!("\x1b[{}A\r", self.drawn) } else { String::new() }
    }

    /// How far it is, in lines of at most so many cells.
    fn status(&self, columns: usize) -> Vec<String> {
        wrap(&self.words.progress(self.counts, self.since.as_secs()), " · ", columns)
    }

    fn foot(&self, columns: usize) -> String {
        self.status(columns)
            .iter()
            .map(|line| format!("{BOLD}{}{PLAIN}\x1b[K\n", fit(line, columns)))
            .collect()
    }

    /// A line for each result, with the seconds since the tap, and now and then one about the whole.
    fn results(&mut self) {
        let layout = Layout::of_pipe();
        let seconds = self.since.as_secs();
        if self.drawings == 1 {
            say(&format!("{:>6}  {}", self.words.seconds(), layout.heads(self.words)));
        }
        for n in self.note() {
            let person = &self.people[n];
            if matches!(person.stage, Stage::Over | Stage::Later) {
                say(&format!("{seconds:>6}  {}", layout.line(self.words, person)));
            }
        }
        if seconds >= self.told + TELL && self.counts.open() > 0 {
            self.told = seconds;
            say(&format!("        {}", self.status(usize::MAX).join(" ")));
        }
    }
}

fn heading(layout: Layout, words: Words, columns: usize) -> String {
    format!("{BOLD}{}{PLAIN}\x1b[K\n", fit(&layout.heads(words), columns))
}

fn coloured(layout: Layout, words: Words, person: &Person, columns: usize) -> String {
    let colour = match (person.stage, person.mark) {
        (Stage::Busy, _) => "\x1b[33m",
        (_, CallMark::Answered) => "\x1b[32m",
        (_, CallMark::Unanswered) => "\x1b[31m",
        (_, CallMark::ToConfirm) => "\x1b[35m",
        _ => "\x1b[2m",
    };
    format!("{colour}{}{PLAIN}\x1b[K\n", fit(&layout.line(words, person), columns))
}

fn write(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use waybell_domain::lang::Lang;

    fn show() -> Show {
        Show::new(Words { lang: Lang::Zh }, &crate::day::list())
    }

    fn person(n: u32, state: &str, outcome: &str) -> Value {
        json!({ "phone": format!("+86138{n:08}"), "name": "王芳", "mark": "unanswered", "state": state,
            "outcome": outcome, "keys": "" })
    }

    #[test]
    fn a_person_becomes_a_line() {
        let show = show();
        let person = show.person(&person(1, "waiting", "busy")).unwrap();
        let line = Layout::of(200).line(show.words, &person);
        assert!(line.contains("+86138****0001") && line.contains("未接听"), "{line}");
        assert!(line.ends_with("占线，稍后再呼"), "{line}");
        assert!(!person.place.is_empty());
    }

    #[test]
    fn those_on_the_line_come_first_and_then_the_newest_results() {
        let mut show = show();
        let mut people = vec![
            person(1, "done", "busy"),
            person(2, "waiting", ""),
            person(3, "ringing", ""),
            person(4, "talking", ""),
        ];
        show.draw(&people, Duration::ZERO);
        people[3] = person(4, "done", "answered_full");
        show.draw(&people, Duration::from_secs(1));
        let mut order: Vec<usize> = (0..4).collect();
        order.sort_by_key(|n| show.rank(*n));
        assert_eq!(order, [2, 3, 0, 1]);
        let counts = show.counts();
        assert_eq!((counts.calling, counts.waiting), (1, 1));
    }
}
