//! Sign-in and the people of an organisation.

use crate::clock::UnixMs;
use crate::id::{BranchId, DeviceId, OrganisationId, UserId};
use serde::{Deserialize, Serialize};

/// What a person may do. Area supervisor and team leader are two roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// 快递员: sees and notifies the own parcels.
    Courier,
    /// 管理员 of an area or branch: sees the branch.
    Supervisor,
    /// 坐席.
    Agent,
    /// 班长.
    TeamLeader,
    /// Administers the organisation: people, policy, stop-all.
    Administrator,
}

impl Role {
    /// The word that is stored and sent.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Courier => "courier",
            Role::Supervisor => "supervisor",
            Role::Agent => "agent",
            Role::TeamLeader => "team_leader",
            Role::Administrator => "administrator",
        }
    }

    /// The inverse of [`Role::as_str`].
    pub fn parse(word: &str) -> Option<Role> {
        [Role::Courier, Role::Supervisor, Role::Agent, Role::TeamLeader, Role::Administrator]
            .into_iter()
            .find(|r| r.as_str() == word)
    }

    /// May see and steer the whole organisation.
    pub fn is_administrator(self) -> bool {
        self == Role::Administrator
    }

    /// May see every courier of the own branch.
    pub fn sees_branch(self) -> bool {
        !matches!(self, Role::Courier)
    }
}

/// `POST /api/v1/auth/login`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LoginRequest {
    /// Login name, unique on this server.
    pub login: String,
    /// Password in clear; the connection protects it.
    pub password: String,
    /// This installation, made once by the app and kept.
    pub device: DeviceId,
}

/// `POST /api/v1/auth/refresh`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefreshRequest {
    /// The newest refresh token this device holds.
    pub refresh_token: String,
}

/// Tokens of one session. The old refresh token stays good until the new one is first used.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenPair {
    /// Short-lived bearer token (a JWT).
    pub access_token: String,
    /// When the access token ends.
    pub access_expires_at: UnixMs,
    /// Trade it for the next pair at `POST /api/v1/auth/refresh`.
    pub refresh_token: String,
    /// Who is signed in.
    pub user: UserView,
}

/// A person of the organisation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct UserView {
    /// Id.
    pub id: UserId,
    /// Organisation.
    pub organisation: OrganisationId,
    /// Branch, absent for head office.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
    /// Login name.
    pub login: String,
    /// Name on screens.
    pub name: String,
    /// Role.
    pub role: Role,
}

/// One of `GET /api/v1/people`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonView {
    /// Who it is.
    #[serde(flatten)]
    pub user: UserView,
    /// Own mobile, E.164; absent where none is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// May sign in.
    #[serde(default = "yes")]
    pub active: bool,
}

fn yes() -> bool {
    true
}
