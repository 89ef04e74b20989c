//! SIP messages (RFC 3261 section 7): a start line, header fields in order, a body.
//!
//! Reading is lenient on purpose (bare LF, folded lines, compact names, odd spacing), because the judge must see what a
//! sloppy peer sent rather than refuse it; writing is strict.

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Start {
    /// `METHOD uri SIP/2.0`
    Request {
        /// Upper-case method.
        method: String,
        /// Request-URI as sent.
        uri: String,
    },
    /// `SIP/2.0 status reason`
    Response {
        /// 100 to 699.
        status: u16,
    },
}

/// A message; header names are kept in their long form.
#[derive(Debug, Clone)]
pub(crate) struct Message {
    /// Start line.
    pub(crate) start: Start,
    /// Fields in order, name (long form) and value (trimmed, unfolded).
    pub(crate) headers: Vec<(String, String)>,
    /// Body, cut to Content-Length where that is given and shorter.
    pub(crate) body: Vec<u8>,
}

/// Why bytes are no SIP message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ParseError {
    /// No start line of a request or response.
    StartLine,
    /// A header section that is not text.
    NotText,
}

/// Expands the compact form of a header name (RFC 3261 7.3.3 and extensions).
fn long_name(name: &str) -> &str {
    if name.len() != 1 {
        return name;
    }
    match name.as_bytes()[0].to_ascii_lowercase() {
        b'v' => "Via",
        b'f' => "From",
        b't' => "To",
        b'i' => "Call-ID",
        b'm' => "Contact",
        b'l' => "Content-Length",
        b'c' => "Content-Type",
        b'k' => "Supported",
        b's' => "Subject",
        b'x' => "Session-Expires",
        b'e' => "Content-Encoding",
        b'r' => "Refer-To",
        b'o' => "Event",
        _ => name,
    }
}

/// Index just after the blank line, and where the header section ends.
pub(crate) fn header_end(bytes: &[u8]) -> Option<(usize, usize)> {
    let crlf = bytes.windows(4).position(|w| w == b"\r\n\r\n").map(|p| (p, p + 4));
    let lf = bytes.windows(2).position(|w| w == b"\n\n").map(|p| (p, p + 2));
    match (crlf, lf) {
        (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
        (a, b) => a.or(b),
    }
}

impl Message {
    /// Reads one message. A datagram's surplus after Content-Length is ignored.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        let (head_len, body_at) = header_end(bytes).unwrap_or((bytes.len(), bytes.len()));
        let head = std::str::from_utf8(&bytes[..head_len]).map_err(|_| ParseError::NotText)?;
        let mut lines = head.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l));
        let first = lines.next().ok_or(ParseError::StartLine)?;
        let start = parse_start(first)?;
        let mut headers: Vec<(String, String)> = Vec::with_capacity(16);
        for line in lines {
            if line.starts_with([' ', '\t']) {
                if let Some((_, value)) = headers.last_mut() {
                    value.push(' ');
                    value.push_str(line.trim());
                }
                continue;
            }
            if let Some((name, value)) = line.split_once(':') {
                headers.push((long_name(name.trim()).to_owned(), value.trim().to_owned()));
            }
        }
        let mut body = bytes[body_at..].to_vec();
        let message = Self { start, headers, body: Vec::new() };
        if let Some(length) = message.get("Content-Length").and_then(|v| v.parse::<usize>().ok()) {
            body.truncate(length);
        }
        Ok(Self { body, ..message })
    }

    /// First value of a header, by name in any case.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    /// All values of a header in order, comma lists split.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.headers
            .iter()
            .filter(|(n, _)| n.eq_ignore_ascii_case(name))
            .flat_map(|(_, v)| split_commas(v))
            .filter(|v| !v.is_empty())
            .collect()
    }

    /// Method of a request.
    pub(crate) fn method(&self) -> Option<&str> {
        match &self.start {
            Start::Request { method, .. } => Some(method),
            Start::Response { .. } => None,
        }
    }

    /// Request-URI of a request.
    pub(crate) fn uri(&self) -> Option<&str> {
        match &self.start {
            Start::Request { uri, .. } => Some(uri),
            Start::Response { .. } => None,
        }
    }

    /// Topmost Via.
    pub(crate) fn via(&self) -> Option<Via> {
        self.list("Via").first().and_then(|v| Via::parse(v))
    }

    /// CSeq number and method.
    pub(crate) fn cseq(&self) -> Option<(u32, String)> {
        let mut parts = self.get("CSeq")?.split_whitespace();
        let number = parts.next()?.parse().ok()?;
        Some((number, parts.next()?.to_ascii_uppercase()))
    }

    /// Call-ID, empty where missing.
    pub(crate) fn call_id(&self) -> &str {
        self.get("Call-ID").unwrap_or_default()
    }

    /// Tag of the From header.
    pub(crate) fn caller_tag(&self) -> Option<String> {
        self.get("From").and_then(|v| address_param(v, "tag"))
    }

    /// Tag of the To header.
    pub(crate) fn to_tag(&self) -> Option<String> {
        self.get("To").and_then(|v| address_param(v, "tag"))
    }
}

fn parse_start(line: &str) -> Result<Start, ParseError> {
    let mut parts = line.split_ascii_whitespace();
    let (Some(a), Some(b)) = (parts.next(), parts.next()) else { return Err(ParseError::StartLine) };
    if a.eq_ignore_ascii_case("SIP/2.0") {
        let status = b.parse().ok().filter(|s| (100..700).contains(s)).ok_or(ParseError::StartLine)?;
        return Ok(Start::Response { status });
    }
    match parts.next() {
        Some(v) if v.len() >= 4 && v[..4].eq_ignore_ascii_case("SIP/") => {
            Ok(Start::Request { method: a.to_ascii_uppercase(), uri: b.to_owned() })
        }
        _ => Err(ParseError::StartLine),
    }
}

/// Splits at commas outside quotes and angle brackets.
fn split_commas(value: &str) -> Vec<&str> {
    let (mut out, mut from, mut quoted, mut angle) = (Vec::new(), 0, false, false);
    let mut escaped = false;
    for (i, c) in value.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '<' if !quoted => angle = true,
            '>' if !quoted => angle = false,
            ',' if !quoted && !angle => {
                out.push(value[from..i].trim());
                from = i + 1;
            }
            _ => {}
        }
    }
    out.push(value[from..].trim());
    out
}

/// A parameter after the address of a From, To or Contact value (not one inside the angle brackets).
pub(crate) fn address_param(value: &str, name: &str) -> Option<String> {
    let tail = match value.rfind('>') {
        Some(at) => &value[at + 1..],
        None => value.split_once(';').map_or("", |(_, t)| t),
    };
    param(tail, name)
}

/// The value of `name` in a `;`-separated parameter text; empty for a flag.
pub(crate) fn param(text: &str, name: &str) -> Option<String> {
    text.split(';').find_map(|p| {
        let (key, value) = p.split_once('=').unwrap_or((p, ""));
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// The URI of an address header: what is between angle brackets, or the whole before `;`.
pub(crate) fn address_uri(value: &str) -> &str {
    match (value.find('<'), value.find('>')) {
        (Some(a), Some(b)) if a < b => value[a + 1..b].trim(),
        _ => value.split(';').next().unwrap_or(value).trim(),
    }
}

/// The user part of a `sip:`, `sips:` or `tel:` URI, without parameters; empty where there is none.
pub(crate) fn uri_user(uri: &str) -> &str {
    let lower = uri.get(..5).unwrap_or(uri).to_ascii_lowercase();
    if lower.starts_with("tel:") {
        return uri[4..].split(';').next().unwrap_or_default();
    }
    let rest = uri.split_once(':').map_or(uri, |(_, r)| r);
    match rest.rsplit_once('@') {
        Some((user, _)) => user.split([';', ':']).next().unwrap_or_default(),
        None => "",
    }
}

/// Host and port of a SIP URI; the port is absent where it is not written.
pub(crate) fn uri_host(uri: &str) -> Option<(String, Option<u16>)> {
    let rest = uri.split_once(':')?.1;
    let rest = rest.rsplit_once('@').map_or(rest, |(_, h)| h);
    host_port(rest.split([';', '?']).next()?)
}

/// Splits `host`, `host:port`, `[v6]`, `[v6]:port`.
fn host_port(text: &str) -> Option<(String, Option<u16>)> {
    let text = text.trim();
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        return Some((host.to_owned(), tail.strip_prefix(':').and_then(|p| p.trim().parse().ok())));
    }
    match text.split_once(':') {
        Some((host, port)) => Some((host.trim().to_owned(), port.trim().parse().ok())),
        None if text.is_empty() => None,
        None => Some((text.to_owned(), None)),
    }
}

/// A Via value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Via {
    /// Sent-by host, lower case.
    pub(crate) host: String,
    /// Sent-by port where written.
    pub(crate) port: Option<u16>,
    /// Branch, empty where missing.
    pub(crate) branch: String,
}

impl Via {
    /// Reads `SIP/2.0/UDP host:port;params`.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let mut slashes = value.match_indices('/').map(|(at, _)| at);
        let second = slashes.nth(1)?;
        let transport = value[second + 1..].trim_start();
        let rest = &transport[transport.find(char::is_whitespace)?..];
        let (by, params) = rest.trim().split_once(';').unwrap_or((rest.trim(), ""));
        let (host, port) = host_port(by)?;
        let branch = param(params, "branch").unwrap_or_default();
        Some(Self { host: host.to_ascii_lowercase(), port, branch })
    }
}

/// Standard phrase of a status.
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        100 => "Trying",
        180 => "Ringing",
        181 => "Call Is Being Forwarded",
        183 => "Session Progress",
        200 => "OK",
        302 => "Moved Temporarily",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        407 => "Proxy Authentication Required",
        408 => "Request Timeout",
        410 => "Gone",
        420 => "Bad Extension",
        422 => "Session Interval Too Small",
        429 => "Too Many Requests",
        480 => "Temporarily Unavailable",
        481 => "Call/Transaction Does Not Exist",
        482 => "Loop Detected",
        484 => "Address Incomplete",
        486 => "Busy Here",
        487 => "Request Terminated",
        488 => "Not Acceptable Here",
        491 => "Request Pending",
        500 => "Server Internal Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Server Time-out",
        600 => "Busy Everywhere",
        603 => "Decline",
        604 => "Does Not Exist Anywhere",
        _ => "Response",
    }
}

/// Writes a message from its parts; adds Content-Length.
pub(crate) fn write(start: &str, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut text = String::with_capacity(512 + body.len());
    text.push_str(start);
    text.push_str("\r\n");
    for (name, value) in headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    text.push_str("Content-Length: ");
    text.push_str(&body.len().to_string());
    text.push_str("\r\n\r\n");
    text.push_str(body);
    text.into_bytes()
}
