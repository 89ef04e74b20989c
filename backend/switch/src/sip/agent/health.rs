//! Trunks' health: OPTIONS to every peer, and registration.
//!
//! A peer is up when it answers OPTIONS with anything but 408, 502, 503 or 504: an answer of "not allowed" is an
//! answer. Two silences in a row make it down, so that one lost keepalive moves no calls; a down peer is asked more
//! often. A peer that answers calls and has never answered OPTIONS does not mind them: its silence says nothing.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Core, Io, Owner};
use crate::config::TrunkConfig;
use crate::event::{EventKind, LegId};
use crate::sip::digest::Challenge;
use crate::sip::invite::{Text, branch, derive, transport_param, via};
use crate::sip::message::{Message, Method, Start, finish, param, split_list, uri_of};
use crate::sip::trunk::Life;
use crate::sip::wire::Target;

/// Silences after which a peer is down.
const SILENCES: u32 = 2;
/// Longest time between questions to a peer that is down.
const DOWN: Duration = Duration::from_secs(10);
/// Time before a failed registration is tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// What the agent does for one trunk besides calls.
pub(crate) struct Health {
    pub(super) alarm: Option<(Instant, u64)>,
    options_at: Option<Instant>,
    silent: HashMap<String, u32>,
    register_at: Option<Instant>,
    cseq: u32,
    nonce: String,
    expires: u64,
    auth_tries: u8,
}

impl Health {
    pub(super) fn next(&self) -> Option<Instant> {
        match (self.options_at, self.register_at) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        }
    }
}

impl Core {
    /// Starts keepalives and registrations.
    pub(crate) fn start_health(&mut self, io: &mut dyn Io, now: Instant) {
        self.now = now;
        let configs: Vec<TrunkConfig> = self.shared.trunks.iter().map(|t| t.config.clone()).collect();
        for (i, config) in configs.iter().enumerate() {
            // Registrations are told apart by their Call-ID, which must not be that of an earlier process.
            let nonce = format!("{:016x}", io.random());
            self.health.push(Health {
                alarm: None,
                options_at: config.options_interval.map(|_| now),
                silent: HashMap::new(),
                register_at: config.register.as_ref().map(|_| now),
                cseq: 0,
                nonce,
                expires: config.register.as_ref().map_or(0, |r| r.expires.as_secs()),
                auth_tries: 0,
            });
            self.set_health_alarm(i);
        }
    }

    fn config(&self, trunk: usize) -> Option<TrunkConfig> {
        self.shared.trunks.iter().nth(trunk).map(|t| t.config.clone())
    }

    pub(super) fn health_due(&mut self, io: &mut dyn Io, trunk: usize) {
        let now = self.now;
        let Some(health) = self.health.get_mut(trunk) else { return };
        health.alarm = None;
        let ask = health.options_at.is_some_and(|at| at <= now);
        let register = health.register_at.is_some_and(|at| at <= now);
        if register {
            // Until an answer sets another time.
            health.register_at = Some(now + AGAIN + self.timing.timeout());
        }
        if ask {
            self.ask_peers(io, trunk);
        }
        if register {
            self.register(io, trunk, None);
        }
        self.set_health_alarm(trunk);
    }

    fn ask_peers(&mut self, io: &mut dyn Io, trunk: usize) {
        let Some(config) = self.config(trunk) else { return };
        let Some(interval) = config.options_interval else { return };
        let peers = self.shared.trunks.iter().nth(trunk).map(|t| t.peers()).unwrap_or_default();
        let all_up = peers.iter().all(|p| p.life == Life::Up);
        for peer in &peers {
            let Some(dest) = peer.addrs.first().copied() else { continue };
            let Some(sent_by) = self.shared.sent_by(config.transport, dest) else { continue };
            let Some(health) = self.health.get_mut(trunk) else { return };
            health.cseq += 1;
            let (cseq, nonce) = (health.cseq, health.nonce.clone());
            let call_id =
                format!("o{}@{}", derive(12, &[&nonce, &peer.name]), self.shared.config.call_id_suffix);
            let tag = derive(6, &[&nonce, "options"]);
            let branch = branch(&call_id, &tag, "OPTIONS", cseq);
            let param = transport_param(config.transport);
            let head = format!(
                "OPTIONS sip:{peer}{param} SIP/2.0\r\nVia: {via}\r\n\
                 Max-Forwards: 70\r\nFrom: <sip:keepalive@{sent_by}>;tag={tag}\r\nTo: <sip:{peer}>\r\n\
                 Call-ID: {call_id}\r\nCSeq: {cseq} OPTIONS\r\nContact: <sip:{sent_by}{param}>\r\n\
                 Accept: application/sdp\r\nUser-Agent: {agent}\r\n",
                peer = peer.name,
                via = via(config.transport.as_str(), &sent_by.to_string(), &branch),
                agent = self.shared.config.user_agent,
            );
            let target =
                Target { transport: config.transport, dest, flow: self.flow_of(&sent_by.to_string()) };
            let owner = Owner::Options { trunk, peer: peer.name.clone() };
            if !self.request(io, &branch, Method::Options, finish(head, None), target, owner) {
                self.options_answered(io, trunk, &peer.name, None, false);
            }
        }
        let wait = if all_up { interval } else { interval.min(DOWN) };
        if let Some(health) = self.health.get_mut(trunk) {
            health.options_at = Some(self.now + wait);
        }
    }

    /// A peer answered its OPTIONS, or did not.
    pub(super) fn options_answered(
        &mut self,
        io: &mut dyn Io,
        trunk: usize,
        peer: &str,
        status: Option<u16>,
        refused: bool,
    ) {
        let good = status.is_some_and(|s| !matches!(s, 408 | 502..=504));
        let Some(health) = self.health.get_mut(trunk) else { return };
        let silences = if good { 0 } else { health.silent.get(peer).copied().unwrap_or(0) + 1 };
        health.silent.insert(peer.to_owned(), silences);
        let Some(t) = self.shared.trunks.iter().nth(trunk).cloned() else { return };
        // A peer that says itself that it is out of service, or takes no connection, is believed at once.
        let certain = status.is_some() || refused;
        if (good || silences >= SILENCES || certain) && t.set_up(peer, good, certain) {
            self.trunk_changed(io, trunk);
        }
    }

    fn trunk_changed(&self, io: &mut dyn Io, trunk: usize) {
        let Some(t) = self.shared.trunks.iter().nth(trunk) else { return };
        let (name, up) = (t.config.name.clone(), t.is_up());
        if !up {
            tracing::warn!(trunk = %name, "the far side does not answer: no calls are sent there until it does");
        }
        self.emit(io, &LegId::new(""), EventKind::Trunk { name, up });
    }

    /// A call was answered in some way: the far side lives.
    pub(super) fn heard_from(&self, io: &mut dyn Io, leg: u64, source: Target) {
        let Some(t) = self.legs.get(&leg).and_then(|l| l.trunk.clone()) else { return };
        if !t.is_up()
            && t.heard(source.dest)
            && let Some(index) = self.shared.trunks.iter().position(|x| Arc::ptr_eq(x, &t))
        {
            self.trunk_changed(io, index);
        }
    }

    fn register(&mut self, io: &mut dyn Io, trunk: usize, credentials: Option<(&str, String)>) {
        let Some(config) = self.config(trunk) else { return };
        let Some(registration) = &config.register else { return };
        let Some((peer, dest)) = self.shared.trunks.iter().nth(trunk).and_then(|t| t.peer()) else { return };
        let Some(sent_by) = self.shared.sent_by(config.transport, dest) else { return };
        let domain = config.domain.clone().unwrap_or(peer);
        let Some(health) = self.health.get_mut(trunk) else { return };
        health.cseq += 1;
        let (cseq, expires) = (health.cseq, health.expires);
        let call_id = format!("r{}@{}", derive(12, &[&health.nonce]), self.shared.config.call_id_suffix);
        let tag = derive(6, &[&health.nonce, "register"]);
        let branch = branch(&call_id, &tag, "REGISTER", cseq);
        let user = crate::sip::message::user_of(&registration.aor);
        let param = transport_param(config.transport);
        let head = format!(
            "REGISTER sip:{domain} SIP/2.0\r\nVia: {via}\r\n\
             Max-Forwards: 70\r\nFrom: <{aor}>;tag={tag}\r\nTo: <{aor}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} REGISTER\r\nContact: <sip:{user}@{sent_by}{param}>\r\nExpires: {expires}\r\n\
             User-Agent: {agent}\r\n",
            via = via(config.transport.as_str(), &sent_by.to_string(), &branch),
            aor = registration.aor,
            agent = self.shared.config.user_agent,
        );
        let mut text = Text::new(&String::from_utf8(finish(head, None)).unwrap_or_default());
        if let Some((name, value)) = credentials {
            text.set(name, &value);
        }
        let target = Target { transport: config.transport, dest, flow: self.flow_of(&sent_by.to_string()) };
        self.request(io, &branch, Method::Register, text.bytes(), target, Owner::Register { trunk });
    }

    /// The registrar answered, or did not.
    pub(super) fn register_answered(&mut self, io: &mut dyn Io, trunk: usize, answer: Option<&Message>) {
        let Some(config) = self.config(trunk) else { return };
        let status = match answer.map(|m| &m.start) {
            Some(Start::Response { status, .. }) => *status,
            _ => 0,
        };
        // a challenge that is answered is no refusal yet
        if !matches!(status, 401 | 407 | 423)
            && let Some(t) = self.shared.trunks.iter().nth(trunk)
        {
            t.registrar_said(status);
        }
        let now = self.now;
        match (status, answer) {
            (200..300, Some(message)) => {
                let granted = granted(message, &config).unwrap_or(3600).clamp(2, 86_400);
                if let Some(health) = self.health.get_mut(trunk) {
                    health.auth_tries = 0;
                    health.register_at = Some(now + Duration::from_secs(granted) / 2);
                }
            }
            (401 | 407, Some(message)) if self.health.get(trunk).is_some_and(|h| h.auth_tries < 2) => {
                let (asks, answers) = if status == 401 {
                    ("WWW-Authenticate", "Authorization")
                } else {
                    ("Proxy-Authenticate", "Proxy-Authorization")
                };
                let uri = format!(
                    "sip:{}",
                    config
                        .domain
                        .clone()
                        .or_else(|| {
                            self.shared.trunks.iter().nth(trunk).and_then(|t| t.peer()).map(|p| p.0)
                        })
                        .unwrap_or_default()
                );
                let answer = config.auth.as_ref().and_then(|c| {
                    let challenge = message.lines(asks).filter_map(Challenge::parse).find(|x| x.suits(c))?;
                    let cnonce = format!("{:016x}", io.random());
                    Some(challenge.answer(c, "REGISTER", &uri, &cnonce))
                });
                if let Some(health) = self.health.get_mut(trunk) {
                    health.auth_tries += 1;
                }
                match answer {
                    Some(value) => self.register(io, trunk, Some((answers, value))),
                    None => self.register_failed(trunk, status),
                }
            }
            (423, Some(message)) => {
                let least = message.header("Min-Expires").and_then(|v| v.trim().parse::<u64>().ok());
                if let Some(health) = self.health.get_mut(trunk)
                    && let Some(least) = least.filter(|l| *l > health.expires && *l <= 86_400)
                {
                    health.expires = least;
                    self.register(io, trunk, None);
                } else {
                    self.register_failed(trunk, status);
                }
            }
            _ => self.register_failed(trunk, status),
        }
        self.set_health_alarm(trunk);
    }

    fn register_failed(&mut self, trunk: usize, status: u16) {
        if let Some(t) = self.shared.trunks.iter().nth(trunk) {
            tracing::warn!(trunk = %t.config.name, status, "registration failed");
            t.registrar_said(status);
        }
        let at = self.now + AGAIN;
        if let Some(health) = self.health.get_mut(trunk) {
            health.auth_tries = 0;
            health.register_at = Some(at);
        }
    }
}

/// Seconds granted: the `expires` of our Contact, else the Expires header.
fn granted(message: &Message, config: &TrunkConfig) -> Option<u64> {
    let user = config.register.as_ref().map(|r| crate::sip::message::user_of(&r.aor).to_owned())?;
    let ours = message.lines("Contact").flat_map(split_list).find_map(|c| {
        (crate::sip::message::user_of(uri_of(c)) == user).then(|| param(c, "expires")?.parse().ok())?
    });
    ours.or_else(|| message.header("Expires")?.trim().parse().ok())
}
