//! iFlytek's streaming synthesis (`/v2/tts`).
//!
//! The URL carries `authorization`, `date` and `host`: base64 of the key and an HMAC-SHA256 over the three lines `host`,
//! `date`, request line. The date may be off by 300 s. One message asks for everything; answers come until `data.status` is
//! 2, and a connection that ends before that was cut.

use super::super::engine::{Engine, Failure, Sound};
use super::super::settings::Iflytek as Settings;
use super::{Client, body, host, mac, status, told, unanswered};
use async_trait::async_trait;
use aws_lc_rs::hmac::HMAC_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use reqwest::{StatusCode, Url, header};
use serde::Deserialize;
use serde_json::json;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::client::generate_key;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

/// Characters that fit into 8,000 bytes whatever they are.
const LONGEST: usize = 1_900;

pub(crate) struct Iflytek {
    settings: Settings,
    client: Client,
}

#[derive(Deserialize)]
struct Answer {
    code: i64,
    #[serde(default)]
    message: String,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    audio: Option<String>,
    status: u8,
}

/// The parameter `authorization`.
pub(super) fn authorization(settings: &Settings, host: &str, date: &str, path: &str) -> String {
    let signed = format!("host: {host}\ndate: {date}\nGET {path} HTTP/1.1");
    let signature = STANDARD.encode(mac(HMAC_SHA256, settings.api_secret.reveal().as_bytes(), &signed));
    STANDARD.encode(format!(
        "api_key=\"{}\", algorithm=\"hmac-sha256\", headers=\"host date request-line\", signature=\"{signature}\"",
        settings.api_key
    ))
}

impl Iflytek {
    pub(crate) fn new(settings: Settings, client: Client) -> Iflytek {
        Iflytek { settings, client }
    }

    /// The signed address.
    fn address(&self) -> Result<Url, Failure> {
        let odd = || Failure::barred("has an address that does not read");
        let plain = self.settings.url.replacen("ws", "http", 1);
        let mut url = Url::parse(&plain).map_err(|_| odd())?;
        let host = host(&url).ok_or_else(odd)?;
        let date = chrono::Utc::now().format("%a, %d %b %Y %H:%M:%S GMT").to_string();
        let authorization = authorization(&self.settings, &host, &date, url.path());
        url.query_pairs_mut()
            .append_pair("authorization", &authorization)
            .append_pair("date", &date)
            .append_pair("host", &host);
        Ok(url)
    }

    fn told(&self, message: &str) -> String {
        told(message, &[self.settings.api_secret.reveal(), &self.settings.api_key])
    }

    async fn open(&self) -> Result<WebSocketStream<reqwest::Upgraded>, Failure> {
        let key = generate_key();
        let answer = self
            .client
            .ready()?
            .get(self.address()?)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, &key)
            .send()
            .await
            .map_err(|e| unanswered(&e))?;
        let code = answer.status();
        if code != StatusCode::SWITCHING_PROTOCOLS {
            let bytes = body(answer).await?;
            let said = serde_json::from_slice::<serde_json::Value>(&bytes).unwrap_or_default();
            // 401: key or signature; 403: the date is off by more than 300 s
            return Err(status(code, &self.told(said["message"].as_str().unwrap_or("no reason"))));
        }
        let accept = answer.headers().get(header::SEC_WEBSOCKET_ACCEPT).and_then(|v| v.to_str().ok());
        if accept != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(Failure::lost("answered no WebSocket"));
        }
        let connection = answer.upgrade().await.map_err(|e| unanswered(&e))?;
        let config = WebSocketConfig::default().max_message_size(Some(super::MOST));
        Ok(WebSocketStream::from_raw_socket(connection, Role::Client, Some(config)).await)
    }

    fn failure(&self, answer: &Answer) -> Failure {
        let problem = format!("answered {}: {}", answer.code, self.told(&answer.message));
        match answer.code {
            // licence, quota of the day, account
            10_005..=10_007 | 10_105..=10_107 | 10_110 | 10_313 | 11_200 | 11_201 | 11_300 => {
                Failure::barred(problem)
            }
            // the request itself
            10_109 | 10_139 | 10_160..=10_163 => Failure::text(problem),
            // too many at once, or a fault of theirs
            _ => Failure::again(problem),
        }
    }
}

#[async_trait]
impl Engine for Iflytek {
    fn is_paid(&self) -> bool {
        true
    }

    fn name(&self) -> &'static str {
        "iflytek"
    }

    fn voice(&self) -> String {
        format!("{}\0{}", self.settings.voice, self.settings.speed)
    }

    fn longest(&self) -> usize {
        LONGEST
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        let question = json!({
            "common": { "app_id": self.settings.app_id },
            "business": {
                "aue": "raw",
                "auf": "audio/L16;rate=8000",
                "vcn": self.settings.voice,
                "speed": self.settings.speed,
                "tte": "UTF8",
            },
            "data": { "status": 2, "text": STANDARD.encode(text) },
        });
        let mut socket = self.open().await?;
        socket
            .send(Message::text(question.to_string()))
            .await
            .map_err(|_| Failure::again("broke the connection off"))?;
        let mut bytes = Vec::new();
        loop {
            let message = match socket.next().await {
                Some(Ok(Message::Text(text))) => text,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => continue,
                _ => return Err(Failure::lost("broke off in the middle of its answer")),
            };
            let answer: Answer = serde_json::from_str(message.as_str())
                .map_err(|_| Failure::lost("answered something else than its document says"))?;
            if answer.code != 0 {
                return Err(self.failure(&answer));
            }
            let Some(data) = answer.data else { continue };
            let audio = STANDARD
                .decode(data.audio.unwrap_or_default())
                .map_err(|_| Failure::lost("answered sound that does not read"))?;
            bytes.extend(audio);
            if bytes.len() > super::MOST {
                return Err(Failure::lost("answered without an end"));
            }
            if data.status == 2 {
                break;
            }
        }
        let _ = socket.close(None).await;
        Ok(Sound::Pcm(bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect()))
    }
}
