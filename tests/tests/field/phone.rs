//! A phone whose clocks a test moves, and the same in a process of its own that can die at any step.

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use waybell_core::ports::{Clock, FileKeyStore};
use waybell_core::tracking::simulate;
use waybell_core::{Client, ClientConfig, Ports};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::Fix;
use waybell_tests::api::now_ms;
use waybell_tests::world::PASSWORD;

/// The clocks of a phone.
pub(crate) struct Clocks {
    wall: AtomicI64,
    boot: AtomicU64,
    boot_ms: AtomicU64,
}

impl Clocks {
    pub(crate) fn at(wall: i64) -> Arc<Clocks> {
        // the boot clock goes with the true time, whatever the wall clock says
        let boot_ms = u64::try_from(wall - 1_700_000_000_000).unwrap();
        Arc::new(Clocks { wall: wall.into(), boot: 1.into(), boot_ms: boot_ms.into() })
    }

    pub(crate) fn pass(&self, ms: i64) {
        self.wall.fetch_add(ms, Ordering::Relaxed);
        self.boot_ms.fetch_add(u64::try_from(ms).unwrap(), Ordering::Relaxed);
    }

    /// Somebody sets the wall clock.
    #[allow(dead_code, reason = "not every test that shares this file sets it")]
    pub(crate) fn set_off(&self, by: i64) {
        self.wall.fetch_add(by, Ordering::Relaxed);
    }

    /// After it, nobody knows how long ago anything before it was.
    #[allow(dead_code, reason = "not every test that shares this file reboots")]
    pub(crate) fn reboot(&self) {
        self.boot.fetch_add(1, Ordering::Relaxed);
        self.boot_ms.store(1_000, Ordering::Relaxed);
    }
}

impl Clock for Clocks {
    fn wall(&self) -> UnixMs {
        UnixMs(self.wall.load(Ordering::Relaxed))
    }

    fn boot(&self) -> (String, u64) {
        (format!("boot-{}", self.boot.load(Ordering::Relaxed)), self.boot_ms.load(Ordering::Relaxed))
    }
}

pub(crate) fn open(dir: &Path, url: &str, clocks: &Arc<Clocks>) -> Client {
    let config = ClientConfig { data_dir: dir.to_owned(), server: url.to_owned() };
    let keys = Arc::new(FileKeyStore { path: dir.join("data.key") });
    Client::open(config, Ports { keys, clock: clocks.clone() }).unwrap()
}

/// A signed-in phone.
pub(crate) struct Phone {
    pub(crate) client: Client,
    pub(crate) clocks: Arc<Clocks>,
    pub(crate) home: tempfile::TempDir,
}

impl Phone {
    /// Its clocks stand so long before now.
    pub(crate) async fn signed_in(url: &str, login: &str, before: i64) -> Phone {
        let home = tempfile::tempdir().unwrap();
        let clocks = Clocks::at(now_ms() - before);
        let client = open(home.path(), url, &clocks);
        client.session().login(login, PASSWORD).await.unwrap();
        Phone { client, clocks, home }
    }

    /// Rides, with the clocks going along. The fixes are of the true time; the phone's wall clock is `off` ahead, and so is
    /// its receiver's.
    #[allow(dead_code, reason = "not every test that shares this file rides")]
    pub(crate) async fn ride(&self, fixes: &[Fix], off: i64) {
        for batch in fixes.chunks(6) {
            let last = batch[batch.len() - 1].wall.0 + off;
            self.clocks.pass(last - self.clocks.wall().0);
            self.client.tracking().push(&told(batch, off)).await.unwrap();
        }
    }
}

/// The fixes as a phone tells them whose clock is `off` ahead: with the boot clock.
pub(crate) fn told(fixes: &[Fix], off: i64) -> Vec<Fix> {
    let tell = |fix: &Fix| Fix {
        wall: fix.wall + off,
        boot_ms: u64::try_from(fix.wall.0 - 1_700_000_000_000).ok(),
        ..fix.clone()
    };
    fixes.iter().map(tell).collect()
}

/// A courier's morning that ends `before` ago.
#[allow(dead_code, reason = "not every test that shares this file rides")]
pub(crate) fn morning(seed: u64, stops: usize, before: i64) -> Vec<Fix> {
    let receiver = simulate::Phone { every: 5, doppler: true, noise: 1.0 };
    let mut fixes = simulate::fixes(&simulate::day(seed, stops), receiver, seed);
    let by = (now_ms() - before - fixes[fixes.len() - 1].wall.0) / 1_000 * 1_000;
    for fix in &mut fixes {
        fix.wall = fix.wall + by;
    }
    fixes
}

/// Runs a step of `child` (an ignored test of this program) in a process of its own; false if it died.
pub(crate) fn step(dir: &Path, url: &str, wall: i64, what: &str, death: Option<&str>) -> bool {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--exact", "child", "--ignored", "--nocapture"])
        .env("WAYBELL_STEP", what)
        .env("WAYBELL_STEP_HOME", dir)
        .env("WAYBELL_STEP_URL", url)
        .env("WAYBELL_STEP_WALL", wall.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    if let Some(place) = death {
        command.env("WAYBELL_PHONE_CRASH", place);
    }
    let output = command.output().unwrap();
    let died = output.status.code().is_none();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(died || output.status.success(), "{what}: {}{said}", String::from_utf8_lossy(&output.stdout));
    !died
}

/// What the step's process is given: what to do, and the phone.
pub(crate) fn given() -> Option<(String, Client)> {
    let of = |name: &str| std::env::var(name).ok();
    let clocks = Clocks::at(of("WAYBELL_STEP_WALL")?.parse().unwrap());
    let home = of("WAYBELL_STEP_HOME")?;
    Some((of("WAYBELL_STEP")?, open(Path::new(&home), &of("WAYBELL_STEP_URL")?, &clocks)))
}
