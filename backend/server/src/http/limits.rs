//! How often one address, one person and one login name may ask.
//!
//! A courier behind a depot's router shares its address with hundreds, so an address has a wide limit and a person a
//! narrower one. Signing in costs the server 19 MiB and tens of milliseconds of a core: it is limited by name, by
//! address, and by how many passwords are checked at once.
//!
//! Behind a reverse proxy every request comes from the proxy: `limits.trusted_proxies` names it, and the last address
//! that it added to `X-Forwarded-For` counts instead. The header of anybody else is not believed.

use super::error::ApiError;
use crate::app::Shared;
use crate::config::LimitsConfig;
use axum::extract::{ConnectInfo, FromRequestParts, Request, State};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use std::convert::Infallible;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use waybell_domain::id::UserId;

/// Passwords that are checked at once.
const CHECKS: usize = 4;
/// Longest wait for one's turn to have a password checked.
const TURN: Duration = Duration::from_secs(10);
/// Requests that may come at once are the allowance of this many seconds.
const BURST_SECONDS: u32 = 5;

/// See the module.
pub struct Limits {
    trusted: Vec<IpAddr>,
    address: DefaultKeyedRateLimiter<IpAddr>,
    person: DefaultKeyedRateLimiter<UserId>,
    login_name: DefaultKeyedRateLimiter<String>,
    login_address: DefaultKeyedRateLimiter<IpAddr>,
    checks: Semaphore,
}

impl Limits {
    /// Limits as configured.
    pub fn new(config: &LimitsConfig) -> Limits {
        Limits {
            trusted: config.trusted_proxies.clone(),
            address: a_second(config.per_address),
            person: a_second(config.per_person),
            login_name: a_minute(config.logins_per_name),
            login_address: a_minute(config.logins_per_address),
            checks: Semaphore::new(CHECKS),
        }
    }

    /// A request of a person.
    pub fn person(&self, person: UserId) -> Result<(), ApiError> {
        allow(&self.person, &person)
    }

    /// Somebody's try to sign in under a name; the permit is held while the password is checked.
    pub async fn login(&self, name: &str, from: IpAddr) -> Result<SemaphorePermit<'_>, ApiError> {
        allow(&self.login_address, &network(from))?;
        // names differ in case and blanks only to those who try many
        allow(&self.login_name, &name.trim().to_lowercase())?;
        match tokio::time::timeout(TURN, self.checks.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(ApiError::too_many(TURN.as_secs() as u32)),
        }
    }

    /// Forgets whoever has not asked of late.
    pub fn sweep(&self) {
        self.address.retain_recent();
        self.address.shrink_to_fit();
        self.person.retain_recent();
        self.person.shrink_to_fit();
        self.login_name.retain_recent();
        self.login_name.shrink_to_fit();
        self.login_address.retain_recent();
        self.login_address.shrink_to_fit();
    }

    /// Who asks: the connection's far end, or whom a trusted proxy names.
    fn asker(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut asker = peer.to_canonical();
        let named: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|v| v.to_str().ok())
            .flat_map(|v| v.split(','))
            .map(str::trim)
            .collect();
        // each trusted hop adds the one it heard from at the end
        for name in named.iter().rev() {
            if !self.trusted.contains(&asker) {
                break;
            }
            match name.parse::<IpAddr>() {
                Ok(address) => asker = address.to_canonical(),
                Err(_) => break,
            }
        }
        asker
    }
}

/// In front of every route: the limit by address.
pub async fn guard(State(app): State<Shared>, Asker(from): Asker, request: Request, next: Next) -> Response {
    match allow(&app.limits.address, &network(from)) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// The address that a request comes from.
#[derive(Clone, Copy, Debug)]
pub struct Asker(pub IpAddr);

impl FromRequestParts<Shared> for Asker {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Infallible> {
        let peer = parts.extensions.get::<ConnectInfo<SocketAddr>>();
        let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |ConnectInfo(a)| a.ip());
        Ok(Asker(app.limits.asker(peer, &parts.headers)))
    }
}

/// An IPv6 customer has a whole network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(a) => IpAddr::V6(Ipv6Addr::from(u128::from(a) & !u128::from(u64::MAX))),
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn a_second<K: Hash + Eq + Clone>(rate: u32) -> DefaultKeyedRateLimiter<K> {
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    RateLimiter::keyed(Quota::per_second(rate).allow_burst(rate.saturating_mul(burst())))
}

fn a_minute<K: Hash + Eq + Clone>(rate: u32) -> DefaultKeyedRateLimiter<K> {
    let rate = NonZeroU32::new(rate).unwrap_or(NonZeroU32::MIN);
    // half a minute's worth may come at once
    RateLimiter::keyed(
        Quota::per_minute(rate).allow_burst(NonZeroU32::new(rate.get() / 2).unwrap_or(NonZeroU32::MIN)),
    )
}

fn burst() -> NonZeroU32 {
    NonZeroU32::new(BURST_SECONDS).unwrap_or(NonZeroU32::MIN)
}

fn allow<K: Hash + Eq + Clone>(limiter: &DefaultKeyedRateLimiter<K>, key: &K) -> Result<(), ApiError> {
    limiter.check_key(key).map_err(|until| {
        let wait = until.wait_time_from(DefaultClock::default().now());
        ApiError::too_many(u32::try_from(wait.as_secs()).unwrap_or(u32::MAX).saturating_add(1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(trusted: &[&str]) -> Limits {
        Limits::new(&LimitsConfig {
            per_address: 10,
            per_person: 1,
            logins_per_name: 6,
            logins_per_address: 10,
            trusted_proxies: trusted.iter().map(|t| t.parse().unwrap()).collect(),
        })
    }

    fn forwarded(text: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert("x-forwarded-for", text.parse().unwrap());
        headers
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        let peer = "10.0.0.1".parse().unwrap();
        let headers = forwarded("6.6.6.6, 203.0.113.9, 10.0.0.2");
        assert_eq!(limits(&[]).asker(peer, &headers), peer);
        let one = limits(&["10.0.0.1"]).asker(peer, &headers);
        assert_eq!(one, "10.0.0.2".parse::<IpAddr>().unwrap());
        let both = limits(&["10.0.0.1", "10.0.0.2"]).asker(peer, &headers);
        assert_eq!(both, "203.0.113.9".parse::<IpAddr>().unwrap());
        assert_eq!(limits(&["10.0.0.1"]).asker(peer, &forwarded("rubbish")), peer);
    }

    #[test]
    fn an_ipv6_network_is_one_asker() {
        let limits = limits(&[]);
        let refused = (0..200u32)
            .filter(|i| {
                let address = format!("2001:db8:1:2::{i:x}").parse().unwrap();
                allow(&limits.address, &network(address)).is_err()
            })
            .count();
        assert!(refused >= 140, "{refused}");
        limits.sweep();
    }

    #[tokio::test]
    async fn tries_under_one_name_run_out_however_it_is_written() {
        let limits = limits(&[]);
        let mut good = 0;
        for (i, name) in ["li", "Li", " li", "LI ", "lI", "li"].into_iter().enumerate() {
            let from = IpAddr::V4(Ipv4Addr::new(192, 0, 2, i as u8));
            good += usize::from(limits.login(name, from).await.is_ok());
        }
        assert_eq!(good, 3);
        assert!(limits.login("wang", IpAddr::V4(Ipv4Addr::new(192, 0, 2, 99))).await.is_ok());
    }
}
