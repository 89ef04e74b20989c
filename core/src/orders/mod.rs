//! Work orders of this courier: what is to be seen to, until when, and what was done about it.
//!
//! ```text
//!  server ──GET /me/orders──▶ rows (sealed) ─┐
//!                                            ├─▶ domain::order: course, clock, what asks for somebody ──▶ screen
//!  outbox: actions, orders opened here ──────┘
//! ```
//!
//! * **Offline first.** An action is a transaction and an operation. The order is shown as the action leaves it, by the same
//!   table as the server's; what that table refuses is refused here at once.
//! * **The clock goes on without a network**: state, warning, overdue are computed at each look from the rules told last.
//! * **Whose.** Orders that this person handles or has opened. Everything else (a branch's list, an order of a colleague) is
//!   asked of the server, at once and only now ([`staff`]).

mod act;
mod pull;
pub(crate) mod rows;
pub mod staff;

use crate::client::Client;
use crate::error::{Error, Result};
use crate::notify::{ZONE, rows::POLICY};
use crate::outbox::OperationState;
use crate::store::seal::Seal;
use crate::store::sealed_meta;
use rusqlite::Connection;
use serde::Serialize;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OperationId, OrderId};
use waybell_domain::order::{Calendar, OrderPolicy, Standing, attention, clock, urge_level};
use waybell_domain::wire::{OrderView, PolicyView, UserView};

pub use act::{NewOrder, OrderDone};
pub(crate) use act::{acted, path, taken};
pub(crate) use pull::Orders as Feed;
pub use staff::OrderQuery;

/// Work orders.
#[derive(Clone)]
pub struct Orders {
    pub(crate) client: Client,
}

/// An order as a screen shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Order {
    /// What the server says, with what was done here over it, as it is now.
    #[serde(flatten)]
    pub view: OrderView,
    /// Something that was done here has not reached the server.
    pub pending: bool,
    /// The server has refused something that was done here: see it among the refused operations.
    pub refused: bool,
}

/// The rules as this phone knows them.
pub(super) struct Desk {
    pub policy: OrderPolicy,
    days: Vec<waybell_domain::dial::policy::CalendarDay>,
    user: UserView,
    now: UnixMs,
}

impl Desk {
    fn of(c: &Connection, seal: &Seal, user: UserView, now: UnixMs) -> Result<Desk> {
        let rules: Option<PolicyView> = sealed_meta(c, seal, POLICY)?;
        let policy = sealed_meta(c, seal, pull::POLICY)?.unwrap_or_default();
        Ok(Desk { policy, days: rules.map(|r| r.policy.calendar).unwrap_or_default(), user, now })
    }

    fn standing(&self, view: &OrderView) -> Standing {
        let department = view.course.department.as_deref().and_then(|key| self.policy.department(key));
        Standing {
            person: self.user.id,
            staff: self.user.role.sees_branch(),
            member: department.is_some_and(|d| d.members.contains(&self.user.id)),
            opener: view.opened_by == self.user.id,
        }
    }

    /// The order with what waits over it, as it is now.
    fn shown(&self, mut view: OrderView, waiting: &[act::Waiting]) -> Order {
        let kind = self.policy.order_type(&view.kind);
        let own = waiting.iter().filter(|w| w.order == view.id);
        let (mut pending, mut refused) = (false, false);
        for done in own {
            if done.state == OperationState::Dead {
                refused = true;
                continue;
            }
            pending = true;
            let who = self.standing(&view);
            if let Ok(course) = view.course.step(&self.policy, kind, who, &done.action, done.at) {
                view.course = course;
            }
        }
        let calendar = match kind {
            Some(kind) if kind.always => Calendar::always(ZONE),
            _ => Calendar::new(&self.policy.hours, &self.days, ZONE),
        };
        let (limit, warn) = kind.map_or((0, 100), |k| (k.limit_min, k.warn_percent));
        view.state = view.course.state(self.now);
        view.clock = clock(&calendar, view.opened_at, &view.course.stops, limit, warn, self.now);
        view.urge_level = urge_level(&view.course, &self.policy.urge, &calendar, self.now);
        view.attention = attention(&self.policy, kind, &view.course, view.opened_at, &calendar, self.now);
        Order { view, pending, refused }
    }

    /// Whether it is shown to this person: what they gave away goes at once.
    fn keeps(&self, order: &Order) -> bool {
        order.view.course.handler == Some(self.user.id) || order.view.opened_by == self.user.id
    }
}

impl Orders {
    /// Orders that this person handles or has opened: what asks for somebody comes first, then what is due soonest. With
    /// `open_only` those that are not done.
    pub async fn list(&self, open_only: bool) -> Result<Vec<Order>> {
        let mut orders = self.known().await?;
        orders.retain(|o| !open_only || !o.view.course.is_done());
        orders.sort_by_key(|o| {
            let first = o.view.attention.first().copied();
            (
                o.view.course.is_done(),
                std::cmp::Reverse(first),
                o.view.clock.due_at.unwrap_or(UnixMs::NEVER),
                o.view.id,
            )
        });
        Ok(orders)
    }

    /// The order with this id or number; a number may leave out its beginning (`42` for `20261122-0042`) where one alone ends so.
    ///
    /// # Errors
    /// `NotFound`; `BadInput` where several end so.
    pub async fn find(&self, key: &str) -> Result<Order> {
        let key = key.trim().to_owned();
        let mut orders = self.known().await?;
        if let Some(at) = orders.iter().position(|o| o.view.number == key || o.view.id.to_string() == key) {
            return Ok(orders.swap_remove(at));
        }
        orders.retain(|o| {
            let last = o.view.number.rsplit('-').next().unwrap_or_default();
            !key.is_empty() && last.trim_start_matches('0') == key.trim_start_matches('0')
        });
        match (orders.pop(), orders.is_empty()) {
            (Some(order), true) => Ok(order),
            (Some(_), false) => Err(Error::bad("order", "several orders end so", "write the whole number")),
            (None, _) => Err(Error::NotFound("work order")),
        }
    }

    /// The rules for orders as the server told last; the built-in ones before that.
    pub fn policy(&self) -> Result<OrderPolicy> {
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        Ok(inner.store.read_now(|c| sealed_meta(c, &seal, pull::POLICY))?.unwrap_or_default())
    }

    async fn known(&self) -> Result<Vec<Order>> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let (seal, now) = (inner.store.seal.clone(), inner.clock.wall());
        inner
            .store
            .read(move |c| {
                let desk = Desk::of(c, &seal, user, now)?;
                let waiting = act::waiting(c, &seal)?;
                let shown = rows::list(c, &seal)?.into_iter().map(|view| desk.shown(view, &waiting));
                Ok(shown.filter(|order| desk.keeps(order)).collect())
            })
            .await
    }
}

/// A new id of an action.
pub(super) fn operation_id(now: UnixMs) -> OperationId {
    OperationId::at(now, crate::client::random())
}

/// A new id of an order.
pub(super) fn order_id(now: UnixMs) -> OrderId {
    OrderId::at(now, crate::client::random())
}
