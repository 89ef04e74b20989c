//! Programs that speak: one that is run for each piece (`espeak-ng`, or one of your own), and one that is kept alive.
//!
//! ```text
//!  start ──▶ {"ready": NAME}                                     within a minute: a voice is loaded
//!  {"id": 7, "text": "您好"}  ──▶  {"id": 7, "bytes": 4321} and so many bytes of WAV
//!                             or  {"id": 7, "error": "why not"}   this text is not spoken
//! ```
//!
//! The words go through standard input, never through an argument, so no text can be taken for an option or a path. One
//! question at a time; a program that dies, answers something else or is not done in time is killed, and the next question
//! starts it anew. What it writes to standard error is told with its end.

use super::engine::{Engine, Failure, Kind, Sound};
use async_trait::async_trait;
use serde::Deserialize;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Most bytes of a piece.
const MOST: usize = 32 << 20;
/// Most bytes of a line.
const LINE: u64 = 64 << 10;
/// Longest wait for a program that loads its voice.
const WARM_UP: Duration = Duration::from_secs(60);

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
        run(command(&self.command)?, text).await
    }
}

fn command(words: &[String]) -> Result<Command, Failure> {
    let (program, arguments) = words.split_first().ok_or_else(|| Failure::barred("names no program"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
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
    command: Vec<String>,
    voice: String,
    life: Mutex<Option<Life>>,
}

/// A running program.
struct Life {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
}

/// A line of the program's.
#[derive(Debug, Deserialize)]
struct Line {
    ready: Option<String>,
    id: Option<u64>,
    bytes: Option<usize>,
    error: Option<String>,
}

impl Worker {
    pub(crate) fn new(command: Vec<String>, voice: String) -> Worker {
        Worker { command, voice, life: Mutex::new(None) }
    }

    fn start(&self) -> Result<Life, Failure> {
        let mut child = command(&self.command)?
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|e| Failure::barred(format!("cannot be started: {e}")))?;
        if let Some(errors) = child.stderr.take() {
            tokio::spawn(async move {
                // read to its end whatever it is, so that the program never waits or breaks for it; not shown, because it
                // may repeat what it was asked to say
                let (mut errors, mut block) = (errors, [0; 4096]);
                while matches!(errors.read(&mut block).await, Ok(n) if n > 0) {}
            });
        }
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::barred("has no input or output"));
        };
        Ok(Life { child, input, output: BufReader::new(output), asked: 0 })
    }
}

impl Life {
    async fn line(&mut self) -> Result<Line, Failure> {
        let mut text = Vec::new();
        let read = (&mut self.output).take(LINE).read_until(b'\n', &mut text).await;
        match read {
            Ok(0) => {
                let status = self.child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
                Err(Failure::again(format!("ended with {status}")))
            }
            Ok(_) => serde_json::from_slice(&text)
                .map_err(|_| Failure::lost("answered a line that is not of its protocol (docs/voices.md)")),
            Err(e) => Err(Failure::again(format!("cannot be read: {e}"))),
        }
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        match self.line().await {
            Ok(line) if line.ready.is_some() => Ok(()),
            Ok(_) => Err(Failure::barred("did not begin with {\"ready\": NAME}")),
            // one that dies at its start will do so again
            Err(failure) => Err(Failure { kind: Kind::Barred, ..failure }),
        }
    }

    async fn ask(&mut self, text: &str) -> Result<Sound, Failure> {
        self.asked += 1;
        let question = format!("{}\n", serde_json::json!({ "id": self.asked, "text": text }));
        let sent = self.input.write_all(question.as_bytes()).await;
        if sent.is_ok() {
            let _ = self.input.flush().await;
        }
        let line = self.line().await?;
        if line.id != Some(self.asked) {
            return Err(Failure::lost("answered another question"));
        }
        match line {
            Line { error: Some(why), .. } => {
                let why: String = why.replace(text, "…").chars().take(200).collect();
                Err(Failure::text(format!("refused: {why}")))
            }
            Line { bytes: Some(bytes), .. } if bytes <= MOST => {
                let mut wav = vec![0; bytes];
                let read = self.output.read_exact(&mut wav).await;
                read.map_err(|_| Failure::again("ended in the middle of an answer"))?;
                Ok(Sound::Wav(wav))
            }
            _ => Err(Failure::lost(format!("answered neither an error nor up to {} MB", MOST >> 20))),
        }
    }
}

#[async_trait]
impl Engine for Worker {
    fn name(&self) -> &'static str {
        "command"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.command.join("\0"), self.voice)
    }

    fn at_once(&self) -> usize {
        1
    }

    async fn warm_up(&self) -> Result<(), Failure> {
        let mut life = self.life.lock().await;
        if life.is_none() {
            let mut running = self.start()?;
            let begun = tokio::time::timeout(WARM_UP, running.ready()).await;
            begun.unwrap_or_else(|_| {
                Err(Failure::barred(format!("was not ready after {} s", WARM_UP.as_secs())))
            })?;
            *life = Some(running);
        }
        Ok(())
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        let mut life = self.life.lock().await;
        // taken out while it is asked: one that is dropped in the middle of an answer is not asked again, but killed
        let mut running = life.take().ok_or_else(|| Failure::again("has ended"))?;
        let answer = running.ask(text).await;
        if answer.is_ok() || answer.as_ref().is_err_and(|f| f.kind == Kind::Text) {
            *life = Some(running);
        }
        answer
    }
}

#[cfg(test)]
mod tests {
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
