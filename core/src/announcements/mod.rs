//! Announcements for this person: what is new, what must be read, and that it was.
//!
//! ```text
//!  server ──GET /me/announcements──▶ rows (sealed) ─┐
//!                                                   ├─▶ domain::announcement: shows now? read? ──▶ screen
//!  outbox: receipts ────────────────────────────────┘
//! ```
//!
//! * **On time, without a network.** The phone has an announcement before it shows, and hides it until then and after its end, by
//!   the server's clock (`time`).
//! * **A receipt is a transaction and an operation.** It names the version that was read and goes out once, with its own time;
//!   meanwhile the announcement shows as read. Where another version came in between, that one is unread.
//! * **Order.** Unread ones first; among these, and among the read ones, those that must be read are pinned on top, then the
//!   newest first.
//! * **Posting** is for supervisors, and asks the server at once ([`staff`]).

mod pull;
mod read;
pub(crate) mod rows;
pub mod staff;
mod time;

use crate::client::Client;
use crate::error::{Error, Result};
use serde::Serialize;
use std::cmp::Reverse;
use waybell_domain::id::AnnouncementId;
use waybell_domain::wire::AnnouncementView;

pub(crate) use pull::Announcements as Feed;
pub(crate) use read::{path, taken};

/// Announcements.
#[derive(Clone)]
pub struct Announcements {
    pub(crate) client: Client,
}

/// An announcement as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Announcement {
    /// What the server says, with a receipt of this phone over it.
    #[serde(flatten)]
    pub view: AnnouncementView,
    /// This person has read it: the version in force where it must be read.
    pub read: bool,
    /// The receipt has not reached the server.
    pub pending: bool,
}

/// How many are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// All of them.
    pub unread: usize,
    /// Those that must be read.
    pub must_read: usize,
}

impl Announcements {
    /// Those that show now, in the order of the module.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn list(&self) -> Result<Vec<Announcement>> {
        let inner = &self.client.inner;
        inner.user()?;
        let (seal, at) = (inner.store.seal.clone(), inner.event_time());
        let mut list = inner.store.read(move |c| read::shown(c, &seal, time::now(c, &seal, &at)?)).await?;
        list.sort_by_key(|a| (a.read, !a.view.must_read, Reverse(a.view.starts_at), Reverse(a.view.id)));
        Ok(list)
    }

    /// How many of them are to be read.
    ///
    /// # Errors
    /// `SignedOut`, `Storage`.
    pub async fn unread(&self) -> Result<Unread> {
        let list = self.list().await?;
        let unread = list.iter().filter(|a| !a.read);
        let must_read = unread.clone().filter(|a| a.view.must_read).count();
        Ok(Unread { unread: unread.count(), must_read })
    }

    /// The one with this id, or whose id alone ends so.
    ///
    /// # Errors
    /// `NotFound`, also for one that does not show now; `BadInput` where several end so.
    pub async fn find(&self, key: &str) -> Result<Announcement> {
        only(self.list().await?, key, |one| one.view.id)
    }
}

/// The one whose id alone ends so.
fn only<T>(mut found: Vec<T>, key: &str, id: impl Fn(&T) -> AnnouncementId) -> Result<T> {
    let key = key.trim().to_lowercase();
    found.retain(|one| !key.is_empty() && id(one).to_string().ends_with(&key));
    match (found.pop(), found.is_empty()) {
        (Some(one), true) => Ok(one),
        (Some(_), false) => {
            Err(Error::bad("announcement", "several announcements end so", "write more of the id"))
        }
        (None, _) => Err(Error::NotFound("announcement")),
    }
}
