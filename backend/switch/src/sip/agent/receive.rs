//! Where a message goes: to a transaction, to a leg, to a new leg, or nowhere.
//!
//! Strangers (not an address of a trunk's peer) get an answer only inside a call. Everyone else gets what RFC 3261
//! asks for.

use std::time::Instant;

use super::{Core, EVENTS_FULL, Io};
use crate::sip::guard::Kind;
use crate::sip::invite::{MIN_SE, derive};
use crate::sip::leg::{too_short, unsupported};
use crate::sip::message::{ALLOW, Malformed, Message, Method, Response, Start, phrase};
use crate::sip::wire::{Heard, Target};

impl Core {
    /// The sockets tell something.
    pub(crate) fn on_heard(&mut self, io: &mut dyn Io, heard: Heard, now: Instant) {
        self.now = now;
        match heard {
            Heard::Closed { conn, opened } => {
                self.phones_lost(io, conn);
                self.conn_closed(io, conn, opened);
            }
            Heard::Malformed { malformed, source } => self.on_malformed(io, &malformed, source),
            Heard::Message { message, source, known } => match &message.start {
                Start::Response { status, .. } => {
                    let status = *status;
                    self.on_response(io, &message, source, status);
                }
                Start::Request { method, .. } => {
                    let method = *method;
                    self.on_request(io, *message, method, source, known);
                }
            },
        }
    }

    /// Answered without a transaction: the same request has the same answer.
    fn on_malformed(&mut self, io: &mut dyn Io, malformed: &Malformed, source: Target) {
        let Some(request) = &malformed.request else { return };
        if !self.shared.guard.lock().admit(source.dest.ip(), Kind::Request, self.now) {
            self.shared.counters.guarded();
            return;
        }
        let source = answer_to(request, source);
        let bytes = Response {
            request,
            source: source.dest,
            status: malformed.status,
            phrase: &format!("{} ({})", phrase(malformed.status), malformed.why),
            to_tag: &derive(6, &["stateless", request.header("Via").unwrap_or_default(), request.call_id()]),
            headers: "",
            body: None,
            server: &self.shared.config.user_agent,
        }
        .build();
        self.send(io, source, bytes);
    }

    fn on_request(&mut self, io: &mut dyn Io, message: Message, method: Method, source: Target, known: bool) {
        // RFC 3261 18.2.2, RFC 3581: over UDP the answer goes to where the request came from, or, without rport, to
        // the port of sent-by there.
        let from = source;
        let source = answer_to(&message, source);
        match method {
            Method::Ack => return self.on_ack(io, &message),
            Method::Cancel => return self.on_cancel(io, &message, source, known),
            _ => {}
        }
        let key = Self::server_key(&message, method);
        if self.absorb(io, &key, source) {
            return;
        }
        if self.is_crowded() {
            self.shared.counters.guarded();
            return;
        }
        let inside = message.tag_to().map(|t| (message.call_id().to_owned(), t.to_owned()));
        if let Some(dialog) = inside {
            if let Some(leg) = self.dialogs.get(&dialog).copied() {
                self.open_server(&key, method, source, Some(leg));
                self.with_leg(io, leg, |core, io, leg| {
                    leg.on_request(core, io, &message, method, source, &key)
                });
            } else if known {
                self.refuse(io, &message, method, source, 481, "");
            } else {
                self.shared.counters.guarded();
            }
            return;
        }
        if method == Method::Register && self.takes_phones() {
            return self.on_register(io, &message, from, source);
        }
        let phone = self.is_phone(from) && !self.shared.trunks.has_peer(from.dest);
        if phone && method == Method::Invite {
            return self.refuse_phone(io, &message, from, source);
        }
        let kind = match (known, method) {
            (true, Method::Invite) => Kind::Invite,
            (true, _) => Kind::Request,
            (false, _) if phone => Kind::Phone,
            (false, Method::Options) => Kind::StrangerOptions,
            (false, _) => {
                self.shared.counters.guarded();
                return;
            }
        };
        if !self.shared.guard.lock().admit(source.dest.ip(), kind, self.now) {
            self.shared.counters.guarded();
            return;
        }
        let known_method = !matches!(method, Method::Register | Method::Unsupported | Method::Unknown);
        if known_method && !message.is_sip_uri() {
            return self.refuse(io, &message, method, source, 416, "");
        }
        if known_method && let Some(unknown) = unsupported(&message) {
            let headers = format!("Unsupported: {unknown}\r\n");
            return self.refuse(io, &message, method, source, 420, &headers);
        }
        match method {
            Method::Invite => self.on_invite(io, message, source, &key),
            Method::Options => {
                let headers =
                    format!("Allow: {ALLOW}\r\nAccept: application/sdp\r\nSupported: 100rel, timer\r\n");
                let status = if self.shared.trunks.is_stopped() { 503 } else { 200 };
                self.refuse(io, &message, method, source, status, &headers);
            }
            // Inside a call only.
            Method::Bye | Method::Info | Method::Update | Method::Prack => {
                self.refuse(io, &message, method, source, 481, "");
            }
            Method::Unknown => self.refuse(io, &message, method, source, 501, ""),
            _ => self.refuse(io, &message, method, source, 405, &format!("Allow: {ALLOW}\r\n")),
        }
    }

    fn on_invite(&mut self, io: &mut dyn Io, message: Message, source: Target, key: &str) {
        let no = |core: &mut Self, io: &mut dyn Io, status: u16, headers: &str| {
            core.refuse(io, &message, Method::Invite, source, status, headers);
        };
        // A call that comes in may go on to somebody else, so this is a hop like another.
        if message.max_forwards() == Some(0) {
            return no(self, io, 483, "");
        }
        let Some(trunk) = self.shared.trunks.owner(source.dest).filter(|t| t.config.inbound).cloned() else {
            return no(self, io, 403, "");
        };
        if message.contact().is_none() {
            let why = "no usable Contact";
            let malformed = Malformed { why, status: 400, request: Some(Box::new(message)) };
            return self.on_malformed(io, &malformed, source);
        }
        // What is answered is a description (RFC 3261 21.4.7).
        let types = message.values("Accept");
        let takes = |t: &String| {
            let t = t.split(';').next().unwrap_or_default().trim();
            ["application/sdp", "application/*", "*/*"].iter().any(|k| t.eq_ignore_ascii_case(k))
        };
        if !types.is_empty() && !types.iter().any(takes) {
            return no(self, io, 406, "");
        }
        if self.legs.values().any(|l| l.is_merged(&message)) {
            return no(self, io, 482, "");
        }
        if too_short(&message) {
            return no(self, io, 422, &format!("Min-SE: {MIN_SE}\r\n"));
        }
        let full = self.legs.len() >= self.shared.config.max_legs || io.backlog() > EVENTS_FULL;
        if full || self.shared.trunks.is_stopped() {
            return no(self, io, 503, "Retry-After: 10\r\n");
        }
        self.open_server(key, Method::Invite, source, None);
        let trying = self.response(&message, source, 100, "", "", None);
        self.answer(io, key, 100, trying);
        self.take_in(io, message, source, trunk, key);
    }

    fn on_ack(&mut self, io: &mut dyn Io, message: &Message) {
        // The ACK of a refusal is in the INVITE's transaction; that of a 2xx has a branch of its own.
        let key = Self::server_key(message, Method::Ack);
        if self.acked(&key) {
            return;
        }
        let tag = message.tag_to().unwrap_or_default().to_owned();
        if let Some(leg) = self.dialogs.get(&(message.call_id().to_owned(), tag)).copied() {
            self.with_leg(io, leg, |core, io, leg| leg.on_ack(core, io, message));
        }
    }

    fn on_cancel(&mut self, io: &mut dyn Io, message: &Message, source: Target, known: bool) {
        let own = Self::server_key(message, Method::Cancel);
        if self.absorb(io, &own, source) {
            return;
        }
        let key = Self::server_key(message, Method::Invite);
        let leg = self.server_leg(&key);
        if leg.is_none() && !self.absorb_quietly(&key) {
            if known {
                self.refuse(io, message, Method::Cancel, source, 481, "");
            }
            return;
        }
        self.refuse(io, message, Method::Cancel, source, 200, "");
        if let Some(leg) = leg {
            self.with_leg(io, leg, |core, io, leg| leg.on_cancel(core, io, message));
        }
    }
}

/// Where the answer to a request goes. On a stream: its connection, and where that is gone by then, a new one to the
/// port of sent-by.
fn answer_to(message: &Message, source: Target) -> Target {
    let mut target = source;
    if let Some(via) = message.via()
        && (source.transport.is_reliable() || !via.rport)
    {
        let port = crate::sip::message::split_host(&via.sent_by).and_then(|(_, p)| p);
        target.dest.set_port(port.unwrap_or_else(|| source.transport.default_port()));
    }
    target
}
