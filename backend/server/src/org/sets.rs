//! Sets of rules of an organisation that are kept whole: a table each, of one JSON text an organisation.

use crate::accounts::auth::Signed;
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::audit;
use crate::store::{StoreError, one};
use axum::Json;
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use waybell_domain::attendance::FieldPolicy;
use waybell_domain::id::OrganisationId;
use waybell_domain::inbound::InboundPolicy;
use waybell_domain::knowledge::KnowledgePolicy;
use waybell_domain::order::OrderPolicy;
use waybell_domain::outgoing::OutgoingPolicy;
use waybell_domain::policy::BadValue;
use waybell_domain::rate::ChargePolicy;
use waybell_domain::template::TemplatePolicy;

/// A set of rules. Its default holds where an organisation has set none.
pub(crate) trait RuleSet: Default + Serialize + DeserializeOwned {
    /// The table (`organisation_id`, `policy`); in the audit trail it is the action.
    const TABLE: &'static str;
    fn check(&self) -> Result<(), BadValue>;
}

macro_rules! rule_set {
    ($($policy:ty => $table:literal),*) => {
        $(impl RuleSet for $policy {
            const TABLE: &'static str = $table;
            fn check(&self) -> Result<(), BadValue> {
                <$policy>::check(self)
            }
        })*
    };
}

rule_set!(InboundPolicy => "inbound_policy", OutgoingPolicy => "outgoing_policy", FieldPolicy => "field_policy",
    TemplatePolicy => "template_policy", OrderPolicy => "order_policy",
    KnowledgePolicy => "knowledge_policy", ChargePolicy => "charge_policy");

#[derive(FromQueryResult)]
struct Row {
    policy: String,
}

/// The rules of an organisation. Damaged ones are an error: the default might allow what was forbidden, or remove what is
/// to be kept.
pub(crate) async fn rule_set<P: RuleSet, C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
) -> Result<P, StoreError> {
    let sql = format!("SELECT policy FROM {} WHERE organisation_id = $1", P::TABLE);
    let row: Option<Row> = one(db, &sql, [organisation.to_string().into()]).await?;
    match row {
        None => Ok(P::default()),
        Some(row) => serde_json::from_str(&row.policy)
            .map_err(|e| StoreError::Damaged { what: P::TABLE, problem: e.to_string() }),
    }
}

/// Replaces the rules of an administrator's organisation; what is wrong with the new ones leaves the old ones in force.
pub(crate) async fn replace<P: RuleSet>(app: &App, signed: &Signed, policy: P) -> ApiResult<Json<P>> {
    let scope = signed.administrator()?;
    policy
        .check()
        .map_err(|e| ApiError::field(e.field, e.problem, "the rules in force stay as they were"))?;
    let text = serde_json::to_string(&policy).map_err(|e| ApiError::field("policy", e.to_string(), ""))?;
    let organisation = scope.organisation.to_string();
    let write = app.store.begin().await?;
    let sql = format!(
        "INSERT INTO {} (organisation_id, policy) VALUES ($1, $2) \
         ON CONFLICT (organisation_id) DO UPDATE SET policy = excluded.policy",
        P::TABLE
    );
    write.exec(&sql, [organisation.clone().into(), text.into()]).await?;
    audit(&write, scope, app.clock.now(), P::TABLE, &organisation).await?;
    write.commit().await?;
    Ok(Json(policy))
}
