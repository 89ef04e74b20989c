//! SIP: the agent and everything below it.
pub(crate) mod agent;
pub(crate) mod dialog;
pub(crate) mod digest;
pub(crate) mod guard;
pub(crate) mod invite;
pub(crate) mod leg;
pub(crate) mod message;
pub(crate) mod record;
pub(crate) mod sdp;
pub(crate) mod transaction;
pub(crate) mod trunk;
pub(crate) mod wire;
