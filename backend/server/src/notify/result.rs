//! What the network says about a call, and what follows from it.

use super::engine::{Engine, Round};
use super::live::{Call, Effect, Menu};
use super::send::{mark_parcels, touch};
use super::{talk, why};
use crate::charges::{self, End, Source};
use crate::org::policy::organisation;
use crate::store::owner::RESTORED;
use crate::store::{Several, StoreError, all, exec, number, one};
use sea_orm::FromQueryResult;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::attempt::{AttemptEvent, AttemptState};
use waybell_domain::dial::outcome::{CallEnd, CallOutcome, classify};
use waybell_domain::dial::policy::Policy;
use waybell_domain::dial::retry::{AttemptsSoFar, EndedAttempt, RetryDecision};
use waybell_domain::id::BatchId;
use waybell_domain::parcel::{AttemptGlance, CallMark};
use waybell_switch::{DialogRecord, Draft, EndHow, InviteRecord, LegEnd, LegId};

/// A provisional answer. The first 18x is stored: it is what makes undo leave the call alone.
pub(crate) async fn progress(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    status: u16,
) -> Result<(), StoreError> {
    let Some(mut call) = engine.legs.call(leg) else { return Ok(()) };
    if status < 180 || call.state == AttemptState::Ringing {
        return Ok(());
    }
    let Ok(state) = call.state.on(AttemptEvent::Ring) else { return Ok(()) };
    call.state = state;
    // it lives: from now on it is a call like any other
    call.probed = false;
    if state == AttemptState::Ringing {
        let mut several = Several::default();
        several.add(
            "UPDATE attempt SET state = 'ringing', ring_at = $1 WHERE id = $2 AND is_open = 1",
            [round.now.0.into(), call.attempt.to_string().into()],
        );
        shown(round, &call, "ringing", several).await?;
    }
    engine.legs.put_call(leg.clone(), call);
    Ok(())
}

/// The INVITE must leave once more, with credentials: stored first, because it is another transaction.
pub(crate) async fn challenged(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    record: &InviteRecord,
) -> Result<(), StoreError> {
    let Some(call) = engine.legs.call(leg) else { return Ok(()) };
    let invite = serde_json::to_string(record)
        .map_err(|e| StoreError::Damaged { what: "attempt.invite", problem: e.to_string() })?;
    exec(
        round.write.tx(),
        "UPDATE attempt SET invite = $1 WHERE id = $2",
        [invite.into(), call.attempt.to_string().into()],
    )
    .await?;
    round.effects.push(Effect::Resubmit(leg.clone()));
    Ok(())
}

/// A 2xx. It is acknowledged only after this round is durable (`Effect::Confirm`).
pub(crate) async fn answered(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    dialog: &DialogRecord,
) -> Result<(), StoreError> {
    let Some(mut call) = engine.legs.call(leg) else { return Ok(()) };
    if call.extension.is_some() && call.menu == Menu::None && call.talk.is_none() {
        return menu(engine, round, leg, call, dialog).await;
    }
    let Ok(state) = call.state.on(AttemptEvent::Answer) else { return Ok(()) };
    if call.state == state {
        return Ok(());
    }
    call.state = state;
    call.probed = false;
    call.answer_at = Some(round.now);
    call.limit = Some(UnixMs(round.now.0 + i64::from(engine.app.config.call_seconds) * 1000));
    let text = serde_json::to_string(dialog)
        .map_err(|e| StoreError::Damaged { what: "attempt.dialog", problem: e.to_string() })?;
    let mut several = Several::default();
    several.add(
        "UPDATE attempt SET state = 'answered', answer_at = $1, trunk_answer_at = COALESCE(trunk_answer_at, $1), dialog = $2 \
         WHERE id = $3 AND is_open = 1",
        [round.now.0.into(), text.into(), call.attempt.to_string().into()],
    );
    shown(round, &call, "talking", several).await?;
    round.effects.push(Effect::Confirm(leg.clone()));
    talk::begin(engine, round, leg, call).await
}

/// A menu that asks for the extension has answered, which is no answer. What a BYE needs is stored all the same.
async fn menu(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    mut call: Call,
    dialog: &DialogRecord,
) -> Result<(), StoreError> {
    if let Ok(state) = call.state.on(AttemptEvent::Ring) {
        call.state = state;
    }
    call.probed = false;
    call.limit = Some(UnixMs(round.now.0 + i64::from(engine.app.config.call_seconds) * 1000));
    let text = serde_json::to_string(dialog)
        .map_err(|e| StoreError::Damaged { what: "attempt.dialog", problem: e.to_string() })?;
    let mut several = Several::default();
    several.add(
        "UPDATE attempt SET state = 'ringing', ring_at = COALESCE(ring_at, $1), trunk_answer_at = $1, dialog = $2 \
         WHERE id = $3 AND is_open = 1",
        [round.now.0.into(), text.into(), call.attempt.to_string().into()],
    );
    shown(round, &call, "ringing", several).await?;
    round.effects.push(Effect::Confirm(leg.clone()));
    talk::begin(engine, round, leg, call).await
}

/// The menu is over, and the person is there: this is the answer.
pub(crate) async fn connected(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    mut call: Call,
) -> Result<(), StoreError> {
    if let Ok(state) = call.state.on(AttemptEvent::Answer) {
        call.state = state;
    }
    call.answer_at = Some(round.now);
    let mut several = Several::default();
    several.add(
        "UPDATE attempt SET state = 'answered', answer_at = $1 WHERE id = $2 AND is_open = 1",
        [round.now.0.into(), call.attempt.to_string().into()],
    );
    shown(round, &call, "talking", several).await?;
    talk::begin(engine, round, leg, call).await
}

/// The leg is over: another route, or the outcome.
pub(crate) async fn ended(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    end: &LegEnd,
) -> Result<(), StoreError> {
    let Some(mut call) = engine.legs.call(leg) else { return Ok(()) };
    if let Some(courier) = call.courier_leg.take() {
        round.effects.push(Effect::HangUp(courier));
    }
    let facts = facts_of(&call, end);
    match next_route(engine, round, leg, &mut call, end, &facts).await? {
        NextRoute::Taken => return Ok(()),
        NextRoute::Busy if call.refused.as_ref().is_none_or(|r| round.now.0 - r.0.0 < ROUTE_PATIENCE_MS) => {
            // the other trunks are at their limits: excess waits
            let since = call.refused.as_ref().map_or(round.now, |r| r.0);
            call.refused = Some((since, Box::new(end.clone())));
            call.deadline = Some(UnixMs(round.now.0 + ROUTE_AGAIN_MS));
            engine.legs.put_call(leg.clone(), call);
            return Ok(());
        }
        NextRoute::Busy | NextRoute::None => {}
    }
    engine.legs.remove(leg);
    let outcome = match classify(&facts) {
        // what never left has called nobody: it does not count, and is tried again after a pause that grows
        CallOutcome::ProviderError if facts.not_sent => CallOutcome::CapacityExceeded,
        outcome => outcome,
    };
    store(round, &call, outcome, end).await?;
    engine.look = true;
    Ok(())
}

fn facts_of(call: &Call, end: &LegEnd) -> CallEnd {
    let probe_failed = matches!(
        end.how,
        EndHow::ProbeGone | EndHow::ProbeSilent | EndHow::ProbeChallenged | EndHow::ProbeOff
    );
    // Once answered, only the callee's BYE says that the callee ended it. Our CANCEL that crossed the answer, sound that
    // could not be agreed on, a call that we broke off: nobody was told anything.
    let died = match end.how {
        EndHow::RemoteBye => call.fault,
        EndHow::LocalBye => call.fault || call.broken,
        _ => true,
    };
    let rang = end.rang || call.state == AttemptState::Ringing;
    // a menu that asked for the extension is no answer
    let answered = !probe_failed && call.menu == Menu::None && (end.answered || call.answer_at.is_some());
    // our ring limit ended it, and no 18x said whether a telephone rang
    let limit_unheard = end.how == EndHow::Cancelled && !call.cancel_requested && !rang;
    // a merged request (RFC 3261 8.2.2.2): an INVITE of ours that was sent again has met the call that the first one made,
    // and whatever became of that was lost
    let merged = end.status == Some(482);
    let nothing_known =
        !answered && (probe_failed || limit_unheard || merged || (call.probed && !proves(end.status, rang)));
    CallEnd {
        status: match (nothing_known, call.menu) {
            (true, _) => None,
            (_, Menu::None) => end.status,
            // behind the menu nobody took the call
            _ => Some(480),
        },
        q850: if nothing_known { None } else { end.q850 },
        reason_text: end.reason_text.clone(),
        phrase: end.phrase.clone(),
        rang,
        answered,
        cancelled_by_us: end.how == EndHow::Cancelled,
        our_timeout: nothing_known || matches!(end.how, EndHow::TimedOut),
        heard_full: call.heard_full,
        interrupted: died,
        // a probe that could not leave says nothing about the call it asked for
        not_sent: !end.sent && !nothing_known && !call.probed,
    }
}

/// Whether a final answer to a probe is the old call's. What the callee's side says is; what a proxy or a load shedder
/// on the way may say to any new request is not.
fn proves(status: Option<u16>, rang: bool) -> bool {
    match status {
        Some(486 | 600 | 603 | 604 | 404 | 410 | 484) => true,
        Some(408 | 480 | 487) => rang,
        _ => false,
    }
}

/// So long a person waits for words before the silence is ours and not a hasty hang-up.
const SILENCE_MS: u32 = 3_000;

/// How soon another trunk is looked for again while all are at their limits, and how long.
const ROUTE_AGAIN_MS: i64 = 50;
const ROUTE_PATIENCE_MS: i64 = 30_000;

/// What came of looking for another trunk.
enum NextRoute {
    /// The call goes on there.
    Taken,
    /// There are some, and they take no call now.
    Busy,
    /// There is none, or the call may not be tried again.
    None,
}

/// Whether somebody has meanwhile stopped all calls, the batch or this one, or the person wants none any more: what is
/// refused then stays refused, and is tried again when it may be.
async fn held(round: &Round, call: &Call) -> Result<bool, StoreError> {
    let sql = "SELECT COUNT(*) FROM attempt a JOIN batch b ON b.id = a.batch_id \
               JOIN organisation o ON o.id = a.organisation_id \
               WHERE a.id = $1 AND a.cancel_requested = 0 AND b.state = 'running' AND o.stopped = 0 \
               AND NOT EXISTS (SELECT 1 FROM opt_out x WHERE x.organisation_id = o.id AND x.phone_key = a.phone_key)";
    Ok(number(round.write.tx(), sql, [call.attempt.to_string().into()]).await? == 0)
}

/// The number to show on another way: the same, else the first one that has not reached its cap of the day.
async fn number_for(
    engine: &mut Engine,
    round: &Round,
    call: &Call,
    allowed: &[String],
) -> Result<Option<String>, StoreError> {
    if allowed.contains(&call.display) {
        return Ok(Some(call.display.clone()));
    }
    let Some(org) = organisation(round.write.tx(), call.organisation).await? else { return Ok(None) };
    let cap = org.policy()?.display_daily_cap;
    for number in allowed {
        let shown = super::shown::displayed_today(engine, round, number, org.zone()).await?;
        if cap.is_none_or(|cap| shown < cap) {
            return Ok(Some(number.clone()));
        }
    }
    Ok(None)
}

/// Tries the next trunk after a definite refusal that is about the way and not the person, before any 18x; what never
/// left has been refused as definitely as can be.
async fn next_route(
    engine: &mut Engine,
    round: &mut Round,
    leg: &LegId,
    call: &mut Call,
    end: &LegEnd,
    facts: &CallEnd,
) -> Result<NextRoute, StoreError> {
    let refused = matches!(end.how, EndHow::Refused | EndHow::AuthFailed);
    let definite = facts.not_sent || refused && end.status.is_some_and(|s| s >= 300);
    let about_the_way = matches!(
        classify(facts),
        CallOutcome::ProviderError | CallOutcome::CapacityExceeded | CallOutcome::CallerBarred
    );
    if !definite
        || !about_the_way
        || facts.rang
        || call.probed
        || call.cancel_requested
        || engine.draining
        || call.trunks.len() >= 10
    {
        return Ok(NextRoute::None);
    }
    if held(round, call).await? {
        return Ok(NextRoute::None);
    }
    let trunks: Vec<String> = engine.app.switch.routes(&call.trunks);
    let organisation = call.organisation.to_string();
    let rank = |name: &str| engine.app.config.trunk.iter().find(|t| t.name == name).map(|t| t.priority);
    let ranked: Vec<(Option<u16>, String)> = trunks.into_iter().map(|t| (rank(&t), t)).collect();
    let mut busy = None;
    for (priority, trunk) in ranked {
        if busy.is_some_and(|b| b != priority) {
            // its better is only busy: excess waits
            break;
        }
        let allowed = super::ways::caller_ids(engine, &organisation, &trunk);
        let Some(display) = number_for(engine, round, call, &allowed).await? else { continue };
        let Some(permit) = engine.app.switch.try_permits(&trunk, 1).pop() else {
            busy = Some(priority);
            continue;
        };
        let drafted = engine.app.switch.draft(Draft {
            attempt: &call.attempt.to_string(),
            route_no: u32::from(call.route_no) + 1,
            trunk: &trunk,
            caller: &display,
            callee: &call.callee,
            headers: Vec::new(),
        });
        let Ok(record) = drafted else { continue };
        engine.drafted.push(record.clone());
        call.route_no += 1;
        call.trunks.push(trunk.clone());
        call.call_ids.push(record.call_id.clone());
        if display != call.display {
            engine.displayed.count(&display);
            call.display = display.clone();
        }
        call.state = AttemptState::Intent;
        call.refused = None;
        call.deadline = None;
        let invite = serde_json::to_string(&record)
            .map_err(|e| StoreError::Damaged { what: "attempt.invite", problem: e.to_string() })?;
        exec(
            round.write.tx(),
            "UPDATE attempt SET state = 'intent', trunk = $1, route_no = $2, call_ids = $3, invite = $4, display_number = $5 \
             WHERE id = $6",
            [
                trunk.clone().into(),
                i64::from(call.route_no).into(),
                serde_json::json!(call.call_ids).to_string().into(),
                invite.into(),
                display.into(),
                call.attempt.to_string().into(),
            ],
        )
        .await?;
        let detail = format!("{} → {trunk}", end.status.map_or("-".into(), |s| s.to_string()));
        why::decide(
            &round.write,
            round.now,
            &call.organisation.to_string(),
            Some(&call.recipient.to_string()),
            None,
            "next_route",
            &detail,
        )
        .await?;
        engine.legs.remove(leg);
        engine.legs.put_call(record.leg(), call.clone());
        round.effects.push(Effect::Place(Box::new(record), permit));
        return Ok(NextRoute::Taken);
    }
    Ok(if busy.is_some() { NextRoute::Busy } else { NextRoute::None })
}

#[derive(FromQueryResult)]
struct Outcome {
    attempt_no: i64,
    outcome: Option<String>,
    batch_state: String,
}

/// Stores the outcome of an attempt and what follows from it: the one place where an attempt closes.
pub(crate) async fn store(
    round: &mut Round,
    call: &Call,
    outcome: CallOutcome,
    end: &LegEnd,
) -> Result<(), StoreError> {
    let now = round.now;
    let tx = round.write.tx();
    let done = exec(
        tx,
        "UPDATE attempt SET is_open = 0, state = 'ended', outcome = $1, sip_status = $2, release_cause = $3, \
         release_dir = $4, phrase = $5, end_at = $6, trunk_answer_at = COALESCE(trunk_answer_at, $8) \
         WHERE id = $7 AND is_open = 1",
        [
            outcome.as_str().into(),
            end.status.map(i64::from).into(),
            end.q850.map(i64::from).into(),
            release_dir(end).into(),
            end.phrase.clone().into(),
            now.0.into(),
            call.attempt.to_string().into(),
            // an answer that crossed our CANCEL: the trunk counts it
            end.answered.then(|| now.0 - i64::from(end.talk_ms)).into(),
        ],
    )
    .await?;
    if done.rows_affected() == 0 {
        // told twice: the first report is stored, and this one says no more than it
        return Ok(());
    }
    let id = call.attempt.to_string();
    // nobody whom the trunk has not answered for costs anything, but the call may have been held room for
    let answered = end.answered || call.answer_at.is_some();
    let source = if answered { Source::Attempt(id) } else { Source::Call(id) };
    charges::settle(&round.write, round.at(), &source, End::of(end)).await?;
    if let Some(answered) = call.answer_at {
        round.ended.push((call.organisation, now.since(answered)));
    }
    let past: Vec<Outcome> = all(
        tx,
        "SELECT a.attempt_no, a.outcome, b.state AS batch_state FROM attempt a JOIN batch b ON b.id = a.batch_id \
         WHERE a.recipient_id = $1",
        [call.recipient.to_string().into()],
    )
    .await?;
    let batch_is_over = past.iter().any(|p| matches!(p.batch_state.as_str(), "cancelling" | "cancelled"));
    let outcomes: Vec<(u32, Option<CallOutcome>)> = past
        .iter()
        .map(|p| (p.attempt_no as u32, p.outcome.as_deref().and_then(CallOutcome::parse)))
        .collect();
    let mark = CallMark::roll_up(outcomes.iter().map(|&(number, outcome)| AttemptGlance { number, outcome }));
    let Some(rules) = round.rules(call.organisation).await? else { return Ok(()) };
    let fallback;
    let policy = match &rules.policy {
        Ok(policy) => policy,
        // the batch is held, so nobody is called by these rules; they only say what is not before when
        Err(error) => {
            super::park::park(round, &call.batch.to_string(), Some(call.organisation), error).await?;
            fallback = Policy::default();
            &fallback
        }
    };
    let so_far = AttemptsSoFar::of(outcomes.iter().filter_map(|(_, o)| *o));
    let zone = super::rows::zone_of(&call.phone_key, rules.zone);
    // hours by the wall clock, everything else by the steady one
    let shift = round.wall.0 - now.0;
    let allowed = |at: UnixMs| UnixMs(policy.next_open(UnixMs(at.0 + shift), zone).0 - shift);
    let retry_after = end.retry_after.map(|d| i64::try_from(d.as_millis()).unwrap_or(i64::MAX));
    let decision = policy.retry.decide(EndedAttempt { outcome, at: now, retry_after }, so_far, allowed);
    let cancelled = call.cancel_requested || batch_is_over;
    let (state, next_at, text) = match decision {
        RetryDecision::Retry { not_before, .. } if !cancelled => {
            let at = super::hours::timed(round, call, policy, zone, not_before).await?;
            ("waiting", Some(at), false)
        }
        RetryDecision::TextMessage | RetryDecision::AskCourier => ("done", None, !cancelled),
        RetryDecision::Exhausted => ("done", None, !cancelled),
        _ if cancelled && !outcome.is_answered() && mark == CallMark::NotCalled => ("cancelled", None, false),
        _ => ("done", None, false),
    };
    let mut several = Several::default();
    several.add(
        "UPDATE recipient SET state = $1, mark = $2, outcome = $3, next_at = $4, counted = $5, keys = $6, rev = $7 WHERE id = $8",
        [
            state.into(),
            mark.as_str().into(),
            outcome.as_str().into(),
            next_at.map(|t| t.0).into(),
            i64::from(so_far.counted).into(),
            call.keys.clone().into(),
            round.write.next_rev().into(),
            call.recipient.to_string().into(),
        ],
    );
    mark_parcels(round, &mut several, &call.parcels, mark, Some(outcome.as_str()));
    // who answered and waited in silence has answered, and was told nothing
    let untold = outcome == CallOutcome::AnsweredPartial && !call.spoke && end.talk_ms >= SILENCE_MS;
    if matches!(outcome, CallOutcome::AnsweredFull | CallOutcome::AnsweredPartial) && !untold {
        said(round, &mut several, call);
    }
    if (text || untold && !cancelled)
        && rules.text_messages
        && let Some(message) = round.message(call.organisation, &call.template).await?
    {
        let recipient = call.recipient.to_string();
        crate::messages::queue_notice(
            &mut several,
            now,
            call.organisation,
            &recipient,
            &call.phone_key,
            &message,
            &call.variables,
        );
    }
    several.run(round.write.tx()).await?;
    round.tell(&call.recipient.to_string()).await?;
    if state != "waiting" {
        touch(round, &call.batch.to_string(), 1);
    } else {
        touch(round, &call.batch.to_string(), 0);
    }
    round.effects.push(Effect::Count("waybell_outcomes_total", outcome.as_str()));
    Ok(())
}

/// This kind of notice has been given about these parcels.
fn said(round: &Round, several: &mut Several, call: &Call) {
    for parcel in &call.parcels {
        several.add(
            "INSERT INTO notified (parcel_id, notice, attempt_id, at) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (parcel_id, notice) DO NOTHING",
            [
                parcel.to_string().into(),
                call.template.clone().into(),
                call.attempt.to_string().into(),
                round.now.0.into(),
            ],
        );
    }
}

/// Shows how far a call is, with the writes that say it. Events that are told once more after their round was stored, and
/// its end with them, change nothing.
async fn shown(round: &mut Round, call: &Call, state: &str, mut several: Several) -> Result<(), StoreError> {
    several.add(
        "UPDATE recipient SET state = $1, rev = $2 WHERE id = $3 \
         AND EXISTS (SELECT 1 FROM attempt WHERE id = $4 AND is_open = 1)",
        [
            state.into(),
            round.write.next_rev().into(),
            call.recipient.to_string().into(),
            call.attempt.to_string().into(),
        ],
    );
    several.run(round.write.tx()).await?;
    touch(round, &call.batch.to_string(), 0);
    Ok(())
}

fn release_dir(end: &LegEnd) -> Option<&'static str> {
    Some(match end.how {
        EndHow::Refused | EndHow::RemoteBye => "callee",
        _ => "platform",
    })
}

#[derive(FromQueryResult)]
struct State {
    state: String,
    reason: Option<String>,
}

/// Bumps the touched batches' revision, and ends those that have nobody left.
pub(crate) async fn settle_batches(engine: &mut Engine, round: &mut Round) -> Result<(), StoreError> {
    let touched: Vec<(BatchId, i64)> = round.touched.iter().map(|(b, n)| (*b, *n)).collect();
    for (batch, change) in touched {
        let left = match engine.remaining.get(&batch) {
            Some(known) => known + change,
            None => {
                let left = number(
                    round.write.tx(),
                    "SELECT COUNT(*) FROM recipient WHERE batch_id = $1 AND state NOT IN ('done', 'suppressed', 'cancelled')",
                    [batch.to_string().into()],
                )
                .await?;
                // the count already has this round's changes
                engine.remaining.insert(batch, left - change);
                left
            }
        };
        let rev = round.write.next_rev();
        if left > 0 {
            round
                .write
                .exec("UPDATE batch SET rev = $1 WHERE id = $2", [rev.into(), batch.to_string().into()])
                .await?;
            continue;
        }
        finish(round, batch, rev).await?;
    }
    Ok(())
}

async fn finish(round: &Round, batch: BatchId, rev: i64) -> Result<(), StoreError> {
    use waybell_domain::dial::batch::{BatchEvent, BatchState};
    let row: Option<State> =
        one(round.write.tx(), "SELECT state, reason FROM batch WHERE id = $1", [batch.to_string().into()])
            .await?;
    let Some((state, reason)) = row.and_then(|r| Some((BatchState::parse(&r.state)?, r.reason))) else {
        return Ok(());
    };
    // what is known of it is a backup's: somebody looks, and resumes or ends it
    if state == BatchState::Paused && reason.as_deref() == Some(RESTORED) {
        return Ok(());
    }
    let state = state.on(BatchEvent::Finish).unwrap_or(state);
    round
        .write
        .exec(
            "UPDATE batch SET state = $1, rev = $2 WHERE id = $3",
            [state.as_str().into(), rev.into(), batch.to_string().into()],
        )
        .await?;
    Ok(())
}
