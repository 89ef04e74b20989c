//! What can write down what was said.

use crate::speech::Failure;
use async_trait::async_trait;
use std::time::Duration;

/// Something that recognises speech. [`Failure`] says what a failure means: `Text` that this sound is not written down and
/// others are, `Barred` that somebody has to mend something first, anything else that it may be asked again.
#[async_trait]
pub(crate) trait Transcriber: Send + Sync {
    /// Its name, shown beside the text.
    fn name(&self) -> &str;

    /// Writes down a WAV file: 16 bits, 8 kHz, mono, at most ten minutes. Empty where it understood nothing. Takes `patience` at
    /// most once it has been asked; waiting for its turn is not counted. May be dropped at any moment.
    async fn write_down(&self, wav: &[u8], patience: Duration) -> Result<String, Failure>;
}

/// An answer, or that there is none in time.
pub(super) async fn within<T>(
    patience: Duration,
    asked: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    tokio::time::timeout(patience, asked)
        .await
        .unwrap_or_else(|_| Err(Failure::again("did not answer in time")))
}

/// What an engine is told beforehand, so that it writes simplified characters and the words of the trade.
pub(super) const HINT: &str =
    "以下是客户给快递员的普通话留言，用简体中文书写：放门口、快递柜、驿站、拒收、投诉、明天再送。";
