//! What the carrier is told: how it listens, what it limits, and how each callee behaves. One TOML file.
//!
//! A callee is found by its number in three passes: exact numbers, then the longest prefix, then the first pattern.
//! Every field of a callee falls back to `[defaults]`, then to the values of `Callee::resolve`.

mod callee;
mod demo;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use callee::{Audio, Behaviour, Callee, DtmfKind, MixEntry, Resolved};
pub use demo::demo_config;

/// How long a server transaction lives and what it obeys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// RFC 3261 17.2.1: the INVITE transaction ends when a 2xx is sent.
    #[default]
    Rfc3261,
    /// RFC 6026: it stays in Accepted for 64*T1 and absorbs repeated INVITEs.
    Rfc6026,
    /// Everything is forgotten 5 s after a final answer, over TCP and TLS at once.
    Forgetful,
    /// As RFC 6026, but `Require` and `Proxy-Require` are ignored: unknown options ring.
    NoRequire,
}

impl std::str::FromStr for Profile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rfc3261" => Ok(Self::Rfc3261),
            "rfc6026" => Ok(Self::Rfc6026),
            "forgetful" => Ok(Self::Forgetful),
            "no-require" => Ok(Self::NoRequire),
            other => Err(format!("unknown profile {other:?} (rfc3261, rfc6026, forgetful, no-require)")),
        }
    }
}

/// Which calls are listened to with the prompts at hand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Hear {
    /// None: received audio is counted, not kept.
    None,
    /// Every call.
    #[default]
    All,
    /// One call in so many.
    Sample(u64),
}

impl std::str::FromStr for Hear {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "none" => Ok(Self::None),
            "all" => Ok(Self::All),
            other => other
                .strip_prefix("sample=")
                .and_then(|n| n.parse().ok())
                .filter(|n| *n > 0)
                .map(Self::Sample)
                .ok_or_else(|| format!("unknown value {other:?} (none, all, sample=N)")),
        }
    }
}

/// Damage done to every SIP message, both ways.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Network {
    /// Share of messages that vanish, 0 to 1 (datagrams only: a stream loses nothing).
    pub loss: f64,
    /// Share of messages that arrive twice (datagrams only).
    pub duplicate: f64,
    /// Delay of each message, shortest and longest, milliseconds.
    pub delay_ms: (u64, u64),
}

/// Limits of the trunk.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// New calls a second; more get `cps_status`.
    pub cps: Option<u32>,
    /// Calls at once; more get 503 with cause 34.
    pub channels: Option<u32>,
    /// Allowed time of day, `HH:MM-HH:MM`; outside it 403 with a text about the time.
    pub window: Option<String>,
    /// Time zone of `window`, an IANA name; Asia/Shanghai where missing.
    pub time_zone: Option<String>,
    /// Answer to a call over `cps`: 503 or 429 or 603; 503 where missing.
    pub cps_status: Option<u16>,
    /// Calls to one number in a minute; more get 403 with a text about the frequency.
    pub per_number_minute: Option<u32>,
    /// Spans of the day, `HH:MM-HH:MM`, in which every call gets 403 with a text about the time.
    #[serde(default)]
    pub barred: Vec<String>,
    /// Limits of calls to one number, each with a window of its own.
    #[serde(default)]
    pub per_number: Vec<PerNumber>,
}

/// A limit of calls to one number; more get 403 with a text about the frequency. Calls that are refused for it do not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PerNumber {
    /// Length of the window, milliseconds.
    pub window_ms: u64,
    /// Most calls in it.
    pub max: u32,
    /// Fixed windows, each begun by the first call outside the one before; else any time of this length.
    #[serde(default)]
    pub from_first_call: bool,
}

/// Digest credentials and where they are asked for.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Protection realm.
    pub realm: String,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// 401 or 407: challenge every INVITE. Absent: INVITEs are not challenged (a callee may still be `challenge`).
    pub invite: Option<u16>,
    /// Challenge REGISTER; on where missing.
    #[serde(default = "yes")]
    pub register: bool,
}

fn yes() -> bool {
    true
}

/// Reliable provisional responses (RFC 3262).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prack {
    /// Only when the INVITE requires 100rel.
    #[default]
    WhenRequired,
    /// Whenever the INVITE supports it.
    Always,
    /// 100rel is an unknown option.
    Never,
}

/// Settings of the TOML file.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Behaviour of callees without an entry, and fallbacks for those with one.
    pub defaults: Callee,
    /// Limits of the trunk.
    pub limits: Limits,
    /// Digest credentials.
    pub auth: Option<Auth>,
    /// Reliable provisional responses.
    pub prack: Prack,
    /// Country code put before national numbers; `86` where missing.
    pub country_code: Option<String>,
    /// The callees.
    #[serde(rename = "callee")]
    pub callees: Vec<Callee>,
}

impl Settings {
    /// Reads settings from TOML text and checks every callee.
    ///
    /// # Errors
    /// The text is no valid settings file; the error names the line or the callee.
    pub fn parse(text: &str) -> anyhow::Result<Self> {
        let settings: Self = toml::from_str(text)?;
        for (index, callee) in settings.callees.iter().enumerate() {
            callee.check().map_err(|e| anyhow::anyhow!("callee {}: {e}", index + 1))?;
        }
        for window in settings.limits.window.iter().chain(&settings.limits.barred) {
            crate::clock::Window::parse(window, settings.limits.time_zone.as_deref())?;
        }
        Ok(settings)
    }

    /// Reads a settings file.
    ///
    /// # Errors
    /// The file cannot be read or is not valid.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        use anyhow::Context as _;
        let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("read {}", path.display()))
    }

    /// The entry for `number` (E.164) with its fallbacks filled in. `call_no` counts the earlier calls to the number
    /// and picks from `sequence`; `seed` and the number pick from `mix`.
    pub fn callee(&self, number: &str, call_no: u32, seed: u64) -> Resolved {
        let exact = self.callees.iter().find(|c| c.number.as_deref() == Some(number));
        let by_prefix = || {
            self.callees
                .iter()
                .filter(|c| c.prefix.as_deref().is_some_and(|p| number.starts_with(p)))
                .max_by_key(|c| c.prefix.as_ref().map_or(0, String::len))
        };
        let by_pattern =
            || self.callees.iter().find(|c| c.pattern.as_deref().is_some_and(|p| matches(p, number)));
        let entry = exact.or_else(by_prefix).or_else(by_pattern);
        match entry {
            Some(entry) => entry.over(&self.defaults).resolve(number, call_no, seed),
            None => self.defaults.resolve(number, call_no, seed),
        }
    }

    /// `dialled` (user part of a Request-URI) as E.164.
    pub fn e164(&self, dialled: &str) -> String {
        let plain: String = dialled.chars().filter(|c| !matches!(c, '-' | '.' | ' ' | '(' | ')')).collect();
        let country = self.country_code.as_deref().unwrap_or("86");
        if plain.starts_with('+') || plain.is_empty() || !plain.bytes().all(|b| b.is_ascii_digit()) {
            return plain;
        }
        if let Some(rest) = plain.strip_prefix("00") {
            return format!("+{rest}");
        }
        if plain.starts_with(country) && plain.len() > 11 {
            return format!("+{plain}");
        }
        format!("+{country}{}", plain.strip_prefix('0').unwrap_or(&plain))
    }
}

/// `?` matches one digit, a last `*` the rest.
fn matches(pattern: &str, number: &str) -> bool {
    let (pattern, open) = match pattern.strip_suffix('*') {
        Some(p) => (p, true),
        None => (pattern, false),
    };
    let (p, n) = (pattern.as_bytes(), number.as_bytes());
    (n.len() == p.len() || open && n.len() >= p.len())
        && p.iter().zip(n).all(|(p, n)| p == n || *p == b'?' && n.is_ascii_digit())
}

/// Everything one carrier process needs.
#[derive(Debug, Clone)]
pub struct Config {
    /// The TOML file's content.
    pub settings: Settings,
    /// Where the truth log goes; created where missing, appended to otherwise.
    pub truth: PathBuf,
    /// Address of the SIP listeners, `127.0.0.1:0` for a free port. UDP and TCP use the same port.
    pub listen: std::net::SocketAddr,
    /// Listen on UDP.
    pub udp: bool,
    /// Listen on TCP.
    pub tcp: bool,
    /// Listen on TLS, on a port of its own, with certificate and key as PEM files.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Life of server transactions.
    pub profile: Profile,
    /// Seed of every choice.
    pub seed: u64,
    /// Damage to SIP messages.
    pub network: Network,
    /// Folder of prompt WAVs (8 kHz mono, PCM16 or A-law or µ-law); the file name is the prompt id.
    pub prompts: Option<PathBuf>,
    /// Which calls are matched with the prompts.
    pub hear: Hear,
    /// Folder that takes what each callee who is listened to has heard, `CALLED-CALL_ID.wav` (8 kHz mono, A-law or µ-law as it came).
    pub keep: Option<PathBuf>,
    /// RTP sockets shared by all calls.
    pub rtp_sockets: usize,
}

impl Config {
    /// A carrier on a free loopback port with UDP and TCP and no damage.
    pub fn new(settings: Settings, truth: impl Into<PathBuf>) -> Self {
        Self {
            settings,
            truth: truth.into(),
            listen: std::net::SocketAddr::from(([127, 0, 0, 1], 0)),
            udp: true,
            tcp: true,
            tls: None,
            profile: Profile::default(),
            seed: 1,
            network: Network::default(),
            prompts: None,
            hear: Hear::None,
            keep: None,
            rtp_sockets: 8,
        }
    }
}
