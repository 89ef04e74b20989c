//! `leaves`, `corrections`.

use super::{LOOK, Outcome, deliver, signed_in};
use crate::args::{AskArgs, CorrectionsVerb, FixArgs, LeavesVerb, TimeVerb};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use chrono::NaiveDate;
use serde_json::json;
use waybell_core::Client;
use waybell_core::leaves::{Asked, Leave};
use waybell_core::notify::ZONE;
use waybell_domain::attendance::{AskState, Correction, LeaveEdge};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::OperationId;
use waybell_domain::wire::{CorrectionAskView, LeaveView};

pub(super) async fn time(client: &Client, out: &Out, verb: &TimeVerb) -> Outcome {
    match verb {
        TimeVerb::Leaves { verb } => leaves(client, out, verb.as_ref()).await,
        TimeVerb::Corrections { verb } => corrections(client, out, verb.as_ref()).await,
    }
}

async fn leaves(client: &Client, out: &Out, verb: Option<&LeavesVerb>) -> Outcome {
    signed_in(client)?;
    let api = client.leaves();
    match verb {
        None => {
            look(client).await?;
            let found = api.list().await?;
            out.json(&found);
            list(out, found.iter().map(|l| (&l.view, l.pending, l.refused)));
            Ok(DONE)
        }
        Some(LeavesVerb::Ask(args)) => ask(client, out, args).await,
        Some(LeavesVerb::Withdraw { id }) => {
            look(client).await?;
            let known = api.list().await?;
            let id = find(out, known.iter().map(|l| l.view.id), id)?;
            api.withdraw(id).await?;
            deliver(client, out, json!({ "withdrawn": id }), &[texts::ask_withdrawn(out.lang)]).await
        }
        Some(LeavesVerb::Waiting { all, courier }) => {
            let state = (!all).then_some(AskState::Requested);
            let found = api.of_branch(state, courier.as_deref()).await?;
            out.json(&found);
            list(out, found.iter().map(|v| (v, false, false)));
            Ok(DONE)
        }
        Some(LeavesVerb::Approve { id }) => {
            let id = of_branch(client, out, id).await?;
            told(out, &api.decide(id, true, None).await?)
        }
        Some(LeavesVerb::Refuse { id, reason }) => {
            let id = of_branch(client, out, id).await?;
            told(out, &api.decide(id, false, Some(reason.clone())).await?)
        }
        Some(LeavesVerb::Cut { id, until, reason }) => {
            let to = edge(out, until, false)?;
            let id = of_branch(client, out, id).await?;
            told(out, &api.cut(id, to, reason).await?)
        }
    }
}

/// What waits goes out, and the server's word comes, as far as there is a network.
async fn look(client: &Client) -> Result<(), Failure> {
    let _ = client.run_pending(LOOK).await;
    signed_in(client)?;
    let _ = tokio::time::timeout(LOOK, client.leaves().refresh()).await;
    Ok(())
}

async fn of_branch(client: &Client, out: &Out, id: &str) -> Result<OperationId, Failure> {
    let found = client.leaves().of_branch(None, None).await?;
    find(out, found.iter().map(|v| v.id), id)
}

/// The one id that ends so.
fn find(out: &Out, ids: impl Iterator<Item = OperationId>, text: &str) -> Result<OperationId, Failure> {
    let text = text.trim();
    let ends = |id: &OperationId| !text.is_empty() && id.to_string().ends_with(text);
    let mut found: Vec<OperationId> = ids.filter(ends).collect();
    found.dedup();
    match found.as_slice() {
        [id] => Ok(*id),
        _ => Err(Failure::usage(texts::bad_ask_id(out.lang, text)).hint(texts::ask_id_hint(out.lang))),
    }
}

fn told(out: &Out, view: &LeaveView) -> Outcome {
    out.json(view);
    out.line(texts::leave_now(out.lang, view.state.label(out.lang)));
    Ok(DONE)
}

async fn ask(client: &Client, out: &Out, args: &AskArgs) -> Outcome {
    let from = edge(out, &args.from, true)?;
    let to = edge(out, args.until.as_deref().unwrap_or(&args.from), false)?;
    let (kind, note) = (args.kind.kind(), args.note.clone());
    let label = kind.label(out.lang);
    if let Some(whose) = &args.whose {
        let view = client.leaves().enter(whose, kind, from, to, note).await?;
        out.json(&view);
        let (first, last) = (when::stamp(view.from_at), when::stamp(view.to_at));
        out.line(texts::leave_entered(out.lang, &view.name, label, first, last));
        return Ok(DONE);
    }
    let leave: Leave = client.leaves().ask(kind, from, to, note).await?;
    let (first, last) = (when::stamp(leave.view.from_at), when::stamp(leave.view.to_at));
    let said = texts::leave_asked(out.lang, label, first, last);
    deliver(client, out, json!({ "leave": leave }), &[said]).await
}

/// A day, half of one, or a time; `first` says whether it is the beginning.
fn edge(out: &Out, text: &str, first: bool) -> Result<LeaveEdge, Failure> {
    let bad = || Failure::usage(texts::bad_edge(out.lang, text)).hint(texts::edge_hint(out.lang));
    let plain = text.trim().to_lowercase();
    let (day, half) = match plain.split_once([' ', 't']) {
        Some((day, rest)) => (day, rest.trim()),
        None => (plain.as_str(), ""),
    };
    let date = |text: &str| text.parse::<NaiveDate>().map_err(|_| bad());
    Ok(match (half, first) {
        ("", _) => LeaveEdge::Day { day: date(day)? },
        ("am" | "上午", true) | ("pm" | "下午", false) => LeaveEdge::Day { day: date(day)? },
        ("am" | "上午", false) | ("pm" | "下午", true) => LeaveEdge::Noon { day: date(day)? },
        _ => LeaveEdge::Time { at: when::past(out.lang, text, when::now()).map_err(|_| bad())? },
    })
}

/// An id as it is shown: the end of it is enough to name it.
fn short(id: OperationId) -> String {
    let text = id.to_string();
    text.get(text.len().saturating_sub(8)..).unwrap_or(&text).to_owned()
}

fn remarks(out: &Out, words: [Option<&str>; 2], pending: bool, refused: bool) -> String {
    let mut all: Vec<String> = words.into_iter().flatten().map(str::to_owned).collect();
    if pending {
        all.push(texts::lv_pending(out.lang));
    }
    if refused {
        all.push(texts::lv_refused(out.lang));
    }
    all.join(out.lang.pick("；", "; "))
}

fn list<'a>(out: &Out, leaves: impl Iterator<Item = (&'a LeaveView, bool, bool)>) {
    let mut rows: Vec<Vec<String>> = leaves
        .map(|(view, pending, refused)| {
            vec![
                short(view.id),
                view.name.clone(),
                view.kind.label(out.lang).to_owned(),
                when::stamp(view.from_at),
                when::stamp(view.to_at),
                view.state.label(out.lang).to_owned(),
                remarks(out, [view.note.as_deref(), view.reason.as_deref()], pending, refused),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out.line(texts::no_leaves(out.lang));
    }
    let head = vec![
        texts::lv_id(out.lang),
        texts::lv_name(out.lang),
        texts::lv_kind(out.lang),
        texts::lv_from(out.lang),
        texts::lv_to(out.lang),
        texts::lv_state(out.lang),
        texts::lv_why(out.lang),
    ];
    rows.insert(0, head);
    out.table(&rows);
}

async fn corrections(client: &Client, out: &Out, verb: Option<&CorrectionsVerb>) -> Outcome {
    signed_in(client)?;
    let api = client.leaves();
    match verb {
        None => {
            look(client).await?;
            let found: Vec<Asked> = api.corrections().await?;
            out.json(&found);
            asked(out, found.iter().map(|a| (&a.view, a.pending, a.refused)));
            Ok(DONE)
        }
        Some(CorrectionsVerb::Ask(args)) => fix(client, out, args).await,
        Some(CorrectionsVerb::Withdraw { id }) => {
            look(client).await?;
            let known = api.corrections().await?;
            let id = find(out, known.iter().map(|a| a.view.id), id)?;
            api.withdraw_correction(id).await?;
            deliver(client, out, json!({ "withdrawn": id }), &[texts::ask_withdrawn(out.lang)]).await
        }
        Some(CorrectionsVerb::Waiting { all, courier }) => {
            let state = (!all).then_some(AskState::Requested);
            let found = api.corrections_of_branch(state, courier.as_deref()).await?;
            out.json(&found);
            asked(out, found.iter().map(|v| (v, false, false)));
            Ok(DONE)
        }
        Some(CorrectionsVerb::Approve { id }) => decide(client, out, id, true, None).await,
        Some(CorrectionsVerb::Refuse { id, reason }) => decide(client, out, id, false, Some(reason)).await,
    }
}

async fn decide(client: &Client, out: &Out, id: &str, approve: bool, reason: Option<&str>) -> Outcome {
    let found = client.leaves().corrections_of_branch(None, None).await?;
    let id = find(out, found.iter().map(|v| v.id), id)?;
    let view = client.leaves().decide_correction(id, approve, reason.map(str::to_owned)).await?;
    out.json(&view);
    out.line(texts::leave_now(out.lang, view.state.label(out.lang)));
    Ok(DONE)
}

async fn fix(client: &Client, out: &Out, args: &FixArgs) -> Outcome {
    let at: Option<UnixMs> =
        args.at.as_deref().map(|text| when::past(out.lang, text, when::now())).transpose()?;
    let correction = match (&args.add, &args.void) {
        (Some(which), _) => Correction::Punch { kind: which.kind(), at: at.unwrap_or_default() },
        (None, Some(id)) => {
            let punch = OperationId::parse(id.trim()).map_err(|_| {
                Failure::usage(texts::bad_ask_id(out.lang, id)).hint(texts::ask_id_hint(out.lang))
            })?;
            Correction::Void { punch }
        }
        (None, None) => return Ok(DONE),
    };
    let day = match (&args.day, at) {
        (Some(day), _) => day.trim().to_owned(),
        (None, at) => at.unwrap_or_default().date(ZONE).to_string(),
    };
    let asked = client.leaves().ask_correction(&day, correction, &args.reason).await?;
    let said = texts::correction_asked(out.lang, &day);
    deliver(client, out, json!({ "correction": asked }), &[said]).await
}

fn asked<'a>(out: &Out, found: impl Iterator<Item = (&'a CorrectionAskView, bool, bool)>) {
    let what = |correction: &Correction| match correction {
        Correction::Punch { kind, at } => texts::fix_add(out.lang, kind.label(out.lang), when::stamp(*at)),
        Correction::Void { .. } => texts::fix_void(out.lang),
        Correction::Leave => texts::fix_leave(out.lang),
        Correction::WorkDay => texts::fix_work_day(out.lang),
    };
    let mut rows: Vec<Vec<String>> = found
        .map(|(view, pending, refused)| {
            vec![
                short(view.id),
                view.name.clone(),
                view.day.clone(),
                what(&view.correction),
                view.state.label(out.lang).to_owned(),
                remarks(out, [Some(view.reason.as_str()), view.answer.as_deref()], pending, refused),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out.line(texts::no_corrections(out.lang));
    }
    let head = vec![
        texts::lv_id(out.lang),
        texts::lv_name(out.lang),
        texts::lv_day(out.lang),
        texts::lv_what(out.lang),
        texts::lv_state(out.lang),
        texts::lv_why(out.lang),
    ];
    rows.insert(0, head);
    out.table(&rows);
}
