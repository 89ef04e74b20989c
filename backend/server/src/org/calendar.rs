//! `/api/v1/policy/calendar`, `/api/v1/policy/carriers`: holidays by file, and the carriers whose limits are known.

use super::policy::organisation;
use super::rules::store;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::aside;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Raw;
use crate::http::query::Query;
use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use waybell_domain::dial::policy::{CARRIERS, MOST_DAYS};
use waybell_domain::import::read_calendar;
use waybell_domain::wire::{CalendarReport, CalendarView, CarrierView, ErrorBody};

/// The organisation's holidays and working weekends, and the years that none of them covers.
#[utoipa::path(get, path = "/api/v1/policy/calendar", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = CalendarView)))]
pub async fn get_calendar(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<CalendarView>> {
    let row = organisation(app.store.read(), signed.scope.organisation).await?;
    let row = row.ok_or_else(|| ApiError::not_found("organisation"))?;
    let policy = row.policy()?;
    let uncovered_years = policy.uncovered_years(app.clock.wall().date(row.zone()));
    Ok(Json(CalendarView { days: policy.calendar, uncovered_years }))
}

/// Query of a calendar file.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct CalendarQuery {
    /// Only say what would change.
    #[serde(default)]
    dry_run: bool,
    /// Empty the years that the file names before its days are put in.
    #[serde(default)]
    replace: bool,
}

/// Take a calendar of public holidays and working weekends (administrators): the body is an ICS file, or rows of date, name
/// and kind (holiday, workday) as CSV or JSON. Days are added to those known, a known date is corrected. While a line
/// cannot be read nothing is taken: the answer is 422 and names the first one; `dry_run` names all.
#[utoipa::path(post, path = "/api/v1/policy/calendar", tag = "organisation", security(("bearer" = [])), params(CalendarQuery),
    request_body(content = String, content_type = "text/calendar"),
    responses((status = 200, body = CalendarReport), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn take_calendar(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CalendarQuery>,
    Raw(bytes): Raw,
) -> ApiResult<Json<CalendarReport>> {
    let scope = signed.administrator()?;
    let row = organisation(app.store.read(), scope.organisation).await?;
    let zone = row.ok_or_else(|| ApiError::not_found("organisation"))?.zone();
    let file = aside(move || read_calendar(&bytes, zone)).await?;
    if let (Some(first), false) = (file.problems.first(), query.dry_run) {
        let field = format!("line {}, {}", first.line, first.column);
        return Err(ApiError::field(field, first.problem.clone(), first.hint.clone()));
    }
    if file.days.len() > MOST_DAYS {
        let problem = format!("has {} days; {MOST_DAYS} are possible", file.days.len());
        return Err(ApiError::field("file", problem, "import the years that are needed"));
    }
    let write = app.store.begin().await?;
    let row = organisation(write.tx(), scope.organisation).await?;
    let row = row.ok_or_else(|| ApiError::not_found("organisation"))?;
    let mut policy = row.policy()?;
    let changes = policy.put_days(&file.days, query.replace);
    let mut report = CalendarReport {
        total: u32::try_from(file.days.len()).unwrap_or(u32::MAX),
        changes,
        problems: file.problems,
        notes: file.notes,
        uncovered_years: policy.uncovered_years(app.clock.wall().date(row.zone())),
        taken: false,
    };
    if !query.dry_run {
        store(&app, &write, scope, &policy, "calendar").await?;
        write.commit().await?;
        app.dialler.wake();
        report.taken = true;
    }
    Ok(Json(report))
}

/// Carriers and voice services whose limits the policy takes by name (`carrier`), with their limits for one callee.
#[utoipa::path(get, path = "/api/v1/policy/carriers", tag = "organisation", security(("bearer" = [])),
    responses((status = 200, body = [CarrierView])))]
pub async fn list_carriers(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<CarrierView>>> {
    let row = organisation(app.store.read(), signed.scope.organisation).await?;
    let policy = row.ok_or_else(|| ApiError::not_found("organisation"))?.policy()?;
    let view = |limits: &waybell_domain::dial::policy::CarrierLimits| CarrierView {
        name: limits.name.into(),
        title_zh: limits.title.0.into(),
        title_en: limits.title.1.into(),
        source: limits.source.into(),
        frequency: limits.published().collect(),
        quiet: limits.spans().collect(),
        channels: limits.channels,
        in_force: policy.carrier.as_deref() == Some(limits.name),
    };
    Ok(Json(CARRIERS.iter().map(view).collect()))
}
