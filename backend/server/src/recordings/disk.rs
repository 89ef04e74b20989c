//! The floor: recordings never take the last of the disk, which the database needs.
//!
//! A look every two seconds. Below the floor no recording begins, running ones end with what they hold, each call says so
//! (`audio.state` is `failed`, with the reason), and an error is logged, a gauge raised and an event written once. Recordings
//! begin again once there is a quarter more room than the floor, so that a disk at the border does not flicker.

use crate::app::Shared;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Between looks. At full load, 1,000 recorded calls, recordings take 16 MB a second: far less than the floor.
const EVERY: Duration = Duration::from_secs(2);
/// The floor where none is configured: the lesser of this and of a fiftieth of the disk.
const FLOOR: u64 = 512 << 20;
const SHARE: u64 = 50;

/// Whether the disk has room for recordings.
#[derive(Debug, Default)]
pub struct Disk(AtomicBool);

impl Disk {
    /// Nothing may be recorded now.
    pub fn is_low(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }

    /// Takes a look's result; true where it changed.
    fn set(&self, low: bool) -> bool {
        self.0.swap(low, Ordering::AcqRel) != low
    }
}

/// Looks until the server stops.
pub(super) async fn watch(app: &Shared) {
    let folders = [app.config.media_dir(), app.config.data.clone()];
    let floor = app.config.disk_floor_mb.map(|mb| mb << 20);
    loop {
        let (asked, was) = (folders.clone(), app.calls.disk.is_low());
        let low = tokio::task::spawn_blocking(move || asked.iter().any(|f| is_low(f, floor, was))).await;
        if let Ok(low) = low
            && app.calls.disk.set(low)
        {
            metrics::gauge!("waybell_disk_low").set(if low { 1.0 } else { 0.0 });
            if low {
                tracing::error!("the disk is nearly full: calls are not recorded until there is room");
                app.calls.disk_is_low();
            } else {
                tracing::warn!("the disk has room again: calls are recorded");
            }
        }
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(EVERY) => {}
        }
    }
}

/// Whether so many bytes more in the media folder leave the floor untouched; blocks for a moment.
pub(crate) fn has_room(app: &Shared, bytes: u64) -> bool {
    let floor = app.config.disk_floor_mb.map(|mb| mb << 20);
    let Some((free, total)) = app.config.media_dir().ancestors().find_map(room) else { return true };
    free >= bytes && !under(free - bytes, total, floor, false)
}

/// One that cannot be asked is taken to have room: the recorder tells what it cannot write.
fn is_low(folder: &Path, floor: Option<u64>, was: bool) -> bool {
    let Some((free, total)) = folder.ancestors().find_map(room) else { return false };
    under(free, total, floor, was)
}

fn under(free: u64, total: u64, floor: Option<u64>, was: bool) -> bool {
    let floor = floor.unwrap_or_else(|| FLOOR.min(total / SHARE));
    free < if was { floor.saturating_add(floor / 4) } else { floor }
}

/// Bytes that may be written on the disk of a folder, and its size. `None` where it cannot be asked.
#[allow(unsafe_code, reason = "the call is not in the standard library")]
#[allow(clippy::useless_conversion, reason = "the fields are narrower on other systems")]
fn room(folder: &Path) -> Option<(u64, u64)> {
    use std::os::unix::ffi::OsStrExt;
    let folder = match folder.as_os_str().is_empty() {
        true => ".".as_bytes(),
        false => folder.as_os_str().as_bytes(),
    };
    let path = std::ffi::CString::new(folder).ok()?;
    let mut about = std::mem::MaybeUninit::<libc::statvfs>::zeroed();
    // SAFETY: the path ends with a zero byte, and the record is written in full where the call succeeds.
    let about = unsafe {
        if libc::statvfs(path.as_ptr(), about.as_mut_ptr()) != 0 {
            return None;
        }
        about.assume_init()
    };
    let block = u64::from(about.f_frsize);
    Some((u64::from(about.f_bavail).saturating_mul(block), u64::from(about.f_blocks).saturating_mul(block)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_floor_is_the_lesser_of_both_and_does_not_flicker() {
        let giga = 1u64 << 30;
        // 2 % of 10 GB is 205 MB
        assert!(!under(210 << 20, 10 * giga, None, false));
        assert!(under(200 << 20, 10 * giga, None, false));
        assert!(under(511 << 20, 1_000 * giga, None, false));
        assert!(!under(513 << 20, 1_000 * giga, None, false));
        assert!(under(600 << 20, 1_000 * giga, None, true), "not at once again");
        assert!(!under(641 << 20, 1_000 * giga, None, true));
        assert!(under(99, 1_000, Some(100), false) && !under(0, 0, Some(0), true));
        let low = Disk::default();
        assert!(low.set(true) && !low.set(true) && low.is_low() && low.set(false));
    }

    #[test]
    fn a_disk_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let (free, total) = room(dir.path()).unwrap();
        assert!(free <= total && total > 0);
        assert!(is_low(&dir.path().join("not/there"), Some(u64::MAX), false), "its parent is asked");
        assert!(!is_low(dir.path(), Some(0), false));
        assert_eq!(room(Path::new("/nowhere/at/all")), None);
    }
}
