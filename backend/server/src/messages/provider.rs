//! Where text messages go.

use async_trait::async_trait;
use std::path::PathBuf;
use std::time::Duration;

/// A message that was not taken.
#[derive(Debug)]
pub struct Undelivered {
    /// Why, without the number or the text.
    pub problem: String,
    /// Trying again is of no use.
    pub permanent: bool,
}

/// A way to send text messages. `id` is the same each time a message is handed over; a provider that sees it again has
/// nothing to do.
#[async_trait]
pub trait TextMessage: Send + Sync {
    /// Hands a message over. `to` is `e164` or `e164;ext=…`.
    async fn send(&self, id: &str, to: &str, text: &str) -> Result<(), Undelivered>;
}

/// A folder with one JSON file a message: for tests, and for gateways that poll.
pub struct OutboxFolder {
    /// The folder.
    pub folder: PathBuf,
}

#[async_trait]
impl TextMessage for OutboxFolder {
    async fn send(&self, id: &str, to: &str, text: &str) -> Result<(), Undelivered> {
        let fail = |e: std::io::Error| Undelivered { problem: e.to_string(), permanent: false };
        let (folder, file) = (self.folder.clone(), self.folder.join(format!("{id}.json")));
        let body = serde_json::json!({ "id": id, "to": to, "text": text }).to_string();
        // it will be stored as sent, so it must be on the disk
        let put = move || {
            std::fs::create_dir_all(&folder)?;
            crate::files::put(&file, body.as_bytes(), crate::files::Readers::Usual)
        };
        tokio::task::spawn_blocking(put).await.map_err(std::io::Error::other).flatten().map_err(fail)
    }
}

/// An HTTP provider: `POST url` with `{"id","to","text"}`; 2xx takes it, 408, 429 and 5xx mean later, the rest never.
pub struct HttpProvider {
    url: String,
    token: Option<String>,
    client: reqwest::Client,
}

impl HttpProvider {
    /// A provider at `url`.
    pub fn new(url: String, token: Option<String>) -> Result<HttpProvider, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(Duration::from_secs(10)).build()?;
        Ok(HttpProvider { url, token, client })
    }
}

#[async_trait]
impl TextMessage for HttpProvider {
    async fn send(&self, id: &str, to: &str, text: &str) -> Result<(), Undelivered> {
        let mut request = self.client.post(&self.url).header("Idempotency-Key", id);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        let body = serde_json::json!({ "id": id, "to": to, "text": text });
        let answer = request
            .json(&body)
            .send()
            .await
            .map_err(|e| Undelivered { problem: e.without_url().to_string(), permanent: false })?;
        let status = answer.status();
        if status.is_success() {
            return Ok(());
        }
        let later = status.is_server_error() || [408, 429].contains(&status.as_u16());
        Err(Undelivered { problem: format!("the provider answered {status}"), permanent: !later })
    }
}
