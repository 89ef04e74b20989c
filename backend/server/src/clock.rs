//! The server's two clocks.
//!
//! [`Clock::now`] is *steady*: unix milliseconds that advance with the boot-time clock, whatever is done to the wall
//! clock meanwhile, also across restarts of the server (the offset of each boot is kept in a file). Gaps between
//! calls, frequency windows, retries and time-outs use it, so a clock that is stepped rings nobody too early.
//! [`Clock::wall`] is what the wall clock says; only quiet hours and dates use it.

use std::path::Path;
use waybell_domain::clock::UnixMs;

/// See the module.
#[derive(Clone, Debug)]
pub struct Clock {
    offset: i64,
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
                let part = data.join("boot.json.part");
                std::fs::write(&part, text)?;
                std::fs::rename(part, file)?;
                fresh
            }
        };
        Ok(Clock { offset })
    }

    /// Steady unix milliseconds.
    pub fn now(&self) -> UnixMs {
        UnixMs(boot_ms() + self.offset)
    }

    /// Unix milliseconds of the wall clock.
    pub fn wall(&self) -> UnixMs {
        UnixMs(wall_ms())
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
}
