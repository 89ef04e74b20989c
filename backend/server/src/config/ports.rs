//! Ports that the configuration gives away twice.

use super::check::parse_listener;
use super::{Config, ConfigError, bad};
use std::net::SocketAddr;

/// A port that is asked for.
struct Wanted {
    key: &'static str,
    written: String,
    udp: bool,
    address: SocketAddr,
}

impl Config {
    pub(super) fn check_ports(&self) -> Result<(), ConfigError> {
        let mut wanted = Vec::new();
        if let Ok(address) = self.http.parse() {
            wanted.push(Wanted { key: "http", written: self.http.clone(), udp: false, address });
        }
        for listener in &self.sip {
            let (transport, address) = parse_listener(listener)?;
            let udp = transport == "udp";
            wanted.push(Wanted { key: "sip", written: listener.clone(), udp, address });
        }
        if let Some(address) = self.app_calls {
            wanted.push(Wanted { key: "app_calls", written: address.to_string(), udp: true, address });
        }
        for (n, one) in wanted.iter().enumerate().filter(|(_, w)| w.address.port() != 0) {
            if let Some(other) = wanted[..n].iter().find(|other| other.meets(one)) {
                let problem = format!("{} is the port of {} ({}) too", one.written, other.key, other.written);
                return Err(bad(one.key, problem, "give each a port of its own"));
            }
            let (first, last) = self.rtp_ports;
            if one.udp && (first..=last).contains(&one.address.port()) {
                let problem = format!("holds the port of {} ({})", one.key, one.written);
                return Err(bad(
                    "rtp_ports",
                    problem,
                    "write ports that nothing else has, such as [20000, 29999]",
                ));
            }
        }
        Ok(())
    }
}

impl Wanted {
    /// Whether both cannot be had: a wildcard takes the port of every address.
    fn meets(&self, other: &Wanted) -> bool {
        let (a, b) = (self.address, other.address);
        let any = a.ip().is_unspecified() || b.ip().is_unspecified();
        self.udp == other.udp && a.port() == b.port() && (any || a.ip() == b.ip())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(change: impl FnOnce(&mut Config)) -> String {
        let mut config = Config::default();
        change(&mut config);
        config.check_ports().err().map_or_else(String::new, |e| e.to_string())
    }

    #[test]
    fn each_port_is_given_once() {
        assert_eq!(told(|_| {}), "");
        let sip = |list: &[&str]| list.iter().map(|l| (*l).to_owned()).collect::<Vec<_>>();
        assert_eq!(
            told(|c| c.sip = sip(&["udp:0.0.0.0:5060", "tcp:0.0.0.0:5060", "udp:127.0.0.1:5062"])),
            ""
        );
        assert_eq!(told(|c| c.sip = sip(&["udp:127.0.0.1:0", "udp:127.0.0.1:0"])), "");
        assert!(told(|c| c.sip = sip(&["udp:0.0.0.0:5060", "udp:127.0.0.1:5060"])).contains("key sip"));
        assert!(told(|c| c.sip = sip(&["tcp:127.0.0.1:8600"])).contains("key sip"));
        assert!(told(|c| c.app_calls = "127.0.0.1:5060".parse().ok()).contains("key app_calls"));
        assert!(told(|c| c.rtp_ports = (5_000, 6_000)).contains("key rtp_ports"));
    }
}
