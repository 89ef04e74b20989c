//! A batch whose rows, rules or flow do not read back: held, so that all the others go on.

use super::engine::Round;
use crate::store::StoreError;
use waybell_domain::id::OrganisationId;

/// Holds a batch that does not read back, and says why; nobody else's calls wait for it.
pub(crate) async fn park(
    round: &Round,
    batch: &str,
    organisation: Option<OrganisationId>,
    error: &StoreError,
) -> Result<(), StoreError> {
    let what = match error {
        StoreError::Damaged { what, .. } => what,
        _ => "row",
    };
    let reason = format!("damaged {what}");
    tracing::error!(%error, batch, "a batch does not read back; it is paused, the others go on");
    let parked = round
        .write
        .exec(
            "UPDATE batch SET state = 'paused', reason = $1, rev = $2 WHERE id = $3 AND state IN ('scheduled', 'running')",
            [reason.clone().into(), round.write.next_rev().into(), batch.into()],
        )
        .await?;
    if parked.rows_affected() > 0 {
        crate::audit::record(&round.write, organisation, None, round.now, "parked", batch, &reason).await?;
    }
    Ok(())
}
