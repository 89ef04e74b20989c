//! OPPO PUSH: a notification for one registration id. The platform delivers nothing else.

use super::super::bearer::{Bearer, Bearers, Sent, until};
use super::super::client::{Answer, ask};
use super::super::engine::{Push, Refused};
use super::super::settings::{self, PushProblem};
use super::super::{read_secret, told};
use super::{Shown, life, text};
use crate::speech::Secret;
use async_trait::async_trait;
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, RequestBuilder};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

/// An auth token lives for a day; the platform asks for it to be kept and renewed now and then.
const LIFE: i64 = 12 * 3_600;

pub(super) struct Oppo {
    client: Client,
    url: String,
    app_key: String,
    secret: Secret,
    channel: Option<String>,
    shown: Shown,
    bearers: Bearers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    code: Option<i64>,
    message: String,
    data: Option<Granted>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Granted {
    auth_token: String,
}

impl Oppo {
    pub(super) fn open(config: &settings::Oppo, shown: Shown, client: Client) -> Result<Oppo, PushProblem> {
        Ok(Oppo {
            client,
            url: config.url.clone(),
            app_key: config.app_key.clone(),
            secret: read_secret("oppo.secret_file", &config.secret_file)?,
            channel: config.channel.clone(),
            shown,
            bearers: Bearers::default(),
        })
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> Result<RequestBuilder, Refused> {
        let body = serde_urlencoded::to_string(form).map_err(|_| Refused::lost("could not be written"))?;
        let request = self.client.post(format!("{}{path}", self.url));
        Ok(request.header(CONTENT_TYPE, "application/x-www-form-urlencoded;charset=UTF-8").body(body))
    }

    async fn grant(&self, now: UnixMs) -> Result<Bearer, Refused> {
        let at = now.0.to_string();
        let digest = Sha256::digest(format!("{}{at}{}", self.app_key, self.secret.reveal()));
        let sign: String = digest.iter().map(|b| format!("{b:02x}")).collect();
        let form = [("app_key", self.app_key.as_str()), ("timestamp", &at), ("sign", &sign)];
        let answer = ask(self.post("/server/v1/auth", &form)?).await?;
        let said = answer.read::<Told>().unwrap_or_default();
        match (said.code, said.data) {
            (Some(0), Some(data)) if !data.auth_token.is_empty() => {
                Ok(Bearer { token: Secret::from(data.auth_token.as_str()), until: until(now, LIFE) })
            }
            (code, _) => Err(refused(&answer, code, &told(&said.message, &[self.secret.reveal()]))),
        }
    }
}

#[async_trait]
impl Push for Oppo {
    fn vendor(&self) -> PushVendor {
        PushVendor::Oppo
    }

    fn is_silent(&self) -> bool {
        false
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        let mut notification = json!({
            "style": 1,
            "title": self.shown.title,
            "content": self.shown.text,
            // a tap opens the app, which is given the notice
            "click_action_type": 0,
            "action_parameters": text(notice),
            "off_line": true,
            "off_line_ttl": life(notice, now),
        });
        if let Some(call) = notice.call_id {
            // a second one of a call is the first
            notification["app_message_id"] = json!(call.to_string());
        }
        if let Some(channel) = &self.channel {
            notification["channel_id"] = json!(channel);
        }
        let message = json!({
            "target_type": 2, "target_value": token, "verify_registration_id": true, "notification": notification
        });
        let message = message.to_string();
        let send = |access: Secret| {
            let form = [("message", message.as_str()), ("auth_token", access.reveal())];
            let request = self.post("/server/v1/message/notification/unicast", &form);
            async move { read(&ask(request?).await?, token) }
        };
        self.bearers.with(now, || self.grant(now), send).await
    }
}

fn read(answer: &Answer, token: &str) -> Result<Sent, Refused> {
    let said = answer.read::<Told>().unwrap_or_default();
    let message = told(&said.message, &[token]);
    match said.code {
        Some(0) if answer.status == 200 => Ok(Sent::Taken),
        Some(11 | 29) => Ok(Sent::Stale(Refused::barred(format!("11 {message}")))),
        code => Err(refused(answer, code, &message)),
    }
}

fn refused(answer: &Answer, code: Option<i64>, message: &str) -> Refused {
    let told = code.map_or_else(|| message.to_owned(), |code| format!("{code} {message}"));
    let about_id = || message.to_lowercase().replace(['_', ' '], "").contains("registrationid");
    match code {
        Some(-2 | -1 | 13 | 55) => answer.later(&told),
        Some(12 | 14..=30 | 33 | 67) => Refused::barred(told),
        Some(10_000..20_000) if about_id() => Refused::unregistered(told),
        _ => answer.refused(&told),
    }
}
