//! Pulling what changed of a courier's orders.

use super::rows;
use crate::error::Result;
use crate::events::Topic;
use crate::store::seal::Seal;
use crate::store::{sealed_meta, set_sealed_meta};
use crate::sync::feed::{Feed, Head};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::order::OrderPolicy;
use waybell_domain::wire::OrderPage;

/// Key in `meta`: the rules for orders, by the server.
pub(super) const POLICY: &str = "order_policy";

/// A courier's orders.
pub(crate) struct Orders;

impl Feed for Orders {
    type Page = OrderPage;
    const PATH: &'static str = "/api/v1/me/orders";
    const CURSOR: &'static str = "orders_cursor";
    const GENERATION: &'static str = "orders_generation";
    const TOPIC: Topic = Topic::Orders;

    fn head(page: &OrderPage) -> Head<'_> {
        Head { cursor: page.cursor, more: page.more, generation: &page.generation }
    }

    fn forget(t: &Connection) -> Result<()> {
        rows::clear(t)
    }

    fn take(t: &Connection, seal: &Seal, page: &OrderPage, _now: UnixMs) -> Result<bool> {
        for id in &page.gone {
            rows::remove(t, *id)?;
        }
        for view in &page.orders {
            rows::put(t, seal, view)?;
        }
        let policy: Option<OrderPolicy> = sealed_meta(t, seal, POLICY)?;
        let told = policy.as_ref() != Some(&page.policy);
        if told {
            set_sealed_meta(t, seal, POLICY, &page.policy)?;
        }
        Ok(told || !(page.gone.is_empty() && page.orders.is_empty()))
    }
}
