//! baresip: a telephone of somebody else, whose microphone and loudspeaker are files.
//!
//! What it hears goes to a WAV file, which is whole once the call has ended. It is told what to do (accept, press a key,
//! hang up, dial) over its control port, one netstring with JSON a command.

use super::{Peer, Stage, free_ports, sound};
use anyhow::Context;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A running telephone.
pub struct Baresip {
    peer: Peer,
    /// Where it listens for SIP, by UDP and TCP.
    pub sip: SocketAddr,
    /// Where it listens for SIP by TLS.
    pub tls: SocketAddr,
    control: u16,
    room: PathBuf,
}

/// What kind of telephone.
#[derive(Clone, Debug)]
pub struct Phone<'a> {
    /// User part of its address: the number that the trunk sends.
    pub number: &'a str,
    /// Answers by itself as soon as it rings.
    pub answers: bool,
    /// `udp`, `tcp` or `tls`: how its requests inside a call and its own calls travel.
    pub transport: &'a str,
    /// Certificate and key in one PEM file, for TLS.
    pub certificate: Option<&'a Path>,
    /// Ports from [`free_ports`], where they must be known before it starts.
    pub port: Option<u16>,
}

/// A telephone that registers.
#[derive(Clone, Debug)]
pub struct Desk<'a> {
    /// User name.
    pub user: &'a str,
    /// Password.
    pub secret: &'a str,
    /// Where the registrar listens.
    pub server: SocketAddr,
    /// `udp`, `tcp` or `tls`.
    pub transport: &'a str,
    /// Answers by itself as soon as it rings.
    pub answers: bool,
    /// Certificates that it trusts, for TLS.
    pub trusts: Option<&'a Path>,
    /// Seconds that it asks to be registered for.
    pub seconds: u32,
}

impl Baresip {
    /// Starts one and waits until it listens.
    pub fn start(stage: &Stage, phone: &Phone<'_>) -> anyhow::Result<Baresip> {
        let port = phone.port.unwrap_or_else(free_ports);
        let certificate =
            phone.certificate.map(|c| format!("sip_certificate {}", c.display())).unwrap_or_default();
        Self::begin(stage, port, &certificate, |template| {
            template
                .replace("@NUMBER@", phone.number)
                .replace("@TRANSPORT@", phone.transport)
                .replace("@ANSWER@", if phone.answers { "auto" } else { "manual" })
        })
    }

    fn begin(
        stage: &Stage,
        port: u16,
        certificate: &str,
        account: impl FnOnce(String) -> String,
    ) -> anyhow::Result<Baresip> {
        let (control, rtp) = (free_ports(), free_ports());
        let room = stage.room(&format!("baresip-{port}"))?;
        let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("interop/baresip");
        let fill = |text: String| {
            text.replace("@SIP@", &port.to_string())
                .replace("@CONTROL@", &control.to_string())
                .replace("@RTP@", &rtp.to_string())
                .replace("@RTP_LAST@", &(rtp + 3).to_string())
                .replace("@CERTIFICATE@", certificate)
                .replace("@MODULES@", &modules())
                .replace("@FOLDER@", &room.display().to_string())
        };
        std::fs::write(room.join("config"), fill(std::fs::read_to_string(template.join("config"))?))?;
        std::fs::write(room.join("accounts"), account(std::fs::read_to_string(template.join("accounts"))?))?;
        std::fs::write(room.join("contacts"), "")?;
        sound::write_wav(&room.join("says.wav"), &sound::noise(u64::from(port), 8_000 * 20))?;
        let arguments = ["-f".to_owned(), room.display().to_string(), "-v".into(), "-s".into()];
        let mut peer = Peer::start("baresip", "baresip-core", &room, &arguments)?;
        let patience = Duration::from_secs(20);
        peer.wait_port("udp", port, patience)?;
        peer.wait_port("tcp", control, patience)?;
        let sip = SocketAddr::from(([127, 0, 0, 1], port));
        let tls = SocketAddr::from(([127, 0, 0, 1], port + 1));
        Ok(Baresip { peer, sip, tls, control, room })
    }

    /// Starts one that registers, and waits until it listens.
    pub fn register(stage: &Stage, desk: &Desk<'_>) -> anyhow::Result<Baresip> {
        let account = format!(
            "<sip:{}@{};transport={}>;auth_pass={};regint={};answermode={};audio_codecs=PCMA/8000/1,PCMU/8000/1;\
             ptime=20;dtmfmode=rtpevent\n",
            desk.user,
            desk.server,
            desk.transport,
            desk.secret,
            desk.seconds,
            if desk.answers { "auto" } else { "manual" }
        );
        let trust = desk.trusts.map(|c| format!("sip_cafile {}", c.display())).unwrap_or_default();
        Self::begin(stage, free_ports(), &trust, |_| account)
    }

    /// Tells it something: `accept`, `hangup`, `sndcode` (a key), `dial` (a URI). Its answer.
    pub fn tell(&self, command: &str, parameters: &str) -> anyhow::Result<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.control))?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let text = serde_json::json!({ "command": command, "params": parameters, "token": "t" }).to_string();
        stream.write_all(format!("{}:{text},", text.len()).as_bytes())?;
        let mut answer = vec![0u8; 4_096];
        let n = stream.read(&mut answer).with_context(|| format!("baresip does not answer {command}"))?;
        Ok(String::from_utf8_lossy(&answer[..n]).into_owned())
    }

    /// Waits until it has said `text` so often.
    pub fn wait_said(&mut self, text: &str, times: usize, patience: Duration) -> anyhow::Result<()> {
        self.peer.wait_said(text, times, patience)
    }

    /// What it has said, its SIP trace included.
    pub fn said(&self) -> String {
        self.peer.said()
    }

    /// What it has heard in its last call, at 8 kHz. Whole once the call has ended.
    pub fn heard(&self) -> anyhow::Result<Vec<i16>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(&self.room)?.flatten().map(|f| f.path()).collect();
        files.retain(|f| f.to_string_lossy().ends_with("-dec.wav"));
        files.sort();
        let (sound, rate) = sound::read_wav(files.last().context("it has heard nothing")?)?;
        anyhow::ensure!(rate == 8_000, "heard at {rate} Hz");
        Ok(sound)
    }

    /// What it says into its microphone.
    pub fn says(&self) -> anyhow::Result<Vec<i16>> {
        Ok(sound::read_wav(&self.room.join("says.wav"))?.0)
    }

    /// Its plug is pulled.
    pub fn kill(&mut self) {
        self.peer.kill();
    }

    /// Ends it.
    pub fn stop(&mut self) {
        self.peer.stop();
    }
}

/// Where Debian puts its modules; the folder has the machine's name in some releases.
fn modules() -> String {
    let mut folders = vec![PathBuf::from("/usr/lib/baresip/modules")];
    let named = std::fs::read_dir("/usr/lib").into_iter().flatten().flatten();
    folders.extend(named.map(|f| f.path().join("baresip/modules")));
    let found = folders.into_iter().find(|f| f.join("aufile.so").is_file());
    found.unwrap_or_else(|| PathBuf::from("/usr/lib/baresip/modules")).display().to_string()
}
