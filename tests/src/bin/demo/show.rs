//! The live table: drawn in place on a terminal, one line a change elsewhere.

use crate::day::{Row, Scene};
use crate::words::Words;
use serde_json::Value;
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

/// See the module.
pub(crate) struct Show {
    words: Words,
    places: HashMap<String, String>,
    /// The last line of each person.
    shown: HashMap<String, String>,
    terminal: bool,
    /// Lines of the last drawing, to be drawn over.
    drawn: usize,
    last: String,
}

/// One line of the table, in columns.
struct Line {
    columns: [String; 5],
    colour: &'static str,
}

const WIDTHS: [usize; 5] = [8, 15, 22, 13, 50];
const PLAIN: &str = "\x1b[0m";

impl Show {
    pub(crate) fn new(words: Words, list: &[Row]) -> Show {
        let mut places = HashMap::new();
        for row in list.iter().filter(|r| r.scene == Scene::Rung) {
            let parts = address::split(&row.address);
            let place = [parts.estate, parts.building].into_iter().flatten().collect::<Vec<_>>().join(" ");
            places.insert(format!("+86{}", row.phone), place);
        }
        let terminal = std::io::stdout().is_terminal() && std::env::var("TERM").is_ok_and(|t| t != "dumb");
        Show { words, places, shown: HashMap::new(), terminal, drawn: 0, last: String::new() }
    }

    /// Shows what is new.
    pub(crate) fn draw(&mut self, people: &[Value], batch: &Value, since: Duration) {
        let lines: Vec<(String, Line)> = people
            .iter()
            .filter(|p| p["state"] != "suppressed")
            .filter_map(|p| Some((p["phone"].as_str()?.to_owned(), self.line(p)?)))
            .collect();
        self.last = self.words.progress(&batch["counts"], since.as_secs());
        if self.terminal {
            self.in_place(&lines);
        } else {
            self.changes(lines);
        }
    }

    /// The table stays; what follows goes below it.
    pub(crate) fn finish(&mut self, since: Duration) {
        if !self.terminal {
            say(&format!("{:6.1} s  {}", since.as_secs_f64(), self.last));
        }
    }

    fn line(&self, person: &Value) -> Option<Line> {
        let lang = self.words.lang;
        let phone = person["phone"].as_str()?;
        let mark = CallMark::parse(person["mark"].as_str()?)?;
        let state = person["state"].as_str()?;
        let outcome = person["outcome"].as_str().and_then(CallOutcome::parse).map(|o| o.label(lang));
        let mut result = match (self.words.state(state), outcome) {
            ("", Some(outcome)) if person["next_at"].is_i64() && state != "done" => self.words.again(outcome),
            ("", outcome) => outcome.unwrap_or_default().to_owned(),
            (now, _) => now.to_owned(),
        };
        match person["keys"].as_str() {
            Some(keys) if !keys.is_empty() => result += &self.words.keys(keys),
            _ => {}
        }
        let colour = match (state, mark) {
            ("dialling" | "ringing" | "talking", _) => "\x1b[33m",
            (_, CallMark::Answered) => "\x1b[32m",
            (_, CallMark::Unanswered) => "\x1b[31m",
            (_, CallMark::ToConfirm) => "\x1b[35m",
            _ => "\x1b[2m",
        };
        let columns = [
            person["name"].as_str().unwrap_or_default().to_owned(),
            PhoneNumber::from_key(phone).map(|p| p.masked()).unwrap_or_default(),
            self.places.get(phone).cloned().unwrap_or_default(),
            mark.label(lang).to_owned(),
            result,
        ];
        Some(Line { columns, colour })
    }

    /// Draws the table over the last one. A window that is too low for it gets the people on the line and the newest
    /// results, because a terminal cannot draw over what has scrolled away.
    fn in_place(&mut self, lines: &[(String, Line)]) {
        let (rows, columns) = window();
        let room = rows.saturating_sub(4).max(5);
        let mut chosen: Vec<usize> = (0..lines.len()).collect();
        if lines.len() > room {
            // Busy lines first, then what ended, then what waits; each in the order of the list.
            let rank = |i: &usize| match lines[*i].1.colour {
                "\x1b[33m" => 0,
                "\x1b[2m" => 2,
                _ => 1,
            };
            chosen.sort_by_key(|i| (rank(i), *i));
            chosen.truncate(room);
            chosen.sort_unstable();
        }
        let mut text = String::new();
        if self.drawn > 0 {
            text += &format!("\x1b[{}A", self.drawn);
        }
        let heads = self.words.heads().map(str::to_owned);
        text += &format!("\x1b[1m{}{PLAIN}\x1b[K\n", fit(&row(&heads), columns));
        for i in &chosen {
            let line = &lines[*i].1;
            text += &format!("{}{}{PLAIN}\x1b[K\n", line.colour, fit(&row(&line.columns), columns));
        }
        text += &format!("\x1b[1m{}{PLAIN}\x1b[K\n", fit(&self.last, columns));
        text += "\x1b[J";
        self.drawn = chosen.len() + 2;
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }

    /// A line for each person about whom something changed.
    fn changes(&mut self, lines: Vec<(String, Line)>) {
        for (phone, line) in lines {
            let text = row(&line.columns);
            let fresh = self.shown.get(&phone).is_none_or(|old| *old != text);
            // The first drawing says nothing: everybody waits.
            if fresh && self.drawn > 0 {
                say(text.trim_end());
            }
            self.shown.insert(phone, text);
        }
        self.drawn = 1;
    }
}

fn row(columns: &[String; 5]) -> String {
    columns.iter().zip(WIDTHS).map(|(text, width)| pad(text, width)).collect::<Vec<_>>().join(" ")
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

/// Cuts to at most `width` cells.
fn fit(text: &str, width: usize) -> String {
    let mut used = 0;
    text.chars()
        .take_while(|c| {
            used += cells(*c);
            used <= width
        })
        .collect()
}

/// Cuts or fills to exactly `width` cells.
fn pad(text: &str, width: usize) -> String {
    let mut text = fit(text, width);
    let used: usize = text.chars().map(cells).sum();
    text.extend(std::iter::repeat_n(' ', width - used));
    text
}

/// Rows and columns of the terminal.
#[allow(unsafe_code, reason = "asking the terminal for its size")]
fn window() -> (usize, usize) {
    // SAFETY: a winsize is plain numbers, for which zero is a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes a winsize through a pointer to one that lives here.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if answer == 0 && size.ws_row > 0 { (size.ws_row.into(), size.ws_col.into()) } else { (24, 80) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::lang::Lang;

    #[test]
    fn columns_line_up_in_both_scripts() {
        for text in ["王伟", "Wang Wei", "", "一二三四五六七八九十", "a一b二c三d四"] {
            assert_eq!(pad(text, 8).chars().map(cells).sum::<usize>(), 8, "{text:?}");
        }
    }

    #[test]
    fn a_wide_character_is_not_cut_in_half() {
        assert_eq!(fit("一二", 3), "一");
        assert_eq!(pad("一二", 3), "一 ");
    }

    #[test]
    fn a_person_becomes_a_line() {
        let show = Show::new(Words { lang: Lang::Zh }, &crate::day::list());
        let person = serde_json::json!({
            "phone": "+8613800000001", "name": "王芳", "mark": "unanswered", "state": "waiting", "outcome": "busy",
            "next_at": 5, "keys": ""
        });
        let line = show.line(&person).unwrap();
        assert_eq!(line.columns[1], "+86138****0001");
        assert_eq!(line.columns[3], "未接听");
        assert_eq!(line.columns[4], "占线，稍后再呼");
        assert!(!line.columns[2].is_empty());
    }
}
