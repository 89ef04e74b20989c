//! `tasks`, `search`, `state`, `why`.

use super::{Outcome, deliver, load, refresh, signed_in};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::io::Read;
use std::path::Path;
use waybell_core::Client;
use waybell_core::notify::ZONE;
use waybell_core::say::{field, say};
use waybell_core::sync::SyncStatus;
use waybell_domain::id::ParcelId;
use waybell_domain::import::{MOST_BYTES, small_enough};
use waybell_domain::lang::Lang;
use waybell_domain::parcel::ParcelState;
use waybell_domain::wire::{ParcelView, RowProblem};

pub(super) fn read_list(file: &Path) -> std::io::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().take(MOST_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        return small(bytes.len() as u64).map(|()| bytes);
    }
    // before any of it is read
    small(std::fs::metadata(file)?.len())?;
    std::fs::read(file)
}

fn small(bytes: u64) -> std::io::Result<()> {
    small_enough(usize::try_from(bytes).unwrap_or(usize::MAX)).map_err(|e| {
        std::io::Error::new(std::io::ErrorKind::FileTooLarge, format!("{}; {}", e.problem, e.hint))
    })
}

/// What is wrong with a line, or well to know of it.
fn row_problem(lang: Lang, p: &RowProblem) -> String {
    let (problem, hint) = (say(lang, &p.problem), say(lang, &p.hint));
    let place = match (p.object, p.position) {
        (None, _) => texts::place(lang, p.line),
        (Some(n), None) => texts::place_of_object(lang, n, p.line),
        (Some(n), Some(position)) => texts::place_in_line(lang, n, p.line, position),
    };
    match (p.column.as_str(), lang) {
        ("", _) => texts::problem_of_row(lang, place, problem, hint),
        (column, Lang::Zh) => texts::problem(lang, place, field(column).unwrap_or(column), problem, hint),
        (column, Lang::En) => texts::problem(lang, place, column, problem, hint),
    }
}

/// Lines that are printed of each kind.
const TOLD: usize = 20;

/// What is wrong with the lines of a file.
pub(super) fn tell_problems(out: &Out, rows: &[RowProblem]) {
    tell_rows(out, rows, |text| text, |n| texts::more_problems(out.lang, n));
}

/// What is well to know of the lines of a file.
pub(super) fn tell_notes(out: &Out, rows: &[RowProblem]) {
    tell_rows(out, rows, |text| texts::note(out.lang, text), |n| texts::more_notes(out.lang, n));
}

fn tell_rows(
    out: &Out,
    rows: &[RowProblem],
    told: impl Fn(String) -> String,
    more: impl Fn(usize) -> String,
) {
    for row in rows.iter().take(TOLD) {
        out.line(format!("  {}", told(row_problem(out.lang, row))));
    }
    if rows.len() > TOLD {
        out.line(format!("  {}", more(rows.len() - TOLD)));
    }
}

pub(super) async fn tasks(client: &Client, out: &Out, open: bool, limit: usize) -> Outcome {
    refresh(client).await?;
    let status = load(client, out).await?;
    let mut list = client.tasks().list().await?;
    let loaded = list.len();
    if open {
        list.retain(|p| p.state.is_open());
    }
    let all = list.len();
    list.truncate(limit);
    out.json(&out.masked(&list));
    if all == 0 && !open {
        out.line(texts::no_parcels(out.lang));
        return Ok(DONE);
    }
    tell_parcels(out, &list, all);
    tell_partial(out, &status, loaded);
    Ok(DONE)
}

pub(super) async fn stops(client: &Client, out: &Out, all: bool, limit: usize) -> Outcome {
    refresh(client).await?;
    let status = load(client, out).await?;
    let mut stops = client.tasks().stops(!all).await?;
    let (count, parcels) = (stops.len(), stops.iter().map(|s| s.parcels.len()).sum::<usize>());
    stops.truncate(limit);
    out.json(&stops);
    if count == 0 {
        out.line(texts::no_stops(out.lang));
        return Ok(DONE);
    }
    let cells = |s: &waybell_core::tasks::Stop| {
        vec![s.name.clone(), texts::parcels(out.lang, s.parcels.len()), texts::people(out.lang, s.people)]
    };
    out.table(&stops.iter().map(cells).collect::<Vec<_>>());
    out.line(texts::stops(out.lang, count, parcels));
    if count > stops.len() {
        out.line(texts::more_stops(out.lang, count - stops.len()));
    }
    tell_partial(out, &status, client.tasks().list().await?.len());
    Ok(DONE)
}

pub(super) async fn search(client: &Client, out: &Out, words: &str, limit: usize) -> Outcome {
    refresh(client).await?;
    let status = load(client, out).await?;
    let mut list = client.search().find(words, usize::MAX).await?;
    let all = list.len();
    list.truncate(limit);
    out.json(&out.masked(&list));
    tell_parcels(out, &list, all);
    if status.more {
        tell_partial(out, &status, client.tasks().list().await?.len());
    }
    Ok(DONE)
}

/// Says that a list is not whole.
fn tell_partial(out: &Out, status: &SyncStatus, loaded: usize) {
    if status.more {
        out.line(texts::partial(out.lang, loaded));
    }
}

fn tell_parcels(out: &Out, list: &[ParcelView], all: usize) {
    if list.is_empty() {
        return out.line(texts::nothing_found(out.lang));
    }
    let mut rows = vec![vec![
        texts::waybill(out.lang),
        texts::mark(out.lang),
        texts::state(out.lang),
        texts::name(out.lang),
        texts::phone(out.lang),
        texts::address(out.lang),
    ]];
    rows.extend(list.iter().map(|p| cells(out, p)));
    out.table(&rows);
    out.line(texts::parcels(out.lang, all));
    if all > list.len() {
        out.line(texts::more(out.lang, all - list.len()));
    }
}

pub(super) fn cells(out: &Out, p: &ParcelView) -> Vec<String> {
    vec![
        p.waybill_no.clone(),
        p.mark.label(out.lang).to_owned(),
        super::doors::state_told(out, p.state.label(out.lang), p.door.as_ref()),
        p.recipient_name.clone(),
        p.phones().map(|n| out.phone(n)).collect::<Vec<_>>().join(" / "),
        p.address.clone(),
    ]
}

pub(super) async fn state(client: &Client, out: &Out, waybills: &[String], word: &str) -> Outcome {
    signed_in(client)?;
    let state = state_of(word)
        .ok_or_else(|| Failure::usage(texts::no_state(out.lang, word)).hint(texts::states_hint(out.lang)))?;
    let ids = ids_on_list(client, out, waybills).await?;
    client.tasks().set_state(&ids, state).await?;
    let said = texts::state_set(out.lang, ids.len(), state.label(out.lang));
    deliver(client, out, json!({ "parcels": ids, "state": state }), &[said]).await
}

fn state_of(word: &str) -> Option<ParcelState> {
    let plain = word.trim().to_lowercase().replace(['-', ' '], "_");
    ParcelState::parse(&plain).or_else(|| {
        ParcelState::ALL
            .iter()
            .copied()
            .find(|s| s.label_zh() == word || s.label_en().replace(' ', "_") == plain)
    })
}

/// The parcels with these waybill numbers, each once. Fails with the numbers that are not on the list.
pub(super) async fn ids_on_list(
    client: &Client,
    out: &Out,
    waybills: &[String],
) -> Result<Vec<ParcelId>, Failure> {
    let mut ids: Vec<ParcelId> = Vec::with_capacity(waybills.len());
    let mut unknown: Vec<&str> = Vec::new();
    for waybill in waybills {
        let id = client.tasks().id_of(waybill)?;
        match client.tasks().get(id).await {
            Ok(_) if ids.contains(&id) => {}
            Ok(_) => ids.push(id),
            Err(waybell_core::Error::NotFound(_)) => unknown.push(waybill),
            Err(other) => return Err(other.into()),
        }
    }
    if unknown.is_empty() {
        return Ok(ids);
    }
    let named = unknown.join(out.lang.pick("、", ", "));
    Err(Failure::plain(texts::not_on_list(out.lang, named)).hint(texts::not_on_list_hint(out.lang)))
}

pub(super) async fn why(client: &Client, out: &Out, waybill: &str) -> Outcome {
    signed_in(client)?;
    let story = client.notify().why(waybill).await?;
    if story.lines.iter().any(|line| when::is_abroad(line.at)) {
        out.line(texts::zone(out.lang, ZONE.name()));
    }
    for line in &story.lines {
        // a time from which on something may happen is not told as the second before it
        let at = if line.what == "next" { when::full_second(line.at) } else { line.at };
        out.line(format!("{}  {}", when::stamp(at), out.lang.pick(&line.zh, &line.en)));
    }
    out.json(&story);
    Ok(DONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_in_both_languages() {
        assert_eq!(state_of("signed"), Some(ParcelState::Signed));
        assert_eq!(state_of("已签收"), Some(ParcelState::Signed));
        assert_eq!(state_of("delivered"), Some(ParcelState::Signed));
        assert_eq!(state_of("Out-for-delivery"), Some(ParcelState::OutForDelivery));
        assert_eq!(state_of("lost"), None);
    }
}
