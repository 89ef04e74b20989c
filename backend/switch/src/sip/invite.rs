//! The INVITE of a draft, made without looking at a clock or at chance, and what is later derived from it: the same
//! request with a probe's headers, with credentials, with a longer session interval, its CANCEL and its ACK.
//!
//! Identifiers derive from the attempt and route number by SHA-256, each with its own label; whatever is sent again
//! after a restart is therefore the same transaction for the far side.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use sha2::{Digest, Sha256};

use super::message::{ALLOW, Message, finish};
use super::record::{InviteRecord, RECORD_VERSION};
use super::sdp::{Direction, EVENT_PT, Local};
use crate::call::Draft;
use crate::config::TrunkConfig;
use crate::error::SwitchError;
use crate::media::Codec;

/// The option that nobody knows: a request that requires it cannot start a call (RFC 3261 8.2.2.3).
pub(crate) const PROBE_OPTION: &str = "waybell-probe";
/// Least session interval we accept, seconds (RFC 4028 4: not below 90).
pub(crate) const MIN_SE: u32 = 90;

/// Headers that a draft may not bring, because they are made here.
const OWN_HEADERS: [&str; 22] = [
    "via",
    "v",
    "from",
    "f",
    "to",
    "t",
    "call-id",
    "i",
    "cseq",
    "contact",
    "m",
    "max-forwards",
    "content-length",
    "l",
    "content-type",
    "c",
    "require",
    "proxy-require",
    "supported",
    "allow",
    "session-expires",
    "min-se",
];

/// Hex of the first `bytes` of SHA-256 over the parts, each ended by a zero byte.
pub(crate) fn derive(bytes: usize, parts: &[&str]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(bytes).fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// Branch of a request of ours: the same request has the same branch whenever it is made.
pub(crate) fn branch(call_id: &str, local_tag: &str, method: &str, cseq: u32) -> String {
    format!("z9hG4bK{}", derive(12, &["branch", call_id, local_tag, method, &cseq.to_string()]))
}

/// Session id of the SDP of a call.
pub(crate) fn session_id(call_id: &str, tag: &str) -> u64 {
    u64::from_str_radix(&derive(7, &["sdp", call_id, tag]), 16).unwrap_or(1)
}

/// What a draft needs besides itself.
pub(crate) struct Way<'a> {
    pub(crate) trunk: &'a TrunkConfig,
    /// The peer as configured, `host[:port]`.
    pub(crate) peer: &'a str,
    pub(crate) destination: SocketAddr,
    /// `host:port` for Via and Contact.
    pub(crate) sent_by: String,
    /// Address for SDP.
    pub(crate) media_ip: IpAddr,
    pub(crate) rtp_port: u16,
    pub(crate) user_agent: &'a str,
    pub(crate) call_id_suffix: &'a str,
}

/// Refuses what may not stand in a message; called before a port is reserved.
pub(crate) fn check(draft: &Draft<'_>, trunk: &TrunkConfig) -> Result<(), SwitchError> {
    for (what, text) in [("caller", draft.caller), ("callee", draft.callee)] {
        let good = |c: char| c.is_ascii_alphanumeric() || "+*#._-".contains(c);
        if text.is_empty() || text.len() > 64 || !text.chars().all(good) {
            return Err(SwitchError::BadText(what, text.to_owned()));
        }
    }
    if draft.attempt.is_empty() || draft.attempt.len() > 256 {
        return Err(SwitchError::BadText("attempt", draft.attempt.to_owned()));
    }
    if !trunk.caller_ids.iter().any(|id| id == draft.caller) {
        return Err(SwitchError::CallerNotAuthorised {
            trunk: trunk.name.clone(),
            caller: draft.caller.to_owned(),
        });
    }
    for (name, value) in draft.headers.iter().chain(&trunk.headers) {
        check_header(name, value)?;
    }
    Ok(())
}

/// Refuses a header that would break the message or that is made here.
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), SwitchError> {
    let token = |c: char| c.is_ascii_alphanumeric() || "-.!%*_+`'~".contains(c);
    let own = OWN_HEADERS.iter().any(|h| h.eq_ignore_ascii_case(name));
    if name.is_empty() || name.len() > 64 || own || !name.chars().all(token) {
        return Err(SwitchError::BadText("header name", name.to_owned()));
    }
    if value.len() > 1024 || value.chars().any(char::is_control) {
        return Err(SwitchError::BadText("header value", value.to_owned()));
    }
    Ok(())
}

/// Makes the record of a checked draft.
pub(crate) fn record(draft: &Draft<'_>, way: &Way<'_>) -> InviteRecord {
    let route = draft.route_no.to_string();
    let call_id = format!("{}@{}", derive(16, &["call", draft.attempt, &route]), way.call_id_suffix);
    let from_tag = derive(8, &["tag", draft.attempt, &route]);
    let cseq = 1;
    let branch = branch(&call_id, &from_tag, "INVITE", cseq);
    let codecs: Vec<(Codec, u8)> = way.trunk.codecs.iter().map(|c| (*c, c.payload_type())).collect();
    let sdp = Local {
        ip: way.media_ip,
        port: way.rtp_port,
        session: session_id(&call_id, &from_tag),
        version: 1,
        direction: Direction::SendRecv,
        codecs: &codecs,
        event_pt: Some(EVENT_PT),
    }
    .offer();

    let transport = way.trunk.transport;
    let domain = way.trunk.domain.as_deref().unwrap_or(way.peer);
    let from_domain = way.trunk.domain.as_deref().unwrap_or(&way.sent_by);
    let param = transport_param(transport);
    let (caller, callee) = (escape(draft.caller), escape(draft.callee));
    let mut out = String::with_capacity(1400);
    let _ = write!(
        out,
        "INVITE sip:{callee}@{domain}{param} SIP/2.0\r\n\
         Via: {}\r\n\
         Max-Forwards: 70\r\n\
         From: <sip:{caller}@{from_domain}>;tag={from_tag}\r\n\
         To: <sip:{callee}@{domain}>\r\n\
         Call-ID: {call_id}\r\n\
         CSeq: {cseq} INVITE\r\n\
         Contact: <sip:{caller}@{}{param}>\r\n\
         Allow: {ALLOW}\r\n\
         Supported: 100rel, timer\r\n",
        via(transport.as_str(), &way.sent_by, &branch),
        way.sent_by,
    );
    if let Some(interval) = way.trunk.session_expires {
        let seconds = interval.as_secs().max(u64::from(MIN_SE));
        let _ = write!(out, "Session-Expires: {seconds}\r\nMin-SE: {MIN_SE}\r\n");
    }
    let _ = write!(out, "User-Agent: {}\r\n", way.user_agent);
    for (name, value) in way.trunk.headers.iter().chain(&draft.headers) {
        let _ = write!(out, "{name}: {value}\r\n");
    }
    let request = String::from_utf8(finish(out, Some(&sdp))).unwrap_or_default();
    InviteRecord {
        version: RECORD_VERSION,
        trunk: way.trunk.name.clone(),
        destination: way.destination,
        transport,
        sent_by: way.sent_by.clone(),
        call_id,
        from_tag,
        branch,
        cseq,
        rtp_port: way.rtp_port,
        caller: draft.caller.to_owned(),
        callee: draft.callee.to_owned(),
        request,
    }
}

/// The same INVITE for a telephone that registered: asked for by the address it gave itself, the caller with a label.
pub(crate) fn to_phone(mut record: InviteRecord, uri: &str, label: &str) -> InviteRecord {
    let mut text = Text::new(&record.request);
    if let Some(line) = text.head.first_mut() {
        *line = format!("INVITE {uri} SIP/2.0");
    }
    if let Some(from) = text.get("From").map(str::to_owned).filter(|_| !label.is_empty()) {
        text.set("From", &format!("\"{label}\" {from}"));
    }
    record.request = String::from_utf8(text.bytes()).unwrap_or_default();
    record
}

/// The value of our Via. `rport` (RFC 3581) only where it has a meaning: on a stream it would keep a proxy from coming
/// to the port of sent-by (RFC 3261 18.2.2) when the connection of our former process is gone.
pub(crate) fn via(transport: &str, sent_by: &str, branch: &str) -> String {
    let rport = if transport.eq_ignore_ascii_case("UDP") { ";rport" } else { "" };
    format!("SIP/2.0/{transport} {sent_by}{rport};branch={branch}")
}

/// `;transport=…` for URIs, empty for UDP.
pub(crate) fn transport_param(transport: crate::config::Transport) -> &'static str {
    match transport {
        crate::config::Transport::Udp => "",
        crate::config::Transport::Tcp => ";transport=tcp",
        crate::config::Transport::Tls => ";transport=tls",
    }
}

/// A number as the user part of a URI: `#` may not stand there.
fn escape(number: &str) -> String {
    number.replace('#', "%23")
}

/// A request as text that can be changed header by header without touching the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Text {
    head: Vec<String>,
    body: String,
}

impl Text {
    /// Cuts a whole request into lines.
    pub(crate) fn new(request: &str) -> Self {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        Self { head: head.split("\r\n").map(str::to_owned).collect(), body: body.to_owned() }
    }

    fn is(line: &str, name: &str) -> bool {
        line.split_once(':').is_some_and(|(n, _)| n.trim().eq_ignore_ascii_case(name))
    }

    /// Value of the first header of this name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let line = self.head.iter().skip(1).find(|l| Self::is(l, name))?;
        line.split_once(':').map(|(_, v)| v.trim())
    }

    /// Values of all headers of this name.
    pub(crate) fn all(&self, name: &str) -> Vec<&str> {
        let lines = self.head.iter().skip(1).filter(|l| Self::is(l, name));
        lines.filter_map(|l| l.split_once(':').map(|(_, v)| v.trim())).collect()
    }

    /// URI of the request line.
    pub(crate) fn uri(&self) -> &str {
        self.head.first().and_then(|l| l.split(' ').nth(1)).unwrap_or("")
    }

    /// Replaces the first header of this name in its place, or adds it before the content headers.
    pub(crate) fn set(&mut self, name: &str, value: &str) {
        let line = format!("{name}: {value}");
        match self.head.iter_mut().skip(1).find(|l| Self::is(l, name)) {
            Some(old) => *old = line,
            None => self.add(name, value),
        }
    }

    /// Adds a header before the content headers.
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        let at = self
            .head
            .iter()
            .skip(1)
            .position(|l| Self::is(l, "Content-Type") || Self::is(l, "Content-Length"));
        let at = at.map_or(self.head.len(), |i| i + 1);
        self.head.insert(at, format!("{name}: {value}"));
    }

    /// The bytes.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        format!("{}\r\n\r\n{}", self.head.join("\r\n"), self.body).into_bytes()
    }

    /// The same request that requires what nobody knows.
    pub(crate) fn probe(mut self) -> Self {
        self.add("Require", PROBE_OPTION);
        self.add("Proxy-Require", PROBE_OPTION);
        self
    }

    /// A later request of the same call: other CSeq and branch.
    pub(crate) fn renumber(&mut self, sent_by: &str, transport: &str, cseq: u32, branch: &str) {
        self.set("CSeq", &format!("{cseq} INVITE"));
        self.set("Via", &via(transport, sent_by, branch));
    }

    /// CANCEL (RFC 3261 9.1) or the ACK of a refusal (17.1.1.3): same URI, Via, From, Call-ID, Route and CSeq number.
    fn companion(&self, method: &str, to: &str, extra: &str) -> Vec<u8> {
        let mut out = format!("{method} {} SIP/2.0\r\n", self.uri());
        for name in ["Via", "From", "Call-ID", "Route"] {
            let values = self.all(name);
            for value in if name == "Via" { &values[..values.len().min(1)] } else { &values[..] } {
                let _ = write!(out, "{name}: {value}\r\n");
            }
        }
        let number = self.get("CSeq").and_then(|v| v.split(' ').next()).unwrap_or("1");
        let _ = write!(out, "To: {to}\r\nCSeq: {number} {method}\r\nMax-Forwards: 70\r\n{extra}");
        finish(out, None)
    }

    /// The CANCEL of this INVITE, with an optional Reason value.
    pub(crate) fn cancel(&self, reason: Option<&str>) -> Vec<u8> {
        let extra = reason.map(|r| format!("Reason: {r}\r\n")).unwrap_or_default();
        self.companion("CANCEL", self.get("To").unwrap_or_default(), &extra)
    }

    /// The ACK of a refusal of this INVITE.
    pub(crate) fn ack_refusal(&self, response: &Message) -> Vec<u8> {
        self.companion("ACK", response.header("To").unwrap_or_default(), "")
    }
}

#[cfg(test)]
mod tests;
