//! `waybell-carrier`: `serve`, `judge`, `demo-config`.

use std::{io::Write as _, net::SocketAddr, path::PathBuf, process::ExitCode};

use clap::{Args, Parser, Subcommand};
use waybell_carrier::{
    Carrier, Config, Settings,
    config::{Hear, Network, Profile},
    judge,
};

/// The simulated carrier and the judge of a dialler.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Takes calls until SIGTERM or SIGINT.
    Serve(Box<Serve>),
    /// Compares a server's export with the truth log: exit code 0 clean, 1 violations, 2 unreadable input.
    Judge(Judge),
    /// Prints settings for sixty callees.
    DemoConfig,
}

#[derive(Args)]
struct Serve {
    /// Settings (TOML).
    #[arg(long)]
    config: PathBuf,
    /// Truth log (JSON lines, appended to).
    #[arg(long)]
    truth: PathBuf,
    /// Address of the SIP listeners; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// udp, tcp or tls; may be given several times (udp and tcp where missing).
    #[arg(long)]
    transport: Vec<String>,
    /// Certificate chain for tls (PEM).
    #[arg(long)]
    cert: Option<PathBuf>,
    /// Key for tls (PEM).
    #[arg(long)]
    key: Option<PathBuf>,
    /// rfc3261, rfc6026, forgetful or no-require.
    #[arg(long, default_value = "rfc3261")]
    profile: Profile,
    /// Seed of every choice.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Share of SIP datagrams lost, each way.
    #[arg(long, default_value_t = 0.0)]
    loss: f64,
    /// Share of SIP datagrams doubled, each way.
    #[arg(long, default_value_t = 0.0)]
    duplicate: f64,
    /// Delay of each SIP message in milliseconds: N or A..B.
    #[arg(long, default_value = "0", value_parser = delay)]
    delay_ms: (u64, u64),
    /// Folder of prompt WAVs (8 kHz mono).
    #[arg(long)]
    prompts: Option<PathBuf>,
    /// Which calls are matched with the prompts: none, all, sample=N (all with --prompts, else none).
    #[arg(long)]
    hear: Option<Hear>,
    /// Folder that takes what each callee who is listened to has heard, as WAV files (then --hear all is usual).
    #[arg(long)]
    keep: Option<PathBuf>,
    /// RTP sockets shared by all calls.
    #[arg(long, default_value_t = 8)]
    rtp_sockets: usize,
}

#[derive(Args)]
struct Judge {
    /// Truth log.
    #[arg(long)]
    truth: PathBuf,
    /// The server's export (JSON lines).
    #[arg(long)]
    export: PathBuf,
    /// Times of kill -9 of the server (JSON lines).
    #[arg(long)]
    kills: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn delay(text: &str) -> Result<(u64, u64), String> {
    let (low, high) = text.split_once("..").unwrap_or((text, text));
    let parse = |t: &str| t.trim().parse::<u64>().map_err(|_| format!("{t:?} is no number of milliseconds"));
    let (low, high) = (parse(low)?, parse(high)?);
    if low > high { Err(format!("{low} is more than {high}")) } else { Ok((low, high)) }
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Serve(args) => match serve(*args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error),
        },
        Command::Judge(args) => match verdict(&args) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => ExitCode::from(1),
            Err(error) => fail(&error),
        },
        Command::DemoConfig => {
            print(&waybell_carrier::config::demo_config());
            ExitCode::SUCCESS
        }
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("waybell-carrier: {error:#}");
    ExitCode::from(2)
}

/// Writes to standard output; a closed pipe is no reason to complain.
fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

fn config(args: Serve) -> anyhow::Result<Config> {
    let mut config = Config::new(Settings::read(&args.config)?, args.truth);
    for share in [args.loss, args.duplicate] {
        anyhow::ensure!((0.0..=1.0).contains(&share), "a share of messages must be 0 to 1, not {share}");
    }
    if !args.transport.is_empty() {
        (config.udp, config.tcp) = (false, false);
    }
    for transport in &args.transport {
        match transport.as_str() {
            "udp" => config.udp = true,
            "tcp" => config.tcp = true,
            "tls" => match (&args.cert, &args.key) {
                (Some(cert), Some(key)) => config.tls = Some((cert.clone(), key.clone())),
                _ => anyhow::bail!("transport tls needs --cert and --key"),
            },
            other => anyhow::bail!("unknown transport {other:?} (udp, tcp, tls)"),
        }
    }
    config.listen = args.listen;
    config.profile = args.profile;
    config.seed = args.seed;
    config.network = Network { loss: args.loss, duplicate: args.duplicate, delay_ms: args.delay_ms };
    config.hear = args.hear.unwrap_or(if args.prompts.is_some() || args.keep.is_some() {
        Hear::All
    } else {
        Hear::None
    });
    config.prompts = args.prompts;
    config.keep = args.keep;
    config.rtp_sockets = args.rtp_sockets;
    Ok(config)
}

fn serve(args: Serve) -> anyhow::Result<()> {
    let config = config(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    // The handlers are in place before the ready line: whoever reads it may stop us at once.
    let (mut term, mut int) = {
        use tokio::signal::unix::{SignalKind, signal};
        let _guard = runtime.enter();
        (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?)
    };
    let carrier = Carrier::start(&config)?;
    let ready = serde_json::json!({
        "ready": true, "udp": carrier.udp(), "tcp": carrier.tcp(), "tls": carrier.tls(),
    });
    print(&format!("{ready}\n"));
    runtime.block_on(async {
        tokio::select! {
            _ = term.recv() => {}
            _ = int.recv() => {}
        }
    });
    carrier.stop();
    Ok(())
}

/// True when there is no violation.
fn verdict(args: &Judge) -> anyhow::Result<bool> {
    let input = judge::Input::read(&args.truth, &args.export, args.kills.as_deref())?;
    let verdict = judge::judge(&input)?;
    if args.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&verdict)?));
    } else {
        print(&verdict.text());
    }
    Ok(verdict.violations.is_empty())
}
