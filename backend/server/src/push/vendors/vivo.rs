//! vivo push: a notification for one registration id, which a phone that is off line does not get later.

use super::super::bearer::{Bearer, Bearers, Sent, until};
use super::super::client::{Answer, ask};
use super::super::engine::{Push, Refused};
use super::super::settings::{self, PushProblem};
use super::super::{read_secret, told};
use super::Shown;
use crate::speech::Secret;
use async_trait::async_trait;
use md5::{Digest, Md5};
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

/// An auth token lives for a day; the platform asks for it to be kept and renewed every one to two hours.
const LIFE: i64 = 2 * 3_600;
/// The shortest life that the platform takes, seconds.
const SHORTEST: i64 = 60;

pub(super) struct Vivo {
    client: Client,
    url: String,
    app_id: u64,
    app_key: String,
    secret: Secret,
    category: Option<String>,
    shown: Shown,
    bearers: Bearers,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Told {
    result: Option<i64>,
    desc: String,
    auth_token: String,
    invalid_user: Option<Invalid>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Invalid {
    status: i64,
}

impl Vivo {
    pub(super) fn open(config: &settings::Vivo, shown: Shown, client: Client) -> Result<Vivo, PushProblem> {
        Ok(Vivo {
            client,
            url: config.url.clone(),
            app_id: config.app_id,
            app_key: config.app_key.clone(),
            secret: read_secret("vivo.secret_file", &config.secret_file)?,
            category: config.category.clone(),
            shown,
            bearers: Bearers::default(),
        })
    }

    async fn grant(&self, now: UnixMs) -> Result<Bearer, Refused> {
        let text = format!("{}{}{}{}", self.app_id, self.app_key, now.0, self.secret.reveal());
        let sign: String = Md5::digest(text).iter().map(|b| format!("{b:02x}")).collect();
        let body = json!({ "appId": self.app_id, "appKey": self.app_key, "timestamp": now.0, "sign": sign });
        let answer = ask(self.client.post(format!("{}/message/auth", self.url)).json(&body)).await?;
        let said = answer.read::<Told>().unwrap_or_default();
        if said.result == Some(0) && !said.auth_token.is_empty() {
            return Ok(Bearer { token: Secret::from(said.auth_token.as_str()), until: until(now, LIFE) });
        }
        let told = told(&said.desc, &[self.secret.reveal()]);
        match said.result {
            Some(code) if answer.status == 200 => {
                Err(Refused::barred(format!("no auth token: {code} {told}")))
            }
            _ => Err(answer.refused(&told)),
        }
    }
}

#[async_trait]
impl Push for Vivo {
    fn vendor(&self) -> PushVendor {
        PushVendor::Vivo
    }

    fn is_silent(&self) -> bool {
        false
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        let mut body = json!({
            "appId": self.app_id,
            "regId": token,
            // sound and vibration
            "notifyType": 4,
            "title": self.shown.title,
            "content": self.shown.text,
            "timeToLive": super::life(notice, now).max(SHORTEST),
            // a tap opens the app
            "skipType": 1,
            "clientCustomMap": { PushNotice::KEY: json!(notice).to_string() },
            // of the system, not of marketing
            "classification": 1,
            // one for a call that has stopped ringing is of no use to a phone that comes back
            "sendOnline": true,
            "foregroundShow": false,
            "requestId": notice.call_id.map_or_else(|| now.0.to_string(), |call| call.to_string()),
        });
        if let Some(category) = &self.category {
            body["category"] = json!(category);
        }
        let send = |access: Secret| {
            let url = format!("{}/message/send", self.url);
            let request = self.client.post(url).header("authToken", access.reveal()).json(&body);
            async move { read(&ask(request).await?, token) }
        };
        self.bearers.with(now, || self.grant(now), send).await
    }
}

fn read(answer: &Answer, token: &str) -> Result<Sent, Refused> {
    let said = answer.read::<Told>().unwrap_or_default();
    let message = told(&said.desc, &[token]);
    let told = said.result.map_or_else(|| message.clone(), |code| format!("{code} {message}"));
    match (said.result, said.invalid_user.map(|u| u.status)) {
        // the id is of no app, or the app was removed
        (Some(_), Some(1 | 2)) | (Some(10_302), _) => Err(Refused::unregistered(told)),
        (Some(0), _) if answer.status == 200 => Ok(Sent::Taken),
        (Some(10_000), _) => Ok(Sent::Stale(Refused::barred(told))),
        (Some(10_094), _) => Err(Refused::barred(told)),
        _ => Err(answer.refused(&told)),
    }
}
