//! Where results may be pushed to: not into the network that the server stands in.
//!
//! A URL is `https`, or `http` to a loopback address. Addresses that are not public (loopback, private, link-local, shared,
//! reserved, and IPv6 forms that hide one of them) are refused unless the configuration lists their network. A name is
//! judged by what it resolves to, in the resolver of the connection itself, so that a name which changes its address
//! between a check and the connection gains nothing.

use reqwest::Url;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

/// Longest URL.
const LONGEST: usize = 2_000;

/// Networks that may be pushed to although they are not public.
#[derive(Clone, Debug, Default)]
pub struct Networks(Vec<(IpAddr, u8)>);

impl Networks {
    /// Reads `10.1.2.0/24`, `fd00::/8`, `127.0.0.1`.
    ///
    /// # Errors
    /// The one that is no network.
    pub fn parse(list: &[String]) -> Result<Networks, String> {
        let network = |text: &String| {
            let (address, length) = match text.split_once('/') {
                Some((address, length)) => (address, Some(length)),
                None => (text.as_str(), None),
            };
            let address: IpAddr = address.trim().parse().ok()?;
            let most = if address.is_ipv4() { 32 } else { 128 };
            let length = match length {
                None => most,
                Some(text) => text.trim().parse::<u8>().ok().filter(|l| *l <= most)?,
            };
            Some((address, length))
        };
        list.iter()
            .map(|text| network(text).ok_or_else(|| text.clone()))
            .collect::<Result<_, _>>()
            .map(Networks)
    }

    /// Whether something may be sent to this address.
    pub fn allow(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        is_public(address) || self.0.iter().any(|(network, length)| within(address, *network, *length))
    }
}

fn within(address: IpAddr, network: IpAddr, length: u8) -> bool {
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(n)) => (u32::from(a) ^ u32::from(n)).leading_zeros() >= u32::from(length),
        (IpAddr::V6(a), IpAddr::V6(n)) => {
            (u128::from(a) ^ u128::from(n)).leading_zeros() >= u32::from(length)
        }
        _ => false,
    }
}

/// An address that the whole internet knows (IANA's special-purpose registries, RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(a) => is_public_v4(a),
        IpAddr::V6(a) => is_public_v6(a),
    }
}

fn is_public_v4(a: Ipv4Addr) -> bool {
    let [first, second, third, _] = a.octets();
    !(first == 0
        || first >= 224
        || a.is_loopback()
        || a.is_private()
        || a.is_link_local()
        || a.is_documentation()
        || first == 100 && (64..128).contains(&second)
        || first == 192 && second == 0 && third == 0
        || first == 192 && second == 88 && third == 99
        || first == 198 && (second == 18 || second == 19))
}

fn is_public_v6(a: Ipv6Addr) -> bool {
    let s = a.segments();
    // an IPv4 address inside: NAT64 (64:ff9b::/96), 6to4 (2002::/16)
    if s[..6] == [0x64, 0xff9b, 0, 0, 0, 0] {
        return is_public_v4(embedded(s[6], s[7]));
    }
    if s[0] == 0x2002 {
        return is_public_v4(embedded(s[1], s[2]));
    }
    // global unicast but for Teredo, ORCHID, benchmarks (2001::/23) and documentation
    (0x2000..0x4000).contains(&s[0])
        && !(s[0] == 0x2001 && (s[1] < 0x200 || s[1] == 0xdb8))
        && !(s[0] == 0x3fff && s[1] < 0x1000)
}

fn embedded(high: u16, low: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(high) << 16 | u32::from(low))
}

/// Reads a URL; the error is what is wrong with it and what to do.
pub fn check(text: &str, networks: &Networks) -> Result<Url, (&'static str, &'static str)> {
    const WRITE: &str = "write https://host/path";
    if text.len() > LONGEST {
        return Err(("address is too long", "2,000 characters are the most"));
    }
    let url = Url::parse(text).map_err(|_| ("this is no address of a web service", WRITE))?;
    let Some(host) = url.host_str().filter(|h| !h.is_empty()) else {
        return Err(("this is no address of a web service", WRITE));
    };
    if !url.username().is_empty() || url.password().is_some() || url.fragment().is_some() {
        return Err((
            "address holds a name, a password or a fragment",
            "deliveries are signed: leave them out",
        ));
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>().ok();
    let loopback = address.is_some_and(|a| a.to_canonical().is_loopback()) || host == "localhost";
    match url.scheme() {
        "https" => {}
        "http" if loopback => {}
        _ => return Err(("results are pushed over https only", WRITE)),
    }
    if address.is_some_and(|a| !networks.allow(a)) {
        let hint = "use a public address, or have its network added to [webhooks] allowed_networks";
        return Err(("this address is not a public one", hint));
    }
    Ok(url)
}

/// Gives a connection only those addresses of a name that may be sent to.
pub(super) struct Guarded(pub(super) Arc<Networks>);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let networks = self.0.clone();
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let good: Vec<SocketAddr> = found.filter(|a| networks.allow(a.ip())).collect();
            if good.is_empty() {
                return Err("the name leads to no public address".into());
            }
            Ok(Box::new(good.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_public_addresses() {
        let none = Networks::default();
        for text in ["1.1.1.1", "223.5.5.5", "2400:3200::1", "2606:4700::1111", "64:ff9b::0101:0101"] {
            assert!(none.allow(text.parse().unwrap()), "{text}");
        }
        for text in [
            "0.0.0.0",
            "10.0.0.1",
            "100.64.0.1",
            "127.0.0.1",
            "127.8.9.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.1",
            "192.0.0.1",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "::10.0.0.1",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:0a00:0001::1",
            "64:ff9b::a00:1",
            "64:ff9b:1::1",
            "3fff::1",
            "4000::1",
        ] {
            assert!(!none.allow(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn listed_networks_are_allowed_and_no_others() {
        let some = Networks::parse(&["10.1.2.0/24".into(), "127.0.0.1".into(), "fd00::/8".into()]).unwrap();
        for (text, good) in [
            ("10.1.2.3", true),
            ("::ffff:10.1.2.3", true),
            ("10.1.3.1", false),
            ("127.0.0.1", true),
            ("127.0.0.2", false),
            ("fd99::1", true),
            ("fe80::1", false),
        ] {
            assert_eq!(some.allow(text.parse().unwrap()), good, "{text}");
        }
        assert!(Networks::parse(&["0.0.0.0/0".into()]).unwrap().allow("10.9.9.9".parse().unwrap()));
        for bad in ["10.0.0.0/33", "10.0.0/8", "host", "", "fd00::/129", "10.0.0.0/x"] {
            assert_eq!(Networks::parse(&[bad.into()]).unwrap_err(), bad);
        }
    }

    #[test]
    fn urls() {
        let none = Networks::default();
        let loopback = Networks::parse(&["127.0.0.0/8".into(), "::1".into()]).unwrap();
        assert!(check("https://waybills.example.com:8443/results?branch=1", &none).is_ok());
        assert!(check("https://1.1.1.1/", &none).is_ok());
        assert!(check("http://127.0.0.1:9/", &loopback).is_ok());
        assert!(check("http://[::1]:9/", &loopback).is_ok());
        for bad in [
            "waybills.example.com",
            "ftp://waybills.example.com/",
            "http://waybills.example.com/",
            "http://1.1.1.1/",
            "https://user:pass@waybills.example.com/",
            "https://waybills.example.com/#a",
            "https://127.0.0.1/",
            "http://127.0.0.1/",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest",
            "file:///etc/passwd",
            "",
        ] {
            assert!(check(bad, &none).is_err(), "{bad}");
        }
        assert!(check(&format!("https://a.example/{}", "x".repeat(2_000)), &none).is_err());
    }

    #[tokio::test]
    async fn a_name_is_judged_by_its_address() {
        let resolve = |networks: Networks| Guarded(Arc::new(networks)).resolve("localhost".parse().unwrap());
        assert!(resolve(Networks::default()).await.is_err());
        let loopback = Networks::parse(&["127.0.0.0/8".into(), "::1".into()]).unwrap();
        assert!(resolve(loopback).await.unwrap().all(|a| a.ip().is_loopback()));
    }
}
