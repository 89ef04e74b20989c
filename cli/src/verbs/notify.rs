//! `notify`, `again`.

use super::parcels::ids_on_list;
use super::{Outcome, PUSH, batch, deliver, plan, refresh, signed_in, tell_held, tour};
use crate::args::NotifyArgs;
use crate::out::{DONE, FAILED, Failure, OFFLINE, Out, USAGE};
use crate::texts;
use crate::when;
use serde_json::json;
use waybell_core::Client;
use waybell_core::notify::{MOST_PARCELS, When};
use waybell_core::sync::SyncState;
use waybell_domain::id::{BatchId, ParcelId};

pub(super) async fn notify(client: &Client, out: &Out, args: &NotifyArgs) -> Outcome {
    signed_in(client)?;
    let start_at = args.at.as_deref().map(|text| when::start(out.lang, text, when::now())).transpose()?;
    let _ = client.run_pending(PUSH).await;
    signed_in(client)?;
    if super::load(client, out).await?.more {
        out.line(texts::partial(out.lang, client.tasks().list().await?.len()));
    }
    client.notify().knows(&args.template)?;
    let chosen = choose(client, out, args).await?;
    if chosen.is_empty() {
        return Err(Failure::plain(texts::nothing_found(out.lang)));
    }
    let ahead = match args.before {
        Some(minutes) => Some(tour::ahead(client, out, minutes, args.from.as_deref()).await?),
        None => None,
    };
    let when = When { start_at, ahead };
    let (dial, checked) = client.notify().plan_checked(&args.template, &chosen, when.clone()).await?;
    plan::tell(client, out, &dial, checked, &chosen).await?;
    if dial.rings == 0 {
        out.line(texts::nobody(out.lang));
        out.json(&json!({ "plan": dial, "checked": checked, "batch": null }));
        return Ok(DONE);
    }
    if let Some(at) = start_at {
        plan::start(client, out, at)?;
    }
    if chosen.len() > MOST_PARCELS {
        let batches = chosen.len().div_ceil(MOST_PARCELS);
        out.line(texts::several_batches(out.lang, batches, MOST_PARCELS));
    }
    let unsent = json!({ "plan": dial, "checked": checked, "batch": null });
    if let Some(code) = asked(out, args.yes, &texts::go(out.lang), &unsent) {
        return Ok(code);
    }
    let batches = client.notify().send_all(&args.template, &chosen, when).await?;
    let mut done: Vec<String> = batches.iter().map(|b| texts::sent(out.lang, b)).collect();
    if batches.len() > 1 {
        done.truncate(1);
        done.push(texts::several_sent(out.lang, batches.len()));
    }
    let mut answer = json!({ "plan": dial, "checked": checked, "batch": batches.first() });
    if batches.len() > 1 {
        answer["batches"] = json!(batches);
    }
    deliver(client, out, answer, &done).await
}

/// Asks unless it was answered by `--yes`; an exit code if it does not go on.
fn asked(out: &Out, yes: bool, question: &str, answer: &serde_json::Value) -> Option<u8> {
    if yes {
        return None;
    }
    match out.ask(question) {
        Some(true) => None,
        Some(false) => {
            out.line(texts::not_sent(out.lang));
            Some(DONE)
        }
        None => {
            out.line(texts::not_asked(out.lang));
            out.json(answer);
            Some(USAGE)
        }
    }
}

async fn choose(client: &Client, out: &Out, args: &NotifyArgs) -> Result<Vec<ParcelId>, Failure> {
    if let Some(words) = &args.search {
        let every = client.search().every(words).await?;
        if args.loose {
            return Ok(every);
        }
        let meant = client.search().ids(words).await?;
        if every.len() > meant.len() {
            out.line(texts::less_close(out.lang, every.len() - meant.len(), words));
        }
        return Ok(meant);
    }
    if !args.stop.is_empty() {
        let mut chosen = Vec::new();
        for name in &args.stop {
            chosen.extend(client.search().stop(name).await?.parcels);
        }
        let mut seen = std::collections::HashSet::new();
        chosen.retain(|id| seen.insert(*id));
        return Ok(chosen);
    }
    if args.all {
        return Ok(client.tasks().list().await?.iter().map(|p| p.id).collect());
    }
    if args.waybills.is_empty() {
        return Err(Failure::usage(texts::choose(out.lang)));
    }
    ids_on_list(client, out, &args.waybills).await
}

pub(super) async fn again(
    client: &Client,
    out: &Out,
    template: &str,
    include_unknown: bool,
    yes: bool,
) -> Outcome {
    refresh(client).await?;
    client.notify().knows(template)?;
    let missed = client.notify().missed(template, include_unknown).await?;
    let in_step = client.sync().status()?.state == SyncState::Idle;
    if missed.is_empty() && in_step {
        out.json(&json!({ "batch": null, "plan": null }));
        out.line(texts::nobody_missed(out.lang));
        return Ok(FAILED);
    }
    let mut shown = json!({ "batch": null });
    if !missed.is_empty() {
        let (dial, checked) = client.notify().plan_checked(template, &missed, None).await?;
        plan::tell(client, out, &dial, checked, &missed).await?;
        shown = json!({ "plan": dial, "checked": checked, "batch": null });
    }
    let question =
        if include_unknown { texts::again_unknown(out.lang) } else { texts::again_question(out.lang) };
    if let Some(code) = asked(out, yes, &question, &shown) {
        return Ok(code);
    }
    let batch: BatchId = client.notify().again(template, include_unknown).await?;
    shown["batch"] = json!(batch);
    let code = deliver(client, out, shown, &[texts::sent(out.lang, batch)]).await?;
    if missed.is_empty() && code == OFFLINE {
        tell_held(client, out)?;
    }
    Ok(code)
}

pub(super) async fn follow(
    client: &Client,
    out: &Out,
    wanted: Option<&str>,
    minutes: u16,
    from: Option<&str>,
) -> Outcome {
    refresh(client).await?;
    let id = batch::find(client, out, wanted).await?;
    let ahead = tour::ahead(client, out, minutes, from).await?;
    let view = client.notify().follow(id, &ahead).await?;
    out.json(&view);
    out.line(texts::follows(out.lang, view.counts.waiting, minutes));
    Ok(DONE)
}
