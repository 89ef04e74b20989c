//! Evidence bundles: calls with their recordings, reasons and hashes as one signed zip (`waybell_domain::evidence`).
//!
//! Whoever sees a branch asks for a bundle of its calls and says what for, which the audit keeps. The zip is made in a file that
//! has no name, so that nothing is left where the server dies or the asker goes away. `waybell verify` and [`key`] say whether one
//! is what a server gave out.

mod bundle;
pub mod key;
mod report;
pub mod routes;
