//! Articles out of HTML: what a browser would show, as Markdown.
//!
//! ```text
//!  HTML ─▶ tree, as browsers parse it ─▶ without what is not text ─▶ Markdown ─▶ defused ([`super::safe`])
//! ```
//!
//! Scripts, styles, frames, forms and other programs go with all that is in them, and are told. Attributes are never taken over but
//! addresses of links and pictures, and the words about them, without punctuation. What only looks like HTML in the text stays characters.

use super::safe::defuse;
use super::{KnowledgeFlaw, MOST_BODY};
use htmd::options::{BulletListMarker, Options};
use htmd::{HtmlToMarkdown, Node};
use html5ever::tendril::{StrTendril, TendrilSink};
use html5ever::tree_builder::TreeBuilderOpts;
use html5ever::{ParseOpts, parse_document};
use markup5ever_rcdom::{NodeData, RcDom};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Longest file, bytes.
pub const MOST_HTML: usize = 512 << 10;
/// Elements one in another: texts of people have some twenty.
const MOST_DEEP: usize = 200;
/// Elements and texts of a page.
const MOST_NODES: usize = 100_000;
/// So much is parsed at once, bytes: a page can be written so that each letter of it makes hundreds of elements, or so that each
/// takes longer than all before it, and a tree that grows too large must be noticed while it grows.
const PIECE: usize = 2 << 10;

/// Elements that are no text; they go whole.
const NO_TEXT: &[&str] = &[
    "script", "style", "template", "noscript", "iframe", "frame", "frameset", "noframes", "object", "embed",
    "applet", "form", "input", "button", "select", "textarea", "svg", "math", "canvas", "audio", "video",
    "map", "link", "meta", "base", "dialog", "portal",
];
/// Those of them that every page has, and nobody misses.
const UNTOLD: &[&str] = &["style", "link", "meta", "base", "noscript", "template"];

/// What came out of a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Its `<title>`.
    pub title: Option<String>,
    /// Markdown.
    pub body: String,
    /// Names of elements that were left out.
    pub left_out: Vec<String>,
}

/// Reads a page.
///
/// # Errors
/// It is longer than [`MOST_HTML`], or nested deeper than any text is.
pub fn read(html: &str) -> Result<Page, KnowledgeFlaw> {
    if html.len() > MOST_HTML {
        return Err(KnowledgeFlaw::new("text", "is larger than 512 kB", "make several articles of it"));
    }
    let converter = HtmlToMarkdown::builder()
        .options(Options {
            bullet_list_marker: BulletListMarker::Dash,
            ul_bullet_spacing: 1,
            ol_number_spacing: 1,
            ..Options::default()
        })
        .build();
    let tree = parse(html)?;
    let mut page = Page::default();
    clean(&tree, &mut page);
    let text = converter.tree_to_markdown(&tree);
    if text.chars().count() > 2 * MOST_BODY {
        let hint = "make several articles of it";
        return Err(KnowledgeFlaw::new("text", format!("has more than {MOST_BODY} characters"), hint));
    }
    page.body = defuse(text.trim());
    Ok(page)
}

fn name_of(node: &Node) -> Option<String> {
    match &node.data {
        NodeData::Element { name, .. } => Some(name.local.to_string()),
        _ => None,
    }
}

fn text_of(node: &Node) -> String {
    let texts = node.children.borrow();
    let text = texts.iter().filter_map(|child| match &child.data {
        NodeData::Text { contents } => Some(contents.borrow().to_string()),
        _ => None,
    });
    text.collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The tree of a page, as browsers make it.
fn parse(html: &str) -> Result<Rc<Node>, KnowledgeFlaw> {
    let tree_builder = TreeBuilderOpts { scripting_enabled: true, ..TreeBuilderOpts::default() };
    let mut parser = parse_document(RcDom::default(), ParseOpts { tree_builder, ..ParseOpts::default() });
    let mut rest = html;
    while !rest.is_empty() {
        let (piece, more) = rest.split_at(rest.floor_char_boundary(PIECE));
        parser.process(StrTendril::from(piece));
        measure(&parser.tokenizer.sink.sink.document)?;
        rest = more;
    }
    Ok(parser.finish().document)
}

/// Fails for a tree that no text has. Without recursion.
fn measure(tree: &Rc<Node>) -> Result<(), KnowledgeFlaw> {
    let (mut open, mut nodes) = (vec![(tree.clone(), 0)], 0);
    while let Some((node, depth)) = open.pop() {
        nodes += 1;
        if depth > MOST_DEEP || nodes > MOST_NODES {
            let hint = "import the text of the page alone";
            return Err(KnowledgeFlaw::new(
                "text",
                "is nested too deeply, or has too many parts, to be a text",
                hint,
            ));
        }
        open.extend(node.children.borrow().iter().map(|child| (child.clone(), depth + 1)));
    }
    Ok(())
}

/// Words about a picture or link stand in the Markdown as they are: letters alone, and no more of them than anybody reads.
fn plain_words(attribute: &mut html5ever::Attribute) {
    if matches!(&*attribute.name.local, "alt" | "title") {
        let words = attribute.value.chars().map(|c| if c.is_ascii_punctuation() { ' ' } else { c });
        attribute.value = words.take(200).collect::<String>().into();
    }
}

/// Takes away what is no text.
fn clean(tree: &Rc<Node>, page: &mut Page) {
    let (mut left_out, mut open) = (BTreeSet::new(), vec![tree.clone()]);
    while let Some(node) = open.pop() {
        let mut children = node.children.borrow_mut();
        children.retain(|child| {
            let Some(name) = name_of(child) else {
                return matches!(child.data, NodeData::Text { .. } | NodeData::Document);
            };
            if name == "title" {
                page.title = page.title.take().or_else(|| Some(text_of(child)).filter(|t| !t.is_empty()));
                return false;
            }
            if let NodeData::Element { attrs, .. } = &child.data {
                attrs.borrow_mut().iter_mut().for_each(plain_words);
            }
            let text = !NO_TEXT.contains(&name.as_str());
            if !text && !UNTOLD.contains(&name.as_str()) {
                left_out.insert(name);
            }
            text
        });
        open.extend(children.iter().cloned());
    }
    page.left_out = left_out.into_iter().collect();
}
