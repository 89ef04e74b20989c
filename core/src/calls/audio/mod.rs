//! Sound of calls on this phone: fetched once, heard without a network.
//!
//! ```text
//!  row `part` ─▶ file, sealed piece by piece ─▶ SHA-256 as told? ─▶ durable ─▶ row `whole`
//!                  ▲ goes on by Range at the last whole piece │ no: from the start, once more
//!                  └───────── cut off, killed, offline ───────┘
//! ```
//!
//! * A kill between any two steps costs no more than the piece that was being written: the file tells how much is there.
//! * The row comes first and goes last. A file that no row knows is removed when the app starts, signs out, or tidies up.
//! * All files together stay below [`ROOM`]: what was heard longest ago goes first.
//! * Signing out removes the files before the rows, and what another process was fetching at that moment after them.

mod fetch;
mod file;
mod keep;
#[cfg(test)]
mod tests;

use super::{Calls, marks};
use crate::client::Inner;
use crate::error::{Error, Result};
use crate::store::seal::Seal;
use rusqlite::{Connection, OptionalExtension};
use serde::Serialize;
use std::path::PathBuf;
use waybell_domain::id::{CallId, RecordingId};
use waybell_domain::wire::{AudioView, CallView};

pub(crate) use keep::{remove_all, sweep, sweep_now};

/// Folder of the sealed files in the data folder.
pub(crate) const FOLDER: &str = "audio";

/// Room for sound on the phone, bytes: five hours of calls, or a thousand voicemails of half a minute.
pub const ROOM: u64 = 256 << 20;
/// Recordings that were begun and not fetched whole, at most.
const PARTS: usize = 8;

/// What is on this phone of a call's sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "here", rename_all = "snake_case")]
pub enum Sound {
    /// The call has none, or none any more.
    None,
    /// It can be fetched.
    No,
    /// It is still being recorded.
    Recording,
    /// Part of it is here; fetching goes on from there.
    Part,
    /// All of it is here.
    Whole {
        /// Bytes of the WAV file.
        bytes: u64,
    },
}

/// A row of `call_audio`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    whole: bool,
    bytes: u64,
    sha256: String,
}

fn row(c: &Connection, id: RecordingId) -> Result<Option<Row>> {
    Ok(c.prepare_cached("SELECT state, bytes, sha256 FROM call_audio WHERE id = ?1")?
        .query_row([id.to_string()], |r| {
            Ok(Row {
                whole: r.get::<_, String>(0)? == "whole",
                bytes: u64::try_from(r.get::<_, i64>(1)?).unwrap_or(0),
                sha256: r.get(2)?,
            })
        })
        .optional()?)
}

/// The server has it, or had when it told of it. One that was open when its call ended was cut by a server that died: it is
/// whole once that server has looked at it.
fn can_be_fetched(call: &CallView, audio: &AudioView) -> bool {
    matches!(audio.state.as_str(), "done" | "cut") || audio.state == "open" && call.outcome.is_some()
}

/// What is here of a call's sound, by the rows alone.
pub(super) fn sound(c: &Connection, view: &CallView) -> Result<Sound> {
    let Some(audio) = &view.audio else { return Ok(Sound::None) };
    let known = row(c, audio.id)?;
    Ok(match known {
        Some(row) if row.whole => Sound::Whole { bytes: row.bytes },
        Some(_) if can_be_fetched(view, audio) => Sound::Part,
        None if can_be_fetched(view, audio) => Sound::No,
        _ if audio.state == "open" => Sound::Recording,
        _ => Sound::None,
    })
}

impl Calls {
    /// Fetches the sound of a call (WAV, A-law, 8 kHz) to this phone, sealed, unless it is here; how many bytes it has. What
    /// was fetched before a cut is not fetched again. Cancelling keeps what has come.
    ///
    /// # Errors
    /// `NotFound` for no such call or a call without sound; `Refused` (409) while it is being recorded; `Offline`, when what
    /// has come is kept; `BadInput` where it is larger than [`ROOM`]; `Storage`, `SignedOut`.
    pub async fn fetch_sound(&self, id: CallId) -> Result<u64> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let (call, audio) = self.audio_of(id).await?;
        if let Some(bytes) = here(inner, &audio).await? {
            return Ok(bytes);
        }
        if !can_be_fetched(&call, &audio) && audio.state != "open" {
            return Err(Error::NotFound("recording"));
        }
        let bytes = fetch::fetch(inner, &me, id, &audio, ROOM).await?;
        inner.bus.tell(crate::events::Topic::Calls);
        Ok(bytes)
    }

    /// Sound of a call that is on this phone, from `offset` on, `most` bytes at most; works offline. Empty at the end.
    ///
    /// # Errors
    /// `NotFound` where it has not been fetched ([`Calls::fetch_sound`]); `Storage`, `SignedOut`.
    pub async fn sound(&self, id: CallId, offset: u64, most: usize) -> Result<Vec<u8>> {
        let inner = &self.client.inner;
        inner.user()?;
        let (_, audio) = self.audio_of(id).await?;
        let Some(bytes) = here(inner, &audio).await? else {
            return Err(Error::NotFound("recording on this phone"));
        };
        let (path, seal, recording) = (path(inner, audio.id), inner.store.seal.clone(), audio.id.to_string());
        let read =
            tokio::task::spawn_blocking(move || file::read(&path, &seal, &recording, bytes, offset, most));
        match read.await.map_err(Error::storage)? {
            Ok(read) => {
                if offset == 0 {
                    keep::used(inner, audio.id).await?;
                }
                Ok(read)
            }
            Err(error) => {
                // a file that does not read is fetched again
                forget(inner, audio.id).await?;
                Err(error)
            }
        }
    }

    /// Removes the sound of a call from this phone; the server keeps its own.
    pub async fn drop_sound(&self, id: CallId) -> Result<()> {
        let inner = &self.client.inner;
        let (_, audio) = self.audio_of(id).await?;
        forget(inner, audio.id).await?;
        inner.bus.tell(crate::events::Topic::Calls);
        Ok(())
    }

    async fn audio_of(&self, id: CallId) -> Result<(CallView, AudioView)> {
        let inner = &self.client.inner;
        let seal: Seal = inner.store.seal.clone();
        let shown = inner.store.read(move |c| marks::shown(c, &seal)).await?;
        let call = shown.into_iter().find(|m| m.view.id == id).ok_or(Error::NotFound("call"))?.view;
        let audio = call.audio.clone().ok_or(Error::NotFound("recording"))?;
        Ok((call, audio))
    }
}

/// The length of a recording that is here whole. A row whose file has gone is forgotten, and so is one of other sound than
/// the server tells of now.
async fn here(inner: &Inner, audio: &AudioView) -> Result<Option<u64>> {
    let id = audio.id;
    let Some(known) = inner.store.read(move |c| row(c, id)).await? else { return Ok(None) };
    if !known.whole {
        return Ok(None);
    }
    let same = audio.sha256.as_deref().is_none_or(|told| known.sha256.is_empty() || told == known.sha256);
    if same && path(inner, id).exists() {
        return Ok(Some(known.bytes));
    }
    forget(inner, id).await?;
    Ok(None)
}

/// Removes a recording from this phone.
async fn forget(inner: &Inner, id: RecordingId) -> Result<()> {
    inner
        .store
        .write(move |t| {
            t.execute("DELETE FROM call_audio WHERE id = ?1", [id.to_string()])?;
            Ok(())
        })
        .await?;
    keep::sweep_now(inner).await
}

fn folder(inner: &Inner) -> PathBuf {
    inner.data_dir.join(FOLDER)
}

fn path(inner: &Inner, id: RecordingId) -> PathBuf {
    folder(inner).join(format!("{id}{}", keep::SUFFIX))
}
