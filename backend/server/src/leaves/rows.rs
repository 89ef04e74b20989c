//! Rows of `leave_request`.

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::attendance::{AskState, LeaveKind, Span};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::wire::LeaveView;

/// Columns of [`Row`], for [`FROM`].
pub(super) const COLUMNS: &str = "l.id, l.courier_id, l.kind, l.from_edge, l.to_edge, l.from_at, l.to_at, l.note, l.state, \
     l.made_by, l.asked_at, l.decided_by, l.decided_at, l.reason, p.name";
pub(super) const FROM: &str = "leave_request l JOIN person p ON p.id = l.courier_id";

/// A leave.
#[derive(FromQueryResult)]
pub(super) struct Row {
    pub id: String,
    pub courier_id: String,
    pub kind: String,
    pub from_edge: String,
    pub to_edge: String,
    pub from_at: i64,
    pub to_at: i64,
    pub note: Option<String>,
    pub state: String,
    pub made_by: String,
    pub asked_at: i64,
    pub decided_by: Option<String>,
    pub decided_at: Option<i64>,
    pub reason: Option<String>,
    pub name: String,
}

impl Row {
    /// The wire form; `None` for a damaged row, which is logged and left out.
    pub(super) fn view(&self) -> Option<LeaveView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(leave = %self.id, "a leave does not read back");
        }
        view
    }

    fn read(&self) -> Option<LeaveView> {
        Some(LeaveView {
            id: OperationId::parse(&self.id).ok()?,
            courier: UserId::parse(&self.courier_id).ok()?,
            name: self.name.clone(),
            kind: LeaveKind::parse(&self.kind)?,
            from: serde_json::from_str(&self.from_edge).ok()?,
            to: serde_json::from_str(&self.to_edge).ok()?,
            from_at: UnixMs(self.from_at),
            to_at: UnixMs(self.to_at),
            note: self.note.clone(),
            state: AskState::parse(&self.state)?,
            by: UserId::parse(&self.made_by).ok()?,
            asked_at: UnixMs(self.asked_at),
            decided_by: self.decided_by.as_deref().map(UserId::parse).transpose().ok()?,
            decided_at: self.decided_at.map(UnixMs),
            reason: self.reason.clone(),
        })
    }

    /// Where it stands.
    pub(super) fn state(&self) -> ApiResult<AskState> {
        let damaged = || StoreError::Damaged { what: "leave_request.state", problem: self.state.clone() };
        Ok(AskState::parse(&self.state).ok_or_else(damaged)?)
    }
}

/// A leave that the asker may see.
pub(super) async fn stored<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Row> {
    let missing = || ApiError::not_found("leave");
    let id = OperationId::parse(id).map_err(|_| missing())?;
    let (filter, mut values) = scope.filter("l", 1);
    values.push(id.to_string().into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} AND l.id = ${}", values.len());
    one(db, &sql, values).await?.ok_or_else(missing)
}

#[derive(FromQueryResult)]
struct Held {
    courier_id: String,
    kind: String,
    from_at: i64,
    to_at: i64,
}

/// Approved leaves that meet this while, person by person; of one person where `only` names one.
pub(crate) async fn approved<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    only: &str,
    within: Span,
) -> Result<HashMap<UserId, Vec<(LeaveKind, Span)>>, StoreError> {
    let (filter, mut values) = scope.filter("l", 1);
    let n = values.len();
    values.extend([Value::from(within.from.0), within.to.0.into(), only.into()]);
    let sql = format!(
        "SELECT l.courier_id, l.kind, l.from_at, l.to_at FROM leave_request l WHERE {filter} AND l.state = 'approved' \
         AND l.to_at > ${} AND l.from_at < ${} AND (${who} = '' OR l.courier_id = ${who}) ORDER BY l.from_at, l.id",
        n + 1,
        n + 2,
        who = n + 3
    );
    let mut found: HashMap<UserId, Vec<(LeaveKind, Span)>> = HashMap::new();
    for row in all::<Held, _>(db, &sql, values).await? {
        let (Ok(courier), Some(kind)) = (UserId::parse(&row.courier_id), LeaveKind::parse(&row.kind)) else {
            continue;
        };
        let span = Span { from: UnixMs(row.from_at), to: UnixMs(row.to_at) };
        found.entry(courier).or_default().push((kind, span));
    }
    Ok(found)
}
