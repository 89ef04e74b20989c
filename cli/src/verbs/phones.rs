//! `phones`.

use super::organisation::find;
use super::{Outcome, signed_in};
use crate::args::PhonesArgs;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use waybell_core::Client;
use waybell_core::phones::Phones;
use waybell_domain::wire::{NewPhone, PhoneView};

pub(super) async fn phones(client: &Client, out: &Out, args: &PhonesArgs) -> Outcome {
    signed_in(client)?;
    let person = match &args.of {
        Some(login) => Some(find(client, out, login).await?),
        None => None,
    };
    let phones = client.phones(person);
    if let Some(name) = &args.add {
        let made = phones.make(name).await?;
        out.json(&made);
        show(out, &made);
        return Ok(DONE);
    }
    if let Some(name) = &args.remove {
        let phone = named(&phones, out, name).await?;
        phones.remove(phone.id).await?;
        out.line(texts::phone_removed(out.lang, &phone.name));
        return Ok(DONE);
    }
    if let [name, new] = &args.rename[..] {
        let phone = named(&phones, out, name).await?;
        let renamed = phones.rename(phone.id, new).await?;
        out.json(&renamed);
        out.line(texts::phone_renamed(out.lang, &renamed.name));
        return Ok(DONE);
    }
    let list = phones.list().await?;
    out.json(&list);
    if list.is_empty() {
        out.line(texts::no_phones(out.lang));
    }
    out.table(&list.iter().map(|phone| row(out, phone)).collect::<Vec<_>>());
    Ok(DONE)
}

fn row(out: &Out, phone: &PhoneView) -> Vec<String> {
    let there = match (&phone.transport, phone.seen_at) {
        (Some(transport), _) => texts::phone_there(out.lang, transport),
        (None, Some(at)) => texts::phone_seen(out.lang, when::stamp(at)),
        (None, None) => texts::phone_never(out.lang),
    };
    let from = phone.seen_from.clone().unwrap_or_default();
    vec![phone.name.clone(), phone.user.clone(), there, from, phone.agent.clone().unwrap_or_default()]
}

/// All that has to be typed into it.
fn show(out: &Out, made: &NewPhone) {
    out.line(texts::phone_made(out.lang, &made.phone.name));
    for server in &made.servers {
        out.line(texts::phone_server(out.lang, server));
    }
    out.line(texts::phone_domain(out.lang, &made.domain));
    out.line(texts::phone_user(out.lang, &made.phone.user));
    out.line(texts::phone_secret(out.lang, &made.secret));
}

/// The one of this name, or this user name.
async fn named(phones: &Phones, out: &Out, name: &str) -> Result<PhoneView, Failure> {
    let list = phones.list().await?;
    let found = list.into_iter().find(|p| p.name == name || p.user == name);
    found.ok_or_else(|| Failure::plain(texts::no_phone(out.lang, name)))
}
