//! Accounts: who sees which, and what they have.

use super::At;
use super::enter::{Rules, day_number};
use super::room::{limits_of, room};
use super::rows::whole;
use crate::http::error::{ApiError, ApiResult};
use crate::store::scope::Scope;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use waybell_domain::id::{AccountId, BranchId};
use waybell_domain::rate::{AccountKind, Limits, Micros, Stopped};
use waybell_domain::wire::{AccountView, CostView};

/// Somebody who has an account, whether anything was ever written in it or not.
#[derive(Clone, Debug, FromQueryResult)]
pub(super) struct Holder {
    pub id: String,
    pub kind: String,
    pub name: String,
    pub branch_id: Option<String>,
}

impl Holder {
    pub(super) fn kind(&self) -> AccountKind {
        AccountKind::parse(&self.kind).unwrap_or(AccountKind::Courier)
    }
}

/// Those whom the asker sees: everybody of the organisation, a branch with its people, oneself. With `condition` on `h.…`,
/// whose parameters follow those of the scope.
pub(super) async fn holders<C: ConnectionTrait>(
    db: &C,
    scope: &Scope,
    condition: &str,
    own: impl IntoIterator<Item = Value>,
    limit: i64,
) -> Result<Vec<Holder>, StoreError> {
    let mut values: Vec<Value> = vec![scope.organisation.to_string().into()];
    let sees = if whole(scope) {
        "1 = 1".to_owned()
    } else if let (true, Some(branch)) = (scope.role.sees_branch(), scope.branch) {
        values.push(branch.to_string().into());
        "h.branch_id = $2".to_owned()
    } else {
        values.push(scope.person.to_string().into());
        "h.id = $2".to_owned()
    };
    let mut condition = condition.to_owned();
    for (n, value) in own.into_iter().enumerate() {
        values.push(value);
        condition = condition.replace(&format!("?{n}"), &format!("${}", values.len()));
    }
    let sql = format!(
        "SELECT h.id, h.kind, h.name, h.branch_id FROM (\
         SELECT o.id, 'organisation' AS kind, o.name, NULL AS branch_id, 0 AS place FROM organisation o WHERE o.id = $1 \
         UNION ALL SELECT b.id, 'branch', b.name, b.id, 1 FROM branch b WHERE b.organisation_id = $1 \
         UNION ALL SELECT p.id, 'courier', p.name, p.branch_id, 2 FROM person p WHERE p.organisation_id = $1 \
         AND (p.active = 1 OR EXISTS (SELECT 1 FROM account x WHERE x.id = p.id)) \
         ) h WHERE {sees} AND {condition} ORDER BY h.place, h.id LIMIT {limit}"
    );
    all(db, &sql, values).await
}

/// One of them.
pub(super) async fn holder<C: ConnectionTrait>(db: &C, scope: &Scope, id: &str) -> ApiResult<Holder> {
    let id = AccountId::parse(id).map_err(|_| ApiError::not_found("account"))?.to_string();
    holders(db, scope, "h.id = ?0", [id.into()], 1).await?.pop().ok_or_else(|| ApiError::not_found("account"))
}

#[derive(FromQueryResult)]
struct Sum {
    legs: i64,
    talked_ms: i64,
    cost: i64,
    paid: i64,
    unrated: i64,
}

/// What the legs of these days came to, both included.
async fn cost<C: ConnectionTrait>(db: &C, owner: &str, from: i64, to: i64) -> Result<CostView, StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(legs), 0) AS BIGINT) AS legs, \
               CAST(COALESCE(SUM(talked_ms), 0) AS BIGINT) AS talked_ms, \
               CAST(COALESCE(SUM(cost), 0) AS BIGINT) AS cost, CAST(COALESCE(SUM(paid), 0) AS BIGINT) AS paid, \
               CAST(COALESCE(SUM(unrated), 0) AS BIGINT) AS unrated \
               FROM charge_day WHERE owner_id = $1 AND day >= $2 AND day <= $3";
    let sum: Option<Sum> = one(db, sql, [owner.into(), from.into(), to.into()]).await?;
    Ok(sum.map_or_else(CostView::default, |s| CostView {
        legs: s.legs,
        talked_ms: s.talked_ms,
        cost: Micros(s.cost),
        paid: Micros(s.paid),
        unrated: s.unrated,
    }))
}

/// An account as it is now: some rows, however many entries it has.
pub(super) async fn view<C: ConnectionTrait>(
    db: &C,
    at: At,
    rules: &Rules,
    holder: &Holder,
) -> Result<AccountView, StoreError> {
    let damaged = |problem: String| StoreError::Damaged { what: "account.id", problem };
    let day = day_number(at.wall.date(rules.zone));
    let (room, own): (_, Limits) = room(db, &holder.id, day, at.now).await?;
    let limits = limits_of(&rules.policy, holder.kind(), own);
    // the cheapest call there is
    let stopped: Option<Stopped> = room.takes(&limits, Micros(1)).err();
    Ok(AccountView {
        id: AccountId::parse(&holder.id).map_err(|e| damaged(e.to_string()))?,
        kind: holder.kind(),
        name: holder.name.clone(),
        branch: holder.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok()),
        balance: room.balance,
        held: room.held,
        limits,
        stopped,
        today: cost(db, &holder.id, day, day).await?,
        month: cost(db, &holder.id, day - day % 100, day).await?,
    })
}
