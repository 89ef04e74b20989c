//! Answered calls: session descriptions, media, changes of the session in both directions, session timers.

use std::{net::SocketAddr, sync::Arc};

use super::{
    Engine, T1,
    call::{Answer, SessionClock},
    server::Reply,
    timer::Timer,
};
use crate::{
    config::{Behaviour, Hear},
    media::{MediaCommand, Open, Voice},
    rng,
    sip::{
        message::{self, Message},
        sdp::{self, Session},
    },
};

impl Engine {
    /// Our session for a call: the answer to its offer, or an offer where there is none. `direction` overrides.
    pub(super) fn local_sdp(&mut self, id: u64, direction: Option<&str>) -> String {
        let rtp = self.addresses.rtp.clone();
        let Some(call) = self.calls.get_mut(&id) else { return String::new() };
        let at = rtp.get(call.rtp_socket).copied().unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 9)));
        let version = call.sdp_version;
        match &call.offer {
            Some(offer) => {
                let direction = direction.unwrap_or_else(|| sdp::answer_direction(&offer.direction));
                sdp::write(at, id, version, &[call.payload], offer.events, direction)
            }
            None => sdp::write(at, id, version, &[8, 0], Some(101), direction.unwrap_or("sendrecv")),
        }
    }

    /// A session that is wrong on purpose.
    pub(super) fn wrong_sdp(&mut self, id: u64) -> String {
        let good = self.local_sdp(id, None);
        let fault = self.calls.get(&id).map(|c| c.plan.sdp_fault.clone()).unwrap_or_default();
        match fault.as_str() {
            "codec" => good
                .lines()
                .filter(|l| !l.starts_with("a=rtpmap") && !l.starts_with("a=fmtp"))
                .map(|l| {
                    let port = l.split_whitespace().nth(1).unwrap_or("9");
                    if l.starts_with("m=") {
                        format!("m=audio {port} RTP/AVP 97\r\na=rtpmap:97 EVS/16000\r\n")
                    } else {
                        format!("{l}\r\n")
                    }
                })
                .collect(),
            "no_media" => {
                good.lines().take_while(|l| !l.starts_with("m=")).map(|l| format!("{l}\r\n")).collect()
            }
            "port_zero" => good
                .lines()
                .map(|l| match l.strip_prefix("m=audio ").and_then(|r| r.split_once(' ')) {
                    Some((_, rest)) => format!("m=audio 0 {rest}\r\n"),
                    None => format!("{l}\r\n"),
                })
                .collect(),
            _ => "v=0\r\no=\r\nc=IN IP4 999.1.2.x\r\nm=audio many RTP/AVP\r\n\x01".to_owned(),
        }
    }

    /// Opens the media of a call, or turns early media into the talk.
    pub(super) fn open_media(&mut self, now: u64, id: u64, early: bool) {
        let hear = self.hear;
        let seed = self.seed;
        let Some(call) = self.calls.get_mut(&id) else { return };
        let voice = match call.plan.behaviour {
            _ if early => Voice::Ringback,
            Behaviour::LateMedia => Voice::After(call.plan.late_ms, call.plan.audio.clone()),
            _ => Voice::Phone(call.plan.audio.clone()),
        };
        let silence = (!early).then_some(call.plan.silence_hangup_ms).filter(|ms| *ms > 0);
        if call.media_open {
            self.media(MediaCommand::Voice { call: id, voice });
            self.media(MediaCommand::Patience { call: id, ms: silence });
            return;
        }
        call.media_open = true;
        let heard = match hear {
            Hear::None => false,
            Hear::All => true,
            Hear::Sample(n) => rng::hash(seed, call.invite.call_id()).is_multiple_of(n),
        };
        let open = Open {
            call: id,
            base: call.event(now, "heard"),
            socket: call.rtp_socket,
            remote: call.offer.as_ref().and_then(|o| o.rtp),
            payload: call.payload,
            events: call.offer.as_ref().map_or(Some(101), |o| o.events),
            sending: call
                .offer
                .as_ref()
                .is_none_or(|o| matches!(o.direction.as_str(), "sendrecv" | "recvonly")),
            voice,
            keep: heard,
            silence_ms: silence,
            loss: if call.plan.behaviour == Behaviour::RtpLoss { call.plan.rtp_loss } else { 0.0 },
            other_source: call.plan.behaviour == Behaviour::OtherRtpSource,
            inject: call.plan.behaviour == Behaviour::RtpInject,
            seed: seed ^ id,
        };
        self.media(MediaCommand::Open(Box::new(open)));
    }

    /// The far side gave a new session: in a re-INVITE, an UPDATE, an ACK or a PRACK.
    pub(super) fn far_session(&mut self, now: u64, id: u64, session: Session) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        if let Some(payload) = session.codec(call.plan.codec.or(Some(call.payload))) {
            call.payload = payload;
        }
        let command = MediaCommand::Change {
            call: id,
            remote: session.rtp,
            payload: call.payload,
            events: session.events,
            sending: matches!(session.direction.as_str(), "sendrecv" | "recvonly"),
        };
        let direction = session.direction.clone();
        let changed = call.offer.as_ref().is_none_or(|o| o.direction != direction || o.rtp != session.rtp);
        call.offer = Some(session);
        if changed {
            let mut event = call.event(now, "session_changed");
            event.reason = Some(direction);
            self.truth(event);
        }
        self.media(command);
    }

    pub(super) fn on_reinvite(&mut self, now: u64, key: &Arc<str>, id: u64, request: &Message) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut event = call.event(now, "reinvite");
        event.by = Some("caller".to_owned());
        let (ending, pending) = (call.ending, call.reinvite_pending);
        let glare = call.plan.behaviour == Behaviour::ReinviteGlare && !call.glared && !ending;
        let tag = request.to_tag().unwrap_or_default();
        let fork = call.fork_of(&tag).unwrap_or(0);
        if glare {
            call.glared = true;
        }
        self.truth(event);
        if ending {
            self.respond(now, key, Reply::new(481));
            return;
        }
        if glare && !pending {
            self.send_reinvite(now, id, Some("sendrecv"), false);
        }
        if glare || pending {
            self.respond(now, key, Reply::new(491));
            return;
        }
        let offer = Session::of(request);
        if let Some(offer) = &offer
            && offer.codec(None).is_none()
        {
            self.respond(now, key, Reply::new(488));
            return;
        }
        let offered = offer.is_some();
        if let Some(offer) = offer {
            self.far_session(now, id, offer);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.sdp_version += 1;
        }
        let mut reply = Reply::new(200).with("Supported", "timer");
        reply.body = self.local_sdp(id, (!offered).then_some("sendrecv"));
        for (name, value) in self.refreshed(now, id, request) {
            reply = reply.with(&name, value);
        }
        let Some(bytes) = self.respond(now, key, reply) else { return };
        let cseq = request.cseq().map_or(0, |c| c.0);
        if let Some(slot) = self.calls.get_mut(&id).and_then(|c| c.forks.get_mut(fork)) {
            slot.answer = Some(Answer { bytes, cseq, acked: false, interval: T1, since: now });
        }
        self.timer(now + T1, Timer::AnswerResend { call: id, fork, cseq });
    }

    pub(super) fn on_update(&mut self, now: u64, key: &Arc<str>, id: u64, request: &Message) {
        let Some(call) = self.calls.get_mut(&id) else { return };
        let mut event = call.event(now, "update");
        event.by = Some("caller".to_owned());
        let pending = call.reinvite_pending;
        self.truth(event);
        let offer = Session::of(request);
        if offer.is_some() && pending {
            self.respond(now, key, Reply::new(491));
            return;
        }
        let mut reply = Reply::new(200).with("Supported", "timer");
        if let Some(offer) = offer {
            self.far_session(now, id, offer);
            if let Some(call) = self.calls.get_mut(&id) {
                call.sdp_version += 1;
            }
            reply.body = self.local_sdp(id, None);
        }
        for (name, value) in self.refreshed(now, id, request) {
            reply = reply.with(&name, value);
        }
        self.respond(now, key, reply);
    }

    /// Session timer headers of the first answer.
    pub(super) fn start_session(&mut self, now: u64, id: u64) -> Vec<(String, String)> {
        let Some(call) = self.calls.get(&id) else { return Vec::new() };
        let invite = call.invite.clone();
        let supports = invite.list("Supported").iter().any(|o| o.eq_ignore_ascii_case("timer"));
        let asked = expires(&invite);
        let short = call.plan.behaviour == Behaviour::SessionTimer;
        let (seconds, refresher) = match (asked, short) {
            (Some((s, who)), false) => (s, who.unwrap_or_else(|| "uac".to_owned())),
            (_, true) => {
                let who = if supports { call.plan.refresher.clone() } else { "uas".to_owned() };
                (call.plan.session_expires_s, who)
            }
            (None, false) => return Vec::new(),
        };
        self.session_headers(now, id, seconds, &refresher, supports)
    }

    /// A refresh came: the clock starts anew.
    fn refreshed(&mut self, now: u64, id: u64, request: &Message) -> Vec<(String, String)> {
        let running =
            self.calls.get(&id).and_then(|c| c.session.as_ref()).map(|s| (s.interval_ms / 1_000, s.ours));
        let supports = request.list("Supported").iter().any(|o| o.eq_ignore_ascii_case("timer"));
        let (seconds, who) = match (expires(request), running) {
            (Some((s, who)), _) => (u64::from(s), who.unwrap_or_else(|| "uac".to_owned())),
            // We stay the refresher: in the far side's request we are the server.
            (None, Some((s, true))) => (s, "uas".to_owned()),
            (None, Some((s, false))) => (s, "uac".to_owned()),
            (None, None) => return Vec::new(),
        };
        if let Some(call) = self.calls.get(&id) {
            let mut event = call.event(now, "session_refreshed");
            event.by = Some("caller".to_owned());
            self.truth(event);
        }
        self.session_headers(now, id, u32::try_from(seconds).unwrap_or(90), &who, supports)
    }

    fn session_headers(
        &mut self,
        now: u64,
        id: u64,
        seconds: u32,
        refresher: &str,
        supports: bool,
    ) -> Vec<(String, String)> {
        self.arm_session(now, id, u64::from(seconds) * 1_000, refresher == "uas");
        let mut headers = vec![("Session-Expires".to_owned(), format!("{seconds};refresher={refresher}"))];
        if supports {
            headers.push(("Require".to_owned(), "timer".to_owned()));
        }
        headers
    }

    pub(super) fn arm_session(&mut self, now: u64, id: u64, interval_ms: u64, ours: bool) {
        let stamp = self.fresh();
        let Some(call) = self.calls.get_mut(&id) else { return };
        call.session = Some(SessionClock { interval_ms, ours, stamp });
        let after = if ours { interval_ms / 2 } else { interval_ms };
        self.timer(now + after.max(1), Timer::Session { call: id, stamp });
    }

    /// Half of the interval passed (we refresh), or all of it (they did not).
    pub(super) fn session_due(&mut self, now: u64, id: u64, stamp: u64) {
        let Some(call) = self.calls.get(&id) else { return };
        let Some(clock) = call.session.as_ref().filter(|s| s.stamp == stamp) else { return };
        if call.ending {
            return;
        }
        if clock.ours {
            self.send_refresh(now, id);
        } else {
            let event = call.event(now, "session_expired");
            self.truth(event);
            self.hang_up(now, id, "session_expired");
        }
    }
}

/// Session-Expires of a message: seconds and refresher.
pub(super) fn expires(message: &Message) -> Option<(u32, Option<String>)> {
    let value = message.get("Session-Expires")?;
    let seconds = value.split(';').next()?.trim().parse().ok()?;
    Some((seconds, message::param(value, "refresher")))
}
