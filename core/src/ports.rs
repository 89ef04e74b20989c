//! What the core needs from its host: a key and the two clocks. Everything is synchronous and quick.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use waybell_domain::clock::UnixMs;

/// Keeps the key that protects personal fields: the phone's key store, or a private file in a terminal.
pub trait KeyStore: Send + Sync {
    /// The 32-byte key; made at the first call and the same ever after. An error if it has been lost: a new one would
    /// not open what is stored.
    fn data_key(&self) -> std::io::Result<[u8; 32]>;
}

/// Time.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn wall(&self) -> UnixMs;
    /// Name of this boot, and milliseconds since it, sleep included.
    fn boot(&self) -> (String, u64);
}

/// What the host gives.
#[derive(Clone)]
pub struct Ports {
    /// The key that protects personal fields.
    pub keys: Arc<dyn KeyStore>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl Ports {
    /// For a program on a plain machine: the key in `data.key` of this folder, the system's clocks.
    #[must_use]
    pub fn of_system(data_dir: &Path) -> Ports {
        Ports {
            keys: Arc::new(FileKeyStore { path: data_dir.join("data.key") }),
            clock: Arc::new(SystemClock),
        }
    }
}

/// A key in a file that only its owner can read.
pub struct FileKeyStore {
    /// The file.
    pub path: PathBuf,
}

impl KeyStore for FileKeyStore {
    fn data_key(&self) -> std::io::Result<[u8; 32]> {
        loop {
            match std::fs::read(&self.path) {
                Ok(bytes) => {
                    return <[u8; 32]>::try_from(bytes)
                        .map_err(|_| std::io::Error::other("the key file does not hold 32 bytes; put it back, or sign in afresh in an empty folder"));
                }
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !self.is_lost() => self.make()?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(self.lost()),
                Err(e) => return Err(e),
            }
        }
    }
}

impl FileKeyStore {
    /// There are data beside the key file, and it has gone. A key that another process makes at this moment comes before
    /// the data, so it is there when the data are.
    fn is_lost(&self) -> bool {
        self.path.with_file_name(crate::client::FILE).exists() && !self.path.exists()
    }

    fn lost(&self) -> std::io::Error {
        std::io::Error::other(format!(
            "the key file {} is lost: without it the data in this folder cannot be read; put it back, or move the folder \
             away and sign in again",
            self.path.display()
        ))
    }

    /// Makes the key. It appears whole or not at all, and never replaces one that another process has just made.
    fn make(&self) -> std::io::Result<()> {
        use chacha20poly1305::aead::OsRng;
        use chacha20poly1305::aead::rand_core::RngCore;
        use std::io::Write;
        let mut key = [0u8; 32];
        OsRng.fill_bytes(&mut key);
        let dir = self.path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(dir)?;
        let draft = dir.join(format!(".key-{}-{}", std::process::id(), OsRng.next_u64()));
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&draft)?;
        file.write_all(&key)?;
        file.sync_all()?;
        let placed = match std::fs::hard_link(&draft, &self.path) {
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
            other => other,
        };
        std::fs::remove_file(&draft)?;
        // the name must be as durable as the data that the key opens
        #[cfg(unix)]
        std::fs::File::open(dir)?.sync_all()?;
        placed
    }
}

/// The system's clocks.
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> UnixMs {
        UnixMs(chrono::Utc::now().timestamp_millis())
    }

    fn boot(&self) -> (String, u64) {
        let id =
            std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let seconds = std::fs::read_to_string("/proc/uptime")
            .ok()
            .and_then(|t| t.split(' ').next().and_then(|s| s.parse::<f64>().ok()))
            .unwrap_or_default();
        (id, (seconds * 1000.0) as u64)
    }
}
