//! One server a data folder: a lock that the system frees when the process ends, however it ends.

use std::fs::File;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a lock may outlive its server: a program that the server was just starting when it was killed holds what it
/// inherited until it runs.
const PATIENCE: Duration = Duration::from_secs(3);

/// Held as long as this lives.
#[derive(Debug)]
pub struct DataLock {
    _file: File,
}

impl DataLock {
    /// Takes the lock, or says after a moment that another server has it. Blocks.
    pub fn take(data: &Path) -> std::io::Result<DataLock> {
        let refused = |e: std::io::Error| {
            let text = format!("cannot write in the folder {} (configuration key data): {e}", data.display());
            std::io::Error::new(e.kind(), text)
        };
        std::fs::create_dir_all(data).map_err(refused)?;
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(data.join("lock"))
            .map_err(refused)?;
        let until = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(DataLock { _file: file }),
                Err(std::fs::TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(Duration::from_millis(20));
                }
                Err(std::fs::TryLockError::WouldBlock) => {
                    return Err(std::io::Error::other(format!(
                        "another server uses the folder {}: stop it, or set another one with data = \"…\"",
                        data.display()
                    )));
                }
                Err(std::fs::TryLockError::Error(e)) => return Err(e),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_outlives_its_server_for_a_moment_is_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataLock::take(dir.path()).unwrap();
        // what a program that was being started would do: hold the same lock by an inherited descriptor
        let held = first._file.try_clone().unwrap();
        drop(first);
        let later = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(200));
            drop(held);
        });
        DataLock::take(dir.path()).unwrap();
        later.join().unwrap();
    }

    #[test]
    fn two_servers_do_not_share_a_folder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = DataLock::take(dir.path()).unwrap();
        let refused = DataLock::take(dir.path()).unwrap_err().to_string();
        assert!(refused.contains("another server uses the folder"), "{refused}");
    }
}
