//! Which number a call shows, and how often each was shown today.

use super::engine::{Engine, Round};
use super::send::{Rules, Running};
use super::ways::{caller_ids, callers, free_to_show};
use crate::app::App;
use crate::clock::midnight;
use crate::numbers::same;
use crate::store::{StoreError, Write, number};
use sea_orm::ConnectionTrait;
use std::collections::HashMap;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::policy::Policy;

/// Calls of today by display number.
#[derive(Default)]
pub(crate) struct Displayed {
    day: Option<chrono::NaiveDate>,
    counts: HashMap<String, u32>,
}

impl Displayed {
    /// One more call shows it.
    pub(super) fn count(&mut self, number: &str) {
        if let Some(count) = self.counts.get_mut(number) {
            *count += 1;
        }
    }

    pub(crate) fn commit(&mut self, sent: HashMap<String, u32>) {
        for (number, n) in sent {
            // a number that was not counted yet is counted in the database when its cap is asked for
            if let Some(count) = self.counts.get_mut(&number) {
                *count += n;
            }
        }
    }
}

/// Why somebody waits for tomorrow, as the record says it.
pub(super) const OVER: &str = "display_daily_cap";

/// Calls that the numbers of an organisation may still show today; `None` for no cap.
pub(super) async fn left_today(
    app: &App,
    write: &Write,
    organisation: &str,
    midnight: UnixMs,
    policy: &Policy,
) -> Result<Option<u32>, StoreError> {
    if policy.display_daily_cap.is_none() {
        return Ok(None);
    }
    // whose a number is, and how often others have shown it
    let look = async {
        let owners = callers(write.tx()).await?;
        let all_numbers = app.config.trunk.iter().flat_map(|t| &t.caller_ids).cloned().collect::<Vec<_>>();
        let mut numbers = free_to_show(app, &all_numbers, &owners, organisation);
        numbers.sort();
        numbers.dedup();
        // no number at all is no matter of a day: the dialler says so
        if numbers.is_empty() {
            return Ok(None);
        }
        let mut left = 0u32;
        for number in &numbers {
            let today = shown_since(write.tx(), number, midnight).await?;
            left = left.saturating_add(policy.display_left(today).unwrap_or(u32::MAX));
        }
        Ok(Some(left))
    };
    write.beyond(look).await
}

async fn shown_since<C: ConnectionTrait>(db: &C, display: &str, from: UnixMs) -> Result<u32, StoreError> {
    let sql = "SELECT COUNT(*) FROM attempt WHERE display_number = $1 AND intent_at >= $2";
    let n = number(db, sql, [display.into(), from.0.into()]).await?;
    Ok(u32::try_from(n).unwrap_or(u32::MAX))
}

/// What a trunk offers for showing.
pub(super) enum Shown {
    Number(String),
    /// All that are left have been shown often enough today.
    Capped,
    /// The carrier has refused each of them.
    Barred,
}

/// The number to show on this trunk.
pub(super) async fn shown(
    engine: &mut Engine,
    round: &Round,
    rules: &Rules,
    batch: &Running,
    barred: &[String],
    displayed: &HashMap<String, u32>,
    trunk: &str,
) -> Result<Shown, StoreError> {
    let mut capped = false;
    let numbers = display_numbers(engine, batch, trunk);
    let asked = batch.display_number.as_deref();
    for display in engine.suspects.behind(&batch.organisation_id, asked, numbers) {
        if barred.contains(&display) {
            continue;
        }
        if rules.policy.display_daily_cap.is_some() {
            let today = displayed_today(engine, round, &display, rules.zone).await?
                + displayed.get(&display).copied().unwrap_or(0);
            if rules.policy.display_left(today) == Some(0) {
                capped = true;
                continue;
            }
        }
        return Ok(Shown::Number(display));
    }
    Ok(if capped { Shown::Capped } else { Shown::Barred })
}

/// The numbers that may be shown on this trunk: the one asked for first, then the branch's, then the others.
fn display_numbers(engine: &Engine, batch: &Running, trunk: &str) -> Vec<String> {
    let allowed = caller_ids(engine, &batch.organisation_id, trunk);
    let mut out: Vec<String> = Vec::with_capacity(allowed.len());
    // as the trunk spells it, whichever way it was wished for
    let wished = [&batch.display_number, &batch.branch_number]
        .into_iter()
        .flatten()
        .filter_map(|wish| allowed.iter().find(|number| same(wish, number)));
    for number in wished.chain(&allowed) {
        if !out.contains(number) {
            out.push(number.clone());
        }
    }
    out
}

pub(super) async fn displayed_today(
    engine: &mut Engine,
    round: &Round,
    display: &str,
    zone: chrono_tz::Tz,
) -> Result<u32, StoreError> {
    let day = round.wall.date(zone);
    if engine.displayed.day != Some(day) {
        engine.displayed = Displayed { day: Some(day), counts: HashMap::new() };
    }
    if let Some(n) = engine.displayed.counts.get(display) {
        return Ok(*n);
    }
    let n = shown_since(round.write.tx(), display, midnight(round.now, round.wall, zone)).await?;
    engine.displayed.counts.insert(display.to_owned(), n);
    Ok(n)
}
