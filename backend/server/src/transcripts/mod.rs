//! What a machine writes down of voicemails, beside their sound.
//!
//! ```text
//!  recording (voicemail, done) ──▶ worker ──WAV──▶ engine (HTTP, or a program) ──▶ text ──▶ intents (domain::voicemail)
//!                                    │                                             │
//!                                    └── later, with pauses ◀── it failed          └──▶ recording.words, sealed; phone_call.rev
//! ```
//!
//! A recording that has ended is found by an index, so nothing is lost over a restart, and nothing waits for it: the call is in
//! the list at once, and its text comes later. A server that dies between an answer and its commit asks once more. The newest
//! come first, because couriers wait for them; what is older than a week is not asked for. Text is sealed with a key made from
//! the file's ([`crate::keys`]): a recording that is erased takes its text along, in every copy of the database.
//!
//! An engine hears what customers said. It is asked only where `[transcriber]` names one, and only for organisations whose
//! rules leave `transcribe` on.

mod engine;
mod http;
mod program;
mod settings;
#[cfg(test)]
mod tests;
mod text;
mod work;

pub use settings::Transcriber as TranscriberConfig;
pub(crate) use work::{read_intents, run};

use engine::Transcriber;
use std::time::Duration;
use waybell_domain::clock::{DAY, HOUR, MINUTE, SECOND};

/// The engines that are set, in the order in which they are asked; none by default.
#[derive(Default)]
pub struct Transcripts {
    engines: Vec<Box<dyn Transcriber>>,
    patience: Duration,
}

/// Older voicemails are not asked for.
const YOUNG_MS: i64 = 7 * DAY;
/// Pauses after each failure; after the last one the recording is given up.
const PAUSES_MS: [i64; 6] = [10 * SECOND, MINUTE, 5 * MINUTE, 30 * MINUTE, 2 * HOUR, 12 * HOUR];

impl Transcripts {
    /// With the engines of a configuration.
    ///
    /// # Errors
    /// One of them cannot be set up.
    pub(crate) fn open(config: &TranscriberConfig) -> Result<Transcripts, String> {
        let mut engines: Vec<Box<dyn Transcriber>> = Vec::new();
        if let Some(url) = &config.url {
            engines.push(Box::new(http::Http::new(url, config)?));
        }
        if !config.command.is_empty() {
            engines.push(Box::new(program::Recogniser::new(config.command.clone())));
        }
        Ok(Transcripts { engines, patience: Duration::from_secs(u64::from(config.seconds)) })
    }
}
