//! Taking records: into the couriers' lists, by the rules of an import.
//!
//! Written in parts with a commit each, as an import is; a part that was written before a crash is found unchanged when the
//! delivery comes again. With the last part the answer is stored. Deliveries of one integration are taken one after the
//! other, so a copy that comes meanwhile waits for the answer.
//!
//! Whose parcel is it? The courier that the record names; else the one who has the waybill already; else the integration's
//! own; else the record is refused. A courier is named by login name or by the own telephone number.

use super::integrations::Integration;
use super::record::{HookProblem, Record, Records};
use crate::http::error::{ApiError, ApiResult};
use crate::parcels::import::{Good, PROBLEMS_TOLD, nothing_yet, take_part};
use crate::parcels::withdrawn::{By, withdraw};
use crate::store::scope::Scope;
use crate::store::{Store, Write, all, marks, one};
use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use sea_orm::{FromQueryResult, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeSet, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};
use tokio::sync::{Mutex, MutexGuard};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BranchId, UserId};
use waybell_domain::parcel::{ParcelState, parcel_id};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::Role;

const PART: usize = 500;

/// By a hash of the integration: two that share one wait for each other now and then.
static UNDER_WAY: [Mutex<()>; 64] = [const { Mutex::const_new(()) }; 64];

/// What a delivery did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct HookReport {
    /// Records read.
    pub total: u32,
    /// New parcels.
    pub created: u32,
    /// Parcels known before whose data changed, withdrawn ones that are back included.
    pub updated: u32,
    /// Parcels known before and equal.
    pub unchanged: u32,
    /// Parcels taken off their courier's list.
    pub withdrawn: u32,
    /// Records left out.
    pub rejected: u32,
    /// Why.
    pub problems: Vec<HookProblem>,
    /// Fields of records that mean nothing here.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub ignored: BTreeSet<String>,
}

/// A delivery that is to be carried out once.
pub(super) struct Incoming<'a> {
    pub(super) integration: &'a Integration,
    pub(super) id: &'a str,
    pub(super) hash: String,
}

impl<'a> Incoming<'a> {
    /// A delivery with this id and body.
    pub(super) fn new(integration: &'a Integration, id: &'a str, body: &[u8]) -> Self {
        let hash = Sha256::digest(body).iter().map(|b| format!("{b:02x}")).collect();
        Incoming { integration, id, hash }
    }

    /// The stored answer, if it was carried out before.
    pub(super) async fn before(&self, store: &Store) -> ApiResult<Option<Response>> {
        let stored: Option<Stored> = one(
            store.read(),
            "SELECT request_hash, status, body FROM webhook_received WHERE integration_id = $1 AND delivery_id = $2",
            [self.integration.id.clone().into(), self.id.into()],
        )
        .await?;
        match stored {
            None => Ok(None),
            Some(s) if s.request_hash != self.hash => {
                metrics::counter!("waybell_webhooks_received_total", "outcome" => "conflict").increment(1);
                Err(ApiError::conflict("delivery_id_reused", "this webhook-id was used for another body")
                    .hint("use a new id for a new delivery"))
            }
            Some(s) => {
                metrics::counter!("waybell_webhooks_received_total", "outcome" => "again").increment(1);
                let status = StatusCode::from_u16(s.status as u16).unwrap_or(StatusCode::OK);
                Ok(Some((status, [("content-type", "application/json")], s.body).into_response()))
            }
        }
    }

    async fn commit(&self, write: Write, now: UnixMs, report: &HookReport) -> ApiResult<Response> {
        let body = serde_json::to_string(report)
            .map_err(|e| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "encoding", e.to_string()))?;
        write
            .exec(
                "INSERT INTO webhook_received (integration_id, delivery_id, request_hash, status, body, at) \
                 VALUES ($1, $2, $3, 200, $4, $5)",
                [
                    self.integration.id.clone().into(),
                    self.id.into(),
                    self.hash.clone().into(),
                    body.into(),
                    now.0.into(),
                ],
            )
            .await?;
        write.commit().await?;
        metrics::counter!("waybell_webhooks_received_total", "outcome" => "taken").increment(1);
        Ok(Json(report).into_response())
    }
}

#[derive(FromQueryResult)]
struct Stored {
    request_hash: String,
    status: i64,
    body: String,
}

/// Waits until no other delivery of this integration is being taken.
pub(super) async fn turn(integration: &Integration) -> MutexGuard<'static, ()> {
    let mut hasher = DefaultHasher::new();
    integration.id.hash(&mut hasher);
    UNDER_WAY[(hasher.finish() % 64) as usize].lock().await
}

/// Carries a delivery out whose [`turn`] it is and that was not carried out before.
pub(super) async fn take(
    store: &Store,
    now: UnixMs,
    incoming: Incoming<'_>,
    read: Records,
) -> ApiResult<Response> {
    let Records { records, problems, ignored, total } = read;
    let mut list = Taking {
        integration: incoming.integration,
        now,
        named: HashMap::new(),
        places: HashMap::new(),
        report: HookReport { total, problems, ignored, ..HookReport::default() },
    };
    let mut parts: Vec<&[Record]> = records.chunks(PART).collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let write = store.begin().await?;
        list.part(&write, part).await?;
        write.commit().await?;
        crate::crash::point("webhook.part");
        tokio::task::yield_now().await;
    }
    let write = store.begin().await?;
    list.part(&write, last).await?;
    let mut report = list.report;
    report.problems.sort_by_key(|p| p.line);
    report.rejected = report.problems.len() as u32;
    report.problems.truncate(PROBLEMS_TOLD);
    incoming.commit(write, now, &report).await
}

/// Somebody who may carry parcels.
#[derive(Clone, Debug)]
struct Courier {
    id: UserId,
    branch: Option<BranchId>,
}

#[derive(FromQueryResult)]
struct PersonRow {
    id: String,
    branch_id: Option<String>,
}

impl PersonRow {
    fn courier(self) -> Option<Courier> {
        Some(Courier {
            id: UserId::parse(&self.id).ok()?,
            branch: self.branch_id.as_deref().map(BranchId::parse).transpose().ok()?,
        })
    }
}

#[derive(FromQueryResult)]
struct Known {
    id: String,
    waybill_no: String,
    branch_id: Option<String>,
    courier_id: String,
    state: String,
}

struct Taking<'a> {
    integration: &'a Integration,
    now: UnixMs,
    /// Couriers by the name in records, or by id; none for a name that leads to nobody or to several.
    named: HashMap<String, Option<Courier>>,
    /// How many records a courier has had: their place in the list.
    places: HashMap<UserId, usize>,
    report: HookReport,
}

impl Taking<'_> {
    async fn part(&mut self, write: &Write, part: &[Record]) -> ApiResult<()> {
        if part.is_empty() {
            return Ok(());
        }
        let known = self.known(write, part).await?;
        let mut lists: Vec<(Courier, Vec<&Record>)> = Vec::new();
        for record in part {
            let old = known.get(&record.good.waybill_no);
            if record.withdrawn {
                self.withdraw(write, record, old).await?;
                continue;
            }
            let Some(courier) = self.courier(write, record, old).await? else { continue };
            match lists.iter_mut().find(|(c, _)| c.id == courier.id) {
                Some((_, list)) => list.push(record),
                None => lists.push((courier, vec![record])),
            }
        }
        let mut linked: Vec<&Record> = Vec::new();
        for (courier, list) in lists {
            let scope = Scope {
                organisation: self.integration.organisation,
                branch: courier.branch,
                person: courier.id,
                role: Role::Courier,
            };
            let place = self.places.entry(courier.id).or_default();
            let at = *place;
            *place += list.len();
            let good: Vec<Good> = list.iter().map(|r| r.good.clone()).collect();
            let mut counts = nothing_yet();
            take_part(write, &scope, (self.now, self.now), &good, at, By::System, &mut counts).await?;
            self.report.created += counts.created;
            self.report.updated += counts.updated;
            self.report.unchanged += counts.unchanged;
            linked.extend(list);
        }
        self.link(write, &linked).await
    }

    async fn known(&self, write: &Write, part: &[Record]) -> ApiResult<HashMap<String, Known>> {
        let mut values: Vec<Value> = vec![self.integration.organisation.to_string().into()];
        values.extend(part.iter().map(|r| Value::from(r.good.waybill_no.clone())));
        let sql = format!(
            "SELECT id, waybill_no, branch_id, courier_id, state FROM parcel WHERE organisation_id = $1 AND waybill_no IN ({})",
            marks(2, part.len())
        );
        let rows: Vec<Known> = all(write.tx(), &sql, values).await?;
        Ok(rows.into_iter().map(|k| (k.waybill_no.clone(), k)).collect())
    }

    /// Whose the record is; a problem is noted.
    async fn courier(
        &mut self,
        write: &Write,
        record: &Record,
        old: Option<&Known>,
    ) -> ApiResult<Option<Courier>> {
        let branch = self.integration.branch.map(|b| b.to_string());
        let (problem, hint) = if branch.is_some() && old.is_some_and(|k| k.branch_id != branch) {
            ("the parcel is at another branch", "send it by that branch's integration")
        } else if let Some(name) = &record.courier {
            if let Some(courier) = self.person(write, name).await? {
                return Ok(Some(courier));
            }
            ("no courier has this login name or number", "name one who is at work in this branch")
        } else {
            for id in
                [old.map(|k| k.courier_id.clone()), self.integration.courier.clone()].into_iter().flatten()
            {
                if let Some(courier) = self.person(write, &id).await? {
                    return Ok(Some(courier));
                }
            }
            ("no courier is named", "name one, or set one for the whole integration")
        };
        self.report.problems.push(record.problem("courier", problem, hint));
        Ok(None)
    }

    /// The person of this id, login name or telephone number, in the integration's branch.
    async fn person(&mut self, write: &Write, name: &str) -> ApiResult<Option<Courier>> {
        if let Some(known) = self.named.get(name) {
            return Ok(known.clone());
        }
        let found = find_courier(write, self.integration, name).await?;
        self.named.insert(name.to_owned(), found.clone());
        Ok(found)
    }

    async fn withdraw(&mut self, write: &Write, record: &Record, old: Option<&Known>) -> ApiResult<()> {
        let branch = self.integration.branch.map(|b| b.to_string());
        let Some(old) = old.filter(|k| branch.is_none() || k.branch_id == branch) else {
            let hint = "nothing is to be withdrawn";
            self.report.problems.push(record.problem("waybill_no", "no parcel has this number", hint));
            return Ok(());
        };
        let state = ParcelState::parse(&old.state).unwrap_or_default();
        if state.can_be_withdrawn()
            && withdraw(write, self.integration.organisation, &old.id, self.now, By::System).await?
        {
            self.report.withdrawn += 1;
        } else {
            self.report.unchanged += 1;
        }
        Ok(())
    }

    /// Remembers whose parcels they are, and what their integration knows about them.
    async fn link(&self, write: &Write, records: &[&Record]) -> ApiResult<()> {
        const WIDTH: usize = 4;
        if records.is_empty() {
            return Ok(());
        }
        let tuples: Vec<String> =
            (0..records.len()).map(|i| format!("({})", marks(1 + i * WIDTH, WIDTH))).collect();
        let values = records.iter().flat_map(|record| -> [Value; WIDTH] {
            [
                parcel_id(self.integration.organisation, &record.good.waybill_no).to_string().into(),
                self.integration.id.clone().into(),
                record.good.phone_key.clone().into(),
                record.reference.clone().into(),
            ]
        });
        let sql = format!(
            "INSERT INTO integration_parcel (parcel_id, integration_id, phone_key, reference) VALUES {} \
             ON CONFLICT (parcel_id) DO UPDATE SET integration_id = excluded.integration_id, \
             phone_key = excluded.phone_key, reference = excluded.reference",
            tuples.join(",")
        );
        write.exec(&sql, values).await?;
        Ok(())
    }
}

/// The person at work with this id, login name or telephone number, in the integration's organisation and branch; none where
/// several have the number.
async fn find_courier(write: &Write, integration: &Integration, name: &str) -> ApiResult<Option<Courier>> {
    let people = |condition: &str, value: String| {
        let mut values: Vec<Value> = vec![integration.organisation.to_string().into(), value.into()];
        let mut sql = format!(
            "SELECT id, branch_id FROM person WHERE organisation_id = $1 AND active = 1 AND {condition}"
        );
        if let Some(branch) = integration.branch {
            sql.push_str(" AND branch_id = $3");
            values.push(branch.to_string().into());
        }
        sql.push_str(" LIMIT 2");
        async move { all::<PersonRow, _>(write.tx(), &sql, values).await }
    };
    let mut found = people("(id = $2 OR login = $2)", name.to_owned()).await?;
    if let (true, Ok(phone)) = (found.is_empty(), PhoneNumber::parse(name)) {
        found = people("phone_key = $2", phone.key()).await?;
    }
    Ok(if found.len() == 1 { found.swap_remove(0).courier() } else { None })
}

/// The id of the person whom an administrator names, as [`find_courier`].
pub(super) async fn courier_id(
    write: &Write,
    integration: &Integration,
    name: &str,
) -> ApiResult<Option<String>> {
    Ok(find_courier(write, integration, name).await?.map(|c| c.id.to_string()))
}
