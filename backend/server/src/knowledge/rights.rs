//! Who writes, who reads, and whose something is.

use crate::accounts::auth::Signed;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::branch_of;
use crate::store::Write;
use crate::store::scope::Scope;
use sea_orm::Value;
use waybell_domain::id::BranchId;
use waybell_domain::knowledge::KnowledgeFlaw;
use waybell_domain::wire::Role;

/// Who may write and review.
pub(super) fn editor(signed: &Signed) -> ApiResult<&Scope> {
    match signed.scope.role {
        Role::Administrator | Role::Supervisor => Ok(&signed.scope),
        Role::Courier | Role::Agent | Role::TeamLeader => Err(ApiError::forbidden()),
    }
}

/// The one branch to which an editor is bound; `None` for who has all of them.
fn bound(scope: &Scope) -> Option<BranchId> {
    if scope.role.is_administrator() { None } else { scope.branch }
}

/// The condition for rows of `alias` that the asker reads, with its two values, numbered from 1: the organisation's and the own
/// branch's.
pub(super) fn for_reader(scope: &Scope, alias: &str) -> (String, Vec<Value>) {
    let sql =
        format!("{alias}.organisation_id = $1 AND ({alias}.branch_id IS NULL OR {alias}.branch_id = $2)");
    let branch = scope.branch.map(|b| b.to_string()).unwrap_or_default();
    (sql, vec![scope.organisation.to_string().into(), branch.into()])
}

/// The same for an editor, who may have all branches.
pub(super) fn for_editor(scope: &Scope, alias: &str) -> (String, Vec<Value>) {
    let sql = format!(
        "{alias}.organisation_id = $1 AND ($2 = '' OR {alias}.branch_id IS NULL OR {alias}.branch_id = $2)"
    );
    let branch = bound(scope).map(|b| b.to_string()).unwrap_or_default();
    (sql, vec![scope.organisation.to_string().into(), branch.into()])
}

/// The branch of something new: as it was asked for, or as far as the editor reaches.
pub(super) async fn branch_for(
    write: &Write,
    scope: &Scope,
    asked: Option<BranchId>,
) -> ApiResult<Option<String>> {
    let Some(branch) = asked.or(bound(scope)) else { return Ok(None) };
    let found = branch_of(write.tx(), scope, Some(branch)).await.map_err(|mut error| {
        error.body.field.get_or_insert_with(|| "branch".into());
        error
    })?;
    Ok(Some(found.to_string()))
}

/// Fails unless the editor may change what they see: what is the whole organisation's is for who has all of it.
pub(super) fn may_change(scope: &Scope, branch: Option<&String>) -> ApiResult<()> {
    match (bound(scope), branch) {
        (Some(_), None) => {
            Err(ApiError::forbidden().hint("it is of the whole organisation: ask head office"))
        }
        _ => Ok(()),
    }
}

pub(super) fn refused(flaw: KnowledgeFlaw) -> ApiError {
    ApiError::field(flaw.field, flaw.problem, flaw.hint)
}
