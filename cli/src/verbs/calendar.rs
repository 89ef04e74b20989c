//! `policy calendar`, `policy carriers`.

use super::Outcome;
use super::parcels::{read_list, tell_notes, tell_problems};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use std::path::Path;
use waybell_core::Client;
use waybell_domain::clock::{DAY, HOUR, MINUTE, SECOND};
use waybell_domain::dial::policy::{DayChange, DayKind, FrequencyRule};
use waybell_domain::wire::CarrierView;

pub(super) async fn show(client: &Client, out: &Out) -> Outcome {
    let view = client.organisation().calendar().await?;
    out.json(&view);
    if view.days.is_empty() {
        out.line(texts::no_calendar(out.lang));
    }
    let kind = |kind: DayKind| kind.label(out.lang).to_owned();
    let rows: Vec<_> =
        view.days.iter().map(|d| vec![d.date.to_string(), d.name.clone(), kind(d.kind)]).collect();
    out.table(&rows);
    uncovered(out, &view.uncovered_years);
    Ok(DONE)
}

pub(super) async fn take(client: &Client, out: &Out, file: &Path, replace: bool, dry_run: bool) -> Outcome {
    let bytes = read_list(file).map_err(|e| Failure::file(out, file, &e))?;
    let report = client.organisation().take_calendar(bytes, replace, dry_run).await?;
    out.json(&report);
    out.line(texts::calendar_read(out.lang, report.total, report.changes.len()));
    out.table(&report.changes.iter().map(|c| change(out, c)).collect::<Vec<_>>());
    tell_problems(out, &report.problems);
    tell_notes(out, &report.notes);
    uncovered(out, &report.uncovered_years);
    if !report.problems.is_empty() {
        out.line(texts::calendar_refused(out.lang));
        return Ok(FAILED);
    }
    out.line(if report.taken { texts::rules_changed(out.lang) } else { texts::dry_run(out.lang) });
    Ok(DONE)
}

fn change(out: &Out, c: &DayChange) -> Vec<String> {
    let kind = |kind: Option<DayKind>| kind.map_or(texts::usual_day(out.lang), |k| k.label(out.lang).into());
    let hours = if c.hours.is_empty() { texts::nobody_rung(out.lang) } else { c.hours.join(" ") };
    vec![c.date.to_string(), c.name.clone(), format!("{} → {}", kind(c.before), kind(c.after)), hours]
}

fn uncovered(out: &Out, years: &[i32]) {
    for year in years {
        out.line(texts::uncovered_year(out.lang, year));
    }
}

pub(super) async fn carriers(client: &Client, out: &Out) -> Outcome {
    let list = client.organisation().carriers().await?;
    out.json(&list);
    let row = |c: &CarrierView| {
        let rules: Vec<String> = c.frequency.iter().map(|rule| limit(out, rule)).collect();
        let mut told = vec![rules.join(", ")];
        told.extend((!c.quiet.is_empty()).then(|| {
            let spans: Vec<String> = c.quiet.iter().map(ToString::to_string).collect();
            texts::barred_hours(out.lang, spans.join(" "))
        }));
        told.extend(c.channels.map(|n| texts::calls_at_once(out.lang, n)));
        let mark = if c.in_force { "✓" } else { "" };
        let title = out.lang.pick(&c.title_zh, &c.title_en).to_owned();
        vec![mark.into(), c.name.clone(), title, told.join("; ")]
    };
    out.table(&list.iter().map(row).collect::<Vec<_>>());
    Ok(DONE)
}

/// `3 in 24 h`.
fn limit(out: &Out, rule: &FrequencyRule) -> String {
    let units = [(DAY, "天", "d"), (HOUR, "小时", "h"), (MINUTE, "分钟", "min"), (SECOND, "秒", "s")];
    let unit = units.iter().find(|(length, ..)| rule.window % length == 0).unwrap_or(&(1, "毫秒", "ms"));
    let window = format!("{} {}", rule.window / unit.0, out.lang.pick(unit.1, unit.2));
    texts::limit_of(out.lang, rule.max, window)
}
