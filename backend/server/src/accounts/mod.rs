//! Who signs in: passwords (Argon2id), short access tokens, rotating refresh tokens.

pub mod auth;
pub mod routes;
pub mod service;
pub mod tokens;
