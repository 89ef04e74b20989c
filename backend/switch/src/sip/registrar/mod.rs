//! The registrar (RFC 3261 10): telephones that say where they are, and prove who they are.
//!
//! ```text
//!   REGISTER ─▶ over budget? blocked? ──▶ dropped without a word
//!                  │ no credentials, or a nonce that is too old ──▶ 401, made without keeping anything
//!                  │ wrong password ──▶ 403, and answered later and later (`blocks`)
//!                  ▼ right, and never sent before (`digest`)
//!            contacts: put, refreshed, removed ──▶ 200 with what there is now
//! ```
//!
//! A telephone is reached over the flow it registered from: the UDP address, or the connection (RFC 5626). So one behind a NAT
//! needs no help but its own keepalives; those of datagrams are asked by OPTIONS now and then, which keeps the way open too. A
//! contact goes when it expires, when its connection breaks, when it does not answer, or when its user is forgotten. Nothing
//! here is stored: times are short, so that after a restart every telephone has come back by itself within one of them.

mod blocks;
mod contacts;
pub(crate) mod digest;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use blocks::Blocks;
use contacts::{Contact, Contacts, Wish, wish};
use digest::{Authorization, Nonces, Worth, challenge};

use crate::config::{DigestHash, Phones, Transport};
use crate::phone::{PhoneContact, PhoneGone};
use crate::sip::message::{Message, Method, Start, uri_of, user_of};
use crate::sip::wire::{Flow, Target};

/// How long a nonce is good.
const NONCE: Duration = Duration::from_secs(300);
/// Datagram contacts asked at once.
const ASKED_AT_ONCE: usize = 200;
/// Those who were asked and have not answered yet, at most; and how long they are remembered.
const MAX_ASKED: usize = 10_000;
const ASKED: Duration = Duration::from_secs(600);
/// How often memory is looked through for what is too old.
const SWEEP: Duration = Duration::from_secs(30);

/// What becomes of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing is answered.
    Drop,
    /// Answered, and nothing of it kept.
    Refuse(u16, String),
    /// Answered within a transaction, so that the same request, come again, has the same answer.
    Take(String, Vec<Change>),
}

/// Whoever sent a request, or what is answered instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Proof {
    User(String),
    Not(Verdict),
}

/// What is told of contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// There, or somewhere else than before.
    Came(PhoneContact),
    /// Still there.
    Stays(PhoneContact),
    Left(PhoneContact, PhoneGone),
}

/// A telephone that is to be asked whether it is there: user, number of the contact, its URI, its flow.
pub(crate) type Asked = (String, u64, String, Target);

/// See the module.
pub(crate) struct Registrar {
    config: Phones,
    nonces: Nonces,
    blocks: Blocks,
    contacts: Contacts,
    /// Who was asked and has not answered yet, and when.
    asked: HashMap<(IpAddr, String), Instant>,
    swept: Instant,
}

impl Registrar {
    pub(crate) fn new(config: Phones, secret: &[u8; 32], now: Instant) -> Self {
        let nonces = Nonces::new(secret, NONCE, now);
        Self {
            config,
            nonces,
            blocks: Blocks::default(),
            contacts: Contacts::default(),
            asked: HashMap::new(),
            swept: now,
        }
    }

    /// Whoever sent this request proves it, or is asked to.
    pub(crate) fn prove(&mut self, message: &Message, method: Method, source: Target, now: Instant) -> Proof {
        let (asks, answers, status) = match method {
            Method::Register => ("WWW-Authenticate", "Authorization", 401),
            _ => ("Proxy-Authenticate", "Proxy-Authorization", 407),
        };
        if !self.config.accounts.is_ready() {
            return Proof::Not(Verdict::Refuse(503, "Retry-After: 5\r\n".to_owned()));
        }
        let ip = source.dest.ip();
        let realm = self.config.realm.clone();
        let ask = |registrar: &mut Self, stale: bool, hashes: &[DigestHash]| {
            let nonce = registrar.nonces.make(ip, now);
            Proof::Not(Verdict::Refuse(status, challenge(asks, &realm, &nonce, stale, hashes)))
        };
        let mut given = message.lines(answers).filter_map(Authorization::parse);
        // an answer with a hash that was not offered is none: nobody on the way may make it a weaker one
        let hashes = self.config.hashes.clone();
        let mut given = given.by_ref().filter(|a| a.realm == realm && hashes.contains(&a.hash));
        let Some(given) = given.next() else {
            let says = user_of(uri_of(message.header("From").unwrap_or_default()));
            if self.blocks.is_blocked(ip, says, now) {
                return Proof::Not(Verdict::Drop);
            }
            let hashes = self.offer(message, ip, now);
            return ask(self, false, &hashes);
        };
        if self.blocks.is_blocked(ip, &given.user, now) {
            return Proof::Not(Verdict::Drop);
        }
        if self.nonces.worth(&given.nonce, given.count(), ip, now) != Worth::Good {
            // not looked at any further: it must not tell whether the password was right
            return ask(self, true, &[given.hash]);
        }
        let uri = match &message.start {
            Start::Request { uri, .. } => uri.as_str(),
            Start::Response { .. } => "",
        };
        let known = self.config.accounts.ha1(&given.user, &realm, given.hash);
        // somebody who is not there takes as long as somebody who is
        let right = given.proves(known.as_deref().unwrap_or("nobody"), method.as_str());
        if !(right && known.is_some() && given.uri == uri) {
            let kept = self.blocks.wrong(ip, &given.user, now);
            return Proof::Not(if kept { Verdict::Refuse(403, String::new()) } else { Verdict::Drop });
        }
        if !self.nonces.use_up(&given.nonce, &given.user, given.count(), now) {
            return Proof::Not(Verdict::Refuse(503, "Retry-After: 60\r\n".to_owned()));
        }
        self.blocks.right(ip, &given.user, now);
        if given.hash != DigestHash::Md5 {
            self.asked.remove(&(ip, given.user.clone()));
        }
        Proof::User(given.user)
    }

    /// The hashes to offer to somebody who brings no proof: all of them at first, and to who comes back like that the last alone,
    /// because some telephones give up at a challenge with a hash that they do not know.
    fn offer(&mut self, message: &Message, ip: IpAddr, now: Instant) -> Vec<DigestHash> {
        let hashes = self.config.hashes.clone();
        let user = user_of(uri_of(message.header("From").unwrap_or_default()));
        let key = (ip, user.chars().take(64).collect::<String>());
        if self.asked.len() >= MAX_ASKED {
            self.asked.clear();
        }
        match self.asked.insert(key, now) {
            Some(at) if now.saturating_duration_since(at) < ASKED => hashes[hashes.len() - 1..].to_vec(),
            _ => hashes,
        }
    }

    /// A REGISTER, from where it really came.
    pub(crate) fn register(&mut self, message: &Message, source: Target, now: Instant) -> Verdict {
        let user = match self.prove(message, Method::Register, source, now) {
            Proof::User(user) => user,
            Proof::Not(verdict) => return verdict,
        };
        // nobody registers for somebody else
        let owner = user_of(uri_of(message.header("To").unwrap_or_default()));
        if owner != user {
            return Verdict::Refuse(403, String::new());
        }
        let (least, most) = (self.config.min_expires.as_secs(), self.config.max_expires.as_secs());
        let otherwise = u32::try_from(most).unwrap_or(u32::MAX);
        let wish = match wish(message, otherwise, self.config.contacts_per_user) {
            Ok(wish) => wish,
            Err(why) => return Verdict::Refuse(400, format!("Warning: 399 waybell \"{why}\"\r\n")),
        };
        let (call_id, cseq) = (message.call_id(), message.cseq().map_or(0, |c| c.0));
        let mut changes = Vec::new();
        match wish {
            Wish::Query => {}
            Wish::RemoveAll => {
                // RFC 3261 10.3, step 6: one that was registered by a later request of this call stays
                let old = |c: &Contact| c.call_id != call_id || c.cseq < cseq;
                let gone = self.contacts.remove_of(&user, old);
                changes
                    .extend(gone.iter().map(|(u, c)| Change::Left(c.told(u, now), PhoneGone::Unregistered)));
            }
            Wish::Change(wanted) => {
                if wanted.iter().any(|w| w.expires > 0 && u64::from(w.expires) < least) {
                    return Verdict::Refuse(423, format!("Min-Expires: {least}\r\n"));
                }
                if wanted.iter().any(|w| !self.contacts.is_newer(&user, w, call_id, cseq)) {
                    return Verdict::Refuse(500, String::new());
                }
                let new = wanted.iter().filter(|w| w.expires > 0).count();
                if self.contacts.len() + new > self.config.contacts {
                    self.expire(now).into_iter().for_each(|c| changes.push(c));
                    if self.contacts.len() + new > self.config.contacts {
                        return Verdict::Refuse(503, "Retry-After: 60\r\n".to_owned());
                    }
                }
                for w in &wanted {
                    if w.expires == 0 {
                        let gone = self.contacts.remove_of(&user, |c| contacts::same(c, w));
                        let left = |(u, c): &(String, Contact)| {
                            Change::Left(c.told(u, now), PhoneGone::Unregistered)
                        };
                        changes.extend(gone.iter().map(left));
                        continue;
                    }
                    let granted = Duration::from_secs(u64::from(w.expires).min(most));
                    let (ask, per_user) = (self.config.ask_every, self.config.contacts_per_user);
                    let came = self.contacts.put(&user, w, source, message, now, granted, ask, per_user);
                    let put = self
                        .contacts
                        .of(&user, now)
                        .find(|c| contacts::same(c, w))
                        .map(|c| c.told(&user, now));
                    changes.extend(put.map(|c| if came { Change::Came(c) } else { Change::Stays(c) }));
                }
            }
        }
        let mut headers = String::new();
        for c in self.contacts.of(&user, now) {
            let left = c.expires.saturating_duration_since(now).as_secs_f64().ceil();
            headers.push_str(&format!("Contact: <{}>;expires={left}", c.uri));
            if c.q != 1000 {
                headers.push_str(&format!(";q={:.3}", f64::from(c.q) / 1000.0));
            }
            headers.push_str("\r\n");
        }
        Verdict::Take(headers, changes)
    }

    // ---- who is there

    /// Contacts of these users, the preferred ones first.
    pub(crate) fn of(&self, users: &[String], now: Instant) -> Vec<PhoneContact> {
        let mut found: Vec<PhoneContact> =
            users.iter().flat_map(|u| self.contacts.of(u, now).map(|c| c.told(u, now))).collect();
        found.sort_by_key(|c| std::cmp::Reverse(c.q));
        found
    }

    /// Whether somebody has registered over this flow.
    pub(crate) fn has_flow(&self, source: Target) -> bool {
        self.contacts.has_flow(source)
    }

    /// Contacts there are.
    pub(crate) fn count(&self) -> usize {
        self.contacts.len()
    }

    /// How a telephone that registered from this address is reached.
    pub(crate) fn flow(&self, transport: Transport, source: SocketAddr) -> Option<Flow> {
        self.contacts.connection(transport, source)
    }

    // ---- who has gone

    fn told(gone: Vec<(String, Contact)>, why: PhoneGone, now: Instant) -> Vec<Change> {
        gone.iter().map(|(u, c)| Change::Left(c.told(u, now), why)).collect()
    }

    /// Those whose time is over.
    pub(crate) fn expire(&mut self, now: Instant) -> Vec<Change> {
        Self::told(self.contacts.remove(|_, c| c.expires <= now), PhoneGone::Expired, now)
    }

    /// Every second while there are contacts: those that have expired, and those that are to be asked.
    pub(crate) fn tick(&mut self, now: Instant) -> (Vec<Change>, Vec<Asked>) {
        if now.saturating_duration_since(self.swept) >= SWEEP {
            self.swept = now;
            self.nonces.forget_old(now);
            self.blocks.forget_old(now);
            self.asked.retain(|_, at| now.saturating_duration_since(*at) < ASKED);
        }
        let gone = self.expire(now);
        // all in half the time at least, however many there are
        let in_turn = 2 * self.contacts.len() / (self.config.ask_every.as_secs().max(1) as usize);
        let due = self.contacts.due(now, self.config.ask_every, in_turn.max(ASKED_AT_ONCE));
        (gone, due.into_iter().map(|(user, c)| (user, c.id, c.uri, c.target)).collect())
    }

    /// A connection is gone, and whoever registered over it.
    pub(crate) fn flow_closed(&mut self, conn: u64, now: Instant) -> Vec<Change> {
        let gone = self.contacts.remove(|_, c| c.target.flow == Flow::Conn(conn));
        Self::told(gone, PhoneGone::Broken, now)
    }

    /// It was asked, and did not answer. One that has registered anew meanwhile stays.
    pub(crate) fn silent(&mut self, user: &str, id: u64, now: Instant) -> Vec<Change> {
        Self::told(self.contacts.remove_of(user, |c| c.id == id), PhoneGone::Silent, now)
    }

    /// A user is no more.
    pub(crate) fn forget(&mut self, user: &str, now: Instant) -> Vec<Change> {
        Self::told(self.contacts.remove_of(user, |_| true), PhoneGone::Forgotten, now)
    }
}
