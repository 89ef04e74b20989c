//! Firebase Cloud Messaging, HTTP v1.
//!
//! An access token is traded for a JWT of the service account (RFC 7523). A message has data alone, so that the app's own code
//! wakes and decides what is shown; all values of `data` are texts.

use super::super::bearer::{Bearer, Bearers, Sent, granted};
use super::super::client::{Answer, ask};
use super::super::engine::{Kind, Push, Refused};
use super::super::jwt::Signer;
use super::super::settings::{self, PushProblem, check_url, check_word};
use super::super::told;
use super::life;
use crate::speech::Secret;
use async_trait::async_trait;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use waybell_domain::clock::UnixMs;
use waybell_domain::wire::{PushNotice, PushVendor};

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
/// The key whose file this is about.
const KEY: &str = "fcm.service_account";

/// A service account, as its file has it.
#[derive(Deserialize)]
struct Account {
    #[serde(rename = "type")]
    kind: String,
    project_id: String,
    private_key_id: String,
    private_key: String,
    client_email: String,
    token_uri: String,
}

pub(super) struct Fcm {
    client: Client,
    url: String,
    email: String,
    key_id: String,
    token_url: String,
    signer: Signer,
    bearers: Bearers,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Failed {
    error: Problem,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    status: String,
    message: String,
    details: Vec<Detail>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Detail {
    error_code: String,
    field_violations: Vec<Violation>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Violation {
    field: String,
}

impl Fcm {
    pub(super) fn open(config: &settings::Fcm, client: Client) -> Result<Fcm, PushProblem> {
        let hint = "name the JSON file of a service account, as the Firebase console gives it out";
        let wrong = |problem: String| {
            PushProblem::new(KEY, format!("{}: {problem}", config.service_account.display()), hint)
        };
        let bytes = std::fs::read(&config.service_account).map_err(|e| wrong(e.to_string()))?;
        // what serde says may quote the file
        let account: Account = serde_json::from_slice(&bytes).map_err(|e| {
            wrong(format!("is no service account (line {}, column {})", e.line(), e.column()))
        })?;
        if account.kind != "service_account" {
            return Err(wrong("its type is not service_account".into()));
        }
        check_word(KEY, &account.project_id)?;
        check_url(KEY, &account.token_uri)?;
        let signer =
            Signer::rsa(account.private_key.as_bytes()).map_err(|e| wrong(format!("private_key {e}")))?;
        Ok(Fcm {
            client,
            url: format!("{}/v1/projects/{}/messages:send", config.url, account.project_id),
            email: account.client_email,
            key_id: account.private_key_id,
            token_url: account.token_uri,
            signer,
            bearers: Bearers::default(),
        })
    }

    async fn grant(&self, now: UnixMs) -> Result<Bearer, Refused> {
        let issued = now.0 / 1_000;
        let claims = json!({
            "iss": self.email, "scope": SCOPE, "aud": self.token_url, "iat": issued, "exp": issued + 3_600
        });
        let assertion = self
            .signer
            .sign(&self.key_id, &claims)
            .ok_or_else(|| Refused::lost("could not be signed for"))?;
        let form = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            ("assertion", assertion.reveal()),
        ];
        let refused = "the service account was refused an access token (400): its key was withdrawn, or the clock is wrong";
        granted(&self.client, &self.token_url, &form, now, refused).await
    }
}

#[async_trait]
impl Push for Fcm {
    fn vendor(&self) -> PushVendor {
        PushVendor::Fcm
    }

    fn is_silent(&self) -> bool {
        true
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        let text = serde_json::to_string(notice).map_err(|_| Refused::lost("could not be written"))?;
        let android = json!({ "priority": "HIGH", "ttl": format!("{}s", life(notice, now)) });
        let body =
            json!({ "message": { "token": token, "data": { PushNotice::KEY: text }, "android": android } });
        let send = |access: Secret| {
            let request = self.client.post(&self.url).bearer_auth(access.reveal()).json(&body);
            async move { read(&ask(request).await?, token) }
        };
        self.bearers.with(now, || self.grant(now), send).await
    }
}

fn read(answer: &Answer, token: &str) -> Result<Sent, Refused> {
    if answer.status == 200 {
        return Ok(Sent::Taken);
    }
    let problem = answer.read::<Failed>().unwrap_or_default().error;
    let of_fcm = |code: &str| problem.details.iter().any(|d| d.error_code == code);
    let told = told(&format!("{} {}", problem.status, problem.message), &[token]);
    // a field that is named is the server's mistake, unless it is the token
    let fields: Vec<&Violation> = problem.details.iter().flat_map(|d| &d.field_violations).collect();
    let bad_token = if fields.is_empty() {
        of_fcm("INVALID_ARGUMENT")
    } else {
        fields.iter().any(|f| f.field == "message.token")
    };
    match answer.status {
        401 if !of_fcm("THIRD_PARTY_AUTH_ERROR") => Ok(Sent::Stale(answer.refused(&told))),
        404 if of_fcm("UNREGISTERED") => Err(gone(told)),
        // another project's tokens, or the key of another project: the latter would throw all of them away
        400 if bad_token => Err(gone(told)),
        _ => Err(answer.refused(&told)),
    }
}

fn gone(told: String) -> Refused {
    Refused::new(Kind::Unregistered { at: None }, told)
}
