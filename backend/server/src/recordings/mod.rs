//! Recordings and voicemails: files under the media folder, and what is known of each.
//!
//! The switch writes the file while people speak (a WAV in A-law that is whole at every moment); here is its row, written
//! before the first sample, and what follows the last one: length, SHA-256, state. A server that dies leaves rows that are
//! `open`; the next start closes them as `cut`, with what was heard until then. It reads which those are before the first call
//! is routed, and repairs them beside everything else: long files must not hold up the dialler.
//!
//! Files lie in `MEDIA/recordings/ORGANISATION/DAY/ID.wav`, readable by the server's user alone. What is past its
//! `keep_until` is taken away, unless it has a `legal_hold` (`keep`); whoever listens is written into the audit (`routes`).
//! Nothing is recorded while the disk has less room than a floor (`disk`): the database must go on.

pub(crate) mod chain;
pub mod check;
pub(crate) mod disk;
mod keep;
pub mod routes;

pub use disk::Disk;
pub use keep::run;

use crate::app::Shared;
use crate::calls::recover::Interrupted;
use crate::calls::{Calls, Line};
use crate::store::{StoreError, all};
use sea_orm::FromQueryResult;
use sha2::{Digest, Sha256};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::evidence::hex;
use waybell_domain::id::{CallId, OrganisationId, RecordingId};
use waybell_switch::RecordingEnd;

/// Bytes before the sound in the recorder's files, and the places of the three lengths in them.
const HEADER: u64 = 58;
const RIFF_AT: u64 = 4;
const CHANNELS_AT: u64 = 22;
const FACT_AT: u64 = 46;
const DATA_AT: u64 = 54;

/// What is told of a recording that is not made, or ends early, for want of room.
pub(crate) const DISK_LOW: &str = "the disk has no room left for recordings";

/// What is told of a recording whose file cannot be read once it has ended.
const UNREAD: &str = "its file could not be read";

/// A recording, from before its first sample.
#[derive(Debug)]
pub(crate) struct Recording {
    /// Its id.
    pub id: RecordingId,
    /// Where it is written.
    pub file: PathBuf,
    organisation: OrganisationId,
    call: CallId,
    kind: &'static str,
    path: String,
    started: UnixMs,
    keep: UnixMs,
}

/// A recording that is to begin: its folder is made, and [`Recording::line`] is to be stored before the first sample.
pub(crate) async fn begin(
    app: &Shared,
    organisation: OrganisationId,
    call: CallId,
    kind: &'static str,
    keep_days: u16,
) -> Recording {
    let started = app.clock.now();
    let id = RecordingId::at(started, rand::random());
    let day = started.to_utc().format("%Y-%m-%d").to_string();
    let path = format!("recordings/{organisation}/{day}/{id}.wav");
    let file = app.config.media_dir().join(&path);
    if let Some(folder) = file.parent() {
        // one that cannot be made is told by the recorder, which cannot write there
        let _ = tokio::fs::create_dir_all(folder).await;
    }
    let keep = UnixMs(started.0 + i64::from(keep_days) * DAY);
    Recording { id, file, organisation, call, kind, path, started, keep }
}

impl Recording {
    /// Its row: `open`, or `failed` with the reason. Stored a second time where only the answer of the first commit was lost, it
    /// says what is known now.
    pub(crate) fn line(&self, state: &str, problem: Option<&str>) -> Line {
        Line::new(
            "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, problem, started_at, keep_until) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
             ON CONFLICT (id) DO UPDATE SET state = excluded.state, problem = excluded.problem",
            [
                self.id.to_string().into(),
                self.organisation.to_string().into(),
                self.call.to_string().into(),
                self.kind.into(),
                self.path.clone().into(),
                state.into(),
                problem.into(),
                self.started.0.into(),
                self.keep.0.into(),
            ],
        )
    }

    /// What it came to, to be stored. One that is `empty`, without speech, is taken away, file and all.
    pub(crate) async fn finish(&self, end: &RecordingEnd, empty: bool) -> Line {
        let (state, told) = match (&end.problem, empty) {
            (Some(_), _) => ("failed", look(&self.file).await),
            (None, true) => {
                let _ = tokio::fs::remove_file(&self.file).await;
                ("empty", Told::default())
            }
            (None, false) => ("done", look(&self.file).await),
        };
        let unread = state == "done" && told.hash.is_none();
        let (state, problem) = match unread {
            true => ("failed", Some(UNREAD)),
            false => (state, end.problem.as_deref()),
        };
        if problem.is_some() || end.lost > 0 {
            failed(&self.id, problem.unwrap_or("packets are missing"));
            tracing::error!(recording = %self.id, lost = end.lost, "packets that are not in it");
        }
        let lost = i64::try_from(end.lost).unwrap_or(i64::MAX);
        closed(&self.id, state, &told, lost, problem)
    }
}

/// Tells that a recording is not whole.
pub(crate) fn failed(id: &RecordingId, problem: &str) {
    metrics::counter!("waybell_recordings_failed_total").increment(1);
    tracing::error!(recording = %id, problem, "a recording is not whole");
}

fn closed(id: &RecordingId, state: &str, told: &Told, lost: i64, problem: Option<&str>) -> Line {
    Line::closing(
        "UPDATE recording SET state = $1, ms = $2, bytes = $3, hash = $4, lost = $5, problem = $6 WHERE id = $7",
        [
            state.into(),
            told.ms.into(),
            told.bytes.into(),
            told.hash.clone().into(),
            lost.into(),
            problem.into(),
            id.to_string().into(),
        ],
    )
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    path: String,
}

/// Recordings that an earlier life left open hold what was heard until it died. They are read here, before the first call of
/// this life, and repaired in a task that is counted as a call's; what a stop leaves is found by the next start.
pub(crate) async fn recover(app: &Shared, _proof: &Interrupted) -> Result<(), StoreError> {
    let open: Vec<Row> =
        all(app.store.read(), "SELECT id, path FROM recording WHERE state = 'open'", []).await?;
    if open.is_empty() {
        return Ok(());
    }
    let running = Calls::begin(app);
    let app = app.clone();
    tokio::spawn(async move {
        let _running = running;
        repair(&app, open).await;
    });
    Ok(())
}

async fn repair(app: &Shared, open: Vec<Row>) {
    for row in open {
        if app.stopping.is_cancelled() {
            return;
        }
        let Ok(id) = RecordingId::parse(&row.id) else { continue };
        let file = app.config.media_dir().join(&row.path);
        let whole = file.clone();
        let mended = tokio::task::spawn_blocking(move || mend(&whole)).await;
        let problem = match mended {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(error) => Some(error.to_string()),
        };
        let told = look(&file).await;
        let state = if told.bytes > 0 { "cut" } else { "failed" };
        let problem = problem.or_else(|| (told.bytes == 0).then(|| "nothing was recorded".to_owned()));
        crate::calls::insist(app, vec![closed(&id, state, &told, 0, problem.as_deref())]).await;
    }
}

/// Puts the lengths in a file's header right: the process may have died between a piece and its header.
fn mend(path: &Path) -> std::io::Result<()> {
    let mut file = std::fs::File::options().read(true).write(true).open(path)?;
    let bytes = file.metadata()?.len();
    if bytes < HEADER {
        return Err(std::io::Error::other("the file has no header"));
    }
    let mut channels = [0u8; 2];
    file.seek(SeekFrom::Start(CHANNELS_AT))?;
    file.read_exact(&mut channels)?;
    let width = u64::from(u16::from_le_bytes(channels)).max(1);
    let sound = (bytes - HEADER) / width * width;
    file.set_len(HEADER + sound)?;
    let sound32 = u32::try_from(sound).unwrap_or(u32::MAX - HEADER as u32);
    for (at, value) in
        [(RIFF_AT, sound32 + HEADER as u32 - 8), (FACT_AT, sound32 / width as u32), (DATA_AT, sound32)]
    {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&value.to_le_bytes())?;
    }
    file.sync_all()
}

/// What a file says of itself.
#[derive(Default)]
struct Told {
    ms: i64,
    bytes: i64,
    hash: Option<String>,
}

async fn look(path: &Path) -> Told {
    let path = path.to_owned();
    let read = tokio::task::spawn_blocking(move || measure(&path)).await;
    read.ok().and_then(Result::ok).unwrap_or_default()
}

fn measure(path: &Path) -> std::io::Result<Told> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0u8; 64 << 10];
    let (mut bytes, mut channels) = (0u64, 1u64);
    loop {
        let n = file.read(&mut buffer)?;
        if n == 0 {
            break;
        }
        if bytes == 0 && n > CHANNELS_AT as usize + 1 {
            let at = CHANNELS_AT as usize;
            channels = u64::from(u16::from_le_bytes([buffer[at], buffer[at + 1]])).max(1);
        }
        hash.update(&buffer[..n]);
        bytes += n as u64;
    }
    let sound = bytes.saturating_sub(HEADER);
    Ok(Told {
        ms: i64::try_from(sound / channels / 8).unwrap_or(i64::MAX),
        bytes: i64::try_from(bytes).unwrap_or(i64::MAX),
        hash: Some(hex(&hash.finalize())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(channels: u16, sound: usize) -> Vec<u8> {
        let mut bytes = vec![0u8; HEADER as usize];
        bytes[..4].copy_from_slice(b"RIFF");
        bytes[22..24].copy_from_slice(&channels.to_le_bytes());
        bytes.resize(HEADER as usize + sound, 0xd5);
        bytes
    }

    #[test]
    fn a_file_that_was_cut_short_plays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        // an odd byte of a stereo file was written when the process died
        std::fs::write(&path, file(2, 16_001)).unwrap();
        mend(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), HEADER as usize + 16_000);
        assert_eq!(u32::from_le_bytes(bytes[54..58].try_into().unwrap()), 16_000);
        assert_eq!(u32::from_le_bytes(bytes[46..50].try_into().unwrap()), 8_000);
        assert_eq!(u32::from_le_bytes(bytes[4..8].try_into().unwrap()), 16_050);
        let told = measure(&path).unwrap();
        assert_eq!((told.ms, told.bytes), (1_000, 16_058));
        assert_eq!(told.hash.unwrap().len(), 64);
    }

    #[test]
    fn a_file_without_a_header_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.wav");
        std::fs::write(&path, "RIFF").unwrap();
        assert!(mend(&path).is_err());
        assert!(mend(&dir.path().join("none.wav")).is_err());
    }

    #[tokio::test]
    async fn a_row_that_was_stored_although_it_did_not_look_so_is_stored_again() {
        use crate::store::{Store, number};
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", dir.path().join("w.db").display())).await.unwrap();
        let write = store.begin().await.unwrap();
        let call = CallId::at(UnixMs(1), [1; 10]);
        let sql = "INSERT INTO phone_call (id, organisation_id, direction, is_open, explain, parcels, started_at, keep_until) \
                   VALUES ($1, 'o', 'incoming', 1, '[]', '[]', 1, 2)";
        write.exec(sql, [call.to_string().into()]).await.unwrap();
        let recording = Recording {
            id: RecordingId::at(UnixMs(1), [2; 10]),
            file: dir.path().join("a.wav"),
            organisation: OrganisationId::at(1, [3; 10]),
            call,
            kind: "call",
            path: "a.wav".to_owned(),
            started: UnixMs(1),
            keep: UnixMs(2),
        };
        recording.line("open", None).run(&write).await.unwrap();
        recording.line("failed", Some("its row could not be stored")).run(&write).await.unwrap();
        recording.line("failed", Some("its row could not be stored")).run(&write).await.unwrap();
        write.commit().await.unwrap();
        let sql = "SELECT COUNT(*) FROM recording WHERE state = 'failed' AND problem IS NOT NULL AND started_at = 1";
        assert_eq!(number(store.read(), sql, []).await.unwrap(), 1);
    }
}
