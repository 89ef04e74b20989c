//! The tap: a plan, made into a batch; and what its owner may do with it afterwards.

use super::input::plan_input;
use super::rows::{BATCH_COLUMNS, BatchRow, RECIPIENT_COLUMNS, RecipientRow, counts};
use super::why::decide;
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::numbers::same;
use crate::org::policy::organisation;
use crate::parcels::rows::ParcelRow;
use crate::parcels::state::{MOST, find_some};
use crate::store::owner::RESTORED;
use crate::store::scope::Scope;
use crate::store::{Write, all, one};
use crate::webhooks::outbox;
use axum::http::StatusCode;
use sea_orm::{ConnectionTrait, Value};
use std::collections::{BTreeMap, HashMap};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::{BatchEvent, BatchState};
use waybell_domain::dial::plan::{Ahead, DialPlan, plan};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::{BatchId, RecipientId};
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::{BatchAction, BatchRequest, BatchView};

/// A plan, and what is behind it.
pub struct Planned {
    /// Who is rung.
    pub plan: DialPlan,
    /// The rules.
    pub policy: Policy,
    /// The cap of a day that leaves people for tomorrow, where one does.
    cap: &'static str,
}

/// The plan for these parcels.
pub async fn dial_plan(
    app: &App,
    write: &Write,
    scope: &Scope,
    template: &str,
    parcels: &[ParcelRow],
    ahead: Option<&Ahead>,
) -> ApiResult<Planned> {
    checked(ahead, app.clock.wall())?;
    let org = organisation(write.tx(), scope.organisation)
        .await?
        .ok_or_else(|| ApiError::not_found("organisation"))?;
    let (mut input, policy, cap) = plan_input(app, write, &org, template, parcels).await?;
    input.ahead = ahead.cloned();
    // Hours are a matter of the wall clock; past calls are stored in steady time. Both clocks agree but for steps.
    Ok(Planned { plan: plan(&input, &policy, app.clock.wall()), policy, cap })
}

pub(super) fn checked(ahead: Option<&Ahead>, now: UnixMs) -> ApiResult<()> {
    let refused = |(field, problem, hint): (String, &str, &str)| ApiError::field(field, problem, hint);
    ahead.map_or(Ok(()), |a| a.check(now)).map_err(refused)
}

/// The batch of an earlier request with this id, as it is. Asked before anything else of a tap is looked at, because
/// its parcels may have moved on meanwhile.
pub async fn earlier(write: &Write, scope: &Scope, id: &BatchId) -> ApiResult<Option<BatchView>> {
    match write.beyond(by_id(write.tx(), id)).await? {
        None => Ok(None),
        Some(row) if visible(scope, &row) => Ok(Some(batch_view(write.tx(), &row).await?)),
        // the id of somebody else's batch is taken, but nothing of it is told
        Some(_) => {
            Err(ApiError::conflict("id_taken", "this batch id is in use")
                .hint("make a new id for a new batch"))
        }
    }
}

/// The template must be one of the organisation's.
pub async fn known_template(write: &Write, scope: &Scope, key: &str) -> ApiResult<()> {
    if crate::templates::service::is_offered(write, scope, key).await? {
        return Ok(());
    }
    Err(ApiError::field("template", "the organisation has no template with this key", "see GET /templates"))
}

/// Takes a tap whose id is new (see [`earlier`]).
pub async fn create(
    app: &App,
    write: &Write,
    scope: &Scope,
    request: &BatchRequest,
    headers: &axum::http::HeaderMap,
    parcels: &[ParcelRow],
) -> ApiResult<BatchView> {
    known_template(write, scope, &request.template).await?;
    if let Some(number) = &request.display_number
        && !app.config.trunk.iter().flat_map(|t| &t.caller_ids).any(|n| same(n, number))
    {
        return Err(ApiError::field(
            "display_number",
            "this number is not authorised on any trunk",
            "choose one of the organisation's numbers",
        ));
    }
    let now = app.clock.now();
    let acted = crate::http::acted_at(request.acted_at, headers, now);
    let Planned { plan, policy, cap } =
        dial_plan(app, write, scope, &request.template, parcels, request.ahead.as_ref()).await?;
    let stale = now.since(acted) > policy.stale_after && !request.confirmed;
    let state = if stale { BatchState::NeedsConfirmation } else { BatchState::Scheduled };
    write
        .exec(
            "INSERT INTO batch (id, organisation_id, branch_id, courier_id, template_key, state, display_number, created_at, \
             acted_at, start_at, cost_minor, fence, rev) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0, $12)",
            [
                request.id.to_string().into(),
                scope.organisation.to_string().into(),
                scope.branch.map(|b| b.to_string()).into(),
                scope.person.to_string().into(),
                request.template.clone().into(),
                state.as_str().into(),
                request.display_number.clone().into(),
                now.0.into(),
                acted.0.into(),
                request.start_at.map(|t| t.0).into(),
                plan.estimate.cost.minor.into(),
                write.next_rev().into(),
            ],
        )
        .await?;
    store_people(app, write, scope, request, &plan, parcels, now).await?;
    if let Some(ahead) = &request.ahead {
        let whose = (&*scope.organisation.to_string(), &*scope.person.to_string());
        super::arrivals::keep(write, whose, ahead, (now, app.clock.wall())).await?;
    }
    let organisation = scope.organisation.to_string();
    for call in plan.calls.iter().filter(|c| c.capped) {
        for parcel in &call.parcels {
            decide(write, now, &organisation, None, Some(&parcel.to_string()), "put_off", cap).await?;
        }
    }
    for s in &plan.suppressed {
        decide(write, now, &organisation, None, Some(&s.parcel.to_string()), "suppressed", s.reason.as_str())
            .await?;
    }
    if plan.calls.is_empty() {
        let rev = write.next_rev();
        write
            .exec(
                "UPDATE batch SET state = 'done', rev = $1 WHERE id = $2",
                [rev.into(), request.id.to_string().into()],
            )
            .await?;
    }
    let row = by_id(write.tx(), &request.id).await?.ok_or_else(|| ApiError::not_found("batch"))?;
    batch_view(write.tx(), &row).await
}

async fn store_people(
    app: &App,
    write: &Write,
    scope: &Scope,
    request: &BatchRequest,
    plan: &DialPlan,
    parcels: &[ParcelRow],
    now: UnixMs,
) -> ApiResult<()> {
    let wall = app.clock.wall();
    let by_id: HashMap<&str, &ParcelRow> = parcels.iter().map(|p| (p.id.as_str(), p)).collect();
    let mut people: Vec<Value> = Vec::new();
    let mut links: Vec<Value> = Vec::new();
    const WIDTH: usize = 18;
    let mut flushed = 0;
    for (i, call) in plan.calls.iter().enumerate() {
        let id = RecipientId::at(now, app.clock.chance()).to_string();
        let first = call.parcels.first().and_then(|p| by_id.get(p.to_string().as_str()).copied());
        let variables: BTreeMap<String, String> = crate::flow::variables(call);
        let next_at = now.0 + (call.not_before.0 - wall.0).max(0);
        people.extend::<[Value; WIDTH]>([
            id.clone().into(),
            request.id.to_string().into(),
            scope.organisation.to_string().into(),
            scope.branch.map(|b| b.to_string()).into(),
            scope.person.to_string().into(),
            call.phone.key().into(),
            first.map(|p| p.recipient_name.clone()).unwrap_or_default().into(),
            // one whose hours are closed now is shown with the time from which on it may be rung
            if call.not_before > wall { "waiting" } else { "planned" }.into(),
            CallMark::NotCalled.as_str().into(),
            0i64.into(),
            0i64.into(),
            next_at.into(),
            plan.lead.map(|_| next_at).into(),
            "".into(),
            i64::from(call.order).into(),
            serde_json::json!(call.parcels).to_string().into(),
            serde_json::json!(variables).to_string().into(),
            write.next_rev().into(),
        ]);
        for parcel in &call.parcels {
            links.push(id.clone().into());
            links.push(parcel.to_string().into());
        }
        if i + 1 - flushed == 300 || i + 1 == plan.calls.len() {
            insert(
                write,
                "INSERT INTO recipient (id, batch_id, organisation_id, branch_id, courier_id, phone_key, name, state, mark, \
                 attempts, counted, next_at, begin_at, keys, sequence, parcels, variables, rev) VALUES",
                WIDTH,
                std::mem::take(&mut people),
            )
            .await?;
            for chunk in std::mem::take(&mut links).chunks(2 * 1000) {
                insert(
                    write,
                    "INSERT INTO recipient_parcel (recipient_id, parcel_id) VALUES",
                    2,
                    chunk.to_vec(),
                )
                .await?;
            }
            flushed = i + 1;
        }
    }
    Ok(())
}

async fn insert(write: &Write, head: &str, width: usize, values: Vec<Value>) -> ApiResult<()> {
    if values.is_empty() {
        return Ok(());
    }
    let rows = values.len() / width;
    let tuples: Vec<String> =
        (0..rows).map(|i| format!("({})", crate::store::marks(1 + i * width, width))).collect();
    write.exec(&format!("{head} {}", tuples.join(",")), values).await?;
    Ok(())
}

/// The parcels of today's people who were called in vain, for one more round.
pub async fn missed_today(
    app: &App,
    write: &Write,
    scope: &Scope,
    template: &str,
    include_unknown: bool,
) -> ApiResult<Vec<ParcelRow>> {
    let org = organisation(write.tx(), scope.organisation)
        .await?
        .ok_or_else(|| ApiError::not_found("organisation"))?;
    let midnight = crate::clock::midnight(app.clock.now(), app.clock.wall(), org.zone()).0;
    let (filter, mut values) = scope.filter("r", 1);
    let n = values.len();
    values.extend([Value::from(template), Value::from(midnight)]);
    let sql = format!(
        "SELECT {RECIPIENT_COLUMNS} FROM recipient r JOIN batch b ON b.id = r.batch_id WHERE {filter} \
         AND b.template_key = ${} AND b.created_at >= ${} AND r.state = 'done' AND r.mark IN ('unanswered'{}) ORDER BY r.sequence",
        n + 1,
        n + 2,
        if include_unknown { ", 'to_confirm'" } else { "" }
    );
    let people: Vec<RecipientRow> = all(write.tx(), &sql, values).await?;
    let ids: std::collections::BTreeSet<_> = people.iter().flat_map(RecipientRow::parcel_ids).collect();
    let ids: Vec<_> = ids.into_iter().collect();
    if ids.is_empty() {
        return Err(ApiError::conflict("nothing_missed", "nobody was missed today"));
    }
    // what the newest call came to counts, not what an earlier batch came to
    let mut parcels = Vec::with_capacity(ids.len());
    for part in ids.chunks(MOST) {
        // those that have gone to a colleague meanwhile are his
        match find_some(write, scope, part).await {
            Ok(some) => parcels.extend(some),
            Err(e) if e.status == StatusCode::NOT_FOUND => {}
            Err(e) => return Err(e),
        }
    }
    parcels.retain(|p| p.mark == "unanswered" || (include_unknown && p.mark == "to_confirm"));
    if parcels.is_empty() {
        return Err(ApiError::conflict("nothing_missed", "nobody was missed today"));
    }
    Ok(parcels)
}

/// Pause, resume, undo, confirm. Idempotent. An undo of a batch that was never seen is kept (see `tombstone`).
pub async fn act(
    app: &App,
    write: &Write,
    scope: &Scope,
    id: BatchId,
    action: BatchAction,
) -> ApiResult<BatchView> {
    let row = match write.beyond(by_id(write.tx(), &id)).await? {
        None if action == BatchAction::Undo => return tombstone(app, write, scope, id).await,
        row => row.filter(|r| visible(scope, r)).ok_or_else(|| ApiError::not_found("batch"))?,
    };
    let state = BatchState::parse(&row.state).unwrap_or_default();
    let restored = row.reason.as_deref() == Some(RESTORED);
    let event = match action {
        BatchAction::Pause => BatchEvent::Pause,
        BatchAction::Resume => BatchEvent::Resume,
        BatchAction::Undo => BatchEvent::Cancel,
        BatchAction::Confirm => BatchEvent::Confirm,
    };
    if state.is_final() {
        return if action == BatchAction::Undo {
            batch_view(write.tx(), &row).await
        } else {
            Err(ApiError::conflict("batch_over", format!("the batch is {}", state.label_en())))
        };
    }
    let next = state.on(event).map_err(|e| ApiError::conflict("wrong_state", e.to_string()))?;
    let now = app.clock.now();
    let text = id.to_string();
    write
        .exec(
            "UPDATE batch SET state = $1, reason = CASE WHEN $4 = 1 THEN reason ELSE NULL END, rev = $2 WHERE id = $3",
            [
                next.as_str().into(),
                write.next_rev().into(),
                text.clone().into(),
                // only who resumes it says that the data are good
                i64::from(restored && action != BatchAction::Resume).into(),
            ],
        )
        .await?;
    if restored && action == BatchAction::Resume {
        super::resumed::end_empty(write, &text).await?;
    }
    if action == BatchAction::Undo {
        if restored {
            crate::messages::drop_restored(write, &text).await?;
        }
        undo(app, write, &text).await?;
    }
    crate::audit::record(
        write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        action.as_str(),
        &text,
        "",
    )
    .await?;
    let row = by_id(write.tx(), &id).await?.ok_or_else(|| ApiError::not_found("batch"))?;
    batch_view(write.tx(), &row).await
}

/// The undo has overtaken its tap, of which a copy may still be on the way: a cancelled batch without people keeps the
/// id. The tap, when it comes after all, is answered with this batch and rings nobody (see [`earlier`]).
async fn tombstone(app: &App, write: &Write, scope: &Scope, id: BatchId) -> ApiResult<BatchView> {
    let now = app.clock.now();
    write
        .exec(
            "INSERT INTO batch (id, organisation_id, branch_id, courier_id, template_key, state, created_at, acted_at, cost_minor, \
             fence, rev) VALUES ($1, $2, $3, $4, '', 'cancelled', $5, $5, 0, 0, $6)",
            [
                id.to_string().into(),
                scope.organisation.to_string().into(),
                scope.branch.map(|b| b.to_string()).into(),
                scope.person.to_string().into(),
                now.0.into(),
                write.next_rev().into(),
            ],
        )
        .await?;
    crate::audit::record(
        write,
        Some(scope.organisation),
        Some(scope.person),
        now,
        BatchAction::Undo.as_str(),
        &id.to_string(),
        "unseen",
    )
    .await?;
    let row = by_id(write.tx(), &id).await?.ok_or_else(|| ApiError::not_found("batch"))?;
    batch_view(write.tx(), &row).await
}

/// Everything that does not ring yet: people not called are cancelled, calls without an 18x are asked to stop.
async fn undo(app: &App, write: &Write, batch: &str) -> ApiResult<()> {
    let at = outbox::At { now: app.clock.now(), wall: app.clock.wall() };
    let open: Vec<RecipientRow> = all(
        write.tx(),
        &format!("SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE r.batch_id = $1 AND r.state IN ('planned', 'waiting')"),
        [batch.into()],
    )
    .await?;
    for row in open {
        // one who was called in vain before keeps that result
        let state = if row.attempts > 0 { "done" } else { "cancelled" };
        let rev = write.next_rev();
        write
            .exec(
                "UPDATE recipient SET state = $1, next_at = NULL, rev = $2 WHERE id = $3",
                [state.into(), rev.into(), row.id.clone().into()],
            )
            .await?;
        if app.webhooks.pushes() {
            outbox::tell(write, at, &row.id).await?;
        }
    }
    write
        .exec(
            "UPDATE attempt SET cancel_requested = 1 WHERE batch_id = $1 AND is_open = 1 AND ring_at IS NULL AND answer_at IS NULL",
            [batch.into()],
        )
        .await?;
    let left = crate::store::number(
        write.tx(),
        "SELECT COUNT(*) FROM recipient WHERE batch_id = $1 AND state NOT IN ('done', 'suppressed', 'cancelled')",
        [batch.into()],
    )
    .await?;
    if left == 0 {
        let rev = write.next_rev();
        write
            .exec("UPDATE batch SET state = 'cancelled', rev = $1 WHERE id = $2", [rev.into(), batch.into()])
            .await?;
    }
    Ok(())
}

/// The batch, whoever owns it.
pub async fn by_id<C: ConnectionTrait>(db: &C, id: &BatchId) -> ApiResult<Option<BatchRow>> {
    Ok(one(db, &format!("SELECT {BATCH_COLUMNS} FROM batch b WHERE b.id = $1"), [id.to_string().into()])
        .await?)
}

/// Whether the person may see the batch.
pub fn visible(scope: &Scope, row: &BatchRow) -> bool {
    if row.organisation_id != scope.organisation.to_string() {
        return false;
    }
    if scope.role.is_administrator() {
        return true;
    }
    if !scope.role.sees_branch() {
        return row.courier_id == scope.person.to_string();
    }
    scope.branch.is_none() || row.branch_id == scope.branch.map(|b| b.to_string())
}

/// The wire form with progress.
pub async fn batch_view<C: ConnectionTrait>(db: &C, row: &BatchRow) -> ApiResult<BatchView> {
    let counts = counts(db, std::slice::from_ref(&row.id)).await?;
    row.view(counts.get(&row.id).copied().unwrap_or_default()).ok_or_else(|| ApiError::not_found("batch"))
}
