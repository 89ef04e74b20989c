//! Carrying deeds out: first stored, then done.

use super::Heard;
use super::call::Call;
use crate::numbers::{is_anothers, owners, same};
use crate::recordings;
use crate::store::one;
use sea_orm::FromQueryResult;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::id::UserId;
use waybell_domain::inbound::{CallEvent, Deed, TryResult, whisper};
use waybell_domain::phone::PhoneNumber;
use waybell_switch::{Draft, InviteRecord, LegId, Permit, Play, Prompt, Q850, RecordSpec, SwitchError};

/// How long a courier's call waits for a line that is free.
const LINE: Duration = Duration::from_secs(3);
/// The whisper is said so often, with a pause between: a telephone taken out of a pocket misses the first words.
const WHISPERS: u32 = 5;
const PAUSE: Duration = Duration::from_millis(800);
/// How often, and how long apart, a bridge is tried: media of a leg that was answered a moment ago has yet to start.
const BRIDGE_TRIES: u32 = 50;
const BRIDGE_STEP: Duration = Duration::from_millis(20);

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
            Deed::RingCaller => self.switch.ring(&self.caller),
            Deed::Refuse { status } => self.switch.reject(&self.caller, status, ""),
            Deed::RingCourier { n } => {
                let courier = self.machine.candidates().get(n)?.courier;
                if !self.app.calls.engage(courier, self.id) {
                    return Some(CallEvent::CourierEnded { n, result: TryResult::Busy });
                }
                if let Err(why) = self.ring_courier(n).await {
                    self.app.calls.release(courier, self.id);
                    tracing::warn!(why, call = %self.id, "a courier cannot be rung");
                    return Some(CallEvent::CourierEnded { n, result: TryResult::Failed });
                }
            }
            Deed::Whisper { n, token } => {
                if let Some(leg) = self.courier(n).cloned() {
                    let times = if self.policy.accept_key { WHISPERS } else { 1 };
                    self.say(leg, token, self.whisper(n), times);
                }
            }
            Deed::DropCourier { n } => {
                if let Some(leg) = self.courier(n) {
                    self.switch.hang_up(leg, None);
                }
            }
            Deed::AnswerCaller => {
                if self.answering().await {
                    self.switch.answer(&self.caller);
                    crate::crash::point("call.answered");
                } else {
                    self.switch.reject(&self.caller, 503, "");
                }
            }
            Deed::Bridge { n, record } => self.bridge(n, record).await,
            Deed::Greet { token } => {
                let words = crate::voicemail::greeting(&self.company, self.mode);
                self.say(self.caller.clone(), token, words, 1);
            }
            Deed::Beep { token } => {
                let play = Play::once(u64::from(token), vec![crate::voicemail::tone()]);
                self.switch.play(&self.caller, play);
            }
            Deed::TakeMessage => self.record("voicemail", None).await,
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

    /// What the candidate hears: their own parcels for this caller, else those of colleagues.
    fn whisper(&self, n: usize) -> Vec<String> {
        let who = self.machine.candidates().get(n).map(|c| c.courier);
        let own: Vec<_> = self.parcels.iter().filter(|p| Some(p.courier) == who).cloned().collect();
        let mut words = whisper(if own.is_empty() { &self.parcels } else { &own });
        if self.policy.accept_key {
            words.push("按1接听".to_owned());
        }
        words
    }

    /// Places the call to the candidate's own telephone, showing a number of the company.
    async fn ring_courier(&mut self, n: usize) -> Result<(), String> {
        let candidate = *self.machine.candidates().get(n).ok_or("no such candidate")?;
        let phone = self.telephone(candidate.courier).await?;
        let (record, permit) = self.draft(n, &phone).await?;
        let leg = record.leg();
        if !self.leg_placed(&record, candidate.courier).await {
            self.switch.discard(&record);
            return Err("it could not be stored".to_owned());
        }
        self.app.calls.adopt(leg.clone(), self.own.clone());
        self.couriers.push((n, leg));
        let words = self.whisper(n);
        self.app.speech.prepare(words);
        self.switch.place(record, permit);
        crate::crash::point("call.courier_rung");
        Ok(())
    }

    async fn telephone(&self, courier: UserId) -> Result<PhoneNumber, String> {
        let row: Option<Telephone> = one(
            self.app.store.read(),
            "SELECT phone_key FROM person WHERE id = $1 AND organisation_id = $2 AND active = 1",
            [courier.to_string().into(), self.number.organisation.to_string().into()],
        )
        .await
        .map_err(|e| e.to_string())?;
        let key = row.and_then(|r| r.phone_key).ok_or("no telephone on record")?;
        PhoneNumber::from_key(&key).map_err(|e| e.to_string())
    }

    /// An INVITE and a line for it, on the first trunk that has both a free line and a number that may be shown.
    async fn draft(&self, n: usize, phone: &PhoneNumber) -> Result<(InviteRecord, Permit), String> {
        let until = Instant::now() + LINE;
        let attempt = format!("{}/{n}", self.id);
        let callee = phone.dial_string();
        let mut why = "no trunk is up".to_owned();
        loop {
            for trunk in self.switch.routes(&[]) {
                for caller in self.shown(&trunk).await? {
                    let drafted = self.switch.draft(Draft {
                        attempt: &attempt,
                        route_no: 0,
                        trunk: &trunk,
                        caller: &caller,
                        callee: &callee,
                        headers: Vec::new(),
                    });
                    let record = match drafted {
                        Ok(record) => record,
                        Err(SwitchError::CallerNotAuthorised { .. }) => continue,
                        Err(error) => {
                            why = error.to_string();
                            break;
                        }
                    };
                    match self.switch.try_permits(&trunk, 1).pop() {
                        Some(permit) => return Ok((record, permit)),
                        None => {
                            self.switch.discard(&record);
                            why = "no line is free".to_owned();
                            break;
                        }
                    }
                }
            }
            if Instant::now() >= until {
                return Err(why);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Numbers that may be shown on a trunk, the best first: the one that was rung, the branch's, any of the company's. Never
    /// the caller's, and never another organisation's.
    async fn shown(&self, trunk: &str) -> Result<Vec<String>, String> {
        let db = self.app.store.read();
        let branch: Option<Display> = one(
            db,
            "SELECT display_number FROM branch WHERE id = $1",
            [self.number.branch.to_string().into()],
        )
        .await
        .map_err(|e| e.to_string())?;
        let owners = owners(db).await.map_err(|e| e.to_string())?;
        let organisation = self.number.organisation.to_string();
        let all = self.app.config.trunk.iter().find(|t| t.name == trunk);
        let allowed = all.map_or(&[][..], |t| &t.caller_ids);
        let may = |number: &&String| !is_anothers(&owners, number, &organisation);
        let wanted = [Some(self.number.key.clone()), branch.and_then(|b| b.display_number)];
        let mut out: Vec<String> = Vec::new();
        for want in wanted.iter().flatten() {
            out.extend(allowed.iter().filter(may).filter(|a| same(a, want)).cloned());
        }
        // numbers that are published by somebody else are theirs
        let foreign = |a: &String| {
            self.app.calls.numbers.find(a).is_some_and(|n| n.organisation != self.number.organisation)
        };
        out.extend(allowed.iter().filter(may).filter(|a| !foreign(a)).cloned());
        let mut seen = std::collections::HashSet::new();
        out.retain(|n| seen.insert(n.clone()));
        Ok(out)
    }

    /// Says words to a leg; ends with the leg's `PlayEnded`, or [`Heard::Mute`] where they cannot be made.
    fn say(&self, leg: LegId, token: u32, words: Vec<String>, times: u32) {
        let (app, switch, own) = (self.app.clone(), self.switch.clone(), self.own.clone());
        let play = move |prompts: Vec<Arc<Prompt>>| {
            let play = Play { token: u64::from(token), prompts, times, gap: PAUSE, stop_on_digit: false };
            switch.play(&leg, play);
        };
        if let Some(prompts) = app.speech.ready(&words) {
            play(prompts);
            return;
        }
        tokio::spawn(async move {
            match app.speech.prompts(&words).await {
                Ok(prompts) => play(prompts),
                Err(error) => {
                    tracing::error!(%error, "a prompt could not be made");
                    metrics::counter!("waybell_prompts_failed_total").increment(1);
                    let _ = own.send(Heard::Mute { token });
                }
            }
        });
    }

    /// Joins caller and candidate, first of all: who waits on the line does not wait for a disk.
    async fn bridge(&mut self, n: usize, record: bool) {
        let Some(courier) = self.courier(n).cloned() else { return };
        if !self.join(&courier).await {
            // nobody spoke: `close` shows it as missed
            self.switch.hang_up(&self.caller, None);
            self.switch.hang_up(&courier, None);
            return;
        }
        self.bridged = self.machine.candidates().get(n).map(|c| (self.now(), c.courier));
        if record {
            self.record("call", Some(&courier)).await;
        }
        self.store_bridged().await;
        crate::crash::point("call.bridged");
    }

    async fn join(&self, courier: &LegId) -> bool {
        for _ in 0..BRIDGE_TRIES {
            match self.switch.bridge(&self.caller, courier) {
                Ok(()) => return true,
                // one of them has ended meanwhile, which is on its way here
                Err(SwitchError::NoLeg) => return false,
                Err(_) => tokio::time::sleep(BRIDGE_STEP).await,
            }
        }
        tracing::warn!(call = %self.id, "a bridge failed");
        false
    }

    /// Begins a recording: the caller on the left, the courier on the right. A call goes on without where it cannot begin.
    async fn record(&mut self, kind: &str, courier: Option<&LegId>) {
        let keep = self.policy.keep_days;
        let begun = recordings::begin(&self.app, self.number.organisation, self.id, kind, keep).await;
        let (id, path) = match begun {
            Ok(begun) => begun,
            Err(error) => {
                tracing::error!(%error, call = %self.id, "a recording cannot begin");
                metrics::counter!("waybell_recordings_failed_total").increment(1);
                return;
            }
        };
        self.recording = Some(id);
        let spec = RecordSpec { path, cut_silence: courier.is_none() };
        let end = self.switch.record(spec, &self.caller, courier);
        let own = self.own.clone();
        tokio::spawn(async move {
            let end = end.await.unwrap_or_else(|_| waybell_switch::RecordingEnd {
                problem: Some("nothing can be recorded".to_owned()),
                ..Default::default()
            });
            let _ = own.send(Heard::Recorded(end));
        });
    }
}
