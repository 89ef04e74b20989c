//! Records that travel between phone, server and API users, as JSON.
//!
//! Rules: field names are `snake_case`; times are [`UnixMs`] numbers; ids are hyphenated UUIDv7 strings; enums are
//! `snake_case` strings; a new field is optional for the reader (`#[serde(default)]`), a field is never reused with
//! another meaning. Every record has a snapshot in `wire/tests.rs`: a change that breaks an old phone shows there.

mod account;
mod announcement;
mod app_call;
mod attendance;
mod batch;
mod binding;
mod calendar;
mod call;
mod call_page;
mod charge;
mod display;
mod door;
mod error;
mod knowledge;
mod leave;
mod lenient;
mod live;
mod number;
mod opt_out;
mod order;
mod parcel;
mod phone;
mod place;
mod plan;
mod push;
mod sync;
mod template;
#[cfg(test)]
mod tests;
mod track;
mod trunk;
mod voice;

pub use account::{LoginRequest, PersonView, RefreshRequest, Role, TokenPair, UserView};
pub use announcement::{
    AnnouncementBranch, AnnouncementChange, AnnouncementDetail, AnnouncementPage, AnnouncementPosted,
    AnnouncementReader, AnnouncementReceipt, AnnouncementRequest, AnnouncementVersion, AnnouncementView,
};
pub use app_call::{AppBye, AppSaid, AppSignal, AppSignals, CallWay, IceServer};
pub use attendance::{
    AttendanceDay, AttendanceMonth, AttendanceRules, AttendanceTotals, Attendee, CorrectionRequest,
    CorrectionView, PunchRequest, PunchView, StateCount, WorkPlaceRequest,
};
pub use batch::{
    AttemptView, BatchAction, BatchCounts, BatchRequest, BatchView, ConsentView, RecipientView,
    RingAgainRequest, WhyLine, WhyView,
};
pub use binding::{
    BindRequest, BindingCallEvent, BindingCallView, BindingChange, BindingView, PoolChange, PoolNumberChange,
    PoolNumberRequest, PoolNumberView, PoolNumbersRequest, PoolRequest, PoolView,
};
pub use calendar::{CalendarReport, CalendarView, CarrierView};
pub use call::{
    AudioView, AvailabilityView, CallDetail, CallDirection, CallRequest, CallResult, CallStarted, CallView,
    CallWarning, EvidenceRequest, ExplainView, TranscriptView, TryView,
};
pub use call_page::{AvailabilitySaid, AvailabilityTold, CallPage};
pub use charge::{AccountView, BalanceView, ChargePage, CostView, EntryRequest, EntryView, RatesView};
pub use display::DisplayNumberView;
pub use door::{
    DeedAnswer, DeedLogView, DeedRequest, DoorView, HandOverAnswer, HandOverRequest, RefusedParcel,
    StopRuleRequest, StopRuleUndoRequest, StopRuleView, UndoDeedRequest,
};
pub use error::ErrorBody;
pub use knowledge::{
    ArticleChange, ArticleDetail, ArticleFile, ArticleFormat, ArticleFound, ArticleRanked, ArticleRead,
    ArticleRequest, ArticleState, ArticleUse, ArticleVersion, ArticleView, DiffKind, DiffLine,
    FavouriteRequest, FolderChange, FolderRequest, FolderView, KnowledgePage, PictureView, ReadRequest,
    VersionRequest,
};
pub use leave::{
    AskDecision, CorrectionAsk, CorrectionAskView, LeaveCut, LeaveDecision, LeaveRequest, LeaveView,
    Withdrawal,
};
pub use live::{LiveCell, LiveCourier, LiveUpdate, LiveView};
pub use number::{
    AreaRequest, AreaView, BlockRequest, BlockView, BranchView, DutyRequest, DutyView, NumberChange,
    NumberRequest, NumberView,
};
pub use opt_out::{OptOutReport, OptOutView};
pub use order::{
    DispatchTotals, OrderActionRequest, OrderDetail, OrderPage, OrderRequest, OrderStep, OrderTotals,
    OrderView,
};
pub use parcel::{ImportReport, ImportRequest, ImportedRow, ParcelStateRequest, ParcelView, RowProblem};
pub use phone::{NewPhone, PhoneRequest, PhoneView};
pub use place::{DoorFix, PlaceRemoval, PlaceRequest, PlaceView};
pub use plan::{PlanRequest, PlanView, ReasonCount, SuppressedView};
pub use push::{PushKind, PushNotice, PushTokenRequest, PushVendor};
pub use sync::{PolicyView, SyncPage, TemplateView, WsEvent};
pub use template::{DraftState, FlowCheck, FlowIssue, TemplateDraftView, TemplateReview};
pub use track::{
    DroppedFixes, MOST_NOTES, MOST_PARTS, MOST_SHIFTS, PartName, PositionReport, PositionView, RefusedPart,
    ShiftReport, ShiftView, TrackAnswer, TrackEvent, TrackNote, TrackPart, TrackUpload, TrackView,
};
pub use trunk::{TrunkLife, TrunkView};
pub use voice::{EngineState, VoiceView};

use crate::clock::UnixMs;
use serde::{Deserialize, Serialize};

/// When a person acted, as the acting device knew it.
///
/// The wall clock of a phone can be wrong or changed; `age_ms`, measured by the boot clock when the request was sent,
/// cannot. The server takes `received - age_ms` where it is present and `wall` otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ActedAt {
    /// The device's wall clock at the action.
    pub wall: UnixMs,
    /// Milliseconds between the action and the sending of this request, by the boot clock; absent after a reboot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub age_ms: Option<u64>,
}
