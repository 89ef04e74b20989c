//! The page at the server's address, the API document, health and metrics.

use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};

/// The OpenAPI document.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}

/// Metrics in Prometheus' text form.
pub async fn metrics(State(app): State<Shared>) -> String {
    let stats = app.switch.stats();
    metrics::gauge!("waybell_legs").set(stats.legs as f64);
    app.metrics.render()
}

/// Ready to serve: the database answers and the server is not stopping.
pub async fn ready(State(app): State<Shared>) -> Response {
    let answers = crate::store::number(app.store.read(), "SELECT 1", []).await.is_ok();
    if answers && !app.stopping.is_cancelled() {
        "ready".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "not ready").into_response()
    }
}

/// A readable list of all routes, made from the document, without scripts.
pub async fn page() -> Html<String> {
    let doc = serde_json::to_value(super::openapi()).unwrap_or_default();
    let mut rows = String::new();
    for (path, item) in doc["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let summary =
                operation["summary"].as_str().or(operation["description"].as_str()).unwrap_or_default();
            rows.push_str(&format!(
                "<tr><td><code class={method}>{}</code></td><td><code>{path}</code></td><td>{summary}</td></tr>\n",
                method.to_uppercase()
            ));
        }
    }
    Html(format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>\
         <title>Waybell API</title><style>body{{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
         color:#1b2733}}table{{border-collapse:collapse;width:100%}}td{{padding:.4rem .6rem;border-top:1px solid #d8dee4;\
         vertical-align:top}}code{{white-space:nowrap}}.get{{color:#0a6}}.post{{color:#06c}}.put{{color:#a60}}.delete{{color:#c33}}</style>\
         <h1>Waybell</h1><p>This is the API of a Waybell server. The console is not built yet. Sign in with \
         <code>POST /api/v1/auth/login</code>, then send <code>Authorization: Bearer TOKEN</code>. Machine-readable: \
         <a href=/api/v1/openapi.json>openapi.json</a>. Also <a href=/metrics>metrics</a>, <a href=/readyz>readiness</a>.</p>\
         <table>{rows}</table></html>"
    ))
}
