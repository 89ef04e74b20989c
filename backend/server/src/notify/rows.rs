//! Rows of `batch`, `recipient`, `attempt` and their wire forms.

use crate::store::{StoreError, all, marks};
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::id::{AttemptId, BatchId, ParcelId, RecipientId, UserId};
use waybell_domain::parcel::CallMark;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{AttemptView, BatchCounts, BatchView, RecipientView};

/// Columns of [`BatchRow`], alias `b`.
pub const BATCH_COLUMNS: &str = "b.id, b.organisation_id, b.branch_id, b.courier_id, b.template_key, b.state, b.display_number, \
     b.created_at, b.start_at, b.cost_minor, b.reason, b.rev";

/// A row of `batch`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct BatchRow {
    /// Id.
    pub id: String,
    /// Tenant.
    pub organisation_id: String,
    /// Branch.
    pub branch_id: Option<String>,
    /// Whose tap.
    pub courier_id: String,
    /// Notice.
    pub template_key: String,
    /// State word.
    pub state: String,
    /// Caller id asked for.
    pub display_number: Option<String>,
    /// When taken.
    pub created_at: i64,
    /// Start.
    pub start_at: Option<i64>,
    /// Estimate.
    pub cost_minor: i64,
    /// Why the server paused it.
    pub reason: Option<String>,
    /// Revision.
    pub rev: i64,
}

impl BatchRow {
    /// The wire form.
    pub fn view(&self, counts: BatchCounts) -> Option<BatchView> {
        Some(BatchView {
            id: BatchId::parse(&self.id).ok()?,
            courier: UserId::parse(&self.courier_id).ok()?,
            template: self.template_key.clone(),
            state: BatchState::parse(&self.state)?,
            created_at: UnixMs(self.created_at),
            start_at: self.start_at.map(UnixMs),
            counts,
            cost_minor: self.cost_minor,
            reason: self.reason.clone(),
            rev: self.rev,
        })
    }
}

/// Columns of [`RecipientRow`], alias `r`.
pub const RECIPIENT_COLUMNS: &str = "r.id, r.batch_id, r.organisation_id, r.courier_id, r.phone_key, r.name, r.state, r.mark, r.outcome, \
     r.suppressed, r.attempts, r.counted, r.next_at, r.keys, r.sequence, r.parcels, r.variables, r.rev";

/// A row of `recipient`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct RecipientRow {
    /// Id.
    pub id: String,
    /// Batch.
    pub batch_id: String,
    /// Tenant.
    pub organisation_id: String,
    /// Whose tap.
    pub courier_id: String,
    /// Number and extension.
    pub phone_key: String,
    /// Name on the first parcel.
    pub name: String,
    /// State word; `ringing` and `talking` refine `dialling`.
    pub state: String,
    /// Mark word.
    pub mark: String,
    /// Outcome word.
    pub outcome: Option<String>,
    /// Reason word.
    pub suppressed: Option<String>,
    /// Attempts so far.
    pub attempts: i64,
    /// Attempts that count.
    pub counted: i64,
    /// Next attempt.
    pub next_at: Option<i64>,
    /// Keys pressed.
    pub keys: String,
    /// Order.
    pub sequence: i64,
    /// JSON list of parcel ids.
    pub parcels: String,
    /// JSON object of notice variables.
    pub variables: String,
    /// Revision.
    pub rev: i64,
}

/// The clock by which somebody lives: that of the number, where it tells, else the organisation's.
pub(super) fn zone_of(phone_key: &str, own: chrono_tz::Tz) -> chrono_tz::Tz {
    PhoneNumber::from_key(phone_key).ok().and_then(|p| p.zone()).unwrap_or(own)
}

impl RecipientRow {
    /// The wire form; `None` for a damaged row, which is logged and left out.
    pub fn view(&self) -> Option<RecipientView> {
        let view = self.read();
        if view.is_none() {
            tracing::error!(recipient = %self.id, "a recipient row does not read back");
        }
        view
    }

    fn read(&self) -> Option<RecipientView> {
        Some(RecipientView {
            id: RecipientId::parse(&self.id).ok()?,
            batch: BatchId::parse(&self.batch_id).ok()?,
            phone: PhoneNumber::from_key(&self.phone_key).ok()?,
            name: self.name.clone(),
            parcels: self.parcel_ids(),
            state: self.state.clone(),
            mark: CallMark::parse(&self.mark)?,
            outcome: self.outcome.as_deref().and_then(CallOutcome::parse),
            suppressed: self.suppressed.clone(),
            attempts: self.attempts as u32,
            next_at: if self.state == "waiting" { self.next_at.map(UnixMs) } else { None },
            keys: self.keys.clone(),
            sequence: self.sequence,
            rev: self.rev,
        })
    }

    /// The parcels behind the ring.
    pub fn parcel_ids(&self) -> Vec<ParcelId> {
        serde_json::from_str(&self.parcels).unwrap_or_default()
    }
}

/// Columns of [`AttemptRow`], alias `a`.
pub const ATTEMPT_COLUMNS: &str = "a.id, a.recipient_id, a.batch_id, a.organisation_id, a.phone_key, a.attempt_no, a.is_open, a.state, \
     a.display_number, a.trunk, a.route_no, a.call_ids, a.invite, a.dialog, a.cancel_requested, a.heard_full, a.keys, \
     a.outcome, a.sip_status, a.release_cause, a.release_dir, a.fence, a.intent_at, a.ring_at, a.answer_at, a.end_at";

/// A row of `attempt`.
#[derive(Clone, Debug, FromQueryResult)]
pub struct AttemptRow {
    /// Id.
    pub id: String,
    /// Recipient.
    pub recipient_id: String,
    /// Batch.
    pub batch_id: String,
    /// Tenant.
    pub organisation_id: String,
    /// Number and extension.
    pub phone_key: String,
    /// From 1.
    pub attempt_no: i64,
    /// 1 until the result is stored.
    pub is_open: i64,
    /// State word.
    pub state: String,
    /// Caller id.
    pub display_number: String,
    /// Trunk of the newest route.
    pub trunk: String,
    /// Newest route, from 0.
    pub route_no: i64,
    /// JSON list.
    pub call_ids: String,
    /// JSON of the INVITE.
    pub invite: String,
    /// JSON of the dialog.
    pub dialog: Option<String>,
    /// Undo wanted.
    pub cancel_requested: i64,
    /// Notice heard to its end.
    pub heard_full: i64,
    /// Keys pressed.
    pub keys: String,
    /// Outcome word.
    pub outcome: Option<String>,
    /// Final status.
    pub sip_status: Option<i64>,
    /// Q.850.
    pub release_cause: Option<i64>,
    /// Who released.
    pub release_dir: Option<String>,
    /// Number of the owner that wrote it.
    pub fence: i64,
    /// Intent.
    pub intent_at: i64,
    /// First 18x.
    pub ring_at: Option<i64>,
    /// Answer.
    pub answer_at: Option<i64>,
    /// End.
    pub end_at: Option<i64>,
}

impl AttemptRow {
    /// The wire form.
    pub fn view(&self) -> Option<AttemptView> {
        Some(AttemptView {
            id: AttemptId::parse(&self.id).ok()?,
            recipient: RecipientId::parse(&self.recipient_id).ok()?,
            batch: BatchId::parse(&self.batch_id).ok()?,
            attempt_no: self.attempt_no as u32,
            display_number: self.display_number.clone(),
            call_ids: serde_json::from_str(&self.call_ids).unwrap_or_default(),
            state: self.state.clone(),
            outcome: self.outcome.as_deref().and_then(CallOutcome::parse),
            sip_status: self.sip_status.and_then(|s| u16::try_from(s).ok()),
            release_cause: self.release_cause.and_then(|s| u8::try_from(s).ok()),
            release_dir: self.release_dir.clone(),
            call_time: UnixMs(self.intent_at),
            ring_time: self.ring_at.map(UnixMs),
            start_time: self.answer_at.map(UnixMs),
            release_time: self.end_at.map(UnixMs),
        })
    }
}

#[derive(FromQueryResult)]
struct Group {
    batch_id: String,
    state: String,
    mark: String,
    n: i64,
}

/// Progress of batches, by batch id.
pub async fn counts<C: ConnectionTrait>(
    db: &C,
    batches: &[String],
) -> Result<HashMap<String, BatchCounts>, StoreError> {
    let mut out: HashMap<String, BatchCounts> = HashMap::new();
    for chunk in batches.chunks(400) {
        let sql = format!(
            "SELECT batch_id, state, mark, COUNT(*) AS n FROM recipient WHERE batch_id IN ({}) GROUP BY batch_id, state, mark",
            marks(1, chunk.len())
        );
        for g in all::<Group, _>(db, &sql, chunk.iter().map(|b| Value::from(b.clone()))).await? {
            let c = out.entry(g.batch_id).or_default();
            let n = g.n as u32;
            if g.state == "suppressed" {
                c.suppressed += n;
                continue;
            }
            c.recipients += n;
            match (g.state.as_str(), CallMark::parse(&g.mark)) {
                ("planned" | "waiting", _) => c.waiting += n,
                ("dialling" | "ringing" | "talking", _) => c.calling += n,
                ("cancelled", _) => c.cancelled += n,
                (_, Some(CallMark::Answered)) => c.answered += n,
                (_, Some(CallMark::ToConfirm)) => c.unknown += n,
                _ => c.unanswered += n,
            }
        }
    }
    Ok(out)
}
