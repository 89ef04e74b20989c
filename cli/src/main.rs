//! `waybell`: a courier's app in the terminal.
//!
//! Each command opens the store, does its work there, tries for a few seconds to bring it to the server, says what
//! stays queued, and ends. Nothing that was taken is lost by Ctrl-C, flight mode, a kill or a reboot; it goes out with
//! the next command that finds a network, once. All rules are the core's: this crate only reads arguments and prints.
//!
//! ```text
//!  help ─▶ args ─▶ verbs ─▶ waybell_core::Client
//!                   │
//!                   └─▶ out (one JSON document with --json, lines otherwise; texts.rs has every sentence, zh and en;
//!                        what comes in English from core, domain or server is said by waybell_core::say)
//! ```
//!
//! Exit codes: 0 done, 1 failed, 2 usage, 3 no network (kept, goes out later), 4 sign in needed.

mod args;
mod help;
mod out;
mod texts;
mod verbs;
mod when;

use args::Arguments;
use out::{Failure, Out};
use std::process::ExitCode;
use waybell_core::{Client, ClientConfig, Error, Ports};

fn main() -> ExitCode {
    let arguments = help::read();
    log_to_stderr();
    let out = Out::new(arguments.lang(), arguments.json, arguments.full);
    let done = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let done = runtime.block_on(run(&arguments, &out));
            // a request that hangs must not keep the program
            runtime.shutdown_timeout(std::time::Duration::from_millis(200));
            done
        }
        Err(e) => Err(Failure::plain(e.to_string())),
    };
    ExitCode::from(match done {
        Ok(code) => code,
        Err(failure) => {
            out.failure(&failure);
            failure.code
        }
    })
}

async fn run(arguments: &Arguments, out: &Out) -> Result<u8, Failure> {
    if let Some(done) = verbs::paper::run(arguments, out) {
        return done;
    }
    let data_dir = arguments.data_dir()?;
    let config =
        ClientConfig { data_dir: data_dir.clone(), server: arguments.server.clone().unwrap_or_default() };
    let client = match Client::open(config, Ports::of_system(&data_dir)) {
        Ok(client) => client,
        Err(error) if arguments.is_doctor() => return Ok(verbs::doctor::cannot_open(out, &data_dir, &error)),
        Err(error) => {
            let folder = data_dir.to_string_lossy();
            let made =
                !matches!(&error, Error::Storage { problem, .. } if problem.starts_with(folder.as_ref()));
            let failure = Failure::from(error);
            return Err(if made { failure } else { failure.hint(texts::cannot_open_hint(out.lang)) });
        }
    };
    let done = verbs::run(arguments, &client, out, &data_dir).await;
    client.shutdown().await;
    done
}

fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WAYBELL_LOG")
        // the library for calls writes to the log what the core tells as a state of the call
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error,webrtc=off,rtc=off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
