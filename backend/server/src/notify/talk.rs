//! What is said and asked once somebody has answered: the flow's commands carried out, its events fed back.

use super::engine::{Engine, Round};
use super::live::{Call, Effect, Leg, Menu, Spoken};
use super::{Command, side};
use crate::app::Shared;
use crate::flow::{Conversation, Notice, pieces};
use crate::speech::Whose;
use crate::store::{Several, StoreError, exec, one};
use sea_orm::FromQueryResult;
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::flow::{Flow, FlowCommand, FlowEvent, notice_arrived};
use waybell_domain::id::{BranchId, ConsentId, OrganisationId};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::template::Values;
use waybell_switch::{Draft, EndHow, EventKind, Incoming, LegId, SwitchError};

/// Told to who rings the displayed number back, until calls are built.
const ANNOUNCEMENT: &str =
    "您好，这是快递通知专用号码，暂不支持接听。如需联系快递员，请在通知电话中按零。谢谢，再见。";

/// Pieces of a conversation that are kept for the ledger of consents: more is somebody who listens to all of it again.
const MOST_SAID: usize = 60;

/// Around what a key cut short, in the ledger of consents.
const CUT: [&str; 2] = ["⟦", "⟧"];

#[derive(FromQueryResult)]
struct FlowText {
    flow: String,
    branch_id: Option<String>,
}

/// A notice, spoken with the recorded words of its branch, if it is of one.
///
/// # Errors
/// [`StoreError::Damaged`] for one that does not read: its batch is held, others go on.
pub(crate) async fn notice(
    engine: &mut Engine,
    round: &Round,
    organisation: OrganisationId,
    template: &str,
) -> Result<Arc<Notice>, StoreError> {
    let key = (organisation, template.to_owned());
    if let Some(notice) = engine.flows.get(&key) {
        return Ok(notice.clone());
    }
    let row: Option<FlowText> = one(
        round.write.tx(),
        "SELECT flow, branch_id FROM template WHERE organisation_id = $1 AND key = $2",
        [organisation.to_string().into(), template.into()],
    )
    .await?;
    let branch = row.as_ref().and_then(|r| BranchId::parse(r.branch_id.as_deref()?).ok());
    let parsed = match row {
        Some(row) => Flow::parse(&row.flow),
        None => notice_arrived(),
    };
    let flow = parsed.map_err(|problems| StoreError::Damaged {
        what: "template.flow",
        problem: problems.first().map(ToString::to_string).unwrap_or_default(),
    })?;
    let notice = Arc::new(Notice::new(flow, Whose { organisation: Some(organisation), branch }));
    engine.flows.insert(key, notice.clone());
    Ok(notice)
}

/// Has what the call may say made beforehand.
pub(crate) async fn prepare(engine: &mut Engine, round: &Round, call: &Call) -> Result<(), StoreError> {
    let notice = notice(engine, round, call.organisation, &call.template).await?;
    engine.app.speech.prepare(notice.whose(), pieces(notice.flow(), &call.variables));
    Ok(())
}

/// Somebody, or a menu, has answered.
pub(crate) async fn begin(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    mut call: Call,
) -> Result<(), StoreError> {
    if call.extension.is_some() && call.menu == Menu::None && call.talk.is_none() {
        call.menu = Menu::Asks;
        call.deadline = Some(UnixMs(round.now.0 + i64::from(engine.app.config.extension.after_ms)));
        engine.legs.put_call(leg.clone(), call);
        return Ok(());
    }
    let notice = match notice(engine, round, call.organisation, &call.template).await {
        Err(error) if !error.is_damage() => return Err(error),
        notice => notice.map_err(|e| e.to_string()),
    };
    let mut values = Values::clone(&call.variables);
    if notice.as_ref().is_ok_and(|notice| notice.tells_time())
        && let Some(rules) = round.rules(call.organisation).await?
    {
        values.insert("local_time".to_owned(), local_time(round.wall, rules.zone));
    }
    let talk = notice.and_then(|notice| Conversation::new(notice, values).map_err(|e| e.to_string()));
    match talk {
        Ok(talk) => {
            call.talk = Some(talk);
            feed(engine, round, leg, call, FlowEvent::Start).await
        }
        Err(error) => {
            tracing::error!(%error, template = %call.template, "a notice cannot start");
            call.fault = true;
            round.effects.push(Effect::HangUp(leg.clone()));
            engine.legs.put_call(leg.clone(), call);
            Ok(())
        }
    }
}

/// The time of day of a call, for notices that ask for it.
fn local_time(now: UnixMs, zone: chrono_tz::Tz) -> String {
    let minutes = now.local(zone).1 / 60_000;
    format!("{:02}:{:02}", minutes / 60, minutes % 60)
}

/// A key.
pub(crate) async fn digit(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    digit: char,
) -> Result<(), StoreError> {
    // A to D are keys of exchanges and no telephone's: no flow asks for them
    if !(digit.is_ascii_digit() || matches!(digit, '*' | '#')) {
        return Ok(());
    }
    let Some(call) = engine.legs.call(leg) else { return Ok(()) };
    let audible = call.talk.as_ref().is_some_and(|t| call.audible == Some(u64::from(t.token())));
    feed(engine, round, leg, call, FlowEvent::Digit { digit, audible }).await
}

/// A prompt has ended.
pub(crate) async fn play_ended(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    token: u64,
    completed: bool,
) -> Result<(), StoreError> {
    let Some(mut call) = engine.legs.call(leg) else { return Ok(()) };
    let Ok(token) = u32::try_from(token) else { return Ok(()) };
    // one that was stopped for something newer has an older token; a call that has reached its limit is being ended
    let current = call.talk.as_ref().is_some_and(|t| t.token() == token);
    call.broken |= !completed && call.limit.is_some() && current;
    if !completed && current {
        // what broke off, or was never made audible, was not said
        call.said.truncate(call.said_before);
    }
    let event = if completed { FlowEvent::Spoken { token } } else { FlowEvent::PlayFailed { token } };
    feed(engine, round, leg, call, event).await
}

/// A deadline has passed.
pub(crate) async fn time(engine: &mut Engine, round: &mut Round, leg: &LegId) -> Result<(), StoreError> {
    let Some(mut call) = engine.legs.call(leg) else { return Ok(()) };
    if call.limit.is_some_and(|l| l <= round.now) {
        call.limit = None;
        call.deadline = None;
        round.effects.push(Effect::HangUp(leg.clone()));
        engine.legs.put_call(leg.clone(), call);
        return Ok(());
    }
    if call.deadline.is_none_or(|d| d > round.now) {
        return Ok(());
    }
    if let Some((_, end)) = call.refused.clone() {
        return super::result::ended(engine, round, leg, &end).await;
    }
    call.deadline = None;
    match call.menu {
        Menu::Asks => {
            call.menu = Menu::Connects;
            let menu = &engine.app.config.extension;
            call.deadline = Some(UnixMs(round.now.0 + i64::from(menu.connect_ms)));
            let keys = format!("{}{}", call.extension.as_deref().unwrap_or_default(), menu.end);
            round.effects.push(Effect::Digits(leg.clone(), keys));
            engine.legs.put_call(leg.clone(), call);
            Ok(())
        }
        Menu::Connects => {
            call.menu = Menu::None;
            call.extension = None;
            super::result::connected(engine, round, leg, call).await
        }
        Menu::None => {
            let token = call.awaited;
            if std::mem::take(&mut call.no_courier) {
                let error = "failed".to_owned();
                return feed(engine, round, leg, call, FlowEvent::DialFailed { token, error }).await;
            }
            match call.courier_leg.take() {
                // the courier has rung long enough
                Some(courier) if matches!(engine.legs.get(&courier), Some(Leg::Courier { .. })) => {
                    round.effects.push(Effect::HangUp(courier));
                    let error = "no_answer".to_owned();
                    feed(engine, round, leg, call, FlowEvent::DialFailed { token, error }).await
                }
                _ => feed(engine, round, leg, call, FlowEvent::Timeout { token }).await,
            }
        }
    }
}

/// Gives the flow an event and carries out what it wants.
async fn feed(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    mut call: Call,
    event: FlowEvent,
) -> Result<(), StoreError> {
    let Some(talk) = call.talk.as_mut() else {
        engine.legs.put_call(leg.clone(), call);
        return Ok(());
    };
    let waited = talk.token();
    let early = matches!(event, FlowEvent::Digit { audible: false, .. });
    let commands = match talk.on(event) {
        Ok(commands) => commands,
        Err(error) => {
            tracing::error!(%error, template = %call.template, "a conversation broke off");
            call.fault = true;
            vec![FlowCommand::Hangup]
        }
    };
    if commands.contains(&FlowCommand::StopPlaying) {
        match early {
            // the key ended what was still being made: that was not said
            true => call.said.truncate(call.said_before),
            false => cut_short(&mut call.said, call.said_before),
        }
    }
    if talk.token() != waited {
        call.deadline = None;
    }
    let (heard, keys) = (talk.heard(), talk.keys().to_owned());
    if (heard && !call.heard_full) || keys != call.keys {
        call.heard_full |= heard;
        call.keys = keys;
        exec(
            round.write.tx(),
            "UPDATE attempt SET heard_full = $1, keys = $2 WHERE id = $3",
            [i64::from(call.heard_full).into(), call.keys.clone().into(), call.attempt.to_string().into()],
        )
        .await?;
    }
    for command in commands {
        carry_out(engine, round, leg, &mut call, command).await?;
    }
    engine.legs.put_call(leg.clone(), call);
    Ok(())
}

/// Puts what a key cut short into brackets: it was begun, and not heard to its end.
fn cut_short(said: &mut [String], from: usize) {
    if from < said.len() {
        said[from].insert_str(0, CUT[0]);
        said[said.len() - 1].push_str(CUT[1]);
    }
}

/// Whose recorded words a call is spoken with.
fn words_of(call: &Call) -> Whose {
    call.talk.as_ref().map_or_else(|| call.organisation.into(), Conversation::whose)
}

async fn carry_out(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    call: &mut Call,
    command: FlowCommand,
) -> Result<(), StoreError> {
    match command {
        FlowCommand::Say { token, segments } => {
            let text: Vec<String> = segments.into_iter().map(|s| s.text).collect();
            call.said_before = call.said.len();
            if call.said.len() + text.len() <= MOST_SAID {
                call.said.extend(text.iter().cloned());
            }
            let whose = words_of(call);
            round.effects.push(Effect::Speak { leg: leg.clone(), token: u64::from(token), whose, text });
        }
        FlowCommand::Play { token, prompt } => {
            call.said_before = call.said.len();
            round.effects.push(Effect::Speak {
                leg: leg.clone(),
                token: u64::from(token),
                whose: words_of(call),
                text: vec![prompt],
            });
        }
        FlowCommand::StopPlaying => round.effects.push(Effect::StopPlay(leg.clone())),
        FlowCommand::Listen { token, timeout } => {
            call.awaited = token;
            call.deadline = Some(UnixMs(round.now.0 + i64::from(timeout)));
        }
        FlowCommand::Dial { token, target, timeout } => {
            call.awaited = token;
            call.deadline = Some(UnixMs(round.now.0 + i64::from(timeout)));
            if !ring_courier(engine, round, leg, call, &target, token).await? {
                // told at the next look at the clock, so that a conversation never calls itself
                call.no_courier = true;
                call.deadline = Some(round.now);
            }
        }
        FlowCommand::Bridge { token } => {
            call.awaited = token;
            call.deadline = None;
            if let Some(courier) = &call.courier_leg {
                round.effects.push(Effect::Bridge(leg.clone(), courier.clone()));
            }
        }
        FlowCommand::Consent { preference, key } => consent(round, call, &preference, &key).await?,
        FlowCommand::Message { template } => {
            if let Some(message) = round.message(call.organisation, &template).await? {
                let mut several = Several::default();
                let recipient = call.recipient.to_string();
                crate::messages::queue_notice(
                    &mut several,
                    round.now,
                    call.organisation,
                    &recipient,
                    &call.phone_key,
                    &message,
                    &call.variables,
                );
                several.run(round.write.tx()).await?;
            }
        }
        FlowCommand::Hangup => {
            call.deadline = None;
            round.effects.push(Effect::HangUp(leg.clone()));
        }
    }
    Ok(())
}

/// Keeps a key press as consent, with time and call, and shows it on the parcels.
async fn consent(round: &Round, call: &Call, preference: &str, key: &str) -> Result<(), StoreError> {
    let tx = round.write.tx();
    exec(
        tx,
        "INSERT INTO consent (id, organisation_id, attempt_id, phone_key, key, preference, parcels, at, said, wording) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        [
            ConsentId::at(round.now, rand::random()).to_string().into(),
            call.organisation.to_string().into(),
            call.attempt.to_string().into(),
            call.phone_key.clone().into(),
            key.into(),
            preference.into(),
            serde_json::json!(call.parcels).to_string().into(),
            round.wall.0.into(),
            call.said.join("").into(),
            call.talk.as_ref().map(Conversation::version).unwrap_or_default().into(),
        ],
    )
    .await?;
    for parcel in &call.parcels {
        exec(
            tx,
            "UPDATE parcel SET preference = $1, rev = $2 WHERE id = $3",
            [preference.into(), round.write.next_rev().into(), parcel.to_string().into()],
        )
        .await?;
    }
    Ok(())
}

#[derive(FromQueryResult)]
struct Courier {
    phone_key: Option<String>,
}

/// Rings the courier's own phone, showing the company's number: neither side sees the other's.
async fn ring_courier(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    call: &mut Call,
    target: &str,
    token: u32,
) -> Result<bool, StoreError> {
    if target != "courier" {
        return Ok(false);
    }
    let row: Option<Courier> = one(
        round.write.tx(),
        "SELECT phone_key FROM person WHERE id = $1",
        [call.courier.to_string().into()],
    )
    .await?;
    let Some(phone) = row.and_then(|r| r.phone_key).and_then(|k| PhoneNumber::from_key(&k).ok()) else {
        return Ok(false);
    };
    let Some(trunk) = call.trunks.last().cloned() else { return Ok(false) };
    let Some(permit) = engine.app.switch.try_urgent_permit(&trunk) else { return Ok(false) };
    let drafted = engine.app.switch.draft(Draft {
        attempt: &format!("{}/courier/{token}", call.attempt),
        route_no: 0,
        trunk: &trunk,
        caller: &call.display,
        callee: &phone.dial_string(),
        headers: Vec::new(),
    });
    let Ok(record) = drafted else { return Ok(false) };
    engine.drafted.push(record.clone());
    side::courier(round, call, &phone.key(), &record).await?;
    call.courier_leg = Some(record.leg());
    engine.legs.put(record.leg(), Leg::Courier { of: leg.clone() });
    round.effects.push(Effect::Place(Box::new(record), permit));
    Ok(true)
}

/// What happens on the courier's leg.
pub(crate) async fn courier_event(
    engine: &mut Engine,
    round: &mut Round,
    courier: &LegId,
    of: &LegId,
    kind: &EventKind,
) -> Result<(), StoreError> {
    match kind {
        EventKind::Challenged { record } => {
            side::challenged(round, courier, record).await?;
            round.effects.push(Effect::Resubmit(courier.clone()));
            Ok(())
        }
        EventKind::Answered { dialog } => {
            side::answered(round, courier, dialog).await?;
            round.effects.push(Effect::Confirm(courier.clone()));
            match engine.legs.call(of) {
                Some(call) if call.courier_leg.as_ref() == Some(courier) => {
                    let token = call.awaited;
                    feed(engine, round, of, call, FlowEvent::DialAnswered { token }).await
                }
                // the recipient has gone, or the flow has moved on
                _ => {
                    round.effects.push(Effect::HangUp(courier.clone()));
                    Ok(())
                }
            }
        }
        EventKind::Ended { end } => {
            engine.legs.remove(courier);
            side::ended(round, courier, Some(end)).await?;
            let Some(mut call) = engine.legs.call(of) else { return Ok(()) };
            if call.courier_leg.as_ref() != Some(courier) {
                return Ok(());
            }
            call.courier_leg = None;
            let token = call.awaited;
            let event = if end.answered && end.how != EndHow::Cancelled {
                FlowEvent::BridgeEnded { token }
            } else {
                let error = match end.status {
                    Some(486) => "busy",
                    Some(603) => "rejected",
                    Some(480 | 408 | 487) => "no_answer",
                    _ => "failed",
                };
                FlowEvent::DialFailed { token, error: error.into() }
            };
            feed(engine, round, of, call, event).await
        }
        _ => Ok(()),
    }
}

/// Somebody rings a displayed number back.
pub(crate) async fn incoming(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    incoming: &Incoming,
) -> Result<(), StoreError> {
    tracing::info!(trunk = ?incoming.trunk, "a call came in");
    metrics::counter!("waybell_incoming_total").increment(1);
    side::incoming(round, leg, &incoming.call_id, &incoming.dialog).await?;
    engine.legs.put(leg.clone(), Leg::Inbound { announced: false });
    round.effects.push(Effect::Answer(leg.clone()));
    engine.app.speech.prepare(Whose::default(), vec![ANNOUNCEMENT.to_owned()]);
    Ok(())
}

/// What happens on a call that came in: the announcement is played once, then it is hung up.
pub(crate) async fn inbound_event(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    announced: bool,
    kind: &EventKind,
) -> Result<(), StoreError> {
    match kind {
        EventKind::Answered { dialog } if !announced => {
            side::answered(round, leg, dialog).await?;
            engine.legs.put(leg.clone(), Leg::Inbound { announced: true });
            round.effects.push(Effect::Speak {
                leg: leg.clone(),
                token: 1,
                whose: Whose::default(),
                text: vec![ANNOUNCEMENT.to_owned()],
            });
        }
        EventKind::PlayEnded { .. } => round.effects.push(Effect::HangUp(leg.clone())),
        EventKind::Ended { end } => {
            engine.legs.remove(leg);
            side::ended(round, leg, Some(end)).await?;
        }
        _ => {}
    }
    Ok(())
}

/// How often, and how long apart, a bridge is tried: media of a leg that was answered a moment ago has yet to start.
const BRIDGE_TRIES: u32 = 100;
const BRIDGE_STEP: std::time::Duration = std::time::Duration::from_millis(20);

/// Joins two legs as soon as both have media; ends both where that never comes.
pub(crate) fn bridge(app: Shared, a: LegId, b: LegId) {
    if app.switch.bridge(&a, &b).is_ok() {
        return;
    }
    tokio::spawn(async move {
        let mut last = None;
        for _ in 0..BRIDGE_TRIES {
            app.clock.sleep(BRIDGE_STEP).await;
            match app.switch.bridge(&a, &b) {
                Ok(()) => return,
                // one of them has ended meanwhile
                Err(SwitchError::NoLeg) => break,
                Err(error) => last = Some(error),
            }
        }
        tracing::warn!(error = ?last, "a bridge failed");
        app.switch.hang_up(&a, None);
        app.switch.hang_up(&b, None);
    });
}

/// Makes words that are not at hand; [`spoken`] plays them.
pub(crate) fn make_words(app: Shared, leg: LegId, token: u64, whose: Whose, text: Vec<String>) {
    tokio::spawn(async move {
        let prompts = match app.speech.prompts(whose, &text).await {
            Ok(prompts) => Some(prompts),
            Err(error) => {
                tracing::error!(%error, "a prompt could not be made");
                metrics::counter!("waybell_prompts_failed_total").increment(1);
                None
            }
        };
        app.dialler.tell(Command::Spoken(Spoken { leg, token, prompts }));
    });
}

/// Words that somebody waits for are made, or cannot be.
pub(crate) async fn spoken(
    engine: &mut Engine,
    round: &mut Round,
    spoken: &Spoken,
) -> Result<(), StoreError> {
    let (leg, token) = (&spoken.leg, spoken.token);
    if let Some(Leg::Recipient(call)) = engine.legs.get(leg)
        && call.talk.as_ref().is_some_and(|t| u64::from(t.token()) != token)
    {
        // the conversation has gone on meanwhile
        return Ok(());
    }
    match (engine.legs.get(leg), &spoken.prompts) {
        (None, _) => Ok(()),
        (Some(_), Some(prompts)) => {
            round.effects.push(Effect::Play { leg: leg.clone(), token, prompts: prompts.clone() });
            Ok(())
        }
        (Some(Leg::Recipient(call)), None) => {
            let mut call = call.clone();
            call.fault = true;
            engine.legs.put(leg.clone(), Leg::Recipient(call));
            play_ended(engine, round, leg, token, false).await
        }
        (Some(_), None) => {
            round.effects.push(Effect::HangUp(leg.clone()));
            Ok(())
        }
    }
}
