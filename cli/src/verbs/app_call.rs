//! Calls over the app in a terminal: files take the place of microphone and loudspeaker, lines of the keyboard that of keys.

use super::calls::{not_rung, own_telephone_rings};
use super::{Outcome, signed_in};
use crate::args::{AnswerArgs, SoundArgs};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;
use waybell_core::Client;
use waybell_core::call::audio::wav::WavDevice;
use waybell_core::call::audio::{AudioDevice, AudioError};
use waybell_core::call::choice::Why;
use waybell_core::call::fsm::{Reason, State};
use waybell_core::call::session::{AppCalls, CallNow, Placed};
use waybell_core::calls::ring::Whom;
use waybell_core::say::say;
use waybell_domain::lang::Lang;
use waybell_domain::wire::{CallResult, CallWay};

/// How long the server is waited for to hear of the end.
const SETTLE: Duration = Duration::from_secs(3);

/// Calls over the app, with files for a device, or this computer's own.
fn open(client: &Client, out: &Out, sound: &SoundArgs) -> Result<AppCalls, Failure> {
    let unusable = |e: AudioError| {
        Failure::plain(format!("{}: {}", say(out.lang, &e.what), say(out.lang, &e.problem)))
            .hint(say(out.lang, e.hint))
    };
    let device: Arc<dyn AudioDevice> = match sound.play.is_none() && sound.record.is_none() {
        true => platform(out)?,
        false => {
            let files = WavDevice::new(sound.play.as_deref(), sound.record.as_deref());
            Arc::new(files.map_err(unusable)?)
        }
    };
    client.resume();
    Ok(client.app_calls(device))
}

/// This computer's microphone and loudspeaker.
#[cfg(feature = "platform-audio")]
fn platform(out: &Out) -> Result<Arc<dyn AudioDevice>, Failure> {
    let device = waybell_core::call::audio::platform::PlatformDevice::of_system();
    match device.check() {
        Ok(()) => Ok(Arc::new(device)),
        Err(e) => {
            let problem = format!("{}: {}", say(out.lang, &e.what), say(out.lang, &e.problem));
            Err(Failure::plain(problem).hint(texts::app_sound_hint(out.lang)))
        }
    }
}

/// This program was built without them.
#[cfg(not(feature = "platform-audio"))]
fn platform(out: &Out) -> Result<Arc<dyn AudioDevice>, Failure> {
    let problem = format!("{}: {}", say(out.lang, "microphone"), say(out.lang, "there is none"));
    Err(Failure::plain(problem).hint(texts::app_sound_hint(out.lang)))
}

pub(super) async fn call(
    client: &Client,
    out: &Out,
    whom: &Whom,
    name: String,
    way: Option<CallWay>,
    sound: &SoundArgs,
) -> Outcome {
    let calls = open(client, out, sound)?;
    let Placed { started, way, why } = calls.place(whom, way).await.map_err(|e| not_rung(out, e))?;
    if why != Why::Asked {
        out.line(chosen(out.lang, why));
    }
    if way == CallWay::Callback {
        own_telephone_rings(out, name, &started);
        return Ok(DONE);
    }
    let name = if name.is_empty() { texts::ringing_customer(out.lang) } else { name };
    out.line(texts::app_calling(out.lang, name));
    for warning in &started.warnings {
        out.line(texts::note(out.lang, warning.label(out.lang)));
    }
    follow(out, &calls, started.call.id.to_string(), sound.seconds).await
}

pub(super) async fn answer(client: &Client, out: &Out, args: &AnswerArgs) -> Outcome {
    signed_in(client)?;
    let calls = open(client, out, &args.sound)?;
    let limit = args.wait.map(|s| Instant::now() + Duration::from_secs(u64::from(s)));
    let mut now = calls.now();
    // who says so before the server knows of it lets callers ring elsewhere
    tokio::select! {
        _ = now.wait_for(|n| n.reachable) => out.line(texts::app_waiting(out.lang)),
        _ = tokio::signal::ctrl_c() => return Ok(DONE),
        () = until(limit) => {}
    }
    let rung = tokio::select! {
        rung = now.wait_for(|n| n.state == State::Incoming) => rung.map(|n| n.clone()).ok(),
        _ = tokio::signal::ctrl_c() => return Ok(DONE),
        () = until(limit) => None,
    };
    let Some(rung) = rung else {
        return Err(Failure::plain(texts::app_nobody(out.lang, args.wait.unwrap_or_default())));
    };
    let who = rung.label.unwrap_or_else(|| texts::hidden_caller(out.lang));
    out.line(texts::app_rings(out.lang, who, rung.words.join(" ")));
    match args.decline {
        true => calls.decline(),
        false => calls.answer(),
    }
    let id = rung.call.map(|c| c.to_string()).unwrap_or_default();
    follow(out, &calls, id, args.sound.seconds).await
}

async fn until(limit: Option<Instant>) {
    match limit {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Shows the call until it is over, and does what is typed.
async fn follow(out: &Out, calls: &AppCalls, id: String, seconds: Option<u32>) -> Outcome {
    let mut typed = keyboard();
    let mut now = calls.now();
    let mut shown = None;
    let (mut spoken, mut limit) = (None, None);
    let last = loop {
        let call = now.borrow_and_update().clone();
        let ours = call.call.is_some_and(|c| c.to_string() == id);
        if ours && shown != Some(call.state) {
            shown = Some(call.state);
            if let State::Ended(_) = call.state {
                break call;
            }
            out.line(state(out.lang, call.state));
            if call.state == State::Active && spoken.is_none() {
                let began = Instant::now();
                spoken = Some(began);
                limit = seconds.map(|s| began + Duration::from_secs(u64::from(s)));
                out.line(format!("  → {}", texts::app_keys_hint(out.lang)));
            }
        }
        tokio::select! {
            changed = now.changed() => if changed.is_err() {
                break CallNow { state: State::Ended(Reason::Lost), ..call };
            },
            _ = tokio::signal::ctrl_c() => calls.hang_up(),
            () = until(limit) => {
                limit = None;
                calls.hang_up();
            }
            Some(line) = typed.recv() => obey(out, calls, &call, line.trim()),
        }
    };
    calls.settle(SETTLE).await;
    let spoke = spoken.map_or(0, |s| s.elapsed().as_secs());
    let State::Ended(reason) = last.state else { return Ok(FAILED) };
    out.json(&json!({
        "call": id,
        "ended": reason,
        "outcome": last.outcome,
        "seconds": spoke,
        "sound": calls.figures().map(|f| json!({
            "sent": f.sent,
            "received": f.heard.packets,
            "lost": f.heard.lost,
            "late": f.heard.late,
        })),
    }));
    let outcome = last.outcome.as_deref().filter(|_| spoken.is_none()).and_then(CallResult::parse);
    let why = outcome.map_or_else(|| ended(out.lang, reason), |o| o.label(out.lang).to_owned());
    out.line(texts::app_ended(out.lang, why, spoke));
    if let Some(error) = &last.audio {
        out.line(format!("  {}: {}", error.what, say(out.lang, &error.problem)));
    }
    let wanted = spoken.is_some() || reason == Reason::Declined;
    Ok(if wanted && reason != Reason::Audio { DONE } else { FAILED })
}

fn obey(out: &Out, calls: &AppCalls, call: &CallNow, line: &str) {
    match line {
        "" => {}
        "q" => calls.hang_up(),
        "m" => {
            calls.mute(!call.muted);
            out.line(if call.muted { texts::app_unmuted(out.lang) } else { texts::app_muted(out.lang) });
        }
        "h" if call.state == State::HeldLocal => calls.resume(),
        "h" => calls.hold(),
        keys => {
            if calls.press(keys).is_err() {
                out.line(texts::app_not_understood(out.lang, keys));
            }
        }
    }
}

/// Lines of the keyboard; none where there is none.
fn keyboard() -> mpsc::UnboundedReceiver<String> {
    let (typed, lines) = mpsc::unbounded_channel();
    // ends with the program: a read of the keyboard cannot be called off
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if typed.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

fn state(lang: Lang, state: State) -> String {
    match state {
        State::Idle | State::Dialing => texts::app_dialing(lang),
        State::Ringing => texts::app_ringing(lang),
        State::Incoming => texts::app_incoming(lang),
        State::Connecting => texts::app_connecting(lang),
        State::Active => texts::app_active(lang),
        State::HeldLocal | State::HeldRemote | State::HeldByCellular => texts::app_held(lang),
        State::Reconnecting => texts::app_reconnecting(lang),
        State::Ended(reason) => ended(lang, reason),
    }
}

/// Why the network decided so.
fn chosen(lang: Lang, why: Why) -> String {
    match why {
        Why::Asked => String::new(),
        Why::Good => texts::app_chosen(lang),
        Why::Weak => texts::callback_weak(lang),
        Why::Slow => texts::callback_slow(lang),
        Why::LastCall => texts::callback_last(lang),
        Why::NotOffered => texts::callback_not_offered(lang),
    }
}

fn ended(lang: Lang, reason: Reason) -> String {
    match reason {
        Reason::HungUp => texts::app_hung_up(lang),
        Reason::HungUpThere => texts::app_hung_up_there(lang),
        Reason::Declined => texts::app_declined(lang),
        Reason::DeclinedThere => texts::app_declined_there(lang),
        Reason::Busy => texts::app_busy(lang),
        Reason::NoAnswer => texts::app_no_answer(lang),
        Reason::Missed => texts::app_missed(lang),
        Reason::Elsewhere => texts::app_elsewhere(lang),
        Reason::NoReply => texts::app_no_reply(lang),
        Reason::NoMedia => texts::app_no_media(lang),
        Reason::Lost => texts::app_lost(lang),
        Reason::Audio => texts::app_audio(lang),
        Reason::TooLong => texts::app_too_long(lang),
    }
}
