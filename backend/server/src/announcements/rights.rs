//! Whom an announcement is for, who sees what was posted, and who may change it.

use super::rows::Row;
use crate::accounts::auth::Signed;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use sea_orm::Value;
use waybell_domain::id::BranchId;
use waybell_domain::wire::Role;

/// Who may post, and see who has read.
pub(super) fn poster(signed: &Signed) -> ApiResult<&Scope> {
    match signed.scope.role {
        Role::Administrator | Role::Supervisor => Ok(&signed.scope),
        Role::Courier | Role::Agent | Role::TeamLeader => Err(ApiError::forbidden()),
    }
}

/// The one branch to which the asker is bound; `None` for who has all of them.
pub(super) fn bound(scope: &Scope) -> Option<BranchId> {
    if scope.role.is_administrator() { None } else { scope.branch }
}

/// Roles as they are stored: each between commas.
pub(super) fn stored_roles(roles: &[Role]) -> String {
    let known = [Role::Courier, Role::Supervisor, Role::Agent, Role::TeamLeader, Role::Administrator];
    let words: Vec<&str> = known.iter().filter(|r| roles.contains(r)).map(|r| r.as_str()).collect();
    if words.is_empty() { String::new() } else { format!(",{},", words.join(",")) }
}

/// The inverse of [`stored_roles`].
pub(super) fn roles(stored: &str) -> Vec<Role> {
    stored.split(',').filter_map(Role::parse).collect()
}

/// The condition for rows of `announcement a` that are for the asker, with its three values; parameters are numbered from 1.
pub(super) fn for_asker(scope: &Scope) -> (&'static str, Vec<Value>) {
    let sql = "a.organisation_id = $1 AND (a.branch_id IS NULL OR a.branch_id = $2) \
               AND (a.roles = '' OR a.roles LIKE $3)";
    let branch = scope.branch.map(|b| b.to_string()).unwrap_or_default();
    let role = format!("%,{},%", scope.role.as_str());
    (sql, vec![scope.organisation.to_string().into(), branch.into(), role.into()])
}

/// The condition for rows of `announcement a` that a poster sees, with its two values; parameters are numbered from 1.
pub(super) fn for_poster(scope: &Scope) -> (&'static str, Vec<Value>) {
    let sql = "a.organisation_id = $1 AND ($2 = '' OR a.branch_id IS NULL OR a.branch_id = $2)";
    let branch = bound(scope).map(|b| b.to_string()).unwrap_or_default();
    (sql, vec![scope.organisation.to_string().into(), branch.into()])
}

/// Fails unless the poster may change what they see: one of the whole organisation is for who has all of it.
pub(super) fn may_change(scope: &Scope, row: &Row) -> ApiResult<()> {
    match (bound(scope), &row.branch_id) {
        (Some(_), None) => {
            Err(ApiError::forbidden().hint("it is of the whole organisation: ask head office"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_kept_in_order_and_once() {
        let stored = stored_roles(&[Role::TeamLeader, Role::Courier, Role::TeamLeader]);
        assert_eq!(stored, ",courier,team_leader,");
        assert_eq!(roles(&stored), [Role::Courier, Role::TeamLeader]);
        assert_eq!((stored_roles(&[]), roles("")), (String::new(), Vec::new()));
    }
}
