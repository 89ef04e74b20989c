//! Asking over HTTP.

use crate::speech::Failure;
use reqwest::{Client, StatusCode};
use serde_json::Value;
use std::time::Duration;

/// Most bytes of an answer.
const MOST: usize = 256 << 10;

/// A client for one service. The address, which holds key and question, is in no error.
pub(super) struct Asker {
    client: Client,
    url: String,
}

impl Asker {
    pub(super) fn new(url: &str, agent: &str, patience: Duration) -> Result<Asker, String> {
        let client = Client::builder()
            .connect_timeout(patience)
            .timeout(patience)
            .user_agent(agent)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|e| e.to_string())?;
        Ok(Asker { client, url: url.to_owned() })
    }

    /// Asks with these parameters; the JSON that came.
    pub(super) async fn ask(&self, query: &[(&str, &str)]) -> Result<Value, Failure> {
        let mut url =
            reqwest::Url::parse(&self.url).map_err(|_| Failure::barred("has an address that is none"))?;
        url.query_pairs_mut().extend_pairs(query);
        let again = |e: reqwest::Error| Failure::again(e.without_url().to_string());
        let mut answer = self.client.get(url).send().await.map_err(again)?;
        let status = answer.status();
        let mut body = Vec::new();
        while let Some(part) = answer.chunk().await.map_err(again)? {
            if body.len() + part.len() > MOST {
                return Err(Failure::barred(format!("answers more than {} kB", MOST >> 10)));
            }
            body.extend_from_slice(&part);
        }
        match serde_json::from_slice(&body) {
            // some say what is wrong in JSON and by the status
            Ok(json) if status.is_success() || status == StatusCode::BAD_REQUEST => Ok(json),
            _ => Err(refused(status)),
        }
    }
}

fn refused(status: StatusCode) -> Failure {
    let problem = format!("answers {status}");
    match status.as_u16() {
        200..=299 => Failure::barred("answers no JSON; is it the right address?"),
        400 | 413 | 414 | 422 => Failure::text(problem),
        408 | 418 | 425 | 429 => Failure::again(problem),
        300..=499 => Failure::barred(problem),
        _ => Failure::again(problem),
    }
}

/// Lower-case hexadecimal MD5, as the services want their signatures.
pub(super) fn md5(text: &str) -> String {
    use md5::{Digest, Md5};
    waybell_domain::evidence::hex(&Md5::digest(text.as_bytes()))
}

/// A number, also where it is written as a text.
pub(super) fn number(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_str()?.trim().parse().ok()).filter(|n| n.is_finite())
}

/// A text; services write an empty list, null or nothing where there is none.
pub(super) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
