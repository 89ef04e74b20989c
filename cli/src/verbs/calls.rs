//! `calls`, `listen`, `handled`, `availability`, `call`.

use super::watch::next;
use super::{Outcome, deliver, refresh, signed_in};
use crate::args::{CallsArgs, HandledArgs, ListenArgs, ReachArgs, RingArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use waybell_core::calls::audio::Sound;
use waybell_core::calls::ring::Whom;
use waybell_core::calls::urgency::Urgency;
use waybell_core::calls::{Call, Reach};
use waybell_core::{Client, Error};
use waybell_domain::id::CallId;
use waybell_domain::inbound::Availability;
use waybell_domain::lang::Lang;
use waybell_domain::wire::{CallDirection, CallResult, CallStarted, CallView, CallWay};

/// Sound that is read and written at once.
const BLOCK: usize = 1 << 20;
/// Bytes of a WAV file in which its byte rate is found.
const WAV_HEAD: usize = 64;

/// What a list shows of an id: its end, which is random.
fn short(id: CallId) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

pub(super) async fn calls(client: &Client, out: &Out, args: &CallsArgs) -> Outcome {
    refresh(client).await?;
    let mut list = client.calls().list(args.open).await?;
    if args.missed {
        list.retain(|c| c.view.direction == CallDirection::Incoming && unanswered(&c.view));
    }
    let open = client.calls().open_count().await?;
    let all = list.len();
    list.truncate(args.limit);
    if args.watch {
        return watch(client, out, &list).await;
    }
    out.json(&json!({ "calls": list, "open": open }));
    if all == 0 {
        out.line(if args.open { texts::no_open_calls(out.lang) } else { texts::no_calls(out.lang) });
        return Ok(DONE);
    }
    let mut rows = vec![header(out.lang)];
    rows.extend(list.iter().map(|c| cells(out, c)));
    out.table(&rows);
    for (call, text) in list.iter().filter_map(|c| Some((c, written(c)?))) {
        out.line(format!("  {}  {}", short(call.view.id), texts::machine_text(out.lang, text)));
    }
    out.line(texts::calls(out.lang, all, open));
    if all > list.len() {
        out.line(texts::more_calls(out.lang, all - list.len()));
    }
    if let Some(first) = list.iter().find(|c| c.urgency != Urgency::None) {
        out.line(format!("  → {}", texts::calls_hint(out.lang, short(first.view.id))));
    }
    Ok(DONE)
}

fn unanswered(view: &CallView) -> bool {
    matches!(view.outcome, Some(CallResult::Missed | CallResult::Voicemail | CallResult::Interrupted))
}

fn header(lang: Lang) -> Vec<String> {
    vec![
        texts::call_id(lang),
        texts::call_urgency(lang),
        texts::call_time(lang),
        texts::call_kind(lang),
        texts::call_who(lang),
        texts::call_sound(lang),
        texts::call_what(lang),
    ]
}

fn cells(out: &Out, call: &Call) -> Vec<String> {
    vec![
        short(call.view.id),
        urgency(out.lang, call.urgency),
        when::stamp(call.view.started_at),
        kind(out.lang, call),
        who(out, &call.view),
        sound(out.lang, call),
        match call.context(out.lang) {
            text if text.is_empty() => call.view.waybills.join(" "),
            text => text,
        },
    ]
}

/// What a machine wrote down of the message.
fn written(call: &Call) -> Option<&str> {
    call.transcript()?.text.as_deref()
}

fn urgency(lang: Lang, urgency: Urgency) -> String {
    match urgency {
        Urgency::Now => texts::urgency_now(lang),
        Urgency::Soon => texts::urgency_soon(lang),
        Urgency::Later => texts::urgency_later(lang),
        Urgency::None => String::new(),
    }
}

/// What it came to, and what was done about it.
fn kind(lang: Lang, call: &Call) -> String {
    let view = &call.view;
    let what = match view.outcome {
        Some(outcome) => outcome.label(lang).to_owned(),
        None => texts::goes_on(lang),
    };
    let what = match (view.direction, lang) {
        (CallDirection::Incoming, _) => what,
        (way, Lang::Zh) => format!("{}，{what}", way.label(lang)),
        (way, Lang::En) => format!("{}, {what}", way.label(lang)),
    };
    let what = if call.rings > 1 { texts::rang_often(lang, what, call.rings) } else { what };
    let what = match call.wishes(lang) {
        wishes if wishes.is_empty() => what,
        wishes => texts::wished(lang, what, wishes),
    };
    match (view.handled_at, call.pending) {
        (Some(_), false) => texts::handled_mark(lang, what),
        (Some(_), true) => texts::handled_waits(lang, what),
        (None, _) => what,
    }
}

pub(super) fn who(out: &Out, view: &CallView) -> String {
    match view.caller.as_str() {
        "anonymous" => texts::hidden_caller(out.lang),
        "gone" => texts::forgotten_caller(out.lang),
        number => number.strip_prefix("+86").unwrap_or(number).to_owned(),
    }
}

fn sound(lang: Lang, call: &Call) -> String {
    let seconds = call.view.audio.as_ref().map_or(0, |a| (a.ms + 999) / 1_000);
    match call.sound {
        Sound::None => String::new(),
        Sound::No => texts::sound_seconds(lang, seconds),
        Sound::Recording => texts::sound_recording(lang),
        Sound::Part => texts::sound_part(lang, seconds),
        Sound::Whole { .. } => texts::sound_here(lang, seconds),
    }
}

/// Shows what is here, and then each call as it comes in or changes. With `--json`, one document a line.
async fn watch(client: &Client, out: &Out, known: &[Call]) -> Outcome {
    let mut seen: HashMap<CallId, Call> = HashMap::new();
    let changes = client.subscribe();
    client.resume();
    let show = |call: &Call| {
        if out.json {
            let text = serde_json::to_string(call).unwrap_or_default();
            let mut screen = std::io::stdout();
            let _ = writeln!(screen, "{text}");
            let _ = screen.flush();
        } else {
            out.line(
                cells(out, call).iter().filter(|c| !c.is_empty()).cloned().collect::<Vec<_>>().join("  "),
            );
        }
    };
    out.line(texts::calls_watching(out.lang));
    for call in known.iter().rev() {
        show(call);
    }
    // what is older than the list that was shown is known all the same
    for call in client.calls().list(false).await? {
        seen.insert(call.view.id, call);
    }
    loop {
        if !next(&changes).await {
            return Ok(DONE);
        }
        signed_in(client)?;
        let mut fresh: Vec<Call> = client.calls().list(false).await?;
        fresh.retain(|call| seen.get(&call.view.id).is_none_or(|before| differs(before, call)));
        for call in fresh.iter().rev() {
            show(call);
            seen.insert(call.view.id, call.clone());
        }
    }
}

/// Something that is shown is another one now.
fn differs(before: &Call, now: &Call) -> bool {
    before.view != now.view || before.pending != now.pending || before.sound != now.sound
}

/// The call that is meant. One that only the server knows so far is asked for.
async fn find(client: &Client, out: &Out, text: &str) -> Result<CallId, Failure> {
    let calls = client.calls();
    let found = match calls.find(text).await {
        Err(Error::NotFound(_)) => {
            refresh(client).await?;
            calls.find(text).await
        }
        other => other,
    };
    found.map_err(|error| match error {
        Error::NotFound(_) => {
            Failure::plain(texts::no_such_call(out.lang, text)).hint(texts::no_such_call_hint(out.lang))
        }
        other => other.into(),
    })
}

pub(super) async fn listen(client: &Client, out: &Out, args: &ListenArgs) -> Outcome {
    signed_in(client)?;
    let id = find(client, out, &args.call).await?;
    let calls = client.calls();
    let missing = |error: Error| match error {
        Error::NotFound("recording") => Failure::plain(texts::no_sound(out.lang, short(id))),
        Error::Offline { .. } => Failure::from(error).hint(texts::sound_offline(out.lang)),
        other => other.into(),
    };
    if args.remove {
        calls.drop_sound(id).await.map_err(missing)?;
        out.json(&json!({ "call": id }));
        out.line(texts::sound_removed(out.lang));
        return Ok(DONE);
    }
    let bytes = calls.fetch_sound(id).await.map_err(missing)?;
    let call = calls.get(id).await?;
    let known = call.view.audio.as_ref().map(|a| (a.ms + 999) / 1_000).filter(|seconds| *seconds > 0);
    let seconds = match known {
        Some(seconds) => seconds,
        // the list is older than the sound
        None => length(&calls.sound(id, 0, WAV_HEAD).await?, bytes),
    };
    match args.out.as_deref() {
        Some(file) if file.as_os_str() == "-" => {
            let mut screen = std::io::stdout();
            copy(client, id, &mut screen).await?;
            return Ok(DONE);
        }
        Some(file) => {
            write_file(client, id, file).await?;
            out.line(texts::sound_written(out.lang, file.display()));
        }
        None => {
            out.line(texts::fetched(out.lang, seconds, bytes.div_ceil(1_000)));
            if let Some(text) = written(&call) {
                out.line(texts::machine_text(out.lang, text));
            }
            out.line(format!("  → {}", texts::fetched_hint(out.lang, short(id))));
        }
    }
    out.json(&json!({ "call": id, "bytes": bytes, "audio": call.view.audio, "file": args.out }));
    Ok(DONE)
}

/// Seconds of a WAV file of so many bytes, by the byte rate in its head (at 28); 0 for what is none.
fn length(head: &[u8], bytes: u64) -> i64 {
    let rate = head.get(28..32).and_then(|rate| rate.try_into().ok()).map_or(0, u32::from_le_bytes);
    bytes.checked_div(u64::from(rate)).and_then(|seconds| i64::try_from(seconds).ok()).unwrap_or(0)
}

/// A file that appears whole or not at all.
async fn write_file(client: &Client, id: CallId, file: &Path) -> Result<(), Failure> {
    let failed = |e: std::io::Error| Failure::plain(format!("{}: {e}", file.display()));
    let mut name = file.as_os_str().to_owned();
    name.push(".part");
    let part = Path::new(&name);
    let mut options = std::fs::File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut open = options.open(part).map_err(failed)?;
    let copied = copy(client, id, &mut open).await;
    if let Err(failure) = copied {
        let _ = std::fs::remove_file(part);
        return Err(failure);
    }
    std::fs::rename(part, file).map_err(failed)
}

async fn copy(client: &Client, id: CallId, to: &mut impl Write) -> Result<(), Failure> {
    let mut at = 0;
    loop {
        let block = client.calls().sound(id, at, BLOCK).await?;
        if block.is_empty() {
            return to.flush().map_err(|e| Failure::plain(e.to_string()));
        }
        at += block.len() as u64;
        match to.write_all(&block) {
            // whoever listened has heard enough
            Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            other => other.map_err(|e| Failure::plain(e.to_string()))?,
        }
    }
}

pub(super) async fn handled(client: &Client, out: &Out, args: &HandledArgs) -> Outcome {
    signed_in(client)?;
    let calls = client.calls();
    let mut ids = Vec::new();
    for text in &args.calls {
        ids.push(find(client, out, text).await?);
    }
    if args.all {
        ids.extend(calls.list(true).await?.iter().map(|c| c.view.id));
    }
    for id in &ids {
        if args.undo {
            calls.reopen(*id).await?;
        } else {
            calls.handled(*id).await?;
        }
    }
    let said = match args.undo {
        true => texts::calls_reopened(out.lang, ids.len()),
        false => texts::calls_handled(out.lang, ids.len()),
    };
    deliver(client, out, json!({ "calls": ids, "handled": !args.undo }), &[said]).await
}

pub(super) async fn reach(client: &Client, out: &Out, args: &ReachArgs) -> Outcome {
    let calls = client.calls();
    let Some(mode) = args.mode else {
        refresh(client).await?;
        let reach = calls.reach()?;
        out.json(&reach);
        out.line(reach_told(out.lang, &reach));
        if reach.pending {
            out.line(texts::reach_waits(out.lang));
        }
        return Ok(DONE);
    };
    signed_in(client)?;
    let until = args.until.as_deref().map(|text| when::start(out.lang, text, when::now())).transpose()?;
    calls.set_reach(mode.into(), until).await?;
    let reach = calls.reach()?;
    deliver(client, out, json!(reach), &[reach_told(out.lang, &reach)]).await
}

fn reach_told(lang: Lang, reach: &Reach) -> String {
    let text = match reach.mode {
        Availability::Available => texts::reach_available(lang),
        Availability::Riding => texts::reach_riding(lang),
        Availability::Off => texts::reach_off(lang),
    };
    match reach.until {
        Some(until) => texts::reach_until(lang, text, when::moment(lang, until, when::now())),
        None => text,
    }
}

pub(super) async fn ring(client: &Client, out: &Out, args: &RingArgs) -> Outcome {
    signed_in(client)?;
    let calls = client.calls();
    let Some(text) = args.whom.as_deref().filter(|_| !args.hang_up) else {
        return hang_up(client, out).await;
    };
    let (whom, name) = whom(client, out, text).await?;
    if args.app || args.auto {
        let way = args.app.then_some(CallWay::App);
        return super::app_call::call(client, out, &whom, name, way, &args.sound).await;
    }
    match calls.ring(&whom).await {
        Ok(started) => {
            own_telephone_rings(out, name, &started);
            Ok(DONE)
        }
        Err(error) => Err(not_rung(out, error)),
    }
}

/// The courier's own telephone rings first.
pub(super) fn own_telephone_rings(out: &Out, name: String, started: &CallStarted) {
    out.json(started);
    let told = if name.is_empty() { texts::ringing_customer(out.lang) } else { name };
    out.line(texts::ringing(out.lang, told));
    for warning in &started.warnings {
        out.line(texts::note(out.lang, warning.label(out.lang)));
    }
    out.line(format!("  → {}", texts::ring_hint(out.lang)));
}

/// Why nothing rings, or whether it might.
pub(super) fn not_rung(out: &Out, error: Error) -> Failure {
    match error {
        Error::Offline { left, .. } => {
            let hint = if left { texts::ring_unknown(out.lang) } else { texts::ring_offline(out.lang) };
            Failure::from(error).hint(hint)
        }
        other => other.into(),
    }
}

/// Whom the text means, and what they are called: a parcel of the list, a call of the list, a telephone number.
async fn whom(client: &Client, out: &Out, text: &str) -> Result<(Whom, String), Failure> {
    if let Ok(id) = client.tasks().id_of(text)
        && let Ok(parcel) = client.tasks().get(id).await
    {
        return Ok((Whom::Parcel(id), parcel.recipient_name));
    }
    match client.calls().find(text).await {
        Ok(id) => return Ok((Whom::Call(id), who(out, &client.calls().get(id).await?.view))),
        Err(Error::NotFound(_)) => {}
        Err(other) => return Err(other.into()),
    }
    if waybell_domain::phone::PhoneNumber::parse(text).is_err() && text.chars().any(char::is_alphabetic) {
        return Err(Failure::plain(texts::not_on_list(out.lang, text)).hint(texts::whom_hint(out.lang)));
    }
    Ok((Whom::Number(text.to_owned()), String::new()))
}

async fn hang_up(client: &Client, out: &Out) -> Outcome {
    refresh(client).await?;
    let list = client.calls().list(false).await?;
    let own = |c: &&Call| c.view.direction == CallDirection::Outgoing && c.view.outcome.is_none();
    let newest = list.iter().filter(own).max_by_key(|c| c.view.started_at);
    let Some(call) = newest else { return Err(Failure::plain(texts::no_call_to_end(out.lang))) };
    client.calls().hang_up(call.view.id).await?;
    out.json(&json!({ "call": call.view.id }));
    out.line(texts::ended(out.lang));
    Ok(DONE)
}
