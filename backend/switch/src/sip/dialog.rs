//! Dialogs (RFC 3261 12): what a request inside a call is made of.

use std::fmt::Write as _;
use std::net::SocketAddr;

use super::invite::{branch, transport_param, via};
use super::message::{Message, finish, host_of, is_safe, uri_of};
use super::record::{DialogRecord, InviteRecord, RECORD_VERSION};
use super::wire::{Flow, Target};
use crate::config::Transport;

/// One dialog, early or confirmed.
#[derive(Debug, Clone)]
pub(crate) struct Dialog {
    pub(crate) call_id: String,
    pub(crate) local_uri: String,
    pub(crate) local_tag: String,
    pub(crate) remote_uri: String,
    pub(crate) remote_tag: String,
    pub(crate) remote_target: String,
    pub(crate) route_set: Vec<String>,
    /// CSeq number of our last request.
    pub(crate) local_cseq: u32,
    /// CSeq number of their last request.
    pub(crate) remote_cseq: Option<u32>,
    /// CSeq number of our INVITE whose 2xx made or changed it.
    pub(crate) invite_cseq: u32,
    pub(crate) target: Target,
    pub(crate) sent_by: String,
    /// User part of our Contact.
    pub(crate) contact_user: String,
    /// With a telephone that registered: requests stay on the flow, whatever its Contact says (it may be behind a NAT).
    pub(crate) bound: bool,
}

/// A request made in a dialog.
#[derive(Debug, Clone)]
pub(crate) struct Made {
    pub(crate) branch: String,
    pub(crate) bytes: Vec<u8>,
}

impl Dialog {
    /// From a response with a To tag to our INVITE, as UAC (12.1.2). `None` where it has no usable Contact, unless
    /// `lenient`: a 2xx must be acknowledged somehow, and then the request URI has to do.
    pub(crate) fn from_response(
        record: &InviteRecord,
        cseq: u32,
        response: &Message,
        flow: Flow,
        lenient: bool,
    ) -> Option<Self> {
        let to = response.header("To")?;
        let remote_tag = response.tag_to().unwrap_or_default();
        let fallback = || lenient.then(|| super::invite::Text::new(&record.request).uri().to_owned());
        let remote_target = response.contact().or_else(fallback)?;
        let mut route_set = response.values("Record-Route");
        route_set.reverse();
        let from = response.header("From")?;
        let mut dialog = Self {
            call_id: record.call_id.clone(),
            local_uri: uri_of(from).to_owned(),
            local_tag: record.from_tag.clone(),
            remote_uri: uri_of(to).to_owned(),
            remote_tag: remote_tag.to_owned(),
            remote_target,
            route_set,
            local_cseq: cseq,
            remote_cseq: None,
            invite_cseq: cseq,
            target: Target { transport: record.transport, dest: record.destination, flow },
            sent_by: record.sent_by.clone(),
            contact_user: record.caller.replace('#', "%23"),
            bound: record.is_phone(),
        };
        dialog.retarget();
        Some(dialog)
    }

    /// From their INVITE, as UAS (12.1.1).
    pub(crate) fn from_request(
        request: &Message,
        local_tag: &str,
        target: Target,
        sent_by: &str,
        contact_user: &str,
        bound: bool,
    ) -> Option<Self> {
        let mut dialog = Self {
            call_id: request.call_id().to_owned(),
            local_uri: uri_of(request.header("To")?).to_owned(),
            local_tag: local_tag.to_owned(),
            remote_uri: uri_of(request.header("From")?).to_owned(),
            remote_tag: request.tag_from().unwrap_or_default().to_owned(),
            remote_target: request.contact()?,
            route_set: request.values("Record-Route"),
            local_cseq: 0,
            remote_cseq: request.cseq().map(|c| c.0),
            invite_cseq: 0,
            target,
            sent_by: sent_by.to_owned(),
            contact_user: contact_user.to_owned(),
            bound,
        };
        dialog.retarget();
        Some(dialog)
    }

    /// From what was stored. The CSeq leaves room for requests that were sent after the record was made.
    pub(crate) fn from_record(record: &DialogRecord) -> Self {
        Self {
            call_id: record.call_id.clone(),
            local_uri: record.local_uri.clone(),
            local_tag: record.local_tag.clone(),
            remote_uri: record.remote_uri.clone(),
            remote_tag: record.remote_tag.clone(),
            remote_target: record.remote_target.clone(),
            route_set: record.route_set.clone(),
            local_cseq: record.local_cseq.saturating_add(1000),
            remote_cseq: None,
            invite_cseq: record.invite_cseq,
            target: Target { transport: record.transport, dest: record.destination, flow: Flow::Any },
            sent_by: record.sent_by.clone(),
            contact_user: String::new(),
            bound: false,
        }
    }

    /// What is stored.
    pub(crate) fn record(&self, trunk: Option<&str>) -> DialogRecord {
        DialogRecord {
            version: RECORD_VERSION,
            trunk: trunk.map(str::to_owned),
            call_id: self.call_id.clone(),
            local_uri: self.local_uri.clone(),
            local_tag: self.local_tag.clone(),
            remote_uri: self.remote_uri.clone(),
            remote_tag: self.remote_tag.clone(),
            remote_target: self.remote_target.clone(),
            route_set: self.route_set.clone(),
            local_cseq: self.local_cseq,
            invite_cseq: self.invite_cseq,
            destination: self.target.dest,
            transport: self.target.transport,
            sent_by: self.sent_by.clone(),
        }
    }

    /// Where requests go: the first route, else the remote target. A stream stays on the connection that the dialog
    /// was made on; a name that would have to be looked up stays with the address that the INVITE went to.
    fn retarget(&mut self) {
        if self.bound {
            return;
        }
        let hop = self.route_set.first().map_or(self.remote_target.as_str(), |r| uri_of(r));
        let Some((host, port)) = host_of(hop) else { return };
        let Ok(ip) = host.parse::<std::net::IpAddr>() else { return };
        let port = port.unwrap_or_else(|| self.target.transport.default_port());
        if self.target.transport == Transport::Udp && !ip.is_unspecified() && port != 0 {
            self.target.dest = SocketAddr::new(ip, port);
        }
    }

    /// Target refresh (12.2): a Contact in a 2xx or in a re-INVITE or UPDATE of theirs.
    pub(crate) fn refresh_target(&mut self, message: &Message) {
        if let Some(contact) = message.contact() {
            self.remote_target = contact;
            self.retarget();
        }
    }

    /// Our Contact URI.
    pub(crate) fn contact(&self) -> String {
        let at = if self.contact_user.is_empty() { "" } else { "@" };
        format!("<sip:{}{at}{}{}>", self.contact_user, self.sent_by, transport_param(self.target.transport))
    }

    /// A new request; takes the next CSeq number.
    pub(crate) fn request(&mut self, method: &str, headers: &str, sdp: Option<&str>) -> Made {
        self.local_cseq = self.local_cseq.saturating_add(1);
        let cseq = self.local_cseq;
        let branch = branch(&self.call_id, &format!("{}{}", self.local_tag, self.remote_tag), method, cseq);
        let bytes = self.build(method, cseq, &branch, headers, sdp);
        Made { branch, bytes }
    }

    /// The ACK of the 2xx to our INVITE with number `cseq` (13.2.2.4).
    pub(crate) fn ack(&self, cseq: u32, headers: &str, sdp: Option<&str>) -> Vec<u8> {
        let branch = branch(&self.call_id, &format!("{}{}", self.local_tag, self.remote_tag), "ACK", cseq);
        self.build("ACK", cseq, &branch, headers, sdp)
    }

    fn build(&self, method: &str, cseq: u32, branch: &str, headers: &str, sdp: Option<&str>) -> Vec<u8> {
        let (uri, routes) = self.route();
        let mut out = String::with_capacity(700);
        let _ = write!(
            out,
            "{method} {uri} SIP/2.0\r\nVia: {}\r\nMax-Forwards: 70\r\n",
            via(self.target.transport.as_str(), &self.sent_by, branch)
        );
        for route in routes {
            let _ = write!(out, "Route: {route}\r\n");
        }
        let _ = write!(out, "From: <{}>;tag={}\r\nTo: <{}>", self.local_uri, self.local_tag, self.remote_uri);
        if !self.remote_tag.is_empty() {
            let _ = write!(out, ";tag={}", self.remote_tag);
        }
        let _ = write!(out, "\r\nCall-ID: {}\r\nCSeq: {cseq} {method}\r\n{headers}", self.call_id);
        finish(out, sdp)
    }

    /// Request URI and Route headers, with the rule for strict routers (12.2.1.1).
    fn route(&self) -> (String, Vec<String>) {
        let Some(first) = self.route_set.first() else { return (self.remote_target.clone(), Vec::new()) };
        let uri = uri_of(first);
        let loose = uri.split(';').skip(1).any(|p| {
            let key = p.split('=').next().unwrap_or("");
            key.trim().eq_ignore_ascii_case("lr")
        });
        if loose || !is_safe(uri) {
            return (self.remote_target.clone(), self.route_set.clone());
        }
        let mut routes: Vec<String> = self.route_set[1..].to_vec();
        routes.push(format!("<{}>", self.remote_target));
        (uri.to_owned(), routes)
    }

    /// Whether a request of theirs belongs here: the tags must match (an empty stored tag matches any, RFC 2543).
    pub(crate) fn owns(&self, request: &Message) -> bool {
        self.remote_tag.is_empty() || request.tag_from() == Some(self.remote_tag.as_str())
    }

    /// Takes the CSeq number of their request; false where it is not higher than the last (12.2.2).
    pub(crate) fn advance(&mut self, cseq: u32) -> bool {
        let in_order = self.remote_cseq.is_none_or(|last| cseq > last);
        if in_order {
            self.remote_cseq = Some(cseq);
        }
        in_order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialog(routes: &[&str]) -> Dialog {
        let mut d = Dialog {
            call_id: "c".into(),
            local_uri: "sip:us@a".into(),
            local_tag: "l".into(),
            remote_uri: "sip:them@b".into(),
            remote_tag: "r".into(),
            remote_target: "sip:them@192.0.2.7:5090;x=y".into(),
            route_set: routes.iter().map(|r| (*r).to_owned()).collect(),
            local_cseq: 3,
            remote_cseq: None,
            invite_cseq: 1,
            target: Target {
                transport: Transport::Udp,
                dest: "192.0.2.1:5060".parse().expect("addr"),
                flow: Flow::Any,
            },
            sent_by: "198.51.100.1:5060".into(),
            contact_user: "us".into(),
            bound: false,
        };
        d.retarget();
        d
    }

    fn made(d: &mut Dialog) -> Message {
        Message::parse(&d.request("BYE", "", None).bytes).expect("parse")
    }

    #[test]
    fn without_routes_requests_go_to_the_remote_target() {
        let mut d = dialog(&[]);
        let m = made(&mut d);
        assert_eq!(d.target.dest.to_string(), "192.0.2.7:5090");
        assert!(
            matches!(&m.start, super::super::message::Start::Request { uri, .. } if uri == "sip:them@192.0.2.7:5090;x=y")
        );
        assert_eq!((m.cseq().map(|c| c.0), m.tag_to(), m.tag_from()), (Some(4), Some("r"), Some("l")));
        assert_eq!(made(&mut d).cseq().map(|c| c.0), Some(5));
    }

    #[test]
    fn loose_routes_stay_headers_and_a_strict_one_takes_the_uri() {
        let mut d = dialog(&["<sip:192.0.2.3:5061;lr>", "<sip:p2;lr>"]);
        assert_eq!(d.target.dest.to_string(), "192.0.2.3:5061");
        let m = made(&mut d);
        assert_eq!(m.values("Route"), ["<sip:192.0.2.3:5061;lr>", "<sip:p2;lr>"]);
        let mut d = dialog(&["<sip:192.0.2.3>", "<sip:p2;lr>"]);
        let m = made(&mut d);
        assert!(
            matches!(&m.start, super::super::message::Start::Request { uri, .. } if uri == "sip:192.0.2.3")
        );
        assert_eq!(m.values("Route"), ["<sip:p2;lr>", "<sip:them@192.0.2.7:5090;x=y>"]);
    }

    #[test]
    fn a_stored_dialog_makes_the_same_kind_of_bye_with_a_higher_number() {
        let d = dialog(&["<sip:192.0.2.3:5061;lr>"]);
        let mut again = Dialog::from_record(&d.record(Some("t")));
        let m = made(&mut again);
        assert!(m.cseq().expect("cseq").0 > 1000);
        assert_eq!((m.call_id(), m.tag_to(), m.tag_from()), ("c", Some("r"), Some("l")));
        assert_eq!(again.target.dest, d.target.dest);
    }

    #[test]
    fn their_numbers_must_rise() {
        let mut d = dialog(&[]);
        assert!(d.advance(5) && !d.advance(5) && !d.advance(4) && d.advance(6));
    }
}
