//! Peers that are not ours: sipp, baresip, Kamailio, from Debian's packages.
//!
//! A [`Stage`] owns a folder and the peers that were started in it. Each peer is a process in a group of its own,
//! started with a log, and ended by its id when the stage is dropped, also when a test fails; then the ends of all logs
//! are shown. A peer that is not installed is an error that says how to get it: an interop test never passes by being
//! left out.

pub mod app;
pub mod baresip;
pub mod browser;
pub mod kamailio;
pub mod line;
pub mod lossy;
pub mod sipp;
pub mod sound;

use crate::World;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Lines of each log that are shown when a test fails.
const SHOWN: usize = 60;

/// The folder of one test, and what was started in it. Declare it before what lives in it.
pub struct Stage {
    folder: TempDir,
    /// Open, because its folder may be gone when it is shown.
    others: Vec<(PathBuf, File)>,
}

impl Stage {
    /// An empty folder under the system's temporary folder.
    pub fn new() -> anyhow::Result<Stage> {
        Ok(Stage { folder: tempfile::tempdir()?, others: Vec::new() })
    }

    /// The folder; removed at the end.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Shows this log too when the test fails (a server's, in another folder). It must be there already.
    pub fn also_show(&mut self, log: &Path) {
        match File::open(log) {
            Ok(file) => self.others.push((log.to_owned(), file)),
            Err(e) => eprintln!("{} cannot be shown: {e}", log.display()),
        }
    }

    /// A folder of its own for a peer.
    pub fn room(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.path().join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The ends of all logs.
    pub fn logs(&self) -> String {
        let mut files = Vec::new();
        collect(self.path(), &mut files);
        files.sort();
        let own = files.iter().map(|file| {
            let name = file.strip_prefix(self.path()).unwrap_or(file).display().to_string();
            (name, std::fs::read(file).unwrap_or_default())
        });
        let others = self.others.iter().map(|(name, file)| {
            let mut file = file;
            let mut bytes = Vec::new();
            let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
            (format!("{} {read:?}", name.display()), bytes)
        });
        let mut out = String::new();
        for (name, bytes) in own.chain(others) {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            let end = lines[lines.len().saturating_sub(SHOWN)..].join("\n");
            out.push_str(&format!("---- {name}\n{end}\n"));
        }
        out
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
        }
    }
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, into);
        } else if path.extension().is_some_and(|e| e == "log") {
            into.push(path);
        }
    }
}

/// A running peer. Dropping it ends it.
pub struct Peer {
    child: Option<Child>,
    /// What it said.
    pub log: PathBuf,
}

impl Peer {
    /// Starts `program` of Debian's `package` in `folder`; what it says goes to `folder/NAME.log`.
    ///
    /// # Errors
    /// The program is missing: the text names the package.
    pub fn start(program: &str, package: &str, folder: &Path, arguments: &[String]) -> anyhow::Result<Peer> {
        let log = folder.join(format!("{program}.log"));
        let out = File::create(&log)?;
        let child = Command::new(find(program, package)?)
            .args(arguments)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone()?)
            .stderr(out)
            // so that its own children end with it
            .process_group(0)
            .spawn()
            .with_context(|| format!("start {program}"))?;
        Ok(Peer { child: Some(child), log })
    }

    /// What it has said so far.
    pub fn said(&self) -> String {
        std::fs::read(&self.log).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Waits until it has said `text` at least `times` times.
    pub fn wait_said(&mut self, text: &str, times: usize, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while self.said().matches(text).count() < times {
            if let Some(status) = self.ended()? {
                bail!("{} ended with {status} and never said {text:?}", self.log.display());
            }
            if Instant::now() > until {
                bail!("{} did not say {text:?} {times} times within {patience:?}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    }

    /// Waits until it listens on a port (`udp` or `tcp`).
    pub fn wait_port(&mut self, transport: &str, port: u16, patience: Duration) -> anyhow::Result<()> {
        let until = Instant::now() + patience;
        while !listens(transport, port)? {
            if let Some(status) = self.ended()? {
                bail!(
                    "{} ended with {status} before it listened on {transport} port {port}",
                    self.log.display()
                );
            }
            if Instant::now() > until {
                bail!("{} does not listen on {transport} port {port} after {patience:?}", self.log.display());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// How it ended, where it has.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        match self.child.as_mut() {
            Some(child) => Ok(child.try_wait()?),
            None => bail!("{} was stopped", self.log.display()),
        }
    }

    /// Waits until it ends by itself.
    pub async fn finish(&mut self, patience: Duration) -> anyhow::Result<ExitStatus> {
        let until = Instant::now() + patience;
        loop {
            if let Some(status) = self.ended()? {
                self.child = None;
                return Ok(status);
            }
            if Instant::now() > until {
                bail!("{} did not end within {patience:?}", self.log.display());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// SIGKILL: it is gone without a word, as when its plug is pulled.
    pub fn kill(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        signal(child.id(), libc::SIGKILL);
        let _ = child.wait();
    }

    /// SIGTERM to it and its children, and SIGKILL to what is left after a while.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            signal(child.id(), libc::SIGTERM);
            let until = Instant::now() + Duration::from_secs(2);
            while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        if matches!(child.try_wait(), Ok(None)) {
            signal(child.id(), libc::SIGKILL);
        }
        let _ = child.wait();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.stop();
    }
}

#[allow(unsafe_code, reason = "a signal to a process group of a child")]
fn signal(pid: u32, number: i32) {
    // SAFETY: kill(2) on the group of a child that has not been waited for, so the id is still its own.
    unsafe { libc::kill(-(pid as libc::pid_t), number) };
}

/// Where a program is; system daemons lie outside a user's path.
fn find(program: &str, package: &str) -> anyhow::Result<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/usr/bin".into()]);
    for folder in folders {
        let file: PathBuf = folder.join(program);
        if file.is_file() {
            return Ok(file);
        }
    }
    bail!("{program} is missing: run scripts/setup, or apt-get install --no-install-recommends {package}")
}

/// The first of four ports in a row that are free for UDP and TCP, below those of the tests' servers and of the system.
/// Four, because peers take the port above for TLS or RTCP.
pub fn free_ports() -> u16 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NEXT: AtomicU32 = AtomicU32::new(0);
    const FIRST: u32 = 2_100;
    const COUNT: u32 = 1_600;
    let start = std::process::id().wrapping_mul(31);
    for _ in 0..COUNT {
        let n = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let first = (FIRST + 4 * n) as u16;
        let free = |port| {
            UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok()
        };
        if (first..first + 4).all(free) {
            return first;
        }
    }
    0
}

/// Where the server of a world listens for SIP by UDP and TCP.
pub fn server_sip(world: &World) -> anyhow::Result<SocketAddr> {
    let text = std::fs::read_to_string(world.folder.path().join("server.toml"))?;
    let address = text.split_once("\"udp:").and_then(|(_, rest)| rest.split('"').next());
    address.context("the server does not listen")?.parse().context("no address")
}

/// Whether somebody on this machine listens on a port (`udp` or `tcp`), by the kernel's table.
fn listens(transport: &str, port: u16) -> anyhow::Result<bool> {
    let wanted = format!(":{port:04X}");
    let table = std::fs::read_to_string(format!("/proc/net/{transport}"))?;
    Ok(table.lines().any(|line| {
        let mut fields = line.split_ascii_whitespace();
        let local = fields.nth(1).is_some_and(|l| l.ends_with(&wanted));
        // a TCP socket that listens is in state 0A
        local && (transport == "udp" || fields.nth(1) == Some("0A"))
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_shown_and_a_missing_peer_is_named() {
        let mut stage = Stage::new().unwrap_or_else(|e| panic!("{e}"));
        let room = stage.room("room").unwrap_or_else(|e| panic!("{e}"));
        let gone = room.join("gone.log");
        std::fs::write(&gone, "of another folder\n").unwrap_or_else(|e| panic!("{e}"));
        stage.also_show(&gone);
        std::fs::remove_file(&gone).unwrap_or_else(|e| panic!("{e}"));
        let mut peer = Peer::start("sh", "dash", &room, &["-c".into(), "echo here; sleep 60".into()])
            .unwrap_or_else(|e| panic!("{e}"));
        peer.wait_said("here", 1, Duration::from_secs(10)).unwrap_or_else(|e| panic!("{e}"));
        let logs = stage.logs();
        assert!(logs.contains("of another folder") && logs.contains("room/sh.log\nhere"), "{logs}");
        peer.stop();
        assert!(peer.ended().is_err(), "it was stopped");
        let missing = Peer::start("no-such-peer", "its-package", &room, &[]).err().map(|e| e.to_string());
        assert!(missing.is_some_and(|m| m.contains("its-package") && m.contains("scripts/setup")));
    }
}
