//! Access tokens: asked for once, used by all until shortly before their end.

use super::client::ask;
use super::engine::{Kind, Refused};
use crate::speech::Secret;
use reqwest::{Client, header};
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::Instant;
use waybell_domain::clock::{MINUTE, UnixMs};

/// An access token of a vendor.
#[derive(Clone)]
pub(super) struct Bearer {
    pub(super) token: Secret,
    /// Not used from then on.
    pub(super) until: UnixMs,
}

/// So long a failure is everybody's who asks: a vendor that does not answer is not waited for by one after the other.
const FAILED: Duration = Duration::from_millis(300);

/// The one in use. Who needs one while another asks for it waits for that answer, also where it is none.
#[derive(Default)]
pub(super) struct Bearers(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    bearer: Option<Bearer>,
    failed: Option<(Instant, Refused)>,
}

/// How a notice fared with an access token.
pub(super) enum Sent {
    /// Taken.
    Taken,
    /// The vendor does not want this access token: another is asked for, once.
    Stale(Refused),
}

impl Bearers {
    /// Does `send` with an access token, and a second time with a fresh one where the vendor does not want the first.
    pub(super) async fn with<M, S>(
        &self,
        now: UnixMs,
        mut make: impl FnMut() -> M,
        mut send: impl FnMut(Secret) -> S,
    ) -> Result<(), Refused>
    where
        M: Future<Output = Result<Bearer, Refused>>,
        S: Future<Output = Result<Sent, Refused>>,
    {
        let first = self.get(now, &mut make).await?;
        match send(first.clone()).await? {
            Sent::Taken => return Ok(()),
            Sent::Stale(_) => self.forget(&first).await,
        }
        let second = self.get(now, &mut make).await?;
        match send(second.clone()).await? {
            Sent::Taken => Ok(()),
            Sent::Stale(refused) => {
                self.forget(&second).await;
                Err(Refused { kind: Kind::Barred, ..refused })
            }
        }
    }

    async fn get<M>(&self, now: UnixMs, make: &mut impl FnMut() -> M) -> Result<Secret, Refused>
    where
        M: Future<Output = Result<Bearer, Refused>>,
    {
        let mut kept = self.0.lock().await;
        if let Some(bearer) = kept.bearer.as_ref().filter(|b| now < b.until) {
            return Ok(bearer.token.clone());
        }
        if let Some((_, refused)) = kept.failed.as_ref().filter(|(at, _)| at.elapsed() < FAILED) {
            return Err(refused.clone());
        }
        match make().await {
            Ok(made) => {
                let token = made.token.clone();
                *kept = Kept { bearer: Some(made), failed: None };
                Ok(token)
            }
            Err(refused) => {
                *kept = Kept { bearer: None, failed: Some((Instant::now(), refused.clone())) };
                Err(refused)
            }
        }
    }

    async fn forget(&self, token: &Secret) {
        let mut kept = self.0.lock().await;
        if kept.bearer.as_ref().is_some_and(|b| b.token.reveal() == token.reveal()) {
            kept.bearer = None;
        }
    }
}

/// What a token endpoint answers (RFC 6749 section 5.1).
#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: i64,
}

/// Asks a token endpoint for an access token by a form; `refused` says what a 400 means there.
pub(super) async fn granted(
    client: &Client,
    url: &str,
    form: &[(&str, &str)],
    now: UnixMs,
    refused: &str,
) -> Result<Bearer, Refused> {
    let body = serde_urlencoded::to_string(form).map_err(|_| Refused::lost("could not be asked for"))?;
    let request =
        client.post(url).header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    let answer = ask(request).await?;
    match (answer.status, answer.read::<Granted>()) {
        (200, Some(granted)) => Ok(Bearer {
            token: Secret::from(granted.access_token.as_str()),
            until: until(now, granted.expires_in),
        }),
        (400, _) => Err(Refused::barred(refused)),
        _ => Err(answer.refused("no access token")),
    }
}

/// The end of one that lives for so many seconds from now: a minute early, and never in the past of a short one.
pub(super) fn until(now: UnixMs, seconds: i64) -> UnixMs {
    let life = seconds.clamp(0, 7 * 24 * 3_600) * 1_000;
    UnixMs(now.0 + (life - MINUTE).max(life / 2))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    #[tokio::test]
    async fn one_is_kept_until_shortly_before_its_end_and_renewed_once_where_it_is_not_wanted() {
        let (bearers, made, seen) = (Bearers::default(), Cell::new(0), RefCell::new(Vec::new()));
        let now = Cell::new(0);
        let make = || async {
            made.set(made.get() + 1);
            Ok(Bearer {
                token: Secret::from(made.get().to_string().as_str()),
                until: until(UnixMs(now.get()), 3_600),
            })
        };
        let unwanted = Cell::new("");
        let send = |token: Secret| {
            seen.borrow_mut().push(token.reveal().to_owned());
            let stale = unwanted.get() == "all" || unwanted.get() == token.reveal();
            async move { Ok(if stale { Sent::Stale(Refused::lost("stale")) } else { Sent::Taken }) }
        };
        for at in [0, 1_000, 59 * MINUTE - 1] {
            now.set(at);
            bearers.with(UnixMs(at), make, send).await.unwrap();
        }
        assert_eq!(made.get(), 1);
        now.set(59 * MINUTE);
        bearers.with(UnixMs(59 * MINUTE), make, send).await.unwrap();
        unwanted.set("2");
        bearers.with(UnixMs(59 * MINUTE), make, send).await.unwrap();
        assert_eq!(*seen.borrow(), ["1", "1", "1", "2", "2", "3"]);
        unwanted.set("all");
        let refused = bearers.with(UnixMs(59 * MINUTE), make, send).await.unwrap_err();
        assert_eq!((refused.kind, made.get()), (Kind::Barred, 4), "not for ever");
    }

    #[test]
    fn a_short_life_is_used_by_half() {
        assert_eq!(until(UnixMs(0), 3_600).0, 59 * MINUTE);
        assert_eq!(until(UnixMs(0), 60).0, 30_000);
        assert_eq!(until(UnixMs(5), -1).0, 5);
    }
}
