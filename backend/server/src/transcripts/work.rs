//! The worker: what is due, what it came to.

use super::engine::HINT;
use super::{PAUSES_MS, YOUNG_MS, text};
use crate::app::Shared;
use crate::keys::KeyError;
use crate::recordings::{Filed, Sound};
use crate::speech::{Kind, wav_of};
use crate::store::{StoreError, all};
use sea_orm::{FromQueryResult, Value};
use std::time::Duration;
use waybell_domain::id::OrganisationId;
use waybell_domain::voicemail::{Intent, intents};
use waybell_switch::Codec;

/// Between looks where nothing has happened.
const EVERY: Duration = Duration::from_secs(5);
/// At least between looks.
const LEAST: Duration = Duration::from_millis(500);
/// Voicemails written down at once.
const AT_ONCE: u32 = 2;
/// Its organisation wants no machine to hear it.
pub(super) const OFF: &str = "off";
/// How long all wait for an engine that somebody has to mend.
const BARRED: Duration = Duration::from_secs(60);

#[derive(FromQueryResult)]
struct Due {
    id: String,
    phone_call_id: String,
    organisation_id: String,
    path: String,
    key_id: Option<String>,
    sealed_key: Option<String>,
    words_tries: i64,
}

impl Due {
    /// Its file; `None` for a damaged id.
    fn filed(&self) -> Option<Filed> {
        Filed::read(&self.id, self.path.clone(), self.key_id.clone(), self.sealed_key.clone())
    }
}

/// Writes voicemails down until the server stops. Returns at once where no engine is set.
pub(crate) async fn run(app: Shared) {
    if app.transcripts.engines.is_empty() {
        return;
    }
    let mut committed = app.store.committed();
    if let Err(error) = begin(&app).await {
        tracing::warn!(%error, "voicemails that waited for a recogniser wait on");
    }
    loop {
        let pause = match some(&app).await {
            Ok(Some(pause)) => pause,
            Ok(None) => EVERY,
            Err(error) => {
                tracing::warn!(%error, "voicemails could not be written down; tried again later");
                EVERY
            }
        };
        let least = async {
            tokio::time::sleep(LEAST).await;
            // a voicemail's end is a commit
            let _ = committed.changed().await;
        };
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = least, if pause <= EVERY => {}
        }
        committed.mark_unchanged();
    }
}

/// The next few; tells how long to wait after them, `None` where nothing was due.
async fn some(app: &Shared) -> Result<Option<Duration>, StoreError> {
    let now = app.clock.now();
    let sql = "SELECT id, phone_call_id, organisation_id, path, key_id, sealed_key, words_tries FROM recording \
               WHERE kind = 'voicemail' AND words_state IS NULL AND started_at > $1 AND state IN ('done', 'cut') \
               AND key_id IS NOT NULL AND (words_next IS NULL OR words_next <= $2) ORDER BY started_at DESC, id LIMIT $3";
    let values: [Value; 3] = [(now.0 - YOUNG_MS).into(), now.0.into(), AT_ONCE.into()];
    let due: Vec<Due> = all(app.store.read(), sql, values).await?;
    if due.is_empty() {
        return Ok(None);
    }
    let mut barred = false;
    for done in futures_util::future::join_all(due.iter().map(|row| one(app, row))).await {
        barred |= done?;
    }
    Ok(Some(if barred { BARRED } else { Duration::ZERO }))
}

/// One voicemail. True where no engine can be asked until somebody has mended it.
async fn one(app: &Shared, row: &Due) -> Result<bool, StoreError> {
    if !wanted(app, &row.organisation_id).await? {
        return settle(app, row, OFF, Words::default()).await.map(|()| false);
    }
    let wav = match sound(app, row).await {
        Ok(wav) => wav,
        // its key waits for a master key, or the disk does not read now
        Err(problem) => {
            tracing::warn!(recording = %row.id, problem, "a voicemail cannot be read to be written down");
            return later(app, row).await.map(|()| false);
        }
    };
    let mut refused = false;
    let mut barred = true;
    for engine in &app.transcripts.engines {
        let failure = match engine.write_down(&wav, app.transcripts.patience).await {
            Ok(answer) => {
                let words = text::tidy(&answer, HINT);
                metrics::counter!("waybell_voicemails_written_total", "engine" => engine.name().to_owned())
                    .increment(1);
                return done(app, row, &words, engine.name()).await.map(|()| false);
            }
            Err(failure) => failure,
        };
        metrics::counter!("waybell_voicemails_unwritten_total", "engine" => engine.name().to_owned())
            .increment(1);
        tracing::warn!(engine = engine.name(), problem = failure.problem, "a voicemail was not written down");
        refused |= failure.kind == Kind::Text;
        barred &= failure.kind == Kind::Barred;
    }
    match (refused, barred) {
        (true, _) => settle(app, row, "failed", Words::default()).await.map(|()| false),
        // it may not be its fault, so it is never given up for it; others come first until it is asked again
        (false, true) => put_off(app, row, barred_pause(row.words_tries)).await.map(|()| true),
        (false, false) => later(app, row).await.map(|()| false),
    }
}

/// Whether an organisation's rules let its voicemails be written down.
async fn wanted(app: &Shared, organisation: &str) -> Result<bool, StoreError> {
    let Ok(id) = OrganisationId::parse(organisation) else { return Ok(false) };
    let rules = crate::inbound::policy(app.store.read(), id).await?;
    Ok(rules.transcribe)
}

/// The message as engines take it: 16 bits, 8 kHz, mono.
async fn sound(app: &Shared, row: &Due) -> Result<Vec<u8>, String> {
    let filed = row.filed().ok_or("its row is damaged")?;
    let source = filed.source(&app.keys, app.store.read(), &app.config.media_dir()).await;
    let source = source.map_err(|e| e.to_string())?;
    let read = tokio::task::spawn_blocking(move || {
        let mut sound = Sound::open(&source)?;
        let mut pcm = Vec::new();
        sound.samples(|codes| pcm.extend(codes.iter().map(|c| Codec::Pcma.decode(*c))))?;
        Ok::<_, waybell_switch::SealError>(wav_of(&pcm))
    });
    read.await.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

/// Another time, or never.
async fn later(app: &Shared, row: &Due) -> Result<(), StoreError> {
    let Some(pause) = usize::try_from(row.words_tries).ok().and_then(|n| PAUSES_MS.get(n)) else {
        return settle(app, row, "failed", Words::default()).await;
    };
    put_off(app, row, *pause).await
}

/// How long a message waits that no engine can be asked for until somebody has mended it.
fn barred_pause(tries: i64) -> i64 {
    let nth = usize::try_from(tries).unwrap_or(0).saturating_add(1).min(PAUSES_MS.len() - 1);
    PAUSES_MS[nth]
}

async fn put_off(app: &Shared, row: &Due, pause: i64) -> Result<(), StoreError> {
    let write = app.store.begin().await?;
    let sql = "UPDATE recording SET words_tries = words_tries + 1, words_next = $1 WHERE id = $2";
    write.exec(sql, [(app.clock.now().0 + pause).into(), row.id.clone().into()]).await?;
    write.commit().await
}

/// Whoever starts a server may have mended what was wrong: everything is asked for again now.
async fn begin(app: &Shared) -> Result<(), StoreError> {
    let write = app.store.begin().await?;
    let sql = "UPDATE recording SET words_tries = 0, words_next = NULL WHERE kind = 'voicemail' AND words_state IS NULL \
               AND words_next IS NOT NULL";
    write.exec(sql, []).await?;
    write.commit().await
}

/// An engine has written it down; empty where it understood nothing.
async fn done(app: &Shared, row: &Due, words: &str, engine: &str) -> Result<(), StoreError> {
    if words.is_empty() {
        return settle(app, row, "none", Words { engine, ..Words::default() }).await;
    }
    let meant: Vec<&str> = intents(words).iter().map(|i| i.as_str()).collect();
    match seal(app, row, words).await {
        Ok(sealed) => {
            let words = Words { sealed: Some(sealed), meant: meant.join(","), engine };
            settle(app, row, "done", words).await
        }
        Err(KeyError::Store(error)) => Err(error),
        Err(error) => {
            tracing::warn!(recording = %row.id, %error, "a voicemail's text cannot be sealed");
            later(app, row).await
        }
    }
}

/// What is stored of a text.
#[derive(Default)]
struct Words<'a> {
    sealed: Option<String>,
    meant: String,
    engine: &'a str,
}

/// What it came to, for good. The recording may have been erased meanwhile: then nothing is written.
async fn settle(app: &Shared, row: &Due, state: &str, words: Words<'_>) -> Result<(), StoreError> {
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let sql = "UPDATE recording SET words_state = $1, words = $2, words_intents = $3, words_engine = $4, words_at = $5 \
               WHERE id = $6 AND state IN ('done', 'cut') AND words_state IS NULL";
    let values: [Value; 6] = [
        state.into(),
        words.sealed.into(),
        words.meant.into(),
        words.engine.into(),
        now.0.into(),
        row.id.clone().into(),
    ];
    let written = write.exec(sql, values).await?.rows_affected();
    if written > 0 && state != OFF {
        let sql = "UPDATE phone_call SET rev = $1 WHERE id = $2";
        write.exec(sql, [write.next_rev().into(), row.phone_call_id.clone().into()]).await?;
    }
    write.commit().await
}

async fn seal(app: &Shared, row: &Due, words: &str) -> Result<String, KeyError> {
    let filed = row.filed().ok_or(KeyError::Damaged)?;
    app.keys.seal_words(app.store.read(), &filed, words).await
}

/// Intents out of their column.
pub(crate) fn read_intents(column: Option<&str>) -> Vec<Intent> {
    column.unwrap_or_default().split(',').filter_map(Intent::parse).collect()
}
