//! What the judge reads: the truth log, the server's export, the times of the kills.

use std::{collections::BTreeMap, fs, path::Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use crate::truth::{TruthEvent, read_truth};

/// What the server promises about when and how often it rings.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Policy {
    /// Shortest time between two rings of one person, ms.
    #[serde(default)]
    pub min_gap_ms: Option<u64>,
    /// First and last time of day, `HH:MM`.
    #[serde(default)]
    pub window: Option<(String, String)>,
    /// IANA name; Asia/Shanghai where missing.
    #[serde(default)]
    pub time_zone: Option<String>,
    /// Attempts to one recipient of a batch.
    #[serde(default)]
    pub max_attempts: Option<u32>,
}

/// One row of the server's list of recipients.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Recipient {
    /// Batch.
    pub batch: String,
    /// E.164.
    pub phone: String,
    /// Extension behind the number.
    #[serde(default)]
    pub extension: Option<String>,
    /// Kind of notice.
    #[serde(default)]
    pub notice: Option<String>,
    /// The server's state.
    #[serde(default)]
    pub state: String,
    /// Nothing more will happen.
    pub terminal: bool,
    /// `answered`, `unanswered`, `called`, `not_called` or `to_confirm`.
    #[serde(default)]
    pub mark: Option<String>,
    /// Outcome shown.
    #[serde(default)]
    pub outcome: Option<String>,
    /// Why nobody was rung.
    #[serde(default)]
    pub suppressed: Option<String>,
    /// Parcels merged into the call.
    #[serde(default)]
    pub parcels: Option<u32>,
}

/// One call of an attempt.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AttemptCall {
    /// 0 for the first route.
    #[serde(default)]
    pub route_no: u32,
    /// Call-ID.
    pub call_id: String,
}

/// One attempt of the server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    /// Attempt id.
    pub id: String,
    /// Batch.
    pub batch: String,
    /// E.164.
    pub phone: String,
    /// Extension behind the number.
    #[serde(default)]
    pub extension: Option<String>,
    /// From 1.
    #[serde(default)]
    pub attempt_no: u32,
    /// Its calls, one a route.
    #[serde(default)]
    pub calls: Vec<AttemptCall>,
    /// Outcome, absent while open.
    #[serde(default)]
    pub outcome: Option<String>,
    /// When its intent was stored, Unix ms.
    #[serde(default)]
    pub intent_at_ms: u64,
    /// When it ended, Unix ms.
    #[serde(default)]
    pub ended_at_ms: Option<u64>,
    /// From before this log: its calls need not be in it.
    #[serde(default)]
    pub carry_over: bool,
}

/// A call beside attempts: the courier's own telephone, rung for a recipient who asked.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SideCall {
    /// Call-ID.
    pub call_id: String,
    /// E.164.
    pub phone: String,
}

/// A line of the export.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Line {
    Policy(Policy),
    Recipient(Recipient),
    Attempt(Attempt),
    SideCall(SideCall),
}

#[derive(Deserialize)]
struct Kill {
    at_ms: u64,
}

/// Everything the judge looks at.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Input {
    /// Truth log in the order of writing.
    pub truth: Vec<TruthEvent>,
    /// Promises.
    pub policy: Policy,
    /// Recipients.
    pub recipients: Vec<Recipient>,
    /// Attempts.
    pub attempts: Vec<Attempt>,
    /// Calls beside attempts.
    pub sides: Vec<SideCall>,
    /// Times of kill -9, Unix ms.
    pub kills: Vec<u64>,
}

impl Input {
    /// Reads the three files.
    ///
    /// # Errors
    /// A file cannot be read or a line is not what it should be; the error names the file and the line.
    pub fn read(truth: &Path, export: &Path, kills: Option<&Path>) -> anyhow::Result<Self> {
        let mut input = Self { truth: read_truth(truth)?, ..Self::default() };
        let text = fs::read_to_string(export).with_context(|| format!("read export {}", export.display()))?;
        input.add_export(&text).with_context(|| format!("read export {}", export.display()))?;
        if let Some(path) = kills {
            let text = fs::read_to_string(path).with_context(|| format!("read kills {}", path.display()))?;
            for (index, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
                let kill: Kill = serde_json::from_str(line)
                    .with_context(|| format!("read kills {} line {}", path.display(), index + 1))?;
                input.kills.push(kill.at_ms);
            }
        }
        Ok(input)
    }

    /// Adds the lines of an export. Lines of an unknown kind are left out, so a server may say more.
    ///
    /// # Errors
    /// A line is no JSON object of its kind; the error names it.
    pub fn add_export(&mut self, text: &str) -> anyhow::Result<()> {
        for (index, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
            let value: serde_json::Value =
                serde_json::from_str(line).with_context(|| format!("line {}", index + 1))?;
            let kind = value.get("kind").and_then(serde_json::Value::as_str);
            let kind = kind.with_context(|| format!("line {} has no kind", index + 1))?;
            if !matches!(kind, "policy" | "recipient" | "attempt" | "side_call") {
                continue;
            }
            match serde_json::from_value(value).with_context(|| format!("line {}", index + 1))? {
                Line::Policy(policy) => self.policy = policy,
                Line::Recipient(recipient) => self.recipients.push(recipient),
                Line::Attempt(attempt) => self.attempts.push(attempt),
                Line::SideCall(side) => self.sides.push(side),
            }
        }
        Ok(())
    }
}

/// What the truth log says about one Call-ID.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    pub(super) callee: String,
    pub(super) alerts: Vec<TruthEvent>,
    /// A real INVITE (no probe) came in.
    pub(super) invited: bool,
    pub(super) answered_at: Option<u64>,
    pub(super) fault: bool,
    pub(super) cancelled: bool,
    /// The last final answer to a real INVITE that is none of the protocol's own (401, 407, 482).
    pub(super) refusal: Option<TruthEvent>,
    pub(super) heard: Option<TruthEvent>,
    pub(super) talk_ms: Option<u64>,
    pub(super) events: Vec<TruthEvent>,
}

/// Facts by Call-ID.
pub(super) fn facts(truth: &[TruthEvent]) -> BTreeMap<String, Facts> {
    let mut all: BTreeMap<String, Facts> = BTreeMap::new();
    // Transactions (Call-ID, branch, CSeq) that a probe opened: their answers say nothing about the call.
    let mut probing: BTreeMap<String, (String, u32)> = BTreeMap::new();
    for event in truth {
        let Some(call_id) = event.call_id.clone().filter(|_| event.callee.is_some()) else { continue };
        let facts = all.entry(call_id.clone()).or_default();
        let transaction = (event.branch.clone().unwrap_or_default(), event.cseq.unwrap_or_default());
        match event.event.as_str() {
            "invite" if event.probe == Some(true) => {
                probing.insert(call_id, transaction);
            }
            "invite" => {
                facts.invited = true;
                facts.callee = event.callee.clone().unwrap_or_default();
                probing.remove(&call_id);
            }
            "alerted" => {
                facts.callee = event.callee.clone().unwrap_or_default();
                facts.alerts.push(event.clone());
            }
            "answered" => {
                facts.answered_at.get_or_insert(event.at_ms);
                facts.fault |= event.fault.is_some();
            }
            "cancelled" => facts.cancelled = true,
            "final" => {
                let status = event.status.unwrap_or_default();
                let probe =
                    probing.get(&call_id) == Some(&transaction) && matches!(status, 420 | 401 | 407 | 482);
                if status >= 300 && !probe && !matches!(status, 401 | 407 | 482) {
                    facts.refusal = Some(event.clone());
                }
            }
            "heard" => facts.heard = Some(event.clone()),
            "ended" => facts.talk_ms = event.talk_ms.or(facts.talk_ms),
            _ => {}
        }
        if matches!(
            event.event.as_str(),
            "invite"
                | "alerted"
                | "answered"
                | "final"
                | "cancelled"
                | "refused"
                | "merged"
                | "bye"
                | "ended"
                | "heard"
        ) {
            facts.events.push(event.clone());
        }
    }
    all
}
