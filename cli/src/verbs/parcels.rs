//! `import`, `tasks`, `search`, `state`, `why`.

use super::{Outcome, deliver, refresh, signed_in};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use serde_json::json;
use std::io::Read;
use std::path::Path;
use waybell_core::Client;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::ParcelState;
use waybell_domain::wire::{ImportReport, ParcelView};

/// Problems that are printed.
const PROBLEMS: usize = 20;

pub(super) async fn import(client: &Client, out: &Out, file: &Path, dry_run: bool) -> Outcome {
    signed_in(client)?;
    let bytes = read_list(file).map_err(|e| Failure::plain(format!("{}: {e}", file.display())))?;
    let report = client.tasks().import_csv(&bytes, dry_run).await?;
    tell_report(out, &report);
    if dry_run {
        out.table(&report.preview.iter().map(|p| cells(out, p)).collect::<Vec<_>>());
        out.line(texts::dry_run(out.lang));
        out.json(&out.masked(&report));
        return Ok(DONE);
    }
    let nothing = report.created + report.updated + report.unchanged == 0;
    let code = deliver(client, out, out.masked(&report)).await?;
    Ok(if nothing { FAILED } else { code })
}

fn read_list(file: &Path) -> std::io::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes)?;
        return Ok(bytes);
    }
    std::fs::read(file)
}

fn tell_report(out: &Out, report: &ImportReport) {
    out.line(texts::imported(out.lang, report.created, report.updated, report.unchanged, report.rejected));
    for p in report.problems.iter().take(PROBLEMS) {
        out.line(format!("  {}", texts::problem(out.lang, p.line, &p.column, &p.problem, &p.hint)));
    }
    if report.problems.len() > PROBLEMS {
        out.line(format!("  {}", texts::more_problems(out.lang, report.problems.len() - PROBLEMS)));
    }
}

pub(super) async fn tasks(client: &Client, out: &Out, open: bool, limit: usize) -> Outcome {
    refresh(client).await?;
    let mut list = client.tasks().list().await?;
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
    Ok(DONE)
}

pub(super) async fn search(client: &Client, out: &Out, words: &str, limit: usize) -> Outcome {
    refresh(client).await?;
    let mut list = client.search().find(words, usize::MAX).await?;
    let all = list.len();
    list.truncate(limit);
    out.json(&out.masked(&list));
    tell_parcels(out, &list, all);
    Ok(DONE)
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

fn cells(out: &Out, p: &ParcelView) -> Vec<String> {
    vec![
        p.waybill_no.clone(),
        p.mark.label(out.lang).to_owned(),
        p.state.label(out.lang).to_owned(),
        p.recipient_name.clone(),
        p.phone.as_ref().map(|n| out.phone(n)).unwrap_or_default(),
        p.address.clone(),
    ]
}

pub(super) async fn state(client: &Client, out: &Out, words: &[String]) -> Outcome {
    signed_in(client)?;
    let Some((word, waybills)) = words.split_last() else {
        return Err(Failure::usage(texts::states_hint(out.lang)));
    };
    let state = state_of(word)
        .ok_or_else(|| Failure::usage(texts::no_state(out.lang, word)).hint(texts::states_hint(out.lang)))?;
    let ids = ids(client, waybills)?;
    client.tasks().set_state(&ids, state).await?;
    out.line(texts::state_set(out.lang, ids.len(), state.label(out.lang)));
    deliver(client, out, json!({ "parcels": ids, "state": state })).await
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

/// The parcels with these waybill numbers, each once.
pub(super) fn ids(client: &Client, waybills: &[String]) -> Result<Vec<ParcelId>, Failure> {
    let mut ids: Vec<ParcelId> = Vec::with_capacity(waybills.len());
    for waybill in waybills {
        let id = client.tasks().id_of(waybill)?;
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    Ok(ids)
}

pub(super) async fn why(client: &Client, out: &Out, waybill: &str) -> Outcome {
    signed_in(client)?;
    let story = client.notify().why(waybill).await?;
    for line in &story.lines {
        out.line(format!("{}  {}", local_time(line.at), out.lang.pick(&line.zh, &line.en)));
    }
    out.json(&story);
    Ok(DONE)
}

/// Date and time of this machine's zone.
pub(super) fn local_time(at: UnixMs) -> String {
    at.to_utc().with_timezone(&chrono::Local).format("%m-%d %H:%M:%S").to_string()
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
