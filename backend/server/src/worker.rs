//! Programs of the operator's that are kept alive and asked through their standard input: voices ([`crate::speech`]) and
//! recognisers ([`crate::transcripts`]).
//!
//! A program begins with a line `{"ready": NAME}`, within a minute; then each question and each answer is a line of JSON, with so
//! many bytes after it as the line says. One question at a time. A program that dies, answers something else or is not done in
//! time is killed, and the next question starts it anew. What it writes to standard error is read and not shown: it may
//! repeat what people said.

use crate::speech::{Failure, Kind};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::Mutex;

/// Most bytes of a line.
const LINE: u64 = 64 << 10;
/// Longest wait for a program that loads what it has learnt.
const WARM_UP: Duration = Duration::from_secs(60);

/// A program, running or to be started.
pub(crate) struct Program {
    command: Vec<String>,
    /// Where its protocol is written down.
    docs: &'static str,
    life: Mutex<Option<Life>>,
}

/// A running program.
pub(crate) struct Life {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    asked: u64,
    docs: &'static str,
}

#[derive(Deserialize)]
struct Ready {
    ready: Option<String>,
}

/// A program and its arguments, not yet started.
///
/// # Errors
/// There is no word.
pub(crate) fn command(words: &[String]) -> Result<Command, Failure> {
    let (program, arguments) = words.split_first().ok_or_else(|| Failure::barred("names no program"))?;
    let mut command = Command::new(program);
    command.args(arguments);
    Ok(command)
}

impl Program {
    pub(crate) fn new(command: Vec<String>, docs: &'static str) -> Program {
        Program { command, docs, life: Mutex::new(None) }
    }

    /// Program and arguments.
    pub(crate) fn command(&self) -> &[String] {
        &self.command
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
                // read to its end whatever it is, so that the program never waits or breaks for it
                let (mut errors, mut block) = (errors, [0; 4096]);
                while matches!(errors.read(&mut block).await, Ok(n) if n > 0) {}
            });
        }
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::barred("has no input or output"));
        };
        Ok(Life { child, input, output: BufReader::new(output), asked: 0, docs: self.docs })
    }

    /// Starts it where it does not run.
    ///
    /// # Errors
    /// It cannot be started, dies at once or does not say that it is ready.
    pub(crate) async fn warm_up(&self) -> Result<(), Failure> {
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

    /// Asks it something. One that is dropped in the middle of an answer, or answers nonsense, is not asked again, but killed.
    ///
    /// # Errors
    /// What the question came to; it does not run.
    pub(crate) async fn with<T>(
        &self,
        ask: impl AsyncFnOnce(&mut Life) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        let mut life = self.life.lock().await;
        let mut running = life.take().ok_or_else(|| Failure::again("has ended"))?;
        let answer = ask(&mut running).await;
        if answer.is_ok() || answer.as_ref().is_err_and(|f| f.kind == Kind::Text) {
            *life = Some(running);
        }
        answer
    }
}

impl Life {
    /// A number for the next question.
    pub(crate) fn number(&mut self) -> u64 {
        self.asked += 1;
        self.asked
    }

    /// Writes a line, and bytes after it. Whether it was read is known by the answer.
    pub(crate) async fn tell(&mut self, line: &serde_json::Value, after: &[u8]) {
        let line = format!("{line}\n");
        if self.input.write_all(line.as_bytes()).await.is_ok() && self.input.write_all(after).await.is_ok() {
            let _ = self.input.flush().await;
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// It has ended; the line is none of its protocol.
    pub(crate) async fn line<T: DeserializeOwned>(&mut self) -> Result<T, Failure> {
        let mut text = Vec::new();
        let read = (&mut self.output).take(LINE).read_until(b'\n', &mut text).await;
        match read {
            Ok(0) => {
                let status = self.child.wait().await.map_or_else(|e| e.to_string(), |s| s.to_string());
                Err(Failure::again(format!("ended with {status}")))
            }
            Ok(_) => serde_json::from_slice(&text).map_err(|_| {
                Failure::lost(format!("answered a line that is not of its protocol ({})", self.docs))
            }),
            Err(e) => Err(Failure::again(format!("cannot be read: {e}"))),
        }
    }

    /// Reads so many bytes after a line.
    ///
    /// # Errors
    /// It has ended before.
    pub(crate) async fn bytes(&mut self, count: usize) -> Result<Vec<u8>, Failure> {
        let mut out = vec![0; count];
        let read = self.output.read_exact(&mut out).await;
        read.map(|_| out).map_err(|_| Failure::again("ended in the middle of an answer"))
    }

    async fn ready(&mut self) -> Result<(), Failure> {
        match self.line::<Ready>().await {
            Ok(line) if line.ready.is_some() => Ok(()),
            Ok(_) => Err(Failure::barred("did not begin with {\"ready\": NAME}")),
            // one that dies at its start will do so again
            Err(failure) => Err(Failure { kind: Kind::Barred, ..failure }),
        }
    }
}
