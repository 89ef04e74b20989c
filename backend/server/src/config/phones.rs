//! `[phones]`: telephones of couriers that register.

use super::{Config, ConfigError, bad};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use waybell_switch::{DigestHash, PhoneAccounts, Phones};

/// Telephones that register, at every address of `sip`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhonesConfig {
    /// SIP domain and realm; part of every telephone's secret, so that a change makes all of them useless. Absent: none registers.
    pub realm: Option<String>,
    /// Hashes offered, the best first: `sha-256`, `md5`.
    pub digest: Vec<String>,
    /// Shortest registration, seconds; for less a telephone is told to ask for this.
    pub min_seconds: u32,
    /// Longest registration, seconds. As long a telephone may be missing after a restart.
    pub max_seconds: u32,
    /// Seconds between two looks whether a telephone without a connection (UDP) is still there.
    pub ask_seconds: u32,
    /// REGISTERs a second that are looked at of one address.
    pub per_address: u32,
    /// Connections at once of one address.
    pub connections: u32,
}

impl Default for PhonesConfig {
    fn default() -> Self {
        PhonesConfig {
            realm: None,
            digest: vec!["sha-256".into(), "md5".into()],
            min_seconds: 30,
            max_seconds: 120,
            ask_seconds: 25,
            per_address: 20,
            connections: 64,
        }
    }
}

impl PhonesConfig {
    /// In the switch's words.
    pub(crate) fn of_switch(&self, accounts: Arc<dyn PhoneAccounts>, realm: &str) -> Phones {
        let seconds = |s: u32| Duration::from_secs(u64::from(s));
        Phones {
            hashes: self.digest.iter().filter_map(|word| hash(word)).collect(),
            min_expires: seconds(self.min_seconds),
            max_expires: seconds(self.max_seconds),
            ask_every: seconds(self.ask_seconds),
            requests_per_s: self.per_address,
            connections_per_address: self.connections as usize,
            ..Phones::new(accounts, realm)
        }
    }
}

fn hash(word: &str) -> Option<DigestHash> {
    match word {
        "sha-256" => Some(DigestHash::Sha256),
        "md5" => Some(DigestHash::Md5),
        _ => None,
    }
}

impl Config {
    pub(super) fn check_phones(&self) -> Result<(), ConfigError> {
        let phones = &self.phones;
        let Some(realm) = &phones.realm else { return Ok(()) };
        let letter = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        if realm.is_empty() || realm.len() > 64 || !realm.chars().all(letter) {
            let hint = "write the name that telephones find this server by, such as sip.example.cn";
            return Err(bad("phones.realm", format!("{realm:?} is no domain"), hint));
        }
        if phones.digest.is_empty() || phones.digest.iter().any(|word| hash(word).is_none()) {
            let problem = format!("{:?} is no list of hashes", phones.digest);
            return Err(bad("phones.digest", problem, "write [\"sha-256\", \"md5\"]"));
        }
        if !(10..=3_600).contains(&phones.min_seconds) {
            return Err(bad("phones.min_seconds", "is below 10 or above 3600".into(), "write 30"));
        }
        if phones.max_seconds < phones.min_seconds || phones.max_seconds > 3_600 {
            let problem = "is below phones.min_seconds or above 3600".to_owned();
            return Err(bad("phones.max_seconds", problem, "write 120"));
        }
        if !(5..=3_600).contains(&phones.ask_seconds) {
            return Err(bad("phones.ask_seconds", "is below 5 or above 3600".into(), "write 25"));
        }
        for (key, value) in [("per_address", phones.per_address), ("connections", phones.connections)] {
            if value == 0 || value > 100_000 {
                let problem = "is 0 or above 100000".to_owned();
                return Err(bad(&format!("phones.{key}"), problem, "take it out for the usual value"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    #[test]
    fn what_cannot_work_is_named() {
        let load =
            |text: &str| Config::load(None, &[format!("phones={{{text}}}")]).map_err(|e| e.to_string());
        assert!(load("realm=\"sip.example.cn\"").is_ok_and(|c| c.phones.max_seconds == 120));
        for (text, key) in [
            ("realm=\"a b\"", "phones.realm"),
            ("realm=\"\"", "phones.realm"),
            ("realm=\"a\",digest=[]", "phones.digest"),
            ("realm=\"a\",digest=[\"sha\"]", "phones.digest"),
            ("realm=\"a\",min_seconds=5", "phones.min_seconds"),
            ("realm=\"a\",max_seconds=20", "phones.max_seconds"),
            ("realm=\"a\",ask_seconds=0", "phones.ask_seconds"),
            ("realm=\"a\",per_address=0", "phones.per_address"),
            ("realm=\"a\",connections=0", "phones.connections"),
            ("realms=\"a\"", "realms"),
        ] {
            let error = load(text).err().unwrap_or_default();
            assert!(error.contains(key), "{text}: {error}");
        }
    }
}
