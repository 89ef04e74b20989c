//! Calls as the real server keeps them: revisions, marks, what somebody says of themselves, and sound by ranges.

use super::Seen;
use super::model::{Answer, Effect, Model, answer, refuse};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, HashMap, VecDeque};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, RecordingId};
use waybell_domain::wire::{
    AudioView, AvailabilitySaid, AvailabilityTold, CallDirection, CallPage, CallRequest, CallResult,
    CallStarted, CallView,
};

/// What is known of calls.
#[derive(Default)]
pub(crate) struct Calls {
    pub rows: BTreeMap<CallId, (CallView, i64)>,
    pub gone: Vec<(CallId, i64)>,
    pub said: AvailabilityTold,
    pub sound: HashMap<CallId, Vec<u8>>,
    /// The next transfers are cut off after so many bytes.
    pub cuts: VecDeque<usize>,
    /// Sound that was sent, bytes.
    pub sent: usize,
    /// Calls that were begun.
    pub rung: Vec<CallRequest>,
    /// There is no such route.
    pub unknown: bool,
    pub page: usize,
}

/// A call with this number of a caller that came in at this time.
pub(crate) fn incoming(n: u8, caller: &str, outcome: CallResult, at: UnixMs) -> CallView {
    CallView {
        id: CallId::at(at, [n; 10]),
        direction: CallDirection::Incoming,
        number: "+862131001234".into(),
        number_id: None,
        branch: None,
        area: None,
        courier: None,
        caller: caller.into(),
        waybills: Vec::new(),
        outcome: Some(outcome),
        started_at: at,
        bridged_at: None,
        ended_at: Some(UnixMs(at.0 + 20_000)),
        handled_at: None,
        handled_by: None,
        audio: None,
    }
}

impl Model {
    /// Puts or changes a call.
    pub(crate) fn put_call(&mut self, view: CallView) -> CallId {
        let (id, rev) = (view.id, self.next_rev());
        self.calls.rows.insert(id, (view, rev));
        id
    }

    /// Gives a call to somebody else.
    pub(crate) fn lose_call(&mut self, id: CallId) {
        let rev = self.next_rev();
        self.calls.rows.remove(&id);
        self.calls.gone.push((id, rev));
    }

    /// A voicemail of so many bytes for a call that is there.
    pub(crate) fn put_sound(&mut self, id: CallId, bytes: usize) -> Vec<u8> {
        let seed = id.to_string().bytes().map(usize::from).sum::<usize>();
        let sound: Vec<u8> = (0..bytes).map(|n| (n * 31 + n / 257 + seed) as u8).collect();
        let (mut view, _) = self.calls.rows.remove(&id).unwrap();
        view.audio = Some(AudioView {
            id: RecordingId::at(view.started_at, [view.id.to_string().as_bytes()[35]; 10]),
            kind: "voicemail".into(),
            state: "done".into(),
            ms: bytes as i64 / 8,
            lost: 0,
            sha256: Some(Sha256::digest(&sound).iter().map(|b| format!("{b:02x}")).collect()),
            problem: None,
            keep_until: UnixMs(i64::MAX),
            transcript: None,
        });
        self.put_call(view);
        self.calls.sound.insert(id, sound.clone());
        sound
    }

    pub(super) fn call_page(&self, since: i64) -> Answer {
        if self.calls.unknown {
            return refuse(404, "not_found");
        }
        let since = if since > self.rev { 0 } else { since };
        let mut changed: Vec<(i64, Option<CallView>, CallId)> =
            self.calls.rows.iter().map(|(id, (view, rev))| (*rev, Some(view.clone()), *id)).collect();
        changed.extend(self.calls.gone.iter().map(|(id, rev)| (*rev, None, *id)));
        changed.retain(|(rev, ..)| *rev > since);
        changed.sort_by_key(|(rev, ..)| *rev);
        let limit = if self.calls.page == 0 { 200 } else { self.calls.page };
        let more = changed.len() > limit;
        changed.truncate(limit);
        let cursor = changed.last().filter(|_| more).map_or(self.rev, |(rev, ..)| *rev);
        answer(CallPage {
            cursor,
            more,
            gone: changed.iter().filter(|(_, view, _)| view.is_none()).map(|(.., id)| *id).collect(),
            calls: changed.into_iter().filter_map(|(_, view, _)| view).collect(),
            availability: self.calls.said,
            generation: self.generation.clone(),
        })
    }

    pub(super) fn mark_call(&mut self, id: CallId, handled: bool) -> Answer {
        let (by, rev) = (self.user.id, self.rev + 1);
        let Some((view, known)) = self.calls.rows.get_mut(&id) else { return refuse(404, "not_found") };
        if view.outcome.is_none() {
            return refuse(409, "still_going_on");
        }
        if view.handled_at.is_some() != handled {
            view.handled_at = handled.then_some(UnixMs(77));
            view.handled_by = handled.then_some(by);
            *known = rev;
            self.rev = rev;
            self.effects.push(Effect::Marked(id, handled));
        }
        answer(&self.calls.rows[&id].0)
    }

    pub(super) fn say(&mut self, request: &Seen, now: UnixMs) -> Answer {
        let said: AvailabilitySaid = serde_json::from_slice(&request.body).unwrap();
        let age = request.header("x-waybell-age-ms").and_then(|a| a.parse::<i64>().ok());
        let at = age.map_or(said.acted_at.wall, |age| UnixMs(now.0 - age));
        if self.calls.said.since.is_none_or(|since| since <= at) {
            self.calls.said = AvailabilityTold { mode: said.mode, until: said.until, since: Some(at) };
        }
        answer(self.calls.said)
    }

    pub(super) fn ring(&mut self, request: &CallRequest) -> Answer {
        if self.calls.rung.iter().all(|r| r.id != request.id) {
            let mut view = incoming(0, "+86138****1234", CallResult::Answered, UnixMs(9));
            (view.id, view.direction, view.outcome) = (request.id, CallDirection::Outgoing, None);
            self.put_call(view);
            self.calls.rung.push(request.clone());
        }
        let call = self.calls.rows[&request.id].0.clone();
        answer(CallStarted { call, warnings: Vec::new(), ice_servers: Vec::new() })
    }

    /// Head and body of an answer with sound; `None` for any other request.
    pub(super) fn sound(&mut self, request: &Seen) -> Option<Vec<u8>> {
        let id = request.path().strip_prefix("/api/v1/calls/")?.strip_suffix("/audio")?;
        if self.signed_out {
            return None;
        }
        let sound = self.calls.sound.get(&CallId::parse(id).ok()?)?.clone();
        let from = request.header("range").and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-'));
        let from: usize = from.map_or(0, |from| from.parse().unwrap());
        if from > 0 && from >= sound.len() {
            let head = "HTTP/1.1 416 X\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            return Some(head.into());
        }
        let body = &sound[from..];
        let line = match request.header("range") {
            Some(_) => format!(
                "206 X\r\ncontent-range: bytes {from}-{}/{}",
                sound.len().saturating_sub(1),
                sound.len()
            ),
            None => "200 X".to_owned(),
        };
        let mut out =
            format!("HTTP/1.1 {line}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len())
                .into_bytes();
        let cut = self.calls.cuts.pop_front().unwrap_or(usize::MAX).min(body.len());
        self.calls.sent += cut;
        out.extend_from_slice(&body[..cut]);
        Some(out)
    }
}
