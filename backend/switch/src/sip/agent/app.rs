//! Legs of apps: no SIP, so no transactions and no dialog; the rest is as for any other leg.
//!
//! The agent owns them as it owns the others: it opens the leg at its RTP thread with sockets of loopback, hands the app's
//! offer to the gateway, and tells `Connected` and, exactly once and last, `Ended`.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::{Core, Io, View};
use crate::call::Play;
use crate::error::SwitchError;
use crate::event::{EndHow, EventKind, LegEnd, LegId};
use crate::media::Codec;
use crate::rtp::{self, HeardKind, LegCounters, Stream, socket};
use crate::webrtc::{Answer, EVENT_PT, Order, Told, ToldKind};

/// One app's leg.
struct AppLeg {
    id: LegId,
    counters: Arc<LegCounters>,
    connected_at: Option<Instant>,
    /// Tokens of plays that have not ended.
    playing: Vec<u64>,
}

/// All of them.
#[derive(Default)]
pub(crate) struct Apps {
    legs: HashMap<u64, AppLeg>,
    by_id: HashMap<LegId, u64>,
}

impl Apps {
    pub(super) fn is_empty(&self) -> bool {
        self.legs.is_empty()
    }

    pub(super) fn has(&self, id: &LegId) -> bool {
        self.by_id.contains_key(id)
    }

    pub(super) fn key(&self, id: &LegId) -> Option<u64> {
        self.by_id.get(id).copied()
    }

    pub(super) fn id(&self, key: u64) -> Option<&LegId> {
        self.legs.get(&key).map(|l| &l.id)
    }

    /// The leg's key, where sound flows.
    pub(super) fn sounding(&self, id: &LegId) -> Option<u64> {
        self.key(id).filter(|k| self.legs.get(k).is_some_and(|l| l.connected_at.is_some()))
    }
}

impl Core {
    /// The first offer of a leg, or a later one. The answer goes to whoever asked.
    pub(super) fn app_offer(&mut self, io: &mut dyn Io, id: LegId, offer: String, answer: Answer) {
        let refuse = |answer: Answer, why| drop(answer.send(Err(why)));
        let Some((_, inside)) = self.shared.apps else { return refuse(answer, SwitchError::NoApps) };
        if let Some(leg) = self.apps.key(&id) {
            io.app(Order::Again { leg, offer, answer });
            return;
        }
        let full = self.shared.counters.legs.load(Ordering::Acquire) >= self.shared.config.max_legs;
        if full || self.parting || self.by_id.contains_key(&id) {
            return refuse(answer, SwitchError::NoLeg);
        }
        let key = self.new_key();
        let counters = Arc::new(LegCounters::default());
        let relay = match open(io, key, inside, &counters) {
            Ok(relay) => relay,
            Err(error) => return refuse(answer, SwitchError::Io(error.to_string())),
        };
        self.shared.view.lock().insert(id.clone(), View::default());
        self.shared.counters.legs.fetch_add(1, Ordering::AcqRel);
        self.apps.by_id.insert(id.clone(), key);
        let leg = AppLeg { id: id.clone(), counters, connected_at: None, playing: Vec::new() };
        self.apps.legs.insert(key, leg);
        if !io.app(Order::Open { leg: key, relay, offer, answer }) {
            self.end_app(io, &id, EndHow::BadMedia);
        }
    }

    pub(super) fn app_candidate(&self, io: &mut dyn Io, id: &LegId, candidate: String) {
        if let Some(leg) = self.apps.key(id) {
            io.app(Order::Candidate { leg, candidate });
        }
    }

    pub(super) fn app_hold(&self, io: &mut dyn Io, id: &LegId, held: bool) {
        if let Some(leg) = self.apps.key(id) {
            io.app(Order::Hold { leg, held });
            self.emit(io, id, EventKind::Held { held });
        }
    }

    /// Plays to the app, or tells at once that it cannot.
    pub(super) fn play_to_app(&mut self, io: &mut dyn Io, id: &LegId, play: Play) {
        match self.apps.sounding(id).and_then(|k| Some((k, self.apps.legs.get_mut(&k)?))) {
            Some((leg, app)) => {
                app.playing.push(play.token);
                io.media(rtp::Command::Play { leg, play });
            }
            None => {
                self.emit(io, id, EventKind::PlayEnded { token: play.token, completed: false, played_ms: 0 });
            }
        }
    }

    /// What the RTP threads tell of an app's leg; false where it is none.
    pub(super) fn app_heard(&mut self, io: &mut dyn Io, key: u64, heard: &HeardKind) -> bool {
        let Some(leg) = self.apps.legs.get_mut(&key) else { return false };
        let id = leg.id.clone();
        match *heard {
            HeardKind::Digit { digit, source } => self.emit(io, &id, EventKind::Digit { digit, source }),
            HeardKind::PlayEnded { token, completed, played_ms } => {
                leg.playing.retain(|t| *t != token);
                self.emit(io, &id, EventKind::PlayEnded { token, completed, played_ms });
            }
            // the gateway speaks for an app that says nothing, and knows when it has gone
            HeardKind::Silent => {}
        }
        true
    }

    /// The gateway tells something.
    pub(super) fn on_app(&mut self, io: &mut dyn Io, told: Told, now: Instant) {
        self.now = now;
        let Some(id) = self.apps.id(told.leg).cloned() else { return };
        let how = match told.kind {
            ToldKind::Connected => {
                if let Some(leg) = self.apps.legs.get_mut(&told.leg) {
                    leg.connected_at = Some(now);
                }
                if let Some(view) = self.shared.view.lock().get_mut(&id) {
                    view.media = true;
                }
                self.shared.counters.answered.fetch_add(1, Ordering::Relaxed);
                self.emit(io, &id, EventKind::Connected);
                return;
            }
            ToldKind::Refused => EndHow::BadMedia,
            ToldKind::NeverConnected => EndHow::TimedOut,
            ToldKind::Gone => EndHow::MediaTimeout,
            ToldKind::Closed => EndHow::RemoteBye,
        };
        self.end_app(io, &id, how);
    }

    /// Ends a leg and gives back all that it had.
    pub(super) fn end_app(&mut self, io: &mut dyn Io, id: &LegId, how: EndHow) {
        let Some(key) = self.apps.by_id.remove(id) else { return };
        self.part_pair(io, key);
        let Some(leg) = self.apps.legs.remove(&key) else { return };
        io.app(Order::Close { leg: key });
        io.media(rtp::Command::Close { leg: key });
        // Every play is told to have ended, and before the leg is.
        for token in leg.playing {
            let played_ms = leg.counters.played_ms.load(Ordering::Relaxed);
            self.emit(io, id, EventKind::PlayEnded { token, completed: false, played_ms });
        }
        let talked = leg.connected_at.map_or(0, |at| self.now.saturating_duration_since(at).as_millis());
        let end = LegEnd {
            how,
            status: None,
            phrase: None,
            q850: None,
            reason_text: None,
            retry_after: None,
            sent: true,
            rang: leg.connected_at.is_some(),
            answered: leg.connected_at.is_some(),
            talk_ms: u32::try_from(talked).unwrap_or(u32::MAX),
            bye: None,
            rtp: leg.counters.stats(),
        };
        self.shared.view.lock().remove(id);
        self.shared.counters.legs.fetch_sub(1, Ordering::AcqRel);
        self.emit(io, id, EventKind::Ended { end });
        self.shared.leg_ended.notify_waiters();
    }

    /// The switch is being shut down.
    pub(super) fn end_apps(&mut self, io: &mut dyn Io) {
        self.parting = true;
        self.end_all_apps(io, EndHow::ShutDown);
    }

    /// Nobody carries their sound any more.
    pub(super) fn lose_apps(&mut self, io: &mut dyn Io, now: Instant) {
        self.now = now;
        self.end_all_apps(io, EndHow::MediaTimeout);
    }

    fn end_all_apps(&mut self, io: &mut dyn Io, how: EndHow) {
        let ids: Vec<LegId> = self.apps.by_id.keys().cloned().collect();
        for id in ids {
            self.end_app(io, &id, how);
        }
    }
}

/// Opens the leg at its RTP thread, between two sockets of loopback. Where the gateway finds it.
fn open(
    io: &mut dyn Io,
    leg: u64,
    inside: SocketAddr,
    counters: &Arc<LegCounters>,
) -> std::io::Result<SocketAddr> {
    let pair = socket::bind_any(IpAddr::V4(Ipv4Addr::LOCALHOST))?;
    let (relay, rtcp) = (pair.rtp.local_addr()?, pair.rtcp.local_addr()?);
    // No port of the range for telephones is given back with port 0, and an app that says nothing is no fault.
    io.media(rtp::Command::Open { leg, port: 0, pair, counters: counters.clone(), timeout: None });
    let stream = Stream {
        remote: inside,
        // The leg's own: nobody reads reports between the two.
        rtcp,
        signalled: None,
        codec: Codec::Pcma,
        pt: Codec::Pcma.payload_type(),
        receive_types: vec![(Codec::Pcma.payload_type(), Codec::Pcma)],
        event_pt: Some(EVENT_PT),
        local_event_pt: Some(EVENT_PT),
        send: true,
        receive: true,
    };
    io.media(rtp::Command::Stream { leg, stream: Box::new(stream) });
    io.media(rtp::Command::Start { leg });
    Ok(relay)
}
