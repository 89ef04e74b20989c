//! Arguments. The texts here are the English ones; `help` has the Chinese.

mod announcements;
mod attendance;
mod calls;
mod charges;
mod door;
mod knowledge;
mod language;
mod leaves;
mod orders;
mod organisation;
mod phones;
mod places;
mod recordings;
mod tap;
mod verb;
mod watch;
mod words;

pub(crate) use announcements::{AnnouncementsVerb, EditArgs, PostArgs};
pub(crate) use attendance::PunchArgs;
pub(crate) use calls::{
    AnswerArgs, CallsArgs, DutyArgs, HandledArgs, ListenArgs, ReachArgs, RingArgs, SoundArgs,
};
pub(crate) use charges::{AccountsVerb, ChargesArgs, PayKind, RatesArgs};
pub(crate) use door::{Chosen, ExceptArgs, LeaveArgs, PickUpArgs, SignArgs};
pub(crate) use knowledge::{AddArgs, FolderArgs, KnowledgeVerb, RewriteArgs};
pub(crate) use language::language_of;
pub(crate) use leaves::{AskArgs, CorrectionsVerb, FixArgs, LeavesVerb, TimeVerb};
pub(crate) use orders::{OpenOrderArgs, OrderArgs, OrderDo, OrdersArgs};
pub(crate) use organisation::{ConsentArgs, OptOutArgs, PeopleVerb, PersonArgs, PolicyVerb, Switch};
pub(crate) use phones::PhonesArgs;
pub(crate) use places::{PinArgs, PlacesArgs};
pub(crate) use recordings::{EvidenceArgs, RecordingsArgs};
pub(crate) use tap::NotifyArgs;
pub(crate) use verb::Verb;
pub(crate) use watch::WatchArgs;

use crate::help::COMMON_HEADING;
use crate::out::Failure;
use clap::{Parser, ValueEnum};
use language::of_locale;
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

Language: --lang; otherwise the first of LC_ALL, LC_MESSAGES and LANG that is not empty: zh... is Chinese, anything else
(C too) English.
Times are shown and read in the organisation's zone (Asia/Shanghai).

Exit codes: 0 done, 1 failed, 2 usage, 3 no network (kept, goes out later), 4 sign in needed.";

/// A courier's app in the terminal: import the day's parcels, tap once, everybody is rung once.
#[derive(Parser)]
#[command(name = "waybell", version, about, after_help = EXAMPLES)]
pub(crate) struct Arguments {
    /// The server's address; kept at login.
    #[arg(long, env = "WAYBELL_SERVER", global = true, value_name = "URL", help_heading = COMMON_HEADING.1)]
    pub server: Option<String>,
    /// Folder of the data; $WAYBELL_HOME, or ~/.local/share/waybell.
    #[arg(long, env = "WAYBELL_HOME", global = true, value_name = "FOLDER", help_heading = COMMON_HEADING.1)]
    data: Option<PathBuf>,
    /// Language of the texts; by locale otherwise.
    #[arg(long, global = true, value_enum, help_heading = COMMON_HEADING.1)]
    lang: Option<Language>,
    /// Print one JSON document instead of text.
    #[arg(long, global = true, help_heading = COMMON_HEADING.1)]
    pub json: bool,
    /// Show telephone numbers whole; otherwise their middle is hidden.
    #[arg(long, global = true, help_heading = COMMON_HEADING.1)]
    pub full: bool,
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Zh,
    En,
}

impl Arguments {
    /// The language asked for, or that of the locale.
    pub(crate) fn lang(&self) -> Lang {
        match self.lang {
            Some(Language::Zh) => Lang::Zh,
            Some(Language::En) => Lang::En,
            None => of_locale(|name| std::env::var(name).ok()),
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
