//! `duty`: who covers an area.

use super::organisation::find as person;
use super::{Outcome, signed_in};
use crate::args::DutyArgs;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::collections::HashMap;
use waybell_core::Client;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::UserId;
use waybell_domain::inbound::OnCall;
use waybell_domain::wire::{AreaView, DutyRequest, DutyView};

fn short(id: impl std::fmt::Display) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

pub(super) async fn duty(client: &Client, out: &Out, args: &DutyArgs) -> Outcome {
    signed_in(client)?;
    let areas = client.organisation().areas().await?;
    if let Some(text) = &args.end {
        return end(client, out, &areas, text).await;
    }
    let area = args.area.as_deref().map(|text| find(out, &areas, text)).transpose()?;
    let (Some(area), Some(login)) = (area, &args.login) else {
        let shown = area.map_or(areas.as_slice(), std::slice::from_ref);
        return list(client, out, shown).await;
    };
    let now = when::now();
    let time = |text: &Option<String>| -> Result<Option<UnixMs>, Failure> {
        text.as_deref().map(|text| when::start(out.lang, text, now)).transpose()
    };
    let request = DutyRequest {
        courier: person(client, out, login).await?,
        role: if args.substitute { OnCall::Substitute } else { OnCall::Duty },
        from: time(&args.from)?,
        until: time(&args.until)?,
        takes_over: args.take_over,
    };
    let duty = client.organisation().put_on_duty(area.id, &request).await?;
    out.json(&duty);
    out.line(texts::duty_set(out.lang, login, &area.name, duty.role.label(out.lang)));
    Ok(DONE)
}

async fn list(client: &Client, out: &Out, areas: &[AreaView]) -> Outcome {
    let people = client.organisation().people(true).await?;
    let names: HashMap<UserId, String> = people.into_iter().map(|p| (p.user.id, p.user.name)).collect();
    let (mut rows, mut all) = (Vec::new(), Vec::new());
    for area in areas {
        let duties = client.organisation().duties(area.id).await?;
        rows.extend(duties.iter().map(|duty| cells(out, area, duty, &names)));
        if duties.is_empty() {
            rows.push(vec![String::new(), area.name.clone(), texts::nobody_on_duty(out.lang)]);
        }
        all.push(json!({ "area": area, "duties": duties }));
    }
    out.json(&all);
    if rows.is_empty() {
        out.line(texts::no_areas(out.lang));
        return Ok(DONE);
    }
    let mut table = vec![vec![
        String::new(),
        texts::duty_area(out.lang),
        texts::name(out.lang),
        texts::duty_role(out.lang),
        texts::duty_from(out.lang),
        texts::duty_until(out.lang),
    ]];
    table.append(&mut rows);
    out.table(&table);
    Ok(DONE)
}

fn cells(out: &Out, area: &AreaView, duty: &DutyView, names: &HashMap<UserId, String>) -> Vec<String> {
    let now = when::now();
    vec![
        short(duty.id),
        area.name.clone(),
        names.get(&duty.courier).cloned().unwrap_or_else(|| duty.courier.to_string()),
        duty.role.label(out.lang).to_owned(),
        when::moment(out.lang, duty.from, now),
        duty.until.map(|until| when::moment(out.lang, until, now)).unwrap_or_default(),
    ]
}

fn find<'a>(out: &Out, areas: &'a [AreaView], text: &str) -> Result<&'a AreaView, Failure> {
    if let Some(exact) = areas.iter().find(|a| a.name == text || a.id.to_string() == text) {
        return Ok(exact);
    }
    let mut found = areas.iter().filter(|a| a.name.starts_with(text) || a.id.to_string().starts_with(text));
    match (found.next(), found.next()) {
        (Some(area), None) => Ok(area),
        (None, _) => Err(Failure::plain(texts::no_such_area(out.lang, text))),
        (Some(_), Some(_)) => Err(Failure::plain(texts::which_area(out.lang, text))),
    }
}

async fn end(client: &Client, out: &Out, areas: &[AreaView], text: &str) -> Outcome {
    let text = text.trim().to_lowercase();
    let mut found = Vec::new();
    for area in areas {
        let duties = client.organisation().duties(area.id).await?;
        found.extend(duties.into_iter().filter(|d| text.len() >= 4 && d.id.to_string().ends_with(&text)));
    }
    let [duty] = found.as_slice() else {
        return Err(Failure::plain(texts::no_such_duty(out.lang, text)));
    };
    client.organisation().end_duty(duty.id).await?;
    out.json(&json!({ "duty": duty.id }));
    out.line(texts::duty_ended(out.lang));
    Ok(DONE)
}
