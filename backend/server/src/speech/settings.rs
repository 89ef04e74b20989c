//! The section `[speech]` of the configuration: which engines speak, in which order, with which voices.
//!
//! Secrets are [`Secret`]: they print as dots, so that no log and no error shows one. Each vendor is a table of its own, so
//! that its keys can come from the environment (`WAYBELL_SPEECH__TENCENT__SECRET_KEY`).

use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Names of the engines that can stand in `order`.
pub(super) const ENGINES: [&str; 4] = ["command", "iflytek", "alibaba", "tencent"];

/// Voice of notices.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Speech {
    /// Folder of recorded slots, `NAME.wav` with NAME the words that are spoken.
    pub slots: Option<PathBuf>,
    /// The engines that are asked, in turn; those that are set, in the order of `ENGINES`, where it is absent.
    pub order: Option<Vec<String>>,
    /// Program and arguments of an engine of your own; see docs/voices.md for what it is asked and answers.
    pub command: Vec<String>,
    /// The program is run for each piece (text in, WAV out) instead of being kept alive.
    pub command_once: bool,
    /// Name of the program's voice: another name has everything made anew.
    pub command_voice: String,
    /// Longest that an engine may take for a piece, seconds.
    pub seconds: u32,
    /// Characters that the vendors together may be asked for on a day; 0 for no limit.
    pub characters_a_day: u64,
    /// iFlytek's streaming synthesis.
    pub iflytek: Option<Iflytek>,
    /// Alibaba's NLS synthesis.
    pub alibaba: Option<Alibaba>,
    /// Tencent's TextToVoice.
    pub tencent: Option<Tencent>,
    /// Command of the last resort; empty for none.
    pub espeak: String,
    /// Its voice for Chinese.
    pub voice: String,
    /// Its speed.
    pub words_per_minute: u32,
}

impl Default for Speech {
    fn default() -> Self {
        Speech {
            slots: None,
            order: None,
            command: Vec::new(),
            command_once: false,
            command_voice: String::new(),
            seconds: 10,
            characters_a_day: 1_000_000,
            iflytek: None,
            alibaba: None,
            tencent: None,
            espeak: "espeak-ng".into(),
            voice: "cmn".into(),
            words_per_minute: 240,
        }
    }
}

/// An account of iFlytek's open platform (`wss://…/v2/tts`).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Iflytek {
    /// Address of the service.
    #[serde(default = "iflytek_url")]
    pub url: String,
    /// APPID.
    pub app_id: String,
    /// APIKey.
    pub api_key: String,
    /// APISecret.
    pub api_secret: Secret,
    /// Name of a speaker (`vcn`).
    #[serde(default = "iflytek_voice")]
    pub voice: String,
    /// 0 to 100.
    #[serde(default = "half")]
    pub speed: u8,
}

/// A project of Alibaba's intelligent speech interaction (`/stream/v1/tts`). Either a token, or a key that makes tokens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alibaba {
    /// Address of the service.
    #[serde(default = "alibaba_url")]
    pub url: String,
    /// Address that makes tokens.
    #[serde(default = "alibaba_token_url")]
    pub token_url: String,
    /// Appkey of the project.
    pub app_key: String,
    /// A token, where somebody else renews it.
    pub token: Option<Secret>,
    /// AccessKey ID.
    pub access_key_id: Option<String>,
    /// AccessKey secret.
    pub access_key_secret: Option<Secret>,
    /// Name of a speaker.
    #[serde(default = "alibaba_voice")]
    pub voice: String,
    /// -500 to 500.
    #[serde(default)]
    pub speed: i16,
}

/// An account of Tencent's text-to-speech (`TextToVoice`, 2019-08-23).
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tencent {
    /// Address of the service.
    #[serde(default = "tencent_url")]
    pub url: String,
    /// SecretId.
    pub secret_id: String,
    /// SecretKey.
    pub secret_key: Secret,
    /// Region of the request.
    #[serde(default = "tencent_region")]
    pub region: String,
    /// `VoiceType`.
    #[serde(default = "tencent_voice")]
    pub voice: u32,
    /// -2 to 6.
    #[serde(default)]
    pub speed: f32,
}

fn iflytek_url() -> String {
    "wss://tts-api.xfyun.cn/v2/tts".into()
}
fn iflytek_voice() -> String {
    "xiaoyan".into()
}
fn half() -> u8 {
    50
}
fn alibaba_url() -> String {
    "https://nls-gateway-cn-shanghai.aliyuncs.com/stream/v1/tts".into()
}
fn alibaba_token_url() -> String {
    "https://nls-meta.cn-shanghai.aliyuncs.com/".into()
}
fn alibaba_voice() -> String {
    "xiaoyun".into()
}
fn tencent_url() -> String {
    "https://tts.tencentcloudapi.com/".into()
}
fn tencent_region() -> String {
    "ap-guangzhou".into()
}
fn tencent_voice() -> u32 {
    101_001
}

/// A word that nobody may read: it prints as dots.
#[derive(Clone, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// The word itself, to sign or to send.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Secret(text.to_owned())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Speech {
    /// The engines in force, in their order, without that of the last resort.
    #[must_use]
    pub fn engines(&self) -> Vec<&str> {
        match &self.order {
            Some(order) => order.iter().map(String::as_str).collect(),
            None => ENGINES.into_iter().filter(|name| self.has(name)).collect(),
        }
    }

    fn has(&self, name: &str) -> bool {
        match name {
            "command" => !self.command.is_empty(),
            "iflytek" => self.iflytek.is_some(),
            "alibaba" => self.alibaba.is_some(),
            "tencent" => self.tencent.is_some(),
            _ => false,
        }
    }

    /// What is wrong: key below `speech`, problem, what to do.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub fn check(&self) -> Result<(), (String, String, &'static str)> {
        let wrong = |key: &str, problem: String, hint| Err((key.to_owned(), problem, hint));
        for (n, name) in self.order.iter().flatten().enumerate() {
            if !ENGINES.contains(&name.as_str()) {
                let hint = "write command, iflytek, alibaba or tencent; espeak-ng is always the last";
                return wrong("order", format!("{name:?} is no engine"), hint);
            }
            if !self.has(name) {
                return wrong("order", format!("{name} is not set"), "set it, or take it out of the order");
            }
            if self.order.iter().flatten().take(n).any(|other| other == name) {
                return wrong("order", format!("{name} is there twice"), "name each engine once");
            }
        }
        if self.command.first().is_some_and(|program| program.trim().is_empty()) {
            return wrong("command", "names no program".into(), "write [\"/path/to/program\", \"argument\"]");
        }
        if !(1..=60).contains(&self.seconds) {
            return wrong("seconds", format!("{} is not between 1 and 60", self.seconds), "write 10");
        }
        let urls = [
            ("iflytek.url", self.iflytek.as_ref().map(|e| &e.url), ["wss://", "ws://"]),
            ("alibaba.url", self.alibaba.as_ref().map(|e| &e.url), ["https://", "http://"]),
            ("alibaba.token_url", self.alibaba.as_ref().map(|e| &e.token_url), ["https://", "http://"]),
            ("tencent.url", self.tencent.as_ref().map(|e| &e.url), ["https://", "http://"]),
        ];
        for (key, url, [safe, plain]) in urls {
            let Some(url) = url else { continue };
            let local = url
                .strip_prefix(plain)
                .is_some_and(|rest| ["127.0.0.1", "localhost", "[::1]"].iter().any(|l| rest.starts_with(l)));
            if !(url.starts_with(safe) || local) || reqwest::Url::parse(url).is_err() {
                let problem = format!("{url:?} is no {safe} address");
                return wrong(key, problem, "write the vendor's address; without TLS only on this machine");
            }
        }
        if let Some(alibaba) = &self.alibaba {
            let keys = (alibaba.access_key_id.is_some(), alibaba.access_key_secret.is_some());
            if keys.0 != keys.1 || (!keys.0 && alibaba.token.is_none()) {
                let hint = "write access_key_id and access_key_secret, or a token";
                return wrong("alibaba", "has neither a token nor both keys".into(), hint);
            }
        }
        Ok(())
    }

    /// What whoever runs a server should know about its voice.
    #[must_use]
    pub fn warning(&self) -> Option<&'static str> {
        let last_resort = "words that are not recorded are spoken by espeak-ng, which most people do not understand; set an engine";
        let nobody = "notices whose words are not all recorded are not spoken: no engine is set";
        match (self.engines().is_empty(), self.espeak.is_empty()) {
            (true, false) => Some(last_resort),
            (true, true) => Some(nobody),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Speech {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn the_order_is_that_of_the_list_or_of_the_house() {
        let both = "command = [\"/bin/voice\"]\n[tencent]\nsecret_id = \"i\"\nsecret_key = \"k\"\n";
        assert_eq!(read(both).engines(), ["command", "tencent"]);
        let turned = format!("order = [\"tencent\"]\n{both}");
        assert_eq!(read(&turned).engines(), ["tencent"]);
        assert!(read(both).warning().is_none());
        assert!(read("").warning().is_some());
    }

    #[test]
    fn what_cannot_work_is_named() {
        for (text, key) in [
            ("order = [\"azure\"]", "order"),
            ("order = [\"tencent\"]", "order"),
            ("order = [\"command\", \"command\"]\ncommand = [\"/bin/voice\"]", "order"),
            ("command = [\" \"]", "command"),
            ("seconds = 0", "seconds"),
            ("[alibaba]\napp_key = \"a\"", "alibaba"),
            ("[alibaba]\napp_key = \"a\"\naccess_key_id = \"i\"", "alibaba"),
            (
                "[tencent]\nsecret_id = \"i\"\nsecret_key = \"k\"\nurl = \"http://tts.example.com/\"",
                "tencent.url",
            ),
            ("[iflytek]\napp_id = \"i\"\napi_key = \"k\"\napi_secret = \"s\"\nurl = \"tts\"", "iflytek.url"),
        ] {
            assert_eq!(read(text).check().unwrap_err().0, key, "{text}");
        }
        assert!(
            read("[alibaba]\napp_key = \"a\"\ntoken = \"t\"\nurl = \"http://127.0.0.1:1/\"").check().is_ok()
        );
    }

    #[test]
    fn a_secret_is_not_printed() {
        let speech = read("[tencent]\nsecret_id = \"i\"\nsecret_key = \"visible?\"");
        assert!(!format!("{speech:?}").contains("visible?"));
    }
}
