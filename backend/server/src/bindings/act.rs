//! Carrying deeds out: first kept, then done.

use super::call::{Call, means};
use super::enter::seek;
use super::request::Shift;
use super::words;
use crate::calls::rows::{self, Line};
use crate::calls::sound::{self, Joined};
use crate::calls::ways::{self, Showing, Unrung};
use crate::charges::{self, Caller};
use crate::speech::Whose;
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::binding::{BoundDeed, BoundEvent, BoundPhase, Unconnected};
use waybell_domain::id::BranchId;
use waybell_domain::inbound::TryResult;
use waybell_domain::rate::ChargedCall;
use waybell_switch::{LegId, Q850};

/// Token of the hint before the end.
pub(super) const HINT: u64 = (u32::MAX - 1) as u64;

impl Call {
    /// Does one deed; gives what it comes to at once.
    pub(super) async fn act(&mut self, deed: BoundDeed) -> Option<BoundEvent> {
        match deed {
            BoundDeed::RingCaller => self.switch.ring(&self.caller),
            BoundDeed::RefuseCaller { status } => self.switch.reject(&self.caller, status, ""),
            BoundDeed::AnswerCaller => {
                let sql = "UPDATE call_leg SET state = 'answering' WHERE id = $1";
                if self.book.keep(&[Line::new(sql, [self.caller.as_str().into()])]).await {
                    self.switch.answer(&self.caller);
                    crate::crash::point("bound.answered");
                } else {
                    self.switch.reject(&self.caller, 503, "");
                }
            }
            BoundDeed::Ask { ask, token } => self.say(token, words::ask(ask)),
            BoundDeed::Seek { extension } => return Some(self.seek(&extension).await),
            BoundDeed::RingCallee => match self.ring().await {
                Ok(leg) => {
                    self.callee_leg = Some(leg);
                    crate::crash::point("bound.callee_rung");
                }
                // the caller's end is about to be heard, and lets nobody ring
                Err(Unrung::Gone) => {
                    self.unrung = Some(BoundEvent::CalleeEnded { result: TryResult::CallerGone })
                }
                Err(Unrung::Failed(why)) => {
                    tracing::warn!(why, call = %self.id, "the other party cannot be rung");
                    return Some(BoundEvent::NotRung);
                }
            },
            BoundDeed::RingTone => crate::outgoing::ring_tone(&self.switch, &self.caller),
            BoundDeed::Bridge { record } => self.bridge(record).await,
            BoundDeed::Hint => self.hint(),
            BoundDeed::Announce { notice, token } => self.say(token, words::notice(notice)),
            BoundDeed::DropCaller => self.switch.hang_up(&self.caller, Some(Q850::NORMAL)),
            BoundDeed::DropCallee => {
                if let Some(leg) = &self.callee_leg {
                    self.switch.hang_up(leg, Some(Q850::NORMAL));
                }
            }
            BoundDeed::Wait { token, ms } => {
                let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                self.deadline = Some((token, Instant::now() + wait));
            }
            BoundDeed::Over { .. } => self.deadline = None,
        }
        None
    }

    fn whose(&self) -> Whose {
        Whose { organisation: Some(self.number.organisation), branch: None }
    }

    fn say(&self, token: u32, said: Vec<String>) {
        let (leg, words) = (self.caller.clone(), (self.whose(), said));
        sound::say(&self.app, &self.switch, &self.own, leg, token, words, 1);
    }

    /// Looks for the binding of an extension; who is meant is stored with the next step.
    async fn seek(&mut self, extension: &str) -> BoundEvent {
        let now = self.now();
        let found = seek(&self.app, &self.number, extension, self.caller_key.as_deref(), now).await;
        let meant = match found {
            Ok(Some(meant)) => meant,
            Ok(None) => return BoundEvent::NotFound,
            Err(error) => {
                tracing::error!(%error, "an extension could not be looked for");
                return BoundEvent::Kept(Unconnected::Other);
            }
        };
        means(&mut self.told, &meant, self.caller_key.as_deref());
        self.callee = meant.way.as_ref().ok().map(|w| w.to.clone());
        self.branch = meant.row.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok());
        let (call, branch) = (self.id.to_string(), meant.row.branch_id.clone());
        let sql = "UPDATE binding_call SET binding_id = $1, branch_id = $2, to_key = $3, call_type = $4, unconnected = $5 \
                   WHERE call_id = $6";
        self.book.note(Line::new(
            sql,
            [
                meant.row.id.clone().into(),
                branch.clone().into(),
                self.callee.as_ref().map(|c| c.key()).into(),
                self.told.call_type.into(),
                self.told.unconnected_cause.into(),
                call.clone().into(),
            ],
        ));
        let sql = "UPDATE phone_call SET branch_id = $1, rev = $3 WHERE id = $2";
        self.book.note(Line::revised(sql, [branch.into(), call.into()]));
        match meant.way {
            Ok(_) => BoundEvent::Found(meant.row.limits()),
            Err(why) => BoundEvent::Kept(why),
        }
    }

    /// Places the call to the other party, who sees the virtual number and nothing else.
    async fn ring(&mut self) -> Result<LegId, Unrung> {
        let callee = self.callee.clone().ok_or("nobody to ring")?;
        let (seed, number) = (format!("{}/callee", self.id), callee.dial_string());
        let showing = Showing::Only(&self.number.key);
        let ready =
            ways::draft(&self.app, &self.switch, self.number.organisation, showing, &seed, &number).await?;
        let call = ChargedCall::Bound;
        let caller =
            Caller { organisation: self.number.organisation, branch: self.branch, courier: None, call };
        if let Err(why) = charges::admit_leg(&self.app, &caller, &ready.record.call_id, callee.e164()).await {
            self.switch.discard(&ready.record);
            return Err(why.into());
        }
        let now = self.now();
        let Some(leg) = rows::leg_placed(self.id, "customer", &ready.record, None, now) else {
            self.switch.discard(&ready.record);
            return Err("it could not be written down".into());
        };
        let call = self.id.to_string();
        let out = Line::new(
            "UPDATE binding_call SET out_at = $1 WHERE call_id = $2",
            [now.0.into(), call.clone().into()],
        );
        let shown = Line::revised(
            "UPDATE phone_call SET shown = $1, rev = $3 WHERE id = $2",
            [ready.shown.into(), call.into()],
        );
        let kept = self.book.keep(&[leg, out, shown]).await;
        if !kept || ways::gone(&mut self.ear, &mut self.heard, Some(&self.caller)) {
            self.switch.discard(&ready.record);
            // stored all the same, where only the answer of the commit was lost
            self.book.note(rows::leg_unplaced(&ready.record, self.now()));
            return Err(if kept { Unrung::Gone } else { "it could not be stored".into() });
        }
        self.told.call_out_time = Some(Shift::of(&self.app).told(now.0));
        let leg = ready.record.leg();
        self.app.calls.adopt(leg.clone(), self.own.clone());
        self.switch.place(ready.record, ready.permit);
        Ok(leg)
    }

    /// Joins both, first of all: who waits on the line does not wait for a disk.
    async fn bridge(&mut self, record: bool) {
        let Some(callee) = self.callee_leg.clone() else { return };
        if sound::join(&self.switch, &self.caller, &callee).await != Joined::Yes {
            self.switch.hang_up(&self.caller, None);
            self.switch.hang_up(&callee, None);
            return;
        }
        self.joined = true;
        let now = self.now();
        self.told.start_time = Some(Shift::of(&self.app).told(now.0));
        let call = self.id.to_string();
        let sql = "UPDATE binding_call SET start_at = $1 WHERE call_id = $2";
        self.book.note(Line::new(sql, [now.0.into(), call.clone().into()]));
        let sql = "UPDATE phone_call SET bridged_at = $1, rev = $3 WHERE id = $2";
        self.book.note(Line::revised(sql, [now.0.into(), call.into()]));
        self.note_event("call_answered");
        let of = (self.number.organisation, self.id, self.keep_days);
        let caller = self.caller.clone();
        let begun = record
            && self
                .tape
                .begin(&self.app, &self.switch, &self.own, &mut self.book, of, &caller, Some(&callee))
                .await;
        if !begun {
            self.book.keep(&[]).await;
        }
        crate::crash::point("bound.bridged");
        // made while they speak, so that nobody waits for it in silence
        self.app.speech.prepare(self.whose(), words::hint());
    }

    /// Parts them for as long as both are told that a minute is left.
    fn hint(&mut self) {
        let Some(callee) = self.callee_leg.clone() else { return };
        self.switch.unbridge(&self.caller);
        self.hinted = 2;
        for leg in [self.caller.clone(), callee] {
            let words = (self.whose(), words::hint());
            sound::say(&self.app, &self.switch, &self.own, leg, HINT as u32, words, 1);
        }
    }

    /// One of them has heard it; after the second they speak again.
    pub(super) async fn hint_heard(&mut self) {
        self.hinted = self.hinted.saturating_sub(1);
        let talks = matches!(self.machine.phase(), BoundPhase::Talking { .. });
        if self.hinted == 0
            && talks
            && let Some(callee) = self.callee_leg.clone()
            && sound::join(&self.switch, &self.caller, &callee).await == Joined::No
        {
            self.switch.hang_up(&self.caller, None);
            self.switch.hang_up(&callee, None);
        }
    }
}
