//! What the phone pulls, and what the socket says.

use super::{
    AppSignal, BatchView, ErrorBody, LiveUpdate, ParcelView, PlaceView, RecipientView, StopRuleView,
};
use crate::clock::UnixMs;
use crate::dial::policy::Policy;
use crate::id::{BatchId, ParcelId, RecipientId};
use crate::import::ListColumns;
use serde::{Deserialize, Serialize};

/// `GET /api/v1/sync?since=cursor`: all rows newer than the cursor, oldest revision first.
///
/// Rows, tombstones and `cursor` are applied in one transaction. A row that arrives twice is equal to itself.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SyncPage {
    /// Give this back next time.
    pub cursor: i64,
    /// There is more: ask again at once.
    pub more: bool,
    /// Parcels.
    pub parcels: Vec<ParcelView>,
    /// Batches.
    pub batches: Vec<BatchView>,
    /// Recipients of those batches.
    pub recipients: Vec<RecipientView>,
    /// Templates, when they changed.
    pub templates: Vec<TemplateView>,
    /// Rules, when they changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyView>,
    /// Parcels that are no longer this courier's.
    #[serde(default)]
    pub gone_parcels: Vec<ParcelId>,
    /// Batches that are gone.
    #[serde(default)]
    pub gone_batches: Vec<BatchId>,
    /// Recipients that are gone.
    #[serde(default)]
    pub gone_recipients: Vec<RecipientId>,
    /// Stops that were put right by hand in this person's branch; undone ones too. Those of a later version that do
    /// not read here are passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::lenient::each")]
    pub stop_rules: Vec<StopRuleView>,
    /// Where buildings of this person's branch are; those that are gone too.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::lenient::each")]
    pub places: Vec<PlaceView>,
    /// The server's clock.
    pub now: UnixMs,
    /// Names the server's data; another one means that they were restored from a backup: pull everything anew. Empty
    /// from a server that does not tell.
    #[serde(default)]
    pub generation: String,
}

/// A notice template as the phone shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TemplateView {
    /// Key, for example `arrived`.
    pub key: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name_en: String,
    /// Text with variables in braces.
    pub text: String,
    /// Not to be chosen any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
    /// Server revision.
    pub rev: i64,
}

/// The rules by which the phone computes the same dial plan as the server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PolicyView {
    /// Rules.
    pub policy: Policy,
    /// Calls a second that the trunks take.
    pub calls_per_second: f64,
    /// Calls at once.
    pub channels: u32,
    /// Price of a started charging step, fen.
    pub step_cost_minor: i64,
    /// Charging step, seconds.
    pub step_seconds: u32,
    /// Opted-out numbers of the organisation that occur in this courier's parcels, as keyed phone numbers.
    pub opted_out: Vec<String>,
    /// Columns of lists that were confirmed in this person's branch.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "super::lenient::each")]
    pub list_columns: Vec<ListColumns>,
    /// All calls are held by an administrator.
    pub stopped: bool,
    /// Server revision.
    pub rev: i64,
}

/// One message of `GET /api/v1/events` (WebSocket, text frames).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WsEvent {
    /// First message.
    Hello {
        /// Revision up to which everything can be pulled now.
        rev: i64,
    },
    /// There is more to pull. `seq` rises by one a message; a hole means that messages were lost, and pulling heals it.
    Changed {
        /// Sequence number on this socket.
        seq: u64,
        /// Revision up to which everything can be pulled now.
        rev: i64,
    },
    /// Signalling of a call over the app; only to sockets that asked for calls.
    Call(AppSignal),
    /// Where couriers are; only to sockets that watch a view.
    Live(LiveUpdate),
    /// A message of the app was not taken.
    Refused {
        /// Why, and what to do.
        error: ErrorBody,
    },
    /// The session ended: sign in again.
    SignedOut,
}
