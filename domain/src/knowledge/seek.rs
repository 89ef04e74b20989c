//! Finding articles as parcels are found ([`crate::search`]): Chinese as it stands, pinyin, initials, digits.
//!
//! An article answers a query whose words are all found in its path of folders, title, tags and text. Those where all are found in
//! the title come first, then those that have some in path or tags, then those that need the text; among equals those that are used
//! more. A word of one to three letters looks at the head alone: initials as short as that are in every long text.

use crate::search::{Finder, Rank, Text};

/// An article in the forms under which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sought {
    title: Text,
    head: Text,
    whole: Text,
}

impl Sought {
    /// Brings an article into its forms. `path` is the names of its folders.
    #[must_use]
    pub fn new(path: &str, title: &str, tags: &[String], body: &str) -> Sought {
        let head = format!("{title}\t{}\t{path}", tags.join("\t"));
        Sought {
            title: Text::new(title),
            whole: Text::new(&format!("{head}\t{body}")),
            head: Text::new(&head),
        }
    }
}

/// Where an article answers. Better ones are smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// The title has it all.
    Title(Rank),
    /// Title, tags and path have it.
    Head,
    /// The text is needed.
    Text(Rank),
}

/// A query, prepared.
pub struct Seek {
    all: Finder,
    /// Short words of letters.
    short: Option<Finder>,
}

impl Seek {
    /// Prepares a query.
    #[must_use]
    pub fn new(query: &str) -> Seek {
        let is_short = |word: &&str| word.len() < 4 && word.bytes().all(|b| b.is_ascii_alphabetic());
        let short: Vec<&str> = query.split_whitespace().filter(is_short).collect();
        Seek { all: Finder::new(query), short: (!short.is_empty()).then(|| Finder::new(&short.join(" "))) }
    }

    /// Where the article answers; `None` if it does not.
    #[must_use]
    pub fn place(&self, article: &Sought) -> Option<Place> {
        if let Some(rank) = self.all.rank(&article.title) {
            return Some(Place::Title(rank));
        }
        if self.all.rank(&article.head).is_some() {
            return Some(Place::Head);
        }
        if self.short.as_ref().is_some_and(|short| short.rank(&article.head).is_none()) {
            return None;
        }
        self.all.rank(&article.whole).map(Place::Text)
    }

    /// The line of a text that shows why it was found, without signs of Markdown before it: the first that answers the whole
    /// query, else the first that has something in it.
    #[must_use]
    pub fn line<'a>(&self, body: &'a str) -> Option<&'a str> {
        let plain = |line: &'a str| line.trim_start_matches(['#', '>', '-', '*', '|', ' ', '\t']).trim();
        let mut lines = body.lines().map(plain).filter(|line| line.chars().any(char::is_alphanumeric));
        let first = lines.clone().find(|line| self.all.rank(&Text::new(line)).is_some());
        first.or_else(|| lines.next())
    }
}
