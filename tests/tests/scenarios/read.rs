//! Reading a scenario: a line a step, with time, actor, verb and the rest; what is wrong is told with its line.

use serde_json::Value;
use std::path::Path;

/// A step.
#[derive(Debug)]
pub(crate) struct Step {
    /// Line in the file, from 1.
    pub line: usize,
    /// Seconds since midnight.
    pub at: i64,
    pub actor: String,
    pub verb: String,
    /// What follows the verb.
    pub rest: String,
}

/// A scenario.
#[derive(Debug, Default)]
pub(crate) struct Scenario {
    /// Number of a parcel, what its recipient does, and the digits that are pressed.
    pub callees: Vec<(usize, String, String)>,
    pub steps: Vec<Step>,
}

/// `HH:MM` or `HH:MM:SS`.
fn time(text: &str) -> Option<i64> {
    let parts: Vec<i64> = text.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    match parts[..] {
        [h @ 0..24, m @ 0..60] => Some(h * 3_600 + m * 60),
        [h @ 0..24, m @ 0..60, s @ 0..60] => Some(h * 3_600 + m * 60 + s),
        _ => None,
    }
}

/// Splits the first word off.
pub(crate) fn word(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_once(char::is_whitespace).map_or((text, ""), |(a, b)| (a, b.trim()))
}

/// `1 3 5-7` before a JSON value or the end: numbers from 0, and what is left.
pub(crate) fn numbers(text: &str) -> Result<(Vec<usize>, &str), String> {
    let (list, rest) = text.find('{').map_or((text, ""), |at| text.split_at(at));
    let mut found = Vec::new();
    for part in list.split_whitespace() {
        let (from, to) = part.split_once('-').unwrap_or((part, part));
        match (from.parse::<usize>(), to.parse::<usize>()) {
            (Ok(from), Ok(to)) if 1 <= from && from <= to => found.extend(from - 1..to),
            _ => return Err(format!("{part:?} is no number of a parcel; write 3 or 3-5")),
        }
    }
    if found.is_empty() {
        return Err("names no parcel; write 3 or 3-5".into());
    }
    Ok((found, rest.trim()))
}

/// The verbs of an actor.
const VERBS: [(&str, &[&str]); 4] = [
    (
        "c1",
        &[
            "sign-in", "import", "sync", "offline", "punch", "duty", "tour", "notify", "ride", "record",
            "refused", "undo", "reboot", "kill", "clock", "act", "read", "expect", "same",
        ],
    ),
    ("boss", &["announce", "order", "act"]),
    ("network", &["on", "off"]),
    ("calls", &["end", "judge"]),
];

/// Reads a scenario; every problem begins with the number of its line.
pub(crate) fn read(text: &str) -> Result<Scenario, String> {
    let mut scenario = Scenario::default();
    let mut before = 0;
    for (n, line) in text.lines().enumerate() {
        let (n, line) = (n + 1, line.trim());
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (first, rest) = word(line);
        if first == "callees" {
            let ((who, rest), at) = (word(rest), format!("line {n}"));
            let (what, digits) = word(rest);
            let (who, _) = numbers(who).map_err(|e| format!("{at}: {e}"))?;
            if what.is_empty() {
                return Err(format!("{at}: what do they do? write callees 3 no_answer"));
            }
            scenario.callees.extend(who.into_iter().map(|p| (p, what.to_owned(), digits.to_owned())));
            continue;
        }
        let at =
            time(first).ok_or_else(|| format!("line {n}: {first:?} is no time; write 08:05 or 08:05:30"))?;
        if at < before {
            return Err(format!("line {n}: {first} is before the step above"));
        }
        before = at;
        let (actor, rest) = word(rest);
        let (verb, rest) = word(rest);
        let Some((_, verbs)) = VERBS.iter().find(|v| v.0 == actor) else {
            return Err(format!("line {n}: {actor:?} is nobody here; there are c1, boss, network, calls"));
        };
        if !verbs.contains(&verb) {
            return Err(format!("line {n}: {actor} cannot {verb:?}; write one of {}", verbs.join(", ")));
        }
        if ["record", "refused", "notify"].contains(&verb) {
            let (_, json) = numbers(rest).map_err(|e| format!("line {n}: {e}"))?;
            if verb != "notify" {
                serde_json::from_str::<Value>(json)
                    .map_err(|e| format!("line {n}: the deed is no JSON: {e}"))?;
            }
        }
        scenario.steps.push(Step { line: n, at, actor: actor.into(), verb: verb.into(), rest: rest.into() });
    }
    if scenario.steps.is_empty() {
        return Err("line 1: there is no step".into());
    }
    Ok(scenario)
}

/// Every `*.scenario` of the folder.
pub(crate) fn all() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let files = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path());
    let files = files.filter(|f| f.extension().is_some_and(|e| e == "scenario"));
    let name = |f: &Path| f.file_stem().unwrap().to_string_lossy().into_owned();
    files.map(|f| (name(&f), std::fs::read_to_string(f).unwrap())).collect()
}
