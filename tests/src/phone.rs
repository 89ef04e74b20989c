//! A courier with a phone: `waybell` processes over one folder, which can be killed at any moment.
//!
//! What a courier knows is what was on the screen before the process died. A promise that was shown must hold; where
//! nothing was shown, the courier does the same again, and that must do no harm.

use crate::server::programs;
use crate::world::PASSWORD;
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How a process may end early.
#[derive(Clone, Debug, Default)]
pub enum Death {
    /// Not at all.
    #[default]
    None,
    /// SIGKILL after this time.
    After(Duration),
    /// At a crash point of the core (`WAYBELL_PHONE_CRASH`).
    At(String),
}

/// What was on the screen, and how the process ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Exit code; `None` if it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub text: String,
    /// Standard error.
    pub errors: String,
}

impl Said {
    /// True if the process did not come to its end.
    pub fn died(&self) -> bool {
        self.code.is_none()
    }
}

/// See the module.
pub struct Phone {
    home: TempDir,
    url: String,
    /// Variables of the environment of what it runs.
    pub variables: Vec<(String, String)>,
}

impl Phone {
    /// A phone without data, which knows the server's address.
    pub fn new(url: &str) -> anyhow::Result<Phone> {
        Ok(Phone { home: tempfile::tempdir()?, url: url.to_owned(), variables: Vec::new() })
    }

    /// Another phone with a copy of this one's data.
    pub fn copy(&self) -> anyhow::Result<Phone> {
        let other = Phone::new(&self.url)?;
        for entry in std::fs::read_dir(self.home.path())? {
            let entry = entry?;
            std::fs::copy(entry.path(), other.home.path().join(entry.file_name()))?;
        }
        Ok(other)
    }

    /// Folder of its data.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Runs `waybell` with these arguments.
    pub fn run(&self, arguments: &[&str], death: &Death) -> anyhow::Result<Said> {
        let mut command = Command::new(programs().join("waybell"));
        command
            .args(arguments)
            .env("WAYBELL_HOME", self.home.path())
            .env("WAYBELL_SERVER", &self.url)
            .env("WAYBELL_PASSWORD", PASSWORD)
            .env("LC_ALL", "C.UTF-8")
            .envs(self.variables.iter().cloned())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if let Death::At(place) = death {
            command.env("WAYBELL_PHONE_CRASH", place);
        }
        let mut child = command.spawn().context("waybell must be built: cargo build --workspace --bins")?;
        if let Death::After(time) = death {
            std::thread::sleep(*time);
            let _ = child.kill();
        }
        // what it prints is far less than a pipe holds, so nothing waits for us while it runs
        let output = child.wait_with_output()?;
        Ok(Said {
            code: output.status.code(),
            text: String::from_utf8_lossy(&output.stdout).into_owned(),
            errors: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it to its end; fails unless it says that all is done.
    pub fn must(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let said = self.run(arguments, &Death::None)?;
        if said.code != Some(0) {
            bail!("waybell {}: {said:?}", arguments.join(" "));
        }
        Ok(said.text)
    }

    /// Writes a list and gives its path.
    pub fn list(&self, name: &str, rows: &[serde_json::Value]) -> anyhow::Result<PathBuf> {
        let file = self.home.path().join(name);
        std::fs::write(&file, crate::list::csv(rows))?;
        Ok(file)
    }
}

/// Runs pieces of work three at a time: a phone is idle most of a command.
///
/// # Panics
///
/// If one of them does.
pub fn at_once<T: Send>(work: Vec<impl FnOnce() -> T + Send>) -> Vec<T> {
    let mut out = Vec::new();
    let mut work = work.into_iter();
    loop {
        let some: Vec<_> = work.by_ref().take(3).collect();
        if some.is_empty() {
            return out;
        }
        out.extend(std::thread::scope(|scope| {
            let threads: Vec<_> = some.into_iter().map(|job| scope.spawn(job)).collect();
            let ended = |t: std::thread::ScopedJoinHandle<'_, T>| match t.join() {
                Ok(value) => value,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            threads.into_iter().map(ended).collect::<Vec<_>>()
        }));
    }
}
