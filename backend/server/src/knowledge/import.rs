//! What would become of a file: Markdown or HTML, read as [`waybell_domain::knowledge`] says.

use super::rights::refused;
use crate::http::error::{ApiError, ApiResult};
use waybell_domain::knowledge::safe::{check, heading, picture_id};
use waybell_domain::knowledge::{KnowledgeFlaw, MOST_TITLE, body, front, html};
use waybell_domain::wire::{ArticleFile, ArticleFormat, ArticleRead};

/// Reads a file; nothing is stored.
pub(super) async fn import(file: ArticleFile) -> ApiResult<ArticleRead> {
    crate::http::aside(move || read(&file).map_err(refused)).await
}

fn read(file: &ArticleFile) -> Result<ArticleRead, KnowledgeFlaw> {
    let (front, text, left_out, before) = match file.format {
        ArticleFormat::Markdown => {
            let (front, text, before) = front::split(&file.text)?;
            let others = front.others.clone();
            (front, text.to_owned(), others, before)
        }
        ArticleFormat::Html => {
            let page = html::read(&file.text)?;
            (front::Front { title: page.title, ..front::Front::default() }, page.body, page.left_out, 0)
        }
    };
    // lines are those of the file
    let blank = text.trim_start_matches('\u{feff}').chars().take_while(|c| matches!(c, '\n' | '\r'));
    let before = before + blank.filter(|c| *c == '\n').count();
    let text = body(&text)?;
    let pictures = check(&text, true, before)?;
    let (title, text) = match (front.title, heading(&text)) {
        // a heading that says the title once more is the title
        (Some(title), Some((first, rest))) if first == title.trim() => (Some(title), rest),
        (None, Some((first, rest))) if first.chars().count() <= MOST_TITLE => (Some(first), rest),
        (title, _) => (title, text),
    };
    Ok(ArticleRead {
        title,
        tags: front.tags,
        folder: front.folder,
        body: text.trim_end().to_owned(),
        pictures: pictures.into_iter().filter(|address| picture_id(address).is_none()).collect(),
        left_out,
    })
}

/// A body that may be stored, with its pictures.
pub(super) fn safe(text: &str) -> Result<(String, Vec<String>), ApiError> {
    let text = body(text).map_err(refused)?;
    let pictures = check(&text, false, 0).map_err(refused)?;
    Ok((text, pictures))
}
