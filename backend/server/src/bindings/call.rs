//! One call over a virtual number: its events to the machine, the machine's deeds to the switch.

use super::enter::{Entered, Meant, enter};
use super::index::PoolNumber;
use super::records;
use super::request::Shift;
use crate::app::Shared;
use crate::calls::rows::{self, Book, Line, keep_until};
use crate::calls::sound::Tape;
use crate::calls::{Calls, Heard, result};
use crate::inbound::policy;
use crate::store::{StoreError, one};
use sea_orm::FromQueryResult;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_domain::binding::{
    BoundCall, BoundEvent, BoundOutcome, BoundPhase, BoundPlan, Limits, Side, Unconnected, Way,
};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BindingId, BranchId, CallId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::BindingCallView;
use waybell_switch::{EndHow, EventKind, Incoming, LegEnd, LegId, Switch};

/// A call's task.
pub(super) struct Call {
    pub app: Shared,
    pub switch: Switch,
    pub id: CallId,
    pub number: Arc<PoolNumber>,
    pub machine: BoundCall,
    pub caller_key: Option<String>,
    /// Whose the binding is; absent for head office.
    pub branch: Option<BranchId>,
    /// Who is rung; known from the beginning, or with the extension.
    pub callee: Option<PhoneNumber>,
    pub caller: LegId,
    pub callee_leg: Option<LegId>,
    pub keep_days: u16,
    pub tape: Tape,
    pub book: Book,
    /// The call as it is told, while it goes on.
    pub told: BindingCallView,
    pub integration: Option<String>,
    pub answered: Option<UnixMs>,
    pub joined: bool,
    /// Legs that still hear the hint, while they are parted.
    pub hinted: u8,
    pub deadline: Option<(u32, Instant)>,
    pub own: mpsc::UnboundedSender<Heard>,
    pub ear: mpsc::UnboundedReceiver<Heard>,
    /// What was heard while a leg waited for its line, and what becomes of that leg once it is taken in.
    pub heard: VecDeque<Heard>,
    pub unrung: Option<BoundEvent>,
    counted: Option<crate::calls::Counted>,
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.machine.phase() != BoundPhase::Over {
            // the task has failed: nobody is left on a silent line
            self.switch.hang_up(&self.caller, None);
            if let Some(leg) = &self.callee_leg {
                self.switch.hang_up(leg, None);
            }
        }
        self.app.calls.release_all(self.id);
    }
}

#[derive(FromQueryResult)]
struct Told {
    integration_id: Option<String>,
}

/// Somebody rings a virtual number, with an extension behind it or without.
pub(crate) fn begin(
    app: &Shared,
    switch: &Switch,
    (number, extension): (Arc<PoolNumber>, Option<String>),
    leg: LegId,
    incoming: Incoming,
) {
    let (own, ear) = mpsc::unbounded_channel();
    app.calls.adopt(leg.clone(), own.clone());
    let running = Calls::begin(app);
    let (app, switch) = (app.clone(), switch.clone());
    tokio::spawn(async move {
        let _running = running;
        metrics::counter!("waybell_binding_calls_total").increment(1);
        let id = CallId::at(app.clock.now(), rand::random());
        match start(&app, &switch, id, number, extension, &leg, &incoming, (own, ear)).await {
            Ok(Some(call)) => call.run().await,
            Ok(None) => {
                tracing::warn!("a caller rings virtual numbers more often than the rules allow");
                metrics::counter!("waybell_inbound_refused_total", "why" => "caller").increment(1);
                switch.reject(&leg, 486, "");
                app.calls.forget(&leg);
            }
            Err(error) => {
                tracing::error!(%error, "a call over a virtual number could not be stored");
                switch.reject(&leg, 503, "");
                app.calls.forget(&leg);
                rows::abandon(&app, id, &leg).await;
            }
        }
    });
}

#[allow(clippy::too_many_arguments, reason = "made in one place")]
async fn start(
    app: &Shared,
    switch: &Switch,
    id: CallId,
    number: Arc<PoolNumber>,
    extension: Option<String>,
    leg: &LegId,
    incoming: &Incoming,
    (own, ear): (mpsc::UnboundedSender<Heard>, mpsc::UnboundedReceiver<Heard>),
) -> Result<Option<Call>, StoreError> {
    let now = app.clock.now();
    let caller = PhoneNumber::parse_caller(&incoming.from).ok().map(|p| p.key());
    // before anything that costs more than a look at the rules; who hides the number counts as one
    let policy = policy(app.store.read(), number.organisation).await?;
    let name = caller.as_deref().unwrap_or("hidden");
    let Some(counted) = app.calls.callers.enter(number.organisation, name, &policy, now) else {
        return Ok(None);
    };
    let entered = enter(app, &number, extension.as_deref(), caller.as_deref(), now).await?;
    let sql = "SELECT integration_id FROM number_pool WHERE id = $1";
    let integration: Option<Told> = one(app.store.read(), sql, [number.pool.to_string().into()]).await?;
    let integration = integration.and_then(|t| t.integration_id);
    let told = told(app, id, &number, caller.as_deref(), &entered, now);
    let call_rows = Rows { app, id, number: &number, leg, incoming, caller: caller.as_deref() };
    // the last that can fail
    call_rows.insert(&entered, &told, integration.as_deref(), policy.keep_days, now).await?;
    app.calls.enlist(id, own.clone());
    let limits = entered.meant.as_ref().map_or(NOBODY, |m| m.row.limits());
    let branch = entered.meant.as_ref().and_then(|m| m.row.branch_id.as_deref());
    let branch = branch.and_then(|b| BranchId::parse(b).ok());
    let callee = entered.meant.and_then(|m| m.way.ok()).map(|w| w.to);
    Ok(Some(Call {
        app: app.clone(),
        switch: switch.clone(),
        id,
        machine: BoundCall::new(entered.plan, limits, number.digits),
        number,
        caller_key: caller,
        branch,
        callee,
        caller: leg.clone(),
        callee_leg: None,
        keep_days: policy.keep_days,
        tape: Tape::default(),
        book: Book::new(app),
        told,
        integration,
        answered: None,
        joined: false,
        hinted: 0,
        deadline: None,
        own,
        ear,
        heard: VecDeque::new(),
        unrung: None,
        counted: Some(counted),
    }))
}

/// Times of a call that has nobody yet.
const NOBODY: Limits = Limits { ring_ms: 60_000, talk_ms: 3_600_000, hint: false, record: false };

/// The call as it is told at its beginning.
fn told(
    app: &Shared,
    id: CallId,
    number: &PoolNumber,
    caller: Option<&str>,
    entered: &Entered,
    now: UnixMs,
) -> BindingCallView {
    let mut told = BindingCallView {
        call_id: id,
        subs_id: None,
        pool_key: number.pool,
        phone_no: None,
        secret_no: number.key.clone(),
        peer_no: caller.map(str::to_owned),
        called_display_no: number.key.clone(),
        call_type: INTERCEPTED,
        call_time: Shift::of(app).told(now.0),
        call_out_time: None,
        ring_time: None,
        start_time: None,
        release_time: None,
        duration: 0,
        release_dir: None,
        release_cause: None,
        unconnected_cause: 0,
        outcome: None,
        record_url: None,
        out_id: None,
        user_data: None,
    };
    match (&entered.meant, entered.plan) {
        (Some(meant), _) => means(&mut told, meant, caller),
        (None, BoundPlan::Bar) => told.unconnected_cause = Unconnected::Blocked.code(),
        (None, BoundPlan::Tell(why)) => told.unconnected_cause = why.code(),
        (None, _) => told.call_type = FROM_B,
    }
    told
}

const FROM_A: i64 = 0;
const FROM_B: i64 = 1;
const INTERCEPTED: i64 = 4;

/// Fills in what is known with the binding.
pub(super) fn means(told: &mut BindingCallView, meant: &Meant, caller: Option<&str>) {
    told.subs_id = BindingId::parse(&meant.row.id).ok();
    told.out_id.clone_from(&meant.row.out_id);
    told.user_data.clone_from(&meant.row.user_data);
    let caller = caller.map(str::to_owned);
    match &meant.way {
        Ok(Way { from: Side::A, to }) => {
            (told.call_type, told.phone_no, told.peer_no) = (FROM_A, caller, Some(to.key()));
        }
        Ok(Way { from: Side::B, to }) => {
            (told.call_type, told.phone_no, told.peer_no) = (FROM_B, Some(to.key()), caller);
        }
        Err(why) => {
            told.call_type = INTERCEPTED;
            told.unconnected_cause = why.code();
            told.phone_no.clone_from(&meant.row.phone_a);
            told.peer_no = caller.filter(|c| meant.row.phone_a.as_ref() != Some(c));
        }
    }
}

struct Rows<'a> {
    app: &'a Shared,
    id: CallId,
    number: &'a PoolNumber,
    leg: &'a LegId,
    incoming: &'a Incoming,
    caller: Option<&'a str>,
}

impl Rows<'_> {
    /// Stores a call that came in, with its caller's leg and what is told of it.
    async fn insert(
        &self,
        entered: &Entered,
        told: &BindingCallView,
        integration: Option<&str>,
        keep_days: u16,
        now: UnixMs,
    ) -> Result<(), StoreError> {
        let (id, organisation) = (self.id.to_string(), self.number.organisation.to_string());
        let row = entered.meant.as_ref().map(|m| &m.row);
        let branch = row.and_then(|r| r.branch_id.clone());
        let call = Line::revised(
            "INSERT INTO phone_call (id, organisation_id, direction, branch_id, is_open, explain, parcels, started_at, keep_until, \
             rev) VALUES ($1, $2, 'bound', $3, 1, '[]', '[]', $4, $5, $6)",
            [
                id.clone().into(),
                organisation.clone().into(),
                branch.clone().into(),
                now.0.into(),
                keep_until(now, keep_days).into(),
            ],
        );
        let leg = rows::leg_came(self.id, self.leg, self.incoming, now)?;
        let to = entered.meant.as_ref().and_then(|m| m.way.as_ref().ok()).map(|w| w.to.key());
        let bound = Line::new(
            "INSERT INTO binding_call (call_id, organisation_id, branch_id, pool_id, binding_id, number_key, from_key, to_key, \
             call_type, unconnected, at, keep_until, told) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
            [
                id.into(),
                organisation.into(),
                branch.into(),
                self.number.pool.to_string().into(),
                row.map(|r| r.id.clone()).into(),
                self.number.key.clone().into(),
                self.caller.into(),
                to.into(),
                told.call_type.into(),
                told.unconnected_cause.into(),
                now.0.into(),
                keep_until(now, keep_days).into(),
                i64::from(integration.is_none()).into(),
            ],
        );
        let event = records::event(self.app, self.number, integration, "call_started", told);
        let lines: Vec<Line> = [call, leg, bound].into_iter().chain(event).collect();
        rows::transaction(self.app, &lines).await
    }
}

impl Call {
    /// Runs the call to its end.
    async fn run(mut self) {
        self.give(BoundEvent::Begin).await;
        while self.machine.phase() != BoundPhase::Over {
            if let Some(heard) = self.heard.pop_front() {
                self.hear(heard).await;
                continue;
            }
            if let Some(event) = self.unrung.take() {
                self.give(event).await;
                continue;
            }
            let wait = self.deadline.map_or(Duration::from_secs(3_600), |(_, at)| at - Instant::now());
            match tokio::time::timeout(wait, self.ear.recv()).await {
                Ok(Some(heard)) => self.hear(heard).await,
                // the task holds a sender of its own ear, so there is always somebody who could speak
                Ok(None) => break,
                Err(_) => {
                    if let Some((token, _)) = self.deadline.take() {
                        self.give(BoundEvent::Time { token }).await;
                    }
                }
            }
        }
        self.close().await;
    }

    async fn hear(&mut self, heard: Heard) {
        match heard {
            Heard::Mute { token } => self.said(u64::from(token)).await,
            Heard::Recorded(end) => self.tape.ended(end),
            Heard::DiskLow => self.tape.cut(&self.switch),
            // both sides are telephones, and it is ended there
            Heard::HangUp | Heard::App { .. } | Heard::Came { .. } | Heard::Unpushed { .. } => {}
            Heard::Leg(leg, kind) if leg == self.caller => self.on_caller(*kind).await,
            Heard::Leg(leg, kind) if Some(&leg) == self.callee_leg.as_ref() => {
                self.on_callee(&leg, *kind).await
            }
            Heard::Leg(..) => {}
        }
    }

    async fn on_caller(&mut self, kind: EventKind) {
        let leg = self.caller.clone();
        match kind {
            EventKind::Answered { dialog } => {
                let now = self.now();
                self.answered = Some(now);
                // its dialog is stored since it came in, which is enough to end it
                if let Some(line) = rows::leg_answered(&leg, &dialog, now) {
                    self.book.note(line);
                }
                self.give(BoundEvent::CallerAnswered).await;
            }
            EventKind::Digit { digit, .. } => self.give(BoundEvent::CallerKey { key: digit }).await,
            EventKind::PlayEnded { token, .. } => self.said(token).await,
            EventKind::Ended { end } => {
                self.released(&end, true);
                // first the other side is let go
                self.give(BoundEvent::CallerEnded).await;
                self.book.note(rows::leg_ended(&leg, &end, "caller", self.now()));
            }
            _ => {}
        }
    }

    async fn on_callee(&mut self, leg: &LegId, kind: EventKind) {
        match kind {
            EventKind::Challenged { record } => {
                let line = rows::leg_challenged(leg, &record);
                if self.keep(line).await {
                    self.switch.resubmit(leg);
                } else {
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::Progress { status, .. } if status > 100 && self.told.ring_time.is_none() => {
                self.rings().await;
            }
            EventKind::Answered { dialog } => {
                let line = rows::leg_answered(leg, &dialog, self.now());
                if self.keep(line).await {
                    self.switch.confirm(leg);
                    crate::crash::point("bound.callee_answered");
                    self.give(BoundEvent::CalleeAnswered).await;
                } else {
                    // what is not stored would be left on the line by a crash
                    self.switch.hang_up(leg, None);
                }
            }
            EventKind::PlayEnded { token, .. } => self.said(token).await,
            EventKind::Ended { end } => {
                self.released(&end, false);
                self.give(BoundEvent::CalleeEnded { result: result(&end) }).await;
                self.book.note(rows::leg_ended(leg, &end, "callee", self.now()));
            }
            _ => {}
        }
    }

    /// Stores a line before what it is for is done.
    async fn keep(&mut self, line: Option<Line>) -> bool {
        match line {
            Some(line) => self.book.keep(&[line]).await,
            None => false,
        }
    }

    /// The callee's telephone rings.
    async fn rings(&mut self) {
        let now = self.now();
        self.told.ring_time = Some(Shift::of(&self.app).told(now.0));
        let sql = "UPDATE binding_call SET ring_at = $1 WHERE call_id = $2";
        self.book.note(Line::new(sql, [now.0.into(), self.id.to_string().into()]));
        if self.note_event("call_ringing") {
            // told while it rings
            self.book.keep(&[]).await;
        }
    }

    /// A delivery that goes with the next step that is stored; false where nobody is told.
    pub(super) fn note_event(&mut self, kind: &str) -> bool {
        let line = records::event(&self.app, &self.number, self.integration.as_deref(), kind, &self.told);
        let some = line.is_some();
        line.into_iter().for_each(|line| self.book.note(line));
        some
    }

    async fn said(&mut self, token: u64) {
        if token == super::act::HINT {
            self.hint_heard().await;
        } else if let Ok(token) = u32::try_from(token) {
            self.give(BoundEvent::Said { token }).await;
        }
    }

    /// Who ended the call, and why: the leg that ended first says it.
    fn released(&mut self, end: &LegEnd, caller: bool) {
        // that we refuse the caller says less than the end of the leg for which we do it
        let of_callee = caller && end.how == EndHow::Refused && self.callee_leg.is_some();
        if self.told.release_dir.is_some() || of_callee {
            return;
        }
        let now = self.now();
        let dir = match end.how {
            EndHow::RemoteBye if caller => 1,
            EndHow::Cancelled if caller => 1,
            EndHow::RemoteBye | EndHow::Refused if !caller => 2,
            _ => 0,
        };
        let cause = cause(end, !caller && self.told.ring_time.is_some());
        self.told.release_dir = Some(dir);
        let sql = "UPDATE binding_call SET release_at = $1, release_dir = $2, release_cause = $3 WHERE call_id = $4";
        self.book.note(Line::new(sql, [now.0.into(), dir.into(), cause.into(), self.id.to_string().into()]));
    }

    /// Gives the machine an event, carries its deeds out, and gives it what they come to at once.
    pub(super) async fn give(&mut self, event: BoundEvent) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            for deed in self.machine.on(event) {
                events.extend(self.act(deed).await);
            }
        }
    }

    /// What the call came to, once everything is known.
    async fn close(&mut self) {
        // nobody is on the line any more
        self.counted = None;
        let mut outcome = self.machine.outcome().unwrap_or(BoundOutcome::Failed);
        if outcome == BoundOutcome::Answered && !self.joined {
            outcome = BoundOutcome::Failed;
        }
        if let Some(end) = self.tape.wait(&mut self.ear).await
            && let Some(line) = self.tape.close(&end, false).await
        {
            self.book.note(line);
        }
        metrics::counter!("waybell_binding_outcomes_total", "outcome" => outcome.as_str()).increment(1);
        if let Some(why) = self.machine.why() {
            let sql = "UPDATE binding_call SET unconnected = $1, call_type = 4 WHERE call_id = $2";
            self.book.note(Line::new(sql, [why.code().into(), self.id.to_string().into()]));
        }
        self.book.note(rows::over(self.id, outcome.as_str(), self.now(), "[]", self.answered));
        self.book.close().await;
        crate::crash::point("bound.closed");
        if self.integration.is_some()
            && let Err(error) = records::tell(&self.app, self.id).await
        {
            tracing::warn!(%error, "a call's record is told at the next start");
        }
    }

    /// Steady time.
    pub(super) fn now(&self) -> UnixMs {
        self.app.clock.now()
    }
}

/// The Q.850 cause of an end: the network's, else what its status says (RFC 3398, 8.2.6.1). `rang`: it is the callee's, whose
/// telephone rang.
fn cause(end: &LegEnd, rang: bool) -> i64 {
    if let Some(cause) = end.q850 {
        return i64::from(cause);
    }
    match (end.how, end.status) {
        (EndHow::RemoteBye | EndHow::LocalBye, _) => 16,
        (EndHow::Cancelled, _) if !rang => 16,
        (_, Some(486 | 600)) => 17,
        (EndHow::Cancelled, _) | (_, Some(408 | 480 | 487)) => {
            if rang {
                19
            } else {
                18
            }
        }
        (_, Some(401..=403 | 603)) => 21,
        (_, Some(404 | 484 | 604)) => 1,
        (_, Some(503)) => 34,
        (EndHow::MediaTimeout | EndHow::NoAck | EndHow::SessionExpired | EndHow::TransportFailed, _) => 41,
        (EndHow::TimedOut, _) => 102,
        _ => 31,
    }
}
