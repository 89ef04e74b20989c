//! Orders of others, for staff: asked of the server, at once and only now. Who assigns an order to somebody must know that it
//! is done, and not that it may be done later.

use super::{Orders, operation_id};
use crate::error::{Error, Result};
use crate::http::Request;
use crate::organisation::encoded;
use crate::store::seal::Seal;
use rusqlite::Connection;
use waybell_domain::id::OrderId;
use waybell_domain::order::OrderAction;
use waybell_domain::wire::{ActedAt, OrderActionRequest, OrderDetail, OrderTotals, OrderView};

/// What orders are looked for by; what is left out narrows nothing. See `GET /api/v1/orders`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OrderQuery {
    /// Name of the parameter and its value.
    pub filters: Vec<(&'static str, String)>,
}

impl OrderQuery {
    /// Narrows by a parameter, where it is given.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: Option<&str>) -> Self {
        self.filters.extend(value.map(|v| (name, v.to_owned())));
        self
    }

    fn encoded(&self) -> String {
        let pairs: Vec<String> = self.filters.iter().map(|(n, v)| format!("{n}={}", encoded(v))).collect();
        pairs.join("&")
    }
}

impl Orders {
    /// Orders on the server, the newest first.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn search(&self, query: &OrderQuery) -> Result<Vec<OrderView>> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::get(format!("/api/v1/orders?{}", query.encoded()))).await
    }

    /// The same as CSV.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn export(&self, query: &OrderQuery) -> Result<Vec<u8>> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask_bytes(&me, &Request::get(format!("/api/v1/orders/export?{}", query.encoded()))).await
    }

    /// An order with its trail, from the server.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn detail(&self, id: OrderId) -> Result<OrderDetail> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::get(format!("/api/v1/orders/{id}"))).await
    }

    /// What orders came to by `week`, `month` or `year`.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn totals(&self, by: &str) -> Result<Vec<OrderTotals>> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        inner.ask(&me, &Request::get(format!("/api/v1/orders/totals?by={}", encoded(by)))).await
    }

    /// Does something with an order on the server; refused where more has happened to it than `seen`.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn act_now(&self, order: &OrderView, action: OrderAction) -> Result<OrderView> {
        let inner = &self.client.inner;
        let me = inner.sign_in()?;
        let now = inner.clock.wall();
        let acted_at = ActedAt { wall: now, age_ms: Some(0) };
        let request = OrderActionRequest { id: operation_id(now), action, seen: Some(order.seen), acted_at };
        let path = format!("/api/v1/orders/{}/actions", order.id);
        let mut sent = Request::post(path, &request)?;
        sent.key = Some(request.id.to_string());
        let view: OrderView = inner.ask(&me, &sent).await?;
        let (seal, told) = (inner.store.seal.clone(), view.clone());
        inner.store.write(move |t| learn(t, &seal, &told)).await?;
        self.changed();
        Ok(view)
    }

    /// The order on the server with this number.
    ///
    /// # Errors
    /// `NotFound`; `Offline`, `SignedOut`, `Refused`.
    pub async fn find_on_server(&self, number: &str) -> Result<OrderView> {
        let query = OrderQuery::default().with("number", Some(number));
        let mut found = self.search(&query).await?;
        let at = found.iter().position(|o| o.number == number).ok_or(Error::NotFound("work order"))?;
        Ok(found.swap_remove(at))
    }
}

/// An order that is here is brought up to date.
pub(super) fn learn(t: &Connection, seal: &Seal, view: &OrderView) -> Result<()> {
    match super::rows::find(t, seal, view.id)? {
        Some(_) => super::rows::put(t, seal, view),
        None => Ok(()),
    }
}
