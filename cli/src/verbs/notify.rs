//! `notify`, `again`.

use super::parcels::ids;
use super::{Outcome, PUSH, deliver, refresh, signed_in};
use crate::args::NotifyArgs;
use crate::out::{DONE, Failure, Out, USAGE};
use crate::texts;
use chrono::{DateTime, Local, NaiveDateTime, NaiveTime, TimeZone};
use serde_json::json;
use waybell_core::Client;
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::id::ParcelId;
use waybell_domain::lang::Lang;

pub(super) async fn notify(client: &Client, out: &Out, args: &NotifyArgs) -> Outcome {
    signed_in(client)?;
    let start_at = args.at.as_deref().map(|text| start(out.lang, text, Local::now())).transpose()?;
    let _ = client.run_pending(PUSH).await;
    signed_in(client)?;
    let chosen = choose(client, out, args).await?;
    if chosen.is_empty() {
        return Err(Failure::plain(texts::nothing_found(out.lang)));
    }
    let (plan, checked) = client.notify().plan_checked(&args.template, &chosen).await?;
    out.line(out.lang.pick(&plan.summary_zh, &plan.summary_en));
    if !checked {
        out.line(texts::local_plan(out.lang));
    }
    if plan.rings == 0 {
        out.line(texts::nobody(out.lang));
        out.json(&json!({ "plan": plan, "checked": checked, "batch": null }));
        return Ok(DONE);
    }
    if let Some(code) = asked(
        out,
        args.yes,
        &texts::go(out.lang),
        &json!({ "plan": plan, "checked": checked, "batch": null }),
    ) {
        return Ok(code);
    }
    let batch = client.notify().send(&args.template, &chosen, start_at).await?;
    out.line(texts::sent(out.lang, batch));
    deliver(client, out, json!({ "plan": plan, "checked": checked, "batch": batch })).await
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
        return Ok(client.search().ids(words).await?);
    }
    if args.all {
        return Ok(client.tasks().list().await?.iter().map(|p| p.id).collect());
    }
    if args.waybills.is_empty() {
        return Err(Failure::usage(texts::choose(out.lang)));
    }
    ids(client, &args.waybills)
}

pub(super) async fn again(
    client: &Client,
    out: &Out,
    template: &str,
    include_unknown: bool,
    yes: bool,
) -> Outcome {
    refresh(client).await?;
    let question =
        if include_unknown { texts::again_unknown(out.lang) } else { texts::again_question(out.lang) };
    if let Some(code) = asked(out, yes, &question, &json!({ "batch": null })) {
        return Ok(code);
    }
    let batch = client.notify().again(template, include_unknown).await?;
    out.line(texts::sent(out.lang, batch));
    deliver(client, out, json!({ "batch": batch })).await
}

/// A start time as people write it; one that has passed by more than a minute is a mistake.
fn start(lang: Lang, text: &str, now: DateTime<Local>) -> Result<UnixMs, Failure> {
    let bad = || Failure::usage(texts::bad_time(lang, text)).hint(texts::time_hint(lang));
    let text = text.trim();
    let at = if let Ok(full) = DateTime::parse_from_rfc3339(text) {
        full.timestamp_millis()
    } else {
        let local = match NaiveTime::parse_from_str(text, "%H:%M") {
            Ok(time) => now.date_naive().and_time(time),
            Err(_) => ["%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M:%S"]
                .iter()
                .find_map(|form| NaiveDateTime::parse_from_str(text, form).ok())
                .ok_or_else(bad)?,
        };
        Local.from_local_datetime(&local).earliest().ok_or_else(bad)?.timestamp_millis()
    };
    if at < now.timestamp_millis() - MINUTE {
        return Err(Failure::usage(texts::time_past(lang, text)).hint(texts::time_hint(lang)));
    }
    Ok(UnixMs(at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times() {
        let now = Local.with_ymd_and_hms(2026, 11, 21, 12, 0, 0).unwrap();
        let minutes =
            |text: &str| start(Lang::En, text, now).map(|t| (t.0 - now.timestamp_millis()) / MINUTE);
        assert_eq!(minutes("14:30").unwrap(), 150);
        assert_eq!(minutes("2026-11-22 12:00").unwrap(), 24 * 60);
        assert_eq!(minutes(&(now + chrono::Duration::hours(1)).to_rfc3339()).unwrap(), 60);
        assert_eq!(minutes("11:00").unwrap_err().code, USAGE);
        assert_eq!(minutes("soon").unwrap_err().code, USAGE);
    }
}
