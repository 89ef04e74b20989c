//! What calls cost: prices, accounts, and a ledger that is only ever added to.
//!
//! ```text
//!  calls, outgoing, bindings, notify ──the end of a leg──▶ legs ─▶ enter ──▶ ledger_entry, account, charge_day ─▶ GET /me/ledger
//!            │                            (same transaction)        ▲ domain::rate: price, payer
//!            └─before a call is set up─▶ room: limits, holds ───────┘ hold goes
//! ```
//!
//! * **One entry for each leg that a trunk answered**: the person who is rung for a notice and the courier who is put through in
//!   it, a courier's mobile, the customer, the parties of a binding, the caller who comes in (free unless there is a price for it). An app's leg is
//!   ours from end to end; it costs nothing and has no entry. So has a caller who rings a displayed number and hears an announcement:
//!   that belongs to no organisation.
//! * **In the transaction that stores the end of the leg**, once by its source. A leg whose end another way has stored (a
//!   restored copy, a row that did not read) is found by `charged` and entered at the next start (`sweep`).
//! * **The end is known** where the far side said it, or took our BYE. Where it is not (a crash, and the far side knows the call no
//!   more), the leg is charged up to the last moment that is known of it, and the entry says that it is estimated.
//! * **Sums** of account, day, courier, branch and organisation are kept in the same transaction: a balance is one row.
//! * **Limits stop a call before it is set up, and never one that runs** (`room`).
//! * **Whose data.** A courier sees the entries of the own calls and of the own account; staff those of their branch.

mod accounts;
mod enter;
mod file;
mod legs;
pub mod pull;
mod rates;
mod room;
pub mod routes;
mod rows;
mod sweep;
#[cfg(test)]
mod tests;

pub(crate) use crate::webhooks::outbox::At;
pub(crate) use legs::{End, Source, settle};
pub(crate) use room::{Caller, Stop, admit, admit_leg, is_limited, release};
pub(crate) use sweep::{begin, sweep};

use waybell_domain::clock::UnixMs;

/// Both clocks now.
pub(crate) fn clocks(app: &crate::app::App) -> At {
    At { now: app.clock.now(), wall: app.clock.wall() }
}

/// A steady time as the wall clock would show it.
fn on_the_wall(at: At, steady: UnixMs) -> UnixMs {
    UnixMs(steady.0 + (at.wall.0 - at.now.0))
}
