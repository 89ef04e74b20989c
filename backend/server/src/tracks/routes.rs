//! `/api/v1/tracks`, `/api/v1/tracks/gpx`, `/api/v1/positions`.

use super::positions::Position;
use super::take::Done;
use super::{collect, look, person, take};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::http::query::Query;
use crate::org::sets::rule_set;
use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use waybell_domain::attendance::FieldPolicy;
use waybell_domain::id::BranchId;
use waybell_domain::track::{Datum, gpx};
use waybell_domain::wire::{ErrorBody, PositionView, TrackAnswer, TrackUpload, TrackView};

/// Send parts of tracks, what happened in their shifts, and where the courier is. Everything in it may come twice and in
/// any order. Parts are taken each by itself: the answer names those that are stored and those that never will be; 422
/// where that is all there was. A part is Base64 of the bytes of the track codec, of at most 1 MiB.
#[utoipa::path(post, path = "/api/v1/tracks", tag = "field", security(("bearer" = [])), request_body = TrackUpload,
    responses((status = 200, body = TrackAnswer), (status = 404, body = ErrorBody), (status = 413, body = ErrorBody),
    (status = 422, body = ErrorBody), (status = 429, body = ErrorBody)))]
pub async fn send(
    State(app): State<Shared>,
    signed: Signed,
    body: Body<TrackUpload>,
) -> ApiResult<Json<TrackAnswer>> {
    let (scope, upload, now) = (&signed.scope, body.value, app.clock.now());
    let ended: Vec<String> =
        upload.shifts.iter().filter(|s| s.ended.is_some()).map(|s| s.shift.clone()).collect();
    let only_parts = upload.notes.is_empty() && upload.position.is_none();
    let position = upload.position.clone();
    let checked = take::check(scope, upload)?;
    // off duty counts even where the rest cannot be stored now
    for shift in &ended {
        app.positions.over(scope, shift, now);
    }
    let Done { taken, refused, ends } = if checked.is_empty() {
        Done { refused: checked.refused(), ..Done::default() }
    } else {
        collect::store(&app, scope.clone(), now, checked).await?
    };
    if taken.is_empty() && !refused.is_empty() && only_parts {
        return Err(take::refuse(refused));
    }
    let shifts = ends.iter().map(|(shift, _, _)| shift).chain(position.iter().map(|p| &p.shift));
    for shift in shifts {
        // a server that starts afresh asks once for each shift whether it has ended
        if !app.positions.knows(scope, shift) && take::has_ended(app.store.read(), scope, shift).await? {
            app.positions.over(scope, shift, now);
        }
    }
    for (shift, at, place) in ends {
        let end = Position::end(scope.branch, shift, at, place);
        app.positions.reached(scope.organisation, scope.person, end, now);
    }
    if let Some(report) = &position {
        app.positions.take(scope, report, now);
    }
    let rules: FieldPolicy = rule_set(app.store.read(), scope.organisation).await?;
    Ok(Json(TrackAnswer { taken, refused, live_ms: u32::from(rules.live_seconds) * 1_000 }))
}

/// Whose track, of which day.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct TrackQuery {
    /// Id or login name; the asker's own where it is absent.
    courier: Option<String>,
    /// `YYYY-MM-DD` in the organisation's zone; today where it is absent.
    day: Option<String>,
    /// Datum of the places: `wgs84` (as stored), `gcj02`, `bd09`.
    datum: Option<String>,
}

async fn view(app: &Shared, signed: &Signed, query: &TrackQuery) -> ApiResult<TrackView> {
    let scope = &signed.scope;
    let datum = match query.datum.as_deref() {
        None => Datum::default(),
        Some(word) => Datum::parse(word)
            .ok_or_else(|| ApiError::field("datum", "is no datum", "write wgs84, gcj02 or bd09"))?,
    };
    let person = person(app.store.read(), scope, query.courier.as_deref()).await?;
    let day = look::day(app, scope, query.day.as_deref()).await?;
    let view = look::track(app.store.read(), scope, &person, &day, datum).await?;
    look::note(app, scope, "look_at_track", &person.id.to_string(), &day.name).await?;
    Ok(view)
}

/// Where a courier was on duty on a day: a courier's own track, for supervisors those of their branch. Gaps say why
/// nothing is known. Who looks is kept in the audit.
#[utoipa::path(get, path = "/api/v1/tracks", tag = "field", security(("bearer" = [])), params(TrackQuery),
    responses((status = 200, body = TrackView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn show(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<TrackQuery>,
) -> ApiResult<Json<TrackView>> {
    Ok(Json(view(&app, &signed, &query).await?))
}

/// The same as GPX 1.1, a segment for each run.
#[utoipa::path(get, path = "/api/v1/tracks/gpx", tag = "field", security(("bearer" = [])), params(TrackQuery),
    responses((status = 200, content_type = "application/gpx+xml", body = String), (status = 404, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn show_gpx(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<TrackQuery>,
) -> ApiResult<Response> {
    let view = view(&app, &signed, &query).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/gpx+xml".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"track-{}.gpx\"", view.day)),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, gpx(&view.runs)).into_response())
}

/// Whose positions.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct PositionQuery {
    /// Only of this branch.
    branch: Option<BranchId>,
}

/// Where everybody on duty is: for supervisors their branch, for couriers themselves. Off duty nobody is shown. Who looks
/// is kept in the audit.
#[utoipa::path(get, path = "/api/v1/positions", tag = "field", security(("bearer" = [])), params(PositionQuery),
    responses((status = 200, body = [PositionView]), (status = 404, body = ErrorBody)))]
pub async fn positions(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<PositionQuery>,
) -> ApiResult<Json<Vec<PositionView>>> {
    let scope = &signed.scope;
    if let Some(branch) = query.branch {
        crate::numbers::branch_of(app.store.read(), scope, Some(branch)).await?;
    }
    let views = look::positions(&app, scope, query.branch).await?;
    let subject = query.branch.map(|b| b.to_string()).unwrap_or_else(|| scope.organisation.to_string());
    look::note(&app, scope, "look_at_positions", &subject, &format!("{} couriers", views.len())).await?;
    Ok(Json(views))
}
