//! Work orders, the courier's own. Offline.

use crate::client::{Answer, WaybellClient, bad, run};
use waybell_core::orders as core;
use waybell_domain::id::{CallId, OrderId};
use waybell_domain::order::OrderAction;

/// A work order.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WorkOrder {
    /// Id.
    pub id: String,
    /// Its number, `20261122-0042`.
    pub number: String,
    /// Key of its type.
    pub kind: String,
    /// Name of its type.
    pub kind_name: String,
    /// What it is about.
    pub content: String,
    /// The customer's name; empty where it is not known.
    pub customer: String,
    /// The customer's number, its middle hidden; empty where it is not known.
    pub masked_phone: String,
    /// The address; empty where it is not known.
    pub address: String,
    /// The waybill that it is about; empty for none.
    pub waybill_no: String,
    /// `pending`, `in_progress`, `done`, `on_hold`.
    pub state: String,
    /// The state in Chinese.
    pub state_zh: String,
    /// Its clock: `none`, or how it stands: `on_time`, `warning`, `overdue`, …
    pub mark: String,
    /// When its time is used up, unix ms.
    pub due_at: Option<i64>,
    /// Why it asks for somebody now, in Chinese, the most urgent first.
    pub attention_zh: Vec<String>,
    /// The same as words.
    pub attention: Vec<String>,
    /// When it was opened, unix ms.
    pub opened_at: i64,
    /// Something that was done here has not reached the server.
    pub pending: bool,
    /// The server has refused something that was done here: see `operations`.
    pub refused: bool,
}

/// An order to open.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NewWorkOrder {
    /// Key of its type, of `orderTypes`.
    pub kind: String,
    /// What it is about, 1 to 2,000 characters.
    pub content: String,
    /// The customer's name; empty for none.
    pub customer: String,
    /// The customer's number; empty for none.
    pub phone: String,
    /// The address; empty for none.
    pub address: String,
    /// The waybill that it is about; empty for none.
    pub waybill_no: String,
    /// The call that it is from; empty for none.
    pub call: String,
}

/// A type of work orders.
#[derive(Clone, Debug, uniffi::Record)]
pub struct OrderKind {
    /// Key.
    pub key: String,
    /// Name.
    pub name: String,
}

/// What a courier does with an order.
#[derive(Clone, Debug, uniffi::Enum)]
pub enum OrderDeed {
    /// 接单: is on it.
    Take,
    /// 办结: what was done.
    Resolve {
        /// In words.
        text: String,
    },
    /// 申请退回: back to be assigned.
    Return {
        /// Why.
        reason: String,
    },
}

impl From<core::Order> for WorkOrder {
    fn from(o: core::Order) -> Self {
        let v = o.view;
        WorkOrder {
            id: v.id.to_string(),
            number: v.number,
            kind: v.kind,
            kind_name: v.type_name,
            content: v.content,
            customer: v.customer.unwrap_or_default(),
            masked_phone: v.caller.unwrap_or_default(),
            address: v.address.unwrap_or_default(),
            waybill_no: v.waybill_no.unwrap_or_default(),
            state: v.state.as_str().to_owned(),
            state_zh: v.state.label_zh().to_owned(),
            mark: v.clock.mark.as_str().to_owned(),
            due_at: v.clock.due_at.map(|at| at.0),
            attention_zh: v.attention.iter().map(|a| a.label_zh().to_owned()).collect(),
            attention: v.attention.iter().map(|a| a.as_str().to_owned()).collect(),
            opened_at: v.opened_at.0,
            pending: o.pending,
            refused: o.refused,
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// The types that an order can have, as the server told last.
    pub fn order_types(&self) -> Answer<Vec<OrderKind>> {
        let types = self.client.orders().policy()?.types;
        Ok(types.into_iter().map(|t| OrderKind { key: t.key, name: t.name }).collect())
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Orders that this person handles or has opened: what asks for somebody comes first, then what is due soonest.
    pub async fn orders(&self, open_only: bool) -> Answer<Vec<WorkOrder>> {
        let orders = self.client.orders();
        Ok(run(async move { orders.list(open_only).await }).await?.into_iter().map(WorkOrder::from).collect())
    }

    /// Opens an order; its id. It gets its number, and is in the list, once the server has it.
    pub async fn open_order(&self, order: NewWorkOrder) -> Answer<String> {
        let said = |text: String| Some(text).filter(|t| !t.trim().is_empty());
        let call = said(order.call).map(|id| CallId::parse(&id).map_err(|e| bad("call", &e.to_string())));
        let new = core::NewOrder {
            kind: order.kind,
            content: order.content,
            customer: said(order.customer),
            caller: said(order.phone),
            address: said(order.address),
            waybill_no: said(order.waybill_no),
            call: call.transpose()?,
        };
        let orders = self.client.orders();
        Ok(run(async move { orders.open(new).await }).await?.to_string())
    }

    /// Does something with an order: shown at once, sent once when there is a network. `BadInput` for what cannot be done at its stage.
    pub async fn order_deed(&self, order: String, deed: OrderDeed) -> Answer<WorkOrder> {
        let id = OrderId::parse(&order).map_err(|e| bad("order", &e.to_string()))?;
        let action = match deed {
            OrderDeed::Take => OrderAction::Take,
            OrderDeed::Resolve { text } => OrderAction::Resolve { text },
            OrderDeed::Return { reason } => OrderAction::Return { reason },
        };
        let orders = self.client.orders();
        Ok(run(async move { orders.act(id, action).await }).await?.order.into())
    }
}
