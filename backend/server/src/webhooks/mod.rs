//! Waybill systems: parcels come in by signed requests, results go back by signed requests.
//!
//! ```text
//!  waybill system ──POST /hooks/ID/parcels──▶ intake ─record─▶ take ──▶ parcels::import (the courier's list)
//!        ▲                                                      └─▶ integration_parcel (whose parcel it is)
//!        │                                  notify (a result) ──┐
//!        └──POST url── push ◀── webhook_delivery ◀── outbox ◀───┘ in the transaction of the result
//! ```
//!
//! **One scheme both ways** ([`signature`]): Standard Webhooks. `webhook-id` names the delivery and is its idempotency
//! key, `webhook-timestamp` is checked against five minutes, `webhook-signature` covers both and the body. Whoever does
//! not know the secret learns nothing, not even whether an integration exists.
//!
//! **In** ([`intake`]): at least once from their side, once on ours. The answer is stored with the effect, for 72 hours; the
//! same id again gets it. What a list means is not decided here: rows go through the same checks and the same writing as a
//! courier's import, so the newest list is right, wherever it came from.
//!
//! **Out** ([`outbox`], `push`): a result and the deliveries about it are one transaction, so a crash loses neither, and an
//! integration is told of its own parcels only. A delivery keeps its id and body however often it is sent. Those of one
//! parcel go one after the other; parcels do not wait for each other. What a receiver does not take in a day is dead:
//! listed, and sent again when an administrator says so. A receiver that is down is asked by one request at a time, at
//! most a minute apart, and keeps nobody else waiting.
//!
//! **Addresses** ([`address`]): an administrator of one organisation chooses the URL, so it may not lead into the network
//! that the server stands in: only public addresses, checked after the name was resolved and for each request anew.

pub mod address;
mod backoff;
pub mod deliveries;
pub mod doors;
pub mod intake;
pub mod integrations;
pub mod orders;
pub mod outbox;
mod push;
mod record;
pub mod signature;
mod take;

pub use push::{Client, run};
pub use record::HookProblem;
pub use take::HookReport;

use crate::store::{Store, StoreError, number};
use std::sync::atomic::{AtomicBool, Ordering};

/// What the other rooms need to know: whether anybody is told at all. A server without integrations pays nothing for them.
#[derive(Debug, Default)]
pub struct Webhooks {
    pushes: AtomicBool,
}

impl Webhooks {
    /// Reads whether there is anybody to tell.
    pub async fn load(store: &Store) -> Result<Webhooks, StoreError> {
        let sql = "SELECT COUNT(*) FROM integration WHERE url IS NOT NULL AND revoked_at IS NULL";
        let some = number(store.read(), sql, []).await? > 0;
        Ok(Webhooks { pushes: AtomicBool::new(some) })
    }

    /// Somebody may want results. Once true it stays true.
    pub fn pushes(&self) -> bool {
        self.pushes.load(Ordering::Acquire)
    }

    /// Told before an address is stored, so that no result falls between.
    fn will_push(&self) {
        self.pushes.store(true, Ordering::Release);
    }
}
