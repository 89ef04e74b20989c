//! What is known when a customer rings, for `domain::inbound::decide`, and the rules that an organisation sets.

mod facts;
pub mod routes;

pub(crate) use facts::{Known, known, open_parcels};

use crate::store::{StoreError, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::id::OrganisationId;
use waybell_domain::inbound::InboundPolicy;

#[derive(FromQueryResult)]
struct Row {
    policy: String,
}

/// The rules of an organisation. Damaged ones are told and the built-in ones hold: a caller is never lost for them.
pub(crate) async fn policy<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
) -> Result<InboundPolicy, StoreError> {
    let sql = "SELECT policy FROM inbound_policy WHERE organisation_id = $1";
    let row: Option<Row> = one(db, sql, [organisation.to_string().into()]).await?;
    Ok(row.map_or_else(InboundPolicy::default, |row| {
        serde_json::from_str(&row.policy).unwrap_or_else(|error| {
            tracing::error!(%error, "stored rules for calls do not read; the built-in ones hold");
            InboundPolicy::default()
        })
    }))
}
