//! `docs/features.tsv`: one row for each capability, `id, status, proof`, and the proofs exist.
//!
//! A proof is a list separated by `; ` of: a Rust test by its path, `crate::module::test` (with the crate's name as in
//! paths; an integration test's first segment is its file), a test file of the console or of Kotlin by name, or an id
//! of a row of `docs/BENCHMARKS.md`.

use crate::{Report, files};
use anyhow::Context;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

/// Rows of the list of capabilities.
const ROWS: usize = 351;

/// Checks the table.
pub(crate) fn check(root: &Path) -> anyhow::Result<Report> {
    let table = std::fs::read_to_string(root.join("docs/features.tsv")).context("docs/features.tsv")?;
    let benches = std::fs::read_to_string(root.join("docs/BENCHMARKS.md")).unwrap_or_default();
    let house = House { crates: crates(root)?, files: files::list(root)?, root: root.to_owned(), benches };
    let mut findings = Vec::new();
    let mut seen = HashSet::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (n, line) in table.lines().enumerate().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let &[id, status, proof] = fields.as_slice() else {
            findings.push(format!("line {}: {} fields instead of id, status, proof", n + 1, fields.len()));
            continue;
        };
        if !seen.insert(id) {
            findings.push(format!("{id}: is there twice"));
        }
        *counts.entry(status).or_default() += 1;
        let proofs: Vec<&str> = proof.split("; ").filter(|p| !p.is_empty()).collect();
        match status {
            "works" | "partly" if proofs.is_empty() => findings.push(format!("{id}: {status} needs a proof")),
            "works" | "partly" | "planned" => {}
            _ => findings.push(format!("{id}: status {status:?} is none of works, partly, planned")),
        }
        for proof in proofs.into_iter().filter(|p| !house.has(p)) {
            findings.push(format!("{id}: there is no {proof}"));
        }
    }
    if seen.len() != ROWS {
        findings.push(format!("{} rows instead of {ROWS}", seen.len()));
    }
    let counts: Vec<String> = counts.iter().map(|(status, n)| format!("{n} {status}")).collect();
    Ok(Report { looked_at: format!("{} rows ({})", seen.len(), counts.join(", ")), findings })
}

/// Where the proofs are looked for.
struct House {
    root: PathBuf,
    /// Folder by crate name, as in paths.
    crates: BTreeMap<String, PathBuf>,
    files: Vec<PathBuf>,
    benches: String,
}

/// The workspace's crates.
fn crates(root: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let read = |folder: &Path| -> anyhow::Result<toml::Table> {
        let file = root.join(folder).join("Cargo.toml");
        Ok(std::fs::read_to_string(&file).with_context(|| file.display().to_string())?.parse()?)
    };
    let workspace = read(Path::new(""))?;
    let members = workspace["workspace"]["members"].as_array().context("no members")?;
    let mut crates = BTreeMap::new();
    for folder in members.iter().filter_map(|m| m.as_str()) {
        let name = read(Path::new(folder))?["package"]["name"].as_str().unwrap_or_default().replace('-', "_");
        crates.insert(name, PathBuf::from(folder));
    }
    Ok(crates)
}

impl House {
    fn has(&self, proof: &str) -> bool {
        if proof.ends_with(".kt") || proof.ends_with(".ts") || proof.ends_with(".swift") {
            return self.files.iter().any(|f| f.ends_with(proof));
        }
        match proof.split_once("::") {
            Some((name, path)) => self.crates.get(name).is_some_and(|folder| self.has_test(folder, path)),
            None => self.benches.lines().any(|l| l.contains(&format!("| `{proof}` |"))),
        }
    }

    /// `path` is `module::…::test`. The test is in the file of its module, which may be an inline `mod tests` of the
    /// file above; an integration test's first segment is a file in `tests/`.
    fn has_test(&self, folder: &Path, path: &str) -> bool {
        let mut modules: Vec<&str> = path.split("::").collect();
        let Some(test) = modules.pop() else { return false };
        let places = |modules: &[&str]| -> Vec<PathBuf> {
            let inner: PathBuf = modules.iter().collect();
            let mut found = Vec::new();
            for base in ["src", "tests", "src/bin"] {
                let place = folder.join(base).join(&inner);
                found.extend([
                    place.with_extension("rs"),
                    place.join("mod.rs"),
                    place.join("main.rs"),
                    place.join("lib.rs"),
                ]);
            }
            found
        };
        let mut candidates = places(&modules);
        if let Some((_, above)) = modules.split_last() {
            candidates.extend(places(above));
        }
        let is_test = |file: &PathBuf| {
            std::fs::read_to_string(self.root.join(file)).is_ok_and(|text| tests(&text, test))
        };
        candidates.iter().any(is_test)
    }
}

/// Whether the source has a function of that name with a test attribute above it.
fn tests(source: &str, name: &str) -> bool {
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(n, line)| {
        let is_it = line
            .split_once("fn ")
            .is_some_and(|(_, rest)| rest.strip_prefix(name).is_some_and(|r| r.starts_with(['(', '<'])));
        let above = lines[..n].iter().rev().take_while(|l| l.starts_with("#[") || l.starts_with("//"));
        is_it && above.into_iter().any(|l| l.starts_with("#[test]") || l.starts_with("#[tokio::test"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn house() -> (tempfile::TempDir, House) {
        let dir = tempfile::tempdir().unwrap();
        for (file, text) in [
            ("a/src/one.rs", "mod tests {\n    #[test]\n    fn first() {}\n    fn helper() {}\n}"),
            ("a/src/two/tests.rs", "#[tokio::test]\n/// Why.\nasync fn second() {}"),
            ("a/tests/outer.rs", "#[test]\nfn third() {}"),
            ("kotlin/FooTest.kt", ""),
        ] {
            let file = dir.path().join(file);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        let house = House {
            root: dir.path().to_owned(),
            crates: BTreeMap::from([("crate_a".to_owned(), PathBuf::from("a"))]),
            files: vec!["kotlin/FooTest.kt".into()],
            benches: "| `dial.rate` | 5 |".into(),
        };
        (dir, house)
    }

    #[test]
    fn proofs_that_exist() {
        let (_dir, house) = house();
        for proof in [
            "crate_a::one::tests::first",
            "crate_a::two::tests::second",
            "crate_a::outer::third",
            "FooTest.kt",
            "dial.rate",
        ] {
            assert!(house.has(proof), "{proof}");
        }
    }

    #[test]
    fn proofs_that_do_not() {
        let (_dir, house) = house();
        for proof in [
            "crate_a::one::tests::helper",
            "crate_a::one::tests::firs",
            "crate_a::three::first",
            "crate_b::outer::third",
            "BarTest.kt",
            "dial",
            "dial.cpu",
        ] {
            assert!(!house.has(proof), "{proof}");
        }
    }
}
