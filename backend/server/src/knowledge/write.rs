//! Writing: an article once by its id, and each other text as a version and a draft. What is so already is changed no further.

use super::folders::place;
use super::import::safe;
use super::rights::{branch_for, may_change, refused};
use super::rows::{Edited, edited, missing, stored_tags, tags};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use waybell_domain::clock::{DAY, UnixMs};
use waybell_domain::knowledge::safe::picture_id;
use waybell_domain::knowledge::{Stage, tags as good_tags, title};
use waybell_domain::wire::{ArticleChange, ArticleRequest};

/// Articles that one person may make in 24 hours: an import of many files is one day's work.
const MOST: i64 = 2_000;
/// Texts that an article may have: each is kept.
const VERSIONS: i64 = 500;

#[derive(FromQueryResult)]
struct Known {
    organisation_id: String,
    made_by: String,
    request_hash: String,
}

/// A text.
pub(super) struct Words {
    pub title: String,
    pub tags: Vec<String>,
    pub body: String,
}

/// Makes an article, or finds the one that was made with this id.
pub(super) async fn make(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    asked: &ArticleRequest,
) -> ApiResult<Edited> {
    let (id, person) = (asked.id.to_string(), scope.person.to_string());
    let bytes = serde_json::to_vec(asked).unwrap_or_default();
    let hash: String = Sha256::digest(bytes).iter().map(|b| format!("{b:02x}")).collect();
    let sql = "SELECT organisation_id, made_by, request_hash FROM knowledge_article WHERE id = $1";
    let known: Option<Known> = write.beyond(one(write.tx(), sql, [id.clone().into()])).await?;
    if let Some(known) = known {
        if known.organisation_id != scope.organisation.to_string() || known.made_by != person {
            return Err(missing());
        }
        if known.request_hash != hash {
            let message = "this id was used for another article";
            return Err(ApiError::conflict("id_reused", message).hint("use a new id for a new article"));
        }
        return edited(write.tx(), scope, &id).await;
    }
    let branch = branch_for(write, scope, asked.branch).await?;
    let (body, pictures) = safe(&asked.body)?;
    let words = Words {
        title: title(&asked.title).map_err(refused)?,
        tags: good_tags(&asked.tags).map_err(refused)?,
        body,
    };
    pictures_are_here(write, scope, branch.as_ref(), &pictures).await?;
    let folder = match asked.folder {
        Some(folder) => Some(place(write.tx(), scope, "folder", folder, branch.as_ref()).await?),
        None => None,
    };
    let sql =
        "SELECT COUNT(*) FROM knowledge_article WHERE organisation_id = $1 AND made_by = $2 AND made_at > $3";
    let lately = [scope.organisation.to_string().into(), person.clone().into(), (now.0 - DAY).into()];
    if number(write.tx(), sql, lately).await? >= MOST {
        return Err(ApiError::too_many(3_600).hint("articles are taken again when a day is over"));
    }
    let sql = "INSERT INTO knowledge_article (id, organisation_id, branch_id, folder_id, stage, version, made_by, made_at, \
               request_hash, rev) VALUES ($1, $2, $3, $4, $5, 1, $6, $7, $8, $9)";
    let values: [Value; 9] = [
        id.clone().into(),
        scope.organisation.to_string().into(),
        branch.into(),
        folder.into(),
        Stage::Draft.as_str().into(),
        person.into(),
        now.0.into(),
        hash.into(),
        write.next_rev().into(),
    ];
    write.exec(sql, values).await?;
    keep(write, scope, now, &id, 1, &words).await?;
    audit(write, scope, now, "make_article", &id, 1).await?;
    edited(write.tx(), scope, &id).await
}

/// Changes one; `None` for what is not named stays.
pub(super) async fn change(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    asked: &ArticleChange,
) -> ApiResult<Edited> {
    let row = edited(write.tx(), scope, id).await?;
    may_change(scope, row.branch_id.as_ref())?;
    if asked.top && asked.folder.is_some() {
        return Err(ApiError::field("top", "cannot be together with folder", "send one of the two"));
    }
    let old = Words { title: row.title.clone(), tags: tags(&row.tags), body: row.body.clone() };
    let mut words = Words { title: old.title.clone(), tags: old.tags.clone(), body: old.body.clone() };
    if let Some(text) = &asked.title {
        words.title = title(text).map_err(refused)?;
    }
    if let Some(given) = &asked.tags {
        words.tags = good_tags(given).map_err(refused)?;
    }
    if let Some(text) = &asked.body {
        let (body, pictures) = safe(text)?;
        pictures_are_here(write, scope, row.branch_id.as_ref(), &pictures).await?;
        words.body = body;
    }
    let folder = match asked.folder {
        Some(folder) => Some(place(write.tx(), scope, "folder", folder, row.branch_id.as_ref()).await?),
        None if asked.top => None,
        None => row.folder_id.clone(),
    };
    let other = words.title != old.title || words.tags != old.tags || words.body != old.body;
    let moved = folder != row.folder_id;
    if !other && !moved {
        return Ok(row);
    }
    if asked.seen.is_some_and(|seen| seen != row.rev) {
        let message = "somebody else has changed this article meanwhile";
        return Err(ApiError::conflict("article_changed", message).hint("look at it again, then decide"));
    }
    if moved {
        let rev = write.next_rev();
        let sql = "UPDATE knowledge_article SET folder_id = $2, rev = $3, shown_rev = CASE WHEN published IS NULL THEN shown_rev \
                   ELSE $3 END WHERE id = $1";
        write.exec(sql, [row.id.clone().into(), folder.into(), rev.into()]).await?;
        audit(write, scope, now, "move_article", &row.id, row.version).await?;
    }
    if other {
        new_version(write, scope, now, &row, &words).await?;
    }
    edited(write.tx(), scope, &row.id).await
}

/// Another text: a draft.
pub(super) async fn new_version(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    row: &Edited,
    words: &Words,
) -> ApiResult<()> {
    let version = row.version + 1;
    if version > VERSIONS {
        let message = "this article was changed too often";
        return Err(ApiError::conflict("too_many_versions", message).hint("archive it and write another one"));
    }
    keep(write, scope, now, &row.id, version, words).await?;
    let sql = "UPDATE knowledge_article SET version = $2, stage = $3, rev = $4 WHERE id = $1";
    let values: [Value; 4] =
        [row.id.clone().into(), version.into(), Stage::Draft.as_str().into(), write.next_rev().into()];
    write.exec(sql, values).await?;
    audit(write, scope, now, "change_article", &row.id, version).await
}

async fn keep(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    version: i64,
    words: &Words,
) -> ApiResult<()> {
    let sql = "INSERT INTO knowledge_text (article_id, version, organisation_id, title, tags, body, person_id, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    let values: [Value; 8] = [
        id.into(),
        version.into(),
        scope.organisation.to_string().into(),
        words.title.clone().into(),
        stored_tags(&words.tags).into(),
        words.body.clone().into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}

/// Fails unless every picture of a text is the organisation's or its branch's.
async fn pictures_are_here(
    write: &Write,
    scope: &Scope,
    branch: Option<&String>,
    pictures: &[String],
) -> ApiResult<()> {
    for address in pictures {
        let values: [Value; 3] = [
            scope.organisation.to_string().into(),
            branch.cloned().unwrap_or_default().into(),
            picture_id(address).map(|id| id.to_string()).into(),
        ];
        let sql = "SELECT COUNT(*) FROM knowledge_picture k WHERE k.organisation_id = $1 AND (k.branch_id IS NULL OR \
                   k.branch_id = $2) AND k.id = $3";
        if number(write.tx(), sql, values).await? == 0 {
            let hint = "upload the picture, and write its address as picture: with its id";
            return Err(ApiError::field("body", "shows a picture that its readers do not have", hint));
        }
    }
    Ok(())
}

pub(super) async fn audit(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    action: &str,
    id: &str,
    version: i64,
) -> ApiResult<()> {
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let detail = format!("version {version}");
    Ok(crate::audit::record(write, organisation, by, now, action, id, &detail).await?)
}
