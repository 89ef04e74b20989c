//! The worker: which buildings are to be asked for, and what it came to.
//!
//! Open parcels are walked through by their revisions, all of them after a start; a building of which nothing is known is
//! noted once for its branch. Then one question at a time is asked, and what was said is written in one commit with the
//! place.

use super::Set;
use super::engine::Found;
use crate::app::Shared;
use crate::places::{Branch, known_keys, put_found};
use crate::speech::Kind;
use crate::store::{StoreError, Write, all, one};
use sea_orm::{FromQueryResult, Value};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use waybell_domain::building::{asked_as, key};
use waybell_domain::clock::{DAY, HOUR, MINUTE, UnixMs};
use waybell_domain::parcel::ParcelState;
use waybell_domain::track::Place;

/// Between looks where nothing has happened.
const EVERY: Duration = Duration::from_secs(30);
/// At least between looks.
const LEAST: Duration = Duration::from_millis(500);
/// Parcels that are walked through at once.
const PAGE: i64 = 500;
/// What is not known is asked for again after this, ms.
const FORGET_NOTHING: i64 = 30 * DAY;
/// Pauses of a question after each failure of all engines, ms; the last one stays.
const PAUSES: [i64; 5] = [MINUTE, 5 * MINUTE, 30 * MINUTE, 3 * HOUR, DAY];
/// Pause of an engine that somebody has to mend.
const BARRED: Duration = Duration::from_secs(600);
/// Midnight of the vendors' quotas is that of China, ms.
const CHINA: i64 = 8 * HOUR;

#[derive(FromQueryResult)]
struct Open {
    organisation_id: String,
    branch_id: Option<String>,
    address: String,
    rev: i64,
}

#[derive(FromQueryResult)]
struct Due {
    organisation_id: String,
    branch_id: String,
    place_key: String,
    question: String,
    tries: i64,
}

impl Due {
    fn branch(&self) -> Branch {
        Branch { organisation: self.organisation_id.clone(), branch: self.branch_id.clone() }
    }
}

#[derive(FromQueryResult)]
struct Said {
    state: String,
    engine: Option<String>,
    lat_e7: Option<i64>,
    lon_e7: Option<i64>,
    within_m: Option<i64>,
}

/// What asking came to.
enum Answer {
    Found(&'static str, Found),
    /// Every engine that was asked knows of none.
    Nothing,
    /// It is to be asked again then.
    Later {
        at: UnixMs,
        failed: bool,
    },
    /// An engine is to be waited for.
    Wait(Duration),
}

/// Asks until the server stops. Returns at once where no engine is set.
pub(crate) async fn run(app: Shared) {
    if app.geocoders.engines.is_empty() {
        return;
    }
    let mut committed = app.store.committed();
    let mut seen = 0;
    loop {
        let pause = match round(&app, &mut seen).await {
            Ok(pause) => pause,
            Err(error) => {
                tracing::warn!(%error, "buildings could not be looked up; tried again later");
                EVERY
            }
        };
        let least = async {
            tokio::time::sleep(LEAST).await;
            let _ = committed.changed().await;
        };
        tokio::select! {
            () = app.stopping.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
            () = least => {}
        }
        committed.mark_unchanged();
    }
}

/// Notes what is new and asks what is due; how long to wait then.
async fn round(app: &Shared, seen: &mut i64) -> Result<Duration, StoreError> {
    while !app.stopping.is_cancelled() && note(app, seen).await? {}
    while !app.stopping.is_cancelled() {
        let now = app.clock.now();
        let sql = "SELECT organisation_id, branch_id, place_key, question, tries FROM geocode \
                   WHERE state = 'wait' AND next_at <= $1 ORDER BY next_at, place_key LIMIT 1";
        let due: Option<Due> = one(app.store.read(), sql, [now.0.into()]).await?;
        let Some(due) = due else { return Ok(EVERY) };
        if let Some(wait) = settle(app, &due, now).await? {
            tokio::select! {
                () = app.stopping.cancelled() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }
    Ok(EVERY)
}

/// Notes the buildings of some open parcels; false when there are no more.
async fn note(app: &Shared, seen: &mut i64) -> Result<bool, StoreError> {
    let end = *app.store.committed().borrow();
    let open: Vec<&str> =
        ParcelState::ALL.iter().filter(|state| state.is_open()).map(|state| state.as_str()).collect();
    let sql = format!(
        "SELECT organisation_id, branch_id, address, rev FROM parcel WHERE rev > $1 AND rev <= $2 \
         AND state IN ({}) ORDER BY rev LIMIT $3",
        crate::store::marks(4, open.len())
    );
    let mut values: Vec<Value> = vec![(*seen).into(), end.into(), PAGE.into()];
    values.extend(open.iter().map(|state| Value::from(*state)));
    let parcels: Vec<Open> = all(app.store.read(), &sql, values).await?;
    let more = parcels.len() as i64 == PAGE;
    let last = if more { parcels.last().map_or(end, |p| p.rev) } else { end };
    let mut wanted: BTreeMap<(String, String), BTreeMap<String, String>> = BTreeMap::new();
    for parcel in parcels {
        let name = key(&parcel.address);
        if let Some(question) = asked_as(&parcel.address, &app.geocoders.city).filter(|_| !name.is_empty()) {
            let of = (parcel.organisation_id, parcel.branch_id.unwrap_or_default());
            wanted.entry(of).or_default().insert(name, question);
        }
    }
    for ((organisation, branch), mut keys) in wanted {
        let of = Branch { organisation, branch };
        let names: Vec<String> = keys.keys().cloned().collect();
        for known in known_keys(app.store.read(), &of, &names).await? {
            keys.remove(&known);
        }
        put_wanted(app, &of, &keys).await?;
    }
    *seen = last;
    Ok(more)
}

async fn put_wanted(app: &Shared, of: &Branch, keys: &BTreeMap<String, String>) -> Result<(), StoreError> {
    if keys.is_empty() {
        return Ok(());
    }
    let now = app.clock.now();
    let write = app.store.begin().await?;
    for (name, question) in keys {
        let sql = "INSERT INTO geocode (organisation_id, branch_id, place_key, question, state, tries, next_at) \
                   VALUES ($1, $2, $3, $4, 'wait', 0, $5) ON CONFLICT (organisation_id, branch_id, place_key) \
                   DO UPDATE SET state = 'wait', tries = 0, question = excluded.question, next_at = excluded.next_at \
                   WHERE geocode.state = 'none' AND geocode.next_at <= $5";
        let values: [Value; 5] = [
            of.organisation.clone().into(),
            of.branch.clone().into(),
            name.clone().into(),
            question.clone().into(),
            now.0.into(),
        ];
        write.exec(sql, values).await?;
    }
    write.commit().await
}

/// Sees to one question; how long to wait before it can be asked.
async fn settle(app: &Shared, due: &Due, now: UnixMs) -> Result<Option<Duration>, StoreError> {
    let keys = [due.place_key.clone()];
    if !known_keys(app.store.read(), &due.branch(), &keys).await?.is_empty() {
        // somebody has been there meanwhile
        let write = app.store.begin().await?;
        let sql = "DELETE FROM geocode WHERE organisation_id = $1 AND branch_id = $2 AND place_key = $3 AND state = 'wait'";
        let of: [Value; 3] =
            [due.organisation_id.clone().into(), due.branch_id.clone().into(), due.place_key.clone().into()];
        write.exec(sql, of).await?;
        return write.commit().await.map(|()| None);
    }
    let answer = match said_before(app, due, now).await? {
        Some(answer) => answer,
        None => ask(app, &due.question, now).await?,
    };
    let write = app.store.begin().await?;
    match answer {
        Answer::Wait(wait) => return Ok(Some(wait)),
        Answer::Found(engine, found) => {
            finish(&write, due, "found", Some((engine, &found)), 0, now).await?;
            put_found(&write, &due.branch(), &due.place_key, engine, found.at, found.within_m, now).await?;
        }
        Answer::Nothing => finish(&write, due, "none", None, due.tries, now + FORGET_NOTHING).await?,
        Answer::Later { at, failed } => {
            let pause = PAUSES[usize::try_from(due.tries).unwrap_or(0).min(PAUSES.len() - 1)];
            let at = if failed { UnixMs(at.0.max(now.0 + pause)) } else { at };
            finish(&write, due, "wait", None, due.tries + i64::from(failed), at).await?;
        }
    }
    write.commit().await?;
    Ok(None)
}

/// What was said of this question for another branch of the organisation, or under another name.
async fn said_before(app: &Shared, due: &Due, now: UnixMs) -> Result<Option<Answer>, StoreError> {
    let sql = "SELECT state, engine, lat_e7, lon_e7, within_m FROM geocode WHERE organisation_id = $1 AND question = $2 \
               AND (state = 'found' OR (state = 'none' AND next_at > $3 AND next_at <= $4)) \
               ORDER BY state LIMIT 1";
    let values: [Value; 4] = [
        due.organisation_id.clone().into(),
        due.question.clone().into(),
        now.0.into(),
        (now.0 + FORGET_NOTHING).into(),
    ];
    let Some(said) = one::<Said, _>(app.store.read(), sql, values).await? else { return Ok(None) };
    if said.state == "none" {
        return Ok(Some(Answer::Nothing));
    }
    let e7 = |n: Option<i64>| n.and_then(|n| i32::try_from(n).ok());
    let found = e7(said.lat_e7).zip(e7(said.lon_e7)).map(|(lat_e7, lon_e7)| Found {
        at: Place { lat_e7, lon_e7 },
        within_m: said.within_m.and_then(|m| u32::try_from(m).ok()).unwrap_or_default(),
    });
    let name = app.geocoders.engines.iter().map(|set| set.engine.name());
    let name = name.into_iter().find(|name| said.engine.as_deref() == Some(*name));
    Ok(found.zip(name).map(|(found, name)| Answer::Found(name, found)))
}

/// Asks the engines in their order.
async fn ask(app: &Shared, question: &str, now: UnixMs) -> Result<Answer, StoreError> {
    let midnight = UnixMs(((now.0 + CHINA).div_euclid(DAY) + 1) * DAY - CHINA);
    let (mut nothing, mut failed, mut spent) = (false, false, false);
    for set in &app.geocoders.engines {
        if let Some(wait) = set.pace.turn(Instant::now()) {
            // the next engine would answer, but worse: a short while is waited for
            if wait < Duration::from_secs(30) {
                return Ok(Answer::Wait(wait));
            }
            failed = true;
            continue;
        }
        if !count(app, set, now).await? {
            spent = true;
            continue;
        }
        let name = set.engine.name();
        let outcome = match set.engine.find(question).await {
            Ok(answer) => {
                set.pace.worked();
                match answer {
                    Some(found) => {
                        told(name, "found");
                        return Ok(Answer::Found(name, found));
                    }
                    None => nothing = true,
                }
                "nothing"
            }
            Err(failure) => {
                match failure.kind {
                    Kind::Text => {
                        set.pace.worked();
                        nothing = true;
                    }
                    Kind::Spent => {
                        set.pace.failed(Instant::now(), Duration::from_secs(3_600));
                        spent = true;
                    }
                    Kind::Barred => {
                        set.pace.failed(Instant::now(), BARRED);
                        failed = true;
                    }
                    Kind::Again | Kind::Lost => {
                        set.pace.failed(Instant::now(), Duration::ZERO);
                        failed = true;
                    }
                }
                tracing::warn!(engine = name, problem = %failure.problem, "a building was not looked up");
                "failed"
            }
        };
        told(name, outcome);
    }
    Ok(match (failed, spent, nothing) {
        (true, ..) => Answer::Later { at: now, failed: true },
        (false, true, _) => Answer::Later { at: midnight, failed: false },
        (false, false, true) => Answer::Nothing,
        (false, false, false) => Answer::Later { at: now, failed: true },
    })
}

fn told(engine: &'static str, outcome: &'static str) {
    metrics::counter!("waybell_geocoder_asked_total", "engine" => engine, "outcome" => outcome).increment(1);
}

/// Counts a question against the day's quota, before it is sent; false where that is used up.
async fn count(app: &Shared, set: &Set, now: UnixMs) -> Result<bool, StoreError> {
    let day = (now.0 + CHINA).div_euclid(DAY).to_string();
    let of: [Value; 2] = [set.engine.name().into(), day.into()];
    let write = app.store.begin().await?;
    let first = "INSERT INTO geocoder_day (engine, day, asked) VALUES ($1, $2, 0) ON CONFLICT (engine, day) DO NOTHING";
    write.exec(first, of.clone()).await?;
    let sql = "UPDATE geocoder_day SET asked = asked + 1 WHERE engine = $1 AND day = $2 AND asked < $3";
    let values = of.into_iter().chain([i64::from(set.per_day).into()]);
    let done = write.exec(sql, values).await?.rows_affected() == 1;
    write.commit().await?;
    Ok(done)
}

/// Writes down what became of a question.
async fn finish(
    write: &Write,
    due: &Due,
    state: &str,
    found: Option<(&str, &Found)>,
    tries: i64,
    next_at: UnixMs,
) -> Result<(), StoreError> {
    let place = found.map(|(_, found)| found);
    let values: [Value; 10] = [
        state.into(),
        found.map(|(engine, _)| engine).into(),
        place.map(|f| i64::from(f.at.lat_e7)).into(),
        place.map(|f| i64::from(f.at.lon_e7)).into(),
        place.map(|f| i64::from(f.within_m)).into(),
        tries.into(),
        next_at.0.into(),
        due.organisation_id.clone().into(),
        due.branch_id.clone().into(),
        due.place_key.clone().into(),
    ];
    let sql = "UPDATE geocode SET state = $1, engine = $2, lat_e7 = $3, lon_e7 = $4, within_m = $5, tries = $6, next_at = $7 \
               WHERE organisation_id = $8 AND branch_id = $9 AND place_key = $10 AND state = 'wait'";
    write.exec(sql, values).await?;
    Ok(())
}
