//! SIP messages as this crate sees them: read through `rsipstack`'s header parser, written as text.
//!
//! Only this file knows the parser. It is given a constant start line, because it refuses methods, URIs and status
//! codes that it does not know, and an agent must answer those (405, 416) or pass over them instead of going silent.
//! Header values stay the text that came, so that what must be echoed (Via, route sets, contacts) is echoed unchanged.

use std::fmt::Write as _;
use std::net::SocketAddr;

use rsipstack::sip::{Headers, SipMessage};

mod check;

use check::Fault;
pub(crate) use check::Malformed;

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
    /// Parses one whole message. The error says what is wrong, for a trace and the answer; it holds no header value.
    pub(crate) fn parse(data: &[u8]) -> Result<Self, Malformed> {
        let Some(head_end) = data.windows(4).position(|w| w == b"\r\n\r\n") else {
            let head = data.strip_suffix(b"\r\n").ok_or("no end of headers")?;
            return Err(Self::parse_unframed(head, "no blank line after the headers"));
        };
        let (mut message, fault) = Self::read(data, head_end)?;
        let fault = fault.or_else(|| message.check().err()).or_else(|| message.cut_body().err());
        match fault {
            None => Ok(message),
            Some(fault) => Err(Malformed::of(message, fault)),
        }
    }

    /// The head of a message whose end cannot be found in its stream (`why`), for the answer to it.
    pub(crate) fn parse_unframed(head: &[u8], why: &'static str) -> Malformed {
        match Self::read(head, head.len()) {
            Ok((message, fault)) => Malformed::of(message, fault.unwrap_or(Fault { status: 400, why })),
            Err(malformed) => malformed,
        }
    }

    /// Start line and headers, all that follows them as the body, and what is wrong with the start line.
    fn read(data: &[u8], head_end: usize) -> Result<(Self, Option<Fault>), Malformed> {
        if data.len() > MAX_MESSAGE {
            return Err("too long".into());
        }
        let line_end = data[..head_end].windows(2).position(|w| w == b"\r\n").ok_or("no headers")?;
        let line = std::str::from_utf8(&data[..line_end]).map_err(|_| "start line is not text")?;
        let (start, fault) = check::start_line(line)?;

        let head = String::from_utf8_lossy(&data[line_end..head_end]);
        if head.matches('\n').count() > MAX_HEADERS {
            return Err("too many headers".into());
        }
        if head.split("\r\n").any(|l| l.contains(['\r', '\n'])) {
            // Nothing that holds half a line end can be echoed safely.
            return Err("bare line end".into());
        }
        let mut text = Vec::with_capacity(head.len() + 32);
        text.extend_from_slice(b"SIP/2.0 200 OK");
        text.extend_from_slice(head.as_bytes());
        text.extend_from_slice(b"\r\n\r\n");
        let Ok(SipMessage::Response(parsed)) = SipMessage::try_from(text.as_slice()) else {
            return Err("unreadable headers".into());
        };
        let body = data.get(head_end + 4..).unwrap_or_default().to_vec();
        Ok((Self { start, headers: parsed.headers, body }, fault))
    }

    /// RFC 3261 18.3: without a Content-Length a datagram's body is what is left; a stream's framing has cut it already.
    fn cut_body(&mut self) -> Result<(), Fault> {
        let Some(length) = self.header("Content-Length") else { return Ok(()) };
        match digits(length) {
            Some(length) if length <= self.body.len() => {
                self.body.truncate(length);
                Ok(())
            }
            Some(_) => Err("Content-Length beyond the end".into()),
            None => Err("Content-Length is no number".into()),
        }
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

    /// Whether the Request-URI is one that this agent can be asked for.
    pub(crate) fn is_sip_uri(&self) -> bool {
        let Start::Request { uri, .. } = &self.start else { return false };
        let scheme = uri.split(':').next().unwrap_or_default();
        ["sip", "sips", "tel"].iter().any(|s| scheme.eq_ignore_ascii_case(s))
    }

    /// `Max-Forwards`, where given.
    pub(crate) fn max_forwards(&self) -> Option<usize> {
        digits(self.header("Max-Forwards")?)
    }

    /// URI of the first Contact, fit for a Request-URI: without headers (RFC 3261 19.1.1).
    pub(crate) fn contact(&self) -> Option<String> {
        let first = split_list(self.header("Contact")?).next()?;
        let uri = uri_of(first);
        Some(uri[..check::headers_at(uri).unwrap_or(uri.len())].to_owned())
            .filter(|u| u.contains(':') && is_safe(u))
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

/// Whether text may be put into a message again: no control characters, no blanks.
pub(crate) fn is_safe(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_control() || c == ' ' || c == '<' || c == '>')
}

/// The characters that stand outside quotes, with their places. A backslash takes its next character along (RFC 3261
/// 25.1). The quotes themselves are passed over.
pub(crate) fn unquoted(value: &str) -> impl Iterator<Item = (usize, char)> + '_ {
    let (mut quoted, mut escaped) = (false, false);
    value.char_indices().filter(move |(_, c)| {
        if quoted {
            match c {
                _ if escaped => escaped = false,
                '\\' => escaped = true,
                '"' => quoted = false,
                _ => {}
            }
            return false;
        }
        quoted = *c == '"';
        !quoted
    })
}

/// Splits a header value at commas that stand outside quotes and angle brackets.
pub(crate) fn split_list(value: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut from) = (0u32, 0);
    let ends = unquoted(value).filter_map(move |(at, c)| {
        match c {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => return Some(at),
            _ => {}
        }
        None
    });
    ends.chain([value.len()])
        .map(move |end| {
            let part = &value[from..end];
            from = end + 1;
            part.trim()
        })
        .filter(|s| !s.is_empty())
}

/// Where the angle brackets of a `name-addr` stand.
fn brackets(value: &str) -> Option<(usize, usize)> {
    let open = unquoted(value).find(|(_, c)| *c == '<')?.0;
    let close = value[open..].find('>')?;
    Some((open, open + close))
}

/// A parameter after the URI of a `name-addr`, or of any `a;b=c` value. Quoted values keep their quotes.
pub(crate) fn param<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    let tail = match brackets(value) {
        Some((_, close)) => &value[close + 1..],
        None => value.split_once(';').map_or("", |(_, t)| t),
    };
    let mut from = 0;
    unquoted(tail).filter(|(_, c)| *c == ';').map(|(at, _)| at).chain([tail.len()]).find_map(|end| {
        let part = &tail[from..end];
        from = end + 1;
        let (key, v) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then_some(v.trim())
    })
}

/// The URI of a `name-addr` or `addr-spec`.
pub(crate) fn uri_of(value: &str) -> &str {
    match brackets(value) {
        Some((open, close)) => value[open + 1..close].trim(),
        None => value.split(';').next().unwrap_or("").trim(),
    }
}

/// A number that is digits and nothing else.
pub(crate) fn digits(text: &str) -> Option<usize> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
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
        // One of them can be missing where the request was malformed.
        for name in ["From", "To", "Call-ID", "CSeq"] {
            let Some(value) = r.header(name) else { continue };
            let _ = write!(out, "{name}: {value}");
            if name == "To" && self.status > 100 && r.tag_to().is_none() && !self.to_tag.is_empty() {
                let _ = write!(out, ";tag={}", self.to_tag);
            }
            out.push_str("\r\n");
        }
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
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        407 => "Proxy Authentication Required",
        415 => "Unsupported Media Type",
        416 => "Unsupported URI Scheme",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        423 => "Interval Too Brief",
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
        504 => "Server Time-out",
        505 => "Version Not Supported",
        600 => "Busy Everywhere",
        603 => "Decline",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests;
