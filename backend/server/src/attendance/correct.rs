//! A correction of somebody's day: what it may be, and how it is kept.

use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, number};
use crate::tracks::{LocalDay, Person};
use sea_orm::Value;
use waybell_domain::attendance::{Correction, FieldPolicy, plan};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OperationId};

/// A correction that is made.
pub(crate) struct Made<'a> {
    pub id: OperationId,
    pub correction: &'a Correction,
    pub reason: &'a str,
}

/// Keeps a correction that was checked. Of the same id there is none yet.
pub(crate) async fn put_correction(
    write: &Write,
    scope: &Scope,
    courier: &Person,
    day: &LocalDay,
    made: &Made<'_>,
    now: UnixMs,
) -> ApiResult<()> {
    let what = serde_json::to_string(made.correction)
        .map_err(|e| StoreError::Damaged { what: "punch_correction.what", problem: e.to_string() })?;
    let sql = "INSERT INTO punch_correction (id, organisation_id, branch_id, courier_id, day, what, reason, made_by, at) \
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    let values: [Value; 9] = [
        made.id.to_string().into(),
        scope.organisation.to_string().into(),
        courier.branch.clone().into(),
        courier.id.to_string().into(),
        day.name.clone().into(),
        what.into(),
        made.reason.into(),
        scope.person.to_string().into(),
        now.0.into(),
    ];
    write.exec(sql, values).await?;
    Ok(())
}

/// A punch that is added is of that day, and one that is voided is the courier's.
pub(crate) async fn check_correction(
    write: &Write,
    scope: &Scope,
    courier: &Person,
    day: &LocalDay,
    correction: &Correction,
) -> ApiResult<()> {
    match correction {
        Correction::Punch { at, .. } => {
            let rules: FieldPolicy = super::rules::in_force(write.tx(), scope.organisation).await?;
            let branch = courier.branch.as_deref().and_then(|b| BranchId::parse(b).ok());
            if !plan(&rules, day.date, branch, day.zone).holds(*at) {
                let hint = "give a time of that day's shift, or the day that the time is of";
                return Err(ApiError::field("correction.at", "is not of this day", hint));
            }
            Ok(())
        }
        Correction::Void { punch } => {
            let sql = "SELECT COUNT(*) FROM punch WHERE id = $1 AND courier_id = $2";
            let key = [punch.to_string().into(), courier.id.to_string().into()];
            match number(write.tx(), sql, key).await? {
                0 => Err(ApiError::not_found("punch")),
                _ => Ok(()),
            }
        }
        Correction::Leave | Correction::WorkDay => Ok(()),
    }
}
