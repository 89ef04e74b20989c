//! SIP messages as this crate sees them: read through `rsipstack`'s header parser, written as text.
//!
//! Only this file knows the parser. It is given a constant start line, because it refuses methods, URIs and status
//! codes that it does not know, and an agent must answer those (405, 416) or pass over them instead of going silent.
//! Header values stay the text that came, so that what must be echoed (Via, route sets, contacts) is echoed unchanged.

use std::fmt::Write as _;
use std::net::SocketAddr;

use rsipstack::sip::{Headers, SipMessage};

/// Most bytes of one message. UDP cannot carry more; a stream that claims more is closed.
pub(crate) const MAX_MESSAGE: usize = 65_535;
/// Most header lines of one message.
const MAX_HEADERS: usize = 256;

/// Methods this agent tells apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Options,
    Register,
    Info,
    Update,
    Prack,
    /// Known to the RFCs, not supported here: 405.
    Unsupported,
    /// Not known at all: 501.
    Unknown,
}

impl Method {
    fn parse(token: &str) -> Self {
        match token {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "OPTIONS" => Self::Options,
            "REGISTER" => Self::Register,
            "INFO" => Self::Info,
            "UPDATE" => Self::Update,
            "PRACK" => Self::Prack,
            "MESSAGE" | "REFER" | "SUBSCRIBE" | "NOTIFY" | "PUBLISH" => Self::Unsupported,
            _ => Self::Unknown,
        }
    }

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Options => "OPTIONS",
            Self::Register => "REGISTER",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Unsupported | Self::Unknown => "OTHER",
        }
    }
}

/// The `Allow` header of everything we send.
pub(crate) const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, PRACK";

/// First line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    Request { method: Method, uri: String },
    Response { status: u16, phrase: String },
}

/// A received message.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    pub(crate) start: Start,
    headers: Headers,
    pub(crate) body: Vec<u8>,
}

/// Top Via of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Via {
    pub(crate) sent_by: String,
    pub(crate) branch: Option<String>,
    pub(crate) rport: bool,
}

impl Message {
    /// Parses one whole message. The error says what is wrong, for a trace; it holds no header value.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, &'static str> {
        if data.len() > MAX_MESSAGE {
            return Err("too long");
        }
        let head_end = data.windows(4).position(|w| w == b"\r\n\r\n").ok_or("no end of headers")?;
        let line_end = data.windows(2).position(|w| w == b"\r\n").ok_or("no start line")?;
        let line = std::str::from_utf8(&data[..line_end]).map_err(|_| "start line is not text")?;
        let start = parse_start(line)?;

        let head = String::from_utf8_lossy(&data[line_end..head_end]);
        if head.matches('\n').count() > MAX_HEADERS {
            return Err("too many headers");
        }
        let mut text = Vec::with_capacity(data.len() + 32);
        text.extend_from_slice(b"SIP/2.0 200 OK");
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(b"\r\n\r\n");
        text.extend_from_slice(&data[head_end + 4..]);
        let Ok(SipMessage::Response(parsed)) = SipMessage::try_from(text.as_slice()) else {
            return Err("unreadable headers");
        };
        let mut message = Self { start, headers: parsed.headers, body: parsed.body };
        message.check()?;
        match message.header("Content-Length").map(str::parse::<usize>) {
            // RFC 3261 18.3: without it a datagram's body is what is left; a stream's framing has cut it already.
            None => message.body = data[head_end + 4..].to_vec(),
            Some(Ok(length)) if length == message.body.len() => {}
            Some(_) => return Err("Content-Length does not fit"),
        }
        Ok(message)
    }

    /// The headers without which nothing can be done with a message (RFC 3261 8.1.1).
    fn check(&self) -> Result<(), &'static str> {
        self.via().ok_or("no Via")?;
        self.header("Call-ID").filter(|v| !v.is_empty() && v.len() < 512).ok_or("no Call-ID")?;
        self.tag_from().or_else(|| self.is_response().then_some("")).ok_or("no From tag")?;
        self.header("To").ok_or("no To")?;
        let (_, method) = self.cseq().ok_or("no CSeq")?;
        match &self.start {
            Start::Request { method: m, .. } if *m != method => Err("CSeq of another method"),
            _ => Ok(()),
        }
    }

    pub(crate) fn is_response(&self) -> bool {
        matches!(self.start, Start::Response { .. })
    }

    /// First header of this name, long form.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|h| h.name().eq_ignore_ascii_case(name)).map(|h| h.value().trim())
    }

    /// All header lines of this name, as they came.
    pub(crate) fn lines<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.headers.iter().filter(move |h| h.name().eq_ignore_ascii_case(name)).map(|h| h.value().trim())
    }

    /// All headers, name and value.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.headers.iter().map(|h| (h.name(), h.value().trim()))
    }

    /// All values of a header that may be a list.
    pub(crate) fn values(&self, name: &str) -> Vec<String> {
        self.lines(name).flat_map(split_list).map(str::to_owned).collect()
    }

    /// Whether an option tag stands in a list header (`Require`, `Supported`, `Allow` …).
    pub(crate) fn has_token(&self, name: &str, token: &str) -> bool {
        self.lines(name).any(|l| l.split(',').any(|t| t.trim().eq_ignore_ascii_case(token)))
    }

    pub(crate) fn call_id(&self) -> &str {
        self.header("Call-ID").unwrap_or_default()
    }

    pub(crate) fn tag_from(&self) -> Option<&str> {
        param(self.header("From")?, "tag")
    }

    pub(crate) fn tag_to(&self) -> Option<&str> {
        param(self.header("To")?, "tag")
    }

    pub(crate) fn cseq(&self) -> Option<(u32, Method)> {
        let value = self.header("CSeq")?;
        let (number, method) = value.split_once(|c: char| c.is_ascii_whitespace())?;
        Some((number.trim().parse().ok().filter(|n| *n < 1 << 31)?, Method::parse(method.trim())))
    }

    /// The topmost Via.
    pub(crate) fn via(&self) -> Option<Via> {
        let value = split_list(self.header("Via")?).next()?;
        let rest = value.splitn(3, '/').nth(2)?;
        let (_, rest) = rest.trim().split_once(|c: char| c.is_ascii_whitespace())?;
        let sent_by = rest.split(';').next()?.trim();
        if sent_by.is_empty() {
            return None;
        }
        Some(Via {
            sent_by: sent_by.to_ascii_lowercase(),
            branch: param(rest, "branch").map(str::to_owned),
            rport: rest.split(';').skip(1).any(|p| p.trim().eq_ignore_ascii_case("rport")),
        })
    }

    /// URI of the first Contact.
    pub(crate) fn contact(&self) -> Option<String> {
        let first = split_list(self.header("Contact")?).next()?;
        Some(uri_of(first).to_owned()).filter(|u| u.contains(':') && is_safe(u))
    }

    /// The body where it is SDP.
    pub(crate) fn sdp(&self) -> Option<&str> {
        let kind = self.header("Content-Type")?;
        let kind = kind.split(';').next()?.trim();
        if self.body.is_empty() || !kind.eq_ignore_ascii_case("application/sdp") {
            return None;
        }
        std::str::from_utf8(&self.body).ok()
    }

    /// Cause and text of the Reason header with protocol Q.850 (RFC 3326); its text alone where only SIP is given.
    pub(crate) fn reason(&self) -> (Option<u8>, Option<String>) {
        let mut found = (None, None);
        for value in self.values("Reason") {
            let text = param(&value, "text").map(|t| t.trim_matches('"').to_owned());
            if value.trim_start().to_ascii_uppercase().starts_with("Q.850") {
                return (param(&value, "cause").and_then(|c| c.parse().ok()), text);
            }
            found.1 = found.1.or(text);
        }
        found
    }
}

fn parse_start(line: &str) -> Result<Start, &'static str> {
    let mut parts = line.splitn(3, ' ');
    let (first, second) = (parts.next().unwrap_or(""), parts.next().ok_or("short start line")?);
    let third = parts.next().unwrap_or("");
    if first == "SIP/2.0" {
        let status: u16 = second.parse().map_err(|_| "status is no number")?;
        if !(100..700).contains(&status) {
            return Err("status out of range");
        }
        return Ok(Start::Response { status, phrase: third.trim().chars().take(256).collect() });
    }
    if third.trim() != "SIP/2.0" || first.is_empty() || !second.contains(':') || !is_safe(second) {
        return Err("not a SIP start line");
    }
    Ok(Start::Request { method: Method::parse(first), uri: second.to_owned() })
}

/// Whether text may be put into a message again: no control characters, no blanks.
pub(crate) fn is_safe(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ' ' || c == '<' || c == '>')
}

/// Splits a header value at commas that stand outside quotes and angle brackets.
pub(crate) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let (mut quoted, mut depth) = (false, 0u32);
    value
        .split(move |c: char| {
            match c {
                '"' => quoted = !quoted,
                '<' if !quoted => depth += 1,
                '>' if !quoted => depth = depth.saturating_sub(1),
                ',' if !quoted && depth == 0 => return true,
                _ => {}
            }
            false
        })
        .map(str::trim)
        .filter(|s| !s.is_empty())
}

/// A parameter after the URI of a `name-addr`, or of any `a;b=c` value. Quoted values keep their quotes.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let tail = match value.rfind('>') {
        Some(end) => &value[end + 1..],
        None => value.split_once(';').map_or("", |(_, t)| t),
    };
    let mut quoted = false;
    tail.split(move |c: char| {
        if c == '"' {
            quoted = !quoted;
        }
        c == ';' && !quoted
    })
    .find_map(|p| {
        let (key, v) = p.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

/// The URI of a `name-addr` or `addr-spec`.
pub(crate) fn uri_of(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(a), Some(b)) if a < b => value[a + 1..b].trim(),
        _ => value.split(';').next().unwrap_or("").trim(),
    }
}

/// The user part of a SIP or tel URI, parameters cut off.
pub(crate) fn user_of(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, r)| r);
    let user = match rest.rsplit_once('@') {
        Some((user, _)) => user,
        None if uri.to_ascii_lowercase().starts_with("tel:") => rest,
        None => return "",
    };
    user.split([';', ':']).next().unwrap_or("")
}

/// `host:port` of a SIP URI; the port is `None` where it is not given.
pub(crate) fn host_of(uri: &str) -> Option<(&str, Option<u16>)> {
    let rest = uri.split_once(':')?.1;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, h)| h);
    split_host(rest.split([';', '?']).next()?)
}

/// Splits `host[:port]`, brackets of IPv6 taken off.
pub(crate) fn split_host(text: &str) -> Option<(&str, Option<u16>)> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        let port = match tail.strip_prefix(':') {
            Some(p) => Some(p.parse().ok()?),
            None if tail.is_empty() => None,
            None => return None,
        };
        return Some((host, port));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None if text.is_empty() => None,
        None => Some((text, None)),
    }
}

/// An answer to `request`: Via (with `received` and `rport`, RFC 3581), From, To, Call-ID and CSeq as they came.
pub(crate) struct Response<'a> {
    pub(crate) request: &'a Message,
    pub(crate) source: SocketAddr,
    pub(crate) status: u16,
    pub(crate) phrase: &'a str,
    /// Tag for To where it has none.
    pub(crate) to_tag: &'a str,
    /// Further header lines, each ended by CRLF.
    pub(crate) headers: &'a str,
    pub(crate) body: Option<&'a str>,
    pub(crate) server: &'a str,
}

impl Response<'_> {
    /// The bytes.
    pub(crate) fn build(&self) -> Vec<u8> {
        let r = self.request;
        let mut out = String::with_capacity(512 + self.headers.len() + self.body.map_or(0, str::len));
        let _ = write!(out, "SIP/2.0 {} {}\r\n", self.status, self.phrase);
        for (i, via) in r.lines("Via").enumerate() {
            if i == 0 {
                let _ = write!(out, "Via: {}\r\n", mark_received(via, self.source));
            } else {
                let _ = write!(out, "Via: {via}\r\n");
            }
        }
        if self.status > 100 && self.status < 300 {
            for line in r.lines("Record-Route") {
                let _ = write!(out, "Record-Route: {line}\r\n");
            }
        }
        let _ = write!(out, "From: {}\r\n", r.header("From").unwrap_or_default());
        let to = r.header("To").unwrap_or_default();
        if self.status > 100 && r.tag_to().is_none() && !self.to_tag.is_empty() {
            let _ = write!(out, "To: {to};tag={}\r\n", self.to_tag);
        } else {
            let _ = write!(out, "To: {to}\r\n");
        }
        let _ = write!(out, "Call-ID: {}\r\n", r.call_id());
        let _ = write!(out, "CSeq: {}\r\n", r.header("CSeq").unwrap_or_default());
        let _ = write!(out, "Server: {}\r\n", self.server);
        out.push_str(self.headers);
        finish(out, self.body)
    }
}

/// Ends a message: content headers, blank line, SDP body.
pub(crate) fn finish(mut head: String, sdp: Option<&str>) -> Vec<u8> {
    match sdp {
        Some(sdp) => {
            let _ =
                write!(head, "Content-Type: application/sdp\r\nContent-Length: {}\r\n\r\n{sdp}", sdp.len());
        }
        None => head.push_str("Content-Length: 0\r\n\r\n"),
    }
    head.into_bytes()
}

fn mark_received(line: &str, source: SocketAddr) -> String {
    let mut list = split_list(line);
    let top = list.next().unwrap_or(line);
    let mut out = String::with_capacity(line.len() + 48);
    let mut asked = false;
    for (i, part) in top.split(';').enumerate() {
        let trimmed = part.trim();
        let key = trimmed.split('=').next().unwrap_or("").trim();
        if i > 0 && key.eq_ignore_ascii_case("received") {
            continue;
        }
        if i > 0 {
            out.push(';');
        }
        if i > 0 && key.eq_ignore_ascii_case("rport") {
            asked = true;
            let _ = write!(out, "rport={}", source.port());
        } else {
            out.push_str(trimmed);
        }
    }
    let host = top.split(';').next().and_then(|h| h.rsplit(char::is_whitespace).next()).and_then(split_host);
    if asked || host.is_none_or(|(h, _)| h.parse() != Ok(source.ip())) {
        let _ = write!(out, ";received={}", source.ip());
    }
    for rest in list {
        out.push_str(", ");
        out.push_str(rest);
    }
    out
}

/// Phrase for a status (RFC 3261 21).
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        183 => "Session Progress",
        200 => "OK",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        415 => "Unsupported Media Type",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        483 => "Too Many Hops",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests;
