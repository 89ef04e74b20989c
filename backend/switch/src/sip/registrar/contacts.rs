//! Where telephones are: contacts by user name, each bound to the flow it registered from.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::config::Transport;
use crate::phone::PhoneContact;
use crate::sip::message::{Message, is_safe, param, split_list, uri_of};
use crate::sip::wire::{Flow, Target};

/// Longest URI of a contact.
const MAX_URI: usize = 512;
/// Longest `User-Agent` that is kept, characters.
const MAX_AGENT: usize = 120;

/// One telephone, there until it expires.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact {
    /// Ours, never used twice.
    pub(crate) id: u64,
    /// As it wants to be asked for.
    pub(crate) uri: String,
    /// Where it registered from: requests go there, whatever the URI says (RFC 5626 5.3).
    pub(crate) target: Target,
    /// `+sip.instance` and `reg-id`, where it has them: the same telephone, come by another way, takes its own place.
    pub(crate) instance: Option<(String, u32)>,
    /// Preference, thousandths.
    pub(crate) q: u16,
    pub(crate) expires: Instant,
    pub(crate) call_id: String,
    pub(crate) cseq: u32,
    pub(crate) agent: Option<String>,
    /// When it is asked whether it is still there; datagrams only.
    pub(crate) ask_at: Instant,
}

/// What a REGISTER wants of one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wanted {
    pub(crate) uri: String,
    instance: Option<(String, u32)>,
    q: u16,
    /// Seconds; 0 removes it.
    pub(crate) expires: u32,
}

/// What a REGISTER wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// To know what there is.
    Query,
    /// All of them gone.
    RemoveAll,
    Change(Vec<Wanted>),
}

/// Reads the contacts of a REGISTER; the error says why it is refused. `otherwise` are the seconds where none are named, and
/// `most` is how many a telephone may bring.
pub(crate) fn wish(message: &Message, otherwise: u32, most: usize) -> Result<Wish, &'static str> {
    let seconds = |text: &str| text.trim().parse::<u64>().ok().map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    // RFC 3261 10.2.1.1, 20.19: one that makes no sense is as good as none
    let all = message.header("Expires").and_then(seconds);
    let mut wanted = Vec::new();
    for line in message.lines("Contact") {
        for value in split_list(line) {
            if value == "*" {
                let alone = message.lines("Contact").flat_map(split_list).count() == 1;
                return if alone && all == Some(0) {
                    Ok(Wish::RemoveAll)
                } else {
                    Err("Contact * needs Expires: 0 and no other contact")
                };
            }
            if wanted.len() == most {
                return Err("too many contacts");
            }
            let uri = uri_of(value);
            let scheme = uri.split(':').next().unwrap_or_default();
            let good = uri.len() <= MAX_URI
                && is_safe(uri)
                && ["sip", "sips"].iter().any(|s| scheme.eq_ignore_ascii_case(s))
                && crate::sip::message::host_of(uri).is_some_and(|(host, _)| !host.is_empty());
            if !good {
                return Err("a contact is no SIP address");
            }
            let unquoted = |v: &str| v.trim_matches('"').to_owned();
            let instance = param(value, "+sip.instance").map(unquoted).filter(|i| i.len() <= 128);
            let reg_id = param(value, "reg-id").and_then(|v| v.parse().ok()).unwrap_or(0);
            let q = param(value, "q").and_then(|v| v.parse::<f64>().ok()).filter(|q| (0.0..=1.0).contains(q));
            wanted.push(Wanted {
                uri: uri.split('?').next().unwrap_or_default().to_owned(),
                instance: instance.map(|i| (i, reg_id)),
                q: (q.unwrap_or(1.0) * 1000.0) as u16,
                expires: param(value, "expires").and_then(seconds).or(all).unwrap_or(otherwise),
            });
        }
    }
    if wanted.is_empty() { Ok(Wish::Query) } else { Ok(Wish::Change(wanted)) }
}

/// All contacts.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    by_user: HashMap<String, Vec<Contact>>,
    /// Contacts of each flow.
    by_flow: HashMap<Target, usize>,
    count: usize,
    next: u64,
}

impl Contacts {
    #[cfg(test)]
    pub(crate) fn is_empty(&self) -> bool {
        self.by_user.is_empty() && self.by_flow.is_empty()
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Of one user, those that have not expired.
    pub(crate) fn of(&self, user: &str, now: Instant) -> impl Iterator<Item = &Contact> {
        self.by_user.get(user).into_iter().flatten().filter(move |c| c.expires > now)
    }

    /// Whether somebody has registered over this flow.
    pub(crate) fn has_flow(&self, source: Target) -> bool {
        self.by_flow.contains_key(&source)
    }

    /// The connection of a telephone that registered from this address.
    pub(crate) fn connection(&self, transport: Transport, source: std::net::SocketAddr) -> Option<Flow> {
        let same = |t: &&Target| t.transport == transport && t.dest == source;
        self.by_flow.keys().find(same).map(|t| t.flow)
    }

    /// Whether this one is newer than what is there (RFC 3261 10.3, step 7).
    pub(crate) fn is_newer(&self, user: &str, wanted: &Wanted, call_id: &str, cseq: u32) -> bool {
        let old = self.by_user.get(user).and_then(|list| list.iter().find(|c| same(c, wanted)));
        old.is_none_or(|c| c.call_id != call_id || c.cseq < cseq)
    }

    /// Puts one in. True where it was not there, or somewhere else.
    #[allow(clippy::too_many_arguments, reason = "one entry from all that is known")]
    pub(crate) fn put(
        &mut self,
        user: &str,
        wanted: &Wanted,
        target: Target,
        message: &Message,
        now: Instant,
        expires: Duration,
        ask: Duration,
        most: usize,
    ) -> bool {
        let agent = message
            .header("User-Agent")
            .map(|a| a.chars().filter(|c| !c.is_control()).take(MAX_AGENT).collect::<String>());
        self.next += 1;
        let contact = Contact {
            id: self.next,
            uri: wanted.uri.clone(),
            target,
            instance: wanted.instance.clone(),
            q: wanted.q,
            expires: now + expires,
            call_id: message.call_id().to_owned(),
            cseq: message.cseq().map_or(0, |c| c.0),
            agent,
            ask_at: now + ask,
        };
        let list = self.by_user.entry(user.to_owned()).or_default();
        let before = match list.iter().position(|c| same(c, wanted)) {
            Some(at) => Some(list.remove(at)),
            // a telephone that comes from a new port each time must not fill the list: the one that ends first goes
            None if list.len() >= most => {
                let first = (0..list.len()).min_by_key(|i| list[*i].expires);
                first.map(|at| list.remove(at))
            }
            None => None,
        };
        list.push(contact);
        self.count += 1;
        *self.by_flow.entry(target).or_default() += 1;
        match before {
            Some(old) => {
                let moved = old.target != target || old.uri != wanted.uri;
                self.left(&old);
                moved
            }
            None => true,
        }
    }

    /// One has gone from its list.
    fn left(&mut self, contact: &Contact) {
        self.count -= 1;
        if let Some(uses) = self.by_flow.get_mut(&contact.target) {
            *uses = uses.saturating_sub(1);
            if *uses == 0 {
                self.by_flow.remove(&contact.target);
            }
        }
    }

    /// Removes what fits; gives whose it was.
    pub(crate) fn remove(&mut self, fits: impl Fn(&str, &Contact) -> bool) -> Vec<(String, Contact)> {
        let mut gone = Vec::new();
        for (user, list) in &mut self.by_user {
            list.retain(|c| {
                let goes = fits(user, c);
                if goes {
                    gone.push((user.clone(), c.clone()));
                }
                !goes
            });
        }
        self.settle(gone)
    }

    /// Removes of one user what fits.
    pub(crate) fn remove_of(
        &mut self,
        user: &str,
        fits: impl Fn(&Contact) -> bool,
    ) -> Vec<(String, Contact)> {
        let mut gone = Vec::new();
        if let Some(list) = self.by_user.get_mut(user) {
            list.retain(|c| {
                let goes = fits(c);
                if goes {
                    gone.push((user.to_owned(), c.clone()));
                }
                !goes
            });
        }
        self.settle(gone)
    }

    fn settle(&mut self, gone: Vec<(String, Contact)>) -> Vec<(String, Contact)> {
        for (user, contact) in &gone {
            self.left(contact);
            if self.by_user.get(user).is_some_and(Vec::is_empty) {
                self.by_user.remove(user);
            }
        }
        gone
    }

    /// Contacts to be asked whether they are still there; each is put off by `again`.
    pub(crate) fn due(&mut self, now: Instant, again: Duration, most: usize) -> Vec<(String, Contact)> {
        let mut due: Vec<(&String, &mut Contact)> = Vec::new();
        for (user, list) in &mut self.by_user {
            let late = list.iter_mut().filter(|c| c.ask_at <= now && c.target.transport == Transport::Udp);
            due.extend(late.map(|c| (user, c)));
        }
        // those who wait longest first: nobody is passed over for good
        if due.len() > most {
            due.select_nth_unstable_by_key(most, |(_, c)| c.ask_at);
            due.truncate(most);
        }
        let asked = due.into_iter().map(|(user, c)| {
            c.ask_at = now + again;
            (user.clone(), c.clone())
        });
        asked.collect()
    }
}

/// Whether what is wanted takes the place of this one.
pub(crate) fn same(contact: &Contact, wanted: &Wanted) -> bool {
    match (&contact.instance, &wanted.instance) {
        (Some(a), Some(b)) => a == b,
        _ => contact.uri == wanted.uri,
    }
}

impl Contact {
    /// What is told of it.
    pub(crate) fn told(&self, user: &str, now: Instant) -> PhoneContact {
        PhoneContact {
            user: user.to_owned(),
            uri: self.uri.clone(),
            transport: self.target.transport,
            source: self.target.dest,
            listener: match self.target.flow {
                Flow::Listener(n) => Some(n),
                _ => None,
            },
            agent: self.agent.clone(),
            expires_in: self.expires.saturating_duration_since(now),
            q: self.q,
        }
    }
}
