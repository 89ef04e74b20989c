//! A small world: one carrier, one server, one organisation.

use crate::api::Api;
use crate::database::{Database, Kept};
use crate::server::Server;
use anyhow::Context;
use std::io::Write;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use waybell_carrier::Carrier;
use waybell_carrier::config::{Config, Hear, Network, Profile, Settings};
use waybell_carrier::judge::{Input, Verdict, judge};
use waybell_carrier::truth::{TruthEvent, read_truth};

/// What a world is made of.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// Carrier settings (TOML).
    pub carrier: String,
    /// Life of the carrier's transactions.
    pub profile: Profile,
    /// Loss, duplication, delay of SIP messages.
    pub network: Network,
    /// Seed of the carrier's choices.
    pub seed: u64,
    /// `udp`, `tcp`.
    pub transport: &'static str,
    /// The far side obeys `Require`.
    pub probe: bool,
    /// Calls a second and at once.
    pub rate: (u32, u32),
    /// The organisation's rules.
    pub policy: serde_json::Value,
    /// Numbers that the trunk may show.
    pub shown: Vec<&'static str>,
    /// Further lines of the server's configuration, before the trunk.
    pub server: String,
    /// Further lines of the section `[speech]`.
    pub speech: String,
    /// Further lines of the trunk's configuration, and further trunks. `{1}`, `{2}` … stand for the addresses of `carriers`,
    /// `{tls}` for the first carrier's TLS listener.
    pub trunk: String,
    /// Settings of further carriers; they write into the same truth log.
    pub carriers: Vec<String>,
    /// Certificate and key (PEM) of the first carrier's TLS listener.
    pub tls: Option<(PathBuf, PathBuf)>,
    /// Listen to the calls, and prove which slots were played.
    pub hear: bool,
    /// Keep what each callee heard, in `heard/CALLED-CALLID.wav` of the folder.
    pub keep: bool,
    /// Place at which the server's first life ends (`WAYBELL_CRASH`).
    pub crash: Option<String>,
    /// Own notices to be recorded too, when listening.
    pub flows: Vec<waybell_domain::flow::Flow>,
    /// Variables of the notices that are spoken with slots, when listening.
    pub speak: Vec<(&'static str, &'static str)>,
    /// Where the server keeps its data.
    pub database: Database,
    /// Further organisations; each has an administrator `boss-NAME` and a courier `c1-NAME`.
    pub tenants: Vec<&'static str>,
}

impl Default for WorldOptions {
    fn default() -> Self {
        WorldOptions {
            carrier: "[defaults]\nbehaviour = \"answer\"\ndelay_ms = 20\nring_ms = 150\ntalk_ms = 400\n"
                .into(),
            profile: Profile::Rfc6026,
            network: Network::default(),
            seed: 1,
            transport: "udp",
            probe: true,
            rate: (400, 400),
            policy: quick_policy(),
            shown: vec![DISPLAY],
            server: String::new(),
            speech: String::new(),
            trunk: String::new(),
            carriers: Vec::new(),
            tls: None,
            hear: false,
            keep: false,
            crash: None,
            flows: Vec::new(),
            speak: vec![
                ("company", "韵达快递"),
                ("count", "1"),
                ("estate", "幸福花园"),
                ("building", "1号楼"),
            ],
            database: Database::default(),
            tenants: Vec::new(),
        }
    }
}

/// Rules for tests: any hour, and gaps of seconds instead of minutes.
pub fn quick_policy() -> serde_json::Value {
    serde_json::json!({
        "quiet": [],
        "display_daily_cap": null,
        "frequency": [{ "window": 2_000, "max": 1, "anchor": "rolling", "counts_failed": true }],
        "frequency_wait": 86_400_000,
        "retry": {
            "max_attempts": 2,
            "gaps": { "busy": 2_500, "no_answer": 2_500, "powered_off": 2_500, "out_of_coverage": 2_500 },
            "back_off": 1_000,
            "limit_gap": 2_500,
            "max_uncounted": 3
        }
    })
}

/// See the module.
pub struct World {
    /// Where all files are; removed at the end.
    pub folder: TempDir,
    carrier: Option<Carrier>,
    others: Vec<Carrier>,
    /// The server.
    pub server: Server,
    /// What it keeps its data in.
    pub database: Kept,
    kills: PathBuf,
    truth: PathBuf,
}

/// Number that the tests' trunk may show.
pub const DISPLAY: &str = "+862131001234";
/// A carrier for [`WorldOptions::carrier`]: everybody answers at once and presses 2, which is consent.
pub const EVERYBODY_CONSENTS: &str = "[defaults]\nbehaviour = \"press_keys\"\ndelay_ms = 20\nring_ms = 50\n\
    digits = \"2\"\ndigits_after_ms = 800\ntalk_ms = 4000\n";
/// Password of everybody in tests.
pub const PASSWORD: &str = "waybell-test";

impl World {
    /// Makes a world with an administrator `boss` and couriers `c1`, `c2`, and starts the server.
    pub fn start(options: &WorldOptions) -> anyhow::Result<World> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        let truth = path.join("truth.jsonl");
        let mut config = Config::new(Settings::parse(&options.carrier)?, &truth);
        config.udp = true;
        config.tcp = true;
        config.profile = options.profile;
        config.network = options.network;
        config.seed = options.seed;
        if options.hear {
            config.hear = Hear::All;
            config.prompts = Some(path.join("slots"));
            crate::sound::slots(&path.join("slots"), &options.speak)?;
            for flow in &options.flows {
                crate::sound::slots_of(&path.join("slots"), flow, &options.speak)?;
            }
        } else {
            config.hear = if options.keep { Hear::All } else { Hear::None };
        }
        config.keep = options.keep.then(|| path.join("heard"));
        config.tls.clone_from(&options.tls);
        let carrier = Carrier::start(&config)?;
        let mut trunk = options.trunk.clone();
        if let Some(tls) = carrier.tls() {
            trunk = trunk.replace("{tls}", &tls.to_string());
        }
        let mut others = Vec::new();
        for (n, settings) in options.carriers.iter().enumerate() {
            let mut config = Config::new(Settings::parse(settings)?, &truth);
            config.seed = options.seed + 1 + n as u64;
            let other = Carrier::start(&config)?;
            let address = other.udp().context("the carrier does not listen")?.to_string();
            trunk = trunk.replace(&format!("{{{}}}", n + 1), &address);
            others.push(other);
        }
        let peer = match options.transport {
            "tcp" => carrier.tcp(),
            _ => carrier.udp(),
        }
        .context("the carrier does not listen")?;
        let file = path.join("server.toml");
        let database = Kept::new(&options.database, &path.join("data"))?;
        let mut config = server_config(path, peer, options, &trunk);
        if let Kept::Base(base) = &database {
            config = format!("database = {:?}\n{config}", base.url());
        }
        std::fs::write(&file, config)?;
        let mut server = Server::new(file, path.join("server.log"));
        let policy = options.policy.to_string();
        server.admin(&[
            "create-organisation",
            "--name",
            "Demo",
            "--company",
            "韵达快递",
            "--policy",
            &policy,
        ])?;
        for (login, role, phone) in [
            ("boss", "administrator", ""),
            ("c1", "courier", "13900000001"),
            ("c2", "courier", "13900000002"),
        ] {
            server.admin(&[
                "create-user",
                "--organisation",
                "Demo",
                "--login",
                login,
                "--password",
                PASSWORD,
                "--name",
                login,
                "--role",
                role,
                "--phone",
                phone,
            ])?;
        }
        for tenant in &options.tenants {
            server.admin(&["create-organisation", "--name", tenant, "--policy", &policy])?;
            for (login, role) in [("boss", "administrator"), ("c1", "courier")] {
                let login = format!("{login}-{tenant}");
                server.admin(&[
                    "create-user",
                    "--organisation",
                    tenant,
                    "--login",
                    &login,
                    "--password",
                    PASSWORD,
                    "--name",
                    &login,
                    "--role",
                    role,
                ])?;
            }
        }
        server.variables.extend(options.crash.iter().map(|c| ("WAYBELL_CRASH".to_owned(), c.clone())));
        server.start()?;
        server.variables.clear();
        let kills = path.join("kills.jsonl");
        std::fs::write(&kills, "")?;
        Ok(World { carrier: Some(carrier), others, server, database, kills, truth, folder })
    }

    /// Signs a person in.
    pub async fn sign_in(&self, login: &str) -> anyhow::Result<Api> {
        let signed_in = Api::sign_in(&self.server.url, login, PASSWORD).await;
        signed_in.with_context(|| {
            format!("{login} cannot sign in; the server's log ends:\n{}", self.server.log_end())
        })
    }

    /// SIGKILL to the server, noted for the judge.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.server.kill();
        self.note_kill()
    }

    /// Notes a death of the server for the judge.
    pub fn note_kill(&self) -> anyhow::Result<()> {
        let mut file = std::fs::File::options().append(true).open(&self.kills)?;
        writeln!(file, "{{\"at_ms\":{}}}", crate::api::now_ms())?;
        Ok(())
    }

    /// The carrier's log.
    pub fn truth(&self) -> &Path {
        &self.truth
    }

    /// What the carrier has seen so far.
    pub fn events(&self) -> anyhow::Result<Vec<TruthEvent>> {
        read_truth(&self.truth)
    }

    /// How often somebody's telephone has rung so far.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn alerts(&self) -> anyhow::Result<usize> {
        Ok(self.events()?.iter().filter(|e| e.event == "alerted").count())
    }

    /// Waits until telephones have rung so many times.
    ///
    /// # Errors
    /// They do not within a minute.
    pub async fn until_rung(&self, people: usize) -> anyhow::Result<()> {
        let until = Instant::now() + Duration::from_secs(60);
        loop {
            let rung = self.alerts()?;
            if rung >= people {
                return Ok(());
            }
            anyhow::ensure!(Instant::now() < until, "{rung} of {people} rung");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// Calls on the carrier's side now.
    pub fn live_calls(&self) -> usize {
        self.carrier.as_ref().map_or(0, Carrier::live_calls)
    }

    /// The carrier is gone; its log stays.
    pub fn stop_carrier(&mut self) {
        for carrier in self.carrier.take().into_iter().chain(self.others.drain(..)) {
            carrier.stop();
        }
    }

    /// Where the carrier listens for SIP over UDP.
    pub fn carrier_udp(&self) -> Option<SocketAddr> {
        self.carrier.as_ref().and_then(Carrier::udp)
    }

    /// Stops the carrier and compares its log with what the server says.
    pub async fn judge(&mut self) -> anyhow::Result<Verdict> {
        let boss = self.sign_in("boss").await?;
        let export = boss.get("/export/judge").await?;
        let text = match export {
            serde_json::Value::String(text) => text,
            one => one.to_string(),
        };
        let file = self.folder.path().join("export.jsonl");
        std::fs::write(&file, &text)?;
        for carrier in self.carrier.take().into_iter().chain(self.others.drain(..)) {
            carrier.stop();
        }
        let input = Input::read(&self.truth, &file, Some(&self.kills))?;
        judge(&input)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.server.kill();
        for carrier in self.carrier.take().into_iter().chain(self.others.drain(..)) {
            carrier.stop();
        }
        if std::env::var_os("WAYBELL_KEEP").is_some() {
            let kept =
                std::mem::replace(&mut self.folder, tempfile::tempdir().unwrap_or_else(|e| panic!("{e}")));
            let _ = kept.keep();
        }
    }
}

fn server_config(folder: &Path, peer: SocketAddr, options: &WorldOptions, trunk: &str) -> String {
    let sip = waybell_cluster::free_port();
    let tls = match &options.tls {
        Some((certificate, key)) => (
            format!(", \"tls:127.0.0.1:{}\"", waybell_cluster::free_port()),
            format!("tls_certificate = {certificate:?}\ntls_key = {key:?}\n"),
        ),
        None => Default::default(),
    };
    format!(
        "data = {:?}\nhttp = \"127.0.0.1:{}\"\nsip = [\"udp:127.0.0.1:{}\", \"tcp:127.0.0.1:{}\"{}]\nrtp_ports = [{}, {}]\n{}{}\n[speech]\n{}{}{}\n\
         [[trunk]]\nname = \"carrier\"\npeers = [\"{peer}\"]\ntransport = \"{}\"\ncalls_per_second = {}\nchannels = {}\n\
         caller_ids = {:?}\nprobe = {}\n{}{trunk}\n{}",
        folder.join("data"),
        waybell_cluster::free_port(),
        sip,
        sip,
        tls.0,
        22_000,
        31_999,
        tls.1,
        options.server,
        if options.speech.contains("words_per_minute") { "" } else { "words_per_minute = 450\n" },
        if options.speech.is_empty() { String::new() } else { format!("{}\n", options.speech) },
        if options.hear { format!("slots = {:?}", folder.join("slots")) } else { String::new() },
        options.transport,
        options.rate.0,
        options.rate.1,
        options.shown,
        options.probe,
        if trunk.contains("options_seconds") { "" } else { "options_seconds = 0\n" },
        // phones of a test ask in a second what a person asks in a minute
        if options.server.contains("[limits]") {
            ""
        } else {
            "[limits]\nper_address = 2000\nper_person = 1000\n"
        },
    )
}
