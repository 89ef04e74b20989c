//! Apps that are connected, and what was said to each and is not acknowledged.

use parking_lot::Mutex;
use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};
use tokio::sync::watch;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{CallId, SessionId, UserId};
use waybell_domain::wire::{AppSaid, AppSignal};

/// How long a message waits for its app, and a session for its next socket.
const KEPT_MS: i64 = 30_000;
/// Messages that wait in a session; the oldest goes.
const MOST: usize = 256;
/// Messages of an app in one call.
const MOST_HEARD: usize = 2_000;

/// See the module. Shared by sockets, routes and the tasks of calls.
#[derive(Debug, Default)]
pub struct Sessions {
    sessions: Mutex<HashMap<SessionId, Session>>,
    /// Who may say something in which call.
    parties: Mutex<HashMap<CallId, HashSet<UserId>>>,
}

#[derive(Debug)]
struct Session {
    person: UserId,
    /// Tells each socket that there is something new.
    wake: watch::Sender<u64>,
    sockets: usize,
    left_at: UnixMs,
    /// Number of the next message among all of this session.
    next: u64,
    messages: VecDeque<(u64, AppSignal)>,
    calls: HashMap<CallId, Numbers>,
}

/// Numbers of messages in one call.
#[derive(Debug, Default)]
struct Numbers {
    said: u64,
    heard: BTreeSet<u64>,
}

/// What became of a message of an app.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    New,
    Again,
    TooMany,
    /// Not this person's call.
    Stranger,
}

/// A socket of a session. Dropped, it has left.
pub(crate) struct Socket<'a> {
    sessions: &'a Sessions,
    session: SessionId,
    wake: watch::Receiver<u64>,
    sent: u64,
    now: Box<dyn Fn() -> UnixMs + Send + 'a>,
}

impl Socket<'_> {
    /// Waits until there is something to send, what waited when the socket came included.
    pub(crate) async fn woken(&mut self) {
        if self.wake.changed().await.is_err() {
            // the session is kept as long as it has a socket
            std::future::pending::<()>().await;
        }
    }

    /// What this socket has not sent yet, in order.
    pub(crate) fn next(&mut self) -> Vec<AppSignal> {
        let now = (self.now)();
        let mut sessions = self.sessions.sessions.lock();
        let Some(session) = sessions.get_mut(&self.session) else { return Vec::new() };
        session.expire(now);
        let fresh: Vec<(u64, AppSignal)> =
            session.messages.iter().filter(|(n, _)| *n >= self.sent).cloned().collect();
        self.sent = session.next;
        fresh.into_iter().map(|(_, signal)| signal).collect()
    }
}

impl Drop for Socket<'_> {
    fn drop(&mut self) {
        let now = (self.now)();
        if let Some(session) = self.sessions.sessions.lock().get_mut(&self.session) {
            session.sockets = session.sockets.saturating_sub(1);
            session.left_at = now;
        }
    }
}

impl Session {
    fn expire(&mut self, now: UnixMs) {
        self.messages.retain(|(_, m)| m.expires_at.is_none_or(|at| at > now));
    }
}

impl Sessions {
    fn with<T>(
        &self,
        session: SessionId,
        person: UserId,
        now: UnixMs,
        work: impl FnOnce(&mut Session) -> T,
    ) -> T {
        let mut sessions = self.sessions.lock();
        sessions.retain(|id, s| {
            *id == session || s.sockets > 0 || !s.calls.is_empty() || now.since(s.left_at) < KEPT_MS
        });
        let found = sessions.entry(session).or_insert_with(|| Session {
            person,
            wake: watch::Sender::new(0),
            sockets: 0,
            left_at: now,
            next: 0,
            messages: VecDeque::new(),
            calls: HashMap::new(),
        });
        found.expire(now);
        work(found)
    }

    /// A socket that takes calls.
    pub(crate) fn enter<'a>(
        &'a self,
        session: SessionId,
        person: UserId,
        now: impl Fn() -> UnixMs + Send + 'a,
    ) -> Socket<'a> {
        let wake = self.with(session, person, now(), |s| {
            s.sockets += 1;
            let mut wake = s.wake.subscribe();
            wake.mark_changed();
            wake
        });
        Socket { sessions: self, session, wake, sent: 0, now: Box::new(now) }
    }

    /// Sessions of a person that have a socket.
    pub(super) fn connected(&self, person: UserId) -> Vec<SessionId> {
        let sessions = self.sessions.lock();
        sessions.iter().filter(|(_, s)| s.person == person && s.sockets > 0).map(|(id, _)| *id).collect()
    }

    /// Calls in which this person may say something.
    pub(super) fn calls_of(&self, person: UserId) -> Vec<CallId> {
        let parties = self.parties.lock();
        parties.iter().filter(|(_, who)| who.contains(&person)).map(|(call, _)| *call).collect()
    }

    /// From now on this person may say something in this call.
    pub(crate) fn open(&self, call: CallId, person: UserId) {
        self.parties.lock().entry(call).or_default().insert(person);
    }

    /// The call is over: its numbers are forgotten; what was said last still waits to be acknowledged.
    pub(crate) fn shut(&self, call: CallId) {
        self.parties.lock().remove(&call);
        for session in self.sessions.lock().values_mut() {
            session.calls.remove(&call);
        }
    }

    /// Says something to an app.
    pub(super) fn say(&self, session: SessionId, call: CallId, said: AppSaid, now: UnixMs) {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.get_mut(&session) else { return };
        let numbers = session.calls.entry(call).or_default();
        numbers.said += 1;
        let expires_at = Some(UnixMs(now.0 + KEPT_MS));
        let signal = AppSignal { call_id: call, seq: numbers.said, expires_at, said };
        session.messages.push_back((session.next, signal));
        session.next += 1;
        if session.messages.len() > MOST {
            session.messages.pop_front();
        }
        session.wake.send_replace(session.next);
    }

    /// An app has a message.
    pub(super) fn acknowledged(&self, session: SessionId, call: CallId, of: u64) {
        if let Some(session) = self.sessions.lock().get_mut(&session) {
            session.messages.retain(|(_, m)| m.call_id != call || m.seq != of);
        }
    }

    /// A message of an app came.
    pub(super) fn hear(
        &self,
        session: SessionId,
        person: UserId,
        call: CallId,
        seq: u64,
        now: UnixMs,
    ) -> Taken {
        // held on: a call that is shut meanwhile would leave its entry behind
        let parties = self.parties.lock();
        if !parties.get(&call).is_some_and(|p| p.contains(&person)) {
            return Taken::Stranger;
        }
        self.with(session, person, now, |s| {
            s.left_at = now;
            let heard = &mut s.calls.entry(call).or_default().heard;
            if heard.contains(&seq) {
                return Taken::Again;
            }
            if heard.len() >= MOST_HEARD {
                return Taken::TooMany;
            }
            heard.insert(seq);
            Taken::New
        })
    }

    /// What an app has not acknowledged of a call.
    pub(super) fn waiting(&self, session: SessionId, call: CallId, now: UnixMs) -> Vec<AppSignal> {
        let mut sessions = self.sessions.lock();
        let Some(session) = sessions.get_mut(&session) else { return Vec::new() };
        session.expire(now);
        session.messages.iter().filter(|(_, m)| m.call_id == call).map(|(_, m)| m.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicI64, Ordering};

    fn ids() -> (SessionId, UserId, CallId) {
        (SessionId::at(1, [1; 10]), UserId::at(1, [2; 10]), CallId::at(1, [3; 10]))
    }

    #[test]
    fn what_is_not_acknowledged_comes_again_over_the_next_socket_for_thirty_seconds() {
        let (session, person, call) = ids();
        let (sessions, clock) = (Sessions::default(), AtomicI64::new(1_000));
        let now = || UnixMs(clock.load(Ordering::Relaxed));
        sessions.open(call, person);
        let mut first = sessions.enter(session, person, now);
        assert_eq!(sessions.connected(person), [session]);
        sessions.say(session, call, AppSaid::Ringing, now());
        sessions.say(session, call, AppSaid::Hold, now());
        assert_eq!(first.next().iter().map(|m| m.seq).collect::<Vec<_>>(), [1, 2]);
        assert!(first.next().is_empty(), "once a socket");
        sessions.acknowledged(session, call, 1);
        drop(first);
        assert!(sessions.connected(person).is_empty());
        clock.fetch_add(20_000, Ordering::Relaxed);
        sessions.say(session, call, AppSaid::Resume, now());
        let mut second = sessions.enter(session, person, now);
        assert_eq!(second.next().iter().map(|m| m.seq).collect::<Vec<_>>(), [2, 3]);
        drop(second);
        clock.fetch_add(10_000, Ordering::Relaxed);
        let seqs = |s: &Sessions| s.waiting(session, call, now()).iter().map(|m| m.seq).collect::<Vec<_>>();
        assert_eq!(seqs(&sessions), [3], "the older one is 30 s old");
    }

    #[test]
    fn a_message_is_taken_once_and_a_call_has_its_parties_alone() {
        let (session, person, call) = ids();
        let sessions = Sessions::default();
        assert_eq!(sessions.hear(session, person, call, 1, UnixMs(1)), Taken::Stranger);
        sessions.open(call, person);
        assert_eq!(sessions.hear(session, person, call, 2, UnixMs(1)), Taken::New);
        assert_eq!(sessions.hear(session, person, call, 1, UnixMs(1)), Taken::New, "in any order");
        assert_eq!(sessions.hear(session, person, call, 2, UnixMs(1)), Taken::Again);
        let other = UserId::at(1, [9; 10]);
        assert_eq!(sessions.hear(SessionId::at(1, [9; 10]), other, call, 1, UnixMs(1)), Taken::Stranger);
        for seq in 3..=MOST_HEARD as u64 {
            assert_eq!(sessions.hear(session, person, call, seq, UnixMs(1)), Taken::New);
        }
        assert_eq!(sessions.hear(session, person, call, 9_999, UnixMs(1)), Taken::TooMany);
        sessions.shut(call);
        assert_eq!(sessions.hear(session, person, call, 3, UnixMs(1)), Taken::Stranger);
    }

    #[test]
    fn sessions_that_are_gone_are_forgotten_unless_a_call_is_up() {
        let (session, person, call) = ids();
        let sessions = Sessions::default();
        drop(sessions.enter(session, person, || UnixMs(0)));
        let (other, someone) = (SessionId::at(1, [9; 10]), UserId::at(1, [8; 10]));
        sessions.say(session, call, AppSaid::Hold, UnixMs(0));
        drop(sessions.enter(other, someone, || UnixMs(60_000)));
        assert_eq!(sessions.sessions.lock().len(), 2, "a call is up");
        sessions.shut(call);
        drop(sessions.enter(other, someone, || UnixMs(60_000)));
        assert_eq!(sessions.sessions.lock().len(), 1);
    }
}
