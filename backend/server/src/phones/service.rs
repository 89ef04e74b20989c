//! Telephones in the database.

use super::accounts::{Account, Seen};
use crate::app::{App, Shared};
use crate::http::error::{ApiError, ApiResult};
use crate::keys::KeyError;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, number, one};
use sea_orm::{FromQueryResult, Value};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, PhoneId, UserId};
use waybell_domain::wire::{NewPhone, PhoneView};
use waybell_switch::PhoneContact;

/// Telephones of one person.
const MOST: i64 = 10;
/// Longest name, characters.
const NAME: usize = 40;
/// Letters and digits that are not mistaken for one another when they are typed in. As many as divide 256.
const LETTERS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
/// Characters of a user name and of a secret: 45 and 100 bits.
const USER: usize = 9;
const SECRET: usize = 20;
/// How often memory is compared with what is stored.
const RECONCILE: Duration = Duration::from_secs(60);
/// How often it is stored when telephones were seen.
const STORE: Duration = Duration::from_secs(5);

#[derive(FromQueryResult)]
struct Row {
    id: String,
    organisation_id: String,
    person_id: String,
    name: String,
    user_name: String,
    realm: String,
    master: String,
    sealed_sha256: String,
    sealed_md5: String,
    created_at: i64,
    seen_at: Option<i64>,
    seen_from: Option<String>,
    agent: Option<String>,
}

const COLUMNS: &str = "d.id, d.organisation_id, d.person_id, d.name, d.user_name, d.realm, d.master, d.sealed_sha256, \
                       d.sealed_md5, d.created_at, d.seen_at, d.seen_from, d.agent";

/// What a sealed hash is for: none passes for another.
fn about(user: &str, hash: &str) -> String {
    format!("waybell-phone-1\n{user}\n{hash}")
}

impl Row {
    fn view(&self, there: &[PhoneContact]) -> Option<PhoneView> {
        let here = there.iter().find(|c| c.user == self.user_name);
        Some(PhoneView {
            id: PhoneId::parse(&self.id).ok()?,
            person: UserId::parse(&self.person_id).ok()?,
            name: self.name.clone(),
            user: self.user_name.clone(),
            created_at: UnixMs(self.created_at),
            registered: here.is_some(),
            transport: here.map(|c| c.transport.as_str().to_lowercase()),
            seen_at: self.seen_at.map(UnixMs),
            seen_from: here.map(|c| c.source.ip().to_string()).or_else(|| self.seen_from.clone()),
            agent: here.and_then(|c| c.agent.clone()).or_else(|| self.agent.clone()),
        })
    }

    async fn account(&self, app: &App) -> Result<Account, KeyError> {
        let open = async |sealed: &str, hash| {
            app.keys.open_for(&self.master, &about(&self.user_name, hash), sealed).await
        };
        let md5 = open(&self.sealed_md5, "md5").await?;
        Ok(Account {
            organisation: OrganisationId::parse(&self.organisation_id).map_err(|_| KeyError::Damaged)?,
            person: UserId::parse(&self.person_id).map_err(|_| KeyError::Damaged)?,
            realm: self.realm.clone(),
            sha256: open(&self.sealed_sha256, "sha-256").await?,
            md5: md5.first_chunk().copied().ok_or(KeyError::Damaged)?,
        })
    }
}

/// Fills the memory at the start, and wraps with the newest master key what an older one sealed.
///
/// # Errors
/// The database's.
pub async fn load(app: &App) -> Result<(), StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM desk_phone d JOIN person p ON p.id = d.person_id WHERE p.active = 1 ORDER BY d.id"
    );
    let rows: Vec<Row> = all(app.store.read(), &sql, []).await?;
    let mut by_person: BTreeMap<UserId, Vec<(String, Account)>> = BTreeMap::new();
    for row in &rows {
        match row.account(app).await {
            Ok(account) => {
                by_person.entry(account.person).or_default().push((row.user_name.clone(), account))
            }
            Err(error) => {
                tracing::error!(phone = %row.id, %error, "a telephone cannot register: its secret does not open");
            }
        }
    }
    settle(app, &rows).await?;
    for (person, accounts) in by_person {
        app.phones.put(person, accounts);
    }
    app.phones.are_all();
    Ok(())
}

/// Wraps anew what an older master key sealed, so that the old key may go one day.
async fn settle(app: &App, rows: &[Row]) -> Result<(), StoreError> {
    let Some(newest) = app.keys.newest_master() else { return Ok(()) };
    let mut moved = Vec::new();
    for row in rows.iter().filter(|r| r.master != newest) {
        let again = async {
            let account = row.account(app).await?;
            sealed(app, &row.user_name, &account.sha256, &account.md5).await
        };
        if let Ok((master, sha256, md5)) = again.await {
            moved.push([master.into(), sha256.into(), md5.into(), row.id.clone().into()]);
        }
    }
    if moved.is_empty() {
        return Ok(());
    }
    let write = app.store.begin().await?;
    for values in moved {
        let sql = "UPDATE desk_phone SET master = $1, sealed_sha256 = $2, sealed_md5 = $3 WHERE id = $4";
        write.exec(sql, values).await?;
    }
    write.commit().await
}

/// Name of the master key, and both hashes wrapped by it.
async fn sealed(
    app: &App,
    user: &str,
    sha256: &[u8; 32],
    md5: &[u8; 16],
) -> Result<(String, String, String), KeyError> {
    let mut wide = [0; 32];
    wide[..16].copy_from_slice(md5);
    let (master, first) = app.keys.seal_for(&about(user, "sha-256"), sha256).await?;
    let (_, second) = app.keys.seal_for(&about(user, "md5"), &wide).await?;
    Ok((master, first, second))
}

/// Brings the memory up to what is stored of a person; what they have no more is forgotten by the switch at once.
///
/// # Errors
/// The database's.
pub async fn refresh(app: &App, organisation: OrganisationId, person: UserId) -> Result<(), StoreError> {
    let _turn = app.phones.turn.lock().await;
    let sql = format!(
        "SELECT {COLUMNS} FROM desk_phone d JOIN person p ON p.id = d.person_id \
         WHERE d.organisation_id = $1 AND d.person_id = $2 AND p.active = 1 ORDER BY d.id"
    );
    let values = [organisation.to_string().into(), person.to_string().into()];
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    let mut accounts = Vec::new();
    for row in &rows {
        match row.account(app).await {
            Ok(account) => accounts.push((row.user_name.clone(), account)),
            Err(error) => tracing::error!(phone = %row.id, %error, "a telephone cannot register"),
        }
    }
    forget(app, app.phones.put(person, accounts));
    Ok(())
}

fn forget(app: &App, users: Vec<String>) {
    for user in users {
        if let Some(switch) = app.calls.switch() {
            switch.forget_phone(&user);
        }
    }
}

/// Forgets those that are stored no more: a request that removed one may have ended between its commit and its refresh.
async fn reconcile(app: &App) -> Result<(), StoreError> {
    #[derive(FromQueryResult)]
    struct Name {
        user_name: String,
    }
    let _turn = app.phones.turn.lock().await;
    let sql = "SELECT d.user_name FROM desk_phone d JOIN person p ON p.id = d.person_id WHERE p.active = 1";
    let stored: Vec<Name> = all(app.store.read(), sql, []).await?;
    forget(app, app.phones.retain(&stored.into_iter().map(|n| n.user_name).collect()));
    Ok(())
}

/// Stores when telephones were seen, and forgets what is stored no more, until the server stops.
pub async fn run(app: Shared) {
    let mut looked = Instant::now();
    loop {
        let stopping = tokio::select! {
            () = app.stopping.cancelled() => true,
            () = tokio::time::sleep(STORE) => false,
        };
        if looked.elapsed() >= RECONCILE && !stopping {
            looked = Instant::now();
            if let Err(error) = reconcile(&app).await {
                tracing::warn!(%error, "it could not be looked up which telephones there are");
            }
        }
        let fresh = app.phones.take_fresh(app.clock.now());
        if !fresh.is_empty()
            && let Err(error) = store_seen(&app, &fresh).await
        {
            tracing::warn!(%error, "when telephones were seen could not be stored");
            app.phones.give_back(fresh);
        }
        if stopping {
            return;
        }
    }
}

async fn store_seen(app: &App, fresh: &[(String, Seen)]) -> Result<(), StoreError> {
    let write = app.store.begin().await?;
    for (user, seen) in fresh {
        let values: [Value; 4] =
            [seen.at.0.into(), seen.from.to_string().into(), seen.agent.clone().into(), user.clone().into()];
        let sql = "UPDATE desk_phone SET seen_at = $1, seen_from = $2, agent = $3 WHERE user_name = $4";
        write.exec(sql, values).await?;
    }
    write.commit().await
}

fn realm(app: &App) -> ApiResult<&str> {
    app.config.phones.realm.as_deref().ok_or_else(|| {
        ApiError::conflict("no_phones", "this server takes no registrations of telephones")
            .hint("ask whoever runs the server to set phones.realm")
    })
}

fn name_of(name: &str) -> ApiResult<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > NAME || name.chars().any(char::is_control) {
        let problem = format!("is empty, longer than {NAME} characters or no text");
        return Err(ApiError::field("name", problem, "send a name such as 柜台"));
    }
    Ok(name.to_owned())
}

fn words(n: usize) -> String {
    let bytes: Vec<u8> = (0..n).map(|_| rand::random::<u8>()).collect();
    bytes.iter().map(|b| char::from(LETTERS[usize::from(b % 32)])).collect()
}

/// Telephones of a person, oldest first.
pub(super) async fn list(app: &App, scope: &Scope, person: UserId) -> ApiResult<Vec<PhoneView>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM desk_phone d WHERE d.organisation_id = $1 AND d.person_id = $2 ORDER BY d.id"
    );
    let values = [scope.organisation.to_string().into(), person.to_string().into()];
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    let users: Vec<String> = rows.iter().map(|r| r.user_name.clone()).collect();
    let there = app.calls.switch().map(|s| s.phones(&users)).unwrap_or_default();
    Ok(rows.iter().filter_map(|r| r.view(&there)).collect())
}

/// Fails with 404 unless the person is one of the organisation's.
pub(super) async fn is_ours(app: &App, scope: &Scope, person: UserId) -> ApiResult<()> {
    let sql = "SELECT COUNT(*) FROM person WHERE id = $1 AND organisation_id = $2";
    let values = [person.to_string().into(), scope.organisation.to_string().into()];
    match number(app.store.read(), sql, values).await? {
        0 => Err(ApiError::not_found("person")),
        _ => Ok(()),
    }
}

/// Nobody of this name among the person's telephones.
async fn free(write: &Write, person: UserId, name: &str, but: Option<PhoneId>) -> ApiResult<()> {
    let sql = "SELECT COUNT(*) FROM desk_phone WHERE person_id = $1 AND name = $2 AND id <> $3";
    let but = but.map(|id| id.to_string()).unwrap_or_default();
    if number(write.tx(), sql, [person.to_string().into(), name.into(), but.into()]).await? > 0 {
        return Err(ApiError::conflict("phone_exists", "there is a telephone of this name")
            .hint("where its secret is lost, remove it and make another"));
    }
    Ok(())
}

/// Makes a telephone of somebody's.
pub(super) async fn make(app: &App, scope: &Scope, person: UserId, name: &str) -> ApiResult<NewPhone> {
    let (realm, name, now) = (realm(app)?.to_owned(), name_of(name)?, app.clock.now());
    let (user, secret) = (words(USER), words(SECRET));
    let text = format!("{user}:{realm}:{secret}");
    let sha256: [u8; 32] = Sha256::digest(text.as_bytes()).into();
    let md5: [u8; 16] = <md5::Md5 as md5::Digest>::digest(text.as_bytes()).into();
    let (master, first, second) = sealed(app, &user, &sha256, &md5).await.map_err(|error| {
        tracing::error!(%error, "a telephone's secret cannot be sealed");
        ApiError::new(
            axum::http::StatusCode::SERVICE_UNAVAILABLE,
            "no_master_key",
            "the secret cannot be kept safely now",
        )
        .hint("nothing was done; see the server's log")
    })?;
    let write = app.store.begin().await?;
    let sql = "SELECT COUNT(*) FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1";
    let values = [person.to_string().into(), scope.organisation.to_string().into()];
    if number(write.tx(), sql, values).await? == 0 {
        return Err(ApiError::not_found("person"));
    }
    free(&write, person, &name, None).await?;
    let count = "SELECT COUNT(*) FROM desk_phone WHERE person_id = $1";
    if number(write.tx(), count, [person.to_string().into()]).await? >= MOST {
        return Err(ApiError::conflict("phones_full", format!("a person has {MOST} telephones at most"))
            .hint("remove one that is not used"));
    }
    let id = PhoneId::at(now, rand::random());
    write
        .exec(
            "INSERT INTO desk_phone (id, organisation_id, person_id, name, user_name, realm, master, sealed_sha256, sealed_md5, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
            [
                id.to_string().into(),
                scope.organisation.to_string().into(),
                person.to_string().into(),
                name.clone().into(),
                user.clone().into(),
                realm.clone().into(),
                master.into(),
                first.into(),
                second.into(),
                now.0.into(),
            ],
        )
        .await?;
    audit(&write, scope, now, "make_phone", id).await?;
    write.commit().await?;
    refresh(app, scope.organisation, person).await?;
    let phone = PhoneView {
        id,
        person,
        name,
        user,
        created_at: now,
        registered: false,
        transport: None,
        seen_at: None,
        seen_from: None,
        agent: None,
    };
    Ok(NewPhone { phone, secret, domain: realm, servers: servers(app) })
}

async fn audit(write: &Write, scope: &Scope, now: UnixMs, what: &str, id: PhoneId) -> Result<(), StoreError> {
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, organisation, by, now, what, &id.to_string(), "").await
}

/// Where the server listens, encrypted first.
fn servers(app: &App) -> Vec<String> {
    let Some(switch) = app.calls.switch() else { return Vec::new() };
    let mut found: Vec<_> = switch.local_addrs();
    found.sort_by_key(|(transport, _)| std::cmp::Reverse(*transport));
    let public = app.config.public_address;
    let told = |(transport, addr): &(waybell_switch::Transport, std::net::SocketAddr)| {
        let addr = std::net::SocketAddr::new(public.unwrap_or(addr.ip()), addr.port());
        format!("{}:{addr}", transport.as_str().to_lowercase())
    };
    found.iter().map(told).collect()
}

async fn row(write: &Write, scope: &Scope, person: UserId, id: PhoneId) -> ApiResult<Row> {
    let sql = format!(
        "SELECT {COLUMNS} FROM desk_phone d WHERE d.id = $1 AND d.organisation_id = $2 AND d.person_id = $3"
    );
    let values = [id.to_string().into(), scope.organisation.to_string().into(), person.to_string().into()];
    let found: Option<Row> = one(write.tx(), &sql, values).await?;
    found.ok_or_else(|| ApiError::not_found("telephone"))
}

/// Calls a telephone something else.
pub(super) async fn rename(
    app: &App,
    scope: &Scope,
    person: UserId,
    id: PhoneId,
    name: &str,
) -> ApiResult<PhoneView> {
    let name = name_of(name)?;
    let write = app.store.begin().await?;
    let mut row = row(&write, scope, person, id).await?;
    free(&write, person, &name, Some(id)).await?;
    let sql = "UPDATE desk_phone SET name = $1 WHERE id = $2 AND organisation_id = $3";
    let values = [name.clone().into(), id.to_string().into(), scope.organisation.to_string().into()];
    write.exec(sql, values).await?;
    write.commit().await?;
    row.name = name;
    let there =
        app.calls.switch().map(|s| s.phones(std::slice::from_ref(&row.user_name))).unwrap_or_default();
    row.view(&there).ok_or_else(|| ApiError::not_found("telephone"))
}

/// Removes a telephone: it registers no more, and rings for no further call.
pub(super) async fn remove(app: &App, scope: &Scope, person: UserId, id: PhoneId) -> ApiResult<()> {
    let write = app.store.begin().await?;
    row(&write, scope, person, id).await?;
    let sql = "DELETE FROM desk_phone WHERE id = $1 AND organisation_id = $2 AND person_id = $3";
    let values = [id.to_string().into(), scope.organisation.to_string().into(), person.to_string().into()];
    write.exec(sql, values).await?;
    audit(&write, scope, app.clock.now(), "remove_phone", id).await?;
    write.commit().await?;
    refresh(app, scope.organisation, person).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_secrets_are_typed_without_doubt() {
        assert!(LETTERS.iter().all(|b| !b"l1o0".contains(b)));
        let (a, b) = (words(SECRET), words(SECRET));
        assert_eq!((a.len(), b.len()), (20, 20));
        assert_ne!(a, b);
        for bad in ["", "  ", "a\nb", &"长".repeat(41)] {
            assert!(name_of(bad).is_err(), "{bad}");
        }
        assert_eq!(name_of(" 柜台 ").ok().as_deref(), Some("柜台"));
    }
}
