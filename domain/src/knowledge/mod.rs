//! Knowledge (知识库): what an article may be, how it comes to be published, and what is found first.
//!
//! ```text
//!            submit           approve
//!   draft ───────────▶ review ────────▶ published
//!     ▲ ▲                 │ reject          │ edit: readers keep the approved text
//!     │ └─────────────────┘                 │
//!     └─────────────────────────────────────┘      archive, from anywhere: readers lose it; an edit is a draft again
//! ```
//!
//! * **Readers have the approved text.** An edit is a new version and a draft; until it is approved, what was approved before
//!   stays in force. So an article has two versions that matter: the newest, whose [`Stage`] this is, and the approved one.
//! * **Texts are safe by themselves** (`safe`): Markdown without HTML, whose links lead to the web, to a number or to an
//!   address, and whose pictures are the organisation's own. Whoever shows one need not clean it.
//! * **Search** is that of parcels ([`seek`]), with titles before texts.

pub mod front;
#[cfg(feature = "import")]
pub mod html;
pub mod picture;
#[cfg(feature = "import")]
pub mod safe;
pub mod seek;
#[cfg(test)]
mod tests;

use crate::policy::BadValue;
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::hash::Hash;

/// Longest title, and longest name of a folder, characters.
pub const MOST_TITLE: usize = 80;
/// Longest body, characters.
pub const MOST_BODY: usize = 30_000;
/// Tags of an article.
pub const MOST_TAGS: usize = 12;
/// Longest tag, characters.
pub const MOST_TAG: usize = 24;
/// Folders one in another.
pub const MOST_DEPTH: usize = 8;
/// What a picture's address in a body begins with; its id follows.
pub const PICTURE: &str = "picture:";

/// What cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnowledgeFlaw {
    /// Field of the request, or line of the body.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl KnowledgeFlaw {
    pub(crate) fn new(
        field: impl Into<String>,
        problem: impl Into<String>,
        hint: &'static str,
    ) -> KnowledgeFlaw {
        KnowledgeFlaw { field: field.into(), problem: problem.into(), hint }
    }
}

words! {
    /// Where the newest text of an article is.
    pub enum Stage {
        /// It is being written.
        Draft = "draft", "草稿", "draft";
        /// It waits for somebody to approve it.
        Review = "review", "待审核", "in review";
        /// Readers have it.
        Published = "published", "已发布", "published";
        /// Nobody has the article any more.
        Archived = "archived", "已归档", "archived";
    }
}

words! {
    /// What is done with the newest text.
    pub enum Step {
        /// Another text, or an older one once more.
        Edit = "edit", "修改", "edit";
        /// It is to be looked at.
        Submit = "submit", "提交审核", "submit";
        /// It is good.
        Approve = "approve", "审核通过", "approve";
        /// It is not.
        Reject = "reject", "驳回", "reject";
        /// The article is taken away.
        Archive = "archive", "归档", "archive";
    }
}

impl Stage {
    /// Where a step leads; `None` for one that cannot be taken from here.
    #[must_use]
    pub fn after(self, step: Step) -> Option<Stage> {
        match (self, step) {
            (_, Step::Edit) | (Stage::Review, Step::Reject) => Some(Stage::Draft),
            (Stage::Draft, Step::Submit) => Some(Stage::Review),
            (Stage::Review, Step::Approve) => Some(Stage::Published),
            (Stage::Draft | Stage::Review | Stage::Published, Step::Archive) => Some(Stage::Archived),
            _ => None,
        }
    }
}

/// Rules of an organisation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct KnowledgePolicy {
    /// Who has written a text since the last approval does not approve it.
    pub four_eyes: bool,
}

impl KnowledgePolicy {
    /// Checks what the types cannot, which is nothing.
    ///
    /// # Errors
    /// None.
    pub fn check(&self) -> Result<(), BadValue> {
        Ok(())
    }
}

/// One line without spaces around it.
fn line(field: &'static str, text: &str, most: usize, hint: &'static str) -> Result<String, KnowledgeFlaw> {
    let text = text.trim();
    if text.is_empty() {
        return Err(KnowledgeFlaw::new(field, "is missing", hint));
    }
    if text.chars().count() > most {
        return Err(KnowledgeFlaw::new(field, format!("has more than {most} characters"), "shorten it"));
    }
    if text.chars().any(char::is_control) {
        let hint = "write one line of plain text";
        return Err(KnowledgeFlaw::new(field, "has control characters", hint));
    }
    Ok(text.to_owned())
}

/// A title as it is stored.
///
/// # Errors
/// It is missing, longer than [`MOST_TITLE`], or more than a line.
pub fn title(text: &str) -> Result<String, KnowledgeFlaw> {
    line("title", text, MOST_TITLE, "say in a line what it is about")
}

/// A folder's name as it is stored.
///
/// # Errors
/// It is missing, longer than [`MOST_TITLE`], more than a line, or has a `/`, which parts the names of a path.
pub fn folder_name(text: &str) -> Result<String, KnowledgeFlaw> {
    let name = line("name", text, MOST_TITLE, "say what is in it")?;
    if name.contains('/') {
        let hint = "write another sign; / parts the names of a path";
        return Err(KnowledgeFlaw::new("name", "has a /", hint));
    }
    Ok(name)
}

/// Tags as they are stored: each once, in their order, without `#`.
///
/// # Errors
/// There are more than [`MOST_TAGS`], or one is empty, longer than [`MOST_TAG`] or more than a line.
pub fn tags(given: &[String]) -> Result<Vec<String>, KnowledgeFlaw> {
    let mut out: Vec<String> = Vec::new();
    for (at, tag) in given.iter().enumerate() {
        let read =
            line("tags", tag.trim().trim_start_matches('#'), MOST_TAG, "write a word, or leave it out");
        let tag = read.map_err(|flaw| KnowledgeFlaw { field: format!("tags[{at}]"), ..flaw })?;
        if !out.contains(&tag) {
            out.push(tag);
        }
    }
    if out.len() > MOST_TAGS {
        let problem = format!("are more than {MOST_TAGS}");
        return Err(KnowledgeFlaw::new("tags", problem, "keep those that people search for"));
    }
    Ok(out)
}

/// A body as it is stored: lines end with a line feed, nothing stands around it.
///
/// # Errors
/// It is missing, longer than [`MOST_BODY`], or a line has control characters other than tabs.
pub fn body(text: &str) -> Result<String, KnowledgeFlaw> {
    let lines = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let body = lines.trim_matches('\n').trim_end();
    if body.trim().is_empty() {
        return Err(KnowledgeFlaw::new("body", "is missing", "write what people are to know"));
    }
    if body.chars().count() > MOST_BODY {
        let problem = format!("has more than {MOST_BODY} characters");
        return Err(KnowledgeFlaw::new("body", problem, "make several articles of it"));
    }
    let bad = |line: &str| line.chars().any(|c| c.is_control() && c != '\t');
    if let Some(at) = lines.lines().position(bad) {
        let hint = "write plain text; lines and tabs are taken";
        return Err(KnowledgeFlaw::new(format!("body, line {}", at + 1), "has control characters", hint));
    }
    Ok(body.to_owned())
}

/// Whether a folder may be moved below `parent`, in a tree of folders and their parents: not into itself or what lies in it, and
/// not deeper than [`MOST_DEPTH`].
///
/// # Errors
/// Which of the two.
pub fn may_move<I: Copy + Eq + Hash>(
    tree: &HashMap<I, Option<I>>,
    folder: I,
    parent: Option<I>,
) -> Result<(), KnowledgeFlaw> {
    let above = ancestors(tree, parent);
    if above.contains(&folder) {
        let hint = "choose a folder outside of it";
        return Err(KnowledgeFlaw::new("parent", "lies in this folder", hint));
    }
    let deep = |id: &I| {
        let path = ancestors(tree, Some(*id));
        path.iter().position(|up| *up == folder).map_or(0, |at| at + 1)
    };
    let below = tree.keys().map(deep).max().unwrap_or(0).max(1);
    if above.len() + below > MOST_DEPTH {
        let problem = format!("makes more than {MOST_DEPTH} folders one in another");
        return Err(KnowledgeFlaw::new("parent", problem, "choose one further up"));
    }
    Ok(())
}

/// The folder and those that it lies in, inmost first. A ring in damaged data ends it.
pub fn ancestors<I: Copy + Eq + Hash>(tree: &HashMap<I, Option<I>>, from: Option<I>) -> Vec<I> {
    let (mut out, mut seen, mut next) = (Vec::new(), HashSet::new(), from);
    while let Some(id) = next.filter(|id| seen.insert(*id)) {
        out.push(id);
        next = tree.get(&id).copied().flatten();
    }
    out
}
