//! The day's parcels by stop: one building, one walk up.

use super::Tasks;
use crate::error::Result;
use serde::Serialize;
use std::collections::{BTreeMap, HashSet};
use waybell_domain::address::split;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::{StopRule, regroup};
use waybell_domain::wire::ParcelView;

/// A building, house or gate with the parcels that go there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// What the courier calls it: estate and building as most of its addresses write them, or a whole address that
    /// says neither.
    pub name: String,
    /// Its parcels, in the courier's order.
    pub parcels: Vec<ParcelId>,
    /// Those of them that still have to be brought or fetched.
    pub open: usize,
    /// Recipients, told apart by telephone number; a parcel without one counts as somebody of its own.
    pub people: usize,
}

impl Tasks {
    /// The parcels by stop, in the order in which the list first names each, put right by what the branch has merged and split
    /// by hand. With `open_only` parcels that are done with are left out. Works offline; grouped anew at each call, which takes
    /// a few milliseconds for a day's list.
    pub async fn stops(&self, open_only: bool) -> Result<Vec<Stop>> {
        let mut list = self.list().await?;
        if open_only {
            list.retain(|p| p.state.is_open());
        }
        let rules = super::stop_rules::plain(self.stop_rules().await?);
        Ok(stops(&list, &rules))
    }
}

fn stops(list: &[ParcelView], rules: &[StopRule]) -> Vec<Stop> {
    let addresses: Vec<&str> = list.iter().map(|p| p.address.as_str()).collect();
    let mut together: BTreeMap<usize, Vec<&ParcelView>> = BTreeMap::new();
    for (parcel, first) in list.iter().zip(regroup(&addresses, rules)) {
        together.entry(first).or_default().push(parcel);
    }
    together.into_values().map(|parcels| stop(&parcels)).collect()
}

fn stop(parcels: &[&ParcelView]) -> Stop {
    let mut names: BTreeMap<String, usize> = BTreeMap::new();
    for parcel in parcels {
        let parts = split(&parcel.address);
        let name = match (parts.estate, parts.building) {
            (Some(estate), building) => format!("{estate}{}", building.unwrap_or_default()),
            (None, _) => parcel.address.clone(),
        };
        *names.entry(name).or_default() += 1;
    }
    // the name that most of them have; of several the first
    let name = names.into_iter().rev().max_by_key(|(_, n)| *n).map(|(name, _)| name);
    let numbers: HashSet<_> = parcels.iter().filter_map(|p| p.phone.as_ref()).collect();
    let without = parcels.iter().filter(|p| p.phone.is_none()).count();
    Stop {
        name: name.unwrap_or_default(),
        parcels: parcels.iter().map(|p| p.id).collect(),
        open: parcels.iter().filter(|p| p.state.is_open()).count(),
        people: numbers.len() + without,
    }
}
