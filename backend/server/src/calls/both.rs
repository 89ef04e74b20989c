//! A candidate's telephones: the app and those that are registered (`desk`), which ring first, and the mobile, which rings as well
//! after a while.
//!
//! To the machine of the call (`domain::inbound`) a candidate is one telephone. This is where it becomes several:
//!
//! | happens | the machine is told |
//! |---|---|
//! | app taken, its sound there | answered and accepted; the mobile is dropped |
//! | mobile answered, 1 pressed | answered, key; the app is dropped |
//! | app declined | ended: busy or declined; the mobile is dropped, or not rung at all |
//! | no app, app gone, none could be woken, or 6 s without an answer | nothing: the mobile is rung |
//! | both over | ended, by what the mobile said |
//!
//! An app without a socket is woken (`push`), and is a telephone like the others as soon as it connects; as long as none has, an
//! app leg waits that nobody hears ring.
//!
//! One task takes all of it in turn, so of two that answer together one is first: the other is dropped before anybody is bridged.

use super::call::Call;
use super::rows;
use super::ways::Unrung;
use crate::app_calls;
use crate::push::ring::{self, Woken};
use std::time::Duration;
use tokio::time::Instant;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{SessionId, UserId};
use waybell_domain::inbound::{CallEvent, InboundOutcome, TryResult};
use waybell_domain::wire::{AppBye, AppSaid};
use waybell_switch::{LegEnd, LegId, SwitchError};

/// Longest wait for the switch's answer to an offer.
const ANSWER: Duration = Duration::from_secs(5);
/// How long an app that was woken is waited for where the mobile is over before.
const WAKES: Duration = Duration::from_secs(6);

/// A candidate who is rung.
#[derive(Debug)]
pub(super) struct Both {
    pub n: usize,
    pub courier: UserId,
    /// Apps that ring, or rang.
    apps: Vec<SessionId>,
    rung_at: Instant,
    /// Phones without a socket that were woken for it.
    woken: Option<Woken>,
    /// The app that has taken the call.
    session: Option<SessionId>,
    pub(super) app_leg: Option<LegId>,
    /// Registered telephones that ring, or have the call.
    pub(super) phones: Vec<LegId>,
    pub(super) mobile: Option<LegId>,
    /// When the mobile is rung too.
    pub(super) due: Option<Instant>,
    /// Whose sound counts: decided once.
    pub(super) taken: Option<LegId>,
    pub(super) answered: bool,
    /// What the courier said in the app: holds for the mobile too.
    word: Option<TryResult>,
}

impl Both {
    /// The leg that the courier speaks on: the one that took the call, else the mobile.
    pub(super) fn leg(&self) -> Option<&LegId> {
        self.taken.as_ref().or(self.mobile.as_ref())
    }

    /// Its legs that are up, or wait for an app's offer.
    pub(super) fn legs(&self) -> impl Iterator<Item = &LegId> {
        self.app_leg.iter().chain(&self.mobile).chain(&self.phones)
    }

    fn has(&self, leg: &LegId) -> bool {
        self.legs().any(|l| l == leg)
    }

    /// Whether this is one of its registered telephones.
    fn is_phone(&self, leg: &LegId) -> bool {
        self.phones.contains(leg)
    }

    /// No telephone is left.
    fn is_over(&self) -> bool {
        self.legs().next().is_none() && self.due.is_none()
    }
}

impl Call {
    /// Rings a candidate: the app where one is connected or can be woken, else the mobile.
    pub(super) async fn ring_candidate(&mut self, n: usize) -> Result<(), Unrung> {
        let courier = self.machine.candidates().get(n).ok_or("no such candidate")?.courier;
        let mut phones = ring::phones(&self.app, self.number.organisation, courier).await;
        // before the look at who is connected: whoever connects after it is heard of
        self.app.apps.open(self.id, courier);
        let apps = app_calls::apps_of(&self.app, courier);
        phones.retain(|p| !apps.contains(&p.session));
        let mut both = Both {
            n,
            courier,
            apps,
            rung_at: Instant::now(),
            woken: None,
            session: None,
            app_leg: None,
            phones: Vec::new(),
            mobile: None,
            due: None,
            taken: None,
            answered: false,
            word: None,
        };
        both.phones = self.ring_phones(n, courier).await;
        if !both.phones.is_empty() {
            both.due = Some(Instant::now() + ms(self.policy.app_first_ms));
        }
        if !both.apps.is_empty() || !phones.is_empty() {
            let leg = rows::app_leg(self.id, n);
            let line = rows::app_leg_placed(self.id, &leg, courier, self.now());
            if self.book.keep(&[line]).await {
                self.app.calls.adopt(leg.clone(), self.own.clone());
                both.app_leg = Some(leg);
                both.due = Some(Instant::now() + ms(self.policy.app_first_ms));
                for session in &both.apps {
                    self.invite(n, courier, *session);
                }
                if !phones.is_empty() {
                    let rings = self.policy.app_first_ms + self.policy.ring_ms;
                    let until = UnixMs(self.now().0 + rings);
                    both.woken = Some(ring::wake(&self.app, self.id, courier, phones, until));
                }
                crate::crash::point("call.app_rung");
                self.both.push(both);
                return Ok(());
            }
        }
        let rings = !both.phones.is_empty();
        self.both.push(both);
        if rings { Ok(()) } else { self.ring_mobile(n).await }
    }

    /// Has an app ring.
    fn invite(&self, n: usize, courier: UserId, session: SessionId) {
        let invite = AppSaid::Invite {
            sdp: None,
            label: Some(self.label.clone()),
            words: self.whisper_words(n),
            ice_servers: app_calls::ice_servers(&self.app, courier),
        };
        app_calls::say(&self.app, session, self.id, invite);
    }

    /// An app of somebody who is rung has connected, or says that it is there: it rings as well.
    pub(super) fn app_came(&mut self, session: SessionId, person: UserId) {
        let Some(both) = self.both.iter_mut().rev().find(|b| b.courier == person) else { return };
        let rings = both.app_leg.is_some() && both.session.is_none() && both.taken.is_none();
        if rings && !both.apps.contains(&session) {
            both.apps.push(session);
            let n = both.n;
            self.invite(n, person, session);
        }
    }

    /// No app of theirs was woken: where none is there, the mobile need not wait for one.
    pub(super) async fn unpushed(&mut self, person: UserId) {
        let waits = |b: &&mut Both| b.courier == person && b.woken.is_some() && b.apps.is_empty();
        let Some(both) = self.both.iter_mut().rev().find(waits) else { return };
        let (n, woken, alone) = (both.n, both.woken.take(), both.phones.is_empty());
        if let Some(woken) = woken {
            woken.over(&self.app, &[]);
        }
        // beside telephones that ring it comes when its time has come
        if alone {
            self.mobile_too(n).await;
        }
    }

    async fn ring_mobile(&mut self, n: usize) -> Result<(), Unrung> {
        let leg = self.ring_courier(n).await?;
        if let Some(both) = self.candidate(n) {
            both.mobile = Some(leg);
        }
        Ok(())
    }

    pub(super) fn candidate(&mut self, n: usize) -> Option<&mut Both> {
        self.both.iter_mut().rev().find(|b| b.n == n)
    }

    /// When a mobile is to be rung beside its app.
    pub(super) fn mobile_due(&self) -> Option<Instant> {
        self.both.iter().filter_map(|b| b.due).min()
    }

    /// Rings the mobiles whose time has come.
    pub(super) async fn ring_mobiles(&mut self, now: Instant) {
        let due: Vec<usize> =
            self.both.iter().filter(|b| b.due.is_some_and(|at| at <= now)).map(|b| b.n).collect();
        for n in due {
            self.mobile_too(n).await;
        }
    }

    /// The mobile is rung now; one that cannot be is over.
    pub(super) async fn mobile_too(&mut self, n: usize) {
        let Some(both) = self.candidate(n) else { return };
        if both.due.take().is_none() {
            return;
        }
        match self.ring_mobile(n).await {
            Ok(()) => {}
            // the caller's end waits to be heard, and drops the app
            Err(Unrung::Gone) => {}
            Err(Unrung::Failed(why)) => {
                tracing::warn!(why, call = %self.id, "a courier's mobile cannot be rung");
                self.perhaps_over(n, TryResult::Failed).await;
            }
        }
    }

    /// Whether this is a registered telephone of the candidate's.
    pub(super) fn is_phone(&self, n: usize, leg: &LegId) -> bool {
        self.both.iter().any(|b| b.n == n && b.is_phone(leg))
    }

    /// The index of the candidate whose leg this is.
    pub(super) fn candidate_of(&self, leg: &LegId) -> Option<usize> {
        self.both.iter().find(|b| b.has(leg)).map(|b| b.n)
    }

    /// Ends both of a candidate's telephones.
    pub(super) fn drop_candidate(&mut self, n: usize) -> Option<CallEvent> {
        let why = match self.machine.outcome() {
            Some(InboundOutcome::Answered) => AppBye::HungUp,
            _ => AppBye::Missed,
        };
        let over = self.drop_both(n, why);
        if over.is_some()
            && let Some(courier) = self.candidate(n).map(|b| b.courier)
        {
            self.app.calls.release(courier, self.id);
        }
        over
    }

    pub(super) fn drop_both(&mut self, n: usize, why: AppBye) -> Option<CallEvent> {
        let both = self.candidate(n)?;
        both.due = None;
        let (mobile, phones) = (both.mobile.clone(), both.phones.clone());
        self.drop_app(n, why);
        for phone in phones {
            self.switch.hang_up(&phone, None);
        }
        if let Some(mobile) = mobile {
            self.switch.hang_up(&mobile, None);
        }
        let both = self.candidate(n)?;
        both.is_over().then_some(CallEvent::CourierEnded { n, result: TryResult::NoAnswer })
    }

    /// Ends a candidate's app: hangs it up where it has taken the call, else it no longer rings.
    pub(super) fn drop_app(&mut self, n: usize, why: AppBye) {
        let (id, now) = (self.id, self.now());
        let Some(both) = self.candidate(n) else { return };
        let Some(leg) = both.app_leg.clone() else { return };
        let (session, apps) = (both.session, both.apps.clone());
        let woken = both.woken.take();
        if session.is_none() {
            both.app_leg = None;
        }
        if let Some(woken) = woken {
            woken.over(&self.app, &apps);
        }
        match session {
            Some(session) => {
                let said = AppSaid::Bye { reason: Some(why), text: None };
                app_calls::say(&self.app, session, id, said);
                self.switch.hang_up(&leg, None);
            }
            None => {
                for session in apps {
                    let said = AppSaid::Cancel { reason: Some(why) };
                    app_calls::say(&self.app, session, id, said);
                }
                self.app.calls.forget(&leg);
                self.book.note(rows::app_leg_unused(&leg, now));
            }
        }
    }

    /// An app of somebody who is rung says something.
    pub(super) async fn on_app(&mut self, from: SessionId, person: UserId, said: AppSaid) {
        let Some(both) = self.both.iter_mut().rev().find(|b| b.courier == person) else { return };
        let n = both.n;
        let Some(leg) = both.app_leg.clone() else {
            let said = AppSaid::Cancel { reason: Some(AppBye::Elsewhere) };
            app_calls::say(&self.app, from, self.id, said);
            return;
        };
        match said {
            AppSaid::Ringing => self.app_came(from, person),
            AppSaid::Answer { sdp } if both.session.is_none() && both.taken.is_none() => {
                both.session = Some(from);
                let others: Vec<SessionId> = both.apps.iter().copied().filter(|s| *s != from).collect();
                if let Some(woken) = both.woken.take() {
                    let came: Vec<SessionId> = others.iter().copied().chain([from]).collect();
                    woken.over(&self.app, &came);
                }
                for other in others {
                    let said = AppSaid::Cancel { reason: Some(AppBye::Elsewhere) };
                    app_calls::say(&self.app, other, self.id, said);
                }
                self.offered(n, &leg, from, &sdp, true).await;
            }
            AppSaid::Answer { .. } if both.session != Some(from) => {
                let said = AppSaid::Cancel { reason: Some(AppBye::Elsewhere) };
                app_calls::say(&self.app, from, self.id, said);
            }
            AppSaid::Restart { sdp } if both.session == Some(from) => {
                self.offered(n, &leg, from, &sdp, false).await;
            }
            AppSaid::Candidate { candidate } if both.session == Some(from) => {
                self.switch.app_candidate(&leg, &candidate);
            }
            AppSaid::Hold if both.session == Some(from) => self.switch.app_hold(&leg, true),
            AppSaid::Resume if both.session == Some(from) => self.switch.app_hold(&leg, false),
            AppSaid::Bye { .. } | AppSaid::Cancel { .. } | AppSaid::Busy if both.session == Some(from) => {
                self.switch.hang_up(&leg, None);
            }
            // the courier will not take it, on whatever telephone
            AppSaid::Bye { .. } | AppSaid::Cancel { .. } | AppSaid::Busy if both.session.is_none() => {
                let result =
                    if matches!(said, AppSaid::Busy) { TryResult::Busy } else { TryResult::Declined };
                self.declined(n, result).await;
            }
            _ => {}
        }
    }

    pub(super) async fn declined(&mut self, n: usize, result: TryResult) {
        if let Some(both) = self.candidate(n) {
            both.word = Some(result);
        }
        // a mobile that rings ends by itself, and then so does the candidate
        if self.drop_both(n, AppBye::Declined).is_some() {
            self.ended(n, result).await;
        }
    }

    async fn offered(&mut self, n: usize, leg: &LegId, from: SessionId, sdp: &str, first: bool) {
        let answer = tokio::time::timeout(ANSWER, self.switch.app_offer(leg, sdp)).await;
        let said = match answer {
            Ok(Ok(sdp)) => AppSaid::Answer { sdp },
            Ok(Err(SwitchError::Description(why))) => {
                // the switch tells the end of a first offer's leg
                AppSaid::Bye { reason: Some(AppBye::Description), text: Some(why) }
            }
            Ok(Err(_)) | Err(_) => {
                tracing::warn!(call = %self.id, "an app's leg could not be made");
                self.switch.hang_up(leg, None);
                if first && let Some(both) = self.candidate(n) {
                    both.app_leg = None;
                    self.app.calls.forget(leg);
                    self.book.note(rows::app_leg_unused(leg, self.now()));
                    self.app_is_out(n).await;
                }
                AppSaid::Bye { reason: Some(AppBye::Gone), text: None }
            }
        };
        app_calls::say(&self.app, from, self.id, said);
    }

    /// Sound flows between the switch and an app: its courier has the call, unless the mobile was first.
    pub(super) async fn app_connected(&mut self, n: usize, leg: &LegId) {
        let line = rows::app_leg_answered(leg, self.now());
        let kept = self.keep(Some(line)).await;
        let Some(both) = self.candidate(n) else { return };
        if !kept || both.taken.is_some() {
            self.drop_app(n, AppBye::Elsewhere);
            return;
        }
        let answered = both.take(leg);
        self.drop_others(n, leg);
        crate::crash::point("call.app_answered");
        if !answered {
            self.skip_whisper = true;
            self.give(CallEvent::CourierAnswered { n }).await;
            self.skip_whisper = false;
        }
        self.give(CallEvent::CourierKey { n, key: '1' }).await;
    }

    /// The mobile was answered. False where the app has the call.
    pub(super) fn mobile_answered(&mut self, n: usize) -> bool {
        self.candidate(n).is_some_and(|both| {
            let free = both.taken.is_none();
            both.answered |= free;
            free
        })
    }

    /// The mobile has taken the call, by its key or because none is asked for, unless the app has it.
    pub(super) fn taken_by_mobile(&mut self, n: usize) {
        let Some(both) = self.candidate(n) else { return };
        if both.taken.is_none()
            && let Some(mobile) = both.mobile.clone()
        {
            both.take(&mobile);
            self.drop_others(n, &mobile);
        }
    }

    /// A candidate's leg is over.
    pub(super) async fn candidate_leg_ended(&mut self, n: usize, leg: &LegId, end: &LegEnd) {
        let result = super::call::result(end);
        self.book.note(rows::leg_ended(leg, end, "callee", self.now()));
        let Some(both) = self.candidate(n) else { return };
        if both.is_phone(leg) {
            return self.phone_ended(n, leg, end, result).await;
        }
        let was_taken = both.taken.as_ref() == Some(leg);
        if both.app_leg.as_ref() == Some(leg) {
            both.app_leg = None;
            let rings = both.only_waits();
            if !was_taken && rings {
                return self.app_is_out(n).await;
            }
        } else {
            both.mobile = None;
        }
        if was_taken {
            // whatever else rings has nobody to ring for
            self.drop_both(n, AppBye::HungUp);
            self.ended(n, result).await;
        } else {
            self.perhaps_over(n, result).await;
        }
    }

    /// The app will not take the call any more: the mobile is rung at once where it is not yet.
    async fn app_is_out(&mut self, n: usize) {
        let Some(both) = self.candidate(n) else { return };
        if both.only_waits() {
            self.mobile_too(n).await;
        } else {
            self.perhaps_over(n, TryResult::Failed).await;
        }
    }

    /// Tells the machine that the candidate is over, once both telephones are; a mobile that is busy or declines is the
    /// courier's word for the app too, unless the app has the call.
    pub(super) async fn perhaps_over(&mut self, n: usize, result: TryResult) {
        let Some(both) = self.candidate(n) else { return };
        if both.taken.is_some() {
            return;
        }
        // an app that could not be woken, or has not come after so long, does not come any more
        let late = both.rung_at.elapsed() >= WAKES && !matches!(result, TryResult::Failed);
        let never_came = both.apps.is_empty() && (late || both.woken.is_none());
        let out = matches!(result, TryResult::Declined) || never_came;
        if out && both.mobile.is_none() && both.session.is_none() {
            let phones = both.phones.clone();
            self.drop_app(n, AppBye::Declined);
            if matches!(result, TryResult::Declined) {
                phones.iter().for_each(|phone| self.switch.hang_up(phone, None));
            }
        }
        if self.candidate(n).is_some_and(|b| b.is_over()) {
            self.ended(n, result).await;
        }
    }

    pub(super) async fn ended(&mut self, n: usize, result: TryResult) {
        let Some(both) = self.candidate(n) else { return };
        let (courier, result) = (both.courier, both.word.unwrap_or(result));
        self.app.calls.release(courier, self.id);
        self.give(CallEvent::CourierEnded { n, result }).await;
    }
}

fn ms(ms: i64) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}
