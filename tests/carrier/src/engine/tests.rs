//! The engine with virtual time: a scripted caller sends bytes and looks at what comes out.

use std::{net::SocketAddr, sync::Arc};

use super::{Addresses, Engine, Flow, Output, Transport};
use crate::{
    config::{Config, Profile, Settings},
    media::MediaCommand,
    sip::message::{Message, Start},
    truth::TruthEvent,
};

mod behaviours;
mod talk;
mod transactions;

const START: u64 = 1_700_020_800_000;

/// A carrier, its clock, and everything that came out of it.
struct Lab {
    engine: Engine,
    now: u64,
    transport: Transport,
    truth: Vec<TruthEvent>,
    sent: Vec<Message>,
    raw: Vec<Arc<[u8]>>,
    media: Vec<MediaCommand>,
}

impl Lab {
    fn new(profile: Profile, settings: &str) -> Self {
        let mut config = Config::new(Settings::parse(settings).unwrap(), "unused");
        config.profile = profile;
        Self::with(&config)
    }

    fn with(config: &Config) -> Self {
        let at = |port: u16| SocketAddr::from(([127, 0, 0, 1], port));
        let addresses = Addresses {
            udp: Some(at(5060)),
            tcp: Some(at(5060)),
            tls: Some(at(5061)),
            rtp: vec![at(40_000), at(40_002), at(40_004)],
        };
        Self {
            engine: Engine::new(config, addresses).unwrap(),
            now: START,
            transport: Transport::Udp,
            truth: Vec::new(),
            sent: Vec::new(),
            raw: Vec::new(),
            media: Vec::new(),
        }
    }

    fn flow(&self) -> Flow {
        let conn = u64::from(self.transport != Transport::Udp);
        Flow { transport: self.transport, peer: SocketAddr::from(([127, 0, 0, 1], 7_000)), conn }
    }

    fn send(&mut self, text: &str) {
        let flow = self.flow();
        self.engine.receive(self.now, flow, text.as_bytes());
        self.collect();
    }

    /// Lets time pass, stopping at every timer.
    fn pass(&mut self, ms: u64) {
        let end = self.now + ms;
        while let Some(due) = self.engine.next_due().filter(|d| *d <= end) {
            self.now = self.now.max(due);
            self.engine.run_timers(self.now);
            self.collect();
        }
        self.now = end;
    }

    fn collect(&mut self) {
        for output in self.engine.take() {
            match output {
                Output::Truth(event) => self.truth.push(*event),
                Output::Send { bytes, .. } => {
                    if let Ok(message) = Message::parse(&bytes) {
                        self.sent.push(message);
                    }
                    self.raw.push(bytes);
                }
                Output::Media(command) => self.media.push(*command),
            }
        }
    }

    /// Statuses of the responses to `method` so far.
    fn statuses(&self, method: &str) -> Vec<u16> {
        self.sent
            .iter()
            .filter(|m| m.cseq().is_some_and(|c| c.1 == method))
            .filter_map(|m| match m.start {
                Start::Response { status } => Some(status),
                Start::Request { .. } => None,
            })
            .collect()
    }

    /// Requests of the carrier with this method.
    fn requests(&self, method: &str) -> Vec<Message> {
        self.sent.iter().filter(|m| m.method() == Some(method)).cloned().collect()
    }

    fn count(&self, event: &str) -> usize {
        self.truth.iter().filter(|e| e.event == event).count()
    }

    fn last(&self, event: &str) -> &TruthEvent {
        self.truth.iter().rev().find(|e| e.event == event).unwrap()
    }

    /// To tags of the 2xx to an INVITE.
    fn answered_tags(&self) -> Vec<String> {
        let mut tags: Vec<String> = self
            .sent
            .iter()
            .filter(|m| {
                m.start == Start::Response { status: 200 } && m.cseq().is_some_and(|c| c.1 == "INVITE")
            })
            .filter_map(Message::to_tag)
            .collect();
        tags.dedup();
        tags
    }

    /// INVITE, answered after `ms`, ACK sent.
    fn talk_after(&mut self, ms: u64) -> String {
        self.send(&Caller::default().invite());
        self.pass(ms);
        let tag = self.answered_tags().pop().unwrap();
        self.send(&Caller::default().in_dialog("ACK", 1, &tag, ""));
        tag
    }

    /// Answers a request of the carrier.
    fn reply(&mut self, request: &Message, status: u16, body: &str) {
        let get = |n: &str| request.get(n).unwrap_or_default().to_owned();
        let text = format!(
            "SIP/2.0 {status} Whatever\r\nVia: {}\r\nFrom: {}\r\nTo: {}\r\nCall-ID: {}\r\nCSeq: {}\r\n\
             Content-Length: {}\r\n\r\n{body}",
            get("Via"),
            get("From"),
            get("To"),
            get("Call-ID"),
            get("CSeq"),
            body.len()
        );
        self.send(&text);
    }
}

/// Writes a caller's requests.
#[derive(Clone)]
struct Caller {
    branch: &'static str,
    call_id: &'static str,
    cseq: u32,
    extra: String,
    number: &'static str,
    transport: &'static str,
}

impl Default for Caller {
    fn default() -> Self {
        Self {
            branch: "z9hG4bKone",
            call_id: "call-1",
            cseq: 1,
            extra: String::new(),
            number: "+8613800000001",
            transport: "UDP",
        }
    }
}

const OFFER: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n\
                     m=audio 30000 RTP/AVP 8 0 101\r\na=rtpmap:101 telephone-event/8000\r\n";

impl Caller {
    fn request(&self, method: &str, branch: &str, cseq: u32, to_tag: &str, body: &str) -> String {
        let tag = if to_tag.is_empty() { String::new() } else { format!(";tag={to_tag}") };
        format!(
            "{method} sip:{n}@127.0.0.1:5060 SIP/2.0\r\nVia: SIP/2.0/{t} 127.0.0.1:7000;branch={branch};rport\r\n\
             From: \"a\" <sip:4001@127.0.0.1>;tag=ft\r\nTo: <sip:{n}@127.0.0.1>{tag}\r\nCall-ID: {id}\r\n\
             CSeq: {cseq} {method}\r\nContact: <sip:a@127.0.0.1:7000>\r\nMax-Forwards: 70\r\n{extra}\
             Content-Length: {len}\r\n\r\n{body}",
            n = self.number,
            t = self.transport,
            id = self.call_id,
            extra = self.extra,
            len = body.len()
        )
    }

    fn invite(&self) -> String {
        self.request("INVITE", self.branch, self.cseq, "", OFFER)
    }

    fn probe(&self) -> String {
        let mut probe = self.clone();
        probe.extra.push_str("Require: no-such\r\nProxy-Require: no-such\r\n");
        probe.invite()
    }

    fn cancel(&self) -> String {
        self.request("CANCEL", self.branch, self.cseq, "", "")
    }

    /// The ACK of a refusal.
    fn ack(&self) -> String {
        self.request("ACK", self.branch, self.cseq, "x", "")
    }

    fn in_dialog(&self, method: &str, cseq: u32, tag: &str, body: &str) -> String {
        self.request(method, &format!("z9hG4bK{method}{cseq}{tag}"), cseq, tag, body)
    }
}
