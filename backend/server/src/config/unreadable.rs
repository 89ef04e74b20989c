//! What a file or a variable gets wrong: where, and what is expected. Never the value, nor its line, which may hold a
//! password.

use figment::error::Kind;
use std::path::Path;
use toml::de::{DeTable, DeValue};

/// What keeps a file from being TOML.
pub(super) fn syntax(file: &Path, text: &str) -> Option<String> {
    let error = text.parse::<toml::Table>().err()?;
    let place = error.span().map_or_else(String::new, |at| {
        let before = &text[..text.floor_char_boundary(at.start)];
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!(", line {}, column {column}", line(text, at.start))
    });
    let (file, problem) = (file.display(), error.message().trim());
    Some(format!(
        "{file}{place}: {problem}; write key = value, with texts in double quotes that end on their line"
    ))
}

/// What does not fit, by key, with the line of `text` where it is one of the file's.
pub(super) fn told(error: &figment::Error, text: &str) -> String {
    error.clone().into_iter().map(|e| one(&e, text)).collect::<Vec<_>>().join("; ")
}

fn one(error: &figment::Error, text: &str) -> String {
    let mut path: Vec<&str> = error.path.iter().map(String::as_str).collect();
    // the name of figment's profile, which nobody wrote
    if path.first() == Some(&"default") {
        path.remove(0);
    }
    if let Kind::UnknownField(name, _) = &error.kind
        && path.last() != Some(&name.as_str())
    {
        path.push(name);
    }
    let key = written(&path);
    let source = error.metadata.as_ref();
    let at = match source.map(|m| (m.source.as_ref(), m.name.contains("environment"))) {
        Some((_, true)) => format!(" (variable WAYBELL_{})", path.join("__").to_uppercase()),
        Some((None, _)) => " (--set)".to_owned(),
        _ => place(text, &path).map_or_else(String::new, |start| format!(" (line {})", line(text, start))),
    };
    match &error.kind {
        Kind::InvalidType(_, expected) | Kind::InvalidValue(_, expected) => {
            format!("{key}{at} has a value of the wrong kind: expected {}", plain(&expected.to_string()))
        }
        Kind::UnknownField(name, known) => {
            let near = known
                .iter()
                .map(|k| (strsim::damerau_levenshtein(k, name), k))
                .min()
                .filter(|(distance, k)| *distance <= 1 + k.len() / 3)
                .map_or_else(
                    || format!("these are known: {}", known.join(", ")),
                    |(_, k)| format!("did you mean {k}?"),
                );
            format!("{key}{at} is no key of the configuration; {near}")
        }
        Kind::MissingField(name) => format!("{key}{at} lacks {name}"),
        kind if key.is_empty() => kind.to_string(),
        kind => format!("{key}{at}: {kind}"),
    }
}

/// What a value should be, for people who do not write Rust.
fn plain(expected: &str) -> String {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => "a whole number, not negative and not too large".to_owned(),
        "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number".to_owned(),
        "f32" | "f64" => "a number".to_owned(),
        "a boolean" => "true or false".to_owned(),
        "a string" | "path string" => "a text in double quotes".to_owned(),
        other => other.to_owned(),
    }
}

/// `trunk[0].channels`.
fn written(path: &[&str]) -> String {
    let mut out = String::new();
    for part in path {
        match part.parse::<usize>() {
            Ok(index) => out += &format!("[{index}]"),
            Err(_) if out.is_empty() => out += part,
            Err(_) => out += &format!(".{part}"),
        }
    }
    out
}

/// Where a key stands in the text.
fn place(text: &str, path: &[&str]) -> Option<usize> {
    let root = DeValue::Table(DeTable::parse(text).ok()?.into_inner());
    let (mut at, mut here) = (None, &root);
    for part in path {
        here = match here {
            DeValue::Table(table) => {
                let (key, value) = table.get_key_value(*part)?;
                at = Some(key.span().start);
                value.get_ref()
            }
            DeValue::Array(list) => {
                let value = list.get(part.parse::<usize>().ok()?)?;
                at = Some(value.span().start);
                value.get_ref()
            }
            _ => return at,
        };
    }
    at
}

/// The line of a byte, from 1.
fn line(text: &str, at: usize) -> usize {
    text.bytes().take(at).filter(|b| *b == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use crate::config::Config;

    fn refused(text: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("waybell.toml");
        std::fs::write(&file, text).unwrap();
        Config::load(Some(&file), &[]).unwrap_err().to_string()
    }

    #[test]
    fn each_is_told_with_its_place_and_without_its_value() {
        for (text, told) in [
            ("http = \"127.0.0.1:1\"\nkms = \"geheim", "waybell.toml, line 2, column"),
            (
                "http = \"a\"\n\n[[trunk]]\nname = \"a\"\nchannels = \"geheim\"\n",
                "trunk[0].channels (line 5)",
            ),
            (
                "\n\ndatabse = \"geheim\"\n",
                "databse (line 3) is no key of the configuration; did you mean database?",
            ),
            ("[[trunk]]\nname = \"a\"\n[[trunk]]\npasword = \"geheim\"\n", "trunk[1].pasword (line 4)"),
            (
                "[rate]\nzzzzzzzz = 1\n",
                "rate.zzzzzzzz (line 2) is no key of the configuration; these are known: ",
            ),
            ("rtp_ports = [\"geheim\", 2]", "rtp_ports[0] (line 1)"),
        ] {
            let error = refused(text);
            assert!(error.contains(told), "{text}: {error}");
            assert!(!error.contains("geheim") && !error.contains("default."), "{error}");
        }
    }
}
