//! Requests of ours inside a call (BYE, re-INVITE, UPDATE) and their client transactions (RFC 3261 17.1).

use std::sync::Arc;

use super::{Engine, Flow, T1, T1X64, T2, call::Waiting, talk, timer::Timer};
use crate::sip::{
    message::{self, Message},
    sdp::Session,
};

/// Why a request was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Bye,
    /// The script waits for its end.
    Script,
    Change,
    Refresh,
}

/// A request of ours that waits for its final response.
pub(super) struct ClientTxn {
    call: u64,
    fork: usize,
    method: &'static str,
    cseq: u32,
    flow: Flow,
    bytes: Arc<[u8]>,
    interval: u64,
    provisional: bool,
    purpose: Purpose,
    offered: bool,
    direction: Option<&'static str>,
    done: bool,
    ack: Option<Arc<[u8]>>,
}

impl Engine {
    pub(super) fn send_bye(&mut self, now: u64, id: u64, fork: usize) {
        self.request(now, id, fork, "BYE", Purpose::Bye, None, &[], "");
    }

    /// A re-INVITE with a direction, or without a body.
    pub(super) fn send_reinvite(&mut self, now: u64, id: u64, direction: Option<&'static str>, script: bool) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.sdp_version += 1;
        call.reinvite_pending = true;
        let mut event = call.event(now, "reinvite");
        event.by = Some("callee".to_owned());
        event.reason = Some(direction.unwrap_or("no offer").to_owned());
        let fork = call.main_fork();
        self.truth(event);
        let body = match direction {
            Some(direction) => self.local_sdp(id, Some(direction)),
            None => String::new(),
        };
        let purpose = if script { Purpose::Script } else { Purpose::Change };
        self.request(now, id, fork, "INVITE", purpose, direction, &[], &body);
    }

    /// A session refresh: UPDATE where the far side allows it, else a re-INVITE.
    pub(super) fn send_refresh(&mut self, now: u64, id: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let update = call.invite.list("Allow").iter().any(|m| m.eq_ignore_ascii_case("UPDATE"));
        let seconds = call.session.as_ref().map_or(90, |s| s.interval_ms / 1_000);
        let expires = format!("{seconds};refresher=uac");
        let (fork, pending) = (call.main_fork(), call.reinvite_pending);
        let headers = [("Session-Expires", expires.as_str()), ("Supported", "timer")];
        if update || pending {
            self.request(now, id, fork, "UPDATE", Purpose::Refresh, None, &headers, "");
        } else {
            if let Some(call) = self.calls.get_mut(&id) {
                call.reinvite_pending = true;
            }
            let body = self.local_sdp(id, Some("sendrecv"));
            self.request(now, id, fork, "INVITE", Purpose::Refresh, Some("sendrecv"), &headers, &body);
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one place builds every request; the callers name each part"
    )]
    fn request(
        &mut self,
        now: u64,
        id: u64,
        fork: usize,
        method: &'static str,
        purpose: Purpose,
        direction: Option<&'static str>,
        extra: &[(&str, &str)],
        body: &str,
    ) {
        let branch = format!("z9hG4bK{}", self.token());
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.local_cseq += 1;
        let cseq = call.local_cseq;
        let Some((flow, bytes)) = self.write_request(id, fork, method, cseq, &branch, extra, body) else {
            return;
        };
        let txn = ClientTxn {
            call: id,
            fork,
            method,
            cseq,
            flow,
            bytes: bytes.clone(),
            interval: T1,
            provisional: false,
            purpose,
            offered: !body.is_empty(),
            direction,
            done: false,
            ack: None,
        };
        self.client.insert(branch.clone(), txn);
        self.push_send(now, flow, bytes);
        if flow.transport.is_datagram() {
            self.timer(now + T1, Timer::ClientResend { branch: branch.clone() });
        }
        self.timer(now + T1X64, Timer::ClientExpire { branch });
    }

    /// Writes a request of a dialog (RFC 3261 12.2.1.1) and says where it goes.
    fn write_request(
        &self,
        id: u64,
        fork: usize,
        method: &str,
        cseq: u32,
        branch: &str,
        extra: &[(&str, &str)],
        body: &str,
    ) -> Option<(Flow, Arc<[u8]>)> {
        let call = self.calls.get(&id)?;
        let tag = &call.forks.get(fork)?.tag;
        let transport = call.flow.transport;
        let mut routes = call.route_set.clone();
        let mut target = call.remote_target.clone();
        // A strict router as first hop takes the Request-URI (RFC 3261 12.2.1.1).
        let loose = routes.first().is_none_or(|r| message::param(message::address_uri(r), "lr").is_some());
        if !loose {
            let first = routes.remove(0);
            routes.push(format!("<{target}>"));
            target = message::address_uri(&first).to_owned();
        }
        let hop =
            if loose { routes.first().map(|r| message::address_uri(r)) } else { None }.unwrap_or(&target);
        let mut flow = call.flow;
        if let Some((host, port)) = message::uri_host(hop)
            && let Ok(ip) = host.parse()
        {
            let default = if transport == super::Transport::Tls { 5061 } else { 5060 };
            flow.peer = std::net::SocketAddr::new(ip, port.unwrap_or(default));
        }
        let via = format!(
            "SIP/2.0/{} {};branch={branch};rport",
            transport.name().to_uppercase(),
            self.local(transport)
        );
        let from = format!("{};tag={tag}", call.invite.get("To").unwrap_or_default());
        let contact = self.contact(transport);
        let cseq = format!("{cseq} {method}");
        let mut headers: Vec<(&str, &str)> = vec![
            ("Via", &via),
            ("Max-Forwards", "70"),
            ("From", &from),
            ("To", call.invite.get("From").unwrap_or_default()),
            ("Call-ID", call.invite.call_id()),
            ("CSeq", &cseq),
            ("Contact", &contact),
        ];
        headers.extend(routes.iter().map(|r| ("Route", r.as_str())));
        headers.extend_from_slice(extra);
        if !body.is_empty() {
            headers.push(("Content-Type", "application/sdp"));
        }
        Some((flow, message::write(&format!("{method} {target} SIP/2.0"), &headers, body).into()))
    }

    /// Timers A and E.
    pub(super) fn client_resend(&mut self, now: u64, branch: &str) {
        let Some(txn) = self.client.get_mut(branch) else { return };
        if txn.done || txn.method == "INVITE" && txn.provisional {
            return;
        }
        txn.interval *= 2;
        if txn.method != "INVITE" {
            txn.interval = txn.interval.min(T2);
        }
        let (flow, bytes, next) = (txn.flow, txn.bytes.clone(), now + txn.interval);
        self.push_send(now, flow, bytes);
        self.timer(next, Timer::ClientResend { branch: branch.to_owned() });
    }

    /// Timers B and F, and the end of a finished transaction.
    pub(super) fn client_expire(&mut self, now: u64, branch: &str) {
        let Some(txn) = self.client.remove(branch) else { return };
        if txn.purpose == Purpose::Bye {
            self.bye_done(txn.call, txn.fork);
        } else if !txn.done {
            if let Some(call) = self.calls.get_mut(&txn.call) {
                call.reinvite_pending = false;
            }
            self.hang_up(now, txn.call, "no_response");
        }
    }

    pub(super) fn on_response(&mut self, now: u64, response: &Message, status: u16) {
        let Some(branch) = response.via().map(|v| v.branch) else { return };
        let Some(txn) = self.client.get_mut(&branch) else { return };
        if response.cseq().is_none_or(|(n, m)| n != txn.cseq || m != txn.method) {
            return;
        }
        if status < 200 {
            txn.provisional = true;
            return;
        }
        let flow = txn.flow;
        if txn.done {
            if let Some(ack) = txn.ack.clone() {
                self.push_send(now, flow, ack);
            }
            return;
        }
        txn.done = true;
        let (id, fork, purpose, method, cseq) = (txn.call, txn.fork, txn.purpose, txn.method, txn.cseq);
        let (offered, direction) = (txn.offered, txn.direction);
        if purpose == Purpose::Bye {
            self.bye_done(id, fork);
            return;
        }
        if method == "INVITE" {
            self.acknowledge(now, &branch, id, fork, cseq, status, (!offered).then_some(response));
            if let Some(call) = self.calls.get_mut(&id) {
                call.reinvite_pending = false;
            }
        }
        if let Some(call) = self.calls.get(&id) {
            let mut event = call.event(now, "change_answered");
            event.method = Some(method.to_owned());
            event.status = Some(status);
            self.truth(event);
        }
        if (200..300).contains(&status) {
            if offered && let Some(session) = Session::of(response) {
                self.far_session(now, id, session);
            }
            if purpose == Purpose::Refresh {
                let ours = talk::expires(response).is_none_or(|(_, who)| who.as_deref() != Some("uas"));
                let interval = self.calls.get(&id).and_then(|c| c.session.as_ref()).map(|s| s.interval_ms);
                if let Some(interval) = interval {
                    self.arm_session(now, id, interval, ours);
                }
            }
        } else if status == 491 && purpose != Purpose::Refresh {
            // RFC 3261 14.1: who does not own the Call-ID waits 0 to 2 s.
            let after = self.rng.between(0, 200) * 10;
            self.again(now, id, after, direction);
            return;
        } else if matches!(status, 408 | 481) {
            self.hang_up(now, id, "change_refused");
            return;
        }
        if purpose == Purpose::Script
            && let Some(call) = self.calls.get_mut(&id)
            && call.waiting == Waiting::Response
        {
            call.waiting = Waiting::Time;
            self.run(now, id);
        }
    }

    /// Sends a re-INVITE that met glare again, as a step of the script.
    fn again(&mut self, now: u64, id: u64, after: u64, direction: Option<&'static str>) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.waiting == Waiting::Response {
            call.waiting = Waiting::Time;
            call.steps.push_front(super::script::Step::Reinvite(direction));
            call.steps.push_front(super::script::Step::Wait(after));
            self.run(now, id);
        }
    }

    /// The ACK of our own re-INVITE; answers an offer in `offer`.
    fn acknowledge(
        &mut self,
        now: u64,
        branch: &str,
        id: u64,
        fork: usize,
        cseq: u32,
        status: u16,
        offer: Option<&Message>,
    ) {
        let good = (200..300).contains(&status);
        let mut body = String::new();
        if good && let Some(session) = offer.and_then(Session::of) {
            self.far_session(now, id, session);
            body = self.local_sdp(id, None);
        }
        let ack_branch = if good { format!("z9hG4bK{}", self.token()) } else { branch.to_owned() };
        let Some((flow, bytes)) = self.write_request(id, fork, "ACK", cseq, &ack_branch, &[], &body) else {
            return;
        };
        if let Some(txn) = self.client.get_mut(branch) {
            txn.ack = Some(bytes.clone());
        }
        self.push_send(now, flow, bytes);
    }

    /// A BYE of ours was answered or given up: the branch is over, the call with the last one.
    fn bye_done(&mut self, id: u64, fork: usize) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(f) = call.forks.get_mut(fork) {
            f.released = true;
        }
        if call.ending && call.forks.iter().all(|f| f.answer.is_none() || f.released) {
            self.remove(id);
        }
    }
}
