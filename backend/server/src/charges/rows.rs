//! Entries as they are stored, and as they are told.

use crate::store::StoreError;
use crate::store::scope::Scope;
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AccountId, CallId, EntryId, UserId};
use waybell_domain::rate::{AccountKind, ChargedCall, EntryKind, Micros};
use waybell_domain::wire::EntryView;

/// Columns that a [`Row`] is read from, of [`FROM`].
pub(super) const COLUMNS: &str = "e.id, e.account_id, a.kind AS account_kind, e.seq, e.at, e.kind, e.amount, e.balance, e.courier_id, \
     p.name AS courier_name, e.call_kind, e.phone_call_id, e.number, e.trunk, e.answered_at, e.charge, e.rates_version, \
     e.is_estimated, e.reason, e.rev";
/// Entries `e`, with their account and courier.
pub(super) const FROM: &str =
    "ledger_entry e JOIN account a ON a.id = e.account_id LEFT JOIN person p ON p.id = e.courier_id";

#[derive(FromQueryResult)]
pub(super) struct Row {
    id: String,
    account_id: String,
    account_kind: String,
    seq: i64,
    at: i64,
    kind: String,
    amount: i64,
    balance: i64,
    courier_id: Option<String>,
    courier_name: Option<String>,
    call_kind: Option<String>,
    phone_call_id: Option<String>,
    number: Option<String>,
    trunk: Option<String>,
    answered_at: Option<i64>,
    charge: Option<String>,
    rates_version: Option<i64>,
    is_estimated: i64,
    reason: Option<String>,
    pub rev: i64,
}

impl Row {
    /// As it is told to somebody whose scope found it.
    pub(super) fn view(self, scope: &Scope) -> Result<EntryView, StoreError> {
        let damaged = |problem: String| StoreError::Damaged { what: "ledger_entry", problem };
        let word = |what: &str| damaged(format!("{what} is no word that is known"));
        let account = AccountId::parse(&self.account_id).map_err(|e| damaged(e.to_string()))?;
        let kind = AccountKind::parse(&self.account_kind).ok_or_else(|| word("account.kind"))?;
        // what somebody else's account has is nobody's business
        let own = account.as_uuid() == scope.person.as_uuid();
        let sees = own || scope.role.sees_branch() && (kind != AccountKind::Organisation || whole(scope));
        let charge = self.charge.as_deref().map(serde_json::from_str).transpose();
        Ok(EntryView {
            id: EntryId::parse(&self.id).map_err(|e| damaged(e.to_string()))?,
            account,
            seq: self.seq,
            at: UnixMs(self.at),
            kind: EntryKind::parse(&self.kind).ok_or_else(|| word("kind"))?,
            amount: Micros(self.amount),
            balance: sees.then_some(Micros(self.balance)),
            call: self.call_kind.as_deref().and_then(ChargedCall::parse),
            number: self.number,
            trunk: self.trunk,
            answered_at: self.answered_at.map(UnixMs),
            charge: charge.map_err(|e| damaged(e.to_string()))?,
            version: self.rates_version.and_then(|v| u32::try_from(v).ok()),
            estimated: self.is_estimated != 0,
            call_id: self.phone_call_id.as_deref().and_then(|c| CallId::parse(c).ok()),
            courier: self.courier_id.as_deref().and_then(|c| UserId::parse(c).ok()),
            courier_name: self.courier_name,
            reason: self.reason,
        })
    }
}

/// Whether the asker sees the whole organisation.
pub(super) fn whole(scope: &Scope) -> bool {
    scope.role.is_administrator() || scope.role.sees_branch() && scope.branch.is_none()
}
