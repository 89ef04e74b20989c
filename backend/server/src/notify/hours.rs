//! When a number is tried again: at hours at which it has answered before (`domain::dial::hours`).
//!
//! Counted are the organisation's own calls to the number, of the last sixty days, as they stand in its attempts: what is
//! removed there is forgotten here. Only a second or third try is timed; a first call goes when the courier taps.

use super::engine::Round;
use super::live::Call;
use super::why;
use crate::store::{StoreError, all};
use parking_lot::Mutex;
use sea_orm::FromQueryResult;
use std::collections::HashMap;
use std::sync::Arc;
use waybell_domain::clock::{DAY, HOUR, UnixMs};
use waybell_domain::dial::hours::{AnswerHours, KEPT, PARTS, Tried};
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::OrganisationId;

/// Calls of one number that are looked at, the newest.
const MOST: usize = 200;
/// How far back the house's curve looks.
const HOUSE: i64 = 14 * DAY;
/// How old the house's curve may be: it is a sum over all calls of two weeks, and changes slowly.
const FRESH: i64 = HOUR;

/// The curves of organisations by the clock of a zone, each with the time at which it was read.
pub(crate) type Houses = Arc<Mutex<HashMap<(OrganisationId, chrono_tz::Tz), (UnixMs, Arc<AnswerHours>)>>>;

#[derive(FromQueryResult)]
struct Past {
    at: i64,
    outcome: String,
}

#[derive(FromQueryResult)]
struct Sum {
    part: i64,
    tried: i64,
    answered: i64,
}

/// When to ring again, not before `earliest` (steady time): at a better hour where the number's own calls tell of one.
pub(super) async fn timed(
    round: &Round,
    call: &Call,
    policy: &Policy,
    zone: chrono_tz::Tz,
    earliest: UnixMs,
) -> Result<UnixMs, StoreError> {
    if !policy.learn_hours {
        return Ok(earliest);
    }
    let tx = round.write.tx();
    let organisation = call.organisation.to_string();
    // hours are a matter of the wall clock; attempts are stored in steady time
    let shift = round.wall.0 - round.now.0;
    let sql = format!(
        "SELECT intent_at AS at, outcome FROM attempt WHERE organisation_id = $1 AND phone_key = $2 AND intent_at > $3 \
         AND outcome IN ('answered_full', 'answered_partial', 'no_answer', 'busy', 'rejected') \
         ORDER BY intent_at DESC LIMIT {MOST}"
    );
    let values = [organisation.clone().into(), call.phone_key.clone().into(), (round.now.0 - KEPT).into()];
    let past: Vec<Past> = all(tx, &sql, values).await?;
    let tried = |p: &Past| Tried {
        at: UnixMs(p.at + shift),
        answered: CallOutcome::parse(&p.outcome).is_some_and(CallOutcome::is_answered),
    };
    let calls: Vec<Tried> = past.iter().map(tried).collect();
    let hours = AnswerHours::of(&calls, round.wall, zone);
    if !hours.tells() {
        return Ok(earliest);
    }
    let house = house(round, call.organisation, zone).await?;
    let begin = UnixMs(earliest.0 + shift);
    let Some(better) = hours.better(&house, begin, zone, |at| policy.next_open(at, zone)) else {
        return Ok(earliest);
    };
    let (from, to) = better.hours;
    let detail = format!("{from}-{to} {}/{}", better.answered, better.tried);
    let recipient = call.recipient.to_string();
    why::decide(&round.write, round.now, &organisation, Some(&recipient), None, "answer_hours", &detail)
        .await?;
    Ok(UnixMs(better.at.0 - shift).max(earliest))
}

/// The organisation's curve, read anew when it is an hour old.
async fn house(
    round: &Round,
    organisation: OrganisationId,
    zone: chrono_tz::Tz,
) -> Result<Arc<AnswerHours>, StoreError> {
    let known = round.houses.lock().get(&(organisation, zone)).cloned();
    if let Some((at, house)) = known
        && round.now.since(at) < FRESH
    {
        return Ok(house);
    }
    let offset = round.wall.offset(zone) + round.wall.0 - round.now.0;
    let sql = format!(
        "SELECT ((intent_at + $3) / {}) % {PARTS} AS part, COUNT(*) AS tried, \
         COUNT(CASE WHEN outcome IN ('answered_full', 'answered_partial') THEN 1 END) AS answered \
         FROM attempt WHERE organisation_id = $1 AND intent_at > $2 \
         AND outcome IN ('answered_full', 'answered_partial', 'no_answer', 'busy', 'rejected') GROUP BY part",
        2 * HOUR
    );
    let values = [organisation.to_string().into(), (round.now.0 - HOUSE).into(), offset.into()];
    let sums: Vec<Sum> = all(round.write.tx(), &sql, values).await?;
    let sum = |s: Sum| {
        Some((usize::try_from(s.part).ok()?, u32::try_from(s.tried).ok()?, u32::try_from(s.answered).ok()?))
    };
    let house = Arc::new(AnswerHours::house(sums.into_iter().filter_map(sum)));
    round.houses.lock().insert((organisation, zone), (round.now, house.clone()));
    Ok(house)
}
