//! Whether a call may be set up: balance, credit, the day's cap, and what calls that run are reckoned with.
//!
//! Whoever sets a call up asks within the one write transaction, and leaves a hold in it. Of calls that are set up at the same
//! moment the second therefore sees the hold of the first, and the one for which there is no room is not set up. The hold goes in
//! the transaction that stores the end. While a call lasts longer than it was reckoned with, its hold grows with it
//! ([`waybell_domain::rate::Held`]); it is never cut.
//!
//! The trunk of a call is chosen after this, so a leg is reckoned with the dearest of those that there are.

use super::clocks;
use super::enter::{day_number, payer, rules};
use super::rates::in_force;
use crate::app::App;
use crate::store::{StoreError, Write, all, number, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::rate::{
    AccountKind, ChargePolicy, ChargedCall, ChargedLeg, Held, Limits, Micros, Rate, Rates, Room, Stopped,
};

/// Whose call is to be set up.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub organisation: OrganisationId,
    pub branch: Option<BranchId>,
    pub courier: Option<UserId>,
    pub call: ChargedCall,
}

/// Why it is not.
#[derive(Debug)]
pub(crate) enum Stop {
    Stopped(Stopped),
    Store(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Stop {
        Stop::Store(error)
    }
}

#[derive(FromQueryResult)]
pub(super) struct AccountRow {
    pub balance: i64,
    pub credit: Option<i64>,
    pub daily_cap: Option<i64>,
}

impl AccountRow {
    pub(super) fn limits(&self) -> Limits {
        Limits { credit: self.credit.map(Micros), daily_cap: self.daily_cap.map(Micros) }
    }
}

#[derive(FromQueryResult)]
struct HoldRow {
    held: String,
    at: i64,
}

/// Whether anything is limited in this organisation: where not, nobody need ask.
pub(crate) async fn is_limited<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
) -> Result<bool, StoreError> {
    let rules = rules(db, &organisation.to_string()).await?.policy;
    if [rules.organisation, rules.branch, rules.courier].iter().any(|l| !l.is_none())
        || rules.courier_spend_a_day.is_some()
    {
        return Ok(true);
    }
    let sql = "SELECT COUNT(*) FROM account WHERE organisation_id = $1 AND (credit IS NOT NULL OR daily_cap IS NOT NULL)";
    Ok(number(db, sql, [organisation.to_string().into()]).await? > 0)
}

/// What an account's calls that are not over are reckoned with now.
pub(super) async fn held<C: ConnectionTrait>(
    db: &C,
    account: &str,
    now: UnixMs,
) -> Result<Micros, StoreError> {
    let sql = "SELECT held, at FROM charge_hold WHERE account_id = $1";
    let rows: Vec<HoldRow> = all(db, sql, [account.into()]).await?;
    let amount = |row: &HoldRow| {
        let held: Held = serde_json::from_str(&row.held).unwrap_or_default();
        held.at(UnixMs(row.at), now)
    };
    Ok(rows.iter().map(amount).sum())
}

/// What an account has.
pub(super) async fn room<C: ConnectionTrait>(
    db: &C,
    account: &str,
    day: i64,
    now: UnixMs,
) -> Result<(Room, Limits), StoreError> {
    let sql = "SELECT balance, credit, daily_cap FROM account WHERE id = $1";
    let row: Option<AccountRow> = one(db, sql, [account.into()]).await?;
    let sql = "SELECT paid FROM charge_day WHERE owner_id = $1 AND day = $2";
    let spent = Micros(number(db, sql, [account.into(), day.into()]).await?);
    let held = held(db, account, now).await?;
    let (balance, own) = row.map_or((0, Limits::default()), |r| (r.balance, r.limits()));
    Ok((Room { balance: Micros(balance), spent, held }, own))
}

/// The limits that hold for an account.
pub(super) fn limits_of(policy: &ChargePolicy, kind: AccountKind, own: Limits) -> Limits {
    own.or(policy.limits(kind))
}

/// Asks for a call whose legs ring these numbers, and leaves a hold under `id` (that of the call, leg or attempt), which goes
/// with its end ([`super::settle`]).
///
/// # Errors
/// `Stopped` where there is no room for it; nothing is held then.
pub(crate) async fn admit(
    write: &Write,
    app: &App,
    caller: &Caller,
    id: &str,
    numbers: &[&str],
) -> Result<(), Stop> {
    let (at, organisation) = (clocks(app), caller.organisation.to_string());
    if !is_limited(write.tx(), caller.organisation).await? {
        return Ok(());
    }
    let rules = rules(write.tx(), &organisation).await?;
    let (branch, courier) = (caller.branch.map(|b| b.to_string()), caller.courier.map(|c| c.to_string()));
    let (kind, account) =
        payer(&rules.policy, &organisation, caller.call, branch.as_deref(), courier.as_deref());
    let Some((_, rates)) = in_force(write.tx(), &organisation, at.wall).await? else {
        // without prices every call costs nothing
        return Ok(());
    };
    let trunks: Vec<&str> = app.config.trunk.iter().map(|t| t.name.as_str()).collect();
    let seconds = rules.policy.hold_s;
    let legs = numbers.iter().filter_map(|number| dearest(&rates, number, &trunks, seconds));
    let hold = Held { rates: legs.cloned().collect(), seconds };
    let call = hold.amount(0);
    let day = day_number(at.wall.date(rules.zone));
    let (room, own) = room(write.tx(), &account, day, at.now).await?;
    let limits = limits_of(&rules.policy, kind, own);
    room.takes(&limits, call).map_err(|stopped| refuse(caller, stopped))?;
    if let (Some(cap), Some(courier), ChargedCall::Outgoing) =
        (rules.policy.courier_spend_a_day, &courier, caller.call)
    {
        let midnight = crate::clock::midnight(at.now, at.wall, rules.zone).0;
        let sql = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM ledger_entry WHERE courier_id = $1 \
                   AND organisation_id = $2 AND call_kind = 'outgoing' AND at >= $3";
        let values = [courier.clone().into(), organisation.clone().into(), midnight.into()];
        let spent = -Micros(number(write.tx(), sql, values).await?);
        let room = Room { spent, ..Room::default() };
        let limits = Limits { credit: None, daily_cap: Some(cap) };
        room.takes(&limits, call).map_err(|stopped| refuse(caller, stopped))?;
    }
    if limits.is_none() || hold.rates.is_empty() {
        return Ok(());
    }
    let text = serde_json::to_string(&hold)
        .map_err(|e| StoreError::Damaged { what: "charge_hold.held", problem: e.to_string() })?;
    write
        .exec(
            "INSERT INTO charge_hold (id, organisation_id, account_id, held, at) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (id) DO UPDATE SET account_id = excluded.account_id, held = excluded.held, at = excluded.at",
            [id.into(), organisation.into(), account.into(), text.into(), at.now.0.into()],
        )
        .await?;
    Ok(())
}

fn refuse(caller: &Caller, stopped: Stopped) -> Stop {
    metrics::counter!("waybell_calls_stopped_total", "why" => stopped.as_str(), "call" => caller.call.as_str())
        .increment(1);
    Stop::Stopped(stopped)
}

/// A call that was let in is not made after all: its room is free again.
pub(crate) async fn release(write: &Write, id: &str) -> Result<(), StoreError> {
    write.exec("DELETE FROM charge_hold WHERE id = $1", [id.into()]).await.map(drop)
}

/// Asks for one leg, in a transaction of its own.
///
/// # Errors
/// Why it is not to be rung, for the log.
pub(crate) async fn admit_leg(app: &App, caller: &Caller, id: &str, number: &str) -> Result<(), String> {
    let limited = is_limited(app.store.read(), caller.organisation).await.map_err(|e| e.to_string())?;
    if !limited {
        return Ok(());
    }
    let write = app.store.begin().await.map_err(|e| e.to_string())?;
    match admit(&write, app, caller, id, &[number]).await {
        Ok(()) => write.commit().await.map_err(|e| e.to_string()),
        Err(Stop::Stopped(stopped)) => Err(stopped.label_en().to_owned()),
        Err(Stop::Store(error)) => Err(error.to_string()),
    }
}

/// The dearest price for a number on any of the trunks, for a leg of so many seconds.
fn dearest<'a>(rates: &'a Rates, number: &str, trunks: &[&str], seconds: u16) -> Option<&'a Rate> {
    let ms = i64::from(seconds) * 1_000;
    let ways = trunks.iter().map(|t| Some(*t)).chain(trunks.is_empty().then_some(None));
    ways.filter_map(|trunk| rates.rate(&ChargedLeg { trunk, number, incoming: false, talked_ms: ms }))
        .max_by_key(|rate| rate.cost(ms))
}
