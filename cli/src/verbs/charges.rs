//! `balance`, `charges`, `accounts`, `rates`.

use super::organisation::find as person;
use super::{Outcome, refresh, signed_in};
use crate::args::{AccountsVerb, ChargesArgs, PayKind, RatesArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::path::Path;
use waybell_core::Client;
use waybell_core::charges::staff::EntryFilter;
use waybell_core::error::Error;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::AccountId;
use waybell_domain::lang::Lang;
use waybell_domain::rate::{EntryKind, Limits, Micros, Rate, Rates};
use waybell_domain::wire::{AccountView, EntryView};

pub(super) async fn balance(client: &Client, out: &Out) -> Outcome {
    refresh(client).await?;
    let Some(known) = client.charges().balance().await? else {
        out.json(&json!({ "balance": null }));
        out.line(texts::no_balance(out.lang));
        return Ok(DONE);
    };
    out.json(&json!({ "balance": known }));
    let (lang, account) = (out.lang, &known.view.account);
    out.line(texts::balance_is(lang, account.balance));
    if let Some(stopped) = account.stopped {
        out.line(format!("  ! {}", stopped.label(lang)));
    }
    let mut lines = Vec::new();
    if account.held != Micros::ZERO {
        lines.push(texts::balance_held(lang, account.held));
    }
    lines.extend(account.limits.credit.map(|c| texts::balance_credit(lang, c)));
    lines.extend(account.limits.daily_cap.map(|c| texts::balance_cap(lang, c)));
    for (sum, text) in [
        (account.today, texts::balance_today(lang, account.today.cost, account.today.legs)),
        (account.month, texts::balance_month(lang, account.month.cost, account.month.legs)),
    ] {
        let mut line = vec![text];
        if sum.cost != sum.paid {
            line.push(texts::balance_paid(lang, sum.paid));
        }
        if sum.unrated > 0 {
            line.push(texts::balance_unrated(lang, sum.unrated));
        }
        lines.push(line.join(lang.pick("，", ", ")));
    }
    let pays: Vec<&str> = known.view.pays_for.iter().map(|c| c.label(lang)).collect();
    if !pays.is_empty() {
        lines.push(texts::balance_pays(lang, pays.join(lang.pick("、", ", "))));
    }
    lines.push(texts::balance_told(lang, when::moment(lang, known.told_at, when::now())));
    lines.iter().for_each(|line| out.line(format!("  {line}")));
    Ok(DONE)
}

pub(super) async fn charges(client: &Client, out: &Out, args: &ChargesArgs) -> Outcome {
    let asks = args.branch
        || args.unrated
        || args.courier.is_some()
        || args.since.is_some()
        || args.before.is_some();
    let entries = if asks {
        signed_in(client)?;
        let now = when::now();
        let time = |text: &Option<String>| -> Result<Option<UnixMs>, Failure> {
            text.as_deref().map(|text| when::past(out.lang, text, now)).transpose()
        };
        let courier = match &args.courier {
            Some(login) => Some(person(client, out, login).await?),
            None => None,
        };
        let filter = EntryFilter {
            courier,
            since: time(&args.since)?,
            before: time(&args.before)?,
            unrated: args.unrated,
            ..EntryFilter::default()
        };
        client.charges().ledger(&filter, args.limit.clamp(1, 500)).await?
    } else {
        refresh(client).await?;
        client.charges().entries(args.limit as usize).await?
    };
    out.json(&entries);
    if entries.is_empty() {
        out.line(texts::no_charges(out.lang));
        return Ok(DONE);
    }
    let (lang, now) = (out.lang, when::now());
    let head = vec![
        texts::charge_time(lang),
        texts::charge_amount(lang),
        texts::charge_what(lang),
        texts::charge_number(lang),
        texts::charge_who(lang),
        texts::charge_how(lang),
    ];
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(entries.iter().map(|e| cells(lang, e, now))).collect();
    out.table(&rows);
    Ok(DONE)
}

fn cells(lang: Lang, entry: &EntryView, now: UnixMs) -> Vec<String> {
    let how = match &entry.charge {
        Some(charge) => charge.explain(lang),
        None => entry.reason.clone().unwrap_or_default(),
    };
    let mark = if entry.estimated { texts::charge_estimated(lang) } else { String::new() };
    vec![
        when::moment(lang, entry.at, now),
        entry.amount.to_string(),
        entry.call.map_or_else(|| entry.kind.label(lang), |c| c.label(lang)).to_owned(),
        entry.number.clone().unwrap_or_default(),
        entry.courier_name.clone().unwrap_or_default(),
        format!("{how}{mark}"),
    ]
}

pub(super) async fn accounts(client: &Client, out: &Out, verb: Option<&AccountsVerb>) -> Outcome {
    signed_in(client)?;
    match verb {
        None => list(client, out).await,
        Some(AccountsVerb::Pay { whose, amount, kind, reason }) => {
            let kind = match kind {
                PayKind::TopUp => EntryKind::TopUp,
                PayKind::Opening => EntryKind::Opening,
                PayKind::Adjustment => EntryKind::Adjustment,
            };
            pay(client, out, whose, (kind, money("amount", amount)?), reason).await
        }
        Some(AccountsVerb::Limit { whose, credit, daily_cap }) => {
            let amount = |field: &'static str, text: &Option<String>| {
                text.as_deref().map(|text| money(field, text)).transpose()
            };
            let limits =
                Limits { credit: amount("credit", credit)?, daily_cap: amount("daily_cap", daily_cap)? };
            let account = account(client, out, whose).await?;
            let set = client.charges().set_limits(account, &limits).await?;
            out.json(&set);
            let said =
                |of: Option<Micros>| of.map_or_else(|| texts::money_unlimited(out.lang), |m| m.to_string());
            let (credit, cap) = (said(set.limits.credit), said(set.limits.daily_cap));
            out.line(texts::account_limited(out.lang, &set.name, credit, cap));
            Ok(DONE)
        }
    }
}

fn money(field: &str, text: &str) -> Result<Micros, Failure> {
    Micros::parse(text).map_err(|e| {
        let (field, problem, hint) = (field.to_owned(), e.to_string(), String::new());
        Failure::from(Error::BadInput { field, problem, hint })
    })
}

async fn list(client: &Client, out: &Out) -> Outcome {
    let found = client.charges().accounts(None).await?;
    out.json(&found);
    if found.is_empty() {
        out.line(texts::no_accounts(out.lang));
        return Ok(DONE);
    }
    let lang = out.lang;
    let head = vec![
        texts::account_kind(lang),
        texts::account_name(lang),
        texts::account_balance(lang),
        texts::account_today(lang),
        texts::account_month(lang),
        texts::account_stopped(lang),
    ];
    let row = |a: &AccountView| {
        vec![
            a.kind.label(lang).to_owned(),
            a.name.clone(),
            a.balance.to_string(),
            a.today.cost.to_string(),
            a.month.cost.to_string(),
            a.stopped.map(|s| s.label(lang).to_owned()).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

/// The account of a branch by its name or id, else of a courier by the login name.
async fn account(client: &Client, out: &Out, whose: &str) -> Result<AccountId, Failure> {
    let whose = whose.trim();
    let branches = client.announcements().branches().await?;
    if let Some(branch) = branches.iter().find(|b| b.name == whose || b.id.to_string() == whose) {
        return Ok(AccountId::from_uuid(branch.id.as_uuid()));
    }
    Ok(AccountId::from_uuid(person(client, out, whose).await?.as_uuid()))
}

async fn pay(
    client: &Client,
    out: &Out,
    whose: &str,
    (kind, amount): (EntryKind, Micros),
    reason: &str,
) -> Outcome {
    let account = account(client, out, whose).await?;
    let request = client.charges().entry(kind, amount, reason)?;
    let written = match client.charges().write_entry(account, &request).await {
        // the same request once more: it has the same id, so that there is one entry whatever became of the first
        Err(Error::Offline { left: true, .. }) => match client.charges().write_entry(account, &request).await
        {
            Err(error @ Error::Offline { left: true, .. }) => {
                return Err(Failure::from(error).hint(texts::account_maybe_paid(out.lang, request.id)));
            }
            other => other?,
        },
        other => other?,
    };
    out.json(&written);
    let balance = written.balance.map(|b| b.to_string()).unwrap_or_default();
    out.line(texts::account_paid(out.lang, whose, written.amount, balance));
    Ok(DONE)
}

pub(super) async fn rates(client: &Client, out: &Out, args: &RatesArgs) -> Outcome {
    signed_in(client)?;
    if let Some(file) = &args.set {
        return set(client, out, file).await;
    }
    let versions = client.charges().rates().await?;
    out.json(&versions);
    let (lang, now) = (out.lang, when::now());
    if versions.is_empty() {
        out.line(texts::no_rates(lang));
        return Ok(DONE);
    }
    for version in &versions {
        let force = if version.in_force { texts::rates_in_force(lang) } else { String::new() };
        let time = when::moment(lang, version.from_at, now);
        out.line(format!(
            "{}{force}",
            texts::rates_version(lang, version.version, &version.rates.name, time)
        ));
        if !version.in_force && version.from_at < now {
            continue;
        }
        let head = vec![
            texts::rate_to(lang),
            texts::rate_trunk(lang),
            texts::rate_way(lang),
            texts::rate_step(lang),
            texts::rate_price(lang),
            texts::rate_connection(lang),
            texts::rate_least(lang),
        ];
        let row = |rate: &Rate| {
            vec![
                rate.to.to_string(),
                rate.trunk.clone().unwrap_or_default(),
                if rate.incoming { texts::rate_in(lang) } else { texts::rate_out(lang) },
                format!("{} s", rate.step_s),
                rate.price.to_string(),
                rate.connection.to_string(),
                format!("{} s", rate.least_s),
            ]
        };
        let rows: Vec<Vec<String>> =
            std::iter::once(head).chain(version.rates.rates.iter().map(row)).collect();
        out.table(&rows);
    }
    Ok(DONE)
}

async fn set(client: &Client, out: &Out, file: &Path) -> Outcome {
    let bytes = super::parcels::read_list(file).map_err(|e| Failure::file(out, file, &e))?;
    let rates: Rates = serde_json::from_slice(&bytes)
        .map_err(|e| Failure::plain(texts::rates_unreadable(out.lang, e)).in_file(file))?;
    let set = client.charges().set_rates(&rates).await?;
    out.json(&set);
    let time = when::moment(out.lang, set.from_at, when::now());
    out.line(texts::rates_set(out.lang, set.version, &set.rates.name, time));
    Ok(DONE)
}
