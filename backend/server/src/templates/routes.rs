//! `/api/v1/templates*`.

use super::service::{self, BUILT_IN, aside, company, sample};
use super::sound;
use crate::accounts::auth::Signed;
use crate::app::{App, Shared};
use crate::http::error::{ApiError, ApiResult};
use crate::http::json::Body;
use crate::numbers::{audit, staff};
use crate::store::scope::Scope;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use waybell_domain::flow::{Flow, is_script_word, simulate as run};
use waybell_domain::lang::Lang;
use waybell_domain::template::Wording;
use waybell_domain::wire::{ErrorBody, TemplateView};

/// The notice templates that the signed-in person may ring people with.
#[utoipa::path(get, path = "/api/v1/templates", tag = "templates", security(("bearer" = [])),
    responses((status = 200, body = [TemplateView])))]
pub async fn list(State(app): State<Shared>, signed: Signed) -> ApiResult<Json<Vec<TemplateView>>> {
    let mut offered = service::newer(&app, &signed.scope, 0, i64::MAX).await?;
    offered.retain(|t| !t.withdrawn);
    Ok(Json(offered))
}

/// The wording in force, to start another one from (supervisors and above).
#[utoipa::path(get, path = "/api/v1/templates/{key}/wording", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 200, body = Wording), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody)))]
pub async fn wording(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<Json<Wording>> {
    let found = service::wording(&app, staff(&signed)?, &key).await?;
    found.map(Json).ok_or_else(|| ApiError::not_found("template"))
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
    let flow = conversation(&app, &signed.scope, &key).await?;
    simulated(&app, &signed.scope, flow, body.value).await.map(Json)
}

/// What would be said and done; variables that are not given are those of a call without a place.
pub(super) async fn simulated(
    app: &App,
    scope: &Scope,
    flow: Flow,
    request: SimulateRequest,
) -> ApiResult<SimulateAnswer> {
    if let Some(word) = request.script.iter().find(|word| !is_script_word(word)) {
        let word: String = word.chars().take(20).collect();
        let hint = "write keys as 1 or 12#, a key while something is said as !1, or wait, answer, busy, no_answer, \
            rejected, failed, end, broken, hangup";
        return Err(ApiError::field("script", format!("{word:?} is no word of a script"), hint));
    }
    let mut variables = request.variables;
    let company = company(app, scope.organisation).await?;
    for (name, value) in
        [("company", company.as_str()), ("count", "1"), ("estate", ""), ("building", ""), ("places", "")]
    {
        variables.entry(name.into()).or_insert_with(|| value.into());
    }
    let language = if request.language.as_deref() == Some("en") { Lang::En } else { Lang::Zh };
    let walk = move || {
        let script: Vec<&str> = request.script.iter().map(String::as_str).collect();
        run(&flow, language, &variables, &script)
    };
    Ok(SimulateAnswer { trace: aside(walk).await? })
}

/// The conversation in force.
pub(super) async fn conversation(app: &App, scope: &Scope, key: &str) -> ApiResult<Flow> {
    let text = service::flow(app, scope, key).await?.ok_or_else(|| ApiError::not_found("template"))?;
    Flow::parse(&text).map_err(|p| {
        ApiError::field("flow", p.first().map(ToString::to_string).unwrap_or_default(), "mend the flow")
    })
}

/// Hear a notice as somebody with two parcels would, in Chinese: a WAV file. `Waybell-Voice` names who speaks, `Waybell-Warning`
/// what is wrong with that.
#[utoipa::path(get, path = "/api/v1/templates/{key}/audio", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 200, content_type = "audio/wav", body = Vec<u8>),
    (status = 404, body = ErrorBody), (status = 503, body = ErrorBody)))]
pub async fn hear(State(app): State<Shared>, signed: Signed, Path(key): Path<String>) -> ApiResult<Response> {
    let flow = conversation(&app, &signed.scope, &key).await?;
    let whose = service::whose(&app, &signed.scope, &key).await?;
    sound::answer(&app, whose, &flow, &sample(&company(&app, signed.scope.organisation).await?)).await
}

/// Take a notice out of the choice (administrators). Batches that use it go on; `arrived`, which phones use where none is
/// chosen, stays.
#[utoipa::path(delete, path = "/api/v1/templates/{key}", tag = "templates", security(("bearer" = [])),
    params(("key" = String, Path)), responses((status = 204), (status = 403, body = ErrorBody),
    (status = 404, body = ErrorBody), (status = 409, body = ErrorBody)))]
pub async fn withdraw(
    State(app): State<Shared>,
    signed: Signed,
    Path(key): Path<String>,
) -> ApiResult<StatusCode> {
    let scope = signed.administrator()?;
    if key == BUILT_IN {
        return Err(ApiError::conflict("built_in", "the arrival notice is always there")
            .hint("write another wording for it"));
    }
    let now = app.clock.now();
    let write = app.store.begin().await?;
    if !service::withdraw(&write, scope, &key, now).await? {
        return Err(ApiError::not_found("template"));
    }
    audit(&write, scope, now, "template_withdrawn", &key).await?;
    write.commit().await?;
    Ok(StatusCode::NO_CONTENT)
}
