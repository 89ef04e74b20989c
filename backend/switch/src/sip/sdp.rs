//! Session descriptions (RFC 4566) for one audio stream, offer and answer (RFC 3264).
//!
//! Offers are made once, at the draft, and are part of the stored INVITE: they hold no clock and no randomness, only
//! the address, the port and a session id that the caller derives.

use std::fmt::Write as _;
use std::net::{IpAddr, SocketAddr};

use crate::media::Codec;

/// Payload type that we offer for telephone events.
pub(crate) const EVENT_PT: u8 = 101;

/// Which way sound may flow, seen from the one who says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    SendRecv,
    SendOnly,
    RecvOnly,
    Inactive,
}

impl Direction {
    fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// What the other side may answer at most.
    pub(crate) fn mirrored(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            other => other,
        }
    }

    /// Whether the one who says it sends.
    pub(crate) fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the one who says it listens.
    pub(crate) fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// The audio stream of a received description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Remote {
    /// Where RTP goes. Port 0 means the stream was refused.
    pub(crate) addr: SocketAddr,
    /// Codecs we can speak, in their order, with the payload type they use for each.
    pub(crate) codecs: Vec<(Codec, u8)>,
    /// Payload type of telephone events at 8 kHz.
    pub(crate) event_pt: Option<u8>,
    pub(crate) direction: Direction,
    /// RTP and RTCP on one port (RFC 5761).
    pub(crate) rtcp_mux: bool,
    /// Where RTCP goes, where said (RFC 3605).
    pub(crate) rtcp_port: Option<u16>,
    /// The `m=` lines in order, for an answer that must refuse all but the audio.
    lines: Vec<String>,
    audio_line: usize,
}

/// Our side of a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Local<'a> {
    pub(crate) ip: IpAddr,
    pub(crate) port: u16,
    pub(crate) session: u64,
    pub(crate) version: u64,
    pub(crate) direction: Direction,
    /// Codecs with payload types.
    pub(crate) codecs: &'a [(Codec, u8)],
    pub(crate) event_pt: Option<u8>,
}

impl Local<'_> {
    /// An offer with one audio stream.
    pub(crate) fn offer(&self) -> String {
        let mut out = self.session_part();
        self.audio_part(&mut out);
        out
    }

    /// An answer to `offer`: same number of streams, all but its audio refused.
    pub(crate) fn answer(&self, offer: &Remote) -> String {
        let mut out = self.session_part();
        for (i, line) in offer.lines.iter().enumerate() {
            if i == offer.audio_line {
                self.audio_part(&mut out);
            } else {
                let mut words = line.split_ascii_whitespace();
                let (kind, _, proto) = (words.next(), words.next(), words.next());
                let format = words.next().unwrap_or("0");
                let (kind, proto) = (kind.unwrap_or("application"), proto.unwrap_or("RTP/AVP"));
                let _ = write!(out, "m={kind} 0 {proto} {format}\r\n");
            }
        }
        out
    }

    fn session_part(&self) -> String {
        let mut out = String::with_capacity(320);
        let family = if self.ip.is_ipv4() { "IP4" } else { "IP6" };
        let _ = write!(
            out,
            "v=0\r\no=- {} {} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n",
            self.session,
            self.version,
            ip = self.ip
        );
        out
    }

    fn audio_part(&self, out: &mut String) {
        let _ = write!(out, "m=audio {} RTP/AVP", self.port);
        for (_, pt) in self.codecs {
            let _ = write!(out, " {pt}");
        }
        if let Some(pt) = self.event_pt {
            let _ = write!(out, " {pt}");
        }
        out.push_str("\r\n");
        for (codec, pt) in self.codecs {
            let _ = write!(out, "a=rtpmap:{pt} {}/8000\r\n", codec.name());
        }
        if let Some(pt) = self.event_pt {
            let _ = write!(out, "a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-15\r\n");
        }
        let _ = write!(out, "a=ptime:20\r\na={}\r\n", self.direction.name());
    }
}

/// Most streams of a description. Each gets a line in our answer, however short its own was.
const MAX_STREAMS: usize = 32;

/// Reads a description. The error says what is wrong.
pub(crate) fn parse(text: &str) -> Result<Remote, &'static str> {
    if text.len() > 16_384 {
        return Err("description too long");
    }
    let mut session_ip = None;
    let mut session_direction = None;
    let mut streams: Vec<Vec<&str>> = Vec::new();
    let mut lines = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let Some((kind, value)) = line.split_once('=') else { continue };
        if kind == "m" {
            if lines.len() == MAX_STREAMS {
                return Err("too many streams");
            }
            if value.chars().any(char::is_control) {
                return Err("control character in a media line");
            }
            lines.push(value.to_owned());
            streams.push(Vec::new());
        } else if let Some(stream) = streams.last_mut() {
            stream.push(line);
        } else if kind == "c" {
            session_ip = parse_connection(value);
        } else if kind == "a" {
            session_direction = parse_direction(value).or(session_direction);
        }
    }
    let is_audio = |l: &String| {
        let mut words = l.split_ascii_whitespace();
        words.next() == Some("audio")
            && words.next().is_some()
            && matches!(words.next(), Some("RTP/AVP" | "RTP/AVPF"))
    };
    // A refused stream (port 0) is taken only where there is no other.
    let usable = |l: &String| is_audio(l) && l.split_ascii_whitespace().nth(1) != Some("0");
    let audio_line =
        lines.iter().position(usable).or_else(|| lines.iter().position(is_audio)).ok_or("no RTP audio")?;
    let mut words = lines[audio_line].split_ascii_whitespace().skip(1);
    let port = words.next().and_then(|p| p.split('/').next()).and_then(|p| p.parse::<u16>().ok());
    let port = port.ok_or("audio port is no number")?;
    let formats: Vec<u8> = words.skip(1).filter_map(|w| w.parse().ok()).filter(|pt| *pt < 128).collect();

    let stream = &streams[audio_line];
    let ip = stream.iter().find_map(|l| parse_connection(l.strip_prefix("c=")?)).or(session_ip);
    let ip = ip.ok_or("no connection address")?;
    let mut remote = Remote {
        addr: SocketAddr::new(ip, port),
        codecs: Vec::new(),
        event_pt: None,
        direction: session_direction.unwrap_or(Direction::SendRecv),
        rtcp_mux: false,
        rtcp_port: None,
        lines: Vec::new(),
        audio_line,
    };
    let mut maps: Vec<(u8, String)> = Vec::new();
    for value in stream.iter().filter_map(|l| l.strip_prefix("a=")) {
        if let Some(d) = parse_direction(value) {
            remote.direction = d;
        } else if let Some(map) = value.strip_prefix("rtpmap:") {
            if let Some((pt, name)) = map.split_once(' ')
                && let Ok(pt) = pt.trim().parse()
            {
                maps.push((pt, name.trim().to_ascii_lowercase()));
            }
        } else if value == "rtcp-mux" {
            remote.rtcp_mux = true;
        } else if let Some(rtcp) = value.strip_prefix("rtcp:") {
            remote.rtcp_port = rtcp.split_ascii_whitespace().next().and_then(|p| p.parse().ok());
        }
    }
    for pt in formats {
        let name = maps.iter().find(|(p, _)| *p == pt).map(|(_, n)| n.as_str());
        let codec = match (name, pt) {
            (Some("pcma/8000" | "pcma/8000/1"), _) | (None, 8) => Some(Codec::Pcma),
            (Some("pcmu/8000" | "pcmu/8000/1"), _) | (None, 0) => Some(Codec::Pcmu),
            _ => None,
        };
        match (codec, name) {
            (Some(codec), _) => remote.codecs.push((codec, pt)),
            (None, Some("telephone-event/8000" | "telephone-event/8000/1")) => {
                remote.event_pt = remote.event_pt.or(Some(pt));
            }
            _ => {}
        }
    }
    // The old way to hold (RFC 2543): the connection address is unspecified.
    if ip.is_unspecified() {
        remote.direction =
            if remote.direction.receives() { Direction::SendOnly } else { Direction::Inactive };
    }
    remote.lines = lines;
    Ok(remote)
}

fn parse_connection(value: &str) -> Option<IpAddr> {
    let mut words = value.split_ascii_whitespace();
    if words.next() != Some("IN") || !matches!(words.next(), Some("IP4" | "IP6")) {
        return None;
    }
    words.next()?.split('/').next()?.parse().ok()
}

fn parse_direction(value: &str) -> Option<Direction> {
    Some(match value.trim() {
        "sendrecv" => Direction::SendRecv,
        "sendonly" => Direction::SendOnly,
        "recvonly" => Direction::RecvOnly,
        "inactive" => Direction::Inactive,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(codecs: &[(Codec, u8)]) -> Local<'_> {
        Local {
            ip: IpAddr::from([192, 0, 2, 1]),
            port: 20_000,
            session: 5,
            version: 1,
            direction: Direction::SendRecv,
            codecs,
            event_pt: Some(EVENT_PT),
        }
    }

    #[test]
    fn an_offer_reads_back() {
        let codecs = [(Codec::Pcma, 8), (Codec::Pcmu, 0)];
        let r = parse(&local(&codecs).offer()).expect("parse");
        assert_eq!(r.addr.to_string(), "192.0.2.1:20000");
        assert_eq!(r.codecs, codecs);
        assert_eq!((r.event_pt, r.direction, r.rtcp_mux), (Some(101), Direction::SendRecv, false));
    }

    #[test]
    fn dynamic_payload_types_and_a_video_stream() {
        let offer = "v=0\r\no=- 1 1 IN IP4 1.2.3.4\r\ns=-\r\nc=IN IP4 198.51.100.7\r\na=sendonly\r\nt=0 0\r\n\
            m=video 6000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\nm=audio 4000/2 RTP/AVP 18 110 97 0\r\n\
            a=rtpmap:110 PCMA/8000\r\na=rtpmap:97 telephone-event/8000\r\na=rtcp:4009\r\n";
        let r = parse(offer).expect("parse");
        assert_eq!(r.addr.to_string(), "198.51.100.7:4000");
        assert_eq!(r.codecs, [(Codec::Pcma, 110), (Codec::Pcmu, 0)]);
        assert_eq!((r.event_pt, r.direction, r.rtcp_port), (Some(97), Direction::SendOnly, Some(4009)));
        let answer = local(&[(Codec::Pcma, 110)]).answer(&r);
        let at_video = answer.find("m=video 0 RTP/AVP 96\r\n").expect("video refused");
        assert!(at_video < answer.find("m=audio 20000 RTP/AVP 110 101\r\n").expect("audio"));
    }

    #[test]
    fn an_unspecified_address_is_a_hold() {
        let r = parse("v=0\r\nc=IN IP4 0.0.0.0\r\nm=audio 4000 RTP/AVP 8\r\n").expect("parse");
        assert_eq!(r.direction, Direction::SendOnly);
    }

    #[test]
    fn broken_descriptions_are_errors() {
        for text in [
            "",
            "v=0",
            "m=audio x RTP/AVP 0\r\nc=IN IP4 1.1.1.1",
            "m=audio 1 RTP/AVP 0\r\n",
            "m=audio 1 UDP 0",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[a-z=0-9 :/\r\n.]{0,300}") {
            let _ = parse(&text);
        }
    }
}
