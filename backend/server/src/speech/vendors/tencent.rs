//! Tencent's `TextToVoice` (2019-08-23), signed by TC3-HMAC-SHA256.
//!
//! ```text
//!  request     POST, path, query, headers with their names, SHA-256 of the body
//!  to sign     TC3-HMAC-SHA256, Unix time, DATE/tts/tc3_request, SHA-256 of the request
//!  key         HMAC of HMAC of HMAC of "TC3" + SecretKey with the date, "tts", "tc3_request"
//! ```
//!
//! The answer is 200 also where it is an error: only its body tells.

use super::super::engine::{Engine, Failure, Sound};
use super::super::settings::Tencent as Settings;
use super::{Client, body, host, mac, status, told, unanswered};
use async_trait::async_trait;
use aws_lc_rs::hmac::HMAC_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Url, header};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

const ACTION: &str = "TextToVoice";
const VERSION: &str = "2019-08-23";
const SERVICE: &str = "tts";
const CONTENT: &str = "application/json; charset=utf-8";
/// Chinese characters of a request, punctuation included.
const LONGEST: usize = 150;

pub(crate) struct Tencent {
    settings: Settings,
    client: Client,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "Response")]
    response: Inner,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Inner {
    audio: Option<String>,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Refusal {
    code: String,
    #[serde(default)]
    message: String,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The header `Authorization` for a body that is sent at a time.
pub(super) fn authorization(settings: &Settings, host: &str, body: &str, seconds: i64) -> String {
    let date =
        chrono::DateTime::from_timestamp(seconds, 0).unwrap_or_default().format("%Y-%m-%d").to_string();
    let names = "content-type;host;x-tc-action";
    let headers = format!("content-type:{CONTENT}\nhost:{host}\nx-tc-action:{}\n", ACTION.to_lowercase());
    let request = format!("POST\n/\n\n{headers}\n{names}\n{}", hex(&Sha256::digest(body)));
    let scope = format!("{date}/{SERVICE}/tc3_request");
    let signed = format!("TC3-HMAC-SHA256\n{seconds}\n{scope}\n{}", hex(&Sha256::digest(request)));
    let mut key = format!("TC3{}", settings.secret_key.reveal()).into_bytes();
    for part in [date.as_str(), SERVICE, "tc3_request"] {
        key = mac(HMAC_SHA256, &key, part);
    }
    let signature = hex(&mac(HMAC_SHA256, &key, &signed));
    let id = &settings.secret_id;
    format!("TC3-HMAC-SHA256 Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}")
}

impl Tencent {
    pub(crate) fn new(settings: Settings, client: Client) -> Tencent {
        Tencent { settings, client }
    }

    fn failure(&self, refusal: &Refusal) -> Failure {
        let secrets = [self.settings.secret_key.reveal(), self.settings.secret_id.as_str()];
        let problem =
            format!("answered {}: {}", told(&refusal.code, &secrets), told(&refusal.message, &secrets));
        let code = refusal.code.as_str();
        let is = |start: &str| code.starts_with(start);
        if is("RequestLimitExceeded") || is("InternalError") || is("FailedOperation") {
            Failure::again(problem)
        } else if is("InvalidParameter")
            || is("UnsupportedOperation.TextTooLong")
            || is("UnsupportedOperation.TextEmpty")
        {
            Failure::text(problem)
        } else {
            // AuthFailure, LimitExceeded, ResourceUnavailable, UnsupportedOperation (not open, used up), …
            Failure::barred(problem)
        }
    }
}

#[async_trait]
impl Engine for Tencent {
    fn is_paid(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "tencent"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.settings.voice, self.settings.speed)
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        let odd = || Failure::barred("has an address that does not read");
        let url = Url::parse(&self.settings.url).map_err(|_| odd())?;
        let host = host(&url).ok_or_else(odd)?;
        let question = json!({
            "Text": text,
            "SessionId": uuid::Uuid::new_v4().to_string(),
            "ModelType": 1,
            "VoiceType": self.settings.voice,
            "Speed": self.settings.speed,
            "SampleRate": 8000,
            "Codec": "wav",
        })
        .to_string();
        let now = chrono::Utc::now().timestamp();
        let answer = self
            .client
            .ready()?
            .post(url)
            .header(header::CONTENT_TYPE, CONTENT)
            .header(header::AUTHORIZATION, authorization(&self.settings, &host, &question, now))
            .header("X-TC-Action", ACTION)
            .header("X-TC-Version", VERSION)
            .header("X-TC-Timestamp", now)
            .header("X-TC-Region", &self.settings.region)
            .body(question)
            .send()
            .await
            .map_err(|e| unanswered(&e))?;
        let code = answer.status();
        let bytes = body(answer).await?;
        if !code.is_success() {
            return Err(status(code, "no reason"));
        }
        let answer: Answer = serde_json::from_slice(&bytes)
            .map_err(|_| Failure::lost("answered something else than its document says"))?;
        if let Some(refusal) = &answer.response.error {
            return Err(self.failure(refusal));
        }
        let audio = answer.response.audio.ok_or_else(|| Failure::lost("answered no sound"))?;
        let wav = STANDARD.decode(audio).map_err(|_| Failure::lost("answered sound that does not read"))?;
        Ok(Sound::Wav(wav))
    }
}
