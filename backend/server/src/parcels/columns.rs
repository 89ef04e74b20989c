//! `/api/v1/list-columns`: columns of lists as somebody confirmed them, by branch and shape of the header.
//!
//! They go to the phones with the organisation's rules, because phones read lists themselves: whoever imports such a list
//! next, on a phone or on the server, has it read in the same way.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::aside;
use crate::http::error::{ApiError, ApiResult};
use crate::org::service::touch;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all};
use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::BTreeMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::import::{Choice, Field, ListColumns, shape_of};
use waybell_domain::lang::Lang;
use waybell_domain::wire::ErrorBody;

/// Shapes that a branch has, at most: the newest ones.
const MOST: usize = 200;
/// Headings of a list, and characters of one.
const HEADINGS: usize = 256;
const HEADING: usize = 100;

#[derive(FromQueryResult)]
struct Row {
    columns: String,
}

/// The branch of somebody as it stands in the table.
fn branch(scope: &Scope) -> String {
    scope.branch.map(|b| b.to_string()).unwrap_or_default()
}

fn key(scope: &Scope) -> [Value; 2] {
    [scope.organisation.to_string().into(), branch(scope).into()]
}

/// What the asker's branch has confirmed, the newest first. What does not read back is left out: the list is guessed then.
pub(crate) async fn remembered<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
) -> Result<Vec<ListColumns>, StoreError> {
    let sql = format!(
        "SELECT columns FROM list_columns WHERE organisation_id = $1 AND branch_id = $2 ORDER BY at DESC, shape LIMIT {MOST}"
    );
    let rows: Vec<Row> = all(db, &sql, key(scope)).await?;
    Ok(rows.into_iter().filter_map(|row| serde_json::from_str(&row.columns).ok()).collect())
}

/// The columns of a query.
///
/// # Errors
/// 422 for what is no object of fields and headings.
pub(super) fn named(text: &str) -> ApiResult<BTreeMap<Field, String>> {
    serde_json::from_str(text).map_err(|_| {
        let problem = "is no JSON object of fields (waybill_no, phone, name, address, kind) and headings";
        ApiError::field("columns", problem, "send {\"phone\":\"联系\"}, URL-encoded")
    })
}

/// The rows of a file that cannot be taken, as a file.
pub(super) async fn bad_rows(bytes: Bytes, choice: Choice) -> ApiResult<Response> {
    let made = move || waybell_domain::import::bad_rows(&bytes, &choice, Lang::En, str::to_owned);
    let rows = aside(made).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"bad-rows.csv\""),
        (header::CACHE_CONTROL, "private, no-store"),
    ];
    Ok((headers, rows).into_response())
}

/// Columns as they are kept, under the shape of the headings as the list has them; `None` where they are of no size to be
/// kept: then the list is taken, and its columns are not remembered.
fn checked(columns: ListColumns) -> Option<ListColumns> {
    let long = |text: &String| text.chars().count() > HEADING;
    if columns.headings.len() > HEADINGS || columns.columns.values().any(long) {
        return None;
    }
    // of headings that are too long the beginning is enough to show; the shape is that of the whole
    let shape = shape_of(&columns.headings);
    let headings = columns.headings.into_iter().map(|h| h.chars().take(HEADING).collect()).collect();
    Some(ListColumns { shape, headings, columns: columns.columns })
}

/// Keeps what somebody confirmed, with the next commit, and has the phones told.
pub(super) async fn remember(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    columns: ListColumns,
) -> ApiResult<()> {
    let Some(columns) = checked(columns) else { return Ok(()) };
    let text = serde_json::to_string(&columns)
        .map_err(|e| StoreError::Damaged { what: "list_columns", problem: e.to_string() })?;
    let known = remembered(write.tx(), scope).await?;
    if known.contains(&columns) {
        return Ok(());
    }
    let [organisation, branch] = key(scope);
    for oldest in known.iter().filter(|k| k.shape != columns.shape).skip(MOST - 1) {
        let gone = [organisation.clone(), branch.clone(), oldest.shape.clone().into()];
        let sql = "DELETE FROM list_columns WHERE organisation_id = $1 AND branch_id = $2 AND shape = $3";
        write.exec(sql, gone).await?;
    }
    let values: [Value; 6] = [
        organisation,
        branch,
        columns.shape.into(),
        text.into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write
        .exec(
            "INSERT INTO list_columns (organisation_id, branch_id, shape, columns, person_id, at) \
             VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (organisation_id, branch_id, shape) \
             DO UPDATE SET columns = excluded.columns, person_id = excluded.person_id, at = excluded.at",
            values,
        )
        .await?;
    touch(write, scope.organisation).await?;
    Ok(())
}

/// Columns of lists that were confirmed in this person's branch: lists with the same header are read so.
#[utoipa::path(get, path = "/api/v1/list-columns", tag = "parcels", security(("bearer" = [])),
    responses((status = 200, body = [ListColumns])))]
pub async fn list_columns(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<ListColumns>>> {
    Ok(Json(remembered(app.store.read(), &signed.scope).await?))
}

/// Forget the columns of lists with this shape of header: they are guessed again.
#[utoipa::path(delete, path = "/api/v1/list-columns/{shape}", tag = "parcels", security(("bearer" = [])),
    params(("shape" = String, Path)), responses((status = 204), (status = 404, body = ErrorBody)))]
pub async fn forget_columns(
    State(app): State<Shared>,
    signed: Signed,
    Path(shape): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = &signed.scope;
    let write = app.store.begin().await?;
    let [organisation, branch] = key(scope);
    let sql = "DELETE FROM list_columns WHERE organisation_id = $1 AND branch_id = $2 AND shape = $3";
    let gone = write.exec(sql, [organisation, branch, shape.clone().into()]).await?;
    if gone.rows_affected() == 0 {
        return Err(ApiError::not_found("shape of lists"));
    }
    touch(&write, scope.organisation).await?;
    let (of, who) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(&write, of, who, app.clock.now(), "forget_columns", &shape, "").await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;
    use waybell_domain::id::{OrganisationId, UserId};
    use waybell_domain::wire::{ImportRequest, Role};

    fn of(headings: &[String]) -> ListColumns {
        let columns = BTreeMap::from([(Field::Waybill, "单号".to_owned())]);
        ListColumns { shape: "a phone's own".into(), headings: headings.to_vec(), columns }
    }

    /// A store with an organisation, and who confirms columns in it.
    async fn place(folder: &tempfile::TempDir) -> (Store, Scope) {
        let store = Store::open(&format!("sqlite:{}", folder.path().join("w.db").display())).await.unwrap();
        let (organisation, person) = (OrganisationId::at(UnixMs(1), [1; 10]), UserId::at(UnixMs(1), [2; 10]));
        let write = store.begin().await.unwrap();
        let sql = "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, '', '', 'UTC', '{}', 1)";
        write.exec(sql, [organisation.to_string().into()]).await.unwrap();
        write.commit().await.unwrap();
        (store, Scope { organisation, branch: None, person, role: Role::Courier })
    }

    #[tokio::test]
    async fn the_shape_is_that_of_the_headings_in_full() {
        let folder = tempfile::tempdir().unwrap();
        let (store, scope) = place(&folder).await;
        let headings = ["单号".to_owned(), "长".repeat(HEADING + 1)];
        let request = ImportRequest {
            rows: Vec::new(),
            acted_at: None,
            columns: Some(of(&headings)),
            first: 0,
            of: None,
        };
        let confirmed = super::super::import::List::of_request(request).unwrap().confirmed.unwrap();
        let write = store.begin().await.unwrap();
        remember(&write, &scope, UnixMs(2), confirmed).await.unwrap();
        write.commit().await.unwrap();
        let known = remembered(store.read(), &scope).await.unwrap();
        assert_eq!(known.len(), 1);
        assert_eq!(known[0].shape, shape_of(&headings));
        assert_eq!(known[0].headings[1].chars().count(), HEADING);
        store.close().await;
    }

    #[tokio::test]
    async fn what_is_too_many_goes_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let (store, scope) = place(&folder).await;
        let write = store.begin().await.unwrap();
        let lists: Vec<[String; 1]> = (0..=MOST).map(|n| [format!("单号{n}")]).collect();
        for (at, list) in lists.iter().take(MOST).enumerate() {
            remember(&write, &scope, UnixMs(at as i64), of(list)).await.unwrap();
        }
        // known ones are corrected, the oldest and the newest
        for list in [&lists[0], &lists[MOST - 1]] {
            let columns = BTreeMap::from([(Field::Waybill, "#1".to_owned())]);
            let other = ListColumns { columns, ..of(list) };
            remember(&write, &scope, UnixMs(1_000), other).await.unwrap();
            assert_eq!(remembered(write.tx(), &scope).await.unwrap().len(), MOST);
        }
        // one more: the oldest that is left goes
        remember(&write, &scope, UnixMs(2_000), of(&lists[MOST])).await.unwrap();
        let known = remembered(write.tx(), &scope).await.unwrap();
        assert_eq!(known.len(), MOST);
        assert_eq!(known[0].shape, shape_of(&lists[MOST]));
        let gone = |list: &[String]| known.iter().all(|k| k.shape != shape_of(list));
        assert!(gone(&lists[1]) && !gone(&lists[0]) && !gone(&lists[2]));
        write.commit().await.unwrap();
        store.close().await;
    }
}
