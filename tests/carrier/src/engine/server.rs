//! Server transactions (RFC 3261 17.2, RFC 6026) in four flavours of memory, see [`Profile`].

use std::sync::Arc;

use super::{Engine, Flow, T1, T1X64, T2, T4, timer::Timer};
use crate::{
    config::{Behaviour, Profile},
    sip::message::{self, Message, Via},
    truth::TruthEvent,
};

/// States of both kinds of server transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Proceeding,
    Completed,
    /// INVITE: the ACK of a refusal has come.
    Confirmed,
    /// INVITE: a 2xx was sent (RFC 6026).
    Accepted,
}

/// A transaction that some request opened.
pub(super) struct ServerTxn {
    pub(super) request: Arc<Message>,
    pub(super) method: String,
    pub(super) branch: String,
    pub(super) flow: Flow,
    pub(super) state: State,
    pub(super) last: Option<Arc<[u8]>>,
    pub(super) status: u16,
    pub(super) call: Option<u64>,
    /// An INVITE outside a dialog.
    pub(super) initial: bool,
    pub(super) callee: Option<String>,
    interval: u64,
    stamp: u64,
    gives_up: u64,
}

/// A response to be built from the request of a transaction.
#[derive(Debug, Default, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) reason: Option<String>,
    pub(super) to_tag: Option<String>,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
    pub(super) cause: Option<u16>,
    pub(super) text: Option<String>,
}

impl Reply {
    /// A plain response.
    pub(super) fn new(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Adds a header.
    pub(super) fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    /// Sets the To tag.
    pub(super) fn tag(mut self, tag: impl Into<String>) -> Self {
        self.to_tag = Some(tag.into());
        self
    }
}

/// Name of the transaction a request belongs to (RFC 3261 17.2.3; an ACK belongs to its INVITE).
pub(super) fn key_of(request: &Message, via: &Via, method: &str) -> Arc<str> {
    let method = if method == "ACK" { "INVITE" } else { method };
    if via.branch.len() > 7 && via.branch[..7].eq_ignore_ascii_case("z9hG4bK") {
        return format!("{}|{}:{}|{method}", via.branch, via.host, via.port.unwrap_or(5060)).into();
    }
    let cseq = request.cseq().map_or(0, |c| c.0);
    let (uri, via) =
        (request.uri().unwrap_or_default(), request.list("Via").first().copied().unwrap_or_default());
    format!("{uri}|{}|{}|{cseq}|{via}|{method}", request.caller_tag().unwrap_or_default(), request.call_id())
        .into()
}

/// Where a response goes (RFC 3261 18.2.2, RFC 3581).
fn reply_flow(request: &Message, via: &Via, flow: Flow) -> Flow {
    let rport = request.list("Via").first().is_some_and(|v| message::param(v, "rport").is_some());
    if rport && flow.transport.is_datagram() {
        return flow;
    }
    let default = if flow.transport == super::Transport::Tls { 5061 } else { 5060 };
    let mut peer = flow.peer;
    peer.set_port(via.port.unwrap_or(default));
    Flow { peer, ..flow }
}

impl Engine {
    /// Opens a transaction for a request.
    pub(super) fn open(&mut self, key: &Arc<str>, request: &Arc<Message>, via: &Via, flow: Flow) {
        let method = request.method().unwrap_or_default().to_owned();
        self.server.insert(
            key.clone(),
            ServerTxn {
                request: request.clone(),
                method,
                branch: via.branch.clone(),
                flow: reply_flow(request, via, flow),
                state: State::Proceeding,
                last: None,
                status: 0,
                call: None,
                initial: false,
                callee: None,
                interval: T1,
                stamp: 0,
                gives_up: u64::MAX,
            },
        );
    }

    /// A request of a known transaction came again.
    pub(super) fn repeated(&mut self, now: u64, key: &Arc<str>, request: &Message, via: &Via, flow: Flow) {
        let probe = self.unknown_options(request).is_some();
        let Some(txn) = self.server.get_mut(key) else { return };
        txn.flow = reply_flow(request, via, flow);
        let (state, status, call) = (txn.state, txn.status, txn.call);
        let again = match state {
            State::Proceeding | State::Completed => txn.last.clone().map(|b| (txn.flow, b)),
            State::Confirmed | State::Accepted => None,
        };
        let event = TruthEvent {
            at_ms: now,
            event: "retransmission".to_owned(),
            callee: txn.callee.clone(),
            call_id: Some(request.call_id().to_owned()),
            from_tag: request.caller_tag(),
            branch: Some(txn.branch.clone()),
            cseq: request.cseq().map(|c| c.0),
            transport: Some(flow.transport.name().to_owned()),
            method: Some(txn.method.clone()),
            probe: Some(probe),
            status: (status > 0).then_some(status),
            ..TruthEvent::default()
        };
        self.truth(event);
        if let Some((flow, bytes)) = again {
            self.transmit(now, call, flow, bytes, status);
        }
    }

    /// Sends a response in a transaction and moves it on. Returns the message for repeats by the caller.
    pub(super) fn respond(&mut self, now: u64, key: &Arc<str>, reply: Reply) -> Option<Arc<[u8]>> {
        let txn = self.server.get(key)?;
        let (request, flow, call, invite) = (txn.request.clone(), txn.flow, txn.call, txn.method == "INVITE");
        let mut reply = reply;
        if reply.status > 100 && reply.to_tag.is_none() && request.to_tag().is_none() {
            reply.to_tag = Some(self.token());
        }
        let bytes: Arc<[u8]> = self.build(&request, flow, &reply).into();
        if txn_is_initial(self.server.get(key)) && reply.status > 100 {
            self.log_response(now, key, &reply);
        }
        let profile = self.profile;
        let stamp = self.fresh();
        let txn = self.server.get_mut(key)?;
        txn.last = Some(bytes.clone());
        txn.status = reply.status;
        txn.stamp = stamp;
        let datagram = flow.transport.is_datagram();
        let mut expire = None;
        if reply.status >= 200 {
            if !invite {
                txn.state = State::Completed;
                expire = Some(if datagram { T1X64 } else { 0 });
            } else if reply.status < 300 {
                txn.state = State::Accepted;
                expire = Some(match profile {
                    Profile::Rfc3261 => 0,
                    Profile::Forgetful => u64::from(datagram) * T4,
                    Profile::Rfc6026 | Profile::NoRequire => T1X64,
                });
            } else {
                txn.state = State::Completed;
                txn.interval = T1;
                txn.gives_up = now + T1X64;
                expire = Some(match (profile, datagram) {
                    (Profile::Forgetful, false) => 0,
                    (Profile::Forgetful, true) => T4,
                    _ => T1X64,
                });
            }
        }
        let resend = invite && reply.status >= 300 && datagram;
        self.transmit(now, call, flow, bytes.clone(), reply.status);
        if resend {
            self.timer(now + T1, Timer::ServerResend { key: key.clone(), stamp });
        }
        match expire {
            Some(0) => self.forget(key),
            Some(after) => self.timer(now + after, Timer::ServerExpire { key: key.clone(), stamp }),
            None => {}
        }
        Some(bytes)
    }

    /// The ACK of a refusal. True when it belonged to one.
    pub(super) fn acknowledged(&mut self, now: u64, key: &Arc<str>, ack: &Message) -> bool {
        let profile = self.profile;
        let stamp = self.fresh();
        let Some(txn) = self.server.get_mut(key) else { return false };
        if txn.state == State::Confirmed {
            return true;
        }
        if txn.state != State::Completed {
            return false;
        }
        txn.state = State::Confirmed;
        let datagram = txn.flow.transport.is_datagram();
        // A forgetful far side keeps the clock that began at the final answer.
        if profile != Profile::Forgetful {
            txn.stamp = stamp;
        }
        let event = TruthEvent {
            at_ms: now,
            event: "acked".to_owned(),
            callee: txn.callee.clone(),
            call_id: Some(ack.call_id().to_owned()),
            from_tag: ack.caller_tag(),
            branch: Some(txn.branch.clone()),
            cseq: ack.cseq().map(|c| c.0),
            status: Some(txn.status),
            ..TruthEvent::default()
        };
        let initial = txn.initial;
        if initial {
            self.truth(event);
        }
        if !datagram {
            self.forget(key);
        } else if profile != Profile::Forgetful {
            self.timer(now + T4, Timer::ServerExpire { key: key.clone(), stamp });
        }
        true
    }

    /// Timer G.
    pub(super) fn server_resend(&mut self, now: u64, key: &Arc<str>, stamp: u64) {
        let Some(txn) = self.server.get_mut(key) else { return };
        if txn.stamp != stamp || txn.state != State::Completed || now >= txn.gives_up {
            return;
        }
        txn.interval = (txn.interval * 2).min(T2);
        let (flow, call, status, next) = (txn.flow, txn.call, txn.status, now + txn.interval);
        let Some(bytes) = txn.last.clone() else { return };
        self.transmit(now, call, flow, bytes, status);
        self.timer(next, Timer::ServerResend { key: key.clone(), stamp });
    }

    /// Timers H, I, J, L.
    pub(super) fn server_expire(&mut self, key: &Arc<str>, stamp: u64) {
        if self.server.get(key).is_some_and(|t| t.stamp == stamp) {
            self.forget(key);
        }
    }

    /// Ends a transaction; what it was known by stays only while its call lives.
    pub(super) fn forget(&mut self, key: &Arc<str>) {
        let Some(txn) = self.server.remove(key) else { return };
        let (Some(tag), Some((cseq, _))) = (txn.request.caller_tag(), txn.request.cseq()) else { return };
        let id = (txn.request.call_id().to_owned(), tag, cseq);
        if let Some(known) = self.known.get(&id)
            && known.key == *key
            && known.call.is_none_or(|c| !self.calls.contains_key(&c))
        {
            self.known.remove(&id);
        }
    }

    /// Sends a response of a transaction through the callee's behaviour, then the network.
    pub(super) fn transmit(
        &mut self,
        now: u64,
        call: Option<u64>,
        flow: Flow,
        bytes: Arc<[u8]>,
        status: u16,
    ) {
        if let Some(call) = call.and_then(|c| self.calls.get_mut(&c)) {
            call.responses += 1;
            let plan = &call.plan;
            match plan.behaviour {
                Behaviour::LostResponse if plan.drop_response.contains(&call.responses) => {
                    let mut event = call.event(now, "dropped");
                    event.status = Some(status);
                    self.truth(event);
                    return;
                }
                Behaviour::Duplicated => self.push_send(now, flow, bytes.clone()),
                Behaviour::Late => {
                    let due = now + plan.late_ms;
                    self.timer(due, Timer::Late { flow, bytes });
                    return;
                }
                Behaviour::Reordered if (101..200).contains(&status) => {
                    let due = now + plan.ring_ms + 150;
                    self.timer(due, Timer::Late { flow, bytes });
                    return;
                }
                _ => {}
            }
        }
        self.push_send(now, flow, bytes);
    }

    fn log_response(&mut self, now: u64, key: &Arc<str>, reply: &Reply) {
        let Some(txn) = self.server.get(key) else { return };
        let name = if reply.status < 200 { "provisional" } else { "final" };
        let event = TruthEvent {
            at_ms: now,
            event: name.to_owned(),
            callee: txn.callee.clone(),
            call_id: Some(txn.request.call_id().to_owned()),
            from_tag: txn.request.caller_tag(),
            branch: Some(txn.branch.clone()),
            cseq: txn.request.cseq().map(|c| c.0),
            transport: Some(txn.flow.transport.name().to_owned()),
            status: Some(reply.status),
            reason: Some(reply.reason.clone().unwrap_or_else(|| message::phrase(reply.status).to_owned())),
            cause: reply.cause,
            text: reply.text.clone(),
            ..TruthEvent::default()
        };
        self.truth(event);
    }

    fn build(&self, request: &Message, flow: Flow, reply: &Reply) -> Vec<u8> {
        let status = reply.status;
        let reason = reply.reason.as_deref().unwrap_or_else(|| message::phrase(status));
        let vias = request.list("Via");
        let top = vias.first().map(|v| stamped_via(v, flow)).unwrap_or_default();
        let mut headers: Vec<(&str, &str)> = Vec::with_capacity(12);
        headers.push(("Via", &top));
        headers.extend(vias.iter().skip(1).map(|v| ("Via", *v)));
        let dialog = request.method() == Some("INVITE") && (101..300).contains(&status);
        if dialog {
            headers.extend(request.list("Record-Route").into_iter().map(|v| ("Record-Route", v)));
        }
        headers.push(("From", request.get("From").unwrap_or_default()));
        let mut to = request.get("To").unwrap_or_default().to_owned();
        if let Some(tag) = reply.to_tag.as_deref().filter(|_| request.to_tag().is_none()) {
            to.push_str(";tag=");
            to.push_str(tag);
        }
        headers.push(("To", &to));
        headers.push(("Call-ID", request.call_id()));
        headers.push(("CSeq", request.get("CSeq").unwrap_or_default()));
        let contact = self.contact(flow.transport);
        if dialog {
            headers.push(("Contact", &contact));
        }
        headers.extend(reply.headers.iter().map(|(n, v)| (n.as_str(), v.as_str())));
        let reason_header = reason_header(status, reply.cause, reply.text.as_deref());
        if let Some(value) = &reason_header {
            headers.push(("Reason", value));
        }
        if !reply.body.is_empty() {
            headers.push(("Content-Type", "application/sdp"));
        }
        headers.push(("Server", "waybell-carrier"));
        message::write(&format!("SIP/2.0 {status} {reason}"), &headers, &reply.body)
    }
}

fn txn_is_initial(txn: Option<&ServerTxn>) -> bool {
    txn.is_some_and(|t| t.initial)
}

/// The Reason header (RFC 3326) for a Q.850 cause, or for a text alone.
pub(super) fn reason_header(status: u16, cause: Option<u16>, text: Option<&str>) -> Option<String> {
    let text = text.map(|t| format!(";text=\"{t}\"")).unwrap_or_default();
    match cause {
        Some(cause) => Some(format!("Q.850;cause={cause}{text}")),
        None if !text.is_empty() => Some(format!("SIP;cause={status}{text}")),
        None => None,
    }
}

/// The top Via with `received` and `rport` filled in.
fn stamped_via(via: &str, flow: Flow) -> String {
    let mut parts: Vec<String> = via.split(';').map(|p| p.trim().to_owned()).collect();
    let mut asked = false;
    for part in &mut parts {
        if part.eq_ignore_ascii_case("rport") {
            *part = format!("rport={}", flow.peer.port());
            asked = true;
        }
    }
    let ip = flow.peer.ip().to_string();
    if asked || !parts.first().is_some_and(|p| p.contains(&ip)) {
        parts.push(format!("received={ip}"));
    }
    parts.join(";")
}
