//! The way to the server: one HTTP client, and how its answers become errors.
//!
//! A request that got no answer is [`Error::Offline`], whatever the reason; an answer of 400 or more is
//! [`Error::Refused`] with what the server said. TLS is rustls with ring; the provider is installed once, and one that
//! another part of the program has installed is used as it is.

use crate::crash;
use crate::error::{Error, Refusal, Result};
use reqwest::{Method, Response, StatusCode, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::{Arc, Once};
use std::time::Duration;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use waybell_domain::wire::ErrorBody;

const CONNECT: Duration = Duration::from_secs(8);
const WHOLE: Duration = Duration::from_secs(40);
/// For an answer that has to be made first.
const PATIENCE: Duration = Duration::from_secs(300);

/// The HTTP client of one server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Http {
    client: reqwest::Client,
    base: String,
}

/// A request.
#[derive(Clone, Default)]
pub(crate) struct Request {
    pub method: Method,
    /// From `/api/v1` on.
    pub path: String,
    pub body: Option<Vec<u8>>,
    /// `Idempotency-Key`.
    pub key: Option<String>,
    /// Age of the action by the boot clock, ms.
    pub age_ms: Option<u64>,
}

impl Request {
    pub(crate) fn get(path: impl Into<String>) -> Request {
        Request { path: path.into(), ..Request::default() }
    }

    pub(crate) fn post<T: Serialize>(path: impl Into<String>, body: &T) -> Result<Request> {
        let body = Some(serde_json::to_vec(body)?);
        Ok(Request { method: Method::POST, path: path.into(), body, ..Request::default() })
    }

    pub(crate) fn put<T: Serialize>(path: impl Into<String>, body: &T) -> Result<Request> {
        Ok(Request { method: Method::PUT, ..Request::post(path, body)? })
    }
}

/// Installs ring as the process's TLS provider, unless there is one.
pub(crate) fn install_tls() {
    static DONE: Once = Once::new();
    DONE.call_once(|| {
        // an error says that another provider is installed already, which is as good
        let _ = rustls::crypto::ring::default_provider().install_default();
    });
}

impl Http {
    /// `server` is `http://…` or `https://…`.
    pub(crate) fn new(server: &str) -> Result<Http> {
        install_tls();
        let base = server.trim().trim_end_matches('/').to_owned();
        let plain = base.starts_with("http://");
        if !plain && !base.starts_with("https://") && !base.is_empty() {
            return Err(Error::bad("server", "is no address", "write one like https://waybell.example.com"));
        }
        let mut builder = reqwest::Client::builder()
            .connect_timeout(CONNECT)
            .http1_only()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("waybell/", env!("CARGO_PKG_VERSION")));
        if plain {
            // without TLS no root certificates are read, so that a machine without any works, and starts sooner
            let tls = rustls::ClientConfig::builder()
                .with_root_certificates(Arc::new(rustls::RootCertStore::empty()))
                .with_no_client_auth();
            builder = builder.tls_backend_preconfigured(tls);
        }
        let client = builder.build().map_err(|e| Error::offline(said(&e)))?;
        Ok(Http { client, base })
    }

    /// The address given.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// Whether the server answers at all: the smallest request that there is.
    #[cfg(feature = "app-calls")]
    pub(crate) async fn is_there(&self) -> bool {
        let asked = self.client.get(format!("{}/healthz", self.base)).send().await;
        asked.is_ok_and(|answer| answer.status().is_success())
    }

    /// Sends and gives the answer's bytes.
    pub(crate) async fn bytes(&self, request: &Request, token: Option<&str>) -> Result<Vec<u8>> {
        let response = self.response(request, token, Some(WHOLE)).await?;
        let status = response.status();
        let retry_after = seconds(&response);
        let bytes = response.bytes().await.map_err(offline)?;
        crash::point("http.answered");
        if status.is_success() { Ok(bytes.into()) } else { Err(refused(status, &bytes, retry_after)) }
    }

    /// Sends and reads the answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        request: &Request,
        token: Option<&str>,
    ) -> Result<T> {
        read(&self.bytes(request, token).await?)
    }

    /// Asks for a WebSocket; the connection after the server agreed.
    pub(crate) async fn upgrade(&self, path: &str, token: &str, key: &str) -> Result<reqwest::Upgraded> {
        let request = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(token)
            .header(header::CONNECTION, "Upgrade")
            .header(header::UPGRADE, "websocket")
            .header(header::SEC_WEBSOCKET_VERSION, "13")
            .header(header::SEC_WEBSOCKET_KEY, key);
        let response = request.send().await.map_err(offline)?;
        let status = response.status();
        if status != StatusCode::SWITCHING_PROTOCOLS {
            let bytes = response.bytes().await.map_err(offline)?;
            return Err(refused(status, &bytes, None));
        }
        let accept = response.headers().get(header::SEC_WEBSOCKET_ACCEPT).and_then(|v| v.to_str().ok());
        if accept != Some(derive_accept_key(key.as_bytes()).as_str()) {
            return Err(Error::offline("the answer is no WebSocket"));
        }
        response.upgrade().await.map_err(offline)
    }

    /// Asks for the bytes of a file from `from` on (RFC 9110 14.2), which are then taken as they come. The server may answer
    /// with the whole all the same: see [`Ranged::start`].
    pub(crate) async fn range(&self, path: &str, token: &str, from: u64) -> Result<Ranged> {
        let mut request = self
            .client
            .get(format!("{}{path}", self.base))
            .bearer_auth(token)
            // a range of compressed bytes would be of no use
            .header(header::ACCEPT_ENCODING, "identity");
        if from > 0 {
            request = request.header(header::RANGE, format!("bytes={from}-"));
        }
        let sent = tokio::time::timeout(WHOLE, request.send()).await;
        let response = sent.map_err(|_| Error::offline("no answer in time"))?.map_err(offline)?;
        let status = response.status();
        if !status.is_success() {
            let retry_after = seconds(&response);
            return Err(refused(status, &response.bytes().await.map_err(offline)?, retry_after));
        }
        let (start, total) = match content_range(&response) {
            Some((start, total)) if status == StatusCode::PARTIAL_CONTENT => (start, total),
            _ => (0, response.content_length()),
        };
        Ok(Ranged { response, start, total })
    }

    /// Sends, and gives the bytes of the answer as they come. The server has a while to begin.
    pub(crate) async fn download(&self, request: &Request, token: &str) -> Result<Ranged> {
        let sent = tokio::time::timeout(PATIENCE, self.response(request, Some(token), None)).await;
        let response = sent.map_err(|_| Error::offline("no answer in time"))??;
        let status = response.status();
        if !status.is_success() {
            let retry_after = seconds(&response);
            return Err(refused(status, &response.bytes().await.map_err(offline)?, retry_after));
        }
        let total = response.content_length();
        Ok(Ranged { response, start: 0, total })
    }

    async fn response(
        &self,
        request: &Request,
        token: Option<&str>,
        limit: Option<Duration>,
    ) -> Result<Response> {
        if self.base.is_empty() {
            return Err(Error::bad("server", "is not set", "sign in with the server's address"));
        }
        let mut builder =
            self.client.request(request.method.clone(), format!("{}{}", self.base, request.path));
        if let Some(limit) = limit {
            builder = builder.timeout(limit);
        }
        if let Some(token) = token {
            builder = builder.bearer_auth(token);
        }
        if let Some(key) = &request.key {
            builder = builder.header("idempotency-key", key);
        }
        if let Some(age) = request.age_ms {
            builder = builder.header("x-waybell-age-ms", age.to_string());
        }
        if let Some(body) = &request.body {
            builder = builder.header(header::CONTENT_TYPE, "application/json").body(body.clone());
        }
        crash::point("http.before_send");
        crash::soon("http.sent");
        builder.send().await.map_err(offline)
    }
}

/// An answer whose bytes are taken as they come.
pub(crate) struct Ranged {
    response: Response,
    /// Place of its first byte in the file.
    pub start: u64,
    /// Length of the file, where the server tells it.
    pub total: Option<u64>,
}

impl Ranged {
    /// The next bytes; `None` at the end. `Offline` where none come for a while.
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let piece = tokio::time::timeout(WHOLE, self.response.chunk()).await;
        let piece = piece.map_err(|_| Error::offline("no answer in time"))?.map_err(offline)?;
        Ok(piece.map(Into::into))
    }
}

/// First byte and length of `Content-Range: bytes 0-9/100`.
fn content_range(response: &Response) -> Option<(u64, Option<u64>)> {
    let text = response.headers().get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (part, total) = text.trim().strip_prefix("bytes ")?.split_once('/')?;
    Some((part.split_once('-')?.0.trim().parse().ok()?, total.trim().parse().ok()))
}

/// Reads an answer as JSON. An answer of another shape is a fault on the way or of the server: trying again is right.
pub(crate) fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|e| Error::offline(format!("the answer is not one of this server's ({:?})", e.classify())))
}

fn seconds(response: &Response) -> Option<u32> {
    response.headers().get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()
}

fn refused(status: StatusCode, bytes: &[u8], retry_after: Option<u32>) -> Error {
    let body = serde_json::from_slice::<ErrorBody>(bytes).unwrap_or_else(|_| ErrorBody {
        code: format!("http_{}", status.as_u16()),
        message: format!("the server answered {status}"),
        field: None,
        hint: None,
        retry_after: None,
    });
    Error::Refused(Box::new(Refusal {
        status: status.as_u16(),
        code: body.code,
        message: body.message,
        field: body.field,
        hint: body.hint,
        retry_after: body.retry_after.or(retry_after),
    }))
}

fn offline(e: reqwest::Error) -> Error {
    let left = !e.is_connect();
    Error::Offline { problem: said(&e.without_url()), left }
}

/// The innermost cause: it is the one that says what happened ("connection refused").
fn said(e: &reqwest::Error) -> String {
    if e.is_timeout() {
        return "no answer in time".into();
    }
    let mut cause: &dyn std::error::Error = e;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
