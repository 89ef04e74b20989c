//! Records of calls over virtual numbers: as they are stored, asked for, and told.
//!
//! An integration is told by deliveries that are stored with the steps they are about; those of one call go one after the other.
//! The last one, the call's record, is told once the recording is finished: `told` says whether that was done, so that a server
//! which died in between tells it at its next start.

use super::index::PoolNumber;
use super::request::Shift;
use crate::app::Shared;
use crate::calls::Line;
use crate::http::error::ApiResult;
use crate::numbers::number_key;
use crate::store::scope::Scope;
use crate::store::{StoreError, all, number, one};
use chrono::{DateTime, SecondsFormat};
use sea_orm::{FromQueryResult, Value};
use serde::Deserialize;
use std::time::Duration;
use waybell_domain::binding::BoundOutcome;
use waybell_domain::id::{BindingId, CallId, EventId, PoolId};
use waybell_domain::wire::{BindingCallEvent, BindingCallView};

/// Q.850 cause of a call that our death has cut: temporary failure.
const TEMPORARY: i64 = 41;
/// How often, and how long apart, a recording that an earlier life left is waited for.
const LOOKS: u32 = 120;
const APART: Duration = Duration::from_millis(500);

const COLUMNS: &str = "c.call_id, c.binding_id, c.pool_id, c.number_key, c.from_key, c.to_key, c.call_type, c.unconnected, c.at, \
     c.out_at, c.ring_at, c.start_at, c.release_at, c.release_dir, c.release_cause, p.outcome, p.ended_at, b.phone_a, b.out_id, \
     b.user_data, (SELECT COUNT(*) FROM recording r WHERE r.phone_call_id = c.call_id AND r.hash IS NOT NULL) AS sound, \
     (SELECT MAX(r.ms) FROM recording r WHERE r.phone_call_id = c.call_id) AS recorded, o.integration_id, c.organisation_id";
const FROM: &str = "binding_call c JOIN phone_call p ON p.id = c.call_id JOIN number_pool o ON o.id = c.pool_id \
     LEFT JOIN binding b ON b.id = c.binding_id";

#[derive(FromQueryResult)]
struct Row {
    call_id: String,
    binding_id: Option<String>,
    pool_id: String,
    number_key: String,
    from_key: Option<String>,
    to_key: Option<String>,
    call_type: i64,
    unconnected: i64,
    at: i64,
    out_at: Option<i64>,
    ring_at: Option<i64>,
    start_at: Option<i64>,
    release_at: Option<i64>,
    release_dir: Option<i64>,
    release_cause: Option<i64>,
    outcome: Option<String>,
    ended_at: Option<i64>,
    phone_a: Option<String>,
    out_id: Option<String>,
    user_data: Option<String>,
    sound: i64,
    recorded: Option<i64>,
    integration_id: Option<String>,
    organisation_id: String,
}

impl Row {
    fn view(&self, shift: Shift) -> Option<BindingCallView> {
        let told = |at: Option<i64>| at.map(|at| shift.told(at));
        let outcome = self.outcome.as_deref().and_then(BoundOutcome::parse);
        let interrupted = outcome == Some(BoundOutcome::Interrupted);
        let released = self.release_at.or(self.ended_at);
        let (from, to) = (self.from_key.clone(), self.to_key.clone());
        let (phone_no, peer_no) = match self.call_type {
            0 => (from, to),
            1 => (to, from),
            _ if from.is_some() && from == self.phone_a => (from, None),
            _ => (self.phone_a.clone(), from),
        };
        let spoken = match (self.start_at, released) {
            // the end of one that was cut short by our death is when the server came back: its recording knows better
            (Some(_), _) if interrupted => self.recorded.unwrap_or(0),
            (Some(start), Some(end)) => (end - start).max(0),
            _ => 0,
        };
        Some(BindingCallView {
            call_id: CallId::parse(&self.call_id).ok()?,
            subs_id: self.binding_id.as_deref().map(BindingId::parse).transpose().ok()?,
            pool_key: PoolId::parse(&self.pool_id).ok()?,
            phone_no,
            secret_no: self.number_key.clone(),
            peer_no,
            called_display_no: self.number_key.clone(),
            call_type: self.call_type,
            call_time: shift.told(self.at),
            call_out_time: told(self.out_at),
            ring_time: told(self.ring_at),
            start_time: told(self.start_at),
            release_time: told(released),
            duration: spoken / 1_000,
            release_dir: self.release_dir.or(interrupted.then_some(0)),
            release_cause: self.release_cause.or(interrupted.then_some(TEMPORARY)),
            unconnected_cause: self.unconnected,
            outcome,
            record_url: (self.sound > 0).then(|| format!("/api/v1/calls/{}/audio", self.call_id)),
            out_id: self.out_id.clone(),
            user_data: self.user_data.clone(),
        })
    }
}

/// Which records.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(default)]
pub struct CallsQuery {
    /// Of this binding.
    subs_id: Option<String>,
    /// Of this pool.
    pool_key: Option<String>,
    /// Of this virtual number.
    secret_no: Option<String>,
    /// That began at this moment or later.
    since: Option<i64>,
    /// At most so many, 100 without, 500 at most.
    limit: Option<u32>,
    /// What follows this `call_id`, the last of an earlier answer.
    after: Option<String>,
}

/// Records that the asker may see, the newest first.
pub(super) async fn calls(
    app: &Shared,
    scope: &Scope,
    query: &CallsQuery,
) -> ApiResult<Vec<BindingCallView>> {
    let shift = Shift::of(app);
    let (mut filter, mut values) = scope.filter("c", 1);
    let mut also = |sql: &str, value: Value| {
        values.push(value);
        filter.push_str(&format!(" AND {} ${}", sql, values.len()));
    };
    if let Some(id) = &query.subs_id {
        also("c.binding_id =", id.clone().into());
    }
    if let Some(key) = &query.pool_key {
        also("c.pool_id =", key.clone().into());
    }
    if let Some(text) = &query.secret_no {
        also("c.number_key =", number_key(text).unwrap_or_default().into());
    }
    if let Some(since) = query.since {
        also("c.at >=", since.saturating_sub(shift.told(0).0).into());
    }
    if let Some(id) = &query.after {
        // ids begin with their time
        also("c.call_id <", id.clone().into());
    }
    let limit = query.limit.unwrap_or(100).clamp(1, 500);
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE {filter} ORDER BY c.call_id DESC LIMIT {limit}");
    let rows: Vec<Row> = all(app.store.read(), &sql, values).await?;
    Ok(rows.iter().filter_map(|r| r.view(shift)).collect())
}

/// A delivery about a call, as a line that goes with the step it is about. Nothing where nobody is to be told.
pub(super) fn event(
    app: &Shared,
    number: &PoolNumber,
    integration: Option<&str>,
    kind: &str,
    data: &BindingCallView,
) -> Option<Line> {
    delivery(app, &number.organisation.to_string(), integration?, kind, data)
}

fn delivery(
    app: &Shared,
    organisation: &str,
    integration: &str,
    kind: &str,
    data: &BindingCallView,
) -> Option<Line> {
    let (now, wall) = (app.clock.now(), app.clock.wall());
    let event = BindingCallEvent {
        kind: format!("binding.{kind}"),
        timestamp: DateTime::from_timestamp_millis(wall.0)
            .unwrap_or_default()
            .to_rfc3339_opts(SecondsFormat::Millis, true),
        data: data.clone(),
    };
    Some(Line::revised(
        "INSERT INTO webhook_delivery (id, organisation_id, integration_id, parcel_id, waybill_no, body, state, tries, next_at, \
         since, created_at, schedule, seq) SELECT $1, $2, i.id, $3, '', $4, 'pending', 0, $5, $5, $5, 'calls', $7 \
         FROM integration i WHERE i.id = $6 AND i.organisation_id = $2 AND i.url IS NOT NULL AND i.revoked_at IS NULL",
        [
            EventId::at(now, rand::random()).to_string().into(),
            organisation.into(),
            data.call_id.to_string().into(),
            serde_json::to_string(&event).ok()?.into(),
            now.0.into(),
            integration.into(),
        ],
    ))
}

/// Tells the record of a call that is over.
///
/// # Errors
/// The database's, from reading; what is to be stored is tried until it is.
pub(super) async fn tell(app: &Shared, call: CallId) -> Result<(), StoreError> {
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE c.call_id = $1");
    let Some(row) = one::<Row, _>(app.store.read(), &sql, [call.to_string().into()]).await? else {
        return Ok(());
    };
    let line = match (&row.integration_id, row.view(Shift::of(app))) {
        (Some(to), Some(view)) => delivery(app, &row.organisation_id, to, "call_ended", &view),
        _ => None,
    };
    let told = Line::new("UPDATE binding_call SET told = 1 WHERE call_id = $1", [row.call_id.clone().into()]);
    let lines: Vec<Line> = line.into_iter().chain([told]).collect();
    crate::calls::insist(app, lines).await;
    Ok(())
}

#[derive(FromQueryResult)]
struct Untold {
    call_id: String,
}

/// Tells the records that an earlier life has not told, each once its recording has been put right.
///
/// # Errors
/// The database's.
pub(crate) async fn recover(app: &Shared) -> Result<(), StoreError> {
    let sql = "SELECT c.call_id FROM binding_call c JOIN phone_call p ON p.id = c.call_id WHERE c.told = 0 AND p.is_open = 0 \
               ORDER BY c.at";
    let untold: Vec<Untold> = all(app.store.read(), sql, []).await?;
    if untold.is_empty() {
        return Ok(());
    }
    let app = app.clone();
    tokio::spawn(async move {
        for call in untold {
            let Ok(id) = CallId::parse(&call.call_id) else { continue };
            let open = "SELECT COUNT(*) FROM recording WHERE phone_call_id = $1 AND state = 'open'";
            for _ in 0..LOOKS {
                let left = number(app.store.read(), open, [call.call_id.clone().into()]).await;
                if !matches!(left, Ok(n) if n > 0) || app.stopping.is_cancelled() {
                    break;
                }
                tokio::time::sleep(APART).await;
            }
            if let Err(error) = tell(&app, id).await {
                tracing::warn!(%error, "a call's record is told at the next start");
            }
        }
    });
    Ok(())
}
