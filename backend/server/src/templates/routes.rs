//! `/api/v1/templates*`.

use super::service;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::org::policy::organisation;
use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use waybell_domain::flow::{Flow, simulate as run};
use waybell_domain::lang::Lang;
use waybell_domain::wire::{ErrorBody, TemplateView};

/// The notice templates of the organisation.
#[utoipa::path(get, path = "/api/v1/templates", tag = "templates", security(("bearer" = [])),
    responses((status = 200, body = [TemplateView])))]
pub async fn list(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<TemplateView>>> {
    Ok(Json(service::newer(&app, &signed.scope, 0, i64::MAX).await?))
}

/// A conversation to be played as text.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct SimulateRequest {
    /// Values of the notice's variables.
    #[serde(default)]
    variables: BTreeMap<String, String>,
    /// What the person does: keys, `wait`, `hangup`, `answer`, `busy`, …
    #[serde(default)]
    script: Vec<String>,
    /// `zh` or `en`.
    #[serde(default)]
    language: Option<String>,
}

/// What would be said and done.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SimulateAnswer {
    /// One line a step.
    trace: Vec<String>,
}

/// Play a notice as text, without a telephone.
#[utoipa::path(post, path = "/api/v1/templates/{key}/simulate", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), request_body = SimulateRequest,
    responses((status = 200, body = SimulateAnswer), (status = 404, body = ErrorBody)))]
pub async fn simulate(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
    body: Body<SimulateRequest>,
) -> ApiResult<Json<SimulateAnswer>> {
    let text =
        service::flow(&app, &signed.scope, &key).await?.ok_or_else(|| ApiError::not_found("template"))?;
    let flow = Flow::parse(&text).map_err(|p| {
        ApiError::field("flow", p.first().map(ToString::to_string).unwrap_or_default(), "mend the flow")
    })?;
    let mut variables = body.value.variables;
    let organisation = organisation(app.store.read(), signed.scope.organisation).await?;
    let company = organisation.map(|o| o.company).unwrap_or_default();
    for (name, value) in [("company", company.as_str()), ("count", "1"), ("estate", ""), ("building", "")] {
        variables.entry(name.into()).or_insert_with(|| value.into());
    }
    let language = if body.value.language.as_deref() == Some("en") { Lang::En } else { Lang::Zh };
    let script: Vec<&str> = body.value.script.iter().map(String::as_str).collect();
    Ok(Json(SimulateAnswer { trace: run(&flow, language, &variables, &script) }))
}
