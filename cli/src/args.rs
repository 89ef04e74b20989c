//! Arguments. The texts here are the English ones; `help` has the Chinese.

use crate::help::COMMON_HEADING;
use crate::out::Failure;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
use std::path::PathBuf;
use waybell_domain::lang::Lang;
use waybell_domain::wire::Role;

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
    /// Import the day's list (XLSX, or CSV in UTF-8, UTF-16 or GB18030, or JSON).
    #[command(
        after_help = "A column 运单号 (waybill_no) is needed; 电话 (phone), 收件人 (name), 地址 (address) and 任务类型 (kind) are known by \
        their usual names. Rows that cannot be taken are named, the others go in.\n\nExamples:\n  waybell import day.csv --dry-run   \
        say what would happen\n  waybell import day.csv"
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
    /// List the stops: the parcels by building, in the order of the list.
    #[command(
        after_help = "Spellings of one building are one stop: 幸福花园3栋, 幸福花园3号楼, 幸福花园3-2-501."
    )]
    Stops {
        /// Also parcels that are done with.
        #[arg(long)]
        all: bool,
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
        after_help = "Examples:\n  waybell notify --search 幸福花园3 --template arrived\n  waybell notify --stop 幸福花园3 --stop 和平里5\n  \
        waybell notify --all --at 14:30\n  \
        waybell notify SF1234567890123 SF1234567890124 --yes"
    )]
    Notify(NotifyArgs),
    /// Follow a batch (the newest one otherwise) until it is over; Ctrl-C only ends watching.
    Watch {
        /// The batch, or the start of its id.
        batch: Option<String>,
    },
    /// Stop everything of a batch (the newest tap otherwise) that does not ring yet.
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
        /// Waybill numbers, one or more.
        #[arg(required = true, num_args = 1.., value_name = "WAYBILL")]
        waybills: Vec<String>,
        /// The state, at the end.
        state: String,
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
    /// The organisation's rules for calling (administrators).
    #[command(
        subcommand,
        after_help = "Examples:\n  waybell policy show\n  waybell policy set retry.max_attempts=2 display_daily_cap=200\n  \
        waybell policy patch rules.json"
    )]
    Policy(PolicyVerb),
    /// The organisation's people (administrators).
    #[command(
        subcommand,
        after_help = "Examples:\n  waybell people list\n  waybell people add li.wei --name 李伟 --phone 13900000002\n  \
        waybell people change li.wei --new-password\n  waybell people change li.wei --disable"
    )]
    People(PeopleVerb),
    /// Find out what is wrong, and what to do about it.
    Doctor,
    /// Print the completion of words for a shell, in the language of the texts.
    #[command(
        after_help = "Examples:\n  source <(waybell completions bash)\n  waybell completions fish > ~/.config/fish/completions/waybell.fish"
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
    /// Print the manual page; with a folder, write one for each command.
    #[command(
        after_help = "Examples:\n  waybell man | man -l -\n  waybell man --folder ~/.local/share/man/man1"
    )]
    Man {
        /// Folder for the pages; it is made.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
}

#[derive(Subcommand)]
pub(crate) enum PolicyVerb {
    /// Show the rules in force.
    Show,
    /// Change rules and keep the others; null puts one back to its default.
    Set {
        /// Rules, as retry.max_attempts=2 or quiet=[]; values are JSON.
        #[arg(required = true, value_name = "RULE=VALUE")]
        rules: Vec<String>,
    },
    /// Change the rules that a JSON file names and keep the others (RFC 7396).
    Patch {
        /// The file; - for standard input.
        file: PathBuf,
    },
}

#[derive(Subcommand)]
pub(crate) enum PeopleVerb {
    /// Show who may sign in.
    List,
    /// Make a person; asks for the password.
    Add {
        /// Login name.
        login: String,
        /// Role.
        #[arg(long, value_enum, default_value = "courier")]
        role: RoleWord,
        #[command(flatten)]
        person: PersonArgs,
    },
    /// Change a person: name, own mobile, password, or whether they may sign in.
    Change {
        /// Login name, or id.
        login: String,
        /// May not sign in any more; every session ends.
        #[arg(long, conflicts_with = "enable")]
        disable: bool,
        /// May sign in again (give the id: the login name is not listed).
        #[arg(long)]
        enable: bool,
        #[command(flatten)]
        person: PersonArgs,
    },
}

#[derive(Args)]
pub(crate) struct PersonArgs {
    /// Name on screens.
    #[arg(long)]
    pub name: Option<String>,
    /// Own mobile, which rings when a recipient asks for the courier; empty takes it away.
    #[arg(long)]
    pub phone: Option<String>,
    /// New password; asked for when the value is left out.
    #[arg(
        long,
        env = "WAYBELL_NEW_PASSWORD",
        hide_env_values = true,
        num_args = 0..=1,
        default_missing_value = "",
        value_name = "PASSWORD"
    )]
    pub new_password: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum RoleWord {
    Courier,
    Supervisor,
    Agent,
    #[value(name = "team_leader")]
    TeamLeader,
    Administrator,
}

impl From<RoleWord> for Role {
    fn from(word: RoleWord) -> Role {
        match word {
            RoleWord::Courier => Role::Courier,
            RoleWord::Supervisor => Role::Supervisor,
            RoleWord::Agent => Role::Agent,
            RoleWord::TeamLeader => Role::TeamLeader,
            RoleWord::Administrator => Role::Administrator,
        }
    }
}

#[derive(Args)]
pub(crate) struct NotifyArgs {
    /// Waybill numbers.
    pub waybills: Vec<String>,
    /// Every parcel that this search means: 幸福花园3 is building 3, not 31.
    #[arg(long, value_name = "WORDS", conflicts_with_all = ["waybills", "all"])]
    pub search: Option<String>,
    /// With --search: also what answers less closely, all that `waybell search` shows.
    #[arg(long, requires = "search")]
    pub loose: bool,
    /// Every open parcel of this stop, by its name in `waybell stops`; several are possible.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["waybills", "all", "search"])]
    pub stop: Vec<String>,
    /// Every parcel on the list.
    #[arg(long, conflicts_with = "waybills")]
    pub all: bool,
    /// Key of the notice.
    #[arg(long, default_value = "arrived")]
    pub template: String,
    /// Start no earlier: 14:30 (today), tomorrow 08:30, 2026-11-22T09:30; with a zone if wanted (Z, +08:00).
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

/// The language of the locale.
fn of_locale(variable: impl Fn(&str) -> Option<String>) -> Lang {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(variable);
    locale.into_iter().find(|v| !v.is_empty()).map_or(Lang::En, |v| Lang::of_locale(&v))
}

/// The language before the arguments are read, for help and usage errors: that of a `--lang` among them, or of the locale.
pub(crate) fn language_of(words: &[OsString], variable: impl Fn(&str) -> Option<String>) -> Lang {
    let words: Vec<&str> = words.iter().filter_map(|w| w.to_str()).collect();
    let asked = words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix("--lang=") {
        Some(value) => Some(value),
        None => words.get(at + 1).copied().filter(|_| *word == "--lang"),
    });
    match asked {
        Some("zh") => Lang::Zh,
        Some("en") => Lang::En,
        _ => of_locale(variable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_language_of_help() {
        let of = |words: &str, locale: &[(&str, &str)]| {
            let words: Vec<OsString> = words.split(' ').map(Into::into).collect();
            language_of(&words, |name| locale.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
        };
        assert_eq!(of("waybell --help", &[("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", ""), ("LANG", "zh_CN.UTF-8")]), Lang::Zh);
        assert_eq!(of("waybell --help", &[("LC_ALL", "C"), ("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell tasks --lang en --help", &[("LANG", "zh_CN.UTF-8")]), Lang::En);
        assert_eq!(of("waybell --lang=zh", &[]), Lang::Zh);
    }
}
