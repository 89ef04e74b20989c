//! Rows of `correction_ask`.

use crate::http::error::{ApiError, ApiResult};
use crate::store::one;
use crate::store::scope::Scope;
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::attendance::AskState;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, UserId};
use waybell_domain::wire::CorrectionAskView;

/// Columns of [`Asked`], for [`FROM`].
pub(super) const COLUMNS: &str = "a.id, a.courier_id, a.day, a.what, a.reason, a.state, a.asked_at, a.decided_by, a.decided_at, \
     a.answer, p.name";
pub(super) const FROM: &str = "correction_ask a JOIN person p ON p.id = a.courier_id";

/// A correction that was asked for.
#[derive(FromQueryResult)]
pub(super) struct Asked {
    pub id: String,
    pub courier_id: String,
    day: String,
    what: String,
    reason: String,
    state: String,
    asked_at: i64,
    decided_by: Option<String>,
    decided_at: Option<i64>,
    answer: Option<String>,
    name: String,
}

impl Asked {
    /// The wire form; `None` for a damaged row, which is logged and left out.
    pub(super) fn view(&self) -> Option<CorrectionAskView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(asked = %self.id, "a correction that was asked for does not read back");
        }
        view
    }

    fn read(&self) -> Option<CorrectionAskView> {
        Some(CorrectionAskView {
            id: OperationId::parse(&self.id).ok()?,
            courier: UserId::parse(&self.courier_id).ok()?,
            name: self.name.clone(),
            day: self.day.clone(),
            correction: serde_json::from_str(&self.what).ok()?,
            reason: self.reason.clone(),
            state: AskState::parse(&self.state)?,
            asked_at: UnixMs(self.asked_at),
            decided_by: self.decided_by.as_deref().map(UserId::parse).transpose().ok()?,
            decided_at: self.decided_at.map(UnixMs),
            answer: self.answer.clone(),
        })
    }
}

/// One that the asker may see.
pub(super) async fn stored<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    id: &str,
) -> ApiResult<CorrectionAskView> {
    let missing = || ApiError::not_found("correction");
    let id = OperationId::parse(id).map_err(|_| missing())?;
    let (filter, mut values) = scope.filter("a", 1);
    values.push(id.to_string().into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} AND a.id = ${}", values.len());
    let row: Option<Asked> = one(db, &sql, values).await?;
    row.and_then(|r| r.view()).ok_or_else(missing)
}
