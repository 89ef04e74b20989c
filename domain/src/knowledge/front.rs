//! What stands before a text in a file: `---`, lines of `key: value`, `---`.
//!
//! Known keys are `title`, `tags` and `folder` (or 标题, 标签, 目录); others are of other programs, and are told as left out. Tags
//! stand in one line (`a, b`, `[a, b]`, 一、二) or one to a line behind hyphens. A file that begins with a rule and no such lines
//! has no front matter.

use super::KnowledgeFlaw;

/// What was said before the text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Front {
    /// Title.
    pub title: Option<String>,
    /// Tags.
    pub tags: Vec<String>,
    /// Folder, names parted by `/`.
    pub folder: Option<String>,
    /// Keys that are not ours.
    pub others: Vec<String>,
}

fn unquoted(value: &str) -> String {
    let value = value.trim();
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\'')).unwrap_or(value).trim().to_owned()
}

fn listed(value: &str) -> impl Iterator<Item = String> {
    let value = value.trim();
    let inner = value.strip_prefix('[').and_then(|v| v.strip_suffix(']')).unwrap_or(value);
    let parts = inner.split([',', '，', '、', ';', '；']).map(unquoted).filter(|tag| !tag.is_empty());
    parts.collect::<Vec<_>>().into_iter()
}

/// Splits a file into what stands before its text, the text, and the number of lines before it.
///
/// # Errors
/// It begins as front matter does and never ends, or a line of it is none.
pub fn split(text: &str) -> Result<(Front, &str, usize), KnowledgeFlaw> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let none = Ok((Front::default(), text, 0));
    if first.trim_end() != "---" {
        return none;
    }
    let (mut front, mut at, mut length, mut in_tags) = (Front::default(), 1, first.len(), false);
    for line in lines {
        (at, length) = (at + 1, length + line.len());
        let said = line.trim();
        if said == "---" || said == "..." {
            return Ok((front, text.get(length..).unwrap_or_default(), at));
        }
        if said.is_empty() && at == 2 {
            // a rule, and then a text
            return none;
        }
        if said.is_empty() || said.starts_with('#') {
            continue;
        }
        if let (true, Some(tag)) = (in_tags, said.strip_prefix("- ")) {
            front.tags.extend(Some(unquoted(tag)).filter(|tag| !tag.is_empty()));
            continue;
        }
        let Some((key, value)) = said.split_once(':').or_else(|| said.split_once('：')) else {
            if line.starts_with([' ', '\t', '-']) {
                // of a key that is not ours
                continue;
            }
            let hint = "write key: value between the lines ---, or begin the file with its text";
            return Err(KnowledgeFlaw::new(format!("line {at}"), "is no line of front matter", hint));
        };
        in_tags = false;
        match key.trim().to_lowercase().as_str() {
            "title" | "标题" => front.title = Some(unquoted(value)).filter(|title| !title.is_empty()),
            "folder" | "目录" => front.folder = Some(unquoted(value)).filter(|folder| !folder.is_empty()),
            "tags" | "标签" => {
                in_tags = true;
                front.tags.extend(listed(value));
            }
            _ if line.starts_with([' ', '\t']) => {}
            _ => front.others.push(key.trim().to_owned()),
        }
    }
    let hint = "close it with a line ---, or begin the file with its text";
    Err(KnowledgeFlaw::new("line 1", "begins front matter that has no end", hint))
}
