//! Pulling what changed of the announcements for this person.

use super::{rows, time};
use crate::client::Inner;
use crate::error::Result;
use crate::events::Topic;
use crate::store::seal::Seal;
use crate::sync::feed::{Feed, Head};
use rusqlite::Connection;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::AnnouncementPage;

/// The announcements for this person.
pub(crate) struct Announcements;

impl Feed for Announcements {
    type Page = AnnouncementPage;
    const PATH: &'static str = "/api/v1/me/announcements";
    const CURSOR: &'static str = "announcements_cursor";
    const GENERATION: &'static str = "announcements_generation";
    const TOPIC: Topic = Topic::Announcements;

    fn head(page: &AnnouncementPage) -> Head<'_> {
        Head { cursor: page.cursor, more: page.more, generation: &page.generation }
    }

    fn forget(t: &Connection) -> Result<()> {
        rows::clear(t)
    }

    fn take(t: &Connection, seal: &Seal, page: &AnnouncementPage, _now: UnixMs) -> Result<bool> {
        for id in &page.gone {
            rows::remove(t, *id)?;
        }
        for view in &page.announcements {
            rows::put(t, seal, view)?;
        }
        Ok(!(page.gone.is_empty() && page.announcements.is_empty()))
    }

    async fn taken(inner: &Inner, page: &AnnouncementPage, _now: UnixMs) -> Result<()> {
        let (Some(server), at) = (page.now, inner.event_time()) else { return Ok(()) };
        let seal = inner.store.seal.clone();
        let off = inner.store.read_now(|c| time::is_off(c, &seal, server, &at))?;
        if page.announcements.is_empty() && !off {
            return Ok(());
        }
        inner.store.write(move |t| time::learn(t, &seal, server, at)).await
    }
}
