//! Numbers of a pool: whose they may be, and when they go.

use super::pools::size;
use super::{refused, refused_field};
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::routes::{dated, proved};
use crate::numbers::{is_anothers, number_key, owners, same};
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use waybell_domain::binding::BindRefusal;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::NumberId;
use waybell_domain::wire::{PoolNumberChange, PoolNumbersRequest};

/// Numbers of a request, and of a pool: a choice looks at all of them.
const AT_ONCE: usize = 500;
const MOST: i64 = 2_000;

#[derive(FromQueryResult)]
struct Owned {
    id: String,
    pool_id: String,
}

/// Stores numbers; the pool is the asker's.
pub(super) async fn add(
    app: &Shared,
    write: &Write,
    scope: &Scope,
    pool: &str,
    request: &PoolNumbersRequest,
    now: UnixMs,
) -> ApiResult<()> {
    if request.numbers.is_empty() || request.numbers.len() > AT_ONCE {
        return Err(ApiError::field("numbers", "must be 1 to 500 numbers", "send several requests"));
    }
    let (proof, date) = (proved(&request.proof)?, dated(&request.proof_date)?);
    let owners = owners(write.tx()).await?;
    for (n, asked) in request.numbers.iter().enumerate() {
        let field = format!("numbers[{n}].number");
        let key = number_key(&asked.number).ok_or_else(|| {
            let hint = "write a landline with area code, a mobile, 95, 400 or 15-digit 700 number";
            ApiError::field(&field, "is no number that can be bound", hint)
        })?;
        if !app.config.trunk.iter().flat_map(|t| &t.caller_ids).any(|shown| same(shown, &key)) {
            let hint = "whoever runs the server adds it to caller_ids of a trunk";
            return Err(ApiError::field(&field, "no trunk may show this number", hint));
        }
        let foreign = is_anothers(&owners, &key, &scope.organisation.to_string());
        let sql = "SELECT COUNT(*) FROM published_number WHERE number_key = $1 AND active = 1";
        let published = write.beyond(number(write.tx(), sql, [key.clone().into()])).await?;
        let sql = "SELECT id, pool_id FROM pool_number WHERE number_key = $1 AND removed_at IS NULL";
        let owned: Option<Owned> = write.beyond(one(write.tx(), sql, [key.clone().into()])).await?;
        let city = city(asked.city.as_deref())?;
        match owned {
            Some(own) if own.pool_id == pool => {
                write
                    .exec(
                        "UPDATE pool_number SET city = $1, proof = $2, proof_date = $3 WHERE id = $4",
                        [city.into(), proof.clone().into(), date.clone().into(), own.id.into()],
                    )
                    .await?;
            }
            None if !foreign && published == 0 => {
                let id = NumberId::at(now, rand::random()).to_string();
                write
                    .exec(
                        "INSERT INTO pool_number (id, organisation_id, pool_id, number_key, city, proof, proof_date, created_at) \
                         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                        [
                            id.into(),
                            scope.organisation.to_string().into(),
                            pool.into(),
                            key.into(),
                            city.into(),
                            proof.clone().into(),
                            date.clone().into(),
                            now.0.into(),
                        ],
                    )
                    .await?;
            }
            _ => {
                let hint = "a number is published, or in one pool of one organisation; whoever runs the server can say whose it is";
                let mut error = ApiError::conflict("number_taken", "this number is in use").hint(hint);
                error.body.field = Some(field);
                return Err(error);
            }
        }
    }
    if size(write, pool).await? > MOST {
        return Err(ApiError::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "too_many_numbers",
            "a pool has 2000 numbers at most",
        )
        .hint("make another pool"));
    }
    Ok(())
}

fn city(text: Option<&str>) -> ApiResult<Option<String>> {
    let text = text.map(str::trim).filter(|t| !t.is_empty());
    if text.is_some_and(|t| t.chars().count() > 40) {
        return Err(ApiError::field("city", "has more than 40 characters", "write a city's name"));
    }
    Ok(text.map(str::to_owned))
}

/// The number of a pool of the asker's.
async fn find(write: &Write, scope: &Scope, pool: &str, text: &str) -> ApiResult<String> {
    let key = number_key(text).ok_or_else(|| ApiError::not_found("number"))?;
    let sql = "SELECT id, pool_id FROM pool_number WHERE number_key = $1 AND pool_id = $2 AND organisation_id = $3 \
               AND removed_at IS NULL";
    let found: Option<Owned> =
        one(write.tx(), sql, [key.into(), pool.into(), scope.organisation.to_string().into()]).await?;
    found.map(|f| f.id).ok_or_else(|| ApiError::not_found("number"))
}

/// Locks, unlocks, or places a number.
pub(super) async fn change(
    write: &Write,
    scope: &Scope,
    pool: &str,
    text: &str,
    change: &PoolNumberChange,
) -> ApiResult<()> {
    let id = find(write, scope, pool, text).await?;
    if let Some(locked) = change.locked {
        write
            .exec(
                "UPDATE pool_number SET locked = $1 WHERE id = $2",
                [i64::from(locked).into(), id.clone().into()],
            )
            .await?;
    }
    if let Some(place) = &change.city {
        let city = city(Some(place))?;
        write.exec("UPDATE pool_number SET city = $1 WHERE id = $2", [city.into(), id.into()]).await?;
    }
    Ok(())
}

/// Takes a number out that nobody is bound to.
pub(super) async fn remove(
    write: &Write,
    scope: &Scope,
    pool: &str,
    text: &str,
    now: UnixMs,
) -> ApiResult<()> {
    let id = find(write, scope, pool, text).await?;
    let sql = "SELECT COUNT(*) FROM binding WHERE number_id = $1 AND until_at > $2";
    if number(write.tx(), sql, [id.clone().into(), now.0.into()]).await? > 0 {
        let mut error = refused_field(BindRefusal::Conflict, "number");
        error.body.message = "this number is bound".into();
        return Err(error.hint("lock it, and take it out once its bindings have ended"));
    }
    let sql = "UPDATE pool_number SET removed_at = $1 WHERE id = $2";
    match write.exec(sql, [now.0.into(), id.into()]).await?.rows_affected() {
        0 => Err(refused(BindRefusal::Pool)),
        _ => Ok(()),
    }
}
