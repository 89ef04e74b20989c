//! What makes a text safe to show as it is: Markdown (CommonMark with tables) without HTML, whose links and pictures are known.
//!
//! A text that somebody writes is checked, and the error names the line. A text that was made out of HTML is defused: what would be
//! HTML is shown as characters, a link that leads where none may lead is its words, a picture of another place is a link to it. What
//! was defused passes the check.

use super::{KnowledgeFlaw, PICTURE};
use crate::id::PictureId;
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};
use std::ops::Range;

/// Pictures of a text.
const MOST_PICTURES: usize = 60;
/// So often a text is looked through again: each time less of it is what it should not be.
const ROUNDS: usize = 12;

const LINK: &str = "write a link that begins with https://, http://, mailto: or tel:";

fn events(body: &str) -> impl Iterator<Item = (Event<'_>, Range<usize>)> {
    Parser::new_ext(body, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH).into_offset_iter()
}

/// Whether a link may lead there.
#[must_use]
pub fn may_lead(address: &str) -> bool {
    let address = address.trim();
    if address.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return false;
    }
    let lower = address.to_ascii_lowercase();
    let known = ["https://", "http://", "mailto:", "tel:"];
    address.starts_with('#')
        || known.iter().any(|scheme| lower.len() > scheme.len() && lower.starts_with(scheme))
}

/// The id of a picture that is ours.
#[must_use]
pub fn picture_id(address: &str) -> Option<PictureId> {
    PictureId::parse(address.strip_prefix(PICTURE)?).ok()
}

/// Whether a picture's address names a file beside the text.
fn is_beside(address: &str) -> bool {
    let plain = !address.is_empty() && !address.chars().any(char::is_control);
    plain && !address.contains(':') && !address.starts_with(['/', '\\', '#', '?']) && !address.contains("..")
}

/// What is wrong with a place of a text, if anything.
fn flaw(event: &Event<'_>, beside: bool) -> Option<(&'static str, &'static str)> {
    match event {
        Event::Html(_) | Event::InlineHtml(_) | Event::Start(Tag::HtmlBlock) => Some((
            "has HTML",
            r"write it as Markdown, put \ before a < that is meant as such, or import the file as HTML",
        )),
        Event::Start(Tag::Link { link_type, dest_url, .. }) => {
            let good = *link_type == LinkType::Email || may_lead(dest_url);
            (!good).then_some(("has a link that leads nowhere from here", LINK))
        }
        Event::Start(Tag::Image { dest_url, .. }) => {
            if picture_id(dest_url).is_some() || beside && is_beside(dest_url) {
                return None;
            }
            let hint = "upload the picture, and write its address as picture: with its id";
            Some(("shows a picture that is not in the knowledge base", hint))
        }
        _ => None,
    }
}

/// Checks a text. Gives the addresses of its pictures, each once; with `beside` those of files that are still to be uploaded may be
/// among them. `before` lines stand above it in its file.
///
/// # Errors
/// The first line that has HTML, a link that may not be, or a picture that is not ours.
pub fn check(body: &str, beside: bool, before: usize) -> Result<Vec<String>, KnowledgeFlaw> {
    let mut pictures: Vec<String> = Vec::new();
    for (event, range) in events(body) {
        if let Some((problem, hint)) = flaw(&event, beside) {
            let line = body.get(..range.start).unwrap_or_default().matches('\n').count() + 1 + before;
            return Err(KnowledgeFlaw::new(format!("body, line {line}"), problem, hint));
        }
        if let Event::Start(Tag::Image { dest_url, .. }) = event {
            let address = dest_url.into_string();
            if !pictures.contains(&address) {
                pictures.push(address);
            }
        }
    }
    if pictures.len() > MOST_PICTURES {
        let problem = format!("has more than {MOST_PICTURES} pictures");
        return Err(KnowledgeFlaw::new("body", problem, "make several articles of it"));
    }
    Ok(pictures)
}

/// A change of a text: what stands in this range is that.
type Change = (Range<usize>, String);

/// Ends what is wrong with a text. What could not be put right in some rounds is shown as plain characters.
#[must_use]
pub fn defuse(body: &str) -> String {
    let mut text = body.to_owned();
    for _ in 0..ROUNDS {
        let changes = changes(&text);
        if changes.is_empty() {
            return text;
        }
        let (mut next, mut from) = (String::with_capacity(text.len()), 0);
        for (range, instead) in changes {
            next.push_str(&text[from..range.start]);
            next.push_str(&instead);
            from = range.end;
        }
        next.push_str(&text[from..]);
        text = next;
    }
    plain(&text)
}

/// Characters alone, with nothing that means anything.
fn plain(text: &str) -> String {
    let escape = |c: char| if c.is_ascii_punctuation() { format!("\\{c}") } else { c.to_string() };
    text.lines()
        .map(|line| line.trim().chars().map(escape).collect::<String>())
        .collect::<Vec<_>>()
        .join("\n\n")
}

/// Changes that do not overlap, in order.
fn changes(text: &str) -> Vec<Change> {
    let mut out: Vec<Change> = Vec::new();
    let mut open: Vec<(Range<usize>, Option<Range<usize>>, bool)> = Vec::new();
    let mut put = |range: Range<usize>, instead: String| {
        if out.last().is_none_or(|(last, _)| last.end <= range.start) {
            out.push((range, instead));
        }
    };
    for (event, range) in events(text) {
        let bad = flaw(&event, true).is_some();
        match event {
            Event::Html(_) | Event::InlineHtml(_) => {
                put(range.clone(), text[range].replace('<', "\\<"));
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. }) => open.push((range, None, bad)),
            Event::End(TagEnd::Link | TagEnd::Image) => {
                let Some((whole, inner, bad)) = open.pop() else { continue };
                if let Some((_, around, _)) = open.last_mut() {
                    widen(around, &whole);
                }
                if bad {
                    let written = &text[whole.clone()];
                    let instead = match written.strip_prefix('!') {
                        Some(link) if leads(link) => link.to_owned(),
                        _ if written.starts_with('<') => written.replace('<', "\\<"),
                        _ => inner.map(|inner| text[inner].to_owned()).unwrap_or_default(),
                    };
                    put(whole, instead);
                }
            }
            _ => {
                if let Some((_, inner, _)) = open.last_mut() {
                    widen(inner, &range);
                }
            }
        }
    }
    out
}

fn widen(inner: &mut Option<Range<usize>>, range: &Range<usize>) {
    let known = inner.clone().unwrap_or_else(|| range.clone());
    *inner = Some(known.start.min(range.start)..known.end.max(range.end));
}

/// Whether a text is one link that may be, with words.
fn leads(text: &str) -> bool {
    let mut events = events(text).map(|(event, _)| event);
    let link = matches!(events.nth(1), Some(Event::Start(Tag::Link { dest_url, .. })) if may_lead(&dest_url));
    link && matches!(events.next(), Some(Event::Text(_)))
}

/// The heading that a text begins with, and the text behind it: a file that names its article so.
#[must_use]
pub fn heading(body: &str) -> Option<(String, String)> {
    let mut events = events(body);
    let (Event::Start(Tag::Heading { .. }), range) = events.next()? else { return None };
    let mut title = String::new();
    for (event, _) in events {
        match event {
            Event::Text(text) | Event::Code(text) => title.push_str(&text),
            Event::SoftBreak | Event::HardBreak => title.push(' '),
            Event::End(TagEnd::Heading(_)) => break,
            Event::Start(Tag::Image { .. }) => return None,
            _ => {}
        }
    }
    let rest = body.get(range.end..)?.trim_start_matches('\n').to_owned();
    Some((title.trim().to_owned(), rest)).filter(|(title, rest)| !title.is_empty() && !rest.trim().is_empty())
}
