//! Requests as they come: matching to transactions and dialogs, and everything that is no INVITE.

use std::sync::Arc;

use super::{Engine, Flow, server, server::Reply};
use crate::{
    config::{Behaviour, Prack},
    sip::{
        digest,
        message::{self, Message},
        sdp::Session,
    },
    truth::TruthEvent,
};

/// Methods that are understood.
pub(super) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, PRACK, INFO, REGISTER";

impl Engine {
    pub(super) fn on_request(&mut self, now: u64, request: Message, flow: Flow) {
        let Some(via) = request.via() else { return };
        let method = request.method().unwrap_or_default().to_owned();
        let key = server::key_of(&request, &via, &method);
        if method == "ACK" {
            if !self.acknowledged(now, &key, &request)
                && let Some(id) = self.dialog_of(&request)
            {
                self.dialog_ack(now, id, &request);
            }
            return;
        }
        if self.server.contains_key(&key) {
            self.repeated(now, &key, &request, &via, flow);
            return;
        }
        let request = Arc::new(request);
        self.open(&key, &request, &via, flow);
        if method == "CANCEL" {
            self.on_cancel(now, &key, &request, &via);
        } else if request.to_tag().is_some() {
            self.in_dialog(now, &key, &request, &method);
        } else if method == "INVITE" {
            self.new_invite(now, &key, &request, &via, flow);
        } else {
            self.out_of_dialog(now, &key, &request, &method);
        }
    }

    /// Options in Require and Proxy-Require that nobody here knows; `None` when there are none.
    pub(super) fn unknown_options(&self, request: &Message) -> Option<String> {
        let known = |o: &str| {
            o.eq_ignore_ascii_case("timer")
                || self.settings.prack != Prack::Never && o.eq_ignore_ascii_case("100rel")
        };
        let mut unknown: Vec<&str> = request.list("Require");
        unknown.extend(request.list("Proxy-Require"));
        unknown.retain(|o| !known(o));
        unknown.dedup();
        (!unknown.is_empty()).then(|| unknown.join(", "))
    }

    fn dialog_of(&self, request: &Message) -> Option<u64> {
        self.dialogs.get(&(request.call_id().to_owned(), request.to_tag()?)).copied()
    }

    /// An event about a request outside a call.
    pub(super) fn request_event(&self, now: u64, name: &str, request: &Message) -> TruthEvent {
        TruthEvent {
            at_ms: now,
            event: name.to_owned(),
            call_id: Some(request.call_id().to_owned()),
            from_tag: request.caller_tag(),
            branch: request.via().map(|v| v.branch),
            cseq: request.cseq().map(|c| c.0),
            ..TruthEvent::default()
        }
    }

    fn on_cancel(&mut self, now: u64, key: &Arc<str>, request: &Message, via: &message::Via) {
        let invite = server::key_of(request, via, "INVITE");
        let Some(txn) = self.server.get(&invite) else {
            self.respond(now, key, Reply::new(481));
            return;
        };
        let (state, call) = (txn.state, txn.call);
        let race = call
            .and_then(|c| self.calls.get(&c))
            .is_some_and(|c| c.plan.behaviour == Behaviour::CancelRace && c.answered_at.is_none());
        if state != server::State::Proceeding {
            self.respond(now, key, Reply::new(200));
            return;
        }
        if race && let Some(id) = call {
            self.finish_ringing(now, id);
            self.respond(now, key, Reply::new(200));
            return;
        }
        self.respond(now, key, Reply::new(200));
        match call {
            Some(id) => {
                if let Some(c) = self.calls.get_mut(&id) {
                    c.cancelled = true;
                    let mut event = c.event(now, "cancelled");
                    event.alert_id = c.alert_id;
                    self.truth(event);
                }
                let tag = self.fork_tag(id, 0);
                self.respond(now, &invite, Reply::new(487).tag(tag));
                self.end(now, id, "caller", "cancelled");
            }
            None => {
                self.respond(now, &invite, Reply::new(487));
            }
        }
    }

    fn in_dialog(&mut self, now: u64, key: &Arc<str>, request: &Arc<Message>, method: &str) {
        let Some(id) = self.dialog_of(request) else {
            self.respond(now, key, Reply::new(481));
            return;
        };
        if let Some(unknown) = self.unknown_options(request).filter(|_| self.obeys_require()) {
            self.respond(now, key, Reply::new(420).with("Unsupported", unknown));
            return;
        }
        if let Some(txn) = self.server.get(key) {
            let flow = txn.flow;
            if let Some(call) = self.calls.get_mut(&id) {
                call.flow = flow;
            }
        }
        match method {
            "BYE" => self.on_bye(now, key, id, request),
            "INVITE" => self.on_reinvite(now, key, id, request),
            "UPDATE" => self.on_update(now, key, id, request),
            "PRACK" => self.on_prack(now, key, id, request),
            "INFO" => {
                let text = String::from_utf8_lossy(&request.body).to_string();
                let digit = text.lines().find_map(|l| Some(l.strip_prefix("Signal=")?.trim().to_owned()));
                if let (Some(digit), Some(call)) = (digit, self.calls.get(&id)) {
                    let mut event = call.event(now, "digits_heard");
                    event.digits = Some(digit);
                    event.method = Some("INFO".to_owned());
                    self.truth(event);
                }
                self.respond(now, key, Reply::new(200));
            }
            "OPTIONS" => {
                self.respond(now, key, Reply::new(200).with("Allow", ALLOW));
            }
            _ => {
                self.respond(now, key, Reply::new(405).with("Allow", ALLOW));
            }
        }
    }

    fn on_bye(&mut self, now: u64, key: &Arc<str>, id: u64, request: &Message) {
        let tag = request.to_tag().unwrap_or_default();
        self.respond(now, key, Reply::new(200));
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.ending {
            return;
        }
        if call.answered_at.is_none() {
            let invite = call.key.clone();
            let event = call.event(now, "cancelled");
            self.truth(event);
            self.respond(now, &invite, Reply::new(487).tag(tag));
            self.end(now, id, "caller", "bye_before_answer");
            return;
        }
        let fork = call.fork_of(&tag).unwrap_or(0);
        if let Some(f) = call.forks.get_mut(fork) {
            f.released = true;
            if let Some(answer) = f.answer.as_mut() {
                answer.acked = true;
            }
        }
        let alive = call.forks.iter().any(|f| f.answer.is_some() && !f.released);
        let mut event = call.event(now, if alive { "fork_released" } else { "bye" });
        event.by = Some("caller".to_owned());
        event.text = request.get("Reason").map(str::to_owned);
        self.truth(event);
        if !alive {
            self.end(now, id, "caller", "bye");
        }
    }

    fn on_prack(&mut self, now: u64, key: &Arc<str>, id: u64, request: &Message) {
        let rseq = request.get("RAck").and_then(|v| v.split_whitespace().next()?.parse::<u32>().ok());
        let matched =
            self.calls.get(&id).and_then(|c| c.reliable.as_ref()).is_some_and(|r| Some(r.rseq) == rseq);
        if !matched {
            self.respond(now, key, Reply::new(481));
            return;
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.reliable = None;
            let event = call.event(now, "pracked");
            self.truth(event);
        }
        self.respond(now, key, Reply::new(200));
        if let Some(session) = Session::of(request) {
            self.far_session(now, id, session);
        }
        self.pracked(now, id);
    }

    fn out_of_dialog(&mut self, now: u64, key: &Arc<str>, request: &Message, method: &str) {
        match method {
            "OPTIONS" => {
                let event = self.request_event(now, "options", request);
                self.truth(event);
                self.respond(
                    now,
                    key,
                    Reply::new(200).with("Allow", ALLOW).with("Accept", "application/sdp"),
                );
            }
            "REGISTER" => self.on_register(now, key, request),
            "BYE" | "UPDATE" | "PRACK" | "INFO" => {
                self.respond(now, key, Reply::new(481));
            }
            _ => {
                self.respond(now, key, Reply::new(405).with("Allow", ALLOW));
            }
        }
    }

    fn on_register(&mut self, now: u64, key: &Arc<str>, request: &Message) {
        let state = match &self.settings.auth {
            Some(auth) if auth.register => self.credentials(request, "Authorization"),
            _ => "none",
        };
        let asked = self.settings.auth.as_ref().is_some_and(|a| a.register);
        let mut event = self.request_event(now, "register", request);
        event.auth = Some(state.to_owned());
        event.caller = request.get("To").map(|t| message::uri_user(message::address_uri(t)).to_owned());
        let reply = if asked && state != "ok" {
            if state == "bad" {
                Reply::new(403)
            } else {
                Reply::new(401).with("WWW-Authenticate", self.challenge_value())
            }
        } else {
            let contact = request.get("Contact").unwrap_or_default();
            let expires = message::address_param(contact, "expires")
                .or_else(|| request.get("Expires").map(str::to_owned))
                .unwrap_or_else(|| "3600".to_owned());
            let bare = format!("<{}>;expires={expires}", message::address_uri(contact));
            let reply = Reply::new(200).with("Expires", expires);
            if contact.is_empty() { reply } else { reply.with("Contact", bare) }
        };
        event.status = Some(reply.status);
        self.truth(event);
        self.respond(now, key, reply);
    }

    /// `none`, `ok` or `bad` for the digest credentials in `header`.
    pub(super) fn credentials(&self, request: &Message, header: &str) -> &'static str {
        let (user, password, realm) = self.secrets();
        let all: Vec<&str> = request
            .headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(header))
            .map(|(_, v)| v.as_str())
            .collect();
        if all.is_empty() {
            return "none";
        }
        let method = request.method().unwrap_or_default();
        let good = |c: &&str| digest::verify(c, method, &user, &password, &realm, &self.nonce());
        if all.iter().any(good) { "ok" } else { "bad" }
    }

    /// User, password, realm: those of the settings, else fixed ones for callees that challenge.
    fn secrets(&self) -> (String, String, String) {
        match &self.settings.auth {
            Some(a) => (a.user.clone(), a.password.clone(), a.realm.clone()),
            None => ("waybell".to_owned(), "secret".to_owned(), "carrier".to_owned()),
        }
    }

    fn nonce(&self) -> String {
        digest::md5_hex(&format!("waybell-carrier {}", self.seed))
    }

    /// Value of a WWW-Authenticate or Proxy-Authenticate header.
    pub(super) fn challenge_value(&self) -> String {
        let (_, _, realm) = self.secrets();
        format!("Digest realm=\"{realm}\", nonce=\"{}\", algorithm=MD5, qop=\"auth\"", self.nonce())
    }
}
