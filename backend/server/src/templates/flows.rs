//! `/api/v1/flows*` and the flows of notices: the schema, the static checks, the conversation in force, drafts as text.

use super::drafts;
use super::routes::{SimulateAnswer, SimulateRequest, conversation, simulated};
use super::service::{aside, company, sample};
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::{Body, Raw};
use crate::http::query::Query;
use crate::numbers::staff;
use crate::org::sets::rule_set;
use axum::Json;
use axum::extract::{Path, State};
use serde::Deserialize;
use waybell_domain::flow::{Flow, FlowProblem, SCHEMA, simulate};
use waybell_domain::lang::Lang;
use waybell_domain::template::{LARGEST_FLOW, TemplatePolicy, notice_problems};
use waybell_domain::wire::{ErrorBody, FlowCheck, FlowIssue};

/// The JSON Schema of a flow, for editors (supervisors and above).
#[utoipa::path(get, path = "/api/v1/flows/schema", tag = "templates", security(("bearer" = [])),
    responses((status = 200, body = Object), (status = 403, body = ErrorBody)))]
pub async fn flow_schema(signed: Signed) -> ApiResult<Json<serde_json::Value>> {
    staff(&signed)?;
    let damaged = |e: serde_json::Error| ApiError::conflict("schema", e.to_string());
    Ok(Json(serde_json::from_str(SCHEMA).map_err(damaged)?))
}

/// Which notice a flow is to be.
#[derive(Debug, Deserialize)]
pub struct CheckQuery {
    key: String,
}

/// Check the flow of a notice: everything that keeps it from being used, and what somebody hears who presses nothing
/// (supervisors and above). The body is the flow alone; nothing is stored.
#[utoipa::path(post, path = "/api/v1/flows/check", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Query, description = "key of the notice that it is to be")), request_body = Object,
    responses((status = 200, body = FlowCheck), (status = 403, body = ErrorBody), (status = 422, body = ErrorBody)))]
pub async fn check_flow(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<CheckQuery>,
    Raw(bytes): Raw,
) -> ApiResult<Json<FlowCheck>> {
    let scope = staff(&signed)?;
    if bytes.len() > LARGEST_FLOW {
        return Err(ApiError::field("body", "is larger than 256 kB", "leave out what the editor keeps"));
    }
    let policy: TemplatePolicy = rule_set(app.store.read(), scope.organisation).await?;
    let flow = match Flow::read(&String::from_utf8_lossy(&bytes)) {
        Ok(flow) => flow,
        Err(problem) => return Ok(Json(FlowCheck { problems: vec![issue(problem)], trace: Vec::new() })),
    };
    let values = sample(&company(&app, scope.organisation).await?);
    let check = move || {
        let problems: Vec<FlowIssue> =
            notice_problems(&flow, &query.key, &policy).into_iter().map(issue).collect();
        let trace = if problems.is_empty() { simulate(&flow, Lang::Zh, &values, &[]) } else { Vec::new() };
        FlowCheck { problems, trace }
    };
    Ok(Json(aside(check).await?))
}

fn issue(problem: FlowProblem) -> FlowIssue {
    match problem {
        FlowProblem::Json { line, column, problem } => {
            let place = |n: usize| Some(u32::try_from(n).unwrap_or(u32::MAX));
            FlowIssue { action: None, line: place(line), column: place(column), problem }
        }
        FlowProblem::Flow(problem) => FlowIssue { action: None, line: None, column: None, problem },
        FlowProblem::Action { action, problem } => {
            FlowIssue { action: Some(action), line: None, column: None, problem }
        }
    }
}

/// The whole conversation of a notice in force, to start another one from (supervisors and above).
#[utoipa::path(get, path = "/api/v1/templates/{key}/flow", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 200, body = Object), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn flow_in_force(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<Json<Flow>> {
    Ok(Json(conversation(&app, staff(&signed)?, &key).await?))
}

/// Play a draft as text, without a telephone (supervisors and above).
#[utoipa::path(post, path = "/api/v1/template-drafts/{key}/simulate", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = SimulateRequest, responses((status = 200, body = SimulateAnswer),
    (status = 403, body = ErrorBody), (status = 404, body = ErrorBody)))]
pub async fn simulate_draft(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    body: Body<SimulateRequest>,
) -> ApiResult<Json<SimulateAnswer>> {
    let scope = staff(&signed)?;
    let (flow, _) = drafts::conversation(&app, scope, &key).await?;
    simulated(&app, scope, flow, body.value).await.map(Json)
}
