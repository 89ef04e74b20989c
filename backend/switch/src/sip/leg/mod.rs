//! Legs: one call between the switch and a far side, from the first request to the one `Ended`.
//!
//! ```text
//!  out:  Calling ──2xx──▶ Unconfirmed ──confirm──▶ Confirmed ──BYE──▶ Ending ──answer──▶ over
//!           │ └─CANCEL, 3xx-6xx, silence──▶ over        └──their BYE──▶ over
//!           └─420 to a probe──▶ ProbeListen ──4 s──▶ over   (a 2xx that is being repeated: Unconfirmed)
//!  in:   Incoming ──answer──▶ Answering ──ACK──▶ Confirmed …      └─CANCEL, reject──▶ over
//! ```
//!
//! `over` is `how` being set and `done` true; the agent then closes the leg. The rooms: [`uac`] calls of ours and
//! their probes, [`uas`] calls that come in, [`inside`] requests of theirs inside a call, [`session`] offers, answers,
//! session timers and requests of ours inside a call.

mod inside;
mod session;
mod uac;
mod uas;

pub(crate) use inside::{too_short, unsupported};

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::agent::{Core, Ghost, Io, Owner, Purpose, Silence};
use super::dialog::Dialog;
use super::invite::Text;
use super::message::{Message, Method};
use super::record::InviteRecord;
use super::sdp::Remote;
use super::trunk::{Permit, Trunk};
use super::wire::Target;
use crate::event::{EndHow, EventKind, LegEnd, LegId};
use crate::media::Codec;
use crate::rtp;

/// See the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Calling,
    ProbeListen,
    Unconfirmed,
    Incoming,
    Answering,
    Confirmed,
    /// Our BYE (or the CANCEL of a stored INVITE) waits for its answer.
    Ending,
}

/// What a leg of ours was started for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Normal,
    Probe,
    CancelStored,
    EndStored,
}

/// What a leg waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wait {
    /// The ring limit.
    Ring,
    /// The final answer after a CANCEL.
    CancelAnswer,
    /// A repeated 2xx after a probe's 420.
    ProbeListen,
    /// `confirm` of an answer.
    Confirm,
    /// Time to refresh the session.
    Refresh,
    /// The session's end, where nobody refreshes it.
    Expiry,
    /// A reliable provisional answer of ours is sent again.
    Reliable,
}

/// Everything of one leg.
pub(crate) struct Leg {
    pub(crate) key: u64,
    pub(crate) id: LegId,
    pub(crate) dialog_key: (String, String),
    pub(crate) trunk: Option<Arc<Trunk>>,
    pub(crate) permit: Option<Permit>,
    pub(crate) phase: Phase,
    pub(crate) mode: Mode,
    pub(crate) alarm: Option<(Instant, u64)>,
    waits: Vec<(Instant, Wait)>,

    // calls of ours
    record: Option<Box<InviteRecord>>,
    /// The INVITE as it was last sent, with its branch and target.
    invite: Option<Text>,
    branch: String,
    cseq: u32,
    cancel: Option<Option<u8>>,
    cancel_sent: bool,
    /// Somebody else has taken the call.
    elsewhere: bool,
    /// The INVITE with credentials is made and waits for `resubmit`.
    held: bool,
    auth_tries: u8,
    interval_raised: bool,
    last_progress: (u16, bool),
    /// Last RSeq of each early dialog.
    reliable_seen: HashMap<String, u32>,
    /// ACKs of 2xx by the far side's tag: ours once confirmed, and those of other forks.
    acks: HashMap<String, (Target, Vec<u8>)>,

    // calls of theirs
    incoming: Option<uas::IncomingCall>,

    // both
    dialog: Option<Dialog>,
    session: session::Session,
    media: Option<Arc<rtp::LegCounters>>,
    /// Tokens of plays that have not ended.
    playing: Vec<u64>,
    rtp_port: Option<u16>,
    confirmed_at: Option<Instant>,
    refused_cause: Option<u8>,
    end: LegEnd,
    how: Option<EndHow>,
    done: bool,
}

impl Leg {
    fn new(key: u64, id: LegId, dialog_key: (String, String), phase: Phase, mode: Mode) -> Self {
        Self {
            key,
            id,
            dialog_key,
            trunk: None,
            permit: None,
            phase,
            mode,
            alarm: None,
            waits: Vec::new(),
            record: None,
            invite: None,
            branch: String::new(),
            cseq: 0,
            cancel: None,
            cancel_sent: false,
            elsewhere: false,
            held: false,
            auth_tries: 0,
            interval_raised: false,
            last_progress: (0, false),
            reliable_seen: HashMap::new(),
            acks: HashMap::new(),
            incoming: None,
            dialog: None,
            session: session::Session::default(),
            media: None,
            playing: Vec::new(),
            rtp_port: None,
            confirmed_at: None,
            refused_cause: None,
            end: LegEnd {
                how: EndHow::TimedOut,
                status: None,
                phrase: None,
                q850: None,
                reason_text: None,
                retry_after: None,
                sent: false,
                rang: false,
                answered: false,
                talk_ms: 0,
                bye: None,
                rtp: crate::event::RtpStats::default(),
            },
            how: None,
            done: false,
        }
    }

    /// Whether nothing is left to do.
    pub(crate) fn is_over(&self) -> bool {
        self.done
    }

    /// Whether sound flows, or may.
    pub(crate) fn has_media(&self) -> bool {
        self.phase == Phase::Confirmed && self.media.is_some()
    }

    // ---- waiting

    /// When [`Leg::on_time`] wants to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.waits.iter().map(|w| w.0).min()
    }

    fn wait(&mut self, at: Instant, what: Wait) {
        self.forget(what);
        self.waits.push((at, what));
    }

    fn forget(&mut self, what: Wait) {
        self.waits.retain(|w| w.1 != what);
    }

    pub(crate) fn on_time(&mut self, core: &mut Core, io: &mut dyn Io) {
        let now = core.now;
        let due: Vec<Wait> = self.waits.iter().filter(|w| w.0 <= now).map(|w| w.1).collect();
        self.waits.retain(|w| w.0 > now);
        for wait in due {
            if self.done {
                return;
            }
            match wait {
                Wait::Ring => self.cancel(core, io, None),
                Wait::CancelAnswer => self.finish(EndHow::TimedOut),
                Wait::ProbeListen => self.finish(EndHow::ProbeGone),
                Wait::Confirm => {
                    self.ack_answer(core, io);
                    self.bye(core, io, EndHow::NoAck, None);
                }
                Wait::Refresh => self.refresh(core, io),
                Wait::Expiry => self.bye(core, io, EndHow::SessionExpired, None),
                Wait::Reliable => self.repeat_reliable(core, io),
            }
        }
    }

    // ---- ending

    /// Decides how the leg ended (the first decision stands) and that it is over.
    fn finish(&mut self, how: EndHow) {
        self.how.get_or_insert(how);
        self.done = true;
    }

    /// Decides how the leg will have ended, before it ends.
    pub(crate) fn decide(&mut self, how: EndHow) {
        self.how.get_or_insert(how);
    }

    /// Ends the leg without another message.
    pub(crate) fn give_up(&mut self, how: EndHow) {
        self.finish(how);
    }

    /// Plays to the leg, or tells at once that it cannot.
    pub(crate) fn play(&mut self, core: &mut Core, io: &mut dyn Io, play: crate::call::Play) {
        if self.has_media() {
            self.playing.push(play.token);
            io.media(rtp::Command::Play { leg: self.key, play });
        } else {
            self.emit(core, io, EventKind::PlayEnded { token: play.token, completed: false, played_ms: 0 });
        }
    }

    /// Sends BYE; the leg is over when it is answered or given up.
    fn bye(&mut self, core: &mut Core, io: &mut dyn Io, how: EndHow, cause: Option<u8>) {
        self.how.get_or_insert(how);
        if self.phase == Phase::Ending {
            return;
        }
        self.phase = Phase::Ending;
        self.waits.clear();
        self.close_media(io);
        self.end.q850 = self.end.q850.or(cause);
        let headers = cause.map(|c| format!("Reason: Q.850;cause={c}\r\n")).unwrap_or_default();
        let Some(dialog) = self.dialog.as_mut() else {
            self.done = true;
            return;
        };
        let made = dialog.request("BYE", &headers, None);
        let target = dialog.target;
        let owner = Owner::Leg(self.key, Purpose::Bye);
        if core.request(io, &made.branch, Method::Bye, made.bytes, target, owner) {
            self.end.sent = true;
        } else {
            self.done = true;
        }
    }

    fn close_media(&mut self, io: &mut dyn Io) {
        if self.media.is_some() && self.confirmed_at.is_some() {
            io.media(rtp::Command::Quiet { leg: self.key });
        }
    }

    /// What is told at the end. Gives the media back.
    pub(crate) fn close(&mut self, core: &mut Core, io: &mut dyn Io) -> LegEnd {
        if let Some(counters) = self.media.take() {
            io.media(rtp::Command::Close { leg: self.key });
            // Every play is told to have ended, and before the leg is.
            for token in std::mem::take(&mut self.playing) {
                let played_ms = counters.played_ms.load(std::sync::atomic::Ordering::Relaxed);
                self.emit(core, io, EventKind::PlayEnded { token, completed: false, played_ms });
            }
            self.end.rtp = counters.stats();
        } else if let Some(port) = self.rtp_port {
            core.shared.ports.release(port);
        }
        if let Some(at) = self.confirmed_at {
            let talk = core.now.saturating_duration_since(at).as_millis();
            self.end.talk_ms = u32::try_from(talk).unwrap_or(u32::MAX);
        }
        let mut end = self.end.clone();
        end.how = self.how.unwrap_or(EndHow::TimedOut);
        end
    }

    /// Branch of our INVITE, where this is a call of ours.
    pub(crate) fn unanswered_invite(&self) -> Option<String> {
        self.record.as_ref().map(|_| self.branch.clone())
    }

    /// What is kept of a call of ours.
    pub(crate) fn take_ghost(&mut self) -> Option<Ghost> {
        if !self.end.sent || self.mode == Mode::EndStored {
            return None;
        }
        let record = self.record.take()?;
        Some(Ghost { record, cseq: self.cseq, acks: std::mem::take(&mut self.acks) })
    }

    /// Facts of a final answer.
    fn note_final(&mut self, message: &Message, status: u16, phrase: &str) {
        self.end.status = Some(status);
        self.end.phrase = Some(phrase.to_owned());
        let (cause, text) = message.reason();
        self.end.q850 = cause.or(self.end.q850);
        self.end.reason_text = text.or(self.end.reason_text.take());
        let after = message.header("Retry-After").and_then(|v| {
            let digits: String = v.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        });
        self.end.retry_after = after.map(Duration::from_secs);
    }

    fn emit(&self, core: &Core, io: &mut dyn Io, kind: EventKind) {
        core.emit(io, &self.id, kind);
    }

    /// Name of the trunk.
    fn trunk_name(&self) -> Option<&str> {
        self.trunk.as_ref().map(|t| t.config.name.as_str())
    }

    // ---- answers to requests of ours

    #[allow(clippy::too_many_arguments, reason = "one answer with all that belongs to it")]
    pub(crate) fn on_response(
        &mut self,
        core: &mut Core,
        io: &mut dyn Io,
        purpose: Purpose,
        message: &Message,
        source: Target,
        status: u16,
        request: &[u8],
        target: Target,
    ) {
        if self.done {
            return;
        }
        let challenged = matches!(status, 401 | 407);
        match purpose {
            Purpose::Invite => self.on_invite_response(core, io, message, source, status),
            _ if challenged && self.retry_inside(core, io, purpose, message, status, request, target) => {}
            Purpose::Cancel => self.on_cancel_response(status),
            Purpose::Bye if status >= 200 => {
                self.end.bye = Some(status);
                self.done = true;
            }
            Purpose::Refresh if status >= 200 => self.on_refresh_response(core, io, message, status),
            Purpose::Bye | Purpose::Prack | Purpose::Refresh => {}
        }
    }

    /// A request of ours was never answered, or its connection is gone.
    pub(crate) fn on_silence(&mut self, core: &mut Core, io: &mut dyn Io, purpose: Purpose, why: Silence) {
        if self.done {
            return;
        }
        match purpose {
            Purpose::Invite => {
                // After a challenge an INVITE of this call has left in any case.
                if why == Silence::NeverSent && self.auth_tries == 0 {
                    self.end.sent = false;
                }
                self.finish(match (self.mode, why) {
                    (Mode::Probe, _) => EndHow::ProbeSilent,
                    (_, Silence::TimedOut) => EndHow::TimedOut,
                    (_, Silence::Broken | Silence::NeverSent) => EndHow::TransportFailed,
                });
            }
            Purpose::Bye => self.done = true,
            Purpose::Cancel if self.mode == Mode::CancelStored => self.finish(EndHow::TimedOut),
            Purpose::Cancel | Purpose::Prack => {}
            // RFC 4028 10, RFC 3261 12.2.1.2: a refresh that is not answered ends the call.
            Purpose::Refresh => self.bye(core, io, EndHow::SessionExpired, None),
        }
    }

    // ---- media events

    pub(crate) fn on_media(&mut self, core: &mut Core, io: &mut dyn Io, heard: rtp::HeardKind) {
        if self.done {
            return;
        }
        match heard {
            rtp::HeardKind::Digit { digit, source } => {
                self.emit(core, io, EventKind::Digit { digit, source });
            }
            rtp::HeardKind::PlayEnded { token, completed, played_ms } => {
                if let Some(i) = self.playing.iter().position(|t| *t == token) {
                    self.playing.remove(i);
                }
                self.emit(core, io, EventKind::PlayEnded { token, completed, played_ms });
            }
            rtp::HeardKind::Silent if self.phase == Phase::Confirmed => {
                self.bye(core, io, EndHow::MediaTimeout, None);
            }
            rtp::HeardKind::Silent => {}
        }
    }

    /// The codecs of the trunk, ours to offer and accept.
    fn codecs(&self) -> Vec<Codec> {
        self.trunk.as_ref().map_or_else(|| vec![Codec::Pcma, Codec::Pcmu], |t| t.config.codecs.clone())
    }

    /// Negotiated description of the far side.
    fn remote(&self) -> Option<&Remote> {
        self.session.remote.as_ref()
    }
}

#[cfg(test)]
mod tests;
