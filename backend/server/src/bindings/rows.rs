//! Bindings as they are stored.

use super::request::Shift;
use crate::http::error::ApiResult;
use crate::store::scope::Scope;
use crate::store::{StoreError, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::binding::{BindingMode, CallRestrict, Limits, Parties, Span, state};
use waybell_domain::clock::{SECOND, UnixMs};
use waybell_domain::id::{BindingId, PoolId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::BindingView;

/// Columns that a [`Row`] is read from, of [`FROM`].
pub(super) const COLUMNS: &str = "b.id, b.pool_id, b.number_id, b.mode, b.phone_a, b.phone_b, b.extension, b.restriction, b.ring_s, \
     b.max_s, b.is_recorded, b.hint, b.out_id, b.user_data, b.expires_at, b.grace_ms, b.unbound_at, b.until_at, b.created_at, \
     b.branch_id, n.number_key";
/// Bindings `b` with their numbers.
pub(super) const FROM: &str = "binding b JOIN pool_number n ON n.id = b.number_id";

/// A binding.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Row {
    pub id: String,
    pub pool_id: String,
    pub number_id: String,
    pub mode: String,
    pub phone_a: Option<String>,
    pub phone_b: Option<String>,
    pub extension: Option<String>,
    pub restriction: Option<String>,
    pub ring_s: i64,
    pub max_s: i64,
    pub is_recorded: i64,
    pub hint: i64,
    pub out_id: Option<String>,
    pub user_data: Option<String>,
    pub expires_at: i64,
    pub grace_ms: i64,
    pub unbound_at: Option<i64>,
    pub until_at: i64,
    pub created_at: i64,
    pub branch_id: Option<String>,
    pub number_key: String,
}

impl Row {
    /// Its time.
    pub(super) fn span(&self) -> Span {
        Span {
            expires_at: UnixMs(self.expires_at),
            grace_ms: self.grace_ms,
            unbound_at: self.unbound_at.map(UnixMs),
        }
    }

    /// Who is bound. `None` once they are kept no longer.
    pub(super) fn parties(&self) -> Option<Parties> {
        Some(Parties {
            mode: BindingMode::parse(&self.mode)?,
            a: PhoneNumber::from_key(self.phone_a.as_deref()?).ok()?,
            b: self.phone_b.as_deref().and_then(|b| PhoneNumber::from_key(b).ok()),
            extension: self.extension.clone(),
            restrict: self.restriction.as_deref().and_then(CallRestrict::parse),
        })
    }

    /// Times of its calls.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            ring_ms: self.ring_s * SECOND,
            talk_ms: self.max_s * SECOND,
            hint: self.hint != 0,
            record: self.is_recorded != 0,
        }
    }

    /// The wire form.
    pub(super) fn view(&self, now: UnixMs, shift: Shift) -> Result<BindingView, StoreError> {
        let damaged = |what| StoreError::Damaged { what, problem: "does not read back".into() };
        Ok(BindingView {
            subs_id: BindingId::parse(&self.id).map_err(|_| damaged("binding.id"))?,
            pool_key: PoolId::parse(&self.pool_id).map_err(|_| damaged("binding.pool_id"))?,
            mode: BindingMode::parse(&self.mode).ok_or_else(|| damaged("binding.mode"))?,
            secret_no: self.number_key.clone(),
            extension: self.extension.clone(),
            phone_no_a: self.phone_a.clone(),
            phone_no_b: self.phone_b.clone(),
            status: state(&self.span(), now),
            expiration: shift.told(self.expires_at),
            grace_until: shift.told(self.span().until().0),
            call_restrict: self.restriction.as_deref().and_then(CallRestrict::parse),
            call_display_type: 1,
            call_timeout: self.ring_s,
            max_duration: self.max_s / 60,
            last_min_voice: self.hint != 0,
            is_recording_enabled: self.is_recorded != 0,
            out_id: self.out_id.clone(),
            user_data: self.user_data.clone(),
            created_at: shift.told(self.created_at),
        })
    }
}

/// The asker's binding of this id: the organisation's, or the own branch's.
pub(super) async fn find<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Option<Row>> {
    let (filter, mut values) = scope.filter("b", 2);
    values.insert(0, id.into());
    let sql = format!("SELECT {COLUMNS} FROM {FROM} WHERE b.id = $1 AND {filter}");
    Ok(one(db, &sql, values).await?)
}

/// The binding that holds this claim of a number.
pub(super) async fn holder<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    number: &str,
    claim: &str,
    now: UnixMs,
) -> Result<Option<Row>, StoreError> {
    let sql = format!(
        "SELECT {COLUMNS} FROM binding_claim c JOIN binding b ON b.id = c.binding_id JOIN pool_number n ON n.id = b.number_id \
         WHERE c.number_id = $1 AND c.claim = $2 AND c.until_at > $3 AND c.organisation_id = $4"
    );
    one(db, &sql, [number.into(), claim.into(), now.0.into(), organisation.into()]).await
}
