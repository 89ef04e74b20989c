//! Notice templates: what is said, as text with variables, and the conversation around it, as a flow.

pub mod drafts;
pub mod flows;
pub mod routes;
pub mod service;
mod sound;
