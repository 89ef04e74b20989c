//! Who may register, in memory; and when each was seen last.

use parking_lot::RwLock;
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::evidence::hex;
use waybell_domain::id::{OrganisationId, UserId};
use waybell_switch::{DigestHash, PhoneAccounts, PhoneContact};

/// A telephone that stays is written down no more often than so.
const STORED_EVERY: i64 = 10 * MINUTE;

/// One telephone.
#[derive(Clone)]
pub(super) struct Account {
    pub organisation: OrganisationId,
    pub person: UserId,
    pub realm: String,
    pub sha256: [u8; 32],
    pub md5: [u8; 16],
}

/// When a telephone was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seen {
    pub at: UnixMs,
    pub from: IpAddr,
    pub agent: Option<String>,
}

#[derive(Default)]
struct Inner {
    by_user: HashMap<String, Account>,
    by_person: HashMap<UserId, Vec<String>>,
    /// Not stored yet.
    fresh: HashMap<String, Seen>,
    stored: HashMap<String, UnixMs>,
}

/// See the module.
#[derive(Default)]
pub struct Accounts {
    known: RwLock<Inner>,
    ready: AtomicBool,
    /// One at a time brings memory up to what is stored, so that what was read first is not put last.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Accounts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounts").field("telephones", &self.known.read().by_user.len()).finish()
    }
}

impl PhoneAccounts for Accounts {
    fn ha1(&self, user: &str, realm: &str, hash: DigestHash) -> Option<String> {
        let inner = self.known.read();
        let account = inner.by_user.get(user).filter(|a| a.realm == realm)?;
        Some(match hash {
            DigestHash::Sha256 => hex(&account.sha256),
            DigestHash::Md5 => hex(&account.md5),
        })
    }

    fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Acquire)
    }
}

impl Accounts {
    /// All that are stored are here.
    pub(super) fn are_all(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Those that are not among `stored`: taken out, and given back.
    pub(super) fn retain(&self, stored: &HashSet<String>) -> Vec<String> {
        let mut inner = self.known.write();
        let gone: Vec<String> =
            inner.by_user.keys().filter(|user| !stored.contains(*user)).cloned().collect();
        for user in &gone {
            inner.by_user.remove(user);
            inner.fresh.remove(user);
            inner.stored.remove(user);
        }
        for users in inner.by_person.values_mut() {
            users.retain(|user| stored.contains(user));
        }
        gone
    }

    /// All of a person's telephones; gives the users that are no more.
    pub(super) fn put(&self, person: UserId, accounts: Vec<(String, Account)>) -> Vec<String> {
        let mut inner = self.known.write();
        let users: Vec<String> = accounts.iter().map(|(user, _)| user.clone()).collect();
        let mut gone = inner.by_person.remove(&person).unwrap_or_default();
        gone.retain(|user| !users.contains(user));
        for user in &gone {
            inner.by_user.remove(user);
            inner.fresh.remove(user);
            inner.stored.remove(user);
        }
        inner.by_user.extend(accounts);
        if !users.is_empty() {
            inner.by_person.insert(person, users);
        }
        gone
    }

    /// User names of a person's telephones.
    pub(crate) fn of(&self, organisation: OrganisationId, person: UserId) -> Vec<String> {
        let inner = self.known.read();
        let users = inner.by_person.get(&person).into_iter().flatten();
        users
            .filter(|u| inner.by_user.get(*u).is_some_and(|a| a.organisation == organisation))
            .cloned()
            .collect()
    }

    /// Whose telephone registers with this name.
    #[cfg(test)]
    pub(crate) fn owner(&self, user: &str) -> Option<(OrganisationId, UserId)> {
        self.known.read().by_user.get(user).map(|a| (a.organisation, a.person))
    }

    /// A telephone has registered: anew, or only again.
    pub(crate) fn heard(&self, contact: &PhoneContact, anew: bool, now: UnixMs) {
        let mut inner = self.known.write();
        if !inner.by_user.contains_key(&contact.user) {
            return;
        }
        let due = inner.stored.get(&contact.user).is_none_or(|at| now.since(*at) >= STORED_EVERY);
        if anew || due {
            let seen = Seen { at: now, from: contact.source.ip(), agent: contact.agent.clone() };
            inner.fresh.insert(contact.user.clone(), seen);
        }
    }

    /// What is to be stored.
    pub(super) fn take_fresh(&self, now: UnixMs) -> Vec<(String, Seen)> {
        let mut inner = self.known.write();
        let fresh: Vec<(String, Seen)> = inner.fresh.drain().collect();
        inner.stored.extend(fresh.iter().map(|(user, _)| (user.clone(), now)));
        fresh
    }

    /// It could not be stored: again later, unless there is something newer.
    pub(super) fn give_back(&self, fresh: Vec<(String, Seen)>) {
        let mut inner = self.known.write();
        for (user, seen) in fresh {
            if inner.by_user.contains_key(&user) {
                inner.fresh.entry(user).or_insert(seen);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(person: UserId, realm: &str) -> Account {
        let organisation = OrganisationId::at(UnixMs(1), [1; 10]);
        Account { organisation, person, realm: realm.into(), sha256: [0xab; 32], md5: [0xcd; 16] }
    }

    #[test]
    fn a_person_s_telephones_are_replaced_as_a_whole() {
        let (a, b) = (UserId::at(UnixMs(1), [1; 10]), UserId::at(UnixMs(1), [2; 10]));
        let all = Accounts::default();
        let put = |person, users: &[&str]| {
            all.put(person, users.iter().map(|u| ((*u).to_owned(), account(person, "r"))).collect())
        };
        assert!(put(a, &["one", "two"]).is_empty() && put(b, &["three"]).is_empty());
        assert_eq!(put(a, &["two"]), ["one"]);
        let organisation = OrganisationId::at(UnixMs(1), [1; 10]);
        assert_eq!(all.of(organisation, a), ["two"]);
        assert!(all.of(OrganisationId::at(UnixMs(1), [9; 10]), a).is_empty(), "of another organisation");
        assert_eq!((all.owner("one"), all.owner("three")), (None, Some((organisation, b))));
        assert_eq!(all.ha1("two", "r", DigestHash::Md5), Some("cd".repeat(16)));
        assert_eq!(all.ha1("two", "another", DigestHash::Sha256), None);
        assert_eq!(put(b, &[]), ["three"]);
        assert!(!format!("{all:?}").contains("abab"));
    }
}
