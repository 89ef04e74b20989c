//! Announcements.

use super::{ActedAt, Role};
use crate::announcement::{is_read, is_shown};
use crate::clock::UnixMs;
use crate::id::{AnnouncementId, BranchId, UserId};
use serde::{Deserialize, Serialize};

/// `POST /api/v1/announcements`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementRequest {
    /// Made by who posts it. The same id a second time makes no second announcement.
    pub id: AnnouncementId,
    /// One line of up to 80 characters.
    pub title: String,
    /// Plain text of up to 4,000 characters.
    pub body: String,
    /// Whose it is: of this branch alone. Absent: of the own branch for supervisors of one, of the whole organisation otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// For these roles alone; empty: for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<Role>,
    /// Everybody is to confirm that they have read it, each version anew.
    #[serde(default)]
    pub must_read: bool,
    /// It shows from then on, at most 366 days ahead; absent or past: from now on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<UnixMs>,
    /// It shows no longer from then on; absent: until it is withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixMs>,
}

/// `PATCH /api/v1/announcements/{id}`: what is absent stays. Another title or body makes a new version.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(default)]
pub struct AnnouncementChange {
    /// Title.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// Body.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Everybody is to confirm that they have read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub must_read: Option<bool>,
    /// It shows from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starts_at: Option<UnixMs>,
    /// It shows no longer from then on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixMs>,
    /// Takes its end away.
    pub endless: bool,
    /// Its `rev` as it was seen: the change is refused if somebody has changed it since.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<i64>,
}

/// An announcement as who is to read it gets it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementView {
    /// Id.
    pub id: AnnouncementId,
    /// From 1 on; another text is another version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Whose it is; absent: of the whole organisation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// For these roles alone; empty: for everybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::lenient::each")]
    pub roles: Vec<Role>,
    /// Everybody is to confirm that they have read it, each version anew.
    pub must_read: bool,
    /// It shows from then on. Phones have it before that, and hide it.
    pub starts_at: UnixMs,
    /// It shows no longer from then on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<UnixMs>,
    /// Who posted it.
    pub posted_by: UserId,
    /// Their name.
    pub posted_by_name: String,
    /// When, by the server's clock.
    pub posted_at: UnixMs,
    /// When this version was written.
    pub version_at: UnixMs,
    /// The newest version that the asker has read; who wrote a version has read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_version: Option<u32>,
    /// When they read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<UnixMs>,
    /// Server revision, of the announcement and the asker's receipt.
    pub rev: i64,
}

impl AnnouncementView {
    /// Whether the asker has read it: the version in force where it must be read, any otherwise.
    #[must_use]
    pub fn is_read(&self) -> bool {
        is_read(self.must_read, self.version, self.read_version)
    }

    /// Whether it shows at this moment.
    #[must_use]
    pub fn is_shown(&self, now: UnixMs) -> bool {
        is_shown(self.starts_at, self.ends_at, now)
    }
}

/// An announcement as supervisors see it. Counts are of the people whom the asker sees.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementPosted {
    /// What people read.
    #[serde(flatten)]
    pub announcement: AnnouncementView,
    /// When it was withdrawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn_at: Option<UnixMs>,
    /// People whom it is for now, without who wrote the version in force.
    pub audience: u32,
    /// Those of them who have read it.
    pub read: u32,
}

/// How far a branch is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementBranch {
    /// The branch; absent: head office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Its name; empty for head office.
    pub name: String,
    /// People whom it is for.
    pub audience: u32,
    /// Those of them who have read it.
    pub read: u32,
}

/// A text that an announcement has, or had.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementVersion {
    /// From 1 on.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Body.
    pub body: String,
    /// Who wrote it.
    pub by: UserId,
    /// Their name.
    pub by_name: String,
    /// When.
    pub at: UnixMs,
}

/// `GET /api/v1/announcements/{id}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementDetail {
    /// As in the list.
    #[serde(flatten)]
    pub posted: AnnouncementPosted,
    /// How far each branch is.
    pub branches: Vec<AnnouncementBranch>,
    /// Every text it had, the newest last.
    pub versions: Vec<AnnouncementVersion>,
}

/// Somebody whom an announcement is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementReader {
    /// Who.
    pub person: UserId,
    /// Login name.
    pub login: String,
    /// Name.
    pub name: String,
    /// Branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// The newest version that they have read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_version: Option<u32>,
    /// When they read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_at: Option<UnixMs>,
    /// That receipt counts for the version in force.
    pub read: bool,
}

/// `POST /api/v1/me/announcements/{id}/read`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementReceipt {
    /// The version that was read.
    pub version: u32,
    /// When. Of several receipts of one version the earliest counts, whichever arrives first.
    pub acted_at: ActedAt,
}

/// `GET /api/v1/me/announcements?since=cursor`: what changed for this person after the cursor, in the order of the changes: the
/// announcement, or their receipt of it.
///
/// Rows, tombstones and `cursor` are applied in one transaction.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AnnouncementPage {
    /// Give this back next time.
    pub cursor: i64,
    /// There is more: ask again at once.
    pub more: bool,
    /// Announcements. Those of a later version that do not read here are passed over.
    #[serde(default, deserialize_with = "super::lenient::each")]
    pub announcements: Vec<AnnouncementView>,
    /// Announcements that were withdrawn.
    #[serde(default)]
    pub gone: Vec<AnnouncementId>,
    /// The server's wall clock: a phone whose own is wrong shows announcements on time all the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<UnixMs>,
    /// Names the server's data and what this person is in them: where it is another one, all is asked for anew.
    #[serde(default)]
    pub generation: String,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde::de::DeserializeOwned;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) -> serde_json::Value {
        let json = serde_json::to_value(record).unwrap();
        assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), record);
        json
    }

    fn view() -> AnnouncementView {
        AnnouncementView {
            id: AnnouncementId::at(NOW, [1; 10]),
            version: 2,
            title: "暴雨停派通知".into(),
            body: "今天 14:00 起停派。\n请回站点。".into(),
            branch: Some(BranchId::at(NOW, [2; 10])),
            roles: vec![Role::Courier, Role::TeamLeader],
            must_read: true,
            starts_at: NOW,
            ends_at: Some(NOW + 3_600_000),
            posted_by: UserId::at(NOW, [3; 10]),
            posted_by_name: "陈主管".into(),
            posted_at: NOW,
            version_at: NOW + 60_000,
            read_version: Some(1),
            read_at: Some(NOW + 5_000),
            rev: 7,
        }
    }

    #[test]
    fn what_supervisors_send_and_see() {
        let request = AnnouncementRequest {
            id: AnnouncementId::at(NOW, [1; 10]),
            title: "暴雨停派通知".into(),
            body: "今天 14:00 起停派。".into(),
            branch: Some(BranchId::at(NOW, [2; 10])),
            roles: vec![Role::Courier],
            must_read: true,
            starts_at: Some(NOW),
            ends_at: Some(NOW + 3_600_000),
        };
        insta::assert_json_snapshot!("announcement_request", round(&request));
        let short = serde_json::json!({ "id": request.id, "title": "a", "body": "b" });
        let short: AnnouncementRequest = serde_json::from_value(short).unwrap();
        assert!(short.branch.is_none() && short.roles.is_empty() && !short.must_read);
        let change = AnnouncementChange {
            title: Some("停派取消".into()),
            must_read: Some(false),
            endless: true,
            seen: Some(7),
            ..AnnouncementChange::default()
        };
        insta::assert_json_snapshot!("announcement_change", round(&change));
        let posted =
            AnnouncementPosted { announcement: view(), withdrawn_at: Some(NOW + 9), audience: 12, read: 9 };
        let detail = AnnouncementDetail {
            posted,
            branches: vec![AnnouncementBranch { branch: None, name: String::new(), audience: 2, read: 1 }],
            versions: vec![AnnouncementVersion {
                version: 1,
                title: "停派通知".into(),
                body: "今天停派。".into(),
                by: UserId::at(NOW, [3; 10]),
                by_name: "陈主管".into(),
                at: NOW,
            }],
        };
        insta::assert_json_snapshot!("announcement_detail", round(&detail));
        let reader = AnnouncementReader {
            person: UserId::at(NOW, [4; 10]),
            login: "li.wei".into(),
            name: "李伟".into(),
            branch: None,
            read_version: Some(1),
            read_at: Some(NOW),
            read: false,
        };
        insta::assert_json_snapshot!("announcement_reader", round(&reader));
    }

    #[test]
    fn what_phones_get_and_send() {
        let receipt = AnnouncementReceipt { version: 2, acted_at: ActedAt { wall: NOW, age_ms: Some(9) } };
        insta::assert_json_snapshot!("announcement_receipt", round(&receipt));
        let page = AnnouncementPage {
            cursor: 7,
            more: false,
            announcements: vec![view()],
            gone: vec![AnnouncementId::at(NOW, [9; 10])],
            now: Some(NOW + 6_000),
            generation: "g".into(),
        };
        let mut json = serde_json::to_value(&page).unwrap();
        insta::assert_json_snapshot!("announcement_page", json);
        json["announcements"] = serde_json::json!([{ "id": "tomorrow" }, view()]);
        json["announcements"][1]["roles"] = serde_json::json!(["courier", "robot"]);
        let read: AnnouncementPage = serde_json::from_value(json).unwrap();
        assert_eq!(read.announcements.len(), 1);
        assert_eq!(read.announcements[0].roles, [Role::Courier], "a role of a later version");
        assert!(!view().is_read() && view().is_shown(NOW));
    }
}
