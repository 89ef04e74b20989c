//! The judge's export: what the server claims, one JSON object a line. The judge (`tests/carrier`) compares it with
//! what the carrier saw; the shape is written down there.

use super::rows::{ATTEMPT_COLUMNS, AttemptRow, RECIPIENT_COLUMNS, RecipientRow};
use crate::app::App;
use crate::http::error::{ApiError, ApiResult};
use crate::org::policy::organisation;
use crate::store::all;
use crate::store::scope::Scope;
use sea_orm::FromQueryResult;
use serde_json::{Value, json};
use std::collections::HashMap;
use waybell_domain::phone::PhoneNumber;

#[derive(FromQueryResult)]
struct Batch {
    id: String,
    template_key: String,
}

#[derive(FromQueryResult)]
struct Side {
    call_id: String,
    phone_key: Option<String>,
}

/// The export of an organisation.
pub async fn lines(app: &App, scope: &Scope) -> ApiResult<String> {
    let org = organisation(app.store.read(), scope.organisation)
        .await?
        .ok_or_else(|| ApiError::not_found("organisation"))?;
    let policy = org.policy()?;
    let (filter, values) = scope.tenant("r", 1);
    let batches: Vec<Batch> = all(
        app.store.read(),
        "SELECT id, template_key FROM batch WHERE organisation_id = $1",
        [scope.organisation.to_string().into()],
    )
    .await?;
    let notice: HashMap<&str, &str> =
        batches.iter().map(|b| (b.id.as_str(), b.template_key.as_str())).collect();
    let min_gap = policy.promised_rules().filter(|r| r.max == 1 && r.counts_failed).map(|r| r.window).max();
    let mut out = String::new();
    let mut push = |value: Value| {
        out.push_str(&value.to_string());
        out.push('\n');
    };
    push(
        json!({ "kind": "policy", "min_gap_ms": min_gap, "time_zone": org.time_zone, "max_attempts": policy.retry.max_attempts }),
    );
    let people: Vec<RecipientRow> =
        all(app.store.read(), &format!("SELECT {RECIPIENT_COLUMNS} FROM recipient r WHERE {filter}"), values)
            .await?;
    for r in &people {
        let (phone, extension) = split(&r.phone_key);
        let terminal = ["done", "suppressed", "cancelled"].contains(&r.state.as_str());
        push(json!({
            "kind": "recipient", "batch": r.batch_id, "phone": phone, "extension": extension,
            "notice": notice.get(r.batch_id.as_str()), "state": r.state,
            "terminal": terminal,
            "mark": r.mark, "outcome": r.outcome, "suppressed": r.suppressed, "parcels": r.parcel_ids().len(),
        }));
    }
    let (filter, values) = scope.tenant("a", 1);
    let attempts: Vec<AttemptRow> = all(
        app.store.read(),
        &format!("SELECT {ATTEMPT_COLUMNS} FROM attempt a WHERE {filter} ORDER BY a.intent_at"),
        values,
    )
    .await?;
    for a in &attempts {
        let (phone, extension) = split(&a.phone_key);
        let ids: Vec<String> = serde_json::from_str(&a.call_ids).unwrap_or_default();
        let calls: Vec<Value> =
            ids.iter().enumerate().map(|(n, id)| json!({ "route_no": n, "call_id": id })).collect();
        push(json!({
            "kind": "attempt", "id": a.id, "batch": a.batch_id, "phone": phone, "extension": extension,
            "attempt_no": a.attempt_no, "calls": calls, "outcome": a.outcome, "intent_at_ms": a.intent_at,
            "ended_at_ms": a.end_at, "carry_over": false,
        }));
    }
    let sides: Vec<Side> = all(
        app.store.read(),
        "SELECT call_id, phone_key FROM side_call WHERE kind = 'courier' AND organisation_id = $1",
        [scope.organisation.to_string().into()],
    )
    .await?;
    for s in &sides {
        let (phone, _) = split(s.phone_key.as_deref().unwrap_or_default());
        push(json!({ "kind": "side_call", "call_id": s.call_id, "phone": phone }));
    }
    Ok(out)
}

fn split(key: &str) -> (String, Option<String>) {
    match PhoneNumber::from_key(key) {
        Ok(p) => (p.e164().to_owned(), p.extension().map(str::to_owned)),
        Err(_) => (key.to_owned(), None),
    }
}
