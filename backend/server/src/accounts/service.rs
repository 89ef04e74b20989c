//! Signing in, refreshing, signing out.

use super::tokens::{ACCESS_MS, Claims, SESSION_MS, refresh_hash};
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{Write, one};
use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, DeviceId, OrganisationId, SessionId, UserId};
use waybell_domain::wire::{Role, TokenPair, UserView};

/// A row of `person`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct Person {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    login: String,
    name: String,
    role: String,
    password_hash: String,
    active: i64,
}

#[derive(FromQueryResult)]
struct Session {
    id: String,
    person_id: String,
    current_hash: String,
    previous_hash: Option<String>,
    expires_at: i64,
    revoked_at: Option<i64>,
}

const PERSON: &str =
    "SELECT id, organisation_id, branch_id, login, name, role, password_hash, active FROM person";

impl Person {
    /// As others see this person; `None` when the row is damaged.
    pub fn view(&self) -> Option<UserView> {
        Some(UserView {
            id: UserId::parse(&self.id).ok()?,
            organisation: OrganisationId::parse(&self.organisation_id).ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            login: self.login.clone(),
            name: self.name.clone(),
            role: Role::parse(&self.role)?,
        })
    }
}

/// The person with this id.
pub async fn person(app: &App, id: UserId) -> ApiResult<Option<Person>> {
    Ok(one(app.store.read(), &format!("{PERSON} WHERE id = $1"), [id.to_string().into()]).await?)
}

/// Checks login and password; opens a session.
pub async fn sign_in(app: &App, login: &str, password: &str, device: DeviceId) -> ApiResult<TokenPair> {
    let wrong = || ApiError::unauthorised("wrong_login", "login name or password is wrong");
    let person: Option<Person> =
        one(app.store.read(), &format!("{PERSON} WHERE login = $1"), [login.to_owned().into()]).await?;
    // an unknown login costs the same time as a known one
    let hash = person.as_ref().map_or_else(|| app.dummy_hash.clone(), |p| p.password_hash.clone());
    let password = password.to_owned();
    let good = tokio::task::spawn_blocking(move || verify(&hash, &password)).await.unwrap_or(false);
    let person = person.filter(|p| good && p.active == 1).ok_or_else(wrong)?;
    let user = person.view().ok_or_else(wrong)?;
    let now = app.clock.now();
    let session = SessionId::at(now, rand::random());
    let (refresh, hash) = app.tokens.new_refresh(session);
    let write = app.store.begin().await?;
    // only if the person has not been shut out or given another password meanwhile
    let begun = write
        .exec(
            "INSERT INTO session (id, person_id, organisation_id, device_id, current_hash, expires_at, created_at) \
             SELECT $1, $2, $3, $4, $5, $6, $7 FROM person WHERE id = $2 AND active = 1 AND password_hash = $8",
            [
                session.to_string().into(),
                person.id.clone().into(),
                person.organisation_id.clone().into(),
                device.to_string().into(),
                hash.into(),
                (now.0 + SESSION_MS).into(),
                now.0.into(),
                person.password_hash.clone().into(),
            ],
        )
        .await?;
    if begun.rows_affected() == 0 {
        return Err(wrong());
    }
    crate::audit::record(
        &write,
        Some(user.organisation),
        Some(user.id),
        now,
        "sign_in",
        &user.id.to_string(),
        "",
    )
    .await?;
    write.commit().await?;
    pair(app, user, session, refresh, now)
}

/// Trades a refresh token for the next pair. See `tokens` for the rule.
pub async fn refresh(app: &App, token: &str) -> ApiResult<TokenPair> {
    let gone = || ApiError::unauthorised("signed_out", "this session has ended: sign in again");
    // a token that this server never gave out touches nothing
    let issued_to = app.tokens.session_of(token).ok_or_else(gone)?;
    let hash = refresh_hash(token);
    let now = app.clock.now();
    let write = app.store.begin().await?;
    let found: Option<Session> = one(
        write.tx(),
        "SELECT id, person_id, current_hash, previous_hash, expires_at, revoked_at FROM session \
         WHERE current_hash = $1 OR previous_hash = $1",
        [hash.clone().into()],
    )
    .await?;
    let Some(session) = found else {
        // a token of this session that is neither the newest nor the one before: somebody copied it
        tracing::warn!(session = %issued_to, "a refresh token was used again; the session is ended");
        revoke(app, &write, issued_to, now).await?;
        write.commit().await?;
        return Err(gone());
    };
    if session.revoked_at.is_some() || session.expires_at <= now.0 {
        return Err(gone());
    }
    let sid = SessionId::parse(&session.id).map_err(|_| gone())?;
    let person: Person =
        one(write.tx(), &format!("{PERSON} WHERE id = $1"), [session.person_id.clone().into()])
            .await?
            .ok_or_else(gone)?;
    if person.active != 1 {
        return Err(gone());
    }
    let user = person.view().ok_or_else(gone)?;
    let (next, next_hash) = app.tokens.new_refresh(sid);
    // The token that was used stays good as `previous` until the new one is used. Using `previous` again replaces the
    // new one, whose answer was lost.
    let previous = if session.current_hash == hash {
        session.current_hash
    } else {
        session.previous_hash.unwrap_or_default()
    };
    write
        .exec(
            "UPDATE session SET current_hash = $1, previous_hash = $2, expires_at = $3 WHERE id = $4",
            [next_hash.into(), previous.into(), (now.0 + SESSION_MS).into(), session.id.clone().into()],
        )
        .await?;
    write.commit().await?;
    pair(app, user, sid, next, now)
}

/// Ends a session at once.
pub async fn revoke(app: &App, write: &Write, session: SessionId, now: UnixMs) -> ApiResult<()> {
    write
        .exec(
            "UPDATE session SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL",
            [now.0.into(), session.to_string().into()],
        )
        .await?;
    crate::push::tokens::forget(write, session).await?;
    app.revoked.lock().insert(session, now);
    Ok(())
}

/// Ends every session of a person in this transaction. After its commit the caller puts them into [`App::revoked`], so that
/// access tokens end too.
pub async fn revoke_all(write: &Write, person: UserId, now: UnixMs) -> ApiResult<Vec<SessionId>> {
    let rows: Vec<Revoked> = crate::store::all(
        write.tx(),
        "UPDATE session SET revoked_at = $1 WHERE person_id = $2 AND revoked_at IS NULL RETURNING id, revoked_at",
        [now.0.into(), person.to_string().into()],
    )
    .await?;
    crate::push::tokens::forget_all(write, person).await?;
    Ok(rows.iter().filter_map(|r| SessionId::parse(&r.id).ok()).collect())
}

/// Argon2id with the crate's recommended cost (19 MiB, 2 passes).
pub fn hash_password(password: &str) -> Result<String, String> {
    Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).map_err(|e| e.to_string())
}

fn verify(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash)
        .is_ok_and(|parsed| Argon2::default().verify_password(password.as_bytes(), &parsed).is_ok())
}

fn pair(app: &App, user: UserView, session: SessionId, refresh: String, now: UnixMs) -> ApiResult<TokenPair> {
    let expires = now.0 + ACCESS_MS;
    let access = app.tokens.sign(&Claims {
        sub: user.id.to_string(),
        org: user.organisation.to_string(),
        branch: user.branch.map(|b| b.to_string()),
        role: user.role.as_str().into(),
        sid: session.to_string(),
        exp: expires / 1000,
    })?;
    Ok(TokenPair { access_token: access, access_expires_at: UnixMs(expires), refresh_token: refresh, user })
}

#[derive(FromQueryResult)]
struct Revoked {
    id: String,
    revoked_at: i64,
}

/// Remembers the sessions that were signed out while their access tokens may still be alive.
pub async fn load_revoked(app: &App) -> Result<(), crate::store::StoreError> {
    let since = app.clock.now().0 - ACCESS_MS;
    let rows: Vec<Revoked> = crate::store::all(
        app.store.read(),
        "SELECT id, revoked_at FROM session WHERE revoked_at > $1",
        [since.into()],
    )
    .await?;
    app.revoked
        .lock()
        .extend(rows.iter().filter_map(|r| Some((SessionId::parse(&r.id).ok()?, UnixMs(r.revoked_at)))));
    Ok(())
}
