//! The tree: `/api/v1/knowledge/folders`. Folders are made once by their id, renamed, moved (never into themselves) and removed when
//! nothing is in them; a path of names is one folder.

use super::rights::{branch_for, editor, for_editor, may_change, refused};
use super::rows::{FolderRow, folders};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::store::scope::Scope;
use crate::store::{Write, number};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, Value};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::FolderId;
use waybell_domain::knowledge::{folder_name, may_move};
use waybell_domain::wire::{ErrorBody, FolderChange, FolderRequest, FolderView};

/// Folders of an organisation.
const MOST: usize = 2_000;

fn missing() -> ApiError {
    ApiError::not_found("folder")
}

fn view(row: &FolderRow) -> ApiResult<Json<FolderView>> {
    row.view().map(Json).ok_or_else(missing)
}

/// Every folder of the organisation that the editor sees.
async fn seen<C: ConnectionTrait>(db: &C, scope: &Scope) -> ApiResult<Vec<FolderRow>> {
    let (condition, values) = for_editor(scope, "d");
    Ok(folders(db, (format!("{condition} AND d.removed_at IS NULL"), values)).await?)
}

/// A folder into which something of `branch` may be put.
pub(super) async fn place<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    field: &str,
    folder: FolderId,
    branch: Option<&String>,
) -> ApiResult<String> {
    let id = folder.to_string();
    let found = seen(db, scope).await?.into_iter().find(|f| f.id == id);
    let Some(found) = found else {
        let mut error = missing();
        error.body.field = Some(field.into());
        return Err(error);
    };
    if found.branch_id.is_some() && found.branch_id.as_ref() != branch {
        let problem = "is of one branch, and this is not";
        return Err(ApiError::field(
            field,
            problem,
            "choose a folder of the whole organisation, or of that branch",
        ));
    }
    Ok(id)
}

fn name_is_free(all: &[FolderRow], name: &str, parent: Option<&String>, but: &str) -> ApiResult<()> {
    let same = |f: &&FolderRow| f.id != but && f.name == name && f.parent_id.as_ref() == parent;
    match all.iter().find(same) {
        None => Ok(()),
        Some(_) => {
            let message = "there is a folder of this name already";
            Err(ApiError::conflict("name_taken", message).hint("use that one, or another name"))
        }
    }
}

/// The tree, as editors see it.
#[utoipa::path(get, path = "/api/v1/knowledge/folders", tag = "knowledge", security(("bearer" = [])),
    responses((status = 200, body = [FolderView]), (status = 403, body = ErrorBody)))]
pub async fn list_folders(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<FolderView>>> {
    let rows = seen(app.store.read(), editor(&signed)?).await?;
    Ok(Json(rows.iter().filter_map(FolderRow::view).collect()))
}

/// Make a folder (administrators, supervisors). The same id again gives the same one.
#[utoipa::path(post, path = "/api/v1/knowledge/folders", tag = "knowledge", security(("bearer" = [])),
    request_body = FolderRequest, responses((status = 201, body = FolderView), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn make_folder(
    State(app): State<Shared>,
    signed: Signed,
    Strict(asked): Strict<FolderRequest>,
) -> ApiResult<(StatusCode, Json<FolderView>)> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let name = folder_name(&asked.name).map_err(refused)?;
    let write = app.store.begin().await?;
    let id = asked.id.to_string();
    let all = seen(write.tx(), scope).await?;
    if let Some(known) = all.iter().find(|f| f.id == id) {
        return Ok((StatusCode::CREATED, view(known)?));
    }
    let sql = "SELECT COUNT(*) FROM knowledge_folder WHERE id = $1";
    if write.beyond(number(write.tx(), sql, [id.clone().into()])).await? > 0 {
        return Err(missing());
    }
    let branch = branch_for(&write, scope, asked.branch).await?;
    let parent = match asked.parent {
        Some(parent) => Some(place(write.tx(), scope, "parent", parent, branch.as_ref()).await?),
        None => None,
    };
    name_is_free(&all, &name, parent.as_ref(), "")?;
    may_move(&tree(&all), id.as_str(), parent.as_deref()).map_err(refused)?;
    let sql = "SELECT COUNT(*) FROM knowledge_folder WHERE organisation_id = $1 AND removed_at IS NULL";
    if number(write.tx(), sql, [scope.organisation.to_string().into()]).await? >= MOST as i64 {
        let message = "there are too many folders";
        return Err(ApiError::conflict("too_many_folders", message).hint("remove those that are empty"));
    }
    let sql = "INSERT INTO knowledge_folder (id, organisation_id, branch_id, parent_id, name, made_by, made_at, rev) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values: [Value; 8] = [
        id.clone().into(),
        scope.organisation.to_string().into(),
        branch.into(),
        parent.into(),
        name.into(),
        scope.person.to_string().into(),
        now.0.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    done(&write, scope, now, "make_folder", &id).await?;
    let row = find(&write, scope, &id).await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, view(&row)?))
}

/// Rename or move a folder. Sent again it changes nothing more.
#[utoipa::path(patch, path = "/api/v1/knowledge/folders/{id}", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = FolderChange, responses((status = 200, body = FolderView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn change_folder(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(asked): Strict<FolderChange>,
) -> ApiResult<Json<FolderView>> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    if asked.top && asked.parent.is_some() {
        return Err(ApiError::field("top", "cannot be together with parent", "send one of the two"));
    }
    let write = app.store.begin().await?;
    let row = find(&write, scope, &id).await?;
    may_change(scope, row.branch_id.as_ref())?;
    let name = asked.name.as_deref().map(folder_name).transpose().map_err(refused)?;
    let name = name.unwrap_or_else(|| row.name.clone());
    let parent = match asked.parent {
        Some(parent) => Some(place(write.tx(), scope, "parent", parent, row.branch_id.as_ref()).await?),
        None if asked.top => None,
        None => row.parent_id.clone(),
    };
    if name == row.name && parent == row.parent_id {
        return view(&row);
    }
    // of the whole organisation, whoever asks: a folder may hold those of branches
    let condition = "d.organisation_id = $1 AND d.removed_at IS NULL".to_owned();
    let all = folders(write.tx(), (condition, vec![scope.organisation.to_string().into()])).await?;
    if parent != row.parent_id {
        may_move(&tree(&all), row.id.as_str(), parent.as_deref()).map_err(refused)?;
    }
    name_is_free(&all, &name, parent.as_ref(), &row.id)?;
    let sql = "UPDATE knowledge_folder SET name = $2, parent_id = $3, rev = $4 WHERE id = $1";
    let values: [Value; 4] = [row.id.clone().into(), name.into(), parent.into(), write.next_rev().into()];
    write.exec(sql, values).await?;
    done(&write, scope, now, "change_folder", &row.id).await?;
    let row = find(&write, scope, &row.id).await?;
    write.commit().await?;
    view(&row)
}

/// Remove a folder in which nothing is.
#[utoipa::path(delete, path = "/api/v1/knowledge/folders/{id}", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 204), (status = 403, body = ErrorBody), (status = 404, body = ErrorBody),
    (status = 409, body = ErrorBody)))]
pub async fn remove_folder(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
) -> ApiResult<StatusCode> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let write = app.store.begin().await?;
    let row = find(&write, scope, &id).await?;
    may_change(scope, row.branch_id.as_ref())?;
    let sql = "SELECT (SELECT COUNT(*) FROM knowledge_folder WHERE parent_id = $1 AND removed_at IS NULL) + \
               (SELECT COUNT(*) FROM knowledge_article WHERE folder_id = $1 AND stage <> 'archived')";
    if number(write.tx(), sql, [row.id.clone().into()]).await? > 0 {
        let message = "there is something in this folder";
        return Err(ApiError::conflict("not_empty", message).hint("move or archive that first"));
    }
    // archived articles, which nobody sees there, come back at the top
    let sql = "UPDATE knowledge_article SET folder_id = NULL WHERE folder_id = $1";
    write.exec(sql, [row.id.clone().into()]).await?;
    let sql = "UPDATE knowledge_folder SET removed_at = $2, rev = $3 WHERE id = $1";
    write.exec(sql, [row.id.clone().into(), now.0.into(), write.next_rev().into()]).await?;
    done(&write, scope, now, "remove_folder", &row.id).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}

fn tree(all: &[FolderRow]) -> HashMap<&str, Option<&str>> {
    all.iter().map(|f| (f.id.as_str(), f.parent_id.as_deref())).collect()
}

async fn find(write: &Write, scope: &Scope, id: &str) -> ApiResult<FolderRow> {
    let id = FolderId::parse(id).map_err(|_| missing())?.to_string();
    seen(write.tx(), scope).await?.into_iter().find(|f| f.id == id).ok_or_else(missing)
}

async fn done(write: &Write, scope: &Scope, now: UnixMs, action: &str, id: &str) -> ApiResult<()> {
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    Ok(crate::audit::record(write, organisation, by, now, action, id, "").await?)
}
