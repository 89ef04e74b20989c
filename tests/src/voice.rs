//! The demo voice and the recogniser of `make voice`, and how much of a text was heard.

use anyhow::Context;
use pinyin::ToPinyin;
use serde_json::{Value, json};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use waybell_domain::lang::Lang;
use waybell_domain::template::{count_words, digit_words};

/// Where `make voice` has put them.
#[derive(Clone, Debug)]
pub struct DemoVoice {
    python: PathBuf,
    worker: PathBuf,
    model: PathBuf,
}

fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// The demo voice, if it is installed.
pub fn demo() -> Option<DemoVoice> {
    let root = root();
    let folder = std::env::var_os("WAYBELL_VOICE").map_or_else(|| root.join("data/voice"), |f| root.join(f));
    let found = DemoVoice {
        python: folder.join("env/bin/python"),
        worker: root.join("scripts/voice_worker.py"),
        model: folder.join("whisper-base"),
    };
    (folder.join("installed").is_file() && found.python.exists() && found.worker.exists()).then_some(found)
}

/// The demo voice, installed where it is missing.
///
/// # Errors
/// It cannot be installed here.
pub fn installed() -> anyhow::Result<DemoVoice> {
    if demo().is_none() {
        let status = Command::new(root().join("scripts/voice")).stdout(Stdio::null()).status()?;
        anyhow::ensure!(status.success(), "make voice ended with {status}");
    }
    demo().context("make voice left no voice")
}

impl DemoVoice {
    /// Lines of a server's `[speech]`.
    pub fn speech(&self) -> String {
        format!("command = [{:?}, {:?}, \"speak\"]\n", self.python, self.worker)
    }

    /// What the recogniser hears in these files, in their order.
    ///
    /// # Errors
    /// The recogniser fails, or cannot read one.
    pub fn hear(&self, files: &[PathBuf]) -> anyhow::Result<Vec<String>> {
        let mut child = Command::new(&self.python)
            .arg(&self.worker)
            .arg("hear")
            .arg(&self.model)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let mut input = child.stdin.take().context("no input")?;
        for file in files {
            writeln!(input, "{}", json!({ "file": file }))?;
        }
        drop(input);
        let output = child.wait_with_output()?;
        let text = String::from_utf8(output.stdout)?;
        let mut lines = text.lines().map(serde_json::from_str::<Value>);
        let ready = lines.next().context("the recogniser did not start")??;
        anyhow::ensure!(ready["ready"].is_string(), "the recogniser did not start: {ready}");
        let heard: Vec<String> = lines
            .map(|line| {
                let line = line?;
                Ok(line["text"].as_str().with_context(|| format!("not recognised: {line}"))?.to_owned())
            })
            .collect::<anyhow::Result<_>>()?;
        anyhow::ensure!(heard.len() == files.len(), "{} of {} files recognised", heard.len(), files.len());
        Ok(heard)
    }
}

/// The pinyin syllables of a text, without tones; numbers as they are read, letters as they are.
pub fn syllables(text: &str) -> Vec<String> {
    let mut words = String::new();
    let mut digits = String::new();
    for c in text.chars().chain([' ']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        match digits.parse::<u32>() {
            // 2 by itself is 二, as in 按2
            Ok(2) => words.push('二'),
            Ok(n) if digits.len() <= 4 && !digits.starts_with('0') => words += &count_words(Lang::Zh, n),
            Ok(_) => words += &digit_words(Lang::Zh, &digits),
            Err(_) => {}
        }
        digits.clear();
        words.push(c);
    }
    let syllable = |c: char| match c {
        // as a word for houses; alone it is read otherwise
        '幢' => Some("zhuang".to_owned()),
        c => c.to_pinyin().map(|p| p.plain().to_owned()),
    };
    words.chars().filter_map(syllable).collect()
}

/// Share of the syllables of `said` that are in `heard`, in their order (longest common subsequence).
pub fn share_heard(said: &str, heard: &str) -> f64 {
    let (said, heard) = (syllables(said), syllables(heard));
    let mut row = vec![0usize; heard.len() + 1];
    for s in &said {
        let mut corner = 0;
        for (n, h) in heard.iter().enumerate() {
            let above = row[n + 1];
            row[n + 1] = if s == h { corner + 1 } else { above.max(row[n]) };
            corner = above;
        }
    }
    row[heard.len()] as f64 / said.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homophones_and_digits_are_the_same_syllables() {
        assert_eq!(syllables("请按1，3号楼"), ["qing", "an", "yi", "san", "hao", "lou"]);
        assert_eq!(syllables("12幢"), syllables("十二壮"));
        assert_eq!(syllables("按0"), syllables("按零"));
        assert_eq!(share_heard("快件到幸福花园", "快見到 幸福花園"), 1.0);
    }

    #[test]
    fn what_is_missing_or_out_of_order_counts_as_not_heard() {
        assert_eq!(share_heard("一二三四", "一三四"), 0.75);
        assert_eq!(share_heard("一二三四", "四三二一"), 0.25);
        assert_eq!(share_heard("一二三四", ""), 0.0);
        assert_eq!(share_heard("一二三四", "五一六二七三八四"), 1.0);
    }
}
