//! Recorded words in the database and on the disk.

use super::super::level::level;
use super::super::wav;
use super::{Book, Recorded, Words, plain};
use crate::app::App;
use crate::files::{Readers, put};
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::sees;
use crate::store::scope::Scope;
use crate::store::{Store, StoreError, all, number, one};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OrganisationId};

/// Recordings change one after the other: file, row and what is spoken with go together.
static ONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Largest file, bytes, and longest sound, seconds.
const LARGEST: usize = 10 << 20;
const LONGEST: usize = 60;
/// Shortest sound after its silence was cut, milliseconds.
const SHORTEST: usize = 60;
/// Longest words, characters.
const WORDS: usize = 200;
/// Most recordings of an organisation.
const MOST: i64 = 5_000;

/// A recording of some words.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct WordView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: String,
    /// The words.
    pub text: String,
    /// Whose notices use it; absent: everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Its length, milliseconds.
    pub ms: i64,
    /// When it came.
    pub recorded_at: UnixMs,
    /// How much louder it was made, dB; told when it comes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gain_db: Option<f64>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    text: String,
    plain: String,
    hash: String,
    ms: i64,
    recorded_at: i64,
}

const COLUMNS: &str = "id, organisation_id, branch_id, text, plain, hash, ms, recorded_at";

impl Row {
    fn branch(&self) -> Option<BranchId> {
        self.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok())
    }

    /// The branch, or everybody. `None` for a branch that does not read: it is nobody's, not everybody's.
    fn of(&self) -> Option<Option<BranchId>> {
        let branch = self.branch();
        (self.branch_id.is_none() || branch.is_some()).then_some(branch)
    }

    fn view(self) -> WordView {
        let branch = self.branch();
        let recorded_at = UnixMs(self.recorded_at);
        WordView { id: self.id, text: self.text, branch, ms: self.ms, recorded_at, gain_db: None }
    }
}

/// The file of a recording that is replaced.
#[derive(FromQueryResult)]
struct Kept {
    hash: String,
}

fn folder(media: &Path, organisation: &str) -> PathBuf {
    media.join("words").join(organisation)
}

fn file(media: &Path, organisation: &str, hash: &str) -> PathBuf {
    folder(media, organisation).join(format!("{hash}.wav"))
}

/// Reads the recorded words into memory.
pub(crate) async fn load(store: &Store, media: &Path, words: &Words) -> Result<(), StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM recorded_word");
    let rows: Vec<Row> = all(store.read(), &sql, []).await?;
    let mut books: std::collections::HashMap<OrganisationId, Book> = std::collections::HashMap::new();
    for row in rows {
        let Ok(organisation) = OrganisationId::parse(&row.organisation_id) else { continue };
        let Some(branch) = row.of() else { continue };
        let recorded = Recorded { file: Arc::new(file(media, &row.organisation_id, &row.hash)) };
        books.entry(organisation).or_default().entry(row.plain).or_default().insert(branch, recorded);
    }
    for (organisation, book) in books {
        words.put(organisation, book);
    }
    Ok(())
}

/// Reads, trims and levels a file; gives the samples and the gain.
fn prepared(bytes: &[u8]) -> Result<(Vec<i16>, f64), String> {
    let sound = wav::parse(bytes)?;
    if !(8_000..=48_000).contains(&sound.rate) {
        return Err(format!("has {} samples a second", sound.rate));
    }
    let seconds = sound.samples.len() / sound.rate as usize;
    if seconds >= LONGEST {
        return Err(format!("lasts {seconds} s; {LONGEST} s are possible"));
    }
    let mut pcm = wav::to_8k(&sound);
    // trimmed at the common level: what is quiet in a quiet recording may be speech
    let gain = level(&mut pcm);
    let pcm = wav::trim(&pcm);
    if super::super::level::speech_level(&pcm).is_none_or(|l| l < -45.0) {
        return Err("is silent".to_owned());
    }
    if pcm.len() < SHORTEST * 8 {
        return Err(format!("holds {} ms of sound", pcm.len() / 8));
    }
    Ok((pcm, gain))
}

/// Takes a recording; one of the same words is replaced.
pub(super) async fn record(
    app: &App,
    scope: &Scope,
    text: &str,
    branch: Option<BranchId>,
    bytes: axum::body::Bytes,
) -> ApiResult<WordView> {
    let text = text.trim().to_owned();
    let words = plain(&text);
    if words.is_empty() || text.chars().count() > WORDS || text.chars().any(char::is_control) {
        let problem = format!("must be 1 to {WORDS} characters with a word in them");
        return Err(ApiError::field("text", problem, "write the words that are spoken"));
    }
    if bytes.len() > LARGEST {
        let problem = format!("the file has more than {} MB", LARGEST >> 20);
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", problem)
            .hint("send the words alone, 8 kHz and 16 bit are enough"));
    }
    let read = tokio::task::spawn_blocking(move || prepared(&bytes)).await;
    let failed = |e: String| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "storage", e);
    let (pcm, gain) = read.map_err(|e| failed(e.to_string()))?.map_err(|problem| {
        let hint = format!(
            "send a WAV file: PCM of 16 or 24 bit or float, 8 to 48 kHz, at most {LONGEST} s and {} MB",
            LARGEST >> 20
        );
        ApiError::field("body", format!("the file {problem}"), hint)
    })?;
    let ms = pcm.len() as i64 / 8;
    let _one = ONE.lock().await;
    let (media, organisation) = (app.config.media_dir(), scope.organisation.to_string());
    let kept = tokio::task::spawn_blocking({
        let organisation = organisation.clone();
        move || -> std::io::Result<String> {
            let bytes = wav::bytes_8k(&pcm);
            let hash: String = Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
            std::fs::create_dir_all(folder(&media, &organisation))?;
            put(&file(&media, &organisation, &hash), &bytes, Readers::Usual)?;
            Ok(hash)
        }
    })
    .await;
    let hash = kept.map_err(|e| failed(e.to_string()))?.map_err(|e| {
        tracing::error!(error = %e, "a recording could not be kept");
        failed("the server cannot store this now".to_owned())
    })?;
    let now = app.clock.now();
    let id = uuid::Uuid::now_v7().to_string();
    let write = app.store.begin().await?;
    let before: Option<Kept> = one(
        write.tx(),
        "DELETE FROM recorded_word WHERE organisation_id = $1 AND COALESCE(branch_id, '') = $2 AND plain = $3 \
         RETURNING hash",
        [
            organisation.clone().into(),
            branch.map(|b| b.to_string()).unwrap_or_default().into(),
            words.clone().into(),
        ],
    )
    .await?;
    let count = "SELECT COUNT(*) FROM recorded_word WHERE organisation_id = $1";
    if before.is_none() && number(write.tx(), count, [organisation.clone().into()]).await? >= MOST {
        drop(write);
        sweep(app, scope.organisation, &hash).await;
        return Err(ApiError::conflict("too_many", format!("{MOST} recordings are there already"))
            .hint("remove some that no notice needs"));
    }
    write
        .exec(
            "INSERT INTO recorded_word (id, organisation_id, branch_id, text, plain, hash, ms, recorded_by, recorded_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                id.clone().into(),
                organisation.clone().into(),
                branch.map(|b| b.to_string()).into(),
                text.clone().into(),
                words.clone().into(),
                hash.clone().into(),
                ms.into(),
                scope.person.to_string().into(),
                now.0.into(),
            ],
        )
        .await?;
    crate::numbers::audit(&write, scope, now, "word_recorded", &id).await?;
    write.commit().await?;
    let recorded = Recorded { file: Arc::new(file(&app.config.media_dir(), &organisation, &hash)) };
    app.speech.words().set(scope.organisation, words, branch, recorded);
    if let Some(before) = before.filter(|before| before.hash != hash) {
        sweep(app, scope.organisation, &before.hash).await;
    }
    Ok(WordView { id, text, branch, ms, recorded_at: now, gain_db: Some((gain * 10.0).round() / 10.0) })
}

/// Removes a file that no row names any more. A call that plays it has it in memory.
async fn sweep(app: &App, organisation: OrganisationId, hash: &str) {
    let sql = format!("SELECT {COLUMNS} FROM recorded_word WHERE organisation_id = $1 AND hash = $2");
    let left: Result<Option<Row>, _> =
        one(app.store.read(), &sql, [organisation.to_string().into(), hash.into()]).await;
    if let Ok(None) = left {
        let path = file(&app.config.media_dir(), &organisation.to_string(), hash);
        if let Err(error) = tokio::fs::remove_file(&path).await {
            tracing::warn!(%error, "a recording that is not used stays on the disk");
        }
    }
}

/// The words that somebody may hear: everybody's, and of their branches.
pub(super) async fn list(app: &App, scope: &Scope) -> ApiResult<Vec<WordView>> {
    let sql =
        format!("SELECT {COLUMNS} FROM recorded_word WHERE organisation_id = $1 ORDER BY plain, branch_id");
    let rows: Vec<Row> = all(app.store.read(), &sql, [scope.organisation.to_string().into()]).await?;
    Ok(rows.into_iter().filter(|r| r.branch().is_none_or(|b| sees(scope, b))).map(Row::view).collect())
}

async fn found(app: &App, scope: &Scope, id: &str) -> ApiResult<Row> {
    let sql = format!("SELECT {COLUMNS} FROM recorded_word WHERE organisation_id = $1 AND id = $2");
    let row: Option<Row> =
        one(app.store.read(), &sql, [scope.organisation.to_string().into(), id.into()]).await?;
    row.filter(|r| r.branch().is_none_or(|b| sees(scope, b))).ok_or_else(|| ApiError::not_found("recording"))
}

/// The file of a recording.
pub(super) async fn sound(app: &App, scope: &Scope, id: &str) -> ApiResult<Vec<u8>> {
    let row = found(app, scope, id).await?;
    let path = file(&app.config.media_dir(), &row.organisation_id, &row.hash);
    tokio::fs::read(path).await.map_err(|_| ApiError::not_found("recording"))
}

/// Takes a recording away.
pub(super) async fn remove(app: &App, scope: &Scope, id: &str) -> ApiResult<()> {
    let _one = ONE.lock().await;
    let row = found(app, scope, id).await?;
    may_write(scope, row.branch())?;
    let write = app.store.begin().await?;
    write
        .exec(
            "DELETE FROM recorded_word WHERE organisation_id = $1 AND id = $2",
            [scope.organisation.to_string().into(), id.into()],
        )
        .await?;
    crate::numbers::audit(&write, scope, app.clock.now(), "word_removed", id).await?;
    write.commit().await?;
    if let Some(branch) = row.of() {
        app.speech.words().unset(scope.organisation, &row.plain, branch);
    }
    sweep(app, scope.organisation, &row.hash).await;
    Ok(())
}

/// Fails unless somebody may record for this branch (`None`: for the whole organisation).
pub(super) fn may_write(scope: &Scope, branch: Option<BranchId>) -> ApiResult<()> {
    let may = match branch {
        Some(branch) => sees(scope, branch),
        None => scope.role.is_administrator() || scope.branch.is_none(),
    };
    if may { Ok(()) } else { Err(ApiError::forbidden().hint("record it for your branch")) }
}
