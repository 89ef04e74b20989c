//! Carrying deeds out: first stored, then done.

use super::call::Call;
use super::rows::{self, Line};
use super::sound::{self, Joined};
use super::ways::{self, Showing, Unrung};
use crate::app::Shared;
use crate::charges::{self, Caller};
use crate::speech::Whose;
use crate::store::one;
use sea_orm::FromQueryResult;
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::id::{BranchId, OrganisationId, UserId};
use waybell_domain::inbound::{CallEvent, CallPhase, Deed, Taping, TryResult, whisper};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::rate::ChargedCall;
use waybell_switch::{LegId, Play, Q850};

/// The whisper is said so often, with a pause between: a telephone taken out of a pocket misses the first words.
pub(crate) const WHISPERS: u32 = 5;

#[derive(FromQueryResult)]
struct Telephone {
    phone_key: Option<String>,
}

#[derive(FromQueryResult)]
struct Display {
    display_number: Option<String>,
}

impl Call {
    /// Does one deed; gives what it comes to at once.
    pub(super) async fn act(&mut self, deed: Deed) -> Option<CallEvent> {
        match deed {
            Deed::RingCaller => {
                self.switch.ring(&self.caller);
                if self.policy.record && self.policy.tell_recording {
                    self.app.speech.prepare(self.whose(), vec![sound::OF_RECORDING.to_owned()]);
                }
            }
            Deed::Refuse { status } => self.switch.reject(&self.caller, status, ""),
            Deed::RingCourier { n } => {
                let courier = self.machine.candidates().get(n)?.courier;
                if !self.app.calls.engage(courier, self.id) {
                    return Some(CallEvent::CourierEnded { n, result: TryResult::Busy });
                }
                if let Err(why) = self.ring_candidate(n).await {
                    self.both.pop();
                    self.app.calls.release(courier, self.id);
                    match why {
                        Unrung::Gone => {
                            let result = TryResult::CallerGone;
                            self.unrung = Some(CallEvent::CourierEnded { n, result });
                        }
                        Unrung::Failed(why) => {
                            tracing::warn!(why, call = %self.id, "a courier cannot be rung");
                            return Some(CallEvent::CourierEnded { n, result: TryResult::Failed });
                        }
                    }
                }
            }
            Deed::Whisper { .. } if self.skip_whisper => {}
            Deed::Whisper { n, token } => {
                if let Some(leg) = self.courier(n).cloned() {
                    let times = if self.policy.accept_key { WHISPERS } else { 1 };
                    self.say(leg, token, self.whisper(n), times);
                }
            }
            Deed::DropCourier { n } => return self.drop_candidate(n),
            Deed::AnswerCaller => {
                if let CallPhase::Connecting(n) = self.machine.phase() {
                    self.taken_by_mobile(n);
                }
                let answering = Line::new(
                    "UPDATE call_leg SET state = 'answering' WHERE id = $1",
                    [self.caller.as_str().into()],
                );
                if self.book.keep(&[answering]).await {
                    self.switch.answer(&self.caller);
                    crate::crash::point("call.answered");
                } else {
                    self.switch.reject(&self.caller, 503, "");
                }
            }
            Deed::TellRecording { n, token } => {
                self.taken_by_mobile(n);
                self.say(self.caller.clone(), token, vec![sound::OF_RECORDING.to_owned()], 1);
            }
            Deed::Bridge { n, tape } => {
                self.taken_by_mobile(n);
                self.bridge(n, tape).await;
            }
            Deed::Greet { token } => {
                let words = crate::voicemail::greeting(&self.company, self.mode, self.arrives);
                self.say(self.caller.clone(), token, words, 1);
            }
            Deed::Beep { token } => {
                let play = Play::once(u64::from(token), vec![crate::voicemail::tone()]);
                self.switch.play(&self.caller, play);
            }
            Deed::TakeMessage => {
                if !self.record(None).await {
                    // nobody speaks to a machine that does not listen: as if the message were over
                    return Some(CallEvent::CallerKey);
                }
            }
            Deed::EndMessage => self.switch.stop_recording(&self.caller),
            Deed::HangUpCaller => self.switch.hang_up(&self.caller, Some(Q850::NORMAL)),
            Deed::Wait { token, ms } => {
                let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                self.deadline = Some((token, Instant::now() + wait));
            }
            Deed::Over { .. } => self.deadline = None,
        }
        None
    }

    /// What it is about: the candidate's own parcels for this caller, else those of colleagues.
    pub(super) fn whisper_words(&self, n: usize) -> Vec<String> {
        let who = self.machine.candidates().get(n).map(|c| c.courier);
        let own: Vec<_> = self.parcels.iter().filter(|p| Some(p.courier) == who).cloned().collect();
        whisper(if own.is_empty() { &self.parcels } else { &own })
    }

    /// What the candidate hears before taking the call.
    fn whisper(&self, n: usize) -> Vec<String> {
        let mut words = self.whisper_words(n);
        if self.policy.accept_key {
            words.push("按1接听".to_owned());
        }
        words
    }

    /// Places the call to the candidate's own telephone, showing a number of the company: the one that was rung, the branch's,
    /// any. Never the caller's.
    pub(super) async fn ring_courier(&mut self, n: usize) -> Result<LegId, Unrung> {
        let candidate = *self.machine.candidates().get(n).ok_or("no such candidate")?;
        let organisation = self.number.organisation;
        let phone = telephone(&self.app, organisation, candidate.courier).await?;
        let branch = branch_number(&self.app, self.number.branch).await?;
        let wanted: Vec<String> = std::iter::once(self.number.key.clone()).chain(branch).collect();
        let (seed, callee) = (format!("{}/{n}", self.id), phone.dial_string());
        let ready =
            ways::draft(&self.app, &self.switch, organisation, Showing::Wanted(&wanted), &seed, &callee)
                .await?;
        let courier = Some(candidate.courier);
        let caller =
            Caller { organisation, branch: Some(self.number.branch), courier, call: ChargedCall::Incoming };
        if let Err(why) = charges::admit_leg(&self.app, &caller, &ready.record.call_id, phone.e164()).await {
            self.switch.discard(&ready.record);
            return Err(why.into());
        }
        let line = rows::leg_placed(self.id, "courier", &ready.record, courier, self.now());
        let kept = self.keep(line).await;
        if !kept || ways::gone(&mut self.ear, &mut self.heard, Some(&self.caller)) {
            self.switch.discard(&ready.record);
            // stored all the same, where only the answer of the commit was lost
            self.book.note(rows::leg_unplaced(&ready.record, self.now()));
            return Err(if kept { Unrung::Gone } else { "it could not be stored".into() });
        }
        let leg = ready.record.leg();
        self.app.calls.adopt(leg.clone(), self.own.clone());
        let words = self.whisper(n);
        self.app.speech.prepare(self.whose(), words);
        self.switch.place(ready.record, ready.permit);
        crate::crash::point("call.courier_rung");
        Ok(leg)
    }

    /// Whose recorded words this call is spoken with.
    fn whose(&self) -> Whose {
        Whose { organisation: Some(self.number.organisation), branch: Some(self.number.branch) }
    }

    fn say(&self, leg: LegId, token: u32, words: Vec<String>, times: u32) {
        sound::say(&self.app, &self.switch, &self.own, leg, token, (self.whose(), words), times);
    }

    /// Joins caller and candidate, first of all: who waits on the line does not wait for a disk.
    async fn bridge(&mut self, n: usize, tape: Taping) {
        let Some(courier) = self.courier(n).cloned() else { return };
        if sound::join(&self.switch, &self.caller, &courier).await != Joined::Yes {
            // nobody spoke: `close` shows it as missed
            self.switch.hang_up(&self.caller, None);
            self.switch.hang_up(&courier, None);
            return;
        }
        self.joined = true;
        if let Some(candidate) = self.machine.candidates().get(n) {
            let tries = self.tries();
            for line in rows::bridged(self.id, self.now(), candidate.courier, &tries) {
                self.book.note(line);
            }
        }
        if tape == Taping::Untold {
            let of = (self.number.organisation, self.id, self.policy.keep_days);
            sound::Tape::untold(&self.app, &mut self.book, of).await;
        }
        if tape != Taping::On || !self.record(Some(&courier)).await {
            self.book.keep(&[]).await;
        }
        crate::crash::point("call.bridged");
    }

    /// Begins a recording: the caller on the left, the courier on the right.
    async fn record(&mut self, courier: Option<&LegId>) -> bool {
        let of = (self.number.organisation, self.id, self.policy.keep_days);
        let caller = self.caller.clone();
        self.tape.begin(&self.app, &self.switch, &self.own, &mut self.book, of, &caller, courier).await
    }
}

/// Somebody's own telephone.
pub(crate) async fn telephone(
    app: &Shared,
    organisation: OrganisationId,
    person: UserId,
) -> Result<PhoneNumber, String> {
    let row: Option<Telephone> = one(
        app.store.read(),
        "SELECT phone_key FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1",
        [person.to_string().into(), organisation.to_string().into()],
    )
    .await
    .map_err(|e| e.to_string())?;
    let key = row.and_then(|r| r.phone_key).ok_or("no telephone on record")?;
    PhoneNumber::from_key(&key).map_err(|e| e.to_string())
}

/// The number that a branch shows.
pub(crate) async fn branch_number(app: &Shared, branch: BranchId) -> Result<Option<String>, String> {
    let sql = "SELECT display_number FROM branch WHERE id = $1";
    let row: Option<Display> =
        one(app.store.read(), sql, [branch.to_string().into()]).await.map_err(|e| e.to_string())?;
    Ok(row.and_then(|r| r.display_number))
}
