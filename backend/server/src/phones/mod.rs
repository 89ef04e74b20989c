//! Telephones that register: desk phones and softphones of couriers (话机), each with a user name and a secret of its own.
//!
//! ```text
//!  POST /me/phones ──▶ row with sealed hashes ──▶ [`Accounts`] (memory) ◀── asked by the switch's registrar
//!  switch: came, stays, left ──▶ router ──▶ [`Accounts::heard`] ──a few minutes apart──▶ seen_at of the row
//!  call comes in ──▶ calls/desk: contacts of the courier's telephones, each a leg
//! ```
//!
//! **The secret is nowhere.** It is random, told once, and only the two hashes that digest needs (`HA1`) are kept, each wrapped by a
//! master key (`keys`): a copy of the database registers nothing. The realm is part of what is hashed, so that telephones of
//! another realm do not register any more until they are made anew.
//!
//! **Where a telephone is, is not stored.** Registrations are short (two minutes at most), so after a restart every telephone is back
//! within that time, over a connection that works; a stored contact would ring ways that a NAT has closed. Until then the
//! courier's app and mobile ring as ever. What is stored is when, from where and as what a telephone was seen last.
//!
//! **Removed is gone.** Once the row's removal is committed the account leaves memory, and then the switch forgets the contacts.
//! A person who may not sign in any more has no telephones either.

mod accounts;
pub mod routes;
mod service;

pub use accounts::Accounts;
pub use service::{load, refresh, run};
