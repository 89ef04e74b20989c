//! The server's two clocks.
//!
//! [`Clock::now`] is *steady*: unix milliseconds that advance with the boot-time clock, whatever is done to the wall
//! clock meanwhile, also across restarts of the server (the offset of each boot is kept in a file). Gaps between
//! calls, frequency windows, retries and time-outs use it, so a clock that is stepped rings nobody too early.
//! [`Clock::wall`] is what the wall clock says; only quiet hours and dates use it.
//!
//! The dialler also waits, and takes its chance for ids, through the clock, so that a simulator can drive all three
//! ([`Clock::driven`]).

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use waybell_domain::clock::UnixMs;

/// Longest sleep of the dialler.
const IDLE: Duration = Duration::from_secs(5);

/// See the module.
#[derive(Clone)]
pub struct Clock {
    offset: i64,
    driver: Option<Arc<dyn Driver>>,
}

/// Time that somebody else makes pass.
pub trait Driver: Send + Sync {
    /// Steady time.
    fn now(&self) -> UnixMs;
    /// Wall time.
    fn wall(&self) -> UnixMs;
    /// Ends the wait, by a message or by being dropped, once `until` (steady) is reached. `resting` waits are the
    /// dialler's own: while one stands, it has nothing to do. A wait that was given up has its receiver dropped.
    fn wait(&self, until: UnixMs, resting: bool, done: oneshot::Sender<()>);
    /// Bytes for an id.
    fn chance(&self) -> [u8; 10];
}

impl Clock {
    /// Reads or writes `DATA/boot.json`.
    pub fn open(data: &Path) -> std::io::Result<Clock> {
        std::fs::create_dir_all(data)?;
        let file = data.join("boot.json");
        let boot = boot_id();
        let fresh = wall_ms() - boot_ms();
        let kept = std::fs::read(&file)
            .ok()
            .and_then(|b| serde_json::from_slice::<(String, i64)>(&b).ok())
            .filter(|(id, _)| *id == boot && !boot.is_empty());
        let offset = match kept {
            Some((_, offset)) => offset,
            None => {
                let text = serde_json::to_vec(&(boot, fresh)).map_err(std::io::Error::other)?;
                crate::files::put(&file, &text, crate::files::Readers::Usual)?;
                fresh
            }
        };
        Ok(Clock { offset, driver: None })
    }

    /// A clock that is driven from outside.
    pub fn driven(driver: Arc<dyn Driver>) -> Clock {
        Clock { offset: 0, driver: Some(driver) }
    }

    /// Steady unix milliseconds.
    pub fn now(&self) -> UnixMs {
        match &self.driver {
            Some(driver) => driver.now(),
            None => UnixMs(boot_ms() + self.offset),
        }
    }

    /// Unix milliseconds of the wall clock.
    pub fn wall(&self) -> UnixMs {
        match &self.driver {
            Some(driver) => driver.wall(),
            None => UnixMs(wall_ms()),
        }
    }

    /// Waits. A wait that is dropped leaves nothing behind.
    pub async fn sleep(&self, time: Duration) {
        self.wait(time, false).await;
    }

    /// The dialler's wait for its next round, or after a failure: like [`Clock::sleep`], but at most five seconds, as
    /// the wall clock may be stepped and the database changed by another process. A driven clock waits the whole time,
    /// so that nothing can come to rest upon the five seconds.
    pub async fn rest(&self, time: Duration) {
        self.wait(time, true).await;
    }

    async fn wait(&self, time: Duration, resting: bool) {
        match &self.driver {
            Some(driver) => {
                let (tx, rx) = oneshot::channel();
                let ms = i64::try_from(time.as_millis()).unwrap_or(i64::MAX / 2);
                driver.wait(UnixMs(driver.now().0.saturating_add(ms)), resting, tx);
                let _ = rx.await;
            }
            None if resting => tokio::time::sleep(time.min(IDLE)).await,
            None => tokio::time::sleep(time).await,
        }
    }

    /// Chance for an id.
    pub fn chance(&self) -> [u8; 10] {
        match &self.driver {
            Some(driver) => driver.chance(),
            None => rand::random(),
        }
    }
}

fn boot_id() -> String {
    std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned()
}

fn wall_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}

/// Milliseconds since boot, sleep included. `/proc/uptime` has hundredths of a second; the monotonic clock fills in.
fn boot_ms() -> i64 {
    use std::sync::OnceLock;
    use std::time::Instant;
    static START: OnceLock<(Instant, i64)> = OnceLock::new();
    let (start, base) = START.get_or_init(|| {
        let uptime = std::fs::read_to_string("/proc/uptime")
            .ok()
            .and_then(|t| t.split(' ').next().and_then(|s| s.parse::<f64>().ok()))
            .unwrap_or_default();
        (Instant::now(), (uptime * 1000.0) as i64)
    });
    base + start.elapsed().as_millis() as i64
}

/// The beginning of the day on the wall, by the steady clock in which calls are stored.
pub(crate) fn midnight(now: UnixMs, wall: UnixMs, zone: chrono_tz::Tz) -> UnixMs {
    UnixMs(now.0 - (wall.0 - wall.start_of_day(zone).0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_offset_of_a_boot_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let first = Clock::open(dir.path()).unwrap();
        let again = Clock::open(dir.path()).unwrap();
        assert_eq!(first.offset, again.offset);
        assert!((first.now().0 - first.wall().0).abs() < 60_000);
    }

    #[test]
    fn a_damaged_note_of_the_boot_is_made_anew() {
        let dir = tempfile::tempdir().unwrap();
        for damage in ["", "[\"", "\0\0\0\0", "{}"] {
            std::fs::write(dir.path().join("boot.json"), damage).unwrap();
            let made = Clock::open(dir.path()).unwrap();
            assert!((made.now().0 - made.wall().0).abs() < 60_000);
            assert_eq!(Clock::open(dir.path()).unwrap().offset, made.offset);
        }
    }
}
