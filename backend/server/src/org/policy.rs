//! The rules of an organisation, as phones compute with them.

use crate::app::App;
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::OrganisationId;
use waybell_domain::wire::PolicyView;

/// A row of `organisation`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct OrganisationRow {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Name that a notice speaks.
    pub company: String,
    /// IANA zone.
    pub time_zone: String,
    /// JSON of the policy.
    pub policy: String,
    /// 1 while all calls are held.
    pub stopped: i64,
    /// 1 if text messages may be sent.
    pub text_messages: i64,
    /// Revision.
    pub rev: i64,
}

impl OrganisationRow {
    /// The policy; damage is an error, never a default, because a default could call at night.
    pub fn policy(&self) -> Result<Policy, StoreError> {
        serde_json::from_str(&self.policy)
            .map_err(|e| StoreError::Damaged { what: "organisation.policy", problem: e.to_string() })
    }

    /// The zone.
    pub fn zone(&self) -> chrono_tz::Tz {
        self.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai)
    }
}

/// The organisation.
pub async fn organisation<C: ConnectionTrait>(
    db: &C,
    id: OrganisationId,
) -> Result<Option<OrganisationRow>, StoreError> {
    one(
        db,
        "SELECT id, name, company, time_zone, policy, stopped, text_messages, rev FROM organisation WHERE id = $1",
        [id.to_string().into()],
    )
    .await
}

#[derive(FromQueryResult)]
struct Key {
    phone_key: String,
}

/// The rules, when they changed in the window.
pub async fn newer(app: &App, scope: &Scope, since: i64, end: i64) -> ApiResult<Option<PolicyView>> {
    let Some(row) = organisation(app.store.read(), scope.organisation).await? else { return Ok(None) };
    if row.rev <= since || row.rev > end {
        return Ok(None);
    }
    let (filter, values) = scope.filter("p", 1);
    let sql = format!(
        "SELECT DISTINCT o.phone_key FROM opt_out o JOIN parcel p ON p.organisation_id = o.organisation_id \
         AND p.phone_key = o.phone_key WHERE {filter}"
    );
    let opted: Vec<Key> = all(app.store.read(), &sql, values).await?;
    let mut view = view(app, &row, opted.into_iter().map(|k| k.phone_key).collect())?;
    view.list_columns = crate::parcels::columns::remembered(app.store.read(), scope).await?;
    Ok(Some(view))
}

/// The wire form.
pub fn view(app: &App, row: &OrganisationRow, opted_out: Vec<String>) -> Result<PolicyView, StoreError> {
    Ok(PolicyView {
        policy: row.policy()?,
        calls_per_second: app.config.trunk.iter().map(|t| f64::from(t.calls_per_second)).sum(),
        channels: app.config.trunk.iter().map(|t| t.channels).sum(),
        step_cost_minor: app.config.rate.step_minor,
        step_seconds: app.config.rate.step_seconds,
        opted_out,
        list_columns: Vec::new(),
        stopped: row.stopped != 0,
        rev: row.rev,
    })
}
