//! The port: one engine for each vendor.

use async_trait::async_trait;
use std::time::Duration;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

/// Hands notices to one vendor's service.
#[async_trait]
pub trait Push: Send + Sync {
    /// Whose tokens it takes.
    fn vendor(&self) -> PushVendor;

    /// Whether a notice reaches the app without being shown, so that one that nothing rings any more can follow the first. Where
    /// each push is shown to the person, or must ring, it cannot.
    fn is_silent(&self) -> bool;

    /// Hands one notice over; asks for an access token first where the vendor wants one. Takes a few seconds at most. Dropped
    /// while it waits, the vendor may have taken the notice.
    ///
    /// # Errors
    /// What the vendor made of it, and so what follows.
    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused>;
}

/// What follows from a notice that was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The vendor is not well, or wants fewer: again a little later.
    Again,
    /// Nobody has this token any more: it is removed, if it was registered before this.
    Unregistered {
        /// When the vendor learnt of it, where it says so.
        at: Option<UnixMs>,
    },
    /// The vendor does not want us: key, account or rights. Whoever runs the server has something to do.
    Barred,
    /// This notice is not taken, and would not be the next time.
    Lost,
}

/// A notice that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// What follows.
    pub kind: Kind,
    /// For a log: without token, key and secret.
    pub problem: String,
    /// How long the vendor asks to wait.
    pub wait: Option<Duration>,
}

impl Refused {
    pub(super) fn new(kind: Kind, problem: impl Into<String>) -> Refused {
        Refused { kind, problem: problem.into(), wait: None }
    }

    pub(super) fn again(problem: impl Into<String>) -> Refused {
        Refused::new(Kind::Again, problem)
    }

    pub(super) fn barred(problem: impl Into<String>) -> Refused {
        Refused::new(Kind::Barred, problem)
    }

    pub(super) fn lost(problem: impl Into<String>) -> Refused {
        Refused::new(Kind::Lost, problem)
    }

    pub(super) fn unregistered(problem: impl Into<String>) -> Refused {
        Refused::new(Kind::Unregistered { at: None }, problem)
    }

    /// As counters name it.
    pub(super) fn word(&self) -> &'static str {
        match self.kind {
            Kind::Again => "again",
            Kind::Unregistered { .. } => "unregistered",
            Kind::Barred => "barred",
            Kind::Lost => "lost",
        }
    }
}
