//! `/api/v1/people`: who may sign in.

use super::service::{NewPerson, create_person as make_person, hashed, ready};
use crate::accounts::auth::Signed;
use crate::accounts::service::revoke_all;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Strict;
use crate::http::query::Query;
use crate::store::{StoreError, all, one};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, FromQueryResult};
use serde::{Deserialize, Serialize};
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ErrorBody, PersonView, Role, UserView};

#[derive(FromQueryResult)]
struct PersonRow {
    id: String,
    organisation_id: String,
    branch_id: Option<String>,
    login: String,
    name: String,
    role: String,
    phone_key: Option<String>,
    active: i64,
}

const COLUMNS: &str = "id, organisation_id, branch_id, login, name, role, phone_key, active";

impl PersonRow {
    fn view(self) -> Option<UserView> {
        Some(UserView {
            id: UserId::parse(&self.id).ok()?,
            organisation: OrganisationId::parse(&self.organisation_id).ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
            login: self.login,
            name: self.name,
            role: Role::parse(&self.role)?,
        })
    }

    fn listed(self) -> Option<PersonView> {
        let (phone, active) = (self.phone_key.clone(), self.active != 0);
        Some(PersonView { user: self.view()?, phone, active })
    }
}

/// Who is on the list.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub struct PeopleQuery {
    /// Also those who may not sign in any more.
    pub left: bool,
}

/// What a person is called; empty where nobody has this id.
pub(crate) async fn name<C: ConnectionTrait>(db: &C, person: UserId) -> Result<String, StoreError> {
    let row: Option<Name> =
        one(db, "SELECT name FROM person WHERE id = $1", [person.to_string().into()]).await?;
    Ok(row.map(|r| r.name).unwrap_or_default())
}

#[derive(FromQueryResult)]
struct Name {
    name: String,
}

/// The people of the organisation, or of the own branch, with their own mobiles.
#[utoipa::path(get, path = "/api/v1/people", tag = "organisation", security(("bearer" = [])), params(PeopleQuery),
    responses((status = 200, body = [PersonView]), (status = 403, body = ErrorBody)))]
pub async fn list_people(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<PeopleQuery>,
) -> ApiResult<Json<Vec<PersonView>>> {
    if !signed.scope.role.sees_branch() {
        return Err(ApiError::forbidden());
    }
    let which = if query.left { "" } else { "AND active = 1" };
    let sql = format!("SELECT {COLUMNS} FROM person WHERE organisation_id = $1 {which} ORDER BY login");
    let rows: Vec<PersonRow> =
        all(app.store.read(), &sql, [signed.scope.organisation.to_string().into()]).await?;
    let seen = |p: &PersonRow| {
        signed.scope.role.is_administrator()
            || signed.scope.branch.is_none()
            || p.branch_id == signed.scope.branch.map(|b| b.to_string())
    };
    Ok(Json(rows.into_iter().filter(seen).filter_map(PersonRow::listed).collect()))
}

/// A new person.
#[derive(Debug, Clone, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PersonRequest {
    /// Login name, free on this server.
    pub login: String,
    /// Password, 8 characters or more.
    pub password: String,
    /// Name.
    pub name: String,
    /// Role.
    pub role: Role,
    /// Own mobile.
    #[serde(default)]
    pub phone: Option<String>,
}

/// Make a person in the own branch (administrators).
#[utoipa::path(post, path = "/api/v1/people", tag = "organisation", security(("bearer" = [])), request_body = PersonRequest,
    responses((status = 201, body = UserView), (status = 409, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn create_person(
    State(app): State<Shared>,
    signed: Signed,
    Strict(request): Strict<PersonRequest>,
) -> ApiResult<(StatusCode, Json<UserView>)> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let person = NewPerson {
        organisation: scope.organisation,
        branch: scope.branch,
        login: request.login,
        password: request.password,
        name: request.name,
        role: request.role,
        phone: request.phone,
    };
    let person = ready(person).await?;
    let write = app.store.begin().await?;
    let view = make_person(&write, now, person).await?;
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "create_person",
        &view.id.to_string(),
        "",
    )
    .await?;
    write.commit().await?;
    Ok((StatusCode::CREATED, Json(view)))
}

/// What to change of a person; what is absent stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct PersonChange {
    /// Name on screens.
    pub name: Option<String>,
    /// New password, 8 characters or more. Ends every session of the person.
    pub password: Option<String>,
    /// Own mobile; empty takes it away.
    pub phone: Option<String>,
    /// False: may not sign in any more, and every session ends. What the person has started goes on.
    pub active: Option<bool>,
}

/// Change a person: password, name, own mobile, or whether they may sign in (administrators).
#[utoipa::path(patch, path = "/api/v1/people/{id}", tag = "organisation", security(("bearer" = [])),
    params(("id" = String, Path)), request_body = PersonChange,
    responses((status = 200, body = UserView), (status = 404, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn change_person(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    Strict(change): Strict<PersonChange>,
) -> ApiResult<Json<UserView>> {
    let scope = signed.administrator()?;
    let now = app.clock.now();
    let id = UserId::parse(&id).map_err(|_| ApiError::not_found("person"))?;
    if id == scope.person && change.active == Some(false) {
        let hint = "ask another administrator";
        return Err(ApiError::field("active", "nobody can shut themselves out", hint));
    }
    let name = change.name.as_deref().map(str::trim);
    if name.is_some_and(str::is_empty) {
        return Err(ApiError::field("name", "is empty", "write the person's name"));
    }
    let phone = match change.phone.as_deref().map(str::trim) {
        None => None,
        Some("") => Some(None),
        Some(text) => {
            let number = PhoneNumber::parse(text)
                .map_err(|e| ApiError::field("phone", e.to_string(), "correct the number"))?;
            Some(Some(number.key()))
        }
    };
    let hash = match &change.password {
        None => None,
        Some(password) => Some(hashed(password).await?),
    };
    let write = app.store.begin().await?;
    let row: Option<PersonRow> = one(
        write.tx(),
        &format!("SELECT {COLUMNS} FROM person WHERE id = $1 AND organisation_id = $2"),
        [id.to_string().into(), scope.organisation.to_string().into()],
    )
    .await?;
    let mut row = row.ok_or_else(|| ApiError::not_found("person"))?;
    let set = |column: &'static str, value: sea_orm::Value| {
        let sql = format!("UPDATE person SET {column} = $1 WHERE id = $2");
        (sql, [value, id.to_string().into()])
    };
    let mut changes = Vec::new();
    if let Some(name) = name {
        row.name = name.to_owned();
        changes.push(set("name", name.into()));
    }
    if let Some(phone) = phone {
        changes.push(set("phone_key", phone.into()));
    }
    if let Some(active) = change.active {
        changes.push(set("active", i64::from(active).into()));
    }
    let ends = hash.is_some() || change.active == Some(false);
    if let Some(hash) = hash {
        changes.push(set("password_hash", hash.into()));
    }
    for (sql, values) in changes {
        write.exec(&sql, values).await?;
    }
    let ended = if ends { revoke_all(&write, id, now).await? } else { Vec::new() };
    crate::audit::record(
        &write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        "change_person",
        &id.to_string(),
        "",
    )
    .await?;
    write.commit().await?;
    app.revoked.lock().extend(ended.into_iter().map(|session| (session, now)));
    if change.active.is_some() {
        crate::phones::refresh(&app, scope.organisation, id).await?;
    }
    row.view().map(Json).ok_or_else(|| ApiError::not_found("person"))
}
