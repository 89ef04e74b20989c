//! Programs that speak: one that is run for each piece (`espeak-ng`, or one of your own), and one that is kept alive.
//!
//! ```text
//!  start ──▶ {"ready": NAME}                                     within a minute: a voice is loaded
//!  {"id": 7, "text": "您好"}  ──▶  {"id": 7, "bytes": 4321} and so many bytes of WAV
//!                             or  {"id": 7, "error": "why not"}   this text is not spoken
//! ```
//!
//! The words go through standard input, never through an argument, so no text can be taken for an option or a path. What becomes
//! of a program that dies or talks nonsense: [`crate::worker`].

use super::engine::{Engine, Failure, Sound};
use crate::worker::{self, Life, Program};
use async_trait::async_trait;
use serde::Deserialize;
use std::process::Stdio;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;

/// Most bytes of a piece.
const MOST: usize = 32 << 20;

/// The voice of the last resort.
pub(crate) struct Espeak {
    pub(crate) command: String,
    pub(crate) voice: String,
    pub(crate) words_per_minute: u32,
}

#[async_trait]
impl Engine for Espeak {
    fn name(&self) -> &'static str {
        "espeak-ng"
    }

    fn voice(&self) -> String {
        format!("{}\0{}\0{}", self.command, self.voice, self.words_per_minute)
    }

    fn at_once(&self) -> usize {
        std::thread::available_parallelism().map_or(1, usize::from)
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        let speed = self.words_per_minute.to_string();
        let arguments = ["-v", &self.voice, "-s", &speed, "--stdin", "--stdout"];
        let mut command = Command::new(&self.command);
        command.args(arguments);
        run(command, text).await
    }
}

/// A program of the operator's that is run for each piece: words in, WAV out.
pub(crate) struct Once {
    pub(crate) command: Vec<String>,
    pub(crate) voice: String,
}

#[async_trait]
impl Engine for Once {
    fn name(&self) -> &'static str {
        "command"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.command.join("\0"), self.voice)
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        run(worker::command(&self.command)?, text).await
    }
}

/// Runs a program to its end. A future that is dropped kills it.
async fn run(mut command: Command, text: &str) -> Result<Sound, Failure> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|e| Failure::barred(format!("cannot be started: {e}")))?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Failure::barred("has no input or output"));
    };
    let asked = async move {
        // one that reads nothing is judged by what it answers
        let _ = input.write_all(text.as_bytes()).await;
    };
    let mut wav = Vec::new();
    let mut output = output.take(MOST as u64 + 1);
    let (_, read) = tokio::join!(asked, output.read_to_end(&mut wav));
    read.map_err(|e| Failure::lost(format!("cannot be read: {e}")))?;
    if wav.len() > MOST {
        return Err(Failure::text(format!("answered more than {} MB", MOST >> 20)));
    }
    let status = child.wait().await.map_err(|e| Failure::lost(e.to_string()))?;
    if !status.success() {
        return Err(Failure::lost(format!("ended with {status}")));
    }
    Ok(Sound::Wav(wav))
}

/// A program of the operator's that is kept alive.
pub(crate) struct Worker {
    program: Program,
    voice: String,
}

/// A line of the program's.
#[derive(Debug, Deserialize)]
struct Line {
    id: Option<u64>,
    bytes: Option<usize>,
    error: Option<String>,
}

impl Worker {
    pub(crate) fn new(command: Vec<String>, voice: String) -> Worker {
        Worker { program: Program::new(command, "docs/voices.md"), voice }
    }
}

async fn ask(life: &mut Life, text: &str) -> Result<Sound, Failure> {
    let asked = life.number();
    life.tell(&serde_json::json!({ "id": asked, "text": text }), &[]).await;
    let line: Line = life.line().await?;
    if line.id != Some(asked) {
        return Err(Failure::lost("answered another question"));
    }
    match line {
        Line { error: Some(why), .. } => {
            let why: String = why.replace(text, "…").chars().take(200).collect();
            Err(Failure::text(format!("refused: {why}")))
        }
        Line { bytes: Some(bytes), .. } if bytes <= MOST => Ok(Sound::Wav(life.bytes(bytes).await?)),
        _ => Err(Failure::lost(format!("answered neither an error nor up to {} MB", MOST >> 20))),
    }
}

#[async_trait]
impl Engine for Worker {
    fn name(&self) -> &'static str {
        "command"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.program.command().join("\0"), self.voice)
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn warm_up(&self) -> Result<(), Failure> {
        self.program.warm_up().await
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        self.program.with(async |life| ask(life, text).await).await
    }
}

#[cfg(test)]
mod tests {
    use super::super::engine::Kind;
    use super::*;

    /// A worker in shell: `$1` is a folder to note each start in; it says a second of a square wave, dies at `die`, refuses
    /// `no`, talks nonsense at `odd` and never answers `slow`.
    const WORKER: &str = r#"
echo start >> "$1/starts"
echo '{"ready": "shell"}'
n=0
while IFS= read -r line; do
    n=$((n + 1))
    printf '%s\n' "$line" >> "$1/lines"
    case $line in
        *die*) exit 3 ;;
        *slow*) sleep 600 ;;
        *odd*) echo 'hello' ;;
        *no*) echo "{\"id\": $n, \"error\": \"not this\"}" ;;
        *) echo "{\"id\": $n, \"bytes\": 6}"; printf 'RIFFab' ;;
    esac
done
"#;

    fn worker(folder: &std::path::Path) -> Worker {
        let words = ["sh", "-c", WORKER, "sh", &folder.display().to_string()];
        Worker::new(words.map(str::to_owned).to_vec(), String::new())
    }

    async fn ask(worker: &Worker, text: &str) -> Result<Vec<u8>, Failure> {
        worker.warm_up().await?;
        match worker.speak(text).await? {
            Sound::Wav(bytes) => Ok(bytes),
            Sound::Pcm(_) => unreachable!("a program answers files"),
        }
    }

    fn starts(folder: &std::path::Path) -> usize {
        std::fs::read_to_string(folder.join("starts")).unwrap_or_default().lines().count()
    }

    #[tokio::test]
    async fn a_worker_is_kept_and_started_anew_when_it_dies() {
        let dir = tempfile::tempdir().unwrap();
        let worker = worker(dir.path());
        for _ in 0..3 {
            assert_eq!(ask(&worker, "您好").await.unwrap(), b"RIFFab");
        }
        assert_eq!(ask(&worker, "no").await.unwrap_err().kind, Kind::Text);
        assert_eq!(starts(dir.path()), 1, "a refusal ends nothing");
        let died = ask(&worker, "die").await.unwrap_err();
        assert!(died.kind == Kind::Again && died.problem.contains('3'), "{died:?}");
        assert_eq!(ask(&worker, "您好").await.unwrap(), b"RIFFab");
        assert_eq!(ask(&worker, "odd").await.unwrap_err().kind, Kind::Lost);
        assert_eq!(ask(&worker, "您好").await.unwrap(), b"RIFFab");
        assert_eq!(starts(dir.path()), 3);
    }

    #[tokio::test]
    async fn one_that_is_given_up_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let worker = worker(dir.path());
        ask(&worker, "您好").await.unwrap();
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(200), worker.speak("slow")).await.is_err()
        );
        assert_eq!(ask(&worker, "您好").await.unwrap(), b"RIFFab");
        assert_eq!(starts(dir.path()), 2);
    }

    #[tokio::test]
    async fn no_text_is_an_option_a_path_or_a_line() {
        let dir = tempfile::tempdir().unwrap();
        let worker = worker(dir.path());
        let texts = ["--help", "/etc/passwd", "$(touch x)", "one\ntwo", "\"}, {\"id\": 9"];
        for text in texts {
            ask(&worker, text).await.unwrap();
        }
        let lines = std::fs::read_to_string(dir.path().join("lines")).unwrap();
        let read: Vec<String> = lines
            .lines()
            .map(|l| {
                serde_json::from_str::<serde_json::Value>(l).unwrap()["text"].as_str().unwrap().to_owned()
            })
            .collect();
        assert_eq!(read, texts);
        let once = Once { command: vec!["cat".into()], voice: String::new() };
        for text in texts {
            assert!(matches!(once.speak(text).await.unwrap(), Sound::Wav(bytes) if bytes == text.as_bytes()));
        }
    }

    #[tokio::test]
    async fn programs_that_are_not_there_or_fail_are_told() {
        let once = |words: &[&str]| Once {
            command: words.iter().map(|w| (*w).to_owned()).collect(),
            voice: String::new(),
        };
        assert_eq!(once(&["/nowhere/voice"]).speak("x").await.unwrap_err().kind, Kind::Barred);
        assert_eq!(once(&["false"]).speak("x").await.unwrap_err().kind, Kind::Lost);
        let silent = Worker::new(vec!["true".into()], String::new());
        assert_eq!(silent.warm_up().await.unwrap_err().kind, Kind::Barred);
        let other = Worker::new(["echo", "{}"].map(str::to_owned).to_vec(), String::new());
        assert_eq!(other.warm_up().await.unwrap_err().kind, Kind::Barred);
    }
}
