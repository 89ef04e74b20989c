//! What the handle, the agent and the sockets share: configuration, trunks, ports, counters.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rustls_pki_types::ServerName;
use tokio::sync::Notify;
use tokio_rustls::TlsConnector;

use super::super::guard::Guard;
use super::super::invite::{self, Way};
use super::super::record::InviteRecord;
use super::super::registrar::Registrar;
use super::super::trunk::Trunks;
use super::super::wire::{Routes, tls_connector};
use crate::call::Draft;
use crate::config::{SwitchConfig, Transport, TrunkConfig};
use crate::error::SwitchError;
use crate::event::LegId;
use crate::phone::PhoneDraft;
use crate::record::Recorder;
use crate::rtp::pool::PortPool;
use crate::switch::Stats;

/// Counters of the whole switch.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) legs: AtomicUsize,
    pub(crate) transactions: AtomicUsize,
    pub(crate) placed: AtomicU64,
    pub(crate) incoming: AtomicU64,
    pub(crate) answered: AtomicU64,
    messages_in: AtomicU64,
    pub(crate) messages_out: AtomicU64,
    pub(crate) retransmissions: AtomicU64,
    guarded: AtomicU64,
    malformed: AtomicU64,
}

impl Counters {
    pub(crate) fn guarded(&self) {
        self.guarded.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn malformed(&self) {
        self.malformed.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn message_in(&self) {
        self.messages_in.fetch_add(1, Ordering::Relaxed);
    }
}

/// What the handle may know of a leg.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct View {
    /// Confirmed, with media.
    pub(crate) media: bool,
    /// In a bridge.
    pub(crate) bridged: bool,
}

/// Shared by handle, agent, sockets and RTP threads.
pub(crate) struct Shared {
    pub(crate) config: SwitchConfig,
    pub(crate) trunks: Trunks,
    pub(crate) ports: Arc<PortPool>,
    pub(crate) guard: Mutex<Guard>,
    pub(crate) counters: Counters,
    pub(crate) rtp: Arc<crate::rtp::Totals>,
    pub(crate) recorder: Recorder,
    pub(crate) view: Mutex<HashMap<LegId, View>>,
    pub(crate) leg_ended: Notify,
    locals: Vec<(Transport, SocketAddr)>,
    routes: Mutex<Routes>,
    /// Telephones that register, where they may.
    pub(crate) registrar: Option<Mutex<Registrar>>,
    /// Connections of strangers over which somebody has proved who they are.
    pub(crate) proved: Mutex<std::collections::HashSet<u64>>,
    /// Where apps find the gateway, and where the relay does.
    pub(crate) apps: Option<(SocketAddr, SocketAddr)>,
}

impl Shared {
    pub(crate) fn new(
        config: SwitchConfig,
        locals: Vec<(Transport, SocketAddr)>,
        ports: Arc<PortPool>,
        rtp: Arc<crate::rtp::Totals>,
        apps: Option<(SocketAddr, SocketAddr)>,
    ) -> Self {
        Self {
            trunks: Trunks::new(config.trunks.clone(), config.max_legs),
            guard: Mutex::new(Guard::new(
                config.flood,
                config.phones.as_ref().map_or(0, |p| p.requests_per_s),
                config.phones.as_ref().map_or(0, |p| p.contacts),
            )),
            registrar: config
                .phones
                .clone()
                .map(|p| Mutex::new(Registrar::new(p, &rand::random(), std::time::Instant::now()))),
            proved: Mutex::default(),
            config,
            ports,
            rtp,
            recorder: Recorder::default(),
            counters: Counters::default(),
            view: Mutex::default(),
            leg_ended: Notify::new(),
            locals,
            routes: Mutex::default(),
            apps,
        }
    }

    pub(crate) fn local_addrs(&self) -> Vec<(Transport, SocketAddr)> {
        self.locals.clone()
    }

    /// Index among the UDP listeners of the one that has this port.
    pub(crate) fn udp_listener(&self, port: u16) -> Option<u16> {
        let mut udp = self.locals.iter().filter(|l| l.0 == Transport::Udp);
        udp.position(|l| l.1.port() == port).map(|i| i as u16)
    }

    /// Our `host:port` at the UDP listener of this index, as `dest` sees it.
    pub(crate) fn sent_by_listener(&self, index: u16, dest: SocketAddr) -> Option<SocketAddr> {
        let (_, local) = self.locals.iter().filter(|l| l.0 == Transport::Udp).nth(usize::from(index))?;
        Some(SocketAddr::new(self.public_ip(local.ip(), dest)?, local.port()))
    }

    /// Our `host:port` as `dest` sees it.
    pub(crate) fn sent_by(&self, transport: Transport, dest: SocketAddr) -> Option<SocketAddr> {
        let same = |l: &&(Transport, SocketAddr)| l.0 == transport && l.1.is_ipv4() == dest.is_ipv4();
        let (_, local) = self.locals.iter().find(same)?;
        Some(SocketAddr::new(self.public_ip(local.ip(), dest)?, local.port()))
    }

    fn public_ip(&self, local: IpAddr, dest: SocketAddr) -> Option<IpAddr> {
        match self.config.public_address {
            Some(ip) => Some(ip),
            None if local.is_unspecified() => self.routes.lock().source(dest),
            None => Some(local),
        }
    }

    /// See [`Switch::draft`](crate::Switch::draft).
    pub(crate) fn draft(&self, draft: &Draft<'_>) -> Result<InviteRecord, SwitchError> {
        let trunk =
            self.trunks.get(draft.trunk).ok_or_else(|| SwitchError::UnknownTrunk(draft.trunk.to_owned()))?;
        invite::check(draft, &trunk.config)?;
        let no_peer = || SwitchError::NoPeer(draft.trunk.to_owned());
        let (peer, destination) = trunk.peer().ok_or_else(no_peer)?;
        let sent_by = self.sent_by(trunk.config.transport, destination).ok_or_else(no_peer)?;
        let way = Way {
            trunk: &trunk.config,
            peer: &peer,
            destination,
            sent_by: sent_by.to_string(),
            media_ip: sent_by.ip(),
            rtp_port: self.ports.reserve()?,
            user_agent: &self.config.user_agent,
            call_id_suffix: &self.config.call_id_suffix,
        };
        Ok(invite::record(draft, &way))
    }

    /// See [`Switch::draft_phone`](crate::Switch::draft_phone).
    pub(crate) fn draft_phone(&self, draft: &PhoneDraft<'_>) -> Result<InviteRecord, SwitchError> {
        let contact = draft.contact;
        let sent_by = match contact.listener {
            Some(index) => self.sent_by_listener(index, contact.source),
            None => self.sent_by(contact.transport, contact.source),
        };
        let sent_by = sent_by.ok_or_else(|| SwitchError::NoPeer(contact.user.clone()))?;
        let realm = self.config.phones.as_ref().map_or("", |p| p.realm.as_str());
        let mut trunk = TrunkConfig::new("", Vec::new());
        (trunk.transport, trunk.domain, trunk.session_expires) =
            (contact.transport, Some(realm.to_owned()), None);
        trunk.caller_ids.push(draft.caller.to_owned());
        let label: String =
            draft.label.chars().filter(|c| c.is_ascii_alphanumeric() || " *+-.".contains(*c)).collect();
        let ring = draft.ring.as_secs().clamp(1, 3_600).to_string();
        let inner = Draft {
            attempt: draft.seed,
            route_no: 0,
            trunk: "",
            caller: draft.caller,
            callee: &contact.user,
            headers: vec![("Expires".to_owned(), ring)],
        };
        invite::check(&inner, &trunk)?;
        let way = Way {
            trunk: &trunk,
            peer: realm,
            destination: contact.source,
            sent_by: sent_by.to_string(),
            media_ip: sent_by.ip(),
            rtp_port: self.ports.reserve()?,
            user_agent: &self.config.user_agent,
            call_id_suffix: &self.config.call_id_suffix,
        };
        Ok(invite::to_phone(invite::record(&inner, &way), &contact.uri, &label))
    }

    /// See [`Switch::bridge`](crate::Switch::bridge).
    pub(crate) fn may_bridge(&self, a: &LegId, b: &LegId) -> Result<(), SwitchError> {
        let mut view = self.view.lock();
        if a == b || !view.contains_key(a) || !view.contains_key(b) {
            return Err(SwitchError::NoLeg);
        }
        for leg in [a, b] {
            match view.get(leg) {
                Some(v) if !v.media => return Err(SwitchError::BadState("no media yet")),
                Some(v) if v.bridged => return Err(SwitchError::BadState("in a bridge")),
                _ => {}
            }
        }
        for leg in [a, b] {
            if let Some(v) = view.get_mut(leg) {
                v.bridged = true;
            }
        }
        Ok(())
    }

    /// TLS for a connection to a trunk's peer.
    pub(crate) fn tls_client(
        &self,
        dest: SocketAddr,
    ) -> Result<(TlsConnector, ServerName<'static>), SwitchError> {
        let unknown = || SwitchError::Tls("no trunk has this peer".to_owned());
        let trunk = self.trunks.owner(dest).ok_or_else(unknown)?;
        let peers = trunk.peers();
        let peer = peers.iter().find(|p| p.addrs.iter().any(|a| a.ip() == dest.ip())).ok_or_else(unknown)?;
        tls_connector(&trunk.config, &peer.name)
    }

    pub(crate) fn stats(&self) -> Stats {
        let c = &self.counters;
        let get = |a: &AtomicU64| a.load(Ordering::Relaxed);
        Stats {
            legs: c.legs.load(Ordering::Acquire),
            transactions: c.transactions.load(Ordering::Relaxed),
            placed: get(&c.placed),
            incoming: get(&c.incoming),
            answered: get(&c.answered),
            messages_in: get(&c.messages_in),
            messages_out: get(&c.messages_out),
            retransmissions: get(&c.retransmissions),
            guarded: get(&c.guarded),
            malformed: get(&c.malformed),
            rtp_sent: self.rtp.sent.load(Ordering::Relaxed),
            rtp_received: self.rtp.received.load(Ordering::Relaxed),
        }
    }
}
