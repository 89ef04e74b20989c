//! Arguments.

use crate::out::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use waybell_domain::lang::Lang;

const EXAMPLES: &str = "Examples:
  waybell login lina --server https://waybell.example.com
  waybell import day.csv --dry-run
  waybell import day.csv
  waybell search 幸福花园3
  waybell notify --search 幸福花园3 --template arrived
  waybell watch
  waybell why SF1234567890123

Exit codes: 0 done, 1 failed, 2 usage, 3 no network (kept, goes out later), 4 sign in needed.";

/// A courier's app in the terminal: import the day's parcels, tap once, everybody is rung once.
#[derive(Parser)]
#[command(name = "waybell", version, about, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The server's address; kept at login.
    #[arg(long, env = "WAYBELL_SERVER", global = true, value_name = "URL")]
    pub server: Option<String>,
    /// Folder of the data; $WAYBELL_HOME, or ~/.local/share/waybell.
    #[arg(long, env = "WAYBELL_HOME", global = true, value_name = "FOLDER")]
    data: Option<PathBuf>,
    /// Language of the texts; by locale otherwise.
    #[arg(long, global = true, value_enum)]
    lang: Option<Language>,
    /// Print one JSON document instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// Show telephone numbers whole; otherwise their middle is hidden.
    #[arg(long, global = true)]
    pub full: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Zh,
    En,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Sign in; asks for the password, or takes $WAYBELL_PASSWORD.
    #[command(after_help = "Example:\n  waybell login lina --server https://waybell.example.com")]
    Login {
        /// Login name.
        login: String,
        /// Password; better left out, as other programs can see it.
        #[arg(long, env = "WAYBELL_PASSWORD", hide_env_values = true)]
        password: Option<String>,
    },
    /// Sign out and remove the data from this machine; what has not been delivered is kept for the next sign-in.
    Logout,
    /// Import the day's list (CSV in UTF-8, UTF-16 or GB18030).
    #[command(
        after_help = "Examples:\n  waybell import day.csv --dry-run   say what would happen\n  waybell import day.csv"
    )]
    Import {
        /// The list; - for standard input.
        file: PathBuf,
        /// Change nothing, say what would be.
        #[arg(long)]
        dry_run: bool,
    },
    /// List the parcels.
    Tasks {
        /// Only those that still have to be brought or fetched.
        #[arg(long)]
        open: bool,
        /// Most lines.
        #[arg(long, default_value_t = 200)]
        limit: usize,
    },
    /// Search by address, name, waybill, telephone; characters, pinyin, initials, digits.
    #[command(
        after_help = "Examples:\n  waybell search 幸福花园3\n  waybell search xfhy3\n  waybell search 6021"
    )]
    Search {
        /// Words; each must be found.
        #[arg(required = true)]
        words: Vec<String>,
        /// Most lines.
        #[arg(long, default_value_t = 50)]
        limit: usize,
    },
    /// Ring every recipient of the chosen parcels once. Shows the plan first and asks.
    #[command(
        after_help = "Examples:\n  waybell notify --search 幸福花园3 --template arrived\n  waybell notify --all --at 14:30\n  \
        waybell notify SF1234567890123 SF1234567890124 --yes"
    )]
    Notify(NotifyArgs),
    /// Follow a batch (the newest one otherwise) until it is over; Ctrl-C only ends watching.
    Watch {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Stop everything of a batch (the newest one otherwise) that does not ring yet.
    Undo {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Hold the calls of a batch that have not started.
    Pause {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Let a batch go on.
    Resume {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Carry out a tap that reached the server too late, after all.
    Confirm {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Ring today's missed again.
    Again {
        /// Key of the notice.
        #[arg(long, default_value = "arrived")]
        template: String,
        /// Also those whose result is not known: they may be rung a second time.
        #[arg(long)]
        include_unknown: bool,
        /// Do not ask.
        #[arg(long, short)]
        yes: bool,
    },
    /// The life of one parcel's recipient, decision by decision.
    Why {
        /// Waybill number.
        waybill: String,
    },
    /// Say what was done with parcels.
    #[command(
        after_help = "Examples:\n  waybell state SF1234567890123 signed\n  waybell state SF1234567890123 SF1234567890124 at_station\n\n\
        States: planned, out_for_delivery, exception, at_station, at_locker, signed, picked_up, returned, withdrawn; or in Chinese."
    )]
    State {
        /// Waybill numbers, and the state at the end.
        #[arg(required = true, num_args = 2.., value_name = "WAYBILL... STATE")]
        words: Vec<String>,
    },
    /// Send what waits and pull what is new; shows what was refused.
    Sync {
        /// Send a refused operation again (its id, or all).
        #[arg(long, value_name = "ID")]
        retry: Option<String>,
        /// Give a refused operation up (its id, or all).
        #[arg(long, value_name = "ID")]
        discard: Option<String>,
    },
    /// Hold every call of the organisation, or release them (administrators).
    StopAll {
        /// on holds, off releases.
        switch: Switch,
    },
    /// Find out what is wrong, and what to do about it.
    Doctor,
}

#[derive(Args)]
pub(crate) struct NotifyArgs {
    /// Waybill numbers.
    pub waybills: Vec<String>,
    /// Every parcel that this search finds.
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["waybills", "all"])]
    pub search: Option<String>,
    /// Every parcel on the list.
    #[arg(long, conflicts_with = "waybills")]
    pub all: bool,
    /// Key of the notice.
    #[arg(long, default_value = "arrived")]
    pub template: String,
    /// Start no earlier: 14:30 (today), or 2026-11-21T14:30 with an optional zone.
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Do not ask.
    #[arg(long, short)]
    pub yes: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
pub(crate) enum Switch {
    On,
    Off,
}

impl Arguments {
    /// The language asked for, or that of the locale.
    pub(crate) fn lang(&self) -> Lang {
        match self.lang {
            Some(Language::Zh) => Lang::Zh,
            Some(Language::En) => Lang::En,
            None => {
                let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].iter().filter_map(|v| std::env::var(v).ok());
                locale.into_iter().find(|v| !v.is_empty()).map_or(Lang::En, |v| Lang::of_locale(&v))
            }
        }
    }

    pub(crate) fn data_dir(&self) -> Result<PathBuf, Failure> {
        if let Some(given) = self.data.as_ref().filter(|d| !d.as_os_str().is_empty()) {
            return Ok(given.clone());
        }
        let set = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
        set("XDG_DATA_HOME")
            .or_else(|| set("HOME").map(|h| h.join(".local/share")))
            .map(|base| base.join("waybell"))
            .ok_or_else(|| Failure::usage("there is no home folder; give --data FOLDER"))
    }

    pub(crate) fn is_doctor(&self) -> bool {
        matches!(self.verb, Verb::Doctor)
    }
}
