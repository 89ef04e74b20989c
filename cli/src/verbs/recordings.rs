//! `recordings`, `evidence`, `verify`.

use super::calls::who;
use super::organisation::find as person;
use super::{Outcome, signed_in};
use crate::args::{EvidenceArgs, RecordingsArgs};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::collections::HashMap;
use std::path::Path;
use waybell_core::recordings::CallSearch;
use waybell_core::recordings::verify::{Checked, Problem, verify as check};
use waybell_core::say::say;
use waybell_core::{Client, Error};
use waybell_domain::id::{CallId, UserId};
use waybell_domain::lang::Lang;
use waybell_domain::wire::CallView;

pub(super) async fn recordings(client: &Client, out: &Out, args: &RecordingsArgs) -> Outcome {
    signed_in(client)?;
    let now = when::now();
    let time = |text: &Option<String>| text.as_deref().map(|t| when::past(out.lang, t, now)).transpose();
    let courier = match &args.courier {
        Some(login) => Some(person(client, out, login).await?),
        None => None,
    };
    let wanted = CallSearch {
        caller: args.caller.clone(),
        number: args.number.clone(),
        courier,
        waybill: args.waybill.clone(),
        since: time(&args.since)?,
        before: time(&args.before)?,
        longer_s: args.longer,
        shorter_s: args.shorter,
        recorded: !args.all,
        limit: Some(args.limit),
    };
    let found = client.recordings().search(&wanted).await?;
    out.json(&found);
    let Some(first) = found.first() else {
        out.line(texts::no_recordings(out.lang));
        return Ok(DONE);
    };
    let names = names(client).await;
    let mut rows = vec![vec![
        texts::call_id(out.lang),
        texts::call_time(out.lang),
        texts::recording_direction(out.lang),
        texts::call_kind(out.lang),
        texts::call_who(out.lang),
        texts::recording_courier(out.lang),
        texts::recording_length(out.lang),
        texts::call_what(out.lang),
    ]];
    rows.extend(found.iter().map(|call| cells(out, call, &names)));
    out.table(&rows);
    // the server gives 500 at most
    if found.len() >= args.limit.clamp(1, 500) as usize {
        out.line(texts::recordings_more(out.lang, found.len()));
    } else {
        out.line(texts::recordings(out.lang, found.len()));
    }
    out.line(format!("  → {}", texts::recordings_hint(out.lang, first.id)));
    Ok(DONE)
}

/// Names of couriers, for who may see them.
async fn names(client: &Client) -> HashMap<UserId, String> {
    let people = client.organisation().people(true).await.unwrap_or_default();
    people.into_iter().map(|p| (p.user.id, p.user.name)).collect()
}

fn cells(out: &Out, call: &CallView, names: &HashMap<UserId, String>) -> Vec<String> {
    let length = call.audio.as_ref().map(|a| texts::sound_seconds(out.lang, (a.ms + 999) / 1_000));
    vec![
        call.id.to_string(),
        when::stamp(call.started_at),
        call.direction.label(out.lang).to_owned(),
        call.outcome.map_or_else(|| texts::goes_on(out.lang), |o| o.label(out.lang).to_owned()),
        who(out, call),
        call.courier.and_then(|c| names.get(&c).cloned()).unwrap_or_default(),
        length.unwrap_or_default(),
        call.waybills.join(" "),
    ]
}

pub(super) async fn evidence(client: &Client, out: &Out, args: &EvidenceArgs) -> Outcome {
    signed_in(client)?;
    let whole = |text: &String| {
        CallId::parse(text).map_err(|_| {
            Failure::usage(texts::whole_call_id(out.lang, text)).hint(texts::whole_call_id_hint(out.lang))
        })
    };
    if args.out.exists() {
        let problem = texts::evidence_exists(out.lang, args.out.display());
        return Err(Failure::plain(problem).hint(texts::evidence_exists_hint(out.lang)));
    }
    let calls: Vec<CallId> = args.calls.iter().map(whole).collect::<Result<_, _>>()?;
    let checked = client.recordings().bundle(calls, args.reason.clone(), &args.out).await?;
    out.json(&json!({ "file": args.out, "checked": checked }));
    out.line(texts::evidence_written(out.lang, args.out.display(), checked.manifest.calls.len()));
    Ok(told(out, &checked))
}

/// Needs neither a sign-in nor the store.
pub(super) fn verify(out: &Out, file: &Path, key: Option<&str>) -> Outcome {
    let checked = check(file, key).map_err(|error| match error {
        Error::BadInput { problem, hint, .. } => {
            let hint = say(out.lang, &hint);
            Failure::plain(format!("{}: {}", file.display(), say(out.lang, &problem))).hint(hint)
        }
        other => other.into(),
    })?;
    out.json(&checked);
    let manifest = &checked.manifest;
    let at = when::stamp(manifest.made_at);
    out.line(texts::evidence_of(out.lang, &manifest.company, at, &manifest.made_by.name));
    out.line(texts::evidence_reason(out.lang, &manifest.reason));
    let code = told(out, &checked);
    if key.is_none() {
        out.line(format!("  → {}", texts::evidence_key_hint(out.lang)));
    }
    Ok(code)
}

fn told(out: &Out, checked: &Checked) -> u8 {
    let recordings = || checked.manifest.calls.iter().flat_map(|c| &c.recordings);
    let gone = recordings().filter(|r| r.problem.as_deref() == Some("gone")).count();
    out.line(texts::evidence_recordings(out.lang, recordings().count(), gone));
    out.line(texts::evidence_key(out.lang, &checked.key));
    for problem in &checked.problems {
        out.line(format!("  ✗ {}", said(out.lang, problem)));
    }
    if checked.problems.is_empty() {
        out.line(texts::evidence_good(out.lang));
        return DONE;
    }
    out.line(texts::evidence_bad(out.lang, checked.problems.len()));
    FAILED
}

fn said(lang: Lang, problem: &Problem) -> String {
    match problem {
        Problem::Signature => texts::bad_signature(lang),
        Problem::Key => texts::bad_key(lang),
        Problem::Missing { name } => texts::bad_missing(lang, name),
        Problem::Changed { name } => texts::bad_changed(lang, name),
        Problem::Unlisted { name } => texts::bad_unlisted(lang, name),
        Problem::Twice => texts::bad_twice(lang),
        Problem::Link { recording } => texts::bad_link(lang, recording),
        Problem::Sound { recording } => texts::bad_sound(lang, recording),
        Problem::Unproved { recording } => texts::bad_unproved(lang, recording),
        Problem::Lost { recording } => texts::bad_lost(lang, recording),
    }
}
