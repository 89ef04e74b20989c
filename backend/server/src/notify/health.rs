//! Health of displayed numbers: what their calls came to in the last days, which of them are better replaced, and the
//! list for whoever is responsible. The judgement is `waybell_domain::dial::health`.
//!
//! The dialler asks for it every ten minutes, beside its rounds: counting reads what may be many calls, and a round waits
//! for nothing. Until the first count is there, and in a house with one number, nothing is replaced.

use crate::accounts::auth::Signed;
use crate::app::Shared;
use crate::http::error::ApiResult;
use crate::numbers::{same, staff};
use crate::store::{StoreError, all, marks};
use axum::Json;
use axum::extract::State;
use sea_orm::{ConnectionTrait, FromQueryResult, Value};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::{Arc, RwLock};
use waybell_domain::clock::{DAY, MINUTE, UnixMs};
use waybell_domain::dial::health::{AT_ONCE, Reception};
use waybell_domain::dial::outcome::CallOutcome;
use waybell_domain::wire::{DisplayNumberView, ErrorBody};

/// Between two counts.
const EVERY: i64 = 10 * MINUTE;
/// Calls of this time count: long enough for an interval, short enough to see a number being marked.
const WITHIN: i64 = 3 * DAY;

/// Organisations with those of their numbers that are better replaced.
type Set = HashSet<(String, String)>;

/// What the dialler knows of it.
#[derive(Default)]
pub(crate) struct Suspects {
    set: Arc<RwLock<Set>>,
    counted: Option<UnixMs>,
}

impl Suspects {
    /// Counts anew where that is due; the result is there a moment later.
    pub(super) fn refresh(&mut self, app: &Shared, now: UnixMs) {
        let due = self.counted.is_none_or(|at| now.0 - at.0 >= EVERY);
        // with one number there is nothing to show in its place
        if !due || app.config.trunk.iter().all(|t| t.caller_ids.len() < 2) {
            return;
        }
        self.counted = Some(now);
        let (app, set) = (app.clone(), self.set.clone());
        tokio::spawn(async move {
            match suspects(&app, now).await {
                Ok(found) => {
                    if let Ok(mut set) = set.write() {
                        *set = found;
                    }
                }
                Err(error) => tracing::warn!(%error, "the health of displayed numbers cannot be counted"),
            }
        });
    }

    /// The numbers in their order, suspect ones behind the others; `asked` for by the batch itself stays where it is.
    pub(super) fn behind(
        &self,
        organisation: &str,
        asked: Option<&str>,
        mut numbers: Vec<String>,
    ) -> Vec<String> {
        let Ok(set) = self.set.read() else { return numbers };
        if !set.is_empty() {
            numbers.sort_by_cached_key(|number| {
                !asked.is_some_and(|asked| same(asked, number))
                    && set.contains(&(organisation.to_owned(), number.clone()))
            });
        }
        numbers
    }
}

async fn suspects(app: &Shared, now: UnixMs) -> Result<Set, StoreError> {
    let numbers: BTreeSet<&str> =
        app.config.trunk.iter().flat_map(|t| t.caller_ids.iter().map(String::as_str)).collect();
    let counted = count(app.store.read(), None, &numbers, now).await?;
    let mut set = Set::new();
    for (organisation, receptions) in &counted {
        for (number, own) in receptions {
            let health = own.health(beside(receptions, number));
            metrics::gauge!("waybell_display_number_suspect", "number" => number.clone())
                .set(if health.is_suspect() { 1.0 } else { 0.0 });
            if health.is_suspect() {
                tracing::warn!(number, health = health.as_str(), "a displayed number is better replaced");
                set.insert((organisation.clone(), number.clone()));
            }
        }
    }
    Ok(set)
}

/// What the calls of the other numbers came to.
fn beside(receptions: &BTreeMap<String, Reception>, number: &str) -> Reception {
    let others = receptions.iter().filter(|(n, _)| n.as_str() != number);
    others.fold(Reception::default(), |sum, (_, r)| sum.plus(*r))
}

#[derive(FromQueryResult)]
struct Counted {
    organisation_id: String,
    display_number: String,
    outcome: String,
    calls: i64,
    at_once: i64,
}

/// What the calls of these numbers came to, by organisation and number.
async fn count<C: ConnectionTrait>(
    db: &C,
    organisation: Option<&str>,
    numbers: &BTreeSet<&str>,
    now: UnixMs,
) -> Result<BTreeMap<String, BTreeMap<String, Reception>>, StoreError> {
    let mut out: BTreeMap<String, BTreeMap<String, Reception>> = BTreeMap::new();
    if numbers.is_empty() {
        return Ok(out);
    }
    let mut values: Vec<Value> = vec![(now.0 - WITHIN).into(), AT_ONCE.into()];
    values.extend(numbers.iter().map(|n| Value::from(*n)));
    let mut sql = format!(
        "SELECT organisation_id, display_number, outcome, COUNT(*) AS calls, \
         SUM(CASE WHEN end_at - answer_at < $2 THEN 1 ELSE 0 END) AS at_once FROM attempt \
         WHERE display_number IN ({}) AND intent_at > $1 AND outcome IS NOT NULL",
        marks(3, numbers.len())
    );
    if let Some(organisation) = organisation {
        values.push(organisation.into());
        sql.push_str(&format!(" AND organisation_id = ${}", values.len()));
    }
    sql.push_str(" GROUP BY organisation_id, display_number, outcome");
    for row in all::<Counted, _>(db, &sql, values).await? {
        let Some(outcome) = CallOutcome::parse(&row.outcome) else { continue };
        let calls = u32::try_from(row.calls).unwrap_or(u32::MAX);
        let of = out.entry(row.organisation_id).or_default().entry(row.display_number).or_default();
        *of = of.plus(reception(outcome, calls, u32::try_from(row.at_once).unwrap_or(u32::MAX)));
    }
    Ok(out)
}

fn reception(outcome: CallOutcome, calls: u32, at_once: u32) -> Reception {
    let none = Reception::default();
    match outcome {
        CallOutcome::AnsweredFull => Reception { offered: calls, answered: calls, ..none },
        CallOutcome::AnsweredPartial => {
            Reception { offered: calls, answered: calls, hung_up: at_once, ..none }
        }
        CallOutcome::NoAnswer | CallOutcome::Busy | CallOutcome::Rejected => {
            Reception { offered: calls, ..none }
        }
        CallOutcome::CallerBarred => Reception { refused: calls, ..none },
        // these say something about the callee's line, or about us
        CallOutcome::Interrupted
        | CallOutcome::InvalidNumber
        | CallOutcome::OutOfCoverage
        | CallOutcome::PoweredOff
        | CallOutcome::Suspended
        | CallOutcome::RateLimited
        | CallOutcome::TimeBarred
        | CallOutcome::CapacityExceeded
        | CallOutcome::ProviderError
        | CallOutcome::Cancelled
        | CallOutcome::Unknown => none,
    }
}

#[derive(FromQueryResult)]
struct Owned {
    number: String,
    organisation_id: String,
}

/// The numbers that recipients may see, with what their calls of the last three days came to (supervisors). One that is
/// answered far less, or hung up at once far more, than the others is likely marked as a nuisance: the dialler shows
/// another where there is one.
#[utoipa::path(get, path = "/api/v1/display-numbers", tag = "numbers", security(("bearer" = [])),
    responses((status = 200, body = [DisplayNumberView]), (status = 403, body = ErrorBody)))]
pub async fn display_numbers(
    State(app): State<Shared>,
    signed: Signed,
) -> ApiResult<Json<Vec<DisplayNumberView>>> {
    let organisation = staff(&signed)?.organisation.to_string();
    let db = app.store.read();
    let owned: Vec<Owned> = all(db, "SELECT number, organisation_id FROM caller_id", []).await?;
    let others = |number: &str| {
        let mut owners = owned.iter().filter(|o| same(&o.number, number)).peekable();
        owners.peek().is_some() && owners.all(|o| o.organisation_id != organisation)
    };
    let mut trunks: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for trunk in &app.config.trunk {
        for number in trunk.caller_ids.iter().filter(|n| !others(n)) {
            trunks.entry(number).or_default().push(trunk.name.clone());
        }
    }
    let numbers = trunks.keys().copied().collect();
    let counted = count(db, Some(&organisation), &numbers, app.clock.now()).await?;
    let receptions = counted.into_values().next().unwrap_or_default();
    let view = |(number, trunks): (&str, Vec<String>)| {
        let reception = receptions.get(number).copied().unwrap_or_default();
        let health = reception.health(beside(&receptions, number));
        DisplayNumberView { number: number.to_owned(), trunks, reception, health }
    };
    Ok(Json(trunks.into_iter().map(view).collect()))
}
