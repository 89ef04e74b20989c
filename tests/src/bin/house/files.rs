//! The files of the repository: their sizes, and words that do not belong into them.

use crate::Report;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Largest file that people write, bytes.
const LARGEST: u64 = 25_000;

/// Files that programs write, or that are data, by the end of the name or a folder in the path.
const GENERATED: [&str; 4] = ["Cargo.lock", "docs/openapi.json", "docs/features.tsv", ".snap"];

fn is_data(path: &str) -> bool {
    GENERATED.iter().any(|g| path.ends_with(g))
        || path.split('/').any(|part| part == "data" || part == "snapshots")
}

/// Paths that exist on one machine only, and addresses that packages are downloaded from. Put together here, so that
/// this file holds none of them.
fn strange_words() -> Vec<String> {
    let folders = ["work", "tmp", "root", "home", "Users", "mnt"];
    let hosts = [
        ["crates", "io"],
        ["pypi", "org"],
        ["npmjs", "org"],
        ["debian", "org"],
        ["golang", "org"],
        ["maven", "org"],
        ["apache", "org/maven2"],
        ["maven.google", "com"],
        ["gradle", "org"],
    ];
    let folders = folders.into_iter().map(|f| format!("/{f}/"));
    folders.chain(hosts.into_iter().map(|h| h.join("."))).collect()
}

/// Every file that is not ignored, relative to `root`, sorted.
pub(crate) fn list(root: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let text = std::fs::read_to_string(root.join(".gitignore")).context(".gitignore")?;
    let ignored: Vec<&str> =
        text.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            let kind = entry.file_type()?;
            if entry.file_name() == ".git" || is_ignored(&ignored, &path.to_string_lossy(), kind.is_dir()) {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

/// The part of gitignore(5) that this repository uses: `*.end`, `name`, `folder/`, and paths from the root.
fn is_ignored(patterns: &[&str], path: &str, is_folder: bool) -> bool {
    patterns.iter().any(|pattern| {
        let (pattern, folders_only) = pattern.strip_suffix('/').map_or((*pattern, false), |p| (p, true));
        if folders_only && !is_folder {
            return false;
        }
        let name = path.rsplit('/').next().unwrap_or(path);
        match (pattern.strip_prefix('*'), pattern.contains('/')) {
            (Some(end), _) => name.ends_with(end),
            (None, true) => path == pattern.trim_start_matches('/'),
            (None, false) => name == pattern,
        }
    })
}

/// No file is over 25 kB, generated files and data excepted.
pub(crate) fn sizes(root: &Path) -> anyhow::Result<Report> {
    let files = list(root)?;
    let mut findings = Vec::new();
    for file in &files {
        let size = std::fs::metadata(root.join(file))?.len();
        if size > LARGEST && !is_data(&file.to_string_lossy()) {
            findings.push(format!("{}: {size} bytes, {LARGEST} at most; split it", file.display()));
        }
    }
    Ok(Report { looked_at: format!("{} files", files.len()), findings })
}

/// No file names a path of one machine or a host of packages. The lock file has to.
pub(crate) fn paths(root: &Path) -> anyhow::Result<Report> {
    let words = strange_words();
    let files = list(root)?;
    let mut findings = Vec::new();
    for file in files.iter().filter(|f| !f.ends_with("Cargo.lock")) {
        let bytes = std::fs::read(root.join(file))?;
        // What is no text (sounds, databases) names nothing.
        let Ok(text) = String::from_utf8(bytes) else { continue };
        for (n, line) in text.lines().enumerate() {
            for word in words.iter().filter(|w| holds(line, w)) {
                findings.push(format!("{}:{}: names {word}", file.display(), n + 1));
            }
        }
    }
    Ok(Report { looked_at: format!("{} files", files.len()), findings })
}

/// Whether `line` holds `word` and not only as the tail of something longer (`target/tmp/` is a folder of the project).
fn holds(line: &str, word: &str) -> bool {
    line.match_indices(word).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !(word.starts_with('/') && before.is_some_and(|c| c.is_alphanumeric() || "._-}){".contains(c)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_files_are_those_of_gitignore() {
        let patterns = ["/target/", "*.profraw", ".DS_Store", "bindings/kotlin/target/", "__pycache__/"];
        let ignored = |path: &str, folder: bool| is_ignored(&patterns, path, folder);
        assert!(ignored("target", true) && ignored("bindings/kotlin/target", true));
        assert!(
            ignored("a/b/x.profraw", false)
                && ignored("a/.DS_Store", false)
                && ignored("a/__pycache__", true)
        );
        assert!(!ignored("target", false) && !ignored("core/target", true) && !ignored("a/x.rs", false));
    }

    #[test]
    fn machine_paths_are_found_and_others_are_not() {
        let words = strange_words();
        let found = |line: &str| words.iter().any(|w| holds(line, w));
        for folder in ["home", "tmp", "Users"] {
            assert!(found(&format!("open(\"/{folder}/me/x\")")));
            assert!(!found(&format!("target/{folder}/x")), "a folder of the project");
        }
        assert!(found(&["https://static.crates", "io/x"].join(".")));
        assert!(!found("let a = b / c; // and/or"));
    }

    #[test]
    fn the_walk_finds_files_and_leaves_out_what_is_ignored() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["src", "target", ".git"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
            std::fs::write(dir.path().join(folder).join("x.rs"), "x".repeat(26_000)).unwrap();
        }
        std::fs::write(dir.path().join(".gitignore"), "/target/\n").unwrap();
        let found = list(dir.path()).unwrap();
        assert_eq!(found, [PathBuf::from(".gitignore"), PathBuf::from("src/x.rs")]);
        assert_eq!(sizes(dir.path()).unwrap().findings.len(), 1);
    }
}
