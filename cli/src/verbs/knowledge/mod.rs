//! `knowledge`: what readers do. What editors do is in [`staff`].

mod files;
mod staff;

use super::{Outcome, deliver, refresh, signed_in};
use crate::args::KnowledgeVerb;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::path::Path;
use waybell_core::Client;
use waybell_core::error::Error;
use waybell_core::knowledge::pictures::shown_in;
use waybell_core::knowledge::{Article, Hit, Shelf};
use waybell_domain::id::ArticleId;

/// What a list shows of an id: its end, which is random.
fn short(id: ArticleId) -> String {
    let id = id.to_string();
    id.get(id.len().saturating_sub(6)..).unwrap_or_default().to_owned()
}

pub(super) async fn knowledge(client: &Client, out: &Out, verb: Option<&KnowledgeVerb>) -> Outcome {
    match verb {
        None => tree(client, out).await,
        Some(KnowledgeVerb::Search { words, limit }) => search(client, out, &words.join(" "), *limit).await,
        Some(KnowledgeVerb::Show { id, pictures }) => show(client, out, id, pictures.as_deref()).await,
        Some(KnowledgeVerb::Favourite { id: None, .. }) => favourites(client, out).await,
        Some(KnowledgeVerb::Favourite { id: Some(id), off }) => favourite(client, out, id, !off).await,
        Some(other) => {
            signed_in(client)?;
            staff::act(client, out, other).await
        }
    }
}

/// `★` before what this person keeps.
fn title(article: &Article) -> String {
    let mark = if article.view.favourite { "★ " } else { "" };
    format!("{mark}{}", article.view.title)
}

async fn tree(client: &Client, out: &Out) -> Outcome {
    refresh(client).await?;
    let shelves = client.knowledge().tree().await?;
    out.json(&shelves);
    if shelves.iter().all(|shelf| shelf.folder.is_none() && shelf.articles.is_empty()) {
        out.line(texts::no_knowledge(out.lang));
        return Ok(DONE);
    }
    for shelf in &shelves {
        let depth = depth(shelf);
        if let Some(name) = shelf.path.rsplit('/').next().filter(|_| shelf.folder.is_some()) {
            out.line(format!("{}{name}/", "  ".repeat(depth - 1)));
        }
        for article in &shelf.articles {
            out.line(format!("{}{}  {}", "  ".repeat(depth), short(article.view.id), title(article)));
        }
    }
    Ok(DONE)
}

fn depth(shelf: &Shelf) -> usize {
    if shelf.folder.is_none() { 0 } else { shelf.path.split('/').count() }
}

async fn search(client: &Client, out: &Out, words: &str, limit: usize) -> Outcome {
    refresh(client).await?;
    let found = client.knowledge().search(words, limit).await?;
    out.json(&found);
    let lang = out.lang;
    let Some(first) = found.first() else {
        out.line(texts::nothing_found(lang));
        return Ok(DONE);
    };
    let head =
        vec![texts::know_id(lang), texts::know_title(lang), texts::know_path(lang), texts::know_line(lang)];
    let row = |hit: &Hit| {
        let line: String = hit.line.chars().take(40).collect();
        vec![short(hit.article.view.id), title(&hit.article), hit.article.path.clone(), line]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    out.table(&rows);
    out.line(format!("  → {}", texts::article_hint(lang, short(first.article.view.id))));
    Ok(DONE)
}

async fn favourites(client: &Client, out: &Out) -> Outcome {
    refresh(client).await?;
    let kept = client.knowledge().favourites().await?;
    out.json(&kept);
    let lang = out.lang;
    if kept.is_empty() {
        out.line(texts::no_knowledge(lang));
        return Ok(DONE);
    }
    let head =
        vec![texts::know_id(lang), texts::know_title(lang), texts::know_path(lang), texts::know_views(lang)];
    let row = |one: &Article| {
        vec![short(one.view.id), one.view.title.clone(), one.path.clone(), one.views.to_string()]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(kept.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

fn missing(out: &Out, id: &str) -> Failure {
    Failure::plain(texts::no_article(out.lang, id))
}

async fn find(client: &Client, out: &Out, id: &str) -> Result<Article, Failure> {
    refresh(client).await?;
    match client.knowledge().find(id).await {
        Err(Error::NotFound(_)) => Err(missing(out, id)),
        other => Ok(other?),
    }
}

async fn show(client: &Client, out: &Out, id: &str, pictures: Option<&Path>) -> Outcome {
    let found = find(client, out, id).await?;
    let (lang, now, view) = (out.lang, when::now(), &found.view);
    out.line(title(&found));
    let time = when::moment(lang, view.published_at, now);
    out.line(texts::article_about(lang, &view.written_by_name, view.version, time));
    let about: Vec<String> = std::iter::once(found.path.clone())
        .chain(view.tags.iter().map(|tag| format!("#{tag}")))
        .filter(|word| !word.is_empty())
        .collect();
    if !about.is_empty() {
        out.line(about.join("  "));
    }
    out.line("");
    view.body.lines().for_each(|line| out.line(line));
    out.line("");
    let mut saved = Vec::new();
    if let Some(folder) = pictures {
        std::fs::create_dir_all(folder).map_err(|e| Failure::file(out, folder, &e))?;
        for id in shown_in(&view.body) {
            match client.knowledge().picture(id).await {
                Ok(picture) => {
                    let file = folder.join(format!("{id}.{}", picture.kind.suffix()));
                    std::fs::write(&file, &picture.bytes).map_err(|e| Failure::file(out, &file, &e))?;
                    out.line(texts::picture_saved(lang, file.display()));
                    saved.push(file);
                }
                Err(Error::Offline { .. }) => out.line(texts::picture_not_here(lang)),
                Err(other) => return Err(other.into()),
            }
        }
    }
    let read = client.knowledge().open(view.id).await?;
    deliver(client, out, json!({ "article": read, "pictures": saved }), &[]).await
}

async fn favourite(client: &Client, out: &Out, id: &str, keep: bool) -> Outcome {
    let found = find(client, out, id).await?;
    let kept = client.knowledge().favourite(found.view.id, keep).await?;
    let said = if keep { texts::article_kept(out.lang) } else { texts::article_not_kept(out.lang) };
    deliver(client, out, json!({ "article": kept }), &[said]).await
}
