//! Calls of theirs: taken in, rung, answered, refused.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::{Leg, Mode, Phase, Wait};
use crate::event::{EndHow, EventKind, Incoming, LegId};
use crate::rtp;
use crate::sip::agent::{Core, Io};
use crate::sip::dialog::Dialog;
use crate::sip::invite::derive;
use crate::sip::message::{ALLOW, Message, Response, Start, phrase, uri_of, user_of};
use crate::sip::record::{RECORD_VERSION, RefusalRecord};
use crate::sip::sdp::{self, Remote};
use crate::sip::trunk::Trunk;
use crate::sip::wire::Target;

/// Headers of an incoming INVITE that are told.
const TOLD: [&str; 6] =
    ["Diversion", "History-Info", "P-Asserted-Identity", "Privacy", "Subject", "Call-Info"];

/// Longest time that a caller is kept ringing (RFC 3261 16.6: timer C is more than three minutes; carriers give up first).
const TIMER_C: Duration = Duration::from_secs(180);

/// What is kept of the INVITE until it is answered.
pub(crate) struct IncomingCall {
    request: Box<Message>,
    source: Target,
    /// Its transaction.
    pub(super) key: String,
    pub(super) cseq: Option<u32>,
    offer: Option<Remote>,
    /// The caller wants provisional answers reliably.
    reliable: bool,
    /// RSeq of the 180 that waits for its PRACK, its bytes, and the next interval in T1s.
    unacknowledged: Option<(u32, Vec<u8>, u32)>,
    rung: bool,
    /// `answer` was asked for while a PRACK was outstanding.
    answer_waits: bool,
}

impl Core {
    /// A new INVITE from a trunk's peer, past guard and transaction.
    pub(crate) fn take_in(
        &mut self,
        io: &mut dyn Io,
        message: Message,
        source: Target,
        trunk: Arc<Trunk>,
        key: &str,
    ) {
        let tag = format!("{:016x}", io.random());
        let id = LegId::new(&format!("in-{}", derive(12, &[message.call_id(), &tag])));
        let refuse = |core: &mut Self, io: &mut dyn Io, status: u16| {
            let headers = if status == 415 { "Accept: application/sdp\r\n" } else { "" };
            let bytes = core.response(&message, source, status, &tag, headers, None);
            core.answer(io, key, status, bytes);
        };
        let uri = match &message.start {
            Start::Request { uri, .. } => uri.clone(),
            Start::Response { .. } => return,
        };
        let to = user_of(&uri).replace("%23", "#");
        let Some(sent_by) = self.shared.sent_by(source.transport, source.dest) else {
            refuse(self, io, 500);
            return;
        };
        let contact_user = to.replace('#', "%23");
        let Some(dialog) =
            Dialog::from_request(&message, &tag, source, &sent_by.to_string(), &contact_user, false)
        else {
            refuse(self, io, 400);
            return;
        };
        let offer = match message.sdp().map(sdp::parse) {
            None if message.body.is_empty() => None,
            None => {
                refuse(self, io, 415);
                return;
            }
            Some(Ok(offer)) if offer.codecs.iter().any(|(c, _)| trunk.config.codecs.contains(c)) => {
                Some(offer)
            }
            Some(_) => {
                refuse(self, io, 488);
                return;
            }
        };
        let asserted = message.header("P-Asserted-Identity").map(|v| user_of(uri_of(v)).to_owned());
        let from = asserted.filter(|u| !u.is_empty());
        let from =
            from.unwrap_or_else(|| user_of(uri_of(message.header("From").unwrap_or_default())).to_owned());
        let headers = message
            .headers()
            .filter(|(n, _)| {
                TOLD.iter().any(|t| t.eq_ignore_ascii_case(n))
                    || n.get(..2).is_some_and(|p| p.eq_ignore_ascii_case("x-"))
            })
            .take(64)
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .collect();
        let refusal = RefusalRecord {
            version: RECORD_VERSION,
            destination: source.dest,
            transport: source.transport,
            sent_by: sent_by.to_string(),
            response: String::from_utf8_lossy(&self.response(&message, source, 503, &tag, "", None))
                .into_owned(),
        };
        let told = Incoming {
            from,
            to,
            call_id: message.call_id().to_owned(),
            source: source.dest,
            trunk: Some(trunk.config.name.clone()),
            dialog: dialog.record(Some(&trunk.config.name)),
            refusal: Box::new(refusal),
            headers,
        };
        let leg_key = self.new_key();
        let dialog_key = (message.call_id().to_owned(), tag);
        let mut leg = Box::new(Leg::new(leg_key, id, dialog_key, Phase::Incoming, Mode::Normal));
        leg.trunk = Some(trunk);
        leg.dialog = Some(dialog);
        leg.incoming = Some(IncomingCall {
            cseq: message.cseq().map(|c| c.0),
            reliable: message.has_token("Require", "100rel"),
            request: Box::new(message),
            source,
            key: key.to_owned(),
            offer,
            unacknowledged: None,
            rung: false,
            answer_waits: false,
        });
        self.bind_server(key, leg_key);
        self.shared.counters.incoming.fetch_add(1, Ordering::Relaxed);
        self.add_leg(leg);
        self.with_leg(io, leg_key, |core, io, leg| {
            // Nobody may leave a caller hanging for ever.
            let limit = leg.trunk.as_ref().map_or(TIMER_C, |t| t.config.ring_limit.max(TIMER_C));
            leg.wait(core.now + limit, Wait::Ring);
            leg.emit(core, io, EventKind::Incoming(told));
        });
    }
}

impl Core {
    /// See [`Switch::refuse_stored`](crate::Switch::refuse_stored).
    pub(crate) fn refuse_stored(&mut self, io: &mut dyn Io, refusal: &RefusalRecord) {
        let flow = self.flow_of(&refusal.sent_by);
        let target = Target { transport: refusal.transport, dest: refusal.destination, flow };
        self.send(io, target, refusal.response.clone().into_bytes());
    }
}

impl Leg {
    /// See [`Switch::ring`](crate::Switch::ring).
    pub(crate) fn ring(&mut self, core: &mut Core, io: &mut dyn Io) {
        if self.phase != Phase::Incoming {
            return;
        }
        let contact = self.dialog.as_ref().map(Dialog::contact).unwrap_or_default();
        let Some(call) = self.incoming.as_mut() else { return };
        if call.rung {
            return;
        }
        call.rung = true;
        self.end.rang = true;
        let mut headers = format!("Contact: {contact}\r\nAllow: {ALLOW}\r\n");
        if call.reliable {
            headers.push_str("Require: 100rel\r\nRSeq: 1\r\n");
        }
        let bytes = core.response(&call.request, call.source, 180, &self.dialog_key.1, &headers, None);
        core.answer(io, &call.key, 180, bytes.clone());
        if call.reliable {
            call.unacknowledged = Some((1, bytes, 1));
            self.wait(core.now + core.timing.t1, Wait::Reliable);
        }
    }

    /// RFC 3262 3: a reliable provisional answer is repeated until its PRACK, 64·T1 long.
    pub(super) fn repeat_reliable(&mut self, core: &mut Core, io: &mut dyn Io) {
        let Some(call) = self.incoming.as_mut() else { return };
        let Some((_, bytes, interval)) = call.unacknowledged.as_mut() else { return };
        if *interval >= 32 {
            self.reject(core, io, 504, "No PRACK", None);
            return;
        }
        *interval *= 2;
        let (bytes, next, source) = (bytes.clone(), *interval, call.source);
        core.send(io, source, bytes);
        self.wait(core.now + core.timing.t1 * next, Wait::Reliable);
    }

    pub(super) fn on_prack(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        message: &Message,
        source: Target,
        key: &str,
    ) {
        let rack =
            message.header("RAck").and_then(|v| v.split_ascii_whitespace().next()?.parse::<u32>().ok());
        let good = self
            .incoming
            .as_ref()
            .is_some_and(|c| c.unacknowledged.as_ref().is_some_and(|u| Some(u.0) == rack));
        if !good {
            self.say(core, io, message, source, key, 481, "", None);
            return;
        }
        self.say(core, io, message, source, key, 200, "", None);
        self.forget(Wait::Reliable);
        if let Some(call) = self.incoming.as_mut() {
            call.unacknowledged = None;
            if std::mem::take(&mut call.answer_waits) {
                self.accept(core, io);
            }
        }
    }

    /// See [`Switch::answer`](crate::Switch::answer).
    pub(crate) fn accept(&mut self, core: &mut Core, io: &mut dyn Io) {
        if self.phase != Phase::Incoming {
            return;
        }
        let Some(call) = self.incoming.as_mut() else { return };
        if call.unacknowledged.is_some() {
            // RFC 3262 3: no 2xx while a reliable provisional answer with an offer or answer is outstanding.
            call.answer_waits = true;
            return;
        }
        let offer = call.offer.take();
        let opened = core.shared.ports.reserve().and_then(|port| Ok((port, core.shared.ports.take(port)?)));
        let (port, pair) = match opened {
            Ok(got) => got,
            Err(e) => {
                tracing::warn!(error = %e, "incoming call not answered");
                self.reject(core, io, 503, "", None);
                return;
            }
        };
        self.rtp_port = Some(port);
        let counters = Arc::new(rtp::LegCounters::default());
        io.media(rtp::Command::Open {
            leg: self.key,
            port,
            pair,
            counters: counters.clone(),
            timeout: core.shared.config.media_timeout,
        });
        self.media = Some(counters);
        let body = match offer {
            Some(offer) => self.answer_offer(io, offer),
            None => {
                self.session.answer_in_ack = true;
                self.offer(true)
            }
        };
        let Some(call) = self.incoming.take() else { return };
        let headers = self.success_headers(&call.request);
        match body {
            Some(body) => {
                let tag = self.dialog_key.1.clone();
                let bytes = core.response(&call.request, call.source, 200, &tag, &headers, Some(&body));
                self.phase = Phase::Answering;
                self.waits.clear();
                self.end.status = Some(200);
                core.answer(io, &call.key, 200, bytes);
                self.incoming = Some(call);
            }
            None => {
                self.incoming = Some(call);
                self.reject(core, io, 488, "", None);
            }
        }
    }

    /// Their ACK of our answer.
    pub(super) fn on_first_ack(&mut self, core: &mut Core, io: &mut dyn Io) {
        self.end.answered = true;
        core.shared.counters.answered.fetch_add(1, Ordering::Relaxed);
        if let Some(cause) = self.cancel {
            self.bye(core, io, EndHow::LocalBye, cause);
            return;
        }
        let stored = self.dialog.as_ref().map(|d| d.record(self.trunk_name()));
        self.become_confirmed(core, io);
        if let Some(dialog) = stored {
            self.emit(core, io, EventKind::Answered { dialog });
        }
    }

    /// Refuses an incoming call, or hangs it up where its 2xx is out.
    pub(crate) fn reject(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        status: u16,
        text: &str,
        cause: Option<u8>,
    ) {
        match self.phase {
            Phase::Incoming => {
                let status = if (400..700).contains(&status) { status } else { 480 };
                self.refused_cause = cause;
                self.refuse_with(core, io, status, text);
                self.finish(EndHow::Refused);
            }
            // RFC 3261 15: no BYE before the ACK of our 2xx, or before it is certain that none comes.
            Phase::Answering => {
                self.decide(EndHow::LocalBye);
                self.cancel = Some(cause);
            }
            _ => {}
        }
    }

    /// The final answer to the INVITE without ending the leg's story.
    pub(super) fn refuse_invite(&mut self, core: &mut Core, io: &mut dyn Io, status: u16) {
        self.refuse_with(core, io, status, "");
    }

    fn refuse_with(&mut self, core: &mut Core, io: &mut dyn Io, status: u16, text: &str) {
        let safe: String = text.chars().filter(|c| !c.is_control()).take(128).collect();
        let said = if safe.is_empty() { phrase(status) } else { safe.as_str() };
        self.end.status = Some(status);
        self.end.phrase = Some(said.to_owned());
        let Some(call) = &self.incoming else { return };
        let headers = self.refused_cause.map(|c| format!("Reason: Q.850;cause={c}\r\n")).unwrap_or_default();
        let bytes = Response {
            request: &call.request,
            source: call.source.dest,
            status,
            phrase: said,
            to_tag: &self.dialog_key.1,
            headers: &headers,
            body: None,
            server: &core.shared.config.user_agent,
        }
        .build();
        core.answer(io, &call.key, status, bytes);
    }

    /// Their CANCEL (already answered 200).
    pub(crate) fn on_cancel(&mut self, core: &mut Core, io: &mut dyn Io, message: &Message) {
        if self.phase != Phase::Incoming {
            return;
        }
        let (cause, text) = message.reason();
        self.end.q850 = cause;
        self.end.reason_text = text;
        self.refuse_invite(core, io, 487);
        self.finish(EndHow::Cancelled);
    }

    /// Whether an INVITE is this call's, come by another way (RFC 3261 8.2.2.2).
    pub(crate) fn is_merged(&self, message: &Message) -> bool {
        self.phase == Phase::Incoming
            && self.incoming.as_ref().is_some_and(|c| {
                c.request.call_id() == message.call_id()
                    && c.request.tag_from() == message.tag_from()
                    && c.cseq == message.cseq().map(|n| n.0)
            })
    }
}
