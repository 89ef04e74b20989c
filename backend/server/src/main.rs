//! `waybell-server`: the hosted backend.

use clap::{Parser, Subcommand};
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::policy::Policy;
use waybell_domain::wire::Role;
use waybell_server::config::Config;
use waybell_server::org::service::{NewPerson, create_organisation, create_person, find_organisation, ready};
use waybell_server::recordings::check::{Kept, check};
use waybell_server::recordings::erase::erase;
use waybell_server::store::Store;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Waybell's backend: rings every recipient once, and tells the couriers' phones how it went.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Example:\n  waybell-server --config waybell.toml serve\n\n\
    Each key of the file is also a variable (WAYBELL_HTTP=0.0.0.0:8600) and a flag (--set http=0.0.0.0:8600)."
)]
struct Arguments {
    /// TOML file; see docs/operations.md for its keys.
    #[arg(long, short, env = "WAYBELL_CONFIG_FILE", global = true)]
    config: Option<PathBuf>,
    /// A key of the file, for example --set http=127.0.0.1:0
    #[arg(long, value_name = "KEY=VALUE", global = true)]
    set: Vec<String>,
    #[command(subcommand)]
    command: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Serve until SIGTERM or Ctrl-C; running calls may end first.
    Serve,
    /// Bring the database to this program's schema, then exit.
    Migrate,
    /// Copy everything from the SQLite database into an empty PostgreSQL, then exit (the server must not be running).
    MoveTo {
        /// postgres://… of the new database; afterwards write it into the configuration.
        #[arg(env = "WAYBELL_MOVE_TO", hide_env_values = true)]
        url: String,
    },
    /// Read the configuration, say what is wrong with it, exit.
    CheckConfig,
    /// Print the OpenAPI document.
    Openapi,
    /// Check that every recording is still what its chain says (reads only; the server may run). Exits with 1 if one is not.
    CheckRecordings {
        /// A link that was kept, as the report of an evidence bundle shows it: the chain must still hold it. May be repeated.
        #[arg(long, value_name = "NUMBER:HASH")]
        holds: Vec<Kept>,
    },
    /// Erase all recordings and voicemails of an organisation (the server must not be running) by forgetting its key, but for those with a legal hold. Copies of
    /// the media folder cannot be heard any more either; copies of the database with the master key still can.
    EraseRecordings {
        /// Name of the organisation.
        #[arg(long)]
        organisation: String,
        /// The name once more: nothing brings them back.
        #[arg(long)]
        yes_erase: String,
    },
    /// Make organisations and people (the server must not be running).
    #[command(subcommand)]
    Admin(Admin),
}

#[derive(Subcommand)]
enum Admin {
    /// Make an organisation with the default rules, a branch and the built-in notice.
    CreateOrganisation {
        /// Name of the organisation and of its first branch.
        #[arg(long)]
        name: String,
        /// Name that a notice speaks; the name otherwise.
        #[arg(long)]
        company: Option<String>,
        /// IANA time zone.
        #[arg(long, default_value = "Asia/Shanghai")]
        time_zone: String,
        /// Rules as JSON, for example '{"quiet":[]}' to call at any hour.
        #[arg(long)]
        policy: Option<String>,
    },
    /// After a backup was put back: let the batches go on that were paused for it.
    ResumeRestored,
    /// Give a displayed number to an organisation; others may not show it any more.
    AllowNumber {
        /// Name of the organisation.
        #[arg(long)]
        organisation: String,
        /// The number, E.164, as it stands in a trunk's caller_ids.
        #[arg(long)]
        number: String,
    },
    /// Make a person who can sign in.
    CreateUser {
        /// Name of the organisation.
        #[arg(long)]
        organisation: String,
        /// Login name.
        #[arg(long)]
        login: String,
        /// Password, 8 characters or more.
        #[arg(long, env = "WAYBELL_PASSWORD", hide_env_values = true)]
        password: String,
        /// Name on screens.
        #[arg(long)]
        name: String,
        /// courier, supervisor, agent, team_leader or administrator.
        #[arg(long, default_value = "courier")]
        role: String,
        /// Own mobile, rung when a recipient asks for the courier.
        #[arg(long)]
        phone: Option<String>,
    },
}

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // one line for whoever runs it; where in the program it arose helps nobody
            eprintln!("waybell-server: {}", told(&error));
            ExitCode::FAILURE
        }
    }
}

/// An error with its causes, none of them twice.
fn told(error: &anyhow::Error) -> String {
    error.chain().fold(String::new(), |mut said, cause| {
        let cause = cause.to_string();
        if said.is_empty() {
            said = cause;
        } else if !said.ends_with(&cause) {
            said += &format!(": {cause}");
        }
        said
    })
}

fn start() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let config = Config::load(arguments.config.as_deref(), &arguments.set)?;
    if let (Verb::CheckConfig, None) = (&arguments.command, &arguments.config) {
        say("no file is named (--config FILE): these are the defaults, with what variables and --set say");
    }
    log_to_stderr(&config.log_format);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(arguments.command, config))
}

async fn run(command: Verb, config: Config) -> anyhow::Result<()> {
    match command {
        Verb::Serve => Box::pin(serve(config)).await,
        Verb::CheckConfig => {
            config.folders()?;
            config.master_keys()?;
            config.push_keys()?;
            say("the configuration is good");
            for warning in config.warnings() {
                say(&format!("warning: {warning}"));
            }
            Ok(())
        }
        Verb::Migrate => {
            let _lock = waybell_server::lock::DataLock::take(&config.data)?;
            Store::open(&config.database_url()).await?.close().await;
            say("the database has this program's schema");
            Ok(())
        }
        Verb::MoveTo { url } => {
            let _lock = waybell_server::lock::DataLock::take(&config.data)?;
            let rows = waybell_server::store::carry(&config.database_url(), &url).await?;
            say(&format!(
                "{rows} rows are in the new database: write its URL into the configuration (key database)"
            ));
            Ok(())
        }
        Verb::Openapi => {
            say(&serde_json::to_string_pretty(&waybell_server::http::openapi())?);
            Ok(())
        }
        Verb::CheckRecordings { holds } => check_recordings(&config, &holds).await,
        Verb::EraseRecordings { organisation, yes_erase } => {
            erase_recordings(&config, &organisation, &yes_erase).await
        }
        Verb::Admin(admin) => administer(admin, config).await,
    }
}

async fn check_recordings(config: &Config, holds: &[Kept]) -> anyhow::Result<()> {
    let keys = waybell_server::keys::Keys::existing(&config.kms_file());
    let told = check(&config.database_url(), &config.media_dir(), &keys, holds).await?;
    let mut wrong = 0;
    for one in &told {
        say(&format!(
            "{}: {} recordings, {} of them past their time; end of the chain {}",
            one.organisation, one.links, one.gone, one.head
        ));
        one.problems.iter().for_each(|problem| say(&format!("  {problem}")));
        wrong += one.problems.len();
    }
    for kept in holds {
        if !told.iter().any(|one| one.holds.contains(kept)) {
            say(&format!("link {} is not in any chain as it was: the chain was written anew", kept.seq));
            wrong += 1;
        }
    }
    anyhow::ensure!(wrong == 0, "{wrong} problems");
    Ok(())
}

async fn erase_recordings(config: &Config, name: &str, again: &str) -> anyhow::Result<()> {
    anyhow::ensure!(name == again, "--yes-erase: write the organisation's name once more, {name:?}");
    let _lock = waybell_server::lock::DataLock::take(&config.data)?;
    let store = Store::open(&config.database_url()).await?;
    let write = store.begin().await?;
    let found = find_organisation(&write, name).await.map_err(|e| anyhow::anyhow!("{}", e.body.message))?;
    drop(write);
    let (id, _) = found.ok_or_else(|| anyhow::anyhow!("--organisation: there is none named {name:?}"))?;
    let keys = waybell_server::keys::Keys::existing(&config.kms_file());
    let now = UnixMs(chrono::Utc::now().timestamp_millis());
    let erased = erase(&store, &keys, &config.media_dir(), id, now).await?;
    store.close().await;
    say(&serde_json::json!({ "organisation": id, "gone": erased.gone, "held": erased.held }).to_string());
    Ok(())
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    config.folders()?;
    let running = waybell_server::start(config).await?;
    say(&serde_json::json!({ "ready": true, "http": format!("http://{}", running.http) }).to_string());
    let stopping = running.app.stopping.clone();
    tokio::select! {
        _ = terminate.recv() => {}
        _ = tokio::signal::ctrl_c() => {}
        () = stopping.cancelled() => anyhow::bail!("the server stopped by itself; see the log above"),
    }
    tracing::info!("draining: no new calls, running ones may end");
    running.drain().await;
    Ok(())
}

async fn administer(command: Admin, config: Config) -> anyhow::Result<()> {
    let _lock = waybell_server::lock::DataLock::take(&config.data)?;
    let store = Store::open(&config.database_url()).await?;
    let write = store.begin().await?;
    let now = UnixMs(chrono::Utc::now().timestamp_millis());
    let plain = |e: waybell_server::http::error::ApiError| {
        let field = e.body.field.map(|f| format!("{f}: ")).unwrap_or_default();
        let hint = e.body.hint.map(|h| format!("; {h}")).unwrap_or_default();
        anyhow::anyhow!("{field}{}{hint}", e.body.message)
    };
    let answer = match command {
        Admin::CreateOrganisation { name, company, time_zone, policy } => {
            let policy: Policy = match policy {
                Some(text) => waybell_server::http::json::parse_strict(text.as_bytes())
                    .map_err(|e| anyhow::anyhow!("--policy: {}", plain(e)))?,
                None => Policy::default(),
            };
            policy.check().map_err(|e| anyhow::anyhow!("--policy: {e}"))?;
            if find_organisation(&write, &name).await.map_err(plain)?.is_some() {
                anyhow::bail!(
                    "--name: there is an organisation {name:?} already, and it stays as it is; go on with create-user, or \
                     choose another name"
                );
            }
            let company = company.unwrap_or_else(|| name.clone());
            let (id, branch) = create_organisation(&write, now, &name, &company, &time_zone, &policy)
                .await
                .map_err(plain)?;
            serde_json::json!({ "organisation": id, "branch": branch })
        }
        Admin::ResumeRestored => {
            let batches = waybell_server::notify::resumed::resume_restored(&write).await?;
            waybell_server::audit::record(&write, None, None, now, "resume-restored", "", "").await?;
            serde_json::json!({ "resumed": batches.len(), "batches": batches })
        }
        Admin::AllowNumber { organisation, number } => {
            let (id, _) = find_organisation(&write, &organisation)
                .await
                .map_err(plain)?
                .ok_or_else(|| anyhow::anyhow!("--organisation: there is none named {organisation:?}"))?;
            if !config.trunk.iter().any(|t| t.caller_ids.contains(&number)) {
                anyhow::bail!("--number: {number:?} is in no trunk's caller_ids");
            }
            write
                .exec(
                    "INSERT INTO caller_id (number, organisation_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
                    [number.clone().into(), id.to_string().into()],
                )
                .await?;
            let subject = id.to_string();
            waybell_server::audit::record(&write, Some(id), None, now, "allow-number", &subject, &number)
                .await?;
            serde_json::json!({ "organisation": id, "number": number })
        }
        Admin::CreateUser { organisation, login, password, name, role, phone } => {
            let (id, branch) = find_organisation(&write, &organisation)
                .await
                .map_err(plain)?
                .ok_or_else(|| anyhow::anyhow!("--organisation: there is none named {organisation:?}"))?;
            let role = Role::parse(&role).ok_or_else(|| {
                anyhow::anyhow!(
                    "--role: {role:?} is none of courier, supervisor, agent, team_leader, administrator"
                )
            })?;
            let person = NewPerson { organisation: id, branch, login, password, name, role, phone };
            serde_json::json!(
                create_person(&write, now, ready(person).await.map_err(plain)?).await.map_err(plain)?
            )
        }
    };
    write.commit().await?;
    store.close().await;
    say(&answer.to_string());
    Ok(())
}

fn log_to_stderr(format: &str) {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env()
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn,rsipstack=warn"));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let log =
        tracing_subscriber::fmt().with_env_filter(filter).with_ansi(colours).with_writer(std::io::stderr);
    // a log that cannot be written (a full disk) must not end the server
    let log = log.log_internal_errors(false);
    if format == "json" { log.json().init() } else { log.init() }
}

fn say(text: &str) {
    // whoever reads may have read enough
    let _ = writeln!(std::io::stdout(), "{text}");
}
