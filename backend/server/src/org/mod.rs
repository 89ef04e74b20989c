//! The organisation: its rules, its people, numbers that must not be rung.

pub mod calendar;
pub mod opt_outs;
pub mod people;
pub mod policy;
pub mod rules;
pub mod service;
pub(crate) mod sets;
