//! The dial plan on the phone: the same function as the server's, over what this phone knows.

use super::rows::{self, POLICY};
use crate::error::Result;
use crate::outbox::{OperationKind, queue};
use crate::store::seal::Seal;
use crate::store::sealed_meta;
use crate::tasks::rows::find;
use rusqlite::Connection;
use std::collections::BTreeSet;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::batch::BatchState;
use waybell_domain::dial::plan::{
    Ahead, DialPlan, NoticeKind, PlanInput, PlanParcel, RatePlan, TrunkRate, plan,
};
use waybell_domain::dial::policy::Policy;
use waybell_domain::id::ParcelId;
use waybell_domain::money::Money;
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::{BatchRequest, PolicyView};

/// Zone of an organisation whose zone this phone has not been told: times that people see and write are of this one.
pub const ZONE: chrono_tz::Tz = chrono_tz::Asia::Shanghai;
/// Batches that are looked at for what was said already.
const BATCHES: u32 = 200;

/// The plan for these parcels; `None` in `parcels` is one that this phone does not know.
pub(crate) fn compute(
    c: &Connection,
    seal: &Seal,
    template: &str,
    ids: &[ParcelId],
    ahead: Option<&Ahead>,
    now: UnixMs,
) -> Result<Option<DialPlan>> {
    let mut parcels = Vec::with_capacity(ids.len());
    for &id in ids {
        let Some(row) = find(c, seal, id)? else { return Ok(None) };
        let view = row.shown;
        parcels.push(PlanParcel {
            id,
            phone: view.phone.into(),
            state: view.state,
            kind: view.kind,
            estate: view.estate,
            building: view.building,
            sequence: view.sequence,
        });
    }
    let rules: Option<PolicyView> = sealed_meta(c, seal, POLICY)?;
    let mut input = PlanInput::new(parcels, NoticeKind::of_key(template), ZONE);
    let policy = match rules {
        Some(rules) => {
            input.opted_out = rules.opted_out.into_iter().collect();
            input.rates = RatePlan {
                step_cost: Money::fen(rules.step_cost_minor),
                step_seconds: rules.step_seconds,
                ..RatePlan::default()
            };
            input.trunk = TrunkRate { channels: rules.channels, calls_per_second: rules.calls_per_second };
            rules.policy
        }
        None => Policy::default(),
    };
    input.ahead = ahead.cloned();
    past(c, seal, template, &mut input)?;
    Ok(Some(plan(&input, &policy, now)))
}

/// What is known of calls so far: answered ones, those on the line, those that wait, and taps that have not left.
fn past(c: &Connection, seal: &Seal, template: &str, input: &mut PlanInput) -> Result<()> {
    for batch in rows::batches(c, BATCHES)? {
        let same = batch.template == template;
        let stopped = matches!(batch.state, BatchState::Cancelled | BatchState::Cancelling);
        for person in rows::recipients(c, seal, batch.id)? {
            if rows::is_calling(&person) {
                input.open.insert(person.phone.key());
            }
            if !same {
                continue;
            }
            if person.mark == CallMark::Answered {
                input.said.extend(person.parcels);
            } else if !stopped && !matches!(person.state.as_str(), "done" | "suppressed" | "cancelled") {
                input.waiting.extend(person.parcels);
            }
        }
    }
    for tap in queue::alive(c, seal, &[OperationKind::Notify])? {
        if let Ok(request) = serde_json::from_slice::<BatchRequest>(&tap.body)
            && request.template == template
        {
            let wanted: BTreeSet<ParcelId> = request.parcels.into_iter().collect();
            input.waiting.extend(wanted);
        }
    }
    Ok(())
}
