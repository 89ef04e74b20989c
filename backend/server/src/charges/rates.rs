//! Versions of the prices.

use super::At;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, number, one};
use chrono::NaiveDate;
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::id::UserId;
use waybell_domain::rate::Rates;
use waybell_domain::wire::RatesView;

/// Versions of one organisation, at most.
const MOST: i64 = 5_000;
/// How far ahead prices may be set, ms.
const FAR: i64 = 3_650 * DAY;
/// Lists kept in memory, at most.
const KEPT: usize = 64;

/// A version as it was read. Versions are never changed, so what is kept here stays true; the beginning of validity and who made it
/// are part of the key, so that another database in this process has its own.
type Known = HashMap<(String, i64, i64), Arc<Rates>>;
static KNOWN: LazyLock<Mutex<Known>> = LazyLock::new(Mutex::default);

#[derive(FromQueryResult)]
struct Version {
    version: i64,
    made_at: i64,
}

#[derive(FromQueryResult)]
struct Body {
    body: String,
}

#[derive(FromQueryResult)]
struct Row {
    version: i64,
    from_at: i64,
    body: String,
    made_by: String,
    made_at: i64,
}

/// The prices for calls that are answered at this moment of the wall clock, with their version.
pub(super) async fn in_force<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    at: UnixMs,
) -> Result<Option<(i64, Arc<Rates>)>, StoreError> {
    let sql = "SELECT version, made_at FROM rates WHERE organisation_id = $1 AND from_at <= $2 \
               ORDER BY from_at DESC, version DESC LIMIT 1";
    let Some(found): Option<Version> = one(db, sql, [organisation.into(), at.0.into()]).await? else {
        return Ok(None);
    };
    let key = (organisation.to_owned(), found.version, found.made_at);
    if let Some(known) = KNOWN.lock().get(&key) {
        return Ok(Some((found.version, known.clone())));
    }
    let sql = "SELECT body FROM rates WHERE organisation_id = $1 AND version = $2";
    let body: Option<Body> = one(db, sql, [organisation.into(), found.version.into()]).await?;
    let Some(body) = body else { return Ok(None) };
    let rates = Arc::new(read(&body.body)?);
    let mut known = KNOWN.lock();
    if known.len() >= KEPT {
        known.clear();
    }
    known.insert(key, rates.clone());
    Ok(Some((found.version, rates)))
}

fn read(body: &str) -> Result<Rates, StoreError> {
    serde_json::from_str(body).map_err(|e| StoreError::Damaged { what: "rates.body", problem: e.to_string() })
}

/// Every version, the newest first.
pub(super) async fn list<C: ConnectionTrait>(db: &C, scope: &Scope, at: At) -> ApiResult<Vec<RatesView>> {
    let organisation = scope.organisation.to_string();
    let sql = "SELECT version, from_at, body, made_by, made_at FROM rates WHERE organisation_id = $1 \
               ORDER BY version DESC LIMIT 200";
    let rows: Vec<Row> = all(db, sql, [organisation.clone().into()]).await?;
    let force = in_force(db, &organisation, at.wall).await?.map(|(version, _)| version);
    rows.iter().map(|row| Ok(view(row, force)?)).collect()
}

fn view(row: &Row, force: Option<i64>) -> Result<RatesView, StoreError> {
    let damaged = |problem: String| StoreError::Damaged { what: "rates", problem };
    Ok(RatesView {
        version: u32::try_from(row.version).map_err(|e| damaged(e.to_string()))?,
        in_force: force == Some(row.version),
        from_at: UnixMs(row.from_at),
        made_at: UnixMs(row.made_at),
        made_by: UserId::parse(&row.made_by).map_err(|e| damaged(e.to_string()))?,
        rates: read(&row.body)?,
    })
}

/// The first moment of a day; where clocks skip midnight, the hour after it.
fn begins(date: NaiveDate, zone: chrono_tz::Tz) -> Option<UnixMs> {
    (0..3).find_map(|hour| {
        let at = date.and_hms_opt(hour, 0, 0)?.and_local_timezone(zone).earliest()?;
        Some(UnixMs(at.timestamp_millis()))
    })
}

/// Adds a version. The same prices as the newest version's, once more, add none.
pub(super) async fn add(
    write: &Write,
    scope: &Scope,
    at: At,
    zone: chrono_tz::Tz,
    rates: &Rates,
) -> ApiResult<RatesView> {
    rates
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem, "the prices in force stay as they were"))?;
    let today = at.wall.date(zone);
    let from_at = match rates.from {
        Some(from) if from < today => {
            let hint = "leave it out for from now on: calls that were charged stay as they were charged";
            return Err(ApiError::field("from", "is past", hint));
        }
        Some(from) if from > today => {
            begins(from, zone).filter(|t| t.since(at.wall) < FAR).ok_or_else(|| {
                ApiError::field("from", "is no day of the next ten years", "write a date such as 2026-12-01")
            })?
        }
        _ => at.wall,
    };
    let organisation = scope.organisation.to_string();
    let body = serde_json::to_string(rates).map_err(|e| ApiError::field("rates", e.to_string(), ""))?;
    let sql = "SELECT version, from_at, body, made_by, made_at FROM rates WHERE organisation_id = $1 \
               ORDER BY version DESC LIMIT 1";
    let newest: Option<Row> = one(write.tx(), sql, [organisation.clone().into()]).await?;
    if let Some(newest) = newest.as_ref().filter(|n| n.body == body) {
        let force = in_force(write.tx(), &organisation, at.wall).await?.map(|(version, _)| version);
        if force == Some(newest.version) || newest.from_at > at.wall.0 {
            return Ok(view(newest, force)?);
        }
    }
    let sql = "SELECT COUNT(*) FROM rates WHERE organisation_id = $1";
    if number(write.tx(), sql, [organisation.clone().into()]).await? >= MOST {
        return Err(ApiError::conflict(
            "too_many",
            format!("there are {MOST} versions, and no more are kept"),
        ));
    }
    let row = Row {
        version: newest.map_or(0, |n| n.version) + 1,
        from_at: from_at.0,
        body,
        made_by: scope.person.to_string(),
        made_at: at.now.0,
    };
    write
        .exec(
            "INSERT INTO rates (organisation_id, version, from_at, body, made_by, made_at) VALUES ($1, $2, $3, $4, $5, $6)",
            [
                organisation.clone().into(),
                row.version.into(),
                row.from_at.into(),
                row.body.clone().into(),
                row.made_by.clone().into(),
                row.made_at.into(),
            ],
        )
        .await?;
    let force = in_force(write.tx(), &organisation, at.wall).await?.map(|(version, _)| version);
    Ok(view(&row, force)?)
}
