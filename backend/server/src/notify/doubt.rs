//! After a round whose commit failed: what if it was stored all the same?
//!
//! A disk that fails during fsync, or a connection that is lost before the database's answer, leaves it open whether a
//! transaction took place. The engine acts as if it did not: effects are not carried out and the events stay in hand,
//! which is safe for results, as they are decided again. An intent however would stand in the database without a call,
//! for ever open. As nothing of it was sent, it is taken back, and the person is due again.

use super::engine::{Engine, Round};
use super::live::Leg;
use super::send::touch;
use crate::store::{StoreError, all, number};
use sea_orm::FromQueryResult;
use std::collections::HashSet;

#[derive(FromQueryResult)]
struct Open {
    id: String,
    recipient_id: String,
    batch_id: String,
    organisation_id: String,
}

/// Takes back the intents that are stored and were never sent.
pub(crate) async fn settle(engine: &Engine, round: &mut Round) -> Result<(), StoreError> {
    let ours: HashSet<String> = engine
        .legs
        .iter()
        .filter_map(|(_, leg)| match leg {
            Leg::Recipient(call) => Some(call.attempt.to_string()),
            _ => None,
        })
        .collect();
    let sql =
        "SELECT id, recipient_id, batch_id, organisation_id FROM attempt WHERE is_open = 1 AND fence = $1";
    let open: Vec<Open> = all(round.write.tx(), sql, [engine.fence.into()]).await?;
    for a in open.into_iter().filter(|a| !ours.contains(&a.id)) {
        let sql = "SELECT COUNT(*) FROM batch WHERE id = $1 AND state IN ('cancelling', 'cancelled')";
        let over = number(round.write.tx(), sql, [a.batch_id.clone().into()]).await? > 0;
        round.write.exec("DELETE FROM attempt WHERE id = $1", [a.id.into()]).await?;
        let rev = round.write.next_rev();
        round
            .write
            .exec(
                "UPDATE recipient SET attempts = attempts - 1, next_at = $1, rev = $2, \
                 state = CASE WHEN $3 = 0 THEN 'waiting' WHEN attempts > 1 THEN 'done' ELSE 'cancelled' END, \
                 mark = CASE WHEN attempts > 1 THEN mark ELSE 'not_called' END WHERE id = $4",
                [
                    (!over).then_some(round.now.0).into(),
                    rev.into(),
                    i64::from(over).into(),
                    a.recipient_id.clone().into(),
                ],
            )
            .await?;
        super::why::decide(
            &round.write,
            round.now,
            &a.organisation_id,
            Some(&a.recipient_id),
            None,
            "put_off",
            "the storage failed before the call was sent",
        )
        .await?;
        if over {
            round.tell(&a.recipient_id).await?;
        }
        touch(round, &a.batch_id, i64::from(over));
    }
    Ok(())
}
