//! Engines of vendors, in the shapes that their documents describe.
//!
//! | vendor | request | signed by | answer |
//! |---|---|---|---|
//! | iFlytek, streaming synthesis v2 | WebSocket, one JSON message | HMAC-SHA256 of host, date and request line, in the URL | JSON messages with base64 samples, the last with status 2 |
//! | Alibaba, NLS RESTful | POST JSON | a token, made with HMAC-SHA1 and renewed before it ends | a WAV, or JSON with a status |
//! | Tencent, TextToVoice 2019-08-23 | POST JSON | TC3-HMAC-SHA256 over the whole request | JSON with a base64 WAV, or an error |
//!
//! Everything is asked for at 8 kHz. No redirect is followed and nothing is read past 16 MB. What a vendor says about a
//! failure is told without the secrets that it may repeat.

pub(super) mod alibaba;
pub(super) mod iflytek;
pub(super) mod tencent;
#[cfg(test)]
mod tests;

use super::engine::Failure;
use aws_lc_rs::hmac::{self, Algorithm, Key};
use reqwest::{StatusCode, Url};
use std::time::Duration;

/// Most that is read of an answer.
const MOST: usize = 16 << 20;
/// Longest wait for a connection.
const CONNECT: Duration = Duration::from_secs(4);

/// What asks the vendors. Where TLS does not start, each of them fails by itself: a program or espeak-ng still speaks.
#[derive(Clone)]
pub(super) struct Client(Result<reqwest::Client, Failure>);

impl Client {
    /// Reads the roots of TLS, which takes a while: made once, cloned for each vendor.
    pub(super) fn new() -> Client {
        let client = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .http1_only()
            .user_agent(concat!("waybell/", env!("CARGO_PKG_VERSION")))
            .build();
        Client(client.map_err(|_| Failure::barred("cannot be asked: TLS does not start")))
    }

    fn ready(&self) -> Result<&reqwest::Client, Failure> {
        self.0.as_ref().map_err(Failure::clone)
    }
}

/// Host of an address, with its port where that is not the usual one, as the header `Host` and signatures have it.
fn host(url: &Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

fn mac(algorithm: Algorithm, key: &[u8], message: &str) -> Vec<u8> {
    hmac::sign(&Key::new(algorithm, key), message.as_bytes()).as_ref().to_vec()
}

/// A request that brought no answer. The URL is not told: it may be signed.
fn unanswered(error: &reqwest::Error) -> Failure {
    if error.is_connect() {
        Failure::again("cannot be reached")
    } else if error.is_timeout() {
        Failure::lost("did not answer in time")
    } else {
        Failure::lost("broke the connection off")
    }
}

/// The whole answer.
async fn body(mut answer: reqwest::Response) -> Result<Vec<u8>, Failure> {
    let mut out = Vec::new();
    while let Some(chunk) =
        answer.chunk().await.map_err(|_| Failure::lost("broke off in the middle of its answer"))?
    {
        out.extend_from_slice(&chunk);
        if out.len() > MOST {
            return Err(Failure::lost(format!("answered more than {} MB", MOST >> 20)));
        }
    }
    Ok(out)
}

/// What a status says where the answer does not: whether to ask again.
fn status(status: StatusCode, told: &str) -> Failure {
    let problem = format!("answered {}: {told}", status.as_u16());
    match status.as_u16() {
        429 | 500..=599 => Failure::again(problem),
        401..=404 => Failure::barred(problem),
        413 | 422 => Failure::text(problem),
        _ => Failure::lost(problem),
    }
}

/// What a vendor says, short and without secrets.
fn told(message: &str, secrets: &[&str]) -> String {
    let mut out = message.replace(char::is_control, " ");
    for secret in secrets.iter().filter(|s| !s.is_empty()) {
        out = out.replace(*secret, "…");
    }
    out.chars().take(160).collect()
}
