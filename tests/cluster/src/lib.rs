//! A PostgreSQL of a test's own, from the system's package: a fresh cluster in a folder of its own, on a socket and a free
//! port, which durably writes and can be killed like any other server.
//!
//! PostgreSQL runs as no superuser of the system, so where tests run as root it gets another user. A shell holds it: when the
//! test's process is gone, however it ended, the shell's standard input ends, and it stops the server and removes the folder.
//! Servers connect as the role `waybell`, which owns its databases and is no superuser: row-level security is in force for it.
//!
//! Tests share one cluster ([`Cluster::shared`]) and take a database each ([`Cluster::database`]); one that kills it starts
//! its own. A machine without PostgreSQL fails the test.

#![allow(clippy::unwrap_used, reason = "only tests use it")]

mod port;

pub use port::free_port;

use anyhow::{Context, bail};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

/// Password of the role `waybell`, over TCP.
pub const PASSWORD: &str = "pg-secret-word";

/// A cluster that runs until this is dropped.
pub struct Cluster {
    folder: PathBuf,
    programs: PathBuf,
    port: u16,
    user: Option<(u32, u32)>,
    shell: Mutex<Option<Child>>,
}

/// A database that is dropped with this; its cluster lives at least as long.
pub struct Base {
    /// The cluster.
    pub cluster: Arc<Cluster>,
    /// Its name.
    pub name: String,
}

impl Base {
    /// `postgres://…` over the socket.
    pub fn url(&self) -> String {
        self.cluster.url(&self.name)
    }
}

impl Drop for Base {
    fn drop(&mut self) {
        // a cluster that a test has killed has nothing to drop
        let _ = self.cluster.ask("postgres", &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

impl Cluster {
    /// The cluster that the tests of this process share while any of them uses it, and a fresh database on it.
    ///
    /// # Errors
    /// No PostgreSQL is installed, or it does not start.
    pub fn shared() -> anyhow::Result<Base> {
        static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());
        let mut shared = SHARED.lock().unwrap_or_else(|e| e.into_inner());
        let cluster = match shared.upgrade() {
            Some(cluster) => cluster,
            None => {
                let cluster = Arc::new(Cluster::start()?);
                *shared = Arc::downgrade(&cluster);
                cluster
            }
        };
        drop(shared);
        Cluster::database(&cluster)
    }

    /// A cluster of the caller's own.
    ///
    /// # Errors
    /// No PostgreSQL is installed, or it does not start.
    pub fn start() -> anyhow::Result<Cluster> {
        let programs = programs()?;
        let user = unprivileged()?;
        let folder = tempfile::Builder::new().prefix("waybell-pg-").tempdir()?.keep();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid))?;
        }
        let port = free_port();
        let cluster = Cluster { folder, programs, port, user, shell: Mutex::new(None) };
        let made = cluster
            .program("initdb")
            .args(["--pgdata", "data", "--username", "postgres", "--encoding", "UTF8", "--locale", "C.UTF-8"])
            .args(["--auth-local", "trust", "--auth-host", "scram-sha-256", "--no-sync"])
            .output()?;
        if !made.status.success() {
            bail!("initdb: {}", String::from_utf8_lossy(&made.stderr));
        }
        let settings = format!(
            "port = {port}\nlisten_addresses = '127.0.0.1'\nunix_socket_directories = '{}'\nshared_buffers = '32MB'\n\
             max_connections = 200\nautovacuum_naptime = '5s'\nlog_min_messages = 'warning'\n",
            cluster.folder.display()
        );
        std::fs::write(cluster.folder.join("data/postgresql.auto.conf"), settings)?;
        cluster.run()?;
        cluster.ask("postgres", &format!("CREATE ROLE waybell LOGIN CREATEDB PASSWORD '{PASSWORD}'"))?;
        Ok(cluster)
    }

    /// A fresh database of the role `waybell`.
    ///
    /// # Errors
    /// The server does not take it.
    pub fn database(cluster: &Arc<Cluster>) -> anyhow::Result<Base> {
        static NEXT: AtomicU32 = AtomicU32::new(1);
        let name = format!("w{}", NEXT.fetch_add(1, Ordering::Relaxed));
        cluster.ask("postgres", &format!("CREATE DATABASE {name} OWNER waybell"))?;
        Ok(Base { cluster: cluster.clone(), name })
    }

    /// `postgres://…` of a database, over the socket.
    pub fn url(&self, database: &str) -> String {
        format!("postgres:///{database}?host={}&port={}&user=waybell", self.folder.display(), self.port)
    }

    /// `postgres://…` of a database, over TCP, with this password.
    pub fn url_with(&self, database: &str, password: &str) -> String {
        format!("postgres://waybell:{password}@127.0.0.1:{}/{database}", self.port)
    }

    /// Runs SQL as the superuser; the rows, columns apart by `|`.
    ///
    /// # Errors
    /// What the server says.
    pub fn ask(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        self.told(self.client("psql", database).args([
            "-U",
            "postgres",
            "-qXAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]))
    }

    /// Runs SQL as the role of the servers.
    ///
    /// # Errors
    /// What the server says.
    pub fn ask_as_server(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        self.told(self.client("psql", database).args([
            "-U",
            "waybell",
            "-qXAt",
            "-v",
            "ON_ERROR_STOP=1",
            "-c",
            sql,
        ]))
    }

    /// `pg_dump` of a database into a file, as docs/postgresql.md says: as the role of the servers, which row-level security
    /// is in force for.
    ///
    /// # Errors
    /// What the program says.
    pub fn dump(&self, database: &str, file: &Path) -> anyhow::Result<()> {
        let mut command = self.client("pg_dump", database);
        command.env("PGOPTIONS", "-c waybell.organisation=*");
        command.args(["-U", "waybell", "--enable-row-security", "--format", "custom"]);
        let Output { status, stdout, stderr } = command.output()?;
        if !status.success() {
            bail!("{}", String::from_utf8_lossy(&stderr));
        }
        Ok(std::fs::write(file, stdout)?)
    }

    /// Reads a dump into a database, which is made anew.
    ///
    /// # Errors
    /// What the programs say.
    pub fn restore(&self, database: &str, file: &Path) -> anyhow::Result<()> {
        self.ask("postgres", &format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)"))?;
        self.ask("postgres", &format!("CREATE DATABASE {database} OWNER waybell"))?;
        let from = std::fs::File::open(file)?;
        let mut command = self.client("pg_restore", database);
        command.args(["-U", "postgres", "--no-owner", "--role", "waybell", "--exit-on-error"]);
        self.told(command.stdin(from)).map(|_| ())
    }

    /// SIGKILL to the server and all its processes, as far as they do not end by themselves. Nothing is written any more.
    ///
    /// # Errors
    /// It does not run.
    pub fn kill(&self) -> anyhow::Result<()> {
        let pid = self.pid()?;
        // those who serve a connection go on for a while without their server: they die with it, as in a power cut
        let served = children(pid);
        signal(pid, libc::SIGKILL);
        served.iter().for_each(|child| signal(*child, libc::SIGKILL));
        let mut shell = self.shell.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(mut child) = shell.take() {
            // while its standard input is open, the shell removes nothing
            let input = child.stdin.take();
            child.wait()?;
            drop(input);
        }
        Ok(())
    }

    /// Starts the server after [`Cluster::kill`], which makes it recover; returns when it answers.
    ///
    /// # Errors
    /// It does not start.
    pub fn run(&self) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        // processes of a killed server hold its memory until they notice; a start before that is refused
        loop {
            let mut shell = self.spawn()?;
            loop {
                if self.ask("postgres", "SELECT 1").is_ok() {
                    *self.shell.lock().unwrap_or_else(|e| e.into_inner()) = Some(shell);
                    return Ok(());
                }
                if shell.try_wait()?.is_some() {
                    break;
                }
                if Instant::now() > until {
                    let _ = shell.kill();
                    bail!("PostgreSQL does not start: {}", self.log());
                }
                std::thread::sleep(Duration::from_millis(30));
            }
            if Instant::now() > until {
                bail!("PostgreSQL does not start: {}", self.log());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    fn spawn(&self) -> anyhow::Result<Child> {
        // `cat` ends with the test. A server that was killed leaves its folder for the next start.
        let script = "exec 3<&0; \"$0\" -D data >>log 2>&1 3<&- & server=$!; \
                      (cat <&3 >/dev/null; : >ended; kill -QUIT $server) & reader=$!; wait $server; \
                      if [ -e ended ]; then rm -rf \"$PWD\"; else kill $reader; fi";
        let mut command = self.as_user("sh");
        command.args(["-c", script]).arg(self.programs.join("postgres"));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(command.spawn()?)
    }

    /// The server's own log.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn pid(&self) -> anyhow::Result<i32> {
        let text = std::fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        Ok(text.lines().next().context("an empty postmaster.pid")?.trim().parse()?)
    }

    fn client(&self, name: &str, database: &str) -> Command {
        let mut command = self.program(name);
        command.arg("-h").arg(&self.folder).args(["-p", &self.port.to_string(), "-d", database]);
        command
    }

    fn told(&self, command: &mut Command) -> anyhow::Result<String> {
        let Output { status, stdout, stderr } = command.output()?;
        if !status.success() {
            bail!("{}", String::from_utf8_lossy(&stderr));
        }
        Ok(String::from_utf8(stdout)?.trim_end().to_owned())
    }

    fn program(&self, name: &str) -> Command {
        self.as_user(self.programs.join(name))
    }

    fn as_user(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        // nothing of the caller's own PostgreSQL
        for (name, _) in std::env::vars_os().filter(|(n, _)| n.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let mut shell = self.shell.lock().unwrap_or_else(|e| e.into_inner());
        if let Some(mut child) = shell.take() {
            child.stdin.take();
            let _ = child.wait();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Where Debian's package has its programs; the newest version counts.
fn programs() -> anyhow::Result<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|f| Some((f.file_name().to_str()?.parse().ok()?, f.path().join("bin"))))
        .filter(|(_, bin)| bin.join("initdb").is_file() && bin.join("postgres").is_file())
        .collect();
    found.sort();
    let newest = found.pop().map(|(_, bin)| bin);
    newest.context("no PostgreSQL is installed: run scripts/setup, or apt-get install postgresql")
}

/// The user that PostgreSQL runs as where tests run as root: its package's own, else nobody.
fn unprivileged() -> anyhow::Result<Option<(u32, u32)>> {
    // SAFETY: geteuid takes nothing and cannot fail.
    #[allow(unsafe_code, reason = "who this process is, is not in the standard library")]
    let own = unsafe { libc::geteuid() };
    if own != 0 {
        return Ok(None);
    }
    let users = std::fs::read_to_string("/etc/passwd")?;
    let ids = |name: &str| {
        let line = users.lines().find(|l| l.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    Ok(Some(ids("postgres").or_else(|| ids("nobody")).context("no user for PostgreSQL")?))
}

/// The processes that a server has started.
fn children(parent: i32) -> Vec<i32> {
    let Ok(all) = std::fs::read_dir("/proc") else { return Vec::new() };
    let of_parent = |pid: &i32| {
        // PID (NAME) STATE PARENT …, and a name may hold anything (proc(5))
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let behind = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        behind.split_whitespace().nth(1).and_then(|p| p.parse().ok()) == Some(parent)
    };
    let pids = all.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(of_parent).collect()
}

#[allow(unsafe_code, reason = "a signal to a server that this process has started")]
fn signal(pid: i32, signal: i32) {
    // SAFETY: kill(2) takes two numbers; the server was started by this process and is told from others by its own file.
    unsafe { libc::kill(pid, signal) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cluster_keeps_what_was_committed_before_a_kill_and_leaves_nothing() {
        let cluster = Arc::new(Cluster::start().unwrap());
        let base = Cluster::database(&cluster).unwrap();
        cluster.ask_as_server(&base.name, "CREATE TABLE t (a INT); INSERT INTO t VALUES (7)").unwrap();
        cluster.kill().unwrap();
        assert!(cluster.ask(&base.name, "SELECT 1").is_err());
        cluster.run().unwrap();
        assert_eq!(cluster.ask_as_server(&base.name, "SELECT a FROM t").unwrap(), "7");
        let (folder, pid) = (cluster.folder.clone(), cluster.pid().unwrap());
        drop((base, cluster));
        assert!(!folder.exists());
        assert!(!Path::new(&format!("/proc/{pid}")).exists());
    }
}
