//! `/api/v1/calls/{id}/audio`: listening.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::store::one;
use axum::body::{Body, Bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use sea_orm::FromQueryResult;
use std::io::SeekFrom;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use waybell_domain::wire::ErrorBody;

/// Bytes read at once.
const BLOCK: u64 = 64 << 10;

#[derive(FromQueryResult)]
struct Row {
    id: String,
    path: String,
    state: String,
    hash: Option<String>,
}

/// Listen to a call's recording or voicemail: a WAV file in A-law, 8 kHz. Of a call, the caller is on the left and the
/// courier on the right. Takes `Range`. Who listens is kept in the audit.
#[utoipa::path(get, path = "/api/v1/calls/{id}/audio", tag = "calls", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 206, content_type = "audio/wav", body = Vec<u8>), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody), (status = 416, body = ErrorBody)))]
pub async fn audio(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let scope = &signed.scope;
    let (filter, mut values) = scope.filter("c", 2);
    values.insert(0, id.clone().into());
    let sql = format!(
        "SELECT r.id, r.path, r.state, r.hash FROM recording r JOIN phone_call c ON c.id = r.phone_call_id \
         WHERE c.id = $1 AND {filter} ORDER BY r.started_at DESC, r.id DESC"
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
    let gone = || ApiError::not_found("recording");
    let mut file = File::open(app.config.media_dir().join(&row.path)).await.map_err(|_| gone())?;
    let total = file.metadata().await.map_err(|_| gone())?.len();
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let (status, from, until) = match asked.map(|text| range(text, total)) {
        None | Some(Asked::Whole) => (StatusCode::OK, 0, total),
        Some(Asked::Part(from, until)) => (StatusCode::PARTIAL_CONTENT, from, until),
        Some(Asked::Nothing) => {
            let problem = "the file is shorter than that";
            return Err(ApiError::new(StatusCode::RANGE_NOT_SATISFIABLE, "range", problem));
        }
    };
    file.seek(SeekFrom::Start(from)).await.map_err(|_| gone())?;
    // every part is written down: whoever leaves out the first bytes listens too
    let write = app.store.begin().await?;
    let (organisation, person) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(&write, organisation, person, app.clock.now(), "listen", &row.id, &id).await?;
    write.commit().await?;
    let mut response = (status, blocks(file, until - from)).into_response();
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
    if let Some(hash) = row.hash {
        put(header::ETAG, format!("\"{hash}\""));
    }
    Ok(response)
}

/// So many bytes of a file from where it stands.
pub(crate) fn blocks(file: File, length: u64) -> Body {
    let blocks = futures_util::stream::unfold((file, length), |(mut file, left)| async move {
        if left == 0 {
            return None;
        }
        let mut block = vec![0u8; usize::try_from(left.min(BLOCK)).unwrap_or(BLOCK as usize)];
        match file.read(&mut block).await {
            Ok(0) => None,
            Ok(n) => {
                block.truncate(n);
                Some((Ok::<_, std::io::Error>(Bytes::from(block)), (file, left - n as u64)))
            }
            Err(error) => Some((Err(error), (file, 0))),
        }
    });
    // whoever asks for more after the end gets the end again
    Body::from_stream(blocks.fuse())
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
