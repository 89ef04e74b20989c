//! Apple's push service: a push of PushKit, which must ring on the phone and so is sent for calls alone.
//!
//! The provider token is signed here. Apple refuses one older than an hour, and tokens that change more often than every 20
//! minutes; so one is used for 40, and one that is called stale is replaced if it is older than 20.

use super::super::client::{Answer, ask};
use super::super::engine::{Kind, Push, Refused};
use super::super::jwt::Signer;
use super::super::settings::{self, PushProblem};
use super::super::told;
use crate::speech::Secret;
use async_trait::async_trait;
use parking_lot::Mutex;
use reqwest::Client;
use serde::Deserialize;
use serde_json::json;
use waybell_domain::clock::{MINUTE, UnixMs};
use waybell_domain::wire::{PushKind, PushNotice, PushVendor};

/// How long a provider token is used, and how long it must be.
const USED: i64 = 40 * MINUTE;
const LEAST: i64 = 20 * MINUTE;

pub(super) struct Apns {
    client: Client,
    url: String,
    topic: String,
    key_id: String,
    team_id: String,
    signer: Signer,
    /// The provider token, and when it was made.
    token: Mutex<Option<(Secret, UnixMs)>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Problem {
    reason: String,
    /// Of 410: when the token was found to be gone, unix ms.
    timestamp: Option<i64>,
}

impl Apns {
    pub(super) fn open(config: &settings::Apns, client: Client) -> Result<Apns, PushProblem> {
        let hint = "name the file AuthKey_….p8 that Apple gave out";
        let wrong = |problem: String| {
            PushProblem::new("apns.key", format!("{}: {problem}", config.key.display()), hint)
        };
        let pem = std::fs::read(&config.key).map_err(|e| wrong(e.to_string()))?;
        let signer = Signer::p256(&pem).map_err(|e| wrong(e.to_owned()))?;
        Ok(Apns {
            client,
            url: format!("{}/3/device/", config.url),
            topic: format!("{}.voip", config.bundle_id),
            key_id: config.key_id.clone(),
            team_id: config.team_id.clone(),
            signer,
            token: Mutex::new(None),
        })
    }

    /// The provider token, no older than so many milliseconds.
    fn provider(&self, now: UnixMs, oldest: i64) -> Option<Secret> {
        let mut kept = self.token.lock();
        if let Some((token, made)) = kept.as_ref()
            && (0..oldest).contains(&now.since(*made))
        {
            return Some(token.clone());
        }
        let claims = json!({ "iss": self.team_id, "iat": now.0 / 1_000 });
        let token = self.signer.sign(&self.key_id, &claims)?;
        *kept = Some((token.clone(), now));
        Some(token)
    }

    async fn send(&self, token: &str, notice: &PushNotice, now: UnixMs, oldest: i64) -> Result<(), Refused> {
        let provider = self.provider(now, oldest).ok_or_else(|| Refused::lost("could not be signed for"))?;
        let mut request = self
            .client
            .post(format!("{}{token}", self.url))
            .header("authorization", format!("bearer {}", provider.reveal()))
            .header("apns-topic", &self.topic)
            .header("apns-push-type", "voip")
            .header("apns-priority", "10")
            // now or never: a call that has stopped ringing must not ring
            .header("apns-expiration", "0")
            .json(&json!({ "aps": {}, PushNotice::KEY: notice }));
        if let Some(call) = notice.call_id {
            request = request.header("apns-id", call.to_string());
        }
        read(&ask(request).await?, token)
    }
}

#[async_trait]
impl Push for Apns {
    fn vendor(&self) -> PushVendor {
        PushVendor::Apns
    }

    fn is_silent(&self) -> bool {
        false
    }

    async fn push(&self, token: &str, notice: &PushNotice, now: UnixMs) -> Result<(), Refused> {
        if notice.kind != PushKind::Call {
            return Err(Refused::lost("is for calls alone"));
        }
        // it stands in the address
        if token.is_empty() || !token.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Refused::unregistered("this is no device token"));
        }
        match self.send(token, notice, now, USED).await {
            Err(refused) if refused.problem.contains("ExpiredProviderToken") => {
                self.send(token, notice, now, LEAST).await
            }
            other => other,
        }
    }
}

fn read(answer: &Answer, token: &str) -> Result<(), Refused> {
    if answer.status == 200 {
        return Ok(());
    }
    let problem = answer.read::<Problem>().unwrap_or_default();
    let reason = told(&problem.reason, &[token]);
    Err(match (answer.status, problem.reason.as_str()) {
        (410, _) => Refused::new(Kind::Unregistered { at: problem.timestamp.map(UnixMs) }, reason),
        // of one token or, by a wrong address, of all: none is thrown away for it; one that is gone is told by 410
        (400, "BadDeviceToken") => {
            Refused::barred(format!("{reason}: an app built for development has another address (apns.url)"))
        }
        (400, "DeviceTokenNotForTopic" | "BadTopic" | "MissingTopic" | "TopicDisallowed") => {
            Refused::barred(format!("{reason}: look at apns.bundle_id"))
        }
        (403, _) => Refused::barred(format!("{reason}: look at apns.key, key_id, team_id and the clock")),
        _ => answer.refused(&reason),
    })
}
