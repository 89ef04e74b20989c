//! Huawei Push Kit, v1: a data message for one token. What went wrong stands in `code`, mostly below a status of 200.

use super::super::bearer::{Bearer, Bearers, Sent, granted};
use super::super::client::{Answer, ask};
use super::super::engine::{Push, Refused};
use super::super::settings::{self, PushProblem};
use super::super::{read_secret, told};
use super::{life, text};
use crate::speech::Secret;
use async_trait::async_trait;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

pub(super) struct Huawei {
    client: Client,
    url: String,
    token_url: String,
    app_id: String,
    secret: Secret,
    category: Option<String>,
    bearers: Bearers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Told {
    code: String,
    msg: String,
}

impl Huawei {
    pub(super) fn open(config: &settings::Huawei, client: Client) -> Result<Huawei, PushProblem> {
        Ok(Huawei {
            client,
            url: format!("{}/v1/{}/messages:send", config.url, config.app_id),
            token_url: config.token_url.clone(),
            app_id: config.app_id.clone(),
            secret: read_secret("huawei.secret_file", &config.secret_file)?,
            category: config.category.clone(),
            bearers: Bearers::default(),
        })
    }

    async fn grant(&self, now: UnixMs) -> Result<Bearer, Refused> {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_id", &self.app_id),
            ("client_secret", self.secret.reveal()),
        ];
        let refused = "no access token (400): look at huawei.app_id and its secret";
        granted(&self.client, &self.token_url, &form, now, refused).await
    }
}

#[async_trait]
impl Push for Huawei {
    fn vendor(&self) -> PushVendor {
        PushVendor::Huawei
    }

    fn is_silent(&self) -> bool {
        true
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        let mut android = json!({
            "urgency": "HIGH",
            "ttl": format!("{}s", life(notice, now)),
            // each is delivered
            "collapse_key": -1,
        });
        if let Some(category) = &self.category {
            android["category"] = json!(category);
        }
        let message = json!({ "data": text(notice), "android": android, "token": [token] });
        let body = json!({ "validate_only": false, "message": message });
        let send = |access: Secret| {
            let request = self.client.post(&self.url).bearer_auth(access.reveal()).json(&body);
            async move { read(&ask(request).await?, token) }
        };
        self.bearers.with(now, || self.grant(now), send).await
    }
}

fn read(answer: &Answer, token: &str) -> Result<Sent, Refused> {
    let said = answer.read::<Told>().unwrap_or_default();
    let told = told(&format!("{} {}", said.code, said.msg), &[token]);
    match said.code.as_str() {
        "80000000" if answer.status == 200 => Ok(Sent::Taken),
        "80200001" | "80200003" => Ok(Sent::Stale(Refused::barred(told))),
        // all tokens, or some of them, are not valid: there is but one
        "80300007" | "80100000" => Err(Refused::unregistered(told)),
        "80300002" | "80300011" | "80600003" => Err(Refused::barred(told)),
        "81000001" => Err(answer.later(&told)),
        _ if answer.status == 401 => Ok(Sent::Stale(Refused::barred(told))),
        _ => Err(answer.refused(&told)),
    }
}
