//! Calling a customer: now or never.
//!
//! The server rings the courier's own telephone first and then the customer's. This needs the server and is not kept for
//! later: a telephone that rings ten minutes after the tap, at a door or on the road, does harm. So a request lives for
//! [`PATIENCE`] at most from the tap on, and what did not get through in that time is told as an error. A phone that sleeps
//! stops the clocks of programs, so that the boot clock is looked at before each request (the wall clock where there is none).
//!
//! An answer that is lost is asked for again with the id that this phone made for the call: the server makes one call of one
//! id. Where no answer came at all, the call may ring or not, and the error says so ([`Error::Offline`], `left`).

use super::{Calls, rows};
use crate::client::{Inner, random};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::http::Request;
use crate::session::still;
use crate::tasks::rows::find;
use reqwest::Method;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use waybell_domain::clock::EventTime;
use waybell_domain::id::{CallId, ParcelId};
use waybell_domain::outgoing::CallRefusal;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{CallRequest, CallStarted, CallWay};

/// So long a call is asked for.
pub const PATIENCE: Duration = Duration::from_secs(12);
/// So long one request waits for its answer before it is sent again.
const ONE: Duration = Duration::from_secs(5);
/// So often an answer that was lost is asked for.
const ASKS: u32 = 5;

/// Whom to call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The recipient (or sender) of this parcel.
    Parcel(ParcelId),
    /// The customer of this call.
    Call(CallId),
    /// This number, as people write it.
    Number(String),
}

/// When a tap is too old to ring.
struct Limit {
    tap: EventTime,
    /// The same for waits, by a clock that may stand still.
    end: Instant,
}

impl Limit {
    fn from_now(inner: &Inner) -> Limit {
        Limit { tap: inner.event_time(), end: Instant::now() + PATIENCE }
    }

    fn is_over(&self, now: &EventTime) -> bool {
        u128::from(self.tap.age(now).ms.unsigned_abs()) >= PATIENCE.as_millis() || Instant::now() >= self.end
    }
}

impl Calls {
    /// Calls a customer: the courier's own telephone rings first. Needs the server; nothing is kept for later.
    ///
    /// # Errors
    /// `Offline`: nothing rings, unless `left` is true, when no answer came and it may ring all the same; `Refused` with the
    /// server's reason (a call is under way already, the number may not be called); `BadInput` for what is no number;
    /// `NotFound`, `SignedOut`.
    pub async fn ring(&self, whom: &Whom) -> Result<CallStarted> {
        self.ring_over(whom, CallWay::Callback).await
    }

    /// The same over either way. Over the app nobody is rung before the app has offered.
    pub(crate) async fn ring_over(&self, whom: &Whom, way: CallWay) -> Result<CallStarted> {
        let inner = &self.client.inner;
        let limit = Limit::from_now(inner);
        let me = inner.sign_in()?;
        let id = CallId::at(inner.clock.wall(), random());
        let mut body = CallRequest { id, parcel: None, call: None, number: None, way };
        match whom {
            Whom::Parcel(parcel) => body.parcel = Some(self.known_to_server(*parcel, &limit).await?),
            Whom::Call(call) => body.call = Some(*call),
            Whom::Number(text) => {
                PhoneNumber::parse(text).map_err(|e| {
                    let text = e.to_string();
                    let (problem, hint) = text.split_once("; ").unwrap_or((&text, "check the number"));
                    Error::bad("number", problem, hint)
                })?;
                body.number = Some(text.trim().to_owned());
            }
        }
        let mut request = Request::post("/api/v1/calls", &body)?;
        request.key = Some(id.to_string());
        let started: CallStarted = self.insist(&me, &request, &limit).await.map_err(once)?;
        let (seal, view, epoch) = (inner.store.seal.clone(), started.call.clone(), me.epoch);
        let kept = inner.store.write(move |t| {
            still(t, epoch)?;
            rows::put_new(t, &seal, &view)
        });
        // the telephone rings, whether or not the list can show it
        if let Err(error) = kept.await {
            tracing::warn!(%error, "a call that was begun could not be kept");
        }
        inner.bus.tell(Topic::Calls);
        inner.sync.wake();
        Ok(started)
    }

    /// Ends a call that this person has begun. Needs the server.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused` (404 for another person's call).
    pub async fn hang_up(&self, id: CallId) -> Result<()> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let path = format!("/api/v1/calls/{id}/hang-up");
        let request = Request { method: Method::POST, ..Request::get(path) };
        let limit = Instant::now() + PATIENCE;
        let asked = timeout_at(limit, inner.ask_bytes(&me, &request)).await;
        asked.unwrap_or_else(|_| Err(Error::offline("no answer in time")))?;
        // what became of the call comes with a page, in the order of its changes
        inner.sync.wake();
        Ok(())
    }

    /// A parcel of a list that has not reached the server goes there first.
    async fn known_to_server(&self, id: ParcelId, limit: &Limit) -> Result<ParcelId> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        let row = inner.store.read(move |c| find(c, &seal, id)).await?.ok_or(Error::NotFound("parcel"))?;
        if row.rev == 0 {
            let sent = timeout_at(limit.end, self.client.sync().now()).await;
            sent.unwrap_or_else(|_| Err(Error::offline("no answer in time"))).map_err(nothing_left)?;
        }
        Ok(id)
    }

    /// Asks until there is an answer or the time is over; then nothing is sent any more.
    async fn insist(
        &self,
        me: &crate::session::SignIn,
        request: &Request,
        limit: &Limit,
    ) -> Result<CallStarted> {
        let inner = &self.client.inner;
        let (mut may_ring, mut asks) = (false, 0);
        let mut problem = "no answer in time".to_owned();
        loop {
            if limit.is_over(&inner.event_time()) {
                return Err(Error::Offline { problem, left: may_ring });
            }
            asks += 1;
            let one = limit.end.min(Instant::now() + ONE);
            let asked = timeout_at(one, inner.ask(me, request)).await;
            problem = match asked.unwrap_or_else(|_| Err(Error::offline("no answer in time"))) {
                Err(Error::Offline { problem, left }) => {
                    may_ring |= left;
                    problem
                }
                other => return other,
            };
            // what has not left is not asked for again: the person decides
            if !may_ring || asks >= ASKS {
                return Err(Error::Offline { problem, left: may_ring });
            }
            tokio::time::sleep_until(limit.end.min(Instant::now() + Duration::from_millis(300))).await;
        }
    }
}

/// A refusal that the domain knows says the same twice, in both languages: screens say it in the person's own.
fn once(error: Error) -> Error {
    match error {
        Error::Refused(mut refusal) if CallRefusal::parse(&refusal.code).is_some() => {
            refusal.hint = None;
            Error::Refused(refusal)
        }
        other => other,
    }
}

/// Nothing of the call itself has left this phone.
fn nothing_left(error: Error) -> Error {
    match error {
        Error::Offline { problem, .. } => Error::Offline { problem, left: false },
        other => other,
    }
}
