//! `sign`, `leave`, `except`, `return`, `pick-up`, `hand-over`, `merge`, `split`; and undoing what was done last.

use super::parcels::ids_on_list;
use super::{Outcome, deliver, signed_in};
use crate::args::{Chosen, ExceptArgs, LeaveArgs, PickUpArgs, SignArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::path::PathBuf;
use waybell_core::notify::Undone;
use waybell_core::say::say;
use waybell_core::{Client, Error};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{BatchId, OperationId, ParcelId};
use waybell_domain::lang::Lang;
use waybell_domain::money::Money;
use waybell_domain::parcel::{
    ConsentSource, Deed, ExceptionReason, HandConsent, Payer, Proof, SignedBy, Size, StopRuleKind,
    UNDO_WITHIN,
};
use waybell_domain::wire::{DoorView, StopRuleView};

/// A photo is no larger.
const LARGEST: u64 = 32 << 20;

/// Reads a word of a table, in either language. The parser of arguments lets no other through.
macro_rules! word {
    ($kind:ty, $text:expr) => {
        <$kind>::ALL.iter().copied().find(|w| w.as_str() == $text || w.label_zh() == $text)
    };
}

pub(super) async fn sign(client: &Client, out: &Out, args: &SignArgs) -> Outcome {
    let by = word!(SignedBy, args.by).unwrap_or_default();
    let cash = args.cash.as_deref().map(|text| money(out, text)).transpose()?;
    let deed = Deed::Sign { by, name: args.name.clone(), cash };
    record(client, out, &args.chosen, deed, &args.photo).await
}

pub(super) async fn leave(client: &Client, out: &Out, args: &LeaveArgs) -> Outcome {
    let source = args.consent.as_deref().and_then(|text| word!(ConsentSource, text));
    let (code, note) = (args.code.clone(), args.note.clone());
    let deed = match (&args.station, &args.locker) {
        (Some(place), _) => {
            let consent = source.map(|source| HandConsent { source, note });
            Deed::Station { place: place.clone(), code, consent }
        }
        (None, Some(place)) => {
            let consent = source.map(|source| HandConsent { source, note });
            Deed::Locker { place: place.clone(), code, consent }
        }
        (None, None) => Deed::Door { note, consent: source.map(|source| HandConsent { source, note: None }) },
    };
    record(client, out, &args.chosen, deed, &args.photo).await
}

pub(super) async fn except(client: &Client, out: &Out, args: &ExceptArgs) -> Outcome {
    let reason = word!(ExceptionReason, args.reason).unwrap_or(ExceptionReason::Other);
    let until = args.until.as_deref().map(|text| when::start(out.lang, text, when::now())).transpose()?;
    let deed = Deed::Exception { reason, note: args.note.clone(), until };
    record(client, out, &args.chosen, deed, &args.photo).await
}

pub(super) async fn give_back(
    client: &Client,
    out: &Out,
    chosen: &Chosen,
    note: Option<&str>,
    photo: &[PathBuf],
) -> Outcome {
    record(client, out, chosen, Deed::Return { note: note.map(str::to_owned) }, photo).await
}

pub(super) async fn pick_up(client: &Client, out: &Out, args: &PickUpArgs) -> Outcome {
    let size = match args.size.as_deref() {
        None => None,
        Some(text) => Some(size(text).ok_or_else(|| {
            Failure::usage(texts::no_size(out.lang, text)).hint(texts::size_hint(out.lang))
        })?),
    };
    let sum = args.sum.as_deref().map(|text| money(out, text)).transpose()?;
    let payer = args.payer.as_deref().and_then(|text| word!(Payer, text));
    let deed = Deed::PickUp { weight_g: args.weight, size, payer, sum };
    record(client, out, &args.chosen, deed, &args.photo).await
}

async fn record(client: &Client, out: &Out, chosen: &Chosen, deed: Deed, photo: &[PathBuf]) -> Outcome {
    signed_in(client)?;
    let ids = parcels(client, out, chosen).await?;
    let proof = photo.iter().map(|file| photo_of(out, file)).collect::<Result<Vec<Proof>, Failure>>()?;
    let told = described(out, &deed);
    let recorded = match client.tasks().record(&ids, deed, proof).await {
        Ok(recorded) => recorded,
        Err(Error::BadInput { field, problem, .. }) if field == "consent" && !problem.starts_with("is ") => {
            let text = say(out.lang, &problem);
            return Err(Failure::plain(text).hint(texts::consent_hint(out.lang)));
        }
        Err(other) => return Err(other.into()),
    };
    let mut said = vec![texts::recorded(out.lang, ids.len(), told)];
    if recorded.photo_wanted {
        said.push(texts::photo_wanted(out.lang));
    }
    deliver(client, out, json!({ "parcels": ids, "deed": recorded.id }), &said).await
}

/// The parcels that are meant: by waybill number, or all that are open of a stop.
async fn parcels(client: &Client, out: &Out, chosen: &Chosen) -> Result<Vec<ParcelId>, Failure> {
    let mut ids = Vec::new();
    for name in &chosen.stop {
        ids.extend(client.search().stop(name).await?.parcels);
    }
    if !chosen.waybills.is_empty() {
        ids.extend(ids_on_list(client, out, &chosen.waybills).await?);
    }
    if ids.is_empty() {
        return Err(Failure::usage(texts::choose_at_door(out.lang)));
    }
    let mut seen = std::collections::HashSet::new();
    ids.retain(|id| seen.insert(*id));
    Ok(ids)
}

pub(super) fn photo_of(out: &Out, file: &PathBuf) -> Result<Proof, Failure> {
    let failed = |problem: String| Failure::plain(format!("{}: {}", file.display(), say(out.lang, &problem)));
    let size = std::fs::metadata(file).map_err(|e| failed(e.to_string()))?.len();
    if size > LARGEST {
        return Err(failed(texts::photo_too_large(out.lang)));
    }
    let bytes = std::fs::read(file).map_err(|e| failed(e.to_string()))?;
    let name = file.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    Ok(Proof::of(&bytes, &name))
}

/// `12.5` as fen; no floating point.
fn fen(text: &str) -> Option<i64> {
    let text = text.trim().trim_start_matches(['¥', '￥']);
    let (yuan, rest) = text.split_once('.').unwrap_or((text, ""));
    let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
    if yuan.is_empty() || rest.len() > 2 || !digits(yuan) || !digits(rest) {
        return None;
    }
    let rest: i64 = format!("{rest:0<2}").parse().ok()?;
    yuan.parse::<i64>().ok()?.checked_mul(100)?.checked_add(rest)
}

fn money(out: &Out, text: &str) -> Result<Money, Failure> {
    fen(text)
        .map(Money::fen)
        .ok_or_else(|| Failure::usage(texts::no_sum(out.lang, text)).hint(texts::sum_hint(out.lang)))
}

/// `300x200x100`, in millimetres.
fn size(text: &str) -> Option<Size> {
    let mut sides = text.split(['x', 'X', '×', '*']).map(|side| side.trim().parse::<u32>());
    let (length, width, height) = (sides.next()?.ok()?, sides.next()?.ok()?, sides.next()?.ok()?);
    sides.next().is_none().then_some(Size { length, width, height })
}

fn described(out: &Out, deed: &Deed) -> String {
    let kind = deed.kind().label(out.lang);
    let more = detail(out, deed);
    if more.is_empty() { kind.to_owned() } else { with_detail(out, kind, &more) }
}

fn with_detail(out: &Out, text: &str, detail: &str) -> String {
    match out.lang {
        Lang::Zh => format!("{text}（{detail}）"),
        Lang::En => format!("{text} ({detail})"),
    }
}

/// What a list shows beside the state; empty where that says all.
fn detail(out: &Out, deed: &Deed) -> String {
    match deed {
        Deed::Sign { by: SignedBy::Recipient, .. } => String::new(),
        Deed::Sign { by: SignedBy::Other, name: Some(name), .. } => name.clone(),
        Deed::Sign { by, .. } => by.label(out.lang).to_owned(),
        Deed::Station { place, code, .. } | Deed::Locker { place, code, .. } => match code {
            Some(code) => format!("{place} {code}"),
            None => place.clone(),
        },
        Deed::Door { .. } => deed.kind().label(out.lang).to_owned(),
        Deed::Exception { reason, .. } => reason.label(out.lang).to_owned(),
        Deed::Return { .. } | Deed::PickUp { .. } => String::new(),
    }
}

/// The state of a parcel with what was done at the door, for lists.
pub(super) fn state_told(out: &Out, label: &str, door: Option<&DoorView>) -> String {
    match door.map(|door| detail(out, &door.deed)).filter(|d| !d.is_empty()) {
        Some(detail) => with_detail(out, label, &detail),
        None => label.to_owned(),
    }
}

pub(super) async fn hand_over(client: &Client, out: &Out, chosen: &Chosen, to: &str) -> Outcome {
    signed_in(client)?;
    let ids = parcels(client, out, chosen).await?;
    match client.tasks().hand_over(&ids, to).await {
        Ok(answer) => {
            out.line(texts::handed_over(out.lang, answer.parcels.len(), &answer.name));
            out.json(&answer);
            Ok(DONE)
        }
        Err(error @ Error::Offline { left, .. }) => {
            let hint =
                if left { texts::hand_over_unknown(out.lang) } else { texts::hand_over_offline(out.lang) };
            Err(Failure::from(error).hint(hint))
        }
        Err(other) => Err(other.into()),
    }
}

pub(super) async fn merge(client: &Client, out: &Out, chosen: &Chosen) -> Outcome {
    signed_in(client)?;
    let ids = parcels(client, out, chosen).await?;
    let id = client.tasks().merge_stops(&ids).await?;
    deliver(client, out, json!({ "rule": id }), &[texts::merged(out.lang, short(id))]).await
}

pub(super) async fn split(client: &Client, out: &Out, waybills: &[String]) -> Outcome {
    signed_in(client)?;
    let ids = ids_on_list(client, out, waybills).await?;
    let id = client.tasks().split_stop(&ids).await?;
    deliver(client, out, json!({ "rule": id }), &[texts::split(out.lang, short(id))]).await
}

fn short(id: OperationId) -> String {
    // ids made in one minute begin alike: as much of one as tells them apart
    id.to_string().chars().take(18).collect()
}

/// What the branch has learnt about stops.
pub(super) async fn learned(client: &Client, out: &Out) -> Outcome {
    let rules = client.tasks().stop_rules().await?;
    out.json(&rules);
    if rules.is_empty() {
        out.line(texts::nothing_learned(out.lang));
        return Ok(DONE);
    }
    let cells = |rule: &StopRuleView| {
        let keys: Vec<&str> = rule.keys.iter().filter_map(|key| key.get(2..)).collect();
        vec![short(rule.id), rule.kind.label(out.lang).to_owned(), keys.join(" = ")]
    };
    out.table(&rules.iter().map(cells).collect::<Vec<_>>());
    out.line(texts::learned_hint(out.lang));
    Ok(DONE)
}

/// Something that can be undone, other than a batch.
#[derive(Clone, Copy, Debug)]
enum Last {
    Deed(OperationId, usize),
    Rule(OperationId, StopRuleKind),
    /// It was undone a moment ago: asking again, because the answer was not seen, must not undo anything else.
    Undone(OperationId),
}

/// The time in an id of version 7: the first 48 bits, milliseconds by the clock of the machine that made it.
fn made(id: &str) -> i64 {
    let digits: String = id.chars().filter(|c| *c != '-').take(12).collect();
    i64::from_str_radix(&digits, 16).unwrap_or(0)
}

/// Undoes the last deed, merge or split of this machine, where it is newer than the newest tap `batch` and no older than
/// 30 s; or the one whose id begins so. Asked again, it undoes nothing more. `None` where nothing of the kind is meant.
pub(super) async fn undo(
    client: &Client,
    out: &Out,
    wanted: Option<&str>,
    batch: Option<BatchId>,
) -> Result<Option<u8>, Failure> {
    let Some(last) = find(client, wanted, batch).await? else { return Ok(None) };
    if let Last::Undone(id) = last {
        let said = match batch.filter(|_| wanted.is_none()) {
            Some(batch) => texts::undone_already_batch(out.lang, batch),
            None => texts::undone_already(out.lang),
        };
        return deliver(client, out, json!({ "undone": id }), &[said]).await.map(Some);
    }
    let (id, said) = match last {
        Last::Deed(id, parcels) => {
            let said = match client.tasks().undo_deed(id).await? {
                Undone::TakenBack => texts::taken_back(out.lang),
                Undone::Asked => texts::deed_undone(out.lang, parcels),
            };
            (id, said)
        }
        Last::Rule(id, kind) => {
            client.tasks().undo_stop_rule(id).await?;
            (id, texts::rule_undone(out.lang, kind.label(out.lang)))
        }
        Last::Undone(_) => return Ok(None),
    };
    deliver(client, out, json!({ "undone": id }), &[said]).await.map(Some)
}

async fn find(
    client: &Client,
    wanted: Option<&str>,
    batch: Option<BatchId>,
) -> Result<Option<Last>, Failure> {
    let deed = client.tasks().last_deed()?;
    let rules = client.tasks().stop_rules().await?;
    let undone = client.tasks().last_undone()?;
    if let Some(start) = wanted {
        let start = start.trim().to_lowercase();
        if start.len() < 4 {
            return Ok(None);
        }
        let begins = |id: OperationId| id.to_string().starts_with(&start);
        if let Some(deed) = deed.filter(|d| begins(d.id)) {
            return Ok(Some(Last::Deed(deed.id, deed.parcels.len())));
        }
        if let Some(id) = undone.filter(|id| begins(*id)) {
            return Ok(Some(Last::Undone(id)));
        }
        let mut found = rules.iter().filter(|r| begins(r.id));
        return Ok(match (found.next(), found.next()) {
            (Some(rule), None) => Some(Last::Rule(rule.id, rule.kind)),
            _ => None,
        });
    }
    let me = client.session().current().map(|user| user.id);
    let young = |id: OperationId| {
        let age = when::now().since(UnixMs(made(&id.to_string())));
        (0..=UNDO_WITHIN).contains(&age)
    };
    let rule = rules.iter().filter(|r| Some(r.by) == me && young(r.id)).max_by_key(|r| r.id);
    let rule = rule.map(|r| (r.id, Last::Rule(r.id, r.kind)));
    let deed = deed.filter(|d| d.left_ms > 0).map(|d| (d.id, Last::Deed(d.id, d.parcels.len())));
    let undone = undone.map(|id| (id, Last::Undone(id)));
    let newest = [rule, deed, undone].into_iter().flatten().max_by_key(|(id, _)| *id);
    let newest =
        newest.filter(|(id, _)| batch.is_none_or(|batch| made(&batch.to_string()) <= made(&id.to_string())));
    Ok(newest.map(|(_, last)| last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_and_sizes() {
        assert_eq!(fen("12.5"), Some(1_250));
        assert_eq!(fen("¥0.05"), Some(5));
        assert_eq!(fen("300"), Some(30_000));
        for bad in ["", ".5", "1.234", "-3", "1e3", "十", "99999999999999999999"] {
            assert_eq!(fen(bad), None, "{bad}");
        }
        assert_eq!(size("300x200×100"), Some(Size { length: 300, width: 200, height: 100 }));
        assert_eq!(size("300x200"), None);
        assert_eq!(size("1x2x3x4"), None);
        let at = UnixMs(1_700_000_000_123);
        assert_eq!(made(&BatchId::at(at, [0xff; 10]).to_string()), at.0);
    }
}
