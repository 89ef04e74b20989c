//! Files that become articles: what they are, and the pictures beside them.

use crate::out::{Failure, Out};
use crate::texts;
use std::path::{Component, Path};
use waybell_core::Client;
use waybell_domain::id::BranchId;
use waybell_domain::import::decode;
use waybell_domain::knowledge::PICTURE;
use waybell_domain::wire::{ArticleFile, ArticleFormat, ArticleRead};

/// HTML by how a file begins, whatever it is called; by its name where the beginning does not say.
fn format(path: &Path, text: &str) -> ArticleFormat {
    let start: String = text.trim_start().chars().take(200).collect::<String>().to_ascii_lowercase();
    let begins = ["<!doctype html", "<html", "<head", "<body", "<h1", "<h2", "<p>", "<div"];
    let called = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
    if begins.iter().any(|b| start.starts_with(b)) || matches!(called.as_deref(), Some("html" | "htm")) {
        return ArticleFormat::Html;
    }
    ArticleFormat::Markdown
}

/// Reads a file as an article, with its pictures uploaded.
pub(super) async fn read(
    client: &Client,
    out: &Out,
    path: &Path,
    branch: Option<BranchId>,
) -> Result<ArticleRead, Failure> {
    let bytes = crate::verbs::parcels::read_list(path).map_err(|e| Failure::file(out, path, &e))?;
    let text = decode(&bytes).map_err(|e| {
        let failure = Failure::file(out, path, &std::io::Error::other(e.problem));
        failure.hint(waybell_core::say::say(out.lang, &e.hint))
    })?;
    let file = ArticleFile { format: format(path, &text), text };
    let mut read = client.knowledge().read_file(&file).await.map_err(|e| Failure::from(e).in_file(path))?;
    if !read.left_out.is_empty() {
        let what = read.left_out.join(out.lang.pick("、", ", "));
        out.note(texts::article_left_out(out.lang, path.display(), what));
    }
    for address in std::mem::take(&mut read.pictures) {
        let name = percent(&address);
        let beside = path.parent().unwrap_or(Path::new("")).join(&name);
        let bytes = if is_beside(&name) { std::fs::read(&beside).ok() } else { None };
        let bytes =
            bytes.ok_or_else(|| Failure::plain(texts::picture_missing(out.lang, &name)).in_file(path))?;
        let picture =
            client.knowledge().upload(&bytes, branch).await.map_err(|e| Failure::from(e).in_file(&beside))?;
        let ours = format!("]({PICTURE}{}", picture.id);
        // with what ends the address, so that fig.png is not taken out of fig.png2
        for end in [")", " ", "\n"] {
            for written in [format!("]({address}{end}"), format!("](<{address}>{end}")] {
                read.body = read.body.replace(&written, &format!("{ours}{end}"));
            }
        }
    }
    Ok(read)
}

/// Whether a name leads nowhere but below the file's own folder: a page of others must not name what else this machine has.
fn is_beside(name: &str) -> bool {
    Path::new(name).components().all(|part| matches!(part, Component::Normal(_)))
}

/// `%E5%9B%BE.png` as the name of a file.
fn percent(address: &str) -> String {
    let mut out = Vec::with_capacity(address.len());
    let mut rest = address.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|two| u8::from_str_radix(two, 16).ok()).filter(|_| first == b'%') {
            Some(byte) => {
                out.push(byte);
                rest = &after[2..];
            }
            None => {
                out.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| address.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_is_its_beginning_says() {
        for (path, text, html) in [
            ("a.md", "# 标题", false),
            ("a.txt", "\n<!DOCTYPE html><p>x", true),
            ("a.HTM", "x", true),
            ("-", "<div>x</div>", true),
            ("a", "a < b", false),
        ] {
            assert_eq!(format(Path::new(path), text) == ArticleFormat::Html, html, "{path}");
        }
        assert_eq!(percent("%E5%9B%BE/a%20b.png"), "图/a b.png");
        assert_eq!(percent("100%.png"), "100%.png");
        assert!(is_beside("图/a b.png"));
        for outside in ["%2e%2e/a.png", "a/%2E%2E/%2e%2e/b.png", "%2Fhome/a.png"] {
            assert!(!is_beside(&percent(outside)), "{outside}");
        }
    }
}
