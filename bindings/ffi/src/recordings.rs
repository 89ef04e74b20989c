//! Calls on the server and evidence of them. The sound of one's own calls: `fetchSound` and `sound` of the client. Needs a network.

use crate::calls::call_id;
use crate::client::{Answer, WaybellClient, run};
use std::path::PathBuf;
use waybell_core::recordings as core;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::CallView;

/// What is looked for; everything that is given must fit.
#[derive(Clone, Debug, uniffi::Record)]
pub struct RecordingSearch {
    /// Digits of the customer's number; for a courier, its last four. Empty: any.
    pub caller: String,
    /// A waybill of the customer at that time. Empty: any.
    pub waybill_no: String,
    /// Began then or later, unix ms.
    pub since: Option<i64>,
    /// Began earlier, unix ms.
    pub before: Option<i64>,
    /// Only calls with a recording or a voicemail.
    pub recorded: bool,
    /// At most so many, 1 to 500.
    pub limit: u32,
}

/// A call on the server.
#[derive(Clone, Debug, uniffi::Record)]
pub struct RecordedCall {
    /// Id, for `fetchSound` and for bundles.
    pub id: String,
    /// `incoming`, `outgoing`.
    pub direction: String,
    /// The customer's number, its middle hidden for couriers; `anonymous`, or `gone`.
    pub caller: String,
    /// What it came to; empty while it goes on.
    pub outcome: String,
    /// The outcome in Chinese.
    pub outcome_zh: String,
    /// When it began, unix ms.
    pub started_at: i64,
    /// Its sound: `none`, or `open`, `done`, `cut`, `failed`, `gone`.
    pub sound: String,
    /// Length of the sound, ms.
    pub sound_ms: i64,
    /// Waybills that the server named as the customer's.
    pub waybills: Vec<String>,
}

/// A bundle of evidence that was written and checked.
#[derive(Clone, Debug, uniffi::Record)]
pub struct EvidenceBundle {
    /// Calls in it.
    pub calls: u32,
    /// Public key that it is signed with, hexadecimal.
    pub key: String,
    /// Everything in it is what was signed.
    pub good: bool,
}

impl From<CallView> for RecordedCall {
    fn from(c: CallView) -> Self {
        RecordedCall {
            id: c.id.to_string(),
            direction: c.direction.as_str().to_owned(),
            caller: c.caller,
            outcome: c.outcome.map(|o| o.as_str().to_owned()).unwrap_or_default(),
            outcome_zh: c.outcome.map(|o| o.label_zh().to_owned()).unwrap_or_default(),
            started_at: c.started_at.0,
            sound_ms: c.audio.as_ref().map_or(0, |a| a.ms),
            sound: c.audio.map_or_else(|| "none".to_owned(), |a| a.state),
            waybills: c.waybills,
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Calls on the server that fit, the newest first.
    pub async fn find_recordings(&self, wanted: RecordingSearch) -> Answer<Vec<RecordedCall>> {
        let said = |text: String| Some(text).filter(|t| !t.trim().is_empty());
        let wanted = core::CallSearch {
            caller: said(wanted.caller),
            waybill: said(wanted.waybill_no),
            since: wanted.since.map(UnixMs),
            before: wanted.before.map(UnixMs),
            recorded: wanted.recorded,
            limit: Some(wanted.limit.clamp(1, 500)),
            ..core::CallSearch::default()
        };
        let recordings = self.client.recordings();
        let found = run(async move { recordings.search(&wanted).await }).await?;
        Ok(found.into_iter().map(RecordedCall::from).collect())
    }

    /// Makes a signed bundle of these calls with their sound, writes it to `file` (which appears whole or not at all) and checks it. For
    /// those whom the organisation lets; asking is audited.
    pub async fn evidence(&self, calls: Vec<String>, reason: String, file: String) -> Answer<EvidenceBundle> {
        let calls = calls.iter().map(|id| call_id(id)).collect::<Answer<Vec<_>>>()?;
        let recordings = self.client.recordings();
        let checked =
            run(async move { recordings.bundle(calls, reason, &PathBuf::from(file)).await }).await?;
        Ok(EvidenceBundle {
            calls: u32::try_from(checked.manifest.calls.len()).unwrap_or(u32::MAX),
            key: checked.key,
            good: checked.problems.is_empty(),
        })
    }
}
