//! Errors a screen can act on. No text here holds a name, a number or an address.

use serde::{Deserialize, Serialize};

/// What a server said when it refused.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// Stable word.
    pub code: String,
    /// Sentence.
    pub message: String,
    /// Field, header or parameter that is wrong.
    pub field: Option<String>,
    /// What to do.
    pub hint: Option<String>,
    /// Seconds after which trying again makes sense.
    pub retry_after: Option<u32>,
}

impl Refusal {
    /// The same request may succeed later: 408, 425, 429 and all of 500 and more.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        self.status >= 500 || [408, 425, 429].contains(&self.status)
    }
}

/// Why something could not be done. The texts fit after "failed to …".
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An input cannot be taken.
    #[error("{field}: {problem}")]
    BadInput {
        /// Field, column or parameter.
        field: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
    /// There is no network, or the server is out of reach. What was asked for is kept where it can be.
    #[error("reach the server: {problem}")]
    Offline {
        /// What the network said.
        problem: String,
        /// Something may have reached the server; false when no connection came about.
        left: bool,
    },
    /// Nobody is signed in, or the session has ended.
    #[error("use this session: sign in")]
    SignedOut,
    /// The server refused.
    #[error("{}", .0.message)]
    Refused(Box<Refusal>),
    /// There is no such thing on this phone.
    #[error("find the {0}")]
    NotFound(&'static str),
    /// The phone's storage failed (full, damaged, locked by another process).
    #[error("store this: {problem}")]
    Storage {
        /// What it said.
        problem: String,
        /// The file is damaged; it is checked, and mended as far as that goes, when it is opened next.
        damaged: bool,
    },
    /// The file was written by a newer app.
    #[error("read data of a newer app (schema {found}, this one knows {known}): update the app")]
    Newer {
        /// Schema in the file.
        found: i64,
        /// Highest known.
        known: i64,
    },
}

/// Result of the core.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Trying again later makes sense.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Error::Offline { .. } | Error::Storage { .. } => true,
            Error::Refused(refusal) => refusal.is_retryable(),
            _ => false,
        }
    }

    /// A stable word for programs: `bad_input`, `offline`, `signed_out`, `not_found`, `storage`, `newer`, or the server's.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Error::BadInput { .. } => "bad_input",
            Error::Offline { .. } => "offline",
            Error::SignedOut => "signed_out",
            Error::Refused(refusal) => &refusal.code,
            Error::NotFound(_) => "not_found",
            Error::Storage { .. } => "storage",
            Error::Newer { .. } => "newer",
        }
    }

    pub(crate) fn storage(problem: impl ToString) -> Error {
        Error::Storage { problem: problem.to_string(), damaged: false }
    }

    pub(crate) fn offline(problem: impl Into<String>) -> Error {
        Error::Offline { problem: problem.into(), left: true }
    }

    pub(crate) fn bad(field: &str, problem: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::BadInput { field: field.into(), problem: problem.into(), hint: hint.into() }
    }
}

impl From<rusqlite::Error> for Error {
    fn from(e: rusqlite::Error) -> Self {
        // SQLite's text names columns of a broken constraint, never values
        Error::Storage { damaged: crate::store::says_damaged(&e), problem: e.to_string() }
    }
}

impl From<std::io::Error> for Error {
    fn from(e: std::io::Error) -> Self {
        Error::storage(e)
    }
}

impl From<serde_json::Error> for Error {
    /// The kind of error only: the text could quote a person's data.
    fn from(e: serde_json::Error) -> Self {
        Error::storage(format!("a stored value has another shape ({:?})", e.classify()))
    }
}
