//! Calls that couriers make, both legs over the telephone network (双呼): works where the phone has no data network worth a call.
//!
//! ```text
//!  POST /calls ──place: whom, may they?──▶ row stored ──▶ call (a task) ──▶ domain::outgoing::OutgoingCall ──▶ deeds
//!                                                          ▲ events of its legs (calls::router)        │ 1 kept, 2 done
//!                                                                                                      ▼
//!                                                              courier's leg, customer's leg, bridge, recording
//! ```
//!
//! **Kept before done**, as for calls that come in (`calls::rows`): the call before the answer of the request, each INVITE
//! before it leaves, each dialog before its answer is acknowledged. `calls::recover` ends whatever a killed server left on a
//! line; the call shows as interrupted, and nobody is rung again.
//!
//! **Over the app** (`way: app`, `app`) nobody rings the courier's telephone: the app's offer makes the courier's leg, and everything
//! else, rules, shown number, recording, record, is the same.
//!
//! **Once.** The phone makes the id of a call, and the request may come any number of times: the row is the call.
//!
//! **Neither side learns the other's number.** Both telephones show a number of the company that the trunk may show: by the
//! organisation's rules that of the courier's area, the branch's, or any (`place`). Both dialogs and both streams end here.
//!
//! **One call a courier**, in either direction (`calls::Calls::engage`); calls and minutes a day by the organisation's rules. Which
//! numbers may be called is a rule of the dialler's and of `OutgoingPolicy`; opt-outs and the blocklist bar no courier's own call.
//!
//! **The dialler** counts who spoke in either direction as called back, and rings nobody who is on the line
//! (`notify::input`), as calls of both directions are one table.

mod act;
mod app;
mod call;
mod place;
pub mod routes;

pub(crate) use act::ring_tone;
