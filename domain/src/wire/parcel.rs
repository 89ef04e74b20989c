//! Parcels and the day's list.

use super::{ActedAt, DoorView};
use crate::clock::UnixMs;
use crate::dial::outcome::CallOutcome;
use crate::id::{ImportId, ParcelId, UserId};
use crate::import::{ColumnTaken, ListColumns};
use crate::parcel::{CallMark, ParcelState, TaskKind};
use crate::phone::PhoneNumber;
use crate::track::Place;
use serde::{Deserialize, Serialize};

/// A parcel as its courier sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParcelView {
    /// Id.
    pub id: ParcelId,
    /// 运单号.
    pub waybill_no: String,
    /// Delivery or pick-up.
    pub kind: TaskKind,
    /// Where the parcel is in its life.
    pub state: ParcelState,
    /// Whose round it is on.
    pub courier: UserId,
    /// Recipient's name; empty where the list has none.
    pub recipient_name: String,
    /// Recipient's number as `e164` or `e164;ext=123`; absent where the list has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<String>))]
    pub phone: Option<PhoneNumber>,
    /// Further numbers of the recipient, as [`phone`](Self::phone): never rung for a notice; who rings from one is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Vec<String>))]
    pub more_phones: Vec<PhoneNumber>,
    /// Address as written.
    pub address: String,
    /// Estate, as split from the address; empty when unknown.
    pub estate: String,
    /// Building, as split from the address; empty when unknown.
    pub building: String,
    /// What the notice came to, rolled up.
    pub mark: CallMark,
    /// The last outcome behind the mark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<CallOutcome>,
    /// What the recipient asked for by key: `door`, `station`, `later`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preference: Option<String>,
    /// What was done with it last at a door; absent where nothing was, or where its state was set otherwise since,
    /// and where it is of a later version that does not read here.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::one")]
    pub door: Option<DoorView>,
    /// Place in the courier's own order, from 0.
    pub sequence: i64,
    /// When the row was first imported.
    pub imported_at: UnixMs,
    /// Server revision; 0 while only this phone knows the row.
    pub rev: i64,
}

impl ParcelView {
    /// All numbers of the recipient, the one to ring first.
    pub fn phones(&self) -> impl Iterator<Item = &PhoneNumber> {
        self.phone.iter().chain(&self.more_phones)
    }
}

/// One row of a list that was already split into columns.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportedRow {
    /// Line in the file, from 1 (the header is line 1).
    pub line: u32,
    /// 运单号.
    pub waybill_no: String,
    /// Recipient's name.
    #[serde(default)]
    pub recipient_name: String,
    /// Number as written in the list; of several the first mobile is rung.
    #[serde(default)]
    pub phone: String,
    /// Further numbers of the recipient; two are kept. Absent: those that are known stay as long as `phone` is the same.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub more_phones: Option<Vec<String>>,
    /// Address as written in the list.
    #[serde(default)]
    pub address: String,
    /// Delivery unless said otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<TaskKind>,
    /// True: recalled or cancelled, nobody is to be rung for it, and nothing but the waybill number counts. False: on its
    /// way, also if it was withdrawn before. Absent: the list does not say, and what was withdrawn stays so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub withdrawn: Option<bool>,
    /// Where its building is by the list, WGS-84.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::lenient::one")]
    pub at: Option<Place>,
}

/// `POST /api/v1/parcels/import` as JSON (the same route takes `text/csv`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportRequest {
    /// Rows in the order of the list.
    pub rows: Vec<ImportedRow>,
    /// When the person imported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<ActedAt>,
    /// Columns that the person named: remembered for the branch's lists with the same header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub columns: Option<ListColumns>,
    /// Of a long list that comes in parts, each a request of its own: the rows in the parts before this one.
    #[serde(default, skip_serializing_if = "super::track::is_zero")]
    pub first: u32,
    /// Rows of the whole list, where it comes in parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u32>,
}

/// A field of a row that cannot be taken, with what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RowProblem {
    /// Line in the file, from 1.
    pub line: u32,
    /// Of a list in JSON: which object of it, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<u32>,
    /// Where in the line that object begins, in characters from 1, if others stand in the same line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<u32>,
    /// Column as the list heads it.
    pub column: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

impl RowProblem {
    /// Which row it is about: several problems may be about one.
    #[must_use]
    pub fn row(&self) -> (u32, Option<u32>) {
        (self.line, self.object)
    }
}

/// What an import did, or would do (`dry_run`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ImportReport {
    /// Id of the import; absent for a dry run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub import: Option<ImportId>,
    /// Rows read.
    pub total: u32,
    /// New parcels.
    pub created: u32,
    /// Parcels known before whose data changed.
    pub updated: u32,
    /// Parcels known before and equal.
    pub unchanged: u32,
    /// Parcels taken off the courier's list.
    #[serde(default, skip_serializing_if = "super::track::is_zero")]
    pub withdrawn: u32,
    /// Rows left out.
    pub rejected: u32,
    /// Why, at most 1,000 of them.
    pub problems: Vec<RowProblem>,
    /// What is well to know although no row is left out for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<RowProblem>,
    /// The list's headings, where it was a file.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headings: Vec<String>,
    /// Which column was taken for which field, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub columns: Vec<ColumnTaken>,
    /// The first rows as they were understood.
    #[serde(default)]
    pub preview: Vec<ParcelView>,
}

/// `POST /api/v1/parcels/state`: what the courier did with parcels.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ParcelStateRequest {
    /// Which.
    pub parcels: Vec<ParcelId>,
    /// The new state.
    pub state: ParcelState,
    /// When the person acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub acted_at: Option<ActedAt>,
}
