//! Who rings a virtual number, whom they mean, and whether they may.

use super::index::PoolNumber;
use super::rows::{Row, holder};
use super::service::is_called;
use crate::app::Shared;
use crate::org::policy::organisation;
use crate::org::sets::rule_set;
use crate::store::{StoreError, number as count, one};
use sea_orm::FromQueryResult;
use waybell_domain::binding::{BindingMode, BoundPlan, Claim, Side, Unconnected, Way, way};
use waybell_domain::clock::UnixMs;
use waybell_domain::outgoing::OutgoingPolicy;
use waybell_domain::phone::PhoneNumber;

/// A binding that a caller means, and whom they reach by it.
pub(super) struct Meant {
    pub row: Row,
    pub way: Result<Way, Unconnected>,
}

/// What is known of a call when it comes in.
pub(super) struct Entered {
    pub plan: BoundPlan,
    pub meant: Option<Meant>,
}

#[derive(FromQueryResult)]
struct Spent {
    calls: i64,
    talked: i64,
}

#[derive(FromQueryResult)]
struct Last {
    from_key: Option<String>,
}

/// Decides how a call begins. `caller` is a phone key, absent for a hidden number.
pub(super) async fn enter(
    app: &Shared,
    number: &PoolNumber,
    extension: Option<&str>,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<Entered, StoreError> {
    let organisation = number.organisation.to_string();
    if let Some(caller) = caller {
        let sql = "SELECT COUNT(*) FROM inbound_block WHERE organisation_id = $1 AND phone_key = $2 \
                   AND (until_at IS NULL OR until_at > $3)";
        let values = [organisation.clone().into(), caller.into(), now.0.into()];
        if count(app.store.read(), sql, values).await? > 0 {
            return Ok(Entered { plan: BoundPlan::Bar, meant: None });
        }
    }
    let meant = match (extension, caller) {
        (Some(extension), _) => seek(app, number, extension, caller, now).await?,
        (None, Some(caller)) => {
            by_claim(app, number, &Claim::Party(caller.to_owned()), Some(caller), now).await?
        }
        (None, None) => None,
    };
    let plan = match &meant {
        Some(Meant { way: Ok(_), .. }) => BoundPlan::Ring,
        Some(Meant { way: Err(why), .. }) => BoundPlan::Tell(*why),
        None if number.mode == BindingMode::Axe => BoundPlan::Ask,
        None => BoundPlan::Tell(Unconnected::NoBinding),
    };
    Ok(Entered { plan, meant })
}

/// Whom an extension means.
pub(super) async fn seek(
    app: &Shared,
    number: &PoolNumber,
    extension: &str,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<Option<Meant>, StoreError> {
    by_claim(app, number, &Claim::Extension(extension.to_owned()), caller, now).await
}

async fn by_claim(
    app: &Shared,
    number: &PoolNumber,
    claim: &Claim,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<Option<Meant>, StoreError> {
    let (organisation, id) = (number.organisation.to_string(), number.id.to_string());
    let Some(row) = holder(app.store.read(), &organisation, &id, &claim.to_string(), now).await? else {
        return Ok(None);
    };
    let way = passage(app, number, &row, caller, now).await?;
    Ok(Some(Meant { row, way }))
}

/// Whom the caller reaches by this binding, if the rules for calls let them.
async fn passage(
    app: &Shared,
    number: &PoolNumber,
    row: &Row,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<Result<Way, Unconnected>, StoreError> {
    let db = app.store.read();
    let Some(parties) = row.parties() else { return Ok(Err(Unconnected::NoBinding)) };
    let last = if parties.mode == BindingMode::Axe && parties.b.is_none() {
        let sql = "SELECT from_key FROM binding_call WHERE binding_id = $1 AND call_type = 1 AND start_at IS NOT NULL \
                   AND from_key IS NOT NULL ORDER BY at DESC, call_id DESC";
        let last: Option<Last> = one(db, sql, [row.id.clone().into()]).await?;
        last.and_then(|l| l.from_key).and_then(|key| PhoneNumber::from_key(&key).ok())
    } else {
        None
    };
    let way = match way(&parties, caller, last.as_ref()) {
        Ok(way) => way,
        Err(why) => return Ok(Err(why)),
    };
    let Some(org) = organisation(db, number.organisation).await? else { return Ok(Err(Unconnected::Other)) };
    let rules: OutgoingPolicy = rule_set(db, number.organisation).await?;
    let dial = org.policy()?;
    // who rang by an extension may be a number that is never called
    if way.from == Side::A && !is_called(&rules, &dial, &way.to) || !is_called(&rules, &dial, &parties.a) {
        return Ok(Err(Unconnected::Restricted));
    }
    let midnight = crate::clock::midnight(now, app.clock.wall(), org.zone()).0;
    let sql = "SELECT COUNT(*) AS calls, CAST(COALESCE(SUM(COALESCE(release_at, start_at) - start_at), 0) AS BIGINT) AS talked \
               FROM binding_call WHERE binding_id = $1 AND at >= $2 AND call_type <> 4";
    let spent: Option<Spent> = one(db, sql, [row.id.clone().into(), midnight.into()]).await?;
    let spent = spent.unwrap_or(Spent { calls: 0, talked: 0 });
    if rules.spent(spent.calls, spent.talked).is_some() {
        return Ok(Err(Unconnected::Restricted));
    }
    Ok(Ok(way))
}
