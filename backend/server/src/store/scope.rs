//! Who asks: every query takes a [`Scope`], so that no route can forget it.
//!
//! A scope is made only by the sign-in check (`accounts::auth`), by the dialler for its own work, and by `webhooks` for the
//! couriers of an integration's own organisation. It turns into SQL by [`Scope::filter`], which names the tenant and, for a
//! courier, the person. A row outside the scope does not
//! exist for the asker: the answer is 404, never 403.

use sea_orm::Value;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::wire::Role;

/// The rows a person may see and change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// Tenant.
    pub organisation: OrganisationId,
    /// Branch of the person; absent for head office.
    pub branch: Option<BranchId>,
    /// The person.
    pub person: UserId,
    /// Role of the person.
    pub role: Role,
}

impl Scope {
    /// `organisation_id = $n AND …` for a table with the columns `organisation_id`, `branch_id`, `courier_id` under
    /// `alias`, and its values; parameters are numbered from `first`.
    pub fn filter(&self, alias: &str, first: usize) -> (String, Vec<Value>) {
        let mut sql = format!("{alias}.organisation_id = ${first}");
        let mut values: Vec<Value> = vec![self.organisation.to_string().into()];
        match (self.role, self.branch) {
            (Role::Administrator, _) | (_, None) if self.role != Role::Courier => {}
            (Role::Courier, _) => {
                sql.push_str(&format!(" AND {alias}.courier_id = ${}", first + 1));
                values.push(self.person.to_string().into());
            }
            (_, Some(branch)) => {
                sql.push_str(&format!(" AND {alias}.branch_id = ${}", first + 1));
                values.push(branch.to_string().into());
            }
            (_, None) => {}
        }
        (sql, values)
    }

    /// `organisation_id = $n` for tables of the whole organisation.
    pub fn tenant(&self, alias: &str, first: usize) -> (String, Vec<Value>) {
        (format!("{alias}.organisation_id = ${first}"), vec![self.organisation.to_string().into()])
    }
}
