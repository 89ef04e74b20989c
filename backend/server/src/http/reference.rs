//! The page at the server's address, the API document, health and metrics.

use crate::app::Shared;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use std::sync::OnceLock;

/// The OpenAPI document.
pub async fn document() -> Json<utoipa::openapi::OpenApi> {
    Json(super::openapi())
}

/// Metrics in Prometheus' text form.
pub async fn metrics(State(app): State<Shared>) -> String {
    let stats = app.switch.stats();
    metrics::gauge!("waybell_legs").set(stats.legs as f64);
    metrics::gauge!("waybell_sip_transactions").set(stats.transactions as f64);
    for (name, total) in [
        ("waybell_legs_placed_total", stats.placed),
        ("waybell_legs_incoming_total", stats.incoming),
        ("waybell_legs_answered_total", stats.answered),
        ("waybell_sip_received_total", stats.messages_in),
        ("waybell_sip_sent_total", stats.messages_out),
        ("waybell_sip_retransmitted_total", stats.retransmissions),
        ("waybell_sip_guarded_total", stats.guarded),
        ("waybell_sip_malformed_total", stats.malformed),
        ("waybell_rtp_sent_total", stats.rtp_sent),
        ("waybell_rtp_received_total", stats.rtp_received),
    ] {
        metrics::counter!(name).absolute(total);
    }
    if app.webhooks.pushes() {
        let sql = "SELECT COUNT(*) FROM webhook_delivery WHERE state = 'pending'";
        let waiting = crate::store::wall::everything(crate::store::number(app.store.read(), sql, [])).await;
        if let Ok(waiting) = waiting {
            metrics::gauge!("waybell_webhooks_waiting").set(waiting as f64);
        }
    }
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

/// All routes with their parameters, bodies and answers, made from the document, without scripts.
pub async fn page() -> Html<String> {
    static PAGE: OnceLock<String> = OnceLock::new();
    Html(
        PAGE.get_or_init(|| super::page::render(&serde_json::to_value(super::openapi()).unwrap_or_default()))
            .clone(),
    )
}
