//! A server process.

use anyhow::{Context, bail};
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub use waybell_figures::programs;

/// A `waybell-server serve` that runs, or has died.
pub struct Server {
    config: PathBuf,
    child: Option<Child>,
    /// Base URL of the API, once it runs.
    pub url: String,
    log: PathBuf,
    /// Variables of the environment for the next start.
    pub variables: Vec<(String, String)>,
}

impl Server {
    /// A server with this configuration file, not started.
    pub fn new(config: PathBuf, log: PathBuf) -> Server {
        Server { config, child: None, url: String::new(), log, variables: Vec::new() }
    }

    /// Runs `waybell-server admin …` and gives its JSON answer.
    pub fn admin(&self, arguments: &[&str]) -> anyhow::Result<serde_json::Value> {
        let output = Command::new(programs().join("waybell-server"))
            .arg("--config")
            .arg(&self.config)
            .arg("admin")
            .args(arguments)
            .output()
            .context("waybell-server must be built: cargo build --workspace --bins")?;
        if !output.status.success() {
            bail!("admin {:?}: {}", arguments, String::from_utf8_lossy(&output.stderr));
        }
        Ok(serde_json::from_slice(&output.stdout)?)
    }

    /// `waybell-server serve`, without its standard output.
    fn serving(&self) -> anyhow::Result<Command> {
        let log = std::fs::File::options().create(true).append(true).open(&self.log)?;
        let mut command = Command::new(programs().join("waybell-server"));
        command.arg("--config").arg(&self.config).arg("serve");
        command.envs(self.variables.iter().cloned()).stdin(Stdio::null()).stderr(log);
        Ok(command)
    }

    /// Starts it and waits until it is ready.
    pub fn start(&mut self) -> anyhow::Result<()> {
        let mut child = self
            .serving()?
            .stdout(Stdio::piped())
            .spawn()
            .context("waybell-server must be built: cargo build --workspace --bins")?;
        let stdout = child.stdout.take().context("no standard output")?;
        self.child = Some(child);
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        let ready: serde_json::Value = serde_json::from_str(&line)
            .with_context(|| format!("the server did not start; its log ends:\n{}", self.log_end()))?;
        self.url = ready["http"].as_str().context("no address")?.to_owned();
        Ok(())
    }

    /// SIGKILL: no warning, no clean-up.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM, and waits for the end.
    pub fn stop(&mut self, patience: Duration) -> anyhow::Result<()> {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        terminate(child.id());
        let until = Instant::now() + patience;
        while Instant::now() < until {
            if let Some(status) = child.try_wait()? {
                if status.success() {
                    return Ok(());
                }
                bail!("the server ended with {status}; its log ends:\n{}", self.log_end());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = child.kill();
        let _ = child.wait();
        bail!("the server did not end on SIGTERM; its log ends:\n{}", self.log_end())
    }

    /// Whether the process has ended by itself (a crash point).
    pub fn has_died(&mut self) -> bool {
        match self.child.as_mut().map(Child::try_wait) {
            Some(Ok(None)) => false,
            Some(_) => {
                self.child = None;
                true
            }
            None => true,
        }
    }

    /// Starts it and kills it after this time, wherever it is then.
    pub fn start_and_kill(&mut self, after: Duration) -> anyhow::Result<()> {
        let mut child = self.serving()?.stdout(Stdio::null()).spawn()?;
        std::thread::sleep(after);
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Process id.
    pub fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// The last lines of the log.
    pub(crate) fn log_end(&self) -> String {
        let log = self.log();
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(20)..].join("\n")
    }

    /// The log so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.kill();
    }
}

#[allow(unsafe_code, reason = "a signal to a child of this process")]
fn terminate(pid: u32) {
    // SAFETY: kill(2) with the id of a child that has not been waited for, so the id is still its own.
    unsafe { libc::kill(pid as libc::pid_t, libc::SIGTERM) };
}
