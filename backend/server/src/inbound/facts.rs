//! The facts about a caller, read in one go.

use crate::numbers::PublishedNumber;
use crate::parcels::rows::OF_CUSTOMER;
use crate::store::{StoreError, all, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{BTreeMap, BTreeSet};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{DutyId, UserId};
use waybell_domain::inbound::{Availability, Block, Contact, Duty, Facts, OnCall, OpenParcel, Person};

/// Contacts and parcels read at most; a caller with more is a shop, and the newest tell enough.
const MOST: i64 = 200;

/// The facts, and what beside them is kept with the call.
pub(crate) struct Known {
    /// For the decision.
    pub facts: Facts,
    /// Waybills that are on their way to the caller.
    pub waybills: Vec<String>,
}

#[derive(FromQueryResult)]
struct BlockRow {
    until_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct ContactRow {
    courier_id: String,
    at: Option<i64>,
}

#[derive(FromQueryResult)]
struct ParcelRow {
    courier_id: String,
    waybill_no: String,
    building: String,
    estate: String,
    state_at: i64,
    arrives_at: Option<i64>,
}

#[derive(FromQueryResult)]
struct DutyRow {
    id: String,
    person_id: String,
    role: String,
    from_at: i64,
    until_at: Option<i64>,
    takes_over: i64,
}

#[derive(FromQueryResult)]
struct IdRow {
    id: String,
}

#[derive(FromQueryResult)]
struct PersonRow {
    id: String,
    phone_key: Option<String>,
    active: i64,
    mode: Option<String>,
    until_at: Option<i64>,
}

/// Everything that decides who is rung for a call to `number` from `caller` (a phone key; `None` for a caller without a
/// number). Everything is read within the number's organisation.
pub(crate) async fn known<C: ConnectionTrait>(
    db: &C,
    number: &PublishedNumber,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<Known, StoreError> {
    let organisation = number.organisation.to_string();
    let mut facts = Facts { policy: super::policy(db, number.organisation).await?, ..Facts::default() };
    let mut waybills = Vec::new();
    if let Some(caller) = caller {
        let who = || [organisation.clone().into(), caller.into()];
        let block: Option<BlockRow> = one(
            db,
            "SELECT until_at FROM inbound_block WHERE organisation_id = $1 AND phone_key = $2",
            who(),
        )
        .await?;
        facts.block = block.map(|b| Block { until: b.until_at.map(UnixMs) });
        facts.contacts = contacts(db, &organisation, caller).await?;
        (facts.parcels, waybills) = open_parcels(db, &organisation, caller).await?;
    }
    if let Some(area) = number.area {
        let rows: Vec<DutyRow> = all(
            db,
            "SELECT id, person_id, role, from_at, until_at, takes_over FROM duty WHERE area_id = $1 AND organisation_id = $2 \
             AND from_at <= $3 AND (until_at IS NULL OR until_at > $3)",
            [area.to_string().into(), organisation.clone().into(), now.0.into()],
        )
        .await?;
        facts.duties = rows
            .into_iter()
            .filter_map(|r| {
                Some(Duty {
                    id: DutyId::parse(&r.id).ok()?,
                    courier: UserId::parse(&r.person_id).ok()?,
                    role: OnCall::parse(&r.role)?,
                    from: UnixMs(r.from_at),
                    until: r.until_at.map(UnixMs),
                    takes_over: r.takes_over != 0,
                })
            })
            .collect();
    }
    let group: Vec<IdRow> = all(
        db,
        "SELECT person_id AS id FROM ring_group WHERE branch_id = $1 AND organisation_id = $2 ORDER BY position",
        [number.branch.to_string().into(), organisation.clone().into()],
    )
    .await?;
    facts.ring_group = group.iter().filter_map(|r| UserId::parse(&r.id).ok()).collect();
    facts.people = people(db, &organisation, &facts, caller, now).await?;
    Ok(Known { facts, waybills })
}

/// Parcels that are on their way to a customer, the newest first, and their waybills.
pub(crate) async fn open_parcels<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    customer: &str,
) -> Result<(Vec<OpenParcel>, Vec<String>), StoreError> {
    let rows: Vec<ParcelRow> = all(
        db,
        &format!(
            "SELECT p.courier_id, p.waybill_no, p.building, p.estate, p.state_at, \
             CASE WHEN p.arrives_of = p.courier_id AND p.state <> 'exception' THEN p.arrives_at END AS arrives_at FROM parcel p WHERE {OF_CUSTOMER} \
             AND p.state IN ('planned', 'out_for_delivery', 'exception') ORDER BY p.state_at DESC, p.id LIMIT 200"
        ),
        [organisation.into(), customer.into()],
    )
    .await?;
    let (mut parcels, mut waybills) = (Vec::new(), Vec::new());
    for row in rows {
        let Ok(courier) = UserId::parse(&row.courier_id) else { continue };
        waybills.push(row.waybill_no);
        let place = if row.building.is_empty() { row.estate } else { row.building };
        let (at, arrives) = (UnixMs(row.state_at), row.arrives_at.map(UnixMs));
        parcels.push(OpenParcel { courier, place, at, arrives });
    }
    Ok((parcels, waybills))
}

/// Who rang the caller, or sent them a text message.
async fn contacts<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    caller: &str,
) -> Result<Vec<Contact>, StoreError> {
    let rows: Vec<ContactRow> = all(
        db,
        "SELECT r.courier_id, MAX(a.intent_at) AS at FROM attempt a JOIN recipient r ON r.id = a.recipient_id \
         WHERE a.organisation_id = $1 AND a.phone_key = $2 GROUP BY r.courier_id \
         UNION ALL SELECT r.courier_id, MAX(m.sent_at) AS at FROM recipient r JOIN message m ON m.recipient_id = r.id \
         WHERE r.organisation_id = $1 AND r.phone_key = $2 AND m.sent_at IS NOT NULL GROUP BY r.courier_id \
         UNION ALL SELECT courier_id, MAX(rung_at) AS at FROM phone_call \
         WHERE organisation_id = $1 AND customer_key = $2 AND direction = 'outgoing' AND rung_at IS NOT NULL \
         GROUP BY courier_id LIMIT $3",
        [organisation.into(), caller.into(), MOST.into()],
    )
    .await?;
    let read =
        |r: ContactRow| Some(Contact { courier: UserId::parse(&r.courier_id).ok()?, at: UnixMs(r.at?) });
    Ok(rows.into_iter().filter_map(read).collect())
}

async fn people<C: ConnectionTrait>(
    db: &C,
    organisation: &str,
    facts: &Facts,
    caller: Option<&str>,
    now: UnixMs,
) -> Result<BTreeMap<UserId, Person>, StoreError> {
    let named: BTreeSet<UserId> = (facts.contacts.iter().map(|c| c.courier))
        .chain(facts.parcels.iter().map(|p| p.courier))
        .chain(facts.duties.iter().map(|d| d.courier))
        .chain(facts.ring_group.iter().copied())
        .collect();
    let mut out = BTreeMap::new();
    for courier in named {
        let row: Option<PersonRow> = one(
            db,
            "SELECT p.id, p.phone_key, p.active, a.mode, a.until_at FROM person p \
             LEFT JOIN availability a ON a.person_id = p.id WHERE p.id = $1 AND p.organisation_id = $2",
            [courier.to_string().into(), organisation.into()],
        )
        .await?;
        let Some(row) = row else { continue };
        let Ok(id) = UserId::parse(&row.id) else { continue };
        let over = row.until_at.is_some_and(|u| u <= now.0);
        let mode = row.mode.as_deref().and_then(Availability::parse).filter(|_| !over);
        let person = Person {
            active: row.active != 0,
            has_phone: row.phone_key.is_some(),
            availability: mode.unwrap_or_default(),
            is_caller: caller.is_some() && row.phone_key.as_deref() == caller,
        };
        out.insert(id, person);
    }
    Ok(out)
}
