//! The one tap, and what follows it.
//!
//! A tap makes a batch: its id is made here, the batch is shown at once, and the operation goes out when there is a
//! network. The server computes the plan again from what it knows, and it alone rings. Everything here works offline
//! but [`Notify::why`] and [`Notify::stop_all`].

mod act;
mod choose;
mod plan;
pub(crate) mod rows;
#[cfg(test)]
mod tests;

use crate::client::{Client, random};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationView};
use crate::session::acting;
use crate::store::{meta, sealed_meta};
use serde::Serialize;
use std::time::Duration;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::dial::plan::Ahead;
use waybell_domain::id::{BatchId, ParcelId};
use waybell_domain::wire::{
    ActedAt, BatchCounts, BatchRequest, BatchView, PlanRequest, PlanView, PolicyView, RecipientView,
    RingAgainRequest, TemplateView, TrunkView, VoiceView, WhyView,
};

pub use act::Undone;
pub use plan::ZONE;

/// Most parcels of one tap, as the server takes them.
pub const MOST_PARCELS: usize = 2_000;
/// How long a screen waits for the server's own plan.
const PLAN_WAIT: Duration = Duration::from_secs(2);

/// A batch and its people, as a screen shows them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// The batch; while only this phone knows it, `rev` is 0.
    pub batch: BatchView,
    /// Its people, in their order; empty until the server has taken the batch.
    pub recipients: Vec<RecipientView>,
    /// The tap, while it has not been acknowledged: it waits, or was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<OperationView>,
}

impl Progress {
    /// True once nothing will ring any more. A refused tap is over as well.
    #[must_use]
    pub fn is_over(&self) -> bool {
        let dead = self.operation.as_ref().is_some_and(|o| o.state == crate::outbox::OperationState::Dead);
        dead || self.operation.is_none() && self.batch.state.is_final()
    }
}

/// When people are rung.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// No earlier than this.
    pub start_at: Option<UnixMs>,
    /// So long before the courier arrives; `None` for as soon as possible.
    pub ahead: Option<Ahead>,
}

impl From<Option<UnixMs>> for When {
    fn from(start_at: Option<UnixMs>) -> Self {
        When { start_at, ahead: None }
    }
}

impl When {
    /// As far as these parcels need it.
    fn of(&self, parcels: &[ParcelId]) -> Option<Ahead> {
        let ahead = self.ahead.as_ref()?;
        let wanted: std::collections::HashSet<&ParcelId> = parcels.iter().collect();
        let arrivals = ahead.arrivals.iter().filter(|a| wanted.contains(&a.parcel)).copied().collect();
        Some(Ahead { minutes: ahead.minutes, arrivals })
    }
}

/// Dial plans and batches.
#[derive(Clone)]
pub struct Notify {
    pub(crate) client: Client,
}

impl Notify {
    /// What a tap on these parcels will do, by what this phone knows. Works offline.
    ///
    /// # Errors
    /// `NotFound` if a parcel is not on this phone.
    pub async fn plan(
        &self,
        template: &str,
        parcels: &[ParcelId],
        when: impl Into<When>,
    ) -> Result<PlanView> {
        let inner = &self.client.inner;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        let (template, parcels, when) = (template.to_owned(), parcels.to_vec(), when.into());
        check(when.ahead.as_ref(), now)?;
        let compute = move |c: &_| plan::compute(c, &seal, &template, &parcels, when.ahead.as_ref(), now);
        inner.store.read(compute).await?.as_ref().map(PlanView::from).ok_or(Error::NotFound("parcel"))
    }

    /// The server's plan when it can be had within 2 s and everything done here has reached it, as it also knows what
    /// colleagues have done; [`Notify::plan`] otherwise. `true` with the server's.
    pub async fn plan_checked(
        &self,
        template: &str,
        parcels: &[ParcelId],
        when: impl Into<When>,
    ) -> Result<(PlanView, bool)> {
        let when = when.into();
        let inner = &self.client.inner;
        if self.policy()?.is_none() {
            self.fetch_rules().await;
        }
        let waits = inner.store.read_now(|c| queue::lane_waits(c, queue::WORK))?;
        if !waits && let Ok(me) = inner.sign_in() {
            let body = PlanRequest {
                template: template.to_owned(),
                parcels: parcels.to_vec(),
                ahead: when.of(parcels),
            };
            let request = Request::post("/api/v1/plans", &body)?;
            if let Ok(Ok(plan)) = tokio::time::timeout(PLAN_WAIT, inner.ask::<PlanView>(&me, &request)).await
            {
                return Ok((plan, true));
            }
        }
        Ok((self.plan(template, parcels, when).await?, false))
    }

    /// The tap: batch and operation are stored durably when this returns. It leaves at once when there is a network,
    /// otherwise later; once.
    ///
    /// # Errors
    /// `SignedOut`, `NotFound`, `BadInput` for no parcels, more than [`MOST_PARCELS`], or a template that the organisation
    /// does not have; `Storage`.
    pub async fn send(&self, template: &str, parcels: &[ParcelId], when: impl Into<When>) -> Result<BatchId> {
        if parcels.len() > MOST_PARCELS {
            return Err(Error::bad(
                "parcels",
                format!("more than {MOST_PARCELS} are chosen"),
                "send several notices",
            ));
        }
        let batches = self.file(template, vec![parcels.to_vec()], when.into()).await?;
        batches.first().copied().ok_or_else(|| Error::bad("parcels", "none is chosen", "choose at least one"))
    }

    /// [`Notify::send`] for any number of parcels: batches of at most [`MOST_PARCELS`], all stored or none. The parcels of
    /// one telephone stay together, so that nobody is rung by two of them. The ids of batches of one tap begin with the
    /// same moment ([`Notify::siblings`]).
    ///
    /// # Errors
    /// As [`Notify::send`].
    pub async fn send_all(
        &self,
        template: &str,
        parcels: &[ParcelId],
        when: impl Into<When>,
    ) -> Result<Vec<BatchId>> {
        let groups = self.split(parcels).await?;
        self.file(template, groups, when.into()).await
    }

    async fn file(&self, template: &str, groups: Vec<Vec<ParcelId>>, when: When) -> Result<Vec<BatchId>> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        if groups.iter().all(Vec::is_empty) {
            return Err(Error::bad("parcels", "none is chosen", "choose at least one"));
        }
        self.knows(template)?;
        let acted = inner.event_time();
        check(when.ahead.as_ref(), acted.wall)?;
        let mut made = Vec::with_capacity(groups.len());
        for parcels in groups {
            let request = BatchRequest {
                id: BatchId::at(acted.wall, random()),
                template: template.to_owned(),
                ahead: when.of(&parcels),
                parcels,
                acted_at: ActedAt { wall: acted.wall, age_ms: None },
                start_at: when.start_at,
                display_number: None,
                confirmed: false,
            };
            let body = serde_json::to_vec(&request)?;
            let operation = Operation::new(OperationKind::Notify, Some(request.id), body, acted.clone());
            made.push((request, operation));
        }
        let ids = made.iter().map(|(request, _)| request.id).collect();
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                for (request, operation) in &made {
                    let plan = plan::compute(
                        t,
                        &seal,
                        &request.template,
                        &request.parcels,
                        request.ahead.as_ref(),
                        acted.wall,
                    )?
                    .ok_or(Error::NotFound("parcel"))?;
                    let counts = BatchCounts {
                        recipients: plan.rings(),
                        waiting: plan.rings(),
                        ..BatchCounts::default()
                    };
                    let view = local(request, user.id, counts, plan.estimate.cost.minor, acted.wall);
                    rows::local_batch(t, &view)?;
                    queue::push(t, &seal, operation)?;
                }
                Ok(())
            })
            .await?;
        self.taken();
        Ok(ids)
    }

    /// Moves the calls of a batch to the tour as it is now: whoever was not rung yet is rung so long before the new arrival.
    ///
    /// # Errors
    /// `BadInput` for a lead or an arrival that cannot be meant, `Offline`, `SignedOut`, `Refused` for a batch that is over.
    pub async fn follow(&self, id: BatchId, ahead: &Ahead) -> Result<BatchView> {
        let inner = &self.client.inner;
        check(Some(ahead), inner.clock.wall())?;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::put(format!("/api/v1/batches/{id}/arrivals"), ahead)?).await
    }

    /// Rings today's missed again, as a new batch; with `include_unknown` also those whose result is not known, as the
    /// person wants a second ring. The server knows who they are.
    pub async fn again(&self, template: &str, include_unknown: bool) -> Result<BatchId> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        self.knows(template)?;
        let acted = inner.event_time();
        let request = RingAgainRequest {
            id: BatchId::at(acted.wall, random()),
            template: template.to_owned(),
            acted_at: ActedAt { wall: acted.wall, age_ms: None },
            include_unknown,
        };
        let id = request.id;
        let operation =
            Operation::new(OperationKind::Again, Some(id), serde_json::to_vec(&request)?, acted.clone());
        let seal = inner.store.seal.clone();
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let shown = BatchRequest {
                    id: request.id,
                    template: request.template.clone(),
                    parcels: Vec::new(),
                    acted_at: request.acted_at,
                    start_at: None,
                    ahead: None,
                    display_number: None,
                    confirmed: false,
                };
                rows::local_batch(t, &local(&shown, user.id, BatchCounts::default(), 0, acted.wall))?;
                queue::push(t, &seal, &operation)
            })
            .await?;
        self.taken();
        Ok(id)
    }

    /// The newest batches, newest first, as [`Notify::progress`] shows them but without people.
    pub async fn batches(&self, limit: u32) -> Result<Vec<BatchView>> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner
            .store
            .read(move |c| {
                rows::batches(c, limit)?
                    .into_iter()
                    .map(|b| act::shown(c, &seal, b).map(|(b, _)| b))
                    .collect()
            })
            .await
    }

    /// A batch with its people.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn progress(&self, id: BatchId) -> Result<Progress> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        inner
            .store
            .read(move |c| {
                let batch = rows::batch(c, id)?.ok_or(Error::NotFound("batch"))?;
                let (batch, recipients) = act::shown(c, &seal, batch)?;
                let operation = queue::maker(c, &seal, id)?.map(|o| o.view());
                Ok(Progress { batch, recipients, operation })
            })
            .await
    }

    /// The templates, as far as the server has told them.
    pub fn templates(&self) -> Result<Vec<TemplateView>> {
        let text = self.client.inner.store.read_now(|c| meta(c, rows::TEMPLATES))?;
        Ok(text.and_then(|t| serde_json::from_str(&t).ok()).unwrap_or_default())
    }

    /// The rules, as last told.
    pub fn policy(&self) -> Result<Option<PolicyView>> {
        let seal = self.client.inner.store.seal.clone();
        self.client.inner.store.read_now(|c| sealed_meta(c, &seal, rows::POLICY))
    }

    /// Who speaks the notices, and what should be mended. Asks the server, which tells a courier nothing of the engines.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn voice(&self) -> Result<VoiceView> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, &Request::get("/api/v1/voice")).await
    }

    /// Whether calls can go out: how the server's trunks stand. Asks the server.
    ///
    /// # Errors
    /// `Offline`, `Refused` (404 of a server that cannot tell).
    pub async fn trunks(&self) -> Result<Vec<TrunkView>> {
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, &Request::get("/api/v1/trunks")).await
    }

    /// The life of a parcel's recipient, decision by decision. Asks the server.
    ///
    /// # Errors
    /// `Offline`, `Refused` (404 `not_found`).
    pub async fn why(&self, waybill_no: &str) -> Result<WhyView> {
        let waybill: String = waybill_no.trim().chars().filter(char::is_ascii_alphanumeric).collect();
        if waybill.is_empty() {
            return Err(Error::bad(
                "waybill_no",
                "holds no letter or digit",
                "copy the number from the label",
            ));
        }
        let inner = &self.client.inner;
        inner.ask(&inner.sign_in()?, &Request::get(format!("/api/v1/parcels/{waybill}/why"))).await
    }

    /// Holds every call of the organisation, or releases them; for administrators. Asks the server, at once and only
    /// now: a hold that goes out later would be a surprise.
    pub async fn stop_all(&self, stopped: bool) -> Result<()> {
        let request = Request::post("/api/v1/stop-all", &serde_json::json!({ "stopped": stopped }))?;
        let inner = &self.client.inner;
        inner.ask_bytes(&inner.sign_in()?, &request).await.map(drop)
    }

    fn taken(&self) {
        self.client.inner.bus.tell(Topic::Batches);
        self.client.inner.bus.tell(Topic::Sync);
        self.client.inner.sync.wake();
    }
}

fn local(
    request: &BatchRequest,
    courier: waybell_domain::id::UserId,
    counts: BatchCounts,
    cost_minor: i64,
    now: UnixMs,
) -> BatchView {
    BatchView {
        id: request.id,
        courier,
        template: request.template.clone(),
        state: BatchState::Scheduled,
        created_at: now,
        start_at: request.start_at,
        counts,
        cost_minor,
        reason: None,
        rev: 0,
    }
}

fn check(ahead: Option<&Ahead>, now: UnixMs) -> Result<()> {
    let refused = |(field, problem, hint): (String, &str, &str)| Error::bad(&field, problem, hint);
    ahead.map_or(Ok(()), |a| a.check(now)).map_err(refused)
}
