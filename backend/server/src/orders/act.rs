//! What people do with an order: the table of `domain::order`, and what is written of it.

use super::open::view;
use super::rights::standing;
use super::rows::{Row, Rules, stored};
use super::write::{Line, add, hand_out};
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, Write, one};
use crate::webhooks::outbox::At;
use axum::http::StatusCode;
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::UserId;
use waybell_domain::order::{OrderAction, OrderRefusal};
use waybell_domain::wire::{OrderActionRequest, OrderView};

#[derive(FromQueryResult)]
struct Done {
    person_id: Option<String>,
    action: Option<String>,
}

#[derive(FromQueryResult)]
struct Colleague {
    branch_id: Option<String>,
}

/// Carries out an action at `acted`, in the server's steady time. The same id again has no second effect.
pub(super) async fn act(
    write: &Write,
    scope: &Scope,
    at: At,
    acted: UnixMs,
    id: &str,
    request: &OrderActionRequest,
) -> ApiResult<OrderView> {
    let mut row = stored(write.tx(), scope, id).await?;
    let rules = Rules::of(write.tx(), scope.organisation).await?;
    if let Some(done) = before(write, &row, request).await? {
        let same = done.person_id.as_deref() == Some(&scope.person.to_string())
            && done.action.as_deref().and_then(|a| serde_json::from_str(a).ok()).as_ref()
                == Some(&request.action);
        if !same {
            let message = "this id was used for another action";
            return Err(ApiError::conflict("id_reused", message).hint("use a new id for a new action"));
        }
        return view(write, scope, &rules, &row.id, at.now).await;
    }
    request.action.check(acted).map_err(|flaw| {
        ApiError::field(format!("action.{}", flaw.field), flaw.problem, "correct it; nothing was done")
    })?;
    if request.seen.is_some_and(|seen| i64::from(seen) != row.steps) {
        let message = "somebody else has done something with this order meanwhile";
        return Err(ApiError::conflict("order_changed", message).hint("look at it again, then decide"));
    }
    let kind = rules.policy.order_type(&row.kind).cloned();
    let who = standing(scope, &rules.policy, &row);
    let course = row.course()?;
    let next = course.step(&rules.policy, kind.as_ref(), who, &request.action, acted);
    let next = next.map_err(refused)?;
    if let OrderAction::Assign { handler, .. } | OrderAction::Transfer { handler, .. } = &request.action {
        if let Some(handler) = handler {
            colleague(write, scope, &row, *handler).await?;
        }
        row.dispatcher_id = Some(scope.person.to_string());
    }
    let at_then = acted.max(course.arrived_at);
    let line = Line {
        operation: Some(request.id),
        at: at_then,
        now: at.now,
        by: Some(scope.person),
        action: Some(&request.action),
        placed: None,
    };
    add(write, &mut row, &next, &line).await?;
    if matches!(request.action, OrderAction::Accept | OrderAction::Approve | OrderAction::Resolve { .. }) {
        hand_out(write, scope, &rules, kind.as_ref(), &mut row, at.now).await?;
    }
    let (organisation, by) = (Some(scope.organisation), Some(scope.person));
    let what = request.action.word();
    crate::audit::record(write, organisation, by, at.now, "order_action", &row.id, what).await?;
    crate::webhooks::orders::tell(write, at, &row.id).await?;
    match stored(write.tx(), scope, &row.id).await {
        Ok(now) => now.view(&rules, scope.role, at.now).ok_or_else(|| ApiError::not_found("work order")),
        // who gave it away sees it once more, as it went
        Err(error) if error.status == StatusCode::NOT_FOUND => {
            row.view(&rules, scope.role, at.now).ok_or(error)
        }
        Err(error) => Err(error),
    }
}

async fn before(write: &Write, row: &Row, request: &OrderActionRequest) -> Result<Option<Done>, StoreError> {
    let sql = "SELECT person_id, action FROM work_order_step WHERE order_id = $1 AND operation_id = $2";
    one(write.tx(), sql, [row.id.clone().into(), request.id.to_string().into()]).await
}

/// Why an action was not taken, and what to do.
fn refused(refusal: OrderRefusal) -> ApiError {
    let hint = match refusal {
        OrderRefusal::NotYours => "ask a supervisor of its branch",
        OrderRefusal::NoDepartment => "take a key of GET /order-policy",
        OrderRefusal::NoWay => "see next of the department in GET /order-policy",
        OrderRefusal::NobodyNamed => "name a department, a handler or both",
        OrderRefusal::OwnWork => "let a colleague ask the customer",
        OrderRefusal::Archived => "reopen it first",
        _ => "look at the order again: its trail says what was done",
    };
    let status = match refusal {
        OrderRefusal::NotYours | OrderRefusal::OwnWork => StatusCode::FORBIDDEN,
        OrderRefusal::NoDepartment | OrderRefusal::NobodyNamed => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::CONFLICT,
    };
    let mut error = ApiError::new(status, refusal.as_str(), refusal.label_en()).hint(hint);
    if matches!(refusal, OrderRefusal::NoDepartment | OrderRefusal::NoWay | OrderRefusal::NobodyNamed) {
        error.body.field = Some("action.department".into());
    }
    error
}

/// Whoever is to handle an order works here, in its branch or at head office.
async fn colleague(write: &Write, scope: &Scope, row: &Row, person: UserId) -> ApiResult<()> {
    let sql = "SELECT branch_id FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1";
    let values = [person.to_string().into(), scope.organisation.to_string().into()];
    let found: Option<Colleague> = one(write.tx(), sql, values).await?;
    let fits =
        |c: &Colleague| c.branch_id.is_none() || row.branch_id.is_none() || c.branch_id == row.branch_id;
    let missing = || {
        let mut error = ApiError::not_found("person");
        error.body.field = Some("action.handler".into());
        error.hint("take an active person of the order's branch")
    };
    found.filter(fits).map(drop).ok_or_else(missing)
}
