//! One server that stands for all three vendors: it checks signatures, dates and parameters with other code than ours, and
//! fails on demand.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use parking_lot::Mutex;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::SECRET;

#[derive(Default)]
struct Seen {
    texts: Vec<String>,
    asked: Vec<&'static str>,
    tokens: usize,
    trouble: Option<(Option<&'static str>, &'static str, usize)>,
}

type Shared = Arc<Mutex<Seen>>;

/// See the module.
pub(super) struct Counterpart {
    pub(super) url: String,
    seen: Shared,
    task: tokio::task::JoinHandle<()>,
}

impl Counterpart {
    pub(super) async fn start() -> Counterpart {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let seen = Shared::default();
        let app = Router::new()
            .route("/v2/tts", get(iflytek))
            .route("/stream/v1/tts", post(alibaba))
            .route("/", get(token).post(tencent))
            .with_state(seen.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
        Counterpart { url, seen, task }
    }

    /// The next so many questions fail.
    pub(super) fn fail(&self, trouble: &'static str, times: usize) {
        self.seen.lock().trouble = Some((None, trouble, times));
    }

    /// All questions to one vendor fail.
    pub(super) fn fail_only(&self, vendor: &'static str, trouble: &'static str) {
        self.seen.lock().trouble = Some((Some(vendor), trouble, usize::MAX));
    }

    pub(super) fn texts(&self) -> Vec<String> {
        self.seen.lock().texts.clone()
    }

    pub(super) fn asked(&self) -> Vec<&'static str> {
        self.seen.lock().asked.clone()
    }

    pub(super) fn tokens(&self) -> usize {
        self.seen.lock().tokens
    }

    pub(super) fn forget(&self) {
        *self.seen.lock() = Seen::default();
    }
}

impl Drop for Counterpart {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Notes a question; gives the trouble that it meets.
fn meet(seen: &Shared, vendor: &'static str) -> &'static str {
    let mut seen = seen.lock();
    seen.asked.push(vendor);
    match &mut seen.trouble {
        Some((of, trouble, left)) if *left > 0 && of.is_none_or(|of| of == vendor) => {
            *left -= 1;
            trouble
        }
        _ => "",
    }
}

fn samples(text: &str, trouble: &str) -> Vec<u8> {
    let (characters, loud) = match trouble {
        "short" => (0, 3_000i16),
        "silence" => (text.chars().count(), 0),
        _ => (text.chars().count(), 3_000),
    };
    let wave = |n: usize| if n % 16 < 8 { loud } else { -loud };
    (0..characters * 1_600 + 100).flat_map(|n| wave(n).to_le_bytes()).collect()
}

fn wav(text: &str, trouble: &str) -> Vec<u8> {
    if trouble == "noise" {
        return b"<html>maintenance</html>".to_vec();
    }
    let data = samples(text, trouble);
    let mut out =
        b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0\x40\x1f\0\0\x80\x3e\0\0\x02\0\x10\0data".to_vec();
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
    if trouble == "cut" {
        out.truncate(600);
    }
    out
}

fn sha256(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

async fn slow(trouble: &str) {
    if trouble == "slow" {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
}

async fn iflytek(
    State(seen): State<Shared>,
    Query(q): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    let trouble = meet(&seen, "iflytek");
    let refuse = |status: u16, message: &str| {
        (StatusCode::from_u16(status).unwrap(), axum::Json(json!({ "message": message }))).into_response()
    };
    let (date, host) = (&q["date"], &q["host"]);
    let text = format!("host: {host}\ndate: {date}\nGET /v2/tts HTTP/1.1");
    let signature = STANDARD.encode(sha256(SECRET.as_bytes(), &text));
    let wanted = format!(
        "api_key=\"key-of-iflytek\", algorithm=\"hmac-sha256\", headers=\"host date request-line\", signature=\"{signature}\""
    );
    let given = STANDARD.decode(&q["authorization"]).unwrap_or_default();
    let sent = chrono::DateTime::parse_from_rfc2822(date).map(|d| d.timestamp()).unwrap_or_default();
    if trouble == "signature" || given != wanted.as_bytes() || headers[header::HOST] != host.as_str() {
        return refuse(401, "HMAC signature cannot be verified: key-of-iflytek");
    }
    if (sent - chrono::Utc::now().timestamp()).abs() > 300 {
        return refuse(403, "HMAC signature cannot be verified, a valid date or x-date header is required");
    }
    if trouble == "busy" {
        return refuse(429, "too many connections");
    }
    upgrade.on_upgrade(move |socket| iflytek_talk(socket, seen, trouble))
}

async fn iflytek_talk(mut socket: WebSocket, seen: Shared, trouble: &'static str) {
    let Some(Ok(Message::Text(question))) = socket.recv().await else { return };
    let q: Value = serde_json::from_str(&question).unwrap();
    let business = &q["business"];
    let good = q["common"]["app_id"] == "5c3a1f00"
        && business["aue"] == "raw"
        && business["auf"] == "audio/L16;rate=8000"
        && business["vcn"] == "xiaoyan"
        && business["tte"] == "UTF8"
        && q["data"]["status"] == 2;
    let refusal = match trouble {
        _ if !good => Some((10_163, "param validate error")),
        "quota" => Some((11_201, "licc daily limit")),
        "fault" => Some((10_700, "engine error")),
        "text" => Some((10_109, "text length is illegal")),
        _ => None,
    };
    if let Some((code, message)) = refusal {
        let answer = json!({ "code": code, "message": message, "sid": "tts1" });
        let _ = socket.send(Message::text(answer.to_string())).await;
        return;
    }
    let text = String::from_utf8(STANDARD.decode(q["data"]["text"].as_str().unwrap()).unwrap()).unwrap();
    seen.lock().texts.push(text.clone());
    slow(trouble).await;
    let sound = samples(&text, trouble);
    let parts: Vec<&[u8]> = sound.chunks(2_000).collect();
    for (n, part) in parts.iter().enumerate() {
        let status = if n + 1 == parts.len() { 2 } else { 1 };
        if trouble == "cut" && status == 2 {
            return;
        }
        let audio = if trouble == "noise" { "not base64!".to_owned() } else { STANDARD.encode(part) };
        let answer = json!({ "code": 0, "message": "success", "sid": "tts1", "data": { "audio": audio, "ced": n.to_string(), "status": status } });
        if socket.send(Message::text(answer.to_string())).await.is_err() {
            return;
        }
    }
}

async fn token(State(seen): State<Shared>, Query(q): Query<HashMap<String, String>>) -> Response {
    let all = [
        "AccessKeyId",
        "Action",
        "Format",
        "RegionId",
        "SignatureMethod",
        "SignatureNonce",
        "SignatureVersion",
        "Timestamp",
        "Version",
        "Signature",
    ];
    let good = all.iter().all(|k| q.contains_key(*k))
        && q["AccessKeyId"] == "access-id"
        && q["Action"] == "CreateToken"
        && q["Version"] == "2019-02-28"
        && STANDARD.decode(&q["Signature"]).is_ok_and(|s| s.len() == 20);
    let mut seen = seen.lock();
    seen.tokens += 1;
    if !good || matches!(seen.trouble, Some((_, "signature", _))) {
        let body = json!({ "RequestId": "r", "Code": "SignatureDoesNotMatch", "Message": "Specified signature of access-id is not matched" });
        return (StatusCode::BAD_REQUEST, axum::Json(body)).into_response();
    }
    let ends = chrono::Utc::now().timestamp() + 86_400;
    let id = format!("token-{}", seen.tokens);
    axum::Json(json!({ "ErrMsg": "", "Token": { "UserId": "1", "Id": id, "ExpireTime": ends } }))
        .into_response()
}

async fn alibaba(State(seen): State<Shared>, body: Bytes) -> Response {
    let trouble = meet(&seen, "alibaba");
    let q: Value = serde_json::from_slice(&body).unwrap();
    let refuse = |status: i64, message: String| {
        (
            StatusCode::BAD_REQUEST,
            axum::Json(json!({ "task_id": "t", "result": "", "status": status, "message": message })),
        )
            .into_response()
    };
    let token = q["token"].as_str().unwrap_or_default();
    if trouble == "expired" || !token.starts_with("token-") {
        return refuse(40_000_001, format!("Gateway:ACCESS_DENIED:The token '{token}' is expired!"));
    }
    let good = q["appkey"] == "app-key"
        && q["format"] == "wav"
        && q["sample_rate"] == 8_000
        && q["voice"] == "xiaoyun";
    match trouble {
        _ if !good => return refuse(40_000_003, "PARAMETER_INVALID".into()),
        "signature" => return refuse(40_020_105, "Meta:APPKEY_NOT_EXIST".into()),
        "quota" => return refuse(40_000_010, "Gateway:FREE_TRIAL_EXPIRED".into()),
        "busy" => return refuse(40_000_005, "Gateway:TOO_MANY_REQUESTS".into()),
        "fault" => return refuse(50_000_000, "SERVER_ERROR".into()),
        "text" => return refuse(40_000_002, "INVALID_MESSAGE".into()),
        _ => {}
    }
    let text = q["text"].as_str().unwrap().to_owned();
    seen.lock().texts.push(text.clone());
    slow(trouble).await;
    ([(header::CONTENT_TYPE, "audio/mpeg")], Body::from(wav(&text, trouble))).into_response()
}

async fn tencent(State(seen): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let trouble = meet(&seen, "tencent");
    let of = |name: &str| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let answer = |inner: Value| axum::Json(json!({ "Response": inner })).into_response();
    let refuse = |code: &str, message: &str| {
        answer(json!({ "Error": { "Code": code, "Message": message }, "RequestId": "r" }))
    };
    let stamp: i64 = of("x-tc-timestamp").parse().unwrap_or_default();
    let day = chrono::DateTime::from_timestamp(stamp, 0).unwrap().format("%Y-%m-%d").to_string();
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    let request = format!(
        "POST\n/\n\ncontent-type:{}\nhost:{}\nx-tc-action:{}\n\ncontent-type;host;x-tc-action\n{}",
        of("content-type"),
        of("host"),
        of("x-tc-action").to_lowercase(),
        hex(&Sha256::digest(&body))
    );
    let text = format!("TC3-HMAC-SHA256\n{stamp}\n{day}/tts/tc3_request\n{}", hex(&Sha256::digest(request)));
    let key = [day.as_str(), "tts", "tc3_request"]
        .iter()
        .fold(format!("TC3{SECRET}").into_bytes(), |key, part| sha256(&key, part));
    let signature = hex(&sha256(&key, &text));
    let wanted = format!(
        "TC3-HMAC-SHA256 Credential=secret-id/{day}/tts/tc3_request, SignedHeaders=content-type;host;x-tc-action, Signature={signature}"
    );
    if (stamp - chrono::Utc::now().timestamp()).abs() > 300 {
        return refuse("AuthFailure.SignatureExpire", "Signature expired");
    }
    if trouble == "signature" || of("authorization") != wanted {
        return refuse(
            "AuthFailure.SignatureFailure",
            "The provided credentials of secret-id could not be validated",
        );
    }
    let q: Value = serde_json::from_slice(&body).unwrap();
    let good = of("x-tc-action") == "TextToVoice"
        && of("x-tc-version") == "2019-08-23"
        && of("x-tc-region") == "ap-guangzhou"
        && q["SampleRate"] == 8_000
        && q["Codec"] == "wav"
        && q["VoiceType"] == 101_001
        && q["SessionId"].is_string();
    match trouble {
        _ if !good => return refuse("InvalidParameterValue", "a parameter"),
        "quota" => return refuse("UnsupportedOperation.PkgExhausted", "the package is used up"),
        "busy" => return refuse("RequestLimitExceeded", "20 a second"),
        "fault" => return refuse("InternalError", "internal"),
        "text" => return refuse("UnsupportedOperation.TextTooLong", "too long"),
        _ => {}
    }
    let text = q["Text"].as_str().unwrap().to_owned();
    seen.lock().texts.push(text.clone());
    slow(trouble).await;
    answer(
        json!({ "Audio": STANDARD.encode(wav(&text, trouble)), "SessionId": q["SessionId"], "RequestId": "r" }),
    )
}
