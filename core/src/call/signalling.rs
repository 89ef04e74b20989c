//! What the app and the server say to each other in calls, over whichever socket there is.
//!
//! ```text
//!  session ── say ──▶ waiting, numbered ──(every socket, until acknowledged or 30 s old)──▶ server
//!     ▲                                                                                       │
//!     └── Heard ◀── once each ◀── acknowledged at once ◀──────────── anew on every socket ────┘
//! ```
//!
//! * **Resumable.** A socket may drop between any two bytes. What was not acknowledged goes out anew over the next one, in order,
//!   and the server takes each number once; what the server says anew is acknowledged again and passed on once. A socket
//!   on which nothing is acknowledged for [`MUTE`] is given up, because a network that is gone does not say so.
//! * **Only who takes calls is rung.** Without a session the socket asks for no calls.
//! * **Numbers** begin at the time in milliseconds: another process of the same sign-in, or this one after a restart, does not
//!   use them again, and the server takes them in any order.

use parking_lot::Mutex;
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};
use tokio::sync::{Notify, mpsc, watch};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::CallId;
use waybell_domain::wire::{AppSaid, AppSignal};

/// How long a message waits to be acknowledged.
const KEPT: Duration = Duration::from_secs(30);
/// A socket over which nothing is acknowledged for so long is dead.
const MUTE: Duration = Duration::from_secs(4);
/// Messages that wait; the oldest goes.
const MOST: usize = 256;
/// Numbers of the server's messages that are remembered.
const REMEMBERED: usize = 1_024;

/// What a session is told.
#[derive(Debug)]
pub(crate) enum Heard {
    /// The server says something in a call.
    Said(CallId, AppSaid),
    /// The socket stands, or is lost.
    Socket(bool),
}

struct Waiting {
    order: u64,
    since: Instant,
    signal: AppSignal,
}

#[derive(Default)]
struct State {
    taker: Option<mpsc::UnboundedSender<Heard>>,
    /// Number of the session that takes calls: one that was replaced gives nothing up.
    sessions: u64,
    waiting: VecDeque<Waiting>,
    acknowledgements: Vec<AppSignal>,
    order: u64,
    number: u64,
    seen: HashSet<(CallId, u64)>,
    order_seen: VecDeque<(CallId, u64)>,
    /// Sockets of before are of no use.
    generation: u64,
    /// A call is up.
    busy: bool,
    /// Since when a socket stands that takes calls.
    open_since: Option<Instant>,
    /// Whose words these are: those of another sign-in are nobody's.
    epoch: i64,
}

/// See the module. One for a client.
pub(crate) struct Signalling {
    state: Mutex<State>,
    changed: watch::Sender<u64>,
    hurry: Notify,
}

impl Default for Signalling {
    fn default() -> Signalling {
        Signalling { state: Mutex::default(), changed: watch::Sender::new(0), hurry: Notify::new() }
    }
}

/// One socket's place in what is said.
pub(crate) struct Place {
    /// It takes calls.
    pub calls: bool,
    generation: u64,
    next: u64,
}

impl Signalling {
    /// A session takes calls from now on, in the place of any other; its number.
    pub(crate) fn enter(&self, taker: mpsc::UnboundedSender<Heard>, now: UnixMs) -> u64 {
        let mut state = self.state.lock();
        state.taker = Some(taker);
        state.sessions += 1;
        state.number = state.number.max(u64::try_from(now.0).unwrap_or(0));
        let session = state.sessions;
        drop(state);
        self.reopen();
        session
    }

    /// This session takes no more calls.
    pub(crate) fn leave(&self, session: u64) {
        let mut state = self.state.lock();
        if state.sessions != session {
            return;
        }
        (state.taker, state.busy) = (None, false);
        drop(state);
        // the last words still go out over the socket that there is
        self.changed.send_modify(|n| *n += 1);
    }

    /// Waits until everything that was said is acknowledged, or given up.
    pub(crate) async fn settled(&self) {
        let mut changes = self.changed.subscribe();
        loop {
            changes.mark_unchanged();
            expire(&mut self.state.lock(), Instant::now());
            if self.state.lock().waiting.is_empty() || changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Says something, now or when there is a socket.
    pub(crate) fn say(&self, call: CallId, said: AppSaid) {
        let mut state = self.state.lock();
        state.number += 1;
        state.order += 1;
        let signal = AppSignal { call_id: call, seq: state.number, expires_at: None, said };
        let waiting = Waiting { order: state.order, since: Instant::now(), signal };
        state.waiting.push_back(waiting);
        if state.waiting.len() > MOST {
            state.waiting.pop_front();
        }
        drop(state);
        self.changed.send_modify(|n| *n += 1);
    }

    /// A call is up, or none: a lost socket is opened again at once for one.
    pub(crate) fn set_busy(&self, busy: bool) {
        self.state.lock().busy = busy;
    }

    /// The socket that there is has no future: the network has changed.
    pub(crate) fn reopen(&self) {
        self.state.lock().generation += 1;
        self.changed.send_modify(|n| *n += 1);
        self.hurry.notify_one();
    }

    /// Gives a socket up over which nothing is acknowledged. To be called now and then while a call is up.
    pub(crate) fn look_after(&self) {
        let now = Instant::now();
        let mut state = self.state.lock();
        expire(&mut state, now);
        let mute = state.open_since.is_some_and(|open| {
            state.waiting.front().is_some_and(|w| now.duration_since(w.since.max(open)) >= MUTE)
        });
        drop(state);
        if mute {
            self.reopen();
        }
    }
}

fn expire(state: &mut State, now: Instant) {
    state.waiting.retain(|w| now.duration_since(w.since) < KEPT);
}

// the socket's side
impl Signalling {
    /// Told whenever there is something to send, or a socket is of no more use.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        let mut changes = self.changed.subscribe();
        changes.mark_changed();
        changes
    }

    /// A place for a new socket of this sign-in, before it is opened. What was said in another one is forgotten.
    pub(crate) fn place(&self, epoch: i64) -> Place {
        let mut state = self.state.lock();
        if state.epoch != epoch {
            state.epoch = epoch;
            state.waiting.clear();
            state.acknowledgements.clear();
        }
        Place { calls: state.taker.is_some(), generation: state.generation, next: 0 }
    }

    /// What this socket has to send; `None` where it is of no more use.
    pub(crate) fn next(&self, place: &mut Place) -> Option<Vec<AppSignal>> {
        let mut state = self.state.lock();
        if place.generation != state.generation {
            return None;
        }
        if !place.calls {
            return Some(Vec::new());
        }
        expire(&mut state, Instant::now());
        let mut out = std::mem::take(&mut state.acknowledgements);
        out.extend(state.waiting.iter().filter(|w| w.order > place.next).map(|w| w.signal.clone()));
        place.next = state.order;
        Some(out)
    }

    /// Whether this socket is still the kind that is wanted.
    pub(crate) fn is_wanted(&self, place: &Place) -> bool {
        self.state.lock().taker.is_some() == place.calls
    }

    /// The socket stands, or is lost.
    pub(crate) fn socket(&self, open: bool, calls: bool) {
        let mut state = self.state.lock();
        state.open_since = (open && calls).then(Instant::now);
        if let Some(taker) = &state.taker {
            let _ = taker.send(Heard::Socket(open && calls));
        }
    }

    /// Something that the server says. One that came before is acknowledged again, and that is all.
    pub(crate) fn hear(&self, signal: AppSignal) {
        let mut state = self.state.lock();
        let (call, seq) = (signal.call_id, signal.seq);
        if let AppSaid::Ack { of } = signal.said {
            state.waiting.retain(|w| w.signal.call_id != call || w.signal.seq != of);
            self.changed.send_modify(|n| *n += 1);
            return;
        }
        if seq > 0 {
            let said = AppSaid::Ack { of: seq };
            state.acknowledgements.push(AppSignal { call_id: call, seq: 0, expires_at: None, said });
            self.changed.send_modify(|n| *n += 1);
            if !state.seen.insert((call, seq)) {
                return;
            }
            state.order_seen.push_back((call, seq));
            if state.order_seen.len() > REMEMBERED
                && let Some(oldest) = state.order_seen.pop_front()
            {
                state.seen.remove(&oldest);
            }
        } else {
            // the call is over there: nothing of it need be said
            state.waiting.retain(|w| w.signal.call_id != call);
        }
        if let Some(taker) = &state.taker {
            let _ = taker.send(Heard::Said(call, signal.said));
        }
    }

    /// Waits until a socket is wanted sooner than planned.
    pub(crate) async fn hurried(&self) {
        self.hurry.notified().await;
    }

    /// A call is up.
    pub(crate) fn is_busy(&self) -> bool {
        self.state.lock().busy
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call() -> CallId {
        CallId::at(UnixMs(1_700_000_000_000), [1; 10])
    }

    fn entered() -> (Signalling, mpsc::UnboundedReceiver<Heard>) {
        let signalling = Signalling::default();
        let (tx, rx) = mpsc::unbounded_channel();
        signalling.enter(tx, UnixMs(1_000));
        (signalling, rx)
    }

    fn numbers(out: Option<Vec<AppSignal>>) -> Vec<u64> {
        out.unwrap().iter().map(|s| s.seq).collect()
    }

    #[test]
    fn what_is_not_acknowledged_goes_out_anew_over_the_next_socket() {
        let (signalling, _heard) = entered();
        let mut first = signalling.place(1);
        assert!(first.calls);
        signalling.say(call(), AppSaid::Hold);
        signalling.say(call(), AppSaid::Resume);
        assert_eq!(numbers(signalling.next(&mut first)), [1_001, 1_002]);
        assert_eq!(numbers(signalling.next(&mut first)), [0_u64; 0], "once a socket");
        let ack = AppSignal { call_id: call(), seq: 0, expires_at: None, said: AppSaid::Ack { of: 1_001 } };
        signalling.hear(ack);
        let mut second = signalling.place(1);
        assert_eq!(numbers(signalling.next(&mut second)), [1_002]);
        signalling.reopen();
        assert!(signalling.next(&mut second).is_none(), "the network has changed");
    }

    #[test]
    fn what_was_said_in_another_sign_in_is_nobody_s() {
        let (signalling, _heard) = entered();
        signalling.say(call(), AppSaid::Hold);
        let mut other = signalling.place(2);
        assert_eq!(numbers(signalling.next(&mut other)), [0_u64; 0]);
    }

    #[test]
    fn a_socket_is_given_up_for_what_it_had_time_to_carry() {
        let (signalling, _heard) = entered();
        let mut place = signalling.place(1);
        signalling.say(call(), AppSaid::Hold);
        let long_ago = Instant::now().checked_sub(2 * MUTE).unwrap();
        signalling.state.lock().waiting[0].since = long_ago;
        signalling.socket(true, true);
        signalling.look_after();
        assert!(signalling.next(&mut place).is_some(), "it has only just been opened");
        signalling.state.lock().open_since = Some(long_ago);
        signalling.look_after();
        assert!(signalling.next(&mut place).is_none());
    }

    #[test]
    fn what_comes_again_is_acknowledged_again_and_passed_on_once() {
        let (signalling, mut heard) = entered();
        let mut place = signalling.place(1);
        let said = AppSignal { call_id: call(), seq: 3, expires_at: None, said: AppSaid::Ringing };
        for _ in 0..2 {
            signalling.hear(said.clone());
            let out = signalling.next(&mut place).unwrap();
            assert!(matches!(out[..], [AppSignal { seq: 0, said: AppSaid::Ack { of: 3 }, .. }]), "{out:?}");
        }
        assert!(matches!(heard.try_recv(), Ok(Heard::Said(_, AppSaid::Ringing))));
        assert!(heard.try_recv().is_err());
    }

    #[test]
    fn a_call_that_is_over_there_has_nothing_more_to_say_and_who_left_takes_no_calls() {
        let (signalling, mut heard) = entered();
        signalling.say(call(), AppSaid::Hold);
        let bye = AppSaid::Bye { reason: None, text: None };
        signalling.hear(AppSignal { call_id: call(), seq: 0, expires_at: None, said: bye });
        assert!(matches!(heard.try_recv(), Ok(Heard::Said(_, AppSaid::Bye { .. }))));
        let mut place = signalling.place(1);
        assert!(signalling.next(&mut place).unwrap().is_empty());
        signalling.leave(7);
        assert!(signalling.place(1).calls, "another session's leaving is none of this one's business");
        signalling.say(call(), AppSaid::Hold);
        signalling.leave(1);
        assert!(!signalling.place(1).calls);
        assert_eq!(signalling.next(&mut place).map(|out| out.len()), Some(1), "the last word goes out");
        assert!(!signalling.is_wanted(&place), "then a socket that takes calls is given up");
    }
}
