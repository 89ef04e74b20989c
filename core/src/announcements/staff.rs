//! What supervisors do: asked of the server, at once and only now. Who posts must know that it is posted.

use super::{Announcements, only};
use crate::client::random;
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use reqwest::Method;
use serde::de::DeserializeOwned;
use waybell_domain::announcement::{AnnouncementFlaw, body, times, title};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AnnouncementId, BranchId};
use waybell_domain::wire::{
    AnnouncementChange, AnnouncementDetail, AnnouncementPosted, AnnouncementReader, AnnouncementRequest,
    BranchView, Role,
};

/// An announcement to post.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewAnnouncement {
    /// One line of up to 80 characters.
    pub title: String,
    /// Plain text of up to 4,000 characters.
    pub body: String,
    /// Of this branch alone; `None`: as far as the poster reaches.
    pub branch: Option<BranchId>,
    /// For these roles alone; empty: for everybody.
    pub roles: Vec<Role>,
    /// Everybody is to confirm that they have read it.
    pub must_read: bool,
    /// It shows from then on; `None`: from now on.
    pub starts_at: Option<UnixMs>,
    /// It shows no longer from then on.
    pub ends_at: Option<UnixMs>,
}

fn refused(flaw: AnnouncementFlaw) -> Error {
    Error::bad(flaw.field, flaw.problem, flaw.hint)
}

impl Announcements {
    /// Posts one. What the server would refuse of its texts and times is refused here.
    ///
    /// # Errors
    /// `BadInput`; `Offline`, `SignedOut`, `Refused`. After `Offline` look through the list: it may have been posted.
    pub async fn post(&self, new: &NewAnnouncement) -> Result<AnnouncementPosted> {
        let now = self.client.inner.clock.wall();
        let request = AnnouncementRequest {
            id: AnnouncementId::at(now, random()),
            title: title(&new.title).map_err(refused)?,
            body: body(&new.body).map_err(refused)?,
            branch: new.branch,
            roles: new.roles.clone(),
            must_read: new.must_read,
            starts_at: new.starts_at,
            ends_at: new.ends_at,
        };
        times(new.starts_at.unwrap_or(now), new.ends_at, now).map_err(refused)?;
        let mut sent = Request::post("/api/v1/announcements", &request)?;
        sent.key = Some(request.id.to_string());
        self.change_with(&sent).await
    }

    /// What was posted, the newest first, with how many have read it; with `all` also what is over or was withdrawn. A page of
    /// the newest 50.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`; so for every call here.
    pub async fn posted(&self, all: bool) -> Result<Vec<AnnouncementPosted>> {
        self.ask(&Request::get(format!("/api/v1/announcements?all={all}"))).await
    }

    /// The one that was posted with this id, or, of the newest 50, the one whose id alone ends so.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where several end so; `Offline`, `SignedOut`, `Refused`.
    pub async fn find_posted(&self, key: &str) -> Result<AnnouncementPosted> {
        if let Ok(id) = AnnouncementId::parse(key.trim()) {
            return Ok(self.detail(id).await?.posted);
        }
        only(self.posted(true).await?, key, |posted| posted.announcement.id)
    }

    /// One with how far each branch is, and with every text it had.
    ///
    /// # Errors
    /// See [`Announcements::posted`].
    pub async fn detail(&self, id: AnnouncementId) -> Result<AnnouncementDetail> {
        self.ask(&Request::get(format!("/api/v1/announcements/{id}"))).await
    }

    /// The people whom one is for: all, or who has (`Some(true)`) or has not read it.
    ///
    /// # Errors
    /// See [`Announcements::posted`].
    pub async fn readers(&self, id: AnnouncementId, read: Option<bool>) -> Result<Vec<AnnouncementReader>> {
        let query = read.map(|read| format!("?read={read}")).unwrap_or_default();
        self.ask(&Request::get(format!("/api/v1/announcements/{id}/readers{query}"))).await
    }

    /// Changes one.
    ///
    /// # Errors
    /// See [`Announcements::posted`].
    pub async fn change(
        &self,
        id: AnnouncementId,
        change: &AnnouncementChange,
    ) -> Result<AnnouncementPosted> {
        let request = Request::post(format!("/api/v1/announcements/{id}"), change)?;
        self.change_with(&Request { method: Method::PATCH, ..request }).await
    }

    /// Takes one back.
    ///
    /// # Errors
    /// See [`Announcements::posted`].
    pub async fn withdraw(&self, id: AnnouncementId) -> Result<AnnouncementPosted> {
        let path = format!("/api/v1/announcements/{id}/withdraw");
        self.change_with(&Request { method: Method::POST, ..Request::get(path) }).await
    }

    /// The branches to which this person may post.
    ///
    /// # Errors
    /// See [`Announcements::posted`].
    pub async fn branches(&self) -> Result<Vec<BranchView>> {
        self.ask(&Request::get("/api/v1/branches")).await
    }

    async fn change_with(&self, request: &Request) -> Result<AnnouncementPosted> {
        let posted = self.ask(request).await?;
        self.client.inner.bus.tell(Topic::Announcements);
        self.client.inner.sync.wake();
        Ok(posted)
    }

    async fn ask<T: DeserializeOwned>(&self, request: &Request) -> Result<T> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, request).await
    }
}
