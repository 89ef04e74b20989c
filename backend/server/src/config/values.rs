//! Numbers and addresses of the configuration that are out of range.

use super::{Config, ConfigError, bad};

impl Config {
    pub(super) fn check_values(&self) -> Result<(), ConfigError> {
        let of_limits = |n: u32| (i64::from(n), 1, 1_000_000, "leave it out for the usual one");
        for (key, (value, least, most, hint)) in [
            ("ring_seconds", (i64::from(self.ring_seconds), 1, 300, "45 is usual")),
            ("call_seconds", (i64::from(self.call_seconds), 1, 86_400, "300 is usual")),
            ("drain_seconds", (i64::from(self.drain_seconds), 0, 3_600, "60 is usual")),
            (
                "media_threads",
                (i64::try_from(self.media_threads).unwrap_or(i64::MAX), 1, 256, "write one for 500 calls"),
            ),
            (
                "rate.step_seconds",
                (
                    i64::from(self.rate.step_seconds),
                    1,
                    3_600,
                    "write the step of the carrier's price: 6 or 60",
                ),
            ),
            (
                "rate.step_minor",
                (self.rate.step_minor, 0, 100_000, "write the price of a step in fen, such as 7"),
            ),
            ("limits.per_address", of_limits(self.limits.per_address)),
            ("limits.per_person", of_limits(self.limits.per_person)),
            ("limits.logins_per_name", of_limits(self.limits.logins_per_name)),
            ("limits.logins_per_address", of_limits(self.limits.logins_per_address)),
        ] {
            if !(least..=most).contains(&value) {
                return Err(bad(key, format!("{value} is not between {least} and {most}"), hint));
            }
        }
        if self.data.as_os_str().is_empty() {
            return Err(bad("data", "is empty".into(), "name the folder of the server's files"));
        }
        if let Some(url) = &self.messages.url {
            let read = reqwest::Url::parse(url).ok();
            if !read.is_some_and(|u| ["http", "https"].contains(&u.scheme()) && u.has_host()) {
                let hint = "write the provider's https:// address";
                return Err(bad("messages.url", "is no http or https address".into(), hint));
            }
            let read = reqwest::Url::parse(url).ok();
            let open =
                read.is_some_and(|u| u.scheme() == "http" && !u.host_str().is_some_and(is_this_machine));
            if open && self.messages.token.is_some() {
                let problem =
                    "is not encrypted, and messages.token would go over the network for all to read";
                return Err(bad("messages.url", problem.into(), "write the provider's https:// address"));
            }
        }
        Ok(())
    }
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    host == "localhost" || address.is_ok_and(|a| a.is_loopback())
}
