//! `/api/v1/consents/export`.

use super::ledger::{Filter, entries};
use super::page::Sheet;
use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::{ApiError, ApiResult};
use crate::http::query::Query;
use crate::numbers::staff;
use crate::org::policy::organisation;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use waybell_domain::lang::Lang;
use waybell_domain::parcel::WaybillNo;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::ErrorBody;

/// Query of the ledger; each part narrows it.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
pub struct LedgerQuery {
    /// Not before this time, unix ms.
    from: Option<i64>,
    /// Before this time, unix ms.
    to: Option<i64>,
    /// Of this number, as people write it.
    phone: Option<String>,
    /// About this waybill.
    waybill_no: Option<String>,
    /// With this choice: `door`, `station`, `later`, `text_message`, `courier`.
    preference: Option<String>,
    /// `csv` for spreadsheets (the default), `html` to print.
    format: Option<String>,
    /// `zh` (the default) or `en`.
    lang: Option<String>,
}

/// What recipients agreed to, as a proof sheet (supervisors): who, which notice in which words, which key, when, in which
/// call; and consent that couriers noted. Numbers are in full, so each sheet is kept in the audit trail.
#[utoipa::path(get, path = "/api/v1/consents/export", tag = "notify", security(("bearer" = [])), params(LedgerQuery),
    responses((status = 200, content_type = "text/csv", body = String), (status = 403, body = ErrorBody),
    (status = 422, body = ErrorBody)))]
pub async fn export_consents(
    State(app): State<Shared>,
    signed: Signed,
    Query(query): Query<LedgerQuery>,
) -> ApiResult<Response> {
    let scope = staff(&signed)?;
    let phone = query.phone.as_deref().map(PhoneNumber::parse).transpose();
    let phone = phone.map_err(|e| ApiError::field("phone", e.to_string(), "correct the number"))?;
    let waybill = query.waybill_no.as_deref().map(WaybillNo::parse).transpose();
    let waybill = waybill
        .map_err(|e| ApiError::field("waybill_no", e.to_string(), "copy the number from the label"))?;
    let html = match query.format.as_deref() {
        None | Some("csv") => false,
        Some("html") => true,
        Some(_) => return Err(ApiError::field("format", "is no kind of sheet", "write csv or html")),
    };
    let filter = Filter { from: query.from, to: query.to, phone, waybill, preference: query.preference };
    let db = app.store.read();
    let org = organisation(db, scope.organisation).await?;
    let org = org.ok_or_else(|| ApiError::not_found("organisation"))?;
    let list = entries(db, scope, &filter).await?;
    let made_by = crate::org::people::name(db, scope.person).await?;
    let now = app.clock.now();
    let sheet = Sheet {
        company: &org.company,
        made_by: &made_by,
        made_at: app.clock.wall(),
        zone: org.zone(),
        lang: query.lang.as_deref().map_or(Lang::Zh, Lang::of_locale),
    };
    let (kind, ending, body) = if html {
        ("text/html; charset=utf-8", "html", sheet.html(&list).into_bytes())
    } else {
        let body = sheet.csv(&list);
        let failed =
            |e: csv::Error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string());
        ("text/csv; charset=utf-8", "csv", body.map_err(failed)?)
    };
    let write = app.store.begin().await?;
    let subject = scope.organisation.to_string();
    let detail = format!("{} entries as {ending}", list.len());
    let (who, of) = (Some(scope.person), Some(scope.organisation));
    crate::audit::record(&write, of, who, now, "export_consents", &subject, &detail).await?;
    write.commit().await?;
    let headers = [
        (header::CONTENT_TYPE, kind.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"consents.{ending}\"")),
        (header::CACHE_CONTROL, "private, no-store".to_owned()),
    ];
    Ok((headers, body).into_response())
}
