//! What is done with orders on this phone: kept with the order as it is then, sent once.

use super::{Desk, Order, Orders, operation_id, order_id, rows};
use crate::error::{Error, Result};
use crate::events::Topic;
use crate::outbox::queue::{self, Operation};
use crate::outbox::{OperationKind, OperationState};
use crate::session::acting;
use crate::store::seal::Seal;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, OperationId, OrderId};
use waybell_domain::order::{MOST_TEXT, OrderAction, OrderSource};
use waybell_domain::wire::{ActedAt, OrderActionRequest, OrderRequest, OrderView};

/// The body of an action's operation: what is sent, and the order that it is sent to.
#[derive(Serialize, Deserialize)]
struct Body {
    order: OrderId,
    #[serde(flatten)]
    request: OrderActionRequest,
}

/// An action that waits, or was refused.
pub(super) struct Waiting {
    pub order: OrderId,
    pub action: OrderAction,
    pub at: UnixMs,
    pub state: OperationState,
}

/// What came of an action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrderDone {
    /// Its id.
    pub id: OperationId,
    /// The order as it is then.
    pub order: Order,
}

/// An order to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NewOrder {
    /// Key of its type.
    pub kind: String,
    /// What it is about.
    pub content: String,
    /// The customer's name.
    pub customer: Option<String>,
    /// The customer's number.
    pub caller: Option<String>,
    /// The address.
    pub address: Option<String>,
    /// The waybill that it is about.
    pub waybill_no: Option<String>,
    /// The call that it is from.
    pub call: Option<CallId>,
}

/// Where an operation is sent.
pub(crate) fn path(operation: &Operation) -> Option<String> {
    let body: Body = serde_json::from_slice(&operation.body).ok()?;
    Some(format!("/api/v1/orders/{}/actions", body.order))
}

/// The server has an action: what is still here is brought up to date. An answer that comes again may be older than the
/// order's leaving for somebody else.
pub(crate) fn acted(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<OrderView>(answer) {
        Ok(view) => super::staff::learn(t, seal, &view),
        Err(_) => Ok(()),
    }
}

/// The server has an order: its word is newer than what is here.
pub(crate) fn taken(t: &Connection, seal: &Seal, answer: &[u8]) -> Result<()> {
    match serde_json::from_slice::<OrderView>(answer) {
        Ok(view) => rows::put(t, seal, &view),
        Err(_) => Ok(()),
    }
}

/// Actions that wait or were refused, oldest first.
pub(super) fn waiting(c: &Connection, seal: &Seal) -> Result<Vec<Waiting>> {
    let all = queue::all(c, seal)?.into_iter().filter(|o| o.kind == OperationKind::OrderAction);
    let read = |o: Operation| {
        let body: Body = serde_json::from_slice(&o.body).ok()?;
        Some(Waiting { order: body.order, action: body.request.action, at: o.acted.wall, state: o.state })
    };
    Ok(all.filter_map(read).collect())
}

impl Orders {
    /// Does something with an order that is on this phone. Shown at once, stored durably when this returns, sent when there is a
    /// network.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` for what cannot be done at its stage, or not by this person; `SignedOut`.
    pub async fn act(&self, id: OrderId, action: OrderAction) -> Result<OrderDone> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let done = inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let desk = Desk::of(t, &seal, user, acted.wall)?;
                let view = rows::find(t, &seal, id)?.ok_or(Error::NotFound("work order"))?;
                let order = desk.shown(view.clone(), &waiting(t, &seal)?);
                checked(&desk, &order, &action)?;
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let operation_id = operation_id(acted.wall);
                let request = OrderActionRequest { id: operation_id, action, seen: None, acted_at };
                let body = serde_json::to_vec(&Body { order: id, request })?;
                let mut operation = Operation::new(OperationKind::OrderAction, None, body, acted);
                operation.id = operation_id;
                queue::push(t, &seal, &operation)?;
                Ok(OrderDone { id: operation_id, order: desk.shown(view, &waiting(t, &seal)?) })
            })
            .await?;
        self.changed();
        Ok(done)
    }

    /// Opens an order. It gets its number, and is in the list, once the server has it.
    ///
    /// # Errors
    /// `BadInput`, `SignedOut`.
    pub async fn open(&self, new: NewOrder) -> Result<OrderId> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let length = new.content.trim().chars().count();
        if length == 0 || length > MOST_TEXT {
            return Err(Error::bad("content", "must have 1 to 2000 characters", "say what it is about"));
        }
        if self.policy()?.order_type(&new.kind).is_none() {
            return Err(Error::bad(
                "type",
                "there is no such type of order",
                "see the types in the list of orders",
            ));
        }
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        let id = order_id(acted.wall);
        let source = if user.role.sees_branch() { OrderSource::Staff } else { OrderSource::Courier };
        let request = OrderRequest {
            id,
            kind: new.kind,
            source,
            content: new.content,
            branch: None,
            customer: new.customer,
            caller: new.caller,
            address: new.address,
            area: None,
            call: new.call,
            waybill_no: new.waybill_no,
            acted_at: Some(ActedAt { wall: acted.wall, age_ms: None }),
        };
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let body = serde_json::to_vec(&request)?;
                queue::push(t, &seal, &Operation::new(OperationKind::OrderOpen, None, body, acted))
            })
            .await?;
        self.changed();
        Ok(id)
    }

    pub(super) fn changed(&self) {
        self.client.inner.bus.tell(Topic::Orders);
        self.client.inner.bus.tell(Topic::Sync);
        self.client.inner.sync.wake();
    }
}

/// What the server would refuse is refused here.
fn checked(desk: &Desk, order: &Order, action: &OrderAction) -> Result<()> {
    let view = &order.view;
    action
        .check(desk.now)
        .map_err(|flaw| Error::bad(flaw.field, flaw.problem, "correct it; nothing was done"))?;
    let kind = desk.policy.order_type(&view.kind);
    let step = view.course.step(&desk.policy, kind, desk.standing(view), action, desk.now);
    step.map(drop).map_err(|refusal| {
        Error::bad("order", refusal.label_en(), "look at the order again: its trail says what was done")
    })
}
