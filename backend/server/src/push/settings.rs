//! The section `[push]` of the configuration: accounts with the vendors. Secrets and keys stand in files of their own.
//!
//! Each vendor is a table, so that its keys can come from the environment (`WAYBELL_PUSH__APNS__KEY_ID`). See docs/push.md.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Vendors that wake phones; those that are absent wake none.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PushConfig {
    /// What vendors show that deliver nothing without showing it. Names nobody.
    pub title: String,
    /// The line below.
    pub text: String,
    /// Firebase Cloud Messaging, HTTP v1.
    pub fcm: Option<Fcm>,
    /// Apple's push service, for calls (PushKit).
    pub apns: Option<Apns>,
    /// Huawei Push Kit.
    pub huawei: Option<Huawei>,
    /// Mi Push.
    pub xiaomi: Option<Xiaomi>,
    /// OPPO PUSH.
    pub oppo: Option<Oppo>,
    /// vivo push.
    pub vivo: Option<Vivo>,
}

impl Default for PushConfig {
    fn default() -> Self {
        PushConfig {
            title: "来电".into(),
            text: "有客户来电，请打开应用接听".into(),
            fcm: None,
            apns: None,
            huawei: None,
            xiaomi: None,
            oppo: None,
            vivo: None,
        }
    }
}

/// A Firebase project.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fcm {
    /// JSON file of a service account that may send messages.
    pub service_account: PathBuf,
    /// Address of the service.
    #[serde(default = "fcm_url")]
    pub url: String,
}

/// A team of Apple's with a key for the push service.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Apns {
    /// The key, `AuthKey_….p8`.
    pub key: PathBuf,
    /// Its id.
    pub key_id: String,
    /// Id of the team.
    pub team_id: String,
    /// Bundle id of the app, without `.voip`.
    pub bundle_id: String,
    /// Address of the service; apps built for development have another.
    #[serde(default = "apns_url")]
    pub url: String,
}

/// An app of AppGallery Connect.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Huawei {
    /// App id, which is the OAuth client's id too.
    pub app_id: String,
    /// File with the OAuth client's secret.
    pub secret_file: PathBuf,
    /// `category` of messages, such as `VOIP`, for apps that were granted one.
    pub category: Option<String>,
    /// Address of the service.
    #[serde(default = "huawei_url")]
    pub url: String,
    /// Address that gives access tokens.
    #[serde(default = "huawei_token_url")]
    pub token_url: String,
}

/// An app of Xiaomi's developer site.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Xiaomi {
    /// Name of the app's package.
    pub package: String,
    /// File with the AppSecret.
    pub secret_file: PathBuf,
    /// Id of the notification channel, for apps that were granted one.
    pub channel: Option<String>,
    /// Address of the service.
    #[serde(default = "xiaomi_url")]
    pub url: String,
}

/// An app of OPPO's push platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Oppo {
    /// AppKey.
    pub app_key: String,
    /// File with the MasterSecret.
    pub secret_file: PathBuf,
    /// Id of the notification channel, for apps that were granted one.
    pub channel: Option<String>,
    /// Address of the service.
    #[serde(default = "oppo_url")]
    pub url: String,
}

/// An app of vivo's push platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vivo {
    /// appId.
    pub app_id: u64,
    /// appKey.
    pub app_key: String,
    /// File with the appSecret.
    pub secret_file: PathBuf,
    /// `category` of messages, such as `IM`, for apps that were granted one.
    pub category: Option<String>,
    /// Address of the service.
    #[serde(default = "vivo_url")]
    pub url: String,
}

fn fcm_url() -> String {
    "https://fcm.googleapis.com".into()
}
fn apns_url() -> String {
    "https://api.push.apple.com".into()
}
fn huawei_url() -> String {
    "https://push-api.cloud.huawei.com".into()
}
fn huawei_token_url() -> String {
    "https://oauth-login.cloud.huawei.com/oauth2/v3/token".into()
}
fn xiaomi_url() -> String {
    "https://api.xmpush.xiaomi.com".into()
}
fn oppo_url() -> String {
    "https://api.push.oppomobile.com".into()
}
fn vivo_url() -> String {
    "https://api-push.vivo.com.cn".into()
}

/// What is wrong with a key of the section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PushProblem {
    /// Below `push`.
    pub key: String,
    /// What is wrong.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl PushProblem {
    pub(super) fn new(key: &str, problem: impl Into<String>, hint: &'static str) -> PushProblem {
        PushProblem { key: key.to_owned(), problem: problem.into(), hint }
    }
}

impl fmt::Display for PushProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "push.{}: {}; {}", self.key, self.problem, self.hint)
    }
}

/// Whether something may be sent to this address: with TLS, or to this machine.
pub(super) fn check_url(key: &str, url: &str) -> Result<(), PushProblem> {
    let read = reqwest::Url::parse(url).ok().filter(reqwest::Url::has_host);
    let good = read.is_some_and(|u| match (u.scheme(), u.host_str()) {
        ("https", _) => true,
        ("http", Some(host)) => ["127.0.0.1", "localhost", "[::1]"].contains(&host),
        _ => false,
    });
    if good && !url.ends_with('/') {
        return Ok(());
    }
    let hint = "write the vendor's https:// address without / at its end; without TLS only on this machine";
    Err(PushProblem::new(key, format!("{url:?} is no such address"), hint))
}

/// A word that stands in addresses and headers.
pub(super) fn check_word(key: &str, word: &str) -> Result<(), PushProblem> {
    let good = !word.is_empty()
        && word.len() <= 128
        && word.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if good {
        return Ok(());
    }
    Err(PushProblem::new(
        key,
        "is empty, or has other characters than letters, digits, . _ and -",
        "copy it from the vendor's console",
    ))
}

impl PushConfig {
    /// What is wrong without a look at any file.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub fn check(&self) -> Result<(), PushProblem> {
        for (key, text, most) in [("title", &self.title, 40), ("text", &self.text, 50)] {
            let long = text.chars().count();
            if text.trim().is_empty() || long > most {
                let hint = "write a few words that name nobody";
                return Err(PushProblem::new(key, format!("has {long} characters, not 1 to {most}"), hint));
            }
        }
        if let Some(fcm) = &self.fcm {
            check_url("fcm.url", &fcm.url)?;
        }
        if let Some(apns) = &self.apns {
            check_url("apns.url", &apns.url)?;
            check_word("apns.key_id", &apns.key_id)?;
            check_word("apns.team_id", &apns.team_id)?;
            check_word("apns.bundle_id", &apns.bundle_id)?;
            if apns.bundle_id.ends_with(".voip") {
                let hint = "write the bundle id of the app alone";
                return Err(PushProblem::new("apns.bundle_id", "ends in .voip, which is added", hint));
            }
        }
        if let Some(huawei) = &self.huawei {
            check_url("huawei.url", &huawei.url)?;
            check_url("huawei.token_url", &huawei.token_url)?;
            check_word("huawei.app_id", &huawei.app_id)?;
        }
        if let Some(xiaomi) = &self.xiaomi {
            check_url("xiaomi.url", &xiaomi.url)?;
            check_word("xiaomi.package", &xiaomi.package)?;
        }
        if let Some(oppo) = &self.oppo {
            check_url("oppo.url", &oppo.url)?;
            check_word("oppo.app_key", &oppo.app_key)?;
        }
        if let Some(vivo) = &self.vivo {
            check_url("vivo.url", &vivo.url)?;
            check_word("vivo.app_key", &vivo.app_key)?;
        }
        Ok(())
    }

    /// Whether any vendor is set.
    #[must_use]
    pub fn is_set(&self) -> bool {
        self.fcm.is_some()
            || self.apns.is_some()
            || self.huawei.is_some()
            || self.xiaomi.is_some()
            || self.oppo.is_some()
            || self.vivo.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_work_is_named() {
        for (text, key) in [
            ("text = \" \"", "text"),
            ("[fcm]\nservice_account = \"x\"\nurl = \"http://fcm.example.com\"", "fcm.url"),
            ("[fcm]\nservice_account = \"x\"\nurl = \"https://fcm.example.com/\"", "fcm.url"),
            (
                "[apns]\nkey = \"x\"\nkey_id = \"A B\"\nteam_id = \"T\"\nbundle_id = \"cn.example\"",
                "apns.key_id",
            ),
            (
                "[apns]\nkey = \"x\"\nkey_id = \"A\"\nteam_id = \"T\"\nbundle_id = \"cn.example.voip\"",
                "apns.bundle_id",
            ),
            ("[huawei]\napp_id = \"../1\"\nsecret_file = \"x\"", "huawei.app_id"),
            ("[xiaomi]\npackage = \"\"\nsecret_file = \"x\"", "xiaomi.package"),
            ("[vivo]\napp_id = 1\napp_key = \"k\"\nsecret_file = \"x\"\nurl = \"vivo\"", "vivo.url"),
        ] {
            let config: PushConfig = toml::from_str(text).unwrap();
            assert_eq!(config.check().unwrap_err().key, key, "{text}");
        }
        let local = "[fcm]\nservice_account = \"x\"\nurl = \"http://127.0.0.1:9\"";
        assert!(toml::from_str::<PushConfig>(local).unwrap().check().is_ok());
        assert!(!PushConfig::default().is_set());
    }
}
