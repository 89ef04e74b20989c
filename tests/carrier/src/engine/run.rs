//! Carrying out the steps of a script.

use super::{
    Engine, T1, T1X64,
    call::{Reliable, Waiting},
    script::Step,
    server::Reply,
    timer::Timer,
};
use crate::{
    config::{Behaviour, Prack},
    media::MediaCommand,
};

impl Engine {
    /// Goes on with a script until it has to wait.
    pub(super) fn run(&mut self, now: u64, id: u64) {
        loop {
            let stamp = self.fresh();
            let Some(call) = self.calls.get_mut(&id) else { return };
            if call.waiting != Waiting::Time || call.ending {
                return;
            }
            let Some(step) = call.steps.pop_front() else { return };
            match step {
                Step::Wait(0) => {}
                Step::Wait(ms) => {
                    call.step_stamp = stamp;
                    self.timer(now + ms, Timer::Step { call: id, stamp });
                    return;
                }
                Step::Provisional { .. } | Step::Answer(_) if call.reliable.is_some() => {
                    call.steps.push_front(step);
                    call.waiting = Waiting::Prack;
                    return;
                }
                Step::Provisional { status, fork, early } => self.provisional(now, id, status, fork, early),
                Step::Alert => self.alert(now, id),
                Step::Final(refusal) => {
                    let key = call.key.clone();
                    let tag = self.fork_tag(id, 0);
                    let reply = Reply {
                        status: refusal.status,
                        reason: refusal.reason,
                        to_tag: Some(tag),
                        headers: refusal.headers,
                        body: String::new(),
                        cause: refusal.cause,
                        text: refusal.text,
                    };
                    self.respond(now, &key, reply);
                    self.end(now, id, "callee", "refused");
                    return;
                }
                Step::Answer(fork) => self.answer(now, id, fork),
                Step::AwaitAck => {
                    if !call.forks.iter().any(|f| f.answer.as_ref().is_some_and(|a| a.acked)) {
                        call.waiting = Waiting::Ack;
                        return;
                    }
                }
                Step::Garbage => {
                    let flow = call.flow;
                    let bytes: &[u8] = b"SIP/2.0 2OO Okay\r\nVia\r\n:::\xff\xfe\r\n\r\n";
                    // A stream cannot be read on after garbage, so only datagrams get it.
                    if flow.transport.is_datagram() {
                        self.push_send(now, flow, bytes.into());
                    }
                }
                Step::Keys => {
                    let (digits, kind) = (call.plan.digits.clone(), call.plan.dtmf);
                    let mut event = call.event(now, "digits_sent");
                    event.digits = Some(digits.clone());
                    self.truth(event);
                    self.media(MediaCommand::Keys { call: id, digits, kind });
                }
                Step::Reinvite(direction) => {
                    call.waiting = Waiting::Response;
                    self.send_reinvite(now, id, direction, true);
                    return;
                }
                Step::Vanish => {
                    let key = call.key.clone();
                    self.end(now, id, "carrier", "silent");
                    self.forget(&key);
                    return;
                }
                Step::Bye => {
                    self.hang_up(now, id, "talked");
                    return;
                }
            }
        }
    }

    /// A wait is over.
    pub(super) fn step_due(&mut self, now: u64, id: u64, stamp: u64) {
        if self.calls.get(&id).is_some_and(|c| c.step_stamp == stamp) {
            self.run(now, id);
        }
    }

    /// A CANCEL came for a callee that picks up at that very moment.
    pub(super) fn finish_ringing(&mut self, now: u64, id: u64) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.steps.clear();
        call.step_stamp = 0;
        call.steps.push_back(Step::Answer(0));
        call.steps.push_back(Step::AwaitAck);
        if !call.plan.until_end {
            call.steps.push_back(Step::Wait(call.plan.talk_ms));
            call.steps.push_back(Step::Bye);
        }
        let event = call.event(now, "cancel_crossed");
        self.truth(event);
        self.run(now, id);
    }

    fn provisional(&mut self, now: u64, id: u64, status: u16, fork: usize, early: bool) {
        if status == 100 {
            let Some(key) = self.calls.get(&id).map(|c| c.key.clone()) else { return };
            self.respond(now, &key, Reply::new(100));
            return;
        }
        let tag = self.fork_tag(id, fork);
        let body = if early { self.local_sdp(id, None) } else { String::new() };
        let Some(call) = self.calls.get_mut(&id) else { return };
        let key = call.key.clone();
        let mut reply = Reply::new(status).tag(tag);
        reply.body = body;
        let wants = |name: &str| call.invite.list(name).iter().any(|o| o.eq_ignore_ascii_case("100rel"));
        let reliable = match self.settings.prack {
            Prack::Never => false,
            Prack::WhenRequired => wants("Require"),
            Prack::Always => wants("Require") || wants("Supported"),
        };
        if reliable {
            call.rseq += 1;
            reply = reply.with("Require", "100rel").with("RSeq", call.rseq.to_string());
        }
        let rseq = call.rseq;
        let Some(bytes) = self.respond(now, &key, reply) else { return };
        if reliable {
            if let Some(call) = self.calls.get_mut(&id) {
                call.reliable = Some(Reliable { rseq, bytes, interval: T1, since: now });
            }
            self.timer(now + T1, Timer::Reliable { call: id, rseq });
        }
        if early {
            let announcement = self.calls.get(&id).is_some_and(|c| {
                matches!(
                    c.plan.behaviour,
                    Behaviour::PoweredOff | Behaviour::OutOfCoverage | Behaviour::Suspended
                )
            });
            self.open_media(now, id, true);
            let plan =
                if announcement { crate::media::Voice::Announcement } else { crate::media::Voice::Ringback };
            self.media(MediaCommand::Voice { call: id, voice: plan });
        }
    }

    /// Repeats a reliable provisional response (RFC 3262 3), or gives up after 64*T1.
    pub(super) fn reliable_resend(&mut self, now: u64, id: u64, rseq: u32) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let flow = call.flow;
        let Some(reliable) = call.reliable.as_mut().filter(|r| r.rseq == rseq) else { return };
        if now >= reliable.since + T1X64 {
            let key = call.key.clone();
            self.respond(now, &key, Reply::new(504));
            self.end(now, id, "carrier", "no_prack");
            return;
        }
        reliable.interval *= 2;
        let (bytes, next) = (reliable.bytes.clone(), now + reliable.interval);
        self.transmit(now, Some(id), flow, bytes, 183);
        self.timer(next, Timer::Reliable { call: id, rseq });
    }

    /// The PRACK came: the script goes on where it waited for it.
    pub(super) fn pracked(&mut self, now: u64, id: u64) {
        if let Some(call) = self.calls.get_mut(&id)
            && call.waiting == Waiting::Prack
        {
            call.waiting = Waiting::Time;
            self.run(now, id);
        }
    }
}
