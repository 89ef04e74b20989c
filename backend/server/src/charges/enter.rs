//! Writing entries: with each the account's balance and the day's sums.

use super::rates::in_force;
use super::{At, on_the_wall};
use crate::org::sets::RuleSet;
use crate::store::{Several, StoreError, Write, one};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AccountId, BranchId, EntryId, UserId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::rate::{
    AccountKind, Charge, ChargePolicy, ChargedCall, ChargedLeg, EntryKind, Micros, Rated,
};

/// A leg that was answered, and is over.
pub(super) struct Leg {
    pub source: String,
    pub organisation: String,
    pub branch: Option<String>,
    pub courier: Option<String>,
    pub call: ChargedCall,
    pub phone_call: Option<String>,
    pub trunk: Option<String>,
    /// With `+` and country code, where it has one.
    pub number: String,
    pub incoming: bool,
    /// Steady.
    pub answered: i64,
    pub ended: i64,
    pub estimated: bool,
}

/// Rules of an organisation, as they are asked for at each leg.
pub(super) struct Rules {
    pub policy: ChargePolicy,
    pub zone: chrono_tz::Tz,
}

#[derive(FromQueryResult)]
struct RulesRow {
    time_zone: String,
    policy: Option<String>,
}

/// The rules. Damaged ones are the built-in ones here: a leg must be entered, and by whom it was to be paid can be put right.
pub(super) async fn rules<C: ConnectionTrait>(db: &C, organisation: &str) -> Result<Rules, StoreError> {
    let sql = "SELECT o.time_zone, c.policy FROM organisation o LEFT JOIN charge_policy c ON c.organisation_id = o.id \
               WHERE o.id = $1";
    let row: Option<RulesRow> = one(db, sql, [organisation.into()]).await?;
    let (zone, policy) = row.map_or((None, None), |r| (r.time_zone.parse().ok(), r.policy));
    let policy = match policy.map(|p| serde_json::from_str(&p)) {
        None => ChargePolicy::default(),
        Some(Ok(policy)) => policy,
        Some(Err(error)) => {
            tracing::error!(%error, what = ChargePolicy::TABLE, "rules do not read; the built-in ones hold");
            ChargePolicy::default()
        }
    };
    Ok(Rules { policy, zone: zone.unwrap_or(chrono_tz::Asia::Shanghai) })
}

/// An account by whom it is of.
pub(super) type Payer = (AccountKind, String);

/// Whose account pays.
pub(super) fn payer(
    policy: &ChargePolicy,
    organisation: &str,
    call: ChargedCall,
    branch: Option<&str>,
    courier: Option<&str>,
) -> Payer {
    let branch = branch.and_then(|b| BranchId::parse(b).ok());
    let courier = courier.and_then(|c| UserId::parse(c).ok());
    let (kind, id) = policy.payer(call, branch, courier);
    (kind, id.map_or_else(|| organisation.to_owned(), |id| AccountId::from_uuid(id).to_string()))
}

/// `20261123`.
pub(super) fn day_number(day: chrono::NaiveDate) -> i64 {
    use chrono::Datelike;
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

/// What one entry says beside what the account makes of it.
pub(super) struct New {
    pub id: EntryId,
    pub organisation: String,
    pub account: Payer,
    pub source: String,
    pub at: UnixMs,
    pub kind: EntryKind,
    pub amount: Micros,
    pub rev: i64,
    /// Whose it is, by which it is seen.
    pub branch: Option<String>,
    pub courier: Option<String>,
    pub of_leg: Option<OfLeg>,
    pub of_person: Option<(String, UserId)>,
}

pub(super) struct OfLeg {
    pub call: ChargedCall,
    pub phone_call: Option<String>,
    pub number: String,
    pub trunk: Option<String>,
    pub answered: i64,
    pub charge: String,
    pub version: Option<i64>,
    pub estimated: bool,
}

/// Adds the statements of an entry: the account where it is the first, the entry, the balance.
pub(super) fn add(several: &mut Several, new: New) {
    let (kind, account) = new.account;
    several.add(
        "INSERT INTO account (id, organisation_id, kind) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
        [account.clone().into(), new.organisation.clone().into(), kind.as_str().into()],
    );
    let leg = new.of_leg;
    let (reason, by) = new.of_person.map_or((None, None), |(r, by)| (Some(r), Some(by.to_string())));
    let estimated = leg.as_ref().is_some_and(|l| l.estimated);
    let mut values: Vec<Value> = vec![
        new.id.to_string().into(),
        new.organisation.into(),
        account.clone().into(),
        new.source.into(),
        new.at.0.into(),
        new.kind.as_str().into(),
        new.amount.0.into(),
        new.rev.into(),
        reason.into(),
        by.into(),
        i64::from(estimated).into(),
        new.branch.into(),
        new.courier.into(),
    ];
    match leg {
        Some(leg) => values.extend([
            Value::from(Some(leg.call.as_str().to_owned())),
            leg.phone_call.into(),
            Some(leg.number).into(),
            leg.trunk.into(),
            Some(leg.answered).into(),
            Some(leg.charge).into(),
            leg.version.into(),
        ]),
        None => {
            let text = || Value::from(None::<String>);
            let none = Value::from(None::<i64>);
            values.extend([text(), text(), text(), text(), none.clone(), text(), none]);
        }
    }
    several.add(
        "INSERT INTO ledger_entry (id, organisation_id, account_id, seq, source, at, kind, amount, balance, rev, reason, \
         written_by, is_estimated, branch_id, courier_id, call_kind, phone_call_id, number, trunk, answered_at, charge, \
         rates_version) SELECT $1, $2, a.id, a.entries + 1, $4, $5, $6, $7, a.balance + $7, $8, $9, $10, $11, $12, $13, $14, \
         $15, $16, $17, $18, $19, $20 FROM account a WHERE a.id = $3",
        values,
    );
    several.add(
        "UPDATE account SET balance = balance + $1, entries = entries + 1 WHERE id = $2",
        [new.amount.0.into(), account.into()],
    );
}

/// Enters a leg: its price, its payer, the entry, the sums of its day. A leg that has its entry gets no other.
pub(super) async fn enter(write: &Write, at: At, leg: &Leg, several: &mut Several) -> Result<(), StoreError> {
    let sql = "SELECT COUNT(*) FROM ledger_entry WHERE source = $1";
    if crate::store::number(write.tx(), sql, [leg.source.clone().into()]).await? > 0 {
        return Ok(());
    }
    let rules = rules(write.tx(), &leg.organisation).await?;
    let answered = on_the_wall(at, UnixMs(leg.answered));
    let found = match in_force(write.tx(), &leg.organisation, answered).await {
        Err(error) if error.is_damage() => {
            tracing::error!(%error, source = %leg.source, "prices do not read; the leg is entered without one");
            None
        }
        other => other?,
    };
    let charged = ChargedLeg {
        trunk: leg.trunk.as_deref(),
        number: &leg.number,
        incoming: leg.incoming,
        talked_ms: (leg.ended - leg.answered).max(0),
    };
    let (version, charge) = match &found {
        Some((version, rates)) => (Some(*version), rates.charge(&charged)),
        None if leg.incoming => (None, Charge::nothing(Rated::Free, charged.talked_ms)),
        None => (None, Charge::nothing(Rated::Unrated, charged.talked_ms)),
    };
    if charge.rated == Rated::Unrated {
        metrics::counter!("waybell_legs_unrated_total").increment(1);
        tracing::warn!(source = %leg.source, trunk = leg.trunk.as_deref().unwrap_or("-"), "there is no price for a leg");
    }
    let (branch, courier) = (leg.branch.as_deref(), leg.courier.as_deref());
    let account = payer(&rules.policy, &leg.organisation, leg.call, branch, courier);
    let text = serde_json::to_string(&charge)
        .map_err(|e| StoreError::Damaged { what: "ledger_entry.charge", problem: e.to_string() })?;
    let day = day_number(at.wall.date(rules.zone));
    let unrated = i64::from(charge.rated == Rated::Unrated);
    let owners = [courier, branch, Some(leg.organisation.as_str())];
    for owner in owners.into_iter().flatten() {
        let paid = if owner == account.1 { charge.amount.0 } else { 0 };
        several.add(
            "INSERT INTO charge_day (owner_id, day, organisation_id, legs, talked_ms, cost, paid, unrated) \
             VALUES ($1, $2, $3, 1, $4, $5, $6, $7) ON CONFLICT (owner_id, day) DO UPDATE SET \
             legs = charge_day.legs + 1, talked_ms = charge_day.talked_ms + excluded.talked_ms, \
             cost = charge_day.cost + excluded.cost, paid = charge_day.paid + excluded.paid, \
             unrated = charge_day.unrated + excluded.unrated",
            [
                owner.into(),
                day.into(),
                leg.organisation.clone().into(),
                charge.talked_ms.into(),
                charge.amount.0.into(),
                paid.into(),
                unrated.into(),
            ],
        );
    }
    let number = PhoneNumber::from_key(&leg.number).map_or_else(|_| masked(&leg.number), |n| n.masked());
    let new = New {
        id: EntryId::at(at.now, rand::random()),
        organisation: leg.organisation.clone(),
        account,
        source: leg.source.clone(),
        at: at.now,
        kind: EntryKind::Leg,
        amount: -charge.amount,
        rev: write.next_rev(),
        branch: leg.branch.clone(),
        courier: leg.courier.clone(),
        of_leg: Some(OfLeg {
            call: leg.call,
            phone_call: leg.phone_call.clone(),
            number,
            trunk: leg.trunk.clone(),
            answered: leg.answered,
            charge: text,
            version,
            estimated: leg.estimated,
        }),
        of_person: None,
    };
    add(several, new);
    metrics::counter!("waybell_legs_charged_total", "call" => leg.call.as_str()).increment(1);
    Ok(())
}

/// Of what is no number that is read: its last two signs.
fn masked(text: &str) -> String {
    let end: String = text.chars().skip(text.chars().count().saturating_sub(2)).collect();
    format!("****{end}")
}
