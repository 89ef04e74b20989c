//! What the tests share: a far side made of a bare socket, and a switch with its events.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::time::timeout;
use waybell_switch::{
    DialogRecord, Draft, Event, EventKind, InviteRecord, LegEnd, LegId, Listen, Switch, SwitchConfig,
    TrunkConfig,
};

/// Longest wait for anything; only a failing test takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// The number that all test trunks may show.
pub(crate) const CALLER: &str = "+862160000000";

/// A far side of one UDP socket that does only what the test says.
pub(crate) struct Far {
    pub(crate) socket: UdpSocket,
    pub(crate) addr: SocketAddr,
    pub(crate) peer: Option<SocketAddr>,
}

/// A request or answer as it came.
#[derive(Debug, Clone)]
pub(crate) struct Msg(pub String);

impl Msg {
    pub(crate) fn header(&self, name: &str) -> &str {
        self.try_header(name).unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }

    pub(crate) fn try_header(&self, name: &str) -> Option<&str> {
        self.0.split("\r\n").skip(1).take_while(|l| !l.is_empty()).find_map(|l| {
            let (n, v) = l.split_once(':')?;
            n.eq_ignore_ascii_case(name).then(|| v.trim())
        })
    }

    pub(crate) fn method(&self) -> &str {
        self.0.split(' ').next().unwrap_or("")
    }

    pub(crate) fn status(&self) -> u16 {
        self.0.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0)
    }

    pub(crate) fn uri(&self) -> &str {
        self.0.split(' ').nth(1).unwrap_or("")
    }

    pub(crate) fn body(&self) -> &str {
        self.0.split_once("\r\n\r\n").map_or("", |(_, b)| b)
    }

    pub(crate) fn cseq(&self) -> u32 {
        self.header("CSeq").split(' ').next().and_then(|n| n.parse().ok()).expect("number")
    }

    pub(crate) fn branch(&self) -> &str {
        self.header("Via").split("branch=").nth(1).and_then(|b| b.split([';', ',']).next()).expect("branch")
    }

    pub(crate) fn tag_from(&self) -> &str {
        self.header("From").split("tag=").nth(1).expect("tag")
    }

    /// Port of the audio stream in the body.
    pub(crate) fn rtp_port(&self) -> u16 {
        let line = self.body().lines().find(|l| l.starts_with("m=audio")).expect("audio");
        line.split(' ').nth(1).and_then(|p| p.parse().ok()).expect("port")
    }
}

impl Far {
    pub(crate) async fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("bind");
        let addr = socket.local_addr().expect("addr");
        Self { socket, addr, peer: None }
    }

    /// The next message, or `None` where none comes for `wait`.
    pub(crate) async fn hear_for(&mut self, wait: Duration) -> Option<Msg> {
        let mut buffer = vec![0u8; 65_535];
        let (n, from) = timeout(wait, self.socket.recv_from(&mut buffer)).await.ok()?.expect("receive");
        self.peer = Some(from);
        Some(Msg(String::from_utf8(buffer[..n].to_vec()).expect("text")))
    }

    /// The next message of this method (or "SIP/2.0"), others passed over.
    pub(crate) async fn hear(&mut self, method: &str) -> Msg {
        loop {
            let msg = self.hear_for(PATIENCE).await.unwrap_or_else(|| panic!("no {method} came"));
            if msg.method() == method {
                return msg;
            }
        }
    }

    pub(crate) async fn send(&self, text: &str) {
        self.socket.send_to(text.as_bytes(), self.peer.expect("peer")).await.expect("send");
    }

    /// Answers a request.
    pub(crate) async fn answer(
        &self,
        request: &Msg,
        status: &str,
        tag: &str,
        headers: &str,
        sdp: Option<&str>,
    ) {
        self.send(&self.answer_text(request, status, tag, headers, sdp)).await;
    }

    pub(crate) fn answer_text(
        &self,
        request: &Msg,
        status: &str,
        tag: &str,
        headers: &str,
        sdp: Option<&str>,
    ) -> String {
        let to = request.header("To");
        let to =
            if tag.is_empty() || to.contains("tag=") { to.to_owned() } else { format!("{to};tag={tag}") };
        let mut out = format!("SIP/2.0 {status}\r\n");
        for line in request.0.split("\r\n").skip(1).take_while(|l| !l.is_empty()) {
            if ["Via:", "From:", "Call-ID:", "CSeq:", "Record-Route:"].iter().any(|n| line.starts_with(n)) {
                out.push_str(line);
                out.push_str("\r\n");
            }
        }
        out.push_str(&format!("To: {to}\r\nContact: <sip:far@{}>\r\n{headers}", self.addr));
        match sdp {
            Some(sdp) => {
                out.push_str(&format!(
                    "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}",
                    sdp.len()
                ));
            }
            None => out.push_str("Content-Length: 0\r\n\r\n"),
        }
        out
    }

    /// A request inside the call that `invite` began, `tag` being ours.
    pub(crate) fn inside(
        &self,
        invite: &Msg,
        method: &str,
        cseq: u32,
        tag: &str,
        headers: &str,
        sdp: Option<&str>,
    ) -> String {
        let contact = invite.header("Contact").trim_matches(['<', '>']).to_owned();
        let (from, to) = (invite.header("To"), invite.header("From"));
        let body = match sdp {
            Some(sdp) => {
                format!("Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len())
            }
            None => "Content-Length: 0\r\n\r\n".to_owned(),
        };
        format!(
            "{method} {contact} SIP/2.0\r\nVia: SIP/2.0/UDP {};rport;branch=z9hG4bKfar{cseq}{method}\r\n\
             Max-Forwards: 70\r\nFrom: {from};tag={tag}\r\nTo: {to}\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n\
             Contact: <sip:far@{}>\r\n{headers}{body}",
            self.addr,
            invite.header("Call-ID"),
            self.addr
        )
    }
}

/// A description with audio at `port`.
pub(crate) fn sdp(port: u16, formats: &str, extra: &str) -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio {port} RTP/AVP {formats}\r\n{extra}"
    )
}

/// Lines for telephone events at payload type 101.
pub(crate) const EVENTS: &str = "a=rtpmap:101 telephone-event/8000\r\n";

/// A switch and its events.
pub(crate) struct Us {
    pub(crate) switch: Switch,
    pub(crate) events: mpsc::Receiver<Event>,
}

/// A trunk to `peer` without keepalives.
pub(crate) fn trunk(name: &str, peer: SocketAddr) -> TrunkConfig {
    let mut t = TrunkConfig::new(name, vec![peer.to_string()]);
    t.caller_ids = vec![CALLER.into()];
    t.options_interval = None;
    t.session_expires = None;
    t.cps = 1000;
    t
}

/// A configuration with one UDP listener and quick timers.
pub(crate) fn config(trunks: Vec<TrunkConfig>) -> SwitchConfig {
    SwitchConfig { trunks, t1: Duration::from_millis(50), rtp_ports: rtp_range(), ..SwitchConfig::default() }
}

/// A range of RTP ports for each test, so that tests side by side do not meet.
pub(crate) fn rtp_range() -> std::ops::RangeInclusive<u16> {
    use std::sync::atomic::{AtomicU16, Ordering};
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let n = NEXT.fetch_add(1, Ordering::Relaxed) % 60;
    let seat = (std::process::id() % 7) as u16;
    let first = 20_000 + seat * 1_200 + n * 20;
    first..=first + 19
}

impl Us {
    pub(crate) async fn start(config: SwitchConfig) -> Self {
        let (switch, events) = Switch::start(config).await.expect("start");
        Self { switch, events }
    }

    pub(crate) async fn with(trunks: Vec<TrunkConfig>) -> Self {
        Self::start(config(trunks)).await
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.switch.local_addrs()[0].1
    }

    pub(crate) fn draft(&self, attempt: &str, callee: &str) -> InviteRecord {
        let draft = Draft { attempt, route_no: 0, trunk: "t", caller: CALLER, callee, headers: Vec::new() };
        self.switch.draft(draft).expect("draft")
    }

    /// Drafts and places a call on trunk "t".
    pub(crate) async fn call(&self, attempt: &str, callee: &str) -> (LegId, InviteRecord) {
        let record = self.draft(attempt, callee);
        timeout(PATIENCE, self.switch.permit_ready("t")).await.expect("permit");
        let permit = self.switch.try_permits("t", 1).pop().expect("permit");
        (self.switch.place(record.clone(), permit), record)
    }

    pub(crate) async fn next(&mut self) -> Event {
        timeout(PATIENCE, self.events.recv()).await.expect("an event comes").expect("the switch lives")
    }

    /// The next event of a leg for which `pick` gives something; others are passed over.
    pub(crate) async fn until<T>(&mut self, what: &str, mut pick: impl FnMut(&Event) -> Option<T>) -> T {
        let mut seen = Vec::new();
        loop {
            let Ok(event) = timeout(PATIENCE, self.events.recv()).await else {
                panic!("no {what}; seen {seen:#?}");
            };
            let event = event.expect("the switch lives");
            if let Some(found) = pick(&event) {
                return found;
            }
            seen.push(event);
        }
    }

    pub(crate) async fn progress(&mut self, leg: &LegId) -> (u16, bool) {
        self.until("progress", |e| match &e.kind {
            EventKind::Progress { status, early_media } if e.leg == *leg && *status > 100 => {
                Some((*status, *early_media))
            }
            _ => None,
        })
        .await
    }

    /// The INVITE that waits to be stored, which is then let go.
    pub(crate) async fn challenged(&mut self, leg: &LegId) -> InviteRecord {
        let record = self
            .until("challenge", |e| match &e.kind {
                EventKind::Challenged { record } if e.leg == *leg => Some((**record).clone()),
                _ => None,
            })
            .await;
        self.switch.resubmit(leg);
        record
    }

    pub(crate) async fn answered(&mut self, leg: &LegId) -> DialogRecord {
        self.until("answer", |e| match &e.kind {
            EventKind::Answered { dialog } if e.leg == *leg => Some(dialog.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn ended(&mut self, leg: &LegId) -> LegEnd {
        self.until("end", |e| match &e.kind {
            EventKind::Ended { end } if e.leg == *leg => Some(end.clone()),
            _ => None,
        })
        .await
    }

    pub(crate) async fn incoming(&mut self) -> (LegId, waybell_switch::Incoming) {
        self.until("incoming call", |e| match &e.kind {
            EventKind::Incoming(i) => Some((e.leg.clone(), i.clone())),
            _ => None,
        })
        .await
    }

    pub(crate) async fn digit(&mut self, leg: &LegId) -> (char, waybell_switch::DigitSource) {
        self.until("digit", |e| match &e.kind {
            EventKind::Digit { digit, source } if e.leg == *leg => Some((*digit, *source)),
            _ => None,
        })
        .await
    }

    /// Dies without a word, as by SIGKILL: the sockets close, nothing is sent.
    pub(crate) async fn listen(addr: SocketAddr, trunks: Vec<TrunkConfig>) -> Self {
        let mut c = config(trunks);
        c.listen = vec![Listen::udp(addr)];
        Self::start(c).await
    }
}
