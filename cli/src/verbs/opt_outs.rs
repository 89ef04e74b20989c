//! `opt-outs`, `consents`.

use super::parcels::{read_list, tell_problems};
use super::{Outcome, signed_in};
use crate::args::{ConsentArgs, OptOutArgs};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use crate::when;
use std::path::Path;
use waybell_core::Client;
use waybell_core::organisation::ConsentQuery;
use waybell_core::say::say;
use waybell_domain::parcel::WaybillNo;
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::OptOutView;

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
    out.json(&out.masked(&list));
    let row = |o: &OptOutView| {
        let phone = PhoneNumber::from_key(&o.phone_key).map(|phone| out.phone(&phone));
        vec![phone.unwrap_or_default(), texts::opt_out_source(out.lang, &o.source), when::stamp(o.since)]
    };
    out.table(&list.iter().map(row).collect::<Vec<_>>());
    Ok(DONE)
}

async fn list(client: &Client, out: &Out, file: &Path, dry_run: bool) -> Outcome {
    let bytes = read_list(file).map_err(|e| Failure::file(out, file, &e))?;
    let report = client.organisation().opt_out_list(bytes, dry_run).await?;
    out.json(&report);
    out.line(texts::opt_out_list(out.lang, report.added, report.known, report.rejected));
    tell_problems(out, &report.problems);
    if dry_run {
        out.line(texts::dry_run(out.lang));
    }
    Ok(if report.added + report.known == 0 { FAILED } else { DONE })
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
    let time = |text: &String| when::past(out.lang, text, when::now());
    let waybill = |text: &String| {
        WaybillNo::parse(text)
            .map_err(|e| Failure::usage(format!("{text}: {}", say(out.lang, &e.to_string()))))
    };
    let query = ConsentQuery {
        from: args.from.as_ref().map(time).transpose()?,
        to: args.to.as_ref().map(time).transpose()?,
        phone: args.phone.as_ref().map(|text| number(out, text)).transpose()?,
        waybill: args.waybill.as_ref().map(waybill).transpose()?,
        preference: None,
        lang: out.lang,
        page,
    };
    let sheet = client.organisation().consents(&query).await?;
    std::fs::write(&args.file, sheet).map_err(|e| Failure::file(out, &args.file, &e))?;
    out.line(texts::sheet_written(out.lang, args.file.display()));
    Ok(DONE)
}
