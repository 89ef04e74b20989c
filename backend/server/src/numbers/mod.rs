//! Published numbers: whose they are, which area they stand for, and who covers it.
//!
//! A number belongs to one organisation on this server, with the document that proves it (carriers and the law ask for it),
//! and maps to a branch and, usually, an area. An area has somebody on duty and substitutes, as rows with a beginning and an
//! end; the branch has a ring group behind them. The blocklist holds callers who are not put through, for days or for ever.
//!
//! Administrators make numbers; whoever sees a branch (supervisor, team leader, agent) sets its duties, its ring group and
//! the blocklist. Everything is looked up within the asker's organisation, and within the own branch for who is of one:
//! a foreign id is 404. Each change is audited.
//!
//! [`Published`] is the table in memory that an incoming call is looked up in without waiting for the database; every
//! change of a number renews it after its commit.

pub mod areas;
pub mod blocklist;
pub mod duties;
mod index;
pub mod routes;
pub mod trunks;

pub use index::{Published, PublishedNumber};

use crate::accounts::auth::Signed;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, BranchId, UserId};
use waybell_domain::phone::{PhoneKind, PhoneNumber};

/// Who may see and steer a branch.
pub(crate) fn staff(signed: &Signed) -> ApiResult<&Scope> {
    if signed.scope.role.sees_branch() { Ok(&signed.scope) } else { Err(ApiError::forbidden()) }
}

/// Whether this branch is one of the asker's.
pub(crate) fn sees(scope: &Scope, branch: BranchId) -> bool {
    scope.role.is_administrator() || scope.branch.is_none_or(|own| own == branch)
}

#[derive(FromQueryResult)]
struct Found {
    branch_id: String,
}

/// The branch that is asked for, or the own one.
pub(crate) async fn branch_of<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    asked: Option<BranchId>,
) -> ApiResult<BranchId> {
    let Some(branch) = asked.or(scope.branch) else {
        return Err(ApiError::field("branch", "is missing", "name a branch of GET /branches"));
    };
    let row: Option<Found> = one(
        db,
        "SELECT id AS branch_id FROM branch WHERE id = $1 AND organisation_id = $2",
        [branch.to_string().into(), scope.organisation.to_string().into()],
    )
    .await?;
    match row {
        Some(_) if sees(scope, branch) => Ok(branch),
        _ => Err(ApiError::not_found("branch")),
    }
}

/// The branch of an area that the asker may steer.
pub(crate) async fn branch_of_area<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    area: AreaId,
) -> ApiResult<BranchId> {
    let row: Option<Found> = one(
        db,
        "SELECT branch_id FROM area WHERE id = $1 AND organisation_id = $2",
        [area.to_string().into(), scope.organisation.to_string().into()],
    )
    .await?;
    row.and_then(|r| BranchId::parse(&r.branch_id).ok())
        .filter(|b| sees(scope, *b))
        .ok_or_else(|| ApiError::not_found("area"))
}

/// Fails unless this is an active person of the asker's organisation.
pub(crate) async fn colleague<C: ConnectionTrait>(db: &C, scope: &Scope, person: UserId) -> ApiResult<()> {
    let row: Option<Found> = one(
        db,
        "SELECT id AS branch_id FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1",
        [person.to_string().into(), scope.organisation.to_string().into()],
    )
    .await?;
    row.map(|_| ()).ok_or_else(|| ApiError::not_found("person"))
}

/// Records a change in the audit.
pub(crate) async fn audit(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    action: &str,
    subject: &str,
) -> ApiResult<()> {
    let (organisation, person) = (Some(scope.organisation), Some(scope.person));
    Ok(crate::audit::record(write, organisation, person, now, action, subject, "").await?)
}

/// A published number as it is stored. `None` for what cannot be one: an emergency or service number, an extension.
pub(crate) fn number_key(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    if digits.len() == 15 && digits.starts_with("700") {
        return Some(digits);
    }
    let number = PhoneNumber::parse(text).or_else(|_| PhoneNumber::from_key(text)).ok()?;
    let fits = number.kind() != PhoneKind::Service && number.extension().is_none();
    fits.then(|| number.key())
}

/// Whom a displayed number is reserved for.
#[derive(FromQueryResult)]
pub(crate) struct Owner {
    number: String,
    organisation_id: String,
}

/// Every reservation. Numbers are as a trunk spells them, so they are compared by [`same`].
pub(crate) async fn owners<C: ConnectionTrait>(db: &C) -> Result<Vec<Owner>, StoreError> {
    all(db, "SELECT number, organisation_id FROM caller_id", []).await
}

/// Whether a number is reserved, and not for this organisation.
pub(crate) fn is_anothers(owners: &[Owner], number: &str, organisation: &str) -> bool {
    let mut owned = owners.iter().filter(|o| same(&o.number, number)).peekable();
    owned.peek().is_some() && !owned.any(|o| o.organisation_id == organisation)
}

/// Whether two texts are one number, however each is spelled.
pub(crate) fn same(a: &str, b: &str) -> bool {
    a == b || number_key(a).is_some_and(|key| number_key(b) == Some(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_reserved_however_a_trunk_spells_it() {
        let owner = |number: &str, organisation: &str| Owner {
            number: number.to_owned(),
            organisation_id: organisation.to_owned(),
        };
        let owners = [owner("057131001234", "a"), owner("+8657131005678", "b"), owner("10086x", "b")];
        for spelled in ["057131001234", "+8657131001234", "0571-31001234"] {
            assert!(!is_anothers(&owners, spelled, "a"), "{spelled}");
            assert!(is_anothers(&owners, spelled, "b"), "{spelled}");
        }
        assert!(is_anothers(&owners, "0571 31005678", "a"));
        // what is no number is itself alone
        assert!(is_anothers(&owners, "10086x", "a"));
        assert!(!is_anothers(&owners, "10087x", "a"));
        // nobody's
        assert!(!is_anothers(&owners, "057131009999", "a"));
        // shared
        let shared = [owner("057131001234", "a"), owner("+8657131001234", "b")];
        assert!(!is_anothers(&shared, "057131001234", "b"));
    }
}
