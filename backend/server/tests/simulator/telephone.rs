//! The commands of the dialler, as `waybell_switch::Switch` takes them; the process may die at each.

use super::carrier::{Message, Profile};
use super::line::{Mode, Phase, RING_LIMIT, Request, Timer};
use super::world::{Death, State, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use waybell_server::notify::telephone::{Permit, Telephone};
use waybell_switch::{
    DialogRecord, Draft, EndHow, EventKind, InviteRecord, LegId, Play, Q850, RECORD_VERSION, Stats,
    SwitchError, Transport,
};

struct Channel(Arc<AtomicUsize>);

impl Drop for Channel {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn trunk_number(name: &str) -> usize {
    name.trim_start_matches('t').parse().unwrap_or(0)
}

impl World {
    /// Carries a command out, unless the process dies before it.
    fn command(&self, text: impl FnOnce() -> String, run: impl FnOnce(&mut State)) {
        let mut s = self.state.lock();
        if s.dead || !s.alive {
            return;
        }
        s.commands += 1;
        let n = s.commands;
        if let Some(i) = s.deaths.iter().position(|d| *d == Death::Command { n, after: false }) {
            s.deaths.remove(i);
            return s.die("before a command");
        }
        s.note(text);
        run(&mut s);
        if let Some(i) = s.deaths.iter().position(|d| *d == Death::Command { n, after: true }) {
            s.deaths.remove(i);
            s.die("after a command");
        }
    }
}

impl Telephone for World {
    fn routes(&self, exclude: &[String]) -> Vec<String> {
        (0..self.in_use.len()).map(|n| format!("t{n}")).filter(|t| !exclude.contains(t)).collect()
    }

    fn try_permits(&self, trunk: &str, max: usize) -> Vec<Permit> {
        let number = trunk_number(trunk);
        let free = self.free(number).min(max);
        let make = |_| {
            self.in_use[number].fetch_add(1, Ordering::Relaxed);
            Permit::new(Channel(self.in_use[number].clone()))
        };
        (0..free).map(make).collect()
    }

    fn draft(&self, draft: Draft<'_>) -> Result<InviteRecord, SwitchError> {
        Ok(InviteRecord {
            version: RECORD_VERSION,
            trunk: draft.trunk.to_owned(),
            destination: ([127, 0, 0, 1], 5060).into(),
            transport: Transport::Udp,
            sent_by: "127.0.0.1:5060".into(),
            call_id: format!("{}+{}", draft.attempt, draft.route_no),
            from_tag: "f".into(),
            branch: "b".into(),
            cseq: 1,
            rtp_port: 20_000,
            caller: draft.caller.to_owned(),
            callee: draft.callee.to_owned(),
            request: String::new(),
        })
    }

    fn discard(&self, _: &InviteRecord) {}

    fn place(&self, record: InviteRecord, permit: Permit) {
        let id = record.call_id.clone();
        self.command(
            || format!("place {id}"),
            |s| {
                if s.open(&id, Mode::Normal, Some(permit)) {
                    s.emit(&id, EventKind::Sent);
                    s.ask(&id, Request::Invite, 0);
                    s.timer(RING_LIMIT, &id, Timer::RingLimit);
                }
            },
        );
    }

    fn probe(&self, record: InviteRecord) {
        let id = record.call_id.clone();
        self.command(
            || format!("probe {id}"),
            |s| {
                if !s.open(&id, Mode::Probe, None) {
                    return;
                }
                if s.nature.profile == Profile::IgnoresRequire {
                    if let Some(leg) = s.legs.get_mut(&id) {
                        leg.end.sent = false;
                    }
                    return s.over(&id, EndHow::ProbeOff);
                }
                s.emit(&id, EventKind::Sent);
                s.ask(&id, Request::Invite, 0);
                s.timer(RING_LIMIT, &id, Timer::RingLimit);
            },
        );
    }

    fn cancel_stored(&self, record: InviteRecord) {
        let id = record.call_id.clone();
        self.command(
            || format!("cancel_stored {id}"),
            |s| {
                if s.open(&id, Mode::CancelStored, None) {
                    s.emit(&id, EventKind::Sent);
                    s.send_cancel(&id);
                }
            },
        );
    }

    fn end_stored(&self, dialog: DialogRecord) {
        let id = dialog.call_id;
        self.command(
            || format!("end_stored {id}"),
            |s| {
                if s.open(&id, Mode::EndStored, None) {
                    s.carry(Message::Ack { call: id.clone() });
                    s.emit(&id, EventKind::Sent);
                    s.bye(&id, EndHow::LocalBye);
                }
            },
        );
    }

    fn confirm(&self, leg: &LegId) {
        let id = leg.as_str();
        self.command(
            || format!("confirm {id}"),
            |s| {
                if let Some(leg) = s.legs.get_mut(id)
                    && leg.phase == Phase::Unconfirmed
                {
                    leg.phase = Phase::Confirmed;
                    s.carry(Message::Ack { call: id.to_owned() });
                }
            },
        );
    }

    fn cancel(&self, leg: &LegId) {
        let id = leg.as_str();
        self.command(|| format!("cancel {id}"), |s| s.want_cancel(id));
    }

    fn hang_up(&self, leg: &LegId, _: Option<Q850>) {
        let id = leg.as_str();
        self.command(|| format!("hang_up {id}"), |s| s.want_cancel(id));
    }

    fn play(&self, leg: &LegId, play: Play) {
        let id = leg.as_str();
        self.command(
            || format!("play {id} {}", play.token),
            |s| {
                let Some(leg) = s.legs.get_mut(id) else { return };
                if leg.phase != Phase::Confirmed {
                    let token = play.token;
                    return s.emit(id, EventKind::PlayEnded { token, completed: false, played_ms: 0 });
                }
                if let Some(token) = leg.playing.replace(play.token) {
                    s.emit(id, EventKind::PlayEnded { token, completed: false, played_ms: 0 });
                }
                s.timer(3_000, id, Timer::Played(play.token));
            },
        );
    }

    fn stop_play(&self, leg: &LegId) {
        let id = leg.as_str();
        self.command(
            || format!("stop_play {id}"),
            |s| {
                if let Some(token) = s.legs.get_mut(id).and_then(|l| l.playing.take()) {
                    s.emit(id, EventKind::PlayEnded { token, completed: false, played_ms: 0 });
                }
            },
        );
    }

    fn send_digits(&self, _: &LegId, _: &str) {}

    fn answer(&self, _: &LegId) {}

    fn bridge(&self, a: &LegId, b: &LegId) -> Result<(), SwitchError> {
        let s = self.state.lock();
        let phase = |leg: &LegId| s.legs.get(leg.as_str()).map(|l| l.phase);
        match (phase(a), phase(b)) {
            (Some(Phase::Confirmed), Some(Phase::Confirmed)) => Ok(()),
            (Some(_), Some(_)) => Err(SwitchError::BadState("no media yet")),
            _ => Err(SwitchError::NoLeg),
        }
    }

    fn stats(&self) -> Stats {
        Stats::default()
    }
}
