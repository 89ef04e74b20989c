//! Work orders: opened once, handed on, urged, resolved, and never out of sight.
//!
//! ```text
//!  POST /orders ─▶ open: number, placed by parcel or area ─┐
//!  POST /orders/{id}/actions ─▶ act: domain::order's table ┼─▶ one transaction: order, line of the trail, audit, webhook
//!  janitor, each minute ─▶ remind: what surfaces by rule ──┘                        │ rev
//!  GET /orders, /orders/{id}, /orders/export, /orders/totals ◀── find, totals       ▼
//!  GET /me/orders ◀── pull: a courier's own, by revision ◀──── WebSocket: "there is more"
//! ```
//!
//! * **The trail is the order.** Each line holds what was done, when, when the server learnt of it, by whom, and the course
//!   after it; lines are added and never changed. The order's own row repeats the last course, to be found by.
//! * **Once.** An order's id is made by who opens it, an action's by who acts; both may come any number of times, in any
//!   order, from any device. What is refused changes nothing, and says why.
//! * **The clock is read, not kept** (`domain::order`): a view is computed from course, rules and now at each look. What was
//!   told of an order is kept (`work_order_told`), so that a reminder goes out once for each time that it comes to hold.
//! * **Who sees what.** Couriers see what they handle and what they opened, with numbers masked and without the fields that
//!   the type keeps from them; staff see their branch; administrators everything.

mod act;
mod find;
mod open;
pub mod pull;
mod remind;
mod rights;
pub mod routes;
mod rows;
mod totals;
mod write;

pub(crate) use remind::remind;
