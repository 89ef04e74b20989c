//! sipp, with scenarios of our own in `tests/interop`.
//!
//! A scenario is sipp's XML with a few lines of shorthand between `@`, so that a file shows what happens and not the
//! same twenty headers again:
//!
//! | shorthand | becomes |
//! |---|---|
//! | `@reply 180 Ringing@` | a response to the INVITE, with our tag and Contact |
//! | `@answer 200 OK@` | a response to the last request inside the call (or to a CANCEL) |
//! | `@take@` | remembers From, To, Contact and Via of a received INVITE |
//! | `@late TAG 200 OK@` | a response to the INVITE that was taken, after other requests came; TAG tells forks apart |
//! | `@request BYE 1@` | a request of ours inside the call that was taken, with this CSeq |
//! | `@call INVITE URI 1@` | a request of ours that begins a call, or one inside it without a tag of theirs |
//! | `@contact@` | our Contact |
//! | `@empty@` | the end of a message without a body |
//! | `@sdp sendrecv@` | a body with one audio stream; further words are version, address, port |
//!
//! Words between `%` are put in by the test.
//!
//! The exit code of sipp is the verdict of its side: an unexpected message, a missing one, or a failed check ends it
//! with another code than 0.

use super::{Peer, Stage, free_ports};
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
    /// After so many seconds it gives up.
    pub seconds: u32,
}

impl Default for Play {
    fn default() -> Self {
        Play { calls: 1, transport: "u1", seconds: 40 }
    }
}

impl Sipp {
    /// Plays `tests/interop/sipp/NAME.xml` as the side that is called.
    pub fn carrier(stage: &Stage, name: &str, play: &Play) -> anyhow::Result<Sipp> {
        let mut sipp = Sipp::start(stage, "sipp", name, play, &[], &[])?;
        let transport = if play.transport.starts_with('t') { "tcp" } else { "udp" };
        sipp.peer.wait_port(transport, sipp.address.port(), Duration::from_secs(20))?;
        Ok(sipp)
    }

    /// Plays `tests/interop/callers/NAME.xml` as a caller of `number` at `server`; `words` are what stands for each
    /// `%WORD%` in it. A line that is only a word without a meaning is left out.
    pub fn caller(
        stage: &Stage,
        name: &str,
        play: &Play,
        (number, server): (&str, SocketAddr),
        words: &[(&str, &str)],
    ) -> anyhow::Result<Sipp> {
        let more = ["-s".to_owned(), number.to_owned(), server.to_string()];
        Sipp::start(stage, "callers", name, play, &more, words)
    }

    fn start(
        stage: &Stage,
        kind: &str,
        name: &str,
        play: &Play,
        more: &[String],
        words: &[(&str, &str)],
    ) -> anyhow::Result<Sipp> {
        let source =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("interop").join(kind).join(format!("{name}.xml"));
        let mut text = std::fs::read_to_string(&source)?;
        for (word, meaning) in words {
            let word = format!("%{word}%");
            if meaning.is_empty() {
                // an empty line would end the headers
                let lines = text.lines().filter(|l| l.trim() != word);
                text = lines.flat_map(|l| [l, "\n"]).collect();
            }
            text = text.replace(&word, meaning);
        }
        let text = expand(&text);
        let (sip, rtp) = (free_ports(), free_ports());
        let room = stage.room(&format!("{kind}-{name}-{sip}"))?;
        std::fs::write(room.join("scenario.xml"), text)?;
        let mut arguments: Vec<String> = format!(
            "-sf scenario.xml -i 127.0.0.1 -p {sip} -mi 127.0.0.1 -mp {rtp} -m {} -t {} -nostdin -timeout {} \
             -timeout_error -trace_err -error_file errors.log -trace_msg -message_file messages.log -recv_timeout 30000",
            play.calls,
            play.transport,
            play.seconds
        )
        .split_ascii_whitespace()
        .map(str::to_owned)
        .collect();
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

impl Drop for Sipp {
    /// A test that fails shows what sipp did not expect, and what it saw last.
    fn drop(&mut self) {
        if !std::thread::panicking() {
            return;
        }
        if let Ok(errors) = std::fs::read(self.messages.with_file_name("errors.log")) {
            eprintln!("sipp says:\n{}", String::from_utf8_lossy(&errors));
        }
        let messages = self.messages();
        let lines: Vec<&str> = messages.lines().collect();
        eprintln!("sipp's last messages:\n{}", lines[lines.len().saturating_sub(60)..].join("\n"));
    }
}

/// Puts the shorthand of the module's table into full.
fn expand(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let line = line.trim();
        if line == "</scenario>" && text.contains("@take@") {
            out.push_str("<Reference variables=\"1,2,3,4\"/>\n");
        }
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
    const CONTACT: &str = "Contact: <sip:sipp@[local_ip]:[local_port];transport=[transport]>";
    let (first, others) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut words = others.split(' ').filter(|w| !w.is_empty());
    match word {
        "reply" => format!(
            "SIP/2.0 {rest}\n[last_Via:]\n[last_Record-Route:]\n[last_From:]\n[last_To:];tag=sipp[call_number]\n[last_Call-ID:]\n\
             CSeq: [last_cseq_number] INVITE\n{CONTACT}"
        ),
        "late" => format!(
            "SIP/2.0 {others}\nVia:[$4]\nFrom:[$1]\nTo:[$2];tag={first}[call_number]\n[last_Call-ID:]\nCSeq: 1 INVITE\n{CONTACT}"
        ),
        "answer" => format!(
            "SIP/2.0 {rest}\n[last_Via:]\n[last_From:]\n[last_To:]\n[last_Call-ID:]\n[last_CSeq:]\n{CONTACT}"
        ),
        "take" => [("1", "From"), ("2", "To"), ("3", "Contact"), ("4", "Via")]
            .iter()
            .map(|(n, header)| {
                let wanted = if *header == "Contact" { "sip:[^>]*" } else { ".*" };
                format!(
                    "<ereg regexp=\"{wanted}\" search_in=\"hdr\" header=\"{header}:\" check_it=\"true\" assign_to=\"{n}\"/>\n"
                )
            })
            .collect(),
        "request" => {
            let cseq = words.next().unwrap_or("1");
            format!(
                "{first} [$3] SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];branch=[branch]\nFrom:[$2];tag=sipp[call_number]\n\
                 To:[$1]\n[last_Call-ID:]\nCSeq: {cseq} {first}\nMax-Forwards: 70\n{CONTACT}"
            )
        }
        "call" => {
            let uri = words.next().unwrap_or("sip:[service]@[remote_ip]:[remote_port]");
            let cseq = words.next().unwrap_or("1");
            let branch = words.next().unwrap_or("[branch]");
            format!(
                "{first} {uri} SIP/2.0\nVia: SIP/2.0/[transport] [local_ip]:[local_port];rport;branch={branch}\n\
                 From: <sip:+8613800000000@[local_ip]:[local_port]>;tag=[pid]x[call_number]\nCall-ID: [call_id]\n\
                 CSeq: {cseq} {first}"
            )
        }
        "contact" => CONTACT.into(),
        "empty" => "Content-Length: 0\n".into(),
        "sdp" => {
            let version = words.next().unwrap_or("1");
            let address = words.next().unwrap_or("[media_ip]");
            let port = words.next().unwrap_or("[media_port]");
            format!(
                "Content-Type: application/sdp\nContent-Length: [len]\n\nv=0\no=sipp 53 {version} IN IP4 [local_ip]\ns=-\n\
                 c=IN IP4 {address}\nt=0 0\nm=audio {port} RTP/AVP 8 101\na=rtpmap:8 PCMA/8000\n\
                 a=rtpmap:101 telephone-event/8000\na={first}"
            )
        }
        other => format!("unknown shorthand {other}"),
    }
}
