//! A batch that follows the tour: those who have not been rung are rung by the arrivals as they are now.

use super::accept::{batch_view, by_id, checked, visible};
use super::rows::{RECIPIENT_COLUMNS, RecipientRow, zone_of};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::org::policy::organisation;
use crate::store::{Several, all};
use axum::Json;
use axum::extract::{Path, State};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::dial::plan::Ahead;
use waybell_domain::id::BatchId;
use waybell_domain::wire::{BatchView, ErrorBody};

/// Move the calls of a batch to the tour as it is now: whoever was not rung yet is rung so long before the new arrival.
/// People without an arrival stay as they are. The same body a second time changes nothing.
#[utoipa::path(put, path = "/api/v1/batches/{id}/arrivals", tag = "notify", security(("bearer" = [])),
    params(("id" = String, Path, description = "id of the batch")), request_body = Ahead,
    responses((status = 200, body = BatchView), (status = 404, body = ErrorBody), (status = 409, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn follow(
    State(app): State<Shared>,
    signed: Signed,
    Path(id): Path<String>,
    body: Body<Ahead>,
) -> ApiResult<Json<BatchView>> {
    let (scope, ahead) = (&signed.scope, &body.value);
    let (now, wall) = (app.clock.now(), app.clock.wall());
    checked(Some(ahead), wall)?;
    let id = BatchId::parse(&id).map_err(|_| ApiError::not_found("batch"))?;
    let write = app.store.begin().await?;
    let batch = write.beyond(by_id(write.tx(), &id)).await?;
    let batch = batch.filter(|b| visible(scope, b)).ok_or_else(|| ApiError::not_found("batch"))?;
    let state = BatchState::parse(&batch.state).unwrap_or_default();
    if state.is_final() {
        return Err(ApiError::conflict("batch_over", format!("the batch is {}", state.label_en())));
    }
    let org = organisation(write.tx(), scope.organisation).await?;
    let org = org.ok_or_else(|| ApiError::not_found("organisation"))?;
    let (policy, arrivals) = (org.policy()?, ahead.by_parcel());
    let sql = format!(
        "SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE r.batch_id = $1 AND r.state IN ('planned', 'waiting') \
         AND r.attempts = 0"
    );
    let people: Vec<RecipientRow> = all(write.tx(), &sql, [id.to_string().into()]).await?;
    let mut several = Several::default();
    for person in &people {
        let Some(arrival) = person.parcel_ids().iter().filter_map(|p| arrivals.get(p)).min().copied() else {
            continue;
        };
        let zone = zone_of(&person.phone_key, org.zone());
        let at = ahead.moment(&policy, zone, policy.next_open(wall, zone), arrival);
        let at = UnixMs(now.0.saturating_add(at.since(wall)));
        let state = if at > now { "waiting" } else { "planned" };
        several.add(
            "UPDATE recipient SET state = $1, next_at = $2, begin_at = $2, rev = $3 WHERE id = $4",
            [state.into(), at.0.into(), write.next_rev().into(), person.id.clone().into()],
        );
    }
    several.run(write.tx()).await?;
    let whose = (&*batch.organisation_id, &*batch.courier_id);
    super::arrivals::keep(&write, whose, ahead, (now, wall)).await?;
    let view = batch_view(write.tx(), &batch).await?;
    write.commit().await?;
    app.dialler.wake();
    Ok(Json(view))
}
