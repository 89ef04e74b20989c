//! One call at a callee, from the INVITE to the end: its dialogs (one a fork), its script, its media.

use std::{collections::VecDeque, sync::Arc};

use super::{Engine, Flow, T1, T1X64, T2, script::Step, server::Reply, timer::Timer};
use crate::{
    config::{Behaviour, Profile, Resolved},
    media::MediaCommand,
    sip::{message::Message, sdp::Session},
    truth::TruthEvent,
};

/// What a script waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Waiting {
    /// Nothing or a timer.
    Time,
    /// The ACK of the answer.
    Ack,
    /// The response to our own re-INVITE.
    Response,
    /// The PRACK of a reliable provisional response.
    Prack,
}

/// One branch of a call: a dialog of its own.
pub(super) struct Fork {
    pub(super) tag: String,
    pub(super) answer: Option<Answer>,
    pub(super) released: bool,
}

/// A 2xx of ours that is repeated until its ACK.
pub(super) struct Answer {
    pub(super) bytes: Arc<[u8]>,
    pub(super) cseq: u32,
    pub(super) acked: bool,
    pub(super) interval: u64,
    pub(super) since: u64,
}

/// A reliable provisional response (RFC 3262) without PRACK.
pub(super) struct Reliable {
    pub(super) rseq: u32,
    pub(super) bytes: Arc<[u8]>,
    pub(super) interval: u64,
    pub(super) since: u64,
}

/// Session timer (RFC 4028).
pub(super) struct SessionClock {
    pub(super) interval_ms: u64,
    pub(super) ours: bool,
    pub(super) stamp: u64,
}

/// A call.
pub(super) struct Call {
    pub(super) id: u64,
    pub(super) callee: String,
    pub(super) plan: Resolved,
    pub(super) key: Arc<str>,
    pub(super) branch: String,
    pub(super) cseq: u32,
    pub(super) invite: Arc<Message>,
    pub(super) flow: Flow,
    pub(super) remote_target: String,
    pub(super) route_set: Vec<String>,
    pub(super) forks: Vec<Fork>,
    pub(super) steps: VecDeque<Step>,
    pub(super) step_stamp: u64,
    pub(super) waiting: Waiting,
    pub(super) alert_id: Option<u64>,
    pub(super) answered_at: Option<u64>,
    pub(super) cancelled: bool,
    pub(super) ending: bool,
    pub(super) offer: Option<Session>,
    pub(super) payload: u8,
    pub(super) rtp_socket: usize,
    pub(super) media_open: bool,
    pub(super) sdp_version: u32,
    pub(super) responses: u32,
    pub(super) reliable: Option<Reliable>,
    pub(super) rseq: u32,
    pub(super) local_cseq: u32,
    pub(super) deaf_until: u64,
    pub(super) session: Option<SessionClock>,
    pub(super) reinvite_pending: bool,
    pub(super) glared: bool,
}

impl Call {
    /// An event about this call.
    pub(super) fn event(&self, now: u64, event: &str) -> TruthEvent {
        TruthEvent {
            at_ms: now,
            event: event.to_owned(),
            callee: Some(self.callee.clone()),
            call_id: Some(self.invite.call_id().to_owned()),
            from_tag: self.invite.caller_tag(),
            branch: Some(self.branch.clone()),
            cseq: Some(self.cseq),
            transport: Some(self.flow.transport.name().to_owned()),
            ..TruthEvent::default()
        }
    }

    /// Index of the branch with this local tag.
    pub(super) fn fork_of(&self, tag: &str) -> Option<usize> {
        self.forks.iter().position(|f| f.tag == tag)
    }

    /// The branch that talks: the first answered one that lives, else the first.
    pub(super) fn main_fork(&self) -> usize {
        self.forks.iter().position(|f| f.answer.is_some() && !f.released).unwrap_or(0)
    }
}

impl Engine {
    /// The local tag of a branch, made when first needed.
    pub(super) fn fork_tag(&mut self, id: u64, fork: usize) -> String {
        while self.calls.get(&id).is_some_and(|c| c.forks.len() <= fork) {
            let tag = self.token();
            if let Some(call) = self.calls.get_mut(&id) {
                call.forks.push(Fork { tag: tag.clone(), answer: None, released: false });
                let call_id = call.invite.call_id().to_owned();
                self.dialogs.insert((call_id, tag), id);
            }
        }
        self.calls.get(&id).map(|c| c.forks[fork].tag.clone()).unwrap_or_default()
    }

    /// The phone of a person begins to ring: once a call.
    pub(super) fn alert(&mut self, now: u64, id: u64) {
        let alert_id = self.next_alert;
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.alert_id.is_some() {
            return;
        }
        call.alert_id = Some(alert_id);
        let mut event = call.event(now, "alerted");
        event.alert_id = Some(alert_id);
        event.behaviour = Some(call.plan.behaviour.name());
        self.next_alert += 1;
        self.truth(event);
    }

    /// Answers the INVITE with a 2xx on a branch and repeats it until its ACK.
    pub(super) fn answer(&mut self, now: u64, id: u64, fork: usize) {
        let tag = self.fork_tag(id, fork);
        self.alert(now, id);
        let Some(call) = self.calls.get_mut(&id) else { return };
        let first = call.answered_at.is_none();
        call.answered_at.get_or_insert(now);
        if call.plan.behaviour == Behaviour::NoAckSeen {
            call.deaf_until = now + call.plan.late_ms;
        }
        let (key, cseq) = (call.key.clone(), call.cseq);
        let wrong = call.plan.behaviour == Behaviour::WrongSdp;
        let mut event = call.event(now, if first { "answered" } else { "fork_answered" });
        event.alert_id = call.alert_id;
        event.fault = wrong.then(|| "wrong_sdp".to_owned());
        let body = if wrong { self.wrong_sdp(id) } else { self.local_sdp(id, None) };
        let mut reply =
            Reply::new(200).tag(tag).with("Allow", super::request::ALLOW).with("Supported", "timer");
        reply.body = body;
        for (name, value) in self.start_session(now, id) {
            reply = reply.with(&name, value);
        }
        self.truth(event);
        // RFC 3261: the transaction is gone with the 2xx, so its flow has to be the call's from here on.
        let Some(bytes) = self.respond(now, &key, reply) else { return };
        if let Some(call) = self.calls.get_mut(&id) {
            call.forks[fork].answer = Some(Answer { bytes, cseq, acked: false, interval: T1, since: now });
        }
        self.timer(now + T1, Timer::AnswerResend { call: id, fork, cseq });
        if first {
            self.open_media(now, id, false);
            if let Some(max) = self.calls.get(&id).map(|c| c.plan.max_talk_ms) {
                self.timer(now + max, Timer::MaxTalk { call: id });
            }
        } else {
            self.timer(now + 3_000, Timer::ForkCheck { call: id });
        }
    }

    /// A 2xx is repeated (RFC 3261 13.3.1.4); without ACK for 64*T1 the call is ended.
    pub(super) fn answer_resend(&mut self, now: u64, id: u64, fork: usize, cseq: u32) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let flow = call.flow;
        let Some(answer) = call.forks.get_mut(fork).and_then(|f| f.answer.as_mut()) else { return };
        if answer.acked || answer.cseq != cseq {
            return;
        }
        if now >= answer.since + T1X64 {
            self.hang_up(now, id, "no_ack");
            return;
        }
        answer.interval = (answer.interval * 2).min(T2);
        let (bytes, next) = (answer.bytes.clone(), now + answer.interval);
        self.transmit(now, Some(id), flow, bytes, 200);
        self.timer(next, Timer::AnswerResend { call: id, fork, cseq });
    }

    /// An ACK inside a dialog.
    pub(super) fn dialog_ack(&mut self, now: u64, id: u64, ack: &Message) {
        let Some(tag) = ack.to_tag() else { return };
        let Some(call) = self.calls.get_mut(&id) else { return };
        if now < call.deaf_until {
            return;
        }
        let Some(fork) = call.fork_of(&tag) else { return };
        let cseq = ack.cseq().map_or(0, |c| c.0);
        let Some(answer) = call.forks[fork].answer.as_mut().filter(|a| a.cseq == cseq && !a.acked) else {
            return;
        };
        answer.acked = true;
        let mut event = call.event(now, "acked");
        event.status = Some(200);
        event.cseq = Some(cseq);
        let go_on = call.waiting == Waiting::Ack;
        if go_on {
            call.waiting = Waiting::Time;
        }
        self.truth(event);
        if let Some(session) = Session::of(ack) {
            self.far_session(now, id, session);
        }
        if go_on {
            self.run(now, id);
        }
    }

    /// Ends an answered call with a BYE of the callee, a call being set up with a refusal.
    pub(super) fn hang_up(&mut self, now: u64, id: u64, why: &str) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if call.ending {
            return;
        }
        if call.answered_at.is_none() {
            let key = call.key.clone();
            let tag = self.fork_tag(id, 0);
            self.respond(now, &key, Reply::new(480).tag(tag));
            self.end(now, id, "carrier", why);
            return;
        }
        call.ending = true;
        let mut event = call.event(now, "bye");
        event.by = Some("callee".to_owned());
        event.reason = Some(why.to_owned());
        let forks: Vec<usize> = (0..call.forks.len())
            .filter(|f| call.forks[*f].answer.is_some() && !call.forks[*f].released)
            .collect();
        self.truth(event);
        for fork in forks {
            self.send_bye(now, id, fork);
        }
        self.finish(now, id, "callee", why);
    }

    /// Ends a call: truth, media, dialogs.
    pub(super) fn end(&mut self, now: u64, id: u64, by: &str, why: &str) {
        self.finish(now, id, by, why);
        self.remove(id);
    }

    /// Writes the end once and stops the media; the dialogs stay until [`Self::remove`].
    fn finish(&mut self, now: u64, id: u64, by: &str, why: &str) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut event = call.event(now, "ended");
        event.by = Some(by.to_owned());
        event.reason = Some(why.to_owned());
        event.talk_ms = call.answered_at.map(|a| now.saturating_sub(a));
        call.steps.clear();
        call.step_stamp = 0;
        let media = std::mem::take(&mut call.media_open);
        self.truth(event);
        if media {
            self.media(MediaCommand::Close { call: id });
        }
    }

    /// Forgets a call and its dialogs.
    pub(super) fn remove(&mut self, id: u64) {
        let Some(call) = self.calls.remove(&id) else { return };
        let call_id = call.invite.call_id().to_owned();
        for fork in call.forks {
            self.dialogs.remove(&(call_id.clone(), fork.tag));
        }
        let id = (call_id, call.invite.caller_tag().unwrap_or_default(), call.cseq);
        if self.known.get(&id).is_some_and(|k| k.call == Some(call.id))
            && !self.server.contains_key(&call.key)
        {
            self.known.remove(&id);
        }
    }

    /// True where this profile refuses what it does not know.
    pub(super) fn obeys_require(&self) -> bool {
        self.profile != Profile::NoRequire
    }

    /// Truth about a second answered branch that the caller left alive.
    pub(super) fn fork_check(&mut self, now: u64, id: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let open = call.forks.iter().filter(|f| f.answer.is_some() && !f.released).count();
        if open > 1 {
            let event = call.event(now, "fork_left");
            self.truth(event);
        }
    }
}
