//! Configuration: one TOML file, each key also as flag and as `WAYBELL_*` variable (file < variable < flag).

use crate::geocoder::GeocoderConfig;
use crate::push::PushConfig;
use crate::speech::SpeechConfig;
use crate::transcripts::TranscriberConfig;
use figment::Figment;
use figment::providers::{Env, Format, Serialized, Toml};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

mod check;
mod folders;
mod phones;
mod ports;
mod unreadable;
mod values;

pub use check::parse_listener;
pub use phones::PhonesConfig;

/// Variables of the house that are no keys of the configuration.
const OTHERS: &[&str] = &["config_file", "password"];

/// Everything a server can be told. See `docs/operations.md` for each key.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder for all files of this server.
    pub data: PathBuf,
    /// `host:port` of the HTTP API; port 0 takes a free one and writes it to `data/ports.json`.
    pub http: String,
    /// SIP listeners, `transport:host:port` with transport `udp`, `tcp` or `tls`; port 0 takes a free one and keeps it.
    pub sip: Vec<String>,
    /// First and last UDP port for RTP, inclusive.
    pub rtp_ports: (u16, u16),
    /// Address that other systems reach this server by, when it is not the listening one (NAT).
    pub public_address: Option<IpAddr>,
    /// `sqlite:PATH` or `postgres://…`; `sqlite:DATA/waybell.db` by default.
    pub database: Option<String>,
    /// `file:PATH` for prompts and recordings; `file:DATA/media` by default.
    pub media: Option<String>,
    /// File with the master keys of recordings; `DATA/kms.key` by default.
    pub kms: Option<PathBuf>,
    /// `local`.
    pub events: String,
    /// UDP address for calls over the app (WebRTC), one socket for all; `public_address` is told to apps. Absent: none are taken.
    pub app_calls: Option<SocketAddr>,
    /// Servers that help apps through NATs.
    pub turn: Vec<Turn>,
    /// Telephones of couriers that register.
    pub phones: PhonesConfig,
    /// Carriers, gateways.
    pub trunk: Vec<Trunk>,
    /// Text messages: `outbox` (a folder) or an HTTP provider.
    pub messages: Messages,
    /// Waybill systems.
    pub webhooks: Webhooks,
    /// Voice of notices.
    pub speech: SpeechConfig,
    /// What writes voicemails down.
    pub transcriber: TranscriberConfig,
    /// Who is asked where buildings are.
    pub geocoder: GeocoderConfig,
    /// Vendors that wake apps for calls.
    pub push: PushConfig,
    /// Menus that ask for an extension.
    pub extension: Extension,
    /// Price of calls, for the estimate.
    pub rate: Rate,
    /// TLS certificate and key (PEM) for SIP over TLS.
    pub tls_certificate: Option<PathBuf>,
    /// Private key that goes with `tls_certificate`.
    pub tls_key: Option<PathBuf>,
    /// Longest ringing before we give up, seconds.
    pub ring_seconds: u32,
    /// Longest call, seconds.
    pub call_seconds: u32,
    /// Threads for RTP.
    pub media_threads: usize,
    /// Seconds that SIGTERM waits for running calls.
    pub drain_seconds: u32,
    /// `text` or `json`.
    pub log_format: String,
    /// Megabytes that must be free on the disk for calls to be recorded; absent: 512, or a fiftieth of a small disk.
    pub disk_floor_mb: Option<u64>,
    /// How often anybody may ask.
    pub limits: LimitsConfig,
}

/// Requests that are answered; more get 429 with the time to wait.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsConfig {
    /// Requests a second from one address (an IPv6 network of 64 bits counts as one).
    pub per_address: u32,
    /// Requests a second of one person.
    pub per_person: u32,
    /// Tries a minute to sign in under one name.
    pub logins_per_name: u32,
    /// Tries a minute to sign in from one address.
    pub logins_per_address: u32,
    /// Reverse proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<IpAddr>,
}

/// A connection to a carrier or gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trunk {
    /// Name in logs and records.
    pub name: String,
    /// `host:port`, tried in order.
    pub peers: Vec<String>,
    /// `udp`, `tcp` or `tls`.
    pub transport: String,
    /// Lower is tried first.
    pub priority: u16,
    /// Share among trunks of one priority.
    pub share: u32,
    /// Most new calls a second; more wait.
    pub calls_per_second: u32,
    /// Most calls at once; more wait.
    pub channels: u32,
    /// Channels that notices leave free for couriers and callers; absent: a tenth, and at least 2 of 4 or more.
    pub reserve: Option<u32>,
    /// Numbers this organisation may show on this trunk (E.164).
    pub caller_ids: Vec<String>,
    /// The far side obeys `Require` (RFC 3261 8.2.2.3); `false` makes every call in flight at a crash `unknown`.
    pub probe: bool,
    /// Digest user name.
    pub user: Option<String>,
    /// Digest password.
    pub password: Option<String>,
    /// Register at the peer (`true`) or be known by address.
    pub register: bool,
    /// Seconds of a session-timer interval (RFC 4028); absent for none.
    pub session_expires: Option<u32>,
    /// Seconds between OPTIONS; 0 for none.
    pub options_seconds: u32,
    /// PEM file of the CA that signs the peer's certificate, for `tls`.
    pub tls_ca: Option<PathBuf>,
}

/// A TURN or STUN server, as apps are told of it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Turn {
    /// `turn:host:3478?transport=udp`, `turns:…`, `stun:…`.
    pub urls: Vec<String>,
    /// Secret that is shared with the TURN server: each call has a name and password of its own.
    pub secret: Option<String>,
    /// Name, without a secret.
    pub user: Option<String>,
    /// Password, without a secret.
    pub password: Option<String>,
}

/// Where text messages go.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Messages {
    /// URL of an HTTP provider; the local folder `DATA/outbox` without it.
    pub url: Option<String>,
    /// Bearer token for the provider.
    pub token: Option<String>,
}

/// Where results may be pushed to.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Webhooks {
    /// Networks that are not public and may be pushed to all the same: `10.1.2.0/24`, `127.0.0.1`.
    pub allowed_networks: Vec<String>,
}

/// How an extension is keyed into a menu (privacy waybills share a number).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Extension {
    /// How long the menu speaks before it takes keys, milliseconds.
    pub after_ms: u32,
    /// What follows the extension; `#` for most menus, empty for those that count the digits, `,` pauses 500 ms.
    pub end: String,
    /// How long the person behind it takes to answer, milliseconds.
    pub connect_ms: u32,
}

/// Price of calls.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rate {
    /// Price of one started step, fen.
    pub step_minor: i64,
    /// Step, seconds.
    pub step_seconds: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config {
            data: "data".into(),
            http: "127.0.0.1:8600".into(),
            sip: vec!["udp:0.0.0.0:5060".into()],
            rtp_ports: (20_000, 29_999),
            public_address: None,
            database: None,
            media: None,
            kms: None,
            events: "local".into(),
            app_calls: None,
            turn: Vec::new(),
            phones: PhonesConfig::default(),
            trunk: Vec::new(),
            messages: Messages::default(),
            webhooks: Webhooks::default(),
            speech: SpeechConfig::default(),
            transcriber: TranscriberConfig::default(),
            geocoder: GeocoderConfig::default(),
            push: PushConfig::default(),
            extension: Extension::default(),
            rate: Rate::default(),
            tls_certificate: None,
            tls_key: None,
            ring_seconds: 45,
            call_seconds: 300,
            media_threads: 1,
            drain_seconds: 60,
            log_format: "text".into(),
            disk_floor_mb: None,
            limits: LimitsConfig::default(),
        }
    }
}

impl Default for LimitsConfig {
    fn default() -> Self {
        LimitsConfig {
            per_address: 200,
            per_person: 50,
            logins_per_name: 20,
            logins_per_address: 120,
            trusted_proxies: Vec::new(),
        }
    }
}

impl Default for Trunk {
    fn default() -> Self {
        Trunk {
            name: String::new(),
            peers: Vec::new(),
            transport: "udp".into(),
            priority: 10,
            share: 1,
            calls_per_second: 10,
            channels: 30,
            reserve: None,
            caller_ids: Vec::new(),
            probe: true,
            user: None,
            password: None,
            register: false,
            session_expires: None,
            options_seconds: 30,
            tls_ca: None,
        }
    }
}

impl Trunk {
    /// Channels that notices leave free for couriers' calls and callers who are put through.
    pub fn kept_free(&self) -> u32 {
        let tenth = self.channels.div_ceil(10);
        self.reserve.unwrap_or(if self.channels < 4 { 0 } else { tenth.max(2) })
    }
}

impl Default for Extension {
    fn default() -> Self {
        Extension { after_ms: 2_000, end: "#".into(), connect_ms: 4_000 }
    }
}

impl Default for Rate {
    fn default() -> Self {
        Rate { step_minor: 7, step_seconds: 60 }
    }
}

/// What is wrong with a configuration, and what to do.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file or a variable does not read.
    #[error("configuration: {0}")]
    Unreadable(String),
    /// A key has a value that cannot work.
    #[error("configuration key {key}: {problem}; {hint}")]
    Bad {
        /// Key.
        key: String,
        /// What is wrong.
        problem: String,
        /// What to do.
        hint: String,
    },
}

impl Config {
    /// Reads file, variables and flags. `flags` holds `key = value` pairs in TOML's terms.
    pub fn load(file: Option<&Path>, flags: &[String]) -> Result<Config, ConfigError> {
        let mut figment = Figment::from(Serialized::defaults(Config::default()));
        let mut text = String::new();
        if let Some(file) = file {
            if !file.is_file() {
                return Err(bad(
                    "--config",
                    format!("{} is not a file", file.display()),
                    "name an existing TOML file",
                ));
            }
            text = std::fs::read_to_string(file).map_err(|e| {
                let problem = format!("{}: {e}", file.display());
                bad("--config", problem, "name a file in UTF-8 that the server may read")
            })?;
            unreadable::syntax(file, &text).map_or(Ok(()), |e| Err(ConfigError::Unreadable(e)))?;
            figment = figment.merge(Toml::file(file));
        }
        // other programs of the house have variables with the same prefix
        let known: Vec<String> = serde_json::to_value(Config::default())
            .ok()
            .and_then(|v| v.as_object().map(|o| o.keys().cloned().collect()))
            .unwrap_or_default();
        if let Some(error) = misspelt(&known) {
            return Err(error);
        }
        let own = move |key: &figment::value::UncasedStr| {
            let first = key.as_str().split("__").next().unwrap_or_default().to_lowercase();
            known.contains(&first)
        };
        figment = figment.merge(Env::prefixed("WAYBELL_").filter(own).split("__"));
        for flag in flags {
            let Some((key, value)) = flag.split_once('=') else {
                return Err(bad("--set", format!("{flag:?} has no ="), "write --set key=value"));
            };
            let toml = format!("{} = {}", key.trim(), value.trim());
            let text = if toml.parse::<toml::Table>().is_ok() { toml } else { quoted(key, value) };
            figment = figment.merge(Toml::string(&text));
        }
        let config: Config =
            figment.extract().map_err(|e| ConfigError::Unreadable(unreadable::told(&e, &text)))?;
        config.check()?;
        Ok(config)
    }

    /// The database URL in force.
    pub fn database_url(&self) -> String {
        self.database.clone().unwrap_or_else(|| format!("sqlite:{}", self.data.join("waybell.db").display()))
    }

    /// The folder of prompts and recordings in force.
    pub fn media_dir(&self) -> PathBuf {
        match self.media.as_deref().and_then(|m| m.strip_prefix("file:")) {
            Some(path) => path.into(),
            None => self.data.join("media"),
        }
    }

    /// The file with the master keys of recordings in force.
    pub fn kms_file(&self) -> PathBuf {
        self.kms.clone().unwrap_or_else(|| self.data.join("kms.key"))
    }
}

/// A variable that is nearly a key: a slip of the finger that would otherwise have no effect.
fn misspelt(known: &[String]) -> Option<ConfigError> {
    std::env::vars_os().find_map(|(name, _)| {
        let name = name.to_str()?;
        let first = name.strip_prefix("WAYBELL_")?.split("__").next()?.to_lowercase();
        if known.contains(&first) || OTHERS.contains(&first.as_str()) {
            return None;
        }
        let near = known.iter().find(|k| strsim::damerau_levenshtein(k, &first) <= 1 + k.len() / 8)?;
        let hint = format!("write WAYBELL_{}, or remove it", near.to_uppercase());
        Some(bad(name, "is no key of the configuration".into(), &hint))
    })
}

fn quoted(key: &str, value: &str) -> String {
    let escaped = value.trim().replace('\\', "\\\\").replace('"', "\\\"");
    format!("{} = \"{escaped}\"", key.trim())
}

fn bad(key: &str, problem: String, hint: &str) -> ConfigError {
    ConfigError::Bad { key: key.into(), problem, hint: hint.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_beats_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("w.toml");
        std::fs::write(&file, "http = \"127.0.0.1:1\"\nring_seconds = 10\n").unwrap();
        let config =
            Config::load(Some(&file), &["http=127.0.0.1:2".into(), "rtp_ports=[30000, 30100]".into()])
                .unwrap();
        assert_eq!(config.http, "127.0.0.1:2");
        assert_eq!(config.ring_seconds, 10);
        assert_eq!(config.rtp_ports, (30000, 30100));
    }

    #[test]
    fn notices_leave_channels_free() {
        let kept = |channels, reserve| Trunk { channels, reserve, ..Trunk::default() }.kept_free();
        assert_eq!([1, 3, 4, 30, 31, 500].map(|n| kept(n, None)), [0, 0, 2, 3, 4, 50]);
        assert_eq!((kept(30, Some(0)), kept(3, Some(2))), (0, 2));
        let trunk =
            "trunk=[{name=\"a\",peers=[\"a:5060\"],caller_ids=[\"+862131001234\"],channels=4,reserve=4}]";
        let e = Config::load(None, &[trunk.into()]).unwrap_err().to_string();
        assert!(e.contains("trunk[0].reserve"), "{e}");
    }

    #[test]
    fn a_wrong_key_is_named() {
        let e = Config::load(None, &["htttp=1".into()]).unwrap_err().to_string();
        assert!(e.contains("htttp"), "{e}");
        let e = Config::load(None, &["trunk=[{ password = 48211973 }]".into()]).unwrap_err().to_string();
        assert!(
            e.contains("password") && e.contains("a text in double quotes") && !e.contains("48211973"),
            "{e}"
        );
        let e = Config::load(None, &["sip=[\"upd:1.2.3.4:5060\"]".into()]).unwrap_err().to_string();
        assert!(e.contains("upd") && e.contains("udp:0.0.0.0:5060"), "{e}");
    }
}
