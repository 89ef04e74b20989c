//! What editors do: at the server, at once.

use super::{Outcome, files, missing, short};
use crate::args::{AddArgs, FolderArgs, KnowledgeVerb, RewriteArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use std::path::Path;
use waybell_core::Client;
use waybell_core::error::Error;
use waybell_core::knowledge::staff::NewArticle;
use waybell_domain::id::{BranchId, FolderId};
use waybell_domain::knowledge::Stage;
use waybell_domain::wire::{ArticleChange, ArticleState, ArticleVersion, DiffKind, FolderChange};

pub(super) async fn act(client: &Client, out: &Out, verb: &KnowledgeVerb) -> Outcome {
    let knowledge = client.knowledge();
    match verb {
        KnowledgeVerb::Add(args) => add(client, out, args).await,
        KnowledgeVerb::Edit(args) => edit(client, out, args).await,
        KnowledgeVerb::Written { stage } => written(client, out, stage.map(Stage::from)).await,
        KnowledgeVerb::Submit { id } => {
            let one = find(client, out, id).await?;
            tell(out, &knowledge.submit(one.id).await?)
        }
        KnowledgeVerb::Approve { id, reject } => {
            let one = find(client, out, id).await?;
            tell(
                out,
                &match reject {
                    None => knowledge.approve(one.id, one.version).await?,
                    Some(why) => knowledge.reject(one.id, one.version, why).await?,
                },
            )
        }
        KnowledgeVerb::Archive { id } => {
            let one = find(client, out, id).await?;
            tell(out, &knowledge.archive(one.id).await?)
        }
        KnowledgeVerb::History { id, diff, against } => history(client, out, id, *diff, *against).await,
        KnowledgeVerb::Restore { id, version } => {
            let one = find(client, out, id).await?;
            tell(out, &knowledge.restore(one.id, *version).await?)
        }
        KnowledgeVerb::Folder(args) => folder(client, out, args).await,
        // of readers, done before
        KnowledgeVerb::Search { .. } | KnowledgeVerb::Show { .. } | KnowledgeVerb::Favourite { .. } => {
            Ok(DONE)
        }
    }
}

async fn find(client: &Client, out: &Out, key: &str) -> Result<ArticleState, Failure> {
    match client.knowledge().find_written(key).await {
        Err(Error::NotFound(_)) => Err(missing(out, key)),
        Err(Error::Refused(refusal)) if refusal.status == 404 => Err(missing(out, key)),
        other => Ok(other?),
    }
}

/// Says where an article is now.
fn tell(out: &Out, state: &ArticleState) -> Outcome {
    out.json(state);
    out.line(texts::article_state(out.lang, short(state.id), state.stage.label(out.lang), state.version));
    if let Some(published) = state.published.filter(|published| *published != state.version) {
        out.line(texts::article_readers_have(out.lang, published));
    }
    Ok(DONE)
}

async fn branch(client: &Client, out: &Out, asked: Option<&String>) -> Result<Option<BranchId>, Failure> {
    match asked {
        Some(asked) => Ok(Some(crate::verbs::announcements::branch(client, out, asked).await?)),
        None => Ok(None),
    }
}

/// What a file is called, without its ending.
fn name(file: &Path) -> String {
    file.file_stem().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

async fn add(client: &Client, out: &Out, args: &AddArgs) -> Outcome {
    if args.title.is_some() && args.files.len() > 1 {
        return Err(Failure::usage(texts::one_file_for_title(out.lang)));
    }
    let (knowledge, branch) = (client.knowledge(), branch(client, out, args.branch.as_ref()).await?);
    let mut made = Vec::new();
    for file in &args.files {
        let read = files::read(client, out, file, branch).await?;
        let path = args.folder.clone().or(read.folder);
        let folder = match path.as_deref() {
            Some(path) => Some(knowledge.folder(path, true, branch).await?),
            None => None,
        };
        let mut tags = read.tags;
        tags.extend(args.tag.iter().cloned());
        let title = args.title.clone().or(read.title).unwrap_or_else(|| name(file));
        let new = NewArticle { title, tags, body: read.body, folder, branch };
        let mut state = match knowledge.make(&new).await {
            Err(error @ Error::Offline { left: true, .. }) => {
                return Err(Failure::from(error).hint(texts::article_maybe_made(out.lang)));
            }
            other => other.map_err(|e| Failure::from(e).in_file(file))?,
        };
        out.line(texts::article_made(out.lang, short(state.id), &state.title));
        if args.submit {
            state = knowledge.submit(state.id).await?;
        }
        made.push(state);
    }
    out.json(&made);
    Ok(DONE)
}

/// The folder of a path; `None` for `/`, the top.
async fn place(client: &Client, out: &Out, path: &str) -> Result<Option<FolderId>, Failure> {
    if path.trim().trim_matches('/').is_empty() {
        return Ok(None);
    }
    match client.knowledge().folder(path, false, None).await {
        Err(Error::NotFound(_)) => Err(Failure::plain(texts::no_folder(out.lang, path))),
        other => Ok(Some(other?)),
    }
}

async fn edit(client: &Client, out: &Out, args: &RewriteArgs) -> Outcome {
    let one = find(client, out, &args.id).await?;
    let mut change =
        ArticleChange { title: args.title.clone(), seen: Some(one.rev), ..ArticleChange::default() };
    if let Some(file) = &args.file {
        let read = files::read(client, out, file, one.branch).await?;
        change.title = change.title.or(read.title);
        change.tags = Some(read.tags).filter(|tags| !tags.is_empty());
        change.body = Some(read.body);
    }
    if !args.tag.is_empty() {
        change.tags = Some(args.tag.clone());
    }
    if let Some(path) = &args.folder {
        change.folder = place(client, out, path).await?;
        change.top = change.folder.is_none();
    }
    tell(out, &client.knowledge().change(one.id, &change).await?)
}

async fn written(client: &Client, out: &Out, stage: Option<Stage>) -> Outcome {
    let found = client.knowledge().written(stage).await?;
    out.json(&found);
    let (lang, now) = (out.lang, when::now());
    if found.is_empty() {
        out.line(texts::no_knowledge(lang));
        return Ok(DONE);
    }
    let head = vec![
        texts::know_id(lang),
        texts::know_stage(lang),
        texts::know_version(lang),
        texts::know_title(lang),
        texts::know_by(lang),
        texts::know_time(lang),
        texts::know_views(lang),
    ];
    let row = |one: &ArticleState| {
        vec![
            short(one.id),
            one.stage.label(lang).to_owned(),
            one.version.to_string(),
            one.title.clone(),
            one.written_by_name.clone(),
            when::moment(lang, one.written_at, now),
            one.views.to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(found.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

async fn history(client: &Client, out: &Out, id: &str, diff: Option<u32>, against: Option<u32>) -> Outcome {
    let one = find(client, out, id).await?;
    let (lang, now) = (out.lang, when::now());
    if let Some(version) = diff {
        let lines = client.knowledge().compare(one.id, against, version).await?;
        out.json(&lines);
        for line in &lines {
            let sign = match line.kind {
                DiffKind::Same => " ",
                DiffKind::Added => "+",
                DiffKind::Removed => "-",
            };
            out.line(format!("{sign} {}", line.text));
        }
        return Ok(DONE);
    }
    let detail = client.knowledge().detail(one.id).await?;
    out.json(&detail);
    let head = vec![
        texts::know_version(lang),
        texts::know_stage(lang),
        texts::know_title(lang),
        texts::know_by(lang),
        texts::know_time(lang),
        texts::know_note(lang),
    ];
    let row = |version: &ArticleVersion| {
        let stage = match (version.version == one.version, version.approved_at) {
            (true, _) => one.stage.label(lang),
            (false, Some(_)) => Stage::Published.label(lang),
            (false, None) => Stage::Draft.label(lang),
        };
        vec![
            version.version.to_string(),
            stage.to_owned(),
            version.title.clone(),
            version.by_name.clone(),
            when::moment(lang, version.at, now),
            version.note.clone().or(version.approved_by_name.clone()).unwrap_or_default(),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(detail.versions.iter().map(row)).collect();
    out.table(&rows);
    Ok(DONE)
}

async fn folder(client: &Client, out: &Out, args: &FolderArgs) -> Outcome {
    let (knowledge, lang) = (client.knowledge(), out.lang);
    if args.rename.is_none() && args.into.is_none() && !args.remove {
        let branch = branch(client, out, args.branch.as_ref()).await?;
        let id = knowledge.folder(&args.path, true, branch).await?;
        out.json(&serde_json::json!({ "folder": id }));
        out.line(texts::folder_made(lang, &args.path));
        return Ok(DONE);
    }
    let Some(id) = place(client, out, &args.path).await? else {
        return Err(Failure::plain(texts::no_folder(lang, &args.path)));
    };
    if args.remove {
        knowledge.remove_folder(id).await?;
        out.json(&serde_json::json!({ "removed": id }));
        out.line(texts::folder_removed(lang, &args.path));
        return Ok(DONE);
    }
    let mut change = FolderChange { name: args.rename.clone(), ..FolderChange::default() };
    if let Some(path) = &args.into {
        change.parent = place(client, out, path).await?;
        change.top = change.parent.is_none();
    }
    out.json(&knowledge.change_folder(id, &change).await?);
    out.line(texts::folder_changed(lang, &args.path));
    Ok(DONE)
}
