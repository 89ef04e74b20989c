//! `/api/v1/evidence*`.

use super::bundle::{self, MOST};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::audit;
use crate::calls::list::stored_call;
use crate::calls::routes::{detail, names};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::http::query::Query;
use crate::numbers::staff;
use crate::org::policy::{OrganisationRow, organisation};
use crate::recordings::disk::has_room;
use crate::recordings::{chain, listen};
use crate::store::number;
use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::time::Duration;
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use waybell_domain::evidence::{FORMAT, Link, Manifest, Party, ProvedCall};
use waybell_domain::id::UserId;
use waybell_domain::wire::{ErrorBody, EvidenceRequest};

/// Bundles are written one at a time, and whoever waits longer than this asks again.
static TURN: Semaphore = Semaphore::const_new(1);
const PATIENCE: Duration = Duration::from_secs(60);
/// Bytes of a bundle read at once.
const BLOCK: u64 = 64 << 10;
/// Most links of one answer.
const LINKS: u32 = 1_000;

/// Recordings of a call that are not in the chain yet.
const UNFINISHED: &str = "SELECT COUNT(*) FROM recording WHERE phone_call_id = $1 \
     AND (state = 'open' OR chained = 0 AND hash IS NOT NULL)";

/// Calls with their recordings, reasons and hashes as one signed zip, for whoever has to judge them (who sees the branch). It
/// holds the customers' whole numbers. What it is for is kept in the audit, for each call.
#[utoipa::path(post, path = "/api/v1/evidence", tag = "calls", security(("bearer" = [])), request_body = EvidenceRequest,
    responses((status = 200, content_type = "application/zip", body = Vec<u8>), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody),
    (status = 503, body = ErrorBody), (status = 507, body = ErrorBody)))]
pub async fn make_bundle(
    State(app): State<Shared>,
    signed: Signed,
    Strict(mut wanted): Strict<EvidenceRequest>,
) -> ApiResult<Response> {
    let scope = staff(&signed)?;
    let reason = wanted.reason.trim();
    if !(1..=500).contains(&reason.chars().count()) {
        return Err(ApiError::field("reason", "must have 1 to 500 characters", "say what the bundle is for"));
    }
    let mut seen = HashSet::new();
    wanted.calls.retain(|call| seen.insert(*call));
    if !(1..=50).contains(&wanted.calls.len()) {
        return Err(ApiError::field("calls", "must be 1 to 50 calls", "make several bundles"));
    }
    let names = names(&app, scope.organisation).await?;
    let now = app.clock.now();
    let mut details = Vec::with_capacity(wanted.calls.len());
    for (index, call) in wanted.calls.iter().enumerate() {
        let row = stored_call(app.store.read(), scope, *call).await.map_err(|mut error| {
            error.body.field = Some(format!("calls[{index}]"));
            error
        })?;
        if row.outcome.is_none() {
            return Err(
                ApiError::conflict("still_going_on", "the call goes on").hint("ask once it has ended")
            );
        }
        let mut proved = detail(scope, &row, &names, now)?;
        // a machine's guess proves nothing
        if let Some(audio) = &mut proved.call.audio {
            audio.transcript = None;
        }
        details.push(proved);
    }
    let write = app.store.begin().await?;
    // those from before the chain are linked by a look at the start, which may not have come to them
    chain::append(&write).await?;
    let head = chain::head(write.tx(), scope.organisation).await?;
    let (organisation_id, person) = (Some(scope.organisation), Some(scope.person));
    for call in &wanted.calls {
        let call = call.to_string();
        if number(write.tx(), UNFINISHED, [call.clone().into()]).await? > 0 {
            return Err(ApiError::conflict("still_recording", "a recording is not finished yet")
                .hint("try again in a moment"));
        }
        audit::record(&write, organisation_id, person, now, "evidence", &call, reason).await?;
    }
    write.commit().await?;

    let party = |id: UserId| Party { id, name: names.get(&id).cloned().unwrap_or_default() };
    let (mut calls, mut proofs, mut bytes) = (Vec::new(), Vec::new(), 0u64);
    for detail in details {
        let of_call = chain::of_call(app.store.read(), detail.call.id).await?;
        bytes += of_call.iter().filter(|c| !c.is_gone).map(|c| c.link.bytes).sum::<u64>();
        let mut of = Vec::with_capacity(of_call.len());
        for chained in of_call {
            let source = match chained.is_gone {
                true => None,
                false => Some(listen::source(&app, &chained.filed).await?),
            };
            of.push((chained.link, source));
        }
        proofs.push(of);
        calls.push(ProvedCall {
            courier: detail.call.courier.map(party),
            call: detail.call,
            explain: detail.explain,
            tries: detail.tries,
            recordings: Vec::new(),
        });
    }
    if bytes > MOST {
        let problem = format!("have {} MB of sound; {} MB are possible", bytes >> 20, MOST >> 20);
        return Err(ApiError::field("calls", problem, "make several bundles"));
    }
    // one after the other, so that the room which one was told of is not another's
    let _turn = tokio::time::timeout(PATIENCE, TURN.acquire()).await.map_err(|_| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", "other bundles are being written")
            .hint("try again in a moment")
    })?;
    if !has_room(&app, bytes) {
        return Err(ApiError::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk_low",
            "the server's disk is nearly full",
        )
        .hint("make room on it and try again"));
    }
    let about: OrganisationRow = organisation(app.store.read(), scope.organisation)
        .await?
        .ok_or_else(|| ApiError::not_found("organisation"))?;
    let zone = about.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai);
    let manifest = Manifest {
        format: FORMAT.to_owned(),
        organisation: scope.organisation,
        company: about.name,
        made_at: now,
        made_by: party(scope.person),
        reason: reason.to_owned(),
        head_seq: head.seq,
        head_hash: head.hash,
        calls,
        files: Vec::new(),
    };
    let media = app.config.media_dir();
    let written = tokio::task::spawn_blocking({
        let app = app.clone();
        move || bundle::write(manifest, proofs, &media, zone, &app.evidence_key)
    });
    let failed = |problem: String| {
        tracing::error!(problem, "an evidence bundle could not be written");
        ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "not_written", "the bundle could not be written")
            .hint("see the server's log")
    };
    let (file, length) =
        written.await.map_err(|e| failed(e.to_string()))?.map_err(|e| failed(e.to_string()))?;
    let name = format!("attachment; filename=\"evidence-{}.zip\"", now.to_utc().format("%Y%m%d-%H%M%S"));
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::CONTENT_DISPOSITION, name),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, blocks(File::from_std(file), length)).into_response())
}

/// So many bytes of a file from where it stands.
fn blocks(file: File, length: u64) -> Body {
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

/// The key that a server signs bundles with.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct EvidenceKeyView {
    /// `Ed25519`.
    pub algorithm: String,
    /// Public key, 32 bytes in hexadecimal.
    pub key: String,
}

/// The key that this server signs evidence bundles with, to compare with what `waybell verify` shows.
#[utoipa::path(get, path = "/api/v1/evidence/key", tag = "calls", security(("bearer" = [])),
    responses((status = 200, body = EvidenceKeyView)))]
pub async fn get_evidence_key(State(app): State<Shared>, _signed: Signed) -> Json<EvidenceKeyView> {
    Json(EvidenceKeyView { algorithm: "Ed25519".to_owned(), key: app.evidence_key.public() })
}

/// Which links.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct ChainQuery {
    /// Those behind this number; 0 and nothing: from the first.
    after: u64,
    /// At most so many, 1,000 without, and at most.
    limit: Option<u32>,
}

/// Links of the organisation's chain of recordings, in order (administrators). What the first one goes on from is SHA-256 over
/// the lines `waybell-recording-1` and the organisation's id.
#[utoipa::path(get, path = "/api/v1/evidence/chain", tag = "calls", security(("bearer" = [])), params(ChainQuery),
    responses((status = 200, body = [Link]), (status = 403, body = ErrorBody)))]
pub async fn list_links(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<ChainQuery>,
) -> ApiResult<Json<Vec<Link>>> {
    let scope = signed.administrator()?;
    let limit = query.limit.unwrap_or(LINKS).clamp(1, LINKS);
    Ok(Json(chain::after(app.store.read(), scope.organisation, query.after, limit).await?))
}
