//! Writing: a line of the trail and the order with it, in one transaction.

use super::rows::{Row, Rules};
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{StoreError, Write};
use sea_orm::Value;
use serde::Serialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AreaId, OperationId, UserId};
use waybell_domain::order::{Course, OrderAction, OrderType, PlacedBy, place};

/// What a line of the trail says.
pub(super) struct Line<'a> {
    pub operation: Option<OperationId>,
    pub at: UnixMs,
    pub now: UnixMs,
    pub by: Option<UserId>,
    pub action: Option<&'a OrderAction>,
    pub placed: Option<PlacedBy>,
}

fn json<T: Serialize>(value: &T) -> Result<String, StoreError> {
    serde_json::to_string(value)
        .map_err(|e| StoreError::Damaged { what: "work_order", problem: e.to_string() })
}

/// Adds a line and brings the row to its course. The row is as it is stored then.
pub(super) async fn add(write: &Write, row: &mut Row, course: &Course, line: &Line<'_>) -> ApiResult<()> {
    let before = row.courier_id.clone();
    row.steps += 1;
    row.course = json(course)?;
    row.courier_id = course.handler.map(|h| h.to_string());
    row.department.clone_from(&course.department);
    row.rev = write.next_rev();
    let action = line.action.map(json).transpose()?;
    let step: [Value; 10] = [
        row.id.clone().into(),
        row.steps.into(),
        row.organisation_id.clone().into(),
        line.operation.map(|o| o.to_string()).into(),
        line.at.0.into(),
        line.now.0.into(),
        line.by.map(|b| b.to_string()).into(),
        action.into(),
        line.placed.map(|p| p.as_str().to_owned()).into(),
        row.course.clone().into(),
    ];
    let sql = "INSERT INTO work_order_step (order_id, seq, organisation_id, operation_id, at, received_at, person_id, action, \
               placed, course) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)";
    write.exec(sql, step).await?;
    let sql = "UPDATE work_order SET course = $2, courier_id = $3, department = $4, stage = $5, steps = $6, rev = $7, \
               dispatcher_id = $8 WHERE id = $1";
    let values: [Value; 8] = [
        row.id.clone().into(),
        row.course.clone().into(),
        row.courier_id.clone().into(),
        row.department.clone().into(),
        course.stage.as_str().into(),
        row.steps.into(),
        row.rev.into(),
        row.dispatcher_id.clone().into(),
    ];
    write.exec(sql, values).await?;
    moved(write, row, before.as_deref()).await
}

/// Whose phone no longer has it, and whose has it again.
async fn moved(write: &Write, row: &Row, before: Option<&str>) -> ApiResult<()> {
    if let Some(before) = before.filter(|b| Some(*b) != row.courier_id.as_deref() && *b != row.opened_by) {
        let sql = "INSERT INTO work_order_gone (order_id, person_id, organisation_id, rev) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (order_id, person_id) DO UPDATE SET rev = excluded.rev";
        let values: [Value; 4] =
            [row.id.clone().into(), before.into(), row.organisation_id.clone().into(), row.rev.into()];
        write.exec(sql, values).await?;
    }
    if let Some(handler) = &row.courier_id {
        let sql = "DELETE FROM work_order_gone WHERE order_id = $1 AND person_id = $2";
        write.exec(sql, [row.id.clone().into(), handler.clone().into()]).await?;
    }
    Ok(())
}

/// Hands out by itself an order that has come to be assigned, as far as the rules know to whom.
pub(super) async fn hand_out(
    write: &Write,
    scope: &Scope,
    rules: &Rules,
    kind: Option<&OrderType>,
    row: &mut Row,
    now: UnixMs,
) -> ApiResult<()> {
    let (course, Some(kind)) = (row.course()?, kind) else { return Ok(()) };
    let parcel = match &row.parcel_id {
        Some(parcel) => crate::parcels::known::courier_of(write.tx(), scope.organisation, parcel).await?,
        None => None,
    };
    let known = row.area_id.as_deref().and_then(|a| AreaId::parse(a).ok());
    let area = known.or_else(|| rules.policy.area_of(row.address.as_deref().unwrap_or_default()));
    let on_duty = match area {
        Some(area) => crate::numbers::duties::on_duty(write.tx(), scope.organisation, area, now).await?,
        None => None,
    };
    let Some(placed) = place(&course, kind, parcel, on_duty, now) else { return Ok(()) };
    let line = Line { operation: None, at: now, now, by: None, action: None, placed: Some(placed.by) };
    add(write, row, &placed.course, &line).await
}
