//! SDP (RFC 8866) as far as one audio stream with G.711 and telephone events needs it.

use std::net::{IpAddr, SocketAddr};

use super::message::Message;

/// What the far side offers or answers for audio.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Session {
    /// Where it wants RTP; `None` for port 0 or an unreadable address.
    pub(crate) rtp: Option<SocketAddr>,
    /// Payload types in order of preference.
    pub(crate) formats: Vec<u8>,
    /// Payload type of `telephone-event/8000`.
    pub(crate) events: Option<u8>,
    /// `sendrecv`, `sendonly`, `recvonly` or `inactive`.
    pub(crate) direction: String,
}

impl Session {
    /// Reads the audio part of the body of `message`.
    pub(crate) fn of(message: &Message) -> Option<Self> {
        if message.body.is_empty() {
            return None;
        }
        Self::parse(&String::from_utf8_lossy(&message.body))
    }

    /// Reads the audio part; `None` where there is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (mut common, mut own, mut port) = (None::<IpAddr>, None::<IpAddr>, None::<u16>);
        let (mut formats, mut events, mut in_audio, mut seen) = (Vec::new(), None, false, false);
        let (mut direction, mut session_direction) = (None::<String>, None::<String>);
        let mut in_media = false;
        for line in text.lines() {
            let line = line.trim_end();
            let Some((kind, value)) = line.split_once('=') else { continue };
            match kind {
                "c" => {
                    let ip = value.split_whitespace().nth(2).and_then(|a| a.split('/').next()?.parse().ok());
                    if in_audio {
                        own = ip;
                    } else if !in_media {
                        common = ip;
                    }
                }
                "m" => {
                    in_media = true;
                    in_audio = value.starts_with("audio ") && !seen;
                    if in_audio {
                        seen = true;
                        let mut words = value.split_whitespace().skip(1);
                        port = words.next().and_then(|p| p.split('/').next()?.parse().ok());
                        formats = words.skip(1).filter_map(|w| w.parse().ok()).collect();
                    }
                }
                "a" if in_audio || !in_media => {
                    if matches!(value, "sendrecv" | "sendonly" | "recvonly" | "inactive") {
                        if in_audio { &mut direction } else { &mut session_direction }
                            .replace(value.to_owned());
                    } else if let Some(map) = value.strip_prefix("rtpmap:") {
                        let mut words = map.split_whitespace();
                        let pt = words.next().and_then(|p| p.parse().ok());
                        let name = words.next().unwrap_or_default().to_ascii_lowercase();
                        if name.starts_with("telephone-event/8000") {
                            events = pt;
                        }
                    }
                }
                _ => {}
            }
        }
        if !seen {
            return None;
        }
        let rtp = match (own.or(common), port) {
            (Some(ip), Some(port)) if port != 0 => Some(SocketAddr::new(ip, port)),
            _ => None,
        };
        let direction = direction.or(session_direction).unwrap_or_else(|| "sendrecv".to_owned());
        Some(Self { rtp, formats, events, direction })
    }

    /// The G.711 payload type to use: `prefer` (0 µ-law, 8 A-law) where offered, else the first of the two offered.
    pub(crate) fn codec(&self, prefer: Option<u8>) -> Option<u8> {
        prefer
            .filter(|p| self.formats.contains(p))
            .or_else(|| self.formats.iter().copied().find(|f| matches!(f, 0 | 8)))
    }
}

/// The direction that answers `offered`.
pub(crate) fn answer_direction(offered: &str) -> &'static str {
    match offered {
        "sendonly" => "recvonly",
        "recvonly" => "sendonly",
        "inactive" => "inactive",
        _ => "sendrecv",
    }
}

/// Writes a session: `payloads` are G.711 types, `events` the telephone-event type.
pub(crate) fn write(
    at: SocketAddr,
    id: u64,
    version: u32,
    payloads: &[u8],
    events: Option<u8>,
    direction: &str,
) -> String {
    use std::fmt::Write as _;
    let family = if at.is_ipv4() { "IP4" } else { "IP6" };
    let (ip, port) = (at.ip(), at.port());
    let mut list = String::new();
    let mut maps = String::new();
    for pt in payloads {
        let _ = write!(list, " {pt}");
        let name = if *pt == 8 { "PCMA" } else { "PCMU" };
        let _ = write!(maps, "a=rtpmap:{pt} {name}/8000\r\n");
    }
    if let Some(pt) = events {
        let _ = write!(list, " {pt}");
        let _ = write!(maps, "a=rtpmap:{pt} telephone-event/8000\r\na=fmtp:{pt} 0-16\r\n");
    }
    format!(
        "v=0\r\no=carrier {id} {version} IN {family} {ip}\r\ns=-\r\nc=IN {family} {ip}\r\nt=0 0\r\n\
         m=audio {port} RTP/AVP{list}\r\n{maps}a=ptime:20\r\na={direction}\r\n"
    )
}
