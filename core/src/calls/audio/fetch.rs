//! Fetching a recording: by ranges, over as many cuts as it takes, until its SHA-256 is the server's.

use super::file::{PIECE, Writer};
use super::{keep, path, row};
use crate::client::Inner;
use crate::crash;
use crate::error::{Error, Result};
use crate::session::{SignIn, still};
use rusqlite::params;
use std::fs::File;
use waybell_domain::id::{CallId, RecordingId};
use waybell_domain::wire::AudioView;

/// A transfer that is cut off goes on so often within one call; what has come stays for the next one.
const TRIES: u32 = 4;
/// So often sound that is not what the server told of is fetched from the start.
const FRESH: u32 = 1;

/// Fetches and gives the length. `room` bounds all sound on the phone.
pub(super) async fn fetch(
    inner: &Inner,
    me: &SignIn,
    call: CallId,
    audio: &AudioView,
    room: u64,
) -> Result<u64> {
    let other = begin(inner, me, call, audio, room).await?;
    let Some(mut writer) = lock(inner, audio.id).await? else {
        // another process was fetching it, and has
        return Ok(inner.store.read_now(|c| row(c, audio.id))?.map_or(0, |r| r.bytes));
    };
    if other {
        writer.restart()?;
    }
    let done = transfer(inner, me, call, audio, room, writer).await;
    match done {
        Ok((bytes, sha256)) => {
            commit(inner, me, audio.id, bytes, sha256, room).await?;
            keep::sweep_now(inner).await?;
            Ok(bytes)
        }
        Err(error) => {
            if matches!(error, Error::SignedOut) {
                keep::remove(&path(inner, audio.id));
            }
            Err(error)
        }
    }
}

/// Notes that it is being fetched; true if what is here of it is of other sound.
async fn begin(inner: &Inner, me: &SignIn, call: CallId, audio: &AudioView, room: u64) -> Result<bool> {
    let folder = super::folder(inner);
    crate::client::make_private(&folder)?;
    let (id, epoch, now) = (audio.id, me.epoch, inner.clock.wall());
    let told = audio.sha256.clone().unwrap_or_default();
    inner
        .store
        .write(move |t| {
            still(t, epoch)?;
            let known = row(t, id)?;
            t.execute(
                "INSERT INTO call_audio (id, call_id, state, sha256, used_at) VALUES (?1, ?2, 'part', ?3, ?4) \
                 ON CONFLICT (id) DO UPDATE SET sha256 = excluded.sha256, used_at = excluded.used_at WHERE state = 'part'",
                params![id.to_string(), call.to_string(), told, now.0],
            )?;
            keep::evict(t, id, room)?;
            Ok(known.is_some_and(|k| !k.whole && k.sha256 != told))
        })
        .await
}

/// Takes the file's lock; `None` where it has become whole meanwhile.
async fn lock(inner: &Inner, id: RecordingId) -> Result<Option<Writer>> {
    let (path, store) = (path(inner, id), inner.store.clone());
    let locked = tokio::task::spawn_blocking(move || {
        let file = Writer::lock(&path)?;
        if store.read_now(|c| row(c, id))?.is_some_and(|r| r.whole) {
            return Ok(None);
        }
        Writer::resume(file, store.seal.clone(), &id.to_string()).map(Some)
    });
    locked.await.map_err(Error::storage)?
}

async fn transfer(
    inner: &Inner,
    me: &SignIn,
    call: CallId,
    audio: &AudioView,
    room: u64,
    mut writer: Writer,
) -> Result<(u64, String)> {
    let (mut tries, mut fresh) = (0, 0);
    loop {
        let (back, ended) = once(inner, me, call, room, writer).await;
        writer = back;
        match ended {
            Ok(()) => {}
            // what is here is not the beginning of what is there
            Err(Error::Refused(refusal)) if refusal.status == 416 && fresh < FRESH => {
                fresh += 1;
                writer.restart()?;
                continue;
            }
            Err(error @ Error::Offline { .. }) if tries + 1 < TRIES => {
                tracing::debug!(%error, "a recording goes on where it was cut off");
                tries += 1;
                continue;
            }
            Err(error) => {
                note(inner, audio.id, writer.stored()).await;
                return Err(error);
            }
        }
        let (bytes, hash, file) = blocking(move || writer.finish()).await?;
        if audio.sha256.as_ref().is_none_or(|told| *told == hash) {
            return Ok((bytes, hash));
        }
        if fresh >= FRESH {
            let problem = "the recording is not the one that the server tells of";
            return Err(Error::offline(problem));
        }
        fresh += 1;
        writer = again(file, inner, audio.id)?;
    }
}

fn again(file: File, inner: &Inner, id: RecordingId) -> Result<Writer> {
    let mut writer = Writer::resume(file, inner.store.seal.clone(), &id.to_string())?;
    writer.restart()?;
    Ok(writer)
}

/// One answer's worth. Gives the writer back, whatever came of it.
async fn once(
    inner: &Inner,
    me: &SignIn,
    call: CallId,
    room: u64,
    mut writer: Writer,
) -> (Writer, Result<()>) {
    let mut answer = match inner.ask_range(me, &format!("/api/v1/calls/{call}/audio"), writer.len()).await {
        Ok(answer) => answer,
        Err(error) => return (writer, Err(error)),
    };
    if answer.total.is_some_and(|total| total > room) {
        let problem = "is larger than the room for recordings on this phone";
        return (writer, Err(Error::bad("call", problem, "listen to it in the console")));
    }
    if answer.start != writer.len() {
        if answer.start > 0 {
            return (writer, Err(Error::offline("the answer is of another part of the recording")));
        }
        if let Err(error) = writer.restart() {
            return (writer, Err(error));
        }
    }
    let mut waiting: Vec<u8> = Vec::with_capacity(PIECE);
    loop {
        let piece = answer.next().await;
        let over = !matches!(piece, Ok(Some(_)));
        if let Ok(Some(piece)) = &piece {
            waiting.extend_from_slice(piece);
        }
        if waiting.len() >= PIECE || over {
            if inner.sign_in().is_ok_and(|now| now.epoch == me.epoch) {
                let (sound, mut taken) = (std::mem::take(&mut waiting), writer);
                let put = tokio::task::spawn_blocking(move || {
                    let put = taken.push(&sound);
                    (taken, put)
                });
                let put = match put.await {
                    Ok((back, put)) => {
                        writer = back;
                        put
                    }
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
                if let Err(error) = put {
                    return (writer, Err(error));
                }
                crash::point("audio.piece");
            } else {
                return (writer, Err(Error::SignedOut));
            }
        }
        if writer.len() > room {
            let problem = "is larger than the room for recordings on this phone";
            return (writer, Err(Error::bad("call", problem, "listen to it in the console")));
        }
        match piece {
            Ok(Some(_)) => {}
            Ok(None) if answer.total.is_some_and(|total| writer.len() < total) => {
                return (writer, Err(Error::offline("unexpected end of file")));
            }
            Ok(None) => return (writer, Ok(())),
            Err(error) => return (writer, Err(error)),
        }
    }
}

/// Remembers how much is there, for the bound.
async fn note(inner: &Inner, id: RecordingId, bytes: u64) {
    let noted = inner.store.write(move |t| {
        t.execute(
            "UPDATE call_audio SET bytes = ?1 WHERE id = ?2 AND state = 'part'",
            params![i64::try_from(bytes).unwrap_or(i64::MAX), id.to_string()],
        )?;
        Ok(())
    });
    if let Err(error) = noted.await {
        tracing::warn!(%error, "the length of a part of a recording could not be noted");
    }
}

async fn commit(
    inner: &Inner,
    me: &SignIn,
    id: RecordingId,
    bytes: u64,
    sha256: String,
    room: u64,
) -> Result<()> {
    let (epoch, now) = (me.epoch, inner.clock.wall());
    let done = inner
        .store
        .write(move |t| {
            still(t, epoch)?;
            let changed = t.execute(
                "UPDATE call_audio SET state = 'whole', bytes = ?1, sha256 = ?2, used_at = ?3 WHERE id = ?4",
                params![i64::try_from(bytes).unwrap_or(i64::MAX), sha256, now.0, id.to_string()],
            )?;
            // the call went away meanwhile, and the file with it
            if changed == 0 {
                return Err(Error::NotFound("call"));
            }
            keep::evict(t, id, room)
        })
        .await;
    if done.is_err() {
        keep::remove(&path(inner, id));
    }
    done
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(Error::storage)?
}
