//! Receipts: kept with the version that was read, sent once, and shown over the server's word until it has them.

use super::{Announcement, Announcements, rows, time};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::session::acting;
use crate::store::seal::Seal;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::AnnouncementId;
use waybell_domain::wire::{ActedAt, AnnouncementReceipt, AnnouncementView};

/// The body of a receipt's operation: what is sent, and the announcement that it is of.
#[derive(Serialize, Deserialize)]
struct Body {
    announcement: AnnouncementId,
    #[serde(flatten)]
    receipt: AnnouncementReceipt,
}

/// Where a receipt is sent.
pub(crate) fn path(operation: &Operation) -> Option<String> {
    let body: Body = serde_json::from_slice(&operation.body).ok()?;
    Some(format!("/api/v1/me/announcements/{}/read", body.announcement))
}

/// The server has a receipt: an announcement that is still here is brought up to date.
pub(crate) fn taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<AnnouncementView>(answer) {
        Ok(view) if rows::find(t, seal, view.id)?.is_some() => rows::put(t, seal, &view),
        _ => Ok(()),
    }
}

/// Receipts on their way.
fn waiting(c: &Connection, seal: &Seal) -> Result<Vec<Body>> {
    let alive = queue::alive(c, seal, &[OperationKind::AnnouncementRead])?;
    Ok(alive.iter().filter_map(|o| serde_json::from_slice(&o.body).ok()).collect())
}

/// An announcement with the receipts on their way over it.
fn over(mut view: AnnouncementView, waiting: &[Body]) -> Announcement {
    let newest = waiting.iter().filter(|b| b.announcement == view.id).max_by_key(|b| b.receipt.version);
    let newest = newest.filter(|b| view.read_version.is_none_or(|read| read < b.receipt.version));
    if let Some(body) = newest {
        view.read_version = Some(body.receipt.version);
        view.read_at = Some(body.receipt.acted_at.wall);
    }
    Announcement { read: view.is_read(), pending: newest.is_some(), view }
}

/// What shows now.
pub(super) fn shown(c: &Connection, seal: &Seal, now: UnixMs) -> Result<Vec<Announcement>> {
    let waiting = waiting(c, seal)?;
    let all = rows::list(c, seal)?.into_iter().filter(|view| view.is_shown(now));
    Ok(all.map(|view| over(view, &waiting)).collect())
}

impl Announcements {
    /// Says that the version in force was read. Shown at once, stored durably when this returns, sent when there is a network. A
    /// second time changes nothing.
    ///
    /// # Errors
    /// `NotFound`, also for one that does not show now; `SignedOut`.
    pub async fn read(&self, id: AnnouncementId) -> Result<Announcement> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let (shown, new) = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let now = time::now(t, &seal, &acted)?;
                let found = rows::find(t, &seal, id)?.filter(|view| view.is_shown(now));
                let view = found.ok_or(Error::NotFound("announcement"))?;
                let before = over(view.clone(), &waiting(t, &seal)?);
                if before.read {
                    return Ok((before, false));
                }
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let receipt = AnnouncementReceipt { version: view.version, acted_at };
                let body = serde_json::to_vec(&Body { announcement: id, receipt })?;
                queue::push(t, &seal, &Operation::new(OperationKind::AnnouncementRead, None, body, acted))?;
                Ok((over(view, &waiting(t, &seal)?), true))
            })
            .await?;
        if new {
            inner.bus.tell(Topic::Announcements);
            inner.bus.tell(Topic::Sync);
            inner.sync.wake();
        }
        Ok(shown)
    }
}
