//! A test file system for power cuts: a library for `LD_PRELOAD`.
//!
//! Reads and writes go to the real files as ever. What a *disk* holds is what was synced, and that is kept beside: at
//! `fsync` or `fdatasync` of a file below `WAYBELL_POWER_ROOT`, the file as it is then is copied to its twin in
//! `WAYBELL_POWER_TWINS/files/KEY`; at `fsync` of a folder, its names are written to `WAYBELL_POWER_TWINS/names/FOLDER`
//! as lines `KEY NAME`. A key is inode number and time of birth, so a number that is used again is another file. The
//! real `fsync` is not called: for a process that is only killed it makes no difference.
//!
//! After a kill the test puts together what a disk might hold (`tests/tests/power_loss.rs`): what is in the twins for
//! certain, and of the rest, sector by sector, the new or the old.
//!
//! A disk that is deaf to some syncs: those of files whose names end with `WAYBELL_POWER_DEAF` do nothing.
//!
//! A kill in the midst of a copy leaves a mixture in the twin, as a disk would; the `fsync` has not returned then.

use std::ffi::{CString, OsStr};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

struct Places {
    root: PathBuf,
    twins: PathBuf,
    deaf: Option<String>,
}

fn places() -> Option<&'static Places> {
    static PLACES: OnceLock<Option<Places>> = OnceLock::new();
    PLACES
        .get_or_init(|| {
            let root = std::fs::canonicalize(std::env::var_os("WAYBELL_POWER_ROOT")?).ok()?;
            let deaf = std::env::var("WAYBELL_POWER_DEAF").ok();
            Some(Places { root, twins: std::env::var_os("WAYBELL_POWER_TWINS")?.into(), deaf })
        })
        .as_ref()
}

/// Number of the file and time of its birth.
fn key(fd: libc::c_int) -> Option<(String, bool, u64)> {
    // SAFETY: an all-zero statx is a valid value of the plain C structure.
    #[allow(unsafe_code, reason = "plain C structure")]
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    let mask = libc::STATX_BASIC_STATS | libc::STATX_BTIME;
    // SAFETY: the descriptor is the caller's, the empty path and the structure are valid for the call.
    #[allow(unsafe_code, reason = "statx is not in std")]
    let code = unsafe { libc::statx(fd, c"".as_ptr(), libc::AT_EMPTY_PATH, mask, &raw mut found) };
    (code == 0).then(|| {
        let birth = (found.stx_btime.tv_sec, found.stx_btime.tv_nsec);
        let folder = u32::from(found.stx_mode) & libc::S_IFMT == libc::S_IFDIR;
        (format!("{}-{}-{}", found.stx_ino, birth.0, birth.1), folder, found.stx_size)
    })
}

fn sync(fd: libc::c_int) -> Option<()> {
    static ONE: Mutex<()> = Mutex::new(());
    let places = places()?;
    let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
    let inside = path.strip_prefix(&places.root).ok()?;
    if places.deaf.as_ref().is_some_and(|end| path.to_string_lossy().ends_with(end)) {
        return None;
    }
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let (key, folder, size) = key(fd)?;
    if folder { names(places, &path, inside) } else { copy(places, fd, &key, size) }
}

fn copy(places: &Places, fd: libc::c_int, key: &str, size: u64) -> Option<()> {
    use std::os::unix::fs::FileExt;
    let files = places.twins.join("files");
    std::fs::create_dir_all(&files).ok()?;
    let twin =
        std::fs::File::options().create(true).write(true).truncate(false).open(files.join(key)).ok()?;
    let mut piece = vec![0u8; 1 << 18];
    let mut at = 0u64;
    while at < size {
        let most = piece.len().min(usize::try_from(size - at).unwrap_or(usize::MAX));
        // SAFETY: the buffer is valid for `most` bytes, the descriptor is the caller's and open.
        #[allow(unsafe_code, reason = "reads through a descriptor that is not ours")]
        let n = unsafe { libc::pread(fd, piece.as_mut_ptr().cast(), most, libc::off_t::try_from(at).ok()?) };
        let Some(n) = usize::try_from(n).ok().filter(|n| *n > 0) else {
            // opened for writing only: read through its name
            let path = std::fs::read_link(format!("/proc/self/fd/{fd}")).ok()?;
            let all = std::fs::read(path).ok()?;
            twin.write_all_at(&all, 0).ok()?;
            break;
        };
        twin.write_all_at(&piece[..n], at).ok()?;
        at += n as u64;
    }
    twin.set_len(size).ok()
}

fn names(places: &Places, folder: &Path, inside: &Path) -> Option<()> {
    let mut text = Vec::new();
    for entry in std::fs::read_dir(folder).ok()?.flatten() {
        let path = CString::new(entry.path().as_os_str().as_bytes()).ok()?;
        // SAFETY: the path is a valid C string.
        #[allow(unsafe_code, reason = "a descriptor that does not read the file")]
        let fd = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
        if fd < 0 {
            continue;
        }
        let found = key(fd);
        // SAFETY: the descriptor was opened above and is closed once.
        #[allow(unsafe_code, reason = "closes what was opened above")]
        unsafe {
            libc::close(fd);
        }
        if let Some((key, false, _)) = found {
            text.extend_from_slice(key.as_bytes());
            text.push(b' ');
            text.extend_from_slice(entry.file_name().as_bytes());
            text.push(b'\n');
        }
    }
    let all = places.twins.join("names");
    std::fs::create_dir_all(&all).ok()?;
    let name = if inside.as_os_str().is_empty() { OsStr::new("%") } else { inside.as_os_str() };
    let name = name.to_string_lossy().replace('/', "%");
    let part = all.join(format!("{name}.part"));
    std::fs::write(&part, text).ok()?;
    std::fs::rename(part, all.join(name)).ok()
}

/// In place of the C library's.
#[allow(unsafe_code, reason = "takes the place of a function of the C library")]
#[unsafe(no_mangle)]
pub extern "C" fn fsync(fd: libc::c_int) -> libc::c_int {
    let _ = sync(fd);
    0
}

/// In place of the C library's.
#[allow(unsafe_code, reason = "takes the place of a function of the C library")]
#[unsafe(no_mangle)]
pub extern "C" fn fdatasync(fd: libc::c_int) -> libc::c_int {
    let _ = sync(fd);
    0
}
