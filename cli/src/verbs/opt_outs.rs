//! `opt-outs`, `consents`.

use super::parcels::{read_list, row_problem};
use super::{Outcome, signed_in};
use crate::args::{ConsentArgs, OptOutArgs};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use crate::when;
use std::path::Path;
use waybell_core::Client;
use waybell_core::say::say;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::OptOutView;

/// Problems that are printed.
const PROBLEMS: usize = 20;

pub(super) async fn opt_outs(client: &Client, out: &Out, args: &OptOutArgs) -> Outcome {
    signed_in(client)?;
    if let Some(file) = &args.import {
        return list(client, out, file, args.dry_run).await;
    }
    if let Some(phone) = &args.remove {
        client.organisation().opt_in(&number(out, phone)?).await?;
        out.line(texts::opted_in(out.lang));
        return Ok(DONE);
    }
    if !args.add.is_empty() {
        // all of them are read before the first is sent
        let phones = args.add.iter().map(|p| number(out, p)).collect::<Result<Vec<_>, _>>()?;
        for phone in &phones {
            client.organisation().opt_out(&phone.key()).await?;
        }
        out.line(texts::opted_out(out.lang, phones.len()));
        return Ok(DONE);
    }
    let list = client.organisation().opt_outs().await?;
    out.json(&list);
    let row = |o: &OptOutView| {
        vec![o.phone_key.clone(), texts::opt_out_source(out.lang, &o.source), when::stamp(o.since)]
    };
    out.table(&list.iter().map(row).collect::<Vec<_>>());
    Ok(DONE)
}

async fn list(client: &Client, out: &Out, file: &Path, dry_run: bool) -> Outcome {
    let bytes = read_list(file).map_err(|e| about(out, file, &e))?;
    let report = client.organisation().opt_out_list(bytes, dry_run).await?;
    out.json(&report);
    out.line(texts::opt_out_list(out.lang, report.added, report.known, report.rejected));
    for p in report.problems.iter().take(PROBLEMS) {
        out.line(format!("  {}", row_problem(out.lang, p)));
    }
    if report.problems.len() > PROBLEMS {
        out.line(format!("  {}", texts::more_problems(out.lang, report.problems.len() - PROBLEMS)));
    }
    if dry_run {
        out.line(texts::dry_run(out.lang));
    }
    Ok(if report.added + report.known == 0 { FAILED } else { DONE })
}

fn about(out: &Out, file: &Path, e: &std::io::Error) -> Failure {
    Failure::plain(format!("{}: {}", file.display(), say(out.lang, &e.to_string())))
}

fn number(out: &Out, text: &str) -> Result<PhoneNumber, Failure> {
    let read = PhoneNumber::from_key(text).or_else(|_| PhoneNumber::parse(text));
    read.map_err(|e| Failure::usage(format!("{text}: {}", say(out.lang, &e.to_string()))))
}

pub(super) async fn consents(client: &Client, out: &Out, args: &ConsentArgs) -> Outcome {
    signed_in(client)?;
    let ending = args.file.extension().and_then(|e| e.to_str()).unwrap_or_default().to_lowercase();
    let page = match ending.as_str() {
        "html" | "htm" => true,
        "csv" => false,
        _ => return Err(Failure::usage(texts::no_sheet(out.lang, args.file.display()))),
    };
    let mut query = vec![format!("lang={}", out.lang.pick("zh", "en"))];
    for (name, text) in [("from", &args.from), ("to", &args.to)] {
        if let Some(text) = text {
            query.push(format!("{name}={}", when::past(out.lang, text, when::now())?.0));
        }
    }
    if let Some(phone) = &args.phone {
        let key = number(out, phone)?.key();
        query.push(format!("phone={}", key.replace('+', "%2B").replace(';', "%3B")));
    }
    if let Some(waybill) = &args.waybill {
        let good = waybell_domain::parcel::WaybillNo::parse(waybill);
        let good =
            good.map_err(|e| Failure::usage(format!("{waybill}: {}", say(out.lang, &e.to_string()))))?;
        query.push(format!("waybill_no={good}"));
    }
    let sheet = client.organisation().consents(&query.join("&"), page).await?;
    std::fs::write(&args.file, sheet).map_err(|e| about(out, &args.file, &e))?;
    out.line(texts::sheet_written(out.lang, args.file.display()));
    Ok(DONE)
}
