//! `announcements`.

use super::{Outcome, deliver, refresh, signed_in};
use crate::args::{AnnouncementsVerb, EditArgs, PostArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::path::Path;
use waybell_core::Client;
use waybell_core::announcements::Announcement;
use waybell_core::announcements::staff::NewAnnouncement;
use waybell_core::error::Error;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{AnnouncementId, BranchId};
use waybell_domain::lang::Lang;
use waybell_domain::wire::{AnnouncementChange, AnnouncementPosted, AnnouncementReader, BranchView};

/// What a list shows of an id: its end, which is random.
fn short(id: AnnouncementId) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

pub(super) async fn announcements(client: &Client, out: &Out, verb: Option<&AnnouncementsVerb>) -> Outcome {
    match verb {
        None => list(client, out).await,
        Some(AnnouncementsVerb::Read { id }) => read(client, out, id).await,
        Some(AnnouncementsVerb::Post(args)) => post(client, out, args).await,
        Some(AnnouncementsVerb::Posted { all }) => posted(client, out, *all).await,
        Some(AnnouncementsVerb::Readers { id, all }) => readers(client, out, id, *all).await,
        Some(AnnouncementsVerb::Edit(args)) => edit(client, out, args).await,
        Some(AnnouncementsVerb::Withdraw { id }) => withdraw(client, out, id).await,
    }
}

/// `必读 未读`.
fn mark(lang: Lang, one: &Announcement) -> String {
    let read = if one.read { texts::ann_is_read(lang) } else { texts::ann_unread(lang) };
    if one.view.must_read { format!("{} {read}", texts::ann_must_read(lang)) } else { read }
}

async fn list(client: &Client, out: &Out) -> Outcome {
    refresh(client).await?;
    let (found, counts) = (client.announcements().list().await?, client.announcements().unread().await?);
    out.json(&json!({ "announcements": found, "unread": counts.unread, "must_read": counts.must_read }));
    let (lang, now) = (out.lang, when::now());
    if found.is_empty() {
        out.line(texts::no_announcements(lang));
        return Ok(DONE);
    }
    let head = vec![
        texts::ann_id(lang),
        texts::ann_mark(lang),
        texts::ann_title(lang),
        texts::ann_by(lang),
        texts::ann_since(lang),
    ];
    let row = |one: &Announcement| {
        vec![
            short(one.view.id),
            mark(lang, one),
            one.view.title.clone(),
            one.view.posted_by_name.clone(),
            when::moment(lang, one.view.starts_at, now),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    out.table(&rows);
    out.line(texts::announcements_unread(lang, counts.unread, counts.must_read));
    if let Some(first) = found.iter().find(|one| !one.read) {
        out.line(format!("  → {}", texts::announcement_hint(lang, short(first.view.id))));
    }
    Ok(DONE)
}

async fn read(client: &Client, out: &Out, id: &str) -> Outcome {
    refresh(client).await?;
    let found = match client.announcements().find(id).await {
        Err(Error::NotFound(_)) => return Err(missing(out, id)),
        other => other?,
    };
    let (lang, now, view) = (out.lang, when::now(), &found.view);
    out.line(&view.title);
    let mut about =
        vec![texts::announcement_by(lang, &view.posted_by_name, when::moment(lang, view.version_at, now))];
    if view.version > 1 {
        about.push(texts::announcement_version(lang, view.version));
    }
    about.extend(view.ends_at.map(|end| texts::announcement_until(lang, when::moment(lang, end, now))));
    out.line(about.join(lang.pick("，", ", ")));
    out.line("");
    view.body.lines().for_each(|line| out.line(line));
    out.line("");
    let read = client.announcements().read(view.id).await?;
    deliver(client, out, json!({ "announcement": read }), &[texts::announcement_confirmed(lang)]).await
}

fn missing(out: &Out, id: &str) -> Failure {
    Failure::plain(texts::no_announcement(out.lang, id))
}

/// The text of the line or of the file.
fn words(out: &Out, text: Option<&String>, file: Option<&Path>) -> Result<Option<String>, Failure> {
    let Some(file) = file else { return Ok(text.cloned()) };
    let bytes = super::parcels::read_list(file).map_err(|e| Failure::file(out, file, &e))?;
    let text = String::from_utf8(bytes)
        .map_err(|_| Failure::file(out, file, &std::io::Error::other("the file is no text in UTF-8")))?;
    Ok(Some(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned()))
}

fn time(out: &Out, text: Option<&String>) -> Result<Option<UnixMs>, Failure> {
    text.map(|t| when::start(out.lang, t, when::now())).transpose()
}

pub(super) async fn branch(client: &Client, out: &Out, asked: &str) -> Result<BranchId, Failure> {
    let known: Vec<BranchView> = client.announcements().branches().await?;
    let found = known.iter().find(|b| b.name == asked.trim() || b.id.to_string() == asked.trim());
    found.map(|b| b.id).ok_or_else(|| {
        let names: Vec<&str> = known.iter().map(|b| b.name.as_str()).collect();
        let names = texts::branches_are(out.lang, names.join(out.lang.pick("、", ", ")));
        Failure::plain(texts::no_branch(out.lang, asked)).hint(names)
    })
}

async fn post(client: &Client, out: &Out, args: &PostArgs) -> Outcome {
    signed_in(client)?;
    let new = NewAnnouncement {
        title: args.title.clone(),
        body: words(out, args.text.as_ref(), args.file.as_deref())?.unwrap_or_default(),
        branch: match &args.branch {
            Some(asked) => Some(branch(client, out, asked).await?),
            None => None,
        },
        roles: args.role.iter().map(|role| (*role).into()).collect(),
        must_read: args.must_read,
        starts_at: time(out, args.from.as_ref())?,
        ends_at: time(out, args.until.as_ref())?,
    };
    let posted = match client.announcements().post(&new).await {
        Err(error @ Error::Offline { left: true, .. }) => {
            return Err(Failure::from(error).hint(texts::announcement_maybe_posted(out.lang)));
        }
        other => other?,
    };
    out.json(&posted);
    let view = &posted.announcement;
    let to = match view.branch {
        None => texts::announcement_to_all(out.lang),
        Some(id) => {
            let known = client.announcements().branches().await.unwrap_or_default();
            known.into_iter().find(|b| b.id == id).map_or_else(|| id.to_string(), |b| b.name)
        }
    };
    out.line(texts::announcement_posted(out.lang, short(view.id), to, posted.audience));
    Ok(DONE)
}

async fn posted(client: &Client, out: &Out, all: bool) -> Outcome {
    signed_in(client)?;
    let found = client.announcements().posted(all).await?;
    out.json(&found);
    let (lang, now) = (out.lang, when::now());
    if found.is_empty() {
        out.line(texts::no_announcements(lang));
        return Ok(DONE);
    }
    let head = vec![
        texts::ann_id(lang),
        texts::ann_mark(lang),
        texts::ann_read(lang),
        texts::ann_title(lang),
        texts::ann_by(lang),
        texts::ann_since(lang),
    ];
    let row = |one: &AnnouncementPosted| {
        let view = &one.announcement;
        vec![
            short(view.id),
            state(lang, one, now),
            format!("{}/{}", one.read, one.audience),
            view.title.clone(),
            view.posted_by_name.clone(),
            when::moment(lang, view.starts_at, now),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

/// `公示中 必读`.
fn state(lang: Lang, one: &AnnouncementPosted, now: UnixMs) -> String {
    let view = &one.announcement;
    let state = match one.withdrawn_at {
        Some(_) => texts::ann_gone(lang),
        None if view.is_shown(now) => texts::ann_in_force(lang),
        None if now < view.starts_at => texts::ann_scheduled(lang),
        None => texts::ann_over(lang),
    };
    if view.must_read { format!("{state} {}", texts::ann_must_read(lang)) } else { state }
}

async fn find(client: &Client, out: &Out, key: &str) -> Result<AnnouncementPosted, Failure> {
    match client.announcements().find_posted(key).await {
        Err(Error::NotFound(_)) => Err(missing(out, key)),
        other => Ok(other?),
    }
}

async fn readers(client: &Client, out: &Out, id: &str, all: bool) -> Outcome {
    signed_in(client)?;
    let one = find(client, out, id).await?;
    let readers = client.announcements().readers(one.announcement.id, (!all).then_some(false)).await?;
    out.json(&json!({ "announcement": one, "readers": readers }));
    let (lang, now) = (out.lang, when::now());
    out.line(&one.announcement.title);
    out.line(texts::announcement_read_by(lang, one.read, one.audience));
    if readers.is_empty() && one.audience > 0 {
        out.line(texts::announcement_all_read(lang));
    }
    if readers.is_empty() {
        return Ok(DONE);
    }
    let known = client.announcements().branches().await.unwrap_or_default();
    let name = |id: Option<BranchId>| {
        known.iter().find(|b| Some(b.id) == id).map(|b| b.name.clone()).unwrap_or_default()
    };
    let head =
        vec![texts::ann_login(lang), texts::ann_name(lang), texts::ann_branch(lang), texts::ann_read(lang)];
    let row = |reader: &AnnouncementReader| {
        let read = match (reader.read, reader.read_at) {
            (true, Some(at)) => when::moment(lang, at, now),
            _ => texts::ann_unread(lang),
        };
        vec![reader.login.clone(), reader.name.clone(), name(reader.branch), read]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(readers.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

async fn edit(client: &Client, out: &Out, args: &EditArgs) -> Outcome {
    signed_in(client)?;
    let one = find(client, out, &args.id).await?;
    let change = AnnouncementChange {
        title: args.title.clone(),
        body: words(out, args.text.as_ref(), args.file.as_deref())?,
        must_read: args.must_read.as_deref().map(|word| word == "yes"),
        starts_at: time(out, args.from.as_ref())?,
        ends_at: time(out, args.until.as_ref())?,
        endless: args.endless,
        seen: Some(one.announcement.rev),
    };
    let changed = client.announcements().change(one.announcement.id, &change).await?;
    out.json(&changed);
    let view = &changed.announcement;
    out.line(texts::announcement_changed(out.lang, short(view.id), view.version));
    Ok(DONE)
}

async fn withdraw(client: &Client, out: &Out, id: &str) -> Outcome {
    signed_in(client)?;
    let one = find(client, out, id).await?;
    let gone = client.announcements().withdraw(one.announcement.id).await?;
    out.json(&gone);
    out.line(texts::announcement_withdrawn(out.lang, short(gone.announcement.id)));
    Ok(DONE)
}
