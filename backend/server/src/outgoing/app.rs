//! The courier's leg over the app (网络电话): nobody is rung, the app offers, and whoever takes it need press no key.

use super::call::Call;
use crate::app_calls;
use crate::calls::ways::Unrung;
use crate::calls::{Heard, rows};
use std::time::Duration;
use waybell_domain::id::SessionId;
use waybell_domain::inbound::TryResult;
use waybell_domain::outgoing::{OutgoingEvent, OutgoingOutcome};
use waybell_domain::wire::{AppBye, AppSaid};
use waybell_switch::{LegId, SwitchError};

/// Longest wait for the switch's answer to an offer.
const ANSWER: Duration = Duration::from_secs(5);

/// The app's end of a call that it makes.
#[derive(Debug, Default)]
pub(super) struct AppEnd {
    /// Which of the courier's apps; `None` until one has offered.
    session: Option<SessionId>,
}

impl Call {
    /// The courier's leg, stored and not yet there: the app's offer makes it.
    pub(super) async fn await_app(&mut self) -> Result<LegId, Unrung> {
        let leg = rows::app_leg(self.id, 0);
        let line = rows::app_leg_placed(self.id, &leg, self.courier, self.now());
        if !self.book.keep(&[line]).await {
            return Err("it could not be stored".into());
        }
        self.app.calls.adopt(leg.clone(), self.own.clone());
        Ok(leg)
    }

    /// Ends the courier's leg. One that was never offered has nobody to tell that it has ended.
    pub(super) fn drop_courier(&mut self) -> Option<OutgoingEvent> {
        let leg = self.courier_leg.clone()?;
        match &self.app_end {
            Some(AppEnd { session: None }) => {
                self.app.calls.forget(&leg);
                self.book.note(rows::app_leg_unused(&leg, self.now()));
                Some(OutgoingEvent::CourierEnded { result: TryResult::NoAnswer })
            }
            _ => {
                self.hang_up(Some(&leg));
                None
            }
        }
    }

    /// The app says something.
    pub(super) async fn on_app(&mut self, from: SessionId, said: AppSaid) {
        let (Some(end), Some(leg)) = (&self.app_end, self.courier_leg.clone()) else { return };
        let first = end.session.is_none();
        if !first && end.session != Some(from) {
            // another of the courier's apps
            let bye = AppSaid::Bye { reason: Some(AppBye::Elsewhere), text: None };
            app_calls::say(&self.app, from, self.id, bye);
            return;
        }
        match said {
            AppSaid::Invite { sdp: Some(sdp), .. } | AppSaid::Answer { sdp } | AppSaid::Restart { sdp } => {
                self.app_end = Some(AppEnd { session: Some(from) });
                self.offered(&leg, first, from, &sdp).await;
            }
            AppSaid::Candidate { candidate } => self.switch.app_candidate(&leg, &candidate),
            AppSaid::Hold => self.switch.app_hold(&leg, true),
            AppSaid::Resume => self.switch.app_hold(&leg, false),
            AppSaid::Busy | AppSaid::Bye { .. } | AppSaid::Cancel { .. } => {
                self.give(OutgoingEvent::HangUp).await;
            }
            AppSaid::Invite { sdp: None, .. }
            | AppSaid::Ringing
            | AppSaid::Answered
            | AppSaid::Ack { .. } => {}
        }
    }

    async fn offered(&mut self, leg: &LegId, first: bool, from: SessionId, sdp: &str) {
        let answer = tokio::time::timeout(ANSWER, self.switch.app_offer(leg, sdp)).await;
        let said = match answer {
            Ok(Ok(sdp)) => AppSaid::Answer { sdp },
            // the switch ends the leg of a first offer that is no good, and tells so
            Ok(Err(SwitchError::Description(why))) => {
                AppSaid::Bye { reason: Some(AppBye::Description), text: Some(why) }
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, call = %self.id, "an app's leg could not be made");
                if first {
                    self.hang_up(Some(leg));
                    self.app.calls.forget(leg);
                    self.give(OutgoingEvent::CourierEnded { result: TryResult::Failed }).await;
                }
                AppSaid::Bye { reason: Some(AppBye::Gone), text: None }
            }
            Err(_) => {
                tracing::warn!(call = %self.id, "the switch does not answer an app's offer");
                self.hang_up(Some(leg));
                AppSaid::Bye { reason: Some(AppBye::Gone), text: None }
            }
        };
        app_calls::say(&self.app, from, self.id, said);
    }

    /// Whether the app has given up in what was heard and not yet taken in.
    pub(super) fn given_up(&self) -> bool {
        self.heard.iter().any(|heard| match heard {
            Heard::App { session, said, .. } => {
                let ends = matches!(**said, AppSaid::Bye { .. } | AppSaid::Cancel { .. } | AppSaid::Busy);
                ends && self.app_end.as_ref().is_some_and(|e| e.session == Some(*session))
            }
            _ => false,
        })
    }

    /// Tells the app something, where there is one.
    pub(super) fn tell_app(&self, said: AppSaid) {
        if let Some(AppEnd { session: Some(session) }) = &self.app_end {
            app_calls::say(&self.app, *session, self.id, said);
        }
    }

    /// The call is over for the app.
    pub(super) fn close_app(&self, outcome: OutgoingOutcome) {
        if self.app_end.is_none() {
            return;
        }
        let reason = match outcome {
            OutgoingOutcome::Busy => AppBye::Busy,
            OutgoingOutcome::Declined => AppBye::Declined,
            OutgoingOutcome::Answered | OutgoingOutcome::Cancelled => AppBye::HungUp,
            _ => AppBye::Gone,
        };
        let text = Some(outcome.as_str().to_owned());
        self.tell_app(AppSaid::Bye { reason: Some(reason), text });
    }
}
