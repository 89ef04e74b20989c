//! One SQL for two databases.
//!
//! Queries are written once, in what both understand. Schemas are written in SQLite's types and translated: text compares by
//! its bytes on both, so that lists and marks of pages have one order, whatever the collation of the database. What has no
//! form that both understand is refused by name, in schemas when they are applied and in queries by a test that reads the
//! sources, so that nothing waits for PostgreSQL to be found.
//!
//! A part of a schema between the lines `-- sqlite only` and `-- end` is left out: for data of servers that were older than
//! the support of PostgreSQL.

const ONLY: &str = "-- sqlite only";
const END: &str = "-- end";

/// Words that only SQLite knows, or knows otherwise, and what to write in their place.
const FOREIGN: &[(&str, &str)] = &[
    ("AUTOINCREMENT", "give ids yourself"),
    ("ROWID", "name a column"),
    ("STRICT", "leave it out"),
    ("PRAGMA", "leave it to the store"),
    ("GLOB", "write LIKE"),
    ("REGEXP", "decide it in Rust"),
    ("IFNULL", "write COALESCE"),
    ("IIF", "write CASE"),
    ("NOCASE", "compare LOWER of both"),
    ("INDEXED", "leave it out"),
    ("REPLACE", "write INSERT … ON CONFLICT … DO UPDATE, or decide it in Rust"),
    ("IGNORE", "write ON CONFLICT DO NOTHING"),
    ("STRFTIME", "count in milliseconds"),
    ("DATETIME", "count in milliseconds"),
    ("JULIANDAY", "count in milliseconds"),
    ("UNIXEPOCH", "count in milliseconds"),
    ("PRINTF", "write it in Rust"),
    ("INSTR", "write LIKE"),
    ("GROUP_CONCAT", "join in Rust"),
    ("TYPEOF", "columns have one type"),
    ("RANDOMBLOB", "give it as a parameter"),
    ("TOTAL_CHANGES", "ask rows_affected"),
    ("LAST_INSERT_ROWID", "write RETURNING"),
    ("BOOLEAN", "write BIGINT, 0 or 1"),
    ("INTEGER", "write BIGINT"),
    ("INT", "write BIGINT"),
];

/// Something in a text of SQL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'a> {
    Word(&'a str),
    /// A string, name in quotes, space, comment.
    Other(&'a str),
    Sign(char),
}

/// The schema for PostgreSQL.
///
/// # Errors
/// What has no form there.
pub(super) fn postgres(schema: &str) -> Result<String, String> {
    let mut kept = String::with_capacity(schema.len() + 256);
    let mut left_out = false;
    for line in schema.lines() {
        match line.trim() {
            ONLY if !left_out => left_out = true,
            END if left_out => left_out = false,
            _ if left_out => {}
            _ => {
                kept.push_str(line);
                kept.push('\n');
            }
        }
    }
    if left_out {
        return Err(format!("{ONLY} has no {END}"));
    }
    if let Some(problem) = foreign(&kept) {
        return Err(problem);
    }
    let tokens = tokens(&kept);
    let mut out = String::with_capacity(kept.len() + 256);
    let mut before = None;
    for token in &tokens {
        match token {
            // the type of a column follows its name
            Token::Word("TEXT") if matches!(before, Some(Token::Word(w)) if w != "AS") => {
                out.push_str("TEXT COLLATE \"C\"");
            }
            Token::Word("BLOB") => out.push_str("BYTEA"),
            Token::Word("REAL") => out.push_str("DOUBLE PRECISION"),
            Token::Word(text) | Token::Other(text) => out.push_str(text),
            Token::Sign(sign) => out.push(*sign),
        }
        if !matches!(token, Token::Other(space) if space.trim().is_empty() || space.starts_with("--")) {
            before = Some(*token);
        }
    }
    Ok(out)
}

/// What in this SQL only SQLite understands.
pub(super) fn foreign(sql: &str) -> Option<String> {
    let all = tokens(sql);
    let tokens: Vec<Token<'_>> = all
        .into_iter()
        .filter(|t| !matches!(t, Token::Other(o) if o.trim().is_empty() || o.starts_with("--")))
        .collect();
    for (at, token) in tokens.iter().enumerate() {
        let word = match token {
            Token::Word(word) => word.to_ascii_uppercase(),
            Token::Other(quoted) if quoted.starts_with(['`', '[']) => {
                return Some(format!("{quoted}: write \"name\""));
            }
            _ => continue,
        };
        let next = tokens.get(at + 1);
        let called = next == Some(&Token::Sign('('));
        if let Some((_, instead)) = FOREIGN.iter().find(|(w, _)| *w == word) {
            return Some(format!("{word} is SQLite's alone: {instead}"));
        }
        if called && (word.starts_with("JSON") || word == "HEX" || word == "SUBSTR" || word == "RANDOM") {
            return Some(format!("{word}() is SQLite's alone: read it in Rust"));
        }
        if called && (word == "MAX" || word == "MIN") && arguments(&tokens[at + 2..]) > 1 {
            return Some(format!("{word} of several values is SQLite's alone: write CASE"));
        }
        if word == "IS" && !is_null(&tokens[at + 1..]) {
            return Some("IS compares only with NULL on both: write =, or IS NULL".into());
        }
        if word == "X" && matches!(next, Some(Token::Other(o)) if o.starts_with('\'')) {
            return Some("x'…' is another thing in PostgreSQL: give bytes as a parameter".into());
        }
        if word == "LIMIT" && next == Some(&Token::Sign('-')) {
            return Some("LIMIT -1 is SQLite's alone: leave it out".into());
        }
    }
    None
}

fn is_null(after: &[Token<'_>]) -> bool {
    let word =
        |t: Option<&Token<'_>>, w: &str| matches!(t, Some(Token::Word(x)) if x.eq_ignore_ascii_case(w));
    word(after.first(), "NULL")
        || word(after.first(), "NOT") && word(after.get(1), "NULL")
        || word(after.first(), "DISTINCT")
}

/// How many arguments follow an open parenthesis.
fn arguments(after: &[Token<'_>]) -> usize {
    let (mut depth, mut count) = (0, 1);
    for token in after {
        match token {
            Token::Sign('(') => depth += 1,
            Token::Sign(')') if depth == 0 => break,
            Token::Sign(')') => depth -= 1,
            Token::Sign(',') if depth == 0 => count += 1,
            _ => {}
        }
    }
    count
}

fn tokens(sql: &str) -> Vec<Token<'_>> {
    let mut out = Vec::new();
    let mut rest = sql;
    while let Some(first) = rest.chars().next() {
        let part = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let end = |find: &str| rest[1..].find(find).map_or(rest.len(), |at| at + 1 + find.len());
        let (length, token): (usize, fn(&str) -> Token<'_>) = match first {
            c if c.is_ascii_alphabetic() || c == '_' => {
                (rest.find(|c| !part(c)).unwrap_or(rest.len()), |t| Token::Word(t))
            }
            // a number, or a parameter
            c if c.is_ascii_digit() => (rest.find(|c| !part(c)).unwrap_or(rest.len()), |t| Token::Other(t)),
            c if c.is_whitespace() => {
                (rest.find(|c: char| !c.is_whitespace()).unwrap_or(rest.len()), |t| Token::Other(t))
            }
            '-' if rest.starts_with("--") => (rest.find('\n').unwrap_or(rest.len()), |t| Token::Other(t)),
            '\'' => (end("'"), |t| Token::Other(t)),
            '"' => (end("\""), |t| Token::Other(t)),
            '`' => (end("`"), |t| Token::Other(t)),
            '[' => (end("]"), |t| Token::Other(t)),
            c => {
                out.push(Token::Sign(c));
                rest = &rest[c.len_utf8()..];
                continue;
            }
        };
        out.push(token(&rest[..length]));
        rest = &rest[length..];
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_become_those_of_postgresql() {
        let sql = "-- TEXT stays in remarks\nCREATE TABLE t (\n    a TEXT PRIMARY KEY, -- BLOB\n    b BLOB, c TEXT NOT NULL DEFAULT 'TEXT',\n    text REAL);\n\
                   UPDATE t SET a = CAST(b AS TEXT);\n";
        let expected = "-- TEXT stays in remarks\nCREATE TABLE t (\n    a TEXT COLLATE \"C\" PRIMARY KEY, -- BLOB\n    b BYTEA, \
                        c TEXT COLLATE \"C\" NOT NULL DEFAULT 'TEXT',\n    text DOUBLE PRECISION);\nUPDATE t SET a = CAST(b AS TEXT);\n";
        assert_eq!(postgres(sql).unwrap(), expected);
    }

    #[test]
    fn what_is_sqlites_alone_is_left_out_or_refused() {
        let sql = "CREATE TABLE t (a BIGINT);\n-- sqlite only\nINSERT INTO t SELECT json_extract(b, '$.a') FROM u;\n-- end\n";
        assert_eq!(postgres(sql).unwrap(), "CREATE TABLE t (a BIGINT);\n");
        assert!(postgres("-- sqlite only\nSELECT 1;\n").is_err());
        for sql in [
            "CREATE TABLE t (a INTEGER PRIMARY KEY AUTOINCREMENT)",
            "CREATE TABLE t (a TEXT) STRICT",
            "INSERT OR IGNORE INTO t VALUES (1)",
            "INSERT OR REPLACE INTO t VALUES (1)",
            "SELECT json_extract(a, '$.b') FROM t",
            "SELECT MAX(a, COALESCE(b, 0)) FROM t",
            "SELECT a FROM t WHERE b IS $1",
            "SELECT a FROM t WHERE b IS NOT 1",
            "SELECT a FROM t LIMIT -1",
            "INSERT INTO t VALUES (x'00')",
            "SELECT `a` FROM t",
            "SELECT ifnull(a, 0), strftime('%s') FROM t",
            "SELECT rowid FROM t",
        ] {
            assert!(foreign(sql).is_some(), "{sql}");
            assert!(postgres(sql).is_err(), "{sql}");
        }
        for sql in [
            "SELECT MAX(COALESCE(a, 0)), MIN(b) FROM t WHERE c IS NOT NULL AND d IS NULL AND e = 'it is rowid' LIMIT $1",
            "UPDATE t SET a = a - 1 WHERE b IN ($1,$2) RETURNING a",
        ] {
            assert_eq!(foreign(sql), None, "{sql}");
        }
    }
}
