//! Due people: looked at once more, then their intents.
//!
//! Permits come first: the switch says how many calls each trunk takes now (never more than 100 ms ahead), and no more
//! people than that are taken. Each of them is checked again against what is stored at this moment: parcels still to
//! be brought, not opted out, nothing said yet, no open call to the same person, hours, frequency, cap of the display
//! number. What stops a call is written with its reason; what only puts it off moves `next_at`.

use super::due::{due, left, next_start, next_waiting, start_due_batches};
use super::engine::{Engine, Round};
use super::input::{self, Facts};
use super::kept;
use super::live::{Call, Effect, Menu};
use super::park::park;
use super::rows::{RecipientRow, zone_of};
use super::shown::{Shown, shown};
use super::spent;
use super::telephone::Permit;
use super::ways::{Way, callers, free_permits};
use crate::charges::{self, Caller, Stop};
use crate::store::{Several, StoreError, all, exec, number};
use sea_orm::FromQueryResult;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::attempt::AttemptState;
use waybell_domain::dial::plan::{NoticeKind, SuppressReason};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::{AttemptId, BatchId, BranchId, OrganisationId, RecipientId, UserId};
use waybell_domain::parcel::CallMark;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::rate::{ChargedCall, Stopped};
use waybell_switch::Draft;

/// Looks at due people of one batch in a round: those who are put off make room for others.
const LOOKS_A_ROUND: usize = 5;
/// How soon a person whom only a busy trunk can call is looked at again.
const BUSY_TRUNK_MS: i64 = 500;
/// How soon permits are asked for again where all are used up, and where no trunk is up (the switch tells of one that
/// comes back, so this is for what it may miss).
const NO_PERMIT_MS: i64 = 20;
const NO_TRUNK_MS: i64 = 1_000;
/// How soon a person with another open call is looked at again.
const BUSY_PERSON_MS: i64 = 3_000;

/// What a look for due people came to.
#[derive(Default)]
pub(crate) struct Sent {
    /// There may be more due right now.
    pub more: bool,
    /// When the next one is due.
    pub next_due: Option<UnixMs>,
    /// Calls shown, by display number.
    pub displayed: HashMap<String, u32>,
    /// Batches whose people wait, unwritten, until a call that is on the line has shown what is left of the day.
    held: HashSet<String>,
}

#[derive(FromQueryResult)]
pub(super) struct Running {
    pub(super) id: String,
    pub(super) organisation_id: String,
    pub(super) template_key: String,
    pub(super) display_number: Option<String>,
    pub(super) branch_number: Option<String>,
    pub(super) stopped: i64,
    pub(super) time_zone: String,
    pub(super) policy: String,
    pub(super) company: String,
    pub(super) text_messages: i64,
    pub(super) created_at: i64,
    pub(super) branch_id: Option<String>,
}

/// Rules of an organisation in this round.
pub(super) struct Rules {
    pub(super) policy: Policy,
    pub(super) zone: chrono_tz::Tz,
}

/// Takes due people as far as the trunks allow, and writes their intents.
pub(crate) async fn fill(engine: &mut Engine, round: &mut Round) -> Result<Sent, StoreError> {
    let mut sent = Sent::default();
    start_due_batches(round).await?;
    let batches: Vec<Running> = all(
        round.write.tx(),
        "SELECT b.id, b.organisation_id, b.template_key, b.display_number, br.display_number AS branch_number, o.stopped, \
         o.time_zone, o.policy, o.company, o.text_messages, b.created_at, b.branch_id FROM batch b \
         JOIN organisation o ON o.id = b.organisation_id \
         LEFT JOIN branch br ON br.id = b.branch_id WHERE b.state = 'running' ORDER BY b.created_at",
        [],
    )
    .await?;
    sent.next_due = next_start(round).await?;
    if !batches.is_empty() {
        engine.callers = callers(round.write.tx()).await?;
        engine.suspects.refresh(&engine.app, round.now);
    }
    let mut permits: Option<Vec<Way>> = None;
    let mut taken: HashSet<(String, String)> = HashSet::new();
    for batch in batches.iter().filter(|b| b.stopped == 0) {
        if permits.is_none() {
            permits = free_permits(engine);
        }
        let Some(free) = permits.as_mut().filter(|f| !f.is_empty()) else { break };
        // one batch that does not read back must not hold up all the others
        match people(engine, round, batch, free, &mut taken, &mut sent).await {
            Ok(()) => {}
            Err(error) if error.is_damage() => {
                let organisation = OrganisationId::parse(&batch.organisation_id).ok();
                park(round, &batch.id, organisation, &error).await?;
            }
            Err(error) => return Err(error),
        }
        if free.is_empty() {
            sent.more = true;
        }
    }
    let callable =
        batches.iter().filter(|b| b.stopped == 0 && !sent.held.contains(&b.id)).map(|b| b.id.as_str());
    if permits.as_ref().is_none_or(Vec::is_empty) && left(round, callable).await? {
        // out of permits with people left: look again when the next second's share has come, or when a trunk may be up
        let wait = if engine.app.switch.routes(&[]).is_empty() { NO_TRUNK_MS } else { NO_PERMIT_MS };
        sent.next_due = earlier(sent.next_due, UnixMs(round.now.0 + wait));
    }
    for batch in &batches {
        sent.next_due = match next_waiting(round, &batch.id).await? {
            Some(at) if batch.stopped == 0 => earlier(sent.next_due, at),
            _ => sent.next_due,
        };
    }
    Ok(sent)
}

/// Looks at a batch's due people until the permits or the people are at an end. Those who are only put off use none up.
async fn people(
    engine: &mut Engine,
    round: &mut Round,
    batch: &Running,
    free: &mut Vec<Way>,
    taken: &mut HashSet<(String, String)>,
    sent: &mut Sent,
) -> Result<(), StoreError> {
    let rules = Rules {
        policy: serde_json::from_str(&batch.policy)
            .map_err(|e| StoreError::Damaged { what: "organisation.policy", problem: e.to_string() })?,
        zone: batch.time_zone.parse().unwrap_or(chrono_tz::Asia::Shanghai),
    };
    let organisation =
        OrganisationId::parse(&batch.organisation_id).map_err(|e| damaged("batch.organisation_id", e))?;
    // before anything is written about anybody
    super::talk::notice(engine, round, organisation, &batch.template_key).await?;
    let begun = taken.iter().filter(|(o, _)| *o == batch.organisation_id).count();
    let mut left = spent::left(engine, round, organisation, &rules.policy, rules.zone, begun).await?;
    let limited = charges::is_limited(round.write.tx(), organisation).await?;
    for _ in 0..LOOKS_A_ROUND {
        if left.calls == Some(0) && !left.over {
            hold(round, batch, sent);
            return Ok(());
        }
        let most = free.len();
        let due: Vec<RecipientRow> = due(round, &batch.id, most).await?;
        let full = due.len() == most;
        let facts = input::facts(round, &batch.organisation_id, &batch.template_key, &due).await?;
        for mut row in due {
            let Some(trunk) = free.last().map(|w| w.trunk.clone()) else { break };
            let verdict = match left.calls {
                Some(0) if left.over => over_cap(round, &rules, &row, spent::OVER).await?,
                // the calls on the line will have shown what is left
                Some(0) => {
                    hold(round, batch, sent);
                    return Ok(());
                }
                _ => {
                    check(engine, round, &rules, batch, &facts, &row, taken, &sent.displayed, &trunk).await?
                }
            };
            let (way, permit, display) = match verdict {
                Verdict::Go { display } => match free.pop() {
                    Some(way) => (way.trunk, way.permit, display),
                    None => break,
                },
                Verdict::Other { way, permit, display } => (way, permit, display),
                Verdict::Later(until) => {
                    sent.next_due = earlier(sent.next_due, until);
                    put_off(round, &row, until).await?;
                    continue;
                }
                Verdict::Never(reason) => {
                    suppress(round, &row, reason).await?;
                    continue;
                }
                Verdict::GiveUp => {
                    give_up(round, batch, &row).await?;
                    continue;
                }
            };
            let attempt = AttemptId::at(round.now, engine.app.clock.chance());
            match money(engine, round, batch, &row, attempt, limited).await? {
                None => {}
                Some(Stopped::SpendToday) => {
                    let zone = zone_of(&row.phone_key, rules.zone);
                    let until = tomorrow(round, &rules, zone);
                    decision(round, &row, "put_off", Stopped::SpendToday.as_str()).await?;
                    sent.next_due = earlier(sent.next_due, until);
                    put_off(round, &row, until).await?;
                    continue;
                }
                Some(Stopped::NoCredit) => {
                    // as soon as somebody pays in
                    hold(round, batch, sent);
                    return Ok(());
                }
            }
            taken.insert((batch.organisation_id.clone(), row.phone_key.clone()));
            *sent.displayed.entry(display.clone()).or_default() += 1;
            left.calls = left.calls.map(|n| n.saturating_sub(1));
            let notice = NoticeKind::of_key(&batch.template_key);
            kept::leave_out(round, notice, &facts, &mut row).await?;
            intent(engine, round, batch, row, attempt, (display, &way, permit)).await?;
        }
        sent.more |= full;
        if !full || free.is_empty() {
            break;
        }
    }
    Ok(())
}

/// Why the account that pays has no room for this call; where it has, the call is held room for.
async fn money(
    engine: &Engine,
    round: &Round,
    batch: &Running,
    row: &RecipientRow,
    attempt: AttemptId,
    limited: bool,
) -> Result<Option<Stopped>, StoreError> {
    let (Ok(organisation), Ok(phone), true) =
        (OrganisationId::parse(&row.organisation_id), PhoneNumber::from_key(&row.phone_key), limited)
    else {
        return Ok(None);
    };
    let caller = Caller {
        organisation,
        branch: batch.branch_id.as_deref().and_then(|b| BranchId::parse(b).ok()),
        courier: UserId::parse(&row.courier_id).ok(),
        call: ChargedCall::Notice,
    };
    let id = attempt.to_string();
    match charges::admit(&round.write, &engine.app, &caller, &id, &[phone.e164()]).await {
        Ok(()) => Ok(None),
        Err(Stop::Store(error)) => Err(error),
        Err(Stop::Stopped(stopped)) => {
            let word = stopped.as_str();
            let sql =
                "SELECT COUNT(*) FROM decision WHERE recipient_id = $1 AND what = 'put_off' AND detail = $2";
            let told = number(round.write.tx(), sql, [row.id.clone().into(), word.into()]).await?;
            if stopped == Stopped::NoCredit && told == 0 {
                decision(round, row, "put_off", word).await?;
            }
            Ok(Some(stopped))
        }
    }
}

/// Leaves a batch's people as they are until a call that is on the line is over: that wakes the dialler, which otherwise
/// looks again after a while.
fn hold(round: &Round, batch: &Running, sent: &mut Sent) {
    sent.held.insert(batch.id.clone());
    sent.next_due = earlier(sent.next_due, UnixMs(round.now.0 + BUSY_PERSON_MS));
}

enum Verdict {
    Go {
        display: String,
    },
    /// By another trunk than the one looked at: on that one no number may be shown.
    Other {
        way: String,
        permit: Permit,
        display: String,
    },
    Later(UnixMs),
    Never(SuppressReason),
    /// No number is left that the carrier would show: the last outcome stands.
    GiveUp,
}

#[expect(clippy::too_many_arguments, reason = "everything that decides is named")]
async fn check(
    engine: &mut Engine,
    round: &Round,
    rules: &Rules,
    batch: &Running,
    facts: &Facts,
    row: &RecipientRow,
    taken: &HashSet<(String, String)>,
    displayed: &HashMap<String, u32>,
    trunk: &str,
) -> Result<Verdict, StoreError> {
    let Ok(phone) = PhoneNumber::from_key(&row.phone_key) else {
        return Ok(Verdict::Never(SuppressReason::InvalidNumber));
    };
    if !rules.policy.rings(&phone) {
        return Ok(Verdict::Never(SuppressReason::Country));
    }
    if facts.opted_out.contains(&row.phone_key) {
        return Ok(Verdict::Never(SuppressReason::OptedOut));
    }
    let notice = NoticeKind::of_key(&batch.template_key);
    if let Some(reason) = kept::nobody(notice, facts, row) {
        return Ok(Verdict::Never(reason));
    }
    // two couriers, two taps, one person: whoever tapped before the person was told makes no second ring
    if facts.told.get(&row.phone_key).is_some_and(|told| *told >= batch.created_at) {
        return Ok(Verdict::Never(SuppressReason::AlreadyNotified));
    }
    let rang = facts.rang.get(&row.phone_key).copied().unwrap_or_default();
    // who has rung back since the tap and spoken with a courier needs no notice
    if rang.spoke.is_some_and(|spoke| spoke.0 >= batch.created_at) {
        return Ok(Verdict::Never(SuppressReason::CalledBack));
    }
    if rang.now
        || facts.open.contains(&row.phone_key)
        || taken.contains(&(batch.organisation_id.clone(), row.phone_key.clone()))
    {
        return Ok(Verdict::Later(UnixMs(round.now.0 + BUSY_PERSON_MS)));
    }
    let history = facts.history.get(&row.phone_key).map_or(&[][..], Vec::as_slice);
    // Hours are a matter of the wall clock, gaps of the steady one.
    let zone = phone.zone().unwrap_or(rules.zone);
    let open = rules.policy.next_open(round.wall, zone);
    if open > round.wall {
        return Ok(Verdict::Later(UnixMs(round.now.0 + (open.0 - round.wall.0))));
    }
    if let Some(until) =
        rules.policy.frequency_rules().filter_map(|r| r.barred_until(round.now, history)).max()
    {
        return Ok(Verdict::Later(until));
    }
    let barred = facts.barred.get(&row.id).map_or(&[][..], Vec::as_slice);
    let mut capped = match shown(engine, round, rules, batch, barred, displayed, trunk).await? {
        Shown::Number(display) => return Ok(Verdict::Go { display }),
        Shown::Capped => true,
        Shown::Barred => false,
    };
    // another trunk may show another number
    let mut busy = false;
    let others: Vec<String> = engine.app.config.trunk.iter().map(|t| t.name.clone()).collect();
    let up = engine.app.switch.routes(&[trunk.to_owned()]);
    for way in up.iter().chain(others.iter().filter(|t| *t != trunk && !up.contains(t))) {
        match shown(engine, round, rules, batch, barred, displayed, way).await? {
            Shown::Number(display) => match engine.app.switch.try_permits(way, 1).pop() {
                Some(permit) => return Ok(Verdict::Other { way: way.clone(), permit, display }),
                None => busy = true,
            },
            Shown::Capped => capped = true,
            Shown::Barred => {}
        }
    }
    if busy {
        return Ok(Verdict::Later(UnixMs(round.now.0 + BUSY_TRUNK_MS)));
    }
    if !capped {
        return Ok(Verdict::GiveUp);
    }
    over_cap(round, rules, row, super::shown::OVER).await
}

/// Nothing is left of what a cap of the day allows: tomorrow.
async fn over_cap(
    round: &Round,
    rules: &Rules,
    row: &RecipientRow,
    cap: &str,
) -> Result<Verdict, StoreError> {
    decision(round, row, "put_off", cap).await?;
    let zone = zone_of(&row.phone_key, rules.zone);
    Ok(Verdict::Later(tomorrow(round, rules, zone)))
}

/// When the next day's calls begin, by the steady clock.
fn tomorrow(round: &Round, rules: &Rules, zone: chrono_tz::Tz) -> UnixMs {
    let open = rules.policy.next_open(round.wall.next_day(rules.zone), zone);
    UnixMs(round.now.0.saturating_add(open.0.saturating_sub(round.wall.0)))
}

async fn intent(
    engine: &mut Engine,
    round: &mut Round,
    batch: &Running,
    row: RecipientRow,
    attempt: AttemptId,
    (display, trunk, permit): (String, &str, Permit),
) -> Result<(), StoreError> {
    let now = round.now;
    // read before anything is written: a row that does not read back holds its batch
    let recipient = RecipientId::parse(&row.id).map_err(|e| damaged("recipient.id", e))?;
    let batch_id = BatchId::parse(&row.batch_id).map_err(|e| damaged("recipient.batch_id", e))?;
    let organisation =
        OrganisationId::parse(&row.organisation_id).map_err(|e| damaged("recipient.organisation_id", e))?;
    let courier = UserId::parse(&row.courier_id).map_err(|e| damaged("recipient.courier_id", e))?;
    let Ok(phone) = PhoneNumber::from_key(&row.phone_key) else { return Ok(()) };
    let callee = phone.dial_string();
    let drafted = engine.app.switch.draft(Draft {
        attempt: &attempt.to_string(),
        route_no: 0,
        trunk,
        caller: &display,
        callee: &callee,
        headers: Vec::new(),
    });
    let record = match drafted {
        Ok(record) => record,
        Err(error) => {
            tracing::error!(%error, trunk, "a call cannot be drafted");
            charges::release(&round.write, &attempt.to_string()).await?;
            decision(round, &row, "put_off", &error.to_string()).await?;
            return put_off(round, &row, UnixMs(now.0 + 30_000)).await;
        }
    };
    engine.drafted.push(record.clone());
    let call_ids = vec![record.call_id.clone()];
    let invite = serde_json::to_string(&record)
        .map_err(|e| StoreError::Damaged { what: "attempt.invite", problem: e.to_string() })?;
    let number = row.attempts + 1;
    let mut several = Several::default();
    several.add(
        "INSERT INTO attempt (id, recipient_id, batch_id, organisation_id, phone_key, attempt_no, is_open, state, \
         display_number, trunk, route_no, call_ids, invite, fence, intent_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 1, 'intent', $7, $8, 0, $9, $10, $11, $12)",
        [
            attempt.to_string().into(),
            row.id.clone().into(),
            row.batch_id.clone().into(),
            row.organisation_id.clone().into(),
            row.phone_key.clone().into(),
            number.into(),
            display.clone().into(),
            trunk.into(),
            serde_json::json!(call_ids).to_string().into(),
            invite.into(),
            engine.fence.into(),
            now.0.into(),
        ],
    );
    several.add(
        "UPDATE recipient SET state = 'dialling', mark = $1, attempts = $2, rev = $3 WHERE id = $4",
        [
            CallMark::Called.as_str().into(),
            number.into(),
            round.write.next_rev().into(),
            row.id.clone().into(),
        ],
    );
    mark_parcels(round, &mut several, &row.parcel_ids(), CallMark::Called, None);
    several.run(round.write.tx()).await?;
    let call = Call {
        attempt,
        recipient,
        batch: batch_id,
        organisation,
        courier,
        phone_key: row.phone_key.clone(),
        parcels: row.parcel_ids(),
        template: batch.template_key.clone(),
        state: AttemptState::Intent,
        display,
        callee,
        extension: phone.extension().map(str::to_owned),
        trunks: vec![trunk.to_owned()],
        call_ids,
        route_no: 0,
        cancel_requested: false,
        heard_full: false,
        fault: false,
        spoke: false,
        said: Vec::new(),
        said_before: 0,
        audible: None,
        broken: false,
        refused: None,
        keys: String::new(),
        answer_at: None,
        variables: Arc::new(variables(&row, &batch.company)),
        talk: None,
        courier_leg: None,
        menu: Menu::None,
        no_courier: false,
        probed: false,
        awaited: 0,
        deadline: None,
        limit: None,
    };
    super::talk::prepare(engine, round, &call).await?;
    engine.legs.put_call(record.leg(), call);
    round.effects.push(Effect::Place(Box::new(record), permit));
    round.effects.push(Effect::Count("waybell_attempts_total", "sent"));
    touch(round, &row.batch_id, 0);
    Ok(())
}

/// The variables of the notice, as planned, with the company's name of today.
pub(crate) fn variables(row: &RecipientRow, company: &str) -> BTreeMap<String, String> {
    let mut out: BTreeMap<String, String> = serde_json::from_str(&row.variables).unwrap_or_default();
    out.insert("company".into(), company.to_owned());
    out
}

/// Sets mark and outcome of the parcels behind a ring.
pub(crate) fn mark_parcels(
    round: &Round,
    several: &mut Several,
    parcels: &[waybell_domain::id::ParcelId],
    mark: CallMark,
    outcome: Option<&str>,
) {
    for parcel in parcels {
        several.add(
            "UPDATE parcel SET mark = $1, outcome = COALESCE($2, outcome), rev = $3 WHERE id = $4",
            [
                mark.as_str().into(),
                outcome.map(str::to_owned).into(),
                round.write.next_rev().into(),
                parcel.to_string().into(),
            ],
        );
    }
}

/// Notes that a batch's progress changed; `done` recipients became final.
pub(crate) fn touch(round: &mut Round, batch: &str, done: i64) {
    if let Ok(id) = BatchId::parse(batch) {
        *round.touched.entry(id).or_default() -= done;
    }
}

fn damaged(what: &'static str, error: impl std::fmt::Display) -> StoreError {
    StoreError::Damaged { what, problem: error.to_string() }
}

fn earlier(a: Option<UnixMs>, b: UnixMs) -> Option<UnixMs> {
    Some(a.map_or(b, |a| a.min(b)))
}

async fn put_off(round: &mut Round, row: &RecipientRow, until: UnixMs) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "UPDATE recipient SET state = 'waiting', next_at = $1, rev = $2 WHERE id = $3",
        [until.0.into(), round.write.next_rev().into(), row.id.clone().into()],
    )
    .await?;
    Ok(())
}

async fn suppress(round: &mut Round, row: &RecipientRow, reason: SuppressReason) -> Result<(), StoreError> {
    // a person who was rung before in this batch keeps the result; one who was not is left out
    let rung = row.attempts > 0;
    exec(
        round.write.tx(),
        "UPDATE recipient SET state = $1, suppressed = $2, next_at = NULL, rev = $3 WHERE id = $4",
        [
            if rung { "done" } else { "suppressed" }.into(),
            reason.as_str().into(),
            round.write.next_rev().into(),
            row.id.clone().into(),
        ],
    )
    .await?;
    decision(round, row, "suppressed", reason.as_str()).await?;
    round.tell(&row.id).await?;
    touch(round, &row.batch_id, 1);
    Ok(())
}

async fn decision(round: &Round, row: &RecipientRow, what: &str, detail: &str) -> Result<(), StoreError> {
    super::why::decide(&round.write, round.now, &row.organisation_id, Some(&row.id), None, what, detail).await
}

/// Nothing more can be tried: the last outcome stands, and a text message takes the call's place.
async fn give_up(round: &mut Round, batch: &Running, row: &RecipientRow) -> Result<(), StoreError> {
    exec(
        round.write.tx(),
        "UPDATE recipient SET state = 'done', next_at = NULL, rev = $1 WHERE id = $2",
        [round.write.next_rev().into(), row.id.clone().into()],
    )
    .await?;
    decision(round, row, "gave_up", "caller_barred").await?;
    round.tell(&row.id).await?;
    if batch.text_messages != 0
        && let Ok(organisation) = OrganisationId::parse(&row.organisation_id)
        && let Some(message) = round.message(organisation, &batch.template_key).await?
    {
        let (mut several, variables) = (Several::default(), variables(row, &batch.company));
        crate::messages::queue_notice(
            &mut several,
            round.now,
            organisation,
            &row.id,
            &row.phone_key,
            &message,
            &variables,
        );
        several.run(round.write.tx()).await?;
    }
    touch(round, &row.batch_id, 1);
    Ok(())
}
