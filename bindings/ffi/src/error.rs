//! The one error, with fields a screen can act on and no personal data.

/// Why something could not be done.
#[derive(Debug, uniffi::Error, thiserror::Error)]
pub enum WaybellError {
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
    /// No network. What was asked for is kept and goes out later, where it can be kept.
    #[error("offline: {problem}")]
    Offline {
        /// What the network said.
        problem: String,
    },
    /// Sign in.
    #[error("signed out")]
    SignedOut,
    /// The server refused.
    #[error("{code}: {problem}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// Stable word.
        code: String,
        /// Sentence.
        problem: String,
        /// What to do; empty where the server does not say.
        hint: String,
        /// Trying again later makes sense.
        retryable: bool,
    },
    /// There is no such thing on this phone.
    #[error("no such {what}")]
    NotFound {
        /// What was looked for.
        what: String,
    },
    /// The phone's storage failed, or its data are of a newer app.
    #[error("storage: {problem}")]
    Storage {
        /// What it said.
        problem: String,
    },
}

impl From<waybell_core::Error> for WaybellError {
    fn from(error: waybell_core::Error) -> Self {
        use waybell_core::Error as E;
        let retryable = error.is_retryable();
        match error {
            E::BadInput { field, problem, hint } => WaybellError::BadInput { field, problem, hint },
            E::Offline { problem, .. } => WaybellError::Offline { problem },
            E::SignedOut => WaybellError::SignedOut,
            E::Refused(refusal) => WaybellError::Refused {
                status: refusal.status,
                code: refusal.code.clone(),
                problem: refusal.message.clone(),
                hint: refusal.hint.clone().unwrap_or_default(),
                retryable,
            },
            E::NotFound(what) => WaybellError::NotFound { what: what.to_owned() },
            other => WaybellError::Storage { problem: other.to_string() },
        }
    }
}
