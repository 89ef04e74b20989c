//! Virtual numbers as a service: pools of the organisation's own numbers, bindings of two parties to one of them, and the calls
//! that go over it.
//!
//! ```text
//!  POST /bindings ─▶ service ─ within one write ─▶ domain::binding::pick ─▶ binding + binding_claim
//!                                                                               │
//!  switch ─ a call to X ─▶ calls::router ─▶ index (is X of a pool?) ─▶ enter ───┘ who is meant, may they?
//!                                                                        └─▶ call (a task) ─▶ domain::binding::BoundCall ─▶ act
//!  records: the call's row, what an integration is told, GET /binding-calls
//! ```
//!
//! **Never two that confuse a caller.** A binding and what it claims of its number are one commit of the one writer, which looks for a
//! free number in the same transaction; the key of `binding_claim` is a second wall. A binding that was answered has been stored.
//!
//! **Calls** have a task each, like the others (`calls`), whose legs, recordings and recovery after a crash they share: a
//! `phone_call` of the direction `bound`, which the lists of couriers' calls leave out. Both sides see X and nothing else: each leg is
//! an INVITE of our own, both streams end here. Where the trunk may not show X, nobody is rung.
//!
//! **Who is rung** is decided when the call comes in. What becomes of the binding later leaves the call alone. The rules for calls that
//! couriers make hold here too: barred destinations, countries, calls and minutes a day, here for each binding.

mod act;
mod call;
mod enter;
mod index;
mod numbers;
pub mod pools;
mod records;
mod request;
pub mod routes;
mod rows;
mod service;
mod tidy;
mod words;

pub(crate) use call::begin;
pub use index::{PoolNumber, Pooled};
pub(crate) use records::recover;
pub(crate) use tidy::tidy;

use crate::accounts::auth::Signed;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use axum::http::StatusCode;
use waybell_domain::binding::BindRefusal;
use waybell_domain::wire::Role;

/// Who may bind and see both numbers: administrators and supervisors.
fn keeper(signed: &Signed) -> ApiResult<&Scope> {
    let role = signed.scope.role;
    if role.is_administrator() || role == Role::Supervisor {
        Ok(&signed.scope)
    } else {
        Err(ApiError::forbidden())
    }
}

/// A refusal as an answer: the trade's word as the code, a sentence in both languages.
fn refused(why: BindRefusal) -> ApiError {
    let status = match why {
        BindRefusal::NoSuch | BindRefusal::Pool => StatusCode::NOT_FOUND,
        BindRefusal::Expiry | BindRefusal::Number | BindRefusal::Barred => StatusCode::UNPROCESSABLE_ENTITY,
        BindRefusal::Flow => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::CONFLICT,
    };
    metrics::counter!("waybell_bindings_refused_total", "why" => why.as_str()).increment(1);
    let mut error = ApiError::new(status, why.as_str(), why.label_en()).hint(why.label_zh());
    error.body.retry_after = (why == BindRefusal::Flow).then_some(1);
    error
}

/// The same, for a field.
fn refused_field(why: BindRefusal, field: &str) -> ApiError {
    let mut error = refused(why);
    error.body.field = Some(field.to_owned());
    error
}
