//! Whether the server can keep what it keeps where the configuration says.

use super::{Config, ConfigError, bad};
use std::path::Path;

impl Config {
    /// Tries the folders of the database, the media and the rest out, by making a file in each and taking it away. For those
    /// who are about to serve: other commands may read what they may not write.
    ///
    /// # Errors
    /// The first that cannot be written, by its key.
    pub fn folders(&self) -> Result<(), ConfigError> {
        for (key, folder) in [("data", self.data.clone()), ("media", self.media_dir())] {
            can_hold(key, &folder)?;
        }
        if let Some(path) = self.database_url().strip_prefix("sqlite:")
            && let Some(folder) = Path::new(path).parent()
        {
            can_hold("database", folder)?;
        }
        Ok(())
    }

    /// Reads the keys of push services, as a server does when it starts.
    ///
    /// # Errors
    /// The key of the configuration whose file cannot be used.
    pub fn push_keys(&self) -> Result<(), ConfigError> {
        crate::push::Engines::open(&self.push)
            .map(|_| ())
            .map_err(|wrong| bad(&format!("push.{}", wrong.key), wrong.problem, wrong.hint))
    }

    /// Looks at the file of the master keys. A server starts without one that reads, as calls go on; but nothing is recorded.
    ///
    /// # Errors
    /// What is wrong with it, or with its folder where it is to be made.
    pub fn master_keys(&self) -> Result<(), ConfigError> {
        let kms = self.kms_file();
        if kms.is_dir() {
            let problem = format!("{} is a folder", kms.display());
            return Err(bad("kms", problem, "name the file that holds the master keys, or is to hold them"));
        }
        if kms.exists() {
            let held = crate::keys::FileKms::existing(&kms);
            let hint = "name the file of the master keys; without it no recording can be made or heard";
            return held.map(|_| ()).map_err(|e| bad("kms", e.to_string(), hint));
        }
        match kms.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            // the one in the data folder is made with it
            Some(folder) if self.kms.is_some() && !folder.is_dir() => {
                let problem = format!("there is no folder {}", folder.display());
                Err(bad("kms", problem, "make it, or name another file"))
            }
            Some(folder) => can_hold("kms", folder),
            None => Ok(()),
        }
    }
}

/// A folder that is there, or that can be made.
fn can_hold(key: &str, folder: &Path) -> Result<(), ConfigError> {
    let hint = "name a folder that the server may write";
    let Some(there) = folder.ancestors().find(|f| f.exists() || f.as_os_str().is_empty()) else {
        return Ok(());
    };
    let there = if there.as_os_str().is_empty() { Path::new(".") } else { there };
    let problem = match std::fs::metadata(there) {
        Ok(m) if !m.is_dir() => format!("{} is no folder", there.display()),
        // tried and not asked: permissions do not tell what a read-only or a special file system does
        Ok(_) => match try_out(there) {
            Ok(()) => return Ok(()),
            Err(e) => format!("{} cannot be written: {}", there.display(), e.kind()),
        },
        Err(e) => format!("{}: {}", there.display(), e.kind()),
    };
    Err(bad(key, problem, hint))
}

/// Makes a file in a folder, and takes it away.
fn try_out(folder: &Path) -> std::io::Result<()> {
    let file = folder.join(format!(".waybell-{:016x}", rand::random::<u64>()));
    std::fs::OpenOptions::new().write(true).create_new(true).open(&file)?;
    std::fs::remove_file(&file)
}
