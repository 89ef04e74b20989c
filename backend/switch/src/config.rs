//! What the switch is told at start: where to listen, which trunks there are, how much is allowed.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::media::Codec;

/// How SIP messages travel.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// Datagrams, RFC 3261 18.
    Udp,
    /// A stream.
    Tcp,
    /// TLS over TCP.
    Tls,
}

impl Transport {
    /// Whether the transport delivers without loss, so that no message is sent twice (RFC 3261 17).
    #[must_use]
    pub fn is_reliable(self) -> bool {
        self != Self::Udp
    }

    /// The port where none is given (RFC 3261 19.1.2).
    #[must_use]
    pub fn default_port(self) -> u16 {
        if self == Self::Tls { 5061 } else { 5060 }
    }

    /// The name in a Via header.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
        }
    }
}

/// One address to listen on for SIP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// How messages travel there.
    pub transport: Transport,
    /// Local address; port 0 takes a free one (see [`Switch::local_addrs`](crate::Switch::local_addrs)).
    pub addr: SocketAddr,
    /// PEM file of the certificate chain, TLS only.
    pub tls_cert: Option<PathBuf>,
    /// PEM file of the private key, TLS only.
    pub tls_key: Option<PathBuf>,
}

impl Listen {
    /// A UDP listener.
    #[must_use]
    pub fn udp(addr: SocketAddr) -> Self {
        Self { transport: Transport::Udp, addr, tls_cert: None, tls_key: None }
    }

    /// A TCP listener.
    #[must_use]
    pub fn tcp(addr: SocketAddr) -> Self {
        Self { transport: Transport::Tcp, addr, tls_cert: None, tls_key: None }
    }
}

/// Everything the switch is told at start.
#[derive(Debug, Clone)]
pub struct SwitchConfig {
    /// Where SIP is heard. At least one; the first of a transport is what trunks of that transport send from.
    /// A fixed port is what lets a restarted process go on with its calls.
    pub listen: Vec<Listen>,
    /// The address that peers see, put into Via, Contact and SDP. `None`: the local address of each listener, or for
    /// a wildcard the address of the route to the peer.
    pub public_address: Option<IpAddr>,
    /// Local ports for RTP; each leg takes an even one (RTCP is one above).
    pub rtp_ports: RangeInclusive<u16>,
    /// Number of RTP threads, at least 1; each is pinned to a core.
    pub media_threads: usize,
    /// `User-Agent` and `Server`.
    pub user_agent: String,
    /// The trunks, names unique.
    pub trunks: Vec<TrunkConfig>,
    /// T1 of RFC 3261 17.1.1.1, the estimate of a round trip; 500 ms on real networks. All other timers are multiples.
    pub t1: Duration,
    /// Budgets for each source address.
    pub flood: FloodLimits,
    /// A leg that had RTP and then hears none for so long, unless on hold, is hung up (`MediaTimeout`). `None`: never.
    pub media_timeout: Option<Duration>,
    /// Most legs at once, in and out; further incoming calls get 503, further drafts wait for a permit.
    pub max_legs: usize,
    /// Where apps are heard over WebRTC. `None`: no app legs.
    pub apps: Option<AppLegs>,
    /// Telephones that may register, at every listener. `None`: whoever is no peer of a trunk is not answered.
    pub phones: Option<Phones>,
    /// The domain after `@` in our Call-IDs. Part of what makes an INVITE the same after a restart.
    pub call_id_suffix: String,
}

impl Default for SwitchConfig {
    fn default() -> Self {
        Self {
            listen: vec![Listen::udp(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0))],
            public_address: None,
            rtp_ports: 20_000..=29_999,
            media_threads: 1,
            user_agent: concat!("waybell/", env!("CARGO_PKG_VERSION")).to_owned(),
            trunks: Vec::new(),
            t1: Duration::from_millis(500),
            flood: FloodLimits::default(),
            media_timeout: Some(Duration::from_secs(60)),
            max_legs: 10_000,
            apps: None,
            phones: None,
            call_id_suffix: "waybell".to_owned(),
        }
    }
}

/// Legs of apps over WebRTC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppLegs {
    /// The one UDP socket for all of them; port 0 takes a free one.
    pub listen: SocketAddr,
    /// The address that apps are told, where it is another than that of `listen` (behind NAT, or a wildcard); the port is the same.
    pub public_address: Option<IpAddr>,
    /// How long a leg of which nothing is heard is kept, on top of the 15 s or so until that is noticed: a new offer on it
    /// (ICE restart) within that time saves it. On hold a minute more.
    pub gone_after: Duration,
}

impl AppLegs {
    /// A socket at `listen`, legs kept for 15 s.
    #[must_use]
    pub fn new(listen: SocketAddr) -> Self {
        Self { listen, public_address: None, gone_after: Duration::from_secs(15) }
    }
}

/// How a password was hashed (RFC 7616).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DigestHash {
    /// What is offered first.
    Sha256,
    /// For telephones that know no other.
    Md5,
}

/// Who may register. Asked by the agent, which must not wait: answers come from memory.
pub trait PhoneAccounts: std::fmt::Debug + Send + Sync {
    /// The hash of user name, realm and password ([`ha1`](crate::ha1)), lowercase hexadecimal; `None` for a user who is not
    /// there.
    fn ha1(&self, user: &str, realm: &str, hash: DigestHash) -> Option<String>;

    /// False until all are there: whoever asks meanwhile is told to come again, and nothing is held against them.
    fn is_ready(&self) -> bool {
        true
    }
}

/// Telephones that register.
#[derive(Debug, Clone)]
pub struct Phones {
    /// Who may.
    pub accounts: std::sync::Arc<dyn PhoneAccounts>,
    /// The realm of challenges; part of what is hashed, so that a change makes every password wrong.
    pub realm: String,
    /// Hashes that are offered, the best first. Telephones that know MD5 alone may fail at a challenge that offers another as
    /// well; one that comes back without an answer is then offered the last of these alone.
    pub hashes: Vec<DigestHash>,
    /// A registration for less is refused (423).
    pub min_expires: Duration,
    /// No registration lasts longer: what is asked for beyond it is granted up to it.
    pub max_expires: Duration,
    /// Time between two questions (OPTIONS) to a telephone that registered by datagrams. They keep a NAT open.
    pub ask_every: Duration,
    /// Contacts of one user; a further one takes the place of the one that would end first.
    pub contacts_per_user: usize,
    /// Contacts at once, over all users.
    pub contacts: usize,
    /// REGISTERs and INVITEs outside a call, a second, from one address (bursts of twice as many).
    pub requests_per_s: u32,
    /// Connections at once from one address that is no peer's.
    pub connections_per_address: usize,
}

impl Phones {
    /// Registrations of 30 s to 2 minutes, asked every 25 s, 4 contacts a user and 20,000 in all.
    #[must_use]
    pub fn new(accounts: std::sync::Arc<dyn PhoneAccounts>, realm: &str) -> Self {
        Self {
            accounts,
            realm: realm.to_owned(),
            hashes: vec![DigestHash::Sha256, DigestHash::Md5],
            min_expires: Duration::from_secs(30),
            max_expires: Duration::from_secs(120),
            ask_every: Duration::from_secs(25),
            contacts_per_user: 4,
            contacts: 20_000,
            requests_per_s: 20,
            connections_per_address: 64,
        }
    }
}

/// A way to the telephone network: a carrier, a gateway, an IMS.
#[derive(Debug, Clone)]
pub struct TrunkConfig {
    /// Unique name.
    pub name: String,
    /// `host[:port]` of the far side, tried in this order: the first that answers OPTIONS is used.
    pub peers: Vec<String>,
    /// How to reach them.
    pub transport: Transport,
    /// Lower is tried first.
    pub priority: u16,
    /// Weight among trunks of one priority; 0 is used only when no other is up.
    pub share: u32,
    /// Most new calls a second.
    pub cps: u32,
    /// Most calls at once.
    pub channels: u32,
    /// Channels that [`Switch::try_permits`](crate::Switch::try_permits) leaves free for
    /// [`Switch::try_urgent_permit`](crate::Switch::try_urgent_permit).
    pub reserve: u32,
    /// Numbers that may be shown as caller on this trunk. Empty: none, so no call can leave.
    pub caller_ids: Vec<String>,
    /// Whether the far side obeys `Require`, so that an attempt may be probed after a crash.
    pub probe: bool,
    /// Name and password for digest challenges (RFC 3261 22).
    pub auth: Option<Credentials>,
    /// Register with the far side, for trunks that find us that way.
    pub register: Option<Registration>,
    /// Codecs offered, best first.
    pub codecs: Vec<Codec>,
    /// Session interval proposed (RFC 4028); `None` proposes none but honours the far side's.
    pub session_expires: Option<Duration>,
    /// Time between OPTIONS to each peer. `None`: no keepalive, the trunk always counts as up.
    pub options_interval: Option<Duration>,
    /// Whether calls from the peers' addresses are accepted.
    pub inbound: bool,
    /// Domain of the callee's URI and of From; default is the peer as configured.
    pub domain: Option<String>,
    /// Headers put on every INVITE of this trunk.
    pub headers: Vec<(String, String)>,
    /// PEM file with the certificate authorities trusted for TLS; default is the web's.
    pub tls_ca: Option<PathBuf>,
    /// Name to check the far side's certificate against; default is the peer's host.
    pub tls_name: Option<String>,
    /// Longest time between INVITE and final answer (RFC 3261 timer C side); after it the leg is cancelled.
    pub ring_limit: Duration,
}

impl TrunkConfig {
    /// A UDP trunk to `peers`, 50 calls a second, 500 channels, probing on, A-law before µ-law.
    #[must_use]
    pub fn new(name: impl Into<String>, peers: Vec<String>) -> Self {
        Self {
            name: name.into(),
            peers,
            transport: Transport::Udp,
            priority: 10,
            share: 1,
            cps: 50,
            channels: 500,
            reserve: 0,
            caller_ids: Vec::new(),
            probe: true,
            auth: None,
            register: None,
            codecs: vec![Codec::Pcma, Codec::Pcmu],
            session_expires: Some(Duration::from_secs(1800)),
            options_interval: Some(Duration::from_secs(30)),
            inbound: true,
            domain: None,
            headers: Vec::new(),
            tls_ca: None,
            tls_name: None,
            ring_limit: Duration::from_secs(180),
        }
    }
}

/// Name and password for digest authentication.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// User name.
    pub username: String,
    /// Password. Never logged.
    pub password: String,
    /// Only answer challenges of this realm; `None` answers any.
    pub realm: Option<String>,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("realm", &self.realm).finish_non_exhaustive()
    }
}

/// Registration with a trunk's far side (RFC 3261 10).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registration {
    /// Address of record, `sip:user@domain`.
    pub aor: String,
    /// Interval asked for; refreshed when half of what was granted has passed.
    pub expires: Duration,
}

/// Budgets of requests for each source address; what is over is dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FloodLimits {
    /// INVITE a second from a peer of a trunk (bursts of twice as many).
    pub invites_per_s: u32,
    /// Other requests outside a call, a second, from a peer of a trunk.
    pub requests_per_s: u32,
    /// OPTIONS a second that strangers get an answer to. 0: none, strangers are dropped silently.
    pub stranger_options_per_s: u32,
    /// Source addresses (of IPv6 networks of 64 bits) remembered at once of each kind of request. Those that were silent for 10 s are
    /// forgotten where room is needed; where there is none, further ones share one budget.
    pub sources: usize,
}

impl Default for FloodLimits {
    fn default() -> Self {
        Self { invites_per_s: 200, requests_per_s: 500, stranger_options_per_s: 0, sources: 10_000 }
    }
}
