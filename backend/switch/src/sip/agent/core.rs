//! Tables and timers of the agent: client and server transactions, legs, and the ghosts of ended calls.
//!
//! A *ghost* is what is kept of an INVITE of ours for 32 s after its leg ended: enough to acknowledge and end a 2xx
//! that comes late, from another fork or against all order, so that no phone stays off the hook.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Instant, SystemTime};

use super::app::Apps;
use super::health::Health;
use super::{Io, Shared, View};
use crate::event::{Event, EventKind, LegId};
use crate::sip::dialog::Dialog;
use crate::sip::leg::Leg;
use crate::sip::message::{Message, Method, Response, phrase};
use crate::sip::record::InviteRecord;
use crate::sip::transaction::{Client, Server, Timing};
use crate::sip::wire::{Flow, Sent, Target};

/// Most transactions of theirs at once.
const MAX_SERVERS: usize = 200_000;

/// Who sent a request of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Nobody waits for the answer.
    Nobody,
    /// A leg, for a purpose.
    Leg(u64, Purpose),
    /// Keepalive of a trunk's peer.
    Options { trunk: usize, peer: String },
    /// Registration of a trunk.
    Register { trunk: usize },
    /// Whether a telephone that registered is still there.
    Phone { user: String, contact: u64 },
}

/// What a leg sent a request for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Invite,
    Cancel,
    Bye,
    Prack,
    /// re-INVITE or UPDATE that refreshes the session.
    Refresh,
}

/// Why a request of ours has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Silence {
    /// None came in time.
    TimedOut,
    /// The connection broke.
    Broken,
    /// There never was a connection.
    NeverSent,
}

/// What a timer belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Due {
    Client(ClientKey),
    Server(String),
    Leg(u64),
    Ghost(DialogKey),
    Health(usize),
    Registrar,
}

pub(crate) type ClientKey = (String, Method);
/// Call-ID and our tag.
pub(crate) type DialogKey = (String, String);
type Alarm = Option<(Instant, u64)>;

pub(crate) struct ClientEntry {
    machine: Client,
    pub(crate) bytes: Arc<[u8]>,
    pub(crate) target: Target,
    conn: Option<u64>,
    pub(crate) owner: Owner,
    alarm: Alarm,
}

struct ServerEntry {
    machine: Server,
    last: Option<Vec<u8>>,
    source: Target,
    leg: Option<u64>,
    alarm: Alarm,
}

/// What is left of an ended call of ours.
pub(crate) struct Ghost {
    pub(crate) record: Box<InviteRecord>,
    pub(crate) cseq: u32,
    /// ACKs of the 2xx that were seen, by the far side's tag.
    pub(crate) acks: HashMap<String, (Target, Vec<u8>)>,
}

/// See the module.
pub(crate) struct Core {
    pub(crate) shared: Arc<Shared>,
    pub(crate) timing: Timing,
    pub(crate) now: Instant,
    clients: HashMap<ClientKey, ClientEntry>,
    servers: HashMap<String, ServerEntry>,
    pub(crate) legs: HashMap<u64, Box<Leg>>,
    pub(crate) by_id: HashMap<LegId, u64>,
    pub(crate) dialogs: HashMap<DialogKey, u64>,
    pub(crate) ghosts: HashMap<DialogKey, Ghost>,
    pub(crate) health: Vec<Health>,
    pub(super) registrar_alarm: Alarm,
    /// Last question to a telephone.
    pub(super) asked: u32,
    pub(crate) apps: Apps,
    /// The switch is being shut down: no new app legs.
    pub(crate) parting: bool,
    /// Legs that are joined, both ways.
    pub(crate) pairs: HashMap<u64, u64>,
    timers: BTreeMap<(Instant, u64), Due>,
    serial: u64,
    next_leg: u64,
}

impl Core {
    pub(crate) fn new(shared: Arc<Shared>, now: Instant) -> Self {
        let timing = Timing { t1: shared.config.t1 };
        Self {
            shared,
            timing,
            now,
            clients: HashMap::new(),
            servers: HashMap::new(),
            legs: HashMap::new(),
            by_id: HashMap::new(),
            dialogs: HashMap::new(),
            ghosts: HashMap::new(),
            health: Vec::new(),
            registrar_alarm: None,
            asked: 0,
            apps: Apps::default(),
            parting: false,
            pairs: HashMap::new(),
            timers: BTreeMap::new(),
            serial: 0,
            next_leg: 0,
        }
    }

    /// When [`Core::on_time`] wants to be called.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|(k, _)| k.0)
    }

    /// Transactions and ghosts alive.
    pub(crate) fn transactions(&self) -> usize {
        self.clients.len() + self.servers.len() + self.ghosts.len()
    }

    /// No leg is left.
    pub(crate) fn is_idle(&self) -> bool {
        self.legs.is_empty() && self.apps.is_empty()
    }

    fn set_alarm(&mut self, old: Alarm, at: Option<Instant>, due: impl FnOnce() -> Due) -> Alarm {
        if old.map(|o| o.0) == at {
            return old;
        }
        if let Some(key) = old {
            self.timers.remove(&key);
        }
        let at = at?;
        self.serial += 1;
        self.timers.insert((at, self.serial), due());
        Some((at, self.serial))
    }

    /// Runs all timers that are due.
    pub(crate) fn on_time(&mut self, io: &mut dyn Io, now: Instant) {
        self.now = now;
        while let Some(entry) = self.timers.first_entry() {
            if entry.key().0 > now {
                break;
            }
            match entry.remove() {
                Due::Client(key) => self.client_due(io, &key),
                Due::Server(key) => self.server_due(io, &key),
                Due::Leg(key) => self.with_leg(io, key, |core, io, leg| {
                    leg.alarm = None;
                    leg.on_time(core, io);
                }),
                Due::Ghost(key) => {
                    self.ghosts.remove(&key);
                }
                Due::Health(trunk) => self.health_due(io, trunk),
                Due::Registrar => self.registrar_due(io),
            }
        }
    }

    pub(crate) fn emit(&self, io: &mut dyn Io, leg: &LegId, kind: EventKind) {
        io.emit(Event { leg: leg.clone(), at: SystemTime::now(), kind });
    }

    // ---- legs

    pub(crate) fn new_key(&mut self) -> u64 {
        self.next_leg += 1;
        self.next_leg
    }

    /// Adds a leg to the tables.
    pub(crate) fn add_leg(&mut self, leg: Box<Leg>) {
        let key = leg.key;
        self.by_id.insert(leg.id.clone(), key);
        self.dialogs.insert(leg.dialog_key.clone(), key);
        self.shared.view.lock().insert(leg.id.clone(), View::default());
        self.shared.counters.legs.fetch_add(1, Ordering::AcqRel);
        self.legs.insert(key, leg);
    }

    /// Works on a leg, then sets its alarm or, where it has ended, removes all that is left of it.
    pub(crate) fn with_leg(
        &mut self,
        io: &mut dyn Io,
        key: u64,
        work: impl FnOnce(&mut Self, &mut dyn Io, &mut Leg),
    ) {
        let Some(mut leg) = self.legs.remove(&key) else { return };
        work(self, io, &mut leg);
        if leg.is_over() {
            self.bury(io, *leg);
            return;
        }
        leg.alarm = self.set_alarm(leg.alarm, leg.next(), || Due::Leg(key));
        self.legs.insert(key, leg);
    }

    fn bury(&mut self, io: &mut dyn Io, mut leg: Leg) {
        self.set_alarm(leg.alarm.take(), None, || Due::Leg(0));
        self.part_pair(io, leg.key);
        let end = leg.close(self, io);
        self.by_id.remove(&leg.id);
        self.dialogs.remove(&leg.dialog_key);
        if let Some(branch) = leg.unanswered_invite()
            && self.is_pending(&branch, Method::Invite)
        {
            // Given up by us: a transaction that rings has no end of its own.
            self.forget_client(&branch, Method::Invite);
        }
        if let Some(ghost) = leg.take_ghost() {
            let key = leg.dialog_key.clone();
            self.set_alarm(None, Some(self.now + self.timing.timeout()), || Due::Ghost(key));
            self.ghosts.insert(leg.dialog_key.clone(), ghost);
        }
        // The channel is free before the end is told: whoever hears of it may place the next call at once.
        drop(leg.permit.take());
        self.shared.view.lock().remove(&leg.id);
        self.shared.counters.legs.fetch_sub(1, Ordering::AcqRel);
        self.emit(io, &leg.id, EventKind::Ended { end });
        self.shared.leg_ended.notify_waiters();
    }

    // ---- client transactions

    /// Sends a request of ours and repeats it as its transport wants. False where it certainly was not sent.
    pub(crate) fn request(
        &mut self,
        io: &mut dyn Io,
        branch: &str,
        method: Method,
        bytes: Vec<u8>,
        target: Target,
        owner: Owner,
    ) -> bool {
        let key = (branch.to_owned(), method);
        let bytes: Arc<[u8]> = bytes.into();
        let conn = match self.send(io, target, bytes.to_vec()) {
            Sent::Yes(conn) => conn,
            Sent::No => return false,
        };
        let reliable = target.transport.is_reliable();
        let machine = Client::new(method == Method::Invite, reliable, self.timing, self.now);
        let at = machine.next();
        let alarm = self.set_alarm(None, at, || Due::Client(key.clone()));
        let entry = ClientEntry { machine, bytes, target, conn, owner, alarm };
        if let Some(old) = self.clients.insert(key, entry) {
            // The same request again: the old timers are not wanted any more.
            self.set_alarm(old.alarm, None, || Due::Leg(0));
        }
        true
    }

    /// Waits for answers to a request that another process sent.
    pub(crate) fn listen(&mut self, branch: &str, target: Target, request: String, owner: Owner) {
        let mut machine = Client::new(true, target.transport.is_reliable(), self.timing, self.now);
        machine.on_response(100, self.now);
        let bytes = request.into_bytes().into();
        let entry = ClientEntry { machine, bytes, target, conn: None, owner, alarm: None };
        self.clients.insert((branch.to_owned(), Method::Invite), entry);
    }

    /// Ends an INVITE transaction that will never be answered.
    pub(crate) fn forget_client(&mut self, branch: &str, method: Method) {
        if let Some(entry) = self.clients.remove(&(branch.to_owned(), method)) {
            self.set_alarm(entry.alarm, None, || Due::Leg(0));
        }
    }

    /// Sends bytes that nobody answers (ACK), or that were sent before.
    pub(crate) fn send(&mut self, io: &mut dyn Io, target: Target, bytes: Vec<u8>) -> Sent {
        self.shared.counters.messages_out.fetch_add(1, Ordering::Relaxed);
        io.send(target, bytes)
    }

    fn client_due(&mut self, io: &mut dyn Io, key: &ClientKey) {
        let Some(mut entry) = self.clients.remove(key) else { return };
        entry.alarm = None;
        let due = entry.machine.on_timer(self.now);
        if due.resend {
            self.shared.counters.retransmissions.fetch_add(1, Ordering::Relaxed);
            self.send(io, entry.target, entry.bytes.to_vec());
        }
        if due.gone {
            if due.timed_out {
                self.client_failed(io, entry, Silence::TimedOut);
            }
            return;
        }
        let at = entry.machine.next();
        entry.alarm = self.set_alarm(None, at, || Due::Client(key.clone()));
        self.clients.insert(key.clone(), entry);
    }

    fn client_failed(&mut self, io: &mut dyn Io, entry: ClientEntry, why: Silence) {
        match entry.owner {
            Owner::Nobody => {}
            Owner::Leg(key, purpose) => {
                self.with_leg(io, key, |core, io, leg| leg.on_silence(core, io, purpose, why));
            }
            Owner::Options { trunk, peer } => {
                self.options_answered(io, trunk, &peer, None, why == Silence::NeverSent);
            }
            Owner::Register { trunk } => self.register_answered(io, trunk, None),
            Owner::Phone { user, contact } => self.phone_is_silent(io, &user, contact),
        }
    }

    /// Whether the far side has answered this request, provisionally at least.
    pub(crate) fn was_answered(&self, branch: &str, method: Method) -> bool {
        self.clients.get(&(branch.to_owned(), method)).is_some_and(|c| c.machine.answered())
    }

    /// Whether a request of ours waits for its final answer.
    pub(crate) fn is_pending(&self, branch: &str, method: Method) -> bool {
        self.clients.get(&(branch.to_owned(), method)).is_some_and(|c| !c.machine.is_final())
    }

    /// A connection is gone: what waited on it will not be answered there.
    pub(crate) fn conn_closed(&mut self, io: &mut dyn Io, conn: u64, opened: bool) {
        let dead: Vec<ClientKey> = self
            .clients
            .iter()
            .filter(|(_, e)| e.conn == Some(conn) && !e.machine.is_final())
            .map(|(k, _)| k.clone())
            .collect();
        for key in dead {
            // A far side that has begun to work on a call answers it over a new connection (RFC 3261 18.2.2).
            let ringing =
                self.clients.get(&key).is_some_and(|e| e.machine.answered()) && key.1 == Method::Invite;
            if ringing {
                continue;
            }
            if let Some(entry) = self.clients.remove(&key) {
                self.set_alarm(entry.alarm, None, || Due::Leg(0));
                self.client_failed(io, entry, if opened { Silence::Broken } else { Silence::NeverSent });
            }
        }
    }

    /// A response came.
    pub(crate) fn on_response(&mut self, io: &mut dyn Io, message: &Message, source: Target, status: u16) {
        let Some((number, method)) = message.cseq() else { return };
        let Some(branch) = message.via().and_then(|v| v.branch) else { return };
        let key = (branch, method);
        let mut passed = None;
        if let Some(mut entry) = self.clients.remove(&key) {
            let reaction = entry.machine.on_response(status, self.now);
            if reaction.ack
                && let Ok(text) = std::str::from_utf8(&entry.bytes)
            {
                let ack = crate::sip::invite::Text::new(text).ack_refusal(message);
                let target =
                    Target { flow: entry.conn.map_or(entry.target.flow, Flow::Conn), ..entry.target };
                self.send(io, target, ack);
            }
            if reaction.pass {
                passed = Some((entry.owner.clone(), entry.bytes.clone(), entry.target));
            }
            if reaction.gone {
                self.set_alarm(entry.alarm, None, || Due::Leg(0));
            } else {
                let at = entry.machine.next();
                entry.alarm = self.set_alarm(entry.alarm, at, || Due::Client(key.clone()));
                self.clients.insert(key, entry);
            }
        }
        if method == Method::Invite && (200..300).contains(&status) {
            // Every 2xx to an INVITE is looked up by its dialog, whatever became of the transaction.
            self.on_invite_2xx(io, message, source, number);
            return;
        }
        let Some((owner, request, target)) = passed else { return };
        match owner {
            Owner::Nobody => {}
            Owner::Leg(key, purpose) => {
                self.heard_from(io, key, source);
                self.with_leg(io, key, |core, io, leg| {
                    leg.on_response(core, io, purpose, message, source, status, &request, target);
                });
            }
            Owner::Options { trunk, peer } if status >= 200 => {
                self.options_answered(io, trunk, &peer, Some(status), false);
            }
            Owner::Register { trunk } if status >= 200 => self.register_answered(io, trunk, Some(message)),
            Owner::Options { .. } | Owner::Register { .. } | Owner::Phone { .. } => {}
        }
    }

    fn on_invite_2xx(&mut self, io: &mut dyn Io, message: &Message, source: Target, cseq: u32) {
        let key = (message.call_id().to_owned(), message.tag_from().unwrap_or_default().to_owned());
        if let Some(leg) = self.dialogs.get(&key).copied() {
            self.with_leg(io, leg, |core, io, leg| leg.on_2xx(core, io, message, source, cseq));
            return;
        }
        let Some(mut ghost) = self.ghosts.remove(&key) else { return };
        let tag = message.tag_to().unwrap_or_default();
        if let Some((target, ack)) = ghost.acks.get(tag) {
            self.send(io, *target, ack.clone());
        } else if let Some(done) = self.ack_and_bye(io, &ghost.record, ghost.cseq, message, source, None) {
            ghost.acks.insert(tag.to_owned(), done);
        }
        self.ghosts.insert(key, ghost);
    }

    /// Ends a 2xx that nobody wants: ACK, then BYE. Returns the ACK for repetitions.
    pub(crate) fn ack_and_bye(
        &mut self,
        io: &mut dyn Io,
        record: &InviteRecord,
        cseq: u32,
        message: &Message,
        source: Target,
        reason: Option<&str>,
    ) -> Option<(Target, Vec<u8>)> {
        let flow = self.dialog_flow(record, source);
        let mut dialog = Dialog::from_response(record, cseq, message, flow, true)?;
        let ack = dialog.ack(cseq, "", None);
        let target = dialog.target;
        self.send(io, target, ack.clone());
        let headers = reason.map(|r| format!("Reason: {r}\r\n")).unwrap_or_default();
        let bye = dialog.request("BYE", &headers, None);
        self.request(io, &bye.branch, Method::Bye, bye.bytes, target, Owner::Nobody);
        Some((target, ack))
    }

    /// The flow for requests in a dialog of ours: the connection that the answer came on, or the socket of sent-by.
    pub(crate) fn dialog_flow(&self, record: &InviteRecord, source: Target) -> Flow {
        match source.flow {
            Flow::Conn(id) => Flow::Conn(id),
            _ => self.flow_of(&record.sent_by),
        }
    }

    /// The UDP listener with the port of a sent-by.
    pub(crate) fn flow_of(&self, sent_by: &str) -> Flow {
        let port = crate::sip::message::split_host(sent_by).and_then(|(_, p)| p);
        port.and_then(|p| self.shared.udp_listener(p)).map_or(Flow::Any, Flow::Listener)
    }

    // ---- server transactions

    /// Key of a request's transaction (RFC 3261 17.2.3); ACK and CANCEL find the INVITE's with its method. The Call-ID
    /// belongs to it as well: a far side that uses one branch for two calls must not have its second call taken for the
    /// first.
    pub(crate) fn server_key(message: &Message, method: Method) -> String {
        let via = message.via();
        let (branch, sent_by) = via.map_or((None, String::new()), |v| (v.branch, v.sent_by));
        let method = if method == Method::Ack { Method::Invite } else { method };
        let call_id = message.call_id();
        // The bare cookie tells nothing apart (RFC 4475 3.2.1).
        match branch.filter(|b| b.starts_with("z9hG4bK") && b.len() > 7) {
            Some(branch) => format!("{branch}|{sent_by}|{call_id}|{}", method.as_str()),
            None => format!(
                "{call_id}|{}|{}|{sent_by}|{}",
                message.tag_from().unwrap_or_default(),
                message.cseq().map_or(0, |c| c.0),
                method.as_str()
            ),
        }
    }

    /// A request came that may be a repetition: true where it was, and was dealt with.
    pub(crate) fn absorb(&mut self, io: &mut dyn Io, key: &str, source: Target) -> bool {
        let Some(entry) = self.servers.get_mut(key) else { return false };
        // A restarted far side comes over another connection: answers go there from now on.
        entry.source = source;
        if entry.machine.repeats_answer()
            && let Some(last) = entry.last.clone()
        {
            self.send(io, source, last);
        }
        true
    }

    /// Whether there are too many requests of theirs at once to take another: a peer that has gone mad.
    pub(crate) fn is_crowded(&self) -> bool {
        self.servers.len() >= MAX_SERVERS
    }

    /// Starts the transaction of a request.
    pub(crate) fn open_server(&mut self, key: &str, method: Method, source: Target, leg: Option<u64>) {
        let reliable = source.transport.is_reliable();
        let machine = Server::new(method == Method::Invite, reliable, self.timing);
        self.servers.insert(key.to_owned(), ServerEntry { machine, last: None, source, leg, alarm: None });
    }

    /// Gives a transaction to a leg.
    pub(crate) fn bind_server(&mut self, key: &str, leg: u64) {
        if let Some(entry) = self.servers.get_mut(key) {
            entry.leg = Some(leg);
        }
    }

    /// Answers in a transaction. False where it is gone or was answered before.
    pub(crate) fn answer(&mut self, io: &mut dyn Io, key: &str, status: u16, bytes: Vec<u8>) -> bool {
        let Some(mut entry) = self.servers.remove(key) else { return false };
        let good = entry.machine.respond(status, self.now);
        if good {
            self.send(io, entry.source, bytes.clone());
            entry.last = Some(bytes);
        }
        let at = entry.machine.next();
        entry.alarm = self.set_alarm(entry.alarm, at, || Due::Server(key.to_owned()));
        self.servers.insert(key.to_owned(), entry);
        good
    }

    /// Answers a request that has no leg: one transaction, one final answer.
    #[allow(clippy::too_many_arguments, reason = "the parts of one answer")]
    pub(crate) fn refuse(
        &mut self,
        io: &mut dyn Io,
        message: &Message,
        method: Method,
        source: Target,
        status: u16,
        headers: &str,
    ) {
        let key = Self::server_key(message, method);
        self.open_server(&key, method, source, None);
        let tag = crate::sip::invite::derive(6, &["stateless", &key]);
        let bytes = self.response(message, source, status, &tag, headers, None);
        self.answer(io, &key, status, bytes);
    }

    /// The bytes of an answer.
    pub(crate) fn response(
        &self,
        message: &Message,
        source: Target,
        status: u16,
        to_tag: &str,
        headers: &str,
        body: Option<&str>,
    ) -> Vec<u8> {
        Response {
            request: message,
            source: source.dest,
            status,
            phrase: phrase(status),
            to_tag,
            headers,
            body,
            server: &self.shared.config.user_agent,
        }
        .build()
    }

    /// The ACK of an answer to an INVITE of theirs. True the first time.
    pub(crate) fn acked(&mut self, key: &str) -> bool {
        let Some(mut entry) = self.servers.remove(key) else { return false };
        let first = entry.machine.on_ack(self.now);
        let at = entry.machine.next();
        entry.alarm = self.set_alarm(entry.alarm, at, || Due::Server(key.to_owned()));
        self.servers.insert(key.to_owned(), entry);
        first
    }

    /// The leg of an INVITE of theirs.
    pub(crate) fn server_leg(&self, key: &str) -> Option<u64> {
        self.servers.get(key)?.leg
    }

    /// Whether the transaction is there at all.
    pub(crate) fn absorb_quietly(&self, key: &str) -> bool {
        self.servers.contains_key(key)
    }

    /// Whether the transaction is there and has no final answer yet.
    pub(crate) fn is_unanswered(&self, key: &str) -> bool {
        self.servers.get(key).is_some_and(|s| !s.machine.is_final())
    }

    fn server_due(&mut self, io: &mut dyn Io, key: &str) {
        let Some(mut entry) = self.servers.remove(key) else { return };
        entry.alarm = None;
        let due = entry.machine.on_timer(self.now);
        if due.resend
            && let Some(last) = &entry.last
        {
            self.shared.counters.retransmissions.fetch_add(1, Ordering::Relaxed);
            self.send(io, entry.source, last.clone());
        }
        if due.gone {
            if due.timed_out
                && let Some(leg) = entry.leg
            {
                self.with_leg(io, leg, |core, io, leg| leg.on_no_ack(core, io));
            }
            return;
        }
        let at = entry.machine.next();
        entry.alarm = self.set_alarm(None, at, || Due::Server(key.to_owned()));
        self.servers.insert(key.to_owned(), entry);
    }

    /// Looks at telephones then.
    pub(super) fn set_registrar_alarm(&mut self, at: Option<Instant>) {
        let old = self.registrar_alarm.take();
        self.registrar_alarm = self.set_alarm(old, at, || Due::Registrar);
    }

    // ---- trunks' health

    pub(crate) fn set_health_alarm(&mut self, trunk: usize) {
        let (old, at) = self.health.get(trunk).map_or((None, None), |h| (h.alarm, h.next()));
        let alarm = self.set_alarm(old, at, || Due::Health(trunk));
        if let Some(h) = self.health.get_mut(trunk) {
            h.alarm = alarm;
        }
    }
}
