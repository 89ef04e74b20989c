//! Small files that are whole whenever the power goes: the old one or the new one, never a piece.
//!
//! The bytes go to a part file, which is on the disk before it takes the name, and the name is on the disk before
//! [`put`] returns. Without the first fsync a file system may keep the name and lose the bytes.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Readers {
    /// As the process's umask says.
    Usual,
    /// Only the server's own user: it holds a secret.
    Owner,
}

/// Writes a file, on the disk when this returns. Blocks for two or three fsyncs.
pub(crate) fn put(path: &Path, bytes: &[u8], readers: Readers) -> io::Result<()> {
    let mut part: OsString = path.as_os_str().to_owned();
    part.push(".part");
    // one that a crash left behind may have other permissions
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mode = match readers {
        Readers::Usual => 0o666,
        Readers::Owner => 0o600,
    };
    let mut file = File::options().write(true).create_new(true).mode(mode).open(&part)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    std::fs::rename(&part, path)?;
    match path.parent().filter(|p| !p.as_os_str().is_empty()) {
        Some(folder) => File::open(folder)?.sync_all(),
        None => File::open(".")?.sync_all(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_part_that_was_left_behind_is_no_obstacle() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("secret");
        std::fs::write(dir.path().join("secret.part"), "half of somethi").unwrap();
        put(&path, b"new", Readers::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
        assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        put(&path, b"newer", Readers::Owner).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"newer");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
