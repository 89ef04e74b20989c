//! Giving a recording out: who may hear it, whether it is what was recorded, and that it was heard.
//!
//! The part that is asked for is opened and checked before the first byte of the answer leaves, so that what was changed on the disk
//! is told as an error and not heard as noise or as a silence. Every part is written into the audit before it leaves: whoever leaves
//! out the first bytes listens too.

use super::{Filed, Sound, Source};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::keys::KeyError;
use crate::store::one;
use crate::store::scope::Scope;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::FromQueryResult;
use std::io::ErrorKind;
use waybell_domain::wire::Role;
use waybell_switch::SealError;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    path: String,
    state: String,
    hash: Option<String>,
    key_id: Option<String>,
    sealed_key: Option<String>,
}

/// A recording that may be heard.
pub(crate) struct Found {
    /// Its file.
    pub filed: Filed,
    hash: Option<String>,
}

/// The newest recording of a call that this scope sees.
pub(crate) async fn find(app: &Shared, scope: &Scope, call: &str) -> ApiResult<Found> {
    let (filter, mut values) = scope.filter("c", 2);
    values.insert(0, call.into());
    // a call between two who are bound by a virtual number is shown to administrators and supervisors, and heard by nobody else
    let bound = match scope.role.is_administrator() || scope.role == Role::Supervisor {
        true => "",
        false => " AND c.direction <> 'bound'",
    };
    let sql = format!(
        "SELECT r.id, r.path, r.state, r.hash, r.key_id, r.sealed_key FROM recording r JOIN phone_call c \
         ON c.id = r.phone_call_id WHERE c.id = $1 AND {filter}{bound} ORDER BY r.started_at DESC, r.id DESC"
    );
    let row: Option<Row> = one(app.store.read(), &sql, values).await?;
    let row = row
        .filter(|r| r.state != "empty" && r.state != "gone")
        .ok_or_else(|| ApiError::not_found("recording"))?;
    if row.state == "open" {
        return Err(
            ApiError::conflict("still_recording", "the call goes on").hint("listen once it has ended")
        );
    }
    let filed = Filed::read(&row.id, row.path, row.key_id, row.sealed_key);
    Ok(Found { filed: filed.ok_or_else(|| ApiError::not_found("recording"))?, hash: row.hash })
}

/// What opens a recording's file.
pub(crate) async fn source(app: &Shared, filed: &Filed) -> ApiResult<Source> {
    let found = filed.source(&app.keys, app.store.read(), &app.config.media_dir()).await;
    found.map_err(|error| no_key(filed, error))
}

/// The recording, or a part of it, as `Range` asks; whoever hears it is written down with `detail`.
pub(crate) async fn answer(
    app: &Shared,
    scope: &Scope,
    call: &str,
    found: Found,
    headers: &HeaderMap,
    detail: &str,
) -> ApiResult<Response> {
    let source = source(app, &found.filed).await?;
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok()).map(str::to_owned);
    let opened = tokio::task::spawn_blocking(move || {
        let mut sound = Sound::open(&source)?;
        let total = sound.bytes();
        let asked = asked.map_or(Asked::Whole, |text| range(&text, total));
        match asked {
            Asked::Whole => sound.check(0, total)?,
            Asked::Part(from, until) => sound.check(from, until)?,
            Asked::Nothing => {}
        }
        Ok((sound, total, asked))
    });
    let opened = opened.await.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten();
    let (sound, total, asked) = opened.map_err(|error| unreadable(&found.filed, error))?;
    let (status, from, until) = match asked {
        Asked::Whole => (StatusCode::OK, 0, total),
        Asked::Part(from, until) => (StatusCode::PARTIAL_CONTENT, from, until),
        Asked::Nothing => {
            let problem = "the file is shorter than that";
            return Err(ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", problem));
        }
    };
    let write = app.store.begin().await?;
    let (organisation, person) = (Some(scope.organisation), Some(scope.person));
    let heard = format!("{call}{detail}");
    let id = found.filed.id.to_string();
    crate::audit::record(&write, organisation, person, app.clock.now(), "listen", &id, &heard).await?;
    write.commit().await?;
    let mut response = (status, sound.body(from, until)).into_response();
    let answer = response.headers_mut();
    let mut put = |name: header::HeaderName, value: String| {
        if let Ok(value) = value.parse() {
            answer.insert(name, value);
        }
    };
    put(header::CONTENT_TYPE, "audio/wav".to_owned());
    put(header::ACCEPT_RANGES, "bytes".to_owned());
    put(header::CONTENT_LENGTH, (until - from).to_string());
    put(header::CACHE_CONTROL, "private, no-store".to_owned());
    if status == StatusCode::PARTIAL_CONTENT {
        put(header::CONTENT_RANGE, format!("bytes {from}-{}/{total}", until.saturating_sub(1)));
    }
    if let Some(hash) = found.hash {
        put(header::ETAG, format!("\"{hash}\""));
    }
    Ok(response)
}

/// Length in milliseconds and waveform of a recording.
pub(super) async fn peaks(app: &Shared, found: Found) -> ApiResult<(u64, Vec<Vec<i8>>)> {
    let source = source(app, &found.filed).await?;
    let read = tokio::task::spawn_blocking(move || {
        let mut sound = Sound::open(&source)?;
        let samples = sound.bytes().saturating_sub(super::clear::HEADER) / u64::from(sound.channels()?);
        Ok((samples / 8, sound.peaks()?))
    });
    let read = read.await.map_err(|e| SealError::Io(std::io::Error::other(e))).flatten();
    read.map_err(|error| unreadable(&found.filed, error))
}

fn no_key(filed: &Filed, error: KeyError) -> ApiError {
    match error {
        KeyError::Erased => ApiError::not_found("recording"),
        KeyError::Store(error) => error.into(),
        KeyError::Damaged | KeyError::Crypto => {
            tracing::error!(recording = %filed.id, %error, "a recording's key does not open it");
            damaged(&error.to_string())
        }
        KeyError::Unavailable(_) | KeyError::OtherMaster(_) => {
            tracing::error!(recording = %filed.id, %error, "a recording cannot be heard");
            let problem = "the recording is sealed with a key that this server does not have";
            ApiError::conflict("key_missing", problem)
                .hint("ask who runs the server to put its key file back")
        }
    }
}

/// Why a file cannot be heard.
pub(crate) fn unreadable(filed: &Filed, error: SealError) -> ApiError {
    match error {
        SealError::Io(error) if error.kind() == ErrorKind::NotFound => ApiError::not_found("recording"),
        error => {
            tracing::error!(recording = %filed.id, %error, "a recording is not what was recorded");
            metrics::counter!("waybell_recordings_changed_total").increment(1);
            damaged(&error.to_string())
        }
    }
}

fn damaged(problem: &str) -> ApiError {
    ApiError::conflict("recording_changed", format!("the recording cannot be heard: {problem}"))
        .hint("ask who runs the server to put its file back from a copy")
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    /// Nothing that we know: the whole (RFC 9110 14.2).
    Whole,
    /// From, and the first byte after it.
    Part(u64, u64),
    /// What is not there.
    Nothing,
}

fn range(text: &str, total: u64) -> Asked {
    let Some(spec) = text.trim().strip_prefix("bytes=").filter(|s| !s.contains(',')) else {
        return Asked::Whole;
    };
    let Some((from, until)) = spec.trim().split_once('-') else { return Asked::Whole };
    match (from.trim().parse::<u64>(), until.trim().parse::<u64>()) {
        (Ok(from), _) if from >= total => Asked::Nothing,
        (Ok(from), Ok(until)) if until < from => Asked::Whole,
        (Ok(from), Ok(until)) => Asked::Part(from, until.saturating_add(1).min(total)),
        (Ok(from), Err(_)) if until.trim().is_empty() => Asked::Part(from, total),
        (Err(_), Ok(0)) => Asked::Nothing,
        (Err(_), Ok(last)) if from.trim().is_empty() => Asked::Part(total.saturating_sub(last), total),
        _ => Asked::Whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        for (text, wanted) in [
            ("bytes=0-9", Asked::Part(0, 10)),
            ("bytes=90-", Asked::Part(90, 100)),
            ("bytes=90-1000", Asked::Part(90, 100)),
            ("bytes=-10", Asked::Part(90, 100)),
            ("bytes=-1000", Asked::Part(0, 100)),
            ("bytes=100-", Asked::Nothing),
            ("bytes=-0", Asked::Nothing),
            ("bytes=9-0", Asked::Whole),
            ("bytes=0-1,3-4", Asked::Whole),
            ("lines=0-1", Asked::Whole),
            ("bytes=x", Asked::Whole),
        ] {
            assert_eq!(range(text, 100), wanted, "{text}");
        }
        assert_eq!(range("bytes=0-", 0), Asked::Nothing);
    }
}
