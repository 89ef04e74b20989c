//! `policy`, `people`: what administrators set.

use super::account::ask_password;
use super::{Outcome, signed_in};
use crate::args::{PeopleVerb, PersonArgs, PolicyVerb};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use serde_json::{Map, Value};
use std::path::Path;
use waybell_core::Client;
use waybell_core::organisation::{NewPerson, PersonChange};
use waybell_core::say::{role, say};
use waybell_domain::id::UserId;
use waybell_domain::wire::{PolicyView, UserView};

/// What holds a new password where there is no terminal.
const NEW: &str = "WAYBELL_NEW_PASSWORD";

pub(super) async fn policy(client: &Client, out: &Out, verb: Option<&PolicyVerb>) -> Outcome {
    signed_in(client)?;
    let rules = match verb {
        None | Some(PolicyVerb::Show) => client.organisation().policy().await?,
        Some(PolicyVerb::Set { rules, dry_run }) => {
            changed(client, out, patch_of(out, rules)?, *dry_run).await?
        }
        Some(PolicyVerb::Patch { file, dry_run }) => {
            changed(client, out, read_patch(out, file)?, *dry_run).await?
        }
        Some(PolicyVerb::Calendar { file: None, .. }) => return super::calendar::show(client, out).await,
        Some(PolicyVerb::Calendar { file: Some(file), replace, dry_run }) => {
            return super::calendar::take(client, out, file, *replace, *dry_run).await;
        }
        Some(PolicyVerb::Carriers) => return super::calendar::carriers(client, out).await,
    };
    out.json(&rules);
    let text = serde_json::to_string_pretty(&rules.policy).unwrap_or_default();
    text.lines().for_each(|line| out.line(line));
    Ok(DONE)
}

async fn changed(client: &Client, out: &Out, patch: Value, dry_run: bool) -> Result<PolicyView, Failure> {
    let rules = client.organisation().change_policy(&patch, dry_run).await?;
    out.line(if dry_run { texts::dry_run(out.lang) } else { texts::rules_changed(out.lang) });
    Ok(rules)
}

fn read_patch(out: &Out, file: &Path) -> Result<Value, Failure> {
    let failed = |e: String| Failure::plain(format!("{}: {}", file.display(), say(out.lang, &e)));
    let bytes = super::parcels::read_list(file).map_err(|e| failed(e.to_string()))?;
    serde_json::from_slice(&bytes).map_err(|e| {
        let (line, column) = (e.line(), e.column());
        failed(format!("file is no JSON from line {line} column {column} on"))
    })
}

/// `retry.max_attempts=2 quiet=[]` as the object `{"retry": {"max_attempts": 2}, "quiet": []}`. A value that is no JSON is a
/// text.
fn patch_of(out: &Out, rules: &[String]) -> Result<Value, Failure> {
    let mut patch = Map::new();
    for rule in rules {
        let (name, value) = rule
            .split_once('=')
            .ok_or_else(|| Failure::usage(texts::no_rule(out.lang, rule)).hint(texts::rule_hint(out.lang)))?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::String(value.to_owned()));
        let mut place = &mut patch;
        let mut parts = name.trim().split('.').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                place.insert(part.to_owned(), value);
                break;
            }
            let inner = place.entry(part).or_insert_with(|| Value::Object(Map::new()));
            let Value::Object(inner) = inner else {
                return Err(Failure::usage(texts::no_rule(out.lang, rule)).hint(texts::rule_hint(out.lang)));
            };
            place = inner;
        }
    }
    Ok(Value::Object(patch))
}

pub(super) async fn people(client: &Client, out: &Out, verb: Option<&PeopleVerb>) -> Outcome {
    signed_in(client)?;
    match verb {
        None => list_people(client, out, false).await?,
        Some(PeopleVerb::List { all }) => list_people(client, out, *all).await?,
        Some(PeopleVerb::Add { login, role, person }) => {
            let name = person.name.clone().ok_or_else(|| Failure::usage(texts::name_wanted(out.lang)))?;
            let password = match &person.new_password {
                Some(given) if !given.is_empty() => given.clone(),
                _ => ask_password(out, NEW)?,
            };
            let new = NewPerson {
                login: login.clone(),
                password,
                name,
                role: (*role).into(),
                phone: person.phone.clone(),
            };
            tell(out, &client.organisation().add_person(&new).await?);
        }
        Some(PeopleVerb::Change { login, disable, enable, person }) => {
            let change = change_of(out, *disable, *enable, person)?;
            if change == PersonChange::default() {
                return Err(Failure::usage(texts::no_change(out.lang)));
            }
            let id = find(client, out, login).await?;
            tell(out, &client.organisation().change_person(id, &change).await?);
        }
    }
    Ok(DONE)
}

async fn list_people(client: &Client, out: &Out, all: bool) -> Result<(), Failure> {
    let list = client.organisation().people(all).await?;
    out.json(&list);
    let lang = out.lang;
    let mut rows = vec![vec![
        texts::login(lang),
        texts::name(lang),
        texts::role(lang),
        texts::phone(lang),
        String::new(),
    ]];
    rows.extend(list.iter().map(|p| {
        let state = if p.active { String::new() } else { texts::may_not_sign_in(lang) };
        let phone = p.phone.clone().unwrap_or_default();
        vec![p.user.login.clone(), p.user.name.clone(), role(lang, p.user.role).into(), phone, state]
    }));
    out.table(&rows);
    Ok(())
}

fn change_of(out: &Out, disable: bool, enable: bool, person: &PersonArgs) -> Result<PersonChange, Failure> {
    let password = match &person.new_password {
        None => None,
        Some(given) if given.is_empty() => Some(ask_password(out, NEW)?),
        Some(given) => Some(given.clone()),
    };
    Ok(PersonChange {
        name: person.name.clone(),
        password,
        phone: person.phone.clone(),
        active: (disable || enable).then_some(enable),
    })
}

/// The person with this login name, or this id; also one who may not sign in any more.
pub(super) async fn find(client: &Client, out: &Out, login: &str) -> Result<UserId, Failure> {
    if let Ok(id) = UserId::parse(login) {
        return Ok(id);
    }
    let people = client.organisation().people(true).await?;
    let found = people.iter().find(|p| p.user.login == login).map(|p| p.user.id);
    found.ok_or_else(|| Failure::plain(texts::no_person(out.lang, login)))
}

fn tell(out: &Out, person: &UserView) {
    out.json(person);
    out.line(texts::person(out.lang, &person.login, &person.name, role(out.lang, person.role), person.id));
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use waybell_domain::lang::Lang;

    #[test]
    fn rules_are_read_from_the_line() {
        let out = Out::new(Lang::Zh, false, false);
        let patch =
            |rules: &[&str]| patch_of(&out, &rules.iter().map(|r| (*r).to_owned()).collect::<Vec<_>>());
        assert_eq!(
            patch(&["retry.max_attempts=2", "quiet=[]", "retry.back_off=60000", "display_daily_cap=null"])
                .unwrap(),
            json!({ "retry": { "max_attempts": 2, "back_off": 60000 }, "quiet": [], "display_daily_cap": null })
        );
        assert_eq!(patch(&["a=b c"]).unwrap(), json!({ "a": "b c" }));
        assert!(patch(&["quiet"]).is_err() && patch(&["a=1", "a.b=2"]).is_err());
    }
}
