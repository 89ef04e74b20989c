//! What cannot work is told before anything starts, by the key; what works badly is a warning.

use super::{Config, ConfigError, Trunk, bad};
use std::path::{Path, PathBuf};

impl Config {
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        if let Some(url) = &self.database
            && let Err(problem) = crate::store::check_url(url)
        {
            let hint = "write sqlite:PATH or postgres://user:password@host:5432/database";
            return Err(bad("database", problem, hint));
        }
        self.check_apps()?;
        self.check_phones()?;
        if let Some(media) = &self.media
            && !media.starts_with("file:")
        {
            return Err(bad("media", "only file: is built in yet".into(), "write file:PATH"));
        }
        if let Some(key) = self.extension.end.chars().find(|c| !"0123456789*#,".contains(*c)) {
            return Err(bad("extension.end", format!("{key:?} is no key"), "write keys, or , for a pause"));
        }
        if let Err(network) = crate::webhooks::address::Networks::parse(&self.webhooks.allowed_networks) {
            let hint = "write addresses or networks like 10.1.2.0/24";
            return Err(bad("webhooks.allowed_networks", format!("{network:?} is no network"), hint));
        }
        if let Err((key, problem, hint)) = self.speech.check() {
            return Err(bad(&format!("speech.{key}"), problem, hint));
        }
        if let Err((key, problem, hint)) = self.transcriber.check() {
            return Err(bad(&format!("transcriber.{key}"), problem, hint));
        }
        if let Err((key, problem, hint)) = self.geocoder.check() {
            return Err(bad(&format!("geocoder.{key}"), problem, hint));
        }
        if let Err(wrong) = self.push.check() {
            return Err(bad(&format!("push.{}", wrong.key), wrong.problem, wrong.hint));
        }
        if self.events != "local" {
            return Err(bad("events", "only local is built in yet".into(), "write local"));
        }
        if self.rtp_ports.0 >= self.rtp_ports.1 {
            return Err(bad("rtp_ports", "first port is not below the last".into(), "write [20000, 29999]"));
        }
        if !["text", "json"].contains(&self.log_format.as_str()) {
            return Err(bad("log_format", format!("{:?} is unknown", self.log_format), "write text or json"));
        }
        if self.public_address.is_some_and(|ip| ip.is_unspecified()) {
            let problem = "is no address that others can reach".to_owned();
            return Err(bad(
                "public_address",
                problem,
                "write the address that the carrier sees, or take it out",
            ));
        }
        if self.rtp_ports.0 < 1_024 {
            let problem = format!("{} is below 1024", self.rtp_ports.0);
            return Err(bad(
                "rtp_ports",
                problem,
                "write ports that a service may open, such as [20000, 29999]",
            ));
        }
        if let Err(e) = self.http.parse::<std::net::SocketAddr>() {
            return Err(bad(
                "http",
                format!("{:?}: {e}", self.http),
                "write address:port, for example 127.0.0.1:8600",
            ));
        }
        self.check_values()?;
        let mut heard_on = Vec::new();
        for listener in &self.sip {
            heard_on.push(parse_listener(listener)?.0);
        }
        self.check_ports()?;
        self.check_certificate(heard_on.iter().any(|t| t == "tls"))?;
        for (index, trunk) in self.trunk.iter().enumerate() {
            self.check_trunk(index, trunk, &heard_on)?;
        }
        Ok(())
    }

    /// Whether calls to this peer come back to us.
    fn is_own(&self, transport: &str, peer: &str) -> bool {
        let peer = peer
            .strip_prefix("localhost:")
            .map_or_else(|| peer.to_owned(), |port| format!("127.0.0.1:{port}"));
        let Ok(peer) = peer.parse::<std::net::SocketAddr>() else { return false };
        let ip = peer.ip().to_canonical();
        self.sip.iter().filter_map(|l| parse_listener(l).ok()).any(|(heard, own)| {
            let any = own.ip().is_unspecified();
            let here = own.ip() == ip || (any && (ip.is_loopback() || self.public_address == Some(ip)));
            heard == transport && own.port() == peer.port() && own.port() != 0 && here
        })
    }

    fn check_apps(&self) -> Result<(), ConfigError> {
        if let Some(addr) = &self.app_calls
            && addr.ip().is_unspecified()
            && self.public_address.is_none()
        {
            let hint = "name the address that apps reach, here or as public_address";
            return Err(bad("app_calls", "no app can be told to reach a wildcard".to_owned(), hint));
        }
        let named = |url: &String| ["turn:", "turns:", "stun:", "stuns:"].iter().any(|s| url.starts_with(s));
        for turn in &self.turn {
            if turn.urls.is_empty() || !turn.urls.iter().all(named) {
                let hint = "write turn:HOST:PORT, turns:HOST:PORT or stun:HOST:PORT";
                return Err(bad("turn.urls", format!("{:?} is no list of TURN servers", turn.urls), hint));
            }
            let relays = turn.urls.iter().any(|url| url.starts_with("turn"));
            if relays && turn.secret.is_none() && (turn.user.is_none() || turn.password.is_none()) {
                let problem = "is not set, and neither are user and password".to_owned();
                return Err(bad("turn.secret", problem, "write the secret that the TURN server has"));
            }
        }
        Ok(())
    }

    fn check_certificate(&self, needed: bool) -> Result<(), ConfigError> {
        match (&self.tls_certificate, &self.tls_key) {
            (None, None) if needed => Err(bad(
                "sip",
                "a tls listener has no certificate".into(),
                "set tls_certificate and tls_key to PEM files, or take the listener out",
            )),
            (Some(_), None) => {
                Err(bad("tls_key", "is not set, tls_certificate is".into(), "name the PEM file of its key"))
            }
            (None, Some(_)) => Err(bad(
                "tls_certificate",
                "is not set, tls_key is".into(),
                "name the PEM file of its certificate",
            )),
            (certificate, key) => {
                readable("tls_certificate", certificate.as_deref())?;
                readable("tls_key", key.as_deref())
            }
        }
    }

    fn check_trunk(&self, index: usize, trunk: &Trunk, heard_on: &[String]) -> Result<(), ConfigError> {
        let key = |name: &str| format!("trunk[{index}].{name}");
        if trunk.name.trim().is_empty() {
            return Err(bad(&key("name"), "is empty".into(), "give each trunk a name of its own"));
        }
        if self.trunk[..index].iter().any(|t| t.name == trunk.name) {
            return Err(bad(
                &key("name"),
                format!("{:?} is used twice", trunk.name),
                "give each trunk a name of its own",
            ));
        }
        if trunk.peers.is_empty() {
            return Err(bad(&key("peers"), "is empty".into(), "write peers = [\"carrier.example:5060\"]"));
        }
        if let Some(peer) = trunk.peers.iter().find(|p| !is_peer(p)) {
            return Err(bad(
                &key("peers"),
                format!("{peer:?} is no host:port"),
                "write carrier.example:5060",
            ));
        }
        if let Some(peer) = trunk.peers.iter().find(|p| is_wildcard(p)) {
            return Err(bad(
                &key("peers"),
                format!("{peer:?} is no address that a call can be sent to"),
                "write the carrier's host and port",
            ));
        }
        if !["udp", "tcp", "tls"].contains(&trunk.transport.as_str()) {
            return Err(bad(
                &key("transport"),
                format!("{:?} is unknown", trunk.transport),
                "write udp, tcp or tls",
            ));
        }
        if trunk.caller_ids.is_empty() {
            return Err(bad(
                &key("caller_ids"),
                "is empty".into(),
                "list the numbers you are authorised to show",
            ));
        }
        if let Some(peer) = trunk.peers.iter().find(|p| self.is_own(&trunk.transport, p)) {
            let problem = format!("{peer:?} is an address of this server's own (sip)");
            return Err(bad(&key("peers"), problem, "write the carrier's host and port"));
        }
        if let Some(peer) = twice(trunk.peers.iter().map(|p| p.to_lowercase())) {
            return Err(bad(&key("peers"), format!("{peer:?} is there twice"), "write each peer once"));
        }
        let mut shown = Vec::new();
        for id in &trunk.caller_ids {
            let number = waybell_domain::phone::PhoneNumber::parse(id)
                .map_err(|e| bad(&key("caller_ids"), format!("{e}"), "write numbers like +862085551234"))?;
            shown.push(number.e164().to_owned());
        }
        if let Some(number) = twice(shown.into_iter()) {
            let hint = "write each number once; its share of the calls does not grow by it";
            return Err(bad(&key("caller_ids"), format!("{number} is there twice"), hint));
        }
        if trunk.reserve.is_some_and(|r| r >= trunk.channels) {
            return Err(bad(
                &key("reserve"),
                "leaves no channel for notices".into(),
                "write less than channels, or 0",
            ));
        }
        if trunk.calls_per_second == 0 || trunk.channels == 0 {
            return Err(bad(
                &key("calls_per_second"),
                "and channels must be above 0".into(),
                "ask the carrier for both",
            ));
        }
        if !heard_on.contains(&trunk.transport) {
            let hint = format!("add one to sip, for example \"{}:0.0.0.0:5060\"", trunk.transport);
            return Err(bad(&key("transport"), format!("sip has no {} listener", trunk.transport), &hint));
        }
        if let Some(seconds) = trunk.session_expires.filter(|s| *s < 90) {
            let problem = format!("{seconds} is below 90, the least that is allowed (RFC 4028 section 4)");
            return Err(bad(&key("session_expires"), problem, "1800 is usual"));
        }
        readable(&key("tls_ca"), trunk.tls_ca.as_deref())?;
        if trunk.user.is_none() && (trunk.password.is_some() || trunk.register) {
            let problem = "is not set, but password or register is";
            return Err(bad(&key("user"), problem.into(), "write the name that the carrier gave"));
        }
        if trunk.user.is_some() && trunk.password.is_none() {
            return Err(bad(
                &key("password"),
                "is not set, user is".into(),
                "write the carrier's, or take user out",
            ));
        }
        Ok(())
    }

    /// What works, and hardly as it was meant: a line each.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        let mut out = Vec::new();
        if self.trunk.is_empty() {
            out.push("no [[trunk]] is set, so nobody can be rung; see docs/operations.md".to_owned());
        }
        if let Some(slots) = self.speech.slots.as_ref().filter(|slots| !slots.is_dir()) {
            out.push(format!("there is no folder {} (speech.slots)", slots.display()));
        }
        if let Some(program) = self.speech.command.first().filter(|program| !can_run(program)) {
            out.push(format!("there is no program {program} (speech.command)"));
        }
        if let Some(program) = self.transcriber.command.first().filter(|program| !can_run(program)) {
            out.push(format!("there is no program {program} (transcriber.command)"));
        }
        out.extend(self.speech.warning().map(str::to_owned));
        if self.push.is_set() && self.app_calls.is_none() {
            out.push(
                "push is set and app_calls is not, so no app is woken: an app could not take the call"
                    .to_owned(),
            );
        }
        let pairs = (u32::from(self.rtp_ports.1) - u32::from(self.rtp_ports.0)).div_ceil(2);
        let channels: u32 = self.trunk.iter().map(|t| t.channels).sum();
        if pairs < channels {
            out.push(format!(
                "rtp_ports has room for {pairs} calls and the trunks carry {channels}: a call needs two ports"
            ));
        }
        out
    }
}

/// A file that is named is one that can be read.
fn readable(key: &str, file: Option<&Path>) -> Result<(), ConfigError> {
    let Some(file) = file else { return Ok(()) };
    match std::fs::File::open(file) {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(bad(key, format!("{}: {error}", file.display()), "name a file that the server may read"))
        }
    }
}

/// An address to which no call can be sent: any, many or all.
fn is_wildcard(peer: &str) -> bool {
    peer.parse::<std::net::SocketAddr>().is_ok_and(|a| {
        let ip = a.ip().to_canonical();
        let of_this_net = matches!(ip, std::net::IpAddr::V4(v4) if v4.is_broadcast() || v4.octets()[0] == 0);
        ip.is_unspecified() || ip.is_multicast() || of_this_net
    })
}

/// The first that is there a second time.
fn twice(all: impl Iterator<Item = String>) -> Option<String> {
    let mut seen = std::collections::HashSet::new();
    all.into_iter().find(|one| !seen.insert(one.clone()))
}

/// Whether a program is where its path says, or on the search path.
fn can_run(program: &str) -> bool {
    if program.contains('/') {
        return Path::new(program).is_file();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder: PathBuf| folder.join(program).is_file())
}

/// Splits `udp:0.0.0.0:5060`.
pub fn parse_listener(text: &str) -> Result<(String, std::net::SocketAddr), ConfigError> {
    let hint = "write transport:address:port, for example udp:0.0.0.0:5060";
    let (transport, address) =
        text.split_once(':').ok_or_else(|| bad("sip", format!("{text:?} has no transport"), hint))?;
    if !["udp", "tcp", "tls"].contains(&transport) {
        return Err(bad("sip", format!("transport {transport:?} is unknown"), hint));
    }
    let address = address.parse().map_err(|e| bad("sip", format!("{address:?}: {e}"), hint))?;
    Ok((transport.to_owned(), address))
}

/// A name or address, a colon, a port.
fn is_peer(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    if !port.parse::<u16>().is_ok_and(|p| p > 0) {
        return false;
    }
    match host.strip_prefix('[').and_then(|h| h.strip_suffix(']')) {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.parse::<std::net::Ipv4Addr>().is_ok() || is_name(host),
    }
}

/// A name of a host: labels of letters, digits and hyphens, the last of which is no number (RFC 1123 section 2.1).
fn is_name(host: &str) -> bool {
    let label = |l: &str| {
        !l.is_empty()
            && l.len() <= 63
            && !l.starts_with('-')
            && !l.ends_with('-')
            && l.chars().all(|c| c.is_alphanumeric() || "-_".contains(c))
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    host.len() <= 253
        && host.split('.').all(label)
        && host
            .rsplit('.')
            .next()
            .is_some_and(|last| !last.starts_with("0x") && last.chars().any(|c| !c.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(lines: &str) -> String {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("cert.pem"), "x").unwrap();
        let file = dir.path().join("waybell.toml");
        std::fs::write(&file, lines.replace("DIR", &dir.path().display().to_string())).unwrap();
        match Config::load(Some(&file), &[]) {
            Ok(config) => {
                let usable =
                    config.folders().and_then(|()| config.master_keys()).and_then(|()| config.push_keys());
                usable.map_or_else(|e| e.to_string(), |()| config.warnings().join("\n"))
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn what_cannot_work_is_named_with_its_key() {
        let trunk = |more: &str| {
            format!(
                "[[trunk]]\nname = \"t\"\npeers = [\"a.test:5060\"]\ncaller_ids = [\"+862131001234\"]\n{more}"
            )
        };
        assert!(!told(&trunk("")).contains("trunk"), "{}", told(&trunk("")));
        for (lines, key) in [
            ("ring_seconds = 0".to_owned(), "ring_seconds"),
            ("call_seconds = 0".to_owned(), "call_seconds"),
            ("rate = { step_seconds = 0 }".to_owned(), "rate.step_seconds"),
            ("sip = [\"tls:0.0.0.0:5061\"]".to_owned(), "key sip"),
            ("tls_certificate = \"DIR/cert.pem\"".to_owned(), "tls_key"),
            ("tls_key = \"DIR/cert.pem\"".to_owned(), "tls_certificate"),
            ("tls_certificate = \"DIR/none.pem\"\ntls_key = \"DIR/cert.pem\"".to_owned(), "none.pem"),
            ("data = \"/proc/nope\"".to_owned(), "key data"),
            ("data = \"DIR/cert.pem/data\"".to_owned(), "key data"),
            ("rtp_ports = [80, 2000]".to_owned(), "rtp_ports"),
            (trunk("").replace("a.test", "0.0.0.0"), "trunk[0].peers"),
            (trunk("").replace("a.test", "[::]"), "trunk[0].peers"),
            (trunk("").replace("a.test", "*"), "trunk[0].peers"),
            (trunk("").replace("a.test", "0x0"), "trunk[0].peers"),
            (trunk("").replace("a.test", "192.0.2.999"), "trunk[0].peers"),
            (trunk("").replace("a.test", "224.0.0.1"), "trunk[0].peers"),
            (trunk("").replace("\"a.test:5060\"", "\"a.test:5060\", \"A.test:5060\""), "trunk[0].peers"),
            (
                format!("sip = [\"udp:0.0.0.0:5060\"]\n{}", trunk("").replace("a.test", "127.0.0.1")),
                "trunk[0].peers",
            ),
            (
                trunk("").replace("\"+862131001234\"", "\"+862131001234\", \"021 3100 1234\""),
                "trunk[0].caller_ids",
            ),
            ("messages = { url = \"http://sms.test/x\", token = \"t\" }".to_owned(), "messages.url"),
            (trunk("").replace("a.test", "[::ffff:0.0.0.0]"), "trunk[0].peers"),
            ("log_format = \"xml\"".to_owned(), "log_format"),
            ("public_address = \"0.0.0.0\"".to_owned(), "public_address"),
            ("database = \"sqlite:/proc/x/w.db\"".to_owned(), "key database"),
            (trunk("transport = \"tls\""), "trunk[0].transport"),
            (trunk("tls_ca = \"DIR/none.pem\""), "trunk[0].tls_ca"),
            (trunk("register = true"), "trunk[0].user"),
            (trunk("user = \"u\""), "trunk[0].password"),
            (trunk("session_expires = 20"), "trunk[0].session_expires"),
            ("sip = [\"udp:0.0.0.0:5060\", \"udp:0.0.0.0:5060\"]".to_owned(), "key sip"),
            ("data = \"\"".to_owned(), "key data"),
            ("media_threads = 0".to_owned(), "media_threads"),
            ("media_threads = 100000".to_owned(), "media_threads"),
            ("drain_seconds = 100000".to_owned(), "drain_seconds"),
            ("limits = { per_person = 0 }".to_owned(), "limits.per_person"),
            ("rate = { step_minor = -1 }".to_owned(), "rate.step_minor"),
            ("messages = { url = \"ftp://a.test/x\" }".to_owned(), "messages.url"),
            ("push = { title = \"\" }".to_owned(), "push.title"),
            ("push.fcm.service_account = \"DIR/none.json\"".to_owned(), "push.fcm.service_account"),
            ("push.fcm.service_account = \"DIR/cert.pem\"".to_owned(), "push.fcm.service_account"),
            (
                "push.apns = { key = \"DIR/cert.pem\", key_id = \"K\", team_id = \"T\", bundle_id = \"cn.a\" }".to_owned(),
                "push.apns.key",
            ),
            (
                "push.huawei = { app_id = \"1\", secret_file = \"DIR/none\" }".to_owned(),
                "push.huawei.secret_file",
            ),
            ("push.vivo = { app_id = 1, app_key = \"k\", secret_file = \"DIR\" }".to_owned(), "push.vivo.secret_file"),
            ("kms = \"DIR\"".to_owned(), "key kms"),
            ("kms = \"DIR/cert.pem\"".to_owned(), "key kms"),
            ("kms = \"DIR/none/kms.key\"".to_owned(), "key kms"),
        ] {
            let problem = told(&lines);
            assert!(problem.contains(key) && problem.starts_with("configuration key"), "{lines}: {problem}");
        }
    }

    #[test]
    fn what_is_not_there_is_a_warning() {
        assert!(told("").contains("no [[trunk]]"));
        assert!(told("speech = { slots = \"DIR/none\" }").contains("none (speech.slots)"));
        assert!(
            told("speech = { command = [\"/nowhere/speaks\"] }").contains("/nowhere/speaks (speech.command)")
        );
        assert!(!told("speech = { command = [\"sh\", \"-c\"] }").contains("speech.command"));
    }
}
