//! Pictures of articles: `/api/v1/knowledge/pictures`. What one is, its bytes say; what a camera wrote beside it is left out before
//! it is stored ([`waybell_domain::knowledge::picture`]). They lie in the database, so that a backup has them and a text never shows
//! one that is not there. A picture never changes: who has it need not ask again.

use super::rights::{branch_for, editor, for_reader, refused};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Raw;
use crate::http::query::Query;
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use sha2::{Digest, Sha256};
use waybell_domain::id::{BranchId, PictureId};
use waybell_domain::knowledge::picture::{Picture, PictureKind, clean};
use waybell_domain::wire::{ErrorBody, PictureView};

/// Room for the pictures of an organisation, bytes.
const ROOM: i64 = 2 << 30;

/// Whose it is.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct PictureQuery {
    /// Of this branch alone. Absent: of the own branch for supervisors of one, of the whole organisation otherwise.
    #[param(value_type = Option<String>)]
    branch: Option<BranchId>,
}

#[derive(FromQueryResult)]
struct Row {
    id: String,
    kind: String,
    width: i64,
    height: i64,
    size: i64,
}

#[derive(FromQueryResult)]
struct File {
    kind: String,
    sha256: String,
    body: Vec<u8>,
}

impl Row {
    fn view(&self) -> Option<PictureView> {
        Some(PictureView {
            id: PictureId::parse(&self.id).ok()?,
            kind: PictureKind::parse(&self.kind)?,
            width: u32::try_from(self.width).ok()?,
            height: u32::try_from(self.height).ok()?,
            bytes: u32::try_from(self.size).ok()?,
        })
    }
}

fn missing() -> ApiError {
    ApiError::not_found("picture")
}

/// Upload a picture: JPEG, PNG or WebP of up to 5 MB, as the body (administrators, supervisors). Where it was taken and what else a
/// camera writes is left out. The same picture again is the same one.
#[utoipa::path(post, path = "/api/v1/knowledge/pictures", tag = "knowledge", security(("bearer" = [])), params(PictureQuery),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"), responses((status = 201, body = PictureView),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn upload_picture(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<PictureQuery>,
    Raw(bytes): Raw,
) -> ApiResult<(StatusCode, Json<PictureView>)> {
    let (scope, now) = (editor(&signed)?, app.clock.now());
    let (picture, sha256) = crate::http::aside(move || -> ApiResult<(Picture, String)> {
        let picture = clean(&bytes).map_err(refused)?;
        let sha256 = Sha256::digest(&picture.bytes).iter().map(|b| format!("{b:02x}")).collect();
        Ok((picture, sha256))
    })
    .await?;
    let write = app.store.begin().await?;
    let branch = branch_for(&write, scope, query.branch).await?;
    if let Some(known) = same(&write, scope, branch.as_ref(), &sha256).await? {
        return Ok((StatusCode::CREATED, Json(known)));
    }
    let sql =
        "SELECT COALESCE(CAST(SUM(size) AS BIGINT), 0) FROM knowledge_picture WHERE organisation_id = $1";
    let length = picture.bytes.len() as i64;
    if number(write.tx(), sql, [scope.organisation.to_string().into()]).await? + length > ROOM {
        let message = "there is no room for more pictures";
        return Err(
            ApiError::conflict("no_room", message).hint("make pictures smaller before they are uploaded")
        );
    }
    let id = PictureId::at(now, rand::random()).to_string();
    let sql = "INSERT INTO knowledge_picture (id, organisation_id, branch_id, kind, width, height, size, sha256, body, person_id, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
    let values: [Value; 11] = [
        id.clone().into(),
        scope.organisation.to_string().into(),
        branch.clone().into(),
        picture.kind.suffix().into(),
        i64::from(picture.width).into(),
        i64::from(picture.height).into(),
        length.into(),
        sha256.clone().into(),
        picture.bytes.into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(&write, organisation, by, now, "upload_picture", &id, "").await?;
    let view = same(&write, scope, branch.as_ref(), &sha256).await?.ok_or_else(missing)?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// The picture with these bytes that has the same readers.
async fn same(
    write: &Write,
    scope: &Scope,
    branch: Option<&String>,
    sha256: &str,
) -> ApiResult<Option<PictureView>> {
    let sql = "SELECT id, kind, width, height, size FROM knowledge_picture WHERE organisation_id = $1 AND sha256 = $2 \
               AND COALESCE(branch_id, '') = $3 ORDER BY id LIMIT 1";
    let values: [Value; 3] = [
        scope.organisation.to_string().into(),
        sha256.to_owned().into(),
        branch.cloned().unwrap_or_default().into(),
    ];
    let row: Option<Row> = one(write.tx(), sql, values).await?;
    Ok(row.and_then(|row| row.view()))
}

/// Fetch a picture of one's organisation or branch.
#[utoipa::path(get, path = "/api/v1/knowledge/pictures/{id}", tag = "knowledge", security(("bearer" = [])),
    params(("id" = String, Path)), responses((status = 200, content_type = "image/jpeg", body = Vec<u8>), (status = 304),
    (status = 404, body = ErrorBody)))]
pub async fn fetch_picture(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let id = PictureId::parse(&id).map_err(|_| missing())?;
    let scope = &signed.scope;
    let (condition, mut values) = if scope.role.is_administrator() {
        super::rights::for_editor(scope, "k")
    } else {
        for_reader(scope, "k")
    };
    values.push(id.to_string().into());
    let sql =
        format!("SELECT k.kind, k.sha256, k.body FROM knowledge_picture k WHERE {condition} AND k.id = $3");
    let file: Option<File> = one(app.store.read(), &sql, values).await?;
    let file = file.ok_or_else(missing)?;
    let kind = PictureKind::parse(&file.kind).ok_or_else(missing)?;
    let tag = format!("\"{}\"", file.sha256);
    let head = [
        (header::CONTENT_TYPE, kind.media_type().to_owned()),
        // a browser shows it as what it is, and runs nothing in it
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; sandbox".to_owned()),
        (header::CONTENT_DISPOSITION, format!("inline; filename=\"{id}.{}\"", kind.suffix())),
        (header::CACHE_CONTROL, "private, max-age=31536000, immutable".to_owned()),
        (header::ETAG, tag.clone()),
    ];
    let known = headers.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok());
    if known.is_some_and(|known| known.split(',').any(|one| one.trim() == tag)) {
        return Ok((StatusCode::NOT_MODIFIED, head).into_response());
    }
    Ok((head, file.body).into_response())
}
