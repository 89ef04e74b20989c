//! The section `[transcriber]` of the configuration: what writes voicemails down.

use crate::speech::Secret;
use serde::{Deserialize, Serialize};

/// What writes voicemails down; nothing does where neither `url` nor `command` is set.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Transcriber {
    /// Address of a recogniser, asked first.
    pub url: Option<String>,
    /// Its token, sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// The model that is asked for; left out where it is empty.
    pub model: String,
    /// Language of the callers.
    pub language: String,
    /// Program and arguments of a recogniser on this machine, asked where there is no `url` or it fails.
    pub command: Vec<String>,
    /// Longest that an engine may take for a voicemail, seconds.
    pub seconds: u32,
}

impl Default for Transcriber {
    fn default() -> Self {
        Transcriber {
            url: None,
            token: None,
            model: String::new(),
            language: "zh".into(),
            command: Vec::new(),
            seconds: 120,
        }
    }
}

impl Transcriber {
    /// What is wrong: key below `transcriber`, problem, what to do.
    ///
    /// # Errors
    /// The first key that cannot work.
    pub fn check(&self) -> Result<(), (&'static str, String, &'static str)> {
        if let Some(url) = &self.url {
            let local = ["http://127.0.0.1", "http://localhost", "http://[::1]"].iter().any(|l| {
                url.strip_prefix(l).is_some_and(|rest| rest.is_empty() || rest.starts_with([':', '/']))
            });
            if !(url.starts_with("https://") || local) || reqwest::Url::parse(url).is_err() {
                let hint = "write the whole address of the recogniser; without TLS only on this machine";
                return Err(("url", format!("{url:?} is no https:// address"), hint));
            }
        }
        if self.command.first().is_some_and(|program| program.trim().is_empty()) {
            let hint = "write [\"/path/to/program\", \"argument\"]";
            return Err(("command", "names no program".into(), hint));
        }
        if !(1..=600).contains(&self.seconds) {
            return Err(("seconds", format!("{} is not between 1 and 600", self.seconds), "write 120"));
        }
        if self.token.is_some() && self.url.is_none() {
            return Err(("token", "is for no url".into(), "write url, or take it out"));
        }
        Ok(())
    }
}
