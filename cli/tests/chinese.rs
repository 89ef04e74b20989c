//! Every text that core, domain and server write in English for people has its Chinese: the sources are read, and a text
//! without one fails here, with the place where it stands.
//!
//! Looked at are the texts of `#[error("...")]`, and the literals that are handed to the makers of errors and notes. A
//! `{place}` of a format string becomes a word that no table knows. What is put together otherwise is not found here.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::{Path, PathBuf};
use waybell_core::say::chinese;

/// A call that makes a text: what it is called, which arguments are texts (from 0), and what stands around them.
type Maker = (&'static str, &'static [usize], (&'static str, &'static str));

const SERVER: &[Maker] = &[
    ("ApiError::field", &[1, 2], ("", "")),
    ("ApiError::not_found", &[0], ("there is no such ", "")),
    ("ApiError::conflict", &[1], ("", "")),
    ("ApiError::unauthorised", &[1], ("", "")),
    ("ApiError::new", &[2], ("", "")),
    (".hint", &[0], ("", "")),
];
const CORE: &[Maker] = &[
    ("Error::bad", &[1, 2], ("", "")),
    ("Error::NotFound", &[0], ("find the ", "")),
    ("Error::offline", &[0], ("", "")),
    ("Error::storage", &[0], ("", "")),
    ("std::io::Error::other", &[0], ("", "")),
];
const LISTS: &[Maker] = &[
    ("error", &[1, 2], ("", "")),
    ("note", &[2, 3], ("", "")),
    ("fail", &[1], ("", "")),
    ("wrong", &[2, 3], ("", "")),
];

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut found = Vec::new();
    let mut folders = vec![root.join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if path.is_dir() {
                // what only tests say, and a solver that reports to nobody
                if !["tests", "testing", "route", "say"].contains(&name.as_str()) {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
                let text = std::fs::read_to_string(&path).unwrap();
                let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
                found.push((path, without_comments(code)));
            }
        }
    }
    assert!(!found.is_empty(), "{folder} has sources");
    found
}

/// Where a string literal that begins at `at` ends (behind its quote).
fn literal_end(code: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < code.len() && code[i] != '"' {
        i += if code[i] == '\\' { 2 } else { 1 };
    }
    i + 1
}

/// A character literal of a quote, a backslash or a slash would look like the start of something else.
fn without_comments(code: &str) -> String {
    let code = code.replace("'\"'", "'q'").replace("'\\\"'", "'q'").replace("'\\\\'", "'q'");
    let code: Vec<char> = code.chars().collect();
    let (mut out, mut i) = (String::new(), 0);
    while i < code.len() {
        if code[i] == '"' {
            let end = literal_end(&code, i).min(code.len());
            out.extend(&code[i..end]);
            i = end;
        } else if code[i] == '/' && code.get(i + 1) == Some(&'/') {
            while i < code.len() && code[i] != '\n' {
                i += 1;
            }
        } else {
            out.push(code[i]);
            i += 1;
        }
    }
    out
}

/// The arguments of a call whose bracket opens at `at`.
fn arguments(code: &[char], at: usize) -> Vec<String> {
    let (mut depth, mut i) = (0, at);
    let mut list = vec![String::new()];
    while i < code.len() {
        let c = code[i];
        if c == '"' {
            let end = literal_end(code, i).min(code.len());
            list.last_mut().unwrap().extend(&code[i..end]);
            i = end;
            continue;
        }
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return list;
        }
        match c {
            ',' if depth == 1 => list.push(String::new()),
            _ if i == at => {}
            _ => list.last_mut().unwrap().push(c),
        }
        i += 1;
    }
    Vec::new()
}

/// The first string literal of an expression, as it is at run time.
fn first_literal(expression: &str) -> Option<String> {
    let code: Vec<char> = expression.chars().collect();
    let at = code.iter().position(|c| *c == '"')?;
    let end = literal_end(&code, at);
    let inner: String = code.get(at + 1..end - 1)?.iter().collect();
    let mut out = String::new();
    let mut rest = inner.as_str();
    while let Some((before, after)) = rest.split_once('\\') {
        out += before;
        rest = match after.chars().next()? {
            '\n' => after.trim_start(),
            c => {
                out.push(c);
                &after[c.len_utf8()..]
            }
        };
    }
    Some(out + rest)
}

/// A format string with something in its places; `None` if nothing else is in it.
fn sample(format: &str) -> Option<String> {
    let (mut out, mut letters) = (String::new(), false);
    let mut rest = format.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '{' | '}' if rest.peek() == Some(&c) => out.extend(rest.next()),
            '{' => {
                while rest.next().is_some_and(|c| c != '}') {}
                out += "Zq7";
            }
            c => {
                letters |= c.is_alphabetic();
                out.push(c);
            }
        }
    }
    letters.then_some(out)
}

/// A text as it is told; `None` if there is no word in it.
fn said(literal: &str, format: bool) -> Option<String> {
    if format {
        return sample(literal);
    }
    literal.chars().any(char::is_alphabetic).then(|| literal.to_owned())
}

/// Every text that these makers are given in these sources.
fn texts(folder: &str, makers: &[Maker]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, code) in sources(folder) {
        let chars: Vec<char> = code.chars().collect();
        let text: String = chars.iter().collect();
        for (name, which, (before, behind)) in makers {
            let call = format!("{name}(");
            for (byte, _) in text.match_indices(&call) {
                let head = &text[..byte];
                let part_of_a_word =
                    head.chars().next_back().is_some_and(|c| c.is_alphanumeric() || c == '_');
                if head.ends_with("fn ") || !name.starts_with('.') && part_of_a_word {
                    continue;
                }
                let at = head.chars().count() + call.chars().count() - 1;
                let given = arguments(&chars, at);
                for argument in which.iter().filter_map(|i| given.get(*i)) {
                    let format = name.starts_with('#') || argument.contains("format!");
                    if let Some(said) = first_literal(argument).and_then(|t| said(&t, format)) {
                        found.push((path.clone(), format!("{before}{said}{behind}")));
                    }
                }
            }
        }
    }
    found
}

/// The texts of derived errors.
fn derived(folder: &str) -> Vec<(PathBuf, String)> {
    texts(folder, &[("#[error", &[0], ("", ""))])
}

/// Texts that get a name before they are handed on.
fn named(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for (path, code) in sources(folder) {
        for name in ["let problem = ", "let hint = ", "problem: "] {
            for part in code.split(name).skip(1) {
                let given = part.trim_start();
                let given = given.strip_prefix("&").unwrap_or(given);
                let inside = given.strip_prefix("format!(");
                let given = inside.unwrap_or(given).trim_start();
                if !given.starts_with('"') {
                    continue;
                }
                if let Some(said) = first_literal(given).and_then(|t| said(&t, inside.is_some())) {
                    found.push((path.clone(), said));
                }
            }
        }
    }
    found
}

fn check(found: &[(PathBuf, String)], least: usize) {
    assert!(found.len() >= least, "only {} texts were found: the sources have another form", found.len());
    let missing: Vec<String> = found
        .iter()
        .filter(|(_, text)| !text.is_empty() && chinese(text).is_none())
        .map(|(path, text)| format!("{}: {text:?}", path.display()))
        .collect();
    assert!(missing.is_empty(), "no Chinese in core/src/say for\n{}", missing.join("\n"));
}

#[test]
fn errors_of_the_domain() {
    check(&derived("domain/src"), 40);
}

#[test]
fn errors_of_the_core() {
    check(&derived("core/src"), 4);
    check(&texts("core/src", CORE), 20);
}

#[test]
fn what_an_import_says() {
    check(&texts("domain/src/import", LISTS), 10);
    check(&named("domain/src/import"), 5);
    let list = "运单号,收件人\nSF1000000000001,王一\nSF1000000000001,王二\n";
    let table = waybell_domain::import::read_csv(list.as_bytes()).unwrap();
    let list = "运单号,电话,地址\nSF1000000000001,,x\nbad,1,x\n";
    let other = waybell_domain::import::read_csv(list.as_bytes()).unwrap();
    let told: Vec<_> =
        [table.notes, table.problems, other.notes, other.problems].into_iter().flatten().collect();
    assert!(told.len() >= 5, "{told:?}");
    for row in told {
        assert!(chinese(&row.problem).is_some() && chinese(&row.hint).is_some(), "{row:?}");
    }
}

#[test]
fn refusals_of_the_server() {
    check(&texts("backend/server/src", SERVER), 60);
    check(&named("backend/server/src/http"), 1);
}

#[test]
fn rules_that_cannot_be_meant() {
    let told = |rules: &str| {
        let policy: waybell_domain::dial::policy::Policy = serde_json::from_str(rules).unwrap();
        policy.check().unwrap_err().problem
    };
    for rules in [
        r#"{"quiet":[{"from":"08:30","to":"08:30"}]}"#,
        r#"{"stale_after":1}"#,
        r#"{"retry":{"max_attempts":99}}"#,
        r#"{"display_daily_cap":0}"#,
        r#"{"quiet":[{"from":"00:00","to":"12:00"},{"from":"12:00","to":"24:00"}]}"#,
    ] {
        let problem = told(rules);
        assert!(chinese(&problem).is_some(), "{problem}");
    }
}
