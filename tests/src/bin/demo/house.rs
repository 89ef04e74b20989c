//! The processes of the demonstration: a carrier and a server, ended by id when this is dropped.

use crate::interrupt;
use anyhow::{Context, bail};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use waybell_tests::Server;
use waybell_tests::server::programs;

/// Login of the demonstration's courier.
pub(crate) const COURIER: &str = "courier";
/// Login of the demonstration's administrator.
pub(crate) const BOSS: &str = "boss";
/// Password of both.
pub(crate) const PASSWORD: &str = "waybell-demo";

/// A file that says that a folder is the demonstration's own and may be emptied.
const MARK: &str = ".waybell-demo";

/// See the module.
pub(crate) struct House {
    /// The server.
    pub(crate) server: Server,
    carrier: Child,
    /// Where all files are.
    pub(crate) folder: PathBuf,
    /// The carrier's log.
    pub(crate) truth: PathBuf,
    _lock: File,
}

impl House {
    /// Empties the folder, starts both processes, makes the organisation and its people.
    pub(crate) fn start(folder: &Path) -> anyhow::Result<House> {
        let lock = empty(folder)?;
        let settings = folder.join("carrier.toml");
        std::fs::write(&settings, waybell_carrier::config::demo_config())?;
        let truth = folder.join("truth.jsonl");
        let (mut carrier, peer) = carrier(folder, &settings, &truth)?;
        interrupt::note(carrier.id());
        match server(folder, &peer) {
            Ok(server) => Ok(House { server, carrier, folder: folder.to_owned(), truth, _lock: lock }),
            Err(error) => {
                end(&mut carrier);
                Err(error)
            }
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.server.kill();
        end(&mut self.carrier);
    }
}

fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// Makes the folder new, and this process its only user for as long as the file lives; refuses one that holds somebody
/// else's files.
fn empty(folder: &Path) -> anyhow::Result<File> {
    std::fs::create_dir_all(folder)?;
    let mark = folder.join(MARK);
    if !mark.exists() && std::fs::read_dir(folder)?.next().is_some() {
        bail!("{} holds files of something else; name another --folder", folder.display());
    }
    let mut lock = File::options().create(true).append(true).open(&mark)?;
    if lock.try_lock().is_err() {
        let by = std::fs::read_to_string(&mark).unwrap_or_default();
        let process = by.lines().nth(1).map(|id| format!(" (process {id})")).unwrap_or_default();
        bail!(
            "another demonstration runs in {}{process}; end it with Ctrl-C, or run this one beside it: make run \
             DEMO='--folder data/demo-2'",
            folder.display()
        );
    }
    lock.set_len(0)?;
    writeln!(lock, "the demonstration empties this folder at each start\n{}", std::process::id())?;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            std::fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != MARK {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(lock)
}

/// The carrier and where it takes SIP over UDP.
fn carrier(folder: &Path, settings: &Path, truth: &Path) -> anyhow::Result<(Child, String)> {
    let log = File::create(folder.join("carrier.log"))?;
    let mut command = Command::new(programs().join("waybell-carrier"));
    command.arg("serve").arg("--config").arg(settings).arg("--truth").arg(truth);
    let mut child = own_group(command.args(["--listen", "127.0.0.1:0"]))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .context("waybell-carrier must be built: make build")?;
    let mut line = String::new();
    if let Some(out) = child.stdout.take() {
        BufReader::new(out).read_line(&mut line)?;
    }
    let ready: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
    match ready["udp"].as_str() {
        Some(peer) => Ok((child, peer.to_owned())),
        None => {
            end(&mut child);
            bail!("the carrier did not start; see {}", folder.join("carrier.log").display())
        }
    }
}

/// Ctrl-C goes to the whole foreground group of a terminal; the children are ended by us instead, in order.
fn own_group(command: &mut Command) -> &mut Command {
    use std::os::unix::process::CommandExt;
    command.process_group(0)
}

fn server(folder: &Path, peer: &str) -> anyhow::Result<Server> {
    let file = folder.join("server.toml");
    std::fs::write(&file, configuration(folder, peer))?;
    let mut server = Server::new(file, folder.join("server.log"));
    let policy = policy().to_string();
    server.admin(&["create-organisation", "--name", "Demo", "--company", "韵达快递", "--policy", &policy])?;
    for (login, role, name, phone) in
        [(BOSS, "administrator", "周敏", "13900000001"), (COURIER, "courier", "李伟", "13900000002")]
    {
        if interrupt::came() {
            bail!("stopped");
        }
        server.admin(&[
            "create-user",
            "--organisation",
            "Demo",
            "--login",
            login,
            "--password",
            PASSWORD,
            "--name",
            name,
            "--role",
            role,
            "--phone",
            phone,
        ])?;
    }
    if interrupt::came() {
        bail!("stopped");
    }
    server.start()?;
    server.pid().into_iter().for_each(interrupt::note);
    Ok(server)
}

fn configuration(folder: &Path, peer: &str) -> String {
    format!(
        "# The demonstration's server. Its one trunk reaches loopback only.\n\
         data = {:?}\nhttp = \"127.0.0.1:0\"\nsip = [\"udp:127.0.0.1:0\"]\nrtp_ports = [{}, {}]\nring_seconds = 12\n\n\
         [speech]\nwords_per_minute = 300\n{}\n\
         [[trunk]]\nname = \"simulated carrier\"\npeers = [\"{peer}\"]\ncalls_per_second = 3\nchannels = 12\n\
         caller_ids = [\"+862131001234\"]\noptions_seconds = 0\n",
        folder.join("data"),
        24_000,
        31_999,
        waybell_tests::voice::demo().map(|voice| voice.speech()).unwrap_or_default(),
    )
}

/// Rules whose window is open all day, and whose gaps are seconds instead of minutes, so that the demonstration ends
/// while somebody watches.
fn policy() -> serde_json::Value {
    serde_json::json!({
        "quiet": [],
        "display_daily_cap": null,
        "frequency": [{ "window": 8_000, "max": 1, "anchor": "rolling", "counts_failed": true }],
        "frequency_wait": 86_400_000,
        "retry": {
            "max_attempts": 2,
            "gaps": { "busy": 10_000, "no_answer": 15_000, "powered_off": 15_000, "out_of_coverage": 15_000 },
            "back_off": 2_000,
            "limit_gap": 15_000,
            "max_uncounted": 3
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_emptied_only_if_it_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("letter"), "dear").unwrap();
        assert!(empty(dir.path()).is_err());
        assert!(dir.path().join("letter").exists());
        let own = dir.path().join("demo");
        drop(empty(&own).unwrap());
        std::fs::create_dir(own.join("data")).unwrap();
        std::fs::write(own.join("export.jsonl"), "{}").unwrap();
        let lock = empty(&own).unwrap();
        assert_eq!(std::fs::read_dir(&own).unwrap().count(), 1);
        assert!(empty(&own).is_err(), "two demonstrations in one folder");
        drop(lock);
        assert!(empty(&own).is_ok());
    }
}
