//! Where a courier was: fixes, coordinates, the simplifier and the codec of tracks.
//!
//! ```text
//!  fix ──▶ (sanity, filter, stays: the phone's core) ──▶ simplify ──▶ codec ──▶ a blob, stored and sent
//! ```
//!
//! * Everything is WGS-84. Maps of mainland China want GCJ-02 or BD-09: [`coordinates`] converts at the edge.
//! * A track is kept as *runs*: unbroken polylines over time. Between two runs lies a gap, and a gap has a
//!   [`GapReason`].
//! * The vertices of a run lie on a grid of 1e-5 degrees (1.1 m) and are not fixes: the simplifier puts them where the
//!   fewest are needed. What holds is the bound: at the time of each fix that was taken, the polyline is within the
//!   bound of it (see [`simplify`]).
//! * Whoever was dropped, and why, is told by a [`DropReason`]; what looks made up is told by a [`SpoofSign`], which is
//!   evidence for a person to judge and drops nothing.

mod china;
pub mod codec;
pub mod coordinates;
mod fix;
pub mod live;
pub mod read;
mod reason;
pub mod shape;
pub mod simplify;
mod write;

pub use codec::{CodecError, Run, Vertex};
pub use coordinates::{Datum, Degrees, convert};
pub use fix::{Fix, Place, Provider};
pub use reason::{DropReason, GapReason, SpoofSign};
pub use shape::Shape;
pub use simplify::Simplifier;
pub use write::{gpx, join};
