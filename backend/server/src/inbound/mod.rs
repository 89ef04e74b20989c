//! What is known when a customer rings, for `domain::inbound::decide`, and the rules that an organisation sets.

mod facts;
pub mod routes;

pub(crate) use facts::{Known, known, open_parcels};

use crate::org::sets::rule_set;
use crate::store::StoreError;
use sea_orm::ConnectionTrait;
use waybell_domain::id::OrganisationId;
use waybell_domain::inbound::InboundPolicy;

/// The rules of an organisation. Damaged ones are told and the built-in ones hold: a caller is never lost for them.
pub(crate) async fn policy<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
) -> Result<InboundPolicy, StoreError> {
    match rule_set(db, organisation).await {
        Err(StoreError::Damaged { problem, .. }) => {
            tracing::error!(%problem, "stored rules for calls do not read; the built-in ones hold");
            Ok(InboundPolicy::default())
        }
        read => read,
    }
}
