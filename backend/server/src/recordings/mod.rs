//! Recordings and voicemails: files under the media folder, and what is known of each.
//!
//! The switch writes the file while people speak, sealed (`waybell_switch::sealed`) with a key of its own that lies, wrapped, in the
//! recording's row (`keys`); the row is written before the first sample, and what follows the last one: length, SHA-256, state.
//! A server that dies leaves rows that are `open`; the next start closes them as `cut`, with what was heard until then (`recover`).
//! The SHA-256 is of the WAV that is heard, not of the sealed file: whoever has a copy of the sound can check it.
//!
//! Files lie in `MEDIA/recordings/ORGANISATION/DAY/ID.sealed`, readable by the server's user alone. What an older server left in
//! clear (`ID.wav`) is heard as it is and sealed in the background (`seal`). What is past its `keep_until` is taken away, the key
//! first, unless it has a `legal_hold` (`keep`); whoever listens is written into the audit (`routes`, `link`). Nothing is recorded
//! while the disk has less room than a floor (`disk`): the database must go on.

pub(crate) mod chain;
pub mod check;
mod clear;
pub(crate) mod disk;
pub mod erase;
mod keep;
pub(crate) mod listen;
mod peaks;
mod recover;
pub mod routes;
mod seal;
mod sound;

pub use disk::Disk;
pub use keep::run;
pub(crate) use recover::recover;
pub(crate) use sound::{Filed, Sound, Source};

use crate::app::Shared;
use crate::calls::Line;
use crate::keys::Stored;
use sound::{Told, look};
use std::path::PathBuf;
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::{CallId, OrganisationId, RecordingId};
use waybell_switch::{FileKey, RecordingEnd};

/// What is told of a recording that is not made, or ends early, for want of room.
pub(crate) const DISK_LOW: &str = "the disk has no room left for recordings";

/// What is told of a recording that cannot be sealed: it is never made in clear.
const NO_KEY: &str = "the server has no key to seal recordings with";

/// What is told of a recording whose file cannot be read once it has ended.
const UNREAD: &str = "its file could not be read";

/// The same while that may pass.
const LATER: &str = "its file cannot be read now; it is tried again when the server starts";

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
    key: Option<(FileKey, Stored)>,
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
    let path = format!("recordings/{organisation}/{day}/{id}.sealed");
    let file = app.config.media_dir().join(&path);
    if let Some(folder) = file.parent() {
        // one that cannot be made is told by the recorder, which cannot write there
        let _ = tokio::fs::create_dir_all(folder).await;
    }
    let keep = UnixMs(started.0 + i64::from(keep_days) * DAY);
    let key = match app.keys.make(&app.store, organisation, id, started).await {
        Ok(made) => Some(made),
        Err(error) => {
            tracing::error!(recording = %id, %error, "a recording has no key");
            None
        }
    };
    Recording { id, file, organisation, call, kind, path, started, keep, key }
}

impl Recording {
    /// What the recorder seals its file with; `Err` with what is told of it where it cannot be made now.
    pub(crate) fn key(&self, app: &Shared) -> Result<FileKey, &'static str> {
        if app.calls.disk.is_low() {
            return Err(DISK_LOW);
        }
        self.key.as_ref().map(|(key, _)| key.clone()).ok_or(NO_KEY)
    }

    /// Its row: `open`, or `failed` with the reason. Stored a second time where only the answer of the first commit was lost, it
    /// says what is known now.
    pub(crate) fn line(&self, state: &str, problem: Option<&str>) -> Line {
        Line::new(
            "INSERT INTO recording (id, organisation_id, phone_call_id, kind, path, state, problem, started_at, keep_until, \
             key_id, sealed_key) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) \
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
                self.key.as_ref().map(|(_, stored)| stored.key_id.clone()).into(),
                self.key.as_ref().and_then(|(_, stored)| stored.sealed_key.clone()).into(),
            ],
        )
    }

    fn source(&self) -> Source {
        Source { file: self.file.clone(), key: self.key.as_ref().map(|(key, _)| key.clone()) }
    }

    /// What it came to, to be stored. One that is `empty`, without speech, is taken away, file and all.
    /// One that the disk does not give back now stays open, and is closed at the next start.
    pub(crate) async fn finish(&self, end: &RecordingEnd, empty: bool) -> Line {
        let lost = i64::try_from(end.lost).unwrap_or(i64::MAX);
        let (state, told) = match (&end.problem, empty) {
            (Some(_), _) => ("failed", look(self.source(), true).await),
            (None, true) => {
                let _ = tokio::fs::remove_file(&self.file).await;
                ("empty", Ok(Told::default()))
            }
            (None, false) => ("done", look(self.source(), false).await),
        };
        let told = match told {
            Ok(told) => told,
            Err(error) => {
                failed(&self.id, &error.to_string());
                return closed(&self.id, "open", &Told::default(), lost, Some(LATER));
            }
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

#[cfg(test)]
mod tests {
    use super::*;

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
            key: None,
        };
        recording.line("open", None).run(&write).await.unwrap();
        recording.line("failed", Some("its row could not be stored")).run(&write).await.unwrap();
        recording.line("failed", Some("its row could not be stored")).run(&write).await.unwrap();
        write.commit().await.unwrap();
        let sql = "SELECT COUNT(*) FROM recording WHERE state = 'failed' AND problem IS NOT NULL AND started_at = 1";
        assert_eq!(number(store.read(), sql, []).await.unwrap(), 1);
    }
}
