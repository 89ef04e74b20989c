//! Kamailio as a carrier's proxy: record-route, a dispatcher in front of several far sides, challenges where asked for.

use super::{Peer, Stage, free_ports};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

/// A running proxy.
pub struct Kamailio {
    peer: Peer,
    /// Where it listens, by UDP and TCP.
    pub address: SocketAddr,
}

/// What kind of proxy.
#[derive(Clone, Debug, Default)]
pub struct Proxy {
    /// Where it listens; a free port where missing.
    pub port: Option<u16>,
    /// The far sides behind it, `sip:host:port`.
    pub behind: Vec<String>,
    /// Challenges every INVITE by 407, password `secret` for any user.
    pub challenges: bool,
    /// Refuses an unknown `Proxy-Require` itself (RFC 3261 16.3), instead of leaving it to the far side.
    pub refuses: bool,
}

impl Kamailio {
    /// Starts one and waits until it listens.
    pub fn start(stage: &Stage, proxy: &Proxy) -> anyhow::Result<Kamailio> {
        let port = proxy.port.unwrap_or_else(free_ports);
        let room = stage.room(&format!("kamailio-{port}"))?;
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/kamailio/carrier.cfg");
        let mut text = std::fs::read_to_string(template)?
            .replace("@SIP@", &port.to_string())
            .replace("@FOLDER@", &room.display().to_string());
        for (wanted, word) in [(proxy.challenges, "CHALLENGES"), (proxy.refuses, "REFUSES")] {
            if wanted {
                text = format!("#!define {word}\n{text}");
            }
        }
        std::fs::write(room.join("carrier.cfg"), format!("#!KAMAILIO\n{text}"))?;
        let behind: String = proxy.behind.iter().map(|uri| format!("1 {uri}\n")).collect();
        std::fs::write(room.join("dispatcher.list"), behind)?;
        let folder = room.display().to_string();
        let arguments: Vec<String> = ["-f", "carrier.cfg", "-DD", "-E", "-m", "32", "-M", "4", "-Y", &folder]
            .into_iter()
            .map(str::to_owned)
            .collect();
        let mut peer = Peer::start("kamailio", "kamailio", &room, &arguments)?;
        peer.wait_port("udp", port, Duration::from_secs(30))?;
        peer.wait_port("tcp", port, Duration::from_secs(30))?;
        Ok(Kamailio { peer, address: SocketAddr::from(([127, 0, 0, 1], port)) })
    }

    /// What it has said: one line a request, `METHOD CALL-ID STEP`.
    pub fn said(&self) -> String {
        self.peer.said()
    }
}
