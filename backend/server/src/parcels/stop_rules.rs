//! Stops that couriers put right by hand, shared in their branch (`waybell_domain::parcel::regroup`).
//!
//! A rule gets its place in the order when it arrives first; undoing leaves it in its place, marked. An undo that comes
//! before its rule takes its place.

use super::deeds::json;
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, all, one};
use sea_orm::{FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::parcel::{StopRuleKind, check_keys};
use waybell_domain::wire::{StopRuleRequest, StopRuleView};

const COLUMNS: &str = "id, person_id, kind, keys, at, seq, undone_by, rev";

#[derive(FromQueryResult)]
struct Row {
    id: String,
    person_id: String,
    kind: String,
    keys: String,
    at: i64,
    seq: i64,
    undone_by: Option<String>,
    rev: i64,
}

impl Row {
    fn view(&self) -> Option<StopRuleView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(rule = %self.id, "a stop rule does not read back");
        }
        view
    }

    fn read(&self) -> Option<StopRuleView> {
        Some(StopRuleView {
            id: OperationId::parse(&self.id).ok()?,
            kind: StopRuleKind::parse(&self.kind)?,
            keys: serde_json::from_str(&self.keys).ok()?,
            by: UserId::parse(&self.person_id).ok()?,
            at: UnixMs(self.at),
            seq: self.seq,
            undone: self.undone_by.is_some(),
            rev: self.rev,
        })
    }
}

fn branch(scope: &Scope) -> String {
    scope.branch.map(|b| b.to_string()).unwrap_or_default()
}

/// The rule of this id in the scope's branch.
///
/// # Errors
/// 404 where it is another branch's.
async fn known(write: &Write, scope: &Scope, id: OperationId) -> ApiResult<Option<Row>> {
    #[derive(FromQueryResult)]
    struct Whose {
        organisation_id: String,
        branch_id: String,
    }
    let values = || [Value::from(id.to_string())];
    let sql = "SELECT organisation_id, branch_id FROM stop_rule WHERE id = $1";
    let whose: Option<Whose> = write.beyond(one(write.tx(), sql, values())).await?;
    let Some(whose) = whose else { return Ok(None) };
    if whose.organisation_id != scope.organisation.to_string() || whose.branch_id != branch(scope) {
        return Err(ApiError::not_found("rule"));
    }
    Ok(one(write.tx(), &format!("SELECT {COLUMNS} FROM stop_rule WHERE id = $1"), values()).await?)
}

fn told(row: Option<Row>) -> ApiResult<StopRuleView> {
    let view = row.as_ref().and_then(Row::view);
    Ok(view.ok_or(StoreError::Damaged { what: "stop_rule", problem: "does not read back".into() })?)
}

/// Takes a rule.
///
/// # Errors
/// 422 for keys that are none.
pub(super) async fn take(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    at: UnixMs,
    request: &StopRuleRequest,
) -> ApiResult<StopRuleView> {
    if !check_keys(&request.keys) {
        return Err(ApiError::field("keys", "are none", "send 1 to 200 keys of addresses"));
    }
    if let Some(row) = known(write, scope, request.id).await? {
        return told(Some(row));
    }
    put(write, scope, at, request.id, request.kind, &request.keys, None).await?;
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    let what = match request.kind {
        StopRuleKind::Merge => "merge_stops",
        StopRuleKind::Split => "split_stop",
    };
    crate::audit::record(write, org, person, now, what, &request.id.to_string(), "").await?;
    told(known(write, scope, request.id).await?)
}

/// Undoes a rule, whoever of the branch made it.
pub(super) async fn undo(
    write: &Write,
    scope: &Scope,
    now: UnixMs,
    at: UnixMs,
    id: OperationId,
) -> ApiResult<StopRuleView> {
    match known(write, scope, id).await? {
        None => {
            put(write, scope, at, id, StopRuleKind::Merge, &[], Some(scope.person)).await?;
            return told(known(write, scope, id).await?);
        }
        Some(row) if row.undone_by.is_some() => return told(Some(row)),
        Some(_) => {}
    }
    write
        .exec(
            "UPDATE stop_rule SET undone_by = $1, rev = $2 WHERE id = $3",
            [scope.person.to_string().into(), write.next_rev().into(), id.to_string().into()],
        )
        .await?;
    let (org, person) = (Some(scope.organisation), Some(scope.person));
    crate::audit::record(write, org, person, now, "undo_stops", &id.to_string(), "").await?;
    told(known(write, scope, id).await?)
}

async fn put(
    write: &Write,
    scope: &Scope,
    at: UnixMs,
    id: OperationId,
    kind: StopRuleKind,
    keys: &[String],
    undone_by: Option<UserId>,
) -> ApiResult<()> {
    let rev = write.next_rev();
    let values: [Value; 9] = [
        id.to_string().into(),
        scope.organisation.to_string().into(),
        branch(scope).into(),
        scope.person.to_string().into(),
        kind.as_str().into(),
        json(&keys)?.into(),
        at.0.into(),
        rev.into(),
        undone_by.map(|p| p.to_string()).into(),
    ];
    let sql = "INSERT INTO stop_rule (id, organisation_id, branch_id, person_id, kind, keys, at, seq, undone_by, rev) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)";
    write.exec(sql, values).await?;
    Ok(())
}

/// Rules of the scope's branch that changed after `since` and up to `end`, by revision.
pub(super) async fn newer(
    app: &App,
    scope: &Scope,
    since: i64,
    end: i64,
    limit: u64,
) -> Result<Vec<StopRuleView>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM stop_rule WHERE organisation_id = $1 AND branch_id = $2 AND rev > $3 AND rev <= $4 \
         ORDER BY rev LIMIT $5"
    );
    let values: [Value; 5] = [
        scope.organisation.to_string().into(),
        branch(scope).into(),
        since.into(),
        end.into(),
        (limit as i64).into(),
    ];
    Ok(all::<Row, _>(app.store.read(), &sql, values).await?.iter().filter_map(Row::view).collect())
}
