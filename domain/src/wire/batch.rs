//! A batch of calls, its recipients, and the life of each.

use super::ActedAt;
use crate::clock::UnixMs;
use crate::dial::batch::BatchState;
use crate::dial::outcome::CallOutcome;
use crate::dial::plan::Ahead;
use crate::id::{AttemptId, BatchId, ConsentId, ParcelId, RecipientId, UserId};
use crate::parcel::CallMark;
use crate::phone::PhoneNumber;
use serde::{Deserialize, Serialize};

/// `POST /api/v1/batches`: the one tap. Idempotent by `id`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchRequest {
    /// Made by the phone at the tap.
    pub id: BatchId,
    /// Key of the notice template.
    pub template: String,
    /// Which parcels.
    pub parcels: Vec<ParcelId>,
    /// When the person tapped.
    pub acted_at: ActedAt,
    /// Start no earlier than this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<UnixMs>,
    /// Ring people so long before the courier arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ahead: Option<Ahead>,
    /// One of the authorised caller ids, as `e164`; the branch's otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_number: Option<String>,
    /// The courier was asked and wants it although the tap is older than 2 h.
    #[serde(default)]
    pub confirmed: bool,
}

/// `POST /api/v1/batches/again`: ring today's missed again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RingAgainRequest {
    /// The new batch.
    pub id: BatchId,
    /// Key of the notice template.
    pub template: String,
    /// When the person tapped.
    pub acted_at: ActedAt,
    /// Also those whose result is not known (待确认): the person says that a second ring is wanted.
    #[serde(default)]
    pub include_unknown: bool,
}

/// `POST /api/v1/batches/{id}/{action}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum BatchAction {
    /// Hold calls that have not started.
    Pause,
    /// Go on.
    Resume,
    /// Stop everything that does not ring yet.
    Undo,
    /// Yes, although the tap is old.
    Confirm,
}

impl BatchAction {
    /// The word in the path.
    pub fn as_str(self) -> &'static str {
        match self {
            BatchAction::Pause => "pause",
            BatchAction::Resume => "resume",
            BatchAction::Undo => "undo",
            BatchAction::Confirm => "confirm",
        }
    }

    /// The inverse of [`BatchAction::as_str`].
    pub fn parse(word: &str) -> Option<BatchAction> {
        [BatchAction::Pause, BatchAction::Resume, BatchAction::Undo, BatchAction::Confirm]
            .into_iter()
            .find(|a| a.as_str() == word)
    }
}

/// How far a batch is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchCounts {
    /// Phones to ring, suppressed ones not counted.
    pub recipients: u32,
    /// Suppressed before or at the last moment.
    pub suppressed: u32,
    /// Not yet called.
    pub waiting: u32,
    /// On the line now.
    pub calling: u32,
    /// Answered.
    pub answered: u32,
    /// Called in vain.
    pub unanswered: u32,
    /// Not known.
    pub unknown: u32,
    /// Stopped by undo.
    pub cancelled: u32,
}

/// A batch as its owner sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BatchView {
    /// Id.
    pub id: BatchId,
    /// Whose tap it was.
    pub courier: UserId,
    /// Key of the notice template.
    pub template: String,
    /// State.
    pub state: BatchState,
    /// When the server took it.
    pub created_at: UnixMs,
    /// When it may start, if later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_at: Option<UnixMs>,
    /// Progress.
    pub counts: BatchCounts,
    /// Expected cost, fen.
    pub cost_minor: i64,
    /// Why the server has paused it: `restored` after a backup was put back, `damaged …` where something stored does not
    /// read. `resume` goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Server revision.
    pub rev: i64,
}

/// One person of a batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RecipientView {
    /// Id.
    pub id: RecipientId,
    /// Batch.
    pub batch: BatchId,
    /// Number.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub phone: PhoneNumber,
    /// Name of the first parcel's recipient.
    pub name: String,
    /// Parcels behind this ring.
    pub parcels: Vec<ParcelId>,
    /// `planned`, `waiting`, `dialling`, `ringing`, `talking`, `done`, `suppressed`, `cancelled`.
    pub state: String,
    /// Roll-up.
    pub mark: CallMark,
    /// Last outcome.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// Why it is not called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<String>,
    /// Attempts so far.
    pub attempts: u32,
    /// Next attempt, when one waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_at: Option<UnixMs>,
    /// Keys pressed so far.
    #[serde(default)]
    pub keys: String,
    /// Place in the batch.
    pub sequence: i64,
    /// Server revision.
    pub rev: i64,
}

/// One attempt, as API users and the judge read it; fields follow the trade's call records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct AttemptView {
    /// Id.
    pub id: AttemptId,
    /// Recipient.
    pub recipient: RecipientId,
    /// Batch.
    pub batch: BatchId,
    /// From 1.
    pub attempt_no: u32,
    /// Caller id shown.
    pub display_number: String,
    /// Trunk and SIP Call-ID of each route tried, first to last.
    pub call_ids: Vec<String>,
    /// `intent`, `sent`, `ringing`, `answered`, `ended`.
    pub state: String,
    /// Outcome, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// Final SIP status.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sip_status: Option<u16>,
    /// Q.850 cause.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_cause: Option<u8>,
    /// `platform`, `caller` or `callee`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_dir: Option<String>,
    /// Intent durable.
    pub call_time: UnixMs,
    /// First 18x.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ring_time: Option<UnixMs>,
    /// Answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start_time: Option<UnixMs>,
    /// End.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release_time: Option<UnixMs>,
}

/// A wish of the recipient, kept as consent (express market rules, article 28).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ConsentView {
    /// Id.
    pub id: ConsentId,
    /// Attempt in which the key was pressed.
    pub attempt: AttemptId,
    /// Key.
    pub key: String,
    /// `door`, `station`, `later`, `text_message`, `courier`.
    pub preference: String,
    /// When.
    pub at: UnixMs,
    /// Parcels it covers.
    pub parcels: Vec<ParcelId>,
    /// Who pressed it: the number with its middle hidden.
    #[serde(default)]
    pub phone: String,
}

/// One decision or event in the life of a recipient.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhyLine {
    /// When.
    pub at: UnixMs,
    /// A stable word: `imported`, `planned`, `suppressed`, `intent`, `ringing`, `answered`, `ended`, …
    pub what: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// `GET /api/v1/parcels/{waybill_no}/why`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WhyView {
    /// 运单号.
    pub waybill_no: String,
    /// Oldest first.
    pub lines: Vec<WhyLine>,
}
