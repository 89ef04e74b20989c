//! A person at the API.

use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// A signed-in person.
#[derive(Clone)]
pub struct Api {
    url: String,
    token: String,
    client: reqwest::Client,
}

impl Api {
    /// Signs in.
    pub async fn sign_in(url: &str, login: &str, password: &str) -> anyhow::Result<Api> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().timeout(Duration::from_secs(30)).build()?;
        let mut api = Api { url: url.to_owned(), token: String::new(), client };
        let answer = api
            .post(
                "/auth/login",
                &json!({ "login": login, "password": password, "device": uuid::Uuid::now_v7() }),
            )
            .await?;
        api.token = answer["access_token"].as_str().context("no token")?.to_owned();
        Ok(api)
    }

    /// The same person after the server moved to another port.
    pub fn at(&self, url: &str) -> Api {
        Api { url: url.to_owned(), ..self.clone() }
    }

    /// A request of this person, for what the other helpers do not say: other headers, other bodies.
    pub fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap_or_default();
        self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token)
    }

    /// This person's access token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The same person with another access token.
    pub fn with_token(&self, token: &str) -> Api {
        Api { token: token.to_owned(), ..self.clone() }
    }

    /// Any request; gives status and body.
    pub async fn send(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        // a connection of the server's last life may still be in the pool: reading again does no harm
        if method == "GET" {
            for _ in 0..3 {
                if let Ok(answer) = self.send_once(method, path, body, key).await {
                    return Ok(answer);
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
        self.send_once(method, path, body, key).await
    }

    async fn send_once(
        &self,
        method: &str,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> anyhow::Result<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes())?;
        let mut request =
            self.client.request(method, format!("{}/api/v1{path}", self.url)).bearer_auth(&self.token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = answer.text().await?;
        Ok((status, serde_json::from_str(&text).unwrap_or(Value::String(text))))
    }

    /// A request that must succeed.
    pub async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        match self.send(method, path, body, None).await? {
            (status, value) if status < 300 => Ok(value),
            (status, value) => bail!("{method} {path}: {status} {value}"),
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.ask("GET", path, None).await
    }

    /// POST.
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.ask("POST", path, Some(body)).await
    }

    /// Imports rows and gives the ids of this person's parcels, in the order of the list.
    pub async fn import(&self, rows: &[Value]) -> anyhow::Result<Vec<String>> {
        for chunk in rows.chunks(5_000) {
            self.post("/parcels/import", &json!({ "rows": chunk })).await?;
        }
        let mut ids = Vec::new();
        let mut since = 0;
        loop {
            let page = self.get(&format!("/sync?since={since}")).await?;
            for parcel in page["parcels"].as_array().into_iter().flatten() {
                ids.push((
                    parcel["waybill_no"].to_string(),
                    parcel["id"].as_str().unwrap_or_default().to_owned(),
                ));
            }
            since = page["cursor"].as_i64().unwrap_or_default();
            if page["more"] != json!(true) {
                break;
            }
        }
        ids.sort();
        ids.dedup();
        Ok(ids.into_iter().map(|(_, id)| id).collect())
    }

    /// The one tap; gives the batch id.
    pub async fn notify(&self, parcels: &[String]) -> anyhow::Result<Vec<String>> {
        let mut batches = Vec::new();
        for chunk in parcels.chunks(2_000) {
            let id = uuid::Uuid::now_v7().to_string();
            let request = json!({ "id": id, "template": "arrived", "parcels": chunk, "acted_at": { "wall": now_ms() } });
            // like a phone: the same request until there is an answer
            self.insist("POST", "/batches", &request, &id).await?;
            batches.push(id);
        }
        Ok(batches)
    }

    /// Sends a request with a key until it is answered, across restarts of the server.
    pub async fn insist(&self, method: &str, path: &str, body: &Value, key: &str) -> anyhow::Result<Value> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            match self.send(method, path, Some(body), Some(key)).await {
                Ok((status, value)) if status < 300 => return Ok(value),
                Ok((status, value)) if status < 500 => bail!("{path}: {status} {value}"),
                _ if Instant::now() > until => bail!("{path}: no answer for a minute"),
                _ => tokio::time::sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// Unix milliseconds.
pub fn now_ms() -> i64 {
    chrono::Utc::now().timestamp_millis()
}
