//! Handing parcels over to a colleague.
//!
//! This needs the server: whoever gives them away must see that the colleague has them, and the colleague must have them
//! before the giver drives off. So it is refused without a network, not queued. What this phone did with the parcels goes
//! out first, and where something of it waits or was refused, nothing is handed over.

use super::Tasks;
use super::row::parcels_named;
use crate::client::random;
use crate::error::{Error, Result};
use crate::http::Request;
use crate::outbox::queue;
use std::collections::HashSet;
use waybell_domain::id::{OperationId, ParcelId};
use waybell_domain::wire::{HandOverAnswer, HandOverRequest};

/// An answer that was lost is asked for so often: the server tells what it did, and does it once.
const ASKS: usize = 3;

impl Tasks {
    /// Gives parcels that are still open to a colleague, who gets them in this order after their own: all of them, or none.
    /// `to` is a login name or an id. They leave this phone's list.
    ///
    /// # Errors
    /// `Offline`: nothing was handed over, unless `left` is true, when the next exchange shows what happened. `Refused` with
    /// the server's reason. `BadInput` for parcels that something waits for. `SignedOut`.
    pub async fn hand_over(&self, parcels: &[ParcelId], to: &str) -> Result<HandOverAnswer> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        if parcels.is_empty() {
            return Err(Error::bad("parcels", "none is chosen", "choose at least one"));
        }
        self.client.sync().now().await.map_err(not_left)?;
        let (seal, wanted) =
            (inner.store.seal.clone(), parcels.iter().copied().collect::<HashSet<ParcelId>>());
        let waits = inner.store.read_now(|c| {
            let all = queue::all(c, &seal)?;
            Ok(all.iter().flat_map(|o| parcels_named(o, user.organisation)).any(|id| wanted.contains(&id)))
        })?;
        if waits {
            let problem = "something that was done with them has not been taken by the server";
            return Err(Error::bad("parcels", problem, "see what it is with waybell sync"));
        }
        let me = inner.sign_in()?;
        let body = HandOverRequest { to: to.trim().to_owned(), parcels: parcels.to_vec() };
        let mut request = Request::post("/api/v1/parcels/hand-over", &body)?;
        request.key = Some(OperationId::at(inner.clock.wall(), random()).to_string());
        let mut answer = inner.ask(&me, &request).await;
        for _ in 1..ASKS {
            if !matches!(answer, Err(Error::Offline { .. })) {
                break;
            }
            answer = inner.ask(&me, &request).await;
        }
        let answer: HandOverAnswer = answer?;
        // it is done, whether or not its rows come now
        let _ = self.client.sync().now().await;
        self.taken();
        Ok(answer)
    }
}

/// Nothing of the request itself has left this phone.
fn not_left(error: Error) -> Error {
    match error {
        Error::Offline { problem, .. } => Error::Offline { problem, left: false },
        other => other,
    }
}
