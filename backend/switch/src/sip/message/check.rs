//! What a message must have before anything is done with it, and what is said where it has not.
//!
//! RFC 4475 holds the cases. A request that can be answered at all (it has a Via, and is no ACK) gets an answer with the
//! reason in its phrase; what cannot be answered is dropped. Where a fault does no harm, the message is taken as it is
//! meant: odd blanks, an unknown header's strange value, a display name without quotes.

use super::{Message, Method, Start, digits, is_safe, split_list, unquoted, uri_of};

/// What is wrong, and the status that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(super) status: u16,
    pub(super) why: &'static str,
}

impl From<&'static str> for Fault {
    fn from(why: &'static str) -> Self {
        Self { status: 400, why }
    }
}

/// A message that cannot be worked with.
#[derive(Debug)]
pub(crate) struct Malformed {
    /// What is wrong, without a value of the message.
    pub(crate) why: &'static str,
    /// The status for the answer.
    pub(crate) status: u16,
    /// What came, as far as it was understood, where it is a request that wants an answer.
    pub(crate) request: Option<Box<Message>>,
}

impl From<&'static str> for Malformed {
    fn from(why: &'static str) -> Self {
        Self { why, status: 400, request: None }
    }
}

impl Malformed {
    pub(super) fn of(message: Message, fault: Fault) -> Self {
        let wants = matches!(message.start, Start::Request { method, .. } if method != Method::Ack);
        let request = (wants && message.via().is_some()).then(|| Box::new(message));
        Self { why: fault.why, status: fault.status, request }
    }
}

/// Reads the first line. Where it is a request's and wrong, the method is kept for the answer.
pub(super) fn start_line(line: &str) -> Result<(Start, Option<Fault>), &'static str> {
    let is_version = |t: &str| t.get(..4).is_some_and(|t| t.eq_ignore_ascii_case("SIP/"));
    let mut parts = line.splitn(3, ' ');
    let (first, second) = (parts.next().unwrap_or(""), parts.next().ok_or("short start line")?);
    let third = parts.next().unwrap_or("").trim();
    if is_version(first) {
        let status = digits(second).filter(|s| (100..700).contains(s)).ok_or("no status")?;
        if !first.eq_ignore_ascii_case("SIP/2.0") {
            return Err("another version");
        }
        let phrase = third.chars().take(256).collect();
        return Ok((Start::Response { status: status as u16, phrase }, None));
    }
    if first.is_empty() || !line.split_ascii_whitespace().any(is_version) {
        return Err("not a SIP start line");
    }
    let request = |uri: &str| Start::Request { method: Method::parse(first), uri: uri.to_owned() };
    let fault = if !second.contains(':') || !is_safe(second) {
        "Request-URI not understood".into()
    } else if headers_at(second).is_some() {
        // RFC 3261 19.1.1: not in a Request-URI.
        "Request-URI with headers".into()
    } else if third.eq_ignore_ascii_case("SIP/2.0") {
        return Ok((request(second), None));
    } else if is_version(third) && !third.contains(char::is_whitespace) {
        Fault { status: 505, why: "another version" }
    } else {
        "start line not understood".into()
    };
    Ok((request(""), Some(fault)))
}

/// Where the headers for another request begin in a SIP URI that carries some. A question mark in its user part is only a character.
pub(super) fn headers_at(uri: &str) -> Option<usize> {
    let scheme = uri.split(':').next().unwrap_or("");
    let sip = scheme.eq_ignore_ascii_case("sip") || scheme.eq_ignore_ascii_case("sips");
    let host = uri.rfind('@').map_or(0, |at| at + 1);
    uri[host..].find('?').filter(|_| sip).map(|at| host + at)
}

/// Whether quotes and angle brackets are closed and a URI with a scheme is there.
fn is_address(value: &str) -> bool {
    let mut depth = 0i32;
    for (_, c) in unquoted(value) {
        match c {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        if !(0..=1).contains(&depth) {
            return false;
        }
    }
    // An open quote hides the brackets behind it, so the URI is looked for as well.
    let uri = uri_of(value);
    let scheme = uri.split_once(':').map_or("", |(s, _)| s);
    let named = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    depth == 0 && named && !value.trim_start().starts_with(';')
}

impl Message {
    /// The headers without which nothing can be done with a message (RFC 3261 8.1.1), each once.
    pub(super) fn check(&self) -> Result<(), Fault> {
        for (name, why) in [
            ("Call-ID", "two different Call-IDs"),
            ("From", "two different From"),
            ("To", "two different To"),
            ("CSeq", "two different CSeq"),
            ("Max-Forwards", "two different Max-Forwards"),
            ("Content-Length", "two different Content-Lengths"),
        ] {
            let mut lines = self.lines(name);
            let first = lines.next();
            if lines.any(|l| Some(l) != first) {
                return Err(why.into());
            }
        }
        self.via().ok_or("no Via")?;
        let via = self.header("Via").and_then(|v| split_list(v).next()).unwrap_or_default();
        if via.replace([' ', '\t'], "").contains(";;") {
            return Err("empty parameters in Via".into());
        }
        self.header("Call-ID").filter(|v| !v.is_empty() && v.len() < 512).ok_or("no Call-ID")?;
        let (_, method) = self.cseq().ok_or("no CSeq")?;
        let from = self.header("From").ok_or("no From")?;
        let to = self.header("To").ok_or("no To")?;
        let Start::Request { method: own, .. } = &self.start else { return Ok(()) };
        if *own != method {
            return Err("CSeq of another method".into());
        }
        if !is_address(from) {
            return Err("From not understood".into());
        }
        if !is_address(to) {
            return Err("To not understood".into());
        }
        match self.header("Max-Forwards") {
            Some(hops) if digits(hops).is_none_or(|n| n > 255) => Err("Max-Forwards over 255".into()),
            _ => Ok(()),
        }
    }
}
