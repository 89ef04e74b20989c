//! Which number a call shows, and how often each was shown today.

use super::engine::{Engine, Round};
use super::send::{Rules, Running};
use super::ways::caller_ids;
use crate::numbers::same;
use crate::store::{StoreError, number};
use std::collections::HashMap;

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
        if let Some(cap) = rules.policy.display_daily_cap {
            let today = displayed_today(engine, round, &display, rules.zone).await?
                + displayed.get(&display).copied().unwrap_or(0);
            if today >= cap {
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
    let midnight = crate::clock::midnight(round.now, round.wall, zone).0;
    let n = number(
        round.write.tx(),
        "SELECT COUNT(*) FROM attempt WHERE display_number = $1 AND intent_at >= $2",
        [display.into(), midnight.into()],
    )
    .await?;
    engine.displayed.counts.insert(display.to_owned(), n as u32);
    Ok(n as u32)
}
