//! Making organisations and people; used by routes and by `waybell-server admin`.

use crate::accounts::service::hash_password;
use crate::http::error::{ApiError, ApiResult};
use crate::store::{StoreError, Write, one};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{Role, UserView};

/// What a new person needs.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Tenant.
    pub organisation: OrganisationId,
    /// Branch.
    pub branch: Option<BranchId>,
    /// Login name.
    pub login: String,
    /// Password in clear.
    pub password: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Own mobile, rung when a recipient asks for the courier.
    pub phone: Option<String>,
}

/// Makes an organisation with the default policy and one branch.
pub async fn create_organisation(
    write: &Write,
    now: UnixMs,
    name: &str,
    company: &str,
    zone: &str,
    policy: &Policy,
) -> ApiResult<(OrganisationId, BranchId)> {
    if zone.parse::<chrono_tz::Tz>().is_err() {
        return Err(ApiError::field(
            "time_zone",
            format!("{zone:?} is not a zone"),
            "write one like Asia/Shanghai",
        ));
    }
    let organisation = OrganisationId::at(now, rand::random());
    let policy = serde_json::to_string(policy).map_err(|e| ApiError::field("policy", e.to_string(), ""))?;
    write
        .exec(
            "INSERT INTO organisation (id, name, company, time_zone, policy, rev) VALUES ($1, $2, $3, $4, $5, $6)",
            [
                organisation.to_string().into(),
                name.into(),
                company.into(),
                zone.into(),
                policy.into(),
                write.next_rev().into(),
            ],
        )
        .await?;
    let branch = BranchId::at(now, rand::random());
    write
        .exec(
            "INSERT INTO branch (id, organisation_id, name) VALUES ($1, $2, $3)",
            [branch.to_string().into(), organisation.to_string().into(), name.into()],
        )
        .await?;
    crate::templates::service::install(write, organisation, now).await?;
    Ok((organisation, branch))
}

#[derive(FromQueryResult)]
struct Id {
    id: String,
}

/// Has the phones told, with the next commit, that something which they keep of the organisation has changed.
///
/// # Errors
/// The database refuses.
pub(crate) async fn touch(write: &Write, organisation: OrganisationId) -> Result<(), StoreError> {
    let rev = write.next_rev();
    let sql = "UPDATE organisation SET rev = $1 WHERE id = $2";
    write.exec(sql, [rev.into(), organisation.to_string().into()]).await.map(|_| ())
}

/// The organisation with this name and its first branch.
pub async fn find_organisation(
    write: &Write,
    name: &str,
) -> ApiResult<Option<(OrganisationId, Option<BranchId>)>> {
    let row: Option<Id> =
        one(write.tx(), "SELECT id FROM organisation WHERE name = $1", [name.into()]).await?;
    let Some(id) = row.and_then(|r| OrganisationId::parse(&r.id).ok()) else { return Ok(None) };
    let branch: Option<Id> = one(
        write.tx(),
        "SELECT id FROM branch WHERE organisation_id = $1 ORDER BY id",
        [id.to_string().into()],
    )
    .await?;
    Ok(Some((id, branch.and_then(|b| BranchId::parse(&b.id).ok()))))
}

/// A person whose fields are checked and whose password is hashed.
pub struct ReadyPerson {
    person: NewPerson,
    login: String,
    phone: Option<String>,
    hash: String,
}

/// Checks the fields and hashes the password, which takes tens of milliseconds: before any transaction.
pub async fn ready(person: NewPerson) -> ApiResult<ReadyPerson> {
    let login = person.login.trim().to_owned();
    if !(2..=60).contains(&login.chars().count()) {
        return Err(ApiError::field("login", "must have 2 to 60 characters", "choose a login name"));
    }
    let phone = match person.phone.as_deref().map(str::trim).filter(|p| !p.is_empty()) {
        None => None,
        Some(text) => Some(
            PhoneNumber::parse(text)
                .map_err(|e| ApiError::field("phone", e.to_string(), "correct the number"))?
                .key(),
        ),
    };
    let hash = hashed(&person.password).await?;
    Ok(ReadyPerson { person, login, phone, hash })
}

/// Hashes a password that is long enough, on a thread that may take its time.
pub async fn hashed(password: &str) -> ApiResult<String> {
    if password.chars().count() < 8 {
        return Err(ApiError::field("password", "is shorter than 8 characters", "choose a longer one"));
    }
    let password = password.to_owned();
    tokio::task::spawn_blocking(move || hash_password(&password))
        .await
        .map_err(|e| e.to_string())
        .and_then(|h| h)
        .map_err(|e| ApiError::field("password", e, "choose another one"))
}

/// Makes a person. The login name must be free on this server.
pub async fn create_person(write: &Write, now: UnixMs, ready: ReadyPerson) -> ApiResult<UserView> {
    let ReadyPerson { person, login, phone, hash } = ready;
    let sql = "SELECT id FROM person WHERE login = $1";
    let taken: Option<Id> = write.beyond(one(write.tx(), sql, [login.clone().into()])).await?;
    if taken.is_some() {
        return Err(ApiError::conflict("login_taken", "this login name is in use").hint("choose another one"));
    }
    let id = UserId::at(now, rand::random());
    write
        .exec(
            "INSERT INTO person (id, organisation_id, branch_id, login, name, role, password_hash, phone_key, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            [
                id.to_string().into(),
                person.organisation.to_string().into(),
                person.branch.map(|b| b.to_string()).into(),
                login.clone().into(),
                person.name.clone().into(),
                person.role.as_str().into(),
                hash.into(),
                phone.into(),
                now.0.into(),
            ],
        )
        .await?;
    Ok(UserView {
        id,
        organisation: person.organisation,
        branch: person.branch,
        login,
        name: person.name,
        role: person.role,
    })
}
