//! Pulling entries that are new, and the account.

use super::{Balance, rows};
use crate::error::Result;
use crate::events::Topic;
use crate::store::seal::Seal;
use crate::sync::feed::{Feed, Head};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::ChargePage;

/// What the own calls cost.
pub(crate) struct Charges;

impl Feed for Charges {
    type Page = ChargePage;
    const PATH: &'static str = "/api/v1/me/ledger";
    const CURSOR: &'static str = "charges_cursor";
    const GENERATION: &'static str = "charges_generation";
    const TOPIC: Topic = Topic::Charges;

    fn head(page: &ChargePage) -> Head<'_> {
        Head { cursor: page.cursor, more: page.more, generation: &page.generation }
    }

    fn forget(t: &Connection) -> Result<()> {
        rows::clear(t)
    }

    fn take(t: &Connection, seal: &Seal, page: &ChargePage, now: UnixMs) -> Result<bool> {
        for entry in &page.entries {
            rows::put(t, seal, entry)?;
        }
        let known = rows::balance(t, seal)?;
        let told = Balance { view: page.balance.clone(), told_at: now };
        // the time alone is no news
        let same = known.is_some_and(|known| {
            let mut view = known.view;
            view.now = told.view.now;
            view == told.view
        });
        rows::put_balance(t, seal, &told)?;
        Ok(!page.entries.is_empty() || !same)
    }
}
