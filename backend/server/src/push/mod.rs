//! Push: an app that has no socket is woken by its vendor's service.
//!
//! ```text
//!  phone ── PUT /me/push-token ──▶ tokens (one a sign-in)
//!  call ── no socket ──▶ ring ──▶ engine of the token's vendor ──▶ the vendor ──▶ phone ── connects its socket ──▶ call
//!                          │  again with growing gaps, until the call rings no more
//!                          └─ "nobody has this token": it is removed; nothing went out at all: the call hears of it
//! ```
//!
//! **Nobody is named.** A notice ([`waybell_domain::wire::PushNotice`]) is an id, a kind and an end; who rings and what about, the
//! woken app asks here. A token is never logged whole.
//!
//! **It costs a call nothing.** A push runs beside the call: the mobile rings when it would have rung for an app with a socket, at
//! once where no vendor took the push. What is late finds the call over, as any app does.
//!
//! **A token is the last person's.** It belongs to the sign-in that brought it last. The same token takes the former's place,
//! also in another organisation, and within one organisation another of the same phone does; it goes when its sign-in ends or its vendor does not know it.

mod bearer;
mod client;
mod engine;
mod jwt;
pub(crate) mod ring;
pub mod routes;
mod settings;
pub(crate) mod tokens;
mod vendors;

pub use engine::{Kind, Push, Refused};
pub use settings::{PushConfig, PushProblem};

use crate::speech::Secret;
use std::sync::Arc;
use waybell_domain::wire::PushVendor;

/// The engines that are set.
#[derive(Default)]
pub struct Engines(Vec<Arc<dyn Push>>);

impl Engines {
    /// Reads the keys that the configuration names.
    ///
    /// # Errors
    /// The key of the configuration whose file cannot be used.
    pub fn open(config: &PushConfig) -> Result<Engines, PushProblem> {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        vendors::open(config).map(Engines)
    }

    /// The one for phones of this vendor.
    #[must_use]
    pub fn of(&self, vendor: PushVendor) -> Option<&Arc<dyn Push>> {
        self.0.iter().find(|e| e.vendor() == vendor)
    }

    /// No vendor is set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What a log may hold of a token: enough to tell two apart.
fn masked(token: &str) -> String {
    let tail: String = token.chars().rev().take(4).collect();
    format!("…{}", tail.chars().rev().collect::<String>())
}

/// What a vendor says, short, and without what must not be told.
fn told(message: &str, hidden: &[&str]) -> String {
    let mut out = message.replace(char::is_control, " ");
    for word in hidden.iter().filter(|s| !s.is_empty()) {
        out = out.replace(*word, "…");
    }
    out.chars().take(160).collect()
}

/// A secret out of its file, without the line end.
fn read_secret(key: &str, file: &std::path::Path) -> Result<Secret, PushProblem> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        PushProblem::new(key, format!("{}: {e}", file.display()), "name a file that the server may read")
    })?;
    match text.trim() {
        "" => Err(PushProblem::new(key, format!("{} is empty", file.display()), "put the secret into it")),
        secret => Ok(Secret::from(secret)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_holds_the_end_of_a_token_and_no_secret() {
        assert_eq!(masked("fcm:APA91bH-token"), "…oken");
        assert_eq!(masked("a"), "…a");
        assert_eq!(told("no such token abc\n", &["abc", ""]), "no such token … ");
        assert_eq!(told(&"x".repeat(500), &[]).len(), 160);
    }
}
