//! Carrying deeds out: first kept, then done.

use super::call::Call;
use crate::calls::WHISPERS;
use crate::calls::rows::{self, Line};
use crate::calls::sound::{self, Joined, Tape};
use crate::calls::ways::{self, Showing, Unrung};
use std::f64::consts::TAU;
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::inbound::{Taping, TryResult};
use waybell_domain::outgoing::{OutgoingDeed, OutgoingEvent, OutgoingOutcome, briefing};
use waybell_domain::wire::AppSaid;
use waybell_switch::{LegId, Play, Prompt, Q850, Switch};

/// Token of the ringing tone, whose end says nothing.
const TONE: u64 = u64::MAX;
/// Pause between two tones, and how often it comes: longer than any telephone may ring.
const TONE_PAUSE: Duration = Duration::from_secs(4);
const TONES: u32 = 40;

impl Call {
    /// Does one deed; gives what it comes to at once.
    pub(super) async fn act(&mut self, deed: OutgoingDeed) -> Option<OutgoingEvent> {
        match deed {
            OutgoingDeed::RingCourier => {
                let rung = match self.app_end {
                    Some(_) => self.await_app().await,
                    None => {
                        let words = briefing(&self.parcels, &self.customer_phone, self.accept_key);
                        self.app.speech.prepare(self.organisation, words);
                        self.ring(true).await
                    }
                };
                match rung {
                    Ok(leg) => self.courier_leg = Some(leg),
                    Err(Unrung::Gone) => {
                        self.unrung = Some(OutgoingEvent::CourierEnded { result: TryResult::CallerGone });
                        return None;
                    }
                    Err(Unrung::Failed(why)) => {
                        tracing::warn!(why, call = %self.id, "the courier cannot be rung");
                        return Some(OutgoingEvent::NotRung);
                    }
                }
                crate::crash::point("outgoing.courier_rung");
            }
            OutgoingDeed::RingCustomer => {
                if self.tells {
                    self.app.speech.prepare(self.organisation, vec![sound::OF_RECORDING.to_owned()]);
                }
                match self.ring(false).await {
                    Ok(leg) => self.customer_leg = Some(leg),
                    Err(Unrung::Gone) => {
                        self.unrung = Some(OutgoingEvent::CustomerEnded { result: TryResult::CallerGone });
                        return None;
                    }
                    Err(Unrung::Failed(why)) => {
                        tracing::warn!(why, call = %self.id, "the customer cannot be rung");
                        return Some(OutgoingEvent::NotRung);
                    }
                }
                self.tell_app(AppSaid::Ringing);
                crate::crash::point("outgoing.customer_rung");
            }
            // the app has shown whom it rings
            OutgoingDeed::Brief { token } if self.app_end.is_some() => {
                return Some(OutgoingEvent::Said { token });
            }
            OutgoingDeed::Brief { token } => {
                let times = if self.accept_key { WHISPERS } else { 1 };
                self.say(token, briefing(&self.parcels, &self.customer_phone, self.accept_key), times);
            }
            OutgoingDeed::Announce { outcome, token } => {
                self.say(token, vec![announcement(outcome).to_owned()], 1);
            }
            OutgoingDeed::RingTone => {
                if let Some(leg) = &self.courier_leg {
                    ring_tone(&self.switch, leg);
                }
            }
            OutgoingDeed::KeyExtension => {
                if let (Some(leg), Some(keys)) = (&self.customer_leg, self.customer_phone.extension()) {
                    self.switch.send_digits(leg, &format!("{keys}{}", self.app.config.extension.end));
                }
            }
            OutgoingDeed::TellRecording { token } => {
                if let Some(leg) = self.customer_leg.clone() {
                    let words = (self.organisation.into(), vec![sound::OF_RECORDING.to_owned()]);
                    sound::say(&self.app, &self.switch, &self.own, leg, token, words, 1);
                }
            }
            OutgoingDeed::Bridge { tape } => {
                self.tell_app(AppSaid::Answered);
                self.bridge(tape).await;
            }
            OutgoingDeed::DropCourier => return self.drop_courier(),
            OutgoingDeed::DropCustomer => self.hang_up(self.customer_leg.as_ref()),
            OutgoingDeed::Wait { token, ms } => {
                let wait = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
                self.deadline = Some((token, Instant::now() + wait));
            }
            OutgoingDeed::Over { .. } => self.deadline = None,
        }
        None
    }

    pub(super) fn hang_up(&self, leg: Option<&LegId>) {
        if let Some(leg) = leg {
            self.switch.hang_up(leg, Some(Q850::NORMAL));
        }
    }

    fn say(&self, token: u32, words: Vec<String>, times: u32) {
        if let Some(leg) = self.courier_leg.clone() {
            let words = (self.organisation.into(), words);
            sound::say(&self.app, &self.switch, &self.own, leg, token, words, times);
        }
    }

    /// Places the call to the courier's own telephone, or to the customer's. Both show a number of the company.
    async fn ring(&mut self, courier: bool) -> Result<LegId, Unrung> {
        let (kind, phone, person) = match courier {
            true => {
                ("courier", self.courier_phone.as_ref().ok_or("no telephone on record")?, Some(self.courier))
            }
            false => ("customer", &self.customer_phone, None),
        };
        let (seed, callee) = (format!("{}/{kind}", self.id), phone.dial_string());
        let ready = ways::draft(
            &self.app,
            &self.switch,
            self.organisation,
            Showing::Wanted(&self.wanted),
            &seed,
            &callee,
        )
        .await?;
        let now = self.now();
        let mut lines: Vec<Line> =
            rows::leg_placed(self.id, kind, &ready.record, person, now).into_iter().collect();
        let placed = !lines.is_empty();
        let of = self.id.to_string();
        lines.push(if courier {
            Line::revised(
                "UPDATE phone_call SET shown = $1, rev = $3 WHERE id = $2",
                [ready.shown.clone().into(), of.into()],
            )
        } else {
            // from now on whoever rings back reaches this courier
            Line::revised(
                "UPDATE phone_call SET shown = $1, rung_at = $2, rev = $4 WHERE id = $3",
                [ready.shown.clone().into(), now.0.into(), of.into()],
            )
        });
        let kept = placed && self.book.keep(&lines).await;
        let gone = ways::gone(&mut self.ear, &mut self.heard, self.courier_leg.as_ref()) || self.given_up();
        if !kept || gone {
            self.switch.discard(&ready.record);
            // stored all the same, where only the answer of the commit was lost
            self.book.note(rows::leg_unplaced(&ready.record, self.now()));
            if !courier {
                let sql = "UPDATE phone_call SET rung_at = NULL, rev = $2 WHERE id = $1";
                self.book.note(Line::revised(sql, [self.id.to_string().into()]));
            }
            return Err(if kept { Unrung::Gone } else { "it could not be stored".into() });
        }
        if courier && !self.wanted.contains(&ready.shown) {
            // rather than any other, the customer sees the same number
            self.wanted.push(ready.shown);
        }
        let leg = ready.record.leg();
        self.app.calls.adopt(leg.clone(), self.own.clone());
        self.switch.place(ready.record, ready.permit);
        Ok(leg)
    }

    /// Joins both, first of all: who waits on the line does not wait for a disk.
    async fn bridge(&mut self, tape: Taping) {
        let (Some(courier), Some(customer)) = (self.courier_leg.clone(), self.customer_leg.clone()) else {
            return;
        };
        self.joined = Some(sound::join(&self.switch, &customer, &courier).await);
        if self.joined != Some(Joined::Yes) {
            self.hang_up(Some(&customer));
            self.hang_up(Some(&courier));
            return;
        }
        let tries = self.tries();
        for line in rows::bridged(self.id, self.now(), self.courier, &tries) {
            self.book.note(line);
        }
        let of = (self.organisation, self.id, self.keep_days);
        if tape == Taping::Untold {
            Tape::untold(&self.app, &mut self.book, of).await;
        }
        let begun = tape == Taping::On
            && self
                .tape
                .begin(&self.app, &self.switch, &self.own, &mut self.book, of, &customer, Some(&courier))
                .await;
        if !begun {
            self.book.keep(&[]).await;
        }
        crate::crash::point("outgoing.bridged");
    }
}

/// Why nobody speaks, for the courier.
fn announcement(outcome: OutgoingOutcome) -> &'static str {
    match outcome {
        OutgoingOutcome::Busy => "客户正在通话中，请稍后再拨。",
        OutgoingOutcome::Declined => "客户已拒接。",
        OutgoingOutcome::NoAnswer => "客户暂时无人接听，请稍后再拨。",
        OutgoingOutcome::NoLine => "线路不可用，请稍后再拨。",
        _ => "客户的电话暂时无法接通。",
    }
}

/// Lets somebody hear a ringing tone until something else is played or a bridge is made; its end says nothing.
pub(crate) fn ring_tone(switch: &Switch, leg: &LegId) {
    let play =
        Play { token: TONE, prompts: vec![tone()], times: TONES, gap: TONE_PAUSE, stop_on_digit: false };
    switch.play(leg, play);
}

/// The ringing tone of the mainland's network (GB 3380): 450 Hz for a second, four seconds of silence.
fn tone() -> Arc<Prompt> {
    static RINGING: LazyLock<Arc<Prompt>> = LazyLock::new(|| {
        let wave = |i: u32| ((f64::from(i) / 8_000.0 * 450.0 * TAU).sin() * 5_000.0) as i16;
        let samples: Vec<i16> = (0..8_000).map(wave).collect();
        Prompt::from_pcm("ringing", &samples)
    });
    RINGING.clone()
}
