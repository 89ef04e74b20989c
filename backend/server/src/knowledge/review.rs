//! The way of a text to its readers. A step that was taken already is taken no further, so each may be sent again.

use super::rights::may_change;
use super::rows::{Edited, edited, tags};
use super::write::{Words, audit, new_version};
use crate::http::error::{ApiError, ApiResult};
use crate::org::sets::rule_set;
use crate::store::scope::Scope;
use crate::store::{Write, number, one};
use sea_orm::{FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::knowledge::{KnowledgePolicy, Stage, Step};
use waybell_domain::wire::VersionRequest;

/// Longest reason, characters.
const MOST_NOTE: usize = 500;

#[derive(FromQueryResult)]
struct Old {
    title: String,
    tags: String,
    body: String,
}

async fn found(write: &Write, scope: &Scope, id: &str) -> ApiResult<(Edited, Stage)> {
    let row = edited(write.tx(), scope, id).await?;
    may_change(scope, row.branch_id.as_ref())?;
    let stage = row.stage()?;
    Ok((row, stage))
}

fn next(stage: Stage, step: Step) -> ApiResult<Stage> {
    stage.after(step).ok_or_else(|| {
        let message = match step {
            Step::Submit => "only a draft can be submitted",
            Step::Approve | Step::Reject => "this article is not in review",
            Step::Edit | Step::Archive => "this article is archived",
        };
        ApiError::conflict("wrong_stage", message).hint("look at it again, then decide")
    })
}

fn is_newest(row: &Edited, asked: u32) -> ApiResult<()> {
    if i64::from(asked) == row.version {
        return Ok(());
    }
    let message = "somebody else has changed this article meanwhile";
    Err(ApiError::conflict("article_changed", message).hint("look at it again, then decide"))
}

async fn stage(write: &Write, row: &Edited, stage: Stage) -> ApiResult<()> {
    let sql = "UPDATE knowledge_article SET stage = $2, rev = $3 WHERE id = $1";
    write.exec(sql, [row.id.clone().into(), stage.as_str().into(), write.next_rev().into()]).await?;
    Ok(())
}

/// Asks for a look at the newest text.
pub(super) async fn submit(write: &Write, scope: &Scope, now: UnixMs, id: &str) -> ApiResult<Edited> {
    let (row, from) = found(write, scope, id).await?;
    if from == Stage::Review {
        return Ok(row);
    }
    stage(write, &row, next(from, Step::Submit)?).await?;
    audit(write, scope, now, "submit_article", &row.id, row.version).await?;
    edited(write.tx(), scope, &row.id).await
}

/// Gives the newest text to its readers.
pub(super) async fn approve(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    asked: &VersionRequest,
) -> ApiResult<Edited> {
    let (row, from) = found(write, scope, id).await?;
    is_newest(&row, asked.version)?;
    if from == Stage::Published {
        return Ok(row);
    }
    let to = next(from, Step::Approve)?;
    let rules: KnowledgePolicy = rule_set(write.tx(), scope.organisation).await?;
    if rules.four_eyes && wrote(write, scope, &row).await? {
        let message = "you have written this text yourself";
        return Err(ApiError::conflict("four_eyes", message).hint("have somebody else approve it"));
    }
    let rev = write.next_rev();
    let sql = "UPDATE knowledge_article SET stage = $2, published = version, published_at = $3, rev = $4, shown_rev = $4 WHERE id = $1";
    let values: [Value; 4] = [row.id.clone().into(), to.as_str().into(), now.0.into(), rev.into()];
    write.exec(sql, values).await?;
    let sql =
        "UPDATE knowledge_text SET approved_by = $3, approved_at = $4 WHERE article_id = $1 AND version = $2";
    let by = scope.person.to_string();
    write.exec(sql, [row.id.clone().into(), row.version.into(), by.into(), now.0.into()]).await?;
    audit(write, scope, now, "approve_article", &row.id, row.version).await?;
    edited(write.tx(), scope, &row.id).await
}

/// Whether the asker has written any text since the last that was approved.
async fn wrote(write: &Write, scope: &Scope, row: &Edited) -> ApiResult<bool> {
    let sql = "SELECT COUNT(*) FROM knowledge_text WHERE article_id = $1 AND person_id = $2 AND version > COALESCE((SELECT \
               MAX(version) FROM knowledge_text WHERE article_id = $1 AND approved_at IS NOT NULL), 0)";
    let values = [row.id.clone().into(), scope.person.to_string().into()];
    Ok(number(write.tx(), sql, values).await? > 0)
}

/// Gives the newest text back to who writes it, with a reason.
pub(super) async fn reject(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    asked: &VersionRequest,
) -> ApiResult<Edited> {
    let note = asked.note.as_deref().map(str::trim).filter(|note| !note.is_empty());
    if note.is_some_and(|note| note.chars().count() > MOST_NOTE) {
        let problem = format!("has more than {MOST_NOTE} characters");
        return Err(ApiError::field("note", problem, "shorten it"));
    }
    let (row, from) = found(write, scope, id).await?;
    is_newest(&row, asked.version)?;
    if from == Stage::Draft && row.note.as_deref() == note {
        return Ok(row);
    }
    stage(write, &row, next(from, Step::Reject)?).await?;
    let sql = "UPDATE knowledge_text SET note = $3 WHERE article_id = $1 AND version = $2";
    let note = note.map(str::to_owned);
    write.exec(sql, [row.id.clone().into(), row.version.into(), note.into()]).await?;
    audit(write, scope, now, "reject_article", &row.id, row.version).await?;
    edited(write.tx(), scope, &row.id).await
}

/// Takes an article away from everybody; it and its texts are kept.
pub(super) async fn archive(write: &Write, scope: &Scope, now: UnixMs, id: &str) -> ApiResult<Edited> {
    let (row, from) = found(write, scope, id).await?;
    if from == Stage::Archived {
        return Ok(row);
    }
    let (to, rev) = (next(from, Step::Archive)?, write.next_rev());
    let sql = "UPDATE knowledge_article SET stage = $2, published = NULL, rev = $3, shown_rev = CASE WHEN published IS NULL THEN \
               shown_rev ELSE $3 END WHERE id = $1";
    write.exec(sql, [row.id.clone().into(), to.as_str().into(), rev.into()]).await?;
    audit(write, scope, now, "archive_article", &row.id, row.version).await?;
    edited(write.tx(), scope, &row.id).await
}

/// Makes an older text the newest once more: a draft, which is reviewed as any other.
pub(super) async fn restore(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    id: &str,
    version: u32,
) -> ApiResult<Edited> {
    let (row, _) = found(write, scope, id).await?;
    let sql = "SELECT title, tags, body FROM knowledge_text WHERE article_id = $1 AND version = $2";
    let old: Option<Old> = one(write.tx(), sql, [row.id.clone().into(), i64::from(version).into()]).await?;
    let Some(old) = old else {
        let problem = format!("there is no version {version}, but {} of them", row.version);
        return Err(ApiError::field("version", problem, "send one of those that it has"));
    };
    let same = (&old.title, &old.tags, &old.body) == (&row.title, &row.tags, &row.body);
    if same && row.stage()? != Stage::Archived {
        return Ok(row);
    }
    let words = Words { title: old.title, tags: tags(&old.tags), body: old.body };
    new_version(write, scope, now, &row, &words).await?;
    edited(write.tx(), scope, &row.id).await
}
