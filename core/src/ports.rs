//! What the core needs from its host: a key and the two clocks. Everything is synchronous and quick.

use std::path::PathBuf;
use waybell_domain::clock::UnixMs;

/// Keeps the key that protects personal fields: the phone's key store, or a private file in a terminal.
pub trait KeyStore: Send + Sync {
    /// The 32-byte key; made at the first call and the same ever after.
    fn data_key(&self) -> std::io::Result<[u8; 32]>;
}

/// Time.
pub trait Clock: Send + Sync {
    /// Wall clock.
    fn wall(&self) -> UnixMs;
    /// Name of this boot, and milliseconds since it, sleep included.
    fn boot(&self) -> (String, u64);
}

/// A key in a file that only its owner can read.
pub struct FileKeyStore {
    /// The file.
    pub path: PathBuf,
}

impl KeyStore for FileKeyStore {
    fn data_key(&self) -> std::io::Result<[u8; 32]> {
        use std::io::Write;
        if let Ok(bytes) = std::fs::read(&self.path)
            && let Ok(key) = <[u8; 32]>::try_from(bytes)
        {
            return Ok(key);
        }
        use chacha20poly1305::aead::OsRng;
        use chacha20poly1305::aead::rand_core::RngCore;
        let mut key = [0u8; 32];
        OsRng.fill_bytes(&mut key);
        if let Some(dir) = self.path.parent() {
            std::fs::create_dir_all(dir)?;
        }
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&self.path)?;
        file.write_all(&key)?;
        file.sync_all()?;
        Ok(key)
    }
}

/// The system's clocks.
pub struct SystemClock;

impl Clock for SystemClock {
    fn wall(&self) -> UnixMs {
        UnixMs(chrono::Utc::now().timestamp_millis())
    }

    fn boot(&self) -> (String, u64) {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default().trim().to_owned();
        let seconds = std::fs::read_to_string("/proc/uptime")
            .ok()
            .and_then(|t| t.split(' ').next().and_then(|s| s.parse::<f64>().ok()))
            .unwrap_or_default();
        (id, (seconds * 1000.0) as u64)
    }
}
