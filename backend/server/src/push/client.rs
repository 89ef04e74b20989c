//! One HTTP exchange with a vendor: short, bounded, without redirects.

use super::engine::{Kind, Refused};
use reqwest::{Client, ClientBuilder, RequestBuilder, header};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// Longest wait for a connection, and for a whole answer: a call rings for seconds.
const CONNECT: Duration = Duration::from_secs(3);
const WHOLE: Duration = Duration::from_secs(5);
/// Most that is read of an answer, bytes.
const MOST: usize = 65_536;
/// An idle connection is asked this often whether it still stands: the one that a call needs must not be dead.
const ALIVE: Duration = Duration::from_secs(30);

fn builder() -> ClientBuilder {
    Client::builder()
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .user_agent(concat!("waybell/", env!("CARGO_PKG_VERSION")))
}

/// For vendors that speak HTTP/1.1.
pub(super) fn plain() -> Result<Client, reqwest::Error> {
    builder().http1_only().build()
}

/// For a vendor that speaks nothing but HTTP/2: one connection for all, kept up.
pub(super) fn multiplexed() -> Result<Client, reqwest::Error> {
    builder()
        .http2_prior_knowledge()
        .http2_keep_alive_interval(ALIVE)
        .http2_keep_alive_timeout(CONNECT)
        .http2_keep_alive_while_idle(true)
        .pool_idle_timeout(None)
        .build()
}

/// What a vendor answered.
pub(super) struct Answer {
    pub(super) status: u16,
    /// What `Retry-After` asks for, in seconds.
    wait: Option<Duration>,
    body: Vec<u8>,
}

impl Answer {
    /// The body as JSON; what is none reads as absent.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }

    /// What the status alone says.
    pub(super) fn refused(&self, told: &str) -> Refused {
        let problem = match told {
            "" => format!("answered {}", self.status),
            told => format!("answered {}: {told}", self.status),
        };
        let kind = match self.status {
            408 | 425 | 429 | 500..=599 => Kind::Again,
            401..=405 => Kind::Barred,
            _ => Kind::Lost,
        };
        Refused { kind, problem, wait: self.wait }
    }

    /// Tried again later, whatever the status says.
    pub(super) fn later(&self, told: &str) -> Refused {
        Refused { kind: Kind::Again, ..self.refused(told) }
    }
}

/// Sends, and reads the whole answer.
pub(super) async fn ask(request: RequestBuilder) -> Result<Answer, Refused> {
    let mut answer = request.send().await.map_err(|e| unanswered(&e))?;
    let status = answer.status().as_u16();
    let wait = answer.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
    let wait = wait.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|e| unanswered(&e))? {
        body.extend_from_slice(&chunk);
        if body.len() > MOST {
            return Err(Refused::lost("answered more than 64 kB"));
        }
    }
    Ok(Answer { status, wait, body })
}

/// A request that brought no answer. The address is not told: it may hold a token.
fn unanswered(error: &reqwest::Error) -> Refused {
    Refused::again(if error.is_connect() {
        "cannot be reached"
    } else if error.is_timeout() {
        "did not answer in time"
    } else {
        "broke the connection off"
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_says_what_follows() {
        for (status, kind) in [
            (429, Kind::Again),
            (503, Kind::Again),
            (401, Kind::Barred),
            (404, Kind::Barred),
            (302, Kind::Lost),
            (400, Kind::Lost),
        ] {
            let answer = Answer { status, wait: Some(Duration::from_secs(2)), body: Vec::new() };
            let refused = answer.refused("");
            assert_eq!((refused.kind, refused.wait), (kind, Some(Duration::from_secs(2))), "{status}");
        }
    }
}
