//! A new INVITE: who may ring at all. The order is that of RFC 3261 8.2: authentication, merged requests, required
//! extensions, then the limits of the trunk, the offer, and at last the callee.

use std::{collections::VecDeque, sync::Arc};

use super::{
    Engine, Flow, Known,
    call::{Call, Waiting},
    script,
    server::Reply,
};
use crate::{
    config::Behaviour,
    sip::{
        message::{self, Message, Via},
        sdp::Session,
    },
};

impl Engine {
    pub(super) fn new_invite(
        &mut self,
        now: u64,
        key: &Arc<str>,
        request: &Arc<Message>,
        via: &Via,
        flow: Flow,
    ) {
        let callee = self.settings.e164(message::uri_user(request.uri().unwrap_or_default()));
        let unknown = self.unknown_options(request);
        let (from_tag, cseq) = (request.caller_tag().unwrap_or_default(), request.cseq().map_or(0, |c| c.0));
        if let Some(txn) = self.server.get_mut(key) {
            txn.initial = true;
            txn.callee = Some(callee.clone());
        }
        let call_no = self.per_number.get(&callee).map_or(0, |n| n.calls);
        let plan = self.settings.callee(&callee, call_no, self.seed);
        let challenge = match &self.settings.auth {
            Some(a) if a.invite.is_some() => a.invite,
            _ if plan.behaviour == Behaviour::Challenge => Some(plan.status.unwrap_or(407)),
            _ => None,
        };
        let header = if challenge == Some(401) { "Authorization" } else { "Proxy-Authorization" };
        let auth = self.credentials(request, header);
        let mut event = self.request_event(now, "invite", request);
        event.callee = Some(callee.clone());
        event.transport = Some(flow.transport.name().to_owned());
        event.caller = request.get("From").map(|f| message::uri_user(message::address_uri(f)).to_owned());
        event.probe = Some(unknown.is_some());
        event.auth = Some(auth.to_owned());
        event.behaviour = Some(plan.behaviour.name());
        self.truth(event);

        let id = (request.call_id().to_owned(), from_tag, cseq);
        if let Some(known) = self.known.get(&id) {
            let lives = self.server.contains_key(&known.key)
                || known.call.is_some_and(|c| self.calls.contains_key(&c));
            if known.key != *key && lives {
                self.refuse(now, key, request, &callee, "merged", Reply::new(482));
                return;
            }
        }
        // A probe after the transaction's end must not make us forget whose call this is.
        let call = self.known.get(&id).and_then(|k| k.call).filter(|c| self.calls.contains_key(c));
        self.known.insert(id.clone(), Known { key: key.clone(), call });

        if let Some(status) = challenge
            && auth != "ok"
        {
            let name = if status == 401 { "WWW-Authenticate" } else { "Proxy-Authenticate" };
            let reply = if auth == "bad" {
                Reply::new(403)
            } else {
                Reply::new(status).with(name, self.challenge_value())
            };
            self.refuse(now, key, request, &callee, "challenged", reply);
            return;
        }
        if let Some(unknown) = unknown.filter(|_| self.obeys_require()) {
            self.refuse(now, key, request, &callee, "refused", Reply::new(420).with("Unsupported", unknown));
            return;
        }
        if let Some(reply) = self.over_limit(now, &callee) {
            self.refuse(now, key, request, &callee, "refused", reply);
            return;
        }
        let offer = Session::of(request);
        let payload = match &offer {
            Some(offer) => offer.codec(plan.codec),
            None => Some(plan.codec.unwrap_or(8)),
        };
        let Some(payload) = payload else {
            self.refuse(now, key, request, &callee, "refused", Reply::new(488));
            return;
        };

        self.per_number.entry(callee.clone()).or_default().calls += 1;
        let call_id = self.fresh();
        if let Some(txn) = self.server.get_mut(key) {
            txn.call = Some(call_id);
        }
        self.known.insert(id, Known { key: key.clone(), call: Some(call_id) });
        let steps: VecDeque<_> = script::steps(&plan).into();
        let contact =
            request.get("Contact").or(request.get("From")).map(message::address_uri).unwrap_or_default();
        let sockets = self.addresses.rtp.len().max(1) as u64;
        let reply_flow = self.server.get(key).map_or(flow, |t| t.flow);
        let call = Call {
            id: call_id,
            callee,
            plan,
            key: key.clone(),
            branch: via.branch.clone(),
            cseq,
            invite: request.clone(),
            flow: reply_flow,
            remote_target: contact.to_owned(),
            route_set: request.list("Record-Route").into_iter().map(str::to_owned).collect(),
            forks: Vec::new(),
            steps,
            step_stamp: 0,
            waiting: Waiting::Time,
            alert_id: None,
            answered_at: None,
            cancelled: false,
            ending: false,
            offer,
            payload,
            rtp_socket: (call_id % sockets) as usize,
            media_open: false,
            sdp_version: 1,
            responses: 0,
            reliable: None,
            rseq: 0,
            local_cseq: 0,
            deaf_until: 0,
            session: None,
            reinvite_pending: false,
            glared: false,
        };
        self.calls.insert(call_id, call);
        self.run(now, call_id);
    }

    /// Refuses an INVITE without alerting anybody, with a line of its own in the truth log.
    fn refuse(
        &mut self,
        now: u64,
        key: &Arc<str>,
        request: &Message,
        callee: &str,
        name: &str,
        reply: Reply,
    ) {
        let mut event = self.request_event(now, name, request);
        event.callee = Some(callee.to_owned());
        event.status = Some(reply.status);
        event.cause = reply.cause;
        event.text.clone_from(&reply.text);
        self.truth(event);
        self.respond(now, key, reply);
    }

    /// The refusal of a call over a limit of the trunk.
    fn over_limit(&mut self, now: u64, callee: &str) -> Option<Reply> {
        let limits = &self.settings.limits;
        if self.window.is_some_and(|w| !w.contains(now)) || self.barred.iter().any(|w| w.contains(now)) {
            let text = Some("calls are barred at this time of day".to_owned());
            return Some(Reply { status: 403, text, ..Reply::default() });
        }
        if limits.channels.is_some_and(|max| self.calls.len() >= max as usize) {
            return Some(Reply { cause: Some(34), ..Reply::new(503) }.with("Retry-After", "1"));
        }
        if let Some(cps) = limits.cps {
            let status = limits.cps_status.unwrap_or(503);
            while self.recent.front().is_some_and(|t| *t + 1_000 <= now) {
                self.recent.pop_front();
            }
            if self.recent.len() >= cps as usize {
                let (cause, text) = match status {
                    503 => (Some(42), None),
                    _ => (None, Some("call rate limit exceeded".to_owned())),
                };
                return Some(Reply { cause, text, ..Reply::new(status) }.with("Retry-After", "1"));
            }
            self.recent.push_back(now);
        }
        if !limits.per_number.is_empty() {
            let number = self.per_number.entry(callee.to_owned()).or_default();
            number.counted.resize_with(limits.per_number.len(), VecDeque::new);
            let mut over = false;
            for (limit, calls) in limits.per_number.iter().zip(&mut number.counted) {
                let gone = |at: &u64| at + limit.window_ms <= now;
                if limit.from_first_call {
                    // the window that the first of them began is over
                    if calls.front().is_some_and(gone) {
                        calls.clear();
                    }
                } else {
                    while calls.front().is_some_and(gone) {
                        calls.pop_front();
                    }
                }
                over |= calls.len() >= limit.max as usize;
            }
            if over {
                let text = Some("call frequency limit exceeded".to_owned());
                return Some(Reply { status: 403, text, ..Reply::default() });
            }
            number.counted.iter_mut().for_each(|calls| calls.push_back(now));
        }
        if let Some(max) = self.settings.limits.per_number_minute {
            let number = self.per_number.entry(callee.to_owned()).or_default();
            while number.recent.front().is_some_and(|t| *t + 60_000 <= now) {
                number.recent.pop_front();
            }
            if number.recent.len() >= max as usize {
                let text = Some("call frequency limit exceeded".to_owned());
                return Some(Reply { status: 403, text, ..Reply::default() });
            }
            number.recent.push_back(now);
        }
        None
    }
}
