//! Telephone numbers out of photographed labels and of speech: the phone's own recogniser reads, this finds. Offline.

use crate::client::{Answer, WaybellClient, run};
use waybell_core::labels as core;
use waybell_domain::phone::spot::{Line, Party};

/// A line that the phone's recogniser read.
#[derive(Clone, Debug, uniffi::Record)]
pub struct LabelLine {
    /// The text.
    pub text: String,
    /// How sure the recogniser is, 0 to 1, if it says so.
    pub score: Option<f32>,
}

/// A number that was found.
#[derive(Clone, Debug, uniffi::Record)]
pub struct FoundNumber {
    /// The number as it is dialled, `13800002001`; empty where digits are hidden or missing. Show it with its middle hidden.
    pub phone: String,
    /// With hidden digits: `138****1234`; empty otherwise.
    pub masked: String,
    /// From 0 to 99.
    pub confidence: u32,
    /// It may be used without a look.
    pub sure: bool,
    /// `recipient`, `unknown`, `sender`, `company`.
    pub party: String,
    /// The digits as they were understood, for showing.
    pub read: String,
    /// Number of the line where it begins, from 0.
    pub line: u32,
    /// Ids of the parcels of this phone's list that have it, or may.
    pub parcels: Vec<String>,
}

impl From<core::Found> for FoundNumber {
    fn from(found: core::Found) -> Self {
        let sure = found.candidate.sure();
        let party = match found.candidate.party {
            Party::Recipient => "recipient",
            Party::Unknown => "unknown",
            Party::Sender => "sender",
            Party::Company => "company",
        };
        FoundNumber {
            phone: found.candidate.phone.map(|p| p.dial_string()).unwrap_or_default(),
            masked: found.candidate.masked.unwrap_or_default(),
            confidence: found.candidate.confidence.into(),
            sure,
            party: party.to_owned(),
            read: found.candidate.read,
            line: u32::try_from(found.candidate.line).unwrap_or(u32::MAX),
            parcels: found.parcels.iter().map(ToString::to_string).collect(),
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Numbers on a photographed label, the most likely recipient's first.
    pub async fn read_label(&self, lines: Vec<LabelLine>) -> Answer<Vec<FoundNumber>> {
        let labels = self.client.labels();
        let found = run(async move {
            let lines: Vec<Line<'_>> = lines.iter().map(|l| Line { text: &l.text, score: l.score }).collect();
            labels.read(&lines).await
        });
        Ok(found.await?.into_iter().map(FoundNumber::from).collect())
    }

    /// Numbers in what was said.
    pub async fn hear_number(&self, text: String) -> Answer<Vec<FoundNumber>> {
        let labels = self.client.labels();
        let found = run(async move { labels.heard(&text).await }).await?;
        Ok(found.into_iter().map(FoundNumber::from).collect())
    }
}
