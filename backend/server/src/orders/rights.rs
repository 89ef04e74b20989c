//! Which orders somebody sees, and as what they stand to one.

use super::rows::Row;
use crate::store::scope::Scope;
use sea_orm::Value;
use waybell_domain::order::{OrderPolicy, Standing};
use waybell_domain::wire::Role;

/// The condition for rows of `work_order o`, with its values; parameters are numbered from 1. A courier sees what they handle
/// and what they opened, everybody else what [`Scope::filter`] gives them.
pub(super) fn filter(scope: &Scope) -> (String, Vec<Value>) {
    if scope.role != Role::Courier {
        return scope.filter("o", 1);
    }
    let (sql, mut values) = scope.tenant("o", 1);
    values.push(scope.person.to_string().into());
    (format!("{sql} AND (o.courier_id = $2 OR o.opened_by = $2)"), values)
}

/// As what somebody stands to an order.
pub(super) fn standing(scope: &Scope, policy: &OrderPolicy, row: &Row) -> Standing {
    let department = row.department.as_deref().and_then(|key| policy.department(key));
    Standing {
        person: scope.person,
        staff: scope.role.sees_branch(),
        member: department.is_some_and(|d| d.members.contains(&scope.person)),
        opener: row.opened_by == scope.person.to_string(),
    }
}
