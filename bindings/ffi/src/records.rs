//! Records for screens: ids and enums as their stable words.

use waybell_core::outbox::OperationView;
use waybell_domain::wire::{
    BatchView, ImportReport, ParcelView, PlanView, RecipientView, TemplateView, UserView,
};

/// Who is signed in.
#[derive(Clone, Debug, uniffi::Record)]
pub struct User {
    /// Id.
    pub id: String,
    /// Name on screens.
    pub name: String,
    /// `courier`, `supervisor`, `agent`, `team_leader`, `administrator`.
    pub role: String,
}

/// A building, house or gate with the parcels that go there.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Stop {
    /// What the courier calls it: estate and building, or a whole address that says neither.
    pub name: String,
    /// Ids of its parcels, in the list's order.
    pub parcels: Vec<String>,
    /// How many of them still have to be brought or fetched.
    pub open: u32,
    /// Recipients, told apart by telephone number.
    pub people: u32,
}

/// A parcel.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Parcel {
    /// Id.
    pub id: String,
    /// 运单号.
    pub waybill_no: String,
    /// Recipient's name.
    pub name: String,
    /// Recipient's number, masked: what a list shows.
    pub masked_phone: String,
    /// Address.
    pub address: String,
    /// State word.
    pub state: String,
    /// `not_called`, `called`, `answered`, `unanswered`, `to_confirm`.
    pub mark: String,
    /// The mark in Chinese.
    pub mark_zh: String,
    /// What the recipient asked for; empty for nothing.
    pub preference: String,
}

/// What an import did.
#[derive(Clone, Debug, uniffi::Record)]
pub struct ImportResult {
    /// Rows read.
    pub total: u32,
    /// New parcels.
    pub created: u32,
    /// Corrected parcels.
    pub updated: u32,
    /// Known parcels that are the same.
    pub unchanged: u32,
    /// Parcels that the list takes off the courier's.
    pub withdrawn: u32,
    /// Rows left out.
    pub rejected: u32,
    /// Why.
    pub problems: Vec<RowProblem>,
    /// What is well to know although no row is left out for it: a column that is missing, rows without a number, a
    /// waybill that is there twice.
    pub notes: Vec<RowProblem>,
}

/// What is wrong with a row, or to be known about it.
#[derive(Clone, Debug, uniffi::Record)]
pub struct RowProblem {
    /// Line, from 1.
    pub line: u32,
    /// Of a list in JSON: which object of it, from 1.
    pub object: Option<u32>,
    /// Where in the line that object begins, from 1, if others stand in the same line.
    pub position: Option<u32>,
    /// Column.
    pub column: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

/// What a tap will do.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Plan {
    /// Phones that will ring.
    pub rings: u32,
    /// Parcels selected.
    pub parcels: u32,
    /// Parcels that share a ring.
    pub merged: u32,
    /// Seconds until the last phone has rung.
    pub seconds: u32,
    /// Cost, fen.
    pub cost_minor: i64,
    /// One line in Chinese.
    pub summary_zh: String,
    /// One line in English.
    pub summary_en: String,
}

/// A batch and how far it is.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Batch {
    /// Id.
    pub id: String,
    /// `needs_confirmation`, `scheduled`, `running`, `paused`, `done`, `cancelled`.
    pub state: String,
    /// People to ring.
    pub recipients: u32,
    /// Not yet called.
    pub waiting: u32,
    /// On the line.
    pub calling: u32,
    /// Answered.
    pub answered: u32,
    /// Called in vain.
    pub unanswered: u32,
    /// Not known.
    pub unknown: u32,
}

/// One person of a batch.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Recipient {
    /// Id.
    pub id: String,
    /// Name.
    pub name: String,
    /// Number, masked.
    pub masked_phone: String,
    /// State word.
    pub state: String,
    /// Mark word.
    pub mark: String,
    /// Outcome word; empty while there is none.
    pub outcome: String,
    /// Keys pressed.
    pub keys: String,
}

/// A batch with its people.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Progress {
    /// The batch.
    pub batch: Batch,
    /// Its people; empty until the server has taken the batch.
    pub recipients: Vec<Recipient>,
    /// Nothing will ring any more.
    pub over: bool,
}

/// The exchange with the server.
#[derive(Clone, Debug, uniffi::Record)]
pub struct SyncInfo {
    /// `idle`, `running`, `offline`, `auth_needed`, `error`.
    pub state: String,
    /// Operations that wait.
    pub queued: u32,
    /// Operations that were refused and want a decision.
    pub dead: u32,
    /// When the server's data were found to have been restored from a backup, in the last 24 h, unix ms: what was done
    /// shortly before may be missing there.
    pub restored_at: Option<i64>,
}

/// A notice that can be sent.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Template {
    /// What `plan` and `notify` take, such as `arrived`.
    pub key: String,
    /// Name in Chinese.
    pub name_zh: String,
    /// Name in English.
    pub name_en: String,
}

/// How an undo went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum Undone {
    /// The tap had not left this phone: it is as if it had never been.
    TakenBack,
    /// The server will stop everything that does not ring yet.
    Asked,
}

/// One decision or event in the life of a recipient.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WhyLine {
    /// When, unix ms.
    pub at: i64,
    /// A stable word: `imported`, `planned`, `ringing`, `answered`, …
    pub what: String,
    /// In Chinese.
    pub zh: String,
    /// In English.
    pub en: String,
}

/// Something that was done here and that the server has not acknowledged.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Operation {
    /// Id, for `retry` and `discard`.
    pub id: String,
    /// `import`, `state`, `notify`, `again`, `pause`, `resume`, `undo`, `confirm`, `deed`, `undo_deed`, `stop_rule`, `undo_stop_rule`, `place`, `call_handled`,
    /// `call_reopened`, `availability`.
    pub kind: String,
    /// The batch it is about; empty for none.
    pub batch: String,
    /// It was refused: nothing happens until it is retried or discarded.
    pub refused: bool,
    /// Why; empty while it was not refused.
    pub problem: String,
    /// When it was done, by this phone's clock, unix ms.
    pub acted_at: i64,
}

impl From<TemplateView> for Template {
    fn from(t: TemplateView) -> Self {
        Template { key: t.key, name_zh: t.name_zh, name_en: t.name_en }
    }
}

impl From<waybell_core::tasks::Stop> for Stop {
    fn from(s: waybell_core::tasks::Stop) -> Self {
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Stop {
            name: s.name,
            parcels: s.parcels.iter().map(ToString::to_string).collect(),
            open: count(s.open),
            people: count(s.people),
        }
    }
}

impl From<waybell_core::notify::Undone> for Undone {
    fn from(u: waybell_core::notify::Undone) -> Self {
        match u {
            waybell_core::notify::Undone::TakenBack => Undone::TakenBack,
            waybell_core::notify::Undone::Asked => Undone::Asked,
        }
    }
}

impl From<waybell_domain::wire::WhyLine> for WhyLine {
    fn from(l: waybell_domain::wire::WhyLine) -> Self {
        WhyLine { at: l.at.0, what: l.what, zh: l.zh, en: l.en }
    }
}

impl From<OperationView> for Operation {
    fn from(o: OperationView) -> Self {
        Operation {
            id: o.id.to_string(),
            kind: o.kind.as_str().to_owned(),
            batch: o.batch.map(|b| b.to_string()).unwrap_or_default(),
            refused: o.state == waybell_core::outbox::OperationState::Dead,
            problem: o.problem.map(|p| p.message).unwrap_or_default(),
            acted_at: o.acted_at.0,
        }
    }
}

impl From<UserView> for User {
    fn from(u: UserView) -> Self {
        User { id: u.id.to_string(), name: u.name, role: u.role.as_str().to_owned() }
    }
}

impl From<ParcelView> for Parcel {
    fn from(p: ParcelView) -> Self {
        Parcel {
            id: p.id.to_string(),
            waybill_no: p.waybill_no,
            name: p.recipient_name,
            masked_phone: p.phone.map(|p| p.masked()).unwrap_or_default(),
            address: p.address,
            state: p.state.as_str().to_owned(),
            mark: p.mark.as_str().to_owned(),
            mark_zh: p.mark.label_zh().to_owned(),
            preference: p.preference.unwrap_or_default(),
        }
    }
}

impl From<ImportReport> for ImportResult {
    fn from(r: ImportReport) -> Self {
        let problem = |p: waybell_domain::wire::RowProblem| RowProblem {
            line: p.line,
            object: p.object,
            position: p.position,
            column: p.column,
            problem: p.problem,
            hint: p.hint,
        };
        ImportResult {
            total: r.total,
            created: r.created,
            updated: r.updated,
            unchanged: r.unchanged,
            withdrawn: r.withdrawn,
            rejected: r.rejected,
            problems: r.problems.into_iter().map(problem).collect(),
            notes: r.notes.into_iter().map(problem).collect(),
        }
    }
}

impl From<PlanView> for Plan {
    fn from(p: PlanView) -> Self {
        Plan {
            rings: p.rings,
            parcels: p.parcels,
            merged: p.merged,
            seconds: p.seconds,
            cost_minor: p.cost_minor,
            summary_zh: p.summary_zh,
            summary_en: p.summary_en,
        }
    }
}

impl From<BatchView> for Batch {
    fn from(b: BatchView) -> Self {
        Batch {
            id: b.id.to_string(),
            state: b.state.as_str().to_owned(),
            recipients: b.counts.recipients,
            waiting: b.counts.waiting,
            calling: b.counts.calling,
            answered: b.counts.answered,
            unanswered: b.counts.unanswered,
            unknown: b.counts.unknown,
        }
    }
}

impl From<RecipientView> for Recipient {
    fn from(r: RecipientView) -> Self {
        Recipient {
            id: r.id.to_string(),
            name: r.name,
            masked_phone: r.phone.masked(),
            state: r.state,
            mark: r.mark.as_str().to_owned(),
            outcome: r.outcome.map(|o| o.as_str().to_owned()).unwrap_or_default(),
            keys: r.keys,
        }
    }
}

impl From<waybell_core::notify::Progress> for Progress {
    fn from(p: waybell_core::notify::Progress) -> Self {
        let over = p.is_over();
        Progress {
            batch: p.batch.into(),
            recipients: p.recipients.into_iter().map(Recipient::from).collect(),
            over,
        }
    }
}
