//! Chromium as a courier's app: Debian's browser, led by playwright-core (`tests/browser`).

use super::{Peer, Stage, find, sound};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::f64::consts::TAU;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

/// Longest start: a cold browser on a busy machine.
const START: Duration = Duration::from_secs(120);
/// Longest answer.
const PATIENCE: Duration = Duration::from_secs(40);

/// A browser with one page. Declare the stage before it.
pub struct Browser {
    // before its process, so that it ends by itself
    way: BufReader<TcpStream>,
    _node: Peer,
}

impl Browser {
    /// Starts it; its microphone hears a tone of `hertz`.
    ///
    /// # Errors
    /// Node, Chromium or the packages of `tests/browser` are missing: the text says how to get them.
    pub fn start(stage: &Stage, hertz: u32) -> anyhow::Result<Browser> {
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
        if !home.join("node_modules/playwright-core").is_dir() {
            bail!("playwright-core is missing: run scripts/setup, or npm ci in tests/browser");
        }
        let chromium = find("chromium", "chromium")?;
        let room = stage.room("browser")?;
        let tone = room.join("tone.wav");
        // whole periods, because it is played over and over
        let wave = |i: u32| ((f64::from(i) / 8_000.0 * f64::from(hertz) * TAU).sin() * 8_000.0) as i16;
        sound::write_wav(&tone, &(0..8_000).map(wave).collect::<Vec<_>>())?;
        let arguments =
            [home.join("run.mjs"), tone, chromium].map(|path| path.to_string_lossy().into_owned());
        let mut node = Peer::start("node", "nodejs", &room, &arguments)?;
        node.wait_said("ready on ", 1, START)?;
        let said = node.said();
        let port = said.split("ready on ").nth(1).and_then(|t| t.split_whitespace().next());
        let port: u16 = port.context("no port")?.parse()?;
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Browser { way: BufReader::new(stream), _node: node })
    }

    fn ask(&mut self, what: &Value) -> anyhow::Result<Value> {
        writeln!(self.way.get_mut(), "{what}")?;
        let mut line = String::new();
        self.way.read_line(&mut line).with_context(|| format!("no answer to {}", what["do"]))?;
        let mut said: Value = serde_json::from_str(&line)?;
        match said.get("error") {
            Some(error) => bail!("the browser cannot {}: {error}", what["do"]),
            None => Ok(said["ok"].take()),
        }
    }

    /// The first offer of a call, or a later one with an ICE restart.
    pub fn offer(&mut self) -> anyhow::Result<String> {
        let sdp = self.ask(&json!({ "do": "offer" }))?;
        Ok(sdp.as_str().context("no description")?.to_owned())
    }

    /// Takes the answer to the offer.
    pub fn answered(&mut self, sdp: &str) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "answer", "sdp": sdp })).map(drop)
    }

    /// Waits until the connection stands.
    pub fn connects(&mut self) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "connected" })).map(drop)
    }

    /// Whether a tone is all that is heard for half a second, within ten tries.
    pub fn hears(&mut self, hertz: u32) -> anyhow::Result<bool> {
        for _ in 0..10 {
            if self.ask(&json!({ "do": "hears", "hertz": hertz }))?.as_f64() > Some(0.8) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Presses keys.
    pub fn presses(&mut self, keys: &str) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "press", "keys": keys })).map(drop)
    }

    /// Closes the connection; the next offer is a call of its own.
    pub fn hangs_up(&mut self) -> anyhow::Result<()> {
        self.ask(&json!({ "do": "close" })).map(drop)
    }
}
