//! Calls over the app (网络电话): placed, taken, and shown as one record.
//!
//! One object stands for them. While it is kept the app is rung; its listener gets the call as it is now first, and then each change.
//! It is made for CallKit and Telecom: the call's id is a UUID that the platform can have for its own, `push_came` is for the moment in
//! which a push wakes the app, and `hold`, `cellular_began`, `network_changed` take what the platform tells.

use crate::audio::{AudioHost, Hosted, SpeakerRoute};
use crate::calls::{CallTo, call_id, whom};
use crate::client::{Answer, Subscription, WaybellClient, run};
use crate::error::WaybellError;
use crate::runtime::{on_runtime, runtime};
use std::sync::Arc;
use std::time::Duration;
use waybell_core::call::audio::hosted::HostedDevice;
use waybell_core::call::audio::route::Routes;
use waybell_core::call::fsm::{Reason, State};
use waybell_core::call::session as core;
use waybell_core::call::session::CallNow;
use waybell_core::events::Topic;
use waybell_core::ports::{Clock, SystemClock};
use waybell_domain::lang::Lang;
use waybell_domain::wire::CallWay;

/// The call over the app as a screen shows it.
#[derive(Clone, Debug, PartialEq, uniffi::Record)]
pub struct AppCall {
    /// Id, a UUID; empty before the first call.
    pub id: String,
    /// `idle`, `dialing`, `ringing`, `incoming`, `connecting`, `active`, `held_local`, `held_remote`, `held_by_cellular`, `reconnecting`,
    /// `ended`.
    pub state: String,
    /// Why it ended: `hung_up`, `hung_up_there`, `declined`, `declined_there`, `busy`, `no_answer`, `missed`, `elsewhere`, `no_reply`,
    /// `no_media`, `lost`, `audio`, `too_long`; empty while it has not.
    pub ended: String,
    /// The server's word on what it came to, such as `no_answer`; empty for none.
    pub outcome: String,
    /// The courier made it.
    pub outgoing: bool,
    /// Who: the number with its middle hidden; empty where it is not known.
    pub who: String,
    /// What the courier is to know before taking it, such as `3号楼`, `2件`.
    pub words: Vec<String>,
    /// The phone is to ring.
    pub rings: bool,
    /// Id of a call of somebody else who was told meanwhile that the courier is in a call; empty for none.
    pub other: String,
    /// The person here is not heard.
    pub muted: bool,
    /// The app can be rung.
    pub reachable: bool,
    /// When the two began to speak, unix ms.
    pub spoken_since: Option<i64>,
    /// How long they have spoken, or did, ms.
    pub spoke_ms: i64,
    /// It is being recorded, or was: where people are to be told, a screen says so.
    pub recorded: bool,
    /// What is wrong with the sound of this phone, in English (`chinese` translates); empty for nothing.
    pub problem: String,
    /// The loudspeaker that is used, as the app told last.
    pub route: Option<SpeakerRoute>,
    /// Loudspeakers that can be asked for.
    pub routes: Vec<SpeakerRoute>,
}

/// How a call sounds.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct CallQuality {
    /// Packets sent.
    pub sent: u64,
    /// Packets that came.
    pub received: u64,
    /// Share of packets lost on their way here in the last second, before they were repaired, 0 to 1.
    pub loss: f64,
    /// What is waited for packets, ms: how far the network scatters them.
    pub delay_ms: u32,
    /// Sound that had to be guessed so far, ms.
    pub guessed_ms: u64,
    /// Samples of this phone's microphone that were lost here, and that its loudspeaker had to do without: a phone that is too
    /// busy, or audio threads that are late.
    pub late_here: u64,
}

/// How a call is placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, uniffi::Enum)]
pub enum CallBy {
    /// Over the app where the network carries it, by callback where not.
    Network,
    /// Over the app.
    App,
    /// The courier's own telephone rings first (双呼).
    Callback,
}

/// A call that was placed.
#[derive(Clone, Debug, uniffi::Record)]
pub struct PlacedCall {
    /// Id.
    pub id: String,
    /// It goes over the app. If not, the courier's own telephone rings, and `hang_up` of the client ends it.
    pub over_app: bool,
    /// Why this way: `asked`, `good`, `weak`, `slow`, `last_call`, `not_offered`.
    pub why: String,
    /// What the courier should know, in Chinese: quiet hours, opted out.
    pub warnings_zh: Vec<String>,
    /// The same in English.
    pub warnings_en: Vec<String>,
}

/// Is shown the call: as it is now first, and then each change. Called on a thread of the library: return quickly.
#[uniffi::export(with_foreign)]
pub trait AppCallListener: Send + Sync {
    /// The call as it is.
    fn on_call(&self, call: AppCall);
}

/// Calls over the app, while this is kept. One for a client: a second takes the place of the first.
#[derive(uniffi::Object)]
pub struct AppCalls {
    calls: Arc<core::AppCalls>,
    client: waybell_core::Client,
    audio: Arc<Hosted>,
}

#[uniffi::export]
impl WaybellClient {
    /// Takes and makes calls over the app from now on, with this sound. Needs `resume`. `destroy` what is returned to take no more.
    pub fn app_calls(&self, audio: Arc<dyn AudioHost>) -> Arc<AppCalls> {
        let _inside = runtime().enter();
        let audio = Arc::new(Hosted::new(audio));
        let device = HostedDevice::new(audio.clone());
        let calls = Arc::new(self.client.app_calls(Arc::new(device)));
        Arc::new(AppCalls { calls, client: self.client.clone(), audio })
    }
}

#[uniffi::export]
impl AppCalls {
    /// The call as it is. Reads the disk for whether it is recorded; the rest is at hand.
    pub async fn now(&self) -> Answer<AppCall> {
        let calls = self.calls.clone();
        run(async move {
            let now = calls.now().borrow().clone();
            Ok::<AppCall, WaybellError>(shown(&calls, &now).await)
        })
        .await
    }

    /// Shows the listener the call as it is, and then each change. What passes with time (`spoke_ms`) is asked for with `now`.
    pub fn subscribe(&self, listener: Arc<dyn AppCallListener>) -> Arc<Subscription> {
        let calls = Arc::downgrade(&self.calls);
        let (mut now, changes) = (self.calls.now(), self.client.subscribe());
        now.mark_changed();
        Arc::new(Subscription::of(runtime().spawn(async move {
            let mut last: Option<AppCall> = None;
            loop {
                tokio::select! {
                    changed = now.changed() => if changed.is_err() { return },
                    // whether it is recorded comes with the list of calls
                    topic = changes.next() => if topic != Topic::Calls { continue },
                }
                let call = now.borrow_and_update().clone();
                let Some(calls) = calls.upgrade() else { return };
                let call = shown(&calls, &call).await;
                drop(calls);
                // time alone is no change
                let timeless = AppCall { spoke_ms: 0, spoken_since: None, ..call.clone() };
                if last.as_ref() != Some(&timeless) {
                    last = Some(timeless);
                    let listener = listener.clone();
                    // the app may take its time, and this runtime has two threads
                    if tokio::task::spawn_blocking(move || listener.on_call(call)).await.is_err() {
                        return;
                    }
                }
            }
        })))
    }

    /// How the call sounds, at most a second old; of the last one once it is over.
    pub fn quality(&self) -> Option<CallQuality> {
        self.calls.figures().map(|f| CallQuality {
            sent: f.sent,
            received: f.heard.packets,
            loss: f64::from(f.report.loss),
            delay_ms: u32::try_from(f.report.target.as_millis()).unwrap_or(u32::MAX),
            guessed_ms: f.heard.guessed_ms,
            late_here: f.microphone_lost + f.loudspeaker_short,
        })
    }

    /// Calls a customer. Needs the server; nothing is kept for later. `Refused` says why not, `BadInput` is also for a second call.
    pub async fn call(&self, to: CallTo, by: CallBy) -> Answer<PlacedCall> {
        let whom = whom(to)?;
        let way = match by {
            CallBy::Network => None,
            CallBy::App => Some(CallWay::App),
            CallBy::Callback => Some(CallWay::Callback),
        };
        let calls = self.calls.clone();
        let placed = run(async move { calls.place(&whom, way).await }).await?;
        let said = |lang: Lang| placed.started.warnings.iter().map(|w| w.label(lang).to_owned()).collect();
        Ok(PlacedCall {
            id: placed.started.call.id.to_string(),
            over_app: placed.way == CallWay::App,
            why: placed.why.as_str().to_owned(),
            warnings_zh: said(Lang::Zh),
            warnings_en: said(Lang::En),
        })
    }

    /// A push woke the app for this call. Tell the platform of the call first, at once, by this id; then call this. `true` once the
    /// call is shown; `false` where it is over already or does not come within `limit_ms`: tell the platform that it has ended.
    pub async fn push_came(&self, call: String, limit_ms: u32) -> Answer<bool> {
        let id = call_id(&call)?;
        let calls = self.calls.clone();
        run(async move {
            Ok::<bool, WaybellError>(calls.pushed(id, Duration::from_millis(limit_ms.into())).await)
        })
        .await
    }

    /// Takes the call that rings.
    pub fn answer(&self) {
        self.calls.answer();
    }

    /// Does not want the call that rings.
    pub fn decline(&self) {
        self.calls.decline();
    }

    /// Ends the call, or declines it.
    pub fn hang_up(&self) {
        self.calls.hang_up();
    }

    /// Holds the call, or takes it up again.
    pub fn hold(&self, on: bool) {
        if on { self.calls.hold() } else { self.calls.resume() }
    }

    /// Is not heard, or is again; the customer still is.
    pub fn mute(&self, muted: bool) {
        self.calls.mute(muted);
    }

    /// Presses keys, one after the other: `0` to `9`, `*`, `#`, `A` to `D`. `BadInput` for anything else; nothing is pressed then.
    pub fn press(&self, keys: String) -> Answer<()> {
        Ok(self.calls.press(&keys)?)
    }

    /// Asks the app for another loudspeaker (`AudioHost.route`).
    pub fn set_route(&self, to: SpeakerRoute) {
        self.calls.set_route(to.into());
    }

    /// The phone has these loudspeakers, and uses this one.
    pub fn routes_are(&self, current: Option<SpeakerRoute>, there: Vec<SpeakerRoute>) {
        let there = there.into_iter().map(Into::into).collect();
        self.calls.routes_are(Routes { current: current.map(Into::into), there });
    }

    /// The app's microphone or loudspeaker broke, and there is no other: the call ends.
    pub fn audio_failed(&self, problem: String) {
        self.audio.fail(&problem);
    }

    /// The phone has another network.
    pub fn network_changed(&self) {
        self.calls.network_changed();
    }

    /// A cellular call took the microphone, or rings and will.
    pub fn cellular_began(&self) {
        self.calls.cellular_began();
    }

    /// The cellular call is over; `resume`: the platform gives the microphone back by itself.
    pub fn cellular_ended(&self, resume: bool) {
        self.calls.cellular_ended(resume);
    }

    /// Waits until the server has what was said to it and the sound is closed, for `limit_ms` at most: before the app ends.
    pub async fn settle(&self, limit_ms: u32) {
        let calls = self.calls.clone();
        let _ = on_runtime(async move { calls.settle(Duration::from_millis(limit_ms.into())).await }).await;
    }
}

async fn shown(calls: &core::AppCalls, now: &CallNow) -> AppCall {
    let (state, ended) = words(now.state);
    let recorded = match now.call {
        Some(call) if now.up_at.is_some() => calls.is_recorded(call).await.unwrap_or(false),
        _ => false,
    };
    let id = |id: Option<waybell_domain::id::CallId>| id.map(|id| id.to_string()).unwrap_or_default();
    AppCall {
        id: id(now.call),
        state: state.to_owned(),
        ended: ended.to_owned(),
        outcome: now.outcome.clone().unwrap_or_default(),
        outgoing: now.outgoing,
        who: now.label.clone().unwrap_or_default(),
        words: now.words.clone(),
        rings: now.rings,
        other: id(now.other),
        muted: now.muted,
        reachable: now.reachable,
        spoken_since: now.spoken_since(SystemClock.wall()).map(|at| at.0),
        spoke_ms: i64::try_from(now.spoke().as_millis()).unwrap_or(i64::MAX),
        recorded,
        problem: now.audio.as_ref().map(|e| e.problem.clone()).unwrap_or_default(),
        route: now.routes.current.map(Into::into),
        routes: now.routes.there.iter().map(|r| (*r).into()).collect(),
    }
}

fn words(state: State) -> (&'static str, &'static str) {
    match state {
        State::Idle => ("idle", ""),
        State::Dialing => ("dialing", ""),
        State::Ringing => ("ringing", ""),
        State::Incoming => ("incoming", ""),
        State::Connecting => ("connecting", ""),
        State::Active => ("active", ""),
        State::HeldLocal => ("held_local", ""),
        State::HeldRemote => ("held_remote", ""),
        State::HeldByCellular => ("held_by_cellular", ""),
        State::Reconnecting => ("reconnecting", ""),
        State::Ended(reason) => ("ended", ended(reason)),
    }
}

fn ended(reason: Reason) -> &'static str {
    match reason {
        Reason::HungUp => "hung_up",
        Reason::HungUpThere => "hung_up_there",
        Reason::Declined => "declined",
        Reason::DeclinedThere => "declined_there",
        Reason::Busy => "busy",
        Reason::NoAnswer => "no_answer",
        Reason::Missed => "missed",
        Reason::Elsewhere => "elsewhere",
        Reason::NoReply => "no_reply",
        Reason::NoMedia => "no_media",
        Reason::Lost => "lost",
        Reason::Audio => "audio",
        Reason::TooLong => "too_long",
    }
}
