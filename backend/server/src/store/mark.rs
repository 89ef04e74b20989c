//! The mark beside the database: a small file that tells a database from an older copy of it. Where the database is a server of
//! its own, the file is in this server's folder.
//!
//! Two sectors, each in a page of 4 KiB of its own and with a checksum, written in turn, so that a write that is torn
//! leaves the one before it, whatever the size of the disk's own sectors. A record names the generation of the data, the number of commits, and the file's own inode: a file that was
//! copied, with or without the database, says so itself.
//!
//! The file is written after the commit that it counts, so at every moment, whatever dies, it is at most as far as the
//! database; that it is behind, by a lost write or by many, means nothing. Only a database that is behind its file is a
//! copy put back. For a power loss it is brought to the disk once a second.

use sha2::{Digest, Sha256};
use std::fs::File;
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const SECTOR: usize = 512;
/// Distance of the two.
const APART: u64 = 4096;
const SYNC_EVERY: Duration = Duration::from_secs(1);

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Generation of the data.
    pub generation: String,
    /// Commits; 0 for a file whose database has not been claimed yet.
    pub mark: i64,
}

/// What is found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file, or none that reads.
    Absent,
    /// A copy of a file.
    Copied(Record),
    /// The file itself.
    Own(Record),
}

/// The file, open for writing.
#[derive(Debug)]
pub(super) struct Mark {
    file: Arc<File>,
    inode: u64,
    generation: String,
    synced: Instant,
}

/// Reads the file.
pub(super) fn find(path: &Path) -> Found {
    let Ok(file) = File::open(path) else { return Found::Absent };
    let Ok(inode) = file.metadata().map(|m| identity(&m)) else { return Found::Absent };
    let mut best: Option<(Record, u64)> = None;
    for slot in 0..2u64 {
        let mut sector = [0u8; SECTOR];
        if file.read_exact_at(&mut sector, slot * APART).is_ok()
            && let Some(read) = decode(&sector)
            && best.as_ref().is_none_or(|b| b.0.mark < read.0.mark)
        {
            best = Some(read);
        }
    }
    match best {
        None => Found::Absent,
        Some((record, written)) if written == inode => Found::Own(record),
        Some((record, _)) => Found::Copied(record),
    }
}

impl Mark {
    /// Opens the file that [`find`] has found to be the database's own.
    pub(super) fn open(path: &Path, generation: String) -> io::Result<Mark> {
        let file = File::options().write(true).open(path)?;
        let inode = identity(&file.metadata()?);
        Ok(Mark { file: Arc::new(file), inode, generation, synced: Instant::now() })
    }

    /// Makes a new file in place of what may be there, on the disk when this returns.
    pub(super) fn create(path: &Path, record: &Record) -> io::Result<Mark> {
        let part = path.with_extension("mark-part");
        let file = File::create(&part)?;
        let inode = identity(&file.metadata()?);
        file.write_all_at(&[0; APART as usize + SECTOR], 0)?;
        let generation = record.generation.clone();
        let mut mark = Mark { file: Arc::new(file), inode, generation, synced: Instant::now() };
        mark.write(record.mark)?;
        mark.file.sync_all()?;
        std::fs::rename(&part, path)?;
        if let Some(folder) = path.parent().filter(|p| !p.as_os_str().is_empty()) {
            File::open(folder)?.sync_all()?;
        }
        Ok(mark)
    }

    /// Writes the number of commits. Does not wait for the disk.
    pub(super) fn write(&mut self, mark: i64) -> io::Result<()> {
        let slot = (mark & 1) as u64;
        self.file.write_all_at(&encode(&self.generation, mark, self.inode), slot * APART)
    }

    /// The file where it is time to bring it to the disk.
    pub(super) fn due(&mut self) -> Option<Arc<File>> {
        if self.synced.elapsed() < SYNC_EVERY {
            return None;
        }
        self.synced = Instant::now();
        Some(self.file.clone())
    }
}

/// What tells a file from every copy of it: its number in the file system and the time it was made there. The number alone
/// would not do: the copy that is put back after a folder was removed may well get the number that has become free.
fn identity(metadata: &std::fs::Metadata) -> u64 {
    let made = metadata.created().ok().and_then(|t| t.duration_since(std::time::UNIX_EPOCH).ok());
    // where no time of birth is kept, the number is all there is
    let made = made.map_or(0, |t| t.as_nanos() as u64);
    metadata.ino() ^ made.rotate_left(20)
}

fn encode(generation: &str, mark: i64, inode: u64) -> [u8; SECTOR] {
    let text = format!("{generation} {mark} {inode}");
    let line = format!("{text} {}\n", checksum(&text));
    let mut sector = [0u8; SECTOR];
    let length = line.len().min(SECTOR);
    sector[..length].copy_from_slice(&line.as_bytes()[..length]);
    sector
}

fn decode(sector: &[u8]) -> Option<(Record, u64)> {
    let line = std::str::from_utf8(sector.split(|b| *b == b'\n').next()?).ok()?;
    let (text, sum) = line.rsplit_once(' ')?;
    if checksum(text) != sum {
        return None;
    }
    let mut parts = text.split(' ');
    let (generation, mark, inode) = (parts.next()?, parts.next()?, parts.next()?);
    Some((Record { generation: generation.to_owned(), mark: mark.parse().ok()? }, inode.parse().ok()?))
}

fn checksum(text: &str) -> String {
    Sha256::digest(text).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(mark: i64) -> Record {
        Record { generation: "g".into(), mark }
    }

    #[test]
    fn the_newest_whole_sector_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.db.mark");
        assert_eq!(find(&path), Found::Absent);
        let mut mark = Mark::create(&path, &record(0)).unwrap();
        for n in 1..=5 {
            mark.write(n).unwrap();
            assert_eq!(find(&path), Found::Own(record(n)));
        }
        // a torn write of the sixth
        File::options().write(true).open(&path).unwrap().write_all_at(b"g 6 torn", 0).unwrap();
        assert_eq!(find(&path), Found::Own(record(5)));
    }

    #[test]
    fn a_copy_knows_that_it_is_one() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("w.db.mark");
        Mark::create(&path, &record(7)).unwrap();
        let copy = dir.path().join("copy.mark");
        std::fs::copy(&path, &copy).unwrap();
        assert_eq!(find(&copy), Found::Copied(record(7)));
        std::fs::rename(&path, dir.path().join("moved.mark")).unwrap();
        assert_eq!(find(&dir.path().join("moved.mark")), Found::Own(record(7)));
    }
}
