//! Words that an organisation has recorded: the first that a notice is looked for among.
//!
//! ```text
//!  PUT WAV ──▶ read, trimmed, levelled ──▶ file by hash ──▶ row (commit) ──▶ the table in memory, which notices read
//! ```
//!
//! A word belongs to an organisation, or to one of its branches; a notice of a branch takes the branch's own before everybody's.
//! Files lie in `DATA/media/words/ORGANISATION`, named by their hash, so a name never means another sound; one that no row
//! names any more is removed. The table in memory is read from the database at the start, and each change is made in it after
//! its commit. A text is said by the recording of the whole of it, or put together (`cover`), or not at all.

mod cover;
pub mod needed;
pub mod routes;
mod service;

pub(crate) use cover::plain;
pub(crate) use service::load;

use parking_lot::RwLock;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use waybell_domain::id::{BranchId, OrganisationId};

/// For whom something is said: whose recorded words are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Whose {
    /// The organisation; `None` for what is nobody's.
    pub organisation: Option<OrganisationId>,
    /// The branch whose own words go first.
    pub branch: Option<BranchId>,
}

impl From<OrganisationId> for Whose {
    fn from(organisation: OrganisationId) -> Self {
        Whose { organisation: Some(organisation), branch: None }
    }
}

/// A recording of some words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Recorded {
    /// Its file.
    pub(super) file: Arc<PathBuf>,
}

impl Recorded {
    /// Its name among the prompts in memory; no text is one.
    pub(super) fn key(&self) -> String {
        format!("\u{1}{}", self.file.display())
    }
}

/// The words of an organisation, by their plain form; those of everybody have no branch.
type Book = HashMap<String, HashMap<Option<BranchId>, Recorded>>;

/// The table in memory.
#[derive(Default)]
pub(crate) struct Words {
    books: RwLock<HashMap<OrganisationId, Arc<Book>>>,
}

impl Words {
    /// Takes what the database holds of an organisation.
    fn put(&self, organisation: OrganisationId, book: Book) {
        self.books.write().insert(organisation, Arc::new(book));
    }

    /// A recording that the database holds now.
    fn set(&self, organisation: OrganisationId, plain: String, branch: Option<BranchId>, recorded: Recorded) {
        let mut books = self.books.write();
        let book = Arc::make_mut(books.entry(organisation).or_default());
        book.entry(plain).or_default().insert(branch, recorded);
    }

    /// A recording that the database holds no more.
    fn unset(&self, organisation: OrganisationId, plain: &str, branch: Option<BranchId>) {
        let mut books = self.books.write();
        let Some(book) = books.get_mut(&organisation).map(Arc::make_mut) else { return };
        if let Some(of) = book.get_mut(plain) {
            of.remove(&branch);
            if of.is_empty() {
                book.remove(plain);
            }
        }
    }

    /// The recordings that say a text, in their order; `None` where it is not all recorded.
    pub(super) fn cover(&self, whose: Whose, text: &str) -> Option<Vec<Recorded>> {
        let book = self.books.read().get(&whose.organisation?)?.clone();
        if book.is_empty() {
            return None;
        }
        cover::cover(&plain(text), |part| {
            let of = book.get(part)?;
            let own = whose.branch.and_then(|branch| of.get(&Some(branch)));
            own.or_else(|| of.get(&None)).cloned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waybell_domain::clock::UnixMs;

    #[test]
    fn a_branch_has_its_own_words_before_everybodys_and_no_other() {
        let id = |n: u8| OrganisationId::at(UnixMs(1), [n; 10]);
        let branch = |n: u8| BranchId::at(UnixMs(1), [n; 10]);
        let recorded = |name: &str| Recorded { file: Arc::new(name.into()) };
        let words = Words::default();
        let book = HashMap::from([
            ("您好".to_owned(), HashMap::from([(None, recorded("all")), (Some(branch(1)), recorded("one"))])),
            ("再见".to_owned(), HashMap::from([(Some(branch(1)), recorded("bye"))])),
        ]);
        words.put(id(1), book);
        let file = |organisation, branch, text: &str| {
            let whose = Whose { organisation, branch };
            words
                .cover(whose, text)
                .map(|all| all.iter().map(|r| r.file.display().to_string()).collect::<Vec<_>>())
        };
        assert_eq!(file(Some(id(1)), None, "您好！").unwrap(), ["all"]);
        assert_eq!(file(Some(id(1)), Some(branch(1)), "您好，再见").unwrap(), ["one", "bye"]);
        assert_eq!(file(Some(id(1)), Some(branch(2)), "您好").unwrap(), ["all"]);
        assert_eq!(file(Some(id(1)), Some(branch(2)), "再见"), None);
        assert_eq!(file(Some(id(2)), Some(branch(1)), "您好"), None);
        words.unset(id(1), "您好", Some(branch(1)));
        assert_eq!(file(Some(id(1)), Some(branch(1)), "您好").unwrap(), ["all"]);
        words.unset(id(1), "您好", None);
        assert_eq!(file(Some(id(1)), Some(branch(1)), "您好"), None);
        assert_eq!(file(Some(id(1)), Some(branch(1)), "再见").unwrap(), ["bye"]);
        words.set(id(2), "您好".to_owned(), None, recorded("two"));
        words.set(id(2), "您好".to_owned(), None, recorded("newer"));
        assert_eq!(file(Some(id(2)), Some(branch(1)), "您好").unwrap(), ["newer"]);
        words.unset(id(3), "您好", None);
        assert_eq!(file(None, None, "您好"), None);
    }
}
