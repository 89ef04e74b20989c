//! Lenient reading and plain writing of SIP and SDP, at the level of a parser: no transactions here.

pub(crate) mod digest;
pub(crate) mod message;
pub(crate) mod sdp;
#[cfg(test)]
mod tests;
