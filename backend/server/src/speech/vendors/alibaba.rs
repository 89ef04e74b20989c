//! Alibaba's NLS synthesis (`/stream/v1/tts`) and the tokens that it asks for.
//!
//! A token is either given (somebody else renews it) or made with an AccessKey: `CreateToken`, signed by HMAC-SHA1 over the
//! sorted parameters. It is renewed ten minutes before it ends, and once when it is refused (40000001): nothing was made
//! then, so asking again is safe.

use super::super::engine::{Engine, Failure, Kind, Sound};
use super::super::settings::Alibaba as Settings;
use super::{Client, body, mac, status, told, unanswered};
use async_trait::async_trait;
use aws_lc_rs::hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{StatusCode, header};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;
use tokio::sync::Mutex;

/// Characters of a request.
const LONGEST: usize = 300;
/// A token that ends within so many seconds is renewed.
const MARGIN: i64 = 600;
/// "The token is expired" and its like.
const DENIED: i64 = 40_000_001;

pub(crate) struct Alibaba {
    settings: Settings,
    client: Client,
    token: Mutex<Option<Token>>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Token {
    id: String,
    expire_time: i64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct TokenAnswer {
    token: Option<Token>,
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(default)]
    status: i64,
    #[serde(default)]
    message: String,
}

/// Percent-encoding of RFC 3986, as the signature wants it.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|b| match b {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => char::from(b).to_string(),
            _ => format!("%{b:02X}"),
        })
        .collect()
}

/// The query of a request with its signature.
pub(super) fn signed(parameters: &BTreeMap<&str, String>, secret: &str) -> String {
    let query: Vec<String> =
        parameters.iter().map(|(k, v)| format!("{}={}", percent(k), percent(v))).collect();
    let query = query.join("&");
    let text = format!("GET&%2F&{}", percent(&query));
    let signature = mac(HMAC_SHA1_FOR_LEGACY_USE_ONLY, format!("{secret}&").as_bytes(), &text);
    format!("{query}&Signature={}", percent(&STANDARD.encode(signature)))
}

impl Alibaba {
    pub(crate) fn new(settings: Settings, client: Client) -> Alibaba {
        Alibaba { settings, client, token: Mutex::new(None) }
    }

    fn told(&self, message: &str, token: &str) -> String {
        let secret = self.settings.access_key_secret.as_ref().map_or("", |s| s.reveal());
        told(message, &[token, secret, self.settings.access_key_id.as_deref().unwrap_or_default()])
    }

    /// A token that is good for a while; `refused` is one that is not.
    async fn token(&self, refused: Option<&str>) -> Result<String, Failure> {
        let (Some(id), Some(secret)) = (&self.settings.access_key_id, &self.settings.access_key_secret)
        else {
            return match &self.settings.token {
                Some(given) if refused != Some(given.reveal()) => Ok(given.reveal().to_owned()),
                _ => Err(Failure::barred("refuses the token: write another one, or keys that make tokens")),
            };
        };
        // one at a time: the others take what the first has fetched
        let mut kept = self.token.lock().await;
        let now = chrono::Utc::now();
        if let Some(token) = kept.as_ref()
            && token.expire_time - MARGIN > now.timestamp()
            && refused != Some(token.id.as_str())
        {
            return Ok(token.id.clone());
        }
        let parameters = BTreeMap::from([
            ("AccessKeyId", id.clone()),
            ("Action", "CreateToken".to_owned()),
            ("Format", "JSON".to_owned()),
            ("RegionId", "cn-shanghai".to_owned()),
            ("SignatureMethod", "HMAC-SHA1".to_owned()),
            ("SignatureNonce", uuid::Uuid::new_v4().to_string()),
            ("SignatureVersion", "1.0".to_owned()),
            ("Timestamp", now.format("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ("Version", "2019-02-28".to_owned()),
        ]);
        let url = format!("{}?{}", self.settings.token_url, signed(&parameters, secret.reveal()));
        let answer = self.client.ready()?.get(url).send().await.map_err(|e| unanswered(&e))?;
        let code = answer.status();
        let bytes = body(answer).await?;
        let read: TokenAnswer = serde_json::from_slice(&bytes).map_err(|_| status(code, "no token"))?;
        let Some(token) = read.token else {
            let said = self.told(&format!("{} {}", read.code, read.message), "");
            return Err(match status(code, &said) {
                failure if failure.kind == Kind::Again => failure,
                failure => Failure::barred(failure.problem),
            });
        };
        *kept = Some(token.clone());
        Ok(token.id)
    }

    async fn ask(&self, text: &str, token: &str) -> Result<Sound, (i64, Failure)> {
        let question = json!({
            "appkey": self.settings.app_key,
            "token": token,
            "text": text,
            "format": "wav",
            "sample_rate": 8000,
            "voice": self.settings.voice,
            "speech_rate": self.settings.speed,
        });
        let plain = |failure: Failure| (0, failure);
        let answer = self
            .client
            .ready()
            .map_err(plain)?
            .post(&self.settings.url)
            .header(header::CONTENT_TYPE, "application/json")
            .body(question.to_string())
            .send()
            .await
            .map_err(|e| plain(unanswered(&e)))?;
        let code = answer.status();
        let kind =
            answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let sounds = code == StatusCode::OK && kind.starts_with("audio/");
        let bytes = body(answer).await.map_err(plain)?;
        if sounds {
            return Ok(Sound::Wav(bytes));
        }
        let refusal: Refusal = serde_json::from_slice(&bytes).unwrap_or_default();
        let said = self.told(&refusal.message, token);
        let problem = format!("answered {}: {said}", refusal.status);
        Err((
            refusal.status,
            match refusal.status {
                0 => status(code, "no reason"),
                // token, project, trial that is over, service that is not open
                DENIED | 40_000_010 | 40_010_000..=40_029_999 => Failure::barred(problem),
                // idle too long, too many requests, theirs
                40_000_004 | 40_000_005 | 50_000_000..=59_999_999 => Failure::again(problem),
                _ => Failure::text(problem),
            },
        ))
    }
}

#[async_trait]
impl Engine for Alibaba {
    fn is_paid(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "alibaba"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.settings.voice, self.settings.speed)
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        let token = self.token(None).await?;
        match self.ask(text, &token).await {
            Err((DENIED, refused)) if self.settings.access_key_id.is_some() => {
                let fresh = self.token(Some(&token)).await.map_err(|f| Failure {
                    problem: format!("{}; then {}", refused.problem, f.problem),
                    ..f
                })?;
                self.ask(text, &fresh).await.map_err(|(_, failure)| failure)
            }
            other => other.map_err(|(_, failure)| failure),
        }
    }
}
