//! Pulling what changed of a courier's calls.

use super::marks::learn;
use super::rows;
use crate::client::Inner;
use crate::error::Result;
use crate::events::Topic;
use crate::store::seal::Seal;
use crate::store::set_meta;
use crate::sync::feed::{Feed, Head};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::CallPage;

/// A courier's calls.
pub(crate) struct Calls;

impl Feed for Calls {
    type Page = CallPage;
    const PATH: &'static str = "/api/v1/me/calls";
    const CURSOR: &'static str = "calls_cursor";
    const GENERATION: &'static str = "calls_generation";
    const TOPIC: Topic = Topic::Calls;

    fn head(page: &CallPage) -> Head<'_> {
        Head { cursor: page.cursor, more: page.more, generation: &page.generation }
    }

    /// Sound that was fetched stays: its call comes again.
    fn forget(t: &Connection) -> Result<()> {
        t.execute("DELETE FROM call", [])?;
        set_meta(t, super::marks::TOLD, None)
    }

    fn take(t: &Connection, seal: &Seal, page: &CallPage, now: UnixMs) -> Result<bool> {
        for id in &page.gone {
            rows::remove(t, *id)?;
        }
        for view in &page.calls {
            rows::put(t, seal, view)?;
            rows::drop_sound(t, view, now)?;
        }
        let told = learn(t, seal, &page.availability)?;
        Ok(told || !(page.gone.is_empty() && page.calls.is_empty()))
    }

    /// Sound that is not to be kept any more goes from the disk.
    async fn taken(inner: &Inner, page: &CallPage, now: UnixMs) -> Result<()> {
        let silent = page.calls.iter().any(|view| rows::kept_sound(view, now).is_none());
        if silent || !page.gone.is_empty() {
            super::audio::sweep_now(inner).await?;
        }
        Ok(())
    }
}
