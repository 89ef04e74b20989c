//! An engine over HTTP, asked as most recognisers that one runs oneself are: `POST`, a form with the sound as `file`, and `model`,
//! `language`, `prompt`, `response_format`, `temperature`; the answer is JSON with `text` (docs/recordings.md).

use super::engine::{HINT, Transcriber, within};
use super::settings::Transcriber as Settings;
use crate::speech::{Failure, Secret};
use async_trait::async_trait;
use reqwest::header::RETRY_AFTER;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode};
use serde::Deserialize;
use std::time::Duration;

/// Most bytes of an answer.
const MOST: usize = 1 << 20;

/// A recogniser at an address.
pub(super) struct Http {
    client: Client,
    url: String,
    token: Option<Secret>,
    model: String,
    language: String,
    name: String,
}

#[derive(Deserialize)]
struct Answer {
    text: String,
}

impl Http {
    pub(super) fn new(url: &str, settings: &Settings) -> Result<Http, String> {
        let client = Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| e.to_string())?;
        let (model, language) = (settings.model.clone(), settings.language.clone());
        let name = if model.is_empty() { "http".to_owned() } else { model.clone() };
        Ok(Http { client, url: url.to_owned(), token: settings.token.clone(), model, language, name })
    }

    async fn ask(&self, wav: &[u8]) -> Result<Response, reqwest::Error> {
        let file = Part::bytes(wav.to_vec()).file_name("voicemail.wav").mime_str("audio/wav")?;
        let mut form = Form::new()
            .part("file", file)
            .text("language", self.language.clone())
            .text("prompt", HINT)
            .text("temperature", "0")
            .text("response_format", "json");
        if !self.model.is_empty() {
            form = form.text("model", self.model.clone());
        }
        let mut request = self.client.post(&self.url).multipart(form);
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.reveal());
        }
        request.send().await
    }
}

#[async_trait]
impl Transcriber for Http {
    fn name(&self) -> &str {
        &self.name
    }

    async fn write_down(&self, wav: &[u8], patience: Duration) -> Result<String, Failure> {
        within(patience, self.answer(wav)).await
    }
}

impl Http {
    async fn answer(&self, wav: &[u8]) -> Result<String, Failure> {
        // an error of the client has the address in it, which may hold a key
        let asked = self.ask(wav).await.map_err(|e| Failure::again(e.without_url().to_string()))?;
        let status = asked.status();
        if !status.is_success() {
            return Err(refused(status, asked.headers().get(RETRY_AFTER).is_some()));
        }
        let body = read(asked).await?;
        let answer: Answer = serde_json::from_slice(&body)
            .map_err(|_| Failure::barred("answers no JSON with a field text; is it the right address?"))?;
        Ok(answer.text)
    }
}

/// What a status means; the body is not told, because it may repeat what was said.
fn refused(status: StatusCode, says_when: bool) -> Failure {
    let problem = format!("answers {status}");
    match status.as_u16() {
        400 | 413 | 415 | 422 => Failure::text(problem),
        408 | 425 | 429 => Failure::again(problem),
        503 if says_when => Failure::again(problem),
        300..=499 => Failure::barred(problem),
        _ => Failure::again(problem),
    }
}

async fn read(mut answer: Response) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    while let Some(part) = answer.chunk().await.map_err(|e| Failure::again(e.without_url().to_string()))? {
        if body.len() + part.len() > MOST {
            return Err(Failure::barred(format!("answers more than {} MB", MOST >> 20)));
        }
        body.extend_from_slice(&part);
    }
    Ok(body)
}
