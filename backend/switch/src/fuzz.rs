//! What comes from the network, as functions of bytes: for the fuzz targets in `tests/fuzz`.
//!
//! Each takes any bytes and must return: a panic, an endless loop or memory without bound is a fault of ours. They reach
//! the same code that sockets feed, without sockets and with a clock of their own.

use crate::config::{DigestHash, Listen, PhoneAccounts, Phones, SwitchConfig, Transport, TrunkConfig};
use crate::event::{Event, EventKind};
use crate::media::Codec;
use crate::rtp;
use crate::rtp::pool::PortPool;
use crate::rtp::{dtmf, packet};
use crate::sip::agent::{Command, Core, Io, Shared};
use crate::sip::message::Message;
use crate::sip::sdp;
use crate::sip::wire::frame::{Frame, Framer};
use crate::sip::wire::{Flow, Heard, Sent, Target};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One SIP message as UDP brings it: read, and looked at in every way that the switch looks at one.
pub fn sip(data: &[u8]) {
    let Ok(message) = Message::parse(data) else { return };
    let names =
        ["Via", "From", "To", "Contact", "Require", "Supported", "Session-Expires", "Record-Route", "Reason"];
    for name in names {
        let _ = (message.header(name), message.values(name), message.lines(name).count());
        let _ = message.has_token(name, "100rel");
    }
    let _ = (message.call_id(), message.tag_from(), message.tag_to(), message.cseq(), message.max_forwards());
    let _ = (message.via().is_some(), message.contact(), message.reason(), message.is_sip_uri());
    if let Some(text) = message.sdp() {
        let _ = sdp::parse(text);
    }
}

/// A stream as TCP brings it, in pieces whose lengths the first bytes give.
pub fn stream(data: &[u8]) {
    let Some((&step, mut rest)) = data.split_first() else { return };
    let step = usize::from(step).max(1);
    let mut framer = Framer::default();
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(step.min(rest.len()));
        framer.push(piece);
        rest = after;
        loop {
            match framer.next() {
                Ok(Some(Frame::Message(message))) => sip(&message),
                Ok(Some(Frame::Ping)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
}

/// A session description, and the answer to it.
pub fn description(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(remote) = sdp::parse(text) else { return };
    let local = sdp::Local {
        ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        port: 30_000,
        session: 1,
        version: 1,
        direction: remote.direction.mirrored(),
        codecs: &[(Codec::Pcma, 8), (Codec::Pcmu, 0)],
        event_pt: Some(101),
    };
    // what we answer is a description too
    assert!(sdp::parse(&local.answer(&remote)).is_ok(), "our own answer does not read back");
}

/// Packets of sound and keys: each begins with its length.
pub fn sound(data: &[u8]) {
    let mut rest = data;
    let mut reception = packet::Reception::default();
    let mut keys = dtmf::Receiver::default();
    let mut clock = 0_u32;
    while let Some((&length, after)) = rest.split_first() {
        let (bytes, after) = after.split_at(usize::from(length).min(after.len()));
        rest = after;
        clock = clock.wrapping_add(160);
        let Some(header) = packet::parse(bytes) else { continue };
        reception.note(&header, clock);
        let payload = &bytes[header.start..header.end];
        let _ = keys.packet(&header, payload);
        let _ = (Codec::Pcma.loudest(payload), Codec::Pcmu.loudest(payload));
        let _ = (reception.lost(), reception.jitter());
    }
    let _ = reception.report();
}

/// Nobody may register.
#[derive(Debug)]
struct Nobody;

impl PhoneAccounts for Nobody {
    fn ha1(&self, _: &str, _: &str, _: DigestHash) -> Option<String> {
        None
    }
}

/// The agent's world: nothing leaves, everything that it sends is read back.
#[derive(Default)]
struct Deaf {
    events: Vec<Event>,
    chance: u64,
}

impl Io for Deaf {
    fn send(&mut self, _: Target, bytes: Vec<u8>) -> Sent {
        // an answer tells the request's headers back as they came
        let answer = bytes.starts_with(b"SIP/2.0 ");
        if let (false, Err(fault)) = (answer, Message::parse(&bytes)) {
            panic!(
                "a message of ours does not read back: {}\n{}",
                fault.why,
                String::from_utf8_lossy(&bytes)
            );
        }
        Sent::Yes(None)
    }

    fn media(&mut self, command: rtp::Command) {
        drop(command);
    }

    fn app(&mut self, _: crate::webrtc::Order) -> bool {
        false
    }

    fn emit(&mut self, event: Event) {
        self.events.push(event);
    }

    fn backlog(&self) -> usize {
        0
    }

    fn random(&mut self) -> u64 {
        self.chance =
            self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 16
    }
}

/// Messages to an agent, one after another, with what its user does about each in between: `0xff` ends a message, and
/// the byte after it says how much time passes and what is done.
///
/// When everybody has hung up, 200 s of silence may leave nothing.
pub fn agent(data: &[u8]) {
    let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_062));
    let own = SocketAddr::from((Ipv4Addr::LOCALHOST, 5_061));
    let mut trunk = TrunkConfig::new("t", vec![peer.to_string()]);
    trunk.options_interval = None;
    trunk.session_expires = None;
    let config = SwitchConfig {
        listen: vec![Listen::udp(own)],
        trunks: vec![trunk],
        phones: Some(Phones::new(Arc::new(Nobody), "waybell")),
        ..SwitchConfig::default()
    };
    let base = 20_000 + (std::process::id() % 100) as u16 * 100;
    let ports = Arc::new(PortPool::new(own.ip(), &(base..=base + 9), 0));
    let shared = Arc::new(Shared::new(config, vec![(Transport::Udp, own)], ports, Arc::default(), None));
    for t in shared.trunks.iter() {
        t.resolved(&peer.to_string(), &[peer]);
    }
    let mut now = Instant::now();
    let mut core = Core::new(shared, now);
    let mut io = Deaf::default();
    let source = Target { transport: Transport::Udp, dest: peer, flow: Flow::Listener(0) };
    for part in data.split(|b| *b == 0xff) {
        let Some((&what, message)) = part.split_first() else { continue };
        now += Duration::from_millis([0, 20, 500, 33_000][usize::from(what & 3)]);
        core.on_time(&mut io, now);
        let heard = match Message::parse(message) {
            Ok(message) => Heard::Message { message: Box::new(message), source, known: true },
            Err(malformed) if malformed.request.is_some() => Heard::Malformed { malformed, source },
            Err(_) => continue,
        };
        core.on_heard(&mut io, heard, now);
        for event in std::mem::take(&mut io.events) {
            let EventKind::Incoming(_) = &event.kind else { continue };
            let leg = event.leg;
            let command = match what >> 2 & 3 {
                0 => Command::Ring { leg },
                1 => Command::Answer { leg },
                2 => Command::Reject { leg, status: 486, reason: "Busy Here".into() },
                _ => Command::HangUp { leg, cause: None },
            };
            core.on_command(&mut io, command, now);
        }
    }
    let legs: Vec<_> = core.by_id.keys().cloned().collect();
    for leg in legs {
        core.on_command(&mut io, Command::HangUp { leg, cause: None }, now);
    }
    // every transaction has an end
    for _ in 0..200 {
        now += Duration::from_secs(1);
        core.on_time(&mut io, now);
    }
    assert_eq!((core.transactions(), core.is_idle()), (0, true), "something is left after 200 s of silence");
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// What the fuzz targets have kept: nothing of it breaks anything, in any build.
    #[test]
    fn kept_inputs_break_nothing() {
        let kept = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/data");
        let targets = [
            ("sip", super::sip as fn(&[u8])),
            ("stream", super::stream),
            ("description", super::description),
            ("sound", super::sound),
            ("agent", super::agent),
        ];
        for (name, target) in targets {
            let files = std::fs::read_dir(kept.join(name)).expect("a folder of inputs");
            let mut count = 0;
            for file in files {
                target(&std::fs::read(file.expect("a file").path()).expect("its bytes"));
                count += 1;
            }
            assert!(count > 0, "no inputs for {name}");
        }
    }
}
