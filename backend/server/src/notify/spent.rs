//! What an organisation's notices of today have lasted and cost, against the caps of its policy.
//!
//! Summed from what is stored when it is first asked for on a day, kept in memory by what ends after that. Calls that are
//! not over are counted by the caller ([`Policy::calls_left`](waybell_domain::dial::policy::Policy::calls_left)).

use super::engine::{Engine, Round};
use super::live::Leg;
use crate::app::App;
use crate::clock::midnight;
use crate::store::{StoreError, one};
use sea_orm::{ConnectionTrait, FromQueryResult};
use std::collections::{HashMap, HashSet};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::plan::RatePlan;
use waybell_domain::dial::policy::{DayUse, Policy};
use waybell_domain::id::OrganisationId;
use waybell_domain::money::Money;

/// See the module.
#[derive(Default)]
pub(crate) struct Spent {
    known: HashMap<OrganisationId, (chrono::NaiveDate, DayUse)>,
    /// Summed in this round: what ended in it is in the sum.
    fresh: HashSet<OrganisationId>,
}

impl Spent {
    /// A round was stored in which these calls ended.
    pub(crate) fn commit(&mut self, ended: &[(OrganisationId, i64)], rates: &RatePlan) {
        for (organisation, talked) in ended.iter().filter(|(o, _)| !self.fresh.contains(o)) {
            if let Some((_, used)) = self.known.get_mut(organisation) {
                used.add(*talked, rates);
            }
        }
        self.fresh.clear();
    }

    /// A round was not stored: what it had summed may not be so.
    pub(crate) fn clear(&mut self) {
        self.known.clear();
        self.fresh.clear();
    }
}

/// Why somebody waits for tomorrow, as the record says it.
pub(crate) const OVER: &str = "daily_cap";

/// What is charged for a call.
pub(crate) fn rates(app: &App) -> RatePlan {
    RatePlan {
        step_cost: Money::fen(app.config.rate.step_minor),
        step_seconds: app.config.rate.step_seconds,
        ..RatePlan::default()
    }
}

#[derive(FromQueryResult)]
struct Sum {
    talked: i64,
    steps: i64,
}

/// What the notices of an organisation have come to since then, those that are over.
pub(crate) async fn since<C: ConnectionTrait>(
    db: &C,
    organisation: OrganisationId,
    from: UnixMs,
    rates: &RatePlan,
) -> Result<DayUse, StoreError> {
    let sql = "SELECT CAST(COALESCE(SUM(end_at - answer_at), 0) AS BIGINT) AS talked, \
               CAST(COALESCE(SUM(CASE WHEN end_at > answer_at THEN (end_at - answer_at + $3 - 1) / $3 ELSE 1 END), 0) AS BIGINT) \
               AS steps FROM attempt WHERE organisation_id = $1 AND intent_at >= $2 AND answer_at IS NOT NULL \
               AND end_at IS NOT NULL";
    let step = i64::from(rates.step_seconds.max(1)) * 1_000;
    let sum: Option<Sum> =
        one(db, sql, [organisation.to_string().into(), from.0.into(), step.into()]).await?;
    let cost = |steps: i64| steps.saturating_mul(rates.step_cost.minor.max(0));
    Ok(sum.map(|s| DayUse { talked: s.talked, cost: cost(s.steps) }).unwrap_or_default())
}

/// How many calls a cap of the day leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Left {
    /// Calls that may be begun now; `None` for no cap.
    pub calls: Option<u32>,
    /// Nothing is left for today, whatever those on the line come to.
    pub over: bool,
}

/// What the caps of a day leave to an organisation in this round, in which so many of its calls were begun already.
pub(crate) async fn left(
    engine: &mut Engine,
    round: &Round,
    organisation: OrganisationId,
    policy: &Policy,
    zone: chrono_tz::Tz,
    begun: usize,
) -> Result<Left, StoreError> {
    if !policy.caps_a_day() {
        return Ok(Left { calls: None, over: false });
    }
    let rates = rates(&engine.app);
    let day = round.wall.date(zone);
    let used = match engine.spent.known.get(&organisation) {
        Some((of, used)) if *of == day => *used,
        _ => {
            let from = midnight(round.now, round.wall, zone);
            let used = since(round.write.tx(), organisation, from, &rates).await?;
            engine.spent.known.insert(organisation, (day, used));
            engine.spent.fresh.insert(organisation);
            used
        }
    };
    let on_line = engine
        .legs
        .iter()
        .filter(|(_, leg)| matches!(leg, Leg::Recipient(c) if c.organisation == organisation));
    let on_line = u32::try_from(on_line.count() + begun).unwrap_or(u32::MAX);
    let calls = policy.calls_left(used, on_line, &rates);
    Ok(Left { calls, over: policy.calls_left(used, 0, &rates) == Some(0) })
}
