//! Telling a dial plan: who is rung, where, who is left out and why.

use crate::out::{Failure, Out};
use crate::texts;
use crate::when;
use std::collections::{HashMap, HashSet};
use waybell_core::Client;
use waybell_core::notify::ZONE;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::plan::SuppressReason;
use waybell_domain::id::ParcelId;
use waybell_domain::lang::Lang;
use waybell_domain::wire::{ParcelView, PlanView};

/// Places that are named.
const PLACES: usize = 6;
/// People left out that are named.
const NAMED: usize = 10;

/// Says the plan of these parcels.
pub(super) async fn tell(
    client: &Client,
    out: &Out,
    plan: &PlanView,
    checked: bool,
    chosen: &[ParcelId],
) -> Result<(), Failure> {
    out.line(out.lang.pick(&plan.summary_zh, &plan.summary_en));
    let list = client.tasks().list().await?;
    let by_id: HashMap<ParcelId, &ParcelView> = list.iter().map(|p| (p.id, p)).collect();
    let out_of_it: HashSet<ParcelId> = plan.details.iter().map(|s| s.parcel).collect();
    let rung = chosen.iter().filter(|id| !out_of_it.contains(id));
    let parcels: Vec<&ParcelView> = rung.filter_map(|id| by_id.get(id).copied()).collect();
    if let Some(places) = places(out.lang, &parcels) {
        out.line(texts::places(out.lang, places));
    }
    left_out(out, plan, &by_id);
    if !checked {
        out.line(texts::local_plan(out.lang));
    }
    if client.notify().policy()?.is_none() {
        out.line(texts::default_rules(out.lang));
    }
    super::tell_held(client, out)
}

/// Where the parcels go: `幸福花园3栋 43，…`, most first.
fn places(lang: Lang, parcels: &[&ParcelView]) -> Option<String> {
    let mut counts: Vec<(String, usize)> = Vec::new();
    let mut at: HashMap<String, usize> = HashMap::new();
    for p in parcels {
        let place = place(p);
        let i = *at.entry(place.clone()).or_insert_with(|| {
            counts.push((place, 0));
            counts.len() - 1
        });
        counts[i].1 += 1;
    }
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let rest: Vec<(String, usize)> = counts.split_off(counts.len().min(PLACES));
    let mut said: Vec<String> =
        counts
            .into_iter()
            .map(|(place, n)| {
                if place.is_empty() {
                    format!("{} {n}", texts::no_place(lang))
                } else {
                    format!("{place} {n}")
                }
            })
            .collect();
    if !rest.is_empty() {
        said.push(texts::other_places(lang, rest.len(), rest.iter().map(|(_, n)| n).sum::<usize>()));
    }
    (!said.is_empty()).then(|| said.join(lang.pick("，", ", ")))
}

/// Estate and building; the address where these cannot be told.
pub(super) fn place(p: &ParcelView) -> String {
    match (p.estate.as_str(), p.building.as_str()) {
        ("", "") => p.address.chars().take(20).collect(),
        (estate, building) => format!("{estate}{building}"),
    }
}

fn left_out(out: &Out, plan: &PlanView, by_id: &HashMap<ParcelId, &ParcelView>) {
    match plan.details.len() {
        0 => {}
        n if n > NAMED => out.line(texts::many_left_out(out.lang, n)),
        _ => {
            out.line(texts::left_out(out.lang));
            let rows: Vec<Vec<String>> = plan
                .details
                .iter()
                .map(|d| {
                    let parcel = by_id.get(&d.parcel);
                    let reason = SuppressReason::parse(&d.reason);
                    vec![
                        String::new(),
                        parcel.map(|p| p.waybill_no.clone()).unwrap_or_else(|| d.parcel.to_string()),
                        parcel.map(|p| p.recipient_name.clone()).unwrap_or_default(),
                        reason.map_or(d.reason.as_str(), |r| r.label(out.lang)).to_owned(),
                    ]
                })
                .collect();
            out.table(&rows);
        }
    }
}

/// Says when a chosen start will be, in calling hours.
pub(super) fn start(client: &Client, out: &Out, at: UnixMs) -> Result<(), Failure> {
    let now = when::now();
    out.line(texts::starts(out.lang, when::moment(out.lang, at, now)));
    if let Some(rules) = client.notify().policy()? {
        let open = rules.policy.next_open(at, ZONE);
        if open > at && open != UnixMs::NEVER {
            out.line(texts::starts_in_hours(out.lang, when::moment(out.lang, open, now)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::id::UserId;
    use waybell_domain::parcel::{CallMark, ParcelState, TaskKind};

    fn parcel(estate: &str, building: &str) -> ParcelView {
        ParcelView {
            id: ParcelId::at(1, [1; 10]),
            waybill_no: "SF1000000000001".into(),
            kind: TaskKind::default(),
            state: ParcelState::default(),
            courier: UserId::at(1, [1; 10]),
            recipient_name: "王芳".into(),
            phone: None,
            more_phones: Vec::new(),
            address: "路边摊".into(),
            estate: estate.into(),
            building: building.into(),
            mark: CallMark::default(),
            outcome: None,
            preference: None,
            door: None,
            sequence: 0,
            imported_at: UnixMs(1),
            rev: 0,
        }
    }

    #[test]
    fn places_are_named_most_first() {
        let mut list = vec![parcel("幸福花园", "3栋"), parcel("幸福花园", "3栋"), parcel("", "")];
        let said = |list: &[ParcelView]| places(Lang::Zh, &list.iter().collect::<Vec<_>>());
        assert_eq!(said(&list).as_deref(), Some("幸福花园3栋 2，路边摊 1"));
        list.extend((1..=8).map(|n| parcel("春江花园", &format!("{n}幢"))));
        assert!(said(&list).unwrap().ends_with("，其余 4 处 4"), "{:?}", said(&list));
        assert_eq!(said(&[]), None);
    }
}
