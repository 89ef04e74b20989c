//! The organisation: its rules, its people, numbers that must not be rung.

pub mod policy;
pub mod routes;
pub mod service;
