//! sipp, with scenarios of our own in `tests/interop`.
//!
//! A scenario is sipp's XML with a few lines of shorthand between `@`, so that a file shows what happens and not the
//! same twenty headers again:
//!
//! | shorthand | becomes |
//! |---|---|
//! | `@reply 180 Ringing@` | a response to the INVITE, with our tag and Contact |
//! | `@answer 200 OK@` | a response to the last request inside the call (or to a CANCEL) |
//! | `@take@` | remembers the caller's From, To and Contact of a received INVITE |
//! | `@request BYE 1@` | a request of ours inside the call, with this CSeq |
//! | `@invite@` | an INVITE of ours to the service, without Contact and body |
//! | `@empty@` | the end of a message without a body |
//! | `@sdp sendrecv@` | a body with one audio stream; a second word is the connection address |
//!
//! The exit code of sipp is the verdict of its side: an unexpected message, a missing one, or a failed check ends it
//! with another code than 0.

use super::{Peer, Stage, free_ports, wait_port};
use anyhow::bail;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A sipp that plays one scenario.
pub struct Sipp {
    peer: Peer,
    /// Where it listens.
    pub address: SocketAddr,
    messages: PathBuf,
}

/// How a scenario is played.
#[derive(Clone, Debug)]
pub struct Play {
    /// Calls after which it ends.
    pub calls: u32,
    /// `u1` UDP, `t1` one TCP connection.
    pub transport: &'static str,
    /// Further arguments of sipp.
    pub arguments: Vec<String>,
    /// After so many seconds it gives up.
    pub seconds: u32,
}

impl Default for Play {
    fn default() -> Self {
        Play { calls: 1, transport: "u1", arguments: Vec::new(), seconds: 40 }
    }
}

impl Sipp {
    /// Plays `tests/interop/sipp/NAME.xml` as the side that is called.
    pub fn carrier(stage: &Stage, name: &str, play: &Play) -> anyhow::Result<Sipp> {
        let sipp = Sipp::start(stage, "sipp", name, play, &[])?;
        let transport = if play.transport.starts_with('t') { "tcp" } else { "udp" };
        wait_port(transport, sipp.address.port(), Duration::from_secs(20))?;
        Ok(sipp)
    }

    /// Plays `tests/interop/callers/NAME.xml` as a caller of `number` at `server`.
    pub fn caller(stage: &Stage, name: &str, server: SocketAddr, number: &str) -> anyhow::Result<Sipp> {
        let more = ["-s".to_owned(), number.to_owned(), server.to_string()];
        Sipp::start(stage, "callers", name, &Play::default(), &more)
    }

    fn start(stage: &Stage, kind: &str, name: &str, play: &Play, more: &[String]) -> anyhow::Result<Sipp> {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(kind).join(format!("{name}.xml"));
        let text = expand(&std::fs::read_to_string(&source)?);
        let (sip, rtp) = (free_ports(), free_ports());
        let room = stage.room(&format!("{kind}-{name}-{sip}"))?;
        std::fs::write(room.join("scenario.xml"), text)?;
        let mut arguments: Vec<String> = format!(
            "-sf scenario.xml -i 127.0.0.1 -p {sip} -min_rtp_port {rtp} -max_rtp_port {} -m {} -t {} -nostdin -timeout {} \
             -timeout_error -trace_err -error_file errors.log -trace_msg -message_file messages.log -recv_timeout 30000",
            rtp + 2,
            play.calls,
            play.transport,
            play.seconds
        )
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
        arguments.extend(play.arguments.iter().cloned());
        arguments.extend(more.iter().cloned());
        let peer = Peer::start("sipp", "sip-tester", &room, &arguments)?;
        let address = SocketAddr::from(([127, 0, 0, 1], sip));
        Ok(Sipp { peer, address, messages: room.join("messages.log") })
    }

    /// Waits for the end of the scenario; an error where its side did not see what it should.
    pub async fn finish(&mut self) -> anyhow::Result<()> {
        let status = self.peer.finish(Duration::from_secs(100)).await?;
        if status.code() == Some(0) {
            return Ok(());
        }
        bail!("sipp ended with {status}: its side did not see what the scenario says")
    }

    /// All messages that it sent and received, with sipp's lines between them.
    pub fn messages(&self) -> String {
        std::fs::read(&self.messages).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default()
    }

    /// Requests of one method that it received.
    pub fn received(&self, method: &str) -> Vec<String> {
        let all = self.messages();
        let mut out = Vec::new();
        for part in all.split("message received").skip(1) {
            let text = part.split_once("\n\n").map_or(part, |(_, t)| t);
            let text = text.split("-----------------------------------------------").next().unwrap_or(text);
            if text.starts_with(&format!("{method} ")) {
                out.push(text.trim_end().to_owned());
            }
        }
        out
    }
}

/// Puts the shorthand of the module's table into full.
fn expand(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim();
        let short = line.strip_prefix('@').and_then(|l| l.strip_suffix('@'));
        match short.map(|s| s.split_once(' ').unwrap_or((s, ""))) {
            Some((word, rest)) => out.push_str(&full(word, rest)),
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn full(word: &str, rest: &str) -> String {
    const CONTACT: &str = "Contact: <sip:carrier@[local_ip]:[local_port];transport=[transport]>";
    let mut words = rest.split(' ');
    let first = words.next().unwrap_or_default();
    match word {
        "reply" => format!(
            "SIP/2.0 {rest}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:];tag=sipp[call_number]\n[last_Call-ID:]\nCSeq: [last_cseq_number] INVITE\n{CONTACT}"
        ),
        "answer" => format!(
            "SIP/2.0 {rest}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{CONTACT}"
        ),
        "take" => "<action>\n<ereg regexp=\".*\" search_in=\"hdr\" header=\"From:\" assign_to=\"1\"/>\n\
                   <ereg regexp=\".*\" search_in=\"hdr\" header=\"To:\" assign_to=\"2\"/>\n\
                   <ereg regexp=\"sip:[^>]*\" search_in=\"hdr\" header=\"Contact:\" assign_to=\"3\"/>\n</action>"
            .into(),
        "request" => {
            let cseq = words.next().unwrap_or("1");
            format!(
                "{first} [$3] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nFrom:[$2];tag=sipp[call_number]\n\
                 To:[$1]\n[last_Call-ID:]\nCSeq: {cseq} {first}\nMax-Forwards: 70\n{CONTACT}"
            )
        }
        "invite" => "INVITE sip:[service]@[remote_ip]:[remote_port] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\n\
                     From: <sip:+8613800000000@[local_ip]:[local_port]>;tag=[pid]x[call_number]\nTo: <sip:[service]@[remote_ip]:[remote_port]>\n\
                     Call-ID: [call_id]\nCSeq: 1 INVITE\nMax-Forwards: 70"
            .into(),
        "empty" => "Content-Length: 0\n".into(),
        "sdp" => {
            let address = words.next().unwrap_or("[media_ip]");
            format!(
                "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=sipp 5{} 1 IN IP[local_ip_type] [local_ip]\ns=-\n\
                 c=IN IP4 {address}\nt=0 0\nm=audio [media_port] RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\na=rtpmap:101 telephone-event/8000\na={first}",
                rest.len()
            )
        }
        other => format!("unknown shorthand {other}"),
    }
}
