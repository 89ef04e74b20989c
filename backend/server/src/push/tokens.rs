//! The table `push_token`: one row for a sign-in that can be woken.

use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{Store, StoreError, Write, all, one};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, SessionId, UserId};
use waybell_domain::wire::{PushTokenRequest, PushVendor};

/// Where a phone can be woken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) session: SessionId,
    pub(crate) vendor: PushVendor,
    pub(crate) token: String,
}

#[derive(FromQueryResult)]
struct Row {
    session_id: String,
    vendor: String,
    token: String,
}

#[derive(FromQueryResult)]
struct Session {
    device_id: String,
}

/// Keeps the token of a sign-in, in place of its former one; whoever had this token, or another of this phone, has it no more.
/// False where the sign-in has ended meanwhile.
pub(super) async fn keep(
    write: &Write,
    scope: &Scope,
    session: SessionId,
    request: &PushTokenRequest,
    now: UnixMs,
) -> ApiResult<bool> {
    let organisation = scope.organisation.to_string();
    let found: Option<Session> = one(
        write.tx(),
        "SELECT device_id FROM session WHERE id = $1 AND person_id = $2 AND organisation_id = $3 AND revoked_at IS NULL",
        [session.to_string().into(), scope.person.to_string().into(), organisation.clone().into()],
    )
    .await?;
    let Some(Session { device_id }) = found else { return Ok(false) };
    let (vendor, token) = (request.vendor.as_str(), request.token.as_str());
    // a phone that changed hands may have been another organisation's
    write
        .beyond(write.exec(
            "DELETE FROM push_token WHERE vendor = $1 AND token = $2 AND session_id <> $3",
            [vendor.into(), token.into(), session.to_string().into()],
        ))
        .await?;
    write
        .exec(
            "DELETE FROM push_token WHERE device_id = $1 AND organisation_id = $2 AND session_id <> $3",
            [device_id.clone().into(), organisation.clone().into(), session.to_string().into()],
        )
        .await?;
    write
        .exec(
            "INSERT INTO push_token (session_id, person_id, organisation_id, device_id, vendor, token, app_version, \
             registered_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (session_id) DO UPDATE SET \
             vendor = excluded.vendor, token = excluded.token, app_version = excluded.app_version, \
             registered_at = excluded.registered_at",
            [
                session.to_string().into(),
                scope.person.to_string().into(),
                organisation.into(),
                device_id.into(),
                vendor.into(),
                token.into(),
                request.app_version.clone().into(),
                now.0.into(),
            ],
        )
        .await?;
    Ok(true)
}

/// A sign-in can be woken no more.
pub(crate) async fn forget(write: &Write, session: SessionId) -> Result<(), StoreError> {
    let sql = "DELETE FROM push_token WHERE session_id = $1";
    write.exec(sql, [session.to_string().into()]).await.map(drop)
}

/// Nor can any of a person's.
pub(crate) async fn forget_all(write: &Write, person: UserId) -> Result<(), StoreError> {
    let sql = "DELETE FROM push_token WHERE person_id = $1";
    write.exec(sql, [person.to_string().into()]).await.map(drop)
}

/// A vendor does not know a token. It stays where it was registered anew after the vendor had learnt that.
pub(super) async fn remove(store: &Store, target: &Target, at: UnixMs) -> Result<(), StoreError> {
    let write = store.begin().await?;
    write
        .exec(
            "DELETE FROM push_token WHERE session_id = $1 AND vendor = $2 AND token = $3 AND registered_at <= $4",
            [
                target.session.to_string().into(),
                target.vendor.as_str().into(),
                target.token.clone().into(),
                at.0.into(),
            ],
        )
        .await?;
    write.commit().await
}

/// Phones of a person that can be woken.
pub(super) async fn of(
    store: &Store,
    organisation: OrganisationId,
    person: UserId,
    now: UnixMs,
) -> Result<Vec<Target>, StoreError> {
    let rows: Vec<Row> = all(
        store.read(),
        "SELECT t.session_id, t.vendor, t.token FROM push_token t JOIN session s ON s.id = t.session_id \
         JOIN person p ON p.id = t.person_id WHERE t.person_id = $1 AND t.organisation_id = $2 \
         AND s.revoked_at IS NULL AND s.expires_at > $3 AND p.active = 1 ORDER BY t.registered_at DESC",
        [person.to_string().into(), organisation.to_string().into(), now.0.into()],
    )
    .await?;
    // a vendor of a later version's is passed over
    let read = |r: Row| {
        let (session, vendor) = (SessionId::parse(&r.session_id).ok()?, PushVendor::parse(&r.vendor)?);
        Some(Target { session, vendor, token: r.token })
    };
    Ok(rows.into_iter().filter_map(read).collect())
}
