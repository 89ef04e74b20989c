//! Telephones that register: their requests, and whether they are still there.

use std::time::{Duration, Instant};

use super::{Core, Io, Owner};
use crate::config::Transport;
use crate::event::{EventKind, LegId};
use crate::sip::guard::Kind;
use crate::sip::invite::{branch, derive, transport_param, via};
use crate::sip::message::{Message, Method, finish};
use crate::sip::record::InviteRecord;
use crate::sip::registrar::{Change, Verdict};
use crate::sip::wire::{Flow, Target};

/// How often contacts are looked through.
const LOOK: Duration = Duration::from_secs(1);

impl Core {
    /// Whether telephones may register at all.
    pub(super) fn takes_phones(&self) -> bool {
        self.shared.registrar.is_some()
    }

    /// Whether a request came over the flow of a telephone that registered.
    pub(super) fn is_phone(&self, source: Target) -> bool {
        self.shared.registrar.as_ref().is_some_and(|r| r.lock().has_flow(source))
    }

    /// How a telephone that registered from this address is reached.
    pub(crate) fn phone_flow(&self, transport: Transport, dest: std::net::SocketAddr) -> Option<Flow> {
        self.shared.registrar.as_ref()?.lock().flow(transport, dest)
    }

    /// How a stored request of ours travels: to a telephone that registered over its flow, and where that is gone on no other.
    pub(crate) fn way_of(&self, record: &InviteRecord) -> Option<Target> {
        let flow = match record.is_phone() && record.transport.is_reliable() {
            true => self.phone_flow(record.transport, record.destination)?,
            false => self.flow_of(&record.sent_by),
        };
        Some(Target { transport: record.transport, dest: record.destination, flow })
    }

    /// A REGISTER: `from` is where it really came from, `answer_to` where its answer goes.
    pub(super) fn on_register(
        &mut self,
        io: &mut dyn Io,
        message: &Message,
        from: Target,
        answer_to: Target,
    ) {
        if !self.shared.guard.lock().admit(from.dest.ip(), Kind::Phone, self.now) {
            self.shared.counters.guarded();
            return;
        }
        // RFC 3261 10.3, step 2
        let known = |t: &String| ["path", "outbound"].iter().any(|k| t.eq_ignore_ascii_case(k));
        let unknown: Vec<String> = message.values("Require").into_iter().filter(|t| !known(t)).collect();
        if !unknown.is_empty() {
            let header = format!("Unsupported: {}\r\n", unknown.join(", "));
            return self.refuse_stateless(io, message, answer_to, 420, &header);
        }
        let Some(registrar) = &self.shared.registrar else { return };
        let verdict = registrar.lock().register(message, from, self.now);
        match verdict {
            Verdict::Drop => self.shared.counters.guarded(),
            Verdict::Refuse(status, headers) => {
                self.refuse_stateless(io, message, answer_to, status, &headers)
            }
            Verdict::Take(headers, changes) => {
                if let Flow::Conn(conn) = from.flow {
                    self.shared.proved.lock().insert(conn);
                }
                // as long as it may be registered, and as long again to come back
                let longest = self.shared.config.phones.as_ref().map_or(Duration::ZERO, |p| p.max_expires);
                self.shared.guard.lock().trust(from.dest.ip(), self.now + 2 * longest, self.now);
                self.refuse(io, message, Method::Register, answer_to, 200, &headers);
                self.phones_changed(io, changes);
                if self.registrar_alarm.is_none() {
                    self.set_registrar_alarm(Some(self.now + LOOK));
                }
            }
        }
    }

    /// An INVITE of a telephone that registered: it takes calls, and makes none.
    pub(super) fn refuse_phone(&mut self, io: &mut dyn Io, message: &Message, from: Target, to: Target) {
        if !self.shared.guard.lock().admit(from.dest.ip(), Kind::Phone, self.now) {
            self.shared.counters.guarded();
            return;
        }
        let why = "Warning: 399 waybell \"this telephone takes calls; make them with the app\"\r\n";
        self.refuse(io, message, Method::Invite, to, 403, why);
    }

    /// Answers and keeps nothing of it: whoever has not proved anything gets no memory.
    pub(super) fn refuse_stateless(
        &mut self,
        io: &mut dyn Io,
        message: &Message,
        to: Target,
        status: u16,
        headers: &str,
    ) {
        let tag = derive(6, &["stateless", &message.via().and_then(|v| v.branch).unwrap_or_default()]);
        let bytes = self.response(message, to, status, &tag, headers, None);
        self.send(io, to, bytes);
    }

    fn phones_changed(&self, io: &mut dyn Io, changes: Vec<Change>) {
        for change in changes {
            let kind = match change {
                Change::Came(contact) => EventKind::PhoneCame(contact),
                Change::Stays(contact) => EventKind::PhoneStays(contact),
                Change::Left(contact, why) => EventKind::PhoneLeft { contact, why },
            };
            self.emit(io, &LegId::new(""), kind);
        }
    }

    pub(super) fn registrar_due(&mut self, io: &mut dyn Io) {
        let Some(registrar) = &self.shared.registrar else { return };
        let (changes, due, left) = {
            let mut registrar = registrar.lock();
            let (changes, due) = registrar.tick(self.now);
            (changes, due, registrar.count())
        };
        self.phones_changed(io, changes);
        for (user, contact, uri, target) in due {
            self.ask_phone(io, user, contact, &uri, target);
        }
        self.set_registrar_alarm((left > 0).then(|| self.now + LOOK));
    }

    /// OPTIONS to a telephone. Any answer is one.
    fn ask_phone(&mut self, io: &mut dyn Io, user: String, contact: u64, uri: &str, target: Target) {
        let sent_by = match target.flow {
            Flow::Listener(index) => self.shared.sent_by_listener(index, target.dest),
            _ => self.shared.sent_by(target.transport, target.dest),
        };
        let Some(sent_by) = sent_by else { return };
        self.asked = self.asked.wrapping_add(1) & 0x7fff_ffff;
        let cseq = self.asked.max(1);
        let nonce = format!("{:016x}", io.random());
        let call_id = format!("p{}@{}", derive(12, &[&nonce]), self.shared.config.call_id_suffix);
        let tag = derive(6, &[&nonce, "phone"]);
        let branch = branch(&call_id, &tag, "OPTIONS", cseq);
        let param = transport_param(target.transport);
        let head = format!(
            "OPTIONS {uri} SIP/2.0\r\nVia: {via}\r\nMax-Forwards: 70\r\n\
             From: <sip:keepalive@{sent_by}>;tag={tag}\r\nTo: <{uri}>\r\nCall-ID: {call_id}\r\n\
             CSeq: {cseq} OPTIONS\r\nContact: <sip:{sent_by}{param}>\r\nAccept: application/sdp\r\n\
             User-Agent: {agent}\r\n",
            via = via(target.transport.as_str(), &sent_by.to_string(), &branch),
            agent = self.shared.config.user_agent,
        );
        let owner = Owner::Phone { user, contact };
        self.request(io, &branch, Method::Options, finish(head, None), target, owner);
    }

    pub(super) fn phone_is_silent(&mut self, io: &mut dyn Io, user: &str, contact: u64) {
        let Some(registrar) = &self.shared.registrar else { return };
        let changes = registrar.lock().silent(user, contact, self.now);
        self.phones_changed(io, changes);
    }

    /// A connection is gone, and with it whoever registered over it.
    pub(super) fn phones_lost(&mut self, io: &mut dyn Io, conn: u64) {
        // whoever proved nothing over it has registered nothing
        if !self.shared.proved.lock().remove(&conn) {
            return;
        }
        let Some(registrar) = &self.shared.registrar else { return };
        let changes = registrar.lock().flow_closed(conn, self.now);
        self.phones_changed(io, changes);
    }

    /// A user is no more: their telephones go at once. Calls that they are in go on.
    pub(super) fn forget_phone(&mut self, io: &mut dyn Io, user: &str, now: Instant) {
        self.now = now;
        let Some(registrar) = &self.shared.registrar else { return };
        let changes = registrar.lock().forget(user, now);
        self.phones_changed(io, changes);
    }
}
