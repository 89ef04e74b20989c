//! The HTTP side: routes of all rooms under `/api/v1`, the reference, health and metrics.

pub mod error;
pub mod json;
pub mod limits;
pub mod once;
mod page;
pub mod query;
pub mod reference;

use crate::app::Shared;
use crate::{
    accounts, announcements, app_calls, attendance, bindings, calls, charges, consents, events, evidence,
    inbound, knowledge, leaves, notify, numbers, orders, org, outgoing, parcels, phones, places, push,
    recordings, speech, templates, tracks, webhooks,
};
use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::routing::get;
use utoipa::OpenApi;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, ResponseBuilder};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{ActedAt, BindingCallEvent};

#[derive(OpenApi)]
#[openapi(info(title = "Waybell", description = "Calling, notifying and tracking for couriers. Times are unix milliseconds; \
    ids are UUIDv7; imports, parcel states and batches take an Idempotency-Key header, other changes set a state and may be sent again. A thing that is not yours is 404."),
    components(schemas(webhooks::outbox::Delivery, webhooks::doors::DoorDelivery, webhooks::orders::OrderDelivery, BindingCallEvent)), modifiers(&Bearer))]
struct Api;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, openapi: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(
            HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build(),
        );
        let components = openapi.components.get_or_insert_with(Default::default);
        components.add_security_scheme("bearer", scheme);
        let signed = ApiKeyValue::with_description(
            "webhook-signature",
            "Standard Webhooks: v1, and the Base64 of HMAC-SHA256 over webhook-id.webhook-timestamp.BODY",
        );
        components.add_security_scheme("webhook", SecurityScheme::ApiKey(ApiKey::Header(signed)));
    }
}

fn api() -> OpenApiRouter<Shared> {
    OpenApiRouter::with_openapi(Api::openapi())
        .routes(routes!(accounts::routes::login))
        .routes(routes!(accounts::routes::refresh))
        .routes(routes!(accounts::routes::logout))
        .routes(routes!(accounts::routes::me))
        .routes(routes!(parcels::routes::import))
        .routes(routes!(parcels::columns::list_columns))
        .routes(routes!(parcels::columns::forget_columns))
        .routes(routes!(parcels::routes::set_state))
        .routes(routes!(parcels::door_routes::record, parcels::door_routes::list))
        .routes(routes!(parcels::door_routes::undo))
        .routes(routes!(parcels::door_routes::hand_over))
        .routes(routes!(parcels::door_routes::stop_rule))
        .routes(routes!(parcels::door_routes::undo_stop_rule))
        .routes(routes!(places::routes::set_building, places::routes::list_buildings))
        .routes(routes!(places::routes::remove_building))
        .routes(routes!(parcels::routes::list))
        .routes(routes!(parcels::routes::pull))
        .routes(routes!(evidence::routes::make_bundle))
        .routes(routes!(evidence::routes::get_evidence_key))
        .routes(routes!(evidence::routes::list_links))
        .routes(routes!(speech::words::routes::show_voice))
        .routes(routes!(speech::words::routes::list_words, speech::words::routes::record_word))
        .routes(routes!(speech::words::routes::hear_word))
        .routes(routes!(speech::words::routes::remove_word))
        .routes(routes!(speech::words::routes::list_needed))
        .routes(routes!(templates::routes::list))
        .routes(routes!(templates::routes::wording))
        .routes(routes!(templates::routes::simulate))
        .routes(routes!(templates::routes::withdraw))
        .routes(routes!(templates::routes::hear))
        .routes(routes!(templates::flows::flow_schema))
        .routes(routes!(templates::flows::check_flow))
        .routes(routes!(templates::flows::flow_in_force))
        .routes(routes!(templates::flows::simulate_draft))
        .routes(routes!(templates::drafts::list_drafts))
        .routes(routes!(templates::drafts::put_draft, templates::drafts::remove_draft))
        .routes(routes!(templates::drafts::submit_draft))
        .routes(routes!(templates::drafts::approve_draft))
        .routes(routes!(templates::drafts::reject_draft))
        .routes(routes!(templates::drafts::hear_draft))
        .routes(routes!(templates::drafts::get_template_policy, templates::drafts::put_template_policy))
        .routes(routes!(org::rules::get_policy, org::rules::put_policy, org::rules::patch_policy))
        .routes(routes!(org::calendar::get_calendar, org::calendar::take_calendar))
        .routes(routes!(org::calendar::list_carriers))
        .routes(routes!(org::rules::stop_all))
        .routes(routes!(org::opt_outs::list_opt_outs, org::opt_outs::put_opt_out))
        .routes(routes!(org::opt_outs::delete_opt_out))
        .routes(routes!(org::opt_outs::import_opt_outs))
        .routes(routes!(org::people::list_people, org::people::create_person))
        .routes(routes!(org::people::change_person))
        .routes(routes!(webhooks::intake::receive))
        .routes(routes!(webhooks::integrations::list, webhooks::integrations::create))
        .routes(routes!(webhooks::integrations::change, webhooks::integrations::revoke))
        .routes(routes!(webhooks::integrations::rotate))
        .routes(routes!(webhooks::deliveries::list))
        .routes(routes!(webhooks::deliveries::resend))
        .routes(routes!(numbers::routes::list_numbers, numbers::routes::create_number))
        .routes(routes!(numbers::routes::change_number))
        .routes(routes!(notify::health::display_numbers))
        .routes(routes!(numbers::trunks::list_trunks))
        .routes(routes!(numbers::areas::list_branches))
        .routes(routes!(numbers::areas::put_ring_group))
        .routes(routes!(numbers::areas::list_areas, numbers::areas::create_area))
        .routes(routes!(numbers::areas::change_area))
        .routes(routes!(numbers::duties::list_duties, numbers::duties::create_duty))
        .routes(routes!(numbers::duties::end_duty))
        .routes(routes!(numbers::blocklist::list_blocked, numbers::blocklist::block))
        .routes(routes!(numbers::blocklist::unblock))
        .routes(routes!(inbound::routes::get_inbound_policy, inbound::routes::put_inbound_policy))
        .routes(routes!(calls::list::list_calls, outgoing::routes::make_call))
        .routes(routes!(calls::routes::show_call, outgoing::routes::delete_call))
        .routes(routes!(outgoing::routes::hang_up_call))
        .routes(routes!(app_calls::routes::signal_call))
        .routes(routes!(phones::routes::list_phones, phones::routes::make_phone))
        .routes(routes!(phones::routes::rename_phone, phones::routes::remove_phone))
        .routes(routes!(phones::routes::list_phones_of, phones::routes::make_phone_for))
        .routes(routes!(phones::routes::remove_phone_of))
        .routes(routes!(push::routes::put_push_token, push::routes::delete_push_token))
        .routes(routes!(outgoing::routes::get_outgoing_policy, outgoing::routes::put_outgoing_policy))
        .routes(routes!(calls::routes::handle_call))
        .routes(routes!(calls::routes::get_availability, calls::routes::put_availability))
        .routes(routes!(bindings::pools::list_pools, bindings::pools::create_pool))
        .routes(routes!(bindings::pools::change_pool))
        .routes(routes!(bindings::pools::add_pool_numbers))
        .routes(routes!(bindings::pools::change_pool_number, bindings::pools::remove_pool_number))
        .routes(routes!(bindings::routes::list_bindings, bindings::routes::bind))
        .routes(routes!(
            bindings::routes::show_binding,
            bindings::routes::change_binding,
            bindings::routes::unbind
        ))
        .routes(routes!(bindings::routes::list_binding_calls))
        .routes(routes!(recordings::routes::audio))
        .routes(routes!(recordings::routes::make_link))
        .routes(routes!(recordings::routes::listen_by_link))
        .routes(routes!(recordings::routes::show_peaks))
        .routes(routes!(tracks::routes::send, tracks::routes::show))
        .routes(routes!(tracks::routes::show_gpx))
        .routes(routes!(tracks::routes::positions))
        .routes(routes!(attendance::rules::get_field_policy, attendance::rules::put_field_policy))
        .routes(routes!(attendance::routes::punch))
        .routes(routes!(attendance::routes::month))
        .routes(routes!(attendance::routes::day))
        .routes(routes!(attendance::routes::export))
        .routes(routes!(attendance::routes::correct))
        .routes(routes!(attendance::routes::rules))
        .routes(routes!(leaves::routes::ask_leave, leaves::routes::list_leaves))
        .routes(routes!(leaves::routes::decide_leave))
        .routes(routes!(leaves::routes::cut_leave))
        .routes(routes!(leaves::routes::withdraw_leave))
        .routes(routes!(leaves::asked::ask_correction, leaves::asked::list_asked))
        .routes(routes!(leaves::asked::decide_correction))
        .routes(routes!(leaves::asked::withdraw_correction))
        .routes(routes!(attendance::routes::list_places, attendance::routes::create_place))
        .routes(routes!(attendance::routes::remove_place))
        .routes(routes!(orders::routes::list, orders::routes::create))
        .routes(routes!(orders::routes::export))
        .routes(routes!(orders::routes::show_totals))
        .routes(routes!(orders::routes::show))
        .routes(routes!(orders::routes::act))
        .routes(routes!(orders::routes::get_order_policy, orders::routes::put_order_policy))
        .routes(routes!(orders::pull::pull_orders))
        .routes(routes!(announcements::routes::list_announcements, announcements::routes::post_announcement))
        .routes(routes!(announcements::routes::show_announcement, announcements::routes::change_announcement))
        .routes(routes!(announcements::routes::list_readers))
        .routes(routes!(announcements::routes::withdraw_announcement))
        .routes(routes!(announcements::pull::pull_announcements))
        .routes(routes!(announcements::routes::read_announcement))
        .routes(routes!(charges::routes::list_rates, charges::routes::put_rates))
        .routes(routes!(charges::routes::get_charge_policy, charges::routes::put_charge_policy))
        .routes(routes!(charges::pull::my_balance))
        .routes(routes!(charges::pull::pull_ledger))
        .routes(routes!(charges::routes::list_accounts))
        .routes(routes!(charges::routes::show_account))
        .routes(routes!(charges::routes::put_limits))
        .routes(routes!(charges::routes::write_entry))
        .routes(routes!(charges::routes::list_entries))
        .routes(routes!(charges::routes::export_ledger))
        .routes(routes!(knowledge::folders::list_folders, knowledge::folders::make_folder))
        .routes(routes!(knowledge::folders::change_folder, knowledge::folders::remove_folder))
        .routes(routes!(knowledge::routes::import_article))
        .routes(routes!(knowledge::routes::list_articles, knowledge::routes::make_article))
        .routes(routes!(knowledge::routes::show_article, knowledge::routes::change_article))
        .routes(routes!(knowledge::routes::compare_versions))
        .routes(routes!(knowledge::routes::submit_article))
        .routes(routes!(knowledge::routes::approve_article))
        .routes(routes!(knowledge::routes::reject_article))
        .routes(routes!(knowledge::routes::archive_article))
        .routes(routes!(knowledge::routes::restore_article))
        .routes(routes!(knowledge::routes::rank_articles))
        .routes(routes!(knowledge::routes::get_knowledge_policy, knowledge::routes::put_knowledge_policy))
        .routes(routes!(knowledge::seek::search_articles))
        .routes(routes!(knowledge::pictures::upload_picture))
        .routes(routes!(knowledge::pictures::fetch_picture))
        .routes(routes!(knowledge::pull::pull_knowledge))
        .routes(routes!(knowledge::routes::keep_article))
        .routes(routes!(knowledge::routes::read_article))
        .routes(routes!(notify::routes::plan))
        .routes(routes!(notify::routes::create, notify::routes::list))
        .routes(routes!(notify::routes::again))
        .routes(routes!(notify::routes::show))
        .routes(routes!(notify::routes::act))
        .routes(routes!(notify::routes::recipients))
        .routes(routes!(notify::routes::attempts))
        .routes(routes!(notify::routes::consents))
        .routes(routes!(consents::routes::export_consents))
        .routes(routes!(notify::routes::why))
        .routes(routes!(notify::follow::follow))
        .routes(routes!(notify::routes::export))
        .routes(routes!(events::calls::pull_calls))
        .routes(routes!(events::calls::say_availability))
        .routes(routes!(events::calls::reopen_call))
        .routes(routes!(events::socket))
}

/// The OpenAPI document, as kept in `docs/openapi.json`.
pub fn openapi() -> utoipa::openapi::OpenApi {
    let mut doc = api().split_for_parts().1;
    doc.info.version = "1".into();
    errors(&mut doc);
    doc
}

/// Every operation may answer with an error that it does not name itself: 401, 422, 429 and others have one shape.
fn errors(doc: &mut utoipa::openapi::OpenApi) {
    let schema = Ref::from_schema_name("ErrorBody");
    let content = ContentBuilder::new().schema(Some(schema)).build();
    let error = ResponseBuilder::new().description("an error").content("application/json", content).build();
    for item in doc.paths.paths.values_mut() {
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.patch, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            let responses = &mut operation.responses.responses;
            responses.entry("default".to_owned()).or_insert_with(|| error.clone().into());
        }
    }
}

/// All routes.
pub fn router(app: Shared) -> Router {
    let (routes, _) = api().split_for_parts();
    routes
        .route("/", get(reference::page))
        .route("/api/v1/openapi.json", get(reference::document))
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(reference::ready))
        .route("/metrics", get(reference::metrics))
        .fallback(|| async { error::ApiError::not_found("page") })
        .method_not_allowed_fallback(|| async {
            error::ApiError::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method",
                "this route does not take this method",
            )
        })
        .layer(axum::middleware::from_fn_with_state(app.clone(), limits::guard))
        .layer(axum::middleware::from_fn(|request, next: axum::middleware::Next| {
            crate::store::wall::request(next.run(request))
        }))
        .layer(DefaultBodyLimit::max(32 << 20))
        .layer(tower_http::compression::CompressionLayer::new())
        .with_state(app)
}

/// Does the work of a long file away from the threads that serve everybody.
///
/// # Errors
/// Those of the work; 422 for a file that it breaks down at.
pub(crate) async fn aside<T: Send + 'static, E: Into<error::ApiError> + Send + 'static>(
    work: impl FnOnce() -> Result<T, E> + Send + 'static,
) -> error::ApiResult<T> {
    let done = tokio::task::spawn_blocking(work).await;
    let done = done.map_err(|e| error::ApiError::field("file", e.to_string(), "export the list again"))?;
    done.map_err(Into::into)
}

/// Header with the age of an action in milliseconds, by the device's boot clock at the sending of this request. It is a
/// header, because the body of a request that is sent again must stay the same (see `once`).
pub const AGE_HEADER: &str = "x-waybell-age-ms";

/// When somebody acted, in the server's steady time: the age by the device's boot clock where it is known.
pub fn acted_at(acted: ActedAt, headers: &axum::http::HeaderMap, now: UnixMs) -> UnixMs {
    let header = headers.get(AGE_HEADER).and_then(|v| v.to_str().ok()).and_then(|t| t.parse::<u64>().ok());
    match header.or(acted.age_ms) {
        Some(age) => UnixMs(now.0.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))),
        None => UnixMs(acted.wall.0.min(now.0)),
    }
}
