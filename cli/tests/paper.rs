//! Completions and manual pages, made by the program that is installed.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

fn waybell(words: &[&str]) -> String {
    let out = Command::new(env!("CARGO_BIN_EXE_waybell")).args(words).output().unwrap();
    assert!(out.status.success(), "{words:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

#[test]
fn completions_know_every_verb_and_need_no_data() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        // the folder cannot be made: nothing is opened
        let text = waybell(&["--data", "/dev/null/none", "completions", shell]);
        for word in ["import", "notify", "stops", "stop-all", "include-unknown"] {
            assert!(text.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn there_is_a_page_for_each_verb_in_both_languages() {
    for (lang, word) in [("zh", "搜索"), ("en", "Search")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("man1");
        waybell(&["--lang", lang, "man", "--folder", path.to_str().unwrap()]);
        let page = std::fs::read_to_string(path.join("waybell-search.1")).unwrap();
        assert!(page.contains(".TH waybell-search 1") && page.contains(word), "{page}");
        assert!(std::fs::read_dir(&path).unwrap().count() > 20);
        assert!(waybell(&["--lang", lang, "man"]).contains(".TH waybell 1"));
    }
}
