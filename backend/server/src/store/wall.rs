//! Row-level security of PostgreSQL: a second wall behind the scope of every query.
//!
//! Every row that belongs to an organisation is seen and written only by who has said which organisation it works for, in the
//! setting `waybell.organisation` of the connection. The server says it by itself: a request begins as nobody ([`request`]),
//! who sees no row at all; whoever signs in, or signs a webhook, becomes one of their organisation ([`signed_in`]); each
//! connection is told before it is used. So a query of a route that forgets its scope finds nothing of anybody else.
//!
//! What must look across organisations says so: [`everything`] around sign-in, the table of published numbers, the page of
//! metrics; `Write::beyond` for one look inside a write (is this login name taken?). The server's own work, which is no request
//! (the dialler, calls, pushes, sweeps), sees everything: the setting is `*` there, and a connection that was told nothing
//! gets an error and not an empty answer, because an empty list of opt-outs would ring people.
//!
//! Policies are made from the tables themselves after each migration (`raise`): a table with `organisation_id` gets one by
//! that column, one without it by its parent; a table that is neither is an error until it is listed here.

use super::{StoreError, all};
use parking_lot::Mutex;
use sea_orm::{ConnectionTrait, DbErr, FromQueryResult};
use std::collections::BTreeMap;
use waybell_domain::id::OrganisationId;

/// Tables of the server itself, and the one that says which organisations may show a number: that is asked for all of them.
const COMMON: &[&str] = &["meta", "owner", "schema_version", "caller_id", "geocoder_day"];

/// Tables whose rows belong to whom another row belongs to: table, column, table and column of the other row.
const CHILDREN: &[(&str, &str, &str, &str)] = &[
    ("parcel_gone", "parcel_id", "parcel", "id"),
    ("recipient_parcel", "recipient_id", "recipient", "id"),
    ("notified", "attempt_id", "attempt", "id"),
    ("operation", "person_id", "person", "id"),
    ("integration_parcel", "integration_id", "integration", "id"),
    ("webhook_received", "integration_id", "integration", "id"),
    ("deed_parcel", "deed_id", "deed", "id"),
    ("call_leg", "phone_call_id", "phone_call", "id"),
];

/// Tables that are only ever added to. SQLite has this in its schema.
const ADDED_TO: &[&str] = &["ledger_entry"];

const SETTING: &str = "current_setting('waybell.organisation')";

/// Whom a request works for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Who {
    Nobody,
    Organisation(String),
    Everybody,
}

tokio::task_local! {
    static WHO: Mutex<Who>;
}

/// Runs a request, which sees nothing until somebody has signed in.
pub async fn request<T>(work: impl Future<Output = T>) -> T {
    WHO.scope(Mutex::new(Who::Nobody), work).await
}

/// From now on this request works for this organisation.
pub fn signed_in(organisation: OrganisationId) {
    // outside of a request there is nothing to narrow
    let _ = WHO.try_with(|who| *who.lock() = Who::Organisation(organisation.to_string()));
}

/// Runs work for one organisation, outside of a request.
pub async fn organisation<T>(id: OrganisationId, work: impl Future<Output = T>) -> T {
    WHO.scope(Mutex::new(Who::Organisation(id.to_string())), work).await
}

/// Runs what must see the rows of all organisations, inside a request.
pub async fn everything<T>(work: impl Future<Output = T>) -> T {
    WHO.scope(Mutex::new(Who::Everybody), work).await
}

/// The setting for a connection that is used from here.
pub(super) fn setting() -> String {
    let told = WHO.try_with(|who| match &*who.lock() {
        Who::Nobody => String::new(),
        Who::Organisation(id) => id.clone(),
        Who::Everybody => "*".to_owned(),
    });
    told.unwrap_or_else(|_| "*".to_owned())
}

#[derive(FromQueryResult)]
struct Table {
    name: String,
    own: Option<String>,
    done: Option<String>,
}

/// Puts every table behind the wall that is not.
pub(super) async fn raise<C: ConnectionTrait>(db: &C) -> Result<(), StoreError> {
    let sql = "SELECT CAST(c.relname AS TEXT) AS name, CAST(a.attname AS TEXT) AS own, CAST(p.polname AS TEXT) AS done \
               FROM pg_class c LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'organisation_id' \
               AND NOT a.attisdropped LEFT JOIN pg_policy p ON p.polrelid = c.oid AND p.polname = 'organisation' \
               WHERE c.relnamespace = CAST(current_schema() AS regnamespace) AND c.relkind = 'r'";
    let tables: Vec<Table> = all(db, sql, []).await?;
    let tables: BTreeMap<String, Table> = tables.into_iter().map(|t| (t.name.clone(), t)).collect();
    let mut statements = String::new();
    for (name, table) in &tables {
        if COMMON.contains(&name.as_str()) || table.done.is_some() {
            continue;
        }
        let own = table.own.is_some();
        statements.push_str(&policy(name, own).ok_or_else(|| {
            DbErr::Custom(format!("table {name} belongs to no organisation: list it in store/wall.rs"))
        })?);
        if ADDED_TO.contains(&name.as_str()) {
            statements.push_str(&stays(name));
        }
    }
    if !statements.is_empty() {
        db.execute_unprepared(&statements).await?;
    }
    Ok(())
}

/// The statements that let no row of a table be changed or removed.
fn stays(table: &str) -> String {
    format!(
        "CREATE FUNCTION {table}_stays() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN RAISE EXCEPTION ''rows of {table} are never changed''; END'; \
         CREATE TRIGGER {table}_stays BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {table}_stays();\n"
    )
}

/// The statements for a table; `own`: it has a column `organisation_id`.
fn policy(table: &str, own: bool) -> Option<String> {
    let mine = match CHILDREN.iter().find(|c| c.0 == table) {
        _ if table == "organisation" => format!("id = {SETTING}"),
        _ if own => format!("organisation_id = {SETTING}"),
        Some((_, column, parent, key)) => {
            format!("EXISTS (SELECT 1 FROM {parent} parent WHERE parent.{key} = {table}.{column})")
        }
        None => return None,
    };
    Some(format!(
        "ALTER TABLE {table} ENABLE ROW LEVEL SECURITY; ALTER TABLE {table} FORCE ROW LEVEL SECURITY; \
         CREATE POLICY organisation ON {table} USING ({SETTING} = '*' OR {mine});\n"
    ))
}
